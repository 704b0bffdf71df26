"""Excel workbooks, XLSX and XLS, read to tables of texts: what is stored counts, nothing in them is ever carried out.

Every cell becomes the text that a person would type: 412345 without .0, or 00412345 where its number format shows it
so; dates as 2019-06-30, with a time as 2019-06-30 23:59:59, TRUE and FALSE. A number of sixteen digits or more has lost
some of them in Excel: it keeps the look of a number (1.234567890123457e+17). Whatever has no certain date becomes a
text that is none. Errors (#N/A), and formulas that were never calculated, become texts that say so, never empty cells.
"""

import contextlib
import dataclasses
import datetime
import functools
import gc
import io
import itertools
from concurrent import futures

import numpy as np
import pyarrow
import python_calamine

from purgelib.errors import BadExport
from purgelib.forms import grids, newbooks, numberformats, oldbooks, packed

TOO_LARGE = 500_000_000
# What fits into the processor's own memory.
ROWS = 4_000
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
NUMBERS = frozenset((int, float))
# Excel keeps fifteen digits of a number, and writes zeros for the others.
EXACT = 10**15
# Excel has a 29 February 1900, which never was; what stands there may be this day or the one before.
NEVER_WAS = datetime.date(1900, 2, 28)
NO_CELLS = (python_calamine.SheetTypeEnum.ChartSheet, python_calamine.SheetTypeEnum.Vba,
            python_calamine.SheetTypeEnum.DialogSheet)


@dataclasses.dataclass(frozen=True)
class _Inside:
    """What the reader of cells does not tell: the epoch, and per sheet what `cellscan.Scan.finished` returns.

    formats: style -> number format, of those that matter.
    """

    epoch: int
    sheets: list
    formats: dict[int, str]


@dataclasses.dataclass
class _Progress:
    """Tells how many bytes of the file are done, by shares of the whole work."""

    size: int
    tell: object
    told: int = 0

    def reach(self, share):
        done = min(self.size, int(self.size * share))
        if self.tell and done > self.told:
            self.tell(done - self.told)
            self.told = done


def read(path, file, is_header, ignored=frozenset(), progress=None):
    """Reads one workbook; returns a list of Sheets. Only reads; whatever cannot be read without guessing is BadExport.

    path: a pathlib.Path. file: its name for messages. is_header: function of a list of trimmed texts, true for the row
    that holds the headings. ignored: sheets to pass over, as "file/sheet". Hidden sheets and rows are read like others.
    A sheet without any text is left out; one with text but without known headings is an error. progress: function of
    the bytes done since it was called last.
    """
    size = path.stat().st_size
    if size > TOO_LARGE:
        packed.refuse(file, f"is larger than {TOO_LARGE // 1_000_000} MB. Export it as CSV, or in parts")
    done = _Progress(size, progress)
    data = path.read_bytes()
    old = data.startswith(oldbooks.MAGIC)
    if not old:
        inside = _Inside(*newbooks.looked_through(path, file, lambda share: done.reach(share / 3)))
    elif ENCRYPTED in data:
        packed.refuse(file, "is protected by a password. Save it without one")
    else:
        inside = _Inside(*oldbooks.looked_through(data, file))
    book = _calamine(file, python_calamine.CalamineWorkbook.from_object, io.BytesIO(data))
    del data
    with _proved(path, file, old):
        sheets = [sheet for sheet in _sheets(file, book, inside, is_header, ignored, done) if sheet is not None]
    if not sheets:
        raise BadExport(f"{file} has no sheet with any text in it. Export it again.", file=file)
    return sheets


@contextlib.contextmanager
def _proved(path, file, old):
    """While the cells are laid out, which needs one core, another one proves that the parts are whole XML."""
    with futures.ThreadPoolExecutor(1) as beside:
        proof = None if old else beside.submit(newbooks.prove, path, file)
        try:
            yield
        finally:
            # What is wrong with the file comes before what that leads to.
            if proof:
                proof.result()


def _sheets(file, book, inside, is_header, ignored, done):
    names = _calamine(file, lambda: book.sheets_metadata)
    if len(names) != len(inside.sheets):
        packed.refuse(file, f"has {len(inside.sheets)} sheets, of which only {len(names)} can be read. Save it again")
    for at, (one, found) in enumerate(zip(names, inside.sheets, strict=True)):
        if one.typ not in NO_CELLS and f"{file}/{one.name}" not in ignored:
            cells = _calamine(file, book.get_sheet_by_name, one.name)
            done.reach(1 / 3 + (at + 0.7) / len(names) * 2 / 3)
            yield grids.sheet(_grid(file, one.name, cells, inside, *found), is_header)
        done.reach(1 / 3 + (at + 1) / len(names) * 2 / 3)


def _calamine(file, call, *args):
    """Calls the reader, which is written in Rust: even its own faults must become words about the file."""
    try:
        return call(*args)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise BadExport(f"{file} cannot be read as an Excel file: {error}. Save it again as .xlsx, or export as CSV.",
                        file=file) from error


def _grid(file, name, cells, inside, errors, styled):
    start = (_calamine(file, lambda: cells.start) or (0, 0))[1]
    with _without_collecting():
        columns, numbers = _calamine(file, _columns, cells)
    merged = [(top, left - start, bottom, right - start)
              for (top, left), (bottom, right) in _calamine(file, lambda: cells.merged_cell_ranges) or ()
              if left >= start]
    as_shown = _as_shown(styled, inside.formats, start, columns, numbers)
    for at, told in [*as_shown, *_by_column(file, name, errors, start, columns).items()]:
        texts = columns[at].to_pylist()
        for row, text in told:
            texts[row] = text
        columns[at] = pyarrow.chunked_array([texts], pyarrow.string())
    return grids.Grid(file, name, tuple(columns), tuple(merged), None, inside.epoch, numbers)


def _as_shown(styled, formats, start, columns, numbers):
    """Yields each column with numbers that are shown otherwise than stored, and for those the row and the text."""
    for at, mask in numbers.items():
        here = styled[(styled[:, 1] == at + start) & (styled[:, 0] < len(mask))]
        here = here[mask[here[:, 0]]]
        texts = columns[at].take(here[:, 0]).to_pylist() if len(here) else []
        if texts:
            yield at, [(row, numberformats.shown(text, formats[style]))
                       for (row, _, style), text in zip(here.tolist(), texts, strict=True)]


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
