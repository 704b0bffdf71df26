"""What the journal says is on disk before the next step, is read back, and is nobody else's at the same time."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import invented
import pytest

from purgelib import journal
from purgelib.errors import CopyFailed, RunBusy
from purgelib.journal import CONFIRMED, FAILED, INTENDED, SKIPPED

ACTION = "set purge date"
INTEND_AND_DIE = """
import os, signal, sys
from purgelib import journal
with journal.open(sys.argv[1]) as book:
    book.copy("a", {"primary_id": "a"})
    book.intend("a", "set purge date", "", "2026-11-01")
    os.kill(os.getpid(), signal.SIGKILL)
"""
HOLD = """
import sys
from purgelib import journal
with journal.open(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


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
        book.copy("a", {"not": float("nan")})
    assert failed.value.primary_id == "a"


def test_each_line_is_seen_by_others_before_the_next_step(tmp_path):
    with journal.open(tmp_path) as book:
        book.intend("a", ACTION, "", "2026-11-01")
        assert on_disk(tmp_path, "select primary_id, state, new from users") == [("a", INTENDED, "2026-11-01")]
        book.settle("a", ACTION, "", "2026-11-01", CONFIRMED, "read back")
        assert on_disk(tmp_path, "select state, reason from users") == [(CONFIRMED, "read back")]
        book.note_job("purge", state="intended", name="x")
        assert on_disk(tmp_path, "select kind, state from jobs") == [("purge", "intended")]
        book.copy("a", {"primary_id": "a"})
        assert on_disk(tmp_path, "select count(*) from copies") == [(1,)]


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
        book.settle("a", ACTION, "", "x", CONFIRMED)
    assert not (tmp_path / "journal.sqlite").exists()
    with journal.open(tmp_path) as book:
        book.intend("a", ACTION, "", "x")
    before = (tmp_path / "journal.sqlite").read_bytes()
    with journal.open(tmp_path, rehearsal=True) as book:
        assert book.states(ACTION) == {"a": INTENDED}
        book.settle("a", ACTION, "", "x", CONFIRMED)
        book.copy("a", {"primary_id": "a"})
        book.note_job("purge", state="intended")
    assert (tmp_path / "journal.sqlite").read_bytes() == before
    assert journal.read(tmp_path).states(ACTION) == {"a": INTENDED}


def test_a_user_has_one_state_for_each_action_and_the_last_counts(tmp_path):
    with journal.open(tmp_path) as book:
        book.intend("a", ACTION, "old", "new")
        book.settle("a", ACTION, "old", "new", FAILED, "no")
        book.settle("b", ACTION, "", "new", SKIPPED, "has loans")
        book.settle("a", ACTION, "old", "new", CONFIRMED, "read back")
        book.settle("a", "purge", "", "", "gone", "away")
        assert book.states(ACTION) == {"a": CONFIRMED, "b": SKIPPED} and book.states("purge") == {"a": "gone"}
        found = book.results()
        assert list(found.columns) == journal.COLUMNS
        assert found.to_numpy().tolist() == [["a", ACTION, "old", "new", CONFIRMED, "read back"],
                                             ["b", ACTION, "", "new", SKIPPED, "has loans"],
                                             ["a", "purge", "", "", "gone", "away"]]
        assert book.events()["what"].tolist() == [f"{ACTION}: {state}"
                                                  for state in (INTENDED, FAILED, SKIPPED, CONFIRMED)] + [
            "purge: gone"]


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
        book.intend("a", ACTION, "", "")
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_run_without_a_journal_reads_as_empty_and_stays_without(tmp_path):
    book = journal.read(tmp_path)
    assert book.results().empty and book.job("purge") is None and os.listdir(tmp_path) == []
