"""Undo: put back what a run has written, re-create purged users from their copies. Itself a plan, sealed and confirmed.

It goes the way of every plan: the same guards, journal, pace, first few and read-back. Only what this tool wrote is put
back, and only where it is still as we left it.
"""

import contextlib
import hashlib
import os
from pathlib import Path

import pandas as pd

from purgelib import copies, fields, guards, journal, plan, planned, runlog, sisxml, users
from purgelib.carrying import Carrier
from purgelib.errors import CanaryFailed, NothingToDo
from purgelib.journal import CONFIRMED, FAILED, GONE, OPEN, SKIPPED
from purgelib.plan import BACK, PURGE, UPDATE, USER_BACK
from purgelib.putback import PuttingBack
from purgelib.recreate import LOST, Recreating

__all__ = ["LOST", "possible", "sis_file", "to_be_typed", "undo"]
POSSIBLE = ["primary_id", "user_group", "undo", "from", "back to"]


def possible(folder):
    """Lists what of a run could be undone: a frame with the columns POSSIBLE, a row per user. Only reads."""
    run, book, undone = plan.load(folder), journal.read(folder), journal.undone(folder)
    purged, rows = book.states(PURGE), []
    for user in run.users.itertuples(index=False):
        gone = purged.get(user.primary_id) == GONE
        if user.primary_id in undone.get(USER_BACK if gone else BACK, ()):
            continue
        before = book.before(user.primary_id, UPDATE)
        if gone:
            rows.append((user.primary_id, user.user_group, USER_BACK, "", ""))
        # Where it failed, what we wrote may stand there all the same.
        elif before and before["state"] in (CONFIRMED, FAILED, *OPEN):
            rows.append((user.primary_id, user.user_group, BACK, fields.words(before["new"]),
                         fields.words(before["old"])))
    return pd.DataFrame(rows, columns=POSSIBLE)


def to_be_typed(folder, dates_of=(), create=()):
    """Returns what a person must type to have these users restored."""
    return guards.to_be_typed({**plan.load(folder).header, "users": len(_wanted(dates_of, create))})


def undo(folder, alma, dates_of=(), create=(), confirmed="", key_file=None, passphrase="", watch=None):
    """Puts back what a run wrote to some users and re-creates others; returns results (``journal.COLUMNS``).

    dates_of, create: primary IDs, as ``possible`` lists them. confirmed: the institution's name and the number of
    users, as ``to_be_typed`` says; without it this is a rehearsal, which only reads. With it, writes to Alma.
    key_file: opens the copies, for users to create; the key beside the run folders unless told. passphrase: of that
    file; COPIES_PASSPHRASE in the environment unless told.
    """
    alma.stop.clear()
    if not dates_of and not create:
        return pd.DataFrame(columns=journal.COLUMNS)
    sealed, keys = _sealed(plan.load(folder), dates_of, create), ()
    guards.plan_fits(sealed.header, alma.target(), alma.today())
    if create:
        keys = _keys(Path(folder), key_file, passphrase)
    if confirmed:
        guards.confirmed(sealed.header, confirmed)
        alma.for_writing()
    with contextlib.ExitStack() as stack:
        # The run's own lock is held as well: nothing is put back while its job is being prepared.
        run = stack.enter_context(journal.open(folder, rehearsal=True))
        vault = copies.Vault(sealed.header["copies_to"])
        book = stack.enter_context(journal.open(sealed.folder, rehearsal=not confirmed, vault=vault))
        stack.enter_context(alma.stopping_at(Path(folder) / "STOP"))
        watch = stack.enter_context(runlog.kept(sealed, watch))
        watch.begin(len(sealed), "Restoring" if confirmed else "Rehearsing")
        for act in (PuttingBack(sealed, alma, book, bool(confirmed)),
                    Recreating(sealed, alma, book, run, keys, bool(confirmed))):
            rows = [row for row in sealed.users.itertuples(index=False) if row.action == act.action]
            _carried(act, Carrier(act, alma, book, Path(folder), watch), rows, book, sealed.policy.canary)
        return book.results()


