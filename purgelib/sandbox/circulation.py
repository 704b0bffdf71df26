"""Gives the invented people loans, fees, requests, roles, blocks and all that must keep them from a purge."""

import datetime

from purgelib.sandbox import names, records, tables
from purgelib.sandbox.clock import LAST_NIGHT
from purgelib.sandbox.dice import Dice
from purgelib.sandbox.people import long_gone, STAFF_ROLES
from purgelib.sandbox.tables import code

ODD_DATES = (datetime.date(1900, 1, 1), datetime.date(9999, 12, 31))


def burden(people, seed=31):
    """Adds obstacles to the people, by seed; the list is changed in place."""
    dice = Dice(seed * 1000 + 1)
    ordinary = people[5:]
    _roles(dice, ordinary)
    _linked(dice, ordinary)
    for person in ordinary:
        _circulate(dice, person)
    _odd_dates(dice, ordinary)
    _contacts(dice, ordinary)
    _proxies(dice, ordinary)
    _acquisitions(dice, ordinary)


def share_of(people, count):
    """Returns how many of a smaller population correspond to this count of 12,000; at least one."""
    return max(1, round(count * len(people) / 12_000))


def _roles(dice, people):
    workers = [p for p in people if p.group in ("02", "30")]
    # Students who once helped at the desk: long gone by their dates, and still with a staff role.
    for person in dice.some([p for p in people if long_gone(p)], share_of(people, 6)):
        person.record["user_role"].append(records.role("21"))
    for number, person in enumerate(dice.some(workers, share_of(people, 150))):
        person.record["user_role"].append(records.role(dice.pick(STAFF_ROLES), person.expiry))
        # Every sixth keeps a staff role although the account ran out long ago.
        if number % 6 == 0:
            gone = dice.day(2016, 2021)
            person.redate(gone, gone + datetime.timedelta(days=180))


def _linked(dice, people):
    for number, person in enumerate(p for p in people if p.group == "ISHARE"):
        person.record["source_institution_code"] = "01OTHER_INST"
        person.record["source_link_id"] = str(7_000_000 + number)
    ordinary = [p for p in people if p.group in ("05", "06")]
    for number, person in enumerate(dice.some(ordinary, share_of(people, 10))):
        person.record["source_institution_code"] = "01OTHER_INST"
        person.record["source_link_id"] = str(7_900_000 + number)


def _circulate(dice, person):
    gone = person.expiry is not None and person.expiry < LAST_NIGHT
    if dice.chance(.02 if gone else .065):
        person.loans = [loan(dice) for _ in range(1 + dice.below(3))]
    if dice.chance(.06):
        person.fees = [fee(dice) for _ in range(1 + dice.below(2))]
    if dice.chance(.004 if gone else .017):
        person.requests = [request(dice)]
    if dice.chance(.01):
        person.record["user_block"] = [block(dice)]
    if dice.chance(.02):
        person.record["user_note"] = [note("Returned a library key.", "2023-05-04T10:00:00.000Z")]
    if dice.chance(.03):
        person.record["user_statistic"] = [statistic("CLASS2021", person.record)]


def loan(dice, taken=None):
    """Returns an open loan as facts."""
    title, author = dice.pick(names.TITLES)
    taken = taken or LAST_NIGHT - datetime.timedelta(days=5 + dice.below(900))
    return {"barcode": f"3{dice.below(10 ** 9):09d}", "title": title, "author": author,
            "library": dice.pick(tuple(tables.LIBRARIES)), "taken": taken,
            "due": taken + datetime.timedelta(days=dice.pick((14, 28, 120)))}


