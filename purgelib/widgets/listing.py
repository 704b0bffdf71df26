"""Which users the grid shows, and in which order: searched, narrowed, sorted. No widget in here."""

import dataclasses
import unicodedata
import weakref

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from purgelib.population import STAYS
from purgelib.users import key_of

TICKED, PLANNED, KEPT, EVERYBODY, LISTED = "ticked", "planned", "kept", "everybody", "listed"
WHICH = (TICKED, PLANNED, KEPT, EVERYBODY, LISTED)
COLUMNS = ("tick", "primary_id", "name", "user_group", "record_type", "expiry_date", "purge_date", "verdict", "reasons")
# Why a row is ticked, or is not; in the order in which the column of ticks is sorted.
ON, HELD, MUST_STAY, OUTSIDE = "on", "kept", "stays", "out"
STATES = (ON, HELD, MUST_STAY, OUTSIDE)
BY_VALUE = ("user_group", "record_type", "verdict", "reason")  # filters that are one value of many
UNFILTERED = dict.fromkeys((*BY_VALUE, "expires_from", "expires_to")) | {"search": ""}
_BETWEEN = "\x1f"  # stands in no ID and in no name, so that nothing is found across them
_TEXTS = weakref.WeakKeyDictionary()  # Picking -> what is searched


@dataclasses.dataclass(frozen=True)
class View:
    """What a person wants to see: which users, filtered, searched, sorted.

    which: one of WHICH. user_group, record_type, verdict, reason (a single one): who has that value; None, whoever.
    expires_from, expires_to: the first and the last expiry date, as 2019-06-30; who has none is not between them.
    search: words that stand in the primary ID or the name. sort: one of COLUMNS. down: from the last to the first; what
    is not known comes last all the same.
    """

    which: str = TICKED
    user_group: str | None = None
    record_type: str | None = None
    verdict: str | None = None
    reason: str | None = None
    expires_from: str | None = None
    expires_to: str | None = None
    search: str = ""
    sort: str = "primary_id"
    down: bool = False


