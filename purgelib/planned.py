"""The rows of a plan: whom, what is set and what the export showed before, the facts as seen, all reasons."""

import dataclasses

import pandas as pd

from purgelib import fields
from purgelib.users import key_of

# Facts that a user is recognised by when Alma is asked again, and the others that the decision rested on.
FACTS = ("user_group", "name", "expiry_date", "account_type", "record_type")
SEEN = (*FACTS, "purge_date", "status", "campus", "other_roles", "loans", "requests", "fees")
DAYS = ("expiry_date", "purge_date")


def columns(names):
    """Returns the columns of users.csv of a plan that sets these fields."""
    return ["primary_id", "action", *(f"{when}_{name}" for name in names for when in ("old", "new")), *SEEN, "reason"]


def rows(population, chosen, action, sets):
    """Returns a frame of texts, a row per chosen user, with the columns ``columns(sets)``, sorted by primary ID.

    chosen: a boolean per user. sets: field -> the text that it gets. An empty text is a fact that nobody knows, or a
    date that is not there; of a note there is no old value, as notes are added.
    """
    table = population.table[chosen]
    seen = {name: texts(table[name]) for name in SEEN}
    old = {f"old_{name}": seen.get(name, "") for name in sets}
    new = {f"new_{name}": said for name, said in sets.items()}
    made = pd.DataFrame({"primary_id": texts(table["primary_id"]), "action": action, **old, **new, **seen,
                         "reason": population.reason[chosen].astype("str")})
    return made[columns(sets)].fillna("").sort_values("primary_id")


def not_chosen(population, choice, chosen, stays):
    """Returns everybody else with the reason: a frame of texts with primary_id, user_group, reason."""
    table, kept = population.table, {key_of(one): why for one, why in choice.keep}
    goes = (population.verdict != stays).to_numpy(bool)
    wide = dataclasses.replace(choice, only=(), leave_out=()).ticked(population)
    reason = population.reason.astype("str").mask(goes & ~wide, "not ticked")
    reason = reason.mask(goes & wide & ~choice.ticked(population), "ticked, but left out by what narrows the choice")
    by_name = table["key"].map(kept).astype("str")
    reason = reason.mask(by_name.notna(), "kept by name: " + by_name.fillna(""))
    made = pd.DataFrame({"primary_id": table["primary_id"], "user_group": table["user_group"].astype("str"),
                         "reason": reason})
    return made[~chosen].fillna("")


def texts(column):
    """Returns a column of the user table as texts, days as 2026-11-22, unknown as an empty text."""
    if column.name in DAYS:
        return column.dt.strftime("%Y-%m-%d").fillna("")
    return column.astype("str").fillna("")


def sets_of(choice, run):
    """Returns what a choice sets, a dict of field -> text; {run} in a note stands for the run's name."""
    said = dict(choice.sets)
    if choice.purge_date:
        said["purge_date"] = str(choice.purge_date)
    if "note" in said:
        said["note"] = said["note"].replace("{run}", run)
    return fields.checked(said)
