"""How quickly the sandbox starts and answers, how it bears 100,000 users, and whether its memory stays flat.

    make bench                          prints one line per measurement
    python benchmarks/sandbox.py 12000  with so many users instead of 100,000

The obvious alternative in the same run is the standard library's HTTP server that answers one canned user: the
least that any pretend Alma written in Python would cost.
"""

import http.client
import http.server
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from purgelib import sandbox

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
CALLS = 100_000
ASKED = {"Authorization": f"apikey {sandbox.KEY}", "Accept": "application/json"}


class Canned(http.server.BaseHTTPRequestHandler):
    """Answers every GET with the same user."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    body = b"{}"

    def do_GET(self):
        """Answers."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_words):
        """Says nothing."""


def canned(body, port):
    """Serves the canned user until it is ended; tells its port."""
    Canned.body = body
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    port.value = server.server_address[1]
    server.serve_forever()


def asked(url, calls):
    """Makes the calls (path, or path and body to PUT) over one connection; returns how many answers were not 200."""
    there = http.client.HTTPConnection(url.removeprefix("http://"))
    wrong = 0
    for call in calls:
        path, body = call if isinstance(call, tuple) else (call, None)
        there.request("PUT" if body else "GET", path, body, {**ASKED, "Content-Type": "application/json"})
        answer = there.getresponse()
        answer.read()
        wrong += answer.status != 200
    there.close()
    return wrong


def rate(url, calls, clients=4):
    """Returns answers per second to this many clients, each a thread with its own connection."""
    wrong, shares = [], [calls[n::clients] for n in range(clients)]
    threads = [threading.Thread(target=lambda share=share: wrong.append(asked(url, share))) for share in shares]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0] * clients, wrong
    return len(calls) / (time.perf_counter() - start)


def resident(pid):
    """Returns the MiB of memory that a process holds now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def first_answer(folder, users):
    """Returns the seconds from starting a new sandbox, by its command line, to its first answer."""
    order = [sys.executable, "-m", "purgelib.sandbox", "--folder", str(folder), "--users", str(users)]
    start = time.perf_counter()
    process = subprocess.Popen(order, stdout=subprocess.DEVNULL)
    try:
        while not (folder / "server.json").exists():
            if process.poll() is not None:
                raise RuntimeError(f"the sandbox ended with {process.returncode} before it answered")
            time.sleep(0.005)
        asked(f"http://127.0.0.1:{json.loads((folder / 'server.json').read_text())['port']}", ["/sandbox/health"])
        return time.perf_counter() - start
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def read(url, path):
    """Returns the answer to one GET."""
    there = http.client.HTTPConnection(url.removeprefix("http://"))
    there.request("GET", path, headers=ASKED)
    body = there.getresponse().read()
    there.close()
    return body


def users(url):
    """Returns the paths of 10,000 users (or all of them, when there are fewer), from all over the population."""
    total = json.loads(read(url, "/almaws/v1/users?limit=0"))["total_record_count"]
    step = max(100, total // 100)
    pages = [json.loads(read(url, f"/almaws/v1/users?limit=100&order_by=primary_id&offset={offset}"))["user"]
             for offset in range(0, total, step)]
    return [user["link"].removeprefix(url) for page in pages for user in page if not user["link"].endswith("/-")]


def everything(url, paths):
    """Returns a few hundred calls of all kinds: single users, pages, searches, fees, loans, writes."""
    calls = []
    for path in paths[:100]:
        word = path.rpartition("/")[2]
        calls += [path, path, f"{path}?expand=fees,loans,requests", f"{path}/fees?status=ACTIVE", f"{path}/loans",
                  f"/almaws/v1/users?q=primary_id~{word}&limit=1", (path, read(url, path))]
    return [*calls, "/almaws/v1/users?limit=100", "/almaws/v1/conf/sets", "/almaws/v1/conf/jobs"]


def say(what, figure, beside=""):
    """Prints a measurement."""
    sys.stdout.write(f"{what:<55}{figure:>14}{beside and '   ' + beside}\n")
    sys.stdout.flush()


def main():
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "small").mkdir()
        say("start, 12,000 users, to the first answer", f"{first_answer(folder / 'small', 12_000):.2f} s")
        start = time.perf_counter()
        sandbox.ensure(folder / "large", users=USERS)
        say(f"start, {USERS:,} users", f"{time.perf_counter() - start:.1f} s")
        # Started again, it does not hold the memory in which it invented them: growth would show.
        sandbox.stop(folder / "large")
        where = sandbox.ensure(folder / "large")
        try:
            measure(where)
        finally:
            sandbox.stop(folder / "large")


def measure(where):
    """Asks the running sandbox, and a canned server for comparison."""
    paths = users(where.url)
    calls = list(itertools.islice(itertools.cycle(paths), 20_000))
    port = multiprocessing.Value("i", 0)
    other = multiprocessing.Process(target=canned, args=(read(where.url, paths[0]), port), daemon=True)
    other.start()
    while not port.value:
        if not other.is_alive():
            raise RuntimeError("the canned server ended before it told its port")
        time.sleep(0.01)
    ours, plain = rate(where.url, calls), rate(f"http://127.0.0.1:{port.value}", calls)
    other.terminate()
    say("GET one user, 4 clients", f"{ours:,.0f}/s", f"{ours / plain:.2f} of a canned answer by http.server")
    writes = [(path, read(where.url, path)) for path in paths[:2_000]]
    say("PUT one user, 4 clients", f"{rate(where.url, writes):,.0f}/s")
    mixed, before = everything(where.url, paths), resident(where.pid)
    for number in range(1, 5):
        rate(where.url, list(itertools.islice(itertools.cycle(mixed), CALLS // 4)))
        now = resident(where.pid)
        say(f"memory after {CALLS // 4 * number:,} calls of all kinds", f"{now:.1f} MiB", f"{now - before:+.1f} MiB")


if __name__ == "__main__":
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    main()
