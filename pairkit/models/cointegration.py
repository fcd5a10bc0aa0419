"""Is there a relation between two series? Tests and figures over a whole sample, one pass for each, for scans of many pairs.

1. Engle-Granger: y is fitted on (1, x), and the residual is tested for a unit root without a constant. Its lag order is given,
   or chosen by an information criterion, each lag judged on the same rows, as statsmodels.coint does it.
2. Johansen: the trace statistic of two series with a constant. With two series its eigenvalues solve a quadratic.
3. Of the residual: half-life, Hurst exponent, zero crossings, deviation. Of the legs: correlation of changes, and how far the
   slope differs from stretch to stretch.

Oracles in the tests: `statsmodels` coint, adfuller and coint_johansen, and plain numpy.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import kernel
from pairkit.errors import DataError
from pairkit.models.hedges import checked_legs

FloatArray = NDArray[np.float64]
LagRule = int | Literal["aic", "bic"]
STRETCH = 250  # bars in each stretch whose slopes are compared: about a year
LEAST_BARS = 30
_FIXED, _AIC, _BIC = 0, 1, 2
_COLLINEAR = 100.0 * math.sqrt(np.finfo(np.float64).eps)  # 1 - R^2 at or below this: statsmodels.coint's own bound

# Trace statistic, constant, two series: 95 % points for no relation at all, and for at most one. MacKinnon, Haug and Michelis
# (1999), "Numerical distribution functions of likelihood ratio tests for cointegration", J. Applied Econometrics 14(5).
JOHANSEN_95 = (15.4943, 3.8415)


class Relation(NamedTuple):
    """Figures of y on x.

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
        Lagged differences in the test, or how to choose their number: from 0 to 12 (T/100)^(1/4), rounded up.

    Raises
    ------
    DataError
        The series differ in length, hold a NaN, or are shorter than 30 bars or too short for the lags.
    """
    return Relation(*_relate(*_checked(y, x, lags)))


def engle_granger(y: FloatArray, x: FloatArray, *, lags: LagRule = 1) -> tuple[float, float, int, int]:
    """Engle-Granger of y on (1, x) and of x on (1, y): the two statistics, and the lags of each.

    As in `relate`, of which it is the dear part; what the two directions share is done once.
    """
    y, x, fixed, rule = _checked(y, x, lags)
    forward, backward, lags_forward, lags_backward = _both_ways(y, x, fixed, rule)
    return float(forward), float(backward), int(lags_forward), int(lags_backward)


def johansen_trace(y: FloatArray, x: FloatArray, *, lags: int = 1) -> tuple[float, float]:
    """Johansen's trace statistics of two series with a constant: for no relation at all, and for at most one.

    Both NaN where a series is constant or they are collinear. `JOHANSEN_95` holds their 95 % points.
    """
    y, x = checked_legs(y, x)
    none, at_most_one = _johansen(y, x, lags)
    return float(none), float(at_most_one)


def _checked(y: FloatArray, x: FloatArray, lags: LagRule) -> tuple[FloatArray, FloatArray, int, int]:
    y, x = checked_legs(y, x)
    fixed, rule = lag_rule(lags)
    if y.size < max(LEAST_BARS, 3 * fixed + 8):
        raise DataError(f"{y.size} bars are too few for a test with {lags} lags; use at least {max(LEAST_BARS, 3 * fixed + 8)}.")
    return y, x, fixed, rule


def lag_rule(lags: LagRule) -> tuple[int, int]:
    """A rule as (lags, code) for the kernels, or DataError."""
    if isinstance(lags, str) and lags in ("aic", "bic"):
        return 0, _AIC if lags == "aic" else _BIC
    if not isinstance(lags, int) or isinstance(lags, bool) or not 0 <= lags <= 40:
        raise DataError(f"lags = {lags!r}: accepted is a whole number from 0 to 40, 'aic' or 'bic'.")
    return lags, _FIXED


@kernel
def _means(y, x, first, last):
    """Means over first <= t < last, about the first bar; four sums of each, so that none waits for the one before."""
    y0, x0 = y[first], x[first]
    a = b = c = d = e = f = g = h = 0.0
    t = first
    while t + 4 <= last:
        a, b, c, d = a + (y[t] - y0), b + (y[t + 1] - y0), c + (y[t + 2] - y0), d + (y[t + 3] - y0)
        e, f, g, h = e + (x[t] - x0), f + (x[t + 1] - x0), g + (x[t + 2] - x0), h + (x[t + 3] - x0)
        t += 4
    while t < last:
        a, e = a + (y[t] - y0), e + (x[t] - x0)
        t += 1
    n = last - first
    return y0 + ((a + b) + (c + d)) / n, x0 + ((e + f) + (g + h)) / n


@kernel
def _slope_and_means(y, x, first, last):
    """Least-squares slope of y on (1, x) over first <= t < last, the two means and sums of squares and of products."""
    mean_y, mean_x = _means(y, x, first, last)
    syy = sxy = sxx = tyy = txy = txx = 0.0
    t = first
    while t + 2 <= last:
        v, u = y[t] - mean_y, x[t] - mean_x
        w, z = y[t + 1] - mean_y, x[t + 1] - mean_x
        syy, sxy, sxx = syy + v * v, sxy + u * v, sxx + u * u
        tyy, txy, txx = tyy + w * w, txy + z * w, txx + z * z
        t += 2
    if t < last:
        v, u = y[t] - mean_y, x[t] - mean_x
        syy, sxy, sxx = syy + v * v, sxy + u * v, sxx + u * u
    syy, sxy, sxx = syy + tyy, sxy + txy, sxx + txx
    return (sxy / sxx if sxx > 0.0 else np.nan), mean_y, mean_x, syy, sxx, sxy


@kernel
def _sweep_out(gram, pivot):
    """Take what column `pivot` explains out of the columns after it; False where nothing of it is left."""
    size = gram.shape[0]
    if not gram[pivot, pivot] > 0.0:
        return False
    for row in range(pivot + 1, size):
        factor = gram[pivot, row] / gram[pivot, pivot]
        for column in range(row, size):
            gram[row, column] -= factor * gram[pivot, column]
    return True


@kernel
def _add_row(gram, row):
    for i in range(row.size):
        for j in range(i, row.size):
            gram[i, j] += row[i] * row[j]


@kernel
def _residual_gram(e, lags, first, level_first):
    """Products of the residual's columns on rows t >= first: `lags` lagged changes, level, change; the level may come first."""
    gram = np.zeros((lags + 2, lags + 2))
    row = np.empty(lags + 2)
    level_at, lag_at = (0, 1) if level_first else (lags, 0)
    for t in range(first, e.size):
        for i in range(lags):
            row[lag_at + i] = e[t - 1 - i] - e[t - 2 - i]
        row[level_at] = e[t - 1]
        row[lags + 1] = e[t] - e[t - 1]
        _add_row(gram, row)
    return gram


