"""Users over the pretend Alma: reading, creating, swapping, deleting, and what is refused."""

import pytest

from purgelib.sandbox import trying


@pytest.fixture
def alma():
    return trying.Tried(users=900)


@pytest.fixture
def plain(alma):
    """An External graduate without anything that stands in the way."""
    return alma.ask("GET", f"users/{alma.store.get('differences')['renewed'][0]}").json


def external(alma, where):
    return alma.store.one("SELECT primary_id FROM users WHERE record LIKE '%\"external_id\":\"SIS\"%' AND " + where)


def with_roles(alma):
    return alma.store.one("SELECT primary_id FROM users WHERE json_array_length(record, '$.user_role') > 1 "
                          "AND key LIKE '%test%'")


def test_a_user_is_found_by_any_identifier_whatever_its_case(alma):
    for name in ("exl_impl", "EXL_IMPL", "29345000000000"):
        assert alma.ask("GET", f"users/{name}").json["primary_id"] == "exl_impl"


def test_an_identifier_of_the_wrong_type_is_not_found(alma):
    assert alma.ask("GET", "users/29345000000000", user_id_type="BARCODE").status == 200
    answer = alma.ask("GET", "users/29345000000000", user_id_type="UNIV_ID")
    assert (answer.status, answer.code) == (400, "401890")


def test_nobody_is_status_400_with_401861(alma):
    answer = alma.ask("GET", "users/nobody")
    assert (answer.status, answer.code) == (400, "401861")
    assert "trackingId" in answer.json["errorList"]["error"][0]


def test_unset_dates_are_absent_and_numbers_null_unless_expanded(alma, plain):
    assert plain["loans"] is None and plain["fees"] is None and plain["requests"] is None
    assert plain["expiry_date"].endswith("Z") and "birth_date" not in plain
    more = alma.ask("GET", f"users/{plain['primary_id']}", expand="loans,requests,fees").json
    assert more["loans"]["value"] == 0 and more["fees"]["value"] == 0.0
    assert more["loans"]["link"].endswith("/loans")


def test_campus_code_is_null_when_empty(alma):
    assert alma.ask("GET", "users/exl_impl").json["campus_code"] == {"value": None, "desc": ""}


def test_brief_view_leaves_out_roles_and_notes(alma):
    brief = alma.ask("GET", "users/exl_impl", view="brief").json
    assert brief["user_role"] == [] and brief["user_identifier"]


def test_the_list_is_paged_and_gives_short_entries(alma):
    one = alma.ask("GET", "users", limit=3).json
    two = alma.ask("GET", "users", limit=3, offset=3).json
    assert len(one["user"]) == 3 and not {u["primary_id"] for u in one["user"]} & {u["primary_id"] for u in two["user"]}
    assert one["total_record_count"] == alma.store.one("SELECT count(*) FROM users")
    assert "user_group" not in one["user"][0] and one["user"][0]["link"].endswith(one["user"][0]["primary_id"])
    assert "user_group" in alma.ask("GET", "users", limit=1, expand="full").json["user"][0]
    assert alma.ask("GET", "users", limit=101).status == 400


def test_a_search_finds_words_and_zero_hits_have_no_array(alma):
    found = alma.ask("GET", "users", q="primary_id~exl").json
    assert {u["primary_id"] for u in found["user"]} == {"exl_impl", "exl_api"}
    assert alma.ask("GET", "users", q="last_name~nobody_here").json == {"total_record_count": 0}
    assert alma.ask("GET", "users", q="last_name~x", modify_date_from="2026-11-01").status == 400


def test_changed_since_finds_only_those_written_since(alma, plain):
    alma.ask("PUT", f"users/{plain['primary_id']}", plain)
    found = alma.ask("GET", "users", modify_date_from="2026-11-22").json
    assert [u["primary_id"] for u in found["user"]] == [plain["primary_id"]]


def test_contacts_without_an_id_are_listed_but_cannot_be_fetched(alma):
    alma.store.do("UPDATE users SET key='no primary id (9)', primary_id='no primary id (9)' WHERE key='exl_api'")
    alma.store.do("UPDATE users SET record=json_set(record, '$.primary_id', 'no primary id (9)') "
                  "WHERE key='no primary id (9)'")
    entry = alma.ask("GET", "users", q="primary_id~no primary").json["user"][0]
    assert entry["link"].endswith("users/-")
    assert alma.ask("GET", "users/no%20primary%20id%20(9)").status == 400


def test_a_put_of_what_was_got_changes_nothing(alma, plain):
    assert alma.ask("PUT", f"users/{plain['primary_id']}", plain).json == plain


