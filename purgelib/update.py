"""Carry out a plan user by user: look again, copy, intend, act, look, write down.

The whole record is fetched, the planned fields are changed, the whole record is put back (Alma's PUT is swap-all), and
what Alma answers is compared with what was sent, field by field. A few users go first and are fetched anew: Alma saying
200 is not proof. A rehearsal is the default and takes the same way up to the write. Two calls a user after a rehearsal
of the last day, which has seen the fees.
"""

import contextlib
import math
import random

from purgelib import copies, fields, guards, journal, live, looks, plan, runlog
from purgelib.carrying import Carrier
from purgelib.errors import AlmaError, CanaryFailed, JobRefused, NoAnswer, PartialAnswer, PlanRefused, Untrue
from purgelib.journal import CONFIRMED, FAILED, OPEN, SKIPPED, WOULD

AS_ANSWERED, UNTRUE = "as Alma answered", "Alma said yes, but a fresh look does not show it"
FRESH_HOURS = 24  # so long what a rehearsal saw of the fees is taken for true


def carry_out(folder, alma, confirmed="", watch=None):
    """Sets the planned fields of a plan's users; returns the results, a frame with the columns ``journal.COLUMNS``.

    confirmed: the institution's name and the number of users, as ``guards.to_be_typed`` says. Without it this
    is a rehearsal, which only reads. With it, writes to Alma. Interrupting is safe: call again to go on.
    watch: shows how it goes, see ``watching``.
    """
    alma.stop.clear()  # a stop of an earlier try is over
    sealed = load(folder, alma, confirmed)
    if confirmed and (journal.read(folder).job(plan.PURGE) or {}).get("state"):
        raise JobRefused("Alma's purge job was started for this plan already: no more dates are set, as it would not "
                         "take these users any more. Make a new plan for them.", job="Purge users", why="started")
    with contextlib.ExitStack() as stack:
        vault = copies.Vault(sealed.header["copies_to"])
        book = stack.enter_context(journal.open(sealed.folder, rehearsal=not confirmed, vault=vault))
        seen = stack.enter_context(looks.open(sealed.folder))
        stack.enter_context(alma.stopping_at(sealed.folder / "STOP"))
        watch = stack.enter_context(runlog.kept(sealed, watch))
        act = (Setting if confirmed else Rehearsing)(sealed, alma, book, seen)
        watch.begin(len(sealed), "Setting fields" if confirmed else "Rehearsing")
        (_write if confirmed else _rehearse)(sealed, Carrier(act, alma, book, sealed.folder, watch), book, seen)
        return book.results()


def load(folder, alma, confirmed, started=False):
    """Loads a plan to set fields; refuses it unless it fits this Alma and, to write, was confirmed. Only reads.

    started: Alma's job for it was started already; to see how it ended, the plan may be of any age.
    """
    sealed = plan.load(folder)
    if sealed.header["kind"] != plan.UPDATE:
        raise PlanRefused(f"{sealed.folder.name} holds a plan to {sealed.header['kind']}, not to {plan.UPDATE}.",
                          folder=str(folder), differs="kind")
    if not started:
        plan.refuse_newer_export(sealed)
    guards.plan_fits(sealed.header, alma.target(), None if started else alma.today())
    if confirmed:
        guards.confirmed(sealed.header, confirmed)
        alma.for_writing()
    return sealed


def effort(sealed, pace=10, left=None):
    """Says how many calls it takes to look at everybody of a plan, and to write, at so many calls a second.

    left: calls left of this day, as ``Alma.remaining`` tells after any call.
    """
    look_once, setting = len(sealed) * (1 + len(sealed.policy.fee_statuses)), 2 * len(sealed)
    setting += 2 * sealed.policy.canary + min(sealed.policy.read_back, len(sealed))
    quota = f" That is {(look_once + setting) / left:.0%} of the {left:,} calls left today." if left else ""
    return (f"{look_once:,} calls to look at everybody once, {setting:,} to set the fields within a day after it; at "
            f"{pace} calls a second {math.ceil(look_once / pace / 60):,} and {math.ceil(setting / pace / 60):,} "
            f"minutes.{quota}")


