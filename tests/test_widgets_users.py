"""The grid of single users: whoever is ticked in it is chosen, whoever is kept has a reason, nobody is mistaken."""

import json
import re
import types

import numpy as np
import pandas as pd
import pytest
from invented import AS_OF, people, POLICY, row

from purgelib import choice, errors, population, samples
from purgelib.widgets import describing, page, pasted
from purgelib.widgets.listing import COLUMNS, Listing, UNFILTERED, WHICH
from purgelib.widgets.state import Picking
from purgelib.widgets.users import LOGGED, MOST, UserGrid, users

NAMES = ("Ada Müller", "Björn Åse", "Zoë Example", "Weiß Carla", None)


def crowd():
    """Three groups, three years and none, names with accents and without; some may go, some are to be checked."""
    rows = []
    for i in range(60):
        expiry = pd.NaT if i % 7 == 0 else pd.Timestamp(f"{2018 + i % 3}-0{1 + i % 9}-15")
        rows.append(row(primary_id=f"U{i * 7 % 60:05}", name=NAMES[i % 5], user_group=f"0{i % 3}",
                        group_name=f"Group {i % 3}", expiry_date=expiry, fees=2.5 if i % 6 == 0 else 0.0,
                        purge_date=pd.NaT if i % 4 == 0 else pd.Timestamp("2020-06-30"), purge_known=i % 8 == 0,
                        record_type=None if i % 11 == 0 else "PUBLIC",
                        loans=None if i % 5 == 0 else int(i % 4 == 0), campus="LAKE" if i % 2 else "MAIN"))
    return people(*rows)


PEOPLE = crowd()
TICKS = frozenset((f"0{group}", str(year)) for group in (0, 1) for year in (2018, 2019, 2020))


def grid(folk=PEOPLE, **changes):
    return users(Picking(folk, choice.Choice(policy=POLICY, **({"ticks": TICKS} | changes))))


@pytest.fixture
def sent(monkeypatch):
    """What the kernel sends to the page, as the page gets it."""
    found = []
    monkeypatch.setattr(UserGrid, "send", lambda self, content, buffers=None: found.append(json.loads(
        json.dumps(content))))
    return found


def ask(one, do, **message):
    """What the page sends; returns nothing."""
    one._hear(one, {"do": do, "who": "page", "number": 1, **message}, [])


def place_of(primary_id, folk=PEOPLE):
    return int(np.flatnonzero(folk.table["primary_id"] == primary_id)[0])


def shown(one):
    return PEOPLE.table["primary_id"].iloc[one.listing.rows()].tolist()


CHOICES = [{}, {"ticks": frozenset()}, {"only": (("campus", ("LAKE",)),)},
           {"leave_out": ("loans not known: Alma will tell",)}, {"keep": (("u00008", "thesis"), ("U00001", "guest"))}]


@pytest.mark.parametrize("changes", CHOICES)
def test_whoever_is_ticked_in_the_grid_is_chosen_and_nobody_else(changes):
    one = grid(**changes)
    one.look(which="everybody")
    lines = describing.lines(one.picking, one.listing, np.arange(len(PEOPLE)))
    assert [state == "on" for _, state, _, _ in lines] == one.choice.chosen(PEOPLE).tolist()
    n = one.choice.counts(PEOPLE).set_index("verdict")["users"]
    if ticked := n["may go"] + n["to be checked live"]:
        assert one.sentence == (f"60 shown of 60 users; {ticked} of those shown will be in the plan, unless Alma says "
                                "otherwise: their tick is on.")
    else:
        assert one.sentence == "60 shown of 60 users; none of those shown will be in the plan."


@pytest.mark.parametrize("changes", CHOICES)
def test_which_users_are_shown_is_what_the_choice_says(changes):
    one, wanted = grid(**changes), grid(**changes).choice
    for which, users_ in (("ticked", wanted.ticked(PEOPLE)), ("planned", wanted.chosen(PEOPLE)),
                          ("kept", wanted.kept(PEOPLE)), ("everybody", np.ones(60, dtype=bool))):
        one.look(which=which)
        assert sorted(one.listing.rows()) == np.flatnonzero(users_).tolist()


