"""Instances of jobs: begun, listed, looked at."""

import datetime
import json
import re

from purgelib.sandbox import assumptions, catalogue, tables
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.store import pack

UNFINISHED = (assumptions.QUEUED, assumptions.RUNNING)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def begin(memory, job, parameters, name, by, fault=""):
    """Queues an instance of the job; returns its id and its number. Writes."""
    instance_id, number = memory.next_id("instance", "95")
    now = memory.clock.now()
    record = {
        "id": instance_id, "external_id": instance_id[:-5] + "12026", "name": name, "progress": 0,
        "status": tables.code("systemJobStatus", assumptions.QUEUED), "submitted_by": by,
        "submit_time": stamp(now), "status_date": f"{now.date()}Z", "alert": [], "counter": [],
    }
    memory.do("INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?)",
              (instance_id, number, job.id, stamp(now), assumptions.QUEUED, pack(parameters), pack(record)))
    # What it does and what goes wrong with it is kept, so that a restart of the sandbox goes on the same way.
    memory.do("INSERT INTO runs VALUES (?, ?, ?, NULL, 0, 0)", (instance_id, job.act, fault))
    return instance_id, number


def spoken(moment):
    """Returns a moment as Alma writes it in the names of job instances."""
    return f"{moment:%Y-%m-%d} {int(moment.strftime('%I'))}:{moment:%M %p}"


def _shown(memory, call, job_id, text):
    record = json.loads(text)
    # The id of the purge job is a setting; instances of before keep the old one, and are found by ALL.
    job = catalogue.jobs(memory).get(job_id) or \
        catalogue.Job(job_id, catalogue.purge_settings(memory)["name"], "MANUAL", "USER", "purge")
    return {**record, "job_info": catalogue.info(call, job),
            "link": call.link(f"conf/jobs/{job_id}/instances/{record['id']}")}


def listing(memory, call, job_id):
    """Answers GET /conf/jobs/{id}/instances, newest first, by day of submission and status. Only reads."""
    catalogue.find(memory, job_id)
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
    page = [_shown(memory, call, job_id, text) for (text,) in rows]
    return Answer({**({"job_instance": page} if page else {}), "total_record_count": total}, "job_instances")


def _day(text):
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise AlmaError("402217", "Invalid date format.") from None


def _find(memory, job_id, instance_id):
    if job_id != "ALL":
        catalogue.find(memory, job_id)
    row = None
    if instance_id.isascii() and instance_id.isdigit():
        row = memory.row("SELECT job_id, record FROM instances WHERE id = ?", (instance_id,))
    if not row or job_id not in ("ALL", row[0]):
        raise AlmaError("402218", f"Invalid job instance id: {instance_id[:50]}.")
    return row


def get(memory, call, job_id, instance_id):
    """Answers GET /conf/jobs/{id or ALL}/instances/{id}. Only reads."""
    return Answer(_shown(memory, call, *_find(memory, job_id, instance_id)), "job_instance")


def events(memory, _call, job_id, instance_id):
    """Answers GET .../instances/{id}/events, which only loads of users from a SIS have; none runs here."""
    _find(memory, job_id, instance_id)
    raise AlmaError("60332", "This service will only work for the job category and type of USERS/SIS.")
