"""Jobs and their instances: listed, started, looked at. The work itself is done in `work`."""

import datetime
import json

from purgelib.sandbox import assumptions, incoming, sets, tables
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack

_JOBS = {
    "M44": ("Export Bibliographic Records", "MANUAL", "BIB"),
    "M18": ("Change Physical items information", "MANUAL", "FULFILLMENT"),
    assumptions.UPDATE_JOB_ID: (assumptions.UPDATE_JOB_NAME, "MANUAL", "USER"),
    assumptions.PURGE_JOB_ID: (assumptions.PURGE_JOB_NAME, "MANUAL", "USER"),
    assumptions.OLD_PURGE_JOB_ID: (assumptions.OLD_PURGE_JOB_NAME, "SCHEDULED", "USER"),
    "S9301": ("Users - Anonymize historical records", "SCHEDULED", "FULFILLMENT"),
}
_CATEGORIES = tables.TABLES["HPaTaskChain.type"]
_UNFINISHED = (assumptions.QUEUED, assumptions.RUNNING)


def _job(call, job_id):
    name, kind, category = _JOBS[job_id]
    return {
        "id": job_id, "name": name, "description": name, "type": {"value": kind, "desc": kind.capitalize()},
        "category": {"value": category, "desc": _CATEGORIES[category]},
        "content": {"value": category if kind == "MANUAL" else "", "desc": _CATEGORIES[category]},
        "schedule": {"value": "NOT_SCHEDULED", "desc": "Not scheduled"},
        "creator": "exl_impl", "next_run": None, "parameter": [],
        "related_profile": {"value": ""}, "link": call.link(f"conf/jobs/{job_id}"),
    }


def listing(_memory, call):
    """Answers GET /conf/jobs, by type and category. Only reads."""
    limit, offset = call.page()
    kind, category = call.query.get("type"), call.query.get("category")
    if kind and kind not in ("MANUAL", "SCHEDULED", "OTHER"):
        raise AlmaError("40166410", "Invalid type.")
    found = [job_id for job_id, (_, k, c) in _JOBS.items()
             if (not kind or k == kind) and (not category or c == category)]
    page = [_job(call, job_id) for job_id in found[offset:offset + limit]]
    return Answer({**({"job": page} if page else {}), "total_record_count": len(found)}, "jobs")


def _known(job_id):
    if not job_id[:1].isalpha() or not job_id[1:].isdigit():
        raise AlmaError("402215", f"Invalid job id format: {job_id}.")
    if job_id not in _JOBS:
        raise AlmaError("402216", f"Invalid job id: {job_id}.")


def get(_memory, call, job_id):
    """Answers GET /conf/jobs/{id}. Only reads."""
    _known(job_id)
    return Answer(_job(call, job_id), "job")


def run(memory, call, job_id):
    """Answers POST /conf/jobs/{id}?op=run: queues the job; the work is done later. Writes."""
    _known(job_id)
    operation = call.query.get("op")
    if operation != "run":
        raise AlmaError(*(("402221", "Operation is not supported.") if operation
                          else ("402220", "Operation was not provided.")))
    if _JOBS[job_id][1] != "MANUAL":
        raise AlmaError("402248", "Cannot submit scheduled job.")
    parameters = _parameters(incoming.body(call))
    chosen = _set(memory, parameters)
    _refuse_haste(memory, job_id, chosen["id"])
    instance_id, number = _submit(memory, job_id, parameters, chosen)
    memory.note("POST", f"conf/jobs/{job_id}?op=run", None,
                {"instance": instance_id, "set": chosen["id"], "members": sets.count(memory, chosen)})
    link = call.link(f"conf/jobs/{job_id}/instances/{instance_id}")
    said = f"Job no. {number} triggered on {memory.clock.now():%a, %d %b %Y %H:%M:%S} GMT"
    return Answer({**_job(call, job_id), "additional_info": {"value": said, "link": link}}, "job")


def _parameters(sent):
    found = {}
    for one in sent.get("parameter") or []:
        name = one.get("name") if isinstance(one, dict) else None
        name = name.get("value") if isinstance(name, dict) else name
        if not name:
            raise AlmaError("402228", "Mandatory parameter is missing from input: name.")
        found[name] = str(one.get("value") if one.get("value") is not None else "")
    for name in ("set_id", "job_name"):
        if name not in found:
            raise AlmaError("402228", f"Mandatory parameter is missing from input: {name}.")
        if not found[name]:
            raise AlmaError("402229", f"Mandatory parameter value is empty: {name}.")
    return found


