"""Checks a user that a client sends and brings it into the shape that Alma keeps."""

import datetime
import re

from purgelib.sandbox import records, tables, xmlform
from purgelib.sandbox.assumptions import WRONG_SHAPE
from purgelib.sandbox.envelope import AlmaError

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)Z?")
_LISTS = tuple(name for name in records.LISTS if name != "proxy_for_user")
# The code fields that every entry of a list has.
_PARTS = {
    "user_identifier": ("id_type",), "user_role": ("status", "scope", "role_type"),
    "user_block": ("block_type", "block_description"), "user_note": ("note_type",),
    "user_statistic": ("statistic_category", "category_type"),
}
MANDATORY = ("primary_id", "record_type", "account_type", "last_name")


def body(call):
    """Returns the object in the body, JSON or XML."""
    if "xml" not in call.headers.get("content-type", ""):
        return call.json()
    try:
        return xmlform.read(call.body)
    except ValueError:
        raise AlmaError("401676", "No valid XML was given.") from None


def user(sent, today):
    """Returns a complete record made of what was sent and nothing else; refuses what Alma refuses."""
    record = records.empty(today)
    for name in records.CODES:
        _code(record, sent, name)
    for name in records.TEXTS:
        record[name] = _text(sent, name)
    for name in _LISTS:
        record[name] = _list(sent, name)
    for name in ("birth_date", "expiry_date", "purge_date"):
        day = _day(sent, name)
        if day:
            record[name] = day
    contact = sent.get("contact_info") or {}
    record["contact_info"] = {name: _list(contact, name) for name in ("address", "email", "phone")}
    record["is_researcher"] = bool(sent.get("is_researcher"))
    _check(record)
    _segments(record)
    record["full_name"] = records.full_name(record)
    return records.ordered(record)


def _wrong(name):
    return AlmaError(WRONG_SHAPE, f"General Error: cannot deserialize the field {name}.")


def _code(record, sent, name):
    field = sent.get(name)
    if field is None:
        return
    if not isinstance(field, dict) or not isinstance(field.get("value"), str | None):
        raise _wrong(name)
    value, table = field.get("value") or "", records.CODES[name]
    if name == "campus_code":
        record[name] = records.campus(value)
    elif table is None:
        record[name] = {"value": value, "desc": field.get("desc") or value}
    elif value:
        record[name] = tables.code(table, value.upper() if name != "preferred_language" else value)


def _text(sent, name):
    value = sent.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(name)
    return value or ""


def _list(sent, name):
    value = sent.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise _wrong(name)
    for entry in value:
        for part in _PARTS.get(name, ()):
            if not isinstance(entry.setdefault(part, {"value": "", "desc": ""}), dict):
                raise _wrong(f"{name}.{part}")
    return value


def _day(sent, name):
    text = sent.get(name)
    if not text:
        return None
    match = _DAY.fullmatch(text) if isinstance(text, str) else None
    try:
        return f"{datetime.date.fromisoformat(match[1])}Z"
    except (TypeError, ValueError):
        raise _wrong(name) from None


def _check(record):
    for name in MANDATORY:
        field = record[name]
        if not (field["value"] if isinstance(field, dict) else field):
            raise AlmaError("401664", f"Mandatory field is missing: {name}")
    account = record["account_type"]["value"]
    if account == "INTEXTAUTH":
        raise AlmaError("401855", "The account type 'Internal with external authentication' is currently "
                                  "not supported.")
    if account not in tables.TABLES["UserUserType"]:
        raise AlmaError("401857", "The given user account type is illegal (must be INTERNAL/EXTERNAL).")
    if account == "INTERNAL" and record["external_id"]:
        raise AlmaError("401853", "External Id must be empty for internal user.")
    if account == "EXTERNAL" and not record["external_id"]:
        raise AlmaError("401854", "External Id must be given for external user.")
    group = record["user_group"]["value"]
    if group and group not in tables.TABLES["UserGroups"]:
        raise AlmaError("401852", "Given user group is not legal.")
    for name in ("record_type", "status"):
        if record[name]["value"] not in tables.TABLES[records.CODES[name]]:
            raise AlmaError("401864", f"Given {name} type ({record[name]['value']}) is invalid.")


def _segments(record):
    internal = record["account_type"]["value"] == "INTERNAL"
    parts = [record[name] for name in ("user_identifier", "user_block", "user_note", "user_statistic")]
    for part in [*parts, *record["contact_info"].values()]:
        for entry in part:
            # Of internal users everything is internal; of external ones only what clearly says so.
            keeps = not internal and entry.get("segment_type") == "Internal"
            entry["segment_type"] = "Internal" if internal or keeps else "External"


def password(sent, primary_id):
    """Returns the password sent, or an empty text; a weak one is refused."""
    word = _text(sent, "password")
    if word and (len(word) < 8 or primary_id.casefold() in word.casefold()):
        raise AlmaError("500038", "New password must be at least 8 characters long and must not include the "
                                  "user-name or any commonly used password.")
    return word
