"""The sandbox's own time: starts at a fixed moment and runs only while the server runs.

Nothing else in the sandbox asks the real clock for a date, so the committed exports stay a day old.
"""

import datetime
import time

START = datetime.datetime(2026, 11, 22, 9, 0, 0, tzinfo=datetime.UTC)
LAST_NIGHT = datetime.date(2026, 11, 21)
# After a kill the clock goes on from a mark a little ahead, so that it never runs backwards.
AHEAD = datetime.timedelta(seconds=10)


class Clock:
    """Tells the sandbox's time; `mark` is what to keep so that a restart goes on from here."""

    def __init__(self, start=START):
        self.set(start)

    def set(self, moment):
        """Sets the clock to this moment (a datetime in UTC), be it past or to come."""
        self._start = moment
        self._zero = time.monotonic()

    def now(self):
        """Returns the sandbox's present moment. Only reads."""
        return self._start + datetime.timedelta(seconds=time.monotonic() - self._zero)

    def today(self):
        """Returns the sandbox's present day in UTC. Only reads."""
        return self.now().date()

    def advance(self, seconds):
        """Moves the clock on by this many seconds."""
        self.set(self.now() + datetime.timedelta(seconds=seconds))


def parse(text):
    """Returns the moment of an ISO text in UTC, which is also what a text without a zone means."""
    moment = datetime.datetime.fromisoformat(text)
    return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def stamp(moment):
    """Returns the moment as Alma writes date-times: milliseconds and Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def http_date(moment):
    """Returns the moment as an HTTP Date header writes it."""
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year} {moment:%H:%M:%S} GMT"
