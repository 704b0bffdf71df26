"""How long reading, judging and ticking take and what memory reading needs, each against the obvious way in this run.

    make bench                              everything, several minutes
    .venv/bin/python benchmarks/reading.py 200000   with fewer users

Each reading runs in a process of its own; its peak is what that process took beyond the imported packages.
"""

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from purgelib import choice, exports, population, rules

POLICY = rules.Policy(expired_for_days=730, protected_groups=("30",))
HEADINGS = ["Primary Identifier", "First Name", "Last Name", "User Group Code", "User Group", "User Record Type",
            "Account Type", "Status", "Expiry Date", "Purge Date", "Campus Code", "Has Role Other Than Patron",
            "Job Description", "Creation Date", "Preferred Email"]
GROUPS = {"05": "Graduate", "06": "Undergraduate", "08": "Exchange", "30": "Library staff"}
WORDS = {"User Record Type": {"public", "staff", "contact"}, "Status": {"active", "inactive", "deleted"},
         "Account Type": {"external", "internal", "internal with external authentication"},
         "Has Role Other Than Patron": {"yes", "no"}}


def rows(count):
    """Yields invented users, a list of 15 texts each; dates and groups are spread as at a university."""
    dice = np.random.default_rng(31)
    year, group = dice.integers(2014, 2030, count), dice.choice(list(GROUPS), count)
    for number, (ends, code) in enumerate(zip(year.tolist(), group.tolist(), strict=True), 1):
        yield [f"{number:08d}", f"Ada{number % 997}", f"Example{number % 4999}", code, GROUPS[code], "Public",
               "External", "Active", f"{ends}-06-30", f"{ends + 1}-06-30", "", "No", "",
               f"{ends - 4}-09-{number % 28 + 1:02d}",
               f"ada{number}@example.edu"]


def write_csv(folder, count):
    """Writes an invented export of users as CSV into that folder; returns its path."""
    path = Path(folder) / "users_2026-11-21.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(_chained(count))
    return path


def _chained(count):
    yield HEADINGS
    yield from rows(count)


def write_xlsx(folder, count):
    """Writes the same as XLSX; returns its path."""
    import xlsxwriter

    path = Path(folder) / "users_2026-11-21.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Users")
        for at, row in enumerate(_chained(count)):
            sheet.write_row(at, 0, row)
    return path


def write_sides(folder, count):
    """Writes users, and a loan for each, a request for a fifth, a fine for a third of them; returns the users' path."""
    path = write_csv(folder, count)
    heads = {"loans": ["Primary Identifier", "Item Loan ID"], "requests": ["Primary Identifier", "Request ID"],
             "fees": ["Primary Identifier", "Fine Fee ID", "Fine Fee Status", "Original Amount",
                      "Fine Fee Transaction ID", "Transaction Amount", "Remaining Amount"]}
    cells = {"loans": [], "requests": [], "fees": ["Active", "12.50", "", "", "12.50"]}
    for (kind, head), each in zip(heads.items(), (1, 5, 3), strict=True):
        with (path.parent / f"{kind}_2026-11-21.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([head, *([f"{n:08d}", f"{kind}{n}", *cells[kind]]
                                                for n in range(1, count + 1, each))])
    return path


def obvious_sides(path):
    """The obvious way: four tables, grouped and merged; what is owed added up by the fine."""
    users = obvious_csv(path)
    read = {kind: pd.read_csv(path.parent / f"{kind}_2026-11-21.csv", dtype=str, keep_default_na=False)
            for kind in ("loans", "requests", "fees")}
    for kind, table in read.items():
        table["key"] = table["Primary Identifier"].str.strip().str.casefold()
        if kind == "fees":
            table["Remaining Amount"] = pd.to_numeric(table["Remaining Amount"])
            found = table.drop_duplicates(["key", "Fine Fee ID"]).groupby("key")["Remaining Amount"].sum()
        else:
            found = table.drop_duplicates().groupby("key").size()
        users = users.merge(found.rename(kind), left_on="key", right_index=True, how="left").fillna({kind: 0})
    return users


def obvious_csv(path):
    """The obvious way: read_csv with parsed dates, then the same checks in plain pandas."""
    texts = {name: str for name in HEADINGS if "Date" not in name}
    return checked(pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"Expiry Date": [""], "Purge Date": [
        ""]}, parse_dates=["Expiry Date", "Purge Date"]))


def obvious_xlsx(path):
    """The obvious way for XLSX: pandas with openpyxl, all texts."""
    return checked(pd.read_excel(path, dtype=str, keep_default_na=False, engine="openpyxl"))


