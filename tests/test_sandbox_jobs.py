"""Sets and jobs of the pretend Alma."""

import json

import pytest

from purgelib.sandbox import app, assumptions, trying
from purgelib.sandbox.assumptions import UPDATE_JOB_ID

UPDATE_JOB = f"conf/jobs/{UPDATE_JOB_ID}"
DAY = 86_400_000


@pytest.fixture
def alma():
    return trying.Tried(users=900, job_seconds=0)


@pytest.fixture
def graduates(alma):
    """Primary IDs of graduates whom the purge job deletes without a word."""
    rows = alma.store.rows(
        "SELECT primary_id FROM users u WHERE user_group = '06' AND json_extract(record, '$.purge_date') < '2024' AND "
        "json_extract(hidden, '$.acquisitions') = 0 AND NOT EXISTS (SELECT 1 FROM loans l WHERE l.user_id = u.id) AND "
        "NOT EXISTS (SELECT 1 FROM fees f WHERE f.user_id = u.id) AND record NOT LIKE '%user_block\":[{%'")
    return [row[0] for row in rows]


def make_set(alma, ids, name="Some"):
    made = alma.ask("POST", "conf/sets", {"name": name, "type": {"value": "ITEMIZED"},
                                          "content": {"value": "USER"}}).json
    if ids:
        assert fill(alma, made["id"], ids).status == 200
    return made["id"]


def fill(alma, set_id, ids, op="add_members", **more):
    return alma.ask("POST", f"conf/sets/{set_id}", {"members": {"member": [{"id": i} for i in ids]}}, op=op, **more)


def run(alma, job, set_id, **parameters):
    named = {"set_id": set_id, "job_name": "Try", **parameters}
    body = {"parameter": [{"name": {"value": k}, "value": str(v)} for k, v in named.items()]}
    return alma.ask("POST", f"conf/jobs/{job}", body, op="run")


def finish(alma, started):
    path = started.json["additional_info"]["link"].split("/almaws/v1/")[1]
    for _ in range(50):
        instance = alma.ask("GET", path).json
        if instance["progress"] == 100:
            return instance
    raise AssertionError("the job does not end")


def updated(alma, set_id, field, value, **more):
    front = f"UPDATE_User_Information_{field}"
    words = {f"{front}_Active": "true", f"{front}_Value": value, **more}
    return finish(alma, run(alma, UPDATE_JOB_ID, set_id, **words))


def test_a_set_counts_its_members_and_lists_them_by_page(alma, graduates):
    set_id = make_set(alma, graduates[:7])
    assert alma.ask("GET", f"conf/sets/{set_id}").json["number_of_members"]["value"] == 7
    page = alma.ask("GET", f"conf/sets/{set_id}/members", limit=5, offset=5).json
    assert page["total_record_count"] == 7 and len(page["member"]) == 2
    assert set(page["member"][0]) == {"id", "description", "link"}


def test_lists_of_sets_lack_the_number_of_members(alma):
    make_set(alma, [])
    found = alma.ask("GET", "conf/sets", set_type="ITEMIZED", content_type="USER").json
    assert found["total_record_count"] == 1 and "number_of_members" not in found["set"][0]
    assert alma.ask("GET", "conf/sets", q="name~group_06").json["total_record_count"] == 1


def test_the_same_name_twice_is_402263(alma):
    make_set(alma, [])
    assert alma.ask("POST", "conf/sets", {"name": "Some"}).code == "402263"


def test_members_are_checked_as_alma_does_and_all_or_none_go_in(alma, graduates):
    set_id = make_set(alma, graduates[:2])
    assert fill(alma, set_id, graduates[1:4]).code == "60115"
    assert fill(alma, set_id, [graduates[5], graduates[5]]).code == "60119"
    assert fill(alma, set_id, [graduates[5], "nobody"]).code == "60116"
    assert fill(alma, set_id, [str(n) for n in range(1001)]).code == "60118"
    assert fill(alma, set_id, []).code == "60113"
    assert fill(alma, set_id, [""]).code == "60114"
    assert fill(alma, set_id, graduates[5:6], op="burn").code == "60111"
    assert fill(alma, set_id, graduates[5:6], op="delete_members").code == "60117"
    assert fill(alma, "123", graduates[:1]).code == "60107"
    assert alma.ask("GET", f"conf/sets/{set_id}").json["number_of_members"]["value"] == 2


def test_invalid_ids_are_passed_over_only_on_request(alma, graduates):
    set_id = make_set(alma, [])
    filled = fill(alma, set_id, [graduates[0], "nobody"], fail_on_invalid_id="false").json
    assert filled["number_of_members"]["value"] == 1


