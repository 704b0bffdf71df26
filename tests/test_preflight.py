"""What the key may do is told before anything is done, area by area, by calls that write nothing."""

import pytest

from purgelib import preflight, sandbox
from purgelib.preflight import NO, NOT_ASKED, UNKNOWN, YES
from purgelib.sandbox import gate

AREAS = ["Users", "Configuration", "Analytics"]
ALL_STEPS = list(preflight.STEPS)


def rights(found):
    return dict(zip(found["area"], zip(found["may read"], found["may write"], strict=True), strict=True))


def lacking(found):
    return dict(zip(*(preflight.steps(found)[name] for name in ("step", "lacks")), strict=True))


@pytest.mark.parametrize("key", gate.KEYS)
def test_every_key_is_told_as_it_is_set_up(quiet, key):
    found = preflight.look(quiet.alma(key=key))
    has = [gate.KEYS[key].get(area) for area in ("users", "conf", "analytics")]
    assert rights(found) == {area: (YES if one else NO, YES if one == "write" else NO)
                             for area, one in zip(AREAS, has, strict=True)}
    assert quiet.written() == []


@pytest.mark.parametrize("key", gate.KEYS)
def test_a_connection_for_reading_tells_what_may_be_read_and_asks_no_more(quiet, key):
    client = quiet.alma(writing=False, key=key)
    asked = []
    client.before = lambda method, path: asked.append(method)
    found = preflight.look(client)
    assert set(found["may write"]) == {NOT_ASKED} and asked == ["GET"] * 3
    assert list(found["may read"] == YES) == [area in gate.KEYS[key] for area in ("users", "conf", "analytics")]


def test_a_key_for_everything_lacks_nothing(quiet):
    client = quiet.alma()
    found = preflight.look(client)
    assert set(lacking(found).values()) == {""}
    said = preflight.summary(client, found)
    assert said.startswith("Invented University (01INV_INST), sandbox. ") and said.endswith("It may do all 5 steps.")
    assert f"{client.remaining:,} calls are left today" in said
    assert set(found["told by"]) == {"Alma's test calls for 01INV_INST"}


def test_a_key_for_reading_can_look_but_not_set(quiet):
    found = preflight.look(quiet.alma(key=sandbox.READ_ONLY_KEY))
    fetch, rehearse, update, job, restore = lacking(found).values()
    assert fetch == rehearse == ""
    assert update == restore == "Users (read/write)" and job == "Configuration (read/write)"


def test_what_was_not_asked_is_no_yes(quiet):
    found = preflight.look(quiet.alma(writing=False))
    fetch, rehearse, update, job, restore = lacking(found).values()
    assert fetch == rehearse == "" and update == restore == "Users (read/write) (not asked)"
    assert job == "Configuration (read/write) (not asked)"
    assert "For 3 of 5 steps" in preflight.summary(quiet.alma(writing=False), found)


def test_without_configuration_nobody_can_tell_where_this_is(quiet):
    client = quiet.alma(key="sandbox-key-users-only")
    found = preflight.look(client)
    assert "nobody can tell which environment" in preflight.summary(client, found)
    assert all("Configuration" in lacks for lacks in lacking(found).values())


def test_a_key_that_nobody_knows_is_told_so(quiet):
    client = quiet.alma(key="sandbox-key-of-nobody")
    found = preflight.look(client)
    assert set(rights(found).values()) == {(NO, NO)}
    assert "does not know this key" in preflight.summary(client, found)


@pytest.mark.parametrize("fault", [{"do": "error_before"}, {"do": "html_before"}, {"do": "cut_before"}])
def test_an_area_that_does_not_answer_is_neither_yes_nor_no(practice, hasty, fault):
    practice.faults({**fault, "path": "/users/operation/test", "times": 1000})
    found = preflight.look(practice.alma())
    assert rights(found) == {"Users": (UNKNOWN, UNKNOWN), "Configuration": (YES, YES), "Analytics": (YES, YES)}
    assert lacking(found)[ALL_STEPS[1]] == "Users (read-only) (cannot tell)"


def test_trouble_in_passing_is_asked_again_also_by_post_as_it_writes_nothing(practice, hasty):
    practice.faults({"do": "error_before", "path": "test", "times": 2}, {"do": "throttle", "path": "test", "nth": 6})
    assert set(rights(preflight.look(practice.alma())).values()) == {(YES, YES)}
    assert practice.written() == []
