"""A person's way through the picker, in a real JupyterLab in Chromium, by mouse and by keyboard."""

import os
import shutil
from pathlib import Path

import pytest
from labdrive import Lab, write_notebook

TESTS = Path(__file__).parent
SCREENSHOTS = TESTS / "screenshots"
PEOPLE = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import pandas as pd
from invented import people, row
from purgelib import charts, widgets

names = {{"06": "Undergraduate", "07": "Alumni", "30": "Library staff"}}
everybody = people(*(
    row(primary_id=f"{{i:05}}", user_group=code, group_name=names[code],
        expiry_date=pd.Timestamp(f"{{year}}-06-30"), loans=int(i % 10 == 0))
    for i, (code, year) in enumerate((code, year) for code in names for year in (2016, 2017, 2019, 2028)
                                     for _ in range(20))))
"""


@pytest.fixture
def lab(tmp_path):
    if not shutil.which("chromium"):
        why = "Chromium is not installed: make browser"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    write_notebook(tmp_path / "picker.ipynb", PEOPLE, "picker = widgets.choose(everybody)\npicker",
                   "box = widgets.confirmation('Example University 37')\nbox", "charts.groups(everybody)")
    with Lab(tmp_path) as one:
        one.open("picker.ipynb")
        one.run_all()
        yield one


@pytest.mark.browser
def test_ticking_by_mouse_and_keyboard_reaches_the_kernel(lab):
    page = lab.page
    status = page.locator(".purge-status")
    status.wait_for()

    # One cell, by mouse.
    page.get_by_label("06 Undergraduate, expired 2019: 20 users").click()
    page.wait_for_function("() => document.querySelector('.purge-status').textContent.startsWith('20 ticked: 18 may')")
    assert lab.until("print(sorted(picker.choice.ticks))", "[('06', '2019')]") == "[('06', '2019')]"

    # A whole row, by keyboard: the table is one Tab stop, arrow keys move inside it.
    assert page.locator(".purge-picker table input[tabindex='0']").count() == 1
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "07 Alumni, all years"
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.purge-status').textContent.startsWith('100 ticked:')")
    assert lab.until("print(len(picker.choice.ticks))", "5") == "5"
    partly = page.get_by_label("06 Undergraduate, all years")
    assert partly.evaluate("(box) => box.indeterminate") and not partly.is_checked()
    assert page.get_by_label("07 Alumni, expires 2028: 20 users, all stay").is_checked()

    # One user is kept, not without a reason.
    page.get_by_label("Primary ID").fill("00045")
    page.get_by_label("Primary ID").press("Enter")
    page.get_by_text("To keep a user, give the primary ID and a reason.").wait_for()
    page.get_by_label("Reason", exact=True).fill("writes her thesis")
    page.get_by_role("button", name="Keep this user").click()
    page.get_by_text("00045 is kept.").wait_for()
    assert lab.until("print(picker.choice.keep)", "(('00045', 'writes her thesis'),)") == \
        "(('00045', 'writes her thesis'),)"
    assert "writes her thesis" in page.locator(".purge-picker pre").text_content()

    # What the page shows is what the choice itself counts.
    assert lab.ask("print(picker.choice.summary(everybody))").startswith("100 users ticked: 71 may go")
    assert status.text_content().startswith("100 ticked: 71 may go, 0 to be checked live, 28 stay all the same")
    lab.screenshot(SCREENSHOTS / "picker.png")

    # The box for the purge says at once what will happen, and the picture is there.
    page.get_by_label("Institution and number of users").fill("example university 37")
    page.get_by_text("This will write to Alma: 37 users.").wait_for()
    assert lab.ask("print(box.typed)") == "example university 37"
    assert page.locator(".jp-RenderedImage img").evaluate("(picture) => picture.naturalWidth") > 500
    assert lab.console == []
