"""Each rule can be the only reason; a fact that is missing keeps the user; dropping facts frees nobody."""

import invented
import pandas as pd
import pytest

from purgelib import rules, users
from purgelib.errors import BadChoice

DAY = pd.Timestamp(invented.AS_OF)
STAYS = [
    ("sound_id", {"id_problem": "damaged"}), ("nothing_doubtful", {"doubt": "Status cannot be read"}),
    ("in_the_set", {"in_set": False}), ("not_deleted", {"status": "DELETED"}),
    ("id_not_protected", {"primary_id": "EXL_impl"}), ("id_not_protected", {"primary_id": "Kept-By-Policy"}),
    ("not_excepted", {"keep_reason": "comes back"}), ("group_not_protected", {"user_group": "30"}),
    ("record_type_may_go", {"record_type": "STAFF"}), ("record_type_may_go", {"record_type": "CONTACT"}),
    ("expired_long_enough", {"expiry_date": pd.Timestamp("2024-11-22")}),
    ("purge_date_not_ahead", {"purge_date": pd.Timestamp("2026-11-22")}),
    ("no_other_roles", {"other_roles": True}), ("no_loans", {"loans": 1}), ("no_fees", {"fees": 0.01}),
    ("no_fees", {"fees": -5.0}), ("no_requests", {"requests": 1}), ("no_blocks", {"blocks": 1}),
    ("no_proxies", {"proxies": 1}), ("not_linked", {"linked": True}),
]
MISSING = {
    "id_problem": "sound_id", "doubt": "nothing_doubtful", "status": "not_deleted", "user_group": "group_not_protected",
    "record_type": "record_type_may_go", "expiry_date": "expired", "other_roles": "no_other_roles",
    "loans": "no_loans", "fees": "no_fees", "requests": "no_requests", "blocks": "no_blocks",
    "proxies": "no_proxies", "linked": "not_linked",
}


def ask(**changes):
    return rules.answers(invented.table(invented.row(**changes)), invented.POLICY, DAY, live=True).iloc[0]


def test_nothing_speaks_against_the_user_about_whom_all_is_known():
    assert ask().eq(True).all() and rules.reasons(ask(), live=True) == []


@pytest.mark.parametrize(("name", "changes"), STAYS)
def test_each_rule_can_be_the_only_reason_to_stay(name, changes):
    said = ask(**changes)
    assert list(said.index[~said.astype(bool)]) == [name]
    assert rules.reasons(said, live=True) == [rules.by_name()[name].stays]


def test_every_rule_is_the_only_reason_in_some_test_or_comes_with_another():
    # An unbelievable or future expiry date fails "expired long enough" as well.
    assert {one.name for one in rules.RULES} - {name for name, _ in STAYS} == {"expiry_believable", "expired"}


@pytest.mark.parametrize("day", ["1900-01-01", "9999-12-31"])
def test_a_date_that_nobody_meant_is_no_expiry_date(day):
    assert not ask(expiry_date=pd.Timestamp(day).as_unit("s"))["expiry_believable"]


@pytest.mark.parametrize(("fact", "name"), MISSING.items())
def test_a_missing_fact_is_cannot_tell(fact, name):
    said = ask(**{fact: None})
    assert pd.isna(said[name])


@pytest.mark.parametrize("fact", [c.name for c in users.COLUMNS if c.name not in
                                  ("keep_reason", "in_set", "name", "group_name")])
def test_dropping_a_fact_never_frees_anybody(fact):
    """Left out are keep_reason and in_set: there, nothing says that nobody keeps the user, that there is no set."""
    lost = {fact: None} | ({"purge_known": None} if fact == "purge_date" else {})
    for _, changes in [("", {}), *STAYS]:
        before, after = ask(**changes), ask(**changes | lost)
        freed = after.fillna(False).astype(bool) & ~before.fillna(False).astype(bool)
        assert not freed.any(), (fact, changes, list(freed.index[freed]))


def test_an_absent_purge_date_is_fine_only_when_known_to_be_absent():
    assert ask(purge_date=None, purge_known=True)["purge_date_not_ahead"]
    assert pd.isna(ask(purge_date=None, purge_known=False)["purge_date_not_ahead"])
    assert pd.isna(ask(purge_date=None, purge_known=None)["purge_date_not_ahead"])


def test_the_boundary_day_counts_as_expired_long_enough():
    last = DAY - pd.Timedelta(days=invented.POLICY.expired_for_days)
    assert ask(expiry_date=last)["expired_long_enough"]
    assert not ask(expiry_date=last + pd.Timedelta(days=1))["expired_long_enough"]


def test_rules_that_only_alma_can_answer_are_not_asked_of_exports():
    asked = rules.answers(invented.table(invented.row(blocks=None, proxies=None, linked=None)), invented.POLICY, DAY)
    assert {"no_blocks", "no_proxies", "not_linked"}.isdisjoint(asked)


@pytest.mark.parametrize("given", [
    {"protected_group": ["30"]}, {"protected_groups": [6]}, {"protected_groups": "06"}, {"max_users": "100"},
    {"max_users": -1}, {"max_share": True}, {"protected_ids": [""]}, {"canary": 0}])
def test_a_policy_with_a_slip_of_the_pen_is_refused(given):
    with pytest.raises(BadChoice):
        rules.Policy.from_dict(given)


def test_a_policy_survives_being_written_down():
    assert rules.Policy.from_dict(invented.POLICY.to_dict()) == invented.POLICY


def test_every_rule_says_in_a_sentence_what_it_asks():
    assert all(one.ask.__doc__ and one.stays and one.unknown for one in rules.RULES)


def test_what_only_alma_tells_is_asked_of_exports_that_tell_it():
    told = rules.answers(invented.table(invented.row(blocks=1)), invented.POLICY, DAY)
    untold = rules.answers(invented.table(invented.row(blocks=None, proxies=None)), invented.POLICY, DAY)
    assert not told["no_blocks"].iloc[0] and "no_blocks" not in untold and "no_proxies" not in untold
