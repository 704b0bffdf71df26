"""The purge that staff start on its page, both purges' rules, and jobs that go wrong by order."""

import html
import re

import pytest
from test_sandbox_jobs import finish, make_set, run

from purgelib.sandbox import assumptions, obstacles, trying
from purgelib.sandbox.assumptions import UPDATE_JOB_ID

PAGE = "/sandbox/purge-user-records"
OLD = f"conf/jobs/{assumptions.OLD_PURGE_JOB_ID}/instances"
PURGE = assumptions.PURGE_JOB_ID


@pytest.fixture
def alma():
    return trying.Tried(users=600, job_seconds=0)


def send(alma, button, **fields):
    body = "&".join(f"{name}={value}" for name, value in {**fields, "button": button}.items())
    return alma.ask("POST", PAGE, body.encode())


def purge(alma, **fields):
    """Goes through the page as a person does; returns the ended instance."""
    assert send(alma, "add", **fields).status == 200
    assert send(alma, "confirm", **fields).status == 303
    for _ in range(50):
        instance = alma.ask("GET", OLD).json["job_instance"][0]
        if "end_time" in instance:
            return instance
    raise AssertionError("the purge does not end")


def outcomes(alma, instance):
    return alma.ask("GET", "/sandbox/outcomes", instance=instance["id"]).json["outcomes"]


def who(alma, condition):
    """Primary IDs of those with a purge date before 2026-11-22 for whom the condition holds too."""
    rows = alma.store.rows("SELECT primary_id FROM users WHERE json_extract(record, '$.purge_date') <= '2026-11-22Z' "
                           f"AND {condition} ORDER BY id")
    return [row[0] for row in rows]


def shown(alma, **query):
    page = alma.ask("GET", PAGE, **query)
    assert page.status == 200 and page.headers["Content-Type"] == "text/html;charset=UTF-8"
    return page.body.decode()


# ---- the page

def test_the_dialog_has_alma_s_fields_each_with_its_label(alma):
    page = shown(alma, add=1)
    for name, label in (("days", "Number of Days After Purge Date"), ("record_type", "User record type"),
                        ("user_group", "User group"), ("waive", "Waive threshold")):
        assert f'<label for="{name}">{label}</label>' in page and f'id="{name}"' in page
    assert page.count('value="0"') == 2 and "Add and Close" in page and "invented" in page
    assert "<script" not in page and 'http-equiv="refresh"' not in page


def test_groups_can_be_chosen_after_the_record_type_and_what_was_typed_stays(alma):
    assert re.search('<select id="user_group"[^>]* disabled', shown(alma, add=1))
    told = send(alma, "groups", days="3", record_type="STAFF", waive="2.50")
    assert told.status == 303 and told.headers["Location"].startswith(f"{PAGE}?add=1")
    page = shown(alma, add=1, days="3", record_type="STAFF", waive="2.50")
    assert "Undergraduate" in page and not re.search('<select id="user_group"[^>]* disabled', page)
    assert 'value="3"' in page and 'value="2.50"' in page and '<option value="STAFF" selected>' in page


def test_nothing_runs_before_it_is_confirmed(alma):
    page = send(alma, "add", days="7", record_type="PUBLIC", user_group="06", waive="1").body.decode()
    assert "record type Public, user group Undergraduate, 7 days after the purge date, waive threshold 1." in page
    assert "Confirm" in page and "Cancel" in page
    assert send(alma, "cancel").headers["Location"] == PAGE and send(alma, "").status == 303
    assert alma.ask("GET", OLD).json == {"total_record_count": 0} and "No job was started yet" in shown(alma)


@pytest.mark.parametrize("fields", [
    {"days": "-1"}, {"days": "1.5"}, {"days": "%C2%B2"}, {"days": "9" * 50}, {"waive": "much"}, {"waive": "-1"},
    {"waive": "nan"}, {"record_type": "NOBODY"}, {"record_type": "STAFF", "user_group": "ZZ"},
    {"user_group": "06"},
])
def test_a_senseless_wish_is_told_on_the_page_and_nothing_runs(alma, fields):
    for button in ("add", "confirm"):
        told = send(alma, button, **fields)
        assert told.status == 400 and 'role="alert"' in told.body.decode()
    assert alma.ask("GET", OLD).json["total_record_count"] == 0 and alma.sandbox.crashes == 0


