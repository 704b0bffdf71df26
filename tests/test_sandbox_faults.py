"""Faults on demand: what each kind does and leaves in the ledger, scripted and by seed; other people at work."""

import http.client
import json
import socket
import time

import pytest

from purgelib import sandbox
from purgelib.sandbox import faults, trying

KEYED = {"Authorization": f"apikey {sandbox.KEY}", "Accept": "application/json"}
MEDDLING = ("edit_before", "edit_after", "re_create_before", "re_create_after", "delete_before")
FOR_JOBS = ("job_fails", "job_never_ends", "job_fails_late", "set_loses_members")
ME = "users/exl_impl"


@pytest.fixture
def alma():
    return trying.Tried(users=300, job_seconds=0)


def order(alma, *rules):
    assert alma.ask("POST", "/sandbox/faults", list(rules)).status == 200


def rules(alma):
    return alma.ask("GET", "/sandbox/faults").json["faults"]


def ledger(alma):
    return [(line["method"], line["primary_id"]) for line in alma.ask("GET", "/sandbox/ledger").json["ledger"]]


def rename(alma, name):
    record = alma.ask("GET", ME).json
    return alma.ask("PUT", ME, {**record, "last_name": name})


def somebody(alma):
    """A student with nothing that stands in the way of a deletion."""
    return alma.store.one("SELECT primary_id FROM users WHERE user_group = '06' AND id NOT IN (SELECT user_id FROM "
                          "loans UNION SELECT user_id FROM fees UNION SELECT user_id FROM requests) ORDER BY id")


# ---- what each kind does

KINDS = {  # kind: HTTP status, media type, whether the act was done
    "error_before": (503, "application/json", False), "error_after": (503, "application/json", True),
    "html_before": (502, "text/html", False), "html_after": (502, "text/html", True),
    "cut_before": (None, None, False), "cut_after": (None, None, True),
    "truncate": (200, "application/json", True), "garbage": (200, "application/json", True),
    "slow": (200, "application/json", True), "lie": (200, "application/json", False),
    "throttle": (429, "application/json", False), "daily": (429, "application/json", False),
    "unauthorized": (400, "application/xml", False),
}


def test_every_kind_is_tried_here():
    assert set(faults.KINDS) == {*KINDS, *MEDDLING, *FOR_JOBS, "still_loading"}


@pytest.mark.parametrize("do", KINDS)
def test_the_ledger_tells_what_was_really_done(alma, do):
    status, media, done = KINDS[do]
    order(alma, {"do": do, "method": "PUT"})
    if status is None:
        with pytest.raises(ConnectionError):
            rename(alma, "Changed")
    else:
        answer = rename(alma, "Changed")
        assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (status, media)
    assert (alma.ask("GET", ME).json["last_name"] == "Changed") == done
    assert ledger(alma) == [("PUT", "exl_impl")] * done
    assert rename(alma, "Later").status == 200


@pytest.mark.parametrize("do", [do for do, (_, _, done) in KINDS.items() if not done])
def test_nobody_is_created_or_deleted_by_what_was_not_done(alma, do):
    order(alma, {"do": do, "times": 2})
    before, record = alma.store.one("SELECT count(*) FROM users"), alma.store.one("SELECT record FROM users")
    for ask in (("DELETE", f"users/{somebody(alma)}"), ("POST", "users", {**json.loads(record), "primary_id": "new"})):
        try:
            alma.ask(*ask)
        except ConnectionError:
            assert do == "cut_before"
    assert alma.store.one("SELECT count(*) FROM users") == before and ledger(alma) == []


def test_errors_of_the_gateway_have_the_status_that_was_ordered(alma):
    kinds = ("error_before", "error_after", "html_before", "html_after")
    order(alma, *({"do": do, "status": 504, "nth": n} for n, do in enumerate(kinds, start=1)))
    answers = [alma.ask("GET", ME) for _ in range(4)]
    assert [answer.status for answer in answers] == [504] * 4
    assert [answer.body.startswith(b"<html>") for answer in answers] == [False, False, True, True]
    assert "X-Exl-Api-Remaining" not in answers[-1].headers


def test_garbage_is_no_json_and_no_xml(alma):
    order(alma, {"do": "garbage"})
    with pytest.raises(ValueError):
        alma.ask("GET", ME).json  # noqa: B018


