"""Where a stranger's client meets the sandbox: the way there, a plain reader beside it, and what is said afterwards.

Runs in the strangers' own environment (.foreign), so it knows requests, and nothing of ours.
"""

import json
import pathlib
import sys
import time
import traceback
import urllib.parse
import xml.etree.ElementTree as tree

import requests

URL, KEY, READ_ONLY_KEY = sys.argv[1:4]
WRONG_KEY = "l8xx0000000000000000000000000000wrong"
GONE = "nobody.here"
UPDATE_JOB = "Update/Notify Users"
USERS_REPORT = "/shared/Invented University 01INV_INST/Reports/Purge/Users"
_ROWS = "{urn:schemas-microsoft-com:xml-analysis:rowset}"
_plain = requests.Session()
_plain.trust_env = False
# Every switch of the job that is known, from a script that one university has published, all of them off.
# Some have a scope as well; a condition is sent with each of them here.
_SWITCHES = """Status Expiry_Date Purge_Date UserGroup Campus Title JobDescription SetAccountTo CatalogerLevel
    DisableSMS DontGeneratePassword ExportToCloudIdP RSL RemoveRSL Opt_In_Patron_Letters Opt_Out_Patron_Letters
    AddBlock DisableBlock AddRole RemoveRole AddNote AddStatistics RemoveStatistics""".split()
_SCOPED = "AddBlock DisableBlock AddRole RemoveRole AddNote AddStatistics RemoveStatistics".split()
# What stands there while the switch is off is not always the word Null.
_IDLE = {"Campus": "", "JobDescription": "", "AddNote": "", "RSL": "", "RemoveRSL": "", "AddBlock": "02-GLOBAL",
         "AddRole": "56", "RemoveRole": "56", "DisableSMS": "false", "Expiry_Date": 0}


class _Redirect(requests.adapters.HTTPAdapter):
    def send(self, request, **more):
        request.url = URL + request.path_url
        return super().send(request, **more)


def redirect():
    """Brings every call to an address of Alma's to the sandbox instead; the client itself is left as it is."""
    made = requests.Session.__init__

    def mounted(session):
        made(session)
        session.trust_env = False
        session.mount("https://api-", _Redirect())

    requests.Session.__init__ = mounted


def say(step, client, plain):
    """Prints what the client found and what is really so; test_foreign.py compares the two."""
    sys.stdout.write(json.dumps({"step": step, "client": client, "plain": plain}, default=str) + "\n")


def ask(method, path, body=None, /, key=KEY, form="json", **query):
    """Asks Alma the plain way."""
    headers = {"Authorization": f"apikey {key}", "Accept": f"application/{form}"}
    return _plain.request(method, f"{URL}/almaws/v1/{path}", params=query, json=body, headers=headers, timeout=30)


def read(path, /, **query):
    """Returns an answer of Alma's, read the plain way."""
    return ask("GET", path, **query).json()


def user(primary_id):
    """Returns a user, read the plain way."""
    return read("users/" + urllib.parse.quote(primary_id, safe=""))


def refusal(method, path, /, **query):
    """Returns the message of Alma's refusal, read the plain way."""
    return ask(method, path, **query).json()["errorList"]["error"][0]["errorMessage"]


def fault(**rule):
    """Orders a fault at the sandbox's control door."""
    _plain.delete(f"{URL}/sandbox/faults", timeout=30)
    _plain.post(f"{URL}/sandbox/faults", json=[rule], timeout=30).raise_for_status()


def setting(**wish):
    """Changes settings of the sandbox."""
    _plain.post(f"{URL}/sandbox/settings", json=wish, timeout=30).raise_for_status()


