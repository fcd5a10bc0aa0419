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

import numpy as np

from pairkit._jit import for_kernels, inner_kernel, kernel, step
from pairkit._typing import FloatArray
from pairkit.errors import DataError
from pairkit.language import _
from pairkit.models.engle_granger import write_statistics
from pairkit.models.hedges import checked_legs
from pairkit.models.products import add_products, clear, store, t_of_level, work_space

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
    statistics = for_kernels(np.asarray(statistics, dtype=np.float64))
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
    statistic = np.full(y.size, np.nan)
    write_statistics(y, x, _checked_window(window, lags), lags, statistic)
    return statistic


def rolling_adf(values: FloatArray, *, window: int, lags: int) -> FloatArray:
    """P-values of the ADF test with a constant, over the `window` values that end at each row.

    (T,) in, NaN allowed, (T,) out: NaN where the window is not full, holds a NaN, or spans 1e-10 or less. On a spread
    made with an estimated hedge the p-values are too small (docs/semantics.md 2).
    """
    return mackinnon_pvalues(adf_statistic(values, window=window, lags=lags), 1)


def adf_statistic(values: FloatArray, *, window: int, lags: int) -> FloatArray:
    """The t-statistics behind `rolling_adf`, which says the rest."""
    values = for_kernels(np.asarray(values, dtype=np.float64))
    window = _checked_window(window, lags)
    statistic, work = np.full(values.size, np.nan), work_space(window, lags, lags + 2)
    if lags == 1:
        _adf_at_one_lag(values, window, statistic, *work)
    else:
        _adf_at_lags(values, window, lags, statistic, *work)
    return statistic


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
def _rolling_adf(values, window, lags, statistic, suffix, sums, row, gram):
    bars = values.size
    rows = window - 1 - lags  # regression rows in a window
    k = lags + 2
    start = lags + 1
    while start + rows <= bars:
        origin = start + rows - 1
        served = min(rows, bars - origin)
        at = values[origin - 1]
        clear(sums, k)
        for back in range(rows):
            _fill_adf_row(row, values, origin - back, lags, at)
            add_products(row, sums, k)
            store(sums, suffix, rows - 1 - back, k)
        clear(sums, k)
        for ahead in range(served):
            end = origin + ahead
            if ahead > 0:
                _fill_adf_row(row, values, end, lags, at)
                add_products(row, sums, k)
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
            statistic[end] = t_of_level(gram, lags, rows - k)
        start += rows


# The lag order of most runs, as a constant: the loops over columns fall away, and a window takes half the time.
@kernel
def _adf_at_one_lag(values, window, statistic, suffix, sums, row, gram):
    _rolling_adf(values, window, 1, statistic, suffix, sums, row, gram)


@kernel
def _adf_at_lags(values, window, lags, statistic, suffix, sums, row, gram):
    _rolling_adf(values, window, lags, statistic, suffix, sums, row, gram)
