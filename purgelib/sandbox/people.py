"""Invents the people of a university, by seed: the same people, byte for byte, every time."""

import dataclasses
import datetime

from purgelib.sandbox import names, records, tables
from purgelib.sandbox.clock import LAST_NIGHT
from purgelib.sandbox.dice import Dice
from purgelib.sandbox.tables import code

# code: share of the population, how dates are drawn, record type, share of internal accounts
GROUPS = {
    "06": (46.0, "student", "PUBLIC", .01), "05": (15.0, "student", "PUBLIC", .01),
    "08": (6.0, "student", "PUBLIC", .03), "07": (4.0, "student", "PUBLIC", .01),
    "10": (6.0, "guest", "PUBLIC", .50), "01": (5.5, "staff", "PUBLIC", .02),
    "02": (6.5, "staff", "STAFF", .04), "03": (1.5, "staff", "PUBLIC", .05),
    "12": (2.5, "guest", "PUBLIC", .30), "20": (4.5, "guest", "PUBLIC", .98),
    "30": (1.3, "staff", "STAFF", .30), "40": (.7, "partner", "PUBLIC", 1.0),
    "ISHARE": (.5, "guest", "PUBLIC", 1.0),
}
COHORTS = {2014: 2, 2015: 2, 2016: 3, 2017: 4, 2018: 4, 2019: 5, 2020: 6, 2021: 8, 2022: 9, 2023: 10,
           2024: 11, 2025: 13, 2026: 12, 2027: 13, 2028: 9, 2029: 5}
CONTRACTS = {2016: 2, 2019: 3, 2022: 4, 2024: 5, 2026: 20, 2027: 40, 2029: 9}
PURGE_HABITS = {"later": 62, "same": 12, "none": 12, "fixed": 9, "before": 2, "year_later": 3}
STAFF_ROLES = ("21", "26", "32", "50", "52")
SERVICES = ("exl_impl", "exl_api", "carli_test", "rialto_svc", "leganto_guest")
FAR = datetime.date(2036, 12, 31)
ILL_PURGE = datetime.date(2050, 1, 1)


@dataclasses.dataclass
class Person:
    """A user: the record as the API gives it, what belongs to it, and what the API never shows."""

    record: dict
    expiry: datetime.date | None = None
    purge: datetime.date | None = None
    loans: list = dataclasses.field(default_factory=list)
    fees: list = dataclasses.field(default_factory=list)
    requests: list = dataclasses.field(default_factory=list)
    acquisitions: int = 0
    manual: tuple = ()

    @property
    def group(self):
        """The code of the user group."""
        return self.record["user_group"]["value"]

    @property
    def other_roles(self):
        """Whether the user has a role besides Patron."""
        return any(r["role_type"].get("value") != "200" for r in self.record["user_role"])

    @property
    def plain(self):
        """Whether nothing but dates speaks about this user: the ideal candidate of a purge."""
        return not (self.loans or self.fees or self.requests or self.acquisitions or self.other_roles
                    or self.record["user_block"] or self.record["proxy_for_user"]
                    or "source_link_id" in self.record)

    def redate(self, expiry, purge):
        """Sets both dates, in the record too; None leaves the field out, as Alma does."""
        self.expiry, self.purge = expiry, purge
        for name, day in (("expiry_date", expiry), ("purge_date", purge)):
            self.record.pop(name, None)
            if day:
                self.record[name] = records.dated(day)
        self.record = records.ordered(self.record)


def invent(users=12_000, seed=31):
    """Returns the people as they were last night, in a fixed order; only a list is made."""
    dice = Dice(seed)
    people = [_service(dice, name, n) for n, name in enumerate(SERVICES[:users])]
    weights = {group: line[0] for group, line in GROUPS.items()}
    while len(people) < users:
        people.append(_person(dice, len(people), dice.weighted(weights)))
    return people


def _person(dice, number, group):
    _, habit, kind, internal_share = GROUPS[group]
    internal = dice.chance(internal_share)
    record = records.empty(LAST_NIGHT)
    record["record_type"] = code("AddNewUserOptions", kind)
    record["user_group"] = code("UserGroups", group)
    record["account_type"] = code("UserUserType", "INTERNAL" if internal else "EXTERNAL")
    record["external_id"] = "" if internal else "SIS"
    record["first_name"], record["last_name"] = _name(dice, number, group)
    record["campus_code"] = records.campus(dice.weighted({"MAIN": 3, "LAKE": 2, "": 7}))
    record["full_name"] = records.full_name(record)
    _identify(dice, record, number, group)
    person = Person(record)
    expiry = _expiry(dice, habit)
    person.redate(expiry, _purge(dice, habit, expiry))
    _touch(dice, person)
    return person


