"""Null distribution of a stationarity statistic on unrelated pairs, found by simulation.

1. Two independent Gaussian walks are drawn, again and again, from fixed seeds.
2. The run's own code takes its statistic on every bar of each; the caller passes that code in.
3. The statistics become a table of quantiles, and a statistic on real bars its p-value by interpolation in it. For a statistic
   that is slow to forget the first bar of its series, the table has a row for each of several ages and one for all bars from
   the age on at which it has forgotten; rows between are interpolated.

Every statistic offered is the same whatever the legs' scale, level or common moves, so one table serves every pair. That the
moves are Gaussian is an assumption (docs/semantics.md 2.7).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pairkit._jit import kernel
from pairkit._typing import FloatArray

Statistic = Callable[[FloatArray, FloatArray], FloatArray]

# From one chance in two thousand to all but one, evenly on the normal scale, so that small p-values are as finely resolved.
PROBABILITIES: FloatArray = np.array(
    [0.5 * math.erfc(-z / math.sqrt(2.0)) for z in np.linspace(-3.3, 3.3, 133)]
)
WINDOWS_A_WALK = 20  # of the test, end to end, on each walk of a statistic that forgets
WALKS = 800
MEMORIES = (
    8  # bars of memory after which a statistic has forgotten: 3 in 10,000 of the weight is left
)
WALKS_REMEMBERED = 1_200
_AGES = 10
_DEGREE = 3  # of the curve in log age that the quantiles are smoothed by


class NullTable(NamedTuple):
    """Quantiles of a statistic on unrelated walks.

    `ages` (A,), ascending: bars before the one that the statistic belongs to; a single age holds for all. `quantiles`
    (A, P) float64 at PROBABILITIES.
    """

    ages: FloatArray
    quantiles: FloatArray


def unrelated_walks(bars: int, *, seed: int, walk: int) -> tuple[FloatArray, FloatArray]:
    """Two independent Gaussian walks of unit steps, (bars,) each; equal arguments give equal bits.

    A longer walk of one seed begins as the shorter does. The steps are made from the bit generator's raw stream, which numpy
    promises to keep, by Box and Muller's transform, and not by its generators, whose streams may change.
    """
    steps = _gaussian_pairs(bars, seed=seed, walk=walk)
    y, x = np.cumsum(steps, axis=1)
    return y, x


def _gaussian_pairs(bars: int, *, seed: int, walk: int) -> FloatArray:
    """(2, bars) independent standard normals."""
    raw = (
        np.random.PCG64(np.random.SeedSequence([seed, walk])).random_raw(2 * bars).reshape(bars, 2)
    )
    uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53  # never 0
    radius, angle = np.sqrt(-2.0 * np.log(uniform[:, 0])), 2.0 * math.pi * uniform[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)])


def linked_walks(
    bars: int, *, half_life: float, seed: int, walk: int
) -> tuple[FloatArray, FloatArray]:
    """A Gaussian walk x, and y = x + e with e an AR(1) whose deviations halve every `half_life` bars; (bars,) each.

    e is at its long-run spread from the first bar on. How large it is beside the steps of x makes no difference to any of the
    statistics, so it is not a parameter.
    """
    keep = 0.5 ** (1.0 / half_life)
    steps = _gaussian_pairs(bars, seed=seed, walk=walk)
    steps[0, 0] /= math.sqrt(1.0 - keep * keep)
    x = np.cumsum(steps[1])
    return x + _decaying(steps[0], keep), x


@kernel
def _decaying(steps: FloatArray, keep: float) -> FloatArray:
    """Each value is `keep` of the one before, and a step."""
    out = np.empty_like(steps)
    value = 0.0
    for t in range(steps.size):
        value = keep * value + steps[t]
        out[t] = value
    return out


def simulate_null(
    statistic: Statistic, *, warm_up: int, window: int, memory: int, seed: int = 0
) -> NullTable:
    """The table of a statistic.

    Parameters
    ----------
    statistic : function of y, x (T,) -> (T,) float64
        NaN before bar `warm_up`.
    warm_up : int
        The first bar, counted from 0, that has a statistic.
    window : int
        Bars in each test.
    memory : int
        Bars in which the statistic forgets all but a third of what came before its windows. Where it is above 0, its distribution
        depends on how many bars came before, up to MEMORIES times as many, and the table has ages.
    seed : int
        Of the walks.
    """
    settled = warm_up + MEMORIES * memory
    bars, walks = settled + WINDOWS_A_WALK * window, WALKS_REMEMBERED if memory else WALKS
    found = np.empty((walks, bars - warm_up))
    for walk in range(walks):
        found[walk] = statistic(*unrelated_walks(bars, seed=seed, walk=walk))[warm_up:]
    if not memory:
        return NullTable(np.array([float(warm_up)]), _quantiles(found)[np.newaxis])
    edges = np.unique(np.geomspace(max(warm_up, 1), settled, _AGES + 1).astype(np.int64))
    parts = list(pairwise(edges.tolist()))
    ages = np.array([math.sqrt(first * last) for first, last in parts])
    rows = np.array(
        [_quantiles(found[:, first - edges[0] : last - edges[0]]) for first, last in parts]
    )
    forgotten = _quantiles(found[:, settled - warm_up :])
    return NullTable(
        np.append(ages, float(settled)), np.vstack([_smooth(np.log(ages), rows), forgotten])
    )


def pvalues_under(table: NullTable, statistics: FloatArray) -> FloatArray:
    """P-values of statistics under a null: the share of unrelated pairs at or below each.

    Parameters
    ----------
    table : NullTable
        Of the same statistic.
    statistics : (T,) float64
        By bar, the first being bar 0.

    Returns
    -------
    (T,) float64
        At a given bar it rises with the statistic. NaN for NaN, 0 for -inf, else within PROBABILITIES: a statistic beyond all
        that was simulated has the first of them, one in two thousand.
    """
    if len(table.ages) == 1:
        out: FloatArray = np.interp(statistics, table.quantiles[0], PROBABILITIES)
    else:
        out = _between_ages(table, statistics)
    out[np.isnan(statistics)] = np.nan
    out[np.isneginf(statistics)] = 0.0
    return out


def _between_ages(table: NullTable, statistics: FloatArray) -> FloatArray:
    """P-values as in pvalues_under, interpolated between the two ages about each bar."""
    place = np.interp(
        np.log(np.maximum(np.arange(len(statistics)), 1)),
        np.log(table.ages),
        np.arange(len(table.ages)),
    )
    below = np.minimum(place.astype(np.int64), len(table.ages) - 2)
    share = place - below
    out = np.empty(len(statistics))
    for row in range(len(table.ages) - 1):
        at = below == row
        older, younger = (
            np.interp(statistics[at], table.quantiles[row + step], PROBABILITIES) for step in (1, 0)
        )
        out[at] = (1.0 - share[at]) * younger + share[at] * older
    return out


def _quantiles(found: FloatArray) -> FloatArray:
    return np.quantile(found[np.isfinite(found)], PROBABILITIES)


def _smooth(where: FloatArray, rows: FloatArray) -> FloatArray:
    """Each quantile as a low polynomial of log age, then put in order."""
    centred = (where - where.mean()) / np.ptp(where)
    basis = np.polynomial.chebyshev.chebvander(centred, min(_DEGREE, len(where) - 1))
    fitted: FloatArray = basis @ np.linalg.lstsq(basis, rows, rcond=None)[0]
    return np.maximum.accumulate(fitted, axis=1)
