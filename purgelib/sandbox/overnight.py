"""What happened since last night: how Alma now differs from the exports made then.

`change` is the one place where these differences are made; every kind is there so that a tool that
trusts its exports, and does not look again, does harm that a test can see.
"""

import copy
import datetime

from purgelib.sandbox import circulation, records
from purgelib.sandbox.clock import LAST_NIGHT
from purgelib.sandbox.dice import Dice
from purgelib.sandbox.people import long_gone
from purgelib.sandbox.tables import code

# kind -> how many of 12,000; all are long gone graduates of the groups 05, 06, 08 in last night's exports
KINDS = {"renewed": 25, "new_loan": 10, "new_request": 5, "new_disputed_fee": 5, "other_group": 4,
         "deleted": 3, "re_created": 2}


def change(people, seed=31):
    """Returns the people as they are now, and kind -> primary IDs; last night's list stays as it was.

    Loans, fees and requests are numbered on the way: those of last night as the exports number them.
    """
    _number(people)
    dice = Dice(seed * 1000 + 2)
    places = [i for i, person in enumerate(people) if long_gone(person)]
    now, told = list(people), {}
    for kind, count in KINDS.items():
        chosen = dice.some(places, circulation.share_of(people, count))
        taken = set(chosen)
        places = [i for i in places if i not in taken]
        told[kind] = [people[i].record["primary_id"] for i in chosen]
        for i in chosen:
            now[i] = _ACTS[kind](dice, copy.deepcopy(people[i]))
    now = [person for person in now if person is not None]
    _number(now)
    return now, told


def _number(people):
    """Gives every fact that has no number yet the next one of its kind."""
    for kind in ("loans", "fees", "requests"):
        facts = [fact for person in people for fact in getattr(person, kind)]
        first = 1 + max((fact["number"] for fact in facts if "number" in fact), default=-1)
        for number, fact in enumerate((fact for fact in facts if "number" not in fact), start=first):
            fact["number"] = number


def _renewed(dice, person):
    person.redate(datetime.date(2027, 6, 30), dice.pick((person.purge, datetime.date(2028, 6, 30))))
    return person


def _new_loan(dice, person):
    person.loans = [circulation.loan(dice, taken=LAST_NIGHT + datetime.timedelta(days=1))]
    return person


def _new_request(dice, person):
    person.requests = [circulation.request(dice, made=LAST_NIGHT + datetime.timedelta(days=1))]
    return person


def _new_disputed_fee(dice, person):
    made = LAST_NIGHT + datetime.timedelta(days=1)
    fee = circulation.fee(dice, "INDISPUTE", made)
    fee.update(type="LOSTITEMREPLACEMENTFEE", amount=4500, paid=[], balance=4500)
    person.fees = [fee]
    return person


def _other_group(dice, person):
    person.record["user_group"] = code("UserGroups", dice.pick(("01", "02", "07")))
    return person


def _deleted(_dice, _person):
    return None


def _re_created(_dice, person):
    record = person.record
    record.update(first_name="Nova", last_name="Newcomer", account_type=code("UserUserType", "INTERNAL"),
                  external_id="", user_statistic=[], user_note=[])
    record["full_name"] = records.full_name(record)
    record["user_identifier"] = []
    record["contact_info"]["email"] = [records.email("newcomer@example.edu", "Internal")]
    record["status_date"] = records.dated(LAST_NIGHT + datetime.timedelta(days=1))
    record.pop("last_patron_activity_date", None)
    return person


_ACTS = {"renewed": _renewed, "new_loan": _new_loan, "new_request": _new_request,
         "new_disputed_fee": _new_disputed_fee, "other_group": _other_group, "deleted": _deleted,
         "re_created": _re_created}
