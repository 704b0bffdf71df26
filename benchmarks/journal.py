"""What the journal costs for each user, in batches, with encrypted copies that are read back; and what the disk does.

    make bench                                  with 2,000 users in batches of 20
    .venv/bin/python benchmarks/journal.py 10000 64     at other numbers

Beside it: bare SQLite that keeps the same records as text, one commit with full sync for each user.
"""

import contextlib
import json
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import pyrage
from reading import tell

from purgelib import copies, journal
from purgelib.sandbox import trying

ACTION, NEW = "update user", {"purge_date": "2026-11-01"}


def records(count):
    """Returns that many invented records, each with a primary ID of its own."""
    alma = trying.Tried(users=300)
    listed = [one["primary_id"] for offset in (0, 100, 200)
              for one in alma.ask("GET", "users", limit=100, offset=offset).json["user"]]
    answers = [alma.ask("GET", f"users/{one}", expand="loans,requests,fees") for one in listed]
    there = [answer.json for answer in answers if answer.status == 200]
    return [{**there[n % len(there)], "primary_id": f"u{n:07}"} for n in range(count)]


def kept(people, size, folder):
    """Takes everybody through the journal in batches; returns the seconds of each step."""
    vault = copies.Vault([str(pyrage.x25519.Identity.generate().to_public())])
    took = dict.fromkeys(("intend", "sent", "settle"), 0.0)
    with journal.open(folder, vault=vault) as book:
        for start in range(0, len(people), size):
            batch = people[start:start + size]
            ids = [one["primary_id"] for one in batch]
            rows = [(one["primary_id"], ACTION, one, NEW) for one in batch]
            ends = [(one, ACTION, {}, NEW, journal.CONFIRMED, "as Alma answered") for one in ids]
            for step, act in (("intend", lambda rows=rows: book.intend(rows)),
                              ("sent", lambda ids=ids: book.sent(ids, ACTION)),
                              ("settle", lambda ends=ends: book.settle_all(ends))):
                begun = time.perf_counter()
                act()
                took[step] += time.perf_counter() - begun
    return took


def bare(people, folder):
    """Keeps the records as text, a commit each; returns seconds."""
    with contextlib.closing(sqlite3.connect(Path(folder) / "bare.sqlite")) as db:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        db.execute("create table kept (primary_id text primary key, record text)")
        begun = time.perf_counter()
        for one in people:
            with db:
                db.execute("insert into kept values (?, ?)", (one["primary_id"], json.dumps(one)))
        return time.perf_counter() - begun


def measure(count, size):
    """Prints what the journal costs for each user, what bare commits cost, and how large and quick to open it is."""
    people = records(count)
    with tempfile.TemporaryDirectory(dir=os.environ.get("PURGELIB_DATA")) as folder:
        took = kept(people, size, folder)
        each = {step: 1000 * seconds / count for step, seconds in took.items()}
        tell(f"{count:,} users in batches of {size}: {sum(each.values()):.2f} ms a user in the journal (" + ", ".join(
            f"{step} {ms:.2f}" for step, ms in each.items()) + ")")
        tell("bare SQLite, one commit a user, nothing encrypted and nothing read back: "
             f"{1000 * bare(people, folder) / count:.2f} ms a user")
        size = (Path(folder) / "journal.sqlite").stat().st_size
        begun = time.perf_counter()
        journal.read(folder).results()
        tell(f"the journal holds {size / count:,.0f} bytes a user, and is checked and read in "
             f"{time.perf_counter() - begun:.2f} s")


if __name__ == "__main__":
    measure(*[int(one) for one in sys.argv[1:3]] or (2_000, 20))
