"""How long reading, judging and ticking take, as ratios against the obvious way in the same run.

    make bench          prints one line per measurement
"""

import datetime
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from purgelib import choice, exports, population, rules

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
POLICY = rules.Policy(expired_for_days=730, protected_groups=("30",))


def export(folder):
    """Writes an invented users export of ROWS rows as CSV; returns its path."""
    dice = np.random.default_rng(31)
    year = dice.integers(2014, 2030, ROWS).astype(str)
    frame = pd.DataFrame({
        "Primary Identifier": [f"{number:08d}" for number in range(ROWS)],
        "First Name": "Ada", "Last Name": "Example", "User Group Code": dice.choice(["05", "06", "08", "30"], ROWS),
        "User Group": "Invented", "User Record Type": "Public", "Account Type": "External", "Status": "Active",
        "Expiry Date": np.char.add(year, "-06-30"), "Purge Date": np.char.add(year, "-12-31"), "Campus Code": "",
        "Has Role Other Than Patron": "No"})
    path = folder / "users_2026-11-21.csv"
    frame.to_csv(path, index=False)
    return path


def obvious(path):
    """The obvious way: read_csv with parsed dates, then a verdict row by row."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, parse_dates=["Expiry Date", "Purge Date"])
    last = pd.Timestamp("2026-11-21") - datetime.timedelta(days=POLICY.expired_for_days)
    return [row[9] <= last and row[4] not in POLICY.protected_groups and row[12] == "No" and row[6] == "Public"
            for row in frame.itertuples()]


def timed(call, *given):
    """Returns what the call returns, and the seconds it took."""
    start = time.perf_counter()
    return call(*given), time.perf_counter() - start


def main():
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, plain = timed(obvious, export(folder))
        files, reading = timed(exports.read, folder)
    people, judging = timed(population.judge, files, POLICY)
    ticks = choice.Choice(policy=POLICY, ticks=frozenset({("06", "2019"), ("05", "2018")}))
    people.facets  # noqa: B018  made once, as the widget does
    _, ticking = timed(ticks.counts, people)
    for what, seconds in (("reading with all checks", reading), ("judging", judging), ("counting a choice", ticking)):
        sys.stdout.write(f"{ROWS:,} users: {what:<24}{seconds:8.2f} s   {seconds / plain:6.2f} of the obvious way "
                         f"({plain:.2f} s)\n")


if __name__ == "__main__":
    main()
