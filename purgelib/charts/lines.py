"""Pictures along a line of time: months of expiry, how long ago it was, how old the data is."""

import datetime

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, StrMethodFormatter

from purgelib.charts import paper
from purgelib.errors import BadChoice
from purgelib.expiries import as_days
from purgelib.population import CHECK, MAY_GO, NO_EXPIRY, STAYS, VERDICTS

SIZE = (8.0, 3.0)  # inches
ROOM = 2.0  # inches at the right, for the text at a line
BACK, AHEAD = 15, 8  # years around the data that are drawn
YEAR = 365.25


def months(population):
    """Draws users by the month in which they expire or expired, divided by verdict. Only reads."""
    table = _by_month(population)
    at = pd.to_datetime(table.index, errors="coerce").to_numpy("datetime64[M]").astype(float)
    at[table.index == NO_EXPIRY] = np.nan
    day = np.datetime64(population.as_of, "M").astype(int)
    drawn = (at >= day - 12 * BACK) & (at <= day + 12 * AHEAD)
    last = population.as_of - datetime.timedelta(days=population.policy.expired_for_days)
    months_drawn = np.arange(at[drawn].min(initial=int(_month(last)) - 30), at[drawn].max(initial=day + 30) + 2)
    counts = np.zeros((len(months_drawn), len(VERDICTS)), dtype=np.int64)
    counts[(at[drawn] - months_drawn[0]).astype(int)] = table[VERDICTS].to_numpy()[drawn]
    counts = counts[:-1]
    axes = _sheet("Users by month of expiry", population, _words_of_months(table, drawn, at, months_drawn), table)
    edges = np.repeat(months_drawn, 2)[1:-1]
    _stack(axes, edges, np.repeat(counts, 2, axis=0), VERDICTS)
    axes.set_xlim(months_drawn[0], months_drawn[-1])
    axes.xaxis.set_major_locator(MultipleLocator(12 * (1 if len(months_drawn) < 15 * 12 else 2), offset=0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda month, _: f"{1970 + month / 12:.0f}"))
    outside = int(table[VERDICTS].to_numpy()[~drawn].sum())
    axes.set_xlabel("month of expiry (a year stands at its January)"
                    + (f"; not drawn: {outside:,} users of other years, or without an expiry date" if outside else ""),
                    color=paper.QUIET, fontproperties=paper.font())
    _mark(axes, _month(last), f"policy: expired by {_said(last)}", before=True)
    _mark(axes, _month(population.as_of), f"data of {_said(population.as_of)}")
    return axes.figure


def longer(population):
    """Draws how many users are expired for more than so many years, and would then go or stay. Only reads.

    The verdicts are those under a policy that asks for so long, everything else being as it is.
    """
    asked = population.policy.expired_for_days
    steps = sorted({*(round(YEAR * years) for years in range(BACK + 1)), asked, asked + 365, max(0, asked - 365)})
    table = pd.DataFrame(_expired_for(population, steps), pd.Index(steps, name="expired for days"), VERDICTS)
    axes = _sheet("Users who are expired for so long, or longer", population, _words_of_years(table, asked),
                  table.assign(all=table.sum(axis=1)))
    oldest = np.flatnonzero(table.sum(axis=1).to_numpy() > 0).max(initial=3)
    ends = max(asked / YEAR + 1, min(BACK, steps[min(oldest + 1, len(steps) - 1)] / YEAR))
    years = np.linspace(0, ends, 400)
    _stack(axes, years, _expired_for(population, np.floor(years * YEAR).astype(int)), VERDICTS)
    axes.set_xlim(0, ends)
    axes.xaxis.set_major_locator(MaxNLocator(16, integer=True))
    axes.set_xlabel("expired for so many years", color=paper.QUIET, fontproperties=paper.font())
    may = int(table.at[asked, MAY_GO])
    _mark(axes, asked / YEAR, f"policy: {asked:,} days, {may:,} may go")
    return axes.figure


def age(population, today=None):
    """Draws how old each export is, against what the policy allows. Only reads.

    today: a day (2026-11-22, as text or date); nothing, or an empty text: the day on which this is called.
    """
    today = _day(today)
    days = [source.data_date for source in population.inputs]
    newest = max((day for day in days if day), default=today)
    table = pd.DataFrame({"file": [source.name for source in population.inputs],
                          "kind": [source.kind for source in population.inputs], "data of": days,
                          "days old": [(today - day).days if day else None for day in days],
                          "days older than the newest": [(newest - day).days if day else None for day in days]},
                         ).astype({"days old": "Int64", "days older than the newest": "Int64"})
    limit = population.policy.max_data_age_days
    labels = [f"{file}: {kind}" for file, kind in zip(table["file"], table["kind"], strict=True)]
    old = table["days old"].fillna(0).astype(int).tolist()
    said = f"As of {_said(today)}. The policy allows {limit} days."
    axes = paper.lines("How old the data is", said, _words_of_age(labels, table, limit), table, labels, 4.0, 2.6)
    for at, days_old in enumerate(old):
        style = paper.STYLE[MAY_GO if days_old <= limit else CHECK]
        axes.barh(at, max(0, days_old), height=0.5, linewidth=0.5, **{"edgecolor": "none"} | style)
        axes.text(1.03, at, _old(table["days old"][at], limit), transform=paper.on_the_line(axes), va="baseline",
                  color=paper.INK, fontproperties=paper.font(weight="normal" if days_old <= limit else "bold"))
    axes.axvline(limit, color=paper.INK, linewidth=1.2, linestyle="--")
    axes.set_xlim(0, max(limit, *old, 1) * 1.05 if old else limit + 1)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="x", color=paper.FAINT)
    axes.set_xlabel("days old (dashed: the policy's limit)", color=paper.QUIET, fontproperties=paper.font())
    paper.heading(axes, "export", x=-0.02)
    return axes.figure


