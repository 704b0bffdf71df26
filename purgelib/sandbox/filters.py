"""Filters of Analytics reports: the XML of Oracle BI, read into a condition on the rows of a report.

    <sawx:expr xsi:type="sawx:comparison" op="less">
      <sawx:expr xsi:type="sawx:sqlExpression">"User Details"."Expiry Date"</sawx:expr>
      <sawx:expr xsi:type="xsd:date">2022-01-01</sawx:expr>
    </sawx:expr>
"""

import re

from lxml import etree

from purgelib.sandbox import xmlform
from purgelib.sandbox.assumptions import WRONG_ANALYTICS
from purgelib.sandbox.envelope import AlmaError

_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_COLUMN = re.compile(r'(?:"[^"]+"\.)*"([^"]+)"')
_DATE = re.compile(r"(?:date\s*)?'?(\d{4}-\d\d-\d\d)(?:T[\d:.]+)?'?", re.IGNORECASE | re.ASCII)
_COMPARED = {"equal": "=", "notEqual": "<>", "greater": ">", "greaterOrEqual": ">=", "less": "<",
             "lessOrEqual": "<="}
_EMPTY = {"null": "IS NULL", "isNull": "IS NULL", "notNull": "IS NOT NULL", "isNotNull": "IS NOT NULL"}
# Searches in a text: the operation, and what stands before and after the value.
_LIKE = {"like": ("", ""), "beginsWith": ("", "%"), "endsWith": ("%", ""), "containsAny": ("%", "%")}
# More than anybody writes, and less than SQLite can hold.
_MOST, _DEEPEST = 500, 20


def condition(text, columns):
    """Returns SQL and its values for a filter on a report with these columns; refuses what it cannot."""
    if not text.strip():
        return "1", []
    try:
        root = xmlform.parse(text.encode())
        if sum(1 for _ in root.iter()) > _MOST:
            raise ValueError(f"it has more than {_MOST} expressions")
        return _expression(root, columns, _DEEPEST)
    except ValueError as error:
        raise AlmaError(WRONG_ANALYTICS, f"General error: the filter cannot be used: {error}") from None


def _kind(element):
    if not isinstance(element.tag, str) or etree.QName(element).localname != "expr":
        raise ValueError("only sawx:expr is understood")
    return element.get(_TYPE, "").rpartition(":")[2], element.get("op", "")


def _expression(element, columns, depth):
    kind, operation = _kind(element)
    parts = list(element)
    if not depth:
        raise ValueError("it is nested too deeply")
    if kind == "logical" and operation in ("and", "or") and parts:
        made = [_expression(part, columns, depth - 1) for part in parts]
        joined = f" {operation.upper()} ".join(sql for sql, _ in made)
        return f"({joined})", [value for _, values in made for value in values]
    if kind not in ("comparison", "list", "unary") or not parts:
        raise ValueError(f"{kind} {operation} is not understood")
    cell, is_number = _cell(parts[0], columns)
    return _test(cell, operation, [_value(part, is_number) for part in parts[1:]])


def _test(cell, operation, values):
    if operation in _EMPTY and not values:
        return f"{cell} {_EMPTY[operation]}", []
    if operation in _COMPARED and len(values) == 1:
        return f"{cell} {_COMPARED[operation]} ?", values
    if operation == "between" and len(values) == 2:
        return f"{cell} BETWEEN ? AND ?", values
    if operation in ("in", "notIn") and values:
        word = "IN" if operation == "in" else "NOT IN"
        return f"{cell} {word} ({', '.join('?' * len(values))})", values
    if operation in _LIKE and values:
        before, after = _LIKE[operation]
        joined = " OR ".join([f"{cell} LIKE ?"] * len(values))
        return f"({joined})", [f"{before}{value}{after}" for value in values]
    raise ValueError(f"{operation} with {len(values)} values is not understood")


def _cell(element, columns):
    """Returns the SQL for the cell of a column named as `"Table"."Column"`, and whether it is a number."""
    kind, _ = _kind(element)
    match = _COLUMN.fullmatch((element.text or "").strip())
    headings = [" ".join(heading.casefold().split()) for heading, _ in columns]
    wanted = " ".join(match[1].casefold().split()) if match and kind == "sqlExpression" else None
    if wanted not in headings:
        raise ValueError(f"the report has no column {element.text}")
    place = headings.index(wanted)
    cell = f"json_extract(cells, '$[{place}]')"
    is_number = columns[place][1] == "double"
    return (f"CAST({cell} AS REAL)" if is_number else cell), is_number


def _value(element, is_number):
    kind, _ = _kind(element)
    text = element.text or ""
    if is_number:
        return float(text)
    if kind in ("date", "dateTime", "sqlExpression"):
        match = _DATE.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text} is no date")
        return match[1]
    return text
