"""Cointegration tests over a whole sample: Engle-Granger and Johansen, for scans of many pairs.

1. Both tests regress changes and levels on lagged changes, and a regression needs only the products of its columns. The table
   of these products is made once for a pair; at one lag, the case of most scans, in a single pass.
2. Engle-Granger: y is fitted on (1, x), and the residual is tested for a unit root without a constant. Its products are
   quadratic forms in the table's, in either direction, so that no residual is formed, unless the form would lose digits.
   The lag order is given, or chosen by an information criterion, each lag judged on the same rows, as statsmodels.coint does it.
3. Johansen: the trace statistic of two series with a constant. With two series its eigenvalues solve a quadratic.

Oracles in the tests: `statsmodels` coint and coint_johansen.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from pairkit._jit import inner_kernel, kernel
from pairkit._typing import FloatArray, IntArray
from pairkit.errors import DataError
from pairkit.language import _
from pairkit.models.hedges import checked_legs
from pairkit.models.lanes import LANES, dot, mean, sum_of_lanes
from pairkit.models.panel import Aligned, leg_at, one_pair

LagRule = int | Literal["aic", "bic"]
LEAST_BARS = 30
_FIXED, _AIC, _BIC = 0, 1, 2
_COLLINEAR = 100.0 * math.sqrt(
    np.finfo(np.float64).eps
)  # 1 - R^2 at or below this: statsmodels.coint's own bound
_LEAST_SHARE = (
    1e-3  # of a leg's products, the residual's: below this the quadratic form loses too many digits
)
_NOTHING_LEFT = 1e-13  # of a column's own square, once those before it are taken out: it is a combination of them
# what is known of a leg by itself: its mean, then at one lag the sums of its products: level x level, change x change, earlier
# change x change, level x change; and the places of the sums that take both legs
_MEAN, _SUMS, _OWN = 0, 1, 5
_CROSSED = (1, 4, 7, 8, 11, 12)
_ABOVE_ROUNDING = 1.0 + 1e-9
_ZERO, _ONE = (
    np.int64(0),
    np.int64(1),
)  # for each literal number that it is given, a kernel is compiled anew

# Trace statistic, constant, two series: 95 % points for no relation at all, and for at most one. Osterwald-Lenum (1992), "A note
# with quantiles of the asymptotic distribution of the ML cointegration rank test statistics", Oxford Bulletin 54(3), table 1.1*:
# that of walks without a drift. The points that presume one (15.49, 3.84) find a relation on 11 to 12 % of unrelated pairs.
JOHANSEN_95 = (17.95, 8.18)


def engle_granger(
    y: FloatArray, x: FloatArray, *, lags: LagRule = 1
) -> tuple[float, float, int, int]:
    """Engle-Granger of y on (1, x) and of x on (1, y): the two statistics, and the lags of each.

    Parameters
    ----------
    y, x : (T,) float64, finite
        The two series, e.g. adjusted log prices on complete bars.
    lags : int, "aic" or "bic"
        Lagged differences in the test, or how to choose their number: from 0 to 12 (T/100)^(1/4), rounded up.

    Returns
    -------
    tuple
        A statistic is -inf where the legs are collinear, NaN where one is constant.

    Raises
    ------
    DataError
        The series differ in length, hold a NaN, or are shorter than 30 bars or too short for the lags.
    """
    y, x = checked_legs(y, x)
    fixed, _rule = lag_rule(lags)
    if y.size < max(LEAST_BARS, 3 * fixed + 8):
        raise DataError(
            _(
                "{y_size} bars are too few for a test with {lags} lags; use at least {least_bars}.",
                y_size=y.size,
                lags=lags,
                least_bars=max(LEAST_BARS, 3 * fixed + 8),
            )
        )
    forward, backward, *used = engle_granger_many(one_pair(y, x), lags=lags)[0].tolist()
    return forward, backward, int(used[0]), int(used[1])


def engle_granger_many(pairs: Aligned, *, lags: LagRule) -> FloatArray:
    """`engle_granger` of K pairs, the GIL free meanwhile; what a leg brings to a pair is worked out once for all of its pairs.

    Returns (K, 4): the two statistics and their lags; NaN for a pair of fewer bars than the test needs.
    """
    fixed, rule = lag_rule(lags)
    statistics: FloatArray = _both_ways_many(*pairs, *_own_of_legs(pairs, fixed), fixed, rule)
    return statistics


def johansen_trace(y: FloatArray, x: FloatArray, *, lags: int = 1) -> tuple[float, float]:
    """Johansen's trace statistics of two series with a constant: for no relation at all, and for at most one.

    Both NaN where a series is constant, they are collinear, or no longer than 2 x lags + 8. `JOHANSEN_95` holds their 95 % points.
    """
    none, at_most_one = johansen_many(one_pair(*checked_legs(y, x)), np.array([lags]))[0].tolist()
    return none, at_most_one


def johansen_many(pairs: Aligned, lags: IntArray) -> FloatArray:
    """`johansen_trace` of K pairs, each with its own (K,) lags; (K, 2) out."""
    traces: FloatArray = _johansen_many(*pairs, *_own_of_legs(pairs, 1), lags)
    return traces


def _own_of_legs(pairs: Aligned, lags: int) -> tuple[FloatArray, IntArray, IntArray]:
    """(L, OWN) what `_describe` says of each distinct leg, and for each pair which of them its legs are, (K,) y and (K,) x."""
    places = np.concatenate([pairs.y, pairs.x])
    bars = np.concatenate([pairs.bars, pairs.bars])
    first = which = np.arange(len(places))
    if len(pairs.bars) > 1:  # legs that begin at one place and end at one are one
        _, first, which = np.unique(
            places * (bars.max() + 1) + bars, return_index=True, return_inverse=True
        )
    own = np.empty((len(first), _OWN))
    _describe_many(pairs.values, pairs.room, places[first], bars[first], lags, own)
    return own, which[: len(pairs.y)], which[len(pairs.y) :]


def lag_rule(lags: LagRule) -> tuple[int, int]:
    """A rule as (lags, code) for the kernels, or DataError."""
    if isinstance(lags, str) and lags in ("aic", "bic"):
        return 0, _AIC if lags == "aic" else _BIC
    if not isinstance(lags, int) or isinstance(lags, bool) or not 0 <= lags <= 40:
        raise DataError(
            _(
                "lags = {lags!r}: accepted is a whole number from 0 to 40, 'aic' or 'bic'.",
                lags=lags,
            )
        )
    return lags, _FIXED


@inner_kernel
def _describe(values, lags, own):
    """Write what a leg brings to each of its pairs: its mean and, at one lag, the sums of its own products."""
    own[_MEAN] = mean(values)
    if lags == 1:
        _own_sums(values, own)


@kernel
def _describe_many(values, room, places, bars, lags, own):
    for i in range(places.size):
        if bars[i] > 8:  # fewer no test takes
            _describe(leg_at(values, room, places[i], bars[i]), lags, own[i])


@inner_kernel
def _add_own(sums, lane, values, t, mean):
    level, change = values[t - 1] - mean, values[t] - values[t - 1]
    sums[0, lane] += level * level
    sums[1, lane] += change * change
    sums[2, lane] += (values[t - 1] - values[t - 2]) * change
    sums[3, lane] += level * change


@inner_kernel
def _own_sums(values, own):
    """Sums over bars 2 .. T-2 of a leg's products at one lag, about its mean; of level, change and earlier change see below."""
    lanes, blocks = np.zeros((4, LANES)), (values.size - 3) // LANES
    for block in range(blocks):
        for lane in range(LANES):
            _add_own(lanes, lane, values, 2 + block * LANES + lane, own[_MEAN])
    for t in range(2 + blocks * LANES, values.size - 1):
        _add_own(lanes, _ZERO, values, t, own[_MEAN])
    for i in range(4):
        own[_SUMS + i] = sum_of_lanes(lanes[i])


