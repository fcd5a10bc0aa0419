"""The app's own server and a headless Chromium to drive it: one of each for all files of a worker.

To start them and to load the first page takes fifteen seconds of both processors, and each load of a page with charts three. So the
server's folders are emptied before each file, and a journey goes on in its page where it can.

Every page fails its test on an error box, an error in the console, a failed answer or a request that leaves the machine;
the server fails the file on anything in its log but its greeting.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.browser import FLAGS, chromium
from tests import ROOT

PATIENCE_MS = 60_000
STARTED_WITHIN_S = 60
TOKEN = "CANARY-7f3e91c2a5"  # of a provider that no test but one starts; it can be told wherever it turns up
HOME = {
    "PAIRKIT_SNAPSHOTS": "snapshots",
    "PAIRKIT_RUNS": "runs",
    "PAIRKIT_BOOKS": "books",
    "PAIRKIT_JOURNAL": "journal",
    "PAIRKIT_UNIVERSE": "universe.json",
}
BAD_IN_LOG = re.compile(
    r"Traceback|deprecat|will be removed|ERROR|WARNING|Exception|has no effect", re.IGNORECASE
)


def missing(what: str) -> None:
    """Skip on a user's machine; fail where the tests are to be complete."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not there, and CI=true asks for the browser tests")
    pytest.skip(
        f"{what} is not there; set CHROMIUM to a Chromium or Chrome to run the browser tests"
    )


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """`streamlit run app.py` on a free port, its log in a file."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.environment = environment
        self.port = free_port()
        base = environment.get("STREAMLIT_SERVER_BASE_URL_PATH")
        self._read = 0
        self.log, self.url = log, f"http://127.0.0.1:{self.port}{f'/{base}' if base else ''}"

    def __enter__(self) -> Server:
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            "--server.port",
            str(self.port),
            "--server.fileWatcherType",
            "none",
        ]
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PAIRKIT_", "STREAMLIT_"))
        }
        environment |= {"PAIRKIT_RUNS": str(self.log.parent / "runs"), **self.environment}
        self.file = self.log.open("w")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=self.file, stderr=subprocess.STDOUT, env=environment
        )
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not self._healthy():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"the app did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return answer.read() == b"ok"
        except OSError:
            return False

    def faults(self) -> list[str]:
        """What its log says since the last call, but for its greeting; a token in it, too."""
        written = self.log.read_text()[self._read :]
        self._read += len(written)
        return [line for line in written.splitlines() if BAD_IN_LOG.search(line) or TOKEN in line]

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.file.close()


@pytest.fixture(scope="session")
def browser():
    path = chromium()
    if path is None:
        missing("a Chromium")
    playwright = (
        pytest.importorskip("playwright.sync_api")
        if os.environ.get("CI") != "true"
        else __import__("playwright.sync_api", fromlist=["sync_playwright"])
    )
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def app(browser, tmp_path_factory) -> Iterator[Server]:
    """One server for all files of a worker; what it keeps is below `home`."""
    home = tmp_path_factory.mktemp("app") / "home"
    with Server(
        home.with_name("server.log"),
        PAIRKIT_CACHE=str(home.with_name("cache")),
        TUSHARE_TOKEN=TOKEN,
        TUSHARE_URL=f"http://127.0.0.1:{free_port()}/dataapi",
        NO_PROXY="127.0.0.1",
        **{variable: str(home / name) for variable, name in HOME.items()},
    ) as running:
        yield running
    assert not (faults := running.faults()), f"the server's log is not clean: {faults[:5]}"


@pytest.fixture(scope="module")
def home(app) -> Path:
    """Everything that the server keeps, for this file as on a new installation: the demo and the bundled list of pairs alone."""
    home = app.log.with_name("home")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(ROOT / "snapshots" / "demo", home / "snapshots" / "demo", dirs_exist_ok=True)
    shutil.copy(ROOT / "pairkit" / "market" / "universe.json", home)
    return home


@pytest.fixture(scope="module")
def server(app, home) -> Iterator[Server]:
    """The server with the folders of this file's tests."""
    yield app
    assert not (faults := app.faults()), f"the server's log is not clean: {faults[:5]}"


