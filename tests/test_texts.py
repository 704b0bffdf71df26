"""Text in any encoding, with any separator, reads to the same table; a file that cannot be sure is refused."""

import os

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from purgelib.errors import BadExport
from purgelib.forms import rows, splitting, texts

HEADINGS = ["Primary Identifier", "Name", "Code"]
ROWS = [["00412345", "NA", "06"], ["b,2;x", "Null\r\nnan", "10"], ["ü-3", 'O"Neil', ""], ["4\t", ' "x" ', "null"]]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"]


def written(table, encoding="utf-8", separator=",", end="\r\n", quote_all=False):
    """Returns a list of rows of texts as the bytes of a CSV file; UTF-16 gets its mark."""
    # Python's own writer leaves a lone line break without quotation marks, where it is not the file's line end.
    lines = [separator.join('"' + cell.replace('"', '""') + '"' if quote_all or set(cell) & {*'"\r\n', separator}
                            else cell for cell in row) + end for row in table]
    return ("\ufeff" * (encoding == "utf-16-be") + "".join(lines)).encode(encoding)


def is_header(cells):
    return "Primary Identifier" in cells


def sheet_of(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    sheet, = texts.read(path, "users.csv", is_header)
    return sheet


def rows_of(sheet):
    return [list(row.values()) for row in sheet.cells.to_pylist()]


def said(sheet):
    """All that a Sheet says, for comparing."""
    return (sheet.headings, rows_of(sheet), sheet.numbers.tolist(), sheet.lost, sheet.titles, sheet.ended)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "any.csv"


@pytest.fixture(scope="module")
def one_path(tmp_path_factory):
    return tmp_path_factory.mktemp("texts") / "any.csv"


@pytest.fixture
def only_quick(monkeypatch):
    """Going row by row is a failure."""
    def gone(*_):
        raise AssertionError("went row by row")

    monkeypatch.setattr(rows, "exact", gone)
    monkeypatch.setattr(splitting, "_row_by_row", gone)


def both_ways(path, data, block=splitting.BLOCK, together=rows.TOGETHER):
    """What is said when the quick way is allowed, and when it is not; of an error, that it is one."""
    def never(*_):
        raise splitting.CannotProve

    found = []
    for quick in (splitting.quick, never):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(splitting, "quick", quick)
            patch.setattr(splitting, "BLOCK", block)
            patch.setattr(rows, "TOGETHER", together)
            try:
                found.append(said(sheet_of(path, data)))
            except BadExport:
                found.append("refused")
    return found


# ------------------------------------------------------------------------------------------ what must be read

@pytest.mark.parametrize("quote_all", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", list(",;\t"))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_one_table_in_every_form(path, encoding, separator, end, quote_all, only_quick):
    sheet = sheet_of(path, written([HEADINGS, *ROWS], encoding, separator, end, quote_all))
    assert sheet.headings == tuple(HEADINGS)
    assert rows_of(sheet) == ROWS
    assert sheet.numbers.tolist() == [2, 3, 4, 5] and sheet.numbers.dtype == np.int64
    assert sheet.ended and sheet.lost == () and sheet.titles == () and (sheet.file, sheet.sheet) == ("users.csv", "")


def cells_of(letters):
    return st.text(letters, max_size=6).filter(lambda text: "\0" not in text and not rows.WRAPPED.fullmatch(text))


# No two of these letters are, in Windows-1252, the bytes of one letter in UTF-8.
WESTERN = st.sampled_from('ab0",;\t\n\r =éß')
CELLS, CELLS_1252 = cells_of(WESTERN | st.sampled_from("€\xa0") | st.characters(codec="utf-8")), cells_of(WESTERN)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), encoding=st.sampled_from(ENCODINGS), separator=st.sampled_from(",;\t"),
       end=st.sampled_from(["\n", "\r\n", "\r"]), quote_all=st.booleans(), block=st.sampled_from([1, 7, 64, 1 << 20]))
