"""A real run in notebook 04 is paused, taken up, stopped and interrupted by the mouse, in JupyterLab in Chromium."""

import shutil
import time
from pathlib import Path

import nbformat
import pytest
import requests

import purgelib
from purgelib import choice, exports, guards, journal, plan, population, sandbox

ROOT = Path(__file__).parent.parent
SLOW = 1.5
CELL = ".jp-Cell:has-text('update.carry_out')"


@pytest.fixture
def data(driven, monkeypatch):
    """The data folder of the kernels, empty, and for this process, too."""
    folder = driven.root / "data"
    shutil.rmtree(folder, ignore_errors=True)
    monkeypatch.setenv("PURGELIB_DATA", str(folder))
    yield folder
    sandbox.stop(folder / "sandbox" / "alma")


@pytest.fixture
def sealed(data):
    """A plan of several hundred users of the built-in sandbox, whose writes take their time."""
    sample = ROOT / "data" / "sample"
    chosen = choice.load(sample / "choice.toml")
    people = population.judge(exports.read(sample), chosen.policy)
    alma = purgelib.connect()
    made = plan.seal(purgelib.run_folder("watched"), people, chosen, alma.target(), alma.today(), sample)
    door(data, "POST", "faults", [{"do": "slow", "method": "PUT", "path": "/users/", "seconds": SLOW}])
    return made


@pytest.fixture
def lab(driven, sealed):
    """Notebook 04 about that plan, not run yet."""
    notebook = nbformat.read(ROOT / "notebooks" / "04_update.ipynb", as_version=4)
    given = f"run, where, institution = 'watched', 'sandbox', ''\nconfirmed = {guards.to_be_typed(sealed.header)!r}"
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = given
    nbformat.write(notebook, driven.root / "04_update.ipynb")
    driven.open("04_update.ipynb")
    driven.console.clear()
    return driven


def door(data, method, what, body=None):
    there = sandbox.ensure(data / "sandbox" / "alma")
    with requests.Session() as http:
        http.trust_env = False
        answer = http.request(method, f"{there.url}/sandbox/{what}", json=body, timeout=10,
                              headers={"Authorization": f"apikey {there.key}"})
    answer.raise_for_status()
    return answer.json()


def written(data):
    """Whom the tool has written, by the sandbox's own ledger."""
    return [line["primary_id"] for line in door(data, "GET", "ledger")["ledger"] if line["method"] == "PUT"]


def more_than(data, number):
    end = time.monotonic() + 60
    while (found := len(written(data))) <= number and time.monotonic() < end:
        time.sleep(0.2)
    assert found > number
    return found


def start(lab):
    lab.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    button(lab, "Stop").wait_for()


def button(lab, name):
    return lab.page.locator(f"button.jupyter-button:has-text('{name}')")


def confirmed(sealed):
    return [one for one, state in journal.read(sealed.folder).states(plan.UPDATE).items() if state == journal.CONFIRMED]


def ended(lab, sealed, data):
    """Waits for the end of the cell; Alma and the journal tell the same then, and some are still to do."""
    lab.wait_idle()
    lab.page.locator(".jp-OutputArea-output", has_text="Stopped: Stopped before the next call. Run the step again") \
        .wait_for()
    assert sorted(written(data)) == sorted(confirmed(sealed)) and len(confirmed(sealed)) < 700
    assert button(lab, "Stop").count() == 0
    assert "Ended before its time: Stopped" in lab.page.locator(CELL).text_content()


@pytest.mark.browser
def test_a_run_is_paused_stopped_interrupted_and_comes_to_its_end_with_nobody_written_twice(lab, sealed, data):
    start(lab)
    more_than(data, 10)

    button(lab, "Pause").click()
    lab.page.get_by_role("status").filter(has_text="Paused: no new user is begun").wait_for()
    time.sleep(2 * SLOW)  # what is in flight comes to its end
    paused = len(written(data))
    time.sleep(2 * SLOW)
    assert len(written(data)) == paused and paused < 700
    assert button(lab, "Pause").is_disabled() and button(lab, "Go on").is_enabled()

    button(lab, "Go on").click()
    so_far = more_than(data, paused)
    assert so_far < 700
    button(lab, "Stop").click()
    ended(lab, sealed, data)

    # The square button of the toolbar, twice, does the same.
    before = len(written(data))
    start(lab)
    more_than(data, before)
    for _ in range(2):
        lab.page.locator("[data-command='notebook:interrupt-kernel']").first.click()
    ended(lab, sealed, data)

    # Stopped while it is paused, it does not begin paused the next time.
    start(lab)
    button(lab, "Pause").click()
    lab.page.get_by_role("status").filter(has_text="Paused").wait_for()
    button(lab, "Stop").click()
    ended(lab, sealed, data)

    door(data, "DELETE", "faults")
    lab.run_all(timeout=120)
    assert f"of {len(sealed):,} users settled" in lab.page.locator(CELL).text_content()
    assert sorted(written(data)) == sorted(confirmed(sealed)) and len(confirmed(sealed)) > 700
    assert len(set(written(data))) == len(written(data))
    assert lab.errors() == []
