"""What changed since last time: who came, who went, who moved between verdicts, between two exports or since a plan.

Users are matched by their key, so an ID that is only written otherwise is the same user.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from purgelib import exports, lists, plan
from purgelib.errors import BadChoice
from purgelib.population import judge, Population, STAYS
from purgelib.users import key_of

PLANNED, NOT_PLANNED, NOBODY = "planned", "not planned", "not there"
CAME, WENT = "came", "went"
MOVED = ["primary_id", "user_group after", "verdict before", "verdict after", "reason before", "reason after"]
FEW = 0.1  # of the smaller one: with fewer users in both, they are hardly two days of one institution


@dataclasses.dataclass(frozen=True, repr=False)
class Changes:
    """Two lists of users, matched. Made by ``changes.between``; only reads.

    before, after: frames with a row per user: primary_id, user_group (its code), verdict, reason, expiry_date,
    purge_date. at: per user after, the place of the same user before, or -1. stayed: per user before, whether the
    user is there after. dates_known: per user before, whether the dates are known. said: of what days these are.
    lacking: kinds of exports that only one of the two has.
    """

    before: pd.DataFrame
    after: pd.DataFrame
    at: np.ndarray
    stayed: np.ndarray
    dates_known: np.ndarray
    names: dict
    said: tuple[str, str]
    lacking: tuple[str, ...] = ()

    @functools.cached_property
    def changed(self):
        """Returns for each user who is there both times what changed: a frame of booleans, a column per fact."""
        both = self.at >= 0
        old, new = self.before.iloc[self.at[both]], self.after[both]
        made = {name: _codes(old[name], new[name]) for name in ("user_group", "verdict")}
        known = self.dates_known[self.at[both]]
        for name in ("expiry_date", "purge_date"):
            one, other = (frame[name].to_numpy("datetime64[s]") for frame in (old, new))
            made[name] = known & (one != other) & ~(np.isnat(one) & np.isnat(other))
        if PLANNED in self.before["verdict"].cat.categories:
            # A plan knows who is planned, not every verdict: whoever was planned and stays now has moved.
            planned, stays = (old["verdict"] == PLANNED).to_numpy(), (new["verdict"] == STAYS).to_numpy()
            made["verdict"] = planned & stays
        return pd.DataFrame(made, index=new.index)

    @functools.cached_property
    def by_group(self):
        """Returns a frame with a row per user group: before + came - went + moved in - moved out = after; and changes.

        Groups without any user stand nowhere; the largest is first.
        """
        both = self.at >= 0
        old = self.before["user_group"].iloc[self.at[both]]
        new, moved = self.after["user_group"][both], self.changed["user_group"].to_numpy()
        kinds = {"before": self.before["user_group"], CAME: self.after["user_group"][~both],
                 WENT: self.before["user_group"][~self.stayed], "moved in": new[moved],
                 "moved out": old[moved], "after": self.after["user_group"],
                 "new verdict": new[self.changed["verdict"].to_numpy()],
                 "new expiry date": new[self.changed["expiry_date"].to_numpy()],
                 "new purge date": new[self.changed["purge_date"].to_numpy()]}
        counts = pd.DataFrame({name: one.astype("category").value_counts() for name, one in kinds.items()})
        counts = counts.fillna(0).astype(int)
        counts = counts[counts.any(axis=1)].sort_values("after", ascending=False, kind="stable")
        return counts.set_axis(pd.Index([self.names.get(code, code) for code in counts.index], name="user group"))

    @functools.cached_property
    def verdicts(self):
        """Returns who moved between verdicts: a frame of counts, a row per verdict before, a column per verdict after.

        Whoever came or went is counted as not there before or after; the sum of all is everybody, each once.
        """
        rows, columns = ([*one.cat.categories, NOBODY] for one in (self.before["verdict"], self.after["verdict"]))
        old, new = self.before["verdict"].cat.codes.to_numpy(), self.after["verdict"].cat.codes.to_numpy()
        counts = np.zeros((len(rows), len(columns)), dtype=np.int64)
        np.add.at(counts, (np.where(self.at >= 0, old[self.at], len(rows) - 1) if len(old) else
                           np.full(len(new), len(rows) - 1), new), 1)
        np.add.at(counts, (old[~self.stayed], len(columns) - 1), 1)
        return pd.DataFrame(counts, pd.Index(rows, name="before"), pd.Index(columns, name="after"))

    @functools.cached_property
    def users(self):
        """Returns every user of whom anything changed, with what it was and what it is: a frame, a row per user.

        The column change says came, went, or which facts changed.
        """
        both = self.at >= 0
        changed, came = self.changed.to_numpy(), np.flatnonzero(~both)
        moved, went = np.flatnonzero(both)[changed.any(axis=1)], np.flatnonzero(~self.stayed)
        names = np.array([f"{name.replace('_', ' ')} changed" for name in self.changed], dtype=object)
        patterns, which = np.unique(changed[changed.any(axis=1)], axis=0, return_inverse=True)
        words = np.array([", ".join(names[pattern]) for pattern in patterns] or [""], dtype=object)[which.ravel()]
        sides = [(self.before, np.concatenate([self.at[moved], went, np.full(len(came), -1)])),
                 (self.after, np.concatenate([moved, np.full(len(went), -1), came]))]
        old, new = (frame.reindex(at) for frame, at in sides)
        old, new = (frame.reset_index(drop=True) for frame in (old, new))
        made = {"primary_id": new["primary_id"].fillna(old["primary_id"]),
                "change": [*words, *[WENT] * len(went), *[CAME] * len(came)]}
        for name in ("user_group", "verdict", "reason", "expiry_date", "purge_date"):
            made |= {f"{name} before": old[name].array, f"{name} after": new[name].array}
        return pd.DataFrame(made)

    def moved(self):
        """Returns the single users who are there both times with another verdict: a frame of MOVED."""
        moved = self.users["change"].astype("str").str.contains("verdict")
        return self.users.loc[moved, MOVED].reset_index(drop=True)

    def first_sentence(self):
        """Says in one sentence how many came and went."""
        return (f"{self.said[0]}: {len(self.before):,} users. {self.said[1]}: {len(self.after):,}. "
                f"{int((self.at < 0).sum()):,} came, {int((~self.stayed).sum()):,} went.")

    def sentences(self):
        """Says the rest: who moved between which verdicts, and how many facts changed."""
        counts, said = self.verdicts, []
        for before in counts.index.drop(NOBODY):
            where = {after: n for after, n in counts.loc[before].items() if n and after != before}
            if where:
                said.append(f"{before} before: {_told(where, 'now ')}.")
        came = {after: n for after, n in counts.loc[NOBODY].items() if n}
        said += [f"Of those who came: {_told(came)}."] if came else []
        facts = [f"{int(self.changed[name].sum()):,} have another {what}" for name, what in
                 (("user_group", "user group"), ("expiry_date", "expiry date"), ("purge_date", "purge date"))]
        said += [f"Only one of the two has exports of {', '.join(self.lacking)}: verdicts differ by that alone, too."
                 ] if self.lacking else []
        few = (self.at >= 0).sum() < FEW * min(len(self.before), len(self.after))
        said += ["Hardly anybody is there both times: is one of the two of another institution?"] if few else []
        return [*said, f"Of those there both times: {', '.join(facts)}."]

    def summary(self):
        """Says in words what changed."""
        return "\n".join([self.first_sentence(), *self.sentences()])

    __repr__ = summary


def _told(counts, now=""):
    return ", ".join(f"{n:,} {now}{'stay' if verdict == STAYS else verdict}" for verdict, n in counts.items())


def between(before, after):
    """Compares everybody before with everybody after; returns Changes. Only reads.

    before: a population, or a run folder whose plan says who was planned. after: a population. What the plan does not
    say (the dates of those not planned) is not compared.
    """
    if not isinstance(after, Population) or not isinstance(before, str | Path | Population):
        raise BadChoice("Two populations can be compared, or the folder of a run with a plan and a population: "
                        "changes.between(before, after). For a folder of exports take changes.since(folder, after).",
                        where="before", value=type(before).__name__)
    lacking = ()
    if isinstance(before, str | Path):
        (old, keys, known, said), names = _planned(Path(before)), {}
    else:
        lacking = tuple(sorted(_kinds(before) ^ _kinds(after)))
        old, keys, known, said = *_judged(before), f"As of {before.as_of:%d %B %Y}"
        names = before.group_names
    new, new_keys, _ = _judged(after)
    at, stayed = _matched(keys, new_keys)
    return Changes(old, new, at, stayed, known, names | after.group_names, (said, f"As of {after.as_of:%d %B %Y}"),
                   lacking)


def since(where, after):
    """Compares with what lies in a folder: a run with its plan, or exports of another day; returns Changes. Only reads.

    where: the folder; exports in it are judged by the policy of after. An empty text: nothing to compare with, so that
    nobody came or went.
    """
    if not where:
        return between(after, after)
    if not isinstance(where, str | Path) or not Path(where).is_dir():
        raise BadChoice(f"{str(where)!r} is no folder: name one with earlier exports, or that of an earlier run. An "
                        "empty text compares with nothing.", where="before", value=str(where))
    if (Path(where) / "plan.json").exists():
        return between(where, after)
    return between(judge(exports.read(where, strict=False), after.policy), after)


def _kinds(population):
    """Of which kinds the exports were; users apart, as they are always there."""
    return {kind for source in population.inputs for kind in source.kind.split(", ")} - {"users", "ignored", "headings"}


def _judged(population):
    """A population's users as they are compared, their keys, and that their dates are known."""
    table = population.table
    made = {"primary_id": table["primary_id"].array, "user_group": population.facets["user_group"].array,
            "verdict": population.verdict.array, "reason": population.reason.array,
            "expiry_date": table["expiry_date"].array, "purge_date": table["purge_date"].array}
    return pd.DataFrame(made), table["key"], np.ones(len(table), dtype=bool)