def test_what_is_written_is_read_back_whichever_way(one_path, data, encoding, separator, end, quote_all, block):
    cells = CELLS_1252 if encoding == "cp1252" else CELLS
    table = data.draw(st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8))
    content = written([HEADINGS, *table], encoding, separator, end, quote_all)
    kept = [(number, row) for number, row in enumerate(table, 2) if "".join(row).strip()]
    expected = (tuple(HEADINGS), [row for _, row in kept], [number for number, _ in kept], (), (), True)
    assert both_ways(one_path, content, block) == [expected, expected]


SOUP = st.lists(st.sampled_from(['"', '"', ",", ",", "\n", "\n", "\r\n", "\r", "a", "b c", "é", '","', '"\n"', '=""',
                                 '="x"', '""', " ", "\x1f", "\ufeff", "\x85"]), max_size=40)


@settings(max_examples=200, deadline=None)
@given(soup=SOUP, heading=st.sampled_from(['Primary Identifier,b,c\n', '"x\ny",Primary Identifier\n', 't"\n\n'
                                           'Primary Identifier\r', 'a "b" c\nPrimary Identifier,"b, c",\r\n']),
       encoding=st.sampled_from(ENCODINGS), block=st.sampled_from([1, 3, 20, 1 << 20]), together=st.integers(1, 5))
@example(soup=["a,b,\n", "\ufeffa,b,c\n"], heading="Primary Identifier,b,c\n", encoding="utf-8", block=5, together=9)
@example(soup=['5",b\n', '6",c\n'], heading="Primary Identifier,b\n", encoding="utf-8", block=1 << 20, together=9)
def test_both_ways_agree_on_whatever_stands_in_a_file(one_path, soup, heading, encoding, block, together):
    quick, exact = both_ways(one_path, (heading + "".join(soup)).encode(encoding, "ignore"), block, together)
    assert quick == exact


def test_a_mark_that_begins_a_block_is_not_lost(path, monkeypatch):
    table = [[f"\ufeff{number:07d}", "x", "y"] for number in range(40)]
    monkeypatch.setattr(splitting, "BLOCK", 1)
    assert rows_of(sheet_of(path, written([HEADINGS, *table]))) == table


def test_a_large_file_comes_in_blocks_and_reads_the_same(path, only_quick, monkeypatch):
    monkeypatch.setattr(splitting, "BLOCK", 5000)
    table = [[f"{number:07d}", "Meyer, Ann" if number % 3 else 'Me"yer\nBo', "AB"[number % 2]]
             for number in range(4000)]
    data = written([HEADINGS, *table], "utf-16", ",").decode("utf-16").replace(",A\r\n", ',"A"\r\n', 1000)
    sheet = sheet_of(path, data.encode("utf-16"))
    assert rows_of(sheet) == table
    assert sheet.numbers.tolist() == list(range(2, 4002))
    assert [str(kind).startswith("dictionary") for kind in sheet.cells.schema.types] == [False, True, True]
    coded = sheet.cells.column(2)
    assert {tuple(chunk.dictionary.to_pylist()) for chunk in coded.chunks} == {("A", "B")}
    assert said(sheet_of(path, path.read_bytes())) == said(sheet)


def test_numbers_are_those_that_a_person_sees(path):
    sheet = sheet_of(path, "Users of today\n\nPrimary Identifier,Name\n1,\"a\n\nb\"\n\n,,,,\n , \n2,b\n")
    assert rows_of(sheet) == [["1", "a\n\nb"], ["2", "b"]]
    assert sheet.numbers.tolist() == [4, 8]
    assert sheet.titles == ("Users of today",) and sheet.lost == ()


def test_a_separator_that_excel_announces_is_honoured(path):
    assert rows_of(sheet_of(path, "sep=;\r\nPrimary Identifier\r\n1,2\r\n")) == [["1,2"]]
    sheet = sheet_of(path, "sep=|\r\nPrimary Identifier|Name\r\n1|a,b\r\n")
    assert rows_of(sheet) == [["1", "a,b"]] and sheet.numbers.tolist() == [3] and sheet.titles == ()


def test_the_separator_is_the_one_that_makes_headings(path):
    table = [["Name, first; last", "Primary Identifier", "a,b,c,d,e"], ["x", "1", "y"]]
    sheet = sheet_of(path, b"a,b;c,d\n" + written(table, separator="\t"))
    assert sheet.headings == tuple(table[0]) and rows_of(sheet) == [["x", "1", "y"]]
    assert sheet.titles == ("a,b;c,d",)


