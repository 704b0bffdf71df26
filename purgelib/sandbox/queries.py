"""Saved searches of users: the text of a logical set, read into a condition of SQL [assumptions.QUERY_FIELDS].

    USER where USER (user_group equals "06" AND (purge_date before "2024-01-01" OR purge_date is_empty))

Only names that are known here get into the SQL; what a client wrote goes there as a value.
"""

import datetime
import functools
import re

from purgelib.sandbox.assumptions import QUERY_FIELDS, QUERY_LONGEST, QUERY_MOST, QUERY_OPERATORS

_HEAD = re.compile(r"\s*(\w+)\s+where\s+(\w+)\s*(?=\()", re.ASCII | re.IGNORECASE)
_TOKEN = re.compile(r'\s*(?:([()])|"([^"\\]*(?:\\["\\][^"\\]*)*)"|([\w.:-]+))')
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)Z?", re.ASCII)
_COLUMNS = {"primary_id": "primary_id", "first_name": "first_name", "last_name": "last_name",
            "user_group": "user_group"}
_DEEPEST = 30
# What may be asked of each kind of field.
_ASKED = {"code": ("=", "<>", "empty", "full"), "date": ("=", "<>", "<", ">", "empty", "full"),
          "text": ("=", "<>", "contains", "begins", "empty", "full")}
_SQL = {
    "=": "{0} = ?", "<>": "{0} <> ?", "<": "({0} <> '' AND {0} < ?)", ">": "{0} > ?",
    "contains": "instr({0}, ?) > 0", "begins": "instr({0}, ?) = 1", "empty": "{0} = ''", "full": "{0} <> ''",
}


class WrongQuery(ValueError):
    """The text is no search; `content` says whether only the kind of content in it is wrong."""

    def __init__(self, why, content=False):
        super().__init__(why)
        self.content = content


@functools.lru_cache(maxsize=200)
def condition(text):
    """Returns SQL condition and values for the users that a saved search means, or raises WrongQuery."""
    if len(text) > QUERY_LONGEST:
        raise WrongQuery("the query is too long")
    head = _HEAD.match(text)
    if not head:
        raise WrongQuery("a query is: USER where USER (...)")
    if {head[1].upper(), head[2].upper()} != {"USER"}:
        raise WrongQuery(f"the content {head[1]} is not USER", content=True)
    reader = _Reader(_tokens(text, head.end()))
    sql = reader.either(0)
    if reader.left:
        raise WrongQuery("something follows the end of the query")
    return sql, tuple(reader.values)


def _tokens(text, place):
    found = []
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if not match:
            raise WrongQuery(f"cannot read the query at {text[place:place + 20]!r}")
        bracket, quoted, word = match.groups()
        if quoted is not None:
            found.append(("value", re.sub(r"\\(.)", r"\1", quoted)))
        else:
            found.append((bracket, bracket) if bracket else ("word", word))
        place = match.end()
    return found


class _Reader:
    """Reads tokens from left to right; AND binds closer than OR."""

    def __init__(self, tokens):
        self.left = tokens[::-1]
        self.values = []
        self.read = 0

    def either(self, depth):
        return self._joined("OR", self.both, depth)

    def both(self, depth):
        return self._joined("AND", self.one, depth)

    def _joined(self, word, part, depth):
        parts = [part(depth)]
        while self._is(word):
            self.left.pop()
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else f"({f' {word} '.join(parts)})"

    def one(self, depth):
        kind, said = self._next()
        if kind == "word":
            return self._compared(said)
        if kind != "(" or depth == _DEEPEST:
            raise WrongQuery(f"a condition was expected, not {said[:20]!r}")
        inside = self.either(depth + 1)
        if self._next()[0] != ")":
            raise WrongQuery("a bracket is not closed")
        return inside

    def _compared(self, field):
        self.read += 1
        if field.lower() not in QUERY_FIELDS or self.read > QUERY_MOST:
            raise WrongQuery(f"the field {field[:50]} cannot be searched")
        kind, path = QUERY_FIELDS[field.lower()]
        asked = QUERY_OPERATORS.get(self._next()[1].lower())
        if asked not in _ASKED[kind]:
            raise WrongQuery(f"this cannot be asked of {field}")
        place = _COLUMNS.get(path) or f"coalesce(json_extract(record, '$.{path}'), '')"
        if kind == "text":
            place = f"lower({place})"
        if asked not in ("empty", "full"):
            self.values.append(self._value(kind))
        return _SQL[asked].format(place)

    def _value(self, kind):
        token, said = self._next()
        if token not in ("value", "word"):
            raise WrongQuery("a value is missing")
        if kind != "date":
            # SQLite's lower knows A to Z only; so does this.
            return said if kind == "code" else re.sub("[A-Z]", lambda found: found[0].lower(), said)
        try:
            return f"{datetime.date.fromisoformat(_DAY.fullmatch(said)[1])}Z"
        except (TypeError, ValueError):
            raise WrongQuery(f"{said[:20]!r} is no date: YYYY-MM-DD") from None

    def _is(self, word):
        return bool(self.left) and self.left[-1][0] == "word" and self.left[-1][1].upper() == word

    def _next(self):
        if not self.left:
            raise WrongQuery("the query ends too early")
        return self.left.pop()
