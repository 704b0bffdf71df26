"""Code tables and mapping tables over the API: listed, read, and code tables changed."""

from purgelib.sandbox import incoming, tables
from purgelib.sandbox.assumptions import WRONG_TABLE
from purgelib.sandbox.calls import Answer
from purgelib.sandbox.envelope import AlmaError

# What a library may change itself; the other tables belong to Ex Libris.
CUSTOMIZABLE = {
    "UserGroups", "UserIdentifierTypes", "UserAddressTypes", "UserEmailTypes", "UserPhoneTypes",
    "RequestCancellationReasons", "FineFeeTransactionReason", "PaymentMethod", "UserBlockDescription",
    "NoteTypes", "UserStatCategories", "UserStatisticalTypes", "UserPreferredLanguage", "JobTitles",
    "UserTitles", "Genders",
}
_FACING_PATRONS = {"UserGroups", "RequestCancellationReasons", "UserBlockDescription",
                   "UserPreferredLanguage", "systemJobStatus"}
_SUBSYSTEMS = {"systemJobStatus": "INFRA", "systemJobsGroups": "INFRA", "SetContentType": "INFRA",
               "HPaTaskChain.type": "INFRA", "HFrUserRoles.roleType": "INFRA"}
_SUBSYSTEM_NAMES = {"USER_MANAGEMENT": "User Management", "INFRA": "Infra"}
# Mapping table -> heading and code table of its columns.
_MAPPINGS = {"UserRecordTypeUserGroup": (("User Record Type", "AddNewUserOptions"),
                                         ("User Group", "UserGroups"))}
_UPDATED = {"updated_by": "exl_impl", "update_date": "2024-05-30Z"}


def listing(memory, call):
    """Answers GET /conf/code-tables: all tables without their rows. Only reads."""
    found = [{"link": call.link(f"conf/code-tables/{name}"), **_head(name, "en")} for name in tables.TABLES]
    return Answer({"code_table": found, "total_record_count": len(found)}, "code_tables")


def get(memory, call, name):
    """Answers GET /conf/code-tables/{name}: the rows stand at the top level. Only reads."""
    if name not in tables.TABLES:
        raise AlmaError(WRONG_TABLE, f"Param value is invalid: there is no code table {name}.")
    return _whole(memory, name, _language(call, WRONG_TABLE), _scope(call))


def update(memory, call, name):
    """Answers PUT /conf/code-tables/{name}: changes and adds the rows sent. Writes."""
    if name not in tables.TABLES:
        raise AlmaError("90101", f"Table does not exist: {name}.")
    if name not in CUSTOMIZABLE:
        raise AlmaError("90123", f"Requested table is not customizable: {name}.")
    sent, language = _body(call), _language(call, "402119")
    _check_scope(sent)
    before = _rows(memory, name)
    rows = _merged(before, [_row(one) for one in _listed(sent)], f"{memory.clock.today()}Z")
    memory.put("code_tables", {**memory.get("code_tables", {}), name: rows})
    tables.TABLES.reread(memory)
    old = {row["code"]: row for row in before}
    memory.note("PUT", f"conf/code-tables/{name}", None,
                {row["code"]: [old.get(row["code"]), row] for row in rows if row != old.get(row["code"])})
    return _whole(memory, name, language)


def _head(name, language, scope=None):
    part = _SUBSYSTEMS.get(name, "USER_MANAGEMENT")
    return {
        "name": name, "description": name, "sub_system": {"value": part, "desc": _SUBSYSTEM_NAMES[part]},
        "patron_facing": name in _FACING_PATRONS,
        "language": tables.code("UserPreferredLanguage", language), "scope": scope or _institution(),
    }


def _institution():
    return {"institution_id": {"value": tables.INSTITUTION, "desc": tables.INSTITUTION_NAME},
            "library_id": {"value": "", "desc": ""}}


def _whole(memory, name, language, scope=None):
    return Answer({**_head(name, language, scope), "row": _rows(memory, name)}, "code_table")


def _rows(memory, name):
    kept = memory.get("code_tables", {}).get(name)
    if kept:
        return kept
    # In the tables of Ex Libris no row is the default, and nobody has updated any.
    own = name in CUSTOMIZABLE
    return [{"code": code, "description": text, "default": own and n == 0, "enabled": True,
             **(_UPDATED if own else {})} for n, (code, text) in enumerate(tables.TABLES[name].items())]


