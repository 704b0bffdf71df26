"""The control door under /sandbox/: not Alma, only for tests and practice."""

import json

from purgelib.sandbox import clock
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError


def answer(sandbox, call):
    """Answers a call at the control door; no key is needed, it listens on this machine only."""
    act = _ACTS.get((call.method, call.path.removeprefix("/sandbox/").strip("/")))
    if not act:
        raise AlmaError("NOT_FOUND", f"The sandbox has no door {call.method} {call.path}.", status=404)
    return Answer(act(sandbox, call), "sandbox")


def _health(sandbox, _call):
    store = sandbox.store
    return {**sandbox.about, "now": clock.stamp(store.clock.now()), "seed": store.get("seed"),
            "users": store.one("SELECT count(*) FROM users"), "calls": sandbox.calls}


def _clock(sandbox, call):
    wish, keeper = call.json(), sandbox.store.clock
    if "set" in wish:
        keeper.set(clock.parse(wish["set"]))
    keeper.advance(wish.get("advance_seconds", 0))
    sandbox.store.keep_clock()
    return {"now": clock.stamp(keeper.now())}


def _ledger(sandbox, call):
    limit, offset = call.number("limit", 1_000_000, top=1_000_000), call.number("offset", 0, top=10_000_000)
    rows = sandbox.store.rows("SELECT n, time, method, path, primary_id, changed FROM ledger ORDER BY n "
                              "LIMIT ? OFFSET ?", (limit, offset))
    names = ("n", "time", "method", "path", "primary_id")
    lines = [{**dict(zip(names, row[:-1], strict=True)), "changed": json.loads(row[-1])} for row in rows]
    return {"ledger": lines, "total_record_count": sandbox.store.one("SELECT count(*) FROM ledger")}


def _add_faults(sandbox, call):
    rules = json.loads(call.body or b"[]")
    sandbox.faults.add(rules if isinstance(rules, list) else rules.get("faults", [rules]))
    return {"faults": len(sandbox.faults.rules)}


def _clear_faults(sandbox, _call):
    sandbox.faults.rules = []
    return {"faults": 0}


def _settings(sandbox, call):
    wish = call.json()
    unknown = set(wish) - set(sandbox.settings)
    if unknown:
        raise AlmaError("SANDBOX", f"No such setting: {', '.join(sorted(unknown))}")
    sandbox.settings.update(wish)
    with sandbox.store.transaction():
        sandbox.store.put("settings", sandbox.settings)
    return sandbox.settings


def _truth(sandbox, _call):
    rows = sandbox.store.rows("SELECT primary_id FROM users WHERE json_extract(hidden, '$.acquisitions') > 0 "
                              "ORDER BY id")
    linked = [row[0] for row in rows]
    return {"since_last_night": sandbox.store.get("differences"), "acquisition_links": linked}


def _outcomes(sandbox, call):
    rows = sandbox.store.rows("SELECT primary_id, outcome FROM tasks WHERE instance_id = ? ORDER BY position",
                              (call.query.get("instance", ""),))
    return {"outcomes": dict(rows)}


_ACTS = {
    ("GET", "health"): _health, ("POST", "clock"): _clock, ("GET", "ledger"): _ledger,
    ("POST", "faults"): _add_faults, ("DELETE", "faults"): _clear_faults, ("POST", "settings"): _settings,
    ("GET", "truth"): _truth, ("GET", "outcomes"): _outcomes,
}
