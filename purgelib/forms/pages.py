"""Tables of web pages (HTML, often named .xls, and single-file pages, MHTML) read to tables of texts.

What a browser would show counts: blanks are collapsed, a line break is a blank, a non-breaking space stays one. That a
cell was a number is known where a spreadsheet program noted it (LibreOffice's sdval, Excel's x:num).
Cells over several rows or columns are what merged cells are in a workbook. Scripts are never run and nothing is
fetched. A page that is cut off, or of which the parser would leave a row or a cell out, is refused.
"""

import email
import email.policy
import itertools
import re

import numpy as np
import pyarrow
from lxml import etree

from purgelib.errors import BadExport
from purgelib.forms import grids
from purgelib.forms.cellscan import SPANNED
from purgelib.forms.packed import refuse

TOO_LARGE = 300_000_000
ROWS = 20_000
# How far a cell of a page may reach (HTML Living Standard, 4.9.11).
COLSPAN, ROWSPAN = 1000, 65_534
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
CHARSET = re.compile(rb"<meta\b[^<>]{0,300}?\bcharset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
UNSHOWN = re.compile(r"<(?:(!)--|(script|style|title|textarea|xmp)\b)", re.IGNORECASE)
DATE = re.compile(r"\d[./-]\d+[./-]\d|:")
BLANKS = re.compile(r"[ \t\n\r\f]+")
MIME = re.compile(rb"\s*(?:[\w-]+:[^\n]*\n)*?mime-version:", re.IGNORECASE)
CELLS = ("td", "th")
# LibreOffice hides what was noted beside a cell in an element of its own.
UNREAD = ("script", "style", "table", "comment")


def read(path, file, is_header, ignored=frozenset(), progress=None):
    """Reads one page; returns a list of Sheets, one per table with text. Only reads; BadExport says why not.

    path: a pathlib.Path. file: its name for messages. is_header: function of a list of trimmed texts, true for the row
    that holds the headings. ignored: tables to pass over, as "file/table 2". The sheet's name is "" where there is one
    table only, else table 1 and so on; row numbers are counted within the table. progress: function of the bytes done,
    called once.
    """
    if path.stat().st_size > TOO_LARGE:
        refuse(file, f"is larger than {TOO_LARGE // 1_000_000} MB. Export it as CSV")
    data = path.read_bytes()
    pages = _parts(data, file) if MIME.match(data[:4096]) else [(data, None)]
    tables = [rows for page, charset in pages for rows in _tables(_text(page, charset, file), file)]
    sheets = []
    for number, rows in enumerate(tables, 1):
        name = f"table {number}" if len(tables) > 1 else ""
        if f"{file}/{name}" not in ignored:
            sheets.append(grids.sheet(_grid(file, name, rows), is_header))
    found = [sheet for sheet in sheets if sheet is not None]
    if not found:
        raise BadExport(f"{file} is a web page without any table in it. Export it again, as CSV.", file=file)
    if progress:
        progress(len(data))
    return found


def _parts(data, file):
    """The pages in a single-file page (MHTML), each with the charset that its part names."""
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    parts = list(message.walk())
    if any(part.defects for part in parts):
        refuse(file, "is a web page that is damaged, or cut off. Export it again, as CSV")
    pages = [part for part in parts if part.get_content_type() == "text/html"]
    read = [(page.get_payload(decode=True), page.get_content_charset()) for page in pages]
    if any(part.defects for part in parts):
        refuse(file, "is a web page that is damaged, or cut off. Export it again, as CSV")
    return read


def _text(data, charset, file):
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    said = CHARSET.search(data[:4096])
    encoding = marked or charset or (said[1].decode() if said else "utf-8")
    # Browsers take these for the same, and Windows' programs write them so.
    encoding = "cp1252" if encoding.lower() in ("iso-8859-1", "latin-1", "us-ascii", "ascii") else encoding
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise BadExport(f"{file} is not wholly {encoding} text: damaged, or cut off. Export it again.",
                        file=file) from error
    if "\0" in text:
        refuse(file, "holds bytes that no text has: it is damaged. Export it again")
    return text


def _tables(text, file):
    """The tables of a page, each a list of rows, a row a list of (text, rows, columns, is number) as its cells say."""
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(text.encode() or b" ", parser)
    except etree.ParserError as error:
        raise BadExport(f"{file} cannot be read as a web page: {error}. Export it again.", file=file) from error
    if root is None:
        return []
    _refuse_what_was_left_out(root, text, file)
    tables = {table: [] for table in root.iter("table")}
    for row in root.iter("tr"):
        table = next(row.iterancestors("table"), None)
        if table is None:
            refuse(file, "has a row that belongs to no table: it is damaged. Export it again")
        tables[table].append([(text := _shown(cell), _span(cell, "rowspan", ROWSPAN), _span(cell, "colspan", COLSPAN),
                               _is_number(cell, text)) for cell in row.iterchildren(*CELLS)])
    if sum(len(row) for rows in tables.values() for row in rows) != sum(1 for _ in root.iter(*CELLS)):
        refuse(file, "has a cell that belongs to no row: it is damaged. Export it again, as CSV")
    return list(tables.values())


def _refuse_what_was_left_out(root, text, file):
    """The parser drops in silence what it cannot place: all rows and cells that are written must be there."""
    text = _without_unshown(text)
    for name in ("table", "tr", *CELLS):
        written = len(re.findall(rf"<{name}[\s/>]", text, re.IGNORECASE))
        if written != sum(1 for _ in root.iter(name)):
            refuse(file, f"is a page whose <{name}> are not all in their place: it is damaged. Export it again, as CSV")
    if len(re.findall(r"</table\s*>", text, re.IGNORECASE)) < len(re.findall(r"<table[\s/>]", text, re.IGNORECASE)):
        refuse(file, "is a page that ends within a table: it is cut off. Export it again")


def _without_unshown(text):
    """The text without comments, scripts and the like; of those that never end, only their beginning."""
    kept, at, endless = [], 0, set()
    while begins := UNSHOWN.search(text, at):
        name = (begins[1] or begins[2]).lower()
        end = re.compile("-->" if name == "!" else rf"</{name}\s*+>", re.IGNORECASE)
        ends = None if name in endless else end.search(text, begins.end())
        # What has no end from here on has none further down: it is looked for once.
        endless |= set() if ends else {name}
        kept.append(text[at:begins.start()])
        at = (ends or begins).end()
    return "".join((*kept, text[at:]))


def _is_number(cell, text):
    return (cell.get("sdval") is not None or cell.get("x:num") is not None) and not DATE.search(text)


def _shown(cell):
    """The text of one cell as a browser shows it, without that of a table inside."""
    if not len(cell):
        return BLANKS.sub(" ", cell.text or "").strip(" ")
    parts, walk = [], etree.iterwalk(cell, events=("start", "end"))
    for event, one in walk:
        if event == "end":
            parts.append(one.tail or "" if one is not cell else "")
        elif one.tag in UNREAD:
            walk.skip_subtree()
        else:
            parts.append(" " if one.tag in ("br", "p", "div") else "")
            parts.append(one.text or "")
    return BLANKS.sub(" ", "".join(parts)).strip(" ")


def _span(cell, name, most):
    said = (cell.get(name) or "1").strip()
    number = int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 1
    return min(number, most) if number else (most if name == "rowspan" else 1)


def _grid(file, name, rows):
    """Lays the cells out: each takes the next place of its row that no cell from above reaches into."""
    lines, merged, widths, reaching, numbers = [], [], np.zeros(len(rows), dtype=np.int64), {}, {}
    for at, row in enumerate(rows):
        line, column, reaching = {}, 0, {column: last for column, last in reaching.items() if last >= at}
        for text, down, across, is_number in row:
            while column in reaching:
                column += 1
            line[column] = text
            if is_number:
                numbers.setdefault(column, np.zeros(len(rows), dtype=bool))[at] = True
            last = min(at + down, len(rows)) - 1
            if last > at or across > 1:
                merged.append((at, column, last, column + across - 1))
                reaching.update(dict.fromkeys(range(column, column + across), last) if last > at else {})
            column += across
            if column * len(rows) > SPANNED:
                refuse(file, f"has a table of more than {SPANNED:,} cells. Export it as CSV")
        widths[at] = max([column, *(column + 1 for column in reaching)])
        lines.append(line)
    width = int(widths.max(initial=0))
    columns = tuple(_column(lines, at) for at in range(width))
    return grids.Grid(file, name, columns, tuple(merged), widths, as_number=numbers)


def _column(lines, at):
    texts = iter(lines)
    chunks = iter(lambda: [line.get(at, "") for line in itertools.islice(texts, ROWS)], [])
    return pyarrow.chunked_array([pyarrow.array(chunk, pyarrow.string()) for chunk in chunks], pyarrow.string())
