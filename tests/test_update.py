"""Nobody is written by mistake: whatever goes wrong on the way, Alma's ledger and our journal tell the same."""

import datetime
import json
import os
import subprocess
import sys

import pytest
import requests
from conftest import agree, by_state, files, keys, PURGE_DATE, states, typed

from purgelib import carrying, copies, journal, parallel, plan, runfile, update
from purgelib.errors import (
    CanaryFailed,
    CopyFailed,
    JobRefused,
    NotConfirmed,
    PlanRefused,
    QuotaSpent,
    ReadOnly,
    RunBusy,
    Stopped,
    TooFast,
    Untrue,
)
from purgelib.journal import CONFIRMED, FAILED, INTENDED, SENT, SKIPPED
from purgelib.sandbox import exports as last_night

NEW = str(PURGE_DATE)


def put(nth=1, times=1, **more):
    """A fault of the sandbox on the nth PUT of a user and those after it."""
    return {"method": "PUT", "path": "/users/", "nth": nth, "times": times, **more}


def reason(results, primary_id):
    return results.set_index("primary_id")["reason"][primary_id]


def unwritten(practice, sealed):
    """Neither Alma nor the run folder has heard of anything."""
    return practice.written() == [] and not (sealed.folder / "journal.sqlite").exists()


# ---- a rehearsal, and what is refused

@pytest.mark.parametrize("writing", [False, True])
def test_a_rehearsal_writes_nothing_to_alma_and_nothing_to_the_run_folder(quiet, writing):
    sealed = quiet.seal(f"rehearsed-{writing}")
    before = files(sealed.folder)
    rehearsed = update.carry_out(sealed.folder, quiet.alma(writing=writing))
    after = {name: data for name, data in files(sealed.folder).items()
             if not name.startswith(("rehearsal.sqlite", "run.log"))}
    assert quiet.written() == [] and after == before
    assert set(rehearsed["state"]) == {update.WOULD, SKIPPED}
    assert set(rehearsed["primary_id"]) == set(sealed.users["primary_id"])


def test_a_rehearsal_and_the_real_run_single_out_the_same_users(practice):
    sealed = practice.seal()
    rehearsed = update.carry_out(sealed.folder, practice.alma(writing=False)).set_index("primary_id")
    done = update.carry_out(sealed.folder, practice.alma(), typed(sealed)).set_index("primary_id")
    assert set(rehearsed.index[rehearsed["state"] == update.WOULD]) == set(done.index[done["state"] == CONFIRMED])
    left = rehearsed[rehearsed["state"] == SKIPPED]["reason"]
    assert not left.empty and left.equals(done["reason"][left.index])


@pytest.mark.parametrize("words", ["yes", "Invented University", "42", "Invented University 1", "University {n}",
                                   "Another University {n}", "Invented University {n}0", "Invented University -{n}"])
def test_without_the_right_words_nothing_is_written(quiet, words):
    sealed = quiet.seal("unconfirmed")
    with pytest.raises(NotConfirmed):
        update.carry_out(sealed.folder, quiet.alma(), words.format(n=len(sealed)))
    assert unwritten(quiet, sealed)


def test_a_client_opened_for_reading_is_refused_before_anything_is_noted(quiet):
    sealed = quiet.seal("reading")
    with pytest.raises(ReadOnly):
        update.carry_out(sealed.folder, quiet.alma(writing=False), typed(sealed))
    assert unwritten(quiet, sealed)


@pytest.mark.parametrize("name", ["plan.json", *plan.SEALED])
def test_a_plan_with_one_byte_changed_is_refused(quiet, name):
    sealed = quiet.seal(f"changed-{name}")
    path = sealed.folder / name
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(PlanRefused):
        update.carry_out(sealed.folder, quiet.alma(), typed(sealed))
    assert unwritten(quiet, sealed)


@pytest.mark.parametrize("other", [{"institution": "01ELSE_INST"}, {"environment": "production"}])
def test_a_plan_for_another_institution_or_environment_is_refused(quiet, other):
    sealed = quiet.seal(f"for-another-{next(iter(other))}")
    header = {**sealed.header, "target": sealed.header["target"] | other}
    elsewhere = plan.write(sealed.folder.with_name(f"elsewhere-{next(iter(other))}"), header, sealed.users)
    with pytest.raises(PlanRefused):
        update.carry_out(elsewhere.folder, quiet.alma(), typed(elsewhere))
    assert unwritten(quiet, elsewhere)


