"""Indicators of a pair bar by bar: hedge ratio, spread, z, volatility, p-value of the stationarity test, gate inputs.

1. Incomplete bars are left out: windows count complete bars, and "the bar before" is the complete bar before.
2. The hedge ratio is estimated; all that follows uses the one of the bar before.
3. Spread, z, hedged return and volatility follow from it, and the numbers that the gates judge.
4. The results are laid back on all bars, NaN on the incomplete ones.

A p-value under `adf_null = calibrated` needs the null distribution of its statistic: `null_of` simulates it through the very
functions of this module, once a process for each set of settings that it depends on.

(docs/semantics.md 2)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._jit import kernel
from pairkit._typing import FloatArray
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.gates import GATES
from pairkit.models.adjusted import Adjusted
from pairkit.models.hedges import estimate_hedge, memory_bars
from pairkit.models.null import NullTable, pvalues_under, simulate_null
from pairkit.models.stationarity import adf_statistic, engle_granger_statistic, mackinnon_pvalues
from pairkit.models.windows import rolling_std, rolling_z

_SMALLEST_BETA = 0.05  # a beta nearer 0 than this would make any change look like a jump
_TEST_FIELDS = ("adf_test", "adf_window", "adf_lags")
_LIQUIDITY_BARS = 20
HEDGE_FIELDS = tuple(name for name, setting in SETTINGS.items() if setting.group == "Hedge")


class Indicators(NamedTuple):
    """The indicators of a run, (T,) each; NaN on incomplete bars and until a window is full. `valid` is bool."""

    y: FloatArray
    x: FloatArray
    alpha: FloatArray
    beta: FloatArray
    alpha_lag: FloatArray
    beta_lag: FloatArray
    spread: FloatArray
    z: FloatArray
    hedged_return: FloatArray
    vol: FloatArray
    vol_ratio: FloatArray
    beta_jump: FloatArray
    adf_pvalue: FloatArray
    median_volume: FloatArray
    valid: NDArray[np.bool_]


class Hedged(NamedTuple):
    """The pair under a hedge, on complete bars only: (T,) each."""

    y: FloatArray
    x: FloatArray
    alpha: FloatArray
    beta: FloatArray
    alpha_lag: FloatArray
    beta_lag: FloatArray
    spread: FloatArray
    hedged_return: FloatArray
    beta_jump: FloatArray


class GateNumber(NamedTuple):
    """Definition of the number that a gate judges.

    Parameters
    ----------
    make : callable
        Returns the number on the complete bars, (T,), from the adjusted pair, the hedged one, the volatility of a window and
        the config.
    settings : tuple of str
        Those that it depends on, beside `price_transform`.
    hedged : callable
        Whether it depends on the settings of the group Hedge too, under a config.
    whenever : bool
        True for a number that every run has, False for one that is NaN unless a gate uses it.
    """

    make: Callable[[Adjusted, Hedged, Callable[[int], FloatArray], StrategyConfig], FloatArray]
    settings: tuple[str, ...]
    hedged: Callable[[StrategyConfig], bool] = lambda _: True
    whenever: bool = True


def indicate(adjusted: Adjusted, config: StrategyConfig) -> Indicators:
    """The indicators of a pair under `config`."""
    hedged = hedge(adjusted, config)

    deviations: dict[int, FloatArray] = {}

    def deviation_over(window: int) -> FloatArray:
        if window not in deviations:
            deviations[window] = deviation(hedged, window)
        return deviations[window]

    on_complete = {
        **hedged._asdict(),
        "z": standing(hedged, config.z_window),
        "vol": deviation_over(config.vol_window),
    }
    for gate in GATES:
        made = GATE_NUMBERS[gate.number]
        wanted = made.whenever or getattr(config, gate.switch)
        on_complete[gate.number] = (
            made.make(adjusted, hedged, deviation_over, config)
            if wanted
            else np.full(hedged.y.size, np.nan)
        )
    columns = on_complete
    if hedged.y.size < adjusted.complete.size:  # asked once, not for each column
        columns = {name: on_all_bars(values, adjusted.complete) for name, values in columns.items()}
    return Indicators(**columns, valid=is_valid(columns["z"], columns["beta_lag"]))


def hedge(adjusted: Adjusted, config: StrategyConfig) -> Hedged:
    """The hedge ratio and the series that follow from it alone; depends on the settings of the group Hedge only."""
    y, x = adjusted.legs.copy()  # writeable, as kernels take them
    return hedge_legs(y, x, config)


def hedge_legs(y: FloatArray, x: FloatArray, config: StrategyConfig) -> Hedged:
    """The hedge ratio and its series of two legs without gaps."""
    alpha, beta = estimate_hedge(y, x, config)
    followed = np.empty((5, y.size))
    _follow(y, x, alpha, beta, *followed)
    return Hedged(y, x, alpha, beta, *followed)


def standing(hedged: Hedged, window: int) -> FloatArray:
    """(T,) z: each spread's distance from the mean of the last `window`, in their deviations."""
    return rolling_z(hedged.spread, window=window, price=hedged.y)


def deviation(hedged: Hedged, window: int) -> FloatArray:
    """(T,) deviation of the last `window` hedged returns, per bar."""
    return rolling_std(hedged.hedged_return, window=window, price=hedged.y)


