"""Alma's published contract as a judge: is this answer to this call one that Alma gives?

JSON is held against the schemas (contract_schemas); XML against the same schemas by their own hints about XML, and
against the XSD (contract_xml).
Judge every sandbox test like this:  PYTHONPATH=tests pytest -p contract tests/test_sandbox*.py
"""

import functools
import json
import re

import pytest
from contract_schemas import against_schema, CONTRACT, document
from contract_xml import against_xsd, from_xml
from lxml import etree

ENVELOPE = "{http://com/exlibris/urm/general/xmlbeans}web_service_result"
# Codes that no operation lists: (code, status) -> source. They come from the gateway before the operation is reached.
GATEWAY = {
    ("UNAUTHORIZED", 400): "API.md 7: key errors", ("PER_SECOND_THRESHOLD", 429): "API.md 7; samples/per_second",
    ("DAILY_THRESHOLD", 429): "API.md 7", ("GENERAL_ERROR", 500): "API.md 7: gateway trouble",
    ("GENERAL_ERROR", 502): "API.md 7", ("GENERAL_ERROR", 503): "API.md 7", ("GENERAL_ERROR", 504): "API.md 7",
}
# Codes seen in real answers of an operation that does not list them.
SEEN = {
    ("GET", "/almaws/v1/analytics/reports", "420033", 400): "samples/analytics_response_part4.xml",
    ("GET", "/almaws/v1/analytics/reports", "INTERNAL_SERVER_ERROR", 500): "samples/report_not_found_response.xml",
}
# What is XML whatever the client asks for: Analytics (API.md 5) and the tests of a key (API.md 6).
ALWAYS_XML = re.compile("/almaws/v1/(analytics/.*|conf/test|users/operation/test)")


# ---- The operations

@functools.cache
def operations():
    """Returns every operation of the three documents as (method, path, pattern of addresses, description)."""
    found = []
    for area in ("users", "conf", "analytics"):
        document = json.loads((CONTRACT / "openapi" / f"{area}.json").read_text())
        for path, verbs in document["paths"].items():
            pattern = re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path.rstrip("/"))))
            found += [(verb.upper(), path, pattern, doc) for verb, doc in verbs.items()]
    # A fixed address goes before one with a place for any word: users/operation/test, users/{user_id}/loans.
    return sorted(found, key=lambda one: one[1].count("{"))


def operation(method, path):
    """Returns path and description of the operation that answers this call, or None."""
    for verb, name, pattern, doc in operations():
        if verb == method and pattern.fullmatch(path.rstrip("/")):
            return name, doc
    # The folder of the Analytics catalog may hold slashes.
    inside = re.fullmatch("/almaws/v1/analytics/paths/.+", path) and method == "GET"
    return operation("GET", "/almaws/v1/analytics/paths/folder") if inside else None


def codes(doc):
    """Returns the error codes that an operation lists for its status 400."""
    words = re.findall(r"(?m)^\s*([0-9]+(?:/[0-9]+)*) +-", doc["responses"]["400"].get("description", ""))
    return {code for word in words for code in word.split("/")}


def success(doc):
    """Returns status and name of the schema of an operation's answer ("" where it has none)."""
    status = next(code for code in doc["responses"] if code.startswith("2"))
    content = doc["responses"][status].get("content", {}).get("application/json", {}).get("schema", {})
    found = re.search(r"/rest_([\w-]+)\.json", content.get("$ref", ""))
    return int(status), found[1] if found else ""


def _told_in_words(doc):
    """The status of success that only the description of an operation tells: 204 of an authentication."""
    return 204 if "HTTP 204" in doc.get("description", "") else None


# ---- The judge

def problems(call, status, headers, body):
    """Returns in what this answer differs from all that Alma answers to this call; [] if in nothing."""
    if call.method in ("HEAD", "OPTIONS"):
        # What HTTP itself has for every address; Alma's documents say nothing of it.
        return []
    found = operation(call.method, call.path)
    name, doc = found or (call.path, None)
    wrong = _headers(call, status, headers, body)
    if status == 204:
        wrong += ["a body with status 204"] if body else []
    else:
        value, bad = _read(headers, body)
        wrong += bad
        if not bad:
            wrong += (_refused if status >= 400 else _answered)(call, name, doc, status, value)
    if status < 400 and (doc is None or status not in (success(doc)[0], _told_in_words(doc))):
        wrong.append(f"status {status} is not documented")
    return [f"{call.method} {name.removeprefix('/almaws/v1')}: {one}" for one in wrong]


def _headers(call, status, headers, body):
    wrong, told = [], {key.lower(): text for key, text in headers.items()}
    if not told.get("x-exl-api-remaining", "").isdigit():
        wrong.append("no X-Exl-Api-Remaining")
    wish = call.query.get("format") or call.headers.get("accept", "")
    media = told.get("content-type", "").partition(";")[0]
    legal = {"application/json"} if wish in ("json", "application/json") else {"application/xml"}
    # The refusal of a key is XML even to those who asked for JSON [API.md 7].
    if ALWAYS_XML.fullmatch(call.path) or status == 400 and b">UNAUTHORIZED<" in body:
        legal.add("application/xml")
    if status != 204 and wish in ("json", "xml", "application/json", "application/xml") and media not in legal:
        wrong.append(f"media type {media}, asked for {wish}")
    return wrong


