"""Reports fetched over the API: whole or not at all, whatever is lost on the way."""

import shutil
import stat

import pytest

from purgelib import analytics, exports
from purgelib.errors import AlmaError, NoAnswer, NotFound, PurgeError, Refused
from purgelib.forms import reportxml

FOLDER = "/shared/Invented University 01INV_INST/Reports/Purge"
REPORT = "GET /almaws/v1/analytics/reports"
PAGES = {"method": "GET", "path": "/analytics/reports"}


def rows_of(file):
    sheet = reportxml.read(file, file.name, lambda cells: "Primary Identifier" in cells)[0]
    return [list(row.values())[:len(sheet.headings) - 1] for row in sheet.cells.to_pylist()]


def truth(practice, report="Users"):
    """The same rows, asked for by a colleague, 25 at a time."""
    from lxml import etree

    found, token = [], None
    while True:
        query = {"token": token} if token else {"path": f"{FOLDER}/{report}"}
        answer = practice._http.get(f"{practice.where.url}/almaws/v1/analytics/reports", params=query | {"limit": 25},
                                    headers={"Accept": "application/xml"}, timeout=10)
        root = etree.fromstring(answer.content)
        token = token or root.findtext(".//ResumptionToken")
        if not found:
            names = [one.get("name") for one in root.iter("{*}element")][1:-1]
        found += [[row.findtext("{*}" + name) or "" for name in names] for row in root.iter("{*}Row")]
        if root.findtext(".//IsFinished") == "true":
            return found


def test_a_report_of_several_pages_is_the_same_as_page_by_page(practice, tmp_path):
    files = analytics.fetch(practice.alma(writing=False), [f"{FOLDER}/Users"], tmp_path / "in")
    wanted = truth(practice)
    assert [file.name for file in files] == ["users.xml"] and len(wanted) > 25
    assert rows_of(files[0]) == wanted
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600 and [p.name for p in files[0].parent.iterdir()] == ["users.xml"]


@pytest.mark.parametrize("limit", [25, 400])
def test_pages_of_any_size_give_the_same_file(practice, tmp_path, limit, monkeypatch):
    client = practice.alma(writing=False)
    page = client.report_page
    monkeypatch.setattr(client, "report_page", lambda path="", token="": page(path, token, limit))
    assert rows_of(analytics.fetch(client, [f"{FOLDER}/Users"], tmp_path)[0]) == truth(practice)


def test_a_whole_folder_of_reports_becomes_exports_with_their_day(practice, tmp_path):
    analytics.fetch(practice.alma(writing=False), FOLDER + "/", tmp_path)
    found = exports.read(tmp_path)
    assert {one.kind for one in found.inputs} == {"users", "fees", "loans", "requests"}
    assert str(found.data_date) == "2026-11-21" and found.problems.empty and len(found.users) > 300


def test_a_report_that_is_still_loading_is_asked_for_again_until_patience_ends(practice, tmp_path):
    practice.door("POST", "settings", {"analytics_loading": 2})
    client = practice.alma(writing=False)
    assert rows_of(analytics.fetch(client, [f"{FOLDER}/Loans"], tmp_path)[0]) == truth(practice, "Loans")
    practice.faults({**PAGES, "nth": 1, "times": 1000, "do": "still_loading"})
    with pytest.raises(NoAnswer, match="still loading"):
        analytics.fetch(client, [f"{FOLDER}/Requests"], tmp_path, patience=1)
    assert [path.name for path in tmp_path.glob("*.xml*")] == ["loans.xml"]


