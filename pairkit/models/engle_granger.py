"""Rolling Engle-Granger test of two legs: one kernel for any lag order, another for one lag, which most runs have.

The kernel for one lag does what the other does, in the same order and to the same bits, in less than half its time: it keeps the
27 sums of a window in registers, and finishes 16 windows at a time, one in each lane, so that their divisions are made together.

How sums are kept for every window, and what becomes of them: models/stationarity.py.
"""

from __future__ import annotations

import math

import numpy as np

from pairkit._jit import at, inner_kernel, kernel, step
from pairkit._typing import FloatArray
from pairkit.models.products import add_products, clear, store, t_of_level, work_space

_LEAST_SHARE = 1e-4  # of what the block's slope leaves in y, the window's residual: below this too many digits are lost
_COLLINEAR = 100.0 * math.sqrt(
    np.finfo(np.float64).eps
)  # 1 - R^2 at or below this: statsmodels.coint's own bound
_LANES = 16  # windows finished at a time
_SUMS = 27  # of a window at one lag: six columns, and their products two by two
_NO_SUMS = (0.0,) * _SUMS
# what a lane holds after its sums: x and y at the window's two ends that no regression row has as a level; then the results
_FIRST_X, _FIRST_Y, _LAST_X, _LAST_Y, _UNEXPLAINED, _SHARE, _STATISTIC = range(_SUMS, _SUMS + 7)
_PLACES = _STATISTIC + 1


def write_statistics(
    y: FloatArray, x: FloatArray, window: int, lags: int, statistic: FloatArray
) -> None:
    """Write the t-statistic of each full window of (T,) finite legs into the blank (T,) `statistic`; -inf where they are collinear.

    Windows in which a leg is constant keep what was there.
    """
    if lags == 1:
        room = np.empty((window - 2, _SUMS)), np.empty(_PLACES * _LANES), np.empty(_PLACES * _LANES)
        _at_one_lag(y, x, window, statistic, *room)
    else:
        room = work_space(window, lags, 2 * (lags + 2))
        _at_lags(y, x, window, lags, statistic, *room)


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


@inner_kernel
def _last_change(values, bars):
    """The last among the first `bars` bars whose value differs from the one before; 0 where there is none."""
    last = 0
    for t in range(1, min(bars, values.size)):
        if values[t] != values[t - 1]:
            last = t
    return last


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
    k = 2 * (lags + 2)
    clear(total, k)
    for t in range(end - rows + 1, end + 1):
        _fill_pair_row(row, y, x, t, lags, y0, x0, slope)
        add_products(row, total, k)


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


@kernel
def _at_lags(y, x, window, lags, statistic, suffix, sums, row, gram):
    bars = y.size
    rows = window - 1 - lags
    k = 2 * (lags + 2)
    changed_y, changed_x = _last_change(y, window - 1), _last_change(x, window - 1)
    start = lags + 1
    while start + rows <= bars:
        origin = start + rows - 1
        served = min(rows, bars - origin)
        y0, x0 = y[origin - 1], x[origin - 1]
        slope = _slope_about(y, x, origin - window + 1, origin, y0, x0)
        clear(sums, k)
        for back in range(rows):
            _fill_pair_row(row, y, x, origin - back, lags, y0, x0, slope)
            add_products(row, sums, k)
            store(sums, suffix, rows - 1 - back, k)
        clear(sums, k)
        for ahead in range(served):
            end = origin + ahead
            if ahead > 0:
                _fill_pair_row(row, y, x, end, lags, y0, x0, slope)
                add_products(row, sums, k)
            first = end - window + 1
            changed_y = end if y[end] != y[end - 1] else changed_y
            changed_x = end if x[end] != x[end - 1] else changed_x
            if changed_y <= first or changed_x <= first:
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
            statistic[end] = t_of_level(gram, lags, rows - lags - 1)
        start += rows


@step
def _row_at_one_lag(y, x, t, y0, x0, slope):
    """The columns of `_fill_pair_row` at one lag."""
    earlier_y, last_y, this_y = y[at(t - 2)], y[at(t - 1)], y[at(t)]
    earlier_x, last_x, this_x = x[at(t - 2)], x[at(t - 1)], x[at(t)]
    lagged_x = last_x - earlier_x
    level_x = last_x - x0
    change_x = this_x - last_x
    return (
        (last_y - earlier_y) - slope * lagged_x,
        lagged_x,
        (last_y - y0) - slope * level_x,
        level_x,
        (this_y - last_y) - slope * change_x,
        change_x,
    )


