"""Performance metrics of a run, from total return to the deflated Sharpe ratio (docs/semantics.md 5).

1. The engine keeps a tally while it runs: sums of the bar returns' powers, costs, counts.
2. The metrics are made of the tally, for one run or for many, by the same arithmetic and so to the same bit.

The probabilistic Sharpe ratio follows Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", in its
sqrt(T-1) form; the deflated one their (2014) "The deflated Sharpe ratio". Sharpe ratios inside are per bar.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from pairkit._jit import for_kernels, inner_kernel, kernel
from pairkit._typing import FloatArray
from pairkit.columns import METRICS, names
from pairkit.trading.loop import IN_TALLY

BARS_A_YEAR = 252
EULER_GAMMA = 0.5772156649015329
# The places of the metrics in a row, by name.
_METRICS = len(METRICS)
_SHARPE, _BARS, _SKEW, _KURTOSIS = range(_METRICS, _METRICS + 4)  # per bar; what dsr is made of
MEASURES = _METRICS + 4
AT: Any = namedtuple("AT", names(METRICS))(*range(len(METRICS)))


def measure(
    tally: FloatArray, capital: float, *, trial_sharpes: Sequence[float] = ()
) -> dict[str, float]:
    """The metrics of a run, by name in the order of `columns.METRICS`.

    Parameters
    ----------
    tally : (len(TALLY),) float64
        The engine's sums from the first valid bar to the last (from the first bar, where none is valid).
    capital : float
        Money at the start.
    trial_sharpes : sequence of float
        Per-bar Sharpe ratios of every configuration that was tried, this one among them; with fewer than two `dsr` is `psr`.

    Returns
    -------
    dict
        Fractions, not percent; counts as int. NaN where a figure is not defined.
    """
    variance, trials = spread_of(trial_sharpes)
    values = measure_many(
        tally[np.newaxis], np.array([capital]), trial_variance=variance, trials=trials
    )[0].tolist()
    return {
        metric.name: int(value) if metric.whole else value
        for metric, value in zip(METRICS, values, strict=True)
    }


def measure_many(
    tallies: FloatArray, capitals: FloatArray, *, trial_variance: float = 0.0, trials: float = 1
) -> FloatArray:
    """The metrics of K runs.

    Parameters
    ----------
    tallies : (K, len(TALLY)) float64
        One tally a run.
    capitals : (K,) float64
        Money at the start of each.
    trial_variance : float
        Variance (divisor n-1) of the per-bar Sharpe ratios of the trials that `dsr` is deflated by.
    trials : float
        How many these are; an effective number need not be whole.

    Returns
    -------
    (K, len(METRICS)) float64
        In the order of `columns.METRICS`.
    """
    out = measure_alone(tallies, capitals)
    deflate(out, trial_variance, trials)
    return out[:_METRICS].T


def measure_alone(tallies: FloatArray, capitals: FloatArray) -> FloatArray:
    """Metrics of K runs, as `measure_many` but for `dsr`, which depends on the other trials, and is left to `deflate`.

    Returns
    -------
    (len(METRICS) + 4, K) float64
        Each metric's values together, in the order of `columns.METRICS`, and after them what `deflate` needs.
    """
    out = np.empty((MEASURES, len(tallies)))
    _measure(for_kernels(tallies), for_kernels(capitals), out)
    return out


def deflate(measures: FloatArray, trial_variance: float, trials: float) -> None:
    """Write `dsr` into what `measure_alone` has made of K runs, under trials as in `measure_many`."""
    _deflate(measures, float(trial_variance), expected_best_sharpe(1.0, trials))


def drawdown(equity: FloatArray, capital: float) -> FloatArray:
    """(T,) fall from the highest equity so far, as a fraction of the capital, which is the first peak."""
    return (np.maximum(np.maximum.accumulate(equity), capital) - equity) / capital


def probabilistic_sharpe(
    sharpe_per_bar: float, bars: int, skew: float, kurtosis: float, *, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`; both per bar.

    `skew` and `kurtosis` are population moments, `kurtosis` 3 for a normal. NaN where an input is NaN or the variance of the
    estimate is not positive.
    """
    return float(
        _psr(float(sharpe_per_bar), float(bars), float(skew), float(kurtosis), float(benchmark))
    )


def expected_best_sharpe(trial_variance: float, trials: float) -> float:
    """Sharpe ratio that the best of `trials` skill-less trials is expected to show.

    `trial_variance` is the variance of the trials' Sharpe ratios (per bar, divisor n-1). `trials` may be an effective number,
    which need not be whole. 0 for fewer than two.
    """
    if trials < 2:
        return 0.0
    quantile = NormalDist().inv_cdf
    best = (1.0 - EULER_GAMMA) * quantile(1.0 - 1.0 / trials) + EULER_GAMMA * quantile(
        1.0 - 1.0 / (trials * math.e)
    )
    return math.sqrt(trial_variance) * best


def best_by_luck(trial_variance: float, trials: float, bars: float) -> float:
    """Benchmark Sharpe ratio per bar of `dsr`: `expected_best_sharpe`, whose variance is 1/bars at the least.

    1/bars is the variance that the Sharpe ratio of a run without skill has over so many bars: trials that differ less than that
    are near copies of one, and no evidence of little luck.
    """
    return expected_best_sharpe(max(trial_variance, 1.0 / bars), trials)


