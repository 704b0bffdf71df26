"""Every answer of every operation of the pretend Alma, held against Alma's contract and real answers."""

import json
import os
import pathlib
import re
import subprocess
import sys

import contract
import pytest
from contract_schemas import CONTRACT, KNOWN, needs_contract, used
from contract_xml import real, shape
from lxml import etree

from purgelib.sandbox import assumptions, gate, routes, trying
from purgelib.sandbox.assumptions import UPDATE_JOB_ID
from purgelib.sandbox.reports import COLUMNS, FOLDER

pytestmark = needs_contract
UPDATE_JOB = f"conf/jobs/{UPDATE_JOB_ID}"
FORMS = {"json": "application/json", "xml": "application/xml"}
NEW = {"record_type": {"value": "PUBLIC"}, "primary_id": "newcomer-1", "first_name": "Nia", "last_name": "Newcomer",
       "account_type": {"value": "INTERNAL"}, "user_group": {"value": "06"}}
MEMBERS = {"members": {"member": [{"id": "{plain}"}, {"id": "{loaner}"}]}}
UPDATE = {"parameter": [{"name": {"value": "set_id"}, "value": "{set}"},
                        {"name": {"value": "job_name"}, "value": "Contract"},
                        {"name": {"value": "UPDATE_User_Information_Purge_Date_Active"}, "value": "true"},
                        {"name": {"value": "UPDATE_User_Information_Purge_Date_Value"}, "value": "1735621200000"}]}
SEARCH = {"value": 'USER where USER (user_group equals "06")'}
PURGE = {"parameter": UPDATE["parameter"][:2]}
FEE = {"type": {"value": "OVERDUEFINE"}, "original_amount": 5.5, "owner": {"value": "MAINLIB"}}
NOBODY, REFUSED = "nobody-at-all", "any code of the contract"
GONE = "899999990002026"
TODAY = {"submit_date_from": "2026-11-01", "submit_date_to": "2026-11-30", "status": "QUEUED"}


def ask(verb, where, body=None, says="", **query):
    """One call of the list; `says` is the code of its refusal, "" when it is to succeed."""
    short = "&".join(f"{key}={value}" for key, value in query.items())
    return pytest.param(verb, where, body, says, query, id=f"{verb} {where} {short} {says}".strip())


