"""Pictures of a population, each from one call, readable by everybody: on screen, in grey print, colour-blind.

Every function only reads, counts with ``Population.counts`` and returns a ``Picture``: as the last line of
a notebook cell it shows itself, and its text form says the same numbers in words. Years and groups are
categories, so a user who expires in 9999 takes one line of a picture and stretches nothing.
"""

import functools
import io
import warnings

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from PIL import Image

from purgelib.population import CHECK, MAY_GO, NO_EXPIRY, STAYS, VERDICTS

# Okabe and Ito's blue and orange, and a light grey: three clear greys in print; hatching tells them apart as well.
STYLE = {MAY_GO: {"color": "#0072B2"},
         CHECK: {"color": "#E69F00", "hatch": "////", "edgecolor": "#5C3F00"},
         STAYS: {"color": "#D9D9D9", "hatch": "..", "edgecolor": "#8A8A8A"}}
INK, QUIET = "#1A1A1A", "#555555"
# Inches: a line of a picture, the room for bars, a column of numbers, what is below and above the lines.
LINE, BARS, NUMBER, BELOW, ABOVE = 0.27, 4.0, 0.78, 0.5, 1.1
LONGEST = 44  # letters of a label
WIDE = 1500  # dots: wider pictures scroll instead of shrinking until nobody can read them
SHARP = 2  # dots per point of the screen
# For group names in scripts that matplotlib's own font lacks; only what is installed is asked for.
FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Microsoft YaHei", "Yu Gothic", "PingFang SC", "Arial Unicode MS")


class Picture(Figure):
    """A matplotlib figure that shows itself in a notebook, and says in words what is to be seen."""

    def __init__(self, width, height, title, words):
        super().__init__(figsize=(width, height), dpi=100, facecolor="white")
        FigureCanvasAgg(self)
        self.words = "\n".join([f"{title}.", *words])

    def __repr__(self):
        return self.words

    __str__ = __repr__

    def png(self):
        """Returns the picture as PNG bytes, and its width and height on screen."""
        made = io.BytesIO()
        with warnings.catch_warnings():
            # A letter that no installed font has becomes a box; the group's code beside it stays readable.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            self.savefig(made, format="png", dpi=100 * SHARP, bbox_inches="tight", pad_inches=0.12)
        # Flat areas need few colours; the notebook that keeps the picture is a third of the size.
        few = io.BytesIO()
        Image.open(made).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(few, format="png", optimize=True)
        data = few.getvalue()
        # The size stands in the first chunk of every PNG.
        return data, int.from_bytes(data[16:20]) // SHARP, int.from_bytes(data[20:24]) // SHARP

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, width, height = self.png()
        shown = {"width": width, "height": height, "unconfined": width > WIDE, "alt": self.words}
        return {"image/png": data, "text/plain": self.words}, {"image/png": shown}


def groups(population):
    """Draws users by user group, largest first, each bar divided by verdict. Only reads."""
    table = _by_verdict(population, "user_group")
    table = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    names = population.group_names
    return _verdict_bars("Users by user group", population, table, [names[code] for code in table.index])


def expiry(population):
    """Draws users by the year in which they expire or expired, each bar divided by verdict. Only reads."""
    table = _by_verdict(population, "expired")
    table = table.loc[_in_order(table.index)]
    return _verdict_bars("Users by year of expiry", population, table, [_year(year) for year in table.index])


