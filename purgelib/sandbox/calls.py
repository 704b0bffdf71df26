"""One request and one answer, as plain values, so that every part of the sandbox is a plain function."""

import dataclasses
import json

from purgelib.sandbox.envelope import AlmaError


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
    def wants_json(self):
        """Says whether the client asked for JSON; without a word Alma answers XML."""
        asked = self.query.get("format")
        if asked:
            return asked == "json"
        return "json" in self.headers.get("accept", "")

    def link(self, path):
        """Returns the full address of a path below /almaws/v1."""
        return f"{self.host}/almaws/v1/{path}"

    def number(self, name, default, top=100):
        """Returns a whole number of the query; anything else is Alma's general error."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isdigit() or int(text) > top:
            raise AlmaError("40166410", f"The parameter {name} is invalid. Received: {text}.")
        return int(text)

    def page(self):
        """Returns limit and offset of the query (default 10 and 0, limit at most 100)."""
        return self.number("limit", 10), self.number("offset", 0, top=10_000_000)

    def json(self):
        """Returns the JSON object in the body; anything else is refused with Alma's words."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise AlmaError("401676", "No valid XML was given.")
        return value


@dataclasses.dataclass
class Answer:
    """What the sandbox says: status, a JSON-like value or finished text, and its name in XML."""

    content: object = None
    name: str = "result"
    status: int = 200
    media: str = ""
