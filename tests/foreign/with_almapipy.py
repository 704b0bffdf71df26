"""almapipy (UC Davis Library): only reads, in JSON or XML, with the key in the address; it writes by one inner verb."""

import contextlib
import io

import meeting

meeting.redirect()

from almapipy import AlmaCnxn  # noqa: E402
from almapipy.utils import AlmaError  # noqa: E402

ALMA = AlmaCnxn(meeting.KEY, location="Europe", data_format="json")
IN_XML = AlmaCnxn(meeting.KEY, location="Europe", data_format="xml")
BASE = "https://api-eu.hosted.exlibrisgroup.com/almaws/v1"
PEOPLE = meeting.somebody()


def error(act, *args, **more):
    """Returns what the client says of Alma's refusal."""
    try:
        return f"no refusal: {act(*args, **more)}"
    except AlmaError as problem:
        return problem.message


def said(code, message):
    """Returns how the client words a refusal with this code."""
    return f"{code} - {message} See Alma documentation for more information."


def post(client, path, body, **query):
    """Sends something by the client's inner verb, which prints the address."""
    query["apikey"] = meeting.KEY
    with contextlib.redirect_stdout(io.StringIO()):
        return client.create(f"{BASE}/{path}", body, query, "object")


def users():
    """A user that is made, found and searched for."""
    sent = meeting.newcomer(2)
    who, barcode = sent["primary_id"], sent["user_identifier"][0]["value"]
    made = post(ALMA.users, "users", sent)
    meeting.say("create", made, meeting.user(who))
    meeting.say("find by ID, whatever its case", ALMA.users.get(who.upper()), meeting.user(who))
    meeting.say("find by barcode", ALMA.users.get(barcode), meeting.user(who))
    found = ALMA.users.get(query={"last_name": "Newcomer2", "first_name": "Greta"})
    meeting.say("find by search", found, meeting.read("users", q="last_name~Newcomer2 AND first_name~Greta"))
    meeting.say("the hit is the one", [one["primary_id"] for one in found["user"]], [who])
    listed = ALMA.users.get(query={"user_group": "06"}, all_records=True)
    meeting.say("find many", len({one["primary_id"] for one in listed["user"]}), listed["total_record_count"])
    gone = meeting.refusal("GET", f"users/{meeting.GONE}")
    meeting.say("not found", error(ALMA.users.get, meeting.GONE), said("401861", gone))
    assert meeting.ask("DELETE", f"users/{who}").status_code == 204
    meeting.say("gone", error(ALMA.users.get, who), said("401861", meeting.refusal("GET", f"users/{who}")))


def in_xml():
    """The same in XML."""
    who = PEOPLE["nothing"]
    plain, found = meeting.user(who), IN_XML.users.get(who)
    meeting.say("find in XML", [found.tag, found.findtext("primary_id"), found.find("user_group").get("desc")],
                ["user", who, plain["user_group"]["desc"]])
    barcodes = [one.findtext("value") for one in found.iterfind("user_identifiers/user_identifier")]
    meeting.say("identifiers in XML", barcodes, [one["value"] for one in plain["user_identifier"]])
    listed = IN_XML.users.get(query={"user_group": "06"}, all_records=True)
    total = meeting.read("users", q="user_group~06", limit=0)["total_record_count"]
    meeting.say("find many in XML", [listed.tag, len(listed.findall("user"))], ["users", total])
    meeting.say("not found in XML", error(IN_XML.users.get, meeting.GONE),
                said("401861", meeting.refusal("GET", f"users/{meeting.GONE}")))


def belongings():
    """What hangs on users."""
    for kind, name in (("loans", "item_loan"), ("fees", "fee"), ("requests", "user_request")):
        found = getattr(ALMA.users, kind).get(PEOPLE[kind])
        meeting.say(kind, found, meeting.read(f"users/{PEOPLE[kind]}/{kind}"))
        meeting.say(f"no {kind}", getattr(ALMA.users, kind).get(PEOPLE["nothing"])["total_record_count"], 0)
        xml = getattr(IN_XML.users, kind).get(PEOPLE[kind])
        meeting.say(f"{kind} in XML", [len(xml.findall(name)), xml.get("total_record_count")],
                    [len(found[name]), str(found["total_record_count"])])
    whole = ALMA.users.loans.get(PEOPLE["loans"], limit=1, all_records=True)
    plain = meeting.read(f"users/{PEOPLE['loans']}/loans", limit=100)
    meeting.say("loans page by page", whole["item_loan"], plain["item_loan"])
    closed = ALMA.users.fees.get(PEOPLE["fees"], q_params={"status": "CLOSED"})
    meeting.say("closed fees", closed, meeting.read(f"users/{PEOPLE['fees']}/fees", status="CLOSED"))


