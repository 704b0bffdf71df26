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
        if settings:
            assert self.ask("POST", "/sandbox/settings", settings).status == 200, settings

    def ask(self, method, where, body=None, key=KEY, accept="application/json", **query):
        """Asks the sandbox; a `where` without a slash in front is below /almaws/v1. A cut connection is an error."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        headers = {"authorization": f"apikey {key}", "accept": accept}
        if data.startswith(b"<"):
            headers["content-type"] = "application/xml"
        whole = where if where.startswith("/") else f"/almaws/v1/{where}"
        call = Call(method, whole, {k: str(v) for k, v in query.items()}, headers, data)
        status, said, body, fault = self.sandbox.respond(call)
        if fault and (fault.do.startswith("cut_") or fault.do == "truncate" and not body):
            raise ConnectionResetError("the sandbox cut the connection")
        if fault and fault.do == "truncate":
            body = body[:(len(body) + 1) // 2]
        return Reply(status, said, body if method != "HEAD" else b"")
