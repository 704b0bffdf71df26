"""What a choice means in numbers, added up from the cube of counts: no tick looks at a row again."""

import dataclasses

import numpy as np

from purgelib.choice import FACETS
from purgelib.population import STAYS, VERDICTS
from purgelib.rules import LATER, RULES


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many users a choice means.

    all: ticked, kept ones included. verdicts: verdict -> ticked and not kept. kept: ticked and kept by name.
    cells: ticked per user group and year, an array. facets: facet -> array, per value how many of the ticked have it.
    left_out: facet -> per value how many more would be ticked if the facet allowed that value, too.
    reasons: single reason -> how many of the ticked have it. why: single reason -> of those who stay, though ticked and
    not kept; the most frequent first. spared: reason to leave out -> how many would be ticked without it.
    """

    all: int
    verdicts: dict[str, int]
    kept: int
    cells: np.ndarray
    facets: dict[str, np.ndarray]
    left_out: dict[str, np.ndarray]
    reasons: dict[str, int]
    why: dict[str, int]
    spared: dict[str, int]


class Counting:
    """A population's cube, made ready so that any choice is counted by a few sums."""

    def __init__(self, population):
        self.cube, self.patterns = population.cube, population.reasons
        self.singles = _in_order({one for said in self.patterns for one in said})
        # A row per single reason, a column per combination of reasons that occurs.
        self.has = np.array([[one in said for said in self.patterns] for one in self.singles], dtype=bool)
        self.has = self.has.reshape(len(self.singles), len(self.patterns))
        self.stays = self.cube.where("verdict", {STAYS})

    def of(self, choice, kept_rows):
        """Returns the Counts of a choice; kept_rows: the places of the users kept by name."""
        cube, on = self.cube, choice.combinations(self.cube, self.patterns)
        ticked, kept = cube.users * on, cube.of_users(kept_rows) * on
        left = ticked - kept
        facets = {facet: cube.by(facet, users=ticked) for facet in FACETS}
        return Counts(
            all=int(ticked.sum()), kept=int(kept.sum()),
            verdicts=_named(cube.values["verdict"], cube.by("verdict", users=left), VERDICTS),
            cells=cube.by("user_group", "expired", users=ticked), facets=facets,
            left_out={facet: self._left_out(choice, facet) - facets[facet] for facet, _ in choice.only},
            reasons=self._by_reason(ticked), why=self._why(left * self.stays), spared=self._spared(choice, ticked))

    def _left_out(self, choice, facet):
        without = dataclasses.replace(choice, only=tuple(pair for pair in choice.only if pair[0] != facet))
        return self.cube.by(facet, users=self.cube.users * without.combinations(self.cube, self.patterns))

    def _spared(self, choice, ticked):
        now, found = self._by_reason(ticked), {}
        for reason in choice.leave_out:
            rest = tuple(one for one in choice.leave_out if one != reason)
            without = dataclasses.replace(choice, leave_out=rest).combinations(self.cube, self.patterns)
            found[reason] = self._by_reason(self.cube.users * without).get(reason, 0) - now.get(reason, 0)
        return found

    def _by_reason(self, users):
        per = self.cube.by("reason", users=users)
        return dict(zip(self.singles, (self.has @ per).tolist(), strict=True))

    def _why(self, users):
        # What only Alma can tell does not make anybody stay.
        found = {one: n for one, n in self._by_reason(users).items() if n and not one.endswith(LATER)}
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _in_order(reasons):
    """Reasons in the order in which staff think, that of the rules."""
    known = [text for one in RULES for text in (one.stays, one.unknown, f"{one.unknown}{LATER}")]
    return tuple(dict.fromkeys([*(one for one in known if one in reasons), *sorted(reasons)]))


def _named(values, counts, wanted):
    found = dict(zip(values, counts.tolist(), strict=True))
    return {name: found.get(name, 0) for name in wanted}
