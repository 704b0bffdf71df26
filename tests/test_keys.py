"""The key is found where a person put it, asked for only where a person is, and comes to light nowhere."""

import copy
import getpass
import json
import logging
import os
import pickle
import pty
import subprocess
import sys
import traceback
import types

import keyring
import nbclient
import nbformat
import pytest
import requests

from purgelib import alma, keys, preflight, update
from purgelib.errors import NoKey, PurgeError
from purgelib.keys import Key
from purgelib.sandbox import gate

SECRET = "l8xx0123456789secret"
HOST = "api-eu.example.org"
ODD = ["", "  ", "l8xx\u20acsecret", "l8xx\nsecret", "l8xx\x00secret", "l8xx secret", None, 7]


@pytest.fixture
def nowhere(monkeypatch):
    """No key anywhere, and nobody to ask."""
    for name in ("ALMA_API_KEY", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keyring, "get_password", lambda service, host: None)
    monkeypatch.setattr(keys, "_typed", {})
    monkeypatch.setattr(sys, "stdin", None)


@pytest.fixture
def person(nowhere, monkeypatch):
    """Somebody at a terminal, who types the key; returns the questions."""
    asked = []
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or f" {SECRET}\n")
    return asked


def put(key):
    """What goes into the header."""
    request = requests.Request("GET", "http://127.0.0.1", auth=key).prepare()
    return request.headers["Authorization"]


# ---- where it comes from

def test_the_environment_is_asked_first_then_the_keyring_then_a_person(person, monkeypatch):
    assert put(keys.find("production", HOST)) == f"apikey {SECRET}"
    monkeypatch.setattr(keyring, "get_password", lambda service, host: f"{service}-{host}")
    assert put(keys.find("production", HOST)) == f"apikey purgelib-{HOST}"
    monkeypatch.setenv("ALMA_API_KEY", "l8xxenvironment")
    assert put(keys.find("production", HOST)) == "apikey l8xxenvironment"
    assert person == [f"API key for {HOST} (is not shown): "]


def test_a_person_is_asked_once_until_the_key_is_forgotten(person):
    keys.find("production", HOST)
    keys.find("production", HOST)
    assert len(person) == 1
    keys.forget(HOST)
    keys.forget("never.asked")
    keys.find("production", HOST)
    assert len(person) == 2


def test_without_a_person_nobody_is_asked(nowhere, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: pytest.fail("asked"))
    for stdin in (None, types.SimpleNamespace(isatty=lambda: False)):
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(NoKey, match="set ALMA_API_KEY, or store it once with: keyring set purgelib"):
            keys.find("production", HOST)


def test_a_machine_that_tests_asks_nobody_even_with_a_terminal(person, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(NoKey):
        keys.find("production", HOST)
    assert person == []


@pytest.mark.parametrize("trouble", [EOFError, OSError, NotImplementedError, getpass.GetPassWarning])
def test_where_a_person_cannot_type_unseen_there_is_no_key(person, monkeypatch, trouble):
    def getting(prompt):
        raise trouble("cannot")

    monkeypatch.setattr(getpass, "getpass", getting)
    with pytest.raises(NoKey):
        keys.find("production", HOST)
    assert keys._typed == {}


def test_nothing_typed_is_no_key_and_the_next_call_asks_again(person, monkeypatch):
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "")
    with pytest.raises(NoKey):
        keys.find("production", HOST)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: SECRET)
    assert put(keys.find("production", HOST)) == f"apikey {SECRET}"


ASKING = "from purgelib import keys; import getpass; print('found', repr(keys.find('production', 'h.example.org')))"


