"""Whatever moment a process is killed at, its journal opens, and holds all that it had said was written.

A writer is killed again and again, and goes on each time. It tells each step after the journal has returned from it.
"""

import os
import subprocess
import sys

import pytest

LIVES = """
import json, os, random, signal, sys, time
from pathlib import Path
from purgelib import copies, fields, journal, looks
from purgelib.journal import CONFIRMED, FAILED, INTENDED, OPEN, SENT

ACTION, BATCH, NEW = "update user", 7, {"purge_date": "2026-11-01", "note": "gone"}
folder, kills = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(int(sys.argv[3]))
vault = copies.Vault([copies.key_here(folder.parent / "key")])
keys = copies.identities(folder.parent / "key")


def record(one):
    return {"primary_id": one, "last_name": "x" * (int(one[1:]) % 900), "purge_date": "2020-01-01Z"}


def live(tell):
    with journal.open(folder, vault=vault) as book, looks.open(folder) as seen:
        states = book.states(ACTION)
        asked = [one for one, state in states.items() if state in OPEN]
        book.settle_all([(one, ACTION, {}, NEW, CONFIRMED, "asked Alma") for one in asked])
        tell("settled", asked)
        for start in range(len(states), 10 ** 9, BATCH):
            ids = [f"u{n}" for n in range(start, start + BATCH)]
            seen.add([(one, 1.0, "would be set", "") for one in ids])
            tell("looked", ids)
            book.intend([(one, ACTION, record(one), NEW) for one in ids])
            tell("intended", ids)
            book.sent(ids, ACTION)
            tell("sent", ids)
            if start % 3:
                book.settle_all([(one, ACTION, {}, NEW, CONFIRMED, "read back") for one in ids])
            else:
                book.forget([(one, ACTION, {}, NEW, FAILED, "Alma said no") for one in ids])
            tell("settled", ids)
            book.note_job("purge", set_id=ids[-1], state="intended")
            tell("job", ids[-1:])


def one_life():
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            live(lambda step, ids: os.write(writing, json.dumps([step, ids]).encode() + b"\\n"))
        except BaseException as error:
            os.write(writing, json.dumps(["error", [repr(error)]]).encode() + b"\\n")
        os._exit(1)
    os.close(writing)
    time.sleep(chance.choice([0.01, 0.04, 0.12]) * chance.random())
    os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as said:
        told = [json.loads(line) for line in said if line.endswith("\\n")]
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, told[-1:]
    return told


def check(told, known):
    journal.read(folder).close()
    with journal.open(folder) as book, looks.open(folder) as seen:
        states, looked, job = book.states(ACTION), seen.owed(24), book.job("purge")
        for step, ids in told:
            assert step != "error", ids
            for one in ids:
                if step == "looked":
                    assert looked[one] == 1.0
                elif step == "job":
                    assert int(job["set_id"][1:]) >= int(one[1:]) and job["state"] == "intended"
                else:
                    assert states[one] in {"intended": (INTENDED, SENT, CONFIRMED, FAILED),
                                           "sent": (SENT, CONFIRMED, FAILED), "settled": (CONFIRMED, FAILED)}[step]
        assert sorted(map(len, (known, states)))[0] == len(known) and not set(known) - set(states), "somebody was lost"
        assert all(states[one] == state for one, state in known.items() if state not in OPEN)
        assert len(states) % BATCH == 0 and set(states) == {f"u{n}" for n in range(len(states))}
        rows = book.results()
        assert len(rows) == len(states), "one state each"
        for one in set(states) - set(known):
            assert book.copy_of(one, keys) == record(one)
            before = book.before(one, ACTION)
            assert states[one] == FAILED or before["old"] == fields.seen(record(one), NEW)
            assert states[one] == FAILED or before["digest"] == copies.digest(record(one), NEW)
        for start in range(0, len(states), BATCH):
            batch = {states[f"u{n}"] for n in range(start, start + BATCH)}
            assert len(batch) == 1, batch
    return states


known, steps = {}, {}
for n in range(kills):
    told = one_life()
    known = check(told, known)
    last = told[-1][0] if told else "nothing"
    steps[last] = steps.get(last, 0) + 1
assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
print(json.dumps({"kills": kills, "users": len(known), "last told": steps}))
"""


@pytest.mark.skipif(os.name != "posix", reason="a process is killed like this only there")
@pytest.mark.parametrize(("kills", "seed"), [(15, 1), pytest.param(300, 2, marks=pytest.mark.long)])
def test_a_writer_that_is_killed_at_any_moment_loses_nothing_it_had_acknowledged(tmp_path, kills, seed):
    (tmp_path / "run").mkdir()
    done = subprocess.run([sys.executable, "-c", LIVES, str(tmp_path / "run"), str(kills), str(seed)], text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert '"users": 0' not in done.stdout
