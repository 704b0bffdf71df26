"""Primary IDs: which ones a spreadsheet or a hand has damaged, and whom a damaged one may mean.

An ID is text and stays as it is written; nothing is repaired. Most IDs are plainly sound and are told so by two
searches over the whole column; each of the others is judged by itself, and numbers by the others' (see `widths`).
"""

import re
import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from purgelib import users, widths
from purgelib.problems import Doubts
from purgelib.widths import ENOUGH, EXCEL, LOOK, matches

# What is said of a user whose ID `alike` finds.
ALIKE = "another ID differs only by leading zeros or the like"
# Letters of other scripts, dashes and quotes that only look like those of a keyboard.
LOOKS = {ord(pair[0]): pair[1] for pair in (
    "\u0430a \u0435e \u043eo \u0440p \u0441c \u0443y \u0445x \u0456i \u0458j \u0455s \u0501d \u04bbh "
    "\u0410A \u0412B \u0415E \u041aK \u041cM \u041dH \u041eO \u0420P \u0421C \u0422T \u0425X \u0423Y "
    "\u0406I \u0408J \u0405S "
    "\u03bfo \u03b1a \u03bdv \u03b9i \u03bak \u03c1p \u03c4t \u03c5u \u03c7x \u0391A \u0392B \u0395E "
    "\u0396Z \u0397H \u0399I \u039aK \u039cM \u039dN \u039fO \u03a1P \u03a4T \u03a5Y \u03a7X "
    "\u2010- \u2011- \u2012- \u2013- \u2014- \u2212- \u2019' \u2018' \u00b4' `' \u201c\" \u201d\" "
).split()}
# What a capital looks like, seen in a key, which is folded.
SKELETON = {ord(chr(sign).lower()): looks.lower() for sign, looks in LOOKS.items()}
# As spreadsheets shorten them, in English, German, French, Spanish, Italian, Dutch, Portuguese.
MONTH = "(?:" + "|".join((
    "jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec|jän|mär|mrz|mai|okt|dez|janv|févr?|fevr?|mars|avr|avril|juin|"
    "juil|août|aout|déc|ene|abr|ago|set|dic|gen|mag|giu|lug|ott|mrt|maart|mei|out").split("|")) + ")"
TIME = r"(?:[T ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?Z?)?"
# What only a spreadsheet makes of an ID; patterns that Python and RE2 read alike.
DAMAGE = tuple((re.compile(pattern, re.IGNORECASE), why) for pattern, why in (
    (r"-?\d(?:[.,]\d*)?e\+?\d{1,3}|-?[\d.,]+e\+\d+", "a number with an exponent"),
    (r"-?\d+[.,]0*", "a number with decimals"), (r"\d{1,2}:\d\d(?::\d\d)?", "a date or a time"),
    (r"#.*", "an error, or a column too narrow"), (r"err:.*", "an error"), (r"'.*", "a mark of Excel's for text"),
    (r"\d{4}-\d{1,2}-\d{1,2}" + TIME, "a date"), (r"\d{1,2}[./]\d{1,2}[./]\d{2,4}" + TIME, "a date"),
    (rf"\d{{1,2}}[-. ]{{1,2}}{MONTH}\.?(?:[- ]\d\d(?:\d\d)?)?", "a date"),
    (MONTH + r"\.?[- ]\d\d(?:\d\d)?", "a date")))
# What programs write where there is nothing.
NOTHING = (r"[(<]?(?:null|none|nan|nil|blank|leer|vide|vac[ií]o)[)>]?|n/a|unknown|undefined|unspecified|\\n|0+|"
           "true|false|wahr|falsch|vrai|faux|verdadero|falso|ditto|dito|idem|s\\. ?o\\.|see above|siehe oben")
# What may be a number that a spreadsheet has shortened.
SHORTENED = r"^(?:[0-9]{15}0+|[0-9]+(?:[.,][0-9]*)?[eE][+]?[0-9]{1,2})$"
# Plainly sound: of the signs on a keyboard, with single blanks inside at most, and nothing that may be a doubt.
TYPED = r"^[!-~]+(?: [!-~]+)*$"
DOUBTFUL = "(?i)^(?:" + "|".join(
    ["no primary id.*", "[^a-z0-9]*", NOTHING, ".*`.*", r".*\?.*", *(pattern.pattern for pattern, _ in DAMAGE)]) + ")$"
LOST = "(?i)^(?:" + "|".join(
    ["[^a-z0-9]*", NOTHING, *(one.pattern for one, why in DAMAGE if "date" in why or "error" in why)]) + ")$"
EMPTY, CONTACT, ODD = "no primary ID", "contact", "odd signs in a primary ID"
NO_ID = "a primary ID that is none"


def ids(cells, as_number=None):
    """Reads a column of primary IDs; returns (primary_id as written, key, Doubts), a value per row.

    as_number: which cells a workbook stores as numbers. The key is ``users.key_of`` the ID.
    """
    texts = arrow(cells)
    return texts.to_pandas().astype("str"), _keys(texts), widths.judged(texts, as_number, _odd_ones(texts))


