"""What colleagues keep is kept; a row that is missing, changed or not clear lets nobody go; all of it is named."""

import datetime
import shutil
import subprocess
import zipfile

import invented
import openpyxl
import pandas as pd
import pytest

from purgelib import choice, review, reviewbook
from purgelib.errors import BadChoice, BadExport

COLUMN = {heading: at for at, heading in enumerate(reviewbook.HEADINGS, start=1)}
CHOICE = choice.Choice("spring", datetime.date(2026, 10, 1), invented.POLICY, frozenset(
    {("06", "2019"), ("10", "2019"), ("10", "none"), ("30", "2019")}), institution="Example University")


def people(more=()):
    day = pd.Timestamp
    return invented.people(
        invented.row(primary_id="00411111", name="Ada Example"),
        invented.row(primary_id="00422222", name="Bo Example", purge_date=None, expiry_date=day("2019-01-31")),
        invented.row(primary_id="00433333", name="Cy Example", loans=None),
        invented.row(primary_id="Dee", name="Dee Example", user_group="10", group_name="Staff: [retired]"),
        invented.row(primary_id="00455555", name="Stays Example", loans=1),
        invented.row(primary_id="00466666", name="Not Ticked", user_group="20"), *more)


def sent(folder, judged=None, one=CHOICE):
    return review.write(judged or people(), one, folder)


def back(path, change=lambda book: None):
    """Saves the workbook as a colleague does, after a change; returns what is read."""
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)
    return review.read(path, people(), CHOICE)


def put(row, column, text, sheet=1):
    return lambda book: book.worksheets[sheet].cell(row, COLUMN[column]).__setattr__("value", text)


def kept(found):
    return dict(found.choice.keep)


def kinds(found):
    return found.named["kind"].tolist()


def test_what_comes_back_untouched_keeps_nobody(tmp_path):
    found = back(sent(tmp_path))
    assert found.choice == CHOICE and found.rows == 4 and found.named.empty and found.kept.empty
    assert "4 users came back, looked through by nobody who wrote a name down: 0 more are kept" in found.summary()


def test_a_folder_stands_for_nothing_that_came_back(tmp_path):
    found = review.read(tmp_path, people(), CHOICE)
    assert found.choice == CHOICE and found.kept.empty and found.named.empty and found.kinds().empty
    assert found.summary() == "No workbook has come back yet: nobody is kept by it."


def test_everybody_chosen_is_in_it_with_real_dates_and_texts_for_ids(tmp_path):
    book = openpyxl.load_workbook(sent(tmp_path))
    assert book.sheetnames == ["Read me first", "06 Undergraduate", "10 Staff retired"]
    sheet = book.worksheets[1]
    assert [cell.value for cell in sheet[2]] == reviewbook.HEADINGS
    assert [cell.value for cell in sheet[3]] == [
        "00411111", "Ada Example", None, None, datetime.datetime(2019, 6, 30), datetime.datetime(2020, 6, 30),
        "06 Undergraduate", "may go", "expired long enough, nothing speaks against it"]
    assert [cell.value for cell in sheet["A"][2:]] == ["00411111", "00422222", "00433333"]
    assert sheet["F4"].value is None and sheet["H5"].value == "to be checked live"


def test_only_keep_and_reason_are_open_and_the_headings_stay_in_sight(tmp_path):
    book = openpyxl.load_workbook(sent(tmp_path))
    for sheet in book.worksheets[1:]:
        assert sheet.protection.sheet and not sheet.protection.autoFilter and not sheet.protection.formatColumns
        assert sheet.freeze_panes == "C3" and sheet.auto_filter.ref == f"A2:I{sheet.max_row}"
        assert sheet.print_title_rows == "$1:$2" and sheet.page_setup.orientation == "landscape"
        open_ones = {letter for letter, column in sheet.column_dimensions.items() if not column.protection.locked}
        assert open_ones == {"C", "D"} and all(cell.protection.locked for cell in sheet["A"])


def test_the_cover_says_what_it_is(tmp_path):
    sheet = openpyxl.load_workbook(sent(tmp_path)).worksheets[0]
    said = " ".join(str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None)
    for text in ("Example University", "2026-11-21", "spring", "may go: 3", "stays: 1", "expired for 730 days or more",
                 "2026-10-01", "KEEP", "send it back", "06 Undergraduate", review.fingerprint(people(), CHOICE)):
        assert text in said, text


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "http://example.edu", "{=1}", "00012",
                                  "1e5", "internal:x", "\tx", "Ähm, 'x'"])
