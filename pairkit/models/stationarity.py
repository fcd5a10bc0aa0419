"""Rolling unit-root tests at a fixed lag order: Engle-Granger on two legs, ADF on a spread; statistic and p-value.

1. A test on a window is a least-squares fit, and a fit needs only sums of products of its columns. Those sums are kept
   for every window by the subtraction-free scheme of models/hedges/ols.py: O(1) a bar, whatever the window.
2. Engle-Granger regresses y on x first, with a slope that differs from window to window. The residual's products are
   quadratic forms in the products of y and x, so no residual is ever formed. Before that, a slope fitted once per block is
   taken out of y: what is left is of the residual's own size, and little is lost to cancellation. Where that slope does not
   suit a window (a bad tick bent it), the window is summed anew about its own.
3. The t-statistic becomes a p-value by MacKinnon's (1994) response surfaces.

Oracles in the tests: `statsmodels.tsa.stattools.coint` and `adfuller`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pairkit._jit import inner_kernel, kernel, step
from pairkit._typing import FloatArray
from pairkit.errors import DataError
from pairkit.language import _
from pairkit.models.hedges import checked_legs

# MacKinnon, J. G. (1994), "Approximate asymptotic distribution functions for unit-root and cointegration tests", Journal
# of Business & Economic Statistics 12(2), 167-176, tables 3 and 4, regression with a constant; rows for 1 and 2 series.
_TAU_MAX = np.array([2.74, 0.92])
_TAU_MIN = np.array([-18.83, -18.86])
_TAU_STAR = np.array([-1.61, -2.62])
_SMALL_P = np.array([[2.1659, 1.4412, 0.038269], [2.92, 1.5012, 0.039796]])
_LARGE_P = np.array(
    [[1.7339, 0.93202, -0.12745, -0.010368], [2.1945, 0.64695, -0.29198, -0.042377]]
)

_SMALLEST_RANGE = 1e-10
_LEAST_SHARE = 1e-4  # of what the block's slope leaves in y, the window's residual: below this too many digits are lost
_COLLINEAR = 100.0 * math.sqrt(
    np.finfo(np.float64).eps
)  # 1 - R^2 at or below this: statsmodels.coint's own bound


def mackinnon_pvalue(statistic: float, legs: int) -> float:
    """P-value of an ADF t-statistic (regression with a constant).

    Parameters
    ----------
    statistic : float
        The t-statistic; -inf gives 0, NaN gives NaN.
    legs : {1, 2}
        1 for a plain series, 2 for the residual of an estimated two-leg relation (Engle-Granger).
    """
    return float(mackinnon_pvalues(np.array([statistic], dtype=np.float64), legs)[0])


def mackinnon_pvalues(statistics: FloatArray, legs: int) -> FloatArray:
    """P-values of (T,) ADF t-statistics, as `mackinnon_pvalue`."""
    if legs not in (1, 2):
        raise DataError(
            _("legs = {legs}: MacKinnon's surfaces are kept for 1 series or 2", legs=legs)
        )
    statistics = np.ascontiguousarray(statistics, dtype=np.float64)
    out = np.empty(statistics.size)
    _pvalues(statistics, legs, out)
    return out


def rolling_engle_granger(y: FloatArray, x: FloatArray, *, window: int, lags: int) -> FloatArray:
    """P-values of the Engle-Granger test of y on (1, x), over the `window` bars that end at each bar.

    Parameters
    ----------
    y, x : (T,) float64, finite
        Adjusted prices of the two legs on complete bars.
    window, lags : int
        Bars in each test, and lagged differences in it.

    Returns
    -------
    (T,) float64
        NaN before the first full window and where a leg is constant in it; 0 where the legs are collinear.

    Raises
    ------
    DataError
        The legs differ in length or hold a NaN, or the window is too short for the lags.
    """
    return mackinnon_pvalues(engle_granger_statistic(y, x, window=window, lags=lags), 2)


def engle_granger_statistic(y: FloatArray, x: FloatArray, *, window: int, lags: int) -> FloatArray:
    """The t-statistics behind `rolling_engle_granger`, which says the rest; -inf where the legs are collinear."""
    y, x = checked_legs(y, x)
    window = _checked_window(window, lags)
    statistic, changed = np.full(y.size, np.nan), np.empty((2, y.size), np.int64)
    _last_changes(y, changed[0])
    _last_changes(x, changed[1])
    work = _work_space(window, lags, 2 * (lags + 2))
    if lags == 1:
        _engle_granger_at_one_lag(y, x, window, changed[0], changed[1], statistic, *work)
    else:
        _engle_granger_at_lags(y, x, window, lags, changed[0], changed[1], statistic, *work)
    return statistic


def rolling_adf(values: FloatArray, *, window: int, lags: int) -> FloatArray:
    """P-values of the ADF test with a constant, over the `window` values that end at each row.

    (T,) in, NaN allowed, (T,) out: NaN where the window is not full, holds a NaN, or spans 1e-10 or less. On a spread
    made with an estimated hedge the p-values are too small (docs/semantics.md 2).
    """
    return mackinnon_pvalues(adf_statistic(values, window=window, lags=lags), 1)


def adf_statistic(values: FloatArray, *, window: int, lags: int) -> FloatArray:
    """The t-statistics behind `rolling_adf`, which says the rest."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    window = _checked_window(window, lags)
    statistic, work = np.full(values.size, np.nan), _work_space(window, lags, lags + 2)
    if lags == 1:
        _adf_at_one_lag(values, window, statistic, *work)
    else:
        _adf_at_lags(values, window, lags, statistic, *work)
    return statistic


