"""What hangs on a user: loans, requests, fees, deposits; reading it and clearing it away."""

import json

import pytest

from purgelib.sandbox import trying
from purgelib.sandbox.calls import Call
from purgelib.sandbox.gate import KEY


@pytest.fixture
def alma():
    return trying.Tried(users=900)


@pytest.fixture
def borrower(alma):
    return alma.store.get("differences")["new_loan"][0]


@pytest.fixture
def asker(alma):
    """A user with an open request."""
    return alma.store.get("differences")["new_request"][0]


@pytest.fixture
def debtor(alma):
    """A user with nothing but one active fee of 12.50."""
    who = alma.store.get("differences")["renewed"][0]
    fee = {"type": {"value": "OVERDUEFINE"}, "original_amount": "12.50", "owner": {"value": "SCI"}, "comment": "late"}
    assert alma.ask("POST", f"users/{who}/fees", fee).status == 200
    return who


def only_fee(alma, who, status="ACTIVE"):
    page = alma.ask("GET", f"users/{who}/fees", status=status).json
    assert page["total_record_count"] == 1
    return page["fee"][0]


def post(alma, where, **query):
    """A POST whose query may name a `method`, as payments do."""
    call = Call("POST", f"/almaws/v1/{where}", query,
                {"authorization": f"apikey {KEY}", "accept": "application/json"})
    return trying.Reply(*alma.sandbox.respond(call)[:3])


def lines(alma):
    return alma.ask("GET", "/sandbox/ledger").json["ledger"]


@pytest.mark.parametrize(("where", "code"), [
    ("users/nobody/loans", "401861"), ("users/nobody/loans?type", "401890"), ("users/nobody/fees", "401651"),
    ("users/nobody/requests", "401890"), ("users/nobody/deposits", "402238"), ("users/nobody/loans/1", "401652"),
    ("users/nobody/purchase-requests", "401890"), ("users/nobody/personal-data", "401861"),
    ("users/nobody/fees/1", "401651"), ("users/nobody/requests/1", "401890"),
    ("users/exl_impl/loans/1", "401652"), ("users/exl_impl/fees/1", "401665"), ("users/exl_impl/requests/1", "401652"),
    ("users/exl_impl/deposits/1", "402238"), ("users/exl_impl/purchase-requests/1", "60276"),
])
def test_what_is_not_there_is_refused_with_the_code_of_its_operation(alma, where, code):
    where, typed, _ = where.partition("?type")
    assert alma.ask("GET", where, **({"user_id_type": "BARCODE"} if typed else {})).code == code


@pytest.mark.parametrize("part", ["loans", "requests", "fees", "deposits", "purchase-requests", "personal-data"])
def test_the_type_of_the_identifier_counts_everywhere(alma, part):
    assert alma.ask("GET", f"users/29345000000000/{part}", user_id_type="BARCODE").status == 200
    assert alma.ask("GET", f"users/29345000000000/{part}", user_id_type="UNIV_ID").status == 400


@pytest.mark.parametrize(("part", "query", "code"), [
    ("loans", {"limit": 101}, "401652"), ("loans", {"order_by": "colour"}, "401652"),
    ("loans", {"direction": "UP"}, "401652"), ("loans", {"loan_status": "Lost"}, "401652"),
    ("requests", {"status": "sunk"}, "401652"), ("requests", {"offset": "x"}, "401652"),
    ("fees", {"status": "SUNK"}, "401666"), ("deposits", {"limit": 101}, "402238"),
    ("deposits", {"order_by": "colour"}, "402238"), ("purchase-requests", {"status": "SUNK"}, "60275"),
])
def test_a_wrong_parameter_is_refused_with_the_code_of_its_operation(alma, part, query, code):
    assert alma.ask("GET", f"users/exl_impl/{part}", **query).code == code


@pytest.mark.parametrize("part", ["loans", "requests", "deposits", "purchase-requests"])
def test_none_has_no_array(alma, part):
    assert alma.ask("GET", f"users/exl_impl/{part}").json == {"total_record_count": 0}


