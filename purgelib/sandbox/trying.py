"""A sandbox without a server and without a file: for quick tests, asked as a plain function."""

import dataclasses
import json

from purgelib.sandbox import app, founding, store
from purgelib.sandbox.calls import Call
from purgelib.sandbox.gate import KEY


@dataclasses.dataclass
class Reply:
    """What the sandbox answered."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        """The body as an object."""
        return json.loads(self.body)

    @property
    def code(self):
        """The code of Alma's error in the body, which must be one in JSON."""
        return self.json["errorList"]["error"][0]["errorCode"]


class Tried:
    """A small university in memory; `ask` is one call."""

    def __init__(self, users=600, seed=31, **settings):
        self.store = store.Store(":memory:")
        founding.found(self.store, users, seed)
        self.sandbox = app.Sandbox(self.store)
        self.sandbox.settings.update(settings)
        self.store.put("settings", self.sandbox.settings)

    def ask(self, method, where, body=None, key=KEY, accept="application/json", **query):
        """Asks the sandbox; a `where` without a slash in front is below /almaws/v1."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        headers = {"authorization": f"apikey {key}", "accept": accept}
        if data.startswith(b"<"):
            headers["content-type"] = "application/xml"
        whole = where if where.startswith("/") else f"/almaws/v1/{where}"
        call = Call(method, whole, {k: str(v) for k, v in query.items()}, headers, data)
        return Reply(*self.sandbox.respond(call)[:3])
