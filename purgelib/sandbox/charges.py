"""Fines and fees: reading them, making one, paying, waiving, disputing and restoring."""

import json

from purgelib.sandbox import entries, incoming, renderings, tables, users
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack
from purgelib.sandbox.tables import code

_OPEN = ("ACTIVE", "INDISPUTE")


def _wrong(name):
    return AlmaError("401666", f"{name} parameter is not valid.")


def listing(memory, call, identifier):
    """Answers GET /users/{id}/fees in one status, ACTIVE unless asked otherwise. Only reads."""
    number = users.number_of(memory, call, identifier, "401651")
    status = (call.query.get("status") or "ACTIVE").upper()
    if status not in tables.TABLES["HFrUserFinesFees.fineFeeStatus"]:
        raise _wrong("status")
    return _list([one for one in all_of(memory, call, number) if one["status"]["value"] == status])


def all_of(memory, call, number):
    """Returns all fees of a user, of every status, with their links. Only reads."""
    who = json.loads(memory.one("SELECT record FROM users WHERE id = ?", (number,)))
    found = [json.loads(row[0]) for row in
             memory.rows("SELECT record FROM fees WHERE user_id = ? ORDER BY id", (number,))]
    return [{**fee, "link": call.link(f"{users.address(who)}/fees/{fee['id']}")} for fee in found]


def _list(found):
    if not found:
        return Answer({"total_record_count": 0, "total_sum": 0, "currency": None}, "fees")
    total = sum(_cents(fee["balance"]) for fee in found) / 100
    whole = {"fee": found, "total_record_count": len(found), "total_sum": total, "currency": tables.CURRENCY}
    return Answer(whole, "fees")


def get(memory, call, identifier, fee_id):
    """Answers GET /users/{id}/fees/{fee_id}. Only reads."""
    return Answer(_one(memory, call, identifier, fee_id), "fee")


def _one(memory, call, identifier, fee_id):
    number = users.number_of(memory, call, identifier, "401651")
    for fee in all_of(memory, call, number):
        if fee["id"] == fee_id:
            return fee
    raise AlmaError("401665", "Fine not found.")


def create(memory, call, identifier):
    """Answers POST /users/{id}/fees: a new fine or fee, active at once. Writes."""
    number, text = users.find(memory, identifier, call.query.get("user_id_type") or "all_unique", "401861")
    try:
        kind, cents, owner, barcode, comment = _read(memory, incoming.body(call))
    except AlmaError as error:
        # Of a fee, not of a user: this operation knows other codes for a body that cannot be read.
        foreign = error.code in ("401658", "401676")
        raise AlmaError("402119", "General error.") if foreign else error from None
    now = stamp(memory.clock.now())
    # The ids of those invented begin with 9854: no number comes twice.
    fee_id, _ = memory.next_id("fee", "9855")
    fee = renderings.a_fee(fee_id, kind, "ACTIVE", cents, cents, now)
    fee.update(owner=owner, barcode=barcode, comment=comment)
    memory.do("INSERT INTO fees VALUES (?, ?, 'ACTIVE', ?, ?)", (fee["id"], number, cents / 100, pack(fee)))
    who = json.loads(text)
    memory.note("POST", f"users/{identifier}/fees", who["primary_id"],
                {"fee": fee["id"], "amount": cents / 100})
    return Answer({**fee, "link": call.link(f"{users.address(who)}/fees/{fee['id']}")}, "fee")


def _read(memory, sent):
    """Type, amount in cents, owner, barcode and comment of a fee that a client sends."""
    kind = entries.plain_code("type", sent.get("type"))[0]
    if not kind:
        raise AlmaError("4019991", "User fine/fee type is required.")
    if kind not in tables.TABLES["HFrUserFinesFees.fineFeeType"]:
        raise AlmaError("4019992", "User fine/fee type invalid entry.")
    if sent.get("original_amount") in (None, ""):
        raise AlmaError("4019994", "User fine/fee original amount is required.")
    cents = _amount(str(sent["original_amount"]))
    if not cents or isinstance(sent["original_amount"], bool):
        raise AlmaError("402119", "General error: the original amount must be a positive number.")
    owner = entries.plain_code("owner", sent.get("owner"))[0]
    if not owner:
        raise AlmaError("4019996", "User fine/fee owner is required.")
    if owner not in tables.LIBRARIES:
        raise AlmaError("4019997", "User fine/fee owner must be a library and not institution.")
    barcode = entries.plain_code("barcode", sent.get("barcode"))[0]
    if barcode and not memory.one("SELECT 1 FROM loans WHERE json_extract(record, '$.item_barcode') = ?",
                                  (barcode,)):
        raise AlmaError("4019993", "User item barcode invalid entry.")
    comment = entries.text("comment", sent.get("comment"), 2000) or None
    # A credit is sent as a positive number and kept as a negative one.
    return (kind, -cents if kind == "CREDIT" else cents, {"value": owner, "desc": tables.LIBRARIES[owner]},
            {"value": barcode} if barcode else None, comment)


