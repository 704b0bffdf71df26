"""Purge users from Ex Libris Alma, carefully: the map, a line per module, in reading order.

    errors      every way in which this package says no, as one tree
    users       the user table: columns, types, meaning; one Alma record becomes one row
    sheets      a table of texts, as every form of an export is read to
    forms       CSV, tab/UTF-16, XLSX, XLS, HTML, report XML, zipped: which one a file is, each read to a sheet
    spellings   how the headings of exports, and the words in them, are spelled: tables
    mappings    what staff say of their exports in headings.toml
    headings    what a column is, by its heading, and which kind of export has such columns
    days        one date as people and programs write it: every way in which it can be read
    values      dates, amounts and words as Excel writes them: read only where one reading is possible
    widths      primary IDs that are numbers: which ones have lost zeros or digits
    identifiers primary IDs: which ones are damaged, and whom a damaged one may mean
    groups      user groups, told as code, as description, or as both in one
    problems    what is doubtful in the exports: place, value, sentence; a summary by kind
    people      the export of users: its rows become one row per user, ghosts set apart
    strangers   IDs that no user has: which ones are like a user's
    fines       what each user owes, by the fine
    facts       fees, loans, requests and the other side exports, joined by the primary ID
    sources     the files of a folder as parts of exports: kind, day of the data, cut off or not
    lists       the lists that we write for people, as CSV that starts no formula
    exports     Analytics exports read into one checked user table; doubtful rows become named problems
    rules       why a user may go and why a user must stay: one function of the table each; the policy
    cube        how many users there are of every combination of facets, counted once
    expiries    how many users expire on each day, and how their purge date stands to it
    population  everybody, with verdict and all reasons; counts by any facets
    meant       whom a choice meant on the day when it was saved
    choice      what staff picked, as text (TOML) that runs again without a widget
    reviewbook  how the workbook for colleagues looks: a sheet per user group, two columns to fill in
    returned    a review as it came back: each row compared with what was sent; unknown keeps
    review      the review: those chosen as a workbook for colleagues, and back with those whom they keep
    bounds      how many users may be wrong all the same, after some were looked at
    samples     some users of each ticked subset, drawn by seed, to look at in Alma; the answers, and what they mean
    oddities    what is odd among the users: a short list to look at before anything is decided
    changes     what changed between two exports, or since a plan: who came, who went, who moved
    charts      pictures of a population and of what changed (matplotlib)
    widgets     choosing by mouse or keyboard; yields a choice
    guards      what must be true before anything is written
    fields      what of a user's record this tool can set, and whether it arrived
    copies      full copies of records: compressed, encrypted to those who may read them
    planned     the rows of a plan: whom, what is set and what was there, the facts as seen, all reasons
    plan        a frozen, hashed, saved list: whom, what, why, seen when
    due         the runs whose personal data is due for removal
    answers     what Alma's answers mean: lists, amounts, and errors turned into ours
    keys        the API key: found, put into the header, shown to nobody
    pace        so many calls a second, kept by all programs of this machine together
    door        one call over HTTP: key, pace, stop, daily quota; what may be repeated
    alma        what is asked of Alma: typed calls; the only way to it
    preflight   what the key may do, and what each step needs
    analytics   exports straight from Analytics: reports fetched page by page, saved as files
    runfile     the SQLite files of a run: one process at a time, whole, of this version
    journal     the run's SQLite file: intentions, results, full copies
    looks       what rehearsals of a run saw, so that an interrupted one goes on
    live        a planned user as Alma shows it now: compared with the plan, judged by every rule
    parallel    many calls to Alma at once, and no more than needed
    watching    how a run shows how it goes: on a terminal, or as a few plain lines
    runlog      the log of a run: every outcome with its reason, with masked IDs
    carrying    users through look, judge, write, check: many at once, each to exactly one state
    update      carry out a plan user by user: look again, copy, intend, act, look, write down
    jobs        carry out a plan through a set and Alma's purge job; reconcile
    putback     puts back the fields that a run has written, where they are still as it left them
    recreate    creates purged users again from their full copies
    sisxml      users as a file for Alma's SIS load, zipped: the other way to create them again
    restore     undo: put back dates, re-create users; itself a plan
    report      plan and journal turned into one page for a person, and the lists
    sandbox     a pretend Alma with invented people, behind real HTTP on this machine

``connect()`` is the one place where the client meets the sandbox or the real Alma.
"""

