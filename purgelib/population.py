"""Everybody in the exports, with a verdict and all reasons, and the counts of them by any facets."""

import dataclasses
import functools

import numpy as np
import pandas as pd

from purgelib import expiries, rules, users
from purgelib.cube import Cube
from purgelib.errors import BadChoice

MAY_GO, CHECK, STAYS = "may go", "to be checked live", "stays"
VERDICTS = [MAY_GO, CHECK, STAYS]
NO_EXPIRY = expiries.NO_EXPIRY
NOTHING = "expired long enough, nothing speaks against it"
# How long ago the expiry date was, in full years: (fewer than, in words).
AGES = ((1, "less than 1 year"), (2, "1 year"), (3, "2 years"), (5, "3 or 4 years"), (10, "5 to 9 years"),
        (10_000, "10 years or more"))
NOT_EXPIRED = "not expired"


@dataclasses.dataclass(frozen=True)
class Population:
    """Everybody: the user table, each rule's answers, the verdicts. Made by ``population.judge``; only reads.

    table: user table (see ``users.COLUMNS``), a row per user.
    answers: frame of booleans, a row per user, a column per rule, missing = cannot tell.
    verdict: categorical of VERDICTS. reason: categorical text, all reasons joined by "; ".
    as_of: the day of the data; ages are counted to that day, which never makes anybody look older.
    """

    table: pd.DataFrame
    answers: pd.DataFrame
    verdict: pd.Series
    reason: pd.Series
    policy: rules.Policy
    as_of: pd.Timestamp
    inputs: tuple = ()
    problems: pd.DataFrame | None = None

    def __len__(self):
        return len(self.table)

    @functools.cached_property
    def facets(self):
        """Returns the facets that users can be counted and ticked by, a column each."""
        return facets(self.table, self.as_of).assign(verdict=self.verdict, reason=self.reason)

    @functools.cached_property
    def cube(self):
        """Returns how many users there are of each combination of facets; counted once. See ``cube.Cube``."""
        return Cube.of(self.facets)

    @functools.cached_property
    def days(self):
        """Returns how many users there are by day of expiry, kind of purge date and verdict; counted once, a Cube.

        Its facet ``long_enough`` is the verdict that a user would have if the expiry date were long enough ago.
        """
        pattern, codes = _patterns(self.answers.drop(columns="expired_long_enough", errors="ignore"))
        other = np.array([VERDICTS.index(_verdict(row)) for row in pattern], dtype=np.int8)[codes]
        return Cube.of(expiries.facets(self.table, self.as_of).assign(
            verdict=self.verdict, long_enough=pd.Categorical.from_codes(other, VERDICTS)))

    def counts(self, *by, where=None):
        """Counts users by facets; returns a frame with one row per combination and the column ``users``.

        by: names of facets; verdict, if none is given. where: a boolean array, a value per user: count only these.
        """
        if unknown := [name for name in by if name not in self.cube.values]:
            raise BadChoice(f"Users cannot be counted by {', '.join(map(repr, unknown))}. They can by: "
                            f"{', '.join(self.cube.values)}.", where="facet", value=unknown)
        if len(set(by)) < len(by):
            raise BadChoice(f"Each facet is counted by once: {', '.join(by)}.", where="facet", value=list(by))
        return self.cube.table(*(by or ["verdict"]), users=None if where is None else self.cube.of_users(where))

    @functools.cached_property
    def reasons(self):
        """Returns per value of the facet ``reason`` the single reasons that it joins, a tuple of tuples of texts."""
        return tuple(() if said == NOTHING else tuple(said.split("; ")) for said in self.cube.values["reason"])

    @functools.cached_property
    def group_names(self):
        """Returns the user groups as staff read them: a dict of code -> code and description."""
        groups = self.table["group_name"].groupby(self.facets["user_group"], observed=True)
        said = groups.first().astype("str").fillna("")
        return {str(code): " ".join(f"{code} {name}".split()) or "no user group" for code, name in said.items()}

    def one(self, primary_id):
        """Says in one sentence who a user is, and the verdict; names an ID that is nobody's."""
        row = np.flatnonzero((self.table["key"] == users.key_of(primary_id)).to_numpy(bool))
        if not len(row):
            return f"Nobody in these exports has the primary ID {primary_id!r}: check the spelling and leading zeros."
        user, group = self.table.iloc[row[0]], self.group_names[str(self.facets["user_group"].iloc[row[0]])]
        name = user["name"] if isinstance(user["name"], str) and user["name"] else "without a name"
        return f"{user['primary_id']}, {name}, {group}: {self.verdict.iloc[row[0]]}."

    def why(self, primary_id):
        """Returns one user with every rule's answer in words: a frame with the columns rule, answer."""
        row = self.table.index[self.table["key"] == users.key_of(primary_id)]
        if row.empty:
            return pd.DataFrame({"rule": [], "answer": []})
        said = self.answers.loc[row[0]]
        words = ["cannot tell" if pd.isna(a) else "may go" if a else "stays" for a in said]
        return pd.DataFrame({"rule": [rules.by_name()[n].ask.__doc__ for n in said.index], "answer": words})

    def funnel(self):
        """Counts how many are left after each rule in turn; those left may go or are to be checked live.

        Returns a frame with the columns reason, stay (kept by this rule first), left.
        """
        return pd.DataFrame(self._steps, columns=["reason", "stay", "left"])

    @functools.cached_property
    def _steps(self):
        left = np.ones(len(self), dtype=bool)
        rows = [("everybody", 0, len(self))]
        for name, one in rules.by_name().items():
            if name in self.answers:
                no = ~self.answers[name].fillna(one.settled_live).to_numpy(bool)
                rows.append((one.stays, int((left & no).sum()), int((left & ~no).sum())))
                left &= ~no
        return rows

    def summary(self):
        """Says in one sentence how many may go, are to be checked live, and stay."""
        n = self.verdict.value_counts()
        return (f"Of {len(self):,} users, as of {self.as_of:%d %B %Y}: {n[MAY_GO]:,} may go, "
                f"{n[CHECK]:,} are to be checked live, {n[STAYS]:,} stay.")


