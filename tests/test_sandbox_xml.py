"""Alma's XML: every answer fits the XSDs or the hints of the JSON schemas, and what is sent back changes nothing."""

import json
import string

import pytest
from contract_schemas import CONTRACT, needs_contract
from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st
from lxml import etree

from purgelib.sandbox import tables, trying, xmlform
from purgelib.sandbox.assumptions import UPDATE_JOB_ID
from purgelib.sandbox.reports import COLUMNS, FOLDER

UPDATE_JOB = f"conf/jobs/{UPDATE_JOB_ID}"
SCHEMAS = CONTRACT / "schemas"
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
XML = "application/xml"


@pytest.fixture(scope="module")
def alma():
    return trying.Tried(users=700, job_seconds=0)


@pytest.fixture
def fresh():
    return trying.Tried(users=60, job_seconds=0)


class Missing(etree.Resolver):
    """Fills the two holes of the published XSDs: a file that is not public, a type that is commented out."""

    def resolve(self, url, _public_id, context):
        if "rest_researcher" in url:
            return self.resolve_string(f'<xs:schema {XS}><xs:complexType name="researcher"/></xs:schema>', context)
        if url.endswith("rest_user_request.xsd"):
            return self.resolve_string(whole(SCHEMAS / "rest_user_request.xsd"), context)
        return None


def whole(path):
    hole = '<xs:simpleType name="request_types"><xs:restriction base="xs:string"/></xs:simpleType>'
    text = path.read_text()
    return text.replace("</xs:schema>", f"{hole}</xs:schema>") if path.stem == "rest_user_request" else text


def fits(name, body):
    """Fails unless the body is valid by this XSD; returns its root."""
    parser = etree.XMLParser()
    parser.resolvers.add(Missing())
    path = SCHEMAS / f"{name}.xsd"
    schema = etree.XMLSchema(etree.fromstring(whole(path).encode(), parser, base_url=str(path)))
    root = etree.fromstring(body)
    assert schema.validate(root), schema.error_log
    return root


def asked(alma, where, **query):
    answer = alma.ask("GET", where, accept=XML, **query)
    assert answer.status == 200, (where, answer.body)
    assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    return answer.body


@needs_contract
def test_users_fit_the_xsd(alma):
    fits("rest_users", asked(alma, "users", limit=100))
    for offset in range(0, 700, 100):
        root = fits("rest_users", asked(alma, "users", limit=100, offset=offset, expand="full"))
        assert root.get("total_record_count") and root[0].get("link").startswith("http")
    for table in ("loans", "fees", "requests"):
        who = alma.store.one(f"SELECT primary_id FROM users WHERE id IN (SELECT user_id FROM {table})")
        root = fits("rest_user", asked(alma, f"users/{who}", expand="loans,requests,fees"))
        assert root.find(table).get("link").endswith(f"/{table}") and float(root.findtext(table)) != 0
        fits("rest_user", asked(alma, f"users/{who}", view="brief"))


@needs_contract
def test_a_user_with_everything_fits_the_xsd(fresh):
    fresh.ask("POST", "users", full_user())
    root = fits("rest_user", asked(fresh, "users/ada"))
    assert root.find("contact_info/addresses/address").attrib == {"preferred": "true", "segment_type": "Internal"}
    assert root.findtext("user_roles/user_role/parameters/parameter/type") == "CirculationDesk"
    assert root.findtext("user_notes/user_note/popup_note") == "true"
    assert root.find("campus_code").get("desc") == "" and root.find("requests") is None


@needs_contract
def test_requests_fit_the_xsd(alma):
    for (who,) in alma.store.rows("SELECT DISTINCT u.primary_id FROM users u JOIN requests r ON r.user_id = u.id"):
        root = fits("rest_user_requests", asked(alma, f"users/{who}/requests"))
        one = root[0].findtext("request_id")
        fits("rest_user_request", asked(alma, f"users/{who}/requests/{one}"))


@needs_contract
@pytest.mark.parametrize("name", sorted(tables.TABLES))
def test_code_tables_fit_the_xsd(alma, name):
    root = fits("rest_code_table", asked(alma, f"conf/code-tables/{name}"))
    assert [row.findtext("code") for row in root.find("rows")] == list(tables.TABLES[name])


