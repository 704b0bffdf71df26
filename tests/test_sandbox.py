"""The server of the sandbox: started once, found again, killed and continued."""

import ast
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import requests

from purgelib import sandbox

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


def kill(where):
    os.kill(where.pid, signal.SIGKILL)
    time.sleep(0.1)


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
    link = http.post(api + "/conf/jobs/M148?op=run", json=body, timeout=5).json()["additional_info"]["link"]
    while http.get(link, timeout=5).json()["progress"] < 30:
        time.sleep(0.05)
    kill(where)
    sandbox.ensure(folder, USERS)
    end = time.monotonic() + 20
    while http.get(link, timeout=5).json()["progress"] < 100 and time.monotonic() < end:
        time.sleep(0.1)
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


def test_an_idle_server_ends_by_itself(folder):
    order = [sys.executable, "-m", "purgelib.sandbox", "--folder", str(folder), "--users", "20", "--idle-hours", "0"]
    assert subprocess.run(order, timeout=30, check=False).returncode == 0


def test_a_server_ends_when_its_folder_is_gone(folder):
    where = sandbox.ensure(folder, USERS)
    (folder / "server.json").unlink()
    time.sleep(2)
    with pytest.raises(requests.ConnectionError):
        requests.get(where.url, timeout=2)


def test_help_is_plain(capsys):
    from purgelib.sandbox.__main__ import main
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--write-exports" in capsys.readouterr().out


def test_it_imports_nothing_else_of_purgelib():
    for path in pathlib.Path(sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            ours = [name for name in names if name.startswith("purgelib")]
            assert all(name.startswith("purgelib.sandbox") for name in ours), (path.name, ours)
