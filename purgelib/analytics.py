"""Exports straight from Analytics: reports fetched page by page over the API, saved as if exported by hand.

A report comes in pages, and only the first one tells the headings and the token that the next ones are asked for by.
If the answer to such a question is lost, nobody knows which page comes next: the report is then begun anew, so that no
file ever has a hole. The API reads the data of production only, as of last night at best.
"""

import datetime
import os
import re
import sys
import time
from pathlib import Path

from lxml import etree
from tqdm import tqdm

from purgelib.errors import AlmaError, NoAnswer, Refused, TooFast

ROWSET = "urn:schemas-microsoft-com:xml-analysis:rowset"
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<report><QueryResult><IsFinished>true</IsFinished><ResultXml>\n'
TAIL = b"</rowset></ResultXml></QueryResult></report>\n"
NO_MORE, ANEW = "420033", 3


def fetch(alma, reports, folder, data_date=None, patience=600):
    """Fetches reports of Analytics into a folder; returns the paths of the files. Only reads Alma; writes to disk.

    reports: full paths in the catalog, or the path of one folder, ending with "/": then all reports in it. A file
    that is there already is kept, so that a rerun meets the files that it fetched. data_date: the day of the data,
    put into the file names where the reports do not tell it themselves (Institution > Data updated as of).
    patience: seconds to wait for a report that Analytics is still loading.
    """
    paths = _paths(alma, reports)
    day = f"_{datetime.date.fromisoformat(str(data_date))}" if data_date else ""
    files = [Path(folder) / f"{_file_name(path)}{day}.xml" for path in paths]
    if len(set(files)) < len(files):
        raise Refused("Two of these reports have the same name: fetch them into two folders.", reports=paths)
    for path, file in zip(paths, files, strict=True):
        if not file.exists():
            _fetched(alma, path, file, patience)
    return files


def _paths(alma, reports):
    if isinstance(reports, str) and reports.endswith("/"):
        found = [f"{reports.rstrip('/')}/{name}" for name, kind in alma.report_paths(reports) if kind == "Report"]
        if not found:
            raise Refused(f"There is no report in {reports}: check the path.", reports=reports)
        return found
    return [path for path in ([reports] if isinstance(reports, str) else reports) if path]


def _file_name(path):
    name = re.sub(r"[^0-9A-Za-z]+", "_", path.rstrip("/").rpartition("/")[2]).strip("_").lower()
    if not path.startswith("/") or not name:
        raise Refused(f"{path!r} is no path of a report: write it as /shared/.../Reports/Users.", reports=path)
    return name


def _fetched(alma, path, file, patience):
    """Writes one report, whole or not at all; begins anew where a page was lost."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(file.name + ".partial")
    name = path.rpartition("/")[2]
    try:
        with tqdm(desc=f"Fetching {name}", unit=" rows", delay=2, leave=False, mininterval=0.2, file=sys.stdout) as bar:
            for attempt in range(1, ANEW + 1):
                try:
                    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
                        _write(alma, path, out, bar, patience)
                    break
                except _PageLost as lost:
                    if attempt == ANEW:
                        raise NoAnswer(f"A page of the report {name} was lost {ANEW} times ({lost}). Nothing was saved; "
                                       "try again later.", method="GET") from None
                    bar.reset()
                    bar.set_postfix_str("a page was lost: begun anew")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


class _PageLost(Exception):
    """The answer with a page did not arrive whole."""


def _write(alma, path, out, bar, patience):
    page, last, token = _first(alma, path, bar, patience), b"", ""
    out.write(HEAD + b'<rowset xmlns="' + ROWSET.encode() + b'">\n')
    while page is not None:
        token = token or page.token
        if not last:
            if page.schema is None:
                raise _PageLost("the first one has no headings")
            out.write(page.schema)
        if page.rows and page.rows == last:
            raise _PageLost("the same one came twice")
        out.write(page.rows)
        bar.update(page.count)
        if page.finished:
            break
        if not token:
            raise _PageLost("there is no token for the next one")
        last = page.rows or last or b"-"
        page = _next(alma, token)
    out.write(TAIL)


def _first(alma, path, bar, patience):
    """The first page; while Analytics is still at work it answers without rows, and is asked again."""
    began, pause = time.monotonic(), 0.5
    while True:
        page = _Page(alma.report_page(path))
        if page.finished or page.schema is not None:
            return page
        if time.monotonic() - began > patience:
            raise NoAnswer(f"Analytics is still loading {path.rpartition('/')[2]} after {patience} seconds: try again "
                           "later, or make the report smaller.", method="GET")
        bar.set_postfix_str("Analytics is still loading it")
        bar.refresh()
        time.sleep(min(pause, max(0.0, patience - (time.monotonic() - began))))
        pause = min(pause * 1.5, 10)


def _next(alma, token):
    """The next page, or None where there is none."""
    try:
        return _Page(alma.report_page(token=token))
    except AlmaError as error:
        if error.facts.get("code") == NO_MORE:
            return None
        if isinstance(error, TooFast):
            raise
        raise _PageLost(f"Alma answered {error.facts.get('code')}") from None
    except NoAnswer:
        raise _PageLost("no answer") from None


class _Page:
    """One page: its schema and its rows as XML, how many rows, whether it is the last, the token (if it tells one)."""

    def __init__(self, data):
        try:
            root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
        except etree.XMLSyntaxError:
            raise _PageLost("one arrived broken") from None
        if root.getroottree().docinfo.doctype:
            raise _PageLost("one had a document type")
        self.finished = (root.findtext(".//{*}IsFinished") or "").strip().casefold() == "true"
        self.token = (root.findtext(".//{*}ResumptionToken") or "").strip()
        schema = root.find(".//{http://www.w3.org/2001/XMLSchema}schema")
        self.schema = None if schema is None else _xml(schema)
        rows = root.findall(f".//{{{ROWSET}}}Row")
        self.rows, self.count = b"".join(_xml(row) for row in rows), len(rows)


def _xml(element):
    element.tail = "\n"
    return etree.tostring(element)
