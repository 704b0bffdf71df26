"""The control door under /sandbox/: not Alma, only for tests and practice. No key is needed.

    GET    /sandbox/                    a page that says what this is
    GET    /sandbox/health              time, seed, number of users and calls; `crashes`: answers that failed
                                        for a reason nobody ordered; data_day: the day that Analytics shows
    GET    /sandbox/clock               the time here
    POST   /sandbox/clock               {"set": "2027-01-01T00:00:00Z"} and/or {"advance_seconds": 60}
    GET    /sandbox/ledger              every write really done (limit, offset); of others: COLLEAGUE, JOB
    GET    /sandbox/faults              the rules in force, how many calls fitted and how often each acted
    POST   /sandbox/faults              one rule or a list of them [faults.py]; DELETE takes all away
    GET    /sandbox/settings            the settings [assumptions.SETTINGS]; POST changes some of them
    GET    /sandbox/truth               what the Analytics of the first day does not know, and hidden links
    GET    /sandbox/outcomes            what a job did to everybody (instance)
    POST   /sandbox/obstacles           {"primary_id": "...", "md_editor": 1}: a hidden fact that keeps a
                                        user from being deleted [obstacles.HIDDEN]; 0 takes it away
    GET    /sandbox/purge-user-records  the page on which staff start the classic purge; POST submits it
"""

import datetime
import json

from purgelib.sandbox import assumptions, catalogue, clock, forgetting, frontpage, nightly, obstacles, purgepage
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError

_EARLIEST, _LATEST = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (1980, 2200))


def answer(sandbox, call):
    """Answers a call at the control door; it listens on this machine only."""
    method = "GET" if call.method == "HEAD" else call.method
    act = _ACTS.get((method, call.path.removeprefix("/sandbox").strip("/")))
    if not act:
        raise AlmaError("NOT_FOUND", f"The sandbox has no door {call.method} {call.path}.", status=404)
    said = act(sandbox, call)
    return said if isinstance(said, Answer) else Answer(said, "sandbox")


def _health(sandbox, _call):
    store = sandbox.store
    return {**sandbox.about, "now": clock.stamp(store.clock.now()), "seed": store.get("seed"),
            "users": store.one("SELECT count(*) FROM users"), "calls": sandbox.calls,
            "crashes": sandbox.crashes, "data_day": nightly.data_day(store).isoformat()}


def _time(sandbox, _call):
    return {"now": clock.stamp(sandbox.store.clock.now())}


def _set_clock(sandbox, call):
    wish, keeper = call.json(), sandbox.store.clock
    unknown, seconds = set(wish) - {"set", "advance_seconds"}, wish.get("advance_seconds", 0)
    if unknown or type(seconds) not in (int, float):
        raise AlmaError("SANDBOX", "The clock takes `set`, a moment, and `advance_seconds`, a number.")
    try:
        moment = clock.parse(wish["set"]) if "set" in wish else keeper.now()
        moment += datetime.timedelta(seconds=seconds)
    except (TypeError, ValueError, OverflowError):
        raise AlmaError("SANDBOX", f"Not a moment: {wish}") from None
    if not _EARLIEST <= moment < _LATEST:
        raise AlmaError("SANDBOX", f"The clock goes from {_EARLIEST:%Y} to {_LATEST:%Y}.")
    keeper.set(moment)
    sandbox.store.keep_clock()
    sandbox.pass_night()
    return _time(sandbox, call)


def _ledger(sandbox, call):
    limit, offset = call.number("limit", 1_000_000, top=1_000_000), call.number("offset", 0, top=10_000_000)
    rows = sandbox.store.rows("SELECT n, time, method, path, primary_id, changed FROM ledger ORDER BY n "
                              "LIMIT ? OFFSET ?", (limit, offset))
    names = ("n", "time", "method", "path", "primary_id")
    lines = [{**dict(zip(names, row[:-1], strict=True)), "changed": json.loads(row[-1])} for row in rows]
    return {"ledger": lines, "total_record_count": sandbox.store.one("SELECT count(*) FROM ledger")}


def _faults(sandbox, _call):
    return {"faults": [rule.shown() for rule in sandbox.faults.rules]}


