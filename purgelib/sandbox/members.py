"""The members of a set: listed, added, removed, replaced; a thousand at a time, all of them or none."""

from purgelib.sandbox import sets, tables, users
from purgelib.sandbox.assumptions import PRIMARY_ID_TYPE
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError

LIMIT = 1000
# The fault with which a set has fewer members than was said.
LOSES = "set_loses_members"


def listing(memory, call, set_id):
    """Answers GET /conf/sets/{id}/members: primary ID and name, a page at a time. Only reads."""
    limit, offset = call.page()
    record = sets.find(memory, set_id)
    question, values = sets.chosen(record)
    rows = memory.rows(f"SELECT primary_id, json_extract(record, '$.full_name') FROM users WHERE id IN ({question} "
                       "ORDER BY 1 LIMIT ? OFFSET ?) ORDER BY id", (*values, limit, offset))
    page = [{"id": who, "description": name, "link": call.link(users.address({"primary_id": who}))}
            for who, name in rows]
    total = sets.count(memory, record)
    return Answer({**({"member": page} if page else {}), "total_record_count": total}, "members")


def operate(memory, call, set_id):
    """Answers POST /conf/sets/{id}?op=: adds, removes or replaces members, all or none. Writes."""
    record, operation = sets.find(memory, set_id), call.query.get("op")
    if operation not in _OPERATIONS:
        raise AlmaError("60111", "Invalid operation.")
    if record["type"]["value"] != "ITEMIZED":
        raise AlmaError("60112", "Invalid set type.")
    kind = _kind(call)
    numbers = _numbers(memory, call, kind, sets.body(call, "60113"))
    _OPERATIONS[operation](memory, set_id, numbers, kind)
    answer = sets.whole(memory, call, record)
    if call.fault == LOSES and operation != "delete_members":
        numbers = numbers[:len(numbers) - len(lose(memory, set_id, numbers))]
    memory.note("POST", f"conf/sets/{set_id}?op={operation}", None, {operation: len(numbers)})
    return answer


def lose(memory, set_id, numbers=None):
    """Takes every third of these users (of all members, unless told) out of the set, at least one; returns them."""
    if numbers is None:
        numbers = [row[0] for row in memory.rows("SELECT user_id FROM members WHERE set_id = ? ORDER BY user_id",
                                                 (set_id,))]
    lost = numbers[::3]
    _take_out(memory, set_id, lost)
    return lost


def _kind(call):
    said = call.query.get("id_type") or ""
    if said and said != PRIMARY_ID_TYPE and said not in tables.TABLES["UserIdentifierTypes"]:
        raise AlmaError("40166410", "Invalid parameter identifier type.")
    return "" if said == PRIMARY_ID_TYPE else said


def _numbers(memory, call, kind, sent):
    """Returns the users' numbers for the members sent, after all of Alma's checks of the list."""
    ids = _ids(sent)
    if len(ids) > LIMIT:
        raise AlmaError("60118", f"Input set member list exceeds limit of {LIMIT}.")
    if len({one.casefold() for one in ids}) < len(ids):
        raise AlmaError("60119", "Input set with duplicate member.")
    tolerant = call.query.get("fail_on_invalid_id", "true").lower() == "false"
    found = [_member(memory, kind, one, tolerant) for one in ids]
    numbers = [number for number in found if number is not None]
    if len(set(numbers)) < len(numbers):
        raise AlmaError("60119", "Input set with duplicate member.")
    return numbers


def _ids(sent):
    holder = sent.get("members")
    listed = holder.get("member") if isinstance(holder, dict) else None
    listed = [listed] if isinstance(listed, dict) else listed
    if not isinstance(listed, list) or not listed:
        raise AlmaError("60113", "Input set with no members.")
    ids = [one.get("id") if isinstance(one, dict) else None for one in listed]
    if not all(isinstance(one, str) and one for one in ids):
        raise AlmaError("60114", "Input set with no member ID.")
    return ids


def _member(memory, kind, identifier, tolerant):
    try:
        return users.find(memory, identifier, kind or "PRIMARY_ID")[0]
    except AlmaError:
        if tolerant:
            return None
        raise AlmaError("60120" if kind else "60116", "A member ID is not valid for the content"
                        f"{' and identifier' if kind else ''}: {identifier[:50]}.") from None


def _inside(memory, set_id, numbers):
    return [n for n in numbers
            if memory.one("SELECT 1 FROM members WHERE set_id = ? AND user_id = ?", (set_id, n))]


def _add(memory, set_id, numbers, kind):
    if _inside(memory, set_id, numbers):
        raise AlmaError(*(("60176", "A member ID which is represented by an id_type identifier is already in the set.")
                          if kind else ("60115", "A member ID is already in the set.")))
    memory.db.executemany("INSERT INTO members VALUES (?, ?)", [(set_id, n) for n in numbers])


def _remove(memory, set_id, numbers, _kind):
    if len(_inside(memory, set_id, numbers)) < len(numbers):
        raise AlmaError("60117", "Input set member ID is not in set.")
    _take_out(memory, set_id, numbers)


def _take_out(memory, set_id, numbers):
    memory.db.executemany("DELETE FROM members WHERE set_id = ? AND user_id = ?", [(set_id, n) for n in numbers])


def _replace(memory, set_id, numbers, kind):
    memory.do("DELETE FROM members WHERE set_id = ?", (set_id,))
    _add(memory, set_id, numbers, kind)


_OPERATIONS = {"add_members": _add, "delete_members": _remove, "replace_members": _replace}