CALLS = [
    ask("GET", "users/operation/test"), ask("POST", "users/operation/test"), ask("GET", "conf/test"),
    ask("POST", "conf/test"), ask("GET", "analytics/test"), ask("POST", "analytics/test"),
    # ---- users
    ask("GET", "users"), ask("GET", "users", limit=100, offset=40), ask("GET", "users", limit=0),
    ask("GET", "users", expand="full", limit=100), ask("GET", "users", expand="full", limit=100, offset=100),
    ask("GET", "users", expand="full", limit=100, offset=200), ask("GET", "users", q="last_name~zzzzz"),
    ask("GET", "users", q="primary_id~{plain}"), ask("GET", "users", order_by="primary_id"),
    ask("GET", "users", modify_date_from="2026-11-01"),
    ask("GET", "users", q="last_name~a", modify_date_from="2026-11-01", says="402119"),
    ask("GET", "users", limit=101, says="402119"), ask("GET", "users", offset=-1, says="402119"),
    ask("GET", "users", q="nonsense", says="402119"), ask("GET", "users", modify_date_from="May", says="402119"),
    ask("GET", "users", source_institution_code="01NOWHERE", source_user_id="x", says=REFUSED),
    ask("GET", "users/{plain}"), ask("GET", "users/{PLAIN}"), ask("GET", "users/{barcode}"),
    ask("GET", "users/{loaner}"), ask("GET", "users/{blocked}"), ask("GET", "users/{noted}"),
    ask("GET", "users/{proxied}"), ask("GET", "users/{statistic}"), ask("GET", "users/{worker}"),
    ask("GET", "users/{linked}"), ask("GET", "users/{contact}"), ask("GET", "users/exl_impl"),
    ask("GET", "users/{plain}", view="brief"), ask("GET", "users/{plain}", view="full"),
    ask("GET", "users/{debtor}", expand="loans,requests,fees"), ask("GET", "users/{barcode}", user_id_type="BARCODE"),
    ask("GET", f"users/{NOBODY}", says="401861"), ask("GET", f"users/{NOBODY}", user_id_type="BARCODE", says="401890"),
    ask("POST", "users", NEW), ask("POST", "users", {**NEW, "primary_id": "{plain}"}, says="401851"),
    ask("POST", "users", {**NEW, "primary_id": ""}, says="401664"),
    ask("POST", "users", {**NEW, "last_name": ""}, says=REFUSED),
    ask("POST", "users", {**NEW, "account_type": {"value": "WRONG"}}, says="401857"),
    ask("POST", "users", {**NEW, "user_group": {"value": "no such"}}, says="401852"),
    ask("POST", "users", {**NEW, "external_id": "SIS"}, says="401853"),
    ask("POST", "users", {**NEW, "account_type": {"value": "EXTERNAL"}}, says="401854"),
    ask("POST", "users", {**NEW, "user_group": "06"}, says=REFUSED), ask("POST", "users", [], says="401676"),
    ask("POST", "users", b"{", says="401676"), ask("POST", "users", b"<user", says="401676"),
    ask("POST", "users", b"<user><primary_id>xml-1</primary_id><last_name>X</last_name>"
        b"<record_type>PUBLIC</record_type><account_type>INTERNAL</account_type><user_group>06</user_group></user>"),
    ask("PUT", "users/{plain}", "{plain record}"), ask("PUT", "users/{linked}", "{linked record}"),
    ask("PUT", "users/{plain}", b"", says="401676"), ask("PUT", f"users/{NOBODY}", NEW, says="401890"),
    ask("PUT", "users/{plain}", {**NEW, "user_group": 6}, says=REFUSED),
    ask("PUT", "users/{plain}", {**NEW, "user_identifier": "text"}, says=REFUSED),
    ask("DELETE", "users/{plain}"), ask("DELETE", "users/{loaner}", says="401850"),
    ask("DELETE", f"users/{NOBODY}", says="401890"), ask("DELETE", "users/{barcode}", user_id_type="BARCODE"),
    ask("GET", "users/{loaner}/loans"), ask("GET", "users/{plain}/loans"), ask("GET", "users/{loaner}/loans", limit=1),
    ask("GET", "users/{loaner}/loans", loan_status="Complete"), ask("GET", "users/{loaner}/loans", expand="renewable"),
    ask("GET", "users/{loaner}/loans", order_by="due_date", direction="desc"),
    ask("GET", f"users/{NOBODY}/loans", says=REFUSED), ask("GET", "users/{loaner}/loans", limit=999, says=REFUSED),
    ask("GET", "users/{debtor}/fees"), ask("GET", "users/{plain}/fees"),
    *(ask("GET", f"users/{{{who}}}/fees", status=status) for who, status in (
        ("disputed", "INDISPUTE"), ("exported", "EXPORTED"), ("closed", "CLOSED"))),
    ask("GET", "users/{debtor}/fees", status="WRONG", says="401666"),
    ask("GET", f"users/{NOBODY}/fees", says=REFUSED),
    ask("GET", "users/{requester}/requests"), ask("GET", "users/{plain}/requests"),
    ask("GET", "users/{requester}/requests", status="history"),
    ask("GET", "users/{requester}/requests", request_type="HOLD"),
    ask("GET", f"users/{NOBODY}/requests", says="401890"),
    ask("GET", "users/{requester}/requests", limit="x", says=REFUSED),
    ask("GET", "users/{plain}/deposits"), ask("GET", f"users/{NOBODY}/deposits", says="402238"),
    ask("GET", "users/{plain}/deposits", limit=1000, says="402238"),
    ask("GET", "users/{plain}/personal-data"), ask("GET", "users/{debtor}/personal-data"),
    ask("GET", f"users/{NOBODY}/personal-data", says=REFUSED),
    ask("GET", "users/ME", says="60101"),
    ask("POST", "users/{plain}", password="wrong", says="401866"), ask("POST", f"users/{NOBODY}", says=REFUSED),
    ask("GET", "users/{loaner}/loans/{loan}"), ask("GET", "users/{loaner}/loans/0", says="401652"),
    ask("POST", "users/{loaner}/loans/{loan}", op="x", says="401822"),
    ask("POST", "users/{loaner}/loans/0", op="renew", says="401823"),
    ask("POST", "users/{debtor}/fees", FEE), ask("POST", "users/{debtor}/fees", {}, says="4019991"),
    ask("POST", "users/{debtor}/fees", {**FEE, "type": {"value": "x"}}, says="4019992"),
    ask("POST", "users/{debtor}/fees", {**FEE, "original_amount": None}, says="4019994"),
    ask("POST", "users/{debtor}/fees", {**FEE, "owner": {"value": "01INV_INST"}}, says="4019997"),
    ask("POST", f"users/{NOBODY}/fees", FEE, says="401861"), ask("POST", "users/{debtor}/fees", b"x", says=REFUSED),
    ask("POST", "users/{debtor}/fees/all", op="pay", method="CASH", amount="ALL"),
    ask("POST", "users/{debtor}/fees/all", op="x", says="401666"),
    ask("GET", "users/{debtor}/fees/{fee}"), ask("GET", "users/{debtor}/fees/0", says="401665"),
    ask("POST", "users/{debtor}/fees/{fee}", op="pay", method="CASH"),
    ask("POST", "users/{debtor}/fees/{fee}", op="dispute"), ask("POST", "users/{debtor}/fees/{fee}", says="401666"),
    ask("GET", "users/{requester}/requests/{request}"), ask("GET", "users/{requester}/requests/0", says=REFUSED),
    ask("DELETE", "users/{requester}/requests/{request}", reason="CancelledAtPatronRequest"),
    ask("DELETE", "users/{requester}/requests/0", reason="CancelledAtPatronRequest", says="401694"),
    ask("GET", "users/{depositor}/deposits"), ask("GET", "users/{depositor}/deposits/{deposit}"),
    ask("GET", "users/{depositor}/deposits/0", says="402238"), ask("GET", "users/{plain}/purchase-requests"),
    ask("GET", "users/{plain}/purchase-requests", status="x", says="60275"),
    ask("GET", f"users/{NOBODY}/purchase-requests", says=REFUSED),
    ask("GET", "users/{plain}/purchase-requests/0", says=REFUSED),
    # ---- configuration
    ask("GET", "conf/general"), ask("GET", "conf/libraries"),
    *(ask("GET", f"conf/code-tables/{name}") for name in ("UserGroups", "AddNewUserOptions", "systemJobStatus",
                                                          "HFrUserRoles.roleType", "SetContentType")),
    ask("GET", "conf/code-tables/UserGroups", lang="en"), ask("GET", "conf/code-tables/Nothing", says=REFUSED),
    ask("GET", "conf/code-tables/UserGroups", scope="NOWHERE", says="40166411"),
    ask("GET", "conf/libraries/MAINLIB"), ask("GET", "conf/libraries/NONE", says="402119"),
    ask("GET", "conf/libraries/MAINLIB/locations"), ask("GET", "conf/libraries/NONE/locations", says="402119"),
    ask("GET", "conf/libraries/MAINLIB/locations/stacks"),
    ask("GET", "conf/libraries/MAINLIB/locations/x", says="402119"),
    ask("GET", "conf/libraries/MAINLIB/circ-desks"), ask("GET", "conf/libraries/MAINLIB/circ-desks/DEFAULT_CIRC_DESK"),
    ask("GET", "conf/libraries/MAINLIB/circ-desks/x", says="401664"), ask("GET", "conf/departments"),
    ask("GET", "conf/departments", type="x", says="402119"), ask("GET", "conf/code-tables"),
    ask("PUT", "conf/code-tables/UserStatCategories", {"row": [{"code": "NEW", "description": "New"}]}),
    ask("PUT", "conf/code-tables/Nothing", {"row": []}, says=REFUSED),
    ask("PUT", "conf/code-tables/UserStatCategories", b"x", says=REFUSED), ask("GET", "conf/mapping-tables"),
    ask("GET", "conf/mapping-tables/UserRecordTypeUserGroup"), ask("GET", "conf/mapping-tables/Nothing", says=REFUSED),
    # ---- sets
    ask("GET", "conf/sets"), ask("GET", "conf/sets", content_type="USER", set_type="LOGICAL", limit=1),
    ask("GET", "conf/sets", q="name~zzzz"), ask("GET", "conf/sets", q="size~4", says="60106"),
    ask("GET", "conf/sets", limit=101, says="40166410"), ask("GET", "conf/sets", offset="x", says="40166410"),
    ask("POST", "conf/sets", {"name": "A new set", "type": {"value": "ITEMIZED"}, "content": {"value": "USER"}}),
    ask("POST", "conf/sets", {"name": "Copied"}, from_logical_set="{logical}"),
    ask("POST", "conf/sets", {"name": "Searched", "type": {"value": "LOGICAL"}, "query": SEARCH}),
    ask("POST", "conf/sets", {"name": "Filled"}, says="402263"), ask("POST", "conf/sets", {}, says=REFUSED),
    ask("POST", "conf/sets", {"name": "X", "type": {"value": "ROUND"}}, says="402262"),
    ask("POST", "conf/sets", {"name": "X", "private": {"value": "perhaps"}}, says="60209"),
    ask("POST", "conf/sets", {"name": "X", "status": {"value": "perhaps"}}, says="60210"),
    ask("POST", "conf/sets", {"name": "X", "content": {"value": "BIB_MMS"}}, says=REFUSED),
    ask("POST", "conf/sets", {"name": "X"}, says=REFUSED, from_logical_set=GONE),
    ask("POST", "conf/sets", {"name": ["X"]}, says=REFUSED), ask("POST", "conf/sets", b"nonsense", says=REFUSED),
    ask("GET", "conf/sets/{set}"), ask("GET", "conf/sets/{logical}"), ask("GET", f"conf/sets/{GONE}", says="60107"),
    ask("PUT", "conf/sets/{set}", {"name": "Another name", "description": "x"}),
    ask("PUT", "conf/sets/{logical}", {"name": "Another", "query": SEARCH}),
    ask("PUT", "conf/sets/{set}", {}, says="402228"), ask("PUT", f"conf/sets/{GONE}", {"name": "x"}, says="60107"),
    ask("PUT", "conf/sets/{logical}", {"name": "Filled"}, says="402263"),
    ask("PUT", "conf/sets/{set}", {"name": 5}, says=REFUSED), ask("PUT", "conf/sets/{set}", b"[1]", says=REFUSED),
    ask("DELETE", "conf/sets/{set}"), ask("DELETE", f"conf/sets/{GONE}", says="402264"),
    ask("POST", "conf/sets/{set}", MEMBERS, op="add_members"),
    ask("POST", "conf/sets/{set}", MEMBERS, op="replace_members"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{"id": "{debtor}"}]}}, op="delete_members"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{"id": "{barcode}"}]}}, op="add_members", id_type="BARCODE"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{"id": NOBODY}]}}, op="add_members",
        fail_on_invalid_id="false"),
    ask("POST", "conf/sets/{set}", MEMBERS, says="60111"),
    ask("POST", "conf/sets/{set}", MEMBERS, op="x", says="60111"),
    ask("POST", "conf/sets/{logical}", MEMBERS, op="add_members", says="60112"),
    ask("POST", f"conf/sets/{GONE}", MEMBERS, op="add_members", says="60107"),
    ask("POST", "conf/sets/{set}", {}, op="add_members", says="60113"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{}]}}, op="add_members", says="60114"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{"id": "{debtor}"}]}}, op="add_members", says="60115"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{"id": NOBODY}]}}, op="add_members", says="60116"),
    ask("POST", "conf/sets/{set}", MEMBERS, op="delete_members", says="60117"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{"id": f"u{n}"} for n in range(1001)]}}, op="add_members",
        says="60118"),
    ask("POST", "conf/sets/{set}", {"members": {"member": [{"id": "x"}, {"id": "x"}]}}, op="add_members", says="60119"),
    ask("POST", "conf/sets/{set}", MEMBERS, op="add_members", id_type="BARCODE", says="60120"),
    ask("POST", "conf/sets/{set}", MEMBERS, op="add_members", id_type="NONSENSE", says=REFUSED),
    ask("POST", "conf/sets/{set}", b"nonsense", op="add_members", says=REFUSED),
    ask("GET", "conf/sets/{set}/members"), ask("GET", "conf/sets/{logical}/members", limit=100),
    ask("GET", "conf/sets/{empty}/members"), ask("GET", f"conf/sets/{GONE}/members", says="60107"),
    ask("GET", "conf/sets/{set}/members", limit=101, says=REFUSED),
    # ---- jobs
    ask("GET", "conf/jobs"), ask("GET", "conf/jobs", type="MANUAL", limit=1), ask("GET", "conf/jobs", offset=1000),
    ask("GET", "conf/jobs", type="SCHEDULED", limit=100), ask("GET", "conf/jobs", type="x", says="40166410"),
    ask("GET", "conf/jobs", category="x", says="40166410"), ask("GET", "conf/jobs", limit=101, says="40166410"),
    ask("GET", UPDATE_JOB), ask("GET", f"conf/jobs/{assumptions.PURGE_JOB_ID}"),
    ask("GET", f"conf/jobs/{assumptions.OLD_PURGE_JOB_ID}"),
    ask("GET", "conf/jobs/nonsense", says="402215"), ask("GET", "conf/jobs/M999999", says="402216"),
    ask("POST", UPDATE_JOB, UPDATE, op="run"),
    ask("POST", f"conf/jobs/{assumptions.PURGE_JOB_ID}", PURGE, op="run"),
    ask("POST", UPDATE_JOB, b"<job><parameters><parameter><name>set_id</name><value>1</value></parameter>"
        b"</parameters></job>", op="run", says=REFUSED),
    ask("POST", UPDATE_JOB, UPDATE, says="402220"), ask("POST", UPDATE_JOB, UPDATE, op="x", says="402221"),
    ask("POST", UPDATE_JOB, {}, op="run", says="402228"),
    ask("POST", UPDATE_JOB, b"[", op="run", says=REFUSED),
    ask("POST", UPDATE_JOB, {"parameter": [{"name": {"value": "set_id"}, "value": ""},
                                                 UPDATE["parameter"][1]]}, op="run", says="402229"),
    ask("POST", f"conf/jobs/{assumptions.OLD_PURGE_JOB_ID}", {}, op="run", says=REFUSED),
    ask("POST", "conf/jobs/nonsense", UPDATE, op="run", says="402215"),
    ask("POST", "conf/jobs/M999999", UPDATE, op="run", says="402216"),
    ask("GET", f"{UPDATE_JOB}/instances"), ask("GET", f"{UPDATE_JOB}/instances", **TODAY),
    ask("GET", "conf/jobs/M44/instances"), ask("GET", f"{UPDATE_JOB}/instances", submit_date_from="x", says="402217"),
    ask("GET", f"{UPDATE_JOB}/instances", status="x", says="40166410"),
    ask("GET", f"{UPDATE_JOB}/instances", limit=101, says=REFUSED),
    ask("GET", "conf/jobs/nonsense/instances", says="402215"),
    ask("GET", f"{UPDATE_JOB}/instances/{{instance}}"), ask("GET", "conf/jobs/ALL/instances/{purged}"),
    ask("GET", f"{UPDATE_JOB}/instances/95999990002026", says="402218"),
    ask("GET", f"{UPDATE_JOB}/instances/{{instance}}/events", says=REFUSED),
    ask("GET", f"{UPDATE_JOB}/instances/0/events", says=REFUSED),
    ask("GET", f"{UPDATE_JOB}/instances/{{instance}}/events", limit=1000, says=REFUSED),
    # ---- Analytics
    *(ask("GET", "analytics/reports", path=f"{FOLDER}/{name}", limit=25, col_names="true") for name in COLUMNS),
    ask("GET", "analytics/reports", path=f"{FOLDER}/Users", limit=1000, col_names="false"),
    ask("GET", "analytics/reports", path="/test/path", says="INTERNAL_SERVER_ERROR"),
    ask("GET", "analytics/reports", path=f"{FOLDER}/Users", limit=30, says=REFUSED),
    ask("GET", "analytics/reports", path=f"{FOLDER}/Users", limit="x", says=REFUSED),
    ask("GET", "analytics/reports", says=REFUSED), ask("GET", "analytics/reports", token="none", says=REFUSED),
    ask("GET", "analytics/paths"), ask("GET", "analytics/paths/" + FOLDER.strip("/").replace(" ", "%20")),
    ask("GET", "analytics/paths/shared"), ask("GET", "analytics/paths/nowhere", says=REFUSED),
]


