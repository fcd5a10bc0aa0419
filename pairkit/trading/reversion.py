"""Reversion of a trade split by source: its lots, and the mean, deviation and hedge that moved.

A trade is entered because z is far from 0 and left because it came back. But z = (spread - mean)/deviation, and the spread's
hedge, the mean and the deviation all move while the lots stay. With e and x the bars on which entry and exit were decided,

    z_x - z_e = [ (y_x - y_e) - beta_e (x_x - x_e)        by the lots: the hedge of the entry, which the lots keep
                + (spread_x - spread_e) - the line above  by the hedge: another beta and alpha make another spread
                - (mean_x - mean_e) ] / deviation_e       by the mean
                + (spread_x - mean_x) (1/deviation_x - 1/deviation_e)   by the deviation

and the four add up to the whole. The sign is that of the position, so that what came back is above 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._jit import for_kernels, kernel
from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.language import _
from pairkit.models.indicators import Indicators, on_all_bars
from pairkit.models.windows import rolling_std


class Reversion(NamedTuple):
    """Reversion of K trades, in deviations of z as in `columns.TRADE_COLUMNS`, (K,) each; NaN where the exit's z is not known."""

    reversion: FloatArray
    reversion_lots: FloatArray
    reversion_hedge: FloatArray
    reversion_mean: FloatArray
    reversion_deviation: FloatArray
    hedge_drift: FloatArray


def reversion_of(
    indicators: Indicators,
    config: StrategyConfig,
    trade_bars: NDArray[np.int64],
    side: NDArray[np.int64],
) -> Reversion:
    """The reversion of each trade, and how far the wanted hedge went from the one held.

    Parameters
    ----------
    indicators, config
        Of the run.
    trade_bars : (K, 4) int64
        Bars on which entry was decided and filled, exit decided and filled; -1 where not yet.
    side : (K,) int64
        +1 long spread, -1 short.
    """
    entry, leave = trade_bars[:, 0], trade_bars[:, 2]
    series = (
        indicators.z,
        indicators.spread,
        _deviation(indicators, config.z_window),
        indicators.y,
        indicators.x,
    )
    z_e, spread_e, std_e, y_e, x_e = (values[entry] for values in series)
    at_exit = np.array([values[leave] for values in series])  # bar -1, not yet, picks the last
    at_exit[:, leave < 0] = np.nan
    z_x, spread_x, std_x, y_x, x_x = at_exit
    lots = (y_x - y_e) - indicators.beta_lag[entry] * (x_x - x_e)
    mean = (spread_x - z_x * std_x) - (spread_e - z_e * std_e)
    return Reversion(
        reversion=side * (z_x - z_e),
        reversion_lots=side * lots / std_e,
        reversion_hedge=side * (spread_x - spread_e - lots) / std_e,
        reversion_mean=-side * mean / std_e,
        reversion_deviation=side * z_x * std_x * (1 / std_x - 1 / std_e),
        hedge_drift=_hedge_drift(indicators.beta_lag, entry, leave),
    )


def target_exits_in_words(trades: pd.DataFrame) -> str:
    """A sentence on the exits at target of a table of trades: how many lost before costs, and why that can be; "" without one."""
    left = trades[trades["exit_reason"] == "target"]
    if left.empty:
        return ""
    lost, mean = int((left["gross"] < 0.0).sum()), left[["reversion", "reversion_lots"]].mean()
    return _(
        "{lost} of {left} exits at target lost before costs. "
        "On average z came back by {reversion:.2f}, "
        "of which the lots earned {reversion_lots:.2f}; "
        "mean, deviation and hedge moved the rest.",
        lost=lost,
        left=len(left),
        reversion=mean["reversion"],
        reversion_lots=mean["reversion_lots"],
    )


def _deviation(indicators: Indicators, window: int) -> FloatArray:
    """(T,) the deviation in z, on the complete bars."""
    complete = np.isfinite(indicators.y) & np.isfinite(indicators.x)
    spread, price = indicators.spread, indicators.y
    if not complete.all():
        spread, price = spread[complete], price[complete]
    return on_all_bars(rolling_std(spread, window=window, price=price), complete)


def _hedge_drift(
    beta_lag: FloatArray, entry: NDArray[np.int64], leave: NDArray[np.int64]
) -> FloatArray:
    """(K,) the largest relative change of the hedge ratio since the entry was decided; NaN where that is 0."""
    last = np.where(leave >= 0, leave, beta_lag.size - 1)
    drift = np.empty(entry.size)
    _largest_changes(
        for_kernels(beta_lag),
        entry.copy(),
        last,
        drift,
    )
    return drift


@kernel
def _largest_changes(values, first, last, out):
    """For each span, the largest relative change of the values from the first of them; a NaN among them is passed over."""
    for place in range(first.size):
        start, largest = values[first[place]], 0.0
        for t in range(first[place] + 1, last[place] + 1):
            change = abs(values[t] / start - 1.0)
            largest = max(largest, change)
        out[place] = largest if start != 0.0 else np.nan
