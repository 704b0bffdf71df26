"""Rows of CSV text, one after the other, and the columns that they are gathered to.

This is the exact way: slower than ``splitting``, but it can say which row is at fault.
"""

import csv
import dataclasses
import re

import numpy as np
import pyarrow
import pyarrow.compute as compute

from purgelib.errors import BadExport
from purgelib.sheets import Lost

ROW_AT_MOST, LOST_AT_MOST, SHOWN, TOLD = 1_000_000, 100_000, 500, 20_000
TOGETHER = 50_000
SHORT = 32_767
TEXT = pyarrow.string()
# From so many columns on, the shape of a row tells it from a note.
SHAPED = 4
LINE_END = re.compile("\r\n|\r|\n")
WRAPPED = re.compile('="([^"]*)"')


@dataclasses.dataclass(frozen=True)
class Head:
    """The top of a file. number, length: rows and characters up to the end of the headings; above: rows of texts.

    end: the last character of the line of the headings.
    """

    separator: str
    number: int
    length: int
    above: tuple[list[str], ...]
    headings: tuple[str, ...] = ()
    end: str = ""

    def ends(self, character):
        """Returns whether a file that ends so ends with a whole line; of \\r\\n, the first half alone is no end."""
        return character == "\n" or character == "\r" == self.end


class Lines:
    """The lines of a text. taken: characters so far; number: rows so far; last: the last character."""

    def __init__(self, file, stream, number=0):
        self.file, self.stream, self.number = file, stream, number
        self.taken = self.in_row = 0
        self.last = ""

    def __iter__(self):
        for line in iter(lambda: self.stream.readline(ROW_AT_MOST + 1), ""):
            self.in_row += len(line)
            if "\0" in line:
                raise no_text(self.file, row=self.number + 1)
            if self.in_row > ROW_AT_MOST:
                raise BadExport(f"{self.file}: row {self.number + 1} is longer than {ROW_AT_MOST:,} characters: a "
                                "quotation mark is out of place, or this is not an export. Export it again.",
                                file=self.file, row=self.number + 1)
            self.taken += len(line)
            self.last = line[-1]
            yield line


def no_text(file, **facts):
    """Returns the error that a file is in none of the encodings."""
    return BadExport(f"{file}: not wholly UTF-8, UTF-16 with a mark at its start, or Windows-1252 text: damaged, cut "
                     "off, or of another encoding. Export it again; in Excel: Save as, CSV UTF-8.", file=file, **facts)


def split(lines, separator):
    """Yields the cells of each row, as Python's csv module splits it when it is strict; counts in lines.number."""
    csv.field_size_limit(max(csv.field_size_limit(), ROW_AT_MOST))
    try:
        for cells in csv.reader(lines, delimiter=separator, strict=True):
            lines.number += 1
            lines.in_row = 0
            yield cells
    except csv.Error as error:
        raise BadExport(f"{lines.file}: row {lines.number + 1}: a quotation mark is out of place, or the file is cut "
                        f"off ({error}). Export it again.", file=lines.file, row=lines.number + 1) from error


def exact(path, file, encoding, head):
    """Reads all rows below the headings; returns Columns, and whether the last line has its end. Only reads."""
    columns = Columns(file, head)
    with path.open(encoding=encoding, newline="") as stream:
        lines = Lines(file, stream)
        columns.take(lines)
    return columns, head.ends(lines.last)


def unwrapped(text):
    """Returns what stands in ="…", which keeps Excel from making a number of it; any other text as it is."""
    wrapped = WRAPPED.fullmatch(text)
    return wrapped[1] if wrapped else text


def each(column, change, *more):
    """Returns an array of texts, changed by a function of a string array; of a dictionary only its distinct texts."""
    if not pyarrow.types.is_dictionary(column.type):
        return change(column, *more)
    before = column.dictionary
    after = change(before, *more)
    return column if after is before else pyarrow.DictionaryArray.from_arrays(column.indices, after)


