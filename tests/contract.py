"""Alma's published contract as a judge: is this answer to this call one that Alma gives?

It is read where it lies (ALMA_CONTRACT_DIR, or ../shared/alma beside the repository) and never copied. JSON is
held against the JSON schemas, or against what follows from the XSD where no JSON schema was published, or from a
real answer where neither was; XML against the same schemas by their own hints about XML, and against the XSD.
Judge every sandbox test like this:  PYTHONPATH=tests pytest -p contract tests/test_sandbox*.py
"""

import functools
import json
import os
import pathlib
import re

import jsonschema
import pytest
import referencing
import referencing.jsonschema
from lxml import etree

CONTRACT = pathlib.Path(os.environ.get("ALMA_CONTRACT_DIR", pathlib.Path(__file__).parents[2] / "shared" / "alma"))
needs_contract = pytest.mark.skipif(not (CONTRACT / "schemas").is_dir(), reason=f"no contract of Alma in {CONTRACT}")
BASE = "https://developers.exlibrisgroup.com/wp-content/uploads/alma/openapi/schemas/"
XS, ENVELOPE = "{http://www.w3.org/2001/XMLSchema}", "{http://com/exlibris/urm/general/xmlbeans}web_service_result"

# ---- Where real answers and the published contract contradict each other, each with its source.
# (name of the schema, end of the path, keyword of JSON schema) -> (what is right all the same, why); JSON only.
_STATUSES = ("NOT_STARTED", "IN_PROCESS", "ON_HOLD_SHELF", "HISTORY")
KNOWN = {
    ("set", "number_of_members.value", "type"): (lambda value: type(value) is int, "API.md 3: a number in real JSON"),
    ("user", "campus_code.value", "type"): (lambda value: value is None, "API.md 1.2: null where no campus is set"),
    ("item_loan", "renewable", "type"): (lambda value: type(value) is bool, "users.json: expand=renewable; else null"),
    ("user_request", "request_status", "enum"): (_STATUSES.__contains__, "JSON has names for what is text in XML [?]"),
}
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
# Real answers where neither schema nor XSD was published, and the part of them that shows the object.
SAMPLES = {"item_loans": ("loans_response.json", None), "item_loan": ("loans_response.json", "item_loan")}
used = set()


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


# ---- The schemas

@functools.cache
def document(name):
    """Returns the schema document rest_{name}, strict about unknown keys; {} where nothing was published."""
    files, plain = CONTRACT / "schemas", name.removesuffix("-post").removesuffix("-put")
    if (files / f"rest_{name}.json").exists():
        found = json.loads((files / f"rest_{name}.json").read_text())
    elif (files / f"rest_{plain}.xsd").exists() and not plain.startswith("analyt_"):
        found = {f"rest_{name}": _from_xsd(plain)}
    elif name in SAMPLES:
        file, part = SAMPLES[name]
        whole = _from_sample(json.loads((CONTRACT / "samples" / file).read_text()))
        found = {f"rest_{name}": whole["properties"][part]["items"] if part else whole}
    else:
        found = {f"rest_{name}": {}}
    return _strict(found)


