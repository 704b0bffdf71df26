"""What the key may do, in which area of Alma, and what each step of a purge needs. Asked by Alma's own test calls.

These calls write nothing. Whether a key may write is asked by POST, and a connection opened for reading refuses every
verb but GET, this one too: a rule with one exception protects less than a rule. So that answer takes a connection
opened for writing; without one, it stays "not asked".
"""

import re

import pandas as pd

from purgelib.errors import AlmaError, KeyRefused, NoAnswer

YES, NO, NOT_ASKED, UNKNOWN = "yes", "no", "not asked", "cannot tell"
AREAS = {"users": "Users", "conf": "Configuration", "analytics": "Analytics"}
# What each step needs: area and whether it writes there.
STEPS = {
    "fetch exports from Analytics (00_start_here)": {"conf": "read", "analytics": "read"},
    "look everybody up, rehearse (03_plan)": {"conf": "read", "users": "read"},
    "set fields user by user (04_update)": {"conf": "read", "users": "write"},
    "hand users to a job through a set (05_purge)": {"conf": "write", "users": "read"},
    "put back, create again (06_restore)": {"conf": "read", "users": "write"},
}


def look(alma):
    """Returns what the key may do: a frame with the columns area, may read, may write, told by. Only reads.

    Each answer is yes, no, not asked (whether it may write, by a connection opened for reading) or cannot tell.
    """
    rows = [_area(alma, area) for area in AREAS]
    return pd.DataFrame(rows, columns=["area", "may read", "may write", "told by"])


def steps(rights):
    """Returns what each step needs and what the key lacks for it: a frame with the columns step, needs, lacks."""
    may = {(area, way): answer for area, reads, writes in rights.iloc[:, :3].itertuples(index=False)
           for way, answer in (("read", reads), ("write", writes))}
    rows = []
    for step, needs in STEPS.items():
        needed = [(AREAS[area], way) for area, way in needs.items()]
        lacks = [_right(*one) + {NO: ""}.get(may[one], f" ({may[one]})") for one in needed if may[one] != YES]
        rows.append((step, ", ".join(_right(*one) for one in needed), ", ".join(lacks)))
    return pd.DataFrame(rows, columns=["step", "needs", "lacks"])


def summary(alma, rights):
    """Says in a sentence or two who answers, what is left of the day's calls, and what the key lacks. Only reads."""
    if (rights["may read"] == NO).all():
        return f"Alma at {alma.url} does not know this key, or not from this network."
    try:
        target = alma.target()
        who = f"{target['name']} ({target['institution']}), {target['environment']}."
    except KeyRefused:
        who = "The key may not read the Configuration area, so nobody can tell which environment this is."
    left = "" if alma.remaining is None else f" {alma.remaining:,} calls are left today."
    lacking = steps(rights).query("lacks != ''")
    said = f" For {len(lacking)} of {len(STEPS)} steps something is lacking or was not asked." if len(lacking) else \
        f" It may do all {len(STEPS)} steps."
    return f"{who}{left}{said}"


def _area(alma, area):
    told = {}
    reads = _asked(alma, area, False, told)
    writes = _asked(alma, area, True, told) if alma.writing else NOT_ASKED
    return AREAS[area], reads, writes, "; ".join(told) or "Alma's test calls"


def _asked(alma, area, writing, told):
    try:
        said = alma.key_test(area, writing)
    except KeyRefused:
        return NO
    except (AlmaError, NoAnswer) as error:
        told[str(error)] = UNKNOWN
        return UNKNOWN
    code = re.search(r"institutionCode: *(\w+)", said)
    if code:
        told[f"Alma's test calls for {code[1]}"] = YES
    return YES


def _right(area, way):
    return f"{area} ({'read/write' if way == 'write' else 'read-only'})"
