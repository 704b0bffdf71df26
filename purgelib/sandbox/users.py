"""Reading users: one, many, and their loans, fees and requests."""

import json

from purgelib.sandbox import records
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError

# expand word -> table, part of the address, and the number it stands for
_EXPANDED = {
    "requests": "SELECT count(*) FROM requests WHERE user_id = ? AND status = 'active'",
    "loans": "SELECT count(*) FROM loans WHERE user_id = ? AND status = 'ACTIVE'",
    "fees": "SELECT coalesce(sum(balance), 0.0) FROM fees WHERE user_id = ? AND status = 'ACTIVE'",
}
_SEARCHED = {"primary_id": "primary_id", "first_name": "first_name", "last_name": "last_name",
             "user_group": "user_group"}


def find(memory, identifier, kind="all_unique", code="401890"):
    """Returns number and record text of a user by any identifier, whatever its case; or Alma's refusal."""
    key = identifier.casefold()
    row = None
    if kind in ("all_unique", "PRIMARYIDENTIFIER", "PRIMARY_ID"):
        row = memory.row("SELECT id, record FROM users WHERE key = ?", (key,))
    if not row and kind != "PRIMARY_ID":
        row = memory.row(
            "SELECT u.id, u.record FROM identifiers i JOIN users u ON u.id = i.user_id "
            "WHERE i.value = ? AND ? IN ('all_unique', i.id_type)", (key, kind))
    if row and not key.startswith("no primary id"):
        return row
    if code == "401861":
        raise AlmaError("401861", f"User with identifier {identifier} was not found.")
    raise AlmaError("401890", f"User with identifier {identifier} of type {kind} was not found.")


def get(memory, call, identifier):
    """Answers GET /users/{id}. Only reads."""
    kind = call.query.get("user_id_type", "all_unique")
    number, text = find(memory, identifier, kind, "401861" if kind == "all_unique" else "401890")
    wanted = [w for w in call.query.get("expand", "").split(",") if w in _EXPANDED]
    brief = call.query.get("view") == "brief"
    if call.wants_json and not wanted and not brief:
        return Answer(text.encode(), "user", media="application/json")
    record = json.loads(text)
    _expand(memory, call, number, record, wanted)
    return Answer(records.brief_view(record) if brief else record, "user")


def _expand(memory, call, number, record, wanted):
    for word in wanted:
        amount = memory.one(_EXPANDED[word], (number,))
        record[word] = {"value": amount, "link": call.link(f"users/{record['primary_id']}/{word}")}


def listing(memory, call):
    """Answers GET /users: a page of short entries, and how many there are in all. Only reads."""
    limit, offset = call.page()
    where, values = _filter(call)
    total = memory.one(f"SELECT count(*) FROM users {where}", values)
    rows = memory.rows(f"SELECT primary_id, record FROM users {where} ORDER BY {_order(call)} "
                       "LIMIT ? OFFSET ?", (*values, limit, offset))
    if not rows:
        return Answer({"total_record_count": total}, "users")
    full = call.query.get("expand") == "full"
    return Answer({"user": [_entry(call, row, full) for row in rows], "total_record_count": total}, "users")


def _entry(call, row, full):
    primary_id, record = row[0], json.loads(row[1])
    link = call.link(f"users/{'-' if primary_id.startswith('no primary id') else primary_id}")
    return {**record, "link": link} if full else records.brief_entry(record, link)


def _order(call):
    orders = {"last_name": "last_name, first_name, key", "first_name": "first_name, last_name, key"}
    asked = call.query.get("order_by", "last_name")
    if asked == "primary_id" and not call.query.get("q"):
        return "key"
    return orders.get(asked.split(",")[0].strip(), orders["last_name"])


def _filter(call):
    q, since = call.query.get("q"), call.query.get("modify_date_from")
    if q and since:
        raise AlmaError("402119", "General error: q and modify_date_from are mutually exclusive.")
    if since:
        return "WHERE modified >= ?", (since,)
    if not q:
        return "", ()
    parts, values = [], []
    for term in q.split(" AND "):
        field, _, wanted = term.partition("~")
        if not wanted:
            raise AlmaError("402119", "General error: invalid query format.")
        for word in wanted.replace("_", " ").replace("+", " ").split() if field != "primary_id" else [wanted]:
            # A search finds words, it is no test of equality: 0041 finds everybody whose ID has it inside.
            parts.append(f"{_SEARCHED.get(field.strip(), 'record')} LIKE ?")
            values.append(f"%{word}%")
    return "WHERE " + " AND ".join(parts), tuple(values)


def _sub_page(memory, call, table, condition, values, name):
    limit, offset = call.page()
    total = memory.one(f"SELECT count(*) FROM {table} WHERE {condition}", values)
    rows = memory.rows(f"SELECT record FROM {table} WHERE {condition} ORDER BY id LIMIT ? OFFSET ?",
                       (*values, limit, offset))
    found = {name: [json.loads(text) for (text,) in rows]} if rows else {}
    return {**found, "total_record_count": total}


def _number(memory, call, identifier):
    return find(memory, identifier, call.query.get("user_id_type", "all_unique"))[0]


def loans(memory, call, identifier):
    """Answers GET /users/{id}/loans: open loans unless asked for complete ones. Only reads."""
    values = (_number(memory, call, identifier), call.query.get("loan_status", "active").upper())
    page = _sub_page(memory, call, "loans", "user_id = ? AND status = ?", values, "item_loan")
    return Answer(page, "item_loans")


def requests(memory, call, identifier):
    """Answers GET /users/{id}/requests: active ones unless asked for the history. Only reads."""
    values = [_number(memory, call, identifier), call.query.get("status", "active").lower()]
    condition = "user_id = ? AND status = ?"
    if call.query.get("request_type"):
        condition += " AND json_extract(record, '$.request_type') = ?"
        values.append(call.query["request_type"])
    page = _sub_page(memory, call, "requests", condition, tuple(values), "user_request")
    return Answer(page, "user_requests")


def fees(memory, call, identifier):
    """Answers GET /users/{id}/fees in one status, ACTIVE unless asked otherwise. Only reads."""
    number = _number(memory, call, identifier)
    status = call.query.get("status", "ACTIVE").upper()
    if status not in ("ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED"):
        raise AlmaError("401666", f"status parameter is not valid: {status}")
    rows = memory.rows("SELECT record FROM fees WHERE user_id = ? AND status = ? ORDER BY id",
                       (number, status))
    if not rows:
        return Answer({"total_record_count": 0, "total_sum": 0, "currency": None}, "fees")
    found = [json.loads(text) for (text,) in rows]
    for fee in found:
        fee["link"] = call.link(f"users/{identifier}/fees/{fee['id']}")
    total = round(sum(fee["balance"] for fee in found), 2)
    whole = {"fee": found, "total_record_count": len(found), "total_sum": total, "currency": "USD"}
    return Answer(whole, "fees")