def test_replacing_members_may_be_repeated(alma, graduates):
    set_id = make_set(alma, graduates[:3])
    for _ in range(2):
        assert fill(alma, set_id, graduates[2:4], op="replace_members").json["number_of_members"]["value"] == 2


def test_a_logical_set_is_asked_anew_and_takes_no_members(alma, graduates):
    logical = alma.ask("GET", "conf/sets", set_type="LOGICAL", q="name~06").json["set"][0]["id"]
    before = alma.ask("GET", f"conf/sets/{logical}").json["number_of_members"]["value"]
    assert fill(alma, logical, graduates[:1]).code == "60112"
    copied = alma.ask("POST", "conf/sets", {"name": "Copy"}, from_logical_set=logical).json
    assert alma.ask("DELETE", f"users/{graduates[0]}").status == 204
    assert alma.ask("GET", f"conf/sets/{logical}").json["number_of_members"]["value"] == before - 1
    assert copied["type"]["value"] == "ITEMIZED" and copied["number_of_members"]["value"] == before


def test_a_deleted_set_is_gone_and_its_users_are_not(alma, graduates):
    set_id = make_set(alma, graduates[:1])
    assert alma.ask("PUT", f"conf/sets/{set_id}", {"name": "Else"}).json["name"] == "Else"
    assert alma.ask("DELETE", f"conf/sets/{set_id}").status == 204
    assert alma.ask("GET", f"conf/sets/{set_id}").code == "60107"
    assert alma.ask("DELETE", f"conf/sets/{set_id}").code == "402264"
    assert alma.ask("GET", f"users/{graduates[0]}").status == 200


def test_jobs_are_found_by_name(alma):
    jobs = alma.ask("GET", "conf/jobs", type="MANUAL", category="USER", limit=100).json["job"]
    assert {job["name"] for job in jobs} == {"Update/Notify Users", "Purge users"}
    assert alma.ask("GET", "conf/jobs", type="NEVER").code == "40166410"
    assert alma.ask("GET", "conf/jobs/X").code == "402215"
    assert alma.ask("GET", "conf/jobs/M1").code == "402216"


def test_the_old_purge_job_is_listed_but_cannot_be_started(alma, graduates):
    jobs = alma.ask("GET", "conf/jobs", limit=100).json["job"]
    old = next(job["id"] for job in jobs if job["name"] == "Purge User Records")
    assert run(alma, old, make_set(alma, graduates[:1])).code == "402248"


def test_a_run_needs_its_operation_and_parameters(alma):
    assert alma.ask("POST", UPDATE_JOB, {}).code == "402220"
    assert alma.ask("POST", UPDATE_JOB, {}, op="walk").code == "402221"
    assert alma.ask("POST", UPDATE_JOB, {"parameter": []}, op="run").code == "402228"
    assert run(alma, UPDATE_JOB_ID, "").code == "402229"
    assert run(alma, UPDATE_JOB_ID, "123").code == "402224"


def test_an_instance_is_named_after_job_and_set_and_ends(alma, graduates):
    alma.sandbox.settings["job_seconds"] = 0.2
    started = run(alma, UPDATE_JOB_ID, make_set(alma, graduates[:2]))
    path = started.json["additional_info"]["link"].split("/almaws/v1/")[1]
    first = alma.ask("GET", path).json
    assert first["status"]["value"] == "QUEUED" and "end_time" not in first
    assert first["name"] == "Try - via API - Some - 2026-11-22 9:00 AM"
    seen = {first["status"]["value"]}
    while "end_time" not in alma.ask("GET", path).json:
        seen.add(alma.ask("GET", path).json["status"]["value"])
    assert "RUNNING" in seen
    last = alma.ask("GET", path.replace(UPDATE_JOB_ID, "ALL")).json
    assert last["status"]["value"] == "COMPLETED_SUCCESS" and last["progress"] == 100
    assert alma.ask("GET", path.replace(UPDATE_JOB_ID, "M44")).code == "402218"


def test_a_job_takes_its_time_by_the_clock_of_the_sandbox(alma, graduates):
    def instance():
        return alma.ask("GET", started.json["additional_info"]["link"].split("/almaws/v1/")[1]).json

    alma.ask("POST", "/sandbox/settings", {"job_seconds": 1000})
    started = run(alma, UPDATE_JOB_ID, make_set(alma, graduates[:10]))
    assert instance()["status"]["value"] == "QUEUED"
    for seconds, progress in ((300, 30), (300, 60)):
        alma.ask("POST", "/sandbox/clock", {"advance_seconds": seconds})
        assert instance()["progress"] >= progress and instance()["status"]["value"] == "RUNNING"
    # Another server on the same state goes on where this one was; a clock set back lets it begin anew.
    alma.sandbox = app.Sandbox(alma.store)
    assert instance()["progress"] == 70
    alma.ask("POST", "/sandbox/clock", {"set": "2026-01-01T00:00:00Z"})
    assert instance()["status"]["value"] == "RUNNING"
    alma.ask("POST", "/sandbox/clock", {"advance_seconds": 1000})
    assert instance()["status"]["value"] == "COMPLETED_SUCCESS"


