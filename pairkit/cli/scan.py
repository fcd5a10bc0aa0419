"""`python -m pairkit scan`: cointegration tests of every pair of a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pairkit import plurals
from pairkit.cli.many import hand_out, print_rows, watched
from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import snapshot_path, warn_if_uncounted
from pairkit.language import _

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 30
_COLUMNS = [
    "y",
    "x",
    "bars",
    "beta",
    "eg_statistic",
    "pvalue",
    "bh_pvalue",
    "by_pvalue",
    "johansen_rank",
    "half_life",
    "hurst",
    "cost_sigmas",
]

_OF_BACKTEST = ("sharpe", "trades")


def scan_command(
    snapshot: Annotated[
        str, typer.Argument(help=_("Snapshot: its name, its id, or the path of its folder."))
    ],
    roots: Annotated[
        str | None, typer.Option(metavar="A,B,C", help=_("Only the pairs of these roots."))
    ] = None,
    calendar: Annotated[
        bool,
        typer.Option(
            "--calendar",
            help=_(
                "Also each root's dominant contract with the one behind it, such as RB with RB@next."
            ),
        ),
    ] = False,
    lags: Annotated[
        str, typer.Option(help=_("Lagged differences in each test, or aic or bic to choose them."))
    ] = "1",
    transform: Annotated[
        Literal["log", "level"], typer.Option(help=_("What the tests are run on."))
    ] = "log",
    least_bars: Annotated[
        int, typer.Option(help=_("Leave out pairs with fewer common bars than this."))
    ] = 250,
    backtest: Annotated[
        bool,
        typer.Option(
            "--backtest",
            help=_(
                "Backtest each pair with the default settings: adds sharpe and trades. Each counts as a trial."
            ),
        ),
    ] = False,
    csv: Annotated[Path | None, typer.Option(help=_("Write the whole table to this file."))] = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the whole table as JSON and nothing else."))
    ] = False,
) -> None:
    """Test every pair of the snapshot's roots. Ctrl-C stops early and keeps what is done (exit code 2)."""
    from pairkit.audit.runs.trial_ledger import note_scan
    from pairkit.audit.snapshots.snapshot import open_snapshot
    from pairkit.config import StrategyConfig
    from pairkit.market.contracts import same_code
    from pairkit.research.scan import scan

    opened = open_snapshot(snapshot_path(snapshot, directory))
    lags_: Any = int(lags) if lags.isdecimal() else lags  # wrong ones are refused in words
    wanted = (
        None
        if roots is None
        else [same_code(root.strip(), opened.roots) for root in roots.split(",")]
    )
    with watched(_("scan {opened_name}", opened_name=opened.name), quiet=as_json) as (
        progress,
        cancelled,
    ):
        table = scan(
            opened,
            roots=wanted,
            calendar=calendar,
            lags=lags_,
            transform=transform,
            least_bars=least_bars,
            backtest=StrategyConfig() if backtest else None,
            progress=progress,
            cancelled=cancelled,
        )
    warn_if_uncounted(note_scan(table))
    hand_out(table, csv=csv, as_json=as_json, show=lambda: _print(table, opened.simulated))


def _print(table: pd.DataFrame, simulated: bool) -> None:
    print_rows(
        table,
        [*_COLUMNS, *(name for name in _OF_BACKTEST if name in table)],
        _SHOWN,
        _(
            "{pairs}, lags {lag_rule}, {transform}",
            pairs=plurals.pairs(len(table)),
            lag_rule=table.attrs["lag_rule"],
            transform=table.attrs["transform"],
        ),
    )
    if table.attrs["backtest"] is not None:
        typer.echo(
            _(
                "{table:,} backtests with the default settings, each counted as a trial.",
                table=len(table),
            )
        )
    for pair, why in table.attrs["left_out"].items():
        typer.echo(_("left out: {pair}, {why}", pair=pair, why=why))
    typer.echo(table.attrs["caveat"])
    if simulated:
        typer.echo(_("SIMULATED DATA: no market traded these prices."))