def test_swap_all_clears_dates_and_lists_that_are_left_out(alma):
    who = external(alma, "json_array_length(record, '$.user_identifier') > 0 AND record LIKE '%purge_date%'")
    record = alma.ask("GET", f"users/{who}").json
    for name in ("purge_date", "user_identifier", "user_note"):
        record.pop(name)
    after = alma.ask("PUT", f"users/{who}", record).json
    assert "purge_date" not in after and after["user_identifier"] == []
    assert after["expiry_date"] == record["expiry_date"] if "expiry_date" in record else True


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_purge_date_clears_it(alma, plain, nothing):
    after = alma.ask("PUT", f"users/{plain['primary_id']}", {**plain, "purge_date": nothing}).json
    assert "purge_date" not in after


def test_roles_survive_when_left_out_or_empty(alma):
    who = with_roles(alma)
    record = alma.ask("GET", f"users/{who}").json
    for roles in ({"user_role": []}, {}):
        sent = {**{k: v for k, v in record.items() if k != "user_role"}, **roles}
        assert alma.ask("PUT", f"users/{who}", sent).json["user_role"] == record["user_role"]
    one = {**record, "user_role": record["user_role"][:1]}
    assert len(alma.ask("PUT", f"users/{who}", one).json["user_role"]) == 1


def test_a_group_set_by_hand_stays_unless_overridden(alma, plain):
    who = plain["primary_id"]
    alma.store.do("UPDATE users SET hidden=json_set(hidden, '$.manual', json('[\"user_group\"]')) WHERE key=?", (who,))
    sent = {**plain, "user_group": {"value": "10"}}
    assert alma.ask("PUT", f"users/{who}", sent).json["user_group"] == plain["user_group"]
    assert alma.ask("PUT", f"users/{who}", sent, override="user_group").json["user_group"]["value"] == "10"


def test_an_empty_group_of_an_external_user_is_kept(alma, plain):
    sent = {**plain, "user_group": {"value": "", "desc": ""}}
    assert alma.ask("PUT", f"users/{plain['primary_id']}", sent).json["user_group"] == plain["user_group"]


def test_password_and_pin_are_kept_and_never_shown(alma):
    record = alma.ask("GET", "users/exl_impl").json
    alma.ask("PUT", "users/exl_impl", {**record, "password": "longenough1", "pin_number": "1234"})
    after = alma.ask("PUT", "users/exl_impl", record).json
    hidden = alma.store.one("SELECT hidden FROM users WHERE key='exl_impl'")
    assert "longenough1" in hidden and "1234" in hidden
    assert after["password"] == "" and "pin_number" not in after


@pytest.mark.parametrize(("change", "code"), [
    ({"account_type": {"value": "INTERNAL"}, "external_id": ""}, "401860"),
    ({"account_type": {"value": "INTERNAL"}}, "401853"), ({"external_id": ""}, "401854"),
    ({"external_id": "OTHER"}, "401858"), ({"account_type": {"value": "ALIEN"}}, "401857"),
    ({"account_type": {"value": "INTEXTAUTH"}}, "401855"), ({"user_group": {"value": "99"}}, "401852"),
    ({"record_type": {"value": ""}}, "401664"), ({"record_type": {"value": "ROBOT"}}, "401864"),
    ({"user_group": "06"}, "401652"), ({"purge_date": "soon"}, "401652"), ({"password": "short"}, "500038"),
    ({"primary_id": "EXL_IMPL"}, "401851"),
])
def test_what_a_put_refuses_changes_nothing(alma, plain, change, code):
    answer = alma.ask("PUT", f"users/{plain['primary_id']}", {**plain, **change})
    assert (answer.status, answer.code) == (400, code)
    assert alma.ask("GET", f"users/{plain['primary_id']}").json == plain
    assert alma.ask("GET", "/sandbox/ledger").json["total_record_count"] == 0


def test_no_object_in_the_body_is_401676(alma):
    assert alma.ask("PUT", "users/exl_impl", b"nonsense").code == "401676"


def test_a_deleted_user_can_be_created_again_from_the_copy(alma, plain):
    who = plain["primary_id"]
    assert alma.ask("DELETE", f"users/{who}").status == 204
    assert alma.ask("GET", f"users/{who}").code == "401861"
    assert alma.ask("DELETE", f"users/{who}").code == "401890"
    assert alma.ask("POST", "users", plain).status == 200
    assert alma.ask("GET", f"users/{who}").json["user_identifier"] == plain["user_identifier"]
    assert alma.ask("POST", "users", plain).code == "401851"


