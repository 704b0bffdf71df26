"""Between two exports, or since a plan: everybody is told once, came, went or moved, with what was and what is."""

import datetime

import exported
import pandas as pd
import pytest
from invented import people, POLICY, row
from test_charts import texts

from purgelib import changes, charts, choice, exports, plan, population
from purgelib.errors import BadChoice, PlanRefused

BEFORE = (row(primary_id="stays-same"), row(primary_id="Gone"), row(primary_id="renewed"),
          row(primary_id="moved"), row(primary_id="dated"))
AFTER = (row(primary_id="STAYS-SAME", group_name="Students"), row(primary_id="new", user_group="08"),
         row(primary_id="renewed", expiry_date=pd.Timestamp("2029-06-30")), row(primary_id="moved", user_group="08"),
         row(primary_id="dated", purge_date=pd.Timestamp("2021-01-01")))


def test_everybody_is_told_once_with_what_was_and_what_is():
    found = changes.between(people(*BEFORE), people(*AFTER)).users.set_index("primary_id")
    assert found["change"].to_dict() == {
        "new": "came", "Gone": "went", "renewed": "verdict changed, expiry date changed", "moved": "user group changed",
        "dated": "purge date changed"}
    assert found.loc["moved", ["user_group before", "user_group after"]].tolist() == ["06", "08"]
    assert found.loc["renewed", ["reason before", "reason after"]].tolist() == [population.NOTHING, "not expired"]
    assert pd.isna(found.loc["new", "verdict before"])
    assert pd.isna(found.loc["Gone", "verdict after"])


def test_who_moved_between_verdicts_is_listed_with_reasons():
    moved = changes.between(people(*BEFORE), people(*AFTER)).moved()
    assert moved["primary_id"].tolist() == ["renewed"]
    assert moved[["verdict before", "verdict after"]].iloc[0].tolist() == ["may go", "stays"]


def test_counts_add_up_by_group_and_by_verdict():
    old, new = people(*BEFORE), people(*AFTER)
    change = changes.between(old, new)
    table = change.by_group
    assert (table["before"] + table["came"] - table["went"] + table["moved in"] - table["moved out"]
            == table["after"]).all()
    assert table["before"].sum() == len(old)
    assert table["after"].sum() == len(new)
    assert change.verdicts.to_numpy().sum() == 6
    assert change.verdicts.loc["may go"].to_dict() == {"may go": 3, "to be checked live": 0, "stays": 1, "not there": 1}


def test_the_same_twice_is_no_change():
    change = changes.between(people(*BEFORE), people(*BEFORE[::-1]))
    assert change.users.empty
    assert "0 came, 0 went" in str(change)
    assert change.by_group[["came", "went", "moved in", "moved out", "new verdict"]].to_numpy().sum() == 0


def test_a_date_that_came_or_went_is_a_changed_date():
    with_date, without = people(row()), people(row(purge_date=pd.NaT))
    for old, new in ((with_date, without), (without, with_date)):
        assert changes.between(old, new).changed["purge_date"].tolist() == [True]
    assert changes.between(without, without).changed["purge_date"].tolist() == [False]


def test_the_words_say_who_came_went_and_moved():
    words = changes.between(people(*BEFORE), people(*AFTER)).summary()
    assert "As of 21 November 2026: 5 users." in words
    assert "1 came, 1 went." in words
    assert "may go before: 1 now stay, 1 now not there." in words
    assert "1 have another user group, 1 have another expiry date, 1 have another purge date." in words


@pytest.mark.parametrize(("old", "new"), [(0, 5), (5, 0), (0, 0)])
def test_nobody_before_or_after_is_told(old, new):
    def some(count):
        everybody = people(*BEFORE)
        return population.judge(type("Files", (), {
            "users": everybody.table[:count], "data_date": "2026-11-21", "inputs": (), "problems": None}), POLICY)

    change = changes.between(some(old), some(new))
    assert change.verdicts.to_numpy().sum() == max(old, new)
    assert len(change.users) == max(old, new)
    assert charts.changes(change).png()[0].startswith(b"\x89PNG")


