"""Reports fetched over the API: whole or not at all, whatever is lost on the way."""

import json
import signal
import stat
import subprocess
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from purgelib import analytics, answers, exports
from purgelib.errors import AlmaError, KeyRefused, NoAnswer, NotFound, QuotaSpent, Refused, RunBusy, TooFast
from purgelib.forms import reportxml

FOLDER = "/shared/Invented University 01INV_INST/Reports/Purge"
USERS = f"{FOLDER}/Users"
PAGES = {"method": "GET", "path": "/analytics/reports"}
ROWSET = "urn:schemas-microsoft-com:xml-analysis:rowset"
TOKEN = "8D28" * 32


@pytest.fixture
def there(quiet):
    """The small university of this module, with nothing ordered to go wrong before and after."""
    quiet.faults()
    yield quiet
    quiet.faults()


@pytest.fixture
def clock(monkeypatch):
    """Time passes only by waiting; returns the pauses."""
    paused = []
    monkeypatch.setattr(analytics, "time", types.SimpleNamespace(monotonic=lambda: sum(paused), sleep=paused.append))
    return paused


def client_of(there, limit=1000):
    """A client that only reads, with pages of that many rows."""
    client = there.alma(writing=False)
    page = client.report_page
    client.report_page = lambda path="", token="": page(path, token, limit)
    return client


def rows_of(file):
    sheet = reportxml.read(file, file.name, lambda cells: "Primary Identifier" in cells)[0]
    assert sheet.lost == () and sheet.ended
    return [list(row.values()) for row in sheet.cells.to_pylist()]


def truth(there, report="Users"):
    """The same rows, from Analytics' own table, with the day of the data."""
    with there.database() as db:
        kept = db.execute("SELECT cells FROM reports WHERE report = ? ORDER BY position", (report,)).fetchall()
    return [[cell or "" for cell in json.loads(cells)] + ["2026-11-21"] for (cells,) in kept]


# ---- whole

def test_a_report_of_many_pages_becomes_one_file_for_its_owner_only(there, tmp_path):
    client = client_of(there, 25)
    files = analytics.fetch(client, [USERS], tmp_path / "in")
    assert files == [tmp_path / "in" / "users.xml"] and list((tmp_path / "in").iterdir()) == files
    assert rows_of(files[0]) == truth(there) and client.calls == -(-len(truth(there)) // 25) > 10
    assert [stat.S_IMODE(one.stat().st_mode) for one in (files[0], files[0].parent)] == [0o600, 0o700]


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (2000, 2)])
def test_as_many_rows_arrive_as_the_report_has(practice, tmp_path, count, calls):
    with practice.database() as db:
        row = db.execute("SELECT cells FROM reports WHERE report = 'Loans' LIMIT 1").fetchone()[0]
        rows = [("Loans", n, json.dumps([f"{n:06d}", *json.loads(row)[1:]])) for n in range(count)]
        db.execute("DELETE FROM reports WHERE report = 'Loans'")
        db.executemany("INSERT INTO reports VALUES (?, ?, ?)", rows)
    client = practice.alma(writing=False)
    assert rows_of(analytics.fetch(client, f"{FOLDER}/Loans", tmp_path)[0]) == truth(practice, "Loans")
    assert len(truth(practice, "Loans")) == count and client.calls == calls


def test_a_whole_folder_of_reports_becomes_exports_with_their_day(there, tmp_path):
    files = analytics.fetch(there.alma(writing=False), FOLDER + "/", tmp_path)
    assert [file.name for file in files] == ["users.xml", "fines_and_fees.xml", "loans.xml", "requests.xml"]
    found, by_hand = exports.read(tmp_path), exports.read(there.inputs)
    assert {one.kind for one in found.inputs} == {"users", "fees", "loans", "requests"}
    assert str(found.data_date) == "2026-11-21" and found.problems.empty
    assert found.users.equals(by_hand.users) and len(found.users) > 300


# ---- lost on the way

@pytest.mark.parametrize("do", ["cut_after", "cut_before", "html_after", "error_after", "truncate", "garbage"])
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_a_lost_page_never_leaves_a_hole(there, tmp_path, do, nth, hasty):
    client = client_of(there, 100)
    there.faults({**PAGES, "nth": nth, "times": 1, "do": do})
    file = analytics.fetch(client, [USERS], tmp_path)[0]
    assert rows_of(file) == truth(there) and list(tmp_path.iterdir()) == [file]


