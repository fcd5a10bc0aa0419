"""Usable prices of the two legs under a transform, their adjusted series, and which bars are complete.

1. Under log, a price or limit of 0 or less is missing.
2. A bar is complete when both legs have finite open, close and pre_close; the first row needs no pre_close.
3. The adjusted series starts at the leg's first close and adds, close by close, the change from pre_close, so that new
   data never rewrites it and a roll leaves no gap in it.

(docs/semantics.md 1)
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import kernel
from pairkit.pair import PairFrame

FloatArray = NDArray[np.float64]
_PRICES = ("open", "close", "pre_close", "roll_open", "up_limit", "down_limit")


class Market(NamedTuple):
    """What can be traded and at which price: (T, 2) arrays, column 0 for y, 1 for x; NaN where unusable.

    `terms` is the place of each contract's terms among the pair's distinct ones, those of y and then those of x.
    """

    open: FloatArray
    close: FloatArray
    pre_close: FloatArray
    roll_open: FloatArray
    volume: FloatArray
    up_limit: FloatArray
    down_limit: FloatArray
    contract: NDArray[np.int64]
    terms: NDArray[np.int64]


class Adjusted(NamedTuple):
    """A pair under one transform.

    `market` as above; `series` (T, 2), the adjusted series (log, or quote units), NaN where a leg has no close;
    `complete` (T,) bool.
    """

    market: Market
    series: FloatArray
    complete: NDArray[np.bool_]


def adjust(pair: PairFrame, transform: Literal["log", "level"]) -> Adjusted:
    """The pair's usable prices, adjusted series and complete bars under `transform`."""
    log = transform == "log"
    prices = {name: _side_by_side(getattr(pair.y, name), getattr(pair.x, name), log) for name in _PRICES}
    market = Market(**prices, volume=_side_by_side(pair.y.volume, pair.x.volume, False),
                    contract=_side_by_side(pair.y.contract, pair.x.contract, False),
                    terms=_side_by_side(pair.y_in_force.place, pair.x_in_force.place + len(pair.y_in_force.specs), False))
    series, complete = _adjusted(market.open, market.close, market.pre_close, log)
    return Adjusted(market, series, complete)


@kernel
def _side_by_side(y, x, positive):
    """Two (T,) columns as (T, 2); where they must be positive, what is not is missing."""
    out = np.empty((y.size, 2), y.dtype)
    for t in range(y.size):
        out[t, 0], out[t, 1] = y[t], x[t]
    if positive:
        for t in range(y.size):
            for leg in range(2):
                if not out[t, leg] > 0:
                    out[t, leg] = np.nan
    return out


@kernel
def _adjusted(opened, close, pre_close, log):
    """The adjusted series, and which bars are complete."""
    bars, legs = close.shape
    out = np.full((bars, legs), np.nan)
    complete = np.ones(bars, np.bool_)
    for leg in range(legs):
        started = False
        level = 0.0
        for t in range(bars):
            price, before = close[t, leg], pre_close[t, leg]
            complete[t] &= np.isfinite(opened[t, leg]) and np.isfinite(price) and (t == 0 or np.isfinite(before))
            if not np.isfinite(price):
                continue
            if not started:
                level = math.log(price) if log else price
                started = True
            elif np.isfinite(before):
                level += math.log(price / before) if log else price - before
            out[t, leg] = level
    return out, complete