def _rehearse(sealed, carrier, book, seen):
    """Looks at everybody; one that was interrupted within a day goes on where it ended."""
    known = seen.unfinished(FRESH_HOURS)
    done = {one for one, state in book.states(plan.UPDATE).items() if state == CONFIRMED}
    rows = [row for row in _rows(sealed) if row.primary_id not in done]
    book.settle_all([(row.primary_id, plan.UPDATE, *sealed.changes(row), *known[row.primary_id])
                     for row in rows if row.primary_id in known])
    carrier.settled(dict.fromkeys(done, CONFIRMED) | {one: state for one, (state, _) in known.items()})
    carrier.carry([row for row in rows if row.primary_id not in known])
    seen.finish()


def _write(sealed, carrier, book, _seen):
    """First the questions of an earlier try, then a few users, then the rest; then some are looked at once more."""
    carrier.settle_questions([row for row in _rows(sealed) if _is_question(row, book)])
    states = book.states(plan.UPDATE)
    # Whom a look cannot settle is left to a person, and not written again.
    todo = [row for row in _rows(sealed) if states.get(row.primary_id) not in (CONFIRMED, SKIPPED)
            and not _is_question(row, book)]
    carrier.settled({one: state for one, state in states.items() if state in (CONFIRMED, SKIPPED)})
    random.shuffle(todo)
    todo = _canary(sealed.policy.canary, carrier, todo)
    carrier.carry(todo)
    # Those of an earlier call that ended before this, too.
    answered = set(book.results().query("state == @CONFIRMED and reason == @AS_ANSWERED")["primary_id"])
    unproven = [row for row in _rows(sealed) if row.primary_id in answered]
    random.shuffle(unproven)
    _proof(len(unproven) if book.was_said(UNTRUE) else sealed.policy.read_back, carrier, unproven)


def _is_question(row, book):
    """Something may have been written to this user, and it is not settled."""
    before = book.before(row.primary_id, plan.UPDATE)
    return before is not None and before["state"] in (*OPEN, FAILED)


def _canary(number, carrier, todo):
    """Writes a few users and looks at them anew; returns the others. Who is left alone proves nothing about writing."""
    first = []
    while todo and len(first) < number:
        some, todo = todo[:number - len(first)], todo[number - len(first):]
        states = carrier.carry(some)
        first += [row for row in some if states.get(row.primary_id) != SKIPPED]
        _all_well(states, first)
    # As strictly as after a write without an answer: every other field must be as it was.
    _all_well(carrier.settle_questions(first), first)
    return todo


def _all_well(states, first):
    bad = [one for one, state in states.items() if state not in (CONFIRMED, SKIPPED)]
    if bad:
        raise CanaryFailed(f"{len(bad)} of the first {len(first)} users did not come out as planned; the others were "
                           "not touched. Look at the reasons in the journal before you call again.", outcomes=bad)


def _proof(number, carrier, rows):
    """Looks at a sample of those who are done; if Alma said yes to one and did nothing, at all of them."""
    sample, others = rows[:number], rows[number:]
    states = carrier.read_back(sample)
    if set(states.values()) - {CONFIRMED}:
        states |= carrier.read_back(others)
    untrue = [one for one, state in states.items() if state != CONFIRMED]
    if untrue:
        raise Untrue(f"Alma said yes, but a fresh look does not show it, for {len(untrue):,} of {len(states):,} users "
                     "who were looked at again. They are failed now, with the reason; call again to try them again.",
                     outcomes=untrue)