def _language(call, code):
    language = call.query.get("lang") or "en"
    if language not in tables.TABLES["UserPreferredLanguage"]:
        raise AlmaError(code, f"Param value is invalid: lang {language}.")
    return language


def _scope(call):
    scope = call.query.get("scope") or tables.INSTITUTION
    if scope != tables.INSTITUTION:
        raise AlmaError(WRONG_TABLE, f"Param value is invalid: the table has no scope {scope}.")
    return _institution()


def _body(call):
    try:
        return incoming.body(call)
    except AlmaError:
        raise _wrong("no valid table was given") from None


def _wrong(why):
    return AlmaError("402119", f"General error: {why}.")


def _check_scope(sent):
    scope = sent.get("scope")
    for name, legal in (("institution_id", ("", None, tables.INSTITUTION)), ("library_id", ("", None))):
        field = scope.get(name) if isinstance(scope, dict) else None
        value = field.get("value") if isinstance(field, dict) else field
        if isinstance(value, list | dict) or value not in legal:
            raise AlmaError("90121", f"Requested table scope is not legal: {value}.")


def _listed(sent):
    rows = sent.get("row")
    rows = [rows] if isinstance(rows, dict) else rows or []
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise _wrong("the rows are not a list of rows")
    return rows


def _row(sent):
    made = {}
    for name, most in (("code", 255), ("description", 4000)):
        if not isinstance(sent.get(name), str) or not 0 < len(sent[name]) <= most:
            raise _wrong(f"a row without a usable {name}")
        made[name] = sent[name]
    for name in ("default", "enabled"):
        value = sent.get(name)
        value = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        if not isinstance(value, bool | None):
            raise _wrong(f"{name} of {made['code']} is neither true nor false")
        made[name] = value
    return made


def _merged(rows, sent, today):
    """Returns the rows with those sent in their places and new ones at the end; what is not sent stays."""
    codes = [row["code"] for row in sent]
    if len(set(codes)) < len(codes):
        raise _wrong("a code stands there twice")
    chosen = [row["code"] for row in sent if row["default"]]
    if len(chosen) > 1:
        raise AlmaError("90122", f"Multiple default codes: {', '.join(chosen)}.")
    made = {row["code"]: dict(row) for row in rows}
    if chosen:
        made = {code: {**row, "default": False} for code, row in made.items()}
    for row in sent:
        old = made.get(row["code"], {"code": "", "description": "", "default": False, "enabled": True})
        new = {**old, **{name: value for name, value in row.items() if value is not None}}
        made[row["code"]] = new if new == old else {**new, "updated_by": "exl_api", "update_date": today}
    return list(made.values())


def mappings(_memory, call):
    """Answers GET /conf/mapping-tables: all mapping tables without their rows. Only reads."""
    found = [{"link": call.link(f"conf/mapping-tables/{name}"), **_mapping_head(name)} for name in _MAPPINGS]
    return Answer({"mapping_table": found, "total_record_count": len(found)}, "mapping_tables")


def mapping(_memory, call, name):
    """Answers GET /conf/mapping-tables/{name}: here every value goes with every other. Only reads."""
    if name not in _MAPPINGS:
        raise AlmaError(WRONG_TABLE, f"Param value is invalid: there is no mapping table {name}.")
    _scope(call)
    (left, first), (right, second) = _MAPPINGS[name]
    headers = [{"number": str(n), "name": f"column{n}", "description": said,
                "type": {"value": table, "link": call.link(f"conf/code-tables/{table}")}}
               for n, (said, table) in enumerate(((left, first), (right, second)))]
    unused = {f"column{n}": "" for n in range(2, 7)}
    rows = [{"column0": one, "column1": other, **unused, "enabled": True, "managed_in_network": False,
             **_UPDATED}
            for one in tables.TABLES[first] for other in tables.TABLES[second]]
    return Answer({**_mapping_head(name), "header": headers, "row": rows}, "mapping_table")


def _mapping_head(name):
    return {"code": name, "name": name, "description": name,
            "sub_system": {"value": "USER_MANAGEMENT", "desc": _SUBSYSTEM_NAMES["USER_MANAGEMENT"]},
            "customized": False, **_UPDATED, "scope": _institution()}
