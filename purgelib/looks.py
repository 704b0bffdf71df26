"""What rehearsals of a run saw, on disk, so that hours of looking are not lost when one is interrupted."""

import contextlib
from pathlib import Path

from purgelib import runfile
from purgelib.errors import Failed

LOOKS = """
create table if not exists looks (primary_id text primary key, at text, owed real, state text, reason text, done int,
                                  sum text);
"""


class Looks:
    """Fees, which cost calls of their own, and how it would come out for each user; opened by ``looks.open``."""

    def __init__(self, path):
        self._path = path
        self._db = _opened(path)

    def add(self, rows):
        """Notes looks, all or none: a list of (primary ID, owed, state, reason). Writes to disk."""
        at = runfile.now()
        with runfile.written(self._db, self._path):
            self._db.executemany("insert or replace into looks values (?, ?, ?, ?, ?, 0, ?)",
                                 [(one, at, *rest, runfile.seal(one, at, *rest)) for one, *rest in rows])

    def finish(self):
        """Notes that a rehearsal came to its end: the next one looks at everybody anew. Writes to disk."""
        with runfile.written(self._db, self._path):
            self._db.execute("update looks set done = 1")

    def owed(self, hours):
        """Returns primary ID -> what was owed in every status that the policy asks, of looks of the last hours."""
        return {one: owed for one, owed, _, _ in self._since(hours, "owed is not null")}

    def unfinished(self, hours):
        """Returns primary ID -> (state, reason) of a rehearsal that was interrupted in the last hours."""
        return {one: (state, reason) for one, _, state, reason in self._since(hours, "not done")}

    def _since(self, hours, which):
        """A line that rotted tells nothing: whoever it was about is looked at again."""
        return self._db.execute("select primary_id, owed, state, reason from looks where at > ? and "
                                f"sum = sealed(primary_id, at, owed, state, reason) and {which}",
                                (runfile.now(-hours),))

    def close(self):
        """Closes the file."""
        self._db.close()


def _opened(path):
    try:
        return runfile.on_disk(path, LOOKS)
    except Failed as error:
        if not error.facts.get("damaged"):
            raise
        # It only saves calls: without it, everybody is looked at again.
        for one in path.parent.glob(f"{path.name}*"):
            one.unlink()
        return runfile.on_disk(path, LOOKS)


@contextlib.contextmanager
def open(folder):
    """Opens what rehearsals of a run saw; used while the run's journal is open."""
    with contextlib.closing(Looks(Path(folder) / "rehearsal.sqlite")) as found:
        yield found
