"""Counts as squares, dark for many: user group and year of expiry at once."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm

from purgelib.charts import paper
from purgelib.charts.years import folded
from purgelib.errors import BadChoice
from purgelib.population import NO_EXPIRY, VERDICTS


def heatmap(population, verdict=None):
    """Draws how many users there are in each user group and year of expiry, with totals. Only reads.

    verdict: count only those who may go, are to be checked live, or stay. Groups, years and shades are those of
    everybody, so that the maps can be laid side by side.
    """
    if verdict is not None and verdict not in VERDICTS:
        raise BadChoice(f"{verdict!r} is no verdict: {', '.join(VERDICTS)}; or none, for everybody.", where="verdict",
                        value=verdict)
    cube, names = population.cube, population.group_names
    everybody = cube.by("user_group", "expired", "verdict")
    counts = everybody.sum(axis=2) if verdict is None else everybody[:, :, VERDICTS.index(verdict)]
    years, fold = folded(cube.values["expired"], population.as_of.year)
    labels = [names[code] for code in cube.values["user_group"]]
    title = "Users by user group and year of expiry" + (f": {verdict}" if verdict else "")
    table = pd.DataFrame(counts, pd.Index(labels, name="user group"), pd.Index(cube.values["expired"], name="expired"))
    words = _words(labels, cube.values["expired"], counts)
    return _map(title, population.summary(), words, table.assign(all=table.sum(axis=1)), labels, years,
                _folded(counts, fold, len(years)), _folded(everybody.sum(axis=2), fold, len(years)).max(initial=1))


def _words(labels, years, counts):
    """The largest squares; who listens does not want all of them."""
    at = [(row, column) for row, column in np.argwhere(counts)]
    said = [f"{labels[row]}, {paper.year(years[column])}: {paper.users(int(counts[row, column]))}."
            for row, column in at]
    return paper.largest(said, [counts[place] for place in at], "subsets")


def _folded(counts, fold, columns):
    made = np.zeros((len(counts), columns), dtype=np.int64)
    np.add.at(made.T, fold, counts.T)
    return made


def _map(title, said, words, table, labels, years, counts, most):
    """counts: a row per label, a column per year, without totals; most: what is darkest."""
    counts = np.vstack([counts, counts.sum(axis=0)])
    counts = np.column_stack([counts, counts.sum(axis=1)])
    inner, total = counts[:-1, :-1], counts[:, -1]
    heads = [paper.year(one, "none") for one in years]
    column = 0.14 + max(paper.inches(text) for text in [f"{counts[:, :-1].max(initial=0):,}", *heads, "2019"])
    last = 0.14 + paper.inches(f"{int(total[-1]):,}", weight="bold")
    width = column * len(heads) + last
    foot = f"year of expiry{' (none: no expiry date)' if NO_EXPIRY in years else ''}; the darker, the more users"
    axes = paper.lines(title, said, words, table, [*labels, "all groups"], width, max(0, paper.inches(foot) - width))
    axes.set_xlim(0, width)
    axes.set_xticks([])
    colours = mpl.colormaps["Blues"](LogNorm(0.5, max(2, most) * 1.6)(np.maximum(inner, 0.5)))
    colours[inner == 0] = 1.0
    if inner.size:
        axes.pcolormesh(np.arange(len(heads) + 1) * column, np.arange(len(labels) + 1) - 0.5, colours)
    axes.set(xlim=(0, width), ylim=(len(labels) + 0.5, -0.5))
    places = np.append((np.arange(len(heads)) + 0.5) * column, column * len(heads) + last - 0.07)
    _lines_between(axes, len(labels), len(heads), column, width)
    _counts(axes, counts, places, colours)
    for at, head in zip(places, [*heads, "all"], strict=True):
        paper.heading(axes, head, at / width, align="center" if head != "all" else "right")
    paper.heading(axes, "user group", -0.08 / width)
    axes.text(0, -0.08 / (paper.LINE * len(counts)), foot, transform=axes.transAxes, color=paper.QUIET,
              fontproperties=paper.font(), va="top")
    return axes.figure


def _lines_between(axes, rows, columns, column, width):
    across = [((0, row - 0.5), (width, row - 0.5)) for row in range(rows + 1)]
    down = [((at * column, -0.5), (at * column, rows + 0.5)) for at in range(columns + 1)]
    axes.add_collection(LineCollection(across + down, colors=paper.FAINT, linewidths=0.8, zorder=2), autolim=False)


def _counts(axes, counts, places, colours):
    """Writes the counts; totals stand apart in bold on plain ground."""
    rows, columns = counts.shape[0] - 1, counts.shape[1] - 1
    up = paper.LINE * (rows + 0.5 - np.arange(rows + 1))
    light = _light(colours)
    row, column = np.nonzero(counts[:-1, :-1])
    paper.numbers(axes, [f"{n:,}" for n in counts[row, column]], places[column], up[row],
                  np.where(light[row, column], "black", "white"))
    paper.numbers(axes, [f"{n:,}" for n in counts[-1, :-1]], places[:-1], np.full(columns, up[-1]), bold=True)
    paper.numbers(axes, [f"{n:,}" for n in counts[:, -1]], np.full(rows + 1, places[-1]), up, bold=True, align=1)


def _light(colours):
    """Whether black has more contrast than white on each colour (as WCAG reckons it)."""
    parts = colours[..., :3]
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722] > 0.179
