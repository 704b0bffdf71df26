"""The sandbox from the command line: serve a folder, or write the sample exports."""

import argparse
import logging
import pathlib
import sys

from purgelib.sandbox import serving


def main(words=None):
    """Serves the sandbox or writes the exports, as the words say; returns the exit status."""
    ask = _parser().parse_args(words)
    if ask.write_exports:
        from purgelib.sandbox import exports
        for path in exports.write(ask.write_exports, ask.users, ask.seed):
            print(path)
        return 0
    if not ask.folder:
        _parser().error("--folder is needed to serve")
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    settings = {"job_throttle": False} if ask.no_job_throttle else {}
    if ask.job_seconds is not None:
        settings["job_seconds"] = ask.job_seconds
    if ask.per_second is not None:
        settings["per_second"] = ask.per_second
    done = serving.serve(ask.folder, ask.port, ask.users, ask.seed, ask.idle_hours, settings)
    return 0 if done else 3


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m purgelib.sandbox", description="A pretend Alma with invented people.")
    add = parser.add_argument
    add("--folder", type=pathlib.Path, help="where the sandbox keeps its state; made if it does not exist")
    add("--port", type=int, default=0, help="port to listen on; 0 takes the last one, or any free one")
    add("--users", type=int, default=12_000, help="how many people to invent in a new folder")
    add("--seed", type=int, default=31, help="the same seed invents the same people")
    add("--idle-hours", type=float, default=12.0, help="end after so many hours without a request")
    add("--job-seconds", type=float, help="how long a job takes")
    add("--no-job-throttle", action="store_true", help="allow any number of jobs and starts")
    add("--per-second", type=int, help="answer 429 above so many calls in a second; 0 never does")
    add("--write-exports", type=pathlib.Path, metavar="DIR",
        help="write last night's export files there, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
