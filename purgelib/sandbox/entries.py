"""What an entry of each list of a user looks like, and how one that a client sends is read.

Names, order, lengths and what must be there follow rest_user.xsd; what is null, empty or absent when
nothing was sent follows real answers [API.md 1.1, 1.2].
"""

import datetime
import re

from purgelib.sandbox import tables
from purgelib.sandbox.assumptions import WRONG_SHAPE
from purgelib.sandbox.envelope import AlmaError

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)Z?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
# A date that is not set is left out; other empty fields are shown empty.
_LEFT_OUT = ("expiry_date", "start_date", "end_date")


def wrong(name):
    """Returns the refusal of a value that has not the type or length of its field."""
    return AlmaError(WRONG_SHAPE, "General Error - Failed to create new user. "
                                  f"Invalid value of field {name}.")


def missing(name):
    """Returns the refusal of a record or entry without something that it must have."""
    return AlmaError("401664", f"Mandatory field is missing: {name}")


def text(name, value, most=255):
    """Returns the text, empty for null; refuses what is no text or too long."""
    if value is not None and not isinstance(value, str) or len(value or "") > most:
        raise wrong(name)
    return value or ""


def flag(name, value):
    """Returns a yes or no; the words true and false count as such, null as no."""
    if isinstance(value, str) and value.lower() in ("true", "false", ""):
        return value.lower() == "true"
    if value is not None and not isinstance(value, bool):
        raise wrong(name)
    return bool(value)


def day(name, value):
    """Returns a day as Alma writes it, None for nothing; refuses what is no day."""
    if value in (None, ""):
        return None
    match = _DAY.fullmatch(value) if isinstance(value, str) else None
    try:
        return f"{datetime.date.fromisoformat(match[1])}Z"
    except (TypeError, ValueError):
        raise wrong(name) from None


def moment(name, value):
    """Returns a date-time as it was sent, None for nothing; refuses what is none."""
    if value in (None, ""):
        return None
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError(value)
        datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise wrong(name) from None
    return value


def plain_code(name, value):
    """Returns value and description of a code field, both texts; refuses any other shape."""
    if value is None:
        return "", ""
    if not isinstance(value, dict):
        raise wrong(name)
    return text(name, value.get("value")), text(name, value.get("desc"), 4000)


def _code(table=None, default=""):
    def read(name, value):
        code, said = plain_code(name, value)
        code = code or default
        if table and code and code not in tables.TABLES[table]:
            raise AlmaError("401864", f"Given {name} type ({code}) is invalid.")
        return tables.code(table, code) if table else {"value": code, "desc": said or code}
    return read


def _codes(table):
    def read(name, value):
        if not isinstance(value, list | None):
            raise wrong(name)
        return [_code(table)(name, one) for one in value or []]
    return read


def _role_status(name, value):
    code = plain_code(name, value)[0].upper() or "ACTIVE"
    return tables.code("UserRoleStatus", code if code in tables.TABLES["UserRoleStatus"] else "INACTIVE")


def _scope(name, value):
    code, said = plain_code(name, value)
    if code in ("", tables.INSTITUTION):
        return {"value": tables.INSTITUTION, "desc": tables.INSTITUTION_NAME}
    return {"value": code, "desc": tables.LIBRARIES.get(code) or tables.CAMPUSES.get(code) or said or code}


def _library(name, value):
    code, said = plain_code(name, value)
    return {"value": code, "desc": tables.LIBRARIES.get(code) or said or code}


def _country(name, value):
    code, said = plain_code(name, value)
    return {"value": code or None, "desc": (said or code) if code else None}


def _word(*words):
    def read(name, value):
        said = text(name, value).upper() or words[0]
        if said not in words:
            raise wrong(name)
        return said
    return read


def _long(most):
    return lambda name, value: text(name, value, most)


def _or_null(most=255):
    return lambda name, value: text(name, value, most) or None


def _nothing(_name, _value):
    return {"value": "", "desc": ""}


def _parameters(name, value):
    if not isinstance(value, list | None):
        raise wrong(name)
    return [_one(name, one, _PARAMETER) for one in value or []]


_PARAMETER = {"type": _code(), "scope": _code(), "value": _code()}
_SHAPES = {
    "user_identifier": {
        "value": text, "note": _or_null(2000), "status": _word("ACTIVE", "INACTIVE"),
        "id_type": _code("UserIdentifierTypes")},
    "user_role": {
        "status": _role_status, "scope": _scope, "role_type": _code("HFrUserRoles.roleType"),
        "expiry_date": day, "parameter": _parameters},
    "user_block": {
        "block_type": _code("UserBlockTypes", "GENERAL"), "block_description": _code("UserBlockDescription"),
        "block_status": _word("ACTIVE", "INACTIVE"), "block_note": _long(2000), "created_by": text,
        "created_date": moment, "expiry_date": moment, "item_loan_id": text},
    "user_note": {
        "note_type": _code("NoteTypes"), "note_text": _long(2000), "user_viewable": flag, "popup_note": flag,
        "created_by": text, "created_date": moment},
    "user_statistic": {
        # The type of a category is Alma's to say.
        "statistic_category": _code("UserStatCategories"), "category_type": _nothing,
        "statistic_note": _long(2000)},
    "rs_library": {"code": _library},
    "library_notice": {"code": _code(), "value": flag},
    "address": {
        "line1": _or_null(4000), "line2": _or_null(), "line3": _or_null(), "line4": _or_null(),
        "line5": _or_null(), "city": text, "state_province": text, "postal_code": text, "country": _country,
        "address_note": _long(1000), "start_date": day, "end_date": day, "preferred": flag,
        "address_type": _codes("UserAddressTypes")},
    "email": {
        "email_address": text, "description": _or_null(), "preferred": flag,
        "email_type": _codes("UserEmailTypes")},
    "phone": {
        "phone_number": text, "preferred": flag, "preferred_sms": flag,
        "phone_type": _codes("UserPhoneTypes")},
}
# What the XSD calls mandatory in an entry.
_MUST = {
    "user_identifier": ("value", "id_type"), "user_role": ("role_type",),
    "user_block": ("block_description",), "user_note": ("note_type", "note_text"),
    "user_statistic": ("statistic_category",), "rs_library": ("code",), "library_notice": ("code",),
    "address": ("line1", "city", "address_type"), "email": ("email_address", "email_type"),
    "phone": ("phone_number", "phone_type"),
}
# Roles, resource sharing libraries and notices belong to nobody's segment.
SEGMENTS = ("user_identifier", "user_block", "user_note", "user_statistic", "address", "email", "phone")


def read(kind, sent, internal):
    """Returns a list of a user as Alma keeps it: complete entries, nothing unknown, each with its segment."""
    if not isinstance(sent, list | None):
        raise wrong(kind)
    made = [_one(kind, entry, _SHAPES[kind]) for entry in sent or []]
    for entry, given in zip(made, sent or [], strict=True):
        for name in _MUST[kind]:
            field = entry[name]
            if not (field["value"] if isinstance(field, dict) else field):
                raise missing(f"{kind}.{name}")
        if kind in SEGMENTS:
            # Of internal users everything is internal; of external ones only what clearly says so.
            says = text(f"{kind}.segment_type", given.get("segment_type"))
            entry["segment_type"] = "Internal" if internal or says == "Internal" else "External"
    return made


def _one(kind, entry, shape):
    if not isinstance(entry, dict):
        raise wrong(kind)
    made = {name: reader(f"{kind}.{name}", entry.get(name)) for name, reader in shape.items()}
    return {name: value for name, value in made.items() if value is not None or name not in _LEFT_OUT}
