"""How many users may be wrong all the same, after some were looked at: upper bounds by what a random sample showed."""

import math

import numpy as np

from purgelib.errors import BadChoice

SURE = 0.95


def at_most(wrong, looked_at, sure=SURE):
    """Returns the greatest share of wrong ones that fits to so many wrong of so many drawn (Clopper and Pearson)."""
    if not 0 <= wrong <= looked_at or not looked_at:
        raise BadChoice(f"{wrong} of {looked_at} cannot be: wrong ones are some of those looked at.", value=wrong)
    if wrong == looked_at:
        return 1.0
    low, high = wrong / looked_at, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance(wrong, looked_at, middle) > 1 - sure else (low, middle)
    return high


def of_subset(users, looked_at, wrong, sure=SURE):
    """Returns the greatest share of wrong ones among those of a subset who were not looked at; 0 if all were."""
    return at_most(wrong, looked_at, sure) if looked_at < users else 0.0


def of_all(subsets, sure=SURE):
    """Returns the greatest share of wrong ones among all who were not looked at, whatever the subsets' sizes.

    subsets: a frame with users, looked at, wrong. As many are drawn from a small subset as from a large one, so a bound
    of all together would be too good. Without a wrong one it is the worst that fits to what was seen in all subsets at
    once; otherwise each subset has its own bound, surer by the number of subsets (Bonferroni).
    """
    left = subsets[subsets["users"] > subsets["looked at"]]
    others, looked = (left["users"] - left["looked at"]).to_numpy(float), left["looked at"].to_numpy(float)
    if not len(left):
        return 0.0
    if (looked == 0).any() or left["wrong"].any():
        each = 1 - (1 - sure) / len(left)
        shares = [of_subset(*one, each) if one[1] else 1.0
                  for one in left[["users", "looked at", "wrong"]].itertuples(index=False)]
        return float((others * shares).sum() / others.sum())
    return float((others * _worst(others, looked, math.log(1 / (1 - sure)))).sum() / others.sum())


def _worst(others, looked, doubt):
    """The shares of wrong ones that make most users wrong and still show none in the samples with that doubt.

    Each user looked at takes doubt from a subset; it is left where the fewest were looked at for the most users.
    """
    low, high = 0.0, float((others / looked).max())
    for _ in range(200):
        middle = (low + high) / 2
        spent = (looked * np.log(np.maximum(others / (middle * looked), 1.0))).sum()
        low, high = (middle, high) if spent > doubt else (low, middle)
    return 1 - 1 / np.maximum(others / (high * looked), 1.0)


def _chance(wrong, drawn, share):
    """How likely it is to meet so many wrong ones or fewer; by logarithms, as the numbers grow beyond any float."""
    logs = [math.lgamma(drawn + 1) - math.lgamma(k + 1) - math.lgamma(drawn - k + 1) + k * math.log(share)
            + (drawn - k) * math.log1p(-share) for k in range(wrong + 1)]
    return sum(map(math.exp, logs))
