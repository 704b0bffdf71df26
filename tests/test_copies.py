"""Copies open with the right key and with nothing else, and say in plain words what is wrong; no secret is shown."""

import json
import os
import subprocess
import sys
import traceback
import zlib

import invented
import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purgelib import copies
from purgelib.errors import BadChoice, CopyFailed, Failed, PurgeError, Refused

RECORD = invented.record(user_note=[{"note_text": "Ünï \"x\"\n\ud800"}], empty=None, number=1.5)
PASSPHRASE = "correct horse 'battery' ünï"


@pytest.fixture
def key(tmp_path):
    return tmp_path / "keys" / "copies.key"


def mode(path):
    return path.stat().st_mode & 0o777


# ---- sealing

def test_a_copy_opens_with_the_key_it_was_made_for(key):
    vault = copies.Vault([copies.new_key(key)])
    blob = vault.seal(RECORD)
    assert copies.opened(blob, copies.identities(key)) == RECORD
    assert copies.is_locked(blob) and vault.reads_back(blob, RECORD)


def test_each_of_several_recipients_can_open_each_copy_alone(tmp_path):
    files = [tmp_path / name for name in ("library", "it", "lost")]
    vault = copies.Vault([copies.new_key(file) for file in files])
    blobs = [vault.seal({"primary_id": str(n)}) for n in range(3)]
    for file in files:
        keys = copies.identities(file)
        assert [copies.opened(blob, keys)["primary_id"] for blob in reversed(blobs)] == ["2", "1", "0"]


def test_without_recipients_a_copy_is_compressed_and_needs_no_key():
    vault = copies.Vault()
    blob = vault.seal(RECORD)
    assert not copies.is_locked(blob) and copies.opened(blob) == RECORD and vault.reads_back(blob, RECORD)
    assert copies.opened(blob, ["any key"]) == RECORD


def test_copies_of_runs_made_before_copies_were_encrypted_still_open():
    old = zlib.compress(json.dumps(RECORD | {"last_name": "Übel"}, ensure_ascii=False, sort_keys=True).encode(
        errors="surrogatepass"))
    assert copies.opened(old)["last_name"] == "Übel"


def test_the_bytes_of_a_copy_do_not_tell_the_record(key):
    vault = copies.Vault([copies.new_key(key)])
    blob = vault.seal(invented.record(last_name="Verysecret", primary_id="00412345"))
    assert not any(one in blob for one in (b"Verysecret", b"00412345", zlib.compress(b"Verysecret")))
    assert vault.seal(RECORD) != vault.seal(RECORD)


def test_what_was_written_is_read_back_only_if_it_is_this_very_record(key):
    for vault in (copies.Vault(), copies.Vault([copies.new_key(key)])):
        blob = vault.seal(RECORD)
        assert not vault.reads_back(blob, {**RECORD, "number": 1.25})
        assert not vault.reads_back(blob, {**RECORD, "number": None})
        for harmed in (blob[:-1], b"", bytes(len(blob)), blob[:40] + b"?" + blob[41:], None, "text"):
            assert not vault.reads_back(harmed, RECORD)


def test_what_another_session_wrote_needs_the_key(key):
    public = copies.new_key(key)
    blob = copies.Vault([public]).seal(RECORD)
    assert not copies.Vault([public]).reads_back(blob, RECORD)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x"])
def test_a_record_that_json_cannot_hold_is_no_copy(value):
    with pytest.raises(CopyFailed, match="nothing was written"):
        copies.Vault().seal({"primary_id": "a", "x": value})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(st.characters()), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_alma_may_answer_comes_back_as_it_was(value):
    assert copies.opened(VAULT.seal({"x": value}), KEYS) == {"x": value}


KEYS = [pyrage.x25519.Identity.generate()]
VAULT = copies.Vault([str(KEYS[0].to_public())])


# ---- what goes wrong, in words

def test_without_a_key_or_with_another_one_a_copy_says_what_to_do(tmp_path, key):
    blob = copies.Vault([copies.new_key(key)]).seal(RECORD)
    copies.new_key(tmp_path / "other")
    with pytest.raises(CopyFailed, match="name the key file"):
        copies.opened(blob)
    with pytest.raises(CopyFailed, match="encrypted to another"):
        copies.opened(blob, copies.identities(tmp_path / "other"))
    assert copies.opened(blob, copies.identities(tmp_path / "other") + copies.identities(key)) == RECORD


@pytest.mark.parametrize("locked", [True, False])
def test_no_byte_of_a_copy_can_change_unseen(locked):
    # Without a key there is a checksum only, which no accident passes.
    blob = (VAULT if locked else copies.Vault()).seal({"primary_id": "00412345"})
    for n in range(len(blob)):
        for flip in (0x01, 0x20, 0x80):
            harmed = blob[:n] + bytes([blob[n] ^ flip]) + blob[n + 1:]
            try:
                assert copies.opened(harmed, KEYS) == {"primary_id": "00412345"}
            except CopyFailed:
                pass
    for n in range(len(blob)):
        with pytest.raises(CopyFailed):
            copies.opened(blob[:n], KEYS)


@pytest.mark.parametrize("text", ["", "age1", "AGE1", "someone@example.edu", "ssh-ed25519 AAAA", None, 5,
                                  "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q"])
def test_what_is_no_public_line_is_refused(text):
    with pytest.raises(BadChoice, match="age1..."):
        copies.Vault([text])


# ---- key files

def test_a_key_file_is_its_owners_only_and_never_replaced(key):
    public = copies.new_key(key)
    assert mode(key) == 0o600 and mode(key.parent) == 0o700
    before = key.read_bytes()
    with pytest.raises(Refused, match="never replaced"):
        copies.new_key(key)
    assert key.read_bytes() == before
    assert copies.key_here(key) == public
    assert copies.key_here(key.parent / "new") == str(copies.identities(key.parent / "new")[0].to_public())


