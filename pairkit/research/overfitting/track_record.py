"""Track record: how long one must be for its Sharpe ratio to count, and how many independent trials stand behind it."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from pairkit._typing import FloatArray
from pairkit.metrics import expected_best_sharpe


def effective_number(returns: FloatArray, trials: float) -> float:
    """Effective number of trials: how many independent ones are worth these.

    The participation ratio of the correlation matrix, n^2 over the sum of its squares, is n for independent trials and 1 for
    copies. With m2, the mean square of the correlations between two of these, it is n/(1 + (n-1) m2) for any number n of such.

    Parameters
    ----------
    returns : (T, N) float64
        The returns of N trials on the same bars; those that never move are left out.
    trials : float
        The number in question, N or more or fewer.

    Returns
    -------
    float
        From 1 to `trials`; `trials` where fewer than two of them move.
    """
    moving = returns[:, np.ptp(returns, axis=0) > 0.0]
    if moving.shape[1] < 2:
        return float(trials)
    scaled = (moving - moving.mean(axis=0)) / moving.std(axis=0)
    correlations = scaled.T @ scaled / len(scaled)
    pairs = correlations.shape[0] * (correlations.shape[0] - 1)
    mean_square = min((float(np.sum(correlations**2)) - correlations.shape[0]) / pairs, 1.0)
    return float(trials / (1.0 + max(trials - 1.0, 0.0) * mean_square))


def min_track_record(
    sharpe: float, skew: float, kurtosis: float, *, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Bars that a track record needs for its PSR to reach `confidence`; infinite where the Sharpe ratio is not above `benchmark`.

    Sharpe ratios per bar, population moments, kurtosis 3 for a normal; NaN for NaN. Bailey and Lopez de Prado 2012.
    """
    if not sharpe > benchmark:
        return math.nan if math.isnan(sharpe) else math.inf
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return 1.0 + variance * (NormalDist().inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def min_backtest_length(trials: int, sharpe: float) -> float:
    """Years within which the best of `trials` independent skill-less trials is expected to show the Sharpe ratio a year.

    A backtest should be longer. NaN for fewer than two trials, or a Sharpe ratio that is not above 0. Bailey et al. 2014.
    """
    return (expected_best_sharpe(1.0, trials) / sharpe) ** 2 if sharpe > 0.0 else math.nan


def moments(returns: FloatArray) -> tuple[float, float]:
    """Population skewness and kurtosis; NaN where the returns do not move."""
    if not len(returns) or not np.ptp(returns) > 0.0:
        return math.nan, math.nan
    scaled = (returns - np.mean(returns)) / np.std(returns)
    return float(np.mean(scaled**3)), float(np.mean(scaled**4))
