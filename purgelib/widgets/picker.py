"""The table of subsets with the facets beside it, the totals, those kept by name, and the choice as text."""

import traitlets

from purgelib import choice as choices
from purgelib.errors import BadChoice
from purgelib.population import CHECK, MAY_GO, STAYS
from purgelib.rules import LATER
from purgelib.users import key_of
from purgelib.widgets import page, twin
from purgelib.widgets.faults import line_of
from purgelib.widgets.state import Picking, some
from purgelib.widgets.subsets import facet_lists, reason_in_words
from purgelib.widgets.watching import Watching

NAMED = 3  # of the reasons why ticked users stay, no more are named in the sentence
LISTED = 200  # of the users kept by name; the others are in the text
LONGEST = 200_000  # characters of a text that can be edited in the page
_OPEN = []  # the pickers of this kernel, so that a cell that is run again can go on


def shown(population, start, run=""):
    """Returns the picker that a cell shows: a new one, or the one that it showed before, with what was ticked since."""
    earlier = next((one for one in reversed(_OPEN) if one.picking.run == run and one.picking.passed(start)), None)
    if earlier and earlier.picking.population is population:
        earlier.go_on(start)
        return earlier
    picking = Picking(population, start, run)
    for one in [one for one in _OPEN if one.picking.run == run]:
        _OPEN.remove(one)
        # It shows another population, or a choice that was changed by hand since.
        one.close()
        if one is earlier:
            picking.go_on(start, one.picking)
        else:
            one.picking.give_way(picking)
    _OPEN.append(Picker(picking))
    return _OPEN[-1]


