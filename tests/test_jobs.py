"""The job that cannot be stopped: started once, for the planned users only, and checked one by one afterwards."""

import dataclasses
import os
import signal
import subprocess
import sys

import pytest
from conftest import by_state, files, Meddled, states, typed

from purgelib import jobs, journal, plan, restore, runfile, update
from purgelib.errors import (
    AlmaError,
    JobFailed,
    JobRefused,
    NoAnswer,
    NotConfirmed,
    NothingToDo,
    NotThereYet,
    PlanRefused,
    ReadOnly,
    RunBusy,
    Stopped,
)
from purgelib.journal import CONFIRMED, SKIPPED

RUN = {"method": "POST", "path": "/conf/jobs/"}


@pytest.fixture
def dated(practice):
    """A plan whose purge dates are set."""
    return with_dates(practice, years=[2014, 2015])


def with_dates(practice, **more):
    sealed = practice.seal(**more)
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    return sealed


@pytest.fixture
def soon(monkeypatch):
    """Nobody waits a minute for a job that was never started."""
    monkeypatch.setattr(jobs, "APPEARS_WITHIN", 2)
    monkeypatch.setattr(jobs.time, "sleep", lambda seconds, real=jobs.time.sleep: real(min(seconds, 0.1)))


def purge(practice, sealed, client=None, **more):
    return jobs.purge(sealed.folder, client or practice.alma(), typed(sealed), **more)


def purged(sealed, *wanted):
    return by_state(sealed, *wanted, action=jobs.PURGE)


def deleted(practice):
    """Who was really deleted by a job, by the sandbox's ledger."""
    return sorted(line["primary_id"] for line in practice.written() if "deleted" in line["changed"])


def starts(practice):
    return [line for line in practice.written() if line["path"].endswith("?op=run")]


def gone_for_good(practice, sealed, before):
    """Exactly those that we call gone are gone, the ledger says the same, and nobody outside the plan is missing."""
    gone = purged(sealed, jobs.GONE)
    assert set(before) - set(practice.everybody()) == set(gone) <= set(sealed.users["primary_id"])
    assert deleted(practice) == gone and len(starts(practice)) == 1
    return gone


# ---- a rehearsal, and what is refused

def test_a_rehearsal_writes_nothing_before_and_after_the_dates_are_set(practice):
    sealed = practice.seal()
    for _ in range(2):
        before, lines = files(sealed.folder), practice.written()
        rehearsed = jobs.purge(sealed.folder, practice.alma(writing=False))
        after = files(sealed.folder)
        assert all(after[name] == data for name, data in before.items() if name != "run.log")
        assert set(after) - set(before) <= {"run.log"} and practice.written() == lines
        update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    of_purge = rehearsed[rehearsed["action"] == jobs.PURGE]
    assert sorted(of_purge["primary_id"][of_purge["state"] == jobs.IN_SET]) == by_state(sealed, CONFIRMED)


@pytest.mark.parametrize("words", ["yes", "Invented University", "Invented University 1"])
def test_without_the_right_words_nothing_is_written(practice, dated, words):
    before, lines = files(dated.folder), practice.written()
    with pytest.raises(NotConfirmed):
        jobs.purge(dated.folder, practice.alma(), words)
    with pytest.raises(ReadOnly):
        purge(practice, dated, practice.alma(writing=False))
    assert files(dated.folder) == before and practice.written() == lines


def test_without_dates_set_by_this_run_nobody_is_handed_over(practice):
    sealed = practice.seal()
    with pytest.raises(NothingToDo):
        purge(practice, sealed)
    assert practice.written() == []


def test_while_dates_are_not_done_no_job_is_started(practice, dated):
    with journal.open(dated.folder) as book:
        user = next(u for u in dated.users.itertuples() if u.primary_id in by_state(dated, CONFIRMED))
        book.intend([(user.primary_id, user.action, {"primary_id": user.primary_id}, dated.changes(user)[1])])
    with pytest.raises(JobRefused, match="04_update"):
        purge(practice, dated)
    assert starts(practice) == []


def test_production_is_refused_until_the_job_was_seen_on_a_real_alma(practice, dated, monkeypatch):
    real = Meddled.target
    monkeypatch.setattr(Meddled, "target", lambda self: real(self) | {"environment": "production"})
    header = dated.header | {"target": dated.header["target"] | {"environment": "production"}}
    monkeypatch.setattr(plan, "load", lambda folder: dataclasses.replace(dated, header=header))
    with pytest.raises(NotThereYet, match="not released"):
        purge(practice, dated)
    assert starts(practice) == [] and not [line for line in practice.written() if "sets" in line["path"]]


