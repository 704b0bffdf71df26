"""IDs in side exports that nobody among the users has: which of them are like a user's, as a damaged one would be.

Most strangers are people purged long ago. One who resembles a user may be that user, whose loan or fine would then be
a stranger's. What the users' IDs come to is worked out once, when the first stranger is met.
"""

import functools
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from purgelib import identifiers, users
from purgelib.identifiers import among, arrow
from purgelib.widths import ENOUGH, FEW, NEARLY_ALL, OF_FEW

# Letters of which no accent can be taken away, and what people write for them and for others.
BARE = tuple(pair.split("=") for pair in "ß=ss æ=ae œ=oe þ=th ø=o ł=l đ=d ð=d ı=i".split())
WRITTEN = tuple(pair.split("=") for pair in "ä=ae ö=oe ü=ue ø=oe å=aa".split())
EXACT = 15  # digits that a spreadsheet keeps of a number
SLIPS, MANY = 3, 20
BETWEEN, SIGNS, DECIMALS = re.compile(r"[\s;,|()\[\]<>=:/&\"'\u20ac$]+"), re.compile(r"[\W_]+"), re.compile(r"[.,]0+$")


class Strangers:
    """Compares IDs that no user has with those of the users.

    primary_ids, keys: of the users, as in the user table.
    """

    def __init__(self, primary_ids, keys):
        self._primary_ids, self._keys = primary_ids, keys

    def strongly(self, keys):
        """Returns a boolean array: which are a user's but for case, blanks, leading zeros and look-alikes."""
        return among(identifiers.as_digits(identifiers.loose(keys)), self._as_digits)

    def weakly(self, primary_ids):
        """Returns a boolean array: which are a user's but for signs, accents, unknown letters, or are it twice."""
        codes, texts = pd.factorize(primary_ids)
        texts = pd.Series(texts, dtype="str")
        keys = users.key_of(texts)
        known = pa.concat_arrays([forms for _, forms in self._plain])
        found = np.logical_or.reduce([among(forms, known) for forms in self._forms(keys)])
        found |= self._with_unknown_letters(arrow(texts)) | self._of_the_same_start(arrow(keys))
        owner, pieces = _pieces(keys)
        found[owner[among(pieces, self._keys)]] = True
        return found[codes]

    def whom(self, primary_ids):
        """Returns a boolean array, a value per user: whom IDs may mean of which ``weakly`` says that they are like."""
        texts = pd.Series(pd.unique(primary_ids), dtype="str")
        keys, found = users.key_of(texts), np.zeros(len(self._keys), dtype=bool)
        found |= among(self._keys, _pieces(keys)[1])
        told = pa.concat_arrays(self._forms(keys))
        for places, forms in self._plain:
            found[places] |= among(forms, told)
        places, gaps, _ = self._unknown
        found[places] |= among(gaps, _with_gaps(arrow(texts)))
        places, starts = self._long
        found[places] |= among(starts, pa.concat_arrays(_beginning(arrow(keys))[1:]))
        return found

    def unlike(self, keys):
        """Returns a boolean array: which are numbers of a width that no user's has, where nearly all have one width.

        Where there are several of one such width, they are users of another kind, and no slips.
        """
        digits, lengths = _digits(arrow(keys))
        found = digits & ~np.isin(lengths, self._widths) if len(self._widths) else np.zeros(len(keys), dtype=bool)
        different = pd.Series(lengths[found]).groupby(keys[found].to_numpy()).first().value_counts()
        return found & np.isin(lengths, different.index[different <= SLIPS])

    def other_kind(self, keys):
        """Returns whether many different strangers have not one shape in common with the users: they are other IDs."""
        told = keys.drop_duplicates()
        return len(told) >= MANY and not set(_shapes(told)) & set(_shapes(self._keys))

    def _forms(self, keys):
        """What is compared of strangers: without signs and accents, with accents written out, half of what is twice."""
        bare = arrow(identifiers.loose(keys))
        return _plain(bare), _plain(_written(bare)), _plain(arrow(identifiers.loose(self._halves(keys))))

    @functools.cached_property
    def _loose(self):
        return identifiers.loose(self._keys)

    @functools.cached_property
    def _as_digits(self):
        return arrow(identifiers.as_digits(self._loose))

    @functools.cached_property
    def _plain(self):
        """What the users' IDs come to: pairs of the users' places and their forms."""
        loose = arrow(self._loose)
        places = np.flatnonzero(~_bools(pc.string_is_ascii(loose)))
        other = loose.take(pa.array(places))
        # A letter that is not ASCII may have been lost altogether; of a name in another script too little is left.
        rest = pc.replace_substring_regex(other, r"[^\x00-\x7f]+", "")
        enough = pc.greater_equal(pc.multiply(pc.utf8_length(rest), 2), pc.utf8_length(other))
        return ((slice(None), _plain(loose)), (places, _plain(_written(other))),
                (places[_bools(enough)], _plain(rest.filter(enough))))

    @functools.cached_property
    def _widths(self):
        """The widths of the users who are numbers, where nearly all have one; nothing where they vary, or are few."""
        digits, lengths = _digits(arrow(self._keys))
        found, many = np.unique(lengths[digits], return_counts=True)
        usual = FEW <= many.sum() and many.max() >= many.sum() * (NEARLY_ALL if many.sum() >= ENOUGH else OF_FEW)
        return found if usual else found[:0]

    @functools.cached_property
    def _unknown(self):
        """The users whose IDs have letters that may be unknown: places, IDs with gaps for those, and which they are."""
        texts = arrow(self._primary_ids)
        places = np.flatnonzero(~_bools(pc.string_is_ascii(texts)))
        texts = texts.take(pa.array(places))
        return places, _with_gaps(texts), set("".join(texts.to_pylist()))

    @functools.cached_property
    def _long(self):
        places, starts, _ = _beginning(arrow(self._keys))
        return places, starts

    def _halves(self, keys):
        """The half of each ID that stands there twice, alone or parted by one or two signs; "" for others."""
        # Where users' numbers are as long as this, any number may look doubled by chance.
        digits, lengths = _digits(arrow(self._keys))
        usual = set(np.unique(lengths[digits]).tolist())
        return pd.Series([_half(key, usual) for key in keys], dtype="str")

    def _with_unknown_letters(self, texts):
        """Which are a user's if every letter that is not ASCII is unknown, as in a file read in another encoding."""
        other = np.flatnonzero(~_bools(pc.string_is_ascii(texts)))
        found = np.zeros(len(texts), dtype=bool)
        if len(other):
            _, known, letters = self._unknown
            told = texts.take(pa.array(other))
            # In another script, IDs share their pattern without being alike; not so with letters that no user has.
            telling = [not set(text) <= letters | ASCII or 2 * sum(sign in ASCII for sign in text) >= len(text)
                       for text in told.to_pylist()]
            found[other] = among(_with_gaps(told), known) & np.array(telling)
        return found

    def _of_the_same_start(self, keys):
        """Which numbers of more than 15 digits begin as a user's of the same width: a spreadsheet cuts or rounds."""
        long, start, below = _beginning(keys)
        found = np.zeros(len(keys), dtype=bool)
        _, known = self._long
        found[long] = among(start, known) | among(below, known)
        return found


