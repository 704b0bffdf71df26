"""What may go wrong between a client and Alma, on demand: scripted ("the 7th PUT"), or by seed and rate.

A rule names a kind (`do`) and whom it concerns: `method`, and `path`, a part of the path. It acts from the
`nth` call that fits on, `times` times; or, with `rate`, on each that fits by dice of its own, thrown from
`seed` and the number of the call, so that the same calls meet the same faults again.
"""

import dataclasses
import random
import re
from urllib.parse import unquote

from purgelib.sandbox import gate, incoming, records
from purgelib.sandbox.clock import LAST_NIGHT
from purgelib.sandbox.envelope import AlmaError

KINDS = {
    "error_before": "the gateway's error (status) instead of the act",
    "error_after": "the gateway's error (status) although it was done",
    "html_before": "a page of HTML (status, 502 unless told) instead of the act",
    "html_after": "a page of HTML (status, 502 unless told) although it was done",
    "cut_before": "the connection is closed, nothing was done",
    "cut_after": "the connection is closed, it was done",
    "truncate": "it was done; half of the answer, then the connection is closed (chunked: without a length)",
    "garbage": "it was done; 200 with a body that is neither JSON nor XML",
    "slow": "the answer comes so many `seconds` later, which every other kind may have as well",
    "lie": "a success that changed nothing",
    "throttle": "429 PER_SECOND_THRESHOLD",
    "daily": "429 DAILY_THRESHOLD",
    "unauthorized": "a moment in which the key is not known",
    "still_loading": "Analytics: no rows yet",
    "edit_before": "somebody edits the user before the act (change: the fields)",
    "edit_after": "somebody edits the user right after the act (change: the fields)",
    "re_create_before": "the user is deleted and somebody else gets the ID, before the act",
    "re_create_after": "the user is deleted and somebody else gets the ID, right after the act",
    "delete_before": "somebody deletes the user before the act",
    "job_fails": "start of a job: a third of its users fail, as its counters say",
    "job_never_ends": "start of a job: it stops half way and runs for ever",
    "job_fails_late": "start of a job: half of its users are done, then it fails as a whole",
    "set_loses_members": "members added, a set made of another, or start of a job: a third is lost",
}
# Kinds that concern only some calls; the others pass by uncounted.
_ABOUT_A_USER = re.compile("(GET|PUT|DELETE|POST) /almaws/v1/users/(?!operation/)[^/]+(/.*)?")
_ONLY = {
    "lie": re.compile("(POST|PUT|DELETE) .*"),
    "still_loading": re.compile("GET /almaws/v1/analytics/reports/?"),
    **dict.fromkeys((kind for kind in KINDS if kind.startswith("job_")),
                    re.compile("POST (/almaws/v1/conf/jobs/[^/]+|/sandbox/purge-user-records)/?")),
    "set_loses_members": re.compile("POST /almaws/v1/conf/(sets/[^/?]+/?[?](add|replace)|jobs/[^/]+/?|sets/?[?]made)"),
    **dict.fromkeys((kind for kind in KINDS if kind.startswith(("edit_", "re_create_", "delete_"))), _ABOUT_A_USER),
}
_REFUSALS = {"throttle": gate.too_fast, "daily": gate.quota_spent, "unauthorized": gate.unknown_key}
_METHODS = ("", "GET", "POST", "PUT", "DELETE")