class Explore:
    """The Explore page in a browser tab."""

    def __init__(self, page, server: Server, faults: list[str]) -> None:
        self.page, self.server, self.faults = page, server, faults

    def open(self, link: str = "/") -> Explore:
        self.page.goto(self.server.url + link)
        return self.drawn()

    def settle(self) -> Explore:
        """Wait until the script has run and nothing on the page is out of date."""
        self.page.wait_for_timeout(
            200
        )  # a widget waits this long for further input before it asks for a rerun
        self.page.wait_for_selector(
            "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]",
            state="attached",
            timeout=PATIENCE_MS,
        )
        self.page.wait_for_function(
            "document.querySelectorAll('[data-stale=\"true\"]').length === 0", timeout=PATIENCE_MS
        )
        return self

    def press(self, link: str, button: str) -> Explore:
        """Open a page by its link and press the button with this key, once the page stands still."""
        self.page.goto(self.server.url + link)
        self.key(button).get_by_role("button").wait_for(timeout=PATIENCE_MS)
        self.settle()
        self.key(button).get_by_role("button").click()
        return self

    def stop(self, job: str, unit: str) -> None:
        """Press the stop of a job once some of its units are done."""
        button = self.key(f"{job}_stop").get_by_role("button")
        button.wait_for(timeout=PATIENCE_MS)
        self.page.wait_for_function(
            "unit => new RegExp('[1-9][0-9,]* of [0-9,]+ ' + unit).test(document.body.innerText)",
            arg=unit,
            polling=100,  # to read the whole page at each frame would slow the job down
            timeout=PATIENCE_MS,
        )
        button.click()

    def key(self, name: str):
        return self.page.locator(f".st-key-{name}")

    def slider(self, name: str):
        """What takes the keys of a setting's slider."""
        return self.key(name).locator("[role=slider], input[type=range]").first

    def drawn(self) -> Explore:
        """Wait for the chart of a page that was just gone to."""
        self.page.wait_for_selector(".pk-chart[data-rev] .main-svg", timeout=PATIENCE_MS)
        return self.settle()

    @property
    def rev(self) -> str:
        """Which chart is drawn: changes with its content."""
        return self.page.get_attribute(".pk-chart", "data-rev")

    def changing(self, act) -> Explore:
        """Do something, and wait for the chart that it leads to."""
        before = self.rev
        act()
        self.page.wait_for_function(
            "before => document.querySelector('.pk-chart').dataset.rev !== before",
            arg=before,
            timeout=PATIENCE_MS,
        )
        return self.settle()

    def choose(self, name: str, words: str) -> Explore:
        """Pick an option of a select box by a part of its label."""

        def act() -> None:
            self.key(name).locator("input, [role=combobox]").first.click()
            self.page.get_by_role("option").filter(has_text=words).first.click()

        return self.changing(act)

    def check_accessible(self, theme: str = "light", within: str = "html") -> None:
        """Hold the page against WCAG 2 A and AA by axe; skipped where PAIRKIT_AXE names no copy of axe.min.js.

        In the dark theme, which `themes` turns to after the light one, the rules that look at colours: to all others it is the
        same document. `within` is the part that has changed, a selector, where the rest was checked just before.
        """
        axe = os.environ.get("PAIRKIT_AXE")
        if not axe:
            pytest.skip("PAIRKIT_AXE does not name a copy of axe.min.js")
        fading = (
            "a => a.playState === 'running' && a.effect.getComputedTiming().iterations !== Infinity"
        )
        self.page.wait_for_function(
            f"!document.getAnimations().some({fading})", timeout=PATIENCE_MS
        )
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Path(axe).read_text(encoding="utf-8") + ";0")
        found = self.page.evaluate(
            """([tags, dark, within]) => {
                const rules = axe.getRules(tags).filter(one => !dark || one.tags.includes('cat.color'));
                const values = rules.map(one => one.ruleId);
                return axe.run(within, {resultTypes: ['violations'], selectors: false, runOnly: {type: 'rule', values}});
            }""",
            [["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], theme == "dark", within],
        )["violations"]
        assert not found, [
            (one["id"], one["impact"], len(one["nodes"]), one["nodes"][0]["html"][:160])
            for one in found
        ]

    def themes(self) -> Iterator[str]:
        """Light, then dark, as the reader's system turns; the page stands still each time."""
        yield "light"
        light = self.page_color
        paper = self.page.evaluate(
            "() => document.querySelector('.pk-chart')?._fullLayout.paper_bgcolor"
        )
        self.page.emulate_media(color_scheme="dark")
        self.page.wait_for_function(
            "light => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor !== light",
            arg=light,
            timeout=PATIENCE_MS,
        )
        self.settle()
        self.page.wait_for_function(
            """light => {
                const chart = document.querySelector('.pk-chart');
                return !chart || chart._fullLayout.paper_bgcolor !== light;
            }""",
            arg=paper,
            timeout=PATIENCE_MS,
        )
        yield "dark"

    @property
    def sticks_out(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def visible_time(self) -> list[str]:
        """The two ends of the time axis."""
        return self.page.evaluate(
            "() => document.querySelector('.pk-chart')._fullLayout.xaxis.range"
        )

    def sight(self) -> list[float]:
        """The two ends of the time axis, milliseconds."""
        return self.page.evaluate(
            "() => document.querySelector('.pk-chart')._fullLayout.xaxis.range.map("
            "at => typeof at === 'number' ? at : Date.parse(at.replace(' ', 'T') + (at.length > 10 ? 'Z' : '')))"
        )

    def panes(self) -> list[str]:
        """The panes in sight, top to bottom, by the names in their titles."""
        titles = self.page.locator(".pk-chart .annotation").all_text_contents()
        return [re.split(r"[,:] | β| from |   ", title)[0] for title in titles]

    @property
    def chart_color(self) -> str:
        """What the chart is drawn on, as the browser writes colours."""
        paper = self.page.evaluate(
            "() => document.querySelector('.pk-chart')._fullLayout.paper_bgcolor"
        )
        return "rgb({}, {}, {})".format(*(int(paper[at : at + 2], 16) for at in (1, 3, 5)))

    @property
    def page_color(self) -> str:
        """What the page is drawn on."""
        return self.page.evaluate(
            "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
        )

    def zoom(self, low: float = 0.3, high: float = 0.6) -> None:
        """Drag over a stretch of the chart, given as fractions of its width."""
        before = self.visible_time()
        box = self.page.locator(".pk-chart .nsewdrag").last.bounding_box()
        y = box["y"] + 60
        self.page.mouse.move(box["x"] + low * box["width"], y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + high * box["width"], y + 2, steps=6)
        self.page.mouse.up()
        self.page.wait_for_function(
            "before => String(document.querySelector('.pk-chart')._fullLayout.xaxis.range) !== before",
            arg=",".join(map(str, before)),
            timeout=PATIENCE_MS,
        )
        self.page.wait_for_timeout(400)  # the chart tells what is in sight once it stands still
        self.settle()


@pytest.fixture(scope="session")
def shared_tab(browser):
    """One tab for all tests of a worker: a renderer that has the page's code compiled loads it in half the time."""
    context = browser.new_context(reduced_motion="reduce", accept_downloads=True)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def tab(shared_tab):
    """The tab without what files before this one made it keep.

    Its HTTP cache lasts as long as its context, and could hide a file that one page needs and only another page has the server
    offer. A cache emptied for each test would cost every page load a second; a server of another file is another origin anyway.
    """
    session = shared_tab.context.new_cdp_session(shared_tab)
    session.send("Network.clearBrowserCache")
    session.detach()
    return shared_tab


@contextmanager
def opened(tab, server: Server, scheme: str = "light") -> Iterator[Explore]:
    """The tab, as a new reader has it: nothing kept by a page before, and what goes wrong from now on fails the test at the end."""
    context, page, faults = tab.context, tab, []
    page.goto(f"{server.url}/_stcore/health")
    page.evaluate("localStorage.clear(); sessionStorage.clear()")
    context.clear_cookies()
    context.clear_permissions()
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.emulate_media(color_scheme=scheme)
    page.mouse.move(0, 0)
    home = (f"http://127.0.0.1:{server.port}", f"ws://127.0.0.1:{server.port}", "data:", "blob:")
    probe = re.compile(
        r"/[^/]+/_stcore/(health|host-config)$"
    )  # on a deep link the frontend looks below the page first
    listeners = {
        "pageerror": lambda error: faults.append(f"page error: {error}"),
        "console": lambda line: (
            faults.append(f"console: {line.text}")
            if line.type == "error" and "Failed to load resource" not in line.text
            else None
        ),
        "response": lambda answer: (
            faults.append(f"{answer.status} {answer.url}")
            if answer.status >= 400 and not probe.search(answer.url)
            else None
        ),
        "request": lambda asked: (
            None
            if asked.url.startswith(home)
            else faults.append(f"leaves the machine: {asked.url[:90]}")
        ),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    try:
        yield Explore(page, server, faults)
        boxes = page.get_by_test_id("stException").count()
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        for other in context.pages:
            if other != page:
                other.close()
        page.goto("about:blank")  # a job of this page ends with it
    assert not faults, faults[:5]
    assert boxes == 0, "an exception is shown on the page"


@pytest.fixture
def explore(request, tab, server) -> Iterator[Explore]:
    """A page on the session's server; `indirect` parametrisation chooses light or dark."""
    with opened(tab, server, getattr(request, "param", "light")) as page:
        yield page
