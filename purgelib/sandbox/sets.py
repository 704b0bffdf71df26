"""Sets of users: made, filled, emptied, listed."""

import json
import re

from purgelib.sandbox import incoming, users
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack

LIMIT = 1000
_QUERY = re.compile(r'USER where USER \(user_group equals "([^"]*)"\)')
_DESCRIPTIONS = {"ITEMIZED": "Itemized", "LOGICAL": "Logical", "USER": "User", "true": "Yes", "false": "No",
                 "ACTIVE": "Active", "INACTIVE": "Inactive"}


def find(memory, set_id):
    """Returns the kept record of a set, or Alma's refusal. Only reads."""
    text = memory.one("SELECT record FROM sets WHERE id = ?", (set_id,))
    if text is None:
        raise AlmaError("60107", f"Invalid set ID: {set_id}.")
    return json.loads(text)


def members(memory, record):
    """Returns SQL condition and values that pick the members of a set out of the users."""
    if record["type"]["value"] == "LOGICAL":
        match = _QUERY.fullmatch((record.get("query") or {}).get("value", ""))
        # A saved search is asked anew every time: who is in there may have changed since somebody looked.
        return "user_group = ?", (match[1] if match else None,)
    return "id IN (SELECT user_id FROM members WHERE set_id = ?)", (record["id"],)


def count(memory, record):
    """Returns how many users are in the set now. Only reads."""
    condition, values = members(memory, record)
    return memory.one(f"SELECT count(*) FROM users WHERE {condition}", values)


def _whole(memory, call, record):
    link = call.link(f"conf/sets/{record['id']}")
    amount = {"value": count(memory, record), "link": f"{link}/members"}
    return Answer({**record, "number_of_members": amount, "link": link}, "set")


def get(memory, call, set_id):
    """Answers GET /conf/sets/{id}. Only reads."""
    return _whole(memory, call, find(memory, set_id))


def listing(memory, call):
    """Answers GET /conf/sets: without the number of members, as Alma does. Only reads."""
    limit, offset = call.page()
    wanted = {"content": call.query.get("content_type"), "type": call.query.get("set_type")}
    field, _, word = call.query.get("q", "").partition("~")
    if call.query.get("q") and (field not in ("name", "created_by") or not word):
        raise AlmaError("60106", "Invalid query format.")
    found = [json.loads(text) for (text,) in memory.rows("SELECT record FROM sets ORDER BY name")]
    found = [one for one in found if all(not v or one[k]["value"] == v for k, v in wanted.items())
             and (not word or word.replace("_", " ").lower() in _searched(one, field))]
    page = [{**one, "link": call.link(f"conf/sets/{one['id']}")} for one in found[offset:offset + limit]]
    return Answer({**({"set": page} if page else {}), "total_record_count": len(found)}, "sets")


def _searched(record, field):
    text = record["name"] if field == "name" else record["created_by"]["value"]
    return text.replace("_", " ").lower()


def create(memory, call):
    """Answers POST /conf/sets: an empty itemized set, a saved search, or a copy of one as a list. Writes."""
    sent = incoming.body(call)
    kind = _code(sent, "type", "ITEMIZED")
    if kind not in ("ITEMIZED", "LOGICAL"):
        raise AlmaError("402262", "Set type is invalid. Only 'ITEMIZED' and 'LOGICAL' sets are supported.")
    if _code(sent, "content", "USER") != "USER":
        raise AlmaError("402265", "Failed to create a set.")
    name = sent.get("name") or ""
    if not name:
        raise AlmaError("402228", "Mandatory parameter is missing from input: name.")
    _refuse_name(memory, name, "")
    set_id, _ = memory.next_id("set", "83")
    record = _record(memory, set_id, sent, kind)
    memory.do("INSERT INTO sets VALUES (?, ?, ?)", (set_id, name, pack(record)))
    _fill_from(memory, call, record)
    memory.note("POST", "conf/sets", None, {"set": set_id, "name": name, "members": count(memory, record)})
    return _whole(memory, call, record)


def _code(sent, name, default):
    field = sent.get(name) or {}
    return (field.get("value") if isinstance(field, dict) else str(field)) or default


def _record(memory, set_id, sent, kind):
    codes = {"type": kind, "content": "USER", "private": _code(sent, "private", "true"),
             "status": _code(sent, "status", "ACTIVE")}
    for name, legal in (("private", ("true", "false")), ("status", ("ACTIVE", "INACTIVE"))):
        if codes[name] not in legal:
            raise AlmaError("60209" if name == "private" else "60210", f"Set {name} value not valid.")
    today = f"{memory.clock.today()}Z"
    query = {"query": {"value": _code(sent, "query", ""), "desc": ""}} if kind == "LOGICAL" else {}
    made = {name: {"value": value, "desc": _DESCRIPTIONS[value]} for name, value in codes.items()}
    return {"id": set_id, "name": sent["name"], "description": sent.get("description") or "", **made,
            "status_date": today, "note": sent.get("note") or "",
            "created_by": {"value": "exl_api", "desc": "Ex Libris, API"}, "created_date": today,
            **query, "origin": {"value": "UI", "desc": "Institution only"}}