def test_create_refuses_an_identifier_that_somebody_has(alma, plain):
    assert alma.ask("POST", "users", {**plain, "primary_id": "someone-new"}).code == "401851"


def test_created_users_get_the_patron_role(alma):
    sent = {"primary_id": "new1", "last_name": "New", "record_type": {"value": "PUBLIC"},
            "account_type": {"value": "INTERNAL"}, "user_group": {"value": "20"}}
    made = alma.ask("POST", "users", sent).json
    assert [role["role_type"]["value"] for role in made["user_role"]] == ["200"]
    assert made["status"]["value"] == "ACTIVE" and made["user_group"]["desc"] == "Community"


def test_xml_may_be_sent_and_is_answered(alma):
    text = alma.ask("GET", "users/exl_impl", accept="application/xml").body
    assert text.startswith(b"<?xml") and b"<user_roles><user_role>" in text
    after = alma.ask("PUT", "users/exl_impl", text.replace(b"2015-06-30Z", b"2016-01-31Z")).json
    assert after["expiry_date"] == "2016-01-31Z" and len(after["user_role"]) == 2


@pytest.mark.parametrize(("where", "why"), [
    ("id IN (SELECT user_id FROM loans)", "loans"),
    ("id IN (SELECT user_id FROM fees WHERE status = 'INDISPUTE' AND balance > 0)", "disputed fee"),
    ("id IN (SELECT user_id FROM fees WHERE status = 'ACTIVE' AND balance > 0)", "fee"),
    ("json_extract(hidden, '$.acquisitions') > 0", "acquisitions"),
])
def test_delete_refuses_without_saying_why(alma, where, why):
    who = alma.store.one(f"SELECT primary_id FROM users WHERE {where}")
    answer = alma.ask("DELETE", f"users/{who}")
    assert (answer.status, answer.code) == (400, "401850"), why
    assert alma.ask("GET", f"users/{who}").status == 200


def test_delete_cancels_open_requests_silently_and_ignores_roles(alma):
    who = alma.store.get("differences")["new_request"][0]
    alma.store.do("UPDATE requests SET record=json_set(record, '$.request_type', 'HOLD')")
    assert alma.ask("GET", f"users/{who}/requests").json["total_record_count"] == 1
    assert alma.ask("DELETE", f"users/{who}").status == 204
    line = alma.ask("GET", "/sandbox/ledger").json["ledger"][-1]
    assert line["method"] == "DELETE" and len(line["changed"]["requests_cancelled"]) == 1
    assert alma.ask("DELETE", f"users/{with_roles(alma)}").status == 204


def test_a_resource_sharing_request_on_the_hold_shelf_blocks(alma):
    who = alma.store.get("differences")["new_request"][0]
    alma.store.do("UPDATE requests SET record=json_set(record, '$.request_type', 'RESOURCE_SHARING', "
                  "'$.request_status', 'ON_HOLD_SHELF')")
    assert alma.ask("DELETE", f"users/{who}").code == "401850"


def test_fees_show_active_ones_unless_asked_for_another_status(alma):
    who = alma.store.get("differences")["new_disputed_fee"][0]
    assert alma.ask("GET", f"users/{who}/fees").json == {"total_record_count": 0, "total_sum": 0, "currency": None}
    disputed = alma.ask("GET", f"users/{who}/fees", status="INDISPUTE").json
    assert disputed["total_sum"] == 45 and disputed["currency"] == "USD"
    assert alma.ask("GET", f"users/{who}", expand="fees").json["fees"]["value"] == 0
    assert alma.ask("GET", f"users/{who}/fees", status="SUNK").code == "401666"


def test_loans_are_listed_and_none_has_no_array(alma, plain):
    who = alma.store.get("differences")["new_loan"][0]
    assert alma.ask("GET", f"users/{who}/loans").json["item_loan"][0]["loan_status"] == "ACTIVE"
    assert alma.ask("GET", f"users/{plain['primary_id']}/loans").json == {"total_record_count": 0}


def test_the_ledger_names_every_write_and_what_changed(alma, plain):
    who = plain["primary_id"]
    alma.ask("PUT", f"users/{who}", {**plain, "purge_date": "2020-01-01Z"})
    line = alma.ask("GET", "/sandbox/ledger").json["ledger"][0]
    assert (line["n"], line["method"], line["primary_id"]) == (1, "PUT", who)
    assert line["changed"] == {"purge_date": [plain["purge_date"], "2020-01-01Z"]}
