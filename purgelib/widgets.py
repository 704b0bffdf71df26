"""Choosing with the mouse or the keyboard; what comes out is a choice, which is text.

``choose``: a table of user group by year of expiry whose cells are ticked. Every number is counted here, on a small
cube of counts made once, so a tick costs the same with a million users. ``confirmation``: the box in which a person
types what a purge asks for. Each has a static twin, for notebooks that are executed, exported or read on GitHub.
"""

import collections
import dataclasses
import threading
from html import escape
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import traitlets

from purgelib import choice as choices
from purgelib.errors import BadChoice
from purgelib.population import CHECK, MAY_GO, NO_EXPIRY, STAYS, VERDICTS
from purgelib.users import key_of

NAMED = 3  # of reasons, and of ticks that nobody is in now, no more are named in the status


def choose(population, choice=None):
    """Shows the population as a table to tick, starting from a choice; returns a Picker. Only reads."""
    return Picker(population, choice or choices.Choice(policy=population.policy))


def confirmation(wanted, prefilled=""):
    """Shows a box in which a person types what ``guards.to_be_typed`` wants; its ``typed`` says what stands there."""
    return Confirmation(wanted, prefilled)


class Subsets:
    """How many users are in each user group and year of expiry, by verdict: counted once, summed for every tick."""

    def __init__(self, population):
        facet = population.facets
        years = sorted(map(str, facet["expired"].cat.categories), key=lambda y: (y == NO_EXPIRY, len(y), y))
        self.population, self.names = population, population.group_names
        self.row = {str(code): at for at, code in enumerate(facet["user_group"].cat.categories)}
        self.column = {year: at for at, year in enumerate(years)}
        self.cube = self.counted()
        self.users = self.cube.sum(axis=2)
        self.reasons = self.counted_reasons()

    def counted(self, where=None):
        """Returns the counts as an array: group, year, verdict."""
        cube = np.zeros((len(self.row), len(self.column), len(VERDICTS)), dtype=np.int64)
        found = self.population.counts("user_group", "expired", "verdict", where=where)
        cube[*self._places(found), found["verdict"].cat.codes] = found["users"]
        return cube

    def counted_reasons(self, where=True):
        """Returns of those who stay: group, year, reasons, and how many, an array each."""
        stays = (self.population.verdict == STAYS).to_numpy(bool) & where
        found = self.population.counts("user_group", "expired", "reason", where=stays)
        return *self._places(found), found["reason"].cat.codes.to_numpy(), found["users"].to_numpy()

    def _places(self, found):
        return found["user_group"].map(self.row).to_numpy(int), found["expired"].map(self.column).to_numpy(int)

    def split(self, ticks):
        """Returns the ticks as a matrix of booleans, and those ticks that nobody in this population is in."""
        here = ticks & self.pairs(self.users > 0)
        on = np.zeros(self.users.shape, dtype=bool)
        for group, year in here:
            on[self.row[group], self.column[year]] = True
        return on, ticks - here

    def pairs(self, on):
        """Returns the ticks of a matrix as (user group, year) pairs."""
        groups, years = list(self.row), list(self.column)
        return frozenset((groups[g], years[y]) for g, y in np.argwhere(on))

    def when(self, year):
        """Returns a year of expiry in words: without an expiry date, expired 2019, expires 2030."""
        if not year.isdigit():
            return "without an expiry date" if year == NO_EXPIRY else year
        ahead = int(year) - self.population.as_of.year
        return f"{'expired' if ahead < 0 else 'expires' if ahead else 'expiring in'} {year}"

    def as_table(self):
        """Returns what the page draws: names, years (short, in words), and of each cell: users, may go, check."""
        may, check = (self.cube[:, :, VERDICTS.index(verdict)] for verdict in (MAY_GO, CHECK))
        return {"groups": [self.names[code] for code in self.row],
                "years": [[y if y != NO_EXPIRY else "no date", self.when(y)] for y in self.column],
                "cells": np.stack([self.users, may, check], axis=2).tolist()}

    def top_reasons(self, on, kept):
        """Returns why ticked users stay all the same, the most frequent reasons first: (reason, users) pairs."""
        said, found = self.population.reason.cat.categories, collections.Counter()
        row, column, reason, users = self.reasons
        per = np.bincount(reason, users * on[row, column], len(said))
        row, column, reason, users = kept
        per -= np.bincount(reason, users * on[row, column], len(said))
        for at in np.flatnonzero(per):
            found.update(dict.fromkeys(said[at].split("; "), int(per[at])))
        # What only Alma can tell does not make anybody stay.
        return [(why, n) for why, n in found.most_common() if n and not why.endswith(": Alma will tell")][:NAMED]


