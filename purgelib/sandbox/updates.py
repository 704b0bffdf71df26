"""What the job "Update/Notify Users" does to one user, parameter by parameter [API.md 4.3, PURGING.md 1.7]."""

import datetime
import string

from purgelib.sandbox import assumptions, circulation, records, tables
from purgelib.sandbox.clock import stamp
from purgelib.sandbox.tables import code

_PREFIX = "UPDATE_User_Information_"
_LETTERS = string.ascii_letters + string.digits
# Action -> the field which then counts as set by hand.
_BY_HAND = {"UserGroup": "user_group", "Campus": "campus_code", "Title": "user_title",
            "CatalogerLevel": "cataloger_level", "RSL": "rs_library", "RemoveRSL": "rs_library",
            "Opt_In_Patron_Letters": "library_notice", "Opt_Out_Patron_Letters": "library_notice"}


class CannotApply(Exception):
    """A value of the job's parameters makes no sense for this user; the user is counted as failed."""


class _Order:
    """One action of the job: its parameters, and what it needs besides the record."""

    def __init__(self, field, parameters, hidden, now, dice):
        self.said = {name: parameters.get(f"{_PREFIX}{field}_{name}", "Null") for name in ("Value", "Scope")}
        self.said = {name: "" if text == "Null" else text.strip() for name, text in self.said.items()}
        self.value, self.hidden, self.now, self.dice = self.said["Value"], hidden, now, dice
        self.keep_password = parameters.get(f"{_PREFIX}DontGeneratePassword_Active") == "true"

    @property
    def values(self):
        """The value as a list, where several may stand in one."""
        return [one.strip() for one in self.value.split(",") if one.strip()]


def apply(record, hidden, parameters, now, dice):
    """Changes the record as the active parameters say, and in `hidden` password and fields set by hand."""
    manual = set(hidden["manual"])
    for field, act in _ACTS.items():
        if parameters.get(f"{_PREFIX}{field}_Active") != "true":
            continue
        # Which conditions Alma knows is not public; guessing one would change the wrong people.
        if parameters.get(f"{_PREFIX}{field}_Condition", "Null") not in assumptions.CONDITIONS:
            raise CannotApply(f"{field}: unknown condition")
        act(record, _Order(field, parameters, hidden, now, dice))
        manual |= {_BY_HAND[field]} if field in _BY_HAND else set()
    hidden["manual"] = sorted(manual)


def moment(value):
    """Returns the day of a time in milliseconds since 1970 (UTC), None for Null or nothing."""
    if value in ("Null", ""):
        return None
    try:
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=int(value))).date()
    except (ValueError, OverflowError):
        raise CannotApply("not a time in milliseconds") from None


def _date(name):
    def act(record, order):
        day = moment(order.value)
        record.pop(name, None)
        if day:
            record[name] = records.dated(day)
    return act


def _status(record, order):
    if order.value not in assumptions.TAKEN["status"]:
        raise CannotApply("status: unknown code")
    if record["status"]["value"] != order.value:
        record["status"] = code("ContentStructureStatus", order.value)
        record["status_date"] = records.dated(order.now.date())


def _group(record, order):
    if order.value not in tables.TABLES["UserGroups"]:
        raise CannotApply("user group: unknown code")
    record["user_group"] = code("UserGroups", order.value)


def _account(record, order):
    if order.value not in tables.TABLES["UserUserType"]:
        raise CannotApply("account type: unknown code")
    if record["account_type"]["value"] == order.value:
        return
    # The job, unlike PUT, converts both ways.
    record["account_type"] = code("UserUserType", order.value)
    record["external_id"] = assumptions.EXTERNAL_ID_BY_JOB if order.value == "EXTERNAL" else ""
    if order.value == "EXTERNAL":
        order.hidden["password"] = ""
    elif not order.keep_password:
        order.hidden["password"] = "".join(order.dice.choice(_LETTERS) for _ in range(10))


def _campus(record, order):
    record["campus_code"] = records.campus(order.value)


def _title(record, order):
    record["user_title"] = code("UserTitles", order.value)


def _job_description(record, order):
    record["job_description"] = order.value