class Picker(Watching):
    """What a person ticks, narrows, leaves out and keeps; ``choice`` is what that means now."""

    _esm = page.module("element", "asking", "table", "facets", "picker")
    _css = page.style("element", "picker")
    table = traitlets.Dict().tag(sync=True)
    ticks = traitlets.Unicode().tag(sync=True)  # a 1 or 0 per cell, row by row: small however many cells there are
    counts = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    toml = traitlets.Dict().tag(sync=True)
    said = traitlets.Dict().tag(sync=True)
    answered = traitlets.Dict().tag(sync=True)  # the last message of the page that all of this takes into account

    def __init__(self, picking):
        # A reason to stay is shown in its place even while nobody ticked has it.
        self._reasons = picking.counting.singles
        table = picking.subsets.as_table() | {"facets": facet_lists(picking.population.cube), "reasons": [
            {"words": reason_in_words(one), "later": one.endswith(LATER)} for one in self._reasons]}
        self._answer, self._hearing = {"who": "", "number": 0}, False
        super().__init__(picking, table=table, said={"number": 0})
        self.toml = self._toml()

    @property
    def text(self):
        """The choice as it is ticked now, as TOML."""
        return self.choice.to_toml()

    def take_in(self, found):
        """Keeps whom a review or a sample says to keep, in one step; users' details then show what was said of them.

        found: what ``review.read`` or ``samples.read`` returned.
        """
        self.picking.take_in(found)

    def keep(self, primary_id, reason):
        """Keeps one user by name; an ID that nobody has, or no reason, is refused."""
        self.picking.keep(primary_id, reason)

    def save(self, folder):
        """Writes the choice as it is ticked now into a run folder, and who is chosen by it; returns its path."""
        return self.picking.save(folder)

    def release(self, primary_id, reason):
        """Takes one user off the list of those kept by name; no reason is refused."""
        self.picking.release(primary_id, reason)

    def go_on(self, start):
        """Goes on, for a cell that was run again: the choice to start from is now this one."""
        self.picking.go_on(start)
        self._tell()

    # What the page asks for.

    def _hear(self, _widget, message, _buffers):
        """Does what the page asks for; a refusal becomes a sentence."""
        with self.picking.lock:
            self._answer, self._hearing = {"who": str(message["who"]), "number": message["number"]}, True
            said = {"good": True, "about": message["do"], "who": str(message["who"]), "line": None}
            try:
                text, error = self._done(message)
            finally:
                self._hearing = False
            said["text"] = text or ""
            if error:
                said |= {"good": False, "text": str(error), "line": line_of(error, str(message.get("text", "")))}
            with self.hold_sync():
                self.said = said | {"number": self.said["number"] + 1}
                self.answered, self.toml = self._answer, self._toml()

    def _do_tick(self, message):
        self.picking.tick(self.picking.subsets.pairs(message["row"], message["column"]), message["on"])

    def _do_narrow(self, message):
        facet = message["facet"]
        here = self.picking.population.cube.values[facet]
        now = set(dict(self.choice.only).get(facet, here))
        values = set(here) if message["value"] is None else {here[message["value"]]}
        wanted = now | values if message["on"] else now - values
        # All ticked means: not narrowed, whatever values come with the next export.
        self.picking.narrow(facet, None if message["on"] and wanted >= set(here) else wanted)

    def _do_leave_out(self, message):
        self.picking.leave_out(self._reasons[message["reason"]], message["on"])

    def _do_keep(self, message):
        self.keep(str(message["primary_id"]), str(message["reason"]))
        return f"{str(message['primary_id']).strip()} is kept."

    def _do_release(self, message):
        self.release(str(message["primary_id"]), str(message["reason"]))
        return f"{message['primary_id']} is no longer kept by name."

    def _do_use(self, message):
        wanted = choices.from_toml(str(message["text"]), where="The text")
        named = {key_of(one) for one, _ in (*wanted.keep, *wanted.released)}
        if lost := [one for one, _ in self.choice.keep if key_of(one) not in named]:
            raise BadChoice(f"The text keeps {some(lost)} no longer, and gives no reason: use “Remove” in the list "
                            "above, or write why under [[released]].", value=lost)
        self.picking.replace(wanted)
        return "The text is used."

    def _do_start_over(self, _message):
        self.picking.start_over()

    # What the page is told.

    def _tell(self):
        with self.picking.lock:
            super()._tell()
            # Writing a long text takes longer than counting; the page need not wait for it.
            if not self._hearing:
                self.toml = self._toml()

    def _state(self):
        on = self.picking.subsets.on(self.choice.ticks)
        return {"ticks": "".join("1" if one else "0" for one in on.flat), "counts": self._numbers(),
                "words": self._words(on), "answered": self._answer}

    def _toml(self):
        text = self.text
        return {"text": text[:LONGEST], "whole": len(text) <= LONGEST}

    def _numbers(self):
        n = self.picking.counts
        return {"groups": n.cells.sum(axis=1).tolist(), "years": n.cells.sum(axis=0).tolist(), "all": n.all,
                "totals": [n.all, *(n.verdicts[one] for one in (MAY_GO, CHECK, STAYS)), n.kept],
                "why": [[reason_in_words(one), users] for one, users in n.why.items()],
                "sentence": self.sentence, "facets": self._facets(n), "reasons": [
                    [one in self.choice.leave_out for one in self._reasons],
                    [n.reasons[one] for one in self._reasons], [n.spared.get(one, 0) for one in self._reasons]]}

    def _facets(self, counts):
        """Of each facet and value: is it allowed, how many of the ticked have it, how many it leaves out."""
        only, found = dict(self.choice.only), {}
        for facet, values in self.picking.population.cube.values.items():
            if facet in counts.facets:
                ticked = counts.facets[facet]
                found[facet] = [[one in only.get(facet, values) for one in values], ticked.tolist(),
                                counts.left_out.get(facet, ticked * 0).tolist()]
        return found

    @property
    def sentence(self):
        """What the ticks mean now, in one sentence."""
        n = self.picking.counts
        why = ", ".join(f"{reason_in_words(reason)}: {users:,}" for reason, users in list(n.why.items())[:NAMED])
        return (f"{n.all:,} ticked: {n.verdicts[MAY_GO]:,} {MAY_GO}, {n.verdicts[CHECK]:,} {CHECK}, "
                f"{n.verdicts[STAYS]:,} stay all the same{f' ({why})' if why else ''}, {n.kept:,} kept by name.")

    def _words(self, on):
        picking, changed = self.picking, self.choice != self.picking.start
        return {"notes": picking.problems, "continued": picking.continued and changed, "changed": changed,
                "undo": picking.can_undo, "redo": picking.can_redo, "all_kept": len(self.choice.keep),
                "kept": [self._about(*one, on) for one in self.choice.keep[:LISTED]],
                "more_kept": max(0, len(self.choice.keep) - LISTED)}

    def _about(self, primary_id, reason, on):
        people, subsets = self.picking.population, self.picking.subsets
        rows, name, about = self.picking.rows([primary_id])[key_of(primary_id)], "", "not in these exports"
        if rows:
            name = people.table["name"].iat[rows[0]]
            group, year = (str(people.facets[facet].iat[rows[0]]) for facet in ("user_group", "expired"))
            about = f"{subsets.names[group]}, {subsets.when(year)}"
            about += "" if on[subsets.row[group], subsets.column[year]] else ", not ticked"
        return {"primary_id": primary_id, "name": name if isinstance(name, str) else "", "reason": reason,
                "about": about}

    def __repr__(self):
        return f"Picker: {self.sentence}"

    def _repr_mimebundle_(self, **kwargs):
        html = twin.of_picker(self.table, self.ticks, self.counts, self.words, self.text)
        return twin.with_twin(super()._repr_mimebundle_(**kwargs), html)