@needs_contract
def test_a_changed_code_table_fits_the_xsd(fresh):
    body = {"row": [{"code": "GRAD2021", "description": "Graduates", "default": True}]}
    root = fits("rest_code_table", fresh.ask("PUT", "conf/code-tables/UserGroups", body, accept=XML).body)
    assert [row.findtext("code") for row in root.find("rows") if row.findtext("default") == "true"] == ["GRAD2021"]


@needs_contract
def test_the_institution_paths_and_refusals_fit_the_xsd(alma):
    fits("rest_general", asked(alma, "conf/general"))
    for path in ("", "/%2Fshared%2FAlma", "/" + FOLDER.replace(" ", "%20")):
        root = fits("rest_analyt_paths", asked(alma, f"analytics/paths{path}"))
    assert [path.text for path in root] == list(COLUMNS)
    fits("web_service_result", alma.ask("GET", "users/nobody", accept=XML).body)


def resolved(schema, file):
    """Returns a part of a JSON schema and the file that it is in, after following its reference."""
    while "$ref" in schema:
        name, _, pointer = schema["$ref"].partition("#/")
        file = name.split("/")[-1] or file
        schema = {**json.loads((SCHEMAS / file).read_text())[pointer],
                  **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema, file


def drawn(name, value, schema, file):
    """Returns tag, attributes, text and children of an element as the hints of Alma's JSON schema want it."""
    schema, file = resolved(schema, file)
    if not isinstance(value, dict):
        return name, {}, str(value).lower() if isinstance(value, bool) else str(value), []
    attributes, text, children = {}, "", []
    for key, part in value.items():
        hint, where = resolved(schema["properties"][key], file)
        shape = hint.get("xml", {})
        if part is None:
            continue
        if shape.get("attribute"):
            attributes[key] = str(part)
        elif shape.get("name") == "xml_value":
            text = str(part)
        elif isinstance(part, list):
            inner = [drawn(key, one, hint["items"], where) for one in part]
            children += [(shape["name"], {}, "", inner)] if shape.get("wrapped") else inner
        else:
            children.append(drawn(key, part, schema["properties"][key], file))
    return name, attributes, text, children


def seen(element):
    return element.tag, dict(element.attrib), element.text or "", [seen(child) for child in element]


def configured(alma):
    who = alma.store.one("SELECT primary_id FROM users WHERE id IN (SELECT user_id FROM fees WHERE status='CLOSED')")
    made = alma.ask("POST", "conf/sets", {"name": "Hints"}).json["id"]
    alma.ask("POST", f"conf/sets/{made}", {"members": {"member": [{"id": who}]}}, op="add_members")
    body = {"parameter": [{"name": {"value": "set_id"}, "value": made},
                          {"name": {"value": "job_name"}, "value": "Hints"}]}
    instance = alma.ask("POST", UPDATE_JOB, body, op="run").json["additional_info"]["link"]
    return {
        "fees": f"users/{who}/fees?status=CLOSED", "set": f"conf/sets/{made}", "sets": "conf/sets",
        "members": f"conf/sets/{made}/members", "job": UPDATE_JOB, "jobs": "conf/jobs",
        "job_instance": instance.split("/almaws/v1/")[1], "job_instances": f"{UPDATE_JOB}/instances",
        "library": "conf/libraries/SCI", "libraries": "conf/libraries", "code_tables": "conf/code-tables",
        "mapping_table": "conf/mapping-tables/UserRecordTypeUserGroup", "mapping_tables": "conf/mapping-tables",
    }


@needs_contract
def test_what_has_no_xsd_follows_the_hints_of_its_json_schema(alma):
    for name, where in configured(alma).items():
        where, _, query = where.partition("?")
        query = dict([query.split("=")]) if query else {}
        value = alma.ask("GET", where, **query).json
        root = etree.fromstring(asked(alma, where, **query))
        assert seen(root) == drawn(name, value, {"$ref": f"#/rest_{name}"}, f"rest_{name}.json"), name


def full_user():
    """Returns a body with something in every list, as a client sends it."""
    return {
        "record_type": {"value": "PUBLIC"}, "primary_id": "ada", "first_name": "Ada & <b>", "last_name": "Łovelace",
        "account_type": {"value": "INTERNAL"}, "user_group": {"value": "06"}, "birth_date": "1999-01-31Z",
        "purge_date": "2030-01-01Z", "is_researcher": False,
        "contact_info": {
            "address": [{"line1": "1 Road", "city": "Town", "country": {"value": "GBR"}, "preferred": True,
                         "address_type": [{"value": "home"}, {"value": "work"}], "start_date": "2020-01-01Z"}],
            "email": [{"email_address": "a@example.edu", "preferred": False, "email_type": [{"value": "work"}]}],
            "phone": [{"phone_number": "1", "preferred": True, "preferred_sms": True,
                       "phone_type": [{"value": "mobile"}]}]},
        "user_identifier": [{"id_type": {"value": "BARCODE"}, "value": "b1", "note": "n"}],
        "user_role": [{"role_type": {"value": "32"}, "scope": {"value": "MAINLIB"}, "expiry_date": "2031-01-01Z",
                       "status": {"value": "INACTIVE"},
                       "parameter": [{"type": {"value": "CirculationDesk"}, "scope": {"value": "MAINLIB"},
                                      "value": {"value": "DEFAULT_CIRC_DESK"}}]}],
        "user_block": [{"block_description": {"value": "02-GLOBAL"}, "block_note": " note ",
                        "expiry_date": "2030-05-05T10:00:00Z"}],
        "user_note": [{"note_type": {"value": "LIBRARY"}, "note_text": "line\nline", "popup_note": True}],
        "user_statistic": [{"statistic_category": {"value": "HONORS"}, "statistic_note": "x"}],
        "rs_library": [{"code": {"value": "SCI"}}],
        "library_notice": [{"code": {"value": "MAINLIB"}, "value": True}],
    }


def bare(value):
    """Returns the object without what is empty: XML has no null, and no difference between null and empty."""
    if isinstance(value, dict):
        value = {key: bare(part) for key, part in value.items()}
        return {key: part for key, part in value.items() if part not in (None, "", {}, [])} or None
    return [bare(one) for one in value] if isinstance(value, list) else value


def goes_round(alma, who):
    """Fails unless XML says what JSON says, and unless sending it back changes nothing."""
    before = alma.ask("GET", f"users/{who}").json
    text = asked(alma, f"users/{who}")
    assert bare(xmlform.read(text)) == bare(before)
    answer = alma.ask("PUT", f"users/{who}", text)
    assert answer.status == 200, answer.body
    assert alma.ask("GET", f"users/{who}").json == before
    line = alma.store.row("SELECT path, changed FROM ledger ORDER BY n DESC LIMIT 1")
    assert line == (f"users/{who}", "{}")


def test_everybody_goes_round_through_xml_unchanged(alma):
    people = alma.store.rows("SELECT primary_id FROM users WHERE primary_id NOT LIKE 'no primary id%' "
                             "AND (id < 150 OR json_array_length(record, '$.user_note') > 0 "
                             "OR json_array_length(record, '$.user_block') > 0)")
    assert len(people) > 150
    for (who,) in people:
        goes_round(alma, who)


def test_a_user_with_everything_goes_round_unchanged(fresh):
    assert fresh.ask("POST", "users", full_user()).status == 200
    goes_round(fresh, "ada")


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff",
                             include_characters="\n\r\t"), max_size=20)