def test_filters_narrow_to_a_verdict_a_group_and_a_reason():
    one = grid()
    one.look(which="everybody", verdict="stays", user_group="00", reason="owes fees")
    table = PEOPLE.table
    owes = PEOPLE.reason.astype("str").str.contains("owes")
    wanted = (PEOPLE.verdict == "stays") & (table["user_group"] == "00") & owes
    assert wanted.any() and sorted(one.listing.rows()) == np.flatnonzero(wanted).tolist()


VIEWS = [{}, {"search": "ada"}, {"which": "ticked", "verdict": "stays"}, {"user_group": "01", "reason": "owes fees"},
         {"expires_from": "2018-05-15", "expires_to": "2019-03-15"}, {"expires_to": "2018-12-31", "record_type": ""},
         {"which": "planned", "expires_from": "2020-01-01"}, {"which": "kept"}, {"expires_from": "2030-01-01"}]


@pytest.mark.parametrize("view", VIEWS)
def test_each_value_of_a_filter_says_how_many_users_it_would_show(view):
    one = grid(keep=(("U00008", "thesis"), ("U00001", "guest")))
    one.look(**{"which": "everybody"} | view)
    counts, rows = one.listing.counts(), len(one.listing.rows())
    for name, words, options in one.about["filters"]:
        assert words in ("User group", "Record type", "Verdict", "Reason")
        values = [None, *(value for value, _ in options)]
        assert len(counts[name]) == len(values) and counts[name][values.index(view.get(name))] == rows
        for value, count in zip(values, counts[name], strict=True):
            one.look(**UNFILTERED | {"which": "everybody"} | view | {name: value})
            assert len(one.listing.rows()) == count
    assert len(one.about["filters"]) == 4


def test_expiry_dates_are_shown_from_a_day_to_a_day_both_included_and_nobody_without_one(sent):
    one = grid()
    dates = PEOPLE.table["expiry_date"]
    first, last = np.sort(dates.dropna().unique())[[1, -2]]
    assert first < last
    said = dict(zip(("expires_from", "expires_to"), np.datetime_as_string([first, last], "D").tolist(), strict=True))
    ask(one, "look", view={"which": "everybody"} | said)
    wanted = np.flatnonzero((dates >= first) & (dates <= last))
    assert sorted(one.listing.rows()) == wanted.tolist() and {first, last} <= set(dates.iloc[wanted])
    ask(one, "look", view={"expires_to": None})
    assert sorted(one.listing.rows()) == np.flatnonzero(dates >= first).tolist()
    for nonsense in ("20190630", "soon", 7, "2019-02-30"):
        ask(one, "look", view={"expires_from": nonsense})
        assert one.view["expires_from"] == said["expires_from"]
    ask(one, "look", view={"expires_to": "2001-01-01"})
    assert sent[-2]["shown"] == 0 and "from a day to one before it" in sent[-2]["empty"]
    ask(one, "list", text="U00001")
    assert one.view["expires_from"] is None and sent[-1]["text"].startswith("1 ID read; 1 user is shown.")


def test_rows_are_found_once_however_often_they_are_scrolled_and_anew_after_every_change(monkeypatch, sent):
    one, found = grid(), []
    monkeypatch.setattr(Listing, "_among", lambda self, among=Listing._among: found.append(1) or among(self))
    for start in (0, 10, 20):
        ask(one, "rows", start=start, end=start + 10)
    assert len(found) == 1
    for change in (lambda: one.keep("U00001", "x"), lambda: one.look(search="ada"), lambda: one.show_list("U00002")):
        change()
        before = len(found)
        ask(one, "rows", start=0, end=10)
        assert len(found) == before + 1


