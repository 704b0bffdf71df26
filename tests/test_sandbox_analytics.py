"""Analytics: reports page by page as the real answers have them, filters, and data that is always of last night."""

import json
import re
import sqlite3

import pytest
from contract_schemas import needs_contract
from contract_xml import real as real_answer
from contract_xml import shape
from lxml import etree

from purgelib.sandbox import nightly, reports, trying
from purgelib.sandbox.calls import Call
from purgelib.sandbox.gate import KEY
from purgelib.sandbox.reports import COLUMNS, FOLDER

SPACE = "{urn:schemas-microsoft-com:xml-analysis:rowset}"
ELEMENT = "{http://www.w3.org/2001/XMLSchema}element"
SAW = "{urn:saw-sql}"
USERS = f"{FOLDER}/Users"
DAY = 86_400


@pytest.fixture(scope="module")
def alma():
    return trying.Tried(users=900, job_seconds=0)


@pytest.fixture
def fresh():
    return trying.Tried(users=400, job_seconds=0)


def ask(alma, accept="application/xml", **query):
    return alma.ask("GET", "analytics/reports", accept=accept, **query)


def root_of(alma, **query):
    answer = ask(alma, **query)
    assert answer.status == 200, answer.body
    return etree.fromstring(answer.body)


def rows_of(root):
    return [{int(cell.tag.rsplit("Column")[1]): cell.text for cell in row} for row in root.iter(f"{SPACE}Row")]


def everything(alma, report="Users", limit=1000, **query):
    """Returns all rows of a report as lists, read over the API page by page."""
    root = root_of(alma, path=f"{FOLDER}/{report}", limit=limit, **query)
    token, rows = root.findtext(".//ResumptionToken"), rows_of(root)
    while root.findtext(".//IsFinished") == "false":
        root = root_of(alma, token=token, limit=limit)
        rows += rows_of(root)
    return [[row.get(n) for n in range(1, len(COLUMNS[report]) + 1)] for row in rows]


def kept(alma, report):
    return [json.loads(cells) for (cells,) in alma.store.rows(
        "SELECT cells FROM reports WHERE report = ? ORDER BY position", (report,))]


def refused(answer):
    error = etree.fromstring(answer.body)
    return answer.status, error.findtext(".//{*}errorCode"), error.findtext(".//{*}errorMessage")


@needs_contract
@pytest.mark.parametrize("part", [1, 2, 3])
def test_every_page_is_built_as_the_real_one(alma, part):
    pages = [root_of(alma, path=USERS, col_names="false", limit=500)]
    token = pages[0].findtext(".//ResumptionToken")
    pages += [root_of(alma, token=token, limit=size) for size in (25, 1000)]
    real = real_answer(f"analytics_response_part{part}.xml")
    ours = pages[part - 1]
    for root in (real, ours):
        for sequence in root.iter("{http://www.w3.org/2001/XMLSchema}sequence"):
            # The real report has more columns than ours; they are all alike.
            assert len({tuple(sorted(column.attrib)) for column in sequence}) == 1
            del sequence[2:]
    assert shape(ours) == shape(real)
    assert [e.attrib for e in ours.iter(ELEMENT)] == [e.attrib for e in real.iter(ELEMENT)]
    assert ours.findtext(".//IsFinished") == real.findtext(".//IsFinished")


@pytest.mark.parametrize("report", list(COLUMNS))
@pytest.mark.parametrize("limit", [25, 75, 1000])
def test_all_pages_together_are_the_report(alma, report, limit):
    assert everything(alma, report, limit) == kept(alma, report)


def test_after_the_last_page_there_is_nothing(alma):
    token = root_of(alma, path=f"{FOLDER}/Requests", limit=1000).findtext(".//ResumptionToken")
    assert refused(ask(alma, token=token, limit=1000))[:2] == (400, "420033")


def test_headings_stand_in_the_schema_of_the_first_page_only(alma):
    first = root_of(alma, path=USERS)
    headings = [(e.get(f"{SAW}columnHeading"), e.get(f"{SAW}tableHeading"), e.get("type"))
                for e in first.iter(ELEMENT)]
    assert headings[0] == ("0", None, "xsd:int")
    assert headings[1:3] == [("Primary Identifier", "Users", "xsd:string"), ("First Name", "Users", "xsd:string")]
    assert headings[9] == ("Expiry Date", "Users", "xsd:date")
    second = root_of(alma, token=first.findtext(".//ResumptionToken"))
    assert not list(second.iter(ELEMENT)) and second.find(".//ResumptionToken") is None
    assert all(row[0] == "0" for row in rows_of(second))
    plain = root_of(alma, path=USERS, col_names="false")
    assert list(plain.iter(ELEMENT)) and not any(e.get(f"{SAW}columnHeading") for e in plain.iter(ELEMENT))


