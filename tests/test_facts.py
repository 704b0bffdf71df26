"""Side exports: joined by the ID, counted by the thing and not by the row; what is lost or absent is unknown."""

import pandas as pd
import pytest
from exported import DAY, fee, judged, NOBODY, put, put_all, read, SIDES, user, USERS, verdict

from purgelib import exports, facts
from purgelib.errors import BadExport
from purgelib.population import CHECK, MAY_GO, STAYS

ALL = ["fees", "loans", "requests", "exceptions"]


@pytest.mark.parametrize("kind", NOBODY)
def test_an_export_that_is_absent_leaves_its_fact_unknown(tmp_path, kind):
    found = read(tmp_path, **{kind: None})
    assert found.users[kind].isna().all() and verdict(found) == CHECK


@pytest.mark.parametrize("kind", ALL)
def test_a_fact_is_joined_without_regard_to_case(tmp_path, kind):
    row = {"fees": fee("ABC1")}.get(kind, ["ABC1", "7"])
    found = read(tmp_path, [user("abc1"), user("abc2")], **{kind: [row]})
    assert (verdict(found, "abc1"), verdict(found, "abc2")) == (STAYS, MAY_GO)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("damaged", ["412345", "412345.0", "4.12E+05", "0041 2345", "00412\u00a0345",
                                     "0041234\u041e", ""])
def test_a_damaged_id_in_a_side_export_is_refused_and_frees_nobody(tmp_path, kind, damaged):
    rows = [{"fees": fee(damaged)}.get(kind, [damaged, "7"])]
    with pytest.raises(BadExport, match=f"{kind}_{DAY}.csv, row 2, column Primary Identifier") as refused:
        read(tmp_path, **{kind: rows})
    assert refused.value.value == damaged
    found = read(tmp_path, strict=False, **{kind: rows})
    assert len(found.problems) == 1 and verdict(found) != MAY_GO


@pytest.mark.parametrize("kind", ALL)
def test_blanks_around_an_id_are_named_and_the_fact_is_joined(tmp_path, kind):
    found = read(tmp_path, **{kind: [{"fees": fee(" 00412345\u00a0")}.get(kind, [" 00412345\u00a0", "7"])]})
    assert verdict(found) == STAYS and found.problems["row"].tolist() == [2] and not found.problems["stops"].any()


@pytest.mark.parametrize("kind", NOBODY)
def test_people_who_are_not_in_the_users_export_are_counted_not_refused(tmp_path, kind):
    rows = [[one, *["0"] * (len(SIDES[kind]) - 1)] for one in ("purged-1", "PURGED-1", "purged-2", "no primary id (7)")]
    found = read(tmp_path, **{kind: rows})
    assert found.problems.empty and verdict(found) == MAY_GO
    assert {one.kind: one.strangers for one in found.inputs}[kind] == 3


@pytest.mark.parametrize("kind", NOBODY)
def test_a_row_that_does_not_fit_leaves_everybody_else_unknown(tmp_path, kind):
    heads, row = SIDES[kind], ["other", *["0"] * (len(SIDES[kind]) - 1)]
    put_all(tmp_path)
    put(tmp_path, kind, "\n".join([",".join(heads), ",".join(row), "x" + "," * (len(heads) + 2)]) + "\n")
    with pytest.raises(BadExport, match="row 3"):
        exports.read(tmp_path)
    found = exports.read(tmp_path, strict=False)
    assert verdict(found) == CHECK and found.users[kind].isna().all()
    assert {one.kind: (one.rows, one.refused) for one in found.inputs}[kind] == (2, 1)


# ---- exceptions, sets


@pytest.mark.parametrize("given", ["stranger", "0041234"])
def test_an_exception_that_is_nobodys_is_refused_and_keeps_everybody_until_it_is_corrected(tmp_path, given):
    rows = [["00412345", "comes back"], [given, "whoever"]]
    with pytest.raises(BadExport, match="would not be kept"):
        read(tmp_path, exceptions=rows)
    found = read(tmp_path, [user(), user("other")], strict=False, exceptions=rows)
    assert verdict(found, "other") == STAYS and "exceptions" in found.users["doubt"].iloc[1]


@pytest.mark.parametrize(("given", "said"), [("comes back", "comes back"), (" ", "no reason given")])
def test_the_exceptions_list_keeps_a_user_with_its_reason(tmp_path, given, said):
    found = read(tmp_path, [user("abc1"), user("abc2")], exceptions=[["ABC1", given]])
    assert (verdict(found, "abc1"), verdict(found, "abc2")) == (STAYS, MAY_GO)
    assert found.users["keep_reason"].iloc[0] == said


