"""What stands on the page "Purge User Records": the dialog, its confirmation, the jobs; everything escaped."""

from html import escape

from purgelib.sandbox import pages, tables

TITLE = "Purge User Records"
_HINT = ("A page of the pretend Alma: everybody here is invented. In the real Alma this purge cannot be stopped once "
         "it runs, and nobody can be brought back.")


def page(body, refresh):
    """Returns the whole page around this body; one that waits for a job loads itself again."""
    return pages.whole(TITLE, _HINT, body, refresh)


def dialog(asked, problem=""):
    """Returns the dialog with what was filled in so far; the groups appear once a record type is chosen."""
    wrong = f'<p class="wrong" role="alert" id="problem">Please look again: {escape(problem)}.</p>' if problem else ""
    types, groups = tables.TABLES["AddNewUserOptions"], tables.TABLES["UserGroups"]
    chosen = bool(asked["record_type"])
    return (
        f'<h2>Add Job</h2>{wrong}<form method="post" action="?">'
        # Enter in a field goes on like the first button, which here is the step forward.
        + _number("days", "Number of Days After Purge Date", asked["days"], "numeric",
                  "Users whose purge date is at least so many days ago. Recommended: not 0.")
        + _choice("record_type", "User record type", types, asked["record_type"], "All")
        + '<p><button name="button" value="groups">Choose groups</button></p>'
        + _choice("user_group", "User group", groups if chosen else {}, asked["user_group"], "All",
                  "" if chosen else "Choose a record type and press Choose groups first.")
        + _number("waive", "Waive threshold", asked["waive"], "decimal",
                  "What a user may owe and be purged all the same; the debt goes, too.")
        + '<div class="row"><button class="main" name="button" value="add">Add and Close</button>'
        '<button name="button" value="cancel">Cancel</button></div></form>')


def _number(name, label, value, keyboard, hint):
    return (f'<label for="{name}">{label}</label><input id="{name}" name="{name}" value="{escape(value or "0")}" '
            f'inputmode="{keyboard}" autocomplete="off" aria-describedby="{name}-hint">'
            f'<div class="hint" id="{name}-hint">{hint}</div>')


def _choice(name, label, table, chosen, everybody, closed=""):
    options = "".join(f'<option value="{escape(code)}"{" selected" if code == chosen else ""}>'
                      f"{escape(text)}</option>" for code, text in table.items())
    note = f'<div class="hint" id="{name}-hint">{closed}</div>' if closed else ""
    more = f' disabled aria-describedby="{name}-hint"' if closed else ""
    return (f'<label for="{name}">{label}</label><select id="{name}" name="{name}"{more}>'
            f'<option value="">{everybody}</option>{options}</select>{note}')


def confirmation(asked, criteria):
    """Returns the question before the purge is queued. Like Alma's, it does not say how many it will take."""
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">'
                     for name, value in asked.items())
    return (f"<h2>Confirm</h2><p>This job will run: purge users with {escape(criteria)}.</p>"
            "<p>It runs to its end; users whose expiry date is still to come are purged, too, and open requests are "
            "cancelled without a message to anybody.</p>"
            f'<form method="post" action="?">{hidden}<div class="row">'
            '<button class="main" name="button" value="confirm">Confirm</button>'
            '<button name="button" value="cancel">Cancel</button></div></form>')


def overview(jobs, running):
    """Returns the list of jobs, newest first."""
    waiting = '<p class="hint" role="status">A job runs: this page loads itself again every two seconds. ' \
              '<a href="?still=1">Stop reloading</a></p>' if running else ""
    listed = "".join(_job(job) for job in jobs) or "<p>No job was started yet.</p>"
    return f'<p><a class="button main" href="?add=1">Add Job</a></p><h2>Jobs</h2>{waiting}{listed}'


def _job(job):
    ended = f", ended {escape(job['ended'])}" if job["ended"] else ""
    done = f" ({job['progress']} %)" if job["running"] else ""
    return (f'<section class="job"><h3>{escape(job["status"])}{done}</h3>'
            f"<p>{escape(job['criteria'][:1].upper() + job['criteria'][1:])}</p>"
            f'<p class="hint">Job {escape(job["id"])}, submitted {escape(job["submitted"])}{ended}</p>'
            f"{'' if job['running'] else _left(job)}</section>")


def _left(job):
    if not job["number"]:
        return "<p>Users not purged: 0</p>"
    rows = "".join(f"<tr><td>{escape(who)}</td><td>{escape(_reason(outcome))}</td></tr>"
                   for who, outcome in job["left"])
    shown = len(job["left"])
    more = f'<p class="hint">The first {shown} are shown.</p>' if shown < job["number"] else ""
    return (f"<details><summary>Users not purged: {job['number']}</summary>{more}<table><thead><tr>"
            f'<th scope="col">Primary identifier</th><th scope="col">Reason</th></tr></thead><tbody>{rows}</tbody>'
            "</table></details>")


def _reason(outcome):
    if outcome is None:
        return "the job did not come to this user"
    return {"gone": "deleted by somebody else meanwhile"}.get(outcome, outcome.removeprefix("not purged: "))
