"""Choosing with the mouse or the keyboard; what comes out is a choice, which is text.

``choose``: a table of user group by year of expiry whose cells are ticked, with facets beside it. ``users``: the
single users, one by one. ``confirmation``: the box in which a person types what a purge asks for. ``watched``: a run
beside its cell, with a panel that pauses and stops it. Each has a static twin, for notebooks that are executed,
exported or read on GitHub.

    state       what all widgets of a notebook share: the choice as it is now, its undo, its numbers
    counting    what a choice means in numbers, added up from the cube of counts
    heard       what colleagues and the sample said of single users
    watching    what the widgets that show a choice have in common
    subsets     the table of subsets and the facets, as the page draws them
    picker      the widget that ``choose`` shows
    users       the widget of single users: listing, describing, pasted and userstwin are its parts
    confirming  the widget that ``confirmation`` shows
    running     the panel that ``watched`` shows, and the run beside the cell
    faults      the line of an edited text at which a fault is
    twin        the picker without any script
    page        JavaScript and style sheets, put together
"""

from purgelib import choice as choices
from purgelib.widgets.confirming import Confirmation
from purgelib.widgets.picker import shown
from purgelib.widgets.running import watched
from purgelib.widgets.users import users

__all__ = ["choose", "confirmation", "users", "watched"]


def choose(population, choice=None, run=""):
    """Shows the population as a table to tick, starting from a choice; returns a Picker. Only reads.

    A cell that is run again goes on with what was ticked since, and says so; a new kernel, another run, and a choice
    that was changed by hand since it was saved start from the choice. run: the name of the run.
    """
    return shown(population, choice or choices.Choice(policy=population.policy), run)


def confirmation(wanted, prefilled=""):
    """Shows a box in which a person types what ``guards.to_be_typed`` wants; its ``typed`` says what stands there."""
    return Confirmation(wanted, prefilled)
