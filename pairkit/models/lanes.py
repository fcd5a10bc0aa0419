"""Sums in lanes: a long sum is taken as 32 sums side by side, which are added up at the end.

A processor adds several numbers at once, but not in the order of a plain sum. Here the order is fixed, and so are the bits.
"""

from __future__ import annotations

import numpy as np

from pairkit._jit import inner_kernel

LANES = 32
# Four values are added before a lane is written back: of a loop that adds one, the compiler makes 32 plain sums.
_BLOCK = 4 * LANES
_IN_TURN = LANES - 1  # t & _IN_TURN is t modulo LANES


@inner_kernel
def dot(a, b):
    """Sum of a x b."""
    lanes, blocks = np.zeros(LANES), a.size // _BLOCK * _BLOCK
    for t in range(0, blocks, _BLOCK):
        for lane in range(LANES):
            lanes[lane] = (
                lanes[lane]
                + a[t + lane] * b[t + lane]
                + a[t + LANES + lane] * b[t + LANES + lane]
                + a[t + 2 * LANES + lane] * b[t + 2 * LANES + lane]
                + a[t + 3 * LANES + lane] * b[t + 3 * LANES + lane]
            )
    whole = a.size // LANES * LANES
    for t in range(blocks, whole):
        lanes[t & _IN_TURN] += a[t] * b[t]
    for t in range(whole, a.size):
        lanes[0] += a[t] * b[t]
    return sum_of_lanes(lanes)


@inner_kernel
def mean(values):
    """Taken about the first value."""
    origin = values[0]
    lanes, blocks = np.zeros(LANES), values.size // _BLOCK * _BLOCK
    for t in range(0, blocks, _BLOCK):
        for lane in range(LANES):
            lanes[lane] = (
                lanes[lane]
                + (values[t + lane] - origin)
                + (values[t + LANES + lane] - origin)
                + (values[t + 2 * LANES + lane] - origin)
                + (values[t + 3 * LANES + lane] - origin)
            )
    whole = values.size // LANES * LANES
    for t in range(blocks, whole):
        lanes[t & _IN_TURN] += values[t] - origin
    for t in range(whole, values.size):
        lanes[0] += values[t] - origin
    return origin + sum_of_lanes(lanes) / values.size


@inner_kernel
def sum_of_lanes(lanes):
    """What the lanes hold, added up."""
    total = 0.0
    for lane in range(lanes.size):
        total += lanes[lane]
    return total
