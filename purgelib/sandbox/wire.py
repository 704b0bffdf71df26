"""Between HTTP and the sandbox: a request is read into a call, an answer is sent, or torn, as a fault says."""

import asyncio
import contextlib
import re
from urllib.parse import parse_qsl

from purgelib.sandbox.app import Sandbox
from purgelib.sandbox.calls import Call

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")


def create(store, about=None):
    """Returns the sandbox over this store as an ASGI application; its `sandbox` is the plain function."""
    sandbox = Sandbox(store, about)

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        call = await _read(scope, receive)
        if call is None:
            return None
        status, headers, body, fault = sandbox.respond(call)
        if call.is_alma and sandbox.settings["latency"]:
            await asyncio.sleep(sandbox.settings["latency"])
        if fault:
            # A slow answer is a late one; the act itself is done by now.
            await asyncio.sleep(fault.seconds)
            if fault.do.startswith("cut_") or fault.do == "truncate":
                return await _tear(scope, receive, send, status, headers, body, fault)
        await _send(send, status, headers, body if call.method != "HEAD" else b"", len(body))

    application.sandbox = sandbox
    return application


async def _read(scope, receive):
    headers = {}
    for name, value in scope["headers"]:
        name, value = name.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name == "accept" and name in headers else value
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # Half a body is no request.
            return None
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    if body:
        headers["content-type"] = _form(headers.get("content-type", ""), body)
    # The raw path: an identifier may hold a slash, written as %2F.
    path = scope["raw_path"].decode("utf-8", "replace").partition("?")[0]
    host = headers.get("host", "")
    return Call(scope["method"], path, query_of(scope["query_string"]), headers, body,
                f"http://{host if _HOST.fullmatch(host) else '127.0.0.1'}")


def query_of(raw):
    """Returns the parameters of a query; of one given twice the first counts, broken escapes are replaced."""
    found = {}
    for name, value in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"):
        found.setdefault(name, value)
    return found


def _form(said, body):
    """Content-Type as the client said it, or as the body looks when it named neither JSON nor XML."""
    said, start = said.lower(), body[:100].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if "json" in said or "xml" in said:
        return said
    return {b"<": "application/xml", b"{": "application/json"}.get(start, said)


async def _send(send, status, headers, body, length, whole=True):
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    if status != 204 and length is not None:
        pairs.append((b"Content-Length", str(length).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body, "more_body": not whole})


async def _tear(scope, receive, send, status, headers, body, fault):
    """Closes the connection: without a word, or in the middle of the answer."""
    ways = scope.get("extensions", {})
    if "sandbox.cut" not in ways:
        raise ConnectionResetError("the sandbox cut the connection")
    if fault.do == "truncate" and body:
        length = None if fault.chunked else len(body)
        await _send(send, status, headers, body[:(len(body) + 1) // 2], length, whole=False)
        ways["sandbox.close"]()
    else:
        ways["sandbox.cut"]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _live(receive, send):
    with contextlib.suppress(Exception):
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
