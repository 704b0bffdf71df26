"""Takes users through look, judge, write, check: many at once, each of them to exactly one state.

The caller's thread judges and writes the journal, in batches; only the calls to Alma run beside it. What is done to a
user is told by an *act* (see ``update.Setting``): what to look at, what speaks against it, the write, and what a fresh
look must show. A write that got no usable answer is never sent again before a look has shown that it did not happen.
"""

import collections
import dataclasses
import signal
import threading
import time
from pathlib import Path

from purgelib.errors import CanaryFailed, KeyRefused, NoAnswer, NotFound, QuotaSpent, Stopped, TooFast
from purgelib.journal import FAILED, SKIPPED, UNKNOWN, WOULD
from purgelib.parallel import Calls, FIRST

LOOK, WRITE, CHECK = "look", "write", "check"
BATCH = 64  # users judged at once; fewer when nobody else is on the way
PATIENCE = 0.25  # seconds that the first of a batch waits for the others
OFTEN = 0.05  # seconds between two looks for the files STOP and PAUSE
TRIES = 3
IN_A_ROW = 5  # so many users in a row who fail end the run
LAST, SHARE = 200, 0.15  # and so does this share of the last so many tries
# Errors that say nothing about one user, but end the run for all.
FOR_ALL = (KeyRefused, QuotaSpent, TooFast, Stopped)


@dataclasses.dataclass
class Task:
    """One user on the way: the row of the plan, the step, the record before the write, how often it was tried.

    late: the write may still arrive. confirmed: it is done, and only looked at once more.
    """

    row: object
    step: str = LOOK
    record: dict | None = None
    tries: int = 1
    late: bool = False
    confirmed: bool = False


