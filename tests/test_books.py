"""Workbooks and pages read to texts: what is stored counts, nothing is guessed, no file can fill the memory."""

import datetime
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib.errors import BadExport
from purgelib.forms import books, cellscan, grids, newbooks, packed, pages

DAMAGED = Path(__file__).parent / "damaged"
HEADS = ["Primary Identifier", "Expiry Date", "Code"]
DAY = datetime.datetime(2019, 6, 30)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def is_header(cells):
    return "Primary Identifier" in cells


def texts(sheet):
    return [list(row.values()) for row in sheet.cells.to_pylist()]


def read(path, **more):
    reader = pages.read if path.read_bytes()[:1] in b"<M" else books.read
    return reader(path, path.name, is_header, **more)


def book(path, *sheets, **options):
    """Writes a workbook; a sheet is a list of rows, or a function of the workbook and its new sheet."""
    with xlsxwriter.Workbook(path, options) as made:
        for one in sheets:
            sheet = made.add_worksheet()
            if callable(one):
                one(made, sheet)
            else:
                for at, row in enumerate(one):
                    sheet.write_row(at, 0, row)
    return path


def handmade(path, sheet, book="", **parts):
    """Writes an XLSX from the text of its only sheet."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", f'<Types xmlns="{packages}/content-types"/>')
        made.writestr("_rels/.rels", f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r1" '
                      f'Type="{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>')
        made.writestr("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{kind}">{book}<sheets>'
                      '<sheet name="Export" sheetId="1" r:id="r1"/></sheets></workbook>')
        made.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{packages}/relationships"><Relationship '
                      f'Id="r1" Type="{kind}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>')
        made.writestr("xl/worksheets/sheet1.xml", sheet)
        for name, text in parts.items():
            made.writestr(f"xl/{name}.xml", text)
    return path


def sheet_xml(*rows, before=""):
    return f'{before}<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


def cell(place, text):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADING = f'<row r="1">{cell("A1", "Primary Identifier")}{cell("B1", "Code")}</row>'


def page(path, *tables):
    path.write_text(f'<html><head><meta charset="utf-8"></head><body>{"".join(tables)}</body></html>', "utf-8")
    return path


def table(*rows):
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


TH = "<th>Primary Identifier</th><th>Code</th>"

# What real programs have saved.


@pytest.mark.parametrize("name", ["csv_opened_and_saved.xlsx", "xlsx_saved_as_xls.xls"])
def test_lost_zeros_are_seen_to_have_been_stored_as_numbers(name):
    sheet, = read(DAMAGED / name)
    assert texts(sheet)[0] == ["412345", "Ada", "Example", "6", "Public", "2019-06-30", "5"]
    assert sheet.as_number[0].tolist() == [True, True, False] and set(sheet.as_number) == {0, 3, 6}


def test_a_page_named_xls_reads_like_the_workbook_that_it_was():
    assert texts(*read(DAMAGED / "xls_saved_as_html.xls")) == texts(*read(DAMAGED / "xlsx_saved_as_xls.xls"))


@pytest.mark.parametrize("ending", ["xlsx", "xls"])
def test_days_are_counted_from_1904_where_the_workbook_says_so(ending):
    sheet, = read(DAMAGED / f"from_1904.{ending}")
    assert sheet.epoch == 1904
    assert texts(sheet) == [["00412345", "2019-06-30"], ["00412346", "1904-01-02"], ["00412347", "42184"]]


@pytest.mark.parametrize("ending", ["xlsx", "xls"])
def test_dates_numbers_and_texts_of_one_column_are_told_apart(ending):
    sheet, = read(DAMAGED / f"dates_mixed.{ending}")
    assert [row[1] for row in texts(sheet)] == ["2019-06-30", "2019-06-30", "43646", "2019-06-30 23:59:59",
                                                "28 or 29 February 1900", ""]
    assert sheet.as_number[1].tolist() == [False, False, True, False, False, False]
    assert sheet.titles == ("Users of Invented University", "Expiry Date is less than 2026-01-01")
    assert sheet.numbers.tolist() == [5, 6, 7, 8, 9, 10] and sheet.epoch == 1900


@pytest.mark.parametrize("name", ["merged.xlsx", "merged.xls", "merged_as_html.xls"])
def test_a_value_merged_over_rows_belongs_to_all_of_them(name):
    sheet, = read(DAMAGED / name)
    assert texts(sheet) == [["00412345", "f1", "t1", "5.00"], ["00412345", "f1", "t2", "2.50"],
                            ["00412345", "f2", "t3", "1.00"], ["00412346", "f3", "t4", "7.00"]]
    assert [(one.number, one.text) for one in sheet.lost] == [(8, "4 rows")] and sheet.titles == ("Fines and Fees",)


@pytest.mark.parametrize("ending", ["xlsx", "xls"])
def test_errors_of_formulas_never_become_empty_or_good_values(ending):
    assert texts(*read(DAMAGED / f"errors.{ending}")) == [
        ["00412345", "#N/A", "#DIV/0!"], ["00412346", "2019-06-30", "2"], ["00412347", "", "TRUE"],
        ["#N/A", "2019-06-30", "0"]]


# Cells.

def test_cells_become_the_texts_that_a_person_would_type(tmp_path):
    def fill(made, sheet):
        day, time = made.add_format({"num_format": "d/m/yy"}), made.add_format({"num_format": "[h]:mm"})
        sheet.write_row(0, 0, HEADS)
        values = [412345, 0.5, True, 123456789012345, 1234567890123456, -3, "NA", "06", " x ", 1e22]
        for at, value in enumerate(values, 1):
            sheet.write(at, 0, value)
        for at, (serial, how) in enumerate([(43646, day), (43646.75, day), (0.5, day), (60, day), (61, day),
                                            (2958465, day), (2958466, day), (1.5, time), (-1, day), (1, day)], 1):
            sheet.write_number(at, 1, serial, how)
    sheet, = read(book(tmp_path / "u.xlsx", fill))
    assert [row[0] for row in texts(sheet)] == [
        "412345", "0.5", "TRUE", "123456789012345", "1234567890123456.0", "-3", "NA", "06", " x ", "1e+22"]
    assert [row[1] for row in texts(sheet)] == [
        "2019-06-30", "2019-06-30 18:00:00", "12:00:00", "28 or 29 February 1900", "1900-03-01", "9999-12-31",
        "2958466", "36:00:00", "00:00:00", "1900-01-01"]
    assert sheet.as_number[0].tolist() == [True, True, False, True, True, True, False, False, False, True]
    assert sheet.as_number[1].tolist() == [False] * 6 + [True] + [False] * 3


@pytest.mark.parametrize("formula", ["<f>A1</f>", '<f t="shared" si="0"/>', "<f>A1</f><v/>", "<f>A1</f><v></v>"])
def test_a_formula_that_was_never_calculated_is_not_an_empty_cell(tmp_path, formula):
    rows = f'<row r="2">{cell("A2", "1")}<c r="B2">{formula}</c></row>'
    assert texts(*read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, rows)))) == [["1", cellscan.NEVER]]


def test_a_formula_that_gives_an_empty_text_is_an_empty_cell(tmp_path):
    rows = f'<row r="2">{cell("A2", "1")}<c r="B2" t="str"><f>T("")</f><v></v></c></row>'
    assert texts(*read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, rows)))) == [["1", ""]]


def test_an_error_far_into_a_large_sheet_is_found(tmp_path):
    rows = [f'<row r="{n}">{cell(f"A{n}", n)}{cell(f"B{n}", "x" * 300)}</row>' for n in range(2, 20_000)]
    rows.append(f'<row r="20000">{cell("A20000", "last")}<c t="e" r="B20000"><v>#REF!</v></c></row>')
    sheet, = read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, *rows)))
    assert texts(sheet)[-1] == ["last", "#REF!"] and "#REF!" not in str(texts(sheet)[:-1])


def test_an_error_that_does_not_say_where_it_stands_is_refused(tmp_path):
    rows = f'<row r="2">{cell("A2", "1")}<c t="e"><v>#N/A</v></c></row>'
    with pytest.raises(BadExport, match="#N/A"):
        read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, rows)))


@pytest.mark.parametrize(("code", "seen"), [
    ("00000000", "00412345"), ("[$-407]00000000", "00412345"), ("00000000\\ ", "00412345"),
    ("00000000;-00000000;0", "00412345"), ("[Red]#00000000", "00412345"),
    ("00000-0000", "00041-2345"), ('"U"00000000', "U00412345"), ('"U"0', "U412345"),
    ("00,000,000", "412345 (shown as 00,000,000)"), ("[<9]00;00000000", "412345 (shown as [<9]00;00000000)"),
    ("00000000.00", "412345 (shown as 00000000.00)"), ("0000", "412345"), ("0", "412345"), ("# ##0", "412345"),
    ("#,##0.00", "412345"), ('#,##0.00\\ "EUR"', "412345"), ("0.0E+00", "412345"), ("General", "412345"),
    ("@", "412345"),
])
def test_a_number_is_read_with_the_zeros_that_its_format_shows(tmp_path, code, seen):
    def fill(made, sheet):
        sheet.write_row(0, 2, HEADS)
        sheet.write_row(1, 2, [412345, "412345", 412345], made.add_format({"num_format": code}))
        sheet.write_row(2, 2, [412345, "x", 412345])
        sheet.write_blank(900, 2, None, made.add_format({"num_format": code}))
    sheet, = read(book(tmp_path / "u.xlsx", fill))
    assert texts(sheet) == [[seen, "412345", seen], ["412345", "x", "412345"]]
    assert {at: mask.tolist() for at, mask in sheet.as_number.items()} == {0: [True, True], 2: [True, True]}


def test_formats_with_zeros_change_no_date_and_no_number_that_lost_digits(tmp_path):
    def fill(made, sheet):
        sheet.write_row(0, 0, HEADS)
        zeros, day = made.add_format({"num_format": "0000"}), made.add_format({"num_format": "yyyymmdd"})
        for at, (value, how) in enumerate([(43646, day), (1e22, zeros), (-5, zeros), (0.5, zeros), (0, zeros)], 1):
            sheet.write_number(at, 0, value, how)
    sheet, = read(book(tmp_path / "u.xlsx", fill))
    assert [row[0] for row in texts(sheet)] == ["2019-06-30", "1e+22", "-5", "0.5 (shown as 0000)", "0000"]


def styles(*codes):
    formats = "".join(f'<numFmt numFmtId="{164 + at}" formatCode="{code}"/>' for at, code in enumerate(codes))
    used = "".join(f'<xf numFmtId="{164 + at}"/>' for at in range(len(codes)))
    return f'<styleSheet xmlns="{MAIN}"><numFmts>{formats}</numFmts><cellXfs>{used}</cellXfs></styleSheet>'


def test_a_cell_that_names_no_style_has_the_first_one(tmp_path):
    rows = '<row r="2"><c r="A2"><v>7</v></c><c r="B2" s="1"><v>7</v></c></row>' \
           f"<x:row r='3' xmlns:x='{MAIN}'><x:c s='0' r='A3'><x:v>8</x:v></x:c><x:c\nr='B3' t='n'\ts='0'><x:v>8</x:v>" \
           "</x:c></x:row>"
    path = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, rows), styles=styles("0000", "0"))
    assert texts(*read(path)) == [["0007", "7"], ["0008", "0008"]]


def test_only_the_formats_of_cells_matter_wherever_they_stand(tmp_path):
    other = ('<dxfs><dxf><numFmt numFmtId="164" formatCode="0"/></dxf></dxfs><numFmts><numFmt numFmtId="164" '
             'formatCode="0000"/></numFmts><dxfs><dxf><numFmt numFmtId="164" formatCode="0"/></dxf></dxfs>')
    text = (f'<styleSheet xmlns="{MAIN}"><cellStyleXfs><xf numFmtId="0"/></cellStyleXfs><cellXfs><xf numFmtId="164"/>'
            f'</cellXfs>{other}</styleSheet>')
    rows = '<row r="2"><c r="A2"><v>7</v></c></row>'
    assert texts(*read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, rows), styles=text))) == [["0007", ""]]


def test_zeros_shown_in_many_rows_are_found_in_all_of_them(tmp_path):
    rows = [f'<row r="{n}"><c r="A{n}" s="{n % 2}"><v>{n}</v></c>{cell(f"B{n}", "x" * 99)}</row>'
            for n in range(2, 60_000)]
    sheet, = read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, *rows), styles=styles("0", "00000000")))
    assert [row[0] for row in texts(sheet)] == [f"{n:08d}" if n % 2 else str(n) for n in range(2, 60_000)]


@pytest.mark.parametrize("name", ["zeros_by_format.xlsx", "zeros_by_format.xls", "zeros_by_format_as_html.xls"])
def test_zeros_that_libreoffice_shows_are_read(name):
    sheet, = read(DAMAGED / name)
    assert texts(sheet) == [["00412345", "2019-06-30", "06"], ["00412346", "2020-06-30", "6"], ["412347", "", "06"],
                            ["00000-0042", "", "Ä6"]]
    assert sheet.as_number[0].tolist() == [True, True, False, True]


TEXT = st.text(st.characters(codec="utf-8", min_codepoint=32, exclude_categories=("Cs", "Cn")), max_size=8)
CELL = TEXT | st.integers(-10**14, 10**14) | st.booleans() | st.datetimes(
    datetime.datetime(1900, 3, 1), datetime.datetime(2200, 1, 1)).map(lambda day: day.replace(microsecond=0))


def typed(value):
    if isinstance(value, bool):
        return str(value).upper()
    return str(value).removesuffix(" 00:00:00") if isinstance(value, datetime.datetime) else str(value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL).filter(lambda row: any(typed(one).strip() for one in row)), max_size=8),
       st.booleans(), st.integers(0, 3))
def test_any_table_is_read_back_as_it_was_written(tmp_path_factory, rows, epoch, above):
    def fill(made, sheet):
        day = made.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_row(above, 1, HEADS)
        for at, row in enumerate(rows, above + 1):
            for column, value in enumerate(row, 1):
                write = {str: sheet.write_string, bool: sheet.write_boolean, int: sheet.write_number}.get(type(value))
                write(at, column, value) if write else sheet.write_datetime(at, column, value, day)
    rows = [tuple(value if not isinstance(value, datetime.datetime) or not epoch or value.year > 1904 else "old"
                  for value in row) for row in rows]
    path = book(tmp_path_factory.getbasetemp() / "any.xlsx", fill, date_1904=epoch)
    sheet, = read(path)
    assert texts(sheet) == [[typed(value) for value in row] for row in rows]
    assert sheet.headings == tuple(HEADS) and sheet.numbers.tolist() == list(range(above + 2, above + 2 + len(rows)))


# Rows, headings, merged cells.

def test_row_numbers_are_those_that_a_person_sees(tmp_path):
    sheet, = read(book(tmp_path / "u.xlsx", [[], [], ["Title", "more"], [], HEADS, ["1"], [], [" "], ["2"]]))
    assert sheet.numbers.tolist() == [6, 9] and sheet.titles == ("Title", "more")


def test_headings_are_looked_for_in_the_first_rows_only(tmp_path):
    with pytest.raises(BadExport, match="first 30 rows"):
        read(book(tmp_path / "u.xlsx", [["x"]] * 30 + [HEADS, ["1"]]))
    assert len(read(book(tmp_path / "v.xlsx", [["x"]] * 29 + [HEADS, ["1"]]))[0]) == 1


def test_a_heading_that_stands_there_twice_is_kept_twice(tmp_path):
    sheet, = read(book(tmp_path / "u.xlsx", [["Primary Identifier", "Code", "Code "], ["1", "2", "3"]]))
    assert sheet.headings == ("Primary Identifier", "Code", "Code") and texts(sheet) == [["1", "2", "3"]]


def test_every_sheet_is_read_and_empty_ones_left_out(tmp_path):
    def hidden(made, sheet):
        sheet.hide()
        sheet.write_row(0, 0, HEADS)
        sheet.write_row(1, 0, ["2"])
        sheet.set_row(1, None, None, {"hidden": True})
    found = read(book(tmp_path / "u.xlsx", [HEADS, ["1"]], [], hidden, [["  "]], [HEADS]))
    assert [(one.sheet, texts(one)) for one in found] == [("Sheet1", [["1", "", ""]]), ("Sheet3", [["2", "", ""]]),
                                                          ("Sheet5", [])]


def test_a_sheet_with_text_but_without_headings_is_an_error_unless_ignored(tmp_path):
    path = book(tmp_path / "u.xlsx", [HEADS, ["1"]], [["keep these", "please"], ["00412345"]])
    with pytest.raises(BadExport, match="keep these, please") as refused:
        read(path)
    assert refused.value.sheet == "Sheet2" and refused.value.file == "u.xlsx"
    assert [one.sheet for one in read(path, ignored={"u.xlsx/Sheet2"})] == ["Sheet1"]


def test_a_workbook_without_any_text_is_an_error(tmp_path):
    with pytest.raises(BadExport, match="no sheet with any text"):
        read(book(tmp_path / "u.xlsx", []))


def merged(*ranges, rows=(["1", "2019", "06"], ["", "2020", "07"], ["", "", ""], ["3", "2021", "08"])):
    def fill(made, sheet):
        for at, row in enumerate([HEADS, *rows]):
            for column, value in enumerate(row):
                if value:
                    sheet.write_string(at, column, value)
        for top, left, bottom, right in ranges:
            sheet.merge_range(top, left, bottom, right, [HEADS, *rows][top][left])
            for row in range(top + 1, bottom + 1):
                if [HEADS, *rows][row][left]:
                    sheet.write_string(row, left, [HEADS, *rows][row][left])
    return fill


def test_a_merged_value_makes_no_row_of_an_empty_one(tmp_path):
    sheet, = read(book(tmp_path / "u.xlsx", merged((1, 0, 3, 0))))
    assert texts(sheet) == [["1", "2019", "06"], ["1", "2020", "07"], ["3", "2021", "08"]] and not sheet.lost


@pytest.mark.parametrize(("ranges", "lost", "why"), [
    ([(2, 1, 2, 2)], [3], grids.WIDE), ([(1, 0, 2, 1)], [2, 3], grids.WIDE),
    ([(0, 0, 1, 0)], [2], grids.UNDER_HEADINGS), ([(1, 1, 2, 1)], [3], grids.HIDDEN),
])
def test_merged_cells_that_can_be_read_two_ways_lose_their_rows_aloud(tmp_path, ranges, lost, why):
    sheet, = read(book(tmp_path / "u.xlsx", merged(*ranges)))
    assert [(one.number, one.why) for one in sheet.lost] == [(number, why) for number in lost]
    assert set(sheet.numbers.tolist()) == {2, 3, 5} - set(lost)


def test_a_number_merged_over_rows_is_known_as_a_number_in_all_of_them(tmp_path):
    def fill(made, sheet):
        sheet.write_row(0, 0, HEADS)
        sheet.merge_range(1, 0, 2, 0, 412345)
        sheet.write_column(1, 1, ["a", "b"])
    sheet, = read(book(tmp_path / "u.xlsx", fill))
    assert texts(sheet) == [["412345", "a", ""], ["412345", "b", ""]] and sheet.as_number[0].tolist() == [True, True]


# Hostile and broken workbooks.

@pytest.mark.parametrize("far", [
    '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', '<row r="2"><c r="xfd1048576"><v>1</v></c></row>',
    "<row r='2'><c s='0'\n r='XFD1048576'><v>1</v></c></row>",
    f'<x:row xmlns:x="{MAIN}" r="1048576"><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row>',
    '<row r="1048000"/><row><c/>' + "<c/>" * 9000 + "<c><v>1</v></c></row>",
    '<row r="2"><c r="XFC2"/></row>' + "<row/>" * 9000 + "<row><c><v>1</v></c></row>",
])
def test_a_cell_far_out_is_refused_before_anything_is_laid_out(tmp_path, far):
    with pytest.raises(BadExport, match="far out"):
        read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, far)))


def test_many_rows_or_many_columns_alone_are_read(tmp_path):
    path = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, f'<row r="900000">{cell("A900000", "1")}</row>'))
    assert read(path)[0].numbers.tolist() == [900_000]


def test_rows_that_only_have_a_height_do_not_matter(tmp_path):
    wide = "".join(cell(f"{letter}2", "1") for letter in ("A", "B", "CZ"))
    path = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, f'<row r="2">{wide}</row><row r="1048576" ht="12.8"/>'))
    assert texts(*read(path)) == [["1", "1", "1"]]


@pytest.mark.parametrize("row", [
    f'<row r="2"><c r="A2"><v>1</v>{cell("B2", "2")}</row>', '<row r="2"><c r="A2"><v>1<v></c></row>',
    '<row r="2"><c r="A2"><v>1</v></c>', '<row r="2"><c r="A2"><v>1</is></c></row>', '<row r="2"></c></row>',
    '<row r="2"><c r="A2><v>1</v></c></row>', '<row r="2"><c r="A2"><v>1</v></c></row></sheetData>',
    '<row r="2"><c r="A2" t="str"><v>a<b</v></c></row>', '<row r="2"><x:c r="A2"/></row>',
])
def test_a_sheet_that_is_not_whole_xml_is_refused(tmp_path, row):
    with pytest.raises(BadExport, match="sheet1.xml"):
        read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, row)))


def test_texts_shared_by_the_cells_are_refused_where_they_are_not_whole_xml(tmp_path):
    shared = "<sst><si><t>1</si><si><t>2</t></si></sst>"
    with pytest.raises(BadExport, match="sharedStrings.xml"):
        read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING), sharedStrings=shared))


def test_a_value_broken_by_a_comment_is_refused(tmp_path):
    with pytest.raises(BadExport, match="comment"):
        read(handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, '<row r="2"><c r="A2"><v>41<!-- -->2345</v></c></row>')))


def test_two_sheets_of_one_part_both_hold_its_errors(tmp_path):
    rows = f'<row r="2">{cell("A2", "1")}<c r="B2" t="e"><v>#N/A</v></c></row>'
    path, twin = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, rows)), tmp_path / "twin.xlsx"
    with zipfile.ZipFile(path) as made, zipfile.ZipFile(twin, "w") as other:
        for name in made.namelist():
            data = made.read(name).replace(b"</sheets>", b'<sheet name="2" sheetId="2" r:id="r1"/></sheets>')
            other.writestr(name, data)
    assert [texts(one) for one in read(twin)] == [[["1", "#N/A"]]] * 2


# Each of these took minutes or hours when every cell was looked for from the beginning.
@pytest.mark.parametrize("cells", [
    "".join(f'<row r="{n}"><c r="B{n}" t="e"><v>#N/A</v></c></row>' for n in range(2, 60_000)),
    "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c><c r="B{n}"><f>A1</f><v></v></c></row>' for n in range(2, 60_000)),
    f"""<row r="2">{cell("B2", "' t='e'" * 300_000)}</row>""",
    f'<row r="2"><c r="B2"><f>A1</f>{" " * 3_000_000}<v>1</v></c></row>',
    '<row r="2">' + '<c r="B2" t="e">' * 200_000 + "</row>", '<row r="2">' + "<x:b/>" * 600_000 + "</row>",
])
def test_no_sheet_of_a_few_megabytes_takes_long(tmp_path, cells):
    path = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING, cells))
    try:
        assert texts(*read(path))
    except BadExport as refused:
        assert "sheet1.xml" in str(refused)


def test_what_is_done_of_a_workbook_is_told_up_to_its_size(tmp_path):
    told, path = [], book(tmp_path / "u.xlsx", [HEADS, *[[str(n)] for n in range(5000)]], [HEADS, ["2"]])
    assert len(read(path, progress=told.append)) == 2
    assert min(told) > 0 and len(told) > 4 and sum(told) == path.stat().st_size


@pytest.mark.parametrize(("part", "why"), [
    ('<!DOCTYPE x [<!ENTITY a "b">]>' + sheet_xml(HEADING), "document type"),
    (sheet_xml(HEADING).encode("utf-16"), "UTF-8"),
])
def test_a_part_in_disguise_is_refused(tmp_path, part, why):
    with pytest.raises(BadExport, match=why):
        read(handmade(tmp_path / "u.xlsx", part))


def test_a_part_that_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    path = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING), sharedStrings="<sst>" + " " * 3_000_000 + "</sst>")
    assert read(path)
    monkeypatch.setattr(packed, "RATIO_FROM", 1_000_000)
    with pytest.raises(BadExport, match="200 times its size"):
        read(path)
    monkeypatch.setattr(newbooks, "UNPACKED", 2_000_000)
    with pytest.raises(BadExport, match="more than can be read"):
        read(path)


def test_a_part_that_lies_about_its_size_is_refused(tmp_path):
    path = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING) + " " * 5000)
    with zipfile.ZipFile(path) as made:
        size = made.getinfo("xl/worksheets/sheet1.xml").file_size.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (5).to_bytes(4, "little")))
    with pytest.raises(BadExport, match="u.xlsx"):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_is_there_twice_is_refused(tmp_path):
    path = handmade(tmp_path / "u.xlsx", sheet_xml(HEADING))
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("xl/worksheets/Sheet1.xml", sheet_xml())
    with pytest.raises(BadExport, match="one name twice"):
        read(path)


@pytest.mark.parametrize("name", ["merged.xlsx", "merged.xls", "errors.xls"])
def test_a_workbook_cut_off_or_changed_anywhere_is_refused_or_whole(tmp_path, name):
    data, path = (DAMAGED / name).read_bytes(), tmp_path / name
    whole = texts(*read(DAMAGED / name))
    for at in range(16, len(data), len(data) // 40):
        path.write_bytes(data[:at])
        try:
            found = texts(*read(path))
        except BadExport as refused:
            assert name in str(refused)
            continue
        assert found == whole, at


def test_a_workbook_with_a_password_says_so(tmp_path):
    path = tmp_path / "u.xlsx"
    path.write_bytes(books.oldbooks.MAGIC + bytes(500) + "EncryptedPackage".encode("utf-16-le") + bytes(2000))
    with pytest.raises(BadExport, match="password"):
        read(path)


def test_an_old_workbook_whose_cells_reach_far_out_is_refused(monkeypatch):
    monkeypatch.setattr(books.oldbooks, "SPANNED", 20)
    with pytest.raises(BadExport, match="spans more than 20 cells"):
        read(DAMAGED / "merged.xls")


# Pages.

def test_a_page_shows_its_texts_as_a_browser_does(tmp_path):
    one = "<td> 00 \n 41 </td><td>a<br>b&nbsp;<b>c</b><script>evil()</script> d</td>"
    path = page(tmp_path / "u.xls", table(TH, one, "<td>&lt;1&amp;2&gt;</td><td>ü<!-- x -->3</td>"))
    assert texts(*read(path)) == [["00 41", "a b\xa0c d"], ["<1&2>", "ü3"]]


@pytest.mark.parametrize("noted", ['sdval="412345" sdnum="1033;0;00000000"', "x:num", 'x:num="412345"', 'X:NUM'])
def test_what_a_page_notes_as_a_number_is_known_as_one(tmp_path, noted):
    rows = [f"<td {noted}>00412345</td><td rowspan=2 {noted}>06</td>", "<td>00412346</td>",
            '<td sdnum="1033;0;@">7</td><td x:num="43646">30.06.2019</td>']
    sheet, = read(page(tmp_path / "u.xls", table(TH, *rows)))
    assert texts(sheet) == [["00412345", "06"], ["00412346", "06"], ["7", "30.06.2019"]]
    assert [sheet.as_number[at].tolist() for at in (0, 1)] == [[True, False, False], [True, True, False]]


@pytest.mark.parametrize("text", ["<!-- ", "<script>", "<!-- <style>", "<textarea></textarea ", "<xmp>",
                                  "<title><!-- "])
def test_no_page_of_a_few_megabytes_takes_long(tmp_path, text):
    sheet, = read(page(tmp_path / "u.xls", table(TH, "<td>1</td><td>2</td>"), text * 200_000))
    assert texts(sheet) == [["1", "2"]]


def test_the_size_of_a_page_is_told_when_it_is_read(tmp_path):
    told, path = [], page(tmp_path / "u.xls", table(TH, "<td>1</td><td>2</td>"))
    read(path, progress=told.append)
    assert told == [path.stat().st_size]


def test_each_table_of_a_page_is_a_sheet(tmp_path):
    tables = [table(TH, "<td>1</td><td>2</td>"), table(""), table(TH, "<td>3</td><td></td>")]
    found = read(page(tmp_path / "u.xls", *tables))
    assert [(one.sheet, texts(one)) for one in found] == [("table 1", [["1", "2"]]), ("table 3", [["3", ""]])]


def test_a_table_inside_a_cell_is_a_table_of_its_own(tmp_path):
    inner = table(TH, "<td>1</td><td>2</td>")
    found = read(page(tmp_path / "u.xls", f"<table><tr><td>{inner}</td></tr></table>"))
    assert [(one.sheet, texts(one)) for one in found] == [("table 2", [["1", "2"]])]


def test_cells_of_a_page_reach_over_rows_and_shift_those_beside_them(tmp_path):
    rows = ["<td colspan=2>Title</td>", TH, '<td rowspan="2">1</td><td>a</td>', "<td>b</td>",
            "<td>2</td><td rowspan=0>c</td>", "<td>3</td>"]
    sheet, = read(page(tmp_path / "u.xls", table(*rows)))
    assert texts(sheet) == [["1", "a"], ["1", "b"], ["2", "c"], ["3", "c"]] and sheet.titles == ("Title",)


@pytest.mark.parametrize(("row", "why"), [
    ("<td>9</td>", grids.TOO_NARROW), ("<td>9</td><td>8</td><td>7</td>", grids.TOO_WIDE),
    ("<td colspan=2>9</td>", grids.WIDE),
])
def test_a_row_of_a_page_that_does_not_fit_is_lost_aloud(tmp_path, row, why):
    sheet, = read(page(tmp_path / "u.xls", table(TH, "<td>1</td><td>2</td>", row)))
    assert texts(sheet)[0][:2] == ["1", "2"] and [(one.number, one.why) for one in sheet.lost] == [(3, why)]


def test_a_page_cut_off_anywhere_is_refused(tmp_path):
    path = page(tmp_path / "u.xls", table(TH, "<td>1</td><td>2</td>", "<td>3</td><td>4</td>"))
    data = path.read_bytes()
    for at in range(len(data) - len("</table></body></html>") + 1):
        path.write_bytes(data[:at] or b"<")
        with pytest.raises(BadExport):
            read(path)


@pytest.mark.parametrize("damage", [
    "<tr><div><td>x</td></div></tr>", "</table><tr><td>x</td></tr><table>", "<td>x</td>",
])
def test_cells_that_the_parser_would_misplace_are_never_left_out_in_silence(tmp_path, damage):
    path = page(tmp_path / "u.xls", f"<table><tr>{TH}</tr><tr><td>1</td><td>2</td></tr>{damage}</table>")
    try:
        sheet, = read(path)
    except BadExport:
        return
    assert "x" in str(texts(sheet)) + str(sheet.lost)


@pytest.mark.parametrize(("encoding", "said"), [
    ("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("cp1252", "windows-1252"), ("cp1252", "iso-8859-1"),
    ("cp1253", "windows-1253"),
])
def test_pages_are_read_in_their_own_encoding(tmp_path, encoding, said):
    word = "άλφα" if encoding == "cp1253" else "Müller"
    meta = f'<META http-equiv=Content-Type content="text/html; charset={said}">' if said else ""
    path = tmp_path / "u.xls"
    path.write_bytes(f"<html>{meta}<table><tr>{TH}</tr><tr><td>1</td><td>{word}</td></tr></table>".encode(encoding))
    assert texts(*pages.read(path, path.name, is_header)) == [["1", word]]


@pytest.mark.parametrize("data", [
    b"<html><table><tr><td>M\xfcller</table>", b"<html>\0", b"<meta charset=utf-9><table></table>",
    b"<html><body>no table</body></html>", b"<html>", b"<",
])
def test_a_page_that_cannot_be_read_whole_is_refused_by_name(tmp_path, data):
    (tmp_path / "u.xls").write_bytes(data)
    with pytest.raises(BadExport, match="u.xls"):
        read(tmp_path / "u.xls")


@pytest.mark.parametrize("bomb", [
    '<!DOCTYPE html [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>'
    f"<html>{table(TH, '<td>&b;&c;</td><td>2</td>')}</html>",
])
def test_entities_of_a_page_are_not_expanded(tmp_path, bomb):
    path = tmp_path / "u.xls"
    path.write_text(bomb)
    assert texts(*read(path)) == [["&b;&c;", "2"]]


def test_cells_that_claim_to_reach_far_are_refused(tmp_path):
    path = page(tmp_path / "u.xls", table(TH, *["<td colspan=1000 rowspan=60000>x</td>" * 5] * 9000))
    with pytest.raises(BadExport, match="more than 40,000,000 cells"):
        read(path)


def test_elements_nested_too_deeply_lose_no_row(tmp_path):
    deep = f"<td>{'<b>' * 5000}1{'</b>' * 5000}</td><td>2</td>"
    path = page(tmp_path / "u.xls", table(TH, deep, "<td>3</td><td>4</td>"))
    try:
        assert len(read(path)[0]) == 2
    except BadExport:
        pass


def test_a_single_file_page_is_read(tmp_path):
    text = table(TH, "<td>0041</td><td>=C3=BC</td>").replace("<table>", "<table border=3D1>")
    path = tmp_path / "u.xls"
    whole = ("MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=\"b\"\r\n\r\n--b\r\n"
             "Content-Type: text/html; charset=\"utf-8\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
             f"<html>{text}</html>\r\n--b--\r\n")
    path.write_text(whole)
    assert texts(*pages.read(path, "u.xls", is_header)) == [["0041", "ü"]]
    path.write_text(whole.replace("--b--\r\n", ""))
    with pytest.raises(BadExport, match="cut off"):
        pages.read(path, "u.xls", is_header)
