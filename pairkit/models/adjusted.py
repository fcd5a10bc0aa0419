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
from pairkit.pair import Leg, PairFrame

FloatArray = NDArray[np.float64]
_PRICES = ("open", "close", "pre_close", "roll_open", "up_limit", "down_limit")


class Market(NamedTuple):
    """What can be traded and at which price: (T, 2) arrays, column 0 for y, 1 for x; NaN where unusable."""

    open: FloatArray
    close: FloatArray
    pre_close: FloatArray
    roll_open: FloatArray
    volume: FloatArray
    up_limit: FloatArray
    down_limit: FloatArray
    contract: NDArray[np.int64]


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
    prices = {name: _both(pair, name, positive=log) for name in _PRICES}
    market = Market(**prices, volume=_both(pair, "volume"), contract=np.column_stack([pair.y.contract, pair.x.contract]))
    known = np.isfinite(market.pre_close)
    known[:1] = True
    complete: NDArray[np.bool_] = np.all(known & np.isfinite(market.open) & np.isfinite(market.close), axis=1)
    return Adjusted(market, _adjusted(market.close, market.pre_close, log), complete)


def _both(pair: PairFrame, name: str, *, positive: bool = False) -> FloatArray:
    legs: tuple[Leg, Leg] = (pair.y, pair.x)
    values = np.column_stack([getattr(leg, name) for leg in legs])
    return np.where(values > 0.0, values, np.nan) if positive else values


@kernel
def _adjusted(close, pre_close, log):
    bars, legs = close.shape
    out = np.full((bars, legs), np.nan)
    for leg in range(legs):
        started = False
        level = 0.0
        for t in range(bars):
            price, before = close[t, leg], pre_close[t, leg]
            if not np.isfinite(price):
                continue
            if not started:
                level = math.log(price) if log else price
                started = True
            elif np.isfinite(before):
                level += math.log(price / before) if log else price - before
            out[t, leg] = level
    return out
