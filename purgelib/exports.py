"""Analytics exports read into one checked user table; whatever is doubtful is kept as a named problem.

An export is recognised by its headings, never by its file name or the order of its columns. Strict by
default: a doubtful row stops the reading with an error that names file, row, column and value. With
``strict=False`` the good rows go on and every doubtful one is listed in ``problems``; its user stays.
"""

import dataclasses
import datetime
import re
from pathlib import Path

import pandas as pd

from purgelib import forms, users
from purgelib.errors import BadExport, DataTooOld

# Every spelling of a heading that we know, in Alma's own words; compared without case and outer blanks.
HEADINGS = {
    "primary_id": ("primary identifier", "primary id", "username", "user primary identifier"),
    "first_name": ("first name",), "last_name": ("last name",),
    "user_group": ("user group code",), "group_name": ("user group", "user group description"),
    "record_type": ("user record type", "record type"), "account_type": ("account type", "user type"),
    "status": ("status", "user status"), "expiry_date": ("expiry date", "user expiry date", "expiration date"),
    "purge_date": ("purge date", "user purge date"), "campus": ("campus code", "campus"),
    "other_roles": ("has role other than patron",),
    "fine_id": ("fine fee id",), "fine_status": ("fine fee status",), "original": ("original amount",),
    "transaction_id": ("fine fee transaction id",), "transaction": ("transaction amount",),
    "remaining": ("remaining amount",),
    "loan_id": ("item loan id", "loan id"), "loan_status": ("loan status",),
    "request_id": ("request id",), "keep_reason": ("reason to keep", "keep reason"),
}
SPELLED = {spelling: name for name, spellings in HEADINGS.items() for spelling in spellings}
# What each kind of export must have; the first heading that is the kind's own tells the kind.
NEEDED = {
    "fees": ("fine_id", "primary_id", "fine_status", "original", "transaction_id", "transaction", "remaining"),
    "loans": ("loan_id", "primary_id"),
    "requests": ("request_id", "primary_id"),
    "exceptions": ("keep_reason", "primary_id"),
    "users": ("user_group", "primary_id", "record_type", "expiry_date"),
}
# Spreadsheets that we do not read are refused by name, not passed over: one may hold the users to keep.
READ, NOT_READ = (".csv", ".txt", ".tsv", ".xlsx", ".xml"), (".xls", ".xlsm", ".xlsb", ".ods")
PROBLEM = ["file", "sheet", "row", "column", "value", "problem"]


@dataclasses.dataclass(frozen=True)
class Source:
    """One file that was read: name, kind, rows, day of the data, fingerprint, IDs not among the users read."""

    name: str
    kind: str
    rows: int
    data_date: datetime.date | None
    sha256: str
    strangers: int = 0


@dataclasses.dataclass(frozen=True)
class Exports:
    """What was read: the user table, the problems (columns PROBLEM), the files, the day of the data."""

    users: pd.DataFrame
    problems: pd.DataFrame
    inputs: tuple[Source, ...]
    data_date: datetime.date

    def summary(self):
        """Returns a frame with one row per file: file, kind, rows, day of the data, IDs that no user here has."""
        return pd.DataFrame([(s.name, s.kind, s.rows, s.data_date, s.strangers) for s in self.inputs],
                            columns=["file", "kind", "rows", "data of", "IDs of nobody here"])


