"""PUT of a user as the contract tells it, sentence by sentence; and bodies that nobody would expect."""

import functools
import urllib.parse

import pytest
from hypothesis import given, settings, strategies

from purgelib.sandbox import trying

PUT_CODES = {"401890", "401859", "401676", "401858", "401855", "500038", "401860", "401652", "401863", "401864"}
POST_CODES = {"401676", "401851", "401664", "401852", "401853", "401854", "401855", "500038", "401857", "401658",
              "401863", "401864", "401651", "60224", "60225", "60226", "60227", "60228", "60231", "60232"}


@pytest.fixture
def alma():
    return trying.Tried(users=900)


@pytest.fixture
def own(alma):
    """An Internal user with everything a record can hold."""
    return alma.ask("POST", "users", whole("own1")).json


def whole(primary_id, account="INTERNAL", **more):
    """A record with an entry in every list."""
    kind = {"value": "school"}
    return {
        "primary_id": primary_id, "first_name": "Ada", "last_name": "Whole", "record_type": {"value": "PUBLIC"},
        "account_type": {"value": account}, "external_id": "" if account == "INTERNAL" else "SIS",
        "user_group": {"value": "20"}, "job_category": {"value": "Clerk"}, "birth_date": "2001-03-01",
        "expiry_date": "2030-01-01Z", "purge_date": "2031-01-01Z",
        "contact_info": {
            "address": [{"line1": "1 Long Lane", "city": "Nowhere", "address_type": [kind], "preferred": True}],
            "email": [{"email_address": f"{primary_id}@example.edu", "email_type": [kind], "surplus": 1}],
            "phone": [{"phone_number": "555", "phone_type": [{"value": "mobile"}], "preferred_sms": True}]},
        "user_identifier": [{"value": f"B{primary_id}", "id_type": {"value": "BARCODE"}}],
        "user_role": [{"role_type": {"value": "200"}}, {"role_type": {"value": "21"}, "status": {"value": "odd"},
                      "parameter": [{"type": {"value": "CirculationDesk"}, "value": {"value": "DESK"}}]}],
        "user_block": [{"block_description": {"value": "02-GLOBAL"}}],
        "user_note": [{"note_type": {"value": "OTHER"}, "note_text": "A note", "user_viewable": "true"}],
        "user_statistic": [{"statistic_category": {"value": "HONORS"}}],
        "rs_library": [{"code": {"value": "MAINLIB"}}], "library_notice": [{"code": {"value": "n1"}, "value": True}],
        **more}


def put(alma, record, **query):
    answer = alma.ask("PUT", f"users/{record['primary_id']}", record, **query)
    assert answer.status == 200, answer.body
    return answer.json


def hide(alma, who, *names):
    """Marks fields of a user as set by hand."""
    words = ",".join(f'"{name}"' for name in names)
    alma.store.do("UPDATE users SET hidden=json_set(hidden, '$.manual', json(?)) WHERE key=?", (f"[{words}]", who))


def test_what_was_stored_has_the_keys_and_types_of_real_answers(own):
    contact = own["contact_info"]
    assert set(contact["address"][0]) == {
        "line1", "line2", "line3", "line4", "line5", "city", "state_province", "postal_code", "country",
        "address_note", "preferred", "segment_type", "address_type"}
    assert contact["address"][0]["country"] == {"value": None, "desc": None} and contact["address"][0]["line2"] is None
    assert set(contact["email"][0]) == {"email_address", "description", "preferred", "segment_type", "email_type"}
    assert contact["email"][0]["preferred"] is False and contact["email"][0]["description"] is None
    assert contact["phone"][0]["preferred_sms"] is True
    assert own["user_identifier"] == [{"value": "Bown1", "note": None, "status": "ACTIVE", "segment_type": "Internal",
                                       "id_type": {"value": "BARCODE", "desc": "Barcode"}}]
    assert own["user_role"][1]["status"] == {"value": "INACTIVE", "desc": "Inactive"}
    assert own["user_role"][0]["scope"]["value"] == "01INV_INST" and own["user_role"][0]["parameter"] == []
    assert own["user_block"][0]["block_type"]["value"] == "GENERAL" and own["user_block"][0]["block_status"] == "ACTIVE"
    note = own["user_note"][0]
    assert note["user_viewable"] is True and note["popup_note"] is False and note["created_by"] == "exl_api"
    assert note["created_date"].startswith("2026-11-22T") and own["birth_date"] == "2001-03-01Z"
    assert own["user_statistic"][0]["category_type"] == {"value": "", "desc": ""}
    assert own["rs_library"] == [{"code": {"value": "MAINLIB", "desc": "Main Library"}}]
    assert own["library_notice"][0]["value"] is True