# ---- A small university with somebody for every case

def one(alma, question):
    return alma.store.one(f"SELECT primary_id FROM users WHERE {question} AND key NOT LIKE 'no primary%' ORDER BY id")


def holder(table, status):
    return f"id IN (SELECT user_id FROM {table} WHERE status = '{status}')"


def has(field):
    return f"json_array_length(record, '$.{field}') > 0"


def free():
    return "AND ".join(f"id NOT IN (SELECT user_id FROM {table}) " for table in ("loans", "fees", "requests"))


def people(alma):
    """Returns somebody for every name in the list of calls."""
    barcode = "SELECT value FROM identifiers WHERE id_type = 'BARCODE' AND user_id IN (SELECT id FROM users WHERE "
    plain = (f"{free()} AND json_extract(hidden, '$.acquisitions') = 0 AND user_group = '06' AND id > 20 "
             "AND json_array_length(record, '$.user_identifier') > 0")
    found = {
        "plain": one(alma, plain), "barcode": alma.store.one(f"{barcode}{plain}) ORDER BY user_id DESC"),
        "loaner": one(alma, holder("loans", "ACTIVE")), "debtor": one(alma, holder("fees", "ACTIVE")),
        "disputed": one(alma, holder("fees", "INDISPUTE")), "exported": one(alma, holder("fees", "EXPORTED")),
        "closed": one(alma, holder("fees", "CLOSED")), "requester": one(alma, holder("requests", "active")),
        "blocked": one(alma, has("user_block")), "noted": one(alma, has("user_note")),
        "proxied": one(alma, has("proxy_for_user")), "statistic": one(alma, has("user_statistic")),
        "worker": one(alma, "json_array_length(record, '$.user_role') > 1"),
        "linked": one(alma, "json_extract(record, '$.source_link_id') IS NOT NULL"),
        "contact": one(alma, "json_extract(record, '$.record_type.value') = 'CONTACT'"),
    }
    found |= {kind: alma.store.one(f"SELECT id FROM {kind}s WHERE status IN ('ACTIVE', 'active') AND user_id = "
                                   "(SELECT id FROM users WHERE primary_id = ?)", (found[who],))
              for kind, who in (("loan", "loaner"), ("fee", "debtor"), ("request", "requester"))}
    found |= {"depositor": one(alma, "id IN (SELECT user_id FROM deposits)"),
              "deposit": alma.store.one("SELECT id FROM deposits ORDER BY user_id")}
    assert all(found.values()), found
    return {**found, "PLAIN": found["plain"].upper()}


