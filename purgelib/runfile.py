"""The SQLite files of a run: their owner's only, one process at a time, whole, and of this version."""

import contextlib
import datetime
import hashlib
import json
import os
import sqlite3

import filelock

from purgelib.errors import Failed, Refused, RunBusy

FORMAT = 3
# The form of journals from before copies were encrypted: they can still be read.
OLD = 0
# The lines whose values are checked, by table: what an undo, or the next try, goes by.
SEALED = {"users": "primary_id, action, old, new, state, reason, digest",
          "jobs": "kind, name, job_id, set_id, set_name, instance, state, said"}
SMALLEST = 512  # bytes that any SQLite file has at least
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def now(hours=0):
    """Returns the moment, so many hours from now, in UTC as a text that sorts."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    return moment.isoformat(timespec="milliseconds")


def seal(*values):
    """Returns a short checksum of the values of a line: SQLite itself does not see when one of them rots."""
    return hashlib.blake2b(json.dumps(values).encode(), digest_size=8).hexdigest()


@contextlib.contextmanager
def only_one(path):
    """Holds the run while this lasts; raises RunBusy where another process holds it."""
    lock = filelock.FileLock(path.with_suffix(".lock"), mode=0o600)
    with _writable(path):
        try:
            # A process that was just killed may need a moment to be gone.
            lock.acquire(timeout=5)
        except filelock.Timeout:
            raise RunBusy(f"{path.parent.name} is being carried out by another notebook or process. Wait for it, or "
                          "stop it there.", folder=str(path.parent)) from None
        except NotImplementedError:
            raise Failed(f"The file system of {path.parent.name} cannot lock files, so that two processes might carry "
                         "out the same run: move the run folder to a local disk.", file=path.name) from None
    try:
        yield
    finally:
        lock.release()


def on_disk(path, tables):
    """Returns a connection to the file, made when it is not there; full sync: a line survives a power cut."""
    with _writable(path):
        if not path.exists() and not path.is_symlink():
            _make(path, tables)
        _refuse_links(path)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)  # it may have come from another machine
    connection = _connected(path)
    with _sound(connection, path, (FORMAT,)):
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
    return connection


def in_memory(path, tables):
    """Returns a copy in memory: the lines without the copies, of which there may be gigabytes."""
    connection = _connected(":memory:")
    connection.executescript(tables)
    if path.exists():
        with contextlib.closing(to_read(path)) as there, _sound(there, path, (FORMAT, OLD)) as form, connection:
            for table in ("users", "events", "jobs"):
                rows = there.execute(f"select * from {table}")
                names = [column[0] for column in rows.description]
                connection.executemany(f"insert into {table} ({', '.join(names)}) values "
                                       f"({', '.join('?' * len(names))})", rows)
            if form == OLD:
                # A plan could set the purge date only then, and its text was all there was to say.
                connection.execute("update users set old = json_object('purge_date', old), "
                                   "new = json_object('purge_date', new) where new <> ''")
    return connection


@contextlib.contextmanager
def written(connection, path):
    """All that is done while this lasts is on the disk at its end, or nothing of it."""
    try:
        with connection:
            yield
    except sqlite3.Error as error:
        raise Failed(f"{path.parent.name}/{path.name} cannot be written ({error}): is the disk full? Nothing that it "
                     "does not hold was sent to Alma. Make room, and run the step again to go on.",
                     file=path.name) from None


def to_read(path):
    """Returns a connection that only reads; also from where nothing can be written, such as an archive."""
    waiting = path.with_name(path.name + "-wal")
    may_write = os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    still = not may_write and not (waiting.exists() and waiting.stat().st_size)
    return _connected(f"{path.absolute().as_uri()}?mode=ro&immutable=1" if still else path)


def _connected(where):
    try:
        connection = sqlite3.connect(where, uri=str(where).startswith("file:"))
    except sqlite3.Error as error:
        raise Failed(f"{where} cannot be opened ({error}).", file=str(where)) from None
    connection.create_function("sealed", -1, seal, deterministic=True)
    return connection


def _make(path, tables):
    """The file is there whole or not at all: an empty one would be a run that was never begun."""
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        memory.executescript(f"{tables} pragma user_version = {FORMAT}")
        data = memory.serialize()
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _refuse_links(path):
    """Two runs that share one file would write into each other, as each has a lock of its own."""
    if path.is_symlink() or path.stat().st_nlink > 1:
        raise Refused(f"{path.parent.name}/{path.name} is a link to a file that another folder has, too: copy the run "
                      "folder anew, with files of its own.", file=path.name)


@contextlib.contextmanager
def _writable(path):
    try:
        yield
    except OSError as error:
        raise Failed(f"Nothing can be written into {path.parent.name} ({error.strerror or error}), so nothing is "
                     "carried out. Make room, or make the folder yours to write.", file=path.name) from None


@contextlib.contextmanager
def _sound(connection, path, forms):
    """Refuses a file of another version, and one that is damaged; closes it then."""
    try:
        yield _check(connection, path, forms)
    except Refused:
        connection.close()
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        connection.close()
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xff
        if code not in DAMAGED:
            raise Failed(f"{path.parent.name}/{path.name} cannot be used ({error}). Nothing is carried out by it.",
                         file=path.name) from None
        raise Failed(f"{path.parent.name}/{path.name} is damaged ({error}). Nothing is carried out by it: restore the "
                     "file from a backup of the folder, or look at every user of the plan in Alma.",
                     file=path.name, damaged=True) from None


def _check(connection, path, forms):
    """Returns the form of a file that is sound."""
    if path.stat().st_size < SMALLEST:
        raise sqlite3.DatabaseError("it was cut")
    tables = connection.execute("select count(*) from sqlite_master where name = 'users'").fetchone()[0]
    form = connection.execute("pragma user_version").fetchone()[0]
    if tables and form not in forms:
        raise Refused(f"{path.parent.name}/{path.name} was written by another version of this tool (form {form}, not "
                      f"{FORMAT}): use that one.", found=form)
    said = connection.execute("pragma integrity_check(1)").fetchone()[0]
    if said != "ok":
        raise sqlite3.DatabaseError(said.splitlines()[-1])
    if tables and form == FORMAT:
        _check_lines(connection)
    return form


def _check_lines(connection):
    for table, names in SEALED.items():
        try:
            bad = connection.execute(f"select 1 from {table} where sum is not sealed({names}) limit 1").fetchone()
        except sqlite3.OperationalError:
            bad = True  # not even text any more
        if bad:
            raise sqlite3.DatabaseError(f"a line of the table {table} is not as it was written")
