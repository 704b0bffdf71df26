"""What the job "Update/Notify Users" does to one user, parameter by parameter [API.md 4.3]."""

import datetime

from purgelib.sandbox import circulation, records, tables
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.tables import code

_PREFIX = "UPDATE_User_Information_"


class CannotApply(Exception):
    """A value of the job's parameters makes no sense for this user; the user is counted as failed."""


def apply(record, parameters, now):
    """Changes the record as the active parameters say; returns the fields that count as set by hand."""
    by_hand = []
    for field, act in _ACTS.items():
        if parameters.get(f"{_PREFIX}{field}_Active") != "true":
            continue
        # Which conditions Alma knows is not public; guessing one would change the wrong people.
        if parameters.get(f"{_PREFIX}{field}_Condition", "Null") not in ("Null", ""):
            raise CannotApply(f"{field}: unknown condition")
        act(record, parameters.get(f"{_PREFIX}{field}_Value", "Null"), now)
        if field in ("UserGroup", "Campus"):
            by_hand.append({"UserGroup": "user_group", "Campus": "campus_code"}[field])
    return by_hand


def moment(value):
    """Returns the day of a time in milliseconds since 1970 (UTC), None for Null or nothing."""
    if value in ("Null", ""):
        return None
    try:
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=int(value))).date()
    except (ValueError, OverflowError):
        raise CannotApply(f"not a time in milliseconds: {value}") from None


def _date(name):
    def act(record, value, _now):
        day = moment(value)
        record.pop(name, None)
        if day:
            record[name] = records.dated(day)
    return act


def _coded(name, table):
    def act(record, value, now):
        if value not in tables.TABLES[table]:
            raise CannotApply(f"{name}: unknown code {value}")
        record[name] = code(table, value)
        if name == "status":
            record["status_date"] = records.dated(now.date())
    return act


def _account(record, value, _now):
    if value not in tables.TABLES["UserUserType"]:
        raise CannotApply(f"account type: unknown code {value}")
    # The job, unlike PUT, converts both ways.
    record["account_type"] = code("UserUserType", value)
    record["external_id"] = "SIS" if value == "EXTERNAL" else ""


def _campus(record, value, _now):
    record["campus_code"] = records.campus(value)


def _job_description(record, value, _now):
    record["job_description"] = value


def _add_note(record, value, now):
    record["user_note"].append(circulation.note(value, stamp(now), by="exl_api"))


def _add_block(record, value, now):
    kind = value if value in tables.TABLES["UserBlockDescription"] else "02-GLOBAL"
    record["user_block"].append(circulation.a_block(kind, stamp(now), by="exl_api"))


def _disable_block(record, value, _now):
    for block in record["user_block"]:
        if block["block_description"].get("value") == value:
            block["block_status"] = "INACTIVE"


def _add_statistic(record, value, _now):
    if all(one["statistic_category"].get("value") != value for one in record["user_statistic"]):
        record["user_statistic"].append(circulation.statistic(value, record))


def _remove_statistic(record, value, _now):
    record["user_statistic"] = [one for one in record["user_statistic"]
                                if one["statistic_category"].get("value") != value]


def _add_role(record, value, _now):
    record["user_role"].append(records.role(value))


def _remove_role(record, value, _now):
    record["user_role"] = [one for one in record["user_role"] if one["role_type"].get("value") != value]


_ACTS = {
    "SetAccountTo": _account, "Status": _coded("status", "ContentStructureStatus"),
    "UserGroup": _coded("user_group", "UserGroups"), "Expiry_Date": _date("expiry_date"),
    "Purge_Date": _date("purge_date"), "Campus": _campus, "JobDescription": _job_description,
    "AddNote": _add_note, "AddBlock": _add_block, "DisableBlock": _disable_block,
    "AddStatistics": _add_statistic, "RemoveStatistics": _remove_statistic,
    "AddRole": _add_role, "RemoveRole": _remove_role,
}