@pytest.mark.parametrize("report", list(COLUMNS))
def test_the_last_column_of_every_report_is_the_day_of_its_data_which_no_file_has(fresh, report):
    for day in ("2026-11-21", "2026-11-22"):
        root, last = root_of(fresh, path=f"{FOLDER}/{report}"), len(COLUMNS[report]) + 1
        told = [(e.get(f"{SAW}columnHeading"), e.get("type")) for e in root.iter(ELEMENT)]
        assert told[-1] == ("Data Updated As Of", "xsd:date") and len(told) == last + 1
        rows = rows_of(root)
        if root.findtext(".//IsFinished") == "false":
            rows += rows_of(root_of(fresh, token=root.findtext(".//ResumptionToken")))
        assert rows and {row.get(last) for row in rows} == {day}
        a_night(fresh)
    assert "Data Updated As Of" not in dict(COLUMNS[report])


def test_two_readers_do_not_disturb_each_other(alma):
    one, other = root_of(alma, path=USERS), root_of(alma, path=USERS, limit=50)
    tokens = {root.findtext(".//ResumptionToken") for root in (one, other)}
    assert len(tokens) == 2 and all(re.fullmatch("[0-9A-F]{128}", token) for token in tokens)
    assert rows_of(root_of(alma, token=one.findtext(".//ResumptionToken"))) == rows_of(other)[25:]


def test_reading_a_report_writes_nothing(alma):
    before = alma.store.db.total_changes
    everything(alma, limit=25)
    assert alma.store.db.total_changes == before


def test_in_json_the_report_is_a_text_under_anies(alma):
    answer = ask(alma, accept="application/json", path=USERS)
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8" and list(answer.json) == ["anies"]
    result = etree.fromstring(answer.json["anies"][0].encode("utf-16"))
    assert result.tag == "QueryResult" and len(rows_of(result)) == 25
    assert ask(alma, accept="application/json", path="/test/path").json["errorsExist"] is True


@pytest.mark.parametrize(("query", "said"), [
    ({"path": "/test/path"}, (500, "INTERNAL_SERVER_ERROR", "Path not found (/test/path)")),
    ({"path": FOLDER}, (500, "INTERNAL_SERVER_ERROR", f"Path not found ({FOLDER})")),
    ({"path": "/shared/Community/Reports/x"}, (400, "500", "access denied for user  to path /shared/Community/Reports/x"
                                              " - make sure the report is saved in a shared folder.")),
    ({"path": "/users/me/x"}, (400, "500", None)), ({}, (400, "402119", None)),
    ({"path": USERS, "limit": 30}, (400, "402119", None)), ({"path": USERS, "limit": 0}, (400, "402119", None)),
    ({"path": USERS, "limit": 1025}, (400, "402119", None)), ({"path": USERS, "limit": "x"}, (400, "402119", None)),
    ({"token": "ABC"}, (400, "402119", None)),
])
def test_what_cannot_be_answered_is_refused_as_documented(alma, query, said):
    status, code, message = refused(ask(alma, **query))
    assert (status, code) == said[:2] and said[2] in (None, message)


def test_the_first_calls_may_still_be_loading_for_every_report_and_every_night(fresh):
    fresh.ask("POST", "/sandbox/settings", {"analytics_loading": 2})
    for _ in range(2):
        for report in ("Users", "Loans"):
            found = [len(rows_of(root_of(fresh, path=f"{FOLDER}/{report}", limit=1000))) for _ in range(4)]
            assert found[:2] == [0, 0] and found[2] == found[3] > 0
        fresh.ask("POST", "/sandbox/clock", {"advance_seconds": DAY})


def test_a_token_ends_with_the_night_and_old_ones_are_not_kept(fresh):
    first = root_of(fresh, path=USERS).findtext(".//ResumptionToken")
    root_of(fresh, token=first)
    for _ in range(600):
        last = root_of(fresh, path=USERS).findtext(".//ResumptionToken")
    assert refused(ask(fresh, token=first))[1] == "402119"
    root_of(fresh, token=last)
    fresh.ask("POST", "/sandbox/clock", {"advance_seconds": DAY})
    assert refused(ask(fresh, token=last))[1] == "402119"


def expression(kind, operation, *parts):
    return f'<sawx:expr xsi:type="sawx:{kind}" op="{operation}">{"".join(parts)}</sawx:expr>'


