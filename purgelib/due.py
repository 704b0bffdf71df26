"""Personal data has an end date: the runs that are due are removed, folder and all."""

import contextlib
import datetime
import shutil
from pathlib import Path

from purgelib import plan
from purgelib.errors import PlanRefused


def remove(runs_folder, today):
    """Removes the run folders whose personal data is due (past ``purge_after``); returns their names. Deletes files.

    A run whose plan.json was changed is left to a person: the day in it may be wrong.
    """
    removed = []
    for folder in sorted(path.parent for path in Path(runs_folder).glob("*/plan.json")):
        with contextlib.suppress(PlanRefused):
            if datetime.date.fromisoformat(plan.header(folder).get("purge_after", "9999-12-31")) < today:
                shutil.rmtree(folder)
                removed.append(folder.name)
    return removed
