"""Carry out a plan through a set and Alma's own job; watch it, and reconcile it with the plan.

Alma's purge job cannot be stopped, lists nobody whom it deleted, and nothing brings a user back. So the set
is compared with the plan member by member, every member is looked at once more, the job is started once
only, and afterwards every planned user is looked up.
"""

import datetime
import sys
import time

from tqdm import tqdm

from purgelib import fields, guards, journal, live, plan, runlog, users
from purgelib.carrying import Carrier
from purgelib.errors import (
    AlmaError,
    JobFailed,
    JobRefused,
    NoAnswer,
    NothingToDo,
    NotThereYet,
    Refused,
    Stopped,
)
from purgelib.journal import CONFIRMED, GONE, LEFT, OPEN, SKIPPED
from purgelib.plan import PURGE
from purgelib.update import load

PURGE_JOB = "Purge users"
IN_SET = "would be purged"
ENDED = ("COMPLETED_SUCCESS", "COMPLETED_WARNING", "COMPLETED_FAILED", "COMPLETED_NO_BULKS", "FAILED", "USER_ABORTED",
         "SYSTEM_ABORTED", "SKIPPED")
APPEARS_WITHIN = 60


def purge(folder, alma, confirmed="", patience=6 * 3600, watch=None):
    """Hands the users of a plan whose purge date was set to Alma's job "Purge users"; returns the results.

    Returns a frame with the columns ``journal.COLUMNS``: every planned user, gone or not and why. confirmed: as
    for ``update.carry_out``; without it this only reads. With it, writes to Alma: creates a set, starts the job
    once. patience: seconds to wait for the job's end. Calling again never starts a second job.
    """
    started = bool((journal.read(folder).job(PURGE) or {}).get("state"))
    alma.stop.clear()  # a stop of an earlier try is over
    sealed = load(folder, alma, confirmed, started)
    if confirmed and not started:
        guards.may_be_purged(sealed.header, alma.today())
        _released(sealed)
        _dates_done(sealed, journal.read(folder))
    # What Alma's job did is noted without being confirmed again: that only reads Alma.
    with journal.open(sealed.folder, rehearsal=not (confirmed or started)) as book, \
            alma.stopping_at(sealed.folder / "STOP"), runlog.kept(sealed, watch) as watch:
        if not (book.job(PURGE) or {}).get("state"):
            members = _members(sealed, alma, book, bool(confirmed), watch)
            if not confirmed:
                return book.results()
            _submit(sealed, alma, book, _set_of(sealed, alma, book, members), members)
        _watch(alma, book, patience)
        _reconcile(sealed, alma, book, watch)
        return book.results()


def set_dates(folder, alma, confirmed=""):
    """Setting the dates by the job "Update/Notify Users" is not there yet: refuses, and says what to use instead."""
    raise NotThereYet("Setting purge dates through a set and Alma's job \"Update/Notify Users\" is not built yet. "
                      "Use update.carry_out, which looks at everybody first and sets them user by user.",
                      part="Update/Notify Users")


def _released(sealed):
    """The job's parameters are not public; what is guessed is tried on a sandbox first, not on real people."""
    if sealed.header["target"]["environment"] == "production":
        raise NotThereYet(
            f"Starting {PURGE_JOB!r} on production is not released: its parameters were built from public documents "
            "and never seen on a live Alma. Try it on your Alma sandbox. On production, run the job in Alma by hand, "
            "on a set of exactly those users whose date was set in 04_update.", part="Purge users on production")


def _dates_done(sealed, book):
    """Whoever is left between the steps would keep a past purge date, with no job of this run to take it up."""
    states = book.states(plan.UPDATE)
    undone = [one for one in sealed.users["primary_id"] if states.get(one) in (None, *OPEN)]
    if undone and len(undone) < len(sealed):
        raise JobRefused(f"For {len(undone):,} of {len(sealed):,} users the purge dates are not done yet: run "
                         "04_update to its end first.", job=PURGE_JOB, why="dates not done")