@pytest.mark.parametrize("heading", ["USERNAME", "Primary ID"])
def test_with_a_set_file_only_its_members_may_go(tmp_path, heading):
    put(tmp_path, "set", [["ABC1"], ["stranger"]], heads=[heading])
    found = read(tmp_path, [user("abc1"), user("abc2")])
    assert (verdict(found, "abc1"), verdict(found, "abc2")) == (MAY_GO, STAYS)
    assert found.users["in_set"].tolist() == [True, False]


# ---- loans, requests, roles, blocks, identifiers, notes


def test_finished_loans_do_not_count_and_one_loan_counts_once(tmp_path):
    put_all(tmp_path, [user("a"), user("b"), user("c")])
    put(tmp_path, "loans", [["a", "1", "Active"], ["a", "1", "Active"], ["a", "2", "Active"], ["b", "3", "Complete"],
                            ["c", "4", ""], ["", "5", "Complete"]], heads=[*SIDES["loans"], "Loan Status"])
    assert exports.read(tmp_path).users["loans"].tolist() == [2, 0, 1]


def test_a_request_of_two_partners_is_one_request(tmp_path):
    found = read(tmp_path, [user("a"), user("b")], requests=[["a", "r1"], ["a", "r1"], ["A", "r2"]])
    assert found.users["requests"].tolist() == [2, 0]


def test_roles_tell_what_the_users_export_does_not_and_never_take_back_a_yes(tmp_path):
    unknown = {"Has Role Other Than Patron": ""}
    people = [user("a", **unknown), user("b", **unknown), user("c", **unknown), user("d"),
              user("e", **{"Has Role Other Than Patron": "Yes"})]
    roles = [["a", "Patron"], ["b", "Patron"], ["b", "Cataloger"], ["d", "Cataloger"], ["e", "Patron"]]
    found = read(tmp_path, people, roles=roles)
    assert found.users["other_roles"].astype(object).where(found.users["other_roles"].notna(), None).tolist() == [
        False, True, None, True, True]
    assert [verdict(found, one) for one in "abcde"] == [MAY_GO, STAYS, CHECK, STAYS, STAYS]


def test_a_role_without_a_name_counts_as_another_role(tmp_path):
    assert verdict(read(tmp_path, roles=[["00412345", ""]])) == STAYS


def test_blocks_identifiers_and_notes_are_counted_per_user(tmp_path):
    found = read(tmp_path, [user("a"), user("b")], blocks=[["a", "lost books"]], notes=[["a", "x"], ["a", "y"]],
                 identifiers=[["b", "Barcode", "1"], ["b", "Barcode", "1"], ["b", "Institution ID", "1"]])
    assert found.users[["blocks", "notes", "identifiers"]].to_numpy().tolist() == [[1, 2, 0], [0, 0, 2]]
    assert (verdict(found, "a"), verdict(found, "b")) == (STAYS, MAY_GO)


def test_one_export_may_give_users_and_their_roles(tmp_path):
    put_all(tmp_path)
    put(tmp_path, "users", [[*user("a"), "Patron"], [*user("a"), "Cataloger"], [*user("b"), "Patron"],
                            [*user("c"), ""]],
        heads=[*USERS[:8], "User Expiry Date", *USERS[9:], "Role Type"])
    found = exports.read(tmp_path)
    assert found.users["primary_id"].tolist() == ["a", "b", "c"] and found.folded == 1
    assert found.users["other_roles"].tolist() == [True, False, False]


# ---- fees


