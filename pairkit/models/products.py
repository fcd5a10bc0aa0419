"""Sums of products of the columns of a regression, and the t-statistic that follows from them.

The number of columns is a parameter where an array would tell it too: a kernel that gives a constant has its loops unrolled.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pairkit._jit import step


def work_space(window: int, lags: int, columns: int) -> Any:
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


@step
def add_products(row, sums, k):
    """Add a row of `k` columns to the running sums: first each column, then each product of two columns, upper triangle."""
    place = k
    for i in range(k):
        sums[i] += row[i]
        for j in range(i, k):
            sums[place] += row[i] * row[j]
            place += 1


@step
def clear(sums, k):
    """Set the running sums of `k` columns to 0."""
    for i in range(k + k * (k + 1) // 2):
        sums[i] = 0.0


@step
def store(sums, suffix, place, k):
    """Keep the running sums of `k` columns as row `place` of `suffix`."""
    for i in range(k + k * (k + 1) // 2):
        suffix[place, i] = sums[i]


@step
def t_of_level(gram, lags, freedom):
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
