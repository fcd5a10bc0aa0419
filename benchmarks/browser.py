"""The dashboard in a headless Chromium beside a bare Streamlit page that has the same imports and draws the same figure.

1. Start: from `streamlit run` to the first chart, each time a new server and a new browser profile, the two in turn.
2. Slider: from the key press to the frame after the chart was drawn, in two tabs of one browser, the two in turn.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from benchmarks import data

ROOT = Path(__file__).resolve().parents[1]
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
STARTS, PRESSES = 3, 15
_LONG = 10_000  # bars of a long history
PATIENCE_MS = 180_000
_DRAWN = ".pk-chart[data-rev] .main-svg"
_AT_REST = (
    "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
    ":not(:has([data-stale=true]))"
)
_WATCH = """() => {
  document.addEventListener("keydown", () => { window.pressed = performance.now(); window.drawn = 0; }, true);
  new MutationObserver(() => requestAnimationFrame(() => { window.drawn = performance.now(); }))
    .observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-rev"] });
}"""


class Seen(NamedTuple):
    """One measurement in the browser: `ratio` is how many times as long as the bare page took."""

    what: str
    who: str
    seconds: float
    ratio: float


def chromium() -> str | None:
    """The Chromium or Chrome to drive: the environment's CHROMIUM, or the first of NAMES on the PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def in_browser() -> list[Seen]:
    """Both measurements, the bare page's first; nothing where there is no Chromium or no playwright."""
    path = chromium()
    if path is None or find_spec("playwright") is None:
        return []
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        demo, long = ROOT / "snapshots" / "demo", data.snapshot(Path(folder), _LONG, ["RB", "HC"])
        bars, scripts = _scripts(demo, Path(folder))
        _, long_scripts = _scripts(long, Path(folder))
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        starts: dict[str, list[float]] = {who: [] for who in scripts}
        for turn in range(STARTS + 1):  # the first is to warm up
            for who, script in scripts.items():
                starts[who] += [first_chart(browser, script, folder)][:turn]
        presses = slider_to_chart(browser, scripts, folder)
        of_long = {"PAIRKIT_SNAPSHOTS": str(long.parent)}
        long_presses = slider_to_chart(browser, long_scripts, folder, of_long)
        fresh = dict.fromkeys(("NUMBA_CACHE_DIR", "PYTHONPYCACHEPREFIX"), f"{folder}/fresh")
        cold = first_chart(browser, scripts["pairkit"], folder, fresh)
        browser.close()
    bare = statistics.median(starts["a bare page"])
    return [
        *beside_bare("`streamlit run` to the first chart", starts),
        Seen("the same on a fresh installation", "pairkit", cold, cold / bare),
        *beside_bare(f"slider to chart redrawn, {bars:,} bars", presses),
        *beside_bare(f"slider to chart redrawn, {_LONG:,} bars", long_presses),
    ]


def _scripts(snapshot: Path, folder: Path) -> tuple[int, dict[str, list[str]]]:
    """Bars of a snapshot's RB and HC, and what to serve, by name: the bare page with that pair's chart, and the dashboard."""
    drawn = folder / f"{snapshot.name}.json"
    bars = write_figure(drawn, snapshot)
    return bars, {
        "a bare page": ["benchmarks/bare_page.py", "--", str(drawn)],
        "pairkit": ["app.py"],
    }


def beside_bare(what: str, times: dict[str, list[float]]) -> list[Seen]:
    medians = {who: statistics.median(taken) for who, taken in times.items()}
    return [
        Seen(what, who, median, median / medians["a bare page"]) for who, median in medians.items()
    ]


def write_figure(path: Path, snapshot: Path) -> int:
    """The chart of a snapshot's RB and HC as JSON, arrays in plotly's own form of a typed array; returns the bars."""
    import pairkit as pk
    from pairkit.charts import figure_spec

    run = pk.run_backtest(pk.open_snapshot(snapshot).pair("RB", "HC"))
    spec = figure_spec(run, "light")
    spec["data"] = [
        {name: _typed(value) for name, value in trace.items()} for trace in spec["data"]
    ]
    path.write_bytes(orjson.dumps(spec, option=orjson.OPT_SERIALIZE_NUMPY))
    return len(run.pair)


def _typed(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    packed = {
        "dtype": value.dtype.str[1:],
        "bdata": base64.b64encode(np.ascontiguousarray(value)).decode(),
    }
    return packed if value.ndim == 1 else {**packed, "shape": ", ".join(map(str, value.shape))}


class Served:
    """`streamlit run` of a script on a free port, until the end of the block."""

    def __init__(
        self, script: list[str], folder: str, environment: dict[str, str] | None = None
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "--server.port",
            str(port),
            "--server.headless",
            "true",
            "--server.fileWatcherType",
            "none",
            *script,
        ]
        self.environment = {
            **os.environ,
            "PAIRKIT_RUNS": folder,
            **(environment or {}),
        }  # nothing is counted among the user's own trials

    def __enter__(self) -> str:
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        deadline = time.monotonic() + PATIENCE_MS / 1_000
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"{' '.join(self.command)} does not answer")
            time.sleep(0.02)
        return self.url

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return answer.read() == b"ok"
        except OSError:
            return False

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def first_chart(
    browser: Any, script: list[str], folder: str, environment: dict[str, str] | None = None
) -> float:
    """Seconds from the start of the server to its first chart."""
    began = time.perf_counter()
    with Served(script, folder, environment) as url:
        page = browser.new_context().new_page()
        page.goto(url)
        page.wait_for_selector(_DRAWN, timeout=PATIENCE_MS)
        took = time.perf_counter() - began
        page.context.close()
    return took


def slider_to_chart(
    browser: Any,
    scripts: dict[str, list[str]],
    folder: str,
    environment: dict[str, str] | None = None,
) -> dict[str, list[float]]:
    """Seconds from each key press on a slider to the chart that it leads to; the first three presses do not count."""
    taken: dict[str, list[float]] = {who: [] for who in scripts}
    with ExitStack() as servers:
        pages = {}
        for who, script in scripts.items():
            pages[who] = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
            pages[who].goto(servers.enter_context(Served(script, folder, environment)))
            pages[who].wait_for_selector(_DRAWN, timeout=PATIENCE_MS)
            pages[who].evaluate(_WATCH)
        for turn in range(PRESSES + 3):
            for who, page in pages.items():
                page.bring_to_front()
                page.wait_for_selector(_AT_REST, state="attached", timeout=PATIENCE_MS)
                page.wait_for_timeout(300)
                page.locator(".st-key-entry_z").locator(
                    "[role=slider], input[type=range]"
                ).first.focus()
                page.keyboard.press("ArrowRight")
                page.wait_for_function("() => window.drawn > window.pressed", timeout=PATIENCE_MS)
                taken[who] += [page.evaluate("() => window.drawn - window.pressed") / 1_000][
                    : max(turn - 2, 0)
                ]
        for page in pages.values():
            page.context.close()
    return taken
