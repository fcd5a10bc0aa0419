"""Rolling mean and deviation, by sums that never subtract (the scheme of models/hedges/ols.py)."""

from __future__ import annotations

import math

import numpy as np

from pairkit._jit import inner_kernel, kernel
from pairkit._typing import FloatArray

SMALLEST_DEVIATION = 1e-10
_LANES = 16  # windows finished at a time, so that their divisions are made together
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
    distance, deviation = np.empty(len(values)), np.empty(len(values))
    distance[: window - 1], deviation[: window - 1] = np.nan, np.nan
    _rolling_moments(
        np.ascontiguousarray(values, dtype=np.float64),
        window,
        np.ascontiguousarray(price, dtype=np.float64),
        np.empty((2, window)),
        np.empty(6 * _LANES),
        distance,
        deviation,
    )
    return distance, deviation


@inner_kernel
def _finish(lanes, window):
    """Distance and deviation of the windows in all lanes, from their sums, the value about the origin, and the price."""
    for lane in range(_LANES):
        s, ss = lanes[lane], lanes[_LANES + lane]
        value, price = lanes[2 * _LANES + lane], lanes[3 * _LANES + lane]
        mean = s / window
        squares = ss - s * mean
        std = math.sqrt(squares / (window - 1)) if squares > 0.0 else 0.0
        known = std > SMALLEST_DEVIATION * max(1.0, abs(price) / _FULL_SIZE)
        lanes[4 * _LANES + lane] = value - mean if known else np.nan
        lanes[5 * _LANES + lane] = std if known else np.nan


@kernel
def _rolling_moments(values, window, price, sums, lanes, distance, deviation):
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
        for group in range(0, served, _LANES):
            windows = min(_LANES, served - group)
            for lane in range(windows):
                ahead = group + lane
                u = values[origin + ahead] - at
                s, ss = s + u, ss + u * u
                lanes[lane] = sums[0, ahead] + s
                lanes[_LANES + lane] = sums[1, ahead] + ss
                lanes[2 * _LANES + lane] = u
                lanes[3 * _LANES + lane] = price[origin + ahead]
            _finish(lanes, window)
            for lane in range(windows):
                distance[origin + group + lane] = lanes[4 * _LANES + lane]
                deviation[origin + group + lane] = lanes[5 * _LANES + lane]
        start += window
