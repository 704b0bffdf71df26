"""Invented users for tests: one who may go, and everything that can be changed about that one."""

import types

import pandas as pd

from purgelib import population, rules, users

AS_OF = "2026-11-21"
POLICY = rules.Policy(protected_groups=("30",), protected_ids=("kept-by-policy",), max_share=1.0,
                      max_group_share=1.0)


def row(**changes):
    """Returns the columns of a user about whom everything is known and nothing speaks against going."""
    known = {
        "primary_id": "00412345", "name": "Ada Example", "user_group": "06", "group_name": "Undergraduate",
        "record_type": "PUBLIC", "account_type": "EXTERNAL", "status": "ACTIVE",
        "expiry_date": pd.Timestamp("2019-06-30"), "purge_date": pd.Timestamp("2020-06-30"), "purge_known": True,
        "campus": "", "other_roles": False, "loans": 0, "requests": 0, "fees": 0.0, "blocks": 0, "proxies": 0,
        "linked": False, "id_problem": "", "doubt": "",
    }
    return known | changes


def table(*rows):
    """Returns a user table of these rows."""
    return users.table(pd.DataFrame(list(rows)).astype({"expiry_date": "datetime64[s]", "purge_date": "datetime64[s]"}))


def exports(*rows):
    """Returns what ``exports.read`` would return for these rows, as far as judging needs it."""
    return types.SimpleNamespace(users=table(*rows), data_date=AS_OF, inputs=(), problems=None)


def people(*rows, policy=POLICY):
    """Returns the population of these rows."""
    return population.judge(exports(*rows), policy)


def record(**changes):
    """Returns an Alma record (as GET /users/{id} expanded) of the same user."""
    known = {
        "primary_id": "00412345", "first_name": "Ada", "last_name": "Example",
        "record_type": {"value": "PUBLIC", "desc": "Public"}, "user_group": {"value": "06", "desc": "Undergraduate"},
        "account_type": {"value": "EXTERNAL", "desc": "External"}, "status": {"value": "ACTIVE", "desc": "Active"},
        "campus_code": {"value": None, "desc": ""}, "expiry_date": "2019-06-30Z", "purge_date": "2020-06-30Z",
        "loans": {"value": 0, "link": ""}, "requests": {"value": 0, "link": ""}, "fees": {"value": 0.0, "link": ""},
        "user_role": [{"role_type": {"value": "200", "desc": "Patron"}}], "user_block": [], "proxy_for_user": [],
        "user_identifier": [], "user_note": [], "user_statistic": [],
    }
    return known | changes
