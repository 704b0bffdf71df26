"""Ticks become a choice and back; every number shown is the one that the choice itself counts."""

import datetime
import json
import threading
import types

import numpy as np
import pandas as pd
import pytest
from invented import people, POLICY, row

from purgelib import choice, errors, guards, lists, widgets
from purgelib.widgets import picker as pickers
from purgelib.widgets.state import Picking
from purgelib.widgets.users import _OPEN as GRIDS


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


@pytest.fixture(autouse=True)
def a_new_kernel(monkeypatch):
    """Each test is a kernel of its own: no picker was shown before."""
    monkeypatch.setattr(pickers, "_OPEN", [])


def ask(picker, do, **message):
    """What the page sends."""
    picker._hear(picker, {"do": do, "who": "page", "number": 1, **message}, [])
    return picker


def click(picker, *cells):
    width = len(picker.table["years"])
    for row_, column in cells:
        ask(picker, "tick", row=row_, column=column, on=picker.ticks[row_ * width + column] == "0")


def place(picker, facet, words):
    """Where a facet's value stands in the page."""
    return next(one for one in picker.table["facets"] if one["facet"] == facet)["values"].index(words)


def narrow(picker, facet, words, on=False):
    return ask(picker, "narrow", facet=facet, value=place(picker, facet, words), on=on)


def counted(picker, folk=PEOPLE):
    """The totals that the page shows are those of Choice.counts, in every form."""
    n = picker.choice.counts(folk).set_index("verdict")["users"]
    assert picker.counts["totals"] == [n["ticked in all"], n["may go"], n["to be checked live"], n["stays"],
                                       n["kept by name"]]
    assert picker.sentence.startswith(f"{n['ticked in all']:,} ticked: {n['may go']:,} may go, "
                                      f"{n['to be checked live']:,} to be checked live, {n['stays']:,} stay all")
    assert picker.counts["all"] == sum(picker.counts["groups"]) == sum(picker.counts["years"]) == n["ticked in all"]
    return n


def mixed():
    """Users of several record types, campuses, verdicts and reasons."""
    dice = np.random.default_rng(5)
    some = [dice.choice(["PUBLIC", "STAFF"], 200), dice.choice(["MAIN", "LAKE", ""], 200), dice.integers(0, 3, 200)]
    return people(*(row(primary_id=f"{i:04}", record_type=str(kind), campus=str(campus), user_group=f"0{i % 3}",
                        status="ACTIVE" if i % 4 else "INACTIVE", fees=[0.0, 5.0, None][fees],
                        requests=None if i % 6 == 0 else int(i % 9 == 0),
                        expiry_date=pd.Timestamp(f"{2012 + i % 12}-06-30"))
                    for i, (kind, campus, fees) in enumerate(zip(*some, strict=True))))


MIXED = mixed()
FULL = picked(title="Graduates", purge_date=datetime.date(2026, 10, 1), keep=(("0003", "thesis"), ("x", "gone")),
              ticks=frozenset({("00", "2018"), ("01", "none"), ("99", "2018"), ("00", "1850"), ("02", "2014")}),
              only=(("campus", ("", "MAIN", "nowhere")), ("record_type", ("PUBLIC",))),
              leave_out=("owes fees", "requests not known: Alma will tell"))


def test_what_was_chosen_comes_back():
    picker = widgets.choose(MIXED, FULL)
    assert picker.choice == FULL
    assert choice.from_toml(picker.text) == FULL == choice.from_toml(picker.toml["text"])


def test_widget_to_text_to_widget_gives_the_same_ticks():
    picker = widgets.choose(MIXED)
    click(picker, (0, 2), (1, 3))
    narrow(picker, "campus", "LAKE")
    narrow(picker, "verdict", "stays")
    reason = picker.picking.counting.singles.index("requests not known: Alma will tell")
    ask(picker, "leave_out", reason=reason, on=True)
    ask(picker, "keep", primary_id="0009", reason="thesis")
    again = widgets.choose(MIXED, picked())
    ask(again, "use", text=picker.text)
    for name in ("ticks", "counts"):
        assert getattr(again, name) == getattr(picker, name)
    assert again.choice == picker.choice == choice.from_toml(picker.text)
    counted(picker, MIXED)


