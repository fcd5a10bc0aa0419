"""Panel of many pairs: each pair's two series on the bars that both have.

The series lie end to end in flat arrays, which a worker gets once; the pairs are places among them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pairkit._jit import inner_kernel, kernel
from pairkit._typing import FloatArray, IntArray

_VALUES_AT_ONCE = 40_000  # of each leg: 16 pairs of 2,500 bars, which stay in a core's own cache


class Panel(NamedTuple):
    """R series end to end: `days` (int64, ascending in each) and `values` (N,); series r is rows starts[r] to starts[r+1]."""

    days: IntArray
    values: FloatArray
    starts: IntArray


class Aligned(NamedTuple):
    """K pairs: legs `y` and `x` (K, T) on common bars, in the first `bars` (K,) places of each row; the rest is not set."""

    y: FloatArray
    x: FloatArray
    bars: IntArray


def panel_of(days: list[IntArray], values: list[FloatArray]) -> Panel:
    """Series given one by one, end to end."""
    starts = np.concatenate([[0], np.cumsum([len(part) for part in days])]).astype(np.int64)
    return Panel(np.concatenate(days), np.concatenate(values), starts)


def room_for(panel: Panel, pairs: IntArray) -> Aligned:
    """Work arrays for as many pairs at a time as fit in some megabytes, at least one; allocated once, since first use of memory is slow."""
    longest = int(np.min(np.diff(panel.starts)[pairs], axis=1).max(initial=0))
    rows = min(max(_VALUES_AT_ONCE // max(longest, 1), 1), len(pairs))
    return Aligned(np.empty((rows, longest)), np.empty((rows, longest)), np.zeros(rows, np.int64))


def align(panel: Panel, pairs: IntArray, room: Aligned) -> Aligned:
    """The (K, 2) pairs of places of series, each on its common bars; written into `room`, whose first K rows are returned."""
    rows = Aligned(room.y[: len(pairs)], room.x[: len(pairs)], room.bars[: len(pairs)])
    _align(*panel, pairs, *rows)
    return rows


@inner_kernel
def _are_same(a, b):
    """Counted, not stopped at the first that differs: without a branch the loop takes many at a time."""
    same = 0
    for k in range(a.size):
        same += a[k] == b[k]
    return same == a.size


@inner_kernel
def _copy(values, out):
    for k in range(values.size):
        out[k] = values[k]


@kernel
def _align(days, values, starts, pairs, y, x, bars):
    for k in range(bars.size):
        i, j = starts[pairs[k, 0]], starts[pairs[k, 1]]
        end_i, end_j = starts[pairs[k, 0] + 1], starts[pairs[k, 1] + 1]
        n, untried = 0, True
        while i < end_i and j < end_j:
            rest = min(end_i - i, end_j - j)
            if days[i] < days[j]:
                i += 1
            elif days[i] > days[j]:
                j += 1
            elif untried and _are_same(
                days[i : i + rest], days[j : j + rest]
            ):  # so it is with most pairs of one market
                _copy(values[i : i + rest], y[k, n : n + rest])
                _copy(values[j : j + rest], x[k, n : n + rest])
                n, i, j = n + rest, i + rest, j + rest
            else:
                untried = False
                y[k, n], x[k, n] = values[i], values[j]
                n, i, j = n + 1, i + 1, j + 1
        bars[k] = n
