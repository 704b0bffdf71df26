"""Whom a purge takes and whom it leaves, by the documented rules [PURGING.md 1.2 to 1.4].

It looks at the purge date and at obstacles, never at the expiry date; what is owed up to the waive threshold
goes with the user. Both purge jobs go by this: the one on a set, and the one that staff start on its page.
"""

import datetime
import json
import math
import re

from purgelib.sandbox import assumptions, obstacles

_DAYS, _AMOUNT = re.compile(r"\d{1,6}", re.ASCII), re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
BATCH = 500


def wish(days="", waive="", requires_purge_date=True, record_type="", user_group=""):
    """Returns what is asked of a purge as a dict; a number that makes no sense is a ValueError, a blank one is 0."""
    days, waive = ("" if text == "Null" else text.strip() for text in (days, waive))
    if days and not _DAYS.fullmatch(days):
        raise ValueError("the number of days is a whole number from 0")
    if waive and not _AMOUNT.fullmatch(waive):
        raise ValueError("the waive threshold is an amount such as 1 or 2.50")
    return {"days": int(days or 0), "waive": float(waive or 0), "requires_purge_date": requires_purge_date,
            "record_type": record_type, "user_group": user_group}


def last_day(wish, today):
    """Returns the last purge date that a purge of today takes, None when there is none."""
    days = wish["days"] + (0 if assumptions.BOUNDARY_DAY_INCLUDED else 1)
    return today - datetime.timedelta(days=days) if days < today.toordinal() else None


def of(memory, wish, day, seen):
    """Looks at some of the users after number `seen`, for a purge without a set; returns those that it takes.

    The answer is a list of (number, primary ID), and the number up to which all were looked at: None at the end.
    """
    top = memory.one("SELECT max(id) FROM (SELECT id FROM users WHERE id > ? ORDER BY id LIMIT ?)", (seen, BATCH))
    if top is None or day is None:
        return [], None
    condition, values = "id > ? AND id <= ? AND json_extract(record, '$.purge_date') <= ?", [seen, top, f"{day}Z"]
    for name, place in (("record_type", "json_extract(record, '$.record_type.value')"), ("user_group", "user_group")):
        if wish[name]:
            condition += f" AND +{place} = ?"
            values.append(wish[name])
    return memory.rows(f"SELECT id, primary_id FROM users WHERE {condition} ORDER BY id", tuple(values)), top


def why_not(memory, instance_id, wish, number, record):
    """Returns why this user is not purged, in words; empty when nothing stands in the way. Only reads."""
    if wish["requires_purge_date"]:
        if not record.get("purge_date"):
            return "no purge date"
        day = last_day(wish, memory.clock.today())
        if day is None or record["purge_date"] > f"{day}Z":
            return "purge date not reached"
    found = obstacles.of(memory, number, wish["waive"])
    if obstacles.locked(memory, number, instance_id):
        found.append("locked by a running job")
    return ", ".join(found)


def erase(memory, instance_id, wish, number, text):
    """Deletes a user for good unless something stands in the way; returns the outcome. Writes."""
    record = json.loads(text)
    reason = why_not(memory, instance_id, wish, number, record)
    if reason:
        return f"not purged: {reason}"
    # Open requests are cancelled without a word to anybody; only our ledger knows.
    memory.note("JOB", instance_id, record["primary_id"], obstacles.erase(memory, number))
    return "done"


def sentence(wish, groups, types):
    """Returns the criteria of a purge without a set as a sentence for people."""
    who = types.get(wish["record_type"], "any")
    group = f"user group {groups.get(wish['user_group'], wish['user_group'])}" if wish["user_group"] else \
        "all user groups"
    waive = wish["waive"]
    days = "day" if wish["days"] == 1 else "days"
    amount = f"{waive:.0f}" if math.isclose(waive, round(waive)) else f"{waive:.2f}"
    return f"record type {who}, {group}, {wish['days']} {days} after the purge date, waive threshold {amount}"