@pytest.mark.parametrize(("rows", "owed"), [
    ([fee()], 5.0),
    # One row per transaction repeats the fine's amounts: 20 less 5 less 3 is 12, not 40.
    ([fee(original="20", transaction="1", amount="5", remaining="12"),
      fee(original="20", transaction="2", amount="3", remaining="12")], 12.0),
    # The remaining amount after each payment, and that of each row by itself.
    ([fee(original="20", transaction="1", amount="5", remaining="15"),
      fee(original="20", transaction="2", amount="3", remaining="12")], 12.0),
    ([fee(original="20", transaction="1", amount="5", remaining="15"),
      fee(original="20", transaction="2", amount="3", remaining="17")], 12.0),
    ([fee(), fee()], 5.0),
    ([fee("00412345", "f1"), fee("00412345", "f2", original="2", remaining="2")], 7.0),
    ([fee(status="Closed", remaining="0")], 0.0), ([fee(status=" closed ", remaining="0.00")], 0.0),
    ([fee(status="Closed", remaining="0"), fee(fine="f2", status="In dispute")], 5.0),
    # Closed in two payments: nothing remains of the fine, after each, or the rest after each row by itself.
    ([fee(status="Closed", original="20", transaction="1", amount="5", remaining="0"),
      fee(status="Closed", original="20", transaction="2", amount="15", remaining="0")], 0.0),
    ([fee(status="Closed", original="20", transaction="1", amount="5", remaining="15"),
      fee(status="Closed", original="20", transaction="2", amount="15", remaining="0")], 0.0),
    ([fee(status="Closed", original="20", transaction="1", amount="5", remaining="15"),
      fee(status="Closed", original="20", transaction="2", amount="15", remaining="5")], 0.0),
    ([fee(status="Closed", original="-5", remaining="0")], 0.0),
    ([fee(original="10", remaining="10"), fee(fine="f2", original="-10", remaining="-10")], 20.0),
    ([fee(status="")], 5.0), ([fee(original="-5", remaining="-5")], -5.0),
    ([fee(transaction="1", amount="5.00", remaining="0.00")], 0.0),
    ([fee(original="1.234,50", remaining="1.234,50 €")], 1234.5),
    ([fee(original="$5", remaining="$5")], 5.0), ([fee(original="5,00", remaining="5,00")], 5.0),
])
def test_fees_are_counted_by_the_fine(tmp_path, rows, owed):
    assert read(tmp_path, fees=rows).users["fees"].tolist() == [owed]


@pytest.mark.parametrize("rows", [
    [fee(remaining="4.00")], [fee(original="")], [fee(remaining="")],
    [fee(original="0", remaining="0"), fee(original="5")],
    [fee(transaction="1", amount="5.00", remaining="5.00")], [fee(fine="")],
    [fee(fine="", original="0", remaining="0")],
    [fee(original="0", remaining="0"), fee(fine="f2", remaining="1")],
    [fee(status="Closed"), fee(status="Active")],
    # Closed, though something remains; or nobody can tell.
    [fee(status="Closed")], [fee(status="Closed", remaining="")], [fee(status="Closed", original="", remaining="0")],
    [fee(status="Closed", original="-5", remaining="-5")],
    [fee(status="Closed", original="20", transaction="1", amount="5", remaining="15")],
    [fee(status="Closed", original="20", transaction="1", amount="5", remaining="0")],
    [fee(status="Closed", transaction="1", amount="5", remaining="5")],
    [fee(status="Closed", remaining="5"), fee(fine="f2", original="0", remaining="0")],
    [fee(original="€5", remaining="€5"), fee(fine="f2", original="$5", remaining="$5")],
    # One payment twice, its ID damaged once, or one of its amounts: 10 less 5 less 5 would be nothing.
    [fee(original="10", transaction="T1", amount="5", remaining="5"),
     fee(original="10", transaction="", amount="5", remaining="5")],
    [fee(original="10", transaction="T1", amount="5", remaining="5"),
     fee(original="10", transaction="T2", amount="5", remaining="5")],
    [fee(original="10", transaction="T1", amount="5", remaining="5"),
     fee(original="10", transaction="T1", amount="5", remaining="0")],
    # Two fines whose long IDs Excel has made one; a fine that was paid twice.
    [fee(fine="1.23457E+15", original="10", transaction="t1", amount="5", remaining="5"),
     fee(fine="1.23457E+15", original="10", transaction="t2", amount="5", remaining="5")],
    [fee(original="10", transaction="t1", amount="10", remaining="0"),
     fee(original="10", transaction="t2", amount="10", remaining="-10")],
    # A payment's row is missing: 20 less 5 is not 12.
    [fee(original="20", transaction="1", amount="5", remaining="12")],
])
def test_a_fine_that_contradicts_itself_is_unknown_not_zero(tmp_path, rows):
    found = read(tmp_path, [user(), user("other")], fees=rows)
    assert pd.isna(found.users["fees"].iloc[0]) and found.users["fees"].iloc[1] == 0
    assert verdict(found) == CHECK


@pytest.mark.parametrize("amount", ["five", "1e3", "--5", "1,2,3", "1,234"])
@pytest.mark.parametrize("column", ["Original Amount", "Transaction Amount", "Remaining Amount"])
def test_an_unreadable_amount_is_refused_and_never_zero(tmp_path, amount, column):
    row = [amount if heading == column else cell for heading, cell in zip(SIDES["fees"], fee(), strict=True)]
    with pytest.raises(BadExport, match=f"row 2, column {column}"):
        read(tmp_path, fees=[row])
    assert verdict(read(tmp_path, strict=False, fees=[row])) != MAY_GO