class Picker(anywidget.AnyWidget):
    """The table of subsets with its ticks and the users kept by name; ``choice`` is what they mean now."""

    _esm = Path(__file__).with_name("picker.js")
    _css = Path(__file__).with_name("picker.css")
    table = traitlets.Dict().tag(sync=True)
    ticks = traitlets.Unicode().tag(sync=True)  # a 1 or 0 per cell, row by row: small however many cells there are
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, population, choice):
        self._subsets, self._base = Subsets(population), choice
        # JupyterLab may handle a click in another thread, beside a running cell.
        self._lock = threading.RLock()
        self._said = {"number": 0, "text": "", "good": True}
        on, self._elsewhere = self._subsets.split(choice.ticks)
        super().__init__(table=self._subsets.as_table(), ticks="".join("1" if one else "0" for one in on.flat))
        self._set_kept(choice.keep, "")
        self.observe(self._tell, "ticks")
        self.on_msg(self._hear)

    @property
    def choice(self):
        """The choice as it is ticked now."""
        return dataclasses.replace(self._base, ticks=self._subsets.pairs(self._on()) | self._elsewhere, keep=self._keep)

    @property
    def text(self):
        """The choice as it is ticked now, as TOML."""
        return self.choice.to_toml()

    def keep(self, primary_id, reason):
        """Keeps one user by name; an ID that nobody has, or no reason, is refused."""
        with self._lock:
            keep = self.choice.keeping(primary_id, reason).keep
            if not choices.Choice(keep=keep[-1:]).kept(self._subsets.population).any():
                raise BadChoice(f"No user has the primary ID {keep[-1][0]}. Check the spelling and leading zeros.",
                                value=primary_id)
            self._set_kept(keep, f"{primary_id.strip()} is kept.")

    def release(self, primary_id):
        """Takes one user off the list of those kept by name."""
        with self._lock:
            rest = tuple(pair for pair in self._keep if key_of(pair[0]) != key_of(primary_id))
            self._set_kept(rest, f"{primary_id} is no longer kept by name.")

    def _set_kept(self, keep, said):
        people, self._keep = self._subsets.population, keep
        where = choices.Choice(keep=keep).kept(people)
        self._kept_cube, self._kept_reasons = self._subsets.counted(where), self._subsets.counted_reasons(where)
        facts = people.table.loc[where, ["key", "name"]].fillna("").join(people.facets.loc[where].astype(str))
        self._kept_people = facts.drop_duplicates("key").set_index("key").to_dict("index")
        self._say(said)

    def _on(self):
        return (np.frombuffer(self.ticks.encode(), dtype=np.uint8) == ord("1")).reshape(self._subsets.users.shape)

    @traitlets.validate("ticks")
    def _sound(self, proposal):
        text = proposal["value"]
        if len(text) != self._subsets.users.size or set(text) - {"0", "1"}:
            raise traitlets.TraitError("these ticks do not fit the table")
        return text

    def _hear(self, _widget, message, _buffers):
        """What the page asks for; a refusal becomes a sentence under the form."""
        do = {"keep": self.keep, "release": self.release}[message.pop("do")]
        try:
            do(**{name: str(value) for name, value in message.items()})
        except BadChoice as error:
            self._say(str(error), good=False)

    def _say(self, text, good=True):
        self._said = {"number": self._said["number"] + 1, "text": text, "good": good}
        self._tell()

    def _tell(self, _change=None):
        """Counts what the ticks mean and hands it to the page in one message."""
        with self._lock:
            on = self._on()
            ticked = self._subsets.users * on
            self.state = {"ticks": self.ticks, "groups": ticked.sum(axis=1).tolist(),
                          "years": ticked.sum(axis=0).tolist(), "all": int(ticked.sum()), "status": self._status(on),
                          "notes": self._notes(), "said": self._said, "kept": self._kept_list(on), "text": self.text}

    def _status(self, on):
        kept = int(self._kept_cube[on].sum())
        left = dict(zip(VERDICTS, (self._subsets.cube - self._kept_cube)[on].sum(axis=0).tolist(), strict=True))
        why = ", ".join(f"{reason}: {n:,}" for reason, n in self._subsets.top_reasons(on, self._kept_reasons))
        return (f"{sum(left.values()) + kept:,} ticked: {left[MAY_GO]:,} {MAY_GO}, {left[CHECK]:,} {CHECK}, "
                f"{left[STAYS]:,} stay all the same{f' ({why})' if why else ''}, {kept:,} kept by name")

    def _notes(self):
        notes = []
        if count := len(self._elsewhere):
            named = ", ".join(f"{group} {self._subsets.when(year)}" for group, year in sorted(self._elsewhere)[:NAMED])
            named += f" and {count - NAMED:,} more" if count > NAMED else ""
            notes.append(f"Also ticked, though nobody is in them now: {named}. They stay in the choice.")
        if self._base.policy != self._subsets.population.policy:
            notes.append("These users were judged by another policy than this choice has: judge them again.")
        return notes

    def _kept_list(self, on):
        subsets, rows = self._subsets, []
        for primary_id, reason in self._keep:
            one, about = self._kept_people.get(key_of(primary_id)), "not in these exports"
            if one:
                about = f"{subsets.names[one['user_group']]}, {subsets.when(one['expired'])}"
                about += "" if on[subsets.row[one["user_group"]], subsets.column[one["expired"]]] else ", not ticked"
            name = (one or {"name": ""})["name"]
            rows.append({"primary_id": primary_id, "name": name, "reason": reason, "about": about})
        return rows

    def __repr__(self):
        return f"Picker: {self.state.get('status', '')}."

    def _repr_mimebundle_(self, **kwargs):
        return _with_twin(super()._repr_mimebundle_(**kwargs), self._static())

    def _static(self):
        """The same table without any script: what was ticked when the cell ran."""
        table, state = self.table, self.state
        head = "".join(f"<th>{escape(short)}</th>" for short, _ in table["years"])
        lines = zip(table["groups"], self._on(), table["cells"], state["groups"], strict=True)
        rows = "".join(f"<tr><th>{escape(name)}</th>{''.join(map(_static_cell, on, cells))}<td>{ticked:,}</td></tr>"
                       for name, on, cells, ticked in lines)
        foot = "".join(f"<td>{n:,}</td>" for n in [*state["years"], state["all"]])
        below = [state["status"] + ".", *state["notes"],
                 *(f"Kept by name: {one['primary_id']} ({one['reason']})." for one in state["kept"])]
        return ("<table><caption>Users by user group and year of expiry; ☑ was ticked when this cell ran</caption>"
                f"<thead><tr><th>User group</th>{head}<th>Ticked</th></tr></thead><tbody>{rows}</tbody>"
                f"<tfoot><tr><th>Ticked</th>{foot}</tr></tfoot></table>"
                + "".join(f"<p>{escape(line)}</p>" for line in below))