def sets_and_jobs(alma, names):
    """Makes a set with somebody in it and one without, and runs both jobs."""
    made = alma.ask("POST", "conf/sets", {"name": "Filled"}).json["id"]
    empty = alma.ask("POST", "conf/sets", {"name": "Empty"}).json["id"]
    logical = alma.ask("GET", "conf/sets", set_type="LOGICAL").json["set"][0]["id"]
    alma.ask("POST", f"conf/sets/{made}", {"members": {"member": [{"id": names["debtor"]}]}}, op="add_members")
    ids = {"set": made, "empty": empty, "logical": logical}
    started = [alma.ask("POST", f"conf/jobs/{job}", fill(body, ids), op="run").json["additional_info"]["link"]
               for job, body in ((UPDATE_JOB_ID, UPDATE), (assumptions.PURGE_JOB_ID, PURGE))]
    return {**ids, "instance": started[0].rpartition("/")[2], "purged": started[1].rpartition("/")[2]}


@pytest.fixture(scope="module")
def founded():
    """A university with one job done, its names, and all of it as bytes."""
    alma = trying.Tried(users=900, job_seconds=0)
    names = people(alma)
    names |= sets_and_jobs(alma, names)
    return alma, names, alma.store.db.serialize()


@pytest.fixture
def alma(founded):
    """That university as if nothing had been done to it yet, and the judge at its side."""
    alma, names, kept = founded
    alma.store.db.deserialize(kept)
    alma.sandbox.__dict__.pop("respond", None)
    alma.heard, alma.names = [], names
    contract.watch(alma.sandbox, alma.heard)
    return alma


