"""The text of a choice means the same without a widget; a slip of the pen is refused; nobody who stays is chosen."""

import dataclasses
import datetime
import tomllib

import invented
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import choice, population, rules
from purgelib.choice import Choice
from purgelib.errors import BadChoice
from purgelib.rules import Policy

DAY = datetime.date(2026, 10, 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8).filter(lambda t: t.strip())
CHOICES = st.builds(
    Choice, title=TEXT, purge_date=st.none() | st.dates(), policy=st.just(invented.POLICY),
    ticks=st.frozensets(st.tuples(TEXT, TEXT), max_size=6), keep=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    only=st.dictionaries(st.sampled_from(choice.FACETS), st.frozensets(TEXT, max_size=3).map(sorted).map(tuple)).map(
        lambda said: tuple(sorted(said.items()))),
    released=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    leave_out=st.frozensets(st.sampled_from([one.stays for one in rules.RULES]), max_size=3).map(sorted).map(tuple))
TICK = '[[tick]]\nuser_group = "06"\nexpired = ["2019"]\n'


def people():
    day = pd.Timestamp
    return invented.people(
        invented.row(primary_id="Goes"), invented.row(primary_id="Check", loans=None),
        invented.row(primary_id="Stays", loans=1), invented.row(primary_id="Other", user_group="10"),
        invented.row(primary_id="Later", expiry_date=day("2020-01-01")),
        invented.row(primary_id="Never", expiry_date=None), invented.row(primary_id="Staff", user_group="30"))


def ids(mask):
    return people().table["primary_id"][mask].tolist()


@settings(max_examples=80, deadline=None)
@given(CHOICES)
def test_a_choice_survives_being_written_down(one):
    assert choice.from_toml(one.to_toml()) == one


def test_the_text_alone_chooses_the_same_users():
    one = Choice("x", DAY, invented.POLICY, frozenset({("06", "2019"), ("10", "2019")}), (("OTHER", "ours"),))
    again = choice.from_toml(one.to_toml())
    assert ids(one.chosen(people())) == ids(again.chosen(people())) == ["Goes", "Check"]


def test_ticking_everything_never_chooses_anybody_who_stays():
    every = [(group, year) for group in ("06", "10", "30", "") for year in ("2019", "2020", "none")]
    judged = people()
    chosen = Choice(ticks=frozenset(every)).chosen(judged)
    assert ids(chosen) == ["Goes", "Check", "Other", "Later"]
    assert not (chosen & (judged.verdict == population.STAYS).to_numpy(bool)).any()


def test_a_choice_without_ticks_takes_one_by_hand():
    assert choice.from_toml(Choice().to_toml() + TICK).ticks == {("06", "2019")}


@pytest.mark.parametrize(("narrow", "left"), [
    ({"only": (("record_type", ("PUBLIC",)),)}, ["Goes", "Check"]), ({"only": (("record_type", ("STAFF",)),)}, []),
    ({"only": (("verdict", (population.MAY_GO,)),)}, ["Goes"]), ({"only": (("campus", ()),)}, []),
    ({"only": (("years_expired", ("5 to 9 years",)), ("campus", ("",)))}, ["Goes", "Check"]),
    ({"leave_out": ("loans not known: Alma will tell",)}, ["Goes"]), ({"leave_out": ("has loans",)}, ["Goes", "Check"]),
])
def test_a_choice_is_narrowed_and_never_widened(narrow, left):
    one = Choice(ticks=frozenset({("06", "2019")}), **narrow)
    assert ids(one.chosen(people())) == ids(choice.from_toml(one.to_toml()).chosen(people())) == left


@pytest.mark.parametrize("tick", [("6", "2019"), ("06", "2018"), ("", "none"), ("06", ""), ("0", "2019")])
def test_a_tick_that_fits_nobody_chooses_nobody(tick):
    assert ids(Choice(ticks=frozenset({tick})).chosen(people())) == []


@pytest.mark.parametrize("given", ["goes", "GOES", " Goes "])
def test_a_user_kept_by_name_is_kept_in_any_case(given):
    one = Choice(ticks=frozenset({("06", "2019")})).keeping(given, " comes back ")
    assert ids(one.chosen(people())) == ["Check"] and one.keep == ((given.strip(), "comes back"),)
    assert one.keeping("GoEs", "stays here").keep == (("GoEs", "stays here"),)
    assert one.strangers(people()) == [] and Choice(keep=(("Goess", "x"),)).strangers(people()) == ["Goess"]


@pytest.mark.parametrize(("primary_id", "reason"), [("", "why"), (" ", "why"), ("Goes", ""), ("Goes", " ")])
def test_keeping_needs_a_user_and_a_reason(primary_id, reason):
    with pytest.raises(BadChoice):
        Choice().keeping(primary_id, reason)