def test_instances_are_listed_newest_first_and_by_day_and_status(alma, graduates):
    set_id = make_set(alma, graduates[:1])
    ids = [finish(alma, run(alma, UPDATE_JOB_ID, set_id))["id"] for _ in range(2)]
    listed = alma.ask("GET", f"{UPDATE_JOB}/instances", submit_date_from="2026-11-22", submit_date_to="2026-11-22",
                      status="COMPLETED_SUCCESS").json
    assert [one["id"] for one in listed["job_instance"]] == ids[::-1]
    assert alma.ask("GET", f"{UPDATE_JOB}/instances", submit_date_from="2026-11-23").json == {"total_record_count": 0}
    assert alma.ask("GET", f"{UPDATE_JOB}/instances", submit_date_from="soon").code == "402217"
    assert alma.ask("GET", f"{UPDATE_JOB}/instances", status="WHO").code == "40166410"


def test_update_job_sets_dates_given_in_milliseconds_and_null_removes_them(alma, graduates):
    set_id = make_set(alma, graduates[:3])
    done = updated(alma, set_id, "Purge_Date", 18262 * DAY + 5 * 3_600_000,
                   UPDATE_User_Information_Purge_Date_Condition="Null")
    assert done["counter"][0]["value"] == "3"
    assert alma.ask("GET", f"users/{graduates[0]}").json["purge_date"] == "2020-01-01Z"
    updated(alma, set_id, "Purge_Date", "Null")
    updated(alma, set_id, "Expiry_Date", "Null")
    record = alma.ask("GET", f"users/{graduates[0]}").json
    assert "purge_date" not in record and "expiry_date" not in record


def test_update_job_changes_group_status_note_block_and_statistics(alma, graduates):
    alma.sandbox.settings["job_throttle"] = False
    alma.store.put("settings", alma.sandbox.settings)
    set_id = make_set(alma, graduates[:2])
    for field, value in (("UserGroup", "10"), ("Status", "INACTIVE"), ("AddNote", "Purge list 2026"),
                         ("AddBlock", "02-GLOBAL"), ("AddStatistics", "HONORS"), ("AddRole", "56")):
        updated(alma, set_id, field, value)
    record = alma.ask("GET", f"users/{graduates[1]}").json
    assert record["user_group"]["value"] == "10" and record["status"]["value"] == "INACTIVE"
    assert record["user_note"][-1]["note_text"] == "Purge list 2026" and record["user_block"]
    assert record["user_statistic"][-1]["statistic_category"]["value"] == "HONORS"
    assert record["user_role"][-1]["role_type"]["value"] == "56"


def test_an_inactive_parameter_does_nothing(alma, graduates):
    before = alma.ask("GET", f"users/{graduates[0]}").json
    finish(alma, run(alma, UPDATE_JOB_ID, make_set(alma, graduates[:1]), UPDATE_User_Information_Purge_Date_Value="0",
                     UPDATE_User_Information_Purge_Date_Active="false"))
    assert alma.ask("GET", f"users/{graduates[0]}").json == before


def test_a_value_without_sense_fails_the_user_and_not_the_job(alma, graduates):
    done = updated(alma, make_set(alma, graduates[:1]), "UserGroup", "99")
    assert done["status"]["value"] == "COMPLETED_SUCCESS"
    assert [c["value"] for c in done["counter"]] == ["0", "1"]


def test_the_purge_job_deletes_by_purge_date_and_looks_at_no_expiry_date(alma, graduates):
    who = graduates[0]
    record = alma.ask("GET", f"users/{who}").json
    alma.ask("PUT", f"users/{who}", {**record, "expiry_date": "2029-12-31Z"})
    done = finish(alma, run(alma, assumptions.PURGE_JOB_ID, make_set(alma, [who])))
    assert alma.ask("GET", f"users/{who}").code == "401861"
    assert [c["value"] for c in done["counter"]] == ["0"]