def alone(**more):
    """The environment of a program that has no key anywhere."""
    return {name: text for name, text in os.environ.items() if name not in ("ALMA_API_KEY", "CI")} | {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", **more}


def test_what_is_typed_at_a_terminal_is_not_shown_there():
    mine, its = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", ASKING], stdin=its, stdout=its, stderr=its, env=alone(),
                          start_new_session=True) as run:
        os.close(its)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(mine, 1000)
        os.write(mine, SECRET.encode() + b"\n")
        while b"<key>" not in shown:
            shown += os.read(mine, 1000)
        assert run.wait(30) == 0
    os.close(mine)
    assert SECRET.encode() not in shown and b"found <key>" in shown


@pytest.mark.parametrize("source", ["None", "open('/dev/null')"])
def test_a_program_without_a_terminal_does_not_wait_for_a_key(source):
    order = f"import sys; sys.stdin = {source}; {ASKING}"
    run = subprocess.run([sys.executable, "-c", order], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         env=alone(), timeout=60)
    assert run.returncode and "NoKey: No key for production" in run.stderr


def test_a_notebook_that_runs_by_itself_does_not_wait_for_a_key(monkeypatch):
    for name in ("ALMA_API_KEY", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ASKING)])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="NoKey: No key for production"):
        nbclient.NotebookClient(notebook, kernel_name="python3", timeout=100).execute()


# ---- where it does not come to light

def test_whatever_looks_at_a_key_sees_none():
    key = Key(SECRET)
    for shown in (repr(key), str(key), f"{key}", repr([key]), repr({"k": key}), repr(dir(key)), json.dumps(repr(key))):
        assert SECRET not in shown
    with pytest.raises(TypeError):
        vars(key)
    assert put(Key(key)) == put(key) == f"apikey {SECRET}"


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy,
                                   *(lambda key, n=n: pickle.dumps(key, n) for n in range(6))])
def test_a_key_cannot_be_written_down_or_copied(write):
    with pytest.raises(TypeError) as caught:
        write(Key(SECRET))
    assert SECRET not in all_of(caught.value)


def test_a_connection_cannot_be_written_down():
    with pytest.raises(TypeError) as caught:
        pickle.dumps(alma.Alma("http://127.0.0.1:9", SECRET, pace=None))
    assert SECRET not in all_of(caught.value)


@pytest.mark.parametrize("odd", ODD)
def test_what_cannot_be_a_key_is_refused_and_the_traceback_does_not_hold_it(odd):
    text = [odd]
    with pytest.raises(NoKey) as caught:
        alma.Alma("http://127.0.0.1:9", text.pop())
    assert "secret" not in all_of(caught.value)


