"""A real JupyterLab in headless Chromium, driven from a test: open a notebook, run it, act, ask its kernel."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client import BlockingKernelClient
from playwright.sync_api import sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'
NOTEBOOK = "window.jupyterapp?.shell.currentWidget"
KERNEL = f"{NOTEBOOK}?.context?.sessionContext?.session?.kernel"
SIZE = (1400, 1000)
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
# The cells as they were when the notebook was opened, whatever a person wrote into them since, and none below them.
REWRITE = f"""(sources) => {{
  const {{ sharedModel }} = {NOTEBOOK}.content.model;
  sharedModel.deleteCellRange(sources.length, sharedModel.cells.length);
  sources.forEach((source, at) => sharedModel.cells[at].setSource(source));
}}"""
# What is ours is imported anew, as in a new kernel, and the large packages need not be.
FORGET = """import sys
for one in [one for one in sys.modules if one.split(".")[0] in ("purgelib", "invented")]:
    del sys.modules[one]
"""
# Sizes of all that the kernel sends, counted in the page.
LISTEN = f"""() => {{
  window.largest = 0;
  {KERNEL}.anyMessage.connect((_, {{ msg, direction }}) => {{
    if (direction === 'recv' && msg.channel === 'iopub')
      window.largest = Math.max(window.largest, JSON.stringify(msg.content).length);
  }});
}}"""


def need_chromium():
    """Skips the test, and says why, where there is no Chromium; in CI that is a failure."""
    if not shutil.which("chromium"):
        why = "Chromium is not installed: make browser"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)


def write_notebook(path, *cells):
    """Writes a notebook with these code cells."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)


