"""The one place for everything that is NOT publicly known about Alma and that the sandbox had to choose.

A client must not rely on any of it. Look jobs up by name, read counters by what they say, and treat
an unknown status as not finished.
"""

# --- The job "Purge users" of November 2025: nobody has published what it is called, takes and counts in the API.
PURGE_JOB_ID = "M9105"
PURGE_JOB_NAME = "Purge users"
PURGE_DAYS = "PURGE_Users_Days_After_Purge_Date"
PURGE_WAIVE = "PURGE_Users_Waive_Threshold"
# Whether a purge date of exactly `days` ago is already past: the official texts contradict each other.
BOUNDARY_DAY_INCLUDED = True
PURGE_COUNTER = {"value": "purge_users.not_purged", "desc": "Number of users not purged"}
# Of a set it counts all members who are left, also those whose purge date is not reached; on the page those only
# whom the criteria meant.
# All of these but the boundary are a setting, `purge_job`, with the values here from the start.

# --- "Update/Notify Users": the id was seen at one institution; its counters were not found.
UPDATE_JOB_ID = "M148"
UPDATE_JOB_NAME = "Update/Notify Users"
UPDATE_DONE = {"value": "update_users.succeeded", "desc": "Number of users updated"}
UPDATE_FAILED = {"value": "update_users.failed", "desc": "Number of users that failed"}

# --- The old page job is listed here, so that a client can learn that it cannot be started by API.
OLD_PURGE_JOB_ID = "S9106"
OLD_PURGE_JOB_NAME = "Purge User Records"

# What its page shows as the person who submitted it.
STAFF = {"value": "exl_impl", "desc": "Account exl_impl, Service"}

# --- Update/Notify Users. Conditions other than these exist in Alma; none is known, so every user fails with one.
CONDITIONS = ("Null", "")
# Dates in milliseconds are read in UTC. A user that a job makes external belongs to this SIS profile.
EXTERNAL_ID_BY_JOB = "SIS"
# Roles that need a parameter (a desk, a library), which the job cannot give: such a user fails.
ROLES_WITH_PARAMETERS = ("21", "32", "51")
# The scope of a role is the institution or a library; the scopes of blocks, notes and statistics leave no trace
# in the record. Letters, e-mails, the cloud identity provider, PRODUCT and FieldType have no effect here, and
# neither has a parameter that nobody knows. Several letters or libraries in one value are parted by commas.
# A statistic, or a role with the same scope and dates, is not added twice; one that is missing is no failure
# when removed.
# Fields that the job sets count as set by hand, so that a PUT of an external user keeps them.

# --- Jobs. A set that does not exist, a text of more than this many characters and a senseless number:
WRONG_PARAMETER, LONGEST_PARAMETER = "402224", 4000
# Numbers and true/false count as the text that they are; any other shape of a parameter is a missing one (402228).
# A scheduled job that is in none of the categories that POST op=run supports; the purge of the page is 402248.
NOT_SUBMITTABLE = {"S9301": "402249"}
# A job for other content accepts a set of users, and does nothing. Of jobs, only those started by API count for
# "3 running". Who is in the set is settled when the job is submitted, not when it starts to run.
# A job that ends badly halfway (fault job_fails_late):
ENDED_BADLY = "FAILED"
BAD_ALERT = {"value": "alert_general_failure", "desc": "The job ended before its end. See the report details."}

# --- Sets. Of POST: a field of the wrong shape; a missing name or query, a query that cannot be read, or content
# other than users, as the sandbox holds nothing else. Of PUT: a wrong shape, privacy or status.
SET_WRONG_SHAPE, SET_NOT_MADE, SET_PUT_WRONG = "402119", "402265", "402261"
LONGEST_NAME, LONGEST_TEXT = 255, 4000
# A set sent without type or content is an itemized set of users; members sent with a new set are not looked at.
# One made from a logical set, or by combining, is itemized whatever the body says.
# Whether an itemized and a logical set can be combined: refused with 60205, which is safe for a client.
COMBINES_MIXED_TYPES = False
# There are no indication rules for users: filter_set is refused. Words for `population` of an import job:
POPULATIONS = ("TOTAL_RECORDS_IMPORTED", "SINGLE_MATCHES", "MULTI_MATCHES")
# A PUT empties description and note when they are absent, and leaves privacy, status and query as they are.
# The word for the primary ID as id_type; two identifiers of one user are a duplicate (60119); an ID must be a text.
PRIMARY_ID_TYPE = "PRIMARY_ID"
# Anything but the word false in fail_on_invalid_id means true. Ignored IDs are not mentioned in the answer.
# q finds names in which all words occur somewhere, in any case.

