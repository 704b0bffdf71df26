"""Whom a choice meant on the day when it was saved: who comes into a ticked subset later was reviewed by nobody."""

from pathlib import Path

import pandas as pd

from purgelib import lists
from purgelib.errors import BadChoice
from purgelib.users import key_of

FILE = "chosen.csv"
NAMED = 5  # of the users of whom a sentence speaks


def write(folder, population, choice):
    """Writes the primary IDs of those chosen into a run folder, as chosen.csv; returns its path. Writes to disk."""
    ids = population.table["primary_id"][choice.chosen(population)]
    return lists.write(pd.DataFrame({"primary_id": ids}), Path(folder) / FILE)


def refuse_newcomers(folder, population, chosen):
    """Refuses users who are chosen now and were not when the choice was saved. Only reads.

    chosen: a boolean per user. A run folder without chosen.csv knows nobody, and refuses nobody.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return
    known = set(key_of(lists.read(path)["primary_id"]))
    now = population.table[chosen]
    new = now["primary_id"][~now["key"].isin(known)].tolist()
    if new:
        more = f" and {len(new) - NAMED:,} more" if len(new) > NAMED else ""
        raise BadChoice(f"{len(new):,} users are chosen who were not when the choice was saved, so nobody has looked "
                        f"at them: {', '.join(new[:NAMED])}{more}. The exports are newer, or the choice was changed. "
                        "Look at it in 02_choose, and save it again.", value=new)
