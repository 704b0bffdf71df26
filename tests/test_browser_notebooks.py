"""The notebooks 01 and 02 as staff use them in JupyterLab, on the 12,000 invented users of data/sample."""

import contextlib
import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbconvert
import nbformat
import openpyxl
import pytest
from looks import settled, SUMMARY, totals
from playwright.sync_api import expect

from purgelib import choice

ROOT = Path(__file__).parent.parent
RUN = Path("data/runs/first-walk")
KEPT = "print(picker.choice.keep)"
# Of every facet, how many of those ticked have each value, counted user by user and not on the cube.
COUNTED = """
import json, pandas
now, facets = picker.choice, people.facets.astype(str)
on = pandas.MultiIndex.from_frame(facets[["user_group", "expired"]]).isin(list(now.ticks))
for facet, values in now.only:
    on &= facets[facet].isin(values).to_numpy()
for reason in now.leave_out:
    on &= ~facets["reason"].str.contains(reason, regex=False).to_numpy()
print(json.dumps({one["name"]: [int((facets[one["facet"]][on] == value).sum())
                                for value in people.cube.values[one["facet"]]] for one in picker.table["facets"]}))
"""
# The same as the page shows it; a value that is left out says so.
SHOWN = """() => Object.fromEntries([...document.querySelectorAll('.purge-facets fieldset:not([hidden])')].map((one) =>
  [one.querySelector('legend').textContent, [...one.querySelectorAll('.purge-value .purge-count')].slice(1)
    .map((n) => n.textContent)]))"""
WITHOUT_WIDGET = """
import sys
from purgelib import choice, exports, population
chosen = choice.load(sys.argv[1])
people = population.judge(exports.read(sys.argv[2]), chosen.policy)
print(*sorted(people.table["primary_id"][chosen.chosen(people)]))
"""


@pytest.fixture
def lab(driven, request):
    """The notebook that a test's name begins with, as committed, just run, with runs of its own."""
    shutil.rmtree(driven.root / "data", ignore_errors=True)
    for name in ("sample", "sample-earlier"):
        shutil.copytree(ROOT / "data" / name, driven.root / "data" / name)
    name = "01_explore.ipynb" if "explore" in request.node.name else "02_choose.ipynb"
    # What is open must not change on the disk.
    if not (driven.root / "notebooks" / name).exists():
        (driven.root / "notebooks").mkdir(exist_ok=True)
        shutil.copy(ROOT / "notebooks" / name, driven.root / "notebooks" / name)
    driven.anew(f"notebooks/{name}", timeout=120)
    yield driven
    assert driven.errors() == []


def saved(lab):
    """The choice that lies in the run's folder."""
    return choice.load(lab.root / RUN / "choice.toml")


def agree(lab):
    """Every number beside the table is what counting the users one by one says."""
    settled(lab.page)
    wanted, seen = json.loads(lab.ask(COUNTED)), lab.page.evaluate(SHOWN)
    assert len(seen.keys() & wanted.keys()) >= 6
    for name in seen.keys() & wanted.keys():
        # What is left out says how many it leaves out, instead.
        pairs = [pair for pair in zip(seen[name], wanted[name], strict=True) if "left out" not in pair[0]]
        assert [int(n.replace(",", "")) for n, _ in pairs] == [n for _, n in pairs], name
    assert lab.ask("print(picker.choice.summary(people))") == SUMMARY.format(*settled(lab.page))


@contextlib.contextmanager
def exported(lab, folder):
    """A page without a network, on which the notebook is that is open, saved and exported as HTML."""
    lab.save()
    html = nbconvert.HTMLExporter().from_filename(str(lab.path()))[0]
    (folder / "exported.html").write_text(html, encoding="utf-8")
    page = lab.context.new_page()
    page.route(re.compile("^http"), lambda route: route.abort())
    try:
        page.goto((folder / "exported.html").as_uri(), wait_until="domcontentloaded")
        yield page
    finally:
        page.close()


def detail(page, primary_id):
    """Looks a user up in the grid, with whatever is shown there; returns the user's detail."""
    page.get_by_role("combobox", name="Show", exact=True).select_option("Everybody")
    page.get_by_label("Search primary ID or name").fill(primary_id)
    page.get_by_label("Search primary ID or name").press("Enter")
    page.locator(".users-counts", has_text="1 shown").wait_for()
    page.locator(".users-layer .users-of-primary_id", has_text=primary_id).click()
    found = page.get_by_role("region", name="A user's detail")
    found.get_by_role("heading", name=primary_id).wait_for()
    return found


