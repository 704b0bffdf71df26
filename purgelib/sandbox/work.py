"""Carries out submitted jobs in the background, a few users at a time; goes on after a restart."""

import datetime
import json
import math
import time

from purgelib.sandbox import assumptions, obstacles, records, tables, updates, writing
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.store import pack

BATCH = 250
QUEUED_SHARE = .1


class Worker:
    """Does the work of unfinished job instances, a step whenever it is asked."""

    def __init__(self, store, settings):
        self.store = store
        self.settings = settings
        self._began = {}
        self.open = True

    def step(self):
        """Does what is due by now: at most one batch for every unfinished instance."""
        if not self.open:
            return
        rows = self.store.rows("SELECT id, job_id, parameters, record FROM instances "
                               "WHERE status IN (?, ?) ORDER BY number",
                               (assumptions.QUEUED, assumptions.RUNNING))
        self.open = bool(rows)
        for instance_id, job_id, parameters, record in rows:
            with self.store.transaction():
                self._advance(instance_id, job_id, json.loads(parameters), json.loads(record))

    def _advance(self, instance_id, job_id, parameters, record):
        began = self._began.setdefault(instance_id, time.monotonic())
        seconds = self.settings["job_seconds"]
        share = (time.monotonic() - began) / seconds if seconds else 1.0
        if share < QUEUED_SHARE:
            return
        total = self.store.one("SELECT count(*) FROM tasks WHERE instance_id = ?", (instance_id,))
        done = self.store.one("SELECT count(outcome) FROM tasks WHERE instance_id = ?", (instance_id,))
        due = min(total, math.ceil(total * min(1.0, share)), done + BATCH)
        self._do(instance_id, job_id, parameters, done, due)
        if record["status"]["value"] == assumptions.QUEUED:
            record["start_time"] = stamp(self.store.clock.now())
        self._report(record, instance_id, job_id, total, max(due, done), share >= 1.0)

    def _do(self, instance_id, job_id, parameters, done, due):
        act = {assumptions.UPDATE_JOB_ID: self._update, assumptions.PURGE_JOB_ID: self._purge}.get(job_id)
        tasks = self.store.rows("SELECT position, user_id FROM tasks WHERE instance_id = ? AND outcome "
                                "IS NULL ORDER BY position LIMIT ?", (instance_id, max(0, due - done)))
        for position, number in tasks:
            text = self.store.one("SELECT record FROM users WHERE id = ?", (number,))
            outcome = "gone" if not text else "done"
            if text and act:
                outcome = act(instance_id, parameters, number, json.loads(text))
            self.store.do("UPDATE tasks SET outcome = ? WHERE instance_id = ? AND position = ?",
                          (outcome, instance_id, position))

    def _update(self, instance_id, parameters, number, record):
        before = json.loads(pack(record))
        try:
            by_hand = updates.apply(record, parameters, self.store.clock.now())
        except updates.CannotApply as problem:
            return f"failed: {problem}"
        record = records.ordered(record)
        hidden = json.loads(self.store.one("SELECT hidden FROM users WHERE id = ?", (number,)))
        hidden["manual"] = sorted({*hidden["manual"], *by_hand})
        writing.save(self.store, number, record, hidden)
        self.store.note("JOB", instance_id, record["primary_id"], writing.difference(before, record))
        return "done"

    def _purge(self, instance_id, parameters, number, record):
        reason = self._why_not(parameters, number, record)
        if reason:
            return f"not purged: {reason}"
        self.store.note("JOB", instance_id, record["primary_id"], obstacles.erase(self.store, number))
        return "done"

    def _why_not(self, parameters, number, record):
        if not record.get("purge_date"):
            return "no purge date"
        day = datetime.date.fromisoformat(record["purge_date"].rstrip("Z"))
        # Compared from today's side: a purge date in the year 9999 leaves no room to add days to.
        days = datetime.timedelta(days=_amount(parameters, assumptions.PURGE_DAYS))
        limit = self.store.clock.today() - days
        if day > limit or day == limit and not assumptions.BOUNDARY_DAY_INCLUDED:
            return "purge date not reached"
        waive = _amount(parameters, assumptions.PURGE_WAIVE)
        return ", ".join(obstacles.of(self.store, number, waive))

    def _report(self, record, instance_id, job_id, total, done, over):
        finished = over and done >= total
        status = assumptions.RUNNING
        if finished:
            status = assumptions.DONE if total else assumptions.NOTHING_DONE
            record["end_time"] = stamp(self.store.clock.now())
            record["counter"] = self._counters(instance_id, job_id)
            record["alert"] = [{"value": "alert_general_success", "desc": "The job completed successfully. "
                                "For more information view the report details."}]
            self._began.pop(instance_id, None)
        record["status"] = tables.code("systemJobStatus", status)
        record["progress"] = 100 if finished else min(99, 100 * done // max(1, total))
        record["status_date"] = f"{self.store.clock.today()}Z"
        self.store.do("UPDATE instances SET status = ?, record = ? WHERE id = ?",
                      (status, pack(record), instance_id))

    def _counters(self, instance_id, job_id):
        done, rest = self.store.row("SELECT coalesce(sum(outcome = 'done'), 0), coalesce(sum(outcome <> "
                                    "'done'), 0) FROM tasks WHERE instance_id = ?", (instance_id,))
        if job_id == assumptions.PURGE_JOB_ID:
            # Like the old job's report, this one speaks only of those who were NOT purged.
            return [{"type": assumptions.PURGE_COUNTER, "value": str(rest)}]
        return [{"type": assumptions.UPDATE_DONE, "value": str(done)},
                {"type": assumptions.UPDATE_FAILED, "value": str(rest)}]


def _amount(parameters, name):
    try:
        return float(parameters.get(name) or 0)
    except ValueError:
        return 0.0
