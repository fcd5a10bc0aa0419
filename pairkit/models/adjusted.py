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
    market = Market(*(_both(pair, name, log and name != "volume") for name in Market._fields[:-1]),
                    contract=np.column_stack([pair.y.contract, pair.x.contract]))
    known = np.isfinite(market.open) & np.isfinite(market.close) & np.isfinite(market.pre_close)
    known[:1] |= np.isfinite(market.open[:1]) & np.isfinite(market.close[:1])
    return Adjusted(market, _adjusted(market.close, market.pre_close, log), known.all(axis=1))


def _both(pair: PairFrame, name: str, positive: bool) -> FloatArray:
    legs: tuple[Leg, Leg] = (pair.y, pair.x)
    values = np.column_stack([getattr(leg, name) for leg in legs])
    return np.where(values > 0.0, values, np.nan) if positive else values


@kernel
def _adjusted(close, pre_close, log):  # type: ignore[no-untyped-def]
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
