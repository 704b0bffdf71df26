"""What a write changes in a record, and what is seen of it afterwards: our fields alone, in any time zone."""

import copy
import datetime
import json
import os
import time

import hypothesis
import invented
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purgelib import fields
from purgelib.errors import BadChoice
from purgelib.sandbox import trying

DATE = {"purge_date": "2026-11-01"}
ALL = {"purge_date": "2026-11-01", "expiry_date": "2025-06-30", "user_group": "09", "status": "INACTIVE",
       "note": "Left the university; run 2026-11"}
OLD_NOTE = {"note_type": {"value": "LIBRARY", "desc": "Library"}, "note_text": "Lost a card", "user_viewable": True,
            "popup_note": True, "created_by": "exl_impl", "created_date": "2019-02-01T10:00:00Z",
            "segment_type": "Internal"}
# As Alma's own answers are: codes that are null or empty, dates that are absent, lists that are empty or full.
SHAPES = {
    "an Internal user": {"account_type": {"value": "INTERNAL", "desc": "Internal"}},
    "no dates": {"expiry_date": None, "purge_date": None},
    "empty codes": {"campus_code": {"value": None, "desc": ""}, "gender": {"value": "", "desc": ""},
                    "status": {"value": "", "desc": ""}, "user_group": {"value": None, "desc": None}},
    "codes that are null": {"status": None, "user_group": None, "campus_code": None},
    "one note": {"user_note": [OLD_NOTE]},
    "many notes": {"user_note": [{**OLD_NOTE, "note_text": f"Note {n}"} for n in range(30)]},
    "no list of notes": {"user_note": None},
    "counts that were not asked for": {"loans": None, "requests": None, "fees": None},
    "contacts": {"contact_info": {"email": [{"email_address": "ada@example.edu", "preferred": True, "description": None,
                                             "email_type": [{"value": "school", "desc": "School"}]}],
                                  "phone": [], "address": [{"line1": "1 Example Way", "country": {
                                      "value": None, "desc": None}, "address_type": [{"value": "home"}]}]}},
}


def shaped(name):
    record = invented.record(**SHAPES[name])
    # An unset date is absent, not null.
    return {k: v for k, v in record.items() if not (k in fields.DATES and v is None)}


@pytest.fixture(scope="module")
def university():
    """All records of a small invented university."""
    alma = trying.Tried(users=120)
    listed = [one["primary_id"] for n in (0, 100) for one in alma.ask("GET", "users", limit=100, offset=n).json["user"]]
    answers = [alma.ask("GET", f"users/{one}", expand="loans,requests,fees") for one in listed]
    return [one.json for one in answers if one.status == 200]


def as_alma_answers(sent):
    """What Alma makes of a record that it took: words for codes, an author for notes, its own fields anew."""
    made = copy.deepcopy(sent)
    made |= {"status_date": "2026-11-22Z", "full_name": "Anew", "loans": None, "requests": None, "fees": None,
             "link": "https://alma.example.edu/users/x"}
    for name in ("user_group", "status"):
        made[name] = {**(made.get(name) or {}), "desc": "In words"}
    for note in made.get("user_note") or []:
        note["note_type"]["desc"] = "In words"
        note |= {"created_by": "exl_api", "created_date": "2026-11-22T10:00:00Z"}
    return made


# ---- what can be set

def test_what_is_checked_comes_in_one_order_and_as_text():
    assert list(fields.checked(dict(reversed(ALL.items())))) == list(fields.FIELDS)
    assert fields.checked({"user_group": " 06 "}) == {"user_group": "06"}, "a code that looks like a number stays text"
    assert fields.checked({}) == {}


@pytest.mark.parametrize("changes", [
    {"primary_id": "x"}, {"user_note": []}, {"purge_date": ""}, {"purge_date": None}, {"purge_date": 20261101},
    {"purge_date": datetime.date(2026, 11, 1)}, {"purge_date": "20261101"}, {"purge_date": "2026-11-01Z"},
    {"purge_date": "2026-11-01T00:00:00"}, {"purge_date": "01.11.2026"}, {"purge_date": "2026-02-30"},
    {"purge_date": " 2026-11-01"}, {"expiry_date": "2026-W45-7"}, {"user_group": 6}, {"user_group": " "},
    {"user_group": "06\n"}, {"user_group": "0\x006"}, {"status": "Inactive"}, {"status": "DELETED"}, {"status": True},
    {"note": "x" * 2001}, {"note": "\x00"}, {"note": "\ud800"}, {"note": ["a"]}])
def test_what_cannot_be_meant_is_refused(changes):
    with pytest.raises(BadChoice):
        fields.checked(changes)


def test_a_note_may_have_lines_and_2000_signs():
    assert fields.checked({"note": "Löschung\nam 1.11."}) == {"note": "Löschung\nam 1.11."}
    assert len(fields.checked({"note": "x" * 2000})["note"]) == 2000