def judge(exports, policy):
    """Gives everybody in the exports a verdict with all reasons; returns a Population. Only reads."""
    table, as_of = exports.users, pd.Timestamp(exports.data_date)
    told = {kind for source in exports.inputs for kind in source.kind.split(", ")}
    said = rules.answers(table, policy, as_of, told=told)
    pattern, codes = _patterns(said)
    verdict = [_verdict(row) for row in pattern]
    reason = ["; ".join(rules.reasons(row)) or NOTHING for row in pattern]
    return Population(
        table, said,
        pd.Series(pd.Categorical(np.array(verdict, dtype=object)[codes], VERDICTS), table.index),
        pd.Series(pd.Categorical(np.array(reason, dtype=object)[codes]), table.index),
        policy, as_of, exports.inputs, exports.problems)


def facets(table, as_of):
    """Returns what users are counted and ticked by, a frame of categories without gaps, a row per user.

    user_group, expired (the year as text, or NO_EXPIRY), years_expired (AGES in words, counted to as_of), record_type,
    account_type, status, campus ("" where it is not known).
    """
    year = table["expiry_date"].dt.year
    texts = ("user_group", "record_type", "account_type", "status", "campus")
    return pd.DataFrame({name: _with_nothing(table[name]) for name in texts}
                        | {"expired": _years(year), "years_expired": _ages(table["expiry_date"], as_of)})


def _years(year):
    """Years as texts in their order, users without an expiry date at the end."""
    codes, found = pd.factorize(year, sort=True)
    names = [*(str(int(one)) for one in found), *([NO_EXPIRY] if (codes < 0).any() else [])]
    return pd.Categorical.from_codes(np.where(codes < 0, len(found), codes), categories=pd.Index(names, dtype="str"))


def _ages(expiry_date, as_of):
    """How many full years ago, by the calendar, as one of AGES; who expires on the day of the data has not expired."""
    starts = [as_of - pd.DateOffset(years=years) for years, _ in AGES[:-1]]
    days = expiry_date.to_numpy("datetime64[s]")
    # From the latest to the earliest day: what lies on an anniversary has that many full years.
    ends = np.array([as_of.to_datetime64(), *(one.to_datetime64() for one in starts)], dtype="datetime64[s]")
    codes = (days[:, None] <= ends[None, 1:]).sum(axis=1) + 1
    codes[days >= ends[0]] = 0
    codes[np.isnat(days)] = len(AGES) + 1
    names = [NOT_EXPIRED, *(said for _, said in AGES), NO_EXPIRY]
    return pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="str"))


def _with_nothing(column):
    """A category of its own for users of whom the fact is not known, so that they are counted, too."""
    if "" not in column.cat.categories:
        column = column.cat.add_categories([""])
    made = column.fillna("").cat.remove_unused_categories()
    return made.cat.reorder_categories(sorted(made.cat.categories))


def _patterns(said):
    """Few combinations of answers occur: words are made once for each of them, not for each user."""
    digits = np.zeros(len(said), dtype=np.int64)
    for name in said:
        digits = digits * 3 + said[name].astype("Int8").fillna(2).to_numpy(np.int64)
    _, first, codes = np.unique(digits, return_index=True, return_inverse=True)
    return said.iloc[first].to_dict("records"), codes


def _verdict(row):
    known = rules.by_name()
    if any(not pd.isna(a) and not a for a in row.values()):
        return STAYS
    open_ones = [name for name, a in row.items() if pd.isna(a)]
    if any(not known[name].settled_live for name in open_ones):
        return STAYS
    return CHECK if open_ones else MAY_GO
