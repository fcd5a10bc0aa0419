"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairkit.folders import SNAPSHOTS
from pairkit.language import _

SnapshotFolder = Annotated[
    Path, typer.Option("--dir", envvar=SNAPSHOTS, help=_("Folder that holds the snapshots."))
]
