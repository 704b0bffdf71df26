"""Invented exports of one user who may go, and everything that can be changed about them, for the tests of reading."""

import datetime

import written

from purgelib import exports, population, rules

DAY = datetime.date(2026, 11, 21)
USERS = ["Primary Identifier", "First Name", "Last Name", "User Group Code", "User Group", "User Record Type",
         "Account Type", "Status", "Expiry Date", "Purge Date", "Campus Code", "Has Role Other Than Patron"]
GOES = ["00412345", "Ada", "Example", "06", "Undergraduate", "Public", "External", "Active", "2019-06-30", "2020-06-30",
        "", "No"]
SIDES = {
    "fees": ["Primary Identifier", "Fine Fee ID", "Fine Fee Status", "Original Amount", "Fine Fee Transaction ID",
             "Transaction Amount", "Remaining Amount"],
    "loans": ["Primary Identifier", "Item Loan ID"], "requests": ["Primary Identifier", "Request ID"],
    "exceptions": ["Primary Identifier", "Reason to Keep"],
    "roles": ["Primary Identifier", "Role Type"], "blocks": ["Primary Identifier", "Block Description"],
    "identifiers": ["Primary Identifier", "Identifier Type", "Identifier Value"],
    "notes": ["Primary Identifier", "Note"], "set": ["USERNAME"],
}
# The three that make a fact unknown when they are absent, with a row of somebody purged long ago.
NOBODY = {kind: [["purged-long-ago", *["0"] * (len(SIDES[kind]) - 1)]] for kind in ("fees", "loans", "requests")}


def user(primary_id="00412345", **changes):
    """Returns a row of the users' export; changes: heading -> text."""
    code = changes.get("User Group Code", "06")
    changes = {"User Group": {"06": "Undergraduate", "": ""}.get(code.strip(), f"Group {code.strip().lstrip('0')}"),
               "Last Name": f"Example of {primary_id.casefold()[:4]}"} | changes
    return [primary_id, *(changes.get(heading, cell) for heading, cell in zip(USERS[1:], GOES[1:], strict=True))]


def fee(primary_id="00412345", fine="f1", status="Active", original="5.00", transaction="", amount="",
        remaining="5.00"):
    """Returns a row of the fines and fees."""
    return [primary_id, fine, status, original, transaction, amount, remaining]


def put(folder, kind, rows, form="csv", heads=None):
    """Writes one export of that kind; rows: lists of texts without the headings, or the whole file as one text."""
    name = f"{kind}_{DAY}"
    if isinstance(rows, str):
        (folder / f"{name}.csv").write_text(rows, encoding="utf-8", newline="")
    else:
        written.write(folder, name, form, [heads or {"users": USERS, **SIDES}[kind], *rows])


def put_all(folder, people=(GOES,), form="csv", **sides):
    """Writes users and the three side exports, with nobody's facts unless given; a side that is None is absent."""
    put(folder, "users", people, form)
    for kind, rows in {**NOBODY, **sides}.items():
        if rows is not None:
            put(folder, kind, rows, form)


def read(folder, people=(GOES,), strict=True, form="csv", **sides):
    """Writes them all and reads them."""
    put_all(folder, people, form, **sides)
    return exports.read(folder, strict=strict)


def judged(found):
    """Returns the population of what was read, under a policy that protects the group 30."""
    return population.judge(found, rules.Policy(protected_groups=("30",)))


def verdict(found, primary_id="00412345"):
    """Returns the verdict on that user."""
    people = judged(found)
    return people.verdict[people.table["primary_id"] == primary_id].iloc[0]


def may_go(found):
    """Returns the keys of those who may go without any further question."""
    people = judged(found)
    return set(people.table["key"][people.verdict == population.MAY_GO])
