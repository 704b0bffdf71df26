"""Many calls to Alma at once, and no more than needed.

The caller's thread hands out the work and takes back what came of it; only the calls themselves run in other threads.
There are more of them as long as nobody has to wait for the pace and more gets done, and fewer when Alma is in trouble.
"""

import concurrent.futures
import queue
import time

from purgelib.errors import NoAnswer, TooFast

FEWEST, FIRST, MOST = 2, 8, 64
TROUBLE = (NoAnswer, TooFast)
EVERY = 0.5  # seconds between two looks at how it goes


class Calls:
    """Calls in flight; made by one thread, used as a context.

    pace: has ``waited``, seconds spent waiting for it. width: how many at once to begin with.
    """

    def __init__(self, pace=None, width=FIRST):
        self._pool = concurrent.futures.ThreadPoolExecutor(MOST, thread_name_prefix="alma")
        self._ended, self.in_flight, self.width = queue.SimpleQueue(), 0, width
        self._pace, self._done, self._trouble = pace, 0, 0
        self._since, self._waited, self._best = time.monotonic(), self._waits(), 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def free(self):
        """Returns how many more calls may be handed out now."""
        return self.width - self.in_flight

    def start(self, task, act, *arguments):
        """Hands out a call; ``ended`` will give the task back with what came of it."""
        self.in_flight += 1
        self._pool.submit(self._call, task, act, arguments)

    def ended(self, patience):
        """Returns all calls that ended, pairs of task and what came of it: a value, or the exception it raised.

        Waits up to so many seconds for the first one.
        """
        found = []
        try:
            while True:
                found.append(self._ended.get(timeout=0 if found else patience))
        except queue.Empty:
            pass
        self.in_flight -= len(found)
        self._done += len(found)
        self._trouble += sum(isinstance(said, TROUBLE) for _, said in found)
        self._adapt()
        return found

    def _call(self, task, act, arguments):
        try:
            said = act(*arguments)
        except BaseException as error:  # noqa: B902 - whatever it is, it is told to the thread that can act on it
            said = error
        self._ended.put((task, said))

    def _adapt(self):
        now = time.monotonic()
        if now - self._since < EVERY:
            return
        rate, waited = self._done / (now - self._since), self._waits() - self._waited
        if self._trouble:
            self.width = max(FEWEST, self.width // 2)
            self._best = 0.0
        # Whoever waits for the pace has company enough; and what does not help is not done.
        elif waited < 0.05 * (now - self._since) and rate > 1.05 * self._best:
            self.width = min(MOST, self.width + max(2, self.width // 2))
            self._best = rate
        self._since, self._waited, self._done, self._trouble = now, self._waits(), 0, 0

    def _waits(self):
        return getattr(self._pace, "waited", 0.0)