def test_what_people_type_is_never_more_than_text(alma):
    evil = "%3Cscript%3E%22%27%3C"
    pages = [send(alma, "add", days=evil, record_type=evil, user_group=evil, waive=evil).body.decode(),
             shown(alma, add=1, days="<script>\"'<", record_type="<script>", user_group="\ud800", waive="\x00")]
    assert all("<script" not in page for page in pages) and alma.sandbox.crashes == 0
    alma.store.do("UPDATE users SET record = json_remove(record, '$.purge_date') WHERE id > 1")
    alma.store.do("UPDATE users SET primary_id = '<b>', record = json_set(record, '$.purge_date', '2020-01-01Z') WHERE "
                  "id = 1")
    obstacles.place(alma.store, "exl_impl", acquisitions=1)
    purge(alma)
    assert "&lt;b&gt;" in shown(alma) and "<b>" not in shown(alma)


def test_bytes_that_are_no_form_do_no_harm(alma):
    for body in (b"\xff\xfe", b"{}", b"&" * 1000, b"button", b""):
        assert alma.ask("POST", PAGE, body).status in (303, 400)
    assert alma.sandbox.crashes == 0


def test_the_list_reloads_itself_while_a_job_runs_and_no_longer(alma):
    alma.sandbox.settings["job_seconds"] = 600
    send(alma, "confirm")
    page = shown(alma)
    assert '<meta http-equiv="refresh"' in page and "Queued" in page
    assert 'http-equiv="refresh"' not in shown(alma, still=1) and 'http-equiv="refresh"' not in shown(alma, add=1)
    alma.sandbox.settings["job_seconds"] = 0
    shown(alma)
    while "end_time" not in alma.ask("GET", OLD).json["job_instance"][0]:
        pass
    page = shown(alma)
    assert 'http-equiv="refresh"' not in page and "Completed Successfully" in page


def test_the_page_lists_who_was_not_purged_and_why(alma):
    instance = purge(alma, days="10")
    left = {one: said for one, said in outcomes(alma, instance).items() if said != "done"}
    page = shown(alma)
    assert len(left) > 3 and f"Users not purged: {len(left)}" in page
    rows = re.findall("<tr><td>(.*?)</td><td>(.*?)</td></tr>", page)
    assert {html.unescape(one): f"not purged: {why}" for one, why in rows} == left
    gone = next(one for one, said in outcomes(alma, instance).items() if said == "done")
    assert gone not in page


# ---- whom it takes

def test_it_takes_type_group_and_purge_date_whatever_the_expiry_date(alma):
    wanted = who(alma, "user_group = '06' AND json_extract(record, '$.record_type.value') = 'PUBLIC'")
    others = who(alma, "user_group <> '06'")
    alma.store.do("UPDATE users SET record = json_set(record, '$.expiry_date', '2030-01-01Z') WHERE user_group = '06'")
    instance = purge(alma, days="0", record_type="PUBLIC", user_group="06")
    found = outcomes(alma, instance)
    assert list(found) == wanted and "done" in found.values()
    for one, said in found.items():
        assert alma.ask("GET", f"users/{one}").status == (400 if said == "done" else 200)
    assert who(alma, "user_group <> '06'") == others
    assert instance["submitted_by"] == assumptions.STAFF and instance["job_info"]["name"] == "Purge User Records"
    assert [c["value"] for c in instance["counter"]] == [str(sum(said != "done" for said in found.values()))]


def test_without_type_and_group_it_takes_everybody_with_a_past_purge_date(alma):
    wanted = who(alma, "1")
    assert list(outcomes(alma, purge(alma))) == wanted


def test_days_after_the_purge_date_count_from_today_with_the_boundary_day(alma):
    alma.store.do("UPDATE users SET record = json_remove(record, '$.purge_date')")
    for number, day in enumerate(("2026-11-11", "2026-11-12", "2026-11-13"), start=10):
        alma.store.do("UPDATE users SET record = json_set(record, '$.purge_date', ?) WHERE id = ?", (f"{day}Z", number))
    ids = [alma.store.one("SELECT primary_id FROM users WHERE id = ?", (n,)) for n in (10, 11, 12)]
    assert list(outcomes(alma, purge(alma, days="10"))) == ids[:2]
    assert outcomes(alma, purge(alma, days="999999")) == {}


def test_nobody_without_a_purge_date_and_nobody_is_no_error(alma):
    alma.store.do("UPDATE users SET record = json_remove(record, '$.purge_date')")
    instance = purge(alma)
    assert instance["status"]["value"] == "COMPLETED_NO_BULKS" and outcomes(alma, instance) == {}
    assert alma.store.one("SELECT count(*) FROM users") > 590