DAY = st.dates().map("{}Z".format)


def code(table):
    return st.sampled_from(sorted(tables.TABLES[table])).map(lambda value: {"value": value})


USERS = st.fixed_dictionaries({
    "first_name": TEXT, "last_name": TEXT.filter(str.strip), "job_description": TEXT, "web_site_url": TEXT,
    "pref_first_name": TEXT, "user_group": code("UserGroups"), "user_title": code("UserTitles"),
    "gender": st.one_of(st.none(), code("Genders")), "campus_code": st.sampled_from([None, {"value": "LAKE"}]),
    "user_note": st.lists(st.fixed_dictionaries({
        "note_type": code("NoteTypes"), "note_text": TEXT.filter(bool), "user_viewable": st.booleans(),
        "popup_note": st.booleans(), "created_by": TEXT}), max_size=3),
    "user_block": st.lists(st.fixed_dictionaries({
        "block_type": code("UserBlockTypes"), "block_description": code("UserBlockDescription"),
        "block_status": st.sampled_from(["ACTIVE", "INACTIVE"]), "block_note": TEXT}), max_size=2),
    "user_statistic": st.lists(st.fixed_dictionaries({
        "statistic_category": code("UserStatCategories"), "statistic_note": st.none() | TEXT}), max_size=2),
    "user_role": st.lists(st.fixed_dictionaries({
        "role_type": code("HFrUserRoles.roleType"), "status": code("UserRoleStatus"),
        "parameter": st.lists(st.fixed_dictionaries({
            "type": st.just({"value": "ServiceUnit"}), "value": TEXT.map(str.strip).map(lambda v: {"value": v})}),
            max_size=2)}), min_size=1, max_size=2),
    "contact_info": st.fixed_dictionaries({
        "address": st.lists(st.fixed_dictionaries({
            "line1": TEXT.filter(str.strip), "city": TEXT.filter(str.strip), "postal_code": TEXT, "line2": TEXT,
            "address_note": TEXT, "preferred": st.booleans(),
            "address_type": st.lists(code("UserAddressTypes"), min_size=1, max_size=2)}), max_size=2),
        "email": st.lists(st.fixed_dictionaries({
            "email_address": st.text(string.ascii_letters, min_size=1), "description": st.none() | TEXT,
            "email_type": st.lists(code("UserEmailTypes"), min_size=1, max_size=1)}), max_size=2)}),
}, optional={"expiry_date": DAY, "purge_date": DAY, "birth_date": DAY})


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(sent=USERS)
def test_whoever_can_be_made_goes_round_unchanged(alma, sent):
    who = f"round{alma.store.one('SELECT count(*) FROM ledger')}"
    made = alma.ask("POST", "users", {**sent, "primary_id": who, "record_type": {"value": "PUBLIC"},
                                      "account_type": {"value": "INTERNAL"}})
    assert made.status == 200, made.body
    goes_round(alma, who)