def test_headings_are_trimmed_and_empty_columns_stay(path):
    sheet = sheet_of(path, " Primary Identifier ,\xa0Name,,\n 1 ,a,,\n")
    assert sheet.headings == ("Primary Identifier", "Name", "", "")
    assert rows_of(sheet) == [[" 1 ", "a", "", ""]]
    assert sheet.cells.column_names == ["0", "1", "2", "3"]


@pytest.mark.parametrize("row", ['="00412345",="",="="\n', '"=""00412345""","=""""","=""="""\n'])
def test_the_trick_that_keeps_zeros_is_undone(path, row):
    expected = (tuple(HEADINGS), [["00412345", "", "="]], [2], (), (), True)
    assert both_ways(path, '="Primary Identifier",Name,Code\n' + row) == [expected, expected]


@pytest.mark.parametrize("cell", ['="1"&"2"', "=1", '"1"=', '="1', "='1'"])
def test_no_other_formula_is_touched(path, cell):
    assert rows_of(sheet_of(path, written([["Primary Identifier"], [cell]]))) == [[cell]]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_last_line_without_its_end_is_known(path, encoding, end):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    for last, ended in (("", False), (end, True)):
        sheet = sheet_of(path, (mark + f"Primary Identifier,Name{end}1,b{last}").encode(encoding))
        assert sheet.ended is ended and rows_of(sheet) == [["1", "b"]]


@pytest.mark.parametrize("data", ["Primary Identifier,Name\r\n1,a\r\n2,b\r", "Primary Identifier,Name\r\n1,a\r"])
def test_half_a_line_end_is_none(path, data):
    ended = [told[-1] for told in both_ways(path, data.encode())]
    assert ended == [False, False]
    assert [told[-1] for told in both_ways(path, data.replace("\r\n", "\r").encode())] == [True, True]


def test_headings_alone_are_a_table_without_rows(path):
    for end in ("", "\n"):
        sheet = sheet_of(path, "Primary Identifier,Name" + end)
        assert len(sheet) == 0 and sheet.cells.num_columns == 2 and sheet.ended is bool(end)


def test_reading_changes_nothing(path):
    path.write_bytes(written([HEADINGS, *ROWS]))
    os.chmod(path, 0o400)
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert said(texts.read(path, "x", is_header)[0]) == said(texts.read(path, "x", is_header)[0])
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


# ----------------------------------------------------------------------------------- rows that do not fit

def test_rows_of_another_width_are_lost_with_number_text_and_reason(path):
    sheet = sheet_of(path, 'Primary Identifier,Name,Code\n1,a,b\n2,"x, y"\n3,a,b,\n4,Smith, John,UG\n5,a,b\n6,a\n')
    assert rows_of(sheet) == [["1", "a", "b"], ["5", "a", "b"]] and sheet.numbers.tolist() == [2, 6]
    assert [(lost.number, lost.text) for lost in sheet.lost] == [
        (3, "2,x, y"), (4, "3,a,b,"), (5, "4,Smith, John,UG"), (7, "6,a")]
    assert sheet.lost[0].why == ("The row has 2 cells, the headings 3: the file seems cut off, or was edited. "
                                 "Export it again.")


def test_one_lost_row_does_not_make_the_other_blocks_slow(path, monkeypatch):
    monkeypatch.setattr(splitting, "BLOCK", 5000)
    monkeypatch.delattr(rows, "exact")
    table = [[f"{number:07d}", "a, b", "c"] for number in range(1000)]
    sheet = sheet_of(path, written([HEADINGS, *table[:500], ["x"], *table[500:], ["Total", "1000"]]))
    assert rows_of(sheet) == table
    assert [(lost.number, lost.text) for lost in sheet.lost] == [(502, "x"), (1003, "Total,1000")]
    assert sheet.numbers.tolist() == [*range(2, 502), *range(503, 1003)]