def _work_space(window: int, lags: int, columns: int) -> Any:
    """Room for a rolling test on so many columns: sums of each suffix of a block, running sums, one row, Gram matrix.

    Made here and not in the kernels, in which every array that is made costs half a second of compiling.
    """
    sums = columns + columns * (columns + 1) // 2
    return (
        np.empty((window - 1 - lags, sums)),
        np.empty(sums),
        np.empty(columns),
        np.empty((lags + 2, lags + 2)),
    )


def _checked_window(window: int, lags: int) -> int:
    if lags < 0 or window < 2 * lags + 4:
        raise DataError(
            _(
                "a test over {window} bars with {lags} lags has too few; use at least {needed} bars",
                window=window,
                lags=lags,
                needed=2 * max(lags, 0) + 4,
            )
        )
    return window


@kernel
def _pvalue(statistic, legs):
    row = legs - 1
    if np.isnan(statistic):
        return np.nan
    if statistic > _TAU_MAX[row]:
        return 1.0
    if statistic < _TAU_MIN[row]:
        return 0.0
    if statistic <= _TAU_STAR[row]:
        c = _SMALL_P[row]
        quantile = c[0] + statistic * (c[1] + statistic * c[2])
    else:
        d = _LARGE_P[row]
        quantile = d[0] + statistic * (d[1] + statistic * (d[2] + statistic * d[3]))
    return 0.5 * math.erfc(-quantile / math.sqrt(2.0))


@kernel
def _pvalues(statistics, legs, out):
    for t in range(statistics.size):
        out[t] = _pvalue(statistics[t], legs)


@step
def _t_of_level(gram, lags, freedom):
    """t-statistic of the level in target ~ lags + level, from their Gram matrix (order: lags, level, target); destroys it.

    Lags are swept out first, then the level: each pivot is a residual sum of squares, which keeps digits.
    """
    for pivot in range(lags):
        if not gram[pivot, pivot] > 0.0:
            return np.nan
        for row in range(pivot + 1, lags + 2):
            factor = gram[pivot, row] / gram[pivot, pivot]
            for column in range(row, lags + 2):
                gram[row, column] -= factor * gram[pivot, column]
    level, target = lags, lags + 1
    if not gram[level, level] > 0.0:
        return np.nan
    slope = gram[level, target] / gram[level, level]
    rss = gram[target, target] - slope * gram[level, target]
    if not rss > 0.0:
        return np.nan
    return slope / math.sqrt(rss / freedom / gram[level, level])


@inner_kernel
def _spans_too_little(values, first, last):
    low = high = values[first]
    for t in range(first + 1, last + 1):
        low, high = min(low, values[t]), max(high, values[t])
    return high - low <= _SMALLEST_RANGE


@step
def _fill_adf_row(row, values, t, lags, at):
    """The columns of one regression row: lagged differences, level about `at`, difference."""
    for i in range(lags):
        row[i] = values[t - 1 - i] - values[t - 2 - i]
    row[lags] = values[t - 1] - at
    row[lags + 1] = values[t] - values[t - 1]


@step
def _add_products(row, sums):
    """Add one row to the running sums: first each column, then each product of two columns, upper triangle."""
    k = row.size
    place = k
    for i in range(k):
        sums[i] += row[i]
        for j in range(i, k):
            sums[place] += row[i] * row[j]
            place += 1


