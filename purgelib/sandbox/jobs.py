"""Jobs: listed, looked at, started. What becomes of a started job stands in `instances` and `work`."""

import datetime

from purgelib.sandbox import assumptions, catalogue, instances, members, purging, sets, tables
from purgelib.sandbox.assumptions import WRONG_PARAMETER
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError

_AT_ONCE, _AN_HOUR = 3, 5


def listing(memory, call):
    """Answers GET /conf/jobs, by type and category. Only reads."""
    limit, offset = call.page()
    kind, category = call.query.get("type"), call.query.get("category")
    if kind and kind not in tables.TABLES["JobsApiJobTypes"]:
        raise AlmaError("40166410", "Invalid type.")
    if category and not any(category in tables.TABLES[name] for name in catalogue.CATEGORIES.values()):
        raise AlmaError("40166410", "Invalid category.")
    # No job here has a profile, so whoever asks for one finds none.
    found = [job for job in catalogue.jobs(memory).values() if (not kind or job.kind == kind)
             and (not category or job.category == category) and not call.query.get("profile_id")]
    page = [catalogue.shown(call, job) for job in found[offset:offset + limit]]
    return Answer({**({"job": page} if page else {}), "total_record_count": len(found)}, "jobs")


def get(memory, call, job_id):
    """Answers GET /conf/jobs/{id}. Only reads."""
    return Answer(catalogue.shown(call, catalogue.find(memory, job_id)), "job")


def run(memory, call, job_id):
    """Answers POST /conf/jobs/{id}?op=run: queues the job; the work is done later. Writes."""
    job = catalogue.find(memory, job_id)
    _check(call, job)
    sent = _parameters(sets.body(call, "402228"))
    chosen = sets.find(memory, sent["set_id"], WRONG_PARAMETER)
    wish = {**sent, **_wish(memory, job, sent)}
    _refuse_haste(memory, job_id, chosen["id"])
    instance_id, number = instances.begin(memory, job, wish, _name(memory, sent, chosen),
                                          {"value": "exl_api", "desc": "Ex Libris, API"}, call.fault)
    amount = _settle(memory, instance_id, chosen, call.fault)
    memory.note("POST", f"conf/jobs/{job_id}?op=run", None,
                {"instance": instance_id, "set": chosen["id"], "members": amount})
    link = call.link(f"conf/jobs/{job_id}/instances/{instance_id}")
    said = f"Job no. {number} triggered on {memory.clock.now():%a, %d %b %Y %H:%M:%S} GMT"
    return Answer({**catalogue.shown(call, job), "additional_info": {"value": said, "link": link}}, "job")


def _check(call, job):
    operation = call.query.get("op")
    if operation != "run":
        raise AlmaError(*(("402221", "Operation is not supported.") if operation
                          else ("402220", "Operation was not provided.")))
    if job.kind != "MANUAL":
        code = assumptions.NOT_SUBMITTABLE.get(job.id, "402248")
        raise AlmaError(code, "Cannot submit scheduled job." if code == "402248"
                        else "Invalid scheduled job category.")


def _parameters(sent):
    listed = sent.get("parameter")
    found = {}
    for one in [listed] if isinstance(listed, dict) else listed if isinstance(listed, list) else []:
        name = one.get("name") if isinstance(one, dict) else None
        name = name.get("value") if isinstance(name, dict) else None
        if not name or not isinstance(name, str):
            raise AlmaError("402228", "Mandatory parameter is missing from input: name.")
        found[name] = _text(name, one.get("value"))
    for name in ("set_id", "job_name"):
        if name not in found:
            raise AlmaError("402228", f"Mandatory parameter is missing from input: {name}.")
        if not found[name].strip():
            raise AlmaError("402229", f"Mandatory parameter value is empty: {name}.")
    return found


def _text(name, value):
    if isinstance(value, bool):
        value = str(value).lower()
    if value is not None and not isinstance(value, str | int | float):
        raise AlmaError("402228", f"Mandatory parameter is missing from input: {name[:50]}.")
    text = "" if value is None else str(value)
    if max(len(text), len(name)) > assumptions.LONGEST_PARAMETER:
        raise AlmaError(WRONG_PARAMETER, "An internal error occurred: a parameter is too long.")
    return text


def _wish(memory, job, sent):
    """Returns what the purge needs to know, by names that do not change with the settings."""
    if job.act != "purge":
        return {}
    known = catalogue.purge_settings(memory)
    try:
        return purging.wish(sent.get(known["days"], ""), sent.get(known["waive"], ""), known["requires_purge_date"])
    except ValueError as problem:
        raise AlmaError(WRONG_PARAMETER, f"An internal error occurred: {problem}.") from None


def _refuse_haste(memory, job_id, set_id):
    # What staff started on the page does not count: the limits are on jobs started by API.
    running = memory.rows("SELECT job_id, json_extract(parameters, '$.set_id') FROM instances "
                          "WHERE status IN (?, ?) AND job_id <> ?",
                          (*instances.UNFINISHED, catalogue.OLD_PURGE.id))
    if (job_id, set_id) in running:
        raise AlmaError("60347", "Job overlaps with running job - cannot execute.")
    if not memory.get("settings")["job_throttle"]:
        return
    if len(running) >= _AT_ONCE:
        raise AlmaError("402222", f"Execution threshold reached: {_AT_ONCE} jobs are running.")
    since = stamp(memory.clock.now() - datetime.timedelta(hours=1))
    started = memory.one("SELECT count(*) FROM instances WHERE job_id = ? AND submitted > ?", (job_id, since))
    if started >= _AN_HOUR:
        raise AlmaError("402223", f"Execution threshold reached: {_AN_HOUR} starts of this job in an hour.")


def _name(memory, sent, chosen):
    return f"{sent['job_name'].removesuffix(' - via API')} - via API - {chosen['name']} - " \
           f"{instances.spoken(memory.clock.now())}"


def _settle(memory, instance_id, chosen, fault):
    """Writes down whom the job is for, and returns how many; it does not notice members added later."""
    question, values = sets.chosen(chosen)
    # Ordered by set, a job that loses members has lost every third, as a set does.
    rest = "WHERE n % 3 > 0" if fault == members.LOSES else ""
    memory.do("INSERT INTO tasks SELECT ?, row_number() OVER (ORDER BY u.id) - 1, u.id, u.primary_id, NULL "
              f"FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM ({question})) c "
              f"JOIN users u ON u.id = c.id {rest}", (instance_id, *values))
    amount = memory.one("SELECT count(*) FROM tasks WHERE instance_id = ?", (instance_id,))
    memory.do("UPDATE runs SET total = ? WHERE instance_id = ?", (amount, instance_id))
    return amount

