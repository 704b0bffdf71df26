"""What is odd is named with a count and an example, and what is not odd is not."""

import dataclasses
import types

import exported
import pandas as pd
import pytest
from invented import people, POLICY, row

from purgelib import identifiers, oddities
from purgelib.errors import BadChoice

DAY = pd.Timestamp
ODD = {
    "purge date is past, though the user has not expired": row(primary_id="odd", expiry_date=DAY("2028-01-01")),
    "purge date is before the expiry date": row(primary_id="odd", purge_date=DAY("2018-01-01")),
    "expired, but the purge date is in the future": row(primary_id="odd", purge_date=DAY("2036-12-31")),
    "no expiry date": row(primary_id="odd", expiry_date=pd.NaT),
    "expiry date that nobody meant (before 1990 or after 2100)": row(primary_id="odd", expiry_date=DAY("1900-01-01")),
    "name or ID looks like a test": row(primary_id="odd", name="Test, Second"),
    "record type Staff or Contact in a group of patrons": row(primary_id="odd", record_type="STAFF"),
    "the only user of a group": row(primary_id="odd", user_group="99"),
    "no user group": row(primary_id="odd", user_group=None),
    "the primary ID cannot be trusted": row(primary_id="odd", id_problem="damaged"),
    "the ID resembles another one": row(primary_id="odd", doubt=identifiers.ALIKE),
    "the export is doubtful about the user": row(primary_id="odd", doubt="its rows contradict each other"),
}
POLICY_KNOWN = dataclasses.replace(POLICY, protected_groups=("06",))


def everybody(*more):
    return people(*(row(primary_id=f"{at:08}") for at in range(20)), *more, policy=POLICY_KNOWN)


def test_nothing_odd_is_said_so():
    assert oddities.find(everybody()).empty
    assert oddities.words(everybody()) == "Nothing odd was found."


def test_every_oddity_is_tried():
    assert {one.what for one in oddities.ODDITIES} == set(ODD)


@pytest.mark.parametrize("what", ODD)
def test_each_oddity_is_counted_with_an_example(what):
    found = oddities.find(everybody(ODD[what])).set_index("what")
    assert found.loc[what, ["users", "for example"]].tolist() == [1, "odd"]
    assert oddities.who(everybody(ODD[what]), what)["primary_id"].tolist() == ["odd"]
    assert f"{what}: 1" in oddities.words(everybody(ODD[what]))


@pytest.mark.parametrize("name", ["Greatest, Ada", "Testa, Ada", "Protester, Ada", "Demosthenes, Ada"])
def test_a_surname_that_only_contains_test_is_not_odd(name):
    assert oddities.find(everybody(row(primary_id="a", name=name))).empty


def test_how_many_of_the_odd_ones_may_go_is_told():
    population = people(*(row(primary_id=str(at)) for at in range(9)), row(primary_id="x", name="Dummy"))
    found = oddities.find(population).set_index("what")
    assert found.loc["name or ID looks like a test", "of them may go"] == 1


def test_a_protected_group_that_nobody_is_in_is_named():
    found = oddities.find(people(row(), row(primary_id="2"))).set_index("what")
    assert found.loc["protected group that no user is in", "for example"] == "30"


def test_ghosts_and_rows_that_repeat_are_told_from_the_files():
    files = types.SimpleNamespace(ghosts=pd.DataFrame({"primary_id": ["g1", "g2"]}), folded=3)
    found = oddities.find(everybody(), files).set_index("what")
    assert found["users"].to_dict() == {"purged before, still in Analytics": 2,
                                        "rows that say again what another row says": 3}


def test_what_is_not_looked_for_is_refused():
    with pytest.raises(BadChoice, match="no expiry date") as caught:
        oddities.who(everybody(), "something else")
    assert all(one.what in str(caught.value) for one in oddities.ODDITIES)


def test_an_id_that_reading_finds_alike_is_told(tmp_path):
    everybody = ["00412345", "O0412345", *(f"0099{at:04}" for at in range(9))]
    population = exported.judged(exported.read(tmp_path, [exported.user(one) for one in everybody], strict=False))
    # Of the other one it is doubtful before whose row this is.
    assert oddities.who(population, "the ID resembles another one")["primary_id"].tolist() == ["O0412345"]
