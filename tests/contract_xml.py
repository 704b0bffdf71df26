"""Answers of Alma's in XML: held against the published XSD, as the objects of JSON, and in their mere structure."""

import functools
import re

from contract_schemas import CONTRACT, resolve
from lxml import etree


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


def against_xsd(name, root):
    """Returns what is wrong with this XML by its XSD; nothing where there is none."""
    schema = xsd(name)
    if schema is None or schema.validate(root):
        return []
    return sorted({f"{name}.xsd: {error.message[:200]}" for error in schema.error_log})


def shape(element, seen=None):
    """Returns the structure of an XML: every path of elements with its attributes, columns as one."""
    found = set() if seen is None else seen
    above = [*reversed(list(element.iterancestors())), element]
    path = "/".join(re.sub(r"Column\d+", "Column", one.tag) for one in above)
    found.add((path, tuple(sorted(element.attrib))))
    for child in element:
        shape(child, found)
    return found


def real(name):
    """Returns the root of a real answer in XML."""
    return etree.parse(CONTRACT / "samples" / name).getroot()
