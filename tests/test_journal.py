"""What the journal says is on disk before the next step, is read back, and is nobody else's at the same time."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import invented
import pytest

from purgelib import copies, journal, looks, runfile
from purgelib.errors import CopyFailed, Failed, Refused, RunBusy
from purgelib.journal import CONFIRMED, FAILED, INTENDED, SENT, SKIPPED

ACTION = "update user"
INTEND_AND_DIE = """
import os, signal, sys
from purgelib import journal
with journal.open(sys.argv[1]) as book:
    book.intend([("a", "update user", {"primary_id": "a"}, {"purge_date": "2026-11-01"})])
    os.kill(os.getpid(), signal.SIGKILL)
"""
HOLD = """
import sys
from purgelib import journal
with journal.open(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


DATE = {"purge_date": "2026-11-01"}


def on_disk(folder, query, *values):
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as other:
        return other.execute(query, values).fetchall()


def damage(folder, statement, *values):
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as other, other:
        other.execute(statement, values)


def test_a_copy_is_read_back_as_it_was(tmp_path):
    record = invented.record(user_note=[{"text": "ünï \"x\"\n"}], empty=None, number=1.5)
    with journal.open(tmp_path) as book:
        assert book.copy_of("00412345") is None
        book.copy("00412345", invented.record())
        book.copy("00412345", record)
        assert book.copy_of("00412345") == record and book.copy_of("412345") is None
    assert journal.read(tmp_path).copy_of("00412345") == record


@pytest.mark.parametrize("how", ["record = x'00'", "record = zeroblob(length(record))", "sha256 = 'other'",
                                 "record = null",
                                 "record = substr(record, 1, length(record) - 1)", "sha256 = null"])
def test_a_copy_that_was_damaged_on_the_disk_is_never_used(tmp_path, how):
    with journal.open(tmp_path) as book:
        book.copy("a", invented.record())
    damage(tmp_path, f"update copies set {how}")
    with journal.open(tmp_path) as book, pytest.raises(CopyFailed):
        book.copy_of("a")


@pytest.mark.parametrize("change", ["record = zeroblob(9)", "sha256 = 'x'"])
def test_a_disk_that_keeps_something_else_fails_the_copy_at_once(tmp_path, change):
    with journal.open(tmp_path) as book:
        damage(tmp_path, f"create trigger worn after insert on copies begin update copies set {change} "
                         "where rowid = new.rowid; end")
        with pytest.raises(CopyFailed):
            book.copy("a", invented.record())


def test_what_json_cannot_hold_fails_the_copy(tmp_path):
    with journal.open(tmp_path) as book, pytest.raises(CopyFailed) as failed:
        book.copy("a", {"primary_id": "a", "not": float("nan")})
    assert failed.value.primary_id == "a"


def test_each_line_is_seen_by_others_before_the_next_step(tmp_path):
    with journal.open(tmp_path) as book:
        book.intend([("a", ACTION, {"primary_id": "a"}, DATE)])
        assert on_disk(tmp_path, "select primary_id, state, new from users") == [
            ("a", INTENDED, '{"purge_date": "2026-11-01"}')]
        assert on_disk(tmp_path, "select primary_id from copies") == [("a",)]
        book.sent(["a"], ACTION)
        assert on_disk(tmp_path, "select state from users") == [(SENT,)]
        book.settle("a", ACTION, {}, DATE, CONFIRMED, "read back")
        assert on_disk(tmp_path, "select state, reason from users") == [(CONFIRMED, "read back")]
        book.note_job("purge", state="intended", name="x")
        assert on_disk(tmp_path, "select kind, state from jobs") == [("purge", "intended")]
        book.copy("a", {"primary_id": "a"})
        assert on_disk(tmp_path, "select count(*) from copies") == [(2,)]


def test_an_intention_survives_a_process_that_is_killed(tmp_path):
    died = subprocess.run([sys.executable, "-c", INTEND_AND_DIE, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert journal.read(tmp_path).states(ACTION) == {"a": INTENDED}
    with journal.open(tmp_path) as book:
        assert book.states(ACTION) == {"a": INTENDED} and book.copy_of("a") == {"primary_id": "a"}


def test_two_processes_never_carry_out_one_run(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(RunBusy) as busy, journal.open(tmp_path):
            pass
        assert busy.value.folder == str(tmp_path)
        assert journal.read(tmp_path).results().empty, "reading is allowed"
        holder.communicate("")
    with journal.open(tmp_path) as book:
        assert book.states(ACTION) == {}


def test_an_error_inside_frees_the_run(tmp_path):
    with pytest.raises(ZeroDivisionError), journal.open(tmp_path):
        raise ZeroDivisionError
    with journal.open(tmp_path) as book:
        assert book.results().empty


def test_a_rehearsal_leaves_the_disk_untouched(tmp_path):
    with journal.open(tmp_path, rehearsal=True) as book:
        book.settle("a", ACTION, {}, DATE, CONFIRMED)
    assert not (tmp_path / "journal.sqlite").exists()
    with journal.open(tmp_path) as book:
        book.intend([("a", ACTION, {"primary_id": "a"}, DATE)])
    before = (tmp_path / "journal.sqlite").read_bytes()
    with journal.open(tmp_path, rehearsal=True) as book:
        assert book.states(ACTION) == {"a": INTENDED}
        book.settle("a", ACTION, {}, DATE, CONFIRMED)
        assert book.copy_of("a") == {"primary_id": "a"}
        book.note_job("purge", state="intended")
    assert (tmp_path / "journal.sqlite").read_bytes() == before
    assert journal.read(tmp_path).states(ACTION) == {"a": INTENDED}


def test_a_user_has_one_state_for_each_action_and_the_last_counts(tmp_path):
    with journal.open(tmp_path) as book:
        book.intend([("a", ACTION, {"primary_id": "a", "purge_date": "2020-01-01Z"}, DATE)])
        book.settle("a", ACTION, {}, DATE, FAILED, "no")
        book.settle("b", ACTION, {}, DATE, SKIPPED, "has loans")
        book.settle("a", ACTION, {}, DATE, CONFIRMED, "read back")
        book.settle("a", "purge", {}, {}, "gone", "away")
        assert book.states(ACTION) == {"a": CONFIRMED, "b": SKIPPED} and book.states("purge") == {"a": "gone"}
        found = book.results()
        assert list(found.columns) == journal.COLUMNS
        assert found.to_numpy().tolist() == [["a", ACTION, "2020-01-01", "2026-11-01", CONFIRMED, "read back"],
                                             ["b", ACTION, "", "2026-11-01", SKIPPED, "has loans"],
                                             ["a", "purge", "", "", "gone", "away"]]
        assert book.events()["what"].tolist() == [f"{ACTION}: {state}"
                                                  for state in (INTENDED, FAILED, SKIPPED, CONFIRMED)] + [
            "purge: gone"]


def test_what_was_there_before_our_first_write_is_never_written_over(tmp_path):
    first, ours = {"primary_id": "a", "purge_date": "2020-01-01Z", "x": 1}, {"primary_id": "a", "purge_date": DATE}
    with journal.open(tmp_path) as book:
        assert book.before("a", ACTION) is None
        book.settle("a", ACTION, {"purge_date": "2019-01-01"}, DATE, FAILED, "Alma did not answer")
        assert book.before("a", ACTION) is None, "nothing was sent then"
        book.intend([("a", ACTION, first, DATE)])
        book.settle("a", ACTION, {}, DATE, FAILED)
        book.intend([("a", ACTION, ours, DATE)])
    with journal.open(tmp_path) as book:
        found = book.before("a", ACTION)
    assert found == {"old": {"purge_date": "2020-01-01"}, "new": DATE, "state": INTENDED,
                     "digest": copies.digest(first, DATE)}


def test_a_batch_of_intentions_is_on_disk_whole_or_not_at_all(tmp_path):
    with journal.open(tmp_path) as book:
        with pytest.raises(CopyFailed):
            book.intend([("a", ACTION, {"primary_id": "a"}, DATE), ("b", ACTION, {"x": float("nan")}, DATE)])
        assert book.states(ACTION) == {} and on_disk(tmp_path, "select count(*) from copies") == [(0,)]


def test_one_bad_copy_of_a_batch_stops_it_before_anything_is_sent(tmp_path):
    with journal.open(tmp_path) as book:
        damage(tmp_path, "create trigger worn after insert on copies when new.primary_id = 'b' begin "
                         "update copies set record = zeroblob(9) where n = new.n; end")
        with pytest.raises(CopyFailed) as failed:
            book.intend([(one, ACTION, {"primary_id": one}, DATE) for one in "abc"])
        assert failed.value.primary_id == "b"
        assert book.states(ACTION) == {"a": INTENDED, "b": FAILED, "c": INTENDED}


def test_copies_are_encrypted_to_who_may_read_them_and_nobody_else(tmp_path):
    public = copies.new_key(tmp_path / "key")
    secret = {"primary_id": "a", "last_name": "Verysecret"}
    with journal.open(tmp_path, vault=copies.Vault([public])) as book:
        book.intend([("a", ACTION, secret, DATE)])
    assert b"Verysecret" not in b"".join(path.read_bytes() for path in tmp_path.glob("journal*"))
    with journal.open(tmp_path) as book:
        with pytest.raises(CopyFailed, match="encrypted"):
            book.copy_of("a")
        assert book.copy_of("a", copies.identities(tmp_path / "key")) == secret
        # What was there before is known without any key: to go on, and to put it back.
        assert book.before("a", ACTION)["old"] == {"purge_date": ""}


def test_a_journal_goes_on_in_another_folder(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    died = subprocess.run([sys.executable, "-c", INTEND_AND_DIE, str(here)], check=False)
    assert died.returncode == -signal.SIGKILL
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    with journal.open(there) as book:
        assert book.states(ACTION) == {"a": INTENDED} and book.copy_of("a") == {"primary_id": "a"}
        book.settle("a", ACTION, {}, DATE, CONFIRMED)
    assert journal.read(here).states(ACTION) == {"a": INTENDED}


@pytest.mark.parametrize("harm", [lambda data: b"", lambda data: data[:5000], lambda data: b"x" * len(data),
                                  lambda data: data[:4096] + bytes(len(data) - 4096),
                                  lambda data: data[:-3000] + b"?" * 3000])
def test_a_damaged_file_is_never_taken_for_an_empty_one(tmp_path, harm):
    with journal.open(tmp_path) as book:
        book.intend([(f"u{n}", ACTION, {"primary_id": f"u{n}", "x": "y" * 2000}, DATE) for n in range(50)])
    path = tmp_path / "journal.sqlite"
    data = path.read_bytes()
    path.write_bytes(harm(data))
    if harm(data):
        for use in (lambda: journal.read(tmp_path), lambda: journal.open(tmp_path).__enter__()):
            with pytest.raises(Failed, match="journal.sqlite is damaged"):
                use()


def test_a_journal_of_another_version_is_refused(tmp_path):
    with journal.open(tmp_path) as book:
        book.settle("a", ACTION, {}, DATE, CONFIRMED)
    damage(tmp_path, f"pragma user_version = {runfile.FORMAT + 1}")
    for use in (lambda: journal.read(tmp_path), lambda: journal.open(tmp_path).__enter__()):
        with pytest.raises(Refused, match=f"form {runfile.FORMAT + 1}"):
            use()


def test_a_full_disk_is_an_error_before_anything_is_sent(tmp_path):
    with journal.open(tmp_path) as book:
        book._db.execute("pragma max_page_count = 20")
        with pytest.raises(Failed, match="disk"):
            for n in range(200):
                book.intend([(f"u{n}", ACTION, {"primary_id": f"u{n}", "x": os.urandom(800).hex()}, DATE)])
    with journal.open(tmp_path) as book:
        states = book.states(ACTION)
        assert set(states.values()) == {INTENDED} and all(book.copy_of(one) for one in states)


def test_a_rehearsal_that_was_interrupted_goes_on_and_a_finished_one_begins_anew(tmp_path):
    with looks.open(tmp_path) as seen:
        seen.add([("a", 0.0, "would be set", ""), ("b", None, SKIPPED, "is not in Alma any more")])
    with looks.open(tmp_path) as seen:
        assert seen.unfinished(24) == {"a": ("would be set", ""), "b": (SKIPPED, "is not in Alma any more")}
        assert seen.owed(24) == {"a": 0.0} and seen.owed(0) == seen.unfinished(0) == {}
        seen.finish()
        assert seen.unfinished(24) == {} and seen.owed(24) == {"a": 0.0}
        seen.add([("a", 7.5, SKIPPED, "owes fees")])
        assert seen.unfinished(24) == {"a": (SKIPPED, "owes fees")} and seen.owed(24) == {"a": 7.5}
    assert (tmp_path / "rehearsal.sqlite").stat().st_mode & 0o777 == 0o600


def test_the_tally_counts_everybody(tmp_path):
    with journal.open(tmp_path) as book:
        for one in "abc":
            book.settle(one, ACTION, "", "", SKIPPED, "has loans")
        book.settle("d", ACTION, "", "", CONFIRMED)
        counted = journal.tally(book.results())
    assert counted.to_numpy().tolist() == [[ACTION, SKIPPED, "has loans", 3], [ACTION, CONFIRMED, "", 1]]


def test_facts_about_a_job_are_added_to_not_replaced(tmp_path):
    with journal.open(tmp_path) as book:
        assert book.job("purge") is None
        book.note_job("purge", set_id="1", set_name="s")
        book.note_job("purge", state="intended", name="n")
    known = journal.read(tmp_path).job("purge")
    assert (known["set_id"], known["set_name"], known["state"], known["name"]) == ("1", "s", "intended", "n")
    assert journal.read(tmp_path).job("other") is None


def test_ids_that_look_like_sql_or_numbers_are_only_texts(tmp_path):
    ids = ["a'; drop table users; --", "00412345", "=1+1", '"', "ünï", ""]
    with journal.open(tmp_path) as book:
        for one in ids:
            book.settle(one, ACTION, "", "", CONFIRMED)
        assert list(book.states(ACTION)) == ids


def test_the_journal_is_its_owners_only(tmp_path):
    with journal.open(tmp_path) as book:
        book.intend([("a", ACTION, {}, DATE)])
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_run_without_a_journal_reads_as_empty_and_stays_without(tmp_path):
    book = journal.read(tmp_path)
    assert book.results().empty and book.job("purge") is None and os.listdir(tmp_path) == []
