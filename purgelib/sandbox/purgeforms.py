"""How the page "Purge User Records" looks: plain HTML without scripts, everything escaped."""

from html import escape

from purgelib.sandbox import tables

TITLE = "Purge User Records"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2530; background: #f4f6f8; margin: 0; }
main { max-width: 46rem; margin: 2rem auto; padding: 1.5rem 2rem; background: #fff; border: 1px solid #d5dbe1;
  border-radius: 6px; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
.hint { color: #46525e; } .wrong { color: #8f1414; font-weight: 600; }
label { display: block; font-weight: 600; margin: 1.1rem 0 .2rem; }
input, select { font: inherit; padding: .35rem .5rem; border: 1px solid #66727e; border-radius: 4px; min-width: 14rem;
  box-sizing: border-box; background: #fff; color: inherit; }
select:disabled { background: #eceff2; color: #56616c; }
button, a.button { font: inherit; padding: .45rem 1rem; border: 1px solid #0b5394; border-radius: 4px;
  background: #fff; color: #0b5394; text-decoration: none; display: inline-block; cursor: pointer; }
button.main, a.main { background: #0b5394; color: #fff; }
:focus-visible { outline: 3px solid #b45f06; outline-offset: 2px; }
.row { margin-top: 1.5rem; display: flex; gap: .75rem; flex-wrap: wrap; }
.job { border-top: 1px solid #d5dbe1; padding: .9rem 0; } .job p { margin: .2rem 0; }
table { border-collapse: collapse; width: 100%; margin-top: .5rem; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #e3e7eb; overflow-wrap: anywhere; }
"""


def page(body, refresh):
    """Returns a whole page around this body; one that waits for a job loads itself again."""
    again = '<meta http-equiv="refresh" content="2">' if refresh else ""
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"{again}<title>{TITLE}</title><style>{_STYLE}</style></head>\n"
            f"<body><main><h1>{TITLE}</h1>\n"
            '<p class="hint">A page of the pretend Alma: everybody here is invented. In the real Alma this purge '
            "cannot be stopped once it runs, and nobody can be brought back.</p>\n"
            f"{body}\n</main></body></html>\n")


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
              '<a href="?still=1">Stop that</a></p>' if running else ""
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
