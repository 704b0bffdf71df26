"""Creates purged users again from their full copies, only where nobody has their ID now.

A user who is created again is a new user with the old data: LOST says what does not come back.
"""

from purgelib import fields, plan
from purgelib.errors import AlmaError, CopyFailed, NoAnswer, NotFound, PartialAnswer
from purgelib.journal import CONFIRMED, FAILED, SKIPPED, WOULD
from purgelib.live import FOR_ALL, Look

# Fields that Alma gives out but does not take in (the verbs of rest_user.xsd).
OUTPUT_ONLY = ("full_name", "status_date", "last_patron_activity_date", "requests", "loans", "fees", "link",
               "proxy_for_user", "linking_id", "source_link_id", "source_institution_code")
LOST = ("loans, fees and requests of the past", "the history in the catalogue, lists and saved searches",
        "the password and the PIN, which Alma gives to nobody", "proxies: who acted for whom",
        "links to the same person at other institutions", "who wrote a note or set a block, and when",
        "the date of the last activity")


class Recreating:
    """The act of ``carrying.Carrier`` that creates users. Writes to Alma, unless real is false.

    copied: the journal of the run that purged them. keys: what opens its copies, as ``copies.identities`` gives them.
    """

    action = plan.USER_BACK

    def __init__(self, sealed, alma, book, copied, keys, real):
        self._sealed, self._alma, self._book, self._real = sealed, alma, book, real
        self._copied, self._keys, self._ready = copied, keys, {}

    def changes(self, row):
        """Returns nothing: no field of an old record is set."""
        return {}, {}

    def look(self, row):
        """Asks whether somebody has this ID now. Only reads."""
        try:
            return Look(record={"there": self._alma.user(row.primary_id)})
        except NotFound:
            return Look(record={})
        except FOR_ALL:
            raise
        except NoAnswer as error:
            return Look(problem=f"nothing was sent: {error}", silent=True)
        except (AlmaError, PartialAnswer) as error:
            return Look(problem=f"Alma does not tell: {error}")

    def decide(self, rows, found):
        """Returns for each user None (to be created), or state, reason, and whether something may have been written."""
        return [self._decided(row, look) for row, look in zip(rows, found, strict=True)]

    def _decided(self, row, look):
        if look.record is None:
            return (FAILED if look.silent else SKIPPED), look.problem, False
        try:
            copy = self._copied.copy_of(row.primary_id, self._keys)
        except CopyFailed as error:
            return FAILED, str(error), False
        if copy is None:
            return SKIPPED, "there is no copy of the record", False
        if look.record:
            if self._book.before(row.primary_id, self.action):
                return self._compared(copy, look.record["there"])
            return SKIPPED, "there is a user with this ID in Alma already", False
        if not self._real:
            return WOULD, "would be created from the copy", False
        self._ready[row.primary_id] = copy
        return None

    def intention(self, row, _record):
        """Returns what the journal needs to know before the write."""
        return row.primary_id, self.action, self._ready[row.primary_id], {}

    def write(self, row, _record):
        """Creates a user; returns Alma's answer. Writes to Alma."""
        return self._alma.post_user(_taken_in(self._ready[row.primary_id]))

    def fresh(self, row):
        """Fetches a user as Alma has it now. Only reads."""
        return self._alma.user(row.primary_id)

    def answered(self, row, _record, answer):
        """Says nothing: the new record is always fetched anew."""

    def checked(self, row, _record, found):
        """Returns state, reason and whether anything was written, from a fresh record (None: nobody is there)."""
        copy = self._ready.pop(row.primary_id, None) or self._copied.copy_of(row.primary_id, self._keys)
        if found is None:
            return FAILED, "Alma did not create the user", False
        return self._compared(copy, found)

    def kept(self, row, found):
        """Looks at a user who was created once more."""
        return self.checked(row, None, found)

    def knows(self, error):
        """Says whether an error is about this user, or Alma; any other is our own fault."""
        return isinstance(error, (AlmaError, NoAnswer, PartialAnswer))

    def _compared(self, copy, now):
        """The new record against the copy: another name is another person who has the ID now."""
        if any((copy.get(name) or "") != (now.get(name) or "") for name in ("first_name", "last_name", "primary_id")):
            return FAILED, "somebody else has this ID in Alma now: look there", True
        _, other = fields.differences(_taken_in(copy), _taken_in(now), {})
        said = f"differs from the copy in: {', '.join(other)}" if other else "as in the copy"
        purge = str(now.get("purge_date") or "")[:10]
        past = purge and purge <= str(self._alma.today())
        return CONFIRMED, said + (f"; purge date {purge}: the next purge may take the user" if past else ""), True


def _taken_in(record):
    return {name: value for name, value in record.items() if name not in OUTPUT_ONLY}
