"""The measurements as docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.bounds import Distance
from benchmarks.browser import Seen
from benchmarks.cases import Row
from benchmarks.growth import Memory
from benchmarks.units import Count

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
_BROWSER = """In a headless Chromium on the same machine, which draws without a graphics card. The bare page
(`benchmarks/bare_page.py`) has the same imports, one slider, and the very figure of the dashboard, read from a file and drawn
anew by `Plotly.react` with other numbers at every move; it runs no backtest. Start: a new server and a new browser profile each
time. Slider: from the key press to the frame after the chart was drawn; how long Streamlit's slider waits for further presses is
in both."""
_UNITS = """One `statsmodels` `RollingOLS(y, x, window=60).fit(params_only=True)` of 2,500 bars, in the same process and in turn with
the rest, is the unit: it states a goal for any machine. Sweeps use all cores. The active space has the ADF gate off, entry_z 1 to 3,
exit_z 0 to 0.9, stop_z 3.5, 4, 5 and 6, max_holding_days 5 to 50; the calm one the default gates."""
_BOUNDS = """How much is done in a nanosecond on one core, and the most that was measured of this machine (`benchmarks/bounds.py`).
Operations: a loop of multiplications and additions that never waits for memory. Bars of positions: a loop that only adds them up; the
sweep copies equal rows, whose bars count, and finds its trades. Bytes: a copy of what no cache holds; those of a run are its inputs
and results. Nothing is fused or reordered, or bits would differ between machines."""
_NO_BROWSER = "Not measured: there is no Chromium, or playwright is not installed."
_PACKAGES = (
    "numpy",
    "numba",
    "pandas",
    "statsmodels",
    "pykalman",
    "vectorbt",
    "backtesting",
    "backtrader-next",
    "streamlit",
)
_OPENING = """<!-- Made by `python -m benchmarks`. Do not edit: run it again. -->
# Benchmarks

`pip install -r benchmarks/requirements.txt`, then `python -m benchmarks`, measures all of this anew and rewrites this page.
All contenders of a table run in one process, in turn, for five rounds; times are medians. A call shorter than 20 ms is made
again and again until a round lasts so long, and one above a second has three rounds. Ratios travel from machine to machine better
than times do. The data are made from a seed (`benchmarks/data.py`).

Measured on {machine}; {versions}. Load average while measuring: {load:.1f}; other work was running where that is well above 1.

## Beside others

Time a unit of work, and how many times as long as pairkit takes. An error is the largest against an independent answer: extended
precision for least squares, statsmodels for the tests. backtrader-next stands for the event engines that play two legs; the
NautilusTrader that Python 3.11 can have needs pandas below 3, so that it cannot run in the same process.

| work | bars | unit | who | time a unit | x pairkit | error | what it does |
|---|---|---|---|---|---|---|---|"""


def machine() -> str:
    """Cores, memory, and how busy the machine was: never its name."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = (
        f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GB"
        if hasattr(os, "sysconf")
        else ""
    )
    return f"{cores} cores{memory}, Python {platform.python_version()}"


def versions() -> str:
    """The packages that were timed."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed, so not timed")
    return ", ".join(found)


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def page(
    rows: list[Row],
    counts: list[Count],
    growth: dict[str, list[tuple[str, float]]],
    distances: list[Distance],
    memory: list[Memory],
    browser: list[Seen],
    load: float,
) -> str:
    """The whole page."""
    parts = [_OPENING.format(machine=machine(), versions=versions(), load=load)]
    parts += [
        f"| {r.work} | {r.bars:,} | {r.unit} | {r.who} | {duration(r.seconds)} | {r.ratio:,.3g} | {r.error} | {r.note} |"
        for r in rows
    ]
    parts += ["", "## In the time of one RollingOLS", "", _UNITS, ""] if counts else []
    parts += ["| work | how many | goal | what it is |", "|---|---|---|---|"] if counts else []
    parts += [f"| {c.work} | {c.count:,.0f} | {c.goal} | {c.note} |" for c in counts]
    for title, measured in growth.items():
        parts += ["", f"## {title}", "", "| | time |", "|---|---|"]
        parts += [f"| {what} | {duration(took)} |" for what, took in measured]
    parts += ["", "## Distance to the bound", "", _BOUNDS, ""] if distances else []
    parts += (
        ["| work | counted in | a ns | at most | share |", "|---|---|---|---|---|"]
        if distances
        else []
    )
    parts += [
        f"| {d.work} | {d.unit} | {d.done:.3g} | {d.most:.3g} | {d.done / d.most:.0%} |"
        for d in distances
    ]
    parts += ["", "## In the browser", "", _BROWSER if browser else _NO_BROWSER]
    parts += ["", "| | who | time | x bare page |", "|---|---|---|---|"] if browser else []
    parts += [f"| {s.what} | {s.who} | {duration(s.seconds)} | {s.ratio:.2f} |" for s in browser]
    parts += [
        "",
        "## Peak memory of a sweep",
        "",
        "Of the whole process, imports and compiled kernels included; what remains is the table.",
        "",
        "| | before | at the peak | the table |",
        "|---|---|---|---|",
        *(f"| {m.what} | {m.before:.0f} MB | {m.peak:.0f} MB | {m.table:.0f} MB |" for m in memory),
    ]
    return "\n".join(parts) + "\n"
