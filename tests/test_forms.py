"""Which form a file is, by its content whatever its name; which files of a folder count; zipped files."""

import hashlib
import io
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
import written
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import forms
from purgelib.errors import BadExport
from purgelib.forms import books, packed, pages, reportxml, texts

DAMAGED = Path(__file__).parent / "damaged"
ROWS = [["Primary Identifier", "Name", "Code"], ["00412345", "NA", "06"], ["b,2;x", "Null", "10"],
        ["ü-3", 'O"Neil', ""]]


def is_header(cells):
    return "Primary Identifier" in cells


def rows(sheet):
    return [list(sheet.headings), *(list(row.values()) for row in sheet.cells.to_pylist())]


def read(path, name=None, **more):
    return forms.read(path, name or path.name, is_header, **more)


def workbook(*sheets):
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        for one in sheets:
            sheet = book.add_worksheet()
            for at, row in enumerate(one):
                sheet.write_row(at, 0, row)
    return data.getvalue()


def zipped(path, *files, how=zipfile.ZIP_DEFLATED):
    """Writes a zip file of (name, text or bytes)."""
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def inside(**parts):
    data = io.BytesIO()
    zipped(data, *((name.replace("__", "/").replace("_", "."), text) for name, text in parts.items()))
    return data.getvalue()


# Which form.

@pytest.mark.parametrize("form", [form for form in written.FORMS if not form.startswith("zipped")])
@pytest.mark.parametrize("name", ["users.csv", "users.xlsx", "users"])
def test_every_form_holds_the_same_texts_whatever_its_name(tmp_path, form, name):
    path = written.write(tmp_path, "made", form, ROWS).rename(tmp_path / name)
    found = read(path)
    assert [rows(sheet) for sheet in found.sheets] == [ROWS]
    assert found.file == name and found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


WORD = st.text("abzé06,;\"'\t& -", min_size=1, max_size=5).map(str.strip).filter(bool)


@settings(max_examples=25, deadline=None)
@given(table=st.lists(st.tuples(WORD, WORD, WORD), min_size=1, max_size=5))
@pytest.mark.parametrize("form", written.FORMS)
def test_any_table_reads_the_same_in_every_form(tmp_path_factory, form, table):
    folder = tmp_path_factory.mktemp("any")
    expected = [ROWS[0], *(list(row) for row in table)]
    if form.endswith("html named xls"):
        expected = [[" ".join(cell.split()) for cell in row] for row in expected]
    path, name = written.write(folder, "made", form, expected), "made"
    if forms.is_archive(path):
        (path, name), = forms.unpacked(path, path.name, folder)
    sheet, = read(path, name).sheets
    assert rows(sheet) == expected and sheet.file == name


