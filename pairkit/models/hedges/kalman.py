"""Adaptive Kalman filter hedge for (beta, level): scale-free, its noise estimated from its own innovations.

1. The first `window` bars are fitted by least squares on x about its mean; their residual variance R starts the noise.
2. Each further bar: the state may have drifted by `gamma` noise units; the bar's surprise (innovation) updates the state.
3. R follows the surprises with memory `window`, and never falls below a thousandth of their mean square.
4. The point about which the line is stated, and the variance of x that scales its drift, follow x with the same memory. Moving
   the point is an exact change of basis; without it the filter never forgets where the data began, and its noise grows with age.

A constant drift and noise, the common recipe, fits one price scale only: it is orders of magnitude off for log prices or
for prices near 4,000 (docs/semantics.md 2).
"""

from __future__ import annotations

import math

import numpy as np

from pairkit._jit import inner_kernel, kernel
from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.models.hedges import HedgeRatio, checked_legs, undefined_hedge

_SMALLEST_DEVIATION = 1e-10
_FLOOR = 1e-3  # of the mean square surprise


def estimate(y: FloatArray, x: FloatArray, config: StrategyConfig) -> HedgeRatio:
    """The filter with `config.hedge_window` and `config.kalman_gamma`."""
    return kalman(y, x, window=config.hedge_window, gamma=config.kalman_gamma)


def memory(config: StrategyConfig) -> int:
    """Memory of the filter in bars, after which a third is left: of its reference and noise, or of its state, whichever is longer.

    The settled gain of the state is about sqrt(gamma), so its memory is about 1 / sqrt(gamma) bars.
    """
    return max(config.hedge_window, math.ceil(1.0 / math.sqrt(config.kalman_gamma)))


def kalman(y: FloatArray, x: FloatArray, *, window: int, gamma: float) -> HedgeRatio:
    """Filtered hedge ratio.

    Parameters
    ----------
    y, x : (T,) float64, finite
        Adjusted prices of the two legs on complete bars.
    window : int
        Bars of the starting fit, and memory of the noise and of the reference in x; at least 3.
    gamma : float
        Drift variance of the state per bar, in noise variances.

    Returns
    -------
    HedgeRatio
        `alpha`, `beta`, each (T,). NaN before bar `window` - 1, and throughout where x is constant or y is fitted
        exactly on the starting bars.

    Raises
    ------
    DataError
        The legs differ in length or hold a NaN.
    """
    y, x = checked_legs(y, x)
    hedge = undefined_hedge(y.size)
    if y.size >= window:
        _kalman(y, x, window, gamma, *hedge)
    return hedge


@inner_kernel
def _is_constant(values, window):
    """Whether the first `window` values are one and the same."""
    for t in range(1, window):  # noqa: SIM110  no generators in a kernel
        if values[t] != values[0]:
            return False
    return True


@inner_kernel
def _starting_fit(y, x, window):
    """Mean and variance of x, slope, mean of y, residual variance on the first `window` bars, two-pass."""
    sx = sy = sxx = sxy = 0.0
    for t in range(window):
        sx, sy = sx + (x[t] - x[0]), sy + (y[t] - y[0])
    mean_x, mean_y = x[0] + sx / window, y[0] + sy / window
    for t in range(window):
        sxx += (x[t] - mean_x) ** 2
        sxy += (x[t] - mean_x) * (y[t] - mean_y)
    slope = sxy / sxx if sxx > 0.0 else np.nan
    rss = 0.0
    for t in range(window):
        rss += (y[t] - mean_y - slope * (x[t] - mean_x)) ** 2
    return mean_x, sxx / window, slope, mean_y, rss / (window - 2)


@kernel
def _kalman(y, x, window, gamma, alpha, beta):
    bars = x.size
    if _is_constant(x, window):
        return
    mean_x, var_x, slope, level, noise = _starting_fit(y, x, window)
    if math.sqrt(noise) <= _SMALLEST_DEVIATION:
        return
    share = 1.0 / window
    keep, surprises = 1.0 - share, noise
    p_slope, p_cross, p_level = noise / (window * var_x), 0.0, noise / window
    beta[window - 1], alpha[window - 1] = slope, level - slope * mean_x
    for t in range(window, bars):
        p_slope += gamma * noise / var_x if var_x > 0.0 else 0.0
        p_level += gamma * noise
        h = x[t] - mean_x
        ph_slope, ph_level = p_slope * h + p_cross, p_cross * h + p_level
        known = h * ph_slope + ph_level
        surprise = y[t] - (h * slope + level)
        trust = 1.0 / (known + noise)
        gain_slope, gain_level = ph_slope * trust, ph_level * trust
        slope += gain_slope * surprise
        level += gain_level * surprise
        p_slope -= gain_slope * ph_slope
        p_cross -= gain_slope * ph_level
        p_level -= gain_level * ph_level
        surprises = keep * surprises + share * (surprise * surprise)
        noise = max(keep * noise + share * (surprise * surprise - known), _FLOOR * surprises)
        moved = share * h  # the reference moves: the same line, stated about another point
        mean_x += moved
        var_x = keep * (var_x + moved * h)
        level += slope * moved
        p_level += moved * (2.0 * p_cross + moved * p_slope)
        p_cross += moved * p_slope
        beta[t], alpha[t] = slope, level - slope * mean_x