def configuration():
    """Sets, jobs, code tables, libraries, the institution."""
    made = post(ALMA.conf.sets, "conf/sets", {"name": "Set of almapipy", "type": {"value": "ITEMIZED"},
                                              "content": {"value": "USER"}})
    meeting.say("create a set", made, meeting.read(f"conf/sets/{made['id']}"))
    members = [one["primary_id"] for one in meeting.read("users", q="user_group~05", limit=25)["user"]]
    sent = {"members": {"member": [{"id": one} for one in members]}}
    filled = post(ALMA.conf.sets, f"conf/sets/{made['id']}", sent, op="add_members")
    meeting.say("add members", filled["number_of_members"]["value"], 25)
    listed = ALMA.conf.sets.get_members(made["id"], all_records=True)
    meeting.say("list members", sorted(one["id"] for one in listed["member"]), sorted(members))
    found = ALMA.conf.sets.get(content_type="USER", set_type="ITEMIZED", query={"name": "Set of almapipy"})
    meeting.say("find a set by name", [one["id"] for one in found["set"]], [made["id"]])
    left = post(ALMA.conf.sets, f"conf/sets/{made['id']}", sent, op="delete_members")
    meeting.say("remove members", left["number_of_members"]["value"], 0)
    meeting.say("nobody in the set", ALMA.conf.sets.get_members(made["id"]), {"total_record_count": 0})
    meeting.say("libraries", ALMA.conf.units.get_libaries(), meeting.read("conf/libraries"))
    meeting.say("institution", ALMA.conf.general.get(), meeting.read("conf/general"))
    table = ALMA.conf.general.get_code_table("UserGroups")
    meeting.say("code table", table, meeting.read("conf/code-tables/UserGroups"))
    rows = [one.findtext("code") for one in IN_XML.conf.general.get_code_table("UserGroups").iterfind("rows/row")]
    meeting.say("code table in XML", rows, [one["code"] for one in table["row"]])


def job():
    """A job found by name, run for one user, and watched to its end."""
    made = post(ALMA.conf.sets, "conf/sets", {"name": "One of almapipy", "content": {"value": "USER"}})
    sent = {"members": {"member": [{"id": PEOPLE["nothing"]}]}}
    post(ALMA.conf.sets, f"conf/sets/{made['id']}", sent, op="add_members")
    jobs = ALMA.conf.jobs.get(all_records=True)["job"]
    number = next(one["id"] for one in jobs if one["name"] == meeting.UPDATE_JOB)
    meeting.say("read a job", ALMA.conf.jobs.get(number), meeting.read(f"conf/jobs/{number}"))
    body = {"parameter": [{"name": {"value": name}, "value": value} for name, value in
                          meeting.orders(made["id"], "Job of almapipy", 1_798_761_600_000).items()]}
    run = post(ALMA.conf.jobs, f"conf/jobs/{number}", body, op="run")["additional_info"]["link"].rsplit("/", 1)[1]
    meeting.until(lambda: ALMA.conf.jobs.get_instances(number, run)["progress"] == 100)
    seen = ALMA.conf.jobs.get_instances(number, run)
    meeting.say("watch a job", seen, meeting.read(f"conf/jobs/{number}/instances/{run}"))
    meeting.say("how the job ended", seen["status"]["value"], "COMPLETED_SUCCESS")
    meeting.say("list instances", ALMA.conf.jobs.get_instances(number)["job_instance"][0]["id"], run)
    meeting.say("read users back after the job", ALMA.users.get(PEOPLE["nothing"])["purge_date"], "2027-01-01Z")


def analytics():
    """A report of many pages, its folder, and a path with a typing error."""
    rows = ALMA.analytics.reports.get(meeting.USERS_REPORT, limit=1000, all_records=True, return_json=True)
    plain = meeting.report(meeting.USERS_REPORT)
    meeting.say("report", [one["primary_identifier"] for one in rows], [one["Column1"] for one in plain])
    meeting.say("missing cells are missing", sum("purge_date" not in one for one in rows),
                sum("Column10" not in one for one in plain))
    folder = IN_XML.analytics.paths.get(meeting.USERS_REPORT.rpartition("/")[0])
    meeting.say("folder of reports", "Users" in [one.text for one in folder.iter("path")], True)
    meeting.say("report not found", error(ALMA.analytics.reports.get, "/shared/Nowhere/Users"),
                said("INTERNAL_SERVER_ERROR", "Path not found (/shared/Nowhere/Users)"))


def keys():
    """A key that nobody knows, and too many calls in a second: the client says so, and does nothing about it."""
    for name, form in (("", "json"), (" in XML", "xml")):
        wrong = AlmaCnxn(meeting.WRONG_KEY, location="Europe", data_format=form)
        meeting.say(f"wrong key{name}", error(wrong.users.get, PEOPLE["nothing"]), said(
            "UNAUTHORIZED", "API-key not defined or not configured to allow this API."))
        meeting.fault(do="throttle", path="/users/")
        client = AlmaCnxn(meeting.KEY, location="Europe", data_format=form)
        refused = error(client.users.get, PEOPLE["nothing"])
        meeting.say(f"raise after 429{name}", refused.split(" See")[0],
                    "PER_SECOND_THRESHOLD - HTTP requests are more than allowed per second.")


meeting.go(users, in_xml, belongings, configuration, job, analytics, keys)
