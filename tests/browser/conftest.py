"""Headless Chromium, servers on this machine only, and a place for the screenshots.

Needs Chromium (Debian: `apt install chromium`; elsewhere: CHROMIUM=/path/to/it), and npm for the accessibility scan.
Without them the tests are skipped, and say so.
"""

import contextlib
import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from grading.formgrader import GRADING
from tests.grading.conftest import protection  # noqa: F401  (a fixture)
from tests.website.conftest import sites, toy_course  # noqa: F401  (fixtures)
from utils.environment import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
AXE = "4.10.3"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120_000  # milliseconds: machines that run tests are often busy


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install -e '.[dev]'")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path  # of `playwright install chromium`, where that has been done
        path = path or (own if Path(own).exists() else None)
        if path is None:
            pytest.skip(
                "no Chromium on this machine, so nothing was tried in a browser: `apt install chromium`, "
                "`playwright install chromium`, or CHROMIUM=/path/to/it"
            )
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page that notes what goes wrong in it (`page.faults`) and what it asks of other machines (`page.abroad`)."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="fr-FR", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.faults, page.abroad = [], []
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("request", lambda request: page.abroad.append(request.url) if is_abroad(request.url) else None)
    yield page
    context.close()


def is_abroad(url: str) -> bool:
    return url.startswith("http") and not url.startswith(("http://127.0.0.1:", "http://localhost:"))


@pytest.fixture
def photograph():
    """Keep what a page shows: build/screenshots/<name>.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=SCREENSHOTS / f"{name}.png")


@contextlib.contextmanager
def served(folder: Path):
    """Serve a folder on a free port of this machine; gives the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The path of axe-core's script, fetched through npm and kept in build/axe."""
    script = ROOT / "build" / "axe" / AXE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        if shutil.which("npm") is None:
            pytest.skip("no npm, which brings axe-core: `apt install npm`")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(script.parents[2])]
        done = subprocess.run([*command, f"axe-core@{AXE}"], capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"npm could not bring axe-core {AXE}: {done.stderr.strip()[-300:]}")
    return script


@pytest.fixture
def jupyter(tmp_path):
    """Start JupyterLab on a folder: `with jupyter(folder) as server: server.url("lab/tree/x.ipynb")`."""
    return functools.partial(Jupyter, tmp_path / "jupyter")


class Jupyter:
    """A JupyterLab of its own: its settings touch nobody's, its kernels are this Python's."""

    def __init__(self, home: Path, folder: Path, command: tuple[list[str], dict] | None = None, **environment: str):
        self.token, self.port = secrets.token_hex(16), _free_port()
        for name in ("config/labconfig", "workspaces", "settings", "runtime", "ipython"):
            (home / name).mkdir(parents=True, exist_ok=True)
        quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(quiet))
        # Every cell is in the page, not only those one sees.
        whole = home / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(json.dumps({"windowingMode": "none"}))
        self.log = home / "log.txt"
        plain = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
        arguments, given = command or (plain, os.environ)
        self.environment = {
            **given, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "IPYTHONDIR": str(home / "ipython"), **environment,
        }  # fmt: skip
        self.environment.pop("MPLBACKEND", None)
        self.command = [
            *arguments, "--no-browser", "--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}", *(["--allow-root"] if os.geteuid() == 0 else []),
        ]  # fmt: skip
        self.folder = GRADING if command else folder

    def __enter__(self) -> "Jupyter":
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + PATIENCE / 1000
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.ask("api/status")
                return self
            time.sleep(0.5)
        self.__exit__()
        pytest.fail(f"JupyterLab did not start:\n{self.log.read_text()[-3000:]}")

    def __exit__(self, *_) -> None:
        for kernel in self._kernels():
            with contextlib.suppress(OSError):
                self.ask(f"api/kernels/{kernel['id']}", "DELETE")
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}{'&' if '?' in path else '?'}token={self.token}"

    def ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(self.url(path), method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def is_idle(self) -> bool:
        """True when a kernel is there and none computes."""
        states = [kernel["execution_state"] for kernel in self._kernels()]
        return bool(states) and all(state == "idle" for state in states)

    def _kernels(self) -> list[dict]:
        try:
            return json.loads(self.ask("api/kernels"))
        except OSError:
            return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
