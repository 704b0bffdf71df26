"""User groups: the code is what groups are protected by, so it is told, found in a table, or asked for."""

import pyarrow as pa
import pytest

from purgelib import groups
from purgelib.errors import BadExport

KNOWN = {"06": "Undergraduate", "30": "Library staff", "IT": "IT staff", "X": "06"}


def read(codes, names, known=None):
    code, name, doubts, how = groups.groups(codes and pa.array(codes), names and pa.array(names), known)
    assert how
    told = [[None if one != one else one for one in column.astype(object)] for column in (code, name)]
    return told, doubts.any.tolist()


def test_a_column_of_codes_is_taken_as_it_is():
    assert read([" 06", "X 1", ""], ["Undergraduate", "", "x"]) == (
        [["06", "X 1", None], ["Undergraduate", None, "x"]], [False] * 3)
    assert read(["06", "99"], None, KNOWN) == ([["06", None], ["Undergraduate", None]], [False, True])


@pytest.mark.parametrize(("text", "code"), [
    ("30", "30"), ("Library Staff", "30"), ("30 Library staff", "30"), ("30 - library staff", "30"), ("it staff", "IT"),
    ("IT IT staff", "IT")])
def test_a_table_finds_the_code(text, code):
    assert read(None, [text], KNOWN)[0][0] == [code]


@pytest.mark.parametrize("text", ["Library", "31 Library staff", "06", "staff"])
def test_what_the_table_does_not_tell_or_tells_twice_is_doubtful(text):
    assert read(None, [text, ""], KNOWN)[0][0] == [None, None]
    assert read(None, [text, ""], KNOWN)[1] == [True, False]


def test_code_and_description_in_one_are_split_where_that_is_certain():
    assert read(None, ["06 Undergraduate", "30 Library staff", ""]) == (
        [["06", "30", None], ["Undergraduate", "Library staff", None]], [False] * 3)
    assert read(None, ["SENR Senior", "UGRD Undergraduate", "LIB_S Library staff"])[0][0] == ["SENR", "UGRD", "LIB_S"]


def test_codes_alone_are_taken_where_that_is_certain():
    assert read(None, ["06", "30", "ISHARE"])[0] == [["06", "30", "ISHARE"], [None, None, None]]


@pytest.mark.parametrize("names", [
    ["Undergraduate", "Library staff"], ["06 Undergraduate", "Staff"], ["06 Undergraduate", "06 Graduate"],
    ["ILL partner"], ["STAFF", "STUDENT"], ["06 Undergraduate", "07 Undergraduate"]])
def test_descriptions_alone_are_refused_with_what_to_do(names):
    with pytest.raises(BadExport, match="User Group Code") as refused:
        read(None, names)
    assert names[0] in str(refused.value)


@pytest.mark.parametrize("names", [
    ["PHD students", "ILL partner", "MA visitors"], ["2 years bachelor", "3 years master"],
    ["06 A", "06 B", "10 A", "10 B"], ["2024 Students", "2025 Students of law"], ["2024", "2025"],
    ["3 Years", "4 Years of study"], ["2 Jahre", "3 Monate"], ["6 Undergraduate", "100 Staff"],
    ["\uff13\uff10 Library staff", "06 Undergraduate"], ["30\u200b Library staff", "06 Undergraduate"]])
def test_words_that_only_look_like_codes_are_refused(names):
    with pytest.raises(BadExport):
        read(None, names)


def test_a_dash_between_code_and_description_belongs_to_neither():
    assert read(None, ["10 - Staff", "15: ILL partner"])[0] == [["10", "15"], ["Staff", "ILL partner"]]


def test_groups_that_no_row_has_do_not_count():
    assert groups.groups(None, pa.array(["06 Graduates", "Staff"]).dictionary_encode()[:1])[0].tolist() == ["06"]


def test_a_column_without_any_group_tells_nothing_and_is_no_doubt():
    assert read(None, ["", " "]) == ([[None, None], [None, None]], [False, False])


@pytest.mark.parametrize("code", ["?", "#REF!", "1.2E+11", "--", "2026-05-12", "99", "06"])
def test_a_code_that_does_not_fit_its_description_as_elsewhere_is_doubtful(code):
    codes, names = ["06"] * 10 + ["30"] * 10, ["Undergraduate"] * 10 + ["Library staff"] * 10
    assert not any(read(codes, names)[1])
    assert read([*codes, code], [*names, "Library staff"])[1] == [False] * 20 + [True]


def test_of_two_codes_of_one_description_a_rare_one_is_doubtful_unless_the_table_has_both():
    codes, names = ["30"] * 50 + ["03"] * 2, ["Staff"] * 52
    assert read(codes, names)[1] == [False] * 50 + [True] * 2
    assert not any(read(codes, names, {"30": "Staff", "03": "Staff"})[1])
    assert not any(read(["06"] * 20 + ["07"] * 50, ["Student"] * 70)[1])
    assert not any(read(["06"] * 50 + ["07"] * 2, ["Student"] * 49 + ["Stud.", "Pupil", "Pupil"])[1])


def test_codes_that_a_workbook_made_numbers_of_may_have_lost_a_zero():
    import numpy as np

    def told(codes, known=None, number=True):
        _, _, found, _ = groups.groups(pa.array(codes), None, known, np.full(len(codes), number))
        return found.any.tolist()

    assert told(["6", "30", "6"]) == [True, False, True] and told(["6"]) == [True]
    assert told(["6", "30"], {"6": "Undergraduate", "30": "Staff"}) == [False, False]
    assert told(["10", "30"]) == [False, False] and told(["6", "30"], number=False) == [False, False]


def test_a_pair_that_the_table_contradicts_is_doubtful():
    known = KNOWN | {"40": "Library staff"}
    names = ["Library  STAFF", "30", "30 Library staff", "Undergraduate", "Librarians", ""]
    assert read(["30"] * 6, names, known)[1] == [False, False, False, True, False, False]
    assert read(["06"] * 3, ["Library staff", "30", "Students"], known)[1] == [True, True, False]
    assert not read(["40"], ["Library staff"], known)[1][0]


@pytest.mark.parametrize("code", ["30\u200b", "\uff13\uff10", "\ufeff30", "3\u00ad0", "30\u2060", "30\u200e"])
@pytest.mark.parametrize("known", [None, KNOWN])
def test_a_code_that_only_looks_like_one_is_doubtful_and_no_code(code, known):
    assert read(["06", code], None, known)[0][0] == ["06", None]
    assert read(["06", code], ["Undergraduate", "Library staff"], known)[1] == [False, True]


@pytest.mark.parametrize("code", ["30\u200b", "\uff13\uff10", "\uff13\uff10 Library staff"])
def test_the_table_finds_a_code_in_spite_of_invisible_signs(code):
    assert read(None, [code], KNOWN)[0][0] == ["30"]


@pytest.mark.parametrize("empty", [None, "", float("nan")])
def test_a_table_of_groups_may_lack_a_description(empty):
    code, _, doubts, _ = groups.groups(pa.array(["06", "07"]), pa.array(["U", "V"]), {"06": empty, "07": "V"})
    assert code.tolist() == ["06", "07"] and not doubts.any.any()
