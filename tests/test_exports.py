"""Exports are read strictly: what is doubtful is named with its place, and frees nobody."""

import collections
import csv
import datetime
import io
import shutil
import string
from pathlib import Path

import fastexcel
import invented
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from purgelib import exports, population, rules, users
from purgelib.errors import BadExport, DataTooOld, PurgeError

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
DAY = datetime.date(2026, 11, 21)
USERS = ["Primary Identifier", "First Name", "Last Name", "User Group Code", "User Group", "User Record Type",
         "Account Type", "Status", "Expiry Date", "Purge Date", "Campus Code", "Has Role Other Than Patron"]
GOES = ["00412345", "Ada", "Example", "06", "Undergraduate", "Public", "External", "Active", "2019-06-30", "2020-06-30",
        "", "No"]
SIDES = {
    "fees": ["Primary Identifier", "Fine Fee ID", "Fine Fee Status", "Original Amount", "Fine Fee Transaction ID",
             "Transaction Amount", "Remaining Amount"],
    "loans": ["Primary Identifier", "Item Loan ID"], "requests": ["Primary Identifier", "Request ID"],
    "exceptions": ["Primary Identifier", "Reason to Keep"],
}
NOBODY = {kind: [["ghost", *["0"] * (len(heads) - 1)]] for kind, heads in SIDES.items() if kind != "exceptions"}


def user(primary_id="00412345", **changes):
    return [primary_id, *(changes.get(heading, cell) for heading, cell in zip(USERS[1:], GOES[1:], strict=True))]


def text(rows):
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def write(folder, name, rows):
    (folder / f"{name}_{DAY}.csv").write_text(rows if isinstance(rows, str) else text(rows), encoding="utf-8",
                                              newline="")


def read(folder, people=(GOES,), strict=True, **sides):
    """All four exports, with nobody's facts unless given; a side that is None is absent."""
    write(folder, "users", people if isinstance(people, str) else [USERS, *people])
    for kind, rows in {**NOBODY, **sides}.items():
        if rows is not None:
            write(folder, kind, rows if isinstance(rows, str) else [SIDES[kind], *rows])
    return exports.read(folder, strict=strict)


def verdict(read_exports, primary_id="00412345"):
    people = population.judge(read_exports, rules.Policy(protected_groups=("30",)))
    return people.verdict[people.table["primary_id"] == primary_id].iloc[0]


def fee(primary_id="00412345", fine="f1", status="Active", original="5.00", transaction="", amount="",
        remaining="5.00"):
    return [primary_id, fine, status, original, transaction, amount, remaining]


# ---- the sample, counted in another way


@pytest.fixture(scope="module")
def sample():
    return exports.read(SAMPLE)


def count(pairs):
    found = collections.defaultdict(set)
    for primary_id, one in pairs:
        found[primary_id.casefold()].add(one)
    return {one: len(many) for one, many in found.items()}


def agree(sample, column, wanted):
    table = sample.users.set_index("key")[column]
    assert wanted and table[table > 0].to_dict() == {key: n for key, n in wanted.items() if key in table.index}
    assert table.notna().all()


