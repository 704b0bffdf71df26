"""What of a user's record this tool can set, and whether it arrived.

Alma's PUT replaces the whole record, so a record goes back as it came, with only these fields changed. Dates are
texts such as 2026-11-01 all the way: no time zone can move them. Field names are those of rest_user.xsd.
"""

import datetime
import json
import unicodedata

from purgelib.errors import BadChoice

FIELDS = ("purge_date", "expiry_date", "user_group", "status", "note")
DATES = ("purge_date", "expiry_date")
STATUSES = ("ACTIVE", "INACTIVE")
NOTE_TYPE = {"value": "OTHER"}
# What Alma works out anew, or gives out in other words than it takes in.
ALMAS_OWN = frozenset({"full_name", "status_date", "last_patron_activity_date", "requests", "loans", "fees", "link"})
# What Alma adds to a note or a block when it takes it in.
_ADDED = ("created_by", "created_date")
LONGEST_NOTE = 2000


def checked(changes):
    """Returns these changes, a dict of field -> text, in the order of FIELDS; refuses what cannot be meant."""
    if unknown := set(changes) - set(FIELDS):
        raise BadChoice(f"{', '.join(sorted(unknown))} cannot be set; what can be set: {', '.join(FIELDS)}.",
                        value=sorted(unknown))
    for name, said in changes.items():
        if not isinstance(said, str) or not said.strip():
            raise BadChoice(f"{name} = {said!r} must be a text in quotes.", value=said)
        if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in said if name != "note" or sign not in "\n\t"):
            raise BadChoice(f"{name} = {said!r} holds signs that nobody can see and Alma does not take.", value=said)
        if name in DATES and not _is_day(said):
            raise BadChoice(f"{name} = {said!r} must be a day such as 2026-10-31.", value=said)
        if name == "status" and said not in STATUSES:
            raise BadChoice(f"status = {said!r} must be one of {', '.join(STATUSES)}.", value=said)
        if name == "note" and len(said) > LONGEST_NOTE:
            raise BadChoice(f"The note has {len(said):,} signs; Alma takes {LONGEST_NOTE:,}.", value=len(said))
    return {name: changes[name].strip() for name in FIELDS if name in changes}


def _is_day(text):
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def seen(record, names):
    """Returns what a record holds in these fields, a dict of texts; "" is none, and of a note always."""
    return {name: _held(record, name) for name in names}


def _held(record, name):
    if name == "note":
        return ""
    if name in DATES:
        return str(record.get(name) or "")[:10]
    value = record.get(name)
    return str((value.get("value") if isinstance(value, dict) else value) or "")


def has(record, changes):
    """Says whether a record holds all of these changes already."""
    return not any(_missing(record, name, said) for name, said in changes.items())


def _missing(record, name, said):
    if name == "note":
        return not any(_is_note(one, said) for one in record.get("user_note") or [])
    return _held(record, name) != said


def written(record, changes):
    """Returns the whole record with these fields changed and nothing else; the record given stays as it is.

    An empty text takes a date away. A note is added to those that are there, unless it is there already.
    """
    made = dict(record)
    for name, said in changes.items():
        if name == "note":
            if _missing(record, name, said):
                made["user_note"] = [*(record.get("user_note") or []), _note(said)]
        elif name not in DATES:
            made[name] = {"value": said}
        elif said:
            made[name] = f"{said}Z"
        else:
            made.pop(name, None)
    return made


def without_note(record, text):
    """Returns the record without the note of this text; the record given stays as it is."""
    return {**record, "user_note": [one for one in record.get("user_note") or [] if not _is_note(one, text)]}


def _is_note(entry, text):
    return isinstance(entry, dict) and entry.get("note_text") == text


def _note(text):
    return {"note_type": NOTE_TYPE, "note_text": text, "user_viewable": False, "popup_note": False,
            "segment_type": "Internal"}


def override(record, changes):
    """Returns what PUT must be told to override: of External users, Alma keeps a user group that was set by hand."""
    internal = (record.get("account_type") or {}).get("value") == "INTERNAL"
    return "user_group" if "user_group" in changes and not internal else ""


def differences(sent, returned, changes):
    """Compares what was sent with what Alma has now; returns two sorted lists of field names.

    The first: ours that did not arrive. The second: others that are not as they were sent.
    """
    missing = sorted(name for name, said in changes.items() if _missing(returned, name, said))
    if "note" in missing:
        sent = without_note(sent, changes["note"])
    others = sorted(name for name in {*sent, *returned} - ALMAS_OWN - {*changes}
                    if sent.get(name) != returned.get(name) and _text(sent.get(name)) != _text(returned.get(name)))
    return missing, others


def rest(record, changes):
    """Returns the parts of a record that a write of these changes must leave alone, as one canonical text."""
    if "note" in changes:
        record = without_note(record, changes["note"])
    return _text({name: value for name, value in record.items() if name not in ALMAS_OWN and name not in changes})


def _text(value):
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value):
    """The same for what means the same to Alma, whose answers are not always in the words of what was sent.

    Nothing, an empty text and an empty list are one; a list has no order; a code is its value, whatever its words;
    and who wrote a note or block, and when, is filled in by Alma.
    """
    if isinstance(value, dict):
        told = {name: _plain(one) for name, one in value.items()
                if name not in _ADDED and not (name == "desc" and "value" in value)}
        return {name: one for name, one in told.items() if one is not None} or None
    if isinstance(value, list):
        told = [_plain(one) for one in value]
        return sorted(told, key=lambda one: json.dumps(one, sort_keys=True)) if len(told) > 1 else told or None
    return None if value == "" else value


def words(changes):
    """Says the changes in words: the day alone if it is the purge date alone."""
    if set(changes) == {"purge_date"}:
        return changes["purge_date"]
    return ", ".join(f"{name.replace('_', ' ')} {said or 'none'}" for name, said in changes.items())


def as_text(changes):
    """Returns the changes as a text that ``from_text`` reads; nothing is an empty text."""
    return json.dumps(changes) if changes else ""


def from_text(text):
    """Returns the changes that a text holds."""
    return json.loads(text) if text else {}
