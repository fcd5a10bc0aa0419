"""Adjusted price series of the two legs under a transform, and which bars are complete.

1. A price or limit of 0 is missing; under log, so is one below 0.
2. Limits are taken inward to the tick: a price at one is where nobody trades.
3. A bar is complete when both legs have finite open, close and pre_close; the first row needs no pre_close.
4. The adjusted series starts at the leg's first close and adds, close by close, the change from pre_close, so that new
   data never rewrites it and a roll leaves no gap in it.

(docs/semantics.md 1)
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Literal, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pairkit._jit import kernel
from pairkit._typing import FloatArray
from pairkit.columns import LEGS
from pairkit.market.contracts import ContractSpec
from pairkit.pair import PairFrame

_PRICES = ("open", "close", "pre_close", "roll_open")
_AT_LIMIT = 1e-6  # of a tick: a price this near a limit is at it


class Market(NamedTuple):
    """Tradable prices and volumes: (T, 2) arrays, column 0 for y, 1 for x; NaN where unusable.

    `up_limit` is the lowest price at which nobody can buy, `down_limit` the highest at which nobody can sell: the day's limits
    taken inward to the tick, less a millionth of it. `leave` (bool) says that the contract must be left. `terms` is the place of
    each contract's terms among the pair's distinct ones (`spec_table`); `old_terms` that of the terms on the day of the contract of
    the leg's last close before, which is another one only where the leg rolls.
    """

    open: FloatArray
    close: FloatArray
    pre_close: FloatArray
    roll_open: FloatArray
    volume: FloatArray
    up_limit: FloatArray
    down_limit: FloatArray
    leave: NDArray[np.bool_]
    contract: NDArray[np.int64]
    terms: NDArray[np.int64]
    old_terms: NDArray[np.int64]


class Adjusted(NamedTuple):
    """A pair under one transform.

    `market` as above; `series` (T, 2), the adjusted series (log, or quote units), NaN where a leg has no close;
    `complete` (T,) bool; `legs` (2, C), the series of each leg on the complete bars.
    """

    market: Market
    series: FloatArray
    complete: NDArray[np.bool_]
    legs: FloatArray


# Of each pair that is still in use, by transform. A pair is immutable, and so are these arrays.
_MADE: WeakKeyDictionary[PairFrame, dict[str, Adjusted]] = WeakKeyDictionary()


def adjust(pair: PairFrame, transform: Literal["log", "level"]) -> Adjusted:
    """The pair's usable prices, adjusted series and complete bars under `transform`, read-only; made once a pair."""
    made = _MADE.setdefault(pair, {})
    if transform not in made:
        made[transform] = _adjust(pair, transform == "log")
    return made[transform]


def _adjust(pair: PairFrame, log: bool) -> Adjusted:
    rows = len(pair)
    prices = {name: _usable(pair, name, log) for name in _PRICES}
    in_force = (pair.y_in_force, pair.x_in_force)
    terms = np.column_stack([in_force[0].place, in_force[1].place + len(in_force[0].specs)])
    ticks = np.array([spec.tick for leg in in_force for spec in leg.specs])[terms]
    market = Market(
        **prices,
        up_limit=_inward(_usable(pair, "up_limit", log), ticks),
        down_limit=-_inward(-_usable(pair, "down_limit", log), ticks),
        volume=np.column_stack([pair.y.volume, pair.x.volume]),
        leave=np.column_stack([pair.y.leave, pair.x.leave]),
        contract=np.column_stack([pair.y.contract, pair.x.contract]),
        terms=terms,
        old_terms=_old_terms(pair, terms, log),
    )
    series, complete = np.empty((rows, 2)), np.empty(rows, np.bool_)
    _adjusted(market.open, market.close, market.pre_close, log, series, complete)
    legs = np.ascontiguousarray(series[complete].T)
    for array in (*market, series, complete, legs):
        array.setflags(write=False)
    return Adjusted(market, series, complete, legs)


def spec_table(pair: PairFrame) -> tuple[ContractSpec, ...]:
    """The pair's distinct terms: those of y's bars, of x's, and those of contracts held over, by leg and transform."""
    held = [pair.held_over[key].in_force.specs for key in sorted(pair.held_over)]
    return (*pair.y_in_force.specs, *pair.x_in_force.specs, *chain.from_iterable(held))


def _old_terms(pair: PairFrame, terms: NDArray[np.int64], log: bool) -> NDArray[np.int64]:
    """(T, 2) `terms`, but for rows on which a contract is held over: there the place of its terms on that day."""
    old = terms.copy()
    first = len(pair.y_in_force.specs) + len(pair.x_in_force.specs)
    for key in sorted(pair.held_over):
        over = pair.held_over[key]
        if key[1] == log:
            old[over.rows, LEGS.index(key[0])] = over.in_force.place + first
        first += len(over.in_force.specs)
    return old


def _usable(pair: PairFrame, name: str, positive: bool) -> FloatArray:
    """(T, 2) a column of prices of both legs; 0 is missing, and where they must be positive, so is what is below."""
    prices: FloatArray = np.column_stack([getattr(pair.y, name), getattr(pair.x, name)])
    prices[(prices <= 0.0) if positive else (prices == 0.0)] = np.nan
    return prices


def _inward(limits: FloatArray, ticks: FloatArray) -> FloatArray:
    """Upper limits taken inward to the tick; of lower ones, the same with both signs changed."""
    inward: FloatArray = ticks * (np.floor(limits / ticks + _AT_LIMIT) - _AT_LIMIT)
    return inward


@kernel
def _adjusted(opened, close, pre_close, log, out, complete):
    """The adjusted series, NaN where there is no close, and which bars are complete."""
    bars, legs = close.shape
    for t in range(bars):
        complete[t] = True
    for leg in range(legs):
        started = False
        level = 0.0
        for t in range(bars):
            price, before = close[t, leg], pre_close[t, leg]
            complete[t] &= (
                np.isfinite(opened[t, leg])
                and np.isfinite(price)
                and (t == 0 or np.isfinite(before))
            )
            if not np.isfinite(price):
                out[t, leg] = np.nan
                continue
            if not started:
                level = math.log(price) if log else price
                started = True
            elif np.isfinite(before):
                level += math.log(price / before) if log else price - before
            out[t, leg] = level
