"""The API key: found, put into the header of each request, and shown to nobody."""

import getpass
import os
import sys
import warnings

from purgelib.errors import NoKey

# Keys that a person typed, by host: kept in memory until this program ends, or Alma refuses them.
_typed = {}


class Key:
    """Puts a key into the header of each request (what the HTTP package takes as ``auth``).

    Nothing that looks at it, copies it, or writes it down gets to see it. A text that cannot be a key makes a Key
    too; ``sound`` refuses it, so that no traceback passes by the place where the text is held.
    """

    __slots__ = ("_put",)

    def __init__(self, key):
        self._put = key._put if isinstance(key, Key) else _putter(key)

    def __call__(self, request):
        self.sound()._put(request.headers)
        return request

    def __repr__(self):
        return "<key>"

    def __reduce__(self):
        raise TypeError("An API key is not written down anywhere.")

    def sound(self):
        """Returns this key; refuses one that is empty or holds signs that no key has."""
        if self._put is None:
            raise NoKey("The API key is empty or holds signs that no key has: copy it again.", target=None)
        return self


def find(where, host):
    """Returns the key of a target: from the environment, the keyring, or a person who is asked for it, unseen.

    Never from an argument, so that no notebook holds one. Where nobody can be asked, NoKey says what to do.
    """
    import keyring  # slow to import, and without a backend on many servers

    try:
        found = os.environ.get("ALMA_API_KEY") or keyring.get_password("purgelib", host)
    except keyring.errors.KeyringError:
        found = None
    if found:
        return Key(found)
    if host not in _typed:
        _typed[host] = _asked(where, host)
    return _typed[host]


def forget(host):
    """Forgets what a person typed for this host: Alma does not accept it."""
    _typed.pop(host, None)


def _putter(text):
    """A key pasted with something around it would come to light in the error of whoever trips over it."""
    text = text.strip() if isinstance(text, str) else ""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        return None
    return lambda headers: headers.update({"Authorization": f"apikey {text}"})


def _asked(where, host):
    """A terminal or a notebook with a person before it; never a program that would wait for an answer for ever."""
    said = NoKey(f"No key for {where}: set ALMA_API_KEY, or store it once with: keyring set purgelib {host}",
                 target=where)
    if os.environ.get("CI") or not (_in_a_notebook() or sys.stdin and sys.stdin.isatty()):
        raise said
    try:
        with warnings.catch_warnings():
            # A terminal that would show what is typed is none to type a key into.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return Key(getpass.getpass(f"API key for {host} (is not shown): ")).sound()
    except (NotImplementedError, EOFError, OSError, getpass.GetPassWarning):
        # A notebook that runs by itself, as papermill lets it, has nobody to ask.
        raise said from None


def _in_a_notebook():
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None
