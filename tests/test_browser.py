"""A person's way through the picker, in a real JupyterLab in Chromium, by mouse and by keyboard."""

import os
import re
import shutil
from pathlib import Path

import pytest
from labdrive import Lab, write_notebook
from playwright.sync_api import expect

TESTS = Path(__file__).parent
SCREENSHOTS = TESTS / "screenshots"
PEOPLE = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import pandas as pd
from invented import POLICY, people, row
from purgelib import charts, choice, widgets

names = {{"06": "Undergraduate", "07": "Alumni", "30": "Library staff"}}
everybody = people(*(
    row(primary_id=f"{{i:05}}", user_group=code, group_name=names[code], campus="MAIN" if i % 4 else "LAKE",
        requests=None if i % 20 == 7 else 0,
        expiry_date=pd.Timestamp(f"{{year}}-06-30"), loans=int(i % 10 == 0))
    for i, (code, year) in enumerate((code, year) for code in names for year in (2016, 2017, 2019, 2028)
                                     for _ in range(20))))
start = choice.Choice(title="Spring", policy=POLICY)
"""
PICKER = "picker = widgets.choose(everybody, start)\npicker"
TICKS = "print(sorted(picker.choice.ticks))"


@pytest.fixture
def lab(tmp_path, request):
    if not shutil.which("chromium"):
        why = "Chromium is not installed: make browser"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    write_notebook(tmp_path / "picker.ipynb", PEOPLE, PICKER,
                   "box = widgets.confirmation('Example University 37')\nbox", "charts.groups(everybody)")
    with Lab(tmp_path, theme=getattr(request, "param", "JupyterLab Light")) as one:
        one.open("picker.ipynb")
        one.run_all()
        one.page.locator(".purge-totals").wait_for()
        yield one


def totals(page, *wanted):
    """Waits until the totals are these: ticked, may go, to be checked live, will stay, kept by name."""
    page.wait_for_function("(wanted) => [...document.querySelectorAll('.purge-tile b')].map((n) => n.textContent)"
                           ".join() === wanted", arg=",".join(map(str, wanted)))


def count(page, facet, value):
    """The number beside a facet's value."""
    line = page.get_by_role("group", name=facet, exact=True).locator(".purge-value", has_text=value)
    return line.locator(".purge-count").text_content()


def focused(page):
    return page.evaluate("() => document.activeElement.ariaLabel || document.activeElement.textContent")


@pytest.mark.browser
def test_ticking_by_mouse_and_keyboard_reaches_the_kernel(lab):
    page = lab.page

    # One cell, by mouse.
    page.get_by_label("06 Undergraduate, expired 2019: 20 users").click()
    totals(page, 20, 17, 1, 2, 0)
    assert lab.until(TICKS, "[('06', '2019')]") == "[('06', '2019')]"

    # A whole row, by keyboard: the table is one Tab stop, arrow keys move inside it.
    assert page.locator(".purge-picker table input[tabindex='0']").count() == 1
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "07 Alumni, all years"
    page.keyboard.press("Space")
    totals(page, 100, 68, 4, 28, 0)
    partly = page.get_by_label("06 Undergraduate, all years")
    assert partly.evaluate("(box) => box.indeterminate") and not partly.is_checked()

    # Users who must stay are shown to stay, though ticked, and why.
    assert page.get_by_label("07 Alumni, expires 2028: 20 users, all stay").is_checked()
    why = page.locator(".purge-short-why").text_content()
    assert "Will stay, though ticked: not expired (20), has loans (10)" in why

    # One user is kept, not without a reason.
    page.get_by_label("Primary ID").fill("00045")
    page.get_by_label("Primary ID").press("Enter")
    page.get_by_text("To keep a user, give the primary ID and a reason.").wait_for()
    page.get_by_label("Reason", exact=True).fill("writes her thesis")
    page.get_by_role("button", name="Keep this user").click()
    page.get_by_text("00045 is kept.").wait_for()
    totals(page, 100, 67, 4, 28, 1)
    assert lab.ask("print(picker.choice.keep)") == "(('00045', 'writes her thesis'),)"
    assert "writes her thesis" in page.get_by_label("The choice as text").input_value()

    # What the page shows is what the choice itself counts.
    assert lab.ask("print(picker.choice.summary(everybody))").startswith("100 users ticked: 67 may go, 4 are to be")
    lab.screenshot(SCREENSHOTS / "picker.png")

    # The box for the purge says at once what will happen, and the picture is there.
    page.get_by_label("Institution and number of users").fill("example university 37")
    page.get_by_text("This will write to Alma: 37 users.").wait_for()
    assert lab.ask("print(box.typed)") == "example university 37"
    assert page.locator(".jp-RenderedImage img").evaluate("(picture) => picture.naturalWidth") > 500
    assert lab.console == []


@pytest.mark.browser
def test_facets_reasons_and_steps_back_follow_every_click(lab):
    page = lab.page
    page.get_by_label("All groups, expired 2019").click()
    totals(page, 60, 34, 2, 24, 0)
    assert (count(page, "Campus", "LAKE"), count(page, "Campus", "MAIN")) == ("15", "45")

    page.get_by_role("group", name="Campus", exact=True).get_by_label("LAKE").click()
    totals(page, 45, 26, 2, 17, 0)
    assert (count(page, "Campus", "LAKE"), count(page, "Campus", "MAIN")) == ("15 left out", "45")
    page.get_by_label("Leave out: requests not known").click()
    totals(page, 43, 26, 0, 17, 0)
    assert lab.ask("print(picker.choice.only, picker.choice.leave_out)") == \
        "(('campus', ('MAIN',)),) ('requests not known: Alma will tell',)"

    # What all have alike is no facet to narrow by.
    assert page.get_by_text("Account type: External").is_visible()
    assert page.get_by_role("group", name="Account type").count() == 0

    # By keyboard, in the widget and not in the notebook.
    page.keyboard.press("Control+z")
    totals(page, 45, 26, 2, 17, 0)
    page.keyboard.press("Control+z")
    totals(page, 60, 34, 2, 24, 0)
    page.keyboard.press("Control+y")
    totals(page, 45, 26, 2, 17, 0)
    page.get_by_role("button", name="Start over").click()
    totals(page, 0, 0, 0, 0, 0)
    assert focused(page) == "Start over"
    page.get_by_role("button", name="Undo").click()
    totals(page, 45, 26, 2, 17, 0)
    assert lab.console == []


