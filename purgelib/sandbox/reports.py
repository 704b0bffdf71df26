"""The four reports of last night: columns and rows, for the Analytics API and for the export files."""

import datetime

from purgelib.sandbox import renderings, tables
from purgelib.sandbox.circulation import share_of
from purgelib.sandbox.dice import Dice

FOLDER = "/shared/Invented University 01INV_INST/Reports/Purge"
# report -> (heading, type) of each column, in Analytics' own words
COLUMNS = {
    "Users": tuple((heading, "date" if "Date" in heading else "varchar") for heading in (
        "Primary Identifier", "First Name", "Last Name", "User Group Code", "User Group", "User Record Type",
        "Account Type", "Status", "Expiry Date", "Purge Date", "Campus Code", "Has Role Other Than Patron")),
    "Fines and Fees": (
        ("Primary Identifier", "varchar"), ("Fine Fee ID", "varchar"), ("Fine Fee Type", "varchar"),
        ("Fine Fee Status", "varchar"), ("Fine Fee Creation Date", "date"), ("Original Amount", "double"),
        ("Fine Fee Transaction ID", "varchar"), ("Fine Fee Transaction Type", "varchar"),
        ("Transaction Amount", "double"), ("Remaining Amount", "double"), ("Currency", "varchar")),
    "Loans": (
        ("Primary Identifier", "varchar"), ("Item Loan ID", "varchar"), ("Barcode", "varchar"),
        ("Loan Status", "varchar"), ("Loan Date", "date"), ("Due Date", "date"), ("Title", "varchar")),
    "Requests": (
        ("Primary Identifier", "varchar"), ("Request ID", "varchar"), ("Request Type", "varchar"),
        ("Request Status", "varchar"), ("Request Date", "date"), ("Partner Name", "varchar")),
}
CURRENCY = "USD"


def all_rows(people, seed=31):
    """Returns report -> rows; a cell is text, and None where Analytics has nothing."""
    return {
        "Users": [_user(p) for p in people] + ghosts(len(people), seed, share_of(people, 40)),
        "Fines and Fees": _numbered(people, "fees", _fee),
        "Loans": _numbered(people, "loans", _loan),
        "Requests": _numbered(people, "requests", _request),
    }


def ghosts(size, seed, count):
    """Returns the rows of people purged long ago: status Deleted, the primary ID in the last name."""
    dice = Dice(seed * 1000 + 3)
    rows = []
    for number in range(size, size + count):
        # Numbers that nobody alive has: the permutation of people.py goes on where it stopped.
        gone = f"00{(number * 7919 + 412345) % 1_000_000:06d}"
        group = dice.pick(("05", "06", "06", "08"))
        expiry = dice.day(2014, 2021)
        purge = expiry + datetime.timedelta(days=365)
        rows.append([gone, None, gone, group, tables.TABLES["UserGroups"][group], "Public", "External",
                     "Deleted", str(expiry), str(purge), None, "No"])
    return rows


def _user(person):
    record = person.record
    texts = [record[name]["desc"] for name in ("record_type", "account_type", "status")]
    return [record["primary_id"], record["first_name"] or None, record["last_name"], person.group,
            tables.TABLES["UserGroups"][person.group], *texts, _day(person.expiry), _day(person.purge),
            record["campus_code"]["value"], "Yes" if person.other_roles else "No"]


def _day(day):
    return day.isoformat() if day else None


def _numbered(people, kind, make):
    rows, number = [], 0
    for person in people:
        for fact in getattr(person, kind):
            rows += make(person.record["primary_id"], fact, number)
            number += 1
    return rows


def _fee(who, fact, number):
    front = [who, renderings.fee_id(number), tables.TABLES["FineFeeType"][fact["type"]],
             tables.TABLES["FineFeeStatus"][fact["status"]], str(fact["made"]), _money(fact["amount"])]
    left, rows = fact["amount"], []
    for step, (kind, cents) in enumerate(fact["paid"]):
        left -= cents
        payment = f"{renderings.fee_id(number)}{step}"
        rows.append([*front, payment, kind.capitalize(), _money(cents), _money(left), CURRENCY])
    return rows or [[*front, None, None, None, _money(left), CURRENCY]]


def _money(cents):
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _loan(who, fact, number):
    return [[who, renderings.loan_id(number), fact["barcode"], "Active", str(fact["taken"]), str(fact["due"]),
             fact["title"]]]


def _request(who, fact, number):
    words = {"RESOURCE_SHARING": "Resource sharing"}.get(fact["type"], fact["type"].capitalize())
    status = fact["status"].replace("_", " ").capitalize()
    front = [who, renderings.request_id(number), words, status, str(fact["made"])]
    return [[*front, partner] for partner in fact["partners"] or (None,)]
