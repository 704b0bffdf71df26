"""The review: a workbook of those chosen goes out to colleagues, and comes back with the users whom they keep.

What comes back may have been sorted, filtered, cut and saved by other programs. A user goes on only where the row is
still there, still holds what was sent, and nothing was written beside it; everybody else is kept, and named.
"""

import dataclasses
import hashlib
import os
import re
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from purgelib import problems, returned, reviewbook
from purgelib.choice import Choice
from purgelib.errors import BadChoice
from purgelib.returned import CHANGED, MISSING
from purgelib.reviewbook import COVER, KEEP, REASON
from purgelib.users import key_of

FINGERPRINT, SIGNED = "Fingerprint", "Looked through by"
MARK = re.compile(r"\breview ([0-9a-f]{12})\b")
STEPS = (
    "There is a sheet per user group, with everybody of that group who may be purged.",
    f"Put an x into the yellow column {KEEP} beside everybody who must stay. Leave it empty for all the others.",
    f"Say why in the column {REASON}, in a few words: it is kept beside the user.",
    "Do not delete rows and do not change the other columns: such users are kept, as nobody can tell what was meant.",
    f"Write your name above, beside “{SIGNED}”. Save the workbook as .xlsx and send it back to whoever sent it.",
)
NEXT = ("Whoever sent it reads it in the notebook 02_choose: those marked are kept, with your reason. Before anything "
        "is written, everybody else is looked up once more in Alma. Delete your copy when you have sent it back.")


@dataclasses.dataclass(frozen=True)
class Review:
    """What came back: ``choice`` with those kept added; ``kept`` and ``named``, frames; rows read; who signed.

    rows: None as long as no workbook came back.

    kept: primary_id, reason of everybody whom this review keeps and the choice did not keep before. named: whatever
    was not as it was sent, as in ``problems.COLUMNS``: place, value, and a sentence that says what was done about it.
    """

    choice: Choice
    kept: pd.DataFrame
    named: pd.DataFrame
    rows: int | None
    signed: str

    def summary(self):
        """Says in words how many came back, how many are kept by it, and what was not as it was sent."""
        if self.rows is None:
            return "No workbook has come back yet: nobody is kept by it."
        odd = self.kept["reason"].isin([MISSING, CHANGED]).sum()
        return (f"{self.rows:,} users came back, looked through by {self.signed or 'nobody who wrote a name down'}: "
                f"{len(self.kept):,} more are kept, {odd:,} of them because their row is missing or was changed. "
                f"{len(self.named):,} rows were not as they were sent.")

    def kinds(self):
        """Returns what was not as it was sent, a row per kind, with an example."""
        return problems.by_kind(self.named).drop(columns="stops")


def fingerprint(population, choice):
    """Returns what tells one review from another: institution, day of the data, what was ticked, the policy.

    Whom the choice keeps by name does not count, so that several colleagues' workbooks can be read one after another.
    """
    same = dataclasses.replace(choice, title="", purge_date=None, keep=(), released=())
    return hashlib.sha256(f"{population.as_of:%Y-%m-%d}\n{same.to_toml()}".encode()).hexdigest()[:12]


def write(population, choice, where):
    """Writes the workbook of those chosen into a folder, or as that .xlsx; returns its path. Writes to disk only.

    In a folder it is named by its fingerprint. A workbook that is there already is left as it is: it may hold answers.
    Where nobody is chosen, nothing is written and None is returned.
    """
    choice.same_policy(population)
    chosen = choice.chosen(population)
    if not chosen.any():
        return None
    mark, path = fingerprint(population, choice), Path(where)
    if path.suffix.casefold() != ".xlsx":
        path = path / f"review-{mark}.xlsx"
        if path.exists():
            return path
    if path.exists():
        raise BadChoice(f"{path.name} is there already, perhaps with answers in it. Give the review another name, or "
                        "move that file away.", where=str(path))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with (os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as file,
              tqdm(total=int(chosen.sum()), desc="Writing the review", unit="user", delay=2, leave=False,
                   file=sys.stdout, mininterval=0.2) as bar):
            reviewbook.write(file, _about(population, choice, mark), STEPS, list(_sheets(population, chosen, mark)),
                             bar.update)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def hand_out(population, choice, where):
    """Writes the workbook into a folder as ``write`` does, and says in one sentence what lies there.

    Writes to disk only.
    """
    before = set(Path(where).glob("review-*.xlsx"))
    path = write(population, choice, where)
    if path is None:
        return "Nobody is chosen, so there is nothing to review yet: tick some users first."
    if path in before:
        return (f"{path.name} is there already, and is left as it is: it may hold answers. If somebody filled it in, "
                "write its name into came_back.")
    return f"{path.name}: {int(choice.chosen(population).sum()):,} users, to be sent to those who know them."


