"""Writes last night's reports as files, in the four ways in which people export them from Analytics.

The bytes follow from the seed alone: writing them again gives the same files.
"""

import datetime
import io
import pathlib
import zipfile

import xlsxwriter

from purgelib.sandbox import circulation, people, reports, reportxml
from purgelib.sandbox.clock import LAST_NIGHT

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def write(folder, users=12_000, seed=31):
    """Writes the four export files and their README into the folder; returns the paths."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    last_night = people.invent(users, seed)
    circulation.burden(last_night, seed)
    rows = reports.all_rows(last_night, seed)
    made = []
    for name, (report, dress) in _FILES.items():
        path = folder / name.format(LAST_NIGHT)
        path.write_bytes(dress(report, rows[report]))
        made.append(path)
    readme = folder / "README.md"
    readme.write_text(README, encoding="utf-8", newline="\n")
    return [*made, readme]


def _headings(report):
    return [heading for heading, _ in reports.COLUMNS[report]]


def as_csv(report, rows):
    """Returns a report as CSV: bytes in UTF-8 with a mark at the start."""
    lines = [",".join(_quoted(cell) for cell in row) for row in [_headings(report), *rows]]
    return ("\n".join(lines) + "\n").encode("utf-8-sig")


def _quoted(cell):
    text = cell or ""
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text


def _tabs(report, rows):
    # What Oracle BI calls "tab delimited": UTF-16, little end first, with its byte order mark.
    lines = ["\t".join(cell or "" for cell in row) for row in [_headings(report), *rows]]
    return b"\xff\xfe" + ("\r\n".join(lines) + "\r\n").encode("utf-16-le")


def _xlsx(report, rows):
    raw = io.BytesIO()
    book = xlsxwriter.Workbook(raw, {"in_memory": True})
    book.set_properties({"created": datetime.datetime(2026, 11, 21, 23, 0)})
    sheet = book.add_worksheet("Loans")
    text = book.add_format({"num_format": "@"})
    sheet.merge_range(0, 0, 0, len(reports.COLUMNS[report]) - 1, "Open loans")
    sheet.write_string(1, 0, f"Loan Status is equal to Active; data of {LAST_NIGHT}")
    for line, row in enumerate([_headings(report), *rows], start=2):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write_string(line, column, cell, text)
    book.close()
    return _timeless(raw.getvalue())


def _timeless(packed):
    """Returns the zip file with every time in it set to the same moment."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            put_timeless(new, name, old.read(name))
    return out.getvalue()


def put_timeless(whole, name, data):
    """Puts one file into an open zip file, with a time that is always the same."""
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    whole.writestr(entry, data, compresslevel=6)


def _xml(report, rows):
    return (reportxml.HEAD + reportxml.rowset(report, reports.COLUMNS[report], rows) + "\n").encode()


_FILES = {
    "users_{}.csv": ("Users", as_csv),
    "fines_and_fees_{}.txt": ("Fines and Fees", _tabs),
    "loans_{}.xlsx": ("Loans", _xlsx),
    "requests_{}.xml": ("Requests", _xml),
}
README = """# Sample exports: people who do not exist

What Analytics of the invented university gave on the evening of 2026-11-21. Nobody in here is real.

| file | what | how it is written |
| --- | --- | --- |
| `users_2026-11-21.csv` | one row per user; also people purged long ago (status Deleted) | CSV, UTF-8, BOM |
| `fines_and_fees_2026-11-21.txt` | fines and fees, one row per transaction | tab delimited, UTF-16 |
| `loans_2026-11-21.xlsx` | open loans, one row per loan | Excel, two lines above the headings |
| `requests_2026-11-21.xml` | open requests, one row per request and lending partner | Analytics report XML |

The sandbox shows the same university a day later: some users were renewed, borrowed something, or are gone.
`data/sample-earlier` holds the same four reports of a month before, 2026-10-21, as CSV in one zipped file:
01_explore compares the two. (A folder of exports holds the exports of one day, so they lie apart.)

Make both again, byte for byte:

    make sample
"""
