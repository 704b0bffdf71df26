"""The page at / for people: what this is, how to talk to it, and what is set."""

import html
import json

from purgelib.sandbox import clock, gate
from purgelib.sandbox.calls import Answer

_PAGES = (("/sandbox/purge-user-records", "Purge User Records, the page of staff"), ("/sandbox/health", "health"),
          ("/sandbox/ledger?limit=100", "ledger of all writes"), ("/sandbox/faults", "faults"),
          ("/sandbox/settings", "settings"), ("/sandbox/clock", "clock"))


def show(sandbox, call):
    """Answers GET / and GET /sandbox/ with a page of HTML. Only reads."""
    store = sandbox.store
    parts = [
        "<p>Invented people behind the interfaces of Ex Libris Alma, on this machine only. It is "
        f"{clock.stamp(store.clock.now())} here, and {store.one('SELECT count(*) FROM users')} users are kept.</p>",
        _list([f'<a href="{path}">{html.escape(name)}</a>' for path, name in _PAGES]),
        "<h2>Keys</h2>", _list([f"<code>{key}</code> {_rights(rights)}" for key, rights in gate.KEYS.items()]),
        f"<pre>curl -H 'Authorization: apikey {gate.KEY}' '{html.escape(call.link('users?limit=2'))}'</pre>",
        "<h2>Settings</h2>", _list(_lines(sandbox.settings.items())),
        "<h2>Faults in force</h2>", _list(_lines((rule.do, rule.shown()) for rule in sandbox.faults.rules)),
    ]
    text = ('<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A pretend Alma</title></head>'
            f"<body><h1>A pretend Alma</h1>{''.join(parts)}</body></html>")
    return Answer(text.encode(), media="text/html")


def _rights(rights):
    return html.escape(", ".join(f"{area}: {right}" for area, right in rights.items()))


def _lines(pairs):
    return [f"{html.escape(name)}: <code>{html.escape(json.dumps(value))}</code>" for name, value in pairs]


def _list(lines):
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines or ["none"]) + "</ul>"
