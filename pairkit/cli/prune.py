"""`pairkit snapshot prune`: delete the older snapshots of a line that nothing cites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pairkit.cli.journal import JournalFolder
from pairkit.cli.options import SnapshotFolder
from pairkit.language import _


def prune_command(
    name: Annotated[str, typer.Argument(help=_("Name of the line."))],
    keep: Annotated[int, typer.Option(help=_("Keep this many of the newest; at least 1."))] = 1,
    dry: Annotated[
        bool, typer.Option("--dry-run", help=_("Only list what would be deleted."))
    ] = False,
    journals: JournalFolder = None,
    folder: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Delete older snapshots of a line; never one that a saved run, a journal or a book cites."""
    from pairkit.desk.retention import prune

    done = prune(folder, name, keep=keep, journals=journals, dry=dry)
    if as_json:
        typer.echo(json.dumps([{"path": str(one.path), "kept": one.kept} for one in done]))
        return
    went = _("would be deleted") if dry else _("deleted")
    for one in done:
        outcome = _("stays: {why}", why=one.kept) if one.kept else went
        typer.echo(f"{one.path.name}: {outcome}")