@pytest.mark.parametrize("days", [-2, 15, 400])
def test_a_plan_from_the_future_or_too_old_is_refused_also_by_a_client_that_was_open_all_the_while(practice, days):
    sealed, client = practice.seal(), practice.alma()
    assert client.today() and client.target()
    practice.door("POST", "clock", {"advance_seconds": days * 86_400})
    for one in (client, practice.alma()):
        with pytest.raises(PlanRefused):
            update.carry_out(sealed.folder, one, typed(sealed))
    assert unwritten(practice, sealed)


def test_a_newer_export_makes_the_plan_stale(practice, tmp_path):
    practice.inputs = tmp_path / "in"
    practice.inputs.mkdir()
    last_night.write(practice.inputs, 400)
    sealed = practice.seal()
    (practice.inputs / "users_2026-11-22.csv").write_text("Primary Identifier\n1\n")
    with pytest.raises(PlanRefused):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert unwritten(practice, sealed)


def test_the_plan_of_an_undo_is_not_taken_for_a_plan_to_set_dates(practice):
    sealed = practice.seal(years=[2014, 2015])
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    one = by_state(sealed, CONFIRMED)[0]
    from purgelib import restore
    restore.undo(sealed.folder, practice.alma(writing=False), dates_of=[one])
    undo = plan.load(next(sealed.folder.glob("restore-*")))
    lines = practice.written()
    with pytest.raises(PlanRefused):
        update.carry_out(undo.folder, practice.alma(), typed(undo))
    assert practice.written() == lines


# ---- who is left alone

def test_only_the_purge_date_of_only_those_in_the_plan_is_changed(practice):
    sealed, before = practice.seal(), practice.everybody()
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    done = by_state(sealed, CONFIRMED)
    assert len(done) > 10
    expected = {one: record | ({"purge_date": NEW + "Z"} if one in done else {}) for one, record in before.items()}
    assert practice.everybody() == expected
    agree(practice, sealed)


def test_whoever_changed_since_the_export_is_left_alone_with_that_reason(practice):
    sealed = practice.seal(years=range(2014, 2024))
    results = update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    said = {"renewed": "not expired", "new_loan": "has loans", "new_request": "has requests",
            "new_disputed_fee": "owes fees", "other_group": "user group changed", "deleted": "not in Alma any more",
            "re_created": "name changed since the export"}
    truth = practice.truth()
    assert set(truth) == set(said)
    for kind, ids in truth.items():
        for one in set(ids) & set(sealed.users["primary_id"]):
            assert states(sealed)[one] == SKIPPED and said[kind] in reason(results, one), kind
        assert set(ids) & set(sealed.users["primary_id"]), f"nobody of {kind} was tried"
    agree(practice, sealed)


def edit(**fields):
    return lambda practice, who: practice.edit(who, lambda record: record.update(fields))


def value(text):
    return {"value": text, "desc": ""}


CHANGES = {
    "has loans": lambda practice, who: practice.give("loans", who),
    "has requests": lambda practice, who: practice.give("requests", who),
    "owes fees": lambda practice, who: practice.give("fees", who),
    "is not in Alma any more": lambda practice, who: practice.delete(who),
    "is blocked": edit(user_block=[{"block_status": "ACTIVE", "block_type": value("GENERAL")}]),
    "is a proxy for somebody": edit(proxy_for_user=[{"primary_id": "somebody"}]),
    "is linked to another institution": edit(source_link_id="77"),
    "linked to another institution": edit(linking_id="78"),
    "has a role other than Patron": edit(user_role=[{"role_type": value("200")}, {"role_type": value("21")}]),
    "is of a record type that stays": edit(record_type=value("STAFF")),
    "user group changed since the export": edit(user_group=value("10")),
    "is in a protected user group": edit(user_group=value("30")),
    "expiry date changed since the export": edit(expiry_date="2016-01-01Z"),
    "not expired": edit(expiry_date="2027-06-30Z"),
    "purge date changed since the export": edit(purge_date="2025-01-01Z"),
    "purge date in the future": edit(purge_date="2050-01-01Z"),
    "account type changed since the export": edit(account_type=value("INTERNAL"), external_id=""),
    "name changed since the export": edit(first_name="Someone", last_name="Else"),
    "is purged already": edit(status=value("DELETED")),
}


