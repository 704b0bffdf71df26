"""What a run shows: counts that add up, few lines, a log that names nobody; and nothing that shows a run ends it."""

import asyncio
import io
import re
import threading
import types

import pytest
from conftest import agree, PURGE_DATE, states, typed

from purgelib import journal, runlog, update, watching
from purgelib.errors import CanaryFailed, NotConfirmed, Stopped
from purgelib.journal import CONFIRMED, SKIPPED
from purgelib.watching import duration, Lines, Progress
from purgelib.widgets import running

PAUSED = "paused: delete the file PAUSE in the run folder to go on"


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Heard(watching.Unwatched):
    """Keeps what a run tells."""

    def __init__(self):
        self.told = []

    def begin(self, total, what):
        self.told.append(("begin", total, what))

    def seen(self, outcome, primary_id="", reason=""):
        self.told.append(("seen", outcome, primary_id, reason))

    def end(self, error=None):
        self.told.append(("end", error))


def told(watch, clock, users=100, seconds=0.1):
    watch.begin(users, "Setting fields")
    watch.phase("", users)
    for n in range(users):
        clock.now += seconds
        watch.seen(CONFIRMED if n % 10 else SKIPPED, f"user-{n}", "as Alma answered")
    return watch


# ---- adding up

def test_a_user_counts_once_by_the_last_word():
    going = told(Progress(Clock()), Clock(), 20)
    going.seen("failed", "user-1", "Alma did not keep it")
    assert going.counts == {CONFIRMED: 17, SKIPPED: 2, "failed": 1} and going.done == 20


def test_who_was_settled_earlier_counts_as_settled_and_not_for_the_rate():
    clock = Clock()
    going = Progress(clock)
    going.begin(1000, "Setting fields")
    going.earlier({f"before-{n}": CONFIRMED for n in range(800)})
    going.phase("", 200)
    for n in range(100):
        clock.now += 0.1
        going.seen(CONFIRMED, f"user-{n}")
    assert going.done == 900 and going.rate == pytest.approx(10) and going.left == pytest.approx(10)
    assert going.head == "Setting fields: 900 of 1,000 users settled"
    assert going.speed == "10 users a second, about 10 seconds left"


def test_no_time_left_is_promised_before_it_can_be_told_nor_while_it_is_paused():
    clock = Clock()
    going = Progress(clock)
    going.begin(100, "Rehearsing")
    assert going.left is None and going.speed == ""
    told(going, clock, 50)
    going.begin(100, "Rehearsing")
    going.phase("", 100)
    going.seen(CONFIRMED, "user-0")
    clock.now += 2
    assert going.left is not None
    going.waiting(PAUSED)
    assert going.left is None and going.speed == ""
    going.waiting("")
    assert going.reason == "" and going.left is not None


def test_a_short_wait_is_shown_for_a_moment_and_a_pause_not_longer_than_it_lasts():
    clock = Clock()
    going = Progress(clock)
    going.waiting("waiting for Alma's pace")
    clock.now += 0.5
    going.waiting("")
    assert going.reason == "waiting for Alma's pace"
    clock.now += 0.6
    going.waiting("")
    assert going.reason == ""


def test_reading_back_is_a_step_of_its_own():
    going = told(Progress(Clock()), Clock(), 30)
    going.phase("reading back", 10)
    going.seen(CONFIRMED, "user-1", "read back")
    assert going.head == "Setting fields: 30 of 30 users settled; reading back: 1 of 10" and going.done == 30
    going.quota(12345)
    assert going.speed == "12,345 calls left today"


@pytest.mark.parametrize(("seconds", "words"), [
    (0, "a second"), (1.6, "about 2 seconds"), (55, "a minute"), (89, "a minute"), (120, "about 2 minutes"),
    (5000, "about 83 minutes"), (3 * 3600, "about 3 hours"), (5400, "about 1.5 hours")])
def test_durations_are_said_as_a_person_would(seconds, words):
    assert duration(seconds) == words


# ---- lines

