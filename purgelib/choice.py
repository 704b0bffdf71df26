"""What staff picked, as a text (TOML) that a person can read and edit and that runs again without a widget."""

import dataclasses
import datetime
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import tomlkit

from purgelib import fields, meant
from purgelib import population as populations
from purgelib.errors import BadChoice
from purgelib.rules import LATER, Policy, RULES
from purgelib.users import key_of

KNOWN = {"title", "institution", "purge_date", "not_before", "problems_read", "set", "policy", "tick", "only",
         "leave_out", "keep", "released"}
NAMED = 5  # of the users of whom a sentence speaks
# What a choice can be narrowed by, beside user group and year of expiry.
FACETS = ("record_type", "account_type", "status", "campus", "years_expired", "verdict")


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which subsets were ticked, who is kept by name and why, the new purge date, under which policy.

    ticks: (user group code, expiry year as text or "none") pairs. only: (one of FACETS, the values that may go) pairs;
    a facet that is not named narrows nothing. leave_out: reasons, as in ``Population.reasons``: whoever has one is left
    out. keep: (primary ID, reason) pairs. released: the same of those who were kept before, and are no longer: it is
    only said, and chooses nobody. sets: (field, text) pairs that users get beside the purge date, of
    ``fields.FIELDS``. not_before: the day before which nobody is handed to a purge. problems_read: how many problems
    of the exports a person says to have read.
    """

    title: str = "untitled"
    purge_date: datetime.date | None = None
    policy: Policy = Policy()
    ticks: frozenset[tuple[str, str]] = frozenset()
    keep: tuple[tuple[str, str], ...] = ()
    institution: str = ""
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    leave_out: tuple[str, ...] = ()
    released: tuple[tuple[str, str], ...] = ()
    not_before: datetime.date | None = None
    problems_read: int = 0
    sets: tuple[tuple[str, str], ...] = ()

    def combinations(self, cube, reasons):
        """Returns a boolean array, a value per combination of a population's cube: is it ticked and not narrowed away.

        reasons: those of the population, see ``Population.reasons``.
        """
        groups, years = (dict(map(reversed, enumerate(cube.values[name]))) for name in ("user_group", "expired"))
        on = np.zeros((len(groups), len(years)), dtype=bool)
        for group, year in self.ticks:
            if group in groups and year in years:
                on[groups[group], years[year]] = True
        found = on[cube.codes["user_group"], cube.codes["expired"]]
        for facet, values in self.only:
            found &= cube.where(facet, values)
        if self.leave_out:
            has = np.array([not set(self.leave_out).isdisjoint(said) for said in reasons] or [False])
            found &= ~has[cube.codes["reason"]]
        return found

    def ticked(self, population):
        """Returns a boolean array, a value per user of the population: is the user in what was ticked."""
        return self.combinations(population.cube, population.reasons)[population.cube.row]

    def kept(self, population):
        """Returns a boolean array: is the user kept by name."""
        return population.table["key"].isin([key_of(one) for one, _ in self.keep]).to_numpy(bool)

    def chosen(self, population):
        """Returns a boolean array: ticked, not kept by name, and no rule says that the user stays."""
        stays = (population.verdict == populations.STAYS).to_numpy(bool)
        return self.ticked(population) & ~self.kept(population) & ~stays

    def counts(self, population):
        """Counts what the ticks mean: a frame of verdicts (and those kept by name) with the column ``users``."""
        ticked, kept = self.ticked(population), self.kept(population)
        found = population.verdict[ticked & ~kept].value_counts().reindex(populations.VERDICTS, fill_value=0)
        rows = [*found.items(), ("kept by name", int((ticked & kept).sum())), ("ticked in all", int(ticked.sum()))]
        return pd.DataFrame(rows, columns=["verdict", "users"])

    def strangers(self, population):
        """Returns the IDs to keep that are nobody's: a slip of the pen here would lose the user."""
        known = set(population.table["key"])
        return [one for one, _ in self.keep if key_of(one) not in known]

    def summary(self, population):
        """Says in one sentence what the ticks mean."""
        n = self.counts(population).set_index("verdict")["users"]
        return (f"{n['ticked in all']:,} users ticked: {n[populations.MAY_GO]:,} may go, "
                f"{n[populations.CHECK]:,} are to be checked live, {n[populations.STAYS]:,} stay all the same, "
                f"{n['kept by name']:,} are kept by name.")

    def to_toml(self):
        """Returns the choice as TOML."""
        by_group = {}
        for group, year in sorted(self.ticks):
            by_group.setdefault(group, []).append(year)
        said = {"title": self.title, "institution": self.institution}
        more = {"purge_date": self.purge_date, "not_before": self.not_before, "problems_read": self.problems_read,
                "leave_out": sorted(self.leave_out), "set": dict(self.sets)}
        said |= {name: value for name, value in more.items() if value}
        said["policy"] = self.policy.to_dict()
        # An empty "tick = []" would be in the way of a person who adds a [[tick]] by hand.
        if by_group:
            said["tick"] = [{"user_group": group, "expired": years} for group, years in by_group.items()]
        if self.only:
            said["only"] = {facet: list(values) for facet, values in sorted(self.only)}
        if self.keep:
            said["keep"] = [{"primary_id": one, "reason": why} for one, why in self.keep]
        if self.released:
            said["released"] = [{"primary_id": one, "reason": why} for one, why in self.released]
        return tomlkit.dumps(said)

    def save(self, folder, population=None):
        """Writes the choice as choice.toml into a run folder, whole or not at all; returns its path.

        A folder whose plan is sealed keeps the choice that it was sealed with: another one is refused. population: who
        is chosen of it is written beside, so that a plan of later exports names newcomers, see ``meant``.
        """
        path = Path(folder) / "choice.toml"
        self._lose_nobody(path)
        sealed = (path.parent / "plan.json").exists()
        if sealed and not (path.exists() and path.read_text(encoding="utf-8") == self.to_toml()):
            raise BadChoice(f"The plan of {path.parent.name} is sealed already, with another choice. Give this run "
                            "another name, and save the choice there.", where=str(path))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(self.to_toml(), encoding="utf-8")
        partial.replace(path)
        if population is not None:
            meant.write(path.parent, population, self)
        return path

    def _lose_nobody(self, path):
        """Another notebook, or a colleague, may have kept somebody there since this choice was made."""
        if not path.exists():
            return
        named = {key_of(one) for one, _ in (*self.keep, *self.released)}
        lost = [one for one, _ in load(path).keep if key_of(one) not in named]
        if lost:
            raise BadChoice(f"{path.parent.name}/{path.name} keeps {_some(lost)}, and this choice does not. Keep them "
                            "here, too, or let them go with a reason ([[released]]); then save again. Nothing was "
                            "saved.", where=str(path), value=lost)

    def keeping(self, primary_id, reason):
        """Returns the choice with one more user kept by name; a reason must be given."""
        return self.keeping_all([(primary_id, reason)])

    def keeping_all(self, pairs):
        """Returns the choice with these (primary ID, reason) pairs kept by name, in the place of earlier ones."""
        if bad := [one for one, why in pairs if not one.strip() or not why.strip()]:
            raise BadChoice("To keep a user, give the primary ID and a reason.", value=bad)
        added = {key_of(one): (one.strip(), why.strip()) for one, why in pairs}
        others, gone = (tuple(pair for pair in old if key_of(pair[0]) not in added)
                        for old in (self.keep, self.released))
        return dataclasses.replace(self, keep=(*others, *added.values()), released=gone)

    def same_policy(self, population):
        """Refuses a population that was judged under another policy than this choice's."""
        if self.policy != population.policy:
            raise BadChoice("The population was judged under another policy than that of the choice. Save the choice, "
                            "and judge the population anew: population.judge(exports, choice.policy).",
                            value=self.policy)