def test_the_counts_of_a_choice_add_up():
    one = Choice(ticks=frozenset({("06", "2019"), ("30", "2019")}), keep=(("check", "x"), ("later", "not ticked")))
    n = one.counts(people()).set_index("verdict")["users"].to_dict()
    assert n == {population.MAY_GO: 1, population.CHECK: 0, population.STAYS: 2, "kept by name": 1, "ticked in all": 4}
    assert "4 users ticked: 1 may go" in one.summary(people())


@pytest.mark.parametrize("slip", [
    "titel = 'x'", "purge_date = '2026-10-01'", "purge_date = 2026-10-01T00:00:00", "purge_date = 20261001",
    '[[tick]]\nuser_group = 6\nexpired = ["2019"]', '[[tick]]\nuser_group = "06"\nexpired = "2019"',
    '[[tick]]\nuser_group = "06"\nexpired = [2019]', '[[tick]]\nuser_group = "06"', '[[tick]]\nexpired = ["2019"]',
    TICK + "campus = 'x'", TICK.replace("[[tick]]", "[tick]"), "tick = ['06']", "tick = '06'",
    "[[keep]]\nprimary_id = 'a'",
    "[[released]]\nprimary_id = 'a'", "released = ['a']", "[[keep]]\nprimary_id = 'a'\nreason = ' '",
    "[[keep]]\nprimary_id = 412345\nreason = 'x'",
    "[keep]\nprimary_id = 'a'\nreason = 'x'", "keep = ['a']", "[policy]\nmax_user = 5", "[policy]\nmax_share = 10",
    "policy = 3", "[[policy]]\nmax_users = 3", "not toml", "title = 'a'\ntitle = 'b'",
    "[only]\nrecord = ['PUBLIC']", "[only]\nstatus = 'ACTIVE'", "[only]\nstatus = [1]", "only = ['x']",
    "leave_out = ['has loan']", "leave_out = 'has loans'", "leave_out = [3]",
])
def test_a_slip_of_the_pen_is_refused_in_plain_words(slip):
    with pytest.raises(BadChoice) as refused:
        choice.from_toml(slip, where="choice.toml")
    assert str(refused.value).startswith(("choice.toml", "[policy]"))


def test_a_choice_is_saved_for_its_owner_only_and_found_again(tmp_path):
    one = Choice("x", DAY, invented.POLICY, frozenset({("06", "2019")}))
    path = one.save(tmp_path / "run")
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert choice.load(path) == choice.load(tmp_path / "run") == one
    assert [file.name for file in path.parent.iterdir()] == ["choice.toml"]
    assert tomllib.loads(path.read_text())["purge_date"] == DAY


def test_a_missing_choice_is_refused(tmp_path):
    with pytest.raises(BadChoice, match="choice.toml"):
        choice.load(tmp_path)


def test_a_sealed_run_keeps_the_choice_it_was_sealed_with(tmp_path):
    one, other = Choice("one"), Choice("other")
    path = one.save(tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    assert one.save(tmp_path) == path
    with pytest.raises(BadChoice, match="sealed already"):
        other.save(tmp_path)
    assert choice.load(tmp_path) == one
    path.unlink()
    with pytest.raises(BadChoice, match="sealed already"):
        other.save(tmp_path)


def test_saving_loses_nobody_whom_the_saved_choice_keeps(tmp_path):
    mine, theirs = Choice(policy=Policy()), Choice(policy=Policy()).keeping("00411111", "on leave")
    theirs.save(tmp_path)
    with pytest.raises(BadChoice, match="keeps 00411111, and this choice does not") as lost:
        mine.save(tmp_path)
    assert lost.value.value == ["00411111"] and choice.load(tmp_path) == theirs
    mine.keeping("00411111 ", "on leave").save(tmp_path)
    dataclasses.replace(mine, released=(("00411111", "left after all"),)).save(tmp_path)
    assert choice.load(tmp_path).keep == ()


def test_a_choice_on_disk_that_cannot_be_read_is_not_written_over(tmp_path):
    (tmp_path / "choice.toml").write_text("[[keep]\n")
    with pytest.raises(BadChoice, match="is not TOML"):
        Choice(policy=Policy()).save(tmp_path)


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-8"])
def test_a_text_that_an_editor_on_windows_saved_is_read(tmp_path, coding):
    one = Choice("für alle", policy=Policy())
    (tmp_path / "choice.toml").write_text(one.to_toml(), encoding=coding)
    assert choice.load(tmp_path) == one


@pytest.mark.parametrize("coding", ["utf-16", "cp1252"])
def test_a_text_in_another_coding_is_refused_with_what_to_do(tmp_path, coding):
    (tmp_path / "choice.toml").write_text(Choice("für alle", policy=Policy()).to_toml(), encoding=coding)
    with pytest.raises(BadChoice, match="save it as UTF-8"):
        choice.load(tmp_path)
