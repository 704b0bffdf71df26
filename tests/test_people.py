"""The export of users: texts stay texts, doubtful cells are named, rows of one user are folded or contradict."""

import string

import pandas as pd
import pytest
from exported import DAY, GOES, judged, put, put_all, read, user, USERS, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import exports, mappings, people, population, problems, sources, users
from purgelib.errors import BadExport
from purgelib.population import CHECK, MAY_GO, STAYS

# ---- texts stay texts


@pytest.mark.parametrize("name", ["NA", "Null", "nan", "None", "TRUE", "1e5", "-", "N/A", "=1+1"])
def test_a_surname_that_looks_like_nothing_survives(tmp_path, name):
    assert read(tmp_path, [user(**{"Last Name": name})]).users["name"].iloc[0] == f"Ada {name}"


def test_codes_and_ids_keep_their_leading_zeros(tmp_path):
    found = read(tmp_path, [user("00000012", **{"User Group Code": "06", "Campus Code": "007"})]).users.iloc[0]
    assert (found["primary_id"], found["user_group"], found["campus"]) == ("00000012", "06", "007")


def test_an_empty_cell_is_not_known(tmp_path):
    found = read(tmp_path, [user(**dict.fromkeys(USERS[1:], ""))]).users.iloc[0]
    assert found[["user_group", "record_type", "status", "expiry_date", "purge_date", "other_roles"]].isna().all()
    assert not found["purge_known"] and found["doubt"] == ""


ID = st.text(string.ascii_letters + string.digits + "._@", min_size=4, max_size=12).filter(
    lambda one: one[0].isalpha() and not one.casefold().startswith("no primary id") and "e" not in one.casefold())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(ID, st.sampled_from(["06", "10", "x y", ""]),
                          st.sampled_from(["2019-06-30", "9999-12-31", ""])),
                min_size=1, max_size=8, unique_by=lambda row: row[0].casefold()))