def test_still_loading_concerns_reports_only(alma):
    order(alma, {"do": "still_loading"})
    assert alma.ask("GET", ME).status == 200 and rules(alma)[0]["seen"] == 0
    assert b"<IsFinished>false" in alma.ask("GET", "analytics/reports", path="/anything").body


@pytest.mark.parametrize("kind", [kind for kind in faults.KINDS if kind.startswith(("edit_", "re_create_"))])
def test_other_people_also_meet_those_who_are_somebody_s_proxy(alma, kind):
    who, other = somebody(alma), '{"primary_id": "exl_impl", "full_name": "Service Account", "link": null}'
    alma.store.do("UPDATE users SET record = replace(record, '\"proxy_for_user\":[]', ?) WHERE primary_id = ?",
                  (f'"proxy_for_user":[{other}]', who))
    assert alma.ask("GET", f"users/{who}").json["proxy_for_user"]
    order(alma, {"do": kind})
    assert alma.ask("GET", f"users/{who}").status == 200
    assert rules(alma)[0]["refused"] == 0 and {method for method, _ in ledger(alma)} == {"COLLEAGUE"}


@pytest.mark.parametrize("change", [{"user_group": "01"}, {"purge_date": "soon"}, {"no_field": 1},
                                    {"user_group": {"value": "no such"}}, {"user_note": "text"}])
def test_a_change_that_nobody_could_make_is_refused_at_once(alma, change):
    answer = alma.ask("POST", "/sandbox/faults", {"do": "edit_before", "change": change})
    assert answer.code == "SANDBOX" and rules(alma) == []


def test_what_a_colleague_changed_by_hand_is_protected(alma):
    who = somebody(alma)
    order(alma, {"do": "edit_after", "change": {"user_group": {"value": "01"}}})
    record = alma.ask("GET", f"users/{who}").json
    assert record["account_type"]["value"] == "EXTERNAL" and record["user_group"]["value"] == "06"
    assert alma.ask("PUT", f"users/{who}", record).json["user_group"]["value"] == "01"
    assert alma.ask("PUT", f"users/{who}", record, override="user_group").json["user_group"]["value"] == "06"


def test_a_lie_gives_away_no_number_that_comes_again(alma):
    order(alma, {"do": "lie", "method": "POST"})
    lied, true = (alma.ask("POST", "conf/sets", {"name": name}).json["id"] for name in "AB")
    assert lied != true and alma.ask("GET", f"conf/sets/{lied}").code == "60107"


@pytest.mark.parametrize(("kind", "status"), [("error_after", 503), ("html_after", 502), ("garbage", 200)])
def test_a_refusal_is_not_heard_either(alma, kind, status):
    order(alma, {"do": kind})
    answer = alma.ask("DELETE", "users/nobody")
    assert answer.status == status and b"401890" not in answer.body


def test_a_set_that_only_gives_members_away_loses_none(alma):
    who = [alma.store.one("SELECT primary_id FROM users WHERE id = ?", (n,)) for n in range(1, 7)]
    body = {"members": {"member": [{"id": one} for one in who]}}
    first, second = (alma.ask("POST", "conf/sets", {"name": name}).json["id"] for name in "AB")
    alma.ask("POST", f"conf/sets/{first}", body, op="add_members")
    order(alma, {"do": "set_loses_members"})
    alma.ask("POST", f"conf/sets/{second}", body, op="add_members")
    alma.ask("POST", f"conf/sets/{first}", {"members": {"member": [{"id": who[0]}]}}, op="delete_members")
    assert [rule["seen"] for rule in rules(alma)] == [1]
    alma.ask("DELETE", "/sandbox/faults")
    order(alma, {"do": "set_loses_members"})
    made = alma.ask("POST", "conf/sets", {"name": "C"}, combine="OR", set1=first, set2=second).json["id"]
    assert rules(alma)[0]["acted"] == 1
    assert alma.ask("GET", f"conf/sets/{made}").json["number_of_members"]["value"] < 6


# ---- when they act

