"""A folder of exports becomes one user table, or an error that says exactly why not."""

import collections
import csv
import datetime
import itertools
import shutil
from pathlib import Path

import exported
import invented
import pandas as pd
import pytest
import python_calamine
import written
from exported import DAY, GOES, put, put_all, read, SIDES, user, USERS, verdict
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from purgelib import exports, headings, population
from purgelib.errors import BadExport, DataTooOld

SAMPLE = Path(__file__).parent.parent / "data" / "sample"

# ---- the sample, counted in another way


@pytest.fixture(scope="module")
def sample():
    return exports.read(SAMPLE)


def count(pairs):
    found = collections.defaultdict(set)
    for primary_id, one in pairs:
        found[primary_id.casefold()].add(one)
    return {one: len(many) for one, many in found.items()}


def agree(sample, column, wanted):
    table = sample.users.set_index("key")[column]
    assert wanted and table[table > 0].to_dict() == {key: n for key, n in wanted.items() if key in table.index}
    assert table.notna().all()


def test_the_sample_is_read_whole_and_without_a_problem(sample):
    with (SAMPLE / "users_2026-11-21.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12_040 and sample.problems.empty and sample.data_date == DAY
    ghosts = {row["Primary Identifier"] for row in rows if row["Status"] == "Deleted"}
    assert ghosts == set(sample.ghosts["primary_id"]) and len(ghosts) == 40
    rows = [row for row in rows if row["Status"] != "Deleted"]
    assert sample.users["primary_id"].tolist() == [row["Primary Identifier"] for row in rows]
    assert sample.users["user_group"].tolist() == [row["User Group Code"] for row in rows]
    assert sample.users["status"].str.title().tolist() == [row["Status"] for row in rows]
    assert sample.users["record_type"].str.title().tolist() == [row["User Record Type"] for row in rows]
    for name, heading in (("expiry_date", "Expiry Date"), ("purge_date", "Purge Date")):
        assert sample.users[name].dt.strftime("%Y-%m-%d").fillna("").tolist() == [row[heading] for row in rows]
    assert sample.users["other_roles"].map({True: "Yes", False: "No"}).tolist() == [
        row["Has Role Other Than Patron"] for row in rows]


def test_the_samples_loans_are_those_of_the_file(sample):
    with python_calamine.CalamineWorkbook.from_path(SAMPLE / "loans_2026-11-21.xlsx") as book:
        rows = [[str(cell) for cell in row] for row in book.get_sheet_by_index(0).to_python()]
    start = next(at for at, row in enumerate(rows) if "Primary Identifier" in row)
    heads = rows[start]
    who, what = heads.index("Primary Identifier"), next(i for i, h in enumerate(heads) if "Loan ID" in h)
    agree(sample, "loans", count((row[who], row[what]) for row in rows[start + 1:]))


def test_the_samples_requests_are_those_of_the_file(sample):
    root = etree.parse(SAMPLE / "requests_2026-11-21.xml").getroot()
    rows = [(row.findtext("{*}Column1"), row.findtext("{*}Column2")) for row in root.iter("{*}Row")]
    assert len(rows) > len(set(rows)), "a request of two partners is one request"
    agree(sample, "requests", count(rows))


def test_the_samples_fees_are_the_remaining_amounts_of_open_fines(sample):
    with (SAMPLE / "fines_and_fees_2026-11-21.txt").open(encoding="utf-16", newline="") as file:
        fines = collections.defaultdict(list)
        for row in csv.DictReader(file, delimiter="\t"):
            if row["Fine Fee Status"] != "Closed":
                fines[row["Primary Identifier"].casefold(), row["Fine Fee ID"]].append(float(row["Remaining Amount"]))
    each = collections.defaultdict(list)
    for (primary_id, _), remaining in fines.items():
        each[primary_id].append(min(remaining))
    # A credit does not pay a debt.
    owed = {who: sum(found) if min(found) * max(found) >= 0 else sum(map(abs, found)) for who, found in each.items()}
    table = sample.users.set_index("key")["fees"]
    assert {k: round(v, 2) for k, v in table[table != 0].items()} == {k: round(v, 2) for k, v in owed.items() if v}


def test_what_was_read_says_itself_in_words(sample):
    assert repr(sample).startswith("12,000 users, as of 21 November 2026. 40 purged before are set apart")
    assert sample.summary()["rows"].sum() == sample.summary()[["read", "refused"]].to_numpy().sum()
    taken = sample.taken.set_index(["file", "heading"])["taken for"]
    assert taken["users_2026-11-21.csv", "Expiry Date"] == "expiry date"
    how = sample.taken.set_index(["file", "heading"])["read as"]
    assert how["users_2026-11-21.csv", "User Group Code"] == "the code as it is"


# ---- forms


@pytest.mark.parametrize("form", written.FORMS)
def test_every_form_gives_the_same_users(tmp_path, form):
    people = [user("abc1"), user("00412345", **{"Last Name": "M\u00fcller, \"Lou\""}),
              user("x", **{"Status": "Inactive"})]
    sides = {"loans": [["abc1", "l1"]], "fees": [exported.fee("x")], "exceptions": [["ABC1", "comes back"]]}
    found = read(tmp_path, people, form=form, **sides)
    (tmp_path / "plain").mkdir()
    plain = read(tmp_path / "plain", people, **sides)
    pd.testing.assert_frame_equal(found.users, plain.users, check_categorical=False)
    assert found.problems.empty and found.data_date == DAY
    assert [verdict(found, one) for one in ("abc1", "00412345", "x")] == ["stays", "may go", "stays"]


CELL = st.text(st.characters(codec="cp1252", exclude_categories=["C"]), max_size=8).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(written.FORMS), st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6))
def test_any_names_survive_in_every_form(tmp_path_factory, form, names):
    names = [(" ".join(first.split()), " ".join(last.split())) for first, last in names]
    # Some pairs of Windows' letters are letters in UTF-8 as well: no program can tell which was meant.
    written_so = "".join(itertools.chain(*names)).encode("cp1252")
    assume(form != "csv cp1252" or written_so.decode("utf-8", "ignore").isascii())
    people = [user(f"id{at}", **{"First Name": a, "Last Name": b}) for at, (a, b) in enumerate(names)]
    found = read(tmp_path_factory.mktemp("names"), people, form=form, strict=False)
    assert found.users["name"].tolist() == [f"{a} {b}".strip() for a, b in names]