def read(folder, data_date=None, strict=True):
    """Reads all exports of a folder and joins them into one user table; returns Exports. Only reads.

    data_date: day of the data, where the file names do not tell it (users_2026-11-21.csv does). The oldest counts.
    """
    sheets, sources, problems = {}, [], []
    for path in _files(folder):
        sheet = forms.read(path, _is_header)
        kind, rows = _recognised(sheet)
        if kind in sheets:
            raise BadExport(f"{path.name} is a second export of {kind}; keep one of the two in the folder.",
                            file=path.name)
        sheets[kind] = rows.assign(file=sheet.file, sheet=sheet.sheet, cut=_maybe_cut(sheet, kind))
        sources.append(Source(path.name, kind, len(rows), _day_of(path, data_date), sheet.sha256))
    if "users" not in sheets:
        raise BadExport(f"No export of users in {Path(folder).name}: found {', '.join(sorted(sheets)) or 'no export'}. "
                        "It needs the headings Primary Identifier, User Group Code, User Record Type and Expiry Date.")
    table = _user_table(sheets, problems)
    listed = pd.DataFrame(problems, columns=PROBLEM)
    if strict and len(listed):
        raise _first_problem(listed)
    ids = {kind: set(users.key_of(rows["primary_id"])) - {""} for kind, rows in sheets.items()}
    sources = [dataclasses.replace(s, strangers=len(ids[s.kind] - ids["users"])) for s in sources]
    return Exports(table, listed, tuple(sources), _oldest(sources))


def _files(folder):
    if Path(folder).is_dir():
        return sorted(p for p in Path(folder).iterdir() if p.is_file() and p.suffix.lower() in READ + NOT_READ)
    raise BadExport(f"There is no folder {Path(folder).name}: name the one that holds the exports.")


def _is_header(cells):
    return "primary_id" in {SPELLED.get(cell.casefold()) for cell in cells}


def _recognised(sheet):
    """The kind of an export and its rows under our names; a needed heading that is absent is an error."""
    names = {heading: SPELLED[heading.casefold()] for heading in sheet.rows if heading.casefold() in SPELLED}
    rows = sheet.rows[list(names)].set_axis(list(names.values()), axis=1)
    twice = rows.columns[rows.columns.duplicated()]
    if len(twice):
        raise BadExport(f"{sheet.file}: two columns mean {', '.join(twice)}; delete one.", file=sheet.file)
    kind = next((kind for kind, needed in NEEDED.items() if needed[0] in rows), None)
    if kind is None and set(rows) & {"expiry_date", "record_type", "group_name"}:
        kind = "users"
    missing = [one for one in NEEDED.get(kind, ()) if one not in rows]
    if kind is None or missing:
        wanted = " and ".join(HEADINGS[one][0].title() for one in missing) or "a heading that tells its kind"
        raise BadExport(f"{sheet.file}: this {f'export of {kind}' if kind else 'file'} lacks {wanted}. "
                        f"Headings found: {', '.join(sheet.rows)}. Add the column to the analysis and export it again.",
                        file=sheet.file, column=missing, value=list(sheet.rows))
    return kind, rows.fillna("").astype("str")


def _maybe_cut(sheet, kind):
    """The last cell of a text file without a line end may lack letters; in a side export, only an ID matters."""
    last = SPELLED.get(sheet.rows.columns[-1].casefold())
    doubtful = not sheet.ended and (kind == "users" or last == "primary_id")
    return doubtful & (sheet.rows.index == sheet.rows.index.max())


def _day_of(path, data_date):
    """The day of the data: as the file's name says, or as given, the older; never the day the file was saved."""
    found = re.search(r"\d{4}-\d{2}-\d{2}", path.name)
    try:
        return min((datetime.date.fromisoformat(str(day)) for day in (found and found[0], data_date) if day),
                   default=None)
    except ValueError:
        raise DataTooOld(f"{path.name}, data_date={data_date!r}: no day that the calendar has. Write it as 2026-11-21.",
                         data_date=data_date, limit=None) from None


def _oldest(sources):
    unknown = [s.name for s in sources if s.data_date is None]
    if unknown:
        raise DataTooOld(f"Of what day is the data in {', '.join(unknown)}? Name the file like users_2026-11-21.csv, "
                         "or give data_date='2026-11-21' (in Analytics: Institution > Data updated as of).",
                         data_date=None, limit=None)
    return min(s.data_date for s in sources)