@inner_kernel
def _add_crossed(sums, lane, y, x, t, mean_y, mean_x):
    v, u = y[t - 1] - mean_y, x[t - 1] - mean_x
    dv, du = y[t] - y[t - 1], x[t] - x[t - 1]
    sums[0, lane] += v * u
    sums[1, lane] += dv * du
    sums[2, lane] += (y[t - 1] - y[t - 2]) * du
    sums[3, lane] += (x[t - 1] - x[t - 2]) * dv
    sums[4, lane] += v * du
    sums[5, lane] += u * dv


@inner_kernel
def _sums_at_one_lag(y, x, own_y, own_x):
    """Sums over bars 2 .. T-2 of products of both legs' level of the bar before (v, u), change, and change of the bar before.

    In this order: v v, v u, u u; dv dv, dv du, du du; before x now: v v, v u, u v, u u; level x change: v v, v u, u v, u u.
    """
    lanes, blocks = np.zeros((6, LANES)), (y.size - 3) // LANES
    for block in range(blocks):
        for lane in range(LANES):
            _add_crossed(lanes, lane, y, x, 2 + block * LANES + lane, own_y[_MEAN], own_x[_MEAN])
    for t in range(2 + blocks * LANES, y.size - 1):
        _add_crossed(lanes, _ZERO, y, x, t, own_y[_MEAN], own_x[_MEAN])
    sums = np.empty(14)
    sums[0], sums[3], sums[6], sums[10] = own_y[_SUMS:]
    sums[2], sums[5], sums[9], sums[13] = own_x[_SUMS:]
    for i in range(6):
        sums[_CROSSED[i]] = sum_of_lanes(lanes[i])
    return sums


