"""Users over the pretend Alma: reading, creating, swapping, deleting, and what is refused."""

import pytest

from purgelib.sandbox import trying, writing

NEW = {"primary_id": "new1", "last_name": "New", "record_type": {"value": "PUBLIC"},
       "account_type": {"value": "INTERNAL"}, "user_group": {"value": "20"}}


@pytest.fixture
def alma():
    return trying.Tried(users=900)


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
    assert alma.ask("GET", "users", limit=101).code == "402119"
    assert alma.ask("GET", "users", limit=0).json == {"total_record_count": one["total_record_count"]}


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
    record = {**alma.ask("GET", "users/exl_api").json, "primary_id": "no primary id (9)"}
    writing.save(alma.store, alma.store.one("SELECT id FROM users WHERE key='exl_api'"), record)
    entries = alma.ask("GET", "users", q="primary_id~no primary").json["user"]
    assert [entry["primary_id"] for entry in entries] == ["no primary id (9)"]
    assert entries[0]["link"].endswith("users/-")
    assert alma.ask("GET", "users/no%20primary%20id%20(9)").code == alma.ask("GET", "users/-").code == "401861"


def test_a_put_of_what_was_got_changes_nothing(alma, plain):
    assert alma.ask("PUT", f"users/{plain['primary_id']}", plain).json == plain


@pytest.mark.parametrize(("change", "code"), [
    ({"account_type": {"value": "INTERNAL"}, "external_id": ""}, "401860"),
    ({"account_type": {"value": "INTERNAL"}}, "401858"), ({"external_id": ""}, "401860"),
    ({"external_id": "OTHER"}, "401858"), ({"account_type": {"value": "ALIEN"}}, "401864"),
    ({"account_type": {"value": "INTEXTAUTH"}}, "401855"), ({"user_group": {"value": "99"}}, "401864"),
    ({"record_type": {"value": ""}}, "401860"), ({"record_type": {"value": "ROBOT"}}, "401864"),
    ({"user_group": "06"}, "401652"), ({"purge_date": "soon"}, "401652"), ({"purge_date": "2024-02-30"}, "401652"),
    ({"primary_id": "EXL_IMPL"}, "401860"), ({"primary_id": None}, "401860"), ({"last_name": "x" * 256}, "401652"),
    ({"status": {"value": "DELETED"}}, "401864"),
    ({"user_identifier": [{"value": "29345000000000", "id_type": {"value": "BARCODE"}}]}, "401860"),
    ({"user_identifier": [{"value": "one", "id_type": {"value": "BARCODE"}},
                          {"value": "ONE", "id_type": {"value": "UNIV_ID"}}]}, "401860"),
    ({"user_identifier": [{"value": "one", "id_type": {"value": "SHOE_SIZE"}}]}, "401864"),
    ({"user_note": [{"note_type": {"value": "OTHER"}}]}, "401860"),
])
def test_what_a_put_refuses_changes_nothing(alma, plain, change, code):
    answer = alma.ask("PUT", f"users/{plain['primary_id']}", {**plain, **change})
    assert (answer.status, answer.code) == (400, code)
    assert alma.ask("GET", f"users/{plain['primary_id']}").json == plain
    assert alma.ask("GET", "/sandbox/ledger").json["total_record_count"] == 0


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b"null", b"<user>", b"[" * 100_000, b'{"last_name":"\\ud800"}',
                                  b'{"last_name":"a\\u0000b"}', b"\xff\xfe", b""])
def test_no_object_in_the_body_is_401676(alma, body):
    assert alma.ask("PUT", "users/exl_impl", body).code == alma.ask("POST", "users", body).code == "401676"


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


@pytest.mark.parametrize(("change", "code"), [
    ({"primary_id": "29345000000000"}, "401851"), ({"primary_id": "EXL_impl"}, "401851"),
    ({"primary_id": " "}, "401664"), ({"last_name": ""}, "401664"), ({"user_group": None}, "401664"),
    ({"user_group": {"value": "99"}}, "401852"), ({"external_id": "SIS"}, "401853"),
    ({"account_type": {"value": "EXTERNAL"}}, "401854"), ({"account_type": {"value": "INTEXTAUTH"}}, "401855"),
    ({"account_type": {"value": "ALIEN"}}, "401857"), ({"password": "short"}, "500038"),
    ({"password": "xxNEW1xxyy"}, "500038"), ({"password": "Password"}, "500038"), ({"user_role": "all"}, "401658"),
    ({"user_role": [{"role_type": {"value": "7777"}}]}, "401864"), ({"record_type": {"value": "X"}}, "401864"),
    ({"contact_info": {"email": [{"email_address": "a@example.edu"}]}}, "401664"),
    ({"contact_info": {"email": [{"email_address": "a@example.edu", "email_type": [{"value": "fax"}]}]}}, "401864"),
])
def test_what_a_post_refuses_creates_nobody(alma, change, code):
    answer = alma.ask("POST", "users", {**NEW, **change})
    assert (answer.status, answer.code) == (400, code)
    assert alma.ask("GET", "users/new1").code == "401861"