def test_what_nobody_here_has_is_kept_and_named():
    picker = widgets.choose(MIXED, FULL)
    said = "\n".join(picker.words["notes"])
    assert "nobody is in them now: 00 expired 1850, 01 without an expiry date, 99 expired 2018. They stay" in said
    assert "allows campus nowhere" in said and "nobody has the primary ID x" in said
    click(picker, (1, 1))
    narrow(picker, "campus", "LAKE", on=True)
    assert ("99", "2018") in picker.choice.ticks and ("x", "gone") in picker.choice.keep


@pytest.mark.parametrize("cells", [[], [(0, 0)], [(0, 0), (1, 1), (2, 3)], EVERY])
def test_the_totals_count_as_the_choice_counts(cells):
    picker = widgets.choose(PEOPLE)
    click(picker, *cells)
    counted(picker)
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


def test_rows_columns_and_everything_are_ticked_at_once():
    picker = ask(widgets.choose(PEOPLE), "tick", row=1, column=None, on=True)
    assert {group for group, _ in picker.choice.ticks} == {"01"}
    assert picker.counts["all"] == 20 and len(picker.choice.ticks) == 2
    ask(picker, "tick", row=None, column=0, on=True)
    assert ("00", "2018") in picker.choice.ticks and len(picker.choice.ticks) == 3
    assert counted(ask(picker, "tick", row=None, column=None, on=True))["ticked in all"] == len(PEOPLE)
    assert ask(picker, "tick", row=None, column=None, on=False).choice.ticks == frozenset()


def test_each_facet_counts_the_ticked_users_after_every_step():
    picker = ask(widgets.choose(MIXED), "tick", row=None, column=None, on=True)
    for step in (lambda: narrow(picker, "campus", "MAIN"), lambda: narrow(picker, "record_type", "Staff"),
                 lambda: ask(picker, "tick", row=1, column=None, on=False), lambda: picker.keep("0009", "thesis"),
                 lambda: ask(picker, "undo"), lambda: narrow(picker, "verdict", "stays")):
        step()
        counted(picker, MIXED)
        ticked = picker.choice.ticked(MIXED)
        for facet, (on, users, left_out) in picker.counts["facets"].items():
            values = MIXED.cube.values[facet]
            assert users == [int((ticked & (MIXED.facets[facet] == one)).sum()) for one in values]
            for at, one in enumerate(values):
                if on[at]:
                    assert left_out[at] == 0
                else:
                    wider = Picking(MIXED, picker.choice)
                    wider.narrow(facet, {one, *dict(picker.choice.only)[facet]})
                    assert left_out[at] == wider.counts.all - picker.counts["all"]


def test_all_values_ticked_narrow_nothing():
    picker = narrow(widgets.choose(MIXED), "campus", "LAKE")
    assert picker.choice.only == (("campus", ("", "MAIN")),)
    assert narrow(picker, "campus", "LAKE", on=True).choice.only == ()
    assert ask(picker, "narrow", facet="campus", value=None, on=False).choice.only == (("campus", ()),)
    assert choice.from_toml(picker.text) == picker.choice
    assert ask(picker, "narrow", facet="campus", value=None, on=True).choice.only == ()


def test_who_is_left_out_for_a_reason_is_counted():
    picker = ask(widgets.choose(MIXED), "tick", row=None, column=None, on=True)
    reason = picker.picking.counting.singles.index("requests not known: Alma will tell")
    before, having = picker.counts["all"], picker.counts["reasons"][1][reason]
    ask(picker, "leave_out", reason=reason, on=True)
    out, ticked, spared = (numbers[reason] for numbers in picker.counts["reasons"])
    assert out and ticked == 0 and spared == having == before - picker.counts["all"] > 0
    counted(picker, MIXED)
    assert ask(picker, "leave_out", reason=reason, on=False).counts["all"] == before