def load(path, otherwise=None):
    """Reads a choice from a TOML file, or from the choice.toml of a run folder. Only reads.

    otherwise: the file to start from while the run folder holds no choice yet.
    """
    path = Path(path)
    path = path / "choice.toml" if path.is_dir() else path
    if otherwise and not path.exists():
        return load(otherwise)
    try:
        # Windows' editors like to put a mark of three bytes first.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadChoice(f"{path.name} is not written in UTF-8: save it as UTF-8 in your editor.",
                        where=path.name) from error
    except OSError as error:
        raise BadChoice(f"There is no choice at {path.parent.name}/{path.name}: save one in 02_choose, or name a "
                        "choice file.", where=str(path)) from error
    return from_toml(text, where=path.name)


def from_toml(text, where="the choice"):
    """Returns the choice that a TOML text holds; anything not understood is an error."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadChoice(f"{where} is not TOML: {error}.", where=where) from error
    if unknown := set(said) - KNOWN:
        raise BadChoice(f"{where} has {', '.join(sorted(unknown))}, which means nothing here; "
                        f"known are {', '.join(sorted(KNOWN))}.", where=where, value=sorted(unknown))
    for name, kind in (("policy", dict), ("only", dict), ("set", dict), ("tick", list), ("keep", list),
                       ("released", list), ("leave_out", list)):
        if not isinstance(said.get(name, kind()), kind):
            raise BadChoice(f"{where}: write [policy], [set] and [only] for a table, [[tick]] and [[keep]] for each "
                            f"entry, leave_out = [...] for a list; found {said[name]!r} for {name}.", where=where,
                            value=said[name])
    made = Choice(title=str(said.get("title", "untitled")), institution=str(said.get("institution", "")),
                  purge_date=_date(said, "purge_date", where), not_before=_date(said, "not_before", where),
                  problems_read=_number(said.get("problems_read", 0), where), sets=_sets(said.get("set", {}), where),
                  policy=Policy.from_dict(said.get("policy", {})),
                  ticks=frozenset(pair for tick in said.get("tick", []) for pair in _pairs(tick, where)),
                  only=_only(said.get("only", {}), where), leave_out=_reasons(said.get("leave_out", []), where),
                  keep=tuple(_kept(one, "keep", where) for one in said.get("keep", [])),
                  released=tuple(_kept(one, "released", where) for one in said.get("released", [])))
    if "policy" not in said:
        raise BadChoice(f"{where} has no [policy]: a choice without one would protect nobody. data/sample/choice.toml "
                        "shows how it looks.", where=where)
    return made


def _date(said, name, where):
    value = said.get(name)
    if value is None or (isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)):
        return value
    raise BadChoice(f"{where}: {name} = {value!r} must be a date without quotes, such as 2026-10-01.",
                    where=where, value=value)


def _number(value, where):
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise BadChoice(f"{where}: problems_read = {value!r} must be the number of problems that were read.", where=where,
                    value=value)


def _sets(said, where):
    """What is set beside the purge date: a day may stand there with quotes or without."""
    if "purge_date" in said:
        raise BadChoice(f"{where}: purge_date stands at the top, not under [set].", where=where, value=said)
    days = {name: str(value) if isinstance(value, datetime.date) else value for name, value in said.items()}
    try:
        return tuple(fields.checked(days).items())
    except BadChoice as error:
        raise BadChoice(f"{where}: [set] {error}", where=where, value=said) from None


def _pairs(tick, where):
    tick = tick if isinstance(tick, dict) else {"": tick}
    group, years = tick.get("user_group"), tick.get("expired")
    texts = [group, *years] if isinstance(years, list) else [None]
    if set(tick) != {"user_group", "expired"} or not all(isinstance(one, str) for one in texts):
        raise BadChoice(f"{where}: a [[tick]] needs user_group (text in quotes, such as \"06\") and expired "
                        f"(list of years in quotes, or \"none\"); found {tick!r}.", where=where, value=tick)
    return [(group, year) for year in years]


def _only(said, where):
    """What a choice is narrowed to; a facet that is not known would narrow nothing, and is refused."""
    for facet, values in said.items():
        if facet not in FACETS or not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            raise BadChoice(f"{where}: [only] {facet} = {values!r} means nothing here; known are {', '.join(FACETS)}, "
                            'each with a list of texts, such as ["PUBLIC"].', where=where, value=values)
    return tuple(sorted((facet, tuple(sorted(set(values)))) for facet, values in said.items()))


def _reasons(said, where):
    known = {text for one in RULES for text in (one.stays, one.unknown, f"{one.unknown}{LATER}")}
    for text in said:
        if text not in known:
            raise BadChoice(f"{where}: leave_out has {text!r}, which is no reason that I know; copy it from the "
                            "picker, or from people.reasons.", where=where, value=text)
    return tuple(sorted(set(said)))


def _kept(one, what, where):
    one = one if isinstance(one, dict) else {"": one}
    if set(one) != {"primary_id", "reason"} or not all(isinstance(v, str) and v.strip() for v in one.values()):
        raise BadChoice(f"{where}: a [[{what}]] needs primary_id and reason, both texts in quotes; found {one!r}.",
                        where=where, value=one)
    return one["primary_id"], one["reason"]


def _some(ids):
    return ", ".join(ids[:NAMED]) + (f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else "")
