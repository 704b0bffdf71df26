"""One call to Alma over HTTP: with the key, at the pace, unless stopped; repeated only where that is safe.

Reading is repeated when it fails in passing; a write never is, except where Alma refused it before looking at it (too
many calls in a second). A write without a usable answer raises ``NoAnswer``: nobody knows yet what happened, and
whoever asked has to look. No error holds anything of the HTTP package's, as the key is in there.
"""

import contextlib
import datetime
import email.utils
import threading
import time
from pathlib import Path

import requests
import tenacity

from purgelib.answers import error_of, tells_of_an_error
from purgelib.errors import Failed, NoAnswer, QuotaSpent, ReadOnly, Stopped, TooFast
from purgelib.keys import Key
from purgelib.pace import Pace

TRIES, TRIES_TOO_FAST = 6, 12
WAIT = tenacity.wait_random_exponential(multiplier=0.1, max=20)  # seconds between tries: growing, and never the same
SLICE = 0.1  # seconds of waiting between two questions whether to go on
KNOWN = 3600  # seconds for which the calls left of the day are taken for known, as a new day fills them up
LATE = 10  # seconds after which a call that breaks off may still be carried out


class Door:
    """Calls to one host with one key. Opened for reading it refuses every verb but GET. Safe to use from many threads.

    url: host, such as https://api-eu.hosted.exlibrisgroup.com; pace: calls a second at most (None: no limit);
    pace_file: SQLite file that all processes of this machine share to keep that pace together; floor: calls of the
    day that are left for others; timeout: seconds for one answer.

    calls: answers so far; remaining: calls left of the day, as Alma said last. stop: an event; set from any thread,
    it ends the run before the next call, as ``stopping_at`` does by a file.
    """

    def __init__(self, url, key, *, writing=False, pace=10, pace_file=None, floor=1000, timeout=60):
        key = Key(key)  # from here on, no traceback can show it
        self.url, self.writing, self.floor, self.timeout = url.rstrip("/"), writing, floor, timeout
        self._authorization = key.sound()
        self.pace, self.stop, self._stop_file = Pace(pace, pace_file), threading.Event(), None
        self.calls, self.remaining, self._told_at, self._date = 0, None, 0.0, None
        self._local, self._counting = threading.local(), threading.Lock()
        self._under_way, self._trying_again = 0, 0

    def __repr__(self):
        return f"<{type(self).__name__} at {self.url}, opened for {'writing' if self.writing else 'reading only'}>"

    @property
    def waiting(self):
        """Why nothing goes on at the moment, in words; empty where calls go through."""
        return self.pace.waiting or (f"tried again, as no answer came: {self._trying_again}"
                                     if self._trying_again else "")

    @property
    def waited(self):
        """Seconds that threads have spent waiting for the pace, in all."""
        return self.pace.waited

    @contextlib.contextmanager
    def stopping_at(self, stop_file):
        """While this lasts, the appearance of that file ends the run before the next call."""
        self._stop_file = Path(stop_file)
        try:
            yield self
        finally:
            self._stop_file = None

    def _get(self, path, /, **query):
        return self._call("GET", path, **query)

    def _call(self, method, path, /, json=None, safe=None, accept="application/json", **query):
        """Repeats what may be repeated (safe): readings that failed in passing, and calls refused as too fast."""
        if method != "GET" and not self.writing:
            raise ReadOnly(f"{self!r} refuses {method} {path.rsplit('/', 1)[0]}; nothing was sent.", method=method)
        safe = safe or ((TooFast, NoAnswer) if method == "GET" else (TooFast,))
        tries = tenacity.Retrying(retry=tenacity.retry_if_exception_type(safe), reraise=True, stop=_enough, wait=WAIT,
                                  before_sleep=self._rest, sleep=lambda seconds: None)
        return tries(self._once, method, path, json, query, accept)

    def _once(self, method, path, json, query, accept):
        session, answer, failure = self._session(), None, None
        request = self._request(session, method, path, json, query, accept)
        settings = session.merge_environment_settings(request.url, {}, None, None, None)
        # As late as possible: what is done between the permit and the sending blurs the pace.
        self._before()
        begun = time.monotonic()
        try:
            answer = session.send(self._authorization(request), timeout=self.timeout, allow_redirects=False, **settings)
        except BaseException as error:  # noqa: B902 - an interrupt in the midst of a call holds the key as well
            failure = self._failed(method, error, time.monotonic() - begun)
        finally:
            request.headers.pop("Authorization", None)
            with self._counting:
                self._under_way -= 1
        # Raised out here, as whatever is raised in the handler would hold the caught one, and that one the key.
        if failure is not None:
            raise failure
        self._note(answer, begun)
        return self._read(method, answer, accept)

    def _request(self, session, method, path, json, query, accept):
        with contextlib.suppress(requests.RequestException):
            return session.prepare_request(requests.Request(
                method, f"{self.url}/almaws/v1{path}", params=query, json=json, headers={"Accept": accept},
                auth=_without_key))
        raise Failed(f"This {method} cannot be written as a call to Alma; nothing was sent.")

    def _failed(self, method, error, seconds):
        """A call that was sent and timed out may still be carried out; a connection that broke off at once will not."""
        if isinstance(error, requests.RequestException):
            late = isinstance(error, requests.ReadTimeout) or seconds > LATE
            return NoAnswer(f"No answer from {self.url} to {method}: {type(error).__name__}.",
                            method=method, timeout=late)
        error.__context__ = error.__cause__ = None
        return error.with_traceback(None)

    def _read(self, method, answer, accept):
        if answer.status_code == 204 and method == "DELETE":
            return None
        if not 200 <= answer.status_code < 300:
            raise error_of(method, answer)
        if accept == "application/xml":
            return answer.content
        said = None
        with contextlib.suppress(ValueError):
            said = answer.json()
        if not isinstance(said, dict):
            raise NoAnswer(f"Alma's answer to {method} is broken off or not what was asked for.", method=method)
        if tells_of_an_error(said):
            raise error_of(method, answer)
        return said

    # ---- before and after

    def _refuse_to_go_on(self):
        if self.stop.is_set():
            raise Stopped("Stopped before the next call. Run the step again to go on.")
        file = self._stop_file
        if file and file.exists():
            raise Stopped(f"{file.name} lies in the run folder: stopped before the next call. "
                          "Delete the file and run the step again to go on.")

    def _before(self):
        self.pace.permit(self._refuse_to_go_on)
        with self._counting:
            known = self.remaining is not None and time.monotonic() - self._told_at < KNOWN
            # Those under way have not been counted by Alma yet.
            short = known and self.remaining - self._under_way <= self.floor
            self._under_way += not short
        if short:
            raise QuotaSpent(f"Only {self.remaining:,} calls of this day are left; {self.floor:,} are left for others. "
                             "Go on tomorrow: the run resumes where it ended.", status=None, code="FLOOR")

    def _rest(self, state):
        """Between two tries: all threads together where Alma said too fast, else this one alone."""
        seconds = state.next_action.sleep
        if isinstance(state.outcome.exception(), TooFast):
            return self.pace.rest(seconds)
        end = time.monotonic() + seconds
        with self._counting:
            self._trying_again += 1
        try:
            while (left := end - time.monotonic()) > 0:
                self._refuse_to_go_on()
                self.stop.wait(min(left, SLICE))
        finally:
            with self._counting:
                self._trying_again -= 1

    def _note(self, answer, begun):
        left = answer.headers.get("X-Exl-Api-Remaining", "")
        with self._counting:
            self.calls += 1
            # Answers overtake each other: more is left only where the call began after the last word on it.
            if left.isdigit() and (self.remaining is None or int(left) <= self.remaining or begun >= self._told_at):
                self.remaining, self._told_at = int(left), time.monotonic()
            self._date = _date(answer.headers.get("Date", ""))

    def _session(self):
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = not self.url.startswith("http://127.0.0.1")
        return self._local.session


def _without_key(request):
    """Keeps the HTTP package from looking for a password of its own; the key is put in just before the sending."""
    return request


def _enough(state):
    """What was refused as too fast was not carried out, and may be tried for longer: about a minute."""
    too_fast = isinstance(state.outcome.exception(), TooFast)
    return state.attempt_number >= (TRIES_TOO_FAST if too_fast else TRIES)


def _date(text):
    try:
        return email.utils.parsedate_to_datetime(text).astimezone(datetime.UTC)
    except (TypeError, ValueError):
        return datetime.datetime.now(datetime.UTC)