def test_each_change_by_a_colleague_after_the_plan_was_sealed_keeps_the_user(practice):
    sealed = practice.seal(years=range(2014, 2019))
    going = dated(practice, sealed)
    changed = dict(zip(CHANGES, going, strict=False))
    assert len(changed) == len(CHANGES)
    for why, who in changed.items():
        CHANGES[why](practice, who)
    before = practice.everybody()
    results = update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    for why, who in changed.items():
        assert why in reason(results, who) and states(sealed)[who] == SKIPPED, why
        assert practice.everybody().get(who) == before.get(who)
    agree(practice, sealed)


def test_somebody_else_who_carries_the_id_as_an_identifier_is_left_alone(practice):
    sealed = practice.seal()
    gone, heir = practice.going(sealed)[:2]
    practice.delete(gone)
    practice.change(heir, user_identifier=[{"value": gone, "id_type": value("UNIV_ID"), "segment_type": "External"}])
    assert practice.user(gone)["primary_id"] == heir
    results = update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert "another primary ID" in reason(results, gone) and states(sealed)[heir] == CONFIRMED
    agree(practice, sealed)


# What the decision rests on: without any one of these, nobody can be told to be safe.
NEEDED = ("first_name", "last_name", "record_type", "user_group", "account_type", "status", "expiry_date",
          "purge_date", "user_role", "user_block", "proxy_for_user")


def dated(practice, sealed):
    """Those who may go and had a purge date when the plan was sealed."""
    return sorted(set(practice.going(sealed)) & set(sealed.users["primary_id"][sealed.users["old_purge_date"] != ""]))


def test_a_fact_missing_in_alma_keeps_the_user(practice):
    sealed = practice.seal(years=range(2014, 2019))
    going = dated(practice, sealed)
    missing = dict(zip(NEEDED, going, strict=False))
    assert len(missing) == len(NEEDED)
    for name, who in missing.items():
        practice.edit(who, lambda record, name=name: record.pop(name))
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert {name: states(sealed)[who] for name, who in missing.items()} == dict.fromkeys(NEEDED, SKIPPED)


@pytest.mark.parametrize("nonsense", ["?", 7, ["?"], {"value": ["?"]}])
def test_a_fact_that_makes_no_sense_keeps_the_user_and_lets_the_others_go_on(practice, nonsense):
    sealed = practice.seal(years=range(2014, 2019))
    going = practice.going(sealed)
    odd = dict(zip(NEEDED, dated(practice, sealed), strict=False))
    for name, who in odd.items():
        practice.edit(who, lambda record, name=name: record.update({name: nonsense}))
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert {name: states(sealed)[who] for name, who in odd.items()} == dict.fromkeys(odd, SKIPPED)
    assert len(by_state(sealed, CONFIRMED)) == len(going) - len(odd)
    agree(practice, sealed)


# ---- copies

def test_before_each_write_the_whole_record_and_the_intention_are_on_disk(practice):
    sealed, client, seen = practice.seal(), practice.alma(), []

    def on_disk(method, path):
        if method == "PUT":
            who = requests.utils.unquote(path.rsplit("/", 1)[1])
            copy = journal.read(sealed.folder).copy_of(who, keys(sealed))
            seen.append((who, {**copy, "loans": None, "requests": None, "fees": None} == practice.user(who),
                         states(sealed)[who] in (INTENDED, SENT)))

    client.before = on_disk
    update.carry_out(sealed.folder, client, typed(sealed))
    assert sorted(seen) == [(one, True, True) for one in by_state(sealed, CONFIRMED)] and seen


def test_a_copy_that_cannot_be_read_back_ends_the_run_before_the_write(practice, monkeypatch):
    sealed = practice.seal()
    monkeypatch.setattr(copies.Vault, "reads_back", lambda self, blob, record: False)
    with pytest.raises(CopyFailed):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert practice.written() == [] and by_state(sealed, CONFIRMED, *journal.OPEN) == []


