"""environment.yml made from requirements.lock, so that conda users get the same pinned versions."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAD = """# Made by `make lock` from requirements.lock; do not edit.
# conda brings Python and pip; everything else comes pinned through pip, as for everybody else.
name: purgelib
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
      - -e .
"""


def pins(lock):
    """Returns the lines name==version (with markers) of a lock file."""
    return [line.rstrip(" \\") for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]


def environment(lock):
    """Returns the text of environment.yml for a lock file."""
    quoted = ('"' + pin.replace('"', "'") + '"' if ";" in pin else pin for pin in pins(lock))
    return HEAD + "".join(f"      - {pin}\n" for pin in quoted)


if __name__ == "__main__":
    made = environment((ROOT / "requirements.lock").read_text())
    (ROOT / "environment.yml").write_text(made)
    sys.stdout.write(f"environment.yml: {made.count('==')} pins\n")
