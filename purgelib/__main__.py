"""The door for make: ``python -m purgelib demo`` walks the whole way, ``lab`` opens JupyterLab on the notebooks."""

import datetime
import os
import re
import shutil
import sys
from pathlib import Path

import papermill

import purgelib
from purgelib import due, guards, plan, report, restore, sandbox
from purgelib.errors import PurgeError

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SANDBOX = "sandbox:demo"


def demo():
    """Walks the whole way on the sample exports and the sandbox, unattended; prints what happened.

    A demo that was interrupted is taken up where it ended; otherwise the sandbox's people are invented anew.
    """
    folder = _unfinished() or _new_run()
    try:
        _walk(folder)
    except PurgeError as error:
        raise SystemExit(f"{type(error).__name__}: {error}\nTo begin the demo anew, delete {_shown(folder)}.") from None
    (folder / "demo.done").touch(mode=0o600)
    print(f"\n{report.summary(folder)}\n\nReport      {_shown(folder / 'report.html')}\n"
          f"Notebooks   {_shown(folder)}/rehearsal.ipynb, rerun.ipynb, 06_restore.ipynb\n"
          "Lists       gone.csv, kept.csv beside them")


def _walk(folder):
    name = folder.name
    if not (folder / "plan.json").exists():
        print("1 of 3  rehearsal: reads the exports, seals the plan, asks the sandbox, writes nothing", flush=True)
        _run("rerun.ipynb", folder / "rehearsal.ipynb", run=name, where=SANDBOX)
    print("2 of 3  the same, confirmed: sets the dates, hands the set to Alma's job, reconciles", flush=True)
    # On the sandbox the demo types for you what a person must type on a real Alma.
    typed = guards.to_be_typed(plan.load(folder).header)
    _run("rerun.ipynb", folder / "rerun.ipynb", run=name, where=SANDBOX, confirmed=typed)
    print("3 of 3  undo: one purge date put back, one purged user re-created", flush=True)
    ids = restore.possible(folder).drop_duplicates("undo").set_index("undo")["primary_id"]
    back = {"dates_of": [ids[restore.BACK]], "create": [ids[restore.USER_BACK]]}
    _run("06_restore.ipynb", folder / "06_restore.ipynb", run=name, where=SANDBOX, **back,
         confirmed=restore.to_be_typed(folder, **back))


def desk():
    """Opens JupyterLab on a copy of the notebooks in desk/, which git ignores: real users' names show in them."""
    desk = NOTEBOOKS.parent / "desk"
    if not desk.exists():
        shutil.copytree(NOTEBOOKS, desk, ignore=shutil.ignore_patterns(".*"))
        desk.chmod(0o700)
    lab(desk)


def tidy():
    """Removes the runs whose personal data is due for removal."""
    gone = due.remove(purgelib.data_folder() / "runs", datetime.date.today())
    print("\n".join(f"removed {name}" for name in gone) or "No run is due for removal.")


def lab(notebooks=NOTEBOOKS):
    """Opens JupyterLab on the first notebook, with the sandbox started."""
    purgelib.connect()
    extra = ["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    first = f"--LabApp.default_url=/lab/tree/{notebooks.name}/00_start_here.ipynb"
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={NOTEBOOKS.parent}", first,
                              *extra, *sys.argv[2:]])


def clean():
    """Stops the sandboxes and forgets what happened in them; runs are kept, as their journals are evidence."""
    for folder in sorted((purgelib.data_folder() / "sandbox").glob("*/")):
        sandbox.stop(folder)
        shutil.rmtree(folder)
        print(f"forgot the sandbox {folder.name}")


def _runs():
    found = {re.fullmatch(r"demo-(\d+)", one.name): one for one in (purgelib.data_folder() / "runs").glob("demo-*")}
    return sorted((int(match[1]), one) for match, one in found.items() if match)


def _unfinished():
    left = [one for _, one in _runs() if not (one / "demo.done").exists()]
    if left:
        print(f"Going on with {left[-1].name}, which was interrupted.", flush=True)
    return left[-1] if left else None


def _new_run():
    purgelib.start_sandbox_anew(SANDBOX)
    return purgelib.run_folder(f"demo-{max((number for number, _ in _runs()), default=0) + 1}")


def _run(notebook, output, **parameters):
    output.touch(mode=0o600)
    try:
        # Widget state would bloat the file and show nothing without a network; the static twins show.
        papermill.execute_notebook(NOTEBOOKS / notebook, output, parameters, cwd=NOTEBOOKS, kernel_name="python3",
                                   store_widget_state=False, progress_bar=sys.stderr.isatty(),
                                   extra_arguments=["--IPKernelApp.log_level=ERROR"])
    except papermill.PapermillExecutionError as error:
        raise SystemExit(f"\nStopped in {notebook}, cell {error.exec_count}: {error.evalue}\n"
                         f"The notebook as far as it came: {_shown(output)}") from None


def _shown(path):
    return os.path.relpath(path)


def main():
    """Runs the command named on the command line."""
    commands = {"demo": demo, "lab": lab, "desk": desk, "tidy": tidy, "clean": clean}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        raise SystemExit(f"{__doc__}\nCommands: {', '.join(commands)}")
    try:
        commands[sys.argv[1]]()
    except PurgeError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None


if __name__ == "__main__":
    main()
