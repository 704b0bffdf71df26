"""Which jobs there are, and how Alma shows them."""

import dataclasses
import re

from purgelib.sandbox import assumptions, tables
from purgelib.sandbox.envelope import AlmaError

_FORM = re.compile(r"[A-Z]\d{1,18}", re.ASCII)
# What the two kinds of jobs name their categories by.
CATEGORIES = {"MANUAL": "HPaTaskChain.type", "SCHEDULED": "systemJobsGroups", "OTHER": "systemJobsGroups"}


@dataclasses.dataclass(frozen=True)
class Job:
    """One job: id, name, kind, category, and what it does to a user here ("" for nothing)."""

    id: str
    name: str
    kind: str
    category: str
    act: str = ""


_OTHERS = (
    Job("M44", "Export Bibliographic Records", "MANUAL", "BIB"),
    Job("M18", "Change Physical items information", "MANUAL", "FULFILLMENT"),
    Job(assumptions.UPDATE_JOB_ID, assumptions.UPDATE_JOB_NAME, "MANUAL", "USER", "update"),
)
OLD_PURGE = Job(assumptions.OLD_PURGE_JOB_ID, assumptions.OLD_PURGE_JOB_NAME, "SCHEDULED", "USERS", "purge")
_SCHEDULED = (OLD_PURGE, Job("S9301", "Users - Anonymize historical records", "SCHEDULED", "FULFILLMENT"))


def purge_settings(memory):
    """Returns what this sandbox takes "Purge users" to be: id, name, parameters, counter. Only reads."""
    return memory.get("settings")["purge_job"]


def is_free(job_id):
    """Says whether this can be the id of "Purge users": of the right form, and that of no other job."""
    return bool(_FORM.fullmatch(job_id)) and job_id not in {one.id for one in (*_OTHERS, *_SCHEDULED)}


def jobs(memory):
    """Returns all jobs by id, in the order in which they are listed. Only reads."""
    chosen = purge_settings(memory)
    purge = Job(chosen["id"], chosen["name"], "MANUAL", "USER", "purge")
    return {one.id: one for one in (*_OTHERS, purge, *_SCHEDULED)}


def find(memory, job_id):
    """Returns the job of this id, or Alma's refusal. Only reads."""
    found = jobs(memory).get(job_id)
    if not found:
        raise AlmaError(*(("402216", f"Invalid job id: {job_id}.") if _FORM.fullmatch(job_id)
                          else ("402215", "Invalid job id format.")))
    return found


def info(call, job):
    """Returns the short form of a job, as an instance shows it."""
    return {
        "id": job.id, "name": job.name, "description": job.name, "type": tables.code("JobsApiJobTypes", job.kind),
        "category": tables.code(CATEGORIES[job.kind], job.category), "link": call.link(f"conf/jobs/{job.id}"),
    }


def shown(call, job):
    """Returns the whole job as GET shows it; its parameters are told to nobody [API.md 4.2]."""
    short = info(call, job)
    content = {"value": job.category, "desc": short["category"]["desc"]} if job.kind == "MANUAL" else None
    return {
        **{name: short[name] for name in ("id", "name", "description", "type", "category")},
        "content": content or {"value": "", "desc": ""},
        "schedule": {"value": "NOT_SCHEDULED", "desc": "Not scheduled"}, "creator": "exl_impl", "parameter": [],
        "related_profile": {"value": ""}, "link": short["link"],
    }