@pytest.mark.parametrize("users", [7, 100, 100_000])
def test_where_lines_cannot_move_a_run_shows_a_few_of_them(users):
    clock, file = Clock(), io.StringIO()
    told(Lines(file, clock), clock, users, 0.001).end()
    lines = file.getvalue().splitlines()
    assert 3 <= len(lines) <= 11
    assert lines[0] == f"Setting fields: {users:,} users."
    assert f"{users:,} of {users:,} users settled. Over after" in lines[-1] and "confirmed" in lines[-1]


def test_waiting_for_hours_is_a_line_for_each_reason_and_not_one_a_moment():
    clock, file = Clock(), io.StringIO()
    watch = Lines(file, clock)
    watch.begin(10, "Rehearsing")
    for n in range(10_000):
        clock.now += 1
        watch.waiting(f"Alma said too fast: {n % 9} s")
    watch.waiting(PAUSED)
    assert file.getvalue().splitlines()[1:] == [
        "Rehearsing: 0 of 10 users settled. Alma said too fast: 0 s.",
        f"Rehearsing: 0 of 10 users settled. P{PAUSED[1:]}."]


def test_a_terminal_shows_one_line_that_is_drawn_at_most_ten_times_a_second():
    clock, file = Clock(), Terminal()
    watch = told(Lines(file, clock), clock, 5000, 0.001)
    assert "\n" not in file.getvalue() and file.getvalue().count("\r") <= 60
    assert "confirmed" in file.getvalue() and "users a second" in file.getvalue()
    watch.end(Stopped("Stopped."))
    assert file.getvalue().splitlines()[-1].startswith("Setting fields: 5,000 of 5,000 users settled. Ended by Stopped")


# ---- the log

def sealed_in(folder):
    return types.SimpleNamespace(folder=folder, header={"seal": "ab" * 32})


def lines_of(folder):
    return [line.split("  ", 1)[1] for line in (folder / runlog.LOG).read_text().splitlines()]


def test_the_log_has_every_outcome_with_its_reason_and_begin_and_end(tmp_path):
    with runlog.kept(sealed_in(tmp_path)) as watch:
        watch.begin(2, "Rehearsing")
        watch.earlier({"some-body": SKIPPED})
        watch.seen(CONFIRMED, "student-17", "as Alma answered")
    masked = runlog.masked("student-17", "ab" * 32)
    assert lines_of(tmp_path) == ["begin  Rehearsing: 2 users", "earlier  settled before: skipped 1",
                                  f"user  {masked}  confirmed  as Alma answered",
                                  "end  Rehearsing: 2 of 2 users settled: skipped 1, confirmed 1"]
    assert (tmp_path / runlog.LOG).stat().st_mode & 0o777 == 0o600


def test_the_log_is_its_owners_only_even_where_it_was_not(tmp_path):
    (tmp_path / runlog.LOG).write_text("before\n")
    (tmp_path / runlog.LOG).chmod(0o644)
    with runlog.kept(sealed_in(tmp_path)) as watch:
        watch.begin(1, "Rehearsing")
    assert (tmp_path / runlog.LOG).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / runlog.LOG).read_text().startswith("before\n")


@pytest.mark.parametrize("reason", [
    "Alma refused PUT with 400 401652: The user jo.doe@example.edu (Jo Doe, student-17) is wrong.\nJo Doe again.",
    "nothing was sent: Alma refused GET with 500 None: Jo Doe.",
    "student-17 has the address jo.doe@example.edu", "STUDENT-17 is somebody else"])
def test_the_log_names_nobody(tmp_path, reason):
    with pytest.raises(Stopped), runlog.kept(sealed_in(tmp_path)) as watch:
        watch.begin(1, "Setting fields")
        watch.seen("failed", "student-17", reason)
        raise Stopped(reason.replace("student-17", "").replace("STUDENT-17", ""))
    text = (tmp_path / runlog.LOG).read_text()
    assert not re.search(r"student-17|\bJo\b|Doe|example.edu", text, re.IGNORECASE)
    assert len(text.splitlines()) == 3 and "by Stopped" in text