import os
import re
import urllib.parse
from pathlib import Path

import platformdirs

from purgelib.errors import KeyRefused, NoKey, Refused

__all__ = ["connect", "data_folder", "run_folder", "start_sandbox_anew"]

PACE = 10  # calls a second: under every limit of Alma's that is known
TARGETS = {"alma-sandbox": "sandbox", "production": "production"}


def data_folder():
    """Returns the folder with sample/, in/, runs/ and sandbox/: PURGELIB_DATA, or data/ beside this package."""
    return Path(os.environ.get("PURGELIB_DATA") or Path(__file__).parent.parent / "data").resolve()


def run_folder(name):
    """Returns the folder of the run of that name under data/runs, made for its owner only."""
    if not name or Path(name).name != name or name.startswith("."):
        raise Refused(f"{name!r} cannot name a run: use letters, digits and dashes, such as 2026-11-graduates.")
    folder = data_folder() / "runs" / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def connect(where="sandbox", institution=None, writing=False):
    """Connects to the built-in sandbox, or to the real Alma when it is named; returns an ``alma.Alma``.

    where: "sandbox" (invented people on this machine; "sandbox:practice" is another one), "alma-sandbox" or
    "production" (the real Alma: ALMA_API_URL names the host, and the key comes from ALMA_API_KEY, from the keyring,
    or from you, who are asked for it unseen).
    institution: name or code that Alma must answer with; needed for the real Alma. writing: without it, every
    verb but GET is refused.
    """
    # Imported here: the sandbox is also used by itself, and must not load what only the tool needs.
    from purgelib import alma, sandbox

    if where.partition(":")[0] == "sandbox":
        there = sandbox.ensure(_sandbox_folder(where))
        return alma.Alma(there.url, there.key, writing=writing, pace=None, floor=0)
    if where not in TARGETS:
        raise Refused(f"{where!r} is no target: use sandbox, alma-sandbox or production.")
    if not institution:
        raise Refused(f"To connect to {where}, name the institution: connect({where!r}, institution='...').")
    return _real(where, institution, writing)


def _real(where, institution, writing):
    from purgelib import alma, guards, keys
    from purgelib.pace import Pace

    named = urllib.parse.urlsplit(os.environ.get("ALMA_API_URL", "").strip())
    host = named.hostname or ""
    if named.scheme != "https" or not host:
        raise NoKey("Set ALMA_API_URL to your Alma's API host (https://api-eu... and so on).", target=where)
    folder = Path(platformdirs.user_cache_dir("purgelib")) / "pace"
    # The host alone: whatever else somebody wrote there, such as a key, is shown nowhere.
    url = f"https://{named.netloc.rpartition('@')[2]}"
    found = alma.Alma(url, keys.find(where, host), writing=writing, pace=PACE, pace_file=folder / f"{host}.sqlite")
    try:
        target = found.expect(TARGETS[where]).target()
    except KeyRefused:
        keys.forget(host)
        raise
    guards.same_target(institution, target)
    # Alma counts by institution; which one it is could only be asked at the pace of the whole host.
    code = re.sub(r"[^A-Za-z0-9]+", "_", str(target["institution"]))
    found.pace = Pace(PACE, folder / f"{host}-{code}.sqlite")
    return found


def start_sandbox_anew(where="sandbox"):
    """Forgets everything that happened in the built-in sandbox: its people are invented anew at the next connect."""
    from purgelib import sandbox

    sandbox.reset(_sandbox_folder(where))


def _sandbox_folder(where):
    kind, _, name = where.partition(":")
    if kind != "sandbox" or Path(name).name != name or name.startswith("."):
        raise Refused(f"{where!r} is no sandbox: use sandbox, or sandbox:practice and the like.")
    return data_folder() / "sandbox" / (name or "alma")
