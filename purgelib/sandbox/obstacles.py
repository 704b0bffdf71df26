"""What makes Alma refuse to delete a user, and what being deleted takes along.

Open requests, staff roles, proxies, blocks and a future expiry date do NOT protect anybody here, as
they protect nobody in Alma [PURGING.md 1.3].
"""

import json

from purgelib.sandbox.assumptions import FEES_THAT_BLOCK


def of(memory, number, waive=0.0):
    """Returns why this user cannot be deleted, as a list of words; empty when nothing stands in the way."""
    found = []
    if memory.one("SELECT 1 FROM loans WHERE user_id = ? AND status = 'ACTIVE'", (number,)):
        found.append("loans")
    if abs(owed(memory, number)) > waive:
        found.append("balance")
    if json.loads(memory.one("SELECT hidden FROM users WHERE id = ?", (number,)))["acquisitions"]:
        found.append("acquisitions")
    if memory.one("SELECT 1 FROM requests WHERE user_id = ? AND status = 'active' AND "
                  "json_extract(record, '$.request_type') = 'RESOURCE_SHARING' AND "
                  "json_extract(record, '$.request_status') = 'ON_HOLD_SHELF'", (number,)):
        found.append("resource sharing request on hold shelf")
    return found


def owed(memory, number):
    """Returns the balance that stands in the way of a deletion. Only reads."""
    marks = ", ".join("?" * len(FEES_THAT_BLOCK))
    return memory.one(f"SELECT coalesce(sum(balance), 0) FROM fees WHERE user_id = ? AND status IN ({marks})",
                      (number, *FEES_THAT_BLOCK))


def erase(memory, number):
    """Deletes the user and everything that hangs on it; returns what went along silently."""
    cancelled = [row[0] for row in memory.rows(
        "SELECT id FROM requests WHERE user_id = ? AND status = 'active' ORDER BY id", (number,))]
    debts = [row[0] for row in memory.rows(
        "SELECT id FROM fees WHERE user_id = ? AND balance <> 0 ORDER BY id", (number,))]
    for table in ("loans", "fees", "requests", "identifiers", "members"):
        memory.do(f"DELETE FROM {table} WHERE user_id = ?", (number,))
    memory.do("DELETE FROM users WHERE id = ?", (number,))
    return {"deleted": True, "requests_cancelled": cancelled, "debts_lost": debts}
