"""Which function answers which address."""

import re
from urllib.parse import unquote

from purgelib.sandbox import (
    analytics,
    assumptions,
    belongings,
    charges,
    codetables,
    configuration,
    deposits,
    instances,
    jobs,
    libraries,
    members,
    newsets,
    sets,
    users,
    writing,
)
from purgelib.sandbox.envelope import AlmaError

_TABLE = (
    ("GET POST", "users/operation/test", configuration.test),
    ("GET POST", "conf/test", configuration.test),
    ("GET POST", "analytics/test", configuration.test),
    ("GET", "users", users.listing),
    ("POST", "users", writing.create),
    ("GET", "users/ME", users.me),
    ("GET", "users/{}", users.get),
    ("PUT", "users/{}", writing.swap),
    ("DELETE", "users/{}", writing.delete),
    ("POST", "users/{}", users.authenticate),
    ("GET", "users/{}/loans", belongings.loans),
    ("GET", "users/{}/loans/{}", belongings.loan),
    ("POST", "users/{}/loans/{}", belongings.renew),
    ("GET", "users/{}/fees", charges.listing),
    ("POST", "users/{}/fees", charges.create),
    ("POST", "users/{}/fees/all", charges.pay_all),
    ("GET", "users/{}/fees/{}", charges.get),
    ("POST", "users/{}/fees/{}", charges.operate),
    ("GET", "users/{}/requests", belongings.requests),
    ("GET", "users/{}/requests/{}", belongings.request),
    ("DELETE", "users/{}/requests/{}", belongings.cancel),
    ("GET", "users/{}/deposits", deposits.listing),
    ("GET", "users/{}/deposits/{}", deposits.get),
    ("GET", "users/{}/purchase-requests", belongings.purchase_requests),
    ("GET", "users/{}/purchase-requests/{}", belongings.purchase_request),
    ("GET", "users/{}/personal-data", belongings.personal_data),
    ("GET", "conf/general", configuration.general),
    ("GET", "conf/libraries", libraries.listing),
    ("GET", "conf/libraries/{}", libraries.get),
    ("GET", "conf/libraries/{}/locations", libraries.locations),
    ("GET", "conf/libraries/{}/locations/{}", libraries.location),
    ("GET", "conf/libraries/{}/circ-desks", libraries.desks),
    ("GET", "conf/libraries/{}/circ-desks/{}", libraries.desk),
    ("GET", "conf/departments", libraries.departments),
    ("GET", "conf/code-tables", codetables.listing),
    ("GET", "conf/code-tables/{}", codetables.get),
    ("PUT", "conf/code-tables/{}", codetables.update),
    ("GET", "conf/mapping-tables", codetables.mappings),
    ("GET", "conf/mapping-tables/{}", codetables.mapping),
    ("GET", "conf/sets", sets.listing),
    ("POST", "conf/sets", newsets.create),
    ("GET", "conf/sets/{}", sets.get),
    ("PUT", "conf/sets/{}", sets.update),
    ("DELETE", "conf/sets/{}", sets.delete),
    ("POST", "conf/sets/{}", members.operate),
    ("GET", "conf/sets/{}/members", members.listing),
    ("GET", "conf/jobs", jobs.listing),
    ("GET", "conf/jobs/{}", jobs.get),
    ("POST", "conf/jobs/{}", jobs.run),
    ("GET", "conf/jobs/{}/instances", instances.listing),
    ("GET", "conf/jobs/{}/instances/{}", instances.get),
    ("GET", "conf/jobs/{}/instances/{}/events", instances.events),
    ("GET", "analytics/reports", analytics.report),
    ("GET", "analytics/paths", analytics.paths),
)
_ROUTES = [(verb, re.compile("/almaws/v1/" + re.escape(path).replace(r"\{\}", "([^/]+)") + "/?"), act)
           for verbs, path, act in _TABLE for verb in verbs.split()]
# The folder of the catalog may hold slashes.
_ROUTES.append(("GET", re.compile("/almaws/v1/analytics/paths/(.+)"), analytics.paths))


def find(call):
    """Returns the function for this call and the parts of its address; unknown ones are refused."""
    for verb, pattern, act in _ROUTES:
        if verb == call.method:
            match = pattern.fullmatch(call.path)
            if match:
                return act, [unquote(part) for part in match.groups()]
    verbs = verbs_of(call.path)
    if verbs:
        raise AlmaError(assumptions.WRONG_VERB, f"{call.method} is not allowed here.",
                        assumptions.WRONG_VERB_STATUS, headers={"Allow": ", ".join(verbs)})
    raise AlmaError(assumptions.UNKNOWN_ADDRESS, f"No API is defined for {call.method} {call.path}.",
                    assumptions.UNKNOWN_ADDRESS_STATUS)


def verbs_of(path):
    """Returns the verbs that this address knows, in alphabetical order; none when nobody knows it."""
    found = {verb for verb, pattern, _ in _ROUTES if pattern.fullmatch(path)}
    # HEAD is GET without the body, and OPTIONS asks for this very list.
    return sorted(found | ({"HEAD"} if "GET" in found else set()) | {"OPTIONS"}) if found else []
