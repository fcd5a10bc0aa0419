"""Rolling mean and deviation, by sums that never subtract (the scheme of models/hedges/ols.py)."""

from __future__ import annotations

import math

import numpy as np

from pairkit._jit import at, for_kernels, kernel
from pairkit._typing import FloatArray

_SMALLEST_DEVIATION = 1e-10
_SMALLEST_SHARE = 1e-13  # of the price, with which the rounding of its digits grows


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
        for_kernels(np.asarray(values, dtype=np.float64)),
        window,
        for_kernels(np.asarray(price, dtype=np.float64)),
        np.empty((4, window)),
        distance,
        deviation,
    )
    return distance, deviation


@kernel
def _rolling_moments(values, window, price, sums, distance, deviation):
    """Write the distance of each value from its window's mean, and the window's deviation.

    `sums` is of the values about the origin and of their squares: of the bars up to the origin, and of those from it on; column m
    serves the window that ends at origin + m.
    """
    for start in range(0, values.size - window + 1, window):
        origin = start + window - 1
        served = min(window, values.size - origin)
        level = values[origin]
        s = ss = r = rr = 0.0
        for k in range(served):  # back and ahead at once: neither waits for the other
            u, v = values[at(origin - k)] - level, values[at(origin + k)] - level
            s, ss, r, rr = s + u, ss + u * u, r + v, rr + v * v
            back = at(window - 1 - k)
            sums[0, back], sums[1, back], sums[2, k], sums[3, k] = s, ss, r, rr
        for k in range(served, window):
            u = values[at(origin - k)] - level
            s, ss = s + u, ss + u * u
            back = at(window - 1 - k)
            sums[0, back], sums[1, back] = s, ss
        for m in range(served):  # without a branch, so that several windows are finished at a time
            total = sums[0, m] + sums[2, m]
            mean = total / window
            squares = (sums[1, m] + sums[3, m]) - total * mean
            std = math.sqrt(max(squares, 0.0) / (window - 1))
            known = std > max(_SMALLEST_DEVIATION, _SMALLEST_SHARE * abs(price[origin + m]))
            distance[origin + m] = (values[origin + m] - level) - mean if known else np.nan
            deviation[origin + m] = std if known else np.nan
