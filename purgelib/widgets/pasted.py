"""A list of IDs that a person pasted or loaded: whom it means, and what in it is nobody's."""

import dataclasses
import re

import numpy as np

from purgelib.users import key_of

# What stands above such a column in Alma, in Analytics and in the files that libraries make of them.
HEADINGS = {"username", "user name", "primary id", "primary_id", "primary identifier", "primary identifiers", "id",
            "ids", "user id", "user_id", "userid", "user identifier", "user primary identifier", "identifier"}
SHOWN = 200_000  # characters of IDs that nobody has; beyond that only their number is said


@dataclasses.dataclass(frozen=True)
class Pasted:
    """What a list of IDs means in a population.

    ids: the IDs, each once, as written. places: where in the table their users are. strangers: the IDs that nobody
    has. heading: the first line, if it was taken for one. beside: how many known IDs stand in other columns.
    """

    ids: tuple[str, ...]
    places: np.ndarray
    strangers: tuple[str, ...]
    heading: str = ""
    beside: int = 0

    @property
    def sentence(self):
        """What the list means, in words, with every ID that nobody has."""
        users = f"{len(self.places):,} {'user is' if len(self.places) == 1 else 'users are'} shown."
        said = [f"{len(self.ids):,} {'ID' if len(self.ids) == 1 else 'IDs'} read; {users}"]
        if self.heading:
            said.append(f"The first line, “{self.heading}”, was taken for a heading.")
        if self.strangers:
            said.append(self.nobodys)
        if self.beside:
            said.append(f"Only the first column was read; {self.beside:,} more known IDs stand beside it. "
                        "Put each ID on a line of its own.")
        return " ".join(said)

    @property
    def nobodys(self):
        """Which IDs nobody has, in words; empty if each is somebody's."""
        if not self.strangers:
            return ""
        named, one = ", ".join(self.strangers), len(self.strangers) == 1
        if len(named) > SHOWN:
            named = f"{named[:SHOWN].rpartition(', ')[0]} and others (all: the grid's strangers)"
        return (f"Nobody has {'this ID' if one else f'these {len(self.strangers):,} IDs'}: {named}. "
                "Check the spelling and leading zeros.")


def look_up(text, population):
    """Returns what a text with an ID per line (or IDs in one line, between commas or tabs) means: a Pasted."""
    lines = [(_whole(line), cells) for line in text.splitlines() if any(cells := _cells(line))]
    if len(lines) == 1:
        lines = [(cell, [cell]) for cell in lines[0][1] if cell]
    places, known = _known({one for whole, cells in lines for one in (whole, *cells) if one}, population)
    # An ID may hold a comma itself: then the whole line is somebody's.
    ids = [whole if key_of(whole) in known else cells[0] for whole, cells in lines]
    heading = ids.pop(0) if len(ids) > 1 and key_of(ids[0]) not in known and key_of(ids[0]) in HEADINGS else ""
    beside = sum(key_of(cell) in known for whole, cells in lines if key_of(whole) not in known for cell in cells[1:])
    once = {key_of(one): one for one in reversed(ids) if one}
    column = population.table["key"]
    mine = places[column.iloc[places].isin(list(once)).to_numpy(bool)]
    return Pasted(tuple(reversed(once.values())), mine, heading=heading, beside=beside,
                  strangers=tuple(one for key, one in reversed(once.items()) if key not in known))


def _known(texts, population):
    """The places of the users who have one of these IDs, and the keys of those IDs that somebody has."""
    column = population.table["key"]
    places = np.flatnonzero(column.isin({key_of(one) for one in texts}).to_numpy(bool))
    return places, set(column.iloc[places])


def _whole(line):
    return _plain(line)


def _cells(line):
    return [_plain(cell) for cell in re.split(r"[\t;,]", line)]


def _plain(cell):
    """Without what spreadsheets put around an ID to keep it a text: ="00045", '00045."""
    return cell.replace("\ufeff", "").strip().removeprefix("=").strip('"\'').strip()
