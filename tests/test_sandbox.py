"""The server of the sandbox: started once, found again, killed and continued."""

import ast
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import pytest
import requests

from purgelib import sandbox
from purgelib.sandbox.assumptions import UPDATE_JOB_ID

USERS = 300


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "practice"
    sandbox.stop(tmp_path / "practice")


@pytest.fixture
def http():
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update({"Authorization": f"apikey {sandbox.KEY}", "Accept": "application/json"})
        yield session


def until(told, seconds=20):
    """Asks again and again until it is so; fails when that takes too long."""
    end = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < end
        time.sleep(0.02)


def listens(where):
    try:
        socket.create_connection(("127.0.0.1", int(where.url.rsplit(":", 1)[1])), timeout=2).close()
    except ConnectionError:
        return False
    return True


def kill(where):
    os.kill(where.pid, signal.SIGKILL)
    until(lambda: not listens(where))


def test_it_answers_over_http_with_one_date_header(folder, http):
    where = sandbox.ensure(folder, USERS)
    answer = http.get(where.url + "/almaws/v1/conf/general", timeout=5)
    assert answer.json()["institution"]["value"] == "01INV_INST"
    assert answer.headers["Date"].startswith("Sun, 22 Nov 2026 09:0") and "," not in answer.headers["Date"][5:]
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"


def test_a_second_call_finds_the_same_server(folder):
    assert sandbox.ensure(folder, USERS) == sandbox.ensure(folder, 5, seed=99)


def test_two_at_once_start_one_server(folder):
    script = (f"import pathlib; from purgelib import sandbox; "
              f"print(sandbox.ensure(pathlib.Path({str(folder)!r}), {USERS}).pid)")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: subprocess.run([sys.executable, "-c", script], check=True, timeout=60,
                                                      capture_output=True, text=True), range(3)))
    assert len({run.stdout for run in runs}) == 1


def test_the_server_is_a_process_of_its_own(folder):
    where = sandbox.ensure(folder, USERS)
    assert os.getsid(where.pid) != os.getsid(0)


def test_stopping_keeps_the_state_and_the_address(folder, http):
    where = sandbox.ensure(folder, USERS)
    http.delete(where.url + "/almaws/v1/users/exl_impl", timeout=5)
    sandbox.stop(folder)
    with pytest.raises(requests.ConnectionError):
        http.get(where.url, timeout=5)
    again = sandbox.ensure(folder, USERS)
    assert again.url == where.url and again.pid != where.pid
    assert http.get(again.url + "/almaws/v1/users/exl_impl", timeout=5).status_code == 400


def test_stopping_where_nothing_runs_does_nothing(folder):
    sandbox.stop(folder)
    folder.mkdir()
    sandbox.stop(folder)


def test_a_killed_server_has_lost_no_write_and_no_time(folder, http):
    where = sandbox.ensure(folder, USERS)
    http.post(where.url + "/sandbox/clock", json={"advance_seconds": 500}, timeout=5)
    record = http.get(where.url + "/almaws/v1/users/exl_impl", timeout=5).json()
    for n in range(20):
        record["last_name"] = f"Number {n}"
        assert http.put(where.url + "/almaws/v1/users/exl_impl", json=record, timeout=5).ok
    before = http.get(where.url + "/sandbox/health", timeout=5).json()["now"]
    kill(where)
    again = sandbox.ensure(folder, USERS)
    assert again.pid != where.pid
    assert http.get(again.url + "/almaws/v1/users/exl_impl", timeout=5).json()["last_name"] == "Number 19"
    assert http.get(again.url + "/sandbox/ledger", timeout=5).json()["total_record_count"] == 20
    assert http.get(again.url + "/sandbox/health", timeout=5).json()["now"] >= before