def test_a_grid_made_anew_goes_on_with_search_filters_list_and_place():
    one = grid()
    one.show_list("U00003\nnobody\nU00001")
    one.look(search="u", user_group="01", reason="owes fees", sort="name", down=True, expires_from="2019-01-01")
    one.here = {"top": 1.5, "row": 2, "column": 3}
    picking = Picking(people(*(row(primary_id=f"U{i:05}", user_group="01") for i in range(4))), one.choice)
    picking.go_on(one.choice, one.picking)
    again = users(picking)
    # Nobody has such a reason now, so that it would filter without being seen.
    assert again.view == one.view | {"reason": None}
    assert again.here == one.here and again.strangers == ("nobody",)
    assert [picking.population.table["primary_id"].iat[at] for at in again.listing.listed] == ["U00001", "U00003"]


def test_a_detail_tells_what_the_review_and_the_sample_said_and_who_was_let_go_why(sent, tmp_path):
    one = grid()
    places = np.flatnonzero(one.choice.chosen(PEOPLE))
    ids = PEOPLE.table["primary_id"].iloc[places].tolist()
    samples.draw(PEOPLE, one.choice, n=60).save(tmp_path)
    for primary_id, said in zip(ids, (("right",), ("wrong", "still here"), ("right", "looked up")), strict=False):
        samples.answer(tmp_path, primary_id, *said)
    one.picking.take_in(samples.read(tmp_path, PEOPLE, one.choice))
    assert [who for who, _ in one.choice.keep][0] == ids[1]
    kept = pd.DataFrame({"primary_id": [ids[3]], "reason": ["on leave"]})
    one.picking.take_in(types.SimpleNamespace(kept=kept, signed=""))
    one.picking.release(ids[3], "came back")

    def staff(at):
        ask(one, "detail", place=int(places[at]), primary_id=ids[at])
        return sent[-1]["detail"]["staff"]

    assert staff(0) == ["In the sample: looked at, right"]
    assert staff(1) == ["Kept by name: found wrong in the sample: still here",
                        "In the sample: looked at, wrong, “still here”"]
    assert any(line.endswith("“looked up”") for line in staff(2))
    assert staff(3) == ["No longer kept by name: came back", "Kept in the review (not signed): on leave"]
    assert staff(4) == []


@pytest.mark.parametrize("text", ["muller", "Müller", "MÜLLER ada", "ada u000", "  bjorn   ase ", "weiss", "u00010",
                                  "U0001", "example zoe", "no such", "5ada", "."])
def test_a_search_finds_words_in_id_and_name_with_or_without_accents(text):
    one = grid()
    one.look(which="everybody", search=text)
    plain = {"Ada Müller": "ada muller", "Björn Åse": "bjorn ase", "Zoë Example": "zoe example",
             "Weiß Carla": "weiss carla"}
    words = text.casefold().replace("ü", "u").split()
    wanted = [at for at, (key, name) in enumerate(zip(PEOPLE.table["key"], PEOPLE.table["name"], strict=True))
              if all(word in key or word in plain.get(name, "") for word in words)]
    assert sorted(one.listing.rows()) == wanted
    assert bool(wanted) == (text not in ("no such", "5ada", "."))


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_sorts_and_what_is_not_known_comes_last(column, down):
    one = grid(keep=(("U00008", "thesis"),))
    one.look(which="everybody", sort=column, down=down)
    rows = one.listing.rows()
    assert sorted(rows) == list(range(60))
    value = {"tick": pd.Series(one.listing.states(np.arange(60))).map(["on", "kept", "stays", "out"].index),
             "verdict": PEOPLE.verdict.cat.codes, "reasons": PEOPLE.reason.astype("str")}.get(column)
    value = PEOPLE.table[column] if value is None else value
    if column == "name":
        value = value.str.lower()
    seen = value.astype("str" if column in ("user_group", "record_type") else value.dtype).iloc[rows].tolist()
    known = [one for one in seen if not pd.isna(one)]
    assert known == sorted(known, reverse=down)
    assert all(pd.isna(one) for one in seen[len(known):])
    if column in ("name", "record_type", "expiry_date", "purge_date"):
        assert len(known) < 60


