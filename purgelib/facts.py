"""Facts of the side exports, joined to the users by the primary ID without regard to case.

An export that is absent leaves its fact unknown, which is not zero. One of which a row is lost, or that may be cut
off, tells only of those whom it names: who else is in it nobody knows. IDs that nobody among the users has are
counted (purged long ago, or left out of the export of users); those that resemble a user's are named as problems, and
the users whom they may mean are unknown.
"""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from purgelib import fines, headings, identifiers, strangers, users, values
from purgelib.widths import EXCEL, LOOK, ZEROS

PATRON = {"patron", "200"}
THINGS = {"loans": ["loan_id"], "requests": ["request_id"], "notes": ["note", "note_type"],
          "blocks": ["block_id", "block_type", "block_description"],
          "identifiers": ["identifier_type", "identifier_value"]}
# A damaged ID may meet another user than the one who was meant.
DAMAGED = (EXCEL, ZEROS, LOOK, identifiers.NO_ID)
MUCH_LIKE, UNLIKE, NO_OWN = "an ID much like a user's", "an ID unlike all users'", "a row without its own ID"
WHOSE = ("nobody's, but much like a user's ID: has a sign, an accent or the encoding changed, or is it there "
         "twice? Compare with Alma: correct the ID, or export that user, too")
WHAT = ("nobody's, and no user's number has this width: is it damaged? Compare with Alma: correct the ID, or "
        "export that user, too")
# What no row of Analytics lacks.
TOLD_ALWAYS = {"loan_id", "request_id", "fine_id", "fine_status", "original", "remaining"}
WRONG_CELL = "nobody's, and a user's ID stands in another cell of the row: have its cells been moved? Export it again"
NO_THING = "nobody's, and the row lacks the ID or the amount that each has: have its cells been moved? Export it again"
# What is over does not count; a status that nobody knows counts as open.
OVER = {"loans": ("loan_status", "COMPLETE"), "fees": ("fine_status", "CLOSED"),
        "blocks": ("block_status", "INACTIVE")}


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of one side export.

    at: per row the place of its user in the user table, -1 for nobody's. counts: per row, does it count (is it open).
    lost: rows may be missing, or be anybody's. meant: per user, may somebody else's row be theirs.
    """

    part: object
    at: np.ndarray
    counts: np.ndarray
    lost: bool
    meant: np.ndarray

    @property
    def theirs(self):
        """Returns a boolean array: which rows are a user's and count."""
        return self.counts & (self.at >= 0)

    def thing(self, kind):
        """Returns what tells one loan, request, block, identifier or note from another: its own columns."""
        own = [self.part.trimmed(name)[self.theirs] for name in THINGS[kind] if self.part.has(name)]
        return own[0].str.cat(own[1:], sep="\t") if len(own) > 1 else own[0]


