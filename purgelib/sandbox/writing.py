"""Writing users: create, swap all, delete."""

import json

from purgelib.sandbox import incoming, obstacles, records, users
from purgelib.sandbox.assumptions import NO_WAY_BACK
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.founding import columns
from purgelib.sandbox.store import pack

# On an external user these stay as a person set them by hand, unless named in `override` [API.md 2.4].
PROTECTED = ("user_group", "job_category", "preferred_language", "campus_code", "rs_library", "user_title",
             "library_notice", "pref_first_name", "pref_middle_name", "pref_last_name", "cataloger_level")
_IN_XML = {"rs_library": "rs_libraries", "library_notice": "library_notices"}
# Fields that only Alma itself writes.
_ALMAS_OWN = ("last_patron_activity_date", "source_link_id", "source_institution_code", "linking_id",
              "proxy_for_user")


def create(memory, call):
    """Answers POST /users: a new user. Writes."""
    sent = incoming.body(call)
    record = incoming.user(sent, memory.clock.today())
    if not record["user_group"]["value"]:
        raise AlmaError("401664", "Mandatory field is missing: user_group")
    hidden = {"acquisitions": 0, "manual": [], "pin": sent.get("pin_number") or "",
              "password": incoming.password(sent, record["primary_id"])}
    if not record["user_role"]:
        record["user_role"] = [records.patron_role()]
    _complete(memory, record)
    _refuse_taken(memory, record, number=0)
    memory.do("INSERT INTO users (key) VALUES (?)", (record["primary_id"].casefold(),))
    number = memory.one("SELECT last_insert_rowid()")
    save(memory, number, record, hidden)
    memory.note("POST", "users", record["primary_id"], {"created": True})
    return Answer(record, "user")


def swap(memory, call, identifier):
    """Answers PUT /users/{id}: replaces everything by what was sent [API.md 2.4]. Writes."""
    number, text = users.find(memory, identifier, call.query.get("user_id_type", "all_unique"))
    old, sent = json.loads(text), incoming.body(call)
    hidden = json.loads(memory.one("SELECT hidden FROM users WHERE id = ?", (number,)))
    new = incoming.user(sent, memory.clock.today())
    _refuse_turns(old, new)
    hidden["password"] = incoming.password(sent, new["primary_id"]) or hidden["password"]
    hidden["pin"] = sent.get("pin_number") or hidden["pin"]
    _keep(call, old, new, hidden)
    _complete(memory, new)
    _refuse_taken(memory, new, number)
    new = records.ordered(new)
    save(memory, number, new, hidden)
    memory.note("PUT", f"users/{identifier}", new["primary_id"], difference(old, new))
    return Answer(new, "user")


def delete(memory, call, identifier):
    """Answers DELETE /users/{id}: 204, or one refusal that gives no reason. Writes."""
    kind = call.query.get("user_id_type", "all_unique")
    number, text = users.find(memory, identifier, kind)
    if obstacles.of(memory, number):
        raise AlmaError("401850", f"Failed to delete user with identifier {identifier} of type {kind}.")
    primary_id = json.loads(text)["primary_id"]
    memory.note("DELETE", f"users/{identifier}", primary_id, obstacles.erase(memory, number))
    return Answer(status=204)


def save(memory, number, record, hidden=None):
    """Writes a record over the old one, with its identifiers and the day of the change."""
    memory.do("UPDATE users SET key = ?, primary_id = ?, first_name = ?, last_name = ?, user_group = ?, "
              "modified = ?, record = ? WHERE id = ?",
              (*columns(record), memory.clock.today().isoformat(), pack(record), number))
    if hidden is not None:
        memory.do("UPDATE users SET hidden = ? WHERE id = ?", (pack(hidden), number))
    memory.do("DELETE FROM identifiers WHERE user_id = ?", (number,))
    for one in record["user_identifier"]:
        memory.do("INSERT INTO identifiers VALUES (?, ?, ?)",
                  (one["value"].casefold(), one["id_type"]["value"], number))


def difference(old, new):
    """Returns field -> [before, after] for every field that is not the same."""
    names = [*old, *(name for name in new if name not in old)]
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def _refuse_turns(old, new):
    before, after = old["account_type"]["value"], new["account_type"]["value"]
    if before == "EXTERNAL" and after == "INTERNAL":
        raise AlmaError(NO_WAY_BACK, "Failed to update user.")
    if before == "EXTERNAL" and old["external_id"] != new["external_id"]:
        raise AlmaError("401858", "The external id in DB does not fit the given value in xml - external id "
                                  "cannot be updated.")


def _keep(call, old, new, hidden):
    """Carries over what a PUT does not replace."""
    for name in _ALMAS_OWN:
        new.pop(name, None)
        if name in old:
            new[name] = old[name]
    if call.query.get("recalculate_roles") == "true":
        new["user_role"] = [records.patron_role()]
    elif not new["user_role"]:
        new["user_role"] = old["user_role"]
    if old["status"] == new["status"]:
        new["status_date"] = old["status_date"]
    if old["account_type"]["value"] == "EXTERNAL":
        override = {word.strip() for word in call.query.get("override", "").split(",")}
        for name in PROTECTED:
            named = name in override or _IN_XML.get(name) in override
            if not named and (name in hidden["manual"] or _is_empty(new[name])):
                new[name] = old[name]


def _is_empty(field):
    return not (field.get("value") if isinstance(field, dict) else field)


def _complete(memory, record):
    """Fills in what Alma adds to the parts of a record itself."""
    for part in (record["user_note"], record["user_block"]):
        for entry in part:
            entry["created_by"] = entry.get("created_by") or "exl_api"
            entry["created_date"] = entry.get("created_date") or stamp(memory.clock.now())
    for one in record["user_identifier"]:
        if not one.get("value") or not (one.get("id_type") or {}).get("value"):
            raise AlmaError("401664", "Mandatory field is missing: user_identifier")
        one["status"] = one.get("status") or "ACTIVE"
        one["note"] = one.get("note")


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
