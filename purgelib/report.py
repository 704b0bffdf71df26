"""Plan and journal turned into one page for a person, and into the lists of those who are gone and kept.

Counts are checked, not only shown: read = not chosen + planned, and planned = gone + left alone + open.
"""

import dataclasses
from pathlib import Path

import jinja2
import pandas as pd

from purgelib import fields, journal, lists, plan
from purgelib.errors import Failed
from purgelib.journal import CONFIRMED, FAILED, GONE, OPEN, SKIPPED
from purgelib.plan import BACK, PURGE, USER_BACK


@dataclasses.dataclass(frozen=True)
class Counts:
    """What became of everybody who was read; the lines add up, or ``count`` raises Failed."""

    read: int
    not_chosen: int
    planned: int
    dates_set: int
    left_alone: int
    failed: int
    not_done: int
    purged: int
    still_there: int
    dates_put_back: int
    users_recreated: int

    def lines(self):
        """Returns pairs of words and number, in the order of the work."""
        return [("users read", self.read), ("  not chosen (kept)", self.not_chosen),
                ("  candidates (planned)", self.planned), ("    purge dates set", self.dates_set),
                ("    left alone after a look at Alma", self.left_alone), ("    failed", self.failed),
                ("    not done yet", self.not_done), ("purged by Alma's job", self.purged),
                ("not purged, of those with dates set", self.still_there), ("dates put back", self.dates_put_back),
                ("users re-created", self.users_recreated)]

    def __str__(self):
        return "\n".join(f"{words:<70}{number:>8,}" for words, number in self.lines())


def count(folder):
    """Counts what became of everybody in a run. Only reads."""
    sealed, book = plan.load(folder), journal.read(folder)
    _refuse_strange(sealed, book)
    states = pd.Series(book.states(plan.UPDATE), dtype="str").value_counts()
    n = {name: int(states.get(name, 0)) for name in (CONFIRMED, SKIPPED, FAILED)}
    purged = list(book.states(PURGE).values()).count(GONE)
    not_chosen = len(lists.read(sealed.folder / "not_chosen.csv"))
    back = {action: len(ids) for action, ids in journal.undone(sealed.folder).items()}
    made = Counts(sealed.header["population"], not_chosen, len(sealed), n[CONFIRMED], n[SKIPPED], n[FAILED],
                  len(sealed) - sum(n.values()), purged, n[CONFIRMED] - purged,
                  back.get(BACK, 0), back.get(USER_BACK, 0))
    return _adds_up(made)


def _refuse_strange(sealed, book):
    """Nobody outside the plan, nothing but the known states, nobody gone whose date this run did not set."""
    dated, purged = book.states(plan.UPDATE), book.states(PURGE)
    outside = {*dated, *purged} - set(sealed.users["primary_id"])
    unknown = set(dated.values()) - {CONFIRMED, SKIPPED, FAILED, *OPEN}
    undated = {one for one, state in purged.items() if state == GONE and dated.get(one) != CONFIRMED}
    if outside or unknown or undated:
        raise Failed(f"The journal does not fit the plan: {len(outside)} users in it are outside the plan, "
                     f"{len(undated)} are gone whose date was not set, states that nobody knows: {sorted(unknown)}. Do "
                     "not trust this run; look at its journal.", outside=sorted(outside), undated=sorted(undated))


def _adds_up(made):
    parts = made.dates_set + made.left_alone + made.failed + made.not_done
    if made.read != made.not_chosen + made.planned or made.planned != parts or min(dataclasses.astuple(made)) < 0:
        raise Failed(f"The counts do not add up: {made}. Do not trust this run; look at its journal.")
    return made


def gone(folder):
    """Returns who is gone, the list that Alma does not give: a frame with primary_id, user_group, expiry_date.

    Who was purged and re-created since is not gone.
    """
    users = plan.load(folder).users
    return users[users["primary_id"].isin(_gone(folder))][["primary_id", "user_group", "expiry_date"]]


def _gone(folder):
    purged = {one for one, state in journal.read(folder).states(PURGE).items() if state == GONE}
    return purged - journal.undone(folder).get(USER_BACK, set())


def kept(folder):
    """Returns everybody who is not gone, with the reasons: a frame with primary_id, user_group, reason."""
    sealed, results = plan.load(folder), journal.read(folder).results()
    # The last thing that happened to a user is the reason that counts.
    last = results.drop_duplicates("primary_id", keep="last").set_index("primary_id")
    said = last["state"] + ": " + last["reason"]
    planned = sealed.users[["primary_id", "user_group"]].assign(reason=sealed.users["primary_id"].map(said))
    back = planned["primary_id"].isin(journal.undone(folder).get(USER_BACK, set()))
    planned["reason"] = planned["reason"].mask(back, "purged, and re-created").fillna("not done yet")
    planned = planned[~planned["primary_id"].isin(_gone(folder))]
    return pd.concat([lists.read(sealed.folder / "not_chosen.csv"), planned], ignore_index=True)


def summary(folder, reasons=8):
    """Says what became of everybody, and why the kept were kept (the most frequent reasons), as lines of text."""
    why = kept(folder)["reason"].value_counts()
    lines = [f"  {_short(reason):<68}{number:>8,}" for reason, number in why.head(reasons).items()]
    rest = why.iloc[reasons:]
    lines += [f"  {f'{len(rest)} other reasons (kept.csv has them all)':<68}{rest.sum():>8,}"] if len(rest) else []
    job = journal.read(folder).job(PURGE) or {}
    ran = f"Alma's job: {job.get('said') or job.get('state') or 'not started'}"
    return "\n".join([str(count(folder)), "", ran, "", f"kept, {why.sum():,} users, because:", *lines])


def _short(reason):
    return reason if len(reason) <= 66 else reason[:63] + "..."


def write(folder):
    """Writes report.html, gone.csv and kept.csv into the run folder; returns the page's path. Writes to disk."""
    folder, made = Path(folder), count(folder)
    for name, frame in (("gone.csv", gone(folder)), ("kept.csv", kept(folder))):
        lists.write(frame, folder / name)
    sealed, book = plan.load(folder), journal.read(folder)
    why = kept(folder)["reason"].value_counts().head(40)
    page = _page().render(
        head=sealed.header, sets=fields.words(sealed.header["sets"]), lines=made.lines(),
        title=sealed.header["title"], name=folder.name,
        funnel=sealed.header["funnel"], widest=max(row[2] for row in sealed.header["funnel"]) or 1,
        groups=sealed.users["user_group"].value_counts().items(), why=why.items(), job=book.job(PURGE),
        left=kept(folder).pipe(lambda f: f[f["primary_id"].isin(sealed.users["primary_id"])]).to_dict("records"))
    return _private_text(folder / "report.html", page)


def _page():
    environment = jinja2.Environment(loader=jinja2.PackageLoader("purgelib", "."), autoescape=True,
                                     trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["n"] = lambda number: f"{number:,}"
    return environment.get_template("report.html")


def _private_text(path, text):
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