def test_taking_a_tick_off_keeps_that_user_whatever_the_order_on_screen(sent):
    one = grid()
    ask(one, "rows", start=0, end=60)
    place, state, _, cells = next(line for line in sent[-2]["rows"] if line[1] == "on")
    ask(one, "look", view={"sort": "name", "down": True})
    ask(one, "keep", place=place, primary_id=cells[0], reason=" writes a thesis ")
    assert one.choice.keep == ((cells[0], "writes a thesis"),)
    assert one.choice.kept(PEOPLE).nonzero()[0].tolist() == [place]
    assert sent[-1]["good"] and sent[-1]["text"] == f"{cells[0]} {cells[1]} is kept by name: writes a thesis."
    assert one.listing.states(np.array([place])) == ["kept"]
    assert one.log[["done", "users", "reason"]].values.tolist() == [["kept", cells[0], "writes a thesis"]]


def test_a_page_that_means_somebody_else_is_refused(sent):
    one = grid()
    for wrong in (place_of("U00009"), -1, 60, 10**9):
        ask(one, "keep", place=wrong, primary_id="U00008", reason="thesis")
        assert not sent[-1]["good"] and "run this cell again" in sent[-1]["text"]
    assert one.choice.keep == () and one.log.empty


def test_nobody_is_kept_or_let_go_without_a_reason(sent):
    one = grid(keep=(("U00008", "thesis"),))
    place = place_of("U00008")
    ask(one, "release", place=place, primary_id="U00008", reason="  ")
    assert not sent[-1]["good"] and "Say why U00008 is no longer to be kept" in sent[-1]["text"]
    ask(one, "keep", place=place_of("U00001"), primary_id="U00001", reason=" ")
    assert not sent[-1]["good"] and "reason" in sent[-1]["text"]
    assert one.choice.keep == (("U00008", "thesis"),) and one.log.empty


def test_ticking_again_asks_for_a_reason_and_the_log_holds_it(sent):
    one = grid(keep=(("U00008", "thesis"),))
    place = place_of("U00008")
    ask(one, "release", place=place, primary_id="U00008", reason="has finished")
    assert one.choice.keep == () and sent[-1]["text"].startswith("No longer kept by name: U00008")
    assert one.log[["done", "users", "reason"]].values.tolist() == [["no longer kept", "U00008", "has finished"]]
    assert one.said[0][1:] == ["no longer kept", "U00008", "has finished"]
    ask(one, "detail", place=place, primary_id="U00008")
    assert sent[-1]["detail"]["staff"][-1].endswith(", no longer kept: has finished")
    with pytest.raises(errors.BadChoice, match="U00008 is not kept by name"):
        one.release("U00008", "again")
    # The cell that is run again makes a new grid, which knows what was said.
    assert users(one.picking).log.equals(one.log)


def test_a_grid_follows_what_is_ticked_elsewhere_and_steps_are_shared(sent):
    one = grid(ticks=frozenset())
    before, ticked = one.version, choice.Choice(ticks=TICKS).ticked(PEOPLE).sum()
    assert len(one.listing.rows()) == 0
    one.picking.tick(TICKS)
    assert one.version > before and one.steps == {"undo": True, "redo": False}
    assert len(one.listing.rows()) == ticked
    ask(one, "undo")
    assert len(one.listing.rows()) == 0 and one.steps == {"undo": False, "redo": True}
    ask(one, "redo")
    assert len(one.listing.rows()) == ticked


