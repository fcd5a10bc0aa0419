"""Many pairs side by side: each pair's two series on the bars that both have.

The series lie end to end in flat arrays, which a worker gets once; the pairs are places among them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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


def align(panel: Panel, pairs: IntArray) -> Aligned:
    """The (K, 2) pairs of places of series, each on its common bars."""
    longest = int(np.min(np.diff(panel.starts)[pairs], axis=1).max(initial=0))
    y, x, bars = np.empty((len(pairs), longest)), np.empty((len(pairs), longest)), np.zeros(len(pairs), np.int64)
    _align(*panel, pairs, y, x, bars)
    return Aligned(y, x, bars)


@kernel
def _align(days, values, starts, pairs, y, x, bars):
    for k in range(bars.size):
        i, j = starts[pairs[k, 0]], starts[pairs[k, 1]]
        end_i, end_j = starts[pairs[k, 0] + 1], starts[pairs[k, 1] + 1]
        n = 0
        while i < end_i and j < end_j:
            if days[i] == days[j]:
                y[k, n], x[k, n] = values[i], values[j]
                n, i, j = n + 1, i + 1, j + 1
            elif days[i] < days[j]:
                i += 1
            else:
                j += 1
        bars[k] = n