def told(alma):
    """Returns what the judge found, a line for each problem."""
    return "\n".join(["", *dict.fromkeys(alma.heard)])


def fill(value, names):
    """Puts real ids where a call has names in braces."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], value)
    if isinstance(value, dict):
        return {key: fill(part, names) for key, part in value.items()}
    return [fill(part, names) for part in value] if isinstance(value, list) else value


def asked(alma, verb, where, body, accept, query):
    """Asks as Tried.ask does, whatever the parameters of the call are named."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    headers = {"authorization": f"apikey {gate.KEY}", "accept": accept}
    headers["content-type"] = "application/xml" if data.startswith(b"<") else "application/json"
    words = {key: str(one) for key, one in query.items()}
    return trying.Reply(*alma.sandbox.respond(trying.Call(verb, f"/almaws/v1/{where}", words, headers, data))[:3])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("verb", "where", "body", "says", "query"), CALLS)
def test_the_answer_is_one_that_alma_gives(alma, verb, where, body, says, query, form):
    if isinstance(body, str):
        body = alma.ask("GET", f"users/{alma.names[body.strip('{}').split()[0]]}").json
    where, body, query = (fill(part, alma.names) for part in (where, body, query))
    answer = asked(alma, verb, where, body, FORMS[form], query)
    assert not alma.heard, told(alma)
    code = re.search(rb'errorCode(?:>|": ?")([^<"]+)', answer.body)
    got = code[1].decode() if code and answer.status >= 400 else ""
    assert got == says or says == REFUSED and got, f"status {answer.status} {answer.body[:300]}"


