"""What makes Alma refuse to delete a user, and what being deleted takes along.

Open requests, staff roles, proxies, blocks and a future expiry date do NOT protect anybody here, as
they protect nobody in Alma [PURGING.md 1.3].
"""

import json

from purgelib.sandbox import assumptions, forgetting, searching
from purgelib.sandbox.assumptions import FEES_THAT_BLOCK

# Facts that no API shows, kept with the user; each is a number, above zero when it stands in the way.
HIDDEN = ("acquisitions", "import_profiles", "md_editor", "locked_bibs", "research_assets")


def of(memory, number, waive=0.0):
    """Returns why this user cannot be deleted, as a list of words; empty when nothing stands in the way."""
    found = []
    if memory.one("SELECT 1 FROM loans WHERE user_id = ? AND status = 'ACTIVE'", (number,)):
        found.append("loans")
    if abs(owed(memory, number)) > waive:
        found.append("balance")
    hidden = json.loads(memory.one("SELECT hidden FROM users WHERE id = ?", (number,)))
    found += [name for name in HIDDEN if hidden.get(name)]
    if memory.one("SELECT 1 FROM requests WHERE user_id = ? AND status = 'active' AND "
                  "json_extract(record, '$.request_type') = 'RESOURCE_SHARING' AND "
                  "json_extract(record, '$.request_status') = 'ON_HOLD_SHELF'", (number,)):
        found.append("resource sharing request on hold shelf")
    return found


def locked(memory, number, by_other_than=""):
    """Says whether a running job has this user still before it, the job that asks not counted. Only reads."""
    return bool(memory.one(
        "SELECT 1 FROM instances i JOIN tasks t ON t.instance_id = i.id WHERE i.status = ? AND i.id <> ? "
        "AND t.user_id = ? AND t.outcome IS NULL", (assumptions.RUNNING, by_other_than, number)))


def place(memory, primary_id, **facts):
    """Sets hidden facts of a user, such as acquisitions=2 or md_editor=1. Writes."""
    unknown = set(facts) - set(HIDDEN)
    if unknown:
        raise ValueError(f"no such hidden fact: {', '.join(sorted(unknown))}")
    text = memory.one("SELECT hidden FROM users WHERE key = ?", (primary_id.casefold(),))
    if text is None:
        raise ValueError(f"no such user: {primary_id}")
    memory.do("UPDATE users SET hidden = ? WHERE key = ?",
              (json.dumps({**json.loads(text), **facts}), primary_id.casefold()))


def owed(memory, number):
    """Returns the balance that stands in the way of a deletion, to the cent. Only reads."""
    marks = ", ".join("?" * len(FEES_THAT_BLOCK))
    return memory.one("SELECT coalesce(round(sum(balance), 2), 0) FROM fees WHERE user_id = ? "
                      f"AND status IN ({marks})", (number, *FEES_THAT_BLOCK))


def erase(memory, number):
    """Deletes the user and everything that hangs on it; returns what went along silently.

    What is left of the user, by the institution's Delete User Policy, goes to the table of the purged.
    """
    cancelled = [row[0] for row in memory.rows(
        "SELECT id FROM requests WHERE user_id = ? AND status = 'active' ORDER BY id", (number,))]
    debts = [row[0] for row in memory.rows(
        "SELECT id FROM fees WHERE user_id = ? AND balance <> 0 ORDER BY id", (number,))]
    forgetting.keep(memory, number)
    for table in ("loans", "fees", "requests", "deposits", "identifiers", "members"):
        memory.do(f"DELETE FROM {table} WHERE user_id = ?", (number,))
    searching.forget(memory, number)
    memory.do("DELETE FROM users WHERE id = ?", (number,))
    return {"deleted": True, "requests_cancelled": cancelled, "debts_lost": debts}
