"""The export of users: its rows become one row per user; what contradicts itself makes the user stay.

Alma compares primary IDs without regard to case, so rows whose IDs differ only in case are one user. Rows that
agree are folded into one; of rows that contradict each other nobody can tell which one holds. Users purged
earlier, whom Analytics still shows, are set apart as ghosts: they are nobody who could be purged.
"""

import dataclasses
import itertools
import re
import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from purgelib import groups, headings, identifiers, users, values

# What two rows of one user must agree in.
FACTS = ["name", "user_group", "record_type", "account_type", "status", "expiry_date", "purge_date", "campus",
         "other_roles", "id_problem", "doubt"]
WORDED, DATES = ("record_type", "account_type", "status", "other_roles"), ("expiry_date", "purge_date")
NAMELESS = "contact"  # the kind of doubt that is no damage: vendor contacts have no primary ID in Alma
TOGETHER = 100_000
TORN = str.maketrans(dict.fromkeys("\t;,|\"", "\n"))
WORD, LONG = re.compile(r"[^\W_]+"), 4  # words of a name; more than so many are compared as one heap


@dataclasses.dataclass(frozen=True)
class People:
    """Everybody in the exports of users: the table (see ``users.COLUMNS``), the ghosts, and how many rows went where.

    ghosts: a frame with the columns primary_id, key. refused: rows that name nobody or do not fit, a count per part.
    folded: rows that say again what another row says, or contradict it. how: in words how a column was read that
    could have been read otherwise, by (place of its sheet, heading).
    """

    table: pd.DataFrame
    ghosts: pd.DataFrame
    refused: tuple[int, ...]
    folded: int
    how: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class _Lost:
    """What is left of rows that cannot be told whose they are: damaged IDs, and the names where the ID says nothing."""

    ids: list[str] = dataclasses.field(default_factory=list)
    names: set[str] = dataclasses.field(default_factory=set)
    torn: list[str] = dataclasses.field(default_factory=list)
    nothing: bool = False  # is left of one of the IDs

    def note(self, frame, part):
        """Notes the damaged and the torn rows of a part."""
        self.torn.extend(one.text for one in part.sheet.lost)
        rows = frame[frame.pop("damaged").to_numpy()]
        self.ids.extend(rows["primary_id"])
        if len(rows):
            nothing = identifiers.tell_nothing(rows["primary_id"])
            self.nothing |= bool(nothing.any())
            nameless = nothing | rows["primary_id"].str.contains("[?\ufffd]").to_numpy(bool)
            self.names |= set(rows["name"][nameless]) if "name" in rows else {""} if nameless.any() else set()


def read(parts, mapping, known_groups, problems):
    """Reads the exports of users, one or several parts of one; returns People, and adds to the problems.

    known_groups: dict of user group code -> description, or None.
    """
    frames, lost, refused, how = [], _Lost(), [], {}
    for at, part in enumerate(parts):
        frame = _rows(part, mapping, known_groups, problems, how).assign(part=np.int16(at))
        nobody = frame["key"] == ""
        refused.append(int(nobody.sum()) + len(part.sheet.lost))
        lost.note(frame, part)
        frames.append(frame[~nobody] if nobody.any() else frame)
    rows = _together(frames)
    _doubt_whom_they_may_mean(rows, lost)
    ghost = rows.pop("ghost").to_numpy()
    ghosts, rows = rows.loc[ghost, ["primary_id", "key"]], rows[~ghost] if ghost.any() else rows
    _doubt(rows, rows["key"].isin(ghosts["key"]), "the same primary ID was purged before")
    once = _folded(rows, parts, problems)
    _doubt(once, identifiers.alike(once["key"], ghosts["key"]), identifiers.ALIKE)
    if lost.nothing:
        _doubt(once, identifiers.may_miss_one(once["key"]),
               "a row lost its ID, which may be this one but for leading zeros")
    return People(users.table(once), ghosts.reset_index(drop=True), tuple(refused), len(rows) - len(once), how)


