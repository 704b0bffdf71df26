"""What a person sees and a screen reader hears, measured in the page: totals, contrast, focus, what axe-core says."""

from pathlib import Path

import pytest

AXE = Path(__file__).parent.parent / ".axe" / "axe.min.js"
# How bright a colour is, and on which ground an element stands.
LIGHT = """
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
"""
# Every text whose contrast to its ground is less than 4.5:1, as level AA asks.
CONTRAST = "() => {" + LIGHT + """
  const bad = [];
  for (const one of document.querySelectorAll('.purge-widget *')) {
    const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text && one.tagName !== 'TEXTAREA') continue;
    if (!one.checkVisibility() || one.closest('[aria-disabled="true"]')) continue;
    const here = ratio(rgba(getComputedStyle(one).color), ground(one));
    if (here < 4.5) bad.push([one.className, one.textContent.slice(0, 30), here]);
  }
  return bad;
}"""
# The stop at which the keyboard is: its name, and how far its ring stands out from the ground around it (at least 3:1).
STOP = "() => {" + LIGHT + """
  const at = document.activeElement;
  const name = at.ariaLabel || [...(at.labels ?? [])].map((one) => one.textContent).join(' ') || at.textContent;
  // The ring is around the element, the label of a box, or the cell of a grid in which one is.
  const rings = [at, at.closest('label'), document.getElementById(at.getAttribute('aria-activedescendant'))]
    .filter(Boolean).map((one) => [getComputedStyle(one), one]).filter(([style]) =>
      style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1);
  return { widget: at.closest('.purge-widget')?.classList[1] ?? '', name: name.trim(),
    ring: Math.max(0, ...rings.map(([style, one]) => ratio(rgba(style.outlineColor), ground(one.parentElement)))) };
}"""
# All that can be operated and that the Tab key must reach; what is put away in a closed part is not there.
OPERATED = """() => [...document.querySelectorAll(
    '.purge-widget :is(input, select, button, textarea, summary, [tabindex])')]
  .filter((one) => one.checkVisibility() && one.tabIndex === 0).length"""


def totals(page, *wanted):
    """Waits until the totals are these: ticked, may go, to be checked live, will stay, kept by name; None: any."""
    page.wait_for_function("""(wanted) => {
        const here = [...document.querySelectorAll('.purge-tile b')].map((one) => one.textContent);
        return here.length && wanted.every((one, at) => one === null || here[at] === one);
    }""", arg=[None if one is None else f"{one:,}" for one in wanted])


def settled(page):
    """Waits until the kernel has answered the last click; returns the totals, as they are written there."""
    page.wait_for_function("() => document.querySelector('.purge-picker').ariaBusy === 'false'")
    return page.locator(".purge-tile b").all_text_contents()


SUMMARY = "{} users ticked: {} may go, {} are to be checked live, {} stay all the same, {} are kept by name."


def axe(page, place):
    """Returns what axe-core finds wrong in a part of the page: the rule, its words, and the first elements."""
    if not AXE.exists():
        pytest.skip("axe-core is not here: make browser")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async (place) => (await axe.run(place)).violations", place)
    return [[one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]]] for one in found]