@pytest.mark.parametrize(("start", "reader"), [
    (b"<html><table>", pages), (b"\xef\xbb\xbf\r\n<!-- saved -->\n<HTML xmlns:x=\"urn\">", pages),
    (b"<table border=1>", pages),
    (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "a" "b">\n<html>', pages), (b"<!doctype html>", pages),
    ('<meta charset="utf-16">'.encode("utf-16"), pages),
    (b"MIME-Version: 1.0\r\nContent-Type: multipart/related", pages),
    (b"From: x\r\nMIME-Version: 1.0\r\n", pages),
    (b'<html xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><table>', pages),
    (b"<?xml version='1.0'?><report><QueryResult>", reportxml), (b"\n <rowset xmlns='x'>", reportxml),
    (b"<!-- fetched --><report>", reportxml), (b"<?xml version='1.0'?>" + b" " * 100_000 + b"<report>", reportxml),
    (b'<!DOCTYPE rowset [<!ENTITY a "b">]><rowset>', reportxml), (b"<saw:rowset xmlns:saw='x'>", reportxml),
    (b"Primary Identifier,Code\r\n", texts), (b"<30 days,x\n", texts), (b"<none>\nPrimary Identifier", texts),
    (b"PK,1", texts),
    (b"BMW,1\n", texts), ("ID\tX".encode("utf-16"), texts), (b"GIFTS,1", texts), (b"\n\n", texts), (b"a<html>", texts),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", books), (workbook(ROWS), books),
])
def test_the_form_is_told_by_the_first_bytes(tmp_path, monkeypatch, start, reader):
    asked = []
    for module in (pages, texts, reportxml, books):
        monkeypatch.setattr(module, "read", lambda path, *more, module=module: asked.append(module) or [])
    (tmp_path / "any.name").write_bytes(start)
    read(tmp_path / "any.name")
    assert asked == [reader]


@pytest.mark.parametrize(("data", "what"), [
    (b"%PDF-1.7", "PDF"), (b"\x89PNG\r\n\x1a\n", "picture"), (b"BM\x36\0\0\0", "picture"), (b"{\\rtf1", "RTF"),
    (b"\x1f\x8b\x08", "gzip"), (b"7z\xbc\xaf'\x1c", "7-Zip"), (b"\x09\x04\x06\0\0\0", "Excel 4"),
    (inside(xl__workbook_bin=""), "XLSB"), (inside(word__document_xml=""), "Word"),
    (inside(mimetype="application/vnd.oasis.opendocument.spreadsheet"), "OpenDocument"),
    (b'<?xml version="1.0"?><office:document xmlns:office="x">', "OpenDocument"),
    (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>\n<Workbook '
     b'xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "SpreadsheetML"),
    (inside(users_csv="x"), "zip file"), (b"", "empty"), (b"PK\x03\x04x", "cut off"),
])
def test_what_is_no_form_of_ours_is_refused_by_name_and_not_passed_over(tmp_path, data, what):
    (tmp_path / "users.csv").write_bytes(data)
    with pytest.raises(BadExport, match=what) as refused:
        read(tmp_path / "users.csv", "all.zip/users.csv")
    assert refused.value.file == "all.zip/users.csv" and str(refused.value).startswith("all.zip/users.csv")


def test_a_csv_named_xls_is_read_as_what_it_is():
    assert rows(read(DAMAGED / "csv_named.xls").sheets[0])[1][:4] == ["00412345", "Ada", "Example", "06"]


def test_sheets_to_pass_over_are_passed_over(tmp_path):
    (tmp_path / "u").write_bytes(workbook(ROWS, [["notes"]]))
    with pytest.raises(BadExport, match="u, sheet Sheet2"):
        read(tmp_path / "u")
    assert len(read(tmp_path / "u", ignored=frozenset({"u/Sheet2"})).sheets) == 1
    (tmp_path / "p").write_text("<table><tr><td>Primary Identifier</td></tr></table><table><tr><td>x</td></tr></table>")
    assert len(read(tmp_path / "p", ignored=frozenset({"p/table 2"})).sheets) == 1


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = written.write(tmp_path, "u", "html named xls", ROWS)
    whole = pages.read

    def slow(path, *more):
        found = whole(path, *more)
        path.write_text(path.read_text() + "\n")
        return found
    monkeypatch.setattr(pages, "read", slow)
    with pytest.raises(BadExport, match="changed while I read it"):
        read(path)


def test_a_file_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = written.write(tmp_path, "u", "csv", ROWS)
    monkeypatch.setattr(forms, "TOO_LARGE", path.stat().st_size - 1)
    with pytest.raises(BadExport, match="larger than"):
        read(path)


@pytest.mark.parametrize(("form", "module"), [("xlsx", books), ("html named xls", pages)])
def test_books_and_pages_have_smaller_limits(tmp_path, monkeypatch, form, module):
    path = written.write(tmp_path, "u", form, ROWS)
    monkeypatch.setattr(module, "TOO_LARGE", path.stat().st_size - 1)
    with pytest.raises(BadExport, match="larger than"):
        read(path)


# A folder.

def test_every_file_of_a_folder_counts_but_what_programs_leave_there(tmp_path):
    kept = ["Users.CSV", "a.pdf", "b.xlsx", "readme.txt", "x.xlsx.crdownload"]
    for name in [*kept, ".hidden", "._a.csv", "~$b.xlsx", ".~lock.b.xlsx#", "Thumbs.db", "desktop.ini", "README.md",
                 "headings.toml", ".DS_Store"]:
        (tmp_path / name).write_text("x")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "users.csv").write_text("x")
    assert forms.files(tmp_path) == [(tmp_path / name, name) for name in kept]
    assert forms.files(str(tmp_path)) == forms.files(tmp_path)


def test_a_file_that_is_named_counts_whatever_its_name(tmp_path):
    path = tmp_path / ".hidden"
    path.write_text("x")
    assert forms.files(path) == forms.files([str(path)]) == [(path, ".hidden")]


def test_a_file_named_twice_is_read_once_and_two_of_one_name_are_told_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "u.csv").write_text("x")
    one, other = tmp_path / "a" / "u.csv", tmp_path / "b" / "u.csv"
    assert forms.files([one, tmp_path / "a" / ".." / "a" / "u.csv"])[0][1] == "u.csv"
    assert [name for _, name in forms.files([one, other, one])] == ["a/u.csv", "b/u.csv"]


