"""A fuzzer driven by Alma's own documents, and one that sends what nobody should: no answer is outside the contract.

The short run is the same every time and belongs to `make test`; the long ones (make test-long) go on for minutes.
"""

import contextlib
import copy
import datetime
import functools
import http.client
import itertools
import json
import types
import urllib.parse

import contract
import hypothesis
import pytest
import requests
import schemathesis
from contract import needs_contract
from hypothesis import stateful
from hypothesis import strategies as st
from lxml import etree
from schemathesis import GenerationMode

from purgelib import sandbox
from purgelib.sandbox import assumptions, gate, routes, tables, trying
from purgelib.sandbox.reports import COLUMNS, FOLDER

pytestmark = needs_contract
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


# ---- The sandbox over HTTP

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
        for process in sandbox._started:
            if process.pid == self.where.pid:
                process.wait(10)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    with contextlib.closing(Asked(tmp_path_factory.mktemp("fuzz"))) as made:
        yield made


@pytest.fixture(scope="module")
def words(asked):
    """Real words for the parameters and fields, so that not every call ends at `not found`."""
    users = [one["primary_id"] for one in asked.alma("GET", "users", limit=100).json()["user"]]
    made = [asked.alma("POST", "conf/sets", {"name": f"Fuzz {n}"}).json()["id"] for n in range(3)]
    for one in made[:2]:
        asked.alma("POST", f"conf/sets/{one}", {"members": {"member": [{"id": who} for who in users[10:14]]}},
                   op="add_members")
    sets = made + [one["id"] for one in asked.alma("GET", "conf/sets", set_type="LOGICAL").json()["set"]]
    body = {"parameter": [{"name": {"value": "set_id"}, "value": made[0]},
                          {"name": {"value": "job_name"}, "value": "Fuzz"}]}
    started = asked.alma("POST", "conf/jobs/M148", body, op="run").json()["additional_info"]["link"]
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
    jobs = ["M148", "M44", "ALL", "S9301", assumptions.PURGE_JOB_ID, assumptions.OLD_PURGE_JOB_ID]
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


# ---- The documents of Alma, cut down to what the sandbox has, with everything in one place

def dereferenced(schema, name="", as_xml=False):
    """Returns a schema without references; for XML, text with attributes becomes plain text."""
    schema, name = contract.resolve(schema, name)
    text = schema.get("properties", {}).get("value", {})
    if as_xml and text.get("xml", {}).get("name") == "xml_value":
        return dereferenced(text, name, as_xml)
    made = {key: schema[key] for key in ("type", "maxLength", "enum", "required") if key in schema}
    if "properties" in schema:
        made["properties"] = {key: dereferenced(one, name, as_xml) for key, one in schema["properties"].items()}
    if "items" in schema:
        made |= {"items": dereferenced(schema["items"], name, as_xml), "maxItems": 4}
    return made


def document():
    """Returns one OpenAPI document of all operations that the sandbox has."""
    paths = {}
    for verbs, path, _ in (*routes._TABLE, ("GET", "analytics/paths/{}", None)):
        for verb in verbs.split():
            found = contract.operation(verb, "/almaws/v1/" + path.replace("{}", "x"))
            if found:
                paths.setdefault(found[0], {})[verb.lower()] = described(found[1])
    return {"openapi": "3.0.1", "info": {"title": "Alma", "version": "1"}, "paths": paths}


def described(doc):
    """Returns an operation with its parameters and body in full."""
    parameters = [{**{key: one[key] for key in ("name", "in")}, "required": one["in"] == "path",
                   "schema": dereferenced(one.get("schema", {"type": "string"}))}
                  for one in doc.get("parameters", [])]
    made = {"parameters": parameters, "responses": {"200": {"description": "OK"}}}
    for media, one in doc.get("requestBody", {}).get("content", {}).items():
        whole = dereferenced(one["schema"], as_xml="xml" in media)
        whole["xml"] = {"name": contract.success(doc)[1].partition("-")[0] or "body"}
        made.setdefault("requestBody", {"content": {}})["content"][media] = {"schema": whole}
    return made