class Joining:
    """Joins side exports to a user table, which it changes."""

    def __init__(self, people, mapping, problems):
        self.table, self._ghosts, self._mapping, self._problems = people.table, people.ghosts, mapping, problems
        self._strangers = strangers.Strangers(self.table["primary_id"], self.table["key"])

    def rows(self, part, kind, suspected):
        """Reads the IDs of one side export; returns Rows, how many rows are refused, how many IDs are nobody's.

        suspected: the file may be cut off, so that it is not known to be whole.
        """
        cells = part.cells("primary_id")
        primary_id, key, doubts = identifiers.ids(cells, part.as_number("primary_id"))
        counts = _open(part, kind, self._mapping)
        at = self._places(key)
        known = (at >= 0) | identifiers.among(key, self._ghosts["key"])
        nameless = _are(doubts, (identifiers.CONTACT,))
        sure = nameless | ~counts | self._sound(at) & _are(doubts, (ZEROS, LOOK))
        doubts = dataclasses.replace(doubts, codes=np.where(sure, -1, doubts.codes).astype(np.int32))
        open_ = ~known & counts & ~nameless & ~doubts.any
        doubts = self._strange(kind, primary_id, key, open_, doubts)
        doubts, meant = self._shifted(part, kind, open_ & ~doubts.any, doubts)
        # Odd signs around an ID that meets its user all the same are named, but stop nobody.
        harmless = known & ~_are(doubts, DAMAGED)
        if "users" not in part.kinds:
            self._problems.add(part.sheet, part.heading("primary_id"), cells, doubts,
                               calm=harmless | _are(doubts, (MUCH_LIKE, UNLIKE, NO_OWN)))
        empty = int(((key == "") & counts).sum())
        like = _are(doubts, (MUCH_LIKE,))
        lost = suspected or bool((doubts.any & ~harmless & ~like).any()) or bool(part.sheet.lost) or (
            self._is_of_others(part, key[counts], known[counts]))
        if like.any():
            meant |= self._strangers.whom(primary_id[like])
        return (Rows(part, at, counts, lost, meant), empty + len(part.sheet.lost),
                key[~known & (key != "").to_numpy()].nunique())

    def _sound(self, at):
        """Which rows are of a user of whose ID nothing is doubtful: no other one was meant."""
        sure = (self.table["id_problem"] == "") & (self.table["doubt"] == "")
        return np.append(sure.to_numpy(bool), False)[at]

    def _shifted(self, part, kind, open_, doubts):
        """Rows of nobody whose cells stand in the wrong columns: a user's ID beside the IDs, or no loan ID at all."""
        meant, where = np.zeros(len(self.table), dtype=bool), np.flatnonzero(open_)
        if kind in ("set", "exceptions") or not len(where):
            return doubts, meant
        for name in set(part.names) - {None, "primary_id"}:
            at = self._places(users.key_of(part.trimmed(name).iloc[where]))
            meant[at[at >= 0]] = True
            doubts = doubts.where(np.isin(np.arange(len(open_)), where[at >= 0]), MUCH_LIKE, WRONG_CELL)
        for name in set(headings.NEEDED[kind]) & TOLD_ALWAYS:
            doubts = doubts.where(open_ & (part.trimmed(name) == "").to_numpy(), NO_OWN, NO_THING)
        return doubts, meant

    def _is_of_others(self, part, key, known):
        """Whether not one ID of an export is a user's, and none looks like one: it may be another identifier."""
        if "users" in part.kinds or known.any() or not self._strangers.other_kind(key):
            return False
        self._problems.say("other IDs than the users'", part.sheet.file, OTHERS, stops=False, sheet=part.sheet.sheet,
                           column=part.heading("primary_id"))
        return True

    def _places(self, key):
        """Per key the place of its user in the table, -1 for nobody."""
        found = pc.index_in(identifiers.arrow(key), value_set=identifiers.arrow(self.table["key"]))
        return found.fill_null(-1).to_numpy(zero_copy_only=False)

    def _strange(self, kind, primary_id, key, open_, doubts):
        """The doubts and those about open rows whose ID is nobody's: it may be a user's all the same."""
        if not open_.any():
            return doubts
        doubts = doubts.where(_within(open_, self._strangers.strongly, key), "an ID that resembles a user's",
                              "a user's but for case, blanks or leading zeros: correct the ID")
        if kind == "exceptions":
            return doubts.where(open_, "an exception that is nobody's",
                                "belongs to nobody in the export of users: the user meant would not be kept")
        doubts = doubts.where(_within(open_ & ~doubts.any, self._strangers.weakly, primary_id), MUCH_LIKE, WHOSE)
        return doubts.where(_within(open_ & ~doubts.any, self._strangers.unlike, key), UNLIKE, WHAT)

    def join(self, kind, parts):
        """Joins the side exports of one kind to the user table; parts: a Rows for each."""
        other = {"fees": self._fees, "roles": self._roles, "exceptions": self._exceptions, "set": self._members,
                 "notes": self._notes}
        other.get(kind, lambda parts: self._things(kind, parts))(parts)

    def _fees(self, parts):
        self._count("fees", parts, fines.balances(
            [fines.rows(one.part, one.at, one.counts, self._problems) for one in parts]))

    def _things(self, kind, parts):
        """The count of loans and the like: one may stand in several rows, as a request does, a row per partner."""
        users = np.concatenate([one.at[one.theirs] for one in parts]).astype(np.int64)
        codes, kinds = pd.factorize(pd.concat([one.thing(kind) for one in parts]))
        once = np.unique(users * max(len(kinds), 1) + codes) // max(len(kinds), 1)
        self._count(kind, parts, pd.Series(once).value_counts())

    def _count(self, kind, parts, found):
        # Where a row is lost, nobody knows who has none.
        told = self._spread(found, self.table[kind].dtype)
        named = np.zeros(len(self.table), dtype=bool)
        named[found.index] = True
        meant, lost = np.logical_or.reduce([one.meant for one in parts]), any(one.lost for one in parts)
        if kind == "fees":
            # What is told may be less than what is owed; of things, one is enough to stay.
            told = told.mask(meant | lost)
        self.table[kind] = told if lost else told.where(named | meant, 0)

    def _spread(self, found, dtype):
        """Values by a user's place, a value per user; missing where there is none."""
        made = pd.Series(pd.NA, index=self.table.index, dtype=dtype)
        made.iloc[found.index] = found.astype(dtype).array
        return made

    def _roles(self, parts):
        """Whether users have a role other than Patron; who is in no row may have been filtered out."""
        has = {True: np.zeros(len(self.table), dtype=bool), False: np.zeros(len(self.table), dtype=bool)}
        for one in parts:
            texts, codes = values.distinct(one.part.cells("role_type"))
            other = np.array([text.strip().casefold() not in PATRON for text in texts], dtype=bool)[codes]
            for which, theirs in has.items():
                theirs[one.at[one.theirs & (other == which)]] = True
        known = self.table["other_roles"]
        # Yes if either says so; no if one says so, nothing contradicts it, and no row of a role is lost.
        yes, tells = known.fillna(False) | has[True], known.notna() | has[True] | has[False]
        lost = np.logical_or.reduce([one.meant | one.lost for one in parts])
        self.table["other_roles"] = yes.where(yes | (tells & ~lost))

    def _exceptions(self, parts):
        """Why staff keep a user. With an exception that is nobody's, everybody is doubtful until it is corrected."""
        rows = pd.concat([pd.DataFrame({"user": one.at, "reason": one.part.trimmed("keep_reason")}) for one in parts])
        rows = rows[rows["user"] >= 0].replace({"reason": {"": "no reason given"}})
        several = rows["user"].duplicated(keep=False)
        reason = pd.concat([rows[~several].set_index("user")["reason"],
                            rows[several].groupby("user")["reason"].agg("; ".join)])
        self.table["keep_reason"] = self._spread(reason, "str").astype("category")
        if any(one.lost for one in parts):
            self._doubt(slice(None), LIST)

    def _notes(self, parts):
        """The count of notes; of a bare list of IDs and notes nobody knows whether it says who is to stay."""
        self._things("notes", parts)
        for one in parts:
            if not one.part.has("note_type") and one.part.kinds == ("notes",):
                self._problems.say("a list of notes, or of exceptions", one.part.sheet.file, BARE, stops=False,
                                   sheet=one.part.sheet.sheet, column=one.part.heading("note"))
                self._doubt(np.append(one.at[one.theirs], np.flatnonzero(one.meant)), IN_BARE)
                if one.lost:
                    self._doubt(slice(None), LIST)

    def _doubt(self, places, sentence):
        """Makes the users at those places doubtful, where nothing else is doubtful yet."""
        doubt = self.table["doubt"]
        doubt = doubt if sentence in doubt.cat.categories else doubt.cat.add_categories([sentence])
        where = np.zeros(len(doubt), dtype=bool)
        where[places] = True
        self.table["doubt"] = doubt.mask(where & (doubt == "").to_numpy(), sentence)

    def _members(self, parts):
        at = np.concatenate([one.at for one in parts])
        self.table["in_set"] = pd.array(np.isin(np.arange(len(self.table)), at), dtype="boolean")