@settings(max_examples=100, deadline=None)
@given(widths=st.lists(st.integers(0, 5), max_size=12), block=st.sampled_from([1, 16, 1 << 20]))
def test_every_row_of_a_file_is_read_lost_or_blank(one_path, widths, block):
    data = written([HEADINGS, *(["a"] * width for width in widths)])
    quick, exact = both_ways(one_path, data, block)
    assert quick == exact
    assert quick[2] == [number for number, width in enumerate(widths, 2) if width == 3]
    assert [lost.number for lost in quick[3]] == [n for n, width in enumerate(widths, 2) if width not in (0, 3)]


def test_what_is_kept_of_lost_rows_is_bounded(path, monkeypatch):
    monkeypatch.setattr(rows, "LOST_AT_MOST", 3)
    sheet = sheet_of(path, "Primary Identifier,Name\n" + "x" * 30_000 + "\n2\n3\n")
    assert sheet.lost[0].text == "x" * 20_000 + "…"
    with pytest.raises(BadExport, match="more than 3 rows have not as many cells") as error:
        sheet_of(path, "Primary Identifier,Name\n1\n2\n3\n4\n")
    assert error.value.row == 5


# ----------------------------------------------------------------------------------------- what is refused

@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\x00", b" ,,\r\n"])
def test_an_empty_file_is_refused(path, data):
    with pytest.raises(BadExport, match="^users.csv is empty"):
        sheet_of(path, data)


@pytest.mark.parametrize("data", [
    "Primary Identifier,Name\nü,é\n".encode() + b"\xe9,x\n",                # UTF-8 but for one byte
    b"Primary Identifier,Name\n\x81,\x9d\n",                                # not in Windows-1252 either
    b"Primary Identifier,Name\n1,a\x00b\n", b"\x00" * 100,
    "Primary Identifier,Name\n1,a\n".encode("utf-16-le"),                   # no mark
    "Primary Identifier,Name\n1,a\n".encode("utf-16")[:-1],                 # cut off within a character
    b"\xef\xbb\xbfPrimary Identifier\n\xe9\n", "Primary Identifier\n1\n".encode("utf-32")])
def test_text_in_no_known_encoding_is_refused(path, data):
    for found in both_ways(path, data):
        assert found == "refused"
    with pytest.raises(BadExport, match="not wholly UTF-8, UTF-16 with a mark at its start, or Windows-1252"):
        sheet_of(path, data)


def test_damage_far_down_is_found(path, monkeypatch):
    monkeypatch.setattr(splitting, "BLOCK", 100)
    table = written([HEADINGS, *[["1", "ü", "x"]] * 2000], "utf-8")
    assert rows_of(sheet_of(path, table.decode().encode("cp1252"))) == [["1", "ü", "x"]] * 2000
    with pytest.raises(BadExport, match="not wholly UTF-8"):
        sheet_of(path, table + b"2,\xfc,x\r\n")


def test_headings_that_nobody_knows_are_listed(path):
    with pytest.raises(BadExport, match="reads: Barcode, Name. The column Primary Identifier is needed in") as error:
        sheet_of(path, "\nBarcode;Name\n1;2\n")
    assert error.value.value == ["Barcode", "Name"]
    with pytest.raises(BadExport, match="in the first 30 rows"):
        sheet_of(path, "x\n" * 30 + "Primary Identifier\n1\n")
    assert rows_of(sheet_of(path, "x\n" * 29 + "Primary Identifier\n1\n")) == [["1"]]


def test_a_heading_that_occurs_twice_is_kept_twice(path):
    sheet = sheet_of(path, "title\nPrimary Identifier,Code, Code ,,\n1,2,3,,\n")
    assert sheet.headings == ("Primary Identifier", "Code", "Code", "", "")
    assert rows_of(sheet) == [["1", "2", "3", "", ""]]


