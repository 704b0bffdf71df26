"""Runs every notebook on a fresh sandbox and keeps the outputs: what is committed shows invented people only."""

import os
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat

from purgelib import sandbox

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


def record(path):
    """Executes one notebook in its place and keeps its outputs, the static twins instead of the widgets."""
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, kernel_name="python3", store_widget_state=False, record_timing=False,
                            resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            # A widget without its kernel shows an error in JupyterLab; its twin in HTML shows the same state.
            output.get("data", {}).pop(WIDGET, None)
        cell.get("outputs", [])[:] = [one for one in cell.get("outputs", ()) if not _only_a_bar(one)]
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


def _only_a_bar(output):
    """A progress bar that took itself away leaves only carriage returns and its own speed behind."""
    return output.get("output_type") == "stream" and "\r" in output.get("text", "")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PURGELIB_DATA"] = folder
        try:
            for path in NOTEBOOKS:
                record(path)
                sys.stdout.write(f"recorded {path.name}\n")
        finally:
            sandbox.stop(Path(folder) / "sandbox" / "alma")
