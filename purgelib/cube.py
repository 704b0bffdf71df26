"""How many users there are of every combination of facets: counted once, so that no picture and no tick counts again.

A million users are a few thousand combinations. Whoever wants a number adds up those, and finds the users of some
combinations by one look into an array.
"""

import dataclasses

import numpy as np
import pandas as pd


@dataclasses.dataclass(frozen=True)
class Cube:
    """The combinations of facets that occur, in no particular order, and how many users each has.

    values: facet -> its values, a tuple of texts. codes: facet -> per combination which of them, an int32 array.
    users: per combination how many, an int64 array. row: per user which combination, an int32 array.
    """

    values: dict[str, tuple[str, ...]]
    codes: dict[str, np.ndarray]
    users: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, facets):
        """Counts a frame of categories without gaps, a row per user and a column per facet; returns a Cube."""
        values = {name: tuple(map(str, column.cat.categories)) for name, column in facets.items()}
        place = np.zeros(len(facets), dtype=np.int64)
        for name, column in facets.items():
            # Renumbered each time, so that any number of facets fits into one number.
            place, _ = pd.factorize(place * max(1, len(values[name])) + column.cat.codes.to_numpy(np.int64))
        users = np.bincount(place).astype(np.int64)
        first = np.empty(len(users), dtype=np.int64)
        first[place[::-1]] = np.arange(len(place))[::-1]
        codes = {name: column.cat.codes.to_numpy(np.int32)[first] for name, column in facets.items()}
        return cls(values, codes, users, place.astype(np.int32))

    def __len__(self):
        return len(self.users)

    def of_users(self, where):
        """Returns how many of some users (a boolean array, or places) each combination has: an int64 array."""
        return np.bincount(self.row[where], minlength=len(self)).astype(np.int64)

    def by(self, *facets, users=None):
        """Returns the counts as an int64 array of an axis per facet, in the order of its values.

        users: how many to count per combination (see ``of_users``); everybody, if not given.
        """
        shape = tuple(len(self.values[name]) for name in facets)
        place = np.zeros(len(self), dtype=np.int64)
        for name, size in zip(facets, shape, strict=True):
            place = place * size + self.codes[name]
        counted = np.bincount(place, self.users if users is None else users, minlength=int(np.prod(shape)))
        # Sums of whole numbers below 2**53 are exact as floats.
        return counted.astype(np.int64).reshape(shape)

    def where(self, facet, wanted):
        """Returns a boolean array: which combinations have one of the wanted values of a facet."""
        has = np.array([value in wanted for value in self.values[facet]] or [False])
        return has[self.codes[facet]]

    def table(self, *facets, users=None):
        """Returns the counts as a frame: a row per combination of these facets that occurs, and the column users."""
        counts = self.by(*facets, users=users)
        places = np.nonzero(counts)
        columns = {name: pd.Categorical.from_codes(at, categories=pd.Index(self.values[name], dtype="str"))
                   for name, at in zip(facets, places, strict=True)}
        return pd.DataFrame(columns | {"users": counts[places]})
