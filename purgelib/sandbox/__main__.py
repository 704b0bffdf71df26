"""The sandbox from the command line: serve a pretend Alma, or write the sample exports."""

import argparse
import json
import logging
import pathlib
import signal
import sqlite3
import sys
import textwrap

from purgelib.sandbox import door, faults, forgetting, serving
from purgelib.sandbox.envelope import AlmaError

_EPILOG = """examples:
  python -m purgelib.sandbox
  python -m purgelib.sandbox --port 8080 --users 500 --per-second 10 --faults rules.json
  with [{"method": "PUT", "nth": 7, "do": "cut_after"}, {"do": "error_before", "rate": 0.02, "seed": 7}]
  in rules.json

Faults, settings and the clock can be changed while it runs: see the page that it shows at /.

kinds of faults, with the fields do, method, path, nth, times, rate, seed, seconds, status, chunked, change:
"""


def main(words=None):
    """Serves the sandbox or writes the exports, as the words say; returns the exit status."""
    parser = _parser()
    ask = parser.parse_args(words)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    if ask.write_exports or ask.write_earlier:
        return _write_exports(ask)
    wish = _wish(parser, ask)
    # Told to end while it still invents people, it tidies up as at any other time.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        return 0 if _serve(ask, wish) else 3
    except KeyboardInterrupt:
        return 0
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"The sandbox cannot serve: {error}\n")
        return 1


def _write_exports(ask):
    from purgelib.sandbox import earlier, exports
    try:
        for folder, made in ((ask.write_exports, exports), (ask.write_earlier, earlier)):
            for path in made.write(folder, ask.users, ask.seed) if folder else ():
                sys.stdout.write(f"{path}\n")
    except OSError as error:
        sys.stderr.write(f"The exports cannot be written: {error}\n")
        return 1
    return 0


def _serve(ask, wish):
    if ask.folder:
        done = serving.serve(serving.Place.folder(ask.folder), wish)
    elif ask.state:
        done = serving.serve(serving.Place.file(ask.state), wish)
    else:
        return serving.serve_for_a_while(wish)
    if not done:
        sys.stderr.write(f"Another sandbox serves {ask.folder or ask.state} already.\n")
    return done


def _wish(parser, ask):
    """Returns how to serve, checked before anything is made."""
    settings = {"job_throttle": False} if ask.no_job_throttle else {}
    named = {"job_seconds": ask.job_seconds, "per_second": ask.per_second, "latency": ask.latency,
             "daily_remaining": ask.daily, "delete_policy": ask.delete_policy}
    settings |= {name: value for name, value in named.items() if value is not None}
    idle = ask.idle_hours if ask.idle_hours is not None else 12.0 if ask.folder else None
    try:
        rules = json.loads(ask.faults.read_text()) if ask.faults else []
        rules = [rules] if isinstance(rules, dict) else rules
        faults.Faults().add(rules)
        door.check_settings(settings)
    except AlmaError as error:
        parser.error(error.message)
    except (OSError, ValueError) as error:
        parser.error(f"--faults {ask.faults}: {error}")
    return serving.Wish(ask.port, ask.users, ask.seed, idle, settings, rules)


def _parser():
    kinds = "".join(textwrap.fill(text, 100, initial_indent=f"  {kind:<18}", subsequent_indent=" " * 20) + "\n"
                    for kind, text in faults.KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m purgelib.sandbox", epilog=_EPILOG + kinds,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A pretend Ex Libris Alma with invented people: users, sets, jobs, configuration, Analytics.\n"
                    "It answers on 127.0.0.1 only, with keys that are no secret. Without options it serves\n"
                    "12,000 people on a free port and forgets everything when it ends.")
    _people(parser.add_argument_group("the people"))
    _place(parser.add_argument_group("where"))
    _behaviour(parser.add_argument_group("how it behaves (kept in the state, but for the faults)"))
    other = parser.add_argument_group("instead of serving")
    other.add_argument("--write-exports", type=pathlib.Path, metavar="DIR",
                       help="write last night's export files there, and end")
    other.add_argument("--write-earlier", type=pathlib.Path, metavar="DIR",
                       help="write the exports of a month before there, zipped, and end")
    return parser


def _people(group):
    group.add_argument("--users", type=_count, default=12_000, metavar="N",
                       help="how many people to invent in a new state; a few of them left last night (default 12000)")
    group.add_argument("--seed", type=_count, default=31, metavar="N",
                       help="the same seed invents the same people (default 31)")


def _place(group):
    group.add_argument("--port", type=_port, default=0, metavar="N",
                       help="port on 127.0.0.1; 0 takes the last one of the folder, or any free one (default)")
    kept = group.add_mutually_exclusive_group()
    kept.add_argument("--state", type=pathlib.Path, metavar="FILE",
                      help="keep everything in this SQLite file; made if it does not exist")
    kept.add_argument("--folder", type=pathlib.Path, metavar="DIR",
                      help="keep the state there, with lock, port and process in server.json")
    group.add_argument("--idle-hours", type=float, metavar="H",
                       help="end after so many hours without a request (default: 12 with --folder, else never)")


def _behaviour(group):
    add = group.add_argument
    add("--faults", type=pathlib.Path, metavar="FILE", help="JSON file of rules: what goes wrong, and when; see below")
    add("--per-second", type=int, metavar="N", help="answer 429 above so many calls in a second; 0 never does")
    add("--daily", type=int, metavar="N", help="how many calls a day may have; then 429 DAILY_THRESHOLD")
    add("--latency", type=float, metavar="SECONDS", help="hold every answer back for so long")
    add("--job-seconds", type=float, metavar="SECONDS", help="how long a job takes")
    add("--no-job-throttle", action="store_true", help="allow any number of jobs and starts")
    add("--delete-policy", choices=forgetting.POLICIES, help="what stays of a purged user")


def _count(text, top=10_000_000):
    if not text.isdecimal() or int(text) > top:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number up to {top}")
    return int(text)


def _port(text):
    return _count(text, 65_535)


if __name__ == "__main__":
    sys.exit(main())
