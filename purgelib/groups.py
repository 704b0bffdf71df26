"""User groups: told as a code, as a description, or as both in one; the code is what groups are protected by."""

import re
import unicodedata

import numpy as np
import pandas as pd

from purgelib.errors import BadExport
from purgelib.problems import Doubts
from purgelib.spellings import folded
from purgelib.values import category, distinct, doubts_of

BOTH = re.compile(r"([0-9]+|[A-Z0-9_]+)(?:\s*[-–:]\s*|\s+)(\S.*)")
CODE = re.compile(r"[A-Z0-9_.-]+")
# Signs that no code has; several codes may stand in one cell.
STRAY = frozenset(';,|?"=*')
# What a spreadsheet or a slip leaves of a code.
NO_CODE = re.compile(r"#.*|'.*|[^\w]+|[\d.,]+E\+\d+|\d+[.,]0*|\d{4}-\d\d-\d\d.*|\d\d?-[a-z]{3}|[a-z]{3}-\d\d?|"
                     r"null|none|nan|n/a|unknown", re.IGNORECASE)
# A number before such a word counts something, and is no code; nor is a year.
TIME = set("""
year years yr yrs month months week weeks day days term terms semester semesters trimester jahr jahre jahren monat
monate woche wochen tag tage an ans année années mois semaine semaines jours año años mes meses semana semanas días anno
anni mesi jaar jaren maand maanden weken dagen ano anos dias år månader veckor dagar""".split())
YEAR = re.compile("(?:19|20)[0-9]{2}")
# A pair of code and description that so many times more users contradict is a slip.
RARE = 3
SHORTENED = ("stored as a number, so 06 may have become 6: export it again, and do not open it in Excel, or list the "
             "groups in headings.toml under [groups]")
KIND = "a user group that is not known"
MISFIT = ("code and description of the user group do not fit, as elsewhere in this export; where they are right, list "
          "the groups in headings.toml under [groups]")


def groups(codes, names, known=None, as_number=None):
    """Reads the user groups; returns (code, name) as categories per row, the Doubts, and in words how they were told.

    codes, names: cells of the columns User Group Code and User Group, None where there is none. known: code ->
    description, as Alma or staff tell. as_number: which codes a workbook stores as numbers.
    Descriptions of which nobody knows the codes raise BadExport.
    """
    known = known or {}
    if codes is not None:
        return (*_told(codes, names, known, as_number), "the code as it is")
    made, at = _trimmed(names)
    pairs, how = _known(made, known) if known else _split(made)
    said = [f"user group {one!r} is none of those in headings.toml or Alma's table; add it there"
            if one and not code else "" for one, (code, _) in zip(made, pairs, strict=True)]
    doubts = doubts_of(said, at, KIND)
    return category([code for code, _ in pairs], at), category([name for _, name in pairs], at), doubts, how


def _told(codes, names, known, as_number):
    """The groups where a column tells their codes; a doubtful code is missing."""
    code = category(*_trimmed(codes))
    given = category(*_trimmed(names)) if names is not None else code.map(
        {one: known.get(one) for one in code.cat.categories}).astype("str").astype("category")
    doubts = _shortened(code, known, as_number, _misfits(code, given, known))
    if known:
        strange = [one for one in code.cat.categories if one.casefold() not in {each.casefold() for each in known}]
        doubts = doubts.where(code.isin(strange), KIND, "not in the table of user groups: add it, or correct it")
    return code.where(~doubts.any) if doubts.any.any() else code, given, doubts


def _trimmed(cells):
    texts, at = distinct(cells)
    return [" ".join(text.split()) for text in texts], at


def _typed(text):
    """Whether a code has only plain signs, and is not another code with its description behind it, or with O for 0."""
    first, alike = text.split(" ")[0].casefold(), text.casefold().translate(str.maketrans("oil", "011"))
    plain = unicodedata.normalize("NFKC", text) == text and text.isprintable() and not any(
        unicodedata.category(sign) == "Cf" or sign in STRAY or sign.isdigit() and not sign.isascii() for sign in text)
    described = " " in text and first.isdigit()
    shaped = alike != text.casefold() and alike.isdigit() and any(sign.isdigit() for sign in text)
    return plain and not described and not shaped