@dataclasses.dataclass
class Fault:
    """One rule: what goes wrong, for whom, and when."""

    do: str
    method: str = ""
    path: str = ""
    nth: int = 1
    times: int | None = None
    rate: float | None = None
    seed: int = 1
    seconds: float = 0.0
    status: int = 0
    chunked: bool = False
    change: dict = dataclasses.field(default_factory=dict)
    seen: int = 0
    acted: int = 0
    # How often Alma did not let a colleague do what was ordered, or there was nobody to do it to.
    refused: int = 0

    def fits(self, call):
        """Counts a call that fits and says whether it is this rule's turn."""
        only = _ONLY.get(self.do)
        # Who writes a rule need not know how a client writes signs in an address.
        if self.method not in ("", call.method) or self.path not in f"{call.path} {unquote(call.path)}" or \
                only and not only.fullmatch(_told(call)):
            return False
        self.seen += 1
        if self.rate is None:
            return self.nth <= self.seen < self.nth + (1 if self.times is None else self.times)
        # Once it has acted often enough it rests.
        return self.seen >= self.nth and (self.times is None or self.acted < self.times) and \
            random.Random(self.seed * 1_000_003 + self.seen).random() < self.rate

    def refusal(self):
        """Returns what the client is told instead of the act, or None when this kind carries it out."""
        if self.do == "error_before":
            return gate.trouble(self.status)
        return _REFUSALS[self.do]() if self.do in _REFUSALS else None

    def shown(self):
        """Returns the rule as GET /sandbox/faults shows it."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value not in ("", None, {})}


class Faults:
    """The rules in force; every rule counts for itself, the first whose turn it is acts."""

    def __init__(self):
        self.rules = []

    def add(self, entries):
        """Puts rules in force, all or none; an unknown kind or field or a wrong value is refused."""
        if not isinstance(entries, list):
            raise _refused(entries, "faults are a list of objects")
        self.rules += [_read(entry) for entry in entries]

    def due(self, call):
        """Returns the rule whose turn it is with this call, or None; at a page of staff only jobs can fail."""
        if not self.rules:
            return None
        turns = [rule for rule in self.rules if (call.is_alma or rule.do.startswith("job_")) and rule.fits(call)]
        if not turns:
            return None
        turns[0].acted += 1
        return turns[0]


def _told(call):
    made = call.query.get("from_logical_set") or call.query.get("combine")
    kind = call.query.get("op", "").removesuffix("_members") if "/sets/" in call.path else "made" if made else ""
    return f"{call.method} {call.path}{kind and '?' + kind}"


def _refused(entry, why):
    return AlmaError("SANDBOX", f"Not a fault of this sandbox: {entry}: {why}")


def _whole(low, high=10 ** 9):
    return lambda value: type(value) is int and low <= value <= high


def _share(high):
    return lambda value: type(value) in (int, float) and 0 <= value <= high


_FIELDS = {
    "do": (lambda value: isinstance(value, str) and value in KINDS, f"one of {', '.join(KINDS)}"),
    "method": (lambda value: value in _METHODS, "GET, POST, PUT or DELETE"),
    "path": (lambda value: isinstance(value, str), "a part of the path"),
    "nth": (_whole(1), "a whole number from 1"), "times": (_whole(1), "a whole number from 1"),
    "rate": (_share(1), "a number from 0 to 1"), "seed": (_whole(0), "a whole number"),
    "seconds": (_share(3600), "a number from 0 to 3600"),
    "status": (_whole(500, 599), "an HTTP status from 500 to 599"),
    "chunked": (lambda value: isinstance(value, bool), "true or false"),
    "change": (lambda value: isinstance(value, dict), "an object of fields"),
}


def _read(entry):
    if not isinstance(entry, dict) or "do" not in entry:
        raise _refused(entry, "a rule is an object with `do`")
    for name, value in entry.items():
        if name not in _FIELDS:
            raise _refused(entry, f"no field {name!r}; there are {', '.join(_FIELDS)}")
        right, wanted = _FIELDS[name]
        if not right(value):
            raise _refused(entry, f"{name!r} must be {wanted}")
    _check_change(entry)
    return Fault(**entry)


# Somebody of whom only the change can be wrong.
_ANYBODY = {"primary_id": "x", "last_name": "x", "record_type": {"value": "CONTACT"}, "external_id": "SIS",
            "account_type": {"value": "EXTERNAL"}}


def _check_change(entry):
    """Refuses a change that Alma would refuse of everybody, so that nobody waits for it in vain."""
    change = entry.get("change", {})
    unknown = set(change) - {*records.empty(LAST_NIGHT), *records.DATES, "pin_number"}
    if unknown:
        raise _refused(entry, f"users have no field {', '.join(sorted(unknown))}")
    try:
        incoming.user({**_ANYBODY, **change}, LAST_NIGHT)
    except AlmaError as error:
        raise _refused(entry, error.message) from None
