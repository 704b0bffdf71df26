"""A fuzzer driven by Alma's own documents, and one that sends what nobody should: no answer is outside the contract.

The short run is the same every time and belongs to `make test`; the long ones (make test-long) go on for minutes.
"""

import contextlib
import copy
import functools
import http.client
import json
import urllib.parse

import contract
import hypothesis
import pytest
import schemathesis
from contract_schemas import needs_contract, resolve
from fuzzing import ACCEPTS, Asked, COUNT, LONG, real_words, SHORT, sized, UPDATE_JOB
from hypothesis import strategies as st
from lxml import etree
from schemathesis import GenerationMode

from purgelib.sandbox import assumptions, gate, routes
from purgelib.sandbox.assumptions import UPDATE_JOB_ID

pytestmark = needs_contract


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    with contextlib.closing(Asked(tmp_path_factory.mktemp("fuzz"))) as made:
        yield made


@pytest.fixture(scope="module")
def words(asked):
    return real_words(asked)


# ---- The documents of Alma, cut down to what the sandbox has, with everything in one place

def dereferenced(schema, name="", as_xml=False):
    """Returns a schema without references; for XML, text with attributes becomes plain text."""
    schema, name = resolve(schema, name)
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
    "%0d%0a", "*", UPDATE_JOB_ID, "0", "%20", "'%20OR%201=1", "all",
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
        ("POST", f"conf/sets/{first}?op=replace_members", members), ("POST", f"{UPDATE_JOB}?op=run", job),
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
