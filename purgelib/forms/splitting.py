"""Whole blocks of CSV text split at once, wherever that is provably the same as ``rows`` does it.

A block that cannot be proved goes row by row; where even that does not help, ``CannotProve`` says that nothing
counts that was read. The whole text is never held in memory.

Cells are split without regard to quotation marks. That is right if each of them then is wholly a quoted cell, or
does not begin with a mark; separators and line ends inside of quoted cells have stand-ins meanwhile, and a
stand-in in any other cell shows that a mark is out of place.
"""

import codecs
import functools
import io

import numpy as np
import pyarrow
import pyarrow.compute as compute
import pyarrow.csv

from purgelib.errors import BadExport
from purgelib.forms.rows import Columns, each, Lines, ROW_AT_MOST, TEXT

BLOCK = 1 << 22
BOM = b"\xef\xbb\xbf"
QUOTE = ord('"')
STAND_INS = b"\x1f\x1e\x1d"


class CannotProve(Exception):
    """The quick way is not sure to be right."""


def quick(path, file, encoding, head, progress):
    """Reads all rows below the headings; returns Columns, and whether the last line has its end. Only reads.

    progress: a function that is told how many bytes more are read. Raises CannotProve where the exact way has to be
    gone, and UnicodeDecodeError.
    """
    columns, number, blocks = Columns(file, head), head.number, _Blocks(path, encoding, head, progress)
    for block in blocks:
        try:
            cells = _split(block, columns)
        except (CannotProve, pyarrow.ArrowInvalid):
            number = _row_by_row(block, columns, number)
        else:
            columns.add(cells, np.arange(number + 1, number + 1 + len(cells[0])), QUOTE not in block)
            number += len(cells[0])
    return columns, blocks.ended


def _split(block, columns):
    """Returns an array per column; raises CannotProve, or ArrowInvalid."""
    # Pyarrow drops the mark of UTF-8 wherever a block begins.
    if block.startswith(BOM):
        raise CannotProve
    kinds = dict(zip(columns.names, columns.types, strict=True))
    table = pyarrow.csv.read_csv(
        pyarrow.BufferReader(block),
        pyarrow.csv.ReadOptions(column_names=columns.names, block_size=len(block) + 1),
        pyarrow.csv.ParseOptions(delimiter=columns.head.separator, quote_char=False, ignore_empty_lines=False),
        pyarrow.csv.ConvertOptions(column_types=kinds, null_values=[], strings_can_be_null=False))
    cells = [column.combine_chunks() for column in table.columns]
    return [each(one, _unquoted, _real(columns.head)) for one in cells] if QUOTE in block else cells


def _row_by_row(block, columns, number):
    text = block.translate(_real(columns.head)).decode()
    lines = Lines(columns.file, io.StringIO(text, newline=""), number)
    try:
        columns.take(lines)
    except BadExport as error:
        raise CannotProve from error
    return lines.number


def _real(head):
    return bytes.maketrans(STAND_INS, head.separator.encode() + b"\n\r")


class _Blocks:
    """The rows below the headings in UTF-8, many whole rows at a time, with stand-ins. ended: the last line is."""

    def __init__(self, path, encoding, head, progress):
        self.path, self.encoding, self.head, self.progress, self.ended = path, encoding, head, progress, False

    def __iter__(self):
        rest, inside = b"", False
        for text in self._texts():
            data = text.encode()
            if any(one in data for one in b"\0" + STAND_INS):
                raise CannotProve
            if inside or QUOTE in data:
                data, inside = _masked(data, self.head, inside)
            data = rest + data
            # A \r at the very end may be half of a line end.
            cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
            rest = data[cut:]
            _check_length(data)
            if cut:
                yield data[:cut]
        if rest:
            yield rest

    def _texts(self):
        decoder, skip = codecs.getincrementaldecoder(self.encoding)(), self.head.length
        with self.path.open("rb", buffering=0) as stream:
            raw = b"-"
            while raw:
                raw = stream.read(BLOCK)
                self.progress(len(raw))
                text = decoder.decode(raw, not raw)
                self.ended = self.head.ends(text[-1]) if text else self.ended
                yield text[skip:]
                skip = max(0, skip - len(text))


def _masked(data, head, inside):
    """Puts stand-ins between every other pair of quotation marks; returns the block, and whether one is open."""
    if not data:
        return data, inside
    data = np.frombuffer(data, np.uint8).copy()
    within = np.logical_xor.accumulate(data == QUOTE) ^ inside
    for stand_in in STAND_INS:
        data[(data == _real(head)[stand_in]) & within] = stand_in
    return data.tobytes(), bool(within[-1])


def _check_length(data):
    """Sees to it that no row can be longer than ROW_AT_MOST: in each half of it, there is a line end."""
    half = ROW_AT_MOST // 2
    for at in range(0, len(data) - half, half):
        if data.find(b"\n", at, at + half) < 0 and data.find(b"\r", at, at + half) < 0:
            raise CannotProve


def _unquoted(cells, real):
    """Returns a string array without quotation marks and stand-ins; raises CannotProve."""
    quoted, held = compute.starts_with(cells, '"'), [compute.match_substring(cells, chr(one)) for one in STAND_INS]
    marked = functools.reduce(compute.or_, held, quoted)
    if not compute.any(marked).as_py():
        return cells
    # As bytes: other cells than the quoted ones may be cut within a letter.
    inner = compute.binary_slice(cells.cast(pyarrow.binary()), 1, -1)
    simple = compute.and_(compute.and_(quoted, compute.ends_with(cells, '"')),
                          compute.and_not(compute.greater(compute.binary_length(cells), 1),
                                          compute.match_substring(inner, '"')))
    inner = _translated(inner, real)
    if not compute.all(simple).as_py():
        inner = compute.if_else(simple, inner, cells.cast(pyarrow.binary()))
    rest = compute.and_not(marked, simple)
    texts = [_unquoted_text(text, real) for text in cells.filter(rest).to_pylist()]
    return compute.replace_with_mask(inner.cast(TEXT), rest, pyarrow.array(texts, TEXT)) if texts else inner.cast(TEXT)


def _translated(cells, real):
    _, offsets, texts = cells.buffers()
    texts = texts and pyarrow.py_buffer(texts.to_pybytes().translate(real))
    return pyarrow.Array.from_buffers(cells.type, len(cells), [None, offsets, texts], offset=cells.offset)


def _unquoted_text(text, real):
    inner = text[1:-1]
    if len(text) < 2 or not text[0] == text[-1] == '"' or '"' in inner.replace('""', ""):
        raise CannotProve
    return inner.replace('""', '"').encode().translate(real).decode()