def test_one_workbook_may_hold_all_exports_a_sheet_each(tmp_path):
    import xlsxwriter

    tables = {"Users": [USERS, user("a"), user("b")], "Loans": [SIDES["loans"], ["a", "l1"]], "Empty": [],
              "Fees": [SIDES["fees"], exported.fee("purged")], "Requests": [SIDES["requests"], ["b", "r"]]}
    with xlsxwriter.Workbook(tmp_path / f"all_{DAY}.xlsx") as book:
        for name, rows in tables.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    found = exports.read(tmp_path)
    assert (verdict(found, "a"), verdict(found, "b")) == ("stays", "stays")
    assert [one.name for one in found.inputs] == [f"all_{DAY}.xlsx, sheet {name}" for name in
                                                  ("Users", "Loans", "Fees", "Requests")]
    assert found.users["fees"].tolist() == [0, 0]


def test_one_file_or_a_list_of_files_may_be_named(tmp_path):
    put_all(tmp_path)
    assert verdict(exports.read(tmp_path / f"users_{DAY}.csv")) == population.CHECK
    assert verdict(exports.read(sorted(tmp_path.iterdir()))) == population.MAY_GO


# ---- headings and kinds


@pytest.mark.parametrize(("kind", "heading"),
                         [(kind, heading) for kind in ("fees", "loans", "requests", "exceptions")
                          for heading in SIDES[kind]] +
                         [("users", h) for h in ("Primary Identifier", "User Record Type", "Expiry Date")])
def test_a_needed_column_that_is_missing_is_named_with_what_was_found(tmp_path, kind, heading):
    heads = {"users": USERS, **SIDES}[kind]
    row = {"users": GOES, "fees": exported.fee()}.get(kind, ["00412345", "7"])
    put_all(tmp_path)
    put(tmp_path, kind, [[cell for cell, h in zip(row, heads, strict=True) if h != heading]],
        heads=[h for h in heads if h != heading])
    with pytest.raises(BadExport) as refused:
        exports.read(tmp_path)
    said = str(refused.value)
    if heading in ("Fine Fee ID", "Item Loan ID", "Request ID", "Reason to Keep"):
        # Without its own heading nobody knows what it is: a bare list of IDs could be of those who stay, or who go.
        assert "tells its kind" in said
    else:
        assert heading.casefold() in said.casefold(), said
    assert all(other in said for other in heads if other != heading), said