@inner_kernel
def _gram_at_one_lag(y, x, own_y, own_x):
    """`_gram` at one lag: the lagged changes and the changes are the same numbers but for the ends, and so are their products."""
    sums = _sums_at_one_lag(y, x, own_y, own_x)
    gram = np.empty((6, 6))
    _add_ends(gram, _ZERO, _ZERO, y, y, own_y[_MEAN], own_y[_MEAN], sums)
    _add_ends(gram, _ZERO, _ONE, y, x, own_y[_MEAN], own_x[_MEAN], sums)
    _add_ends(gram, _ONE, _ZERO, x, y, own_x[_MEAN], own_y[_MEAN], sums)
    _add_ends(gram, _ONE, _ONE, x, x, own_x[_MEAN], own_x[_MEAN], sums)
    return gram


@inner_kernel
def _add_ends(gram, i, j, a, b, mean_a, mean_b, sums):
    """The products of leg i and leg j: `sums`, and what the first or the last bar adds to each."""
    last = a.size - 1
    first_b, last_b = b[1] - b[0], b[last] - b[last - 1]
    level, pulled = a[last - 1] - mean_a, sums[10 + 2 * i + j]
    gram[4 + i, 4 + j] = sums[i + j] + level * (b[last - 1] - mean_b)
    gram[2 + i, 2 + j] = sums[3 + i + j] + (a[last] - a[last - 1]) * last_b
    gram[i, j] = sums[3 + i + j] + (a[1] - a[0]) * first_b
    gram[i, 2 + j] = sums[6 + 2 * i + j] + (a[last - 1] - a[last - 2]) * last_b
    gram[2 + j, i] = gram[i, 2 + j]
    gram[4 + i, 2 + j] = pulled + level * last_b
    gram[2 + j, 4 + i] = gram[4 + i, 2 + j]
    # the level is that of a bar before and a change
    gram[4 + i, j] = pulled + (a[0] - mean_a) * first_b + gram[i, j]
    gram[j, 4 + i] = gram[4 + i, j]


@inner_kernel
def _gram(y, x, lags, own_y, own_x):
    """Products of both legs' columns on the rows that the lags leave: lagged changes, change, level about its mean; y, then x."""
    if lags == 1:
        return _gram_at_one_lag(y, x, own_y, own_x)
    size, mean_y, mean_x = 2 * lags + 4, own_y[_MEAN], own_x[_MEAN]
    gram, row = np.zeros((size, size)), np.empty(size)
    for t in range(lags + 1, y.size):
        for i in range(lags):
            row[2 * i], row[2 * i + 1] = y[t - 1 - i] - y[t - 2 - i], x[t - 1 - i] - x[t - 2 - i]
        row[size - 4], row[size - 3] = y[t] - y[t - 1], x[t] - x[t - 1]
        row[size - 2], row[size - 1] = y[t - 1] - mean_y, x[t - 1] - mean_x
        _add_row(gram, row)
    for i in range(size):
        for j in range(i):
            gram[i, j] = gram[j, i]
    return gram


@inner_kernel
def _add_row(gram, row):
    for i in range(row.size):
        for j in range(i, row.size):
            gram[i, j] += row[i] * row[j]


@inner_kernel
def _diagonal(gram):
    out = np.empty(gram.shape[0])
    for i in range(out.size):
        out[i] = gram[i, i]
    return out


@inner_kernel
def _sweep_out(gram, pivot, whole):
    """Eliminate column `pivot` from the columns after it; False where the columns before have left nothing of it.

    `whole` is the column's own square at the start. A column of which nothing is left adds nothing, as with a pseudo-inverse.
    """
    size = gram.shape[0]
    if not gram[pivot, pivot] > _NOTHING_LEFT * whole:
        return False
    for row in range(pivot + 1, size):
        factor = gram[pivot, row] / gram[pivot, pivot]
        for column in range(row, size):
            gram[row, column] -= factor * gram[pivot, column]
    return True


