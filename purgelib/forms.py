"""The forms in which Analytics delivers an export, each read to the same thing: a table of texts.

Nothing is interpreted here: every cell stays the text that the file holds, so 06 stays 06, and NA is a
surname. Row numbers are those that a person sees in the file.
"""

import csv
import dataclasses
import hashlib
import io
import statistics
from pathlib import Path

import fastexcel
import pandas as pd
from lxml import etree

from purgelib.errors import BadExport

SAW = "{urn:saw-sql}"
TOO_LARGE = 2_000_000_000


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One table of texts: where it comes from, its headings, its rows (index = row number in the file).

    ended: whether the last row is known to be whole; a text file whose last line has no end may be cut off in it.
    """

    file: str
    sheet: str
    rows: pd.DataFrame
    sha256: str
    ended: bool = True


def read(path, is_header):
    """Reads one file; returns a Sheet. Only reads.

    is_header: function of a list of texts, true for the row that holds the headings (titles may stand above).
    """
    path = Path(path)
    reader = {".csv": _read_text, ".txt": _read_text, ".tsv": _read_text, ".xlsx": _read_xlsx,
              ".xml": _read_report}.get(path.suffix.lower())
    if reader is None:
        raise BadExport(f"{path.name}: I read .csv, .txt, .tsv, .xlsx and report .xml, not {path.suffix or 'this'}. "
                        "Export the analysis again in one of these forms.", file=path.name)
    if path.stat().st_size > TOO_LARGE:
        raise BadExport(f"{path.name} is larger than 2 GB: export fewer columns, or in parts.", file=path.name)
    data = path.read_bytes()
    sheet, cells = reader(path.name, data)
    rows = _under_header(path.name, sheet, cells, is_header)
    ended = reader is not _read_text or data.rstrip(b"\x00").endswith((b"\n", b"\r"))
    return Sheet(path.name, sheet, rows, hashlib.sha256(data).hexdigest(), ended)


def _under_header(file, sheet, cells, is_header):
    """The first row that is_header accepts names the columns; the rows below it are the data."""
    for position in range(min(30, len(cells))):
        headings = [str(cell).strip() for cell in cells.iloc[position].fillna("")]
        if is_header(headings):
            break
    else:
        found = [str(cell).strip() for cell in cells.iloc[0].fillna("")] if len(cells) else []
        raise BadExport(f"{file}: no row with headings that I know in the first 30 rows; the first row reads: "
                        f"{', '.join(found) or '(empty)'}. The column Primary Identifier is needed in every export.",
                        file=file, sheet=sheet, row=1, value=found)
    named = [name for name in headings if name]
    if len(set(named)) < len(named):
        twice = sorted({name for name in named if named.count(name) > 1})
        raise BadExport(f"{file}: heading {', '.join(twice)} occurs twice; delete one of the columns.",
                        file=file, sheet=sheet, row=position + 1, column=twice)
    rows = cells.iloc[position + 1:]
    rows = rows.set_axis([name or f"(column {i + 1})" for i, name in enumerate(headings)], axis=1)
    blank = (rows.isna() | (rows == "")).all(axis=1)
    return rows[~blank]


def _read_text(file, data):
    text = _decoded(file, data)
    first = next((line for line in text.splitlines() if set(line) & set("\t;,")), "")
    separator = max("\t;,", key=first.count)
    width = _width(file, text, separator)
    cells = pd.read_csv(io.StringIO(text), sep=separator, header=None, names=range(width), index_col=False, dtype=str,
                        keep_default_na=False, skip_blank_lines=False, quotechar='"')
    cells.index = range(1, len(cells) + 1)
    return "", cells


def _width(file, text, separator):
    """How many cells every row has. A row cut off lacks cells; a stray quotation mark would swallow whole rows.

    Above the headings, lines of one cell may stand: a title, or nothing.
    """
    widths = []
    try:
        widths.extend(len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise BadExport(f"{file}: row {len(widths) + 1}: a quotation mark is out of place, or the file is cut off "
                        f"({error}). Export it again.", file=file, row=len(widths) + 1) from error
    titles = next((row for row, cells in enumerate(widths) if cells > 1), 0)
    width = statistics.mode([cells for cells in widths[titles:] if cells] or [0])
    if not width:
        raise BadExport(f"{file} is empty. Export it again.", file=file)
    for row, cells in enumerate(widths[titles:], titles + 1):
        if cells not in (0, width):
            raise BadExport(f"{file}: row {row} has {cells} cells, the others have {width}: the file seems cut off, or "
                            "was edited. Export it again.", file=file, row=row)
    return width


def _decoded(file, data):
    marks = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
    marked = next((encoding for mark, encoding in marks if data.startswith(mark)), None)
    # A file that is UTF-8 but for a few bytes is damaged, and not one of Windows' own.
    other = "cp1252" if data.decode("utf-8", "ignore").isascii() else "utf-8"
    for encoding in [marked] if marked else ["utf-8", other]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise BadExport(f"{file}: not wholly UTF-8, UTF-16 with a mark at its start, or Windows-1252 text: damaged, or "
                    "cut off. Export it again.", file=file)


def _read_xlsx(file, data):
    try:
        book = fastexcel.read_excel(data)
        name = book.sheet_names[0]
        cells = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string").to_pandas()
    except fastexcel.FastExcelError as error:
        raise BadExport(f"{file} cannot be read as an Excel file: {error}. Save it again as .xlsx, or export as CSV.",
                        file=file) from error
    if len(book.sheet_names) > 1:
        raise BadExport(f"{file} has {len(book.sheet_names)} sheets ({', '.join(book.sheet_names)}); keep the one with "
                        "the export.", file=file, sheet=book.sheet_names)
    cells.index = range(1, len(cells) + 1)
    return name, cells


def _read_report(file, data):
    """Report XML as the Analytics API delivers it: headings stand in the schema, missing cells are missing."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
                             remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise BadExport(f"{file} is not whole XML: {error}. Fetch the report again.", file=file) from error
    if root.getroottree().docinfo.doctype:
        raise BadExport(f"{file} has a document type, which no report of Analytics has: its texts cannot be trusted.",
                        file=file)
    finished = root.findtext(".//{*}IsFinished")
    if finished is not None and finished.strip() != "true":
        raise BadExport(f"{file} is one page of a longer report (IsFinished is {finished.strip()}): fetch all pages.",
                        file=file)
    headings = {e.get("name"): e.get(SAW + "columnHeading") or "" for e in root.iter("{*}element") if e.get("name")}
    columns = [name for name in headings if name != "Column0"]
    lines = [[row.findtext("{*}" + name) or "" for name in columns] for row in root.iter("{*}Row")]
    cells = pd.DataFrame([[headings[name] for name in columns], *lines], dtype="str")
    cells.index = range(len(cells))
    return "", cells
