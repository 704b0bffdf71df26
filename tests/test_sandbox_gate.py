"""Keys, pace, errors, faults, configuration, Analytics and the clock of the pretend Alma; and Alma's own schemas."""

import json
import os
import pathlib

import jsonschema
import pytest
from lxml import etree

from purgelib.sandbox import trying
from purgelib.sandbox.gate import READ_ONLY_KEY
from purgelib.sandbox.reports import COLUMNS, FOLDER

CONTRACT = pathlib.Path(os.environ.get("ALMA_CONTRACT_DIR", pathlib.Path(__file__).parents[2] / "shared" / "alma"))
SPACE = "{urn:schemas-microsoft-com:xml-analysis:rowset}"
needs_contract = pytest.mark.skipif(not (CONTRACT / "schemas").is_dir(), reason="Alma's schemas are not here")


@pytest.fixture(scope="module")
def alma():
    return trying.Tried(users=900, job_seconds=0)


@pytest.fixture
def fresh():
    return trying.Tried(users=300, job_seconds=0)


def test_a_wrong_key_is_400_in_xml_even_to_those_who_want_json(alma):
    answer = alma.ask("GET", "conf/general", key="wrong")
    assert answer.status == 400 and b"<errorCode>UNAUTHORIZED</errorCode>" in answer.body
    assert b"trackingId" not in answer.body


def test_the_key_may_stand_in_the_address(alma):
    assert alma.ask("GET", "conf/general", key="", apikey="sandbox-key-not-secret").status == 200


def test_the_read_only_key_reads_and_cannot_write(alma):
    assert alma.ask("GET", "users", key=READ_ONLY_KEY).status == 200
    assert b"UNAUTHORIZED" in alma.ask("DELETE", "users/exl_impl", key=READ_ONLY_KEY).body
    assert b"UNAUTHORIZED" in alma.ask("POST", "users/operation/test", key=READ_ONLY_KEY).body
    assert alma.ask("GET", "users/exl_impl").status == 200


def test_every_answer_carries_the_quota_and_the_date_of_the_sandbox(alma):
    answer = alma.ask("GET", "users/nobody")
    assert int(answer.headers["X-Exl-Api-Remaining"]) < 500_000
    assert answer.headers["Date"].startswith("Sun, 22 Nov 2026 09:0")


def test_errors_are_xml_without_a_word_about_json(alma):
    answer = alma.ask("GET", "users/nobody", accept="*/*")
    root = etree.fromstring(answer.body)
    assert root.tag == "{http://com/exlibris/urm/general/xmlbeans}web_service_result"
    assert root.findtext(".//{*}errorCode") == "401861" and root.findtext(".//{*}trackingId")


def test_format_in_the_address_beats_the_header(alma):
    assert alma.ask("GET", "users/nobody", accept="*/*", format="json").code == "401861"


def test_an_unknown_address_is_not_found(alma):
    assert alma.ask("GET", "bibs/1").code == "NOT_FOUND"


def test_the_institution_says_that_it_is_a_sandbox(alma):
    general = alma.ask("GET", "conf/general").json
    assert general["institution"]["value"] == "01INV_INST" and general["environment_type"] == "sandbox"
    assert alma.ask("GET", "conf/libraries").json["total_record_count"] == 3


@pytest.mark.parametrize("name", ["UserGroups", "AddNewUserOptions", "UserUserType", "ContentStructureStatus",
                                  "systemJobStatus", "UserIdentifierTypes", "HFrUserRoles.roleType"])
def test_code_tables_have_their_rows_at_the_top(alma, name):
    assert alma.ask("GET", f"conf/code-tables/{name}").json["row"][0]["enabled"] is True


def test_an_unknown_code_table_is_refused(alma):
    assert alma.ask("GET", "conf/code-tables/Nothing").status == 400


@pytest.mark.parametrize("area", ["users/operation/test", "conf/test", "analytics/test"])
def test_a_key_can_be_tested(alma, area):
    assert b"GET - OK - institutionCode: 01INV_INST" in alma.ask("GET", area).body
    assert b"<test>POST - OK</test>" in alma.ask("POST", area).body


def test_too_many_calls_in_a_second_are_429_and_done_nothing(fresh):
    fresh.ask("POST", "/sandbox/settings", {"per_second": 3})
    answers = [fresh.ask("GET", "conf/general") for _ in range(5)]
    assert [a.status for a in answers] == [200] * 3 + [429] * 2
    assert answers[-1].code == "PER_SECOND_THRESHOLD"
    assert fresh.ask("POST", "/sandbox/settings", {"speed": 3}).status == 400


