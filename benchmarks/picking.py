"""How long a click in the picker takes until its new counts are on the screen, and how large the messages are.

    make bench                                          at 10,000 and 1,000,000 users
    .venv/bin/python benchmarks/picking.py 10000 200000     at other numbers

In a real JupyterLab in headless Chromium. What to look at is the ratio of the largest population to the smallest.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import picking_users
from reading import tell, write_csv

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from labdrive import Lab, write_notebook  # noqa: E402  they stand in the folder of the tests

CLICKS = 60
READ = """
import sys
sys.path.insert(0, {root!r})
from purgelib import choice, exports, population, rules, widgets
people = population.judge(exports.read({exports!r}), rules.Policy(expired_for_days=730, protected_groups=("30",)))
"""
OPEN = "picker = widgets.choose(people)\npicker"
RUN = "window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
# Sizes of all that the kernel sends, counted in the page.
LISTEN = """() => {
  window.largest = 0;
  const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction === 'recv' && msg.channel === 'iopub')
      window.largest = Math.max(window.largest, JSON.stringify(msg.content).length);
  });
}"""
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


def picker(count):
    """Measures the picker at that many users; returns milliseconds per click, seconds to open, largest message."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as exports:
        write_csv(exports, count)
        write_notebook(Path(folder) / "picking.ipynb", READ.format(root=str(ROOT), exports=exports), OPEN)
        with Lab(folder) as lab:
            lab.open("picking.ipynb")
            lab.page.evaluate(LISTEN)
            lab.page.evaluate(f"async () => {{ await {RUN}; }}")
            start = time.perf_counter()
            lab.page.evaluate(f"() => {{ {RUN}; }}")
            lab.page.locator(".purge-totals").wait_for(timeout=60_000)
            opening = time.perf_counter() - start
            took = lab.page.evaluate(CLICK, CLICKS)
            return took, opening, lab.page.evaluate("() => window.largest")


def compare(counts):
    """Prints the picker's numbers for each number of users, and how they grow."""
    medians = []
    for count in counts:
        took, opening, largest = picker(count)
        medians.append(statistics.median(took))
        tell(f"{count:>9,} users, picker: click -> counts {medians[-1]:.0f} ms (95 %: "
             f"{statistics.quantiles(took, n=20)[-1]:.0f} ms) over {len(took)} clicks, opened in {opening:.2f} s, "
             f"largest message {largest:,} bytes")
    tell(f"picker: a click at {counts[-1]:,} users takes {medians[-1] / medians[0]:.2f} of one at {counts[0]:,}")


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]] or [10_000, 1_000_000]
    compare(numbers)
    picking_users.compare(numbers)