def column(heading, table="User Details"):
    return f'<sawx:expr xsi:type="sawx:sqlExpression">"{table}"."{heading}"</sawx:expr>'


def value(text, kind="string"):
    return f'<sawx:expr xsi:type="xsd:{kind}">{text}</sawx:expr>'


def filtered(alma, wanted, report="Users"):
    spaces = ('xmlns:saw="com.siebel.analytics.web/report/v1.1" '
              'xmlns:sawx="com.siebel.analytics.web/expression/v1.1" '
              'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
              'xmlns:xsd="http://www.w3.org/2001/XMLSchema"')
    text = wanted.replace("<sawx:expr ", f"<sawx:expr {spaces} ", 1)
    return everything(alma, report, 25, filter=text)


GROUP, EXPIRY = column("User Group Code"), column("Expiry Date")


@pytest.mark.parametrize(("wanted", "test"), [
    (expression("comparison", "equal", GROUP, value("06")), lambda r: r[3] == "06"),
    (expression("comparison", "notEqual", GROUP, value("06")), lambda r: r[3] != "06"),
    (expression("comparison", "less", EXPIRY, value("2022-06-30", "date")), lambda r: r[8] and r[8] < "2022-06-30"),
    (expression("comparison", "lessOrEqual", EXPIRY, value("2022-06-30", "date")),
     lambda r: r[8] and r[8] <= "2022-06-30"),
    (expression("comparison", "greater", EXPIRY, value("2022-06-30T00:00:00", "dateTime")),
     lambda r: r[8] and r[8] > "2022-06-30"),
    (expression("comparison", "greaterOrEqual", EXPIRY,
                '<sawx:expr xsi:type="sawx:sqlExpression">date \'2022-06-30\'</sawx:expr>'),
     lambda r: r[8] and r[8] >= "2022-06-30"),
    (expression("comparison", "between", EXPIRY, value("2020-01-01", "date"), value("2022-12-31", "date")),
     lambda r: r[8] and "2020-01-01" <= r[8] <= "2022-12-31"),
    (expression("list", "in", GROUP, value("05"), value("08")), lambda r: r[3] in ("05", "08")),
    (expression("list", "notIn", GROUP, value("05"), value("08")), lambda r: r[3] not in ("05", "08")),
    (expression("list", "beginsWith", column("Last Name"), value("M")), lambda r: r[2][0] in "Mm"),
    (expression("list", "like", column("Primary Identifier"), value("%7")), lambda r: r[0].endswith("7")),
    (expression("comparison", "null", column("Purge Date")), lambda r: r[9] is None),
    (expression("logical", "and", expression("comparison", "equal", GROUP, value("06")),
                expression("logical", "or", expression("comparison", "null", EXPIRY),
                           expression("comparison", "less", EXPIRY, value("2020-01-01", "date")))),
     lambda r: r[3] == "06" and (r[8] is None or r[8] < "2020-01-01")),
    (expression("comparison", "equal", GROUP, value("06' OR '1'='1")), lambda r: False),
], ids=range(14))
def test_a_filter_leaves_the_rows_that_fit(alma, wanted, test):
    rows = filtered(alma, wanted)
    assert rows == [row for row in kept(alma, "Users") if test(row)]
    assert rows or "OR" in wanted


def test_amounts_are_compared_as_numbers(alma):
    wanted = expression("comparison", "greater", column("Remaining Amount", "Fines and Fees"), value("9", "decimal"))
    rows = filtered(alma, wanted, "Fines and Fees")
    assert rows == [row for row in kept(alma, "Fines and Fees") if float(row[9]) > 9] and len(rows) > 3


@pytest.mark.parametrize("wanted", [
    "no xml", "<a/>", expression("comparison", "equal", column("Shoe Size"), value("06")),
    expression("comparison", "sounds", GROUP, value("06")), expression("comparison", "equal", GROUP),
    expression("comparison", "less", EXPIRY, value("soon", "date")), expression("logical", "and"),
    expression("comparison", "equal", value("06"), GROUP),
    expression("list", "in", GROUP, *[value(n) for n in range(1200)]),
    '<!DOCTYPE a [<!ENTITY x "06">]>' + expression("comparison", "equal", GROUP, value("&x;")),
    expression("logical", "and", *["x"]),
    '<sawx:expr xsi:type="sawx:logical" op="and">' * 100 + expression("comparison", "equal", GROUP, value("06"))
    + "</sawx:expr>" * 100,
], ids=range(12))
def test_a_filter_that_is_not_understood_is_refused(alma, wanted):
    spaces = 'xmlns:sawx="s" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    text = wanted.replace("<sawx:expr ", f"<sawx:expr {spaces} ", 1)
    assert refused(ask(alma, path=USERS, filter=text))[:2] == (400, "402119")


