"""What the gateway before Alma says when it is in trouble itself: a page of HTML for people, or nonsense."""

from purgelib.sandbox.calls import Answer

_REASONS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Temporarily Unavailable",
            504: "Gateway Time-out"}


def page(status=0):
    """Returns the gateway's page for this HTTP status; it says nothing about what was done behind it."""
    status = status or 502
    words = f"{status} {_REASONS.get(status, 'Error')}"
    text = (f"<html>\r\n<head><title>{words}</title></head>\r\n<body>\r\n<center><h1>{words}</h1></center>\r\n"
            "<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n")
    return Answer(text.encode(), status=status, media="text/html")


def nonsense():
    """Returns a 200 whose body is neither JSON nor XML, whatever its Content-Type says."""
    return Answer(b"\x1f\x8b\x08 upstream sent <unfinished {\"errorsExist\": fal", status=200)
