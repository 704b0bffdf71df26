"""Pictures carry the right numbers as texts, stay legible, and show themselves in a notebook."""

import dataclasses
import sys
from pathlib import Path

import pandas as pd
import papermill
import pytest
from invented import people, row
from labdrive import write_notebook

from purgelib import charts

ALL = [charts.groups, charts.expiry, charts.heatmap, charts.funnel]


def texts(picture):
    axes = picture.axes[0]
    return [t.get_text() for t in [*picture.texts, *axes.texts, *axes.get_yticklabels(), *axes.get_xticklabels()]]


def many(groups=60):
    return people(*(row(primary_id=f"{i:08}", user_group=f"G{i}", group_name=f"Group of a rather long name, number {i}",
                        expiry_date=pd.Timestamp(f"{1990 + i % 35}-06-30"), loans=i % 2) for i in range(groups)))


def few():
    return people(
        *(row(primary_id=f"{i:08}") for i in range(1200)),
        row(primary_id="a", user_group="07", group_name="Staff", expiry_date=pd.Timestamp("9999-12-31").floor("s")),
        row(primary_id="b", user_group="07", group_name="Staff", expiry_date=pd.Timestamp("1900-01-01")),
        row(primary_id="c", user_group="07", group_name="Staff", expiry_date=pd.NaT),
        row(primary_id="d", loans=2), row(primary_id="e", fees=None))


def test_groups_says_the_numbers_of_each_verdict():
    said = texts(charts.groups(few()))
    assert {"06 Undergraduate", "07 Staff", "1,200", "1,202", "check live"} <= set(said)
    assert "06 Undergraduate: 1,202 users, 1,200 may go, 1 to be checked live, 1 stay." in str(charts.groups(few()))


def test_odd_years_are_one_line_each():
    axes = charts.expiry(few()).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["1900", "2019", "9999", "no expiry date"]


def test_heatmap_writes_counts_and_totals():
    picture = charts.heatmap(few())
    said = texts(picture)
    assert {"1,202", "1,205", "3", "1", "all groups", "none"} <= set(said)
    assert "07 Staff: 1900 1, 9999 1, no expiry date 1." in repr(picture)


def test_funnel_ends_with_those_who_may_go_or_are_to_be_checked():
    population = few()
    words = str(charts.funnel(population))
    assert "everybody: 0 stay, 1,205 left." in words
    assert "has loans: 1 stay" in words
    assert "Of those left 1,200 may go, 1 are to be checked live." in words


@pytest.mark.parametrize("draw", ALL)
@pytest.mark.parametrize("groups", [1, 5, 60])
def test_no_label_covers_another(draw, groups):
    picture = draw(many(groups))
    axes = picture.axes[0]
    picture.draw_without_rendering()
    legend = axes.get_legend()
    labels = [axes.get_yticklabels(), axes.get_xticklabels(), [*axes.texts, *(legend.texts if legend else [])]]
    for group in labels:
        boxes = [t.get_window_extent() for t in group if t.get_text()]
        # A hair's breadth less: headings stand exactly on top of each other's line.
        assert not any(a.padded(-0.5).overlaps(b.padded(-0.5)) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("draw", ALL)
def test_a_picture_is_a_png_with_its_words(draw):
    data, shown = draw(few())._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert data["text/plain"] == shown["image/png"]["alt"] == str(draw(few()))


def test_names_are_never_formulas_and_never_warnings():
    population = people(row(group_name="$x_2$ 学生 \n<b>"), row(primary_id="2", user_group=None, group_name=None))
    for draw in ALL:
        draw(population).png()
    assert {"06 $x_2$ 学生 <b>", "no user group"} <= set(texts(charts.groups(population)))


@pytest.mark.parametrize("draw", ALL)
def test_nobody_can_be_drawn(draw):
    one = people(row())
    nobody = dataclasses.replace(one, table=one.table[:0], answers=one.answers[:0], verdict=one.verdict[:0],
                                 reason=one.reason[:0])
    assert draw(nobody).png()[0].startswith(b"\x89PNG")


def test_drawing_does_not_touch_pyplot():
    charts.heatmap(few()).png()
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_the_last_line_of_a_cell_shows_the_picture(tmp_path):
    start = (f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom invented import people, row\n"
             "from purgelib import charts, widgets\n")
    write_notebook(tmp_path / "in.ipynb", start + "charts.groups(people(row()))",
                   "import matplotlib.pyplot\ncharts.expiry(people(row()))",
                   "widgets.choose(people(row()))", "widgets.confirmation('Library 3')")
    done = papermill.execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False,
                                      store_widget_state=False)
    shown = [cell.outputs[-1].data for cell in done.cells]
    assert "image/png" in shown[0] and "1 users, 1 may go" in shown[0]["text/plain"]
    assert "image/png" in shown[1]
    assert "<table>" in shown[2]["text/html"] and "rehearsal" in shown[3]["text/html"]