class Listing:
    """The users of a Picking as a person looks at them; a place is where a user stands in the population's table.

    listed: the places of a list of IDs, for ``View.which`` LISTED.
    """

    def __init__(self, picking):
        self.picking, self.population = picking, picking.population
        self.view, self.listed = View(), np.array([], dtype=np.int64)
        self._found, self._sorted, self._now = ("", None), (None, None), (None, None)
        self._kept, self._shown = (None, {}), (None, None, None)

    def show(self, **changes):
        """Looks at something else: some fields of the View change."""
        self.view = dataclasses.replace(self.view, **changes)

    def filtered(self):
        """Is anything searched for or filtered."""
        view = self.view
        names = [name for name in UNFILTERED if name != "search"]
        return bool(view.search.strip()) or any(getattr(view, name) is not None for name in names)

    def rows(self):
        """Returns the places of the users to show, in their order."""
        return self._look()[0]

    def counts(self):
        """Returns per filter of BY_VALUE how many users each value would show, the other filters as they are.

        A dict of lists: everybody first, then each value as it stands in ``values``.
        """
        return self._look()[1]

    def values(self, name):
        """Returns the values that a filter of BY_VALUE can have."""
        return self.picking.counting.singles if name == "reason" else self.population.cube.values[name]

    def _look(self):
        """Rows and counts of what is shown now; found once, however often it is scrolled."""
        now, cube = (self.view, self.picking.choice, self.listed), self.population.cube
        if not (now[0] == self._shown[0] and all(a is b for a, b in zip(now[1:], self._shown[1:3], strict=True))):
            among, fits = self._among(), {name: self._fits(name) for name in BY_VALUE}
            on = among & np.logical_and.reduce([*fits.values()])[cube.row]
            order = self._order(self.view.sort, self.view.down)
            self._shown = *now, (order[on[order]], self._counts(cube.of_users(among), fits))
        return self._shown[3]

    def _counts(self, users, fits):
        """users: per combination how many are among those shown, before any filter by value."""
        found, cube = {}, self.population.cube
        for name in BY_VALUE:
            rest = users * np.logical_and.reduce([one for other, one in fits.items() if other != name])
            per = cube.by(name, users=rest)
            # A user may have several reasons.
            found[name] = [int(rest.sum()), *(self.picking.counting.has @ per if name == "reason" else per).tolist()]
        return found

    def planned(self):
        """Returns a boolean array, a value per user: ticked, that is in the plan as far as the exports tell."""
        return self._states() == STATES.index(ON)

    def states(self, places):
        """Returns which of STATES some users are in."""
        return [STATES[code] for code in self._states()[places].tolist()]

    def kept(self):
        """Returns why users are kept by name: a dict of key -> reason."""
        choice = self.picking.choice
        if self._kept[0] is not choice:
            self._kept = choice, {key_of(one): reason for one, reason in choice.keep}
        return self._kept[1]

    def found(self, text):
        """Returns a boolean array: in whose primary ID or name each of these words stands, accents or not."""
        if self._found[0] != text:
            hits = np.ones(len(self.population), dtype=bool)
            for word in _bare(text).split():
                hits &= pc.match_substring(self._text, word).to_numpy(zero_copy_only=False)
            self._found = text, hits
        return self._found[1]

    def make_ready(self):
        """Makes what is searched, which takes a moment once, before anybody searches."""
        return self._text is not None

    @property
    def _text(self):
        # Held once for all grids of a notebook.
        if self.picking not in _TEXTS:
            _TEXTS[self.picking] = self._made_text()
        return _TEXTS[self.picking]

    def _made_text(self):
        key, name = (pa.array(self.population.table[one].astype("str"), pa.large_string(), from_pandas=True)
                     for one in ("key", "name"))
        joined = pc.binary_join_element_wise(key, name, pa.scalar(_BETWEEN, pa.large_string()),
                                             null_handling="replace", null_replacement="")
        return _bare_array(pc.utf8_lower(joined))

    def _fits(self, name):
        """Per combination of the cube: does it fit one filter by value."""
        cube, wanted = self.population.cube, getattr(self.view, name)
        if wanted is None:
            return np.ones(len(cube), dtype=bool)
        if name == "reason":
            return np.array([wanted in said for said in self.population.reasons] or [False])[cube.codes["reason"]]
        return cube.where(name, {wanted})

    def _among(self):
        """Who is to be shown, before any filter by value: a boolean per user."""
        view = self.view
        if view.which in (KEPT, LISTED):
            on = np.zeros(len(self.population), dtype=bool)
            on[self.picking.kept_rows() if view.which == KEPT else self.listed] = True
        elif view.which == TICKED:
            on = self.picking.choice.ticked(self.population)
        else:
            on = self.planned() if view.which == PLANNED else np.ones(len(self.population), dtype=bool)
        if view.search.strip():
            on &= self.found(view.search)
        if view.expires_from or view.expires_to:
            days = self.population.table["expiry_date"].to_numpy("datetime64[s]")
            # No date is before or after any other.
            on &= days >= np.datetime64(view.expires_from or "0001-01-01", "s")
            on &= days < np.datetime64(view.expires_to or "9999-12-31", "D") + 1
        return on

    def _states(self):
        """Per user which of STATES, as a small number; told anew when the choice has changed."""
        choice = self.picking.choice
        if self._now[0] is not choice:
            cube = self.population.cube
            on = choice.combinations(cube, self.population.reasons)
            said = np.where(cube.where("verdict", {STAYS}), STATES.index(MUST_STAY),
                            np.where(on, STATES.index(ON), STATES.index(OUTSIDE))).astype(np.int8)[cube.row]
            said[self.picking.kept_rows()] = STATES.index(HELD)
            self._now = choice, said
        return self._now[1]

    def _order(self, column, down):
        """Everybody's places in the order of a column; only the last one is remembered, it takes memory."""
        if column == "tick":
            return _ordered(self._states(), down)
        if self._sorted[0] != (column, down):
            self._sorted = (column, down), _ordered(self._rank(column), down)
        return self._sorted[1]

    def _rank(self, column):
        table, facets = self.population.table, self.population.facets
        if column in ("primary_id", "name"):
            text = pa.array(table[column].astype("str"), pa.large_string(), from_pandas=True)
            return _text_rank(pc.utf8_lower(text))
        if column in ("expiry_date", "purge_date"):
            days = table[column].to_numpy("datetime64[D]")
            return np.where(np.isnat(days), np.iinfo(np.int64).min, days.astype(np.int64))
        codes = facets["reason" if column == "reasons" else column].cat
        texts = [*map(str, codes.categories)]
        if column != "verdict":
            # Verdicts are in the order of staff already; the rest as the alphabet has it, without a value last.
            place = {text: at for at, text in enumerate(sorted(texts))}
            return np.array([place[one] if one else _UNKNOWN for one in texts] or [0])[codes.codes.to_numpy()]
        return codes.codes.to_numpy(np.int64)


_UNKNOWN = np.iinfo(np.int64).min


def _ordered(rank, down):
    """Places by their rank, equal ones as they stand in the table, those without one at the end in both directions."""
    last = rank == _UNKNOWN
    key = np.where(last, np.iinfo(np.int64).max, -rank.astype(np.int64) if down else rank)
    return np.argsort(key, kind="stable").astype(np.int32)


def _text_rank(texts):
    rank = pc.rank(texts, tiebreaker="dense").to_numpy().astype(np.int64)
    nothing = pc.equal(pc.coalesce(texts, ""), "").to_numpy(zero_copy_only=False)
    return np.where(nothing, _UNKNOWN, rank)


def _bare(text):
    """As texts are searched: small letters without accents, so that Muller finds Müller."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))


def _bare_array(texts):
    # Taking accents away is slow, and most names have none.
    plain = pc.string_is_ascii(texts)
    if pc.all(plain).as_py():
        return texts
    bare = [_bare(one) for one in pc.filter(texts, pc.invert(plain)).to_pylist()]
    return pc.replace_with_mask(texts, pc.invert(plain), pa.array(bare, texts.type))