class Rehearsing:
    """The same look and the same judgement, and no write."""

    action = plan.UPDATE

    def __init__(self, sealed, alma, book, seen):
        self._sealed, self._alma, self._book, self._seen = sealed, alma, book, seen

    def look(self, row):
        """Fetches a user, with the fees of every status. Only reads."""
        return live.fetch(row.primary_id, self._sealed.policy, self._alma)

    def changes(self, row):
        """Returns what the plan says of a user's fields: as seen and as wanted."""
        return self._sealed.changes(row)

    def decide(self, rows, found):
        """Returns for each user how it would come out, and keeps what was seen."""
        verdicts = [verdict or (WOULD, "nothing speaks against it", False) for verdict in self._verdicts(rows, found)]
        self._seen.add([(row.primary_id, look.owed, state, reason) for row, look, (state, reason, _)
                        in zip(rows, found, verdicts, strict=True) if not look.silent])
        return verdicts

    def _verdicts(self, rows, found):
        """None for those whom every rule lets go, else state, reason, and that nothing was written."""
        there = [n for n, look in enumerate(found) if look.record is not None]
        reasons = live.judged([rows[n] for n in there], [found[n] for n in there], self._sealed)
        said = {n: "; ".join(why) for n, why in zip(there, reasons, strict=True)}
        return [(FAILED if look.silent else SKIPPED, look.problem, False) if look.record is None
                else (SKIPPED, said[n], False) if said[n] else None for n, look in enumerate(found)]


class Setting(Rehearsing):
    """Sets the planned fields of a user, and nothing else of the record. Writes to Alma."""

    def __init__(self, sealed, alma, book, seen):
        super().__init__(sealed, alma, book, seen)
        self._owed = seen.owed(FRESH_HOURS)

    def look(self, row):
        """Fetches a user; the fees as the last rehearsal saw them, where one did within a day. Only reads."""
        return live.fetch(row.primary_id, self._sealed.policy, self._alma, self._owed.get(row.primary_id))

    def decide(self, rows, found):
        """Returns for each user None (to be written), or state, reason, and whether something may have been written."""
        return [self._earlier(row, look) or verdict
                for row, look, verdict in zip(rows, found, self._verdicts(rows, found), strict=True)]

    def _earlier(self, row, look):
        """An earlier try of this run may have done it; whatever it left behind is not written over."""
        if look.record is None or not self._book.before(row.primary_id, self.action):
            return None
        state, reason, written = self.checked(row, None, look.record)
        return (state, reason, written) if state == CONFIRMED or written else None

    def intention(self, row, record):
        """Returns what the journal needs to know before the write."""
        return row.primary_id, self.action, record, self._wanted(row)

    def _wanted(self, row):
        return self._sealed.changes(row)[1]

    def write(self, row, record):
        """Sends the whole record with the planned fields changed; returns Alma's answer. Writes to Alma."""
        new = self._wanted(row)
        return self._alma.put_user(row.primary_id, fields.written(record, new), fields.override(record, new))

    def fresh(self, row):
        """Fetches a user as Alma has it now. Only reads."""
        return self._alma.user(row.primary_id)

    def answered(self, row, record, answer):
        """Compares Alma's answer with what was sent: confirmed, or None where a fresh look must tell."""
        new = self._wanted(row)
        if not isinstance(answer, dict) or any(fields.differences(fields.written(record, new), answer, new)):
            return None
        return CONFIRMED, AS_ANSWERED, True

    def checked(self, row, record, found):
        """Returns state, reason and whether anything was written, from a fresh record (None: the user is gone)."""
        if found is None:
            return FAILED, "gone from Alma while it was being changed", True
        before, new = self._book.before(row.primary_id, self.action), self._wanted(row)
        if copies.digest(found, new) != before["digest"]:
            other = fields.differences(fields.written(record, new), found, new)[1] if record else []
            return FAILED, f"other fields changed as well: {', '.join(other) or 'look at the user in Alma'}", True
        if fields.has(found, new):
            return CONFIRMED, "read back", True
        if fields.seen(found, new) == before["old"]:
            return FAILED, f"Alma did not take it over: {fields.words(new)}", False
        return FAILED, f"has neither the old nor the new values, but {fields.words(fields.seen(found, new))}", True

    def kept(self, row, found):
        """Looks at a user who is confirmed: is it there, as Alma said? State, reason, whether anything was written."""
        if found is None:
            return FAILED, "gone from Alma since it was set", True
        if fields.has(found, self._wanted(row)):
            return CONFIRMED, "read back", True
        _, reason, written = self.checked(row, None, found)
        return FAILED, f"{UNTRUE}: {reason}", written

    def knows(self, error):
        """Says whether an error is about this user, or Alma; any other is our own fault."""
        return isinstance(error, (AlmaError, NoAnswer, PartialAnswer))


def _rows(sealed):
    return list(sealed.users.itertuples(index=False))
