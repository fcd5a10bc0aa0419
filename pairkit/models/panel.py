"""Panel of many pairs: each pair's two series on the bars that both have.

1. The series lie end to end in flat arrays, which a worker gets once; the pairs are places among them.
2. Where two series have the same days from some bar on, as most of one market do, the pair lies in the series themselves.
   Only the others are copied.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pairkit._jit import inner_kernel, kernel
from pairkit._typing import FloatArray, IntArray

_COPIED_AT_ONCE = 100_000  # values: 20 pairs of 2,500 bars, which stay in a core's own cache


class Panel(NamedTuple):
    """R series end to end: `days` (int64, ascending in each) and `values` (N,); series r is rows starts[r] to starts[r+1].

    `alike` (R,) numbers the series: neighbours that have the same days share a number.
    """

    days: IntArray
    values: FloatArray
    starts: IntArray
    alike: IntArray


class Aligned(NamedTuple):
    """K pairs on their common bars, `bars` (K,) each. A leg begins at its place, `y` and `x` (K,), in `values` and, counted on
    from its end, in `room`."""

    values: FloatArray
    room: FloatArray
    y: IntArray
    x: IntArray
    bars: IntArray


def panel_of(days: list[IntArray], values: list[FloatArray]) -> Panel:
    """Series given one by one, end to end."""
    starts = np.concatenate([[0], np.cumsum([len(part) for part in days])]).astype(np.int64)
    flat, alike = np.concatenate(days), np.zeros(len(days), np.int64)
    _number_alike(flat, starts, alike)
    return Panel(flat, np.concatenate(values), starts, alike)


def room_for(panel: Panel, pairs: IntArray) -> FloatArray:
    """Room for those of the (K, 2) pairs of places of series that have to be copied: for as many as fit in some hundred kilobytes,
    at least for one. To be allocated once: first use of memory is slow."""
    longest = int(np.min(np.diff(panel.starts)[pairs], axis=1).max(initial=0))
    return np.empty(max(_COPIED_AT_ONCE, 2 * longest))


def one_pair(y: FloatArray, x: FloatArray) -> Aligned:
    """Two series on common bars, (T,) each, as an aligned pair."""
    bars = np.array([y.size])
    return Aligned(y, x, np.array([0]), bars, bars)


def align(panel: Panel, pairs: IntArray, room: FloatArray) -> Aligned:
    """The first of the (K, 2) pairs of places of series, each on its common bars: as many as `room` can hold, at least one.

    What was aligned in the same room before is overwritten.
    """
    y, x, bars = (np.empty(len(pairs), np.int64) for _ in range(3))
    count = _align(*panel, pairs, room, y, x, bars)
    return Aligned(panel.values, room, y[:count], x[:count], bars[:count])


@inner_kernel
def leg_at(values, room, place, bars):
    """One leg among `Aligned` ones, (bars,)."""
    if place < values.size:
        return values[place : place + bars]
    return room[place - values.size : place - values.size + bars]


@inner_kernel
def _are_same(a, b):
    """Counted, not stopped at the first that differs: without a branch the loop takes many at a time."""
    same = 0
    for k in range(a.size):
        same += a[k] == b[k]
    return same == a.size


@kernel
def _number_alike(days, starts, alike):
    for r in range(1, alike.size):
        before, own = days[starts[r - 1] : starts[r]], days[starts[r] : starts[r + 1]]
        alike[r] = alike[r - 1]
        if before.size != own.size or not _are_same(before, own):
            alike[r] += 1


@kernel
def _align(days, values, starts, alike, pairs, room, y, x, bars):
    used = 0
    for k in range(bars.size):
        i, j = starts[pairs[k, 0]], starts[pairs[k, 1]]
        end_i, end_j = starts[pairs[k, 0] + 1], starts[pairs[k, 1] + 1]
        most = min(end_i - i, end_j - j)
        same = alike[pairs[k, 0]] == alike[pairs[k, 1]]
        while i < end_i and j < end_j and days[i] != days[j]:
            if days[i] < days[j]:
                i += 1
            else:
                j += 1
        rest = min(end_i - i, end_j - j)
        if same or _are_same(days[i : i + rest], days[j : j + rest]):
            y[k], x[k], bars[k] = i, j, rest
            continue
        if used + 2 * most > room.size:
            return k
        at_y, at_x, n = used, used + most, 0
        while i < end_i and j < end_j:
            if days[i] < days[j]:
                i += 1
            elif days[i] > days[j]:
                j += 1
            else:
                room[at_y + n], room[at_x + n] = values[i], values[j]
                n, i, j = n + 1, i + 1, j + 1
        y[k], x[k], bars[k] = values.size + at_y, values.size + at_x, n
        used += 2 * most
    return bars.size