# ---- faults

FAULTS = {
    "refused before": (put(5, 3, do="error_before"), 0), "error after the act": (put(5, 3, do="error_after"), 0),
    "cut after the act": (put(5, 3, do="cut_after"), 0), "cut before": (put(5, 3, do="cut_before"), 0),
    "garbage": (put(5, 3, do="garbage"), 0), "broken off": (put(5, 3, do="truncate"), 0),
    "an answer too late": (put(5, 2, do="slow", seconds=0.8), 0), "too fast": (put(5, 3, do="throttle"), 0),
    "too fast on reading": ({"method": "GET", "path": "/users/", "nth": 9, "times": 3, "do": "throttle"}, 0),
    "reading refused": ({"method": "GET", "path": "/users/", "nth": 9, "times": 3, "do": "error_before"}, 0),
    "reading cut": ({"method": "GET", "path": "/users/", "nth": 9, "times": 3, "do": "cut_after"}, 0),
    "reading too slow": ({"method": "GET", "path": "/users/", "nth": 9, "times": 2, "do": "slow", "seconds": 0.8}, 0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_fails_everybody_ends_in_one_state_and_nobody_is_written_twice(practice, hasty, name):
    sealed, client = practice.seal(), practice.alma(timeout=0.3)
    expected = len(practice.going(sealed))
    fault, failing = FAULTS[name]
    practice.faults(fault)
    update.carry_out(sealed.folder, client, typed(sealed))
    assert len(by_state(sealed, FAILED)) == failing and set(states(sealed)) == set(sealed.users["primary_id"])
    agree(practice, sealed)
    practice.faults()
    update.carry_out(sealed.folder, client, typed(sealed))
    assert by_state(sealed, FAILED) == [] and len(by_state(sealed, CONFIRMED)) == expected
    agree(practice, sealed)


def test_a_lie_is_found_by_a_fresh_look_and_everybody_is_looked_at_then(practice):
    sealed = practice.seal(years=range(2014, 2019), read_back=3)
    going = practice.going(sealed)
    practice.faults(put(4, 1000, do="lie"))
    with pytest.raises(Untrue) as untrue:
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert sorted(untrue.value.outcomes) == by_state(sealed, FAILED) and len(by_state(sealed, CONFIRMED)) == 3
    said = journal.read(sealed.folder).results().set_index("primary_id")["reason"][untrue.value.outcomes]
    assert set(said) == {f"Alma said yes, but a fresh look does not show it: Alma did not take it over: {NEW}"}
    agree(practice, sealed)
    practice.faults()
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert by_state(sealed, CONFIRMED) == going
    agree(practice, sealed)


def test_alma_gone_for_long_ends_the_run_which_resumes(practice, hasty):
    sealed = practice.seal(years=range(2014, 2019))
    for fault in ({"method": "GET", "path": "/users/", "nth": 30, "times": 10_000, "do": "error_before"},
                  put(3, 1, do="cut_after")):
        practice.faults(fault, {"method": "GET", "path": "/users/", "nth": 60, "times": 10_000, "do": "cut_after"})
        with pytest.raises(CanaryFailed, match="did not come out as planned"):
            update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    practice.faults()
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert set(states(sealed)) == set(sealed.users["primary_id"])
    agree(practice, sealed)


def test_one_record_that_alma_cannot_deliver_is_in_nobodys_way(practice, hasty):
    sealed = practice.seal()
    one = practice.going(sealed)[0]
    practice.faults({"method": "GET", "path": f"/users/{one}", "nth": 1, "times": 1000, "do": "error_before"})
    results = update.carry_out(sealed.folder, practice.alma(), typed(sealed)).set_index("primary_id")
    assert list(results.index[results["state"] == FAILED]) == [one]
    assert results.loc[one, "reason"].startswith("nothing was sent") and len(results) == len(sealed)
    practice.faults()
    assert update.carry_out(sealed.folder, practice.alma(), typed(sealed)).set_index(
        "primary_id").loc[one, "state"] == CONFIRMED
    agree(practice, sealed)


def test_too_fast_for_long_leaves_the_user_unwritten_and_the_run_resumes(practice, hasty):
    sealed = practice.seal()
    practice.faults(put(4, 1000, do="throttle"))
    with pytest.raises(TooFast, match="PER_SECOND_THRESHOLD"):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert len(by_state(sealed, CONFIRMED)) == 3 == len(practice.written()) and len(by_state(sealed, FAILED)) >= 1
    practice.faults()
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    agree(practice, sealed)


@pytest.mark.parametrize("do", ["lie", "error_before"])
def test_when_the_canary_fails_the_others_are_not_touched(practice, do):
    sealed = practice.seal(canary=4)
    practice.faults(put(2, 1000, do=do))
    with pytest.raises(CanaryFailed) as caught:
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert len(practice.written()) == 1 and sorted(caught.value.outcomes) == by_state(sealed, FAILED)
    agree(practice, sealed)


def test_failures_in_a_row_end_the_run(practice, hasty):
    sealed = practice.seal(years=range(2014, 2024))
    practice.faults(put(4, 10_000, do="error_before"))
    with pytest.raises(CanaryFailed):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    failed = len(by_state(sealed, FAILED, *journal.OPEN))
    assert carrying.IN_A_ROW <= failed <= carrying.IN_A_ROW + 2 * carrying.BATCH and len(practice.written()) == 3


def test_a_plan_smaller_than_its_canary_is_read_back_as_a_whole(practice):
    sealed = practice.seal(canary=1000)
    practice.faults(put(1, 1000, do="lie"))
    with pytest.raises(CanaryFailed) as caught:
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert sorted(caught.value.outcomes) == by_state(sealed, FAILED) and by_state(sealed, CONFIRMED) == []
    agree(practice, sealed)


def test_a_second_call_does_not_confirm_what_the_first_found_damaged(practice):
    sealed = practice.seal(canary=1)
    client, one = practice.alma(), []
    def meddle(method, path):
        if method == "PUT":
            one.append(path.rsplit("/", 1)[1])
            practice.edit(one[0], lambda record: record.update(job_description="changed on the way"))
    client.after = meddle
    with pytest.raises(CanaryFailed):
        update.carry_out(sealed.folder, client, typed(sealed))
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert states(sealed)[one[0]] == FAILED
    assert set(states(sealed).values()) == {CONFIRMED, FAILED, SKIPPED}


def test_once_the_job_was_started_no_more_dates_are_set(practice):
    sealed = practice.seal()
    with journal.open(sealed.folder) as book:
        book.note_job(plan.PURGE, state="submitted")
    with pytest.raises(JobRefused):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert practice.written() == []


def test_those_left_alone_do_not_count_as_canary(practice):
    sealed = practice.seal(years=range(2014, 2019), canary=2)
    for one in practice.going(sealed)[6:]:
        practice.edit(one, lambda record: record.update(user_group=value("30")))
    practice.faults(put(1, 1000, do="lie"))
    with pytest.raises(CanaryFailed):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert len(by_state(sealed, FAILED)) == 2


def test_a_field_that_changed_on_the_way_is_said_and_the_date_can_be_put_back(practice):
    sealed, client = practice.seal(), practice.alma()
    before = practice.everybody()
    written = []

    def meddle(method, path):
        if method == "PUT" and not written:
            written.append(path.rsplit("/", 1)[1])
            practice.edit(written[0], lambda record: record.update(job_description="librarian"))

    client.after = meddle
    with pytest.raises(CanaryFailed):
        update.carry_out(sealed.folder, client, typed(sealed))
    who, = by_state(sealed, FAILED)
    assert who in written[0] and practice.user(who)["purge_date"] == NEW + "Z"
    # The date that stands there is ours, so it is ours to take back, also after another try.
    update.carry_out(sealed.folder, client, typed(sealed))
    from purgelib import restore
    can = restore.possible(sealed.folder).set_index("primary_id")
    assert can["from"][who] == NEW and can["back to"][who] == before[who].get("purge_date", "")[:10]


# ---- ending early

def test_a_stop_file_ends_the_run_before_the_next_call(practice):
    sealed, client, calls = practice.seal(), practice.alma(), []

    def stop(method, path):
        calls.append(method)
        if calls.count("PUT") == 5:
            (sealed.folder / "STOP").touch()

    client.after = stop
    with pytest.raises(Stopped):
        update.carry_out(sealed.folder, client, typed(sealed))
    # Those in flight when the file appeared are awaited.
    written = len(practice.written())
    assert 5 <= written <= 5 + parallel.FIRST + carrying.BATCH
    with pytest.raises(Stopped):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert len(practice.written()) == written
    (sealed.folder / "STOP").unlink()
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert set(states(sealed)) == set(sealed.users["primary_id"])
    agree(practice, sealed)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_a_run_that_resumes(practice, when, error):
    sealed, client, puts = practice.seal(), practice.alma(), []

    def interrupt(method, path):
        puts.extend([path] * (method == "PUT"))
        if len(puts) == 4:
            puts.append("")
            raise error

    setattr(client, when, interrupt)
    with pytest.raises(error):
        update.carry_out(sealed.folder, client, typed(sealed))
    assert by_state(sealed, *journal.OPEN)
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert set(states(sealed)) == set(sealed.users["primary_id"]) and by_state(sealed, FAILED) == []
    agree(practice, sealed)


def test_two_at_once_cannot_carry_out_the_same_run(practice, monkeypatch):
    sealed = practice.seal()
    lock = runfile.filelock.FileLock
    monkeypatch.setattr(lock, "acquire", lambda self, timeout, real=lock.acquire: real(self, timeout=0.1))
    with journal.open(sealed.folder):
        done = child(practice, sealed, "from filelock import FileLock as lock\n"
                                       "lock.acquire = lambda self, timeout, real=lock.acquire: real(self, timeout=0)\n"
                                       "try: update.carry_out(folder, client, words)\n"
                                       "except errors.RunBusy as busy: print(busy.folder, file=sys.stderr)")
        with pytest.raises(RunBusy):
            update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert done.strip() == str(sealed.folder) and practice.written() == []


def test_the_floor_of_the_daily_quota_is_left_and_the_run_resumes(practice):
    sealed = practice.seal()
    spent = 500_000 - calls_left(practice)
    practice.door("POST", "settings", {"daily_remaining": spent + 300})
    with pytest.raises(QuotaSpent):
        update.carry_out(sealed.folder, practice.alma(floor=200), typed(sealed))
    assert 190 <= calls_left(practice) <= 200 and 0 < len(by_state(sealed, CONFIRMED)) < len(sealed)
    practice.door("POST", "settings", {"daily_remaining": 500_000})
    update.carry_out(sealed.folder, practice.alma(floor=200), typed(sealed))
    assert set(states(sealed)) == set(sealed.users["primary_id"]) and by_state(sealed, FAILED) == []
    agree(practice, sealed)


def calls_left(practice):
    client = practice.alma()
    return client.target() and client.remaining


# ---- a process that dies

PROLOGUE = """
import os, pathlib, random, signal, sys, threading
from purgelib import alma, errors, update
folder, url, key, words = pathlib.Path(sys.argv[1]), sys.argv[2], os.environ["ALMA_API_KEY"], sys.argv[3]
def connected():
    return alma.Alma(url, key, writing=True, pace=None, floor=0)
client = connected()
"""
# Forks, so that each life costs only what it does; each kills itself at a moment that the seed names.
LIVES = """
random.seed(int(sys.argv[4]))
moments = [random.uniform(0, 0.25) for _ in range(int(sys.argv[5]))]
for moment in [*moments, None]:
    child = os.fork()
    if not child:
        if moment is not None:
            threading.Timer(moment, os.kill, (os.getpid(), signal.SIGKILL)).start()
        update.carry_out(folder, connected(), words)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("killed" if os.WIFSIGNALED(status) else "done", file=sys.stderr)
"""


def child(practice, sealed, story, *more, env=()):
    """Runs a story in a process of its own; returns what it said (on stderr: the bar has stdout)."""
    words = [str(sealed.folder), practice.where.url, typed(sealed), *map(str, more)]
    order = [sys.executable, "-c", PROLOGUE + story, *words]
    env = os.environ | {"ALMA_API_KEY": practice.where.key} | dict(env)
    done = subprocess.run(order, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def killed(practice, seed, kills):
    sealed = practice.seal(years=range(2014, 2024))
    expected, before = practice.going(sealed), practice.everybody()
    ends = child(practice, sealed, LIVES, seed, kills).split()
    assert ends[-1] == "done" and ends.count("killed") >= min(kills, 4)
    assert by_state(sealed, CONFIRMED) == expected and set(states(sealed)) == set(sealed.users["primary_id"])
    written = [line["primary_id"] for line in practice.written() if line["changed"]]
    assert sorted(written) == expected
    assert practice.everybody() == {one: record | ({"purge_date": NEW + "Z"} if one in expected else {})
                                    for one, record in before.items()}
    assert all(journal.read(sealed.folder).copy_of(one, keys(sealed))["purge_date"] == before[one]["purge_date"]
               for one in expected if "purge_date" in before[one])


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_it_ends_as_if_never_killed(practice, seed):
    killed(practice, seed, 6)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10, 20))
def test_killed_sixty_times_it_ends_as_if_never_killed(practice, seed):
    killed(practice, seed, 60)


STEPS = """
from purgelib import journal
owner = {"put_user": alma.Alma, "intend": journal.Journal, "sent": journal.Journal, "settle_all": journal.Journal}
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def live(name, when):
    # The journal is written in batches: the second is that of the rest, after the canary.
    real, calls, nth = getattr(owner[name], name), [], 1 if name == "put_user" else 2
    def act(*args, **kwargs):
        calls.append(name)
        mine = len(calls) == nth
        if mine and when == "before": die()
        found = real(*args, **kwargs)
        if mine and when == "after": die()
        return found
    setattr(owner[name], name, act)
    update.carry_out(folder, connected(), words)
for name in owner:
    for when in ("before", "after"):
        child = os.fork()
        if not child:
            live(name, when)
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9, (name, when)
"""


def test_killed_right_before_and_right_after_each_step_nobody_is_written_twice_or_forgotten(practice):
    sealed = practice.seal(years=range(2014, 2024))
    expected = practice.going(sealed)
    child(practice, sealed, STEPS)
    assert by_state(sealed, CONFIRMED) != expected
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert by_state(sealed, CONFIRMED) == expected
    agree(practice, sealed)


def test_ctrl_c_from_the_terminal_leaves_a_run_that_resumes(practice):
    sealed = practice.seal(years=range(2014, 2024))
    ends = child(practice, sealed, "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
                                   "try: update.carry_out(folder, client, words)\n"
                                   "except KeyboardInterrupt: print('interrupted', file=sys.stderr)")
    assert ends.strip() == "interrupted" and 0 < len(practice.written()) < len(sealed)
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    assert set(states(sealed)) == set(sealed.users["primary_id"])
    agree(practice, sealed)


# ---- days and keys

@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_the_date_that_is_set_is_the_day_of_the_plan_in_every_time_zone(practice, zone):
    sealed = practice.seal(years=[2014, 2015])
    child(practice, sealed, "update.carry_out(folder, client, words)", env={"TZ": zone})
    lines = practice.written()
    assert lines and {line["changed"]["purge_date"][1] for line in lines} == {NEW + "Z"}
    agree(practice, sealed)


def test_the_key_is_in_no_file_of_the_run_and_the_files_are_for_their_owner_only(practice):
    sealed = practice.seal()
    practice.faults(put(4, 2, do="error_before"))
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    found = files(sealed.folder)
    assert "journal.sqlite" in found
    assert not [name for name, data in found.items() if practice.where.key.encode() in data]
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in sealed.folder.rglob("*")}
    assert set(modes.values()) == {"0o600"} and oct(sealed.folder.stat().st_mode & 0o777) == "0o700"


def test_the_counts_add_up_and_everybody_left_has_a_reason(practice):
    sealed = practice.seal()
    practice.faults(put(5, 2, do="lie"))
    with pytest.raises(Untrue):
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    results = journal.read(sealed.folder).results()
    tally = journal.tally(results)
    assert tally["users"].sum() == len(sealed) == len(results) and set(results["reason"]) & {""} == set()
    assert json.loads(json.dumps(sealed.header))["users"] == len(sealed)
    assert datetime.date.fromisoformat(sealed.header["sets"]["purge_date"]) == PURGE_DATE
