"""The reports of a month before last night: the same university with a month undone, so that there is a last time.

Made row by row from last night's reports: who was not there yet is left out, who was purged since is there, and
some groups, dates and loans are those of then. The bytes follow from the seed alone.
"""

import datetime
import io
import pathlib
import zipfile

from purgelib.sandbox import circulation, exports, names, people, reports, tables
from purgelib.sandbox.dice import Dice

A_MONTH_BEFORE = datetime.date(2026, 10, 21)
LEFT_LONG_AGO, STUDIES = "2023-12-31", ("05", "06", "08")
# kind -> how many of 12,000
KINDS = {"came": 70, "graduated": 45, "renewed": 60, "came_back": 12, "dated": 30, "returned": 15, "purged": 24}
_PLACE = {heading: at for at, (heading, _) in enumerate(reports.COLUMNS["Users"])}
_MADE_ON = {"Fines and Fees": "Fine Fee Creation Date", "Loans": "Loan Date", "Requests": "Request Date"}


def write(folder, users=12_000, seed=31):
    """Writes the four reports as CSV in one zipped file into the folder; returns its path, in a list."""
    path = pathlib.Path(folder) / f"exports_{A_MONTH_BEFORE}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as whole:
        for report, rows in all_rows(users, seed).items():
            name = f"{report.lower().replace(' ', '_')}_{A_MONTH_BEFORE}.csv"
            exports.put_timeless(whole, name, exports.as_csv(report, rows))
    path.write_bytes(made.getvalue())
    return [path]


def all_rows(users=12_000, seed=31):
    """Returns report -> rows, as they were a month before last night."""
    last_night = people.invent(users, seed)
    circulation.burden(last_night, seed)
    made, dice = reports.all_rows(last_night, seed), Dice(seed * 1000 + 4)
    chosen = _chosen(dice, made, users)
    ids = {kind: {_of(row, "Primary Identifier") for row in rows} for kind, rows in chosen.items()}
    for kind, undo in (("graduated", _graduated), ("renewed", _renewed), ("came_back", _came_back), ("dated", _dated),
                       ("purged", _purged)):
        for row in chosen[kind]:
            undo(dice, row)
    made["Users"] = [row for row in made["Users"] if _of(row, "Primary Identifier") not in ids["came"]]
    for report, heading in _MADE_ON.items():
        at = [name for name, _ in reports.COLUMNS[report]].index(heading)
        made[report] = [row for row in made[report] if row[at] <= str(A_MONTH_BEFORE) and row[0] not in ids["came"]]
    made["Loans"] += [_lent(dice, row, number) for number, row in enumerate(chosen["returned"])]
    return made


def _chosen(dice, made, users):
    """Returns kind -> rows of the users to whom it happened since; nobody stands in two kinds."""
    busy = {row[0] for report in _MADE_ON for row in made[report]}
    left, chosen = list(made["Users"]), {}
    for kind, count in KINDS.items():
        fits = [row for row in left if _FITS[kind](row, row[0] in busy)]
        # Those purged most recently are the last of the ghosts.
        count = max(1, round(count * users / 12_000))
        chosen[kind] = fits[-count:] if kind == "purged" else dice.some(fits, count)
        taken = {id(row) for row in chosen[kind]}
        left = [row for row in left if id(row) not in taken]
    return chosen


def _of(row, heading):
    return row[_PLACE[heading]] or ""


def _student(row, first, last):
    return (_of(row, "User Group Code") in STUDIES and _of(row, "Status") == "Active"
            and first <= _of(row, "Expiry Date") <= last and _of(row, "Purge Date") < "2036")


def _gone(row):
    return _student(row, "2014", LEFT_LONG_AGO) and "2014" < _of(row, "Purge Date") < "2026"


_FITS = {
    "came": lambda row, busy: _student(row, "2028-06-30", "2029-12-31"),
    "graduated": lambda row, busy: _of(row, "User Group Code") == "10" and "2027" < _of(row, "Expiry Date") < "2100",
    "renewed": lambda row, busy: _student(row, "2027-01-01", "2028-01-01") and _of(row, "Purge Date") > "2027",
    "came_back": lambda row, busy: _student(row, "2027-01-01", "2028-01-01") and not busy,
    "dated": lambda row, busy: _gone(row) and not busy,
    "returned": lambda row, busy: _gone(row) and not busy,
    "purged": lambda row, busy: _of(row, "Status") == "Deleted",
}


def _put(row, **cells):
    for heading, cell in cells.items():
        row[_PLACE[heading.replace("_", " ")]] = cell


def _graduated(_dice, row):
    _put(row, User_Group_Code="06", User_Group=tables.TABLES["UserGroups"]["06"])


def _renewed(_dice, row):
    ends, purged = (datetime.date.fromisoformat(_of(row, heading)) for heading in ("Expiry Date", "Purge Date"))
    before = datetime.date(2026, 9, 30)
    _put(row, Expiry_Date=str(before), Purge_Date=str(before + (purged - ends)))


def _came_back(dice, row):
    year = 2021 + dice.below(3)
    _put(row, Expiry_Date=f"{year}-06-30", Purge_Date=f"{year + 1}-06-30")


def _dated(_dice, row):
    _put(row, Purge_Date=None)


def _purged(dice, row):
    first, last = dice.pick(names.FIRST), dice.pick(names.LAST)
    _put(row, First_Name=first, Last_Name=last, Status="Active")


def _lent(dice, row, number):
    """A loan that was open then and has been returned since."""
    title, _ = dice.pick(names.TITLES)
    taken = datetime.date(2023, 1, 9) + datetime.timedelta(days=dice.below(300))
    return [_of(row, "Primary Identifier"), f"2284000009{number:06d}2026", f"3{dice.below(10 ** 9):09d}", "Active",
            str(taken), str(taken + datetime.timedelta(days=28)), title]
