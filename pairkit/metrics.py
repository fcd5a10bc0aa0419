"""What a run earned and how far that can be believed: section 5 of docs/semantics.md.

1. The engine keeps a tally while it runs: sums of the bar returns' powers, costs, counts.
2. The metrics are made of the tally, for one run or for many, by the same arithmetic and so to the same bit.

The probabilistic Sharpe ratio follows Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", in its
sqrt(T-1) form; the deflated one their (2014) "The deflated Sharpe ratio". Sharpe ratios inside are per bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import kernel
from pairkit.columns import METRICS

FloatArray = NDArray[np.float64]
BARS_A_YEAR = 252
EULER_GAMMA = 0.5772156649015329
_COUNTS = ("trades", "hold_bars", "blocked_bars", "deferred_fills")


def measure(tally: FloatArray, capital: float, *, trial_sharpes: Sequence[float] = ()) -> dict[str, float]:
    """The metrics of a run, by name in the order of `columns.METRICS`.

    Parameters
    ----------
    tally : (len(TALLY),) float64
        The engine's sums from the first valid bar to the last (from the first bar, where none is valid).
    capital : float
        CNY at the start.
    trial_sharpes : sequence of float
        Per-bar Sharpe ratios of every configuration that was tried, this one among them; `dsr` is NaN without two.

    Returns
    -------
    dict
        Fractions, not percent; counts as int. NaN where a figure is not defined.
    """
    values = measure_many(tally[np.newaxis], np.array([capital]), benchmark=best_sharpe_of(trial_sharpes))[0]
    return {metric.name: int(value) if metric.name in _COUNTS else float(value)
            for metric, value in zip(METRICS, values, strict=True)}


def measure_many(tallies: FloatArray, capitals: FloatArray, *, benchmark: float = math.nan) -> FloatArray:
    """The metrics of K runs.

    Parameters
    ----------
    tallies : (K, len(TALLY)) float64
        One tally a run.
    capitals : (K,) float64
        CNY at the start of each.
    benchmark : float
        Per-bar Sharpe ratio that `dsr` is held against; NaN where the trials are not known.

    Returns
    -------
    (K, len(METRICS)) float64
        In the order of `columns.METRICS`.
    """
    return _measure(np.ascontiguousarray(tallies), np.ascontiguousarray(capitals), benchmark)


def sharpe_many(tallies: FloatArray) -> FloatArray:
    """(K,) the annual Sharpe ratios of K runs, to the bit those of `measure_many`, which needs far longer."""
    return _sharpes(np.ascontiguousarray(tallies))


def drawdown(equity: FloatArray, capital: float) -> FloatArray:
    """(T,) fall from the highest equity so far, as a fraction of it; the first peak is the capital."""
    peak = np.maximum(np.maximum.accumulate(equity), capital)
    return (peak - equity) / peak


def probabilistic_sharpe(
    sharpe_per_bar: float, bars: int, skew: float, kurtosis: float, *, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`; both per bar.

    `skew` and `kurtosis` are population moments, `kurtosis` 3 for a normal. NaN where an input is NaN or the variance of the
    estimate is not positive.
    """
    return float(_psr(float(sharpe_per_bar), float(bars), float(skew), float(kurtosis), float(benchmark)))


def expected_best_sharpe(trial_variance: float, trials: int) -> float:
    """Sharpe ratio that the best of `trials` skill-less trials is expected to show.

    `trial_variance` is the variance of the trials' Sharpe ratios (per bar, divisor n-1). NaN for fewer than two trials.
    """
    if trials < 2:
        return math.nan
    quantile = NormalDist().inv_cdf
    best = (1.0 - EULER_GAMMA) * quantile(1.0 - 1.0 / trials) + EULER_GAMMA * quantile(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(trial_variance) * best


def best_sharpe_of(trial_sharpes: Sequence[float] | FloatArray) -> float:
    """`expected_best_sharpe` of the trials whose per-bar Sharpe ratios these are; those without one are left out."""
    sharpes = np.asarray(trial_sharpes, dtype=np.float64)
    known = sharpes[np.isfinite(sharpes)]
    return expected_best_sharpe(float(np.var(known, ddof=1)), len(known)) if len(known) > 1 else math.nan


@kernel
def _psr(sharpe, bars, skew, kurtosis, benchmark):
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if not (variance > 0.0 and bars > 1.0):
        return np.nan
    deviations = (sharpe - benchmark) * math.sqrt(bars - 1.0) / math.sqrt(variance)
    return 0.5 * math.erfc(-deviations / math.sqrt(2.0))  # the normal distribution, exact in both tails


@kernel
def _mean_and_squares(bars, r, rr):
    """Mean of `bars` returns and the sum of squares about it."""
    mean = r / bars
    return mean, max(rr - r * mean, 0.0)


@kernel
def _sharpe(bars, mean, squares):
    """The Sharpe ratio per bar, the deviation (n-1) in it; NaN where there is none."""
    std = math.sqrt(squares / (bars - 1.0)) if bars > 1.0 else np.nan
    return (mean / std if std > 0.0 else np.nan), std


@kernel
def _sharpes(tallies):
    sharpes = np.empty(tallies.shape[0])
    for k in range(tallies.shape[0]):
        bars, r, rr = tallies[k, 0], tallies[k, 1], tallies[k, 2]
        mean, squares = _mean_and_squares(bars, r, rr)
        sharpes[k] = _sharpe(bars, mean, squares)[0] * math.sqrt(float(BARS_A_YEAR))
    return sharpes


@kernel
def _shape(bars, mean, squares, rr, rrr, rrrr):
    """Population skewness and kurtosis from the sums of the powers of `bars` returns."""
    variance = squares / bars
    third = rrr / bars - 3.0 * mean * rr / bars + 2.0 * mean**3
    fourth = rrrr / bars - 4.0 * mean * rrr / bars + 6.0 * mean**2 * rr / bars - 3.0 * mean**4
    return third / variance**1.5, fourth / variance**2


@kernel
def _measure(tallies, capitals, benchmark):
    out = np.empty((15, tallies.shape[0])).T  # each metric's values lie together
    year = math.sqrt(float(BARS_A_YEAR))
    for k in range(tallies.shape[0]):
        (bars, r, rr, rrr, rrrr, equity, max_drawdown, trades, closed, won, bars_held, costs,
         exposed, on_hold, blocked, deferred) = tallies[k]
        mean, squares = _mean_and_squares(bars, r, rr)
        sharpe, std = _sharpe(bars, mean, squares)
        skew, kurtosis = _shape(bars, mean, squares, rr, rrr, rrrr)
        out[k, 0] = (equity - capitals[k]) / capitals[k]
        out[k, 1] = mean * BARS_A_YEAR
        out[k, 2] = std * year
        out[k, 3] = sharpe * year
        out[k, 4] = max_drawdown
        out[k, 5] = trades
        out[k, 6] = won / closed if closed > 0.0 else np.nan
        out[k, 7] = bars_held / closed if closed > 0.0 else np.nan
        out[k, 8] = costs
        out[k, 9] = exposed / bars
        out[k, 10], out[k, 11], out[k, 12] = on_hold, blocked, deferred
        out[k, 13] = _psr(sharpe, bars, skew, kurtosis, 0.0)
        out[k, 14] = _psr(sharpe, bars, skew, kurtosis, benchmark)
    return out
