"""The page "Purge User Records" for a person in a browser: the classic dialog, and the jobs started with it.

No API starts this purge, in Alma or here; the page is there so that the way by hand can be practised.
"""

import json
from urllib.parse import parse_qsl, urlencode

from purgelib.sandbox import assumptions, catalogue, instances, purgeforms, purging, tables
from purgelib.sandbox.calls import Answer

ADDRESS = "/sandbox/purge-user-records"
_FIELDS = ("days", "record_type", "user_group", "waive")
# How many jobs are listed, and how many users who were not purged are shown of each.
JOBS, PEOPLE = 20, 200


def show(sandbox, call):
    """Answers GET: the list of jobs, or the dialog when a job is to be added. Only reads."""
    if "add" in call.query:
        return _page(purgeforms.dialog(_asked(call.query)))
    jobs = _jobs(sandbox.store)
    running = any(job["running"] for job in jobs) and "still" not in call.query
    return _page(purgeforms.overview(jobs, running), refresh=running)


def submit(sandbox, call):
    """Answers POST of the dialog: shows the groups, asks once more, or queues the purge. Writes when confirmed."""
    sent = dict(parse_qsl(call.body.decode("utf-8", "replace")))
    asked, button = _asked(sent), sent.get("button")
    if button == "groups":
        return _go(f"{ADDRESS}?{urlencode({'add': 1, **asked})}")
    if button not in ("add", "confirm"):
        return _go(ADDRESS)
    try:
        wish = _wish(asked)
    except ValueError as problem:
        return _page(purgeforms.dialog(asked, str(problem)), status=400)
    if button == "add":
        return _page(purgeforms.confirmation(asked, _sentence(wish)))
    _queue(sandbox, wish, call.fault)
    return _go(ADDRESS)


def _page(body, refresh=False, status=200):
    return Answer(purgeforms.page(body, refresh).encode("utf-8", "replace"), status=status, media="text/html")


def _go(address):
    return Answer(b"", status=303, media="text/html", headers={"Location": address})


def _asked(sent):
    """Returns the four fields as texts."""
    return {name: sent.get(name, "").strip()[:100] for name in _FIELDS}


def _wish(asked):
    for name, table in (("record_type", "AddNewUserOptions"), ("user_group", "UserGroups")):
        if asked[name] and asked[name] not in tables.TABLES[table]:
            raise ValueError(f"there is no such {name.replace('_', ' ')}")
    if asked["user_group"] and not asked["record_type"]:
        # Passing over the group would purge many more than were meant.
        raise ValueError("a user group is chosen for one record type")
    return purging.wish(asked["days"], asked["waive"], True, asked["record_type"], asked["user_group"])


def _sentence(wish):
    return purging.sentence(wish, tables.TABLES["UserGroups"], tables.TABLES["AddNewUserOptions"])


def _queue(sandbox, wish, fault):
    store, job = sandbox.store, catalogue.OLD_PURGE
    with store.transaction():
        name = f"{job.name} - {instances.spoken(store.clock.now())}"
        instance_id, _ = instances.begin(store, job, wish, name, assumptions.STAFF, fault)
        store.note("POST", ADDRESS.lstrip("/"), None, {"instance": instance_id, "criteria": _sentence(wish)})
    sandbox.worker.open = True


def _jobs(memory):
    rows = memory.rows("SELECT id, status, parameters, record FROM instances WHERE job_id = ? ORDER BY number DESC "
                       "LIMIT ?", (catalogue.OLD_PURGE.id, JOBS))
    return [_job(memory, *row) for row in rows]


def _job(memory, instance_id, status, parameters, text):
    record = json.loads(text)
    running = status in instances.UNFINISHED
    left, number = [], 0
    if not running:
        left = memory.rows("SELECT primary_id, outcome FROM tasks WHERE instance_id = ? AND outcome IS NOT 'done' "
                           "ORDER BY position LIMIT ?", (instance_id, PEOPLE))
        number = int(record["counter"][0]["value"]) if record["counter"] else len(left)
    return {"id": instance_id, "status": record["status"]["desc"], "submitted": record["submit_time"],
            "ended": record.get("end_time", ""), "progress": record["progress"], "running": running,
            "criteria": _sentence(json.loads(parameters)), "left": left, "number": number}
