"""The API key: put into the header of each request, and shown to nobody."""

from purgelib.errors import NoKey


class Key:
    """Puts a key into the header of each request (what the HTTP package takes as ``auth``)."""

    def __init__(self, key):
        self._value = f"apikey {_sound(key)}"

    def __call__(self, request):
        request.headers["Authorization"] = self._value
        return request

    def __repr__(self):
        return "<key>"


def _sound(key):
    """A key pasted with something around it would come to light in the error of whoever trips over it."""
    if not key.strip() or not key.strip().isascii() or not key.strip().isprintable():
        raise NoKey("The API key is empty or holds signs that no key has: copy it again.", target=None)
    return key.strip()
