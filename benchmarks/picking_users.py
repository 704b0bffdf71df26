"""How long the grid of single users takes to open, to scroll and to search, and how large its messages are.

    make bench                                              at 10,000 and 1,000,000 users, after the picker
    .venv/bin/python benchmarks/picking_users.py 10000      at other numbers

In a real JupyterLab in headless Chromium. Searching is measured from when the page sends the question (it waits for a
pause in typing first) until its rows are on the screen.
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

READ = """
import sys
sys.path.insert(0, {root!r})
from purgelib import choice, exports, population, rules
from purgelib.widgets.state import Picking
from purgelib.widgets.users import users
policy = rules.Policy(expired_for_days=730, protected_groups=("30",))
people = population.judge(exports.read({exports!r}), policy)
picking = Picking(people, choice.Choice(policy=policy))
picking.tick(picking.subsets.pairs())
"""
OPEN = "grid = users(picking)\ngrid"
RUN = "window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
LISTEN = """() => {
  window.largest = 0;
  const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction === 'recv' && msg.channel === 'iopub')
      window.largest = Math.max(window.largest, JSON.stringify(msg.content).length);
  });
}"""
# Does something, and waits until the rows on the screen are as wanted and painted; milliseconds.
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
WORDS = ["ada12", "example7", "0001", "ada", "example49", "99", "ada3 example1", "00000077", "7", "example", "ada900",
         "5 4"]


def grid(count):
    """Measures the grid at that many users; returns seconds to open, milliseconds per scroll and per search, bytes."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as exports:
        write_csv(exports, count)
        write_notebook(Path(folder) / "users.ipynb", READ.format(root=str(ROOT), exports=exports), OPEN)
        with Lab(folder) as lab:
            lab.open("users.ipynb")
            lab.page.evaluate(LISTEN)
            lab.page.evaluate(f"async () => {{ await {RUN}; }}")
            start = time.perf_counter()
            lab.page.evaluate(f"() => {{ {RUN}; }}")
            lab.page.locator(".users-layer .users-row").first.wait_for(timeout=60_000)
            opening = time.perf_counter() - start
            scrolled, searched = lab.page.evaluate(SCROLL, 20), lab.page.evaluate(SEARCH, WORDS)
            return opening, scrolled, searched, lab.page.evaluate("() => window.largest")


def compare(counts):
    """Prints the grid's numbers for each number of users, and how they grow."""
    medians = []
    for count in counts:
        opening, scrolled, searched, largest = grid(count)
        medians.append((statistics.median(scrolled), statistics.median(searched)))
        tell(f"{count:>9,} users, grid: opened in {opening:.2f} s; scroll -> rows {medians[-1][0]:.0f} ms (at most "
             f"{max(scrolled):.0f} ms); search -> rows {medians[-1][1]:.0f} ms (the first {searched[0]:.0f} ms, at "
             f"most {max(searched):.0f} ms); largest message {largest:,} bytes")
    tell(f"grid: at {counts[-1]:,} users scrolling takes {medians[-1][0] / medians[0][0]:.2f} and searching "
         f"{medians[-1][1] / medians[0][1]:.2f} of what it takes at {counts[0]:,}")


if __name__ == "__main__":
    compare([int(one) for one in sys.argv[1:]] or [10_000, 1_000_000])
