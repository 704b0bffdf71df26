"""What was done can be undone, once, where nobody touched it since; and an undo is guarded like any other plan."""

import zipfile

import pytest
from conftest import by_state, files, PURGE_DATE, states, typed
from lxml import etree

from purgelib import copies, fields, guards, jobs, journal, plan, recreate, report, restore, update
from purgelib.errors import CanaryFailed, NotConfirmed, NothingToDo, PlanRefused, ReadOnly, Refused, RunBusy, Stopped
from purgelib.journal import CONFIRMED, FAILED, OPEN, SKIPPED

NEW = f"{PURGE_DATE}Z"


@pytest.fixture
def dated(practice):
    """A plan whose purge dates are set."""
    sealed = practice.seal(years=[2014, 2015])
    practice.before = practice.everybody()
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    return sealed


@pytest.fixture
def purged(practice, dated):
    """A plan whose users are gone."""
    jobs.purge(dated.folder, practice.alma(), typed(dated))
    return dated


def undo(practice, sealed, dates_of=(), create=(), client=None):
    return restore.undo(sealed.folder, client or practice.alma(), dates_of, create,
                        restore.to_be_typed(sealed.folder, dates_of, create))


def undone(sealed):
    """The plans of undoing that lie in a run folder."""
    return [plan.load(folder) for folder in sealed.folder.glob("restore-*")]


def said(results, primary_id):
    row = results.set_index("primary_id").loc[primary_id]
    return row["state"], row["reason"]


def test_every_date_goes_back_to_what_it_was_and_nothing_else_changes(practice, dated):
    done = by_state(dated, CONFIRMED)
    results = undo(practice, dated, done)
    assert practice.everybody() == practice.before and set(results["state"]) == {CONFIRMED} and len(done) > 5
    assert {"" if practice.before[one].get("purge_date") is None else "date" for one in done} == {"", "date"}


def test_undoing_twice_writes_nothing_the_second_time(practice, dated):
    done = by_state(dated, CONFIRMED)
    first = undo(practice, dated, done)
    lines = practice.written()
    assert undo(practice, dated, done).equals(first)
    with pytest.raises(NothingToDo, match="undone already"):
        undo(practice, dated, done[:3])
    assert practice.written() == lines and restore.possible(dated.folder).empty


def test_somebody_named_twice_counts_once(practice, dated):
    one = by_state(dated, CONFIRMED)[0]
    assert restore.to_be_typed(dated.folder, [one, one]) == "Invented University 1"
    undo(practice, dated, [one, one])
    undo(practice, dated, by_state(dated, CONFIRMED)[1:])
    assert report.count(dated.folder).dates_put_back == len(by_state(dated, CONFIRMED))


def test_an_undo_is_refused_while_the_run_is_carried_out(practice, dated):
    lines = practice.written()
    with journal.open(dated.folder), pytest.raises(RunBusy):
        undo(practice, dated, by_state(dated, CONFIRMED))
    assert practice.written() == lines


def test_a_rehearsal_writes_nothing_to_alma_and_changes_nothing_in_the_run(practice, purged):
    practice.inputs_before = files(purged.folder)
    lines = practice.written()
    gone = by_state(purged, jobs.GONE, action=jobs.PURGE)
    for client in (practice.alma(writing=False), practice.alma()):
        results = restore.undo(purged.folder, client, create=gone)
        assert set(results["state"]) == {update.WOULD} and len(results) == len(gone)
    assert practice.written() == lines and practice.inputs_before.items() <= files(purged.folder).items()
    # All that is new is the sealed plan of the undo itself.
    new = {name.split("/")[-1] for name in set(files(purged.folder)) - set(practice.inputs_before)}
    assert new == {"plan.json", "users.csv", "set.txt", "run.log"}


def test_the_number_to_be_typed_is_that_of_the_undo(practice, dated):
    done = by_state(dated, CONFIRMED)[:2]
    lines = practice.written()
    for words in (typed(dated), "yes", "Invented University 3", "Elsewhere 2"):
        with pytest.raises(NotConfirmed):
            restore.undo(dated.folder, practice.alma(), done, confirmed=words)
    with pytest.raises(ReadOnly):
        undo(practice, dated, done, client=practice.alma(writing=False))
    assert practice.written() == lines and not list(dated.folder.glob("restore-*/journal.sqlite"))
    assert guards.to_be_typed(undone(dated)[0].header) == "Invented University 2"


