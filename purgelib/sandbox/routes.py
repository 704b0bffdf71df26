"""Which function answers which address."""

import re
from urllib.parse import unquote

from purgelib.sandbox import analytics, configuration, jobs, sets, users, writing
from purgelib.sandbox.envelope import AlmaError

_TABLE = (
    ("GET POST", "users/operation/test", configuration.test),
    ("GET POST", "conf/test", configuration.test),
    ("GET POST", "analytics/test", configuration.test),
    ("GET", "users", users.listing),
    ("POST", "users", writing.create),
    ("GET", "users/{}", users.get),
    ("PUT", "users/{}", writing.swap),
    ("DELETE", "users/{}", writing.delete),
    ("GET", "users/{}/loans", users.loans),
    ("GET", "users/{}/fees", users.fees),
    ("GET", "users/{}/requests", users.requests),
    ("GET", "conf/general", configuration.general),
    ("GET", "conf/libraries", configuration.libraries),
    ("GET", "conf/code-tables/{}", configuration.code_table),
    ("GET", "conf/sets", sets.listing),
    ("POST", "conf/sets", sets.create),
    ("GET", "conf/sets/{}", sets.get),
    ("PUT", "conf/sets/{}", sets.update),
    ("DELETE", "conf/sets/{}", sets.delete),
    ("POST", "conf/sets/{}", sets.operate),
    ("GET", "conf/sets/{}/members", sets.list_members),
    ("GET", "conf/jobs", jobs.listing),
    ("GET", "conf/jobs/{}", jobs.get),
    ("POST", "conf/jobs/{}", jobs.run),
    ("GET", "conf/jobs/{}/instances", jobs.instances),
    ("GET", "conf/jobs/{}/instances/{}", jobs.instance),
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
    raise AlmaError("NOT_FOUND", f"No API is defined for {call.method} {call.path}.", status=404)