@inner_kernel
def _residual_columns(e, lags, first, level_at):
    """Products of the residual's columns on rows t >= first: `lags` lagged changes and the level, which is first or last, change."""
    gram = np.zeros((lags + 2, lags + 2))
    row = np.empty(lags + 2)
    lag_at = 1 if level_at == 0 else 0
    for t in range(first, e.size):
        for i in range(lags):
            row[lag_at + i] = e[t - 1 - i] - e[t - 2 - i]
        row[level_at] = e[t - 1]
        row[lags + 1] = e[t] - e[t - 1]
        _add_row(gram, row)
    return gram


@inner_kernel
def _residual_gram(gram, lags, regressed, slope):
    """`_residual_columns` as quadratic forms in both legs' `gram`; a NaN in the first place where these would lose digits."""
    out = np.empty((lags + 2, lags + 2))
    for i in range(lags + 2):
        for j in range(i, lags + 2):
            # `gram` has the change before the level, and the residual's the level before the change
            p, q = (
                2 * (i if i < lags else 2 * lags + 1 - i),
                2 * (j if j < lags else 2 * lags + 1 - j),
            )
            own, crossed = (
                gram[p + regressed, q + regressed],
                gram[p + regressed, q + 1 - regressed],
            )
            crossed += gram[p + 1 - regressed, q + regressed]
            out[i, j] = (
                own - slope * crossed + slope * slope * gram[p + 1 - regressed, q + 1 - regressed]
            )
            if i == j and not out[i, i] >= _LEAST_SHARE * own:
                out[0, 0] = np.nan
                return out
    return out


