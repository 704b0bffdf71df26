"""A frozen, hashed, saved list: whom, what, why, seen when. Only a saved plan can be carried out.

A plan is a run folder with ``plan.json`` (the header), ``users.csv`` (who is acted on), ``set.txt`` (the
same IDs, as Alma takes them), ``not_chosen.csv`` (everybody else, with reasons) and ``choice.toml``. The
header holds the fingerprint of each, and its own.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
import shutil
from pathlib import Path

import pandas as pd

from purgelib import choice as choices
from purgelib import guards, lists, meant
from purgelib.errors import BadChoice, PlanRefused, PurgeError
from purgelib.rules import Policy
from purgelib.users import key_of

# What is done to a user.
SET_PURGE_DATE, PURGE, DATE_BACK, USER_BACK = "set purge date", "purge", "restore purge date", "re-create user"
COLUMNS = ["primary_id", "action", "old", "new", "user_group", "name", "expiry_date", "account_type", "record_type",
           "reason"]
FACTS = ["user_group", "name", "expiry_date", "account_type", "record_type"]
EXPORTS = (".csv", ".txt", ".tsv", ".xlsx", ".xml", ".xls", ".xlsm", ".xlsb", ".ods", ".htm", ".html", ".zip")
SEALED = ("users.csv", "set.txt", "not_chosen.csv", "choice.toml")


@dataclasses.dataclass(frozen=True)
class Plan:
    """A plan that was read from its folder and found unchanged. ``users``: a frame of texts, columns COLUMNS."""

    folder: Path
    header: dict
    users: pd.DataFrame

    def __len__(self):
        return len(self.users)

    @property
    def policy(self):
        """Returns the policy under which the plan was sealed."""
        return Policy.from_dict(self.header["policy"])

    def summary(self):
        """Says in one sentence what the plan does, to how many, and until when."""
        head = self.header
        return (f"Plan {self.folder.name!r}: {head['kind']} for {len(self):,} of {head['population']:,} users of "
                f"{head['target']['name']} ({head['target']['environment']}), data of {head['data_date']}, "
                f"may be carried out until {head['valid_until']}.")


def seal(folder, population, choice, target, today, inputs_folder=None):
    """Seals the chosen users as a plan in that run folder; returns the Plan. Writes to disk, not to Alma.

    A folder that already holds a plan is never sealed again: the plan that is there is returned if it was
    made of the same choice and exports, and otherwise refused.
    """
    folder = Path(folder)
    chosen = choice.chosen(population)
    if choice.policy != population.policy:
        raise BadChoice("The population was judged under another policy than that of the choice. Judge it anew: "
                        "population.judge(exports, choice.policy).", value=choice.policy)
    made_of = _made_of(population, choice)
    if (folder / "plan.json").exists():
        return _same(load(folder), made_of)
    guards.someone_to_purge(int(chosen.sum()))
    guards.within_limits(choice.policy, int(chosen.sum()), len(population))
    guards.protected_named(choice.policy)
    guards.data_fresh(choice.policy, population.as_of.date(), today)
    guards.purge_date_past(choice.purge_date, today, population.as_of.date())
    guards.meant_for(choice.institution, target)
    meant.refuse_newcomers(folder, population, chosen)
    if strangers := choice.strangers(population):
        raise BadChoice(f"To be kept, but nobody in the export: {', '.join(strangers)}. Correct the ID in the choice, "
                        "or the user would not be kept.", value=strangers)
    header = {"kind": SET_PURGE_DATE, "title": choice.title, "target": target, "created": str(today),
              "valid_until": str(today + datetime.timedelta(days=choice.policy.plan_life_days)),
              "purge_after": str(today + datetime.timedelta(days=choice.policy.keep_files_days)),
              "purge_date": str(choice.purge_date), "population": len(population), "made_of": made_of,
              "data_date": str(population.as_of.date()), "policy": choice.policy.to_dict(),
              "inputs_folder": inputs_folder and os.path.relpath(inputs_folder, folder),
              "funnel": population.funnel().to_dict("split", index=False)["data"]}
    choice.save(folder)
    lists.write(_not_chosen(population, choice, chosen), folder / "not_chosen.csv")
    return write(folder, header, _rows(population, choice, chosen))


def write(folder, header, rows):
    """Writes users.csv, set.txt and, last, plan.json; returns the Plan read back. Writes to disk, not to Alma."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lists.write(rows[COLUMNS], folder / "users.csv")
    _private(folder / "set.txt").write_text("\n".join(["USERNAME", *rows["primary_id"]]) + "\n", encoding="utf-8")
    header = {"format": 1, **header, "users": len(rows), "tool": importlib.metadata.version("purgelib"),
              "files": {name: _sha256(folder / name) for name in SEALED if (folder / name).exists()}}
    header["seal"] = _seal_of(header)
    partial = _private(folder / "plan.partial")
    partial.write_bytes(_as_bytes(header))
    partial.replace(folder / "plan.json")
    return load(folder)


def load(folder):
    """Reads a plan and refuses it if one byte of it was changed. Only reads."""
    folder = Path(folder)
    header = _header(folder)
    for name, sha256 in header["files"].items():
        if not (folder / name).exists() or _sha256(folder / name) != sha256:
            raise _changed(folder, name)
    return Plan(folder, header, lists.read(folder / "users.csv"))