def listed(alma, where=""):
    answer = alma.ask("GET", f"analytics/paths{where}", accept="application/xml")
    return [(path.get("type"), path.text, path.get("link")) for path in etree.fromstring(answer.body)]


def test_the_catalog_is_walked_by_its_links(alma):
    entries, walked = listed(alma), []
    assert [entry[:2] for entry in entries] == [("Folder", "Invented University 01INV_INST"), ("Folder", "Alma")]
    while entries[0][0] == "Folder":
        walked.append(entries[0][1])
        entries = listed(alma, entries[0][2].split("analytics/paths")[1])
    assert "/shared/" + "/".join(walked) == FOLDER and [name for _, name, _ in entries] == list(COLUMNS)
    assert listed(alma, "/shared/Alma") == []
    answer = alma.ask("GET", "analytics/paths/shared/Nowhere")
    assert (answer.status, answer.code) == (400, "90109")
    found = alma.ask("GET", "analytics/paths").json["path"][0]
    assert set(found) == {"link", "type", "value"} and found["type"] == "Folder"


def a_night(alma):
    alma.ask("POST", "/sandbox/clock", {"advance_seconds": DAY})
    nightly.run_if_due(alma.store)


def changed(before, after):
    return ([row for row in before if row not in after], [row for row in after if row not in before])


def test_after_a_night_only_what_changed_since_is_different(fresh):
    before = {report: kept(fresh, report) for report in COLUMNS}
    told = fresh.store.get("differences")
    a_night(fresh)
    gone, new = changed(before["Users"], kept(fresh, "Users"))
    assert sorted({row[0] for row in gone}) == sorted(
        told["renewed"] + told["other_group"] + told["re_created"] + told["deleted"])
    assert {row[0] for row in gone} - {row[0] for row in new} == set(told["deleted"])
    for report, kind in (("Loans", "new_loan"), ("Requests", "new_request"), ("Fines and Fees", "new_disputed_fee")):
        gone, new = changed(before[report], kept(fresh, report))
        assert gone == [] and {row[0] for row in new} == set(told[kind])
    # The order is the same, too, and a second night over the same changes nothing.
    again = {report: kept(fresh, report) for report in COLUMNS}
    assert [row for row in again["Loans"] if row in before["Loans"]] == before["Loans"]
    a_night(fresh)
    assert {report: kept(fresh, report) for report in COLUMNS} == again


def test_loans_fees_and_requests_have_the_same_numbers_in_analytics_and_in_alma(alma):
    for report, table in (("Loans", "loans"), ("Fines and Fees", "fees"), ("Requests", "requests")):
        owners = dict(alma.store.rows(f"SELECT o.id, u.primary_id FROM {table} o JOIN users u ON u.id = o.user_id"))
        assert {(row[1], row[0]) for row in kept(alma, report)} <= set(owners.items())


def test_a_change_of_today_shows_tomorrow_and_not_before(fresh):
    def row():
        return next(r for r in everything(fresh) if r[0] == "exl_impl")
    old = row()
    record = fresh.ask("GET", "users/exl_impl").json
    record.update(last_name="Changed", purge_date="2031-02-03Z", expiry_date=None)
    fresh.ask("PUT", "users/exl_impl", record)
    fresh.ask("POST", "/sandbox/clock", {"advance_seconds": DAY / 3})
    nightly.run_if_due(fresh.store)
    assert row() == old
    fresh.ask("POST", "/sandbox/clock", {"advance_seconds": DAY})
    assert row()[2] == "Changed" and row()[8:10] == [None, "2031-02-03"]


def test_a_night_is_made_once_and_over_a_whole_week_too(fresh):
    assert not nightly.run_if_due(fresh.store)
    fresh.store.clock.advance(7 * DAY)
    assert nightly.run_if_due(fresh.store) and not nightly.run_if_due(fresh.store)
    assert str(nightly.data_day(fresh.store)) == "2026-11-28"
    fresh.store.clock.advance(-3 * DAY)
    assert nightly.run_if_due(fresh.store) and str(nightly.data_day(fresh.store)) == "2026-11-25"