def test_only_what_this_run_did_can_be_undone(practice, dated):
    skipped, done = by_state(dated, SKIPPED), by_state(dated, CONFIRMED)
    stranger = next(one for one in practice.before if one not in set(dated.users["primary_id"]))
    lines = practice.written()
    for wish in ({"dates_of": [stranger]}, {"create": [done[0]]}, {"dates_of": [done[0], stranger]},
                 *({"dates_of": [one]} for one in skipped[:1])):
        with pytest.raises(NothingToDo):
            undo(practice, dated, **wish)
    assert practice.written() == lines and undone(dated) == []


def test_a_changed_plan_of_an_undo_is_refused(practice, dated):
    one, other = by_state(dated, CONFIRMED)[:2]
    restore.undo(dated.folder, practice.alma(writing=False), [one])
    path = undone(dated)[0].folder / "users.csv"
    path.write_text(path.read_text().replace(one, other))
    lines = practice.written()
    with pytest.raises(PlanRefused):
        undo(practice, dated, [one])
    assert practice.written() == lines


def test_where_somebody_changed_the_date_since_it_is_left_alone_and_said(practice, dated):
    changed, cleared, gone, kept = by_state(dated, CONFIRMED)[:4]
    practice.change(changed, purge_date="2030-01-01Z")
    practice.change(cleared, purge_date=None)
    practice.delete(gone)
    now = practice.everybody()
    results = undo(practice, dated, [changed, cleared, gone, kept])
    assert said(results, changed) == (SKIPPED, "somebody changed it since: purge date 2030-01-01")
    assert said(results, gone) == (SKIPPED, "is not in Alma any more: re-create the user instead")
    assert said(results, kept)[0] == CONFIRMED
    if practice.before[cleared].get("purge_date"):
        assert said(results, cleared) == (SKIPPED, "somebody changed it since: purge date none")
    back = {one: record | {"purge_date": practice.before[one].get("purge_date")} if one == kept else record
            for one, record in now.items()}
    assert {one: record | {"purge_date": record.get("purge_date")} for one, record in practice.everybody().items()} == {
        one: record | {"purge_date": record.get("purge_date")} for one, record in back.items()}


def test_other_changes_since_survive_the_undo(practice, dated):
    who = by_state(dated, CONFIRMED)[0]
    practice.change(who, job_description="came back", expiry_date="2028-06-30Z")
    undo(practice, dated, [who])
    assert practice.user(who)["job_description"] == "came back" and practice.user(who)["expiry_date"] == "2028-06-30Z"
    assert practice.user(who).get("purge_date") == practice.before[who].get("purge_date")


def test_somebody_else_who_carries_the_id_as_an_identifier_keeps_the_date(practice, dated):
    gone, heir = by_state(dated, CONFIRMED)[:2]
    practice.delete(gone)
    practice.change(heir, user_identifier=[{"value": gone, "id_type": {"value": "UNIV_ID"}}])
    assert practice.user(gone)["primary_id"] == heir
    results = undo(practice, dated, [gone])
    assert said(results, gone)[0] == SKIPPED and practice.user(heir)["purge_date"] == NEW


@pytest.mark.parametrize("do", ["error_before", "error_after", "cut_after", "lie", "throttle"])
def test_whatever_fails_a_date_is_put_back_once(practice, dated, hasty, do):
    done = by_state(dated, CONFIRMED)
    practice.faults({"method": "PUT", "path": "/users/", "nth": 2, "times": 2, "do": do})
    undo(practice, dated, done)
    states_now = set(states(undone(dated)[0], restore.BACK).values())
    assert states_now == ({CONFIRMED, FAILED} if do == "lie" else {CONFIRMED})
    undo(practice, dated, done)
    assert practice.everybody() == practice.before
    puts = [line["primary_id"] for line in practice.written() if line["method"] == "PUT"]
    assert sorted(puts) == sorted([*done, *done])


