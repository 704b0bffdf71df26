"""The files of a run are whole, of this version, their owner's only, in one place only; else nothing is carried out."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import filelock
import invented
import pytest

from purgelib import copies, journal, looks, runfile
from purgelib.errors import CopyFailed, Failed, PurgeError, Refused
from purgelib.journal import CONFIRMED, FAILED, INTENDED

ACTION, DATE = "update user", {"purge_date": "2026-11-01"}
POSIX = pytest.mark.skipif(os.name != "posix", reason="the mode of a file tells who may read it only there")


@pytest.fixture
def run(tmp_path):
    """The folder of a run with 30 users, one of them confirmed, and a job."""
    folder = tmp_path / "run"
    folder.mkdir()
    with journal.open(folder) as book:
        book.intend([(f"u{n}", ACTION, invented.record(primary_id=f"u{n}", x="y" * 900), DATE) for n in range(30)])
        book.settle("u0", ACTION, {}, DATE, CONFIRMED, "read back")
        book.note_job("purge", state="intended", job_id="M1")
    return folder


def uses(folder):
    return [lambda: journal.read(folder), lambda: journal.open(folder).__enter__(),
            lambda: journal.open(folder, rehearsal=True).__enter__()]


def edit(path, statement, *values):
    with contextlib.closing(sqlite3.connect(path)) as other, other:
        other.execute(statement, values)


# ---- damage

@pytest.mark.parametrize("harm", [
    "update users set old = '{\"purge_date\": \"2036-11-01\"}' where primary_id = 'u7'",
    "update users set state = 'confirmed' where primary_id = 'u7'", "update users set sum = null",
    "update users set primary_id = 'u77' where primary_id = 'u7'", "update users set digest = null",
    "update users set state = cast(x'ff' as text)", "update jobs set state = null", "update jobs set job_id = 'M2'"])
def test_a_line_that_is_not_as_it_was_written_is_seen(run, harm):
    edit(run / "journal.sqlite", harm)
    for use in uses(run):
        with pytest.raises(Failed, match="journal.sqlite is damaged .* restore"):
            use()


def test_no_flipped_byte_changes_what_the_journal_says(run):
    path, chance = run / "journal.sqlite", random.Random(4)
    data = path.read_bytes()
    before, everything = journal.read(run), [f"u{n}" for n in range(30)]
    truth = before.results(), before.job("purge"), [before.before(one, ACTION) for one in everything]
    refused = 0
    for place in [*range(0, 120, 3), *(chance.randrange(len(data)) for _ in range(400))]:
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1:])
        try:
            book = journal.read(run)
            found = book.results(), book.job("purge"), [book.before(one, ACTION) for one in everything]
            assert found[0].equals(truth[0]) and found[1]["state"] == "intended" and found[2] == truth[2], place
            with contextlib.suppress(CopyFailed):
                assert all(book.copy_of(one)["primary_id"] == one for one in everything), place
            book.close()
        except PurgeError:
            refused += 1
    assert refused > 40


@pytest.mark.parametrize("length", [0, 1, 99, 4096, 5000, -1, -4096])
def test_a_file_that_was_cut_is_never_taken_for_a_whole_one(run, length):
    path = run / "journal.sqlite"
    path.write_bytes(path.read_bytes()[:length])
    for use in uses(run):
        with pytest.raises(Failed, match="damaged"):
            use()


def test_a_folder_in_place_of_the_journal_is_refused(run):
    (run / "journal.sqlite").unlink()
    (run / "journal.sqlite").mkdir()
    for use in uses(run):
        with pytest.raises(PurgeError):
            use()


def test_looks_that_are_damaged_are_only_looked_again(tmp_path):
    with looks.open(tmp_path) as seen:
        seen.add([(one, 0.0, "would be set", "") for one in "ab"])
    path = tmp_path / "rehearsal.sqlite"
    edit(path, "update looks set state = 'skipped' where primary_id = 'a'")
    with looks.open(tmp_path) as seen:
        assert seen.owed(24) == {"b": 0.0} and list(seen.unfinished(24)) == ["b"]
    edit(path, "update looks set owed = 9 where primary_id = 'b'")
    with looks.open(tmp_path) as seen:
        assert seen.owed(24) == {}
    path.write_bytes(path.read_bytes()[:3000])
    with looks.open(tmp_path) as seen:
        assert seen.owed(24) == {}
        seen.add([("c", 1.0, "would be set", "")])
        assert seen.owed(24) == {"c": 1.0}


# ---- other versions

def old_journal(folder):
    """A journal as it was before copies were encrypted."""
    text = json.dumps(invented.record(last_name="Übel"), ensure_ascii=False, sort_keys=True).encode()
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as db, db:
        db.executescript("""
            create table users (primary_id text, action text, old text, new text, state text, reason text,
                                changed text, primary key (primary_id, action));
            create table events (n integer primary key, at text, what text, primary_id text, detail text);
            create table copies (primary_id text, taken text, record blob, sha256 text);
            create table jobs (kind text primary key, name text, job_id text, set_id text, set_name text,
                               instance text, state text, said text, changed text);""")
        db.execute("insert into users values ('00412345', 'set purge date', '', '2026-11-01', 'confirmed', '', '')")
        db.execute("insert into copies values ('00412345', '', ?, ?)",
                   (zlib.compress(text), hashlib.sha256(text).hexdigest()))


def test_a_journal_from_before_copies_were_encrypted_can_be_read_but_not_carried_on(tmp_path):
    old_journal(tmp_path)
    before = (tmp_path / "journal.sqlite").read_bytes()
    book = journal.read(tmp_path)
    assert book.copy_of("00412345")["last_name"] == "Übel" and book.copy_of("412345") is None
    assert book.results()[["old", "new", "state"]].to_numpy().tolist() == [["", "2026-11-01", CONFIRMED]]
    with pytest.raises(Refused, match="another version"), journal.open(tmp_path):
        pass
    edit(tmp_path / "journal.sqlite", "update copies set sha256 = 'x'")
    with pytest.raises(CopyFailed):
        journal.read(tmp_path).copy_of("00412345")
    assert len(before) == (tmp_path / "journal.sqlite").stat().st_size


# ---- where the files lie

@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_journal_that_two_folders_share_is_refused(run, link):
    other = run.parent / "other"
    other.mkdir()
    link(run / "journal.sqlite", other / "journal.sqlite")
    with pytest.raises(Refused, match="copy the run folder anew"), journal.open(other):
        pass
    assert journal.read(other).states(ACTION)["u0"] == CONFIRMED, "reading does no harm"
    shutil.copy(run / "journal.sqlite", other / "copied")
    (other / "journal.sqlite").unlink()
    (other / "copied").rename(other / "journal.sqlite")
    for folder in (run, other):
        with journal.open(folder) as book:
            assert book.states(ACTION)["u0"] == CONFIRMED


def test_a_dangling_link_is_no_place_for_a_journal(tmp_path):
    (tmp_path / "journal.sqlite").symlink_to(tmp_path / "elsewhere.sqlite")
    with pytest.raises(PurgeError), journal.open(tmp_path):
        pass
    assert not (tmp_path / "elsewhere.sqlite").exists()


def test_a_run_folder_may_be_a_link(run):
    link = run.parent / "link"
    link.symlink_to(run)
    with journal.open(link) as book:
        assert book.states(ACTION)["u0"] == CONFIRMED


@POSIX
def test_a_journal_that_came_with_a_wide_mode_is_its_owners_only_again(run):
    (run / "journal.sqlite").chmod(0o644)
    with journal.open(run) as book:
        book.settle("u1", ACTION, {}, DATE, CONFIRMED)
        assert {path.stat().st_mode & 0o077 for path in run.iterdir()} == {0}


@pytest.fixture
def still(run):
    """The same run in a folder where nothing can be written, as in an archive; for whoever is no administrator."""
    folder = Path(tempfile.mkdtemp())
    me = os.geteuid()
    shutil.copytree(run, folder / "run")
    # The folder is made by the administrator of a container, who may write everywhere; another user may not.
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 65534 if me == 0 else me, -1)
        path.chmod(0o500 if path.is_dir() else 0o400)
    if me == 0:
        os.seteuid(65534)
    yield folder / "run"
    os.seteuid(me)
    for path in [folder, folder / "run"]:
        path.chmod(0o700)
    shutil.rmtree(folder)


@POSIX
def test_an_archived_run_can_be_read_and_not_carried_on(still):
    book = journal.read(still)
    assert book.states(ACTION)["u0"] == CONFIRMED and book.copy_of("u7")["primary_id"] == "u7"
    book.close()
    for rehearsal in (False, True):
        with pytest.raises(Failed, match="can be written into run"), journal.open(still, rehearsal):
            pass
    with pytest.raises(Failed, match="can be written into run"), looks.open(still):
        pass


def test_a_run_that_is_no_folder_is_told_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Failed, match="can be written into file"), journal.open(tmp_path / "file"):
        pass


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def no_locks(*_):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(filelock.FileLock, "_acquire", no_locks)
    with pytest.raises(Failed, match="local disk"), journal.open(tmp_path):
        pass
    assert not (tmp_path / "journal.sqlite").exists()


def test_a_journal_begun_and_left_by_a_crash_is_begun_anew(tmp_path):
    (tmp_path / "journal.sqlite.new").write_bytes(b"half")
    with journal.open(tmp_path) as book:
        book.settle("a", ACTION, {}, DATE, CONFIRMED)
    assert journal.read(tmp_path).states(ACTION) == {"a": CONFIRMED}


# ---- who holds it

HOLD_AND_DIE = """
import os, signal, sys
from purgelib import journal
with journal.open(sys.argv[1]) as book:
    book.settle("a", "update user", {}, {}, "confirmed")
    os.fork() or os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@POSIX
