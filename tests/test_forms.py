"""The same table, whatever the form; a file that is damaged, cut off or hostile is refused, never half read."""

import codecs
import datetime
import io

import pandas as pd
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from purgelib import forms
from purgelib.errors import BadExport

ROWS = [["Primary Identifier", "Name", "Code"], ["00412345", "NA", "06"], ["b,2;x", "Null\nnan", "10"],
        ["ü-3", 'O"Neil', ""]]
SPACE = "urn:schemas-microsoft-com:xml-analysis:rowset"


def is_header(cells):
    return "Primary Identifier" in cells


def text(rows, separator=",", end="\r\n"):
    quoted = [['"' + cell.replace('"', '""') + '"' if set(cell) & set('",;\t\n') else cell for cell in row]
              for row in rows]
    return end.join(separator.join(row) for row in quoted) + end


def report(rows, before="", after="", schema=True):
    names = [f"Column{n + 1}" for n in range(len(rows[0]))]
    said = "".join(f'<xsd:element name="{n}" saw-sql:columnHeading="{h}"/>'
                   for n, h in zip(names, rows[0], strict=True))
    lines = "".join("<Row><Column0>0</Column0>" + "".join(
        f"<{n}>{cell}</{n}>" for n, cell in zip(names, row, strict=True) if cell is not None) + "</Row>"
        for row in rows[1:])
    return (f'{before}<rowset xmlns="{SPACE}"><xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
            f'xmlns:saw-sql="urn:saw-sql"><xsd:complexType name="Row">{said if schema else ""}</xsd:complexType>'
            f"</xsd:schema>{lines}{after}</rowset>")


def workbook(path, rows, sheets=1):
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        for _ in range(sheets):
            sheet = book.add_worksheet()
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    return path