# What makes a body worth looking at, by the end of the address; what schemathesis generates is put on top of it.
def sensible(verb, path, words, dice):
    """Returns a body that Alma would take for this operation, mostly."""
    users, sets = words["primary_id"], words["set_id"]
    if path.endswith("/users") or verb == "PUT" and path.endswith("{user_id}"):
        return {"primary_id": f"fuzz-{next(COUNT)}", "last_name": "Fuzz", "user_group": {"value": "06"},
                "record_type": {"value": "PUBLIC"}, "account_type": {"value": "INTERNAL"}}
    if path.endswith("/sets/{set_id}") and verb == "POST":
        return {"members": {"member": [{"id": one} for one in dice.sample(users, 3)]}}
    if "/sets" in path:
        return {"name": f"Fuzz no. {next(COUNT)}", "type": {"value": "ITEMIZED"}, "content": {"value": "USER"}}
    if "/jobs/" in path:
        return {"parameter": [{"name": {"value": "set_id"}, "value": dice.choice(sets)},
                              {"name": {"value": "job_name"}, "value": "Fuzz"}]}
    return {"type": {"value": "OVERDUEFINE"}, "original_amount": 5, "owner": {"value": "MAINLIB"}}


def plain(value):
    """Returns a body in which codes are plain text, as they are in XML."""
    if isinstance(value, dict):
        return value["value"] if set(value) == {"value"} else {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def made_real(case, words, dice):
    """Puts real words where a generated case has only noise, mostly: ids into the address, codes into the rest."""
    operation = case.operation
    names = [one.name for one in operation.path_parameters]
    owned = [pair for name in names for pair in words["owned"].get(name, [])]
    for name in names:
        if dice.random() < .8:
            case.path_parameters = {**(case.path_parameters or {}), name: dice.choice(words.get(name, ["0"]))}
    if owned and dice.random() < .7:
        who, one = dice.choice(owned)
        case.path_parameters = {"user_id": who, names[-1]: one}
    for name in [one.name for one in operation.query]:
        lot, rest = dice.random(), {key: one for key, one in (case.query or {}).items() if key != name}
        if lot < .75:
            case.query = {**rest, name: dice.choice(words[name])} if lot < .35 and name in words else rest
    if dice.random() < .7 and any(one.name == "op" for one in operation.query):
        case.query = {**(case.query or {}), "op": dice.choice(_operations(operation.path))}
    if isinstance(case.body, dict) and dice.random() < .7:
        base = sensible(operation.method.upper(), operation.path, words, dice)
        base = plain(base) if "xml" in (case.media_type or "") else base
        keys = sorted(case.body)
        few = {key: sprinkled(case.body[key], key, words, dice) for key in dice.sample(keys, min(len(keys),
                                                                                               dice.randrange(3)))}
        case.body = {**base, **few}


def _operations(path):
    named = {"sets": ["add_members", "delete_members", "replace_members"], "jobs": ["run"], "loans": ["renew"],
             "fees": ["pay", "waive", "dispute", "restore"]}
    return next((ops for part, ops in named.items() if f"/{part}" in path), ["refresh"])


def sprinkled(value, name, words, dice):
    """Returns a value in which fields of a known name have real values now and then."""
    if isinstance(value, dict):
        return {key: sprinkled(one, name if key == "value" else key, words, dice) for key, one in value.items()}
    if isinstance(value, list):
        return [sprinkled(one, name, words, dice) for one in value]
    return dice.choice(words[name]) if name in words and dice.random() < .7 else value


@functools.cache
def _loaded(text):
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False, "allow-x00": True}})
    return schemathesis.openapi.from_dict(json.loads(text), config=config)


def by_schema(asked, words, length):
    """Sends every operation as many cases, those that fit Alma's documents and those that do not."""
    schema = _loaded(json.dumps(document()))
    # Deleting comes last, or there is nobody left to ask about.
    found = sorted((one.ok() for one in schema.get_all_operations()), key=lambda one: one.method == "delete")
    for operation in found:
        modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

        @sized(length if operation.query or operation.path_parameters or operation.body else len(ACCEPTS), length)
        @hypothesis.given(case=st.one_of(*modes), accept=st.sampled_from(ACCEPTS), dice=st.randoms())
        def run(case, accept, dice):
            made_real(case, words, dice)
            request = case.as_transport_kwargs(base_url=asked.where.url)
            request.pop("cookies", None)
            asked.send(request, accept)

        with contextlib.suppress(hypothesis.errors.Unsatisfiable):
            run()
    return len(found)