def test_loans_are_sorted_and_paged(alma):
    who = alma.store.one("SELECT u.primary_id FROM loans l JOIN users u ON u.id = l.user_id GROUP BY u.id "
                         "ORDER BY count(*) DESC")
    found = alma.ask("GET", f"users/{who}/loans").json["item_loan"]
    assert len(found) > 1 and found[0]["renewable"] is None and found[0]["user_id"] == who
    assert [one["loan_id"] for one in found] == sorted(one["loan_id"] for one in found)
    down = alma.ask("GET", f"users/{who}/loans", order_by="due_date", direction="DESC").json["item_loan"]
    assert [one["due_date"] for one in down] == sorted((one["due_date"] for one in found), reverse=True)
    second = alma.ask("GET", f"users/{who}/loans", limit=1, offset=1).json
    assert second == {"item_loan": [found[1]], "total_record_count": len(found)}
    assert alma.ask("GET", f"users/{who}/loans", loan_status="Complete").json == {"total_record_count": 0}
    renewable = alma.ask("GET", f"users/{who}/loans", expand="renewable").json["item_loan"]
    assert all(one["renewable"] is True for one in renewable)
    assert alma.ask("GET", f"users/{who}/loans/{found[1]['loan_id']}").json == found[1]


def test_a_loan_is_renewed(alma, borrower):
    loan = alma.ask("GET", f"users/{borrower}/loans").json["item_loan"][0]
    where = f"users/{borrower}/loans/{loan['loan_id']}"
    assert post(alma, where, op="lose").code == "401822"
    assert alma.ask("POST", f"users/{borrower}/loans/1", op="renew").code == "401823"
    assert post(alma, where, op="renew").json["due_date"] == "2026-12-20T20:00:00Z"
    assert alma.ask("GET", where).json["process_status"] == "RENEW" and len(lines(alma)) == 1


def test_a_cancelled_request_is_history(alma, asker):
    one = alma.ask("GET", f"users/{asker}/requests").json["user_request"][0]
    where = f"users/{asker}/requests/{one['request_id']}"
    assert alma.ask("GET", where).json == one and one["user_primary_id"] == asker
    assert alma.ask("DELETE", where).code == alma.ask("DELETE", where, reason="Whim").code == "401652"
    assert lines(alma) == []
    assert alma.ask("DELETE", where, reason="CancelledAtPatronRequest").status == 204
    assert alma.ask("GET", f"users/{asker}/requests").json == {"total_record_count": 0}
    assert alma.ask("GET", f"users/{asker}/requests", status="history").json["total_record_count"] == 1
    assert alma.ask("GET", f"users/{asker}", expand="requests").json["requests"]["value"] == 0
    assert alma.ask("DELETE", where, reason="CancelledAtPatronRequest").code == "401694"
    assert alma.ask("DELETE", "users/nobody/requests/1", reason="CancelledAtPatronRequest").code == "401890"
    assert [line["changed"]["requests_cancelled"] for line in lines(alma)] == [[one["request_id"]]]


def test_requests_are_shown_by_type(alma, asker):
    kind = alma.ask("GET", f"users/{asker}/requests").json["user_request"][0]["request_type"]
    assert alma.ask("GET", f"users/{asker}/requests", request_type=kind).json["total_record_count"] == 1
    assert alma.ask("GET", f"users/{asker}/requests", request_type="BOOKING").json == {"total_record_count": 0}


def test_fees_show_active_ones_unless_asked_for_another_status(alma):
    who = alma.store.get("differences")["new_disputed_fee"][0]
    assert alma.ask("GET", f"users/{who}/fees").json == {"total_record_count": 0, "total_sum": 0, "currency": None}
    disputed = alma.ask("GET", f"users/{who}/fees", status="INDISPUTE").json
    assert disputed["total_sum"] == 45 and disputed["currency"] == "USD"
    assert alma.ask("GET", f"users/{who}", expand="fees").json["fees"]["value"] == 0