def test_a_masked_id_is_the_same_within_a_run_and_another_one_in_another_run():
    assert runlog.masked("student-17", "one") == runlog.masked("student-17", "one")
    assert len({runlog.masked(one, run) for one in ("student-17", "student-27") for run in ("one", "two")}) == 4
    assert runlog.masked("student-17", "one").startswith("st…7-")
    # Of a short one, the ends would be most of it.
    assert runlog.masked("ab123", "one").startswith("…-")


def test_the_log_has_long_waits_with_their_length_and_adds_up_the_short_ones(tmp_path):
    clock = Clock()
    log = runlog.Log(tmp_path, "key", clock)
    log.begin(1, "Rehearsing")
    for n in range(1000):
        log.waiting("waiting for Alma's pace" if n % 2 else "")
        clock.now += 0.01
    for _ in range(100):
        log.waiting(PAUSED)
        clock.now += 0.1
    log.end()
    log.close()
    said = lines_of(tmp_path)
    assert len(said) == 5
    assert said[1:4] == [f"wait  {PAUSED}", "waited  10.0 seconds: paused",
                         "waits  waiting for Alma's pace: 5.0 seconds in short waits"]


# ---- several

def test_a_watch_that_fails_ends_neither_the_run_nor_the_others(tmp_path):
    class Broken(watching.Unwatched):
        def seen(self, outcome, primary_id="", reason=""):
            raise BrokenPipeError

    clock = Clock()
    heard, log = Heard(), runlog.Log(tmp_path, "key", clock)
    told(runlog.Several(Broken(), heard, log), clock, 3).end()
    log.close()
    assert [one[0] for one in heard.told] == ["begin", "seen", "seen", "seen", "end"]
    assert lines_of(tmp_path).count("trouble  Broken shows nothing more: BrokenPipeError") == 1


# ---- what update tells

def test_a_run_tells_each_user_and_its_log_has_them_all(practice):
    sealed, heard, client = practice.seal(), Heard(), practice.alma()
    results = update.carry_out(sealed.folder, client, typed(sealed), watch=heard)
    last = {one[2]: one[1] for one in heard.told if one[0] == "seen"}
    assert last == dict(zip(results["primary_id"], results["state"], strict=True))
    assert heard.told[0] == ("begin", len(sealed), "Setting fields") and heard.told[-1] == ("end", None)
    text = (sealed.folder / runlog.LOG).read_text()
    assert all(runlog.masked(one, sealed.header["seal"]) in text for one in last)
    assert not any(re.search(rf"\b{re.escape(one)}\b", text) for one in last)
    assert practice.where.key not in text
    assert not any(name in text for name in sealed.users["name"] if name)


def test_a_run_that_is_taken_up_tells_who_was_settled_before(practice):
    sealed, client = practice.seal(), practice.alma()
    first = types.SimpleNamespace(seen=lambda *_: client.stop.set())
    with pytest.raises(Stopped):
        update.carry_out(sealed.folder, client, typed(sealed), watch=first)
    before = [one for one, state in states(sealed).items() if state in (CONFIRMED, SKIPPED)]
    going = Progress()
    update.carry_out(sealed.folder, client, typed(sealed), watch=going)
    assert 0 < len(before) < len(sealed) and going.done == going.total == len(sealed)
    assert "earlier  settled before: " in "\n".join(lines_of(sealed.folder))
    agree(practice, sealed)


def test_how_a_run_ended_is_told_to_the_watch_and_to_the_log(practice):
    sealed, heard = practice.seal(), Heard()
    practice.faults({"do": "lie", "method": "PUT", "path": "/users/", "nth": 1, "times": 20})
    with pytest.raises(CanaryFailed) as raised:
        update.carry_out(sealed.folder, practice.alma(), typed(sealed), watch=heard)
    assert heard.told[-1] == ("end", raised.value)
    assert "  by CanaryFailed: " in lines_of(sealed.folder)[-1]