def test_the_seventh_put_is_the_seventh_put(alma):
    order(alma, {"do": "error_before", "method": "PUT", "nth": 7})
    assert [rename(alma, f"N{n}").status for n in range(1, 10)] == [200] * 6 + [503] + [200] * 2
    assert rules(alma) == [{"do": "error_before", "method": "PUT", "nth": 7, "seed": 1, "seconds": 0.0, "status": 0,
                            "chunked": False, "seen": 9, "acted": 1, "refused": 0}]


def test_every_rule_counts_for_itself_and_the_first_acts(alma):
    order(alma, {"do": "error_before", "path": "/users/", "nth": 2}, {"do": "throttle", "nth": 2, "times": 2})
    assert [alma.ask("GET", ME).status for _ in range(4)] == [200, 503, 429, 200]
    assert [(rule["seen"], rule["acted"]) for rule in rules(alma)] == [(4, 1), (4, 1)]


def statuses(seed, calls=300, **more):
    alma = trying.Tried(users=20)
    order(alma, {"do": "error_before", "rate": 0.1, "seed": seed, **more})
    return [alma.ask("GET", "conf/general").status for _ in range(calls)]


def test_the_same_seed_meets_the_same_calls_again():
    one, again, other = statuses(7), statuses(7), statuses(8)
    assert one == again != other
    assert all(10 < found.count(503) < 60 for found in (one, other))


def test_a_rate_can_be_limited_and_begin_late():
    found = statuses(7, nth=100, times=3)
    assert found.count(503) == 3 and 503 not in found[:99] and found[100:] != statuses(7)[100:]


def test_rates_of_nought_and_one_are_never_and_always():
    assert set(statuses(1, 20, rate=0)) == {200} and set(statuses(1, 20, rate=1)) == {503}


def test_a_rule_finds_its_user_however_the_client_writes_the_address(alma):
    order(alma, {"do": "error_before", "path": "/users/a@example.edu", "times": 2})
    assert [alma.ask("GET", f"users/{one}").status for one in ("a%40example.edu", "a@example.edu")] == [503, 503]


def test_rules_are_cleared(alma):
    order(alma, {"do": "error_before", "times": 99})
    assert alma.ask("GET", "users").status == 503
    alma.ask("DELETE", "/sandbox/faults")
    assert alma.ask("GET", "users").status == 200 and rules(alma) == []


@pytest.mark.parametrize("entry", [
    {"do": "explode"}, {"do": ["lie"]}, {}, {"do": "lie", "when": 3}, {"do": "lie", "nth": 0},
    {"do": "lie", "nth": "7"}, {"do": "lie", "times": True}, {"do": "lie", "rate": 1.5}, {"do": "lie", "rate": "often"},
    {"do": "slow", "seconds": -1},
    {"do": "lie", "method": "put"}, {"do": "lie", "path": 3}, {"do": "html_before", "status": 200},
    {"do": "truncate", "chunked": "yes"}, {"do": "edit_before", "change": []}, "lie", None, 3])
def test_what_is_no_rule_is_refused_with_all_that_came_with_it(alma, entry):
    answer = alma.ask("POST", "/sandbox/faults", [{"do": "lie"}, entry])
    assert answer.status == 400 and answer.code == "SANDBOX" and rules(alma) == []


def test_one_rule_may_come_without_a_list(alma):
    assert alma.ask("POST", "/sandbox/faults", {"do": "lie"}).json == {"faults": 1}
    assert alma.ask("POST", "/sandbox/faults", b"{").status == 400


# ---- what other people do

def test_somebody_edits_a_user_between_our_get_and_our_put(alma):
    who = somebody(alma)
    order(alma, {"do": "edit_after", "method": "GET", "path": "/users/"})
    seen = alma.ask("GET", f"users/{who}").json
    now = alma.ask("GET", f"users/{who}").json
    assert now["expiry_date"] == "2027-11-22Z" != seen.get("expiry_date")
    assert now["user_note"][:-1] == seen["user_note"] and now["user_note"][-1]["note_text"]
    assert len(now["contact_info"]["phone"]) == len(seen["contact_info"]["phone"]) + 1
    changed = {name for name in now if now[name] != seen.get(name)}
    assert changed == {"expiry_date", "user_note", "contact_info"} and ledger(alma) == [("COLLEAGUE", who)]


