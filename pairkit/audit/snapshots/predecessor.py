"""Predecessor of a snapshot: an earlier one of the same data, which ends sooner.

1. The one that it names as extended (`lineage`), where a folder beside it has that id.
2. Else, of those beside it with the same source, roots, rule and first day, and an earlier last day, the one that ends last.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from pairkit.audit.seal import sha256_hex, strict_json
from pairkit.audit.snapshots.listing import snapshot_paths
from pairkit.audit.snapshots.snapshot import Snapshot, open_snapshot
from pairkit.errors import SnapshotError

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
    return _opened(sorted(alike, key=lambda path: str(beside[path][1]["end"]), reverse=True))


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


def _opened(paths: list[Path]) -> Snapshot | None:
    """The first that can be opened."""
    for path in paths:
        with suppress(SnapshotError):
            return open_snapshot(path)
    return None