OTHERS = ("not one of these IDs is a user's, and none looks like one: is it another identifier than the primary ID? "
          "Until that is known, the export tells nothing of anybody")
IN_BARE = "stands in a list that may be one of exceptions"
BARE = ("tells no reason to keep, but may be meant so: whoever is in it stays. Head the column Reason to Keep if it is "
        "your list of exceptions; of Analytics' notes, export the Note Type as well")
LIST = "the list of exceptions may be cut off, or names somebody whom I cannot find: until then, everybody stays"


def _are(doubts, kinds):
    """Which doubts are of one of these kinds."""
    return np.isin(doubts.codes, [at for at, (kind, _) in enumerate(doubts.said) if kind in kinds])


def _within(where, judge, texts):
    """What is judged of the texts in these rows; False for the other rows."""
    found = np.zeros(len(where), dtype=bool)
    found[where] = judge(texts[where])
    return found


def _open(part, kind, mapping):
    """Which rows count: loans and fines that are not over, blocks that are active; of a users' export, filled cells."""
    counts = np.ones(len(part), dtype=bool)
    column, over = OVER.get(kind, (None, None))
    if column and part.has(column):
        status, _ = values.coded(part.cells(column), headings.words(column, mapping), column)
        counts &= (status != over).to_numpy(bool)
    if "users" in part.kinds:
        filled = [(part.trimmed(name) != "").to_numpy() for name in headings.PARTS[kind] if part.has(name)]
        counts &= np.logical_or.reduce(filled)
    return counts