def test_a_copy_of_a_user_elsewhere_is_made_once_and_found_by_its_source(alma):
    where = {"source_institution_code": "01OTHER_INST", "source_user_id": "55"}
    assert alma.ask("POST", "users", NEW, **{**where, "source_institution_code": "01NOBODY"}).code == "401651"
    assert alma.ask("POST", "users", NEW, **where).json["source_link_id"] == "55"
    assert alma.ask("POST", "users", {**NEW, "primary_id": "new2"}, **where).code == "60227"
    assert alma.ask("GET", "users/55", source_institution_code="01OTHER_INST").json["primary_id"] == "new1"
    assert alma.ask("GET", "users/56", source_institution_code="01OTHER_INST").code == "4019990"
    assert alma.ask("GET", "users", **where).json["user"][0]["primary_id"] == "new1"
    assert alma.ask("GET", "users", **{**where, "source_user_id": "56"}).code == "401861"
    assert alma.ask("GET", "users", source_institution_code="01NOBODY").code == "401651"
    copies = alma.ask("GET", "users", source_institution_code="01OTHER_INST").json["total_record_count"]
    assert 1 < copies < 20


def test_nobody_has_a_linking_id_or_is_logged_in(alma):
    assert alma.ask("GET", "users/7000000", user_id_type="linking_id").code == "4019998"
    assert alma.ask("GET", "users/exl_impl", user_id_type="SHOE_SIZE").code == "401890"
    assert alma.ask("GET", "users/ME").code == "60101"


def test_a_password_is_checked_without_showing_it(alma):
    alma.ask("POST", "users", {**NEW, "password": "kept-secret"})
    assert alma.ask("POST", "users/new1", op="auth", password="kept-secret").status == 204
    assert alma.ask("POST", "users/new1", op="auth", password="guessed").code == "401866"
    assert alma.ask("POST", "users/exl_impl", op="auth", password="").code == "401866"
    assert alma.ask("POST", "users/new1", op="refresh").code == "60229"
    assert alma.ask("POST", "users/nobody", op="auth").code == "401890"


def test_created_users_get_the_patron_role(alma):
    made = alma.ask("POST", "users", NEW).json
    assert [role["role_type"]["value"] for role in made["user_role"]] == ["200"]
    assert made["status"]["value"] == "ACTIVE" and made["user_group"]["desc"] == "Community"


def test_xml_may_be_sent_and_is_answered(alma):
    text = alma.ask("GET", "users/exl_impl", accept="application/xml").body
    assert text.startswith(b"<?xml") and b"<user_roles><user_role>" in text
    after = alma.ask("PUT", "users/exl_impl", text.replace(b"2015-06-30Z", b"2016-01-31Z")).json
    assert after["expiry_date"] == "2016-01-31Z" and len(after["user_role"]) == 2


def test_the_ledger_names_every_write_and_what_changed(alma, plain):
    who = plain["primary_id"]
    alma.ask("PUT", f"users/{who}", {**plain, "purge_date": "2020-01-01Z"})
    line = alma.ask("GET", "/sandbox/ledger").json["ledger"][0]
    assert (line["n"], line["method"], line["primary_id"]) == (1, "PUT", who)
    assert line["changed"] == {"purge_date": [plain["purge_date"], "2020-01-01Z"]}


def test_a_proxy_is_shown_with_a_link_and_survives_a_put(alma):
    who = alma.store.one("SELECT primary_id FROM users WHERE json_array_length(record, '$.proxy_for_user') > 0")
    record = alma.ask("GET", f"users/{who}").json
    one, = record["proxy_for_user"]
    assert one["link"].endswith(f"/almaws/v1/users/{one['primary_id']}")
    assert alma.ask("PUT", f"users/{who}", {**record, "proxy_for_user": []}).json == record
    assert alma.ask("GET", f"users/{who}").json == record
