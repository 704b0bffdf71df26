"""The log of a run: every outcome with its reason, every longer wait, start and end; no ID, name, address or key in it.

It may be given to others. Whom a masked ID means is told only by ``masked`` and the plan in the run's folder.
"""

import collections
import contextlib
import datetime
import hashlib
import os
import re
import time
from pathlib import Path

from purgelib.watching import kind, Progress, SHORT, Unwatched

LOG = "run.log"
ADDRESS = re.compile(r"[^\s<>()'\"]+@[^\s<>()'\"]+")
ALMAS_WORDS = re.compile(r"(Alma refused \w+ with \d+[^:]*):.*", re.DOTALL)


@contextlib.contextmanager
def kept(sealed, watch=None):
    """Returns a watch that writes the log of a plan's run and tells the given watch too; says to both how it ended."""
    log = Log(sealed.folder, sealed.header["seal"])
    both = Several(log, watch or Unwatched())
    try:
        yield both
    except BaseException as error:
        both.end(error)
        raise
    else:
        both.end()
    finally:
        log.close()


class Several(Unwatched):
    """Tells several watches. One that fails is told nothing more: what shows a run must never end it."""

    def __init__(self, *watches):
        self._watches = list(watches)

    def begin(self, total, what):
        """Tells them."""
        self._tell("begin", total, what)

    def earlier(self, states):
        """Tells them."""
        self._tell("earlier", states)

    def phase(self, what, total):
        """Tells them."""
        self._tell("phase", what, total)

    def seen(self, outcome, primary_id="", reason=""):
        """Tells them."""
        self._tell("seen", outcome, primary_id, reason)

    def waiting(self, reason):
        """Tells them."""
        self._tell("waiting", reason)

    def quota(self, left):
        """Tells them."""
        self._tell("quota", left)

    def end(self, error=None):
        """Tells them."""
        self._tell("end", error)

    def trouble(self, words):
        """Tells them."""
        self._tell("trouble", words)

    def _tell(self, what, *said):
        for one in tuple(self._watches):
            try:
                getattr(one, what, _nothing)(*said)
            except Exception as error:  # noqa: B902 - a terminal that was closed, a full disk, a fault of our own
                self._watches.remove(one)
                self._tell("trouble", f"{type(one).__name__} shows nothing more: {type(error).__name__}")


def _nothing(*_):
    """What a watch does not want to hear, it need not have."""


class Log(Progress):
    """Writes every outcome with its reason, every longer wait, start and end into ``run.log``, with masked IDs.

    key: a text that only the run's folder has, so that nobody else can tell whom a masked ID means.
    """

    def __init__(self, folder, key, clock=time.monotonic):
        super().__init__(clock)
        self._key, self._since, self._now, self._noted = key, 0.0, "", False
        self._short = collections.Counter()
        file = os.open(Path(folder) / LOG, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        if os.name == "posix":
            os.fchmod(file, 0o600)
        self._file, self._flushed = os.fdopen(file, "a", encoding="utf-8", errors="backslashreplace"), 0.0

    def begin(self, total, what):
        """Writes that it begins."""
        super().begin(total, what)
        self._write(f"begin  {what}: {total:,} users")

    def earlier(self, states):
        """Writes how many there were."""
        super().earlier(states)
        if states:
            self._write(f"earlier  settled before: {self.outcomes}")

    def phase(self, what, total):
        """Writes it, if it has a name."""
        super().phase(what, total)
        if what and total:
            self._write(f"step  {what}: {total:,} users")

    def seen(self, outcome, primary_id="", reason=""):
        """Writes it."""
        super().seen(outcome, primary_id, reason)
        self._write(f"user  {masked(primary_id, self._key)}  {outcome}  {harmless(reason, primary_id, self._key)}")

    def waiting(self, reason):
        """Writes waits of a second and more, when they begin and when they end; adds up the others."""
        super().waiting(reason)
        now = self._clock()
        if kind(reason) != kind(self._now):
            self._waited(now)
            self._since, self._now, self._noted = now, reason, False
        elif reason and not self._noted and now - self._since >= SHORT:
            self._noted = True
            self._write(f"wait  {harmless(reason)}")

    def trouble(self, words):
        """Writes it."""
        self._write(f"trouble  {words}")

    def end(self, error=None):
        """Writes how it ended."""
        self._waited(self._clock())
        self._now = ""
        super().end(error)
        for reason, seconds in self._short.items():
            self._write(f"waits  {reason}: {seconds:.1f} seconds in short waits")
        self._short.clear()
        how = f"  by {type(error).__name__}: {harmless(str(error))}" if error is not None else ""
        self._write(f"end  {self.head}: {self.outcomes or 'nobody'}{how}")

    def close(self):
        """Closes the file."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _waited(self, now):
        if self._now and self._noted:
            self._write(f"waited  {now - self._since:.1f} seconds: {harmless(kind(self._now))}")
        elif self._now:
            self._short[kind(self._now)] += now - self._since

    def _write(self, line):
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        # A reason may hold line breaks, and one line is one thing that happened.
        self._file.write(f"{at}  {' '.join(line.split(chr(10)))}".rstrip() + "\n")
        # Twice a second is often enough for whoever follows it; what happened to a user is in the journal.
        if self._clock() - self._flushed > 0.5:
            self._flushed = self._clock()
            self._file.flush()


def masked(primary_id, key):
    """Returns an ID so that lines of one run can be compared, and nobody without the run's folder knows whose it is."""
    told = f"{primary_id[:2]}…{primary_id[-1:]}" if len(primary_id) > 5 else "…"
    return f"{told}-{hashlib.blake2b(primary_id.encode(), key=key.encode()[:64], digest_size=4).hexdigest()}"


def harmless(reason, primary_id="", key=""):
    """Returns a reason without IDs, addresses, and Alma's own words, which may name anybody."""
    reason = ALMAS_WORDS.sub(r"\1 (Alma's words stand in the journal)", reason)
    if len(primary_id) > 2:
        reason = re.sub(rf"(?<!\w){re.escape(primary_id)}(?!\w)", masked(primary_id, key), reason, flags=re.IGNORECASE)
    return ADDRESS.sub("…@…", reason)
