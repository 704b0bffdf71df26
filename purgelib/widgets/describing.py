"""Users in words: a line in the grid for each, and all that is known of one."""

import numpy as np
import pandas as pd

from purgelib import rules
from purgelib.population import CHECK, MAY_GO
from purgelib.users import key_of
from purgelib.widgets.listing import HELD, MUST_STAY, ON
from purgelib.widgets.subsets import in_words

UNKNOWN = "not known"
LONGEST = 400  # characters of a cell; the rest is in the user's detail
_COUNTED = (("loans", "Open loans"), ("requests", "Open requests"), ("fees", "Fees owed"), ("blocks", "Active blocks"),
            ("proxies", "Users for whom this user is a proxy"))
_ASKED = (("other_roles", "Has a role other than Patron"), ("linked", "Linked to another institution"),
          ("in_set", "Is in the set file"))
_WRONG = (("id_problem", "Wrong with the primary ID"), ("doubt", "Doubtful in the exports"))
_MORE = (("identifiers", "Identifiers beside the primary ID"), ("notes", "Notes"))


def lines(picking, listing, places):
    """Returns what the grid shows of some users: per user place, state, why it cannot be ticked, and the cells."""
    people, kept = picking.population, listing.kept()
    table, facets = people.table.iloc[places], people.facets.iloc[places]
    columns = zip(places.tolist(), table["key"], listing.states(places), _texts(table["primary_id"]),
                  _texts(table["name"]), facets["user_group"],
                  [in_words("record_type", one) for one in facets["record_type"]],
                  _days(table["expiry_date"], UNKNOWN), purge_days(table), facets["verdict"], facets["reason"],
                  facets["expired"], strict=True)
    found = []
    for place, key, state, primary_id, name, code, kind, expiry, purge, verdict, reason, year in columns:
        said = f"kept by name: {kept[key]}; {reason}" if state == HELD else reason
        cells = [primary_id, name, people.group_names[code], kind, expiry, purge, verdict, said]
        why = _why_not(picking, state, reason, (code, year))
        found.append([place, state, why, [one[:LONGEST] for one in cells]])
    return found


def _why_not(picking, state, reason, pair):
    """Why a row cannot be ticked, and what a person can do; empty if it can be."""
    if state in (ON, HELD):
        return ""
    if state == MUST_STAY:
        return f"must stay: {reason}"
    subset = f"{picking.population.group_names[pair[0]]}, {picking.subsets.when(pair[1])}"
    if pair not in picking.choice.ticks:
        return f"is in a subset that is not ticked; tick {subset} in the table of subsets"
    return f"is in {subset}, which is ticked, but is left out by the boxes beside the table of subsets"


def in_sentence(picking, line):
    """Returns what will happen to the user of a line, in words."""
    _place, state, why, cells = line
    who = " ".join(cells[:2]).strip() or "This user, who has no primary ID,"
    if state == ON:
        later = ", unless Alma says otherwise" if cells[6] == CHECK else ", as far as the exports tell"
        return f"{who} is ticked and will be in the plan{later}."
    return f"{who} {why or 'is ' + cells[7].split('; ')[0]}."


def about(picking, listing, place):
    """Returns all that is known of one user: facts, every rule's answer, all reasons, what staff said."""
    people = picking.population
    user, line = people.table.iloc[place], lines(picking, listing, np.array([place]))[0]
    staff = _staff(picking, listing, user)
    return {"place": place, "title": " ".join(line[3][:2]).strip() or "A user without a primary ID",
            "state": line[1], "sentence": in_sentence(picking, line), "facts": facts(user, line[3], people.as_of),
            "rules": answers(people, place), "reasons": str(people.reason.iat[place]).split("; "), "staff": staff}