@given(st.dictionaries(st.text(), st.text() | st.none() | st.integers()) | st.fixed_dictionaries({}, optional={
    name: st.text() for name in fields.FIELDS}))
def test_whatever_is_asked_for_is_either_settable_or_refused_in_words(changes):
    try:
        found = fields.checked(changes)
    except BadChoice:
        return
    assert set(found) == set(changes) and fields.from_text(fields.as_text(found)) == found
    assert fields.has(fields.written(invented.record(), found), found)


# ---- what is written

@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("names", [*[(one,) for one in fields.FIELDS], fields.FIELDS])
def test_a_write_changes_our_fields_and_nothing_else_of_every_shape(shape, names):
    record, changes = shaped(shape), {name: ALL[name] for name in names}
    before = copy.deepcopy(record)
    made = fields.written(record, changes)
    assert record == before, "the record given stays as it is"
    ours = {"user_note" if name == "note" else name for name in names}
    assert {k: v for k, v in made.items() if k not in ours} == {k: v for k, v in record.items() if k not in ours}
    assert fields.has(made, changes) and not fields.has(record, changes)
    assert json.loads(json.dumps(made)) == made
    if "note" in names:
        assert made["user_note"][:-1] == (record["user_note"] or [])
        assert made["user_note"][-1] == {"note_type": {"value": "OTHER"}, "note_text": ALL["note"],
                                         "user_viewable": False, "popup_note": False, "segment_type": "Internal"}


def test_every_record_of_a_university_arrives_as_it_was_sent(university):
    assert len(university) > 100
    for record in university:
        sent = fields.written(record, ALL)
        assert fields.differences(sent, as_alma_answers(sent), ALL) == ([], [])
        assert fields.rest(as_alma_answers(sent), ALL) == fields.rest(record, ALL)


def test_an_empty_date_is_taken_away_and_put_back():
    record = shaped("no dates")
    made = fields.written(record, DATE)
    assert made["purge_date"] == "2026-11-01Z"
    assert fields.written(made, fields.seen(record, DATE)) == record


def test_a_note_is_added_once_and_can_be_taken_away_again():
    record = shaped("one note")
    once = fields.written(record, {"note": "ours"})
    assert fields.written(once, {"note": "ours"}) == once
    assert fields.without_note(once, "ours") == record
    assert [one["note_text"] for one in once["user_note"]] == ["Lost a card", "ours"]


@pytest.mark.parametrize(("account", "changes", "said"), [
    ("EXTERNAL", {"user_group": "06"}, "user_group"), ("INTERNAL", {"user_group": "06"}, ""),
    ("EXTERNAL", DATE, ""), ("EXTERNAL", {"status": "INACTIVE", "note": "x"}, ""), ("EXTERNAL", ALL, "user_group")])
def test_a_group_set_by_hand_yields_only_where_the_account_is_external(account, changes, said):
    assert fields.override(invented.record(account_type={"value": account}), changes) == said


def test_what_a_record_holds_is_told_as_text():
    assert fields.seen(invented.record(), fields.FIELDS) == {
        "purge_date": "2020-06-30", "expiry_date": "2019-06-30", "user_group": "06", "status": "ACTIVE", "note": ""}
    for shape in ("empty codes", "codes that are null"):
        assert fields.seen(shaped(shape), ("user_group", "status")) == {"user_group": "", "status": ""}
    assert fields.seen({}, fields.FIELDS) == dict.fromkeys(fields.FIELDS, "")


# ---- what is found to differ

