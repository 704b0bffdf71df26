"""The subsets that are ticked, user group by year of expiry, and the facets beside them, as the page draws them."""

import numpy as np

from purgelib.choice import FACETS
from purgelib.population import CHECK, MAY_GO, NO_EXPIRY
from purgelib.rules import LATER

FACET_NAMES = {"record_type": "Record type", "account_type": "Account type", "status": "Status", "campus": "Campus",
               "years_expired": "Years expired", "verdict": "Verdict"}
# Alma's own words for its codes.
CODES = {"INTEXTAUTH": "Internal with external authentication"}
CODED = {"record_type", "account_type", "status"}


class Subsets:
    """How many users there are in each user group and year of expiry, and which of these pairs a choice ticks."""

    def __init__(self, population):
        cube, self.names, self.as_of = population.cube, population.group_names, population.as_of
        self.groups, self.years = cube.values["user_group"], cube.values["expired"]
        self.row = {code: at for at, code in enumerate(self.groups)}
        self.column = {year: at for at, year in enumerate(self.years)}
        self.users = cube.by("user_group", "expired")
        self.may, self.check = (cube.by("user_group", "expired", users=cube.users * cube.where("verdict", {verdict}))
                                for verdict in (MAY_GO, CHECK))

    def elsewhere(self, ticks):
        """Returns those ticks that nobody of this population is in."""
        return frozenset(pair for pair in ticks if not self._here(*pair))

    def _here(self, group, year):
        return group in self.row and year in self.column and bool(self.users[self.row[group], self.column[year]])

    def on(self, ticks):
        """Returns the ticks as a matrix of booleans."""
        on = np.zeros(self.users.shape, dtype=bool)
        for group, year in ticks - self.elsewhere(ticks):
            on[self.row[group], self.column[year]] = True
        return on

    def pairs(self, row=None, column=None):
        """Returns the (user group, year) pairs with users in a row, a column, one cell, or everywhere."""
        there = np.zeros(self.users.shape, dtype=bool)
        there[slice(None) if row is None else row, slice(None) if column is None else column] = True
        return frozenset((self.groups[g], self.years[y]) for g, y in np.argwhere(there & (self.users > 0)).tolist())

    def when(self, year):
        """Returns a year of expiry in words: without an expiry date, expired 2019, expires 2030."""
        if not year.isdigit():
            return "without an expiry date" if year == NO_EXPIRY else year
        ahead = int(year) - self.as_of.year
        return f"{'expired' if ahead < 0 else 'expires' if ahead else 'expiring in'} {year}"

    def as_table(self):
        """Returns what the page draws: names, years (short, in words), and of each cell: users, may go, check."""
        return {"groups": [self.names[code] for code in self.groups],
                "years": [[year if year != NO_EXPIRY else "no date", self.when(year)] for year in self.years],
                "cells": np.stack([self.users, self.may, self.check], axis=2).tolist()}


def facet_lists(cube):
    """Returns the facets as the page draws them: name in words, and of each value its words and how many users."""
    return [{"facet": facet, "name": FACET_NAMES[facet], "values": [in_words(facet, one) for one in cube.values[facet]],
             "users": cube.by(facet).tolist()} for facet in FACETS]


def in_words(facet, value):
    """Returns a facet's value as staff read it: Public, not known, without an expiry date."""
    if value == "":
        return "not known"
    if facet == "years_expired" and value == NO_EXPIRY:
        return "without an expiry date"
    return CODES.get(value) or (value.capitalize() if facet in CODED and value.isupper() else value)


def reason_in_words(reason):
    """Returns a single reason without what is said of all that only Alma can tell."""
    return reason.removesuffix(LATER)
