"""What rehearsals of a run saw, on disk, so that hours of looking are not lost when one is interrupted."""

import contextlib
from pathlib import Path

from purgelib import runfile

LOOKS = """
create table if not exists looks (primary_id text primary key, at text, owed real, state text, reason text, done int);
"""


class Looks:
    """Fees, which cost calls of their own, and how it would come out for each user; opened by ``looks.open``."""

    def __init__(self, path):
        self._db = runfile.on_disk(path)
        self._db.executescript(LOOKS)

    def add(self, rows):
        """Notes looks, all or none: a list of (primary ID, owed, state, reason). Writes to disk."""
        with self._db:
            self._db.executemany("insert or replace into looks values (?, ?, ?, ?, ?, 0)",
                                 [(one, runfile.now(), *rest) for one, *rest in rows])

    def finish(self):
        """Notes that a rehearsal came to its end: the next one looks at everybody anew. Writes to disk."""
        with self._db:
            self._db.execute("update looks set done = 1")

    def owed(self, hours):
        """Returns primary ID -> what was owed in every status that the policy asks, of looks of the last hours."""
        return dict(self._db.execute("select primary_id, owed from looks where at > ? and owed is not null",
                                     (runfile.now(-hours),)))

    def unfinished(self, hours):
        """Returns primary ID -> (state, reason) of a rehearsal that was interrupted in the last hours."""
        rows = self._db.execute("select primary_id, state, reason from looks where not done and at > ?",
                                (runfile.now(-hours),))
        return {one: (state, reason) for one, state, reason in rows}

    def close(self):
        """Closes the file."""
        self._db.close()


@contextlib.contextmanager
def open(folder):
    """Opens what rehearsals of a run saw; used while the run's journal is open."""
    with contextlib.closing(Looks(Path(folder) / "rehearsal.sqlite")) as found:
        yield found