def test_one_member_whom_alma_cannot_deliver_is_left_out_and_looked_up_later(practice, dated, hasty):
    one = by_state(dated, CONFIRMED)[0]
    practice.faults({"method": "GET", "path": f"/users/{one}", "nth": 1, "times": 10_000, "do": "error_before"})
    purge(practice, dated)
    assert one not in deleted(practice) and one in purged(dated, SKIPPED)
    assert deleted(practice) == purged(dated, jobs.GONE) == [u for u in by_state(dated, CONFIRMED) if u != one]


def test_what_a_started_job_did_is_noted_without_being_confirmed_again(practice, dated):
    practice.door("POST", "settings", {"job_seconds": 600})
    with pytest.raises(JobFailed):
        purge(practice, dated, patience=0)
    practice.door("POST", "settings", {"job_seconds": 0.1})
    jobs.purge(dated.folder, practice.alma(writing=False))
    assert purged(dated, jobs.GONE) == deleted(practice) == by_state(dated, CONFIRMED)


def test_a_changed_or_outdated_plan_starts_no_job(practice, dated):
    client = practice.alma()
    practice.door("POST", "clock", {"advance_seconds": 30 * 86_400})
    with pytest.raises(PlanRefused):
        purge(practice, dated, client)
    practice.door("POST", "clock", {"advance_seconds": -30 * 86_400})
    with (dated.folder / "users.csv").open("a") as users:
        users.write(" ")
    with pytest.raises(PlanRefused):
        purge(practice, dated, client)
    assert starts(practice) == []


def test_the_update_job_says_plainly_that_it_is_not_there_yet(quiet):
    with pytest.raises(NotThereYet, match="carry_out"):
        jobs.set_dates("anywhere", quiet.alma())
    assert quiet.written() == []


# ---- the way

def test_who_should_go_is_gone_and_nobody_else(practice, dated):
    before = practice.everybody()
    results = purge(practice, dated)
    gone = gone_for_good(practice, dated, before)
    assert gone == by_state(dated, CONFIRMED)
    of_purge = results[results["action"] == jobs.PURGE]
    assert sorted(of_purge["primary_id"]) == gone and set(of_purge["state"]) == {jobs.GONE}


def test_those_whom_alma_cannot_delete_are_said_to_be_still_there(practice):
    sealed = practice.seal(years=range(2014, 2024))
    linked = sorted(set(practice.door("GET", "truth")["acquisition_links"]) & set(practice.going(sealed)))
    assert linked
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    before = practice.everybody()
    purge(practice, sealed)
    assert purged(sealed, jobs.LEFT) == linked
    assert gone_for_good(practice, sealed, before) == sorted(set(by_state(sealed, CONFIRMED)) - set(linked))


def test_whoever_changed_between_the_dates_and_the_purge_is_not_handed_over(practice):
    dated = with_dates(practice, years=range(2014, 2018))
    ready = by_state(dated, CONFIRMED)
    changes = [lambda who: practice.give("loans", who), lambda who: practice.give("requests", who),
               lambda who: practice.give("fees", who), lambda who: practice.change(who, expiry_date="2027-06-30Z"),
               lambda who: practice.change(who, purge_date="2027-06-30Z"),
               lambda who: practice.change(who, purge_date=None),
               lambda who: practice.change(who, purge_date="2020-01-01Z"),
               lambda who: practice.change(who, user_group={"value": "30"}),
               lambda who: practice.change(who, last_name="Newcomer"),
               lambda who: practice.edit(who, lambda record: record.update(linking_id="5"))]
    changed = dict(zip(ready, changes, strict=False))
    assert len(ready) > len(changed) == len(changes)
    for who, act in changed.items():
        act(who)
    before = practice.everybody()
    purge(practice, dated)
    assert purged(dated, SKIPPED) == sorted(changed)
    assert gone_for_good(practice, dated, before) == sorted(set(ready) - set(changed))


def test_whose_date_was_put_back_is_not_purged_although_the_old_date_is_past(practice, dated):
    saved = [one for one in by_state(dated, CONFIRMED) if dated.users.set_index("primary_id")["old_purge_date"][one]][0]
    restore.undo(dated.folder, practice.alma(), [saved], confirmed=restore.to_be_typed(dated.folder, [saved]))
    purge(practice, dated)
    assert purged(dated, SKIPPED) == [saved] and practice.user(saved)