def test_an_answer_that_is_lost_is_asked_for_again_by_its_path_but_never_by_its_token(there, hasty):
    client = there.alma(writing=False)
    there.faults({**PAGES, "nth": 1, "times": 2, "do": "cut_after"}, {**PAGES, "nth": 4, "times": 1, "do": "cut_after"})
    token = etree.fromstring(client.report_page(USERS, limit=25)).findtext(".//ResumptionToken")
    with pytest.raises(NoAnswer):
        client.report_page(token=token, limit=25)
    # Three times by the path, once by the token.
    assert [rule["seen"] for rule in there.door("GET", "faults")["faults"]] == [4, 4]


def test_too_many_calls_in_a_second_are_waited_for_and_no_page_is_missed(there, tmp_path, hasty):
    client = client_of(there, 100)
    there.faults({**PAGES, "nth": 1, "times": 3, "do": "throttle"}, {**PAGES, "nth": 6, "times": 4, "do": "throttle"})
    assert rows_of(analytics.fetch(client, [USERS], tmp_path)[0]) == truth(there)
    assert client.calls == -(-len(truth(there)) // 100) + 7


@pytest.mark.parametrize(("do", "error", "calls"), [
    ("throttle", TooFast, 13), ("daily", QuotaSpent, 2), ("unauthorized", KeyRefused, 2)])
def test_what_a_new_beginning_would_not_mend_ends_at_once_and_leaves_nothing(there, tmp_path, do, error, calls, hasty):
    client = client_of(there, 25)
    there.faults({**PAGES, "nth": 2, "times": 1000, "do": do})
    with pytest.raises(error):
        analytics.fetch(client, [USERS], tmp_path)
    assert client.calls == calls and list(tmp_path.iterdir()) == []


def test_a_wrong_path_is_asked_for_once_and_said_at_once(there, tmp_path):
    client = there.alma(writing=False)
    with pytest.raises(NotFound, match="Usres.*Check the path"):
        analytics.fetch(client, [f"{FOLDER}/Usres"], tmp_path)
    assert client.calls == 1
    with pytest.raises(AlmaError, match="make sure the report is saved in a shared folder"):
        analytics.fetch(client, ["/shared/Community/Reports/Users"], tmp_path)
    with pytest.raises(AlmaError):
        analytics.fetch(client, f"{FOLDER}/Nowhere/", tmp_path)
    with pytest.raises(Refused, match="no report"):
        analytics.fetch(client, "/shared/Alma/", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("where", "error"), [("analytics/reports", NotFound), ("users/00412345", NoAnswer)])
def test_a_path_that_is_not_found_says_nothing_about_a_user(where, error):
    said = {"errorList": {"error": {"errorCode": "INTERNAL_SERVER_ERROR", "errorMessage": "Path not found (/x)"}}}
    answer = types.SimpleNamespace(status_code=500, url=f"https://x/almaws/v1/{where}", content=b"", json=lambda: said)
    assert type(answers.error_of("GET", answer)) is error


def test_whoever_is_killed_half_way_leaves_nothing_that_passes_for_a_report(there, tmp_path):
    dying = ("import os, sys; from purgelib import alma, analytics\n"
             "class Dying(alma.Alma):\n"
             "    def report_page(self, path='', token=''):\n"
             "        return os.kill(os.getpid(), 9) if token else super().report_page(path, limit=100)\n"
             "analytics.fetch(Dying(sys.argv[1], os.environ['KEY'], pace=None, floor=0), sys.argv[2], sys.argv[3])")
    ended = subprocess.run([sys.executable, "-c", dying, there.where.url, USERS, tmp_path], timeout=30,
                           env={"KEY": there.where.key})
    assert ended.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert len(left) == 1 and left[0].name.endswith(".partial") and left[0].stat().st_size > 10_000
    with pytest.raises(Refused):
        exports.read(tmp_path)
    assert rows_of(analytics.fetch(client_of(there), USERS, tmp_path)[0]) == truth(there)
    assert [one.name for one in tmp_path.iterdir()] == ["users.xml"]


def test_neither_the_key_nor_the_token_stands_in_a_file_or_in_a_message(there, tmp_path, hasty):
    client = client_of(there, 25)
    file = analytics.fetch(client, [USERS], tmp_path)[0]
    assert there.where.key not in file.read_text() and "ResumptionToken" not in file.read_text()
    tokens = []
    page = client.report_page
    client.report_page = lambda path="", token="": tokens.append(token) or page(path, token)
    there.faults({**PAGES, "nth": 3, "times": 1000, "do": "error_after"})
    with pytest.raises(NoAnswer) as caught:
        analytics.fetch(client, [USERS], tmp_path / "other")
    words = str(caught.value) + repr(caught.value.facts)
    assert any(tokens) and not any(token in words for token in {*tokens, there.where.key} - {""})


# ---- which files

def test_a_file_that_is_there_and_whole_is_kept(there, tmp_path):
    client = there.alma(writing=False)
    first = analytics.fetch(client, [f"{FOLDER}/Loans"], tmp_path, data_date="2026-11-20")
    calls, before = client.calls, first[0].stat().st_mtime_ns
    assert analytics.fetch(client, [f"{FOLDER}/Loans"], tmp_path, data_date="2026-11-20") == first
    assert client.calls == calls and first[0].stat().st_mtime_ns == before and first[0].name == "loans_2026-11-20.xml"
    assert str(min(one.data_date for one in exports.read([first[0], *there.inputs.glob("users*")]).inputs)) == \
        "2026-11-20"


@pytest.mark.parametrize("damage", [
    lambda text: text[:-40], lambda text: text.replace("true", "false", 1), lambda text: "", lambda text: "06;Doe",
    lambda text: text.replace("columnHeading", "displayFormula")], ids=range(5))
def test_a_file_that_is_there_but_not_whole_is_fetched_again(there, tmp_path, damage):
    file = analytics.fetch(there.alma(writing=False), [f"{FOLDER}/Loans"], tmp_path)[0]
    file.write_text(damage(file.read_text()))
    analytics.fetch(there.alma(writing=False), [f"{FOLDER}/Loans"], tmp_path)
    assert rows_of(file) == truth(there, "Loans") and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("path", "name"), [
    ("/shared/a/Users of 2026-11-21 (all)", "users_of_2026_11_21_all.xml"), ("/shared/a/../../x", "x.xml"),
    ("/shared/a/..\\..\\con?", "con.xml"), ("/shared/a/Überfällige", "überfällige.xml"),
    ("/shared/a/משתמשים", "משתמשים.xml"), ("/shared/a/" + "x" * 300, "x" * 60 + ".xml")])
