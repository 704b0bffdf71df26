"""What colleagues and the sample said of single users, in sentences for their details."""

from purgelib.users import key_of


def sentences(found):
    """Returns (key, sentence) pairs of what ``review.read`` or ``samples.read`` returned."""
    if hasattr(found, "answers"):
        for key, state, said, note in found.answers[["key", "state", "answer", "note"]].itertuples(index=False):
            yield key, f"In the sample: {_answer(state, said)}{f', “{note}”' if note else ''}"
    else:
        who = f"looked through by {found.signed}" if found.signed else "not signed"
        for primary_id, reason in found.kept[["primary_id", "reason"]].itertuples(index=False):
            yield key_of(primary_id), f"Kept in the review ({who}): {reason}"


def _answer(state, said):
    return f"looked at, {state}" if state == said.casefold() else f"{state}, “{said}”" if said else state
