"""Facts of the side exports, joined to the users by the primary ID without regard to case.

An export that is absent leaves its fact unknown, which is not zero. One of which a row is lost, or that may be cut
off, tells only of those whom it names: who else is in it nobody knows. IDs that nobody among the users has are
counted (purged long ago, or left out of the export of users); IDs that resemble a user's are named as problems.
"""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa

from purgelib import headings, identifiers, values

CENT = 0.005
PATRON = {"patron", "200"}
# IDs of fines and of their transactions are long numbers: this is what a spreadsheet makes of them.
NO_ID = r"^#|^[\d.,]+E\+?\d+$|^\d{15}000+$|^\?+$"
THINGS = {"loans": ["loan_id"], "requests": ["request_id"], "notes": ["note", "note_type"],
          "blocks": ["block_id", "block_type", "block_description"],
          "identifiers": ["identifier_type", "identifier_value"]}
# What is over does not count; a status that nobody knows counts as open.
OVER = {"loans": ("loan_status", "COMPLETE"), "fees": ("fine_status", "CLOSED"),
        "blocks": ("block_status", "INACTIVE")}


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of one side export: per row the key, whether it counts (is open), and whose it is."""

    part: object
    key: pd.Series
    counts: np.ndarray
    lost: bool

    @property
    def keys(self):
        """Returns the keys of the rows that count."""
        return self.key[self.counts]

    def texts(self, name):
        """Returns a column's texts, trimmed, for the rows that count."""
        return _texts(self.part, name)[self.counts]

    def thing(self, kind):
        """Returns what tells one loan, request, block, identifier or note from another: its own columns."""
        own = [self.texts(name) for name in THINGS[kind] if self.part.has(name)]
        return own[0].str.cat(own[1:], sep="\t") if len(own) > 1 else own[0]