@pytest.mark.parametrize("do", ["cut_after", "html_after", "error_after", "truncate", "garbage"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_lost_page_never_leaves_a_hole(practice, tmp_path, do, nth, hasty, monkeypatch):
    client = practice.alma(writing=False)
    page = client.report_page
    monkeypatch.setattr(client, "report_page", lambda path="", token="": page(path, token, 100))
    practice.faults({**PAGES, "nth": nth, "times": 1, "do": do})
    file = analytics.fetch(client, [f"{FOLDER}/Users"], tmp_path)[0]
    practice.faults()
    assert rows_of(file) == truth(practice)


def test_pages_that_are_lost_again_and_again_end_with_an_error_and_without_a_file(practice, tmp_path, monkeypatch):
    client = practice.alma(writing=False)
    page = client.report_page

    def losing(path="", token=""):
        if token:
            raise NoAnswer("No answer.", method="GET")
        return page(path, token, 25)

    monkeypatch.setattr(client, "report_page", losing)
    with pytest.raises(NoAnswer, match="lost 3 times"):
        analytics.fetch(client, [f"{FOLDER}/Users"], tmp_path)
    assert not list(tmp_path.glob("users*"))


@pytest.mark.parametrize("wrong", ["repeats", "no token", "not whole"])
def test_a_page_that_cannot_be_right_is_never_taken(practice, tmp_path, monkeypatch, wrong):
    client = practice.alma(writing=False)
    page, first = client.report_page, {}

    def lying(path="", token=""):
        answer = page(path, token, 25)
        if wrong == "no token" and path:
            return answer.replace(b"ResumptionToken", b"Other")
        if wrong == "not whole" and token:
            return answer[:-40]
        first.setdefault("page", answer)
        return first["page"] if wrong == "repeats" else answer

    monkeypatch.setattr(client, "report_page", lying)
    with pytest.raises(NoAnswer):
        analytics.fetch(client, [f"{FOLDER}/Users"], tmp_path)
    assert not list(tmp_path.glob("users*"))


def test_a_wrong_path_is_asked_for_once_and_said_at_once(practice, tmp_path):
    client = practice.alma(writing=False)
    with pytest.raises(NotFound, match="Check the path"):
        analytics.fetch(client, [f"{FOLDER}/Usres"], tmp_path)
    assert client.calls == 1
    with pytest.raises(AlmaError):
        analytics.fetch(client, FOLDER + "/Nowhere/", tmp_path)


def test_too_many_calls_in_a_second_are_only_waited_for(practice, tmp_path, hasty):
    practice.faults({**PAGES, "nth": 1, "times": 3, "do": "throttle"})
    file = analytics.fetch(practice.alma(writing=False), [f"{FOLDER}/Fines and Fees"], tmp_path)[0]
    practice.faults()
    assert rows_of(file) == truth(practice, "Fines and Fees")


def test_a_file_that_is_there_is_kept(practice, tmp_path):
    client = practice.alma(writing=False)
    first = analytics.fetch(client, [f"{FOLDER}/Loans"], tmp_path, data_date="2026-11-21")
    calls, before = client.calls, first[0].read_bytes()
    assert analytics.fetch(client, [f"{FOLDER}/Loans"], tmp_path, data_date="2026-11-21") == first
    assert client.calls == calls and first[0].read_bytes() == before and first[0].name == "loans_2026-11-21.xml"


@pytest.mark.parametrize("reports", [["/shared/a/Users", "/shared/b/users"], ["Users"], ["/"], ["/shared/?"]])
def test_reports_that_cannot_be_files_are_refused(practice, tmp_path, reports):
    with pytest.raises((Refused, PurgeError)):
        analytics.fetch(practice.alma(writing=False), reports, tmp_path)
    assert not list(tmp_path.glob("*.xml"))


def test_nothing_to_fetch_is_nothing(practice, tmp_path):
    client = practice.alma(writing=False)
    assert analytics.fetch(client, "", tmp_path) == [] and client.calls == 0


def test_no_key_and_no_token_stand_in_a_file(practice, tmp_path):
    file = analytics.fetch(practice.alma(writing=False), [f"{FOLDER}/Users"], tmp_path)[0]
    assert practice.where.key.encode() not in file.read_bytes() and b"ResumptionToken" not in file.read_bytes()
    shutil.rmtree(tmp_path, ignore_errors=True)