def test_a_key_file_is_never_written_through_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="there already"):
        copies.new_key(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_file_that_cannot_be_written_whole_is_not_there(key, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failed, match="No space left"):
        copies.new_key(key)
    assert not key.exists()


@pytest.mark.skipif(os.name != "posix", reason="the mode of a file tells who may read it only there")
@pytest.mark.parametrize("loose", [0o644, 0o640, 0o604, 0o620, 0o660, 0o777])
def test_a_key_file_that_others_can_read_is_refused(key, loose):
    copies.new_key(key)
    key.chmod(loose)
    for use in (copies.identities, copies.key_here):
        with pytest.raises(Refused, match="chmod 600"):
            use(key)
    key.chmod(0o400)
    assert copies.identities(key)


def test_a_locked_key_file_opens_with_its_passphrase_only(key):
    blob = copies.Vault([copies.new_key(key, PASSPHRASE)]).seal(RECORD)
    assert b"AGE-SECRET-KEY" not in key.read_bytes() and mode(key) == 0o600
    assert copies.opened(blob, copies.identities(key, PASSPHRASE)) == RECORD
    with pytest.raises(Refused, match="put its passphrase into the environment"):
        copies.identities(key)
    with pytest.raises(Refused, match="does not open"):
        copies.identities(key, PASSPHRASE.upper())


def test_key_files_as_the_age_program_writes_them_open(tmp_path):
    one = pyrage.x25519.Identity.generate()
    lines = f"# created: 2026-11-22T10:00:00Z\n# public key: {one.to_public()}\n{one}\n"
    forms = {"unix": lines.encode(), "windows": b"\xef\xbb\xbf" + lines.replace("\n", "\r\n").encode(),
             "bare": str(one).encode(), "armored": pyrage.passphrase.encrypt(lines.encode(), "x", armored=True)}
    for name, data in forms.items():
        file = tmp_path / name
        file.touch(0o600)
        file.write_bytes(data)
        assert [str(key) for key in copies.identities(file, "x")] == [str(one)], name


@pytest.mark.parametrize("data", [b"", b"# nothing\n", b"\x00\xff" * 50, b"age1abc\n", b"AGE-SECRET-KEY-1QQQQ\n",
                                  b"age-encryption.org/v1\n", b"age-encryption.org/v1\n-> X25519 x\n",
                                  b"-----BEGIN AGE ENCRYPTED FILE-----\nxx"])
def test_what_is_no_key_file_is_refused_by_name(key, data):
    key.parent.mkdir()
    key.touch(0o600)
    key.write_bytes(data)
    with pytest.raises(Refused, match="copies.key") as refused:
        copies.identities(key, "x")
    assert "QQQQ" not in str(refused.value)


def test_a_key_file_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(Refused, match="no key file copies.key"):
        copies.identities(tmp_path / "copies.key")
    with pytest.raises(Refused, match="cannot be read"):
        copies.identities(tmp_path)


# ---- secrets

def secrets(key):
    text = pyrage.passphrase.decrypt(key.read_bytes(), PASSPHRASE).decode()
    return [PASSPHRASE, next(line for line in text.splitlines() if line.startswith("AGE-SECRET"))]


def test_no_secret_is_in_a_repr_or_in_what_an_error_says(key):
    vault = copies.Vault([copies.new_key(key, PASSPHRASE)])
    keys, hidden = copies.identities(key, PASSPHRASE), secrets(key)
    shown = [repr(vault), str(vault), repr(keys), repr(vault._session)]
    for use in (lambda: copies.identities(key, PASSPHRASE + "x"), lambda: copies.opened(b"x", keys),
                lambda: copies.opened(VAULT.seal({}), keys), lambda: copies.Vault(hidden[1:]),
                lambda: copies.Vault([f" {hidden[1].lower()}"]), lambda: copies.new_key(key, PASSPHRASE)):
        with pytest.raises(PurgeError) as failed:
            use()
        shown += [str(failed.value), repr(failed.value.facts), *traceback.format_exception(failed.value),
                  *failed.value._render_traceback_()]
    for secret in (*hidden, hidden[1][15:], str(vault._session)):
        assert not any(secret.lower() in one.lower() for one in shown)


def test_a_pasted_secret_line_is_refused_as_one():
    with pytest.raises(BadChoice, match="secret line"):
        copies.Vault([str(KEYS[0])])


def test_a_session_that_writes_copies_holds_no_key_that_opens_them_later(tmp_path, key):
    # The session's own key lives in memory only: nothing of it is in any file.
    public = copies.new_key(key)
    made = subprocess.run([sys.executable, "-c", "import sys; from purgelib import copies; v = copies.Vault("
                           f"['{public}']); sys.stdout.buffer.write(v.seal({{'a': 1}}))"], capture_output=True,
                          check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert copies.opened(made.stdout, copies.identities(key)) == {"a": 1}
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["copies.key"]


# ---- fingerprints

def test_a_fingerprint_tells_other_changes_from_ours():
    changes = {"purge_date": "2026-11-01", "note": "ours"}
    record = invented.record()
    same = copies.digest(record, changes)
    assert same == copies.digest({**record, "purge_date": "2030-01-01Z", "user_note": [{"note_text": "ours"}],
                                  "loans": None, "link": "x"}, changes)
    assert len(same) == 64 and "Ada" not in same
    for other in ({"last_name": "Other"}, {"expiry_date": "2030-01-01Z"}, {"user_note": [{"note_text": "other"}]},
                  {"user_role": []}):
        assert copies.digest({**record, **other}, changes) != same
    assert copies.digest(RECORD, changes) != same, "no sign of a name stops it"