def test_an_edit_right_before_a_put_is_overwritten_by_it(alma):
    who = somebody(alma)
    record = alma.ask("GET", f"users/{who}").json
    order(alma, {"do": "edit_before", "method": "PUT"})
    alma.ask("PUT", f"users/{who}", {**record, "last_name": "Ours"})
    assert ledger(alma) == [("COLLEAGUE", who), ("PUT", who)]
    assert alma.ask("GET", f"users/{who}").json == {**record, "last_name": "Ours",
                                                    "full_name": f"{record['first_name']} Ours"}


def test_the_edit_can_be_told_what_to_change(alma):
    who = somebody(alma)
    change = {"user_group": {"value": "02"}, "purge_date": None, "user_note": [], "preferred_language": {"value": "de"}}
    order(alma, {"do": "edit_before", "path": who, "change": change})
    record = alma.ask("GET", f"users/{who}").json
    assert record["user_group"]["value"] == "02" and record["preferred_language"]["value"] == "de"
    assert "purge_date" not in record and record["user_note"] == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_somebody_else_gets_the_id(alma, when):
    who = somebody(alma)
    old = alma.ask("GET", f"users/{who}").json
    order(alma, {"do": f"re_create_{when}", "path": who})
    told, now = alma.ask("GET", f"users/{who}").json, alma.ask("GET", f"users/{who}").json
    assert (told == old) == (when == "after")
    assert now["primary_id"] == who and now["last_name"] != old["last_name"] and now["status_date"] == "2026-11-22Z"
    assert not {one["value"] for one in now["user_identifier"]} & {one["value"] for one in old["user_identifier"]}
    assert ledger(alma) == [("COLLEAGUE", who)] * 2


def test_an_id_that_we_deleted_can_come_back(alma):
    who = somebody(alma)
    order(alma, {"do": "re_create_after", "method": "DELETE"})
    assert alma.ask("DELETE", f"users/{who}").status == 204
    assert alma.ask("GET", f"users/{who}").status == 200
    assert ledger(alma) == [("DELETE", who), ("COLLEAGUE", who)]


def test_somebody_deletes_a_user_before_us(alma):
    who = somebody(alma)
    order(alma, {"do": "delete_before", "method": "DELETE"})
    assert alma.ask("DELETE", f"users/{who}").code == "401890" and ledger(alma) == [("COLLEAGUE", who)]


def test_alma_refuses_others_as_it_refuses_us_and_the_rule_says_so(alma):
    who = alma.store.one("SELECT primary_id FROM users WHERE id IN (SELECT user_id FROM loans)")
    order(alma, {"do": "delete_before", "path": "/users/", "times": 2})
    assert alma.ask("GET", f"users/{who}").status == 200 and alma.ask("GET", "users/nobody").status == 400
    assert rules(alma)[0]["acted"] == rules(alma)[0]["refused"] == 2 and ledger(alma) == []


def test_meddling_passes_by_calls_that_are_about_nobody(alma):
    order(alma, {"do": "edit_before"})
    for path in ("users", "conf/general", "users/operation/test"):
        alma.ask("GET", path)
    assert rules(alma)[0]["seen"] == 0
    alma.ask("GET", "users/EXL_impl/fees")
    assert ledger(alma) == [("COLLEAGUE", "exl_impl")]


@pytest.mark.parametrize("do", FOR_JOBS)
def test_faults_of_jobs_and_sets_wait_for_a_job_or_a_set(alma, do):
    order(alma, {"do": do})
    alma.ask("GET", ME), rename(alma, "Someone"), alma.ask("GET", "conf/jobs")
    assert rules(alma)[0]["seen"] == 0


def test_the_page_of_staff_starts_a_job_that_was_ordered_to_fail(alma):
    order(alma, {"do": "job_never_ends"}, {"do": "error_before", "method": "POST"})
    page = "/sandbox/purge-user-records"
    assert alma.ask("POST", page, b"days=1&waive=1&button=add").status == 200 and rules(alma)[0]["seen"] == 0
    told = alma.ask("POST", page, b"days=1&waive=1&button=confirm")
    assert told.status == 303 and told.headers["Location"] == page
    assert [rule["acted"] for rule in rules(alma)] == [1, 0]
    assert alma.ask("GET", page, key="").headers["Content-Type"].startswith("text/html")
    stuck = [alma.ask("GET", "conf/jobs/S9106/instances").json["job_instance"][0] for _ in range(3)]
    assert {one["status"]["value"] for one in stuck} == {"RUNNING"} and all(one["progress"] < 100 for one in stuck)


