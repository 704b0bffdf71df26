"""Personal data has an end date: the runs that are due are removed, folder and all."""

import contextlib
import datetime
import shutil
from pathlib import Path

from purgelib import choice, plan
from purgelib.errors import PlanRefused, PurgeError
from purgelib.rules import Policy


def remove(runs_folder, today):
    """Removes the run folders whose personal data is due; returns their names. Deletes files.

    A plan says when (``purge_after``). A run that never got one is due ``keep_files_days`` after its newest file: those
    of its choice, or of the policy as it comes. A run whose plan.json was changed, or is gone though there is a
    journal, is left to a person.
    """
    removed = []
    for folder in sorted(path for path in Path(runs_folder).glob("*/") if not path.is_symlink()):
        with contextlib.suppress(PlanRefused):
            if _due(folder) < today:
                shutil.rmtree(folder)
                removed.append(folder.name)
    return removed


def _due(folder):
    """The last day on which the folder may lie there; date.max for one that nobody but a person may remove."""
    if (folder / "plan.json").exists():
        return datetime.date.fromisoformat(plan.header(folder).get("purge_after", "9999-12-31"))
    there = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    if any(path.name in ("plan.json", "journal.sqlite") for path in there):
        return datetime.date.max
    newest = datetime.date.fromtimestamp(max(path.lstat().st_mtime for path in there or [folder]))
    return newest + min(datetime.timedelta(days=_keep_files_days(folder)), datetime.date.max - newest)


def _keep_files_days(folder):
    """As the choice in the folder says; as the policy comes where there is none, or none that can be read."""
    try:
        return min(choice.load(folder).policy.keep_files_days, 10 ** 8)
    except (PurgeError, OSError, ValueError):
        return Policy().keep_files_days
