"""One pace for everybody: in no second more than Alma allows, by threads and processes alike; always to be stopped."""

import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading

import filelock
import pyrate_limiter
import pytest

from purgelib import alma, pace, sandbox
from purgelib.errors import Failed, Stopped


@pytest.fixture
def ticking(monkeypatch):
    """A clock that moves only when somebody sleeps, so that a minute is over at once; returns what was slept."""
    class Clock:
        now, slept = 1_000_000.0, []

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.slept.append(seconds)
            self.now += seconds + 0.0007  # nobody wakes up in time

    clock = Clock()
    clock.slept = []
    monkeypatch.setattr(pace, "time", clock)
    for bucket in (pyrate_limiter.InMemoryBucket, pyrate_limiter.SQLiteBucket):
        monkeypatch.setattr(bucket, "now", lambda self: int(clock.now * 1000))
    return clock


def permits(kept, clock, number):
    """The moments in milliseconds of so many permits."""
    found = []
    for _ in range(number):
        kept.permit()
        found.append(clock.now * 1000)
    return found


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("per_second", [1, 2, 5, 9, 10, 25, 50, 100])
def test_in_no_second_are_there_more_permits_than_allowed(ticking, tmp_path, per_second, in_file):
    at = permits(pace.Pace(per_second, tmp_path / "pace.sqlite" if in_file else None), ticking, 12 * per_second)
    gaps = [later - earlier for earlier, later in zip(at, at[per_second:], strict=False)]
    # What is above a second is for calls that are on their way a little shorter than those before them.
    assert min(gaps) > 1015


@pytest.mark.parametrize("per_second", [5, 10, 25, 50])
def test_nearly_all_of_the_limit_is_used(ticking, per_second):
    at = permits(pace.Pace(per_second), ticking, 60 * per_second)
    assert (len(at) - 1) / (at[-1] - at[0]) * 1000 >= 0.97 * per_second