def test_a_fee_is_made_and_has_the_keys_of_a_real_one(alma, debtor):
    fee = only_fee(alma, debtor)
    assert set(fee) == {"id", "type", "status", "balance", "remaining_vat_amount", "original_amount", "comment",
                        "original_vat_amount", "creation_time", "status_time", "owner", "title", "barcode", "link"}
    assert fee["balance"] == fee["original_amount"] == 12.5 and fee["owner"]["desc"] == "Science Library"
    assert alma.ask("GET", f"users/{debtor}/fees/{fee['id']}").json == fee
    assert fee["link"].endswith(f"users/{debtor}/fees/{fee['id']}")


@pytest.mark.parametrize(("change", "code"), [
    ({"type": None}, "4019991"), ({"type": {"value": "WHIM"}}, "4019992"), ({"original_amount": None}, "4019994"),
    ({"original_amount": -1}, "402119"), ({"original_amount": "much"}, "402119"), ({"original_amount": 1e99}, "402119"),
    ({"original_amount": True}, "402119"), ({"original_amount": [1]}, "402119"), ({"owner": None}, "4019996"),
    ({"owner": {"value": "01INV_INST"}}, "4019997"), ({"barcode": {"value": "none"}}, "4019993"),
    ({"type": "OVERDUEFINE"}, "402119"), ({"comment": 7}, "402119"),
])
def test_a_fee_is_refused_as_documented(alma, change, code):
    fee = {"type": {"value": "OVERDUEFINE"}, "original_amount": 5, "owner": {"value": "SCI"}}
    assert alma.ask("POST", "users/exl_impl/fees", {**fee, **change}).code == code
    assert alma.ask("POST", "users/nobody/fees", fee).code == "401861"
    assert alma.ask("POST", "users/exl_impl/fees", b"nonsense").code == "402119"
    assert lines(alma) == []


def test_paying_in_parts_closes_a_fee_and_frees_the_user(alma, debtor):
    fee = only_fee(alma, debtor)
    where = f"users/{debtor}/fees/{fee['id']}"
    assert alma.ask("DELETE", f"users/{debtor}").code == "401850"
    part = post(alma, where, op="pay", amount="2.49", method="CASH", comment="thanks").json
    assert part["balance"] == 10.01 and part["transaction"][0]["amount"] == 2.49 and part["status"]["value"] == "ACTIVE"
    assert part["transaction"][0]["payment_method"]["value"] == "CASH"
    rest = post(alma, where, op="pay", method="ONLINE").json
    assert rest["balance"] == 0 and rest["status"]["value"] == "CLOSED"
    assert post(alma, where, op="pay", method="ONLINE").code == "402119"
    assert alma.ask("GET", where).json == rest == only_fee(alma, debtor, "CLOSED")
    assert [line["changed"]["balance"] for line in lines(alma)[1:]] == [[12.5, 10.01], [10.01, 0.0]]
    assert alma.ask("DELETE", f"users/{debtor}").status == 204


@pytest.mark.parametrize("query", [
    {}, {"op": "forget"}, {"op": "pay"}, {"op": "pay", "method": "SHELLS"}, {"op": "waive"},
    {"op": "waive", "reason": "Whim"}, {"op": "pay", "method": "CASH", "amount": "0"},
    {"op": "pay", "method": "CASH", "amount": "12.51"}, {"op": "pay", "method": "CASH", "amount": "nan"},
])
def test_an_operation_with_wrong_parameters_is_401666(alma, debtor, query):
    fee = only_fee(alma, debtor)
    assert post(alma, f"users/{debtor}/fees/{fee['id']}", **query).code == "401666"
    assert only_fee(alma, debtor) == fee and len(lines(alma)) == 1


def test_a_fee_is_disputed_restored_and_waived(alma, debtor):
    where = f"users/{debtor}/fees/{only_fee(alma, debtor)['id']}"
    assert post(alma, where, op="restore").code == "402119"
    assert post(alma, where, op="dispute").json["status"]["value"] == "INDISPUTE"
    assert alma.ask("GET", f"users/{debtor}", expand="fees").json["fees"]["value"] == 0
    assert alma.ask("DELETE", f"users/{debtor}").code == "401850"
    assert post(alma, where, op="restore").json["status"]["value"] == "ACTIVE"
    waived = post(alma, where, op="waive", reason="OTHER").json
    assert waived["status"]["value"] == "CLOSED" and waived["transaction"][-1]["reason"] == "Other"


