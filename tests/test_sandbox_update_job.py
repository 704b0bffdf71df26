"""The job "Update/Notify Users": its whole vocabulary, and how parameters of jobs are read."""

import re

import pytest
from test_sandbox_jobs import finish, make_set, run

from purgelib.sandbox import assumptions, trying, updates
from purgelib.sandbox.assumptions import UPDATE_JOB_ID

UPDATE_JOB = f"conf/jobs/{UPDATE_JOB_ID}"
FRONT = "UPDATE_User_Information_"
VOCABULARY = (
    "Status Expiry_Date Purge_Date UserGroup Campus Title JobDescription SetAccountTo CatalogerLevel DisableSMS "
    "DontGeneratePassword ExportToCloudIdP RSL RemoveRSL Opt_In_Patron_Letters Opt_Out_Patron_Letters AddBlock "
    "DisableBlock AddRole RemoveRole AddNote AddStatistics RemoveStatistics").split()
# A day as Alma's job takes it: milliseconds since 1970.
MOMENT = "1735621200000"


@pytest.fixture
def alma():
    return trying.Tried(users=200, job_seconds=0, job_throttle=False)


@pytest.fixture
def who(alma):
    """An active external user with both dates, no blocks, and a phone that gets messages."""
    found = alma.store.one("SELECT primary_id FROM users WHERE user_group = '06' AND json_extract(record, "
                           "'$.account_type.value') = 'EXTERNAL'")
    record = alma.ask("GET", f"users/{found}").json
    phone = {"phone_number": "1", "preferred_sms": True, "phone_type": [{"value": "home"}]}
    contact = {**record["contact_info"], "phone": [phone]}
    changed = {**record, "status": {"value": "ACTIVE"}, "contact_info": contact, "user_block": [],
               "purge_date": "2030-01-01Z", "expiry_date": "2029-01-01Z"}
    assert alma.ask("PUT", f"users/{found}", changed).status == 200
    return found


def change(alma, who, **orders):
    """Runs the job on one user with `Field=value` or `Field=(value, further)`; returns the counters and the user."""
    alma.store.do("DELETE FROM sets WHERE name = 'One'")
    words = {"PRODUCT": "alma", f"{FRONT}FieldType_Value": "BY_USER_ACCOUNT_TYPE", "SEND_Notification_To_User_Active":
             "false", "SEND_Notification_To_User_Value": "SOCIAL_LOGIN_INVITAION"}
    for field in VOCABULARY:
        # All are sent, as the scripts of libraries do; those that are not used are off.
        words |= {f"{FRONT}{field}_Active": "false", f"{FRONT}{field}_Value": "0" if "Date" in field else "Null"}
    for field, value in orders.items():
        value, *more = value if isinstance(value, tuple) else (value,)
        words |= {f"{FRONT}{field}_Active": "true", f"{FRONT}{field}_Value": value}
        words |= {f"{FRONT}{field}_{name}": said for name, said in (one.split("=") for one in more)}
    done = finish(alma, run(alma, UPDATE_JOB_ID, make_set(alma, [who], "One"), **words))
    return [one["value"] for one in done["counter"]], alma.ask("GET", f"users/{who}").json


