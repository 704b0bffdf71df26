"""A random sample of those chosen, to look at with one's own eyes in Alma; the answers are kept, and what they mean.

The same seed draws the same users from the same exports, whatever the order of their rows. Whoever was found wrong, or
has an answer that is not clear, is kept.
"""

import dataclasses
import hashlib
import html
import math
import urllib.parse
from pathlib import Path

import numpy as np
import pandas as pd

from purgelib import bounds, forms, identifiers, lists
from purgelib.choice import Choice
from purgelib.errors import BadChoice
from purgelib.users import key_of

FILE = "checked.csv"
# As it is, and as a spreadsheet program saves it under another form.
FILES = (FILE, "checked.xlsx")
RIGHT, WRONG = "right", "wrong"
COLUMNS = {"primary_id": "Primary ID", "name": "Name", "user_group": "User group", "expired": "Expired",
           "expiry_date": "Expiry date", "purge_date": "Purge date", "reason": "Reasons", "link": "Link",
           "answer": "Answer (right or wrong)", "note": "Note"}
BESIDE = " (more is written beside)"
FOUND_WRONG, NOT_CLEAR = "found wrong in the sample", "answer in the sample not clear"


@dataclasses.dataclass(frozen=True)
class Sample:
    """The users drawn. table: a row each, with the facts to compare; shown with links. everybody: keys of all users."""

    table: pd.DataFrame
    everybody: pd.Series = dataclasses.field(repr=False)

    def __len__(self):
        return len(self.table)

    def _repr_html_(self):
        shown = self.table.drop(columns=["answer", "note"]).rename(columns=COLUMNS)
        shown["Link"] = [f'<a href="{html.escape(one)}" target="_blank" rel="noreferrer">open Alma</a>' if one else ""
                         for one in shown["Link"]]
        if not any(self.table["link"]):
            shown = shown.drop(columns="Link")
        texts = {name: html.escape for name in shown.columns if name != "Link"}
        return shown.to_html(index=False, escape=False, formatters=texts)

    def save(self, folder):
        """Writes checked.csv into a run folder, to be filled in; answers that are there already stay. Returns the path.

        Answers about users who are not in this sample any more stay, too. Writes to disk, not to Alma.
        """
        old = _filled(folder)
        old = old[(old["answer"] != "") | (old["note"] != "")]
        meant = _meant(old["primary_id"], self.everybody)
        old["key"] = [keys[0] if len(keys) == 1 else key_of(one)
                      for keys, one in zip(meant, old["primary_id"], strict=True)]
        new = self.table.assign(key=key_of(self.table["primary_id"]))
        # Of two answers about a user, the one that lets the user go does not count.
        old = old.assign(state=_states(old)).sort_values("state", key=lambda said: said != RIGHT, kind="stable")
        told = old.drop_duplicates("key", keep="last").set_index("key")
        for name in ("answer", "note"):
            new[name] = told[name].reindex(new["key"]).fillna("").to_numpy()
        return _write(folder, pd.concat([new, old[~old["key"].isin(new["key"])]], ignore_index=True))


def draw(population, choice, n=5, seed=1, start_page=""):
    """Draws n of those chosen from each ticked subset, or all where there are fewer; returns a Sample. Only reads.

    start_page: address of your Alma, to paste the ID into its search for users. Alma documents no address that opens a
    user; if you know one that works for you, write {primary_id} where the ID belongs.
    """
    choice.same_policy(population)
    where = np.flatnonzero(choice.chosen(population))
    table = population.table.iloc[where]
    facets = population.facets.iloc[where]
    subset = facets["user_group"].cat.codes.to_numpy(np.int64) * len(facets["expired"].cat.categories) \
        + facets["expired"].cat.codes.to_numpy()
    order = np.lexsort((_lots(table["key"], seed), subset))
    sorted_ones = subset[order]
    starts = np.searchsorted(sorted_ones, sorted_ones)
    taken = order[np.arange(len(order)) - starts < n]
    return Sample(_facts(population, where[taken], start_page), population.table["key"])


