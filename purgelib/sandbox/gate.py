"""What stands before every call to Alma: the key, the pace, the daily quota, and the scripted faults."""

import time

from purgelib.sandbox.envelope import AlmaError

KEY = "sandbox-key-not-secret"
READ_ONLY_KEY = "sandbox-key-read-only"


class Gate:
    """Lets calls through or refuses them, as Alma's gateway does."""

    def __init__(self, settings):
        self.settings = settings
        self.spent = 0
        self._recent = []

    @property
    def remaining(self):
        """How many calls are left of the daily quota."""
        return max(0, self.settings["daily_remaining"] - self.spent)

    def check(self, call):
        """Refuses a wrong key, a key without the right, too fast a pace, a spent quota."""
        self._check_pace()
        named = call.headers.get("authorization", "").removeprefix("apikey ").strip()
        key = named or call.query.get("apikey", "")
        if key not in (KEY, READ_ONLY_KEY) or key == READ_ONLY_KEY and call.method != "GET":
            # Errors of the key come as XML even to those who asked for JSON [API.md 7].
            raise AlmaError("UNAUTHORIZED", "API-key not defined or not configured to allow this API.",
                            always_xml=True)
        if not self.remaining:
            raise AlmaError("DAILY_THRESHOLD", "The daily limit of API calls was reached.", status=429)
        self.spent += 1

    def _check_pace(self):
        if not self.settings["per_second"]:
            return
        now = time.monotonic()
        self._recent = [t for t in self._recent if t > now - 1]
        if len(self._recent) >= self.settings["per_second"]:
            raise too_fast()
        self._recent.append(now)


def too_fast():
    """Returns the refusal of the gateway to a client in a hurry; nothing was done."""
    return AlmaError("PER_SECOND_THRESHOLD", "HTTP requests are more than allowed per second.", status=429)
