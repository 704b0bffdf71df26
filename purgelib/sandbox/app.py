"""The front of the sandbox: finds who answers a call, keeps writes whole, and dresses the answer for HTTP."""

import contextlib
import json

from starlette.requests import Request
from starlette.responses import Response

from purgelib.sandbox import analytics, clock, door, envelope, faults, routes, xmlform
from purgelib.sandbox.calls import Answer, Call
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.gate import Gate
from purgelib.sandbox.work import Worker


class Sandbox:
    """A pretend Alma as a function from call to answer, and as an ASGI application."""

    def __init__(self, store, about=None):
        self.store = store
        self.about = about or {}
        self.settings = store.get("settings")
        self.gate = Gate(self.settings)
        self.faults = faults.Faults()
        self.worker = Worker(store, self.settings)
        self.calls = 0

    def respond(self, call):
        """Returns status, headers and body for a call, and the fault that was asked for, if any."""
        self.calls += 1
        fault = None
        if not self.about:
            # Without a server nobody else lets the jobs go on.
            self.worker.step()
        try:
            if call.path.startswith("/sandbox/"):
                answer = door.answer(self, call)
            else:
                self.gate.check(call)
                fault = self.faults.due(call)
                answer = self._act(call, fault)
        except AlmaError as error:
            answer = self._refusal(call, error)
        return answer.status, self._headers(call, answer), _body(call, answer), fault

    def _act(self, call, fault):
        if fault and fault.before:
            raise fault.error()
        act, parts = routes.find(call)
        call.fault = fault.do if fault else ""
        if fault and fault.do == "still_loading":
            return analytics.still_loading()
        if call.method == "GET":
            answer = act(self.store, call, *parts)
        else:
            with self.store.transaction():
                answer = act(self.store, call, *parts)
                if fault and fault.do == "lie":
                    self.store.undo()
            self.worker.open = True
        if fault and fault.do == "error_after":
            raise fault.error()
        return answer

    def _refusal(self, call, error):
        tracking = envelope.tracking_id(self.store.clock.now(), self.calls)
        if call.wants_json and not error.always_xml:
            text, media = envelope.as_json(error, tracking), "application/json"
        else:
            text, media = envelope.as_xml(error, tracking), "application/xml"
        return Answer(text.encode(), status=error.status, media=media)

    def _headers(self, call, answer):
        as_json = call.wants_json or call.path.startswith("/sandbox/")
        media = answer.media or ("application/json" if as_json else "application/xml")
        headers = {"Date": clock.http_date(self.store.clock.now()), "Server": "Layer7-API-Gateway",
                   "X-Request-ID": f"sandbox{self.calls}"}
        if answer.status != 204:
            headers["Content-Type"] = f"{media};charset=UTF-8"
        if not call.path.startswith("/sandbox/"):
            headers["X-Exl-Api-Remaining"] = str(self.gate.remaining)
        return headers


def _body(call, answer):
    if answer.status == 204:
        return b""
    if isinstance(answer.content, bytes):
        return answer.content
    if call.wants_json or call.path.startswith("/sandbox/"):
        return json.dumps(answer.content, ensure_ascii=False, separators=(",", ":")).encode()
    return xmlform.write(answer.name, answer.content)


async def _read(request):
    # The raw path: an identifier may hold a slash, written as %2F.
    path = request.scope["raw_path"].decode("ascii").split("?")[0]
    host = request.headers.get("host", "127.0.0.1")
    return Call(request.method, path, dict(request.query_params), dict(request.headers),
                await request.body(), f"http://{host}")


def create(store, about=None):
    """Returns the sandbox over this store as an ASGI application; its `sandbox` is the plain function."""
    sandbox = Sandbox(store, about)

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        call = await _read(Request(scope, receive))
        status, headers, body, fault = sandbox.respond(call)
        if fault:
            await fault.wait()
            if fault.do == "cut_after":
                return fault.cut(scope)
        await Response(body, status, headers)(scope, receive, send)

    application.sandbox = sandbox
    return application


async def _live(receive, send):
    with contextlib.suppress(Exception):
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