def test_both_purges_give_the_same_reasons(alma):
    ids = who(alma, "1")
    other = trying.Tried(users=600, job_seconds=0)
    by_set = finish(other, run(other, PURGE, make_set(other, [i for i in ids if not i.startswith("no primary")])))
    by_page = outcomes(alma, purge(alma))
    assert outcomes(other, by_set) == {i: said for i, said in by_page.items() if not i.startswith("no primary")}


def test_every_documented_obstacle_keeps_a_user_and_a_small_debt_does_not(alma):
    ids = _free(alma)
    numbers = [alma.store.one("SELECT id FROM users WHERE primary_id = ?", (one,)) for one in ids[:9]]
    for one, fact in zip(ids, obstacles.HIDDEN, strict=False):
        obstacles.place(alma.store, one, **{fact: 1})
    alma.store.do("INSERT INTO loans VALUES ('L', ?, 'ACTIVE', '{}')", (numbers[5],))
    alma.store.do("INSERT INTO fees VALUES ('F', ?, 'ACTIVE', 1.01, '{}')", (numbers[6],))
    alma.store.do("INSERT INTO fees VALUES ('G', ?, 'ACTIVE', 1.00, '{}')", (numbers[7],))
    alma.store.do("INSERT INTO requests VALUES ('R', ?, 'active', ?)", (numbers[8],
                  '{"request_type": "RESOURCE_SHARING", "request_status": "ON_HOLD_SHELF"}'))
    found = outcomes(alma, purge(alma, waive="1"))
    said = [found[one].removeprefix("not purged: ") for one in ids[:9]]
    assert said == [*obstacles.HIDDEN, "loans", "balance", "done", "resource sharing request on hold shelf"]


def test_a_user_whom_another_running_job_holds_is_not_purged(alma):
    one, two = _free(alma)[:2]
    alma.ask("POST", "/sandbox/faults", [{"do": "job_never_ends"}])
    run(alma, UPDATE_JOB_ID, make_set(alma, [one, two]))
    found = outcomes(alma, purge(alma))
    held = [i for i, said in found.items() if said == "not purged: locked by a running job"]
    # The job that never ends has done half of its two users.
    assert len(held) == 1 and held[0] in (one, two)


def _free(alma):
    """Primary IDs of users with a past purge date and nothing that stands in the way."""
    return who(alma, "primary_id NOT LIKE 'no %' AND json_extract(hidden, '$.acquisitions') = 0 AND id NOT IN (SELECT "
                     "user_id FROM loans UNION SELECT user_id FROM fees UNION SELECT user_id FROM requests)")


# ---- what is assumed about "Purge users" can be set

def test_id_name_parameters_and_counter_of_purge_users_are_a_setting(alma):
    chosen = {"id": "M777", "name": "Purge users", "days": "DAYS", "waive": "WAIVE", "requires_purge_date": False,
              "counter": {"value": "not.purged", "desc": "Left"}}
    assert alma.ask("POST", "/sandbox/settings", {"purge_job": chosen}).status == 200
    assert alma.ask("GET", f"conf/jobs/{PURGE}").code == "402216"
    assert alma.ask("GET", "conf/jobs/M777").json["name"] == "Purge users"
    dateless = alma.store.one("SELECT primary_id FROM users WHERE record NOT LIKE '%purge_date%' AND id NOT IN (SELECT "
                              "user_id FROM loans UNION SELECT user_id FROM fees)")
    done = finish(alma, run(alma, "M777", make_set(alma, [dateless]), WAIVE="1"))
    assert done["counter"] == [{"type": chosen["counter"], "value": "0"}]
    assert alma.ask("GET", f"users/{dateless}").status == 400


def test_an_old_instance_outlives_another_id_of_its_job(alma):
    done = finish(alma, run(alma, PURGE, make_set(alma, [])))
    setting = {**assumptions.SETTINGS["purge_job"], "id": "M9"}
    alma.ask("POST", "/sandbox/settings", {"purge_job": setting})
    assert alma.ask("GET", f"conf/jobs/ALL/instances/{done['id']}").json["job_info"]["id"] == PURGE


@pytest.mark.parametrize("wrong", ["x", "-1", "1e9", "nan", "9" * 400, "1.5"])
def test_a_number_of_days_without_sense_starts_no_purge(alma, wrong):
    set_id = make_set(alma, _free(alma)[:1])
    assert run(alma, PURGE, set_id, **{assumptions.PURGE_DAYS: wrong}).code == "402224"
    assert alma.ask("GET", f"conf/jobs/{PURGE}/instances").json["total_record_count"] == 0


