"""Excel workbooks, XLSX and XLS, read to tables of texts: what is stored counts, nothing in them is ever carried out.

Every cell becomes the text that a person would type: 412345 without .0, dates as 2019-06-30, with a time as
2019-06-30 23:59:59, TRUE and FALSE. A number of sixteen digits or more has lost some of them in Excel: it keeps the
look of a number (1.234567890123457e+17). Whatever has no certain date becomes a text that is none. Errors (#N/A), and
formulas that were never calculated, become texts that say so, never empty cells.
"""

import contextlib
import dataclasses
import datetime
import functools
import gc
import io
import itertools
import posixpath

import numpy as np
import pyarrow
import python_calamine
from lxml import etree

from purgelib.errors import BadExport
from purgelib.forms import cellscan, grids, oldbooks, packed

TOO_LARGE, UNPACKED = 500_000_000, 2_000_000_000
ROWS = 20_000
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
NUMBERS = frozenset((int, float))
# Excel keeps fifteen digits of a number, and writes zeros for the others.
EXACT = 10**15
# Excel has a 29 February 1900, which never was; what stands there may be this day or the one before.
NEVER_WAS = datetime.date(1900, 2, 28)
NO_CELLS = (python_calamine.SheetTypeEnum.ChartSheet, python_calamine.SheetTypeEnum.Vba,
            python_calamine.SheetTypeEnum.DialogSheet)
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


@dataclasses.dataclass(frozen=True)
class _Inside:
    """What the reader of cells does not tell: the epoch; per sheet its cells without a value, (row, column) -> text."""

    epoch: int
    errors: list


def read(path, file, is_header, ignored=frozenset()):
    """Reads one workbook; returns a list of Sheets. Only reads; whatever cannot be read without guessing is BadExport.

    path: a pathlib.Path. file: its name for messages. is_header: function of a list of trimmed texts, true for the row
    that holds the headings. ignored: sheets to pass over, as "file/sheet". Hidden sheets and rows are read like others.
    A sheet without any text is left out; one with text but without known headings is an error.
    """
    if path.stat().st_size > TOO_LARGE:
        packed.refuse(file, f"is larger than {TOO_LARGE // 1_000_000} MB. Export it as CSV, or in parts")
    data = path.read_bytes()
    inside = _inside_old(data, file) if data.startswith(oldbooks.MAGIC) else _inside_new(path, file)
    book = _calamine(file, python_calamine.CalamineWorkbook.from_object, io.BytesIO(data))
    del data
    names = _calamine(file, lambda: book.sheets_metadata)
    if len(names) != len(inside.errors):
        packed.refuse(file, f"has {len(inside.errors)} sheets, of which only {len(names)} can be read. Save it again")
    sheets = []
    for one, errors in zip(names, inside.errors, strict=True):
        if one.typ not in NO_CELLS and f"{file}/{one.name}" not in ignored:
            grid = _grid(file, one.name, _calamine(file, book.get_sheet_by_name, one.name), inside.epoch, errors)
            sheets.append(grids.sheet(grid, is_header))
    found = [sheet for sheet in sheets if sheet is not None]
    if not found:
        raise BadExport(f"{file} has no sheet with any text in it. Export it again.", file=file)
    return found


def _calamine(file, call, *args):
    """Calls the reader, which is written in Rust: even its own faults must become words about the file."""
    try:
        return call(*args)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise BadExport(f"{file} cannot be read as an Excel file: {error}. Save it again as .xlsx, or export as CSV.",
                        file=file) from error


def _grid(file, name, cells, epoch, errors):
    start = (_calamine(file, lambda: cells.start) or (0, 0))[1]
    with _without_collecting():
        columns, numbers = _calamine(file, _columns, cells)
    merged = [(top, left - start, bottom, right - start)
              for (top, left), (bottom, right) in _calamine(file, lambda: cells.merged_cell_ranges) or ()
              if left >= start]
    for at, told in _by_column(file, name, errors, start, columns).items():
        texts = columns[at].to_pylist()
        for row, text in told:
            texts[row] = text
        columns[at] = pyarrow.chunked_array([texts], pyarrow.string())
    return grids.Grid(file, name, tuple(columns), tuple(merged), None, epoch, numbers)