def test_a_body_in_xml_makes_the_same_user_as_in_json(fresh):
    fresh.ask("POST", "users", full_user())
    wanted = fresh.ask("GET", "users/ada").json
    fresh.ask("DELETE", "users/ada")
    body = b"""<?xml version="1.0"?><a:user xmlns:a="urn:anything"><!-- by hand --><a:record_type>PUBLIC</a:record_type>
      <a:primary_id>ada</a:primary_id><a:first_name>Ada &amp; &lt;b&gt;</a:first_name>
      <a:last_name><![CDATA[\xc5\x81ovelace]]></a:last_name><nonsense><deep>x</deep></nonsense>
      <account_type>
        INTERNAL
      </account_type><user_group desc="anything">06</user_group><gender/><birth_date>1999-01-31Z</birth_date>
      <purge_date>2030-01-01Z</purge_date><is_researcher>0</is_researcher><contact_info>
      <addresses><address preferred="1"><line1>1 Road</line1><city>Town</city><country>GBR</country>
        <start_date>2020-01-01Z</start_date><address_types><address_type>home</address_type><address_type>work
        </address_type></address_types></address></addresses>
      <emails><email><email_address>a@example.edu</email_address><email_types><email_type>work</email_type></email_types>
      </email></emails><phones><phone preferred="true" preferred_sms="true"><phone_number>1</phone_number>
      <phone_types><phone_type>mobile</phone_type></phone_types></phone></phones></contact_info>
      <user_identifiers><user_identifier><id_type>BARCODE</id_type><value>b1</value><note>n</note></user_identifier>
      </user_identifiers><user_roles><user_role><role_type>32</role_type><scope>MAINLIB</scope>
      <expiry_date>2031-01-01Z</expiry_date><status>INACTIVE</status><parameters><parameter><type>CirculationDesk</type>
      <scope>MAINLIB</scope><value>DEFAULT_CIRC_DESK</value></parameter></parameters></user_role></user_roles>
      <user_blocks><user_block><block_description>02-GLOBAL</block_description><block_note> note </block_note>
      <expiry_date>2030-05-05T10:00:00Z</expiry_date></user_block></user_blocks>
      <user_notes><user_note><note_type>LIBRARY</note_type><note_text>line
line</note_text><popup_note>true</popup_note></user_note></user_notes>
      <user_statistics><user_statistic><statistic_category>HONORS</statistic_category><statistic_note>x</statistic_note>
      </user_statistic></user_statistics><rs_libraries><rs_library><code>SCI</code></rs_library></rs_libraries>
      <library_notices><library_notice><code>MAINLIB</code><value>true</value></library_notice></library_notices>
      </a:user>"""
    assert fresh.ask("POST", "users", body).status == 200
    made = fresh.ask("GET", "users/ada").json
    for record in (made, wanted):
        for entry in record["user_note"] + record["user_block"]:
            assert entry.pop("created_date")
    assert made == wanted