def test_why_ticked_users_stay_is_said_by_single_reason():
    folk = people(row(primary_id="1", loans=1), row(primary_id="2", loans=1, fees=3.0),
                  row(primary_id="3", requests=None))
    picker = widgets.choose(folk, picked(ticks=frozenset({("06", "2019")})))
    assert "2 stay all the same (has loans: 2, owes fees: 1)" in picker.sentence
    assert picker.counts["why"] == [["has loans", 2], ["owes fees", 1]]
    picker.keep("2", "pays tomorrow")
    assert "1 stay all the same (has loans: 1), 1 kept by name" in picker.sentence


def test_without_a_choice_the_policy_of_the_population_holds():
    assert widgets.choose(PEOPLE).choice == choice.Choice(policy=PEOPLE.policy)
    other = choice.Choice(policy=choice.Policy(expired_for_days=9))
    assert "another policy" in widgets.choose(PEOPLE, other).words["notes"][0]


@pytest.mark.parametrize("primary_id, reason, said", [
    ("nobody", "thesis", "No user has the primary ID nobody"), ("00003", " ", "a reason"),
    ("", "thesis", "primary ID")])
def test_keeping_is_refused_in_plain_words(primary_id, reason, said):
    picker = widgets.choose(PEOPLE)
    with pytest.raises(errors.BadChoice, match=said):
        picker.keep(primary_id, reason)
    ask(picker, "keep", primary_id=primary_id, reason=reason)
    assert said in picker.said["text"] and not picker.said["good"]
    assert picker.choice.keep == ()


def test_of_many_to_keep_none_is_kept_if_one_is_unknown_and_all_unknown_are_named():
    picking = Picking(PEOPLE, picked())
    with pytest.raises(errors.BadChoice, match="2 primary IDs: nobody, else") as refused:
        picking.keep(["00003", "nobody", "00004", "else"], "thesis")
    assert refused.value.value == ["nobody", "else"] and picking.choice.keep == () and not picking.can_undo
    picking.keep([" 00003", "00004 "], "thesis")
    picking.keep(["00003"], "another reason")
    assert picking.choice.keep == (("00004", "thesis"), ("00003", "another reason"))
    with pytest.raises(errors.BadChoice, match="Say why 00003, 00004"):
        picking.release(["00003", "00004"], " ")
    picking.release(["00003", "00004"], "finished")
    assert picking.choice.keep == ()
    assert picking.choice.released == (("00004", "finished"), ("00003", "finished"))
    picking.keep(["00004"], "back again")
    assert picking.choice.released == (("00003", "finished"),)


def test_keeping_and_releasing_from_the_page():
    picker = widgets.choose(PEOPLE)
    ask(picker, "keep", primary_id=" 00003 ", reason="thesis")
    assert picker.choice.keep == (("00003", "thesis"),)
    assert picker.words["kept"] == [{"primary_id": "00003", "name": "Ada Example", "reason": "thesis",
                                     "about": "00 Group 0, expired 2018, not ticked"}]
    ask(picker, "release", primary_id="00003", reason=" ")
    assert picker.choice.keep and "Say why 00003" in picker.said["text"] and not picker.said["good"]
    ask(picker, "release", primary_id="00003", reason="finished")
    assert picker.choice.released == (("00003", "finished"),) and "finished" in picker.text
    assert picker.choice.keep == () and picker.words["kept"] == []


def test_every_step_can_be_undone_and_taken_again():
    picking = Picking(MIXED, FULL)
    steps = [lambda: picking.tick({("00", "2014")}), lambda: picking.narrow("status", ["ACTIVE"]),
             lambda: picking.leave_out("has loans"), lambda: picking.keep(["0007"], "thesis"),
             lambda: picking.release(["0003"], "finished"), lambda: picking.set_ticks(frozenset()),
             lambda: picking.replace(picked(title="Other")), picking.start_over]
    seen = [picking.choice]
    for step in steps:
        step()
        seen.append(picking.choice)
    assert len({one.to_toml() for one in seen[:-1]}) == len(seen) - 1
    for expected in reversed(seen[:-1]):
        picking.undo()
        assert picking.choice == expected
    assert not picking.can_undo
    for expected in seen[1:]:
        picking.redo()
        assert picking.choice == expected
    picking.undo()
    picking.tick({("01", "2015")})
    assert not picking.can_redo


