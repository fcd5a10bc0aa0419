"""The demo snapshot: the simulated market of the default seed, with bytes that do not depend on the clock.

`python -m pairkit.audit.snapshots.demo [FOLDER]` writes the snapshot FOLDER/demo, by default snapshots/demo. An older one must be
removed first: a snapshot is never changed.
"""

from __future__ import annotations

import os
import sys

from pairkit._version import __version__
from pairkit.audit.snapshots.snapshot import Snapshot, write_snapshot
from pairkit.audit.snapshots.verify import OLD_SCHEMA
from pairkit.data.quality import examine
from pairkit.data.simulated import SEED, simulate_market
from pairkit.errors import PairkitError
from pairkit.folders import DEMO

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
        folder,
        DEMO,
        bars=market.bars,
        mapping=market.mapping,
        specs=market.specs,
        calendar=market.calendar,
        data_scope={
            "source": "simulated",
            "source_version": __version__,
            "api": "pairkit.data.simulated",
            "simulated": True,
            "seed": SEED,
        },
        findings=examine(market.bars, market.calendar),
        notes=market.notes,
        created_utc=CREATED_UTC,
        schema=OLD_SCHEMA,  # its terms have no days: the specs say them all
    )


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{write_demo(sys.argv[1] if len(sys.argv) > 1 else 'snapshots')}\n")
    except PairkitError as error:
        sys.exit(str(error))
