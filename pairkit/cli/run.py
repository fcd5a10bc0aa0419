"""`python -m pairkit run`: one backtest from a snapshot."""

from __future__ import annotations

from pathlib import Path
from string import hexdigits
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.language import _, reworded

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot
    from pairkit.config import StrategyConfig
    from pairkit.pair import PairFrame
    from pairkit.run import BacktestRun

READY_AT_HELP = _(
    "When a decision is ready: decides which next opens cannot be had, and no fill. By default when the data are there: 15:30 for "
    "files, 21:10 for TuShare."
)


def run_command(
    snapshot: Annotated[
        str, typer.Argument(help=_("Snapshot: its name, its id, or the path of its folder."))
    ],
    y: Annotated[str, typer.Argument(help=_("Regressed leg: RB, RB@next or RB@05."))],
    x: Annotated[str, typer.Argument(help=_("Regressor leg: HC, RB@next or RB@10."))],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help=_("A setting of the strategy; may be repeated.")
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option(metavar="DATE", help=_("Leave out the bars before this date."))
    ] = None,
    last: Annotated[
        str | None, typer.Option(metavar="DATE", help=_("Leave out the bars after this date."))
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            help=_("Write the run manifest to this file, and the run's tables beside it.")
        ),
    ] = None,
    ready_at: Annotated[
        str | None,
        typer.Option(
            metavar="HH:MM",
            help=READY_AT_HELP,
        ),
    ] = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the run manifest as JSON and nothing else."))
    ] = False,
) -> None:
    """Backtest the pair Y-X of a snapshot and print its metrics."""
    config, ready_at = config_from_text(settings or []), time_from_text(ready_at)
    from pairkit.audit.runs.check_store import load_checks
    from pairkit.audit.runs.manifest import run_manifest, save_run
    from pairkit.audit.runs.trial_ledger import note_run, tried
    from pairkit.run import run_backtest

    opened, pair = snapshot_and_pair(snapshot, directory, y, x)
    chosen = pair if first is last is None else pair.between(first, last)
    run = run_backtest(chosen, config, ready_at=ready_at)
    warn_if_uncounted(note_run(run, "run"))
    trials, known = tried(run.pair), load_checks(run.pair, config)
    folder = directory if opened.path == directory / opened.path.name else opened.path.parent
    made = (
        run_manifest(run, checks=known, trials=trials, directory=folder)
        if manifest is None
        else save_run(run, manifest, checks=known, trials=trials, directory=folder)
    )
    if as_json:
        typer.echo(made.to_json())
    else:
        _print(run, made.run_id, manifest, folder)


def warn_if_uncounted(warning: str) -> None:
    """Warn on standard error that trials could not be counted."""
    if warning:
        typer.secho(warning, fg="yellow", err=True)


def snapshot_path(name: str, folder: Path) -> Path:
    """The folder of a snapshot given by name, of which the newest of its line counts, or by path or id, which mean that very one."""
    from pairkit.audit.snapshots.line import newest_path
    from pairkit.audit.snapshots.upkeep import SHORT_ID, path_with_id

    if Path(name).name != name and Path(name).is_dir():
        return Path(name)
    newest = newest_path(folder, name)
    if newest.is_dir():
        return newest
    if Path(name).is_dir():
        return Path(name)
    is_id = len(name) >= SHORT_ID and set(name) <= set(hexdigits)
    return (path_with_id(folder, name.lower()) if is_id else None) or newest


def snapshot_and_pair(name: str, folder: Path, y: str, x: str) -> tuple[Snapshot, PairFrame]:
    """A snapshot given by name or path, and two legs aligned; codes may be typed in small letters."""
    from pairkit.audit.snapshots.snapshot import open_snapshot

    opened = open_snapshot(snapshot_path(name, folder))
    return opened, opened.pair(y, x)


def config_from_text(settings: list[str]) -> StrategyConfig:
    """A config from `field=value` texts; ConfigError names each fault and what is accepted."""
    from pydantic import ValidationError

    from pairkit.config import StrategyConfig, describe_errors
    from pairkit.errors import ConfigError

    values: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(
                _("--set {text}: write it as FIELD=VALUE, e.g. --set entry_z=2.2", text=text)
            )
        values[name.strip()] = parsed_value(name.strip(), value.strip())
    try:
        return StrategyConfig(**values)
    except ValidationError as error:
        raise ConfigError(" ".join(describe_errors(error))) from error


def time_from_text(text: str | None) -> str | None:
    """The time of `--ready-at`; ConfigError says what is accepted."""
    from pairkit.errors import ConfigError
    from pairkit.market.sessions import checked_time

    try:
        return None if text is None else checked_time(text)
    except ConfigError as error:
        raise ConfigError(_("--ready-at: {error}", error=error)) from error


def parsed_value(name: str, text: str) -> Any:
    """The value of the text in the kind of the field; the text itself where it is none, for the config to refuse."""
    from pairkit.config import SETTINGS

    return SETTINGS[name].parse(text) if name in SETTINGS else text


def _print(run: BacktestRun, run_id: str, manifest: Path | None, folder: Path) -> None:
    import shlex

    from rich.table import Table
    from rich.text import Text

    from pairkit.audit.runs.inputs import USUAL_FOLDER
    from pairkit.cli.terminal import Terminal
    from pairkit.columns import METRICS, unit_in
    from pairkit.display import weakness

    console = Terminal()
    pair = run.pair
    console.print(
        Text.assemble(
            (f"{pair.labels[0]}  -  {pair.labels[1]}", "bold"),
            f"  {len(pair)} bars, {pair.trade_date[0]:%Y-%m-%d} .. {pair.trade_date[-1]:%Y-%m-%d}",
        )
    )
    if pair.provenance.simulated:
        console.print(_("SIMULATED DATA: no market traded these prices."), style="bold yellow")
    table = Table("metric", "value", "unit", "meaning")
    for metric in METRICS:
        weak = weakness(metric.name, run.closed_trades)
        table.add_row(
            metric.name,
            f"{run.metrics[metric.name]:,.6g}",
            unit_in(metric.unit, pair.currency),
            f"{_(metric.meaning)} {weak}".strip(),
        )
    console.print(table)
    for finding in (*run.findings, *run.session_findings()):
        console.print(f"{finding.severity}: {reworded(finding.message)}")
    console.print(_("run {run_id}", run_id=run_id))
    if manifest is not None:
        again = [
            "python",
            "-m",
            "pairkit",
            "rerun",
            str(manifest),
            *(["--dir", str(folder)] if folder != USUAL_FOLDER else []),
        ]
        console.print(
            _(
                "manifest written to {manifest}, tables beside it; again: {again}",
                manifest=manifest,
                again=shlex.join(again),
            ),
            soft_wrap=True,
        )