def test_stopped_from_another_thread_while_it_is_paused_it_ends(practice):
    sealed, client = practice.seal(), practice.alma()
    paused = types.SimpleNamespace(waiting=lambda reason: reason == PAUSED and client.stop.set())
    (sealed.folder / "PAUSE").touch()
    with pytest.raises(Stopped):
        update.carry_out(sealed.folder, client, typed(sealed), watch=paused)
    assert practice.written() == []


# ---- in a notebook

def in_a_cell(act, folder, client, *arguments, meanwhile=None):
    """Runs as a cell would; meanwhile: is given the task, beside the run."""
    async def cell():
        task = asyncio.ensure_future(running.watched(act, folder, client, *arguments))
        if meanwhile:
            await meanwhile(task)
        return await task
    return asyncio.run(cell())


def test_a_watched_run_gives_the_results_or_the_error_of_the_run_itself(practice):
    sealed, client = practice.seal(), practice.alma()
    with pytest.raises(NotConfirmed):
        in_a_cell(update.carry_out, sealed.folder, client, "yes")
    results = in_a_cell(update.carry_out, sealed.folder, client, typed(sealed))
    assert len(results) == len(sealed) and not client.stop.is_set()
    agree(practice, sealed)


def test_interrupted_several_times_a_watched_run_ends_in_order_and_is_taken_up(practice):
    sealed, client = practice.seal(), practice.alma()
    practice.faults({"do": "slow", "method": "PUT", "path": "/users/", "seconds": 0.5})

    async def interrupt(task):
        while not practice.written():
            await asyncio.sleep(0.05)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0.05)

    with pytest.raises(Stopped):
        in_a_cell(update.carry_out, sealed.folder, client, typed(sealed), meanwhile=interrupt)
    assert not [one for one in threading.enumerate() if one.name == "run"]
    assert 0 < len(practice.written()) < len(sealed)
    agree(practice, sealed)
    practice.faults()
    in_a_cell(update.carry_out, sealed.folder, client, typed(sealed))
    agree(practice, sealed)


def test_a_panel_that_fails_leaves_no_run_behind(practice, monkeypatch):
    sealed, client = practice.seal(), practice.alma()
    monkeypatch.setattr(running.asyncio, "sleep", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        in_a_cell(update.carry_out, sealed.folder, client, typed(sealed))
    assert not [one for one in threading.enumerate() if one.name == "run"]
    agree(practice, sealed)


def test_a_stop_before_the_run_has_begun_is_not_forgotten(tmp_path):
    client = types.SimpleNamespace(stop=threading.Event())
    panel = running.Panel(tmp_path, client, Progress())
    panel.stop()
    client.stop.clear()  # as the run does when it begins
    panel.tell()
    assert client.stop.is_set()


def test_the_buttons_are_those_that_do_something_now(tmp_path):
    panel = running.Panel(tmp_path, types.SimpleNamespace(stop=threading.Event()), Progress())

    def dark():
        return [one.description for one in panel._buttons.children if one.disabled]

    assert dark() == ["Go on"] and panel.says(False) == "Running."
    panel.pause()
    assert dark() == ["Pause"] and (tmp_path / "PAUSE").stat().st_mode & 0o777 == 0o600
    panel.go_on()
    assert dark() == ["Go on"] and not (tmp_path / "PAUSE").exists()
    panel.pause()
    panel.stop()
    assert dark() == ["Pause", "Go on", "Stop"] and not (tmp_path / "PAUSE").exists()


def test_what_stays_in_the_notebook_is_the_counts_and_how_it_ended():
    going = told(Progress(Clock()), Clock(), 20)
    going.quota(5000)
    going.end(Stopped("<b>stopped</b>"))
    said = running.summary(going, going.error)
    assert "20 of 20 users settled" in said and "<td>18</td>" in said and "5,000 calls are left today" in said
    assert "Ended before its time: Stopped" in said and "<b>stopped" not in said and "script" not in said


def test_the_date_that_is_set_is_the_one_of_the_plan(practice):
    sealed = practice.seal()
    results = in_a_cell(update.carry_out, sealed.folder, practice.alma(), typed(sealed))
    assert set(results["new"]) == {str(PURGE_DATE)} and journal.read(sealed.folder).results().equals(results)