def test_a_killed_server_finishes_its_job_after_the_restart_and_nobody_twice(folder, http):
    where = sandbox.ensure(folder, USERS)
    api = where.url + "/almaws/v1"
    logical = http.get(api + "/conf/sets?set_type=LOGICAL&q=name~06", timeout=5).json()["set"][0]["id"]
    body = {"parameter": [{"name": {"value": k}, "value": v} for k, v in {
        "set_id": logical, "job_name": "Try", "UPDATE_User_Information_AddNote_Active": "true",
        "UPDATE_User_Information_AddNote_Value": "once"}.items()]}
    link = http.post(f"{api}/conf/jobs/{UPDATE_JOB_ID}?op=run", json=body, timeout=5).json()["additional_info"]["link"]
    until(lambda: http.get(link, timeout=5).json()["progress"] >= 30)
    kill(where)
    sandbox.ensure(folder, USERS)
    until(lambda: http.get(link, timeout=5).json()["progress"] == 100)
    assert http.get(link, timeout=5).json()["status"]["value"] == "COMPLETED_SUCCESS"
    lines = http.get(where.url + "/sandbox/ledger", timeout=5).json()["ledger"]
    done = [line["primary_id"] for line in lines if line["method"] == "JOB"]
    assert len(done) == len(set(done)) > 50


def test_a_server_on_the_port_that_is_not_ours_is_not_taken_for_ours(folder, tmp_path):
    other = sandbox.ensure(tmp_path / "other", USERS)
    try:
        folder.mkdir()
        port = int(other.url.rsplit(":", 1)[1])
        (folder / "server.json").write_text(json.dumps({"pid": other.pid, "port": port}))
        where = sandbox.ensure(folder, USERS)
        assert where.url != other.url and where.pid != other.pid
        sandbox.stop(folder)
        assert requests.get(other.url + "/sandbox/health", timeout=5).ok
    finally:
        sandbox.stop(tmp_path / "other")


def test_reset_invents_everybody_anew(folder, http):
    where = sandbox.ensure(folder, USERS)
    http.delete(where.url + "/almaws/v1/users/exl_impl", timeout=5)
    sandbox.reset(folder, users=200, seed=4)
    again = sandbox.ensure(folder)
    health = http.get(again.url + "/sandbox/health", timeout=5).json()
    assert health["seed"] == 4 and 190 < health["users"] < 200
    assert http.get(again.url + "/almaws/v1/users/exl_impl", timeout=5).ok


def test_cut_closes_the_connection_after_the_act(folder, http):
    where = sandbox.ensure(folder, USERS)
    http.post(where.url + "/sandbox/faults", json=[{"method": "DELETE", "do": "cut_after"}], timeout=5)
    with pytest.raises(requests.ConnectionError):
        http.delete(where.url + "/almaws/v1/users/exl_impl", timeout=5)
    assert http.get(where.url + "/almaws/v1/users/exl_impl", timeout=5).status_code == 400


def test_identifiers_with_signs_travel_in_the_address(folder, http):
    where = sandbox.ensure(folder, USERS)
    record = http.get(where.url + "/almaws/v1/users/exl_impl", timeout=5).json()
    record.update(primary_id="a/b c@example.edu", user_identifier=[])
    assert http.post(where.url + "/almaws/v1/users", json=record, timeout=5).ok
    assert http.get(where.url + "/almaws/v1/users/a%2Fb%20c%40example.edu", timeout=5).ok


def test_a_state_of_another_version_is_refused_with_a_word(folder):
    sandbox.reset(folder, users=20)
    with contextlib.closing(sqlite3.connect(folder / "alma.sqlite")) as db:
        db.execute("DROP TABLE loans")
    with pytest.raises(RuntimeError, match="another version of the sandbox"):
        sandbox.ensure(folder)
    sandbox.reset(folder, users=20)
    assert sandbox.ensure(folder).pid


def test_an_idle_server_ends_by_itself(folder):
    order = [sys.executable, "-m", "purgelib.sandbox", "--folder", str(folder), "--users", "20", "--idle-hours", "0"]
    assert subprocess.run(order, timeout=30, check=False).returncode == 0


def test_a_server_ends_when_its_folder_is_gone(folder):
    where = sandbox.ensure(folder, USERS)
    assert listens(where)
    (folder / "server.json").unlink()
    until(lambda: not listens(where))


def busy(there, api, n, record):
    """One of many clients: creates a user, changes it many times, reads others, deletes it; returns its statuses."""
    mine = {**record, "primary_id": f"busy-{n}", "user_identifier": []}
    said = [there.post(api, json=mine, timeout=30).status_code]
    for m in range(10):
        said.append(there.put(f"{api}/busy-{n}", json={**mine, "last_name": f"Turn {m}"}, timeout=30).status_code)
        said.append(there.get(api, params={"limit": 100, "offset": m * 10}, timeout=30).status_code)
        # Everybody writes this one: it must be some one's whole record, never a mixture.
        both = {**record, "first_name": f"Name {n}", "last_name": f"Name {n}"}
        said.append(there.put(f"{api}/exl_impl", json=both, timeout=30).status_code)
        seen = there.get(f"{api}/exl_impl", timeout=30).json()
        assert seen["first_name"] == seen["last_name"] and seen["full_name"].split(" ")[0] == "Name"
    if n % 2:
        said.append(there.delete(f"{api}/busy-{n}", timeout=30).status_code)
    return said


