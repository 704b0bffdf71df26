"""Whatever goes wrong at once, and however often: everybody ends in one state, and Alma's ledger tells the same."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import by_state, Practice, states, typed

from purgelib import journal, plan, update
from purgelib.errors import Failed
from purgelib.journal import CONFIRMED, FAILED, OPEN, SKIPPED
from purgelib.sandbox import exports as last_night

STORM = [{"do": "error_before", "method": "PUT", "path": "/users/", "rate": 0.05, "seed": 1},
         {"do": "cut_after", "method": "PUT", "path": "/users/", "rate": 0.05, "seed": 2},
         {"do": "lie", "method": "PUT", "path": "/users/", "rate": 0.03, "seed": 3},
         {"do": "throttle", "path": "/users/", "rate": 0.02, "seed": 4},
         {"do": "slow", "path": "/users/", "rate": 0.01, "seed": 5, "seconds": 0.2},
         {"do": "error_before", "method": "GET", "path": "/users/", "rate": 0.05, "seed": 6},
         {"do": "cut_after", "method": "GET", "path": "/users/", "rate": 0.03, "seed": 7},
         {"do": "truncate", "method": "PUT", "path": "/users/", "rate": 0.01, "seed": 8},
         {"do": "garbage", "method": "PUT", "path": "/users/", "rate": 0.01, "seed": 9}]
MANY = {"max_users": 1_000_000, "canary": 5}
CARRY_OUT = """
import os, pathlib, sys
from purgelib import alma, update
client = alma.Alma(sys.argv[2], os.environ["ALMA_API_KEY"], writing=True, pace=None, floor=0)
update.carry_out(pathlib.Path(sys.argv[1]), client, sys.argv[3])
"""


@contextlib.contextmanager
def university(folder, users):
    """A pretend Alma with so many users, and last night's exports of it."""
    (folder / "in").mkdir()
    last_night.write(folder / "in", users)
    with contextlib.closing(Practice(folder, folder / "in", users)) as made:
        yield made


def everybody_once(practice, sealed):
    """Each planned user has one state; the ledger has each confirmed one once, and nobody else."""
    now = states(sealed)
    assert set(now) == set(sealed.users["primary_id"]) and set(now.values()) <= {CONFIRMED, SKIPPED, FAILED}
    puts = [line["primary_id"] for line in practice.written() if line["method"] == "PUT"]
    assert sorted(puts) == by_state(sealed, CONFIRMED)
    assert not [line for line in practice.written() if line["method"] not in ("PUT", "GET")]
    return now


def through_the_storm(practice, sealed):
    """Calls again as a person would, until it ends without an error; returns how often."""
    for times in range(1, 200):
        try:
            update.carry_out(sealed.folder, practice.alma(), typed(sealed))
            return times
        except Failed:
            pass
    raise AssertionError("it never ended")


def weathered(folder, users, years):
    with university(folder, users) as practice:
        sealed = practice.seal(years=years, **MANY)
        practice.faults(*STORM)
        times = through_the_storm(practice, sealed)
        left = by_state(sealed, FAILED)
        practice.faults()
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
        now = everybody_once(practice, sealed)
        assert FAILED not in now.values()
        return len(sealed), times, len(left)


def test_a_storm_of_faults_leaves_everybody_in_one_state_and_written_once(tmp_path, hasty):
    planned, times, _ = weathered(tmp_path, 1200, range(2010, 2025))
    assert planned > 200 and times


@pytest.mark.long
def test_ten_thousand_go_through_the_storm(tmp_path, hasty, capsys):
    planned, times, left = weathered(tmp_path, 34_000, range(2008, 2026))
    assert planned >= 10_000
    with capsys.disabled():
        sys.stdout.write(f"\n{planned:,} users, called {times} times, {left} left for the calm after it\n")


def killed_and_resumed(folder, users, kills, seed):
    """Kills the process that carries out at random moments; once its folder goes on under another name."""
    dice, killed = random.Random(seed), 0
    with university(folder, users) as practice:
        sealed = practice.seal(years=range(2010, 2025), **MANY)
        expected, before = practice.going(sealed), practice.everybody() if users <= 1000 else None
        env = os.environ | {"ALMA_API_KEY": practice.where.key}
        for turn in range(10 * kills):
            if killed == kills // 2 and sealed.folder.name == "run":
                there = sealed.folder.with_name("moved")
                shutil.copytree(sealed.folder, there, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
                sealed = plan.load(there)
            order = [sys.executable, "-c", CARRY_OUT, str(sealed.folder), practice.where.url, typed(sealed)]
            done = subprocess.Popen(order, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            moment = dice.uniform(0.8, 0.8 + 2.5 * len(sealed) / 1000) if killed < kills else 600
            with contextlib.suppress(subprocess.TimeoutExpired):
                done.wait(moment)
            if done.poll() is None:
                done.send_signal(signal.SIGKILL)
                killed += 1
            _, said = done.communicate()
            assert done.returncode in (0, -signal.SIGKILL), said.decode()[-2000:]
            if done.returncode == 0:
                break
            assert set(states(sealed).values()) <= {CONFIRMED, SKIPPED, *OPEN, FAILED}, turn
        everybody_once(practice, sealed)
        assert by_state(sealed, CONFIRMED) == expected
        assert before is None or practice.everybody() == {
            one: record | ({"purge_date": "2026-11-01Z"} if one in expected else {}) for one, record in before.items()}
        return killed


def test_killed_at_random_moments_and_moved_it_ends_as_if_never_killed(tmp_path):
    assert killed_and_resumed(tmp_path, 1000, 4, 1) >= 1


@pytest.mark.long
def test_killed_two_hundred_times_it_ends_as_if_never_killed(tmp_path, capsys):
    killed, started, turn = 0, time.monotonic(), 0
    while killed < 200:
        turn += 1
        (tmp_path / str(turn)).mkdir()
        killed += killed_and_resumed(tmp_path / str(turn), 3000, 25, turn)
    with capsys.disabled():
        sys.stdout.write(f"\nkilled {killed} times in {turn} runs, {time.monotonic() - started:.0f} s\n")


def test_a_journal_holds_no_user_outside_the_plan_after_all_that(tmp_path, hasty):
    with university(tmp_path, 400) as practice:
        sealed = practice.seal()
        practice.faults({"do": "re_create_before", "method": "GET", "path": "/users/", "rate": 0.2, "seed": 1},
                        {"do": "delete_before", "method": "PUT", "path": "/users/", "rate": 0.1, "seed": 2},
                        {"do": "edit_before", "method": "GET", "path": "/users/", "rate": 0.2, "seed": 3,
                         "change": {"user_group": {"value": "30"}}})
        through_the_storm(practice, sealed)
        practice.faults()
        wanted = set(sealed.users["primary_id"])
        assert set(journal.read(sealed.folder).results()["primary_id"]) <= wanted
        changed = [one for one, record in practice.everybody().items() if record.get("purge_date") == "2026-11-01Z"]
        sure, unsure = (set(by_state(sealed, state)) for state in (CONFIRMED, FAILED))
        assert sure <= set(changed) <= sure | unsure and sure
