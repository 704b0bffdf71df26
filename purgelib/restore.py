"""Undo: put back purge dates, re-create purged users from their copies. Itself a plan, sealed and confirmed.

Only what this tool wrote is put back, and only where it is still as we left it. A user who was purged is
created anew: the loans, requests and fees of the past, the password and the PIN do not come back.
"""

import hashlib
from pathlib import Path

import pandas as pd

from purgelib import guards, journal, plan, users
from purgelib.errors import AlmaError, NoAnswer, NotFound, NothingToDo, Stopped
from purgelib.journal import CONFIRMED, FAILED, GONE, INTENDED, SKIPPED
from purgelib.plan import BACK, PURGE, USER_BACK
from purgelib.update import FOR_ALL, progress, purge_day, set_purge_date, settle, WOULD

POSSIBLE = ["primary_id", "user_group", "undo", "from", "back to"]
# Fields that Alma gives out but does not take in (rest_user.xsd).
OUTPUT_ONLY = ("full_name", "status_date", "last_patron_activity_date", "requests", "loans", "fees", "link",
               "proxy_for_user", "linking_id", "source_link_id", "source_institution_code")


def possible(folder):
    """Lists what of a run could be undone: a frame with the columns POSSIBLE, a row per user. Only reads."""
    run, book, undone = plan.load(folder), journal.read(folder), journal.undone(folder)
    dated, purged = book.states(plan.UPDATE), book.states(PURGE)
    rows = []
    for user in run.users.itertuples(index=False):
        if user.primary_id in undone.get(USER_BACK if purged.get(user.primary_id) == GONE else BACK, ()):
            continue
        if purged.get(user.primary_id) == GONE:
            rows.append((user.primary_id, user.user_group, USER_BACK, "", ""))
        # Where it failed, our date may stand there all the same.
        elif dated.get(user.primary_id) in (CONFIRMED, INTENDED, FAILED):
            old = purge_day(book.copy_of(user.primary_id) or {})
            rows.append((user.primary_id, user.user_group, BACK, user.new, old))
    return pd.DataFrame(rows, columns=POSSIBLE)


def to_be_typed(folder, dates_of=(), create=()):
    """Returns what a person must type to have these users restored."""
    return guards.to_be_typed({**plan.load(folder).header, "users": len(_wanted(dates_of, create))})


def undo(folder, alma, dates_of=(), create=(), confirmed=""):
    """Puts back the purge dates of some users of a run and re-creates others; returns results (``journal.COLUMNS``).

    dates_of, create: primary IDs, as ``possible`` lists them. confirmed: the institution's name and the number of
    users, as ``to_be_typed`` says; without it this is a rehearsal, which only reads. With it, writes to Alma.
    """
    if not dates_of and not create:
        return pd.DataFrame(columns=journal.COLUMNS)
    sealed = _sealed(plan.load(folder), dates_of, create)
    guards.plan_fits(sealed.header, alma.target(), alma.today())
    if confirmed:
        guards.confirmed(sealed.header, confirmed)
        alma.for_writing()
    # The run's own lock is held as well: nothing is put back while its job is being prepared.
    with journal.open(folder, rehearsal=True) as copies, alma.stopping_at(Path(folder) / "STOP"), \
            journal.open(sealed.folder, rehearsal=not confirmed) as book:
        for user in progress(list(sealed.users.itertuples(index=False)), "Restoring"):
            if book.states(user.action).get(user.primary_id) not in (CONFIRMED, SKIPPED):
                one = _date_back if user.action == BACK else _user_back
                one(user, alma, book, copies, bool(confirmed))
        return book.results()


def _sealed(run, dates_of, create):
    """The plan of this undo, in a folder of its own under the run; asked for twice, it is the same plan."""
    wanted = _wanted(dates_of, create)
    can = possible(run.folder)
    rows = can[[(users.key_of(one), undo) in wanted for one, undo in zip(can["primary_id"], can["undo"], strict=True)]
               if len(can) else slice(0)]
    mark = hashlib.sha256(repr(sorted(wanted)).encode()).hexdigest()[:8]
    folder = run.folder / f"restore-{mark}"
    if (folder / "plan.json").exists():
        return plan.load(folder)
    if len(rows) != len(wanted):
        missing = sorted(one for one, _ in wanted if one not in set(users.key_of(rows["primary_id"])))
        raise NothingToDo(f"Cannot be undone, as this run did nothing of the kind to them, or it is undone already: "
                          f"{', '.join(missing)}. restore.possible lists what can.", primary_ids=missing)
    facts = run.users.set_index("primary_id").reindex(rows["primary_id"])
    made = facts.assign(action=rows["undo"].to_numpy(), old=rows["from"].to_numpy(), new=rows["back to"].to_numpy(),
                        reason="undo").reset_index()
    header = {"kind": "restore", "title": f"undo of {run.folder.name}", "of": run.header["seal"],
              **{name: run.header[name] for name in ("target", "created", "data_date", "policy", "purge_after")},
              # An undo has no use-by date of its own: it stays possible as long as the copies are kept.
              "valid_until": run.header["purge_after"], "population": len(run)}
    return plan.write(folder, header, made)


def _wanted(dates_of, create):
    return {(users.key_of(one), action) for ids, action in ((dates_of, BACK), (create, USER_BACK)) for one in ids}


def _date_back(user, alma, book, copies, real):
    """Only where the present purge date is still the one that we set."""
    try:
        record = alma.user(user.primary_id)
    except NotFound:
        return settle(book, user, SKIPPED, "is not in Alma any more: re-create the user instead")
    if users.key_of(record.get("primary_id") or "") != users.key_of(user.primary_id):
        return settle(book, user, SKIPPED, "Alma answers with somebody else, who has this ID as an identifier")
    found = purge_day(record)
    if found == user.new:
        return settle(book, user, CONFIRMED if real else WOULD, "has the old purge date already")
    if found != user.old:
        return settle(book, user, SKIPPED, f"somebody changed the purge date to {found or 'none'} since")
    if not real:
        return settle(book, user, WOULD, f"would get back {user.new or 'no purge date'}")
    set_purge_date(user, record, alma, book)


def _user_back(user, alma, book, copies, real):
    """Only where nobody has the ID now."""
    record = copies.copy_of(user.primary_id)
    if record is None:
        return settle(book, user, SKIPPED, "there is no copy of the record")
    if _there(user, alma):
        # After a crash, the user may be there because we had already sent the record.
        ours = book.states(USER_BACK).get(user.primary_id) == INTENDED
        return _compare(user, record, alma, book) if ours else settle(
            book, user, SKIPPED, "there is a user with this ID in Alma already")
    if not real:
        return settle(book, user, WOULD, "would be created from the copy")
    book.intend(user.primary_id, USER_BACK, "", "")
    try:
        alma.post_user({name: value for name, value in record.items() if name not in OUTPUT_ONLY})
    except NoAnswer:
        pass  # the look tells
    except (AlmaError, Stopped) as error:
        settle(book, user, FAILED, str(error))
        if isinstance(error, (*FOR_ALL, Stopped)):
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
        return settle(book, user, FAILED, "Alma did not create the user")
    other = sorted(name for name in {*record, *now} - set(OUTPUT_ONLY) if record.get(name) != now.get(name))
    said = f"differs from the copy in: {', '.join(other)}" if other else "as in the copy"
    past = purge_day(now) and purge_day(now) <= str(alma.today())
    settle(book, user, CONFIRMED, said + (f"; purge date {purge_day(now)}: the next purge may take the user" if past
                                          else ""))
