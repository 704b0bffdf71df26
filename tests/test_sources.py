"""A folder is read whole or refused: nothing in it is passed over in silence, and no second headings become a user."""

import datetime
import io

import exported
import pytest
from exported import GOES, put, put_all, read, SIDES, user, USERS, verdict

from purgelib import exports, sources
from purgelib.errors import BadExport
from purgelib.population import CHECK, MAY_GO, STAYS

DAY = exported.DAY


def csv_of(*rows):
    return "".join(",".join(row) + "\n" for row in rows)


# Two exports, one below the other.

@pytest.mark.parametrize("form", ["csv", "xlsx", "semicolons", "html named xls"])
def test_headings_that_stand_there_again_are_a_lost_row(tmp_path, form):
    put_all(tmp_path, [GOES, USERS, user("other")], form)
    with pytest.raises(BadExport, match="row 3.*headings stand here again"):
        exports.read(tmp_path)
    found = exports.read(tmp_path, strict=False)
    assert found.users["primary_id"].tolist() == [GOES[0], "other"]
    (source,) = [one for one in found.inputs if one.kind == "users"]
    assert (source.rows, source.refused, source.read) == (3, 1, 2)


def test_other_headings_below_are_refused_in_any_case(tmp_path):
    turned = [USERS[1], USERS[0], *USERS[2:]]
    put_all(tmp_path, [GOES, turned, ["Ada", "x", *GOES[2:]]])
    # The column of IDs holds First Name there, and no ID: it is the other one that tells.
    put(tmp_path, "users", [GOES, [USERS[0], *reversed(USERS[1:])], GOES])
    for strict in (True, False):
        with pytest.raises(BadExport, match="row 3: other headings stand here: Primary Identifier, Has Role") as error:
            exports.read(tmp_path, strict=strict)
        assert error.value.row == 3 and error.value.file.startswith("users")


def test_headings_again_in_another_order_are_refused(tmp_path):
    put_all(tmp_path, loans=[["x", "l1"], ["Item Loan ID", "Primary Identifier"], ["l2", GOES[0]]])
    with pytest.raises(BadExport, match="row 3: other headings stand here: Item Loan ID, Primary Identifier"):
        exports.read(tmp_path, strict=False)


def test_headings_again_in_a_side_export_leave_its_fact_unknown(tmp_path):
    found = read(tmp_path, strict=False, loans=[["x", "l1"], SIDES["loans"], ["y", "l2"]])
    assert verdict(found) == CHECK and found.users["loans"].isna().all()


def test_a_user_called_username_is_a_user(tmp_path):
    found = read(tmp_path, [GOES, user("username"), user("Primary ID")])
    assert len(found.users) == 3


# What is not read is named.

@pytest.mark.parametrize(("name", "text", "said"), [
    (".exceptions.csv", "x", "is a hidden file"), (".Users.XLSX", "x", "is a hidden file"),
    ("heading.toml", 'ignore = ["x"]', "is not the headings.toml in use"),
    ("Headings.TOML", "[groups]\n'06' = 'Staff'", "is not the headings.toml in use"),
    ("mine.toml", "[dates\n", "is not the headings.toml in use"), ("old/users.csv", "x", "is a folder with files"),
    ("old/older/users.csv", "x", "is a folder with files")])
