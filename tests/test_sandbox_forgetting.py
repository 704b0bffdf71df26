"""Deleting users: what refuses it, and what the Delete User Policy leaves."""

import json

import pytest

from purgelib.sandbox import forgetting, obstacles, trying
from purgelib.sandbox.assumptions import RUNNING


@pytest.fixture
def alma():
    return trying.Tried(users=900)


@pytest.fixture
def plain(alma):
    """An External graduate without anything that stands in the way, but with something to forget."""
    record = alma.ask("GET", f"users/{alma.store.get('differences')['renewed'][0]}").json
    record["user_statistic"] = [{"statistic_category": {"value": "HONORS"}}]
    return alma.ask("PUT", f"users/{record['primary_id']}", {**record, "job_category": {"value": "Clerk"}}).json


def purged(alma):
    rows = alma.store.rows("SELECT primary_id, day, record FROM purged ORDER BY n")
    return [(who, day, json.loads(text)) for who, day, text in rows]


def rule(alma, policy):
    alma.sandbox.settings["delete_policy"] = policy
    alma.store.put("settings", alma.sandbox.settings)


@pytest.mark.parametrize(("where", "why"), [
    ("id IN (SELECT user_id FROM loans)", "loans"),
    ("id IN (SELECT user_id FROM fees WHERE status = 'INDISPUTE' AND balance > 0)", "disputed fee"),
    ("id IN (SELECT user_id FROM fees WHERE status = 'ACTIVE' AND balance > 0)", "fee"),
    ("json_extract(hidden, '$.acquisitions') > 0", "acquisitions"),
])
def test_delete_refuses_without_saying_why(alma, where, why):
    who = alma.store.one(f"SELECT primary_id FROM users WHERE {where}")
    answer = alma.ask("DELETE", f"users/{who}")
    assert (answer.status, answer.code) == (400, "401850"), why
    assert alma.ask("GET", f"users/{who}").status == 200 and purged(alma) == []


@pytest.mark.parametrize("fact", obstacles.HIDDEN)
def test_a_hidden_fact_stands_in_the_way_and_is_shown_nowhere(alma, plain, fact):
    who = plain["primary_id"]
    assert alma.ask("POST", "/sandbox/obstacles", {"primary_id": who, fact: 1}).status == 200
    assert alma.ask("DELETE", f"users/{who}").code == "401850"
    assert alma.ask("GET", f"users/{who}").json == plain
    alma.ask("POST", "/sandbox/obstacles", {"primary_id": who, fact: 0})
    assert alma.ask("DELETE", f"users/{who}").status == 204


def test_only_known_facts_of_known_users_can_be_placed(alma):
    for wish in ({"primary_id": "exl_impl", "mood": 1}, {"primary_id": "nobody", "md_editor": 1},
                 {"primary_id": "exl_impl", "md_editor": "yes"}, {"primary_id": "exl_impl", "md_editor": -1},
                 {"primary_id": "exl_impl"}, {"md_editor": 1}, {"primary_id": "exl_impl", "memory": 1}):
        assert alma.ask("POST", "/sandbox/obstacles", wish).code == "SANDBOX", wish
    assert alma.ask("GET", "/sandbox/health").json["crashes"] == 0


def test_a_user_whom_a_running_job_has_not_reached_is_locked(alma, plain):
    who, number = plain["primary_id"], alma.store.one("SELECT id FROM users WHERE key=?", (plain["primary_id"],))
    alma.store.do("INSERT INTO instances VALUES ('i1', 1, 'M1', '', ?, '{}', '{}')", (RUNNING,))
    alma.store.do("INSERT INTO tasks VALUES ('i1', 0, ?, ?, NULL)", (number, who))
    alma.sandbox.worker.step = lambda: None
    assert alma.ask("DELETE", f"users/{who}").code == "401850"
    assert not obstacles.locked(alma.store, number, by_other_than="i1")
    alma.store.do("UPDATE tasks SET outcome = 'done'")
    assert alma.ask("DELETE", f"users/{who}").status == 204