def places(value, path=()):
    """Every place in a record that holds something which matters."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [place for step, one in steps for place in places(one, (*path, step))]
    if path and matters(path) and (inner or not isinstance(value, (dict, list)) and value not in (None, "")):
        inner.append(path)
    return inner


def matters(path):
    return path[0] not in fields.ALMAS_OWN and path[-1] not in ("desc", "created_by", "created_date")


def changed(record, path, new):
    made = copy.deepcopy(record)
    place = made
    for step in path[:-1]:
        place = place[step]
    if new is None:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return made


@pytest.mark.parametrize("changes", [DATE, ALL], ids=["the purge date", "every field"])
@pytest.mark.parametrize("new", [None, "something else"])
def test_every_single_change_of_a_record_is_found(university, changes, new):
    fullest = max(university, key=lambda record: len(json.dumps(record)))
    sent = fields.written({**fullest, "user_note": [OLD_NOTE]}, changes)
    answered = as_alma_answers(sent)
    tried = places(sent)
    assert len(tried) > 40
    for path in tried:
        # Our note is known by its text; whoever changes that has taken our note away.
        missing, others = fields.differences(sent, changed(answered, path, new), changes)
        assert path[0] in missing or path[0] in others or "note" in missing, path
    for path in tried:
        if not {path[0]} & {*changes, "user_note"}:
            assert fields.rest(changed(answered, path, new), changes) != fields.rest(sent, changes), path


def test_what_is_added_to_a_record_is_found():
    sent = fields.written(invented.record(), DATE)
    for name, value in {"job_description": "x", "user_block": [{"block_status": "ACTIVE"}], "birth_date": "2000-01-01Z",
                        "user_note": [OLD_NOTE], "is_researcher": False, "gender": {"value": "F"}}.items():
        assert fields.differences(sent, {**sent, name: value}, DATE) == ([], [name])
        assert fields.rest({**sent, name: value}, DATE) != fields.rest(sent, DATE)


def test_what_means_the_same_to_alma_is_no_difference():
    sent = fields.written(shaped("contacts"), DATE)
    roles = [{"role_type": {"value": one}, "status": {"value": "ACTIVE"}} for one in ("200", "50")]
    sent |= {"user_role": roles, "middle_name": "", "campus_code": {"value": None, "desc": ""}}
    answered = {**sent, "user_role": roles[::-1], "middle_name": None, "campus_code": {"value": "", "desc": "None"}}
    del answered["user_block"]
    assert fields.differences(sent, answered, DATE) == ([], [])
    assert fields.rest(sent, DATE) == fields.rest(answered, DATE)
    # The same role twice is not one role.
    assert fields.differences(sent, {**answered, "user_role": [*roles, roles[0]]}, DATE) == ([], ["user_role"])


@pytest.mark.parametrize("name", fields.FIELDS)
def test_a_field_that_alma_did_not_take_over_is_named(name):
    record = shaped("one note")
    sent = fields.written(record, ALL)
    held = "user_note" if name == "note" else name
    assert fields.differences(sent, {**as_alma_answers(sent), held: record[held]}, ALL) == ([name], [])


def test_older_notes_must_be_as_they_were_when_ours_is_added():
    sent = fields.written(shaped("many notes"), {"note": "ours"})
    lost = {**sent, "user_note": sent["user_note"][1:]}
    shown = {**sent, "user_note": [{**sent["user_note"][0], "user_viewable": False}, *sent["user_note"][1:]]}
    twice = {**sent, "user_note": [*sent["user_note"], sent["user_note"][-1]]}
    for answered in (lost, shown, twice):
        assert fields.differences(sent, answered, {"note": "ours"}) == ([], ["user_note"])
    for answered in (lost, shown):
        assert fields.rest(sent, {"note": "ours"}) != fields.rest(answered, {"note": "ours"})
    both = {**sent, "user_note": sent["user_note"][1:-1]}
    assert fields.differences(sent, both, {"note": "ours"}) == (["note"], ["user_note"])


# ---- any record, any time zone

CODES = st.fixed_dictionaries({"value": st.none() | st.text(max_size=4), "desc": st.none() | st.text(max_size=4)})
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | CODES
RECORDS = st.dictionaries(st.sampled_from(["first_name", "gender", "contact_info", "user_role", "birth_date", "x"]),
                          st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                              st.text(max_size=3), inner, max_size=3), max_leaves=8))
DAYS = st.dates().map(str)
CHANGES = st.fixed_dictionaries({}, optional={
    "purge_date": DAYS, "expiry_date": DAYS, "user_group": st.text("0123456789AZ", min_size=1),
    "status": st.sampled_from(fields.STATUSES), "note": st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]),
                                                                min_size=1).filter(str.strip)}).map(fields.checked)


@pytest.fixture(params=["UTC", "America/Los_Angeles", "Pacific/Auckland"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(os.name != "posix", reason="only there the time zone of a process can be changed")
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], max_examples=60)
@given(record=RECORDS, old=CHANGES, new=CHANGES)
def test_any_record_is_changed_seen_and_put_back_exactly_in_any_time_zone(zone, record, old, new):
    record = fields.written(record, old)
    made = fields.written(record, new)
    assert fields.has(made, new) and fields.seen(made, {**new, "note": ""}) == {**new, "note": ""}
    assert all(made[name] == f"{new[name]}Z" for name in new if name in fields.DATES)
    assert fields.differences(made, made, new) == ([], [])
    assert fields.rest(made, new) == fields.rest(record, new)
    back = fields.written(made, {name: said for name, said in fields.seen(record, new).items() if name != "note"})
    if "note" in new and old.get("note") != new["note"]:
        back = fields.without_note(back, new["note"])
    assert fields.differences(record, back, {}) == ([], [])


@given(st.dates(), st.sampled_from(["Z", "", "T23:59:59Z", "T00:00:00.000Z", "+13:00", "-08:00"]))
def test_a_date_is_that_date_whatever_stands_behind_it(day, behind):
    assert fields.seen({"purge_date": f"{day}{behind}"}, DATE) == {"purge_date": str(day)}


def test_changes_in_words_and_as_text():
    assert fields.words(DATE) == "2026-11-01" and fields.words({"purge_date": ""}) == ""
    assert fields.words({"purge_date": "", "user_group": "06"}) == "purge date none, user group 06"
    assert fields.words({}) == "" and fields.as_text({}) == "" and fields.from_text("") == {}
    assert fields.from_text(fields.as_text(ALL)) == ALL
