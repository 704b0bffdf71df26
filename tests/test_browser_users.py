"""A person's way through the grid of single users, in a real JupyterLab in Chromium, by mouse and by keyboard."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SCREENSHOTS = TESTS / "screenshots"
PEOPLE = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import pandas as pd
from invented import POLICY, people, row
from purgelib import choice
from purgelib.widgets.state import Picking
from purgelib.widgets.users import users

names = {{"06": "Undergraduate", "07": "Alumni"}}
everybody = people(*(
    row(primary_id=f"{{i:05}}", name=f"Ada {{'Müller' if i % 7 == 0 else 'Example'}} {{i % 13}}", user_group=code,
        group_name=names[code], expiry_date=pd.Timestamp(f"{{2012 + i % 8}}-06-30"), loans=int(i % 10 == 0))
    for i, code in enumerate((code for code in names for _ in range(1000)))))
start = choice.Choice(policy=POLICY, ticks=frozenset(("06", str(year)) for year in range(2012, 2020)))
picking = Picking(everybody, start)
"""
GRID = "grid = users(picking)\ngrid"
KEPT = "print(grid.choice.keep)"


@pytest.fixture
def lab(driven):
    """The notebook with every cell run, and nothing clicked yet."""
    driven.anew("users.ipynb", PEOPLE, GRID)
    counts(driven.page, 1000, 900)
    yield driven
    assert driven.errors() == []


def counts(page, shown, ticked):
    """Waits until so many users are shown, and the tick of so many of them is on."""
    words = f"{ticked or 'none'} of those shown will be in the plan"
    page.locator(".users-counts", has_text=f"{shown:,} shown of 2,000 users; {words}").wait_for()


def cell(page, primary_id, words=""):
    """The cell of the tick of a user whose row is on screen."""
    return page.locator(".users-layer .users-of-tick").and_(page.locator(f'[aria-label^="{primary_id}: {words}"]'))


def here(page):
    """What a screen reader is pointed to: the row and the words of the cell."""
    return page.evaluate("""() => { const at = document.getElementById(
        document.querySelector('.users-grid').getAttribute('aria-activedescendant'));
        return at && [+at.parentElement.getAttribute('aria-rowindex'), at.ariaLabel || at.textContent]; }""")


@pytest.mark.browser
def test_a_tick_is_taken_off_with_a_reason_and_put_on_again_with_another(lab):
    page = lab.page
    cell(page, "00003", "ticked").click()
    reason = page.get_by_label("Why is 00003 Ada Example 3 to be kept?")
    # Esc leaves it ticked, and no reason keeps nobody.
    page.keyboard.press("Escape")
    assert not reason.is_visible() and cell(page, "00003", "ticked").is_visible()
    cell(page, "00003", "ticked").click()
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text("To keep a user, give the primary ID and a reason.").wait_for()
    assert lab.ask(KEPT) == "()"

    page.keyboard.type("writes a thesis")
    page.keyboard.press("Enter")
    cell(page, "00003", "not ticked, kept by name").wait_for()
    counts(page, 1000, 899)
    assert lab.ask(KEPT) == "(('00003', 'writes a thesis'),)"
    page.get_by_text("00003 Ada Example 3 is kept by name: writes a thesis.").wait_for()

    # The last reason is offered again.
    cell(page, "00004", "ticked").click()
    assert page.get_by_label("Why is 00004 Ada Example 4 to be kept?").input_value() == "writes a thesis"
    page.keyboard.press("Enter")
    counts(page, 1000, 898)

    cell(page, "00003").click()
    page.get_by_label("00003 Ada Example 3 is kept by name. Why tick this user again?").fill("has finished")
    page.keyboard.press("Enter")
    cell(page, "00003", "ticked").wait_for()
    counts(page, 1000, 899)
    page.get_by_text("Reasons given in this session: 3").click()
    assert page.get_by_text("00003 no longer kept: has finished").is_visible()
    page.get_by_role("button", name="Undo").click()
    counts(page, 1000, 898)
    assert lab.ask("print(grid.choice.chosen(everybody).sum())") == "898"


@pytest.mark.browser
def test_users_who_must_stay_cannot_be_ticked_and_say_why(lab):
    page = lab.page
    cell(page, "00010", "cannot be ticked, must stay").click()
    page.get_by_text("00010 Ada Example 10: must stay: has loans.").wait_for()
    assert not page.locator(".users-asking").is_visible()
    page.get_by_role("combobox", name="Show", exact=True).select_option("Everybody")
    counts(page, 2000, 900)
    page.get_by_label("Search primary ID or name").fill("01001")
    counts(page, 1, 0)
    cell(page, "01001").click()
    page.get_by_text("tick 07 Alumni, expired 2013 in the table of subsets").wait_for()
    assert lab.ask(KEPT) == "()"


