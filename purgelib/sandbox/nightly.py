"""The night over Analytics: once a day its reports are made anew from what Alma holds, and then stay so.

Who asks in the morning sees the evening before: a renewal, a loan or a fee of today is not in them.
"""

import datetime
import json

from purgelib.sandbox import circulation, forgetting, reports
from purgelib.sandbox.assumptions import PURGED_FRONT
from purgelib.sandbox.clock import LAST_NIGHT
from purgelib.sandbox.store import pack
from purgelib.sandbox.tables import SUFFIX

_PARTS = ", ".join(f"'$.{name}'" for name in reports.OF_USER)
_USERS = f"SELECT json_extract(record, {_PARTS}) FROM "
_OF = ("SELECT u.primary_id, one.record FROM {} one JOIN users u ON u.id = one.user_id {} "
       "ORDER BY one.user_id, one.id")


def data_day(memory):
    """Returns the day whose end the reports show. Only reads."""
    return datetime.date.fromisoformat(memory.get("data_day", LAST_NIGHT.isoformat()))


def run_if_due(memory):
    """Makes the reports anew when the night before is not the one that they show; says whether it did. Writes.

    Called right after midnight, or after the clock was moved over it, when all is still as in the evening.
    """
    evening = memory.clock.today() - datetime.timedelta(days=1)
    # The clock may also have been set back.
    if evening == data_day(memory):
        return False
    with memory.transaction():
        _write(memory)
        memory.put("data_day", evening.isoformat())
    return True


def _write(memory):
    memory.do("DELETE FROM reports")
    for report, rows in _rows(memory).items():
        memory.db.executemany("INSERT INTO reports VALUES (?, ?, ?)",
                              [(report, n, pack(row)) for n, row in enumerate(rows)])


def _rows(memory):
    partners = memory.get("partners", {})
    fees = [(who, json.loads(text)) for who, text in memory.rows(_OF.format("fees", ""))]
    loans = memory.rows(_OF.format("loans", "WHERE one.status = 'ACTIVE'"))
    asked = [(who, json.loads(text)) for who, text
             in memory.rows(_OF.format("requests", "WHERE one.status = 'active'"))]
    return {
        "Users": [*_of_users(memory, "users ORDER BY id"), *_ghosts(memory),
                  *_of_users(memory, "purged ORDER BY n")],
        "Fines and Fees": [row for who, one in fees for row in reports.fee(who, one)],
        "Loans": [reports.loan(who, json.loads(text)) for who, text in loans],
        "Requests": [row for who, one in asked
                     for row in reports.request(who, one, partners.get(one["request_id"]))],
    }


def _of_users(memory, where):
    return [reports.user(json.loads(parts)) for (parts,) in memory.rows(_USERS + where)]


def _ghosts(memory):
    """Returns the rows of those purged before the sandbox began, as far as the strictest policy left them."""
    strictness = max(memory.get("ghosts_policy", forgetting.POLICIES.index("KEEP_STATISTICS")),
                     forgetting.POLICIES.index(forgetting.policy(memory)))
    memory.put("ghosts_policy", strictness)
    size = memory.get("users")
    rows = reports.ghosts(size, memory.get("seed"), circulation.share_of(range(size), 40))
    if forgetting.POLICIES[strictness] == "FULLY_REMOVE":
        return []
    if forgetting.POLICIES[strictness] == "KEEP_STATISTICS_AND_REMOVE_PRIMARY_ID":
        for n, row in enumerate(rows, start=90_000_000):
            row[0] = row[2] = f"{PURGED_FRONT}{n:08d}{SUFFIX}"
    return rows
