"""The query language of GET /users: words of fields, and what is refused."""

import pytest

from purgelib.sandbox import trying


@pytest.fixture(scope="module")
def alma():
    tried = trying.Tried(users=300)
    kind = [{"value": "school"}]
    made = tried.ask("POST", "users", {
        "primary_id": "zz_top-17", "first_name": "Zorä", "middle_name": "Quux", "last_name": "O'Brien-Smythe",
        "record_type": {"value": "PUBLIC"}, "account_type": {"value": "INTERNAL"}, "user_group": {"value": "20"},
        "campus_code": {"value": "LAKE"}, "job_category": {"value": "Acrobat"}, "birth_date": "2001-03-01",
        "user_identifier": [{"value": "ID 998", "id_type": {"value": "INST_ID"}}],
        "contact_info": {"email": [{"email_address": "zoe@circus.example.edu", "email_type": kind}],
                         "phone": [{"phone_number": "555-0199", "phone_type": [{"value": "mobile"}]}]},
        "user_note": [{"note_type": {"value": "REGISTRAR"}, "note_text": "Owns an elephant"}],
        "user_block": [{"block_type": {"value": "CASH"}, "block_description": {"value": "02-GLOBAL"}}],
        "user_statistic": [{"statistic_category": {"value": "HONORS"}}]})
    assert made.status == 200, made.body
    fee = {"type": {"value": "OVERDUEFINE"}, "original_amount": 3.33, "owner": {"value": "MAINLIB"}}
    assert tried.ask("POST", "users/zz_top-17/fees", fee).status == 200
    return tried


def ids(alma, q, **more):
    answer = alma.ask("GET", "users", q=q, limit=100, **more)
    assert answer.status == 200, answer.body
    found = [user["primary_id"] for user in answer.json.get("user", [])]
    assert len(found) == min(100, answer.json["total_record_count"])
    return found


@pytest.mark.parametrize("q", [
    "primary_id~zz_top-17", "first_name~zora", "middle_name~quux", "last_name~o'brien", "last_name~SMYTHE",
    "email~zoe@circus.example.edu", "phone_number~555-0199", "job_category~acrobat", "identifiers~ID_998",
    "birth_date~2001-03-01", "note_text~elephant", "fines_fees_sum~3.33", "general_info~elephant", "ALL~circus",
    "ALL~zorä 998", "last_name~smythe AND first_name~zora", "last_name~smythe_AND_first_name~zora",
    "user_group~20 AND campus_code~LAKE AND id_type~INST_ID AND note_type~REGISTRAR AND block_type~CASH AND "
    "statistic_category~HONORS", "note_text~elephant AND fines_fees_sum~3.33",
])
def test_every_field_finds_by_its_words(alma, q):
    assert ids(alma, q) == ["zz_top-17"]


@pytest.mark.parametrize("q", [
    "primary_id~top-1", "last_name~smyth", "first_name~quux", "email~circus.edu", "birth_date~2001-01-03",
    "note_text~eleph", "note_text~*", "note_text~elephant OR owns", "fines_fees_sum~3.34",
    "general_info~circus", "general_info~998", "last_name~smythe AND first_name~ada", "ALL~zoe AND last_name~smythe",
])
def test_pieces_of_words_and_words_of_other_fields_find_nobody(alma, q):
    assert ids(alma, q) == []
    assert alma.ask("GET", "users", q=q).json == {"total_record_count": 0}


@pytest.mark.parametrize("q", [
    "zoe", "~zoe", "last_name", "last_name~", "last_name~ ", "shoe_size~44", "LAST_NAME~x", "rowid~1", "words~x",
    "last_name~x AND ALL~y", "fines_fees_sum~much", "last_name~x AND shoe_size~44", "ALL~" + "a " * 200,
    "ALL~" + "a" * 3000,
])
def test_what_is_no_query_is_refused(alma, q):
    assert alma.ask("GET", "users", q=q).code == "402119"


@pytest.mark.parametrize("q", ['last_name~"', "last_name~a\"b", "last_name~(", "last_name~a* NOT b", "last_name~\x00",
                               "last_name~a\x00b", "ALL~{a}:b", "ALL~NEAR(a b)", "last_name~^a", "last_name~'; DROP"])
def test_signs_of_other_query_languages_are_only_signs(alma, q):
    assert alma.ask("GET", "users", q=q).status == 200


def test_words_follow_every_change(alma):
    alma.ask("POST", "users", {"primary_id": "brief1", "last_name": "Beforehand", "record_type": {"value": "CONTACT"},
                               "account_type": {"value": "INTERNAL"}})
    record = alma.ask("GET", "users/brief1").json
    assert ids(alma, "last_name~beforehand") == ["brief1"]
    alma.ask("PUT", "users/brief1", {**record, "last_name": "Afterwards"})
    assert ids(alma, "last_name~beforehand") == [] and ids(alma, "last_name~afterwards") == ["brief1"]
    alma.ask("DELETE", "users/brief1")
    assert ids(alma, "last_name~afterwards") == []


def test_a_search_is_sorted_by_name_also_when_asked_for_the_id(alma):
    by_name = ids(alma, "user_group~06")
    assert len(by_name) == 100 and ids(alma, "user_group~06", order_by="primary_id") == by_name
    assert by_name != sorted(by_name)


def test_the_list_is_sorted_as_asked(alma):
    def page(**query):
        return alma.ask("GET", "users", limit=100, **query).json["user"]
    assert [u["primary_id"] for u in page(order_by="primary_id")] == sorted(
        (u["primary_id"] for u in page(order_by="primary_id")), key=str.casefold)
    for name in ("last_name", "first_name"):
        found = [u[name] for u in page(order_by=name)]
        assert found == sorted(found)
    assert page() == page(order_by="last_name, first_name, primary_id") == page(order_by="last_name")
    assert alma.ask("GET", "users", order_by="shoe_size").code == "402119"


@pytest.mark.parametrize("day", ["2026-11-31x", "yesterday", "2026-13-01", "22.11.2026", "2026-1-1"])
def test_changed_since_needs_a_day(alma, day):
    assert alma.ask("GET", "users", modify_date_from=day).code == "402119"
    assert alma.ask("GET", "users", modify_date_from="2026-11-22", q="last_name~x").code == "402119"


@pytest.mark.parametrize("page", [{"limit": 101}, {"limit": -1}, {"limit": "ten"}, {"offset": -1}, {"limit": "²"}])
def test_a_page_is_a_number_in_range(alma, page):
    assert alma.ask("GET", "users", **page).code == "402119"


def test_everything_is_shown_of_a_full_entry(alma):
    entry = alma.ask("GET", "users", q="note_text~elephant", expand="full").json["user"][0]
    record = alma.ask("GET", "users/zz_top-17").json
    assert entry == {**record, "link": "http://127.0.0.1/almaws/v1/users/zz_top-17"}
