"""The invented people and the exports about them."""

import collections
import datetime
import pathlib
import zipfile

import fastexcel
import pytest
from lxml import etree

from purgelib.sandbox import circulation, exports, overnight, people, tables, trying

SAMPLE = pathlib.Path(__file__).parents[1] / "data" / "sample"


@pytest.fixture(scope="module")
def last_night():
    made = people.invent()
    circulation.burden(made)
    return made


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    return {path.suffix: path for path in exports.write(folder)}


def test_committed_exports_are_made_again_byte_for_byte(files):
    for path in files.values():
        committed = SAMPLE / path.name
        if path.suffix == ".xlsx":
            # Another zlib may pack the same parts into other bytes.
            assert parts(path) == parts(committed)
        else:
            assert path.read_bytes() == committed.read_bytes(), path.name


def parts(path):
    with zipfile.ZipFile(path) as book:
        return [(entry.filename, entry.date_time, book.read(entry)) for entry in book.infolist()]


def test_exports_written_twice_have_the_same_bytes(files, tmp_path):
    for path in exports.write(tmp_path):
        assert path.read_bytes() == files[path.suffix].read_bytes()


def test_the_users_export_stays_below_a_mebibyte(files):
    assert files[".csv"].stat().st_size < 2 ** 20


def test_another_seed_invents_other_people():
    ours, theirs = (trying.Tried(users=50, seed=seed).ask("GET", "users", limit=50).body for seed in (1, 2))
    assert ours != theirs


def test_everybody_has_a_primary_id_of_their_own_whatever_its_case(last_night):
    assert len({p.record["primary_id"].casefold() for p in last_night}) == len(last_night) == 12_000


def test_most_ids_are_digits_with_leading_zeros(last_night):
    zeros = sum(p.record["primary_id"].startswith("00") for p in last_night)
    assert zeros > 10_000
    assert any("@example.edu" in p.record["primary_id"] for p in last_night)


def test_every_mail_address_is_an_example(last_night):
    mails = [m["email_address"] for p in last_night for m in p.record["contact_info"]["email"]]
    assert mails and all(mail.endswith("@example.edu") for mail in mails)


def test_every_group_has_people_and_a_name(last_night):
    assert {p.group for p in last_night} == set(tables.TABLES["UserGroups"]) == set(people.GROUPS)


def test_the_traps_are_there_in_about_the_promised_numbers(last_night):
    def count(true):
        return sum(bool(true(person)) for person in last_night)
    assert 250 < count(lambda p: p.loans) < 700
    assert 500 < count(lambda p: p.fees) < 1000
    assert 60 < count(lambda p: p.requests) < 200
    assert 140 < count(lambda p: p.other_roles) < 180
    assert 10 < count(lambda p: p.other_roles and p.expiry and p.expiry.year < 2022) < 60
    assert count(lambda p: p.acquisitions) == 12
    assert count(lambda p: p.record["primary_id"].startswith("no primary id")) == 7
    assert count(lambda p: "source_link_id" in p.record) > 40
    assert count(lambda p: bool(p.record["proxy_for_user"])) == 36
    assert count(people.long_gone) > 1500
    odd = collections.Counter(p.expiry for p in last_night if p.expiry)
    assert odd[datetime.date(1900, 1, 1)] == odd[datetime.date(9999, 12, 31)] == 3
    assert {status for p in last_night for status in (f["status"] for f in p.fees)} == {
        "ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED"}


def test_acquisition_links_stand_on_otherwise_perfect_candidates(last_night):
    linked = [p for p in last_night if p.acquisitions]
    for person in linked:
        person.acquisitions = 0
    assert sum(map(people.long_gone, linked)) == 8
    for person in linked:
        person.acquisitions = 1


def test_differences_since_last_night_leave_last_night_as_it_was(last_night):
    before = [dict(p.record) for p in last_night]
    now, told = overnight.change(last_night)
    assert [p.record for p in last_night] == before
    assert {kind: len(ids) for kind, ids in told.items()} == overnight.KINDS
    ids = {p.record["primary_id"]: p for p in now}
    assert not set(told["deleted"]) & set(ids)
    assert all(ids[i].expiry == datetime.date(2027, 6, 30) for i in told["renewed"])
    assert all(ids[i].record["last_name"] == "Newcomer" for i in told["re_created"])
    assert all(ids[i].group not in ("05", "06", "08") for i in told["other_group"])


def test_ghosts_stand_in_the_users_report_only(files):
    rows = [line.split(",") for line in files[".csv"].read_text("utf-8-sig").splitlines()]
    ghosts = [row for row in rows if "Deleted" in row]
    assert len(ghosts) == 40 and all(row[0] == row[2] for row in ghosts)
    tried = trying.Tried(users=600)
    shown = [row for row in tried.store.rows("SELECT cells FROM reports WHERE report='Users'")
             if "Deleted" in row[0]]
    assert shown
    gone = shown[0][0].split('"')[1]
    assert tried.ask("GET", f"users/{gone}").code == "401861"


def test_the_csv_has_a_bom_and_analytics_headings(files):
    assert files[".csv"].read_bytes().startswith(b"\xef\xbb\xbfPrimary Identifier,First Name,Last Name,User Group Code")


def test_the_fees_file_is_utf16_with_a_row_per_transaction(files):
    raw = files[".txt"].read_bytes()
    assert raw.startswith(b"\xff\xfe")
    rows = [line.split("\t") for line in raw.decode("utf-16").splitlines()]
    assert rows[0][5] == "Original Amount" and {len(row) for row in rows} == {11}
    per_fee = collections.Counter(row[1] for row in rows[1:])
    assert max(per_fee.values()) > 1
    for row in rows[1:]:
        assert row[6] or row[5] == row[9]


def test_the_workbook_has_two_lines_above_the_headings_and_ids_as_text(files):
    sheet = fastexcel.read_excel(files[".xlsx"]).load_sheet(0, header_row=None, dtypes="string").to_pandas()
    assert sheet.iloc[2, 0] == "Primary Identifier"
    assert (sheet.iloc[3:, 0].str.startswith("00")).any()


def test_the_report_xml_has_a_constant_column_and_no_empty_cells(files):
    space = "{urn:schemas-microsoft-com:xml-analysis:rowset}"
    rows = etree.parse(files[".xml"]).getroot().findall(f"{space}Row")
    assert len(rows) > 80
    assert {row.findtext(f"{space}Column0") for row in rows} == {"0"}
    partners = [row.findtext(f"{space}Column6") for row in rows]
    assert None in partners and "Sample State" in partners and "" not in partners