def _members(sealed, alma, book, real, watch):
    """Looks at every planned user again; those for whom something speaks against it are out, with the reason."""
    dated = {one for one, state in book.states(plan.UPDATE).items() if state == CONFIRMED}
    # Who was left alone when the dates were set has a reason that stands in the journal.
    rows = [row for row in sealed.users.itertuples(index=False) if not dated or row.primary_id in dated]
    watch.begin(len(rows), "Looking at everybody again")
    Carrier(Members(sealed, alma, dated), alma, book, sealed.folder, watch).carry(rows)
    ready = [row.primary_id for row in rows if book.states(PURGE).get(row.primary_id) == IN_SET]
    if real and not ready:
        often = book.results().query("action == @PURGE")["reason"].value_counts().head(3)
        raise NothingToDo("Nobody of this plan may be purged now: "
                          + "; ".join(f"{reason} ({number:,})" for reason, number in often.items())
                          + ". If the purge dates are not set yet: 04_update.")
    return ready


class Members:
    """Who may be handed to the job: every rule asked once more, with the fees of every status. Only reads."""

    action = PURGE

    def __init__(self, sealed, alma, dated):
        self._sealed, self._alma, self._dated = sealed, alma, dated

    def look(self, row):
        """Fetches a user. Only reads."""
        return live.fetch(row.primary_id, self._sealed.policy, self._alma)

    def changes(self, row):
        """Returns nothing: no field is set."""
        return {}, {}

    def decide(self, rows, found):
        """Returns for each user whether the user is handed to the job, or why not."""
        there = [n for n, look in enumerate(found) if look.record is not None]
        why = dict(zip(there, live.judged([rows[n] for n in there], [found[n] for n in there], self._sealed),
                       strict=True))
        said = [self._why(row, look, why.get(n)) for n, (row, look) in enumerate(zip(rows, found, strict=True))]
        return [(SKIPPED if one else IN_SET, "; ".join(one), False) for one in said]

    def _why(self, row, look, why):
        if look.record is None:
            return ["Alma does not answer for this user" if look.silent else look.problem]
        if row.primary_id not in self._dated:
            return [*why, "purge date not set by this run"]
        if not why and not fields.has(look.record, self._sealed.changes(row)[1]):
            # Put back by an undo, or changed by a colleague: somebody does not want the user to go.
            return ["the purge date is not the one that this run set any more"]
        return why


def _set_of(sealed, alma, book, members):
    """An itemized set of exactly these users; a set of that name is ours only if the journal says so."""
    known = book.job(PURGE) or {}
    name = known.get("set_name") or f"purge {sealed.folder.name} {sealed.header['seal'][:8]}"
    found = alma.find_set(name)
    if found and not known:
        raise JobRefused(f"A set named {name!r} is there already, but this run did not make it. Look at it in Alma; "
                         "delete or rename it.", job=PURGE_JOB, why="set name taken")
    book.note_job(PURGE, set_name=name)
    set_id = (found or alma.create_set(name, f"Plan {sealed.header['seal'][:8]}, {len(members)} users"))["id"]
    book.note_job(PURGE, set_id=set_id)
    alma.replace_members(set_id, members)
    return set_id


def _same_members(found, wanted):
    found, wanted = {users.key_of(one) for one in found}, {users.key_of(one) for one in wanted}
    if found != wanted:
        raise JobRefused(f"The set in Alma is not the plan: {len(found - wanted)} members too many, "
                         f"{len(wanted - found)} missing. No job was started. Call again to fill the set anew.",
                         job=PURGE_JOB, why="set differs")


def _submit(sealed, alma, book, set_id, members):
    """Starts the job, once for ever: the intention is on disk first, a missing answer is settled by looking.

    The set is compared with the plan last of all, as nothing stops the job afterwards.
    """
    job = alma.job(PURGE_JOB)
    name = f"{PURGE_JOB} {sealed.folder.name} {sealed.header['seal'][:12]}"
    if _instance_of(alma, job["id"], name):
        raise JobRefused(f"Alma has run a job named {name!r} already; it is not started again.", job=PURGE_JOB,
                         why="already run")
    _same_members(alma.members(set_id), members)
    book.note_job(PURGE, job_id=job["id"], name=name, state="intended")
    try:
        instance = alma.run_job(job["id"], {"set_id": str(set_id), "job_name": name})
    except NoAnswer:
        instance = None  # it may have started all the same: its instance tells
    except (AlmaError, Refused, Stopped):
        # Refused before it started (too many jobs, a parameter missing): it may be tried again.
        book.note_job(PURGE, state=None)
        raise
    book.note_job(PURGE, instance=instance, state="submitted" if instance else "intended")


