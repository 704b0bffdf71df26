"""The parts of an XLSX looked through as bytes, before a reader lays their cells out in memory.

A sheet of a few bytes may claim a cell in its last row and column, and a reader that lays out everything in between
would fill any memory. The same look finds the cells that have no value, which the reader would take for empty, and
those of which the number format matters. Only parts that hold cells (sheetData) are looked at so closely.
"""

import re

import numpy as np

from purgelib.forms.packed import refuse

# Rows times columns that a sheet may span, as far as its cells say.
SPANNED = 40_000_000
# None of these looks at a byte more than a few times, whatever the text: a part may be made to last for hours.
NOT_CALCULATED = re.compile(rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^<>]*)?/>)\s*+"
                            rb"(<(?:\w+:)?v\s*+/>|<(?:\w+:)?v\s*+></(?:\w+:)?v>)?+\s*+</(?:\w+:)?c>")
CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
TAG = re.compile(rb"<[^<>]*")
IS_ERROR = re.compile(rb"""\st\s*=\s*["']e["']""")
IS_TEXT = re.compile(rb"""\st\s*=\s*["']str["']""")
IS_NUMBER = re.compile(rb"""(?!.*\st\s*=\s*["'](?!n["']))""", re.DOTALL)
STYLE = re.compile(rb"""\ss\s*=\s*["']([0-9]{1,6})["']""")
CELL_ENDS = re.compile(rb"</(?:\w+:)?c>")
REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^<>]*)?>([^<]{1,40})</")
# A value in several pieces: the reader takes the first one only.
IN_PIECES = re.compile(rb"<(?:\w+:)?v(?:\s[^<>]*)?>[^<]*<!")
NEVER = "#NOT CALCULATED"
OVERLAP = 1 << 16
NONE = np.empty((0, 3), dtype=np.int64)


class Scan:
    """Looks through one part, piece by piece; what no sheet of a table needs raises BadExport."""

    def __init__(self, file, part, styles=()):
        """styles: the numbers of those styles of which `finished` tells the cells."""
        self.file, self.part, self.styles = file, part, np.array(sorted(styles), dtype=np.int64)
        self.rest, self.first, self.holds_cells = b"", True, False
        self.rows = self.columns = self.bare_rows = self.row_marks = self.in_row = self.widest = 0
        self.errors, self.styled = {}, []

    def add(self, piece):
        """Looks through the next piece of bytes."""
        if self.first:
            self._refuse_disguise(piece)
            self.first = False
        data = self.rest + piece
        self.holds_cells = self.holds_cells or b"sheetData" in data
        if not self.holds_cells:
            self.rest = data[-OVERLAP:]
            return
        # Looked at up to the end of a cell, so that none is cut in two; where none ends, a part is looked at twice.
        end = max(data.rfind(b"</c>"), data.rfind(b":c>"))
        end = end + 4 if end >= len(data) - OVERLAP else len(data)
        self._look(data[:end])
        self.rest = data[end:] if end < len(data) else data[-OVERLAP:]

    def finished(self):
        """Returns the cells without a value, (row, column) -> error, and those of the styles that were asked for.

        The latter as an array, row, column and style of each cell that may hold a number. All count from 0. Too wide a
        sheet raises.
        """
        if self.holds_cells:
            self._look(self.rest)
        # Rows that only have a height do not matter, unless cells leave out where they stand.
        rows, columns = self.rows, self.columns + self.widest
        if self.widest:
            rows = max(rows, self.bare_rows) + self.row_marks
        if rows * columns > SPANNED:
            refuse(self.file, f"has cells as far out as row {rows:,} and column {columns:,} ({self.part}), more than "
                              "can be laid out. Delete all rows and columns beyond the table, or save it as CSV")
        return self.errors, np.concatenate([NONE, *self.styled])

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
        cells, row_marks, formulas, breaks = _begun(found, data)
        self.row_marks += row_marks
        if breaks and IN_PIECES.search(data):
            refuse(self.file, f"holds a value that is broken by a comment ({self.part}). Save it again as .xlsx")
        # A cell may leave out where it stands; then it stands beside the one before.
        if len(cells) > references:
            self._count_in_rows(data)
        errors = equals[(before == ord("t")) & after & (found[equals + 2] == ord("e")) & _is_quote(found[equals + 3])]
        self._find_errors(data, _holding(data, cells, errors))
        if formulas:
            self._find_not_calculated(data, cells)
        if len(self.styles):
            styled = np.isin(_numbers(found, equals + 2), self.styles) & (before == ord("s")) & after
            self._find_styled(data, cells.tolist() if self.styles[0] == 0 else [start for start, _ in _holding(
                data, cells, equals[styled])])

    def _count_in_rows(self, data):
        for at, row in enumerate(re.split(rb"<(?:\w+:)?row\b", data)):
            count = len(re.findall(rb"<(?:\w+:)?c[\s/>]", row))
            self.in_row = self.in_row + count if at == 0 else count
            self.widest = max(self.widest, self.in_row)

    def _find_errors(self, data, cells):
        for start, end in cells:
            tag = TAG.match(data, start, end)[0]
            if IS_ERROR.search(tag):
                ends = CELL_ENDS.search(data, start + len(tag), end)
                value = VALUE.search(data, start + len(tag), ends.start()) if ends else None
                self._note(tag, value[1].decode("utf-8", "replace") if value else "#ERROR!")

    def _find_not_calculated(self, data, cells):
        found = list(NOT_CALCULATED.finditer(data))
        # A formula may well give an empty text; it says so.
        empty = set(_holding(data, cells, np.array([one.start() for one in found if one[1]], dtype=np.int64)))
        for cell in _holding(data, cells, np.array([one.start() for one in found], dtype=np.int64)):
            tag = TAG.match(data, *cell)[0]
            if not (cell in empty and IS_TEXT.search(tag)):
                self._note(tag, NEVER)

    def _find_styled(self, data, starts):
        wanted, found = set(self.styles.tolist()), []
        for start in starts:
            tag = TAG.match(data, start)[0]
            said = STYLE.search(tag)
            style = int(said[1]) if said else 0
            if style in wanted and not tag.endswith(b"/") and IS_NUMBER.match(tag):
                found.append((*self._place(tag, "a number format of its own"), style))
        self.styled += [np.array(found, dtype=np.int64)] if found else []

    def _note(self, tag, text):
        self.errors[self._place(tag, f"the error {text}")] = text

    def _place(self, tag, what):
        place = REFERENCE.search(tag)
        if place is None:
            refuse(self.file, f"has {what} in a cell that does not say where it stands ({self.part}). Save it again as "
                              ".xlsx")
        column = 0
        for letter in place[1].upper():
            column = column * 26 + letter - 64
        return int(place[2]) - 1, column - 1