EFFECTS = [
    ({"Status": "INACTIVE"}, lambda u: u["status"]["value"] == "INACTIVE" and u["status_date"] == "2026-11-22Z"),
    ({"Expiry_Date": MOMENT}, lambda u: u["expiry_date"] == "2024-12-31Z"),
    ({"Purge_Date": (MOMENT, "Condition=Null")}, lambda u: u["purge_date"] == "2024-12-31Z"),
    ({"Purge_Date": "Null"}, lambda u: "purge_date" not in u and "expiry_date" in u),
    ({"Expiry_Date": ""}, lambda u: "expiry_date" not in u and "purge_date" in u),
    ({"UserGroup": "10"}, lambda u: u["user_group"] == {"value": "10", "desc": "Alumni"}),
    ({"Campus": "LAKE"}, lambda u: u["campus_code"] == {"value": "LAKE", "desc": "Lakeside Campus"}),
    ({"Campus": "Null"}, lambda u: u["campus_code"] == {"value": None, "desc": ""}),
    ({"Title": "DR"}, lambda u: u["user_title"]["value"] == "DR"),
    ({"JobDescription": "Left"}, lambda u: u["job_description"] == "Left"),
    ({"CatalogerLevel": "20"}, lambda u: u["cataloger_level"]["value"] == "20"),
    ({"DisableSMS": "true"}, lambda u: [one["preferred_sms"] for one in u["contact_info"]["phone"]] == [False]),
    ({"DontGeneratePassword": "true", "ExportToCloudIdP": "true"}, lambda u: True),
    ({"RSL": "MAINLIB"}, lambda u: u["rs_library"] == [{"code": {"value": "MAINLIB", "desc": "Main Library"}}]),
    ({"RSL": "MAINLIB,SCI", "RemoveRSL": "SCI"}, lambda u: len(u["rs_library"]) == 1),
    ({"RSL": "MAINLIB,SCI", "RemoveRSL": "Null"}, lambda u: u["rs_library"] == []),
    ({"Opt_In_Patron_Letters": "A,B", "Opt_Out_Patron_Letters": "B"}, lambda u: [
        (one["code"]["value"], one["value"]) for one in u["library_notice"]] == [("A", True), ("B", False)]),
    ({"AddBlock": ("02-GLOBAL", "Scope=01INV_INST", "Scope_Name=Here")},
     lambda u: [one["block_status"] for one in u["user_block"]] == ["ACTIVE"]),
    ({"AddBlock": "02-GLOBAL", "DisableBlock": "02-GLOBAL"},
     lambda u: [one["block_status"] for one in u["user_block"]] == ["INACTIVE"]),
    ({"AddRole": ("26", "Scope=MAINLIB", "Scope_Name=Main")}, lambda u: u["user_role"][-1]["role_type"]["value"] == "26"
     and u["user_role"][-1]["scope"] == {"value": "MAINLIB", "desc": "Main Library"}),
    ({"AddRole": "200"}, lambda u: len(u["user_role"]) == 1), ({"RemoveRole": "200"}, lambda u: u["user_role"] == []),
    ({"AddNote": "On the list"}, lambda u: u["user_note"][-1]["note_text"] == "On the list"),
    ({"AddStatistics": "HONORS"}, lambda u: u["user_statistic"][-1]["statistic_category"]["value"] == "HONORS"),
    ({"AddStatistics": "HONORS", "RemoveStatistics": "HONORS"}, lambda u: "HONORS" not in str(u["user_statistic"])),
    ({"SetAccountTo": "INTERNAL"}, lambda u: u["account_type"]["value"] == "INTERNAL" and u["external_id"] == ""),
    ({"SetAccountTo": "EXTERNAL"}, lambda u: u["account_type"]["value"] == "EXTERNAL" and u["external_id"] == "SIS"),
]


@pytest.mark.parametrize(("orders", "holds"), EFFECTS, ids=[",".join(one) for one, _ in EFFECTS])
def test_every_parameter_does_what_it_says_and_nothing_else(alma, who, orders, holds):
    before = alma.ask("GET", f"users/{who}").json
    counters, after = change(alma, who, **orders)
    assert counters == ["1", "0"] and holds(after)
    touched = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert len(touched) <= len(orders) + (2 if {"Status", "SetAccountTo"} & set(orders) else 0)


def test_the_whole_vocabulary_is_tried_here():
    assert set(updates._ACTS) == set(VOCABULARY) == {name for orders, _ in EFFECTS for name in orders}


