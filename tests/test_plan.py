"""Only a sealed plan that nobody touched is loaded; a refusal leaves no plan behind."""

import csv
import dataclasses
import datetime
import shutil

import invented
import pytest

from purgelib import errors, exports, fields, guards, lists, plan, planned, population
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
    assert {(row["action"], row["new_purge_date"], row["old_purge_date"], row["name"]) for row in rows} == {
        ("update user", "2026-11-01", "", '=cmd() Exa,"mple')}


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
    (policy(max_group_share=0.5), errors.LimitExceeded), (policy(notice_days=1), errors.Refused),
    (dataclasses.replace(CHOICE, problems_read=1), errors.Refused),
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


def test_a_plan_holds_the_facts_as_seen_and_every_reason(sealed, people):
    row = sealed.users.set_index("primary_id").loc["x@example.edu"]
    assert row[list(planned.SEEN)].to_dict() == {
        "user_group": "06", "name": '=cmd() Exa,"mple', "expiry_date": "2019-06-30", "account_type": "EXTERNAL",
        "record_type": "PUBLIC", "purge_date": "", "status": "ACTIVE", "campus": "", "other_roles": "False",
        "loans": "", "requests": "", "fees": ""}
    assert set(row["reason"].split("; ")) == {f"{what} not known: Alma will tell" for what in
                                              ("purge date", "loans", "fees", "requests")}


def test_every_field_that_is_set_stands_there_as_it_is_and_as_it_is_to_be(tmp_path, people, inputs):
    sets = (("user_group", "99"), ("status", "INACTIVE"), ("expiry_date", "2026-10-31"), ("note", "by run {run}"))
    sealed = plan.seal(tmp_path / "june", people, dataclasses.replace(CHOICE, sets=sets), TARGET, TODAY, inputs)
    old, new = sealed.changes(next(sealed.users.itertuples(index=False)))
    assert sealed.fields == tuple(old) == tuple(new) == fields.FIELDS
    assert old == {"purge_date": "", "expiry_date": "2019-06-30", "user_group": "06", "status": "ACTIVE", "note": ""}
    assert new == sealed.header["sets"] == {"purge_date": "2026-11-01", "expiry_date": "2026-10-31",
                                            "user_group": "99", "status": "INACTIVE", "note": "by run june"}


def test_a_plan_with_notice_waits_and_lives_longer(tmp_path, people, inputs):
    day = TODAY + datetime.timedelta(days=30)
    told = dataclasses.replace(policy(notice_days=30), purge_date=day, not_before=day + datetime.timedelta(days=2))
    sealed = plan.seal(tmp_path / "run", population.judge(exports.read(inputs), told.policy), told, TARGET, TODAY)
    assert sealed.header["not_before"] == "2026-12-24" in sealed.summary()
    guards.plan_fits(sealed.header, TARGET, told.not_before + datetime.timedelta(days=14))
    with pytest.raises(errors.PlanRefused):
        guards.may_be_purged(sealed.header, told.not_before - datetime.timedelta(days=1))


def test_problems_of_the_exports_are_read_before_a_plan_is_sealed(tmp_path, inputs):
    doubtful = write(tmp_path / "doubtful", [*map(person, STRANGE), person("keep-me"), person("staff", "30"),
                                             person("other", "10"), person("soon", expires="2027-99-01")])
    judged = population.judge(exports.read(doubtful, strict=False), CHOICE.policy)
    number = len(judged.problems)
    assert number
    for wrong in (0, number + 1):
        with pytest.raises(errors.Refused, match=f"problems_read = {number}"):
            plan.seal(tmp_path / "run", judged, dataclasses.replace(CHOICE, problems_read=wrong), TARGET, TODAY)
    said = dataclasses.replace(CHOICE, problems_read=number)
    assert len(plan.seal(tmp_path / "run", judged, said, TARGET, TODAY)) == len(STRANGE)


def test_a_plan_of_another_form_is_refused_with_the_version_that_made_it(sealed, monkeypatch):
    monkeypatch.setattr(plan, "FORMAT", 1)
    assert "0.1.0" in refused(sealed.folder, "format")


def test_the_summary_says_what_how_many_where_and_until_when(sealed):
    for said in ("update user", "2026-11-01", "12 of 16", "Invented University", "sandbox", "2026-11-21", "2026-12-06"):
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


def test_who_was_ticked_and_narrowed_away_is_not_called_not_ticked(tmp_path, people):
    narrowed = dataclasses.replace(CHOICE, only=(("account_type", ("INTERNAL",)),))
    listed = planned.not_chosen(people, narrowed, narrowed.chosen(people), population.STAYS).set_index("primary_id")
    assert listed["reason"]["NA"] == "ticked, but left out by what narrows the choice"
    assert listed["reason"]["other"] == "not ticked" and listed["reason"]["keep-me"].startswith("kept by name")
