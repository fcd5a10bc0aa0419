"""`python -m pairkit audit`: the honesty checks of one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairkit.cli.many import NOT_DONE, watched
from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import config_from_text, snapshot_and_pair, warn_if_uncounted
from pairkit.cli.sweep import space_from_text
from pairkit.language import _, reworded

if TYPE_CHECKING:
    from pairkit.checks import CheckResult
    from pairkit.research.check_spec import Case

FAILED = 1
_COLORS = {"passed": "green", "failed": "red", "noted": "blue"}


def audit_command(
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
    checks: Annotated[
        list[str] | None,
        typer.Option(
            "--check",
            metavar="CHECK",
            help=_("Run this check only; may be repeated. All by default."),
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="CHECK.OPTION=VALUE",
            help=_("A check's setting, e.g. placebo.draws=500; may be repeated."),
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="FIELD=VALUES",
            help=_(
                "A field of the sweep that the config was chosen from, as `sweep` takes it: the placebo compares best with best."
            ),
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option(metavar="DATE", help=_("Leave out the bars before this date."))
    ] = None,
    last: Annotated[
        str | None, typer.Option(metavar="DATE", help=_("Leave out the bars after this date."))
    ] = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the results as JSON and nothing else."))
    ] = False,
) -> None:
    """Check how far the run of Y-X can be believed. Exit code 1 where a check failed; Ctrl-C keeps the checks that ran (code 2)."""
    config, given = config_from_text(settings or []), options_from_text(options or [])
    from pairkit.audit.runs.trial_ledger import note_run
    from pairkit.research.check_spec import Case
    from pairkit.research.registry import CHECK_SPECS, check_spec
    from pairkit.run import run_backtest

    chosen = list(dict.fromkeys(checks or CHECK_SPECS))
    for name in (*chosen, *given):
        check_spec(name).values(given.get(name, {}))
    opened, pair = snapshot_and_pair(snapshot, directory, y, x)
    case = Case(
        pair if first is last is None else pair.between(first, last),
        config,
        opened,
        space_from_text(vary or []) or None,
    )
    warn_if_uncounted(note_run(run_backtest(case.pair, config), "check"))
    results, left_out, whole = _made(case, chosen, given, quiet=as_json)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "snapshot": opened.id,
                    **dict(zip("yx", pair.codes, strict=True)),
                    "config": config.model_dump(mode="json"),
                    "checks": [one.to_dict() for one in results],
                    "left_out": left_out,
                    "cancelled": not whole,
                }
            )
        )
    else:
        _print(results, left_out, simulated=pair.provenance.simulated)
    if not whole:
        typer.secho(
            _(
                "stopped early: {results} of {chosen} checks ran and are kept.",
                results=len(results),
                chosen=len(chosen),
            ),
            fg="yellow",
            err=True,
        )
        raise typer.Exit(NOT_DONE)
    if left_out and not results:
        raise typer.Exit(NOT_DONE)
    if any(one.verdict == "failed" for one in results):
        raise typer.Exit(FAILED)


def options_from_text(texts: list[str]) -> dict[str, dict[str, str]]:
    """Settings of checks from `check.option=value` texts; names and values are validated by the checks."""
    from pairkit.errors import ConfigError

    given: dict[str, dict[str, str]] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        check, dot, option = name.partition(".")
        if not (equals and dot and option and value):
            raise ConfigError(
                _(
                    "--with {text}: write it as CHECK.OPTION=VALUE, e.g. --with placebo.draws=500",
                    text=text,
                )
            )
        given.setdefault(check, {})[option] = value
    return given


def _made(
    case: Case, chosen: list[Any], given: dict[str, dict[str, str]], *, quiet: bool
) -> tuple[list[CheckResult], dict[str, str], bool]:
    """The results of the checks that ran, each saved at once; why others could not; whether none was stopped."""
    from pairkit.errors import CancelledError
    from pairkit.research.registry import run_and_save_checks

    results: list[CheckResult] = []
    left_out: dict[str, str] = {}
    with watched("audit", quiet=quiet) as (progress, cancelled):
        try:
            for _, found in run_and_save_checks(
                case,
                chosen,
                given,
                progress=progress,
                cancelled=cancelled,
                left_out=left_out.__setitem__,
            ):
                results.append(found.result())
        except CancelledError:
            return results, left_out, False
    return results, left_out, True


def _print(results: list[CheckResult], left_out: dict[str, str], *, simulated: bool) -> None:
    for one in results:
        typer.echo(
            f"{typer.style(f'{one.verdict:<7}', fg=_COLORS[one.verdict])} {one.check}: {reworded(one.sentence)}"
        )
    for check, why in left_out.items():
        typer.echo(f"{typer.style('not run', fg='yellow')} {check}: {why}")
    if simulated:
        typer.echo(_("SIMULATED DATA: no market traded these prices."))
