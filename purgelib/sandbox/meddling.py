"""What other people do to a user while a client is at work: edit, delete, give the ID to somebody new.

They go through the same functions as the API, and their writes stand in the ledger as COLLEAGUE.
"""

import datetime
import json
from urllib.parse import unquote

from purgelib.sandbox import names, segments, users, writing
from purgelib.sandbox.calls import Call
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack

# Whatever stands on the record by hand, a colleague may change.
_EVERYTHING = ",".join(("user_group", "job_category", "pin_number", "preferred_language", "campus_code",
                        "rs_libraries", "user_title", "library_notices", "pref_first_name", "pref_middle_name",
                        "pref_last_name", "cataloger_level"))
_NOTE = {"note_type": {"value": "LIBRARY"}, "note_text": "Renewed at the desk", "user_viewable": False,
         "popup_note": False, "segment_type": "Internal"}
_PHONE = {"phone_number": "555-0199", "preferred": False, "preferred_sms": False, "segment_type": "Internal",
          "phone_type": [{"value": "mobile", "desc": "Mobile"}]}


def whom(store, call):
    """Returns the record of the user that a call to /users/{id} is about, or None. Only reads."""
    identifier = unquote(call.path.removeprefix("/almaws/v1/users/").partition("/")[0])
    try:
        return _kept(store, identifier, call.query.get("user_id_type") or "all_unique")
    except AlmaError:
        return None


def meddle(store, kind, record, change):
    """Does to a user what this kind of fault says, and returns whether Alma let it happen. Writes.

    `record` is the user as the client's call met it; by now it may be gone. Nothing is done to nobody.
    """
    kind = kind.removesuffix("_before").removesuffix("_after")
    if record is None:
        return False
    try:
        with store.transaction():
            last = store.one("SELECT coalesce(max(n), 0) FROM ledger")
            _ACTS[kind](store, record, change)
            store.do("UPDATE ledger SET method = 'COLLEAGUE' WHERE n > ?", (last,))
    except AlmaError:
        # Alma refuses colleagues as it refuses clients, for example to delete somebody who has loans.
        return False
    return True


def _kept(store, identifier, kind="PRIMARY_ID"):
    return json.loads(users.find(store, identifier, kind)[1])


def _call(method, body=None, query=None):
    data = b"" if body is None else json.dumps(body).encode()
    headers = {"accept": "application/json", "content-type": "application/json"}
    return Call(method, "/almaws/v1/users/-", query or {}, headers, data)


def _edit(store, record, change):
    record = _kept(store, record["primary_id"])
    if not change:
        change = {"user_note": [*record["user_note"], _NOTE], "expiry_date": _in_years(store, 1), "contact_info": {
            **record["contact_info"], "phone": [*record["contact_info"]["phone"], _PHONE]}}
    body = {name: value for name, value in {**record, **change}.items() if value is not None}
    writing.swap(store, _call("PUT", body, {"override": _EVERYTHING}), record["primary_id"])
    _remember_by_hand(store, body["primary_id"], change)


def _remember_by_hand(store, primary_id, change):
    """What a person changed by hand is protected from later PUTs of an external user."""
    number = users.find(store, primary_id, "PRIMARY_ID")[0]
    hidden = json.loads(store.one("SELECT hidden FROM users WHERE id = ?", (number,)))
    hidden["manual"] = sorted({*hidden["manual"], *change} & {*hidden["manual"], *segments.PROTECTED, "pin_number"})
    store.do("UPDATE users SET hidden = ? WHERE id = ?", (pack(hidden), number))


def _delete(store, record, _change):
    writing.delete(store, _call("DELETE"), record["primary_id"])


def _re_create(store, record, change):
    try:
        _kept(store, record["primary_id"])
    except AlmaError:
        pass  # the client itself has deleted it, and the ID is free
    else:
        _delete(store, record, change)
    writing.create(store, _call("POST", {**_stranger(store, record), **change}))


def _stranger(store, record):
    """Returns another person under the same primary ID, as somebody would type it in today."""
    number = store.one("SELECT coalesce(max(n), 0) FROM ledger") + 1
    kept = ("primary_id", "record_type", "account_type", "external_id", "user_group", "preferred_language")
    last = next(name for name in names.LAST[number % 50:] if name != record["last_name"])
    mark = [{"id_type": {"value": "BARCODE"}, "value": f"2099{number:010d}", "segment_type": "External"}]
    return {**{name: record[name] for name in kept}, "status": {"value": "ACTIVE"},
            "first_name": names.FIRST[number % len(names.FIRST)], "last_name": last,
            "user_identifier": mark, "expiry_date": _in_years(store, 4), "purge_date": _in_years(store, 6)}


def _in_years(store, years):
    return f"{store.clock.today() + datetime.timedelta(days=365 * years)}Z"


_ACTS = {"edit": _edit, "delete": _delete, "re_create": _re_create}
KINDS = tuple(_ACTS)
