"""Undo: put back purge dates, re-create purged users from their copies. Itself a plan, sealed and confirmed.

Only what this tool wrote is put back, and only where it is still as we left it. A user who was purged is
created anew: the loans, requests and fees of the past, the password and the PIN do not come back.
"""

import pandas as pd

from purgelib import guards, journal, plan, users
from purgelib.errors import AlmaError, NoAnswer, NotFound, NothingToDo
from purgelib.journal import CONFIRMED, FAILED, INTENDED, SKIPPED
from purgelib.update import FOR_ALL, progress, set_purge_date, WOULD

DATES, USERS = "restore purge date", "re-create user"
# Fields that Alma gives out but does not take in (rest_user.xsd).
OUTPUT_ONLY = ("full_name", "status_date", "last_patron_activity_date", "requests", "loans", "fees", "link",
               "proxy_for_user", "linking_id", "source_link_id", "source_institution_code")


def seal_dates(folder, primary_ids):
    """Seals a plan that puts back the purge dates of these users of a run; returns the Plan. Writes to disk only."""
    return _seal(folder, primary_ids, DATES)


def seal_users(folder, primary_ids):
    """Seals a plan that re-creates these purged users of a run from their copies; returns the Plan. Writes to disk."""
    return _seal(folder, primary_ids, USERS)


def carry_out(folder, alma, confirmed=""):
    """Carries out a plan made by seal_dates or seal_users; returns the results (``journal.COLUMNS``).

    confirmed: the institution's name and the number of users; without it, a rehearsal that only reads. With it,
    writes to Alma.
    """
    sealed = plan.load(folder)
    guards.plan_fits(sealed.header, alma.target(), alma.today())
    if confirmed:
        guards.confirmed(sealed.header, confirmed)
    copies = journal.read(sealed.folder.parent)
    one = _date_back if sealed.header["kind"] == DATES else _user_back
    with journal.open(sealed.folder, rehearsal=not confirmed) as book, alma.stopping_at(sealed.folder / "STOP"):
        states = book.states(sealed.header["kind"])
        for user in progress(list(sealed.users.itertuples(index=False)), "Restoring"):
            if states.get(user.primary_id) not in (CONFIRMED, SKIPPED):
                one(user, alma, book, copies, bool(confirmed))
        return book.results()


def _seal(folder, primary_ids, kind):
    run, book = plan.load(folder), journal.read(folder)
    wanted = {users.key_of(one) for one in primary_ids}
    done = [one for one in run.users.itertuples(index=False) if users.key_of(one.primary_id) in wanted
            and book.states(plan.SET_PURGE_DATE).get(one.primary_id) in (CONFIRMED, INTENDED)]
    missing = wanted - {users.key_of(one.primary_id) for one in done}
    if not done or missing:
        raise NothingToDo("This run wrote nothing to " + (", ".join(sorted(missing)) or "anybody") + ": there is "
                          "nothing to put back.")
    rows = pd.DataFrame([{**one._asdict(), "action": kind, **_values(one, book, kind), "reason": "undo of this run"}
                         for one in done])
    number = 1 + len(list(run.folder.glob("restore-*")))
    header = {"kind": kind, "title": f"undo of {run.folder.name}", "of": run.header["seal"],
              **{name: run.header[name] for name in ("target", "created", "data_date", "policy", "purge_after")},
              # An undo has no use-by date of its own: it stays possible as long as the copies are kept.
              "valid_until": run.header["purge_after"], "population": len(run)}
    return plan.write(run.folder / f"restore-{number}", header, rows)


def _values(user, book, kind):
    if kind == USERS:
        return {"old": "", "new": ""}
    return {"old": user.new, "new": str((book.copy_of(user.primary_id) or {}).get("purge_date") or "")[:10]}


def _date_back(user, alma, book, copies, real):
    """Only where the present purge date is still the one that we set."""
    try:
        record = alma.user(user.primary_id)
    except NotFound:
        return _settle(book, user, SKIPPED, "is not in Alma any more: re-create the user instead")
    found = str(record.get("purge_date") or "")[:10]
    if found == user.new:
        return _settle(book, user, CONFIRMED if real else WOULD, "has the old purge date already")
    if found != user.old:
        return _settle(book, user, SKIPPED, f"somebody changed the purge date to {found or 'none'} since")
    if not real:
        return _settle(book, user, WOULD, f"would get back {user.new or 'no purge date'}")
    set_purge_date(user, record, alma, book)


def _user_back(user, alma, book, copies, real):
    """Only where nobody has the ID now."""
    record = copies.copy_of(user.primary_id)
    if record is None:
        return _settle(book, user, SKIPPED, "there is no copy of the record")
    if _there(user, alma):
        # After a crash, the user may be there because we had already sent the record.
        ours = book.states(USERS).get(user.primary_id) == INTENDED
        return _compare(user, record, alma, book) if ours else _settle(
            book, user, SKIPPED, "there is a user with this ID in Alma already")
    if not real:
        return _settle(book, user, WOULD, "would be created from the copy")
    book.intend(user.primary_id, USERS, "", "")
    try:
        alma.post_user({name: value for name, value in record.items() if name not in OUTPUT_ONLY})
    except NoAnswer:
        pass  # the look tells
    except AlmaError as error:
        _settle(book, user, FAILED, str(error))
        if isinstance(error, FOR_ALL):
            raise
        return
    _compare(user, record, alma, book)


def _there(user, alma):
    try:
        return alma.user(user.primary_id)
    except NotFound:
        return None


def _compare(user, record, alma, book):
    """Looks at the new record and says which fields differ from the copy."""
    now = _there(user, alma)
    if now is None:
        return _settle(book, user, FAILED, "Alma did not create the user")
    other = sorted(name for name in {*record, *now} - set(OUTPUT_ONLY) if record.get(name) != now.get(name))
    _settle(book, user, CONFIRMED, f"differs from the copy in: {', '.join(other)}" if other else "as in the copy")


def _settle(book, user, state, reason):
    book.settle(user.primary_id, user.action, user.old, user.new, state, reason)