@pytest.mark.parametrize("orders", [
    {"Status": "DELETED"}, {"Status": "Null"}, {"UserGroup": "99"}, {"Expiry_Date": "soon"}, {"Purge_Date": "9" * 30},
    {"SetAccountTo": "BOTH"}, {"CatalogerLevel": "high"}, {"RSL": "NOWHERE"}, {"Opt_In_Patron_Letters": "Null"},
    {"AddBlock": "99"}, {"AddNote": "Null"}, {"AddStatistics": "NONE"}, {"AddRole": "x"}, {"AddRole": "21"},
    {"AddRole": ("26", "Scope=NOWHERE")}, {"UserGroup": ("10", "Condition=IF_EMPTY")},
])
def test_an_order_without_sense_fails_the_user_who_stays_as_before(alma, who, orders):
    before = alma.ask("GET", f"users/{who}").json
    counters, after = change(alma, who, JobDescription="x", **orders)
    assert counters == ["0", "1"] and after == before


def test_an_account_made_internal_gets_a_new_password_unless_told_not_to(alma, who):
    def password():
        return alma.store.one("SELECT json_extract(hidden, '$.password') FROM users WHERE primary_id = ?", (who,))
    change(alma, who, SetAccountTo="INTERNAL", DontGeneratePassword="true")
    assert password() == ""
    change(alma, who, SetAccountTo="EXTERNAL")
    change(alma, who, SetAccountTo="INTERNAL")
    assert re.fullmatch("[A-Za-z0-9]{10}", password())


def test_what_the_job_set_counts_as_set_by_hand(alma, who):
    change(alma, who, UserGroup="10", Title="DR")
    record = alma.ask("GET", f"users/{who}").json
    sent = {**record, "user_group": {"value": "06"}, "user_title": {"value": ""}}
    kept = alma.ask("PUT", f"users/{who}", sent).json
    assert (kept["user_group"]["value"], kept["user_title"]["value"]) == ("10", "DR")


# ---- parameters

def test_parameters_come_as_xml_too(alma, who):
    set_id = make_set(alma, [who])
    words = {"set_id": set_id, "job_name": "X", f"{FRONT}AddNote_Active": "true", f"{FRONT}AddNote_Value": "a &lt; b"}
    inside = "".join(f"<parameter><name>{k}</name><value>{v}</value></parameter>" for k, v in words.items())
    finish(alma, alma.ask("POST", UPDATE_JOB, f"<job><parameters>{inside}</parameters></job>".encode(), op="run"))
    assert alma.ask("GET", f"users/{who}").json["user_note"][-1]["note_text"] == "a < b"


@pytest.mark.parametrize(("parameter", "code"), [
    ([], "402228"), (None, "402228"), ("x", "402228"), ([{"value": "1"}], "402228"), ([3], "402228"),
    ([{"name": "set_id", "value": "1"}], "402228"), ([{"name": {"value": ["a"]}, "value": "1"}], "402228"),
    ([{"name": {"value": "set_id"}, "value": "1"}], "402228"),
    ([{"name": {"value": "set_id"}, "value": {"value": 1}}], "402228"),
    ([{"name": {"value": "set_id"}, "value": None}, {"name": {"value": "job_name"}, "value": "J"}], "402229"),
    ([{"name": {"value": "set_id"}, "value": "1"}, {"name": {"value": "job_name"}, "value": " "}], "402229"),
    ([{"name": {"value": "set_id"}, "value": "'"}, {"name": {"value": "job_name"}, "value": "J"}], "402224"),
    ([{"name": {"value": "set_id"}, "value": 12}, {"name": {"value": "job_name"}, "value": "J"}], "402224"),
    ([{"name": {"value": "set_id"}, "value": "1"}, {"name": {"value": "job_name"}, "value": "J" * 5000}], "402224"),
])
def test_wrong_parameters_are_refused_and_nothing_runs(alma, parameter, code):
    assert alma.ask("POST", UPDATE_JOB, {"parameter": parameter}, op="run").code == code
    assert alma.ask("GET", f"{UPDATE_JOB}/instances").json["total_record_count"] == 0
    assert alma.sandbox.crashes == 0


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"null", b"<job>", b"<user/>", b"\xff\x00",
                                  b'{"parameter": "\\ud800"}'])