def somebody():
    """Returns the primary IDs of one user with loans, one with fees, one with requests, and of one with none."""
    found = {}
    for offset in range(0, 1000, 100):
        for one in read("users", limit=100, offset=offset)["user"]:
            whole = read(f"users/{one['primary_id']}", expand="loans,requests,fees")
            counts = {kind: float(whole[kind]["value"]) for kind in ("loans", "fees", "requests")}
            for kind, count in counts.items():
                if count > 0:
                    found.setdefault(kind, one["primary_id"])
            if not any(counts.values()):
                found.setdefault("nothing", one["primary_id"])
            if len(found) == 4:
                return found
    raise LookupError(f"nobody with all of it: {found}")


def newcomer(number):
    """Returns a user as a client sends it, with a barcode and an e-mail."""
    return {
        "record_type": {"value": "PUBLIC"}, "primary_id": f"foreign.{number}@example.edu", "first_name": "Greta",
        "last_name": f"Newcomer{number}", "account_type": {"value": "INTERNAL"}, "user_group": {"value": "05"},
        "status": {"value": "ACTIVE"}, "preferred_language": {"value": "en"}, "password": "",
        "expiry_date": "2027-06-30Z", "purge_date": "2028-06-30Z",
        "contact_info": {"email": [{"email_address": f"greta{number}@example.edu", "preferred": True,
                                    "email_type": [{"value": "school"}]}], "address": [], "phone": []},
        "user_identifier": [{"value": f"F{number:07d}", "id_type": {"value": "BARCODE"}}],
        "user_role": [], "user_block": [], "user_note": [], "user_statistic": [],
    }


def orders(set_id, name, moment):
    """Returns the parameters of Update/Notify Users that set a purge date (milliseconds since 1970), name -> value."""
    given = {"UPDATE_User_Information_FieldType_Value": "BY_USER_ACCOUNT_TYPE", "PRODUCT": "alma",
             "SEND_Notification_To_User_Active": "false", "SEND_Notification_To_User_Value": "Null"}
    for switch in _SWITCHES:
        front = f"UPDATE_User_Information_{switch}"
        given |= {f"{front}_Active": "false", f"{front}_Value": _IDLE.get(switch, "Null"), f"{front}_Condition": "Null"}
        if switch in _SCOPED:
            given |= {f"{front}_Scope": "Null", f"{front}_Scope_Name": "Null"}
    # People write the moment as a number into JSON; Alma takes it.
    given |= {"UPDATE_User_Information_Purge_Date_Active": "true", "UPDATE_User_Information_Purge_Date_Value": moment}
    return {**given, "set_id": set_id, "job_name": name}


def until(ended, seconds=30):
    """Asks again and again until the answer is yes; gives up after a while."""
    last = time.monotonic() + seconds
    while not ended():
        if time.monotonic() > last:
            raise TimeoutError("the job does not end")


def report(path, limit=1000):
    """Returns the rows of a report, name of the column -> text, read the plain way."""
    rows, token, finished = [], None, False
    while not finished:
        asked = {"token": token} if token else {"path": path}
        page = tree.fromstring(ask("GET", "analytics/reports", form="xml", limit=limit, **asked).content)
        token = token or page.findtext(".//ResumptionToken")
        finished = page.findtext(".//IsFinished") == "true"
        rows += [{cell.tag.removeprefix(_ROWS): cell.text for cell in row} for row in page.iter(f"{_ROWS}Row")]
    return rows


class Waits(list):
    """Stands in for time.sleep while a client waits, notes for how long, and lets no time pass."""

    def __enter__(self):
        self._sleep, time.sleep = time.sleep, self.append
        return self

    def __exit__(self, *_problem):
        time.sleep = self._sleep

    @property
    def long(self):
        """The waits worth the name: not the pauses that a client makes before every call."""
        return [seconds for seconds in self if seconds > 0.1]


def note(name, text):
    """Writes a file beside the run, for a client that wants its settings in one."""
    pathlib.Path(name).write_text(text)
    return str(pathlib.Path(name).resolve())


def go(*acts):
    """Does one act after the other, whatever becomes of the one before, and ends the run with what failed."""
    failed = 0
    for act in acts:
        try:
            act()
        except Exception:
            traceback.print_exc()
            failed += 1
    sys.exit(failed)