def test_nothing_in_it_can_start_a_formula_or_a_link(tmp_path, name):
    judged = invented.people(invented.row(name=name, group_name=name))
    path = sent(tmp_path, judged)
    sheet = openpyxl.load_workbook(path).worksheets[1]
    assert sheet["B3"].value == name and sheet["B3"].data_type in "s" and sheet["B3"].hyperlink is None
    with zipfile.ZipFile(path) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet2.xml")
    assert review.read(path, judged, CHOICE).kept.empty or not name.isprintable()


@pytest.mark.parametrize(("keep", "why", "reason"), [
    ("x", "is on leave", "is on leave"), ("x", "", "kept in review"), ("Yes", "", "kept in review"),
    ("comes back in May", "", "comes back in May"), ("x", "  two\nlines ", "two lines"), (1, "", "kept in review"),
    (True, 7, "7"), ("#N/A", "", "kept in review")])
def test_anything_in_keep_keeps(tmp_path, keep, why, reason):
    def fill(book):
        put(3, "KEEP", keep)(book)
        put(3, "REASON", why)(book)
    found = back(sent(tmp_path), fill)
    if keep != "#N/A":
        assert kept(found) == {"00411111": reason} and found.named.empty
    assert list(kept(found)) == ["00411111"]


@pytest.mark.parametrize("keep", ["no", "Nein", "-", "?", 0, "FALSE"])
def test_what_may_mean_the_opposite_keeps_and_is_named(tmp_path, keep):
    found = back(sent(tmp_path), put(4, "KEEP", keep))
    assert list(kept(found)) == ["00422222"] and kinds(found) == ["KEEP is not clear"]
    named = found.named.iloc[0]
    assert (named["sheet"], named["row"], named["column"]) == ("06 Undergraduate", 4, "KEEP")
    assert named["value"] == str(keep)


def test_a_reason_without_keep_keeps_and_is_named(tmp_path):
    found = back(sent(tmp_path), put(3, "REASON", "parental leave"))
    assert kept(found) == {"00411111": "parental leave"} and kinds(found) == ["reason without KEEP"]


def test_a_row_that_was_deleted_keeps_its_user(tmp_path):
    found = back(sent(tmp_path), lambda book: book.worksheets[1].delete_rows(4))
    assert kept(found) == {"00422222": "row missing in the review"} and kinds(found) == ["row missing"]
    assert found.named["value"].tolist() == ["00422222"] and "1 of them because" in found.summary()


def test_a_sheet_that_was_deleted_keeps_its_users_and_a_renamed_one_does_not(tmp_path):
    path = sent(tmp_path)
    assert kept(back(path, lambda book: setattr(book.worksheets[1], "title", "Ours"))) == {}
    found = back(path, lambda book: book.remove(book.worksheets[1]))
    assert set(kept(found)) == {"00411111", "00422222", "00433333"}


@pytest.mark.parametrize(("column", "value", "was"), [
    ("Name", "Somebody Else", "Ada Example"), ("Expiry date", datetime.datetime(2029, 6, 30), "2019-06-30"),
    ("Expiry date", "03/04/05", "2019-06-30"), ("Expiry date", None, "2019-06-30"),
    ("Purge date", "soon", "2020-06-30"), ("User group", "10", "06 Undergraduate"), ("Name", None, "Ada Example")])
def test_a_row_that_was_changed_keeps_its_user_and_says_what_was_sent(tmp_path, column, value, was):
    found = back(sent(tmp_path), put(3, column, value))
    assert kept(found) == {"00411111": "row changed in the review"} and kinds(found) == ["row changed"]
    assert found.named["column"].tolist() == [column] and was in found.named["problem"][0]


def test_a_date_where_none_was_sent_is_a_change_even_if_it_cannot_be_read(tmp_path):
    found = back(sent(tmp_path), put(4, "Purge date", "soon"))
    assert kept(found) == {"00422222": "row changed in the review"} and "“empty”" in found.named["problem"][0]


def test_dates_typed_as_texts_are_the_same_dates(tmp_path):
    assert kept(back(sent(tmp_path), put(3, "Expiry date", "30.06.2019"))) == {}


