"""The server process: one state, one lock, one port on this machine, and an end of its own accord."""

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import signal
import socket
import sys
import tempfile
import time

import filelock
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from purgelib.sandbox import door, wire
from purgelib.sandbox.founding import open_state
from purgelib.sandbox.gate import KEY
from purgelib.sandbox.tokens import token

log = logging.getLogger("purgelib.sandbox")
# So many people take a while to invent.
MANY = 20_000


class CuttingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also lets a fault close the connection, at once or after what was sent."""

    def on_headers_complete(self):
        """Hands the ways to close the connection to the application, in ASGI's place for extensions."""
        self.scope["extensions"] = {"sandbox.cut": self.transport.abort, "sandbox.close": self.transport.close}
        super().on_headers_complete()


class Server(uvicorn.Server):
    """uvicorn's server, which leaves the signals to us: after its end the state is still to be closed."""

    @contextlib.contextmanager
    def capture_signals(self):
        """Ends the server at Ctrl-C and at SIGTERM; the process goes on to its own end."""
        before = {sign: signal.signal(sign, self.handle_exit) for sign in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)


@dataclasses.dataclass
class Place:
    """Where a sandbox keeps its state and its lock, and where it writes its port for others, if anywhere."""

    state: pathlib.Path
    lock: pathlib.Path
    told: pathlib.Path | None = None

    @classmethod
    def folder(cls, folder):
        """Returns the place of a folder, which is made if it does not exist."""
        folder = pathlib.Path(folder).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder / "alma.sqlite", folder / "serving.lock", folder / "server.json")

    @classmethod
    def file(cls, path):
        """Returns the place of a single state file; its lock stands beside it."""
        path = pathlib.Path(path).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(path, path.with_name(f"{path.name}.lock"))


@dataclasses.dataclass
class Wish:
    """How to serve: port, people of a new state, end when idle, settings and faults from the start."""

    port: int = 0
    users: int = 12_000
    seed: int = 31
    idle_hours: float | None = None
    settings: dict = dataclasses.field(default_factory=dict)
    faults: list = dataclasses.field(default_factory=list)


def serve(place, wish):
    """Serves the sandbox of a place until it is stopped or idle; returns False if another already does."""
    lock = filelock.FileLock(place.lock)
    try:
        # Held for life and released by the kernel however this process ends: at most one server.
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    try:
        listener = _listen(place, wish.port)
        if place.told:
            # Told before the people are invented, so that whoever wants to stop it knows which process it is.
            _write(place.told, json.dumps({"pid": os.getpid(), "port": listener.getsockname()[1]}))
        if not place.state.exists() and wish.users > MANY:
            sys.stdout.write(f"Inventing {wish.users:,} people: some {wish.users // 6_000} seconds.\n")
            sys.stdout.flush()
        with contextlib.closing(open_state(place.state, wish.users, wish.seed)) as store:
            asyncio.run(_run(place, store, listener, wish))
    finally:
        lock.release()
    return True


def serve_for_a_while(wish):
    """Serves a sandbox whose state is forgotten when it ends."""
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        return serve(Place.folder(folder), wish)


def _listen(place, port):
    # The port of last time comes first, so that notebooks which know it go on working.
    wishes = [port] if port else [_last_port(place), 0]
    while wishes:
        wish = wishes.pop(0)
        # Named as TCP, or asyncio does not switch off Nagle's algorithm and every answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", wish))
        except OSError:
            listener.close()
            if not wishes:
                raise
        else:
            break
    listener.listen(512)
    return listener


def _last_port(place):
    with contextlib.suppress(OSError, ValueError, KeyError, AttributeError):
        return int(json.loads(place.told.read_text())["port"])
    return 0


async def _run(place, store, listener, wish):
    about = {"folder": token(place.state.parent), "pid": os.getpid()}
    application = wire.create(store, about)
    sandbox = application.sandbox
    door.change_settings(sandbox, wish.settings)
    sandbox.faults.add(wish.faults)
    sandbox.pass_night()
    config = uvicorn.Config(application, http=CuttingProtocol, ws="none", lifespan="off", log_level="warning",
                            access_log=False, date_header=False, server_header=False, proxy_headers=False,
                            timeout_graceful_shutdown=1)
    server = Server(config)
    _say(listener.getsockname()[1])
    tasks = [asyncio.create_task(_work(sandbox)), asyncio.create_task(_keep(place, sandbox, server, wish))]
    await server.serve(sockets=[listener])
    for task in tasks:
        task.cancel()


def _say(port):
    sys.stdout.write(f"A pretend Alma answers at http://127.0.0.1:{port} with the key {KEY} (Ctrl-C ends it). Try:\n"
                     f"curl -H 'Authorization: apikey {KEY}' 'http://127.0.0.1:{port}/almaws/v1/users?limit=2'\n")
    sys.stdout.flush()


def _write(path, text):
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


async def _work(sandbox):
    """Lets submitted jobs go on in the background; an error in one is logged, counted and tried again."""
    while True:
        await asyncio.sleep(0.05)
        try:
            sandbox.worker.step()
        except Exception:
            sandbox.crashes += 1
            log.exception("a job could not go on")
            await asyncio.sleep(1)


async def _keep(place, sandbox, server, wish):
    """Keeps the clock on disk and lets nights pass; ends the server when idle for long or without its folder."""
    calls, since, kept = -1, time.monotonic(), time.monotonic()
    while not server.should_exit:
        await asyncio.sleep(0.5)
        now = time.monotonic()
        if sandbox.calls != calls:
            calls, since = sandbox.calls, now
        _pass_time(sandbox, now - kept > 5)
        kept = now if now - kept > 5 else kept
        idle = wish.idle_hours is not None and now - since > wish.idle_hours * 3600
        if idle or place.told and not place.told.exists():
            log.warning("idle or without its folder: the sandbox ends")
            server.should_exit = True


def _pass_time(sandbox, keep):
    try:
        sandbox.pass_night()
        if keep:
            sandbox.store.keep_clock()
    except Exception:
        # Somebody else may hold the file for a moment; the server must not lose its keeper over it.
        sandbox.crashes += 1
        log.exception("the clock could not go on")
