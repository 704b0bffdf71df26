"""Years as the lines or columns of a picture: hundreds of odd ones must not push the others out of sight."""

import numpy as np

from purgelib.population import NO_EXPIRY

MOST = 32  # years that are shown one by one
BEFORE = 20  # of them, before the year of the data, where there are too many


def folded(years, middle):
    """Returns the years to show, and for each of the given ones which of those it is counted to (an array).

    Up to MOST years are all shown, the odd ones, too; of more, those around the middle, and the earlier and later
    ones together.
    """
    numbers = [None if year == NO_EXPIRY else int(year) for year in years]
    if len(years) <= MOST:
        return list(years), np.arange(len(years))
    low, high = middle - BEFORE, middle - BEFORE + MOST - 3
    said = [NO_EXPIRY if n is None else f"to {low - 1}" if n < low else f"{high + 1} on" if n > high else str(n)
            for n in numbers]
    shown = list(dict.fromkeys(said))
    return shown, np.array([shown.index(one) for one in said])
