"""A pretend Alma over HTTP for a test, last night's exports of it, a sealed plan, and a colleague at work in Alma."""

import contextlib
import datetime
import json
import os
import signal
import sqlite3

import pytest
import requests
import tenacity

from purgelib import alma, choice, copies, door, exports, guards, journal, plan, population, rules, sandbox
from purgelib.sandbox import exports as last_night

USERS = 400
PURGE_DATE = datetime.date(2026, 11, 1)
POLICY = {"protected_groups": ("01", "02", "03", "30", "40", "ISHARE"), "protected_ids": ("leganto_guest",),
          "max_share": 1.0, "max_group_share": 1.0, "canary": 2}


class Meddled(alma.Alma):
    """A client to whom something happens right before or right after a call: hooks take method and path."""

    before = after = staticmethod(lambda method, path: None)

    def _once(self, method, path, json, query, accept):
        self.before(method, path)
        try:
            return super()._once(method, path, json, query, accept)
        finally:
            self.after(method, path)


class Practice:
    """A small university over HTTP. ``ask`` and what is built on it is a colleague, who writes for good reason."""

    def __init__(self, folder, inputs, users=USERS):
        self.folder, self.inputs, self.users, self._clients, self._colleagues = folder, inputs, users, [], set()
        self.where, self.sets = sandbox.ensure(folder / "alma", users), ()
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers.update({"Authorization": f"apikey {self.where.key}", "Accept": "application/json"})
        self.door("POST", "settings", {"job_seconds": 0.1})

    def close(self):
        for one in [self._http, *(client._session() for client in self._clients)]:
            one.close()
        # Nothing of it is wanted any more, so it need not end politely; stop waits until it has.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.where.pid, signal.SIGKILL)
        sandbox.stop(self.folder / "alma")

    # ---- the tool's side

    def alma(self, writing=True, key=None, **more):
        made = Meddled(self.where.url, key or self.where.key, writing=writing, **{"pace": None, "floor": 0, **more})
        self._clients.append(made)
        return made

    def seal(self, name="run", years=range(2014, 2017), keep=(), **policy):
        wanted = rules.Policy(**POLICY | policy)
        people = population.judge(exports.read(self.inputs), wanted)
        ticks = frozenset((group, str(year)) for group in ("05", "06", "08") for year in years)
        chosen = choice.Choice("Those who left", PURGE_DATE, wanted, ticks, tuple(keep), "Invented University",
                               sets=self.sets)
        client = self.alma(writing=False)
        return plan.seal(self.folder / "runs" / name, people, chosen, client.target(), client.today(), self.inputs)

    # ---- the sandbox's control door

    def door(self, method, what, body=None, **query):
        answer = self._http.request(method, f"{self.where.url}/sandbox/{what}", json=body, params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def faults(self, *rules):
        self.door("DELETE", "faults")
        self.door("POST", "faults", list(rules))

    def ledger(self):
        return self.door("GET", "ledger")["ledger"]

    def written(self):
        """What the tool has written, by the sandbox's own ledger: all but the colleague's lines."""
        return [line for line in self.ledger() if line["n"] not in self._colleagues]

    def truth(self):
        return self.door("GET", "truth")["since_last_night"]

    # ---- a colleague

    def ask(self, method, where, body=None, **query):
        answer = self._http.request(method, f"{self.where.url}/almaws/v1/{where}", json=body, params=query, timeout=10)
        if method != "GET" and answer.ok:
            self._colleagues.add(self.ledger()[-1]["n"])
        return answer

    def user(self, primary_id):
        answer = self.ask("GET", "users/" + requests.utils.quote(primary_id, safe=""))
        return answer.json() if answer.ok else None

    def change(self, primary_id, **fields):
        """A colleague edits a user; a field that is None is taken away."""
        record = {k: v for k, v in (self.user(primary_id) | fields).items() if k not in fields or v is not None}
        # What was set by hand on an external user yields to another hand only.
        assert self.ask("PUT", f"users/{primary_id}", record, override=",".join(fields)).ok

    def delete(self, primary_id):
        assert self.ask("DELETE", f"users/{primary_id}").ok

    def everybody(self):
        """Every user's full record, by primary ID."""
        pages = [self.ask("GET", "users", limit=100, offset=n, expand="full").json().get("user", [])
                 for n in range(0, self.users + 200, 100)]
        return {one["primary_id"]: one for page in pages for one in page}

    def going(self, sealed):
        """Who of a plan may go as Alma is now, told from Alma's records and its own notes of last night."""
        changed = {one for ids in self.truth().values() for one in ids}
        now = self.everybody()
        return sorted(one for one in sealed.users["primary_id"] if one in now and one not in changed and not any(
            now[one].get(field) for field in ("user_block", "proxy_for_user", "source_link_id", "linking_id")))

    # ---- what only Alma itself does

    @contextlib.contextmanager
    def database(self):
        with contextlib.closing(sqlite3.connect(self.folder / "alma" / "alma.sqlite", timeout=10)) as found:
            yield found
            found.commit()

    def edit(self, primary_id, act):
        """Alma itself changes a record, in ways that no PUT can: act changes the dict."""
        with self.database() as db:
            found = db.execute("select record from users where primary_id = ?", (primary_id,)).fetchone()
            record = json.loads(found[0])
            act(record)
            db.execute("update users set record = ? where primary_id = ?", (json.dumps(record), primary_id))

    def give(self, kind, primary_id):
        """A user gets a copy of somebody's open loan, request or fee (kind: the name of the table)."""
        with self.database() as db:
            names = [row[1] for row in db.execute(f"pragma table_info({kind})")]
            number = db.execute("select id from users where primary_id = ?", (primary_id,)).fetchone()[0]
            status = {"loans": "ACTIVE", "requests": "active", "fees": "INDISPUTE"}[kind]
            row = db.execute(f"select * from {kind} where status = ? limit 1", (status,)).fetchone()
            row = dict(zip(names, row, strict=True)) | {"id": f"{kind}-{primary_id}", "user_id": number}
            db.execute(f"insert into {kind} values ({', '.join('?' * len(row))})", tuple(row.values()))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Last night's exports of the small university."""
    folder = tmp_path_factory.mktemp("exports")
    last_night.write(folder, USERS)
    return folder


@pytest.fixture
def practice(tmp_path, inputs):
    """A small university of its own for each test that writes."""
    with contextlib.closing(Practice(tmp_path, inputs)) as made:
        yield made


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, inputs):
    """A small university for tests that only read."""
    with contextlib.closing(Practice(tmp_path_factory.mktemp("quiet"), inputs)) as made:
        yield made