def _cataloger_level(record, order):
    if not (order.value.isascii() and order.value.isdigit() and len(order.value) <= 2):
        raise CannotApply("cataloger level: unknown code")
    level = order.value.zfill(2)
    record["cataloger_level"] = {"value": level, "desc": f"[{level}] {'Default Level' if level == '00' else 'Level'}"}


def _no_messages(record, _order):
    for phone in record["contact_info"]["phone"]:
        phone["preferred_sms"] = False


def _lend(record, order):
    if not order.values or not set(order.values) <= set(tables.LIBRARIES):
        raise CannotApply("resource sharing library: unknown code")
    have = {one["code"].get("value") for one in record["rs_library"]}
    record["rs_library"] += [{"code": {"value": one, "desc": tables.LIBRARIES[one]}} for one in order.values
                             if one not in have]


def _lend_no_more(record, order):
    # Without a code it means all of them.
    record["rs_library"] = [one for one in record["rs_library"]
                            if order.values and one["code"].get("value") not in order.values]


def _letters(wanted):
    def act(record, order):
        if not order.values:
            raise CannotApply("letters: none is named")
        rest = [one for one in record["library_notice"] if one["code"].get("value") not in order.values]
        record["library_notice"] = rest + [{"code": {"value": one, "desc": one}, "value": wanted}
                                           for one in order.values]
    return act


def _add_note(record, order):
    if not order.value:
        raise CannotApply("note: no text")
    record["user_note"].append(circulation.note(order.value[:2000], stamp(order.now), by="exl_api"))


def _add_block(record, order):
    if order.value not in tables.TABLES["UserBlockDescription"]:
        raise CannotApply("block: unknown code")
    record["user_block"].append(circulation.a_block(order.value, stamp(order.now), by="exl_api"))


def _disable_block(record, order):
    for block in record["user_block"]:
        if block["block_description"].get("value") == order.value:
            block["block_status"] = "INACTIVE"


def _add_statistic(record, order):
    if order.value not in tables.TABLES["UserStatCategories"]:
        raise CannotApply("statistics: unknown code")
    if all(one["statistic_category"].get("value") != order.value for one in record["user_statistic"]):
        record["user_statistic"].append(circulation.statistic(order.value, record))


def _remove_statistic(record, order):
    record["user_statistic"] = [one for one in record["user_statistic"]
                                if one["statistic_category"].get("value") != order.value]


def _is_role(one, order):
    scope = order.said["Scope"]
    return one["role_type"].get("value") == order.value and (not scope or one["scope"].get("value") == scope)


def _add_role(record, order):
    if not (order.value.isascii() and order.value.isdigit()) or order.value in assumptions.ROLES_WITH_PARAMETERS:
        raise CannotApply("role: unknown, or one that needs a parameter")
    scope = order.said["Scope"] or tables.INSTITUTION
    names = {tables.INSTITUTION: tables.INSTITUTION_NAME, **tables.LIBRARIES}
    if scope not in names:
        raise CannotApply("role: unknown scope")
    made = {**records.role(order.value), "scope": {"value": scope, "desc": names[scope]}}
    if made not in record["user_role"]:
        record["user_role"].append(made)


def _remove_role(record, order):
    record["user_role"] = [one for one in record["user_role"] if not _is_role(one, order)]


def _nothing(_record, _order):
    """Has no effect in this sandbox [assumptions]."""


_ACTS = {
    "SetAccountTo": _account, "Status": _status, "UserGroup": _group, "Expiry_Date": _date("expiry_date"),
    "Purge_Date": _date("purge_date"), "Campus": _campus, "Title": _title, "JobDescription": _job_description,
    "CatalogerLevel": _cataloger_level, "DisableSMS": _no_messages, "DontGeneratePassword": _nothing,
    "ExportToCloudIdP": _nothing, "RSL": _lend, "RemoveRSL": _lend_no_more,
    "Opt_In_Patron_Letters": _letters(True), "Opt_Out_Patron_Letters": _letters(False),
    "AddNote": _add_note, "AddBlock": _add_block, "DisableBlock": _disable_block,
    "AddStatistics": _add_statistic, "RemoveStatistics": _remove_statistic,
    "AddRole": _add_role, "RemoveRole": _remove_role,
}
