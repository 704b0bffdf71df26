"""Without a word it is the sandbox; the real Alma has to be named, and has to be the one that was named."""

import keyring
import platformdirs
import pytest

import purgelib
from purgelib import alma, keys, sandbox
from purgelib.errors import KeyRefused, NoKey, ReadOnly, Refused, WrongTarget

KEYS = ("ALMA_API_KEY", "ALMA_API_URL")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of its own, no key anywhere, and a small sandbox under the default name."""
    monkeypatch.setenv("PURGELIB_DATA", str(tmp_path))
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(keyring, "get_password", lambda service, host: None)
    sandbox.reset(tmp_path / "sandbox" / "alma", 100)
    yield tmp_path
    sandbox.stop(tmp_path / "sandbox" / "alma")


@pytest.fixture
def real(data, monkeypatch):
    """A real Alma as far as ``connect`` can tell: an https address and a key; the sandbox answers in its place."""
    there = sandbox.ensure(data / "sandbox" / "alma")
    monkeypatch.setenv("ALMA_API_URL", "https://api-eu.example.org")
    monkeypatch.setenv("ALMA_API_KEY", there.key)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(data / "cache" / name))
    made, build = [], alma.Alma

    def instead(url, key, **more):
        made.append({"url": url, "client": build(there.url, key, **more), **more})
        return made[-1]["client"]

    monkeypatch.setattr(alma, "Alma", instead)
    yield made
    for one in made:
        one["client"]._session().close()


def test_without_a_word_it_is_the_sandbox_opened_for_reading(data):
    client = purgelib.connect()
    assert client.target() == {"institution": "01INV_INST", "name": "Invented University", "environment": "sandbox"}
    assert client.url.startswith("http://127.0.0.1:")
    with pytest.raises(ReadOnly):
        client.put_user("exl_api", {})
    client._session().close()


def test_even_with_a_key_in_the_environment_the_default_is_the_sandbox(data, monkeypatch):
    monkeypatch.setenv("ALMA_API_URL", "https://api-eu.example.org")
    monkeypatch.setenv("ALMA_API_KEY", "l8xxreal")
    client = purgelib.connect(writing=True)
    assert client.url.startswith("http://127.0.0.1:") and client.target()["environment"] == "sandbox"
    client._session().close()


@pytest.mark.parametrize("where", ["", "Sandbox", "prod", "PRODUCTION", "production:x", "alma_sandbox", "sandbox ",
                                   "https://api.example.org", "sandbox:..", "sandbox:../../elsewhere",
                                   "sandbox:/tmp/x", "sandbox:.hidden"])
def test_an_unknown_target_is_refused(data, where):
    with pytest.raises(Refused):
        purgelib.connect(where, institution="Invented University")
    with pytest.raises(Refused):
        purgelib.start_sandbox_anew(where)
    assert [path.name for path in (data / "sandbox").iterdir()] == ["alma"]


@pytest.mark.parametrize("where", ["production", "alma-sandbox"])
def test_the_real_alma_needs_an_institution_an_https_address_and_a_key(data, monkeypatch, where):
    with pytest.raises(Refused, match="institution"):
        purgelib.connect(where)
    for url in ("", "http://api-eu.example.org", "api-eu.example.org", "https://", "file:///etc/passwd"):
        monkeypatch.setenv("ALMA_API_URL", url)
        monkeypatch.setenv("ALMA_API_KEY", "l8xxreal")
        with pytest.raises(NoKey, match="ALMA_API_URL"):
            purgelib.connect(where, "Invented University")
    monkeypatch.setenv("ALMA_API_URL", "https://api-eu.example.org")
    monkeypatch.delenv("ALMA_API_KEY")
    with pytest.raises(NoKey, match="No key"):
        purgelib.connect(where, "Invented University")


def test_a_keyring_that_does_not_work_is_no_key(data, monkeypatch):
    def broken(service, host):
        raise keyring.errors.NoKeyringError("no backend")

    monkeypatch.setattr(keyring, "get_password", broken)
    monkeypatch.setenv("ALMA_API_URL", "https://api-eu.example.org")
    with pytest.raises(NoKey):
        purgelib.connect("production", "Invented University")


def test_the_keyring_is_asked_for_that_host(real, monkeypatch):
    asked, key = [], sandbox.KEY
    monkeypatch.delenv("ALMA_API_KEY")
    monkeypatch.setattr(keyring, "get_password", lambda service, host: asked.append((service, host)) or key)
    purgelib.connect("alma-sandbox", "Invented University")
    assert asked == [("purgelib", "api-eu.example.org")]


def test_a_key_that_a_person_types_is_asked_for_once_and_forgotten_where_alma_refuses_it(real, monkeypatch):
    typed, asked = [sandbox.KEY, "l8xxwrong", sandbox.KEY], []
    monkeypatch.delenv("ALMA_API_KEY")
    monkeypatch.setattr(keys, "_typed", {})
    monkeypatch.setattr(keys, "_asked", lambda where, host: asked.append(host) or keys.Key(typed.pop()))
    for _ in range(2):
        purgelib.connect("alma-sandbox", "Invented University")
    assert asked == ["api-eu.example.org"]
    keys.forget(asked[0])
    with pytest.raises(KeyRefused):
        purgelib.connect("alma-sandbox", "Invented University")
    purgelib.connect("alma-sandbox", "Invented University")
    assert len(asked) == 3


def test_the_pace_is_kept_with_all_who_talk_to_the_same_institution(real, data):
    for _ in range(2):
        purgelib.connect("alma-sandbox", "Invented University").target()
    files = {path.name for path in (data / "cache" / "purgelib" / "pace").glob("*.sqlite")}
    assert files == {"api-eu.example.org.sqlite", "api-eu.example.org-01INV_INST.sqlite"}


@pytest.mark.parametrize("url", ["https://l8xxsecret@api-eu.example.org", "https://u:l8xxsecret@api-eu.example.org/a",
                                 "https://api-eu.example.org/?apikey=l8xxsecret", " https://api-eu.example.org/l8xxsecret"])
def test_of_the_address_only_the_host_is_used(real, monkeypatch, url):
    monkeypatch.setenv("ALMA_API_URL", url)
    assert purgelib.connect("alma-sandbox", "Invented University") and real[0]["url"] == "https://api-eu.example.org"


def test_a_key_of_another_environment_is_refused(real):
    with pytest.raises(WrongTarget) as caught:
        purgelib.connect("production", "Invented University", writing=True)
    assert (caught.value.wanted, caught.value.found) == ("production", "sandbox")


@pytest.mark.parametrize("named", ["Invented", "01INV", "Another University", "invented university ", "01ELSE_INST"])
def test_another_institution_than_the_one_named_is_refused(real, named):
    with pytest.raises(WrongTarget):
        purgelib.connect("alma-sandbox", named)


@pytest.mark.parametrize("named", ["Invented University", "01INV_INST"])
def test_the_one_that_was_named_is_opened_for_reading_with_a_pace_and_a_floor(real, named):
    client = purgelib.connect("alma-sandbox", named)
    assert not client.writing and client.floor >= 1000 and client.pace.per_second == 10
    assert real[0]["url"] == "https://api-eu.example.org"


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "../a", "/a"])
def test_a_run_is_named_by_a_plain_name(data, name):
    with pytest.raises(Refused):
        purgelib.run_folder(name)
    assert not (data / "runs").exists() or not list((data / "runs").iterdir())


def test_a_run_folder_is_for_its_owner_only(data):
    assert oct(purgelib.run_folder("2026-11-graduates").stat().st_mode & 0o777) == "0o700"
