"""Ticks become a choice and back; every number shown is the one that the choice itself counts."""

import datetime
import threading

import pandas as pd
import pytest
import traitlets
from invented import people, POLICY, row

from purgelib import choice, errors, guards, widgets


def crowd():
    """Three groups, three years and none; some may go, some are to be checked, some stay."""
    rows = []
    for i in range(60):
        expiry = pd.NaT if i % 7 == 0 else pd.Timestamp(f"{2018 + i % 3}-06-30")
        rows.append(row(primary_id=f"{i:05}", user_group=f"0{i % 3}", group_name=f"Group {i % 3}", expiry_date=expiry,
                        loans=None if i % 5 == 0 else int(i % 4 == 0), fees=2.5 if i % 6 == 0 else 0.0))
    return people(*rows)


PEOPLE = crowd()
EVERY = [(group, year) for group in range(3) for year in range(4)]


def picked(**changes):
    return choice.Choice(policy=POLICY, **changes)


def counted(picker):
    """The numbers of the status line, in the order of Choice.counts."""
    n = picker.choice.counts(PEOPLE).set_index("verdict")["users"]
    status = picker.state["status"]
    assert status.startswith(f"{n['ticked in all']:,} ticked: {n['may go']:,} may go, "
                             f"{n['to be checked live']:,} to be checked live, {n['stays']:,} stay all the same")
    assert status.endswith(f", {n['kept by name']:,} kept by name")
    return n


def click(picker, *cells):
    ticks = list(picker.ticks)
    for row_, column in cells:
        at = row_ * len(picker.table["years"]) + column
        ticks[at] = "0" if ticks[at] == "1" else "1"
    picker.ticks = "".join(ticks)


def test_what_was_chosen_comes_back():
    wanted = picked(title="Graduates", purge_date=datetime.date(2026, 10, 1), keep=(("00003", "thesis"), ("x", "gone")),
                    ticks=frozenset({("00", "2018"), ("01", "none"), ("99", "2018"), ("00", "1850")}))
    picker = widgets.choose(PEOPLE, wanted)
    assert picker.choice == wanted
    assert choice.from_toml(picker.text) == wanted == choice.from_toml(picker.state["text"])


def test_ticks_that_nobody_is_in_are_kept_and_named():
    picker = widgets.choose(PEOPLE, picked(ticks=frozenset({("99", "2018"), ("00", "next year")})))
    assert "nobody is in them now: 00 next year, 99 expired 2018" in picker.state["notes"][0]
    click(picker, (1, 1))
    assert ("99", "2018") in picker.choice.ticks


@pytest.mark.parametrize("cells", [[], [(0, 0)], [(0, 0), (1, 1), (2, 3)], EVERY])
def test_the_status_counts_as_the_choice_counts(cells):
    picker = widgets.choose(PEOPLE)
    click(picker, *cells)
    n = counted(picker)
    assert picker.state["all"] == n["ticked in all"] == sum(picker.state["groups"]) == sum(picker.state["years"])
    picker.keep("00003", "thesis")
    picker.keep("00012", "owes us a book")
    counted(picker)


def test_every_cell_counts_on_its_own():
    picker = widgets.choose(PEOPLE)
    for g, line in enumerate(picker.table["cells"]):
        for y, (users, may, check) in enumerate(line):
            click(picker, (g, y))
            n = counted(picker)
            assert (users, may, check) == (n["ticked in all"], n["may go"], n["to be checked live"])
            click(picker, (g, y))


def test_why_ticked_users_stay_is_said_by_single_reason():
    folk = people(row(primary_id="1", loans=1), row(primary_id="2", loans=1, fees=3.0),
                  row(primary_id="3", requests=None))
    picker = widgets.choose(folk, picked(ticks=frozenset({("06", "2019")})))
    assert "2 stay all the same (has loans: 2, owes fees: 1)" in picker.state["status"]
    picker.keep("2", "pays tomorrow")
    assert "1 stay all the same (has loans: 1), 1 kept by name" in picker.state["status"]


def test_without_a_choice_the_policy_of_the_population_holds():
    assert widgets.choose(PEOPLE).choice == choice.Choice(policy=PEOPLE.policy)
    other = choice.Choice(policy=choice.Policy(expired_for_days=9))
    assert "another policy" in widgets.choose(PEOPLE, other).state["notes"][0]


