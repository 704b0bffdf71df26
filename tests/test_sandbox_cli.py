"""The sandbox by itself, from the command line: python -m purgelib.sandbox."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from purgelib.sandbox import __main__ as command
from purgelib.sandbox import assumptions, faults, gate

KEYED = {"Authorization": f"apikey {gate.KEY}", "Accept": "application/json"}


class Running:
    """A sandbox that was started by the command line and has said where it answers."""

    def __init__(self, words, folder):
        order = [sys.executable, "-m", "purgelib.sandbox", *map(str, words)]
        self.process = subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, "TMPDIR": str(folder)})
        self.said = [self.process.stdout.readline(), self.process.stdout.readline()]
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said[0])
        assert found, self.process.stderr.read()
        self.port = int(found[1])

    def ask(self, method, path, body=None):
        there = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        there.request(method, path, json.dumps(body) if body is not None else None, KEYED)
        answer = there.getresponse()
        status, text = answer.status, answer.read()
        there.close()
        return status, json.loads(text) if text else None

    def end(self, sign=signal.SIGINT):
        self.process.send_signal(sign)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def run(tmp_path):
    (tmp_path / "tmp").mkdir()
    started = []

    def start(*words):
        started.append(Running(["--users", 40, *words], tmp_path / "tmp"))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def refused(capsys, *words):
    with pytest.raises(SystemExit) as caught:
        command.main([str(word) for word in words])
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_without_a_place_it_says_where_it_answers_and_leaves_nothing_behind(run, tmp_path, sign):
    there = run()
    assert gate.KEY in there.said[0] and there.said[1].startswith("curl -H 'Authorization: apikey ")
    path = re.search(r"127\.0\.0\.1:\d+(/[^']+)'", there.said[1])[1]
    status, page = there.ask("GET", path)
    assert status == 200 and len(page["user"]) == 2
    assert list((tmp_path / "tmp").iterdir())
    assert there.end(sign) == (0, "")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_state_file_keeps_everything_and_is_served_once(run, tmp_path):
    state = tmp_path / "of my own" / "alma.sqlite"
    there = run("--state", state)
    assert there.ask("DELETE", "/almaws/v1/users/exl_impl")[0] == 204
    order = [sys.executable, "-m", "purgelib.sandbox", "--state", state]
    second = subprocess.run(order, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 3 and "already" in second.stderr and second.stdout == ""
    assert there.end(signal.SIGTERM)[0] == 0
    # Closed as it should be, SQLite has put everything into the one file.
    assert {path.name for path in state.parent.iterdir()} <= {"alma.sqlite", "alma.sqlite.lock"}
    again = run("--state", state, "--seed", 99)
    assert again.ask("GET", "/almaws/v1/users/exl_impl")[0] == 400
    assert again.ask("GET", "/sandbox/health")[1]["seed"] == 31


def test_options_become_settings(run):
    there = run("--per-second", 0, "--latency", 0.001, "--daily", 77, "--job-seconds", 1, "--no-job-throttle",
                "--delete-policy", "FULLY_REMOVE")
    settings = there.ask("GET", "/sandbox/settings")[1]
    assert settings == {**assumptions.SETTINGS, "latency": 0.001, "daily_remaining": 77, "job_seconds": 1.0,
                        "job_throttle": False, "delete_policy": "FULLY_REMOVE"}
    assert there.ask("GET", "/almaws/v1/users/exl_impl")[0] == 200


def test_faults_come_from_a_file(run, tmp_path):
    (tmp_path / "rules.json").write_text('[{"do": "error_before", "path": "/conf/general", "nth": 2}]')
    there = run("--faults", tmp_path / "rules.json")
    assert [there.ask("GET", "/almaws/v1/conf/general")[0] for _ in range(3)] == [200, 503, 200]


@pytest.mark.parametrize("text", ["{", "[3]", '{"do": "explode"}', '"lie"', '[{"do": "lie", "when": "now"}]'])
def test_a_file_of_faults_that_is_none_is_refused_before_anything_is_made(capsys, tmp_path, text):
    (tmp_path / "rules.json").write_text(text)
    assert "error:" in refused(capsys, "--folder", tmp_path / "new", "--faults", tmp_path / "rules.json")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [
    ["--users", "many"], ["--users", "-1"], ["--port", "70000"], ["--seed", "x"], ["--delete-policy", "KEEP"],
    ["--per-second", "-1"], ["--latency", "-1"], ["--latency", "nan"], ["--faults", "/nowhere.json"],
    ["--host", "0.0.0.0"], ["--state", "a", "--folder", "b"]])
def test_wrong_words_are_refused_in_a_sentence(capsys, words):
    said = refused(capsys, *words)
    assert "error:" in said and "_count" not in said


def test_a_port_that_is_taken_is_said_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        order = [sys.executable, "-m", "purgelib.sandbox", "--users", "20", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(order, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "cannot serve" in done.stderr and "Traceback" not in done.stderr


def test_a_state_that_is_no_state_is_said_so(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear library, " * 200)
    order = [sys.executable, "-m", "purgelib.sandbox", "--state", str(tmp_path / "letter.txt")]
    done = subprocess.run(order, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "cannot serve" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "letter.txt").read_text().startswith("Dear library")


def test_help_names_every_option_kind_and_policy(capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(["--help"])
    said = capsys.readouterr().out
    assert caught.value.code == 0 and "127.0.0.1 only" in said and "python -m purgelib.sandbox --port 8080" in said
    assert all(re.search(rf"^  {kind} ", said, re.M) for kind in faults.KINDS)
    for option in ("port", "seed", "users", "faults", "per-second", "latency", "daily", "job-seconds",
                   "no-job-throttle", "delete-policy", "state", "folder", "idle-hours", "write-exports",
                   "write-earlier"):
        assert f"--{option}" in said


def test_exports_are_written_and_named(capsys, tmp_path):
    assert command.main(["--users", "30", "--write-exports", str(tmp_path)]) == 0
    assert sorted(capsys.readouterr().out.split()) == sorted(str(path) for path in tmp_path.iterdir())


def test_it_loads_nothing_that_it_does_not_need():
    asked = ("import sys, purgelib.sandbox.__main__; "
             "print({'pandas', 'numpy', 'matplotlib', 'requests', 'ipywidgets', 'purgelib.alma'} & set(sys.modules))")
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