def _about(population, choice, mark):
    counts = choice.counts(population)
    return [("Institution", choice.institution or "(not named)"), ("Choice", choice.title),
            ("Data of", f"{population.as_of:%Y-%m-%d}"),
            ("What it is", "Everybody who was ticked and whom no reason keeps, before they are purged from Alma. "
                           "You know better than the data: look for those who must stay."),
            ("Counts", "; ".join(f"{said}: {users:,}" for said, users in counts.itertuples(index=False))),
            ("Policy", "; ".join(_policy(choice.policy))),
            ("New purge date", str(choice.purge_date or "not decided yet")), ("What happens next", NEXT),
            (FINGERPRINT, mark), (f"*{SIGNED}", "")]


def _policy(policy):
    def said(texts):
        return ", ".join(texts) or "none"
    return (f"expired for {policy.expired_for_days:,} days or more",
            f"record types that may go: {said(policy.record_types)}",
            f"protected user groups: {said(policy.protected_groups)}",
            f"owing no more than {policy.fees_up_to:.2f}", f"at most {policy.max_users:,} users at once")


def _sheets(population, chosen, mark):
    """A sheet per user group, or several where it has more users than a sheet has rows."""
    frame = _facts(population, chosen)
    parts = [(group, part.iloc[start:start + reviewbook.MOST])
             for group, part in frame.groupby("group", sort=True) for start in range(0, len(part), reviewbook.MOST)]
    for (group, part), name in zip(parts, reviewbook.names([group for group, _ in parts]), strict=True):
        yield name, f"{group}: {len(part):,}{reviewbook.TASK}{mark})", part


def _facts(population, where):
    """What is written of each user, and compared when it comes back."""
    table = population.table[where]
    groups = population.facets["user_group"][where].map(population.group_names)
    return pd.DataFrame({
        "key": table["key"], "primary_id": table["primary_id"], "name": table["name"].astype("str").fillna(""),
        "expiry_date": table["expiry_date"], "purge_date": table["purge_date"], "group": groups.astype("str"),
        "verdict": population.verdict[where].astype("str"), "reason": population.reason[where].astype("str"),
    }).sort_values(["name", "key"])


def read(path, population, choice):
    """Reads a workbook that came back; returns a Review. Only reads, and the choice that was given stays as it is.

    path: the workbook; a folder stands for none, as long as nothing has come back. A workbook of another institution,
    day or choice raises BadChoice; one without its cover sheet, too.
    """
    path, doubts = Path(path), problems.Problems()
    choice.same_policy(population)
    if path.is_dir():
        return Review(choice, pd.DataFrame(columns=["primary_id", "reason"]), doubts.table(), None, "")
    sheets = returned.sheets(path, doubts)
    about = returned.cover(sheets)
    _refuse_other(about, sheets, path.name, fingerprint(population, choice))
    rows = returned.rows(sheets, doubts)
    chosen = choice.chosen(population)
    before = population.table["key"].isin([key_of(one) for one, _ in choice.keep]).to_numpy(bool)
    asked = population.table["key"].isin(key_of(rows["primary_id"])).to_numpy(bool)
    everybody = _facts(population, chosen | before | asked)
    kept = returned.settle(rows, set(population.table["key"][chosen]), everybody, doubts, path.name)
    more = kept[~kept["key"].isin(population.table["key"][before])]
    pairs = tuple(zip(more["primary_id"], more["reason"], strict=True))
    return Review(choice.keeping_all(pairs), more[["primary_id", "reason"]].reset_index(drop=True), doubts.table(),
                  len(rows), about.get(SIGNED.casefold(), ""))


def _refuse_other(about, sheets, file, mark):
    if not about.get(FINGERPRINT.casefold()):
        raise BadChoice(f"{file} has no sheet “{COVER}” with a fingerprint, so nobody can tell which review it is. Ask "
                        "for the workbook with all its sheets, saved as .xlsx.", where=file)
    told = {about[FINGERPRINT.casefold()], *(one for sheet in sheets for title in sheet.titles
                                             for one in MARK.findall(title))}
    if told != {mark}:
        raise BadChoice(
            f"{file} is another review ({', '.join(sorted(told - {mark}))}, not {mark}). It was made for "
            f"{about.get('institution')}, data of {about.get('data of')}, choice {about.get('choice')!r}; since then "
            "the institution, the day of the data, the ticks or the policy are others. Read it with the choice and the "
            "exports that it was made from, or write a new review.", where=file, value=sorted(told))
