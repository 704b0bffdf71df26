"""What is asked of Alma: typed calls for users, sets, jobs, code tables and Analytics. No other module calls it.

How a call goes over HTTP, and what is repeated when it fails, is ``door``'s.
"""

import urllib.parse

import pandas as pd

from purgelib.answers import balance_of, listed_in
from purgelib.door import Door
from purgelib.errors import NoAnswer, NotFound, PartialAnswer, ReadOnly, TooFast, WrongTarget

PAGE = 100
MEMBERS_A_CALL = 1000
EXPAND = {"expand": "loans,requests,fees"}
# Alma's own tests of a key, by area. They write nothing, with POST neither.
KEY_TESTS = {"users": "/users/operation/test", "conf": "/conf/test", "analytics": "/analytics/test"}


class Alma(Door):
    """A connection to one institution, opened as ``Door`` says: for reading, unless told otherwise."""

    _general = None

    # ---- who is there

    def target(self):
        """Returns institution (code), name and environment as Alma tells them (GET /conf/general). Only reads."""
        if self._general is None:
            self._general = self._get("/conf/general")
        said = self._general.get("institution") or {}
        return {"institution": said.get("value"), "name": said.get("desc"),
                "environment": str(self._general.get("environment_type")).lower()}

    def expect(self, environment):
        """Refuses to go on unless Alma calls itself this environment (production or sandbox). Only reads."""
        found = self.target()["environment"]
        if found != environment:
            raise WrongTarget(f"You asked for {environment}, but the key belongs to {found} of "
                              f"{self.target()['name']}. Name the right target, or use the right key.",
                              wanted=environment, found=found)
        return self

    def now(self):
        """Returns the time by Alma's own clock, in UTC; asks anew, as a client may stay open for weeks. Only reads."""
        self._general = None
        self.target()
        return self._date

    def today(self):
        """Returns the day by Alma's own clock, in UTC. Only reads."""
        return self.now().date()

    def for_writing(self):
        """Refuses to go on unless this connection was opened for writing. Only reads."""
        if not self.writing:
            raise ReadOnly(f"{self!r}; nothing was written. Connect with writing=True.", method="PUT")
        return self

    def key_test(self, area, writing=False):
        """Asks Alma's own test of the key for an area (users, conf, analytics); returns what it says, text.

        Only reads. writing: asks by POST, which a connection opened for reading refuses, although it writes nothing.
        """
        asked = self._call("POST", KEY_TESTS[area], safe=(TooFast, NoAnswer), accept="application/xml") if writing \
            else self._get(KEY_TESTS[area], accept="application/xml")
        return asked.decode(errors="replace")

    # ---- users

    def user(self, primary_id):
        """Returns one user's full record with the counts of loans and requests and the active fees. Only reads."""
        return self._get(_user(primary_id), **EXPAND)

    def owed(self, primary_id, statuses):
        """Returns the sum of a user's fees in these statuses, credits counted as amounts too. Only reads."""
        total = 0.0
        for status in statuses:
            fees = self._get(_user(primary_id) + "/fees", status=status)
            listed = listed_in(fees, "fee")
            if len(listed) != fees.get("total_record_count"):
                raise PartialAnswer(f"Alma lists {len(listed)} of {fees.get('total_record_count')} fees.",
                                    expected=fees.get("total_record_count"), found=len(listed))
            total += sum(balance_of(fee) for fee in listed)
        return round(total, 2)

    def put_user(self, primary_id, record, override=""):
        """Replaces a user's record by this one (PUT is swap-all); returns the record as Alma has it. Writes to Alma.

        override: fields that Alma would keep for an External user because somebody set them by hand.
        """
        return self._call("PUT", _user(primary_id), json=record, **({"override": override} if override else {}))

    def delete_user(self, primary_id):
        """Deletes a user; nothing brings the user back. Never sent twice: without an answer, look. Writes to Alma."""
        return self._call("DELETE", _user(primary_id))

    def post_user(self, record):
        """Creates a user. Writes to Alma."""
        return self._call("POST", "/users", json=record)

    # ---- sets

    def find_set(self, name):
        """Returns the user set of exactly this name, or None. Only reads."""
        found = self._pages("/conf/sets", "set", content_type="USER", q="name~" + name.replace(" ", "_"))
        return next((one for one in found if one["name"] == name), None)

    def create_set(self, name, description):
        """Creates an empty itemized user set. Writes to Alma."""
        body = {"name": name, "description": description, "type": {"value": "ITEMIZED"},
                "content": {"value": "USER"}, "private": {"value": "true"}, "status": {"value": "ACTIVE"}}
        return self._call("POST", "/conf/sets", json=body)

    def replace_members(self, set_id, primary_ids):
        """Makes these users the members of an itemized set, a thousand a call. Writes to Alma."""
        for start in range(0, max(1, len(primary_ids)), MEMBERS_A_CALL):
            body = {"members": {"member": [{"id": one} for one in primary_ids[start:start + MEMBERS_A_CALL]]}}
            self._call("POST", f"/conf/sets/{set_id}", json=body, fail_on_invalid_id="true",
                       op="add_members" if start else "replace_members")

    def members(self, set_id):
        """Returns the primary IDs of a set's members, all of them or an error. Only reads."""
        return [one["id"] for one in self._pages(f"/conf/sets/{set_id}/members", "member")]

    def delete_set(self, set_id):
        """Deletes a set, not its members. Writes to Alma."""
        return self._call("DELETE", f"/conf/sets/{set_id}")

    # ---- jobs

    def job(self, name):
        """Returns Alma's manual job of this name, or raises NotFound. Only reads."""
        for one in self._pages("/conf/jobs", "job", type="MANUAL"):
            if one["name"] == name:
                return one
        raise NotFound(f"This Alma lists no job named {name!r} that can be run by API.", status=None, code=None)

    def run_job(self, job_id, parameters):
        """Starts a job with these parameters (a dict of texts); returns the instance's ID. Writes to Alma."""
        body = {"parameter": [{"name": {"value": name}, "value": value} for name, value in parameters.items()]}
        answer = self._call("POST", f"/conf/jobs/{job_id}", json=body, op="run")
        try:
            link = answer["additional_info"]["link"]
        except (KeyError, TypeError):
            link = None
        if "/instances/" not in str(link):
            raise NoAnswer("Alma's answer does not say which job instance was started.", method="POST")
        return link.rstrip("/").rsplit("/", 1)[1]

    def instances(self, job_id):
        """Returns all instances of a job that this Alma still lists. Only reads."""
        return self._pages(f"/conf/jobs/{job_id}/instances", "job_instance")

    def instance(self, job_id, instance_id):
        """Returns one job instance: status, progress, counters. Only reads."""
        return self._get(f"/conf/jobs/{job_id}/instances/{instance_id}")

    def code_table(self, name):
        """Returns the enabled rows of a code table: a frame with the columns code, description. Only reads."""
        rows = self._get(f"/conf/code-tables/{name}").get("row") or []
        enabled = [(row["code"], row["description"]) for row in rows if row.get("enabled")]
        return pd.DataFrame(enabled, columns=["code", "description"])

    # ---- Analytics

    def report_page(self, path="", token="", limit=1000):
        """Returns a page of an Analytics report, XML as bytes: the first by its path, others by its token. Only reads.

        Where the answer to a token is lost, NoAnswer is raised at once: asked again, Alma might give the page after.
        """
        which = {"token": token} if token else {"path": path, "col_names": "true"}
        return self._call("GET", "/analytics/reports", safe=(TooFast,) if token else None, accept="application/xml",
                          limit=limit, **which)

    def report_paths(self, folder):
        """Returns what stands in a folder of Analytics' catalog, a list of (name, "Report" or "Folder"). Only reads."""
        found = self._get("/analytics/paths/" + urllib.parse.quote(folder.rstrip("/"), safe=""))
        return [(one["value"], one["type"]) for one in listed_in(found, "path")]

    def _pages(self, path, key, **query):
        """All pages of a list; fewer entries than Alma counts is an error, not a shorter list."""
        found, total = [], None
        while total is None or len(found) < total:
            page = self._get(path, limit=PAGE, offset=len(found), **query)
            total = page.get("total_record_count", 0)
            listed = listed_in(page, key)
            found += listed
            if not listed:
                break
        if len(found) != total:
            raise PartialAnswer(f"{path}: Alma counts {total} entries but lists {len(found)}.",
                                expected=total, found=len(found))
        return found


def _user(primary_id):
    return "/users/" + urllib.parse.quote(primary_id, safe="")