def test_only_some_columns_sorted_keeps_everybody_whose_row_is_torn(tmp_path):
    def sort_ids(book):
        sheet = book.worksheets[1]
        ids = [sheet.cell(row, 1).value for row in (3, 4, 5)]
        for row, one in zip((3, 4, 5), reversed(ids), strict=True):
            sheet.cell(row, 1).value = one
    assert set(kept(back(sent(tmp_path), sort_ids))) == {"00411111", "00433333"}


def test_rows_sorted_filtered_hidden_and_columns_moved_change_nothing(tmp_path):
    def move(book):
        sheet = book.worksheets[1]
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        rows = [rows[0], *sorted(rows[1:], reverse=True)]
        for at, row in enumerate(rows, start=2):
            for to, text in enumerate([*row[4:], *row[:4]], start=1):
                sheet.cell(at, to).value = text
        sheet.row_dimensions[3].hidden = sheet.column_dimensions["E"].hidden = True
        # The last row is Ada's, and KEEP is the eighth column now.
        sheet.cell(5, 8).value = "x"
    found = back(sent(tmp_path), move)
    assert kept(found) == {"00411111": "kept in review"} and found.named.empty


def test_ids_made_numbers_are_named_and_their_users_kept(tmp_path):
    def numbers(book):
        put(3, "Primary ID", 411111)(book)
        put(3, "KEEP", "x")(book)
    found = back(sent(tmp_path), numbers)
    assert kept(found) == {"00411111": "row missing in the review"}
    assert sorted(kinds(found)) == ["ID of nobody", "row missing"]


def test_a_user_in_two_rows_is_kept_if_one_says_so(tmp_path):
    def twice(book):
        sheet = book.worksheets[1]
        sheet.append([cell.value for cell in sheet[3]])
        sheet.cell(6, COLUMN["KEEP"]).value = "x"
    found = back(sent(tmp_path), twice)
    assert kept(found) == {"00411111": "kept in review"} and kinds(found) == ["user in several rows"] * 2


def test_somebody_written_below_by_hand_is_kept(tmp_path):
    found = back(sent(tmp_path), lambda book: book.worksheets[1].append(["00466666", None, "x", "my neighbour"]))
    assert kept(found) == {"00466666": "my neighbour"}
    assert choice.from_toml(found.choice.to_toml()) == found.choice and not found.choice.strangers(people())


@pytest.mark.parametrize("column", ["Name", "Expiry date", "Purge date", "User group"])
def test_a_column_that_was_deleted_keeps_all_of_its_sheet(tmp_path, column):
    found = back(sent(tmp_path), lambda book: book.worksheets[1].delete_cols(COLUMN[column]))
    assert len(kept(found)) == 3 and kinds(found) == ["column gone"] and column in found.named["problem"][0]


@pytest.mark.parametrize("column", ["Primary ID", "KEEP"])
def test_a_sheet_without_ids_or_answers_keeps_its_users(tmp_path, column):
    found = back(sent(tmp_path), lambda book: book.worksheets[1].delete_cols(COLUMN[column]))
    assert len(kept(found)) == 3 and kinds(found) == ["row missing"] * 3 + ["sheet not read"]


def test_a_sheet_of_a_colleagues_own_is_named_and_passed_over(tmp_path):
    found = back(sent(tmp_path), lambda book: book.create_sheet("Notes").append(["ask Ada"]))
    assert kept(found) == {} and kinds(found) == ["sheet not read"] and found.rows == 4


def test_a_merged_row_keeps_its_user(tmp_path):
    found = back(sent(tmp_path), lambda book: book.worksheets[1].merge_cells("A3:B3"))
    assert "00411111" in kept(found) and "row not read" in kinds(found)


def test_the_name_of_whoever_looked_through_comes_back(tmp_path):
    def sign(book):
        sheet = book.worksheets[0]
        row = next(row for row in sheet.iter_rows() if row[0].value == "Looked through by")
        assert not row[1].protection.locked
        row[1].value = "Bo, law library"
    assert back(sent(tmp_path), sign).signed == "Bo, law library"


@pytest.mark.parametrize("other", [
    {"institution": "Elsewhere"}, {"ticks": frozenset({("06", "2019")})}, {"leave_out": ("has loans",)},
    {"only": (("record_type", ("PUBLIC",)),)}])
def test_another_choice_is_refused(tmp_path, other):
    path = sent(tmp_path)
    with pytest.raises(BadChoice, match="another review.*Example University.*2026-11-21"):
        review.read(path, people(), choice.dataclasses.replace(CHOICE, **other))