def _set(memory, parameters):
    try:
        return sets.find(memory, parameters["set_id"])
    except AlmaError:
        raise AlmaError("402224", "An internal error occurred.") from None


def _refuse_haste(memory, job_id, set_id):
    running = memory.rows("SELECT job_id, parameters FROM instances WHERE status IN (?, ?)", _UNFINISHED)
    if any(job == job_id and json.loads(text)["set_id"] == set_id for job, text in running):
        raise AlmaError("60347", "Job overlaps with running job - cannot execute.")
    if not memory.get("settings")["job_throttle"]:
        return
    if len(running) >= 3:
        raise AlmaError("402222", "Execution threshold reached: 3 jobs are running.")
    since = stamp(memory.clock.now() - datetime.timedelta(hours=1))
    if memory.one("SELECT count(*) FROM instances WHERE job_id = ? AND submitted > ?", (job_id, since)) >= 5:
        raise AlmaError("402223", "Execution threshold reached: 5 starts of this job in an hour.")


def _submit(memory, job_id, parameters, chosen):
    instance_id, number = memory.next_id("instance", "95")
    now = memory.clock.now()
    name = parameters["job_name"].removesuffix(" - via API")
    record = {
        "id": instance_id, "external_id": instance_id[:-5] + "12026",
        "name": f"{name} - via API - {chosen['name']} - {now:%Y-%m-%d} {int(now.strftime('%I'))}:{now:%M %p}",
        "progress": 0, "status": tables.code("systemJobStatus", assumptions.QUEUED),
        "submitted_by": {"value": "exl_api", "desc": "Ex Libris, API"}, "submit_time": stamp(now),
        "status_date": f"{now.date()}Z", "alert": [], "counter": [],
    }
    memory.do("INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?)",
              (instance_id, number, job_id, stamp(now), assumptions.QUEUED, pack(parameters), pack(record)))
    condition, values = sets.members(memory, chosen)
    rows = memory.rows(f"SELECT id, primary_id FROM users WHERE {condition} ORDER BY id", values)
    # Who is in the set is settled now; a job does not notice members added later.
    memory.db.executemany("INSERT INTO tasks VALUES (?, ?, ?, ?, NULL)",
                          [(instance_id, n, user, who) for n, (user, who) in enumerate(rows)])
    return instance_id, number


def _instance(call, job_id, text):
    record = json.loads(text)
    name, kind, category = _JOBS[job_id]
    info = {"id": job_id, "name": name, "description": name,
            "type": {"value": kind, "desc": kind.capitalize()},
            "category": {"value": category, "desc": _CATEGORIES[category]},
            "link": call.link(f"conf/jobs/{job_id}")}
    return {**record, "job_info": info, "link": call.link(f"conf/jobs/{job_id}/instances/{record['id']}")}


def instances(memory, call, job_id):
    """Answers GET /conf/jobs/{id}/instances, newest first, by day of submission and status. Only reads."""
    _known(job_id)
    limit, offset = call.page()
    conditions, values = ["job_id = ?"], [job_id]
    for name, sign in (("submit_date_from", ">="), ("submit_date_to", "<=")):
        if call.query.get(name):
            conditions.append(f"substr(submitted, 1, 10) {sign} ?")
            values.append(_day(call.query[name]))
    if call.query.get("status"):
        if call.query["status"] not in tables.TABLES["systemJobStatus"]:
            raise AlmaError("40166410", "Invalid status.")
        conditions.append("status = ?")
        values.append(call.query["status"])
    where = " AND ".join(conditions)
    total = memory.one(f"SELECT count(*) FROM instances WHERE {where}", tuple(values))
    rows = memory.rows(f"SELECT record FROM instances WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?",
                       (*values, limit, offset))
    page = [_instance(call, job_id, text) for (text,) in rows]
    return Answer({**({"job_instance": page} if page else {}), "total_record_count": total}, "job_instances")


def _day(text):
    try:
        return datetime.date.fromisoformat(text.rstrip("Z")).isoformat()
    except ValueError:
        raise AlmaError("402217", "Invalid date format.") from None


def instance(memory, call, job_id, instance_id):
    """Answers GET /conf/jobs/{id or ALL}/instances/{id}. Only reads."""
    if job_id != "ALL":
        _known(job_id)
    row = memory.row("SELECT job_id, record FROM instances WHERE id = ?", (instance_id,))
    if not row or job_id not in ("ALL", row[0]):
        raise AlmaError("402218", f"Invalid job instance id: {instance_id}.")
    return Answer(_instance(call, *row), "job_instance")
