"""Every record that the sandbox and Alma's samples know becomes a user that Alma's own schema accepts."""

import json
import zipfile

import invented
from contract_schemas import CONTRACT, needs_contract
from lxml import etree
from test_sandbox_xml import fits

from purgelib import recreate, sisxml


def test_a_file_holds_every_user_zipped_for_its_owner_only(tmp_path):
    path = sisxml.write(tmp_path, [invented.record(), invented.record(primary_id="0000012")])
    assert path.name == "users.zip" and path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as packed:
        root = etree.fromstring(packed.read(*packed.namelist()))
    assert [one.findtext("primary_id") for one in root.findall("user")] == ["00412345", "0000012"]


def test_roles_secrets_and_what_alma_works_out_are_left_out():
    record = invented.record(password="x", pin_number="1234", full_name="Ada Example", link="y")
    made = etree.tostring(sisxml.user(record)).decode()
    assert not [name for name in (*recreate.OUTPUT_ONLY, "user_role", "password", "pin_number") if f"<{name}" in made]


def test_hostile_texts_are_texts_and_signs_that_no_xml_holds_are_gone():
    one = sisxml.user(invented.record(last_name='<b>&"\x00\x1f\ufffe', job_description="a\nb"))
    again = etree.fromstring(etree.tostring(one))
    assert again.findtext("last_name") == '<b>&"' and again.findtext("job_description") == "a\nb"


def test_nothing_blank_is_sent_as_it_would_overwrite():
    one = sisxml.user(invented.record(middle_name="", birth_date=None, user_note=[]))
    blank = ("middle_name", "birth_date", "user_notes", "campus_code")
    assert not [name for name in blank if one.find(name) is not None]


@needs_contract
def test_every_record_of_the_sandbox_and_of_almas_samples_is_valid_by_almas_schema(quiet):
    sample = json.loads((CONTRACT / "samples" / "user_response.json").read_text())
    crowd = [*quiet.everybody().values(), sample]
    assert len(crowd) > 350
    for record in crowd:
        made = sisxml.user(record)
        fits("rest_user", etree.tostring(made))
        assert made.findtext("primary_id") == record["primary_id"]
        assert len(made.findall("user_identifiers/user_identifier")) == len(record["user_identifier"])
        assert len(made.findall("contact_info/emails/email")) == len(record["contact_info"]["email"])
