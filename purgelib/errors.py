"""Every way in which this package says no, as one tree.

    PurgeError
    ├── Refused              we will not: no user was written by the call that raises it
    │   ├── BadExport        an export cannot be read without guessing
    │   ├── BadChoice        the text of a choice or policy does not make sense
    │   ├── NothingToDo      no user is left to act on
    │   ├── LimitExceeded    more users than the policy allows
    │   ├── Unprotected      the lists of protected groups or IDs are empty
    │   ├── DataTooOld       the export is older than the policy allows, or of no known day
    │   ├── PlanRefused      a plan was changed, is too old, or meant for another target
    │   ├── NotConfirmed     the institution's name and the number of users were not typed
    │   ├── WrongTarget      this is not the institution or the environment that was named
    │   ├── ReadOnly         a client opened for reading was asked to write
    │   ├── NoKey            there is no API key for this target
    │   ├── RunBusy          another process is carrying out the same run
    │   ├── JobRefused       Alma's job must not be started, or not again
    │   └── NotThereYet      this part of the tool does not exist yet
    └── Failed               we could not: what was written before stands in the journal
        ├── AlmaError        Alma answered with an error
        │   ├── NotFound     Alma knows no such user, set or job
        │   ├── KeyRefused   Alma does not accept the key, or not for this
        │   ├── TooFast      more calls in a second than Alma allows
        │   └── QuotaSpent   the calls of this day are used up, or as good as
        ├── NoAnswer         no answer came: after a write nobody knows yet what happened
        ├── PartialAnswer    a list came back shorter than Alma says it is
        ├── CopyFailed       the copy of a record could not be read back from the disk
        ├── CanaryFailed     the first few users did not come out as planned
        ├── Untrue           Alma said that it was done, and a fresh look does not show it
        ├── JobFailed        Alma's job does not end, or nobody knows whether it began
        └── Stopped          a person stopped the run

Errors carry their facts as attributes (``error.facts`` holds them all) and say what to do next.
"""


class PurgeError(Exception):
    """Says what is wrong and what to do; the facts are attributes."""

    def __init__(self, message, **facts):
        super().__init__(message)
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def _render_traceback_(self):
        """In a notebook, the sentence is what helps; the way to it is not (IPython asks for this)."""
        return [f"{type(self).__name__}: {self}"]


class Refused(PurgeError):
    """We will not; no user was written."""


class BadExport(Refused):
    """An export cannot be read without guessing; facts: file, sheet, row, column, value where known."""


class BadChoice(Refused):
    """The text of a choice or of a policy does not make sense; facts: where, value."""


class NothingToDo(Refused):
    """No user is left to act on."""


class LimitExceeded(Refused):
    """More users than the policy allows; facts: found, limit, what."""


class Unprotected(Refused):
    """The list of protected groups or of protected IDs is empty; facts: missing."""


class DataTooOld(Refused):
    """The export is older than the policy allows, or of no known day; facts: data_date, limit."""


class PlanRefused(Refused):
    """A plan was changed, is too old or meant for another target; facts: folder, differs."""


class NotConfirmed(Refused):
    """The institution's name and the number of users were not typed as asked; facts: wanted, typed."""


class WrongTarget(Refused):
    """This is not the institution or the environment that was named; facts: wanted, found."""


class ReadOnly(Refused):
    """A client opened for reading was asked to write; facts: method."""


class NoKey(Refused):
    """There is no API key for this target; facts: target."""


class RunBusy(Refused):
    """Another process is carrying out the same run; facts: folder."""


class JobRefused(Refused):
    """Alma's job must not be started, or not again; facts: job, why."""


class NotThereYet(Refused):
    """This part of the tool does not exist yet; facts: part."""


class Failed(PurgeError):
    """We could not; what was written before stands in the journal."""


class AlmaError(Failed):
    """Alma answered with an error; facts: status, code, tracking."""


class NotFound(AlmaError):
    """Alma knows no such user, set or job."""


class KeyRefused(AlmaError):
    """Alma does not accept the key, or not for this call."""


class TooFast(AlmaError):
    """More calls in a second than Alma allows; the call was not carried out."""


class QuotaSpent(AlmaError):
    """The calls of this day are used up, or down to the floor that is left for others."""


class NoAnswer(Failed):
    """No usable answer came; after a write nobody knows yet what happened; facts: method."""


class PartialAnswer(Failed):
    """A list came back shorter than Alma says it is; facts: expected, found."""


class CopyFailed(Failed):
    """The copy of a record could not be read back from the disk; facts: primary_id."""


class CanaryFailed(Failed):
    """The first few users did not come out as planned; facts: outcomes."""


class Untrue(Failed):
    """Alma said that it was done, and a fresh look does not show it; facts: outcomes."""


class JobFailed(Failed):
    """Alma's job does not end, or nobody knows whether it began; facts: job, instance, status."""


class Stopped(Failed):
    """A person stopped the run; it can be taken up again."""
