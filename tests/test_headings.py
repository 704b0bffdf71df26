"""A column is known by its heading or not at all; what staff say in headings.toml is understood whole, or refused."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purgelib import headings, mappings
from purgelib.errors import BadExport
from purgelib.headings import HEADINGS
from purgelib.mappings import Mapping
from purgelib.spellings import folded, SAID, SPELLED, WORDS

PAGE = (Path(__file__).parent.parent / "data" / "EXPORTS.md").read_text(encoding="utf-8")
USERS = ("Primary Identifier", "User Group Code", "User Record Type", "Expiry Date")


def load(tmp_path, text):
    path = tmp_path / "headings.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return mappings.load(path)


def kinds(*given):
    return headings.kinds(headings.names(given), given)


def test_every_spelling_means_one_thing_only():
    every = [folded(spelling) for spellings in HEADINGS.values() for spelling in spellings]
    assert len(every) == len(set(every)) and SPELLED.keys() == set(every)
    assert set(SAID) <= set(HEADINGS)


@pytest.mark.parametrize("name", HEADINGS)
def test_every_spelling_is_known_whatever_was_done_to_it(name):
    for spelling in HEADINGS[name]:
        for drifted in (spelling, spelling.upper(), spelling.lower(), f"\ufeff{spelling}", f" {spelling}:\u200b ",
                        spelling.replace(" ", "\xa0"), spelling.replace(" ", "  \n"), f"{spelling} *",
                        spelling.replace(" ", "_"), f"\u00ad{spelling}"):
            assert headings.names([drifted]) == [name], drifted


@pytest.mark.parametrize(("heading", "name"), [
    ('"User Details"."Primary Identifier"', "primary_id"), ('"User Details"." Primary Identifier"', "primary_id"),
    ('"Users"."User Details"."Expiry Date"', "expiry_date"), ("User Details.Primary Identifier", "primary_id"),
    ('"Loan Details"."Item Loan Id"', "loan_id"), ('"Block"."Block Status"', "block_status"),
    ('"Role"."Expiry Date"', "role_expiry"), ('"Role"."Role Type"', "role_type"), ('"Role"."Status"', "role_status"),
    ('"Borrower Details"."Primary Identifier"', "primary_id"), ("Fine FeeTransaction Type", "transaction_type"),
    # Of others, of more than one column, or of nothing that we know: not guessed.
    ('"Loaned By"."Primary Identifier"', None), ('"Loan Details"."Status"', None),
    ("Operator Primary Identifier", None),
    ('CASE WHEN "User Details"."Status" = \'Active\' THEN "User Details"."Expiry Date" END', None), ("User ID", None),
    ('CASE  WHEN 1=1 THEN "a" END', None), ('IFNULL("User Details"."Expiry Date", CURRENT_DATE)', None),
    ("Users - Primary Identifier", None), ("x.note", None), ("Status Date", None), ("Due Date", None), ("", None),
    ("Löschdatum", None), ("Data di scadenza", None), ("Vervaldatum", None), ("Creation Date", None),
])
def test_a_bare_column_is_known_by_its_formula_and_everything_else_is_unknown(heading, name):
    assert headings.names([heading]) == [name]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text):
    assert folded(folded(text).rstrip(" :*")) == folded(text).rstrip(" :*")


def test_two_columns_of_one_meaning_are_named_and_refused():
    with pytest.raises(BadExport, match="u.csv: the columns Primary ID and USERNAME both mean Primary Ident") as error:
        headings.names(["Primary ID", "USERNAME", "Status"], place="u.csv", sheet="S")
    assert (error.value.file, error.value.sheet, error.value.column) == ("u.csv", "S", ["Primary ID", "USERNAME"])
    assert headings.names(["User Group Code", "User Group"]) == ["user_group", "group_name"]
    assert headings.names(["What", "What", ""]) == [None] * 3


def test_who_lent_a_book_is_no_reason_to_refuse_the_loans_but_a_second_id_is():
    assert headings.names(["Primary Identifier", "Loan ID", "First Name", "First Name", "Status"]) == [
        "primary_id", "loan_id", None, None, "status"]
    with pytest.raises(BadExport):
        headings.names(["Primary Identifier", "Loan ID", "Primary Identifier"])
    with pytest.raises(BadExport):
        headings.names([*USERS, "First Name", "First Name"])


@pytest.mark.parametrize("other", ["Role Type", "Block Description"])
def test_the_date_of_a_role_is_never_taken_for_the_users(other):
    found = headings.names([*USERS, "Status", other])
    assert found[3:5] == [None, None] and kinds(*USERS, "Status", other) != ("users",)
    assert "users" not in kinds(*USERS, other)
    sure = headings.names([*USERS[:3], "User Expiry Date", '"User Details"."Status"', other])
    assert sure[3:5] == ["expiry_date", "status"]
    said = Mapping({"expiry date": "expiry_date"})
    assert headings.names([*USERS, other], said)[3] == "expiry_date"
    shown = headings.taken("f", "", [*USERS, other]).set_index("heading").loc["Expiry Date"]
    assert shown["taken for"] == "not used" and "the user's, or the role's" in shown["how"]


@pytest.mark.parametrize(("given", "found"), [
    (USERS, ("users",)), (("Primary ID", "User Group"), ("users",)), (("Primary ID", "Expiry Date"), ("users",)),
    (("Primary ID", "Fine Fee ID", "User Group", "Note"), ("fees",)), (("Primary ID", "Loan ID", "Request ID"),
                                                                        ("loans",)),
    (("Request ID", "Primary ID"), ("requests",)), (("Primary ID", "Reason to Keep", *USERS[1:]), ("exceptions",)),
    (("Primary ID", "Role Type"), ("roles",)), (("Primary ID", "Role Type", "User Group"), ("roles",)),
    ((*USERS[:3], "User Expiry Date", "Role Type"), ("users", "roles")), ((*USERS, "Note"), ("users", "notes")),
    (("Primary ID", "User Group", "User Record Type", "Expiry Date", "Identifier Value"), ("users", "identifiers")),
    (("Primary ID", "Block Type"), ("blocks",)), (("Primary ID", "Block ID"), ("blocks",)),
    (("Primary ID", "Identifier Type"), ("identifiers",)), (("Primary ID", "User Note"), ("notes",)),
    (("USERNAME",), ("set",)), (("Primary ID", ""), ()), (("Primary ID", "Something"), ()),
    (("Primary ID", "First Name"), ()), (("Something",), ()), ((), ()), (("",), ()),
])
def test_the_kind_is_told_by_the_headings_in_any_order(given, found):
    assert kinds(*given) == kinds(*reversed(given)) == found


def test_the_row_of_headings_names_the_primary_id():
    assert headings.is_header(["", "PRIMARY IDENTIFIER ", "x"]) and headings.is_header(["username"])
    assert not headings.is_header(["00412345", "Ada", "Primary"]) and not headings.is_header([])
    assert headings.is_header(["Kennung"], Mapping({"kennung": "primary_id"}))
    assert not headings.is_header(["Primary ID"], Mapping({"primary id": ""}))


@pytest.mark.parametrize("kind", headings.NEEDED)
def test_a_needed_heading_that_is_absent_is_named_with_those_that_were_found(kind):
    needed = headings.NEEDED[kind]
    headings.refuse_missing("f.csv", kind, needed, [headings.title(name) for name in needed])
    for name in needed:
        left = [one for one in needed if one != name]
        with pytest.raises(BadExport, match=f"f.csv: this export of {kind} lacks {headings.title(name)}. Headings "
                                            f"found: {', '.join(left)}.*headings.toml") as error:
            headings.refuse_missing("f.csv", kind, left, left, file="F")
        assert error.value.column == [headings.title(name)] and (error.value.value, error.value.file) == (left, "F")


def test_a_group_by_its_description_is_a_group_and_no_kind_is_refused():
    assert headings.missing("users", ["primary_id", "group_name", "record_type"]) == ("expiry_date",)
    with pytest.raises(BadExport, match="this file lacks a heading that tells its kind. Headings found: A, B"):
        headings.refuse_missing("f", None, [None, None], ["A", "B"])


def test_without_a_file_nothing_is_mapped_and_with_one_it_has_name_and_fingerprint(tmp_path):
    assert Mapping() == Mapping({}, {}, {}, None, None, (), "", "")
    empty = load(tmp_path, "")
    assert empty.name == "headings.toml" and len(empty.sha256) == 64
    assert empty.sha256 != load(tmp_path, "# x").sha256


def test_the_example_of_the_page_is_understood(tmp_path):
    example = re.search(r"```toml\n(.*?)```", PAGE, re.S)[1]
    said = load(tmp_path, b"\xef\xbb\xbf" + example.encode())
    assert set(tomllib.loads(example)) == set(mappings.KNOWN), "the example shows everything"
    assert said.headings == {"kennung": "primary_id", "löschdatum": "purge_date", "remarks": ""}
    assert said.values == {"record_type": {"allgemein": "PUBLIC"}, "other_roles": {"x": True}}
    assert said.groups == {"06": "Undergraduate", "SENR": "Senior Undergraduate"}
    assert (said.order, said.epoch, said.ignore) == ("day first", 1900, ("notes.txt", "book.xlsx/Pivot"))
    assert headings.names(["Kennung", "LÖSCHDATUM", "Remarks"], said) == ["primary_id", "purge_date", None]
    assert headings.words("record_type", said) == WORDS["record_type"] | {"allgemein": "PUBLIC"}
    assert said.ignores("Notes.txt") and said.ignores("book.xlsx", "Pivot")
    assert not said.ignores("book.xlsx") and not said.ignores("book.xlsx", "Export") and not Mapping().ignores("")


def test_a_known_heading_can_be_switched_off_or_mean_something_else(tmp_path):
    said = load(tmp_path, '[headings]\n"USERNAME" = "nothing"\n"Status" = ""\n"Purge Date" = "Expiry Date"\n'
                          '"CASE  WHEN x" = "Campus"')
    assert headings.names(["Primary ID", "username", "STATUS", "Purge Date", "case when X"], said) == [
        "primary_id", None, None, "expiry_date", "campus"]


@pytest.mark.parametrize(("text", "key", "value", "says"), [
    ("[heading]\na = 1", "heading", {"a": 1}, "known here are headings, values, groups, dates, ignore"),
    ('[headings]\n"K" = "primary"', 'headings."K"', "primary", "known are primary_id, "),
    ('[headings]\n"K" = 1', 'headings."K"', 1, "known are primary_id, "),
    ('[headings]\n"K" = "campus"\n"k:" = "note"', 'headings."k:"', "note", "two meanings"),
    ('[headings]\n" " = "campus"', 'headings." "', "campus", "known are"),
    ("headings = 3", "headings", 3, "a table"), ("[values]\nrecord_type = 1", "record_type", 1, "a table"),
    ('[values.color]\na = "b"', "values.color", {"a": "b"}, "known here are record_type, account_type"),
    ('[values.record_type]\n"Alle" = "ALL"', 'values.record_type."Alle"', "ALL", "known are CONTACT, PUBLIC, STAFF"),
    ('[values.record_type]\n"Staff" = "PUBLIC"', 'values.record_type."Staff"', "PUBLIC", "means STAFF already"),
    ('[values.status]\n"x" = "ACTIVE"\n"X " = "DELETED"', 'values.status."X "', "DELETED", "means ACTIVE already"),
    ('[values.other_roles]\n"x" = 1', 'values.other_roles."x"', 1, "known are no, yes"),
    ("[groups]\n06 = 6", 'groups."06"', 6, "a text in quotation marks"),
    ('[groups]\n06 = ""', 'groups."06"', "", "a text in quotation marks"),
    ('[groups]\n"06" = "A"\n"06 " = "B"', 'groups."06 "', "B", "twice"),
    ('[dates]\norder = "DMY"', "dates.order", "DMY", "known here are day first, month first"),
    ("[dates]\nexcel_epoch = 1905", "dates.excel_epoch", 1905, "known here are 1900, 1904"),
    ("[dates]\nexcel_epoch = 1900.0", "dates.excel_epoch", 1900.0, "known here are 1900, 1904"),
    ("[dates]\nignore = []", "dates.ignore", [], "known here are order, excel_epoch"),
    ('ignore = "notes.txt"', "ignore", "notes.txt", "a list"), ("ignore = [1]", "ignore", 1, "a text"),
])
def test_what_is_unknown_in_headings_toml_is_refused_with_what_is_known(tmp_path, text, key, value, says):
    with pytest.raises(BadExport, match=re.escape(says)) as error:
        load(tmp_path, text)
    assert (error.value.file, error.value.key, error.value.value) == ("headings.toml", key, value)
    assert str(error.value).startswith(f"headings.toml: {key} = ")


@pytest.mark.parametrize("text", ["[headings", 'a = "\n', b"[headings]\n\"\xff\" = 'campus'", "a = 1\na = 2"])
def test_a_damaged_headings_toml_is_refused(tmp_path, text):
    with pytest.raises(BadExport, match="headings.toml is not whole TOML in UTF-8") as error:
        load(tmp_path, text)
    assert error.value.file == "headings.toml"


def test_an_absent_headings_toml_is_refused(tmp_path):
    with pytest.raises(BadExport, match="mine.toml cannot be read"):
        mappings.load(tmp_path / "mine.toml")


def test_what_was_taken_for_what_is_shown(tmp_path):
    said = Mapping({"kennung": "primary_id", "status": ""})
    shown = headings.taken("u.xlsx", "Export", ["Kennung", "Status", '"Users"."Purge Date"', "User Group", "x"], said)
    assert list(shown.columns) == ["file", "sheet", "heading", "taken for", "how"]
    assert set(shown["file"]) == {"u.xlsx"} and set(shown["sheet"]) == {"Export"}
    assert shown[["taken for", "how"]].to_numpy().tolist() == [
        ["primary ID", "headings.toml"], ["not used", "headings.toml"], ["purge date", "formula"],
        ["user group (description)", "known name"], ["not used", ""]]
    assert len(headings.taken("f", "", [])) == 0


def test_two_of_one_meaning_are_shown_as_they_are_so_that_staff_see_why():
    assert list(headings.taken("f", "", ["Primary ID", "Username"])["taken for"]) == ["primary ID"] * 2


@pytest.mark.parametrize("name", WORDS)
def test_words_are_compared_as_they_are_listed(name):
    for word, value in WORDS[name].items():
        assert folded(word) == word
        assert name == "other_roles" or folded(value) in WORDS[name], "a code is understood as itself"


def test_staff_and_contact_are_never_words_for_public():
    public = {word for word, value in WORDS["record_type"].items() if value == "PUBLIC"}
    assert public == {"public", "öffentlich", "público", "pubblico"}


def table_of(name):
    return f"| {SAID.get(name, name.replace('_', ' '))} | `{name}` | {', '.join(HEADINGS[name])} |"


@pytest.mark.parametrize("name", HEADINGS)
def test_the_page_lists_the_headings_that_are_accepted(name):
    assert table_of(name) in PAGE.splitlines(), f"write in data/EXPORTS.md: {table_of(name)}"


def test_the_page_lists_nothing_else():
    listed = re.findall(r"^\| [^|]+ \| `(\w+)` \| ", PAGE, re.M)
    assert listed == list(HEADINGS)


@pytest.mark.parametrize("kind", headings.NEEDED)
def test_the_page_says_what_each_kind_needs(kind):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| **{kind}** |"))
    for name in headings.NEEDED[kind]:
        assert headings.title(name) in row, name
