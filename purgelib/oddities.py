"""What is odd among the users: what a careful systems librarian looks at before anything is decided. Only reads."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from purgelib import expiries, identifiers
from purgelib.errors import BadChoice
from purgelib.population import MAY_GO

COLUMNS = ["what", "users", "of them may go", "for example", "why it matters"]
# Names and IDs of accounts that are nobody's; staff look at them, nothing is decided by it.
TEST = r"(?i)(?:^|[^a-z])(?:test|tests|testing|testuser|dummy|demo|training|xxx+|zzz+)(?:$|[^a-z])"
# In a group nearly all of whose users are Public, the others of another record type are odd.
NEARLY_ALL = 0.9


@dataclasses.dataclass(frozen=True)
class Oddity:
    """One thing to look at: which users it is true of (a function of the population), in words, and why it matters."""

    what: str
    of: Callable
    why: str


ODDITIES: list[Oddity] = []


def oddity(what, why):
    """Registers a function of a population that returns a boolean array; order is what matters most first."""
    def register(of):
        ODDITIES.append(Oddity(what, of, why))
        return of
    return register


def find(population, files=None):
    """Returns what is odd, a frame of COLUMNS with a row for each thing that occurs. Only reads.

    files: what ``exports.read`` returned; with it, users purged before and users with several rows are told, too.
    """
    may, ids = (population.verdict == MAY_GO).to_numpy(bool), population.table["primary_id"]
    rows = []
    for one in ODDITIES:
        at = np.flatnonzero(one.of(population))
        if len(at):
            rows.append((one.what, len(at), int(may[at].sum()), ids.iloc[at[0]], one.why))
    return pd.DataFrame([*rows, *_of_policy(population), *_of_files(files)], columns=COLUMNS)


def who(population, what):
    """Returns the users of whom one of the things is true: their rows of the user table, with verdict and reason."""
    for one in ODDITIES:
        if one.what == what:
            where = one.of(population)
            return population.table[where].assign(verdict=population.verdict[where], reason=population.reason[where])
    raise BadChoice(f"{what!r} is nothing that is looked for. What is: {'; '.join(one.what for one in ODDITIES)}.",
                    where="what", value=what)


def words(population, files=None):
    """Returns the same as a short list in words, a line each."""
    found = find(population, files)
    return "\n".join(f"{row[0]}: {row[1]:,}" + (f" ({row[2]:,} may go)" if row[2] else "")
                     + (f", for example {row[3]}" if row[3] else "") + f". {row[4]}"
                     for row in found.itertuples(index=False)) or "Nothing odd was found."


@oddity("purge date is past, though the user has not expired", "Alma's purge job does not look at the expiry date.")
def _still_entitled(population):
    return _kinds(population, expiries.STILL)


@oddity("purge date is before the expiry date", "One of the two is wrong: who wrote it, the student system or a hand?")
def _purge_before_expiry(population):
    table = population.table
    return (table["purge_date"] < table["expiry_date"]).to_numpy(bool)


@oddity("expired, but the purge date is in the future", "Somebody may have promised a later day; they stay.")
def _purge_ahead(population):
    day = population.as_of
    return ((population.table["expiry_date"] < day) & (population.table["purge_date"] > day)).to_numpy(bool)


@oddity("no expiry date", "Nobody can tell when they left; they stay, and pile up.")
def _no_expiry(population):
    return population.table["expiry_date"].isna().to_numpy(bool)


@oddity("expiry date that nobody meant (before 1990 or after 2100)", "1900 and 9999 mean something else; they stay.")
def _not_believable(population):
    year = population.table["expiry_date"].dt.year
    return ((year < 1990) | (year > 2100)).to_numpy(bool)


@oddity("name or ID looks like a test",
        "An account that something depends on may hide behind it: ask, then protect it.")
def _test(population):
    table = population.table
    return _has(table["name"], TEST) | _has(table["key"], TEST)


@oddity("record type Staff or Contact in a group of patrons", "Wrong group, or wrong record type?")
def _staff_among_patrons(population):
    cube = population.cube
    counts = cube.by("user_group", "record_type")
    public = np.array([value == "PUBLIC" for value in cube.values["record_type"]] or [False])
    known = np.array([value != "" for value in cube.values["record_type"]] or [False])
    patrons = counts[:, public].sum(axis=1) >= NEARLY_ALL * counts.sum(axis=1)
    odd = patrons[cube.codes["user_group"]] & (~public & known)[cube.codes["record_type"]]
    return odd[cube.row]


@oddity("the only user of a group", "A group made for one person, or a slip of the pen.")
def _alone(population):
    cube = population.cube
    return (cube.by("user_group") == 1)[cube.codes["user_group"]][cube.row]


@oddity("no user group", "Nobody can tell whether a protected group was meant; they stay.")
def _no_group(population):
    return population.cube.where("user_group", {""})[population.cube.row]


@oddity("the primary ID cannot be trusted", "Damaged on its way through a spreadsheet? Export it again; they stay.")
def _bad_id(population):
    return population.table["id_problem"].ne("").fillna(True).to_numpy(bool)


@oddity("the ID resembles another one",
        "They differ only by leading zeros or the like: which one was meant? They stay.")
def _alike(population):
    doubt = population.table["doubt"]
    return doubt.isin([said for said in doubt.cat.categories if identifiers.ALIKE in said]).to_numpy(bool)


@oddity("the export is doubtful about the user",
        "A value that cannot be read, or rows that contradict each other; they stay.")
def _doubtful(population):
    return population.table["doubt"].ne("").fillna(True).to_numpy(bool)


def _kinds(population, kind):
    return population.days.where("purge", {kind})[population.days.row]


def _has(texts, pattern):
    found = pc.match_substring_regex(pa.array(texts, type=pa.large_string(), from_pandas=True), pattern)
    return found.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)


def _of_policy(population):
    """A protected group that nobody is in may be a slip of the pen: then the group that was meant is not protected."""
    here = {code.strip().casefold().lstrip("0") for code in population.cube.values["user_group"]}
    return [("protected group that no user is in", 0, 0, code, "Is the code written as in Alma? What was meant is not "
             "protected otherwise.") for code in population.policy.protected_groups
            if code.strip().casefold().lstrip("0") not in here]


def _of_files(files):
    """What reading set apart."""
    if files is None:
        return []
    ghosts = files.ghosts["primary_id"]
    rows = [("purged before, still in Analytics", len(ghosts), 0, ghosts.iloc[0] if len(ghosts) else "",
             "They are set apart and never planned."),
            ("rows that say again what another row says", files.folded, 0, "", "One user, several rows: the report "
             "holds a column with several values per user.")]
    return [row for row in rows if row[1]]
