"""The pair frame as a plain reader sees it: a dict for each bar of a leg, the adjusted series, the complete bars."""

from __future__ import annotations

from math import isfinite, log, nan
from typing import Any

from pairkit.pair import Leg

Bar = dict[str, Any]
PRICES = ("open", "close", "pre_close", "roll_open", "up_limit", "down_limit")


def bars_of(leg: Leg, log_prices: bool) -> list[Bar]:
    """One dict a row: prices (none at 0, under log none below), volume, the contract's name or None, whether it must be left."""
    bars = []
    for row in range(len(leg.close)):
        bar: Bar = {name: float(getattr(leg, name)[row]) for name in PRICES}
        bar = {
            name: nan if price == 0 or (log_prices and price < 0) else price
            for name, price in bar.items()
        }
        code = int(leg.contract[row])
        bars.append(
            {
                **bar,
                "leave": bool(leg.leave[row]),
                "volume": float(leg.volume[row]),
                "contract": leg.contract_names[code] if code >= 0 else None,
            }
        )
    return bars


def adjusted(bars: list[Bar], log_prices: bool) -> list[float]:
    """The roll-adjusted series, anchored at the first finite close; NaN where the leg has no close."""
    series: list[float] = []
    last = nan
    for bar in bars:
        close, before = bar["close"], bar["pre_close"]
        if not isfinite(close):
            series.append(nan)
            continue
        if not isfinite(last):
            last = log(close) if log_prices else close
        elif isfinite(before):
            last += log(close / before) if log_prices else close - before
        series.append(last)
    return series


def complete_rows(bars: dict[str, list[Bar]]) -> list[int]:
    """The rows on which both legs have open, close and pre_close; the frame's first row needs no pre_close."""
    rows = []
    for row in range(len(bars["y"])):
        needed = ("open", "close", "pre_close") if row > 0 else ("open", "close")
        if all(isfinite(bars[leg][row][name]) for leg in ("y", "x") for name in needed):
            rows.append(row)
    return rows
