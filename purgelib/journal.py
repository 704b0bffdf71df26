"""The run's SQLite file: intentions, results, full copies. Each line is on disk before the next step.

States of a user: *intended* and *sent* (a write may or may not have happened: ask Alma), *unknown* (it was sent, and no
answer came: ask Alma), *confirmed* (seen in Alma), *skipped* (left alone, with a reason, for good), *failed* (did not
happen, with a reason). After the purge: *gone*, or *still in Alma*. A rehearsal notes what would be done in memory.
"""

import contextlib
import hashlib
import json
import sqlite3
import zlib
from pathlib import Path

import pandas as pd

from purgelib import copies, fields, runfile
from purgelib.errors import CopyFailed

INTENDED, SENT, UNKNOWN = "intended", "sent", "unknown"
CONFIRMED, SKIPPED, FAILED = "confirmed", "skipped", "failed"
WOULD = "would be set"
GONE, LEFT = "gone", "still in Alma"
# What only Alma can tell after a crash.
OPEN = (INTENDED, SENT, UNKNOWN)
COLUMNS = ["primary_id", "action", "old", "new", "state", "reason"]
JOB = ["kind", "name", "job_id", "set_id", "set_name", "instance", "state", "said", "changed"]
TABLES = """
create table if not exists users (primary_id text, action text, old text, new text, state text, reason text,
                                  digest text, changed text, sum text, primary key (primary_id, action));
create table if not exists events (n integer primary key, at text, what text, primary_id text, detail text);
create table if not exists copies (n integer primary key, primary_id text, taken text, record blob, sha256 text);
create index if not exists copies_by_id on copies (primary_id);
create table if not exists jobs (kind text primary key, name text, job_id text, set_id text, set_name text,
                                 instance text, state text, said text, changed text, sum text);
"""