@pytest.mark.browser
def test_explore_shows_each_picture_with_words_and_numbers_and_what_changed(lab, tmp_path):
    page = lab.page
    calls = [cell.source.strip() for cell in nbformat.read(ROOT / "notebooks/01_explore.ipynb", 4).cells
             if cell.cell_type == "code" and cell.source.startswith("charts.")]
    shown = page.locator(".jp-RenderedImage img").evaluate_all("(all) => all.map((one) => one.naturalWidth)")
    assert len(shown) == len(calls) == 10 and min(shown) > 500 and "\n" not in "".join(calls)
    with exported(lab, tmp_path) as paper:
        images = paper.locator(".jp-RenderedImage img")
        assert images.evaluate_all("(all) => all.map((one) => one.naturalWidth)") == shown
        assert images.evaluate_all("(all) => all.every((one) => one.alt.length > 40)")
    cells = {cell.source.strip(): cell for cell in nbformat.read(lab.path(), 4).cells}
    for call in calls:
        # Words for those who do not see it, and the numbers as a table, by one more word in the cell.
        [picture] = cells[call].outputs
        assert picture.metadata["image/png"]["alt"] == picture.data["text/plain"] and picture.data["text/plain"]
        assert int(lab.ask(f"print(len({call}.table))")) > 0, call
    # What the pictures say is what the table of the funnel and the sentences say.
    assert "4,057 may go, 619 are to be checked live, 7,324 stay" in lab.said("print(people.summary())")
    rows = page.locator("table", has_text="cannot be trusted").locator("tbody tr")
    ends = [rows.nth(at).locator("td").last.text_content() for at in (0, -1)]
    assert ends == ["12000", str(4057 + 619)]
    assert "70 came, 24 went" in lab.said("print(change.summary())")
    assert "though the user has not expired: 19" in lab.said("oddities.words")
    assert page.locator("table", has_text="verdict before").locator("tbody tr").count() > 5


@pytest.mark.browser
def test_every_facet_follows_cells_rows_columns_and_boxes_and_the_cells_below_say_the_same(lab):
    page = lab.page
    totals(page, 990, 754, 102, 134, 0)

    agree(lab)
    for words in ("06 Undergraduate, expired 2018", "07 Doctoral, all years", "All groups, expired 2016"):
        page.get_by_label(words).click()
        agree(lab)
    for box in page.locator(".purge-facets fieldset:visible").all():
        box.locator("input:visible").last.click()
        agree(lab)
    lab.run("print(picker.choice.summary(people))")
    ticked = page.locator(".purge-tile b").first.text_content()
    assert lab.said("print(picker.choice.summary(people))").startswith(f"{ticked} users ticked")
    # Nobody need run anything but the last cell to save what is ticked now.
    lab.run("picker.save")
    assert saved(lab) == choice.from_toml(page.get_by_label("The choice as text").input_value())


@pytest.mark.browser
def test_the_text_alone_chooses_the_same_users_and_starts_the_next_kernel(lab, tmp_path):
    page = lab.page
    page.get_by_label("07 Doctoral, all years").click()
    page.locator(".users-layer .users-of-tick[aria-label*=': ticked']").first.click()
    page.keyboard.type("phoned: she is back")
    page.keyboard.press("Enter")
    totals(page, None, None, None, None, 1)
    # The text follows the numbers: the page need not wait for it.
    expect(page.get_by_label("The choice as text")).to_have_value(re.compile("phoned: she is back"))
    lab.run("picker.save")
    mine = lab.ask("print(*sorted(people.table['primary_id'][picker.choice.chosen(people)]))")
    (tmp_path / "choice.toml").write_text(page.get_by_label("The choice as text").input_value())
    for text in (tmp_path / "choice.toml", lab.root / RUN / "choice.toml"):
        alone = subprocess.run([sys.executable, "-c", WITHOUT_WIDGET, str(text), str(ROOT / "data/sample")],
                               capture_output=True, text=True, check=True)
        assert alone.stdout.strip() == mine and len(mine.split()) > 1000

    # A new kernel starts from what was saved.
    before = [int(n.replace(",", "")) for n in settled(page)]
    lab.command("notebook:clear-all-cell-outputs")
    lab.restart()
    lab.run_all()
    totals(page, *before)
    assert lab.ask("print(*sorted(people.table['primary_id'][picker.choice.chosen(people)]))") == mine
    assert "phoned: she is back" in page.locator(".purge-kept-list").text_content()