def test_a_credit_is_negative_and_stands_in_the_way_until_it_is_waived(alma):
    who = alma.store.get("differences")["renewed"][0]
    fee = {"type": {"value": "CREDIT"}, "original_amount": 4, "owner": {"value": "SCI"}}
    made = alma.ask("POST", f"users/{who}/fees", fee).json
    assert made["balance"] == made["original_amount"] == -4
    assert alma.ask("GET", f"users/{who}/fees").json["total_sum"] == -4
    assert alma.ask("DELETE", f"users/{who}").code == "401850"
    assert alma.ask("POST", f"users/{who}/fees/{made['id']}", op="waive", reason="OTHER").json["balance"] == 0
    assert alma.ask("DELETE", f"users/{who}").status == 204


def test_all_fees_are_paid_at_once_or_the_oldest_first(alma, debtor):
    fee = {"type": {"value": "OVERDUEFINE"}, "original_amount": 5, "owner": {"value": "SCI"}}
    alma.ask("POST", f"users/{debtor}/fees", fee)
    where = f"users/{debtor}/fees/all"
    for query in ({"op": "waive", "amount": "ALL", "method": "CASH"}, {"op": "pay", "amount": "18", "method": "CASH"},
                  {"op": "pay", "amount": "ALL"}):
        assert post(alma, where, **query).code == "401666"
    part = post(alma, where, op="pay", amount="13", method="CASH").json
    assert sorted(one["balance"] for one in part["fee"]) == [0, 4.5] and part["total_sum"] == 4.5
    assert post(alma, where, op="pay", amount="ALL", method="CASH").json["total_sum"] == 0
    assert alma.ask("GET", f"users/{debtor}/fees").json["total_record_count"] == 0


def test_deposits_are_listed_by_name_or_day_and_one_by_one(alma):
    who = alma.store.one("SELECT u.primary_id FROM deposits d JOIN users u ON u.id = d.user_id GROUP BY u.id "
                         "ORDER BY count(*) DESC")
    page = alma.ask("GET", f"users/{who}/deposits").json
    found = page["user_deposit"]
    assert page["total_record_count"] == len(found) >= 1
    assert [one["title"] for one in found] == sorted(one["title"] for one in found)
    days = alma.ask("GET", f"users/{who}/deposits", order_by="modification_date", direction="DESC").json["user_deposit"]
    assert [one["modification_date"] for one in days] == sorted((o["modification_date"] for o in found), reverse=True)
    status = found[0]["status"]["value"]
    assert alma.ask("GET", f"users/{who}/deposits", status=status).json["total_record_count"] >= 1
    assert alma.ask("GET", f"users/{who}/deposits", status="NONE").json == {"total_record_count": 0}
    assert alma.ask("GET", f"users/{who}/deposits/{found[0]['deposit_id']}").json == found[0]


def test_personal_data_hold_everything_of_every_status(alma, debtor):
    fee = only_fee(alma, debtor)
    alma.ask("POST", f"users/{debtor}/fees/{fee['id']}", op="waive", reason="OTHER")
    said = alma.ask("GET", f"users/{debtor}/personal-data").json
    assert said["user"]["primary_id"] == debtor and said["fees"]["fee"][0]["status"]["value"] == "CLOSED"
    assert said["item_loans"] == {"item_loan": [], "total_record_count": 0}
    assert alma.ask("GET", f"users/{debtor}/personal-data", accept="application/xml").body.startswith(b"<?xml")


def test_fees_of_the_invented_people_add_up(alma):
    for text, status in alma.store.rows("SELECT record, status FROM fees"):
        fee = json.loads(text)
        paid = sum(one["amount"] for one in fee.get("transaction", []))
        assert round(fee["original_amount"] - paid, 2) == fee["balance"], fee["id"]
        assert status != "CLOSED" or fee["balance"] == 0
        assert (fee["type"]["value"] == "CREDIT") == (fee["original_amount"] < 0)
