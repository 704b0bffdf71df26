"""The files of a folder as parts of exports: of which kind each table is, of what day, whether it may be cut off."""

import dataclasses
import datetime
import functools
import itertools
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from purgelib import forms, headings, mappings, values
from purgelib.errors import BadExport, DataTooOld
from purgelib.sheets import Part

MAPPING, SHOWN = "headings.toml", 500
OURS = b"kind,file,sheet,row,column,value,problem"
# Where exports are known to end: Excel's sheets, old and new, and what reporting servers are often set to.
LIMITS = {65_000, 65_535, 65_536, 100_000, 250_000, 500_000, 1_000_000, 1_048_575, 1_048_576}
AGAIN = "the headings stand here again: are two exports one below the other? Put each into a file of its own"
# What Analytics, or a person above a table, calls the day of the data.
TITLE = re.compile(r"(?:updated|available) as of\D{0,20}(\d{4}-\d{2}-\d{2})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Source:
    """One table that was read. ``read`` + ``refused`` == ``rows``, always.

    name: of the file, with the sheet where there are several. kind: users, fees and so on, or several of them.
    data_date: the day of its data. file, sha256: the file in the folder that it came in. strangers: how many of its
    IDs nobody among the users has. suspected: why the table may not be whole, or an empty text.
    """

    name: str
    kind: str
    rows: int
    refused: int
    data_date: datetime.date | None
    file: str
    sha256: str
    strangers: int = 0
    suspected: str = ""

    @property
    def read(self):
        """Returns how many rows were read."""
        return self.rows - self.refused


def mapping(where, path=None):
    """Returns staff's own names for headings: of that headings.toml, or of the one in the folder. Only reads."""
    beside = Path(where) / MAPPING if isinstance(where, str | Path) else None
    path = path or (beside if beside and beside.is_file() else None)
    return mappings.load(path) if path else mappings.NONE


def parts(where, names, data_date, problems):
    """Reads every file; returns a list of (Part, Source). Only reads; zipped files are unpacked while it lasts.

    where: a folder, a file, or a list of files. What is wrong with single rows is added to the problems.
    """
    found = []
    _refuse_what_is_passed_over(where, names)
    with tempfile.TemporaryDirectory(prefix="purgelib-") as room:
        files = list(_files(where, names, room))
        sizes = [path.stat().st_size for path, _, _ in files]
        with tqdm(total=sum(sizes), desc="Reading exports", unit="B", unit_scale=True, delay=2, leave=False,
                  file=sys.stdout) as bar:
            for (path, name, came_in), end in zip(files, itertools.accumulate(sizes), strict=True):
                # What is read twice counts once.
                told = functools.partial(_tell, bar, end)
                found.extend(_tables(path, name, came_in, names, data_date, problems, told))
                told(end)
    return found


def _tell(bar, end, more):
    bar.update(min(more, end - bar.n))


def _refuse_what_is_passed_over(where, names):
    """Whatever in the folder may be somebody's list, and is not read, is named, unless staff say that it is left alone.

    TOML is read as text only here: another choice may lie beside the exports, a second headings.toml may not.
    """
    folder = isinstance(where, str | Path) and Path(where).is_dir()
    for path in forms.passed_over(where) if folder else ():
        in_use = path.name == names.name and forms.sha256(path) == names.sha256
        if in_use or names.ignores(path.name):
            continue
        if path.is_dir():
            why = "is a folder with files in it, which are not read. Put them beside the other exports"
        elif path.suffix.casefold() == ".toml":
            why = mappings.speaks_of_headings(path) and "is not the headings.toml in use. Rename it, or take it away"
        else:
            why = "is a hidden file, which may be a list of yours. Rename it without the point, or take it away"
        if why:
            raise BadExport(f"{path.name} {why}; or say in headings.toml that it is left alone: "
                            f'ignore = ["{path.name}"].', file=path.name)


def beside(where, names):
    """Returns the files of the folder that are no exports, a Source each: headings.toml, and what it lets pass over."""
    found = [Source(path.name, "ignored", 0, 0, None, path.name, forms.sha256(path))
             for path, name in forms.files(where) if names.ignores(name)]
    if names.name:
        found.append(Source(names.name, "headings", 0, 0, None, names.name, names.sha256))
    return found


def _files(where, names, room):
    """Every file to read: its path, the name to call it by, and the file in the folder that it came in."""
    for path, name in forms.files(where):
        if names.ignores(name) or _is_our_list(path):
            continue
        if forms.is_archive(path):
            inside = Path(tempfile.mkdtemp(dir=room))
            yield from ((one, called, path) for one, called in forms.unpacked(path, name, inside))
        else:
            yield path, name, path


def _is_our_list(path):
    """Whether this is the list of problems that an earlier reading left there."""
    with path.open("rb") as file:
        return path.name == "problems.csv" and OURS in file.read(200).replace(b'"', b"")


def _tables(path, name, came_in, names, data_date, problems, told):
    is_header = functools.partial(headings.is_header, mapping=names)
    whole = forms.read(path, name, is_header, frozenset(names.ignore), told)
    sha256 = whole.sha256 if path == came_in else forms.sha256(came_in)
    for sheet in whole.sheets:
        called = tuple(headings.names(sheet.headings, names, sheet.place, file=sheet.file,
                                      sheet=sheet.sheet))
        kinds = _kinds(sheet, called)
        sheet = _without_headings_again(sheet, called, names)
        part = Part.of(sheet, kinds, called)
        _list_lost(sheet, problems)
        suspected = _suspected(sheet, called)
        if suspected:
            problems.say("perhaps cut off", sheet.file, suspected, sheet=sheet.sheet, stops=False)
        yield part, Source(sheet.place if len(whole.sheets) > 1 else sheet.file, ", ".join(part.kinds),
                           len(sheet) + len(sheet.lost), len(sheet.lost), _day_of(part, came_in, data_date, problems),
                           came_in.name, sha256, suspected=suspected)


def _kinds(sheet, called):
    kinds = headings.kinds(called, sheet.headings)
    for kind in kinds or (None,):
        headings.refuse_missing(sheet.place, kind, called, sheet.headings, file=sheet.file, sheet=sheet.sheet)
    return kinds


def _without_headings_again(sheet, called, names):
    """Of two exports one below the other, the second headings are a lost row; where they are others, it is an error."""
    at = called.index("primary_id")
    known = pa.array(headings.may_be_headings(sheet.headings, names), pa.string())
    cells = pc.utf8_lower(pc.utf8_trim_whitespace(sheet.cells.column(at).cast(pa.string())))
    again = []
    for row in np.flatnonzero(pc.is_in(cells, known).to_numpy()).tolist():
        texts = sheet.row(row)
        if texts == list(sheet.headings):
            again.append(row)
        elif headings.are_headings(texts, names):
            raise BadExport(f"{sheet.place}, row {sheet.numbers[row]}: other headings stand here: {', '.join(texts)}. "
                            "Two exports are one below the other: put each into a file of its own.", file=sheet.file,
                            sheet=sheet.sheet, row=int(sheet.numbers[row]), value=texts)
    return sheet.losing(again, AGAIN) if again else sheet


def _list_lost(sheet, problems):
    if sheet.lost:
        problems.list("a row that does not fit its headings", sheet.file, sheet.sheet,
                      np.array([one.number for one in sheet.lost], dtype="int64"), "",
                      [one.text if len(one.text) <= SHOWN else one.text[:SHOWN] + "…" for one in sheet.lost],
                      [one.why for one in sheet.lost])


def _suspected(sheet, called):
    """Why the file may have been cut off, in words."""
    rows = len(sheet) + len(sheet.lost)
    if limit := {rows, rows + 1} & LIMITS:
        return (f"has {max(limit):,} rows, where exports are known to end: compare with the number that Analytics "
                "shows, and export in parts if there are more")
    if not rows:
        return "has headings and not a single row: was a filter wrong?"
    # A list that staff wrote by hand often ends so; a row that has its reason has its whole ID.
    if not sheet.ended and not ("keep_reason" in called and called[-1] != "primary_id"):
        return "no line end follows its last row: it may be cut off there"
    return ""


def _day_of(part, path, given, problems):
    """The day of the data: the oldest of what the export, its titles, its file name and the caller say, or None.

    Never the day on which the file was saved.
    """
    named = f"{path.name} {part.sheet.file}"
    days = [_day(found, part.sheet.file) for found in re.findall(r"\d{4}-\d{2}-\d{2}", named)]
    days += [_day(one, part.sheet.place) for one in TITLE.findall("\n".join(part.sheet.titles))]
    days.append(_day(given, "data_date"))
    if part.has("data_date"):
        told, doubts = values.dates(part.cells("data_date"), epoch=part.sheet.epoch,
                                    as_number=part.as_number("data_date"))
        problems.add(part.sheet, part.heading("data_date"), part.cells("data_date"), doubts)
        days += [told.min().date()] if told.notna().any() else []
    return min((day for day in days if day), default=None)


def _day(text, where):
    try:
        return datetime.date.fromisoformat(str(text)) if text else None
    except ValueError:
        raise DataTooOld(f"{where}: {text!r} is no day that the calendar has. Write it as 2026-11-21.",
                         data_date=text, limit=None) from None
