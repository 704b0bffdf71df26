"""Plans, colleagues, faults, crashes and resumes in any order: nobody outside the plan, nobody twice, counts add up."""

import contextlib
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
import tenacity
from conftest import Practice, states, typed
from hypothesis import HealthCheck, settings
from hypothesis.stateful import initialize, invariant, rule, RuleBasedStateMachine, run_state_machine_as_test

from purgelib import journal, report, update
from purgelib.errors import Failed
from purgelib.journal import CONFIRMED, FAILED, OPEN, SKIPPED
from purgelib.sandbox import exports as last_night

USERS = 150
NEW = "2026-11-01Z"
TROUBLE = st.one_of(
    st.fixed_dictionaries({"method": st.just("PUT"), "path": st.just("/users/"), "nth": st.integers(1, 10),
                           "times": st.integers(1, 10), "do": st.sampled_from(
        ["error_before", "error_after", "cut_before", "cut_after", "truncate", "garbage", "lie", "throttle"])}),
    st.fixed_dictionaries({"method": st.just("GET"), "path": st.just("/users/"), "nth": st.integers(1, 60),
                           "times": st.integers(1, 60), "do": st.sampled_from(
        ["error_before", "cut_after", "truncate", "html_after", "throttle"])}))
EDITS = {"user_group": {"value": "30"}, "expiry_date": "2031-01-01Z", "last_name": "Another", "job_description": "new"}


class Crash(BaseException):
    """The process is gone: whatever was in memory is lost."""


class Runs(RuleBasedStateMachine):
    """One plan, carried out again and again while everything happens."""

    @initialize(canary=st.integers(1, 6))
    def a_plan_is_sealed(self, canary):
        self.open = contextlib.ExitStack()
        folder = Path(self.open.enter_context(tempfile.TemporaryDirectory()))
        (folder / "in").mkdir()
        last_night.write(folder / "in", USERS)
        self.alma = self.open.enter_context(contextlib.closing(Practice(folder, folder / "in", USERS)))
        self.sealed = self.alma.seal(years=range(2008, 2026), canary=canary, max_users=10_000)
        self.planned = list(self.sealed.users["primary_id"])
        self.before, self.edited, self.going = self.alma.everybody(), set(), set(self.alma.going(self.sealed))

    # ---- what happens

    @rule(who=st.integers(0, 10_000), field=st.sampled_from(sorted(EDITS)))
    def a_colleague_edits(self, who, field):
        one = self.planned[who % len(self.planned)]
        if self.alma.user(one):
            self.alma.change(one, **{field: EDITS[field]})
            self.edited.add(one)

    @rule(who=st.integers(0, 10_000))
    def a_colleague_deletes(self, who):
        one = self.planned[who % len(self.planned)]
        if self.alma.ask("DELETE", f"users/{one}").ok:
            self.edited.add(one)

    @rule()
    def it_is_rehearsed(self):
        lines = len(self.alma.ledger())
        with contextlib.suppress(Failed):
            update.carry_out(self.sealed.folder, self.alma.alma(writing=False))
        assert len(self.alma.ledger()) == lines

    @rule(faults=st.lists(TROUBLE, max_size=3))
    def it_is_carried_out(self, faults):
        self.alma.faults(*faults)
        with contextlib.suppress(Failed):
            update.carry_out(self.sealed.folder, self.alma.alma(), typed(self.sealed))
        self.alma.faults()

    @rule(nth=st.integers(1, 60), when=st.sampled_from(["before", "after"]), faults=st.lists(TROUBLE, max_size=2))
    def it_crashes_on_the_way(self, nth, when, faults):
        self.alma.faults(*faults)
        client, calls = self.alma.alma(), []

        def crash(_method, _path):
            calls.append(1)
            if len(calls) >= nth:
                raise Crash

        setattr(client, when, crash)
        with contextlib.suppress(Failed, Crash):
            update.carry_out(self.sealed.folder, client, typed(self.sealed))
        self.alma.faults()

    @rule(name=st.sampled_from(["intend", "sent", "settle_all", "forget"]), nth=st.integers(1, 4))
    def it_crashes_at_the_journal(self, name, nth):
        real, calls = getattr(journal.Journal, name), []

        def crash(book, *arguments):
            calls.append(1)
            if len(calls) == nth:
                raise Crash
            return real(book, *arguments)

        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Failed, Crash):
            patch.setattr(journal.Journal, name, crash)
            update.carry_out(self.sealed.folder, self.alma.alma(), typed(self.sealed))

    # ---- what is always true

    def ours(self):
        """Users whom the tool has written, a line for each write that changed anything."""
        return [line["primary_id"] for line in self.alma.written() if line["method"] == "PUT"]

    @invariant()
    def nobody_outside_the_plan_and_nobody_twice(self):
        written = self.ours()
        assert set(written) <= set(self.planned) and len(written) == len(set(written))
        assert all(set(line["changed"]) <= {"purge_date"} for line in self.alma.written() if line["method"] == "PUT")

    @invariant()
    def the_journal_knows_who_may_have_been_written(self):
        now = states(self.sealed)
        assert set(now) <= set(self.planned) and set(now.values()) <= {CONFIRMED, SKIPPED, FAILED, *OPEN}
        assert set(self.ours()) <= {one for one, state in now.items() if state in (CONFIRMED, FAILED, *OPEN)}
        made = report.count(self.sealed.folder)
        assert made.planned == made.dates_set + made.left_alone + made.failed + made.not_done

    def teardown(self):
        if not hasattr(self, "alma"):
            return
        try:
            self.alma.faults()
            for _ in range(30):
                with contextlib.suppress(Failed):
                    update.carry_out(self.sealed.folder, self.alma.alma(), typed(self.sealed))
                    break
            now = states(self.sealed)
            assert set(now) == set(self.planned) and set(now.values()) <= {CONFIRMED, SKIPPED, FAILED}
            untouched = self.going - self.edited
            assert untouched <= {one for one, state in now.items() if state == CONFIRMED}
            there = self.alma.everybody()
            assert all(there[one] == self.before[one] | {"purge_date": NEW} for one in untouched)
            self.nobody_outside_the_plan_and_nobody_twice()
        finally:
            self.open.close()


def run(examples, steps):
    checks = settings(max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
                      suppress_health_check=list(HealthCheck), print_blob=True)
    run_state_machine_as_test(Runs, settings=checks)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Nobody waits before trying again."""
    monkeypatch.setattr(tenacity.nap, "time", type("time", (), {"sleep": staticmethod(lambda seconds: None)}))


def test_whatever_happens_in_whatever_order_the_promises_hold():
    run(12, 10)


@pytest.mark.long
def test_whatever_happens_in_whatever_order_the_promises_hold_for_long():
    run(150, 25)
