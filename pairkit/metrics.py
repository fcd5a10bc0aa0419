"""What a run earned and how far that can be believed: section 5 of docs/semantics.md.

The probabilistic Sharpe ratio follows Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", in its
sqrt(T-1) form; the deflated one their (2014) "The deflated Sharpe ratio". Sharpe ratios inside are per bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pairkit.trading.engine import BLOCKED, HOLD, Ledger

FloatArray = NDArray[np.float64]
BARS_A_YEAR = 252
EULER_GAMMA = 0.5772156649015329


def measure(
    ledger: Ledger, valid: NDArray[np.bool_], capital: float, *, trial_sharpes: Sequence[float] = ()
) -> dict[str, float]:
    """The metrics of a run, by name in the order of `columns.METRICS`.

    Parameters
    ----------
    ledger : Ledger
        What the engine did, T bars.
    valid : (T,) bool
        Bars on which decisions were allowed; the metrics start at the first of them, or at the first bar where none is.
    capital : float
        CNY at the start.
    trial_sharpes : sequence of float
        Per-bar Sharpe ratios of every configuration that was tried, this one among them; `dsr` is NaN without two.

    Returns
    -------
    dict
        Fractions, not percent; counts as int. NaN where a figure is not defined.
    """
    start = int(np.argmax(valid)) if valid.any() else 0
    returns = bar_returns(ledger.equity, capital)[start:]
    mean, std = _mean_and_std(returns)
    skew, kurtosis = _shape(returns)
    per_bar = mean / std if std > 0.0 else math.nan
    closed = ledger.trade_bars[:, 3] >= 0
    held = (ledger.trade_bars[:, 3] - ledger.trade_bars[:, 1])[closed]
    net = (ledger.trade_money[:, 0] - ledger.trade_money[:, 1])[closed]
    return {
        "total_return": (float(ledger.equity[-1]) - capital) / capital if ledger.equity.size else 0.0,
        "annual_return": mean * BARS_A_YEAR,
        "annual_vol": std * math.sqrt(BARS_A_YEAR),
        "sharpe": per_bar * math.sqrt(BARS_A_YEAR),
        "max_drawdown": float(np.max(drawdown(ledger.equity, capital)[start:], initial=0.0)),
        "trades": len(ledger.trade_bars),
        "win_rate": float(np.mean(net > 0.0)) if net.size else math.nan,
        "avg_holding_bars": float(np.mean(held)) if held.size else math.nan,
        "costs": float(np.sum(ledger.cost)),
        "exposure": float(np.mean(ledger.position[start:] != 0)) if returns.size else 0.0,
        "hold_bars": int(np.sum(ledger.state[start:] == HOLD)),
        "blocked_bars": int(np.sum(ledger.state[start:] == BLOCKED)),
        "deferred_fills": int(np.sum(ledger.deferred[start:])),
        "psr": probabilistic_sharpe(per_bar, returns.size, skew, kurtosis),
        "dsr": probabilistic_sharpe(per_bar, returns.size, skew, kurtosis, benchmark=_best_of(trial_sharpes)),
    }


def bar_returns(equity: FloatArray, capital: float) -> FloatArray:
    """(T,) change of equity on each bar over the starting capital; the first bar's against the capital itself."""
    return np.diff(equity, prepend=capital) / capital


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
    variance = 1.0 - skew * sharpe_per_bar + (kurtosis - 1.0) / 4.0 * sharpe_per_bar**2
    if not (variance > 0.0 and bars > 1):
        return math.nan
    deviations = (sharpe_per_bar - benchmark) * math.sqrt(bars - 1) / math.sqrt(variance)
    return 0.5 * math.erfc(-deviations / math.sqrt(2.0))  # the normal distribution, exact in both tails


def expected_best_sharpe(trial_variance: float, trials: int) -> float:
    """Sharpe ratio that the best of `trials` skill-less trials is expected to show.

    `trial_variance` is the variance of the trials' Sharpe ratios (per bar, divisor n-1). NaN for fewer than two trials.
    """
    if trials < 2:
        return math.nan
    quantile = NormalDist().inv_cdf
    best = (1.0 - EULER_GAMMA) * quantile(1.0 - 1.0 / trials) + EULER_GAMMA * quantile(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(trial_variance) * best


def _best_of(trial_sharpes: Sequence[float]) -> float:
    known = np.array([sharpe for sharpe in trial_sharpes if math.isfinite(sharpe)])
    return expected_best_sharpe(float(np.var(known, ddof=1)), len(known)) if len(known) > 1 else math.nan


def _mean_and_std(returns: FloatArray) -> tuple[float, float]:
    mean = float(np.mean(returns)) if returns.size else math.nan
    return mean, float(np.std(returns, ddof=1)) if returns.size > 1 else math.nan


def _shape(returns: FloatArray) -> tuple[float, float]:
    """Population skewness and kurtosis (3 for a normal); NaN without variation."""
    away = returns - np.mean(returns) if returns.size else returns
    variance = float(np.mean(away**2)) if returns.size else 0.0
    if variance == 0.0:
        return math.nan, math.nan
    return float(np.mean(away**3)) / variance**1.5, float(np.mean(away**4)) / variance**2
