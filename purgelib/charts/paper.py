"""What every picture is drawn on: a sheet measured in inches, its heading, its labels and its numbers.

Drawn once and only as large as it must be: a thousand numbers are a dozen shapes, each stamped many times.
"""

import functools
import io
import warnings

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.textpath import text_to_path, TextPath
from matplotlib.transforms import Affine2D, ScaledTranslation
from PIL import Image

from purgelib.population import CHECK, MAY_GO, NO_EXPIRY, STAYS

# Okabe and Ito's blue and orange, and a light grey: three clear greys in print; hatching tells them apart as well.
STYLE = {MAY_GO: {"color": "#0072B2"},
         CHECK: {"color": "#E69F00", "hatch": "////", "edgecolor": "#5C3F00"},
         STAYS: {"color": "#D9D9D9", "hatch": "..", "edgecolor": "#8A8A8A"}}
INK, QUIET, FAINT = "#1A1A1A", "#555555", "#E4E4E4"
# Inches: a line of a picture, what is below and above the lines, the margin.
LINE, BELOW, ABOVE, EDGE = 0.27, 0.5, 1.15, 0.12
SIZE = 9  # points of most letters
DIGIT = 0.73 * SIZE / 72  # how high a digit is, in inches
LONGEST = 44  # letters of a label
FEW = 8  # lines that are read aloud; the others stand in the table
WIDE = 1500  # dots: wider pictures scroll instead of shrinking until nobody can read them
SHARP, LEAST_SHARP, DOTS = 2, 1.25, 5e6  # dots per dot of the screen; less where there would be more dots in all
COLOURS = 128  # flat areas need few: the notebook that keeps the picture is a third of the size
# For group names in scripts that matplotlib's own font lacks; only what is installed is asked for.
FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Microsoft YaHei", "Yu Gothic", "PingFang SC", "Arial Unicode MS")


class Picture(Figure):
    """A matplotlib figure that shows itself in a notebook and says in words what is to be seen.

    words: short, also for who listens. table: all the numbers, a frame. numbers: those drawn, as texts.
    """

    def __init__(self, width, height, title, words, table):
        super().__init__(figsize=(width, height), dpi=100, facecolor="white")
        FigureCanvasAgg(self)
        self.words = "\n".join([f"{title}.", *words])
        self.table, self.numbers = table, []

    def __repr__(self):
        return self.words

    __str__ = __repr__

    def png(self):
        """Returns the picture as PNG bytes, and its width and height on screen."""
        with warnings.catch_warnings():
            # A letter that no installed font has becomes a box; the group's code beside it stays readable.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            sharp = float(np.clip(np.sqrt(DOTS / np.prod(self.get_size_inches())) / 100, LEAST_SHARP, SHARP))
            self.set_dpi(100 * sharp)
            self.canvas.draw()
        drawn = self.canvas.buffer_rgba()
        dots = Image.frombytes("RGB", drawn.shape[1::-1], bytes(drawn), "raw", "RGBX")
        self.set_dpi(100)
        few = dots.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        # Nearly white is white, so that the sheet has no edge on a white page.
        few.putpalette([255 if part > 252 else part for part in few.getpalette()])
        made = io.BytesIO()
        few.save(made, format="png", compress_level=6)
        return made.getvalue(), round(dots.width / sharp), round(dots.height / sharp)

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, width, height = self.png()
        shown = {"width": width, "height": height, "unconfined": width > WIDE, "alt": self.words}
        return {"image/png": data, "text/plain": self.words}, {"image/png": shown}


def sheet(title, said, words, table, size, left, right=0.0, below=BELOW, above=ABOVE):
    """Returns empty axes of that size on a new picture, title and a sentence above them; all in inches."""
    width, height = size
    wide = 2 * EDGE + max(left + width + right, inches(title, 13, "bold"), inches(said))
    high = below + height + above
    picture = Picture(wide, high, title, [said, *words], table)
    axes = picture.add_axes((left / wide, below / high, width / wide, height / high))
    for text, down, ink, points, weight in ((title, 0.32, INK, 13, "bold"), (said, 0.57, QUIET, SIZE, "normal")):
        picture.text(EDGE / wide, 1 - down / high, text, color=ink, fontproperties=font(points, weight),
                     parse_math=False)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=INK, labelsize=SIZE)
    return axes


