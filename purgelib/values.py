"""Dates, amounts and coded words as Analytics and Excel write them: read only where one reading is possible.

Each column is judged by its distinct texts. A cell that allows two readings is settled by the other cells of its
column, or stays doubtful: its value is then missing, and a sentence says why.
"""

import datetime
import re

import numpy as np
import pandas as pd
import pyarrow as pa

from purgelib.problems import Doubts
from purgelib.spellings import folded

DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day first", "month first", "year first"
TIME = (r"(?:[T ]+(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?)?"
        r" ?(?:Z|[+-]\d{2}:?\d{2})?")
ISO = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})" + TIME)
PARTED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})" + TIME)
NAMED = re.compile(r"(?:(\d{1,2})[-./ ]+([A-Za-z]{3,9})|([A-Za-z]{3,9})\.? (\d{1,2}),?)[-./, ]+(\d{4}|\d{2})" + TIME)
SERIAL = re.compile(r"(\d{1,7})(\.\d+)?")
MONTHS = {name: at for at, names in enumerate(zip(
    "jan feb mar apr may jun jul aug sep oct nov dec".split(),
    "january february march april may june july august september october november december".split(), strict=True), 1)
    for name in names} | {"sept": 9}
EPOCHS = {1900: datetime.date(1899, 12, 30), 1904: datetime.date(1904, 1, 1)}
NO_DATE = "not a date that I can read without guessing; export dates as YYYY-MM-DD"
CUT_YEAR = "a year of two digits may be 1999 or 9999, 1900 or 2000; export dates as YYYY-MM-DD"
NO_DAYS = "a number that may be something else than a number of days; export dates as YYYY-MM-DD"
BOTH_WAYS = ("day and month can be read in two ways, and the column does not tell which; export dates as YYYY-MM-DD, "
             "or say in headings.toml which comes first")
SWAPPED = ("this column mixes dates of two kinds, as when Excel has converted some and swapped their day and month; "
           "export it again as YYYY-MM-DD")
DATE = "a date that cannot be read"
BLANKS = re.compile(r"[\u00a0\u2007\u2009\u202f]")


def distinct(cells):
    """Returns a column's distinct texts, only those that a row holds, and per row which of them it is (int64)."""
    if not pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_encode()
    if isinstance(cells, pa.ChunkedArray):
        cells = cells.unify_dictionaries().combine_chunks()
    codes = cells.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    # A part of a larger column still carries all of its texts: those must not decide how this one is read.
    used = np.bincount(codes, minlength=len(cells.dictionary)) > 0
    return cells.dictionary.filter(pa.array(used)).to_pylist(), (np.cumsum(used) - 1)[codes]


def category(texts, codes):
    """Returns distinct texts and which of them each row holds as a category; an empty text is missing."""
    kinds = list(dict.fromkeys(text for text in texts if text))
    where = {text: at for at, text in enumerate(kinds)} | {"": -1}
    place = np.array([where[text or ""] for text in texts] or [-1], dtype=np.int16 if len(kinds) < 32_000 else np.int32)
    return pd.Series(pd.Categorical.from_codes(place[codes], categories=pd.Index(kinds, dtype="str")))


