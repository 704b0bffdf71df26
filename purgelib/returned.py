"""A review as it came back: each row compared with what was sent, and what becomes of its user.

Unknown keeps: a row that is missing, was changed or cannot be understood never lets anybody go.
"""

import functools
import re
import zipfile

import numpy as np
import pandas as pd

from purgelib import forms, values
from purgelib.errors import BadExport
from purgelib.reviewbook import ABOUT, COLUMNS, KEEP, REASON, TASK
from purgelib.users import key_of

IN_REVIEW, MISSING, CHANGED = "kept in review", "row missing in the review", "row changed in the review"
BESIDE = "written beside in the review"
# What may mean the opposite of keep, or nothing at all.
UNSURE = {"no", "n", "non", "nein", "nee", "nej", "não", "nie", "false", "falsch", "faux", "0", "-", "–", "—", "?",
          "n/a"}
COMPARED = {name: heading for heading, name, _ in COLUMNS if name not in ("", "primary_id")}
TEXTS = {"primary_id": "Primary ID", "keep": KEEP, "why": REASON}
DATES = ("expiry_date", "purge_date")
NO_DATE = pd.Timestamp("1678-01-01")
# The title that each sheet was sent with.
OURS = re.compile(f".*: [0-9,]+{re.escape(TASK)}[0-9a-f]{{12}}\\)", re.DOTALL)


def sheets(path, found):
    """Reads the sheets of a workbook; one that is none of ours, or was made unreadable, is named. Only reads."""
    _name_comments(path, found)
    ignored = set()
    while True:
        try:
            return forms.read(path, path.name, _is_header, frozenset(ignored)).sheets
        except BadExport as error:
            sheet = error.facts.get("sheet")
            if not sheet or f"{path.name}/{sheet}" in ignored:
                raise
            ignored.add(f"{path.name}/{sheet}")
            found.say("sheet not read", path.name, f"{error} Users whose rows stand on it are kept.", sheet=sheet,
                      stops=False)


def _name_comments(path, found):
    """Comments beside cells are not read; that there are some must not pass in silence."""
    if path.suffix.casefold() != ".xlsx" or not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as book:
        if any("comment" in name.casefold() for name in book.namelist()):
            found.say("comments not read", path.name, "Somebody wrote comments (notes) beside cells of this workbook. "
                      "They are not read: open it, read them, and keep by name whom they are about.", stops=False)


def _is_header(cells):
    named = {_plain(cell) for cell in cells}
    return _plain(ABOUT) in named or _wanted() <= named


def _wanted():
    return {_plain(TEXTS["primary_id"]), _plain(KEEP)}


def _plain(text):
    return " ".join(text.split()).casefold()


def _texts(sheet, at):
    return sheet.cells.column(at).to_pandas().astype("str").fillna("").str.split().str.join(" ").astype("str")


def cover(found):
    """Returns what the cover sheet among these sheets says: a dict of label (in small letters) -> text; or nothing."""
    for sheet in found:
        if _plain(ABOUT) in map(_plain, sheet.headings):
            texts = [_texts(sheet, at) for at in range(sheet.cells.num_columns)]
            return dict(zip(texts[0].str.casefold(), texts[1], strict=True)) if len(texts) > 1 else {}
    return {}


def rows(found, doubts):
    """Returns the rows of users on all sheets: place, texts, dates, and whether a column of their sheet is gone."""
    made = [_rows(sheet, doubts) for sheet in found if _wanted() <= set(map(_plain, sheet.headings))]
    if made:
        return pd.concat(made, ignore_index=True)
    return pd.DataFrame({name: pd.Series(dtype="str") for name in ("sheet", *TEXTS, *COMPARED)}).assign(
        row=pd.Series(dtype="int64"), gone=pd.Series(dtype=bool), beside=pd.Series(dtype="str"))


def _rows(sheet, doubts):
    # Of a heading that stands twice, the first is ours; the other is something that somebody wrote.
    where = {_plain(heading): at for at, heading in reversed([*enumerate(sheet.headings)])}
    gone = [heading for heading in COMPARED.values() if _plain(heading) not in where]
    above = [title for title in sheet.titles if not OURS.fullmatch(title)]
    made = pd.DataFrame({"row": sheet.numbers}).assign(
        sheet=sheet.sheet, gone=bool(gone or above), beside=_beside(sheet, where)).astype({"sheet": "str"})
    for name, heading in (TEXTS | COMPARED).items():
        at = where.get(_plain(heading))
        made[name] = pd.Series("", index=made.index, dtype="str") if at is None else _texts(sheet, at)
        if name in DATES and at is not None:
            made[f"{name} read"] = _dates(sheet, at)
    if gone:
        doubts.say("column gone", sheet.file, f"The column {', '.join(gone)} is gone, so nobody can tell whether the "
                   "rows are still whole: all users of this sheet are kept. Ask for the sheet with all its columns.",
                   sheet=sheet.sheet, stops=False)
    for title in above:
        doubts.say("written above", sheet.file, "Something was written above the table, and nobody can tell whom it is "
                   "about: all users of this sheet are kept.", sheet=sheet.sheet, value=title, stops=False)
    for lost in sheet.lost:
        doubts.say("row not read", sheet.file, f"{lost.why}. Its user is kept.", sheet=sheet.sheet, row=lost.number,
                   value=lost.text, stops=False)
    return made


