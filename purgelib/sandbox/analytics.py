"""The Analytics API: last night's reports, a page at a time, always as XML."""

import hashlib
import json
from xml.sax.saxutils import escape, quoteattr

from purgelib.sandbox import reports, reportxml
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError


def report(memory, call):
    """Answers GET /analytics/reports: a page of a report; the first one names the token."""
    limit = _limit(call)
    token = call.query.get("token")
    if token:
        cursor = memory.get(f"token_{token}")
        if not cursor:
            raise AlmaError("420033", "No more rows to fetch")
    else:
        cursor = {"report": _name(call), "at": 0, "headings": call.query.get("col_names", "true") != "false"}
    return _page(memory, cursor, limit, token)


def _page(memory, cursor, limit, token):
    name, at = cursor["report"], cursor["at"]
    rows = [json.loads(cells) for (cells,) in memory.rows(
        "SELECT cells FROM reports WHERE report = ? ORDER BY position LIMIT ? OFFSET ?", (name, limit, at))]
    total = memory.one("SELECT count(*) FROM reports WHERE report = ?", (name,))
    if token and at >= total:
        raise AlmaError("420033", "No more rows to fetch")
    # The token stays the same to the end, and only the first answer names it.
    key = token or _token(memory)
    with memory.transaction():
        memory.put(f"token_{key}", {**cursor, "at": at + limit})
    inside = reportxml.rowset(name, reports.COLUMNS[name], rows, cursor["headings"])
    text = reportxml.whole(inside, at + limit >= total, None if token else key)
    return Answer(text.encode(), media="application/xml")


def _token(memory):
    with memory.transaction():
        _, number = memory.next_id("report", "77")
    return hashlib.sha512(str(number).encode()).hexdigest().upper()


def _limit(call):
    limit = call.number("limit", 25, top=1000)
    if limit < 25 or limit % 25:
        raise AlmaError("420034", f"Invalid limit: {limit}. It must be 25 to 1000, in steps of 25.")
    return limit


def _name(call):
    path = call.query.get("path", "")
    folder, _, name = path.rpartition("/")
    if folder != reports.FOLDER or name not in reports.COLUMNS:
        # Alma says this with status 500: whoever retries every 500 never learns of the typing error.
        raise AlmaError("INTERNAL_SERVER_ERROR", f"Path not found ({path})", status=500, always_xml=True)
    return name


def still_loading():
    """Returns what Analytics says while it is not ready: no rows, not finished, and no token either."""
    text = f"{reportxml.HEAD}<report>\n<QueryResult>\n<IsFinished>false</IsFinished>\n<ResultXml/>\n"
    return Answer(f"{text}</QueryResult>\n</report>\n".encode(), media="application/xml")


def paths(_memory, call, *parts):
    """Answers GET /analytics/paths: what stands in a folder of the catalog. Only reads."""
    asked = "/" + (parts[0].strip("/") if parts else "shared")
    steps = reports.FOLDER.split("/")
    for depth in range(2, len(steps)):
        if "/".join(steps[:depth]) == asked:
            return _listed(call, asked, [steps[depth]], "Folder")
    if asked != reports.FOLDER:
        raise AlmaError("INTERNAL_SERVER_ERROR", f"Path not found ({asked})", status=500, always_xml=True)
    return _listed(call, asked, list(reports.COLUMNS), "Report")


def _listed(call, folder, names, kind):
    entries = "".join(
        f'<path link={quoteattr(call.link("analytics/paths" + folder + "/" + name))} type="{kind}">'
        f"{escape(name)}</path>" for name in names)
    return Answer(f"{reportxml.HEAD}<paths>{entries}</paths>".encode(), media="application/xml")
