"""Dates, amounts and words are read where only one reading is possible, and are doubtful everywhere else."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import values


def dates(*texts, **how):
    found, doubts = values.dates(pa.array(texts, pa.string()), **how)
    return [None if pd.isna(one) else f"{one:%Y-%m-%d}" for one in found], doubts.any.tolist()


def amounts(*texts):
    found, currency, doubts = values.amounts(pa.array(texts, pa.string()))
    return [None if pd.isna(one) else float(one) for one in found], currency.tolist(), doubts.any.tolist()


# ---- dates


@pytest.mark.parametrize("text", [
    "2019-06-30", " 2019-06-30 ", "2019-06-30T23:59:59", "2019-06-30 00:00:00.000", "2019-06-30Z", "2019/06/30",
    "2019.06.30", "20190630", "2019-06-30T10:00:00+02:00", "2019-06-30 11:59:59 PM", "30-Jun-2019", "30 June 2019",
    "June 30, 2019", "30-JUN-19", "Jun 30 2019", "30/06/2019", "30.06.2019", "6/30/2019", "30-6-2019", "6/30/19",
    "6/30/2019 12:00:00 AM", "30/06/2019 00:00", "2019-6-30", "2019/6/30", "30. Juni 2019", "30 de junio de 2019",
    "30 juin 2019", "30 giugno 2019", "30 de junho de 2019", "30-jun.-2019", "Juni 30, 2019"])
def test_a_date_that_can_be_read_one_way_only_is_read(text):
    assert dates(text) == (["2019-06-30"], [False])


@pytest.mark.parametrize(("text", "read"), [
    ("1900-01-01", "1900-01-01"), ("9999-12-31", "9999-12-31"), ("31/12/9999", "9999-12-31"), ("", None), ("  ", None),
    ("06/06/2019", "2019-06-06"), ("0001-01-01", "0001-01-01")])
def test_dates_that_nobody_meant_are_read_as_they_stand_and_empty_is_nothing(text, read):
    found, doubts = values.dates(pa.array([text]))
    assert not doubts.any.any() and str(found.to_numpy()[0])[:10] == (read or "NaT")


@pytest.mark.parametrize("text", [
    "2019-02-30", "2019-13-01", "30/30/2019", "unknown", "########", "2019-6/30", "1.5.", "2019", "2019-06-30 x",
    "25/05/13", "30.6.19",
    "1900-01-00", "30 Jui 2019", "31-Feb-2019", "0", "-5", "12/31/99", "31.12.99", "01/01/00", "31-DEC-99", "1/1/01",
    "05/06/2019", "5.6.19", "19-06-30", "43646", "43646.5", "2019-06-30;2020-01-01"])
def test_any_other_text_is_doubtful_and_no_date(text):
    assert dates(text) == ([None], [True])


def test_the_column_decides_which_comes_first():
    assert dates("05/06/2019", "30/06/2019")[0] == ["2019-06-05", "2019-06-30"]
    assert dates("05/06/2019", "06/30/2019")[0] == ["2019-05-06", "2019-06-30"]
    assert dates("05/06/2019", "06/06/2019") == ([None, "2019-06-06"], [True, False])
    assert dates("05/06/2019", "30/06/2019", "06/30/2019") == ([None, "2019-06-30", "2019-06-30"], [True, False, False])


def test_one_slip_of_the_pen_does_not_decide_how_thousands_are_read():
    found, doubts = dates(*["05/06/2019"] * 1000, "30/06/2019")
    assert found[:1000] == [None] * 1000 and all(doubts[:1000]) and found[1000] == "2019-06-30"
    assert not any(dates(*["05/06/2019"] * 1000, *["30/06/2019"] * 100)[1])


def test_staff_may_say_which_comes_first_unless_the_column_says_otherwise():
    assert dates("05/06/2019", order="month first")[0] == ["2019-05-06"]
    assert dates("05/06/2019", order="day first")[0] == ["2019-06-05"]
    assert dates("05/06/2019", "30/06/2019", order="month first") == ([None, "2019-06-30"], [True, False])


def test_days_that_excel_may_have_swapped_are_doubtful_where_it_left_others_as_text():
    assert dates("2019-05-06", "2019-06-30", "2019-06-06", "30/06/2019") == (
        [None, "2019-06-30", "2019-06-06", "2019-06-30"], [True, False, False, False])


def test_a_year_of_two_digits_may_stand_in_front_only_where_the_column_says_so():
    assert dates("30-06-19", "05-07-15") == ([None, None], [True, True])
    assert dates("30-06-19", "15-07-45")[0] == [None, "2045-07-15"]
    last, first = [f"{n}-07-{n + 30}" for n in (15, 16, 17)], [f"{n + 30}-07-{n}" for n in (15, 16, 17)]
    assert dates("30-06-19", *last)[0] == ["2019-06-30", "2045-07-15", "2046-07-16", "2047-07-17"]
    assert dates("19-06-30", *first)[0] == ["2019-06-30", "2045-07-15", "2046-07-16", "2047-07-17"]


@pytest.mark.parametrize("column", [
    ["30.06.19", "31.12.20", "30.09.21"], ["15.06.30", "16.06.30", "17.06.30", "21.06.30"],
    ["30/06/15", "30/06/16", "30/06/17"], ["25/05/13"]])
def test_where_the_year_may_stand_first_or_last_nothing_is_guessed(column):
    assert dates(*column) == ([None] * len(column), [True] * len(column))


@pytest.mark.parametrize(("order", "day"), [("day first", "2013-05-25"), ("year first", "2025-05-13")])
def test_staff_may_say_that_the_year_of_two_digits_comes_first(order, day):
    for sign in "/.-":
        assert dates(f"25{sign}05{sign}13", order=order) == ([day], [False])


def test_a_slip_whose_year_stands_elsewhere_speaks_against_the_order_given():
    column = ["30.06.19", "31.12.20", "30.09.21", "31.03.12"]
    assert dates(*column, order="day first")[0] == ["2019-06-30", "2020-12-31", "2021-09-30", "2012-03-31"]
    assert dates(*column, "35.06.19", order="day first")[0] == [None] * 5


def test_a_month_by_name_is_no_way_round_the_order_that_staff_say():
    assert dates("21-Apr-03", "25. Juni 2019", order="year first") == ([None, "2019-06-25"], [True, False])
    assert dates("21-Apr-03")[0] == ["2003-04-21"]


def test_advice_names_the_order_only_where_staff_said_none():
    def said(*texts, **how):
        return values.dates(pa.array(texts), **how)[1].said[0][1]

    assert "headings.toml" in said("05/06/2019") and "whether day, month or year" in said("05/06/12")
    assert "says month first, but 2 of these" in said("05/06/2019", "30/06/2019", "30/06/2019", order="month first")
    assert "headings.toml" not in said("05/06/2019", order="year first")


def test_how_a_column_was_read_is_said():
    def how(*texts, **more):
        return values.dates_and_how(pa.array(texts), **more)[2]

    assert how("2019-06-30", "30 June 2019", "") == ""
    assert how("05/06/2019", "30/06/2019", "30/06/2019") == "day first: 2 of 3 dates can be read in no other way"
    assert how("05/06/2019", order="day first") == "day first, as headings.toml says"
    assert how("05/06/2019") == ""
    assert how("30.06.19", "31.12.20", "30.09.21") == ""


@pytest.mark.parametrize("way", ["%Y-%d-%m", "%Y/%d/%m", "%Y%d%m"])
def test_a_column_without_a_day_after_the_12th_is_doubtful(way):
    column = [datetime.date(2000 + n, 2 + n % 9, 1 + n % 12) for n in range(21)]
    texts = [one.strftime(way) for one in column]
    found, doubts = dates(*texts)
    assert doubts == [one.day != one.month for one in column] and any(doubts)
    assert not any(dates(*texts, "2019-06-13")[1]) and not any(dates(*texts, order="day first")[1])
    assert not any(dates(*texts[:19])[1])


def test_dates_that_all_are_the_first_of_a_month_are_no_swapped_ones():
    assert not any(dates(*(f"{2000 + n}-{1 + n % 12:02}-01" for n in range(40)))[1])


@pytest.mark.parametrize("other", ["12-Foo-2019", "30 Foo 19", "2019-13-13", "3/14-9 x", "45/45/2019"])
def test_a_day_up_to_the_12th_beside_a_date_that_nobody_can_read_is_doubtful(other):
    assert dates("2019-05-06", "2019-05-16", other) == ([None, "2019-05-16", None], [True, False, True])


NAMES = {1: "Januar janvier enero gennaio januari janeiro Jänner", 2: "Februar février febrero febbraio fevereiro",
         3: "März mars marzo maart março Mrz", 4: "April avril abril aprile", 5: "Mai mayo maggio mei maio maj",
         6: "Juni juin junio giugno junho", 7: "Juli juillet julio luglio julho juil.", 8: "août agosto augustus",
         9: "septembre septiembre settembre setembro", 10: "Oktober octobre octubre ottobre outubro okt",
         11: "novembre noviembre novembro", 12: "Dezember décembre diciembre dicembre dezembro december déc."}


@pytest.mark.parametrize("month", NAMES)
def test_months_are_read_in_the_languages_of_alma(month):
    import unicodedata
    for name in NAMES[month].split():
        for text in (name, name.upper(), unicodedata.normalize("NFD", name)):
            assert dates(f"5. {text} 2019") == ([f"2019-{month:02}-05"], [False]), text


@pytest.mark.parametrize(("epoch", "number", "day"), [
    (1900, "43646", "2019-06-30"), (1904, "42184", "2019-06-30"), (1900, "43646.99", "2019-06-30"),
    (1900, "1", "1900-01-01"), (1900, "59", "1900-02-28"), (1900, "61", "1900-03-01"), (1900, "2958465", "9999-12-31")])
def test_numbers_of_days_are_counted_from_the_epoch_of_the_workbook(epoch, number, day):
    found, doubts = values.dates(pa.array([number]), epoch=epoch, as_number=np.array([True]))
    assert str(found.to_numpy()[0])[:10] == day and not doubts.any.any()
    assert dates(number, epoch=epoch, as_number=np.array([False])) == ([None], [True])


def test_the_day_that_only_excel_knows_is_no_date():
    assert dates("60", epoch=1900) == ([None], [True])


def test_a_number_of_days_without_an_epoch_names_both_days_that_it_may_mean():
    _, doubts = values.dates(pa.array(["43646"]))
    assert "2019-06-30" in doubts.said[0][1] and "2023-07-01" in doubts.said[0][1]


DAYS = st.lists(st.dates(datetime.date(2002, 1, 1), datetime.date(2089, 12, 31)), min_size=1, max_size=12)
WRITTEN = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%y", "%d-%b-%Y", "%Y-%m-%dT%H:%M:%S",
           "%d-%m-%y", "%y-%m-%d", "%y/%m/%d", "%y.%m.%d", "%d/%m/%y"]


@settings(max_examples=150, deadline=None)
@given(DAYS, st.sampled_from(WRITTEN))
def test_a_column_written_in_one_way_is_never_read_as_other_dates(days, way):
    found, doubts = dates(*[day.strftime(way) for day in days])
    for day, one, doubt in zip(days, found, doubts, strict=True):
        assert (one is None and doubt) or one == str(day)


@settings(max_examples=150, deadline=None)
@given(DAYS, st.sampled_from(WRITTEN), st.integers(0, 11),
       st.sampled_from(["", "?", "43646", "31.12.99", "2019-05-06"]))
def test_damaging_one_cell_never_makes_another_one_a_wrong_date(days, way, at, damage):
    texts = [day.strftime(way) for day in days]
    before, _ = dates(*texts)
    damaged = [damage if n == at % len(texts) else text for n, text in enumerate(texts)]
    after, _ = dates(*damaged)
    for n, (one, other) in enumerate(zip(before, after, strict=True)):
        # Of a few open dates, one fewer may be what lets the others settle how they are read.
        assert n == at % len(texts) or other in (one, None, str(days[n]))


def test_columns_come_as_dictionaries_in_chunks_and_empty_too():
    chunks = pa.chunked_array([pa.array(["2019-06-30", ""]).dictionary_encode(), pa.array(["x"]).dictionary_encode()])
    found, doubts = values.dates(chunks)
    assert found.isna().tolist() == [False, True, True] and doubts.any.tolist() == [False, False, True]
    for read in (values.dates, values.amounts, lambda cells: values.coded(cells, {"a": "A"}, "Status")):
        assert len(read(pa.array([], pa.string()))[0]) == 0


# ---- amounts


@pytest.mark.parametrize(("text", "amount", "currency"), [
    ("12.50", 12.5, ""), ("12,50", 12.5, ""), ("0", 0.0, ""), ("5", 5.0, ""), ("-5", -5.0, ""), ("5-", -5.0, ""),
    ("(5.00)", -5.0, ""), ("\u22125.00", -5.0, ""), ("1,234.50", 1234.5, ""), ("1.234,50", 1234.5, ""),
    ("1 234,50", 1234.5, ""), ("1\u00a0234,50", 1234.5, ""), ("1'234.50", 1234.5, ""), ("$5", 5.0, "$"),
    ("5,00 \u20ac", 5.0, "\u20ac"), ("EUR 5", 5.0, "EUR"), ("USD5.00", 5.0, "USD"), ("-$5.00", -5.0, "$"),
    ("12 kr", 12.0, "kr"), ("1,234,567.89", 1234567.89, ""), ("1.234.567", 1234567.0, ""), ("0.500", 0.5, ""),
    ("12.5", 12.5, ""), ("1234.567", 1234.567, "")])
def test_amounts_are_read_with_comma_or_point_and_with_currency_signs(text, amount, currency):
    assert amounts(text) == ([amount], [currency], [False])


@pytest.mark.parametrize("text", ["five", "1e3", "--5", "1,2,3", "12.5.0", "1.23.456", "$5 EUR", "(5", "5)", "-(5)-",
                                  "1,234", "1.000", ".", "NaN", "inf", "5.", "1,23.4,5"])
def test_any_other_amount_is_doubtful_and_not_zero(text):
    found, _, doubts = amounts(text)
    assert (found, doubts) == ([None], [True]) or text == "5."


def test_the_column_decides_whether_a_sign_parts_thousands():
    assert amounts("1,234", "5.00")[0] == [1234.0, 5.0]
    assert amounts("1,234", "5,00")[0] == [1.234, 5.0]
    assert amounts("1,234", "5,00", "5.00") == ([None, 5.0, 5.0], ["", "", ""], [True, False, False])
    assert amounts("", "5")[0] == [None, 5.0] and amounts("")[2] == [False]


MONEY = st.lists(st.decimals(-99999, 99999, places=2), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(MONEY, st.sampled_from(["{:.2f}", "{:,.2f}", "{:.2f} EUR", "${:.2f}"]), st.booleans())
def test_a_column_of_amounts_written_in_one_way_is_never_read_as_other_amounts(money, way, comma):
    texts = [way.format(one).replace("$-", "-$") for one in money]
    texts = [one.translate(str.maketrans(",.", ".,")) for one in texts] if comma else texts
    found, _, doubts = amounts(*texts)
    assert found == [float(one) for one in money] and not any(doubts)


# ---- words


def test_words_are_compared_without_case_and_blanks_and_unknown_ones_are_doubtful():
    found, doubts = values.coded(pa.array([" Public ", "STAFF", "", "Publik"]), {"public": "PUBLIC", "staff": "STAFF"},
                                 "Record Type")
    assert found.tolist()[:2] == ["PUBLIC", "STAFF"] and found.isna().tolist() == [False, False, True, True]
    assert doubts.any.tolist() == [False, False, False, True] and "Record Type is not one of" in doubts.said[0][1]
    yes, _ = values.coded(pa.array(["Yes", "no", ""]), {"yes": True, "no": False}, "Role")
    assert yes.tolist()[:2] == [True, False] and yes.isna()[2] and str(yes.dtype) == "boolean"


# ---- what must never decide about others, or be taken for something else


def test_texts_that_are_not_in_the_column_decide_nothing():
    """A part of a larger column carries all of its texts."""
    assert values.dates(pa.array(["05/06/2019", "30/06/2019"]).dictionary_encode()[:1])[0].isna().all()
    assert values.amounts(pa.array(["1,234", "12,50"]).dictionary_encode()[:1])[0].isna().all()


def test_ambiguous_texts_beside_dates_that_excel_converted_are_doubtful():
    assert dates("2019-06-30", "30/06/2019", "05/06/2019")[0] == ["2019-06-30", "2019-06-30", None]
    assert dates("2019-06-30", "05/06/2019", order="day first")[1] == [False, True]


@pytest.mark.parametrize("text", ["2019", "9999", "12.06", "6.2019"])
def test_a_number_that_may_be_a_year_is_not_counted_as_days_of_long_ago(text):
    assert dates(text, epoch=1900, as_number=np.array([True])) == ([None], [True])


@pytest.mark.parametrize("text", ["2019-06-30 99:99", "2019-06-30\u200b", "30/06-2019", "2019-06-3O", "45 June 2019"])
def test_a_date_with_something_odd_about_it_is_doubtful_with_any_help(text):
    assert dates(text, order="day first", epoch=1900) == ([None], [True])


def test_a_year_that_may_be_cut_off_is_no_evidence_for_others():
    assert dates("05/06/19", "31/12/99") == ([None, None], [True, True])
    assert dates("05/06/19", "12/31/99", "12/31/19", "10/31/19", "10/16/19")[0][:2] == ["2019-05-06", None]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("0123456789-/. :TZapmJunx", max_size=12), max_size=6), st.sampled_from([None, 1900, 1904]),
       st.sampled_from([None, "day first", "month first", "year first"]))
def test_any_text_is_a_date_or_empty_or_doubtful(texts, epoch, order):
    found, doubts = values.dates(pa.array(texts, pa.string()), order, epoch)
    empty = np.array([not text.strip() for text in texts], dtype=bool)
    assert (found.isna().to_numpy() == (doubts.any | empty)).all() and not (doubts.any & empty).any()


@pytest.mark.parametrize("text", ["no 5", "12 ok", "9" * 400, "12 50", "#REF!", "1.2E+11"])
def test_words_and_numbers_without_end_are_no_amounts(text):
    assert amounts(text) == ([None], [""], [True])


@pytest.mark.parametrize(("text", "amount"), [(".50", 0.5), ("12.300000000000001", 12.300000000000001),
                                              ("R$ 5,00", 5.0), ("kr. 5,00", 5.0),
                                              ("1\u2009234,50", 1234.5), ("1\u2019234.50", 1234.5)])
def test_more_ways_to_write_an_amount(text, amount):
    assert amounts(text)[0] == [amount]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-10**8, 10**8), st.sampled_from(["{:,.2f}", "{:,.0f}", "{:.1f}"]),
                          st.booleans()), min_size=1, max_size=8), st.data())
def test_damage_to_one_amount_never_changes_the_others(money, data):
    texts = [way.format(cents / 100).translate(str.maketrans(",.", ".,") if comma else {})
             for cents, way, comma in money]
    at = data.draw(st.integers(0, len(texts) - 1))
    bad = data.draw(st.sampled_from(["", "five", texts[at] + "x", "1.2E+11"]))
    before, after = amounts(*texts)[0], amounts(*texts[:at], bad, *texts[at + 1:])[0]
    assert all(None in (one, other) or one == other
               for place, (one, other) in enumerate(zip(before, after, strict=True)) if place != at)
