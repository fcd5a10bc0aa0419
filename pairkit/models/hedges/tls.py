"""Rolling total least squares: the line nearest to the bars at a right angle, the same whichever leg is called y.

1. Centred sums Sxx, Syy, Sxy of each window, by the window sums of `ols.py`, which never subtract.
2. With D = Syy - Sxx, beta = (D + sqrt(D^2 + 4 Sxy^2)) / (2 Sxy); where D < 0, the same number as
   2 Sxy / (sqrt(D^2 + 4 Sxy^2) - D), in which nothing cancels.
3. alpha = mean y - beta mean x.

(docs/semantics.md 2.1)
"""

from __future__ import annotations

import math

import numpy as np

from pairkit._jit import kernel
from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.models.hedges import HedgeRatio, checked_legs, undefined_hedge


def estimate(y: FloatArray, x: FloatArray, config: StrategyConfig) -> HedgeRatio:
    """Rolling total least squares over `config.hedge_window` bars."""
    return rolling_tls(y, x, window=config.hedge_window)


def rolling_tls(y: FloatArray, x: FloatArray, *, window: int) -> HedgeRatio:
    """Total least squares of y and x over the `window` bars that end at each bar.

    Parameters
    ----------
    y, x : (T,) float64, finite
        Adjusted prices of the two legs on complete bars.
    window : int
        Bars in each fit, at least 2.

    Returns
    -------
    HedgeRatio
        `alpha`, `beta`, each (T,). NaN before the first full window and where a leg is constant in the window or the legs have
        no covariance there.

    Raises
    ------
    DataError
        The legs differ in length or hold a NaN.
    """
    y, x = checked_legs(y, x)
    hedge = undefined_hedge(y.size)
    _rolling_tls(y, x, window, np.empty((5, window)), *hedge)
    return hedge


@kernel
def _rolling_tls(y, x, window, sums, alpha, beta):
    """`sums` is of x, y, xx, xy, yy about the origin; its column m serves the window that ends at origin + m."""
    bars = x.size
    for start in range(0, bars - window + 1, window):
        origin = start + window - 1
        served = min(window, bars - origin)
        x0, y0 = x[origin], y[origin]
        sx = sy = sxx = sxy = syy = 0.0
        for back in range(window):
            u, v = x[origin - back] - x0, y[origin - back] - y0
            sx, sy, sxx, sxy, syy = sx + u, sy + v, sxx + u * u, sxy + u * v, syy + v * v
            ahead = window - 1 - back
            sums[0, ahead], sums[1, ahead] = sx, sy
            sums[2, ahead], sums[3, ahead], sums[4, ahead] = sxx, sxy, syy
        sx = sy = sxx = sxy = syy = 0.0
        for ahead in range(served):
            if ahead > 0:
                u, v = x[origin + ahead] - x0, y[origin + ahead] - y0
                sx, sy, sxx, sxy, syy = sx + u, sy + v, sxx + u * u, sxy + u * v, syy + v * v
            mean_x, mean_y = (sums[0, ahead] + sx) / window, (sums[1, ahead] + sy) / window
            spread_x = sums[2, ahead] + sxx - (sums[0, ahead] + sx) * mean_x
            spread_y = sums[4, ahead] + syy - (sums[1, ahead] + sy) * mean_y
            both = sums[3, ahead] + sxy - (sums[0, ahead] + sx) * mean_y
            # a constant leg's spread is exactly 0: every difference from the origin is 0
            if spread_x > 0.0 and spread_y > 0.0 and both != 0.0:
                tilt = spread_y - spread_x
                root = math.sqrt(tilt * tilt + 4.0 * both * both)
                slope = 2.0 * both / (root - tilt) if tilt < 0.0 else (tilt + root) / (2.0 * both)
                beta[origin + ahead] = slope
                alpha[origin + ahead] = (y0 + mean_y) - slope * (x0 + mean_x)
