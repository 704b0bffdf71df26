"""The one place for everything that is NOT publicly known about Alma and that the sandbox had to choose.

A client must not rely on any of it. Look jobs up by name, read counters by what they say, and treat
an unknown status as not finished.
"""

# --- The job "Purge users" (November 2025): id, parameter names and counters were not found in public.
PURGE_JOB_ID = "M9105"
PURGE_JOB_NAME = "Purge users"
PURGE_DAYS = "PURGE_Users_Days_After_Purge_Date"
PURGE_WAIVE = "PURGE_Users_Waive_Threshold"
# Whether a purge date of exactly `days` ago is already past: the official texts contradict each other.
BOUNDARY_DAY_INCLUDED = True
PURGE_COUNTER = {"value": "purge_users.not_purged", "desc": "Number of users not purged"}

# --- "Update/Notify Users": the id was seen at one institution; its counters were not found.
UPDATE_JOB_ID = "M148"
UPDATE_JOB_NAME = "Update/Notify Users"
UPDATE_DONE = {"value": "update_users.succeeded", "desc": "Number of users updated"}
UPDATE_FAILED = {"value": "update_users.failed", "desc": "Number of users that failed"}

# --- The old page job is listed here, so that a client can learn that it cannot be started by API.
OLD_PURGE_JOB_ID = "S9106"
OLD_PURGE_JOB_NAME = "Purge User Records"

# --- Statuses: only QUEUED and COMPLETED_SUCCESS are confirmed by sources.
QUEUED, RUNNING, DONE = "QUEUED", "RUNNING", "COMPLETED_SUCCESS"
NOTHING_DONE = "COMPLETED_NO_BULKS"

# --- What API DELETE looks at: fees that are active or disputed with a balance; not exported ones.
FEES_THAT_BLOCK = ("ACTIVE", "INDISPUTE")

# --- A purged or deleted user leaves all sets; a set then says a smaller number of members.
# --- PUT with a field of the wrong shape: Alma's exact code for its deserialisation error is unknown.
WRONG_SHAPE = "401652"
# --- PUT that turns EXTERNAL into INTERNAL: forbidden by the XSD, the code is a guess.
NO_WAY_BACK = "401860"
# --- The PIN of an internal user is kept when a PUT says nothing about it.

# --- How the sandbox behaves unless told otherwise by POST /sandbox/settings or the command line.
SETTINGS = {
    "job_seconds": 2.0,        # real time from QUEUED to the end
    "job_throttle": True,      # at most 3 running, and 5 starts of one job in an hour of the sandbox's clock
    "per_second": 0,           # answers 429 above this many calls in a second; 0 = never
    "daily_remaining": 500_000,
}