def test_what_the_documents_allow_and_forbid_is_answered_within_the_contract(asked, words):
    assert by_schema(asked, words, SHORT) >= 50
    assert asked.answers > SHORT * 30
    assert (found := asked.told()) == "", found


@pytest.mark.long
def test_a_long_run_by_the_documents_is_answered_within_the_contract(asked, words):
    by_schema(asked, words, LONG)
    assert (found := asked.told()) == "", found


# ---- What nobody should send

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-10 ** 25, 10 ** 25), st.floats(), st.text(max_size=20),
    st.sampled_from(["\x00", "\ud800", "x" * 5000, "2020-13-45Z", "' OR 1=1 --", "%s", "<a/>", "\u202e", "٣", -0.0,
                     1e308, {}, [], [[]], [None], {"value": None}, {"value": {"value": 1}}, {"value": ["a"]}, "Null"]),
)


@st.composite
def spoilt(draw, record):
    """Returns a copy of a record in which a few places hold what does not belong there."""
    made = json.loads(json.dumps(record))
    for _ in range(draw(st.integers(1, 3))):
        place = made
        while isinstance(place, dict | list) and place:
            key = draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else draw(
                st.integers(0, len(place) - 1))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 3)) == 0:
                odd = draw(st.one_of(ODD, st.lists(ODD, max_size=2), st.dictionaries(st.text(max_size=5), ODD)))
                place[key] = copy.deepcopy(odd)
                break
            place = place[key]
    return made


def as_xml(name, value, depth=0):
    """Returns anything as the XML that a careless client would make of it; what XML cannot hold is left out."""
    made = etree.Element(name)
    for key, one in value.items() if isinstance(value, dict) else []:
        for each in one if isinstance(one, list) else [one]:
            with contextlib.suppress(ValueError):
                made.append(as_xml(key, each, depth + 1))
    if not isinstance(value, dict | list | None):
        with contextlib.suppress(ValueError):
            made.text = str(value)
    return made if depth else etree.tostring(made)


BOMB = (b'<!DOCTYPE user [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10) for letter in b"bcdefgh")
    + b']><user><primary_id>&h;</primary_id></user>')
BODIES = [
    b"", b" ", b"null", b"[]", b"1", b'"x"', b"{", b"{}}", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":-Infinity}',
    b'{"primary_id":1e999}', b'{"name":' + b"9" * 5000 + b"}", b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"[" * 100_000, "{}".encode("utf-16"), b"\xef\xbb\xbf{}", b"\xff\xfe\x00", b'{"name":"\xff"}',
    b'{"name":"\\ud800"}', b"<", b"<user/>", b"<user>", b"<set/><set/>", BOMB,
    b"<?xml version='1.0' encoding='utf-7'?><user/>",
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><set><name>&x;</name></set>',
    b"<set><!-- x --><name>a<?b c?></name><![CDATA[d]]></set>", b"<a>" * 5000 + b"</a>" * 5000,
    b"<user xmlns='urn:x'><primary_id>x</primary_id></user>", b"<job><parameters>text</parameters></job>",
    b"<set><members><member/><member><id/></member></members></set>", b"a=1&b=2", b"--x\r\n\r\n--x--",
]
NAMES = """limit offset q order_by expand op id_type status user_id_type token path view override format
    modify_date_from fail_on_invalid_id from_logical_set combine set1 amount submit_date_from category type method
    scope lang col_names filter direction reason""".split()
