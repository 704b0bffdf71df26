"""The whole way on the committed sample, over HTTP: read, judge, choose, seal, rehearse, date, purge, report, undo."""

import contextlib
import dataclasses
import json
import pathlib

import pytest
from conftest import by_state, Practice, typed

from purgelib import choice, exports, jobs, journal, plan, population, recreate, report, restore, update

SAMPLE = pathlib.Path(__file__).parents[1] / "data" / "sample"
YEARS = ("2014", "2015", "2016")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Walks the whole way once; what it passed is looked at by the tests."""
    with contextlib.closing(Practice(tmp_path_factory.mktemp("story"), SAMPLE, users=12_000)) as practice:
        chosen = choice.load(SAMPLE)
        chosen = dataclasses.replace(chosen, ticks=frozenset(one for one in chosen.ticks if one[1] in YEARS))
        people = population.judge(exports.read(SAMPLE), chosen.policy)
        reader, writer = practice.alma(writing=False), practice.alma()
        folder = practice.folder / "runs" / "story"
        practice.sealed = plan.seal(folder, people, chosen, reader.target(), reader.today(), SAMPLE)
        practice.people, practice.before, practice.traps = people, everybody(practice), traps(practice)
        practice.rehearsed = update.carry_out(folder, reader)
        practice.after_rehearsal = practice.written()
        words = typed(practice.sealed)
        practice.dated = update.carry_out(folder, writer, words)
        practice.purged = jobs.purge(folder, writer, words)
        practice.after, practice.counts = everybody(practice), report.count(folder)
        gone = by_state(practice.sealed, jobs.GONE, action=jobs.PURGE)
        left = sorted(set(by_state(practice.sealed, journal.CONFIRMED)) - set(gone))
        practice.back = {"dates_of": left[:1], "create": gone[:1]}
        words = restore.to_be_typed(folder, **practice.back)
        practice.undone = restore.undo(folder, writer, **practice.back, confirmed=words)
        practice.page = report.write(folder)
        yield practice


def everybody(practice):
    """Every user's full record as Alma keeps it, by primary ID."""
    with practice.database() as db:
        return {row[0]: json.loads(row[1]) for row in db.execute("select primary_id, record from users")}


def traps(practice):
    """Everybody whom a careless purge would take along, told from Alma's own tables before anything is done."""
    with practice.database() as db:
        return {row[0] for row in db.execute("""
            select primary_id from users where user_group in ('01', '02', '03', '30', '40', 'ISHARE')
            or json_extract(record, '$.record_type.value') <> 'PUBLIC'
            or json_array_length(record, '$.user_block') > 0 or json_array_length(record, '$.proxy_for_user') > 0
            or json_extract(record, '$.source_link_id') is not null or json_array_length(record, '$.user_role') > 1
            or json_extract(record, '$.expiry_date') > '2024-11-22' or json_extract(record, '$.expiry_date') is null
            or id in (select user_id from loans) or id in (select user_id from requests)
            or id in (select user_id from fees where balance <> 0 and status <> 'CLOSED')""")}


def gone(story):
    return set(story.before) - set(story.after)


def test_the_rehearsal_wrote_nothing_and_foretold_the_run(story):
    assert story.after_rehearsal == []
    would = set(story.rehearsed["primary_id"][story.rehearsed["state"] == update.WOULD])
    assert would == set(by_state(story.sealed, journal.CONFIRMED)) and len(would) > 200


def test_everybody_who_is_gone_was_in_the_plan_and_alma_itself_says_so(story):
    assert gone(story) <= set(story.sealed.users["primary_id"]) and len(gone(story)) > 200
    assert sorted(gone(story)) == by_state(story.sealed, jobs.GONE, action=jobs.PURGE)
    assert sorted(gone(story)) == sorted(line["primary_id"] for line in story.written() if line["method"] == "JOB")


def test_no_trap_took_anybody(story):
    truth = story.truth()
    assert min(len(ids) for ids in truth.values()) > 0
    changed = {one for kind, ids in truth.items() for one in ids}
    assert not gone(story) & changed
    assert story.traps <= set(story.after) and len(story.traps) > 1000
    assert {"exl_impl", "exl_api", "carli_test", "rialto_svc", "leganto_guest"} <= set(story.after)


def test_nobody_who_is_gone_had_anything_that_keeps(story):
    for one in gone(story):
        record = story.before[one]
        assert record["user_group"]["value"] in ("05", "06", "08") and record["expiry_date"][:4] in YEARS
        assert [role["role_type"]["value"] for role in record["user_role"]] == ["200"]
        assert not record["user_block"] and not record["proxy_for_user"] and "source_link_id" not in record
    lines = [line["changed"] for line in story.written() if line["method"] == "JOB"]
    assert all(line["requests_cancelled"] == [] and line["debts_lost"] == [] for line in lines)


def test_everybody_else_is_as_before(story):
    dated = set(by_state(story.sealed, journal.CONFIRMED))
    assert {one for one in story.after if story.after[one] != story.before[one]} <= dated


def test_journal_and_ledger_agree(story):
    puts = [line["primary_id"] for line in story.written() if line["method"] == "PUT"]
    assert sorted(puts) == sorted([*by_state(story.sealed, journal.CONFIRMED), *story.back["dates_of"]])
    assert sum(line["path"].endswith("?op=run") for line in story.written()) == 1


def test_those_whom_alma_would_not_delete_are_named(story):
    linked = set(story.door("GET", "truth")["acquisition_links"]) & set(by_state(story.sealed, journal.CONFIRMED))
    assert by_state(story.sealed, jobs.LEFT, action=jobs.PURGE) == sorted(linked)


def test_the_counts_add_up(story):
    n = story.counts
    assert n.read == len(story.people) == 12_000 and n.read == n.not_chosen + n.planned
    assert n.planned == len(story.sealed) == n.dates_set + n.left_alone + n.failed + n.not_done
    assert n.purged == len(gone(story)) and n.purged + n.still_there == n.dates_set and n.failed == n.not_done == 0


def test_the_lists_name_everybody_once_and_give_a_reason(story):
    kept, away = report.kept(story.sealed.folder), report.gone(story.sealed.folder)
    assert set(away["primary_id"]) == gone(story) - set(story.back["create"])
    back = kept.set_index("primary_id").loc[story.back["create"], "reason"]
    assert set(back) == {"purged, and re-created"}
    assert len(kept) + len(away) == len(story.people) and not set(kept["primary_id"]) & set(away["primary_id"])
    assert (kept["reason"].str.strip() != "").all()


def test_one_date_and_one_user_came_back(story):
    assert set(story.undone["state"]) == {journal.CONFIRMED}
    for one in story.back["create"]:
        back, was = story.user(one), story.before[one]
        differs = {name for name in {*back, *was} if back.get(name) != was.get(name)}
        assert one not in story.after and differs <= set(recreate.OUTPUT_ONLY)
    now = everybody(story)
    assert set(now) == set(story.after) | set(story.back["create"])
    for one in story.back["dates_of"]:
        assert now[one] == story.before[one]
    assert report.count(story.sealed.folder).users_recreated == 1


def test_the_key_is_nowhere_in_the_run_folder(story):
    found = [path for path in story.sealed.folder.rglob("*") if path.is_file()]
    assert story.page in found and not [path for path in found if story.where.key.encode() in path.read_bytes()]