def test_a_set_loses_members_when_some_are_added_and_not_when_it_is_made(alma):
    order(alma, {"do": "set_loses_members", "method": "POST"})
    body = {"name": "Six", "type": {"value": "ITEMIZED"}, "content": {"value": "USER"}}
    made = alma.ask("POST", "conf/sets", body).json
    assert rules(alma)[0]["seen"] == 0
    six = [{"id": row[0]} for row in alma.store.rows("SELECT primary_id FROM users WHERE user_group = '06' LIMIT 6")]
    told = alma.ask("POST", f"conf/sets/{made['id']}", {"members": {"member": six}}, op="add_members").json
    left = alma.ask("GET", f"conf/sets/{made['id']}").json
    assert (told["number_of_members"]["value"], left["number_of_members"]["value"]) == (6, 4)


# ---- over HTTP

@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    yield sandbox.ensure(folder, 60).url.removeprefix("http://")
    sandbox.stop(folder)


def sent(url, method, path, body=None):
    """Everything that came back until the connection was closed, as bytes; b"" for a connection that was reset."""
    host, port = url.split(":")
    data = json.dumps(body).encode() if body is not None else b""
    head = "".join(f"{name}: {value}\r\n" for name, value in {**KEYED, "Content-Length": len(data)}.items())
    with socket.create_connection((host, int(port)), timeout=10) as there:
        there.sendall(f"{method} {path} HTTP/1.1\r\nHost: {url}\r\n{head}\r\n".encode() + data)
        found = b""
        try:
            while part := there.recv(65536):
                found += part
        except ConnectionResetError:
            pass
    return found


def door(url, method, what, body=None):
    there = http.client.HTTPConnection(url, timeout=10)
    there.request(method, f"/sandbox/{what}", json.dumps(body) if body is not None else None)
    found = json.load(there.getresponse())
    there.close()
    return found


@pytest.mark.parametrize("do", ["cut_before", "cut_after"])
def test_a_cut_connection_says_nothing(url, do):
    lines = door(url, "GET", "ledger")["total_record_count"]
    door(url, "POST", "faults", {"do": do, "method": "POST"})
    assert sent(url, "POST", "/almaws/v1/conf/sets", {"name": f"Cut {do}", "type": {"value": "ITEMIZED"},
                                                      "content": {"value": "USER"}}) == b""
    assert door(url, "GET", "ledger")["total_record_count"] == lines + (do == "cut_after")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_truncated_answer_ends_in_the_middle(url, chunked):
    there = http.client.HTTPConnection(url, timeout=10)
    there.request("GET", "/almaws/v1/" + ME, headers=KEYED)
    whole = there.getresponse().read()
    door(url, "POST", "faults", {"do": "truncate", "path": ME, "chunked": chunked})
    there.request("GET", "/almaws/v1/" + ME, headers=KEYED)
    answer = there.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Length") == (None if chunked else str(len(whole)))
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    there.close()
    got = caught.value.partial
    assert whole.startswith(got) and (chunked or len(got) == (len(whole) + 1) // 2)


def test_a_slow_answer_comes_as_late_as_ordered(url):
    door(url, "POST", "faults", {"do": "slow", "path": ME, "seconds": 0.3})
    there, start = http.client.HTTPConnection(url, timeout=10), time.monotonic()
    there.request("GET", "/almaws/v1/" + ME, headers=KEYED)
    assert there.getresponse().status == 200 and time.monotonic() - start >= 0.3
    there.close()


def test_no_fault_counts_as_a_crash(url):
    for do in KINDS:
        door(url, "POST", "faults", {"do": do, "path": "/conf/general"})
        there = http.client.HTTPConnection(url, timeout=10)
        there.request("GET", "/almaws/v1/conf/general", headers=KEYED)
        if do.startswith("cut_"):
            with pytest.raises((ConnectionError, http.client.HTTPException)):
                there.getresponse()
        elif do == "lie":
            door(url, "DELETE", "faults")  # a GET cannot lie
        else:
            assert there.getresponse().status
        there.close()
    assert door(url, "GET", "health")["crashes"] == 0