@step
def _with_row(sums, row):
    """`add_products` of six columns, in registers."""
    a, b, c, d, e, f = row
    # fmt: off
    return (
        sums[0] + a, sums[1] + b, sums[2] + c, sums[3] + d, sums[4] + e, sums[5] + f,
        sums[6] + a * a, sums[7] + a * b, sums[8] + a * c, sums[9] + a * d, sums[10] + a * e, sums[11] + a * f,
        sums[12] + b * b, sums[13] + b * c, sums[14] + b * d, sums[15] + b * e, sums[16] + b * f,
        sums[17] + c * c, sums[18] + c * d, sums[19] + c * e, sums[20] + c * f,
        sums[21] + d * d, sums[22] + d * e, sums[23] + d * f,
        sums[24] + e * e, sums[25] + e * f, sums[26] + f * f,
    )
    # fmt: on


@step
def _keep(sums, suffix, place):
    """`store` of six columns; written out, for a loop would send them through memory."""
    # fmt: off
    (
        suffix[place, 0], suffix[place, 1], suffix[place, 2], suffix[place, 3], suffix[place, 4], suffix[place, 5],
        suffix[place, 6], suffix[place, 7], suffix[place, 8], suffix[place, 9], suffix[place, 10], suffix[place, 11],
        suffix[place, 12], suffix[place, 13], suffix[place, 14], suffix[place, 15], suffix[place, 16],
        suffix[place, 17], suffix[place, 18], suffix[place, 19], suffix[place, 20],
        suffix[place, 21], suffix[place, 22], suffix[place, 23],
        suffix[place, 24], suffix[place, 25], suffix[place, 26],
    ) = sums
    # fmt: on


@step
def _fill_lane(lane, work, suffix, place, sums):
    """A window's sums: those of its rows up to the block's origin, and those after it."""
    n, a, p, b = _LANES, suffix, place, sums
    # fmt: off
    (
        work[0 * n + lane], work[1 * n + lane], work[2 * n + lane], work[3 * n + lane], work[4 * n + lane], work[5 * n + lane],
        work[6 * n + lane], work[7 * n + lane], work[8 * n + lane], work[9 * n + lane], work[10 * n + lane], work[11 * n + lane],
        work[12 * n + lane], work[13 * n + lane], work[14 * n + lane], work[15 * n + lane], work[16 * n + lane],
        work[17 * n + lane], work[18 * n + lane], work[19 * n + lane], work[20 * n + lane],
        work[21 * n + lane], work[22 * n + lane], work[23 * n + lane],
        work[24 * n + lane], work[25 * n + lane], work[26 * n + lane],
    ) = (
        a[p, 0] + b[0], a[p, 1] + b[1], a[p, 2] + b[2], a[p, 3] + b[3], a[p, 4] + b[4], a[p, 5] + b[5],
        a[p, 6] + b[6], a[p, 7] + b[7], a[p, 8] + b[8], a[p, 9] + b[9], a[p, 10] + b[10], a[p, 11] + b[11],
        a[p, 12] + b[12], a[p, 13] + b[13], a[p, 14] + b[14], a[p, 15] + b[15], a[p, 16] + b[16],
        a[p, 17] + b[17], a[p, 18] + b[18], a[p, 19] + b[19], a[p, 20] + b[20],
        a[p, 21] + b[21], a[p, 22] + b[22], a[p, 23] + b[23],
        a[p, 24] + b[24], a[p, 25] + b[25], a[p, 26] + b[26],
    )
    # fmt: on


@step
def _fill_ends(lane, work, y, x, first, end, y0, x0, slope):
    """The two bars of a window that no row has as a level."""
    u, v = x[first] - x0, x[end] - x0
    work[_FIRST_X * _LANES + lane], work[_LAST_X * _LANES + lane] = u, v
    work[_FIRST_Y * _LANES + lane] = (y[first] - y0) - slope * u
    work[_LAST_Y * _LANES + lane] = (y[end] - y0) - slope * v


@step
def _residual(uu, uv, vu, vv, tilt):
    """A product of two columns of the residual, u - tilt v, from those of u and v."""
    return uu - tilt * (uv + vu) + tilt * tilt * vv


@step
def _level_sums(work, lane):
    """Sums and products of u and v over all bars of a window: those of the levels, and the two bars at its ends."""
    su, sv = work[2 * _LANES + lane], work[3 * _LANES + lane]
    suu, suv = work[17 * _LANES + lane], work[18 * _LANES + lane]
    svv = work[21 * _LANES + lane]
    u, v = work[_FIRST_Y * _LANES + lane], work[_FIRST_X * _LANES + lane]
    su, sv, suu, suv, svv = su + u, sv + v, suu + u * u, suv + u * v, svv + v * v
    u, v = work[_LAST_Y * _LANES + lane], work[_LAST_X * _LANES + lane]
    return su + u, sv + v, suu + u * u, suv + u * v, svv + v * v