def _lots(keys, seed):
    """A number per user that depends on nothing but the seed and the ID."""
    salt = hashlib.sha256(str(seed).encode()).hexdigest()[:16]
    return pd.util.hash_array(keys.to_numpy(object), hash_key=salt, categorize=False)


def _facts(population, at, start_page):
    table, facets = population.table.iloc[at], population.facets.iloc[at]
    if start_page and urllib.parse.urlsplit(start_page).scheme != "https":
        raise BadChoice(f"{start_page!r} is no address of an Alma: it begins with https://.", value=start_page)
    made = pd.DataFrame({"primary_id": table["primary_id"], "name": table["name"],
                         "user_group": facets["user_group"].map(population.group_names), "expired": facets["expired"],
                         "reason": facets["reason"], "answer": "", "note": ""}).astype("str")
    for name in ("expiry_date", "purge_date"):
        made[name] = table[name].dt.strftime("%Y-%m-%d").fillna("")
    made["link"] = [start_page.replace("{primary_id}", urllib.parse.quote(one, safe="")) for one in table["primary_id"]]
    return made.fillna("")[list(COLUMNS)].reset_index(drop=True)


def answer(folder, primary_id, said, note=""):
    """Writes one answer, right or wrong, into checked.csv of a run folder. Writes to disk, not to Alma."""
    rows = _filled(folder)
    here = key_of(rows["primary_id"]) == key_of(primary_id)
    if said not in (RIGHT, WRONG) or not here.any():
        raise BadChoice(f"The answer is {RIGHT!r} or {WRONG!r}, about a user of the sample; {primary_id!r} with "
                        f"{said!r} is not.", value=(primary_id, said))
    rows.loc[here, ["answer", "note"]] = [said, note]
    _write(folder, rows)


def _write(folder, rows):
    if (Path(folder) / FILES[1]).exists():
        raise BadChoice(f"Answers were also saved as {FILES[1]}. Save them as {FILE}, and move {FILES[1]} away.",
                        where=FILES[1])
    return lists.write(rows[list(COLUMNS)].fillna("").rename(columns=COLUMNS), Path(folder) / FILE)


def _filled(folder):
    """The rows of checked.csv, as we wrote it or as Excel saved it again: texts, with file and row."""
    known = {heading.casefold(): name for name, heading in COLUMNS.items()}
    nothing = dict.fromkeys(["file", "beside", *COLUMNS], pd.Series(dtype="str"))
    made = [pd.DataFrame(nothing | {"row": pd.Series(dtype="int64")})]
    for path in (Path(folder) / name for name in FILES):
        for sheet in forms.read(path, path.name, _is_header).sheets if path.exists() else ():
            named = [known.get(heading.strip().casefold()) for heading in sheet.headings]
            cells = [sheet.cells.column(at).to_pandas().astype("str").fillna("").str.strip().str.removeprefix("'")
                     for at in range(len(named))]
            texts = {name: cells[named.index(name)] for name in named if name}
            # In a column of one's own, or under a heading that stands there twice: it may be the answer.
            beside = [cells[at] for at, name in enumerate(named) if not name or named.index(name) != at]
            texts["beside"] = pd.concat(beside, axis=1).agg(lambda row: " ".join(filter(None, row)), axis=1) \
                if beside else pd.Series("", index=range(len(sheet.numbers)))
            made.append(pd.DataFrame(texts, dtype="str").assign(file=path.name, row=sheet.numbers))
            if sheet.lost:
                raise BadChoice(f"{path.name}, row {sheet.lost[0].number}: {sheet.lost[0].why}.", where=path.name)
    rows = pd.concat(made, ignore_index=True).fillna("")
    rows["note"] = (rows["note"] + " " + rows["beside"]).str.strip()
    rows.loc[(rows["beside"] != "") & (rows["answer"].str.casefold() != WRONG), "answer"] += BESIDE
    return rows.drop(columns="beside")


