"""The report's counts add up or it refuses; everybody is gone or kept with a reason; hostile texts stay texts."""

import dataclasses
import datetime

import invented
import pytest

from purgelib import journal, lists, plan, report
from purgelib.choice import Choice
from purgelib.errors import Failed, PlanRefused
from purgelib.journal import CONFIRMED, FAILED, INTENDED, SKIPPED

TODAY = datetime.date(2026, 11, 22)
EVIL = "<script>alert('x')</script>"
TARGET = {"institution": "01INV_INST", "name": f"University {EVIL}", "environment": "sandbox"}
IDS = ["a", "b", "c", "d", "e", "=1+1", "00000012"]


@pytest.fixture
def run(tmp_path):
    """Seven planned, one of another group, one of a group with a hostile name, one kept by name."""
    rows = [invented.row(primary_id=one) for one in IDS]
    rows += [invented.row(primary_id="other", user_group=EVIL), invented.row(primary_id="mine"),
             invented.row(primary_id="loan", loans=1)]
    wanted = Choice(f"Title {EVIL}", datetime.date(2026, 11, 1), invented.POLICY, frozenset({("06", "2019")}),
                    (("mine", f"because {EVIL}"),), TARGET["name"])
    return plan.seal(tmp_path / "run", invented.people(*rows), wanted, TARGET, TODAY).folder


def settle(folder, action=plan.UPDATE, **states):
    with journal.open(folder) as book:
        for one, state in states.items():
            book.settle({"formula": "=1+1"}.get(one, one), action, "", "", state, f"said of {one} {EVIL}")


def everything(folder):
    settle(folder, a=CONFIRMED, b=CONFIRMED, c=SKIPPED, d=FAILED, e=INTENDED, formula=CONFIRMED)
    settle(folder, report.PURGE, a=report.GONE, b="still in Alma", formula=report.GONE, c=SKIPPED)


def test_before_anything_happened_nothing_is_done(run):
    made = report.count(run)
    assert (made.read, made.not_chosen, made.planned, made.not_done, made.purged) == (10, 3, 7, 7, 0)


def test_the_counts_are_those_of_the_journal_and_add_up(run):
    everything(run)
    made = report.count(run)
    assert (made.dates_set, made.left_alone, made.failed, made.not_done) == (3, 1, 1, 2)
    assert made.planned == made.dates_set + made.left_alone + made.failed + made.not_done
    assert made.read == made.not_chosen + made.planned and (made.purged, made.still_there) == (2, 1)
    assert [number for _, number in made.lines()] == list(dataclasses.astuple(made))


def test_restored_users_are_counted(run):
    everything(run)
    (run / "restore-1").mkdir()
    settle(run / "restore-1", "put back", b=CONFIRMED, a=SKIPPED)
    settle(run / "restore-1", "re-create user", a=CONFIRMED)
    assert (report.count(run).dates_put_back, report.count(run).users_recreated) == (1, 1)


@pytest.mark.parametrize(("action", "states"), [
    (plan.UPDATE, {"stranger": CONFIRMED}), (plan.UPDATE, {"mine": SKIPPED}),
    (plan.UPDATE, {"a": "what is this"}), (report.PURGE, {"stranger": report.GONE}),
    (report.PURGE, {"other": report.GONE}), (report.PURGE, {"d": report.GONE}), (report.PURGE, {"c": report.GONE}),
])
def test_a_journal_that_does_not_fit_the_plan_is_not_reported(run, action, states):
    everything(run)
    settle(run, action, **states)
    for ask in (report.count, report.write, report.summary):
        with pytest.raises(Failed, match="Do not trust this run"):
            ask(run)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("change", [{"read": 11}, {"not_chosen": 2}, {"planned": 6}, {"failed": 2}, {"still_there": -1},
                                    {"not_done": -1, "failed": 4}])
def test_counts_that_do_not_add_up_are_never_shown(run, change):
    everything(run)
    with pytest.raises(Failed, match="add up"):
        report._adds_up(dataclasses.replace(report.count(run), **change))


def test_gone_and_kept_are_everybody_and_nobody_twice(run):
    everything(run)
    gone, kept = report.gone(run), report.kept(run)
    assert sorted(gone["primary_id"]) == ["=1+1", "a"]
    assert sorted([*gone["primary_id"], *kept["primary_id"]]) == sorted([*IDS, "other", "mine", "loan"])


def test_everybody_who_is_kept_has_a_reason(run):
    everything(run)
    said = report.kept(run).set_index("primary_id")["reason"]
    assert (said.str.len() > 0).all()
    assert said["00000012"] == "not done yet" and said["loan"] == "has loans" and said["other"] == "not ticked"
    assert said["mine"].startswith("kept by name: because") and said["d"].startswith("failed: said of d")
    assert said["b"].startswith("still in Alma") and said["c"].startswith("skipped")


def test_a_plan_that_was_changed_is_not_reported(run):
    (run / "not_chosen.csv").write_text("primary_id,user_group,reason\n")
    for ask in (report.count, report.gone, report.kept, report.write):
        with pytest.raises(PlanRefused):
            ask(run)


def test_the_page_shows_hostile_texts_as_texts(run):
    everything(run)
    page = report.write(run).read_text(encoding="utf-8")
    assert "<script" not in page and page.count("&lt;script&gt;") >= 4
    assert "=1+1" not in page.split("Planned, and not gone")[1], "who is gone is not listed as left"


def test_the_lists_are_written_for_their_owner_only_and_read_back_as_texts(run):
    everything(run)
    report.write(run)
    for name in ("gone.csv", "kept.csv", "report.html"):
        assert (run / name).stat().st_mode & 0o777 == 0o600
    gone = lists.read(run / "gone.csv")
    assert gone.to_numpy().tolist() == report.gone(run).to_numpy().tolist()
    kept = lists.read(run / "kept.csv")
    assert kept.to_numpy().tolist() == report.kept(run).to_numpy().tolist()
    assert "00000012" in set(kept["primary_id"])


def test_reporting_does_not_change_plan_or_journal(run):
    everything(run)
    before = {name: (run / name).read_bytes() for name in (*plan.SEALED, "plan.json", "journal.sqlite")}
    report.write(run)
    assert {name: (run / name).read_bytes() for name in before} == before


def test_the_summary_counts_all_who_were_kept(run):
    everything(run)
    said = report.summary(run, reasons=2)
    assert "kept, 8 users, because:" in said and "other reasons (kept.csv has them all)" in said
    numbers = [int(line.split()[-1]) for line in said.split("because:\n")[1].splitlines()]
    assert sum(numbers) == 8
