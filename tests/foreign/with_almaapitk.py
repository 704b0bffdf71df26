"""almaapitk (Hagay Bar): JSON throughout, its own address for tests, errors by class, patience with 429 and 5xx."""

import logging

import meeting
import urllib3

logging.disable()

from almaapitk import Admin, AlmaAPIClient, AlmaAPIError, Analytics, Configuration, Users  # noqa: E402

CLIENT = AlmaAPIClient("SANDBOX", api_key=meeting.KEY, host=meeting.URL)
USERS, ADMIN, CONF, REPORTS = Users(CLIENT), Admin(CLIENT), Configuration(CLIENT), Analytics(CLIENT)
PEOPLE = meeting.somebody()
MEMBERS = [one["primary_id"] for one in meeting.read("users", q="user_group~05", limit=12)["user"]]


def error(act, *args, **more):
    """Returns class, code and message of the client's error."""
    try:
        return ["no refusal", str(act(*args, **more))]
    except AlmaAPIError as problem:
        return [type(problem).__name__, problem.status_code, problem.alma_code, str(problem)]


def one_user():
    """A user from the cradle to the grave."""
    sent = meeting.newcomer(3)
    who, barcode = sent["primary_id"], sent["user_identifier"][0]["value"]
    meeting.say("create", USERS.create_user(sent).data, meeting.user(who))
    meeting.say("create twice", error(USERS.create_user, sent)[:3], ["AlmaAPIError", 400, "401851"])
    meeting.say("find by ID, whatever its case", USERS.get_user(who.upper()).data, meeting.user(who))
    meeting.say("find by barcode", USERS.get_user(barcode).data, meeting.user(who))
    meeting.say("find by search", [one["primary_id"] for one in USERS.search_users("last_name~Newcomer3")], [who])
    record = USERS.get_user(who).data
    record["purge_date"] = "2026-12-01Z"
    meeting.say("change a purge date", USERS.update_user(who, record).data, meeting.user(who))
    meeting.say("read the purge date back", USERS.get_user(who).data["purge_date"], "2026-12-01Z")
    USERS.add_user_note(who, "Foreign note")
    meeting.say("add a note", [one["note_text"] for one in USERS.list_user_notes(who)],
                [one["note_text"] for one in meeting.user(who)["user_note"]])
    meeting.say("expired", USERS.is_user_expired_years(meeting.user(who), 1)[0], False)
    meeting.say("delete", USERS.delete_user(who).status_code, 204)
    said = meeting.refusal("GET", f"users/{who}")
    meeting.say("gone", error(USERS.get_user, who), ["AlmaResourceNotFoundError", 400, "401861", said])


def many_users():
    """More hits than one page holds."""
    listed = list(CLIENT.iter_paged("almaws/v1/users", params={"q": "user_group~06"}, record_key="user"))
    total = meeting.read("users", q="user_group~06", limit=0)["total_record_count"]
    meeting.say("find many", len({one["primary_id"] for one in listed}), total)
    meeting.say("find nobody", USERS.list_users(q="last_name~Nosuchname"), [])


def belongings():
    """What hangs on users, and that it keeps them from being deleted."""
    for kind, name in (("loans", "item_loan"), ("fees", "fee"), ("requests", "user_request")):
        found = getattr(USERS, f"list_user_{kind}")(PEOPLE[kind])
        meeting.say(kind, found, meeting.read(f"users/{PEOPLE[kind]}/{kind}")[name])
        meeting.say(f"no {kind}", getattr(USERS, f"list_user_{kind}")(PEOPLE["nothing"]), [])
    for kind in ("loans", "fees", "requests"):
        counts = USERS.get_user(PEOPLE[kind], expand="loans,requests,fees").data[kind]
        meeting.say(f"count {kind}", counts, meeting.read(f"users/{PEOPLE[kind]}", expand=kind)[kind])
    meeting.say("deposits", USERS.list_user_deposits(PEOPLE["nothing"]), [])
    meeting.say("personal data", USERS.get_user_personal_data(PEOPLE["loans"]),
                meeting.read(f"users/{PEOPLE['loans']}/personal-data"))
    said = meeting.refusal("DELETE", f"users/{PEOPLE['loans']}")
    refused = error(USERS.delete_user, PEOPLE["loans"])
    meeting.say("no delete with loans", refused, ["AlmaAPIError", 400, "401850", said])


def set_and_job():
    """A set with members, the job on it, and what the job has done."""
    wish = {"name": "Set of almaapitk", "type": {"value": "ITEMIZED"}, "content": {"value": "USER"}}
    made = ADMIN.create_set(wish).data
    meeting.say("create a set", made, meeting.read(f"conf/sets/{made['id']}"))
    ADMIN.add_members_to_set(made["id"], MEMBERS)
    meeting.say("list members", sorted(ADMIN.get_user_set_members(made["id"])), sorted(MEMBERS))
    meeting.say("validate the set", ADMIN.validate_user_set(made["id"])["total_members"], len(MEMBERS))
    meeting.say("a member twice", error(ADMIN.add_members_to_set, made["id"], MEMBERS[:1])[2], "60115")
    meeting.say("a member unknown", error(ADMIN.add_members_to_set, made["id"], [meeting.GONE])[2], "60116")
    listed = ADMIN.list_sets(content_type="USER", include_member_counts=True).data["set"]
    meeting.say("list sets", [one["name"] for one in listed],
                [one["name"] for one in meeting.read("conf/sets", limit=25, content_type="USER")["set"]])
    run(made["id"])
    ADMIN.remove_members_from_set(made["id"], MEMBERS[:5])
    meeting.say("remove members", ADMIN.get_user_set_members(made["id"]),
                [one["id"] for one in meeting.read(f"conf/sets/{made['id']}/members", limit=100)["member"]])
    meeting.say("rename the set", ADMIN.update_set(made["id"], {**made, "name": "Renamed"}).data["name"], "Renamed")
    ADMIN.delete_set(made["id"])
    meeting.say("set not found", error(ADMIN.get_set_info, made["id"])[2], "60107")


