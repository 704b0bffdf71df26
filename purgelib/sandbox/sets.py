"""Sets of users: who is in them, and the sets themselves listed, read, changed and deleted."""

import json

from purgelib.sandbox import incoming, queries, tables
from purgelib.sandbox.assumptions import LONGEST_NAME, LONGEST_TEXT, SET_PUT_WRONG
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack
from purgelib.sandbox.tables import code


def find(memory, set_id, refusal="60107"):
    """Returns the kept record of a set, or Alma's refusal. Only reads."""
    text = None
    # Anything but digits is the id of no set, and may hold what SQLite does not take.
    if set_id.isascii() and set_id.isdigit():
        text = memory.one("SELECT record FROM sets WHERE id = ?", (set_id,))
    if text is None:
        raise AlmaError(refusal, f"Invalid set ID: {set_id[:50]}.")
    return json.loads(text)


def chosen(record):
    """Returns an SQL question and its values: the numbers of the users in the set, in a column `id`."""
    if record["type"]["value"] == "ITEMIZED":
        return "SELECT user_id AS id FROM members WHERE set_id = ?", (record["id"],)
    # A saved search is asked anew every time: who is in there may have changed since somebody looked.
    condition, values = queries.condition(record["query"]["value"])
    return f"SELECT id FROM users WHERE {condition}", values


def count(memory, record):
    """Returns how many users are in the set now. Only reads."""
    question, values = chosen(record)
    return memory.one(f"SELECT count(*) FROM ({question})", values)


def whole(memory, call, record):
    """Returns the answer that shows a set with the number of its members. Only reads."""
    link = call.link(f"conf/sets/{record['id']}")
    amount = {"value": count(memory, record), "link": f"{link}/members"}
    return Answer({**record, "number_of_members": amount, "link": link}, "set")


def get(memory, call, set_id):
    """Answers GET /conf/sets/{id}. Only reads."""
    return whole(memory, call, find(memory, set_id))


def listing(memory, call):
    """Answers GET /conf/sets: without the number of members, as Alma does. Only reads."""
    limit, offset = call.page()
    wanted = {"content": _wanted(call, "content_type", "SetContentType"), "type": _wanted(call, "set_type", "SetType"),
              "origin": _wanted(call, "set_origin", "SetOrigin") or "UI"}
    words = _words(call.query.get("q") or "")
    found = [json.loads(text) for (text,) in memory.rows("SELECT record FROM sets ORDER BY name, id")]
    found = [one for one in found if all(not v or one[k]["value"] == v for k, v in wanted.items())
             and all(word in _searched(one, field) for field, word in words)]
    page = [{**one, "link": call.link(f"conf/sets/{one['id']}")} for one in found[offset:offset + limit]]
    return Answer({**({"set": page} if page else {}), "total_record_count": len(found)}, "sets")


def _wanted(call, name, table):
    said = call.query.get(name)
    if said and said not in tables.TABLES[table]:
        raise AlmaError("40166410", f"Parameter value invalid: {name}.")
    return said


def _words(q):
    """Returns pairs of field and word for q, which is name~words or created_by~words, or both with AND."""
    found = []
    for term in q.split(" AND ") if q.strip() else []:
        field, _, said = term.partition("~")
        words = said.replace("_", " ").casefold().split()
        if field.strip() not in ("name", "created_by") or not words:
            raise AlmaError("60106", "Invalid query format.")
        found += [(field.strip(), word) for word in words]
    return found


def _searched(record, field):
    text = record["name"] if field == "name" else " ".join(record["created_by"].values())
    return text.replace("_", " ").casefold()


def body(call, refusal):
    """Returns the object in the body, JSON or XML; none is refused with a code of the operation."""
    try:
        return incoming.body(call)
    except AlmaError:
        raise AlmaError(refusal, "No valid object was given.") from None


def text(sent, name, refusal, most=LONGEST_TEXT):
    """Returns a text of a body, empty when there is none; any other shape is refused."""
    value = sent.get(name)
    if value is not None and not isinstance(value, str) or len(value or "") > most:
        raise AlmaError(refusal, f"Invalid value of field {name}.")
    return value or ""


def plain_code(sent, name, refusal):
    """Returns the value of a code field of a body, empty when there is none; any other shape is refused."""
    field = sent.get(name)
    if field is not None and not isinstance(field, dict):
        raise AlmaError(refusal, f"Invalid value of field {name}.")
    return text(field or {}, "value", refusal)


def refuse_name(memory, name, set_id=""):
    """Refuses a name that another set has."""
    if memory.one("SELECT 1 FROM sets WHERE name = ? AND id <> ?", (name, set_id)):
        raise AlmaError("402263", "The set name already exists. Please choose a different name.")


def update(memory, call, set_id):
    """Answers PUT /conf/sets/{id}: name, description, note, privacy, status and query. Writes."""
    record, sent = find(memory, set_id), body(call, SET_PUT_WRONG)
    name = text(sent, "name", SET_PUT_WRONG, LONGEST_NAME)
    if not name.strip():
        raise AlmaError("402228", "Mandatory parameter is missing from input: name.")
    refuse_name(memory, name, set_id)
    record.update(name=name, description=text(sent, "description", SET_PUT_WRONG),
                  note=text(sent, "note", SET_PUT_WRONG))
    for field, table in (("private", "SetPrivacy"), ("status", "SetStatus")):
        _change_code(memory, record, field, table, plain_code(sent, field, SET_PUT_WRONG))
    said = plain_code(sent, "query", SET_PUT_WRONG)
    if "query" in record and said:
        _check_query(said)
        record["query"]["value"] = said
    memory.do("UPDATE sets SET name = ?, record = ? WHERE id = ?", (name, pack(record), set_id))
    memory.note("PUT", f"conf/sets/{set_id}", None, {"name": name})
    return whole(memory, call, record)


def _change_code(memory, record, field, table, said):
    if not said or said == record[field]["value"]:
        return
    if said not in tables.TABLES[table]:
        raise AlmaError(SET_PUT_WRONG, f"Invalid Set object: {field}.")
    record[field] = code(table, said)
    if field == "status":
        record["status_date"] = stamp(memory.clock.now())


def _check_query(said):
    try:
        queries.condition(said)
    except queries.WrongQuery as problem:
        raise AlmaError("402269" if problem.content else "402270", f"Failed parsing query: {problem}.") from None


def delete(memory, _call, set_id):
    """Answers DELETE /conf/sets/{id}; the users in it stay. Writes."""
    find(memory, set_id, "402264")
    memory.do("DELETE FROM members WHERE set_id = ?", (set_id,))
    memory.do("DELETE FROM sets WHERE id = ?", (set_id,))
    memory.note("DELETE", f"conf/sets/{set_id}", None, {"deleted": True, "time": stamp(memory.clock.now())})
    return Answer(status=204)
