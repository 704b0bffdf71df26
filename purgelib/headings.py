"""What a column is, by its heading, and what kind of export has such columns.

The table of names is in `spellings`. Translated headings were not seen on a live Alma: where one is missing or
means something else here, headings.toml says what it means. Nothing is taken by its position or the file's name.
"""

import pandas as pd

from purgelib.errors import BadExport
from purgelib.mappings import NONE, NOTHING
from purgelib.spellings import folded, HEADINGS, plain, ROLES_TOO, SAID, SPELLED, USERS_OWN, WORDS

# What each kind of export must have; for users, a group's description does as well as its code.
NEEDED = {
    "fees": ("fine_id", "primary_id", "fine_status", "original", "transaction_id", "transaction", "remaining"),
    "loans": ("loan_id", "primary_id"),
    "requests": ("request_id", "primary_id"),
    "exceptions": ("keep_reason", "primary_id"),
    "users": ("user_group", "primary_id", "record_type", "expiry_date"),
    "roles": ("role_type", "primary_id"), "blocks": ("primary_id",), "identifiers": ("primary_id",),
    "notes": ("note", "primary_id"), "set": ("primary_id",),
}
ALONE = ("fees", "loans", "requests", "exceptions")
PARTS = {"roles": {"role_type"}, "blocks": {"block_id", "block_type", "block_description"},
         "identifiers": {"identifier_type", "identifier_value"}, "notes": {"note"}}
# Alma's own headings of a set file.
SET = {"username", "primary id"}
# What else people head their reasons: enough in a list of IDs that has no other column that we know.
REASONS = {"reason", "reasons", "keep", "grund", "gründe", "raison", "motif", "motivo", "reden"}


def words(name, mapping=NONE):
    """Returns plain word -> value for record_type, status and the like (compare with `folded`), with staff's own."""
    return WORDS[name] | mapping.values.get(name, {})


def title(name):
    """Returns Alma's own heading for one of our names, such as Fine Fee ID."""
    return HEADINGS[name][0]


def _meant(headings, mapping):
    """Per heading our name or None, and how it is known."""
    found = [_one(heading, mapping) for heading in headings]
    has = [name for name, _ in found]
    reasons = [at for at, heading in enumerate(headings) if folded(heading) in REASONS and not found[at][1]]
    if len(reasons) == 1 and set(has) - {None} == {"primary_id"}:
        found[reasons[0]] = "keep_reason", "beside nothing but the primary ID"
    side = any(NEEDED[kind][0] in has for kind in ALONE)
    doubtful = {folded(one) for one in ROLES_TOO} if (PARTS["roles"] | PARTS["blocks"]) & set(has) else set()
    for at, (name, how) in enumerate(found):
        if how == "known name" and folded(headings[at]) in doubtful:
            found[at] = None, "the user's, or the role's or block's"
        elif side and name in USERS_OWN and has.count(name) > 1:
            found[at] = None, "there twice, and not needed"
    return found


def _one(heading, mapping):
    key = plain(heading)
    if key in mapping.headings:
        return mapping.headings[key] or None, "headings.toml"
    if key not in SPELLED:
        return None, ""
    return SPELLED[key], "known name" if key == folded(heading) else "formula"


def names(headings, mapping=NONE, place="", **facts):
    """Returns our name per heading, None for one that is not used. Two of one meaning raise BadExport.

    In a file of roles or blocks, a bare Expiry Date or Status may be theirs: it is not used, unless the mapping says
    whose it is. Facts of users that stand twice in a side export (who borrowed, who lent) are not used either.
    place: file and sheet, as staff read them; facts: of the error (file, sheet).
    """
    found = [name for name, _ in _meant(headings, mapping)]
    for name in found:
        if name and found.count(name) > 1:
            both = [heading for heading, one in zip(headings, found, strict=True) if one == name]
            raise BadExport(f"{place or 'This file'}: the columns {' and '.join(both)} both mean {title(name)}. Delete "
                            f'one, or write in headings.toml which is not used (= "{NOTHING}").',
                            **{"file": place, "column": both, "value": name, **facts})
    return found


def is_header(cells, mapping=NONE):
    """Returns whether these cells are the row of headings: one of them names the primary ID."""
    return any(_one(cell, mapping)[0] == "primary_id" for cell in cells)


def may_be_headings(headings, mapping=NONE):
    """Returns, in small letters, what a heading may look like where a sheet has these headings."""
    spelled = (one for spellings in HEADINGS.values() for one in spellings)
    return sorted({heading.lower() for heading in (*spelled, *headings, *mapping.headings)} - {""})


def are_headings(cells, mapping=NONE):
    """Returns whether these cells look like headings: one names the primary ID, and another one something else."""
    found = [name for name, _ in _meant(cells, mapping)]
    return "primary_id" in found and len(set(found) - {None}) > 1


def kinds(names, headings):
    """Returns what this export is: a tuple of kinds of NEEDED, () for none that we know.

    Several only for the users' own lists: users with their roles in one file are ("users", "roles").
    """
    has = set(names) - {None}
    alone = [kind for kind in ALONE if NEEDED[kind][0] in has][:1]
    parts = [kind for kind, own in PARTS.items() if own & has]
    if alone:
        return tuple(alone)
    if parts:
        return (*([] if missing("users", names) else ["users"]), *parts)
    if has & {"user_group", "group_name", "record_type", "expiry_date"}:
        return ("users",)
    # A bare list of IDs may be of those who go or of those who stay: only Alma's own headings of a set tell.
    # A column without a heading may have been that of the reasons: it makes no set.
    return ("set",) if len(headings) == 1 and folded(headings[0]) in SET else ()


def missing(kind, names):
    """Returns which needed names an export of that kind lacks."""
    has = set(names) | ({"user_group"} if "group_name" in names else set())
    return tuple(name for name in NEEDED[kind] if name not in has)


def refuse_missing(place, kind, names, headings, **facts):
    """Raises BadExport when an export of that kind (None: of no known kind) lacks a needed heading; lists those found.

    place: file and sheet, as staff read them; facts: of the error (file, sheet).
    """
    lacks = [title(name) for name in missing(kind, names)] if kind else []
    if kind and not lacks:
        return
    wanted = " and ".join(lacks) or "a heading that tells its kind"
    if not kind and {*names} - {None} == {"primary_id"}:
        # Of several columns, one may be the reasons: nobody is told to make a set of those.
        wanted += (" (if only these users may go, it is a set: head it USERNAME; if they stay: add Reason to Keep)"
                   if len(headings) == 1 else " (if these users stay: head the reasons Reason to Keep)")
    raise BadExport(f"{place}: this {f'export of {kind}' if kind else 'file'} lacks {wanted}. Headings found: "
                    f"{', '.join(headings)}. Add the column to the analysis and export it again; if it is there under "
                    'another name, say so in headings.toml ("its heading" = "our name").',
                    **{"file": place, "column": lacks, "value": list(headings), **facts})


def taken(file, sheet, headings, mapping=NONE):
    """Returns what was taken for what: a frame, a row per heading, columns file, sheet, heading, taken for, how."""
    rows = [(file, sheet, heading, SAID.get(name, name.replace("_", " ")) if name else "not used", how)
            for heading, (name, how) in zip(headings, _meant(headings, mapping), strict=True)]
    return pd.DataFrame(rows, columns=["file", "sheet", "heading", "taken for", "how"])
