"""Only a sealed plan that nobody touched is loaded; a refusal leaves no plan behind."""

import csv
import dataclasses
import datetime
import os
import shutil

import invented
import pytest

from purgelib import errors, exports, guards, lists, plan, population
from purgelib.choice import Choice

TODAY = datetime.date(2026, 11, 22)
TARGET = {"institution": "01INV_INST", "name": "Invented University", "environment": "sandbox"}
HEADS = ["Primary Identifier", "First Name", "Last Name", "User Group Code", "User Record Type", "Account Type",
         "Status",
         "Expiry Date", "Purge Date", "Has Role Other Than Patron"]
STRANGE = ["=1+1", "a,b", 'q"uote', "o'neil", "00000012", "x@example.edu", "+49", "-1", "ünï", "a b", "NA", "nulla"]
CHOICE = Choice("Those who left", datetime.date(2026, 11, 1), invented.POLICY,
                frozenset({("06", "2019"), ("30", "2019")}), (("KEEP-me", "comes back"),), "Invented University")


def write(folder, people):
    folder.mkdir(exist_ok=True)
    with (folder / "users_2026-11-21.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADS, *people])
    return folder


def person(primary_id, group="06", **more):
    return [primary_id, "=cmd()", 'Exa,"mple', group, "Public", "External", "Active", more.get("expires", "2019-06-30"),
            "",
            "No"]


@pytest.fixture
def inputs(tmp_path):
    return write(tmp_path / "in", [*map(person, STRANGE), person("keep-me"), person("staff", "30"),
                                   person("other", "10"),
                                   person("soon", expires="2027-01-01")])


@pytest.fixture
def people(inputs):
    return population.judge(exports.read(inputs), CHOICE.policy)


@pytest.fixture
def sealed(tmp_path, people, inputs):
    return plan.seal(tmp_path / "run", people, CHOICE, TARGET, TODAY, inputs)


def policy(**changes):
    return dataclasses.replace(CHOICE, policy=dataclasses.replace(CHOICE.policy, **changes))


def refused(folder, differs=None):
    with pytest.raises(errors.PlanRefused) as error:
        plan.load(folder)
    assert differs is None or error.value.differs == differs
    return str(error.value)


def test_a_plan_is_loaded_as_it_was_sealed(sealed, people):
    again = plan.load(sealed.folder)
    assert again.header == sealed.header and again.users.equals(sealed.users)
    assert sorted(again.users["primary_id"]) == sorted(STRANGE) == sorted(
        people.table["primary_id"][CHOICE.chosen(people)])
    assert again.policy == CHOICE.policy and again.header["users"] == len(again) == len(STRANGE)


def test_strange_ids_survive_in_every_file(sealed):
    lines = (sealed.folder / "set.txt").read_text(encoding="utf-8").split("\n")
    assert lines[0] == "USERNAME" and sorted(lines[1:-1]) == sorted(STRANGE) and lines[-1] == ""
    rows = lists.read(sealed.folder / "users.csv").to_dict("records")
    assert sorted(row["primary_id"] for row in rows) == sorted(STRANGE)
    assert {(row["action"], row["new"], row["old"], row["name"]) for row in rows} == {
        ("set purge date", "2026-11-01", "", '=cmd() Exa,"mple')}


def test_no_cell_of_a_list_starts_a_formula(sealed):
    for name in ("users.csv", "not_chosen.csv"):
        with (sealed.folder / name).open(encoding="utf-8-sig", newline="") as file:
            assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in set("=+-@")], name


def test_everybody_is_planned_or_listed_with_a_reason(sealed, people):
    kept = lists.read(sealed.folder / "not_chosen.csv")
    assert sorted([*kept["primary_id"], *sealed.users["primary_id"]]) == sorted(people.table["primary_id"])
    assert sealed.header["population"] == len(kept) + len(sealed)
    assert (kept["reason"].str.len() > 0).all()
    said = kept.set_index("primary_id")["reason"]
    assert said["keep-me"] == "kept by name: comes back" and said["other"] == "not ticked"
    assert said["staff"] == "is in a protected user group" and said["soon"] == "not expired"


