"""How a run shows how it goes: as one line on a terminal, or as a few plain lines elsewhere.

Whoever carries out a plan tells a *watch*: an object with the methods of ``Unwatched``. ``runlog`` writes the log of
the run's folder, and ``widgets.watched`` shows a panel with buttons in a notebook.
"""

import collections
import math
import re
import sys
import threading
import time

from tqdm import tqdm

WINDOW = 30  # seconds over which the rate is counted
SHORT = 1  # seconds that a wait must last to be worth a word
SELDOM = 60  # seconds between two plain lines about waiting
PAUSED = "paused"


class Unwatched:
    """Shows nothing."""

    def begin(self, total, what):
        """Is told how many users there are, and what is done."""

    def earlier(self, states):
        """Is told who was settled by an earlier call: primary ID -> outcome."""

    def phase(self, what, total):
        """Is told which step comes now, and for how many users."""

    def seen(self, outcome, primary_id="", reason=""):
        """Is told how it came out for a user; a later word about the same user counts instead."""

    def waiting(self, reason):
        """Is told why nothing goes on, or an empty text; often."""

    def quota(self, left):
        """Is told how many calls are left of this day, or None; often."""

    def trouble(self, words):
        """Is told of a fault that ends nothing, such as another watch that failed."""

    def end(self, error=None):
        """Is told that it is over, and by which error."""


class Progress(Unwatched):
    """Adds up how it goes: ``counts``, ``rate``, ``left``; may be read by another thread than the one that tells it."""

    def __init__(self, clock=time.monotonic):
        self._clock, self._lock = clock, threading.Lock()
        self._anew(0, "")

    def begin(self, total, what):
        """Starts counting anew."""
        with self._lock:
            self._anew(total, what)

    def _anew(self, total, what):
        self.total, self.what, self.calls_left, self.error, self.over = total, what, None, None, False
        self.counts, self._states, self._reason, self._reason_at = collections.Counter(), {}, "", -math.inf
        self.step, self.step_total, self._seen, self._samples = "", 0, 0, collections.deque()
        self._began = self._clock()

    def earlier(self, states):
        """Counts these users as settled, but not for the rate."""
        with self._lock:
            for primary_id, outcome in states.items():
                self._count(outcome, primary_id)

    def phase(self, what, total):
        """Counts the users of this step from here on."""
        with self._lock:
            self.step, self.step_total, self._seen = what, total, 0
            self._samples = collections.deque([(self._clock(), 0)])

    def seen(self, outcome, primary_id="", reason=""):
        """Counts a user once, by the last that was said."""
        with self._lock:
            self._count(outcome, primary_id)
            self._seen += 1
            now = self._clock()
            if not self._samples or now - self._samples[-1][0] >= 1:
                self._samples.append((now, self._seen))
            while now - self._samples[0][0] > WINDOW and len(self._samples) > 2:
                self._samples.popleft()

    def _count(self, outcome, primary_id):
        before = self._states.get(primary_id)
        if before:
            self.counts[before] -= 1
        self.counts[outcome] += 1
        if primary_id:
            self._states[primary_id] = outcome

    def waiting(self, reason):
        """Keeps the reason for a moment, as short waits come and go faster than anybody can read."""
        if reason or self._reason.startswith(PAUSED) or self._clock() - self._reason_at > SHORT:
            self._reason, self._reason_at = reason, self._clock() if reason else -math.inf

    def quota(self, left):
        """Keeps the number."""
        self.calls_left = left

    def end(self, error=None):
        """Keeps the error."""
        self.error, self.over, self._reason = error, True, ""

    @property
    def reason(self):
        """Returns why nothing goes on, or an empty text."""
        return self._reason

    @property
    def done(self):
        """Returns how many users are settled."""
        return min(self.total, sum(self.counts.values()))

    @property
    def seconds(self):
        """Returns how long it has lasted."""
        return self._clock() - self._began

    @property
    def rate(self):
        """Returns users a second of late, or None where it is too early to tell."""
        with self._lock:
            if not self._samples or not self._seen:
                return None
            since, before = self._samples[0]
            lasted = self._clock() - since
            return (self._seen - before) / lasted if lasted >= 1 else None

    @property
    def left(self):
        """Returns the seconds that are left at this rate, or None where nobody can tell."""
        rate, more = self.rate, max(self.total - self.done, self.step_total - self._seen)
        return None if self.over or self._reason.startswith(PAUSED) or not rate else more / rate

    # ---- in words

    @property
    def head(self):
        """Says what is done, and for how many users it is settled."""
        more = f"; {self.step}: {self._seen:,} of {self.step_total:,}" if self.step and not self.over else ""
        return f"{self.what}: {self.done:,} of {self.total:,} users settled{more}"

    @property
    def outcomes(self):
        """Says how many users came out how."""
        return ", ".join(f"{outcome} {n:,}" for outcome, n in self.counts.most_common() if n)

    @property
    def speed(self):
        """Says how fast it goes, for how long still, and how many calls are left of this day."""
        rate, left, said = self.rate, self.left, []
        if rate and not self.over and not self._reason.startswith(PAUSED):
            said.append(f"{rate:,.0f} users a second" if rate >= 9.95 else f"{rate:,.1f} users a second")
        if left is not None:
            said.append(f"{duration(left)} left")
        if self.calls_left is not None:
            said.append(f"{self.calls_left:,} calls left today")
        return ", ".join(said)


