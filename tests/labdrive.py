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
from jupyter_client import BlockingKernelClient
from playwright.sync_api import sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'
KERNEL = "window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel"


def write_notebook(path, *cells):
    """Writes a notebook with these code cells."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)


class Lab:
    """JupyterLab on a folder, with one page in Chromium; use it with ``with``, so that both end.

    page: the Playwright page. console: errors that the page reported.
    """

    def __init__(self, root, theme="JupyterLab Light", size=(1400, 1000)):
        self.root, self.own = Path(root), Path(tempfile.mkdtemp(prefix="lab-"))
        self.port = _free_port()
        self.console = []
        self._settings("notification", NO_NEWS)
        self._settings("themes", f'{{"theme": "{theme}"}}')
        try:
            self._start_server()
            self._start_browser(size)
        except BaseException:
            self.close()
            raise

    def open(self, name):
        """Opens a notebook and waits for its kernel."""
        self.page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{name}?reset", timeout=60_000)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.wait_idle()

    def run_all(self, timeout=60):
        """Runs every cell of the notebook in the page and waits until all are done."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.wait_idle(timeout)

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

    def _start_server(self):
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
                stdout=log, stderr=log, env=os.environ | places, start_new_session=True)
        self._wait_for_server()

    def _wait_for_server(self, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start:\n{(self.own / 'server.log').read_text()[-3000:]}")

    def _start_browser(self, size):
        self.playwright = sync_playwright().start()
        self.context = self.playwright.chromium.launch_persistent_context(
            str(self.own / "browser"), executable_path=shutil.which("chromium"), args=FLAGS, headless=True,
            viewport={"width": size[0], "height": size[1]}, locale="en-GB")
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
