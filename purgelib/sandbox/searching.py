"""Finding users by words: the query language of GET /users and the index of words behind it.

A search compares whole words, not pieces of words and not whole fields; clients look at the answer again.
"""

import re

from purgelib.sandbox.envelope import AlmaError

FIELDS = ("primary_id", "first_name", "middle_name", "last_name", "email", "phone_number", "job_category",
          "identifiers", "birth_date", "user_group", "campus_code", "block_type", "id_type", "note_text",
          "note_type", "statistic_category")
INSERT = f"INSERT INTO words (rowid, {', '.join(FIELDS)}) VALUES ({', '.join('?' * (len(FIELDS) + 1))})"
_EXCEPT = "- {email birth_date identifiers} : "
_TERMS = re.compile(r"[ _+]+AND[ _+]+(?=[A-Za-z_]+~)")
_LONGEST, _MOST_WORDS = 2000, 60


def words(record):
    """Returns what is found by words of this record, a text for every field of FIELDS."""
    contact = record["contact_info"]
    return (
        record["primary_id"], record["first_name"], record["middle_name"], record["last_name"],
        _join(one["email_address"] for one in contact["email"]),
        _join(one["phone_number"] for one in contact["phone"]), _said(record["job_category"]),
        _join(one["value"] for one in record["user_identifier"]), record.get("birth_date", "").rstrip("Z"),
        _said(record["user_group"]), _said(record["campus_code"]),
        _join(_said(one["block_type"]) for one in record["user_block"]),
        _join(_said(one["id_type"]) for one in record["user_identifier"]),
        _join(one["note_text"] for one in record["user_note"]),
        _join(_said(one["note_type"]) for one in record["user_note"]),
        _join(_said(one["statistic_category"]) for one in record["user_statistic"]))


def _join(texts):
    # A word that nobody can ask for, so that no phrase begins in one entry and ends in the next.
    return " \ue000 ".join(text or "" for text in texts)


def _said(field):
    return f"{field.get('value') or ''} {field.get('desc') or ''}" if field else ""


def remember(memory, number, record):
    """Writes the words of a user's record over the old ones."""
    forget(memory, number)
    memory.do(INSERT, (number, *words(record)))


def forget(memory, number):
    """Removes a user from the index of words."""
    memory.do("DELETE FROM words WHERE rowid = ?", (number,))


def condition(q):
    """Returns SQL condition and values for the users that a query means; an unknown field is refused."""
    if len(q) > _LONGEST:
        raise _refusal("the query is too long")
    # ALL knows no AND: whatever follows is words.
    terms = [q] if q.strip().startswith("ALL~") else _TERMS.split(q)
    sums, matches = [], []
    for term in terms:
        field, tilde, wanted = term.partition("~")
        field = field.strip()
        if not tilde or not wanted.strip():
            raise _refusal("invalid query format")
        if field == "fines_fees_sum":
            sums.append(_amount(wanted))
        else:
            matches.append(_match(field, wanted, alone=len(terms) == 1))
    return _sql(sums, matches)


def _sql(sums, matches):
    parts = ["id IN (SELECT user_id FROM fees WHERE status = 'ACTIVE' GROUP BY user_id "
             "HAVING round(sum(balance), 2) = ?)"] * len(sums)
    if not all(matches):
        return "0", ()
    if matches:
        parts.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
    return " AND ".join(parts), (*sums, *([" AND ".join(f"({one})" for one in matches)] if matches else ()))


def _match(field, wanted, alone):
    """Returns the part of a full-text question for one term, empty when it holds no word at all."""
    chunks = [chunk.replace('"', " ") for chunk in re.split(r"[\s_+\x00-\x1f]+", wanted)]
    # What one chunk holds must stand side by side: the parts of a mail address, of a date, of a double name.
    phrases = [f'"{chunk}"' for chunk in chunks if re.search(r"[^\W_]", chunk)]
    if len(phrases) > _MOST_WORDS:
        raise _refusal("too many words")
    if not phrases:
        return ""
    whole = f"({' AND '.join(phrases)})"
    if field in FIELDS:
        return f"{field} : {whole}"
    if field == "general_info":
        return _EXCEPT + whole
    if field == "ALL" and alone:
        return whole
    raise _refusal(f"the field {field[:50]} cannot be searched")


def _amount(wanted):
    try:
        return round(float(wanted.strip()), 2)
    except (ValueError, OverflowError):
        raise _refusal("fines_fees_sum is no number") from None


def _refusal(why):
    return AlmaError("402119", f"General error: {why}.")
