"""`pairkit explain`: the trace of one bar of a backtest: its decision, with every number that was compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import (
    READY_AT_HELP,
    config_from_text,
    snapshot_and_pair,
    time_from_text,
)
from pairkit.language import _


def explain_command(
    snapshot: Annotated[
        str, typer.Argument(help=_("Snapshot: its name, its id, or the path of its folder."))
    ],
    y: Annotated[str, typer.Argument(help=_("Regressed leg: RB, RB@next or RB@05."))],
    x: Annotated[str, typer.Argument(help=_("Regressor leg: HC, RB@next or RB@10."))],
    date: Annotated[str, typer.Argument(help=_("The bar's date, YYYY-MM-DD."))],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help=_("A setting of the strategy; may be repeated.")
        ),
    ] = None,
    reference: Annotated[
        bool,
        typer.Option("--reference", help=_("Compute hedge ratio and p-value by statsmodels too.")),
    ] = False,
    ready_at: Annotated[str | None, typer.Option(metavar="HH:MM", help=READY_AT_HELP)] = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the trace as JSON and nothing else."))
    ] = False,
) -> None:
    """Say why the bar of DATE was decided as it was in a backtest of the pair Y-X."""
    config, ready_at = config_from_text(settings or []), time_from_text(ready_at)
    from pairkit.run import run_backtest

    _unused, pair = snapshot_and_pair(snapshot, directory, y, x)
    found = run_backtest(pair, config, ready_at=ready_at).explain(date, reference=reference)
    if not as_json:
        typer.echo(str(found))
        return
    tables = {
        title: json.loads(table.to_json(orient="records", date_format="iso"))
        for title, table in found.sections
    }
    typer.echo(
        json.dumps(
            {
                "date": f"{found.date:%Y-%m-%d}",
                "state": found.state,
                "reason": found.reason,
                "sentence": found.sentence,
                **tables,
            },
            ensure_ascii=False,
        )
    )