def checked(frame):
    """What is checked of each user, in plain pandas: the ID, its doubles, the words, the dates, ghosts."""
    ids = frame["Primary Identifier"]
    key = ids.str.strip().str.casefold()
    bad = (ids == "") | (ids != ids.str.strip()) | ids.str.contains(r"[\s\u00a0\u200b-\u200f\u00ad\ufeff]", regex=True)
    bad |= ids.str.fullmatch(r"[\d.,]+[eE]\+?\d+") | ids.str.fullmatch(r"\d+[.,]0+") | ids.str.startswith(("#", "'"))
    bad |= ids.str.contains(r"[^\x00-\x7f]", regex=True) | ids.str.fullmatch(r"\d{15}0+")
    digits = ids.str.fullmatch(r"\d+")
    width = ids[digits].str.len()
    bad |= digits & (ids.str.len() < (width.mode()[0] if len(width) else 0))
    for name, words in WORDS.items():
        bad |= ~frame[name].str.strip().str.casefold().isin(words)
    frame["name"] = (frame["First Name"] + " " + frame["Last Name"]).str.strip()
    ghost = (frame["Status"] == "Deleted") | (frame["Last Name"].str.strip().str.casefold() == key)
    for name in ("Expiry Date", "Purge Date"):
        frame[name] = pd.to_datetime(frame[name], errors="coerce")
    several = key.duplicated(keep=False)
    bad |= several & ~frame.duplicated(["name", "User Group Code", "Status", "Expiry Date", "Purge Date"], keep=False)
    return frame.assign(key=key, bad=bad)[~ghost].drop_duplicates("key")


def ours(path):
    """Our way: everything that a folder of exports goes through."""
    return exports.read(Path(path).parent).users


WAYS = {"ours": ours, "obvious csv": obvious_csv, "obvious xlsx": obvious_xlsx,
        "obvious sides": obvious_sides}


def measure(way, path):
    """Runs one way in a process of its own; returns (seconds, peak MB beyond the imports, users)."""
    said = subprocess.run([sys.executable, __file__, "--one", way, str(path)], capture_output=True, text=True,
                          check=True)
    return json.loads(said.stdout.splitlines()[-1])


def one(way, path):
    """What such a process does: reads, and prints what it took."""
    before = peak_so_far()
    start = time.perf_counter()
    found = WAYS[way](Path(path))
    seconds = time.perf_counter() - start
    sys.stdout.write("\n" + json.dumps([seconds, peak_so_far() - before, len(found)]) + "\n")


def peak_so_far():
    """The most memory that this process took so far, in MB."""
    try:
        # Of this program alone: what getrusage tells may be that of the program that started it.
        said = Path("/proc/self/status").read_text(encoding="ascii")
        return int(said.partition("VmHWM:")[2].split()[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)


def tell(text):
    """Prints one line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def compare(count, write, obvious):
    """Prints one reading against the obvious way: time, memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, count)
        seconds, peak, users = measure("ours", path)
        plain, plain_peak, plain_users = measure(obvious, path)
    assert users == plain_users == count
    beside = ", with loans, requests, fees" if write is write_sides else ""
    tell(f"{count:,} users x 15 columns, {path.suffix[1:]}{beside}: {seconds:.2f} s and {peak:,.0f} MB; the obvious "
         f"way {plain:.2f} s and {plain_peak:,.0f} MB: {seconds / plain:.2f} of the time, "
         f"{peak / plain_peak:.2f} of the memory ({plain / seconds:.1f} times faster)")


def grow(counts):
    """Prints how time and memory grow with the number of users."""
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            seconds, peak, _ = measure("ours", write_csv(folder, count))
        tell(f"{count:>9,} users, csv: {seconds:6.2f} s, {peak:6,.0f} MB, {seconds / count * 1e6:5.2f} s a million")


def judge(count):
    """Prints how long judging and counting a choice take, against a verdict row by row."""
    with tempfile.TemporaryDirectory() as folder:
        write_csv(folder, count)
        files = exports.read(folder)
    start = time.perf_counter()
    people = population.judge(files, POLICY)
    judging = time.perf_counter() - start
    last = pd.Timestamp("2026-11-21") - pd.Timedelta(days=POLICY.expired_for_days)
    start = time.perf_counter()
    slow = [one.expiry_date <= last and one.user_group not in POLICY.protected_groups and not one.other_roles
            and one.record_type == "PUBLIC" for one in files.users.itertuples()]
    plain = time.perf_counter() - start
    ticks = choice.Choice(policy=POLICY, ticks=frozenset({("06", "2019"), ("05", "2018")}))
    people.facets  # noqa: B018  made once, as the widget does
    start = time.perf_counter()
    ticks.counts(people)
    ticking = time.perf_counter() - start
    assert sum(slow) and len(slow) == count
    for what, seconds in (("judging", judging), ("counting a choice", ticking)):
        tell(f"{count:,} users, {what}: {seconds:.3f} s, {seconds / plain:.2f} of a verdict row by row ({plain:.2f} s)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        most = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
        compare(min(most, 1_000_000), write_csv, "obvious csv")
        compare(min(most, 200_000), write_xlsx, "obvious xlsx")
        compare(min(most, 1_000_000), write_sides, "obvious sides")
        grow([count for count in (10_000, 100_000, 1_000_000, 5_000_000) if count <= most])
        judge(min(most, 1_000_000))
