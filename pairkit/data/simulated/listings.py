"""Simulated contracts from a root's log price path: deliveries, term structure, open interest, volume, limits, daily bars.

1. A delivery month of the root's cycle is listed as many months ahead as the root says, and ends in the middle of its month.
2. Its log price is the path, plus an offset of its own for life (the term structure, slowly changing from one delivery
   to the next; where the root has premiums, its month's), plus a small basis noise that dies out towards delivery, plus,
   where the root has a carry, that over the time to delivery.
3. Open interest is a hump over the months to delivery, so that it hands over from one contract to the next.
4. Session by session, prices are cut at the limits around the contract's last settlement and laid on the tick grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.data.simulated.stories import Root, stream

LAST_DAY_OF_TRADE = 15
_OFFSET_SIZE, _OFFSET_MEMORY = 0.022, 0.6
_BASIS_MEMORY = 0.85
_DAYS_A_MONTH = 30.4
_MONTHS_A_YEAR = 12
_LOCKED_TURNOVER = 0.05
_GAP_SHARE = (
    0.35  # of the day's move is made before the open; all of it where it is beyond the limit
)
_OPEN_NOISE, _REACH, _SETTLE_NOISE = 0.3, 0.5, 0.1


@dataclass(frozen=True)
class Listing:
    """One contract: its name, its places among the days (first to last session), and months to delivery on each."""

    name: str
    sessions: slice
    months_left: FloatArray
    offset: float


def listings(root: Root, days: pd.DatetimeIndex, seed: int) -> list[Listing]:
    """The contracts of a root that trade on some of these days, nearest delivery first."""
    rng = stream(seed, root.code, "term structure")
    found, offset = [], 0.0
    last = days[-1] + pd.DateOffset(months=root.listed_months)
    for year in range(days[0].year, last.year + 1):
        for place, month in enumerate(root.months):
            offset = _OFFSET_MEMORY * offset + _OFFSET_SIZE * float(rng.standard_normal())
            last_day = pd.Timestamp(year, month, LAST_DAY_OF_TRADE)
            first_day = last_day - pd.DateOffset(months=root.listed_months)
            sessions = slice(
                int(days.searchsorted(first_day, "right")),
                int(days.searchsorted(last_day, "right")),
            )
            if sessions.stop > sessions.start:
                months_left = (last_day - days[sessions]).days.to_numpy(
                    dtype=np.float64
                ) / _DAYS_A_MONTH
                found.append(
                    Listing(
                        f"{root.code}{year % 100:02d}{month:02d}",
                        sessions,
                        months_left,
                        root.premiums[place] if root.premiums else offset,
                    )
                )
    return found


def contract_bars(
    root: Root,
    listing: Listing,
    days: pd.DatetimeIndex,
    path: FloatArray,
    *,
    tick: float,
    seed: int,
    carry: FloatArray | None = None,
) -> pd.DataFrame:
    """Daily bars of one contract, one row per session it is listed; `path` and `carry` are (T,), of all days."""
    rng = stream(seed, root.code, listing.name)
    n = len(listing.months_left)
    log_price = (
        path[listing.sessions] + listing.offset + _basis(rng, listing.months_left, root.basis)
    )
    if carry is not None:
        log_price += carry[listing.sessions] * listing.months_left / _MONTHS_A_YEAR
    prices = _session_prices(rng, np.exp(log_price), root, tick)
    locked = prices["high"] == prices["low"]
    open_interest = _open_interest(rng, root, listing)
    turnover = 0.65 * np.exp(0.3 * rng.standard_normal(n)) * np.where(locked, _LOCKED_TURNOVER, 1.0)
    return pd.DataFrame(
        {
            "root": root.code,
            "contract": listing.name,
            "trade_date": days[listing.sessions],
            **prices,
            "volume": np.round(open_interest * turnover),
            "open_interest": open_interest,
        }
    )


def _basis(rng: np.random.Generator, months_left: FloatArray, size: float) -> FloatArray:
    """A contract's own noise around the path, dying out over its last four months."""
    shocks = rng.standard_normal(len(months_left)) * np.sqrt(1 - _BASIS_MEMORY**2)
    noise = list(
        accumulate(shocks[1:].tolist(), lambda now, shock: _BASIS_MEMORY * now + shock, initial=0.0)
    )
    return size * np.array(noise) * np.minimum(months_left / 4, 1.0)


def _open_interest(rng: np.random.Generator, root: Root, listing: Listing) -> FloatArray:
    """Whole lots: a hump over the months to delivery with slow noise on it."""
    from_peak = (listing.months_left - root.peak_months) / root.hump_months
    noise = np.cumsum(0.015 * rng.standard_normal(len(from_peak)))
    hump = np.exp(-np.minimum(from_peak**2 / 2, 8.0) + noise - noise.mean())
    whole_lots: FloatArray = np.round(root.peak_open_interest * hump / 100) * 100
    return whole_lots


def _session_prices(
    rng: np.random.Generator, wanted: FloatArray, root: Root, tick: float
) -> dict[str, FloatArray]:
    """Open, high, low, close, settle and limits of each session, given the close wanted without limits.

    Counted in whole ticks until the end, so that no platform's last bit of `exp` reaches a price.
    """
    gap_noise, settle_noise = (root.vol * rng.standard_normal((2, len(wanted)))).tolist()
    reach = (_REACH * root.vol * np.abs(rng.standard_normal((len(wanted), 2)))).tolist()
    sessions = []
    last_close = last_settle = round(float(wanted[0]) / tick)
    for bar, close_wanted in enumerate((wanted / tick).tolist()):
        up = math.floor(round(last_settle * (1 + root.price_limit), 6))
        down = math.ceil(round(last_settle * (1 - root.price_limit), 6))
        move = math.log(close_wanted / last_close)
        share = 1.0 if abs(move) > root.price_limit else _GAP_SHARE
        opened = min(
            max(round(last_close * math.exp(share * move + _OPEN_NOISE * gap_noise[bar])), down), up
        )
        close = min(max(round(close_wanted), down), up)
        above, below = (0.0, 0.0) if opened == close and close in (up, down) else reach[bar]
        high = min(round(max(opened, close) * (1 + above)), up)
        low = max(round(min(opened, close) * (1 - below)), down)
        middle = (opened + high + low + 2 * close) / 5
        settle = min(max(round(middle * (1 + _SETTLE_NOISE * settle_noise[bar])), low), high)
        sessions.append((opened, high, low, close, settle, up, down))
        last_close, last_settle = close, settle
    names = ("open", "high", "low", "close", "settle", "up_limit", "down_limit")
    return dict(zip(names, np.round(np.array(sessions).T * tick, 6), strict=True))
