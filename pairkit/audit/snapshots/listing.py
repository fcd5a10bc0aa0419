"""List of the snapshots in a folder, one line each, verified; one that cannot be opened is listed with the reason."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.errors import SnapshotError


@dataclass(frozen=True)
class SnapshotSummary:
    """One line of a listing. `error` says why a folder cannot be opened; then only `name` and `path` are known."""

    name: str
    path: Path
    id: str = ""
    created_utc: str = ""
    source: str = ""
    roots: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    simulated: bool = False
    rows: int = 0
    findings: int = 0
    error: str = ""

    @property
    def verified(self) -> bool:
        """Whether every byte was checked and is right."""
        return not self.error


def list_snapshots(folder: str | os.PathLike[str]) -> list[SnapshotSummary]:
    """Every snapshot below `folder`, verified, by name; one that cannot be opened is listed with the reason."""
    return [summarise(path) for path in snapshot_paths(folder)]


def snapshot_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """The folders below `folder` that are or should be snapshots, by name; none where there is no such folder."""
    parent = Path(folder)
    if not parent.is_dir():
        return []
    return [
        path for path in sorted(parent.iterdir()) if path.is_dir() and not path.name.startswith(".")
    ]


def summarise(path: Path) -> SnapshotSummary:
    """One snapshot's line in a listing: verified, or with the reason why it cannot be opened."""
    try:
        snapshot = open_snapshot(path)
    except SnapshotError as error:
        return SnapshotSummary(name=path.name, path=path, error=str(error))
    scope = snapshot.manifest["data_scope"]
    return SnapshotSummary(
        name=path.name,
        path=path,
        id=snapshot.id,
        created_utc=snapshot.manifest["created_utc"],
        source=scope["source"],
        roots=snapshot.roots,
        start=scope["start"],
        end=scope["end"],
        simulated=snapshot.simulated,
        rows=scope["rows"],
        findings=len(snapshot.findings),
    )