def test_a_night_that_failed_is_made_up_for(fresh, monkeypatch):
    def locked(_memory):
        raise sqlite3.OperationalError("database is locked")

    fresh.store.clock.advance(DAY)
    with monkeypatch.context() as patched:
        patched.setattr(nightly, "_write", locked)
        with pytest.raises(sqlite3.OperationalError):
            fresh.sandbox.pass_night()
    fresh.sandbox.pass_night()
    assert str(nightly.data_day(fresh.store)) == "2026-11-22"


def pay(alma, who, fee, **query):
    headers = {"authorization": f"apikey {KEY}", "accept": "application/json"}
    status = alma.sandbox.respond(Call("POST", f"/almaws/v1/users/{who}/fees/{fee}", query, headers))[0]
    assert status == 200


def test_paying_and_borrowing_show_with_every_transaction_and_only_open_loans(fresh):
    fee, who = fresh.store.row("SELECT f.id, u.primary_id FROM fees f JOIN users u ON u.id = f.user_id "
                               "WHERE f.status = 'ACTIVE' AND f.balance > 0 AND "
                               "json_array_length(f.record, '$.transaction') IS NULL")
    pay(fresh, who, fee, op="pay", amount="0.20", method="CASH")
    pay(fresh, who, fee, op="waive", reason="OTHER")
    fresh.store.do("UPDATE loans SET status = 'COMPLETE' WHERE id = (SELECT min(id) FROM loans)")
    loans = len(kept(fresh, "Loans"))
    a_night(fresh)
    rows = [row for row in kept(fresh, "Fines and Fees") if row[1] == fee]
    assert [row[7] for row in rows] == ["Payment", "Waive"] and {row[3] for row in rows} == {"Closed"}
    assert float(rows[0][5]) == pytest.approx(.20 + float(rows[0][9])) and rows[1][9] == "0.00"
    # One loan came back, and those of today are new.
    assert len(kept(fresh, "Loans")) == loans - 1 + len(fresh.store.get("differences")["new_loan"])


def gone(alma, who):
    return [row for row in kept(alma, "Users") if who in (row[0], row[2])]


@pytest.mark.parametrize(("policy", "test"), [
    ("KEEP_FULLY_REPORTABLE", lambda rows, who: rows[0][0] == who and rows[0][2] != who),
    ("KEEP_STATISTICS", lambda rows, who: rows[0][1] is None and rows[0][2] == who and rows[0][8:10] == [None] * 2),
    ("KEEP_STATISTICS_AND_REMOVE_PRIMARY_ID", lambda rows, who: rows == []),
    ("FULLY_REMOVE", lambda rows, who: rows == []),
])
def test_the_purged_are_ghosts_as_the_delete_user_policy_says(fresh, policy, test):
    who = fresh.store.get("differences")["renewed"][0]
    long_ago, size = [row for row in kept(fresh, "Users") if row[7] == "Deleted"], len(kept(fresh, "Users"))
    assert long_ago and all(row[0] == row[2] for row in long_ago)
    fresh.ask("POST", "/sandbox/settings", {"delete_policy": policy})
    assert fresh.ask("DELETE", f"users/{who}").status == 204
    assert gone(fresh, who)[0][7] == "Active"
    a_night(fresh)
    rows = gone(fresh, who)
    assert test(rows, who) and all(row[7] == "Deleted" for row in rows)
    ghosts = [row for row in kept(fresh, "Users") if row[7] == "Deleted"]
    assert len(ghosts) == (0 if policy == "FULLY_REMOVE" else len(long_ago) + 1)
    if policy == "KEEP_STATISTICS_AND_REMOVE_PRIMARY_ID":
        assert not {row[0] for row in ghosts} & {who, *(row[0] for row in long_ago)}
    # What a strict policy took does not come back with a loose one.
    fresh.ask("POST", "/sandbox/settings", {"delete_policy": "KEEP_FULLY_REPORTABLE"})
    a_night(fresh)
    assert [row for row in kept(fresh, "Users") if row[7] == "Deleted"] == ghosts
    lost = len(fresh.store.get("differences")["deleted"]) + (1 + len(long_ago) if policy == "FULLY_REMOVE" else 0)
    assert len(kept(fresh, "Users")) == size - lost


def test_the_exports_and_the_api_are_made_by_the_same_hand(alma):
    assert reports.user(["a", "", "B", {"value": "", "desc": ""}, {"value": "PUBLIC", "desc": "Public"}, None, None,
                         "2020-01-01Z", None, {"value": None, "desc": ""}, [{"role_type": {"value": "26"}}]]) == \
        ["a", None, "B", None, None, "Public", None, None, "2020-01-01", None, None, "Yes"]
