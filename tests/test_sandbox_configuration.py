"""The configuration: who the institution is, its libraries, code tables that may be changed, mapping tables."""

import json

import pytest
from contract_schemas import CONTRACT, needs_contract
from lxml import etree

from purgelib.sandbox import calls, codetables, founding, tables, trying
from purgelib.sandbox.assumptions import UPDATE_JOB_ID

UPDATE_JOB = f"conf/jobs/{UPDATE_JOB_ID}"
SCHEMAS = CONTRACT / "schemas"


@pytest.fixture
def alma():
    return trying.Tried(users=60, job_seconds=0)


@pytest.fixture(autouse=True)
def as_in_the_beginning():
    yield
    tables.TABLES.use(None)


def code(answer):
    return answer.status, answer.json["errorList"]["error"][0]["errorCode"] if answer.status != 200 else None


def test_the_institution_says_that_it_is_a_sandbox(alma):
    general = alma.ask("GET", "conf/general").json
    assert general["institution"] == {"value": "01INV_INST", "desc": "Invented University"}
    assert general["environment_type"] == "sandbox" and set(general["digital"]) >= {"bucket", "region"}


@pytest.mark.parametrize("area", ["users/operation/test", "conf/test", "analytics/test"])
def test_a_key_can_be_tested_for_reading_and_writing(alma, area):
    assert etree.fromstring(alma.ask("GET", area).body).text == "GET - OK - institutionCode: 01INV_INST"
    assert etree.fromstring(alma.ask("POST", area).body).text == "POST - OK"


def test_libraries_lead_to_their_locations_and_desks(alma):
    found = alma.ask("GET", "conf/libraries").json
    assert found["total_record_count"] == len(found["library"]) == 3
    for library in found["library"]:
        where = library["link"].split("/almaws/v1/")[1]
        one = alma.ask("GET", where).json
        assert {**one, **library} == one
        for name, entry in (("locations", "location"), ("circ_desks", "circ_desk")):
            number = one[f"number_of_{name}"]
            parts = alma.ask("GET", number["link"].split("/almaws/v1/")[1]).json
            assert str(parts["total_record_count"]) == number["value"] == str(len(parts[entry]))
            first = parts[entry][0]
            assert alma.ask("GET", first["link"].split("/almaws/v1/")[1]).json == first


def test_circulation_desks_come_in_pages(alma):
    page = alma.ask("GET", "conf/libraries/SCI/circ-desks", limit=1, offset=1).json
    assert page["total_record_count"] == 2 and [desk["code"] for desk in page["circ_desk"]] == ["READING"]
    assert "circ_desk" not in alma.ask("GET", "conf/libraries/SCI/circ-desks", limit=0).json
    assert code(alma.ask("GET", "conf/libraries/SCI/circ-desks", limit=101)) == (400, "402119")


@pytest.mark.parametrize(("where", "said"), [
    ("conf/libraries/NONE", "402119"), ("conf/libraries/NONE/locations", "402119"),
    ("conf/libraries/SCI/locations/none", "402119"), ("conf/libraries/NONE/circ-desks", "402119"),
    ("conf/libraries/SCI/circ-desks/none", "401664"), ("conf/departments?type=NONE", "402119"),
    ("conf/code-tables/None", "40166411"), ("conf/code-tables/UserGroups?scope=SCI", "40166411"),
    ("conf/code-tables/UserGroups?lang=xx", "40166411"), ("conf/mapping-tables/None", "40166411"),
    ("conf/mapping-tables/UserRecordTypeUserGroup?scope=SCI", "40166411"),
])
def test_what_is_not_there_is_refused_as_documented(alma, where, said):
    path, _, query = where.partition("?")
    assert code(alma.ask("GET", path, **dict([query.split("=")] if query else []))) == (400, said)


def test_departments_with_and_without_operators(alma):
    assert alma.ask("GET", "conf/departments").json["department"][0]["operator"][0]["primary_id"] == "exl_impl"
    assert "operator" not in alma.ask("GET", "conf/departments", view="brief").json["department"][0]
    assert alma.ask("GET", "conf/departments", library="SCI").json == {"total_record_count": 0}


def test_all_code_tables_are_listed_and_can_be_read(alma):
    found = alma.ask("GET", "conf/code-tables").json
    assert found["total_record_count"] == len(found["code_table"]) == len(tables.TABLES)
    for head in found["code_table"]:
        table = alma.ask("GET", head["link"].split("/almaws/v1/")[1], scope="01INV_INST", lang="de").json
        assert {row["code"]: row["description"] for row in table["row"]} == tables.TABLES[head["name"]]
        own = head["name"] in codetables.CUSTOMIZABLE
        assert [row["default"] for row in table["row"]].count(True) == own
        assert ("updated_by" in table["row"][0]) == own
        assert table["language"] == {"value": "de", "desc": "German"} and "row" not in head


