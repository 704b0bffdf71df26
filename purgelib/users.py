"""The user table: its columns, their types and meaning; one Alma record becomes one row.

Everything that judges users judges this table, whether it was made from exports or from what Alma
answers now. A missing value always means *we do not know*; "there is none" is a value of its own
(0 loans, ``purge_known`` with no purge date). Field names are those of Alma's user record.
"""

import dataclasses
import re

import numpy as np
import pandas as pd

# Reasons are sentences; pandas would cut them off after 50 characters.
pd.set_option("display.max_colwidth", 160)


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of the user table: its name, its pandas type, and what it means."""

    name: str
    dtype: str
    meaning: str


COLUMNS = tuple(Column(*line) for line in (
    ("primary_id", "str", "primary identifier as Alma writes it; text, never a number"),
    ("key", "str", "primary identifier trimmed and case-folded: what rows are joined by"),
    ("name", "str", "first and last name, to recognise a re-created user by"),
    ("user_group", "category", "code of the user group, text such as 06"),
    ("group_name", "category", "description of the user group"),
    ("record_type", "category", "PUBLIC, STAFF or CONTACT"),
    ("account_type", "category", "EXTERNAL, INTERNAL or INTEXTAUTH"),
    ("status", "category", "ACTIVE, INACTIVE or DELETED (purged, only a ghost in Analytics)"),
    ("expiry_date", "datetime64[s]", "end of entitlement"),
    ("purge_date", "datetime64[s]", "from this day on Alma's purge job may delete the user"),
    ("purge_known", "boolean", "whether purge_date is known, so that none means none"),
    ("campus", "category", "campus code"),
    ("other_roles", "boolean", "has a role other than Patron"),
    ("loans", "Int32", "open loans, count"),
    ("requests", "Int32", "open requests, count"),
    ("fees", "Float64", "what is owed in local currency, in every status that the policy looks at"),
    ("blocks", "Int32", "active blocks, count (only Alma tells)"),
    ("proxies", "Int32", "users for whom this user acts as proxy, count (only Alma tells)"),
    ("linked", "boolean", "copy or source of a user at another institution (only Alma tells)"),
    ("id_problem", "category", "why the primary ID cannot be trusted, empty when it can"),
    ("doubt", "category", "what else is doubtful in the user's rows of the exports, empty when nothing is"),
    ("keep_reason", "category", "why staff want to keep this user (exceptions list), missing if not listed"),
    ("in_set", "boolean", "is in the set file, missing when there is none"),
    ("identifiers", "Int32", "identifiers beside the primary ID, count"),
    ("notes", "Int32", "notes, count"),
))
NAMES = [column.name for column in COLUMNS]
DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def key_of(primary_ids):
    """Returns the IDs trimmed and case-folded: Alma compares primary IDs without regard to case."""
    if isinstance(primary_ids, str):
        return primary_ids.strip().casefold()
    return primary_ids.str.strip().str.casefold()


def table(columns):
    """Returns a user table from a dict or frame of some columns; columns not given are unknown."""
    frame = pd.DataFrame(columns)
    made = {c.name: _typed(frame, c) for c in COLUMNS}
    result = pd.DataFrame(made, index=frame.index, copy=False)
    if "key" not in frame:
        result["key"] = key_of(result["primary_id"])
    return result


def _typed(frame, column):
    if column.name in frame:
        # Texts first, so that a column of nothing but gaps has texts for categories, too.
        given = frame[column.name]
        whole = column.dtype != "category" or isinstance(given.dtype, pd.CategoricalDtype)
        return (given if whole else given.astype("str")).astype(column.dtype)
    if column.dtype == "category":
        nothing = pd.Categorical.from_codes(np.full(len(frame), -1, np.int8), categories=pd.Index([], dtype="str"))
        return pd.Series(nothing, index=frame.index)
    if column.dtype in MASKED:
        return pd.Series(_nothing(column.dtype, len(frame)), index=frame.index, copy=False)
    missing = pd.NaT if column.dtype.startswith("datetime") else np.nan
    return pd.Series(missing, index=frame.index, dtype=column.dtype)


MASKED = {"Int32": (pd.arrays.IntegerArray, np.int32), "Float64": (pd.arrays.FloatingArray, np.float64),
          "boolean": (pd.arrays.BooleanArray, np.bool_)}


def _nothing(dtype, length):
    """A column of which nothing is known: one value, shown as many times, takes no memory at a million users."""
    kind, number = MASKED[dtype]
    return kind(np.broadcast_to(number(0), length), np.broadcast_to(np.True_, length))


def from_record(record, owed=None):
    """Returns one Alma user record (JSON of GET /users/{id}, expanded) as a dict of the table's columns.

    owed: amount in the fee statuses that the policy asks for; without it the active balance counts.
    A field that the record lacks stays unknown, but for those that Alma leaves out when there is nothing: the purge
    date, and the links to other institutions. Source: rest_user.xsd.
    """
    def code(field):
        return (record.get(field) or {}).get("value") or np.nan

    names = (record.get("first_name"), record.get("last_name"))
    primary_id = record.get("primary_id") or ""
    return {
        "primary_id": primary_id, "key": key_of(primary_id),
        "name": " ".join(part for part in names if part),
        "user_group": code("user_group"), "group_name": (record.get("user_group") or {}).get("desc") or np.nan,
        "record_type": code("record_type"), "account_type": code("account_type"), "status": code("status"),
        "campus": code("campus_code"),
        "expiry_date": day(record.get("expiry_date")), "purge_date": day(record.get("purge_date")),
        "purge_known": True,
        "other_roles": _other_roles(record.get("user_role")),
        "loans": _number(record.get("loans")), "requests": _number(record.get("requests")),
        "fees": _number(record.get("fees")) if owed is None else owed,
        "blocks": _count(record.get("user_block"), lambda block: block.get("block_status") != "INACTIVE"),
        "proxies": _count(record.get("proxy_for_user"), lambda proxy: True),
        # Both ends of a link matter: purging a source strands its copies at other institutions.
        "linked": any(record.get(f) for f in ("source_link_id", "source_institution_code", "linking_id")),
        "id_problem": id_problem(primary_id), "doubt": "",
        "identifiers": _count(record.get("user_identifier"), lambda one: True),
        "notes": _count(record.get("user_note"), lambda one: True),
    }


def id_problem(primary_id):
    """Returns why a primary ID by itself cannot be trusted, or an empty text."""
    if not primary_id.strip():
        return "no primary ID"
    # Alma shows vendor contacts without an ID as "no primary id (123)"; they cannot be fetched.
    if primary_id.casefold().startswith("no primary id"):
        return "a contact without a primary ID"
    if primary_id != primary_id.strip() or any(c.isspace() and c != " " or not c.isprintable() for c in primary_id):
        return "blanks or invisible characters in the primary ID"
    return ""


def day(text):
    """Returns an Alma date such as 2026-11-22Z as a day without a zone; NaT for nothing or nonsense."""
    found = DAY.match(text or "")
    try:
        return pd.Timestamp(*map(int, found.groups())) if found else pd.NaT
    except ValueError:
        return pd.NaT


def _number(counter):
    value = (counter or {}).get("value")
    return pd.NA if value is None else value


def _count(items, counts):
    return pd.NA if items is None else sum(1 for item in items if counts(item))


def _other_roles(roles):
    """200 is the role Patron; a role without a readable type counts as another role."""
    if roles is None:
        return pd.NA
    return any((role.get("role_type") or {}).get("value") != "200" for role in roles)