PARTS = (
    "-1", "0", "1", "99999999999999999999", "1e3", "%D9%A3", "%00", "%ff", "%", "%zz", "a" * 4000, "", "+", "%26",
    "null", "name~", "~", "last_name~%25", "last_name~a AND ", "json", "xml", "html", "run", "pay", "add_members",
    "BARCODE", "inf", "2026-02-30", "0000-00-00", "loans,,fees", "true", "%F0%9F%98%80", "ALL", "'", "%0d%0aX: y",
)
SEGMENTS = (
    "%00", "%2F", "%ff", "..%2f..", "a" * 3000, "-", "no%20primary%20id%20(1)", "null", "%F0%9F%98%80", "%25", "ALL",
    "%0d%0a", "*", "M148", "0", "%20", "'%20OR%201=1", "all",
)
queries = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(PARTS)), max_size=4).map(
    lambda pairs: "&".join(f"{name}={part}".replace(" ", "%20") for name, part in pairs)) | st.sampled_from(
    ["&&&", "=", "=1", "limit", "limit=1&limit=x", "%00=%00", "?", "limit[]=1", "&".join("a=1" for _ in range(2000))])
headings = st.fixed_dictionaries({}, optional={
    "Content-Type": st.sampled_from([
        "application/json", "application/xml", "text/plain", "", "application/json; charset=x", "nonsense",
        "application/json;charset=UTF-16", "multipart/form-data"]),
    "Accept": st.sampled_from([
        *ACCEPTS, "", "text/html", "*", ";;;", "application/json;q=x", "application/*", "image/png"]),
})


def addresses(words):
    """Returns a strategy for (verb, address): every route, with real and with odd words in its places."""
    places = {"users": words["user_id"][:30], "sets": words["set_id"], "jobs": words["job_id"][:2]}

    @st.composite
    def made(draw):
        verbs, path, _ = draw(st.sampled_from(routes._TABLE))
        verb = draw(st.sampled_from([*verbs.split() * 3, "PUT", "POST", "DELETE", "PATCH"]))
        steps = path.split("/")
        for n, step in enumerate(steps):
            if step == "{}":
                real = [urllib.parse.quote(one, safe="") for one in places.get(steps[n - 1], ["0"])]
                steps[n] = draw(st.sampled_from(real) | st.sampled_from([*real, *SEGMENTS]))
        return verb, "/".join(steps)
    return made()


def writes(asked, words):
    """Returns (verb, address, body) of a call for every kind of write, which Alma would carry out as it stands."""
    own = urllib.parse.quote(words["primary_id"][40])
    whole, first = asked.alma("GET", f"users/{own}").json(), words["set_id"][0]
    record = asked.alma("GET", f"conf/sets/{first}").json() | {"name": "Spoilt"}
    members = {"members": {"member": [{"id": one} for one in words["primary_id"][50:53]]}}
    job = {"parameter": [{"name": {"value": name}, "value": one} for name, one in (
        ("set_id", first), ("job_name", "x"), ("UPDATE_User_Information_Purge_Date_Active", "true"),
        ("UPDATE_User_Information_Purge_Date_Value", "1735621200000"))]}
    new = {**whole, "primary_id": "spoilt", "user_identifier": []}
    fee = {"type": {"value": "OVERDUEFINE"}, "original_amount": 5, "owner": {"value": "MAINLIB"}, "comment": "x"}
    return [
        ("PUT", f"users/{own}", whole), ("POST", "users", new), ("POST", f"users/{own}/fees", fee),
        ("POST", "conf/sets", record), ("PUT", f"conf/sets/{first}", {**record, "name": "Spoilt again"}),
        ("POST", f"conf/sets/{first}?op=replace_members", members), ("POST", "conf/jobs/M148?op=run", job),
        ("POST", f"conf/jobs/{assumptions.PURGE_JOB_ID}?op=run", {"parameter": job["parameter"][:2]}),
        ("PUT", "conf/code-tables/UserStatCategories", {"row": [{"code": "A", "description": "B", "enabled": True}]}),
    ]