def all_of(error, ours=__file__):
    """All that can be seen of an error: the chain behind it, suppressed or not, and every value of every frame."""
    told, seen, todo = [], set(), [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        told += [repr(one), str(one), repr(vars(one)), repr(one.args), *traceback.format_tb(one.__traceback__)]
        # The frames of the test itself know the key.
        told += [deep(value) for frame, _ in traceback.walk_tb(one.__traceback__) if frame.f_code.co_filename != ours
                 for value in frame.f_locals.values()]
        todo += [one.__cause__, one.__context__]
    return "".join(told)


def deep(value, depth=4):
    """A value as a debugger shows it that opens whatever can be opened."""
    told = [repr(value)]
    if depth and isinstance(value, dict):
        told += [deep(one, depth - 1) for one in value.values()]
    elif depth and isinstance(value, list | tuple | set):
        told += [deep(one, depth - 1) for one in value]
    elif depth and hasattr(value, "__dict__") and not isinstance(value, type | types.ModuleType):
        told += [deep(one, depth - 1) for one in list(vars(value).values())]
    return "".join(told)


class Interrupted(requests.Session):
    """A session in which a person presses the square button in the midst of a call."""

    def send(self, request, **more):
        headers = dict(request.headers)
        assert headers["Authorization"]
        raise KeyboardInterrupt


BREAKS = [("cut_before", "GET"), ("cut_after", "PUT"), ("truncate", "GET"), ("garbage", "PUT"), ("html_before", "GET"),
          ("error_after", "PUT"), ("unauthorized", "GET"), ("daily", "PUT"), ("throttle", "GET")]


@pytest.mark.parametrize(("do", "method"), BREAKS)
def test_no_error_of_a_call_holds_the_key_not_even_behind_it(practice, hasty, do, method):
    client = practice.alma()
    record = client.user("exl_api")
    practice.faults({"do": do, "method": method, "times": 100})
    with pytest.raises(PurgeError) as caught:
        client.user("exl_api") if method == "GET" else client.put_user("exl_api", record)
    assert gate.KEY not in all_of(caught.value)


@pytest.mark.parametrize("timeout", [0.001, 5])
def test_nor_does_one_of_a_call_that_nobody_answers(hasty, timeout):
    client = alma.Alma("http://127.0.0.1:9", SECRET, pace=None, timeout=timeout)
    with pytest.raises(PurgeError) as caught:
        client.user("x")
    assert SECRET not in all_of(caught.value)
    client._session().close()


def test_nor_does_an_interrupt_in_the_midst_of_a_call():
    client = alma.Alma("http://127.0.0.1:9", SECRET, pace=None)
    client._local.session = Interrupted()
    with pytest.raises(KeyboardInterrupt) as caught:
        client.user("x")
    assert SECRET not in all_of(caught.value)


def test_no_log_at_any_level_holds_the_key(practice, hasty, caplog):
    with caplog.at_level(logging.DEBUG):
        client = practice.alma()
        client.put_user("exl_api", client.user("exl_api"))
        preflight.look(client)
        practice.faults({"do": "throttle", "times": 3}, {"do": "cut_before", "nth": 4})
        client.user("exl_api")
    assert "urllib3" in caplog.text and gate.KEY not in caplog.text
    assert gate.KEY not in "".join(repr(vars(record)) for record in caplog.records)


def test_no_address_holds_the_key_and_the_connection_shows_none(practice):
    client = practice.alma()
    answers = []
    client._session().hooks["response"].append(lambda answer, *_, **__: answers.append(answer))
    client.put_user("exl_api", client.user("exl_api"))
    client.target()
    assert len(answers) == 3 and all(gate.KEY not in answer.url for answer in answers)
    # An answer that somebody keeps holds its request; the key was taken out of it.
    assert gate.KEY not in deep(answers) + deep(client) + repr(client) + repr(vars(client))


def test_no_file_of_a_run_holds_the_key(practice):
    sealed = practice.seal()
    from conftest import typed
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    written = [path for path in practice.folder.rglob("*") if path.is_file() and "alma" not in path.parts]
    assert any(path.name == "journal.sqlite" for path in written)
    held = [path for path in practice.folder.rglob("*") if path.is_file() and path.suffix != ".log" and
            practice.folder / "alma" not in path.parents and gate.KEY.encode() in path.read_bytes()]
    assert written and held == []


CURIOUS = """%xmode Verbose
import logging; logging.basicConfig(level=logging.DEBUG, force=True)
from purgelib import alma, keys
key = keys.find("production", "h.example.org"); key, repr(key), dir(key)
client = alma.Alma("http://127.0.0.1:9", key, pace=None); client, vars(client), repr(client.__dict__)
vars(key)
client.user("x")
client.put_user("x", {})
import pickle; pickle.dumps(client)
client.stop.set(); client.user("x")
client._session().get("no address at all", auth=key)
1 / 0"""


def test_no_executed_notebook_holds_the_key_however_curious_it_is(monkeypatch):
    monkeypatch.setenv("ALMA_API_KEY", SECRET)
    cells = [nbformat.v4.new_code_cell(line) for line in CURIOUS.splitlines()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=100, allow_errors=True).execute()
    told = json.dumps(notebook)
    assert told.count("ename") == 7 and "Stopped" in told and "ReadOnly" in told and "urllib3" in told
    assert SECRET not in told
