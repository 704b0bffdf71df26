"""Carry out a plan user by user: look again, copy, intend, act, look, write down.

The whole record is fetched, one field is changed, the whole record is put back (Alma's PUT is swap-all),
and then fetched again: Alma saying 200 is not proof. A rehearsal is the default and takes the same way up
to the write.
"""

import random
import sys

import pandas as pd
from tqdm import tqdm

from purgelib import guards, journal, plan, rules, users
from purgelib.errors import (
    AlmaError,
    CanaryFailed,
    JobRefused,
    KeyRefused,
    NoAnswer,
    NotFound,
    PartialAnswer,
    PlanRefused,
    QuotaSpent,
    Stopped,
    TooFast,
)
from purgelib.journal import CONFIRMED, FAILED, INTENDED, SKIPPED

WOULD = "would be set"
# Errors that say nothing about one user, but stop the run for all.
FOR_ALL = (KeyRefused, QuotaSpent, TooFast)
IN_A_ROW = 5  # so many users in a row who fail, or for whom Alma does not answer, end the run
# What Alma itself works out anew; everything else must come back as it was sent.
ALMAS_OWN = {"purge_date", "status_date", "last_patron_activity_date", "requests", "loans", "fees", "link"}


def carry_out(folder, alma, confirmed=""):
    """Sets the purge dates of a plan; returns the results, a frame with the columns ``journal.COLUMNS``.

    confirmed: the institution's name and the number of users, as ``guards.to_be_typed`` says. Without it this
    is a rehearsal, which only reads. With it, writes to Alma. Interrupting is safe: call again to go on.
    """
    sealed = load(folder, alma, confirmed)
    if confirmed and (journal.read(folder).job(plan.PURGE) or {}).get("state"):
        raise JobRefused("Alma's purge job was started for this plan already: no more dates are set, as it would not "
                         "take these users any more. Make a new plan for them.", job="Purge users", why="started")
    with journal.open(sealed.folder, rehearsal=not confirmed) as book, alma.stopping_at(sealed.folder / "STOP"):
        _questions(sealed, alma, book)
        _canary_and_rest(sealed, alma, book, bool(confirmed))
        return book.results()


def load(folder, alma, confirmed, started=False):
    """Loads a plan to set purge dates; refuses it unless it fits this Alma and, to write, was confirmed. Only reads.

    started: Alma's job for it was started already; to see how it ended, the plan may be of any age.
    """
    sealed = plan.load(folder)
    if sealed.header["kind"] != plan.SET_PURGE_DATE:
        raise PlanRefused(f"{sealed.folder.name} holds a plan to {sealed.header['kind']}, not to "
                          f"{plan.SET_PURGE_DATE}.", folder=str(folder), differs="kind")
    if not started:
        plan.refuse_newer_export(sealed)
    guards.plan_fits(sealed.header, alma.target(), None if started else alma.today())
    if confirmed:
        guards.confirmed(sealed.header, confirmed)
        alma.for_writing()
    return sealed


def effort(sealed, pace=10):
    """Says how many calls it takes to look at everybody of a plan, and to set the dates, at so many calls a second."""
    look_once = len(sealed) * (1 + len(sealed.policy.fee_statuses))
    setting = look_once + 2 * len(sealed)
    return (f"{look_once:,} calls to look at everybody once, {setting:,} to set the dates; at {pace} calls a second "
            f"(real Alma) {look_once / pace / 60:,.0f} and {setting / pace / 60:,.0f} minutes.")


def _questions(sealed, alma, book):
    """An intention without a result is a question to Alma: did it happen before the crash, or not?"""
    states = book.states(plan.SET_PURGE_DATE)
    for user in _users(sealed):
        if states.get(user.primary_id) == INTENDED:
            look(user, alma, book)


def _canary_and_rest(sealed, alma, book, real):
    """A few users at random are written first; the rest follows only if none of them failed, and while few do."""
    settled = {one for one, state in book.states(plan.SET_PURGE_DATE).items() if state in (CONFIRMED, SKIPPED)}
    todo = [user for user in _users(sealed) if user.primary_id not in settled]
    random.shuffle(todo)
    written, in_a_row = [], 0
    for user in progress(todo, "Setting purge dates" if real else "Rehearsing"):
        state, wrote = _one(user, sealed, alma, book, real, in_a_row)
        in_a_row = in_a_row if state == SKIPPED else in_a_row + 1 if state == FAILED else 0
        # Whoever is left alone proves nothing about writing.
        written += [(user.primary_id, state)] if wrote else []
        if len(written) == sealed.policy.canary and wrote:
            _all_well(written, "first")
        if in_a_row == IN_A_ROW:
            _all_well(written[-in_a_row:], "last")
    _all_well(written[:sealed.policy.canary], "first")


def _all_well(written, which):
    bad = [primary_id for primary_id, state in written if state == FAILED]
    if bad:
        raise CanaryFailed(f"{len(bad)} of the {which} {len(written)} users did not come out as planned; the others "
                           "were not touched. Look at the reasons in the journal before you call again.", outcomes=bad)


