"""The parts of an XLSX looked through as bytes, before a reader lays their cells out in memory.

A sheet of a few bytes may claim a cell in its last row and column, and a reader that lays out everything in between
would fill any memory. The same look finds the cells that have no value, which the reader would take for empty.
"""

import re

import numpy as np

from purgelib.forms.packed import refuse

# Rows times columns that a sheet may span, as far as its cells say.
SPANNED = 40_000_000
NOT_CALCULATED = re.compile(rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^<>]*)?/>)\s*"
                            rb"(<(?:\w+:)?v\s*/>|<(?:\w+:)?v\s*></(?:\w+:)?v>)?\s*</(?:\w+:)?c>")
CELL = re.compile(rb"<(?:\w+:)?c\s[^<>]*$")
CELL_ENDS = re.compile(rb"</(?:\w+:)?c>")
CELL_STARTS = tuple(mark + after for mark in (b"<c", b":c") for after in (b" ", b">", b"/", b"\n", b"\r", b"\t"))
REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^<>]*)?>([^<]{1,40})</")
NEVER = "#NOT CALCULATED"
OVERLAP = 1 << 16


class Scan:
    """Looks through one part, piece by piece; what no sheet of a table needs raises BadExport."""

    def __init__(self, file, part):
        self.file, self.part = file, part
        self.rest, self.first = b"", True
        self.rows = self.columns = self.bare_rows = self.row_marks = self.in_row = self.widest = 0
        self.errors = {}

    def add(self, piece):
        """Looks through the next piece of bytes."""
        if self.first:
            self._refuse_disguise(piece)
            self.first = False
        data = self.rest + piece
        # Looked at up to the end of a cell, so that none is cut in two; where none ends, a part is looked at twice.
        end = max(data.rfind(b"</c>"), data.rfind(b":c>"))
        end = end + 4 if end >= len(data) - OVERLAP else len(data)
        self._look(data[:end])
        self.rest = data[end:] if end < len(data) else data[-OVERLAP:]

    def finished(self):
        """Returns the cells without a value, (row, column) counted from 0 -> its error; too wide a sheet raises."""
        self._look(self.rest)
        # Rows that only have a height do not matter, unless cells leave out where they stand.
        rows, columns = self.rows, self.columns + self.widest
        if self.widest:
            rows = max(rows, self.bare_rows) + self.row_marks
        if rows * columns > SPANNED:
            refuse(self.file, f"has cells as far out as row {rows:,} and column {columns:,} ({self.part}), more than "
                              "can be laid out. Delete all rows and columns beyond the table, or save it as CSV")
        return self.errors

    def _refuse_disguise(self, piece):
        if self.part.lower().endswith((".xml", ".rels")) and (b"\0" in piece[:200] or piece[:1] in (b"\xff", b"\xfe")):
            refuse(self.file, f"holds a part that is not UTF-8 ({self.part}). Save it again as .xlsx")
        if b"<!doctype" in piece.lower():
            refuse(self.file, f"holds a document type ({self.part}), which no workbook has. Save it again as .xlsx")

    def _look(self, data):
        found = np.frombuffer(data + bytes(16), dtype=np.uint8)
        equals = np.flatnonzero(found == ord("="))
        equals = equals[equals > 1]
        before, after = found[equals - 1], _is_quote(found[equals + 1])
        columns, rows, bare_rows, references = _furthest(found, equals[(before == ord("r")) & after])
        self.columns, self.rows, self.bare_rows = (max(self.columns, columns), max(self.rows, rows),
                                                   max(self.bare_rows, bare_rows))
        cells, row_marks, formulas = _begun(found, data)
        self.row_marks += row_marks
        # A cell may leave out where it stands; then it stands beside the one before.
        if cells > references:
            self._count_in_rows(data)
        errors = equals[(before == ord("t")) & after & (found[equals + 2] == ord("e")) & _is_quote(found[equals + 3])]
        self._find_errors(data, errors.tolist())
        if formulas:
            self._find_not_calculated(data)

    def _count_in_rows(self, data):
        for at, row in enumerate(re.split(rb"<(?:\w+:)?row\b", data)):
            count = len(re.findall(rb"<(?:\w+:)?c[\s/>]", row))
            self.in_row = self.in_row + count if at == 0 else count
            self.widest = max(self.widest, self.in_row)

    def _find_errors(self, data, places):
        for at in places:
            if CELL.search(data, max(0, at - 300), at):
                start, tag = _tag(data, at)
                ends = CELL_ENDS.search(data, start)
                value = VALUE.search(data, start + len(tag), ends.start()) if ends and not tag.endswith(b"/") else None
                self._note(tag, value[1].decode("utf-8", "replace") if value else "#ERROR!")

    def _find_not_calculated(self, data):
        for found in NOT_CALCULATED.finditer(data):
            _, tag = _tag(data, found.start())
            # A formula may well give an empty text; it says so.
            if not (found[1] and re.search(rb"""\bt\s*=\s*["']str["']""", tag)):
                self._note(tag, NEVER)

    def _note(self, tag, text):
        place = REFERENCE.search(tag)
        if place is None:
            refuse(self.file, f"has the error {text} in a cell that does not say where it stands ({self.part}). Save "
                              "it again as .xlsx")
        column = 0
        for letter in place[1].upper():
            column = column * 26 + letter - 64
        self.errors[int(place[2]) - 1, column - 1] = text


def _tag(data, at):
    """Where the cell begins that stands at or before that place, and its tag without the last bracket."""
    start = max(data.rfind(mark, 0, at) for mark in CELL_STARTS)
    return start, data[start:data.find(b">", start)] if start >= 0 else b""


def _is_quote(found):
    return (found == ord('"')) | (found == ord("'"))


def _begun(found, data):
    """How many cells and how many rows begin here, under whatever prefix, and whether a formula may."""
    begin, colons = np.flatnonzero(found == ord("<")), np.flatnonzero(found == ord(":"))
    first, second, prefixed = found[begin + 1], found[begin + 2], set(found[colons + 1].tolist())
    cells = int(((first == ord("c")) & ((second <= ord(" ")) | (second == ord("/")) | (second == ord(">")))).sum())
    rows = int(((first == ord("r")) & (second == ord("o")) & (found[begin + 3] == ord("w"))).sum())
    if prefixed & set(b"cr"):
        cells += sum(map(data.count, CELL_STARTS[len(CELL_STARTS) // 2:]))
        rows += data.count(b":row")
    return cells, rows, ord("f") in prefixed or bool((first == ord("f")).any())


def _furthest(data, at):
    """Returns last column and row of any r="AB12", the last row of any r="12", and how many of the former there are.

    data: the bytes as an array. at: where a sign = stands between an r and a quotation mark.
    """
    at = at[data[at - 2] <= ord(" ")]
    column, row = np.zeros(len(at), dtype=np.int64), np.zeros(len(at), dtype=np.int64)
    going = np.ones(len(at), dtype=bool)
    for step in range(2, 13):
        found = data[at + step]
        letter, digit = (found | 32) - np.uint8(96), found - np.uint8(48)
        letters, digits = going & (letter - np.uint8(1) < 26) & (row == 0), going & (digit < 10)
        column = np.where(letters, column * 26 + letter, column)
        row = np.where(digits, row * 10 + digit, row)
        going &= letters | digits
    named = (row > 0) & ~going
    cells = named & (column > 0)
    return (int(column[cells].max(initial=0)), int(row[cells].max(initial=0)),
            int(row[named & ~cells].max(initial=0)), int(cells.sum()))