# ---- the set

def meddled(practice, act, *, method, path, when="after"):
    """A client during whose call something happens, once."""
    client, done = practice.alma(), []

    def meddle(its_method, its_path):
        if its_method == method and path in its_path and not done:
            done.append(its_path)
            act(its_path)

    setattr(client, when, meddle)
    return client


def members(practice, set_id, op, *ids):
    body = {"members": {"member": [{"id": one} for one in ids]}}
    assert practice.ask("POST", f"conf/sets/{set_id}", body, op=op).ok


@pytest.mark.parametrize("op", ["add_members", "delete_members"])
@pytest.mark.parametrize("moment", [("POST", "/conf/sets/"), ("GET", "/conf/jobs/")])
def test_a_set_that_gains_or_loses_a_member_starts_no_job(practice, dated, op, moment):
    # A graduate whose own dates are long past: in the set, Alma's job would delete this one.
    other = practice.seal("other", years=[2020])
    who = {"add_members": practice.going(other)[0], "delete_members": by_state(dated, CONFIRMED)[0]}[op]

    def meddle(path):
        set_id = practice.ask("GET", "conf/sets", set_type="ITEMIZED").json()["set"][0]["id"]
        members(practice, set_id, op, who)

    client = meddled(practice, meddle, method=moment[0], path=moment[1])
    with pytest.raises(JobRefused) as caught:
        purge(practice, dated, client)
    assert caught.value.why == "set differs" and starts(practice) == []
    before = practice.everybody()
    purge(practice, dated)
    assert gone_for_good(practice, dated, before) == by_state(dated, CONFIRMED)


def test_a_set_of_somebody_else_under_our_name_is_not_touched(practice, dated):
    name = f"purge {dated.folder.name} {dated.header['seal'][:8]}"
    theirs = practice.ask("POST", "conf/sets", {"name": name, "type": {"value": "ITEMIZED"}}).json()["id"]
    for _ in range(2):
        with pytest.raises(JobRefused) as caught:
            purge(practice, dated)
        assert caught.value.why == "set name taken" and starts(practice) == []
    assert practice.ask("GET", f"conf/sets/{theirs}").json()["number_of_members"]["value"] == 0


@pytest.mark.parametrize("do", ["cut_after", "error_after", "error_before", "lie"])
def test_a_set_that_could_not_be_filled_starts_no_job_and_calling_again_goes_on(practice, dated, do):
    practice.faults({"method": "POST", "path": "/conf/sets/", "do": do})
    with pytest.raises((NoAnswer, JobRefused)):
        purge(practice, dated)
    assert starts(practice) == []
    before = practice.everybody()
    purge(practice, dated)
    assert gone_for_good(practice, dated, before) == by_state(dated, CONFIRMED)


@pytest.mark.parametrize("do", ["cut_after", "error_after", "error_before"])
def test_a_set_that_was_perhaps_made_is_found_again(practice, dated, do):
    practice.faults({"method": "POST", "path": "/conf/sets", "do": do})
    with pytest.raises(NoAnswer):
        purge(practice, dated)
    purge(practice, dated)
    assert deleted(practice) == by_state(dated, CONFIRMED)
    assert practice.ask("GET", "conf/sets", set_type="ITEMIZED").json()["total_record_count"] == 1


# ---- the start

def test_called_again_and_again_it_starts_one_job(practice, dated):
    before = practice.everybody()
    first = purge(practice, dated)
    for _ in range(2):
        assert purge(practice, dated).equals(first)
    gone_for_good(practice, dated, before)


@pytest.mark.parametrize("fault", [{"do": "cut_after"}, {"do": "error_after"}, {"do": "slow", "seconds": 1.5}])
def test_a_start_without_an_answer_is_settled_by_looking(practice, dated, fault):
    before = practice.everybody()
    practice.faults({**RUN, **fault})
    purge(practice, dated, practice.alma(timeout=0.5))
    purge(practice, dated)
    assert gone_for_good(practice, dated, before) == by_state(dated, CONFIRMED)


@pytest.mark.parametrize("do", ["error_before", "lie"])
def test_a_start_that_never_happened_is_not_taken_for_one_and_not_repeated(practice, dated, soon, do):
    practice.faults({**RUN, "do": do})
    for _ in range(2):
        with pytest.raises((JobFailed, AlmaError)):
            purge(practice, dated)
        practice.faults()
    assert starts(practice) == [] and purged(dated, jobs.GONE) == []


