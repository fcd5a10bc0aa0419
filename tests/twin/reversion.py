"""What a trade's reversion was made of, one trade at a time, each window's mean and deviation taken afresh."""

from __future__ import annotations

from math import isfinite, nan
from statistics import fmean, stdev
from typing import Any

PARTS = ("reversion", "reversion_lots", "reversion_hedge", "reversion_mean", "reversion_deviation")


def add_reversion(trades: list[dict[str, Any]], columns: dict[str, list[Any]], window: int) -> None:
    """Give each trade its reversion, the four parts of it, and the drift of the hedge."""
    complete = [
        row
        for row, (y, x) in enumerate(zip(columns["y"], columns["x"], strict=True))
        if isfinite(y) and isfinite(x)
    ]
    for trade in trades:
        entry, leave = trade["entry_decided"], trade["exit_decided"]
        trade |= dict.fromkeys(PARTS, nan)
        held = columns["beta_lag"][entry : len(columns["beta_lag"]) if leave is None else leave + 1]
        trade["hedge_drift"] = (
            max(abs(beta / held[0] - 1) for beta in held if isfinite(beta)) if held[0] else nan
        )
        if leave is None or not isfinite(columns["z"][leave]) or not isfinite(columns["z"][entry]):
            continue
        if not isfinite(columns["y"][entry]):
            continue
        at_entry, at_leave = (
            _window(columns["spread"], complete, row, window) for row in (entry, leave)
        )
        sign, deviation = (1 if trade["side"] == "long" else -1), stdev(at_entry)
        moved = {leg: columns[leg][leave] - columns[leg][entry] for leg in ("y", "x")}
        lots = moved["y"] - columns["beta_lag"][entry] * moved["x"]
        made = {
            "reversion": columns["z"][leave] - columns["z"][entry],
            "reversion_lots": lots / deviation,
            "reversion_hedge": (at_leave[-1] - at_entry[-1] - lots) / deviation,
            "reversion_mean": (fmean(at_entry) - fmean(at_leave)) / deviation,
            "reversion_deviation": (at_leave[-1] - fmean(at_leave))
            * (1 / stdev(at_leave) - 1 / deviation),
        }
        trade |= {name: sign * value for name, value in made.items()}


def _window(values: list[float], complete: list[int], row: int, window: int) -> list[float]:
    """The values of the last `window` complete rows, this one the last."""
    until = complete.index(row) + 1
    return [values[each] for each in complete[until - window : until]]
