"""What a column is, by its heading, and what kind of export has such columns; what staff add to it in headings.toml.

The table of names is in `spellings`. Translated headings were not seen on a live Alma: where one is missing or
means something else here, headings.toml says what it means. Nothing is taken by its position or the file's name.
"""

import dataclasses
import hashlib
import re
import tomllib
from pathlib import Path

import pandas as pd

from purgelib.errors import BadExport
from purgelib.spellings import folded, HEADINGS, ROLES_TOO, SAID, SPELLED, WORDS

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
USERS_OWN = {"user_group", "group_name", "record_type", "account_type", "status", "expiry_date", "purge_date",
             "first_name", "last_name", "full_name", "campus", "other_roles"}
# Tables of Analytics that describe the user; Loaned By and Returned By describe who served the user.
PERSONS = {"user details", "users", "user", "borrower details", "borrower"}
ROLES = {"role", "roles"}
FORMULA = re.compile(r'(?:"[^"]+" ?\. ?)?"([^"]+)" ?\. ?"([^"]+)"')
BARE_FORMULA = re.compile(r"([^\W\d]+(?: [^\W\d]+)*)\.([^\W\d]+(?: [^\W\d]+)*)")
NOTHING = "nothing"
ORDERS, EPOCHS = ("day first", "month first"), (1900, 1904)
# Alma's own headings of a set file.
SET = {"username", "primary id"}
KNOWN = ("headings", "values", "groups", "dates", "ignore")


@dataclasses.dataclass(frozen=True)
class Mapping:
    """What staff say of their exports; without a file, nothing.

    headings: plain heading -> our name, "" for not used. values: name of WORDS -> plain word -> value.
    groups: code -> description. order: "day first" or "month first"; epoch: 1900 or 1904; None where not said.
    ignore: files ("notes.txt") and sheets ("book.xlsx/Pivot") that are left alone. name, sha256: of the file.
    """

    headings: dict[str, str] = dataclasses.field(default_factory=dict)
    values: dict[str, dict] = dataclasses.field(default_factory=dict)
    groups: dict[str, str] = dataclasses.field(default_factory=dict)
    order: str | None = None
    epoch: int | None = None
    ignore: tuple[str, ...] = ()
    name: str = ""
    sha256: str = ""

    def ignores(self, file, sheet=""):
        """Returns whether staff leave this file, or this sheet of it, alone."""
        said = {folded(one) for one in self.ignore}
        return folded(file) in said or bool(sheet) and folded(f"{file}/{sheet}") in said


def load(path):
    """Reads staff's headings.toml; returns a Mapping. What is unknown in it raises BadExport. Only reads."""
    path = Path(path)
    try:
        data = path.read_bytes()
        said = tomllib.loads(data.decode("utf-8-sig"))
    except OSError:
        raise BadExport(f"{path.name} cannot be read: is it there?", file=path.name) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadExport(f"{path.name} is not whole TOML in UTF-8: {error}. Correct it there; data/EXPORTS.md has an "
                        "example.", file=path.name) from error
    page = _Page(path.name)
    page.only(said, "", KNOWN)
    dates = page.only(page.table(said, "dates"), "dates.", ("order", "excel_epoch"))
    return Mapping(_headings(page, said), _values(page, said), _groups(page, said),
                   page.one_of("dates.order", (*ORDERS, None), dates.get("order")),
                   page.one_of("dates.excel_epoch", (*EPOCHS, None), dates.get("excel_epoch")),
                   _ignore(page, said), path.name, hashlib.sha256(data).hexdigest())


@dataclasses.dataclass(frozen=True)
class _Page:
    file: str

    def only(self, table, within, known):
        for key in table:
            if key not in known:
                self.refuse(within + key, table[key], f"known here are {', '.join(known)}")
        return table

    def refuse(self, key, value, wanted):
        raise BadExport(f"{self.file}: {key} = {value!r} means nothing to me; {wanted}.", file=self.file, key=key,
                        value=value)

    def one_of(self, key, known, value):
        # True is not 1, nor is 1904.0 an epoch: what is only equal is not what was asked for.
        if not any(value == one and type(value) is type(one) for one in known):
            self.refuse(key, value, f"known here are {', '.join(str(one) for one in known if one is not None)}")
        return value

    def table(self, said, key):
        if not isinstance(said.get(key, {}), dict):
            self.refuse(key, said[key], f"it is a table: a line [{key}], and its lines below")
        return said.get(key, {})

    def texts(self, key, *texts):
        for text in texts:
            if not (isinstance(text, str) and text.strip()):
                self.refuse(key, text, 'a text in quotation marks is needed, such as "06"')