# --- Saved searches: USER where USER (user_group equals "06" AND (expiry_date less_than "2024-01-01" OR ...)).
# Alma's own names of fields and operators are not public. Field -> kind and place in the record.
QUERY_FIELDS = {
    "primary_id": ("text", "primary_id"), "first_name": ("text", "first_name"), "last_name": ("text", "last_name"),
    "job_description": ("text", "job_description"), "user_group": ("code", "user_group"),
    "record_type": ("code", "record_type.value"), "account_type": ("code", "account_type.value"),
    "status": ("code", "status.value"), "campus": ("code", "campus_code.value"),
    "campus_code": ("code", "campus_code.value"), "job_category": ("code", "job_category.value"),
    "birth_date": ("date", "birth_date"), "expiry_date": ("date", "expiry_date"), "purge_date": ("date", "purge_date"),
    "status_date": ("date", "status_date"),
}
# Operator -> what is asked; those in the last row take no value. Words count in any case.
QUERY_OPERATORS = {
    "equals": "=", "not_equals": "<>", "less_than": "<", "before": "<", "greater_than": ">", "after": ">",
    "contains": "contains", "contain": "contains", "begins_with": "begins",
    "is_empty": "empty", "is_not_empty": "full",
}
QUERY_LONGEST, QUERY_MOST = 2000, 100   # characters, conditions

# --- Statuses: only QUEUED and COMPLETED_SUCCESS are confirmed by sources.
QUEUED, RUNNING, DONE = "QUEUED", "RUNNING", "COMPLETED_SUCCESS"
NOTHING_DONE = "COMPLETED_NO_BULKS"

# --- What API DELETE looks at: fees that are active or disputed with a balance; not exported ones.
FEES_THAT_BLOCK = ("ACTIVE", "INDISPUTE")

# --- A purged or deleted user leaves all sets; a set then says a smaller number of members.
# --- A field of the wrong shape: Alma's exact code for its deserialisation error is unknown. This is for POST.
WRONG_SHAPE = "401658"
# The contract lists fewer codes for PUT than for POST; which of them answers what POST refuses is a choice.
PUT_INSTEAD = {"401658": "401652", "401664": "401860", "401851": "401860", "401852": "401864",
               "401853": "401858", "401854": "401860", "401857": "401864"}
PUT_SAYS = {"401652": "General Error: An error has occurred while processing the request.",
            "401860": "Failed to update user.", "401864": "Given type is invalid.",
            "401858": "The external id in DB does not fit the given value in xml - external id cannot be updated."}
# --- PUT that turns EXTERNAL into INTERNAL: forbidden by the XSD, the code is a guess.
NO_WAY_BACK = "401860"
# --- What a user must have. The XSD names the first three; that Alma wants a last name is told by clients.
MANDATORY = ("primary_id", "record_type", "account_type", "last_name")
# Record types whose users must have a user group; the real rules stand in a mapping table of each institution.
TYPES_WITH_GROUP = ("PUBLIC", "STAFF")
# Statuses that a client may set: DELETED is only what a purge leaves behind.
TAKEN = {"status": ("ACTIVE", "INACTIVE")}
# --- Role assignment rules: every institution has its own; here everybody gets Patron.
ROLES_BY_RULE = ("200",)
# --- The PIN of an internal user is kept when a PUT says nothing about it.
# --- A PUT may give a user another primary ID; what hangs on the user goes along.
PRIMARY_ID_MAY_CHANGE = True
# --- PUT of an external user: a list with entries of one segment only leaves those of the other as they are
# (an empty list deletes both); e-mails, phones and addresses are three such lists.
OTHER_SEGMENT_STAYS = True
# --- Any external_id counts as the code of a SIS profile.