@kernel
def _choose_lags(e, rule):
    """The lag order with the least information criterion, all judged on the rows that the longest leaves."""
    most = min(e.size // 2 - 1, math.ceil(12.0 * (e.size / 100.0) ** 0.25))
    gram = _residual_gram(e, most, most + 1, True)
    rows = e.size - 1 - most
    penalty = 2.0 if rule == _AIC else math.log(rows)
    best, chosen = np.inf, 0
    for lags in range(most + 1):
        if not _sweep_out(gram, lags):
            break
        rss = gram[most + 1, most + 1]
        criterion = rows * math.log(rss / rows) + penalty * (lags + 1) if rss > 0.0 else -np.inf
        if criterion < best:
            best, chosen = criterion, lags
    return chosen


@kernel
def _unit_root_statistic(e, lags):
    """t-statistic of the level in change ~ lagged changes + level, without a constant."""
    gram = _residual_gram(e, lags, lags + 1, False)
    for pivot in range(lags):
        if not _sweep_out(gram, pivot):
            return np.nan
    level, target = lags, lags + 1
    if not gram[level, level] > 0.0:
        return np.nan
    slope = gram[level, target] / gram[level, level]
    rss = gram[target, target] - slope * gram[level, target]
    freedom = e.size - 1 - lags - (lags + 1)
    return slope / math.sqrt(rss / freedom / gram[level, level]) if rss > 0.0 else np.nan


@kernel
def _one_lag_statistic(y, x, slope, mean_y, mean_x):
    """`_unit_root_statistic` at one lag, the case of every scan, in registers: the residual is never stored."""
    qq = ql = qd = ll = ld = dd = 0.0
    e1 = (y[0] - mean_y) - slope * (x[0] - mean_x)
    e2 = (y[1] - mean_y) - slope * (x[1] - mean_x)
    q = e2 - e1
    for t in range(2, y.size):
        e3 = (y[t] - mean_y) - slope * (x[t] - mean_x)
        d = e3 - e2
        qq, ql, qd = qq + q * q, ql + q * e2, qd + q * d
        ll, ld, dd = ll + e2 * e2, ld + e2 * d, dd + d * d
        e2, q = e3, d
    if not qq > 0.0:
        return np.nan
    level, pull, rest = ll - ql / qq * ql, ld - ql / qq * qd, dd - qd / qq * qd
    if not level > 0.0:
        return np.nan
    rss = rest - pull / level * pull
    return pull / level / math.sqrt(rss / (y.size - 4) / level) if rss > 0.0 else np.nan


@kernel
def _half_life(e):
    n = e.size - 1
    mean = np.sum(e[:n]) / n
    squares = products = 0.0
    for t in range(n):
        squares, products = squares + (e[t] - mean) ** 2, products + (e[t] - mean) * (e[t + 1] - e[t])
    pull = products / squares
    if not pull < 0.0:
        return np.inf
    return math.log(0.5) / math.log(1.0 + pull) if pull > -1.0 else 0.0


@kernel
def _hurst(e):
    n = 0
    su = sv = suu = suv = 0.0
    distance = 1
    while distance <= 64 and distance <= e.size // 4:
        squares = 0.0
        for t in range(distance, e.size):
            change = e[t] - e[t - distance]
            squares += change * change
        u, v = math.log(float(distance)), math.log(squares / (e.size - distance))
        n, su, sv, suu, suv = n + 1, su + u, sv + v, suu + u * u, suv + u * v
        distance *= 2
    return 0.5 * (suv - su * sv / n) / (suu - su * su / n)


@kernel
def _crossings(e):
    count = 0
    side = 0.0
    for t in range(e.size):
        if e[t] != 0.0:
            now = 1.0 if e[t] > 0.0 else -1.0
            count += 1 if now == -side else 0
            side = now
    return count


@kernel
def _correlation_of_changes(y, x):
    dy, dx = y[1:] - y[:-1], x[1:] - x[:-1]
    slope, _, _, syy, sxx, _ = _slope_and_means(dy, dx, 0, dy.size)
    return slope * math.sqrt(sxx / syy) if syy > 0.0 else np.nan


@kernel
def _slope_spread(y, x, slope):
    count = y.size // STRETCH
    if count < 2:
        return np.nan
    slopes = np.empty(count)
    for k in range(count):
        slopes[k] = _slope_and_means(y, x, y.size - (k + 1) * STRETCH, y.size - k * STRETCH)[0]
    mean = np.sum(slopes) / count
    return math.sqrt(np.sum((slopes - mean) ** 2) / (count - 1)) / abs(slope)


@kernel
def _test(y, x, slope, mean_y, mean_x, syy, sxx, sxy, lags, rule):
    """Engle-Granger of y on x from their moments: the statistic and its lags."""
    if not (sxx > 0.0 and syy > 0.0):
        return np.nan, lags
    if (syy - slope * sxy) <= 10.0 * _COLLINEAR * syy:  # so close to collinear that only the residual itself can tell
        e = (y - mean_y) - slope * (x - mean_x)
        if np.sum(e * e) <= _COLLINEAR * syy:
            return -np.inf, lags
    if lags == 1 and rule == _FIXED:
        return _one_lag_statistic(y, x, slope, mean_y, mean_x), lags
    e = (y - mean_y) - slope * (x - mean_x)
    if rule != _FIXED:
        lags = _choose_lags(e, rule)
    return _unit_root_statistic(e, lags), lags


@kernel
def _both_ways(y, x, lags, rule):
    slope, mean_y, mean_x, syy, sxx, sxy = _slope_and_means(y, x, 0, y.size)
    forward = _test(y, x, slope, mean_y, mean_x, syy, sxx, sxy, lags, rule)
    reverse = sxy / syy if syy > 0.0 else np.nan
    backward = _test(x, y, reverse, mean_x, mean_y, sxx, syy, sxy, lags, rule)
    return forward[0], backward[0], forward[1], backward[1]


@kernel
def _relate(y, x, lags, rule):
    slope, mean_y, mean_x, syy, sxx, sxy = _slope_and_means(y, x, 0, y.size)
    statistic, lags = _test(y, x, slope, mean_y, mean_x, syy, sxx, sxy, lags, rule)
    if not (sxx > 0.0 and syy > 0.0):
        return slope, statistic, float(lags), np.nan, np.nan, np.nan, np.nan, np.nan, np.nan
    e = (y - mean_y) - slope * (x - mean_x)
    return (slope, statistic, float(lags), math.sqrt(np.sum(e * e) / (y.size - 1)), _half_life(e), _hurst(e),
            float(_crossings(e)), _correlation_of_changes(y, x), _slope_spread(y, x, slope))


@kernel
def _fill_johansen_row(row, y, x, t, lags, means):
    """Lagged changes, changes and levels of both, less `means`: what is regressed lies after what it is regressed on."""
    for i in range(lags):
        row[2 * i], row[2 * i + 1] = y[t - 1 - i] - y[t - 2 - i], x[t - 1 - i] - x[t - 2 - i]
    k = 2 * lags
    row[k], row[k + 1], row[k + 2], row[k + 3] = y[t] - y[t - 1], x[t] - x[t - 1], y[t - 1] - y[0], x[t - 1] - x[0]
    for i in range(row.size):
        row[i] -= means[i]


@kernel
def _johansen(y, x, lags):
    size = 2 * lags + 4
    rows = y.size - 1 - lags
    row, sums, nothing = np.empty(size), np.zeros(size), np.zeros(size)
    for t in range(lags + 1, y.size):
        _fill_johansen_row(row, y, x, t, lags, nothing)
        sums += row
    means = sums / rows
    gram = np.zeros((size, size))
    for t in range(lags + 1, y.size):
        _fill_johansen_row(row, y, x, t, lags, means)
        _add_row(gram, row)
    for pivot in range(2 * lags):
        if not _sweep_out(gram, pivot):
            return np.nan, np.nan
    g = gram[2 * lags:, 2 * lags:]  # changes (0, 1) and levels (2, 3), the lags taken out
    p, q, r = g[2, 2], g[2, 3], g[3, 3]
    whole = p * r - q * q
    if not (whole > 0.0 and _sweep_out(g, 0) and _sweep_out(g, 1)):
        return np.nan, np.nan
    # What the changes leave of the levels, in units of the levels: the eigenvalues are 1 less Johansen's.
    a, b, c = g[2, 2], g[2, 3], g[3, 3]
    product, total = (a * c - b * b) / whole, (r * a - 2.0 * q * b + p * c) / whole
    larger = 0.5 * (total + math.sqrt(max(total * total - 4.0 * product, 0.0)))
    if not (product > 0.0 and larger > 0.0):
        return np.nan, np.nan
    return -rows * math.log(product), -rows * math.log(min(larger, 1.0))
