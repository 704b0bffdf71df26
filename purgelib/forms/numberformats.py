"""Number formats of workbooks that show a number with other digits than it is stored with, such as 00000000.

Whoever reads a sheet sees 00412345 where 412345 is stored, and takes that for the ID: so it is what counts. What is
only rounded, grouped by thousands, or a currency, counts as it is stored. How a format is built is described in
ECMA-376, part 1, 18.8.31.
"""

import functools
import io
import re

from lxml import etree

TOKEN = re.compile(r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.?)|_.?|\*.?|\[(?P<bracket>[^\]]*)\]?|(?P<other>.)', re.DOTALL)
CONDITION = re.compile(r"\s*[<>=]")
# Dates, exponents, text and General: none of them fills up with zeros.
NO_DIGITS = re.compile(r"[a-z@]", re.IGNORECASE)
MARK = re.compile(r"[0#.,%?/@a-z]", re.IGNORECASE)
ODD = re.compile(r"[.,%?/]")
PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def of_styles(data):
    """Returns style number -> format, of those styles whose format `matters`; data: the part styles.xml of an XLSX.

    What is not whole XML raises lxml's XMLSyntaxError.
    """
    formats, styles = {}, []
    for _, one in etree.iterparse(io.BytesIO(data), events=("end",), tag=("{*}numFmt", "{*}xf"), resolve_entities=False,
                                  no_network=True, load_dtd=False, remove_comments=True):
        parent = one.getparent()
        within = etree.QName(parent).localname if parent is not None else ""
        if within == "numFmts":
            formats[one.get("numFmtId")] = one.get("formatCode", "")
        elif within == "cellXfs":
            styles.append(one.get("numFmtId"))
        one.clear()
        while one.getprevious() is not None:
            del parent[0]
    return {at: formats[one] for at, one in enumerate(styles) if matters(formats.get(one, ""))}


def matters(code):
    """Returns whether a number may be shown with other digits than it is stored with."""
    return any(zeros > 1 or worded for _, zeros, _, worded in _sections(code))


@functools.lru_cache(maxsize=1 << 16)
def shown(text, code):
    """Returns a number's text as that format shows it; where that is not simple, a text that says both, and is none.

    text: the number as it is stored, "412345". Negative ones and those that have lost digits stay as they are.
    """
    if not PLAIN.fullmatch(text):
        return text
    sections, whole = _sections(code), text.partition(".")[0]
    marks, zeros, plain, worded = sections[2 if not float(text) and len(sections) > 2 else 0]
    # Where conditions say which section holds, any of them may.
    most = zeros if plain else max(zeros for _, zeros, _, _ in sections)
    if most <= len(whole) and not (worded and whole == text):
        return text
    return _filled(marks, whole) if plain and whole == text else f"{text} (shown as {code})"


@functools.lru_cache(maxsize=1 << 12)
def _sections(code):
    """Per section of the format its marks, a list of (mark, literal); zeros before the point; if it is plain; worded.

    plain: it has only places for digits, and texts. worded: its texts are such that they belong to what is shown.
    """
    parts, conditions = [[]], False
    for token in TOKEN.finditer(code):
        if token["other"] == ";":
            parts.append([])
        elif token["bracket"] is not None:
            conditions = conditions or bool(CONDITION.match(token["bracket"]))
        elif token["other"] and MARK.match(token["other"]):
            parts[-1].append((token["other"], ""))
        else:
            parts[-1].append(("", token["quoted"] or token["escaped"] or token["other"] or ""))
    return [_section(marks, conditions) for marks in parts]


def _section(marks, conditions):
    signs = "".join(mark for mark, _ in marks)
    if NO_DIGITS.search(signs):
        return marks, 0, False, False
    places = [at for at, (mark, _) in enumerate(marks) if mark]
    within = "".join(literal for _, literal in marks[places[0]:places[-1]]) if places else ""
    plain = bool(places) and not conditions and not ODD.search(signs)
    words = any(one.isalnum() for _, literal in marks for one in literal)
    return marks, signs.partition(".")[0].count("0"), plain, plain and bool(within.strip(" \xa0\u202f'.,") or words)


def _filled(marks, digits):
    """The digits laid into the places from the right; the first place takes all that are left."""
    left = digits if int(digits) else ""
    first = next(at for at, (mark, _) in enumerate(marks) if mark)
    found = []
    for at in range(len(marks) - 1, -1, -1):
        mark, literal = marks[at]
        if not mark:
            found.append(literal)
            continue
        taken, left = (left, "") if at == first else (left[-1:], left[:-1])
        found.append(taken or ("0" if mark == "0" else ""))
    return "".join(reversed(found)).strip()
