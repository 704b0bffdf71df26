"""Exports straight from Analytics: reports fetched page by page over the API, saved as if exported by hand.

A report comes in pages, and only the first one tells the headings and the token that the next ones are asked for by.
If the answer to such a question is lost, nobody knows which page comes next: the report is then begun anew, so that no
file ever has a hole. The API reads the data of production only, as of last night at best.
"""

import contextlib
import datetime
import glob
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from lxml import etree
from tqdm import tqdm

from purgelib.errors import AlmaError, BadExport, KeyRefused, NoAnswer, QuotaSpent, Refused, RunBusy, TooFast
from purgelib.forms import reportxml

ROWSET = "urn:schemas-microsoft-com:xml-analysis:rowset"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<report><QueryResult><IsFinished>true</IsFinished><ResultXml>\n'
TAIL = b"</rowset></ResultXml></QueryResult></report>\n"
NO_MORE, ANEW, LONGEST_NAME, START = "420033", 3, 60, 4096
# Errors that a new beginning would not mend.
FOR_GOOD = (TooFast, QuotaSpent, KeyRefused)


def fetch(alma, reports, folder, data_date=None, patience=600):
    """Fetches reports of Analytics into a folder; returns the paths of the files. Only reads Alma; writes to disk.

    reports: full paths in the catalog, or the path of one folder, ending with "/": then all reports in it. A file
    that is there already is kept if it is whole, so that a rerun meets the files that it fetched. data_date: the day of
    the data, put into the file names where the reports do not tell it themselves (Institution > Data updated as of).
    patience: seconds to wait for a report that Analytics is still loading. Analytics knows production only, whatever
    Alma the key is for.
    """
    paths, day = _paths(alma, reports), _day(data_date)
    files = [Path(folder) / f"{_file_name(path)}{day}.xml" for path in paths]
    if len(set(files)) < len(files):
        raise Refused("Two of these reports have the same name: fetch them into two folders.", reports=paths)
    for path, file in zip(paths, files, strict=True):
        if not _is_whole(file):
            _fetched(alma, path, file, patience)
        elif _of(path) not in file.read_bytes()[:START]:
            raise Refused(f"{file.name} is there already, and is not the report {path}: fetch this one into another "
                          "folder, or take the file away.", reports=path)
    return files


def _paths(alma, reports):
    if isinstance(reports, str) and reports.endswith("/"):
        found = [f"{reports.rstrip('/')}/{name}" for name, kind in alma.report_paths(reports) if kind == "Report"]
        if not found:
            raise Refused(f"There is no report in {reports}: check the path.", reports=reports)
        return found
    return [path for path in ([reports] if isinstance(reports, str) else reports) if path]


def _day(data_date):
    try:
        return f"_{datetime.date.fromisoformat(str(data_date))}" if data_date else ""
    except ValueError:
        raise Refused(f"data_date={data_date!r} is no day: write it as 2026-11-21.", data_date=data_date) from None


def _file_name(path):
    # No dash, so that no day in the name of a report is taken for the day of its data.
    name = re.sub(r"\W+", "_", path.rstrip("/").rpartition("/")[2]).strip("_").lower()[:LONGEST_NAME]
    if not path.startswith("/") or not name:
        raise Refused(f"{path!r} is no path of a report: write it as /shared/.../Reports/Users.", reports=path)
    return name


def _of(path):
    """A line in the file that says of which report it is."""
    return f"<!-- {path.replace('-', '_')} -->".encode()


def _is_whole(file):
    """Whether that file is there, and a report of which nothing is missing."""
    try:
        return file.exists() and reportxml.read(file, file.name, lambda headings: True)[0].ended
    except BadExport:
        return False


def _fetched(alma, path, file, patience):
    """Writes one report, whole or not at all; begins anew where a page was lost."""
    name = path.rpartition("/")[2]
    with tqdm(desc=f"Fetching {name}", unit=" rows", delay=2, leave=False, mininterval=0.2, file=sys.stdout) as bar, \
            _becoming(file) as out:
        for attempt in range(1, ANEW + 1):
            try:
                out.write(HEAD + _of(path) + b'\n<rowset xmlns="' + ROWSET.encode() + b'">\n')
                return _write(_pages(alma, path, _Waiting(name, patience, bar)), out, bar)
            except _PageLost as lost:
                if attempt == ANEW:
                    raise NoAnswer(f"A page of the report {name} was lost {ANEW} times ({lost}). Nothing was saved; "
                                   "try again later.", method="GET") from None
                out.seek(0)
                out.truncate()
                bar.set_postfix_str("a page was lost: begun anew", refresh=False)
                bar.update(-bar.n)


