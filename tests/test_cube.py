"""The counts of the cube are those of the rows themselves, whatever is asked for."""

import invented
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import population
from purgelib.cube import Cube

FACETS = st.lists(st.tuples(st.sampled_from(["06", "30", ""]), st.sampled_from(["2019", "none"]),
                            st.sampled_from(["stays", "may go"])), max_size=30)


def frame(rows):
    return pd.DataFrame(rows, columns=["group", "year", "verdict"], dtype="str").astype("category")


@settings(max_examples=60, deadline=None)
@given(FACETS, st.randoms())
def test_counts_are_those_of_the_rows_themselves(rows, dice):
    table = frame(rows)
    cube, some = Cube.of(table), np.array([dice.random() < 0.5 for _ in rows], dtype=bool)
    assert cube.users.sum() == len(rows) and len(cube) == len(set(rows))
    for where, users in ((np.ones(len(rows), dtype=bool), None), (some, cube.of_users(some))):
        counted = cube.by("year", "group", users=users)
        for (year, group), count in np.ndenumerate(counted):
            year, group = cube.values["year"][year], cube.values["group"][group]
            assert count == sum(1 for row, on in zip(rows, where, strict=True) if on and row[:2] == (group, year))
        made = cube.table("verdict", "group", users=users)
        assert made["users"].sum() == where.sum() and (made["users"] > 0).all()


@settings(max_examples=60, deadline=None)
@given(FACETS)
def test_each_user_is_found_by_the_combination(rows):
    cube = Cube.of(frame(rows))
    told = [tuple(cube.values[name][cube.codes[name][at]] for name in ("group", "year", "verdict")) for at in cube.row]
    assert told == rows
    wanted = cube.where("group", {"06", "no such group"})
    assert [bool(one) for one in wanted[cube.row]] == [row[0] == "06" for row in rows]


@pytest.mark.parametrize(("day", "said"), [
    ("2026-11-21", "not expired"), ("2026-11-20", "less than 1 year"), ("2025-11-22", "less than 1 year"),
    ("2025-11-21", "1 year"), ("2024-11-22", "1 year"), ("2024-11-21", "2 years"), ("2023-11-21", "3 or 4 years"),
    ("2021-11-22", "3 or 4 years"), ("2021-11-21", "5 to 9 years"), ("2016-11-21", "10 years or more"),
    ("1900-01-01", "10 years or more"), ("9999-12-31", "not expired"), (None, population.NO_EXPIRY)])
def test_years_expired_are_full_years_by_the_calendar(day, said):
    people = invented.people(invented.row(expiry_date=day and pd.Timestamp(day).as_unit("s")))
    assert people.facets["years_expired"].tolist() == [said]


def test_the_single_reasons_are_those_that_are_joined():
    people = invented.people(invented.row(), invented.row(primary_id="b", loans=1, user_group="30"))
    told = dict(zip(people.cube.values["reason"], people.reasons, strict=True))
    assert told[people.reason[0]] == () and "; ".join(told[people.reason[1]]) == people.reason[1]
    assert len(told[people.reason[1]]) == 2