def test_what_is_not_there_is_an_error(tmp_path):
    for where in (tmp_path, [], tmp_path / "nothing.csv", [tmp_path / "nothing.csv"]):
        with pytest.raises(BadExport):
            forms.files(where)
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nothing.csv")
    with pytest.raises(BadExport, match="gone.csv"):
        forms.files(tmp_path)


# Zipped files.

def test_zipped_files_are_unpacked_privately_and_named_after_the_archive(tmp_path):
    room = tmp_path / "room"
    room.mkdir(mode=0o700)
    path = zipped(tmp_path / "all.zip", ("users.csv", "x"), ("old/fees.xlsx", workbook(ROWS)),
                  ("__MACOSX/._users.csv", "m"), (".DS_Store", "d"), ("old/", ""),
                  ("old/.x/y.csv", "h"), ("Thumbs.db", "t"))
    found = forms.unpacked(path, "all.zip", room)
    assert [name for _, name in found] == ["all.zip/users.csv", "all.zip/old/fees.xlsx"]
    assert found[0][0].read_text() == "x" and rows(read(*found[1]).sheets[0]) == ROWS
    assert {one.parent for one, _ in found} == {room} and len(list(room.iterdir())) == 2
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one, _ in found)


@pytest.mark.parametrize("name", [
    "../../evil.csv", "/etc/evil.csv", "..\\evil.csv", "C:\\evil.csv", "a\nb.csv", "x" * 300,
])
def test_names_inside_are_never_used_as_paths(tmp_path, name):
    room = tmp_path / "a" / "b" / "room"
    room.mkdir(parents=True)
    (path, called), = forms.unpacked(zipped(tmp_path / "all.zip", (name, "x")), "all.zip", room)
    assert path.parent == room and path.read_text() == "x" and called.startswith("all.zip/")
    assert sorted(os.listdir(tmp_path)) == ["a", "all.zip"] and os.listdir(tmp_path / "a") == ["b"]


def test_what_is_an_archive_is_told_by_its_content(tmp_path):
    assert forms.is_archive(zipped(tmp_path / "a.csv", ("users.csv", "x")))
    assert forms.is_archive(zipped(tmp_path / "empty"))
    others = {"u.zip": b"a,b", "v.zip": workbook(ROWS), "w.zip": inside(xl__workbook_bin="x"), "x.zip": b""}
    for name, data in others.items():
        (tmp_path / name).write_bytes(data)
        assert not forms.is_archive(tmp_path / name)


def test_odd_archives_are_refused_by_name(tmp_path):
    nested = zipped(tmp_path / "nested.zip", ("more.zip", inside(users_csv="x")))
    with pytest.raises(BadExport, match="all.zip/more.zip is a zip file within another"):
        forms.unpacked(nested, "all.zip", tmp_path)
    with pytest.raises(BadExport, match="without any file"):
        forms.unpacked(zipped(tmp_path / "empty.zip", (".x", "")), "all.zip", tmp_path)
    many = zipped(tmp_path / "many.zip", *((f"{n}.csv", "x") for n in range(101)))
    with pytest.raises(BadExport, match="all.zip holds 101 files"):
        forms.unpacked(many, "all.zip", tmp_path)


def test_an_archive_with_a_password_says_so(tmp_path):
    path = zipped(tmp_path / "all.zip", ("users.csv", "x"))
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(BadExport, match="password"):
        forms.unpacked(path, "all.zip", tmp_path)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = zipped(tmp_path / "all.zip", ("a.csv", "x" * 600_000), ("b.csv", "x" * 600_000))
    for number, (name, limit, why) in enumerate([("TOO_LARGE", 1_000_000, "more than can be read"),
                                                 ("RATIO_FROM", 500_000, "200 times")]):
        (tmp_path / str(number)).mkdir()
        with monkeypatch.context() as less, pytest.raises(BadExport, match=why) as refused:
            less.setattr(forms if name == "TOO_LARGE" else packed, name, limit)
            forms.unpacked(path, "all.zip", tmp_path / str(number))
        assert refused.value.file == ("all.zip/b.csv" if name == "TOO_LARGE" else "all.zip/a.csv")


def test_a_damaged_archive_is_refused_wherever_it_is_cut_off_or_changed(tmp_path):
    text = "".join(f"{n},{n * n}\n" for n in range(2000))
    whole = zipped(tmp_path / "all.zip", ("a.csv", text)).read_bytes()
    path, room = tmp_path / "cut.zip", tmp_path / "room"
    for at in range(4, len(whole), len(whole) // 30):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:]):
            path.write_bytes(data)
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir()
            try:
                (one, _), = forms.unpacked(path, "all.zip", room)
            except BadExport as refused:
                assert "all.zip" in str(refused)
                continue
            assert one.read_text() == text