@pytest.mark.parametrize("name", [*plan.SEALED, "plan.json"])
def test_every_single_byte_that_is_changed_is_refused(sealed, name):
    path = sealed.folder / name
    data = path.read_bytes()
    for at in range(len(data)):
        for other in {data[at] ^ 1, ord(" ") if name == "plan.json" else data[at]} - {data[at]}:
            path.write_bytes(data[:at] + bytes([other]) + data[at + 1:])
            refused(sealed.folder, name)
    path.write_bytes(data)
    assert len(plan.load(sealed.folder)) == len(STRANGE)


@pytest.mark.parametrize("name", [*plan.SEALED, "plan.json"])
def test_a_byte_more_or_less_or_a_missing_file_is_refused(sealed, name):
    path = sealed.folder / name
    data = path.read_bytes()
    for changed in (data + b"\n", data[:-1], data[1:], b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\r\n"), b"",
                    b"[]"):
        path.write_bytes(changed)
        refused(sealed.folder, name)
    path.unlink()
    assert name in refused(sealed.folder, name) or name == "plan.json"


def test_a_plan_without_a_folder_is_refused(tmp_path):
    assert "03_plan" in refused(tmp_path / "nowhere", "plan.json")


def test_a_plan_too_old_or_for_another_alma_is_refused(sealed):
    guards.plan_fits(sealed.header, TARGET, TODAY + datetime.timedelta(days=14))
    for target, day in ((TARGET, TODAY + datetime.timedelta(days=15)), (TARGET | {"environment": "production"}, TODAY),
                        (TARGET | {"institution": "01OTHER"}, TODAY)):
        with pytest.raises(errors.PlanRefused):
            guards.plan_fits(sealed.header, target, day)


def stale(folder, name):
    with pytest.raises(errors.PlanRefused) as refusal:
        plan.refuse_newer_export(plan.load(folder))
    assert refusal.value.differs == name
    return str(refusal.value)


@pytest.mark.parametrize("name", ["users_2026-11-22.csv", "loans_2026-11-21.xlsx", "exceptions.xls", "exceptions.ODS"])
def test_a_newer_export_beside_the_old_ones_is_refused(sealed, inputs, name):
    (inputs / name).write_bytes(b"x")
    assert name in stale(sealed.folder, name)
    assert len(plan.load(sealed.folder)) == len(STRANGE), "an old run can still be looked at and undone"


def test_a_replaced_export_is_refused_and_a_deleted_one_is_fine(sealed, inputs):
    path = inputs / "users_2026-11-21.csv"
    path.write_bytes(path.read_bytes() + b"\r\n")
    stale(sealed.folder, path.name)
    path.unlink()
    (inputs / "notes.md").write_text("not an export")
    plan.refuse_newer_export(plan.load(sealed.folder))
    shutil.rmtree(inputs)
    plan.refuse_newer_export(plan.load(sealed.folder))


def test_the_run_and_its_exports_may_move_together(tmp_path, sealed, inputs):
    (tmp_path / "elsewhere").mkdir()
    for one in (sealed.folder, inputs):
        shutil.move(one, tmp_path / "elsewhere" / one.name)
    assert len(plan.load(tmp_path / "elsewhere" / "run")) == len(STRANGE)
    (tmp_path / "elsewhere" / "in" / "loans_2026-11-22.csv").write_text("x")
    stale(tmp_path / "elsewhere" / "run", "loans_2026-11-22.csv")


def test_sealing_twice_gives_the_same_plan(sealed, people, inputs):
    before = {path: path.read_bytes() for path in sealed.folder.iterdir()}
    again = plan.seal(sealed.folder, people, CHOICE, TARGET, TODAY + datetime.timedelta(days=1), inputs)
    assert again.header == sealed.header
    assert {path: path.read_bytes() for path in sealed.folder.iterdir()} == before