def test_a_spent_quota_is_429(fresh):
    fresh.ask("POST", "/sandbox/settings", {"daily_remaining": 1})
    fresh.ask("GET", "conf/general")
    assert fresh.ask("GET", "conf/general").code == "DAILY_THRESHOLD"


def renamed(alma, name):
    record = alma.ask("GET", "users/exl_impl").json
    return alma.ask("PUT", "users/exl_impl", {**record, "last_name": name})


@pytest.mark.parametrize(("do", "status", "done"), [
    ("error_before", 500, False), ("error_after", 500, True), ("lie", 200, False), ("throttle", 429, False),
    ("slow", 200, True),
])
def test_faults_do_what_they_say_once(fresh, do, status, done):
    fresh.ask("POST", "/sandbox/faults", [{"method": "PUT", "path": "/users/", "nth": 2, "do": do}])
    assert renamed(fresh, "First").status == 200
    assert renamed(fresh, "Second").status == status
    assert fresh.ask("GET", "users/exl_impl").json["last_name"] == ("Second" if done else "First")
    assert fresh.ask("GET", "/sandbox/ledger").json["total_record_count"] == 1 + done
    assert renamed(fresh, "Third").status == 200


def test_faults_are_taken_away_and_unknown_ones_refused(fresh):
    fresh.ask("POST", "/sandbox/faults", [{"do": "error_before", "times": 99}])
    assert fresh.ask("GET", "users").status == 500
    fresh.ask("DELETE", "/sandbox/faults")
    assert fresh.ask("GET", "users").status == 200
    assert fresh.ask("POST", "/sandbox/faults", [{"do": "explode"}]).status == 400


def test_the_clock_is_set_and_advanced_on_demand(fresh):
    fresh.ask("POST", "/sandbox/clock", {"advance_seconds": 86_400})
    assert fresh.ask("GET", "conf/general").headers["Date"].startswith("Mon, 23 Nov 2026")
    fresh.ask("POST", "/sandbox/clock", {"set": "2027-01-01T00:00:00Z"})
    assert fresh.ask("GET", "conf/general").headers["Date"].startswith("Fri, 01 Jan 2027 00:00:0")


def pages(alma, report, limit):
    query = {"path": f"{FOLDER}/{report}", "limit": limit, "col_names": "true"}
    while True:
        root = etree.fromstring(alma.ask("GET", "analytics/reports", **query).body)
        yield root
        query = {"token": query.get("token") or root.findtext(".//ResumptionToken"), "limit": limit}
        if root.findtext(".//IsFinished") == "true":
            assert alma.ask("GET", "analytics/reports", **query).code == "420033"
            return


@pytest.mark.parametrize("report", list(COLUMNS))
def test_a_report_comes_in_pages_with_a_token_on_the_first_only(alma, report):
    roots = list(pages(alma, report, 25))
    rows = [row for root in roots for row in root.iter(f"{SPACE}Row")]
    assert len(rows) == alma.store.one("SELECT count(*) FROM reports WHERE report = ?", (report,))
    tokens = [root.findtext(".//ResumptionToken") for root in roots]
    assert len(tokens[0]) == 128 and not any(tokens[1:])
    headings = [e.get("{urn:saw-sql}columnHeading") for e in roots[0].iter("{http://www.w3.org/2001/XMLSchema}element")]
    assert headings == ["0", *(heading for heading, _ in COLUMNS[report])]


def test_missing_cells_are_missing_and_headings_only_on_request(alma):
    root = etree.fromstring(alma.ask("GET", "analytics/reports", path=f"{FOLDER}/Users", limit=1000,
                                     col_names="false").body)
    assert {len(row) for row in root.iter(f"{SPACE}Row")} >= {11, 12, 13}
    assert all(cell.text for cell in root.iter(f"{SPACE}Column10"))
    assert not [e for e in root.iter() if e.get("{urn:saw-sql}columnHeading")]


def test_a_wrong_path_is_500_and_a_wrong_limit_refused(alma):
    answer = alma.ask("GET", "analytics/reports", path="/test/path")
    assert answer.status == 500 and b"Path not found (/test/path)" in answer.body
    assert alma.ask("GET", "analytics/reports", path=f"{FOLDER}/Users", limit=30).status == 400


