"""Which form a file is, told by its content and never by its name, and each form read to the same thing: Sheets.

Nothing is interpreted here: every cell stays the text that the file holds, so 06 stays 06, and NA is a surname. A
file that is none of ours is refused by name, not passed over: it may hold those who are to be kept.
"""

import dataclasses
import hashlib
import os
import re
from concurrent import futures
from pathlib import Path, PurePosixPath

from purgelib.errors import BadExport
from purgelib.forms import books, packed, pages, reportxml, texts
from purgelib.sheets import Sheet

TOO_LARGE = 4_000_000_000
IN_ARCHIVE = 100
START = 1 << 16
# What programs leave in a folder without anybody wanting it; and our own papers.
LEFT_OUT = re.compile(r"\..*|~\$.*|thumbs\.db|desktop\.ini|readme\.md|.*\.toml", re.IGNORECASE)
# What among that may be somebody's list all the same: but for what macOS and LibreOffice leave beside their files.
HIDDEN = re.compile(r"\.(?!_|~lock\.).*\.(?:csv|tsv|txt|xlsx?|xml|html?|zip)", re.IGNORECASE)
OF_PROGRAMS = re.compile(r"\..*|__macosx", re.IGNORECASE)
ZIP, OLD = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DOCUMENTS = {"xl/workbook.bin": "a binary workbook (XLSB)", "word/document.xml": "a text document (Word)",
             "ppt/presentation.xml": "slides (PowerPoint)"}
SAVE = "Save it as .xlsx, or export it as CSV"
NOT_OURS = {
    b"%PDF": "a PDF", b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture",
    b"II*\0": "a picture", b"MM\0*": "a picture", b"BM": "a picture",
    b"{\\rtf": "a text document (RTF)", b"\x1f\x8b": "packed with gzip",
    b"7z\xbc\xaf'\x1c": "packed with 7-Zip", b"Rar!": "packed with RAR", b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz", b"PAR1": "a Parquet file", b"SQLite format 3": "a database",
    b"\x09\0\x04\0": "a workbook of Excel 2", b"\x09\x02\x06\0": "a workbook of Excel 3",
    b"\x09\x04\x06\0": "a workbook of Excel 4",
}
PROLOG = re.compile(r"(?:\s+|<\?.*?\?>|<!--.*?-->|<!doctype\b[^<>\[]*(?:\[.*?\]\s*)?>)*", re.DOTALL | re.IGNORECASE)
PAGE = re.compile(r"<!doctype\s+html", re.IGNORECASE)
HTML = {"html", "head", "meta", "body", "table", "style", "div", "center", "p", "span", "title", "script", "link",
        "font", "h1", "h2", "h3", "tr", "br", "b", "form", "base"}


@dataclasses.dataclass(frozen=True)
class Read:
    """What one file holds: its name as staff read it, the fingerprint of its bytes, a Sheet per table."""

    file: str
    sha256: str
    sheets: tuple[Sheet, ...]


def read(path, name, is_header, ignored=frozenset(), progress=None):
    """Reads one file; returns Read. Only reads; whatever cannot be read without guessing raises BadExport.

    name: what messages call it ("all.zip/users.csv"). is_header: function of a list of trimmed texts, true for the row
    that holds the headings (titles may stand above). ignored: sheets to pass over, as "book.xlsx/Pivot". progress:
    a function that is told how many bytes more are done, in all about as many as the file has.
    """
    path = Path(path)
    before = _state(path, name)
    if before[0] > TOO_LARGE:
        packed.refuse(name, f"is larger than {TOO_LARGE // 1_000_000_000} GB. Export fewer columns, or in parts")
    if not before[0]:
        packed.refuse(name, "is empty: not even headings are in it. Export it again")
    with futures.ThreadPoolExecutor(1) as beside:
        fingerprint = beside.submit(sha256, path)
        sheets = _reader(path, name)(path, name, is_header, ignored, progress)
    if _state(path, name) != before:
        packed.refuse(name, "was changed while I read it. Wait until it is saved, then read it again")
    return Read(name, fingerprint.result(), tuple(sheets))


