"""Fines and fees: what each user owes, by the fine and not by its rows, which repeat its amounts."""

import numpy as np
import pandas as pd

from purgelib import values

CENT = 0.005
# IDs of fines and of their transactions are long numbers: this is what a spreadsheet makes of them.
NO_ID = r"^#|^[\d.,]+E\+?\d+$|^\d{15}000+$|^\?+$"


def rows(part, at, counts, problems):
    """Returns the rows of users in one export of fines, a frame: one per transaction, with the fine's own amounts.

    at: per row the place of its user, -1 for nobody's. counts: per row, is the fine open. What cannot be read is added
    to the problems.
    """
    made = {"user": at, "fine": part.trimmed("fine_id"), "counts": counts}
    unread = np.zeros(len(part), dtype=bool)
    for name in ("original", "transaction", "remaining"):
        made[name], currency, doubts = values.amounts(part.cells(name))
        problems.add(part.sheet, part.heading(name), part.cells(name), doubts)
        unread |= doubts.any | (made[name].isna().to_numpy() if name != "transaction" else False)
        made[name] = made[name].fillna(0.0).astype("float64")
    told = part.trimmed("currency") if part.has("currency") else pd.Series("", index=made["fine"].index, dtype="str")
    made["currency"] = told.where(told != "", currency.astype("str"))
    made["transaction_id"] = part.trimmed("transaction_id")
    # Without sound IDs, two fines may look like one, and one payment like two.
    bad = unread | (made["fine"] == "").to_numpy()
    bad |= ((made["transaction"] != 0) & (made["transaction_id"] == "")).to_numpy()
    for name in ("fine", "transaction_id"):
        bad |= made[name].str.contains(NO_ID, case=False, regex=True).to_numpy(bool)
    return pd.DataFrame(made | {"bad": bad, "unread": unread})[at >= 0]


def balances(parts):
    """Returns what each user owes: by the fine, whose balance is its original amount less its transactions.

    parts: what ``rows`` returned for each export.

    It counts only where the remaining amount agrees, which Analytics gives either for the fine or for the row;
    a fine that is closed in one row and open in another, or of several currencies, is unknown, and so is a closed
    one of which something remains.
    Returns amounts by the user's place, missing where one of the user's fines is unknown.
    """
    amounts, rows = ["original", "transaction", "remaining"], pd.concat(parts)
    rows = rows.drop_duplicates(["user", "fine", "transaction_id", "counts", "currency", *amounts])
    same = ["user", "fine", "transaction_id"]
    rows = rows.assign(own=((rows["original"] - rows["transaction"] - rows["remaining"]).abs() < CENT)
                       & (rows["transaction"] >= 0), bad=rows["bad"] | rows.duplicated(same, keep=False),
                       left=rows["remaining"].abs(), moved=rows["transaction"].abs())
    fines = rows.groupby(["user", "fine"]).agg(
        counts=("counts", "max"), every=("counts", "min"), bad=("bad", "max"), unread=("unread", "max"),
        own=("own", "min"), first=("original", "min"), last=("original", "max"), paid=("transaction", "sum"),
        remaining=("remaining", "min"), various=("remaining", "nunique"), least=("left", "min"), most=("left", "max"),
        moved=("moved", "max"))
    fines["balance"] = fines["first"] - fines["paid"]
    over, fines = fines[~fines["counts"]], fines[fines["counts"]]
    balance = fines["balance"]
    # Of several rows with the same amount, nobody knows whether it is the fine's or the row's own.
    own = fines["own"] & (fines["various"] > 1) & (balance > CENT)
    agrees = (((fines["remaining"] - balance).abs() < CENT) | own) & (fines["first"] == fines["last"])
    unknown = ~agrees | fines["bad"] | ~fines["every"] | (balance * fines["first"] < 0)
    key = fines.index.get_level_values("user")
    owed = balance.groupby(key).sum().round(2)
    several = rows[rows["counts"]].groupby("user")["currency"].nunique() > 1
    # A credit does not pay a debt, here as in ``Alma.owed``: both are reasons to stay.
    both = (balance > CENT).groupby(key).any() & (balance < -CENT).groupby(key).any()
    owed = owed.mask(both, balance.abs().groupby(key).sum().round(2))
    owed = owed.mask(unknown.groupby(key).any() | several.reindex(owed.index, fill_value=False))
    doubtful = over.index.get_level_values("user")[~_settled(over)].unique()
    return owed.reindex(owed.index.union(doubtful)).mask(lambda all_: all_.index.isin(doubtful))


def _settled(fines):
    """Which closed fines leave nothing: none remains in any row, or their transactions come to the original amount."""
    none = (fines["most"] < CENT) & ~((fines["moved"] > 0) & (fines["balance"] * fines["first"] > CENT))
    # Each row may show its own remaining amount, as if there were no other.
    paid = (fines["balance"].abs() < CENT) & ((fines["least"] < CENT) | fines["own"]) & ~fines["bad"]
    return (none | paid) & ~fines["unread"] & (fines["first"] == fines["last"])