@inner_kernel
def _choose_lags(e, rule):
    """The lag order with the least information criterion, all judged on the rows that the longest leaves."""
    most = min(e.size // 2 - 1, math.ceil(12.0 * (e.size / 100.0) ** 0.25))
    gram = _residual_columns(e, most, most + 1, _ZERO)
    whole = _diagonal(gram)
    rows = e.size - 1 - most
    penalty = 2.0 if rule == _AIC else math.log(rows)
    best, chosen, columns = np.inf, 0, 0
    for lags in range(most + 1):
        if not _sweep_out(gram, lags, whole[lags]):
            continue
        columns += 1
        rss = gram[most + 1, most + 1]
        criterion = rows * math.log(rss / rows) + penalty * columns if rss > 0.0 else -np.inf
        if criterion < best:
            best, chosen = criterion, lags
    return chosen


@inner_kernel
def _t_of_level(gram, lags, rows):
    """t-statistic of the level in change ~ lagged changes + level, without a constant, from the products; destroys them.

    NaN where some lags repeat each other and they leave nothing of the level.
    """
    freedom = rows - lags - 1
    whole, least_level = _diagonal(gram), 0.0
    level, target = lags, lags + 1
    for pivot in range(lags):
        if not _sweep_out(gram, pivot, whole[pivot]):
            freedom, least_level = freedom + 1, _NOTHING_LEFT * whole[level]
    if not gram[level, level] > least_level:
        return np.nan
    slope = gram[level, target] / gram[level, level]
    rss = gram[target, target] - slope * gram[level, target]
    return slope / math.sqrt(rss / freedom / gram[level, level]) if rss > 0.0 else np.nan


@inner_kernel
def _residual(y, x, slope, mean_y, mean_x):
    return (y - mean_y) - slope * (x - mean_x)


@inner_kernel
def _squares(y, x, mean_y, mean_x):
    """Sums of squares of both legs about their means, and the sum of their products."""
    v, u = y - mean_y, x - mean_x
    return dot(v, v), dot(u, u), dot(v, u)


@inner_kernel
def _one_way(y, x, mean_y, mean_x, squares, gram, regressed, lags, rule):
    """Engle-Granger of y on x: the statistic and its lags. `gram` is both legs', in which y is the `regressed` one."""
    syy, sxx, sxy = squares
    if not (sxx > 0.0 and syy > 0.0):
        return np.nan, lags
    slope = sxy / sxx
    if (
        syy - slope * sxy
    ) <= 10.0 * _COLLINEAR * syy:  # so close to collinear that only the residual itself can tell
        e = _residual(y, x, slope, mean_y, mean_x)
        if np.sum(e * e) <= _COLLINEAR * syy:
            return -np.inf, lags
    if rule == _FIXED:
        table = _residual_gram(gram, lags, regressed, slope)
        if table[0, 0] == table[0, 0]:
            return _t_of_level(table, lags, y.size - 1 - lags), lags
    e = _residual(y, x, slope, mean_y, mean_x)
    if rule != _FIXED:
        lags = _choose_lags(e, rule)
    if lags == 1:
        own = np.zeros(_OWN)
        _own_sums(e, own)
        return _t_of_level(
            _residual_gram(_gram_at_one_lag(e, e, own, own), lags, _ZERO, 0.0), lags, y.size - 2
        ), lags
    return _t_of_level(_residual_columns(e, lags, lags + 1, lags), lags, y.size - 1 - lags), lags


@inner_kernel
def _both_ways(y, x, own_y, own_x, lags, rule):
    mean_y, mean_x = own_y[_MEAN], own_x[_MEAN]
    gram = _gram(y, x, lags, own_y, own_x) if rule == _FIXED else np.empty((0, 0))
    if (
        rule == _FIXED and lags == 1
    ):  # whose levels are those of all bars but the first and the last
        v, u, w, z = y[0] - mean_y, x[0] - mean_x, y[y.size - 1] - mean_y, x[x.size - 1] - mean_x
        syy, sxx, sxy = (
            gram[4, 4] + v * v + w * w,
            gram[5, 5] + u * u + z * z,
            gram[4, 5] + v * u + w * z,
        )
    else:
        syy, sxx, sxy = _squares(y, x, mean_y, mean_x)
    forward = _one_way(y, x, mean_y, mean_x, (syy, sxx, sxy), gram, _ZERO, lags, rule)
    backward = _one_way(x, y, mean_x, mean_y, (sxx, syy, sxy), gram, _ONE, lags, rule)
    return forward[0], backward[0], forward[1], backward[1]


@kernel
def _both_ways_many(values, room, y_at, x_at, bars, own, of_y, of_x, lags, rule):
    out = np.full((of_y.size, 4), np.nan)
    for k in range(of_y.size):
        if bars[k] >= max(LEAST_BARS, 3 * lags + 8):
            y = leg_at(values, room, y_at[k], bars[k])
            x = leg_at(values, room, x_at[k], bars[k])
            out[k, 0], out[k, 1], out[k, 2], out[k, 3] = _both_ways(
                y, x, own[of_y[k]], own[of_x[k]], lags, rule
            )
    return out


@inner_kernel
def _johansen(y, x, own_y, own_x, lags):
    mean_y, mean_x = own_y[_MEAN], own_x[_MEAN]
    gram = _gram(y, x, lags, own_y, own_x)
    size, rows, last = 2 * lags + 4, y.size - 1 - lags, y.size - 1
    sums = np.empty(size)
    for i in range(
        lags + 1
    ):  # of changes: where they end, less where they begin; the change itself is the last of them
        back = i + 1 if i < lags else 0
        sums[2 * i], sums[2 * i + 1] = (
            y[last - back] - y[lags - back],
            x[last - back] - x[lags - back],
        )
    level_y, level_x = mean(y[lags:last]), mean(x[lags:last])
    sums[size - 2], sums[size - 1] = rows * (level_y - mean_y), rows * (level_x - mean_x)
    for i in range(size):
        for j in range(size):
            gram[i, j] -= sums[i] / rows * sums[j]
    whole = _diagonal(gram)
    for pivot in range(2 * lags):
        _sweep_out(gram, pivot, whole[pivot])
    # left are the changes, at n and n + 1, and the levels after them
    n = 2 * lags
    p, q, r = gram[n + 2, n + 2], gram[n + 2, n + 3], gram[n + 3, n + 3]
    whole_levels = p * r - q * q
    if not (whole_levels > 0.0 and _sweep_out(gram, n, 0.0) and _sweep_out(gram, n + 1, 0.0)):
        return np.nan, np.nan
    # What the changes leave of the levels, in units of the levels: the eigenvalues are 1 less Johansen's.
    a, b, c = gram[n + 2, n + 2], gram[n + 2, n + 3], gram[n + 3, n + 3]
    product, total = (a * c - b * b) / whole_levels, (r * a - 2.0 * q * b + p * c) / whole_levels
    larger = 0.5 * (total + math.sqrt(max(total * total - 4.0 * product, 0.0)))
    larger = min(larger, 1.0)
    if (
        not 0.0 < product <= larger * _ABOVE_ROUNDING
    ):  # of legs so near to collinear no digit is left
        return np.nan, np.nan
    return -rows * math.log(min(product, larger)), -rows * math.log(larger)


@kernel
def _johansen_many(values, room, y_at, x_at, bars, own, of_y, of_x, lags):
    out = np.full((of_y.size, 2), np.nan)
    for k in range(of_y.size):
        if bars[k] > 2 * lags[k] + 8:
            y = leg_at(values, room, y_at[k], bars[k])
            x = leg_at(values, room, x_at[k], bars[k])
            out[k, 0], out[k, 1] = _johansen(y, x, own[of_y[k]], own[of_x[k]], lags[k])
    return out