@pytest.mark.browser
def test_a_review_goes_out_as_a_workbook_and_whom_it_keeps_is_shown_as_kept(lab):
    page = lab.page
    book = next((lab.root / RUN).glob("review-*.xlsx"))
    assert f"{book.name}: 856 users" in lab.said("review.hand_out")
    # A colleague opens it, signs, marks two, and changes a third by mistake.
    workbook = openpyxl.load_workbook(book)
    cover, sheet = workbook.worksheets[:2]
    signature = next(row for row in cover.iter_rows() if row[0].value and "Looked through by" in str(row[0].value))
    signature[1].value = "Cem Colleague"
    kept, silent, changed = (sheet.cell(at, 1).value for at in (3, 4, 5))
    sheet.cell(3, 3).value, sheet.cell(3, 4).value = "x", "on parental leave"
    sheet.cell(4, 3).value = "x"
    sheet.cell(5, 2).value = "Somebody Else"
    workbook.save(lab.root / RUN / "back.xlsx")

    lab.write('came_back = ""', 'came_back = "back.xlsx"')
    lab.run("came_back = ")
    lab.run("reviewed = review.read", and_below=True)
    totals(page, None, None, None, None, 3)
    said = lab.said("reviewed = review.read")
    assert "856 users came back, looked through by Cem Colleague: 3 more are kept, 1 of them because" in said
    # What is not as it was sent is named, by sheet and row, and with what stands there now.
    assert "Somebody Else" in lab.said("reviewed.named") and sheet.title in lab.said("reviewed.named")
    listed = page.locator(".purge-kept-list").text_content()
    assert all(one in listed for one in (kept, silent, changed)) and "on parental leave" in listed
    assert {one for one, _ in saved(lab).keep} == {kept, silent, changed}
    assert "on parental leave" in dict(saved(lab).keep)[kept]

    # The grid shows them as kept, and by whom.
    found = detail(page, kept)
    found.get_by_text("looked through by Cem Colleague").wait_for()
    page.locator(".users-layer .users-of-tick[aria-label*='not ticked, kept by name']").wait_for()

    # A keep made afterwards is not lost by running everything again.
    form = page.locator(".purge-keep")
    form.get_by_label("Primary ID").fill(sheet.cell(6, 1).value)
    form.get_by_label("Reason").fill("phoned: she is back")
    page.keyboard.press("Enter")
    totals(page, None, None, None, None, 4)
    lab.run_all()
    totals(page, None, None, None, None, 4)
    assert {one for one, _ in saved(lab).keep} == {kept, silent, changed, sheet.cell(6, 1).value}


@pytest.mark.browser
def test_a_sample_is_drawn_by_seed_with_a_link_and_its_answers_are_kept(lab):
    page = lab.page
    lab.write('alma_address = ""', 'alma_address = "https://alma.example.edu/user/{primary_id}"')
    lab.run("alma_address = ")
    lab.run("samples.draw", and_below=True)
    drawn = page.locator("table", has_text="open Alma").locator("tbody tr")
    assert drawn.count() == 45
    link = drawn.first.get_by_role("link", name="open Alma")
    whom = drawn.first.locator("td").first.text_content()
    assert link.get_attribute("href") == f"https://alma.example.edu/user/{whom}"
    assert "45 users are waiting" in lab.said("checked = samples.read")

    path = lab.root / RUN / "checked.csv"
    with open(path, encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file)
    answer, note = (next(at for at, one in enumerate(head) if one.startswith(words)) for words in ("Answer", "Note"))
    for row, said, why in zip(rows, ("right", "wrong", "perhaps"), ("", "teaches here", ""), strict=False):
        row[answer], row[note] = said, why
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    wrong, unclear = (row[0].removeprefix("'") for row in rows[1:3])

    lab.run("samples.draw", and_below=True)
    assert "1 of 2 looked at were wrong; 43 are still to be looked at" in lab.said("checked = samples.read")
    totals(page, None, None, None, None, 2)
    assert {one for one, _ in saved(lab).keep} == {wrong, unclear}
    detail(page, wrong).get_by_text("In the sample: looked at, wrong, “teaches here”").wait_for()

    # The same users are drawn by the same seed, others in the place of those kept now; the answers stay.
    before = drawn.all_text_contents()
    lab.run_all()
    lab.run("samples.draw", and_below=True)
    after = drawn.all_text_contents()
    assert [one for one in before if wrong not in one and unclear not in one] == [one for one in after if one in before]
    with open(path, encoding="utf-8-sig", newline="") as file:
        told = {row[0].removeprefix("'"): (row[answer], row[note]) for row in csv.reader(file)}
    assert told[wrong] == ("wrong", "teaches here") and told[unclear][0] == "perhaps"
    assert "1 of 2 looked at were wrong" in lab.said("checked = samples.read")


@pytest.mark.browser
def test_an_exported_notebook_shows_the_ticks_without_a_kernel_or_a_network(lab, tmp_path):
    lab.page.get_by_label("07 Doctoral, expired 2018").click()
    here = "people.facets['user_group'].eq('07') & people.facets['expired'].eq('2018')"
    ticked = 990 + int(lab.ask(f"print(({here}).sum())"))
    totals(lab.page, ticked)
    lab.run("picker = widgets.choose")
    with exported(lab, tmp_path) as page:
        twin = page.locator("table", has=page.locator("caption", has_text="Users by user group and year"))
        assert twin.is_visible() and twin.locator("td", has_text="☑").count() == 16
        assert page.get_by_text(f"{ticked:,} ticked:").first.is_visible()
        assert page.get_by_text("990 shown of 12,000 users").first.is_visible()