def test_any_table_of_users_is_read_back_as_it_was_written(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    found = read(folder, [user(one, **{"User Group Code": group, "Expiry Date": day}) for one, group, day in rows],
                 loans=[[one, "l"] for one, _, _ in rows[::2]], strict=False).users
    assert found["primary_id"].tolist() == [one for one, _, _ in rows]
    assert found["user_group"].astype("str").fillna("").tolist() == [group for _, group, _ in rows]
    assert found["expiry_date"].dt.strftime("%Y-%m-%d").fillna("").tolist() == [day for _, _, day in rows]
    assert found["loans"].tolist() == [1 - at % 2 for at in range(len(rows))]


# ---- doubtful cells


@pytest.mark.parametrize(("heading", "value"), [
    ("Expiry Date", "01/02/2020"), ("Expiry Date", "2019-02-30"), ("Expiry Date", "43646"),
    ("Purge Date", "01/02/2020"), ("Expiry Date", "2019-06-30 x"), ("Expiry Date", "1900-01-00"),
    ("User Record Type", "Publik"), ("Status", "Gone"), ("Account Type", "?"),
    ("Has Role Other Than Patron", "perhaps"),
])
def test_a_doubtful_cell_is_refused_with_file_row_column_and_value(tmp_path, heading, value):
    people = [user("a"), user("b", **{heading: value})]
    with pytest.raises(BadExport, match=f"users_{DAY}.csv, row 3, column {heading}") as refused:
        read(tmp_path, people)
    error = refused.value
    assert (error.file, error.row, error.column, error.value) == (f"users_{DAY}.csv", 3, heading, value)
    kept = read(tmp_path, people, strict=False)
    assert kept.problems[["row", "column", "value"]].to_numpy().tolist() == [[3, heading, value]]
    assert (verdict(kept, "a"), verdict(kept, "b")) == (MAY_GO, STAYS)
    assert "doubtful" in judged(kept).reason.astype(str).iloc[1]


def test_a_column_of_dates_that_can_be_read_in_two_ways_is_refused_and_in_one_way_is_read(tmp_path):
    both = [user("a", **{"Expiry Date": "05/06/2019"}), user("b", **{"Expiry Date": "07/08/2018"})]
    with pytest.raises(BadExport, match="row 2, column Expiry Date"):
        read(tmp_path, both)
    found = read(tmp_path, [*both, user("c", **{"Expiry Date": "30/06/2019"})]).users
    assert found["expiry_date"].dt.strftime("%Y-%m-%d").tolist() == ["2019-06-05", "2018-08-07", "2019-06-30"]


def test_staff_can_say_which_comes_first_where_a_column_does_not(tmp_path):
    put_all(tmp_path, [user("a", **{"Expiry Date": "05/06/2019"})])
    (tmp_path / "headings.toml").write_text('[dates]\norder = "month first"\n', encoding="utf-8")
    assert exports.read(tmp_path).users["expiry_date"].iloc[0] == pd.Timestamp("2019-05-06")


def test_blanks_around_a_code_do_not_take_the_protection_away(tmp_path):
    for code in (" 30", "30 ", "030"):
        assert verdict(read(tmp_path, [user(**{"User Group Code": code})])) == STAYS


# ---- user groups


@pytest.mark.parametrize(("told", "group", "name"), [
    (["06 Undergraduate", "30 Library staff"], "06", "Undergraduate"), (["06", "30"], "06", None)])
def test_a_group_told_in_one_column_is_read_where_its_code_is_certain(tmp_path, told, group, name):
    people = [[one, *user(one)[1:3], text, *GOES[5:]] for one, text in zip(("a", "b"), told, strict=True)]
    put_all(tmp_path)
    put(tmp_path, "users", people, heads=[*USERS[:3], "User Group", *USERS[5:]])
    found = exports.read(tmp_path)
    assert found.users["user_group"].tolist() == [group, "30"]
    assert found.users["group_name"].iloc[0] == name or pd.isna(found.users["group_name"].iloc[0])
    assert (verdict(found, "a"), verdict(found, "b")) == (MAY_GO, STAYS)


def test_descriptions_alone_do_not_tell_who_is_protected_until_somebody_names_the_codes(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "users", [["a", "Ada", "Example", "Library staff", *GOES[5:]]],
        heads=[*USERS[:3], "User Group", *USERS[5:]])
    with pytest.raises(BadExport, match="User Group Code"):
        exports.read(tmp_path)
    found = exports.read(tmp_path, groups=pd.DataFrame({"code": ["30"], "description": ["Library Staff"]}))
    assert found.users["user_group"].tolist() == ["30"] and verdict(found, "a") == STAYS


# ---- IDs


@pytest.mark.parametrize("damaged", ["1.2E+11", "1,2E+11", "4.12345e5", "412345.0", "412345,00", "#REF!", "########",
                                     " 412", "41\u200b2", "41\n2", "412\u00a0345", "0041234\u0435x", "2026-05-12"])
def test_an_id_that_excel_or_a_hand_has_damaged_never_may_go(tmp_path, damaged):
    with pytest.raises(BadExport):
        read(tmp_path, [user("00412345"), user(damaged)])
    found = read(tmp_path, [user("other"), user(damaged, **{"Last Name": "Sample"})], strict=False)
    assert (verdict(found, "other"), verdict(found, damaged)) == (MAY_GO, STAYS)


def test_a_row_without_an_id_is_refused_and_kept_as_a_problem(tmp_path):
    with pytest.raises(BadExport, match="row 3"):
        read(tmp_path, [user(), user("")])
    found = read(tmp_path, [user(), user("")], strict=False)
    assert len(found.users) == 1 and found.inputs[-1].refused == 1 and found.problems["row"].tolist() == [3]


def test_ids_that_lost_their_leading_zeros_never_may_go(tmp_path):
    whole = [f"{n * 3_700_001 % 10**8:08d}" for n in range(1, 200)]
    people = judged(read(tmp_path, [user(one.lstrip("0")) for one in whole], strict=False))
    lost = people.table["primary_id"].str.len() < 8
    assert lost.sum() > 10 and set(people.verdict[lost]) == {STAYS}
    assert len(read(tmp_path, [user(one) for one in whole]).users) == 199


def test_a_user_whom_a_damaged_row_may_mean_stays(tmp_path):
    found = read(tmp_path, [user("00412345"), user("412345.0"), user("other")], strict=False)
    assert (verdict(found), verdict(found, "other")) == (STAYS, MAY_GO)


def test_a_user_whom_a_torn_row_names_stays(tmp_path):
    put_all(tmp_path)
    lines = [",".join(row) for row in (USERS, user("a"), user("b"), user("b")[:5])]
    put(tmp_path, "users", "\r\n".join(lines) + "\r\n")
    with pytest.raises(BadExport, match="row 4"):
        exports.read(tmp_path)
    found = exports.read(tmp_path, strict=False)
    assert (verdict(found, "a"), verdict(found, "b")) == (MAY_GO, STAYS)
    assert found.inputs[-1].rows == 3 and found.inputs[-1].refused == 1


def test_a_contact_without_an_id_stays_and_stops_nobody(tmp_path):
    found = read(tmp_path, [GOES, user("no primary id (123)")])
    assert found.problems.empty and verdict(found, "no primary id (123)") == STAYS


@pytest.mark.parametrize(("lost", "kept"), [
    ("Ada Example", "EXAMPLE,  Ada"), ("Ada", "Ada Example"), ("Ada Maria Example", "Ada Example"),
    ("Ada Example", "ada-example"), ("Zo\u00eb Example", "Zoe\u0308 EXAMPLE"), ("Zoe Example", "Zo\u00eb Example"),
    (" ".join("abcdefghijk"), "c d e"), ("c d e", " ".join("abcdefghijk")), ("Ada Example", "?")])
def test_a_user_whose_name_may_be_that_of_a_row_without_an_id_stays(tmp_path, lost, kept):
    names = [{"First Name": "", "Last Name": name} for name in (lost, kept, "Bob Sample")]
    for nothing in ("", "#REF!", "m?ller"):
        found = read(tmp_path, [user(one, **name) for one, name in zip((nothing, "a", "b"), names, strict=True)],
                     strict=False)
        assert (verdict(found, "a"), verdict(found, "b")) == (STAYS, MAY_GO), nothing


def test_names_of_rows_without_an_id_are_compared_for_many_at_once():
    """Each with each would take hours."""
    names = [f"first{n} middle{n % 7} last{n % 90}" for n in range(60_000)]
    rows = pd.DataFrame({"name": pd.Series(names, dtype="str")})
    assert people._named(rows, names[::2]).tolist()[:3] == [True, False, True]


@pytest.mark.parametrize("changes", [{"Last Name": "back"}, {"First Name": "", "Last Name": "BACK"}, {},
                                     {"First Name": "", "Last Name": ""}])
@pytest.mark.parametrize("damaged", ["", "?"])
def test_somebody_purged_before_whose_id_is_lost_keeps_whom_it_may_mean(tmp_path, changes, damaged):
    ghost = user(damaged, **({"Status": "Deleted", "Last Name": "Example of back"} | changes))
    found = read(tmp_path, [user("back"), ghost], strict=False)
    assert verdict(found, "back") == STAYS and not found.problems["stops"].any()


def test_a_row_whose_last_name_is_an_id_keeps_that_user(tmp_path):
    found = read(tmp_path, [user("back"), user("", **{"Last Name": "BACK", "Status": ""}), user("x")], strict=False)
    assert (verdict(found, "back"), verdict(found, "x")) == (STAYS, MAY_GO)


def test_a_damaged_id_of_somebody_purged_before_keeps_whom_it_may_mean(tmp_path):
    ghost = user("1.2E+11", **{"Status": "Deleted", "Last Name": "Sample"})
    found = read(tmp_path, [user("120000000017"), user("x"), ghost], strict=False)
    assert (verdict(found, "120000000017"), verdict(found, "x")) == (STAYS, MAY_GO)


def test_a_lost_id_may_have_been_another_one_but_for_its_zeros(tmp_path):
    lost = user("", **{"Last Name": "Sample", "First Name": "Bob"})
    for one in ("00012345", "12345", "a b"):
        found = read(tmp_path, [user(one), user("x"), lost], strict=False)
        assert (verdict(found, one), verdict(found, "x")) == (STAYS, MAY_GO)
    whole = [user(str(n)) for n in (12345678, 23456781, 34567812, 45678123)]
    found = read(tmp_path, [*whole, lost], strict=False)
    assert verdict(found, "12345678") != STAYS


def test_how_dates_and_groups_were_read_is_kept_by_place_and_heading(tmp_path):
    put_all(tmp_path, [user("a", **{"Expiry Date": "30/06/2019"})])
    (part, _), *_ = [one for one in sources.parts(tmp_path, mappings.Mapping(), None, problems.Problems())
                     if "users" in one[0].kinds]
    how = people.read([part], mappings.Mapping(), None, problems.Problems()).how
    assert how[f"users_{DAY}.csv", "Expiry Date"] == "day first: 1 of 1 dates can be read in no other way"
    assert how[f"users_{DAY}.csv", "User Group Code"] == "the code as it is"
    assert (f"users_{DAY}.csv", "Purge Date") not in how


# ---- several rows of one user


@pytest.mark.parametrize("other", ["abc1", "ABC1"])
def test_rows_that_agree_are_one_user(tmp_path, other):
    found = read(tmp_path, [user("abc1"), user(other), user("x")])
    assert found.users["primary_id"].tolist() == ["abc1", "x"] and found.folded == 1
    assert verdict(found, "abc1") == MAY_GO and found.problems.empty


@pytest.mark.parametrize(("heading", "value"), [
    ("Expiry Date", "2018-01-01"), ("Expiry Date", ""), ("User Group Code", "10"), ("Last Name", "Sample"),
    ("User Record Type", "Staff"), ("Status", "Inactive"), ("Purge Date", "2021-01-01"), ("Campus Code", "C"),
    ("Has Role Other Than Patron", "Yes"), ("Account Type", "Internal")])
def test_rows_that_contradict_each_other_make_the_user_stay(tmp_path, heading, value):
    people = [user("abc1"), user("ABC1", **{heading: value}), user("x")]
    with pytest.raises(BadExport, match="row 2.*another row of the same user"):
        read(tmp_path, people)
    found = read(tmp_path, people, strict=False)
    assert found.users["primary_id"].tolist() == ["abc1", "x"] and found.problems["row"].tolist() == [2, 3]
    assert (verdict(found, "abc1"), verdict(found, "x")) == (STAYS, MAY_GO)


# ---- ghosts


def test_users_purged_before_are_set_apart(tmp_path):
    ghosts = [user("gone1", **{"Status": "Deleted"}), user("gone2", **{"Last Name": "GONE2", "Status": ""}),
              user("gone3", **{"Status": "Deleted", "Expiry Date": "nonsense"})]
    found = read(tmp_path, [user(), *ghosts, user("named", **{"Last Name": "named"})])
    assert found.ghosts["primary_id"].tolist() == ["gone1", "gone2", "gone3"]
    assert found.users["primary_id"].tolist() == ["00412345", "named"]
    assert not found.problems["stops"].any()


def test_a_user_who_was_purged_before_and_is_back_stays(tmp_path):
    found = read(tmp_path, [user("back"), user("BACK", **{"Status": "Deleted"})])
    assert verdict(found, "back") == STAYS


# ---- files cut off


def lines(people):
    return "".join(",".join(row) + "\r\n" for row in people)


@pytest.mark.parametrize("cut", range(2, len(lines([GOES])) + 1))
def test_users_cut_off_anywhere_in_the_last_row_stay_or_stop_the_reading(tmp_path, cut):
    put_all(tmp_path)
    put(tmp_path, "users", lines([USERS, user("first"), GOES])[:-cut])
    found = exports.read(tmp_path, strict=False)
    assert "00412345" not in set(found.users["primary_id"]) or verdict(found) == STAYS
    assert verdict(found, "first") == MAY_GO


def test_the_same_user_in_two_parts_of_one_export_is_one_user(tmp_path):
    put_all(tmp_path, [user("a"), user("b")])
    put(tmp_path, "users", [user("a"), user("b")])
    (tmp_path / f"users_{DAY}.csv").rename(tmp_path / f"users_part1_{DAY}.csv")
    put(tmp_path, "users", [user("B"), user("c")], form="xlsx")
    found = exports.read(tmp_path)
    assert found.users["primary_id"].tolist() == ["B", "c", "a"] and found.folded == 1
    assert found.users["user_group"].tolist() == ["06"] * 3


def test_the_kinds_of_columns_are_those_of_the_user_table(tmp_path):
    found = read(tmp_path).users
    assert {name: str(dtype) for name, dtype in found.dtypes.items()} == {c.name: c.dtype for c in users.COLUMNS}
    assert judged(read(tmp_path)).counts()["users"].sum() == 1 and population.CHECK == CHECK


def test_ids_that_differ_only_by_leading_zeros_make_both_stay(tmp_path):
    found = read(tmp_path, [user("0359"), user("359", **{"Expiry Date": "2030-01-01"}), user("x1")])
    assert [verdict(found, one) for one in ("0359", "359", "x1")] == [STAYS, STAYS, MAY_GO]


def test_a_row_with_neither_an_id_nor_a_name_may_be_anybodys(tmp_path):
    put_all(tmp_path)
    heads = [USERS[0], *USERS[3:]]
    put(tmp_path, "users", [[one, *GOES[3:]] for one in ("a", "")], heads=heads)
    assert verdict(exports.read(tmp_path, strict=False), "a") == STAYS


def test_counted_ids_are_not_taken_for_shortened_ones(tmp_path):
    assert read(tmp_path, [user(str(number)) for number in range(90, 140)]).problems.empty


def test_the_full_name_counts_where_there_is_no_last_name(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "users", [["a", "Ada Example", *GOES[3:]]], heads=[USERS[0], "Full Name", *USERS[3:]])
    assert exports.read(tmp_path).users["name"].tolist() == ["Ada Example"]


@pytest.mark.parametrize(("ids", "left"), [
    ([f"0041{n:04d}" for n in range(5)], MAY_GO), (["00410000", "0041", "123456", "12345678", "7"], STAYS),
    (["00410000"], STAYS)])
def test_a_row_that_lost_its_id_casts_doubt_on_zeros_only_where_widths_differ(tmp_path, ids, left):
    lost = user("", **{"First Name": "Grace", "Last Name": "Elsewhere"})
    found = read(tmp_path, [*map(user, ids), lost], strict=False)
    assert verdict(found, "00410000") == left


def test_an_id_and_a_name_that_lost_the_same_letters_are_still_met(tmp_path):
    lost = user("m?ller", **{"First Name": "J?rg", "Last Name": "M?ller", "Expiry Date": "2029-06-30"})
    found = read(tmp_path, [user("m\u00fcller", **{"First Name": "J\u00f6rg", "Last Name": "M\u00fcller"}), lost],
                 strict=False)
    assert verdict(found, "m\u00fcller") == STAYS


def test_a_torn_row_finds_its_user_however_long_it_is(tmp_path):
    text = ",".join(USERS) + "\n" + ",".join(user("a")) + "\n" + ",".join(user("b")) + "\n"
    put_all(tmp_path, text + "x" * 600 + "," + ",".join(user("a", **{"Expiry Date": "2029-06-30"})) + "\n")
    found = exports.read(tmp_path, strict=False)
    assert (verdict(found, "a"), verdict(found, "b")) == (STAYS, MAY_GO)
    assert found.problems["value"].str.len().max() == 501


def test_a_torn_row_finds_a_user_whose_id_holds_a_separator(tmp_path):
    whole = ['"smith, john"', *user("x")[1:]]
    put_all(tmp_path, "\n".join([",".join(USERS), ",".join(whole), ",".join(user("b")), ",".join([*whole, "y"]), ""]))
    found = exports.read(tmp_path, strict=False)
    assert (verdict(found, "smith, john"), verdict(found, "b")) == (STAYS, MAY_GO)


@pytest.mark.parametrize("text", ["0027-06-30", "1027-06-30", "1927-06-30", "30.06.0027"])
def test_a_purge_date_of_an_impossible_year_is_not_past(tmp_path, text):
    assert verdict(read(tmp_path, [user(**{"Purge Date": text})], strict=False)) != MAY_GO


@pytest.mark.parametrize("code", ["30;", "30*", "30?", "(30)", '"30"', "=30", "+30", "30/", "30-", "06;30", "30|06",
                                  "\u0663\u0660"])
def test_a_group_code_with_stray_signs_protects_nobody_less(tmp_path, code):
    where = [at for at, heading in enumerate(USERS) if heading != "User Group"]
    people = [user(f"{n:08d}") for n in range(100, 130)] + [user("00999999", **{"User Group Code": code})]
    put_all(tmp_path)
    put(tmp_path, "users", [[row[at] for at in where] for row in people], heads=[USERS[at] for at in where])
    assert verdict(exports.read(tmp_path, strict=False), "00999999") == STAYS


@pytest.mark.parametrize("text", ["N\u00ba", "No*", "No:"])
def test_a_word_with_signs_is_none_of_ours(tmp_path, text):
    assert verdict(read(tmp_path, [user(**{"Has Role Other Than Patron": text})], strict=False)) != MAY_GO
