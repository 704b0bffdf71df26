"""A fuzzer that tells stories: users come and go, sets are filled, jobs run, and Alma then says what was done."""

import datetime

import contract
import hypothesis
import pytest
from contract_schemas import needs_contract
from fuzzing import LONG, SHORT, sized
from hypothesis import stateful
from hypothesis import strategies as st

from purgelib.sandbox import assumptions, trying
from purgelib.sandbox.assumptions import UPDATE_JOB_ID

pytestmark = needs_contract


class Story(stateful.RuleBasedStateMachine):
    """Users come and go, sets are filled and emptied, jobs run; what Alma then says is what was done."""

    def __init__(self):
        super().__init__()
        self.alma = trying.Tried(users=40, job_seconds=0, job_throttle=False)
        self.heard = []
        contract.watch(self.alma.sandbox, self.heard)
        self.purge_dates, self.sets, self.number = {}, {}, 0

    def members(self, ids):
        return {"members": {"member": [{"id": one} for one in ids]}}

    def some(self, data):
        known = sorted(self.purge_dates)
        return data.draw(st.lists(st.sampled_from(known), unique=True, min_size=1)) if known else []

    @stateful.initialize()
    def begin(self):
        """Nothing would happen for long if nobody were there at first."""
        for external in (True, False, True):
            self.create(external)
        self.make_set()
        (where, inside), = self.sets.items()
        inside |= set(self.purge_dates)
        assert self.alma.ask("POST", f"conf/sets/{where}", self.members(sorted(inside)), op="add_members").status == 200

    @stateful.rule(external=st.booleans())
    def create(self, external):
        self.number += 1
        kind = {"account_type": {"value": "EXTERNAL"}, "external_id": "SIS"} if external else {
            "account_type": {"value": "INTERNAL"}}
        body = {"primary_id": f"story-{self.number}", "last_name": "Story", "record_type": {"value": "PUBLIC"},
                "user_group": {"value": "06"}, **kind}
        assert self.alma.ask("POST", "users", body).status == 200
        self.purge_dates[body["primary_id"]] = None

    @stateful.rule(data=st.data(), day=st.dates(datetime.date(2020, 1, 1), datetime.date(2032, 12, 31)))
    def put(self, data, day):
        for one in self.some(data)[:1]:
            record = self.alma.ask("GET", f"users/{one.upper()}").json
            assert self.alma.ask("PUT", f"users/{one}", {**record, "purge_date": f"{day}Z"}).status == 200
            self.purge_dates[one] = f"{day}Z"

    @stateful.rule(data=st.data())
    def delete(self, data):
        for one in self.some(data)[:1]:
            assert self.alma.ask("DELETE", f"users/{one}").status == 204
            self.forget(one)

    def forget(self, who):
        del self.purge_dates[who]
        for inside in self.sets.values():
            inside.discard(who)

    @stateful.rule()
    def make_set(self):
        self.number += 1
        answer = self.alma.ask("POST", "conf/sets", {"name": f"Story {self.number}"})
        self.sets[answer.json["id"]] = set()

    @stateful.rule(data=st.data(), op=st.sampled_from(["add_members", "delete_members", "replace_members"]))
    def change_set(self, data, op):
        ids = self.some(data)
        if not self.sets or not ids:
            return
        where = data.draw(st.sampled_from(sorted(self.sets)))
        inside, given = self.sets[where], set(ids)
        answer = self.alma.ask("POST", f"conf/sets/{where}", self.members(ids), op=op)
        if op == "add_members" and inside & given:
            assert answer.code == "60115"
        elif op == "delete_members" and given - inside:
            assert answer.code == "60117"
        else:
            assert answer.status == 200
            self.sets[where] = {"add_members": inside | given, "delete_members": inside - given}.get(op, given)

    @stateful.rule()
    def run_update(self):
        for where in sorted(self.sets)[:1]:
            words = {"set_id": where, "job_name": "Story", "UPDATE_User_Information_Purge_Date_Active": "true",
                     "UPDATE_User_Information_Purge_Date_Value": "1735689600000"}
            self.run(UPDATE_JOB_ID, words)
            for one in self.sets[where]:
                self.purge_dates[one] = "2025-01-01Z"

    @stateful.rule()
    def run_purge(self):
        # The next day, where the sandbox takes today's purge date as past already.
        end = self.alma.store.clock.today() + datetime.timedelta(days=assumptions.BOUNDARY_DAY_INCLUDED)
        for where in sorted(self.sets)[:1]:
            self.run(assumptions.PURGE_JOB_ID, {"set_id": where, "job_name": "Story"})
            for one in [one for one in self.sets[where] if (self.purge_dates[one] or "9") < f"{end}Z"]:
                self.forget(one)

    def run(self, job, words):
        body = {"parameter": [{"name": {"value": key}, "value": one} for key, one in words.items()]}
        link = self.alma.ask("POST", f"conf/jobs/{job}", body, op="run").json["additional_info"]["link"]
        for _ in range(100):
            instance = self.alma.ask("GET", link.partition("/almaws/v1/")[2]).json
            if instance["status"]["value"] not in ("QUEUED", "INITIALIZING", "RUNNING", "FINALIZING", "PENDING"):
                break
        assert instance["status"]["value"].startswith("COMPLETED"), instance

    @stateful.invariant()
    def everybody_is_as_told(self):
        assert not self.heard, self.heard
        for where, inside in self.sets.items():
            listed = self.alma.ask("GET", f"conf/sets/{where}/members", limit=100).json
            assert {one["id"] for one in listed.get("member", [])} == inside
            assert int(self.alma.ask("GET", f"conf/sets/{where}").json["number_of_members"]["value"]) == len(inside)
        for who, day in self.purge_dates.items():
            assert self.alma.ask("GET", f"users/{who}").json.get("purge_date") == day


def story(length, steps):
    phases = (hypothesis.Phase.generate, hypothesis.Phase.shrink)
    stateful.run_state_machine_as_test(Story, settings=hypothesis.settings(
        sized(length, length), stateful_step_count=steps, phases=phases))


def test_one_thing_after_another_stays_true():
    story(SHORT, 25)


@pytest.mark.long
def test_long_stories_stay_true():
    story(LONG * 2, 60)