def _day(given):
    if not given:
        return datetime.date.today()
    try:
        return datetime.date.fromisoformat(str(given)[:10])
    except ValueError:
        raise BadChoice(f"{given!r} is no day: write it as 2026-11-22, or leave it empty for today.", where="today",
                        value=given) from None


def _by_month(population):
    cube = population.days
    counts, days = cube.by("expiry", "verdict"), as_days(cube.values["expiry"])
    names = [NO_EXPIRY if np.isnat(day) else str(day.astype("datetime64[M]")) for day in days]
    table = pd.DataFrame(counts, pd.Index(names, name="month of expiry", dtype="str"), VERDICTS)
    table = table.groupby(level=0, sort=False).sum()
    return table.assign(all=table.sum(axis=1))


def _expired_for(population, days):
    """Counts who is expired for so many days or more, by the verdict under a policy that asks for so many."""
    cube = population.days
    counts, ends = cube.by("expiry", "long_enough"), as_days(cube.values["expiry"])
    counts, ends = counts[~np.isnat(ends)], ends[~np.isnat(ends)]
    day = np.datetime64(population.as_of, "D")
    # Whoever expires on the day of the data has not expired yet.
    last = np.minimum(day - np.asarray(days), day - 1)
    added = np.vstack([np.zeros((1, len(VERDICTS)), dtype=np.int64), counts.cumsum(axis=0)])
    return added[np.searchsorted(ends, last, side="right")]


def _words_of_months(table, drawn, at, months_drawn):
    """Names the largest months, and whom the picture leaves out."""
    inside = table[drawn]
    said = [f"{month}: {paper.users(row['all'])}, {row[MAY_GO]:,} {MAY_GO}, {row[CHECK]:,} {CHECK}, "
            f"{row[STAYS]:,} stay." for month, row in inside.to_dict("index").items()]
    out = {"earlier": at < months_drawn[0], "later": at > months_drawn[-1], "without an expiry date": np.isnan(at)}
    words = [f"{table['all'][where].sum():,} {what}" for what, where in out.items() if table["all"][where].sum()]
    return [*paper.largest(said, inside["all"], "months"), *([f"Not drawn: {', '.join(words)}."] if words else [])]


def _words_of_years(table, asked):
    now = table.loc[asked]
    words = [f"Expired for {asked:,} days or more, as the policy asks: {now[MAY_GO]:,} {MAY_GO}, {now[CHECK]:,} are "
             f"{CHECK}, {now[STAYS]:,} stay for another reason."]
    for days, what in ((max(0, asked - 365), "One year less"), (asked + 365, "One year more")):
        then, way = table.loc[days], "more" if days < asked else "fewer"
        words.append(f"{what} ({days:,} days): {then[MAY_GO]:,} {MAY_GO}, {abs(then[MAY_GO] - now[MAY_GO]):,} {way}; "
                     f"{then[CHECK]:,} are {CHECK}, {abs(then[CHECK] - now[CHECK]):,} {way}.")
    return words


def _words_of_age(labels, table, limit):
    words = [f"{label}: {_old(old, limit)}" + (f", {since} days before the newest" if since and since > 0 else "") + "."
             for label, old, since in zip(labels, table["days old"], table["days older than the newest"].fillna(0),
                                          strict=True)]
    return words or ["No export is known."]


def _old(days, limit):
    if pd.isna(days):
        return "of no day: a list of staff's own"
    said = "of today" if days == 0 else f"{days} day{'' if days == 1 else 's'} old" if days > 0 else "of a later day"
    return said + (", too old: export it again" if days > limit else "")


def _sheet(title, population, words, table):
    axes = paper.sheet(title, population.summary(), words, table, SIZE, left=1.0, right=ROOM, below=0.55, above=1.0)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y", color=paper.FAINT)
    axes.set_ylabel("number of users", color=paper.QUIET, fontproperties=paper.font())
    return axes


def _stack(axes, along, counts, verdicts):
    below = np.zeros(len(along))
    for verdict, heights in zip(verdicts, np.asarray(counts).T, strict=True):
        style = paper.STYLE[verdict] | {"linewidth": 0}
        colour = style.pop("color")
        axes.fill_between(along, below, below + heights, facecolor=colour, label=verdict,
                          **{"edgecolor": colour} | style)
        below = below + heights
    # Light grey alone is too near to white, on paper and for tired eyes.
    axes.plot(along, below, color=paper.STYLE[STAYS]["edgecolor"], linewidth=0.8, solid_joinstyle="miter")
    axes.set_ylim(0, max(1, below.max(initial=1)) * 1.22)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.02), ncols=3, frameon=False, borderaxespad=0, borderpad=0,
                prop=paper.font(), columnspacing=1.2)


def _mark(axes, place, text, before=False):
    """A line across, with its text behind it; or before it if that is wished, a line lower if there is no room."""
    low, high = axes.get_xlim()
    fits = paper.inches(text) + 0.1 < SIZE[0] * (place - low) / (high - low)
    axes.axvline(place, color=paper.INK, linewidth=1.2, linestyle="--", zorder=6)
    axes.text(place, 0.91 if before and not fits else 0.985, f"{text} " if before and fits else f" {text}",
              ha="right" if before and fits else "left", va="top", transform=axes.get_xaxis_transform(),
              color=paper.INK, fontproperties=paper.font(), zorder=5,
              bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1})


def _month(day):
    return (day.year - 1970) * 12 + day.month - 1 + (day.day - 1) / 31


def _said(day):
    return f"{day.day} {day:%B %Y}"
