"""Reading the configuration: who the institution is, its libraries and code tables; and testing a key."""

from purgelib.sandbox import tables
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError


def general(_memory, call):
    """Answers GET /conf/general: this is a sandbox, and it says so. Only reads."""
    return Answer({
        "institution": {"value": tables.INSTITUTION, "desc": tables.INSTITUTION_NAME},
        "alma_url": call.host, "environment_type": "sandbox",
        "digital": {"bucket": "", "region": "", "ingest_url": "", "delivery_url": ""},
    }, "general")


def libraries(_memory, call):
    """Answers GET /conf/libraries. Only reads."""
    campus, place = {"value": "MAIN", "desc": "Main Campus"}, {"value": "stacks"}
    found = [{"link": call.link(f"conf/libraries/{code}"), "id": f"11200{n}0002026", "code": code,
              "path": code, "name": name, "description": None, "resource_sharing": n == 0,
              "campus": campus, "proxy": "", "default_location": place}
             for n, (code, name) in enumerate(tables.LIBRARIES.items())]
    return Answer({"library": found, "total_record_count": len(found)}, "libraries")


def code_table(_memory, _call, name):
    """Answers GET /conf/code-tables/{name}: the rows stand at the top level. Only reads."""
    if name not in tables.TABLES:
        raise AlmaError("402119", f"General error: code table {name} was not found.")
    rows = [{"code": code, "description": text, "default": n == 0, "enabled": True, "updated_by": "exl_impl",
             "update_date": "2024-05-30Z"} for n, (code, text) in enumerate(tables.TABLES[name].items())]
    return Answer({
        "name": name, "description": name, "sub_system": {"value": "INFRA", "desc": "Infrastructure"},
        "patron_facing": False, "language": {"value": "en", "desc": "English"},
        "scope": {"institution_id": {"value": tables.INSTITUTION, "desc": tables.INSTITUTION_NAME},
                  "library_id": {"value": "", "desc": ""}}, "row": rows,
    }, "code_table")


def test(_memory, call):
    """Answers the tests of a key: which verb is allowed, and for which institution."""
    tail = f" - institutionCode: {tables.INSTITUTION}" if call.method == "GET" else ""
    return Answer(f"<test>{call.method} - OK{tail}</test>".encode(), "test", media="application/xml")