def test_the_sample_is_read_whole_and_without_a_problem(sample):
    with (SAMPLE / "users_2026-11-21.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(sample.users) == len(rows) == 12_040 and sample.problems.empty and sample.data_date == DAY
    assert sample.users["primary_id"].tolist() == [row["Primary Identifier"] for row in rows]
    assert sample.users["user_group"].tolist() == [row["User Group Code"] for row in rows]
    assert sample.users["status"].str.title().tolist() == [row["Status"] for row in rows]
    assert sample.users["record_type"].str.title().tolist() == [row["User Record Type"] for row in rows]
    for name, heading in (("expiry_date", "Expiry Date"), ("purge_date", "Purge Date")):
        assert sample.users[name].dt.strftime("%Y-%m-%d").fillna("").tolist() == [row[heading] for row in rows]
    assert sample.users["other_roles"].map({True: "Yes", False: "No"}).tolist() == [
        row["Has Role Other Than Patron"] for row in rows]


def test_the_samples_loans_are_those_of_the_file(sample):
    lines = fastexcel.read_excel(SAMPLE / "loans_2026-11-21.xlsx").load_sheet(0, header_row=None, dtypes="string")
    rows = lines.to_pandas().fillna("").to_numpy().tolist()
    start = next(at for at, row in enumerate(rows) if "Primary Identifier" in row)
    heads = rows[start]
    who, what = heads.index("Primary Identifier"), next(i for i, h in enumerate(heads) if "Loan ID" in h)
    agree(sample, "loans", count((row[who], row[what]) for row in rows[start + 1:]))


def test_the_samples_requests_are_those_of_the_file(sample):
    root = etree.parse(SAMPLE / "requests_2026-11-21.xml").getroot()
    rows = [(row.findtext("{*}Column1"), row.findtext("{*}Column2")) for row in root.iter("{*}Row")]
    assert len(rows) > len(set(rows)), "a request of two partners is one request"
    agree(sample, "requests", count(rows))


def test_the_samples_fees_are_the_remaining_amounts_of_open_fines(sample):
    with (SAMPLE / "fines_and_fees_2026-11-21.txt").open(encoding="utf-16", newline="") as file:
        fines = collections.defaultdict(list)
        for row in csv.DictReader(file, delimiter="\t"):
            if row["Fine Fee Status"] != "Closed":
                fines[row["Primary Identifier"].casefold(), row["Fine Fee ID"]].append(float(row["Remaining Amount"]))
    owed = collections.defaultdict(float)
    for (primary_id, _), remaining in fines.items():
        owed[primary_id] += min(remaining)
    table = sample.users.set_index("key")["fees"]
    assert {k: round(v, 2) for k, v in table[table != 0].items()} == {k: round(v, 2) for k, v in owed.items() if v}


# ---- texts stay texts


@pytest.mark.parametrize("name", ["NA", "Null", "nan", "None", "TRUE", "1e5", "-", "N/A"])
def test_a_surname_that_looks_like_nothing_survives(tmp_path, name):
    found = read(tmp_path, [user(**{"Last Name": name})]).users.iloc[0]
    assert found["name"] == f"Ada {name}"


def test_codes_and_ids_keep_their_leading_zeros(tmp_path):
    found = read(tmp_path, [user("00000012", **{"User Group Code": "06", "Campus Code": "007"})]).users.iloc[0]
    assert (found["primary_id"], found["user_group"], found["campus"]) == ("00000012", "06", "007")


def test_an_empty_cell_is_not_known(tmp_path):
    found = read(tmp_path, [user(**dict.fromkeys(USERS[1:], ""))]).users.iloc[0]
    assert found[["user_group", "record_type", "status", "expiry_date", "purge_date", "other_roles"]].isna().all()
    assert not found["purge_known"]


ID = st.text(string.ascii_letters + string.digits + "._-@=+,;\"' ", min_size=1, max_size=12).filter(
    lambda one: one == one.strip() and not rules_out(one))


def rules_out(one):
    return users.damage(pd.Series([one], dtype="str")).iloc[0] or one.casefold().startswith("no primary id")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(ID, st.sampled_from(["06", "10", "x y", ""]),
                          st.sampled_from(["2019-06-30", "9999-12-31", ""])),
                min_size=1, max_size=8, unique_by=lambda row: row[0].casefold()))