def refuse_newer_export(sealed):
    """Refuses a plan beside whose exports a newer one lies, or one of them was replaced. Only reads.

    They may be deleted. Asked before a plan is carried out, not when an old run is looked at or undone.
    """
    header, folder = sealed.header, sealed.folder
    where = header.get("inputs_folder")
    if not where or not (folder / where).is_dir():
        return
    known = {one["file"]: one["sha256"] for one in header["made_of"]["inputs"]}
    for path in sorted((folder / where).iterdir()):
        export = path.suffix.lower() in EXPORTS or path.name == "headings.toml"
        if export and path.is_file() and _sha256(path) != known.get(path.name):
            raise PlanRefused(f"{path.name} is not among the exports that this plan was made of, or was replaced. "
                              "Make a new plan from the new export.", folder=str(folder), differs=path.name)


def _header(folder):
    try:
        data = (folder / "plan.json").read_bytes()
        header = json.loads(data)
    except FileNotFoundError:
        raise PlanRefused(f"There is no plan in {folder.name}: seal one in 03_plan.", folder=str(folder),
                          differs="plan.json") from None
    except ValueError as error:
        raise _changed(folder, "plan.json") from error
    # Byte by byte: a changed blank means nothing to JSON, but somebody was here.
    if not isinstance(header, dict) or header.get("seal") != _seal_of(header) or data != _as_bytes(header):
        raise _changed(folder, "plan.json")
    return header


def _as_bytes(header):
    return json.dumps(header, indent=2, ensure_ascii=False).encode()


def _changed(folder, name):
    return PlanRefused(f"{folder.name}/{name} is not what was sealed: it was changed or damaged since. Nothing of this "
                       "plan will be carried out. Make a new plan.", folder=str(folder), differs=name)


def _same(plan, made_of):
    if plan.header.get("made_of") != made_of:
        raise PlanRefused(f"{plan.folder.name} already holds a plan made of another choice or other exports. A sealed "
                          "plan is not replaced: give the new run another name.", folder=str(plan.folder),
                          differs="made_of")
    return plan


def _made_of(population, choice):
    return {"choice": hashlib.sha256(choice.to_toml().encode()).hexdigest(),
            "inputs": [{"name": s.name, "file": s.file, "kind": s.kind, "rows": s.rows, "data_date": str(s.data_date),
                        "sha256": s.sha256} for s in population.inputs]}


def _rows(population, choice, chosen):
    table = population.table[chosen]
    texts = table[["primary_id", "user_group", "name", "account_type", "record_type"]].astype("str")
    return texts.assign(**{
        "action": SET_PURGE_DATE, "old": _day_text(table["purge_date"]), "new": str(choice.purge_date),
        "expiry_date": _day_text(table["expiry_date"]),
        "reason": population.reason[chosen].astype("str"),
    }).fillna("").sort_values("primary_id")


def _not_chosen(population, choice, chosen):
    table, kept = population.table, {key_of(one): why for one, why in choice.keep}
    reason = population.reason.astype("str").mask(~choice.ticked(population) &
                                                  (population.verdict != "stays").to_numpy(bool), "not ticked")
    by_name = table["key"].map(kept).astype("str")
    reason = reason.mask(by_name.notna(), "kept by name: " + by_name.fillna(""))
    made = pd.DataFrame({"primary_id": table["primary_id"], "user_group": table["user_group"].astype("str"),
                         "reason": reason})
    return made[~chosen].fillna("")


def _day_text(days):
    return days.dt.strftime("%Y-%m-%d").fillna("")


def _seal_of(header):
    body = {name: value for name, value in header.items() if name != "seal"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _private(path):
    """Makes the file readable for its owner only, before anything is in it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    return path


def remove_due(runs_folder, today):
    """Removes the run folders whose personal data is due; returns their names. Deletes files.

    A plan says when (``purge_after``). A run that never got one is due ``keep_files_days`` after its newest file: those
    of its choice, or of the policy as it comes. A run whose plan.json was changed, or is gone though there is a
    journal, is left to a person.
    """
    removed = []
    for folder in sorted(path for path in Path(runs_folder).glob("*/") if not path.is_symlink()):
        with contextlib.suppress(PlanRefused):
            if _due(folder) < today:
                shutil.rmtree(folder)
                removed.append(folder.name)
    return removed


def _due(folder):
    """The last day on which the folder may lie there; date.max for one that nobody but a person may remove."""
    if (folder / "plan.json").exists():
        return datetime.date.fromisoformat(_header(folder).get("purge_after", "9999-12-31"))
    there = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    if any(path.name in ("plan.json", "journal.sqlite") for path in there):
        return datetime.date.max
    newest = datetime.date.fromtimestamp(max(path.lstat().st_mtime for path in there or [folder]))
    return newest + min(datetime.timedelta(days=_keep_files_days(folder)), datetime.date.max - newest)


def _keep_files_days(folder):
    """As the choice in the folder says; as the policy comes where there is none, or none that can be read."""
    try:
        return min(choices.load(folder).policy.keep_files_days, 10 ** 8)
    except (PurgeError, OSError, ValueError):
        return Policy().keep_files_days
