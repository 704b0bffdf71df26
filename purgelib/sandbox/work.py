"""Carries out submitted jobs in the background, a few users at a time; goes on after a restart."""

import dataclasses
import json
import math
import random
import time

from purgelib.sandbox import assumptions, catalogue, clock, instances, purging, records, tables, updates, writing
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.store import pack

# Other clients wait while a step runs: it ends after this many seconds, looked at after this many users.
SECONDS, BATCH = .02, 20
QUEUED_SHARE = .1
_STUCK = ("job_never_ends", "job_fails_late")


@dataclasses.dataclass
class _Run:
    """An unfinished instance: what it does, what goes wrong with it, and how far it is."""

    id: str
    job_id: str
    submitted: str
    status: str
    wish: dict
    act: str
    fault: str
    total: int | None
    done: int
    seen: int

    @property
    def reach(self):
        """How many users it comes to before whatever goes wrong."""
        return self.total // 2 if self.fault in _STUCK else self.total

    @property
    def is_stuck(self):
        """Whether it will never do anything again, and never end."""
        return self.fault == "job_never_ends" and self.total is not None and \
            self.status == assumptions.RUNNING and self.done >= self.reach


class Worker:
    """Does the work of unfinished job instances, a step whenever it is asked."""

    def __init__(self, store, settings):
        self.store = store
        self.settings = settings
        self._began = {}
        self.open = True

    def step(self):
        """Does what is due by now: a short while of work, shared among the unfinished instances."""
        if not self.open:
            return
        tables.TABLES.use(self.store)
        rows = self.store.rows("SELECT i.id, job_id, submitted, status, parameters, act, fault, total, done, seen "
                               "FROM instances i JOIN runs r ON r.instance_id = i.id WHERE status IN (?, ?) "
                               "ORDER BY number", instances.UNFINISHED)
        runs = [_Run(*row[:4], json.loads(row[4]), *row[5:]) for row in rows]
        runs = [run for run in runs if not run.is_stuck]
        self.open = bool(runs)
        for run in runs:
            share = self._share(run)
            if share >= QUEUED_SHARE:
                with self.store.transaction():
                    self._advance(run, share, time.monotonic() + SECONDS / len(runs))

    def _share(self, run):
        now, seconds = self.store.clock.now(), self.settings["job_seconds"]
        # When the clock was set back to before its beginning, it begins anew.
        began = self._began[run.id] = min(now, self._began.get(run.id) or clock.parse(run.submitted))
        return min(1.0, (now - began).total_seconds() / seconds) if seconds else 1.0

    def _advance(self, run, share, until):
        before = (run.status, run.total, run.done, run.seen)
        if run.status == assumptions.QUEUED:
            run.status = assumptions.RUNNING
            self._tell(run, start_time=stamp(self.store.clock.now()))
        # However late it is, every step does something.
        while run.total is None:
            self._look_for_users(run)
            if time.monotonic() >= until:
                break
        if run.total is None:
            self._keep(run)
            return
        due = min(run.reach, math.ceil(run.total * share))
        while run.done < due:
            self._do(run, min(due, run.done + BATCH))
            if time.monotonic() >= until:
                break
        if share >= 1.0 and run.done >= run.reach and run.fault != "job_never_ends":
            self._end(run)
        elif before != (run.status, run.total, run.done, run.seen):
            self._tell(run, progress=min(99, 100 * run.done // max(1, run.total)))
        self._keep(run)

    def _look_for_users(self, run):
        """Settles a part of the users of a purge without a set, by the day on which it started."""
        started = json.loads(self._text(run))["start_time"]
        day = purging.last_day(run.wish, clock.parse(started).date())
        found, run_seen = purging.of(self.store, run.wish, day, run.seen)
        first = self.store.one("SELECT coalesce(max(position) + 1, 0) FROM tasks WHERE instance_id = ?", (run.id,))
        self.store.db.executemany("INSERT INTO tasks VALUES (?, ?, ?, ?, NULL)",
                                  [(run.id, first + n, *who) for n, who in enumerate(found)])
        run.seen = run.seen if run_seen is None else run_seen
        if run_seen is None:
            run.total = first

    def _do(self, run, top):
        tasks = self.store.rows("SELECT t.position, t.user_id, u.record FROM tasks t LEFT JOIN users u "
                                "ON u.id = t.user_id WHERE instance_id = ? AND position >= ? AND position < ? "
                                "ORDER BY position", (run.id, run.done, top))
        outcomes = [(self._outcome(run, *task), run.id, task[0]) for task in tasks]
        self.store.db.executemany("UPDATE tasks SET outcome = ? WHERE instance_id = ? AND position = ?", outcomes)
        run.done = top

    def _outcome(self, run, position, number, text):
        if text is None:
            return "gone"
        if run.fault == "job_fails" and position % 3 == 0:
            return "failed: by order of a fault"
        if run.act == "purge":
            return purging.erase(self.store, run.id, run.wish, number, text)
        return self._update(run, number, json.loads(text)) if run.act == "update" else "done"

    def _update(self, run, number, record):
        before = json.loads(pack(record))
        hidden = json.loads(self.store.one("SELECT hidden FROM users WHERE id = ?", (number,)))
        try:
            updates.apply(record, hidden, run.wish, self.store.clock.now(), random.Random(f"{run.id} {number}"))
        except updates.CannotApply as problem:
            return f"failed: {problem}"
        record = records.ordered(record)
        writing.save(self.store, number, record, hidden)
        self.store.note("JOB", run.id, record["primary_id"], writing.difference(before, record))
        return "done"

    def _end(self, run):
        done, rest = self.store.row("SELECT coalesce(sum(outcome IS 'done'), 0), coalesce(sum(outcome IS NOT "
                                    "'done'), 0) FROM tasks WHERE instance_id = ?", (run.id,))
        failed = run.fault == "job_fails_late"
        good = assumptions.DONE if run.total else assumptions.NOTHING_DONE
        run.status = assumptions.ENDED_BADLY if failed else good
        alert = {"value": "alert_general_success", "desc": "The job completed successfully. "
                 "For more information view the report details."}
        self._tell(run, end_time=stamp(self.store.clock.now()), counter=self._counters(run, done, rest),
                   alert=[assumptions.BAD_ALERT if failed else alert],
                   progress=100 * run.done // max(1, run.total) if failed else 100)
        self._began.pop(run.id, None)

    def _counters(self, run, done, rest):
        if run.act == "purge":
            # The report of a purge speaks only of those who were NOT purged.
            return [{"type": catalogue.purge_settings(self.store)["counter"], "value": str(rest)}]
        if run.act != "update":
            return []
        return [{"type": assumptions.UPDATE_DONE, "value": str(done)},
                {"type": assumptions.UPDATE_FAILED, "value": str(rest)}]

    def _text(self, run):
        return self.store.one("SELECT record FROM instances WHERE id = ?", (run.id,))

    def _tell(self, run, **changed):
        """Writes down what clients see of an instance."""
        record = {**json.loads(self._text(run)), **changed, "status": tables.code("systemJobStatus", run.status),
                  "status_date": f"{self.store.clock.today()}Z"}
        self.store.do("UPDATE instances SET status = ?, record = ? WHERE id = ?", (run.status, pack(record), run.id))

    def _keep(self, run):
        self.store.do("UPDATE runs SET total = ?, done = ?, seen = ? WHERE instance_id = ?",
                      (run.total, run.done, run.seen, run.id))