def _first_problem(listed):
    one = listed.iloc[0]
    more = f" {len(listed) - 1} more such places; read with strict=False to list them all." if len(listed) > 1 else ""
    place = f"{one.file}{f', sheet {one.sheet}' if one.sheet else ''}, row {one.row}, column {one.column}"
    return BadExport(f"{place}: {one.value!r}: {one.problem}.{more}", **one.to_dict())


def _user_table(sheets, problems):
    rows = sheets["users"]
    made = {name: rows[name].where(rows[name] != "") for name in users.NAMES if name in rows}
    made["primary_id"] = rows["primary_id"]
    made["expiry_date"] = _dates(rows, "expiry_date", problems)
    if "purge_date" in rows:
        made["purge_date"] = _dates(rows, "purge_date", problems)
        # An export does not tell "no purge date" from "not delivered": only a date that is there is known.
        made["purge_known"] = made["purge_date"].notna()
    for name, codes in CODES.items():
        if name in rows:
            made[name] = _coded(rows, name, codes, problems)
    if "last_name" in rows:
        made["name"] = (rows.get("first_name", "") + " " + rows["last_name"]).str.strip()
    made["id_problem"] = _id_problems(rows, problems)
    table = users.table(made)
    for kind in [one for one in ("loans", "requests", "fees", "exceptions") if one in sheets]:
        _join(table, kind, sheets[kind], problems)
    return table.reset_index(drop=True)


CODES = {
    "record_type": {"public": "PUBLIC", "staff": "STAFF", "contact": "CONTACT"},
    "account_type": {"external": "EXTERNAL", "internal": "INTERNAL",
                     "internal with external authentication": "INTEXTAUTH"},
    "status": {"active": "ACTIVE", "inactive": "INACTIVE", "deleted": "DELETED"},
    "other_roles": {"yes": True, "no": False, "y": True, "n": False},
}


def _coded(rows, name, codes, problems):
    text = rows[name].str.strip()
    found = text.str.casefold().map(codes)
    _note(problems, rows, name, found.isna() & (text != ""), f"not one of {', '.join(c.title() for c in codes)}")
    return found


def _dates(rows, name, problems):
    """ISO days, with or without a time; other ways of writing a date are refused rather than guessed."""
    text = rows[name].str.strip()
    iso = text.str.fullmatch(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d+)?)?Z?")
    found = pd.to_datetime(text.where(iso).str[:10], format="%Y-%m-%d", errors="coerce").astype("datetime64[s]")
    _note(problems, rows, name, found.isna() & (text != ""),
          "not a date that I can read without guessing; export dates as YYYY-MM-DD")
    return found


def _id_problems(rows, problems):
    """IDs that Excel has damaged, IDs that more than one row claims, and IDs of rows that are doubtful elsewhere."""
    ids = rows["primary_id"]
    said = ids.map(users.id_problem)
    digits = ids.str.fullmatch(r"\d+")
    usual = ids[digits].str.len().mode()
    # Lost leading zeros: nearly all numbers are of one width, and some are shorter.
    # Of numbers without a pattern a tenth begins with 0, so that damage leaves about nine in ten at full width.
    if len(usual) and digits.sum() >= 20 and (ids[digits].str.len() == usual[0]).mean() > 0.8:
        said = said.mask(digits & (ids.str.len() < usual[0]) & (said == ""),
                         f"shorter than the {usual[0]} digits of the others: has Excel dropped leading zeros?")
    said = users.damage(ids).where(lambda damage: damage != "", said)
    said = said.mask(users.key_of(ids).duplicated(keep=False) & (said == ""), "the same primary ID in several rows")
    for why, where in said[said != ""].groupby(said[said != ""]).groups.items():
        if not why.startswith("a contact without"):
            _note(problems, rows, "primary_id", rows.index.isin(where), why)
    # Whole files may end without a line end, too: nothing to stop for, but this one user stays.
    said = said.mask(rows["cut"] & (said == ""), "the file may be cut off in this row: no line end follows it")
    return said.mask(rows.index.isin([one[2] for one in problems]) & (said == ""), "another cell here is doubtful")