def duration(seconds):
    """Says a number of seconds as a person would."""
    for size, word in ((3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            n = round(seconds / size, 1 if size == 3600 else 0)
            return f"about {n:g} {word}s"
    return "a minute" if seconds > 50 else f"about {max(1, round(seconds))} seconds" if seconds >= 1.5 else "a second"


class Lines(Progress):
    """Shows one line that moves on a terminal, and elsewhere a few plain lines: one for every tenth of the users.

    file: where to; standard error unless told.
    """

    def __init__(self, file=None, clock=time.monotonic):
        super().__init__(clock)
        self._file, self._bar, self._tenth, self._told, self._last = file or sys.stderr, None, 0, "", -math.inf

    def begin(self, total, what):
        """Shows that it begins."""
        super().begin(total, what)
        self._tenth, self._told, self._last = 0, "", -math.inf
        self._close()
        if self._file.isatty():
            self._bar = tqdm(total=total, file=self._file, bar_format="{desc} {percentage:3.0f}% |{bar:20}| {postfix}",
                             dynamic_ncols=True, desc=what)
        else:
            self._write(f"{what}: {total:,} users.")

    def seen(self, outcome, primary_id="", reason=""):
        """Shows it when it is time for it."""
        super().seen(outcome, primary_id, reason)
        self._show()

    def waiting(self, reason):
        """Shows why, at most once in a minute where lines cannot move."""
        super().waiting(reason)
        now = self._clock()
        if not self._bar and self.reason and kind(self.reason) != self._told and now - self._last > SELDOM:
            self._told, self._last = kind(self.reason), now
            self._write(f"{self.head}. {self.reason[:1].upper()}{self.reason[1:]}.")
        self._show()

    def end(self, error=None):
        """Shows how it ended."""
        super().end(error)
        self._close()
        ended = "Over" if error is None else f"Ended by {type(error).__name__}"
        self._write(f"{self.head}. {ended} after {duration(self.seconds)}: {self.outcomes or 'nobody was settled'}.")

    def _show(self):
        if self._bar is not None:
            if self._clock() - self._last >= 0.1:
                self._last, self._bar.n = self._clock(), self.done
                said = "; ".join(filter(None, (self.reason, self.outcomes, self.speed)))
                self._bar.set_postfix_str(said, refresh=True)
        elif self.total and (tenth := 10 * self.done // self.total) > self._tenth and self.done < self.total:
            self._tenth = tenth
            self._write("; ".join(filter(None, (self.head, self.outcomes, self.speed))) + ".")

    def _close(self):
        if self._bar is not None:
            self._bar.leave = False
            self._bar.close()
            self._bar = None

    def _write(self, line):
        self._file.write(line + "\n")
        self._file.flush()


def kind(reason):
    """Returns what kind of wait it is: numbers, and what comes after a colon, change from moment to moment."""
    return re.sub(r"\d[\d.,]*", "some", reason.partition(":")[0])
