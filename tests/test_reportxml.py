"""Report XML is read whole or not at all, as a stream, and nothing in it is resolved."""

import pytest
import written
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib.errors import BadExport
from purgelib.forms import reportxml

HEADS = ["Primary Identifier", "Last Name", "Expiry Date"]


def read(path):
    return reportxml.read(path, path.name, lambda cells: "Primary Identifier" in cells)[0]


def put(folder, rows, change=lambda text: text):
    path = written.write(folder, "users", "xml", [HEADS, *rows])
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


CELL = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="\ufffe\uffff"), max_size=8)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL).filter(any), max_size=6))
def test_any_table_is_read_back_as_it_was_written(tmp_path_factory, rows):
    sheet = read(put(tmp_path_factory.mktemp("xml"), rows))
    assert sheet.headings == tuple(HEADS) and [tuple(row.values()) for row in sheet.cells.to_pylist()] == rows
    assert sheet.numbers.tolist() == list(range(1, len(rows) + 1)) and not sheet.lost


@pytest.mark.parametrize(("change", "said"), [
    (lambda text: text.replace("true</IsFinished>", "false</IsFinished>"), "one page of a longer report"),
    (lambda text: text[:-30], "not whole XML"), (lambda text: text.replace("</Row>", "", 1), "not whole XML"),
    (lambda text: text.replace("<report>", '<!DOCTYPE a [<!ENTITY b "c">]><report>'), "document type"),
    (lambda text: text.replace("<Column2>", "<Column2>&b;", 1), "not whole XML"),
    (lambda text: text.replace('"Last Name"', '"Expiry Date"'), "occurs twice"),
    (lambda text: text.replace("saw-sql:columnHeading", "saw-sql:displayFormula"), "no headings"),
    (lambda text: text.replace("Primary Identifier", "Number"), "Primary Identifier is needed")])
def test_what_is_not_a_whole_report_is_refused(tmp_path, change, said):
    with pytest.raises(BadExport, match=said):
        read(put(tmp_path, [["a", "b", "2019-06-30"]], change))


@pytest.mark.parametrize("change", [
    lambda text: text.replace("<Column2>b</Column2>", "<Column9>b</Column9>"),
    lambda text: text.replace("<Column2>b</Column2>", "<Column2>b<i/>c</Column2>"),
    lambda text: text.replace("<Column2>b</Column2>", "<Column2>b</Column2><Column2>c</Column2>")])
def test_a_row_that_does_not_fit_is_lost_with_its_number(tmp_path, change):
    sheet = read(put(tmp_path, [["a", "b", "c"], ["x", "y", "z"]], change))
    assert [(one.number, one.why != "") for one in sheet.lost] == [(1, True)] and sheet.numbers.tolist() == [2]


def test_a_document_type_in_utf_16_is_refused_as_well(tmp_path):
    path = put(tmp_path, [["a", "b", "c"]])
    text = path.read_text(encoding="utf-8").replace("UTF-8", "UTF-16").replace("<report>", "<!DOCTYPE a><report>")
    path.write_text(text, encoding="utf-16")
    with pytest.raises(BadExport, match="document type"):
        read(path)


@pytest.mark.parametrize(("rows", "ended"), [(24, True), (25, False), (1000, False)])
def test_a_saved_page_of_unknown_end_is_not_known_to_be_whole(tmp_path, rows, ended):
    path = put(tmp_path, [["a", "b", "c"]] * rows, lambda text: text.replace("<IsFinished>true</IsFinished>", ""))
    assert read(path).ended == ended and read(put(tmp_path, [["a", "b", "c"]] * rows)).ended