class Carrier:
    """Carries out an act for users, one phase after the other; see ``carry``, ``settle_questions``, ``read_back``.

    alma: the connection, whose ``stop`` ends its calls. folder: where the files STOP and PAUSE are looked for.
    """

    def __init__(self, act, alma, book, folder, watch):
        self._act, self._alma, self._book, self._watch = act, alma, book, watch
        self._stop_file, self._pause_file = Path(folder) / "STOP", Path(folder) / "PAUSE"
        self._todo, self._looked, self._late = collections.deque(), [], []
        self._settled, self._pause, self._watched, self._width = [], False, 0.0, FIRST
        self._since, self._end, self._recent = 0.0, None, collections.deque(maxlen=LAST)
        self.outcomes = {}

    def settled(self, states):
        """Takes users as done (primary ID -> state): nothing is left to do for them, which the watch is told."""
        self._watch.earlier(states)

    def carry(self, rows):
        """Takes these rows of the plan through all steps; returns primary ID -> state of those who came to an end."""
        self._watch.phase("", len(rows))
        return self._phase([Task(row) for row in rows], bad=(FAILED, UNKNOWN))

    def settle_questions(self, rows):
        """Asks Alma what became of writes whose answer is not known; returns primary ID -> state."""
        self._watch.phase("looking at them anew", len(rows))
        return self._phase([Task(row, CHECK, late=True) for row in rows])

    def read_back(self, rows):
        """Looks at confirmed users once more; returns primary ID -> state, failed where Alma did not keep it."""
        self._watch.phase("reading back", len(rows))
        return self._phase([Task(row, CHECK, confirmed=True) for row in rows])

    def _phase(self, tasks, bad=(UNKNOWN,)):
        """bad: the states of which several in a row end the run; a look that finds nothing done is none of them."""
        self._todo.extend(tasks)
        self.outcomes, self._bad = {}, bad
        self._recent.clear()
        with Calls(self._alma, self._width) as calls, self._interruptible():
            try:
                while (self._todo and not self._end) or calls.in_flight or self._looked:
                    self._hand_out(calls)
                    self._take_back(calls, calls.ended(OFTEN))
                    if not calls.in_flight and not self._todo:
                        self._ask_the_late_again()
            finally:
                self._width = calls.width
                self._write_down()
        self._todo.clear()
        if self._end:
            raise self._end
        return self.outcomes

    # ---- handing out

    def _hand_out(self, calls):
        self._look_for_files()
        if self._end or self._pause:
            return
        while self._todo and calls.free > 0 and len(self._looked) < 2 * BATCH:
            self._start(calls, self._todo.popleft())

    def _start(self, calls, task):
        if task.step == WRITE:
            calls.start(task, self._act.write, task.row, task.record)
        elif task.step == CHECK:
            calls.start(task, self._act.fresh, task.row)
        else:
            calls.start(task, self._act.look, task.row)

    def _look_for_files(self):
        if time.monotonic() - self._watched < OFTEN:
            return
        self._watched, self._pause = time.monotonic(), self._pause_file.exists()
        if self._stop_file.exists():
            self._finish(Stopped("STOP lies in the run folder: stopped before the next call. Delete the file and run "
                                 "the step again to go on."))
        elif self._alma.stop.is_set():
            self._finish(Stopped("Stopped before the next call. Run the step again to go on."))
        paused = "paused: delete the file PAUSE in the run folder to go on"
        self._watch.waiting(paused if self._pause else self._alma.waiting)
        self._watch.quota(self._alma.remaining)

    def _finish(self, error):
        """Nothing new is begun from here on; what is in flight is waited for and written down."""
        if self._end is None:
            self._end = error
            if isinstance(error, (Stopped, KeyboardInterrupt)):
                self._alma.stop.set()

    def _interruptible(self):
        return _Interrupts(lambda: self._finish(KeyboardInterrupt()))

    # ---- taking back

    def _take_back(self, calls, ended):
        by_step = {step: [pair for pair in ended if pair[0].step == step] for step in (LOOK, WRITE, CHECK)}
        for task, said in by_step[LOOK]:
            self._took(task, said)
        for task, said in by_step[WRITE]:
            self._settle(self._after_write(task, said))
        for task, said in by_step[CHECK]:
            self._settle(self._after_check(task, said))
        waited = time.monotonic() - self._since
        enough = len(self._looked) >= BATCH or waited > PATIENCE or not calls.in_flight
        if self._looked and enough and (self._end or not self._pause):
            self._judge(calls)
        if len(self._settled) >= BATCH or not calls.in_flight:
            self._write_down()

    def _took(self, task, said):
        if isinstance(said, FOR_ALL):
            return self._finish(said)
        if isinstance(said, BaseException):
            raise said
        if not self._looked:
            self._since = time.monotonic()
        self._looked.append((task, said))

    def _judge(self, calls):
        """Decides for all who were looked at; those who are to be written go to the journal first, then to Alma."""
        batch, self._looked = self._looked, []
        if self._end:
            return
        decided = self._act.decide([task.row for task, _ in batch], [look for _, look in batch])
        ready = [task for (task, look), verdict in zip(batch, decided, strict=True) if verdict is None
                 for task in [dataclasses.replace(task, step=WRITE, record=look.record)]]
        self._settle([(task, *verdict) for (task, _), verdict in zip(batch, decided, strict=True) if verdict])
        self._write_down()
        if ready:
            self._book.intend([self._act.intention(task.row, task.record) for task in ready])
            self._book.sent([task.row.primary_id for task in ready], self._act.action)
        for task in ready:
            self._start(calls, task)

    def _after_write(self, task, said):
        """Returns how it came out, or nothing yet where only a fresh look can tell."""
        if isinstance(said, NoAnswer):
            self._book.settle_all([self._line(task, UNKNOWN, str(said))])
            task.late = bool(getattr(said, "timeout", False))
            return self._again(task, CHECK)
        if isinstance(said, BaseException):
            if isinstance(said, FOR_ALL):
                self._finish(said)
            elif not self._act.knows(said):
                raise said
            words = "stopped before it was sent" if isinstance(said, Stopped) else str(said)
            return [(task, FAILED, words, False)]
        verdict = self._act.answered(task.row, task.record, said)
        return [(task, *verdict)] if verdict else self._again(task, CHECK)

    def _after_check(self, task, said):
        if isinstance(said, FOR_ALL):
            # Nobody knows yet; the journal says so, and the next call of this step asks again.
            self._finish(said)
            return []
        if isinstance(said, BaseException) and not isinstance(said, NotFound):
            if not self._act.knows(said):
                raise said
            return [(task, UNKNOWN, str(said), True)]
        found = None if isinstance(said, NotFound) else said
        if task.confirmed:
            return [(task, *self._act.kept(task.row, found))]
        state, reason, written = self._act.checked(task.row, task.record, found)
        if state != FAILED or written:
            return [(task, state, reason, written)]
        if task.late:
            # A write that timed out may still arrive: it is looked at again at the end, and never sent twice.
            self._late.append(task)
            return []
        if task.record is not None and task.tries < TRIES and not self._end:
            self._book.forget([self._line(task, FAILED, reason)])
            self._recent.append((task.row.primary_id, FAILED))
            self._enough_of_it()
            self._todo.append(Task(task.row, LOOK, tries=task.tries + 1))
            return []
        return [(task, state, reason, written)]

    def _again(self, task, step):
        self._todo.appendleft(dataclasses.replace(task, step=step))
        return []

    def _ask_the_late_again(self):
        late, self._late = self._late, []
        self._todo.extend(dataclasses.replace(task, late=False, record=None) for task in late)

    def _settle(self, settled):
        """Takes down how it came out: task, state, reason, and whether anything may have been written.

        The journal hears of several at once, a moment later; until then *sent* stands there, which asks Alma.
        """
        self._settled += settled
        for task, state, reason, _ in settled:
            self.outcomes[task.row.primary_id] = state
            self._watch.seen(state, task.row.primary_id, reason)
            self._recent.append((task.row.primary_id, state))
        self._enough_of_it()

    def _write_down(self):
        settled, self._settled = self._settled, []
        if not settled:
            return
        self._book.settle_all([self._line(task, state, reason) for task, state, reason, written in settled
                               if state != FAILED or written])
        self._book.forget([self._line(task, state, reason) for task, state, reason, written in settled
                           if state == FAILED and not written])

    def _line(self, task, state, reason):
        old, new = self._act.changes(task.row)
        return task.row.primary_id, self._act.action, old, new, state, reason

    def _enough_of_it(self):
        """Several failures in a row, or many of the last ones: whatever it is, the others are spared."""
        told = [pair for pair in self._recent if pair[1] not in (SKIPPED, WOULD)]
        bad, row = ([one for one, state in some if state in self._bad]
                    for some in (told, list(self._recent)[-IN_A_ROW:]))
        if len(row) == IN_A_ROW or len(told) == LAST and len(bad) > SHARE * LAST:
            self._finish(CanaryFailed(f"{len(bad)} of the last {len(told)} tries did not come out as planned; the "
                                      "others were not touched. Look at the reasons before you call again.",
                                      outcomes=sorted({*bad})))


class _Interrupts:
    """While this lasts, Ctrl-C and the kernel's interrupt end the run in order instead of in the middle of a line."""

    def __init__(self, act):
        self._act, self._before = act, None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, lambda *_: self._act())

    def __exit__(self, *_):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