def _headings(page, said):
    found = {}
    for heading, meant in page.table(said, "headings").items():
        name = _name(meant)
        if name is None or not plain(heading):
            page.refuse(f'headings."{heading}"', meant, f"known are {', '.join(HEADINGS)}, Alma's own headings, and "
                        f'"{NOTHING}" for a column that is not to be used')
        if found.setdefault(plain(heading), name) != name:
            page.refuse(f'headings."{heading}"', meant, "the same heading stands there twice, with two meanings")
    return found


def _name(meant):
    if not isinstance(meant, str):
        return None
    if folded(meant) in ("", NOTHING):
        return ""
    return meant if meant in HEADINGS else SPELLED.get(plain(meant))


def _values(page, said):
    found = {}
    tables = page.only(page.table(said, "values"), "values.", tuple(WORDS))
    for name in tables:
        for word, meant in page.table(tables, name).items():
            key, value = f'values.{name}."{word}"', _value(name, meant)
            if value is None or not folded(word):
                page.refuse(key, meant, f"known are {', '.join(sorted({_shown(v) for v in WORDS[name].values()}))}")
            known = WORDS[name].get(folded(word), found.get(name, {}).get(folded(word), value))
            if known != value:
                page.refuse(key, meant, f"this word means {_shown(known)} already")
            found.setdefault(name, {})[folded(word)] = value
    return found


def _value(name, meant):
    codes = {folded(_shown(value)): value for value in WORDS[name].values()}
    return codes.get(folded(_shown(meant))) if isinstance(meant, bool | str) else None


def _shown(value):
    return {True: "yes", False: "no"}.get(value, value)


def _groups(page, said):
    found = {}
    for code, description in page.table(said, "groups").items():
        page.texts(f'groups."{code}"', code, description)
        if found.setdefault(code.strip(), description.strip()) != description.strip():
            page.refuse(f'groups."{code}"', description, "the same code stands there twice")
    return found


def _ignore(page, said):
    ignore = said.get("ignore", [])
    if not isinstance(ignore, list):
        page.refuse("ignore", ignore, 'a list is needed, such as ["notes.txt", "book.xlsx/Pivot"]')
    page.texts("ignore", *ignore)
    return tuple(ignore)


def words(name, mapping=Mapping()):
    """Returns plain word -> value for record_type, status and the like (compare with `folded`), with staff's own."""
    return WORDS[name] | mapping.values.get(name, {})


def title(name):
    """Returns Alma's own heading for one of our names, such as Fine Fee ID."""
    return HEADINGS[name][0]


def plain(heading):
    """Returns a heading as headings are compared: see `folded`; the formula of a bare column gives the column's name.

    "User Details"."Expiry Date" is expiry date; "Role"."Expiry Date" is role expiry date. The facts of other people
    ("Loaned By"."Primary Identifier") and formulas that compute (CASE WHEN ...) stay themselves: unknown.
    """
    text = folded(heading)
    quoted = FORMULA.fullmatch(text)
    found = quoted or BARE_FORMULA.fullmatch(text)
    table, column = (part.strip() for part in found.groups()) if found else ("", text)
    if table in ROLES:
        return column if column.startswith("role ") else f"role {column}"
    others = SPELLED.get(column, "primary_id") in USERS_OWN | {"primary_id"} or not quoted
    return text if table not in PERSONS and others else column


def _meant(headings, mapping):
    """Per heading our name or None, and how it is known."""
    found = [_one(heading, mapping) for heading in headings]
    has = [name for name, _ in found]
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


def names(headings, mapping=Mapping(), place="", **facts):
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


def is_header(cells, mapping=Mapping()):
    """Returns whether these cells are the row of headings: one of them names the primary ID."""
    return any(_one(cell, mapping)[0] == "primary_id" for cell in cells)


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
        wanted += " (if only these users may go, it is a set: head it USERNAME; if they stay: add Reason to Keep)"
    raise BadExport(f"{place}: this {f'export of {kind}' if kind else 'file'} lacks {wanted}. Headings found: "
                    f"{', '.join(headings)}. Add the column to the analysis and export it again; if it is there under "
                    'another name, say so in headings.toml ("its heading" = "our name").',
                    **{"file": place, "column": lacks, "value": list(headings), **facts})


def taken(file, sheet, headings, mapping=Mapping()):
    """Returns what was taken for what: a frame, a row per heading, columns file, sheet, heading, taken for, how."""
    rows = [(file, sheet, heading, SAID.get(name, name.replace("_", " ")) if name else "not used", how)
            for heading, (name, how) in zip(headings, _meant(headings, mapping), strict=True)]
    return pd.DataFrame(rows, columns=["file", "sheet", "heading", "taken for", "how"])