def _rows(part, mapping, known_groups, problems, how):
    """One part's rows under the names of the user table, and with: number, ghost, damaged (is the ID)."""
    reading = _Reading(part, problems, how)
    cells = reading.take("primary_id")
    primary_id, key, doubts = identifiers.ids(cells, part.as_number("primary_id"))
    made = {"primary_id": primary_id, "key": key}
    words = {name: values.coded(part.cells(name), headings.words(name, mapping), part.heading(name))
             for name in WORDED if part.has(name)}
    made["ghost"] = ghost = _ghosts(part, key, words.get("status", (None,))[0])
    # A contact without an ID is no damage, and not listed.
    nameless = [code for code, (kind, _) in enumerate(doubts.said) if kind == NAMELESS]
    made["damaged"] = doubts.any & ~np.isin(doubts.codes, nameless)
    problems.add(part.sheet, part.heading("primary_id"), cells,
                 dataclasses.replace(doubts, codes=np.where(made["damaged"], doubts.codes, -1)), calm=ghost)
    made["id_problem"] = _sentences(doubts)
    for name, (value, doubts) in words.items():
        made[name] = reading.settled(name, reading.take(name), value, doubts, ghost)
    for name in (one for one in DATES if part.has(one)):
        cells = reading.take(name)
        *told, how = values.dates_and_how(cells, mapping.order, part.sheet.epoch or mapping.epoch,
                                          part.as_number(name) if part.sheet.epoch else None)
        made[name] = reading.settled(name, cells, *told, ghost, how)
    codes, names = reading.take("user_group"), reading.take("group_name")
    code, made["group_name"], doubts, how = groups.groups(
        codes, names, known_groups, part.as_number("user_group") if codes is not None else None)
    told = ("group_name", names) if codes is None else ("user_group", codes)
    made["user_group"] = reading.settled(*told, code, doubts, ghost, how)
    if part.has("campus"):
        made["campus"] = _texts(reading.take("campus"))
    for names in (("first_name", "last_name"), ("full_name",)):
        if part.has(names[-1]) and "name" not in made:
            made["name"] = _names([reading.take(name) for name in names if part.has(name)])
    if part.has("purge_date"):
        # An export does not tell "no purge date" from "not delivered": only a date that is there is known.
        made["purge_known"] = made["purge_date"].notna()
    return pd.DataFrame(made | {"doubt": reading.doubts(), "number": part.sheet.numbers}, copy=False)


class _Reading:
    """Reads a part a column at a time, lists what is doubtful, and lets the texts go that nobody needs any more."""

    def __init__(self, part, problems, how):
        self.part, self._problems, self._how = part, problems, how
        self._said, self._codes = [""], np.zeros(len(part), dtype=np.int8)

    def take(self, name):
        """Returns a column's texts, for the last time where the export holds nothing but users; or None."""
        return self.part.columns.pop(name, None) if self.part.kinds == ("users",) else self.part.cells(name)

    def settled(self, name, cells, value, doubts, ghost, how=""):
        """Lists the doubtful cells of a column, keeps how it was read, and returns its values."""
        if how:
            self._how[self.part.sheet.place, self.part.heading(name)] = how
        if doubts.any.any():
            self._problems.add(self.part.sheet, self.part.heading(name), cells, doubts, calm=ghost)
            self._note(f"{self.part.heading(name)} cannot be read", doubts.any)
        return value

    def _note(self, sentence, where):
        self._said.append(sentence)
        self._codes = np.where((self._codes == 0) & where, np.int8(len(self._said) - 1), self._codes)

    def doubts(self):
        """Returns per row, as a category, the first thing that is doubtful in it, and whether it may be cut off."""
        sheet = self.part.sheet
        if len(sheet) and not sheet.ended and not (sheet.lost and sheet.lost[-1].number > sheet.numbers[-1]):
            self._note("the file may be cut off in this row: no line end follows it",
                       np.arange(len(sheet)) == len(sheet) - 1)
        return pd.Categorical.from_codes(self._codes, categories=pd.Index(self._said, dtype="str"))


def _sentences(doubts):
    """Doubts as a category of sentences per row, empty where there is none."""
    categories = list(dict.fromkeys(["", *(sentence for _, sentence in doubts.said)]))
    place = np.array([categories.index(sentence) for _, sentence in doubts.said] + [0], dtype=np.int8)
    return pd.Categorical.from_codes(place[doubts.codes], categories=pd.Index(categories, dtype="str"))


def _texts(cells):
    """Texts as a category, trimmed; an empty one is missing."""
    texts, at = values.distinct(cells)
    return values.category([text.strip() for text in texts], at)


def _names(parts):
    """First and last name with a blank between them."""
    parts = [cells.cast(pa.large_string()) for cells in parts]
    joined = pc.binary_join_element_wise(*parts, pa.scalar(" ", pa.large_string())) if len(parts) > 1 else parts[0]
    return pc.utf8_trim_whitespace(joined).to_pandas().astype("str")


def _ghosts(part, key, status):
    """Which rows are users purged before: their status says so or, where none is told, the ID stands as last name."""
    told = np.zeros(len(part), dtype=bool) if status is None else status.notna().to_numpy()
    ghost = np.zeros(len(part), dtype=bool) if status is None else (status == "DELETED").to_numpy(copy=True)
    if part.has("last_name") and not told.all():
        last = part.cells("last_name").cast(pa.large_string()).to_pandas().astype("str")
        ghost |= ~told & (users.key_of(last) == key).to_numpy() & (key != "").to_numpy()
    return ghost