def read(tmp_path, data, name="users.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return forms.read(path, is_header)


def cells(sheet):
    return [list(sheet.rows), *sheet.rows.fillna("").to_numpy().tolist()]


FORMS = {
    "utf8.csv": text(ROWS).encode(), "bom.csv": text(ROWS).encode("utf-8-sig"),
    "semicolon.csv": text(ROWS, ";").encode(),
    "cp1252.csv": text(ROWS).encode("cp1252"), "tab.txt": text(ROWS, "\t", "\n").encode(),
    "utf16.txt": text(ROWS, "\t").encode("utf-16"),
    "utf16_be.tsv": codecs.BOM_UTF16_BE + text(ROWS, "\t").encode("utf-16-be"),
    "report.xml": report(ROWS).encode(), "titles.csv": ("Users of today\r\n\r\n" + text(ROWS)).encode(),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_holds_the_same_texts(tmp_path, name):
    assert cells(read(tmp_path, FORMS[name], name)) == ROWS


def test_an_excel_file_with_titles_holds_the_same_texts(tmp_path):
    path = workbook(tmp_path / "u.xlsx", [["Users"], [], *ROWS])
    assert cells(forms.read(path, is_header)) == ROWS


def test_row_numbers_are_those_that_a_person_sees(tmp_path):
    above = [[], [], ["Title"], [], *ROWS[:2], [], ROWS[2]]
    assert list(forms.read(workbook(tmp_path / "u.xlsx", above), is_header).rows.index) == [6, 8]
    blank = text(ROWS[:2]) + "\r\n" + text(ROWS[2:])
    assert list(read(tmp_path, blank).rows.index) == [2, 4, 5]


def test_numbers_and_days_in_excel_keep_their_digits(tmp_path):
    day = datetime.date(2019, 6, 30)
    sheet = forms.read(workbook(tmp_path / "u.xlsx", [["Primary Identifier", "Day"], [412345, day], ["06", "06"]]),
                       is_header)
    assert sheet.rows.to_numpy().tolist() == [["412345", "2019-06-30 00:00:00"], ["06", "06"]]


def test_an_excel_file_of_two_sheets_is_refused(tmp_path):
    with pytest.raises(BadExport, match="2 sheets"):
        forms.read(workbook(tmp_path / "u.xlsx", ROWS, sheets=2), is_header)


@pytest.mark.parametrize(("name", "data"), [
    ("u.xls", b"x"), ("u.pdf", b"x"), ("u.xlsx", b"not a zip"), ("u.xlsx", b""), ("u.csv", b""), ("u.csv", b"\r\n\r\n"),
    ("u.csv", b"\xff\xfe"), ("u.xml", b""), ("u.xml", b"<rowset>"), ("u.csv", text([["A", "B"], ["1", "2"]]).encode()),
    ("utf16_without_mark.txt", text(ROWS, "\t").encode("utf-16-le")),
    ("half_a_letter.csv", text(ROWS).encode("utf-8-sig") + "ü".encode()[:1]),
    ("half_a_letter_no_mark.csv", text(ROWS).encode() + "ü".encode()[:1]),
    ("odd_utf16.txt", text(ROWS, "\t").encode("utf-16")[:-1]),
    ("no_letter.csv", text(ROWS).encode("cp1252") + b"\x81\r\n"),
    ("nul.csv", text(ROWS).encode() + b"\x00"),
])
def test_what_cannot_be_read_whole_is_refused_by_name(tmp_path, name, data):
    with pytest.raises(BadExport, match=name) as refused:
        read(tmp_path, data, name)
    assert refused.value.file == name


@pytest.mark.parametrize(("more", "row"), [("1,2\r\n", 6), ("1,2,3,4\r\n", 6), ('"1,2,3\r\n', 6)])
def test_a_row_of_another_width_is_refused_with_its_number(tmp_path, more, row):
    lines = text([*ROWS, ["x", "y", "z"]])
    with pytest.raises(BadExport) as refused:
        read(tmp_path, lines.replace("x,y,z\r\n", more))
    assert refused.value.row in (row, row - 1)


def test_stray_quotation_marks_never_swallow_the_rows_between_them(tmp_path):
    lines = "Primary Identifier\tComment\tAmount\n1\t\"Bob\" paid\t1\n2\t\t2\n3\t\"Ann\" paid\t3\n"
    with pytest.raises(BadExport, match="quotation mark"):
        read(tmp_path, lines, "fees.txt")
    with pytest.raises(BadExport):
        read(tmp_path, lines.replace('"Bob"', '"Bob').replace('"Ann"', '"Ann'), "fees.txt")


def test_a_file_cut_off_anywhere_is_refused_or_known_not_to_have_ended(tmp_path):
    data = text(ROWS).encode()
    last = data.rindex(b"\r\n", 0, -2) + 2
    for at in range(last + 1, len(data) - 1):
        try:
            sheet = read(tmp_path, data[:at])
        except BadExport:
            continue
        assert not sheet.ended, data[last:at]
    assert read(tmp_path, data).ended


def test_headings_that_occur_twice_are_refused(tmp_path):
    with pytest.raises(BadExport, match="Code occurs twice") as refused:
        read(tmp_path, text([["Primary Identifier", "Code", "Code"], ["1", "2", "3"]]))
    assert refused.value.column == ["Code"]


def test_missing_cells_of_a_report_shift_nothing(tmp_path):
    sheet = read(tmp_path, report([ROWS[0], ["1", None, "06"], [None, "n", None]]), "r.xml")
    assert cells(sheet)[1:] == [["1", "", "06"], ["", "n", ""]]


def test_rows_of_a_report_are_found_under_any_namespace(tmp_path):
    plain = report(ROWS).replace(f' xmlns="{SPACE}"', "")
    assert cells(read(tmp_path, plain, "r.xml")) == ROWS


@pytest.mark.parametrize("said", ["false", "False", "", "no"])
def test_one_page_of_a_longer_report_is_refused(tmp_path, said):
    for tag in (f"<IsFinished>{said}</IsFinished>", f'<IsFinished xmlns="">{said}</IsFinished>'):
        with pytest.raises(BadExport, match="IsFinished"):
            read(tmp_path, report(ROWS, after=tag), "r.xml")
    assert read(tmp_path, report(ROWS, after="<IsFinished>true</IsFinished>"), "r.xml").rows.shape == (3, 3)


@pytest.mark.parametrize("before", [
    '<!DOCTYPE rowset [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    '<!DOCTYPE rowset [<!ENTITY b SYSTEM "file:///etc/hostname">]>',
    '<!DOCTYPE rowset SYSTEM "http://127.0.0.1:9/x.dtd">',
    "<!DOCTYPE rowset>",
])
def test_entities_are_neither_expanded_nor_lost_but_refused(tmp_path, before):
    entity = "&b;" if "b " in before else ""
    with pytest.raises(BadExport, match="r.xml"):
        read(tmp_path, report([ROWS[0], [f"00{entity}412345", "n", "06"]], before=before), "r.xml")


def test_a_comment_inside_a_cell_cuts_nothing_off(tmp_path):
    assert cells(read(tmp_path, report([ROWS[0], ["00<!-- x -->41", "n", "06"]]), "r.xml"))[1][0] == "0041"


def test_a_report_without_its_schema_is_refused(tmp_path):
    with pytest.raises(BadExport):
        read(tmp_path, report(ROWS, schema=False), "r.xml")


def test_a_fingerprint_tells_two_files_apart(tmp_path):
    one, other = read(tmp_path, text(ROWS)), read(tmp_path, text(ROWS[:3]))
    assert one.sha256 != other.sha256 and len(one.sha256) == 64


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=("Cs",)), max_size=6)


@given(st.lists(st.tuples(CELL, CELL, CELL).filter(any), max_size=6),
       st.sampled_from([(",", "utf-8"), ("\t", "utf-16")]))
def test_any_table_of_texts_is_read_back_as_it_was_written(tmp_path_factory, rows, how):
    separator, encoding = how
    frame = pd.DataFrame(rows, columns=ROWS[0], dtype="str")
    out = io.StringIO()
    frame.to_csv(out, index=False, sep=separator, quoting=1, lineterminator="\n")
    sheet = read(tmp_path_factory.getbasetemp(), out.getvalue().encode(encoding), "any.txt")
    assert sheet.rows.to_numpy().tolist() == [list(row) for row in rows]
