"""One request and one answer, as plain values, so that every part of the sandbox is a plain function."""

import dataclasses
import json
import re

from purgelib.sandbox import accepting, assumptions
from purgelib.sandbox.envelope import AlmaError, NOT_IN_XML

_DEEPEST, _LARGEST = 50, 2 ** 63


@dataclasses.dataclass
class Call:
    """What a client asked: method, path, query, headers, body, and the host that it used."""

    method: str
    path: str
    query: dict = dataclasses.field(default_factory=dict)
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    host: str = "http://127.0.0.1"
    # What is to go wrong inside the act itself, by order of a fault: its kind, for those whom it concerns.
    fault: str = ""

    @property
    def is_alma(self):
        """Whether the call is for Alma, and not for the sandbox's own pages and control door."""
        return self.path not in ("/", "/sandbox") and not self.path.startswith("/sandbox/")

    @property
    def wants_json(self):
        """Says whether the client asked for JSON; without a word Alma answers XML."""
        asked = self.query.get("format")
        if asked in ("json", "xml"):
            return asked == "json"
        accept = self.headers.get("accept", "")
        return accept == "application/json" or accepting.prefers_json(accept)

    def link(self, path):
        """Returns the full address of a path below /almaws/v1."""
        return f"{self.host}/almaws/v1/{path}"

    def number(self, name, default, top=100):
        """Returns a whole number of the query; anything else is refused with the code of the operation."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) > top:
            code = self._code(assumptions.WRONG_NUMBER)
            raise AlmaError(code, f"The parameter {name} is invalid. Received: {text}.")
        return int(text)

    def page(self):
        """Returns limit and offset of the query (default 10 and 0, limit at most 100)."""
        return self.number("limit", 10), self.number("offset", 0, top=10_000_000)

    def json(self):
        """Returns the JSON object in the body; anything else is refused with the code of the operation."""
        try:
            value = json.loads(self.body.decode("utf-8-sig"), parse_constant=_refuse)
            _check(value)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            code = self._code(assumptions.WRONG_BODY)
            raise AlmaError(code, "No valid XML was given." if code == "401676" else "No valid object was given.")
        return value

    def _code(self, table):
        asked = f"{self.method} {self.path}"
        return next(code for pattern, code in table if re.search(pattern, asked))


def _refuse(word):
    raise ValueError(f"{word} is no number")


def _check(value):
    """Raises ValueError for what Alma could not keep: characters outside XML, endless depth or numbers."""
    level = [value]
    for _ in range(_DEEPEST):
        below = []
        for one in level:
            if isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list):
                below += one
            elif isinstance(one, str) and NOT_IN_XML.search(one):
                raise ValueError("a character that XML cannot hold")
            elif isinstance(one, int | float) and not abs(one) < _LARGEST:
                raise ValueError("a number that is too large")
        level = below
        if not level:
            return
    raise ValueError("nested too deeply")


@dataclasses.dataclass
class Answer:
    """What the sandbox says: status, a JSON-like value or finished text, its name in XML, further headers."""

    content: object = None
    name: str = "result"
    status: int = 200
    media: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
