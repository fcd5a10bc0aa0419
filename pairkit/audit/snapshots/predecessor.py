"""Predecessor of a snapshot: an earlier one of the same data, which ends sooner.

1. The one that it names as extended (`lineage`), where a folder beside it has that id.
2. Else, of those beside it with the same source, roots, rule and first day, and an earlier last day, the one that ends last. Where the
   user's own terms are other ones for its days, it was made otherwise, and is none.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from pairkit.audit.seal import sha256_hex, strict_json
from pairkit.audit.snapshots.listing import snapshot_paths
from pairkit.audit.snapshots.snapshot import Snapshot, open_snapshot
from pairkit.errors import SnapshotError

_BUNDLED = "typical"  # how the bundled table's sources begin
_SAME = ("source", "symbols", "start", "simulated")


def predecessor_of(snapshot: Snapshot) -> Snapshot | None:
    """The snapshot before this one in its folder, verified; None where there is none that can be opened."""
    beside = {
        path: found for path in snapshot_paths(snapshot.path.parent) if (found := _scope(path))
    }
    if snapshot.lineage is not None:
        named = [path for path, (its_id, _) in beside.items() if its_id == snapshot.lineage]
        return _opened(named)
    scope = snapshot.manifest["data_scope"]
    alike = [
        path
        for path, (_, other) in beside.items()
        if all(other.get(name) == scope.get(name) for name in _SAME)
        and _rule(other) == _rule(scope)
        and str(other.get("end")) < str(scope["end"])
    ]
    alike.sort(key=lambda path: str(beside[path][1]["end"]), reverse=True)
    return _opened(alike, of=snapshot)


def _scope(path: Path) -> tuple[str, dict[str, Any]] | None:
    """Id and scope as a folder's manifest states them; nothing is verified. None where there is no such manifest."""
    with suppress(OSError, SnapshotError):
        raw = (path / "manifest.json").read_bytes()
        found = strict_json(raw, what=str(path), refuse=SnapshotError)
        if isinstance(found, dict) and isinstance(found.get("data_scope"), dict):
            return sha256_hex(raw), found["data_scope"]
    return None


def _rule(scope: dict[str, Any]) -> Any:
    dominant = scope.get("dominant")
    return dominant.get("rule") if isinstance(dominant, dict) else None


def _opened(paths: list[Path], of: Snapshot | None = None) -> Snapshot | None:
    """The first that can be opened, and that has the user's own terms `of` this one, where one is given."""
    for path in paths:
        with suppress(SnapshotError):
            found = open_snapshot(path)
            end = pd.Timestamp(found.manifest["data_scope"]["end"])
            if of is None or _own_terms(found, end) == _own_terms(of, end):
                return found
    return None


def _own_terms(snapshot: Snapshot, end: pd.Timestamp) -> set[tuple[str, ...]]:
    """Records that neither the source of the bars nor the bundled table gave, of days up to `end`."""
    table = snapshot.terms
    source = str(snapshot.manifest["data_scope"]["source"])
    given = (table["source"] != source) & ~table["source"].str.startswith(_BUNDLED)
    by_then = table["from_date"].isna() | (table["from_date"] <= end)
    rows = table.loc[given & by_then, [name for name in table if name != "version"]]
    return set(rows.astype(str).itertuples(index=False, name=None))
