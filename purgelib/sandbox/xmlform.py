"""Alma's XML: the same objects as in JSON, with wrappers around lists and descriptions as attributes."""

from lxml import etree

# list name in JSON -> wrapper in XML
WRAPPERS = {
    "user_identifier": "user_identifiers", "user_role": "user_roles", "user_block": "user_blocks",
    "user_note": "user_notes", "user_statistic": "user_statistics", "proxy_for_user": "proxy_for_users",
    "rs_library": "rs_libraries", "library_notice": "library_notices", "address": "addresses",
    "email": "emails", "phone": "phones", "address_type": "address_types", "email_type": "email_types",
    "phone_type": "phone_types", "row": "rows", "parameter": "parameters", "counter": "counters",
    "alert": "alerts",
}
_SWITCHES = {"preferred", "preferred_sms", "user_viewable", "popup_note", "is_researcher"}
_ENTRIES = {"users": "user", "fees": "fee", "item_loans": "item_loan", "user_requests": "user_request",
            "members": "member", "sets": "set", "jobs": "job", "job_instances": "job_instance",
            "libraries": "library"}
CODES = set("""record_type user_title job_category gender user_group campus_code cataloger_level
    preferred_language account_type status id_type role_type scope note_type block_type block_description
    statistic_category address_type email_type phone_type country type content private""".split())


def write(name, value):
    """Returns the object as Alma's XML."""
    root = etree.Element(name)
    _fill(root, value)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, standalone=True)


def _fill(element, value):
    if isinstance(value, dict) and "value" in value and set(value) <= {"value", "desc", "link"}:
        for extra in ("desc", "link"):
            if value.get(extra):
                element.set(extra, str(value[extra]))
        value = value["value"]
    if isinstance(value, dict):
        for name, part in value.items():
            _child(element, name, part)
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def _child(element, name, part):
    if name == "total_record_count":
        element.set(name, str(part))
    elif isinstance(part, list):
        holder = element
        if name in WRAPPERS and element.tag != WRAPPERS[name]:
            holder = etree.SubElement(element, WRAPPERS[name])
        for one in part:
            _fill(etree.SubElement(holder, name), one)
    else:
        _fill(etree.SubElement(element, name), part)


def read(body):
    """Returns the object in an XML body in JSON's shape; ValueError when it is no XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from None
    return _object(root)


def _object(element):
    made, unwrapped = {}, {wrapper: name for name, wrapper in WRAPPERS.items()}
    for child in element:
        if child.tag in unwrapped:
            made[unwrapped[child.tag]] = [_value(one) for one in child]
        elif _ENTRIES.get(element.tag) == child.tag:
            made.setdefault(child.tag, []).append(_value(child))
        else:
            made[child.tag] = _value(child)
    return made


def _value(element):
    if len(element):
        return _object(element)
    text = element.text or ""
    if element.tag in _SWITCHES:
        return text == "true"
    if "desc" in element.attrib or element.tag in CODES:
        return {"value": text, "desc": element.get("desc", "")}
    return text