def lines(title, said, words, table, labels, width, right=0.0):
    """Returns axes with a line for each label, so that a line is as high with 60 groups as with 5."""
    labels = [short(label) for label in labels]
    left = EDGE + 0.1 + max([0.9, *map(inches, labels)])
    axes = sheet(title, said, words, table, (width, LINE * max(1, len(labels))), left, right)
    axes.set_ylim(max(1, len(labels)) - 0.5, -0.5)
    # Ticks cost ten times as much as texts.
    axes.set_yticks([])
    place = on_the_line(axes)
    for line, label in enumerate(labels):
        axes.text(-0.08 / width, line, label, transform=place, ha="right", va="baseline", color=INK,
                  fontproperties=font(), parse_math=False)
    return axes


def on_the_line(axes):
    """Returns the place of a text whose baseline makes it stand in the middle of its line."""
    return axes.get_yaxis_transform() + ScaledTranslation(0, -DIGIT / 2, axes.figure.dpi_scale_trans)


def heading(axes, text, x, line=-0.65, align="right"):
    """Writes the heading of a column above the lines; x: share of the axes' width."""
    axes.text(x, line, text, transform=axes.get_yaxis_transform(), ha=align, va="bottom", color=QUIET,
              fontproperties=font(), parse_math=False)


def numbers(axes, texts, x, y, inks=INK, bold=False, align=0.5):
    """Writes many short texts of digits; x, y: inches within the axes. align: 0 left, 0.5 centred, 1 right of x.

    Every digit is one shape stamped at many places: a thousand texts would take a second to draw.
    """
    picture, weight = axes.figure, "bold" if bold else "normal"
    picture.numbers.extend(texts)
    left, below = axes.get_position().min * picture.get_size_inches()
    places = {}
    for text, ink, across, up in zip(texts, np.broadcast_to(inks, len(texts)), x, y, strict=True):
        across += left - align * sum(_sign(sign, weight)[1] for sign in text)
        for sign in text:
            places.setdefault((sign, ink), []).append((across, up + below - DIGIT / 2))
            across += _sign(sign, weight)[1]
    for (sign, ink), at in places.items():
        axes.add_collection(_stamped(picture, _sign(sign, weight)[0], ink, at), autolim=False)


def _stamped(picture, shape, ink, at):
    stamp = PathCollection([shape], offsets=at, offset_transform=picture.dpi_scale_trans, facecolors=[ink],
                           linewidths=[0], clip_on=False, zorder=4)
    stamp.set_transform(Affine2D().scale(1 / 72) + picture.dpi_scale_trans)
    return stamp


@functools.cache
def _sign(sign, weight):
    """A digit or comma as a shape, and how far the next one stands from it, in inches."""
    prop = font(SIZE, weight)
    return TextPath((0, 0), sign, prop=prop), text_to_path.get_text_width_height_descent(sign, prop, False)[0] / 72


@functools.lru_cache(10_000)
def inches(text, size=SIZE, weight="normal"):
    """Returns how wide a text is, in inches; a little more, as letters are fitted to the dots of a screen."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        return text_to_path.get_text_width_height_descent(text, font(size, weight), False)[0] / 72 * 1.03


def largest(said, sizes, what):
    """Returns the lines of the largest, in their own order, and how many more stand in the table."""
    if len(said) <= FEW + 1:
        return list(said)
    kept = sorted(np.argsort(-np.asarray(sizes), kind="stable")[:FEW])
    return [*(said[at] for at in kept), f"And {len(said) - FEW:,} more {what}: all numbers are in the table."]


def short(label):
    """Returns a label that is not too long: both ends are kept, where many names begin alike."""
    if len(label) <= LONGEST:
        return label
    return f"{label[:LONGEST - 16].rsplit(' ', 1)[0]} … {label[-14:].split(' ', 1)[-1]}"


def year(text, none="no expiry date"):
    """Returns a year of expiry as it is read."""
    return none if text == NO_EXPIRY else str(text)


def users(count):
    """Returns a number of users in words."""
    return f"{count:,} user" if count == 1 else f"{count:,} users"


@functools.cache
def font(size=SIZE, weight="normal"):
    """Returns the font of our letters, with what is installed for other scripts behind it."""
    installed = set(font_manager.get_font_names())
    family = ["DejaVu Sans", *(one for one in FONTS if one in installed)]
    return font_manager.FontProperties(family=family, size=size, weight=weight)