def _join(table, kind, rows, problems):
    """A fact of a side export, joined by ID; without the export it stays unknown, which is not zero."""
    lost = _lost_ids(table, kind, rows, problems)
    if kind == "exceptions":
        table["keep_reason"] = _reasons(table, rows)
    else:
        found = _balances(rows, problems) if kind == "fees" else _counted(rows, kind)
        told = table["key"].map(found).astype(table[kind].dtype)
        # With an ID that cannot be read, nobody knows who has none.
        table[kind] = told.where(table["key"].isin(found.index) | lost, 0)


def _lost_ids(table, kind, rows, problems):
    """Notes IDs that are damaged, and not only of users purged or left out here; returns whether there are any."""
    ids, key = rows["primary_id"], users.key_of(rows["primary_id"])
    almost = key.str.lstrip("0").isin(set(table["key"].str.lstrip("0"))) & (key != "")
    said = users.damage(ids).mask(almost, "a user but for leading zeros: has Excel dropped some?")
    if kind == "exceptions":
        said = said.where(said != "", "belongs to nobody in the export of users: the user meant would not be kept")
    said = said.mask(key.isin(set(table["key"])), "").mask(rows["cut"], "the file may be cut off in this ID")
    for why in sorted(set(said) - {""}):
        _note(problems, rows, "primary_id", said == why, why)
    return bool((said != "").any())


def _reasons(table, rows):
    """Why staff keep a user; an ID that lost its leading zeros keeps whomever it may mean."""
    key, reason = users.key_of(rows["primary_id"]), rows["keep_reason"].str.strip().replace("", "no reason given")
    exact, bare = reason.groupby(key).first(), reason.groupby(key.str.lstrip("0")).first()
    return table["key"].map(exact).fillna(table["key"].str.lstrip("0").map(bare)).astype("str")


def _counted(rows, kind):
    """One row per loan; one per request and partner, so requests are counted by their ID."""
    rows = rows.assign(key=users.key_of(rows["primary_id"]))
    if kind == "loans" and "loan_status" in rows:
        rows = rows[rows["loan_status"].str.casefold() != "complete"]
    return rows.groupby("key")["loan_id" if kind == "loans" else "request_id"].nunique()


def _balances(rows, problems):
    """What each user owes: by the fine, as rows are one per transaction and repeat the fine's amounts.

    A fine's balance is its original amount less its transactions. Where that is not among the remaining
    amounts that the export itself gives, the balance is unknown.
    """
    amounts = {name: _amount(rows, name, problems) for name in ("original", "transaction", "remaining")}
    rows = rows.assign(key=users.key_of(rows["primary_id"]), **amounts)
    rows = rows[rows["fine_status"].str.strip().str.casefold() != "closed"]
    unique = rows.drop_duplicates(["key", "fine_id", "transaction_id", *amounts])
    fines = unique.groupby(["key", "fine_id"])
    balance = fines["original"].first() - fines["transaction"].agg(lambda s: s.sum(skipna=False))
    agrees = ((fines["remaining"].min() - balance).abs() < 0.005) & (fines["original"].nunique() == 1)
    agrees &= balance.index.get_level_values("fine_id") != ""
    return balance.where(agrees).round(2).groupby("key").agg(lambda s: s.sum(skipna=False))


def _amount(rows, name, problems):
    text = rows[name].str.strip()
    plain = text.str.fullmatch(r"-?\d+(\.\d+)?")
    found = pd.to_numeric(text.where(plain), errors="coerce")
    if name == "transaction":
        found = found.mask(text == "", 0.0)
    _note(problems, rows, name, found.isna() & (text != ""), "not an amount such as 12.50")
    return found


def _note(problems, rows, name, where, sentence):
    for row, one in rows[where].iterrows():
        problems.append((one["file"], one["sheet"], row, HEADINGS[name][0].title(), one[name], sentence))