def _misfits(code, name, known):
    """Codes that are none, and codes beside a description that elsewhere, or in the table, is that of another one."""
    odd = [at for at, text in enumerate(code.cat.categories) if NO_CODE.fullmatch(text) or not _typed(text)]
    doubts = Doubts.none(len(code)).where(np.isin(code.cat.codes, odd), KIND, "not a code of a user group")
    both = ((code.cat.codes >= 0) & (name.cat.codes >= 0)).to_numpy()
    pairs = code.cat.codes.to_numpy(np.int64) * (len(name.cat.categories) + 1) + name.cat.codes.to_numpy(np.int64)
    kinds, counts = np.unique(pairs[both], return_counts=True)
    counted = pd.DataFrame({"pair": kinds, "users": counts, "code": kinds // (len(name.cat.categories) + 1),
                            "name": kinds % (len(name.cat.categories) + 1)})
    spelled = _spelled(known)
    meant = [spelled.get(folded(one), set()) for one in name.cat.categories]
    of_table = [meant[each] and folded(code.cat.categories[one]) in {folded(own) for own in meant[each]}
                for one, each in zip(counted["code"], counted["name"], strict=True)]
    contradicted = [bool(meant[each]) and not agrees for each, agrees in zip(counted["name"], of_table, strict=True)]
    doubts = doubts.where(np.isin(pairs, counted["pair"][contradicted]) & both, KIND,
                          "the table of user groups has this description for another code")
    of_code, of_name = (counted.groupby(one)["users"].transform("max") for one in ("code", "name"))
    # Another code is usual with the description, or another description with the code and another code with it.
    rare = (RARE * counted["users"] < of_name) | (RARE * counted["users"] < of_code) & (counted["users"] < of_name)
    wrong = np.isin(pairs, counted["pair"][rare & ~np.array(of_table, dtype=bool)]) & both
    return doubts.where(wrong, KIND, MISFIT)


def _shortened(code, known, as_number, doubts):
    """Codes that a workbook stores as numbers: 06 may have become 6, unless 6 is known, or all are of one width."""
    if as_number is None:
        return doubts
    numbers = set(code[as_number].dropna()) - set(known)
    widest = max(map(len, numbers), default=0)
    short = [one for one in numbers if len(one) < max(widest, 2)]
    return doubts.where(as_number & code.isin(short).to_numpy(), KIND, SHORTENED)


def _spelled(known):
    """The table of groups by what stands in exports: a code, a description, or both in one -> the codes it may mean."""
    found = {}
    for code, name in known.items():
        name = name if isinstance(name, str) else ""
        for text in (code, name, *(f"{code}{sign}{name}" for sign in (" ", " - ", ": ", "-", ":"))):
            found.setdefault(folded(text), set()).add(code)
    found.pop("", None)
    return found


def _known(texts, known):
    """Resolves each text by the table; one that is a group's code and another one's description tells neither."""
    spelled = _spelled(known)
    found = [spelled.get(folded(text), ()) for text in texts]
    return [(*codes, known[next(iter(codes))]) if len(codes) == 1 else ("", text)
            for text, codes in zip(texts, found, strict=True)], "by the table of user groups"


def _split(texts):
    """Without a table: code and description in one, or codes only, where that is certain for the whole column."""
    filled = [text for text in texts if text]
    pairs = [BOTH.fullmatch(text) for text in filled]
    widths = {len(one[1]) for one in pairs if one and one[1].isdigit()} or {0}
    certain = all(pairs) and all(_is_code(one[1], one[2], len(filled)) for one in pairs)
    certain = certain and max(widths) - min(widths) <= 1
    if filled and certain and len({one[1] for one in pairs}) == len({one[2] for one in pairs}) == len(set(filled)):
        split = {text: (one[1], one[2]) for text, one in zip(filled, pairs, strict=True)}
        return [split.get(text, ("", "")) for text in texts], "code and description in one column"
    with_digit = sum(any(sign.isdigit() for sign in text) for text in filled)
    codes = all(CODE.fullmatch(text) and not YEAR.fullmatch(text) for text in filled)
    if filled and codes and with_digit * 2 >= len(filled):
        return [(text, "") for text in texts], "codes in the column of descriptions"
    if not filled:
        return [("", "") for _ in texts], "no user group at all"
    raise BadExport("The user groups stand there by description only, such as "
                    f"{', '.join(filled[:3])}: that does not tell the code by which groups are protected. "
                    "Add the column User Group Code to the analysis, or list the groups in headings.toml under "
                    "[groups].", column="User Group", value=filled[:20])


def _is_code(code, name, many):
    """Whether a text's first word is a code before a name; one of letters only, if it shortens it (SENR Senior).

    One "ILL Partner" alone is a description, and so are "PHD students", "3 Years" and "2024 Students".
    """
    if YEAR.fullmatch(code) or code.isdigit() and re.split(r"\W", name.casefold())[0] in TIME:
        return False
    letters = iter(name.casefold())
    short = many > 2 and all(sign in letters for sign in code.casefold() if sign.isalpha())
    return not name[0].islower() and (any(sign.isdigit() for sign in code) or short)