def heatmap(population):
    """Draws how many users there are in each user group and year of expiry, with totals. Only reads."""
    table = population.counts("user_group", "expired").pivot(index="user_group", columns="expired", values="users")
    table = table.fillna(0).astype(int)[_in_order(table.columns)]
    names = population.group_names
    labels = [names[code] for code in table.index]
    words = [f"{label}: {', '.join(f'{_year(y)} {n:,}' for y, n in row.items() if n)}."
             for label, (_, row) in zip(labels, table.iterrows(), strict=True)]
    counts = _with_totals(table.to_numpy())
    column, last = (0.1 + 0.076 * max(5, len(f"{n:,}")) for n in (counts[:, :-1].max(initial=0), counts[-1, -1]))
    places = [*range(table.shape[1]), table.shape[1] - 0.5 + last / column / 2]
    width = column * table.shape[1] + last
    axes = _axes("Users by user group and year of expiry", population, [*labels, "all groups"], width, width, words)
    _squares(axes, counts, places)
    axes.set_xticks(places, [*(_year(y, "none") for y in table.columns), "all"], fontproperties=_font())
    axes.set_xlim(-0.5, table.shape[1] - 0.5 + last / column)
    axes.tick_params(axis="x", length=0, top=False, labeltop=True, labelbottom=False)
    _heading(axes, "user group", x=-0.05 / width)
    axes.set_xlabel("year of expiry (none: no expiry date); the darker, the more users", color=QUIET,
                    fontproperties=_font(), loc="left")
    return axes.figure


def funnel(population):
    """Draws how many users are left after each reason to stay, from everybody to those who may go. Only reads."""
    steps = population.funnel()
    counts = population.counts("verdict").set_index("verdict")["users"]
    may, check = (int(counts.get(verdict, 0)) for verdict in (MAY_GO, CHECK))
    labels = ["everybody", *(f"{i}. {reason}" for i, reason in enumerate(steps["reason"][1:], 1)), "these are left"]
    parts = {MAY_GO: [*steps["left"], may], CHECK: [0] * len(steps) + [check], STAYS: [*steps["stay"], 0]}
    shown = {"stay": ["", *(f"{n:,}" for n in steps["stay"][1:]), ""],
             "left": [f"{n:,}" for n in [*steps["left"], may + check]]}
    words = [f"{label}: {stay or 0} stay, {left} left."
             for label, stay, left in zip(labels, *shown.values(), strict=True)]
    words.append(f"Of those left {may:,} may go, {check:,} are to be checked live.")
    return _bars("Who stays and why: from everybody to those who may go", population, labels, parts, shown, words,
                 {MAY_GO: "left", STAYS: "stay for this reason", CHECK: "left, check live"}, "reason to stay, as asked")


def _by_verdict(population, facet):
    table = population.counts(facet, "verdict").pivot(index=facet, columns="verdict", values="users")
    table.columns = table.columns.astype(str)
    return table.reindex(columns=VERDICTS).fillna(0).astype(int)


def _in_order(years):
    """Years by number (a year of five digits comes last), users without an expiry date at the end."""
    return sorted((str(y) for y in years), key=lambda y: (y == NO_EXPIRY, len(y), y))


def _year(year, none="no expiry date"):
    return none if year == NO_EXPIRY else str(year)


def _verdict_bars(title, population, table, labels):
    parts = {verdict: table[verdict].tolist() for verdict in VERDICTS}
    shown = {verdict: [f"{n:,}" for n in table[verdict]] for verdict in VERDICTS}
    shown["all"] = [f"{n:,}" for n in table.sum(axis=1)]
    words = [f"{label}: {total} users, {may} {MAY_GO}, {check} {CHECK}, {stay} stay."
             for label, may, check, stay, total in zip(labels, *shown.values(), strict=True)]
    return _bars(title, population, labels, parts, shown, words, {v: v for v in VERDICTS}, title.split("by ")[1])