def test_an_answer_that_makes_no_sense_is_a_question_and_no_refusal(practice, dated, monkeypatch):
    before, real = practice.everybody(), Meddled._call

    def odd(self, method, path, **more):
        found = real(self, method, path, **more)
        return odd.answer if path.startswith("/conf/jobs/") and method == "POST" else found

    monkeypatch.setattr(Meddled, "_call", odd)
    for odd.answer in (["?"], {"additional_info": "?"}, {"additional_info": {"link": 5}}, None):
        purge(practice, dated)
    assert gone_for_good(practice, dated, before) == by_state(dated, CONFIRMED)


def test_a_job_that_alma_refuses_to_start_may_be_started_later(practice, dated):
    practice.door("POST", "settings", {"job_seconds": 60})
    assert practice.ask("POST", "conf/sets", {"name": "Third"}).ok
    for one in practice.ask("GET", "conf/sets").json()["set"]:
        words = {"set_id": one["id"], "job_name": "somebody else's"}
        body = {"parameter": [{"name": {"value": name}, "value": text} for name, text in words.items()]}
        assert practice.ask("POST", "conf/jobs/M44", body, op="run").ok
    with pytest.raises(AlmaError, match="402222"):
        purge(practice, dated)
    assert starts(practice) == [] and journal.read(dated.folder).job(jobs.PURGE)["state"] is None
    practice.door("POST", "settings", {"job_throttle": False, "job_seconds": 0.1})
    purge(practice, dated)
    assert deleted(practice) == by_state(dated, CONFIRMED)