def test_columns_may_stand_in_any_order_and_case(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "users", [GOES[::-1]], heads=[f" {heading.upper()}:" for heading in USERS[::-1]])
    assert verdict(exports.read(tmp_path)) == population.MAY_GO


def test_two_columns_of_one_meaning_are_refused(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "users", [[*GOES, "2019-01-01"]], heads=[*USERS, "Expiration Date"])
    with pytest.raises(BadExport, match="Expiry Date and Expiration Date"):
        exports.read(tmp_path)


def test_staff_can_name_their_own_headings_and_words(tmp_path):
    put_all(tmp_path, [user(**{"User Record Type": "Jedermann"})])
    put(tmp_path, "users", [user(**{"User Record Type": "Jedermann"})], heads=["Bibliotheksnummer", *USERS[1:]])
    with pytest.raises(BadExport, match="Bibliotheksnummer"):
        exports.read(tmp_path)
    (tmp_path / "headings.toml").write_text(
        '[headings]\n"Bibliotheksnummer" = "primary_id"\n[values.record_type]\n"Jedermann" = "PUBLIC"\n', "utf-8")
    found = exports.read(tmp_path)
    assert verdict(found) == population.MAY_GO and found.inputs[-1].kind == "headings"
    assert "headings.toml" in set(found.taken["how"])


def test_two_exports_of_one_kind_and_of_different_days_are_refused(tmp_path):
    put_all(tmp_path)
    (tmp_path / f"loans_{DAY}.csv").rename(tmp_path / "loans_2026-11-20.csv")
    put(tmp_path, "loans", [["x", "1"]])
    with pytest.raises(BadExport, match="second export of loans"):
        exports.read(tmp_path)


def test_no_export_of_users_is_refused(tmp_path):
    put(tmp_path, "loans", [["1", "2"]])
    with pytest.raises(BadExport, match="no export of users"):
        exports.read(tmp_path)
    with pytest.raises(BadExport, match="mistyped"):
        exports.read(tmp_path / "mistyped")


@pytest.mark.parametrize("name", ["exceptions.ods", "exceptions.xls", "exceptions.pdf", "exceptions.docx"])
def test_a_file_that_cannot_be_read_is_never_passed_over_unless_staff_say_so(tmp_path, name):
    put_all(tmp_path)
    (tmp_path / name).write_bytes(b"%PDF-1.7 \x00\x01" if name.endswith("pdf") else b"\x00\x01\x02")
    for strict in (True, False):
        with pytest.raises(BadExport, match=name):
            exports.read(tmp_path, strict=strict)
    (tmp_path / "headings.toml").write_text(f'ignore = ["{name}"]\n', encoding="utf-8")
    assert verdict(exports.read(tmp_path)) == population.MAY_GO


# ---- problems


def test_lenient_reading_lists_every_problem_and_keeps_the_good_rows(tmp_path):
    people = [user("good"), user("b", **{"Expiry Date": "1/2/20"}), user("c", **{"Status": "?"}), user("1.2E+11"),
              user("")]
    found = read(tmp_path, people, strict=False, fees=[exported.fee("good", original="1,5,0")])
    assert sorted(found.problems["row"]) == [2, 3, 4, 5, 6] and len(found.users) == 4
    assert set(found.problems["file"]) == {f"users_{DAY}.csv", f"fees_{DAY}.csv"}
    assert found.problems.notna().all().all() and "4 places" not in repr(found) and "5 places" in repr(found)
    assert found.problem_kinds()["places"].sum() == 5


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([user(), user("a"), user("A"), user("b", **{"Expiry Date": "x"}), user(""),
                                 user("1E+5"), user("g", **{"Status": "Deleted"}), user()[:4], [""] * 12]),
                min_size=1, max_size=9),
       st.lists(st.sampled_from([["a", "1"], ["", "2"], ["a", "1", "x"], ["s", "3"], ["", ""]]), max_size=5))
def test_read_and_refused_are_the_rows_of_the_file_always(tmp_path_factory, people, loans):
    found = read(tmp_path_factory.mktemp("rows"), people, strict=False, loans=loans)
    source = {one.kind: one for one in found.inputs}
    assert source["users"].rows == sum(any(row) for row in people)
    assert source["users"].read == len(found.users) + len(found.ghosts) + found.folded
    assert source["loans"].rows == sum(any(row) for row in loans)
    lost = {(one.file, one.row) for one in found.problems.itertuples()}
    assert sum(one.refused for one in found.inputs) <= len(lost)
    assert source["loans"].refused == sum(row in (["", "2"], ["a", "1", "x"]) for row in loans)


