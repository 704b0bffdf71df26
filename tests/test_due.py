"""Runs whose personal data is due are removed, and no others."""

import dataclasses
import datetime
import os

import invented
import pytest
from test_plan import CHOICE, policy, TARGET, TODAY

from purgelib import due, plan


@pytest.fixture
def people():
    return invented.people(invented.row(primary_id="a"), invented.row(primary_id="keep-me"))


def test_only_runs_that_are_due_are_removed(tmp_path, people):
    runs, today = tmp_path / "runs", TODAY
    made = {name: plan.seal(runs / name, people, dataclasses.replace(CHOICE, title=name), TARGET, today)
           for name in ("a", "b", "c")}
    (runs / "c" / "plan.json").write_text((runs / "c" / "plan.json").read_text().replace("purge_after\": \"20",
                                                                                         "x\": \"19"))
    (runs / "file").write_text("x")
    last = datetime.date.fromisoformat(made["a"].header["purge_after"])
    assert last == today + datetime.timedelta(days=CHOICE.policy.keep_files_days)
    assert due.remove(runs, last) == [] and due.remove(runs, today) == []
    (runs / "b" / "plan.json").rename(runs / "b" / "elsewhere.json")
    aged(runs / "b", last)
    assert due.remove(runs, last + datetime.timedelta(days=1)) == ["a"]
    assert sorted(path.name for path in runs.iterdir()) == ["b", "c", plan.COPIES_KEY, "file"]


def aged(folder, day):
    """Dates every file of the folder, the folder itself, too, to noon of that day."""
    noon = datetime.datetime.combine(day, datetime.time(12)).timestamp()
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (noon, noon), follow_symlinks=False)


def unplanned(runs, name, *files):
    for file in files:
        (runs / name / file).parent.mkdir(parents=True, exist_ok=True)
        (runs / name / file).write_text("names")
    (runs / name).mkdir(parents=True, exist_ok=True)
    aged(runs / name, TODAY)
    return runs / name


def after(days):
    return TODAY + datetime.timedelta(days=days)


def test_a_run_that_never_got_a_plan_goes_when_its_newest_file_is_old_enough(tmp_path):
    unplanned(tmp_path, "chosen", "choice.toml", "review-0123.xlsx", "checked.csv", ".ipynb_checkpoints/01.ipynb")
    unplanned(tmp_path, "empty")
    newer = unplanned(tmp_path, "answered", "choice.toml", "checked.csv")
    aged(newer, after(1))
    os.utime(newer / "choice.toml", (0, 0))
    assert due.remove(tmp_path, after(180)) == []
    assert due.remove(tmp_path, after(181)) == ["chosen", "empty"]
    assert due.remove(tmp_path, after(181)) == []
    assert due.remove(tmp_path, after(182)) == ["answered"]


@pytest.mark.parametrize(("days", "gone"), [(30, 31), (0, 1), (10 ** 12, None)])
def test_the_choice_of_such_a_run_says_how_many_days(tmp_path, days, gone):
    policy(keep_files_days=days).save(tmp_path / "chosen")
    aged(tmp_path / "chosen", TODAY)
    assert due.remove(tmp_path, after((gone or 1_000_000) - 1)) == []
    if gone:
        assert due.remove(tmp_path, after(gone)) == ["chosen"]


def test_where_there_is_a_journal_or_a_plan_further_down_only_a_person_removes(tmp_path):
    for name, file in (("journal", "journal.sqlite"), ("archive", "2025-graduates/plan.json"),
                       ("undone", "restore-1/journal.sqlite")):
        unplanned(tmp_path, name, "checked.csv", file)
    assert due.remove(tmp_path, after(100_000)) == []


def test_a_link_to_a_folder_elsewhere_is_left_alone(tmp_path):
    there = unplanned(tmp_path / "elsewhere", "mine", "letter.txt")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(there)
    assert due.remove(tmp_path / "runs", after(100_000)) == []
    assert (there / "letter.txt").exists()