def test_a_row_that_cannot_be_ticked_says_why_and_what_to_do():
    one = grid(only=(("campus", ("LAKE",)),))
    lines = describing.lines(one.picking, one.listing, np.arange(60))
    for place, state, why, cells in lines:
        if state == "stays":
            assert why == f"must stay: {cells[7]}"
        elif state == "out" and cells[2] == "02 Group 2":
            assert why.startswith("is in a subset that is not ticked; tick 02 Group 2, expired 20")
        elif state == "out":
            assert "left out by the boxes beside" in why and PEOPLE.table["campus"].iat[place] == "MAIN"
        else:
            assert why == ""
    assert {state for _, state, _, _ in lines} == {"on", "stays", "out"}


def test_a_detail_tells_every_fact_and_every_rules_answer_as_why_does(sent):
    one = grid(keep=(("U00008", "thesis"),))
    for place in range(60):
        primary_id = PEOPLE.table["primary_id"].iat[place]
        ask(one, "detail", place=place, primary_id=primary_id)
        told = sent[-1]["detail"]
        assert [line[:2] for line in told["rules"]] == PEOPLE.why(primary_id).values.tolist()
        assert told["reasons"] == PEOPLE.reason.iat[place].split("; ")
    ask(one, "detail", place=place_of("U00008"), primary_id="U00008")
    told, facts = sent[-1]["detail"], dict(sent[-1]["detail"]["facts"])
    assert told["staff"] == ["Kept by name: thesis"] and told["title"].startswith("U00008")
    assert facts["Active blocks"] == "0" and facts["Fees owed"] in ("0.00", "2.50")


def test_what_is_missing_is_said_to_be_not_known_and_none_is_none():
    folk = people(row(primary_id="1", loans=None, fees=None, purge_date=pd.NaT, purge_known=True, name=None,
                      keep_reason="on leave", linked=None), row(primary_id="2", purge_date=pd.NaT, purge_known=None))
    one = grid(folk)
    told = describing.about(one.picking, one.listing, 0)
    facts = dict(map(tuple, told["facts"]))
    for label in ("Open loans", "Fees owed", "Name", "Linked to another institution"):
        assert facts[label] == "not known"
    assert facts["Open requests"] == "0" and facts["Purge date"] == "none"
    assert told["staff"] == ["On the list of exceptions: on leave"]
    assert facts["Expiry date"] == "2019-06-30 (7 years ago)"
    assert dict(describing.about(one.picking, one.listing, 1)["facts"])["Purge date"] == "not known"


@pytest.mark.parametrize(("day", "words"), [
    ("2019-11-21", "7 years ago"), ("2019-11-22", "6 years ago"), ("2025-11-22", "11 months ago"),
    ("2026-10-22", "30 days ago"), ("2026-11-20", "1 day ago"), (AS_OF, "on the day of the data"),
    ("2026-11-22", "in 1 day"), ("2026-12-21", "in 1 month"), ("2030-01-01", "in 3 years"),
    ("2025-11-21", "1 year ago")])
def test_how_long_ago_is_counted_by_the_calendar(day, words):
    assert describing.ago(pd.Timestamp(day), pd.Timestamp(AS_OF)) == words


def test_a_list_of_ids_shows_those_users_and_names_all_that_nobody_has():
    one = grid()
    said = one.show_list("u00003\n U00001 \nnobody\nU00003\nU99999\n")
    assert sorted(shown(one)) == ["U00001", "U00003"] and one.strangers == ("nobody", "U99999")
    assert said == ("4 IDs read; 2 users are shown. Nobody has these 2 IDs: nobody, U99999. "
                    "Check the spelling and leading zeros.")


@pytest.mark.parametrize("text", [
    "U00001\nU00002", "U00001\r\nU00002\r\n\r\n", "U00001,U00002", "U00001\tU00002", "U00001; u00002;",
    "Primary Identifier\nU00001\nU00002", "USERNAME\n\"U00001\"\n'U00002'", "\ufeffU00001,Ada\nU00002,Bo",
    '="U00001"\tAda Example\n="U00002"\tBo', "U00001;x;y\n\n;U9\nU00002"])