class Link:
    """A connection that sends bytes as they are, and lets the judge hear every answer."""

    def __init__(self, asked):
        self.asked = asked
        self.http = http.client.HTTPConnection(asked.where.url.removeprefix("http://"), timeout=20)

    def send(self, verb, address, headers, body):
        self.asked.answers += 1
        path, _, query = address.partition("?")
        headers = {"Authorization": f"apikey {gate.KEY}", **headers}
        try:
            self.http.request(verb, f"/almaws/v1/{address}", b"" if verb == "GET" else body, headers)
            answer = self.http.getresponse()
            told, content = dict(answer.getheaders()), answer.read()
        except (http.client.HTTPException, OSError) as error:
            self.http.close()
            return self.asked.note(f"{verb}: no answer: {type(error).__name__}", (address, headers, body))
        if answer.status >= 500 and b"Path not found" not in content:
            self.asked.note(f"{verb} {answer.status}: {content[:100]}", (address, headers, body))
        self.asked.judge(verb, f"/almaws/v1/{path}", query, headers, answer.status, told, content)


def hostile(asked, words, length):
    """Sends noise and known traps everywhere, then every kind of write with a body that is a little wrong."""
    link, whole = Link(asked), writes(asked, words)

    @sized(length * 20, length)
    @hypothesis.given(at=addresses(words), query=queries, headers=headings,
                      body=st.binary(max_size=40) | st.sampled_from(BODIES))
    def noise(at, query, headers, body):
        link.send(at[0], f"{at[1]}?{query}", headers, body)

    with contextlib.closing(link.http):
        noise()
        for verb, address, record in whole:
            a_little_wrong(link, verb, address, record, length)


def a_little_wrong(link, verb, address, record, length):
    """Sends one write with many bodies in which something is not as it should be, as JSON and as XML."""
    name = next(kind for kind in ("code_table", "fee", "set", "job", "user") if kind in address.replace("-", "_"))

    @sized(length, length)
    @hypothesis.given(body=spoilt(record), in_xml=st.booleans())
    def run(body, in_xml):
        if body.get("primary_id") == "spoilt":
            body["primary_id"] = f"spoilt-{next(COUNT)}"
        data = as_xml(name, body) if in_xml else json.dumps(body).encode()
        link.send(verb, address, {"Content-Type": f"application/{'xml' if in_xml else 'json'}"}, data)

    run()


def test_what_nobody_should_send_is_refused_within_the_contract(asked, words):
    hostile(asked, words, SHORT)
    assert (found := asked.told()) == "", found


@pytest.mark.long
def test_long_hostility_is_refused_within_the_contract(asked, words):
    hostile(asked, words, LONG)
    assert (found := asked.told()) == "", found


# ---- One thing after another

