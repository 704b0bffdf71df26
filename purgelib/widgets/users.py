"""The grid of single users: searched, sorted, narrowed, ticked one by one. Only what is on screen crosses the wire."""

import datetime
import weakref

import anywidget
import numpy as np
import pandas as pd
import traitlets

from purgelib.errors import BadChoice
from purgelib.population import VERDICTS
from purgelib.users import key_of
from purgelib.widgets import describing, page, twin, userstwin
from purgelib.widgets.listing import COLUMNS, LISTED, Listing, TICKED, WHICH
from purgelib.widgets.pasted import look_up
from purgelib.widgets.subsets import reason_in_words

MOST = 300  # rows in one message
FIRST = 60  # rows sent without being asked for, after a search
LOGGED = 200  # of the reasons given, no more are shown in the page
HEADINGS = ("Tick", "Primary ID", "Name", "User group", "Record type", "Expiry date", "Purge date", "Verdict",
            "Reasons")
_SAID = weakref.WeakKeyDictionary()  # Picking -> the reasons given in this session, which outlive a grid


def users(picker, height=460):
    """Shows the users one by one, to search, sort, look at and keep by name; returns a UserGrid. Only reads.

    picker: what ``choose`` returned, or its Picking. height: of the rows on the page, in pixels.
    """
    return UserGrid(getattr(picker, "picking", picker), height)


