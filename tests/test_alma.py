"""The one door to Alma: what may be repeated, what is never believed, and a key that nobody gets to see."""

import contextlib
import http.server
import itertools
import json
import math
import threading
import traceback
import types

import pytest
import tenacity

from purgelib import alma, door, sandbox
from purgelib.errors import (
    AlmaError,
    Failed,
    KeyRefused,
    NoAnswer,
    NoKey,
    NotFound,
    PartialAnswer,
    PurgeError,
    QuotaSpent,
    ReadOnly,
    Stopped,
    TooFast,
    WrongTarget,
)

SECRET = "l8xx0123456789secret"


class Stub(http.server.ThreadingHTTPServer):
    """Answers every call as the test says: ``answer`` takes method and path and returns status, headers, body."""

    daemon_threads = False

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.seen = answer, []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def act(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        status, headers, body = self.server.answer(self.command, self.path)
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = act

    def log_message(self, *words):
        pass


@pytest.fixture
def stub():
    """Starts a stub with an answer; returns it and a client to it that may write."""
    with contextlib.ExitStack() as stack:
        def start(answer, **more):
            server = stack.enter_context(Stub(answer if callable(answer) else lambda method, path: answer))
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            client = alma.Alma(server.url, SECRET, **{"writing": True, "pace": None, "floor": 0, "timeout": 2, **more})
            stack.callback(client._session().close)
            return server, client

        yield start


def said(body, status=200, **headers):
    return status, headers, json.dumps(body).encode()


def refusal(status, code, shape=list):
    one = {"errorCode": code, "errorMessage": "No.", "trackingId": "T1"}
    return said({"errorsExist": True, "errorList": {"error": [one] if shape is list else one}}, status)


def error_xml(status, code):
    text = (f'<web_service_result xmlns="http://com/exlibris/urm/general/xmlbeans"><errorsExist>true</errorsExist><errorList>'
            f"<error><errorCode>{code}</errorCode><errorMessage>No.</errorMessage></error></errorList></web_service_result>")
    return status, {"Content-Type": "application/xml"}, text.encode()


# ---- reading and writing

WRITES = {
    "put_user": ("x", {}), "post_user": ({},), "create_set": ("n", "d"), "replace_members": ("1", ["x"]),
    "run_job": ("M1", {}), "delete_user": ("x",), "delete_set": ("1",),
}
# What a method that only reads is given; those that need nothing are not named.
READS = {
    "user": ("x",), "owed": ("x", ["ACTIVE"]), "find_set": ("n",), "members": ("1",), "job": ("n",),
    "instances": ("M1",), "instance": ("M1", "2"), "code_table": ("T",), "report_page": ("p",), "report_paths": ("p",),
    "expect": ("sandbox",), "key_test": ("users",), "stopping_at": ("STOP",),
}
BROKEN = [(500, {}, b""), (502, {}, b"<html>"), (200, {}, b"{broken"), (302, {"Location": "/"}, b"")]


@pytest.mark.parametrize("name", WRITES)
def test_a_client_opened_for_reading_refuses_to_write_before_anything_is_sent(stub, name):
    server, client = stub(said({}), writing=False)
    with pytest.raises(ReadOnly):
        getattr(client, name)(*WRITES[name])
    assert server.seen == [] and client.calls == 0


def test_every_public_method_refuses_or_asks_by_get_only(stub):
    public = {name for name in dir(alma.Alma) if not name.startswith("_") and callable(getattr(alma.Alma, name))}
    for name in sorted(public - set(WRITES)):
        server, client = stub(said({"total_record_count": 0}), writing=False)
        with contextlib.suppress(PurgeError):
            getattr(client, name)(*READS.get(name, ()))
        assert {method for method, _, _ in server.seen} <= {"GET"}, name
    assert public >= set(WRITES) | set(READS)


def test_alma_asked_whether_a_key_may_write_is_asked_by_a_connection_for_writing_only(stub):
    server, client = stub((200, {}, b"<test>POST - OK</test>"), writing=False)
    with pytest.raises(ReadOnly):
        client.key_test("users", writing=True)
    assert server.seen == []
    _, client = stub((200, {}, b"<test>POST - OK</test>"))
    assert client.key_test("users", writing=True) == "<test>POST - OK</test>"


@pytest.mark.parametrize("verb", ["PUT", "POST", "DELETE", "PATCH", "get", "OPTIONS"])
def test_every_verb_but_get_is_refused(stub, verb):
    server, client = stub(said({}), writing=False)
    with pytest.raises(ReadOnly):
        client._call(verb, "/users/x")
    assert server.seen == []


def test_opened_for_reading_is_the_default():
    assert "reading only" in repr(alma.Alma("http://127.0.0.1:1", SECRET))


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("answer", BROKEN)
def test_a_write_without_a_usable_answer_is_never_repeated(stub, hasty, name, answer):
    server, client = stub(answer)
    with pytest.raises(NoAnswer):
        getattr(client, name)(*WRITES[name])
    assert len(server.seen) == 1


@pytest.mark.parametrize(("answer", "tries"), [((500, {}, b""), 6), ((200, {}, b"{broken"), 6), ((429, {}, b""), 12)])
def test_a_reading_is_repeated_and_not_for_ever(stub, hasty, answer, tries):
    server, client = stub(answer)
    with pytest.raises((NoAnswer, TooFast)):
        client.user("x")
    assert len(server.seen) == tries


def test_a_write_refused_as_too_fast_is_repeated(stub, hasty):
    answers = [refusal(429, "PER_SECOND_THRESHOLD"), refusal(429, "PER_SECOND_THRESHOLD"), said({"primary_id": "x"})]
    server, client = stub(lambda method, path: answers.pop(0))
    assert client.put_user("x", {}) == {"primary_id": "x"} and len(server.seen) == 3


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("answer", [
    (400, {}, b"<html>Bad Request</html>"), (404, {}, b""), (408, {}, b""), (413, {}, b"<html>"), (429, {}, b"Slow"),
    (503, {}, b"<html>"), (504, {}, b""), (302, {}, b"{}"), (200, {}, b'"ok"'), (200, {}, b"[]"), (204, {}, b"")])
def test_what_did_not_come_from_alma_tells_nothing_of_a_write(stub, hasty, name, answer):
    server, client = stub(answer)
    if answer[0] == 204 and name.startswith("delete"):
        # That is Alma's own word for: deleted.
        assert getattr(client, name)(*WRITES[name]) is None
        return
    with pytest.raises(NoAnswer) as caught:
        getattr(client, name)(*WRITES[name])
    # Only what a gateway gave up waiting for may still happen.
    assert len(server.seen) == 1 and bool(caught.value.facts.get("timeout")) == (answer[0] in (408, 504))


def test_an_error_told_as_a_success_is_an_error(stub):
    _, client = stub(refusal(200, "401861"))
    with pytest.raises(NotFound):
        client.user("x")
    with pytest.raises(NotFound):
        client.put_user("x", {})


def test_a_record_that_is_no_json_is_not_sent(stub):
    server, client = stub(said({}))
    with pytest.raises(Failed, match="nothing was sent"):
        client.put_user("x", {"fees": float("nan")})
    assert server.seen == []


def test_whoever_is_deleted_is_deleted_once_and_a_set_without_its_members(practice):
    client = practice.alma()
    record = client.user("exl_impl")
    client.post_user({**record, "primary_id": "gone@example.edu", "user_identifier": []})
    made = client.create_set("Gone", "")["id"]
    client.replace_members(made, ["gone@example.edu"])
    assert client.delete_set(made) is None and client.find_set("Gone") is None
    assert client.user("gone@example.edu") and client.delete_user("gone@example.edu") is None
    for act in (client.user, client.delete_user):
        with pytest.raises(NotFound):
            act("gone@example.edu")
    assert [line["method"] for line in practice.written() if line["primary_id"] == "gone@example.edu"] == \
        ["POST", "DELETE"]


@pytest.mark.parametrize("do", ["error_after", "cut_after", "html_after", "cut_before", "error_before"])
def test_a_deletion_without_an_answer_is_a_question(practice, hasty, do):
    client = practice.alma()
    client.post_user({**client.user("exl_impl"), "primary_id": "gone", "user_identifier": []})
    practice.faults({"do": do, "method": "DELETE", "times": 9})
    with pytest.raises(NoAnswer):
        client.delete_user("gone")
    practice.faults()
    assert (practice.user("gone") is None) == do.endswith("after")


def test_a_redirect_is_not_followed_and_takes_the_key_nowhere(stub, hasty):
    elsewhere, _ = stub(said({}))
    _, client = stub((302, {"Location": elsewhere.url + "/"}, b""))
    with pytest.raises(NoAnswer):
        client.user("x")
    assert elsewhere.seen == []


# ---- errors

@pytest.mark.parametrize("shape", [list, dict, "xml"])
@pytest.mark.parametrize(("status", "code", "kind"), [
    (400, "401861", NotFound), (400, "401890", NotFound), (400, "60107", NotFound), (400, "402119", AlmaError),
    (400, "401850", AlmaError), (429, "DAILY_THRESHOLD", QuotaSpent), (400, "DAILY_THRESHOLD", QuotaSpent),
    (429, "PER_SECOND_THRESHOLD", TooFast), (400, "UNAUTHORIZED", KeyRefused), (403, "FORBIDDEN", KeyRefused),
    (401, "", KeyRefused), (500, "GENERAL_ERROR", NoAnswer), (404, "", AlmaError)])
def test_an_error_is_known_by_its_code_in_whatever_form_it_comes(stub, hasty, status, code, kind, shape):
    _, client = stub(error_xml(status, code) if shape == "xml" else refusal(status, code, shape))
    with pytest.raises(Failed) as caught:
        client.user("x")
    assert type(caught.value) is kind and caught.value.facts["status"] == status


@pytest.mark.parametrize("body", [b"", b"[]", b'{"errorList": []}', b'{"errorList": {"error": []}}', b"\xff<",
                                  b'{"errorList": "?"}', b'{"errorList": {"error": "?"}}',
                                  b'{"errorList": {"error": ["?"]}}'])
def test_an_error_in_no_known_form_is_still_our_error_and_never_not_found(stub, body):
    _, client = stub((404, {}, body))
    with pytest.raises(AlmaError) as caught:
        client.user("x")
    assert type(caught.value) is AlmaError


# ---- the key

def tell(error):
    """All that a person or a log can come to see of an error."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(told.format()) + repr(error) + repr(vars(error))


@pytest.mark.parametrize("answer", [*BROKEN, (400, {}, b""), (401, {}, b""), (429, {}, b"")])
def test_the_key_is_in_no_error_no_traceback_no_repr_and_no_url(stub, hasty, answer):
    server, client = stub(answer)
    for call in (lambda: client.user("x"), lambda: client.put_user("x", {}), client.target):
        with pytest.raises(PurgeError) as caught:
            call()
        assert SECRET not in tell(caught.value)
    assert all(headers["Authorization"] == f"apikey {SECRET}" for _, _, headers in server.seen)
    assert all(SECRET not in path for _, path, _ in server.seen)
    assert SECRET not in repr(client) and SECRET not in repr(vars(client))


def test_the_key_is_in_no_traceback_when_nobody_answers(hasty):
    client = alma.Alma("http://127.0.0.1:9", SECRET, pace=None, timeout=0.2)
    with pytest.raises(NoAnswer) as caught:
        client.user("x")
    assert SECRET not in tell(caught.value)
    client._session().close()


@pytest.mark.parametrize("key", ["", "  ", "l8xx\u20acsecret", "l8xx\nsecret", "l8xx\x00secret"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key):
    with pytest.raises(NoKey) as caught:
        alma.Alma("http://127.0.0.1:9", key)
    assert "secret" not in str(caught.value) + repr(caught.value.facts)


def test_blanks_around_a_pasted_key_do_not_matter(quiet):
    assert quiet.alma(key=f" {sandbox.KEY}\n").target()["name"] == "Invented University"


def test_a_key_for_reading_is_told_to_whoever_writes(practice):
    client = practice.alma(key=sandbox.READ_ONLY_KEY)
    record = client.user("exl_api")
    with pytest.raises(KeyRefused):
        client.put_user("exl_api", record)
    assert practice.written() == []


# ---- lists

def pages(total, key="member", name="id", lie=0):
    """A list of so many entries, page by page; it claims to have some more."""
    def answer(method, path):
        query = dict(one.split("=") for one in path.partition("?")[2].split("&"))
        first = int(query["offset"])
        page = [{name: str(n)} for n in range(first, min(total, first + int(query["limit"])))]
        return said({**({key: page[0] if len(page) == 1 else page} if page else {}), "total_record_count": total + lie})
    return answer


@pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 250])
def test_a_long_list_comes_whole_also_when_one_entry_stands_alone(stub, total):
    _, client = stub(pages(total))
    assert client.members("1") == [str(n) for n in range(total)]
    _, client = stub(pages(total, "job_instance"))
    assert len(client.instances("M1")) == total


@pytest.mark.parametrize("lie", [-1, 1, 150])
@pytest.mark.parametrize("total", [1, 100, 150])
def test_a_list_of_another_length_than_alma_counts_is_an_error(stub, total, lie):
    _, client = stub(pages(total, lie=lie))
    if total + lie:
        with pytest.raises(PartialAnswer) as caught:
            client.members("1")
        assert caught.value.expected == total + lie != caught.value.found


def test_more_than_a_hundred_members_of_a_real_set(quiet):
    found = quiet.ask("GET", "conf/sets", set_type="LOGICAL", q="name~06").json()["set"][0]["id"]
    wanted = {one for one, record in quiet.everybody().items() if record["user_group"]["value"] == "06"}
    got = quiet.alma(writing=False).members(found)
    assert len(got) > 100 and set(got) == wanted and len(got) == len(wanted)


def test_a_set_of_more_than_a_thousand_is_filled_in_portions(stub):
    server, client = stub(said({}))
    client.replace_members("1", [str(n) for n in range(2500)])
    assert ["replace" in path for _, path, _ in server.seen] == [True, False, False]
    assert all("fail_on_invalid_id=true" in path for _, path, _ in server.seen)


@pytest.mark.parametrize("primary_id", ["a b", "a/b", "../../users", "a@example.edu", "Zoë Ümlaut", "a%2Fb", "a?b=c",
                                        "a#b", "a+b"])
def test_whatever_signs_an_id_has_it_names_that_user_only(practice, primary_id):
    client = practice.alma()
    record = client.user("exl_impl")
    made = {**record, "primary_id": primary_id, "user_identifier": []}
    assert client.post_user(made)["primary_id"] == primary_id
    client.put_user(primary_id, {**client.user(primary_id), "purge_date": "2020-01-01Z"})
    assert client.user(primary_id)["purge_date"] == "2020-01-01Z" and client.owed(primary_id, ["ACTIVE"]) == 0
    assert [line["primary_id"] for line in practice.written()] == [primary_id] * 2
    made = client.create_set("Odd", "")["id"]
    client.replace_members(made, [primary_id])
    assert client.members(made) == [primary_id]


def test_fees_are_summed_as_amounts_over_all_statuses_and_a_credit_is_no_relief(stub):
    fees = {"ACTIVE": [{"balance": 10.0}], "INDISPUTE": {"balance": -10.0},
            "EXPORTED": [{"balance": "2.5"}, {"balance": 0}]}

    def answer(method, path):
        listed = fees[path.rpartition("=")[2]]
        return said({"fee": listed, "total_record_count": len(listed) if isinstance(listed, list) else 1})

    _, client = stub(answer)
    assert client.owed("x", list(fees)) == 22.5 and client.owed("x", []) == 0


@pytest.mark.parametrize("answer", [
    {"fee": [{}], "total_record_count": 1}, {"fee": [{"balance": None}], "total_record_count": 1},
    {"fee": [{"balance": "?"}], "total_record_count": 1}, {"total_record_count": 2}, {},
    {"fee": [{"balance": 0}], "total_record_count": 2}])
def test_fees_that_cannot_be_told_are_not_taken_for_none(stub, answer):
    _, client = stub(said(answer))
    with pytest.raises(PartialAnswer):
        client.owed("x", ["ACTIVE"])


@pytest.mark.parametrize("answer", [
    [], {}, {"additional_info": None}, {"additional_info": "?"}, {"additional_info": {"link": None}},
    {"additional_info": {"link": "https://x/conf/jobs/M1"}}])
def test_a_start_whose_answer_names_no_instance_is_a_question(stub, answer):
    _, client = stub(said(answer))
    with pytest.raises(NoAnswer):
        client.run_job("M1", {})


def test_a_set_and_a_job_are_found_by_their_whole_name_only(stub):
    sets = {"set": [{"name": "purge x 1"}, {"name": "purge x"}], "total_record_count": 2}
    job = {"job": {"id": "M1", "name": "Purge users now"}, "total_record_count": 1}
    _, client = stub(lambda method, path: said(sets if "/sets" in path else job))
    assert client.find_set("purge x") == {"name": "purge x"} and client.find_set("purge") is None
    with pytest.raises(NotFound):
        client.job("Purge users")


# ---- where, when, how fast

def test_another_environment_than_the_one_named_is_refused(quiet):
    with pytest.raises(WrongTarget) as caught:
        quiet.alma(writing=False).expect("production")
    assert (caught.value.wanted, caught.value.found) == ("production", "sandbox")
    assert quiet.alma(writing=False).expect("sandbox").target()["institution"] == "01INV_INST"


def test_the_day_is_almas_own_and_asked_anew(practice):
    client = practice.alma(writing=False)
    assert str(client.today()) == "2026-11-22"
    practice.door("POST", "clock", {"advance_seconds": 86_400})
    assert str(client.today()) == "2026-11-23"


def test_a_stop_file_stops_reading_too_and_only_while_it_is_asked_for(quiet, tmp_path):
    client, stop = quiet.alma(writing=False), tmp_path / "STOP"
    with client.stopping_at(stop):
        client.target()
        stop.touch()
        calls = client.calls
        with pytest.raises(Stopped):
            client.user("exl_api")
        assert client.calls == calls
    assert client.user("exl_api")


def test_the_floor_is_not_crossed(stub):
    left = iter(range(12, 0, -1))
    server, client = stub(lambda method, path: said({}, **{"X-Exl-Api-Remaining": str(next(left))}), floor=5)
    with pytest.raises(QuotaSpent):
        for _ in range(20):
            client.user("x")
    assert len(server.seen) == 8 and client.remaining == 5


def left(number):
    """An answer that tells how many calls are left."""
    return said({}, **{"X-Exl-Api-Remaining": str(number)})


def test_an_answer_that_was_overtaken_does_not_give_calls_back(stub):
    _, client = stub(left(50))
    client.user("x")
    early, late = 0.0, math.inf  # handed out before or after the last answer came
    for number, begun, told in ((80, early, 50), (40, early, 40), (41, late, 41), (9_000, late, 9_000)):
        client._note(types.SimpleNamespace(headers={"X-Exl-Api-Remaining": str(number)}), begun)
        assert client.remaining == told


def test_many_threads_together_do_not_cross_the_floor(stub):
    lock, numbers = threading.Lock(), itertools.count(60, -1)

    def answer(method, path):
        with lock:
            return left(next(numbers))

    server, client = stub(answer, floor=20)
    client.user("x")

    def ask():
        with contextlib.suppress(QuotaSpent):
            while True:
                client.user("x")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(server.seen) <= 41 and client.calls == len(server.seen) and client.remaining >= 20


def test_a_connection_left_open_over_night_asks_anew_what_is_left(stub, monkeypatch):
    answers = [left(3), left(500_000)]
    server, client = stub(lambda method, path: answers.pop(0), floor=5)
    client.user("x")
    with pytest.raises(QuotaSpent):
        client.user("x")
    monkeypatch.setattr(door, "KNOWN", 0)
    client.user("x")
    monkeypatch.undo()
    assert client.remaining == 500_000 and len(server.seen) == 2


@pytest.mark.parametrize("date", ["", "?", "Mon, 99 Nov 2026", "0"])
def test_a_date_that_cannot_be_read_is_the_day_of_this_machine(stub, date):
    _, client = stub(said({}))
    client._note(types.SimpleNamespace(headers={"Date": date}), 0)
    assert client._date.utcoffset().total_seconds() == 0


def test_a_quota_that_is_spent_is_not_tried_again(practice):
    practice.door("POST", "settings", {"daily_remaining": 0})
    client = practice.alma()
    with pytest.raises(QuotaSpent):
        client.user("exl_api")
    assert client.calls == 1


def test_what_is_waited_for_is_told_in_words(stub, monkeypatch):
    told = []
    answers = [(500, {}, b""), (500, {}, b""), said({})]
    _, client = stub(lambda method, path: answers.pop(0))
    monkeypatch.setattr(door, "WAIT", tenacity.wait_fixed(0.05))
    monkeypatch.setattr(client, "_refuse_to_go_on", lambda: told.append(client.waiting))
    assert client.waiting == ""
    client.user("x")
    assert client.waiting == "" and set(told) == {"", "tried again, as no answer came: 1"}


def test_a_stop_ends_the_waiting_between_two_tries(stub, monkeypatch):
    _, client = stub((500, {}, b""))
    monkeypatch.setattr(door, "WAIT", tenacity.wait_fixed(3600))
    threading.Timer(0.2, client.stop.set).start()
    with pytest.raises(Stopped):
        client.user("x")
    assert client.calls == 1