def rows():
    """Returns every route of the sandbox as (verb, path)."""
    return [(verb, path) for verbs, path, _ in routes._TABLE for verb in verbs.split()]


def test_every_route_has_a_call():
    asked = {(call.values[0], re.sub(r"\{\w+\}", "x", call.values[1])) for call in CALLS}
    missing = [(verb, path) for verb, path in rows() if not any(
        verb == asking and re.fullmatch(re.escape(path).replace(r"\{\}", "[^/]+"), where) for asking, where in asked)]
    assert rows() and missing == []


def test_every_route_is_one_of_the_contract():
    assert [row for row in rows() if not contract.operation(row[0], f"/almaws/v1/{row[1].replace('{}', 'x')}")] == []


# ---- The gateway

ORDERED = ("error_before", "error_after", "throttle", "daily", "unauthorized")


@pytest.mark.parametrize("accept", [*FORMS.values(), "*/*", "text/html", "application/json;q=0.5, application/xml", ""])
def test_the_gateway_refuses_as_alma_does(alma, accept):
    alma.ask("GET", "users", key="wrong", accept=accept)
    alma.ask("DELETE", "users/exl_impl", key=gate.READ_ONLY_KEY, accept=accept)
    for setting in ({"per_second": 1}, {"per_second": 0, "daily_remaining": 0}):
        alma.ask("POST", "/sandbox/settings", setting)
        answer = [alma.ask("GET", "conf/general", accept=accept) for _ in range(2)][-1]
        assert answer.status == 429
    alma.ask("POST", "/sandbox/settings", {"daily_remaining": 500_000})
    assert not alma.heard, told(alma)


