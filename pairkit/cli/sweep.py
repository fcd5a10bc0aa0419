"""`python -m pairkit sweep`: many configs on one pair of a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pairkit import plurals
from pairkit.cli.many import hand_out, print_rows, watched
from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import (
    config_from_text,
    parsed_value,
    snapshot_and_pair,
    warn_if_uncounted,
)
from pairkit.language import _

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20


def sweep_command(
    snapshot: Annotated[
        str, typer.Argument(help=_("Snapshot: its name, its id, or the path of its folder."))
    ],
    y: Annotated[str, typer.Argument(help=_("Regressed leg: RB, RB@next or RB@05."))],
    x: Annotated[str, typer.Argument(help=_("Regressor leg: HC, RB@next or RB@10."))],
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="FIELD=VALUES",
            help=_("A field to vary: LOW:HIGH or LOW:HIGH:STEP, or values A,B,C; may be repeated."),
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help=_("A setting that does not vary; may be repeated.")
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", help=_("Draw this many configs instead of the whole grid."))
    ] = None,
    method: Annotated[
        Literal["grid", "random", "latin_hypercube"] | None,
        typer.Option(help=_("How trials are chosen; by default what --n calls for.")),
    ] = None,
    seed: Annotated[int, typer.Option(help=_("Of the draws."))] = 0,
    sort: Annotated[str, typer.Option(help=_("Column to rank by, the highest first."))] = "sharpe",
    csv: Annotated[Path | None, typer.Option(help=_("Write the whole table to this file."))] = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the whole table as JSON and nothing else."))
    ] = False,
) -> None:
    """Backtest many configs of the pair Y-X. Ctrl-C stops early and keeps what is done (exit code 2)."""
    config, space = config_from_text(settings or []), space_from_text(vary)
    from pairkit.audit.runs.trial_ledger import note_sweep
    from pairkit.errors import ConfigError
    from pairkit.research.sweeps.sweep import sweep

    _unused, pair = snapshot_and_pair(snapshot, directory, y, x)
    with watched(_("sweep {pair_name}", pair_name=pair.name), quiet=as_json) as (
        progress,
        cancelled,
    ):
        table = sweep(
            pair,
            config,
            space,
            n=n,
            method=method,
            seed=seed,
            progress=progress,
            cancelled=cancelled,
        )
    warn_if_uncounted(note_sweep(pair, table))
    if sort not in table.columns:
        raise ConfigError(
            _(
                "--sort {sort}: accepted is one of {columns}.",
                sort=sort,
                columns=", ".join(map(str, table.columns)),
            )
        )
    ranked = table.sort_values(sort, ascending=False, kind="stable", ignore_index=True)
    ranked.attrs = table.attrs
    hand_out(
        ranked, csv=csv, as_json=as_json, show=lambda: _print(ranked, pair.provenance.simulated)
    )


def space_from_text(texts: list[str]) -> dict[str, Any]:
    """A space from `field=1.5:3:0.1` and `field=40,60,90` texts; what is wrong with a value, the sweep says."""
    from pairkit.errors import ConfigError

    space: dict[str, Any] = {}
    for text in texts:
        name, equals, given = (part.strip() for part in text.partition("="))
        if not equals or not given:
            raise ConfigError(
                _(
                    "--vary {text}: write it as FIELD=LOW:HIGH:STEP or FIELD=A,B,C, e.g. --vary entry_z=1.5:3:0.1",
                    text=text,
                )
            )
        if name in space:
            raise ConfigError(
                _("--vary {name} is given twice; write its values in one.", name=name)
            )
        parts = [
            parsed_value(name, part.strip()) for part in given.split(":" if ":" in given else ",")
        ]
        space[name] = tuple(parts) if ":" in given else parts
    return space


def _print(table: pd.DataFrame, simulated: bool) -> None:
    attrs = table.attrs
    notes = [plurals.trials(attrs["trials"])]
    notes += (
        [
            _(
                "{left_out:,} combinations left out: they contradict themselves",
                left_out=attrs["left_out"],
            )
        ]
        if attrs["left_out"]
        else []
    )
    notes += (
        [_("{repeated:,} draws repeat others", repeated=attrs["repeated"])]
        if attrs["repeated"]
        else []
    )
    columns = [
        *attrs["varied"],
        "sharpe",
        "annual_return",
        "max_drawdown",
        "trades",
        "win_rate",
        "psr",
        "dsr",
    ]
    print_rows(table, list(dict.fromkeys(columns)), _SHOWN, "; ".join(notes))
    typer.echo(_("The best of many trials flatters: dsr allows for all of them."))
    if simulated:
        typer.echo(_("SIMULATED DATA: no market traded these prices."))
