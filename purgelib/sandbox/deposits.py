"""Deposits: what a few teachers handed in for the repository. Their fields are a choice, see assumptions."""

import json

from purgelib.sandbox import names
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.dice import Dice
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack
from purgelib.sandbox.tables import SUFFIX
from purgelib.sandbox.users import number_of

_STATUSES = {"DRAFT": "Draft", "SUBMITTED": "Submitted", "RETURNED": "Returned", "APPROVED": "Approved"}
_ORDERS = {"name": "title", "modification_date": "modification_date"}


def invent(people, seed):
    """Returns rows of the table of deposits for some of the teachers among the people, by seed."""
    dice = Dice(seed * 1000 + 21)
    rows = []
    for number, person in enumerate(people, start=1):
        if person.group in ("01", "03") and dice.chance(.05):
            for _ in range(1 + dice.below(3)):
                one = _deposit(dice, len(rows))
                rows.append((one["deposit_id"], number, one["status"]["value"], pack(one)))
    return rows


def _deposit(dice, number):
    status, day = dice.pick(tuple(_STATUSES)), dice.day(2023, 2025)
    return {"deposit_id": f"7512{number:08d}{SUFFIX}", "title": dice.pick(names.TITLES)[0],
            "status": {"value": status, "desc": _STATUSES[status]}, "creation_date": f"{day}Z",
            "modification_date": f"{day}Z"}


def listing(memory, call, identifier):
    """Answers GET /users/{id}/deposits: a page, by name unless asked otherwise. Only reads."""
    limit, offset = call.page()
    order = call.query.get("order_by") or "name"
    direction = (call.query.get("direction") or "ASC").upper()
    if order not in _ORDERS or direction not in ("ASC", "DESC"):
        raise AlmaError("402238", "Failed to get deposits.")
    found = _all(memory, call, identifier)
    status = call.query.get("status", "").upper()
    found = [one for one in found if not status or one["status"]["value"] == status]
    found.sort(key=lambda one: (one[_ORDERS[order]], one["deposit_id"]), reverse=direction == "DESC")
    page = found[offset:offset + limit]
    shown = {"user_deposit": page} if page else {}
    return Answer({**shown, "total_record_count": len(found)}, "user_deposits")


def get(memory, call, identifier, deposit_id):
    """Answers GET /users/{id}/deposits/{deposit_id}. Only reads."""
    for one in _all(memory, call, identifier):
        if one["deposit_id"] == deposit_id:
            return Answer(one, "user_deposit")
    raise AlmaError("402238", "Failed to get deposit.")


def _all(memory, call, identifier):
    number = number_of(memory, call, identifier, "402238")
    return [json.loads(row[0]) for row in
            memory.rows("SELECT record FROM deposits WHERE user_id = ? ORDER BY id", (number,))]