def _read(headers, body):
    media = next((text for key, text in headers.items() if key.lower() == "content-type"), "").partition(";")[0]
    try:
        if media == "application/json":
            return json.loads(body.decode()), []
        return etree.fromstring(body), []
    except (ValueError, etree.XMLSyntaxError) as error:
        return None, [f"no {media}: {str(error)[:80]}: {body[:60]!r}"]


def _answered(call, _name, doc, _status, value):
    schema = success(doc)[1] if doc else ""
    if not schema:
        is_test = not isinstance(value, dict) and value.tag == "test" and "OK" in (value.text or "")
        return [] if is_test or not call.path.endswith("/test") else ["not the answer to a test of the key"]
    if isinstance(value, dict):
        return against_schema(schema, value)
    root = schema.removeprefix("analyt_")
    wrong = [] if value.tag == root else [f"the root is <{value.tag}>, not <{root}>"]
    wrong += against_xsd(f"rest_{schema}", value)
    if not document(schema)[f"rest_{schema}"]:
        return wrong
    return wrong + against_schema(schema, from_xml(value, document(schema)[f"rest_{schema}"], schema), as_xml=True)


def _refused(call, name, doc, status, value):
    if isinstance(value, dict):
        wrong = same(json.loads((CONTRACT / "samples" / "error_response.json").read_text()), value, _ERRORS)
        code = value.get("errorList", {}).get("error", [{}])[0].get("errorCode", "")
    else:
        wrong = against_xsd("web_service_result", value) if value.tag == ENVELOPE else [f"root {value.tag}"]
        code = value.findtext(".//{*}errorCode") or ""
    if (code, status) in GATEWAY or (call.method, name, code, status) in SEEN:
        return wrong
    if doc is None or not _has(call):
        return wrong + ([] if status in (404, 405) else [f"status {status} for what the sandbox has not"])
    if status != 400 or code not in codes(doc):
        wrong.append(f"refused with {code} and status {status}; listed are {', '.join(sorted(codes(doc))) or 'none'}")
    return wrong


def _has(call):
    """Says whether the sandbox means to answer this call at all; Alma has more operations than it."""
    from purgelib.sandbox import routes

    path = call.path.removeprefix("/almaws/v1/").rstrip("/")
    return path.startswith("analytics/paths/") or any(
        call.method in verbs.split() and re.fullmatch(re.escape(name).replace(r"\{\}", "[^/]+"), path)
        for verbs, name, _ in routes._TABLE)


# ---- Real answers

# Errors of the gateway may lack trackingId, newer answers lack result [API.md 7].
_ERRORS = {"errorList.error.[].trackingId": "less", "result": "less"}


def same(real, ours, excused, path=""):
    """Returns where the keys and kinds of two answers differ, but for paths excused: "less", "more" or "kind"."""
    if isinstance(real, dict) and isinstance(ours, dict):
        wrong = []
        for key in sorted(set(real) | set(ours)):
            at = f"{path}.{key}".lstrip(".")
            if key not in ours or key not in real:
                word = "less" if key in real else "more"
                wrong += [] if excused.get(at) == word else [f"{word} than the real answer: {at}"]
            else:
                wrong += same(real[key], ours[key], excused, at)
        return wrong
    if isinstance(real, list) and isinstance(ours, list):
        pattern = _merged(real)
        return sorted({line for one in ours for line in same(pattern, one, excused, f"{path}.[]")}) if real else []
    if kind(real) == kind(ours) or excused.get(path) == "kind":
        return []
    return [f"{kind(ours)} instead of {kind(real)}: {path}"]


def _merged(entries):
    made = {}
    for one in entries:
        made |= one
    return made


def kind(value):
    """Returns the kind of a value: dates and moments are kinds of their own, all numbers are one."""
    if isinstance(value, str):
        return next((name for name, shape in (("date", r"\d{4}-\d\d-\d\dZ"), ("moment", r"\d{4}-\d\d-\d\dT[\d:.]+Z"))
                     if re.fullmatch(shape, value)), "text")
    kinds = {bool: "boolean", int: "number", float: "number", dict: "object", list: "list", type(None): "null"}
    return kinds[type(value)]


# ---- Every answer of a sandbox

# Tests that break the sandbox from within on purpose: its answers are then nobody's.
PROVOKED = ("test_a_mistake_of_the_sandbox", "test_what_failed_within_a_write")


def watch(sandbox, heard=None):
    """Lets the judge hear every answer of this sandbox; it raises at the first problem, or adds it to `heard`."""
    respond = sandbox.respond

    def responded(call):
        answer = respond(call)
        if call.path.startswith("/almaws/") and not answer[3]:
            wrong = problems(call, *answer[:3])
            if heard is not None:
                heard.extend(wrong)
            else:
                assert not wrong, "\n".join(wrong)
        return answer

    sandbox.respond = responded
    return sandbox


def pytest_configure(config):
    """As a plugin of pytest: every sandbox of every test is watched."""
    from purgelib.sandbox import app

    made, config.running = app.Sandbox.__init__, ""

    def watched(self, *args, **more):
        made(self, *args, **more)
        if not config.running.startswith(PROVOKED):
            watch(self)

    app.Sandbox.__init__ = watched


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """As a plugin of pytest: notes which test is running."""
    item.config.running = item.name