def test_a_job_of_the_same_name_that_somebody_ran_is_not_run_again(practice, dated):
    purge(practice, dated)
    (dated.folder / "journal.sqlite").unlink()
    for leftover in dated.folder.glob("journal.sqlite-*"):
        leftover.unlink()
    with pytest.raises((JobRefused, NothingToDo)):
        purge(practice, dated)
    assert len(starts(practice)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_at_the_start_never_leads_to_a_second_job(practice, dated, soon, when):
    def interrupt(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge(practice, dated, meddled(practice, interrupt, method="POST", path="/conf/jobs/", when=when))
    if when == "after":
        purge(practice, dated)
        assert deleted(practice) == by_state(dated, CONFIRMED)
    else:
        with pytest.raises(JobFailed) as caught:
            purge(practice, dated)
        assert caught.value.status == "unknown"
    assert len(starts(practice)) == (when == "after")


DEATHS = """
import os, pathlib, signal, sys
from purgelib import alma, jobs, journal
folder, url, words, moment, nth = pathlib.Path(sys.argv[1]), sys.argv[2], *sys.argv[3:5], int(sys.argv[5])
owner = alma.Alma if hasattr(alma.Alma, moment) else journal.Journal
real, calls = getattr(owner, moment), []
def dying(*args, **kwargs):
    calls.append(moment)
    if len(calls) == nth: os.kill(os.getpid(), signal.SIGKILL)
    found = real(*args, **kwargs)
    if len(calls) == -nth: os.kill(os.getpid(), signal.SIGKILL)
    return found
setattr(owner, moment, dying)
jobs.purge(folder, alma.Alma(url, os.environ["ALMA_API_KEY"], writing=True, pace=None, floor=0), words)
"""


# A positive number: right before that call; a negative one: right after it.
@pytest.mark.parametrize(("moment", "nth", "started"), [
    ("create_set", -1, 0), ("replace_members", -1, 0), ("note_job", -3, 0), ("run_job", 1, 0), ("run_job", -1, 1),
    ("note_job", -4, 1), ("instance", 1, 1)])
def test_killed_anywhere_it_starts_one_job_or_none_and_says_so(practice, dated, soon, moment, nth, started):
    order = [sys.executable, "-c", DEATHS, str(dated.folder), practice.where.url, typed(dated), moment, str(nth)]
    done = subprocess.run(order, env=os.environ | {"ALMA_API_KEY": practice.where.key}, capture_output=True, timeout=60,
                          check=False)
    assert done.returncode == -signal.SIGKILL and len(starts(practice)) == started
    try:
        purge(practice, dated)
    except JobFailed as unknown:
        assert unknown.status == "unknown" and not started
    if started or moment in ("create_set", "replace_members"):
        assert deleted(practice) == purged(dated, jobs.GONE) == by_state(dated, CONFIRMED)
    assert len(starts(practice)) <= 1


# ---- the watch

def test_a_job_that_does_not_end_is_waited_for_and_calling_again_goes_on_waiting(practice, dated):
    practice.door("POST", "settings", {"job_seconds": 600})
    for patience in (0, 0.3):
        with pytest.raises(JobFailed) as caught:
            purge(practice, dated, patience=patience)
        assert caught.value.status in ("QUEUED", "RUNNING") and caught.value.instance
    practice.door("POST", "settings", {"job_seconds": 0.1})
    # A job that runs is watched to its end and reconciled, though no new one could be started by this plan.
    practice.door("POST", "clock", {"advance_seconds": 30 * 86_400})
    purge(practice, dated)
    assert deleted(practice) == by_state(dated, CONFIRMED) and len(starts(practice)) == 1


@pytest.mark.parametrize("status", ["COMPLETED_FAILED", "FAILED", "SYSTEM_ABORTED"])
def test_a_job_that_ended_badly_leaves_everybody_looked_up_and_its_status_noted(practice, dated, monkeypatch, status):
    practice.door("POST", "settings", {"job_seconds": 600})
    real = Meddled.instance
    monkeypatch.setattr(Meddled, "instance", lambda self, *ids: real(self, *ids) | {"status": {"value": status}})
    purge(practice, dated)
    assert purged(dated, jobs.LEFT) == by_state(dated, CONFIRMED)
    assert deleted(practice) == purged(dated, jobs.GONE) == []
    assert journal.read(dated.folder).job(jobs.PURGE)["said"].startswith(status)


def test_a_status_that_nobody_knows_is_not_an_end(practice, dated, monkeypatch):
    seen = {"status": {"value": "NEWLY_INVENTED"}, "progress": 100}
    monkeypatch.setattr(Meddled, "instance", lambda self, *ids: seen)
    with pytest.raises(JobFailed) as caught:
        purge(practice, dated, patience=0)
    assert caught.value.status == "NEWLY_INVENTED" and purged(dated, jobs.GONE, jobs.LEFT) == []


def test_a_stop_file_ends_it_before_the_start_and_while_watching(practice, dated):
    stop = dated.folder / "STOP"
    with pytest.raises(Stopped):
        purge(practice, dated, meddled(practice, lambda path: stop.touch(), method="GET", path="/members"))
    assert starts(practice) == []
    stop.unlink()
    with pytest.raises(Stopped):
        purge(practice, dated, meddled(practice, lambda path: stop.touch(), method="GET", path="/instances/"))
    stop.unlink()
    purge(practice, dated)
    assert len(starts(practice)) == 1 and purged(dated, jobs.GONE) == by_state(dated, CONFIRMED)


def test_another_process_on_the_same_run_is_refused(practice, dated, monkeypatch):
    lock = runfile.filelock.FileLock
    monkeypatch.setattr(lock, "acquire", lambda self, timeout, real=lock.acquire: real(self, timeout=0.1))
    with journal.open(dated.folder), pytest.raises(RunBusy):
        purge(practice, dated)
    assert starts(practice) == []


# ---- afterwards

def test_a_user_re_created_by_a_person_after_the_purge_stays_gone_in_the_journal(practice, dated):
    purge(practice, dated)
    who = purged(dated, jobs.GONE)[0]
    words = restore.to_be_typed(dated.folder, create=[who])
    back = restore.undo(dated.folder, practice.alma(), create=[who], confirmed=words)
    assert list(back["state"]) == [CONFIRMED]
    purge(practice, dated)
    assert who in purged(dated, jobs.GONE) and len(starts(practice)) == 1


def test_somebody_else_with_the_id_as_an_identifier_is_not_taken_for_the_one_who_is_gone(practice, dated):
    who = by_state(dated, CONFIRMED)[0]

    def inherit(path):
        heir = next(one for one in practice.everybody() if one not in set(dated.users["primary_id"]))
        with practice.database() as db:
            db.execute("insert into identifiers select ?, 'UNIV_ID', id from users where primary_id = ?", (who, heir))

    purge(practice, dated, meddled(practice, inherit, method="GET", path="/instances/"))
    assert practice.user(who)["primary_id"] != who and deleted(practice) == purged(dated, jobs.GONE)


def test_every_planned_user_is_accounted_for(practice, dated):
    purge(practice, dated)
    told = set(states(dated)) | set(states(dated, jobs.PURGE))
    assert told == set(dated.users["primary_id"])
    assert set(journal.read(dated.folder).results()["reason"]) & {""} == set()
    assert plan.load(dated.folder).header == dated.header
