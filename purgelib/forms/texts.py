"""CSV and tab-delimited text, whatever the encoding, separator and line ends, read to a table of texts.

Two ways lead to the same table. The quick one splits whole blocks of rows at once, and gives up at the first
thing that it cannot prove to be right; then the exact one reads the file again, row by row, and can say which
row is at fault. Neither holds the whole text in memory.
"""

import codecs
import re

from purgelib.errors import BadExport
from purgelib.forms import rows, splitting
from purgelib.sheets import HEADER_WITHIN, Sheet

SEPARATORS = ",;\t"
MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
ANNOUNCED = re.compile(r'"?sep=([,;\t|])"?[\r\n]*', re.IGNORECASE)
BLANK_QUOTED = re.compile(r'\s+"')
SHOWN = 500


def read(path, file, is_header, ignored=frozenset(), progress=None):
    """Reads one text file; returns a list of one Sheet, its sheet "". Only reads; ``BadExport`` says why not.

    path: a pathlib.Path. file: its name for messages. is_header: function of a list of trimmed texts, true for
    the row that holds the headings (titles may stand above). A cell ``="06"`` is 06; no other cell is changed.
    Rows with more or fewer cells than the headings are ``lost``. A row counts once, however many lines it has.
    ignored: sheets to pass over, of which a text has none. progress: told how many bytes more are read.
    """
    before = _state(path)
    sheet = _in_its_encoding(path, file, is_header, progress or (lambda more: None))
    if _state(path) != before:
        raise BadExport(f"{file} was changed while I read it. Wait until it is saved, then read it again.", file=file)
    return [sheet]


def _state(path):
    now = path.stat()
    return now.st_size, now.st_mtime_ns, now.st_ino


def _in_its_encoding(path, file, is_header, progress):
    for encoding in _encodings(path):
        try:
            return _sheet(path, file, encoding, _head(path, file, encoding, is_header), progress)
        except UnicodeDecodeError:
            continue
    raise rows.no_text(file)


def _encodings(path):
    with path.open("rb") as stream:
        start = stream.read(3)
    marked = next((encoding for mark, encoding in MARKS if start.startswith(mark)), None)
    yield marked or "utf-8"
    if not marked and _no_utf8(path):
        yield "cp1252"


def _no_utf8(path):
    # A file that is UTF-8 but for a few bytes is damaged, and not one of Windows' own.
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    with path.open("rb") as stream:
        return all(decoder.decode(raw).isascii() for raw in iter(lambda: stream.read(1 << 20), b""))


def _sheet(path, file, encoding, head, progress):
    try:
        columns, ended = splitting.quick(path, file, encoding, head, progress)
    except splitting.CannotProve:
        columns, ended = rows.exact(path, file, encoding, head)
    titles = tuple(text for row in head.above for text in row if text)
    return Sheet(file, "", head.headings, *columns.table(), lost=tuple(columns.lost), titles=titles, ended=ended)


def _head(path, file, encoding, is_header):
    """Finds the row of headings, under the separator that makes one of it."""
    with path.open(encoding=encoding, newline="") as stream:
        announced = ANNOUNCED.fullmatch(stream.readline(20))
    tops, faults = [], []
    for separator in announced[1] if announced else SEPARATORS:
        with path.open(encoding=encoding, newline="") as stream:
            try:
                tops.append(_top(rows.Lines(file, stream), separator, is_header, 1 if announced else 0))
            except BadExport as fault:
                faults.append(fault)
    if not tops:
        raise max(faults, key=lambda fault: fault.row)
    head = max(tops, key=lambda top: len(top.headings))
    if not head.headings:
        raise _no_headings(file, tops)
    blank = next((name for name in head.headings if name[:1].isspace()), None)
    if blank:
        raise BadExport(f"{file}: row {head.number}: a blank stands before the quotation mark of {blank.strip()}, so "
                        "that nobody can tell where cells end. Take out the blanks after the separators, or export it "
                        "again.", file=file, sheet="", row=head.number, value=blank)
    return head


def _top(lines, separator, is_header, skipped):
    above = []
    for number, cells in enumerate(rows.split(lines, separator), 1):
        texts = [cell if BLANK_QUOTED.match(cell) else rows.unwrapped(cell).strip() for cell in cells]
        if number > skipped and is_header(texts):
            return rows.Head(separator, number, lines.taken, tuple(above), tuple(texts), lines.last)
        if number > skipped:
            above.append(texts)
        if number == HEADER_WITHIN:
            break
    return rows.Head(separator, lines.number, lines.taken, tuple(above))


def _no_headings(file, tops):
    written = [(number, row) for top in tops for number, row in enumerate(top.above, 1)
               if any(text.strip(SEPARATORS) for text in row)]
    if not written and tops[0].number < HEADER_WITHIN:
        return BadExport(f"{file} is empty. Export it again.", file=file)
    found = max((row for number, row in written if number == written[0][0]), key=len, default=[])
    return BadExport(f"{file}: no row with headings that I know in the first {HEADER_WITHIN} rows; the first row "
                     f"reads: {', '.join(found)[:SHOWN] or '(empty)'}. The column Primary Identifier is needed in "
                     "every export.", file=file, sheet="", row=1, value=found)


