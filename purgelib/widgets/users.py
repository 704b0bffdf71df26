"""The grid of single users: searched, sorted, narrowed, ticked one by one. Only what is on screen crosses the wire."""

import datetime

import numpy as np
import pandas as pd
import traitlets

from purgelib.errors import BadChoice
from purgelib.widgets import describing, page, twin, userstwin
from purgelib.widgets.listing import BY_VALUE, COLUMNS, LISTED, Listing, TICKED, UNFILTERED, WHICH
from purgelib.widgets.pasted import look_up
from purgelib.widgets.subsets import in_words, reason_in_words
from purgelib.widgets.watching import Watching

MOST = 300  # rows in one message
FIRST = 60  # rows sent without being asked for, after a search
LOGGED = 200  # of the reasons given, no more are shown in the page
HEADINGS = ("Tick", "Primary ID", "Name", "User group", "Record type", "Expiry date", "Purge date", "Verdict",
            "Reasons")
_OPEN = []  # the grids of this kernel, so that a cell that is run again can go on


def users(picker, height=460):
    """Shows the users one by one, to search, sort, look at and keep by name; returns a UserGrid. Only reads.

    picker: what ``choose`` returned, or its Picking. height: of the rows on the page, in pixels. A cell that is run
    again shows the same grid, with what was searched and where one was, also after the exports were read anew.
    """
    picking = getattr(picker, "picking", picker)
    if here := next((one for one in _OPEN if one.picking is picking), None):
        here.about = here.about | {"height": int(height)}
        return here
    made = UserGrid(picking, height)
    for earlier in [one for one in _OPEN if one.picking.latest is picking]:
        made.go_on(earlier)
        _OPEN.remove(earlier)
        # It shows another population, and would keep it in memory.
        earlier.close()
    _OPEN.append(made)
    return made