def spread_of(trial_sharpes: Sequence[float] | FloatArray) -> tuple[float, int]:
    """Variance (divisor n-1) and number of the trials that have a Sharpe ratio; 0 for fewer than two."""
    if not len(trial_sharpes):
        return 0.0, 0
    sharpes = np.asarray(trial_sharpes, dtype=np.float64)
    known = sharpes[np.isfinite(sharpes)]
    return (float(np.var(known, ddof=1)) if len(known) > 1 else 0.0), len(known)


@kernel
def _psr(sharpe, bars, skew, kurtosis, benchmark):
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if not (variance > 0.0 and bars > 1.0):
        return np.nan
    deviations = (sharpe - benchmark) * math.sqrt(bars - 1.0) / math.sqrt(variance)
    return 0.5 * math.erfc(
        -deviations / math.sqrt(2.0)
    )  # the normal distribution, exact in both tails


@inner_kernel
def _mean_and_squares(bars, r, rr):
    """Mean of `bars` returns and the sum of squares about it."""
    mean = r / bars
    return mean, max(rr - r * mean, 0.0)


@inner_kernel
def _sharpe(bars, mean, squares):
    """The Sharpe ratio per bar, the deviation (n-1) in it; NaN where there is none."""
    std = math.sqrt(squares / (bars - 1.0)) if bars > 1.0 else np.nan
    return (mean / std if std > 0.0 else np.nan), std


@inner_kernel
def _shape(bars, mean, squares, rr, rrr, rrrr):
    """Population skewness and kurtosis from the sums of the powers of `bars` returns."""
    variance = squares / bars
    third = rrr / bars - 3.0 * mean * rr / bars + 2.0 * mean**3
    fourth = rrrr / bars - 4.0 * mean * rrr / bars + 6.0 * mean**2 * rr / bars - 3.0 * mean**4
    return third / variance**1.5, fourth / variance**2


@inner_kernel
def _share(part, whole):
    """A ratio; NaN where there is nothing to divide by."""
    return part / whole if whole > 0.0 else np.nan


@kernel
def _measure(tallies, capitals, out):
    year = math.sqrt(float(BARS_A_YEAR))
    for k in range(tallies.shape[0]):
        its, row = tallies[k], out[:, k]
        bars, closed, capital = its[IN_TALLY.bars], its[IN_TALLY.closed], capitals[k]
        gained = its[IN_TALLY.equity] - capital
        mean, squares = _mean_and_squares(bars, its[IN_TALLY.r], its[IN_TALLY.rr])
        sharpe, std = _sharpe(bars, mean, squares)
        skew, kurtosis = _shape(
            bars, mean, squares, its[IN_TALLY.rr], its[IN_TALLY.rrr], its[IN_TALLY.rrrr]
        )
        annual_return = mean * BARS_A_YEAR
        row[AT.total_return] = gained / capital
        row[AT.annual_return], row[AT.annual_vol], row[AT.sharpe] = (
            annual_return,
            std * year,
            sharpe * year,
        )
        row[AT.sortino] = _share(mean, math.sqrt(its[IN_TALLY.rr_below] / bars)) * year
        row[AT.max_drawdown], row[AT.underwater_bars] = (
            its[IN_TALLY.max_drawdown],
            its[IN_TALLY.underwater],
        )
        row[AT.calmar] = _share(annual_return, its[IN_TALLY.max_drawdown])
        row[AT.trades], row[AT.win_rate] = its[IN_TALLY.trades], _share(its[IN_TALLY.won], closed)
        row[AT.profit_factor] = _share(its[IN_TALLY.net_won], -its[IN_TALLY.net_lost])
        row[AT.avg_trade] = _share(its[IN_TALLY.net_won] + its[IN_TALLY.net_lost], closed)
        row[AT.payoff] = _share(
            _share(its[IN_TALLY.net_won], its[IN_TALLY.won]),
            _share(-its[IN_TALLY.net_lost], its[IN_TALLY.lost]),
        )
        row[AT.avg_holding_bars] = _share(its[IN_TALLY.bars_held], closed)
        row[AT.costs] = its[IN_TALLY.costs]
        row[AT.turnover] = its[IN_TALLY.traded] / capital * BARS_A_YEAR / bars
        row[AT.breakeven_ticks] = its[IN_TALLY.slippage_ticks] + _share(
            gained, its[IN_TALLY.tick_money]
        )
        row[AT.return_on_margin] = _share(
            annual_return * capital, _share(its[IN_TALLY.margin], its[IN_TALLY.margined])
        )
        row[AT.exposure] = its[IN_TALLY.exposed] / bars
        row[AT.hold_bars], row[AT.blocked_bars] = its[IN_TALLY.on_hold], its[IN_TALLY.blocked]
        row[AT.deferred_fills] = its[IN_TALLY.deferred]
        row[AT.psr] = _psr(sharpe, bars, skew, kurtosis, 0.0)
        row[_SHARPE], row[_BARS], row[_SKEW], row[_KURTOSIS] = sharpe, bars, skew, kurtosis


@kernel
def _deflate(measures, trial_variance, expected_best):
    for k in range(measures.shape[1]):
        row = measures[:, k]
        by_luck = expected_best * math.sqrt(max(trial_variance, 1.0 / row[_BARS]))
        row[AT.dsr] = _psr(row[_SHARPE], row[_BARS], row[_SKEW], row[_KURTOSIS], by_luck)