def test_what_changes_nothing_is_no_step():
    picking = Picking(PEOPLE, picked())
    picking.tick([], on=True)
    picking.narrow("status", None)
    with pytest.raises(errors.BadChoice, match="00003 is not kept by name"):
        picking.release(["00003"], "finished")
    picking.undo()
    assert not picking.can_undo and not picking.can_redo


def test_a_watcher_that_fails_stops_no_other(caplog):
    picking, told = Picking(PEOPLE, picked()), []
    picking.watch(lambda: 1 / 0)
    picking.watch(lambda: told.append(picking.choice.ticks))
    picking.tick({("00", "2018")})
    assert told == [frozenset({("00", "2018")})] and "ZeroDivisionError" in caplog.text


def test_a_text_that_keeps_somebody_no_longer_is_refused_unless_it_says_why():
    picker = widgets.choose(PEOPLE)
    picker.keep("00003", "thesis")
    without = picker.text[:picker.text.index("[[keep]]")]
    ask(picker, "use", text=without)
    assert not picker.said["good"] and "keeps 00003 no longer" in picker.said["text"]
    assert picker.choice.keep == (("00003", "thesis"),)
    ask(picker, "use", text=without + '[[released]]\nprimary_id = "00003"\nreason = "finished"\n')
    assert picker.said["good"] and picker.choice.keep == () and picker.choice.released == (("00003", "finished"),)


def test_the_edited_text_is_used_in_one_step():
    picker = widgets.choose(PEOPLE, picked(ticks=frozenset({("01", "none")})))
    ask(picker, "use", text=picker.text + '\n[[tick]]\nuser_group = "00"\nexpired = ["2018"]\n')
    assert picker.said["good"] and picker.choice.ticks == {("01", "none"), ("00", "2018")}
    counted(picker)
    assert ask(picker, "undo").choice.ticks == {("01", "none")}


@pytest.mark.parametrize(("text", "line", "said"), [
    ('title = "x"\ntick = [', 2, "not TOML"), ('title = "x"\n\n[policy]\nfee = 3', 4, "no setting fee"),
    ('colour = "red"', 1, "means nothing"),
    ('title = "x"\n[[tick]]\nuser_group = 6\nexpired = ["2018"]', 3, "text in quo"),
    ('leave_out = [\n"has loans",\n"is tall"]', 3, "no reason"), ('[only]\nheight = ["tall"]', 2, "means nothing")])
def test_a_text_that_is_not_understood_is_refused_with_its_line(text, line, said):
    picker = widgets.choose(PEOPLE)
    ask(picker, "use", text=text)
    assert not picker.said["good"] and said in picker.said["text"] and picker.said["line"] == line
    assert picker.choice == picked()


def test_a_cell_that_is_run_again_goes_on_and_says_so():
    start = picked(ticks=frozenset({("00", "2018")}))
    first = widgets.choose(PEOPLE, start)
    assert not first.words["continued"]
    click(first, (1, 1))
    first.keep("00003", "thesis")
    again = widgets.choose(PEOPLE, picked(ticks=frozenset({("00", "2018")})))
    assert again.choice == first.choice and again.words["continued"] and again.words["changed"]
    ask(again, "start_over")
    assert again.choice == start and not again.words["continued"]
    assert ask(again, "undo").choice.keep == (("00003", "thesis"),)


def test_a_cell_that_is_run_again_after_saving_goes_on_too():
    first = widgets.choose(PEOPLE, picked())
    click(first, (1, 1))
    saved = first.choice
    first.keep("00003", "thesis")
    again = widgets.choose(PEOPLE, saved)
    assert again.choice.keep == (("00003", "thesis"),)
    assert ask(again, "start_over").choice == saved


