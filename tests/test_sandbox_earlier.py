"""The exports of a month before: the same people, of whom something is known to have changed since."""

import pathlib
import zipfile

import pytest

from purgelib import changes, choice, exports, population
from purgelib.sandbox import __main__ as command
from purgelib.sandbox import earlier

DATA = pathlib.Path(__file__).parents[1] / "data"
SAMPLE, BEFORE = DATA / "sample", DATA / "sample-earlier"


@pytest.fixture(scope="module")
def change():
    policy = choice.load(SAMPLE / "choice.toml").policy
    return changes.since(BEFORE, population.judge(exports.read(SAMPLE), policy))


def parts(path):
    # Another zlib may pack the same parts into other bytes.
    with zipfile.ZipFile(path) as whole:
        return [(entry.filename, entry.date_time, whole.read(entry)) for entry in whole.infolist()]


def test_the_committed_file_is_made_again_and_is_small(tmp_path):
    made, = earlier.write(tmp_path)
    committed, = (path for path in BEFORE.iterdir() if not path.name.startswith("."))
    assert committed.name == made.name
    assert parts(committed) == parts(made)
    assert committed.stat().st_size < 2 ** 18


def test_the_earlier_exports_are_read_whole_and_without_a_problem():
    found = exports.read(BEFORE)
    assert str(found.data_date) == "2026-10-21"
    assert found.problems.empty and not found.summary()["refused"].any()
    assert sorted(one.kind for one in found.inputs) == ["fees", "loans", "requests", "users"]


def test_some_came_some_went_and_some_moved_each_way(change):
    kinds = earlier.KINDS
    words = change.users["change"].value_counts()
    assert (words["came"], words["went"]) == (kinds["came"], kinds["purged"])
    assert change.changed["user_group"].sum() == kinds["graduated"]
    assert change.changed["expiry_date"].sum() == kinds["renewed"] + kinds["came_back"]
    moves = change.verdicts
    assert moves.loc["may go", "stays"] >= kinds["came_back"]
    assert moves.loc["stays", "may go"] >= kinds["returned"]
    assert moves.loc["to be checked live", "may go"] == kinds["dated"]
    assert moves.loc["may go", "not there"] > 0
    assert not change.lacking


def test_whoever_went_was_purged_and_is_told_so_by_the_later_export(change):
    went = set(change.users["primary_id"][change.users["change"] == "went"])
    assert went <= set(exports.read(SAMPLE).ghosts["primary_id"])


def test_nobody_who_was_not_there_yet_has_a_loan_a_fine_or_a_request():
    made = earlier.all_rows(600)
    there = {row[0] for row in made["Users"]}
    for report in ("Loans", "Fines and Fees", "Requests"):
        assert {row[0] for row in made[report]} <= there


def test_both_days_are_written_by_one_command(capsys, tmp_path):
    now, before = tmp_path / "now", tmp_path / "before"
    assert command.main(["--users", "300", "--write-exports", str(now), "--write-earlier", str(before)]) == 0
    assert sorted(capsys.readouterr().out.split()) == sorted(map(str, [*now.iterdir(), *before.iterdir()]))
    assert [path.suffix for path in before.iterdir()] == [".zip"]
