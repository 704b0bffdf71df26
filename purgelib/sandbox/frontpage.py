"""The page at / for people: what this is, how to talk to it, and what is set."""

import html
import json

from purgelib.sandbox import gate, pages
from purgelib.sandbox.calls import Answer

_PAGES = (("/sandbox/purge-user-records", "Purge User Records, the page of staff"), ("/sandbox/health", "health"),
          ("/sandbox/ledger?limit=100", "ledger of all writes"), ("/sandbox/faults", "faults"),
          ("/sandbox/settings", "settings"), ("/sandbox/clock", "clock"))


def show(sandbox, call):
    """Answers GET / and GET /sandbox/ with a page of HTML. Only reads."""
    store = sandbox.store
    hint = (f"Invented people behind the interfaces of Ex Libris Alma, on this machine only. It is "
            f"{store.clock.now():%d %B %Y, %H:%M} UTC here; there are "
            f"{store.one('SELECT count(*) FROM users'):,} users.")
    body = "".join((
        "<h2>Pages</h2><ul>", *(f'<li><a href="{path}">{html.escape(name)}</a></li>' for path, name in _PAGES), "</ul>",
        "<h2>Keys</h2>", _table((key, ", ".join(f"{area}: {right}" for area, right in rights.items()))
                                for key, rights in gate.KEYS.items()),
        f"<pre>curl -H 'Authorization: apikey {gate.KEY}' \\\n  '{html.escape(call.link('users?limit=2'))}'</pre>",
        "<h2>Settings</h2>", _table((name, json.dumps(value)) for name, value in sandbox.settings.items()),
        "<h2>Faults in force</h2>",
        _table((rule.do, json.dumps(rule.shown())) for rule in sandbox.faults.rules) or "<p>None.</p>"))
    return Answer(pages.whole("A pretend Alma", hint, body).encode(), media="text/html")


def _table(pairs):
    rows = "".join(f"<tr><th>{html.escape(name)}</th><td><code>{html.escape(value)}</code></td></tr>"
                   for name, value in pairs)
    return f"<table>{rows}</table>" if rows else ""
