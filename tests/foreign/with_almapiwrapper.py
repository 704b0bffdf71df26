"""almapiwrapper (Swiss Library Service Platform): users in JSON, sets and jobs in XML, reports as data frames."""

import json
import logging
import os
import xml.etree.ElementTree as tree

import meeting


def key(value, area, rights):
    """Returns an entry of the client's file of keys."""
    return {"API_Key": value, "Supported_APIs": [{"Area": area, "Permissions": rights, "Env": env} for env in "PS"]}


AREAS = [(area, rights) for area in ("Users", "Conf", "Analytics") for rights in ("R", "RW")]
# The client finds its keys, and nothing else, by the environment; the address it has inside.
os.environ["alma_api_keys"] = meeting.note("keys.json", json.dumps(
    {zone: [key(value, *where) for where in AREAS] for zone, value in
     (("OURS", meeting.KEY), ("READER", meeting.READ_ONLY_KEY), ("WRONG", meeting.WRONG_KEY))}))
meeting.redirect()
logging.disable()

from almapiwrapper.analytics.report import AnalyticsReport  # noqa: E402
from almapiwrapper.config import fetch_libraries, ItemizedSet, Job, NewItemizedSet, NewLogicalSet, RecSet  # noqa: E402
from almapiwrapper.users import fetch_users, NewUser, User  # noqa: E402

ZONE = ("OURS", "S")
PEOPLE = meeting.somebody()
MEMBERS = [one["primary_id"] for one in meeting.read("users", q="user_group~05", limit=12)["user"]]


def one_user():
    """A user from the cradle to the grave."""
    sent = meeting.newcomer(1)
    who, barcode = sent["primary_id"], sent["user_identifier"][0]["value"]
    made = NewUser(*ZONE, data=sent).create()
    meeting.say("create", made.data, meeting.user(who))
    meeting.say("find by ID, whatever its case", User(who.upper(), *ZONE).data, meeting.user(who))
    meeting.say("find by barcode", User(barcode, *ZONE).data, meeting.user(barcode))
    found = fetch_users("last_name~Newcomer1", *ZONE)
    meeting.say("find by search", [one.primary_id for one in found], [who])
    user = User(who, *ZONE)
    user.data["purge_date"] = "2026-12-01Z"
    user.update()
    meeting.say("change a purge date", user.data, meeting.user(who))
    meeting.say("read the purge date back", User(who, *ZONE).data["purge_date"], "2026-12-01Z")
    user.add_synchro_note()
    meeting.say("add a note", user.data["user_note"], meeting.user(who)["user_note"])
    user.remove_synchro_note()
    meeting.say("remove a note", user.data["user_note"], [])
    user.delete()
    meeting.say("delete", user.error, False)
    gone = User(who, *ZONE)
    meeting.say("gone", [gone.data, gone.error_msg], [None, meeting.refusal("GET", f"users/{who}")])


def many_users():
    """A search with more hits than one page holds."""
    found = fetch_users("user_group~06", *ZONE)
    total = meeting.read("users", q="user_group~06", limit=0)["total_record_count"]
    assert total > 100, f"too few to be shown in pages: {total}"
    meeting.say("find many", len({one.primary_id for one in found}), total)
    meeting.say("find nobody", fetch_users("last_name~Nosuchname", *ZONE), [])


def belongings():
    """What hangs on users, and that it keeps them from being deleted."""
    for kind, name in (("loans", "item_loan"), ("fees", "fee"), ("requests", "user_request")):
        mine = [one.data for one in getattr(User(PEOPLE[kind], *ZONE), kind)]
        meeting.say(kind, mine, meeting.read(f"users/{PEOPLE[kind]}/{kind}", limit=100)[name])
        meeting.say(f"no {kind}", getattr(User(PEOPLE["nothing"], *ZONE), kind), [])
    debtor = User(PEOPLE["loans"], *ZONE)
    assert debtor.data
    debtor.delete()
    meeting.say("no delete with loans", debtor.error_msg, meeting.refusal("DELETE", f"users/{PEOPLE['loans']}"))


def set_and_job():
    """A set with members, the job on it, and what the job has done."""
    made = NewItemizedSet(*ZONE, name="Set of almapiwrapper", content="USER", members=MEMBERS).create()
    path = f"conf/sets/{made.set_id}"
    meeting.say("create a set with members", [type(made).__name__, made.get_members_number(), made.name],
                ["ItemizedSet", meeting.read(path)["number_of_members"]["value"], meeting.read(path)["name"]])
    again = RecSet(name="Set of almapiwrapper", zone=ZONE[0], env=ZONE[1])
    meeting.say("find a set by name", again.set_id, made.set_id)
    listed = [one.primary_id for one in ItemizedSet(made.set_id, *ZONE).get_members()]
    meeting.say("list members", listed, [one["id"] for one in meeting.read(f"{path}/members", limit=100)["member"]])
    meeting.say("members are those sent", sorted(listed), sorted(MEMBERS))
    made.add_members(MEMBERS[:1])
    meeting.say("a member twice", made.error_msg, meeting.ask(
        "POST", path, {"members": {"member": [{"id": MEMBERS[0]}]}}, op="add_members").json()
        ["errorList"]["error"][0]["errorMessage"])
    run(made.set_id)
    remove(made.set_id)


