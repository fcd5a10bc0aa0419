"""Quotes of contracts at a close: last close, settlement and the limits that follow from it, for the orders of the next session."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.columns import TRADE_DATE
from pairkit.market.deliveries import one_names

_MOST_DAYS = pd.Timedelta(days=40)  # an older price is no reference
_AT_TICK = 1e-6


class Quote(NamedTuple):
    """A contract at the last close that it had, on `day` (YYYY-MM-DD); NaN where a figure is not known."""

    close: float
    settle: float
    day: str = ""


def quotes_at(snapshot: Snapshot, roots: list[str], last: pd.Timestamp) -> dict[str, Quote]:
    """Contract -> its quote, for the contracts of these roots that had a close in the 40 days up to `last`.

    A series without contract names goes by its root.
    """
    found: dict[str, Quote] = {}
    days = snapshot.bars[TRADE_DATE]
    recent = snapshot.bars[(days <= last) & (days > last - _MOST_DAYS)]
    for root in roots:
        bars = recent[(recent["root"] == root) & recent["close"].notna() & (recent["close"] != 0.0)]
        if bars.empty:
            continue
        names = one_names(bars["contract"], bars[TRADE_DATE], root)
        named = np.array([root if name is None else name for name in names], dtype=object)
        newest = bars.assign(contract=named).sort_values(TRADE_DATE).groupby("contract").tail(1)
        columns = (newest[name].tolist() for name in ("contract", "close", "settle", TRADE_DATE))
        found |= {
            str(name): Quote(close, settle, f"{day:%Y-%m-%d}")
            for name, close, settle, day in zip(*columns, strict=True)
        }
    return found


def limits_of(settle: float, share: float | None, tick: float) -> tuple[float, float]:
    """Lower and upper price limit of the next session, inward to the tick; NaN where the settlement or the share is unknown."""
    if share is None or not math.isfinite(settle) or settle <= 0.0:
        return math.nan, math.nan
    low, high = settle * (1.0 - share), settle * (1.0 + share)
    return tick * math.ceil(low / tick - _AT_TICK), tick * math.floor(high / tick + _AT_TICK)
