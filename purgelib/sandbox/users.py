"""Reading users: one, many, and everything about one."""

import json
import re
from urllib.parse import quote

from purgelib.sandbox import records, searching, tables
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError, NOT_IN_XML

# expand word -> the number it stands for
_EXPANDED = {
    "requests": "SELECT count(*) FROM requests WHERE user_id = ? AND status = 'active'",
    "loans": "SELECT count(*) FROM loans WHERE user_id = ? AND status = 'ACTIVE'",
    "fees": "SELECT coalesce(round(sum(balance), 2), 0.0) FROM fees WHERE user_id = ? AND status = 'ACTIVE'",
}
_ORDERS = {"last_name": "last_name, first_name, key", "first_name": "first_name, last_name, key",
           "primary_id": "key", "last_name, first_name, primary_id": "last_name, first_name, key"}
# Few users are somebody's proxy; the text of all others is sent as it is kept.
_PROXY = '"proxy_for_user":[{'
# How the operations word that they know no such user; the code says which operation it is [users.json].
_NOBODY = {
    "401861": "User with identifier {0} was not found.", "401651": "Identifier not found. ({0})",
    "401652": "General Error: An error has occurred while processing the request.",
    "402238": "Failed to get deposits.", "4019998": "User with linking ID not found.",
}


def find(memory, identifier, kind="all_unique", code="401890"):
    """Returns number and record text of a user by any identifier, whatever its case; or Alma's refusal."""
    key = identifier.casefold()
    row = None
    if kind in ("all_unique", "PRIMARYIDENTIFIER", "PRIMARY_ID"):
        row = memory.row("SELECT id, record FROM users WHERE key = ?", (key,))
    if not row and kind == "linking_id":
        row = _by_member(memory, "linking_id", identifier)
        code = "4019998" if code in ("401861", "4019998") else code
    elif not row and kind != "PRIMARY_ID":
        row = memory.row(
            "SELECT u.id, u.record FROM identifiers i JOIN users u ON u.id = i.user_id "
            "WHERE i.value = ? AND ? IN ('all_unique', i.id_type)", (key, kind))
    if row and not key.startswith("no primary id"):
        return row
    known = _NOBODY.get(code, "User with identifier {0} of type {1} was not found.")
    raise AlmaError(code, known.format(_speakable(identifier), _speakable(kind)))


def _speakable(text):
    """What a client asked for may hold what no XML can; the refusal repeats the rest."""
    return NOT_IN_XML.sub("?", text)[:255]


def _by_member(memory, name, value):
    """Few have such a field, so it is looked for in the text; inside of other texts quotes are escaped."""
    return memory.row("SELECT id, record FROM users WHERE instr(record, ?) > 0",
                      (f'"{name}":{json.dumps(value, ensure_ascii=False)}',))


def number_of(memory, call, identifier, code="401890"):
    """Returns the number of the user that the address names, by the type that the query names."""
    return find(memory, identifier, call.query.get("user_id_type") or "all_unique", code)[0]


def person(memory, call, identifier):
    """Returns number and record text of the user of a GET, who may be asked for by a linked account."""
    kind, source = call.query.get("user_id_type") or "all_unique", call.query.get("source_institution_code")
    if not source:
        untyped = kind in ("all_unique", "linking_id")
        return find(memory, identifier, kind, "401861" if untyped else "401890")
    row = copied(memory, source, identifier)
    if not row:
        raise AlmaError("4019990", f"User with source identifier {_speakable(identifier)} of institution "
                                   f"{_speakable(source)} was not found.")
    return row


def copied(memory, institution, source_id):
    """Returns number and record text of the user copied from there under this id, or None. Only reads."""
    row = _by_member(memory, "source_link_id", source_id)
    return row if row and json.loads(row[1]).get("source_institution_code") == institution else None


def get(memory, call, identifier):
    """Answers GET /users/{id}. Only reads."""
    number, text = person(memory, call, identifier)
    wanted = [word for word in call.query.get("expand", "").replace(" ", "").split(",") if word in _EXPANDED]
    brief = call.query.get("view") == "brief"
    if call.wants_json and not wanted and not brief and _PROXY not in text:
        return Answer(text.encode(), "user", media="application/json")
    record = shown(call, json.loads(text))
    expand(memory, call, number, record, wanted)
    return Answer(records.brief_view(record) if brief else record, "user")