class UserGrid(Watching):
    """Single users, each with a tick: ticked means in the plan, as far as the exports tell.

    Taking a tick off keeps the user by name, which asks for a reason; the choice holds it. ``log`` holds all reasons
    given, those of ticking again too. ``strangers`` are the IDs of the list that nobody has.
    """

    _esm = page.module("element", "asking", "usersrows", "userspanels", "usersbar", "users")
    _css = page.style("element", "users")
    about = traitlets.Dict().tag(sync=True)  # what never changes: columns, filters, how many users
    version = traitlets.Int(0).tag(sync=True)  # of the rows: another one makes the page ask again
    view = traitlets.Dict().tag(sync=True)
    listed = traitlets.Dict().tag(sync=True)
    said = traitlets.List().tag(sync=True)  # the reasons given, the last one first
    steps = traitlets.Dict().tag(sync=True)
    here = traitlets.Dict().tag(sync=True)  # which row is at the top, and in which cell one is: written by the page
    outdated = traitlets.Bool(False).tag(sync=True)  # it shows the users of earlier exports

    def __init__(self, picking, height=460):
        self.listing, self._list = Listing(picking), None
        super().__init__(picking, about=_about(self.listing, int(height)))

    @property
    def strangers(self):
        """The IDs of the pasted list that nobody has."""
        return self._list.strangers if self._list else ()

    @property
    def log(self):
        """Every reason given in this session: a frame of when, done, users, reason; in the order in which they came."""
        return pd.DataFrame(self.picking.log, columns=["when", "done", "users", "reason"])

    @property
    def sentence(self):
        """How many users are shown and how many of them are ticked, in one sentence."""
        with self.picking.lock:
            return self._counted(self.listing.rows())["sentence"]

    def keep(self, primary_id, reason):
        """Keeps a user by name, so that the tick is off; an ID that nobody has, or no reason, is refused."""
        with self.picking.lock:
            self.picking.keep(primary_id, reason)
            self._log("kept", primary_id, reason)

    def release(self, primary_id, reason):
        """Has a user who is kept by name kept no longer; a reason must be given."""
        with self.picking.lock:
            self.picking.release(primary_id, reason)
            self._log("no longer kept", primary_id, reason)

    def show_list(self, text):
        """Shows the users of a list of IDs only; returns in words whom it means and which IDs nobody has."""
        with self.picking.lock:
            found = look_up(text, self.picking.population)
            if not found.ids:
                raise BadChoice("There is no ID in this list: paste one ID per line.", value=text[:100])
            self._list, self.listing.listed = found, found.places
            self.look(which=LISTED, **UNFILTERED)
            return found.sentence

    def keep_list(self, reason):
        """Keeps all users of the list by name for one reason; who is kept already keeps the old one."""
        with self.picking.lock:
            mine = self.picking.population.table.iloc[self.listing.listed]
            ids = mine["primary_id"][~mine["key"].isin(list(self.listing.kept()))].tolist()
            already = len(mine) - len(ids)
            if not ids:
                raise BadChoice("There is nobody to keep: everybody on the list is kept already." if already else
                                "There is nobody to keep: paste IDs and show them first.", value=None)
            self.picking.keep(ids, reason)
            self._log("kept", f"{len(ids):,} users of a list", reason)
            rest = f" {already:,} of the list were kept before, with their own reasons." if already else ""
            said = f"{len(ids):,} {'user is' if len(ids) == 1 else 'users are'} kept: {reason.strip()}.{rest}"
            return f"{said} {self._list.nobodys}".strip()

    def look(self, **changes):
        """Looks at other users, or in another order: fields of ``listing.View``."""
        with self.picking.lock:
            self.listing.show(**changes)
            self._tell()

    def go_on(self, earlier):
        """Goes on where another grid was: the same list, filters, order and place, as far as there is such a thing."""
        with self.picking.lock:
            if earlier._list:
                self.show_list("\n".join(earlier._list.ids))
            self.look(**_checked(earlier.view, self.about))
            self.here = earlier.here

    # What the page asks for.

    def _hear(self, _widget, message, _buffers):
        """Does what the page asks for; a refusal becomes a sentence."""
        with self.picking.lock:
            done, error = self._done(message)
            self.send({"kind": "said", "who": message["who"], "number": message["number"], "about": message["do"],
                       "good": not error} | (done or {}) | ({"text": str(error)} if error else {}))

    def _do_rows(self, message):
        rows = self.listing.rows()
        start = max(0, int(message["start"]))
        self._send_rows(rows, start, min(int(message["end"]), start + MOST))

    def _do_look(self, message):
        # A search need not be answered by a question for its rows.
        self.look(**_checked(message["view"], self.about))
        self._send_rows(self.listing.rows(), 0, FIRST)

    def _do_ready(self, _message):
        self.listing.make_ready()

    def _do_keep(self, message):
        place, primary_id = self._who(message)
        self.keep(primary_id, str(message["reason"]))
        return {"text": self._sentence(place)}

    def _do_release(self, message):
        place, primary_id = self._who(message)
        self.release(primary_id, str(message["reason"]))
        return {"text": f"No longer kept by name: {self._sentence(place)}"}

    def _do_detail(self, message):
        place, _primary_id = self._who(message)
        return {"detail": describing.about(self.picking, self.listing, place)}

    def _do_list(self, message):
        return {"text": self.show_list(str(message["text"]))}

    def _do_drop_list(self, _message):
        self._list, self.listing.listed = None, np.array([], dtype=np.int64)
        self.look(which=TICKED)
        return {"text": "The list is put away."}

    def _do_keep_list(self, message):
        return {"text": self.keep_list(str(message["reason"]))}

    def _who(self, message):
        """Whom the page means: by the place in the table, and the primary ID must be that user's."""
        place, table = int(message["place"]), self.picking.population.table
        primary_id = str(table["primary_id"].iat[place]) if 0 <= place < len(table) else ""
        if primary_id[:describing.LONGEST] != message["primary_id"]:
            raise BadChoice("The page shows other users than this notebook has: run this cell again.", value=place)
        return place, primary_id

    # What the page is told.

    def _state(self):
        view, words = self.listing.view, self._list
        return {"version": self.version + 1, "view": {one: getattr(view, one) for one in view.__dataclass_fields__},
                "listed": {"sentence": words.sentence, "users": len(words.places)} if words else {},
                "said": self.picking.log[:-LOGGED - 1:-1], "outdated": self.picking.successor is not None,
                "steps": {"undo": self.picking.can_undo, "redo": self.picking.can_redo}}

    def _send_rows(self, rows, start, end):
        self.send({"kind": "rows", "version": self.version, "start": start, **self._counted(rows),
                   "counts": self.listing.counts(),
                   "rows": describing.lines(self.picking, self.listing, rows[start:end])})

    def _counted(self, rows):
        shown, ticked = len(rows), int(self.listing.planned()[rows].sum())
        return {"shown": shown, "empty": "" if shown else describing.empty(self.listing),
                "sentence": f"{shown:,} shown of {len(self.picking.population):,} users; "
                            + (f"{ticked:,} of those shown will be in the plan, unless Alma says otherwise: their tick "
                               "is on." if ticked else "none of those shown will be in the plan.")}

    def _sentence(self, place):
        return describing.in_sentence(self.picking, self._line(place))

    def _line(self, place):
        return describing.lines(self.picking, self.listing, np.array([place]))[0]

    def _log(self, done, whom, reason):
        when = f"{datetime.datetime.now():%Y-%m-%d %H:%M}"
        self.picking.log.append([when, done, whom, reason.strip()])
        # The choice has changed before, and the page was told without this line.
        self.said = self._state()["said"]

    def __repr__(self):
        return f"UserGrid: {self.sentence}"

    def _repr_mimebundle_(self, **kwargs):
        with self.picking.lock:
            rows = self.listing.rows()
            first = describing.lines(self.picking, self.listing, rows[:userstwin.FIRST])
            html = userstwin.of_grid(HEADINGS, first, self._counted(rows), self.said)
        return twin.with_twin(super()._repr_mimebundle_(**kwargs), html)


def _about(listing, height):
    words = {"user_group": listing.population.group_names.get, "reason": reason_in_words, "verdict": str,
             "record_type": lambda one: in_words("record_type", one)}
    filters = [[name, HEADINGS[COLUMNS.index("reasons" if name == "reason" else name)].removesuffix("s"),
                [[one, words[name](one)] for one in listing.values(name)]] for name in BY_VALUE]
    return {"height": height, "users": len(listing.population), "filters": filters,
            "columns": [list(pair) for pair in zip(COLUMNS, HEADINGS, strict=True)]}


def _checked(view, about):
    """What the page wants to look at, as far as there is such a thing."""
    known = {"which": WHICH, "sort": COLUMNS, "down": [True, False]}
    known |= {name: [None, *(value for value, _ in options)] for name, _, options in about["filters"]}
    return {name: value for name, value in view.items() if name == "search" or value in known.get(name, ())
            or (name in ("expires_from", "expires_to") and _is_day(value))}


def _is_day(text):
    try:
        return text is None or datetime.date.fromisoformat(text).isoformat() == text
    except (TypeError, ValueError):
        return False
