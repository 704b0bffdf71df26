"""Who the institution is, and whether a key works. Only reads."""

from purgelib.sandbox import tables
from purgelib.sandbox.calls import Answer


def general(_memory, call):
    """Answers GET /conf/general: this is a sandbox, and it says so."""
    return Answer({
        "institution": {"value": tables.INSTITUTION, "desc": tables.INSTITUTION_NAME},
        "alma_url": call.host, "environment_type": "sandbox",
        "digital": {"bucket": "", "region": "", "ingest_url": "", "delivery_url": ""},
    }, "general")


def test(_memory, call):
    """Answers the tests of a key: which verb is allowed, and for which institution."""
    tail = f" - institutionCode: {tables.INSTITUTION}" if call.method == "GET" else ""
    return Answer(f"<test>{call.method} - OK{tail}</test>".encode(), "test", media="application/xml")
