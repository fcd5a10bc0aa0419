"""Rolling mean and deviation, by sums that never subtract (the scheme of models/hedges/ols.py)."""

from __future__ import annotations

import math

import numpy as np

from pairkit._jit import kernel
from pairkit._typing import FloatArray

SMALLEST_DEVIATION = 1e-10
_FULL_SIZE = 1000.0  # from this price on, the smallest deviation grows with the price: so does the rounding of its digits


def rolling_std(values: FloatArray, *, window: int, price: FloatArray) -> FloatArray:
    """Standard deviation (divisor n-1) of the `window` values that end at each row.

    (T,) in, (T,) out, in the unit of `values`; `price` (T,) is the price at each row that they were made from. NaN where the
    window is not full, holds a NaN, or deviates by no more than rounding: 1e-10, or 1e-13 of a price above 1,000.
    """
    return _moments(values, window, price)[1]


def rolling_z(values: FloatArray, *, window: int, price: FloatArray) -> FloatArray:
    """Rolling z-score: deviations between each value and the mean of the `window` values that end with it.

    (T,) in, (T,) out, in deviations; `price` and NaN as in `rolling_std`.
    """
    distance, deviation = _moments(values, window, price)
    return distance / deviation


def _moments(values: FloatArray, window: int, price: FloatArray) -> tuple[FloatArray, FloatArray]:
    distance, deviation = np.full(len(values), np.nan), np.full(len(values), np.nan)
    _rolling_moments(
        np.ascontiguousarray(values, dtype=np.float64),
        window,
        np.ascontiguousarray(price, dtype=np.float64),
        np.empty((2, window)),
        distance,
        deviation,
    )
    return distance, deviation


@kernel
def _rolling_moments(values, window, price, sums, distance, deviation):
    """Write the distance of each value from its window's mean, and the window's deviation."""
    rows = values.size
    start = 0
    while start + window <= rows:
        origin = start + window - 1
        served = min(window, rows - origin)
        at = values[origin]
        s = ss = 0.0
        for back in range(window):
            u = values[origin - back] - at
            s, ss = s + u, ss + u * u
            sums[0, window - 1 - back], sums[1, window - 1 - back] = s, ss
        s = ss = 0.0
        for ahead in range(1, served):
            u = values[origin + ahead] - at
            s, ss = s + u, ss + u * u
            sums[0, ahead] += s
            sums[1, ahead] += ss
        for ahead in range(served):
            mean = sums[0, ahead] / window
            squares = sums[1, ahead] - sums[0, ahead] * mean
            std = math.sqrt(squares / (window - 1)) if squares > 0.0 else 0.0
            if std > SMALLEST_DEVIATION * max(1.0, abs(price[origin + ahead]) / _FULL_SIZE):
                distance[origin + ahead] = (values[origin + ahead] - at) - mean
                deviation[origin + ahead] = std
        start += window
