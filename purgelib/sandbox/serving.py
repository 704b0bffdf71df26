"""The server process: one folder, one lock, one port on this machine, and an end of its own accord."""

import asyncio
import contextlib
import json
import logging
import os
import pathlib
import socket
import time

import filelock
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from purgelib.sandbox import app
from purgelib.sandbox.founding import open_store
from purgelib.sandbox.tokens import token

log = logging.getLogger("purgelib.sandbox")


class CuttingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also lets a scripted fault close the connection without an answer."""

    def on_headers_complete(self):
        """Hands the way to cut the connection to the application, in ASGI's place for extensions."""
        self.scope["extensions"] = {"sandbox.cut": self.transport.abort}
        super().on_headers_complete()


def serve(folder, port=0, users=12_000, seed=31, idle_hours=12.0, settings=None):
    """Serves the sandbox of a folder until it is stopped or idle; returns False if another already does."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / "serving.lock")
    try:
        # Held for life and released by the kernel however this process ends: at most one server.
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    store = open_store(folder, users, seed)
    if settings:
        with store.transaction():
            store.put("settings", {**store.get("settings"), **settings})
    listener = _listen(folder, port)
    asyncio.run(_run(folder, store, listener, idle_hours * 3600))
    store.close()
    lock.release()
    return True


def _listen(folder, port):
    # The port of last time comes first, so that notebooks which know it go on working.
    wishes = [port] if port else [_last_port(folder), 0]
    for wish in wishes:
        # Named as TCP, or asyncio does not switch off Nagle's algorithm and every answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wish))
        except OSError:
            listener.close()
            if wish == wishes[-1]:
                raise
        else:
            listener.listen(512)
            return listener
    return None


def _last_port(folder):
    with contextlib.suppress(OSError, ValueError, KeyError):
        return int(json.loads((folder / "server.json").read_text())["port"])
    return 0


async def _run(folder, store, listener, idle_seconds):
    about = {"folder": token(folder), "pid": os.getpid()}
    application = app.create(store, about)
    config = uvicorn.Config(application, http=CuttingProtocol, ws="none", lifespan="off", log_level="warning",
                            access_log=False, date_header=False, server_header=False, proxy_headers=False,
                            timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    where = {"pid": os.getpid(), "port": listener.getsockname()[1]}
    _write(folder / "server.json", json.dumps(where))
    worker = asyncio.create_task(_work(application.sandbox.worker))
    keeper = asyncio.create_task(_keep(folder, application.sandbox, server, idle_seconds))
    await server.serve(sockets=[listener])
    keeper.cancel()
    worker.cancel()


def _write(path, text):
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


async def _work(worker):
    """Lets submitted jobs go on in the background; an error in one is logged and tried again."""
    while True:
        await asyncio.sleep(0.05)
        try:
            worker.step()
        except Exception:
            log.exception("a job could not go on")
            await asyncio.sleep(1)


async def _keep(folder, sandbox, server, idle_seconds):
    """Keeps the clock on disk; ends the server when idle for long or when its folder is gone."""
    calls, since, kept = -1, time.monotonic(), time.monotonic()
    while not server.should_exit:
        await asyncio.sleep(0.5)
        now = time.monotonic()
        if sandbox.calls != calls:
            calls, since = sandbox.calls, now
        if now - kept > 5:
            kept = now
            sandbox.store.keep_clock()
        if now - since > idle_seconds or not (folder / "server.json").exists():
            log.warning("idle or without its folder: the sandbox ends")
            server.should_exit = True