def test_the_problems_can_be_opened_in_a_spreadsheet_without_anything_being_run(tmp_path):
    found = read(tmp_path, [user(), user("b", **{"Expiry Date": '=HYPERLINK("http://example.edu")'})], strict=False)
    with found.save_problems(tmp_path).open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells) and not any(cell.startswith("=") for cell in cells)


# ---- exports that were cut off


@pytest.mark.parametrize("kind", ["fees", "loans", "requests"])
def test_a_side_export_without_a_last_line_end_is_suspected_aloud_and_tells_only_of_those_it_names(tmp_path, kind):
    put_all(tmp_path)
    path = tmp_path / f"{kind}_{DAY}.csv"
    path.write_bytes(path.read_bytes().rstrip(b"\r\n"))
    found = exports.read(tmp_path)
    assert verdict(found) == population.CHECK and "may be cut off" in repr(found)


def test_an_export_that_ends_at_a_known_limit_is_suspected_aloud(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "loans", "Primary Identifier,Item Loan ID\n" + "purged,1\n" * 65_000)
    found = exports.read(tmp_path)
    assert verdict(found) == population.CHECK and "65,000 rows" in repr(found)
    put(tmp_path, "loans", "Primary Identifier,Item Loan ID\n" + "purged,1\n" * 65_002)
    assert verdict(exports.read(tmp_path)) == population.MAY_GO


# ---- the day of the data


def test_the_oldest_file_tells_the_day(tmp_path):
    put_all(tmp_path)
    shutil.move(tmp_path / f"loans_{DAY}.csv", tmp_path / "loans_2026-10-01.csv")
    assert exports.read(tmp_path).data_date == datetime.date(2026, 10, 1)


@pytest.mark.parametrize(("given", "day"), [("2026-11-25", "2026-11-21"), ("2026-11-01", "2026-11-01")])
def test_a_day_that_is_given_never_makes_the_data_younger(tmp_path, given, day):
    put_all(tmp_path)
    assert str(exports.read(tmp_path, data_date=given).data_date) == day


def test_the_export_itself_may_tell_its_day(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "users", [[*GOES, "2026-11-19"]], heads=[*USERS, "Data Updated As Of"])
    assert str(exports.read(tmp_path).data_date) == "2026-11-19"
    put(tmp_path, "users", "Data updated as of: 2026-11-18\n" + ",".join(USERS) + "\n" + ",".join(GOES) + "\n")
    assert str(exports.read(tmp_path).data_date) == "2026-11-18"


def test_data_of_no_known_day_is_refused(tmp_path):
    put_all(tmp_path)
    shutil.move(tmp_path / f"loans_{DAY}.csv", tmp_path / "loans.csv")
    with pytest.raises(DataTooOld, match="loans.csv"):
        exports.read(tmp_path)
    assert exports.read(tmp_path, data_date="2026-11-20").data_date == datetime.date(2026, 11, 20)
    with pytest.raises(DataTooOld, match="calendar"):
        exports.read(tmp_path, data_date="20 November")
    shutil.move(tmp_path / "loans.csv", tmp_path / "loans_2026-13-45.csv")
    with pytest.raises(DataTooOld):
        exports.read(tmp_path)


def test_lists_of_staff_need_no_day(tmp_path):
    put_all(tmp_path, exceptions=[["00412345", "comes back"]])
    shutil.move(tmp_path / f"exceptions_{DAY}.csv", tmp_path / "exceptions.csv")
    assert exports.read(tmp_path).data_date == DAY


def test_reading_changes_no_file(tmp_path):
    put_all(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    exports.read(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_day_of_the_tests_is_the_day_of_the_sample():
    assert str(DAY) == invented.AS_OF and set(SIDES) | {"users"} == set(headings.NEEDED)


def test_a_list_of_exceptions_whose_second_heading_is_blank_is_no_set(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "exceptions", [["00412345", "keep"]], heads=["Primary ID", ""])
    with pytest.raises(BadExport, match="tells its kind"):
        exports.read(tmp_path, strict=False)


@pytest.mark.parametrize("kind", ["fees", "loans", "requests"])
def test_a_side_export_without_a_single_row_is_suspected_and_tells_nothing(tmp_path, kind):
    found = read(tmp_path, **{kind: []})
    assert verdict(found) == population.CHECK and "not a single row" in repr(found)