def test_an_empty_list_in_xml_deletes_and_a_missing_date_is_cleared(fresh):
    fresh.ask("POST", "users", full_user())
    body = asked(fresh, "users/ada")
    root = etree.fromstring(body)
    root.find("user_notes").clear()
    root.remove(root.find("purge_date"))
    assert fresh.ask("PUT", "users/ada", etree.tostring(root)).status == 200
    record = fresh.ask("GET", "users/ada").json
    assert record["user_note"] == [] and "purge_date" not in record and record["birth_date"] == "1999-01-31Z"
    assert len(record["user_block"]) == 1


def test_sets_members_and_jobs_are_made_in_xml(fresh):
    made = fresh.ask("POST", "conf/sets", b"""<set><name>By XML</name><description>d</description>
        <type desc="Itemized">ITEMIZED</type><content>USER</content><private>false</private></set>""").json
    assert (made["name"], made["private"]["value"]) == ("By XML", "false")
    one = b"<set><members><member><id>exl_impl</id></member></members></set>"
    where = f"conf/sets/{made['id']}"
    assert fresh.ask("POST", where, one, op="add_members").json["number_of_members"]["value"] == 1
    two = one.replace(b"<member>", b'<member link="x"><description/>').replace(b"exl_impl", b"exl_api")
    answer = fresh.ask("POST", where, two, accept=XML, op="add_members")
    assert etree.fromstring(answer.body).find("number_of_members").text == "2"
    body = f"""<job><parameters><parameter><name>set_id</name><value>{made['id']}</value></parameter>
        <parameter><name desc="x">job_name</name><value>By XML</value></parameter></parameters></job>"""
    answer = fresh.ask("POST", UPDATE_JOB, body.encode(), accept=XML, op="run")
    assert etree.fromstring(answer.body).find("additional_info").get("link").split("/")[-2] == "instances"


LAUGHS = b'<!DOCTYPE user [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><user><first_name>&b;</first_name></user>'


@pytest.mark.parametrize("body", [
    b"<", b"<user>", b"<user/><user/>", b"<person/>", b"<user>\x00</user>", b"<user>&#0;</user>", b"<user>&x;</user>",
    LAUGHS, LAUGHS.decode().encode("utf-16"),
    b'<!DOCTYPE user SYSTEM "file:///etc/passwd"><user/>',
    b'<!DOCTYPE user [<!ENTITY x SYSTEM "file:///etc/hostname">]><user><first_name>&x;</first_name></user>',
    b'<?xml version="1.0" encoding="nonsense"?><user/>', b"<user>" + b"<a>" * 200 + b"</a>" * 200 + b"</user>",
    b"<user>" + b"<a>" * 100_000, b'<user xmlns:x="y" y:z="1"/>', b"<user>\xff\xfe</user>",
], ids=range(16))
def test_what_is_no_xml_of_alma_is_refused_with_the_documented_code(fresh, body):
    answer = fresh.ask("POST", "users", body)
    assert (answer.status, answer.code) == (400, "401676")
    assert fresh.ask("PUT", "users/exl_impl", body).code == "401676"
    assert fresh.store.one("SELECT count(*) FROM ledger") == 0


def test_characters_that_xml_cannot_hold_do_not_break_the_writer():
    record = {"first_name": "a\x00b\x1f\ud800\uffff", "user_title": {"value": "\x01", "desc": "\x02"},
              "a b": "no name of an element", "user_note": [{"note_text": "\x0b"}]}
    root = etree.fromstring(xmlform.write("user", record))
    assert root.findtext("first_name") == "a?b???" and root.find("user_title").get("desc") == "?"
    assert len(root) == 3


def test_what_is_null_has_no_element_and_what_is_empty_has_one():
    root = etree.fromstring(xmlform.write("user", {"loans": None, "middle_name": "", "user_note": [],
                                                   "campus_code": {"value": None, "desc": ""}, "link": None}))
    assert seen(root) == ("user", {}, "", [("middle_name", {}, "", []), ("user_notes", {}, "", []),
                                           ("campus_code", {"desc": ""}, "", [])])
