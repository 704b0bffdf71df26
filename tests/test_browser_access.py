"""Choosing without a mouse and without seeing well: by keyboard alone, with a ring around it, in both themes."""

from pathlib import Path

import pytest
from labdrive import DARK, LIGHT
from looks import axe, CONTRAST, OPERATED, STOP, totals

TESTS = Path(__file__).parent
SCREENSHOTS = TESTS / "screenshots"
PEOPLE = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import pandas as pd
from invented import POLICY, people, row
from purgelib import choice, widgets

names = {{"06": "Undergraduate", "07": "Alumni", "30": "Library staff"}}
everybody = people(*(
    row(primary_id=f"{{i:05}}", name=f"Ada Example {{i % 13}}", user_group=code, group_name=names[code],
        campus="MAIN" if i % 4 else "LAKE", requests=None if i % 20 == 7 else 0, loans=int(i % 10 == 0),
        expiry_date=pd.Timestamp(f"{{year}}-06-30"))
    for i, (code, year) in enumerate((code, year) for code in names for year in (2016, 2017, 2019, 2028)
                                     for _ in range(20))))
start = choice.Choice(title="Spring", policy=POLICY)
"""
PICKER, USERS = "picker = widgets.choose(everybody, start)\npicker", "grid = widgets.users(picker)\ngrid"
BOTH = pytest.mark.parametrize("theme", [LIGHT, DARK])


@pytest.fixture
def lab(driven):
    """The table and the grid in one notebook, nothing clicked yet."""
    driven.anew("access.ipynb", PEOPLE, PICKER, USERS)
    driven.page.locator(".users-counts", has_text="0 shown").wait_for()
    yield driven
    assert driven.errors() == []


def walk(page, name, most=60):
    """Presses Tab until the stop of that name, or one that begins so; returns the stops passed."""
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(STOP))
        if passed[-1]["name"].startswith(name):
            return passed
    raise AssertionError(f"{name} was not reached: {[one['name'] for one in passed]}")


def enter(page):
    """Goes from the notebook into its first widget, as somebody without a mouse would."""
    page.keyboard.press("Escape")
    return walk(page, "Undo", 200)


@pytest.mark.browser
def test_without_a_mouse_one_ticks_narrows_keeps_searches_and_steps_back(lab):
    page = lab.page
    page.locator(".jp-Notebook").focus()
    enter(page)
    walk(page, "All subsets")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    totals(page, 80, 51, 3, 26, 0)
    for key in ("ArrowDown", "ArrowRight", "Space"):
        page.keyboard.press(key)
    totals(page, 100, 68, 4, 28, 0)
    walk(page, "LAKE")
    page.keyboard.press("Space")
    totals(page, 75, 52, 4, 19, 0)
    walk(page, "Primary ID")
    page.keyboard.type("00001")
    walk(page, "Reason")
    page.keyboard.type("writes a thesis")
    page.keyboard.press("Enter")
    totals(page, 75, 51, 4, 19, 1)

    # On into the grid, past a text box that does not hold the Tab key.
    walk(page, "Search primary ID or name")
    page.keyboard.type("0000")
    page.locator(".users-counts", has_text="7 shown of 240").wait_for()
    walk(page, "Users")
    for key in ("ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    page.get_by_label("Why is 00003").wait_for()
    page.keyboard.type("on leave")
    page.keyboard.press("Enter")
    totals(page, 75, 50, 4, 19, 2)
    assert lab.ask("print(picker.choice.keep)") == "(('00001', 'writes a thesis'), ('00003', 'on leave'))"
    page.keyboard.press("Control+z")
    totals(page, 75, 51, 4, 19, 1)
    page.keyboard.press("Control+y")
    totals(page, 75, 50, 4, 19, 2)


@pytest.mark.browser
@BOTH
def test_every_stop_of_the_tab_key_has_a_name_and_a_ring_that_stands_out(lab, theme):
    page = lab.page
    lab.theme(theme)
    everything(page)
    wanted = page.evaluate(OPERATED)
    page.locator(".purge-picker").get_by_role("button", name="Undo").focus()
    # Only what the keyboard reached has a ring.
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    stops = [page.evaluate(STOP)]
    while stops[-1]["widget"]:
        page.keyboard.press("Tab")
        stops.append(page.evaluate(STOP))
    assert [one for one in stops[:-1] if not one["name"] or one["ring"] < 3] == []
    assert len(stops) - 1 >= wanted and {one["widget"] for one in stops[:-1]} == {"purge-picker", "purge-users"}


def everything(page):
    """Brings to the page what it can say: ticks, what is left out, somebody kept, refusals, a list, a detail."""
    page.get_by_label("All subsets").click()
    page.get_by_role("group", name="Campus", exact=True).get_by_label("LAKE").click()
    page.locator(".users-layer .users-row").first.wait_for()
    page.locator(".users-layer .users-of-name").nth(3).click()
    page.get_by_role("region", name="A user's detail").wait_for()
    page.get_by_text("Paste or load a list of IDs").click()
    page.get_by_role("button", name="Show these users").click()
    page.get_by_text("There is no ID in this list").wait_for()
    page.locator(".users-layer .users-of-tick").nth(2).click()
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("To keep a user").wait_for()
    form = page.locator(".purge-keep")
    form.get_by_label("Primary ID").fill("00001")
    form.get_by_label("Reason").fill("writes a thesis")
    page.keyboard.press("Enter")
    page.get_by_text("00001 is kept.").wait_for()
    page.get_by_role("button", name="Remove 00001 from those kept").click()
    page.locator(".purge-asked").get_by_role("button").first.click()
    page.get_by_role("alert").get_by_text("Say why 00001 is no longer to be kept").wait_for()
    page.locator(".purge-picker").get_by_role("button", name="Keep this user").click()
    page.locator(".purge-refused", has_text="To keep a user, give the primary ID and a reason.").wait_for()


@pytest.mark.browser
@BOTH
def test_every_text_stands_out_from_its_ground_in_both_themes(lab, theme):
    lab.theme(theme)
    everything(lab.page)
    assert lab.page.evaluate(CONTRAST) == []
    lab.screenshot(SCREENSHOTS / f"access-{theme.split()[-1].lower()}.png")


@pytest.mark.browser
@BOTH
def test_axe_finds_nothing_wrong_in_either_theme(lab, theme):
    lab.theme(theme)
    everything(lab.page)
    assert axe(lab.page, ".purge-picker") == []
    assert axe(lab.page, ".purge-users") == []


@pytest.mark.browser
def test_the_totals_stay_in_sight_and_are_read_out_once(lab):
    page = lab.page
    area = page.get_by_label("The choice as text")
    area.evaluate("(one) => one.scrollIntoView({ block: 'end' })")
    box, frame = page.locator(".purge-totals").bounding_box(), page.locator(".jp-WindowedPanel-outer").bounding_box()
    assert frame["y"] - 1 <= box["y"] and box["y"] + box["height"] < frame["y"] + frame["height"] / 2
    spoken = page.locator(".purge-spoken")
    spoken.evaluate("(one) => { window.spoken = []; new MutationObserver(() => window.spoken.push(one.textContent))"
                    ".observe(one, { childList: true, characterData: true, subtree: true }); }")
    for year in (2016, 2017, 2019):
        page.get_by_label(f"All groups, expired {year}").click()
    page.wait_for_function("() => window.spoken.length && window.spoken.at(-1).startsWith('180 ticked')")
    assert page.evaluate("() => window.spoken.length") == 1
    assert spoken.get_attribute("aria-live") == "polite"