def test_every_reason_of_a_side_export_is_told(tmp_path):
    found = judged(read(tmp_path, loans=[["00412345", "1"]], fees=[fee()], requests=[["00412345", "r"]]))
    assert set(found.reason.iloc[0].split("; ")) == {"has loans", "owes fees", "has requests"}


@pytest.mark.parametrize("kind", ["fees", "loans", "exceptions"])
@pytest.mark.parametrize(("ids", "told"), [(("00123", "123"), "123"), (("u10234", "x"), "u1O234")])
def test_an_id_that_may_mean_somebody_else_frees_nobody(tmp_path, kind, ids, told):
    rows = [{"fees": fee(told)}.get(kind, [told, "7"])]
    found = read(tmp_path, [user(one) for one in ids], strict=False, **{kind: rows})
    assert verdict(found, ids[0]) != MAY_GO and verdict(found, "123" if ids[1] == "123" else ids[0]) != MAY_GO


# ---- IDs of nobody that are like a user's

LIKE = [("a.smith", "asmith"), ("m\u00fcller", "muller"), ("m\u00fcller", "m\u0178ller"), ("00412345", "00412345/"),
        ("00412345", "00412345 00412345"), ("1234567890123456", "1234567890123457")]


@pytest.mark.parametrize("kind", ["fees", "loans", "requests"])
@pytest.mark.parametrize(("meant", "told"), LIKE)
def test_a_stranger_much_like_a_user_is_a_notice_and_may_be_that_user(tmp_path, kind, meant, told):
    other = ["named", *["0"] * (len(SIDES[kind]) - 1)]
    found = read(tmp_path, [user(meant), user("other"), user("named")],
                 **{kind: [{"fees": fee(told)}.get(kind, [told, "7"]), other]})
    assert found.problems[["kind", "value", "stops"]].to_numpy().tolist() == [[facts.MUCH_LIKE, told, False]]
    assert [verdict(found, one) for one in (meant, "other")] == [CHECK, MAY_GO]
    assert found.users[kind].notna().tolist() == [False, True, True]


@pytest.mark.parametrize("told", ["0041234", "004123456"])
def test_a_stranger_of_a_width_that_no_user_has_is_a_notice_and_frees_nobody(tmp_path, told):
    people = [user(f"{n * 7_345_678:08d}") for n in range(1, 6)]
    found = read(tmp_path, people, loans=[[told, "7"]], fees=[], requests=[["99999999", "7"]])
    assert found.users["loans"].isna().all() and (found.users["requests"] == 0).all()
    listed = found.problems[found.problems["file"].str.startswith("loans")]
    assert listed[["kind", "stops"]].to_numpy().tolist() == [[facts.UNLIKE, False]]


def test_what_is_over_needs_no_owner_and_an_exception_that_is_like_a_user_still_stops(tmp_path):
    put_all(tmp_path, [user("a.smith")])
    put(tmp_path, "loans", [["asmith", "1", "Complete"]], heads=[*SIDES["loans"], "Loan Status"])
    assert verdict(exports.read(tmp_path), "a.smith") == MAY_GO
    with pytest.raises(BadExport, match="would not be kept"):
        read(tmp_path, [user("a.smith")], exceptions=[["asmith", "stays"]])


def test_facts_meet_their_users_though_rows_before_them_were_folded(tmp_path):
    found = read(tmp_path, [user("a"), user("A"), user("b"), user("c")], loans=[["c", "1"], ["c", "2"], ["b", "3"]],
                 fees=[fee("c")], requests=[["b", "1"]], roles=[["b", "Patron"], ["c", "Cataloger"]],
                 exceptions=[["c", "one"], ["c", "two"]])
    assert found.users[["loans", "fees", "requests"]].to_numpy().tolist() == [[0, 0, 0], [1, 0, 1], [2, 5, 0]]
    assert found.users["keep_reason"].tolist()[2] == "one; two" and found.users["other_roles"].tolist()[2]


@pytest.mark.parametrize("told", ["NULL", "?", "m?ller"])
@pytest.mark.parametrize("kind", ["loans", "fees", "requests"])
def test_an_id_that_is_none_tells_nothing_though_somebody_purged_has_it_too(tmp_path, kind, told):
    rows = [{"fees": fee(told)}.get(kind, [told, "7"])]
    ghost = user(told, **{"Status": "Deleted"})
    found = read(tmp_path, [user("m\u00fcller"), ghost], strict=False, **{kind: rows})
    assert verdict(found, "m\u00fcller") != MAY_GO and found.users[kind].isna().all()