def _odd_ones(texts):
    """Judges one by one the IDs that are not plainly sound; returns Doubts."""
    odd = np.flatnonzero(~matches(texts, TYPED) | matches(texts, DOUBTFUL))
    # Where other scripts are usual, a word in one of them is no damage.
    other = pc.sum(pc.invert(pc.string_is_ascii(texts))).as_py() or 0
    latin = other < ENOUGH or 2 * other <= len(texts)
    told = texts.take(odd).to_pylist()
    judged = {text: _judged(text, latin) for text in set(told)}
    said = {one: code for code, one in enumerate(dict.fromkeys(judged[text] for text in told if judged[text]))}
    codes = np.full(len(texts), -1, dtype=np.int32)
    codes[odd] = [said.get(judged[text], -1) for text in told]
    return Doubts(codes, tuple(said))


def _keys(texts):
    """As ``users.key_of``; Arrow folds the ASCII ones, Python the few others."""
    lower = pc.ascii_lower(pc.utf8_trim_whitespace(texts))
    # Most are lower case already: then one copy of a million texts is enough.
    keys = (texts if lower.equals(texts) else lower).to_pandas().astype("str")
    other = np.flatnonzero(~pc.string_is_ascii(texts).to_numpy(zero_copy_only=False).astype(bool))
    if len(other):
        keys.iloc[other] = [users.key_of(text) for text in texts.take(other).to_pylist()]
    return keys


def _judged(text, latin):
    """Why one ID by itself is doubtful, as (kind, sentence), or None; latin: so are most of the column."""
    said = users.id_problem(text)
    if said:
        kind = EMPTY if not text.strip() else CONTACT if text.casefold().startswith("no primary id") else ODD
        return kind, said
    for pattern, why in DAMAGE:
        if pattern.fullmatch(text):
            return EXCEL, f"damaged by Excel ({why}); export it again, and do not open it in Excel"
    if re.fullmatch(NOTHING, text, re.IGNORECASE):
        return NO_ID, "a word for nothing instead of a primary ID"
    if not any(sign.isalnum() for sign in text):
        return NO_ID, "no letter and no digit in the primary ID"
    if "?" in text or "\ufffd" in text:
        return NO_ID, "a letter was lost here: export it again as UTF-8"
    if "  " in text or any(unicodedata.category(sign) == "Cf" for sign in text):
        return ODD, "blanks or invisible characters in the primary ID"
    if unicodedata.normalize("NFKC", text) != text or _looks(text, latin):
        return LOOK, "letters or signs that only look like those of a keyboard; compare the ID with Alma"
    return None


def _looks(text, latin):
    """Whether signs of the ID only look like others: a word wholly in another script does not, where that is usual."""
    alike = [sign for sign in text if ord(sign) in LOOKS]
    beside = any(sign.isascii() and sign.isalnum() for sign in text)
    return bool(alike) and (latin or beside or not all(sign.isalpha() for sign in alike))


def loose(keys):
    """Returns for each key what is left without blanks, leading zeros, decimals, look-alikes: of a damaged one, too."""
    texts = arrow(keys)
    # Most have none of these signs: to look is faster than to replace.
    plain = _replaced(texts, r"[\x00-\x20\x7f'`]", r"[\x00-\x20\x7f'`]+", "")
    plain = _replaced(plain, r"^\d+[.,]0*$", r"[.,]0*$", "")
    plain = pc.ascii_ltrim(plain, characters="0").to_pandas().astype("str").set_axis(keys.index)
    other = ~pc.string_is_ascii(texts).fill_null(True).to_numpy(zero_copy_only=False).astype(bool)
    if other.any():
        plain[other] = [_skeleton(text) for text in keys[other]]
    return plain


def _replaced(texts, where, pattern, instead):
    found = pc.match_substring_regex(texts, where).fill_null(False)
    return texts if not pc.any(found).as_py() else pc.replace_with_mask(
        texts, found, pc.replace_substring_regex(texts.filter(found), pattern, instead))


def _skeleton(text):
    text = unicodedata.normalize("NFKC", text).casefold().translate(SKELETON)
    if not text.isprintable():
        text = "".join(sign for sign in text if not sign.isspace() and unicodedata.category(sign)[0] != "C")
    text = text.replace(" ", "")
    return re.sub(r"^0+", "", re.sub(r"^(\d+)[.,]0*$", r"\1", text.replace("'", ""))).casefold()


