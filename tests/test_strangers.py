"""IDs of nobody: those that are like a user's are found, whatever a program or a hand has done to them."""

import pandas as pd
import pytest

from purgelib import users
from purgelib.strangers import Strangers

NUMBERS = [f"{n:08d}" for n in (412_345, 10_498_765, 20_498_765, 30_111_222)]


def of(*ids):
    ids = pd.Series(ids, dtype="str")
    return Strangers(ids, users.key_of(ids))


def weakly(strangers, *ids):
    return strangers.weakly(pd.Series(ids, dtype="str")).tolist()


@pytest.mark.parametrize(("stranger", "meant"), [
    ("00412345/", "00412345"), ("(00412345)", "00412345"), ("412345;", "00412345"), ("a.smith", "asmith"),
    ("asmith", "a.smith"), ("a_smith@example.edu", "A.Smith@example.edu"),
    ("muller", "m\u00fcller"), ("mueller", "m\u00fcller"), ("M\u00fcller", "mueller"), ("weis", "wei\u015b"),
    ("strasse1", "stra\u00dfe1"), ("soren", "s\u00f8ren"), ("soeren", "s\u00f8ren"), ("asa", "\u00e5sa"),
    ("aasa", "\u00e5sa"), ("lukasz", "\u0142ukasz"), ("mller", "m\u00fcller"), ("m_ller", "m\u00fcller"),
    ("m\u0178ller", "m\u00fcller"), ("m\u00c3\u00bcller", "m\u00fcller"), ("wei\u00a7", "wei\u00df"),
    ("\u00e8\u00e2\u00e0\u00ed", "\u0438\u0432\u0430\u043d"),
    ("0041234500412345", "00412345"), ("00412345 00412345", "00412345"), ("412345, 412345", "00412345"),
    ("adaada", "ada"), ("ada/ada", "ada"),
    ("12345678901234500", "12345678901234567"), ("12345678901234568", "12345678901234567"),
    ("1234567890123460", "1234567890123456")])
def test_an_id_that_was_changed_a_little_is_like_the_one_that_it_was(stranger, meant):
    assert weakly(of("somebody", meant), stranger) == [True]
    assert of("somebody", meant).whom(pd.Series([stranger, "nobody"], dtype="str")).tolist() == [False, True]


@pytest.mark.parametrize(("stranger", "other"), [
    ("purged-1", "purged-2"), ("m\u00fcller", "m\u00fcllner"), ("jos\u00e9", "anna"), ("(/)", "ada"), ("", "ada"),
    ("12121212", "00001212"), ("\u0430\u043d\u043d\u0430", "\u0438\u0432\u0430\u043d"),
    ("\u0438\u0430", "\u0438\u0432\u0430\u043d"), ("1234567890123560", "1234567890123456"),
    ("123456789012345678", "1234567890123456"), ("adabob", "ada")])
def test_other_ids_are_not(stranger, other):
    assert weakly(of(other, "\u0430\u0431\u0432"), stranger) == [False]


def test_a_row_per_stranger_is_told_in_their_order():
    assert weakly(of("a.smith", "ada"), "asmith", "bob", "asmith", "ada.") == [True, False, True, True]
    assert weakly(of("ada")) == []


@pytest.mark.parametrize(("more", "unlike"), [
    ([], ["0041234", "004123456"]), (["jsmith"], ["0041234", "004123456"]), (["123456"], ["0041234", "004123456"]),
    (["0099999"], ["004123456"]), (["no primary id (7)"], ["0041234", "004123456"]), (["1", "22"], [])])
def test_a_width_that_no_user_has_shows_where_nearly_all_numbers_have_one_width(more, unlike):
    told = ["0041234", "004123456", "99999999", "u1"]
    assert [one for one, found in zip(told, of(*NUMBERS, *more).unlike(pd.Series(told, dtype="str")), strict=True)
            if found] == unlike
    assert not of(*NUMBERS[:3]).unlike(pd.Series(told, dtype="str")).any(), "three users have no usual width"
    others = ["111111", "222222", "333333", "444444"]
    found = of(*NUMBERS).unlike(pd.Series([*told, *others, *others], dtype="str")).tolist()
    assert found == [True, True, *[False] * 10], "users of another kind are no slips, and excuse none of another width"


@pytest.mark.parametrize(("told", "other"), [("B-{:08}", True), ("u{}", False), ("{:08}", False), ("{:09}", True)])
def test_ids_of_another_kind_have_not_one_shape_of_the_users(told, other):
    ids = pd.Series([told.format(n) for n in range(20)], dtype="str")
    assert of(*NUMBERS, "u1", "Ada.Lovelace@example.edu").other_kind(ids) is other
    assert not of(*NUMBERS, "u1").other_kind(ids[:19]), "a few may well be strangers"


@pytest.mark.parametrize("meant", ["00412345", "a.smith{}@example.edu", "m\u00fcller"])
def test_very_many_strangers_are_compared_with_all_users_at_once(meant):
    ids = [f"{meant}{n}".format(n) for n in range(20_000)]
    told = [f"{meant}{n}/".format(n) for n in range(10_000, 30_000)]
    assert sum(weakly(of(*ids), *told)) == 10_000