class Story(stateful.RuleBasedStateMachine):
    """Users come and go, sets are filled and emptied, jobs run; what Alma then says is what was done."""

    def __init__(self):
        super().__init__()
        self.alma = trying.Tried(users=40, job_seconds=0, job_throttle=False)
        self.heard = []
        contract.watch(self.alma.sandbox, self.heard)
        self.purge_dates, self.sets, self.number = {}, {}, 0

    def members(self, ids):
        return {"members": {"member": [{"id": one} for one in ids]}}

    def some(self, data):
        known = sorted(self.purge_dates)
        return data.draw(st.lists(st.sampled_from(known), unique=True, min_size=1)) if known else []

    @stateful.initialize()
    def begin(self):
        """Nothing would happen for long if nobody were there at first."""
        for external in (True, False, True):
            self.create(external)
        self.make_set()
        (where, inside), = self.sets.items()
        inside |= set(self.purge_dates)
        assert self.alma.ask("POST", f"conf/sets/{where}", self.members(sorted(inside)), op="add_members").status == 200

    @stateful.rule(external=st.booleans())
    def create(self, external):
        self.number += 1
        kind = {"account_type": {"value": "EXTERNAL"}, "external_id": "SIS"} if external else {
            "account_type": {"value": "INTERNAL"}}
        body = {"primary_id": f"story-{self.number}", "last_name": "Story", "record_type": {"value": "PUBLIC"},
                "user_group": {"value": "06"}, **kind}
        assert self.alma.ask("POST", "users", body).status == 200
        self.purge_dates[body["primary_id"]] = None

    @stateful.rule(data=st.data(), day=st.dates(datetime.date(2020, 1, 1), datetime.date(2032, 12, 31)))
    def put(self, data, day):
        for one in self.some(data)[:1]:
            record = self.alma.ask("GET", f"users/{one.upper()}").json
            assert self.alma.ask("PUT", f"users/{one}", {**record, "purge_date": f"{day}Z"}).status == 200
            self.purge_dates[one] = f"{day}Z"

    @stateful.rule(data=st.data())
    def delete(self, data):
        for one in self.some(data)[:1]:
            assert self.alma.ask("DELETE", f"users/{one}").status == 204
            self.forget(one)

    def forget(self, who):
        del self.purge_dates[who]
        for inside in self.sets.values():
            inside.discard(who)

    @stateful.rule()
    def make_set(self):
        self.number += 1
        answer = self.alma.ask("POST", "conf/sets", {"name": f"Story {self.number}"})
        self.sets[answer.json["id"]] = set()

    @stateful.rule(data=st.data(), op=st.sampled_from(["add_members", "delete_members", "replace_members"]))
    def change_set(self, data, op):
        ids = self.some(data)
        if not self.sets or not ids:
            return
        where = data.draw(st.sampled_from(sorted(self.sets)))
        inside, given = self.sets[where], set(ids)
        answer = self.alma.ask("POST", f"conf/sets/{where}", self.members(ids), op=op)
        if op == "add_members" and inside & given:
            assert answer.code == "60115"
        elif op == "delete_members" and given - inside:
            assert answer.code == "60117"
        else:
            assert answer.status == 200
            self.sets[where] = {"add_members": inside | given, "delete_members": inside - given}.get(op, given)

    @stateful.rule()
    def run_update(self):
        for where in sorted(self.sets)[:1]:
            words = {"set_id": where, "job_name": "Story", "UPDATE_User_Information_Purge_Date_Active": "true",
                     "UPDATE_User_Information_Purge_Date_Value": "1735689600000"}
            self.run(assumptions.UPDATE_JOB_ID, words)
            for one in self.sets[where]:
                self.purge_dates[one] = "2025-01-01Z"

    @stateful.rule()
    def run_purge(self):
        # The next day, where the sandbox takes today's purge date as past already.
        end = self.alma.store.clock.today() + datetime.timedelta(days=assumptions.BOUNDARY_DAY_INCLUDED)
        for where in sorted(self.sets)[:1]:
            self.run(assumptions.PURGE_JOB_ID, {"set_id": where, "job_name": "Story"})
            for one in [one for one in self.sets[where] if (self.purge_dates[one] or "9") < f"{end}Z"]:
                self.forget(one)

    def run(self, job, words):
        body = {"parameter": [{"name": {"value": key}, "value": one} for key, one in words.items()]}
        link = self.alma.ask("POST", f"conf/jobs/{job}", body, op="run").json["additional_info"]["link"]
        for _ in range(100):
            instance = self.alma.ask("GET", link.partition("/almaws/v1/")[2]).json
            if instance["status"]["value"] not in ("QUEUED", "INITIALIZING", "RUNNING", "FINALIZING", "PENDING"):
                break
        assert instance["status"]["value"].startswith("COMPLETED"), instance

    @stateful.invariant()
    def everybody_is_as_told(self):
        assert not self.heard, self.heard
        for where, inside in self.sets.items():
            listed = self.alma.ask("GET", f"conf/sets/{where}/members", limit=100).json
            assert {one["id"] for one in listed.get("member", [])} == inside
            assert int(self.alma.ask("GET", f"conf/sets/{where}").json["number_of_members"]["value"]) == len(inside)
        for who, day in self.purge_dates.items():
            assert self.alma.ask("GET", f"users/{who}").json.get("purge_date") == day


def story(length, steps):
    phases = (hypothesis.Phase.generate, hypothesis.Phase.shrink)
    stateful.run_state_machine_as_test(Story, settings=hypothesis.settings(
        sized(length, length), stateful_step_count=steps, phases=phases))


def test_one_thing_after_another_stays_true():
    story(SHORT, 25)


@pytest.mark.long
def test_long_stories_stay_true():
    story(LONG * 2, 60)