@pytest.mark.parametrize("primary_id, reason, said", [
    ("nobody", "thesis", "No user has the primary ID nobody"), ("00003", " ", "a reason"),
    ("", "thesis", "primary ID")])
def test_keeping_is_refused_in_plain_words(primary_id, reason, said):
    picker = widgets.choose(PEOPLE)
    with pytest.raises(errors.BadChoice, match=said):
        picker.keep(primary_id, reason)
    picker._hear(picker, {"do": "keep", "primary_id": primary_id, "reason": reason}, [])
    assert said in picker.state["said"]["text"] and not picker.state["said"]["good"]
    assert picker.choice.keep == ()


def test_keeping_and_releasing_from_the_page():
    picker = widgets.choose(PEOPLE)
    picker._hear(picker, {"do": "keep", "primary_id": " 00003 ", "reason": "thesis"}, [])
    assert picker.choice.keep == (("00003", "thesis"),)
    assert picker.state["kept"] == [{"primary_id": "00003", "name": "Ada Example", "reason": "thesis",
                                     "about": "00 Group 0, expired 2018, not ticked"}]
    picker._hear(picker, {"do": "release", "primary_id": "00003"}, [])
    assert picker.choice.keep == () and picker.state["kept"] == []


def test_ticks_that_do_not_fit_the_table_are_refused():
    picker = widgets.choose(PEOPLE)
    for nonsense in ("1", "x" * len(picker.ticks)):
        with pytest.raises(traitlets.TraitError):
            picker.ticks = nonsense
    assert picker.choice.ticks == frozenset()


def test_clicks_from_two_threads_leave_a_state_that_fits():
    picker = widgets.choose(PEOPLE)
    threads = [threading.Thread(target=lambda i=i: [picker.keep(f"{n:05}", "x") for n in range(i, 60, 4)])
               for i in range(4)]
    for one in threads:
        one.start()
    click(picker, *EVERY)
    for one in threads:
        one.join()
    assert len(picker.choice.keep) == 60
    counted(picker)


def test_the_static_twin_shows_the_same_state_and_escapes_everything():
    nasty = "<img src=x onerror=alert(1)>"
    folk = people(row(primary_id=nasty, user_group=nasty, group_name=nasty), row(primary_id="2", loans=1))
    picker = widgets.choose(folk, picked(ticks=frozenset({(nasty, "2019")})))
    picker.keep(nasty, nasty)
    twin = picker._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in twin and "&lt;img" in twin
    assert "<td>☑ 1</td>" in twin and "<td>☐ 1 all stay</td>" in twin
    assert picker.state["status"] in twin
    assert "application/vnd.jupyter.widget-view+json" in picker._repr_mimebundle_()[0]


def test_a_population_of_nobody_can_be_shown():
    nobody = people(*[row()])
    picker = widgets.choose(type(nobody)(nobody.table[:0], nobody.answers[:0], nobody.verdict[:0], nobody.reason[:0],
                                         nobody.policy, nobody.as_of))
    assert picker.state["all"] == 0 and picker.choice.ticks == frozenset()


@pytest.mark.parametrize("typed", ["Example University 1234", "example  university 1,234", "Example University 1235",
                                   "1234", "yes", "Example University", " Example University 1234 "])
def test_the_confirmation_says_what_the_guard_will_say(typed):
    header = {"target": {"name": "Example University"}, "users": 1234}
    box = widgets.confirmation(guards.to_be_typed(header))
    box._box.value = typed
    try:
        guards.confirmed(header, box.typed)
    except errors.NotConfirmed:
        assert "refused" in box._below.value and "refused" in box.says
    else:
        assert "write to Alma: 1,234 users" in box._below.value


def test_an_empty_confirmation_is_a_rehearsal():
    for typed in ("", "  "):
        box = widgets.confirmation("Example University 1234", typed)
        assert box.typed == "" and "rehearsal" in box.says


def test_the_twin_of_the_confirmation_shows_what_is_typed():
    box = widgets.confirmation("<i>Uni</i> 3", prefilled="<b>x")
    twin = box._repr_mimebundle_()["text/html"]
    assert box.typed == "<b>x" and "&lt;b&gt;x" in twin and "<i>" not in twin
    assert "<i>" not in box.children[0].value
