"""Users as a file for Alma's SIS load (XML, version 2, zipped): the other way to create purged users again.

The institution's own SIS profile reads it; roles are no part of such a load, and everybody becomes an External user.
Source: rest_user.xsd, which describes the user of the SIS load and of the Users API.
"""

import os
import re
import zipfile
from pathlib import Path

from lxml import etree

from purgelib.recreate import OUTPUT_ONLY

FILE, INSIDE = "users.zip", "users.xml"
# A list of the record -> the element around its entries.
AROUND = {"user_identifier": "user_identifiers", "user_block": "user_blocks", "user_note": "user_notes",
          "user_statistic": "user_statistics", "rs_library": "rs_libraries", "library_notice": "library_notices",
          "address": "addresses", "email": "emails", "phone": "phones", "address_type": "address_types",
          "email_type": "email_types", "phone_type": "phone_types"}
ATTRIBUTES = ("segment_type", "preferred", "preferred_sms")
# Not part of a SIS load, or worked out by Alma.
LEFT_OUT = frozenset({*OUTPUT_ONLY, "user_role", "password", "force_password_change", "pin_number", "researcher",
                      "proxy_for_user"})
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(folder, records):
    """Writes the records (JSON of the Users API) as users.zip into a folder; returns its path. Writes to disk."""
    root = etree.Element("users")
    for record in records:
        root.append(user(record))
    path = Path(folder) / FILE
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file, \
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(INSIDE, etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))
    partial.replace(path)
    return path


def user(record):
    """Returns one record as an element, valid by rest_user.xsd."""
    return _filled(etree.Element("user"), {name: said for name, said in record.items() if name not in LEFT_OUT})


def _filled(element, said):
    for name, value in said.items():
        if value in (None, "", [], {}):
            continue  # blank data would overwrite
        if name in ATTRIBUTES:
            element.set(name, _text(value))
        elif isinstance(value, list):
            around = etree.SubElement(element, AROUND.get(name, name))
            for one in value:
                _one(etree.SubElement(around, name), one)
        elif not (isinstance(value, dict) and _is_code(value) and not value.get("value")):
            _one(etree.SubElement(element, name), value)
    return element


def _one(element, value):
    """A code, an object, or a text."""
    if not isinstance(value, dict):
        element.text = _text(value)
    elif _is_code(value):
        element.text = _text(value["value"])
        if value.get("desc"):
            element.set("desc", _text(value["desc"]))
    else:
        _filled(element, value)


def _is_code(value):
    return "value" in value and set(value) <= {"value", "desc"}


def _text(value):
    """Signs that no XML can hold are left out: nobody sees them, and one would spoil the whole file."""
    return FORBIDDEN.sub("", str(value).lower() if isinstance(value, bool) else str(value))
