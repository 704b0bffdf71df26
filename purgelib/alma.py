"""The only door to Alma: typed calls, pace, retries, errors. No other module speaks HTTP.

Reading is repeated when it fails in passing; a write never is, except where Alma refused it before
looking at it (too many calls in a second). A write without an answer raises ``NoAnswer``: nobody knows
yet what happened, and whoever asked has to look. The key is in the session's header and nowhere else.
"""

import contextlib
import datetime
import email.utils
import threading
import time
import urllib.parse
from pathlib import Path

import pandas as pd
import pyrate_limiter
import requests
import tenacity

from purgelib.answers import balance_of, error_of, listed_in
from purgelib.errors import (
    NoAnswer,
    NotFound,
    PartialAnswer,
    QuotaSpent,
    ReadOnly,
    Stopped,
    TooFast,
    WrongTarget,
)
from purgelib.keys import Key

PAGE = 100
MEMBERS_A_CALL = 1000
EXPAND = {"expand": "loans,requests,fees"}


class Alma:
    """A connection to one institution. Opened for reading it refuses every verb but GET.

    url: host, such as https://api-eu.hosted.exlibrisgroup.com; pace: calls a second at most (None: no limit);
    pace_file: SQLite file that all processes of this machine share to keep that pace together;
    floor: calls of the day that are left for others; timeout: seconds for one answer.
    """

    def __init__(self, url, key, *, writing=False, pace=10, pace_file=None, floor=1000, timeout=60):
        self.url, self.writing, self.floor, self.timeout = url.rstrip("/"), writing, floor, timeout
        self.calls, self.remaining, self._date, self._stop_file = 0, None, None, None
        self._authorization = Key(key)
        self._local, self._counting = threading.local(), threading.Lock()
        self._limiter = _limiter(pace, pace_file) if pace else None
        self._general = None
        # Set from another thread, it ends the run before the next call; see also ``stopping_at``.
        self.stop = threading.Event()
        self.waiting, self.waited, self._under_way = "", 0.0, 0

    def __repr__(self):
        return f"<Alma at {self.url}, opened for {'writing' if self.writing else 'reading only'}>"

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

    @contextlib.contextmanager
    def stopping_at(self, stop_file):
        """While this lasts, the appearance of that file ends the run before the next call."""
        self._stop_file = Path(stop_file)
        try:
            yield self
        finally:
            self._stop_file = None

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
        """Deletes a user; nothing brings the user back. Writes to Alma."""
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

    # ---- the door

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

    def _get(self, path, /, **query):
        return self._call("GET", path, **query)

    def _call(self, method, path, /, json=None, safe=None, accept="application/json", **query):
        """Repeats what may be repeated (safe): readings that failed in passing, and calls refused as too fast."""
        if method != "GET" and not self.writing:
            raise ReadOnly(f"{self!r} refuses {method} {path.rsplit('/', 1)[0]}; nothing was sent.", method=method)
        safe = safe or ((TooFast, NoAnswer) if method == "GET" else (TooFast,))
        for attempt in tenacity.Retrying(retry=tenacity.retry_if_exception_type(safe), reraise=True,
                                         stop=tenacity.stop_after_attempt(6),
                                         wait=tenacity.wait_random_exponential(multiplier=0.2, max=20)):
            with attempt:
                return self._once(method, path, json, query, accept)

    def _once(self, method, path, json, query, accept):
        self._before()
        try:
            answer = self._session().request(method, f"{self.url}/almaws/v1{path}", params=query, json=json,
                                             headers={"Accept": accept}, timeout=self.timeout,
                                             auth=self._authorization, allow_redirects=False)
        except requests.RequestException as error:
            # "from None": the exception of the library holds the request, and the request the key.
            # A call that was sent and timed out may still be carried out; a connection that broke off will not.
            raise NoAnswer(f"No answer from {self.url} to {method}: {type(error).__name__}.", method=method,
                           timeout=isinstance(error, requests.ReadTimeout)) from None
        finally:
            with self._counting:
                self._under_way -= 1
        self._note(answer)
        if answer.status_code == 204:
            return None
        if answer.ok and accept == "application/xml":
            return answer.content
        if answer.ok:
            try:
                return answer.json()
            except ValueError:
                raise NoAnswer(f"Alma's answer to {method} is broken off or not JSON.", method=method) from None
        raise error_of(method, answer)

    def _before(self):
        if self.stop.is_set():
            raise Stopped("Stopped before the next call. Run the step again to go on.")
        if self._stop_file and self._stop_file.exists():
            raise Stopped(f"{self._stop_file.name} lies in the run folder: stopped before the next call. "
                          "Delete the file and run the step again to go on.")
        if self._limiter:
            before = time.monotonic()
            self._limiter.try_acquire("alma", blocking=True)
            with self._counting:
                self.waited += time.monotonic() - before
        with self._counting:
            # Those under way have not been counted by Alma yet.
            short = self.remaining is not None and self.remaining - self._under_way <= self.floor
            self._under_way += not short
        if short:
            raise QuotaSpent(f"Only {self.remaining:,} calls of this day are left; {self.floor:,} are left for others. "
                             "Go on tomorrow: the run resumes where it ended.", status=None, code="FLOOR")

    def _note(self, answer):
        with self._counting:
            self.calls += 1
        left = answer.headers.get("X-Exl-Api-Remaining", "")
        self.remaining = int(left) if left.isdigit() else self.remaining
        said = email.utils.parsedate_to_datetime(answer.headers["Date"]) if "Date" in answer.headers else None
        self._date = (said or datetime.datetime.now(datetime.UTC)).astimezone(datetime.UTC)

    def _session(self):
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = not self.url.startswith("http://127.0.0.1")
        return self._local.session


def _limiter(pace, pace_file):
    rates = [pyrate_limiter.Rate(pace, pyrate_limiter.Duration.SECOND)]
    if pace_file is None:
        return pyrate_limiter.Limiter(rates)
    Path(pace_file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return pyrate_limiter.Limiter(pyrate_limiter.SQLiteBucket.init_from_file(
        rates, table="calls", db_path=str(pace_file), use_file_lock=True))


def _user(primary_id):
    return "/users/" + urllib.parse.quote(primary_id, safe="")
