"""A planned user as Alma shows it now: fetched, compared with the plan, judged by every rule. Only reads.

One call tells the record, the loans, the requests and the balance of the active fees; the fees themselves cost a call
for each status that the policy names. Users are judged in batches: the rules are asked once for all of them.
"""

import dataclasses

import pandas as pd

from purgelib import planned, rules, users
from purgelib.errors import AlmaError, KeyRefused, NoAnswer, NotFound, PartialAnswer, QuotaSpent, TooFast

GONE = "is not in Alma any more"
# Errors that say nothing about one user, but stop the run for all.
FOR_ALL = (KeyRefused, QuotaSpent, TooFast)


@dataclasses.dataclass(frozen=True)
class Look:
    """What Alma answered about one user: record and what is owed, or a problem in words.

    silent: no usable answer came, so the look can be tried again.
    """

    record: dict | None = None
    owed: float | None = None
    problem: str = ""
    silent: bool = False


def fetch(primary_id, policy, alma, owed=None):
    """Looks one user up; returns a Look. owed: what a rehearsal saw lately, so that only the active balance is new."""
    try:
        record = alma.user(primary_id)
        return Look(record, alma.owed(primary_id, policy.fee_statuses) if owed is None else owed)
    except NotFound:
        return Look(problem=GONE)
    except FOR_ALL:
        raise
    except NoAnswer as error:
        return Look(problem=f"nothing was sent: {error}", silent=True)
    except (AlmaError, PartialAnswer) as error:
        return Look(problem=f"Alma does not tell: {error}")


def judged(rows, looks, sealed, as_of=None):
    """Returns for each user a list of all reasons to leave the user alone; empty where every rule says "may go".

    rows: rows of the plan's ``users``; looks: their looks, which hold a record. What cannot be told stays.
    """
    read, reasons = [], [[] for _ in rows]
    for n, look in enumerate(looks):
        try:
            read.append((n, users.from_record(look.record, _all_owed(look))))
        except (AttributeError, TypeError, ValueError):
            reasons[n] = ["Alma's record of this user cannot be read"]
    try:
        table = users.table([one for _, one in read])
    except (AttributeError, TypeError, ValueError):
        return _one_by_one(rows, looks, sealed, as_of)
    day = pd.Timestamp(as_of or sealed.header["data_date"])
    answers = rules.answers(table, sealed.policy, day, live=True).to_dict("records") if read else []
    for (n, row), answer in zip(read, answers, strict=True):
        reasons[n] = _changed_since(rows[n], row, sealed) + rules.reasons(answer, live=True)
    return reasons


def _one_by_one(rows, looks, sealed, as_of):
    """One record that cannot be read must not be in everybody's way."""
    if len(rows) == 1:
        return [["Alma's record of this user cannot be read"]]
    return [judged([row], [look], sealed, as_of)[0] for row, look in zip(rows, looks, strict=True)]


def _all_owed(look):
    """What the list of fees says, or the balance where that is more by now; unknown where Alma does not tell one."""
    balance = (look.record.get("fees") or {}).get("value")
    return pd.NA if balance is None or look.owed is None else max(abs(float(balance)), look.owed)


def _changed_since(planned_row, row, sealed):
    """Is this still the person and the state that the plan was made of? An empty fact of the plan tells nothing."""
    said = []
    if row["key"] != users.key_of(planned_row.primary_id):
        said.append("Alma answers with another primary ID")
    old, new = sealed.changes(planned_row)
    for fact in dict.fromkeys((*planned.FACTS, "purge_date", *(name for name in old if name != "note"))):
        before, now = getattr(planned_row, fact), _text(row[fact])
        # What an earlier try of this run has set itself is no change by others.
        if before and now not in (before, new.get(fact, before)):
            said.append(f"{fact.replace('_', ' ')} changed since the export")
    return said


def _text(value):
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    return value if isinstance(value, str) else "" if value is None or value is pd.NaT or value != value else str(value)