def sis_file(folder, create, key_file=None, passphrase=""):
    """Writes purged users of a run, from their copies, as users.zip for Alma's SIS load; returns its path.

    For who cannot, or must not, create users by API. create: primary IDs, as ``possible`` lists them. Roles are no part
    of such a load, and LOST says what else does not come back. Writes to disk, not to Alma.
    """
    folder = Path(folder)
    gone = set(users.key_of(possible(folder).query("undo == @USER_BACK")["primary_id"]))
    if missing := [one for one in create if users.key_of(one) not in gone]:
        raise NothingToDo(f"Not purged by this run, or created again already: {', '.join(missing)}.",
                          primary_ids=missing)
    keys, ids = _keys(folder, key_file, passphrase), {users.key_of(one) for one in create}
    with contextlib.closing(journal.read(folder)) as book:
        records = [book.copy_of(one, keys) for one in plan.load(folder).users["primary_id"]
                   if users.key_of(one) in ids]
    return sisxml.write(folder, records)


def _carried(act, carrier, rows, book, canary):
    """Questions of an earlier try first, then a few users, then the others."""
    states = book.states(act.action)
    carrier.settle_questions([row for row in rows if states.get(row.primary_id) in OPEN])
    states = book.states(act.action)
    todo = [row for row in rows if states.get(row.primary_id) not in (CONFIRMED, SKIPPED)]
    first, rest = todo[:canary], todo[canary:]
    states = carrier.carry(first)
    if rest and FAILED in states.values():
        bad = [one for one, state in states.items() if state == FAILED]
        raise CanaryFailed(f"{len(bad)} of the first {len(first)} users did not come out as planned; the others were "
                           "not touched. Look at the reasons before you call again.", outcomes=bad)
    carrier.carry(rest)
    # An undo is small, and the last resort: everybody is looked at once more.
    states = book.states(act.action)
    carrier.read_back([row for row in todo if states.get(row.primary_id) == CONFIRMED])


def _keys(folder, key_file, passphrase):
    key_file = Path(key_file) if key_file else folder.parent / plan.COPIES_KEY
    # Never an argument of a notebook's cell: notebooks are sent around.
    return copies.identities(key_file, passphrase or os.environ.get("COPIES_PASSPHRASE", ""))


def _sealed(run, dates_of, create):
    """The plan of this undo, in a folder of its own under the run; asked for twice, it is the same plan."""
    wanted = _wanted(dates_of, create)
    mark = hashlib.sha256(repr(sorted(wanted)).encode()).hexdigest()[:8]
    folder = run.folder / f"restore-{mark}"
    if (folder / "plan.json").exists():
        return plan.load(folder)
    can = possible(run.folder)
    rows = can[[(users.key_of(one), undo) in wanted for one, undo in zip(can["primary_id"], can["undo"], strict=True)]
               if len(can) else slice(0)]
    if len(rows) != len(wanted):
        missing = sorted(one for one, _ in wanted if one not in set(users.key_of(rows["primary_id"])))
        raise NothingToDo(f"Cannot be undone, as this run did nothing of the kind to them, or it is undone already: "
                          f"{', '.join(missing)}. restore.possible lists what can.", primary_ids=missing)
    header = {"kind": "restore", "title": f"undo of {run.folder.name}", "of": run.header["seal"], "sets": {},
              **{name: run.header[name] for name in ("target", "created", "data_date", "policy", "purge_after",
                                                      "fields", "copies_to")},
              # An undo has no use-by date of its own: it stays possible as long as the copies are kept.
              "valid_until": run.header["purge_after"], "population": len(run)}
    return plan.write(folder, header, _rows(run, rows))


def _rows(run, rows):
    """Rows of the plan of an undo: what we wrote is what is there (old), what was there before is wanted (new)."""
    book = journal.read(run.folder)
    facts = run.users.set_index("primary_id").reindex(rows["primary_id"])
    made = facts[[*planned.SEEN, "reason"]].assign(action=rows["undo"].to_numpy(), reason="undo").reset_index()
    for name in run.fields:
        told = [book.before(one, UPDATE) if undo == BACK else None
                for one, undo in zip(rows["primary_id"], rows["undo"], strict=True)]
        made[f"old_{name}"] = [one["new"][name] if one else "" for one in told]
        made[f"new_{name}"] = [one["old"][name] if one else "" for one in told]
    return made


def _wanted(dates_of, create):
    return {(users.key_of(one), action) for ids, action in ((dates_of, BACK), (create, USER_BACK)) for one in ids}
