"""The first minute: the steps that a server takes before its first page, and the work that goes on behind it.

1. They begin with the server, in a thread of its own; a session that comes meanwhile shows how far they are.
2. Libraries are loaded, and the kernels of a backtest compiled, each kind a step that the page can count.
3. Where anything had to be compiled, a process of its own compiles the rest for Sweep and Scan, while the page is already used.
4. The libraries are then taken out of the garbage collector's sight. Streamlit collects after every rerun, which takes longer than
   a backtest while they are scanned too.

The pair is a short made-up one that never reaches the screen. Nothing heavy is imported before the thread begins.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pairkit.pair import PairFrame

_LOW_PRIORITY = 10


class Preparation:
    """The preparation of one server: how far it is, and whether it is done.

    Attributes
    ----------
    place, name : int, str
        How many steps are done, and the one at work.
    error : BaseException or None
        What ended it early; the page then fails by itself where it needs what is missing.
    """

    def __init__(self) -> None:
        self.place, self.name = 0, "Loading the libraries"
        self.error: BaseException | None = None
        self._began, self._done, self._lock = False, Event(), Lock()
        self.steps: tuple[tuple[str, Callable[[], object]], ...] = (
            ("Loading the libraries", _load_libraries),
            ("Hedge ratios", _compile_hedges),
            ("Stationarity tests", _compile_tests),
            ("Trading engine", _compile_engine),
            ("Sweep and Scan, in the background", _compile_the_rest),
        )

    @property
    def done(self) -> bool:
        """Whether pages can be drawn."""
        return self._done.is_set()

    @property
    def words(self) -> str:
        """The step at work and its number, as the page says it."""
        return f"{self.name}: {min(self.place + 1, len(self.steps))} of {len(self.steps)}"

    def begin(self) -> None:
        """Start the steps, once, in a thread of their own."""
        with self._lock:
            if self._began:
                return
            self._began = True
        Thread(target=self._run, name="preparation", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; return whether it is done."""
        return self._done.wait(seconds)

    def _run(self) -> None:
        try:
            for place, (name, step) in enumerate(self.steps):
                self.place, self.name = place, name
                step()
            gc.collect()
            gc.freeze()
        except BaseException as error:  # noqa: BLE001  kept: the page fails where it needs what is missing, and says so
            self.error = error
        finally:
            self._done.set()


@cache
def of_this_server() -> Preparation:
    """The one preparation of this process."""
    return Preparation()


def _load_libraries() -> None:
    import plotly.io  # noqa: F401  heavy, so before the freeze

    import pairkit.ui.shell  # noqa: F401  and all that pages import


def _compile_hedges() -> None:
    from pairkit.config import StrategyConfig
    from pairkit.models.adjusted import adjust
    from pairkit.models.indicators import hedge

    hedge(adjust(sample_pair(), "log"), StrategyConfig())


def _compile_tests() -> None:
    from pairkit.config import StrategyConfig
    from pairkit.models.adjusted import adjust
    from pairkit.models.indicators import indicate

    indicate(adjust(sample_pair(), "log"), StrategyConfig())


def _compile_engine() -> None:
    from pairkit.run import run_backtest

    run_backtest(sample_pair())


def _compile_the_rest() -> None:
    """Start the process that compiles, where this installation had not compiled all yet."""
    from pairkit.trading.loop import play_one

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
    from pairkit.config import StrategyConfig, hedge_model_names
    from pairkit.research.scan import scan
    from pairkit.research.sweeps.sweep import sweep
    from pairkit.run import run_backtest

    pair = sample_pair()
    sweep(pair, StrategyConfig(), {"entry_z": [1.5, 2.0]})
    for lags in (1, "aic"):
        scan([pair], lags=lags)
    for model in hedge_model_names():
        run_backtest(pair, StrategyConfig(hedge_model=model))


def sample_pair(bars: int = 320) -> PairFrame:
    """A pair of a leg that wanders, and another that follows it."""
    import numpy as np

    from pairkit.market.contracts import bundled_spec
    from pairkit.pair import pair_from_frames

    random = np.random.default_rng(7)
    leader = 4000 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))
    follower = leader * np.exp(random.normal(0, 0.01, bars))
    return pair_from_frames(
        _bars(follower), _bars(leader), y_spec=bundled_spec("RB"), x_spec=bundled_spec("HC")
    )


def _bars(close: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pd.DataFrame:
    import pandas as pd

    prices = dict.fromkeys(("open", "high", "low", "close", "settle"), close)
    index = pd.bdate_range("2020-01-01", periods=len(close), name="trade_date")
    return pd.DataFrame({**prices, "volume": 1e5, "open_interest": 1e6}, index=index)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_LOW_PRIORITY)
    compile_sweep_and_scan()