def test_analytics_may_still_be_loading(fresh):
    fresh.ask("POST", "/sandbox/faults", [{"path": "/analytics/reports", "do": "still_loading"}])
    first = fresh.ask("GET", "analytics/reports", path=f"{FOLDER}/Users")
    assert b"<IsFinished>false" in first.body and b"Token" not in first.body and b"Row" not in first.body
    assert b"<Row>" in fresh.ask("GET", "analytics/reports", path=f"{FOLDER}/Users").body


def test_folders_of_the_catalog_lead_to_the_reports(alma):
    at = ""
    while True:
        root = etree.fromstring(alma.ask("GET", f"analytics/paths{at}".replace(" ", "%20")).body)
        if root[0].get("type") == "Report":
            break
        at = (at or "/shared") + "/" + root[0].text
    assert at == FOLDER and [p.text for p in root] == list(COLUMNS)


def test_analytics_shows_last_night_and_not_today(alma):
    renewed = alma.store.get("differences")["renewed"][0]
    row = alma.store.one("SELECT cells FROM reports WHERE report='Users' AND cells LIKE ?", (f'["{renewed}"%',))
    assert json.loads(row)[8] < "2024" < alma.ask("GET", f"users/{renewed}").json["expiry_date"]


def schema(name):
    """Returns one of Alma's schemas; those that it names in other files are taken as anything."""
    found = json.loads((CONTRACT / "schemas" / f"rest_{name}.json").read_text())
    text = json.dumps({**found, "$ref": f"#/{name}"})
    return json.loads(text, object_hook=_only_here)


def _only_here(part):
    if isinstance(part.get("$ref"), str) and not part["$ref"].startswith("#/"):
        return {}
    # Alma's own answers give numbers where the schema says text, and null where it says nothing.
    if part.get("type") == "string":
        return {**part, "type": ["string", "null", "integer", "boolean"]}
    if part.get("type") == "object":
        return {**part, "type": ["object", "null"]}
    return part


def answers(alma):
    who = alma.store.one("SELECT primary_id FROM users WHERE id IN (SELECT user_id FROM fees WHERE status='ACTIVE')")
    made = alma.ask("POST", "conf/sets", {"name": "Contract"}).json
    alma.ask("POST", f"conf/sets/{made['id']}", {"members": {"member": [{"id": who}]}}, op="add_members")
    body = {"parameter": [{"name": {"value": "set_id"}, "value": made["id"]},
                          {"name": {"value": "job_name"}, "value": "Contract"}]}
    started = alma.ask("POST", "conf/jobs/M148", body, op="run").json
    instance = started["additional_info"]["link"].split("/almaws/v1/")[1]
    return {"general": "conf/general", "libraries": "conf/libraries", "code_table": "conf/code-tables/UserGroups",
            "fees": f"users/{who}/fees", "set": f"conf/sets/{made['id']}", "sets": "conf/sets",
            "members": f"conf/sets/{made['id']}/members", "jobs": "conf/jobs", "job": "conf/jobs/M148",
            "job_instances": "conf/jobs/M148/instances", "job_instance": instance}


@needs_contract
def test_answers_fit_alma_s_own_schemas(alma):
    for name, path in answers(alma).items():
        answer = alma.ask("GET", path).json
        jsonschema.validate(answer, schema(name), cls=jsonschema.Draft7Validator)
        known = set(schema(name).get(name, {}).get("properties", {}))
        assert not set(answer) - known - {"row"}, (name, set(answer) - known)


@needs_contract
def test_users_loans_and_fees_have_the_keys_of_real_answers(alma):
    paths = {"user": "users/exl_impl", "users": "users"}
    for name, path in paths.items():
        real = json.loads((CONTRACT / "samples" / f"{name}_response.json").read_text())
        ours = alma.ask("GET", path).json
        assert set(real) <= set(ours) | {"birth_date"}, set(real) - set(ours)
    real = json.loads((CONTRACT / "samples" / "users_response.json").read_text())["user"][0]
    assert set(alma.ask("GET", "users").json["user"][0]) == set(real)
    who = alma.store.one("SELECT primary_id FROM users WHERE id IN (SELECT user_id FROM loans)")
    real = json.loads((CONTRACT / "samples" / "loans_response.json").read_text())["item_loan"][1]
    assert set(real) <= set(alma.ask("GET", f"users/{who}/loans").json["item_loan"][0])