def test_another_population_is_counted_anew_with_what_was_ticked():
    first = widgets.choose(PEOPLE, picked())
    click(first, (1, 1))
    newer = crowd()
    again = widgets.choose(newer, picked())
    assert again is not first and again.picking.population is newer and again.choice == first.choice
    assert first.comm is None and again.words["continued"]
    ask(again, "undo")
    assert again.choice == picked()


def test_running_both_cells_ten_times_leaves_one_watcher_each():
    for _ in range(10):
        grid = widgets.users(widgets.choose(PEOPLE, picked()))
    assert len(grid.picking._watching) == 2 and widgets.users(grid.picking) is grid


def test_reading_the_exports_anew_ten_times_leaves_nothing_of_the_old_ones_behind():
    before = len(GRIDS)
    pickings = []
    for _ in range(10):
        picker = widgets.choose(crowd(), picked())
        click(picker, (1, 1))
        pickings.append(widgets.users(picker).picking)
    assert [len(one._watching) for one in pickings] == [0] * 9 + [2]
    assert pickers._OPEN == [picker] and len(GRIDS) == before + 1


def test_what_shows_earlier_exports_says_so_and_changes_nothing():
    picker = widgets.choose(PEOPLE, picked(ticks=frozenset({("00", "2018")})))
    grid = widgets.users(picker)
    grid.keep("00003", "thesis")
    newer = widgets.choose(crowd(), picked(ticks=frozenset({("00", "2018")})))
    assert grid.outdated and newer.choice.keep == (("00003", "thesis"),)
    for act in (lambda: grid.keep("00004", "x"), lambda: grid.release("00003", "x"), grid.picking.undo,
                lambda: grid.picking.tick({("01", "2019")})):
        with pytest.raises(errors.BadChoice, match="earlier exports: run this cell again"):
            act()
    again = widgets.users(newer)
    assert again is not grid and not again.outdated and grid.comm is None
    # What was said in this session goes over, too.
    assert again.log["reason"].tolist() == ["thesis"]
    again.keep("00004", "x")
    assert newer.choice.keep == (("00003", "thesis"), ("00004", "x"))


def test_whom_a_review_and_the_sample_keep_is_kept_in_one_step_that_can_be_undone():
    picker = widgets.choose(PEOPLE, picked(keep=(("00005", "our own reason"),)))
    kept = pd.DataFrame({"primary_id": ["00003", "00005", "00004"], "reason": ["on leave", "other", "guest"]})
    picker.take_in(types.SimpleNamespace(kept=kept, signed="Bo Example"))
    assert picker.choice.keep == (("00005", "our own reason"), ("00003", "on leave"), ("00004", "guest"))
    assert "on leave" in picker.toml["text"]
    picker.take_in(types.SimpleNamespace(kept=kept, signed="Bo Example"))
    assert picker.picking.told["00003"] == ["Kept in the review (looked through by Bo Example): on leave"]
    assert ask(picker, "undo").choice.keep == (("00005", "our own reason"),)


def test_a_choice_that_was_never_shown_starts_fresh():
    first = widgets.choose(PEOPLE, picked())
    click(first, (1, 1))
    other = widgets.choose(PEOPLE, picked(title="Another run"))
    assert other.choice == picked(title="Another run") and not other.words["continued"]


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


def test_nothing_that_crosses_the_wire_is_large():
    dice = np.random.default_rng(3)
    rows = [row(primary_id=f"{i:05}", user_group=f"{i % 60:02}", expiry_date=pd.Timestamp(f"{1960 + i // 60}-06-30"),
                campus=f"C{dice.integers(60)}") for i in range(3600)]
    picker = widgets.choose(people(*rows))
    ask(picker, "tick", row=None, column=None, on=True)
    picker.picking.keep([f"{i:05}" for i in range(3600)], "a reason of some length, as people write them " * 3)
    sent = {name: len(json.dumps(getattr(picker, name))) for name in ("table", "ticks", "counts", "words", "toml")}
    assert sum(sent.values()) < 500_000, sent
    # A text that is too long for the page is cut there, and nowhere else; what is cut cannot be used.
    assert not picker.toml["whole"] and len(picker.words["kept"]) + picker.words["more_kept"] == 3600
    assert len(choice.from_toml(picker.text).keep) == 3600


