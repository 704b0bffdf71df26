"""The Analytics API: last night's reports, a page at a time. Only reads.

Where a client stands in a report is kept in memory, so that no page needs a write.
"""

import dataclasses
import datetime
import json
import secrets
import weakref
from urllib.parse import quote

from purgelib.sandbox import filters, nightly, reports, reportxml
from purgelib.sandbox.assumptions import TOKEN_HOURS, TOKENS_KEPT, WRONG_ANALYTICS
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError

# The catalog beside our own folder: Alma's own reports, and those that libraries share, which no API opens.
_SHARED, _ALMA, _COMMUNITY = "/shared", "/shared/Alma", "/shared/Community"
_OPEN, _LOADED = weakref.WeakKeyDictionary(), weakref.WeakKeyDictionary()


@dataclasses.dataclass
class _Cursor:
    """Where one client stands in one report, under its token."""

    report: str
    headings: bool
    condition: str
    values: list
    night: datetime.date
    since: datetime.datetime
    last: int = -1
    finished: bool = False


def report(memory, call):
    """Answers GET /analytics/reports: a page of a report; the first one names the token."""
    limit = _limit(call)
    token = call.query.get("token")
    if token:
        cursor = _cursor(memory, token)
    else:
        cursor = _begun(memory, call)
        if _still_loading(memory, cursor):
            return still_loading(call)
    if cursor.finished:
        raise AlmaError("420033", "No more rows to fetch")
    rows = [[*row, str(cursor.night)] for row in _rows(memory, cursor, limit)]
    mark = None if token else _token(memory, cursor)
    columns = (*reports.COLUMNS[cursor.report], reports.UPDATED) if mark else None
    inside = reportxml.rowset(cursor.report, columns, rows, cursor.headings)
    return _answer(call, inside, cursor.finished, mark)


def _begun(memory, call):
    name = _name(call)
    condition, values = filters.condition(call.query.get("filter", ""), reports.COLUMNS[name])
    headings = call.query.get("col_names", "").lower() != "false"
    return _Cursor(name, headings, condition, values, nightly.data_day(memory), memory.clock.now())


def _cursor(memory, token):
    cursor = _OPEN.get(memory, {}).get(token)
    if not cursor or _is_old(memory, cursor) or cursor.night != nightly.data_day(memory):
        raise AlmaError(WRONG_ANALYTICS, "General error: the resumption token is not valid.")
    return cursor


def _is_old(memory, cursor):
    return memory.clock.now() - cursor.since > datetime.timedelta(hours=TOKEN_HOURS)


def _token(memory, cursor):
    """Returns a new token for this cursor; those that are too old go at the same time."""
    kept = [(token, one) for token, one in _OPEN.get(memory, {}).items() if not _is_old(memory, one)]
    token = secrets.token_hex(64).upper()
    _OPEN[memory] = dict([*kept, (token, cursor)][-TOKENS_KEPT:])
    return token


def _rows(memory, cursor, limit):
    found = memory.rows(
        f"SELECT position, cells FROM reports WHERE report = ? AND position > ? AND {cursor.condition} "
        "ORDER BY position LIMIT ?", (cursor.report, cursor.last, *cursor.values, limit + 1))
    cursor.finished = len(found) <= limit
    if found:
        cursor.last = found[:limit][-1][0]
    return [json.loads(cells) for _, cells in found[:limit]]


def _limit(call):
    limit = call.number("limit", 25, top=1000)
    if limit < 25 or limit % 25:
        raise AlmaError(WRONG_ANALYTICS, f"General error: limit {limit} is not 25 to 1000 in steps of 25.")
    return limit


def _name(call):
    path = call.query.get("path", "")
    folder, _, name = path.rpartition("/")
    if not path:
        raise AlmaError(WRONG_ANALYTICS, "General error: neither path nor token was given.")
    if path.startswith((f"{_COMMUNITY}/", "/users/")):
        raise AlmaError("500", f"access denied for user  to path {path} - make sure the report is saved in a "
                               "shared folder.")
    if folder != reports.FOLDER or name not in reports.COLUMNS:
        # Alma says this with status 500: whoever retries every 500 never learns of the typing error.
        raise AlmaError("INTERNAL_SERVER_ERROR", f"Path not found ({path})", status=500)
    return name


def _still_loading(memory, cursor):
    """Says whether this is one of the first calls for a report, which the settings want without rows."""
    wanted = memory.get("settings", {}).get("analytics_loading", 0)
    asked = _LOADED.setdefault(memory, {})
    if next(iter(asked.values()), (cursor.night, 0))[0] != cursor.night:
        asked.clear()
    night, times = asked.get(cursor.report, (cursor.night, 0))
    if wanted:
        asked[cursor.report] = (night, times + 1)
    return times < wanted


def still_loading(call):
    """Returns what Analytics says while it is not ready: no rows, not finished, and no token either."""
    return _answer(call, None, False, None)


def _answer(call, inside, finished, token):
    query = reportxml.query_result(inside, finished, token)
    if call.wants_json:
        # Alma's JSON holds the XML as a text, under the name that its own tools give to "any element".
        return Answer({"anies": [f'<?xml version="1.0" encoding="UTF-16"?>\n{query}']}, "report")
    return Answer(f"{reportxml.HEAD}<report>{query}</report>\n".encode(), media="application/xml")


def paths(_memory, call, *parts):
    """Answers GET /analytics/paths: what stands in a folder of the catalog. Only reads."""
    asked = "/" + parts[0].strip("/") if parts else _SHARED
    folders = {_ALMA: {}, reports.FOLDER: dict.fromkeys(reports.COLUMNS, "Report")}
    steps = reports.FOLDER.split("/")
    for depth in range(2, len(steps)):
        folders["/".join(steps[:depth])] = {steps[depth]: "Folder"}
    folders[_SHARED]["Alma"] = "Folder"
    if asked not in folders:
        raise AlmaError("90109", f"Given path is invalid: {asked}")
    found = [{"link": call.link("analytics/paths/" + quote(f"{asked}/{name}", safe="")), "type": kind,
              "value": name} for name, kind in folders[asked].items()]
    return Answer({"path": found} if found else {}, "paths")