def _name(dice, number, group):
    if group == "40":
        return "", f"{dice.pick(names.PARTNERS)} Library {number}"
    if number % 1500 == 700:
        return dice.pick(names.FIRST), names.TRAPS[number // 1500 % len(names.TRAPS)]
    return dice.pick(names.FIRST), dice.pick(names.LAST)


def _identify(dice, record, number, group):
    # 7919 and a million have no common factor: the numbers are all different and in no visible order.
    digits = f"00{(number * 7919 + 412345) % 1_000_000:06d}"
    segment = "Internal" if record["account_type"]["value"] == "INTERNAL" else "External"
    first, last = record["first_name"], record["last_name"]
    word = "".join(c for c in (first[:1] + last).lower() if c.isascii() and c.isalpha())
    primary, extra = digits, []
    if group in ("02", "30", "01") and dice.chance(.35):
        primary, extra = f"{word}{number}", [records.identifier("UNIV_ID", digits, segment)]
    elif group in ("20", "12") and dice.chance(.4):
        primary = f"{word}{number}@example.edu"
    record["primary_id"] = primary
    record["user_identifier"] = [records.identifier("BARCODE", f"29345{number:09d}", segment), *extra]
    record["contact_info"]["email"] = [records.email(f"{word}{number}@example.edu", segment)]
    record["user_role"] = [records.patron_role()]


def _expiry(dice, habit):
    if dice.chance({"student": .01, "staff": .2, "guest": .04, "partner": .3}[habit]):
        return None
    if habit == "partner":
        return datetime.date(2029, 12, 31)
    if habit == "guest":
        return dice.day(2014, 2028)
    if habit == "staff":
        return datetime.date(dice.weighted(CONTRACTS), 12, 31)
    year = dice.weighted(COHORTS)
    month = dice.weighted({6: 75, 12: 18, 0: 7})
    return datetime.date(year, month, 30 if month == 6 else 31) if month else dice.day(year, year)


def _purge(dice, habit, expiry):
    if habit == "partner":
        return ILL_PURGE
    how = dice.weighted(PURGE_HABITS)
    if how == "none" or expiry is None and how != "fixed":
        return None
    if how == "fixed":
        return FAR
    days = {"later": dice.pick((30, 90, 180, 365)), "same": 0, "year_later": 365,
            "before": -dice.pick((30, 365))}
    return expiry + datetime.timedelta(days=days[how])


def _touch(dice, person):
    long_gone = person.expiry and person.expiry < datetime.date(2024, 1, 1)
    if long_gone and dice.chance(.15):
        person.record["status"] = code("ContentStructureStatus", "INACTIVE")
    person.record["status_date"] = records.dated(dice.day(2013, 2025))
    if person.expiry:
        last = person.expiry - datetime.timedelta(days=dice.below(300))
        person.record["last_patron_activity_date"] = records.dated(min(last, LAST_NIGHT))
    if person.record["external_id"] and dice.chance(.2):
        person.manual = ("user_group",)


def _service(dice, name, number):
    record = records.empty(LAST_NIGHT)
    record["record_type"] = code("AddNewUserOptions", "STAFF")
    record["user_group"] = code("UserGroups", "02")
    record["account_type"] = code("UserUserType", "INTERNAL")
    record.update(primary_id=name, first_name="Service", last_name=f"Account {name}")
    record["full_name"] = records.full_name(record)
    record["user_role"] = [records.patron_role(), records.role("214" if "api" in name else "26")]
    record["user_identifier"] = [records.identifier("BARCODE", f"29345{number:09d}", "Internal")]
    person = Person(record)
    # An old expiry and a past purge date: exactly what a careless list would take along.
    person.redate(datetime.date(2015 + number, 6, 30), datetime.date(2016 + number, 6, 30))
    return person


def long_gone(person):
    """Says whether this is a graduate whose dates are long past and whom nothing else keeps."""
    return (person.group in ("05", "06", "08") and person.plain and person.expiry is not None
            and datetime.date(2000, 1, 1) < person.expiry < datetime.date(2024, 1, 1)
            and person.purge is not None and person.purge < datetime.date(2026, 1, 1)
            and person.record["status"]["value"] == "ACTIVE")


def group_names():
    """Returns the code and the name of every user group that is invented."""
    return {group: tables.TABLES["UserGroups"][group] for group in GROUPS}
