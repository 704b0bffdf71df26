"""Where in a text the fault is, for a person who has just edited it."""

import re


def line_of(error, text):
    """Returns the line of a text that an error means, counted from 1, or None if it cannot be told."""
    lines = text.splitlines()
    if found := re.search(r"at line (\d+)", str(error)):
        return int(found[1])
    if "at end of document" in str(error):
        return len(lines)
    value = getattr(error, "value", None)
    if isinstance(value, dict):
        return _entry(value, lines)
    marks = [_mark(one) for one in (value if isinstance(value, list) else [value])]
    return next((at for at, line in enumerate(lines, 1) if any(mark.search(line) for mark in marks)), None)


def _entry(entry, lines):
    """The first line of an entry that is written as it was refused, a line per name, in any order."""
    for at in range(len(lines)):
        block = lines[at:at + len(entry)]
        if all(any(_says(line, name, value) for line in block) for name, value in entry.items()):
            return at + 1
    return None


def _says(line, name, value):
    words = [str(one) for one in (value if isinstance(value, list) else [value])]
    return re.match(rf"\s*{re.escape(str(name))}\s*=", line) and all(word in line for word in words)


def _mark(value):
    word = re.escape(str(value))
    return re.compile(rf"^\s*{word}\s*=|[\"']{word}[\"']|=\s*{word}\s*$")