class Joining:
    """Joins side exports to a user table, which it changes; ``strangers`` and ``refused`` count per part."""

    def __init__(self, people, mapping, problems):
        self.table, self._ghosts, self._mapping, self._problems = people.table, people.ghosts, mapping, problems
        self._loose = None

    def rows(self, part, kind, suspected):
        """Reads the IDs of one side export; returns Rows, how many rows are refused, how many IDs are nobody's.

        suspected: the file may be cut off, so that it is not known to be whole.
        """
        cells = part.cells("primary_id")
        primary_id, key, doubts = identifiers.ids(cells, part.as_number("primary_id"))
        counts = _open(part, kind, self._mapping)
        known = key.isin(self.table["key"]).to_numpy() | key.isin(self._ghosts["key"]).to_numpy()
        nameless = np.isin(doubts.codes, [at for at, (kind, _) in enumerate(doubts.said) if kind == "contact"])
        doubts = dataclasses.replace(doubts, codes=np.where(nameless | ~counts, -1, doubts.codes).astype(np.int32))
        open_ = ~known & counts & ~nameless & ~doubts.any
        if open_.any():
            doubts = doubts.where(open_ & self._resembles(key, open_), "an ID that resembles a user's",
                                  "a user's but for case, blanks or leading zeros: correct the ID")
            if kind == "exceptions":
                doubts = doubts.where(open_, "an exception that is nobody's",
                                      "belongs to nobody in the export of users: the user meant would not be kept")
        # Odd signs around an ID that meets its user all the same are named, but stop nobody.
        harmless = known & ~_damaged(doubts)
        if "users" not in part.kinds:
            self._problems.add(part.sheet, part.heading("primary_id"), cells, doubts, calm=harmless)
        empty = int(((key == "") & counts).sum())
        lost = suspected or bool((doubts.any & ~harmless).any()) or bool(part.sheet.lost)
        return (Rows(part, key, counts, lost), empty + len(part.sheet.lost),
                key[~known & (key != "").to_numpy()].nunique())

    def _resembles(self, key, where):
        if self._loose is None:
            self._loose = set(identifiers.as_digits(identifiers.loose(self.table["key"]))) - {""}
        found = np.zeros(len(key), dtype=bool)
        found[where] = identifiers.as_digits(identifiers.loose(key[where])).isin(self._loose)
        return found

    def join(self, kind, parts):
        """Joins the side exports of one kind to the user table; parts: a Rows for each."""
        other = {"fees": self._fees, "roles": self._roles, "exceptions": self._exceptions, "set": self._members}
        other.get(kind, lambda parts: self._things(kind, parts))(parts)

    def _fees(self, parts):
        self._count("fees", parts, pd.concat([_fines(one, self._problems) for one in parts]).pipe(_balances))

    def _things(self, kind, parts):
        """The count of loans and the like: one may stand in several rows, as a request does, a row per partner."""
        rows = pd.concat([pd.DataFrame({"key": one.keys, "thing": one.thing(kind)}) for one in parts])
        self._count(kind, parts, rows.drop_duplicates()["key"].value_counts())

    def _count(self, kind, parts, found):
        # Where a row is lost, nobody knows who has none.
        told = self._spread(found, self.table[kind].dtype)
        named = self.table["key"].isin(found.index)
        self.table[kind] = told if any(one.lost for one in parts) else told.where(named, 0)

    def _spread(self, found, dtype):
        """Values by key, a value per user; missing where there is none."""
        made = pd.Series(pd.NA, index=self.table.index, dtype=dtype)
        hits = self.table["key"][self.table["key"].isin(found.index)]
        made[hits.index] = hits.map(found.astype(dtype)).astype(dtype)
        return made

    def _roles(self, parts):
        """Whether users have a role other than Patron; who is in no row may have been filtered out."""
        rows = pd.concat([pd.DataFrame({"key": one.keys, "other": ~one.texts("role_type").str.casefold().isin(PATRON)})
                          for one in parts])
        told, known = self._spread(rows.groupby("key")["other"].any(), "boolean"), self.table["other_roles"]
        # Yes if either says so; no if one says so, nothing contradicts it, and no row of a role is lost.
        yes, tells = known.fillna(False) | told.fillna(False), known.notna() | told.notna()
        self.table["other_roles"] = yes.where(yes if any(one.lost for one in parts) else tells)

    def _exceptions(self, parts):
        """Why staff keep a user. With an exception that is nobody's, everybody is doubtful until it is corrected."""
        rows = pd.concat([pd.DataFrame({"key": one.key, "reason": _texts(one.part, "keep_reason")}) for one in parts])
        rows["reason"] = rows["reason"].replace("", "no reason given")
        several = rows["key"].duplicated(keep=False)
        reason = pd.concat([rows[~several].set_index("key")["reason"],
                            rows[several].groupby("key")["reason"].agg("; ".join)])
        self.table["keep_reason"] = self._spread(reason, "str").astype("category")
        if any(one.lost for one in parts):
            self.table["doubt"] = self.table["doubt"].cat.add_categories([LIST])
            self.table.loc[self.table["doubt"] == "", "doubt"] = LIST

    def _members(self, parts):
        self.table["in_set"] = self.table["key"].isin(pd.concat([one.key for one in parts])).astype("boolean")


LIST = "the list of exceptions may be cut off, or names somebody whom I cannot find: until then, everybody stays"


def _damaged(doubts):
    """Which IDs a spreadsheet has damaged: such a one may meet another user than the one who was meant."""
    kinds = (identifiers.EXCEL, identifiers.ZEROS, identifiers.LOOK)
    return np.isin(doubts.codes, [at for at, (kind, _) in enumerate(doubts.said) if kind in kinds])


def _texts(part, name):
    made = part.cells(name)
    return made.cast(pa.large_string()).to_pandas().astype("str").str.strip()