@pytest.mark.parametrize(("verb", "where"), [("GET", "bibs/1"), ("DELETE", "users"), ("PATCH", "users/exl_impl"),
                                             ("PUT", "conf/jobs"), ("POST", "conf/general"), ("GET", "users/a/b/c/d"),
                                             ("PUT", "users/exl_impl/loans/1"), ("GET", "conf/printers")])
@pytest.mark.parametrize("form", FORMS)
def test_what_the_contract_has_not_is_refused_in_alma_s_form(alma, verb, where, form):
    assert alma.ask(verb, where, accept=FORMS[form]).status >= 400 and not alma.heard, told(alma)


@pytest.mark.parametrize("do", ORDERED)
def test_faults_look_as_alma_s_own_troubles(founded, do):
    alma, _, kept = founded
    alma.store.db.deserialize(kept)
    alma.sandbox.__dict__.pop("respond", None)
    alma.ask("POST", "/sandbox/faults", [{"do": do, "times": 2}])
    for form in FORMS.values():
        call = trying.Call("GET", "/almaws/v1/users", {}, {"authorization": f"apikey {gate.KEY}", "accept": form})
        status, headers, body, fault = alma.sandbox.respond(call)
        assert fault and contract.problems(call, status, headers, body) == []
    alma.ask("DELETE", "/sandbox/faults")


# ---- Real answers

def sample(name):
    return json.loads((CONTRACT / "samples" / name).read_text())


# Where our answer to the same call may differ in keys or kinds from the one real answer that was published.
# less: we have it not, more: only we have it, kind: another kind of value. Everything else is to be the same.
_USER = {
    "birth_date": "less", "expiry_date": "more", "purge_date": "more",  # an unset date is absent (API.md 1.2)
    # Newer fields than the answer published in 2018, all in rest_user.xsd or in API.md 1.2.
    **dict.fromkeys(("status_date", "last_patron_activity_date", "pref_first_name", "pref_middle_name",
                     "pref_last_name", "pref_name_suffix", "is_researcher", "researcher", "library_notice",
                     "pin_number", "source_link_id", "source_institution_code", "linking_id",
                     "user_role.[].expiry_date"), "more"),
    "campus_code.value": "kind",  # null where no campus is set (API.md 1.2); here it was set
    "contact_info.address.[].end_date": "more", "contact_info.address.[].start_date": "less",
}
_FEE = {"fee.[].transaction": "more", "fee.[].user_primary_id": "more",  # rest_fee.json; only with transactions
        "fee.[].barcode": "kind", "fee.[].comment": "kind", "fee.[].bursar_transaction_id": "more"}
# Of the two real loans one lacks these; null and text change places with what is known of the item.
_LOAN = {"item_loan.[].call_number": "less", "item_loan.[].publication_year": "less",
         **dict.fromkeys((f"item_loan.[].{name}" for name in (
             "description", "item_policy.value", "item_policy.description", "renewable")), "kind")}
SAMPLES = [
    ("users_response.json", "users?limit=100", {}), ("user_response.json", "users/{plain}", _USER),
    ("user_response.json", "users/exl_impl", _USER), ("user_response.json", "users/{linked}", _USER),
    ("loans_response.json", "users/{loaner}/loans", _LOAN), ("zero_loans_response.json", "users/{plain}/loans", {}),
    ("fees_response.json", "users/{debtor}/fees", _FEE), ("zero_fees_response.json", "users/{plain}/fees", {}),
    ("error_response.json", "users/nobody-at-all", {}),
]


@pytest.mark.parametrize(("name", "where", "excused"), SAMPLES, ids=lambda one: one if isinstance(one, str) else "")
def test_our_answer_has_the_keys_and_kinds_of_the_real_one(alma, name, where, excused):
    path, _, query = fill(where, alma.names).partition("?")
    ours = alma.ask("GET", path, **dict(part.split("=") for part in query.split("&") if part)).json
    assert contract.same(sample(name), ours, excused) == []


def test_too_fast_is_said_in_the_words_of_the_real_answer(alma):
    alma.ask("POST", "/sandbox/settings", {"per_second": 1})
    answer = [alma.ask("GET", "conf/general") for _ in range(2)][-1]
    alma.ask("POST", "/sandbox/settings", {"per_second": 0})
    assert answer.json == sample("per_second_threshold_error_response.json")


