"""Writing users: create, swap all, delete."""

import json

from purgelib.sandbox import entries, incoming, obstacles, records, searching, segments, tables, users
from purgelib.sandbox.assumptions import NO_WAY_BACK, PRIMARY_ID_MAY_CHANGE, TYPES_WITH_GROUP
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.founding import columns
from purgelib.sandbox.store import pack


def create(memory, call):
    """Answers POST /users: a new user. Writes."""
    sent = incoming.body(call)
    record = incoming.user(sent, memory.clock.today())
    _refuse_no_group(record)
    password, pin = incoming.secrets(sent, record)
    record["user_role"] = record["user_role"] or records.roles_by_rule()
    _link(memory, call, record)
    _complete(memory, record)
    _refuse_taken(memory, record, number=0)
    memory.do("INSERT INTO users (key) VALUES (?)", (record["primary_id"].casefold(),))
    number = memory.one("SELECT last_insert_rowid()")
    save(memory, number, record, {"acquisitions": 0, "manual": [], "pin": pin, "password": password})
    memory.note("POST", "users", record["primary_id"], {"created": True})
    return Answer(record, "user")


def swap(memory, call, identifier):
    """Answers PUT /users/{id}: replaces everything by what was sent [API.md 2.4]. Writes."""
    number, text = users.find(memory, identifier, call.query.get("user_id_type") or "all_unique")
    old, sent = json.loads(text), incoming.body(call)
    hidden = json.loads(memory.one("SELECT hidden FROM users WHERE id = ?", (number,)))
    with incoming.for_put():
        new = incoming.user(sent, memory.clock.today())
        _refuse_turns(old, new)
        password, pin = incoming.secrets(sent, new)
        hidden["password"] = password or hidden["password"]
        hidden["pin"] = segments.keep_pin(call.query, old, pin, hidden)
        segments.keep(call.query, old, new, sent, hidden)
        _refuse_no_group(new)
        _complete(memory, new)
        _refuse_taken(memory, new, number)
    new = records.ordered(new)
    save(memory, number, new, hidden)
    memory.note("PUT", f"users/{identifier}", new["primary_id"], difference(old, new))
    return Answer(users.shown(call, new), "user")


def delete(memory, call, identifier):
    """Answers DELETE /users/{id}: 204, or one refusal that gives no reason. Writes."""
    kind = call.query.get("user_id_type") or "all_unique"
    number, text = users.find(memory, identifier, kind)
    if obstacles.of(memory, number) or obstacles.locked(memory, number):
        raise AlmaError("401850", f"Failed to delete user with identifier {identifier} of type {kind}.")
    primary_id = json.loads(text)["primary_id"]
    memory.note("DELETE", f"users/{identifier}", primary_id, obstacles.erase(memory, number))
    return Answer(status=204)


def save(memory, number, record, hidden=None):
    """Writes a record over the old one, with its identifiers, its words and the day of the change."""
    memory.do("UPDATE users SET key = ?, primary_id = ?, first_name = ?, last_name = ?, user_group = ?, "
              "modified = ?, record = ? WHERE id = ?",
              (*columns(record), memory.clock.today().isoformat(), pack(record), number))
    if hidden is not None:
        memory.do("UPDATE users SET hidden = ? WHERE id = ?", (pack(hidden), number))
    memory.do("DELETE FROM identifiers WHERE user_id = ?", (number,))
    for one in record["user_identifier"]:
        memory.do("INSERT INTO identifiers VALUES (?, ?, ?)",
                  (one["value"].casefold(), one["id_type"]["value"], number))
    searching.remember(memory, number, record)


def difference(old, new):
    """Returns field -> [before, after] for every field that is not the same."""
    names = [*old, *(name for name in new if name not in old)]
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def _refuse_no_group(record):
    if record["record_type"]["value"] in TYPES_WITH_GROUP and not record["user_group"]["value"]:
        raise entries.missing("user_group")


def _refuse_turns(old, new):
    before, after = old["account_type"]["value"], new["account_type"]["value"]
    if before == "EXTERNAL" and after == "INTERNAL":
        raise AlmaError(NO_WAY_BACK, "Failed to update user.")
    if before == "EXTERNAL" and old["external_id"] != new["external_id"]:
        raise AlmaError("401858", "The external id in DB does not fit the given value in xml - external id "
                                  "cannot be updated.")
    if not PRIMARY_ID_MAY_CHANGE and old["primary_id"].casefold() != new["primary_id"].casefold():
        raise AlmaError("401860", "Failed to update user.")


def _link(memory, call, record):
    """Makes the new user a copy of a user of another institution, when the call names one."""
    source, who = call.query.get("source_institution_code"), call.query.get("source_user_id")
    if not source and not who:
        return
    if source not in tables.NETWORK:
        raise AlmaError("401651", "Source institution not valid or not part of fulfillment network.")
    if not who:
        raise AlmaError("60226", "Fulfillment network copied user not found.")
    if users.copied(memory, source, who):
        raise AlmaError("60227", "Linked account for user already exists.")
    record["source_institution_code"], record["source_link_id"] = source, who


def _complete(memory, record):
    """Fills in what Alma adds to the parts of a record itself."""
    for part in (record["user_note"], record["user_block"]):
        for entry in part:
            entry["created_by"] = entry["created_by"] or "exl_api"
            entry["created_date"] = entry["created_date"] or stamp(memory.clock.now())


def _refuse_taken(memory, record, number):
    """Refuses a primary ID or identifier that another user has, or that stands twice in the record."""
    values = [(record["primary_id"], "PRIMARY_ID")]
    values += [(one["value"], one["id_type"]["value"]) for one in record["user_identifier"]]
    seen = set()
    for value, kind in values:
        key = value.casefold()
        owner = memory.one("SELECT id FROM users WHERE key = ? AND id <> ? UNION "
                           "SELECT user_id FROM identifiers WHERE value = ? AND user_id <> ?",
                           (key, number, key, number))
        if owner is not None or key in seen:
            raise AlmaError("401851", f"User with identifier {value} of type {kind} already exists.")
        seen.add(key)
