"""Other people's Alma clients, unchanged and in their own process, take the sandbox for Alma.

Each script of tests/foreign goes through what its client offers and says at every step what the client made of the
answer and what is really so, read the plain way. Here the two are compared, and at the end the sandbox's ledger is
held against what the client was asked to do.
"""

import collections
import contextlib
import json
import os
import pathlib
import subprocess
import urllib.request

import pytest

from purgelib import sandbox

pytestmark = pytest.mark.foreign
ROOT = pathlib.Path(__file__).parents[1]
PYTHON = ROOT / ".foreign" / "bin" / "python"
# So many that a report has more rows than one page may hold.
USERS = 1200
STEPS = {
    "almapiwrapper": (
        "create", "find by ID, whatever its case", "find by barcode", "find by search", "change a purge date",
        "read the purge date back", "add a note", "remove a note", "delete", "gone", "find many", "find nobody",
        "loans", "no loans", "fees", "no fees", "requests", "no requests", "no delete with loans",
        "create a set with members", "find a set by name", "list members", "members are those sent",
        "a member twice", "read a job", "start a job", "watch a job", "list instances",
        "read users back after the job", "create a saved search", "make a list of a search", "remove sets",
        "set not found", "libraries", "report", "report not found", "wrong key", "read-only key reads",
        "read-only key writes", "wait after 429", "give up after three times 429"),
    "almapipy": (
        "create", "find by ID, whatever its case", "find by barcode", "find by search", "the hit is the one",
        "find many", "not found", "gone", "find in XML", "identifiers in XML", "find many in XML",
        "not found in XML", "loans", "no loans", "loans in XML", "fees", "no fees", "fees in XML", "requests",
        "no requests", "requests in XML", "loans page by page", "closed fees", "create a set", "add members",
        "list members", "find a set by name", "remove members", "nobody in the set", "libraries", "institution",
        "code table", "code table in XML", "read a job", "watch a job", "how the job ended", "list instances",
        "read users back after the job", "report", "missing cells are missing", "folder of reports",
        "report not found", "wrong key", "raise after 429", "wrong key in XML", "raise after 429 in XML"),
    "almaapitk": (
        "create", "create twice", "find by ID, whatever its case", "find by barcode", "find by search",
        "change a purge date", "read the purge date back", "add a note", "expired", "delete", "gone", "find many",
        "find nobody", "loans", "no loans", "fees", "no fees", "requests", "no requests", "count loans",
        "count fees", "count requests", "deposits", "personal data", "no delete with loans", "create a set",
        "list members", "validate the set", "a member twice", "a member unknown", "list sets", "watch a job",
        "how the job ended", "read users back after the job", "remove members", "rename the set", "set not found",
        "connection", "libraries", "institution", "code table", "no code table", "wrong key",
        "read-only key reads", "read-only key writes", "wait after 429", "no second POST after 429",
        "nobody was made", "report", "headings", "report not found"),
}
# What each client was asked to write, and nothing besides: verb and kind of thing -> how often.
WRITES = {
    "almapiwrapper": {"POST users": 1, "PUT users": 3, "DELETE users": 1, "POST conf/sets": 4, "POST conf/jobs": 1,
                      "JOB": 12, "DELETE conf/sets": 3},
    "almapipy": {"POST users": 1, "DELETE users": 1, "POST conf/sets": 5, "POST conf/jobs": 1, "JOB": 1},
    "almaapitk": {"POST users": 1, "PUT users": 2, "DELETE users": 1, "POST conf/sets": 3, "POST conf/jobs": 1,
                  "JOB": 12, "PUT conf/sets": 1, "DELETE conf/sets": 1},
}


class Run:
    """What a client did to a sandbox of its own: its steps, its end, and the ledger."""

    def __init__(self, name, folder):
        self.name = name
        self.where = sandbox.ensure(folder / "alma", USERS)
        try:
            self._door("settings", {"job_seconds": 0.1})
            self.ended = self._run(folder)
            self.ledger = self._door("ledger")["ledger"]
        finally:
            sandbox.stop(folder / "alma")
        self.steps = {}
        for line in self.ended.stdout.splitlines():
            step = json.loads(line)
            self.steps[step["step"]] = step

    def _run(self, folder):
        script = ROOT / "tests" / "foreign" / f"with_{self.name}.py"
        # No proxy and no setting of ours; their log files stay in the folder of the test.
        outside = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1"}
        order = [PYTHON, script, self.where.url, self.where.key, sandbox.READ_ONLY_KEY]
        return subprocess.run(order, cwd=folder, env=outside, capture_output=True, text=True, timeout=120, check=False)

    def _door(self, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        with contextlib.closing(urllib.request.urlopen(f"{self.where.url}/sandbox/{what}", data, timeout=10)) as said:
            return json.load(said)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The runs of all clients, one after the other."""
    if not PYTHON.exists():
        # Only make makes their environment; whoever calls pytest by hand is told so, and CI does not let it pass.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Other people's clients are missing: say make foreign.")
    return {name: Run(name, tmp_path_factory.mktemp(name)) for name in STEPS}


@pytest.mark.parametrize(("client", "step"), [(client, step) for client, steps in STEPS.items() for step in steps])
def test_a_foreign_client_sees_what_is_so(runs, client, step):
    assert step in runs[client].steps, f"never came to this step:\n{runs[client].ended.stderr[-3000:]}"
    assert runs[client].steps[step]["client"] == runs[client].steps[step]["plain"]


@pytest.mark.parametrize("client", STEPS)
def test_a_foreign_client_gets_to_the_end(runs, client):
    assert runs[client].ended.returncode == 0, runs[client].ended.stderr[-3000:]
    assert list(runs[client].steps) == list(STEPS[client])


@pytest.mark.parametrize("client", STEPS)
def test_the_ledger_has_what_the_foreign_client_wrote(runs, client):
    ledger = runs[client].ledger
    kinds = [line["method"] if line["method"] == "JOB" else f"{line['method']} {_kind(line['path'])}"
             for line in ledger]
    assert collections.Counter(kinds) == WRITES[client]
    changed = [set(line["changed"]) for line in ledger if line["method"] in ("PUT", "JOB") and line["primary_id"]]
    assert all(fields in ({"purge_date"}, {"user_note"}) for fields in changed)


def test_the_lock_pins_every_client_and_names_no_registry():
    folder = ROOT / "tests" / "foreign"
    lock = (folder / "requirements.lock").read_text()
    wanted = [line.split(";")[0].strip() for line in (folder / "requirements.in").read_text().splitlines()
              if "==" in line and not line.startswith("#")]
    assert len(wanted) == len(STEPS)
    assert all(f"\n{pin} " in f"\n{lock}" for pin in wanted)
    assert "://" not in lock


def _kind(path):
    parts = path.split("?")[0].split("/")
    return "/".join(parts[:2]) if parts[0] == "conf" else parts[0]
