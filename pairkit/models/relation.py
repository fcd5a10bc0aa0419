"""Relation statistics of two series over a whole sample: slope, half-life, Hurst exponent, correlation, stability of the slope.

1. y is fitted on (1, x). Of the residual: deviation, half-life, Hurst exponent, zero crossings.
2. Of the legs: correlation of changes, and how far the slope differs from stretch to stretch.

The test of models/cointegration.py goes with these figures.
Oracle in the tests: plain numpy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import inner_kernel, kernel
from pairkit._typing import FloatArray
from pairkit.models.cointegration import LEAST_BARS, LagRule, engle_granger
from pairkit.models.hedges import checked_legs
from pairkit.models.lanes import dot, mean
from pairkit.models.panel import Aligned, leg_at

STRETCH = 250  # bars in each stretch whose slopes are compared: about a year


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


def relate_many(pairs: Aligned, swapped: NDArray[np.bool_]) -> FloatArray:
    """Relation statistics of K pairs, without the GIL: those of `Relation` but the test's, (K, 7), in its order.

    Where `swapped` (K,), it is x that is fitted on y. NaN for a pair of fewer than 30 bars.
    """
    figures: FloatArray = _figures_many(*pairs, swapped)
    return figures


@inner_kernel
def _centred(values):
    return values - mean(values)


@inner_kernel
def _half_life(e):
    n = e.size - 1
    level = _centred(e[:n])
    squares = dot(level, level)
    pull = dot(level, e[1:] - e[:n]) / squares
    if not pull < 0.0:
        return np.inf
    return math.log(0.5) / math.log(1.0 + pull) if pull > -1.0 else 0.0


@inner_kernel
def _mean_square_change(e, distance):
    changes = e[distance:] - e[: e.size - distance]
    return dot(changes, changes) / changes.size


@inner_kernel
def _hurst(e):
    n = 0
    su = sv = suu = suv = 0.0
    distance = np.int64(1)  # a literal 1 would be compiled once more
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
    squares = dot(dy, dy) * dot(dx, dx)
    return dot(dy, dx) / math.sqrt(squares) if squares > 0.0 else np.nan


@inner_kernel
def _slope_spread(y, x, slope):
    count = y.size // STRETCH
    if count < 2:
        return np.nan
    slopes = np.empty(count)
    for k in range(count):
        first, last = y.size - (k + 1) * STRETCH, y.size - k * STRETCH
        u = _centred(x[first:last])
        slopes[k] = dot(u, _centred(y[first:last])) / dot(u, u)
    average = np.sum(slopes) / count
    return math.sqrt(np.sum((slopes - average) ** 2) / (count - 1)) / abs(slope)


@kernel
def _figures(y, x):
    v, u = _centred(y), _centred(x)
    squares = dot(u, u)
    slope = dot(u, v) / squares
    if not (squares > 0.0 and dot(v, v) > 0.0):
        return slope, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan
    e = v - slope * u
    return (
        slope,
        math.sqrt(dot(e, e) / (y.size - 1)),
        _half_life(e),
        _hurst(e),
        float(_crossings(e)),
        _correlation_of_changes(y, x),
        _slope_spread(y, x, slope),
    )


@kernel
def _figures_many(values, room, y_at, x_at, bars, swapped):
    out = np.full((swapped.size, 7), np.nan)
    for k in range(swapped.size):
        if bars[k] >= LEAST_BARS:
            y = leg_at(values, room, y_at[k], bars[k])
            x = leg_at(values, room, x_at[k], bars[k])
            if swapped[k]:
                y, x = x, y
            out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4], out[k, 5], out[k, 6] = _figures(
                y, x
            )
    return out
