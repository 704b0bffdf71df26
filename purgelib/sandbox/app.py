"""The front of the sandbox: finds who answers a call, keeps writes whole, and dresses the answer for HTTP."""

import dataclasses
import json
import logging

from purgelib.sandbox import (
    analytics,
    assumptions,
    clock,
    door,
    envelope,
    faults,
    gate,
    gateway,
    meddling,
    nightly,
    routes,
    tables,
    xmlform,
)
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError
from purgelib.sandbox.work import Worker

log = logging.getLogger("purgelib.sandbox")


class Sandbox:
    """A pretend Alma as a function from call to answer."""

    def __init__(self, store, about=None):
        self.store = store
        self.about = about or {}
        # Without a server nobody else lets jobs and nights go on.
        self.alone = about is None
        self.settings = _settings(store)
        self.gate = gate.Gate(self.settings, store.clock)
        self.faults = faults.Faults()
        self.worker = Worker(store, self.settings)
        self.calls = 0
        # Answers that failed for a reason that nobody ordered; tests want none.
        self.crashes = 0
        self._day = None

    def respond(self, call):
        """Returns status, headers and body for a call, and the fault that was asked for, if any."""
        self.calls += 1
        tables.TABLES.use(self.store)
        fault = None
        try:
            if self.alone:
                self.worker.step()
                self.pass_night()
            if not call.is_alma:
                answer = door.answer(self, call)
            else:
                self.gate.check(call)
                fault = self.faults.due(call)
                answer = self._meddled(call, fault)
            body = _body(call, answer)
        except AlmaError as error:
            answer = self._refusal(call, error)
            body = answer.content
        except Exception:
            self.crashes += 1
            log.exception("%s %s failed within the sandbox itself", call.method, call.path)
            answer = self._refusal(call, AlmaError(assumptions.CRASH, "Internal server error.", 500))
            body = answer.content
        return answer.status, self._headers(call, answer), body, fault

    def pass_night(self):
        """Lets the night come over Analytics when the clock has passed midnight."""
        today = self.store.clock.today()
        if today != self._day:
            nightly.run_if_due(self.store)
            self._day = today

    def _meddled(self, call, fault):
        """Carries the call out, with whatever other people do right before or right after it."""
        if not fault or not fault.do.startswith(meddling.KINDS):
            return self._faulty(call, fault)
        who = meddling.whom(self.store, call)
        if fault.do.endswith("_before"):
            self._meddle(fault, who)
            return self._faulty(call, fault)
        try:
            return self._faulty(call, fault)
        finally:
            self._meddle(fault, who)

    def _meddle(self, fault, who):
        fault.refused += not meddling.meddle(self.store, fault.do, who, fault.change)

    def _faulty(self, call, fault):
        if not fault:
            return self._act(call)
        refusal = fault.refusal()
        if refusal:
            raise refusal
        if fault.do in ("html_before", "cut_before"):
            return gateway.page(fault.status)
        if fault.do == "still_loading":
            return analytics.still_loading(call)
        call.fault = fault.do
        try:
            answer = self._act(call, lie=fault.do == "lie")
        except AlmaError:
            if fault.do not in ("error_after", "html_after", "garbage"):
                raise
        # Whatever Alma said, a refusal too, this is all that the client hears.
        if fault.do == "error_after":
            raise gate.trouble(fault.status)
        if fault.do == "html_after":
            return gateway.page(fault.status)
        return gateway.nonsense() if fault.do == "garbage" else answer

    def _act(self, call, lie=False):
        if call.method == "OPTIONS" and routes.verbs_of(call.path):
            return Answer(status=204, headers={"Allow": ", ".join(routes.verbs_of(call.path))})
        if call.method in ("GET", "HEAD"):
            call = call if call.method == "GET" else dataclasses.replace(call, method="GET")
            act, parts = routes.find(call)
            return act(self.store, call, *parts)
        act, parts = routes.find(call)
        with self.store.transaction():
            answer = act(self.store, call, *parts)
            if lie:
                self.store.undo()
        self.worker.open = True
        return answer

    def _refusal(self, call, error):
        tracking = envelope.tracking_id(self.store.clock.now(), self.calls)
        if not call.is_alma or call.wants_json and not error.always_xml:
            text, media = envelope.as_json(error, tracking), "application/json"
        else:
            text, media = envelope.as_xml(error, tracking), "application/xml"
        return Answer(text.encode(), status=error.status, media=media, headers=error.headers)

    def _headers(self, call, answer):
        as_json = call.wants_json or not call.is_alma
        media = answer.media or ("application/json" if as_json else "application/xml")
        headers = {"Date": clock.http_date(self.store.clock.now()), "Server": "Layer7-API-Gateway",
                   "X-Request-ID": envelope.request_id(self.calls)}
        if answer.status != 204:
            headers["Content-Type"] = f"{media};charset=UTF-8"
        if call.is_alma and answer.media != "text/html":
            headers["X-Exl-Api-Remaining"] = str(self.gate.remaining)
        return {**headers, **answer.headers} if answer.headers else headers


def _settings(store):
    """Returns the settings kept; those that the state of an earlier version lacks are as by default."""
    kept = store.get("settings") or {}
    whole = {**assumptions.SETTINGS, **kept}
    whole["purge_job"] = {**assumptions.SETTINGS["purge_job"], **whole["purge_job"]}
    if whole != kept:
        with store.transaction():
            store.put("settings", whole)
    return whole


def _body(call, answer):
    if answer.status == 204:
        return b""
    if isinstance(answer.content, bytes):
        return answer.content
    if call.wants_json or not call.is_alma:
        return json.dumps(answer.content, ensure_ascii=False, separators=(",", ":")).encode()
    return xmlform.write(answer.name, answer.content)