def test_lists_are_read_as_people_and_spreadsheets_write_them(text):
    found = pasted.look_up(text, PEOPLE)
    assert [one.upper() for one in found.ids] == ["U00001", "U00002"] and found.strangers == ()
    assert sorted(PEOPLE.table["primary_id"].iloc[found.places]) == ["U00001", "U00002"]
    assert ("taken for a heading" in found.sentence) == text.startswith(("Primary", "USERNAME"))


def test_an_id_is_not_lost_for_standing_in_another_column_or_holding_a_comma():
    folk = people(row(primary_id="a,b"), row(primary_id="2"), row(primary_id="id"))
    found = pasted.look_up("a,b\n2,id", folk)
    assert found.ids == ("a,b", "2") and found.beside == 1
    assert "1 more known IDs stand beside it" in found.sentence
    # A heading that is somebody's ID is that ID.
    assert pasted.look_up("id\n2", folk).ids == ("id", "2")


def test_ids_that_nobody_has_are_named_up_to_what_a_message_may_hold():
    found = pasted.look_up("\n".join(f"stranger-{i}" for i in range(100_000)), PEOPLE)
    assert len(found.strangers) == 100_000 and "these 100,000 IDs" in found.sentence
    assert len(found.sentence) < 250_000 and "and others" in found.sentence


def test_all_of_a_list_are_kept_in_one_step_and_reasons_given_before_stay(sent):
    one = grid(keep=(("U00003", "thesis"),))
    ask(one, "list", text="U00003\nU00001\nU00002\nnobody")
    ask(one, "keep_list", reason=" ")
    assert not sent[-1]["good"] and len(one.choice.keep) == 1
    ask(one, "keep_list", reason="on leave")
    assert dict(one.choice.keep) == {"U00003": "thesis", "U00001": "on leave", "U00002": "on leave"}
    assert sent[-1]["text"] == ("2 users are kept: on leave. 1 of the list were kept before, with their own reasons. "
                                "Nobody has this ID: nobody. Check the spelling and leading zeros.")
    assert one.log["users"].tolist() == ["2 users of a list"]
    ask(one, "undo")
    assert dict(one.choice.keep) == {"U00003": "thesis"}


def test_a_list_without_ids_or_with_nobody_to_keep_is_refused(sent):
    one = grid()
    for do, message, words in (("keep_list", {"reason": "x"}, "paste IDs and show them first"),
                               ("list", {"text": " \n,;\n"}, "There is no ID in this list")):
        ask(one, do, **message)
        assert not sent[-1]["good"] and words in sent[-1]["text"]
    ask(one, "list", text="U00003")
    ask(one, "keep_list", reason="x")
    ask(one, "keep_list", reason="y")
    assert not sent[-1]["good"] and "kept already" in sent[-1]["text"]
    ask(one, "drop_list")
    assert one.listed == {} and one.listing.view.which == "ticked" and one.strangers == ()


def test_a_search_brings_its_rows_along_and_rows_come_only_when_asked_for(sent):
    one = grid()
    one.picking.tick(TICKS, on=False)
    assert sent == []
    ask(one, "look", view={"which": "everybody", "search": "example", "nonsense": 1, "sort": "nothing"})
    assert [message["kind"] for message in sent] == ["rows", "said"] and sent[0]["version"] == one.version
    assert len(sent[0]["rows"]) == sent[0]["shown"] == len(one.listing.rows())
    assert one.view["sort"] == "primary_id" and one.view["search"] == "example"
    ask(one, "look", view={"which": "somebody"})
    assert one.view["which"] == "everybody"