def test_the_purge_job_keeps_whom_the_rules_keep_and_reports_only_those(alma, graduates):
    kept = [alma.store.one("SELECT primary_id FROM users WHERE id IN (SELECT user_id FROM loans)"),
            *alma.ask("GET", "/sandbox/truth").json["acquisition_links"],
            alma.store.one("SELECT primary_id FROM users WHERE record NOT LIKE '%purge_date%'"),
            alma.store.one("SELECT primary_id FROM users WHERE record LIKE '%\"purge_date\":\"2036%' LIMIT 1 OFFSET 3")]
    set_id = make_set(alma, [*kept, *graduates[:4]])
    done = finish(alma, run(alma, assumptions.PURGE_JOB_ID, set_id))
    assert done["status"]["value"] == "COMPLETED_SUCCESS"
    assert [c["value"] for c in done["counter"]] == [str(len(kept))]
    assert all(alma.ask("GET", f"users/{who}").status == 200 for who in kept)
    assert all(alma.ask("GET", f"users/{who}").status == 400 for who in graduates[:4])
    assert alma.ask("GET", f"conf/sets/{set_id}").json["number_of_members"]["value"] == len(kept)
    outcomes = alma.ask("GET", "/sandbox/outcomes", instance=done["id"]).json["outcomes"]
    assert outcomes[kept[0]].startswith("not purged: ") and outcomes[graduates[0]] == "done"


def test_the_purge_job_does_not_spare_roles_and_cancels_requests_silently(alma):
    who = alma.store.get("differences")["new_request"][0]
    alma.store.do("UPDATE requests SET record=json_set(record, '$.request_type', 'HOLD')")
    finish(alma, run(alma, assumptions.PURGE_JOB_ID, make_set(alma, [who, "exl_impl"])))
    lines = alma.ask("GET", "/sandbox/ledger").json["ledger"]
    gone = {line["primary_id"]: line["changed"] for line in lines if line["method"] == "JOB"}
    assert len(gone[who]["requests_cancelled"]) == 1 and gone["exl_impl"]["deleted"]


def test_a_waive_threshold_lets_small_debts_go_and_days_delay(alma, graduates):
    who = graduates[0]
    alma.store.do("INSERT INTO fees SELECT 'x', id, 'ACTIVE', 0.5, '{}' FROM users WHERE primary_id = ?", (who,))
    set_id = make_set(alma, [who])

    def keeps(**parameters):
        return finish(alma, run(alma, assumptions.PURGE_JOB_ID, set_id, **parameters))["counter"][0]["value"]
    assert keeps() == "1"
    assert keeps(**{assumptions.PURGE_WAIVE: 1, assumptions.PURGE_DAYS: 36_000}) == "1"
    assert keeps(**{assumptions.PURGE_WAIVE: 1}) == "0"


def test_at_most_three_jobs_run_and_the_same_set_is_not_taken_twice(alma, graduates):
    alma.sandbox.settings["job_seconds"] = 60
    sets = [make_set(alma, graduates[n:n + 1], f"Set {n}") for n in range(4)]
    assert run(alma, UPDATE_JOB_ID, sets[0]).status == 200
    assert run(alma, UPDATE_JOB_ID, sets[0]).code == "60347"
    assert run(alma, UPDATE_JOB_ID, sets[1]).status == run(alma, "M44", sets[2]).status == 200
    assert run(alma, assumptions.PURGE_JOB_ID, sets[3]).code == "402222"


def test_at_most_five_starts_of_a_job_in_an_hour_of_the_sandbox_clock(alma, graduates):
    set_id = make_set(alma, graduates[:1])
    for _ in range(5):
        finish(alma, run(alma, UPDATE_JOB_ID, set_id))
    assert run(alma, UPDATE_JOB_ID, set_id).code == "402223"
    alma.ask("POST", "/sandbox/clock", {"advance_seconds": 3601})
    assert run(alma, UPDATE_JOB_ID, set_id).status == 200


def test_an_empty_set_ends_with_nothing_to_do(alma):
    assert finish(alma, run(alma, UPDATE_JOB_ID, make_set(alma, [])))["status"]["value"] == "COMPLETED_NO_BULKS"


def test_members_added_after_the_start_are_not_touched(alma, graduates):
    alma.sandbox.settings["job_seconds"] = 0.3
    set_id = make_set(alma, graduates[:1])
    started = run(alma, assumptions.PURGE_JOB_ID, set_id)
    fill(alma, set_id, graduates[1:2])
    finish_slowly(alma, started)
    assert alma.ask("GET", f"users/{graduates[1]}").status == 200
    assert json.loads(alma.ask("GET", "/sandbox/ledger").body)["ledger"][-1]["primary_id"] == graduates[0]


def finish_slowly(alma, started):
    path = started.json["additional_info"]["link"].split("/almaws/v1/")[1]
    while alma.ask("GET", path).json["progress"] < 100:
        pass
