"""Old workbooks (XLS) looked through record by record, before a reader lays their cells out in memory.

It tells what the reader does not: from which year the days are counted, which cells hold an error, and which have a
number format that shows other digits than are stored. The records are described in Microsoft's [MS-XLS]: each is a
type, a length and its content, and a cell's begins with its row and column, and its style.
"""

import io
import struct

import numpy as np
import olefile

from purgelib.errors import BadExport
from purgelib.forms import numberformats
from purgelib.forms.cellscan import NONE, SPANNED
from purgelib.forms.packed import refuse

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
BEGIN, END, SHEET, EPOCH, PASSWORD = 0x0809, 0x000A, 0x0085, 0x0022, 0x002F
FORMULA, TRUTH_OR_ERROR, NUMBERS, BLANKS = 0x0006, 0x0205, 0x00BD, 0x00BE
CELLS = {FORMULA, TRUTH_OR_ERROR, NUMBERS, 0x0201, 0x0203, 0x0204, 0x027E, 0x00FD, 0x00D6, BLANKS}
FORMAT, STYLE, BIFF8 = 0x041E, 0x00E0, 0x0600
ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}


def looked_through(data, file):
    """Returns the epoch, 1900 or 1904; per sheet what `cellscan.Scan.finished` does; and style -> number format.

    Only reads. A workbook with a password, or whose sheets span more cells than can be laid out, raises BadExport.
    """
    book = _book(data, file)
    epoch, places, codes, styles = 1900, [], {}, []
    for kind, content in _records(book, 0):
        if kind == PASSWORD:
            refuse(file, "is protected by a password. Save it without one")
        elif kind == EPOCH and content[:1] == b"\x01":
            epoch = 1904
        elif kind == SHEET and len(content) >= 4:
            places.append(struct.unpack_from("<I", content)[0])
        elif kind == FORMAT and len(content) > 5:
            codes[struct.unpack_from("<H", content)[0]] = _code(content, struct.unpack_from("<H", book, 4)[0])
        elif kind == STYLE and len(content) >= 4:
            styles.append(struct.unpack_from("<H", content, 2)[0])
    formats = {at: codes[one] for at, one in enumerate(styles) if numberformats.matters(codes.get(one, ""))}
    return epoch, _sheets(book, places, formats, file), formats


def _code(content, version):
    if version < BIFF8:
        return content[3:3 + content[2]].decode("cp1252", "replace")
    return content[5:].decode("utf-16-le" if content[4] & 1 else "latin-1", "replace")


def _sheets(book, places, formats, file):
    spanned, sheets = 0, []
    for place in places:
        rows, columns, *found = _sheet(book, place, formats)
        spanned += rows * columns
        sheets.append(found)
        if spanned > SPANNED:
            refuse(file, f"spans more than {SPANNED:,} cells, more than can be laid out in memory. Delete all rows and "
                         "columns beyond the table, or save it as CSV")
    return sheets


def _book(data, file):
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            name = next((name for name in ("Workbook", "Book") if ole.exists(name)), None)
            book = ole.openstream(name).read() if name else b""
    except Exception as error:
        raise BadExport(f"{file} cannot be read as an Excel file: it is damaged, or cut off ({error}). Save it again "
                        "as .xlsx, or export as CSV.", file=file) from error
    if struct.unpack_from("<H", book + b"\0\0")[0] != BEGIN:
        refuse(file, "is no workbook of Excel 5 or later. Save it as .xlsx or CSV")
    return book


def _records(book, at):
    """Yields type and content of the records of one substream, without those of the charts inside it."""
    depth = 0
    while at + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, at)
        depth += (kind == BEGIN) - (kind == END)
        if depth == 1:
            yield kind, book[at + 4:at + 4 + length]
        if depth <= 0:
            return
        at += 4 + length


def _sheet(book, place, formats):
    rows = columns = 0
    errors, styled = {}, []
    for kind, content in _records(book, place):
        if kind not in CELLS or len(content) < 6:
            continue
        row, column = struct.unpack_from("<HH", content)
        last = struct.unpack_from("<H", content, len(content) - 2)[0] if kind in (NUMBERS, BLANKS) else column
        rows, columns = max(rows, row + 1), max(columns, last + 1)
        if kind == TRUTH_OR_ERROR and content[7:8] == b"\x01":
            errors[row, column] = ERRORS.get(content[6], "#ERROR!")
        elif kind == FORMULA and content[6:7] == b"\x02" and content[12:14] == b"\xff\xff":
            errors[row, column] = ERRORS.get(content[8], "#ERROR!")
        elif formats and kind != BLANKS:
            # Several numbers in one record have six bytes each, of which the first two are the style.
            styles = [struct.unpack_from("<H", content, at)[0] for at in range(4, len(content) - 5, 6)] \
                if kind == NUMBERS else struct.unpack_from("<H", content, 4)
            styled += [(row, column + at, style) for at, style in enumerate(styles) if style in formats]
    return rows, columns, errors, np.array(styled, dtype=np.int64).reshape(-1, 3) if styled else NONE
