"""Preparation of a server: the steps before its first page, and the work that goes on behind it.

1. They begin with the server, in a thread of its own; a session that comes meanwhile shows how far they are.
2. On a fresh installation a process of its own compiles the trading engine, while this one loads libraries and compiles the
   indicators: two cores at once. Each kind is a step that the page can count.
3. That process then waits until the first page has had time to be drawn, and compiles the rest for Sweep and Scan, at low
   priority, while the page is already used.
4. The libraries are then frozen for the garbage collector. Streamlit collects after every rerun, which takes longer than
   a backtest while they are scanned too.

The pair is a short made-up one that never reaches the screen. Nothing heavy is imported before the thread begins.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from pairkit.language import N_, _

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pairkit.pair import PairFrame

_LOW_PRIORITY = 10
FIRST_PAGE_SECONDS = 4.0  # a browser draws the first page in about that time; it has the machine for itself meanwhile


class Preparation:
    """The preparation of one server: how far it is, and whether it is done.

    Attributes
    ----------
    place, name : int, str
        How many steps are done, and the one at work.
    loaded, done : Event
        Set once pages can be drawn, and once anything can be computed.
    error : BaseException or None
        What ended it early; the page then fails by itself where it needs what is missing.
    """

    def __init__(self) -> None:
        self.place, self.name = 0, N_("Loading the libraries")
        self.error: BaseException | None = None
        self.loaded, self.done = Event(), Event()
        self._began, self._lock = False, Lock()
        self._compiler: subprocess.Popen[bytes] | None = None
        self.steps: tuple[tuple[str, Callable[[], object]], ...] = (
            (N_("Loading the libraries"), _load_libraries),
            (N_("Hedge ratios"), _compile_hedges),
            (N_("Stationarity tests"), _compile_tests),
            (N_("Trading engine"), self._compile_engine),
        )

    @property
    def words(self) -> str:
        """The step at work and its number, as the page says it."""
        return _(
            "{name}: {place} of {steps}",
            name=_(self.name),
            place=min(self.place + 1, len(self.steps)),
            steps=len(self.steps),
        )

    def begin(self) -> None:
        """Start the steps, once, in a thread of their own."""
        with self._lock:
            if self._began:
                return
            self._began = True
        self.name = self.steps[0][0]  # a page may ask before the thread runs
        Thread(target=self._run, name="preparation", daemon=True).start()

    def _run(self) -> None:
        gc.disable()  # compiling makes many objects and little garbage
        try:
            self._compiler = start_compiler() if nothing_compiled() else None
            for place, (name, step) in enumerate(self.steps):
                self.place, self.name = place, name
                step()
                self.loaded.set()  # the first of them
            gc.freeze()
        except BaseException as error:  # noqa: BLE001  kept: the page fails where it needs what is missing, and says so
            self.error = error
        finally:
            gc.enable()
            self.loaded.set()
            self.done.set()
        if self._compiler and self._compiler.stdin:
            time.sleep(FIRST_PAGE_SECONDS)
            self._compiler.stdin.close()  # it reads to the end of it before it compiles the rest

    def _compile_engine(self) -> None:
        """Load the engine that the other process has compiled; without one, compile it, and leave the rest to one."""
        from pairkit.run import run_backtest
        from pairkit.trading.loop import play_one

        if self._compiler and self._compiler.stdout:
            self._compiler.stdout.readline()  # of its own end, too
        run_backtest(sample_pair()).trades.head()  # the table has a kernel of its own
        if self._compiler is None and any(play_one.stats.cache_misses.values()):  # type: ignore[attr-defined]
            self._compiler = start_compiler()


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


def nothing_compiled() -> bool:
    """Whether no engine is found where numba keeps compiled kernels; looked up without numba, whose import takes a second."""
    beside_the_code = Path(__file__).parents[1] / "trading" / "__pycache__"
    folders = [beside_the_code, *(Path.home() / ".cache" / "numba").glob("*")]
    if (chosen := os.environ.get("NUMBA_CACHE_DIR")) is not None:
        folders = list(Path(chosen).glob("*"))
    return not any(any(folder.glob("loop.play_one-*.nbi")) for folder in folders)


def start_compiler() -> subprocess.Popen[bytes]:
    """Start the process that compiles the engine, writes a line, and when its input has ended compiles the rest."""
    return subprocess.Popen(
        [sys.executable, "-m", "pairkit.ui.preparation"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def compile_engine_alone() -> None:
    """Run the engine and its metrics once on bars without prices: no indicator is compiled for that."""
    import numpy as np

    from pairkit.config import StrategyConfig
    from pairkit.metrics import measure
    from pairkit.models.adjusted import Market
    from pairkit.models.indicators import Indicators
    from pairkit.trading.engine import trade
    from pairkit.trading.gates import judge

    pair, config = sample_pair(), StrategyConfig()
    bars, whole = len(pair), ("contract", "terms", "old_terms")
    kinds = {**dict.fromkeys(whole, np.int64), "leave": np.bool_}
    market = Market(*(np.zeros((bars, 2), kinds.get(name, np.float64)) for name in Market._fields))
    blank = {name: np.full(bars, np.nan) for name in Indicators._fields}
    indicators = Indicators(**{**blank, "valid": np.zeros(bars, np.bool_)})
    measure(trade(pair, market, indicators, judge(indicators, config), config).tally, 1.0)


def compile_the_rest() -> None:
    """Run a scan, a sweep, every hedge model and test once on the sample pair: all that a page may call but the default run."""
    from pairkit.config import StrategyConfig, hedge_model_names
    from pairkit.models.null import linked_walks
    from pairkit.research.scan import scan
    from pairkit.research.sweeps.sweep import sweep
    from pairkit.run import run_backtest

    pair = sample_pair()
    for lags in (1, "aic"):
        scan([pair], lags=lags)
    sweep(pair, StrategyConfig(), {"entry_z": [1.5, 2.0]})
    for model in hedge_model_names():
        run_backtest(pair, StrategyConfig(hedge_model=model))
    for test in ("engle_granger", "adf_spread"):
        for lags in (1, 2):
            run_backtest(pair, StrategyConfig(adf_test=test, adf_lags=lags))
    linked_walks(len(pair), half_life=10.0, seed=0, walk=0)


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
    gc.disable()
    compile_engine_alone()
    sys.stdout.write("engine\n")
    sys.stdout.flush()
    sys.stdin.read()
    if hasattr(os, "nice"):
        os.nice(_LOW_PRIORITY)
    compile_the_rest()