def test_a_whole_record_comes_back_as_it_went_in(alma, own):
    assert put(alma, own) == own == alma.ask("GET", "users/own1").json


def test_unknown_keys_are_dropped(alma, plain):
    assert put(alma, {**plain, "shoe_size": 44, "password": ""}) == plain


def test_lists_and_fields_left_out_of_an_internal_user_are_gone(alma, own):
    bare = {name: own[name] for name in ("primary_id", "last_name", "record_type", "account_type", "user_group")}
    after = put(alma, bare)
    for name in ("user_identifier", "user_block", "user_note", "user_statistic", "rs_library", "library_notice"):
        assert after[name] == [], name
    assert after["contact_info"] == {"address": [], "email": [], "phone": []}
    assert after["first_name"] == "" and after["job_category"] == {"value": "", "desc": ""}
    assert not {"birth_date", "expiry_date", "purge_date"} & set(after)
    assert after["user_role"] == own["user_role"]
    assert alma.ask("GET", "users/Bown1").code == "401861"


@pytest.mark.parametrize("name", ["user_identifier", "user_note", "user_block", "user_statistic"])
@pytest.mark.parametrize("nothing", [[], None])
def test_an_empty_list_deletes_both_segments_of_an_external_user(alma, name, nothing):
    entry = whole("ext1")[name][0]
    both = [{**entry, "segment_type": "Internal"}, {**entry, "segment_type": "External"}]
    if name == "user_identifier":
        both[1]["value"] = "B-other"
    record = alma.ask("POST", "users", whole("ext1", "EXTERNAL", **{name: both})).json
    assert len(record[name]) == 2
    assert put(alma, {**record, name: nothing})[name] == []


def test_internal_and_external_entries_are_replaced_separately(alma):
    def note(text, segment):
        return {"note_type": {"value": "OTHER"}, "note_text": text, "segment_type": segment}
    record = whole("ext1", "EXTERNAL", user_note=[note("ours", "Internal"), note("theirs", "External")])
    alma.ask("POST", "users", record)
    after = put(alma, {**record, "user_note": [note("theirs, new", "External")]})
    assert {n["note_text"] for n in after["user_note"]} == {"ours", "theirs, new"}
    after = put(alma, {**record, "user_note": [note("ours, new", "Internal")]})
    assert {n["note_text"] for n in after["user_note"]} == {"ours, new", "theirs, new"}
    after = put(alma, {**record, "user_note": [note("one", "Internal"), note("two", "odd")]})
    assert [n["segment_type"] for n in after["user_note"]] == ["Internal", "External"]


def test_an_entry_that_changes_its_segment_is_not_doubled(alma):
    record = alma.ask("POST", "users", whole("ext1", "EXTERNAL")).json
    moved = [{**record["user_identifier"][0], "segment_type": "Internal"}]
    assert put(alma, {**record, "user_identifier": moved})["user_identifier"] == moved


@pytest.mark.parametrize("nothing", [None, "", "left out"])
@pytest.mark.parametrize("name", ["purge_date", "expiry_date"])
def test_a_date_that_is_empty_or_left_out_is_cleared(alma, plain, name, nothing):
    sent = {**plain, name: nothing}
    if nothing == "left out":
        sent.pop(name)
    after = put(alma, sent)
    assert name not in after and name not in alma.ask("GET", f"users/{plain['primary_id']}").json


def test_dates_of_an_external_user_are_protected_by_nobody(alma, plain):
    hide(alma, plain["primary_id"], "purge_date", "expiry_date")
    after = put(alma, {**plain, "purge_date": "2020-01-01", "expiry_date": "2019-01-01Z"})
    assert (after["purge_date"], after["expiry_date"]) == ("2020-01-01Z", "2019-01-01Z")


