"""A run beside its cell: a panel shows how it goes, and pauses or stops it by the mouse or the keyboard."""

import asyncio
import threading
from html import escape
from pathlib import Path

import ipywidgets
from IPython.display import display, HTML

from purgelib.errors import PurgeError
from purgelib.watching import duration, PAUSED, Progress

EVERY = 0.2  # seconds between two looks at how it goes
PAUSE = "PAUSE"


class Panel(ipywidgets.VBox):
    """Shows a run and has its buttons; drawn by the thread of the cell, while the run itself is in another.

    progress: the ``watching.Progress`` that the run tells. alma: its ``stop`` ends the run.
    """

    def __init__(self, folder, alma, progress):
        self.progress, self._alma, self._pause_file = progress, alma, Path(folder) / PAUSE
        self.stopping = False
        self._numbers = ipywidgets.HTML()
        self._status = ipywidgets.HTML()
        self._pause = _button("Pause", "pause", "No new user is begun; go on at any time", self.pause)
        self._go_on = _button("Go on", "play", "Goes on where it was paused", self.go_on)
        self._stop = _button("Stop", "stop", "Ends within the calls in flight; run the cell again to go on", self.stop)
        self._buttons = ipywidgets.HBox([self._pause, self._go_on, self._stop])
        super().__init__([self._numbers, self._buttons, self._status])
        self.tell()

    def pause(self, _button=None):
        """Pauses the run: writes the file ``PAUSE`` into its folder."""
        self._pause_file.touch(mode=0o600)
        self.tell()

    def go_on(self, _button=None):
        """Goes on with a run that is paused."""
        self._pause_file.unlink(missing_ok=True)
        self.tell()

    def stop(self, _button=None):
        """Ends the run within the calls in flight; it can be taken up again."""
        self.stopping = True
        # The next try must not begin as a pause that nobody remembers.
        self._pause_file.unlink(missing_ok=True)
        self.tell()

    def tell(self):
        """Shows how it goes now."""
        if self.stopping:
            # Said again and again: the run begins by forgetting earlier stops.
            self._alma.stop.set()
        paused = self._pause_file.exists()
        _set(self._numbers, numbers(self.progress))
        _set(self._status, f"<div role='status' aria-live='polite'>{escape(self.says(paused))}</div>")
        self._pause.disabled = paused or self.stopping
        self._go_on.disabled = not paused or self.stopping
        self._stop.disabled = self.stopping

    def end(self):
        """Takes the panel away; the summary stands in its place."""
        for one in (*self._buttons.children, *self.children, self):
            one.close()

    def says(self, paused):
        """Says in a sentence what state the run is in."""
        reason = self.progress.reason
        if self.stopping:
            return "Stopping: the calls in flight are waited for."
        if paused:
            return "Paused: no new user is begun. Press Go on to continue."
        return f"Running; {reason}." if reason and not reason.startswith(PAUSED) else "Running."


def _button(label, icon, tip, act):
    made = ipywidgets.Button(description=label, icon=icon, tooltip=tip)
    made.on_click(act)
    return made


def _set(box, html):
    if box.value != html:
        box.value = html


def numbers(progress):
    """Returns how it goes as HTML: a bar, and lines of words."""
    lines = [progress.outcomes or "nobody settled yet", progress.speed]
    return (f"<div><b>{escape(progress.head or 'Beginning')}</b></div>"
            f"<progress aria-label='users settled' value='{progress.done}' max='{max(1, progress.total)}' "
            "style='width: min(100%, 42em); height: 1.2em'></progress>"
            + "".join(f"<div>{escape(line) or '&nbsp;'}</div>" for line in lines))


def summary(progress, error=None):
    """Returns how it went as HTML without any script: this stays in the notebook."""
    quota = f" {progress.calls_left:,} calls are left today." if progress.calls_left is not None else ""
    rows = "".join(f"<tr><td style='text-align: left'>{escape(outcome)}</td><td>{n:,}</td></tr>"
                   for outcome, n in progress.counts.most_common() if n)
    how = "" if error is None else f" Ended before its time: {escape(type(error).__name__)}."
    table = f"<table><tr><th style='text-align: left'>outcome</th><th>users</th></tr>{rows}</table>" if rows else ""
    return f"<p><b>{escape(progress.head)}</b> after {duration(progress.seconds)}.{how}{quota}</p>{table}"


async def watched(act, folder, alma, *arguments, **more):
    """Runs ``act(folder, alma, ..., watch=...)`` beside the cell that awaits it, with a panel; returns what it returns.

    The panel's buttons, and the square button that interrupts the kernel, pause or end the run in order.
    """
    panel = Panel(folder, alma, Progress())
    shown = display(panel, display_id=True)
    run = _Beside(act, folder, alma, *arguments, watch=panel.progress, **more)
    try:
        while run.is_alive():
            try:
                panel.tell()
                await asyncio.sleep(EVERY)
            except (asyncio.CancelledError, KeyboardInterrupt):
                # The kernel was interrupted. What is in flight is waited for and written down, however often.
                panel.stop()
    finally:
        # Whatever went wrong here, no run goes on that nobody sees.
        run.end(alma)
        panel.end()
    if shown is not None:
        shown.update(HTML(summary(panel.progress, run.error)))
    return run.result()


class _Beside(threading.Thread):
    """Does something beside the cell, so that the page is listened to meanwhile.

    A daemon, as a kernel that is shut down must not wait for a run of hours: the journal knows how to go on.
    """

    def __init__(self, act, *arguments, **more):
        super().__init__(name="run", daemon=True)
        self._act, self._arguments, self._more, self._value, self.error = act, arguments, more, None, None
        self.start()

    def run(self):
        try:
            self._value = self._act(*self._arguments, **self._more)
        except BaseException as error:  # noqa: B902 - whatever it is, it is raised in the cell
            self.error = error

    def end(self, alma):
        """Ends it within the calls in flight where it is not over, and waits for that."""
        if self.is_alive():
            alma.stop.set()
        self.join()
        alma.stop.clear()

    def result(self):
        """Returns what came of it, or raises what it raised."""
        if self.error is None:
            return self._value
        if isinstance(self.error, PurgeError):
            # The sentence says what to do; how the thread came to it does not help.
            raise self.error.with_traceback(None) from None
        raise self.error