def _instance_of(alma, job_id, name):
    return next((one["id"] for one in alma.instances(job_id) if one["name"].startswith(name)), None)


def _watch(alma, book, patience):
    """Waits for the job's end, as Alma tells it; finds its instance first where the start got no answer."""
    known = book.job(PURGE)
    if known["state"] == "ended":
        return
    if not known["instance"]:
        book.note_job(PURGE, instance=_find_instance(alma, known), state="submitted")
        known = book.job(PURGE)
    until, pause = time.monotonic() + patience, 0.2
    with tqdm(total=100, desc=f"Alma's job {PURGE_JOB}", unit="%", leave=False, mininterval=0.5,
              file=sys.stdout) as bar:
        while True:
            seen = alma.instance(known["job_id"], known["instance"])
            bar.update(float(seen.get("progress") or 0) - bar.n)
            if seen["status"]["value"] in ENDED:
                return _ended(book, seen)
            if time.monotonic() > until:
                break
            time.sleep(pause)
            pause = min(pause * 1.5, 30)
    raise JobFailed(f"The job has not ended after {datetime.timedelta(seconds=patience)}; it cannot be stopped. Call "
                    "again to go on waiting.", job=PURGE_JOB, instance=known["instance"],
                    status=seen["status"]["value"])


def _find_instance(alma, known):
    for _ in range(APPEARS_WITHIN // 2):
        if instance := _instance_of(alma, known["job_id"], known["name"]):
            return instance
        time.sleep(2)
    raise JobFailed(f"Nobody knows whether the job was started: Alma did not answer, and lists no job named "
                    f"{known['name']!r}. Look at Admin > Monitor Jobs. It will not be started again by this run; if it "
                    "never ran, make a new plan.", job=PURGE_JOB, instance=None, status="unknown")


def _ended(book, seen):
    counters = "; ".join(f"{(c['type'] or {}).get('desc') or c['type']['value']}: {c['value']}"
                         for c in seen.get("counter") or [])
    book.note_job(PURGE, state="ended", said=f"{seen['status']['value']}; {counters}")


def _reconcile(sealed, alma, book, watch):
    """Looks every member up, whatever the job says: gone, or still there. Who was seen gone, is not asked again."""
    states = book.states(PURGE)
    rows = [row for row in sealed.users.itertuples(index=False)
            if states.get(row.primary_id, SKIPPED) not in (SKIPPED, GONE)]
    watch.begin(len(rows), "Looking who is gone")
    Carrier(Aftermath(alma), alma, book, sealed.folder, watch).settle_questions(rows)


class Aftermath:
    """Who is gone, by a fresh look at each. Only reads."""

    action = PURGE

    def __init__(self, alma):
        self._alma = alma

    def changes(self, row):
        """Returns nothing: no field is set."""
        return {}, {}

    def fresh(self, row):
        """Fetches a user as Alma has it now. Only reads."""
        return self._alma.user(row.primary_id)

    def checked(self, row, _record, found):
        """Returns state, reason, and that the journal keeps it."""
        if found is None:
            return GONE, "Alma does not know the user any more", True
        if users.key_of(found.get("primary_id") or "") != users.key_of(row.primary_id):
            return GONE, "the ID is now only an identifier of somebody else", True
        if (found.get("status") or {}).get("value") == "DELETED":
            return GONE, "status Deleted (policy: keep fully reportable)", True
        return LEFT, "Alma's job did not purge the user", True

    def knows(self, error):
        """Says whether an error is Alma's; any other is our own fault."""
        return isinstance(error, (AlmaError, NoAnswer))
