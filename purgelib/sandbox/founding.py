"""Fills a new sandbox: the people as they are now, and the reports as they were last night."""

import pathlib

from purgelib.sandbox import (
    assumptions,
    circulation,
    clock,
    overnight,
    people,
    renderings,
    reports,
    store,
    tables,
)
from purgelib.sandbox.store import pack


def open_store(folder, users=12_000, seed=31):
    """Opens the state of a folder; a new one is first filled with invented people."""
    memory = store.Store(pathlib.Path(folder) / "alma.sqlite")
    if memory.is_new:
        found(memory, users, seed)
    return memory


def found(memory, users=12_000, seed=31):
    """Invents a university into an empty store, in one transaction."""
    last_night = people.invent(users, seed)
    circulation.burden(last_night, seed)
    now, told = overnight.change(last_night, seed)
    memory.db.execute("BEGIN")
    for order in store.TABLES.split(";"):
        memory.do(order)
    _users(memory, now)
    _reports(memory, reports.all_rows(last_night, seed))
    _logical_sets(memory)
    for name, value in (("users", users), ("seed", seed), ("differences", told),
                        ("clock", clock.START.isoformat()), ("settings", assumptions.SETTINGS)):
        memory.put(name, value)
    memory.db.execute("COMMIT")


def _users(memory, now):
    rows, ids = [], []
    for number, person in enumerate(now, start=1):
        record = person.record
        hidden = {"acquisitions": person.acquisitions, "manual": list(person.manual), "pin": "",
                  "password": ""}
        rows.append((number, *columns(record), "2026-11-21", pack(record), pack(hidden)))
        ids += [(i["value"].casefold(), i["id_type"]["value"], number) for i in record["user_identifier"]]
    memory.db.executemany("INSERT INTO users VALUES (?,?,?,?,?,?,?,?,?)", rows)
    memory.db.executemany("INSERT INTO identifiers VALUES (?,?,?)", ids)
    _belongings(memory, now)


def columns(record):
    """Returns what the users table repeats of a record: key, primary ID, names, group."""
    return (record["primary_id"].casefold(), record["primary_id"], record["first_name"], record["last_name"],
            record["user_group"]["value"])


def _belongings(memory, now):
    loans, fees, requests = [], [], []
    for number, person in enumerate(now, start=1):
        who = person.record["primary_id"]
        for fact in person.loans:
            one = renderings.loan(fact, who, len(loans))
            loans.append((one["loan_id"], number, "ACTIVE", pack(one)))
        for fact in person.fees:
            one = renderings.fee(fact, len(fees))
            fees.append((one["id"], number, fact["status"], one["balance"], pack(one)))
        for fact in person.requests:
            one = renderings.request(fact, who, len(requests))
            requests.append((one["request_id"], number, "active", pack(one)))
    memory.db.executemany("INSERT INTO loans VALUES (?,?,?,?)", loans)
    memory.db.executemany("INSERT INTO fees VALUES (?,?,?,?,?)", fees)
    memory.db.executemany("INSERT INTO requests VALUES (?,?,?,?)", requests)


def _reports(memory, all_rows):
    for report, rows in all_rows.items():
        memory.db.executemany("INSERT INTO reports VALUES (?,?,?)",
                              [(report, n, pack(row)) for n, row in enumerate(rows)])


def _logical_sets(memory):
    for group in ("06", "40"):
        identifier, _ = memory.next_id("set", "83")
        name = f"Everybody in group {group} ({tables.TABLES['UserGroups'][group]})"
        memory.do("INSERT INTO sets VALUES (?,?,?)", (identifier, name, pack({
            "id": identifier, "name": name, "description": "A saved search, made by hand",
            "type": {"value": "LOGICAL", "desc": "Logical"}, "content": {"value": "USER", "desc": "User"},
            "private": {"value": "false", "desc": "No"}, "status": {"value": "ACTIVE", "desc": "Active"},
            "status_date": "2025-03-01Z", "note": "",
            "created_by": {"value": "exl_impl", "desc": "Account exl_impl, Service"},
            "created_date": "2025-03-01Z",
            "query": {"value": f'USER where USER (user_group equals "{group}")', "desc": ""},
            "origin": {"value": "UI", "desc": "Institution only"}})))