def test_the_name_of_a_report_becomes_a_harmless_file_name_without_a_day(tmp_path, path, name):
    file, = analytics.fetch(Scripted(page("06")), path, tmp_path)
    assert file == tmp_path / name and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("reports", "said"), [
    (["/shared/a/Users", "/shared/b/users"], "same name"), (["Users"], "no path"), (["/"], "no path"),
    (["/shared/?"], "no path")])
def test_reports_that_cannot_be_files_are_refused_before_any_call(tmp_path, reports, said):
    with pytest.raises(Refused, match=said):
        analytics.fetch(Scripted(), reports, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_day_that_is_none_is_refused_before_any_call(tmp_path):
    with pytest.raises(Refused, match="2026-11-21"):
        analytics.fetch(Scripted(), USERS, tmp_path, data_date="21.11.2026")


@pytest.mark.parametrize("nothing", ["", [], [""]])
def test_nothing_to_fetch_is_nothing(tmp_path, nothing):
    assert analytics.fetch(Scripted(), nothing, tmp_path) == []


# ---- what no sandbox says

def schema(heading="Primary Identifier"):
    return ('<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:saw-sql="urn:saw-sql">'
            f'<xsd:element name="Column1" saw-sql:columnHeading="{heading}"/></xsd:schema>')


HEAD = schema()


def page(*ids, finished=True, token="", head=HEAD, space=ROWSET):
    """The bytes of one page; a page without head has no schema."""
    rows = "".join(f"<Row><Column1>{one}</Column1></Row>" for one in ids)
    mark = f"<ResumptionToken>{token}</ResumptionToken>" if token else ""
    return (f"<report><QueryResult>{mark}<IsFinished>{str(finished).lower()}</IsFinished><ResultXml>"
            f'<rowset xmlns="{space}">{head}{rows}</rowset></ResultXml></QueryResult></report>').encode()


FIRST = page("01", "02", finished=False, token=TOKEN)
EMPTY = b"<report><QueryResult><IsFinished>false</IsFinished><ResultXml/></QueryResult></report>"
REFUSED = AlmaError("No.", status=400, code="402119")
LOST = NoAnswer("No answer.", method="GET")


def more(*ids, finished=True, **told):
    return page(*ids, **{"finished": finished, "head": "", **told})


class Scripted:
    """An Alma that gives these answers one after the other, and the last one for ever; errors are raised."""

    def __init__(self, *script):
        self.script, self.asked = list(script), []

    def report_page(self, path="", token=""):
        self.asked.append(token or path)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


def ids_of(alma, folder):
    return [row[0] for row in rows_of(analytics.fetch(alma, "/shared/x/Users", folder)[0])]


@pytest.mark.parametrize(("script", "ids", "asked"), [
    ([FIRST, more("03")], "01 02 03", "path token"), ([page()], "", "path"),
    # The last page may repeat the token, or name another one: the first holds.
    ([FIRST, more("03", finished=False, token="FF" * 64), more("04")], "01 02 03 04", "path token token"),
    ([FIRST, more("03", finished=False), AlmaError("No.", status=400, code="420033")], "01 02 03", "path token token"),
    ([FIRST, more("03", head=schema())], "01 02 03", "path token"),
    ([FIRST, more("03", space="")], "01 02 03", "path token"),
    # Still at work: at first, after the first page, and with the token or the headings before the rows.
    ([EMPTY, EMPTY, FIRST, more("03")], "01 02 03", "path path path token"),
    ([FIRST, EMPTY, EMPTY, more("03")], "01 02 03", "path token token token"),
    ([page(finished=False, token=TOKEN, head=""), more("01", head=schema())], "01", "path token"),
    ([page(finished=False, token=TOKEN), more("01")], "01", "path token"), ([FIRST, more()], "01 02", "path token"),
    # Lost, in whatever way: from the beginning.
    ([FIRST, LOST, FIRST, more("03")], "01 02 03", "path token path token"),
    ([FIRST, REFUSED, FIRST, more("03")], "01 02 03", "path token path token"),
    ([page("0" * 999, finished=False, token=TOKEN), LOST, page("07")], "07", "path token path"),
    ([FIRST, more("03")[:-30], FIRST, more("03")], "01 02 03", "path token path token"),
    ([FIRST, None, FIRST, more("03")], "01 02 03", "path token path token"),
    ([FIRST, b"<html>Good morning</html>", FIRST, more("03")], "01 02 03", "path token path token"),
    ([FIRST, b'<!DOCTYPE x [<!ENTITY y "03">]>' + more("&y;"), FIRST, more("03")], "01 02 03", "path token path token"),
    ([FIRST, FIRST, FIRST, more("03")], "01 02 03", "path token path token"),
    ([FIRST, EMPTY, more("01", "02"), FIRST, more("03")], "01 02 03", "path token token path token"),
    ([FIRST, more("x", head=schema("Last Name")), FIRST, more("03")], "01 02 03", "path token path token"),
    ([more("01"), FIRST, more("03")], "01 02 03", "path path token"),
    ([page("01", finished=False), FIRST, more("03")], "01 02 03", "path path token"),
], ids=range(23))
def test_every_page_is_there_once_and_in_its_order(tmp_path, clock, script, ids, asked):
    alma = Scripted(*script)
    assert ids_of(alma, tmp_path) == ids.split()
    names = {"path": "/shared/x/Users", "token": TOKEN}
    assert alma.asked == [names[one] for one in asked.split()]


@pytest.mark.parametrize(("script", "said"), [
    ([FIRST, LOST] * 3, "lost 3 times"), ([FIRST], "twice"), ([page("01", finished=False)], "no token"),
    ([b"<html/>"], "no page"), ([FIRST, more("0\n\x0b")] * 3, "broken in line 2"),
    ([FIRST, more("03", head=schema("Name"))] * 3, "changed meanwhile"),
    ([more("01")], "no headings"), ([EMPTY], "still loading Users after 600 seconds"),
    ([FIRST, EMPTY], "still loading"), ([page(head="")], "without headings"), ([LOST], "No answer")], ids=range(11))
def test_what_does_not_come_whole_is_an_error_and_no_file(tmp_path, clock, script, said):
    alma = Scripted(*script)
    with pytest.raises((NoAnswer, AlmaError), match=said) as caught:
        analytics.fetch(alma, "/shared/x/Users", tmp_path)
    assert list(tmp_path.iterdir()) == [] and TOKEN not in str(caught.value)


def test_a_report_that_is_still_loading_is_asked_for_more_and_more_seldom_until_patience_ends(tmp_path, clock):
    with pytest.raises(NoAnswer):
        analytics.fetch(Scripted(EMPTY), "/shared/x/Users", tmp_path, patience=100)
    assert sum(clock) == 100 and clock[:-1] == sorted(clock[:-1]) and max(clock) == 10 and clock[0] < 1
    clock.clear()
    # Each time that rows arrive, patience begins anew.
    slow = Scripted(*[EMPTY] * 8, FIRST, *[EMPTY] * 8, more("03"))
    with pytest.raises(NoAnswer):
        analytics.fetch(Scripted(*slow.script), "/shared/x/Users", tmp_path, patience=10)
    clock.clear()
    assert len(analytics.fetch(slow, "/shared/x/Users", tmp_path, patience=30)) == 1 and sum(clock) > 30


def test_a_sandbox_that_is_still_loading_is_waited_for(there, tmp_path, clock):
    there.faults({**PAGES, "nth": 1, "times": 3, "do": "still_loading"})
    assert rows_of(analytics.fetch(client_of(there), f"{FOLDER}/Loans", tmp_path)[0]) == truth(there, "Loans")
    assert len(clock) == 3


def test_nothing_is_left_when_a_person_interrupts(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        analytics.fetch(Scripted(FIRST, KeyboardInterrupt()), "/shared/x/Users", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_of_two_who_fetch_the_same_report_one_gives_way_and_nothing_is_mixed(tmp_path):
    class Two(Scripted):
        def report_page(self, path="", token=""):
            if token:
                ids_of(Scripted(page("07")), tmp_path)
            return super().report_page(path, token)

    with pytest.raises(RunBusy, match="Another process"):
        analytics.fetch(Two(FIRST, more("03")), "/shared/x/Users", tmp_path)
    assert [row[0] for row in rows_of(tmp_path / "users.xml")] == ["07"] and len(list(tmp_path.iterdir())) == 1


def test_no_bar_appears_while_it_is_quick(tmp_path, clock, capsys):
    ids_of(Scripted(EMPTY, FIRST, LOST, FIRST, more("03")), tmp_path)
    said = capsys.readouterr()
    assert said.out == said.err == ""


@settings(max_examples=120, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.lists(
    st.sampled_from(["well", "lost", "empty", "broken", "again"]), max_size=12))
def test_whatever_happens_on_the_way_the_file_is_whole_or_not_there(tmp_path_factory, sizes, course):
    whole = [[f"{n}-{at}" for at in range(size)] for n, size in enumerate(sizes)]

    class Alma:
        """Moves on to the next page with every answer, whether it arrives or not."""

        def __init__(self):
            self.course, self.at = list(course), 0

        def report_page(self, path="", token=""):
            fate = self.course.pop(0) if self.course else "well"
            self.at = 0 if path else self.at
            if fate == "empty":
                return EMPTY
            n = self.at = max(0, self.at - (fate == "again"))
            self.at += 1
            if fate == "lost" and token:
                raise LOST
            if n >= len(whole):
                raise AlmaError("No more rows to fetch", status=400, code="420033")
            told = {"finished": n == len(whole) - 1 or not whole[n + 1:], "token": "" if n else TOKEN}
            given = page(*whole[n], head="" if n else schema(), **told)
            return given[:-20] if fate == "broken" else given

    folder = tmp_path_factory.mktemp("course")
    paused = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(analytics, "time", types.SimpleNamespace(monotonic=lambda: sum(paused), sleep=paused.append))
        try:
            assert ids_of(Alma(), folder) == [one for page_ids in whole for one in page_ids]
        except (NoAnswer, AlmaError):
            assert list(folder.iterdir()) == []


def test_a_file_of_another_report_of_the_same_name_is_not_taken_for_this_one(practice, tmp_path):
    client = practice.alma(writing=False)
    file = analytics.fetch(client, [f"{FOLDER}/Loans"], tmp_path)[0]
    file.write_bytes(file.read_bytes().replace(FOLDER.encode(), b"/shared/Elsewhere"))
    with pytest.raises(Refused, match="is not the report"):
        analytics.fetch(client, [f"{FOLDER}/Loans"], tmp_path)
