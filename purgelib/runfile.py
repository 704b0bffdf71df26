"""The SQLite files of a run: their owner's only, one process at a time, whole, and of this version."""

import contextlib
import datetime
import sqlite3

import filelock

from purgelib.errors import Failed, Refused, RunBusy

FORMAT = 2


def now(hours=0):
    """Returns the moment, so many hours from now, in UTC as a text that sorts."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    return moment.isoformat(timespec="milliseconds")


@contextlib.contextmanager
def only_one(path):
    """Holds the run while this lasts; raises RunBusy where another process holds it."""
    lock = filelock.FileLock(path.with_suffix(".lock"), mode=0o600)
    try:
        # A process that was just killed may need a moment to be gone.
        lock.acquire(timeout=5)
    except filelock.Timeout:
        raise RunBusy(f"{path.parent.name} is being carried out by another notebook or process. Wait for it, or stop "
                      "it there.", folder=str(path.parent)) from None
    try:
        yield
    finally:
        lock.release()


def on_disk(path):
    """Returns a connection to the file, made when it is not there; full sync: a line survives a power cut."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    with _sound(connection, path):
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute(f"pragma user_version = {FORMAT}")
    return connection


def in_memory(path, tables):
    """Returns a copy in memory: the lines without the copies, of which there may be gigabytes."""
    connection = sqlite3.connect(":memory:")
    connection.executescript(tables)
    if path.exists() and path.stat().st_size:
        with contextlib.closing(sqlite3.connect(path)) as there, _sound(there, path):
            for table in ("users", "events", "jobs"):
                rows = there.execute(f"select * from {table}")
                marks = ", ".join("?" * len(rows.description))
                with connection:
                    connection.executemany(f"insert into {table} values ({marks})", rows)
    return connection


@contextlib.contextmanager
def _sound(connection, path):
    """Refuses a file of another version, and one that is damaged; closes it then."""
    try:
        tables = connection.execute("select count(*) from sqlite_master where name = 'users'").fetchone()[0]
        version = connection.execute("pragma user_version").fetchone()[0]
        if tables and version != FORMAT:
            raise Refused(f"{path.parent.name}/{path.name} was written by another version of this tool (form "
                          f"{version}, not {FORMAT}): use that one.", found=version)
        said = connection.execute("pragma quick_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError(said)
        yield
    except Refused:
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Failed(f"{path.parent.name}/{path.name} is damaged or cannot be used ({error}). Nothing is carried out "
                     "by it: restore the file from a backup of the folder, or look at every user of the plan in Alma.",
                     file=path.name) from None