ASCII = frozenset(map(chr, range(128)))


def _bools(array):
    return array.to_numpy(zero_copy_only=False).astype(bool)


def _digits(texts):
    """Which are numbers, and the length of each."""
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    return _bools(pc.match_substring_regex(texts, "^[0-9]+$")), lengths


def _plain(texts):
    """Letters and digits only, without accents and leading zeros."""
    if not pc.all(pc.string_is_ascii(texts)).as_py():
        texts = pc.replace_substring_regex(pc.utf8_normalize(texts, "NFKD"), r"\p{M}+", "")
        for sign, bare in BARE:
            texts = pc.replace_substring(texts, sign, bare)
    signs = pc.match_substring_regex(texts, r"[^0-9a-z]")
    if pc.any(signs).as_py():
        bare = pc.replace_substring_regex(texts.filter(signs), r"[^\p{L}\p{N}]+", "")
        texts = pc.replace_with_mask(texts, signs, bare)
    return pc.ascii_ltrim(texts, characters="0")


def _written(texts):
    """Accents as people write them on another keyboard: ue for ü."""
    if not pc.all(pc.string_is_ascii(texts)).as_py():
        for sign, written in WRITTEN:
            texts = pc.replace_substring(texts, sign, written)
    return texts


def _shapes(keys):
    """The shapes of IDs, each once: numbers by their width, other IDs by where letters and digits stand."""
    texts = arrow(keys)
    digits, lengths = _digits(texts)
    others = pc.replace_substring_regex(texts.filter(pa.array(~digits)), r"\p{L}+", "a")
    others = pc.replace_substring_regex(others, "[0-9]+", "9").unique().to_pylist()
    return [*map(str, np.unique(lengths[digits])), *others]


def _pieces(keys):
    """The words of IDs that have several, and IDs without decimals: which ID each is of, and the words."""
    found = [(at, piece) for at, key in enumerate(keys)
             for piece in {*BETWEEN.split(key), *SIGNS.split(key), DECIMALS.sub("", key)} - {"", key}]
    return np.array([at for at, _ in found], dtype=np.int64), pd.Series([piece for _, piece in found], dtype="str")


def _with_gaps(texts):
    return pc.replace_substring_regex(pc.ascii_lower(texts), r"[^\x00-\x7f]+", "?")


def _half(key, usual):
    for between in (len(key) % 2, len(key) % 2 + 2):
        half = (len(key) - between) // 2
        if half > 0 and key[:half] == key[-half:] and not any(map(str.isalnum, key[half:len(key) - half])):
            return "" if key.isdigit() and len(key) in usual else key[:half]
    return ""


def _beginning(keys):
    """The places of numbers of more than 15 digits, how they begin, and how they would if they had been rounded up."""
    places = np.flatnonzero(_bools(pc.match_substring_regex(keys, rf"^[0-9]{{{EXACT + 1},}}$")))
    told = keys.take(pa.array(places))
    start = pc.utf8_slice_codeunits(told, 0, EXACT)
    rounded = pc.match_substring_regex(told, rf"^[0-9]{{{EXACT}}}0+$")
    below = pa.array([f"{int(one) - 1:0{EXACT}d}" for one in start.to_pylist()], pa.large_string())
    return places, _start_and_width(told, start), _start_and_width(told, pc.if_else(rounded, below, start))


def _start_and_width(texts, starts):
    widths = pc.cast(pc.utf8_length(texts), pa.large_string())
    return pc.binary_join_element_wise(starts, widths, pa.scalar(" ", pa.large_string()))
