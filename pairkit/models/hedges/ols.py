"""Rolling least squares of y on (1, x), with window sums that never subtract.

1. The bars are cut in blocks of one window. A window that ends inside the next block is a suffix of this block plus a
   prefix of the next, so its sums are two stored sums added: nothing is ever taken away, and no error is carried along.
2. Both are taken about the block's last bar, which lies in every window that the block serves, so a price level far
   from zero costs no digits, and a bad tick is forgotten once it has left the window.
"""

from __future__ import annotations

import numpy as np

from pairkit._jit import at, kernel
from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.models.hedges import HedgeRatio, checked_legs, undefined_hedge


def estimate(y: FloatArray, x: FloatArray, config: StrategyConfig) -> HedgeRatio:
    """Rolling OLS over `config.hedge_window` bars."""
    return rolling_ols(y, x, window=config.hedge_window)


def rolling_ols(y: FloatArray, x: FloatArray, *, window: int) -> HedgeRatio:
    """Least squares of y on (1, x) over the `window` bars that end at each bar.

    Parameters
    ----------
    y, x : (T,) float64, finite
        Adjusted prices of the two legs on complete bars.
    window : int
        Bars in each fit, at least 2.

    Returns
    -------
    HedgeRatio
        `alpha`, `beta`, each (T,). NaN before the first full window and where x is constant in the window.

    Raises
    ------
    DataError
        The legs differ in length or hold a NaN.
    """
    y, x = checked_legs(y, x)
    hedge = undefined_hedge(y.size)
    _rolling_ols(y, x, window, np.empty((4, window)), *hedge)
    return hedge


@kernel
def _rolling_ols(y, x, window, sums, alpha, beta):
    """`sums` is of x, y, xx, xy about the origin; its column m serves the window that ends at origin + m."""
    bars = x.size
    share = 1.0 / window
    for start in range(0, bars - window + 1, window):
        origin = start + window - 1
        served = min(window, bars - origin)
        x0, y0 = x[origin], y[origin]
        sx = sy = sxx = sxy = 0.0
        for back in range(window):
            u, v = x[at(origin - back)] - x0, y[at(origin - back)] - y0
            sx, sy, sxx, sxy = sx + u, sy + v, sxx + u * u, sxy + u * v
            place = at(window - 1 - back)
            sums[0, place], sums[1, place], sums[2, place], sums[3, place] = sx, sy, sxx, sxy
        sx = sy = sxx = sxy = 0.0
        for ahead in range(1, served):
            u, v = x[at(origin + ahead)] - x0, y[at(origin + ahead)] - y0
            sx, sy, sxx, sxy = sx + u, sy + v, sxx + u * u, sxy + u * v
            sums[0, ahead] += sx
            sums[1, ahead] += sy
            sums[2, ahead] += sxx
            sums[3, ahead] += sxy
        for ahead in range(
            served
        ):  # without a branch, so that a processor can take several windows at a time
            mean_x, mean_y = sums[0, ahead] * share, sums[1, ahead] * share
            spread_x = sums[2, ahead] - sums[0, ahead] * mean_x
            # spread_x is exactly 0 where x is constant: every difference from the origin is 0
            slope = (
                (sums[3, ahead] - sums[0, ahead] * mean_y) / spread_x if spread_x > 0.0 else np.nan
            )
            beta[origin + ahead] = slope
            alpha[origin + ahead] = (y0 + mean_y) - slope * (x0 + mean_x)
