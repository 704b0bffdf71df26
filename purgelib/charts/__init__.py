"""Pictures of a population, each from one call, readable by everybody: on screen, in grey print, colour-blind.

Every function only reads, counts on the cubes of the population (``cube``, ``days``) and returns a ``Picture``: as
the last line of a notebook cell it shows itself, its text form says in words what is to be seen, and ``table`` holds
all its numbers.
"""

from purgelib.charts.bars import changes, expiry, funnel, groups, purge_dates
from purgelib.charts.lines import age, longer, months
from purgelib.charts.paper import Picture
from purgelib.charts.squares import heatmap

__all__ = ["Picture", "age", "changes", "expiry", "funnel", "groups", "heatmap", "longer", "months", "purge_dates"]
