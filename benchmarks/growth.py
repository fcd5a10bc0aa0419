"""How time and memory grow, and what starting costs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pairkit as pk
from benchmarks import data
from benchmarks.timing import spent
from benchmarks.units import active_space, window_space
from pairkit.market.contracts import bundled_specs
from pairkit.research.sweeps.executors import executor_of

ROOT = Path(__file__).resolve().parents[1]
_PEAK = """
import re, sys
from pathlib import Path
from typing import NamedTuple
import numpy as np
import pairkit as pk
from benchmarks import data
def peak():  # of this process alone: getrusage counts in what the parent held when it was started
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
pair = data.pair(2500)
pk.sweep(pair, None, {"entry_z": [2.0, 2.5]})
before = peak()
count = int(sys.argv[1])
side = int(count ** 0.5)
table = pk.sweep(pair, None, {"entry_z": np.linspace(1.5, 3.0, side), "exit_z": np.linspace(0.0, 1.0, side)})
print(before / 1024, peak() / 1024, table.memory_usage().sum() / 2**20)
"""
_FIRST_RUN = """
import pairkit as pk
pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
pk.run_backtest(pair).frame
"""
_FIRST_SWEEP = """
import pairkit as pk
pk.sweep(pk.open_snapshot("snapshots/demo").pair("RB", "HC"), None, {"entry_z": [1.5, 2.0]})
"""
_FIRST_SCAN = """
import pairkit as pk
pk.scan(pk.open_snapshot("snapshots/demo"), roots=["RB", "HC", "CU"])
"""
_IMPORTS = "import numpy, pandas, numba, pyarrow.parquet, pydantic"


class Memory(NamedTuple):
    """MB of a process before a sweep and at its peak, and of the sweep's table."""

    what: str
    before: float
    peak: float
    table: float


def by_configs() -> list[tuple[str, float]]:
    """Seconds of a sweep of thresholds at 2,500 bars, by configs."""
    pair = data.pair(2_500)
    return [
        (
            f"{count:,} configs",
            spent(
                lambda count=count: pk.sweep(
                    pair,
                    None,
                    {
                        "entry_z": np.linspace(1.5, 3.0, 50),
                        "exit_z": np.linspace(0.0, 1.0, count // 50),
                    },
                )
            ),
        )
        for count in (2_500, 5_000, 10_000, 20_000, 40_000)
    ]


def by_bars() -> list[tuple[str, float]]:
    """Seconds of a run and its tables, by bars."""
    rows = []
    for bars in (2_500, 5_000, 10_000, 20_000, 40_000):
        pair = data.pair(bars)
        rows.append((f"{bars:,} bars", spent(lambda pair=pair: pk.run_backtest(pair).frame)))
    return rows


def by_pairs() -> list[tuple[str, float]]:
    """Seconds of a scan at 2,500 bars, by pairs."""
    pairs = [data.pair(2_500, seed) for seed in range(10)]
    return [
        (f"{count:,} pairs", spent(lambda count=count: pk.scan((pairs * 100)[:count])))
        for count in (50, 100, 200, 400)
    ]


def of_a_snapshot() -> list[tuple[str, float]]:
    """Seconds of the first scan of a snapshot of 60 roots of 2,500 bars, which lays out their contracts, and of another."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot = pk.open_snapshot(data.snapshot(Path(folder), 2_500, list(bundled_specs())[:60]))
        began = time.perf_counter()
        pairs = len(pk.scan(snapshot))
        first = time.perf_counter() - began
        what = f"60 roots, {pairs:,} pairs"
        return [
            (f"{what}: the first", first),
            (f"{what}: another", spent(lambda: pk.scan(snapshot))),
        ]


def by_trades(side: int = 20) -> list[tuple[str, float]]:
    """Seconds of a sweep of thresholds at 2,500 bars, 2,000 at the full side, by the trades of its runs: the lower the entry, the more."""
    pair, config, rows = data.pair(2_500), pk.StrategyConfig(adf_gate=False), []
    for lowest in (2.8, 2.3, 1.8, 1.3, 0.8):
        space = {
            "entry_z": np.linspace(lowest, lowest + 0.2, side),
            "exit_z": np.linspace(0.0, 0.6, side),
            "max_holding_days": [5, 10, 20, 40, 60],
        }
        trades = pk.sweep(pair, config, space)["trades"].mean()
        seconds = spent(lambda space=space: pk.sweep(pair, config, space))
        rows.append((f"{trades:.0f} trades a run", seconds))
    return rows


def by_workers(*sides: int) -> list[tuple[str, float]]:
    """Seconds of a sweep of the active space and of 20 windows, by threads: one, and twice as many each time, up to the cores."""
    pair, often = data.pair(2_500), pk.StrategyConfig(adf_gate=False)
    doubled = executor_of(None).workers.bit_length()
    works = (
        ("the active space", often, active_space(*sides)),
        ("20 windows", None, window_space(*sides)),
    )
    return [
        (
            f"{what}, {workers} worker{'s' if workers > 1 else ''}",
            spent(
                lambda config=config, space=space, workers=workers: pk.sweep(
                    pair, config, space, executor=workers
                )
            ),
        )
        for what, config, space in works
        for workers in (1 << place for place in range(doubled))
    ]


def peak_memory() -> list[Memory]:
    """Memory of sweeps of so many configs, each in a process of its own; only Linux tells."""
    rows: list[Memory] = []
    if not Path("/proc/self/status").exists():
        return rows
    for count in (10_000, 90_000, 1_000_000):
        said = subprocess.run(
            [sys.executable, "-c", _PEAK, str(count)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append(Memory(f"{count:,} configs", *map(float, said.stdout.split())))
    return rows


def start_up() -> list[tuple[str, float]]:
    """Seconds from nothing, each in a new process: medians of five, of one where nothing is compiled yet."""
    cold = {}
    with tempfile.TemporaryDirectory() as empty:
        fresh = {"NUMBA_CACHE_DIR": empty, "PYTHONPYCACHEPREFIX": empty}
        for what, code in (("run", _FIRST_RUN), ("sweep", _FIRST_SWEEP), ("scan", _FIRST_SCAN)):
            cold[what] = _process(["-c", code], fresh)
    return [
        ("bare Python", _median(["-c", "pass"])),
        ("import pairkit", _median(["-c", "import pairkit"])),
        (
            "import numpy, pandas, numba, pyarrow, pydantic, which a run needs",
            _median(["-c", _IMPORTS]),
        ),
        ("python -m pairkit --help", _median(["-m", "pairkit", "--help"])),
        ("open the demo, first run, its table", _median(["-c", _FIRST_RUN])),
        ("the same on a fresh installation: nothing compiled yet", cold["run"]),
        ("then the first sweep, without the dashboard's preparation", cold["sweep"]),
        ("then the first scan, likewise", cold["scan"]),
    ]


def _median(arguments: list[str]) -> float:
    _process(arguments, {})
    return statistics.median(_process(arguments, {}) for _ in range(5))


def _process(arguments: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, **environment},
    )
    return time.perf_counter() - began