def _one(user, sealed, alma, book, real, in_a_row):
    """Look again, copy, intend, act, look, write down. Returns the state, and whether anything was written."""
    try:
        record, why = fetch(user, sealed.policy, alma, sealed.header["data_date"])
    except NoAnswer as error:
        # One record that Alma cannot deliver must not be in everybody's way; silence for several is Alma's own.
        if in_a_row + 1 >= IN_A_ROW:
            raise
        return settle(book, user, FAILED, f"nothing was sent: {error}"), False
    if why:
        return settle(book, user, SKIPPED, "; ".join(why)), False
    if not real:
        return settle(book, user, WOULD, "nothing speaks against it"), False
    if book.copy_of(user.primary_id) and purge_day(record) == user.new:
        # An earlier try did it; is everything else as in the copy of that time?
        return look(user, alma, book), False
    return set_purge_date(user, record, alma, book), True


def set_purge_date(user, record, alma, book):
    """Copies a record, changes its purge date from user.old to user.new and nothing else. Writes to Alma.

    user: one row of a plan; an empty ``new`` takes the purge date away. Returns how it came out.
    """
    book.copy(user.primary_id, record)
    book.intend(user.primary_id, user.action, user.old, user.new)
    changed = {name: value for name, value in record.items() if name != "purge_date"}
    if user.new:
        changed["purge_date"] = user.new + "Z"
    try:
        alma.put_user(user.primary_id, changed)
    except NoAnswer:
        pass  # it may have happened all the same: the look tells
    except AlmaError as error:
        state = settle(book, user, FAILED, str(error))
        if isinstance(error, FOR_ALL):
            raise
        return state
    except Stopped:
        settle(book, user, FAILED, "stopped before it was sent")
        raise
    return look(user, alma, book)


def look(user, alma, book):
    """Fetches the user anew and notes what is true now; returns the state. Only reads Alma."""
    before = book.copy_of(user.primary_id)
    try:
        after = alma.user(user.primary_id)
    except NotFound:
        return settle(book, user, FAILED, "gone from Alma while it was being changed")
    other = sorted(name for name in {*before, *after} - ALMAS_OWN if before.get(name) != after.get(name))
    if other:
        return settle(book, user, FAILED, f"other fields changed as well: {', '.join(other)}")
    if purge_day(after) != user.new:
        return settle(book, user, FAILED, "Alma did not take the purge date over")
    return settle(book, user, CONFIRMED, "read back")


def purge_day(record):
    """Returns the purge date of an Alma record as text without its Z; empty when there is none."""
    return str(record.get("purge_date") or "")[:10]


def settle(book, user, state, reason):
    """Notes how it came out for one user of a plan; returns the state. Writes to disk."""
    book.settle(user.primary_id, user.action, user.old, user.new, state, reason)
    return state


def fetch(user, policy, alma, data_date):
    """Looks a planned user up in Alma; returns the record and all reasons to leave the user alone. Only reads.

    user: one row of a plan; the reasons are empty when this is still the same person and every rule still says
    "may go". What cannot be told stays.
    """
    try:
        record = alma.user(user.primary_id)
        owed = alma.owed(user.primary_id, policy.fee_statuses)
    except NotFound:
        return None, ["is not in Alma any more"]
    except FOR_ALL:
        raise
    except (AlmaError, PartialAnswer) as error:
        return None, [f"Alma does not tell: {error}"]
    try:
        table = users.table([users.from_record(record, owed)])
    except (AttributeError, TypeError, ValueError):
        return record, ["Alma's record of this user cannot be read"]
    answers = rules.answers(table, policy, pd.Timestamp(data_date), live=True)
    return record, _changed_since(user, table.iloc[0]) + rules.reasons(answers.iloc[0], live=True)


def _changed_since(user, row):
    """Is this still the person and the state that the plan was made of? An empty fact of the plan tells nothing."""
    said = []
    if row["key"] != users.key_of(user.primary_id):
        said.append("Alma answers with another primary ID")
    for fact in plan.FACTS:
        planned, now = getattr(user, fact), row[fact]
        now = "" if pd.isna(now) else now.strftime("%Y-%m-%d") if fact == "expiry_date" else now
        if planned and planned != now:
            said.append(f"{fact.replace('_', ' ')} changed since the export")
    found = "" if pd.isna(row["purge_date"]) else row["purge_date"].strftime("%Y-%m-%d")
    if user.old and found not in (user.old, user.new):
        said.append("purge date changed since the export")
    return said


def _users(sealed):
    return list(sealed.users.itertuples(index=False))


def progress(items, what):
    """Shows a bar while iterating, at most twice a second, and takes it away at the end."""
    return tqdm(items, desc=what, unit="user", mininterval=0.5, leave=False, file=sys.stdout,
                disable=len(items) < 2)
