"""Fills a new sandbox: the people as they are now, and the reports as they were last night."""

import contextlib
import pathlib
import sqlite3

from purgelib.sandbox import (
    assumptions,
    circulation,
    clock,
    deposits,
    overnight,
    people,
    renderings,
    reports,
    searching,
    store,
    tables,
)
from purgelib.sandbox.store import pack


def open_store(folder, users=12_000, seed=31):
    """Opens the state of a folder; a new one is first filled with invented people."""
    return open_state(pathlib.Path(folder) / "alma.sqlite", users, seed)


def open_state(path, users=12_000, seed=31):
    """Opens a state file; a new one is first filled with invented people."""
    memory = store.Store(path)
    if memory.is_new:
        found(memory, users, seed)
    elif _shape(memory.db) != _shape_today():
        memory.db.close()
        raise sqlite3.DatabaseError(f"{path} was made by another version of the sandbox: remove it to start anew")
    tables.TABLES.use(memory)
    return memory


def _shape(db):
    # The tables that the full-text index makes for itself look otherwise in another SQLite.
    asked = "SELECT sql FROM sqlite_master WHERE sql <> '' AND name NOT LIKE 'words\\_%' ESCAPE '\\'"
    return {" ".join(order.split()) for (order,) in db.execute(asked)}


def _shape_today():
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(store.TABLES)
        return _shape(db)


def found(memory, users=12_000, seed=31):
    """Invents a university into an empty store, in one transaction."""
    tables.TABLES.use(None)
    last_night = people.invent(users, seed)
    circulation.burden(last_night, seed)
    now, told = overnight.change(last_night, seed)
    memory.db.execute("BEGIN")
    for order in store.TABLES.split(";"):
        memory.do(order)
    _users(memory, now)
    memory.db.executemany("INSERT INTO deposits VALUES (?,?,?,?)", deposits.invent(now, seed))
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
    memory.db.executemany(searching.INSERT,
                          ((n, *searching.words(p.record)) for n, p in enumerate(now, start=1)))
    _belongings(memory, now)


def columns(record):
    """Returns what the users table repeats of a record: key, primary ID, names, group."""
    return (record["primary_id"].casefold(), record["primary_id"], record["first_name"], record["last_name"],
            record["user_group"]["value"])


def _belongings(memory, now):
    loans, fees, requests, partners = [], [], [], {}
    for number, person in enumerate(now, start=1):
        who = person.record["primary_id"]
        for fact in person.loans:
            one = renderings.loan(fact, who, fact["number"])
            loans.append((one["loan_id"], number, "ACTIVE", pack(one)))
        for fact in person.fees:
            one = renderings.fee(fact, fact["number"])
            fees.append((one["id"], number, fact["status"], one["balance"], pack(one)))
        for fact in person.requests:
            one = renderings.request(fact, who, fact["number"])
            requests.append((one["request_id"], number, "active", pack(one)))
            if fact["partners"]:
                partners[one["request_id"]] = fact["partners"]
    memory.db.executemany("INSERT INTO loans VALUES (?,?,?,?)", loans)
    memory.db.executemany("INSERT INTO fees VALUES (?,?,?,?,?)", fees)
    memory.db.executemany("INSERT INTO requests VALUES (?,?,?,?)", requests)
    # Alma's API names no lending partners; Analytics does, every night.
    memory.put("partners", partners)


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
            "status_date": "2025-03-01T08:00:00.000Z", "note": "",
            "created_by": assumptions.STAFF,
            "created_date": "2025-03-01T08:00:00.000Z",
            "query": {"value": f'USER where USER (user_group equals "{group}")', "desc": ""},
            "origin": {"value": "UI", "desc": "Institution only"}})))