def test_a_body_that_is_no_job_misses_its_parameters(alma, body):
    assert alma.ask("POST", UPDATE_JOB, body, op="run").code == "402228" and alma.sandbox.crashes == 0


def test_a_parameter_that_nobody_knows_is_passed_over(alma, who):
    before = alma.ask("GET", f"users/{who}").json
    done = finish(alma, run(alma, UPDATE_JOB_ID, make_set(alma, [who]), UPDATE_Moon_Active="true", NOBODY="knows"))
    assert done["status"]["value"] == "COMPLETED_SUCCESS" and alma.ask("GET", f"users/{who}").json == before


# ---- jobs and instances

def test_jobs_are_listed_by_the_categories_of_both_kinds(alma):
    def names(**query):
        return [one["name"] for one in alma.ask("GET", "conf/jobs", limit=100, **query).json.get("job", [])]
    assert names(type="SCHEDULED", category="USERS") == ["Purge User Records"] and names(type="OTHER") == []
    assert names(category="USER") == ["Update/Notify Users", "Purge users"] and names(profile_id="1") == []
    assert alma.ask("GET", "conf/jobs", category="NONE").code == "40166410"
    assert alma.ask("GET", "conf/jobs", limit=1, offset=2).json["job"][0]["name"] == "Update/Notify Users"


@pytest.mark.parametrize("job", ["m148", "148", "M", "M1 ", "ALL", "M²", "'", "M" + "1" * 400, "\ud800", "%00"])
def test_an_id_that_is_no_job_s_is_refused_by_its_form(alma, job):
    assert alma.ask("GET", f"conf/jobs/{job}").code == "402215"
    assert alma.ask("GET", f"conf/jobs/{job}/instances").code == "402215" and alma.sandbox.crashes == 0


def test_scheduled_jobs_are_refused_each_with_its_code_and_nothing_is_aborted(alma):
    started = run(alma, UPDATE_JOB_ID, make_set(alma, [])).json["additional_info"]["link"].split("/almaws/v1/")[1]
    assert run(alma, assumptions.OLD_PURGE_JOB_ID, "1").code == "402248" and run(alma, "S9301", "1").code == "402249"
    assert alma.ask("DELETE", started).status == alma.ask("POST", started, {}, op="abort").status == 405


def test_events_belong_to_loads_from_a_sis_and_there_are_none(alma):
    started = run(alma, UPDATE_JOB_ID, make_set(alma, [])).json["additional_info"]["link"].split("/almaws/v1/")[1]
    assert alma.ask("GET", f"{started}/events").code == "60332"
    assert alma.ask("GET", f"{UPDATE_JOB}/instances/1/events").code == "402218"


def test_what_staff_start_on_the_page_does_not_count_for_the_limit_of_the_api(alma):
    alma.ask("POST", "/sandbox/settings", {"job_throttle": True, "job_seconds": 600})
    for _ in range(4):
        assert alma.ask("POST", "/sandbox/purge-user-records", b"button=confirm").status == 303
    assert run(alma, UPDATE_JOB_ID, make_set(alma, [])).status == 200
    assert alma.ask("GET", f"conf/jobs/{assumptions.OLD_PURGE_JOB_ID}/instances").json["total_record_count"] == 4


def test_instances_are_paged_and_filtered_within_the_contract(alma):
    set_id = make_set(alma, [])
    ids = [finish(alma, run(alma, UPDATE_JOB_ID, set_id))["id"] for _ in range(3)]
    where = f"{UPDATE_JOB}/instances"
    assert alma.ask("GET", where, limit=1, offset=1).json["job_instance"][0]["id"] == ids[1]
    assert alma.ask("GET", where, submit_date_to="2026-11-21").json == {"total_record_count": 0}
    for wrong in ("20261122", "2026-11-22Z", "2026-W47-7", "2026-02-30", "²026-01-01"):
        assert alma.ask("GET", where, submit_date_to=wrong).code == "402217"
    for one in ("x", "²", "\ud800", "%00"):
        assert alma.ask("GET", f"{where}/{one}").code == "402218"
    assert alma.sandbox.crashes == 0