@contextlib.contextmanager
def _without_collecting():
    """A list per row is made, and goes again: looking for circles among them would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _by_column(file, name, errors, start, columns):
    found = {}
    for (row, column), text in errors.items():
        if not (0 <= column - start < len(columns) and row < len(columns[0])):
            raise BadExport(f"{file}, sheet {name}: row {row + 1} has the error {text} where I read no cell. Remove it "
                            "there.", file=file, sheet=name, row=row + 1, value=text)
        found.setdefault(column - start, []).append((row, text))
    return found


def _columns(cells):
    """Returns the columns as chunked arrays of texts, and column -> which cells were stored as numbers."""
    parts, numbers = [[] for _ in range(cells.end[1] - cells.start[1] + 1 if cells.end else 0)], {}
    rows, count = cells.iter_rows(), 0
    while chunk := list(itertools.islice(rows, ROWS)):
        for at, column in enumerate(zip(*chunk, strict=True)):
            try:
                parts[at].append(pyarrow.array(column, pyarrow.string()))
            except pyarrow.ArrowException:
                # Not all of them are texts.
                if NUMBERS & set(map(type, column)):
                    numbers.setdefault(at, []).append((count, [type(cell) in NUMBERS for cell in column]))
                texts = [cell if type(cell) is str else _text(cell) for cell in column]
                parts[at].append(pyarrow.array(texts, pyarrow.string()))
        count += len(chunk)
    masks = {at: np.zeros(count, dtype=bool) for at in numbers}
    for at, told in numbers.items():
        for first, mask in told:
            masks[at][first:first + len(mask)] = mask
    return [pyarrow.chunked_array(part, pyarrow.string()) for part in parts], masks


@functools.lru_cache(maxsize=1 << 16, typed=True)
def _text(cell):
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int | float):
        return str(int(cell)) if abs(cell) < EXACT and cell == int(cell) else repr(cell)
    if isinstance(cell, datetime.timedelta):
        seconds = int(cell.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(cell, datetime.time):
        return cell.isoformat(timespec="seconds")
    day = cell.date() if isinstance(cell, datetime.datetime) else cell
    if day == NEVER_WAS:
        return "28 or 29 February 1900"
    said = day.isoformat()
    time = cell.strftime("%H:%M:%S") if isinstance(cell, datetime.datetime) else "00:00:00"
    return said if time == "00:00:00" else f"{said} {time}"


def _inside_old(data, file):
    if ENCRYPTED in data:
        packed.refuse(file, "is protected by a password. Save it without one")
    epoch, errors = oldbooks.looked_through(data, file)
    return _Inside(epoch, errors)


def _inside_new(path, file):
    """Looks through every part of an XLSX before anything else opens it; the limits are those of `cellscan`."""
    errors, small, room = {}, {}, UNPACKED
    with packed.opened(path, file) as archive:
        for entry in archive.infolist():
            scan = cellscan.Scan(file, entry.filename)
            for piece in packed.chunks(archive, entry, file, room):
                room -= len(piece)
                scan.add(piece)
            if told := scan.finished():
                errors[entry.filename.casefold()] = told
        for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
            if name in archive.namelist() and archive.getinfo(name).file_size < packed.CHUNK:
                small[name] = b"".join(packed.chunks(archive, archive.getinfo(name), file, packed.CHUNK))
    book, parts = _book(small.get("xl/workbook.xml"), small.get("xl/_rels/workbook.xml.rels"), file)
    told = next((one.get("date1904", "") for one in book.iter("{*}workbookPr")), "")
    by_sheet = [errors.pop(part, {}) for part in parts]
    if errors:
        packed.refuse(file, f"has cells with errors in {', '.join(errors)}, which belongs to no sheet. Save it again")
    return _Inside(1904 if told in ("1", "true", "on") else 1900, by_sheet)


def _book(book, relations, file):
    """The workbook's own part, and for each sheet the part that holds its cells, in order."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        book, relations = (etree.fromstring(part or b"", parser) for part in (book, relations))
    except etree.XMLSyntaxError as error:
        raise BadExport(f"{file} is no whole workbook ({error}). Save it again as .xlsx.", file=file) from error
    targets = {one.get("Id"): posixpath.normpath(posixpath.join("/xl", one.get("Target", ""))).lstrip("/").casefold()
               for one in relations.iter("{*}Relationship")}
    return book, [targets.get(one.get(RELATION) or one.get(STRICT_RELATION)) for one in book.iter("{*}sheet")]
