"""Cells as they stand on a sheet of a workbook or in a table of a page, read to a Sheet: titles, headings, rows.

A cell that is merged over several rows belongs to each of them that has any text of its own (Analytics merges
repeated values so). A cell merged over several named columns belongs to none of them for certain: its row is lost,
and named. Hidden and filtered rows and columns are read like all others: nobody is left out because nobody looks.
"""

import dataclasses

import numpy as np
import pyarrow
from pyarrow import compute

from purgelib.errors import BadExport
from purgelib.sheets import HEADER_WITHIN, Lost, Sheet

TOLD = 20_000
WIDE = "a cell merged over several columns stands in this row: split it, or delete the row if it holds no data"
UNDER_HEADINGS = "this row stands under headings that are merged over several rows: put the headings into one row"
HIDDEN = "a merged cell hides another text in this row: split the cell and look which is right"
TOO_NARROW = "this row has fewer cells than there are headings: the file may be damaged; export it again"
TOO_WIDE = "this row has more cells than there are headings: the file may be damaged; export it again"


@dataclasses.dataclass(frozen=True)
class Grid:
    """All rows of one sheet from its first one; nothing is left out yet.

    columns: pyarrow chunked arrays of strings, all of one length. merged: (top, left, bottom, right), counted from 0,
    all included. widths: cells per row, where rows may differ in that (pages only). as_number, epoch: see Sheet.
    """

    file: str
    sheet: str
    columns: tuple
    merged: tuple = ()
    widths: np.ndarray | None = None
    epoch: int | None = None
    as_number: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def place(self):
        """Returns file and sheet as staff read them."""
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file

    def row(self, at):
        """Returns the texts of one row, trimmed."""
        return [column[at].as_py().strip() for column in self.columns]


def sheet(grid, is_header):
    """Returns the Sheet of a grid, or None when no cell of it has any text; no known headings raise BadExport."""
    filled = [_has_text(column) for column in grid.columns]
    rows = np.flatnonzero(np.logical_or.reduce(filled)) if filled else np.array([], dtype=np.int64)
    if not len(rows):
        return None
    header = _header(grid, rows[:HEADER_WITHIN], is_header)
    headings = grid.row(header)
    below = rows[rows > header]
    source, whys = _merged(grid, filled, headings, header)
    whys = whys | _odd_widths(grid, filled, headings, header)
    lost = tuple(Lost(at + 1, _short(", ".join(text for text in grid.row(at) if text)), whys[at])
                 for at in below.tolist() if at in whys)
    if lost:
        below = below[~np.isin(below, [one.number - 1 for one in lost])]
    titles = tuple(text for at in rows[rows < header].tolist() for text in grid.row(at) if text)
    return _taken(grid, headings, below, source, [at for at, name in enumerate(headings)
                                                  if name or filled[at][header + 1:].any()], lost, titles)


def _short(text):
    return text if len(text) <= TOLD else text[:TOLD] + "…"


def _has_text(column):
    lengths = compute.binary_length(compute.utf8_trim_whitespace(column))
    return compute.greater(lengths, 0).to_numpy()


def _header(grid, candidates, is_header):
    for at in candidates.tolist():
        if is_header(grid.row(at)):
            return at
    found = [text for text in grid.row(candidates[0]) if text]
    leave = f', or say in headings.toml that it is left alone: ignore = ["{grid.file}/{grid.sheet}"]' if grid.sheet \
        else ""
    raise BadExport(f"{grid.place}: none of its first {HEADER_WITHIN} rows with text has headings that I know; row "
                    f"{candidates[0] + 1} reads: {', '.join(found)}. The column Primary Identifier is needed in every "
                    f"table. Name the columns{leave}.", file=grid.file, sheet=grid.sheet, row=int(candidates[0]) + 1,
                    value=found)


def _merged(grid, filled, headings, header):
    """For each column with merged cells the row from which each row has its text; and the rows lost, with why."""
    source, whys, count = {}, {}, len(filled[0])
    reach = sum(min(bottom, count) - top + 1 for top, _, bottom, _ in grid.merged)
    if reach > count * len(headings) + len(grid.merged):
        raise BadExport(f"{grid.place}: its merged cells overlap: the file is damaged. Save it again as CSV.",
                        file=grid.file, sheet=grid.sheet)
    for top, left, bottom, right in grid.merged:
        bottom, covered = min(bottom, count - 1), headings[left:right + 1]
        if bottom <= header or left >= len(headings):
            continue
        if top <= header:
            whys.update(dict.fromkeys(range(header + 1, bottom + 1), UNDER_HEADINGS))
        elif any(covered[1:]) and filled[left][top]:
            whys.update(dict.fromkeys(range(top, bottom + 1), WIDE))
        elif bottom > top:
            source.setdefault(left, np.arange(count))[top:bottom + 1] = top
    for left, rows in source.items():
        under = np.flatnonzero(filled[left] & (rows != np.arange(count)))
        own, shown = grid.columns[left].take(under), grid.columns[left].take(rows[under])
        hides = under[compute.not_equal(own, shown).to_numpy()]
        whys.update(dict.fromkeys(hides.tolist(), HIDDEN))
    return source, whys


def _odd_widths(grid, filled, headings, header):
    if grid.widths is None:
        return {}
    narrow = np.flatnonzero(grid.widths < grid.widths[header])
    beyond = [filled[at] for at in range(int(grid.widths[header]), len(headings))]
    wide = np.flatnonzero(np.logical_or.reduce(beyond)) if beyond else []
    return dict.fromkeys(map(int, narrow), TOO_NARROW) | dict.fromkeys(map(int, wide), TOO_WIDE)


def _taken(grid, headings, rows, source, columns, lost, titles):
    whole = not source and len(rows) > 0 and len(rows) == rows[-1] - rows[0] + 1

    def of(column, at):
        if whole:
            return column[rows[0]:rows[-1] + 1]
        where = source[at][rows] if at in source else rows
        return column[where] if isinstance(column, np.ndarray) else column.take(where)

    cells = pyarrow.table([of(grid.columns[at], at) for at in columns], names=[str(at) for at in range(len(columns))])
    numbers = {to: of(grid.as_number[at], at) for to, at in enumerate(columns) if at in grid.as_number}
    return Sheet(grid.file, grid.sheet, tuple(headings[at] for at in columns), cells, (rows + 1).astype(np.int64), lost,
                 titles, epoch=grid.epoch, as_number={at: mask for at, mask in numbers.items() if mask.any()})
