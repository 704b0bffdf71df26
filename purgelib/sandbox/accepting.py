"""Which form of answer a client asked for: the header Accept read as HTTP means it."""

import functools

_JSON, _XML = "json", "xml"


@functools.lru_cache(maxsize=64)
def prefers_json(accept):
    """Says whether this Accept header asks for JSON rather than XML, which is what Alma answers without a word."""
    named, wide = {}, 0.0
    for part in accept[:1000].lower().split(","):
        media, *more = (word.strip() for word in part.split(";"))
        weight = _weight(more)
        if media in ("*/*", "application/*", "*"):
            wide = max(wide, weight)
        elif _form(media):
            # The first of several names for the same form counts; a dict keeps the order.
            named.setdefault(_form(media), weight)
    wanted = named.get(_JSON, wide), named.get(_XML, wide)
    if wanted[0] != wanted[1]:
        return wanted[0] > wanted[1]
    return wanted[0] > 0 and next(iter(named), _XML) == _JSON


def _form(media):
    kind, _, name = media.partition("/")
    if kind not in ("application", "text"):
        return ""
    return next((form for form in (_JSON, _XML) if name == form or name.endswith(f"+{form}")), "")


def _weight(more):
    for word in more:
        name, _, number = word.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(number)))
            except ValueError:
                return 1.0
    return 1.0
