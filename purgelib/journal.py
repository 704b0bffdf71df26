"""The run's SQLite file: intentions, results, full copies. Each line is on disk before the next step.

States of a user: *intended* (a write may or may not have happened: ask Alma), *confirmed* (seen in Alma),
*skipped* (left alone, with a reason, for good), *failed* (did not happen, with a reason; may be tried again).
After the purge: *gone*, or *still in Alma*. A rehearsal notes what would be done, in memory only.
"""

import contextlib
import datetime
import hashlib
import json
import sqlite3
import zlib
from pathlib import Path

import filelock
import pandas as pd

from purgelib.errors import CopyFailed, RunBusy

INTENDED, CONFIRMED, SKIPPED, FAILED = "intended", "confirmed", "skipped", "failed"
GONE, LEFT = "gone", "still in Alma"
COLUMNS = ["primary_id", "action", "old", "new", "state", "reason"]
TABLES = """
create table if not exists users (primary_id text, action text, old text, new text, state text, reason text,
                                  changed text, primary key (primary_id, action));
create table if not exists events (n integer primary key, at text, what text, primary_id text, detail text);
create table if not exists copies (primary_id text, taken text, record blob, sha256 text);
create index if not exists copies_by_id on copies (primary_id);
create table if not exists jobs (kind text primary key, name text, job_id text, set_id text, set_name text,
                                 instance text, state text, said text, changed text);
"""


class Journal:
    """One run's journal, opened by ``journal.open``. Its methods write to disk, never to Alma."""

    def __init__(self, connection, clock):
        self._db, self._clock = connection, clock
        with self._db:
            self._db.executescript(TABLES)

    # ---- users

    def copy(self, primary_id, record):
        """Keeps a full copy of an Alma record and reads it back from the disk, or raises CopyFailed."""
        text = json.dumps(record, ensure_ascii=False, sort_keys=True).encode()
        sha256 = hashlib.sha256(text).hexdigest()
        with self._db:
            row = self._db.execute("insert into copies values (?, ?, ?, ?)",
                                   (primary_id, self._now(), zlib.compress(text), sha256)).lastrowid
        if self._read_copy(row) != record:
            raise CopyFailed("The copy of a record could not be read back from the journal: is the disk full? "
                             "Nothing was written to this user.", primary_id=primary_id)

    def copy_of(self, primary_id):
        """Returns the newest copy of a user's record, or None."""
        row = self._db.execute("select max(rowid) from copies where primary_id = ?", (primary_id,)).fetchone()[0]
        return row and self._read_copy(row)

    def intend(self, primary_id, action, old, new):
        """Notes that a write is about to be sent."""
        self._set(primary_id, action, old, new, INTENDED, "")

    def settle(self, primary_id, action, old, new, state, reason=""):
        """Notes how it came out."""
        self._set(primary_id, action, old, new, state, reason)

    def states(self, action):
        """Returns primary ID -> state of all users that this action was taken up for."""
        return dict(self._db.execute("select primary_id, state from users where action = ?", (action,)))

    def results(self):
        """Returns a frame with the columns COLUMNS, a row per user and action."""
        return pd.read_sql(f"select {', '.join(COLUMNS)} from users order by rowid", self._db)

    # ---- jobs

    def job(self, kind):
        """Returns what is known of this run's job of that kind as a dict, or None."""
        self._db.row_factory = sqlite3.Row
        row = self._db.execute("select * from jobs where kind = ?", (kind,)).fetchone()
        self._db.row_factory = None
        return row and dict(row)

    def note_job(self, kind, **facts):
        """Notes facts about this run's job of that kind (name, job_id, set_id, set_name, instance, state, said)."""
        known = {**{name: None for name in ("name", "job_id", "set_id", "set_name", "instance", "state", "said")},
                 **(self.job(kind) or {}), **facts}
        known |= {"kind": kind, "changed": self._now()}
        with self._db:
            self._db.execute("insert or replace into jobs values (:kind, :name, :job_id, :set_id, :set_name, :instance,"
                             " :state, :said, :changed)", known)
            self._event(f"job {kind}", "", json.dumps(facts))

    def events(self):
        """Returns everything in the order in which it was written: a frame with the columns at, what, primary_id."""
        return pd.read_sql("select at, what, primary_id, detail from events order by n", self._db)

    def _read_copy(self, row):
        record, sha256 = self._db.execute("select record, sha256 from copies where rowid = ?", (row,)).fetchone()
        try:
            text = zlib.decompress(record)
        except (zlib.error, TypeError):
            text = b""
        if hashlib.sha256(text).hexdigest() != sha256:
            raise CopyFailed("A copy in the journal is damaged; it cannot be used to restore a user.")
        return json.loads(text)

    def _set(self, primary_id, action, old, new, state, reason):
        with self._db:
            self._db.execute("insert into users values (?, ?, ?, ?, ?, ?, ?) on conflict (primary_id, action) do "
                             "update set state = excluded.state, reason = excluded.reason, changed = excluded.changed",
                             (primary_id, action, old, new, state, reason, self._now()))
            self._event(f"{action}: {state}", primary_id, reason)

    def _event(self, what, primary_id, detail):
        self._db.execute("insert into events (at, what, primary_id, detail) values (?, ?, ?, ?)",
                         (self._now(), what, primary_id, detail))

    def _now(self):
        return self._clock().isoformat(timespec="milliseconds")


def tally(results):
    """Counts results by action, state and reason: a frame with the columns action, state, reason, users."""
    counted = results.groupby(["action", "state", "reason"], sort=False).size().rename("users").reset_index()
    return counted.sort_values(["action", "users"], ascending=[False, False], ignore_index=True)


@contextlib.contextmanager
def open(folder, rehearsal=False):
    """Opens a run's journal; only one process at a time may. A rehearsal gets a copy in memory, lost at the end."""
    path = Path(folder) / "journal.sqlite"
    lock = filelock.FileLock(path.with_suffix(".lock"), mode=0o600)
    try:
        # A process that was just killed may need a moment to be gone.
        lock.acquire(timeout=5)
    except filelock.Timeout:
        raise RunBusy(f"{path.parent.name} is being carried out by another notebook or process. Wait for it, or stop "
                      "it there.", folder=str(path.parent)) from None
    try:
        connection = _in_memory(path) if rehearsal else _on_disk(path)
        with contextlib.closing(connection):
            yield Journal(connection, lambda: datetime.datetime.now(datetime.UTC))
    finally:
        lock.release()


def undone(folder):
    """Returns what of a run was undone: a dict of action -> set of primary IDs. Only reads."""
    found = {}
    for one in sorted(Path(folder).glob("restore-*")):
        for row in read(one).results().itertuples(index=False):
            if row.state == CONFIRMED:
                found.setdefault(row.action, set()).add(row.primary_id)
    return found


def read(folder):
    """Returns a run's journal as it stands now, as a copy in memory; a run without a journal gives an empty one."""
    return Journal(_in_memory(Path(folder) / "journal.sqlite"), lambda: datetime.datetime.now(datetime.UTC))


def _on_disk(path):
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = wal")
    # Full: the intention survives a power cut, not only a crash of this process.
    connection.execute("pragma synchronous = full")
    return connection


def _in_memory(path):
    connection = sqlite3.connect(":memory:")
    if path.exists():
        with contextlib.closing(sqlite3.connect(path)) as there:
            there.backup(connection)
    return connection