@pytest.mark.parametrize("other", [
    dataclasses.replace(CHOICE, title="another"), CHOICE.keeping("NA", "ours"),
    dataclasses.replace(CHOICE, purge_date=datetime.date(2026, 10, 1)),
    dataclasses.replace(CHOICE, ticks=frozenset({("06", "2019"), ("10", "2019")}))])
def test_sealing_another_choice_into_the_same_run_is_refused(sealed, people, other):
    before = {path: path.read_bytes() for path in sealed.folder.iterdir()}
    with pytest.raises(errors.PlanRefused):
        plan.seal(sealed.folder, people, other, TARGET, TODAY)
    assert {path: path.read_bytes() for path in sealed.folder.iterdir()} == before


def test_sealing_other_exports_into_the_same_run_is_refused(tmp_path, sealed):
    fewer = write(tmp_path / "other", [person(one) for one in [*STRANGE, "keep-me"]])
    with pytest.raises(errors.PlanRefused):
        plan.seal(sealed.folder, population.judge(exports.read(fewer), CHOICE.policy), CHOICE, TARGET, TODAY)


@pytest.mark.parametrize(("changed", "error"), [
    (CHOICE.keeping("nobodys", "a slip of the pen"), errors.BadChoice),
    (dataclasses.replace(CHOICE, ticks=frozenset()), errors.NothingToDo),
    (dataclasses.replace(CHOICE, ticks=frozenset({("30", "2019")})), errors.NothingToDo),
    (dataclasses.replace(CHOICE, purge_date=None), errors.Refused),
    (dataclasses.replace(CHOICE, purge_date=TODAY), errors.Refused),
    (policy(max_users=len(STRANGE) - 1), errors.LimitExceeded), (policy(max_share=0.5), errors.LimitExceeded),
    (policy(protected_groups=()), errors.Unprotected),
    (policy(protected_ids=(), protected_prefixes=()), errors.Unprotected),
    (policy(max_data_age_days=0), errors.DataTooOld),
])
def test_a_refusal_leaves_no_plan_and_nothing_else(tmp_path, people, inputs, changed, error):
    judged = population.judge(exports.read(inputs), changed.policy)
    with pytest.raises(error):
        plan.seal(tmp_path / "run", judged, changed, TARGET, TODAY, inputs)
    assert not (tmp_path / "run").exists()


def test_a_population_judged_under_another_policy_is_refused(tmp_path, people):
    with pytest.raises(errors.BadChoice, match="another policy"):
        plan.seal(tmp_path / "run", people, policy(protected_groups=("30", "06")), TARGET, TODAY)
    assert not (tmp_path / "run").exists()


def test_sealing_that_was_interrupted_is_simply_done_again(tmp_path, people, sealed, inputs):
    (sealed.folder / "plan.json").unlink()
    (sealed.folder / "users.csv").write_text("half")
    assert plan.seal(sealed.folder, people, CHOICE, TARGET, TODAY, inputs).header == sealed.header


def test_files_and_folder_are_their_owners_only(sealed):
    assert sealed.folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in sealed.folder.iterdir()} == dict.fromkeys(
        [*plan.SEALED, "plan.json"], 0o600)


def test_no_file_of_the_run_tells_where_on_the_machine_it_lay(tmp_path, sealed):
    for path in sealed.folder.iterdir():
        assert str(tmp_path) not in path.read_text(encoding="utf-8"), path.name
    assert sealed.header["inputs_folder"] == "../in"


