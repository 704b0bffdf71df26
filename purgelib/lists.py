"""The lists that we write for people, as CSV that a spreadsheet opens without carrying anything out.

A text that would start a formula gets an apostrophe in front, and so does a text that begins with one; `read` takes
exactly that away. A mark at the start (BOM) says to Excel that it is UTF-8, and to `read` that it is such a list.
"""

import csv
import os
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.csv
from pyarrow import compute

from purgelib.errors import Refused

MARK = b"\xef\xbb\xbf"
# What starts a formula in some spreadsheet, also after blanks (OWASP, CSV injection); and our own apostrophe.
STARTS = r"^(?:[\t\r\n']|[\s\p{Z}]*[=+\-@＝＋－＠])"
TEXT = pyarrow.large_string()
APOSTROPHE, NONE = pyarrow.scalar("'", TEXT), pyarrow.scalar("", TEXT)


def write(frame, path):
    """Writes a frame as a list for people, readable for its owner only, whole or not at all; returns the path.

    Missing values become empty texts; numbers are written as they are. Writes to disk, not to Alma.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    heads = _safe(pd.Series(list(frame.columns), dtype="str")).to_pylist()
    table = pyarrow.table([_safe(column) for _, column in frame.items()], names=heads)
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(MARK)
            pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(quoting_style="all_valid"))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _safe(column):
    texts = compute.fill_null(pyarrow.array(column.astype("str"), type=TEXT, from_pandas=True), NONE)
    if pd.api.types.is_numeric_dtype(column):
        return texts
    starts = compute.match_substring_regex(texts, STARTS)
    return compute.if_else(starts, compute.binary_join_element_wise(APOSTROPHE, texts, NONE), texts)


def read(path):
    """Reads a list that `write` wrote; returns a frame of texts, the same as were written. Only reads.

    A list without the mark was not written so, or by an older version: its texts are taken as they stand.
    """
    path = Path(path)
    with path.open("rb") as file:
        marked = file.read(len(MARK)) == MARK
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            heads = next(csv.reader(file, strict=True))
        table = pyarrow.csv.read_csv(
            path, pyarrow.csv.ReadOptions(block_size=1 << 24), pyarrow.csv.ParseOptions(newlines_in_values=True),
            pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(heads, TEXT), strings_can_be_null=False))
    except (csv.Error, pyarrow.ArrowInvalid, UnicodeDecodeError, StopIteration) as error:
        raise Refused(f"{path.name} is not whole: it is not the list that was written. ({error})",
                      file=path.name) from error
    frame = pd.DataFrame({head: _bare(table[at], marked) for at, head in enumerate(heads)}, dtype="str")
    return frame.set_axis([head.removeprefix("'") if marked else head for head in heads], axis=1)


def _bare(texts, marked):
    if marked:
        ours = compute.starts_with(texts, "'")
        texts = compute.if_else(ours, compute.utf8_slice_codeunits(texts, 1), texts)
    return texts.to_pandas()
