"""A frozen, hashed, saved list: whom, what, why, seen when. Only a saved plan can be carried out.

A plan is a run folder with ``plan.json`` (the header), ``users.csv`` (who is acted on), ``set.txt`` (the
same IDs, as Alma takes them), ``not_chosen.csv`` (everybody else, with reasons) and ``choice.toml``. The
header holds the fingerprint of each, and its own.
"""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path

import pandas as pd

from purgelib import copies, fields, guards, lists, meant, planned
from purgelib.errors import BadChoice, PlanRefused
from purgelib.population import STAYS
from purgelib.rules import Policy

# What is done to a user.
UPDATE, PURGE, BACK, USER_BACK = "update user", "purge", "put back", "re-create user"
EXPORTS = (".csv", ".txt", ".tsv", ".xlsx", ".xml", ".xls", ".xlsm", ".xlsb", ".ods", ".htm", ".html", ".zip")
FORMAT = 2
# Beside the run folders: opens the copies of runs whose policy names no recipient, which production refuses.
COPIES_KEY = "copies.key"
SEALED = ("users.csv", "set.txt", "not_chosen.csv", "choice.toml")


@dataclasses.dataclass(frozen=True)
class Plan:
    """A plan that was read from its folder and found unchanged.

    users: a frame of texts, a row per user, with the columns ``planned.columns(fields)``.
    """

    folder: Path
    header: dict
    users: pd.DataFrame

    def __len__(self):
        return len(self.users)

    @property
    def policy(self):
        """Returns the policy under which the plan was sealed."""
        return Policy.from_dict(self.header["policy"])

    @property
    def fields(self):
        """Returns the names of the fields that the plan sets (of ``fields.FIELDS``)."""
        return tuple(self.header["fields"])

    def changes(self, user):
        """Returns what a row of ``users`` says of the fields: two dicts of field -> text, as seen and as wanted."""
        return tuple({name: getattr(user, f"{when}_{name}") for name in self.fields} for when in ("old", "new"))

    def summary(self):
        """Says in a few sentences what the plan does, to how many, and when."""
        head = self.header
        wait = f" Users are not handed to a purge before {head['not_before']}." if head.get("not_before") else ""
        return (f"Plan {self.folder.name!r}: {head['kind']} ({fields.words(head['sets'])}) for {len(self):,} of "
                f"{head['population']:,} users of {head['target']['name']} ({head['target']['environment']}), data of "
                f"{head['data_date']}, may be carried out until {head['valid_until']}.{wait}")


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
    _refuse(population, choice, chosen, target, today)
    meant.refuse_newcomers(folder, population, chosen)
    sets, wait = planned.sets_of(choice, folder.name), choice.not_before
    last = max(today, wait or today) + datetime.timedelta(days=choice.policy.plan_life_days)
    header = {"kind": UPDATE, "title": choice.title, "target": target, "created": str(today), "valid_until": str(last),
              "not_before": wait and str(wait),
              "purge_after": str(today + datetime.timedelta(days=choice.policy.keep_files_days)),
              "fields": list(sets), "sets": sets, "population": len(population), "made_of": made_of,
              "data_date": str(population.as_of.date()), "policy": choice.policy.to_dict(),
              "copies_to": list(choice.policy.copies_to) or [copies.key_here(folder.parent / COPIES_KEY)],
              "inputs_folder": inputs_folder and os.path.relpath(inputs_folder, folder),
              "funnel": population.funnel().to_dict("split", index=False)["data"]}
    choice.save(folder)
    lists.write(planned.not_chosen(population, choice, chosen, STAYS), folder / "not_chosen.csv")
    return write(folder, header, planned.rows(population, chosen, UPDATE, sets))


def _refuse(population, choice, chosen, target, today):
    """Every guard that speaks before a plan is sealed, in the order staff would ask."""
    policy = choice.policy
    guards.meant_for(choice.institution, target)
    guards.someone_to_purge(int(chosen.sum()))
    guards.within_limits(policy, int(chosen.sum()), len(population))
    groups = population.facets["user_group"]
    guards.within_groups(policy, groups[chosen].value_counts(), groups.value_counts(), population.group_names)
    guards.protected_named(policy)
    guards.data_fresh(policy, population.as_of.date(), today)
    guards.something_set(choice)
    guards.purge_date_fits(policy, choice.purge_date, choice.not_before, today, population.as_of.date())
    guards.problems_read(choice.problems_read, 0 if population.problems is None else len(population.problems))
    guards.copies_sealed(policy, target)
    copies.Vault(policy.copies_to)  # a mistyped line is refused now, not when the first record is to be copied
    if strangers := choice.strangers(population):
        raise BadChoice(f"To be kept, but nobody in the export: {', '.join(strangers)}. Correct the ID in the choice, "
                        "or the user would not be kept.", value=strangers)


def write(folder, header, rows):
    """Writes users.csv, set.txt and, last, plan.json; returns the Plan read back. Writes to disk, not to Alma."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lists.write(rows[planned.columns(header["fields"])], folder / "users.csv")
    _private(folder / "set.txt").write_text("\n".join(["USERNAME", *rows["primary_id"]]) + "\n", encoding="utf-8")
    header = {"format": FORMAT, **header, "users": len(rows), "tool": importlib.metadata.version("purgelib"),
              "files": {name: _sha256(folder / name) for name in SEALED if (folder / name).exists()}}
    header["seal"] = _seal_of(header)
    partial = _private(folder / "plan.partial")
    partial.write_bytes(_as_bytes(header))
    partial.replace(folder / "plan.json")
    return load(folder)


def load(folder):
    """Reads a plan and refuses it if one byte of it was changed. Only reads."""
    folder = Path(folder)
    found = header(folder)
    if found.get("format") != FORMAT:
        raise PlanRefused(f"{folder.name} was sealed by version {found.get('tool')} of this tool, in a form that this "
                          "version does not carry out. Use that version, or make a new plan.", folder=str(folder),
                          differs="format")
    for name, sha256 in found["files"].items():
        if not (folder / name).exists() or _sha256(folder / name) != sha256:
            raise _changed(folder, name)
    return Plan(folder, found, lists.read(folder / "users.csv"))


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


def header(folder):
    """Reads a plan's header and refuses it if one byte of it was changed. Only reads."""
    folder = Path(folder)
    try:
        data = (folder / "plan.json").read_bytes()
        found = json.loads(data)
    except FileNotFoundError:
        raise PlanRefused(f"There is no plan in {folder.name}: seal one in 03_plan.", folder=str(folder),
                          differs="plan.json") from None
    except ValueError as error:
        raise _changed(folder, "plan.json") from error
    # Byte by byte: a changed blank means nothing to JSON, but somebody was here.
    if not isinstance(found, dict) or found.get("seal") != _seal_of(found) or data != _as_bytes(found):
        raise _changed(folder, "plan.json")
    return found


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
