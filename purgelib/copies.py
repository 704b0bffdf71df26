"""Full copies of records: compressed, and encrypted to recipients (age), so that who runs a purge need
not be able to read them later.

A copy is opened with a key file, plain or locked by a passphrase. To prove that a copy can be opened, it is also
encrypted to a key that lives in the memory of this session only.
"""

import hashlib
import json
import os
import zlib
from pathlib import Path

import pyrage

from purgelib import fields
from purgelib.errors import BadChoice, CopyFailed, Failed, Refused

LOCKED = b"age-encryption.org/"
SECRET = "AGE-SECRET-KEY-"


class Vault:
    """Seals copies for recipients (texts, age1...). Without recipients, copies are compressed only."""

    def __init__(self, recipients=()):
        self._session = pyrage.x25519.Identity.generate()
        to = [_recipient(one) for one in recipients]
        # The session comes first, as reading back then tries its key first.
        self._to = [self._session.to_public(), *to] if to else []

    def __repr__(self):
        return f"<Vault for {max(0, len(self._to) - 1)} recipients>"

    def seal(self, record):
        """Returns the record as bytes, compressed and encrypted; CopyFailed for what JSON cannot hold."""
        packed = zlib.compress(_text(record))
        return pyrage.encrypt(packed, self._to) if self._to else packed

    def reads_back(self, blob, record):
        """Says whether these bytes open and hold this very record."""
        try:
            packed = pyrage.decrypt(bytes(blob), [self._session]) if self._to else bytes(blob)
            return zlib.decompress(packed) == _text(record)
        except (pyrage.DecryptError, zlib.error, TypeError):
            return False


def _recipient(text):
    if str(text).strip().upper().startswith(SECRET):
        # Not quoted: it would end up in a notebook.
        raise BadChoice("This is the secret line of an age key, which belongs into a key file and nowhere else: name "
                        "its public line (age1...) instead, and make a new key if others may have seen this one.")
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except (pyrage.RecipientError, TypeError):
        raise BadChoice(f"{text!r} is not the public line of an age key (age1...).", value=text) from None


def _text(record):
    try:
        return json.dumps(record, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError):
        raise CopyFailed("A record holds what no copy can hold; nothing was written to this user.",
                         primary_id=record.get("primary_id")) from None


def is_locked(blob):
    """Says whether a key is needed to open a copy."""
    return bytes(blob[:len(LOCKED)]) == LOCKED


def opened(blob, keys=()):
    """Returns the record that a copy holds; keys: as ``identities`` gives them."""
    if is_locked(blob):
        if not keys:
            raise CopyFailed("The copies of this run are encrypted: name the key file, and its passphrase if "
                             "it has one.")
        blob = _decrypted(bytes(blob), list(keys))
    try:
        return json.loads(zlib.decompress(blob))
    except (zlib.error, TypeError, ValueError):
        raise CopyFailed("A copy in the journal is damaged; it cannot be used to restore a user.") from None


def _decrypted(blob, keys):
    try:
        return pyrage.decrypt(blob, keys)
    except pyrage.DecryptError as error:
        if "matching" in str(error):
            raise CopyFailed("A copy cannot be opened with this key: it was encrypted to another one, or is damaged. "
                             "The plan names the public line of the right one (copies_to).") from None
        raise CopyFailed("A copy in the journal is damaged; it cannot be used to restore a user.") from None


def identities(key_file, passphrase=""):
    """Reads an age key file, plain or locked by a passphrase; returns its keys. Only reads."""
    path = Path(key_file)
    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read()
    except FileNotFoundError:
        raise Refused(f"There is no key file {path.name}: the copies of records open with the key that the policy's "
                      "copies_to was made from.", file=path.name) from None
    except OSError as error:
        raise Refused(f"The key file {path.name} cannot be read: {error.strerror}.", file=path.name) from None
    # On Windows the mode says nothing about others.
    if os.name == "posix" and mode & 0o077:
        raise Refused(f"The key file {path.name} can be read by others: chmod 600 it first.", file=path.name)
    if data.startswith(LOCKED) or data.startswith(b"-----BEGIN AGE"):
        data = _unlocked(data, passphrase, path.name)
    return _keys_in(data, path.name)


def _unlocked(data, passphrase, name):
    if not passphrase:
        raise Refused(f"The key file {name} is locked: put its passphrase into the environment as COPIES_PASSPHRASE.",
                      file=name)
    try:
        return pyrage.passphrase.decrypt(data, passphrase)
    except pyrage.DecryptError:
        raise Refused(f"The passphrase does not open the key file {name}, or the file is damaged.", file=name) from None


def _keys_in(data, name):
    lines = [line.strip() for line in data.decode("utf-8-sig", errors="replace").splitlines()]
    try:
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith(SECRET)]
    except pyrage.IdentityError:
        keys = []
    if not keys:
        # The line itself is not quoted: it may be most of a secret.
        raise Refused(f"{name} holds no age key (a line that begins with {SECRET}).", file=name)
    return keys


def new_key(key_file, passphrase=""):
    """Makes a key file for its owner only, locked by the passphrase if one is given; returns its public line.

    The public line goes into the policy (copies_to). Refuses to replace a file. Writes to disk.
    """
    path, key = Path(key_file), pyrage.x25519.Identity.generate()
    text = f"# public: {key.to_public()}\n{key}\n".encode()
    data = pyrage.passphrase.encrypt(text, passphrase) if passphrase else text
    try:
        _written(path, data)
    except FileExistsError:
        raise Refused(f"{path.name} is there already; a key file is never replaced, as copies may need it.",
                      file=path.name) from None
    except OSError as error:
        raise Failed(f"The key file {path.name} cannot be written: {error.strerror}.", file=path.name) from None
    return str(key.to_public())


def _written(path, data):
    """On the disk, whole, before anything is encrypted to it; or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink()
            raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def key_here(key_file):
    """Returns the public line of the key in that file, which is made when it is not there. Writes to disk."""
    if not Path(key_file).exists():
        return new_key(key_file)
    return str(identities(key_file)[0].to_public())


def digest(record, names):
    """Returns a fingerprint of all that a write of these fields must leave alone: compares later, without any key."""
    return hashlib.sha256(fields.rest(record, names).encode()).hexdigest()
