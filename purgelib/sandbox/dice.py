"""Chance from a seed, the same on every machine and in every version of Python."""

import datetime
import random


class Dice:
    """Draws numbers from one seeded stream; uses nothing but random(), whose stream is promised to stay."""

    def __init__(self, seed):
        self._next = random.Random(seed).random

    def chance(self, share):
        """Says yes in this share of cases."""
        return self._next() < share

    def below(self, top):
        """Returns a whole number from 0 to top - 1."""
        return int(self._next() * top)

    def pick(self, options):
        """Returns one of a sequence, all equally likely."""
        return options[int(self._next() * len(options))]

    def weighted(self, weights):
        """Returns a key of the dict, as likely as its number says."""
        point = self._next() * sum(weights.values())
        for key, weight in weights.items():
            point -= weight
            if point < 0:
                return key
        return key  # rounding may leave a trace of the last share

    def some(self, items, count):
        """Returns up to count different items, in their old order."""
        left = list(range(len(items)))
        taken = [left.pop(self.below(len(left))) for _ in range(min(count, len(items)))]
        return [items[i] for i in sorted(taken)]

    def day(self, first_year, last_year):
        """Returns a day between the first of January and the end of December of these years."""
        span = (datetime.date(last_year, 12, 31) - datetime.date(first_year, 1, 1)).days
        return datetime.date(first_year, 1, 1) + datetime.timedelta(days=self.below(span + 1))
