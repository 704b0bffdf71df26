"""What all widgets of one notebook share: the choice as it is now, its undo, its numbers. No widget in here."""

import dataclasses
import functools
import logging
import threading

import numpy as np

from purgelib.errors import BadChoice
from purgelib.users import key_of
from purgelib.widgets import heard
from purgelib.widgets.counting import Counting
from purgelib.widgets.subsets import Subsets

STEPS = 200  # that can be undone
NAMED = 3  # of ticks, values and users that are not in the exports, no more are named in a sentence


class Picking:
    """A choice that is being made: every change is one step that can be undone, and all who watch are told.

    population: whom it is about. choice: a whole Choice, at any time. start: the choice it began with.
    lock: held during each change, as JupyterLab may handle a click in another thread, beside a running cell.
    log: the reasons given in this session, lists of when, done, whom, reason. told: key of a user -> sentences of what
    colleagues and the sample said. successor: the Picking that took over, after which nothing is changed here.
    """

    def __init__(self, population, choice, run=""):
        self.population, self.choice, self.start, self.run, self.saved = population, choice, choice, run, None
        self.lock = threading.RLock()
        self.continued = False
        self.log, self.told, self.successor = [], {}, None
        self._past, self._future, self._watching = [], [], []
        self._rows, self._counted = {}, (None, None)

    @functools.cached_property
    def subsets(self):
        """The table of user group by year of expiry; made once."""
        return Subsets(self.population)

    @functools.cached_property
    def counting(self):
        """What the numbers are added up from; made once."""
        return Counting(self.population)

    @property
    def counts(self):
        """What the choice means now in numbers, see ``counting.Counts``."""
        with self.lock:
            if self._counted[0] is not self.choice:
                self._counted = self.choice, self.counting.of(self.choice, self.kept_rows())
            return self._counted[1]

    def watch(self, function):
        """Has a function called after each change; an exception in it is logged and stops nobody else."""
        self._watching.append(function)

    def unwatch(self, function):
        """No longer calls that function."""
        self._watching = [one for one in self._watching if one != function]

    # What can be done, each one step.

    def tick(self, pairs, on=True):
        """Ticks, or unticks, some (user group, year) pairs."""
        with self.lock:
            self.set_ticks(self.choice.ticks | frozenset(pairs) if on else self.choice.ticks - frozenset(pairs))

    def set_ticks(self, pairs):
        """Has exactly these (user group, year) pairs ticked."""
        self._change(ticks=frozenset(pairs))

    def narrow(self, facet, values):
        """Narrows the choice to those values of a facet; None: the facet narrows no longer."""
        with self.lock:
            others = [pair for pair in self.choice.only if pair[0] != facet]
            mine = [] if values is None else [(facet, tuple(sorted(set(values))))]
            self._change(only=tuple(sorted(others + mine)))

    def leave_out(self, reason, on=True):
        """Leaves out those who have a reason, or no longer."""
        with self.lock:
            others = set(self.choice.leave_out) - {reason}
            self._change(leave_out=tuple(sorted(others | {reason} if on else others)))

    def keep(self, ids, reason):
        """Keeps users by name, for a reason; if any ID is nobody's, or a reason is missing, none is kept."""
        self.keep_each([(one, reason) for one in ([ids] if isinstance(ids, str) else ids)])

    def keep_each(self, pairs):
        """Keeps users by name, each for a reason of its own: (primary ID, reason) pairs; all of them, or none."""
        ids = [one.strip() for one, _ in pairs]
        if not ids:
            raise BadChoice("To keep a user, give the primary ID and a reason.", value=ids)
        with self.lock:
            kept = self.choice.keeping_all(pairs)
            rows = self.rows(ids)
            if unknown := [one for one in ids if not rows[key_of(one)]]:
                what = "the primary ID" if len(unknown) == 1 else f"any of these {len(unknown):,} primary IDs:"
                raise BadChoice(f"No user has {what} {', '.join(unknown)}. Check the spelling and leading zeros.",
                                value=unknown)
            self.replace(kept)

    def release(self, ids, reason):
        """Takes users off the list of those kept by name, for a reason, which the choice keeps."""
        ids = [ids] if isinstance(ids, str) else list(ids)
        if not reason.strip():
            raise BadChoice(f"Say why {', '.join(ids[:NAMED])} is no longer to be kept: give a reason.", value=ids)
        keys = {key_of(one) for one in ids}
        with self.lock:
            if others := keys - {key_of(one) for one, _ in self.choice.keep}:
                named = [one for one in ids if key_of(one) in others]
                raise BadChoice(f"{some(named)} {'is' if len(named) == 1 else 'are'} not kept by name.", value=named)
            gone = [pair for pair in self.choice.keep if key_of(pair[0]) in keys]
            others = [pair for pair in self.choice.released if key_of(pair[0]) not in keys]
            self._change(keep=tuple(pair for pair in self.choice.keep if pair not in gone),
                         released=(*others, *((one, reason.strip()) for one, _ in gone)))

    def replace(self, choice):
        """Puts another choice in the place of this one."""
        with self.lock:
            self._refuse_if_outdated()
            if choice == self.choice:
                return
            self._past = [*self._past, self.choice][-STEPS:]
            self._future = []
            self._become(choice)

    def start_over(self):
        """Goes back to the choice that this began with; that can be undone, too."""
        with self.lock:
            self.continued = False
            self.replace(self.start)

    def undo(self):
        """Takes the last step back, if there is one."""
        with self.lock:
            self._refuse_if_outdated()
            if self._past:
                self._future.append(self.choice)
                self._become(self._past.pop())

    def redo(self):
        """Takes again the step that was taken back last, if there is one."""
        with self.lock:
            self._refuse_if_outdated()
            if self._future:
                self._past.append(self.choice)
                self._become(self._future.pop())

    @property
    def can_undo(self):
        """Is there a step to take back."""
        return bool(self._past)

    @property
    def can_redo(self):
        """Is there a step to take again."""
        return bool(self._future)

    def _change(self, **changes):
        with self.lock:
            self.replace(dataclasses.replace(self.choice, **changes))

    def _refuse_if_outdated(self):
        # A widget of earlier exports may still be on the page: what is done in it would be lost.
        if self.successor:
            raise BadChoice("These are the users of earlier exports: run this cell again to see those of now. Nothing "
                            "was changed.", value=None)

    def _become(self, choice):
        self.choice = choice
        self.tell()

    def tell(self):
        """Calls all who watch; an exception in one is logged and stops nobody else."""
        for function in list(self._watching):
            try:
                function()
            except Exception:
                logging.getLogger(__name__).exception("A widget could not show the choice as it is now.")

    # A cell that is run again.

    def passed(self, choice):
        """Did this begin with that choice, or was it that choice at some step since: the last one saved, if any was.

        A choice on disk that is another than the one saved was changed by hand: then that is what counts.
        """
        with self.lock:
            if self.saved is not None:
                return choice in (self.saved, self.choice)
            return choice in (self.start, self.choice, *self._past)

    def save(self, folder):
        """Writes the choice into a run folder, with who is chosen by it, see ``Choice.save``; returns its path."""
        with self.lock:
            self._refuse_if_outdated()
            path = self.choice.save(folder, self.population)
            self.saved = self.choice
            return path

    def go_on(self, start, earlier=None):
        """Goes on after the cell was run again with a choice to start from; earlier: the Picking to take over from."""
        with self.lock:
            if earlier:
                self.choice, self._past, self._future = earlier.choice, [*earlier._past], [*earlier._future]
                self.log, self.told, self.saved, earlier.successor = earlier.log, earlier.told, earlier.saved, self
            self.start = start
            self.continued = self.choice != start
        if earlier:
            earlier.tell()

    def give_way(self, successor):
        """Is changed no more, as another Picking began anew in its place; whom it keeps is kept there, too."""
        named = {key_of(one) for one, _ in (*successor.choice.keep, *successor.choice.released)}
        if lost := [pair for pair in self.choice.keep if key_of(pair[0]) not in named]:
            successor.replace(successor.choice.keeping_all(lost))
        self.successor = successor
        self.tell()

    @property
    def latest(self):
        """The Picking that took over from this one in the end; this one, if none did."""
        return self.successor.latest if self.successor else self

    # What colleagues and the sample say.

    def take_in(self, found):
        """Keeps, in one step, whom a review or a sample says to keep, and remembers what was said of each user.

        found: what ``review.read`` or ``samples.read`` returned. Who is kept already stays so, with the old reason.
        """
        with self.lock:
            already = {key_of(one) for one, _ in self.choice.keep}
            pairs = found.kept[["primary_id", "reason"]].itertuples(index=False, name=None)
            if new := [(one, why) for one, why in pairs if key_of(one) not in already]:
                self.keep_each(new)
            for key, sentence in heard.sentences(found):
                said = self.told.setdefault(key, [])
                said += [] if sentence in said else [sentence]
            self.tell()

    # Users kept by name, and what does not fit.

    def rows(self, ids):
        """Returns where in the table the users with these IDs are: a dict of key -> list of places, empty for nobody.

        The table is looked through once for each ID, however often it is asked for.
        """
        keys = list(dict.fromkeys(map(key_of, ids)))
        if new := [key for key in keys if key not in self._rows]:
            column, found = self.population.table["key"], {key: [] for key in new}
            for place in np.flatnonzero(column.isin(new).to_numpy(bool)).tolist():
                found[column.iat[place]].append(place)
            self._rows |= found
        return {key: self._rows[key] for key in keys}

    def kept_rows(self):
        """Returns where in the table the users are who are kept by name: an array of places."""
        places = self.rows(one for one, _ in self.choice.keep).values()
        return np.array([place for several in places for place in several], dtype=np.int64)

    @property
    def problems(self):
        """What does not fit in the choice, or not these exports, in sentences; empty when all is well."""
        with self.lock:
            return [*self._nobody_there(), *self._strangers(), *self._policy()]

    def _nobody_there(self):
        cube, choice, said = self.population.cube, self.choice, []
        if there := sorted(self.subsets.elsewhere(choice.ticks)):
            words = [f"{group} {self.subsets.when(year)}" for group, year in there]
            said.append(f"Also ticked, though nobody is in them now: {some(words)}. They stay in the choice.")
        for facet, values in choice.only:
            if gone := [value for value in values if value not in cube.values[facet]]:
                said.append(f"The choice also allows {facet} {some(gone)}, which nobody has now.")
        if gone := [one for one in choice.leave_out if one not in self.counting.singles]:
            said.append(f"The choice also leaves out those with “{some(gone)}”: nobody has that reason now.")
        return said

    def _strangers(self):
        rows = self.rows(one for one, _ in self.choice.keep)
        if nobody := [one for one, _ in self.choice.keep if not rows[key_of(one)]]:
            yield (f"To be kept, but in these exports nobody has the primary ID {some(nobody)}. "
                   "Check the spelling and leading zeros.")

    def _policy(self):
        if self.choice.policy != self.population.policy:
            yield ("These users were judged by another policy than this choice has: save the choice, and run this "
                   "notebook from the top to judge them again.")


def some(words):
    """Returns the first few of some words, and how many more there are."""
    named = ", ".join(words[:NAMED])
    return f"{named} and {len(words) - NAMED:,} more" if len(words) > NAMED else named