def _together(frames):
    if len(frames) == 1:
        return frames[0].reset_index(drop=True)
    worded = {name: "str" for frame in frames for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    rows = pd.concat([frame.astype({n: t for n, t in worded.items() if n in frame}) for frame in frames],
                     ignore_index=True)
    return rows.astype(dict.fromkeys(worded, "category"))


def _doubt(rows, where, sentence):
    """Makes users stay with that sentence, where nothing else is doubtful yet."""
    where = np.asarray(where, dtype=bool) & (rows["doubt"] == "").to_numpy()
    if where.any():
        if sentence not in rows["doubt"].cat.categories:
            rows["doubt"] = rows["doubt"].cat.add_categories([sentence])
        rows.loc[where, "doubt"] = sentence


def _doubt_whom_they_may_mean(rows, lost):
    """A row whose ID is damaged, or that is torn, may belong to somebody who has another row: nobody can tell."""
    if lost.ids:
        _doubt(rows, identifiers.may_mean(lost.ids, rows["key"]), "a row with a damaged ID may mean this user, too")
    if lost.names:
        told = [name.split() for name in lost.names]
        # Of somebody purged before, the last name may be the primary ID.
        as_ids = {users.key_of(" ".join(words[at:])) for words in told for at in range(len(words))}
        _doubt(rows, rows["key"].isin(as_ids) | identifiers.may_mean(sorted(as_ids), rows["key"]),
               "a row without an ID has this one as its name")
        if frozenset() in {_words(name) for name in lost.names}:
            _doubt(rows, np.ones(len(rows), dtype=bool), "a row has neither an ID nor a name: it may be anybody's")
        else:
            _doubt(rows, _named(rows, lost.names), "a row without an ID has this user's name")
    words = {users.key_of(word) for text in lost.torn for word in text.translate(TORN).split("\n")} - {""}
    if words:
        named = rows["key"].isin(words) | identifiers.may_mean(sorted(words), rows["key"])
        # An ID that holds such a sign itself is not among the words.
        torn = "\n".join(lost.torn).casefold()
        holds = rows["key"].str.contains(r"[\t;,|\"]")
        named |= holds & rows["key"].where(holds, "").map(lambda key: bool(key) and key in torn).astype(bool)
        _doubt(rows, named, "a row that does not fit its headings names this user")


def _words(name):
    """The words of a name as names are compared: without case, accents, signs, order."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return frozenset(WORD.findall(plain.casefold()))


def _named(rows, lost):
    """Which users' names may be one of the lost ones: all words of one stand in the other."""
    if "name" not in rows:
        return np.ones(len(rows), dtype=bool)
    wanted = {_words(name) for name in lost}
    long = frozenset().union(*(one for one in wanted if len(one) > LONG))
    # Of a very long name, some of its words are enough.
    wanted = {frozenset(sorted(one)[:LONG]) for one in wanted}
    within = {some for one in wanted for some in _subsets(one)}
    every = frozenset().union(*wanted)

    def may_be(name):
        words = _words(name)
        known = words & every
        return words in within or words <= long or len(known) > LONG or any(
            some in wanted for some in _subsets(known))
    return rows["name"].fillna("").map(may_be).to_numpy(bool)


def _subsets(words):
    return (frozenset(some) for size in range(len(words) + 1) for some in itertools.combinations(words, size))


def _folded(rows, parts, problems):
    """One row per user: the first; where another one contradicts it, the user is doubtful."""
    rows = rows.copy(deep=False)
    if _all_different(rows["key"]):
        return rows
    twice = rows["key"].duplicated(keep=False).to_numpy()
    facts = [name for name in FACTS if name in rows]
    different = rows[twice].drop_duplicates(["key", *facts])
    different = different[different["key"].duplicated(keep=False)]
    if len(different):
        _list_contradictions(different, facts, parts, problems)
        _doubt(rows, rows["key"].isin(different["key"]), "its rows contradict each other")
    return rows[~rows["key"].duplicated()]


def _all_different(keys):
    """Says whether no two keys are the same, by their hashes: a table of a million texts would double the memory."""
    hashes = np.empty(len(keys), dtype=np.uint64)
    for at in range(0, len(keys), TOGETHER):
        hashes[at:at + TOGETHER] = pd.util.hash_array(keys.iloc[at:at + TOGETHER].to_numpy(object), categorize=False)
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any()


def _list_contradictions(different, facts, parts, problems):
    varies = different.groupby("key", sort=False)[facts].nunique(dropna=False) > 1
    words = varies.dot(pd.Index([name.replace("_", " ") + ", " for name in facts])).str.rstrip(", ")
    said = different["key"].map(words)
    for at, part in enumerate(parts):
        here = (different["part"] == at).to_numpy()
        problems.list("rows that contradict each other", part.sheet.file, part.sheet.sheet,
                      different["number"][here], part.heading("primary_id"), different["primary_id"][here],
                      "another row of the same user says otherwise about: " + said[here])
