"""How much of Alma's limit the pace uses, and whether Alma ever has to say "too fast".

    make bench                       prints one line per measurement
    python benchmarks/pace.py 60     so many seconds each instead of 30

The sandbox refuses more than 25 calls in any second and holds every answer back for 300 ms. The bare threads have no
pace and repeat what was refused: what the obvious loop does.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from purgelib import alma, sandbox
from purgelib.errors import Stopped, TooFast

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 30
LIMIT, LATENCY, THREADS = 25, 0.3, 20


def called(url, pace, file=None):
    """Lets threads read users for a while; returns calls a second, and how often Alma said "too fast"."""
    client, answered, refused = alma.Alma(url, sandbox.KEY, pace=pace, pace_file=file, floor=0), [], []
    once = client._once

    def counted(*call):
        try:
            said = once(*call)
        except TooFast:
            refused.append(1)
            raise
        answered.append(time.perf_counter())
        return said

    def work():
        try:
            while True:
                client.user("exl_api")
        except Stopped:
            client._session().close()

    client._once = counted
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    client.stop.set()
    for thread in threads:
        thread.join()
    # The first call is answered so much later, and so is the last.
    within = [one for one in answered if one - start - LATENCY <= SECONDS]
    return len(within) / SECONDS, len(refused)


def told(name, rate, refused):
    """Prints one measurement."""
    sys.stdout.write(f"{name:<46} {rate:6.2f} calls/s  {rate / LIMIT:6.1%} of the limit  {refused:>5} times too fast\n")
    sys.stdout.flush()


def together(url, file, number):
    """Starts processes that keep one pace; returns calls a second and refusals of all of them."""
    order = [sys.executable, __file__, str(SECONDS), url, str(file)]
    runs = [subprocess.Popen(order, stdout=subprocess.PIPE, text=True) for _ in range(number)]
    said = [run.communicate()[0].split() for run in runs]
    return sum(float(rate) for rate, _ in said), sum(int(refused) for _, refused in said)


def main():
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        where = sandbox.ensure(Path(folder) / "alma", 100)
        asked = {"headers": {"Authorization": f"apikey {where.key}"}, "timeout": 10}
        requests.post(f"{where.url}/sandbox/settings", json={"latency": LATENCY, "per_second": LIMIT}, **asked)
        try:
            told("one process, in memory", *called(where.url, LIMIT))
            file = Path(folder) / "pace.sqlite"
            time.sleep(1.1)
            told("one process, in the file", *called(where.url, LIMIT, file))
            time.sleep(1.1)
            told("two processes, one file", *together(where.url, file, 2))
            time.sleep(1.1)
            told("without a pace, repeating what was refused", *called(where.url, None))
        finally:
            sandbox.stop(Path(folder) / "alma")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.stdout.write("{} {}".format(*called(sys.argv[2], LIMIT, sys.argv[3])))
    else:
        main()
