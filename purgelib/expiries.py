"""What is counted of single days: on which day users expire, and how their purge date stands to it.

Days are few where users are many: a million of them expire on some thousand days.
"""

import numpy as np
import pandas as pd

NO_EXPIRY = "none"
# How the purge date stands to the day of the data and to the expiry date; each user has one of these.
STILL = "past, though the user has not expired"
EARLIER, LATER = "past, before the expiry date", "past, after the expiry date"
SAME = "past, same day as the expiry date"
OPEN = "past, without an expiry date"
AHEAD_EARLIER, AHEAD = "in the future, before the expiry date", "in the future"
ABSENT = "no purge date"
PURGE_KINDS = (STILL, EARLIER, SAME, LATER, OPEN, AHEAD_EARLIER, AHEAD, ABSENT)


def facets(table, as_of):
    """Returns a frame of categories without gaps, a row per user: expiry (the day as text, or none), purge (a kind)."""
    return pd.DataFrame({"expiry": _days(table["expiry_date"]), "purge": purge_kinds(table, as_of)}, index=table.index)


def as_days(values):
    """Returns the values of the facet ``expiry`` as an array of days; none is NaT."""
    return np.array(["NaT" if text == NO_EXPIRY else text for text in values], dtype="datetime64[D]")


def _days(dates):
    codes, found = pd.factorize(dates.to_numpy("datetime64[D]").astype("datetime64[s]"), sort=True)
    names = [*np.datetime_as_string(np.asarray(found), "D"), *([NO_EXPIRY] if (codes < 0).any() else [])]
    return pd.Categorical.from_codes(np.where(codes < 0, len(found), codes), categories=pd.Index(names, dtype="str"))


def purge_kinds(table, as_of):
    """Returns for each user which of PURGE_KINDS the purge date is: a categorical. A purge date of today is past."""
    purge, expiry = (table[name].to_numpy("datetime64[s]") for name in ("purge_date", "expiry_date"))
    day = pd.Timestamp(as_of).to_datetime64()
    past, ends = purge <= day, ~np.isnat(expiry)
    conditions = [np.isnat(purge), past & ~ends, past & (expiry >= day), past & (purge < expiry),
                  past & (purge == expiry), past, ends & (purge < expiry)]
    kinds = [ABSENT, OPEN, STILL, EARLIER, SAME, LATER, AHEAD_EARLIER]
    codes = np.select(conditions, [PURGE_KINDS.index(kind) for kind in kinds], PURGE_KINDS.index(AHEAD))
    return pd.Categorical.from_codes(codes, categories=pd.Index(PURGE_KINDS, dtype="str"))