def _holding(data, cells, places):
    """Start and end of the cells that begin last before these places, each once, a list; the next cell is the end."""
    at = np.unique(np.searchsorted(cells, places)) - 1
    ends = np.append(cells[1:], len(data))
    return list(zip(cells[at[at >= 0]].tolist(), ends[at[at >= 0]].tolist(), strict=True))


def _numbers(found, at):
    """The number that begins at each of these places and ends with a quotation mark; -1 where there is none."""
    number, going = np.zeros(len(at), dtype=np.int64), np.ones(len(at), dtype=bool)
    for step in range(6):
        digit = found[at + step] - np.uint8(48)
        going &= digit < 10
        if not going.any():
            break
        number = np.where(going, number * 10 + digit, number)
    return np.where((found[at] - np.uint8(48)) < 10, number, -1)


def _is_quote(found):
    return (found == ord('"')) | (found == ord("'"))


def _begun(found, data):
    """Where cells begin, how many rows do, under whatever prefix; if a formula may; if there is a comment."""
    begin, colons = np.flatnonzero(found == ord("<")), np.flatnonzero(found == ord(":"))
    first, second, prefixed = found[begin + 1], found[begin + 2], found[colons + 1]
    cells = begin[(first == ord("c")) & _ends_name(second)]
    rows = int(((first == ord("r")) & (second == ord("o")) & (found[begin + 3] == ord("w"))).sum())
    if (prefixed == ord("r")).any():
        rows += data.count(b":row")
    if ((prefixed == ord("c")) & _ends_name(found[colons + 2])).any():
        cells = np.array([one.start() for one in CELL.finditer(data)], dtype=np.int64)
    formulas = bool((first == ord("f")).any() or (prefixed == ord("f")).any())
    return cells, rows, formulas, bool((first == ord("!")).any())


def _ends_name(found):
    return (found <= ord(" ")) | (found == ord("/")) | (found == ord(">"))


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
        if not going.any():
            break
    named = (row > 0) & ~going
    cells = named & (column > 0)
    return (int(column[cells].max(initial=0)), int(row[cells].max(initial=0)),
            int(row[named & ~cells].max(initial=0)), int(cells.sum()))