@pytest.mark.browser
def test_the_text_is_edited_refused_and_used(lab):
    page = lab.page
    page.get_by_label("07 Alumni, all years").click()
    totals(page, 80, 51, 3, 26, 0)
    area = page.get_by_label("The choice as text")
    # The text follows the numbers: the page need not wait for it.
    expect(area).to_have_value(re.compile('user_group = "07"'))
    text = area.input_value()
    area.fill(text.replace('user_group = "07"', 'group = "07"'))
    page.get_by_text("It counts once you press").wait_for()

    # What a person types is not overwritten by a tick.
    page.get_by_label("06 Undergraduate, expired 2019: 20 users").click()
    totals(page, 100, 68, 4, 28, 0)
    assert 'group = "07"' in area.input_value()

    page.get_by_role("button", name="Use this text").click()
    page.get_by_text("a [[tick]] needs user_group").wait_for()
    assert area.get_attribute("aria-invalid") == "true"
    assert "07" in area.evaluate("(a) => a.value.slice(a.selectionStart, a.selectionEnd)")
    area.fill(text.replace('user_group = "07"', 'user_group = "06"'))
    page.get_by_role("button", name="Use this text").click()
    page.get_by_text("The text is used.").wait_for()
    totals(page, 80, 51, 3, 26, 0)
    assert page.get_by_label("06 Undergraduate, all years").is_checked()
    assert not page.get_by_label("07 Alumni, all years").is_checked()
    assert lab.ask("print(choice.from_toml(picker.text) == picker.choice)") == "True"
    assert lab.console == []


@pytest.mark.browser
def test_what_was_ticked_outlives_reloading_and_running_again(lab):
    page = lab.page
    page.get_by_label("07 Alumni, expired 2019: 20 users").click()
    page.get_by_role("group", name="Campus", exact=True).get_by_label("LAKE").click()
    totals(page, 15, 13, 1, 1, 0)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    page.reload()
    page.locator(".purge-totals").wait_for()
    totals(page, 15, 13, 1, 1, 0)
    assert page.get_by_label("07 Alumni, expired 2019: 20 users").is_checked()
    page.get_by_label("07 Alumni, expired 2017: 20 users").click()
    totals(page, 30, 26, 2, 2, 0)
    assert lab.until(TICKS, "[('07', '2017'), ('07', '2019')]") == "[('07', '2017'), ('07', '2019')]"

    # The population is made anew, too.
    lab.run_all()
    page.get_by_text("This goes on with what was ticked here before.").wait_for()
    totals(page, 30, 26, 2, 2, 0)
    page.get_by_role("button", name="Start over").click()
    totals(page, 0, 0, 0, 0, 0)
    assert not page.get_by_text("This goes on with what was ticked here before.").is_visible()
    assert lab.console == []


@pytest.mark.browser
def test_everything_is_reached_by_tab_and_has_a_name(lab):
    page = lab.page
    wanted = page.evaluate("""() => [...document.querySelectorAll(
        '.purge-picker :is(input, button, textarea, summary)')]
        .filter((one) => one.checkVisibility() && one.tabIndex === 0).length""")
    page.get_by_role("button", name="Undo").focus()
    reached, nameless = 1, []
    while page.evaluate("() => !!document.activeElement.closest('.purge-picker')"):
        one = page.evaluate("""() => { const [at] = [document.activeElement]; const ring = getComputedStyle(
            at.closest('table label, .purge-value label') || at); return [at.ariaLabel || at.labels?.[0]?.textContent
            || at.textContent, ring.outlineStyle !== 'none' || getComputedStyle(at).outlineStyle !== 'none',
            at.matches('input, button, textarea, summary')]; }""")
        if not one[0] or not one[1]:
            nameless.append(one)
        page.keyboard.press("Tab")
        reached += one[2]
    assert nameless == [] and reached - 1 == wanted


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const bad = [];
  for (const one of document.querySelectorAll('.purge-picker *')) {
    const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text && one.tagName !== 'TEXTAREA') continue;
    if (!one.checkVisibility() || one.closest('[aria-disabled="true"]')) continue;
    const [a, b] = [light(rgba(getComputedStyle(one).color)), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push([one.className, one.textContent.slice(0, 30), ratio]);
  }
  return bad;
}"""


@pytest.mark.browser
@pytest.mark.parametrize("lab", ["JupyterLab Light", "JupyterLab Dark"], indirect=True)
def test_every_text_stands_out_from_its_ground_in_both_themes(lab):
    page = lab.page
    page.get_by_label("All subsets").click()
    page.get_by_role("group", name="Campus", exact=True).get_by_label("LAKE").click()
    page.get_by_role("button", name="Keep this user").click()
    page.get_by_text("To keep a user, give the primary ID and a reason.").wait_for()
    assert page.evaluate(CONTRAST) == []
    theme = page.evaluate("() => document.body.dataset.jpThemeName").split()[-1].lower()
    lab.screenshot(SCREENSHOTS / f"picker-{theme}.png")


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
