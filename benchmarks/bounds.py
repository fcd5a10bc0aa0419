"""How far the work is from what bounds it, on one core: arithmetic, memory, or adding up the bars of positions.

The most that the machine does is measured: operations by a loop of multiplications and additions that never waits for memory, through
the same compiler; bytes by numpy's copy of what no cache holds. Operations are counted from the kernels, a division or a root as one;
bytes are those of a run's inputs and results, once each.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import numba
import numpy as np

import pairkit as pk
from benchmarks import data
from benchmarks.timing import spent
from benchmarks.units import active_space
from pairkit.models.cointegration import engle_granger_many
from pairkit.models.hedges.ols import rolling_ols
from pairkit.models.panel import align, panel_of, room_for
from pairkit.models.stationarity import engle_granger_statistic

# Operations of a bar: x and y about the origin with their four sums, back and ahead, both put together, and the fit.
_OLS = 2 * 8 + 4 + 11
# Of a window of the test: the block's slope, six columns and 27 sums, back and ahead, both put together, two bars at the ends, and two
# regressions.
_TEST = 8 + 2 * (12 + 48) + 27 + 8 + 104
# Of a common bar of a pair, both directions: two levels, two changes, two earlier ones, and six products that take both legs.
_PAIR = 6 + 12


class Distance(NamedTuple):
    """A kind of work, the unit in which its bound is counted, and units a nanosecond: as it does, and at most."""

    work: str
    unit: str
    done: float
    most: float


def distances(
    bars: int = 2_500, roots: int = 50, side: int = 25, long: int = 100_000
) -> list[Distance]:
    """The distance of each kind of work from its bound; `bars`, `roots`, `side` of the space and bars of the `long` run can be small."""
    arithmetic, memory = _operations_a_ns(), _bytes_a_ns()
    y, x = data.legs(bars)
    pairs = roots * (roots - 1) // 2
    rows = [
        Distance(work, "operations", count / (1e9 * spent(call)), arithmetic)
        for work, call, count in (
            (
                f"rolling OLS, {bars:,} bars",
                lambda: rolling_ols(y, x, window=60),
                (bars - 59) * _OLS,
            ),
            (
                f"rolling Engle-Granger statistic at one lag, {bars:,} bars",
                lambda: engle_granger_statistic(y, x, window=120, lags=1),
                (bars - 119) * _TEST,
            ),
            (
                f"Engle-Granger of {pairs:,} pairs at one lag",
                _scanning(bars, roots),
                pairs * bars * _PAIR,
            ),
        )
    ]
    pair = data.pair(long)
    run = pk.run_backtest(pair)
    arrays = [*run.adjusted.market, run.adjusted.series, *run.indicators, *run.gates, *run.ledger]
    seconds = spent(lambda: pk.run_backtest(pair).metrics)
    moved = sum(array.nbytes for array in arrays) / (1e9 * seconds)
    return [
        *rows,
        _adding_up(bars, side),
        Distance(f"a run of {long:,} bars", "bytes", moved, memory),
    ]


def _scanning(bars: int, roots: int) -> Callable[[], Any]:
    legs = [leg for seed in range(roots // 2) for leg in data.legs(bars, seed)]
    panel = panel_of([np.arange(bars)] * len(legs), legs)
    pairs = np.array(list(combinations(range(len(legs)), 2)))
    return lambda: engle_granger_many(align(panel, pairs, room_for(panel, pairs)), lags=1)


def _adding_up(bars: int, side: int) -> Distance:
    """The active space, beside adding up the bars of all rows' positions, were every trade known; the sweep copies rows, too."""
    pair, config, space = data.pair(bars), pk.StrategyConfig(adf_gate=False), active_space(side)
    table = pk.sweep(pair, config, space, executor=1)
    valid = pk.run_backtest(pair, config).indicators.valid
    held = float((table["exposure"] * (valid.size - int(np.argmax(valid)))).sum())
    seconds = spent(lambda: pk.sweep(pair, config, space, executor=1))
    nets = np.random.default_rng(0).normal(0.0, 1e3, 1 << 16)
    most = nets.size / (1e9 * spent(lambda: _added_up(nets, 1e6)))
    return Distance(
        "the active space, copied rows too", "bars of positions", held / (1e9 * seconds), most
    )


def _operations_a_ns() -> float:
    values = np.random.default_rng(0).uniform(0.1, 0.9, 2_048)
    out = np.empty_like(values)
    return 69 * values.size / (1e9 * spent(lambda: _calculated(values, out, 1.1)))


def _bytes_a_ns() -> float:
    source = np.ones(1 << 24)
    target = np.empty_like(source)
    return 2 * source.nbytes / (1e9 * spent(lambda: np.copyto(target, source)))


@numba.njit(error_model="numpy")
def _calculated(values, out, a):
    """Four polynomials of each value, 69 operations in all that depend on no other value."""
    for t in range(values.size):
        v = values[t]
        p, q, r, s = a, v, a + v, v - a
        for _ in range(8):
            p, q, r, s = p * v + a, q * v + a, r * v + a, s * v + a
        out[t] = p + q + r + s


@numba.njit(error_model="numpy")
def _added_up(nets, capital):
    """What every bar of a position adds to equity, to the powers of its returns, and to the drawdown."""
    equity = peak = capital
    first = second = third = fourth = below = deepest = 0.0
    for net in nets:
        r = ((equity + net) - equity) / capital
        equity += net
        first, second, third = first + r, second + r * r, third + r * r * r
        fourth, below = fourth + (r * r) * (r * r), below + min(r, 0.0) * min(r, 0.0)
        peak = max(peak, equity)
        deepest = max(deepest, peak - equity)
    return equity, first, second, third, fourth, below, deepest