def alike(keys, others):
    """Returns a boolean array: which keys are, but for leading zeros, blanks or look-alikes, another key or other one.

    keys: all different. others: keys of users who are not among them.
    """
    texts = arrow(keys)
    lengths = pc.utf8_length(texts)
    if not len(others) and matches(texts, r"^[0-9]+$").all() and pc.min(lengths) == pc.max(lengths):
        return np.zeros(len(keys), dtype=bool)
    everybody = pd.concat([keys, others]).reset_index(drop=True)
    bare = _replaced(arrow(loose(everybody)), r"^[^0-9a-z]*\d+[^0-9a-z]+$|^[^0-9a-z]+\d+$", r"\D+", "")
    for letters, digit in (("o", "0"), ("[il]", "1")):
        bare = _replaced(bare, r"^[oil]*\d[\doil]*$", letters, digit)
    bare = _replaced(bare, "^0", "^0+", "").to_pandas().astype("str")
    # Only an ID that is not bare itself can be like another one.
    shared = set(bare[(bare != everybody).to_numpy()])
    found = bare.isin(shared).to_numpy(copy=True)
    found[found] = bare[found].duplicated(keep=False) & (everybody[found].groupby(bare[found]).transform("nunique") > 1)
    return found[:len(keys)]


def may_miss_one(keys):
    """Returns a boolean array: which keys an ID that is lost may have been like (see ``alike``)."""
    numbers = keys.str.fullmatch("[0-9]+").to_numpy(bool)
    lengths = keys.str.len().to_numpy()
    few = numbers.sum() < widths.FEW
    short = numbers & (few | (lengths < lengths[numbers].max(initial=0)))
    # Where all numbers have one width, the lost one had it, too: no other has it but for its zeros.
    return short | (loose(keys) != keys).to_numpy(bool) & (~numbers | few | short.any())


def as_digits(keys):
    """Returns keys with O, I and l as the digits that they look like, for comparing."""
    texts = arrow(keys)
    for letter, digit in ("o0", "i1", "l1"):
        texts = pc.replace_substring(texts, letter, digit)
    return pc.ascii_ltrim(texts, characters="0").to_pandas().astype("str").set_axis(keys.index)


def tell_nothing(primary_ids):
    """Returns a boolean array: of which IDs nothing is left to tell whose they were (empty, an error, a date)."""
    return matches(arrow(primary_ids).fill_null(""), LOST)


def may_mean(damaged, keys):
    """Returns a boolean array: which of the keys the damaged IDs (a list) may have been."""
    texts = pd.Series(list(dict.fromkeys(damaged)), dtype="str")
    bare, looked = loose(texts.str.strip().str.casefold()), arrow(loose(keys))
    found = among(looked, bare) & ~among(keys, users.key_of(texts))
    # O for 0 and l for 1: compared with both sides made digits.
    found |= among(looked, as_digits(bare[matches(arrow(bare), r"^[oli\d]*$")]))
    gaps = texts[texts.str.contains("[?\ufffd]")]
    if len(gaps):
        found |= among(_with_gaps(keys, r"[^\x00-\x7f]+"), _with_gaps(gaps, "[?\ufffd]+"))
    texts = texts.str.strip()
    return found | _between(keys, [span for text in texts[texts.str.contains(SHORTENED)] if (span := _span(text))])


def _with_gaps(texts, lost):
    """The texts, folded, with one ? for each run of lost letters."""
    return pc.replace_substring_regex(pc.utf8_lower(arrow(texts)), lost, "?")


def among(texts, known):
    """Returns a boolean array: which texts are some of the known ones, and not empty."""
    found = pc.is_in(arrow(texts), value_set=arrow(known))
    return pc.and_(found, pc.not_equal(arrow(texts), "")).to_numpy(zero_copy_only=False).astype(bool)


def arrow(texts):
    """Returns a column of texts, of pandas or pyarrow, as one pyarrow array of large strings."""
    made = (texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, from_pandas=True)).cast(
        pa.large_string())
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _span(text):
    """The least and the largest number that a spreadsheet shows as this, such as 1.2E+11; None for other texts."""
    if re.fullmatch(r"\d{15}0+", text):
        # Fifteen digits are kept, cut off by Excel, rounded by others.
        unit = 10 ** (len(text) - 15)
        return int(text) - unit // 2, int(text) + unit
    said = re.fullmatch(r"(\d+)(?:[.,](\d*))?e\+?(\d{1,2})", text, re.IGNORECASE)
    if not said:
        return None
    # More decimals than the exponent has places are those of a number that is no whole one.
    decimals = (said[2] or "")[:int(said[3])]
    shown, unit = int(said[1] + decimals), 10 ** (int(said[3]) - len(decimals))
    # Rounded or cut off.
    return max(2 * shown - 2, 1) * unit // 2, (shown + 1) * unit


def _between(keys, spans):
    """Which keys are numbers within one of the spans; a little more, as floats are near enough here."""
    found = np.zeros(len(keys), dtype=bool)
    if not spans:
        return found
    digits = np.flatnonzero(keys.str.fullmatch(r"[0-9]{1,100}").to_numpy(bool))
    numbers = keys.iloc[digits].to_numpy(dtype=object).astype(np.float64)
    low, high = np.array(sorted(spans), dtype=np.float64).T
    # The widest span that begins at or before a number reaches at least as far as any other.
    high, at = np.maximum.accumulate(high * (1 + 1e-14)), np.searchsorted(low * (1 - 1e-14), numbers, side="right") - 1
    found[digits] = (at >= 0) & (numbers <= high[at])
    return found