def sha256(path):
    """Returns the fingerprint of a file's bytes. Only reads."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state(path, name):
    try:
        now = path.stat()
    except OSError as error:
        raise BadExport(f"{name} cannot be read: {error.strerror or error}.", file=name) from error
    return now.st_size, now.st_mtime_ns, now.st_ino


def _start(path):
    with path.open("rb") as file:
        return file.read(START)


def _reader(path, name):
    start = _start(path)
    if start.startswith(ZIP):
        return _zipped(path, name)
    if start.startswith(OLD):
        return books.read
    found = next((what for mark, what in NOT_OURS.items() if start.startswith(mark)), None)
    # Two letters are too few to know a picture by: names begin so, too.
    if found and not (start.startswith(b"BM") and b"\0" not in start[:32]):
        packed.refuse(name, f"is {found}. Unpack it" if "packed" in found else f"is {found}, which is no table. {SAVE}")
    if pages.MIME.match(start[:4096]):
        return pages.read
    return _of_markup(_as_text(start), name)


def _zipped(path, name):
    inside, said = _names(path, name)
    if "xl/workbook.xml" in inside:
        return books.read
    what = next((what for part, what in DOCUMENTS.items() if part in inside), None)
    if said.startswith(b"application/vnd.oasis.opendocument"):
        what = "an OpenDocument file"
    if what:
        packed.refuse(name, f"is {what}, which I do not read. {SAVE}")
    return packed.refuse(name, "is a zip file of other files. Unpack it, and put its files into the folder")


def _names(path, name):
    with packed.opened(path, name) as archive:
        inside = set(archive.namelist())
        kind = archive.getinfo("mimetype") if "mimetype" in inside else None
        return inside, b"".join(packed.chunks(archive, kind, name, START)) if kind else b""


def _as_text(start):
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if start.startswith(mark):
            return start[len(mark):].decode(encoding, "replace")
    return start.decode("utf-8", "replace")


def _of_markup(text, name):
    """The reader of a text: a page, report XML, or else rows and separators."""
    if not text.lstrip().startswith("<"):
        return texts.read
    first = re.compile(r"<([\w.:-]+)([^<>]*)").match(text, PROLOG.match(text).end())
    tag = first[1].casefold().rpartition(":")[2] if first else ""
    if "urn:schemas-microsoft-com:office:spreadsheet" in text and tag == "workbook":
        packed.refuse(name, f"is XML of Excel 2003 (SpreadsheetML), which I do not read. {SAVE}")
    if first and first[1].casefold().startswith("office:document"):
        packed.refuse(name, f"is an OpenDocument file, which I do not read. {SAVE}")
    if tag in HTML or PAGE.search(PROLOG.match(text)[0]):
        return pages.read
    if text.lstrip().casefold().startswith(("<?xml", "<!doctype")) or tag in ("rowset", "report", "queryresult"):
        return reportxml.read
    return texts.read


def files(where):
    """Returns the files to read, a list of (Path, name); where: a folder, one file, or a list of files. Only reads.

    Of a folder all its files count, by name, but hidden ones, lock files, README.md and *.toml; folders in it do not.
    """
    given = [where] if isinstance(where, str | Path) else list(where)
    found = {}
    for path in map(Path, given):
        inside = _in_folder(path) if path.is_dir() else [path]
        found.update({one.resolve(): one for one in inside})
    if not found:
        raise BadExport(f"There is no file to read in {', '.join(Path(path).name for path in given) or 'this list'}. "
                        "Put the exports there.", file="")
    for path in found.values():
        _state(path, path.name)
    names = [path.name for path in found.values()]
    return [(path, path.name if names.count(path.name) == 1 else f"{path.resolve().parent.name}/{path.name}")
            for path in found.values()]


def passed_over(folder):
    """Returns what stands in a folder and is not read, though it may be wanted: a list of Paths. Only reads.

    Folders with files in them, hidden files with the ending of a table, TOML.
    """
    return sorted(path for path in Path(folder).iterdir()
                  if (_has_files(path) and not OF_PROGRAMS.fullmatch(path.name) if path.is_dir()
                      else HIDDEN.fullmatch(path.name) or path.suffix.casefold() == ".toml"))


def _has_files(folder):
    return any(not one.is_dir() and not LEFT_OUT.fullmatch(one.name) for one in folder.rglob("*"))


def _in_folder(folder):
    return sorted((path for path in folder.iterdir() if not path.is_dir() and not LEFT_OUT.fullmatch(path.name)),
                  key=lambda path: path.name)


def is_archive(path):
    """Returns whether this file is a zip file of files, rather than a document that is one inside. Only reads."""
    path = Path(path)
    _state(path, path.name)
    if not _start(path).startswith(ZIP):
        return False
    inside, _ = _names(path, path.name)
    return inside.isdisjoint({"xl/workbook.xml", "mimetype", *DOCUMENTS})


def unpacked(path, name, folder):
    """Unpacks a zip file into that private folder; returns a list of (Path, "all.zip/users.csv"). Writes to disk.

    The names inside are only told, never used as paths. What programs leave, and __MACOSX, are left out; a password,
    a zip within, a hidden table, too many files or more than fits raises BadExport.
    """
    found, room = [], TOO_LARGE
    with packed.opened(Path(path), name, IN_ARCHIVE + packed.PARTS) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _unwanted(entry.filename)]
        if len(entries) > IN_ARCHIVE:
            packed.refuse(name, f"holds {len(entries):,} files, more than {IN_ARCHIVE}. Unpack it, and take what "
                                "is needed")
        hidden = [entry.filename for entry in archive.infolist() if HIDDEN.fullmatch(_last(entry.filename))]
        if hidden:
            packed.refuse(name, f"holds a hidden file ({hidden[0]}), which may be a list of yours. Unpack it, and "
                                "rename or remove that file")
        for number, entry in enumerate(entries):
            to, called = Path(folder) / f"{number:03d}", f"{name}/{entry.filename}"
            with os.fdopen(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                for piece in packed.chunks(archive, entry, called, room):
                    room -= file.write(piece)
            if is_archive(to):
                packed.refuse(called, "is a zip file within another. Unpack it, and put its files into the folder")
            found.append((to, called))
    if not found:
        packed.refuse(name, "is a zip file without any file in it. Export it again")
    return found


def _last(name):
    return PurePosixPath(name.replace("\\", "/")).name


def _unwanted(name):
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part != ".." for part in parts) \
        or bool(parts) and bool(LEFT_OUT.fullmatch(parts[-1]))
