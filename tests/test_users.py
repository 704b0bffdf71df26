"""One Alma record becomes one row; what a record lacks stays unknown."""

import invented
import pandas as pd
import pytest

from purgelib import rules, users

DAY = pd.Timestamp(invented.AS_OF)


def judged(record, owed=0.0):
    table = users.table([users.from_record(record, owed)])
    return rules.answers(table, invented.POLICY, DAY, live=True).iloc[0]


def test_a_whole_record_is_a_whole_row():
    made = users.table([users.from_record(invented.record(), 0.0)])
    assert made.drop(columns=["keep_reason", "in_set"]).notna().drop(columns="campus").all(axis=None)
    assert judged(invented.record()).all()


@pytest.mark.parametrize("field", [name for name in invented.record() if name not in ("purge_date", "fees")])
def test_a_field_that_is_missing_from_the_record_never_frees_the_user(field):
    whole = invented.record()
    part = {name: value for name, value in whole.items() if name != field}
    before, after = judged(whole), judged(part)
    assert not (after.fillna(False).astype(bool) & ~before.fillna(False).astype(bool)).any()


def test_counts_that_alma_did_not_expand_are_unknown_not_zero():
    said = judged(invented.record(loans=None, requests=None))
    assert pd.isna(said["no_loans"]) and pd.isna(said["no_requests"])


def test_without_the_other_statuses_the_active_balance_counts():
    assert users.from_record(invented.record(fees={"value": 7.5}))["fees"] == 7.5
    assert pd.isna(users.from_record(invented.record(fees=None))["fees"])


@pytest.mark.parametrize("roles", [[{"role_type": {"value": "21"}}], [{}], [{"role_type": None}]])
def test_any_role_that_is_not_patron_counts(roles):
    assert users.from_record(invented.record(user_role=roles))["other_roles"]


@pytest.mark.parametrize("field", ["source_link_id", "source_institution_code", "linking_id"])
def test_both_ends_of_a_link_count(field):
    assert users.from_record(invented.record(**{field: "123"}))["linked"]


def test_keys_ignore_case_and_outer_blanks():
    assert users.key_of(" JExample3 ") == "jexample3"
    assert list(users.key_of(pd.Series(["A ", "b"]))) == ["a", "b"]


@pytest.mark.parametrize("primary_id", ["", " 123", "123\u00a0", "12\u200b3", "no primary id (123)"])
def test_ids_that_cannot_be_trusted_are_named(primary_id):
    assert users.id_problem(primary_id)


@pytest.mark.parametrize("primary_id", ["00412345", "jexample3", "a.b@example.edu", "Invented Name"])
def test_ordinary_ids_are_trusted(primary_id):
    assert users.id_problem(primary_id) == ""


def test_leading_zeros_survive():
    assert users.table({"primary_id": ["00412345"], "user_group": ["06"]})["user_group"].iloc[0] == "06"