class Columns:
    """Gathers rows, a batch at a time; columns of few distinct texts (in the first batch) as dictionaries.

    names, types: of the columns of the table to be. lost: the rows that do not fit.
    """

    def __init__(self, file, head):
        self.file, self.head, self.lost = file, head, []
        self.names, self.types = [str(at) for at in range(len(head.headings))], [TEXT] * len(head.headings)
        self._batches, self._numbers = [], [np.empty(0, np.int64)]

    def take(self, lines):
        """Adds all rows of Lines that stand below the headings, those that do not fit to lost."""
        rows, numbers, width = [], [], len(self.names)
        for cells in split(lines, self.head.separator):
            if lines.number <= self.head.number:
                continue
            if len(cells) == width:
                rows.append(cells)
                numbers.append(lines.number)
            elif "".join(cells).strip():
                self._lose(lines.number, cells)
            if len(rows) == TOGETHER:
                self._add_rows(rows, numbers)
                rows, numbers = [], []
        self._add_rows(rows, numbers)

    def add(self, columns, numbers, plain=False):
        """Adds a string or dictionary array per column, and the rows' numbers; rows of blanks only are left out.

        plain: no text among them holds, or held, a quotation mark.
        """
        if not plain:
            for at, column in enumerate(columns):
                self._refuse_swallowed(at, column, numbers)
            columns = [each(column, _all_unwrapped) for column in columns]
        blank = _blank(columns)
        if len(blank):
            kept = np.setdiff1d(np.arange(len(numbers)), blank, assume_unique=True)
            columns, numbers = [column.take(pyarrow.array(kept)) for column in columns], numbers[kept]
        if not len(numbers):
            return
        if not self._batches:
            coded = [column.dictionary_encode() for column in columns]
            self.types = [one.type if len(one.dictionary) * 2 < len(one) else TEXT for one in coded]
        columns = [_short(column if column.type == kind else column.dictionary_encode())
                   for column, kind in zip(columns, self.types, strict=True)]
        self._batches.append(columns)
        self._numbers.append(numbers)

    def table(self):
        """Returns the cells as one table, and the rows' numbers."""
        columns = [_together([batch[at] for batch in self._batches], kind) for at, kind in enumerate(self.types)]
        return pyarrow.table(columns, self.names), np.concatenate(self._numbers)

    def _add_rows(self, rows, numbers):
        if rows:
            self.add([pyarrow.array(column, TEXT) for column in zip(*rows, strict=True)], np.array(numbers, np.int64))

    def _refuse_swallowed(self, at, column, numbers):
        """A cell that reads like the end of one row and the beginning of another began with a stray quotation mark."""
        texts = column.dictionary if pyarrow.types.is_dictionary(column.type) else column
        broken = compute.or_(compute.match_substring(texts, "\n"), compute.match_substring(texts, "\r"))
        for text in texts.filter(broken).to_pylist():
            if _swallowed(text, at, len(self.names), self.head.separator):
                row = int(numbers[compute.index(column.cast(TEXT), text).as_py()])
                raise BadExport(f"{self.file}: row {row}: in column {self.head.headings[at] or at + 1}, a quotation "
                                "mark seems out of place: the cell holds whole other rows. Export it again, or take "
                                "the line breaks out of that cell.", file=self.file, row=row,
                                column=self.head.headings[at], value=text[:SHOWN])

    def _lose(self, number, cells):
        if len(self.lost) == LOST_AT_MOST:
            raise BadExport(f"{self.file}: more than {LOST_AT_MOST:,} rows have not as many cells as there are "
                            "headings: this is no whole table. Export it again.", file=self.file, row=number)
        text = self.head.separator.join(cells)
        why = (f"The row has {len(cells)} cells, the headings {len(self.names)}: the file seems cut off, or was "
               "edited. Export it again.")
        self.lost.append(Lost(number, text if len(text) <= TOLD else text[:TOLD] + "…", why))


def _all_unwrapped(cells):
    wrapped = compute.starts_with(cells, '="')
    if not compute.any(wrapped).as_py():
        return cells
    texts = [unwrapped(text) for text in cells.filter(wrapped).to_pylist()]
    return compute.replace_with_mask(cells, wrapped, pyarrow.array(texts, TEXT))


def _swallowed(text, at, width, separator):
    # With blanks after the commas it may as well be a note of several lines.
    counts = [line.count(separator) for line in LINE_END.split(text)]
    return width >= SHAPED and counts == [width - 1 - at, *[width - 1] * (len(counts) - 2), at] \
        and separator + " " not in text


def _blank(columns):
    """Returns the positions of the rows without any text."""
    rows = None
    for column in columns:
        cells = (column if rows is None else column.take(pyarrow.array(rows))).cast(TEXT)
        empty = compute.equal(compute.utf8_trim_whitespace(cells), "").to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(empty) if rows is None else rows[empty]
        if not len(rows):
            break
    return rows


def _short(column):
    """A dictionary's places as small numbers: with a million rows, half the memory."""
    if not pyarrow.types.is_dictionary(column.type) or len(column.dictionary) > SHORT:
        return column
    return pyarrow.DictionaryArray.from_arrays(column.indices.cast(pyarrow.int16()), column.dictionary)


def _together(batches, kind):
    """The batches of one column as one: with a dictionary for all of them."""
    if not pyarrow.types.is_dictionary(kind):
        return pyarrow.chunked_array(batches, kind)
    if not batches:
        return pyarrow.chunked_array([], kind)
    texts = pyarrow.concat_arrays([batch.dictionary for batch in batches]).unique()
    small = pyarrow.int16() if len(texts) <= SHORT else pyarrow.int32()
    places = [compute.index_in(batch.dictionary, texts).take(batch.indices).cast(small) for batch in batches]
    return pyarrow.DictionaryArray.from_arrays(pyarrow.concat_arrays(places), texts)
