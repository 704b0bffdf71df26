"""Every notebook runs top to bottom: as committed, as a person who confirms, and unattended."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
import record_notebooks

from purgelib import guards, journal, plan, report, restore, sandbox

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
CHECKED = "# NBVAL_CHECK_OUTPUT"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder of its own, so that nothing of the person who tests is touched."""
    folder, before = tmp_path_factory.mktemp("data"), os.environ.get("PURGELIB_DATA")
    os.environ["PURGELIB_DATA"] = str(folder)
    yield folder
    sandbox.stop(folder / "sandbox" / "alma")
    os.environ.pop("PURGELIB_DATA") if before is None else os.environ.update(PURGELIB_DATA=before)


def run(name, folder, **parameters):
    """Executes a notebook as papermill does; returns the executed notebook."""
    out = folder / f"{name}.executed.ipynb"
    return papermill.execute_notebook(NOTEBOOKS / f"{name}.ipynb", out, parameters, cwd=NOTEBOOKS,
                                      kernel_name="python3", store_widget_state=False, progress_bar=False)


def cells(path, kind="code"):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def test_nbval_finds_every_marked_cell_as_committed(tmp_path):
    """nbval compares the cells that are marked (lax); run apart from this process, as a person would run it."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(NOTEBOOKS), "--nbval-lax",
         "-p", "no:cacheprovider", str(NOTEBOOKS)],
        env={**os.environ, "PURGELIB_DATA": str(tmp_path)}, capture_output=True, text=True, timeout=500)
    sandbox.stop(tmp_path / "sandbox" / "alma")
    assert done.returncode == 0, done.stdout[-6000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) == sum(len(cells(path)) for path in PATHS)


def test_the_way_of_a_person_ends_with_users_gone_and_two_restored(data):
    run("02_choose", data, run="walk")
    run("03_plan", data, run="walk")
    folder = data / "runs" / "walk"
    typed = guards.to_be_typed(plan.load(folder).header)
    run("04_update", data, run="walk", confirmed=typed)
    assert report.count(folder).dates_set > 500 and report.count(folder).failed == 0
    run("05_purge", data, run="walk", confirmed=typed)
    can = restore.possible(folder).drop_duplicates("undo").set_index("undo")["primary_id"]
    back = {"dates_of": [can[restore.BACK]], "create": [can[restore.USER_BACK]]}
    run("06_restore", data, run="walk", **back, confirmed=restore.to_be_typed(folder, **back))
    made = report.count(folder)
    assert made.purged > 500 and made.dates_put_back == 1 and made.users_recreated == 1


def test_choosing_with_nobody_ticked_runs_to_its_end_and_says_so(data, tmp_path):
    whole = (NOTEBOOKS.parent / "data" / "sample" / "choice.toml").read_text()
    (tmp_path / "nobody.toml").write_text(whole[:whole.index("[[tick]]")])
    done = run("02_choose", data, run="nobody", choice_file=str(tmp_path / "nobody.toml"))
    said = "".join(one.get("text", "") for cell in done.cells for one in cell.get("outputs", ()))
    assert "Nobody is chosen, so there is nothing to review yet" in said
    assert "Nobody is chosen, so there is nobody to look at" in said
    assert not list((data / "runs" / "nobody").glob("*.xlsx"))


def test_what_changed_shows_a_month_of_changes_and_no_picture_depends_on_the_day():
    source = "".join(cell.source for cell in cells(NOTEBOOKS / "01_explore.ipynb"))
    assert "charts.age(people, today)" in source
    committed = json.dumps([cell.outputs for cell in cells(NOTEBOOKS / "01_explore.ipynb")])
    assert "As of 22 November 2026. The policy allows 7 days." in committed
    assert "70 came, 24 went" in committed
    assert record_notebooks.given("today = \"\"   # the day") == "today = \"2026-11-22\"   # the day"


def test_a_wrong_confirmation_stops_the_unattended_run_before_anything_is_written(data):
    with pytest.raises(papermill.PapermillExecutionError, match="NotConfirmed"):
        run("rerun", data, run="wrong", confirmed="Invented University 1")
    assert journal.read(data / "runs" / "wrong").results().empty


def test_an_export_with_a_column_missing_stops_the_unattended_run_with_its_name(data, tmp_path):
    for path in (NOTEBOOKS.parent / "data" / "sample").glob("*2026*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    users = tmp_path / "users_2026-11-21.csv"
    users.write_text(users.read_text(encoding="utf-8-sig").replace("Expiry Date", "Something Else", 1))
    told = "users_2026-11-21.csv.*lacks Expiry Date.*Something Else"
    with pytest.raises(papermill.PapermillExecutionError, match=told):
        run("rerun", data, run="missing", exports_from=str(tmp_path))
    assert not (data / "runs" / "missing" / "plan.json").exists()


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_a_story_has_short_cells_and_defines_nothing(path):
    for cell in cells(path):
        tree = ast.parse(cell.source)
        assert len(cell.source.splitlines()) <= 10
        banned = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.Lambda)
        assert not any(isinstance(node, banned) for node in ast.walk(tree)), cell.source


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_a_story_tells_its_question_and_whether_it_changes_alma(path):
    head, words = cells(path, "markdown")[0].source, len(cells(path, "markdown"))
    assert all(f"**{name}:**" in head for name in ("Question", "You need", "You get"))
    assert re.search(r"\*\*Does this notebook change anything in Alma\? (Yes|No)", head)
    assert words >= len(cells(path)) - 2


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_one_parameters_cell_with_a_comment_on_every_line(path):
    tagged = [c for c in cells(path) if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1 and all("#" in line for line in tagged[0].source.splitlines())


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_committed_outputs_are_there_and_hold_no_widget_without_a_kernel(path):
    outputs = [one for c in cells(path) for one in c.outputs]
    for one in outputs:
        one.get("data", {}).pop("image/png", None)
    said = json.dumps(outputs)
    assert not any(word in said for word in ("widget-view", "/tmp/", "/home/", "Traceback", "apikey"))
    assert all(c.outputs for c in cells(path) if CHECKED in c.source)
    assert [c.execution_count for c in cells(path)] == list(range(1, len(cells(path)) + 1))


def test_enough_cells_are_compared_for_nbval_to_mean_something():
    assert sum(CHECKED in c.source for path in PATHS for c in cells(path)) >= 10
