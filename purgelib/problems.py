"""What is doubtful in the exports: each row with its place, its value and a sentence; a summary by kind.

A problem *stops* a strict reading, or it is a notice: said aloud, and acted on (its users stay), but no
reason to export again, such as a file that does not end with a line end.
"""

import dataclasses

import numpy as np
import pandas as pd

COLUMNS = ["kind", "file", "sheet", "row", "column", "value", "problem", "stops"]


@dataclasses.dataclass(frozen=True)
class Doubts:
    """What is doubtful in one column: codes (int32, a value per row, -1 for none) into said, (kind, sentence) pairs."""

    codes: np.ndarray
    said: tuple[tuple[str, str], ...] = ()

    @property
    def any(self):
        """Returns a boolean array: is the row doubtful."""
        return self.codes >= 0

    @classmethod
    def none(cls, length):
        """Returns no doubt at all, for that many rows."""
        return cls(np.broadcast_to(np.int32(-1), length))

    def where(self, rows, kind, sentence):
        """Returns these doubts and this one more, in the rows where a boolean array says so and there is none yet."""
        if not np.asarray(rows, dtype=bool).any():
            return self
        codes = np.where(np.asarray(rows, dtype=bool) & (self.codes < 0), len(self.said), self.codes)
        return Doubts(codes.astype(np.int32), (*self.said, (kind, sentence)))


class Problems:
    """Collects what is doubtful, a column at a time; ``table()`` returns all of it as a frame of COLUMNS."""

    def __init__(self):
        self._parts = []

    def add(self, sheet, heading, cells, doubts, calm=None):
        """Adds the doubtful cells of one column of a sheet.

        cells: the column's texts (pyarrow), a value per row. calm: boolean array, rows whose doubts are only a notice.
        """
        at = np.flatnonzero(doubts.any)
        if not len(at):
            return
        kinds, sentences = (np.array(texts, dtype=object)[doubts.codes[at]] for texts in zip(*doubts.said, strict=True))
        stops = True if calm is None else ~np.asarray(calm, dtype=bool)[at]
        self.list(kinds, sheet.file, sheet.sheet, sheet.numbers[at], heading, cells.take(at).to_pylist(), sentences,
                  stops)

    def list(self, kind, file, sheet, row, column, value, problem, stops=True):
        """Adds rows of the table: each of the arguments a value for all of them, or a value per row."""
        told = (kind, file, sheet, row, column, value, problem, stops)
        self._parts.append(pd.DataFrame(dict(zip(COLUMNS, (np.asarray(one) if hasattr(one, "__array__") else one
                                                           for one in told), strict=True))))

    def say(self, kind, file, problem, *, sheet="", row=pd.NA, column="", value="", stops=True):
        """Adds one problem of a row that was not read, or of a whole file (without a row)."""
        self._parts.append(pd.DataFrame([(kind, file, sheet, row, column, value, problem, stops)], columns=COLUMNS))

    def table(self):
        """Returns all problems, in the order of files and rows."""
        parts = [part.astype({"row": "Int64", "stops": bool}) for part in self._parts]
        made = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
        made = made.astype({"row": "Int64", "stops": bool} | dict.fromkeys(set(COLUMNS) - {"row", "stops"}, "str"))
        return made.sort_values(["file", "sheet", "row"], kind="stable", ignore_index=True, na_position="first")


def by_kind(table):
    """Returns a frame with one row per kind of problem: kind, rows, stops, an example with its place, the sentence."""
    first = table.drop_duplicates("kind").set_index("kind")
    example = first["file"] + (", row " + first["row"].astype("str")).where(first["row"].notna(), "")
    example += (": " + first["value"]).where(first["value"] != "", "")
    counted = table.groupby("kind", sort=False)["stops"].agg(["size", "any"])
    return pd.DataFrame({"kind": counted.index, "places": counted["size"].to_numpy(),
                         "stops": counted["any"].to_numpy(), "for example": example.reindex(counted.index).to_numpy(),
                         "problem": first["problem"].reindex(counted.index).to_numpy()})