def test_the_static_twin_shows_the_same_state_and_escapes_everything():
    nasty = "<img src=x onerror=alert(1)>"
    folk = people(row(primary_id=nasty, user_group=nasty, group_name=nasty, campus=nasty),
                  row(primary_id="2", loans=1, requests=None))
    picker = widgets.choose(folk, picked(ticks=frozenset({(nasty, "2019")}), title=nasty, only=(("campus", (nasty,)),)))
    picker.keep(nasty, nasty)
    twin = picker._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in twin and "&lt;img" in twin
    assert "<td>☑&nbsp;1</td>" in twin and "<td>☐&nbsp;1 all&nbsp;stay</td>" in twin
    assert picker.sentence in twin and "☐ not known 0" in twin and "Record type: ☑ Public 1" in twin
    assert "[[tick]]" in twin
    assert "application/vnd.jupyter.widget-view+json" in picker._repr_mimebundle_()[0]


def test_a_population_of_nobody_can_be_shown():
    nobody = people(*[row()])
    picker = widgets.choose(type(nobody)(nobody.table[:0], nobody.answers[:0], nobody.verdict[:0], nobody.reason[:0],
                                         nobody.policy, nobody.as_of))
    assert picker.counts["all"] == 0 and picker.choice.ticks == frozenset() and picker._repr_mimebundle_()


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


def test_another_run_in_the_same_kernel_starts_from_its_own_choice():
    first = widgets.choose(PEOPLE, picked(), "first")
    first.picking.tick([("06", "2019")])
    second = widgets.choose(PEOPLE, picked(), "second")
    assert second.choice == picked() and first.choice != picked()
    first.picking.tick([("06", "2019")], on=False)
    assert widgets.choose(PEOPLE, picked(), "first") is first


def test_a_choice_changed_by_hand_since_it_was_saved_is_what_counts(tmp_path):
    picker = widgets.choose(PEOPLE, picked(), "run")
    picker.picking.tick([("06", "2019")])
    less = picker.choice
    picker.picking.tick([("06", "2018")])
    picker.save(tmp_path)
    picker.picking.tick([("06", "2017")])
    # As it was saved: the cell goes on with what was ticked since.
    assert widgets.choose(PEOPLE, choice.load(tmp_path), "run") is picker
    # A tick was taken out in an editor, so that the file is as at an earlier step.
    again = widgets.choose(PEOPLE, less, "run")
    assert again is not picker and again.choice == less
    with pytest.raises(errors.BadChoice, match="run this cell again"):
        picker.picking.tick([("06", "2016")])
    with pytest.raises(errors.BadChoice):
        picker.save(tmp_path)


def test_a_keep_that_was_not_saved_is_carried_over_to_a_choice_changed_by_hand(tmp_path):
    picker = widgets.choose(PEOPLE, picked(), "run")
    picker.save(tmp_path)
    picker.keep("00007", "on leave")
    again = widgets.choose(PEOPLE, picked(title="changed by hand"), "run")
    assert again.choice == picked(title="changed by hand", keep=(("00007", "on leave"),))
    again.picking.undo()
    assert again.choice == picked(title="changed by hand")


def test_saving_keeps_beside_the_choice_who_is_chosen_by_it(tmp_path):
    picker = widgets.choose(PEOPLE, picked(ticks=frozenset({("06", "2019")})), "run")
    assert picker.save(tmp_path).name == "choice.toml" and choice.load(tmp_path) == picker.choice
    ids = set(lists.read(tmp_path / "chosen.csv")["primary_id"])
    assert ids == set(PEOPLE.table["primary_id"][picker.choice.chosen(PEOPLE)])