@pytest.fixture(scope="session")
def driven(tmp_path_factory):
    """One JupyterLab for all browser tests that this process runs, with runs of its own."""
    from labdrive import Lab, need_chromium  # the driver of the browser is slow to import

    need_chromium()
    root = tmp_path_factory.mktemp("lab")
    with Lab(root, data=root / "data") as one:
        yield one


@pytest.fixture
def hasty(monkeypatch):
    """Nobody waits before trying again: what is tried again stays the same."""
    monkeypatch.setattr(door, "WAIT", tenacity.wait_none())


@pytest.fixture
def plain(alma):
    """An External graduate of the test's own `alma`, a sandbox in memory, without anything that stands in the way."""
    return alma.ask("GET", f"users/{alma.store.get('differences')['renewed'][0]}").json


def typed(sealed):
    """What a person types to have this plan carried out."""
    return guards.to_be_typed(sealed.header)


def files(folder):
    """Every file below a folder with its bytes, but for the lock, which holds nothing."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "journal.lock"}


def keys(sealed):
    """Opens the copies of a run whose policy names no recipient."""
    return copies.identities(sealed.folder.parent / plan.COPIES_KEY)


def states(sealed, action=plan.UPDATE):
    """Primary ID -> state, by the journal on disk."""
    return journal.read(sealed.folder).states(action)


def by_state(sealed, *wanted, action=plan.UPDATE):
    """The users in one of these states, by the journal on disk."""
    return sorted(one for one, state in states(sealed, action).items() if state in wanted)


def agree(practice, sealed):
    """Journal and ledger tell the same: exactly those confirmed were written, once each, the purge date only."""
    puts = [line for line in practice.written() if line["method"] == "PUT"]
    assert sorted(line["primary_id"] for line in puts) == by_state(sealed, journal.CONFIRMED)
    assert all(set(line["changed"]) == {"purge_date"} for line in puts)
    assert set(states(sealed)) <= set(sealed.users["primary_id"])
    assert by_state(sealed, *journal.OPEN) == []
