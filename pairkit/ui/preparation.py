"""Server start-up: what is prepared before the first page, step by step, and what continues in the background.

1. Libraries are loaded, and the kernels of a backtest compiled, each kind a step that the page can count.
2. Where anything had to be compiled, a process of its own compiles what Sweep and Scan need, while the page is already used.
3. What was loaded is taken out of the garbage collector's sight. Streamlit collects after every rerun, which takes longer than a
   backtest while the libraries are scanned too.

The pair is a short made-up one that never reaches the screen.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock, Thread

import numpy as np
import pandas as pd

from pairkit.config import StrategyConfig
from pairkit.market.contracts import bundled_spec
from pairkit.models.adjusted import adjust
from pairkit.models.indicators import hedge, indicate
from pairkit.pair import PairFrame, pair_from_frames
from pairkit.run import run_backtest
from pairkit.trading.loop import play_one

_LOW_PRIORITY = 10


class Preparation:
    """Start-up work, done once for a server; sessions that come meanwhile wait for it."""

    def __init__(self) -> None:
        self.lock, self.done = Lock(), False

    def steps(self) -> list[tuple[str, Callable[[], object]]]:
        """The steps in order: what each prepares, and what does it."""
        pair, config = sample_pair(), StrategyConfig()
        adjusted = adjust(pair, config.price_transform)
        return [
            ("Loading the libraries", _load_libraries),
            ("Hedge ratios", lambda: hedge(adjusted, config)),
            ("Stationarity tests", lambda: indicate(adjusted, config)),
            ("Trading engine", lambda: run_backtest(pair, config)),
            ("Sweep and Scan, in the background", _compile_the_rest),
        ]

    def run(self) -> Iterator[tuple[int, int, str]]:
        """Do the steps; before each, yield how many are done, of how many, and its name."""
        steps = self.steps()
        for done, (name, step) in enumerate(steps):
            yield done, len(steps), name
            step()
        gc.collect()
        gc.freeze()
        self.done = True


def _load_libraries() -> None:
    import plotly.io  # noqa: F401  heavy, so before the freeze


def _compile_the_rest() -> None:
    """Start the process that compiles, where this installation had not compiled all yet."""
    if not any(play_one.stats.cache_misses.values()):  # type: ignore[attr-defined]
        return
    compile_it = partial(
        subprocess.run,
        [sys.executable, "-m", "pairkit.ui.preparation"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    Thread(target=compile_it, name="compile Sweep and Scan", daemon=True).start()


def compile_sweep_and_scan() -> None:
    """Run a sweep, a scan and every hedge model once on the sample pair."""
    from pairkit.config import hedge_model_names
    from pairkit.research.scan import scan
    from pairkit.research.sweeps.sweep import sweep

    pair = sample_pair()
    sweep(pair, StrategyConfig(), {"entry_z": [1.5, 2.0]})
    for lags in (1, "aic"):
        scan([pair], lags=lags)
    for model in hedge_model_names():
        run_backtest(pair, StrategyConfig(hedge_model=model))


def sample_pair(bars: int = 320) -> PairFrame:
    """A leg that wanders, and another that follows it."""
    random = np.random.default_rng(7)
    leader = 4000 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))
    follower = leader * np.exp(random.normal(0, 0.01, bars))
    return pair_from_frames(
        _bars(follower), _bars(leader), y_spec=bundled_spec("RB"), x_spec=bundled_spec("HC")
    )


def _bars(close: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pd.DataFrame:
    prices = dict.fromkeys(("open", "high", "low", "close", "settle"), close)
    index = pd.bdate_range("2020-01-01", periods=len(close), name="trade_date")
    return pd.DataFrame({**prices, "volume": 1e5, "open_interest": 1e6}, index=index)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_LOW_PRIORITY)
    compile_sweep_and_scan()