def _add_faults(sandbox, call):
    try:
        rules = json.loads(call.body or b"[]")
    except (ValueError, RecursionError):
        raise AlmaError("SANDBOX", "The rules are no JSON.") from None
    sandbox.faults.add([rules] if isinstance(rules, dict) else rules)
    return {"faults": len(sandbox.faults.rules)}


def _clear_faults(sandbox, _call):
    sandbox.faults.rules = []
    return {"faults": 0}


def _settings(sandbox, _call):
    return sandbox.settings


def _set_settings(sandbox, call):
    return change_settings(sandbox, call.json())


def change_settings(sandbox, wish):
    """Changes some settings, now and in the state kept; returns all. Refuses as `check_settings` does."""
    check_settings(wish)
    with sandbox.store.transaction():
        sandbox.store.put("settings", {**sandbox.settings, **wish})
        if "delete_policy" in wish:
            forgetting.retroact(sandbox.store)
    sandbox.settings.update(wish)
    if "daily_remaining" in wish:
        sandbox.gate.begin_day()
    return sandbox.settings


def check_settings(wish):
    """Refuses a setting that does not exist, or that has not the type of its default."""
    for name, value in wish.items():
        if name not in assumptions.SETTINGS:
            raise AlmaError("SANDBOX", f"No such setting: {name}; there are {', '.join(assumptions.SETTINGS)}")
        if not _is_like(assumptions.SETTINGS[name], value):
            raise AlmaError("SANDBOX", f"The setting {name} is wrong: {value}")
        if name == "delete_policy" and value not in forgetting.POLICIES:
            raise AlmaError("SANDBOX", f"delete_policy is one of {', '.join(forgetting.POLICIES)}")
        if name == "purge_job" and not catalogue.is_free(value["id"]):
            raise AlmaError("SANDBOX", "The id of purge_job is a letter and digits that no other job has.")


def _is_like(default, value):
    if isinstance(default, bool) or not isinstance(default, int | float | dict):
        return type(value) is type(default)
    if isinstance(default, dict):
        return isinstance(value, dict) and set(value) == set(default) and \
            all(_is_like(default[name], value[name]) for name in default)
    return type(value) in (int, type(default)) and 0 <= value < 1e9


def _truth(sandbox, _call):
    rows = sandbox.store.rows("SELECT primary_id FROM users WHERE json_extract(hidden, '$.acquisitions') > 0 "
                              "ORDER BY id")
    linked = [row[0] for row in rows]
    return {"since_last_night": sandbox.store.get("differences"), "acquisition_links": linked}


def _outcomes(sandbox, call):
    rows = sandbox.store.rows("SELECT primary_id, outcome FROM tasks WHERE instance_id = ? ORDER BY position",
                              (call.query.get("instance", ""),))
    return {"outcomes": dict(rows)}


def _purge(sandbox, call):
    # Only the last page of the dialog starts a job, which may have been ordered to fail.
    fault = sandbox.faults.due(call) if b"button=confirm" in call.body else None
    call.fault = fault.do if fault else ""
    return purgepage.submit(sandbox, call)


def _obstacles(sandbox, call):
    facts = call.json()
    primary_id = facts.pop("primary_id", "")
    if not facts or any(type(amount) is not int or amount < 0 for amount in facts.values()):
        raise AlmaError("SANDBOX", "An obstacle is a fact with a whole number from 0, and a primary_id.")
    try:
        with sandbox.store.transaction():
            obstacles.place(sandbox.store, str(primary_id), **facts)
    except (TypeError, ValueError) as problem:
        raise AlmaError("SANDBOX", f"Not an obstacle: {problem}") from None
    return {"primary_id": primary_id, **facts}


_ACTS = {
    ("GET", ""): frontpage.show, ("GET", "health"): _health, ("GET", "ledger"): _ledger,
    ("GET", "clock"): _time, ("POST", "clock"): _set_clock,
    ("GET", "faults"): _faults, ("POST", "faults"): _add_faults, ("DELETE", "faults"): _clear_faults,
    ("GET", "settings"): _settings, ("POST", "settings"): _set_settings,
    ("GET", "truth"): _truth, ("POST", "obstacles"): _obstacles, ("GET", "outcomes"): _outcomes,
    ("GET", "purge-user-records"): purgepage.show, ("POST", "purge-user-records"): _purge,
}