@pytest.mark.browser
def test_by_keyboard_alone_one_moves_sorts_ticks_and_reads_a_detail(lab):
    page = lab.page
    assert page.locator(".users-frame [tabindex='0']").count() == 1
    page.locator(".users-grid").focus()
    page.keyboard.press("ArrowDown")
    assert here(page) == [3, "00001: ticked, will be in the plan"]
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('.users-cursor')?.ariaLabel?.startsWith('00999')")
    assert here(page)[0] == 1001
    page.keyboard.press("PageUp")
    assert 950 < here(page)[0] < 1000
    page.keyboard.press("Home")
    page.wait_for_function("() => document.querySelector('.users-cursor')?.ariaLabel?.startsWith('00000')")

    # Up into the headings: Enter sorts, and again the other way round.
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert here(page) == [1, "Expiry date"]
    page.keyboard.press("Enter")
    page.locator("[aria-sort='ascending']", has_text="Expiry date").wait_for()
    page.keyboard.press("Enter")
    page.locator("[aria-sort='descending']", has_text="Expiry date").wait_for()
    page.locator(".users-layer .users-row", has_text="2019-06-30").first.wait_for()

    # The first row is now another user: Space asks about that one.
    page.keyboard.press("Home")
    whom = here(page)[1]
    page.keyboard.press("Enter")
    page.get_by_role("region", name="A user's detail").get_by_text("2019-06-30 (7 years ago)").wait_for()
    assert page.get_by_text("Nothing is on loan.").is_visible()
    lab.screenshot(SCREENSHOTS / "users.png")
    page.keyboard.press("Escape")
    assert not page.get_by_role("region", name="A user's detail").is_visible()
    for key in (*["ArrowLeft"] * 5, " "):
        page.keyboard.press(key)
    ticked = here(page)[1].split(":")[0]
    page.get_by_label(f"Why is {ticked}").fill("on leave")
    page.keyboard.press("Enter")
    counts(page, 1000, 899)
    assert whom == "2019-06-30" and lab.ask(KEPT) == f"(('{ticked}', 'on leave'),)"
    assert page.evaluate("() => document.activeElement.className") == "users-grid"


@pytest.mark.browser
def test_searching_filtering_and_scrolling_show_who_is_asked_for(lab):
    page = lab.page
    page.get_by_label("Search primary ID or name").press_sequentially("muller")
    counts(page, 143, 128)
    assert set(page.locator(".users-layer .users-of-name").all_text_contents()) <= {
        f"Ada Müller {i}" for i in range(13)}
    page.get_by_role("combobox", name="Verdict", exact=True).select_option("stays")
    counts(page, 15, 0)
    page.get_by_role("button", name="Clear search and filters").click()
    counts(page, 1000, 900)
    page.get_by_label("Search primary ID or name").fill("nobody at all")
    page.get_by_text("Nobody here fits what you search for").wait_for()
    page.get_by_label("Search primary ID or name").fill("")
    counts(page, 1000, 900)
    page.get_by_role("combobox", name="Show", exact=True).select_option("Everybody")
    page.get_by_role("combobox", name="User group", exact=True).select_option("07 Alumni")
    counts(page, 1000, 0)
    page.locator(".users-grid").evaluate("(one) => { one.scrollTop = one.scrollHeight; }")
    page.locator(".users-of-primary_id", has_text="01999").wait_for()
    rows = page.locator(".users-layer .users-row")
    assert rows.count() < 40
    # Above the last row stand the ones before it, each once.
    assert page.locator(".users-layer .users-of-primary_id").all_text_contents()[-3:] == ["01997", "01998", "01999"]


@pytest.mark.browser
def test_a_list_is_pasted_or_loaded_and_all_of_it_kept(lab, tmp_path):
    page = lab.page
    page.get_by_text("Paste or load a list of IDs").click()
    page.get_by_label("Primary IDs, one per line").fill("Primary Identifier\n00007\n01500\nstranger")
    page.get_by_role("button", name="Show these users").click()
    page.get_by_text("Nobody has this ID: stranger.").wait_for()
    counts(page, 2, 1)
    page.get_by_label("Reason", exact=True).last.fill("on leave")
    page.get_by_role("button", name="Keep all of these").click()
    page.get_by_text("2 users are kept: on leave.").wait_for()
    assert lab.ask(KEPT) == "(('00007', 'on leave'), ('01500', 'on leave'))"

    # As Excel saves text, in the alphabet that it uses for it.
    (tmp_path / "ids.txt").write_bytes("00011\tMüller\r\n00012\tÅse\r\n".encode("utf-16"))
    page.locator(".users-list input[type=file]").set_input_files(tmp_path / "ids.txt")
    page.get_by_text("2 IDs read; 2 users are shown.").wait_for()
    counts(page, 2, 2)
    (tmp_path / "ids.csv").write_bytes("00013;Müller\n".encode("windows-1252"))
    page.locator(".users-list input[type=file]").set_input_files(tmp_path / "ids.csv")
    counts(page, 1, 1)
    (tmp_path / "ids.csv").write_bytes(b"PK\x03\x04")
    page.locator(".users-list input[type=file]").set_input_files(tmp_path / "ids.csv")
    page.get_by_text("is an Excel workbook").wait_for()
    page.get_by_role("button", name="Put the list away").click()
    counts(page, 1000, 899)


@pytest.mark.browser
def test_what_was_looked_at_and_said_outlives_reloading_the_page(lab):
    page = lab.page
    cell(page, "00003", "ticked").click()
    page.keyboard.type("writes a thesis")
    page.keyboard.press("Enter")
    counts(page, 1000, 899)
    page.get_by_label("Search primary ID or name").fill("0000")
    counts(page, 10, 8)
    lab.save()
    page.reload()
    page.wait_for_selector(".purge-users", timeout=60_000)
    counts(page, 10, 8)
    assert page.get_by_label("Search primary ID or name").input_value() == "0000"
    cell(page, "00003", "not ticked, kept by name").wait_for()
    cell(page, "00004", "ticked").click()
    assert page.get_by_label("Why is 00004").input_value() == "writes a thesis"

    # Running the cell again looks at the same choice, from the beginning.
    page.keyboard.press("Escape")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
    lab.wait_idle()
    lab.run_all()
    counts(page, 1000, 900)


@pytest.mark.browser
def test_what_another_widget_changes_shows_at_once(lab):
    lab.ask("picking.tick([('06', '2012')], on=False)")
    counts(lab.page, 875, 800)
    lab.ask("picking.keep(['00001'], 'thesis')")
    counts(lab.page, 875, 799)
    cell(lab.page, "00001", "not ticked, kept by name").wait_for()