def test_a_choice_with_another_policy_is_refused_before_anybody_is_shown_or_kept_by_it(tmp_path):
    other = choice.dataclasses.replace(CHOICE, policy=choice.Policy(protected_groups=("06",)))
    path = sent(tmp_path)
    for use in (lambda: review.write(people(), other, tmp_path / "more"), lambda: review.read(path, people(), other),
                lambda: review.read(tmp_path, people(), other), lambda: review.hand_out(people(), other, tmp_path)):
        with pytest.raises(BadChoice, match="another policy"):
            use()


@pytest.mark.parametrize("column", ["Verdict", "Reasons"])
def test_what_is_written_over_the_other_columns_keeps_the_user(tmp_path, column):
    found = back(sent(tmp_path), put(3, column, "PLEASE KEEP, on leave"))
    assert kept(found) == {"00411111": review.CHANGED} and kinds(found) == ["row changed"]


@pytest.mark.parametrize("heading", ["", "Comment", "KEEP", "keep "])
def test_what_is_written_beside_a_row_keeps_its_user_with_these_words(tmp_path, heading):
    def write(book):
        sheet = book.worksheets[1]
        sheet.cell(2, 11).value = heading or None
        sheet.cell(3, 11).value = "keep her"
    found = back(sent(tmp_path), write)
    assert kept(found) == {"00411111": "written beside in the review: keep her"}
    assert kinds(found) == ["written beside"]


def test_what_is_written_above_the_table_keeps_all_of_its_sheet(tmp_path):
    found = back(sent(tmp_path), lambda book: book.worksheets[1].cell(1, 3).__setattr__("value", "KEEP ALL OF THESE"))
    assert set(kept(found)) == {"00411111", "00422222", "00433333"}
    assert [(one.kind, one.value) for one in found.named.itertuples()] == [("written above", "KEEP ALL OF THESE")]


@pytest.mark.parametrize("words", ["{} but not Ada", "KEEP ALL. {}"[9:] + " ?", "{}\nkeep the first"])
def test_what_is_added_to_the_title_of_a_sheet_keeps_all_of_it(tmp_path, words):
    def add(book):
        cell = book.worksheets[1].cell(1, 1)
        cell.value = words.format(cell.value)
    assert set(kept(back(sent(tmp_path), add))) == {"00411111", "00422222", "00433333"}


def test_comments_beside_cells_are_named_as_nobody_reads_them(tmp_path):
    def comment(book):
        book.worksheets[1]["A3"].comment = openpyxl.comments.Comment("keep!", "Bo")
    assert kinds(back(sent(tmp_path), comment)) == ["comments not read"]


def test_no_sheet_can_be_sorted_as_the_two_open_columns_would_be_sorted_alone(tmp_path):
    book = openpyxl.load_workbook(sent(tmp_path))
    assert all(sheet.protection.sheet and sheet.protection.sort for sheet in book.worksheets)


def test_a_second_colleagues_workbook_adds_to_the_first(tmp_path):
    first, second = back(sent(tmp_path / "a"), put(3, "KEEP", "x")), sent(tmp_path / "b")
    book = openpyxl.load_workbook(second)
    put(4, "KEEP", "x")(book)
    book.save(second)
    assert set(kept(review.read(second, people(), first.choice))) == {"00411111", "00422222"}


def test_who_was_let_go_and_is_kept_again_stands_in_one_list_only(tmp_path):
    one = choice.dataclasses.replace(CHOICE, released=(("00411111", "left"),))
    path = sent(tmp_path, one=one)
    book = openpyxl.load_workbook(path)
    put(3, "KEEP", "x")(book)
    book.save(path)
    found = review.read(path, people(), one)
    assert kept(found) == {"00411111": "kept in review"} and found.choice.released == ()


def test_another_day_of_the_data_is_refused(tmp_path):
    path, later = sent(tmp_path), people()
    object.__setattr__(later, "as_of", pd.Timestamp("2026-11-22"))
    with pytest.raises(BadChoice, match="another review"):
        review.read(path, later, CHOICE)


def test_a_sheet_of_another_review_is_refused(tmp_path):
    path = sent(tmp_path)
    with pytest.raises(BadChoice, match="another review"):
        back(path, lambda book: book.worksheets[1].__setitem__("A1", "06 (review 0123456789ab)"))


