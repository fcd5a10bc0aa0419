"""The work that is timed, pairkit's way and its peers' ways, with the error against an independent answer.

Where a peer is too slow to do all of the work, it does a part, and the time a unit counts. Where it cannot do the same work, its
note says what it does instead. A peer that is not installed is left out.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import pairkit as pk
from benchmarks import data
from benchmarks.timing import Contender, Timed, beside
from pairkit.models.cointegration import engle_granger, engle_granger_many
from pairkit.models.hedges.kalman import kalman
from pairkit.models.hedges.ols import rolling_ols
from pairkit.models.panel import align, panel_of, room_for
from pairkit.models.stationarity import rolling_adf, rolling_engle_granger
from pairkit.pair import PairFrame

SIZES = (2_500, 100_000)
HEDGE, TEST = 60, 120  # bars in a fit and in a test


class Row(NamedTuple):
    """One line of the page: seconds a unit, `ratio` over pairkit, `error` in words."""

    work: str
    bars: int
    unit: str
    who: str
    seconds: float
    ratio: float
    error: str
    note: str


def rows_of(
    work: str, bars: int, unit: str, timed: list[Timed], errors: dict[str, str]
) -> list[Row]:
    own = timed[0].seconds
    return [
        Row(work, bars, unit, t.name, t.seconds, t.seconds / own, errors.get(t.name, ""), t.note)
        for t in timed
    ]


def _has(package: str) -> bool:
    return find_spec(package) is not None


def rolling_least_squares(bars: int) -> list[Row]:
    from statsmodels.regression.rolling import RollingOLS

    y, x = data.legs(bars)
    design = np.column_stack([np.ones(bars), x])
    timed = beside(
        [
            Contender("pairkit", lambda: rolling_ols(y, x, window=HEDGE).beta, bars),
            Contender("pandas rolling cov / var", lambda: _pandas_beta(y, x), bars),
            Contender(
                "statsmodels RollingOLS",
                lambda: RollingOLS(y, design, window=HEDGE).fit(params_only=True).params[:, 1],
                bars,
            ),
        ]
    )
    ends = np.linspace(HEDGE - 1, bars - 1, 200).astype(int)
    exact = np.array(
        [_exact_slope(y[t - HEDGE + 1 : t + 1], x[t - HEDGE + 1 : t + 1]) for t in ends]
    )
    errors = {t.name: f"{np.max(np.abs(t.result[ends] / exact - 1)):.0e} of beta" for t in timed}
    return rows_of(f"rolling OLS, window {HEDGE}", bars, "bar", timed, errors)


def _pandas_beta(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    ys, xs = pd.Series(y), pd.Series(x)
    return (ys.rolling(HEDGE).cov(xs) / xs.rolling(HEDGE).var()).to_numpy()


def _exact_slope(y: np.ndarray, x: np.ndarray) -> float:
    """In extended precision, two-pass."""
    y, x = y.astype(np.longdouble), x.astype(np.longdouble)
    u = x - x.mean()
    return float((u * (y - y.mean())).sum() / (u * u).sum())


def rolling_tests(bars: int) -> list[Row]:
    from statsmodels.tsa.stattools import adfuller, coint

    y, x = data.legs(bars)
    spread = y - 0.95 * x
    ends = np.linspace(TEST - 1, bars - 1, 20).astype(int)
    windows = [slice(t - TEST + 1, t + 1) for t in ends]
    peers: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "rolling Engle-Granger": (
            lambda: rolling_engle_granger(y, x, window=TEST, lags=1),
            lambda: np.array(
                [coint(y[w], x[w], trend="c", maxlag=1, autolag=None)[1] for w in windows]
            ),
        ),
        "rolling ADF": (
            lambda: rolling_adf(spread, window=TEST, lags=1),
            lambda: np.array(
                [adfuller(spread[w], maxlag=1, regression="c", autolag=None)[1] for w in windows]
            ),
        ),
    }
    rows = []
    for work, (own, peer) in peers.items():
        name = "statsmodels coint" if "Granger" in work else "statsmodels adfuller"
        timed = beside(
            [
                Contender("pairkit", own, bars - TEST + 1),
                Contender(name, peer, len(ends), f"timed on {len(ends)} of the windows"),
            ]
        )
        error = np.max(np.abs(timed[0].result[ends] - timed[1].result))
        rows += rows_of(
            f"{work}, window {TEST}, lag 1", bars, "window", timed, {"pairkit": f"{error:.0e} of p"}
        )
    return rows


def kalman_filter(bars: int) -> list[Row]:
    y, x = data.legs(bars)
    contenders = [Contender("pairkit", lambda: kalman(y, x, window=HEDGE, gamma=1e-3), bars)]
    if _has("pykalman"):
        from pykalman import KalmanFilter

        part = min(bars, 2_500)
        design = np.column_stack([x, np.ones(bars)])[:part, np.newaxis, :]
        fixed = KalmanFilter(
            transition_matrices=np.eye(2),
            observation_matrices=design,
            transition_covariance=1e-5 * np.eye(2),
            observation_covariance=1e-3,
            initial_state_mean=np.zeros(2),
            initial_state_covariance=np.eye(2),
        )
        contenders.append(
            Contender(
                "pykalman",
                lambda: fixed.filter(y[:part]),
                part,
                "a filter with fixed noise; pairkit's learns its noise, which it has no way to do",
            )
        )
    return rows_of("Kalman filter, two states", bars, "bar", beside(contenders), {})


def one_run(bars: int) -> list[Row]:
    pair = data.pair(bars)
    config = pk.StrategyConfig()

    def with_tables() -> Any:
        run = pk.run_backtest(pair, config)
        return run.frame, run.trades, run.metrics

    contenders = [
        Contender("pairkit", lambda: pk.run_backtest(pair, config).metrics, bars),
        Contender("pairkit, with its tables", with_tables, bars),
    ]
    spread, z = _spread_as_price(bars)
    if _has("vectorbt"):
        contenders.append(
            Contender(
                "vectorbt",
                lambda: _vectorbt_metrics(spread, z[:, np.newaxis], np.array([2.0])),
                bars,
                "the spread as one asset; no lots, rolls, limits, gates or costs; z not counted",
            )
        )
    if _has("backtesting") and bars <= SIZES[0]:
        contenders.append(
            Contender(
                "backtesting.py",
                _backtesting(spread, z),
                bars,
                "the spread as one asset, for it knows no pairs; no rolls or gates; z not counted",
            )
        )
    if _has("backtrader_next") and bars <= SIZES[0]:
        contenders.append(
            Contender(
                "backtrader-next",
                _backtrader(pair, z),
                bars,
                "both legs, in ten lots each, with fees; no sizes, rolls, limits or gates; z not counted",
            )
        )
    return rows_of("one backtest", bars, "bar", beside(contenders), {})


def sweeps(bars: int) -> list[Row]:
    pair = data.pair(bars)
    dense = 100 if bars == SIZES[0] else 10
    thresholds = {
        "entry_z": np.linspace(1.5, 3.0, dense),
        "exit_z": np.linspace(0.0, 1.0, dense),
        "max_holding_days": [10, 20],
    }
    windows = {
        "z_window": (30, 125, 5),
        "entry_z": np.linspace(1.5, 3.0, dense // 5 or 1),
        "exit_z": np.linspace(0.0, 1.0, 5),
    }
    rows = []
    spread, z = _spread_as_price(bars)
    entries, columns = (
        np.repeat(np.linspace(1.5, 3.0, 20), 5),
        np.repeat(z[:, np.newaxis], 100, axis=1),
    )
    for work, space in (
        ("sweep of thresholds", thresholds),
        ("sweep of thresholds and 20 windows", windows),
    ):
        count = len(pk.sweep(pair, None, space))
        contenders = [
            Contender(
                "pairkit",
                lambda space=space: pk.sweep(pair, None, space),
                count,
                f"{count:,} configs",
            )
        ]
        if _has("vectorbt") and bars <= SIZES[0]:
            contenders.append(
                Contender(
                    "vectorbt",
                    lambda: _vectorbt_metrics(spread, columns, entries),
                    100,
                    "100 configs on the spread as one asset; no lots, rolls, limits, gates or costs; z not counted",
                )
            )
        rows += rows_of(work, bars, "config", beside(contenders, 3), {})
    return rows


def scans(bars: int) -> list[Row]:
    from statsmodels.tsa.stattools import coint

    y, x = data.legs(bars)
    directions = ((y, x), (x, y))
    timed = beside(
        [
            Contender("pairkit", lambda: engle_granger(y, x, lags=1)[:2], 1),
            Contender(
                "statsmodels coint",
                lambda: [coint(*both, trend="c", maxlag=1, autolag=None)[0] for both in directions],
                1,
            ),
        ]
    )
    error = max(abs(a - b) for a, b in zip(timed[0].result, timed[1].result, strict=True))
    rows = rows_of(
        "Engle-Granger of a pair, both directions",
        bars,
        "pair",
        timed,
        {"pairkit": f"{error:.0e} of the statistic"},
    )
    return rows + _many_pairs(50 if bars <= SIZES[0] else 10, bars)


def _many_pairs(roots: int, bars: int) -> list[Row]:
    from statsmodels.tsa.stattools import coint

    days = np.arange(bars)
    values = [leg for seed in range(roots // 2) for leg in data.legs(bars, seed)]
    panel, pairs = panel_of([days] * roots, values), np.array(list(combinations(range(roots), 2)))
    part = pairs[:: len(pairs) // 5]

    def own() -> np.ndarray:
        aligned = align(panel, pairs, room_for(panel, pairs))
        return engle_granger_many(aligned, lags=1)[:, :2]

    def peer() -> np.ndarray:
        return np.array(
            [
                [
                    coint(values[a], values[b], trend="c", maxlag=1, autolag=None)[0]
                    for a, b in (pair, pair[::-1])
                ]
                for pair in part
            ]
        )

    timed = beside(
        [
            Contender(
                "pairkit", own, len(pairs), "pairs laid on common days and tested, on one core"
            ),
            Contender("statsmodels coint", peer, len(part), f"timed on {len(part)} of the pairs"),
        ],
        3,
    )
    error = np.max(np.abs(timed[0].result[:: len(pairs) // 5] - timed[1].result))
    return rows_of(
        f"Engle-Granger of {len(pairs):,} pairs, both directions",
        bars,
        "pair",
        timed,
        {"pairkit": f"{error:.0e} of the statistic"},
    )


def _spread_as_price(bars: int) -> tuple[np.ndarray, np.ndarray]:
    """What a tool of single assets is given: 100 plus the spread in percent, and its z."""
    y, x = data.legs(bars)
    spread = pd.Series(100.0 + 100.0 * (y - 0.95 * x - 0.5))
    rolling = spread.rolling(HEDGE)
    return spread.to_numpy(), ((spread - rolling.mean()) / rolling.std()).fillna(0.0).to_numpy()


def _vectorbt_metrics(price: np.ndarray, z: np.ndarray, entry: np.ndarray) -> Any:
    import vectorbt as vbt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = np.vstack(
            [np.zeros((1, z.shape[1])), z[:-1]]
        )  # decided at a close, filled at the next
        book = vbt.Portfolio.from_signals(
            pd.Series(price),
            entries=before <= -entry,
            exits=before >= -0.5,
            short_entries=before >= entry,
            short_exits=before <= 0.5,
            freq="1D",
        )
        return book.total_return(), book.sharpe_ratio(), book.max_drawdown(), book.trades.win_rate()


def _backtesting(price: np.ndarray, z: np.ndarray) -> Callable[[], Any]:
    from backtesting import Backtest, Strategy

    class Reverting(Strategy):
        def init(self) -> None:
            self.z = self.I(lambda: z)

        def next(self) -> None:
            now = self.z[-1]
            if self.position and abs(now) <= 0.5:
                self.position.close()
            elif not self.position and now <= -2.0:
                self.buy()
            elif not self.position and now >= 2.0:
                self.sell()

    days = pd.bdate_range("1990-01-01", periods=len(price))
    bars = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), price), index=days)

    def run() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
                return Backtest(bars, Reverting, cash=1e6).run()

    return run


def _backtrader(pair: PairFrame, z: np.ndarray) -> Callable[[], Any]:
    import backtrader_next as bt

    class Reverting(bt.Strategy):
        def next(self) -> None:
            now, held = z[len(self) - 1], self.getposition(self.data0).size
            if held and abs(now) <= 0.5:
                self.close(self.data0)
                self.close(self.data1)
            elif not held and abs(now) >= 2.0:
                first, second = (self.buy, self.sell) if now < 0.0 else (self.sell, self.buy)
                first(self.data0, size=10)
                second(self.data1, size=10)

    days = pd.bdate_range("1990-01-01", periods=len(pair))
    feeds = [
        pd.DataFrame(
            {
                "open": leg.open,
                "high": np.maximum(leg.open, leg.close),
                "low": np.minimum(leg.open, leg.close),
                "close": leg.close,
                "volume": leg.volume,
            },
            index=days,
        )
        for leg in (pair.y, pair.x)
    ]

    def run() -> Any:
        engine = bt.Cerebro(stdstats=False)
        for feed in feeds:
            engine.adddata(bt.feeds.PandasData(dataframe=feed))
        engine.addstrategy(Reverting)
        engine.broker.setcash(1e6)
        engine.broker.setcommission(
            commission=10.0 * 1e-4,  # of the price, which the multiplier does not enter
            commtype=bt.CommInfoBase.COMM_PERC,
            percabs=True,
            stocklike=False,
            margin=1_000.0,
            mult=10.0,
        )
        for analyzer in ("TradeAnalyzer", "SharpeRatio", "DrawDown"):
            engine.addanalyzer(getattr(bt.analyzers, analyzer), _name=analyzer)
        return engine.run()[0].analyzers

    return run


CASES: tuple[Callable[[int], list[Row]], ...] = (
    rolling_least_squares,
    rolling_tests,
    kalman_filter,
    one_run,
    sweeps,
    scans,
)
