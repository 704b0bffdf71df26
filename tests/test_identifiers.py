"""Primary IDs stay what they are; those that a spreadsheet or a hand has damaged are found and named."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import identifiers, users, widths


def doubts(*texts, **more):
    _, _, found = identifiers.ids(pa.array(texts, pa.string()), **more)
    return [found.said[code][0] if code >= 0 else "" for code in found.codes]


@pytest.mark.parametrize("text", ["00412345", "jexample3", "a.b@example.edu", "Invented Name", "A-17_b", "x",
                                  "12345678901234", "M\u00fcller", "\u674e\u660e", "u+1@example.edu", "2019abc",
                                  "\u0410\u043d\u043d\u0430"])
def test_ordinary_ids_are_trusted(text):
    if text == "\u0410\u043d\u043d\u0430":
        # A name wholly in Cyrillic letters is looked at by a person: its letters look like others.
        assert doubts(text) == [widths.LOOK]
    else:
        assert doubts(text) == [""]


@pytest.mark.parametrize(("text", "kind"), [
    ("", identifiers.EMPTY), ("  ", identifiers.EMPTY), ("no primary id (12)", identifiers.CONTACT),
    (" 123", identifiers.ODD), ("123 ", identifiers.ODD), ("12\u00a03", identifiers.ODD),
    ("12\u200b3", identifiers.ODD),
    ("12\u00ad3", identifiers.ODD), ("12\n3", identifiers.ODD), ("a  b", identifiers.ODD), ("?", identifiers.NO_ID),
    ("NULL", identifiers.NO_ID), ("TRUE", identifiers.NO_ID), ("m?ller", identifiers.NO_ID),
    ("m\ufffdller", identifiers.NO_ID), ("n/a", identifiers.NO_ID), ("00000", identifiers.NO_ID),
    ("1.2E+11", widths.EXCEL), ("1,2E+11", widths.EXCEL), ("4e5", widths.EXCEL),
    ("412345.0", widths.EXCEL), ("412345,00", widths.EXCEL), ("12.", widths.EXCEL),
    ("#REF!", widths.EXCEL), ("########", widths.EXCEL), ("'00412", widths.EXCEL),
    ("2026-05-12", widths.EXCEL), ("2026-05-12 00:00:00", widths.EXCEL), ("12-May", widths.EXCEL),
    ("May-05", widths.EXCEL), ("12. Mai", widths.EXCEL),
    ("12-juin", widths.EXCEL), ("1-ao\u00fbt", widths.EXCEL), ("3-ene", widths.EXCEL),
    ("dic-24", widths.EXCEL), ("05-mrt-2024", widths.EXCEL), ("8-mag", widths.EXCEL),
    ("fev-19", widths.EXCEL), ("2-sept", widths.EXCEL), ("12.05.2026", widths.EXCEL),
    ("12345678901234500000", widths.EXCEL), ("0041234\u0435", widths.LOOK),
    ("ex\u0430mple", widths.LOOK),
    ("\uff11\uff12\uff13", widths.LOOK), ("a\u2013b", widths.LOOK), ("o\u2019hara", widths.LOOK),
    ("m\u0075\u0308ller", widths.LOOK)])
def test_damage_is_named_by_its_kind(text, kind):
    assert doubts(text) == [kind]


def test_lost_zeros_show_where_the_others_have_one_width():
    whole = [f"{n * 3_700_001 % 10**8:08d}" for n in range(1, 200)]
    assert set(doubts(*whole)) == {""}
    lost = doubts(*[one.lstrip("0") for one in whole])
    assert [bool(one) for one in lost] == [one.startswith("0") for one in whole] and any(lost)
    assert set(doubts("123", "4567")) == {""}, "two IDs have no usual width"
    assert doubts("00412345", "10498765", "20498765", "412346") == ["", "", "", widths.ZEROS]


def test_a_letter_among_digits_shows_where_the_others_are_numbers():
    whole = [f"{n:08d}" for n in range(10_000_000, 10_000_040)]
    assert doubts(*whole, "1000O123", "1000l123", "A000B123")[40:] == [widths.LOOK, widths.LOOK, ""]


def test_a_number_in_a_column_of_texts_with_zeros_may_have_lost_its_own():
    as_number = np.array([False, True, False])
    assert doubts("00412", "412", "x1", as_number=as_number) == ["", widths.ZEROS, ""]
    assert doubts("1412", "412", "x1", as_number=as_number) == ["", widths.ZEROS, ""]
    assert doubts("412", "413", "x1", as_number=as_number) == ["", widths.ZEROS, ""], "413 was typed again"
    assert doubts("412", "413", "x1", as_number=np.array([True, True, False])) == ["", "", ""]


@pytest.mark.parametrize("text", ["12.5", "412.75", "0.5", "-12.5"])
def test_a_number_that_is_no_whole_one_is_no_id(text):
    assert doubts(text, "12.50", as_number=np.array([True, False]))[0] == widths.EXCEL
    assert doubts(text) == [""], "as a text it may be an ID"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=6))
def test_ids_stay_as_they_are_and_their_keys_are_those_of_the_user_table(texts):
    primary_id, key, found = identifiers.ids(pa.array(texts, pa.string()))
    assert primary_id.tolist() == texts and key.tolist() == [users.key_of(text) for text in texts]
    assert all(found.any[at] for at, text in enumerate(texts) if users.id_problem(text))


@pytest.mark.parametrize(("damaged", "meant"), [
    ("412345", "00412345"), ("412345.0", "00412345"), ("00412345 ", "00412345"), ("004\u00a012345", "00412345"),
    ("'00412345", "00412345"), ("1.2E+11", "123456789012"), ("1.23457E+11", "123456789012"), ("5e3", "5012"),
    ("1,2E+11", "120000000000"), ("ex\u0430mple", "example"), ("EX\u0410MPLE", "example"), ("a\u2013b", "a-b"),
    ("1234567890123460", "1234567890123456"),
    ("\uff11\uff12", "12"), ("00412O", "004120"), ("12345678901234500000", "12345678901234567890")])
def test_a_damaged_id_meets_whom_it_may_mean(damaged, meant):
    keys = pd.Series([users.key_of(meant), "somebody-else", "9999"], dtype="str")
    assert identifiers.may_mean([damaged], keys).tolist() == [True, False, False]


def test_nothing_is_left_of_some():
    said = identifiers.tell_nothing(pd.Series(["", "#REF!", "2026-05-12", "12-May", "412345.0", "abc"], dtype="str"))
    assert said.tolist() == [True, True, True, True, False, False]


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("019eE+.,-#'` /:\u00e9\u0430\tamyJunD"), max_size=10))
def test_the_quick_search_passes_nothing_that_a_closer_look_doubts(text):
    judged = identifiers._judged(text, latin=True)
    assert doubts("ada", text, "bob")[1] == (judged[0] if judged else "")


def test_a_word_of_another_script_is_trusted_where_that_script_is_usual():
    greek = ["\u03b3\u03b9\u03ce\u03c1\u03b3\u03bf\u03c2" + "\u03bb" * at for at in range(30)]
    assert set(doubts(*greek)) == {""} and doubts(*greek, "\u03b3\u03b9\u03ce1")[-1] == widths.LOOK
    assert set(doubts(*greek, *["ada"] * 31)[:30]) == {widths.LOOK}


def test_zeros_that_only_the_format_of_a_number_shows_are_doubtful():
    assert doubts("412345", "00412345", as_number=np.array([True, True])) == [widths.ZEROS, widths.ZEROS]
    assert doubts("41234567", "10412345", as_number=np.array([True, True])) == ["", ""]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=10).map(str.casefold))
def test_ascii_keys_are_loosened_like_all_others(key):
    assert identifiers.loose(pd.Series([key], dtype="str")).tolist() == [identifiers._skeleton(key)]


def test_loosened_keys_keep_their_rows_and_different_ids_stay_different():
    keys = pd.Series(["12.5", "125", "120", "x0", "x", "\u0432ob"], index=[9, 3, 5, 1, 0, 2], dtype="str")
    assert identifiers.loose(keys).tolist() == ["12.5", "125", "120", "x0", "x", "bob"]
    assert identifiers.loose(keys).index.tolist() == keys.index.tolist()


@settings(max_examples=200, deadline=None)
@given(st.integers(10**9, 10**17), st.integers(0, 9), st.sampled_from([".", ","]), st.sampled_from([0, 2]))
def test_whoever_became_an_exponent_is_found(number, decimals, comma, zeros):
    damaged = f"{number:.{decimals}E}".replace(".", comma)
    assert identifiers.may_mean([damaged], pd.Series(["0" * zeros + str(number)], dtype="str")).all()


def test_an_exponent_means_numbers_of_its_size_only_and_a_wide_one_as_much_beside_a_narrow_one():
    keys = pd.Series(["140000000000", "100000000001", "1400000000000", "14", "ada", ""], dtype="str")
    assert identifiers.may_mean(["1.00000E+11"], keys).tolist() == [False, True, False, False, False, False]
    assert identifiers.may_mean(["1E+11", "1.00000E+11"], keys).tolist() == [True, True, False, False, False, False]


def test_nothing_damaged_means_nobody():
    keys = pd.Series(["ada", "", "0"], dtype="str")
    assert not identifiers.may_mean([], keys).any() and not identifiers.may_mean(["########", "", "-"], keys).any()


def test_of_long_numbers_only_those_are_doubtful_that_excel_has_cut():
    whole = [f"{n * 7_919_000_037_001 % 10**16:016d}" for n in range(1, 60)]
    assert any(one.endswith("0") for one in whole) and set(doubts(*whole)) == {""}
    cut = doubts(*[one[:15] + "0" for one in whole])
    assert set(cut) == {widths.EXCEL}


def test_zeros_lost_from_a_third_of_a_column_show_beside_those_that_kept_theirs():
    whole = [f"00{n * 37_003 % 10**6 + 100_000:06d}"[-8:] for n in range(1, 31)]
    lost = [one.lstrip("0") if at % 3 == 0 else one for at, one in enumerate(whole)]
    assert [bool(one) for one in doubts(*lost)] == [at % 3 == 0 for at in range(30)]


def test_numbers_of_two_widths_or_simply_counted_have_lost_nothing():
    dice = np.random.default_rng(7)
    students, staff = dice.choice(10**8, 3_000, replace=False), dice.choice(np.arange(100_000, 10**6), 1_200, False)
    found = doubts(*[f"{one:08d}" for one in students], *map(str, staff))
    assert not any(found), "of 8 digits, few begin with 00"
    assert not any(doubts(*map(str, range(1, 2_000, 3))))


def test_of_very_many_damaged_ids_each_is_compared_once_and_not_with_each():
    keys = pd.Series([f"{n:09d}" for n in range(1_000_000, 1_200_000)], dtype="str")
    found = identifiers.may_mean([f"{n}.0" for n in range(1_100_000, 1_300_000)], keys)
    assert found.sum() == 100_000 and not found[:100_000].any()


@pytest.mark.parametrize("text", ["2010E5776", "83E28576", "6215e0"])
def test_an_e_among_digits_is_no_exponent_that_a_spreadsheet_writes(text):
    assert doubts(text) == [""]
