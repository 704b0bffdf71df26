"""Everybody has a verdict and a reason; the counts add up; a slow obvious reading says the same."""

import itertools

import invented
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import population, rules
from purgelib.errors import BadChoice
from purgelib.population import CHECK, MAY_GO, STAYS

DAY = pd.Timestamp(invented.AS_OF)
# Every fact as it is for one who may go, as it keeps, and missing.
FACTS = {
    "id_problem": ["", "damaged"], "doubt": ["", "Status cannot be read"], "in_set": [None, True, False],
    "status": ["ACTIVE", "INACTIVE", "DELETED", "PENDING", None],
    "primary_id": ["abc1", "exl_x", "KEPT-by-policy"], "keep_reason": [None, "comes back"],
    "user_group": ["06", "30", "030", " 30", None], "record_type": ["PUBLIC", "STAFF", None],
    "expiry_date": ["2019-06-30", "2026-11-20", "2026-11-21", "1980-01-01", "9999-12-31", None],
    "purge_date": ["2020-06-30", "2026-11-22", None], "purge_known": [True, False, None],
    "other_roles": [False, True, None], "loans": [0, 2, None], "requests": [0, 1, None],
    "fees": [0.0, 0.5, -1.0, None], "blocks": [0, 3, None], "proxies": [0, 1, None], "linked": [False, True, None],
}
USUAL = {name: values[0] for name, values in FACTS.items()}
# Two things at most are unusual about each: with more, everybody would stay for several reasons.
USERS = st.lists(st.lists(st.sampled_from([(name, value) for name, values in FACTS.items() for value in values]),
                          max_size=2).map(lambda changes: USUAL | dict(changes)), min_size=1, max_size=12)


def people(rows):
    return invented.people(*(invented.row(**one | {name: pd.Timestamp(one[name]).as_unit("s") if one[name] else None
                                                   for name in ("expiry_date", "purge_date")}) for one in rows))


def slow_verdicts(rows):
    """The same, one user at a time, as a person would read the rules aloud."""
    told = [name for name in ("blocks", "proxies", "linked") if any(one[name] is not None for one in rows)]
    return [slow_verdict(one, told) for one in rows]


def slow_verdict(one, told):
    stays, open_ones = [], []
    stays.append(one["id_problem"] != "" or one["doubt"] != "" or one["in_set"] is False)
    stays.append(one["status"] == "DELETED")
    open_ones.append(one["status"] not in ("ACTIVE", "INACTIVE", "DELETED"))
    stays.append(one["primary_id"].lower().startswith(("exl_", "carli_", "rialto_", "leganto_")))
    stays.append(one["primary_id"].lower() == "kept-by-policy")
    stays.append(one["keep_reason"] is not None)
    stays.append(one["user_group"] is None or one["user_group"].strip().lstrip("0") == "30")
    stays.append(one["record_type"] == "STAFF")
    open_ones.append(one["record_type"] is None)
    day = one["expiry_date"]
    stays.append(day is None or day[:4] < "1990" or day[:4] > "2100" or day > "2024-11-21")
    stays.append(one["purge_date"] is not None and one["purge_date"] > invented.AS_OF)
    open_ones.append(one["purge_date"] is None and not one["purge_known"])
    stays.append(one["other_roles"] is True)
    stays.extend(one[name] is not None and one[name] > 0 for name in ("loans", "requests"))
    stays.append(one["fees"] is not None and one["fees"] != 0)
    stays.extend(one[name] is not None and one[name] > 0 for name in told)
    open_ones.extend(one[name] is None for name in ("other_roles", "loans", "requests", "fees", *told))
    return STAYS if any(stays) else CHECK if any(open_ones) else MAY_GO


@settings(max_examples=60, deadline=None)
@given(USERS)
def test_the_verdict_is_what_a_slow_reading_of_the_rules_says(rows):
    assert list(people(rows).verdict) == slow_verdicts(rows)


def test_every_single_fact_and_pair_of_facts_is_judged_as_the_slow_reading_does():
    pairs = itertools.combinations(FACTS, 2)
    rows = [USUAL | {a: x, b: y} for a, b in pairs for x in FACTS[a] for y in FACTS[b]]
    assert list(people(rows).verdict) == slow_verdicts(rows)


@settings(max_examples=40, deadline=None)
@given(USERS)
def test_nobody_is_without_a_reason_and_every_count_adds_up(rows):
    judged = people(rows)
    assert judged.verdict.notna().all() and (judged.reason.astype("str").str.len() > 0).all()
    assert len(judged) == len(rows) == sum((judged.verdict == one).sum() for one in population.VERDICTS)
    for by in (["verdict"], ["user_group", "expired"], ["record_type", "status", "verdict"], ["reason"]):
        assert judged.counts(*by)["users"].sum() == len(rows)
    mask = (judged.verdict == STAYS).to_numpy(bool)
    assert judged.counts("expired", where=mask)["users"].sum() == mask.sum()


@settings(max_examples=40, deadline=None)
@given(USERS)
def test_the_funnel_adds_up_and_ends_with_those_who_may_be_chosen(rows):
    judged = people(rows)
    funnel = judged.funnel()
    assert funnel["left"].iloc[0] == len(rows)
    assert (funnel["left"].shift(1).iloc[1:] - funnel["stay"].iloc[1:] == funnel["left"].iloc[1:]).all()
    assert funnel["left"].iloc[-1] == (judged.verdict != STAYS).sum()