# --- Transport. A known address with a verb that it has not: status and code are a choice.
WRONG_VERB_STATUS, WRONG_VERB = 405, "METHOD_NOT_ALLOWED"
# An address that nobody knows: the code was seen, the status was not.
UNKNOWN_ADDRESS_STATUS, UNKNOWN_ADDRESS = 404, "NOT_FOUND"
# The text of a spent daily quota, and that it is full again at midnight UTC, were not found in public.
DAILY_TEXT = "The daily limit of API calls was reached."
# An Accept header that names neither JSON nor XML is answered in XML, as none at all; never with 406.
# A body is taken for what it looks like when Content-Type says neither JSON nor XML.
# Of a parameter given twice the first counts.
# HTTP status of the gateway's GENERAL_ERROR, as seen by one client; and the code of a 500 that is our own fault.
TROUBLE_STATUS, CRASH = 503, "INTERNAL_SERVER_ERROR"
# Which of the listed codes of an operation answers a limit or offset that is no number in range.
WRONG_NUMBER = (
    ("/users/[^/]+/deposits", "402238"), ("/users/[^/]+/", "401652"), ("/users|/analytics/", "402119"),
    ("/members", "60107"), ("/circ-desks", "402119"), ("", "40166410"),
)
# Which of the listed codes of an operation answers a body that is no object at all.
WRONG_BODY = (
    ("/users/[^/]+/fees", "402119"),
    ("/users", "401676"), ("POST .*/conf/sets/.", "60113"), ("PUT .*/conf/sets/", "402261"),
    ("/conf/jobs", "402228"), ("/almaws/", "402119"), ("", "SANDBOX"),
)

# --- The Delete User Policy: under "keep statistics" the primary ID fields that remain repeat what stands in the
# last name, so that the record keeps its shape; the internal number that replaces the primary ID begins so.
PURGED_FRONT = "2393"
# Those who were purged before the sandbox began keep their dates and types in Analytics, as from a looser policy.
# A purged user cannot be found by any API, whatever the policy leaves for Analytics.
# --- A credit counts like a debt: any balance but zero stands in the way of a deletion.
# --- A user whom a running job has yet to come to is locked, and cannot be deleted by API meanwhile.
# --- Paying or waiving without an amount means the whole balance; a fee is closed when nothing is left.
# --- The source institution's id of a copied user is taken to be its source_link_id.
# --- Deposits, purchase requests and personal data: no public schema; fields are a choice (deposits.py, belongings.py).
# --- GET /users: an unknown order_by and a malformed q are 402119; unknown words in view and expand are ignored.
# --- A request_type that nobody has finds nothing; a cancelled request has the status HISTORY.

# --- Analytics. The contract lists two codes for a report; this one answers a wrong limit (Alma may round it up
# instead), a token that nobody was given, neither path nor token, and a filter that cannot be used.
WRONG_ANALYTICS = "402119"
# How long a token lives by the sandbox's clock, and how many live at a time; the night and a restart end them all.
TOKEN_HOURS, TOKENS_KEPT = 24, 500
# Every column of a report may be filtered ("is prompted"); which table a filter names does not matter.
# JSON holds the report as a text under "anies", as one client reads it; the first line of that text is a guess.
# The first calls for a report that are still loading are counted anew every night.
# The reports hold open loans and open requests only, and fees of every status. A policy that became stricter shows
# on those purged before the sandbox began only after the next night.
# --- XML. An element that the object does not have is ignored; an entry of a list outside its wrapper is
# a wrong shape.
# The statuses of a request are written in the words of the XSD, which JSON does not have.

# --- Configuration. PUT of a code table changes and adds the rows sent, and leaves the others as they are.
# A row that is not enabled is accepted all the same; a new description shows on users
# when they are next written. Which tables are customizable, patron facing and of which subsystem is a choice.
# An unknown table, scope or language is refused with this; every table belongs to the whole institution.
WRONG_TABLE = "40166411"
# Every user group goes with every record type, and the mapping table says so.

# --- How the sandbox behaves unless told otherwise by POST /sandbox/settings or the command line.
SETTINGS = {
    # The job "Purge users": whatever Alma calls it and its parameters, and what it counts.
    "purge_job": {"id": PURGE_JOB_ID, "name": PURGE_JOB_NAME, "days": PURGE_DAYS, "waive": PURGE_WAIVE,
                  "requires_purge_date": True, "counter": PURGE_COUNTER},
    # What a purge or DELETE leaves: KEEP_FULLY_REPORTABLE, KEEP_STATISTICS,
    # KEEP_STATISTICS_AND_REMOVE_PRIMARY_ID or FULLY_REMOVE
    "delete_policy": "KEEP_STATISTICS",
    "job_seconds": 2.0,        # from QUEUED to the end, by the sandbox's clock
    "job_throttle": True,      # at most 3 running, and 5 starts of one job in an hour of the sandbox's clock
    "per_second": 0,           # answers 429 above this many calls in a second; 0 = never
    "daily_remaining": 500_000,
    "analytics_loading": 0,    # how many first calls for a report are answered without rows, as "still loading"
    "latency": 0.0,            # seconds that every answer of Alma is held back
}