def test_many_clients_at_once_each_write_whole_and_in_the_ledger(folder, http):
    where, clients = sandbox.ensure(folder, USERS), 32
    api = where.url + "/almaws/v1/users"
    record = http.get(api + "/exl_impl", timeout=5).json()

    def one(n):
        with requests.Session() as there:
            there.trust_env = False
            there.headers.update(http.headers)
            return busy(there, api, n, record)

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        said = [status for found in pool.map(one, range(clients)) for status in found]
    assert set(said) == {200, 204}
    lines = http.get(where.url + "/sandbox/ledger", timeout=5).json()["ledger"]
    assert [line["n"] for line in lines] == list(range(1, clients * 21 + clients // 2 + 1))
    for n in range(clients):
        mine = [line for line in lines if line["primary_id"] == f"busy-{n}"]
        assert [line["method"] for line in mine] == ["POST", *["PUT"] * 10, *["DELETE"] * (n % 2)]
        names = [line["changed"]["last_name"][1] for line in mine if line["method"] == "PUT"]
        assert names == [f"Turn {m}" for m in range(10)]
    health = http.get(where.url + "/sandbox/health", timeout=5).json()
    assert health["crashes"] == 0
    assert http.get(api, params={"q": "primary_id~busy"}, timeout=5).json()["total_record_count"] == clients // 2


def test_a_night_passes_while_it_serves(folder, http):
    where = sandbox.ensure(folder, USERS)
    http.post(where.url + "/sandbox/clock", json={"set": "2026-11-22T23:59:59.9Z"}, timeout=5)
    until(lambda: http.get(where.url + "/sandbox/health", timeout=5).json()["data_day"] == "2026-11-22")


def test_strange_requests_get_an_answer_and_crash_nothing(folder):
    where = sandbox.ensure(folder, 60)
    port = int(where.url.rsplit(":", 1)[1])
    key = f"Authorization: apikey {sandbox.KEY}".encode()
    paths = [b"/almaws/v1/users?limit=" + b"9" * 20_000, b"/almaws/v1/users/%00", b"/almaws/v1/users/%ff%fe?q=%zz",
             b"/almaws/v1/users/\xc3\xa9\xff", b"/almaws/v1/users?q=last_name~\xff",
             b"/almaws/v1/users/" + b"a" * 20_000, b"//", b"/almaws/v1", b"/almaws/v1/users/..%2f..", b"*",
             b"http://other/almaws/v1/users", b"/sandbox/%00",
             b"/almaws/v1/users?" + b"&".join(b"a%d=1" % n for n in range(3000))]
    for path in paths:
        for method in (b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT", b"DELETE", b"TRACE"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as there:
                there.sendall(method + b" " + path + b" HTTP/1.1\r\nHost: \xffa<b>\r\n" + key +
                              b"\r\nAccept: \xff\r\nConnection: close\r\nContent-Length: 3\r\n\r\n\xff<{")
                status = int(there.makefile("rb").readline().split()[1])
            assert 200 <= status < 500, (method, path[:60], status)
    assert requests.get(where.url + "/sandbox/health", timeout=5).json()["crashes"] == 0


@pytest.mark.parametrize("form", [None, "application/x-www-form-urlencoded", "text/plain", "application/octet-stream"])
def test_a_body_is_taken_for_what_it_looks_like(folder, http, form):
    where = sandbox.ensure(folder, 60)
    api, headers = where.url + "/almaws/v1/users/exl_impl", {"Content-Type": form} if form else {}
    for accept in ("application/json", "application/xml"):
        body = http.get(api, headers={"Accept": accept}, timeout=5).content
        assert http.put(api, data=body, headers={**headers, "Accept": accept}, timeout=5).status_code == 200


def test_it_imports_nothing_else_of_purgelib():
    for path in pathlib.Path(sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            ours = [name for name in names if name.startswith("purgelib")]
            assert all(name.startswith("purgelib.sandbox") for name in ours), (path.name, ours)