def _beside(sheet, where):
    """What stands in columns that are not ours, a text per row: a person wrote it, and had a reason to."""
    ours = {where.get(_plain(heading)) for heading in (TEXTS | COMPARED).values()}
    others = [_texts(sheet, at) for at in range(len(sheet.headings)) if at not in ours]
    if not others:
        return ""
    return pd.concat(others, axis=1).agg(lambda row: " ".join(text for text in row if text), axis=1).astype("str")


def _dates(sheet, at):
    """The dates of a column; what is no date differs from any date that was sent."""
    number = sheet.as_number.get(at)
    number = np.zeros(len(sheet), dtype=bool) if number is None and sheet.epoch else number
    read, doubtful = values.dates(sheet.cells.column(at), epoch=sheet.epoch, as_number=number)
    return read.mask(doubtful.any, NO_DATE)


def settle(rows, sent, everybody, doubts, file):
    """Says who is kept, as a frame of key, primary_id, reason; names whatever is not as it was sent.

    sent: keys of those who may go unless the review says otherwise. everybody: what is written of each user, with the
    columns key, primary_id and those that are compared.
    """
    facts = everybody.drop_duplicates("key").set_index("key")
    rows = rows.assign(key=key_of(rows["primary_id"]))
    known, ours = rows["key"].isin(facts.index), rows["key"].isin(sent)
    say = functools.partial(_name, doubts, file)
    say(rows[~known], "ID of nobody", "primary_id",
        "Nobody in the exports has this ID: has a program changed it, or was it written by hand? Nothing was done for "
        "this row. Whoever was sent in its place is kept, as that row is missing.")
    say(rows[ours & rows["key"].duplicated(keep=False)], "user in several rows", "primary_id",
        "This user stands in several rows; one that says keep is enough.")
    changed = pd.Series(False, index=rows.index)
    changed[ours] = rows.loc[ours, "gone"] | _changed(rows[ours], facts, say)
    say(rows[ours & (rows["beside"] != "")], "written beside", "primary_id", "Something was written beside the row, "
        "outside its columns: “" + rows.loc[ours & (rows["beside"] != ""), "beside"] + "”. The user is kept.")
    kept = _kept(rows[known].assign(changed=changed[known]), say)
    missing = facts[facts.index.isin(sent) & ~facts.index.isin(rows["key"])]
    _name_missing(missing, doubts, file)
    kept = pd.concat([kept, pd.DataFrame({"key": missing.index, "reason": MISSING}, dtype="str")], ignore_index=True)
    kept = kept.drop_duplicates("key")
    return kept.assign(primary_id=facts["primary_id"].reindex(kept["key"]).to_numpy()).astype("str")


def _name(doubts, file, rows, kind, column, sentence):
    if len(rows):
        doubts.list(kind, file, rows["sheet"].to_numpy(), rows["row"].to_numpy(), (TEXTS | COMPARED)[column],
                    rows[column].to_numpy(), sentence if isinstance(sentence, str) else sentence.to_numpy(), False)


def _name_missing(missing, doubts, file):
    if len(missing):
        doubts.list("row missing", file, "", np.full(len(missing), pd.NA), TEXTS["primary_id"],
                    missing["primary_id"].to_numpy(), "This row is not there, so nobody approved the user: kept. If "
                    "the user may go after all, take the ID out of keep in the choice.", False)


def _changed(rows, facts, say):
    """Which rows hold something else than was sent: perhaps only some of the columns were sorted."""
    changed = pd.Series(False, index=rows.index)
    whole = rows[~rows["gone"]]
    for name in COMPARED:
        was = facts[name].reindex(whole["key"]).set_axis(whole.index)
        if name in DATES:
            now = whole[f"{name} read"] if len(whole) else was
            differs = (was != now) & ~(was.isna() & now.isna())
            was = was.dt.strftime("%Y-%m-%d").fillna("empty")
        else:
            was = was.str.split().str.join(" ")
            differs = was != whole[name]
        say(whole[differs], "row changed", name, "Was sent as “" + was[differs].astype("str") + "”. The user is kept, "
            "as nobody can tell whose row this is.")
        changed |= differs.reindex(rows.index, fill_value=False)
    return changed


def _kept(rows, say):
    """Whom the rows keep, and why; the first reason that a person gave comes first."""
    marked, said, why = rows["keep"] != "", rows["keep"], rows["why"]
    unsure = said.str.casefold().isin(UNSURE)
    say(rows[unsure], "KEEP is not clear", "keep", f"Does this mean that the user stays, or goes? The user is kept. "
        f"Write x into {KEEP} for a user who stays, and empty it for one who goes.")
    only_why = ~marked & (why != "")
    say(rows[only_why], "reason without KEEP", "why", f"A reason stands in {REASON}, but {KEEP} is empty: the user is "
        "kept, with that reason.")
    # A sentence in KEEP is a reason; a single word such as x or yes is none.
    own = said.where(said.str.contains(" ") & ~unsure, IN_REVIEW)
    reason = why.where(why != "", own)
    kept = pd.DataFrame({"key": rows["key"], "reason": reason, "rank": 0})[marked | only_why]
    beside = rows[rows["beside"] != ""]
    others = pd.DataFrame({"key": beside["key"], "reason": BESIDE + ": " + beside["beside"], "rank": 1})
    kept = pd.concat([kept, others], ignore_index=True)
    doubtful = rows.loc[rows["changed"], "key"]
    kept = pd.concat([kept, pd.DataFrame({"key": doubtful, "reason": CHANGED, "rank": 2})], ignore_index=True)
    return kept.sort_values("rank", kind="stable").drop_duplicates("key")[["key", "reason"]].astype("str")
