"""Analytics exports read into one checked user table; whatever is doubtful is kept as a named problem.

An export is recognised by its headings, never by its file name or the order of its columns. Strict by default: a
doubtful cell stops the reading with an error that names file, row, column and value. With ``strict=False`` the
good rows go on and every doubtful one is listed in ``problems``; its user stays.
"""

import dataclasses
import datetime
from pathlib import Path

import pandas as pd

from purgelib import facts, headings, lists, people, problems, sources
from purgelib.errors import BadExport, DataTooOld

# What staff keep themselves has no day.
LISTS = ("exceptions", "set")


@dataclasses.dataclass(frozen=True, repr=False)
class Exports:
    """What was read: the user table, the problems, the tables of the files, the day of the data.

    users: see ``users.COLUMNS``. problems: see ``problems.COLUMNS``. inputs: a ``sources.Source`` per table.
    ghosts: users purged before, whom Analytics still shows (columns primary_id, key). folded: rows of users that
    repeat or contradict another one. taken: what each heading was taken for, and how it was read.
    """

    users: pd.DataFrame
    problems: pd.DataFrame
    inputs: tuple[sources.Source, ...]
    data_date: datetime.date
    ghosts: pd.DataFrame
    folded: int
    taken: pd.DataFrame

    def summary(self):
        """Returns a frame with one row per table: file, kind, rows, read, refused, day, IDs that no user here has."""
        return pd.DataFrame([(s.name, s.kind, s.rows, s.read, s.refused, s.data_date, s.strangers)
                             for s in self.inputs],
                            columns=["file", "kind", "rows", "read", "refused", "data of", "IDs of nobody here"])

    def problem_kinds(self):
        """Returns the problems counted by kind, with an example each: a frame."""
        return problems.by_kind(self.problems)

    def save_problems(self, folder):
        """Writes all problems into that folder as problems.csv, safe to open in Excel; returns its path."""
        path = Path(folder) / "problems.csv"
        lists.write(self.problems.drop(columns="stops").astype("str").fillna(""), path)
        return path

    def __repr__(self):
        stops = int(self.problems["stops"].sum())
        refused = sum(source.refused for source in self.inputs)
        said = [f"{len(self.users):,} users, as of {self.data_date:%d %B %Y}. {len(self.ghosts):,} purged before are "
                f"set apart, {self.folded:,} rows repeat another one, {refused:,} were refused."]
        said += [f"Careful: {s.name} {s.suspected}." for s in self.inputs if s.suspected]
        said += [f"{stops:,} places could not be read without guessing: their users stay."] if stops else []
        return "\n".join(said)


def read(where, data_date=None, strict=True, groups=None, mapping=None):
    """Reads exports and joins them into one user table; returns Exports. Only reads.

    where: a folder, a file or a list of files, zipped ones too. data_date: day of the data, where neither the export
    nor its file name (users_2026-11-21.csv) tells it; the oldest counts. groups: user group code -> description, as a
    dict or as Alma's code table, needed where an export gives descriptions only. mapping: path of staff's
    headings.toml; without it, the one in the folder.
    """
    names, found = sources.mapping(where, mapping), problems.Problems()
    read_parts = sources.parts(where, names, data_date, found)
    _refuse_what_cannot_be_joined([part for part, _ in read_parts], [source for _, source in read_parts])
    everybody, inputs = _joined(read_parts, names, _known(groups, names), found)
    listed = found.table()
    if strict and listed["stops"].any():
        raise _first_problem(listed[listed["stops"]])
    return Exports(everybody.table, listed, (*inputs, *sources.beside(where, names)), _oldest(inputs),
                   everybody.ghosts, everybody.folded, _taken([part for part, _ in read_parts], names, everybody.how))


def _taken(parts, names, how):
    """What each heading was taken for, and how dates and user groups were read that allow several readings."""
    taken = [headings.taken(part.sheet.file, part.sheet.sheet, part.sheet.headings, names).assign(
        **{"read as": [how.get((part.sheet.place, heading), "") for heading in part.sheet.headings]}) for part in parts]
    return pd.concat(taken, ignore_index=True)


def _refuse_what_cannot_be_joined(parts, inputs):
    if not any("users" in part.kinds for part in parts):
        found = ", ".join(sorted({kind for part in parts for kind in part.kinds})) or "no export"
        raise BadExport(f"There is no export of users: found {found}. It needs the headings Primary Identifier, "
                        "User Group Code, User Record Type and Expiry Date.", value=found)
    for kind in {kind for part in parts for kind in part.kinds}:
        here = [source for part, source in zip(parts, inputs, strict=True) if kind in part.kinds]
        days = {one.data_date for one in here}
        if len(here) > 1 and (kind == "set" or len(days) > 1 and kind != "exceptions"):
            raise BadExport(f"{here[1].name} is a second export of {kind}, beside {here[0].name}, "
                            + ("and of another day" if kind != "set" else "and only one can say who may go")
                            + ": keep one of the two. (Parts of one export must be of the same day.)",
                            file=here[1].file, value=[one.name for one in here])


def _known(groups, names):
    """The user groups that staff or Alma know: code -> description; None when nobody told."""
    if isinstance(groups, pd.DataFrame):
        groups = dict(zip(groups["code"], groups["description"], strict=True))
    return {**(groups or {}), **names.groups} or None


def _joined(read_parts, names, known, found):
    """Joins all parts; returns People and the Sources with what became of their rows."""
    of_users = [part for part, _ in read_parts if "users" in part.kinds]
    everybody = people.read(of_users, names, known, found)
    refused = dict(zip(map(id, of_users), everybody.refused, strict=True))
    inputs = [dataclasses.replace(source, refused=refused.get(id(part), source.refused)) for part, source in read_parts]
    joining = facts.Joining(everybody, names, found)
    for kind in ("loans", "requests", "fees", "roles", "blocks", "identifiers", "notes", "set", "exceptions"):
        rows = []
        for at, (part, source) in enumerate(read_parts):
            if kind in part.kinds:
                one, lost, strangers = joining.rows(part, kind, bool(source.suspected))
                rows.append(one)
                if "users" not in part.kinds:
                    inputs[at] = dataclasses.replace(inputs[at], refused=lost, strangers=strangers)
        if rows:
            joining.join(kind, rows)
    return everybody, inputs


def _oldest(inputs):
    unknown = [s.name for s in inputs if s.data_date is None and s.kind not in LISTS]
    if unknown:
        raise DataTooOld(f"Of what day is the data in {', '.join(unknown)}? Name the file like users_2026-11-21.csv, "
                         "or give data_date='2026-11-21' (in Analytics: Institution > Data updated as of).",
                         data_date=None, limit=None)
    return min(s.data_date for s in inputs if s.kind not in LISTS)


def _first_problem(listed):
    one = listed.iloc[0]
    row = f", row {one.row}" if pd.notna(one.row) else ""
    column = f", column {one.column}" if one.column else ""
    more = f" {len(listed) - 1:,} more such places; read with strict=False to list them all." if len(listed) > 1 else ""
    facts_of = {name: one[name] for name in ("kind", "file", "sheet", "column", "value", "problem")}
    return BadExport(f"{one.file}{f', sheet {one.sheet}' if one.sheet else ''}{row}{column}: {one.value!r}: "
                     f"{one.problem}.{more}", **facts_of, row=None if pd.isna(one.row) else int(one.row))
