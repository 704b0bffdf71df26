"""The shapes of users, loans, fees and requests as Alma's JSON gives them [API.md 1.2, samples]."""

from purgelib.sandbox import assumptions, tables
from purgelib.sandbox.tables import code

DATES = ("birth_date", "expiry_date", "purge_date", "status_date", "last_patron_activity_date")
# Code fields of a user and the table that knows their codes; None where any code is accepted.
CODES = {
    "record_type": "AddNewUserOptions", "user_title": None, "job_category": None, "gender": None,
    "user_group": "UserGroups", "campus_code": None, "cataloger_level": None,
    "preferred_language": "UserPreferredLanguage", "account_type": "UserUserType",
    "status": "ContentStructureStatus",
}
LISTS = ("user_identifier", "user_role", "user_block", "user_note", "user_statistic", "proxy_for_user",
         "rs_library", "library_notice")
TEXTS = ("primary_id", "first_name", "middle_name", "last_name", "job_description", "web_site_url",
         "external_id", "pref_first_name", "pref_middle_name", "pref_last_name", "pref_name_suffix")


def dated(day):
    """Returns a day as Alma writes it: YYYY-MM-DDZ."""
    return f"{day.isoformat()}Z"


def campus(value):
    """Returns the campus field; Alma says null, not an empty text, when there is none."""
    return {"value": value or None, "desc": tables.CAMPUSES.get(value, value) if value else ""}


def full_name(record):
    """Returns the name that Alma puts together from the parts."""
    return " ".join(p for p in (record["first_name"], record["middle_name"], record["last_name"]) if p)


def patron_role():
    """Returns the role that everybody has."""
    return role("200")


def roles_by_rule():
    """Returns the roles that the institution's rules give to anybody who is created without any."""
    return [role(kind) for kind in assumptions.ROLES_BY_RULE]


def role(kind, expiry=None):
    """Returns a role of this type in the whole institution, with its own expiry date if given."""
    made = {
        "status": code("UserRoleStatus", "ACTIVE"),
        "scope": {"value": tables.INSTITUTION, "desc": tables.INSTITUTION_NAME},
        "role_type": code("HFrUserRoles.roleType", kind),
    }
    if expiry:
        made["expiry_date"] = dated(expiry)
    return {**made, "parameter": []}


def email(address, segment):
    """Returns a preferred e-mail of a contact."""
    kind = {"value": "school", "desc": "School"}
    return {"email_address": address, "description": None, "preferred": True, "segment_type": segment,
            "email_type": [kind]}


def identifier(kind, value, segment):
    """Returns an additional identifier."""
    return {"value": value, "note": None, "status": "ACTIVE",
            "id_type": code("UserIdentifierTypes", kind), "segment_type": segment}


def empty(today):
    """Returns a user record in which every field has its empty form."""
    blank = {"value": "", "desc": ""}
    return {
        "record_type": dict(blank), "primary_id": "", "first_name": "", "middle_name": "", "last_name": "",
        "full_name": "", "user_title": dict(blank), "job_category": dict(blank), "job_description": "",
        "gender": dict(blank), "user_group": dict(blank), "campus_code": campus(None), "web_site_url": "",
        "cataloger_level": {"value": "00", "desc": "[00] Default Level"},
        "preferred_language": code("UserPreferredLanguage", "en"),
        "account_type": dict(blank), "external_id": "", "password": "", "force_password_change": "",
        "status": code("ContentStructureStatus", "ACTIVE"), "status_date": dated(today),
        "requests": None, "loans": None, "fees": None,
        "contact_info": {"address": [], "email": [], "phone": []},
        "pref_first_name": "", "pref_middle_name": "", "pref_last_name": "", "pref_name_suffix": "",
        "is_researcher": False, "researcher": None, "link": None,
        **{name: [] for name in LISTS},
    }


def brief_entry(record, link):
    """Returns the few fields with which GET /users lists a user."""
    kept = ("primary_id", "first_name", "last_name", "gender", "password", "status")
    return {**{name: record[name] for name in kept}, "requests": None, "loans": None, "fees": None,
            "link": link}


def brief_view(record):
    """Returns the fields of view=brief: core information, e-mails, identifiers, statistics."""
    contact = {"address": [], "email": record["contact_info"]["email"], "phone": []}
    return {**record, "contact_info": contact, "user_role": [], "user_block": [], "user_note": [],
            "proxy_for_user": [], "rs_library": [], "library_notice": []}


def ordered(record):
    """Returns the record with its keys in Alma's order (dates stand before the account type)."""
    first = {name: record[name] for name in _BEFORE_DATES if name in record}
    dates = {name: record[name] for name in ("birth_date", "expiry_date", "purge_date") if name in record}
    return {**first, **dates, **{k: v for k, v in record.items() if k not in first and k not in dates}}


_BEFORE_DATES = ("record_type", "primary_id", "first_name", "middle_name", "last_name", "full_name",
                 "user_title", "job_category", "job_description", "gender", "user_group", "campus_code",
                 "web_site_url", "cataloger_level", "preferred_language")
