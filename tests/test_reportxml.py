"""Report XML: what Analytics delivers is read as it is, and what is not a whole report is refused."""

import numpy as np
import pytest
import written
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib.errors import BadExport
from purgelib.forms import reportxml

ROWSET = "urn:schemas-microsoft-com:xml-analysis:rowset"
HEADS = ["Primary Identifier", "Last Name", "Original Amount"]


def schema(*headings, more=""):
    lines = "".join(f'<xsd:element name="Column{at}" saw-sql:columnHeading="{heading}" saw-sql:type="double"/>'
                    for at, heading in enumerate(headings, 1))
    return ('<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:saw-sql="urn:saw-sql"><xsd:complexType '
            f'name="Row"><xsd:sequence><xsd:element name="Column0" saw-sql:columnHeading="0"/>{lines}{more}'
            "</xsd:sequence></xsd:complexType></xsd:schema>")


def row(*cells):
    return "<Row><Column0>0</Column0>" + "".join(
        f"<Column{at}>{cell}</Column{at}>" for at, cell in enumerate(cells, 1) if cell is not None) + "</Row>"


def rowset(*rows, heads=HEADS, more=""):
    return f'<rowset xmlns="{ROWSET}">{schema(*heads, more=more)}{"".join(rows)}</rowset>'


def report(inside, finished="true"):
    said = f"<IsFinished>{finished}</IsFinished>" if finished else ""
    return f"<report><QueryResult>{said}<ResultXml>{inside}</ResultXml></QueryResult></report>"


@pytest.fixture
def read(tmp_path):
    def reading(text, encoding="utf-8", is_header=lambda headings: "Primary Identifier" in headings):
        path = tmp_path / "x.xml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return reportxml.read(path, "users.xml", is_header)[0]

    return reading


def texts(sheet):
    return [list(line.values()) for line in sheet.cells.to_pylist()]


@pytest.mark.parametrize("dress", [
    report, lambda inside: report(inside).removeprefix("<report>").removesuffix("</report>"), str,
    lambda inside: '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<!-- saved -->\n' + inside,
    lambda inside: inside.replace("<rowset xmlns=", "<rs:rowset xmlns:rs=\"urn:x\" xmlns=").replace(
        "</rowset>", "</rs:rowset>")])
def test_a_report_is_read_in_whatever_wrapping_it_was_saved(read, dress):
    sheet = read(dress(rowset(row("06", "Ng &amp; Ünal", "1.0E7"), row("0007", None, "-5"))))
    assert sheet.headings == tuple(HEADS) and (sheet.file, sheet.sheet, sheet.ended) == ("users.xml", "", True)
    # Numbers stay the texts that they are, and the constant column before them is gone.
    assert texts(sheet) == [["06", "Ng & Ünal", "1.0E7"], ["0007", "", "-5"]]
    assert sheet.numbers.tolist() == [1, 2] and sheet.numbers.dtype == np.int64 and sheet.lost == ()


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_a_report_is_read_in_the_encoding_that_it_names(read, encoding):
    named = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{named}"?>' + report(rowset(row("06", "Zoë", None)))
    assert texts(read(text, encoding)) == [["06", "Zoë", ""]]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_rows_are_rows_as_well(read, count):
    sheet = read(report(rowset(*[row(f"0{n}", "Doe", "1") for n in range(count)])))
    assert len(sheet) == sheet.cells.num_rows == count and sheet.cells.num_columns == 3 and sheet.ended
    assert [line[0] for line in texts(sheet)] == [f"0{n}" for n in range(count)]


def test_a_row_keeps_its_number_where_another_one_holds_no_text(read):
    sheet = read(rowset(row(None, None, None), row("06"), row("", "", ""), row("07")))
    assert texts(sheet) == [["06", "", ""], ["07", "", ""]] and sheet.numbers.tolist() == [2, 4]


@pytest.mark.parametrize(("odd", "text", "why"), [
    (row("06", "Doe", "1", "stray"), "0 06 Doe 1 stray", "none of the headings"),
    (row("06", "Doe<b>son</b>", "1"), "0 06 Doe son 1", "more than text"),
    ("<Row><Column1>06</Column1><Column1>07</Column1></Row>", "06 07", "twice"),
    ("<Row><Column0>0</Column0><Column0>0</Column0><Column1>06</Column1></Row>", "0 0 06", "twice"),
    ("<Row><Column1>06</Column1>07<Column2>Doe</Column2></Row>", "06 07 Doe", "outside"),
    ("<Row>05<Column1>06</Column1></Row>", "05 06", "outside")])
def test_a_row_that_does_not_fit_is_lost_whole_and_told(read, odd, text, why):
    sheet = read(report(rowset(row("01", "Roe", "1"), odd, row("02", "Poe", "1"))))
    assert texts(sheet) == [["01", "Roe", "1"], ["02", "Poe", "1"]] and sheet.numbers.tolist() == [1, 3]
    assert [(one.number, one.text) for one in sheet.lost] == [(2, text)] and why in sheet.lost[0].why