class Journal:
    """One run's journal, opened by ``journal.open``; for one thread. Its methods write to disk, never to Alma."""

    def __init__(self, connection, path, vault=None):
        self._db, self._path, self._vault = connection, path, vault or copies.Vault()
        self._reader = None

    # ---- users

    def intend(self, rows):
        """Keeps full copies of records and notes that writes are about to be sent, all or none, and reads them back.

        rows: list of (primary ID, action, record as it is now, new: dict of field -> text). Raises CopyFailed where a
        copy cannot be read back from the disk; whoever that is, is failed, and nothing may be sent for anybody.
        """
        made = [self._prepared(*row) for row in rows]
        with self._written():
            numbers = [self._copied(primary_id, blob) for primary_id, _, _, _, _, blob in made]
            for primary_id, action, old, new, digest, _ in made:
                self._put(primary_id, action, old, new, INTENDED, "", digest)
            self._seal_lines([row[:2] for row in rows])
        bad = [row for row, number in zip(rows, numbers, strict=True) if not self._reads_back(number, row[2])]
        if bad:
            self.settle_all([(one, action, {}, new, FAILED, "the copy of the record could not be read back")
                             for one, action, _, new in bad])
            raise CopyFailed("The copy of a record could not be read back from the journal: is the disk full? Nothing "
                             "was written to this user.", primary_id=bad[0][0])

    def _prepared(self, primary_id, action, record, new):
        old = fields.seen(record, new)
        return (primary_id, action, fields.as_text(old), fields.as_text(new), copies.digest(record, new),
                self._vault.seal(record))

    def sent(self, primary_ids, action):
        """Notes that the writes are on their way. A power cut may lose this line: *intended* asks the same question."""
        self._db.execute("pragma synchronous = normal")
        try:
            with self._written():
                self._db.executemany("update users set state = ?, changed = ? where primary_id = ? and action = ?",
                                     [(SENT, runfile.now(), one, action) for one in primary_ids])
                self._seal_lines([(one, action) for one in primary_ids])
        finally:
            self._db.execute("pragma synchronous = full")

    def settle_all(self, rows):
        """Notes how it came out for several users, all or none.

        rows: list of (primary ID, action, old, new, state, reason); old and new: dicts of field -> text, which count
        only where nothing was intended before.
        """
        if not rows:
            return
        with self._written():
            for primary_id, action, old, new, state, reason in rows:
                self._put(primary_id, action, fields.as_text(old), fields.as_text(new), state, reason)
            self._seal_lines([row[:2] for row in rows])

    def forget(self, rows):
        """Notes that writes did not happen, which is proven: the next try begins anew. rows: as for ``settle_all``."""
        if not rows:
            return
        with self._written():
            for primary_id, action, old, new, state, reason in rows:
                self._put(primary_id, action, fields.as_text(old), fields.as_text(new), state, reason)
                self._db.execute("update users set digest = null where primary_id = ? and action = ?",
                                 (primary_id, action))
            self._seal_lines([row[:2] for row in rows])

    def settle(self, primary_id, action, old, new, state, reason=""):
        """Notes how it came out for one user, see ``settle_all``."""
        self.settle_all([(primary_id, action, old, new, state, reason)])

    def states(self, action):
        """Returns primary ID -> state of all users that this action was taken up for."""
        return dict(self._db.execute("select primary_id, state from users where action = ?", (action,)))

    def before(self, primary_id, action):
        """Returns what was there before our write, or None: a dict with old, new (field -> text), digest, state."""
        row = self._db.execute("select old, new, digest, state from users where primary_id = ? and action = ? and "
                               "digest is not null", (primary_id, action)).fetchone()
        return row and {"old": fields.from_text(row[0]), "new": fields.from_text(row[1]), "digest": row[2],
                        "state": row[3]}

    def results(self):
        """Returns a frame with the columns COLUMNS, a row per user and action; old and new in words."""
        found = pd.read_sql(f"select {', '.join(COLUMNS)} from users order by rowid", self._db, dtype="str")
        for name in ("old", "new"):
            # Few values occur, and each is put into words once.
            said = {text: _storable(fields.words(fields.from_text(text))) for text in found[name].unique()}
            found[name] = found[name].map(said)
        return found

    # ---- copies

    def copy(self, primary_id, record):
        """Keeps a full copy of an Alma record and reads it back from the disk, or raises CopyFailed."""
        blob = self._vault.seal(record)
        with self._written():
            number = self._copied(primary_id, blob)
        if not self._reads_back(number, record):
            raise CopyFailed("The copy of a record could not be read back from the journal: is the disk full? "
                             "Nothing was written to this user.", primary_id=primary_id)

    def copy_of(self, primary_id, keys=()):
        """Returns the newest copy of a user's record, or None; keys: as ``copies.identities`` gives them."""
        row = self._kept("primary_id", primary_id)
        if row is None:
            return None
        if not _is_whole(*row):
            raise CopyFailed("A copy in the journal is damaged; it cannot be used to restore a user.",
                             primary_id=primary_id)
        return copies.opened(row[0], keys)

    def _copied(self, primary_id, blob):
        sha256 = hashlib.sha256(blob).hexdigest()
        return self._db.execute("insert into copies (primary_id, taken, record, sha256) values (?, ?, ?, ?)",
                                (primary_id, runfile.now(), blob, sha256)).lastrowid

    def _reads_back(self, number, record):
        row = self._kept("rowid", number)
        return bool(row) and _is_whole(*row) and self._vault.reads_back(row[0], record)

    def _kept(self, name, value):
        """The newest copy and its checksum; two times nothing where not even these can be read."""
        try:
            return self._there().execute(f"select record, sha256 from copies where {name} = ? order by rowid desc "
                                         "limit 1", (value,)).fetchone()
        except sqlite3.Error:
            return None, None

    def _written(self):
        return runfile.written(self._db, self._path)

    def _there(self):
        """Another connection to the file: what it reads went through the file, and not only through our memory."""
        if self._reader is None:
            if not self._path.exists():
                return self._db
            self._reader = runfile.to_read(self._path)
        return self._reader

    def close(self):
        """Closes the files."""
        for one in filter(None, (self._reader, self._db)):
            one.close()

    # ---- jobs

    def job(self, kind):
        """Returns what is known of this run's job of that kind as a dict, or None."""
        row = self._db.execute(f"select {', '.join(JOB)} from jobs where kind = ?", (kind,)).fetchone()
        return row and dict(zip(JOB, row, strict=True))

    def note_job(self, kind, **facts):
        """Notes facts about this run's job of that kind (name, job_id, set_id, set_name, instance, state, said)."""
        known = dict.fromkeys(JOB) | (self.job(kind) or {}) | facts | {"kind": kind, "changed": runfile.now()}
        with self._written():
            self._db.execute(f"insert or replace into jobs ({', '.join(JOB)}) values (:{', :'.join(JOB)})", known)
            self._db.execute(f"update jobs set sum = sealed({runfile.SEALED['jobs']}) where kind = ?", (kind,))
            self._event(f"job {kind}", "", json.dumps(facts))

    def was_said(self, words):
        """Says whether these words stand at the beginning of any reason that was ever noted."""
        return bool(self._db.execute("select 1 from events where substr(detail, 1, ?) = ? limit 1",
                                     (len(words), words)).fetchone())

    def events(self):
        """Returns everything in the order in which it was written: a frame with at, what, primary_id, detail."""
        return pd.read_sql("select at, what, primary_id, detail from events order by n", self._db)

    def _put(self, primary_id, action, old, new, state, reason, digest=None):
        # What was there before our first write is never written over: it is what an undo puts back.
        self._db.execute(
            "insert into users values (?, ?, ?, ?, ?, ?, ?, ?, null) on conflict (primary_id, action) do update set "
            "state = excluded.state, reason = excluded.reason, changed = excluded.changed, "
            "old = case when digest is null and excluded.digest is not null then excluded.old else old end, "
            "new = case when excluded.digest is not null then excluded.new else new end, "
            "digest = coalesce(digest, excluded.digest)",
            (primary_id, action, old, new, state, _storable(reason), digest, runfile.now()))
        self._event(f"{action}: {state}", primary_id, reason)

    def _seal_lines(self, keys):
        """So that a line which rots is seen when the journal is opened."""
        self._db.executemany(f"update users set sum = sealed({runfile.SEALED['users']}) where primary_id = ? "
                             "and action = ?", keys)

    def _event(self, what, primary_id, detail):
        self._db.execute("insert into events (at, what, primary_id, detail) values (?, ?, ?, ?)",
                         (runfile.now(), what, primary_id, _storable(detail)))


