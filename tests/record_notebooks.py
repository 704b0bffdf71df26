"""Runs notebooks on a fresh sandbox and keeps the outputs: what is committed shows invented people only.

    python tests/record_notebooks.py               all of them
    python tests/record_notebooks.py 01_explore    only these, where they need none of the others
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat

from purgelib import sandbox

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
# The invented university's own day, so that nothing that is recorded changes from day to day.
TODAY = "2026-11-22"
WIDGET = "application/vnd.jupyter.widget-view+json"


def record(path):
    """Executes one notebook in its place and keeps its outputs, the static twins instead of the widgets."""
    notebook = nbformat.read(path, as_version=4)
    written = [cell.source for cell in notebook.cells]
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = given(cell.source)
    nbclient.NotebookClient(notebook, kernel_name="python3", store_widget_state=False, record_timing=False,
                            resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell, source in zip(notebook.cells, written, strict=True):
        cell.source = source
        for output in cell.get("outputs", ()):
            # A widget without its kernel shows an error in JupyterLab; its twin in HTML shows the same state.
            output.get("data", {}).pop(WIDGET, None)
        cell.get("outputs", [])[:] = [one for one in cell.get("outputs", ()) if not _only_a_bar(one)]
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


def given(parameters):
    """Returns the text of a parameters cell with the invented day where it leaves the day to the calendar."""
    return re.sub(r'^today = ""', f'today = "{TODAY}"', parameters, flags=re.MULTILINE)


def _only_a_bar(output):
    """A progress bar that took itself away leaves only carriage returns and its own speed behind."""
    return output.get("output_type") == "stream" and "\r" in output.get("text", "")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PURGELIB_DATA"] = folder
        try:
            for path in (one for one in NOTEBOOKS if one.stem in sys.argv[1:] or not sys.argv[1:]):
                record(path)
                sys.stdout.write(f"recorded {path.name}\n")
        finally:
            sandbox.stop(Path(folder) / "sandbox" / "alma")
