"""Surrogates of a pair: the legs' own bars with the link between them broken.

1. Leg y stays as it is. The rows of leg x are put in another order: blocks of them shuffled, or all of them shifted in a circle.
2. Each row brings its figures along, prices as they stood to `pre_close`: as ratios under log, as differences under level. Prices
   are then strung together anew, so that the day's return, range, gap, volume, limits and missing figures stay what they were,
   and so does the price from the first row to the last.
3. A row on which the contract changed changes it here too, at the same cost of rolling and without a gap in the price.

Or the surrogates are other pairs of the snapshot, whose legs nobody would link.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.errors import ConfigError, DataError
from pairkit.language import _
from pairkit.market.leg_codes import read_leg
from pairkit.market.universe import universe
from pairkit.pair import NO_CONTRACT, Leg, PairFrame, Provenance

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

Order = NDArray[np.int64]
Transform = Literal["log", "level"]
LEAST_SHIFT = 60  # bars: a link that lags by less than this is not broken
_PRICES = ("open", "high", "low", "close", "settle", "up_limit", "down_limit")


def shuffled(rows: int, *, block: int, seed: int, draw: int) -> Order:
    """(rows,) the order of rows with blocks of `block` shuffled; row 0 stays first, and blocks begin at a random place."""
    rng = np.random.default_rng([seed, draw])
    first = 1 + int(rng.integers(0, block))
    pieces = [
        part
        for part in np.split(np.arange(1, rows), np.arange(first - 1, rows - 1, block))
        if part.size
    ]
    return np.concatenate([[0], *(pieces[place] for place in rng.permutation(len(pieces)))]).astype(
        np.int64
    )


def shifted(rows: int, *, by: int) -> Order:
    """(rows,) the order of rows with all but row 0 moved `by` places on, in a circle."""
    return np.concatenate([[0], np.roll(np.arange(1, rows), by)]).astype(np.int64)


def shifts(rows: int, draws: int, *, seed: int) -> NDArray[np.int64]:
    """`draws` different shifts of at least LEAST_SHIFT bars either way, or ConfigError where there are not so many."""
    possible = np.arange(LEAST_SHIFT, rows - LEAST_SHIFT)
    if draws > possible.size:
        raise ConfigError(
            _(
                "{rows} bars can be shifted in {possible_size} ways by {least_shift} bars "
                "or more; ask for at most so many draws, not {draws}, or shuffle blocks.",
                rows=rows,
                possible_size=possible.size,
                least_shift=LEAST_SHIFT,
                draws=draws,
            )
        )
    return np.random.default_rng(seed).permutation(possible)[:draws]


def reordered(pair: PairFrame, order: Order, transform: Transform) -> PairFrame:
    """The pair with the rows of leg x in another order, strung together anew.

    Parameters
    ----------
    pair : PairFrame
        Both legs.
    order : (T,) int64
        For each row, the row of the old leg that takes its place.
    transform : {"log", "level"}
        Whether prices keep their ratio to `pre_close`, or their difference.

    Raises
    ------
    DataError
        Leg x has no usable close.
    """
    return replace(
        pair, x=restrung(pair.x, order, transform), provenance=Provenance(simulated=True)
    )


def restrung(leg: Leg, order: Order, transform: Transform) -> Leg:
    """A leg's rows in another order; NaN where the row has no figure, or none that a price could be strung to."""
    log = transform == "log"
    base, step = _steps(leg, log)
    level = _levels(leg, step[order], log)

    def strung(values: FloatArray, stood_to: FloatArray) -> FloatArray:
        values, stood_to = values[order], stood_to[order]
        return values / stood_to * level if log else values - stood_to + level

    columns = {name: strung(getattr(leg, name), base) for name in _PRICES}
    columns |= {
        "pre_close": np.where(np.isfinite(leg.pre_close[order]), level, np.nan),
        "roll_open": strung(leg.roll_open, _close_before(leg, log)),
        "volume": leg.volume[order],
        "open_interest": leg.open_interest[order],
    }
    contract = np.cumsum(_changes(leg)[order])
    made = Leg(
        **columns,
        leave=leg.leave[order],
        contract=contract,
        contract_names=tuple(f"{number}" for number in range(int(contract[-1]) + 1)),
    )
    for field in fields(made):
        if field.name != "contract_names":
            getattr(made, field.name).setflags(write=False)
    return made