def _bars(title, population, labels, parts, shown, words, legend, what):
    """A line per label: its name, a bar of parts, and the numbers in columns, so that nothing must be guessed."""
    axes = _axes(title, population, labels, BARS, BARS + NUMBER * len(shown), words)
    start = np.zeros(len(labels))
    for part, widths in parts.items():
        axes.barh(range(len(labels)), widths, left=start, height=0.72, label=legend[part],
                  linewidth=[0.5 if width else 0 for width in widths], **{"edgecolor": "none"} | STYLE[part])
        start += widths
    axes.set_ylim(max(1, len(labels)) - 0.5, -0.5)
    axes.set_xlim(0, start.max(initial=1) * 1.02)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(axis="x", labelsize=9)
    axes.grid(axis="x", color="#E4E4E4")
    axes.set_xlabel("number of users", color=QUIET, fontproperties=_font())
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, frameon=False, borderaxespad=0.1, prop=_font(),
                columnspacing=1.2)
    _heading(axes, what, x=-0.01)
    _numbers_beside(axes, shown)
    return axes.figure


def _axes(title, population, labels, width, right, words):
    """Axes placed in inches, so that a line is as high with 60 groups as with 5; a name at the left of each line."""
    labels = [_short(label) for label in labels]
    left, lines = 0.25 + 0.077 * max(12, *map(len, labels), 0), LINE * max(1, len(labels))
    wide, high = left + right, BELOW + lines + ABOVE
    picture = Picture(wide, high, title, [population.summary(), *words])
    axes = picture.add_axes((left / wide, BELOW / high, width / wide, lines / high))
    for text, up, quiet, size, weight in ((title, 0.78, INK, 13, "bold"),
                                          (population.summary(), 0.53, QUIET, 9, "normal")):
        picture.text(0.05 / wide, (BELOW + lines + up) / high, text, color=quiet, fontproperties=_font(size, weight))
    axes.set_yticks(range(len(labels)), labels, parse_math=False, fontproperties=_font())
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=INK)
    return axes


def _numbers_beside(axes, shown):
    """Columns of numbers at the right of the bars, under their headings."""
    step, place = NUMBER / BARS, axes.get_yaxis_transform()
    for column, (heading, numbers) in enumerate(shown.items(), 1):
        _heading(axes, heading.replace("to be checked", "check"), x=1 + step * column)
        for line, number in enumerate(numbers):
            axes.text(1 + step * column, line, number, transform=place, ha="right", va="center",
                      fontproperties=_font(), color=QUIET if number == "0" else INK)


def _heading(axes, text, x):
    axes.text(x, -0.65, text, transform=axes.get_yaxis_transform(), ha="right", va="bottom", color=QUIET,
              fontproperties=_font())


def _with_totals(counts):
    """The counts with a row and a column of totals."""
    counts = np.vstack([counts, counts.sum(axis=0)])
    return np.column_stack([counts, counts.sum(axis=1)])


def _squares(axes, counts, places):
    """Counts as squares, dark for many; totals stand apart on plain ground. A few must not vanish beside many."""
    inner = np.where(counts > 0, counts, np.nan).astype(float)
    inner[-1], inner[:, -1] = np.nan, np.nan
    most = counts[:-1, :-1].max(initial=2)
    shades = mpl.colormaps["Blues"].with_extremes(bad="white")
    colours = shades(LogNorm(0.5, most * 1.6)(np.ma.masked_invalid(inner)))
    axes.imshow(colours, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            bold = "bold" if np.isnan(inner[row, column]) else "normal"
            axes.text(places[column], row, f"{count:,}", ha="center", va="center", color=_ink_on(colours[row, column]),
                      fontproperties=_font(8.5, bold), in_layout=False)
    axes.set_xticks(np.arange(counts.shape[1] - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(counts) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="#E4E4E4")
    axes.tick_params(which="minor", length=0)


def _ink_on(colour):
    """Black or white, whichever has more contrast (as WCAG reckons it)."""
    red, green, blue = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in colour[:3])
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"


def _short(label):
    return label if len(label) <= LONGEST else label[:LONGEST - 1] + "…"


@functools.cache
def _font(size=9, weight="normal"):
    installed = set(font_manager.get_font_names())
    family = ["DejaVu Sans", *(font for font in FONTS if font in installed)]
    return font_manager.FontProperties(family=family, size=size, weight=weight)
