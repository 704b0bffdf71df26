"""The four reports of last night: columns and rows, for the Analytics API and for the export files.

A row is made of what the API says of a user, fee, loan or request, whoever asks: `all_rows` for
invented people, `nightly` for the people of a running sandbox.
"""

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
# The API gives every report this column, too; in a file, its name tells the day.
UPDATED = ("Data Updated As Of", "date")
# What of a user's record a row of the report is made of.
OF_USER = ("primary_id", "first_name", "last_name", "user_group", "record_type", "account_type", "status",
           "expiry_date", "purge_date", "campus_code", "user_role")


def all_rows(people, seed=31):
    """Returns report -> rows; a cell is text, and None where Analytics has nothing."""
    fees = [renderings.fee(fact, n) for n, (_, fact) in enumerate(numbered(people, "fees"))]
    loans = [renderings.loan(fact, who, n) for n, (who, fact) in enumerate(numbered(people, "loans"))]
    asked = [(fact, renderings.request(fact, who, n))
             for n, (who, fact) in enumerate(numbered(people, "requests"))]
    payers = [who for who, _ in numbered(people, "fees")]
    return {
        "Users": [user([p.record.get(name) for name in OF_USER]) for p in people]
        + ghosts(len(people), seed, share_of(people, 40)),
        "Fines and Fees": [row for who, one in zip(payers, fees, strict=True) for row in fee(who, one)],
        "Loans": [loan(one["user_id"], one) for one in loans],
        "Requests": [row for fact, one in asked
                     for row in request(one["user_primary_id"], one, fact["partners"])],
    }


def numbered(people, kind):
    """Returns owner and fact for every fee, loan or request, in the order by which they are numbered."""
    return [(person.record["primary_id"], fact) for person in people for fact in getattr(person, kind)]


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


def user(parts):
    """Returns the row of a user, from the parts of the record named in OF_USER."""
    primary_id, first, last, group, kind, account, status, expiry, purge, campus, roles = parts
    others = any((role.get("role_type") or {}).get("value") != "200" for role in roles or [])
    said = [(field or {}).get("desc") or None for field in (group, kind, account, status)]
    return [primary_id or None, first or None, last or None, (group or {}).get("value") or None, *said,
            _day(expiry), _day(purge), (campus or {}).get("value") or None, "Yes" if others else "No"]


def _day(text):
    return text[:10] if text else None


def fee(who, record):
    """Returns the rows of a fine or fee: one for each transaction, or one alone."""
    number = record["id"]
    left, rows = _cents(record["original_amount"]), []
    front = [who, number, record["type"]["desc"], record["status"]["desc"], _day(record["creation_time"]),
             _money(left)]
    for step, paid in enumerate(record.get("transaction") or []):
        cents = _cents(paid["amount"])
        left -= cents
        rows.append([*front, f"{number}{step}", paid["type"]["value"].capitalize(), _money(cents),
                     _money(left), tables.CURRENCY])
    return rows or [[*front, None, None, None, _money(left), tables.CURRENCY]]


def _cents(amount):
    return round(amount * 100)


def _money(cents):
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def loan(who, record):
    """Returns the row of an open loan."""
    return [who, record["loan_id"], record["item_barcode"], "Active", _day(record["loan_date"]),
            _day(record["due_date"]), record["title"]]


def request(who, record, partners):
    """Returns the rows of an open request: one for each lending partner that may serve it, or one alone."""
    said = [record[name].replace("_", " ").capitalize() for name in ("request_type", "request_status")]
    front = [who, record["request_id"], *said, _day(record["request_date"])]
    return [[*front, partner] for partner in partners or (None,)]