def test_delete_cancels_open_requests_silently_and_ignores_roles(alma):
    who = alma.store.get("differences")["new_request"][0]
    alma.store.do("UPDATE requests SET record=json_set(record, '$.request_type', 'HOLD')")
    assert alma.ask("GET", f"users/{who}/requests").json["total_record_count"] == 1
    assert alma.ask("DELETE", f"users/{who}").status == 204
    line = alma.ask("GET", "/sandbox/ledger").json["ledger"][-1]
    assert line["method"] == "DELETE" and len(line["changed"]["requests_cancelled"]) == 1
    staff = alma.store.one("SELECT primary_id FROM users WHERE json_array_length(record, '$.user_role') > 1 "
                           "AND key LIKE '%test%'")
    assert alma.ask("DELETE", f"users/{staff}").status == 204


def test_a_resource_sharing_request_on_the_hold_shelf_blocks(alma):
    who = alma.store.get("differences")["new_request"][0]
    alma.store.do("UPDATE requests SET record=json_set(record, '$.request_type', 'RESOURCE_SHARING', "
                  "'$.request_status', 'ON_HOLD_SHELF')")
    assert alma.ask("DELETE", f"users/{who}").code == "401850"


def test_a_deleted_user_is_found_by_nothing_and_inherited_by_nobody(alma, plain):
    who, barcode = plain["primary_id"], plain["user_identifier"][0]["value"]
    number = alma.store.one("SELECT id FROM users WHERE key=?", (who,))
    alma.store.do("DELETE FROM users WHERE id > ?", (number,))
    assert alma.ask("DELETE", f"users/{who}").status == 204
    for name in (who, barcode):
        assert alma.ask("GET", f"users/{name}").code == "401861"
    assert alma.ask("GET", "users", q=f"identifiers~{barcode}").json == {"total_record_count": 0}
    assert alma.ask("POST", "users", plain).status == 200
    assert alma.store.one("SELECT id FROM users WHERE key=?", (who,)) > number


def test_fully_reportable_keeps_the_record_as_deleted(alma, plain):
    rule(alma, "KEEP_FULLY_REPORTABLE")
    alma.ask("DELETE", f"users/{plain['primary_id']}")
    (who, day, record), = purged(alma)
    assert (who, day) == (plain["primary_id"], "2026-11-22")
    assert record["status"] == {"value": "DELETED", "desc": "Deleted"} and record["last_name"] == plain["last_name"]
    assert {one["status"] for one in record["user_identifier"]} == {"INACTIVE"}
    assert record["contact_info"] == plain["contact_info"] and set(record) == set(plain)


def test_statistics_are_kept_with_the_primary_id_as_last_name(alma, plain):
    assert alma.sandbox.settings["delete_policy"] == "KEEP_STATISTICS"
    alma.ask("DELETE", f"users/{plain['primary_id']}")
    (who, _, record), = purged(alma)
    assert record["last_name"] == who == plain["primary_id"] and record["first_name"] == ""
    for name in ("user_group", "job_category", "user_statistic"):
        assert record[name] == plain[name] and record[name], name
    assert record["user_identifier"] == [] and record["contact_info"]["email"] == []
    assert "purge_date" not in record and record["status"]["value"] == "DELETED"


def test_the_primary_id_may_go_as_well(alma, plain):
    rule(alma, "KEEP_STATISTICS_AND_REMOVE_PRIMARY_ID")
    alma.ask("DELETE", f"users/{plain['primary_id']}")
    (who, _, record), = purged(alma)
    assert record["last_name"] == who and plain["primary_id"] not in json.dumps([who, record])
    assert record["user_group"] == plain["user_group"]


def test_fully_removed_leaves_nothing(alma, plain):
    rule(alma, "FULLY_REMOVE")
    assert alma.ask("DELETE", f"users/{plain['primary_id']}").status == 204
    assert purged(alma) == []


def test_a_stricter_policy_takes_from_those_purged_earlier_and_a_looser_one_brings_nothing_back(alma, plain):
    rule(alma, "KEEP_FULLY_REPORTABLE")
    alma.ask("DELETE", f"users/{plain['primary_id']}")
    seen = [purged(alma)]
    for policy in (*forgetting.POLICIES[1:3], *forgetting.POLICIES[1::-1], forgetting.POLICIES[3]):
        rule(alma, policy)
        forgetting.retroact(alma.store)
        seen.append(purged(alma))
    full, statistics, nameless, looser, loosest, none = seen
    assert full[0][2]["contact_info"]["email"] and not statistics[0][2]["contact_info"]["email"]
    assert statistics[0][0] == plain["primary_id"] != nameless[0][0]
    assert nameless == looser == loosest and none == []
