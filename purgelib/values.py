"""Dates, amounts and coded words as Analytics and Excel write them: read only where one reading is possible.

Each column is judged by its distinct texts. A cell that allows two readings is settled by the other cells of its
column, or stays doubtful: its value is then missing, and a sentence says why.
"""

import datetime
import re
import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa

from purgelib import days
from purgelib.problems import Doubts
from purgelib.spellings import folded

TWO_WAYS = "day and month can be read in two ways, and the column does not tell which; export dates as YYYY-MM-DD"
BOTH_WAYS = TWO_WAYS + ", or say in headings.toml which comes first"
FIRST_OR_LAST = ("the year may stand first or last, and the column does not tell; export dates as YYYY-MM-DD, or say "
                 "in headings.toml whether day, month or year comes first")
AGAINST = ("headings.toml says {order}, but {many:,} of these dates cannot be read so; correct it there, or export "
           "dates as YYYY-MM-DD")
SWAPPED = ("this column mixes dates of two kinds, as when Excel has converted some and swapped their day and month; "
           "export it again as YYYY-MM-DD")
NEVER_LATE = ("no date of this column is later than the 12th of its month: are day and month swapped? Compare with "
              "Alma and export it again; where they are right, say so in headings.toml ([dates], order)")
DATE = "a date that cannot be read"
TO_ONE = 10  # dates that can be read in two ways, to one that cannot
ENOUGH = 20  # different dates of which one would be later than the 12th
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

    order: "day first", "month first" or "year first", as staff say, where the column does not tell. epoch: 1900 or
    1904, from when a workbook counts its days; as_number: which cells it stores as numbers (only these are counted
    days then).
    """
    return dates_and_how(cells, order, epoch, as_number)[:2]


def dates_and_how(cells, order=None, epoch=None, as_number=None):
    """As ``dates``; returns also in words what told how to read dates that can be read in several ways, "" for none."""
    texts, codes = distinct(cells)
    numbers = np.ones(len(codes), dtype=bool) if as_number is None else np.asarray(as_number, dtype=bool)
    # A text and a number may look the same: they are two things here.
    pairs = codes * 2 + numbers
    many = np.bincount(pairs, minlength=2 * len(texts))
    present, codes = np.flatnonzero(many), (np.cumsum(many > 0) - 1)[pairs]
    read = _Dates([BLANKS.sub(" ", texts[one // 2]).strip() for one in present], many[present], order,
                  [epoch if one % 2 else None for one in present])
    values = np.array([one if isinstance(one, datetime.date) else None for one in read.found], dtype="datetime64[s]")
    said = doubts_of([one if isinstance(one, str) else "" for one in read.found], codes, DATE)
    return pd.Series(values[codes]), said, read.how


def doubts_of(sentences, codes, kind):
    """Returns the Doubts of a column: sentences, one per distinct text ("" for none); codes: which text a row holds."""
    said = list(dict.fromkeys(one for one in sentences if one))
    if not said:
        return Doubts.none(len(codes))
    place = {sentence: at for at, sentence in enumerate(said)} | {"": -1}
    found = np.array([place[one] for one in sentences] or [-1], dtype=np.int32)
    return Doubts(found[codes], tuple((kind, one) for one in said))


class _Dates:
    """The distinct dates of one column. ``found``: per text a date, a sentence that says why not, or None.

    how: in words what told how to read those that can be read in several ways.
    """

    def __init__(self, texts, counts, order, epochs):
        self.found = [days.plain(text, epoch, order) for text, epoch in zip(texts, epochs, strict=True)]
        self._parted = {at: days.readings(texts[at]) for at, one in enumerate(self.found) if one is days.UNSETTLED}
        self._certain = [at for at, one in enumerate(self.found) if isinstance(one, datetime.date)]
        hows = self._settle_the_parted(texts, counts, order)
        self.how = "; ".join(dict.fromkeys(one for one in hows if one))
        if self._is_mixed(texts):
            # Beside such dates, a day up to the 12th may have been swapped before it was written as YYYY-MM-DD.
            self._doubt((at for at in self._certain if self.found[at].day <= 12), SWAPPED)
            self._doubt((at for at, ways in self._parted.items() if len(days.different(ways)) > 1), SWAPPED)
        elif not order:
            iso = [at for at in self._certain if days.ISO.fullmatch(texts[at])]
            self._doubt(iso if _never_late({self.found[at] for at in iso}) else (), NEVER_LATE)
        self.found = [days.CUT_YEAR if one is days.CUT else one for one in self.found]

    def _settle_the_parted(self, texts, counts, given):
        """Each kind by itself: dots and slashes in one column were written by two programs."""
        kinds = {}
        for at in self._parted:
            kinds.setdefault(days.kind(texts[at]), []).append(at)
        for (_, width), places in kinds.items():
            ways = [self._parted[at] for at in places]
            order, how, unsettled = _order(ways, counts[places], given)
            said = (order or given) if width == 2 else None
            for at, one in zip(places, ways, strict=True):
                read = days.different(one)
                other = said and said not in one and days.YEAR_FIRST in {said, *one}
                self.found[at] = (days.NO_DATE if other else next(iter(read), days.NO_DATE) if len(read) < 2 else
                                  days.value(one[order]) if order in one else unsettled)
            yield how

    def _is_mixed(self, texts):
        """Whether dates that are certain stand beside others, or beside something that cannot be read."""
        strange = any(one is days.NO_DATE and sum(sign.isdigit() for sign in text) >= 4
                      for one, text in zip(self.found, texts, strict=True))
        return bool(self._certain) and (any(self._parted.values()) or strange)

    def _doubt(self, places, sentence):
        """Makes those dates doubtful whose day and month may be swapped."""
        for at in list(places):
            if not isinstance(self.found[at], datetime.date) or self.found[at].day != self.found[at].month:
                self.found[at] = sentence


def _never_late(dates):
    """Whether so many dates without a single day after the 12th are hardly YYYY-MM-DD, but YYYY-DD-MM."""
    return len(dates) >= ENOUGH and all(one.day <= 12 for one in dates) and not (
        all(one.day == 1 for one in dates) or all(one.day == one.month for one in dates))


def _order(ways, counts, given):
    """How dates of one kind are to be read; returns the order or None, how that is known, and a sentence if not.

    ways: the readings of each different text; counts: how many cells have it; given: the order that staff say.
    """
    able = [(set(one), int(many)) for one, many in zip(ways, counts, strict=True) if one]
    possible = set.intersection(*(orders for orders, _ in able)) if able else set()
    short = any(days.YEAR_FIRST in orders for orders, _ in able)
    if given and (short or given != days.YEAR_FIRST):
        against = sum(many for orders, many in able if given not in orders)
        return ((None, "", AGAINST.format(order=given, many=against)) if against
                else (given, f"{given}, as headings.toml says", ""))
    unsettled = FIRST_OR_LAST if days.YEAR_FIRST in possible else TWO_WAYS if given else BOTH_WAYS
    return *_by_single_ones(ways, counts, possible), unsettled


def _by_single_ones(ways, counts, possible):
    """The order that the dates show that can be read in one way only, and how it is known; or None and ""."""
    cells = [(one, days.different(one), int(many)) for one, many in zip(ways, counts, strict=True)]
    single = [many for one, read, many in cells if len(one) == 1 and days.CUT not in read]
    open_ones = sum(many for _, read, many in cells if len(read) > 1)
    # One slip of the pen among thousands of dates must not decide how all of them are read; nor where the year stands.
    enough = len(single) >= (3 if any(days.YEAR_FIRST in one for one in ways) else 1)
    if len(possible) == 1 and enough and sum(single) >= open_ones / TO_ONE:
        order = next(iter(possible))
        return order, f"{order}: {sum(single):,} of {sum(single) + open_ones:,} dates can be read in no other way"
    return None, ""


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
    found = [words.get(folded(text)) if _spelled_out(text) else None for text in texts]
    known = ", ".join(dict.fromkeys(str({True: "yes", False: "no"}.get(value, value)) for value in words.values()))
    meant = f"{what} is not one of {known}; add the word and its meaning to headings.toml"
    said = ["" if value is not None or not text.strip() else meant
            for text, value in zip(texts, found, strict=True)]
    if all(isinstance(value, bool) for value in words.values()):
        values = pd.array([*found, None], dtype="boolean")[codes if len(codes) else np.zeros(0, np.int64)]
    else:
        values = category(found, codes)
    return pd.Series(values), doubts_of(said, codes, "a word that is not known")


def _spelled_out(text):
    """Whether a word has no sign that folding makes letters of, or takes away, as it may with headings: Nº, Public*."""
    return not text.strip().endswith(("*", ":")) and all(
        sign.isspace() or unicodedata.normalize("NFKC", sign) == sign for sign in unicodedata.normalize("NFC", text))