def test_the_lock_of_a_process_that_was_killed_is_nobodys(tmp_path):
    died = subprocess.run([sys.executable, "-c", HOLD_AND_DIE, str(tmp_path)], check=False,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert died.returncode == -signal.SIGKILL and (tmp_path / "journal.lock").exists()
    with journal.open(tmp_path) as book:
        assert book.states(ACTION) == {"a": CONFIRMED}


# ---- no room

def test_a_full_disk_loses_nothing_that_was_written_and_is_told_in_words(run):
    with journal.open(run) as book:
        pages = book._db.execute("pragma page_count").fetchone()[0]
        book._db.execute(f"pragma max_page_count = {pages}")
        long = [(f"v{n}", ACTION, invented.record(primary_id=f"v{n}", x=os.urandom(3000).hex()), DATE)
                for n in range(30)]
        with pytest.raises(Failed, match="disk full"):
            book.intend(long)
        assert not any(one.startswith("v") for one in book.states(ACTION)), "all or none"
        with pytest.raises(Failed, match="disk full"):
            book.settle_all([(f"w{n}", ACTION, {}, DATE, FAILED, "x" * 3000) for n in range(300)])
        with pytest.raises(Failed, match="disk full"):
            book.note_job("purge", said="x" * 300_000)
    book = journal.read(run)
    assert len(book.states(ACTION)) == 30 and book.job("purge")["said"] is None


def test_a_full_disk_ends_a_rehearsal_in_words(tmp_path):
    with looks.open(tmp_path) as seen:
        seen._db.execute("pragma max_page_count = 4")
        with pytest.raises(Failed, match="rehearsal.sqlite cannot be written"):
            seen.add([(f"u{n}", 0.0, "would be set", "x" * 100) for n in range(500)])


def test_signs_that_no_file_takes_stop_nothing(tmp_path):
    with journal.open(tmp_path) as book:
        book.intend([("a", ACTION, {"primary_id": "a", "user_group": {"value": "\ud800"}}, {"user_group": "06"})])
        book.settle("a", ACTION, {}, DATE, FAILED, "Alma says \udcff")
        assert book.copy_of("a")["user_group"]["value"] == "\ud800"
        assert book.before("a", ACTION)["old"] == {"user_group": "\ud800"}
        assert book.results()["reason"].tolist() == ["Alma says \\udcff"]
    assert journal.read(tmp_path).states(ACTION) == {"a": FAILED}


def test_a_seal_tells_every_value_and_its_place():
    sealed = runfile.seal("a", "b", None, "")
    assert sealed == runfile.seal("a", "b", None, "") and len(sealed) == 16
    assert len({sealed, *(runfile.seal(*one) for one in [
        ("b", "a", None, ""), ("ab", "", None, ""), ("a", "b", "", None), ("a", "b", "None", ""),
        ("a", "b", None)])}) == 6


def test_copies_of_a_run_that_is_only_read_open_with_the_key(tmp_path):
    vault = copies.Vault([copies.new_key(tmp_path / "key")])
    with journal.open(tmp_path, vault=vault) as book:
        book.intend([("a", ACTION, {"primary_id": "a"}, DATE)])
    book = journal.read(tmp_path)
    assert book.copy_of("a", copies.identities(tmp_path / "key")) == {"primary_id": "a"}
    assert book.states(ACTION) == {"a": INTENDED}