def _cents(amount):
    return round(amount * 100)


def _amount(text):
    """An amount above zero in whole cents, or 0 for what is none."""
    try:
        return max(0, _cents(float(text))) if float(text) < 10 ** 9 else 0
    except (ValueError, OverflowError):
        return 0


def operate(memory, call, identifier, fee_id):
    """Answers POST /users/{id}/fees/{fee_id}: pays, waives, disputes or restores a fee. Writes."""
    act = _ACTS.get(call.query.get("op"))
    fee = _one(memory, call, identifier, fee_id)
    if not act:
        raise _wrong("op")
    before = {"status": fee["status"]["value"], "balance": fee["balance"]}
    act(memory, call, fee)
    _save(memory, fee)
    _note(memory, identifier, fee, before, f"fees/{fee_id}")
    return Answer(fee, "fee")


def pay_all(memory, call, identifier):
    """Answers POST /users/{id}/fees/all?op=pay: pays the active fees, oldest first. Writes."""
    number = users.number_of(memory, call, identifier, "401651")
    if call.query.get("op") != "pay":
        raise _wrong("op")
    method = _method(call)
    found = [one for one in all_of(memory, call, number) if one["status"]["value"] == "ACTIVE"]
    owed = sum(max(0, _cents(one["balance"])) for one in found)
    left = owed if call.query.get("amount") == "ALL" else _amount(call.query.get("amount", ""))
    if not left or left > owed:
        raise _wrong("amount")
    for fee in sorted(found, key=lambda one: (one["creation_time"], one["id"])):
        part = min(left, max(0, _cents(fee["balance"])))
        if part:
            before = {"status": fee["status"]["value"], "balance": fee["balance"]}
            _settle(memory, call, fee, "PAYMENT", part, method)
            _save(memory, fee)
            _note(memory, identifier, fee, before, "fees/all")
            left -= part
    return _list(found)


def _note(memory, identifier, fee, before, where):
    who = memory.one("SELECT u.primary_id FROM users u JOIN fees f ON f.user_id = u.id WHERE f.id = ?",
                     (fee["id"],))
    memory.note("POST", f"users/{identifier}/{where}", who,
                {"fee": fee["id"], "status": [before["status"], fee["status"]["value"]],
                 "balance": [before["balance"], fee["balance"]]})


def _method(call):
    method = call.query.get("method", "").upper()
    if method not in tables.TABLES["PaymentMethod"]:
        raise _wrong("method")
    return code("PaymentMethod", method)


def _pay(memory, call, fee):
    _settle(memory, call, fee, "PAYMENT", _part(call, fee), _method(call))


def _waive(memory, call, fee):
    reasons = tables.TABLES["FineFeeTransactionReason"]
    if call.query.get("reason") not in reasons:
        raise _wrong("reason")
    _settle(memory, call, fee, "WAIVE", _part(call, fee), None, reasons[call.query["reason"]])


def _part(call, fee):
    """The part of the balance that is meant, in cents: all of it without a word; of a credit negative."""
    balance = _cents(fee["balance"])
    if fee["status"]["value"] not in _OPEN or not balance:
        raise AlmaError("402119", f"General error: the fee is {fee['status']['desc'].lower()}.")
    if not call.query.get("amount"):
        return balance
    part = _amount(call.query["amount"])
    if not part or part > abs(balance):
        raise _wrong("amount")
    return part if balance > 0 else -part


def _settle(memory, call, fee, kind, cents, method, reason=""):
    """Takes cents off the balance of a fee, with a transaction; nothing left closes it."""
    now, done = stamp(memory.clock.now()), fee.setdefault("transaction", [])
    done.append(renderings.transaction(
        f"{fee['id']}{len(done)}", kind, cents, now, by="exl_api", reason=reason, method=method,
        comment=call.query.get("comment", ""), external=call.query.get("external_transaction_id", "")))
    left = _cents(fee["balance"]) - cents
    fee["balance"] = left / 100
    if not left:
        _turn(memory, fee, "CLOSED")


def _dispute(memory, _call, fee):
    if fee["status"]["value"] != "ACTIVE":
        raise AlmaError("402119", "General error: only an active fee can be disputed.")
    _turn(memory, fee, "INDISPUTE")


def _restore(memory, _call, fee):
    if fee["status"]["value"] != "INDISPUTE":
        raise AlmaError("402119", "General error: only a disputed fee can be restored.")
    _turn(memory, fee, "ACTIVE")


def _turn(memory, fee, status):
    fee["status"], fee["status_time"] = code("HFrUserFinesFees.fineFeeStatus", status), stamp(memory.clock.now())


def _save(memory, fee):
    memory.do("UPDATE fees SET status = ?, balance = ?, record = ? WHERE id = ?",
              (fee["status"]["value"], fee["balance"],
               pack({name: value for name, value in fee.items() if name != "link"}), fee["id"]))


_ACTS = {"pay": _pay, "waive": _waive, "dispute": _dispute, "restore": _restore}