def test_a_review_without_its_cover_or_no_workbook_is_refused(tmp_path):
    path = sent(tmp_path)
    with pytest.raises(BadChoice, match="Read me first"):
        back(path, lambda book: book.remove(book.worksheets[0]))
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(BadExport, match=r"x\.xlsx"):
        review.read(tmp_path / "x.xlsx", people(), CHOICE)


def test_several_reviews_are_read_one_after_another_and_reasons_stay(tmp_path):
    first, second = sent(tmp_path / "a.xlsx"), sent(tmp_path / "b.xlsx")
    one = back(first, put(3, "KEEP", "x"))
    book = openpyxl.load_workbook(second)
    put(3, "REASON", "other reason")(book)
    put(4, "KEEP", "x")(book)
    book.save(second)
    two = review.read(second, people(), one.choice)
    assert kept(two) == {"00411111": "kept in review", "00422222": "kept in review"}
    assert two.kept["primary_id"].tolist() == ["00422222"]
    assert review.read(first, people(), two.choice).choice == two.choice


def test_answers_are_never_overwritten(tmp_path):
    path = sent(tmp_path)
    back(path, put(3, "KEEP", "x"))
    assert sent(tmp_path) == path and kept(review.read(path, people(), CHOICE)) == {"00411111": "kept in review"}
    with pytest.raises(BadChoice, match="answers in it"):
        sent(path)


def test_the_workbook_is_its_owners_only_and_whole_or_not_at_all(tmp_path, monkeypatch):
    assert sent(tmp_path / "run").stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(reviewbook, "_cover", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sent(tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_nobody_chosen_makes_no_review(tmp_path):
    nobody = choice.Choice(policy=invented.POLICY)
    assert sent(tmp_path, one=nobody) is None
    assert "tick some users first" in review.hand_out(people(), nobody, tmp_path)
    assert sent(tmp_path / "named.xlsx", one=nobody) is None
    assert list(tmp_path.iterdir()) == []


def test_what_was_handed_out_is_said_and_so_is_what_lay_there_before(tmp_path):
    said = review.hand_out(people(), CHOICE, tmp_path)
    path, = tmp_path.iterdir()
    assert said == f"{path.name}: 4 users, to be sent to those who know them."
    again = review.hand_out(people(), CHOICE, tmp_path)
    assert again.startswith(f"{path.name} is there already, and is left as it is: it may hold answers. If somebody")


def test_a_group_of_more_users_than_a_sheet_holds_is_split(tmp_path, monkeypatch):
    monkeypatch.setattr(reviewbook, "MOST", 2)
    book = openpyxl.load_workbook(sent(tmp_path))
    assert book.sheetnames[1:] == ["06 Undergraduate", "06 Undergraduate (2)", "10 Staff retired"]
    assert [sheet.max_row - 2 for sheet in book.worksheets[1:]] == [2, 1, 1]


@pytest.mark.parametrize(("wanted", "names"), [
    (["a/b:c*?[d]\\"], ["a b c d"]), (["x" * 40, "X" * 40], ["x" * 31, "X" * 27 + " (2)"]), (["'q'"], ["q"]),
    (["", "::"], ["no user group", "no user group (2)"]), (["History", "read me FIRST"], ["History (2)",
                                                                                        "read me FIRST (2)"]),
    (["😀" * 20], ["😀" * 15])])
def test_names_of_sheets_are_such_as_excel_takes(wanted, names):
    assert reviewbook.names(wanted) == names


def test_dates_that_excel_cannot_hold_are_texts_and_come_back(tmp_path):
    days = map(pd.Timestamp, ["1890-01-01", "1900-01-31", "2020-02-29"])
    odd = [invented.row(primary_id=f"odd{at}", user_group="10", purge_date=day) for at, day in enumerate(days)]
    judged = invented.people(invented.row(), *odd)
    found = review.read(sent(tmp_path, judged), judged, CHOICE)
    assert found.rows == 4 and found.choice.keep == ()


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not here: what it saves is not tested")
def test_a_workbook_that_libreoffice_saved_is_the_same(tmp_path):
    path = sent(tmp_path)
    back(path, put(3, "KEEP", "x"))
    subprocess.run(["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", "xlsx",
                    "--outdir", tmp_path / "saved", path], check=True, capture_output=True, timeout=120)
    found = review.read(tmp_path / "saved" / path.name, people(), CHOICE)
    assert kept(found) == {"00411111": "kept in review"} and found.named.empty and found.rows == 4