class Lab:
    """JupyterLab on a folder, with one page in Chromium; use it with ``with``, so that both end.

    page: the Playwright page. console: errors that the page reported. data: folder that purgelib keeps its runs in.
    """

    def __init__(self, root, data=None):
        self.root, self.own = Path(root), Path(tempfile.mkdtemp(prefix="lab-"))
        self.port = _free_port()
        self.console = []
        self._settings("notification", NO_NEWS)
        try:
            self._start_server({"PURGELIB_DATA": str(data)} if data else {})
            self._start_browser()
        except BaseException:
            self.close()
            raise

    def open(self, name):
        """Opens a notebook and waits for its kernel; the kernel of the one that was open before ends."""
        if self.page.evaluate(f"() => !!{KERNEL}"):
            self.shut()
        self.page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{name}?reset", timeout=60_000)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.wait_idle()

    def anew(self, name, *cells, theme=LIGHT, size=SIZE, timeout=60):
        """Has every cell of a notebook run as if nobody had been there before; cells: what to write into a new one."""
        if self.page.evaluate(f"() => {NOTEBOOK}?.context?.path") != name:
            # What is open must not change under JupyterLab's feet: it would ask, and wait.
            if cells:
                write_notebook(self.root / name, *cells)
            self.open(name)
            self.sources = [one.source for one in nbformat.read(self.root / name, 4).cells]
        else:
            self.command("notebook:clear-all-cell-outputs")
            self.page.evaluate(REWRITE, self.sources)
            self.ask(FORGET)
        self.theme(theme)
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.console.clear()
        self.run_all(timeout)

    def restart(self):
        """Starts the kernel of the notebook anew."""
        self.page.evaluate(f"() => {NOTEBOOK}.context.sessionContext.restartKernel()")
        self.wait_idle()

    def shut(self):
        """Ends the kernel of the notebook."""
        self.page.evaluate(f"() => {NOTEBOOK}.context.sessionContext.shutdown()")

    def theme(self, name):
        """Shows everything in that theme."""
        if self.page.evaluate("() => document.body.dataset.jpThemeName") != name:
            self.command("apputils:change-theme", {"theme": name})
            self.page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=name)

    def command(self, name, arguments=None, timeout=60):
        """Does what an entry of JupyterLab's menus does, and waits until it is done."""
        self.page.evaluate("""([name, given, most]) => Promise.race([
            window.jupyterapp.commands.execute(name, given ?? {}).then(() => null),
            new Promise((_, fail) => setTimeout(() => fail(new Error(`${name} does not end`)), most))])""",
                           [name, arguments, timeout * 1000])

    def save(self):
        """Saves the notebook."""
        self.command("docmanager:save")
        self.page.wait_for_function(f"() => !{NOTEBOOK}.context.model.dirty")

    def run_all(self, timeout=60):
        """Runs every cell of the notebook in the page and waits until all are done."""
        self.command("notebook:run-all-cells", timeout=timeout)
        self.wait_idle(timeout)

    def run(self, words, and_below=False):
        """Runs the code cell with these words in it; and_below: and all that follow."""
        self.page.evaluate("""(words) => {
            const { content } = window.jupyterapp.shell.currentWidget;
            content.deselectAll();
            content.activeCellIndex = content.widgets.findIndex(({ model }) =>
                model.type === 'code' && model.sharedModel.source.includes(words));
        }""", words)
        self.command("notebook:run-all-below" if and_below else "notebook:run-cell")
        self.wait_idle()

    def add(self, source):
        """Writes a cell below the last one and runs it."""
        self.page.evaluate("""(source) => {
            const { content } = window.jupyterapp.shell.currentWidget;
            const at = content.widgets.length;
            content.model.sharedModel.insertCell(at, { cell_type: 'code', source });
            content.deselectAll();
            content.activeCellIndex = at;
        }""", source)
        self.command("notebook:run-cell")
        self.wait_idle()

    def write(self, before, after):
        """Writes other words into the code cells of the notebook, as a person does; runs nothing."""
        changed = self.page.evaluate("""([before, after]) => window.jupyterapp.shell.currentWidget.content.widgets
            .map(({ model }) => model.sharedModel)
            .filter((one) => one.cell_type === 'code' && one.source.includes(before))
            .map((one) => one.setSource(one.source.replace(before, after))).length""", [before, after])
        assert changed == 1, f"{before!r} stands in {changed} code cells"

    def said(self, words):
        """Returns the text below the code cell with these words in it."""
        cell = self.page.locator(".jp-CodeCell", has=self.page.locator(".jp-InputArea", has_text=words))
        # Text that is scrolled out of sight is not drawn, but it is there.
        return cell.locator(".jp-OutputArea").text_content()

    def path(self):
        """Returns the file of the notebook that is open."""
        return self.root / self.page.evaluate(f"() => {NOTEBOOK}.context.path")

    def listen(self):
        """From now on, remembers how large the messages of the kernel are."""
        self.page.evaluate(LISTEN)

    def largest(self):
        """Returns the size of the largest message since ``listen``, in bytes."""
        return self.page.evaluate("() => window.largest")

    def errors(self):
        """Returns the errors on the console, but for JupyterLab's own."""
        # Restarting a kernel may cut off a question of its debugger, and leaving the page a word of a widget.
        return [one for one in self.console if not any(own in one for own in (
            "debugger state", "no comm channel", "ERR_INTERNET_DISCONNECTED"))]

    def wait_idle(self, timeout=60):
        """Waits until the kernel of the notebook in the page has nothing to do."""
        self.page.wait_for_function(f"() => {KERNEL}?.status === 'idle'", timeout=timeout * 1000)

    def ask(self, code, timeout=30):
        """Runs code in the notebook's own kernel, from outside; returns what it printed."""
        name = self.page.evaluate(f"() => {KERNEL}.id")
        client, said = BlockingKernelClient(), []
        client.load_connection_file(str(self.own / "runtime" / f"kernel-{name}.json"))
        client.start_channels()
        try:
            client.execute_interactive(code, timeout=timeout, store_history=False,
                                       output_hook=lambda message: said.append(_text(message["content"])))
        finally:
            client.stop_channels()
        return "".join(said).strip()

    def until(self, code, wanted, timeout=10):
        """Asks the kernel again and again until it says what is wanted; returns what it said last."""
        end = time.monotonic() + timeout
        while (said := self.ask(code)) != wanted and time.monotonic() < end:
            time.sleep(0.1)
        return said

    def screenshot(self, path):
        """Saves what the page shows as a picture."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path))

    def close(self):
        """Ends the browser and the server, kernels included, and leaves nothing behind."""
        for end in ("context", "playwright"):
            if hasattr(self, end):
                (self.context.close if end == "context" else self.playwright.stop)()
        if hasattr(self, "server"):
            _end(self.server)
        shutil.rmtree(self.own, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _settings(self, plugin, text):
        folder = self.own / "config" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{plugin}.jupyterlab-settings").write_text(text)

    def _start_server(self, more):
        config = str(self.own / "config")
        places = {"JUPYTER_RUNTIME_DIR": str(self.own / "runtime"), "JUPYTER_CONFIG_DIR": config,
                  "JUPYTERLAB_SETTINGS_DIR": config, "JUPYTERLAB_WORKSPACES_DIR": config,
                  "IPYTHONDIR": str(self.own / "ipython"),
                  "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
        with open(self.own / "server.log", "wb") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
                 f"--port={self.port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
                 "--expose-app-in-browser", f"--ServerApp.root_dir={self.root}"],
                stdout=log, stderr=log, env=os.environ | places | more, start_new_session=True)
        self._wait_for_server()

    def _wait_for_server(self, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{(self.own / 'server.log').read_text()[-3000:]}")

    def _start_browser(self):
        self.playwright = sync_playwright().start()
        self.context = self.playwright.chromium.launch_persistent_context(
            str(self.own / "browser"), executable_path=shutil.which("chromium"), args=FLAGS, headless=True,
            viewport={"width": SIZE[0], "height": SIZE[1]}, locale="en-GB")
        self.page = self.context.pages[0] if self.context.pages else self.context.new_page()
        self.page.on("console", lambda said: self.console.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.console.append(str(error)))


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _text(content):
    return content.get("text") or "\n".join(content.get("traceback", []))


def _end(server):
    """The server in its own session: the signal reaches the kernels too."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)
