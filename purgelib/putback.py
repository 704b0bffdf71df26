"""Puts back the fields that a run has written, and only where they are still as the run left them. Needs no key.

What was there before stands in the run's journal. Where a person changed a field since, that field is left, and said.
"""

from purgelib import copies, fields, live, plan, users
from purgelib.errors import AlmaError, NoAnswer, PartialAnswer
from purgelib.journal import CONFIRMED, FAILED, SKIPPED, WOULD


class PuttingBack:
    """The act of ``carrying.Carrier`` that puts fields back. Writes to Alma, unless real is false.

    sealed: the plan of the undo: each row says what the run wrote (old) and what was there before (new). Of notes, the
    one that the run wrote is taken away.
    """

    action = plan.BACK

    def __init__(self, sealed, alma, book, real):
        self._sealed, self._alma, self._book, self._real, self._left = sealed, alma, book, real, {}

    def changes(self, row):
        """Returns what the run wrote into a user's fields, and what was there before."""
        return self._sealed.changes(row)

    def look(self, row):
        """Fetches a user. Only reads."""
        return live.fetch(row.primary_id, self._sealed.policy, self._alma, owed=0.0)

    def decide(self, rows, found):
        """Returns for each user None (to be written), or state, reason, and whether something may have been written."""
        return [self._decided(row, look) for row, look in zip(rows, found, strict=True)]

    def _decided(self, row, look):
        if look.record is None:
            more = ": re-create the user instead" if look.problem == live.GONE else ""
            return (FAILED if look.silent else SKIPPED), look.problem + more, False
        if users.key_of(look.record.get("primary_id") or "") != users.key_of(row.primary_id):
            return SKIPPED, "Alma answers with somebody else, who has this ID as an identifier", False
        if self._book.before(row.primary_id, self.action):
            state, reason, written = self.checked(row, None, look.record)
            if state == CONFIRMED or written:
                return state, reason, written
        back, done, changed = self._sorted(row, look.record)
        self._left[row.primary_id] = f"; left as they are now: {', '.join(changed)}" if changed else ""
        if back:
            return None if self._real else (WOULD, f"would get back {fields.words(back)}{self._left[row.primary_id]}",
                                            False)
        if done:
            return (CONFIRMED if self._real else WOULD), f"has the old values already{self._left[row.primary_id]}", True
        return SKIPPED, f"somebody changed it since: {', '.join(changed)}", False

    def _sorted(self, row, record):
        """Of the fields: those to put back, those that are back already, and those that a person changed, in words."""
        ours, before = self.changes(row)
        back, done, changed = {}, [], []
        for name, said in ours.items():
            now = fields.seen(record, [name])[name]
            there = fields.has(record, {name: said})
            if there and (name == "note" or now != before[name]):
                back[name] = said if name == "note" else before[name]
            elif name == "note" or now == before[name]:
                done.append(name)
            else:
                changed.append(f"{name.replace('_', ' ')} {now or 'none'}")
        return back, done, changed

    def intention(self, row, record):
        """Returns what the journal needs to know before the write."""
        return row.primary_id, self.action, record, self._sorted(row, record)[0]

    def write(self, row, record):
        """Sends the whole record with the fields put back; returns Alma's answer. Writes to Alma."""
        back = self._sorted(row, record)[0]
        return self._alma.put_user(row.primary_id, _put_back(record, back), fields.override(record, back))

    def fresh(self, row):
        """Fetches a user as Alma has it now. Only reads."""
        return self._alma.user(row.primary_id)

    def answered(self, row, record, answer):
        """Compares Alma's answer with what was sent: confirmed, or None where a fresh look must tell."""
        back = self._sorted(row, record)[0]
        if not isinstance(answer, dict) or copies.digest(answer, back) != copies.digest(record, back) or \
                not _is_back(answer, back):
            return None
        return CONFIRMED, f"put back{self._left.get(row.primary_id, '')}", True

    def checked(self, row, _record, found):
        """Returns state, reason and whether anything was written, from a fresh record (None: the user is gone)."""
        if found is None:
            return FAILED, "gone from Alma while it was being put back", True
        before = self._book.before(row.primary_id, self.action)
        if copies.digest(found, before["new"]) != before["digest"]:
            return FAILED, "other fields changed as well: look at the user in Alma", True
        if _is_back(found, before["new"]):
            return CONFIRMED, f"put back{self._left.get(row.primary_id, '')}", True
        return FAILED, f"Alma did not take it over: {fields.words(before['new'])}", False

    def kept(self, row, found):
        """Looks at a user who is confirmed: is it there, as Alma said? State, reason, whether anything was written."""
        return self.checked(row, None, found)

    def knows(self, error):
        """Says whether an error is about this user, or Alma; any other is our own fault."""
        return isinstance(error, (AlmaError, NoAnswer, PartialAnswer))


def _put_back(record, back):
    made = fields.written(record, {name: said for name, said in back.items() if name != "note"})
    return fields.without_note(made, back["note"]) if "note" in back else made


def _is_back(record, back):
    rest = {name: said for name, said in back.items() if name != "note"}
    return fields.has(record, rest) and not ("note" in back and fields.has(record, {"note": back["note"]}))