def _fill_from(memory, call, record):
    source = call.query.get("from_logical_set")
    if source:
        condition, values = members(memory, find(memory, source))
        memory.do(f"INSERT INTO members SELECT ?, id FROM users WHERE {condition}", (record["id"], *values))


def _refuse_name(memory, name, set_id):
    if memory.one("SELECT 1 FROM sets WHERE name = ? AND id <> ?", (name, set_id)):
        raise AlmaError("402263", "The set name already exists. Please choose a different name.")


def update(memory, call, set_id):
    """Answers PUT /conf/sets/{id}: name, description and query. Writes."""
    record, sent = find(memory, set_id), incoming.body(call)
    if not sent.get("name"):
        raise AlmaError("402228", "Mandatory parameter is missing from input: name.")
    _refuse_name(memory, sent["name"], set_id)
    record.update(name=sent["name"], description=sent.get("description") or "")
    if "query" in record and sent.get("query"):
        record["query"]["value"] = _code(sent, "query", "")
    memory.do("UPDATE sets SET name = ?, record = ? WHERE id = ?", (record["name"], pack(record), set_id))
    memory.note("PUT", f"conf/sets/{set_id}", None, {"name": record["name"]})
    return _whole(memory, call, record)


def delete(memory, _call, set_id):
    """Answers DELETE /conf/sets/{id}; the users in it stay. Writes."""
    if not memory.one("SELECT 1 FROM sets WHERE id = ?", (set_id,)):
        raise AlmaError("402264", "Invalid Set ID.")
    memory.do("DELETE FROM members WHERE set_id = ?", (set_id,))
    memory.do("DELETE FROM sets WHERE id = ?", (set_id,))
    memory.note("DELETE", f"conf/sets/{set_id}", None, {"deleted": True, "time": stamp(memory.clock.now())})
    return Answer(status=204)


def list_members(memory, call, set_id):
    """Answers GET /conf/sets/{id}/members: primary ID and name, a page at a time. Only reads."""
    limit, offset = call.page()
    condition, values = members(memory, find(memory, set_id))
    total = memory.one(f"SELECT count(*) FROM users WHERE {condition}", values)
    rows = memory.rows(f"SELECT primary_id, json_extract(record, '$.full_name') FROM users WHERE {condition} "
                       "ORDER BY id LIMIT ? OFFSET ?", (*values, limit, offset))
    page = [{"id": who, "description": name, "link": call.link(f"users/{who}")} for who, name in rows]
    return Answer({**({"member": page} if page else {}), "total_record_count": total}, "members")


def operate(memory, call, set_id):
    """Answers POST /conf/sets/{id}?op=: adds, removes or replaces members, all or none. Writes."""
    record, operation = find(memory, set_id), call.query.get("op")
    if operation not in ("add_members", "delete_members", "replace_members"):
        raise AlmaError("60111", f"Invalid operation: {operation}.")
    if record["type"]["value"] != "ITEMIZED":
        raise AlmaError("60112", "Invalid set type.")
    numbers = _numbers(memory, call, incoming.body(call))
    if operation == "replace_members":
        memory.do("DELETE FROM members WHERE set_id = ?", (set_id,))
    have = {row[0] for row in memory.rows("SELECT user_id FROM members WHERE set_id = ?", (set_id,))}
    if operation == "delete_members":
        _remove(memory, set_id, numbers, have)
    elif have & set(numbers):
        raise AlmaError("60115", "A member ID is already in the set.")
    else:
        memory.db.executemany("INSERT INTO members VALUES (?, ?)", [(set_id, n) for n in numbers])
    memory.note("POST", f"conf/sets/{set_id}?op={operation}", None, {operation: len(numbers)})
    return _whole(memory, call, record)


def _remove(memory, set_id, numbers, have):
    if set(numbers) - have:
        raise AlmaError("60117", "Input set member ID is not in set.")
    memory.db.executemany("DELETE FROM members WHERE set_id = ? AND user_id = ?",
                          [(set_id, n) for n in numbers])


def _numbers(memory, call, sent):
    """Returns the users' numbers for the members sent, after all of Alma's checks of the list."""
    holder = sent.get("members")
    listed = holder.get("member") if isinstance(holder, dict) else None
    listed = [listed] if isinstance(listed, dict) else listed
    if not listed:
        raise AlmaError("60113", "Input set with no members.")
    ids = [one.get("id") if isinstance(one, dict) else None for one in listed]
    if not all(isinstance(one, str) and one for one in ids):
        raise AlmaError("60114", "Input set with no member ID.")
    if len(ids) > LIMIT:
        raise AlmaError("60118", f"Input set member list exceeds limit of {LIMIT}.")
    if len({one.casefold() for one in ids}) < len(ids):
        raise AlmaError("60119", "Input set with duplicate member.")
    found = [_member(memory, call, one) for one in ids]
    return list(dict.fromkeys(n for n in found if n is not None))


def _member(memory, call, identifier):
    kind = call.query.get("id_type") or "PRIMARY_ID"
    try:
        return users.find(memory, identifier, kind)[0]
    except AlmaError:
        if call.query.get("fail_on_invalid_id", "true").lower() == "false":
            return None
        raise AlmaError("60120" if call.query.get("id_type") else "60116",
                        f"A member ID is not valid for the content: {identifier}.") from None
