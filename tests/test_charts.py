"""Pictures carry the right numbers as texts, stay legible, and show themselves in a notebook."""

import dataclasses
import datetime
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import papermill
import pytest
from invented import people, POLICY, row
from labdrive import write_notebook
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb

from purgelib import charts, sources
from purgelib.charts import paper
from purgelib.errors import BadChoice
from purgelib.expiries import PURGE_KINDS

ALL = [charts.groups, charts.expiry, charts.months, charts.heatmap, charts.funnel, charts.longer, charts.purge_dates,
       charts.age]


def texts(picture):
    axes = picture.axes[0]
    return [t.get_text() for t in [*picture.texts, *axes.texts]] + picture.numbers


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
    said = texts(charts.expiry(few()))
    assert [one for one in said if one in ("1900", "2019", "9999", "no expiry date")] == [
        "1900", "2019", "9999", "no expiry date"]


def test_heatmap_writes_counts_and_totals():
    picture = charts.heatmap(few())
    said = texts(picture)
    assert {"1,202", "1,205", "3", "1", "all groups", "none"} <= set(said)
    assert "06 Undergraduate, 2019: 1,202 users." in repr(picture)
    assert "07 Staff, no expiry date: 1 user." in repr(picture)
    assert picture.table.loc["06 Undergraduate", "2019"] == 1202
    assert picture.table["all"].sum() == 1205


@pytest.mark.parametrize("verdict", ["may go", "to be checked live", "stays"])
def test_the_maps_of_the_verdicts_have_the_same_squares_and_add_up(verdict):
    population = few()
    picture = charts.heatmap(population, verdict)
    assert picture.table.shape == charts.heatmap(population).table.shape
    assert picture.table["all"].sum() == (population.verdict == verdict).sum()
    assert f"{(population.verdict == verdict).sum():,}" in picture.numbers


def test_hundreds_of_odd_years_are_put_together_and_none_is_lost():
    years = [*range(1700, 2000), *range(2010, 2030), *range(2400, 2700)]
    population = people(*(row(primary_id=str(year), expiry_date=pd.Timestamp(f"{year}-01-01").floor("s"))
                          for year in years))
    for draw in (charts.heatmap, charts.expiry):
        picture = draw(population)
        assert "300" in picture.numbers, draw
        assert picture.table["all"].sum() == len(years)
        assert {"to 2005", "2036 on", "2026"} <= set(texts(picture))
        assert not {"1999", "2400"} & set(texts(picture))
    assert len(charts.heatmap(population).table.columns) == len(years) + 1


def test_months_count_everybody_and_say_whom_the_picture_leaves_out():
    picture = charts.months(few())
    assert picture.table["all"].sum() == 1205
    assert picture.table.loc["2019-06", "may go"] == 1200
    assert "Not drawn: 1 earlier, 1 later, 1 without an expiry date." in str(picture)


def of_many_days():
    return [row(primary_id=str(at), expiry_date=pd.Timestamp("2027-03-01") - pd.Timedelta(days=31 * at),
                loans=None if at % 7 == 0 else 0, fees=5.0 if at % 5 == 0 else 0.0) for at in range(80)]


@pytest.mark.parametrize("days", [0, 1, 365, 730, 1095, 2000])
def test_the_curve_says_what_judging_under_that_policy_says(days):
    asked = dataclasses.replace(POLICY, expired_for_days=days)
    judged = people(*of_many_days(), policy=asked)
    drawn = charts.longer(people(*of_many_days(), policy=POLICY))
    there = charts.longer(judged).table
    assert there.loc[days, ["may go", "to be checked live"]].tolist() == [
        (judged.verdict == verdict).sum() for verdict in ("may go", "to be checked live")]
    common = drawn.table.index.intersection(there.index)
    pd.testing.assert_frame_equal(drawn.table.loc[common], there.loc[common])


def test_the_curve_says_what_a_year_more_or_less_would_mean():
    words = str(charts.longer(people(*of_many_days())))
    now, less, more = (
        (people(*of_many_days(), policy=dataclasses.replace(POLICY, expired_for_days=days)).verdict == "may go").sum()
        for days in (730, 365, 1095))
    assert f"One year less (365 days): {less} may go, {less - now} more" in words
    assert f"One year more (1,095 days): {more} may go, {now - more} fewer" in words


def test_each_user_has_one_kind_of_purge_date():
    dates = [("2027-06-30", "2020-01-01"), ("2020-06-30", "2019-01-01"), ("2020-06-30", "2020-06-30"),
             ("2020-06-30", "2021-06-30"), (None, "2021-06-30"), ("2028-01-01", "2027-01-01"),
             ("2020-06-30", "2027-06-30"), ("2020-06-30", None)]
    population = people(*(row(primary_id=str(at), expiry_date=pd.Timestamp(ends), purge_date=pd.Timestamp(purge))
                          for at, (ends, purge) in enumerate(dates)))
    assert charts.purge_dates(population).table["all"].to_dict() == dict.fromkeys(PURGE_KINDS, 1)


def test_age_names_the_export_that_is_too_old():
    def source(name, day):
        return sources.Source(name, "users", 1, 0, day and datetime.date.fromisoformat(day), name, "")

    population = dataclasses.replace(people(row()), inputs=(
        source("new.csv", "2026-11-20"), source("old.csv", "2026-11-10"), source("keep.csv", None)))
    picture = charts.age(population, "2026-11-21")
    assert "new.csv: users: 1 day old." in str(picture)
    assert "old.csv: users: 11 days old, too old: export it again, 10 days before the newest." in str(picture)
    assert picture.table["days old"].tolist() == [1, 11, pd.NA]
    assert "export it again" not in str(charts.age(population, datetime.date(2026, 11, 17)))


