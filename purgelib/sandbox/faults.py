"""Scripted faults: what may go wrong between a client and Alma, on demand."""

import asyncio
import dataclasses

from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.gate import too_fast

KINDS = ("error_before", "error_after", "cut_after", "lie", "slow", "throttle", "still_loading")


@dataclasses.dataclass
class Fault:
    """One rule: from the nth call that fits on, so many times, do this."""

    do: str
    method: str = ""
    path: str = ""
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    seen: int = 0

    @property
    def before(self):
        """Whether the call is refused without being carried out."""
        return self.do in ("error_before", "throttle")

    def fits(self, call):
        """Counts a call that fits and says whether it is this rule's turn."""
        if self.method and self.method != call.method or self.path not in call.path:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times

    def error(self):
        """Returns what the client is told instead of the truth."""
        if self.do == "throttle":
            return too_fast()
        return AlmaError("GENERAL_ERROR", "General error with the API Gateway - please retry later.", 500)

    async def wait(self):
        """Lets the client wait, after the act and before the answer."""
        if self.seconds:
            await asyncio.sleep(self.seconds)

    def cut(self, scope):
        """Closes the connection without a word; the act itself was done."""
        cut = scope.get("extensions", {}).get("sandbox.cut")
        if not cut:
            raise ConnectionResetError("the sandbox cut the connection")
        cut()


class Faults:
    """The rules in force; every rule counts for itself, the first whose turn it is acts."""

    def __init__(self):
        self.rules = []

    def add(self, entries):
        """Puts rules in force; an unknown kind or field is refused."""
        known = {field.name for field in dataclasses.fields(Fault)} - {"seen"}
        for entry in entries:
            if entry.get("do") not in KINDS or set(entry) - known:
                raise AlmaError("SANDBOX", f"Not a fault of this sandbox: {entry}; kinds: {', '.join(KINDS)}")
        self.rules += [Fault(**entry) for entry in entries]

    def due(self, call):
        """Returns the rule whose turn it is with this call, or None."""
        turns = [rule for rule in self.rules if rule.fits(call)]
        return turns[0] if turns else None