def test_a_blank_before_a_quotation_mark_is_named(path):
    with pytest.raises(BadExport, match="row 2: a blank stands before the quotation mark of \"Code") as error:
        sheet_of(path, 'title\n"Primary Identifier", "Code, or so", Status\n"1", "2, 3", x\n')
    assert (error.value.file, error.value.row) == ("users.csv", 2)
    # The formula of a column is quoted by itself.
    sheet = sheet_of(path, 'Primary Identifier,"""User Details"".""Code"""\n1,2\n')
    assert sheet.headings[1] == '"User Details"."Code"'


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_what_is_read_is_told_byte_by_byte(path, size):
    text = "Primary Identifier,Code\n" + "1,2\n" * (size // 4)
    path.write_text(text)
    told = []
    texts.read(path, "users.csv", is_header, progress=told.append)
    assert sum(told) == len(text) and len(told) >= len(text) // 5_000_000


@pytest.mark.parametrize(("rest", "row"), [
    ('1,"a"b,c\n', 2), ('1,a,b\n2,"Bob,x\n3,a,"b"\n', 3), ('1,a,b\n2,"cut off', 3), ('1,a,b\n2,"cut off\n3,x,y\n', 3),
    ('1,"abc," def",x\n', 2), ('1,"""a,b\n', 2), ('"', 2)])
def test_a_quotation_mark_out_of_place_refuses_the_file(path, rest, row):
    assert both_ways(path, "Primary Identifier,Name,Code\n" + rest) == ["refused", "refused"]
    with pytest.raises(BadExport, match="quotation mark is out of place") as error:
        sheet_of(path, "Primary Identifier,Name,Code\n" + rest)
    assert error.value.row == row


def test_the_row_of_a_stray_mark_is_told_under_the_right_separator(path):
    with pytest.raises(BadExport, match="row 2: a quotation mark is out of place"):
        sheet_of(path, '"Users";today\n"Primary Identifier;Name\n1;2\n')


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("table", ['1,"Bob,x,y{}2,Ann",z,w{}', '1,a,b,"c{}2,a,b,c{}3,a,b,c"{}', '"1,a,b,c{}2",x,y,z{}'])
def test_two_stray_marks_that_swallow_a_row_refuse_the_file(path, table, end):
    data = f"Primary Identifier,Name,Code,Note{end}0,a,b,c{end}" + table.replace("{}", end)
    assert both_ways(path, data) == ["refused", "refused"]
    with pytest.raises(BadExport, match="row 3: in column .*the cell holds whole other rows"):
        sheet_of(path, data)


def test_a_note_of_several_lines_is_no_swallowed_row(path):
    table = [["1", "x", "y", "Line one\nnow a, b, c, d"], ["2", "a,b\nc,d\ne", "y", ""], ["3", "", "", "a\nb"]]
    assert rows_of(sheet_of(path, written([[*HEADINGS, "Note"], *table]))) == table


def test_a_mark_within_a_cell_is_a_letter_like_others(path, only_quick):
    assert rows_of(sheet_of(path, 'Primary Identifier,Name\n1,Anne "Ann" Lee\n2,"x"\n')) == [
        ["1", 'Anne "Ann" Lee'], ["2", "x"]]


@pytest.mark.parametrize("data", [
    "Primary Identifier,Name\n1," + "x" * 1_000_000 + "\n", "Primary Identifier,Name\n1,a\n2,\"" + "x,y\n" * 300_000,
    "Primary Identifier,Name\n1,a\n" + "y" * 5_000_000])
def test_a_row_without_end_is_refused_and_not_held(path, data):
    with pytest.raises(BadExport, match=r"row \d is longer than 1,000,000 characters"):
        sheet_of(path, data)


def test_a_file_of_one_endless_line_is_refused_at_once(path, monkeypatch):
    taken = []
    original = rows.Lines.__iter__
    monkeypatch.setattr(rows.Lines, "__iter__", lambda self: taken.append(self) or original(self))
    with pytest.raises(BadExport, match="row 1 is longer than"):
        sheet_of(path, b"a" * 20_000_000)
    assert {lines.in_row for lines in taken} == {1_000_001}


def test_a_long_row_within_the_limit_is_read(path):
    note = "x" * 900_000
    assert both_ways(path, written([["Primary Identifier", "Name"], ["1", note]])) == [
        (("Primary Identifier", "Name"), [["1", note]], [2], (), (), True)] * 2


def test_a_file_that_changes_meanwhile_is_refused(path, monkeypatch):
    real = splitting.quick

    def meanwhile(*given):
        found = real(*given)
        with path.open("ab") as stream:
            stream.write(b"9,x,y\n")
        return found

    monkeypatch.setattr(splitting, "quick", meanwhile)
    with pytest.raises(BadExport, match="was changed while I read it"):
        sheet_of(path, written([HEADINGS, *ROWS]))
