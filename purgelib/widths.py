"""IDs that are numbers, seen against the others of their column: which of them lost zeros, digits or decimals."""

import collections

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

EXCEL, LOOK, ZEROS = ("a primary ID damaged by Excel", "look-alike letters in a primary ID",
                      "a primary ID that lost its zeros")
AMONG_DIGITS = r"^[OolI]*\d[\dOolI]*$"
# How many numbers show a usual width, and which share of them must have it: of few, a little less.
FEW, ENOUGH, NEARLY_ALL, OF_FEW = 4, 20, 0.8, 0.75


def judged(texts, as_number, doubts):
    """Returns the Doubts and those about numbers of a column of IDs.

    texts: a pyarrow array. as_number: which cells a workbook stores as numbers, a boolean array, or None.
    """
    doubts = _long_ones(texts, _widths(texts, doubts))
    return doubts if as_number is None else _numbers(texts, np.asarray(as_number, dtype=bool), doubts)


def matches(texts, pattern):
    """Returns a boolean array: in which texts a pattern of RE2 is found."""
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)


def _widths(texts, doubts):
    """Lost zeros: numbers shorter than nearly all, or than those with zeros; and letters that look like digits."""
    digits = matches(texts, r"^\d+$")
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    found = collections.Counter(dict(zip(*np.unique(lengths[digits], return_counts=True), strict=True)))
    count = sum(found.values())
    if count < FEW:
        return doubts
    width, many = found.most_common(1)[0]
    said = f"shorter than the {width} digits of the others: has Excel dropped leading zeros?"
    # Of numbers without a pattern a tenth begins with 0: that damage leaves about nine in ten at full width.
    if many >= count * (NEARLY_ALL if count >= ENOUGH else OF_FEW):
        shorter = digits & (lengths < width) & (not _counted(texts, digits & (lengths <= 18)))
        doubts = doubts.where(shorter, ZEROS, said)
        others = np.flatnonzero(~digits & (lengths == width))
        doubts = doubts.where(np.isin(np.arange(len(texts)), others[matches(texts.take(others), AMONG_DIGITS)]), LOOK,
                              "a letter among digits, where the other IDs are numbers: O for 0, l for 1?")
    elif many < count:
        doubts = doubts.where(digits & np.isin(lengths, _without_their_zeros(texts, width, found)), ZEROS, said)
    return doubts


def _without_their_zeros(texts, width, found):
    """The widths of which as many numbers are written with the zeros to the usual width as without.

    found: how many numbers have each width. Two widths that are both real are rarely so: 8 digits for students, of
    which few begin with 00, and 6 for staff.
    """
    full = texts.filter(pc.match_substring_regex(texts, rf"^0[0-9]{{{width - 1}}}$"))
    bare = np.asarray(pc.utf8_length(pc.ascii_ltrim(full, characters="0")))
    return [one for one, many in found.items() if one < width and (bare == one).sum() >= many]


def _counted(texts, digits):
    """Whether the numbers are simply counted, as 1 to 99999 are: then shorter ones have lost nothing."""
    numbers = texts.filter(pa.array(digits)).cast(pa.int64()).to_numpy()
    return bool(len(numbers)) and numbers.max() - numbers.min() < 2 * len(numbers)


def _long_ones(texts, doubts):
    """Excel keeps 15 digits and writes 0 for the others; of whole numbers of 16 digits, a tenth ends with 0 as well."""
    if (pc.max(pc.binary_length(texts)).as_py() or 0) < 16:
        return doubts
    long, zero = matches(texts, r"^\d{16,}$"), matches(texts, r"^\d{15}0+$")
    if 2 * zero.sum() <= long.sum():
        zero = matches(texts, r"^\d{15}000+$")
    return doubts.where(zero, EXCEL, "damaged by Excel (a number of more than 15 digits); export it again, and do not "
                                     "open it in Excel")


def _numbers(texts, as_number, doubts):
    """What a workbook stores as a number has no zeros before or after it: IDs that had some have lost them."""
    digits = matches(texts, r"^\d+$")
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
    doubts = doubts.where(as_number & ~matches(texts, r"^-?\d*$"), EXCEL,
                          "damaged by Excel (a number with decimals); export it again, and do not open it in Excel")
    doubts = doubts.where(as_number & matches(texts, r"^0\d"), ZEROS,
                          "shown with zeros that the number itself does not have: was it as long in Alma?")
    lost = as_number & digits & ((digits & ~as_number).any() | (lengths < lengths[digits].max(initial=0)))
    return doubts.where(lost, ZEROS, "stored as a number, where other IDs are longer, or numbers stored as text: has "
                                     "Excel dropped leading zeros?")
