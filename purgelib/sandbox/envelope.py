"""Alma's way of saying no: the error envelope in JSON and XML, nearly always with HTTP status 400."""

import json
import re
from xml.sax.saxutils import escape

NAMESPACE = "http://com/exlibris/urm/general/xmlbeans"
# Errors of the gateway come without a tracking id [API.md 7].
UNTRACKED = {"UNAUTHORIZED", "PER_SECOND_THRESHOLD", "DAILY_THRESHOLD"}
# What no XML can hold, so nothing in Alma can; also half characters, which no text can.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class AlmaError(Exception):
    """A refusal by the pretend Alma: errorCode, errorMessage, HTTP status, and whether XML is forced."""

    def __init__(self, code, message, status=400, always_xml=False, headers=None):
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.always_xml = always_xml
        self.headers = headers or {}


def tracking_id(now, number):
    """Returns a tracking id of Alma's form for this moment and request number."""
    word = "".join(_LETTERS[(number // 26 ** i + 7 * i) % 26] for i in range(5))
    return f"E01-{now:%d%m%H%M%S}-{word}-AWAE{1_000_000_000 + number % 1_000_000_000}"


def request_id(number):
    """Returns the ten letters by which the gateway tells one request from another."""
    # Multiplied by a prime, so that the ids of two calls in a row have nothing in common to look at.
    number, word = number * 141_650_939_107_253 % 52 ** 10, ""
    for _ in range(10):
        number, place = divmod(number, 52)
        word += (_LETTERS + _LETTERS.lower())[place]
    return word


def as_json(error, tracking):
    """Returns the error as Alma's JSON text."""
    entry = {"errorCode": error.code, "errorMessage": error.message}
    if error.code not in UNTRACKED:
        entry["trackingId"] = tracking
    return json.dumps({"errorsExist": True, "errorList": {"error": [entry]}, "result": None})


def as_xml(error, tracking):
    """Returns the error as Alma's XML text; characters that no XML can hold become question marks."""
    tail = "" if error.code in UNTRACKED else f"<trackingId>{tracking}</trackingId>"
    message = escape(NOT_IN_XML.sub("?", error.message))
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f'<web_service_result xmlns="{NAMESPACE}"><errorsExist>true</errorsExist><errorList><error>'
        f"<errorCode>{escape(error.code)}</errorCode><errorMessage>{message}</errorMessage>"
        f"{tail}</error></errorList></web_service_result>"
    )
