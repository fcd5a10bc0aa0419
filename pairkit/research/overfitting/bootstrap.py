"""Bootstrap of returns: an interval of the Sharpe ratio, and Hansen's test that the best of many trials is better than nothing.

Both use the stationary bootstrap (Politis and Romano 1994), which draws stretches of random length, so that what follows from
one bar to the next stays in them. The computing is done by `arch`, which is imported when it is needed, for it takes a second.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence, default_rng

from pairkit._typing import FloatArray
from pairkit.metrics import BARS_A_YEAR


class SharpeInterval(NamedTuple):
    """Ends of the interval (Sharpe ratio a year), and the mean length of a stretch in bars; NaN where undefined."""

    low: float
    high: float
    block_bars: int


class Superiority(NamedTuple):
    """P-values of Hansen's SPA test. `consistent` is the one to read; `lower` and `upper` bound it."""

    lower: float
    consistent: float
    upper: float
    block_bars: int


def sharpe_interval(
    returns: FloatArray,
    *,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int | SeedSequence = 0,
) -> SharpeInterval:
    """Percentile interval of the Sharpe ratio a year, by the stationary bootstrap.

    Parameters
    ----------
    returns : (T,) float64, finite
        Return on each bar.
    draws : int
        Resampled series.
    confidence : float
        Share of them inside of the interval.
    seed : int or SeedSequence
        The same seed gives the same bits.

    Returns
    -------
    SharpeInterval
        NaN where the returns do not move. The mean length of a stretch is the one of Politis and White (2004), corrected in
        2009, rounded up. A resampled series without a move has the Sharpe ratio 0.
    """
    from arch.bootstrap import StationaryBootstrap, optimal_block_length

    if len(returns) < 3 or not np.ptp(returns) > 0.0:
        return SharpeInterval(math.nan, math.nan, 0)
    best = float(optimal_block_length(returns)["stationary"].iloc[0])
    block = max(math.ceil(best), 1) if math.isfinite(best) else 1
    resampled = StationaryBootstrap(block, returns, seed=default_rng(seed))
    drawn = resampled.apply(_sharpe, draws)[:, 0]
    low, high = np.quantile(drawn, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return SharpeInterval(float(low), float(high), block)


def superiority(
    returns: FloatArray, *, draws: int = 1000, seed: int | SeedSequence = 0
) -> Superiority:
    """Hansen's (2005) test for superior predictive ability: is the best trial's mean return above 0, given how many there are?

    Parameters
    ----------
    returns : (T, N) float64, finite
        Each trial's return on each bar. Those that never move are left out.
    draws, seed
        As in `sharpe_interval`.

    Returns
    -------
    Superiority
        Studentised; the benchmark earns 0 on every bar; the mean length of a stretch is the root of T. NaN where no trial moves.
    """
    from arch.bootstrap import SPA

    moving = returns[:, np.ptp(returns, axis=0) > 0.0]
    if not moving.shape[1]:
        return Superiority(math.nan, math.nan, math.nan, 0)
    block = max(round(math.sqrt(len(moving))), 1)
    test = SPA(np.zeros(len(moving)), -moving, block_size=block, reps=draws, seed=default_rng(seed))
    test.compute()
    values = test.pvalues
    return Superiority(
        float(values["lower"]), float(values["consistent"]), float(values["upper"]), block
    )


def _sharpe(returns: FloatArray) -> FloatArray:
    deviation = float(np.std(returns, ddof=1))
    return np.array(
        [float(np.mean(returns)) / deviation * math.sqrt(BARS_A_YEAR) if deviation > 0.0 else 0.0]
    )
