"""What a user has in the library: loans, requests, purchase requests; and everything about a user at once."""

import datetime
import json

from purgelib.sandbox import charges, tables, users
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack
from purgelib.sandbox.users import find, number_of

_ORDERS = {"id": "loan_id", "loan_date": "loan_date", "due_date": "due_date", "barcode": "item_barcode",
           "title": "title", "author": "author", "return_date": "return_date"}
_GENERAL = "General Error: An error has occurred while processing the request."
_RENEWED_BY = datetime.timedelta(days=28)


def _page(call, name, found):
    limit, offset = call.page()
    page = found[offset:offset + limit]
    return {**({name: page} if page else {}), "total_record_count": len(found)}


def _records(memory, table, number, status=None):
    """All loans or requests of a user; they name the user as the user is called now."""
    who = memory.one("SELECT primary_id FROM users WHERE id = ?", (number,))
    name = {"loans": "user_id", "requests": "user_primary_id"}[table]
    rows = memory.rows(f"SELECT record FROM {table} WHERE user_id = ? AND status = coalesce(?, status) "
                       "ORDER BY id", (number, status))
    return [{**json.loads(row[0]), name: who} for row in rows]


def loans(memory, call, identifier):
    """Answers GET /users/{id}/loans: open loans unless asked for complete ones. Only reads."""
    kind = call.query.get("user_id_type") or "all_unique"
    number = find(memory, identifier, kind, "401861" if kind == "all_unique" else "401890")[0]
    status = (call.query.get("loan_status") or "active").upper()
    order, direction = call.query.get("order_by") or "id", (call.query.get("direction") or "ASC").upper()
    if status not in ("ACTIVE", "COMPLETE") or order not in _ORDERS or direction not in ("ASC", "DESC"):
        raise AlmaError("401652", _GENERAL)
    found = _records(memory, "loans", number, status)
    found.sort(key=lambda one: (one.get(_ORDERS[order]) or "", one["loan_id"]), reverse=direction == "DESC")
    if "renewable" in call.query.get("expand", "").split(","):
        for one in found:
            one["renewable"] = one["loan_status"] == "ACTIVE"
    return Answer(_page(call, "item_loan", found), "item_loans")


def loan(memory, call, identifier, loan_id):
    """Answers GET /users/{id}/loans/{loan_id}. Only reads."""
    return Answer(_loan(memory, call, identifier, loan_id, "401652", _GENERAL), "item_loan")


def _loan(memory, call, identifier, loan_id, code, text):
    try:
        number = number_of(memory, call, identifier)
    except AlmaError:
        raise AlmaError(code, text) from None
    for one in _records(memory, "loans", number):
        if one["loan_id"] == loan_id:
            return one
    raise AlmaError(code, text)


def renew(memory, call, identifier, loan_id):
    """Answers POST /users/{id}/loans/{loan_id}?op=renew: four more weeks. Writes."""
    one = _loan(memory, call, identifier, loan_id, "401823", f"Loan ID {loan_id} does not exist.")
    if call.query.get("op") != "renew" or one["loan_status"] != "ACTIVE":
        raise AlmaError("401822", f"Cannot renew loan: Loan ID {loan_id}.")
    before = one["due_date"]
    one["due_date"] = f"{memory.clock.today() + _RENEWED_BY}T20:00:00Z"
    one["process_status"] = "RENEW"
    memory.do("UPDATE loans SET record = ? WHERE id = ?", (pack(one), loan_id))
    memory.note("POST", f"users/{identifier}/loans/{loan_id}", one["user_id"],
                {"due_date": [before, one["due_date"]]})
    return Answer(one, "item_loan")


def requests(memory, call, identifier):
    """Answers GET /users/{id}/requests: active ones unless asked for the history. Only reads."""
    number = number_of(memory, call, identifier)
    status = (call.query.get("status") or "active").lower()
    if status not in ("active", "history"):
        raise AlmaError("401652", _GENERAL)
    kind = call.query.get("request_type")
    found = [one for one in _records(memory, "requests", number, status)
             if not kind or one["request_type"] == kind.upper()]
    return Answer(_page(call, "user_request", found), "user_requests")


def request(memory, call, identifier, request_id):
    """Answers GET /users/{id}/requests/{request_id}. Only reads."""
    return Answer(_request(memory, call, identifier, request_id, "401652", _GENERAL), "user_request")


def _request(memory, call, identifier, request_id, code, text, status=None):
    for one in _records(memory, "requests", number_of(memory, call, identifier), status):
        if one["request_id"] == request_id:
            return one
    raise AlmaError(code, text)


def cancel(memory, call, identifier, request_id):
    """Answers DELETE /users/{id}/requests/{request_id}: an open request becomes history. Writes."""
    one = _request(memory, call, identifier, request_id, "401694", "Request Identifier not found.", "active")
    reason = call.query.get("reason")
    if reason not in tables.TABLES["RequestCancellationReasons"]:
        raise AlmaError("401652", _GENERAL)
    one["request_status"] = "HISTORY"
    memory.do("UPDATE requests SET status = 'history', record = ? WHERE id = ?", (pack(one), request_id))
    memory.note("DELETE", f"users/{identifier}/requests/{request_id}", one["user_primary_id"],
                {"requests_cancelled": [request_id], "reason": reason, "time": stamp(memory.clock.now())})
    return Answer(status=204)


def purchase_requests(memory, call, identifier):
    """Answers GET /users/{id}/purchase-requests: nobody here has any. Only reads."""
    number_of(memory, call, identifier)
    if call.query.get("status", "").upper() not in ("", "INREVIEW", "APPROVED", "REJECTED", "DEFERRED"):
        raise AlmaError("60275", "Purchase request status is not valid.")
    return Answer(_page(call, "purchase_request", []), "purchase_requests")


def purchase_request(memory, call, identifier, _request_id):
    """Answers GET /users/{id}/purchase-requests/{id}: nobody here has any. Only reads."""
    number_of(memory, call, identifier)
    raise AlmaError("60276", "The purchase request identifier is not valid.")


def personal_data(memory, call, identifier):
    """Answers GET /users/{id}/personal-data: the whole user with all loans, requests and fees. Only reads."""
    number, text = users.person(memory, call, identifier)
    record = users.shown(call, json.loads(text))
    users.expand(memory, call, number, record, ("requests", "loans", "fees"))
    parts = {"item_loans": {"item_loan": _records(memory, "loans", number)},
             "user_requests": {"user_request": _records(memory, "requests", number)},
             "fees": {"fee": charges.all_of(memory, call, number)}}
    for part in parts.values():
        part["total_record_count"] = len(next(iter(part.values())))
    return Answer({"user": record, **parts}, "user_personal")