def dates(cells, order=None, epoch=None, as_number=None):
    """Reads a column of dates; returns them as a Series of datetime64[s] and the Doubts. Empty is missing, no doubt.

    order: "day first" or "month first", as staff say, where the column does not tell. epoch: 1900 or 1904, from when
    a workbook counts its days; as_number: which cells it stores as numbers (only these are counted days then).
    """
    texts, codes = distinct(cells)
    numbers = np.ones(len(codes), dtype=bool) if as_number is None else np.asarray(as_number, dtype=bool)
    # A text and a number may look the same: they are two things here.
    pairs = codes * 2 + numbers
    many = np.bincount(pairs, minlength=2 * len(texts))
    present, codes = np.flatnonzero(many), (np.cumsum(many > 0) - 1)[pairs]
    read = _Dates([BLANKS.sub(" ", texts[one // 2]).strip() for one in present], many[present], order,
                  [epoch if one % 2 else None for one in present])
    values = np.array([one if isinstance(one, datetime.date) else None for one in read.found], dtype="datetime64[s]")
    return pd.Series(values[codes]), doubts_of([one if isinstance(one, str) else "" for one in read.found], codes, DATE)


def doubts_of(sentences, codes, kind):
    """Returns the Doubts of a column: sentences, one per distinct text ("" for none); codes: which text a row holds."""
    said = list(dict.fromkeys(one for one in sentences if one))
    if not said:
        return Doubts.none(len(codes))
    place = {sentence: at for at, sentence in enumerate(said)} | {"": -1}
    found = np.array([place[one] for one in sentences] or [-1], dtype=np.int32)
    return Doubts(found[codes], tuple((kind, one) for one in said))


class _Dates:
    """The distinct dates of one column. ``found``: per text a date, a sentence that says why not, or None."""

    def __init__(self, texts, counts, order, epochs):
        self.found = [_plain_date(text, epoch) for text, epoch in zip(texts, epochs, strict=True)]
        parted = {at: _readings(text) for at, text in enumerate(texts) if self.found[at] is UNSETTLED}
        for at, one in parted.items():
            if len(set(one.values())) < 2:
                self.found[at] = next(iter(one.values()), NO_DATE)
        # Each separator by itself: dots and slashes in one column were written by two programs.
        signs = {at: PARTED.fullmatch(texts[at])[2] for at in parted}
        settled = {sign: _settled_order({at: one for at, one in parted.items() if signs[at] == sign}, counts, order)
                   for sign in set(signs.values())}
        strange = any(one is NO_DATE and sum(sign.isdigit() for sign in text) >= 6
                      for one, text in zip(self.found, texts, strict=True))
        dates = any(isinstance(one, datetime.date) for at, one in enumerate(self.found) if at not in parted)
        mixed = dates and (any(parted.values()) or strange)
        for at, one in parted.items():
            if self.found[at] is UNSETTLED:
                self.found[at] = SWAPPED if mixed else one.get(settled[signs[at]], BOTH_WAYS)
        if mixed:
            # Beside such dates, a day up to the 12th may have been swapped before it was written as YYYY-MM-DD.
            for at, one in enumerate(self.found):
                if at not in parted and isinstance(one, datetime.date) and one.day <= 12 and one.day != one.month:
                    self.found[at] = SWAPPED
        self.found = [CUT_YEAR if one is CUT else one for one in self.found]


UNSETTLED, CUT = object(), object()
TO_ONE = 10  # dates that can be read in two ways, to one that cannot


def _plain_date(text, epoch):
    """A date that is certain by itself, a sentence, None for nothing, or UNSETTLED where the column has to tell."""
    if not text:
        return None
    if found := ISO.fullmatch(text):
        return _day(found[1], found[3], found[4])
    if found := NAMED.fullmatch(text):
        month = MONTHS.get((found[2] or found[3]).casefold())
        year = _year(found[5])
        return year if year is CUT else _day(year, month, found[1] or found[4]) if month else NO_DATE
    if found := SERIAL.fullmatch(text):
        return _counted(int(found[1]), epoch, bool(found[2]))
    return UNSETTLED if PARTED.fullmatch(text) else NO_DATE


def _day(year, month, day):
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return NO_DATE


def _year(text):
    """A year of two digits means 2002 to 2089: 00, 01 and 90 to 99 may as well be cut off from 1900, 9999 and so on."""
    if len(text) == 4:
        return text
    return "20" + text if "02" <= text <= "89" else CUT


def _counted(number, epoch, more):
    """The day of that number in Excel's count; the year 1900 had no 29 February, but Excel counts one."""
    if not 1 <= number <= 2_958_465:
        return NO_DATE
    # Counted, these days lie before 1932: 2019, 9999, 12.06 or 6.2019 must not look long expired.
    if 1900 <= number <= 2199 or number == 9999 or more and number < 1900:
        return NO_DAYS
    if epoch is None:
        either = " or ".join(str(np.datetime64(start) + number) for start in EPOCHS.values())
        return f"a number of days, which may mean {either}; export dates as YYYY-MM-DD"
    if epoch == 1900 and number <= 60:
        return NO_DATE if number == 60 else EPOCHS[1900] + datetime.timedelta(number + 1)
    return EPOCHS[epoch] + datetime.timedelta(number)


def _readings(text):
    """Every way to read a date of three numbers: order -> date, or CUT where its year is cut off."""
    one, sign, two, last = PARTED.fullmatch(text).group(1, 2, 3, 4)
    ways = {DAY_FIRST: (last, two, one), MONTH_FIRST: (last, one, two)}
    if len(last) == 2 and sign == "-":
        ways[YEAR_FIRST] = (one.zfill(2), two, last)
    found = {}
    for order, (year, month, day) in ways.items():
        year = _year(year)
        read = _day("2000" if year is CUT else year, month, day)
        if read is not NO_DATE:
            found[order] = CUT if year is CUT else read
    return found


def _settled_order(parted, counts, order):
    """The order that the whole column shows, or that staff say and nothing in the column speaks against; or None."""
    possible = {DAY_FIRST, MONTH_FIRST, YEAR_FIRST}
    evidence = open_ones = 0
    for at, one in parted.items():
        if one:
            possible &= set(one)
        if len(one) == 1 and CUT not in one.values():
            evidence += counts[at]
        elif len(set(one.values())) > 1:
            open_ones += counts[at]
    if order:
        return order if order in possible else None
    # One slip of the pen among thousands of dates must not decide how all of them are read.
    return next(iter(possible)) if len(possible) == 1 and evidence >= max(1, open_ones / TO_ONE) else None


# ---- amounts

# Signs, the codes of ISO 4217 (three capitals), and what people write instead.
MONEY_WORDS = r"[A-Z]{0,2}[$€£¥₣₹₩₪₺]|[A-Z]{3}|(?i:eur|usd|gbp|chf|kr|kč|zł|ft|fr|rs|lei|din)\.?"
MONEY = re.compile(rf"(?P<open>\()?(?P<minus>-)?(?P<before>{MONEY_WORDS})? ?(?P<minus2>-)?"
                   rf"(?P<number>[.,]?\d[\d.,' ]*)(?P<minus3>-)? ?(?P<after>{MONEY_WORDS})?(?P<close>\))?")
LONGEST = 15
PLAIN = re.compile(r"\d+|\d{1,3}(?:(?P<group>[.,' ])\d{3})(?:(?P=group)\d{3})*")
NO_AMOUNT = "not an amount such as 12.50"
WHICH = ("comma or point may part thousands or decimals here, and the column does not tell; export amounts with two "
         "decimals")


def amounts(cells):
    """Reads a column of amounts; returns them as Float64, their currencies as a category, and the Doubts.

    Empty is missing, no doubt. A currency is a sign or a code as written, "" where there is none.
    """
    texts, codes = distinct(cells)
    parts = [_money(text) for text in texts]
    decimal = {found for _, number, _ in parts if number for found in [_decimal(number)] if found in (".", ",")}
    read = [_number(number, decimal) if number else said for said, number, _ in parts]
    values = np.array([one * sign if isinstance(one, float) else np.nan
                       for one, (_, _, (sign, _)) in zip(read, parts, strict=True)] or [np.nan])
    currencies = pd.Categorical([money for _, _, (_, money) in parts])
    taken = codes if len(codes) else np.zeros(0, np.int64)
    found = pd.Series(pd.arrays.FloatingArray(values[taken], np.isnan(values[taken])))
    return (found, pd.Series(pd.Categorical.from_codes(currencies.codes[taken], dtype=currencies.dtype)),
            doubts_of([one if isinstance(one, str) else "" for one in read], codes, "an amount that cannot be read"))


def _money(text):
    """An amount's sentence or "" for none, its digits and separators, and (sign, currency)."""
    text = BLANKS.sub(" ", text).replace("\u2212", "-").replace("\u2019", "'").strip()
    found = MONEY.fullmatch(text)
    if not text or not found:
        return NO_AMOUNT if text else "", "", (1, "")
    minus = [found[one] for one in ("open", "minus", "minus2", "minus3") if found[one]]
    both = found["before"] and found["after"]
    if len(minus) > 1 or bool(found["open"]) != bool(found["close"]) or both:
        return NO_AMOUNT, "", (1, "")
    return "", found["number"].strip(), (-1 if minus else 1, (found["before"] or found["after"] or "").strip("."))


def _decimal(number):
    """Which sign certainly parts the decimals of this number: point, comma, "" for none, None when it may be either."""
    last = max(number.rfind("."), number.rfind(","))
    if last < 0:
        return ""
    whole, sign, rest = number[:last], number[last], number[last + 1:]
    other = "," if sign == "." else "."
    if sign in whole:  # twice the same: thousands, unless the parts are no thousands
        return other if PLAIN.fullmatch(number) and other not in number else None if PLAIN.fullmatch(number) else "?"
    if len(rest) != 3 or other in whole or not 1 <= len(whole) <= 3 or whole.startswith("0") or set(whole) & set("' "):
        return sign
    return None


def _number(number, decimal):
    sign = _decimal(number)
    if sign is None:
        if len(decimal) != 1:
            return WHICH
        sign = next(iter(decimal))
    whole, parted, rest = number.partition(sign) if sign in (".", ",") else (number, "", "")
    if not PLAIN.fullmatch(whole or "0") or (parted and not rest.isdigit()) or len(whole) > LONGEST:
        return NO_AMOUNT
    return float((re.sub(r"\D", "", whole) or "0") + "." + (rest or "0"))


# ---- words


def coded(cells, words, what):
    """Reads a column of words of which each has a value; returns the values and the Doubts. Empty is missing.

    words: word (see ``spellings.folded``) -> value, a text or a bool. what: the heading, for sentences.
    Returns a category of texts, or pandas booleans.
    """
    texts, codes = distinct(cells)
    found = [words.get(folded(text)) for text in texts]
    known = ", ".join(dict.fromkeys(str({True: "yes", False: "no"}.get(value, value)) for value in words.values()))
    meant = f"{what} is not one of {known}; add the word and its meaning to headings.toml"
    said = ["" if value is not None or not text.strip() else meant
            for text, value in zip(texts, found, strict=True)]
    if all(isinstance(value, bool) for value in words.values()):
        values = pd.array([*found, None], dtype="boolean")[codes if len(codes) else np.zeros(0, np.int64)]
    else:
        values = category(found, codes)
    return pd.Series(values), doubts_of(said, codes, "a word that is not known")