def test_the_age_is_that_of_the_day_that_is_given_and_of_no_other():
    population = dataclasses.replace(people(row()), inputs=(
        sources.Source("new.csv", "users", 1, 0, datetime.date(2026, 11, 20), "new.csv", ""),))
    given = charts.age(population, "2026-11-22")
    assert "As of 22 November 2026." in str(given) and given.table["days old"].tolist() == [2]
    assert charts.age(population, datetime.datetime(2026, 11, 22, 9)).png()[0] == given.png()[0]
    for live in (None, ""):
        day = datetime.date.today()
        assert f"As of {day.day} {day:%B %Y}." in str(charts.age(population, live))


@pytest.mark.parametrize("day", ["yesterday", "22.11.2026", 7])
def test_a_day_that_is_none_is_refused(day):
    with pytest.raises(BadChoice, match="2026-11-22"):
        charts.age(people(row()), day)


@pytest.mark.parametrize("verdict", ["typo", "", "may_go", ["may go"]])
def test_a_map_of_no_verdict_says_which_there_are(verdict):
    with pytest.raises(BadChoice, match="may go, to be checked live, stays"):
        charts.heatmap(people(row()), verdict)


@pytest.mark.parametrize("draw", ALL)
def test_words_stay_short_at_sixty_groups_and_the_table_holds_the_rest(draw):
    picture = draw(many(60))
    assert len(picture.words) < 1500
    assert len(picture.words.splitlines()) <= 25
    assert isinstance(picture.table, pd.DataFrame)


@pytest.mark.parametrize("draw", ALL)
@pytest.mark.parametrize("groups", [1, 60])
def test_nothing_is_cut_off_at_the_edge(draw, groups):
    picture = draw(many(groups))
    picture.draw_without_rendering()
    size = picture.get_size_inches()
    axes = picture.axes[0]
    for one in [*axes.collections]:
        if isinstance(one, PathCollection):
            assert (np.asarray(one.get_offsets()) > 0).all()
            assert (np.asarray(one.get_offsets()) + [0.08, 0.1] < size).all()
    for text in [*picture.texts, *axes.texts]:
        box = text.get_window_extent().transformed(picture.dpi_scale_trans.inverted())
        assert box.x0 >= -0.01, text.get_text()
        assert box.x1 <= size[0] + 0.01, text.get_text()


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
    labels = [axes.get_xticklabels(), axes.get_yticklabels(), [*axes.texts, *(legend.texts if legend else [])]]
    for group in labels:
        boxes = [t.get_window_extent() for t in group if t.get_text()]
        # A hair's breadth less: headings stand exactly on top of each other's line.
        assert not any(a.padded(-0.5).overlaps(b.padded(-0.5)) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("years", [(2026,), (2030,), (2012, 2034), (2026, 2034)])
@pytest.mark.parametrize("days", [0, 730, 3650])
def test_the_texts_at_the_lines_stand_apart_and_within(years, days):
    population = people(*(row(primary_id=str(year), expiry_date=pd.Timestamp(f"{year}-06-30")) for year in years),
                        policy=dataclasses.replace(POLICY, expired_for_days=days))
    for draw in (charts.months, charts.longer):
        picture = draw(population)
        picture.draw_without_rendering()
        boxes = [text.get_window_extent() for text in picture.axes[0].texts]
        assert not any(a.padded(-1).overlaps(b.padded(-1)) for i, a in enumerate(boxes) for b in boxes[:i])
        assert all(0 <= box.x0 and box.x1 <= picture.bbox.width for box in boxes)


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


# What is left of colours in three kinds of colour blindness, on linear RGB (Machado, Oliveira and Fernandes 2009).
BLIND = {"nobody": np.eye(3), "grey print": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
         "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
         "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
         "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]}


def light(colour, seen):
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(np.clip(np.array(seen) @ linear, 0, 1) @ [0.2126, 0.7152, 0.0722]) + 0.05


@pytest.mark.parametrize("seen", BLIND)
def test_the_three_verdicts_differ_in_lightness_for_everybody_and_in_print(seen):
    dark, middle, pale = (light(paper.STYLE[one]["color"], BLIND[seen]) for one in ("may go", "to be checked live",
                                                                                    "stays"))
    assert middle / dark > 1.7 and pale / middle > 1.3
    # The palest needs a border to stand out from white paper, as WCAG asks of graphics.
    assert 1.05 / light(paper.STYLE["stays"]["edgecolor"], BLIND[seen]) > 3
    assert len({paper.STYLE[one].get("hatch") for one in paper.STYLE}) == 3


@pytest.mark.parametrize("draw", [charts.months, charts.longer])
def test_areas_have_a_border_as_bars_have(draw):
    picture = draw(few())
    lines = [line for line in picture.axes[0].get_lines() if line.get_color() == paper.STYLE["stays"]["edgecolor"]]
    assert [max(line.get_ydata()) for line in lines] == [picture.table["all"].max()]


def test_the_funnel_draws_and_lists_the_same_sums():
    population = few()
    picture = charts.funnel(population)
    table = picture.table
    assert (table["left"].shift().iloc[1:-1] - table["stay"].iloc[1:-1]).tolist() == table["left"].iloc[1:-1].tolist()
    assert table["stay"].sum() + table["left"].iloc[-1] == table["left"].iloc[0] == len(population)
    assert {f"{n:,}" for n in table["left"]} <= set(picture.numbers)


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
    assert "image/png" in shown[0] and "1 user, 1 may go" in shown[0]["text/plain"]
    assert "image/png" in shown[1]
    assert "<table>" in shown[2]["text/html"] and "rehearsal" in shown[3]["text/html"]
