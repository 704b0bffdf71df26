"""How quickly a plan is carried out, against bare threads and against a loop over another client.

    make bench                            prints one line per measurement
    python benchmarks/carrying.py 12000   with so many invented people; about a third of them are planned

Three ratios: the share of Alma's limit that is used at 300 ms an answer; without a limit, what is left of the speed of
bare threads that get and put the same users on the same sandbox, and save nothing; the journal's share of the time.
"""

import concurrent.futures
import contextlib
import datetime
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from purgelib import alma, choice, exports, guards, journal, pace, plan, population, rules, sandbox, update
from purgelib.sandbox import exports as last_night

PEOPLE = int(sys.argv[1]) if len(sys.argv) > 1 else 12_000
LIMIT, LATENCY, SLOW_ONES, THREADS, ROUNDS = 25, 0.3, 800, 16, 3
# The users of each turn are others: who is carried out once, has the date already.
YEARS = (range(2000, 2017), range(2017, 2020), range(2020, 2023), range(2023, 2025))
GROUPS = ("05", "06", "07", "08", "10", "12", "20")
# A loop over somebody else's client, as staff write one; it runs in an environment of its own.
LOOP = """
import json, logging, os, sys, time
sys.path.insert(0, sys.argv.pop())
import meeting
rights = [{"Area": "Users", "Permissions": one, "Env": "S"} for one in ("R", "RW")]
keys = {"OURS": [{"API_Key": meeting.KEY, "Supported_APIs": [one]} for one in rights]}
os.environ["alma_api_keys"] = meeting.note("keys.json", json.dumps(keys))
meeting.redirect()
logging.disable()
from almapiwrapper.users import User
begun, ids = time.perf_counter(), sys.argv[4:]
for one in ids:
    user = User(one, "OURS", "S")
    if user.data:
        user.data["purge_date"] = "2026-10-16Z"
        user.update()
print(len(ids) / (time.perf_counter() - begun))
"""


def sealed(folder, where, name, years, most=None):
    """Seals a plan for users of the sandbox, and returns it."""
    policy = rules.Policy(protected_groups=("30",), max_users=1_000_000, max_share=1.0, max_group_share=1.0, canary=5)
    people = population.judge(exports.read(folder / "in"), policy)
    ticks = frozenset((group, str(year)) for group in GROUPS for year in years)
    chosen = choice.Choice("benchmark", datetime.date(2026, 11, 1), policy, ticks, institution="Invented University")
    if most:
        spare = people.table["primary_id"][chosen.chosen(people)][most:]
        chosen = chosen.keeping_all([(one, "not this time") for one in spare])
    client = alma.Alma(where.url, where.key, pace=None, floor=0)
    return plan.seal(folder / "runs" / name, people, chosen, client.target(), client.today())


def carried(made, where, **how):
    """Carries a plan out; returns seconds, the client, and the share of the time that the journal took."""
    client = alma.Alma(where.url, where.key, writing=True, floor=0, **how)
    spent = [0.0]
    with contextlib.ExitStack() as stack:
        for name in ("intend", "sent", "settle_all", "forget"):
            stack.enter_context(_timed(name, spent))
        begun = time.perf_counter()
        update.carry_out(made.folder, client, guards.to_be_typed(made.header))
        seconds = time.perf_counter() - begun
    return seconds, client, spent[0] / seconds


@contextlib.contextmanager
def _timed(name, spent):
    real = getattr(journal.Journal, name)

    def timed(*arguments):
        begun = time.perf_counter()
        try:
            return real(*arguments)
        finally:
            spent[0] += time.perf_counter() - begun

    setattr(journal.Journal, name, timed)
    try:
        yield
    finally:
        setattr(journal.Journal, name, real)


def bare(ids, where):
    """Gets and puts the same users with nothing but requests and threads; returns users a second."""
    local = threading.local()

    def one(primary_id):
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.trust_env = False
            local.session.headers.update({"Authorization": f"apikey {where.key}", "Accept": "application/json"})
        url = f"{where.url}/almaws/v1/users/{requests.utils.quote(primary_id, safe='')}"
        found = local.session.get(url, params={"expand": "loans,requests,fees"})
        # A few were deleted since last night.
        if found.ok:
            local.session.put(url, json={**found.json(), "purge_date": "2026-10-15Z"}).raise_for_status()

    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(one, ids))
    return len(ids) / (time.perf_counter() - begun)


def settings(where, **wish):
    """Changes settings of the sandbox."""
    requests.post(f"{where.url}/sandbox/settings", json=wish, timeout=10).raise_for_status()


def looped(ids, where):
    """Gets and puts users by a loop over almapiwrapper; returns users a second, or None where it is not installed."""
    root = Path(__file__).parent.parent
    if not (root / ".foreign" / "bin" / "python").exists():
        return None
    order = [root / ".foreign" / "bin" / "python", "-c", LOOP, where.url, where.key, where.key, *ids,
             root / "tests" / "foreign"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(order, cwd=folder, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def told(name, said):
    """Prints one measurement."""
    sys.stdout.write(f"{name:<62} {said}\n")
    sys.stdout.flush()


def at_the_limit(folder, where):
    """At 300 ms an answer and 25 calls a second."""
    made = sealed(folder, where, "slow", YEARS[-1], SLOW_ONES)
    settings(where, latency=LATENCY, per_second=LIMIT)
    refused, rest = [], pace.Pace.rest
    pace.Pace.rest = lambda kept, seconds: (refused.append(seconds), rest(kept, seconds))
    seconds, client, _ = carried(made, where, pace=LIMIT, pace_file=folder / "pace.sqlite")
    pace.Pace.rest = rest
    settings(where, latency=0.0, per_second=0)
    told(f"{LATENCY:.1f} s an answer, at most {LIMIT} calls a second",
         f"{client.calls / seconds / LIMIT:6.1%} of the limit used, {len(refused)} times too fast")


def without_a_limit(folder, where):
    """Against bare threads, in turns, as the machine may do other things as well."""
    ratios, shares, ours = [], [], []
    for turn in range(ROUNDS):
        made = sealed(folder, where, f"fast-{turn}", YEARS[turn])
        update.carry_out(made.folder, alma.Alma(where.url, where.key, pace=None, floor=0))
        seconds, _, share = carried(made, where, pace=None)
        ours.append(len(made) / seconds)
        ratios.append(ours[-1] / bare(list(made.users["primary_id"])[:1500], where))
        shares.append(share)
    told("without a limit", f"{statistics.median(ours):,.0f} users a second, {statistics.median(ratios):.2f} of bare "
                            f"threads (of {', '.join(f'{one:.2f}' for one in ratios)})")
    told("of it the journal", f"{statistics.median(shares):6.1%} of the time")
    loop = looped(list(made.users["primary_id"])[:300], where)
    told("a loop over almapiwrapper", f"{loop:,.0f} users a second: {statistics.median(ours) / loop:.1f} times slower"
         if loop else "not measured: make foreign installs it")


def main():
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        last_night.write(folder / "in", PEOPLE)
        where = sandbox.ensure(folder / "alma", PEOPLE)
        try:
            without_a_limit(folder, where)
            at_the_limit(folder, where)
        finally:
            sandbox.stop(folder / "alma")
    told("largest memory of this process", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
