"""How long a click in the picker, a scroll and a search in the grid take until they are on the screen; how large it is.

    make bench                                              at 10,000 and 1,000,000 users
    .venv/bin/python benchmarks/picking.py 10000 200000     at other numbers

In a real JupyterLab in headless Chromium, both widgets in one notebook. Medians, and what 95 of 100 stay below. What to
look at is the ratio of the largest population to the smallest. A search is measured from when the page sends the
question (it waits for a pause in typing first) until its rows are painted.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from reading import tell, write_csv

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from labdrive import Lab, write_notebook  # noqa: E402  they stand in the folder of the tests

CLICKS, SCROLLS = 60, 40
WORDS = ["ada12", "example7", "0001", "ada", "example49", "99", "ada3 example1", "00000077", "7", "example", "ada900",
         "5 4", "ada7", "example1", "002", "ada45", "88", "example300", "ada1 example2", "00000501"]
READ = """
import sys
sys.path.insert(0, {root!r})
from purgelib import choice, exports, population, rules, widgets
people = population.judge(exports.read({exports!r}), rules.Policy(expired_for_days=730, protected_groups=("30",)))
"""
PICKER, GRID = "picker = widgets.choose(people)\npicker", "grid = widgets.users(picker)\ngrid"
RUN = "window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
# Clicks one box after the other, each when the counts of the last one are drawn; milliseconds each.
CLICK = """async (clicks) => {
  const root = document.querySelector('.purge-picker');
  const boxes = [...root.querySelectorAll('.purge-cell input, thead input, .purge-facets .purge-value input')]
    .filter((one) => one.checkVisibility());
  const step = Math.max(1, Math.floor(boxes.length / clicks));
  const drawn = () => new Promise((done) => {
    const watch = new MutationObserver(() => {
      if (root.getAttribute('aria-busy') === 'true') return;
      watch.disconnect();
      requestAnimationFrame(() => setTimeout(done));
    });
    watch.observe(root, { attributes: true, attributeFilter: ['aria-busy'] });
  });
  const took = [];
  for (let at = 0; at < clicks; at += 1) {
    const box = boxes[(at * step) % boxes.length];
    const end = drawn();
    const start = performance.now();
    box.click();
    await end;
    took.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 30));
  }
  return took;
}"""
# Waits until the rows on the screen are as wanted and painted.
WAIT = """const drawn = (right) => new Promise((done) => {
    const look = () => (right() ? setTimeout(() => done(performance.now())) : requestAnimationFrame(look));
    look();
  });
  const view = document.querySelector('.users-grid');
  const first = () => view.querySelector('.users-layer .users-row');
"""
SCROLL = "async (steps) => { " + WAIT + """
  const took = [];
  for (let at = 1; at <= steps; at += 1) {
    const before = first().getAttribute('aria-rowindex');
    const start = performance.now();
    view.scrollTop = (view.scrollHeight - view.clientHeight) * ((at * 0.37) % 1);
    // Rows that are not here yet are not drawn, so that another first row is one that came for this place.
    took.push(await drawn(() => first() && first().getAttribute('aria-rowindex') !== before) - start);
    await new Promise((done) => setTimeout(done, 50));
  }
  return took;
}"""
SEARCH = "async (words) => { " + WAIT + """
  const search = document.querySelector('.users-search input');
  const counts = document.querySelector('.users-counts');
  const took = [];
  // Whoever types has gone there first.
  search.focus();
  await new Promise((done) => setTimeout(done, 500));
  for (const word of words) {
    const before = counts.textContent;
    search.value = word;
    const start = performance.now();
    // Enter sends at once what otherwise waits for a pause in typing.
    search.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' }));
    took.push(await drawn(() => counts.textContent !== before && first()) - start);
    await new Promise((done) => setTimeout(done, 50));
  }
  return took;
}"""


def picking(count):
    """Measures both widgets at that many users; returns what was measured, by name: milliseconds, or bytes."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as exports:
        write_csv(exports, count)
        write_notebook(Path(folder) / "picking.ipynb", READ.format(root=str(ROOT), exports=exports), PICKER, GRID)
        with Lab(folder) as lab:
            lab.open("picking.ipynb")
            lab.listen()
            lab.page.evaluate(f"async () => {{ await {RUN}; }}")
            made = {"picker opened": opened(lab, ".purge-totals"), "click -> counts": lab.page.evaluate(CLICK, CLICKS)}
            # Everybody is ticked and nothing is left out, so that there is as much as there can be to look through.
            lab.ask("picker.picking.start_over(); picker.picking.tick(picker.picking.subsets.pairs())", timeout=60)
            made["grid opened"] = opened(lab, ".users-layer .users-row")
            made["scroll -> rows"] = lab.page.evaluate(SCROLL, SCROLLS)
            made["search -> rows"] = lab.page.evaluate(SEARCH, WORDS)
            return made | {"largest message": lab.largest()}


def opened(lab, place):
    """Runs the cell of a widget; returns how many milliseconds it takes until that place of it is there."""
    start = time.perf_counter()
    lab.page.evaluate(f"() => {{ {RUN}; }}")
    lab.page.locator(place).first.wait_for(timeout=60_000)
    return [1000 * (time.perf_counter() - start)]


def compare(counts):
    """Prints what was measured at each number of users, and how it grows."""
    all_made = []
    for count in counts:
        made = picking(count)
        all_made.append(made)
        tell(f"{count:,} users; largest message {made.pop('largest message'):,} bytes")
        for name, took in made.items():
            tell(f"  {name:16} " + (f"{took[0]:.0f} ms" if len(took) == 1 else (
                f"median {statistics.median(took):.0f} ms, 95 % below {statistics.quantiles(took, n=20)[-1]:.0f} ms, "
                f"most {max(took):.0f} ms; {len(took)} times")))
    tell(f"at {counts[-1]:,} users, as a multiple of {counts[0]:,}: " + ", ".join(
        f"{name} {statistics.median(took) / statistics.median(all_made[0][name]):.2f}"
        for name, took in all_made[-1].items()))


if __name__ == "__main__":
    compare([int(one) for one in sys.argv[1:]] or [10_000, 1_000_000])