class UserGrid(anywidget.AnyWidget):
    """Single users, each with a tick: ticked means in the plan, as far as the exports tell.

    Taking a tick off keeps the user by name, which asks for a reason; the choice holds it. ``log`` holds all reasons
    given, those of ticking again too. ``strangers`` are the IDs of the list that nobody has.
    """

    _esm = page.module("element", "usersrows", "userspanels", "users")
    _css = page.style("users")
    about = traitlets.Dict().tag(sync=True)  # what never changes: columns, filters, how many users
    version = traitlets.Int(0).tag(sync=True)  # of the rows: another one makes the page ask again
    view = traitlets.Dict().tag(sync=True)
    listed = traitlets.Dict().tag(sync=True)
    said = traitlets.List().tag(sync=True)  # the reasons given, the last one first
    steps = traitlets.Dict().tag(sync=True)

    def __init__(self, picking, height=460):
        self.picking, self.listing, self._list = picking, Listing(picking), None
        super().__init__(about=self._about(int(height)), **self._state())
        picking.watch(self._tell)
        self.on_msg(self._hear)

    @property
    def choice(self):
        """The choice as it is now."""
        return self.picking.choice

    @property
    def strangers(self):
        """The IDs of the pasted list that nobody has."""
        return self._list.strangers if self._list else ()

    @property
    def log(self):
        """Every reason given in this session: a frame of when, done, users, reason; in the order in which they came."""
        return pd.DataFrame(_SAID.get(self.picking, []), columns=["when", "done", "users", "reason"])

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
            if key_of(primary_id) not in {key_of(one) for one, _ in self.choice.keep}:
                raise BadChoice(f"{primary_id} is not kept by name.", value=primary_id)
            self.picking.release(primary_id, reason)
            self._log("no longer kept", primary_id, reason)

    def show_list(self, text):
        """Shows the users of a list of IDs only; returns in words whom it means and which IDs nobody has."""
        with self.picking.lock:
            found = look_up(text, self.picking.population)
            if not found.ids:
                raise BadChoice("There is no ID in this list: paste one ID per line.", value=text[:100])
            self._list, self.listing.listed = found, found.places
            self.look(which=LISTED, search="", verdict=None, user_group=None, reason=None)
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
            return f"{len(ids):,} {'user is' if len(ids) == 1 else 'users are'} kept: {reason.strip()}.{rest}"

    def look(self, **changes):
        """Looks at other users, or in another order: fields of ``listing.View``."""
        with self.picking.lock:
            self.listing.show(**changes)
            self._tell()

    # What the page asks for.

    def _hear(self, _widget, message, _buffers):
        """Does what the page asks for; a refusal becomes a sentence."""
        with self.picking.lock:
            said = {"kind": "said", "who": message["who"], "number": message["number"], "about": message["do"],
                    "good": True}
            try:
                said |= getattr(self, f"_do_{message['do']}")(message) or {}
            except BadChoice as error:
                said |= {"good": False, "text": str(error)}
            self.send(said)

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
        place, primary_id = self._who(message)
        detail = describing.about(self.picking, self.listing, place)
        detail["staff"] += [f"{when}, {done}: {reason}" for when, done, whom, reason in _SAID.get(self.picking, [])
                            if key_of(whom) == key_of(primary_id)]
        return {"detail": detail}

    def _do_list(self, message):
        return {"text": self.show_list(str(message["text"]))}

    def _do_drop_list(self, _message):
        self._list, self.listing.listed = None, np.array([], dtype=np.int64)
        self.look(which=TICKED)
        return {"text": "The list is put away."}

    def _do_keep_list(self, message):
        return {"text": self.keep_list(str(message["reason"]))}

    def _do_undo(self, _message):
        self.picking.undo()

    def _do_redo(self, _message):
        self.picking.redo()

    def _who(self, message):
        """Whom the page means: by the place in the table, and the primary ID must be that user's."""
        place, table = int(message["place"]), self.picking.population.table
        primary_id = str(table["primary_id"].iat[place]) if 0 <= place < len(table) else ""
        if primary_id[:describing.LONGEST] != message["primary_id"]:
            raise BadChoice("The page shows other users than this notebook has: run this cell again.", value=place)
        return place, primary_id

    # What the page is told.

    def _tell(self):
        with self.picking.lock, self.hold_sync():
            for name, value in self._state().items():
                setattr(self, name, value)

    def _state(self):
        view, words = self.listing.view, self._list
        return {"version": self.version + 1, "view": {one: getattr(view, one) for one in view.__dataclass_fields__},
                "listed": {"sentence": words.sentence, "users": len(words.places)} if words else {},
                "said": _SAID.get(self.picking, [])[:-LOGGED - 1:-1],
                "steps": {"undo": self.picking.can_undo, "redo": self.picking.can_redo}}

    def _send_rows(self, rows, start, end):
        self.send({"kind": "rows", "version": self.version, "start": start, **self._counted(rows),
                   "rows": describing.lines(self.picking, self.listing, rows[start:end])})

    def _counted(self, rows):
        shown, ticked = len(rows), int(self.listing.planned()[rows].sum())
        return {"shown": shown, "empty": "" if shown else describing.empty(self.listing.view),
                "sentence": f"{shown:,} shown of {len(self.picking.population):,} users; "
                            + (f"{ticked:,} of those shown will be in the plan, unless Alma says otherwise: their tick "
                               "is on." if ticked else "none of those shown will be in the plan.")}

    def _sentence(self, place):
        return describing.in_sentence(self.picking, self._line(place))

    def _line(self, place):
        return describing.lines(self.picking, self.listing, np.array([place]))[0]

    def _log(self, done, whom, reason):
        when = f"{datetime.datetime.now():%Y-%m-%d %H:%M}"
        _SAID.setdefault(self.picking, []).append([when, done, whom, reason.strip()])
        # The choice has changed before, and the page was told without this line.
        self.said = self._state()["said"]

    def _about(self, height):
        people = self.picking.population
        groups = [[one, people.group_names[one]] for one in people.cube.values["user_group"]]
        return {"height": height, "users": len(people), "groups": groups, "verdicts": VERDICTS,
                "reasons": [[one, reason_in_words(one)] for one in self.picking.counting.singles],
                "columns": [list(pair) for pair in zip(COLUMNS, HEADINGS, strict=True)]}

    def __repr__(self):
        return f"UserGrid: {self.sentence}"

    def _repr_mimebundle_(self, **kwargs):
        with self.picking.lock:
            rows = self.listing.rows()
            first = describing.lines(self.picking, self.listing, rows[:userstwin.FIRST])
            html = userstwin.of_grid(HEADINGS, first, self._counted(rows), self.said)
        return twin.with_twin(super()._repr_mimebundle_(**kwargs), html)



def _checked(view, about):
    """What the page wants to look at, as far as there is such a thing."""
    known = {"which": WHICH, "sort": COLUMNS, "verdict": [None, *about["verdicts"]], "down": [True, False],
             "user_group": [None, *(one for one, _ in about["groups"])],
             "reason": [None, *(one for one, _ in about["reasons"])]}
    return {name: value for name, value in view.items() if name == "search" or value in known.get(name, ())}