@step
def _clear(sums):
    for i in range(sums.size):
        sums[i] = 0.0


@step
def _store(sums, suffix, place):
    for i in range(sums.size):
        suffix[place, i] = sums[i]


@step
def _rolling_adf(values, window, lags, statistic, suffix, sums, row, gram):
    bars = values.size
    rows = window - 1 - lags  # regression rows in a window
    k = lags + 2
    start = lags + 1
    while start + rows <= bars:
        origin = start + rows - 1
        served = min(rows, bars - origin)
        at = values[origin - 1]
        _clear(sums)
        for back in range(rows):
            _fill_adf_row(row, values, origin - back, lags, at)
            _add_products(row, sums)
            _store(sums, suffix, rows - 1 - back)
        _clear(sums)
        for ahead in range(served):
            end = origin + ahead
            if ahead > 0:
                _fill_adf_row(row, values, end, lags, at)
                _add_products(row, sums)
            place = k
            for i in range(k):
                mean = (suffix[ahead, i] + sums[i]) / rows
                for j in range(i, k):
                    gram[i, j] = (
                        suffix[ahead, place] + sums[place] - mean * (suffix[ahead, j] + sums[j])
                    )
                    place += 1
            # the exact test of a constant window is dear, and only a tiny variance of the level can call for it
            if gram[lags, lags] <= rows * 1e-18 and _spans_too_little(
                values, end - window + 1, end
            ):
                continue
            statistic[end] = _t_of_level(gram, lags, rows - k)
        start += rows


@step
def _fill_pair_row(row, y, x, t, lags, y0, x0, slope):
    """Columns of one regression row, two by two (y less slope x, then x): lagged differences, level, difference."""
    for i in range(lags):
        dx = x[t - 1 - i] - x[t - 2 - i]
        row[2 * i] = (y[t - 1 - i] - y[t - 2 - i]) - slope * dx
        row[2 * i + 1] = dx
    v = x[t - 1] - x0
    row[2 * lags] = (y[t - 1] - y0) - slope * v
    row[2 * lags + 1] = v
    dx = x[t] - x[t - 1]
    row[2 * lags + 2] = (y[t] - y[t - 1]) - slope * dx
    row[2 * lags + 3] = dx


@inner_kernel
def _slope_about(y, x, first, last, y0, x0):
    """Least-squares slope of y on (1, x) over bars first..last; 0 where x is constant."""
    n = last - first + 1
    sx = sy = sxx = sxy = 0.0
    for t in range(first, last + 1):
        u, v = x[t] - x0, y[t] - y0
        sx, sy, sxx, sxy = sx + u, sy + v, sxx + u * u, sxy + u * v
    spread = sxx - sx * sx / n
    return (sxy - sx * sy / n) / spread if spread > 0.0 else 0.0


@kernel
def _last_changes(values, out):
    """For each bar, the latest bar up to it whose value differs from the one before; 0 where there is none."""
    last = 0
    for t in range(values.size):
        if t > 0 and values[t] != values[t - 1]:
            last = t
        out[t] = last


@step
def _first_stage(total, y, x, end, window, lags, y0, x0, slope):
    """The window's own fit of (y less slope x) on (1, x): slope, intercept, 1 - R^2 of y on x, residual share of what it fits.

    The level columns already sum the bars `lags` .. `window` - 2 of the window; the few others are added here.
    """
    k = 2 * (lags + 2)
    u_at, v_at = 2 * lags, 2 * lags + 1
    place_uu = k + u_at * k - u_at * (u_at - 1) // 2
    place_vv = k + v_at * k - v_at * (v_at - 1) // 2
    su, sv, suu, suv, svv = (
        total[u_at],
        total[v_at],
        total[place_uu],
        total[place_uu + 1],
        total[place_vv],
    )
    first = end - window + 1
    for i in range(lags + 1):
        t = first + i if i < lags else end
        v = x[t] - x0
        u = (y[t] - y0) - slope * v
        su, sv, suu, suv, svv = su + u, sv + v, suu + u * u, suv + u * v, svv + v * v
    cuu, cuv, cvv = suu - su * su / window, suv - su * sv / window, svv - sv * sv / window
    tilt = cuv / cvv
    left = max(cuu - tilt * cuv, 0.0)
    return (
        tilt,
        (su - tilt * sv) / window,
        left / (cuu + slope * (2.0 * cuv + slope * cvv)),
        left / cuu,
    )