@pytest.mark.parametrize("name", ["systemJobsGroups", "FineFeeTransactionType", "ContentStructureStatus", "JobTitles",
                                  "HPaTaskChain.type", "SetContentType", "UserBlockDescription", "NoteTypes"])
def test_the_tables_that_clients_read_are_there(alma, name):
    assert alma.ask("GET", f"conf/code-tables/{name}").json["row"][0]["enabled"] is True


@needs_contract
def test_answers_have_only_keys_that_the_schemas_know_and_all_that_they_require(alma):
    asked = {"library": "conf/libraries/SCI", "code_table": "conf/code-tables/UserGroups", "general": "conf/general",
             "mapping_table": "conf/mapping-tables/UserRecordTypeUserGroup"}
    for name, where in asked.items():
        parts = json.loads((SCHEMAS / f"rest_{name}.json").read_text())
        answer = alma.ask("GET", where).json
        for shape, value in [(name, answer), *[("row", row) for row in answer.get("row", [])],
                             *[("header", row) for row in answer.get("header", [])]]:
            assert set(value) <= set(parts[shape]["properties"]), (name, shape)
            assert set(parts[shape].get("required", ())) <= set(value), (name, shape)


def put(alma, *rows, name="UserGroups", **more):
    return alma.ask("PUT", f"conf/code-tables/{name}", {"name": name, "row": list(rows), **more})


GRADUATES = {"code": "GRAD2021", "description": "Graduates 2021"}


def new_user(group):
    return {"primary_id": "new", "last_name": "New", "record_type": {"value": "PUBLIC"},
            "account_type": {"value": "INTERNAL"}, "user_group": {"value": group}}


def test_a_new_user_group_is_accepted_for_users_and_by_jobs(alma):
    assert alma.ask("POST", "users", new_user("GRAD2021")).status == 400
    before = alma.ask("GET", "conf/code-tables/UserGroups").json["row"]
    made = put(alma, GRADUATES)
    assert made.status == 200 and made.json["row"][:-1] == before
    assert made.json["row"][-1] == {**GRADUATES, "default": False, "enabled": True, "updated_by": "exl_api",
                                    "update_date": "2026-11-22Z"}
    assert alma.ask("GET", "conf/code-tables/UserGroups").json == made.json
    assert alma.ask("POST", "users", new_user("GRAD2021")).json["user_group"] == {
        "value": "GRAD2021", "desc": "Graduates 2021"}
    record = alma.ask("GET", "users/exl_impl").json
    alma.ask("PUT", "users/exl_impl", {**record, "user_group": {"value": "GRAD2021"}})
    assert alma.ask("GET", "users/exl_impl").json["user_group"]["desc"] == "Graduates 2021"
    moved(alma, "exl_api")


def moved(alma, who):
    made = alma.ask("POST", "conf/sets", {"name": "Graduates"}).json["id"]
    alma.ask("POST", f"conf/sets/{made}", {"members": {"member": [{"id": who}]}}, op="add_members")
    wanted = {"set_id": made, "job_name": "Move", "UPDATE_User_Information_UserGroup_Active": "true",
              "UPDATE_User_Information_UserGroup_Value": "GRAD2021"}
    body = {"parameter": [{"name": {"value": name}, "value": value} for name, value in wanted.items()]}
    assert alma.ask("POST", UPDATE_JOB, body, op="run").status == 200
    for _ in range(5):
        alma.ask("GET", "users")
    assert alma.ask("GET", f"users/{who}").json["user_group"]["value"] == "GRAD2021"


def test_rows_not_sent_stay_and_a_new_default_replaces_the_old_one(alma):
    before = {row["code"]: row for row in alma.ask("GET", "conf/code-tables/UserGroups").json["row"]}
    rows = put(alma, {"code": "06", "description": "Students", "default": True},
               {"code": "08", "description": "Exchange", "enabled": False}).json["row"]
    after = {row["code"]: row for row in rows}
    assert list(after) == list(before) and [c for c, row in after.items() if row["default"]] == ["06"]
    assert after["06"]["description"] == "Students" and after["06"]["enabled"] is True
    assert after["08"]["enabled"] is False and after["10"] == before["10"]
    line = alma.ask("GET", "/sandbox/ledger").json["ledger"][-1]
    assert (line["method"], line["path"]) == ("PUT", "conf/code-tables/UserGroups")
    assert set(line["changed"]) == {"01", "06", "08"}