def _planned(folder):
    """A run folder's users as they are compared: those planned with their facts, the others with their reasons."""
    sealed = plan.load(folder)
    rest = lists.read(folder / "not_chosen.csv") if "not_chosen.csv" in sealed.header["files"] else None
    both = [sealed.users, rest if rest is not None else sealed.users[:0]]
    everybody = pd.concat(both, ignore_index=True).fillna("")
    known = np.arange(len(everybody)) < len(sealed)
    days = {"expiry_date": everybody["expiry_date"], "purge_date": everybody["purge_date"]}
    made = {"primary_id": everybody["primary_id"],
            "user_group": everybody["user_group"].astype("category"),
            "verdict": pd.Categorical.from_codes(np.where(known, 0, 1), [PLANNED, NOT_PLANNED]),
            "reason": everybody["reason"].astype("category")}
    made |= {name: pd.to_datetime(text, format="%Y-%m-%d", errors="coerce") for name, text in days.items()}
    said = f"Plan {folder.resolve().name}, data of {sealed.header['data_date']}"
    return pd.DataFrame(made), key_of(everybody["primary_id"]), known, said


def _matched(before, after):
    """Returns for each key after its place before (-1 for none), and for each key before whether it is there after."""
    old, new = (pa.array(keys, type=pa.large_string(), from_pandas=True) for keys in (before, after))
    found = pc.index_in(new, value_set=old, skip_nulls=True)
    at = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    stayed = np.zeros(len(before), dtype=bool)
    stayed[at[at >= 0]] = True
    return at, stayed


def _codes(old, new):
    """Whether two categories of as many users differ, user by user."""
    place = {name: code for code, name in enumerate(new.cat.categories)}
    same = np.array([place.get(name, -2) for name in old.cat.categories] or [-2])
    return same[old.cat.codes.to_numpy()] != new.cat.codes.to_numpy()