def report(alma, **query):
    return etree.fromstring(alma.ask("GET", "analytics/reports", accept="application/xml", **query).body)


def test_still_loading_not_found_and_ended_are_built_as_the_real_ones(alma):
    alma.ask("POST", "/sandbox/faults", [{"path": "/analytics/reports", "do": "still_loading"}])
    loading = report(alma, path=f"{FOLDER}/Users")
    assert shape(loading) == shape(real("analytics_still_loading_response.xml"))
    token = report(alma, path=f"{FOLDER}/Requests", limit=1000).findtext(".//ResumptionToken")
    for ours, name in ((report(alma, path="/test/path"), "report_not_found_response.xml"),
                       (report(alma, token=token, limit=1000), "analytics_response_part4.xml")):
        assert shape(ours) == shape(real(name))
        assert ours.findtext(".//{*}errorMessage") == real(name).findtext(".//{*}errorMessage")


def test_errors_in_xml_are_built_as_the_real_one(alma):
    ours = etree.fromstring(alma.ask("GET", "users/nobody", accept="application/xml").body)
    assert shape(ours) == shape(real("error_response.xml"))


# ---- The judge itself

def judged(alma, where, change, form="json"):
    """Returns what the judge says of an answer after somebody has changed it."""
    call = trying.Call("GET", f"/almaws/v1/{fill(where, alma.names)}", {},
                       {"authorization": f"apikey {gate.KEY}", "accept": FORMS[form]})
    status, headers, body, _ = alma.sandbox.respond(call)
    return contract.problems(call, *change(status, headers, body))


def swapped(before, after):
    def change(status, headers, body):
        assert re.search(before, body), body[:300]
        return status, headers, re.sub(before, after, body, count=1)
    return change


@pytest.mark.parametrize(("where", "before", "after", "form"), [
    ("users/{plain}", rb'"first_name"', b'"given_name"', "json"),
    ("users/{plain}", b"first_name", b"given_name", "xml"),
    ("users/{plain}", rb'"status_date":"(\d{4})-', rb'"status_date":"\1/', "json"),
    ("users", rb'"total_record_count":\d+', b'"total_record_count":"many"', "json"),
    ("conf/sets/{set}", rb'"name":"[^"]+"', b'"name":5', "json"), ("conf/sets/{set}", b"<name>", b"<name><b/>", "xml"),
    (UPDATE_JOB, rb'"category":{', b'"kind":{', "json"),
    ("users/{debtor}/fees", b'"balance":', b'"sum":', "json"),
    ("users/nobody", b"40186", b"99999", "json"), ("users/nobody", b"errorCode", b"code", "json"),
    ("users/nobody", b"<errorCode>", b"<errorCode>9", "xml"), ("conf/general", b"}$", b"", "json"),
    ("users/{loaner}/loans", b'"loan_id"', b'"loan"', "json"), ("analytics/paths", b"<paths", b"<routes", "xml"),
])
def test_the_judge_sees_what_is_wrong(alma, where, before, after, form):
    assert judged(alma, where, swapped(before, after), form)


XML_ERROR = (b'<web_service_result xmlns="http://com/exlibris/urm/general/xmlbeans"><errorsExist>true</errorsExist>'
             b"<errorList><error><errorCode>401861</errorCode><errorMessage>x</errorMessage></error></errorList>"
             b"</web_service_result>")


@pytest.mark.parametrize("change", [
    lambda status, headers, body: (400, {**headers, "Content-Type": "application/xml"}, XML_ERROR),
    lambda status, headers, body: (201, headers, body), lambda status, headers, body: (500, headers, body),
    lambda status, headers, body: (status, {**headers, "X-Exl-Api-Remaining": "lots"}, body),
    lambda status, headers, body: (status, {**headers, "Content-Type": "text/html"}, body),
])
def test_the_judge_sees_wrong_status_and_headers(alma, change):
    assert judged(alma, "users/{plain}", change)


def test_every_known_contradiction_is_met(alma):
    used.clear()
    for where in ("users/{plain}", "conf/sets/{set}", "users/{requester}/requests", "users/{loaner}/loans"):
        alma.ask("GET", fill(where, alma.names), **({"expand": "renewable"} if "loans" in where else {}))
    assert set(KNOWN) == used


@pytest.mark.long
def test_all_tests_of_the_sandbox_get_answers_that_alma_gives():
    here = pathlib.Path(__file__).parent
    others = sorted(str(path) for path in here.glob("test_sandbox*.py") if "contract" not in path.name
                    and "fuzz" not in path.name)
    told = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "contract", "-p", "no:cacheprovider", *others],
                          cwd=here.parent, env={**os.environ, "PYTHONPATH": str(here)}, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout[-4000:]