def test_roles_survive_when_left_out_or_empty_and_are_replaced_when_sent(alma, own):
    for roles in ({"user_role": []}, {"user_role": None}, {}):
        sent = {**{k: v for k, v in own.items() if k != "user_role"}, **roles}
        assert put(alma, sent)["user_role"] == own["user_role"]
    assert put(alma, {**own, "user_role": own["user_role"][1:]})["user_role"] == own["user_role"][1:]


def test_roles_may_be_recalculated(alma, own):
    after = put(alma, own, recalculate_roles="true")
    assert [role["role_type"]["value"] for role in after["user_role"]] == ["200"]


PROTECTED = {"user_group": {"value": "10"}, "job_category": {"value": "Boss"}, "campus_code": {"value": "LAKE"},
             "preferred_language": {"value": "de"}, "user_title": {"value": "Dr"}, "cataloger_level": {"value": "20"},
             "pref_first_name": "A.", "pref_middle_name": "B.", "pref_last_name": "C.",
             "rs_library": [{"code": {"value": "LAKELIB"}}], "library_notice": [{"code": {"value": "n2"}}]}


def same(after, wanted):
    """Whether a field of an answer says what was sent."""
    if isinstance(wanted, list):
        return after[0]["code"]["value"] == wanted[0]["code"]["value"]
    return after == wanted if isinstance(wanted, str) else after["value"] == wanted["value"]


@pytest.mark.parametrize(("name", "value"), PROTECTED.items())
def test_a_protected_field_of_an_external_user(alma, name, value):
    first = alma.ask("POST", "users", whole("ext1", "EXTERNAL", **PROTECTED)).json
    other = {**PROTECTED, "user_group": {"value": "12"}}[name]
    sent = {**first, name: "X" if isinstance(value, str) else [{"code": {"value": "SCI"}}] if isinstance(value, list)
            else {"value": {"user_group": "12", "preferred_language": "es", "campus_code": "MAIN"}.get(name, "30")}}
    empty = {**first, name: [] if isinstance(value, list) else "" if isinstance(value, str) else {"value": ""}}
    left_out = {key: field for key, field in first.items() if key != name}
    in_query = {"rs_library": "rs_libraries", "library_notice": "library_notices"}.get(name, name)
    # Empty or left out it stays; set by hand it stays too; named in override it goes.
    assert put(alma, empty)[name] == put(alma, left_out)[name] == first[name], other
    hide(alma, "ext1", name)
    assert put(alma, sent)[name] == first[name]
    assert same(put(alma, sent, override=f"user_note, {in_query}")[name], sent[name])


def test_a_field_of_an_external_user_that_nobody_set_by_hand_is_replaced(alma):
    first = alma.ask("POST", "users", whole("ext1", "EXTERNAL")).json
    assert put(alma, {**first, "user_group": {"value": "12"}})["user_group"]["value"] == "12"


def test_override_with_nothing_empties_the_field(alma):
    first = alma.ask("POST", "users", whole("ext1", "EXTERNAL", user_title={"value": "Dr"})).json
    after = put(alma, {**first, "user_title": {"value": ""}}, override="user_title")
    assert after["user_title"] == {"value": "", "desc": ""}


def test_password_and_pin_are_kept_and_never_shown(alma):
    record = alma.ask("GET", "users/exl_impl").json
    put(alma, {**record, "password": "longenough1", "pin_number": "1234"})
    after = put(alma, record)
    hidden = alma.store.one("SELECT hidden FROM users WHERE key='exl_impl'")
    assert "longenough1" in hidden and '"1234"' in hidden
    assert after["password"] == "" and "pin_number" not in after
    assert alma.ask("PUT", "users/exl_impl", {**record, "password": "short"}).code == "500038"


def test_a_pin_of_an_external_user_is_protected_like_a_group(alma, plain):
    def pin():
        return alma.store.one("SELECT json_extract(hidden, '$.pin') FROM users WHERE key=?", (plain["primary_id"],))
    put(alma, {**plain, "pin_number": "1234"})
    hide(alma, plain["primary_id"], "pin_number")
    put(alma, {**plain, "pin_number": "9999"})
    assert pin() == "1234"
    put(alma, {**plain, "pin_number": "9999"}, override="pin_number")
    assert pin() == "9999"


