"""Lines of snapshots: NAME and its extensions NAME@2026-11-25; NAME stands for the newest.

An extension names the snapshot before it by id (`Snapshot.lineage`).
"""

from __future__ import annotations

import re
from pathlib import Path

from pairkit.folders import DEMO, bundled_demo

_EXTENSION = re.compile(r"(?P<line>.+)@(?P<day>\d{4}-\d\d-\d\d)")


def line_of(name: str) -> str:
    """Name of the line that a snapshot's name belongs to."""
    found = _EXTENSION.fullmatch(name)
    return found["line"] if found else name


def paths_of_line(folder: Path, name: str) -> list[Path]:
    """The folders of a line's snapshots, the oldest first; empty where there is none. `name` may be the path of the first."""
    first = folder / name
    beside = first.parent.iterdir() if first.parent.is_dir() else ()
    extended = [
        path
        for path in beside
        if path.is_dir()
        and (found := _EXTENSION.fullmatch(path.name))
        and found["line"] == first.name
    ]
    return [*([first] if first.is_dir() else []), *sorted(extended)]


def newest_path(folder: Path, name: str) -> Path:
    """The folder of the newest snapshot of a line, or of the one that is named; `folder/name` where there is none.

    `demo` is the bundled one where the folder has none of that name.
    """
    found = paths_of_line(folder, name)
    if found:
        return found[-1]
    return bundled_demo() if name == DEMO else folder / name