# ---- faults

def order(alma, do, path="/conf/jobs/"):
    assert alma.ask("POST", "/sandbox/faults", [{"do": do, "path": path}]).status == 200


def test_a_job_may_end_well_and_have_failed_for_every_third(alma):
    ids = _free(alma)[:7]
    order(alma, "job_fails")
    done = finish(alma, run(alma, UPDATE_JOB_ID, make_set(alma, ids), UPDATE_User_Information_Status_Active="true",
                            UPDATE_User_Information_Status_Value="INACTIVE"))
    assert done["status"]["value"] == "COMPLETED_SUCCESS" and [c["value"] for c in done["counter"]] == ["4", "3"]
    now = [alma.ask("GET", f"users/{one}").json["status"]["value"] for one in ids]
    assert now == ["ACTIVE", "INACTIVE", "INACTIVE"] * 2 + ["ACTIVE"]


def test_a_purge_may_leave_every_third_without_a_reason(alma):
    ids = _free(alma)[:6]
    order(alma, "job_fails")
    done = finish(alma, run(alma, PURGE, make_set(alma, ids)))
    assert done["status"]["value"] == "COMPLETED_SUCCESS" and done["counter"][0]["value"] == "2"
    assert [alma.ask("GET", f"users/{one}").status for one in ids] == [200, 400, 400] * 2


def test_a_job_that_never_ends_does_half_and_stands_still_also_for_another_worker(alma):
    ids = _free(alma)[:6]
    order(alma, "job_never_ends")
    path = run(alma, PURGE, make_set(alma, ids)).json["additional_info"]["link"].split("/almaws/v1/")[1]
    seen = [alma.ask("GET", path).json for _ in range(20)][-1]
    assert seen["status"]["value"] == "RUNNING" and seen["progress"] == 50 and "end_time" not in seen
    restarted = trying.Tried.__new__(trying.Tried)
    restarted.store, restarted.sandbox = alma.store, type(alma.sandbox)(alma.store)
    assert [restarted.ask("GET", path).json for _ in range(20)][-1] == seen
    assert sum(restarted.ask("GET", f"users/{one}").status == 200 for one in ids) == 3


def test_a_job_may_fail_halfway(alma):
    ids = _free(alma)[:6]
    order(alma, "job_fails_late")
    path = run(alma, PURGE, make_set(alma, ids)).json["additional_info"]["link"].split("/almaws/v1/")[1]
    seen = [alma.ask("GET", path).json for _ in range(5)][-1]
    assert seen["status"]["value"] == assumptions.ENDED_BADLY and seen["end_time"] and seen["progress"] == 50
    assert seen["counter"][0]["value"] == "3"
    assert [alma.ask("GET", f"users/{one}").status for one in ids] == [400] * 3 + [200] * 3


def test_a_job_may_see_a_set_with_fewer_members(alma):
    ids = _free(alma)[:6]
    set_id = make_set(alma, ids)
    order(alma, "set_loses_members")
    done = finish(alma, run(alma, PURGE, set_id))
    assert list(outcomes(alma, done)) == [ids[n] for n in (1, 2, 4, 5)] and done["counter"][0]["value"] == "0"


def test_a_fault_ordered_for_the_page_acts_in_its_job(alma):
    order(alma, "job_fails", path=PAGE)
    instance = purge(alma)
    assert instance["status"]["value"] == "COMPLETED_SUCCESS"
    assert list(outcomes(alma, instance).values())[::3] == ["failed: by order of a fault"] * -(-len(outcomes(
        alma, instance)) // 3)


# ---- many users

def test_a_step_of_a_large_job_looks_at_few_users_and_goes_on_where_it_was(alma, monkeypatch):
    asked = []
    monkeypatch.setattr("purgelib.sandbox.work.SECONDS", 0)
    ids = who(alma, "primary_id NOT LIKE 'no %'")
    send(alma, "confirm")
    alma.store.db.set_trace_callback(asked.append)
    steps = 0
    while alma.sandbox.worker.open and steps < 200:
        del asked[:]
        alma.sandbox.worker.step()
        steps += 1
        assert not any(re.search(r"count\(\*\)|count\(outcome", one) and "tasks" in one for one in asked)
    alma.store.db.set_trace_callback(None)
    assert len(ids) / 20 <= steps < 200
    assert len(outcomes(alma, alma.ask("GET", OLD).json["job_instance"][0])) >= len(ids)
