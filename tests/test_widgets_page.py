"""The widgets of a choice beside each other, in a real JupyterLab: what is filtered, let go and run again."""

import os
import shutil
from pathlib import Path

import pytest
from labdrive import Lab, write_notebook
from test_browser import CONTRAST

TESTS = Path(__file__).parent
READ = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import pandas as pd
from invented import POLICY, people, row
from purgelib import choice, widgets

names = {{"06": "Undergraduate", "07": "Alumni"}}
everybody = people(*(
    row(primary_id=f"{{i:05}}", name=f"Ada Example {{i % 13}}", user_group=code, group_name=names[code],
        expiry_date=pd.Timestamp(f"{{2012 + i % 8}}-06-30"), loans=int(i % 10 == 0))
    for i, code in enumerate((code for code in names for _ in range(1000)))))
start = choice.Choice(policy=POLICY, ticks=frozenset(("06", str(year)) for year in range(2012, 2020)))
"""
CHOOSE = "picker = widgets.choose(everybody, start)\npicker"
USERS = "grid = widgets.users(picker)\ngrid"


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """One JupyterLab for all that follows; each test starts from a new kernel."""
    if not shutil.which("chromium"):
        why = "Chromium is not installed: make browser"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    folder = tmp_path_factory.mktemp("page")
    write_notebook(folder / "page.ipynb", READ, CHOOSE, USERS)
    with Lab(folder, size=(1500, 1000)) as one:
        one.open("page.ipynb")
        yield one


@pytest.fixture
def lab(driven):
    driven.console.clear()
    driven.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
    driven.wait_idle()
    driven.run_all()
    counts(driven.page, 1000, 900)
    yield driven
    # Restarting a kernel may cut off a question of JupyterLab's own.
    assert [one for one in driven.console if "debugger state" not in one] == []


def counts(page, shown, ticked):
    """Waits until so many users are shown, and the tick of so many of them is on."""
    words = f"{ticked or 'none'} of those shown will be in the plan"
    page.locator(".users-counts", has_text=f"{shown:,} shown of 2,000 users; {words}").wait_for()


def box(page, name):
    return page.get_by_role("combobox", name=name, exact=True)


def offered(page, name):
    """What a filter offers."""
    return box(page, name).evaluate("(one) => [...one.options].filter((o) => !o.hidden).map((o) => o.textContent)")


def first_row(page):
    """The number of the row at the top of the grid, from 0."""
    return page.locator(".users-layer .users-row").first.evaluate("(one) => +one.dataset.at")


@pytest.mark.browser
def test_filters_offer_only_what_there_is_with_counts_and_mark_their_column(lab):
    page = lab.page
    box(page, "Show").select_option("Everybody")
    counts(page, 2000, 900)
    assert offered(page, "Verdict") == ["all (2,000)", "may go (1,800)", "stays (200)"]
    page.get_by_label("Expiry date from").fill("2014-06-30")
    page.get_by_label("Expiry date to").fill("2014-12-31")
    counts(page, 250, 100)
    assert offered(page, "User group") == ["all (250)", "06 Undergraduate (125)", "07 Alumni (125)"]
    box(page, "Reason").select_option("has loans")
    counts(page, 50, 0)
    assert offered(page, "Verdict") == ["all (50)", "stays (50)"]
    marked = page.locator(".users-filtered").all_text_contents()
    assert marked == ["Expiry date", "Reasons"]
    page.get_by_role("button", name="Clear search and filters").click()
    counts(page, 2000, 900)
    assert page.get_by_label("Expiry date from").input_value() == "" and page.locator(".users-filtered").count() == 0


@pytest.mark.browser
def test_whoever_is_removed_is_asked_about_in_the_own_line_and_stays_without_a_reason(lab):
    page, form = lab.page, lab.page.locator(".purge-keep")
    for one, why in (("00003", "writes a thesis"), ("00004", "guest")):
        form.get_by_label("Primary ID").fill(one)
        form.get_by_label("Reason").fill(why)
        page.keyboard.press("Enter")
        page.get_by_text(f"{one} is kept.").wait_for()
    remove = page.get_by_role("button", name="Remove 00003 from those kept")
    why = page.get_by_label("Why is 00003 Ada Example 3 no longer to be kept?")
    remove.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("Say why 00003 is no longer to be kept").wait_for()
    assert lab.ask("print(len(picker.choice.keep))") == "2"
    # Esc leaves everything as it is, and the focus where it was.
    page.keyboard.press("Escape")
    assert not why.is_visible()
    assert page.evaluate("() => document.activeElement.ariaLabel") == "Remove 00003 from those kept"
    page.keyboard.press("Enter")
    page.keyboard.type("has finished")
    # What changes elsewhere takes neither the question nor the words away.
    lab.ask("picker.keep('00005', 'guest, too')")
    page.get_by_text("Kept by name: 3").wait_for()
    assert why.input_value() == "has finished"
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("Enter")
    page.get_by_text("00003 is no longer kept by name.").wait_for()
    assert lab.ask("print(picker.choice.released)") == "(('00003', 'has finished'),)"
    assert not why.is_visible() and not remove.is_visible()


@pytest.mark.browser
def test_search_filter_and_place_outlive_reloading_and_running_the_cells_again(lab):
    page = lab.page
    page.get_by_label("Search primary ID or name").fill("ada 00")
    assert lab.until("print(grid.view['search'])", "ada 00") == "ada 00"
    box(page, "Verdict").select_option("may go")
    counts(page, 900, 900)
    page.locator(".users-grid").evaluate("(one) => { one.scrollTop = 30 * 500; }")
    page.locator(".users-layer .users-row[data-at='505']").wait_for()
    assert lab.until("print(int(grid.here['top']))", "500") == "500"
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def as_it_was():
        counts(page, 900, 900)
        page.locator(".users-layer .users-row[data-at='505']").wait_for()
        assert first_row(page) == 500 and box(page, "Verdict").input_value() == "may go"
        assert page.get_by_label("Search primary ID or name").input_value() == "ada 00"

    page.reload()
    as_it_was()
    # The cell alone, and then all of them, so that the exports are read anew, too.
    for what in ("notebook:run-cell", "notebook:run-all-cells"):
        if what == "notebook:run-cell":
            page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt").click()
        page.evaluate(f"() => window.jupyterapp.commands.execute('{what}')")
        lab.wait_idle()
        as_it_was()
    assert lab.ask("print(len(picker.picking._watching))") == "2"


@pytest.mark.browser
def test_a_grid_that_was_not_run_again_says_so_and_changes_nothing(lab):
    page = lab.page
    outdated = page.get_by_text("These are the users of earlier exports: run this cell again to see those of now.")
    assert not outdated.is_visible()
    # A person reads the exports and chooses anew, and goes on in the old grid.
    for at in (0, 1):
        page.locator(".jp-CodeCell").nth(at).locator(".jp-InputPrompt").click()
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
        lab.wait_idle()
    outdated.wait_for()
    page.locator(".users-layer .users-of-tick").nth(3).click()
    page.keyboard.type("writes a thesis")
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("Nothing was changed.").wait_for()
    assert lab.ask("print(picker.choice.keep, grid.choice.keep)") == "() ()"
    page.keyboard.press("Escape")
    page.locator(".jp-CodeCell").last.locator(".jp-InputPrompt").click()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    lab.wait_idle()
    counts(page, 1000, 900)
    assert not outdated.is_visible()
