"""A large population in the browser is chosen from as a small one is, and only what is on screen crosses the wire."""

import sys
from pathlib import Path

import pytest
from looks import settled, SUMMARY

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

from reading import write_csv  # noqa: E402  it stands in the folder of what is measured

READ = """
from purgelib import choice, exports, population, rules, widgets
people = population.judge(exports.read({folder!r}), rules.Policy(expired_for_days=730, protected_groups=("30",)))
"""
PICKER, USERS = "picker = widgets.choose(people)\npicker", "grid = widgets.users(picker)\ngrid"
MOST = 1_000_000  # bytes in one message


def agree(lab):
    """Waits until the page shows what the choice itself counts, user by user; returns how many are ticked."""
    said = SUMMARY.format(*settled(lab.page))
    assert lab.ask("print(picker.choice.summary(people))", timeout=60) == said
    return int(said.split()[0].replace(",", ""))


def click(lab, words):
    """Clicks a box of the table or of the facets by its words, and has the numbers compared."""
    lab.page.get_by_label(words).first.click()
    return agree(lab)


@pytest.mark.browser
@pytest.mark.parametrize("users", [200_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_many_users_are_ticked_searched_kept_and_still_there_after_a_reload(driven, tmp_path, users):
    lab, page = driven, driven.page
    write_csv(tmp_path, users)
    lab.anew(f"many-{users}.ipynb", READ.format(folder=str(tmp_path)), "'ready'", timeout=300)
    lab.listen()
    lab.add(PICKER)
    lab.add(USERS)
    page.locator(".purge-totals").wait_for()

    # A cell, a row, a column, a facet.
    assert click(lab, "06 Undergraduate, expired 2018") > users / 100
    row = click(lab, "05 Graduate, all years")
    assert row > users / 5
    column = click(lab, "All groups, expired 2016")
    assert column > row
    page.get_by_role("group", name="Years expired").get_by_role("checkbox").last.click()
    assert agree(lab) <= column

    # Search, scroll to the end, keep one with a reason.
    page.locator(".users-layer .users-row").first.wait_for()
    page.locator(".users-grid").evaluate("(one) => { one.scrollTop = one.scrollHeight; }")
    page.wait_for_function("() => +document.querySelector('.users-layer .users-row:last-child')?.dataset.at > 10000")
    page.get_by_label("Search primary ID or name").fill("00000077")
    page.get_by_label("Search primary ID or name").press("Enter")
    page.get_by_role("combobox", name="Show", exact=True).select_option("Everybody")
    page.locator(".users-counts", has_text=f"1 shown of {users:,} users").wait_for()
    form = page.locator(".purge-keep")
    form.get_by_label("Primary ID").fill("00000077")
    form.get_by_label("Reason").fill("writes a thesis")
    page.keyboard.press("Enter")
    page.get_by_text("00000077 is kept.").wait_for()
    ticked = agree(lab)
    assert lab.largest() < MOST

    lab.save()
    page.reload()
    page.locator(".purge-totals").wait_for()
    page.get_by_text("00000077 Ada77").first.wait_for()
    assert agree(lab) == ticked
    # The exports are read anew, and what was ticked is still ticked; so it is by the text alone.
    lab.run_all(timeout=300)
    page.get_by_text("This goes on with what was ticked here before.").wait_for()
    assert agree(lab) == ticked
    same = "(choice.from_toml(picker.text).chosen(people) == picker.choice.chosen(people)).all()"
    assert lab.ask(f"print({same})") == "True"
    assert lab.errors() == []
    lab.shut()
