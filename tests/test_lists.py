"""A list is read back as it was written, whatever is in it, and no spreadsheet carries anything out."""

import csv
import os
import shutil
import subprocess
import zipfile

import fastexcel
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from purgelib import lists
from purgelib.errors import Refused

EVIL = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠1", " =1+1", "\xa0=1",
        "\u3000=1", "'", "''=1", "'=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://example.edu","x")']
TAME = ["", "00000012", "1.2E+11", "NA", "null", "ü", "a,b", 'q"uote', "a;b", "l\nm", "a\r\nb", "a\rb", "o'neil",
        "\x00", " x"]


def frame(*texts):
    return pd.DataFrame({"primary_id": pd.Series(texts, dtype="str")})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=6), st.text(alphabet="'=+-@\t\r\n\",;＝ aü\x00", max_size=5)), max_size=6))
@example([])
@example([("", "")])
def test_every_text_is_read_back_as_it_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "list.csv"
    made = pd.DataFrame(rows, columns=["a", "=b"], dtype="str")
    again = lists.read(lists.write(made, path))
    assert list(again.columns) == ["a", "=b"] and again.to_numpy().tolist() == made.to_numpy().tolist()


def test_what_a_spreadsheet_could_take_for_a_formula_has_an_apostrophe_in_front(tmp_path):
    path = lists.write(frame(*EVIL, *TAME), tmp_path / "list.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [row[0] for row in csv.reader(file)][1:]
    assert cells == [f"'{text}" for text in EVIL] + TAME


def test_the_file_is_utf8_with_a_mark_every_cell_quoted(tmp_path):
    made = pd.DataFrame({"a": ["ü", None], "n": [-1, 2]})
    path = lists.write(made, tmp_path / "list.csv")
    assert path.read_bytes() == '\ufeff"a","n"\n"ü","-1"\n"","2"\n'.encode()
    assert lists.read(path).to_numpy().tolist() == [["ü", "-1"], ["", "2"]]


def test_a_long_list_keeps_its_line_ends_wherever_the_reader_takes_a_breath(tmp_path):
    made = frame(*[f"{number}" + "\n\"x\n," * 200 for number in range(30_000)])
    assert lists.read(lists.write(made, tmp_path / "list.csv")).equals(made)


def test_an_empty_list_keeps_its_columns_and_all_are_texts(tmp_path):
    again = lists.read(lists.write(frame(), tmp_path / "list.csv"))
    assert len(again) == 0 and list(again.columns) == ["primary_id"] and again["primary_id"].dtype == "str"


def test_a_list_is_its_owners_only_and_replaces_an_open_one(tmp_path):
    path = tmp_path / "new" / "list.csv"
    lists.write(frame("a"), path)
    path.chmod(0o644)
    (path.parent / "list.csv.partial").write_text("left over from a crash")
    lists.write(frame("b"), path)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["list.csv"]
    assert lists.read(path)["primary_id"].tolist() == ["b"]


def test_a_list_that_cannot_be_written_leaves_the_old_one_whole(tmp_path, monkeypatch):
    path = lists.write(frame("old"), tmp_path / "list.csv")

    def disk_full(table, file, options):
        file.write(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(lists.pyarrow.csv, "write_csv", disk_full)
    with pytest.raises(OSError, match="No space left"):
        lists.write(frame("new"), path)
    monkeypatch.undo()
    assert lists.read(path)["primary_id"].tolist() == ["old"] and list(tmp_path.iterdir()) == [path]


def test_a_list_without_the_mark_is_taken_as_it_stands(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(b"primary_id,'n\r\n'abc,00012\r\n''x,NA\r\n")
    again = lists.read(path)
    assert list(again.columns) == ["primary_id", "'n"]
    assert again.to_numpy().tolist() == [["'abc", "00012"], ["''x", "NA"]]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b'"a","b"\n"1"\n', b'"a"\n"\xff"\n', b'"a',
                                  b'\xff"a"\n"1"\n'])
def test_a_damaged_list_is_refused(tmp_path, data):
    (tmp_path / "list.csv").write_bytes(data)
    with pytest.raises(Refused, match="list.csv is not whole"):
        lists.read(tmp_path / "list.csv")


# Comma, quotation mark, UTF-8, from line 1; special numbers are detected and formulas are carried out.
OPENED = "CSV:44,34,76,1,,0,false,true,false,false,false,1,true"


def opened_in_libreoffice(path, folder):
    subprocess.run(["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", f"--infilter={OPENED}",
                    "--convert-to", "xlsx", "--outdir", folder, path], check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(folder / f"{path.stem}.xlsx") as book:
        formulas = book.read("xl/worksheets/sheet1.xml").count(b"<f")
    cells = fastexcel.read_excel(folder / f"{path.stem}.xlsx").load_sheet(0, header_row=0, dtypes="string").to_pandas()
    return cells.iloc[:, 0].tolist(), formulas


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not here")
def test_libreoffice_shows_texts_and_carries_nothing_out(tmp_path):
    bare = tmp_path / "bare.csv"
    bare.write_text('"primary_id"\n"=1+1"\n')
    assert opened_in_libreoffice(bare, tmp_path) == (["2"], 1), "without the apostrophe it would"
    evil = [text for text in EVIL if not set("\r\n") & set(text)]
    shown, formulas = opened_in_libreoffice(lists.write(frame(*evil), tmp_path / "list.csv"), tmp_path)
    assert formulas == 0 and shown == [f"'{text}" for text in evil]
