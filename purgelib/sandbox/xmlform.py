"""Alma's XML: the same objects as in JSON, with wrappers around lists and descriptions as attributes."""

import re

from lxml import etree

from purgelib.sandbox import xmlshapes
from purgelib.sandbox.envelope import NOT_IN_XML

_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_BROKEN = re.compile(r"[+-]?\d{0,18}\.\d{1,18}", re.ASCII)
_DEEPEST = 50
_HEAD = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def write(name, value):
    """Returns the object as Alma's XML; what XML cannot hold becomes question marks."""
    root = etree.Element(name)
    _fill(root, value)
    return _HEAD + etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return NOT_IN_XML.sub("?", str(value))


def _fill(element, value):
    beside = xmlshapes.BESIDE_IN.get(element.tag, xmlshapes.BESIDE)
    if isinstance(value, dict) and "value" in value and value.keys() <= {"value", *beside}:
        for name in value.keys() & beside:
            # An empty description is written, as Alma does; a null one is not.
            if value[name] is not None:
                element.set(name, _text(value[name]))
        value = value["value"]
    if isinstance(value, dict):
        own = xmlshapes.ATTRIBUTES_OF.get(element.tag, ())
        for name, part in value.items():
            if not _NAME.fullmatch(name):
                continue
            if name not in xmlshapes.ATTRIBUTES and name not in own:
                _child(element, name, part)
            elif part is not None:
                element.set(name, _text(part))
    elif value is not None:
        spoken = xmlshapes.SPOKEN.get(element.tag)
        element.text = _text(spoken.get(value, value) if spoken else value)


def _child(element, name, part):
    if isinstance(part, list):
        wrapper = xmlshapes.WRAPPERS.get(name)
        holder = etree.SubElement(element, wrapper) if wrapper and element.tag != wrapper else element
        for one in part:
            _fill(etree.SubElement(holder, name), one)
    elif part is not None:
        # Of a field that is null there is no element: most types of the XSD forbid empty ones.
        _fill(etree.SubElement(element, name), part)


def read(body):
    """Returns the object in an XML body in JSON's shape; ValueError when it is none that Alma takes."""
    root = parse(body)
    name = etree.QName(root).localname
    if name not in xmlshapes.BODIES:
        raise ValueError(f"not an object of Alma: {name}")
    return _object(root, name, _DEEPEST)


def parse(body):
    """Returns the root of an XML text from outside; ValueError when it is none, or declares entities."""
    # No entity is ever declared by an honest client; those who do want files, or memory.
    if b"<!DOCTYPE" in body.replace(b"\0", b""):
        raise ValueError("a document type is not accepted")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, UnicodeError, LookupError) as error:
        raise ValueError(str(error)) from None
    if root.getroottree().docinfo.doctype:
        raise ValueError("a document type is not accepted")
    return root


def _parts(element):
    # Comments and processing instructions have no name; prefixes of names do not matter.
    return [(etree.QName(child).localname, child) for child in element if isinstance(child.tag, str)]


def _object(element, shape, depth):
    if not depth:
        raise ValueError("nested too deeply")
    kinds = xmlshapes.FIELDS.get(shape, {})
    made = {name: _kept(text, kinds.get(name)) for name, text in element.attrib.items()
            if name in xmlshapes.ATTRIBUTES or name in xmlshapes.ATTRIBUTES_OF.get(shape, ())}
    for tag, child in _parts(element):
        name = xmlshapes.LISTS.get(tag)
        if tag == "members":
            # The one wrapper that JSON has, too.
            made[tag] = _object(child, tag, depth - 1)
        elif name and tag not in kinds:
            made[name] = [_value(one, name, shape, depth) for inner, one in _parts(child) if inner == name]
        elif xmlshapes.WRAPPERS.get(tag) == shape:
            made.setdefault(tag, []).append(_value(child, tag, shape, depth))
        else:
            made[tag] = _value(child, tag, shape, depth)
    return made


def _value(element, name, shape, depth):
    kind, text = xmlshapes.FIELDS.get(shape, {}).get(name), _said(element)
    if kind == "code":
        return {"value": text.strip(), "desc": element.get("desc", "")}
    if kind == "amount":
        return {"value": _kept(text, "number"), "link": element.get("link", "")}
    inside = xmlshapes.below(shape, name)
    if _parts(element) or inside in xmlshapes.FIELDS:
        return _object(element, inside, depth - 1)
    if kind is None and "desc" in element.attrib:
        return {"value": text, "desc": element.get("desc")}
    return _kept(text, kind)


def _said(element):
    """Returns the text of an element itself, also around comments."""
    return (element.text or "") + "".join(child.tail or "" for child in element)


def _kept(text, kind):
    """Returns the text as its kind; one that is not of that kind stays a text, for others to refuse."""
    plain = text.strip()
    if kind == "flag" and plain in ("true", "1", "false", "0"):
        return plain in ("true", "1")
    if kind == "number":
        if _WHOLE.fullmatch(plain):
            return int(plain)
        if _BROKEN.fullmatch(plain):
            return float(plain)
    return text