def shown(call, record):
    """Returns the record with links to those for whom the user acts, which are kept without a host."""
    proxies = record.get("proxy_for_user")
    # A test may have put nonsense into a record, to see what a client makes of it: it is shown as it is.
    if not isinstance(proxies, list):
        return record
    if not all(isinstance(one, dict) and "primary_id" in one for one in proxies):
        return record
    return {**record, "proxy_for_user": [{**one, "link": call.link(address(one))} for one in proxies]}


def me(_memory, _call):
    """Answers GET /users/ME: a key belongs to nobody who is logged in."""
    raise AlmaError("60101", "General Error: An error has occurred while processing the request.")


def expand(memory, call, number, record, wanted):
    """Puts numbers and links into a record in place of the nulls of these fields. Only reads."""
    for word in wanted:
        amount = memory.one(_EXPANDED[word], (number,))
        record[word] = {"value": amount, "link": call.link(f"{address(record)}/{word}")}


def address(record):
    """Returns the path of a user below /almaws/v1; those without a primary ID have only a dash."""
    primary_id = record["primary_id"]
    return f"users/{'-' if primary_id.startswith('no primary id') else quote(primary_id, safe='@:')}"


def listing(memory, call):
    """Answers GET /users: a page of short entries, and how many there are in all. Only reads."""
    limit, offset = call.page()
    order = _order(call)
    where, values = _filter(memory, call)
    total = memory.one(f"SELECT count(*) FROM users {where}", values)
    rows = memory.rows(f"SELECT record FROM users {where} ORDER BY {order} LIMIT ? OFFSET ?",
                       (*values, limit, offset))
    if not rows:
        return Answer({"total_record_count": total}, "users")
    full = call.query.get("expand") == "full"
    return Answer({"user": [_entry(call, json.loads(row[0]), full) for row in rows],
                   "total_record_count": total}, "users")


def _entry(call, record, full):
    link = call.link(address(record))
    return {**shown(call, record), "link": link} if full else records.brief_entry(record, link)


def _order(call):
    asked = (call.query.get("order_by") or "last_name").strip()
    if asked not in _ORDERS:
        raise AlmaError("402119", f"General error: cannot order by {_speakable(asked)}.")
    return _ORDERS["last_name" if call.query.get("q") else asked]


def _filter(memory, call):
    q, since = call.query.get("q"), call.query.get("modify_date_from")
    if q and since:
        raise AlmaError("402119", "General error: q and modify_date_from are mutually exclusive.")
    parts, values = [], []
    if since:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", since, re.ASCII):
            raise AlmaError("402119", "General error: modify_date_from must be a date, yyyy-MM-dd.")
        parts.append("modified >= ?")
        values.append(since)
    if q:
        condition, more = searching.condition(q)
        parts.append(condition)
        values += more
    if call.query.get("source_institution_code") or call.query.get("source_user_id"):
        condition, more = _linked(memory, call)
        parts.append(condition)
        values += more
    return f"WHERE {' AND '.join(parts)}" if parts else "", tuple(values)


def _linked(memory, call):
    """Condition and values for users copied from another institution, or for one of them."""
    source, who = call.query.get("source_institution_code", ""), call.query.get("source_user_id")
    if source not in tables.NETWORK:
        raise AlmaError("401651", "Source institution not valid or not part of fulfillment network.")
    if not who:
        return "instr(record, ?) > 0", [f'"source_institution_code":{json.dumps(source)}']
    row = copied(memory, source, who)
    if not row:
        raise AlmaError("401861", "Source institution user with given identifier not found.")
    return "id = ?", [row[0]]


def authenticate(memory, call, identifier):
    """Answers POST /users/{id}: checks a password, or fetches a copied user anew. Only reads."""
    if call.query.get("op", "auth") == "refresh":
        text = find(memory, identifier, call.query.get("user_id_type") or "all_unique", "401861")[1]
        if "source_link_id" not in json.loads(text):
            raise AlmaError("60229", "Failed to find linked account for user.")
        return Answer(status=204)
    number = number_of(memory, call, identifier)
    known = json.loads(memory.one("SELECT hidden FROM users WHERE id = ?", (number,)))["password"]
    said = call.query.get("password") or call.headers.get("exl-user-pw")
    if call.query.get("op", "auth") != "auth" or not known or said != known:
        raise AlmaError("401866", "User authentication failed")
    return Answer(status=204)
