"""What stands before every call to Alma: the key and its rights, the pace, the daily quota."""

import collections
import time

from purgelib.sandbox import assumptions
from purgelib.sandbox.envelope import AlmaError

KEY = "sandbox-key-not-secret"
READ_ONLY_KEY = "sandbox-key-read-only"
# Every key with what it may do in each area, as a key of Alma is set up.
KEYS = {
    KEY: {"users": "write", "conf": "write", "analytics": "write"},
    READ_ONLY_KEY: {"users": "read", "conf": "read", "analytics": "read"},
    "sandbox-key-users-only": {"users": "write"},
    "sandbox-key-users-read-only": {"users": "read"},
    "sandbox-key-conf-only": {"conf": "write"},
    "sandbox-key-analytics-only": {"analytics": "write"},
}
_READS = ("GET", "HEAD", "OPTIONS")


class Gate:
    """Lets calls through or refuses them, as Alma's gateway does."""

    def __init__(self, settings, clock):
        self.settings = settings
        self._clock = clock
        self._recent = collections.deque()
        self.begin_day()

    def begin_day(self):
        """Fills the daily quota anew."""
        self._spent, self._day = 0, self._clock.today()

    @property
    def remaining(self):
        """How many calls are left of the daily quota."""
        if self._clock.today() != self._day:
            self.begin_day()
        return max(0, self.settings["daily_remaining"] - self._spent)

    def check(self, call):
        """Refuses too fast a pace, a wrong key, a key without the right, a spent quota."""
        self._check_pace()
        if not _may(KEYS.get(_key(call), {}), call):
            raise unknown_key()
        if not self.remaining:
            raise quota_spent()
        self._spent += 1

    def _check_pace(self):
        if not self.settings["per_second"]:
            return
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if len(self._recent) >= self.settings["per_second"]:
            raise too_fast()
        self._recent.append(now)


def _key(call):
    scheme, _, key = call.headers.get("authorization", "").strip().partition(" ")
    named = key.strip() if scheme.lower() == "apikey" else ""
    return named or call.query.get("apikey", "").strip()


def _may(rights, call):
    area = call.path.removeprefix("/almaws/v1/").partition("/")[0]
    if area not in ("users", "conf", "analytics"):
        # Nothing is defined there; a known key hears so.
        return bool(rights)
    return rights.get(area) == "write" or area in rights and call.method in _READS


def unknown_key():
    """Returns the refusal of a key; it comes as XML even to those who asked for JSON [API.md 7]."""
    return AlmaError("UNAUTHORIZED", "API-key not defined or not configured to allow this API.", always_xml=True)


def too_fast():
    """Returns the refusal of the gateway to a client in a hurry; nothing was done."""
    said = "HTTP requests are more than allowed per second. See https://goo.gl/2x1c1M "
    return AlmaError("PER_SECOND_THRESHOLD", said, status=429)


def quota_spent():
    """Returns the refusal of the gateway for the rest of the day; nothing was done."""
    return AlmaError("DAILY_THRESHOLD", assumptions.DAILY_TEXT, status=429)


def trouble(status=0):
    """Returns the gateway's word for trouble of its own."""
    return AlmaError("GENERAL_ERROR", "General error with the API Gateway – please retry later.",
                     status or assumptions.TROUBLE_STATUS)