def test_the_picture_writes_the_numbers_of_the_table():
    change = changes.between(people(*BEFORE), people(*AFTER))
    picture = charts.changes(change)
    assert {"06 Students", "moved out", "new verdict", "5", "2"} <= set(texts(picture))
    assert change.first_sentence() in str(picture)
    pd.testing.assert_frame_equal(picture.table, change.by_group)


@pytest.fixture
def sealed(tmp_path):
    """A plan of the users before, but for one who was not ticked."""
    target = {"institution": "01INV_INST", "name": "Invented University", "environment": "sandbox"}
    old = people(*BEFORE[:4], row(primary_id="dated", user_group="09"))
    ticks = choice.Choice(policy=POLICY, ticks=frozenset({("06", "2019")}), purge_date=datetime.date(2026, 11, 1),
                          institution="Invented University")
    return plan.seal(tmp_path / "run", old, ticks, target, datetime.date(2026, 11, 22))


def test_a_plan_is_compared_with_the_export_after(sealed):
    change = changes.between(sealed.folder, people(*AFTER))
    assert change.verdicts.loc["planned"].tolist() == [2, 0, 1, 1]
    assert change.verdicts.loc["not planned"].sum() == 1
    assert change.moved()["primary_id"].tolist() == ["renewed"]
    assert "planned before: 2 now may go, 1 now stay, 1 now not there." in str(change)


def test_what_a_plan_does_not_say_is_not_compared(sealed):
    # Of users who are not planned, a plan knows no dates.
    change = changes.between(sealed.folder, people(*AFTER))
    assert change.users.set_index("primary_id").loc["dated", "change"] == "user group changed"


def test_a_plan_that_was_changed_is_refused(sealed):
    path = sealed.folder / "not_chosen.csv"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(PlanRefused, match="not_chosen"):
        changes.between(sealed.folder, people(*AFTER))


def test_a_folder_of_earlier_exports_is_judged_by_the_same_policy(tmp_path):
    exported.put_all(tmp_path, [exported.user("stays-same"), exported.user("gone")])
    found = changes.since(str(tmp_path), people(*AFTER))
    assert found.users.set_index("primary_id")["change"].to_dict()["gone"] == "went"
    assert found.before["verdict"].astype("str").tolist() == ["may go", "may go"]


def test_an_export_that_only_one_side_has_is_said_so(tmp_path):
    now, then, bare = tmp_path / "now", tmp_path / "then", tmp_path / "bare"
    for folder, sides in ((now, {}), (then, {}), (bare, {"loans": None})):
        folder.mkdir()
        exported.put_all(folder, [exported.user("a"), exported.user("b")], **sides)
    after = population.judge(exports.read(now), POLICY)
    assert "Only one of the two has exports of loans: verdicts differ" in changes.since(bare, after).summary()
    assert "Only one of the two" not in changes.since(then, after).summary()


@pytest.mark.parametrize("where", ["nowhere", 7])
def test_what_is_no_folder_is_refused_by_name(tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadChoice, match=str(where)):
        changes.since(where, people(*AFTER))


def test_two_exports_that_share_hardly_anybody_are_suspected_aloud():
    def some(name):
        return people(*(row(primary_id=f"{name}{at}") for at in range(20)), row(primary_id="both"))

    assert "another institution" in changes.between(some("a"), some("b")).summary()
    assert "another institution" not in changes.between(people(*BEFORE), people(*AFTER)).summary()


def test_what_cannot_be_compared_is_told_what_can():
    with pytest.raises(BadChoice, match="changes.since"):
        changes.between(object(), people(*AFTER))
    with pytest.raises(BadChoice, match="changes.between"):
        changes.between(people(*AFTER), "a folder")


def test_without_a_folder_there_is_nothing_to_compare_with():
    found = changes.since("", people(*AFTER))
    assert found.users.empty and found.moved().empty and "0 came, 0 went" in found.summary()


def test_a_run_with_a_plan_is_compared_as_a_plan(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(PlanRefused):
        changes.since(tmp_path, people(*AFTER))
