"""The demo: the simulated market of the default seed, sealed as a snapshot whose bytes do not depend on the clock."""

from __future__ import annotations

import os

from pairkit._version import __version__
from pairkit.audit.snapshots.snapshot import Snapshot, write_snapshot
from pairkit.data.quality import examine
from pairkit.data.simulated import SEED, simulate_market

NAME = "demo"
CREATED_UTC = "2025-01-01T00:00:00Z"


def write_demo(folder: str | os.PathLike[str]) -> Snapshot:
    """Simulate the market of the default seed and publish it as `folder/demo`.

    Raises
    ------
    SnapshotError
        `folder/demo` exists.
    """
    market = simulate_market(SEED)
    return write_snapshot(
        folder, NAME, bars=market.bars, mapping=market.mapping, specs=market.specs, calendar=market.calendar,
        data_scope={"source": "simulated", "source_version": __version__, "api": "pairkit.data.simulated",
                    "simulated": True, "seed": SEED},
        findings=examine(market.bars, market.calendar), notes=market.notes, created_utc=CREATED_UTC)
