"""Checks a user that a client sends and brings it into the shape that Alma keeps.

Refusals carry the codes that the contract lists for POST; `for_put` turns them into those of PUT.
"""

import contextlib

from purgelib.sandbox import assumptions, entries, records, tables, xmlform
from purgelib.sandbox.envelope import AlmaError

_LISTS = tuple(name for name in records.LISTS if name != "proxy_for_user")
_CONTACTS = ("address", "email", "phone")
_WEAK = {"password", "password1", "passw0rd", "12345678", "123456789", "1234567890", "qwertyuiop", "iloveyou"}


def body(call):
    """Returns the object in the body, JSON or XML; one of no stated type is taken for what it looks like."""
    said = call.headers.get("content-type", "")
    if "xml" not in said and ("json" in said or not call.body.lstrip().startswith(b"<")):
        return call.json()
    try:
        made = xmlform.read(call.body)
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise AlmaError("401676", "No valid XML was given.")
    return made


@contextlib.contextmanager
def for_put():
    """Turns refusals inside into those that the contract lists for PUT, which are fewer."""
    try:
        yield
    except AlmaError as error:
        code = assumptions.PUT_INSTEAD.get(error.code)
        if not code:
            raise
        raise AlmaError(code, f"{assumptions.PUT_SAYS[code]} {error.message}") from None


def user(sent, today):
    """Returns a complete record made of what was sent and nothing else; refuses what Alma refuses."""
    record = records.empty(today)
    for name in records.CODES:
        _code(record, sent, name)
    for name in records.TEXTS:
        record[name] = entries.text(name, sent.get(name))
    _check(record)
    internal = record["account_type"]["value"] == "INTERNAL"
    for name in _LISTS:
        record[name] = entries.read(name, sent.get(name), internal)
    for name in ("birth_date", "expiry_date", "purge_date"):
        day = entries.day(name, sent.get(name))
        if day:
            record[name] = day
    contact = sent.get("contact_info") or {}
    if not isinstance(contact, dict):
        raise entries.wrong("contact_info")
    record["contact_info"] = {name: entries.read(name, contact.get(name), internal) for name in _CONTACTS}
    record["is_researcher"] = entries.flag("is_researcher", sent.get("is_researcher"))
    record["full_name"] = records.full_name(record)
    return records.ordered(record)


def _code(record, sent, name):
    value, said = entries.plain_code(name, sent.get(name))
    table = records.CODES[name]
    if name == "campus_code":
        record[name] = records.campus(value)
    elif value and table is None:
        record[name] = {"value": value, "desc": said or value}
    elif value:
        record[name] = tables.code(table, value.upper() if name != "preferred_language" else value)


def _check(record):
    for name in assumptions.MANDATORY:
        field = record[name]
        if not (field["value"] if isinstance(field, dict) else field).strip():
            raise entries.missing(name)
    _check_account(record["account_type"]["value"], record["external_id"])
    group = record["user_group"]["value"]
    if group and group not in tables.TABLES["UserGroups"]:
        raise AlmaError("401852", f"Given user group is not legal. ({group})")
    for name in ("record_type", "status"):
        if record[name]["value"] not in assumptions.TAKEN.get(name, tables.TABLES[records.CODES[name]]):
            raise AlmaError("401864", f"Given {name} type ({record[name]['value']}) is invalid.")


def _check_account(account, external_id):
    if account == "INTEXTAUTH":
        raise AlmaError("401855", "The account type 'Internal with external authentication' is currently "
                                  "not supported.")
    if account not in tables.TABLES["UserUserType"]:
        raise AlmaError("401857", "The given user account type is illegal (must be INTERNAL/EXTERNAL).")
    if account == "INTERNAL" and external_id:
        raise AlmaError("401853", "External Id must be empty for internal user.")
    if account == "EXTERNAL" and not external_id:
        raise AlmaError("401854", "External Id must be given for external user.")


def secrets(sent, record):
    """Returns password and PIN that were sent, empty when none; a weak password is refused.

    Only internal users have a password in Alma; one sent for an external user is not looked at.
    """
    word, pin = (entries.text(name, sent.get(name)) for name in ("password", "pin_number"))
    if record["account_type"]["value"] != "INTERNAL":
        return "", pin
    tells = record["primary_id"].casefold() in word.casefold() or word.lower() in _WEAK
    if word and (len(word) < 8 or tells):
        raise AlmaError("500038", "New password must be at least 8 characters long and must not include the "
                                  "user-name or any commonly used password.")
    return word, pin