@inner_kernel
def _finish(work, window, rows, slope):
    """`_first_stage`, `_residual_gram` and `t_of_level` of the windows in all lanes, without a branch."""
    n = _LANES
    for lane in range(n):
        su, sv, suu, suv, svv = _level_sums(work, lane)
        cuu, cuv, cvv = suu - su * su / window, suv - su * sv / window, svv - sv * sv / window
        tilt = cuv / cvv
        left = max(cuu - tilt * cuv, 0.0)
        shift = (su - tilt * sv) / window
        work[_UNEXPLAINED * n + lane] = left / (cuu + slope * (2.0 * cuv + slope * cvv))
        work[_SHARE * n + lane] = left / cuu

        lag_lag = _residual(
            work[6 * n + lane], work[7 * n + lane], work[7 * n + lane], work[12 * n + lane], tilt
        )
        lag_level = _residual(
            work[8 * n + lane], work[9 * n + lane], work[13 * n + lane], work[14 * n + lane], tilt
        )
        lag_change = _residual(
            work[10 * n + lane], work[11 * n + lane], work[15 * n + lane], work[16 * n + lane], tilt
        )
        level = _residual(
            work[17 * n + lane], work[18 * n + lane], work[18 * n + lane], work[21 * n + lane], tilt
        )
        level_change = _residual(
            work[19 * n + lane], work[20 * n + lane], work[22 * n + lane], work[23 * n + lane], tilt
        )
        change = _residual(
            work[24 * n + lane], work[25 * n + lane], work[25 * n + lane], work[26 * n + lane], tilt
        )
        lag_level -= shift * (work[lane] - tilt * work[n + lane])
        mean_level = work[2 * n + lane] - tilt * work[3 * n + lane]
        level += shift * (rows * shift - 2.0 * mean_level)
        level_change -= shift * (work[4 * n + lane] - tilt * work[5 * n + lane])

        level -= lag_level / lag_lag * lag_level
        level_change -= lag_level / lag_lag * lag_change
        change -= lag_change / lag_lag * lag_change
        pull = level_change / level
        rss = change - pull * level_change
        defined = (lag_lag > 0.0) & (level > 0.0) & (rss > 0.0)
        t = pull / math.sqrt(rss / (rows - 2) / level)
        work[_STATISTIC * n + lane] = t if defined else np.nan


@step
def _fill_lane_anew(work, y, x, end, window, y0, x0, slope):
    """Sums of one window about its own slope, in the first lane."""
    sums = _NO_SUMS
    for t in range(end - window + 3, end + 1):
        sums = _with_row(sums, _row_at_one_lag(y, x, t, y0, x0, slope))
    for i in range(_SUMS):
        work[i * _LANES] = sums[i]
    _fill_ends(0, work, y, x, end - window + 1, end, y0, x0, slope)


@kernel
def _at_one_lag(y, x, window, statistic, suffix, work, own):
    """`_at_lags` at one lag."""
    bars, rows = y.size, window - 2
    changed_y, changed_x = _last_change(y, window - 1), _last_change(x, window - 1)
    start = 2
    while start + rows <= bars:
        origin = start + rows - 1
        served = min(rows, bars - origin)
        y0, x0 = y[origin - 1], x[origin - 1]
        slope = _slope_about(y, x, origin - window + 1, origin, y0, x0)
        sums = _NO_SUMS
        for back in range(rows):
            sums = _with_row(sums, _row_at_one_lag(y, x, origin - back, y0, x0, slope))
            _keep(sums, suffix, at(rows - 1 - back))
        sums = _NO_SUMS
        for group in range(0, served, _LANES):
            windows = min(_LANES, served - group)
            for lane in range(windows):
                end = origin + group + lane
                if end > origin:
                    sums = _with_row(sums, _row_at_one_lag(y, x, end, y0, x0, slope))
                _fill_lane(lane, work, suffix, at(group + lane), sums)
                _fill_ends(lane, work, y, x, end - window + 1, end, y0, x0, slope)
            _finish(work, window, rows, slope)
            for lane in range(windows):
                end = origin + group + lane
                first = end - window + 1
                changed_y = end if y[end] != y[end - 1] else changed_y
                changed_x = end if x[end] != x[end - 1] else changed_x
                if changed_y <= first or changed_x <= first:
                    continue  # a constant leg has no relation to test
                unexplained = work[_UNEXPLAINED * _LANES + lane]
                t_of_window = work[_STATISTIC * _LANES + lane]
                if not work[_SHARE * _LANES + lane] >= _LEAST_SHARE:
                    about = _slope_about(y, x, first, end, y0, x0)
                    _fill_lane_anew(own, y, x, end, window, y0, x0, about)
                    _finish(own, window, rows, about)
                    unexplained, t_of_window = own[_UNEXPLAINED * _LANES], own[_STATISTIC * _LANES]
                statistic[end] = -np.inf if unexplained <= _COLLINEAR else t_of_window
        start += rows