def _strict(part):
    if isinstance(part, list):
        return [_strict(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {key: _strict(one) for key, one in part.items() if key not in ("example", "description")
            or isinstance(one, dict)}
    if part.get("type") == "object" and isinstance(part.get("properties"), dict):
        made["additionalProperties"] = False
    return made


_SIMPLE = {
    "string": {"type": "string"}, "int": {"type": "integer"}, "long": {"type": "integer"},
    "integer": {"type": "integer"}, "float": {"type": "number"}, "double": {"type": "number"},
    "boolean": {"type": "boolean"}, "date": {"type": "string", "format": "date"},
    "dateTime": {"type": "string", "format": "date-time"},
}


def _xsd_types(name):
    root = etree.parse(str(CONTRACT / "schemas" / f"rest_{name}.xsd")).getroot()
    found = {}
    for include in root.iter(f"{XS}include"):
        inside = re.fullmatch(r"rest_(\w+)\.xsd", include.get("schemaLocation"))
        if inside and (CONTRACT / "schemas" / inside[0]).exists():
            found |= _xsd_types(inside[1])
    return found | {one.get("name"): one for one in root if one.tag in (f"{XS}complexType", f"{XS}simpleType")}


def _from_xsd(name):
    """Returns the JSON schema that follows from an XSD: wrappers vanish, text with attributes becomes an object."""
    types = _xsd_types(name)
    return {**_complex(types[name], types), "xml": {"name": name}}


def _typed(name, types):
    word = name.removeprefix("xs:")
    if name.startswith("xs:"):
        return _SIMPLE.get(word, {})
    one = types.get(word)
    if one is None:
        return {}
    if one.tag == f"{XS}complexType":
        return _complex(one, types)
    rule = one.find(f"{XS}restriction")
    made = dict(_typed(rule.get("base"), types))
    longest, words = rule.find(f"{XS}maxLength"), [e.get("value") for e in rule.iter(f"{XS}enumeration")]
    if longest is not None:
        made["maxLength"] = int(longest.get("value"))
    return {**made, "enum": words} if words else made


def _complex(element, types):
    properties, required = {}, []
    text = element.find(f"{XS}simpleContent/{XS}extension")
    if text is not None:
        properties["value"] = {**_typed(text.get("base"), types), "xml": {"name": "xml_value"}}
    holder = text if text is not None else element
    for one in holder.findall(f"{XS}attribute"):
        properties[one.get("name")] = {**_typed(one.get("type"), types), "xml": {"attribute": True}}
    for one in [*holder.findall(f"{XS}all/{XS}element"), *holder.findall(f"{XS}sequence/{XS}element")]:
        name, made = _property(one, types)
        properties[name] = made
        if one.get("minOccurs", "1") != "0":
            required.append(name)
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _property(one, types):
    inside = one.find(f"{XS}complexType")
    made = _complex(inside, types) if inside is not None else _typed(one.get("type", "xs:string"), types)
    parts = list(made.get("properties", {}).items())
    if one.get("maxOccurs") == "unbounded":
        return one.get("name"), {"type": "array", "items": made}
    if len(parts) == 1 and parts[0][1].get("type") == "array":
        name, made = parts[0]
        return name, {**made, "xml": {"wrapped": True, "name": one.get("name")}}
    return one.get("name"), made


def _from_sample(value):
    """Returns the schema of which this real answer is an example: its keys and kinds, none of them required."""
    if isinstance(value, dict):
        made = {key: _from_sample(one) for key, one in value.items()}
        for key, one in made.items():
            # In XML the meaning of a code, and the number of entries, are attributes.
            one["xml"] = {"name": "xml_value"} if key == "value" else {"attribute": "value" in made or "total" in key}
        return {"type": "object", "properties": made}
    if isinstance(value, list):
        properties, items = {}, [_from_sample(one) for one in value]
        for one in items:
            properties |= one["properties"]
        return {"type": "array", "items": {"type": "object", "properties": properties}}
    if value is None:
        return {"type": ["null", "string"]}
    kind = {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")
    when = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", value)
    return {"type": kind, **({"format": "date-time"} if when else {})}


def _retrieve(address):
    name = re.search(r"rest_([\w-]+)\.json$", address)[1]
    return referencing.Resource(document(name), referencing.jsonschema.DRAFT202012)


REGISTRY = referencing.Registry(retrieve=_retrieve)
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date")
def _is_date(value):
    return not isinstance(value, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\dZ", value))


@FORMATS.checks("date-time")
def _is_moment(value):
    return not isinstance(value, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value))


@functools.cache
def _validator(name):
    schema = {"$ref": f"{BASE}rest_{name}.json#/rest_{name}"}
    return jsonschema.Draft202012Validator(schema, registry=REGISTRY, format_checker=FORMATS)


@functools.cache
def _nulls():
    """Returns where real answers hold null, as ends of paths: fees.comment, address.line2."""
    found = set()
    for path in (CONTRACT / "samples").glob("*.json"):
        _collect(json.loads(path.read_text()), path.name.split("_response")[0].removeprefix("zero_"), found)
    return found


def _collect(value, path, found):
    for key, one in value.items() if isinstance(value, dict) else []:
        if one is None:
            found.add(f"{path.rpartition('.')[2]}.{key}")
        _collect(one, f"{path}.{key}", found)
    for one in value if isinstance(value, list) else []:
        _collect(one, path, found)


def against_schema(name, value, as_xml=False):
    """Returns what is wrong with this object by the schema rest_{name}, but for the known contradictions."""
    found = []
    for error in _validator(name).iter_errors(value):
        steps = [str(one) for one in error.absolute_path if not isinstance(one, int)]
        path = ".".join(steps)
        if error.validator == "type" and error.instance is None and not as_xml:
            if ".".join([name, *steps][-2:]) in _nulls():
                continue
        if error.validator == "additionalProperties":
            unknown = sorted(set(error.instance) - set(error.schema["properties"]))
            found += [f"{name}: unknown key {'.'.join([*steps, one])}" for one in unknown]
        elif as_xml or not _is_known(name, steps, error):
            found.append(f"{name}: {path}: {error.message[:150]}")
    return sorted(set(found))


def _is_known(name, steps, error):
    whole = ".".join([name, *steps])
    for key, (is_right, _) in KNOWN.items():
        inside, path, keyword = key
        if keyword != error.validator or not whole.endswith(f".{path}") or not is_right(error.instance):
            continue
        if re.search(rf"(^|\.){inside}\b", whole):
            used.add(key)
            return True
    return False


# ---- XML

def resolve(schema, name=""):
    """Returns a schema with its reference followed, and the document in which its own references are meant."""
    while "$ref" in schema:
        file, _, inside = schema["$ref"].partition("#/")
        name = re.search(r"rest_([\w-]+)\.json", file)[1] if file else name
        schema = document(name)[inside]
    return schema, name


def from_xml(element, schema, name):
    """Returns an XML element as the object that JSON would hold, by the schema's own hints about XML."""
    schema, name = resolve(schema, name)
    if schema.get("type") != "object":
        more = {**element.attrib, **{child.tag: "" for child in element}}
        return more or _scalar(element.text or "", schema.get("type"))
    fields = {key: resolve(one, name) for key, one in schema["properties"].items()}
    wrapped = {one["xml"]["name"]: key for key, (one, _) in fields.items()
               if one.get("type") == "array" and one.get("xml", {}).get("wrapped")}
    made = {key: _scalar(text, fields.get(key, ({},))[0].get("type")) for key, text in element.attrib.items()}
    if fields.get("value", ({},))[0].get("xml", {}).get("name") == "xml_value":
        made["value"] = _scalar(element.text or "", fields["value"][0].get("type"))
    for child in element:
        key = wrapped.get(child.tag, child.tag)
        one, where = fields.get(key, ({}, name))
        if child.tag in wrapped:
            made[key] = [from_xml(each, one["items"], where) for each in child]
        elif one.get("type") == "array" and not one.get("xml", {}).get("wrapped"):
            made.setdefault(key, []).append(from_xml(child, one["items"], where))
        else:
            made[child.tag] = from_xml(child, one, where)
    return made


def _scalar(text, kind):
    try:
        if kind in ("integer", "number"):
            return int(text) if kind == "integer" else float(text)
    except ValueError:
        return text
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


class _Missing(etree.Resolver):
    """Stands in for the XSD of researchers, which was not published with the others."""

    def resolve(self, address, _public, context):
        text = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:complexType name="researcher"/></xs:schema>'
        return self.resolve_string(text, context) if address.endswith("rest_researcher.xsd") else None


@functools.cache
def xsd(name):
    """Returns the XSD of an answer, or None where it was not published or cannot be used."""
    path = CONTRACT / "schemas" / f"{name}.xsd"
    # The one of a report wants its parts in a name space, which no real report has; that of requests lacks a type.
    if not path.exists() or name in ("rest_analyt_report", "rest_user_requests", "rest_user_request"):
        return None
    parser = etree.XMLParser()
    parser.resolvers.add(_Missing())
    return etree.XMLSchema(etree.parse(str(path), parser))


def _against_xsd(name, root):
    schema = xsd(name)
    if schema is None or schema.validate(root):
        return []
    return sorted({f"{name}.xsd: {error.message[:200]}" for error in schema.error_log})


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
    wrong += _against_xsd(f"rest_{schema}", value)
    if not document(schema)[f"rest_{schema}"]:
        return wrong
    return wrong + against_schema(schema, from_xml(value, document(schema)[f"rest_{schema}"], schema), as_xml=True)


def _refused(call, name, doc, status, value):
    if isinstance(value, dict):
        wrong = same(json.loads((CONTRACT / "samples" / "error_response.json").read_text()), value, _ERRORS)
        code = value.get("errorList", {}).get("error", [{}])[0].get("errorCode", "")
    else:
        wrong = _against_xsd("web_service_result", value) if value.tag == ENVELOPE else [f"root {value.tag}"]
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