def _open(part, kind, mapping):
    """Which rows count: loans and fines that are not over, blocks that are active; of a users' export, filled cells."""
    counts = np.ones(len(part), dtype=bool)
    column, over = OVER.get(kind, (None, None))
    if column and part.has(column):
        status, _ = values.coded(part.cells(column), headings.words(column, mapping), column)
        counts &= (status != over).to_numpy(bool)
    if "users" in part.kinds:
        filled = [(_texts(part, name) != "").to_numpy() for name in headings.PARTS[kind] if part.has(name)]
        counts &= np.logical_or.reduce(filled)
    return counts


def _fines(rows, problems):
    """The rows of one export of fines, as amounts: a row per transaction, which repeats the fine's own amounts."""
    part, made = rows.part, {"key": rows.key, "fine": _texts(rows.part, "fine_id"), "counts": rows.counts}
    bad = np.zeros(len(part), dtype=bool)
    for name in ("original", "transaction", "remaining"):
        made[name], currency, doubts = values.amounts(part.cells(name))
        problems.add(part.sheet, part.heading(name), part.cells(name), doubts)
        bad |= doubts.any | (made[name].isna().to_numpy() if name != "transaction" else False)
        made[name] = made[name].fillna(0.0).astype("float64")
    told = _texts(part, "currency") if part.has("currency") else pd.Series("", index=rows.key.index, dtype="str")
    made["currency"] = told.where(told != "", currency.astype("str"))
    made["transaction_id"] = _texts(part, "transaction_id")
    # Without sound IDs, two fines may look like one, and one payment like two.
    bad |= (made["fine"] == "").to_numpy() | ((made["transaction"] != 0) & (made["transaction_id"] == "")).to_numpy()
    for name in ("fine", "transaction_id"):
        bad |= made[name].str.contains(NO_ID, case=False, regex=True).to_numpy(bool)
    return pd.DataFrame(made | {"bad": bad})


def _balances(rows):
    """What each user owes: by the fine, whose balance is its original amount less its transactions.

    It counts only where the remaining amount agrees, which Analytics gives either for the fine or for the row;
    a fine that is closed in one row and open in another, or of several currencies, is unknown.
    Returns amounts by key, missing where one of the user's fines is unknown.
    """
    amounts = ["original", "transaction", "remaining"]
    rows = rows.drop_duplicates(["key", "fine", "transaction_id", "counts", "currency", *amounts])
    same = ["key", "fine", "transaction_id"]
    rows = rows.assign(own=((rows["original"] - rows["transaction"] - rows["remaining"]).abs() < CENT)
                       & (rows["transaction"] >= 0), bad=rows["bad"] | rows.duplicated(same, keep=False))
    by = rows.groupby(["key", "fine"])
    fines = by.agg(counts=("counts", "max"), every=("counts", "min"), bad=("bad", "max"), own=("own", "min"),
                   first=("original", "min"), last=("original", "max"), paid=("transaction", "sum"),
                   remaining=("remaining", "min"), various=("remaining", "nunique"))
    fines = fines[fines["counts"]]
    balance = fines["first"] - fines["paid"]
    # Of several rows with the same amount, nobody knows whether it is the fine's or the row's own.
    own = fines["own"] & (fines["various"] > 1) & (balance > CENT)
    agrees = (((fines["remaining"] - balance).abs() < CENT) | own) & (fines["first"] == fines["last"])
    unknown = ~agrees | fines["bad"] | ~fines["every"] | (balance * fines["first"] < 0)
    key = fines.index.get_level_values("key")
    owed = balance.groupby(key).sum().round(2)
    several = rows[rows["counts"]].groupby("key")["currency"].nunique() > 1
    # A credit does not pay a debt, here as in ``Alma.owed``: both are reasons to stay.
    both = (balance > CENT).groupby(key).any() & (balance < -CENT).groupby(key).any()
    owed = owed.mask(both, balance.abs().groupby(key).sum().round(2))
    return owed.mask(unknown.groupby(key).any() | several.reindex(owed.index, fill_value=False))