def test_only_runs_that_are_due_are_removed(tmp_path, people, inputs):
    runs, today = tmp_path / "runs", TODAY
    due = {name: plan.seal(runs / name, people, dataclasses.replace(CHOICE, title=name), TARGET, today, inputs)
           for name in ("a", "b", "c")}
    (runs / "c" / "plan.json").write_text((runs / "c" / "plan.json").read_text().replace("purge_after\": \"20",
                                                                                         "x\": \"19"))
    (runs / "file").write_text("x")
    last = datetime.date.fromisoformat(due["a"].header["purge_after"])
    assert last == today + datetime.timedelta(days=CHOICE.policy.keep_files_days)
    assert plan.remove_due(runs, last) == [] and plan.remove_due(runs, today) == []
    (runs / "b" / "plan.json").rename(runs / "b" / "elsewhere.json")
    aged(runs / "b", last)
    assert plan.remove_due(runs, last + datetime.timedelta(days=1)) == ["a"]
    assert sorted(path.name for path in runs.iterdir()) == ["b", "c", "file"]


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
    assert plan.remove_due(tmp_path, after(180)) == []
    assert plan.remove_due(tmp_path, after(181)) == ["chosen", "empty"]
    assert plan.remove_due(tmp_path, after(181)) == []
    assert plan.remove_due(tmp_path, after(182)) == ["answered"]


@pytest.mark.parametrize(("days", "due"), [(30, 31), (0, 1), (10 ** 12, None)])
def test_the_choice_of_such_a_run_says_how_many_days(tmp_path, days, due):
    policy(keep_files_days=days).save(tmp_path / "chosen")
    aged(tmp_path / "chosen", TODAY)
    assert plan.remove_due(tmp_path, after((due or 1_000_000) - 1)) == []
    if due:
        assert plan.remove_due(tmp_path, after(due)) == ["chosen"]


def test_where_there_is_a_journal_or_a_plan_further_down_only_a_person_removes(tmp_path):
    for name, file in (("journal", "journal.sqlite"), ("archive", "2025-graduates/plan.json"),
                       ("undone", "restore-1/journal.sqlite")):
        unplanned(tmp_path, name, "checked.csv", file)
    assert plan.remove_due(tmp_path, after(100_000)) == []


def test_a_link_to_a_folder_elsewhere_is_left_alone(tmp_path):
    there = unplanned(tmp_path / "elsewhere", "mine", "letter.txt")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(there)
    assert plan.remove_due(tmp_path / "runs", after(100_000)) == []
    assert (there / "letter.txt").exists()


def test_the_summary_says_what_how_many_where_and_until_when(sealed):
    for said in ("set purge date", "12 of 16", "Invented University", "sandbox", "2026-11-21", "2026-12-06"):
        assert said in sealed.summary()


def test_who_came_into_a_ticked_subset_since_the_choice_was_saved_is_named_and_refused(tmp_path, people, inputs):
    CHOICE.save(tmp_path / "run", people)
    later = write(tmp_path / "later", [*map(person, [*STRANGE, "newcomer"]), person("keep-me")])
    judged = population.judge(exports.read(later), CHOICE.policy)
    with pytest.raises(errors.BadChoice, match="1 users are chosen who were not.*newcomer") as refusal:
        plan.seal(tmp_path / "run", judged, CHOICE, TARGET, TODAY)
    assert refusal.value.value == ["newcomer"] and not (tmp_path / "run" / "plan.json").exists()
    CHOICE.save(tmp_path / "run", judged)
    assert len(plan.seal(tmp_path / "run", judged, CHOICE, TARGET, TODAY)) == len(STRANGE) + 1


def test_fewer_than_when_the_choice_was_saved_is_fine(tmp_path, people, inputs):
    CHOICE.save(tmp_path / "run", people)
    fewer = write(tmp_path / "fewer", [*map(person, STRANGE[:-1]), person("keep-me")])
    judged = population.judge(exports.read(fewer), CHOICE.policy)
    assert len(plan.seal(tmp_path / "run", judged, CHOICE, TARGET, TODAY)) == len(STRANGE) - 1
