"""The series that everything is timed on: seeded, and the same for every contender."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import pairkit as pk
from pairkit.audit.snapshots.from_files import import_files
from pairkit.pair import PairFrame


def legs(bars: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Log prices of a pair that is cointegrated, with a half-life of about fourteen bars."""
    rng = np.random.default_rng(seed)
    x = 8.0 + np.cumsum(rng.normal(0.0, 0.01, bars))
    gap = np.zeros(bars)
    shocks = rng.normal(0.0, 0.006, bars)
    for t in range(1, bars):
        gap[t] = 0.95 * gap[t - 1] + shocks[t]
    return 0.5 + 0.95 * x + gap, x


def pair(bars: int, seed: int = 1) -> PairFrame:
    """The same as two futures with whole lots, fees, ticks and a roll every sixty bars."""
    days = pd.date_range(
        "1870-01-01", periods=bars
    )  # of the years that are accepted, room for 100,000
    tables = []
    for leg, log_price in enumerate(legs(bars, seed)):
        close = np.round(np.exp(log_price))
        before = np.concatenate([close[:1], close[:-1]])
        contract = np.array([f"C{k}" for k in (np.arange(bars) + 20 * leg) // 60], dtype=object)
        tables.append(
            pd.DataFrame(
                {
                    "open": before,
                    "high": np.maximum(before, close),
                    "low": np.minimum(before, close),
                    "close": close,
                    "settle": close,
                    "volume": 1000.0,
                    "open_interest": 5000.0,
                    "contract": contract,
                    "pre_close": before,
                    "roll_open": before,
                },
                index=days,
            )
        )
    terms = {
        "multiplier": 10.0,
        "tick": 1.0,
        "fee_mode": "rate",
        "fee_open": 1e-4,
        "fee_close": 1e-4,
        "margin_rate": 0.1,
    }
    return pk.pair_from_frames(
        *tables,
        y_spec=pk.ContractSpec(code="Y", **terms),
        x_spec=pk.ContractSpec(code="X", **terms),
    )


def snapshot(folder: Path, bars: int, codes: Sequence[str]) -> Path:
    """A snapshot of these roots, two by two the legs of a pair, with so many bars up to 2025; returns its folder."""
    days = pd.bdate_range(end="2025-12-31", periods=bars)
    columns = ("open", "high", "low", "close", "volume", "open_interest")
    files = []
    for place, code in enumerate(codes):
        made = pair(bars, 1 + place // 2)
        leg = made.x if place % 2 else made.y
        files.append(folder / f"{code}.csv")
        table = pd.DataFrame({name: getattr(leg, name) for name in columns}, index=days)
        table.rename_axis("date").to_csv(files[-1])
    import_files(files, name="made", folder=folder / "snapshots")
    return folder / "snapshots" / "made"
