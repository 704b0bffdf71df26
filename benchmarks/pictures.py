"""How long each picture takes, at 12,000 and a million users, 5, 40 and 60 groups, against counting the rows anew.

    make bench                                     everything
    .venv/bin/python benchmarks/pictures.py 200000 with fewer users

The ratio is to counting user group, year of expiry and verdict of every user once with a plain groupby in this run:
what a picture would have to do first, without the cubes of the population.
"""

import datetime
import sys
import time
import types

import numpy as np
import pandas as pd

from purgelib import changes, charts, oddities, population, rules, sources, users

POLICY = rules.Policy(protected_groups=("G03",))
LIMIT = 0.5  # seconds that a picture may take


def invented(count, groups, seed=31):
    """Returns what reading would return of that many invented users: few large groups, many small, odd years among."""
    dice = np.random.default_rng(seed)
    group = np.minimum(dice.exponential(groups / 5, count).astype(int), groups - 1)
    month = dice.integers(2013 * 12, 2030 * 12, count) // 3 * 3 - 1970 * 12
    expiry = pd.Series(month.astype("datetime64[M]").astype("datetime64[s]"))
    expiry[dice.random(count) < 0.02] = pd.NaT
    odd = dice.random(count) < 3e-4
    expiry[odd] = pd.to_datetime([f"{year}-12-31" for year in dice.integers(1900, 2900, odd.sum())]).as_unit("s")
    purge = expiry + pd.to_timedelta(dice.choice([-30, 0, 365, 730, 3000], count), "D")
    purge[dice.random(count) < 0.2] = pd.NaT

    def category(codes, values):
        return pd.Categorical.from_codes(codes, categories=pd.Index(values, dtype="str"))

    same, codes = np.zeros(count, dtype=np.int8), [f"G{at:02}" for at in range(groups)]
    table = users.table({
        "primary_id": pd.Series(np.arange(count)).astype("str").str.zfill(8), "user_group": category(group, codes),
        "name": pd.Series(["Ada Example"] * count, dtype="str"),
        "group_name": category(group, [f"Students of the Faculty of Arts, number {code}" for code in codes]),
        "record_type": category((dice.integers(0, 40, count) == 0).astype(int), ["PUBLIC", "STAFF"]),
        "account_type": category(same, ["EXTERNAL"]), "status": category(same, ["ACTIVE"]), "expiry_date": expiry,
        "purge_date": purge, "purge_known": purge.notna(),
        "loans": pd.array(dice.integers(0, 20, count) == 0, dtype="boolean").astype("Int32"),
        "requests": pd.array(same.astype("int32"), dtype="Int32"), "fees": pd.array(same * 1.0, dtype="Float64"),
        "other_roles": pd.array(same == 1, dtype="boolean"), "id_problem": category(same, [""]),
        "doubt": category(same, [""])})
    files = tuple(sources.Source(f"{kind}_2026-11-21.csv", kind, count, 0, datetime.date(2026, 11, 21), "", "")
                  for kind in ("users", "fees", "loans", "requests"))
    return types.SimpleNamespace(users=table, data_date="2026-11-21", inputs=files, problems=None)


def seconds(act, times=3):
    """Returns the median time of that many calls."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        took.append(time.perf_counter() - start)
    return sorted(took)[times // 2]


def anew(people):
    """The obvious way: a row per user, counted with a plain groupby."""
    table = people.table
    return table.assign(year=table["expiry_date"].dt.year, verdict=people.verdict).groupby(
        ["user_group", "year", "verdict"], observed=True, dropna=False).size()


def measure(count, groups):
    """Prints each picture with its time, drawn to the last dot, and as a ratio."""
    people = population.judge(invented(count, groups), POLICY)
    plain = seconds(lambda: anew(people))
    first = {name: seconds(lambda name=name: getattr(people, name), 1) for name in ("cube", "days", "group_names")}
    tell(f"{count:,} users, {groups} groups; counted once: " + ", ".join(f"{n} {s:.2f} s" for n, s in first.items())
         + f"; a plain groupby {plain:.3f} s")
    later = population.judge(invented(count, groups, seed=32), POLICY)
    change = changes.between(people, later)
    draws = {one.__name__: (one, people) for one in (charts.groups, charts.expiry, charts.months, charts.heatmap,
                                                     charts.funnel, charts.longer, charts.purge_dates)}
    draws["age"] = (lambda one: charts.age(one, "2026-11-22"), people)
    draws["heatmap, may go"] = (lambda one: charts.heatmap(one, "may go"), people)
    draws["changes"] = (charts.changes, change)
    for name, (draw, what) in draws.items():
        draw(what).png()
        took = seconds(lambda draw=draw, what=what: draw(what).png())
        tell(f"  {name:16} {took:.2f} s, {took / plain:6.2f} of counting anew{'' if took <= LIMIT else '   TOO SLOW'}")
    tell(f"  {'oddities':16} {seconds(lambda: oddities.find(people)):.2f} s")
    tell(f"  {'what changed':16} {seconds(lambda: changes.between(people, later).by_group, 1):.2f} s")


def tell(text):
    """Prints one line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for how_many in (12_000, most):
        for number in (5, 40, 60):
            measure(how_many, number)