def test_what_only_alma_writes_is_not_taken_from_a_client(alma, plain):
    after = put(alma, {**plain, "full_name": "Somebody Else", "status_date": "1999-01-01Z", "link": "http://x",
                       "loans": {"value": 7}, "fees": 3, "requests": "none", "proxy_for_user": [{"primary_id": "x"}],
                       "linking_id": "9", "source_link_id": "9", "source_institution_code": "X",
                       "last_patron_activity_date": "2026-01-01Z"})
    assert after == plain


def test_internal_becomes_external_and_never_back(alma, own):
    after = put(alma, {**own, "account_type": {"value": "EXTERNAL"}, "external_id": "SIS"})
    assert after["account_type"] == {"value": "EXTERNAL", "desc": "External"}
    back = alma.ask("PUT", "users/own1", {**after, "account_type": {"value": "INTERNAL"}, "external_id": ""})
    assert back.code == "401860"


def test_a_new_status_has_the_date_of_today(alma, plain):
    after = put(alma, {**plain, "status": {"value": "INACTIVE"}})
    assert after["status_date"] == "2026-11-22Z" and after["status"]["desc"] == "Inactive"


def test_a_new_primary_id_takes_everything_along(alma):
    who = alma.store.get("differences")["new_loan"][0]
    record = alma.ask("GET", f"users/{who}").json
    alma.ask("PUT", f"users/{who}", {**record, "primary_id": "Moved.1"})
    assert alma.ask("GET", f"users/{who}").code == "401861"
    assert alma.ask("GET", "users/moved.1/loans").json["item_loan"][0]["user_id"] == "Moved.1"
    assert alma.ask("GET", "users", q="primary_id~moved.1").json["total_record_count"] == 1


def test_xml_may_be_sent_and_changes_only_what_it_says(alma):
    text = alma.ask("GET", "users/exl_impl", accept="application/xml").body
    before = alma.ask("GET", "users/exl_impl").json
    after = alma.ask("PUT", "users/exl_impl", text).json
    assert after["user_role"] == before["user_role"] and after["expiry_date"] == before["expiry_date"]
    assert [i["value"] for i in after["user_identifier"]] == [i["value"] for i in before["user_identifier"]]


KEYS = strategies.sampled_from(["value", "desc", "id_type", "email_type", "address"]) | strategies.text(max_size=5)
ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats(allow_nan=True)
    | strategies.text(max_size=300), lambda inner: strategies.lists(inner, max_size=3)
    | strategies.dictionaries(KEYS, inner, max_size=3), max_leaves=12)


@functools.cache
def full():
    """A sandbox with a user who has everything, for all examples."""
    alma = trying.Tried(users=60)
    alma.ask("POST", "users", whole("full"))
    return alma


def places(record, path=()):
    """Every place of a nested value, as paths."""
    items = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    for name, value in items:
        yield (*path, name)
        yield from places(value, (*path, name))


def changed(record, path, value):
    """A copy of the record with another value in one place."""
    if not path:
        return value
    copy = list(record) if isinstance(record, list) else dict(record)
    copy[path[0]] = changed(record[path[0]], path[1:], value)
    return copy


@settings(max_examples=400, deadline=None)
@given(path=strategies.sampled_from(sorted(places(whole("full")), key=str)), value=ANYTHING)
def test_any_value_in_any_place_is_taken_or_refused_as_the_contract_says(path, value):
    alma, keys = full(), set(full().ask("GET", "users/exl_impl").json)
    answer = alma.ask("PUT", "users/full", changed(whole("full"), path, value))
    assert answer.status == 200 or answer.code in PUT_CODES, answer.body
    if answer.status == 200:
        assert keys - set(answer.json) <= {"birth_date", "expiry_date", "purge_date"}
        assert set(answer.json) - keys <= {"birth_date", "expiry_date", "purge_date", "last_patron_activity_date"}
        path_back = urllib.parse.quote(answer.json["primary_id"], safe="")
        assert alma.ask("PUT", f"users/{path_back}", whole("full")).status == 200
    answer = alma.ask("POST", "users", changed(whole("other"), path, value))
    assert answer.status == 200 or answer.code in POST_CODES, answer.body
    if answer.status == 200:
        path_back = urllib.parse.quote(answer.json["primary_id"], safe="")
        assert alma.ask("DELETE", f"users/{path_back}").status == 204