def _storable(text):
    """What Alma says may hold halves of signs, which no file takes."""
    return text.encode(errors="backslashreplace").decode()


def _is_whole(blob, sha256):
    """Copies from before they were encrypted have the checksum of their text."""
    if not isinstance(blob, bytes):
        return False
    if hashlib.sha256(blob).hexdigest() == sha256:
        return True
    try:
        return not copies.is_locked(blob) and hashlib.sha256(zlib.decompress(blob)).hexdigest() == sha256
    except zlib.error:
        return False


def tally(results):
    """Counts results by action, state and reason: a frame with the columns action, state, reason, users."""
    counted = results.groupby(["action", "state", "reason"], sort=False).size().rename("users").reset_index()
    return counted.sort_values(["action", "users"], ascending=[False, False], ignore_index=True)


@contextlib.contextmanager
def open(folder, rehearsal=False, vault=None):
    """Opens a run's journal; only one process at a time may. A rehearsal gets a copy in memory, lost at the end.

    vault: seals the copies, a ``copies.Vault``; without one they are compressed only.
    """
    path = Path(folder) / "journal.sqlite"
    with runfile.only_one(path):
        book = Journal(runfile.in_memory(path, TABLES) if rehearsal else runfile.on_disk(path, TABLES), path, vault)
        with contextlib.closing(book):
            yield book


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
    path = Path(folder) / "journal.sqlite"
    return Journal(runfile.in_memory(path, TABLES), path)
