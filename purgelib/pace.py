"""The pace: how many calls a second all notebooks and programs of this machine make together, and the rest after a 429.

The counting is pyrate-limiter's, in a file that all processes share; here is only the waiting, so that it can be
interrupted at once. Alma may count any second of its own, and a call that was on its way a little longer comes closer
to the next one: a second is counted as a bit more than that, and the calls of a second do not all start at once.
"""

import sqlite3
import threading
import time
import weakref
from pathlib import Path

import filelock
import pyrate_limiter

from purgelib.errors import Failed

SECOND = 1022  # milliseconds in which the calls of one second may be made: what is above 1000 is for late arrivals
SLICE = 0.1  # seconds of waiting between two questions whether to go on
LEAK = 200  # permits after which old ones are forgotten


class Pace:
    """Permits for so many calls a second; None: no limit. Safe to use from many threads.

    file: the SQLite file by which all processes of this machine keep the pace together. ``waited``: seconds that
    threads have spent waiting here, in all.
    """

    def __init__(self, per_second=None, file=None):
        self.per_second, self.waited = per_second, 0.0
        self._bucket = _bucket(per_second, file) if per_second else None
        self._asking, self._resting_until, self._permits = threading.Lock(), 0.0, 0
        if file and per_second:
            weakref.finalize(self, self._bucket.conn.close)

    def __repr__(self):
        return f"<Pace of {self.per_second or 'any number of'} calls a second>"

    @property
    def waiting(self):
        """Why calls are waiting now, in words; empty where none is."""
        left = self._resting_until - time.monotonic()
        if left > 0:
            return f"Alma said too fast: all calls wait {left:.1f} s"
        return "waiting for Alma's pace" if self._bucket and self._asking.locked() else ""

    def permit(self, may_go_on=lambda: None):
        """Returns when the next call may be sent. may_go_on: asked at least every 0.1 s; its error ends the waiting."""
        if self._bucket is None and self._resting_until <= time.monotonic():
            return may_go_on()
        begun = time.monotonic()
        # One thread of this process asks at a time; the others queue here, and follow at once when it is done.
        with self._asking:
            try:
                may_go_on()
                while left := self._left():
                    time.sleep(min(left, SLICE))
                    may_go_on()
            finally:
                self.waited += time.monotonic() - begun

    def rest(self, seconds):
        """Lets every thread behind this pace wait so long before its next call: Alma said that it was too fast."""
        self._resting_until = max(self._resting_until, time.monotonic() + seconds)

    def _left(self):
        """Seconds to wait before asking anew; nothing: the permit was given."""
        resting = self._resting_until - time.monotonic()
        if resting > 0 or self._bucket is None:
            return max(0.0, resting)
        try:
            return self._asked()
        except filelock.Timeout:
            return 0.01  # another process is asking
        except sqlite3.Error as error:
            raise Failed(f"The file that keeps the pace cannot be used: {error}. Delete it; it holds nothing else.") \
                from None

    def _asked(self):
        item = pyrate_limiter.RateItem("call", self._bucket.now())
        if self._bucket.put(item):
            self._permits += 1
            if self._permits % LEAK == 0:
                self._bucket.leak(self._bucket.now())
            return 0.0
        wait = self._bucket.waiting(item)
        if wait > 2 * SECOND:
            # Permits of the future: the clock of this machine was set back.
            self._bucket.flush()
        return max(1, wait) / 1000


def _bucket(per_second, file):
    few = max(1, per_second // 10)
    rates = [pyrate_limiter.Rate(per_second, SECOND)]
    if few < per_second:
        rates.insert(0, pyrate_limiter.Rate(few, 900 * few // per_second))
    if file is None:
        return pyrate_limiter.InMemoryBucket(rates)
    file = Path(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _shared(rates, file)
    except (OSError, sqlite3.OperationalError) as error:
        raise Failed(f"The file that keeps the pace cannot be made: {file}: {error}.") from None
    except sqlite3.DatabaseError:
        # Damaged. It only says what was sent in the last second.
        for one in file.parent.glob(f"{file.name}*"):
            one.unlink(missing_ok=True)
        return _shared(rates, file)


def _shared(rates, file):
    bucket = pyrate_limiter.SQLiteBucket.init_from_file(rates, table="calls", db_path=str(file), use_file_lock=True)
    # As the package makes it, the lock is asked for every 50 ms and for ever.
    bucket.lock = filelock.FileLock(f"{file}.lock", timeout=SLICE, poll_interval=0.002)
    return bucket
