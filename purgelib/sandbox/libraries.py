"""The libraries of the institution with their locations and desks, and its departments. Only reads."""

from purgelib.sandbox import tables
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError

_LOCATIONS = {"stacks": "Open stacks", "closed": "Closed stacks", "reserve": "Course reserves"}
_DESKS = {"DEFAULT_CIRC_DESK": "Circulation Desk", "READING": "Reading Room"}
_SAYS = {"402119": "General error", "401664": "Parameter value missing or invalid"}
_UNIT = {"value": "GENERAL", "desc": "General"}


def listing(_memory, call):
    """Answers GET /conf/libraries."""
    found = [_library(call, code) for code in tables.LIBRARIES]
    return Answer({"library": found, "total_record_count": len(found)}, "libraries")


def get(_memory, call, code):
    """Answers GET /conf/libraries/{code}: with the number of its locations and desks."""
    _check(code)
    where = f"conf/libraries/{code}"
    return Answer({
        **_library(call, code),
        "number_of_locations": {"value": str(len(_LOCATIONS)), "link": call.link(f"{where}/locations")},
        "number_of_circ_desks": {"value": str(len(_DESKS)), "link": call.link(f"{where}/circ-desks")},
    }, "library")


def _check(code):
    if code not in tables.LIBRARIES:
        raise AlmaError("402119", f"{_SAYS['402119']}: there is no library {code}.")


def _check_part(code, kind, one, known, refusal):
    _check(code)
    if one not in known:
        raise AlmaError(refusal, f"{_SAYS[refusal]}: library {code} has no {kind} {one}.")


def _library(call, code):
    number = list(tables.LIBRARIES).index(code)
    return {
        "link": call.link(f"conf/libraries/{code}"), "id": f"11200{number}{tables.SUFFIX}", "code": code,
        "path": f"{tables.INSTITUTION}.{code}", "name": tables.LIBRARIES[code], "description": "",
        "resource_sharing": number == 0, "campus": {"value": "MAIN", "desc": tables.CAMPUSES["MAIN"]},
        "proxy": "", "default_location": {"value": "stacks", "desc": _LOCATIONS["stacks"]},
    }


def locations(_memory, call, code):
    """Answers GET /conf/libraries/{code}/locations."""
    _check(code)
    found = [_location(call, code, one) for one in _LOCATIONS]
    return Answer({"location": found, "total_record_count": len(found)}, "locations")


def location(_memory, call, code, one):
    """Answers GET /conf/libraries/{code}/locations/{location}."""
    _check_part(code, "location", one, _LOCATIONS, "402119")
    return Answer(_location(call, code, one), "location")


def _location(call, code, one):
    kind = {"value": "CLOSED", "desc": "Closed"} if one == "closed" else {"value": "OPEN", "desc": "Open"}
    return {
        "link": call.link(f"conf/libraries/{code}/locations/{one}"), "code": one, "name": _LOCATIONS[one],
        "external_name": _LOCATIONS[one], "type": kind, "map": "",
        "call_number_type": {"value": "0", "desc": "Library of Congress classification"},
        "fulfillment_unit": _UNIT, "suppress_from_publishing": "false", "remote_storage": "",
    }


def desks(_memory, call, code):
    """Answers GET /conf/libraries/{code}/circ-desks, a page at a time."""
    _check(code)
    limit, offset = call.page()
    page = [_desk(call, code, one) for one in list(_DESKS)[offset:offset + limit]]
    return Answer({**({"circ_desk": page} if page else {}), "total_record_count": len(_DESKS)}, "circ_desks")


def desk(_memory, call, code, one):
    """Answers GET /conf/libraries/{code}/circ-desks/{desk}."""
    _check_part(code, "desk", one, _DESKS, "401664")
    return Answer(_desk(call, code, one), "circ_desk")


def _desk(call, code, one):
    return {"link": call.link(f"conf/libraries/{code}/circ-desks/{one}"), "code": one, "name": _DESKS[one],
            "primary": one == "DEFAULT_CIRC_DESK", "reading_room_desk": one == "READING",
            "library": {"value": code, "desc": tables.LIBRARIES[code]}}


def departments(_memory, call):
    """Answers GET /conf/departments: one that digitizes; view=brief leaves the operators out."""
    if call.query.get("type", "ALL").upper() not in ("ALL", "DIGI", ""):
        raise AlmaError("402119", f"{_SAYS['402119']}: there is no department type {call.query['type']}.")
    if call.query.get("library"):
        _check(call.query["library"])
        return Answer({"total_record_count": 0}, "departments")
    operators = [{"primary_id": "exl_impl", "full_name": "Service Account exl_impl"}]
    one = {"code": "DIGI_DEPT_INST", "name": "Digitization Department",
           "type": {"value": "DIGI", "desc": "Digitization"}, "work_days": 1, "printer": None,
           "owner": {"value": tables.INSTITUTION, "desc": tables.INSTITUTION_NAME}}
    brief = call.query.get("view", "").lower() == "brief"
    return Answer({"department": [one if brief else {**one, "operator": operators}], "total_record_count": 1},
                  "departments")
