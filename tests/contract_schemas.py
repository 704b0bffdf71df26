"""Alma's published schemas, read where they lie: for each answer the JSON schema, or what can stand in for it.

They lie in ALMA_CONTRACT_DIR, or in ../shared/alma beside the repository, and are never copied. Where no JSON schema
was published it follows from the XSD, or from a real answer where neither was.
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
XS = "{http://www.w3.org/2001/XMLSchema}"

# Where real answers and the published contract contradict each other, each with its source.
# (name of the schema, end of the path, keyword of JSON schema) -> (what is right all the same, why); JSON only.
_STATUSES = ("NOT_STARTED", "IN_PROCESS", "ON_HOLD_SHELF", "HISTORY")
KNOWN = {
    ("set", "number_of_members.value", "type"): (lambda value: type(value) is int, "API.md 3: a number in real JSON"),
    ("user", "campus_code.value", "type"): (lambda value: value is None, "API.md 1.2: null where no campus is set"),
    ("item_loan", "renewable", "type"): (lambda value: type(value) is bool, "users.json: expand=renewable; else null"),
    ("user_request", "request_status", "enum"): (_STATUSES.__contains__, "JSON has names for what is text in XML [?]"),
}
# Real answers where neither schema nor XSD was published, and the part of them that shows the object.
SAMPLES = {"item_loans": ("loans_response.json", None), "item_loan": ("loans_response.json", "item_loan")}
used = set()


# ---- The documents

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


def resolve(schema, name=""):
    """Returns a schema with its reference followed, and the document in which its own references are meant."""
    while "$ref" in schema:
        file, _, inside = schema["$ref"].partition("#/")
        name = re.search(r"rest_([\w-]+)\.json", file)[1] if file else name
        schema = document(name)[inside]
    return schema, name


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