def _is_header(cells):
    return {COLUMNS[name].casefold() for name in ("primary_id", "answer", "note")} <= {one.casefold() for one in cells}


def _meant(primary_ids, keys):
    """Whom each ID means: a list of keys, several where a program damaged the ID, none where it is nobody's."""
    own, known = key_of(primary_ids), set(keys)
    damaged = [one for one, key in zip(primary_ids, own, strict=True) if key not in known]
    near = keys[identifiers.may_mean(damaged, keys)] if damaged else keys[:0]
    return [[key] if key in known else near[identifiers.may_mean([one], near)].tolist() if len(near) else []
            for one, key in zip(primary_ids, own, strict=True)]


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was found. choice: with those found wrong kept; kept: primary_id, reason of those added to it.

    looked_at, wrong, waiting: numbers of users, among the ``users`` who were ticked and may go. subsets: the same by
    user group and year of expiry. named: answers that could not be understood: file, row, primary_id, answer, problem.
    answers: what was answered about whom: key, state, answer, note.
    """

    choice: Choice
    users: int
    looked_at: int
    wrong: int
    waiting: int
    kept: pd.DataFrame
    subsets: pd.DataFrame
    named: pd.DataFrame
    answers: pd.DataFrame

    def summary(self):
        """Says in words how many were looked at, how many were wrong, and what that means for the others."""
        unclear = f" {len(self.named):,} answers are not clear: see named." if len(self.named) else ""
        if not self.users:
            return f"Nobody is chosen, so there is nobody to look at: tick some users first.{unclear}"
        if not self.looked_at:
            return f"Nobody was looked at yet; {self.waiting:,} users are waiting in {FILE}.{unclear}"
        said = (f"{self.wrong:,} of {self.looked_at:,} looked at were wrong; {self.waiting:,} are still to be looked "
                f"at.{unclear} ")
        if self.looked_at >= self.users:
            return said + "Everybody was looked at; those wrong are kept."
        share = f"up to about {_percent(bounds.of_all(self.subsets))} of the others may be wrong"
        if self.wrong:
            told = self.subsets[self.subsets["looked at"] > 0]
            more = ((told["users"] - told["looked at"]) * told["wrong"] / told["looked at"]).sum()
            return said + (f"Those wrong are kept, but {share}, too; counted subset by subset, about "
                           f"{math.ceil(more):,} users. Do not go on before you know why.")
        return said + f"Still, {share} (95 % sure): the more you look at, the smaller this gets."


def read(folder, population, choice):
    """Reads the answers of a run folder; returns Checked. Only reads. Whoever is wrong or not clear is kept.

    An answer that says wrong about an ID that is nobody's raises BadChoice, as that user could not be kept.
    """
    if not any((Path(folder) / name).exists() for name in FILES):
        raise BadChoice(f"There is no {FILE} in {Path(folder).name}: draw a sample and save it there first.",
                        where=FILE)
    choice.same_policy(population)
    rows = _filled(folder)
    rows["keys"] = pd.Series(_meant(rows["primary_id"], population.table["key"]), rows.index, dtype=object)
    rows["state"] = _states(rows)
    _refuse_nobody(rows)
    right = rows["state"] == RIGHT
    problem = np.select([rows["state"] == NOT_CLEAR, right & (rows["keys"].str.len() != 1),
                         right & (rows["note"] != "")],
                        [f"Write {RIGHT} or {WRONG}. Until then the user is kept.",
                         "Nobody, or more than one user, may have this ID: not counted as looked at.",
                         f"Says {RIGHT}, and more: read the note. The user is not kept."], "")
    named = rows.assign(problem=problem)[problem != ""][["file", "row", "primary_id", "answer", "problem"]]
    kept, more = _kept(rows, population, choice)
    counts = _subsets(rows, population, choice)
    numbers = counts[["users", "looked at", "wrong", "waiting"]].sum()
    counts["at most wrong"] = [_percent(bounds.of_subset(*one)) if one[1] else "" for one in
                               counts[["users", "looked at", "wrong"]].itertuples(index=False)]
    drawn = counts[counts["looked at"] + counts["waiting"] > 0]
    return Checked(more, *map(int, numbers), kept, drawn.reset_index(drop=True), named.reset_index(drop=True),
                   _answers(rows))


def _answers(rows):
    """What was answered, a row per user whom it may be about; right counts only where it is clear who is meant."""
    sure = (rows["state"] != "") & ((rows["state"] != RIGHT) | (rows["keys"].str.len() == 1))
    told = rows[sure].explode("keys").rename(columns={"keys": "key"})
    return told[["key", "state", "answer", "note"]].reset_index(drop=True)


def _states(rows):
    said = rows["answer"].str.casefold()
    nothing = (said == "") & (rows["note"] == "")
    return pd.Series(np.select([said == RIGHT, said == WRONG, nothing], [RIGHT, WRONG, ""], NOT_CLEAR), rows.index)


def _refuse_nobody(rows):
    lost = rows[rows["state"].isin([WRONG, NOT_CLEAR]) & (rows["keys"].str.len() == 0)]
    if len(lost):
        raise BadChoice(f"{FILE}: nobody has the ID {', '.join(lost['primary_id'])} (row "
                        f"{', '.join(lost['row'].astype('str'))}), so a user who is wrong would not be kept. Correct "
                        "the ID.", where=FILE, value=lost["primary_id"].tolist())


def _kept(rows, population, choice):
    """Whom the answers keep beside those whom the choice keeps already, and the choice with them."""
    names = population.table.drop_duplicates("key").set_index("key")["primary_id"]
    before, found = {key_of(one) for one, _ in choice.keep}, {}
    for keys, state, said, note in rows[["keys", "state", "answer", "note"]].itertuples(index=False):
        if state in (WRONG, NOT_CLEAR):
            why = f"{FOUND_WRONG}: {note}" if state == WRONG and note else FOUND_WRONG
            why = why if state == WRONG else ": ".join(one for one in (NOT_CLEAR, said, note) if one)
            found.update({key: why for key in keys if key not in before and key not in found})
    pairs = tuple((names[key], why) for key, why in found.items())
    return pd.DataFrame(pairs, columns=["primary_id", "reason"], dtype="str"), \
        choice.keeping_all(pairs)


def _subsets(rows, population, choice):
    """Counts by subset, among those who were ticked and may go; of two answers about a user, wrong counts."""
    told = rows[rows["keys"].str.len() > 0].assign(key=rows["keys"].str[0])
    told = told[(told["state"] != RIGHT) | (told["keys"].str.len() == 1)]
    keys = population.table["key"]
    made = population.facets[["user_group", "expired"]].assign(
        users=1, wrong=keys.isin(told.loc[told["state"] == WRONG, "key"]).astype(int),
        right=keys.isin(told.loc[told["state"] == RIGHT, "key"]), there=keys.isin(told["key"]))
    made["looked at"] = (made["right"] | (made["wrong"] > 0)).astype(int)
    made["waiting"] = (made["there"] & (made["looked at"] == 0)).astype(int)
    mine = made[dataclasses.replace(choice, keep=()).chosen(population)]
    counts = mine.groupby(["user_group", "expired"], observed=True)[["users", "looked at", "wrong", "waiting"]].sum()
    return counts.reset_index().astype({"user_group": "str", "expired": "str"})


def _percent(share):
    """Never rounded down: the bound would be none."""
    return f"{math.ceil(share * 1000) / 10:.1f} %" if share < 0.1 else f"{math.ceil(share * 100)} %"
