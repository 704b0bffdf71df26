"""What Alma's answers mean: lists and amounts in their odd forms, and errors turned into our tree of errors."""

from lxml import etree

from purgelib.errors import AlmaError, KeyRefused, NoAnswer, NotFound, PartialAnswer, QuotaSpent, TooFast

NOT_FOUND = {"401861", "401890", "60107", "402216", "402215"}
KEY_CODES = {"UNAUTHORIZED", "FORBIDDEN", "INVALID_REQUEST"}


def listed_in(page, key):
    """Returns the entries of a list; one entry alone may stand there without a list around it."""
    listed = page.get(key) or []
    return [listed] if isinstance(listed, dict) else listed


def balance_of(fee):
    """Returns the balance of a fee as an amount, a credit too; what cannot be told is not taken for nothing."""
    try:
        return abs(float(fee["balance"]))
    except (KeyError, TypeError, ValueError):
        raise PartialAnswer("Alma lists a fee without a balance.", expected="balance", found=None) from None


def tells_of_an_error(said):
    """Says whether an answer is Alma's word of an error, although it came as a success."""
    return said.get("errorsExist") in (True, "true")


def error_of(method, answer):
    """Returns our error for an HTTP answer of Alma's that is no success. The URL is not quoted: it names a person."""
    code, message, tracking = _told(answer)
    facts = {"status": answer.status_code, "code": code, "tracking": tracking}
    words = f"Alma refused {method} with {answer.status_code} {code or ''}: {message or 'no reason given'}."
    # A write is sent again after this, so it takes Alma's own word for it.
    if code == "PER_SECOND_THRESHOLD" or answer.status_code == 429 and code != "DAILY_THRESHOLD" and method == "GET":
        return TooFast(words, **facts)
    if code == "DAILY_THRESHOLD":
        return QuotaSpent(words + " Go on tomorrow: the run resumes where it ended.", **facts)
    if code in NOT_FOUND:
        return NotFound(words, **facts)
    if code in KEY_CODES or answer.status_code in (401, 403) or b"Invalid API Key" in answer.content[:200]:
        return KeyRefused(words + " Check the key and what it is allowed to do (preflight.look tells).", **facts)
    if "/analytics/" in answer.url and "path not found" in (message or "").casefold():
        # Analytics says so with status 500: asked again and again, a slip of the pen would look like a weak network.
        # From elsewhere, the same words must make nobody believe that a user is gone.
        return NotFound(words + " Check the path of the report; it must stand in a shared folder.", **facts)
    nobodys = not 400 <= answer.status_code < 500 or answer.status_code == 408
    if nobodys or method != "GET" and not code:
        # Whoever speaks here for Alma (a gateway, a proxy) does not know whether Alma did it, or will do it yet.
        return NoAnswer(words, method=method, timeout=answer.status_code in (408, 504), **facts)
    return AlmaError(words, **facts)


def _told(answer):
    try:
        said = (answer.json().get("errorList") or {}).get("error") or {}
        one = said[0] if isinstance(said, list) else said
        return one.get("errorCode"), one.get("errorMessage"), one.get("trackingId")
    except (ValueError, AttributeError, IndexError):
        pass
    try:
        root = etree.fromstring(answer.content, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None, None, None
    return tuple(root.findtext(f".//{{*}}{name}") for name in ("errorCode", "errorMessage", "trackingId"))