class Confirmation(ipywidgets.VBox):
    """A labelled box to type in, with a line below that says what will happen; ``typed`` is what stands there now."""

    def __init__(self, wanted, prefilled=""):
        self._wanted = wanted
        self._label = (f"Type the institution's name and the number of users: <b>{escape(wanted)}</b>"
                       " — leave it empty to rehearse.")
        self._box = ipywidgets.Text(value=prefilled, description="Institution and number of users:",
                                    placeholder="empty: rehearse", style={"description_width": "initial"},
                                    layout={"width": "min(100%, 42em)"})
        self._below = ipywidgets.HTML()
        self._tell()
        self._box.observe(self._tell, "value")
        super().__init__([ipywidgets.HTML(self._label), self._box, self._below])

    @property
    def typed(self):
        """What is typed now, without outer blanks."""
        return self._box.value.strip()

    @property
    def says(self):
        """What will happen with what is typed now, in one sentence."""
        if not self.typed:
            return "This will be a rehearsal: nothing is written to Alma."
        if _plain(self.typed) != _plain(self._wanted):
            return "This is not what was asked for: it will be refused."
        return f"This will write to Alma: {int(_plain(self._wanted).split()[-1]):,} users."

    def _tell(self, _change=None):
        self._below.value = f'<div role="status" aria-live="polite"><b>{escape(self.says)}</b></div>'

    def __repr__(self):
        return f"Confirmation: {self.says}"

    def _repr_mimebundle_(self, **kwargs):
        twin = f"<p>{self._label}</p><p>Typed: <b>{escape(self.typed) or 'nothing'}</b>. {escape(self.says)}</p>"
        return _with_twin(super()._repr_mimebundle_(**kwargs), twin)


def _plain(text):
    """As ``guards.confirmed`` compares: without regard to case, blanks and thousands separators."""
    return " ".join(str(text).replace(",", "").split()).casefold()


def _static_cell(on, cell):
    users, may, check = cell
    words = f"{'☑' if on else '☐'} {users:,}{'' if may + check else ' all stay'}"
    return f"<td>{words if users else ''}</td>"


def _with_twin(bundle, twin):
    """Puts HTML beside the widget's own forms: Jupyter shows the widget where it can, the twin elsewhere."""
    (bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"] = twin
    return bundle