@inner_kernel
def _sum_window(total, row, y, x, end, rows, lags, y0, x0, slope):
    """One window's sums, taken row by row."""
    _clear(total)
    for t in range(end - rows + 1, end + 1):
        _fill_pair_row(row, y, x, t, lags, y0, x0, slope)
        _add_products(row, total)


@step
def _residual_gram(total, gram, rows, lags, tilt, shift):
    """Products of the residual's columns, e = u - tilt v - shift in the level and du - tilt dv elsewhere."""
    k = 2 * (lags + 2)
    for i in range(lags + 2):
        a = 2 * i
        first = (
            k + a * k - a * (a - 1) // 2
        )  # place of (u_i, u_i); (u_i, v_i) follows, then (u_i, u_j), ...
        second = first + (k - a)  # place of (v_i, v_i)
        for j in range(i, lags + 2):
            b = 2 * (j - i)
            uu, uv = total[first + b], total[first + b + 1]
            vv = total[second + b] if j > i else total[second]
            vu = total[second + b - 1] if j > i else uv
            gram[i, j] = uu - tilt * (uv + vu) + tilt * tilt * vv
    level = lags
    mean_level = total[2 * level] - tilt * total[2 * level + 1]
    for i in range(lags + 2):
        if i == level:
            gram[level, level] += shift * (rows * shift - 2.0 * mean_level)
        else:
            crossed = shift * (total[2 * i] - tilt * total[2 * i + 1])
            if i < level:
                gram[i, level] -= crossed
            else:
                gram[level, i] -= crossed


@step
def _rolling_engle_granger(
    y, x, window, lags, changed_y, changed_x, statistic, suffix, sums, row, gram
):
    bars = y.size
    rows = window - 1 - lags
    start = lags + 1
    while start + rows <= bars:
        origin = start + rows - 1
        served = min(rows, bars - origin)
        y0, x0 = y[origin - 1], x[origin - 1]
        slope = _slope_about(y, x, origin - window + 1, origin, y0, x0)
        _clear(sums)
        for back in range(rows):
            _fill_pair_row(row, y, x, origin - back, lags, y0, x0, slope)
            _add_products(row, sums)
            _store(sums, suffix, rows - 1 - back)
        _clear(sums)
        for ahead in range(served):
            end = origin + ahead
            if ahead > 0:
                _fill_pair_row(row, y, x, end, lags, y0, x0, slope)
                _add_products(row, sums)
            first = end - window + 1
            if changed_y[end] <= first or changed_x[end] <= first:
                continue  # a constant leg has no relation to test
            total = suffix[ahead]
            for i in range(sums.size):
                total[i] += sums[i]
            tilt, shift, unexplained, share = _first_stage(
                total, y, x, end, window, lags, y0, x0, slope
            )
            if not share >= _LEAST_SHARE:
                own = _slope_about(y, x, first, end, y0, x0)
                _sum_window(total, row, y, x, end, rows, lags, y0, x0, own)
                tilt, shift, unexplained, _ = _first_stage(
                    total, y, x, end, window, lags, y0, x0, own
                )
            if unexplained <= _COLLINEAR:
                statistic[end] = -np.inf
                continue
            _residual_gram(total, gram, rows, lags, tilt, shift)
            statistic[end] = _t_of_level(gram, lags, rows - lags - 1)
        start += rows


# The lag order of most runs, as a constant: the loops over columns fall away, and a window takes a third to a half of the time.
@kernel
def _adf_at_one_lag(values, window, statistic, suffix, sums, row, gram):
    _rolling_adf(values, window, 1, statistic, suffix, sums, row, gram)


@kernel
def _engle_granger_at_one_lag(
    y, x, window, changed_y, changed_x, statistic, suffix, sums, row, gram
):
    _rolling_engle_granger(
        y, x, window, 1, changed_y, changed_x, statistic, suffix, sums, row, gram
    )


@kernel
def _adf_at_lags(values, window, lags, statistic, suffix, sums, row, gram):
    _rolling_adf(values, window, lags, statistic, suffix, sums, row, gram)


@kernel
def _engle_granger_at_lags(
    y, x, window, lags, changed_y, changed_x, statistic, suffix, sums, row, gram
):
    _rolling_engle_granger(
        y, x, window, lags, changed_y, changed_x, statistic, suffix, sums, row, gram
    )
