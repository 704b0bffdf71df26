"""A table of texts, as every form of an export is read to: nothing in it is interpreted yet.

Every cell stays the text that the file holds, so 06 stays 06, and NA is a surname. Row numbers are those
that a person sees in the file.
"""

import dataclasses

import numpy as np
import pyarrow

HEADER_WITHIN = 30
# Arrow's usual allocator keeps what was freed; this one gives it back, so that a million rows take half the memory.
try:
    pyarrow.set_memory_pool(pyarrow.jemalloc_memory_pool())
    pyarrow.jemalloc_set_decay_ms(0)
except NotImplementedError:
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())


@dataclasses.dataclass(frozen=True)
class Lost:
    """One row that could not be taken as a row: its number in the file, its text, and why."""

    number: int
    text: str
    why: str


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One table of texts, a row per row of the file below the headings; rows without any text are left out.

    headings: as written, trimmed, one per column ("" where there is none).
    cells: a pyarrow table, a column per heading named "0", "1" and so on, of type string, large_string or
    dictionary of strings; an empty cell is "", never null.
    numbers: int64, per row the number that a person sees in the file, from 1.
    lost: rows that do not fit. titles: texts of the cells above the headings, row by row.
    ended: whether the last row is known to be whole; a text file whose last line has no end may be cut off there.
    epoch: 1900 or 1904, where a workbook says from when its days are counted.
    as_number: column -> boolean array, which of its cells were stored as numbers (workbooks, and pages made of them).
    """

    file: str
    sheet: str
    headings: tuple[str, ...]
    cells: pyarrow.Table | None
    numbers: np.ndarray
    lost: tuple[Lost, ...] = ()
    titles: tuple[str, ...] = ()
    ended: bool = True
    epoch: int | None = None
    as_number: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)

    def __len__(self):
        return len(self.numbers)

    @property
    def place(self):
        """Returns file and sheet as staff read them."""
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file

    def row(self, at):
        """Returns the texts of one row, trimmed."""
        return [column[at].as_py().strip() for column in self.cells.columns]

    def losing(self, rows, why):
        """Returns the sheet with the rows at those places among its lost ones."""
        kept = np.ones(len(self), dtype=bool)
        kept[rows] = False
        lost = [Lost(int(self.numbers[at]), ", ".join(filter(None, self.row(at))), why) for at in rows]
        return dataclasses.replace(
            self, cells=self.cells.filter(pyarrow.array(kept)), numbers=self.numbers[kept],
            lost=tuple(sorted((*self.lost, *lost), key=lambda one: one.number)),
            as_number={at: mask[kept] for at, mask in self.as_number.items()})


@dataclasses.dataclass(frozen=True)
class Part:
    """A sheet whose columns have been recognised: it holds one export, or a part of one, of one or more kinds.

    names: our name of each column, None where it is not used. columns: the texts of those that are used, a pyarrow
    array each; whoever reads one for the last time takes it out, as a million users are many texts.
    """

    sheet: Sheet
    kinds: tuple[str, ...]
    names: tuple[str | None, ...]
    columns: dict[str, pyarrow.ChunkedArray]

    @classmethod
    def of(cls, sheet, kinds, names):
        """Returns the sheet as a Part, without the texts of the columns that are not used."""
        columns = {name: sheet.cells.column(at) for at, name in enumerate(names) if name}
        return cls(dataclasses.replace(sheet, cells=None), kinds, names, columns)

    def __len__(self):
        return len(self.sheet)

    def has(self, name):
        """Says whether there is a column of that name."""
        return name in self.names

    def cells(self, name):
        """Returns the texts of that column, a pyarrow array of a value per row, or None."""
        return self.columns.get(name)

    def trimmed(self, name):
        """Returns the texts of that column, trimmed, as a pandas series."""
        return self.cells(name).cast(pyarrow.large_string()).to_pandas().astype("str").str.strip()

    def heading(self, name):
        """Returns the heading of that column as the file has it."""
        return self.sheet.headings[self.names.index(name)]

    def as_number(self, name):
        """Returns which cells of that column a workbook stores as numbers, a boolean array; None for other forms."""
        told = self.sheet.as_number.get(self.names.index(name))
        return np.zeros(len(self), dtype=bool) if told is None and self.sheet.epoch else told