def test_what_may_be_somebodys_list_is_named_or_left_alone_by_order(tmp_path, name, text, said):
    put_all(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    told = name.split("/")[0]
    with pytest.raises(BadExport, match=f"^{told} {said}.*ignore = ..{told}") as error:
        exports.read(tmp_path, strict=False)
    assert error.value.file == told
    (tmp_path / "headings.toml").write_text(f'ignore = ["{told}"]')
    assert len(exports.read(tmp_path).users) == 1


@pytest.mark.parametrize("name", [".DS_Store", "._users.csv", ".~lock.users.csv#", "~$users.xlsx", "README.md",
                                  ".ipynb_checkpoints/users-checkpoint.csv", "choice.toml", "empty/.gitkeep"])
def test_what_programs_leave_is_passed_over(tmp_path, name):
    put_all(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('title = "x"' if name.endswith("toml") else "x")
    assert len(exports.read(tmp_path).users) == 1


def test_a_second_mapping_of_the_same_name_is_a_stray_one(tmp_path):
    put_all(tmp_path)
    (tmp_path / "headings.toml").write_text('[groups]\n"06" = "Undergraduate"')
    other = tmp_path / "empty" / "headings.toml"
    other.parent.mkdir()
    other.write_text('[dates]\norder = "day first"')
    with pytest.raises(BadExport, match="headings.toml is not the headings.toml in use"):
        exports.read([*tmp_path.glob("*.csv")][0].parent, mapping=other)


def test_a_mapping_of_another_name_is_no_stray_one(tmp_path):
    put_all(tmp_path)
    (tmp_path / "ours.toml").write_text('[groups]\n"06" = "Undergraduate"')
    assert len(exports.read(tmp_path, mapping=tmp_path / "ours.toml").users) == 1


# Lists of staff.

def test_a_list_by_hand_needs_no_last_line_end_where_its_reason_comes_last(tmp_path):
    put_all(tmp_path)
    (tmp_path / "keep.csv").write_text("Primary ID,Reason to Keep\n00412345,thesis")
    found = exports.read(tmp_path)
    assert verdict(found) == STAYS and not any(one.suspected for one in found.inputs)
    (tmp_path / "keep.csv").write_text("Reason to Keep,Primary ID\nthesis,00412345")
    found = exports.read(tmp_path, strict=False)
    assert any("cut off" in one.suspected for one in found.inputs if one.kind == "exceptions")


@pytest.mark.parametrize("heading", ["Reason", "Grund", "Keep", "reasons"])
def test_a_list_of_ids_with_reasons_is_one_of_exceptions(tmp_path, heading):
    put_all(tmp_path, [GOES, user("other")])
    (tmp_path / "keep.csv").write_text(f"Primary ID,{heading}\nother,thesis\n")
    found = exports.read(tmp_path)
    assert (verdict(found), verdict(found, "other")) == (MAY_GO, STAYS)
    assert "beside nothing but the primary ID" in set(found.taken["how"])


def test_a_list_with_columns_that_nobody_knows_is_not_advised_to_be_a_set(tmp_path):
    put_all(tmp_path)
    (tmp_path / "keep.csv").write_text("Primary ID,Bemerkung\n00412345,bleibt\n")
    with pytest.raises(BadExport, match="head the reasons Reason to Keep") as error:
        exports.read(tmp_path)
    assert "USERNAME" not in str(error.value)


def test_a_bare_list_of_notes_may_be_one_of_exceptions_so_its_users_stay(tmp_path):
    put_all(tmp_path, [GOES, user("other")], notes=[["other", "do not delete"], ["nobody", "x"]])
    found = exports.read(tmp_path)
    assert (verdict(found), verdict(found, "other")) == (MAY_GO, STAYS)
    assert found.problems["problem"].str.contains("Reason to Keep").any() and not found.problems["stops"].any()


def test_a_column_that_is_not_used_may_occur_twice(tmp_path):
    put_all(tmp_path, None or [[*GOES, "a", "b"]])
    put(tmp_path, "users", [[*GOES, "a", "b"]], heads=[*USERS, "Remark", "Remark"])
    assert len(exports.read(tmp_path).users) == 1
    put(tmp_path, "users", [[*GOES, "2019-06-30"]], heads=[*USERS, "Expiry Date"])
    with pytest.raises(BadExport, match="Expiry Date and Expiry Date both mean"):
        exports.read(tmp_path)


# Progress.

def test_one_bar_tells_the_bytes_of_all_files(tmp_path, monkeypatch):
    put_all(tmp_path, [user(f"u{n}") for n in range(400)], form="xlsx")
    put(tmp_path, "loans", [["purged-long-ago", "1"]])
    bars = []

    class Bar(sources.tqdm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs | {"delay": 0, "file": io.StringIO()})
            self.told = []
            bars.append(self)

        def update(self, n=1):
            self.told.append(n)
            return super().update(n)

    monkeypatch.setattr(sources, "tqdm", Bar)
    exports.read(tmp_path)
    (bar,) = bars
    assert bar.n == bar.total == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert len(bar.told) > len(list(tmp_path.iterdir())) and min(bar.told) >= 0
    assert DAY == datetime.date(2026, 11, 21)


def test_our_own_list_of_problems_may_lie_beside_the_exports(tmp_path):
    read(tmp_path, [GOES, user("damaged", **{"Status": "?"})], strict=False).save_problems(tmp_path)
    assert len(exports.read(tmp_path, strict=False).users) == 2


@pytest.mark.parametrize("text", ["a=" + "[" * 60_000, "#" * 200_000])
def test_a_hostile_mapping_is_refused(tmp_path, text):
    put_all(tmp_path)
    (tmp_path / "headings.toml").write_text(text)
    with pytest.raises(BadExport, match="headings.toml"):
        exports.read(tmp_path)


def test_the_apostrophe_of_printers_is_that_of_a_keyboard(tmp_path):
    heads = [{"Expiry Date": "Date d\u2019expiration"}.get(heading, heading) for heading in USERS]
    put_all(tmp_path)
    put(tmp_path, "users", [GOES], heads=heads)
    assert verdict(exports.read(tmp_path)) == MAY_GO
