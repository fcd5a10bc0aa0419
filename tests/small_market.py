"""A market small enough to read: two roots, two contracts each, forty days, one roll; for tests of snapshots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from pairkit.findings import Finding
from pairkit.market.contracts import ContractSpec, bundled_spec

DAYS = pd.bdate_range("2024-01-02", periods=40).as_unit("ns")
ROLL_DAY = 25
CREATED = "2024-06-01T00:00:00Z"
FINDINGS = (
    Finding("large_gap", "warning", "RB: a gap.", "RB", 1, ("2024-01-09",)),
    Finding("missing_bar", "warning", "M: one missing.", "M", 1),
    Finding("ignored_file", "info", "one ignored."),
)


class SmallMarket(NamedTuple):
    """What `write_snapshot` takes."""

    bars: pd.DataFrame
    mapping: pd.DataFrame
    specs: list[ContractSpec]
    calendar: pd.DatetimeIndex


def small_market(seed: int = 7) -> SmallMarket:
    """HC and RB, contracts 2405 and 2410, rolled on day `ROLL_DAY`."""
    rng = np.random.default_rng(seed)
    bars, mapping = [], []
    for root in ("HC", "RB"):
        for contract in ("2405", "2410"):
            close = 3500 + rng.normal(0, 20, len(DAYS)).cumsum().round()
            bars.append(
                pd.DataFrame(
                    {
                        "root": root,
                        "contract": root + contract,
                        "trade_date": DAYS,
                        "open": close - 1,
                        "high": close + 5,
                        "low": close - 5,
                        "close": close,
                        "settle": close + 1,
                        "volume": rng.integers(1000, 9999, len(DAYS)) * 1.0,
                        "open_interest": 5000.0,
                        "up_limit": np.nan,
                        "down_limit": np.nan,
                    }
                )
            )
        held = [root + ("2405" if day < ROLL_DAY else "2410") for day in range(1, len(DAYS))]
        mapping.append(
            pd.DataFrame(
                {"root": root, "trade_date": DAYS[1:], "contract": held, "known_date": DAYS[:-1]}
            )
        )
    return SmallMarket(
        pd.concat(bars, ignore_index=True),
        pd.concat(mapping, ignore_index=True),
        [bundled_spec("HC"), bundled_spec("RB")],
        DAYS,
    )


def snapshot_input(seed: int = 7) -> dict:
    """Keyword arguments of `write_snapshot` that make the same id every time."""
    return {
        **small_market(seed)._asdict(),
        "data_scope": {"source": "test", "simulated": True},
        "findings": FINDINGS,
        "notes": "# Small\n",
        "created_utc": CREATED,
    }