@pytest.mark.parametrize("per_second", [10, 25, 50])
def test_the_calls_of_a_second_do_not_all_start_at_once(ticking, per_second):
    at = permits(pace.Pace(per_second), ticking, 3 * per_second)
    few = max(1, per_second // 10)
    assert all(later - earlier >= 900 * few // per_second for earlier, later in zip(at, at[few:], strict=False))


def test_without_a_limit_nobody_waits_and_nothing_is_counted(ticking):
    kept = pace.Pace()
    assert len(set(permits(kept, ticking, 1000))) == 1
    assert kept.waited == 0 and kept.waiting == "" and ticking.slept == []


def test_a_rest_holds_everybody_and_ends_by_itself(ticking):
    kept = pace.Pace()
    kept.rest(3)
    kept.rest(1)
    assert kept.waiting == "Alma said too fast: all calls wait 3.0 s"
    begun = ticking.now
    kept.permit()
    assert 3 <= ticking.now - begun < 3.2 and kept.waiting == ""
    assert kept.waited >= 3 and max(ticking.slept) <= 0.1


def test_whoever_waits_is_asked_all_the_time_whether_to_go_on(ticking):
    kept, asked = pace.Pace(10), []
    kept.rest(60)

    def may_go_on():
        asked.append(ticking.now)
        if len(asked) == 5:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        kept.permit(may_go_on)
    assert len(asked) == 5 and max(b - a for a, b in itertools.pairwise(asked)) < 0.2


def test_the_clock_set_back_by_an_hour_stops_nobody_for_an_hour(ticking, tmp_path):
    kept = pace.Pace(10, tmp_path / "pace.sqlite")
    permits(kept, ticking, 30)
    ticking.now -= 3600
    before = ticking.now
    permits(kept, ticking, 10)
    assert ticking.now - before < 3


def test_old_permits_are_forgotten(ticking, tmp_path):
    kept = pace.Pace(100, tmp_path / "pace.sqlite")
    permits(kept, ticking, 2 * pace.LEAK + 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "pace.sqlite")) as db:
        assert db.execute("select count(*) from calls").fetchone()[0] <= pace.LEAK + 100


def test_a_damaged_file_is_made_anew_and_one_in_use_is_not_deleted(tmp_path):
    file = tmp_path / "pace.sqlite"
    file.write_bytes(b"not a database at all" * 100)
    pace.Pace(10, file).permit()
    with contextlib.closing(sqlite3.connect(file)) as db:
        assert db.execute("select count(*) from calls").fetchone() == (1,)
    with pytest.raises(Failed, match="nowhere.sqlite"):
        (tmp_path / "nowhere.sqlite").mkdir()
        pace.Pace(10, tmp_path / "nowhere.sqlite")
    assert file.exists()


def test_a_file_that_breaks_while_it_is_used_is_told_in_plain_words(tmp_path):
    kept = pace.Pace(10, tmp_path / "pace.sqlite")
    with contextlib.closing(sqlite3.connect(tmp_path / "pace.sqlite")) as db:
        db.execute("drop table calls")
    with pytest.raises(Failed, match="Delete it"):
        kept.permit()


def test_another_process_that_hangs_while_it_asks_can_be_waited_for_and_left(tmp_path):
    kept, asked = pace.Pace(10, tmp_path / "pace.sqlite"), []

    def may_go_on():
        asked.append(1)
        if len(asked) == 4:
            raise Stopped("enough")

    with filelock.FileLock(tmp_path / "pace.sqlite.lock"), pytest.raises(Stopped):
        kept.permit(may_go_on)
    kept.permit()


def test_threads_together_get_no_more_than_one_alone():
    kept = pace.Pace(50)
    threads = [threading.Thread(target=lambda: [kept.permit() for _ in range(8)]) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    at = [item.timestamp for item in kept._bucket.items]
    assert len(at) == 128 and kept.waiting == "" and kept.waited > 0
    assert all(later - earlier >= 1000 for earlier, later in zip(at, at[50:], strict=False))


def test_a_folder_for_it_is_made_for_its_owner_only(tmp_path):
    pace.Pace(10, tmp_path / "cache" / "pace.sqlite")
    assert oct((tmp_path / "cache").stat().st_mode & 0o777) == "0o700"
    assert repr(pace.Pace(10)) == "<Pace of 10 calls a second>"


# ---- through the door

PACED = """
import pathlib, sys
from purgelib import alma
client = alma.Alma(sys.argv[1], sys.argv[2], pace=20, pace_file=pathlib.Path(sys.argv[3]), floor=0)
for _ in range(25): client.user("exl_api")
"""


def test_two_processes_keep_one_pace_together(quiet, tmp_path):
    pace_file = tmp_path / "pace" / "host.sqlite"
    alma.Alma(quiet.where.url, sandbox.KEY, pace=20, pace_file=pace_file)
    with contextlib.closing(sqlite3.connect(pace_file)) as db:
        # The file forgets old calls; a trigger of the test remembers the moment of each.
        db.execute("create table seen (at integer)")
        db.execute("create trigger remember after insert on calls begin "
                   "insert into seen values (new.item_timestamp); end")
        db.commit()
    order = [sys.executable, "-c", PACED, quiet.where.url, sandbox.KEY, str(pace_file)]
    both = [subprocess.Popen(order, env=os.environ) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    with contextlib.closing(sqlite3.connect(pace_file)) as db:
        at = [row[0] for row in db.execute("select at from seen order by at")]
    assert len(at) == 50 and all(later - earlier >= 1000 for earlier, later in zip(at, at[20:], strict=False))


WAITING = """
import sys, threading
from purgelib import alma
client = alma.Alma(sys.argv[1], sys.argv[2], pace=10, floor=0)
client.user("exl_api")
client.pace.rest(3600)
for _ in range(8): threading.Thread(target=lambda: client.user("exl_api"), daemon=True).start()
print("waiting", flush=True)
client.user("exl_api")
"""


def test_an_interrupt_reaches_whoever_waits_for_an_hour(quiet):
    order = [sys.executable, "-c", WAITING, quiet.where.url, sandbox.KEY]
    with subprocess.Popen(order, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline() == "waiting\n"
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=30)
    assert "KeyboardInterrupt" in told and sandbox.KEY not in told and run.returncode


@pytest.mark.parametrize("by_file", [False, True])
def test_a_stop_reaches_every_thread_that_waits_for_an_hour(quiet, tmp_path, by_file):
    client, told = quiet.alma(writing=False, pace=10), []
    client.user("exl_api")
    client.pace.rest(3600)

    def ask():
        try:
            client.user("exl_api")
        except Stopped as error:
            told.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    with client.stopping_at(tmp_path / "STOP"):
        for one in threads:
            one.start()
        calls = client.calls
        assert "too fast" in client.waiting
        (tmp_path / "STOP").touch() if by_file else client.stop.set()
        for one in threads:
            one.join(30)
    assert len(told) == 12 and client.calls == calls
    assert all(("STOP lies" in text) == by_file for text in told)


def test_one_who_is_told_too_fast_slows_down_all_others(practice, monkeypatch):
    client, rested = practice.alma(writing=False), []
    monkeypatch.setattr(client.pace, "rest", rested.append)
    practice.faults({"do": "throttle", "times": 5})
    assert client.user("exl_api")["primary_id"] == "exl_api"
    assert len(rested) == 5 and len(set(rested)) == 5 and max(rested) < 20


def test_a_storm_of_refusals_loses_no_call_and_repeats_no_write(practice, hasty):
    client = practice.alma()
    records = {one: record for one, record in practice.everybody().items() if record["user_group"]["value"] == "06"}
    practice.faults({"do": "throttle", "rate": 0.3, "seed": 5})
    threads = [threading.Thread(target=lambda some=some: [client.put_user(one, records[one]) for one in some])
               for some in (list(records)[n::8] for n in range(8))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    practice.faults()
    assert sorted(line["primary_id"] for line in practice.written()) == sorted(records)
