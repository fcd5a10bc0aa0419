"""Mean and deviation over rolling windows, by sums that never subtract (the scheme of models/hedges/ols.py)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import kernel

FloatArray = NDArray[np.float64]
SMALLEST_DEVIATION = 1e-10


def rolling_std(values: FloatArray, *, window: int) -> FloatArray:
    """Standard deviation (divisor n-1) of the `window` values that end at each row.

    (T,) in, (T,) out, in the unit of `values`. NaN where the window is not full, holds a NaN, or deviates by 1e-10 or less.
    """
    return _rolling_moments(np.ascontiguousarray(values, dtype=np.float64), window)[1]


def rolling_z(values: FloatArray, *, window: int) -> FloatArray:
    """How many deviations each value lies from the mean of the `window` values that end with it.

    (T,) in, (T,) out, in deviations. NaN as in `rolling_std`.
    """
    distance, deviation = _rolling_moments(np.ascontiguousarray(values, dtype=np.float64), window)
    return distance / deviation


@kernel
def _rolling_moments(values, window):
    """Distance of each value from its window's mean, and the window's deviation."""
    rows = values.size
    distance = np.full(rows, np.nan)
    deviation = np.full(rows, np.nan)
    sums = np.empty((2, window))
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
            if std > SMALLEST_DEVIATION:
                distance[origin + ahead] = (values[origin + ahead] - at) - mean
                deviation[origin + ahead] = std
        start += window
    return distance, deviation