@settings(max_examples=40, deadline=None)
@given(USERS, st.sampled_from(sorted(set(FACTS) - {"keep_reason", "in_set", "primary_id", "purge_known"})))
def test_dropping_a_fact_never_lets_anybody_go(rows, fact):
    lost = [one | ({fact: None, "purge_known": None} if fact == "purge_date" else {fact: None}) for one in rows]
    # Of blocks, proxies and links nothing is asked where no export tells them; here, one does, of one more user.
    before, after = people([*rows, USUAL]).verdict, people([*lost, USUAL]).verdict
    assert not ((after == MAY_GO) & (before != MAY_GO)).any()


def test_reasons_name_everything_that_speaks_against():
    judged = invented.people(invented.row(loans=1, user_group="30", status=None),
                             invented.row(primary_id="b", loans=None),
                             invented.row(primary_id="c"))
    known = rules.by_name()
    assert judged.reason[0] == f"{known['group_not_protected'].stays}; {known['no_loans'].stays}"
    assert judged.reason[1] == "loans not known: Alma will tell"
    assert list(judged.verdict) == [STAYS, CHECK, MAY_GO]


def test_the_summary_tells_the_three_counts():
    judged = invented.people(invented.row(), invented.row(primary_id="b", loans=1),
                             invented.row(primary_id="c", loans=None))
    said = judged.summary()
    assert "Of 3 users" in said and "1 may go" in said and "1 are to be checked live" in said and "1 stay" in said


def test_why_answers_for_one_user_in_any_case_and_for_nobody_at_all():
    judged = invented.people(invented.row(primary_id="Abc1", loans=2, fees=None))
    said = judged.why(" aBC1").set_index("rule")["answer"]
    assert said[rules.by_name()["no_loans"].ask.__doc__] == "stays"
    assert said[rules.by_name()["no_fees"].ask.__doc__] == "cannot tell"
    assert judged.why("somebody else").empty


@pytest.mark.parametrize("facets", [("group",), ("user_group", "typo"), ("verdict", "verdict")])
def test_counting_by_what_is_no_facet_says_which_there_are(facets):
    judged = invented.people(invented.row())
    with pytest.raises(BadChoice) as caught:
        judged.counts(*facets)
    assert facets[-1] in str(caught.value)
    if facets[-1] != "verdict":
        assert all(name in str(caught.value) for name in judged.facets)


def test_the_funnel_adds_up_at_every_step():
    judged = invented.people(
        invented.row(), invented.row(primary_id="b", loans=1, fees=9.0), invented.row(primary_id="c", loans=None),
        invented.row(primary_id="d", user_group="30"), invented.row(primary_id="e", expiry_date=None),
        invented.row(primary_id="f", id_problem="damaged"), invented.row(primary_id="g", purge_known=False,
                                                                         purge_date=None))
    steps = judged.funnel()
    assert (steps["left"].shift().iloc[1:] - steps["stay"].iloc[1:]).tolist() == steps["left"].iloc[1:].tolist()
    assert steps["stay"].sum() + steps["left"].iloc[-1] == steps["left"].iloc[0] == len(judged)
    assert steps["stay"].sum() == (judged.verdict == STAYS).sum()
    assert steps["left"].iloc[-1] == judged.verdict.isin([MAY_GO, CHECK]).sum()


def test_the_funnel_asks_in_the_order_in_which_staff_think():
    # Can this user be told at all; is it somebody for ever; is it long enough ago; does anything still hold the user.
    order = invented.people(invented.row()).funnel()["reason"].tolist()
    thought = ["everybody", "the primary ID cannot be trusted", "is on the list of protected IDs",
               "is in a protected user group", "is of a record type that stays", "not expired", "expired too recently",
               "purge date in the future", "has a role other than Patron", "has loans", "owes fees", "has requests"]
    assert [one for one in order if one in thought] == thought


def test_facets_hold_codes_and_years_as_texts():
    judged = invented.people(invented.row(), invented.row(primary_id="b", expiry_date=None, user_group=None))
    assert judged.facets[["user_group", "expired"]].astype(str).to_numpy().tolist() == [["06", "2019"], ["", "none"]]


@pytest.mark.parametrize("asked", ["verdict", "user_group"])
def test_judging_changes_no_table(asked):
    given = invented.exports(invented.row(), invented.row(primary_id="b", loans=1))
    before = given.users.copy()
    population.judge(given, invented.POLICY).counts(asked)
    pd.testing.assert_frame_equal(given.users, before)


def test_one_user_is_told_in_a_sentence_and_an_id_of_nobody_is_named():
    judged = invented.people(invented.row(primary_id="00412345"), invented.row(primary_id="x", name=None, loans=1))
    assert judged.one(" 00412345") == "00412345, Ada Example, 06 Undergraduate: may go."
    assert judged.one("X") == "x, without a name, 06 Undergraduate: stays."
    assert judged.one("412345").startswith("Nobody in these exports has the primary ID '412345'")