def test_a_date_that_is_ours_can_be_taken_back_although_its_write_counts_as_failed(practice):
    sealed, client = practice.seal(years=[2014, 2015]), practice.alma()
    before, written = {one: practice.user(one) for one in practice.going(sealed)}, []

    def meddle(method, path):
        if method == "PUT" and not written:
            written.append(path.rsplit("/", 1)[1])
            practice.edit(written[0], lambda record: record.update(job_description="at the desk"))

    client.after = meddle
    with pytest.raises(CanaryFailed):
        update.carry_out(sealed.folder, client, typed(sealed))
    who, = by_state(sealed, FAILED)
    assert practice.user(who)["purge_date"] == NEW
    undo(practice, sealed, [who])
    assert practice.user(who) == before[who] | {"job_description": "at the desk"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_undo_is_taken_up_again(practice, dated, when):
    done, client, puts = by_state(dated, CONFIRMED), practice.alma(), []

    def interrupt(method, path):
        puts.extend([path] * (method == "PUT"))
        if len(puts) == 2:
            puts.append("")
            raise KeyboardInterrupt

    setattr(client, when, interrupt)
    with pytest.raises(KeyboardInterrupt):
        undo(practice, dated, done, client=client)
    undo(practice, dated, done)
    assert practice.everybody() == practice.before
    assert set(states(undone(dated)[0], restore.BACK).values()) == {CONFIRMED}
    assert len(practice.written()) == 2 * len(done)


def test_a_stop_file_ends_an_undo(practice, dated):
    done = by_state(dated, CONFIRMED)
    restore.undo(dated.folder, practice.alma(writing=False), done)
    stop = dated.folder / "STOP"
    stop.touch()
    lines = practice.written()
    with pytest.raises(Stopped):
        undo(practice, dated, done)
    assert practice.written() == lines
    stop.unlink()
    undo(practice, dated, done)
    assert practice.everybody() == practice.before


# ---- users

def comparable(record):
    """A record without what Alma does not take in, and says so (recreate.OUTPUT_ONLY)."""
    return {name: value for name, value in record.items() if name not in recreate.OUTPUT_ONLY}


def test_a_re_created_user_equals_the_copy_but_for_what_alma_does_not_take(practice, purged):
    gone = by_state(purged, jobs.GONE, action=jobs.PURGE)
    assert not set(gone) & set(practice.everybody())
    results = undo(practice, purged, create=gone)
    assert set(results["state"]) == {CONFIRMED} and all(
        reason.startswith("as in the copy") for reason in results["reason"])
    now = practice.everybody()
    assert {one: comparable(now[one]) for one in gone} == {one: comparable(practice.before[one]) for one in gone}
    lines = practice.written()
    undo(practice, purged, create=gone)
    assert practice.written() == lines


def test_an_id_taken_meanwhile_stays_with_the_one_who_has_it(practice, purged):
    taken, other, borrowed = by_state(purged, jobs.GONE, action=jobs.PURGE)[:3]
    newcomer = {**practice.before[other], "primary_id": taken, "last_name": "Newcomer", "user_identifier": []}
    assert practice.ask("POST", "users", newcomer).ok
    heir = next(one for one, record in practice.everybody().items() if record["user_group"]["value"] == "06")
    practice.change(heir, user_identifier=[{"value": borrowed, "id_type": {"value": "UNIV_ID"}}])
    before = practice.everybody()
    results = undo(practice, purged, create=[taken, borrowed, other])
    assert said(results, taken)[0] == said(results, borrowed)[0] == SKIPPED and said(results, other)[0] == CONFIRMED
    assert {one: record for one, record in practice.everybody().items() if one != other} == before


def test_an_identifier_taken_meanwhile_is_said_as_alma_says_it(practice, purged):
    who, other = by_state(purged, jobs.GONE, action=jobs.PURGE)[:2]
    heir = next(one for one, record in practice.everybody().items() if record["user_group"]["value"] == "06")
    practice.change(heir, user_identifier=practice.before[who]["user_identifier"])
    results = undo(practice, purged, create=[who, other])
    assert said(results, who)[0] == FAILED and "already exists" in said(results, who)[1]
    assert said(results, other)[0] == CONFIRMED and practice.user(who) is None


@pytest.mark.parametrize("do", ["error_before", "error_after", "cut_after", "lie", "throttle"])
def test_whatever_fails_a_user_is_created_once(practice, purged, hasty, do):
    gone = by_state(purged, jobs.GONE, action=jobs.PURGE)
    practice.faults({"method": "POST", "path": "/users", "nth": 1, "times": 2, "do": do})
    undo(practice, purged, create=gone)
    undo(practice, purged, create=gone)
    assert set(states(undone(purged)[0], restore.USER_BACK).values()) == {CONFIRMED}
    posts = [line["primary_id"] for line in practice.written() if line["changed"].get("created")]
    assert sorted(posts) == gone


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_while_creating_is_settled_by_looking(practice, purged, when):
    who, client = by_state(purged, jobs.GONE, action=jobs.PURGE)[0], practice.alma()

    def interrupt(method, path):
        if method == "POST":
            raise KeyboardInterrupt

    setattr(client, when, interrupt)
    with pytest.raises(KeyboardInterrupt):
        undo(practice, purged, create=[who], client=client)
    assert states(undone(purged)[0], restore.USER_BACK)[who] in OPEN
    results = undo(practice, purged, create=[who])
    assert said(results, who) == (CONFIRMED, "as in the copy")
    assert [line["primary_id"] for line in practice.written() if line["changed"].get("created")] == [who]


def test_the_key_is_in_no_file_of_an_undo(practice, purged):
    undo(practice, purged, create=by_state(purged, jobs.GONE, action=jobs.PURGE)[:1])
    assert not [name for name, data in files(purged.folder).items() if practice.where.key.encode() in data]
    assert {oct(path.stat().st_mode & 0o777) for path in undone(purged)[0].folder.iterdir()} == {"0o600"}


def test_what_is_possible_only_reads(practice, purged):
    before, lines = files(purged.folder), practice.written()
    can = restore.possible(purged.folder)
    assert set(can["undo"]) <= {restore.BACK, restore.USER_BACK} and len(can) == len(by_state(purged, CONFIRMED))
    assert files(purged.folder) == before and practice.written() == lines
    assert journal.read(purged.folder).states(restore.BACK) == {}


def test_purged_users_are_written_as_a_file_for_the_sis_load(practice, purged):
    gone = by_state(purged, jobs.GONE, action=jobs.PURGE)
    with zipfile.ZipFile(restore.sis_file(purged.folder, gone[:3])) as packed:
        root = etree.fromstring(packed.read("users.xml"))
    assert [one.findtext("primary_id") for one in root] == gone[:3]
    assert root[0].findtext("last_name") == practice.before[gone[0]]["last_name"]
    with pytest.raises(NothingToDo):
        restore.sis_file(purged.folder, ["nobody"])


def test_without_the_key_dates_go_back_and_nobody_is_created(practice, purged):
    one, = by_state(purged, jobs.GONE, action=jobs.PURGE)[:1]
    (purged.folder.parent / plan.COPIES_KEY).unlink()
    with pytest.raises(Refused, match="no key file"):
        undo(practice, purged, create=[one])
    assert practice.user(one) is None


def test_another_key_opens_nothing_and_says_so(practice, purged, tmp_path):
    one, = by_state(purged, jobs.GONE, action=jobs.PURGE)[:1]
    copies.new_key(tmp_path / "other.key")
    results = restore.undo(purged.folder, practice.alma(), create=[one], key_file=tmp_path / "other.key",
                           confirmed=restore.to_be_typed(purged.folder, create=[one]))
    state, words = said(results, one)
    assert state == FAILED and "encrypted to another one" in words and practice.user(one) is None


def rest(record):
    """A record without what Alma works out anew, such as the day on which the status changed."""
    return {name: value for name, value in record.items() if name not in fields.ALMAS_OWN}


def test_every_field_that_was_set_goes_back_and_what_a_person_changed_since_is_left_and_said(practice):
    practice.sets = (("user_group", "20"), ("status", "INACTIVE"), ("note", "by {run}"))
    sealed = practice.seal(years=[2014, 2015])
    before = practice.everybody()
    update.carry_out(sealed.folder, practice.alma(), typed(sealed))
    done = by_state(sealed, CONFIRMED)
    assert {practice.user(one)["user_group"]["value"] for one in done} == {"20"}
    practice.change(done[0], user_group={"value": "10"})
    results = undo(practice, sealed, done)
    assert said(results, done[0]) == (CONFIRMED, "put back; left as they are now: user group 10")
    assert {one: rest(record) for one, record in practice.everybody().items() if one != done[0]} == {
        one: rest(record) for one, record in before.items() if one != done[0]}
    now = practice.user(done[0])
    assert now["user_group"]["value"] == "10" and now["status"] == before[done[0]]["status"]
    assert now["user_note"] == before[done[0]]["user_note"]