def adf_pvalue(hedged: Hedged, config: StrategyConfig) -> FloatArray:
    """P-values of the stationarity test: of the legs or of the spread, as `adf_test` says, by the table that `adf_null` names."""
    statistic = _statistic(hedged, config)
    if config.adf_null == "calibrated":
        return pvalues_under(null_of(config), statistic)
    return mackinnon_pvalues(statistic, 2 if config.adf_test == "engle_granger" else 1)


def median_volume(adjusted: Adjusted) -> FloatArray:
    """(T,) median volume, lots, of the last 20 complete bars, of the leg that trades less; NaN where a volume is missing."""
    volumes = pd.DataFrame(adjusted.market.volume[adjusted.complete])
    medians: FloatArray = volumes.rolling(_LIQUIDITY_BARS).median().to_numpy()
    return np.minimum(medians[:, 0], medians[:, 1])


# By column of a run; every number that a gate judges is here (pairkit/gates.py).
GATE_NUMBERS = {
    "adf_pvalue": GateNumber(
        lambda _adjusted, hedged, _deviation, config: adf_pvalue(hedged, config),
        ("adf_test", "adf_null", "adf_window", "adf_lags"),
        lambda config: config.adf_test == "adf_spread",
    ),
    "beta_jump": GateNumber(lambda _adjusted, hedged, _deviation, _config: hedged.beta_jump, ()),
    "vol_ratio": GateNumber(
        lambda _adjusted, _hedged, deviation_over, config: (
            deviation_over(config.vol_window) / deviation_over(config.vol_baseline_window)
        ),
        ("vol_baseline_window", "vol_window"),
    ),
    "median_volume": GateNumber(
        lambda adjusted, _hedged, _deviation, _config: median_volume(adjusted),
        (),
        lambda _: False,
        whenever=False,
    ),
}


def stationarity_statistic(y: FloatArray, x: FloatArray, config: StrategyConfig) -> FloatArray:
    """(T,) t-statistics of the stationarity test on two series without gaps, from which a run's p-values follow.

    Raises
    ------
    DataError
        The legs differ in length or hold a NaN.
    """
    if config.adf_test == "engle_granger":
        return engle_granger_statistic(y, x, window=config.adf_window, lags=config.adf_lags)
    return _statistic(hedge_legs(y, x, config), config)


def _statistic(hedged: Hedged, config: StrategyConfig) -> FloatArray:
    if config.adf_test == "adf_spread":
        return adf_statistic(hedged.spread, window=config.adf_window, lags=config.adf_lags)
    return engle_granger_statistic(
        hedged.y, hedged.x, window=config.adf_window, lags=config.adf_lags
    )


def first_tested_bar(config: StrategyConfig) -> int:
    """The first complete bar, counted from 0, that has a statistic."""
    if config.adf_test == "engle_granger":
        return config.adf_window - 1
    return config.adf_window - 1 + (1 if config.hedge_model == "fixed" else config.hedge_window)


def null_of(config: StrategyConfig) -> NullTable:
    """The distribution of the test's statistic on unrelated pairs, under these settings.

    A pure function of the settings of the test, and for `adf_spread` of the hedge: the walks have a fixed seed. Takes half a
    second, seconds for long windows or a model that remembers, and nothing from the second time on.
    """
    names = _TEST_FIELDS if config.adf_test == "engle_granger" else (*_TEST_FIELDS, *HEDGE_FIELDS)
    return _once(StrategyConfig(**{name: getattr(config, name) for name in names})).table()


class _Null:
    """A null distribution that is simulated on first use, by one thread while others wait."""

    def __init__(self, config: StrategyConfig) -> None:
        self._config, self._lock = config, Lock()
        self._table: NullTable | None = None

    def table(self) -> NullTable:
        with self._lock:
            if self._table is None:
                config = self._config
                self._table = simulate_null(
                    lambda y, x: stationarity_statistic(y, x, config),
                    warm_up=first_tested_bar(config),
                    window=config.adf_window,
                    memory=memory_bars(config) if config.adf_test == "adf_spread" else 0,
                )
            return self._table


@cache
def _once(config: StrategyConfig) -> _Null:
    return _Null(config)


def is_valid(z: FloatArray, beta_lag: FloatArray) -> NDArray[np.bool_]:
    """(T,) bars on which decisions are allowed."""
    valid: NDArray[np.bool_] = np.isfinite(z) & np.isfinite(beta_lag)
    return valid


def on_all_bars(values: FloatArray, complete: NDArray[np.bool_]) -> FloatArray:
    """Values of the complete bars laid on all bars, NaN on the others; the very same array where every bar is complete."""
    if values.size == complete.size:
        return values
    out = np.full(complete.size, np.nan)
    out[complete] = values
    return out


@kernel
def _follow(y, x, alpha, beta, alpha_lag, beta_lag, spread, hedged_return, beta_jump):
    """Write what follows from a hedge, each bar under the hedge of the bar before: the only place that looks back by one bar."""
    a = b = before = last_y = last_x = np.nan
    for t in range(y.size):
        alpha_lag[t], beta_lag[t] = a, b
        spread[t] = y[t] - a - b * x[t]
        hedged_return[t] = (y[t] - last_y) - b * (x[t] - last_x)
        beta_jump[t] = abs(b - before) / max(abs(before), _SMALLEST_BETA)
        last_y, last_x, before = y[t], x[t], b
        a, b = alpha[t], beta[t]
