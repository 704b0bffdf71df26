"""A line for each group, year or reason: its name, a bar of parts, and the numbers beside it."""

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator

from purgelib.charts import paper
from purgelib.charts.years import folded
from purgelib.population import CHECK, MAY_GO, STAYS, VERDICTS

BARS = 4.0  # inches


def groups(population):
    """Draws users by user group, largest first, each bar divided by verdict. Only reads."""
    counts = population.cube.by("user_group", "verdict")
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    names = [population.group_names[population.cube.values["user_group"][at]] for at in order]
    return _verdict_bars("Users by user group", population, counts[order], names, names, counts[order])


def expiry(population):
    """Draws users by the year in which they expire or expired, each bar divided by verdict. Only reads."""
    counts, years = population.cube.by("expired", "verdict"), population.cube.values["expired"]
    shown, fold = folded(years, population.as_of.year)
    together = np.zeros((len(shown), len(VERDICTS)), dtype=np.int64)
    np.add.at(together, fold, counts)
    return _verdict_bars("Users by year of expiry", population, together, list(map(paper.year, shown)),
                         list(map(paper.year, years)), counts)


def purge_dates(population):
    """Draws users by how their purge date stands to their expiry date, each bar divided by verdict. Only reads.

    A purge date of the past is what Alma's purge job goes by, whatever the expiry date says.
    """
    cube = population.days
    counts, kinds = cube.by("purge", "verdict"), list(cube.values["purge"])
    return _verdict_bars("Users by purge date", population, counts, kinds, kinds, counts)


def funnel(population):
    """Draws how many users are left after each reason to stay, from everybody to those who may go. Only reads."""
    steps = population.funnel()
    may, check = population.cube.by("verdict")[:2].tolist()
    labels = ["everybody", *(f"{i}. {reason}" for i, reason in enumerate(steps["reason"][1:], 1)), "these are left"]
    parts = {MAY_GO: [*steps["left"], may], CHECK: [0] * len(steps) + [check], STAYS: [*steps["stay"], 0]}
    shown = {"stay": [None, *steps["stay"][1:], None], "left": [*steps["left"], may + check]}
    words = [f"{label}: {stay or 0:,} stay, {left:,} left."
             for label, stay, left in zip(labels, *shown.values(), strict=True)]
    words.append(f"Of those left {may:,} may go, {check:,} are to be checked live.")
    legend = {MAY_GO: "left", STAYS: "stay for this reason", CHECK: "left, check live"}
    title = "Who stays and why: from everybody to those who may go"
    table = pd.DataFrame({"reason": labels, "stay": [stay or 0 for stay in shown["stay"]], "left": shown["left"]})
    axes = paper.lines(title, population.summary(), words, table, labels, BARS, _columns(shown)[-1])
    return _bars(axes, parts, shown, legend, "reason to stay, as asked")


def changes(change):
    """Draws for each user group who came and who went between two exports. Only reads.

    change: what ``changes.between`` returned.
    """
    table = change.by_group
    labels = table.index.tolist()
    shown = {head: table[head].tolist() for head in table.columns}
    axes = paper.lines("What changed, by user group", change.first_sentence(), change.sentences(), table, labels, BARS,
                       _columns(shown)[-1])
    came, went = table["came"] + table["moved in"], -table["went"] - table["moved out"]
    _draw(axes, {MAY_GO: came.tolist()}, {MAY_GO: "came, or moved into the group"})
    _draw(axes, {CHECK: went.tolist()}, {CHECK: "went, or moved out of it"})
    most = 1.05 * max(came.max() if len(came) else 0, -went.min() if len(went) else 0, 1)
    axes.set_xlim(-most, most)
    axes.axvline(0, color=paper.QUIET, linewidth=0.8)
    _finish(axes, "user group")
    _numbers_beside(axes, shown)
    return axes.figure


def _verdict_bars(title, population, counts, labels, all_labels, all_counts):
    """counts: a row per line, a column per verdict. all_labels, all_counts: the same before years were put together."""
    what = title.split("by ")[1]
    table = pd.DataFrame(all_counts, pd.Index(all_labels, name=what), VERDICTS)
    shown = {verdict: counts[:, at].tolist() for at, verdict in enumerate(VERDICTS)}
    shown["all"] = counts.sum(axis=1).tolist()
    words = [f"{label}: {paper.users(total)}, {may:,} {MAY_GO}, {check:,} {CHECK}, {stay:,} stay."
             for label, may, check, stay, total in zip(labels, *shown.values(), strict=True)]
    axes = paper.lines(title, population.summary(), paper.largest(words, shown["all"], "lines"),
                       table.assign(all=table.sum(axis=1)), labels, BARS, _columns(shown)[-1])
    return _bars(axes, {verdict: shown[verdict] for verdict in VERDICTS}, shown, {v: v for v in VERDICTS}, what)


def _bars(axes, parts, shown, legend, what):
    most = _draw(axes, parts, legend)
    axes.set_xlim(0, max(1, most) * 1.02)
    _finish(axes, what)
    _numbers_beside(axes, shown)
    return axes.figure


def _draw(axes, parts, legend):
    """Draws the parts of each line one behind the other; returns how far the longest line reaches."""
    start = np.zeros(len(next(iter(parts.values()))))
    for part, widths in parts.items():
        style = {"edgecolor": "none"} | paper.STYLE[part]
        there = np.flatnonzero(widths)
        if len(there):
            bars = axes.barh(there, np.array(widths)[there], left=start[there], height=0.72, linewidth=0.5, **style)
            bars.set_label(legend[part])
        else:
            axes.barh([0], [0], linewidth=0.5, label=legend[part], **style)
        start += widths
    return start.max(initial=0)


def _finish(axes, what):
    axes.set_ylim(axes.get_ylim())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="x", color=paper.FAINT)
    axes.set_xlabel("number of users", color=paper.QUIET, fontproperties=paper.font())
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1 + 0.2 / (axes.get_position().height
                * axes.figure.get_figheight())), ncols=3, frameon=False, borderaxespad=0, borderpad=0,
                prop=paper.font(), columnspacing=1.2)
    paper.heading(axes, what, x=-0.02)


def _columns(shown):
    """How far right of the bars each column of numbers ends, in inches."""
    widths = [max(paper.inches(_head(head)), *(paper.inches(f"{n:,}") for n in values if n is not None), 0.5)
              for head, values in shown.items()]
    return np.cumsum(np.array(widths) + 0.2)


def _head(text):
    return text.replace("to be checked", "check")


def _numbers_beside(axes, shown):
    """Columns of numbers at the right of the bars, under their headings; None is left empty."""
    count = len(next(iter(shown.values())))
    high = axes.get_position().height * axes.figure.get_figheight()
    up = high - paper.LINE * (np.arange(count) + 0.5)
    for right, (head, values) in zip(_columns(shown), shown.items(), strict=True):
        paper.heading(axes, _head(head), x=1 + right / BARS)
        there = [at for at, value in enumerate(values) if value is not None]
        paper.numbers(axes, [f"{values[at]:,}" for at in there], np.full(len(there), BARS + right), up[there],
                      [paper.INK if values[at] else paper.QUIET for at in there], align=1)
