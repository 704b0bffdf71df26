"""Making sets: empty, as a saved search, as the list of one, or combined of two others."""

from purgelib.sandbox import assumptions, members, queries, sets, tables
from purgelib.sandbox.assumptions import SET_NOT_MADE, SET_WRONG_SHAPE
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack
from purgelib.sandbox.tables import code

_COMBINED = {"AND": "{0} INTERSECT {1}", "OR": "{0} UNION {1}", "NOT": "{0} EXCEPT {1}"}
_CREATOR = {"value": "exl_api", "desc": "Ex Libris, API"}


def create(memory, call):
    """Answers POST /conf/sets: an empty list, a saved search, or a list made of other sets. Writes."""
    sent = sets.body(call, SET_WRONG_SHAPE)
    source = _source(memory, call.query)
    record = _record(memory, sent, source is not None)
    sets.refuse_name(memory, record["name"])
    record["id"], _ = memory.next_id("set", "83")
    memory.do("INSERT INTO sets VALUES (?, ?, ?)", (record["id"], record["name"], pack(record)))
    if source:
        question, values = source
        memory.do(f"INSERT INTO members SELECT ?, id FROM ({question})", (record["id"], *values))
    answer = sets.whole(memory, call, record)
    if source and call.fault == members.LOSES:
        members.lose(memory, record["id"])
    memory.note("POST", "conf/sets", None,
                {"set": record["id"], "name": record["name"], "members": sets.count(memory, record)})
    return answer


def _record(memory, sent, from_others):
    name = sets.text(sent, "name", SET_WRONG_SHAPE, assumptions.LONGEST_NAME)
    said = {field: sets.plain_code(sent, field, SET_WRONG_SHAPE)
            for field in ("type", "content", "private", "status", "origin", "query")}
    kind = said["type"] or "ITEMIZED"
    if kind not in tables.TABLES["SetType"]:
        raise AlmaError("402262", "Set type is invalid. Only 'ITEMIZED' and 'LOGICAL' sets are supported.")
    kind = "ITEMIZED" if from_others else kind
    if not name.strip() or said["content"] not in ("", "USER") or said["origin"] not in ("", "UI", "UI_CZ"):
        raise AlmaError(SET_NOT_MADE, "Failed to create a set: it needs a name, and the content USER.")
    for field, legal, refusal in (("private", "SetPrivacy", "60209"), ("status", "SetStatus", "60210")):
        if said[field] and said[field] not in tables.TABLES[legal]:
            raise AlmaError(refusal, f"Set {field} {'value ' if field == 'private' else ''}not valid.")
    now = stamp(memory.clock.now())
    return {
        "id": "", "name": name, "description": sets.text(sent, "description", SET_WRONG_SHAPE),
        "type": code("SetType", kind), "content": code("SetContentType", "USER"),
        "private": code("SetPrivacy", said["private"] or "true"),
        "status": code("SetStatus", said["status"] or "ACTIVE"), "status_date": now,
        "note": sets.text(sent, "note", SET_WRONG_SHAPE), "created_by": dict(_CREATOR), "created_date": now,
        **(_query(said["query"]) if kind == "LOGICAL" else {}), "origin": code("SetOrigin", said["origin"] or "UI"),
    }


def _query(said):
    try:
        queries.condition(said)
    except queries.WrongQuery as problem:
        raise AlmaError(SET_NOT_MADE, f"Failed to create a set: {problem}.") from None
    return {"query": {"value": said, "desc": ""}}


def _source(memory, query):
    """Returns an SQL question for the users that go in, with its values; None for a set that takes nobody over."""
    if query.get("population") or query.get("job_instance_id"):
        _refuse_import(memory, query)
    if query.get("nz_set_from_iz_set"):
        sets.find(memory, query["nz_set_from_iz_set"])
        raise AlmaError("60335", "The From Institution Zone is not allowed for institution not in Network.")
    if query.get("filter_set"):
        sets.find(memory, query["filter_set"], "402264")
        raise AlmaError(SET_NOT_MADE, "Failed to create a set: there is no such indication rule for users.")
    if any(query.get(name) not in (None, "", "None") for name in ("combine", "set1", "set2")):
        return _combined(memory, query)
    if query.get("from_logical_set"):
        record = sets.find(memory, query["from_logical_set"], "402264")
        if record["type"]["value"] != "LOGICAL":
            raise AlmaError("402264", "Set ID is invalid: the set is not a logical one.")
        return sets.chosen(record)
    return None


def _refuse_import(memory, query):
    """No job here loads bibliographic records, so the set of such a job can never be made."""
    population, instance = query.get("population"), query.get("job_instance_id")
    if not population or not instance:
        raise AlmaError("500127", "'job_instance_id' and 'population' must be provided together.")
    if population not in assumptions.POPULATIONS:
        raise AlmaError("402266", "Population value is invalid.")
    known = instance.isascii() and instance.isdigit() and \
        memory.one("SELECT 1 FROM instances WHERE id = ?", (instance,))
    if not known:
        raise AlmaError("402218", "Invalid job instance id.")
    raise AlmaError("402267", "Job instance type for the provided job_instance_id is not MD_IMPORT - the operation "
                              "is not supported.")


def _combined(memory, query):
    operator = query.get("combine")
    operator = "AND" if operator in (None, "", "None") else operator
    if operator not in _COMBINED:
        raise AlmaError("60204", "Set combine operator not valid.")
    if any(query.get(name) in (None, "", "None") for name in ("set1", "set2")):
        raise AlmaError("60206", "Sets combine operation failed: set1 and set2 must be given.")
    first, second = (sets.find(memory, query[name], "402264") for name in ("set1", "set2"))
    if first["origin"] != second["origin"]:
        raise AlmaError("60311", "Combining sets are not the same origin.")
    if first["type"] != second["type"] and not assumptions.COMBINES_MIXED_TYPES:
        raise AlmaError("60205", "Combining sets are not the same type.")
    (one, values), (other, more) = sets.chosen(first), sets.chosen(second)
    return _COMBINED[operator].format(f"SELECT id FROM ({one})", f"SELECT id FROM ({other})"), (*values, *more)