def run(set_id):
    """Update/Notify Users sets a purge date for everybody in the set."""
    # The client knows jobs by number only, and puts the letter in front itself.
    listed = meeting.read("conf/jobs", limit=100, type="MANUAL")["job"]
    number = next(one["id"] for one in listed if one["name"] == meeting.UPDATE_JOB).removeprefix("M")
    job = Job(number, *ZONE)
    meeting.say("read a job", job.data.findtext("name"), meeting.UPDATE_JOB)
    order = tree.Element("job")
    holder = tree.SubElement(order, "parameters")
    for name, value in meeting.orders(set_id, "Job of almapiwrapper", 1_798_761_600_000).items():
        parameter = tree.SubElement(holder, "parameter")
        tree.SubElement(parameter, "name").text, tree.SubElement(parameter, "value").text = name, str(value)
    job.run(tree.tostring(order, encoding="unicode"))
    meeting.say("start a job", job.error_msg, None)
    meeting.until(lambda: job.get_instance_info().content["progress"] == 100)
    seen, plain = job.get_instance_info().content, meeting.read(f"conf/jobs/M{number}/instances/{job.instance_id}")
    meeting.say("watch a job", [job.check_instance_state(), seen],
                [{"status": "COMPLETED_SUCCESS", "progress": 100}, plain])
    listed = job.get_instances().content["job_instance"]
    meeting.say("list instances", [one["id"] for one in listed], [job.instance_id])
    dates = [User(one, *ZONE).data["purge_date"] for one in MEMBERS]
    meeting.say("read users back after the job", dates, ["2027-01-01Z"] * len(MEMBERS))


def remove(set_id):
    """A set made of a saved search, and both removed."""
    saved = NewLogicalSet(*ZONE, name="Search of almapiwrapper", description="Students", created_by="exl_api",
                          query='USER where USER (user_group equals "06")').create()
    total = meeting.read("users", q="user_group~06", limit=0)["total_record_count"]
    meeting.say("create a saved search", [type(saved).__name__, saved.get_members_number()], ["LogicalSet", total])
    copy = NewItemizedSet(*ZONE, from_logical_set=saved).create()
    meeting.say("make a list of a search", [copy.get_content_type(), copy.get_members_number()], ["USER", total])
    for one in (RecSet(set_id, *ZONE), saved, copy):
        assert one.data is not None
        one.delete()
    left = [one.get("name") for one in meeting.read("conf/sets", q="name~almapiwrapper").get("set", [])]
    meeting.say("remove sets", left, [])
    missing = RecSet(set_id, *ZONE)
    said = meeting.refusal("GET", f"conf/sets/{set_id}")
    meeting.say("set not found", [missing.data, missing.error_msg], [None, said])


def configuration():
    """What the institution is made of."""
    found = [one.code for one in fetch_libraries(*ZONE)]
    meeting.say("libraries", found, [one["code"] for one in meeting.read("conf/libraries")["library"]])


def analytics():
    """A report of several pages, and a path with a typing error."""
    frame = AnalyticsReport(meeting.USERS_REPORT, *ZONE).data
    rows = meeting.report(meeting.USERS_REPORT)
    assert len(rows) > 1000, f"too few rows for two pages: {len(rows)}"
    meeting.say("report", [list(frame.columns)[:3], [str(one) for one in frame["Primary Identifier"]]],
                [["Primary Identifier", "First Name", "Last Name"], [one["Column1"] for one in rows]])
    wrong = AnalyticsReport("/shared/Nowhere/Users", *ZONE)
    meeting.say("report not found", [wrong.data, wrong.error_msg], [None, "Path not found (/shared/Nowhere/Users)"])


def keys():
    """A key that nobody knows, and one that may only read."""
    unknown = User(PEOPLE["nothing"], "WRONG", "S")
    meeting.say("wrong key", [unknown.data, unknown.error_msg],
                [None, "API-key not defined or not configured to allow this API."])
    reader = User(PEOPLE["nothing"], "READER", "S")
    meeting.say("read-only key reads", reader.data, meeting.user(PEOPLE["nothing"]))
    reader.update()
    meeting.say("read-only key writes", [reader.error, reader.error_msg], [True, unknown.error_msg])


def pace():
    """Too many calls in a second: the client waits and asks again, and gives up after three times."""
    meeting.fault(do="throttle", path="/users/", times=1)
    with meeting.Waits() as waits:
        data = User(PEOPLE["nothing"], *ZONE).data
    meeting.say("wait after 429", [waits.long, data], [[3], meeting.user(PEOPLE["nothing"])])
    meeting.fault(do="throttle", path="/users/", times=3)
    ended = None
    with meeting.Waits() as waits:
        try:
            assert User(PEOPLE["nothing"], *ZONE).data
        except SystemExit as end:
            ended = end.code
    meeting.say("give up after three times 429", [waits.long, ended], [[3, 3], 1])


meeting.go(one_user, many_users, belongings, set_and_job, configuration, analytics, keys, pace)