def test_any_table_of_users_is_read_back_as_it_was_written(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    found = read(folder, [user(one, **{"User Group Code": group, "Expiry Date": day}) for one, group, day in rows],
                 loans=[[one, "l"] for one, _, _ in rows[::2]]).users
    assert found["primary_id"].tolist() == [one for one, _, _ in rows]
    assert found["user_group"].fillna("").tolist() == [group for _, group, _ in rows]
    assert found["expiry_date"].dt.strftime("%Y-%m-%d").fillna("").tolist() == [day for _, _, day in rows]
    assert found["loans"].tolist() == [1 - at % 2 for at in range(len(rows))]


# ---- headings


@pytest.mark.parametrize(("kind", "heading"), [(kind, heading) for kind, heads in SIDES.items() for heading in heads] +
                         [("users", h) for h in ("Primary Identifier", "User Group Code", "User Record Type",
                                                 "Expiry Date")])
def test_a_needed_column_that_is_missing_is_named_with_what_was_found(tmp_path, kind, heading):
    heads = SIDES.get(kind, USERS)
    rows = [[cell for cell, h in zip(row, heads, strict=True) if h != heading]
            for row in ([heads, fee()] if kind == "fees" else [heads, GOES[:len(heads)]])]
    with pytest.raises(BadExport) as refused:
        read(tmp_path, **({"people": text(rows)} if kind == "users" else {kind: text(rows)}))
    said = str(refused.value)
    own_heading = exports.NEEDED[kind][0] == exports.SPELLED[heading.casefold()] and kind != "users"
    assert kind in said and (own_heading or heading.casefold() in said.casefold()), said
    assert all(other in said for other in rows[0]), said


def test_columns_may_stand_in_any_order_and_case(tmp_path):
    turned = text([[cell for cell in reversed(row)] for row in ([h.upper() for h in USERS], GOES)])
    assert verdict(read(tmp_path, turned)) == population.MAY_GO


def test_two_columns_of_one_meaning_are_refused(tmp_path):
    with pytest.raises(BadExport, match="two columns mean expiry_date"):
        read(tmp_path, text([[*USERS, "Expiration Date"], [*GOES, "2019-01-01"]]))


def test_two_exports_of_one_kind_are_refused(tmp_path):
    write(tmp_path, "older_users", [USERS, GOES])
    with pytest.raises(BadExport, match="second export of users"):
        read(tmp_path)


def test_no_export_of_users_is_refused(tmp_path):
    write(tmp_path, "loans", [SIDES["loans"], ["1", "2"]])
    with pytest.raises(BadExport, match="No export of users"):
        exports.read(tmp_path)
    with pytest.raises(BadExport, match="no folder"):
        exports.read(tmp_path / "mistyped")


@pytest.mark.parametrize("name", ["exceptions.xls", "exceptions.ods", "exceptions.XLSB"])
def test_a_spreadsheet_that_cannot_be_read_is_never_passed_over(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BadExport, match=name):
        read(tmp_path)


# ---- doubtful cells


@pytest.mark.parametrize(("heading", "value"), [
    ("Expiry Date", "01/02/2020"), ("Expiry Date", "2019-02-30"), ("Expiry Date", "30.06.2019"),
    ("Expiry Date", "43646"),
    ("Expiry Date", "2019-6-30"), ("Purge Date", "01/02/2020"), ("Expiry Date", "2019-06-30 x"),
    ("Expiry Date", "1900-01-00"),
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
    assert (verdict(kept, "a"), verdict(kept, "b")) == (population.MAY_GO, population.STAYS)


@pytest.mark.parametrize("cell", ["2019-06-30", "2019-06-30T23:59:59", "2019-06-30 00:00:00", "2019-06-30Z",
                                  " 2019-06-30 "])
def test_iso_days_are_read_with_or_without_a_time(tmp_path, cell):
    assert read(tmp_path, [user(**{"Expiry Date": cell})]).users["expiry_date"].iloc[0] == pd.Timestamp("2019-06-30")


def test_lenient_reading_lists_every_problem_and_keeps_the_good_rows(tmp_path):
    people = [user("good"), user("b", **{"Expiry Date": "1/2/20"}), user("c", **{"Status": "?"}), user("1.2E+11"),
              user("")]
    found = read(tmp_path, people, strict=False, fees=[fee("good", original="1,50")])
    assert sorted(found.problems["row"]) == [2, 3, 4, 5, 6] and len(found.users) == 5
    assert set(found.problems["file"]) == {f"users_{DAY}.csv", f"fees_{DAY}.csv"}
    assert found.problems.notna().all().all()


def test_blanks_around_a_code_do_not_take_the_protection_away(tmp_path):
    for code in (" 30", "30 ", "030"):
        assert verdict(read(tmp_path, [user(**{"User Group Code": code})])) == population.STAYS


@pytest.mark.parametrize("cut", range(2, len(text([GOES])) + 1))
def test_users_cut_off_anywhere_in_the_last_row_stay_or_stop_the_reading(tmp_path, cut):
    whole = text([USERS, user("first"), GOES])
    try:
        found = read(tmp_path, whole[:-cut])
    except PurgeError:
        return
    assert len(found.users) == 1 or verdict(found) == population.STAYS
    assert verdict(found, "first") == population.MAY_GO


@pytest.mark.parametrize("kind", SIDES)
@pytest.mark.parametrize("order", [1, -1])
def test_a_side_export_cut_off_in_its_last_row_never_frees_its_user(tmp_path, kind, order):
    row = {"fees": fee(), "loans": ["00412345", "98001"], "requests": ["00412345", "33001"],
           "exceptions": ["00412345", "comes back"]}[kind]
    whole = text([SIDES[kind][::order], row[::order]])
    for cut in range(1, len(text([row[::order]])) - 1):
        try:
            found = read(tmp_path, **{kind: whole[:-cut]})
        except PurgeError:
            continue
        assert verdict(found) != population.MAY_GO, whole[:-cut]


# ---- IDs


@pytest.mark.parametrize("damaged", ["1.2E+11", "1,2E+11", "4.12345e5", "412345.0", "412345,00", "#REF!", "########",
                                     " 412",
                                     "41\u200b2", "41\n2", ""])
def test_an_id_that_excel_or_a_hand_has_damaged_never_may_go(tmp_path, damaged):
    with pytest.raises(BadExport):
        read(tmp_path, [user("00412345"), user(damaged)])
    found = read(tmp_path, [user("00412345"), user(damaged)], strict=False)
    assert (verdict(found), verdict(found, damaged)) == (population.MAY_GO, population.STAYS)


def test_ids_that_lost_their_leading_zeros_never_may_go(tmp_path):
    whole = [f"{n * 3_700_001 % 10**8:08d}" for n in range(1, 200)]
    found = read(tmp_path, [user(one.lstrip("0")) for one in whole], strict=False)
    judged = population.judge(found, rules.Policy())
    lost = judged.table["primary_id"].str.len() < 8
    assert lost.sum() > 10 and set(judged.verdict[lost]) == {population.STAYS}
    assert len(read(tmp_path, [user(one) for one in whole]).users) == 199


@pytest.mark.parametrize("other", ["abc1", "ABC1", " abc1"])
def test_an_id_in_two_rows_stays_in_both(tmp_path, other):
    with pytest.raises(BadExport):
        read(tmp_path, [user("abc1"), user(other)])
    judged = population.judge(read(tmp_path, [user("abc1"), user(other)], strict=False), rules.Policy())
    assert set(judged.verdict) == {population.STAYS}


def test_a_contact_without_an_id_stays_and_stops_nobody(tmp_path):
    found = read(tmp_path, [GOES, user("no primary id (123)")])
    assert found.problems.empty and verdict(found, "no primary id (123)") == population.STAYS


# ---- side exports


@pytest.mark.parametrize("kind", NOBODY)
def test_an_export_that_is_absent_leaves_its_fact_unknown(tmp_path, kind):
    found = read(tmp_path, **{kind: None})
    assert found.users[kind].isna().all() and verdict(found) == population.CHECK


@pytest.mark.parametrize("kind", NOBODY)
def test_a_fact_is_joined_without_regard_to_case_and_blanks(tmp_path, kind):
    row = {"fees": fee(" ABC1 ")}.get(kind, [" ABC1 ", "7"])
    found = read(tmp_path, [user("abc1"), user("abc2")], **{kind: [row]})
    assert (verdict(found, "abc1"), verdict(found, "abc2")) == (population.STAYS, population.MAY_GO)


@pytest.mark.parametrize("kind", SIDES)
@pytest.mark.parametrize("damaged", ["412345", "412345.0", "4.12E+05"])
def test_a_damaged_id_in_a_side_export_is_refused_and_frees_nobody(tmp_path, kind, damaged):
    rows = [{"fees": fee(damaged)}.get(kind, [damaged, "7"])]
    with pytest.raises(BadExport, match=f"{kind}_{DAY}.csv, row 2, column Primary Identifier") as refused:
        read(tmp_path, **{kind: rows})
    assert refused.value.value == damaged
    found = read(tmp_path, strict=False, **{kind: rows})
    assert len(found.problems) == 1
    if kind != "exceptions" or damaged == "412345":
        assert verdict(found) != population.MAY_GO


@pytest.mark.parametrize("kind", NOBODY)
def test_people_who_are_not_in_the_users_export_are_counted_not_refused(tmp_path, kind):
    rows = [[one, *["0"] * (len(SIDES[kind]) - 1)] for one in ("ghost-1", "ghost-2", "", "no primary id (7)")]
    found = read(tmp_path, **{kind: rows})
    assert found.problems.empty and verdict(found) == population.MAY_GO
    assert {one.kind: one.strangers for one in found.inputs}[kind] == 3


@pytest.mark.parametrize("given", ["stranger", "", "0041234"])
def test_an_exception_that_is_nobodys_is_refused(tmp_path, given):
    with pytest.raises(BadExport, match="would not be kept"):
        read(tmp_path, exceptions=[["00412345", "comes back"], [given, "whoever"]])


@pytest.mark.parametrize(("given", "said"), [("comes back", "comes back"), (" ", "no reason given")])
def test_the_exceptions_list_keeps_a_user_with_its_reason(tmp_path, given, said):
    found = read(tmp_path, [user("abc1"), user("abc2")], exceptions=[["ABC1", given]])
    assert (verdict(found, "abc1"), verdict(found, "abc2")) == (population.STAYS, population.MAY_GO)
    assert found.users["keep_reason"].iloc[0] == said


def test_finished_loans_do_not_count_and_one_loan_counts_once(tmp_path):
    loans = text([[*SIDES["loans"], "Loan Status"], ["a", "1", "Active"], ["a", "1", "Active"], ["a", "2", "Active"],
                  ["b", "3", "Complete"], ["c", "4", ""]])
    found = read(tmp_path, [user("a"), user("b"), user("c")], loans=loans)
    assert found.users["loans"].tolist() == [2, 0, 1]


@pytest.mark.parametrize(("rows", "owed"), [
    ([fee()], 5.0),
    # One row per transaction repeats the fine's amounts: 20 less 5 less 3 is 12, not 40.
    ([fee(original="20", transaction="1", amount="5", remaining="12"),
      fee(original="20", transaction="2", amount="3", remaining="12")], 12.0),
    ([fee(), fee()], 5.0),
    ([fee("00412345", "f1"), fee("00412345", "f2", original="2", remaining="2")], 7.0),
    ([fee(status="Closed", remaining="0")], 0.0), ([fee(status=" closed ")], 0.0),
    ([fee(status="Closed"), fee(fine="f2", status="In dispute")], 5.0),
    ([fee(status="")], 5.0), ([fee(original="-5", remaining="-5")], -5.0),
    ([fee(transaction="1", amount="5.00", remaining="0.00")], 0.0),
])
def test_fees_are_counted_by_the_fine(tmp_path, rows, owed):
    assert read(tmp_path, fees=rows).users["fees"].tolist() == [owed]


@pytest.mark.parametrize("rows", [
    [fee(remaining="4.00")], [fee(original="")], [fee(remaining="")],
    [fee(original="0", remaining="0"), fee(original="5")],
    [fee(transaction="1", amount="5.00", remaining="5.00")], [fee(fine="")],
    [fee(fine="", original="0", remaining="0")],
    [fee(original="0", remaining="0"), fee(fine="f2", remaining="1")],
])
def test_a_fine_that_contradicts_itself_is_unknown_not_zero(tmp_path, rows):
    found = read(tmp_path, [GOES, user("other")], fees=rows)
    assert pd.isna(found.users["fees"].iloc[0]) and found.users["fees"].iloc[1] == 0
    assert verdict(found) == population.CHECK


@pytest.mark.parametrize("amount", ["1,50", "5 EUR", "$5", "1.000,00", "five", "1e3", "--5"])
@pytest.mark.parametrize("column", ["Original Amount", "Transaction Amount", "Remaining Amount"])
def test_an_unreadable_amount_is_refused_and_never_zero(tmp_path, amount, column):
    row = [amount if heading == column else cell for heading, cell in zip(SIDES["fees"], fee(), strict=True)]
    with pytest.raises(BadExport, match=f"row 2, column {column}"):
        read(tmp_path, fees=[row])
    assert verdict(read(tmp_path, strict=False, fees=[row])) != population.MAY_GO


# ---- the day of the data


def test_the_oldest_file_tells_the_day(tmp_path):
    read(tmp_path)
    shutil.move(tmp_path / f"loans_{DAY}.csv", tmp_path / "loans_2026-10-01.csv")
    assert exports.read(tmp_path).data_date == datetime.date(2026, 10, 1)


@pytest.mark.parametrize(("given", "day"), [("2026-11-25", "2026-11-21"), ("2026-11-01", "2026-11-01")])
def test_a_day_that_is_given_never_makes_the_data_younger(tmp_path, given, day):
    read(tmp_path)
    assert str(exports.read(tmp_path, data_date=given).data_date) == day


def test_data_of_no_known_day_is_refused(tmp_path):
    read(tmp_path)
    shutil.move(tmp_path / f"loans_{DAY}.csv", tmp_path / "loans.csv")
    with pytest.raises(DataTooOld, match="loans.csv"):
        exports.read(tmp_path)
    assert exports.read(tmp_path, data_date="2026-11-20").data_date == datetime.date(2026, 11, 20)
    with pytest.raises(DataTooOld, match="calendar"):
        exports.read(tmp_path, data_date="20 November")
    shutil.move(tmp_path / "loans.csv", tmp_path / "loans_2026-13-45.csv")
    with pytest.raises(DataTooOld):
        exports.read(tmp_path)


def test_reading_changes_no_file(tmp_path):
    read(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    exports.read(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_day_of_the_tests_is_the_day_of_the_sample():
    assert str(DAY) == invented.AS_OF