def run(set_id):
    """Update/Notify Users; the client has no verbs of its own for jobs, only its plain ones."""
    jobs = CLIENT.iter_paged("almaws/v1/conf/jobs", params={"type": "MANUAL"}, record_key="job")
    number = next(one["id"] for one in jobs if one["name"] == meeting.UPDATE_JOB)
    body = {"parameter": [{"name": {"value": name}, "value": value} for name, value in
                          meeting.orders(set_id, "Job of almaapitk", 1_798_761_600_000).items()]}
    link = CLIENT.post(f"almaws/v1/conf/jobs/{number}", data=body, params={"op": "run"}).data["additional_info"]["link"]
    path = link.removeprefix(meeting.URL).lstrip("/")
    meeting.until(lambda: CLIENT.get(path).data["progress"] == 100)
    meeting.say("watch a job", CLIENT.get(path).data, meeting.read(path.removeprefix("almaws/v1/")))
    meeting.say("how the job ended", CLIENT.get(path).data["status"]["value"], "COMPLETED_SUCCESS")
    dates = [USERS.get_user(one).data["purge_date"] for one in MEMBERS]
    meeting.say("read users back after the job", dates, ["2027-01-01Z"] * len(MEMBERS))


def configuration():
    """What the institution is made of."""
    meeting.say("connection", [CLIENT.test_connection(), USERS.test_connection(), ADMIN.test_connection()], [True] * 3)
    meeting.say("libraries", CONF.list_libraries(), meeting.read("conf/libraries")["library"])
    meeting.say("institution", CONF.get_general_configuration(), meeting.read("conf/general"))
    meeting.say("code table", CONF.get_code_table("UserGroups"), meeting.read("conf/code-tables/UserGroups"))
    meeting.say("no code table", error(CONF.get_code_table, "NoSuchTable")[:2], ["AlmaAPIError", 400])


def analytics():
    """A report of two pages, which the client asks for in JSON and finds as XML inside."""
    plain = meeting.report(meeting.USERS_REPORT)
    rows = REPORTS.fetch_report_rows(meeting.USERS_REPORT, limit=1000)
    meeting.say("report", rows, [{name: text or "" for name, text in one.items()} for one in plain])
    heads = REPORTS.get_report_headers(meeting.USERS_REPORT)
    meeting.say("headings", heads[:3], ["0", "Primary Identifier", "First Name"])
    # With its patience the client would take status 500 for trouble that passes, and never read what is wrong.
    hasty = AlmaAPIClient("SANDBOX", api_key=meeting.KEY, host=meeting.URL, retry=urllib3.Retry(0, status_forcelist=()))
    wrong = error(Analytics(hasty).fetch_report_rows, "/shared/Nowhere/Users")
    meeting.say("report not found", wrong, ["AlmaServerError", 500, "INTERNAL_SERVER_ERROR",
                                            "Path not found (/shared/Nowhere/Users)"])


def keys():
    """A key that nobody knows (the refusal is XML, so the client finds no code), and one that may only read."""
    wrong = Users(AlmaAPIClient("SANDBOX", api_key=meeting.WRONG_KEY, host=meeting.URL))
    found = error(wrong.get_user, PEOPLE["nothing"])
    plain = meeting.ask("GET", "users", key=meeting.WRONG_KEY)
    assert "<errorCode>UNAUTHORIZED</errorCode>" in plain.text
    meeting.say("wrong key", found, ["AlmaAPIError", 400, "", plain.text[:200]])
    reader = Users(AlmaAPIClient("SANDBOX", api_key=meeting.READ_ONLY_KEY, host=meeting.URL))
    record = reader.get_user(PEOPLE["nothing"]).data
    meeting.say("read-only key reads", record, meeting.user(PEOPLE["nothing"]))
    meeting.say("read-only key writes", error(reader.update_user, PEOPLE["nothing"], record)[:2], ["AlmaAPIError", 400])


def pace():
    """Too many calls in a second: the client waits and asks again; a POST it does not dare to send twice."""
    meeting.fault(do="throttle", path="/users/", times=2)
    with meeting.Waits() as waits:
        data = USERS.get_user(PEOPLE["nothing"]).data
    meeting.say("wait after 429", [len(waits.long) >= 1, data], [True, meeting.user(PEOPLE["nothing"])])
    meeting.fault(do="throttle", path="/users", method="POST")
    found = error(USERS.create_user, meeting.newcomer(4))
    meeting.say("no second POST after 429", found[:3], ["AlmaRateLimitError", 429, "PER_SECOND_THRESHOLD"])
    meeting.say("nobody was made", meeting.ask("GET", f"users/{meeting.newcomer(4)['primary_id']}").status_code, 400)


meeting.go(one_user, many_users, belongings, set_and_job, configuration, keys, pace, analytics)