@contextlib.contextmanager
def _becoming(file):
    """A new file to write into, which takes the place of that one when all is written; or else nothing remains."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left_over in file.parent.glob(glob.escape(file.name) + ".*.partial"):
        left_over.unlink(missing_ok=True)
    number, partial = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".partial", dir=file.parent)
    try:
        with os.fdopen(number, "wb") as out:
            yield out
            out.flush()
            os.fsync(number)
        _replace(Path(partial), file)
    finally:
        Path(partial).unlink(missing_ok=True)


def _replace(partial, file):
    try:
        partial.replace(file)
    except FileNotFoundError:
        raise RunBusy(f"Another process fetches {file.name} as well: wait until it has ended.",
                      folder=str(file.parent)) from None


class _PageLost(Exception):
    """The answer with a page did not arrive whole, so that nobody knows which one would come next."""


def _write(pages, out, bar):
    """Writes all pages as one report; counts their rows in the bar."""
    schema = None
    for page in pages:
        if page.schema not in (None, schema):
            if schema:
                raise _PageLost("the report was changed meanwhile")
            schema = page.schema
            out.write(schema)
        if page.count and not schema:
            raise _PageLost("no headings came with it")
        out.write(page.rows)
        bar.update(page.count)
    if not schema:
        raise AlmaError("The report came without headings. Nothing was saved: see in Analytics whether it shows any "
                        "column.", status=200, code=None)
    out.write(TAIL)


def _pages(alma, path, waiting):
    """Yields the pages of a report, each once and in their order, until Alma says that it is finished."""
    page, token, rows = _Page(alma.report_page(path)), "", b""
    while True:
        yield page
        token = token or page.token
        if page.finished:
            return
        if page.count and not token:
            raise _PageLost("there is no token for the next one")
        waiting.unless(page.count)
        rows = page.rows or rows
        page = _next(alma, token) if token else _Page(alma.report_page(path))
        if page is None:
            return
        if page.rows and page.rows == rows:
            raise _PageLost("the same one came twice")


def _next(alma, token):
    """The next page, or None where there is none."""
    try:
        return _Page(alma.report_page(token=token))
    except FOR_GOOD:
        raise
    except AlmaError as error:
        if error.facts.get("code") == NO_MORE:
            return None
        raise _PageLost(f"Alma answered {error.facts.get('code')}") from None
    except NoAnswer:
        raise _PageLost("no answer") from None


class _Waiting:
    """While Analytics is still at work, it answers without rows, and is asked again, more and more seldom."""

    def __init__(self, name, patience, bar):
        self.name, self.patience, self.bar = name, patience, bar
        self.since, self.pause = None, 0.5

    def unless(self, rows):
        """Waits a little, unless there were rows; says so in the bar; raises NoAnswer when patience has ended."""
        if rows:
            self.since, self.pause = None, 0.5
            return self.bar.set_postfix_str("", refresh=False)
        now = time.monotonic()
        self.since = now if self.since is None else self.since
        left = self.since + self.patience - now
        if left <= 0:
            raise NoAnswer(f"Analytics is still loading {self.name} after {self.patience} seconds: try again later, or "
                           "make the report smaller.", method="GET")
        # Only an update keeps to the delay of the bar; a refresh would show it at once.
        self.bar.set_postfix_str("Analytics is still loading it", refresh=False)
        self.bar.update(0)
        time.sleep(min(self.pause, left))
        self.pause = min(self.pause * 1.5, 10)


class _Page:
    """One page: its schema and its rows as XML, how many rows, whether it is the last, the token (if it tells one)."""

    def __init__(self, data):
        try:
            root = etree.fromstring(data or b"", etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError as error:
            raise _PageLost(f"one is broken in line {error.lineno}") from None
        finished = (root.findtext(".//{*}IsFinished") or "").strip().casefold()
        if root.getroottree().docinfo.doctype or finished not in ("true", "false"):
            raise _PageLost("one was no page of a report")
        self.finished = finished == "true"
        self.token = (root.findtext(".//{*}ResumptionToken") or "").strip()
        schema, rows = root.find(".//{*}schema"), list(root.iter("{*}Row"))
        self.schema = None if schema is None else _xml(schema)
        self.rows, self.count = b"".join(map(_xml, rows)), len(rows)


def _xml(element):
    element.tail = "\n"
    return etree.tostring(element)
