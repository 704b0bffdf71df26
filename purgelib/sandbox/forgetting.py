"""The Delete User Policy: what Alma still knows of a user after a purge or a DELETE [PURGING.md 1.5].

What is left stands in the table `purged`, for Analytics only: no API finds such a user any more. A
stricter policy also takes from those who were purged earlier; a looser one brings nothing back.
"""

import json

from purgelib.sandbox import assumptions, records
from purgelib.sandbox.store import pack
from purgelib.sandbox.tables import code, SUFFIX

# From the loosest to the strictest.
POLICIES = ("KEEP_FULLY_REPORTABLE", "KEEP_STATISTICS", "KEEP_STATISTICS_AND_REMOVE_PRIMARY_ID",
            "FULLY_REMOVE")
_STATISTICS = ("user_group", "job_category", "user_statistic", "status", "status_date")


def policy(memory):
    """Returns the policy in force. Only reads."""
    return memory.get("settings")["delete_policy"]


def keep(memory, number):
    """Writes down what the policy leaves of a user who is about to be deleted. Writes."""
    if policy(memory) == "FULLY_REMOVE":
        return
    day = memory.clock.today()
    record = json.loads(memory.one("SELECT record FROM users WHERE id = ?", (number,)))
    record["status"], record["status_date"] = code("ContentStructureStatus", "DELETED"), records.dated(day)
    for one in record["user_identifier"]:
        one["status"] = "INACTIVE"
    memory.do("INSERT INTO purged (primary_id, day, record) VALUES (?, ?, ?)",
              (record["primary_id"], day.isoformat(), pack(record)))
    _reduce(memory, memory.one("SELECT last_insert_rowid()"), record, policy(memory), day)


def retroact(memory):
    """Takes from all who were purged earlier what the policy of today does not allow to keep. Writes."""
    chosen = policy(memory)
    if chosen == "FULLY_REMOVE":
        memory.do("DELETE FROM purged")
    for n, text in memory.rows("SELECT n, record FROM purged ORDER BY n"):
        _reduce(memory, n, json.loads(text), chosen, memory.clock.today())


def _reduce(memory, n, record, chosen, day):
    if chosen == "KEEP_FULLY_REPORTABLE":
        return
    # The name must not be empty, so it is the primary ID, or a number of Alma's own instead.
    name = record["primary_id"]
    if chosen == "KEEP_STATISTICS_AND_REMOVE_PRIMARY_ID":
        name = f"{assumptions.PURGED_FRONT}{n:08d}{SUFFIX}"
    left = {**records.empty(day), **{field: record[field] for field in _STATISTICS},
            "primary_id": name, "last_name": name, "full_name": name}
    memory.do("UPDATE purged SET primary_id = ?, record = ? WHERE n = ?", (name, pack(left), n))