def test_a_fee_that_is_told_may_not_be_all_where_another_row_may_be_the_same_users(tmp_path):
    rows = [fee("asmith", original="5", transaction="t1", amount="5", remaining="0"),
            fee("a.smith", "f2", original="10", remaining="10"), fee("other", "f3", original="3", remaining="3")]
    found = read(tmp_path, [user("asmith"), user("other")], fees=rows)
    assert found.users.set_index("key")["fees"].isna().to_dict() == {"asmith": True, "other": False}
    assert verdict(found, "asmith") == CHECK


def test_an_export_of_other_identifiers_tells_nothing_of_anybody(tmp_path):
    people = [user(f"{n * 7_345_678:08d}") for n in range(1, 9)]
    found = read(tmp_path, people, loans=[[f"B{n:011d}", str(n)] for n in range(30)])
    assert found.users["loans"].isna().all() and not found.problems["stops"].any()
    assert found.problems["problem"].str.contains("another identifier").sum() == 1


@pytest.mark.parametrize("heads", [["Primary Identifier", "First Name", "Note"],
                                   ["Primary Identifier", "Note", "Since"]])
def test_notes_without_their_type_may_be_a_list_of_exceptions(tmp_path, heads):
    put_all(tmp_path, [user("a.b"), user("other")])
    put(tmp_path, "notes", [["a.b", "x", "y"]], heads=heads)
    found = exports.read(tmp_path)
    assert (verdict(found, "a.b"), verdict(found, "other")) == (STAYS, MAY_GO)
    put(tmp_path, "notes", [["ab", "x", "y"]], heads=heads)
    assert verdict(exports.read(tmp_path), "a.b") == STAYS, "ab is much like a.b"
    put(tmp_path, "notes", [["a.b", "x", "y"]], heads=[*heads[:-1], "Note Type"] if heads[-1] != "Note" else [
        "Primary Identifier", "Note Type", "Note"])
    assert verdict(exports.read(tmp_path), "a.b") == MAY_GO


PEOPLE = [f"{412345 + n * 137:08d}" for n in range(40)]
SOUND = [[one, f"L{at}"] for at, one in enumerate(PEOPLE[:10])]


@pytest.mark.parametrize("row", [
    ["L99", PEOPLE[20]], ["mailto:" + PEOPLE[20], "L99"], [PEOPLE[20] + " (Meyer)", "L99"], ["id=" + PEOPLE[20], "L99"],
    [PEOPLE[20] + "_1", "L99"], [f"{PEOPLE[20]}; {PEOPLE[21]}", "L99"], [f"\u20ac{PEOPLE[20]}.00", "L99"]])
def test_a_row_of_nobody_that_holds_a_users_id_may_be_that_users(tmp_path, row):
    found = read(tmp_path, map(user, PEOPLE), loans=[*SOUND, row])
    assert verdict(found, PEOPLE[20]) == CHECK and verdict(found, PEOPLE[30]) == MAY_GO
    assert not found.problems["stops"].any()


@pytest.mark.parametrize("row", [["L99", ""], ["Loans of branch B", ""]])
def test_a_row_of_nobody_without_its_own_id_may_be_anybodys(tmp_path, row):
    found = read(tmp_path, map(user, PEOPLE), loans=[*SOUND, row])
    assert verdict(found, PEOPLE[30]) == CHECK and found.users["loans"].notna().sum() == 10
    shifted = ["F1", "Active", "5.00", "", "", "5.00", ""]
    assert verdict(read(tmp_path, map(user, PEOPLE), fees=[shifted], loans=SOUND, strict=False), PEOPLE[30]) == CHECK


@pytest.mark.parametrize("told", ["00:00:00", "12:00", "(leer)", "(blank)", "WAHR", "<null>", "\\N", "ditto",
                                  "s. o."])
def test_words_and_times_for_nothing_are_no_ids(tmp_path, told):
    found = read(tmp_path, map(user, PEOPLE), strict=False, loans=[*SOUND, [told, "L99"]])
    assert verdict(found, PEOPLE[30]) == CHECK and found.problems["stops"].any()


def test_a_sound_users_id_is_sound_in_a_side_export_whatever_stands_beside_it(tmp_path):
    ids = [f"2123400{n * 7919 % 10**7:07d}" if n % 2 else f"{10_000 + n * 37}" for n in range(80)]
    loans = [[ids[n], f"L{n}"] for n in range(1, 40, 2)] + [[ids[0], "L"], [ids[2], "L"]]
    found = read(tmp_path, map(user, ids), loans=loans)
    assert found.problems.empty and verdict(found, ids[0]) == STAYS and verdict(found, ids[4]) == MAY_GO