def test_no_message_to_the_page_is_large(sent):
    long = "x" * 3000
    folk = people(*(row(primary_id=f"{i}{long}", name=long, user_group="06", loans=1) for i in range(1000)))
    one = grid(folk)
    one.look(which="everybody")
    for i in range(LOGGED + 50):
        one.keep(f"{i}{long}", "a reason of some length")
    sent.clear()
    ask(one, "rows", start=0, end=10**9)
    assert len(sent[0]["rows"]) == MOST and len(json.dumps(sent[0])) < 1_000_000
    state = {name: getattr(one, name) for name in ("about", "version", "view", "listed", "said", "steps")}
    assert len(one.said) == LOGGED and len(one.log) == LOGGED + 50
    assert len(json.dumps(state)) < 1_000_000


def test_nobody_is_shown_with_a_word_on_what_to_do(sent):
    one = grid(ticks=frozenset())
    for which, words in (("ticked", "tick subsets"), ("planned", "tick subsets"), ("kept", "take the tick off"),
                         ("listed", "of the list")):
        one.look(which=which)
        ask(one, "rows", start=0, end=50)
        assert words in sent[-2]["empty"] and sent[-2]["rows"] == []
    ask(one, "look", view={"which": "everybody", "search": "nobody at all"})
    assert "Clear search and filters" in sent[-2]["empty"]
    assert set(WHICH) >= {"ticked", "planned", "kept", "listed", "everybody"}


def test_the_static_twin_shows_the_first_users_and_the_counts_and_escapes_everything():
    nasty = "<img src=x onerror=alert(1)>"
    one = grid(people(*(row(primary_id=f"{i:03}", name=nasty) for i in range(30))), ticks=frozenset({("06", "2019")}))
    one.keep("001", nasty)
    twin = one._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in twin and "&lt;img" in twin
    assert twin.count("<tr>") == 21 and twin.count("<td>☑</td>") == 19 and "The first 20 of them stand here." in twin
    assert "30 shown of 30 users; 29 of those shown will be in the plan" in twin and "kept: 001" in twin
    assert repr(one) == f"UserGrid: {one.sentence}"
    assert "Nobody is ticked" in grid(ticks=frozenset())._repr_mimebundle_()[0]["text/html"]


def test_a_population_of_nobody_can_be_shown(sent):
    parts = (PEOPLE.table, PEOPLE.answers, PEOPLE.verdict, PEOPLE.reason)
    nobody = population.Population(*(thing[:0] for thing in parts), POLICY, PEOPLE.as_of)
    one = grid(nobody)
    for view in ({"which": "everybody"}, {"search": "ada"}, *({"sort": column} for column in COLUMNS)):
        ask(one, "look", view=view)
        assert sent[-2]["shown"] == 0
    assert one._repr_mimebundle_()


def test_no_rule_of_style_is_written_twice():
    rules = [" ".join(rule.split()) for name in ("element", "picker", "users")
             for rule in re.findall(r"\{([^{}]+)\}", page.style(name))]
    long = [rule for rule in rules if len(rule) > 80]
    assert len(long) > 20 and len(set(long)) == len(long)


def test_a_grid_is_made_from_a_picker_too():
    picking = Picking(PEOPLE, choice.Choice(policy=POLICY))

    class Picker:
        pass

    picker = Picker()
    picker.picking = picking
    assert users(picker).picking is picking and users(picking, height=300).about["height"] == 300


def test_what_is_searched_is_made_once_for_all_grids_of_a_notebook(monkeypatch, sent):
    one, made = grid(), []
    monkeypatch.setattr(Listing, "_made_text", lambda self, make=Listing._made_text: made.append(1) or make(self))
    ask(one, "ready")
    assert made == [1]
    for again in (one, users(one.picking), one):
        again.look(which="everybody", search=f"ada {len(made)}")
        again.listing.rows()
    assert made == [1]


def test_the_style_of_the_picker_does_not_reach_the_grid_in_the_same_notebook():
    names = set(re.findall(r"\.([\w-]+)", page.style("picker")))
    text = page.style("users") + page.module("usersrows", "userspanels", "users")
    mine = set(re.findall(r"(?:users|purge)-[\w-]+", text))
    assert len(mine) > 20 and not names & mine
