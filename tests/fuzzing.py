"""What the fuzzers share: how many cases, a sandbox over HTTP whose every answer is judged, and words that it knows."""

import itertools
import types
import urllib.parse

import contract
import hypothesis
import requests

from purgelib import sandbox
from purgelib.sandbox import assumptions, gate, tables
from purgelib.sandbox.assumptions import UPDATE_JOB_ID
from purgelib.sandbox.reports import COLUMNS, FOLDER

UPDATE_JOB = f"conf/jobs/{UPDATE_JOB_ID}"
# How many cases for an operation; the hostile and the stories take a share of it.
SHORT, LONG = 40, 400
# New names and ids: the same in every run, and never twice in one.
COUNT = itertools.count(1)
ACCEPTS = ("application/json", "application/xml", "*/*", "application/json, */*;q=0.1")
HEALTHY = tuple(hypothesis.HealthCheck)


def sized(number, length):
    """Returns hypothesis's settings: the short run is the same every time, the long one never; no clock watched."""
    return hypothesis.settings(max_examples=number, derandomize=length == SHORT, database=None, deadline=None,
                               suppress_health_check=HEALTHY, phases=(hypothesis.Phase.generate,))


class Asked:
    """A sandbox as a process of its own; every answer goes to the judge, who collects what is wrong."""

    def __init__(self, folder):
        self.folder, self.found, self.answers = folder, {}, 0
        self.where = sandbox.ensure(folder, users=200)
        self.session = requests.Session()
        self.session.trust_env = False
        self.door("POST", "settings", {"job_seconds": 0.02, "job_throttle": False})

    def door(self, method, what, body=None):
        answer = self.session.request(method, f"{self.where.url}/sandbox/{what}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def alma(self, method, path, body=None, **query):
        """Asks as a decent client."""
        return self.send({"method": method, "url": f"{self.where.url}/almaws/v1/{path}", "json": body, "params": query})

    def send(self, request, accept="application/json"):
        """Sends one request of any kind and lets the judge hear the answer."""
        self.answers += 1
        headers = {**(request.pop("headers", None) or {}), "Authorization": f"apikey {gate.KEY}", "Accept": accept}
        try:
            answer = self.session.request(**request, headers=headers, timeout=20, allow_redirects=False)
        except requests.RequestException as error:
            self.note(f"{request['method']} {request['url']}: no answer: {type(error).__name__}", request)
            return None
        path, _, query = answer.request.path_url.partition("?")
        self.judge(answer.request.method, path, query, headers, answer.status_code, answer.headers, answer.content)
        return answer

    def judge(self, method, path, query, headers, status, told, body):
        first = {key: words[0] for key, words in urllib.parse.parse_qs(query, errors="replace").items()}
        call = types.SimpleNamespace(method=method, path=path, query=first,
                                     headers={key.lower(): text for key, text in headers.items()})
        for one in contract.problems(call, status, dict(told), body):
            self.note(one, f"{path}?{query}"[:200])

    def note(self, problem, example):
        self.found.setdefault(problem, example)

    def told(self):
        """Returns all that was found since last asked, a line for each problem."""
        lines = [f"{problem}   e.g. {str(example)[:300]}" for problem, example in sorted(self.found.items())]
        self.found.clear()
        crashes = self.door("GET", "health").get("crashes")
        return "\n".join([*lines, *([f"crashes: {crashes}"] if crashes else [])])

    def close(self):
        self.session.close()
        sandbox.stop(self.folder)


def real_words(asked):
    """Returns real words for the parameters and fields, so that not every call ends at `not found`."""
    users = [one["primary_id"] for one in asked.alma("GET", "users", limit=100).json()["user"]]
    made = [asked.alma("POST", "conf/sets", {"name": f"Fuzz {n}"}).json()["id"] for n in range(3)]
    for one in made[:2]:
        asked.alma("POST", f"conf/sets/{one}", {"members": {"member": [{"id": who} for who in users[10:14]]}},
                   op="add_members")
    sets = made + [one["id"] for one in asked.alma("GET", "conf/sets", set_type="LOGICAL").json()["set"]]
    body = {"parameter": [{"name": {"value": "set_id"}, "value": made[0]},
                          {"name": {"value": "job_name"}, "value": "Fuzz"}]}
    started = asked.alma("POST", UPDATE_JOB, body, op="run").json()["additional_info"]["link"]
    return known(users, sets, started.rpartition("/")[2], asked)


def belongings(asked, users, kind):
    """Returns some (user, id of a loan, fee, request or deposit) that belong together."""
    found = []
    for who in users:
        page = asked.alma("GET", f"users/{urllib.parse.quote(who)}/{kind}s").json()
        lists = [one for one in page.values() if isinstance(one, list)]
        found += [(who, one.get(f"{kind}_id") or one.get("id")) for one in lists[0]] if lists else []
        if len(found) > 8:
            break
    return found


def known(users, sets, instance, asked):
    barcodes = [one["value"] for who in users[20:30] for one in
                asked.alma("GET", f"users/{who}").json()["user_identifier"]]
    jobs = [UPDATE_JOB_ID, "M44", "ALL", "S9301", assumptions.PURGE_JOB_ID, assumptions.OLD_PURGE_JOB_ID]
    return {
        "owned": {f"{kind}_id": belongings(asked, users, kind) for kind in ("loan", "fee", "request", "deposit")},
        "user_id": users + barcodes, "id": users + barcodes, "primary_id": users, "set_id": sets, "job_id": jobs,
        "instance_id": [instance], "codeTableName": list(tables.TABLES), "limit": [0, 1, 25, 100, 1000],
        "offset": [0, 5, 10_000], "user_id_type": ["all_unique", "BARCODE", "PRIMARYIDENTIFIER", "UNIV_ID"],
        "id_type": ["BARCODE", "PRIMARY_ID", "UNIV_ID"], "q": ["last_name~a", "primary_id~1", "name~Fuzz", "email~edu"],
        "expand": ["full", "loans,requests,fees", "renewable"], "order_by": ["last_name", "primary_id", "due_date"],
        "modify_date_from": ["2026-11-01"], "direction": ["asc", "desc"], "view": ["brief", "full"],
        "override": ["user_group,job_category"], "status": ["ACTIVE", "CLOSED", "active", "history", "QUEUED"],
        "loan_status": ["Active", "Complete"], "op": ["run", "pay", "add_members"],
        "fail_on_invalid_id": [True, False], "from_logical_set": sets, "set1": sets, "set2": sets,
        "combine": ["AND", "OR", "NOT"], "content_type": ["USER"], "set_type": ["ITEMIZED", "LOGICAL"],
        "type": ["MANUAL", "SCHEDULED", "ITEMIZED", "LOGICAL"], "category": ["USER"], "lang": ["en"],
        "path": [f"{FOLDER}/{name}" for name in COLUMNS] + [FOLDER, "/shared"], "col_names": ["true", "false"],
        "submit_date_from": ["2026-11-01"], "submit_date_to": ["2027-11-01"], "record_type": ["PUBLIC", "STAFF"],
        "user_group": list(tables.TABLES["UserGroups"]), "account_type": ["INTERNAL", "EXTERNAL", "INTEXTAUTH"],
        "content": ["USER", "BIB_MMS"], "private": ["true", "false"], "external_id": ["SIS", ""],
        "query": ['USER where USER (user_group equals "06")'], "expiry_date": ["2020-01-01Z"],
        "name": ["set_id", "job_name", "UPDATE_User_Information_Purge_Date_Active", assumptions.PURGE_DAYS,
                 "UPDATE_User_Information_Purge_Date_Value", "UPDATE_User_Information_UserGroup_Value"],
        "libraryCode": list(tables.LIBRARIES), "scope": list(tables.LIBRARIES), "method": ["CASH", "ONLINE"],
        "amount": ["ALL", "1.5"], "reason": ["CancelledAtPatronRequest", "LOST"], "mappingTableName": ["x"],
        "value": [*sets, "true", "1735621200000", "06", "Null"],
    }