def test_a_table_is_changed_in_xml_too(alma):
    body = b"""<code_table><name>NoteTypes</name><sub_system>USER_MANAGEMENT</sub_system><patron_facing>false
        </patron_facing><scope><institution_id desc="x">01INV_INST</institution_id><library_id/></scope><rows><row>
        <code>ERASE</code><description>Erased</description><default>true</default></row></rows></code_table>"""
    answer = alma.ask("PUT", "conf/code-tables/NoteTypes", body, accept="application/xml")
    rows = etree.fromstring(answer.body).find("rows")
    assert [(r.findtext("code"), r.findtext("default")) for r in rows][-1] == ("ERASE", "true")


ROW = {"code": "X", "description": "x"}


@pytest.mark.parametrize(("name", "body", "said"), [
    ("None", {}, "90101"), ("systemJobStatus", {}, "90123"), ("ContentStructureStatus", {"row": [ROW]}, "90123"),
    ("UserGroups", {"row": [{**ROW, "default": True}, {**ROW, "code": "Y", "default": True}]}, "90122"),
    ("UserGroups", {"row": [ROW], "scope": {"institution_id": {"value": "01OTHER"}}}, "90121"),
    ("UserGroups", {"row": [ROW], "scope": {"library_id": {"value": "SCI"}}}, "90121"),
    ("UserGroups", {"row": [ROW], "scope": {"library_id": {"value": [1]}}}, "90121"),
    ("UserGroups", {"row": [ROW, ROW]}, "402119"), ("UserGroups", {"row": [{"code": "X"}]}, "402119"),
    ("UserGroups", {"row": [{"code": 5, "description": "x"}]}, "402119"), ("UserGroups", {"row": "X"}, "402119"),
    ("UserGroups", {"row": [{**ROW, "enabled": "perhaps"}]}, "402119"), ("UserGroups", {"row": [[]]}, "402119"),
    ("UserGroups", {"row": [{**ROW, "enabled": [1]}]}, "402119"), ("UserGroups", [ROW], "402119"),
    ("UserGroups", b"<code_table>", "402119"), ("UserGroups", b"{", "402119"),
], ids=range(17))
def test_a_change_that_is_none_is_refused_as_documented_and_changes_nothing(alma, name, body, said):
    before = alma.ask("GET", "conf/code-tables/UserGroups").json
    assert code(alma.ask("PUT", f"conf/code-tables/{name}", body)) == (400, said)
    assert alma.ask("GET", "conf/code-tables/UserGroups").json == before
    assert alma.ask("GET", "/sandbox/ledger").json["total_record_count"] == 0


def test_a_lie_changes_no_table(alma):
    alma.ask("POST", "/sandbox/faults", [{"method": "PUT", "do": "lie"}])
    assert put(alma, GRADUATES).status == 200
    assert alma.ask("POST", "users", new_user("GRAD2021")).status == 400
    assert "GRAD2021" not in [row["code"] for row in alma.ask("GET", "conf/code-tables/UserGroups").json["row"]]


def test_every_sandbox_has_its_own_tables_and_a_restart_keeps_them(alma):
    put(alma, GRADUATES)
    other = trying.Tried(users=60)
    assert other.ask("POST", "users", new_user("GRAD2021")).status == 400
    assert alma.ask("POST", "users", new_user("GRAD2021")).status == 200
    assert other.ask("POST", "users", new_user("GRAD2021")).status == 400


def test_a_restart_keeps_the_tables(tmp_path):
    one = founding.open_store(tmp_path, users=20)
    call = calls.Call("PUT", "/almaws/v1/conf/code-tables/UserGroups", body=json.dumps({"row": [GRADUATES]}).encode())
    with one.transaction():
        codetables.update(one, call, "UserGroups")
    one.close()
    tables.TABLES.use(None)
    assert "GRAD2021" not in tables.TABLES["UserGroups"]
    again = founding.open_store(tmp_path)
    assert tables.TABLES["UserGroups"]["GRAD2021"] == "Graduates 2021"
    again.close()


def test_the_mapping_table_names_every_group_also_a_new_one(alma):
    found = alma.ask("GET", "conf/mapping-tables").json["mapping_table"]
    assert [one["name"] for one in found] == ["UserRecordTypeUserGroup"]
    put(alma, GRADUATES)
    table = alma.ask("GET", found[0]["link"].split("/almaws/v1/")[1]).json
    assert [header["type"]["value"] for header in table["header"]] == ["AddNewUserOptions", "UserGroups"]
    assert {(row["column0"], row["column1"]) for row in table["row"]} >= {("PUBLIC", "06"), ("STAFF", "GRAD2021")}