def fee(dice, status=None, made=None):
    """Returns a fine or fee as facts, with its transactions; amounts are whole cents."""
    status = status or dice.weighted({"ACTIVE": 55, "INDISPUTE": 8, "EXPORTED": 10, "CLOSED": 27})
    kind = dice.weighted({"OVERDUEFINE": 60, "LOSTITEMREPLACEMENTFEE": 22, "LOSTITEMPROCESSFEE": 12,
                          "CARDRENEWAL": 5, "CREDIT": 1})
    amount = dice.pick((50, 100, 250, 300, 750, 1500, 4500, 12000)) * (-1 if kind == "CREDIT" else 1)
    made = made or dice.day(2016, 2025)
    paid = []
    if dice.chance(.3):
        paid.append(("PAYMENT", amount // 5))
    if status == "CLOSED":
        paid.append((dice.pick(("PAYMENT", "WAIVE")), amount - sum(a for _, a in paid)))
    return {"type": kind, "status": status, "amount": amount, "made": made, "paid": paid,
            "title": dice.pick(names.TITLES)[0], "balance": amount - sum(a for _, a in paid)}


def request(dice, made=None):
    """Returns an open request as facts: holds mostly, some resource sharing with several partners."""
    kind = dice.weighted({"HOLD": 70, "DIGITIZATION": 10, "RESOURCE_SHARING": 20})
    partners = names.PARTNERS[:1 + dice.below(3)] if kind == "RESOURCE_SHARING" else ()
    status = dice.weighted({"NOT_STARTED": 5, "IN_PROCESS": 3, "ON_HOLD_SHELF": 2})
    title, author = dice.pick(names.TITLES)
    made = made or LAST_NIGHT - datetime.timedelta(days=dice.below(60))
    return {"type": kind, "status": status, "made": made, "partners": partners, "title": title,
            "author": author}


def block(dice):
    """Returns an old active block of any kind."""
    kind = dice.pick(tuple(tables.TABLES["UserBlockDescription"]))
    return a_block(kind, "2024-02-01T08:00:00.000Z")


def a_block(kind, created, by="exl_impl"):
    """Returns an active block of this kind as Alma's JSON has it."""
    return {"block_type": code("UserBlockTypes", "GENERAL"),
            "block_description": code("UserBlockDescription", kind), "block_status": "ACTIVE",
            "block_note": "", "created_by": by, "created_date": created, "item_loan_id": "",
            "segment_type": "Internal"}


def note(text, created, segment="Internal", by="exl_impl"):
    """Returns an internal note as Alma's JSON has it."""
    return {"note_type": code("NoteTypes", "LIBRARY"), "note_text": text, "user_viewable": False,
            "popup_note": False, "created_by": by, "created_date": created, "segment_type": segment}


def statistic(category, record):
    """Returns a statistical category as Alma's JSON has it."""
    return {"statistic_category": code("UserStatCategories", category),
            "category_type": {"value": "", "desc": ""}, "statistic_note": "",
            "segment_type": "External" if record["external_id"] else "Internal"}


def _odd_dates(dice, people):
    plain = [p for p in people if p.group in ("10", "12", "20")]
    for number, person in enumerate(dice.some(plain, share_of(people, 6))):
        day = ODD_DATES[number % 2]
        person.redate(day, day if number < 2 else person.purge)


def _contacts(dice, people):
    guests = [p for p in people if p.group == "20" and p.plain]
    for number, person in enumerate(dice.some(guests, share_of(people, 14))):
        person.record["record_type"] = code("AddNewUserOptions", "CONTACT")
        if number % 2:
            person.record["primary_id"] = f"no primary id ({9_200_000_000 + number})"
            person.record["user_identifier"] = []


def _proxies(dice, people):
    teachers = [p for p in people if p.group in ("01", "03")]
    for person in dice.some([p for p in people if p.group in ("05", "07")], share_of(people, 36)):
        if teachers:
            other = dice.pick(teachers).record
            person.record["proxy_for_user"] = [{"primary_id": other["primary_id"],
                                                "full_name": other["full_name"], "link": ""}]


def _acquisitions(dice, people):
    gone = [p for p in people if long_gone(p)]
    working = [p for p in people if p.group in ("01", "02") and p.plain]
    for person in dice.some(gone, share_of(people, 8)) + dice.some(working, share_of(people, 4)):
        person.acquisitions = 1 + dice.below(3)
