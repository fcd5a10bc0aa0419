"""`python -m pairkit rerun`: make a run again from its manifest, and compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.audit.runs.rerun import Rerun

MOST_SHOWN = 10


def rerun_command(
    manifest: Annotated[
        Path, typer.Argument(help=_("A run manifest, as `run --manifest` writes it."))
    ],
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the verdict as JSON and nothing else."))
    ] = False,
) -> None:
    """Make a run again and compare: exit code 0 the same, 1 differs, 2 cannot be done or compared."""
    from pairkit.audit.runs.rerun import rerun
    from pairkit.errors import PairkitError

    try:
        found = rerun(manifest, directory)
    except PairkitError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"verdict": "cannot", "sentence": str(error)}))
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(found.exit_code)


def _print(found: Rerun) -> None:
    typer.secho(found.sentence, fg=("green", "red", "red")[found.exit_code], bold=True)
    for difference in found.differences[:MOST_SHOWN]:
        typer.echo(f"  {difference}")
    if len(found.differences) > MOST_SHOWN:
        typer.echo(
            _(
                "  and {differences} more; --json lists all",
                differences=len(found.differences) - MOST_SHOWN,
            )
        )
    for what, then, now in found.runtime:
        typer.echo(_("runtime, {what}: recorded {then}, now {now}", what=what, then=then, now=now))
    for note in found.notes:
        typer.echo(_("note: {note}", note=note))
    typer.echo(_("run {run_id}", run_id=found.recorded.run_id))
