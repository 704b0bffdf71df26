"""A pretend Alma behind real HTTP on this machine, with invented people: for practice and for tests.

    where = sandbox.ensure(folder)      starts it, or finds the one that runs
    sandbox.stop(folder)                stops it, keeps its state
    sandbox.reset(folder)               stops it and forgets everybody

By itself: ``python -m purgelib.sandbox --help``; what tests may order of it: door.py, faults.py.
It imports nothing else of purgelib: it is the ground truth against which the rest is tested.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

import filelock

from purgelib.sandbox.founding import open_store
from purgelib.sandbox.gate import KEY, READ_ONLY_KEY
from purgelib.sandbox.tokens import token

__all__ = ["KEY", "READ_ONLY_KEY", "Where", "ensure", "reset", "stop"]
# Kept so that a server which outlives us is no forgotten child, and one which ended leaves no zombie.
_started = []
_STATE = ("alma.sqlite", "alma.sqlite-wal", "alma.sqlite-shm", "server.json", "server.log")


@dataclasses.dataclass(frozen=True)
class Where:
    """Where a running sandbox is to be found: address without path, key with full rights, process."""

    url: str
    key: str
    pid: int


def ensure(folder, users=12_000, seed=31):
    """Returns where the sandbox of this folder answers; starts it if none does.

    The server is a process of its own, shared by all notebooks; it outlives the caller. A folder that
    already has people keeps them, whatever `users` and `seed` say. Safe to call from many processes.
    """
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    where = _answering(folder)
    if where:
        return where
    with filelock.FileLock(folder / "starting.lock"):
        where = _answering(folder)
        if where:
            return where
        # One that holds the lock but does not answer is starting up or stuck; wait for it, then end it.
        return (_serving(folder) and _wait(folder, 5)) or _start(folder, users, seed)


def stop(folder):
    """Stops the sandbox of this folder and keeps its state; does nothing when none is running."""
    folder = pathlib.Path(folder).resolve()
    if not folder.exists():
        return
    with filelock.FileLock(folder / "starting.lock"):
        _stop(folder)


def reset(folder, users=12_000, seed=31):
    """Stops the sandbox, forgets everybody and all that was done, and invents people anew."""
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / "starting.lock"):
        _stop(folder)
        for name in _STATE:
            (folder / name).unlink(missing_ok=True)
        open_store(folder, users, seed).close()


def _known(folder):
    try:
        return json.loads((folder / "server.json").read_text())
    except (OSError, ValueError):
        return None


def _answering(folder):
    """Returns where, if the one that answers on the noted port really is the sandbox of this folder."""
    known = _known(folder)
    if not known:
        return None
    url = f"http://127.0.0.1:{known['port']}"
    try:
        # No proxy of the environment may stand between us and this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/sandbox/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        return None
    if health.get("folder") != token(folder):
        return None
    return Where(url, KEY, health["pid"])


def _serving(folder):
    """Says whether a server process holds the folder, answering or not."""
    lock = filelock.FileLock(folder / "serving.lock")
    try:
        with lock.acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True


def _start(folder, users, seed):
    _stop(folder)
    order = [sys.executable, "-m", "purgelib.sandbox", "--users", str(users), "--seed", str(seed),
             "--folder", str(folder)]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(order, cwd=pathlib.Path(__file__).parents[2], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True)
    _started.append(process)
    where = _wait(folder, 60, process)
    if not where:
        said = (folder / "server.log").read_text(errors="replace").splitlines()[-1:]
        raise RuntimeError(f"the sandbox did not start; see {folder / 'server.log'}: {''.join(said)}")
    return where


def _wait(folder, seconds, process=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end and (process is None or process.poll() is None):
        where = _answering(folder)
        if where:
            return where
        time.sleep(0.02)
    return None


def _stop(folder):
    for sign in (signal.SIGTERM, signal.SIGKILL):
        # One that has just begun to start holds the lock a moment before it tells its process.
        _until(lambda: not _serving(folder) or _known(folder), 5)
        known = _known(folder)
        if not known or not _serving(folder):
            break
        with contextlib.suppress(ProcessLookupError):
            # The lock is held, so the process that wrote server.json is alive: the pid is not reused.
            os.kill(known["pid"], sign)
        _until(lambda: not _serving(folder), 5)
    _bury(folder)


def _until(done, seconds):
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.02)


def _bury(folder):
    """Waits for the end of our own server of this folder; the lock was free a moment before."""
    for process in [one for one in _started if one.args[-1] == str(folder)]:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    _started[:] = [process for process in _started if process.poll() is None]