def test_a_comment_within_a_cell_does_not_cut_its_text(read):
    assert texts(read(rowset(row("00<!-- x -->06", "<![CDATA[<Doe>]]>", "1<?x?>2"))))[0] == ["0006", "<Doe>", "12"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("before", ["", " " * 3_000_000, "<!--" + "x" * 3_000_000 + "-->"])
def test_a_document_type_is_refused_wherever_it_stands(read, encoding, before):
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    text = f"{mark}{before}<!DOCTYPE report [<!ENTITY x '06'>]>" + report(rowset(row("&x;0000")))
    with pytest.raises(BadExport, match="document type") as caught:
        read(text, encoding)
    assert caught.value.file == "users.xml"


def test_entities_that_grow_without_end_are_refused_at_once(read):
    bomb = "".join(f"<!ENTITY x{n} '{f'&x{n - 1};' * 10}'>" for n in range(1, 12))
    with pytest.raises(BadExport):
        read(f"<!DOCTYPE report [<!ENTITY x0 'ha'>{bomb}]>" + report(rowset(row("&x11;"))))


@pytest.mark.parametrize("text", [
    "", "<", "<report/", rowset(row("06"))[:-9], report(rowset(row("06")))[:200], report(rowset(row("06"))) + "<x/>",
    report(rowset(row("0&6"))), report(rowset(row("06&unknown;"))), report(rowset("<Row><Column1>06</Row>")),
    '<?xml version="1.0" encoding="no-such"?>' + rowset(row("06")), rowset(row("06\0")),
    report(rowset(row("06"))).encode().replace(b"06", b"\xff6")])
def test_what_is_cut_off_or_broken_is_refused(read, text):
    with pytest.raises(BadExport, match="not whole XML"):
        read(text)


@pytest.mark.parametrize("finished", ["false", "FALSE", " False\n", "", "no"])
def test_one_page_of_a_longer_report_is_refused(read, finished):
    text = report(rowset(row("06"))).replace(">true<", f">{finished}<")
    with pytest.raises(BadExport, match="one page of a longer report"):
        read(text)


def test_pages_put_together_by_hand_are_refused_while_one_of_them_says_that_more_follow(read):
    first, last = report(rowset(row("06")), "false"), report(rowset(row("07")))
    with pytest.raises(BadExport, match="one page"):
        read(f"<all>{first}{last}</all>")
    assert [line[0] for line in texts(read(f"<all>{last}{last}</all>"))] == ["07", "07"]


@pytest.mark.parametrize("heads", [HEADS[1:] + HEADS[:1], [*HEADS, "Status"], ["Last Name", *HEADS[1:]]])
def test_pages_with_different_headings_are_refused(read, heads):
    with pytest.raises(BadExport, match="different headings"):
        read(f"<all>{rowset(row('06', 'Doe', '1'))}{rowset(row('Doe', '1', '06'), heads=heads)}</all>")


@pytest.mark.parametrize(("count", "finished", "ended"), [
    (25, None, False), (1_000, None, False), (24, None, True), (999, None, True), (25, "true", True),
    (1_000, "true", True)])
def test_as_many_rows_as_a_page_has_may_be_one_page_unless_the_report_says_so(read, count, finished, ended):
    assert read(report(rowset(*[row("06")] * count), finished)).ended is ended


@pytest.mark.parametrize(("text", "said"), [
    (rowset(row("06"), heads=["", "", ""]), "col_names=true"),
    (f'<rowset xmlns="{ROWSET}">{row("06")}</rowset>', "col_names=true"),
    ("<report/>", "no headings"), ("<a><b>06</b></a>", "no headings"),
    (rowset(row("06"), more='<xsd:element name="Column1" saw-sql:columnHeading="Status"/>'), "different headings"),
    (rowset(row("06"), heads=["Barcode", "Title"]), "Barcode, Title. The column Primary Identifier is needed"),
    (report("<ResultXml/>", "false"), "one page of a longer report")])
def test_headings_that_are_not_there_or_not_known_are_told(read, text, said):
    with pytest.raises(BadExport, match=said.replace("(", r"\(")) as caught:
        read(text)
    assert caught.value.file == "users.xml"


def test_a_heading_that_stands_there_twice_is_kept_twice(read):
    sheet = read(rowset(row("06", "07", "08"), heads=["Primary Identifier", "Code", "Code"]))
    assert sheet.headings == ("Primary Identifier", "Code", "Code")
    assert [list(one.values()) for one in sheet.cells.to_pylist()] == [["06", "07", "08"]]


def test_blanks_and_line_ends_in_headings_are_one_blank(read):
    assert read(rowset(row("06"), heads=[" Primary\n  Identifier "])).headings == ("Primary Identifier",)


def test_the_size_of_a_report_is_told_when_it_is_read(tmp_path):
    told, path = [], tmp_path / "x.xml"
    path.write_text(rowset(row("06"), heads=["Primary Identifier"]))
    reportxml.read(path, "users.xml", lambda headings: True, progress=told.append)
    assert told == [path.stat().st_size]


def test_many_rows_come_in_their_order(read):
    count = 2 * reportxml.CHUNK + 1
    sheet = read(report(rowset(*[row(f"{n:06d}", "Doe" if n % 2 else None) for n in range(count)])))
    assert sheet.cells["0"].to_pylist() == [f"{n:06d}" for n in range(count)]
    assert sheet.cells["1"].to_pylist() == ["Doe" if n % 2 else "" for n in range(count)]
    assert sheet.cells["2"].to_pylist() == [""] * count and sheet.numbers[-1] == count


# XML turns line ends into one kind, and knows no control characters; all other texts must come back as they were.
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
                | st.sampled_from("\n\t<>&\"' 0"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(WORDS, min_size=width, max_size=width), max_size=12)))
def test_any_table_written_as_a_report_is_read_back_the_same(tmp_path_factory, rows):
    heads = ["Primary Identifier", "A", "B", "C"][:len(rows[0]) if rows else 2]
    path = written.write(tmp_path_factory.getbasetemp(), "property", "xml", [heads, *rows])
    sheet = reportxml.read(path, path.name, lambda headings: True)[0]
    kept = [(n, line) for n, line in enumerate(rows, 1) if any(line)]
    assert texts(sheet) == [line for _, line in kept] and sheet.numbers.tolist() == [n for n, _ in kept]
    assert sheet.headings == tuple(heads) and sheet.lost == ()
