"""`python -m pairkit trials ...`: show and reset the count of configs tried on a pair."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import snapshot_and_pair
from pairkit.language import _

trials_app = typer.Typer(no_args_is_help=True, help=_("How many configs were tried on each pair."))


@trials_app.command("list")
def list_command(
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the counts as JSON and nothing else."))
    ] = False,
) -> None:
    """Show how many configs were tried on each pair, by pages and commands."""
    from pairkit.audit.runs.trial_ledger import tried_pairs

    found = tried_pairs()
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "snapshot": one.snapshot,
                        "y": one.y,
                        "x": one.x,
                        "made_by": dict(one.made_by),
                        **(one.to_dict() or {}),
                    }
                    for one in found
                ]
            )
        )
        return
    if not found:
        typer.echo(_("No trial has been counted yet."))
    for one in found:
        by = ", ".join(
            _("{count:,} by {name}", count=count, name=name) for name, count in one.made_by
        )
        typer.echo(
            _(
                "{snapshot} {y}-{x}: {n_configs:,} configs tried{words}",
                snapshot=one.snapshot,
                y=one.y,
                x=one.x,
                n_configs=one.n_configs,
                words=f" ({by})" if by else "",
            )
        )
        if one.scanned:
            typer.echo(
                _(
                    "    one of {scanned:,} scanned pairs: the deflated Sharpe ratio allows for {trials:,} trials",
                    scanned=one.scanned,
                    trials=one.trials,
                )
            )
        for reset in one.resets:
            typer.echo(
                _(
                    "    reset on {at}: {forgotten:,} trials were forgotten",
                    at=reset.at,
                    forgotten=reset.forgotten,
                )
            )


@trials_app.command("reset")
def reset_command(
    snapshot: Annotated[
        str, typer.Argument(help=_("Snapshot: its name, its id, or the path of its folder."))
    ],
    y: Annotated[str, typer.Argument(help=_("Regressed leg: RB, RB@next or RB@05."))],
    x: Annotated[str, typer.Argument(help=_("Regressor leg: HC, RB@next or RB@10."))],
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print what was forgotten as JSON and nothing else."))
    ] = False,
) -> None:
    """Forget the trials of a pair; that they were forgotten stays on record."""
    from pairkit.audit.runs.trial_ledger import reset

    done = reset(snapshot_and_pair(snapshot, directory, y, x)[1])
    if as_json:
        typer.echo(json.dumps(done._asdict()))
    else:
        typer.echo(
            _(
                "{forgotten:,} trials on {y}-{x} are forgotten. Manifests of this pair will say so.",
                forgotten=done.forgotten,
                y=y,
                x=x,
            )
        )