def mismatched_pairs(snapshot: Snapshot, pair: PairFrame) -> Iterator[PairFrame]:
    """Mismatched pairs for the placebo test: roots of a snapshot that share no sector, on the dates of `pair`.

    Those with a leg of `pair` in its place come first; pairs without a bar on those dates are left out.

    Parameters
    ----------
    snapshot : Snapshot
        Where the roots are.
    pair : PairFrame
        The real pair.

    Yields
    ------
    PairFrame
        One pair after the other.
    """
    (y, x), dates = pair.codes, pair.trade_date
    own = {pair.y_spec.code, pair.x_spec.code}
    sectors: dict[str, set[str]] = {root: set() for root in snapshot.roots}
    for listed in universe():
        for root in set(listed.roots) & sectors.keys():
            sectors[root].add(listed.sector)
    others = [root for root in snapshot.roots if root not in own]
    for one, other in (
        *((y, root) for root in others),
        *((root, x) for root in others),
        *combinations(others, 2),
    ):
        if not sectors[read_leg(one).root] & sectors[read_leg(other).root]:
            stranger = snapshot.pair(one, other)
            shared = (stranger.trade_date >= dates[0]) & (stranger.trade_date <= dates[-1])
            if shared.any():
                yield stranger[
                    slice(int(shared.argmax()), len(shared) - int(shared[::-1].argmax()))
                ]


# --- parts -------------------------------------------------------------------------------------------------------------
def _steps(leg: Leg, log: bool) -> tuple[FloatArray, FloatArray]:
    """Per row: the price that the others stand to (`pre_close`, else the close), and how far the close is from it."""
    base = np.where(_usable(leg.pre_close, log), leg.pre_close, leg.close)
    base = np.where(_usable(base, log), base, np.nan)
    known = _usable(leg.close, log) & np.isfinite(base)
    close, before = leg.close[known], base[known]
    step = np.zeros(len(base))
    step[known] = np.log(close / before) if log else close - before
    return base, step


def _levels(leg: Leg, step: FloatArray, log: bool) -> FloatArray:
    """Per row, the close that it follows; the first row's own close is unchanged."""
    closes = leg.close[_usable(leg.close, log)]
    if closes.size == 0:
        raise DataError(
            _(
                "leg x has no usable close, so there is nothing to make surrogates of; choose another pair."
            )
        )
    before = np.cumsum(step) - step - step[0]
    levels: FloatArray = closes[0] * np.exp(before) if log else closes[0] + before
    return levels


def _close_before(leg: Leg, log: bool) -> FloatArray:
    """Per row, the leg's last usable close before it: what the contract that is left stood at."""
    rows = np.where(_usable(leg.close, log), np.arange(len(leg.close)), -1)
    last = np.concatenate([[-1], np.maximum.accumulate(rows)[:-1]])
    return np.where(last >= 0, leg.close[last], np.nan)


def _changes(leg: Leg) -> NDArray[np.int64]:
    """Per row, 1 where the contract is another than on the row before; getting to know the first one is no change."""
    before = np.concatenate([leg.contract[:1], leg.contract[:-1]])
    changed: NDArray[np.bool_] = (leg.contract != before) & (before != NO_CONTRACT)
    return changed.astype(np.int64)


def _usable(prices: FloatArray, log: bool) -> NDArray[np.bool_]:
    usable: NDArray[np.bool_] = prices > 0.0 if log else np.isfinite(prices) & (prices != 0.0)
    return usable