def _staff(picking, listing, user):
    """What staff said of a user: kept or let go in the choice, the list of exceptions, the review, the sample."""
    key, listed = user["key"], user["keep_reason"]
    said = [f"Kept by name: {listing.kept()[key]}"] if key in listing.kept() else []
    said += [f"No longer kept by name: {why}" for one, why in picking.choice.released if key_of(one) == key]
    said += [] if pd.isna(listed) else [f"On the list of exceptions: {listed or 'no reason given'}"]
    said += picking.told.get(key, [])
    return said + [f"{when}, {done}: {why}" for when, done, whom, why in picking.log if key_of(whom) == key]


def facts(user, cells, as_of):
    """Returns every fact of one user as pairs of label and words; what is missing is said to be not known."""
    primary_id, name, group, kind, expiry, purge, verdict, _ = cells
    told = [("Primary ID", primary_id), ("Name", name or UNKNOWN), ("User group", group), ("Record type", kind)]
    told += [(label, in_words(column, "" if pd.isna(user[column]) else str(user[column])))
             for column, label in (("account_type", "Account type"), ("status", "Status"), ("campus", "Campus"))]
    told += [("Expiry date", _with_age(expiry, user["expiry_date"], as_of)),
             ("Purge date", _with_age(purge, user["purge_date"], as_of)), ("Verdict", verdict)]
    told += [(label, _amount(user[column])) for column, label in (*_COUNTED, *_MORE)]
    told += [(label, UNKNOWN if pd.isna(user[column]) else "yes" if user[column] else "no") for column, label in _ASKED]
    return told + [(label, UNKNOWN if pd.isna(user[column]) else str(user[column]) or "nothing")
                   for column, label in _WRONG]


def answers(people, place):
    """Returns every rule's answer about one user in words, as ``Population.why``: triples of rule, answer, reason."""
    said, known = people.answers.iloc[place], rules.by_name()
    words = {name: "cannot tell" if pd.isna(one) else MAY_GO if one else "stays" for name, one in said.items()}
    reason = {"cannot tell": "unknown", "stays": "stays"}
    return [[known[name].ask.__doc__, word, getattr(known[name], reason[word]) if word in reason else ""]
            for name, word in words.items()]


def ago(day, as_of):
    """Returns how far a day is from the day of the data, by the calendar: 7 years ago, in 2 months, today."""
    if day == as_of:
        return "on the day of the data"
    early, late = sorted((day, as_of))
    months = (late.year - early.year) * 12 + late.month - early.month - (late.day < early.day)
    number, word = (months // 12, "year") if months >= 12 else (months, "month")
    if not months:
        number, word = (late - early).days, "day"
    words = f"{number} {word}{'' if number == 1 else 's'}"
    return f"{words} ago" if day < as_of else f"in {words}"


def purge_days(table):
    """Returns purge dates as texts; none where it is known that there is none."""
    none = table["purge_known"].fillna(False).to_numpy(bool)
    days = _days(table["purge_date"], UNKNOWN)
    return ["none" if day == UNKNOWN and sure else day for day, sure in zip(days, none, strict=True)]


def _with_age(text, day, as_of):
    return text if pd.isna(day) else f"{text} ({ago(day, as_of)})"


def _days(column, otherwise):
    return column.dt.strftime("%Y-%m-%d").fillna(otherwise).tolist()


def _texts(column):
    return column.astype("str").fillna("").tolist()


def _amount(value):
    if pd.isna(value):
        return UNKNOWN
    return f"{value:,.2f}" if isinstance(value, float) else f"{int(value):,}"


def empty(listing):
    """Returns why nobody is shown, and what to do next."""
    view = listing.view
    if view.expires_from and view.expires_to and view.expires_from > view.expires_to:
        return "Nobody expires from a day to one before it: change the expiry dates."
    if listing.filtered():
        return "Nobody here fits what you search for and the filters: press “Clear search and filters”, or change one."
    return {"ticked": "Nobody is ticked: tick subsets in the table of subsets, or show everybody.",
            "planned": "Nobody will be in the plan: tick subsets in the table of subsets.",
            "kept": "Nobody is kept by name: take the tick off a user to keep that user.",
            "listed": "Nobody has an ID of the list."}.get(view.which, "There are no users in these exports.")
