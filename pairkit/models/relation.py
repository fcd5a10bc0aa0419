"""Relation statistics of two series over a whole sample: slope, half-life, Hurst exponent, correlation, stability of the slope.

1. y is fitted on (1, x). Of the residual: deviation, half-life, Hurst exponent, zero crossings.
2. Of the legs: correlation of changes, and how far the slope differs from stretch to stretch.

Sums run in a fixed number of lanes, as in models/cointegration.py, whose test goes with these figures.
Oracle in the tests: plain numpy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import inner_kernel, kernel
from pairkit._typing import FloatArray, IntArray
from pairkit.models.cointegration import LEAST_BARS, LagRule, engle_granger
from pairkit.models.hedges import checked_legs

STRETCH = 250  # bars in each stretch whose slopes are compared: about a year
_LANES = 32


class Relation(NamedTuple):
    """Relation statistics of y on x.

    `slope`; `statistic` of Engle-Granger (-inf where the legs are collinear, NaN where one is constant) and its `lags`;
    `residual_std`; `half_life` in bars by an AR(1) with a constant (inf where nothing pulls back); `hurst`, the slope of
    log mean square change on log distance over distances 1, 2, 4 .. 64 bars, halved (0.5 for a walk, near 0 for noise);
    `crossings` of the residual through zero; `correlation` of the legs' changes; `slope_spread`, the deviation of the slopes of
    consecutive stretches of 250 bars over the size of the whole sample's slope (NaN with fewer than two stretches).
    """

    slope: float
    statistic: float
    lags: float
    residual_std: float
    half_life: float
    hurst: float
    crossings: float
    correlation: float
    slope_spread: float


def relate(y: FloatArray, x: FloatArray, *, lags: LagRule = 1) -> Relation:
    """The relation of y on (1, x).

    Parameters
    ----------
    y, x : (T,) float64, finite
        The two series, e.g. adjusted log prices on complete bars.
    lags : int, "aic" or "bic"
        As in `engle_granger`.

    Raises
    ------
    DataError
        The series differ in length, hold a NaN, or are shorter than 30 bars or too short for the lags.
    """
    statistic, _, used, _ = engle_granger(y, x, lags=lags)
    slope, *figures = _figures(*checked_legs(y, x))
    return Relation(slope, statistic, float(used), *figures)


def relate_many(
    y: FloatArray, x: FloatArray, bars: IntArray, swapped: NDArray[np.bool_]
) -> FloatArray:
    """Relation statistics of many pairs, without the GIL: those of `Relation` but the test's, (K, 7), in its order.

    `y` and `x` (K, T) hold the pairs' legs, finite, in the first `bars` (K,) places of each row; where `swapped` (K,), it is x
    that is fitted on y. NaN for a pair of fewer than 30 bars.
    """
    figures: FloatArray = _figures_many(y, x, bars, swapped)
    return figures


@inner_kernel
def _sum_of_lanes(lanes):
    total = 0.0
    for lane in range(_LANES):
        total += lanes[lane]
    return total


@inner_kernel
def _dot(a, b):
    lanes, blocks = np.zeros(_LANES), a.size // _LANES
    for block in range(blocks):
        for lane in range(_LANES):
            lanes[lane] += a[block * _LANES + lane] * b[block * _LANES + lane]
    for t in range(blocks * _LANES, a.size):
        lanes[0] += a[t] * b[t]
    return _sum_of_lanes(lanes)


@inner_kernel
def _centred(values):
    """Less their mean, which is taken about the first value."""
    lanes, blocks = np.zeros(_LANES), values.size // _LANES
    for block in range(blocks):
        for lane in range(_LANES):
            lanes[lane] += values[block * _LANES + lane] - values[0]
    for t in range(blocks * _LANES, values.size):
        lanes[0] += values[t] - values[0]
    return values - (values[0] + _sum_of_lanes(lanes) / values.size)


@inner_kernel
def _half_life(e):
    n = e.size - 1
    level = _centred(e[:n])
    squares = _dot(level, level)
    pull = _dot(level, e[1:] - e[:n]) / squares
    if not pull < 0.0:
        return np.inf
    return math.log(0.5) / math.log(1.0 + pull) if pull > -1.0 else 0.0


@inner_kernel
def _mean_square_change(e, distance):
    changes = e.size - distance
    lanes, blocks = np.zeros(_LANES), changes // _LANES
    for block in range(blocks):
        for lane in range(_LANES):
            change = e[block * _LANES + lane + distance] - e[block * _LANES + lane]
            lanes[lane] += change * change
    for t in range(blocks * _LANES, changes):
        lanes[0] += (e[t + distance] - e[t]) ** 2
    return _sum_of_lanes(lanes) / changes


@inner_kernel
def _hurst(e):
    n = 0
    su = sv = suu = suv = 0.0
    distance = 1
    while distance <= 64 and distance <= e.size // 4:
        u, v = math.log(float(distance)), math.log(_mean_square_change(e, distance))
        n, su, sv, suu, suv = n + 1, su + u, sv + v, suu + u * u, suv + u * v
        distance *= 2
    return 0.5 * (suv - su * sv / n) / (suu - su * su / n)


@inner_kernel
def _crossings(e):
    """Number of sign changes; a zero has no sign, and is rare."""
    count = zeros = 0
    for t in range(1, e.size):
        count += (e[t] > 0.0) != (e[t - 1] > 0.0)
        zeros += (e[t] == 0.0) | (e[t - 1] == 0.0)
    if zeros == 0:
        return count
    count = 0
    side = 0.0
    for t in range(e.size):
        if e[t] != 0.0:
            now = 1.0 if e[t] > 0.0 else -1.0
            count += 1 if now == -side else 0
            side = now
    return count


@inner_kernel
def _correlation_of_changes(y, x):
    n = y.size - 1
    dy, dx = (y[1:] - y[:n]) - (y[n] - y[0]) / n, (x[1:] - x[:n]) - (x[n] - x[0]) / n
    squares = _dot(dy, dy) * _dot(dx, dx)
    return _dot(dy, dx) / math.sqrt(squares) if squares > 0.0 else np.nan


@inner_kernel
def _slope_spread(y, x, slope):
    count = y.size // STRETCH
    if count < 2:
        return np.nan
    slopes = np.empty(count)
    for k in range(count):
        first, last = y.size - (k + 1) * STRETCH, y.size - k * STRETCH
        u = _centred(x[first:last])
        slopes[k] = _dot(u, _centred(y[first:last])) / _dot(u, u)
    mean = np.sum(slopes) / count
    return math.sqrt(np.sum((slopes - mean) ** 2) / (count - 1)) / abs(slope)


@kernel
def _figures(y, x):
    v, u = _centred(y), _centred(x)
    squares = _dot(u, u)
    slope = _dot(u, v) / squares
    if not (squares > 0.0 and _dot(v, v) > 0.0):
        return slope, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan
    e = v - slope * u
    return (
        slope,
        math.sqrt(_dot(e, e) / (y.size - 1)),
        _half_life(e),
        _hurst(e),
        float(_crossings(e)),
        _correlation_of_changes(y, x),
        _slope_spread(y, x, slope),
    )


@kernel
def _figures_many(y, x, bars, swapped):
    out = np.full((bars.size, 7), np.nan)
    for k in range(bars.size):
        if bars[k] >= LEAST_BARS:
            a, b = y[k, : bars[k]], x[k, : bars[k]]
            if swapped[k]:
                a, b = b, a
            out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4], out[k, 5], out[k, 6] = _figures(
                a, b
            )
    return out
