"""`pairkit snapshot take`: download a market from a provider into a snapshot, with progress; a stopped one resumes later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.data.provider.registry import DEFAULT, provider_names
from pairkit.language import _, reworded

if TYPE_CHECKING:
    from pairkit.audit.snapshots.from_provider import DownloadedSnapshot
    from pairkit.data.provider.market import Step

CHECK_FAILED, NOT_DONE, ERRORS_FOUND = 1, 2, 3
_DAYS = ["%Y-%m-%d", "%Y%m%d"]


def take_command(
    start: Annotated[datetime, typer.Option("--start", formats=_DAYS, help=_("First day."))],
    end: Annotated[
        datetime, typer.Option("--end", formats=_DAYS, help=_("Last day; not after today."))
    ],
    name: Annotated[
        str, typer.Option("--name", help=_("The snapshot's name: letters, digits, '.', '_', '-'."))
    ],
    roots: Annotated[
        str,
        typer.Option(
            "--roots",
            help=_(
                "Contract roots, e.g. RB,HC; RB.SHFE where the exchange is not known. "
                "All of the universe by default."
            ),
        ),
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            "--source",
            help=_("The provider: {provider_names}.", provider_names=", ".join(provider_names())),
        ),
    ] = DEFAULT,
    dominant: Annotated[
        Literal["mapping", "open_interest"],
        typer.Option("--dominant", help=_("Where dominant contracts come from.")),
    ] = "mapping",
    contracts: Annotated[
        Literal["main", "all"],
        typer.Option(
            "--contracts",
            help=_(
                "Which bars: of dominant contracts and their neighbours in delivery, or of all, as named months need them."
            ),
        ),
    ] = "main",
    specs: Annotated[
        Path | None,
        typer.Option(
            "--specs",
            help=_(
                "Contract specs of roots that the bundled table lacks, "
                "or of rows marked override, JSON or CSV."
            ),
        ),
    ] = None,
    terms: Annotated[
        Path | None,
        typer.Option(
            "--terms",
            help=_(
                "Your own records of terms by contract, delivery and day: a CSV of root, contract, "
                "deliveries, from_date, field, value, fee_mode, source, version."
            ),
        ),
    ] = None,
    folder: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Make a snapshot from a provider. Stop it with Ctrl-C and run it again: it resumes where it stopped.

    Exit codes: 0 downloaded; 1 downloaded while the provider was down, with older answers from the cache; 2 nothing downloaded;
    3 downloaded, with errors found in the data.
    """
    from pairkit.audit.snapshots.from_provider import download_snapshot
    from pairkit.data.provider.registry import provider
    from pairkit.data.terms.specs_file import read_specs
    from pairkit.data.terms.terms_file import read_terms_file
    from pairkit.errors import PairkitError
    from pairkit.market.universe import universe_roots

    try:
        origin = provider(source)
        origin.require_account()
        with showing_progress(quiet=as_json) as progress:
            downloaded = download_snapshot(
                origin.open(),
                roots_of(roots) or universe_roots(),
                day_of(start),
                day_of(end),
                name=name,
                folder=folder,
                rule=dominant,
                contracts=contracts,
                planned=_print_plan,
                user_specs=None if specs is None else read_specs(specs),
                user_terms=None if terms is None else read_terms_file(terms),
                progress=progress,
            )
    except PairkitError as error:
        _give_up(str(error), as_json)
    except KeyboardInterrupt:
        _give_up(
            _("stopped; what was downloaded is kept. Run the same command again to resume."),
            as_json,
        )
    _report(downloaded, as_json)
    errors = [finding for finding in downloaded.snapshot.findings if finding.severity == "error"]
    if errors and not as_json:
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in errors))
        typer.secho(
            _(
                "{errors} errors found in the download: {kinds}. Look at the days before you believe a run.",
                errors=len(errors),
                kinds=kinds,
            ),
            fg="red",
            err=True,
        )
    raise typer.Exit(ERRORS_FOUND if errors else CHECK_FAILED if downloaded.stale else 0)


def _print_plan(contracts: int, requests: int) -> None:
    """Print how many requests all contracts need, before the first of them."""
    typer.echo(
        _(
            "{contracts:,} contracts: about {requests:,} requests, fewer what the cache has.",
            contracts=contracts,
            requests=requests,
        ),
        err=True,
    )


def roots_of(text: str) -> list[str]:
    """`RB, HC` as a list."""
    return [part.strip() for part in text.replace(" ", ",").split(",") if part.strip()]


def day_of(moment: datetime) -> date:
    """The date of an option; typer passes midnights."""
    return moment.date()


@contextmanager
def showing_progress(*, quiet: bool) -> Iterator[Callable[[Step], None]]:
    """Progress bar on the terminal for a download; nothing where `quiet`."""
    if quiet:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

    from pairkit.cli.terminal import progress_bar

    with progress_bar(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task("asking", total=None)
        yield lambda step: bar.update(
            task, description=step.what, completed=step.done, total=step.total
        )


def _report(downloaded: DownloadedSnapshot, as_json: bool) -> None:
    snapshot, scope = downloaded.snapshot, downloaded.snapshot.manifest["data_scope"]
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "path": str(snapshot.path),
                    "id": snapshot.id,
                    "name": snapshot.name,
                    "roots": list(snapshot.roots),
                    "calls": downloaded.calls,
                    "stale": downloaded.stale,
                    "data_scope": scope,
                    "findings": [finding.to_dict() for finding in snapshot.findings],
                },
                ensure_ascii=False,
                indent=2,
            )
        )
        return
    typer.echo(
        _(
            "{snapshot_path}: {rows:,} bars of {roots}, {start} .. {end}; {calls} calls",
            snapshot_path=snapshot.path,
            rows=scope["rows"],
            roots=" ".join(snapshot.roots),
            start=scope["start"],
            end=scope["end"],
            calls=downloaded.calls,
        )
    )
    typer.echo(_("id {id}", id=snapshot.id))
    for finding in sorted(snapshot.findings, key=lambda finding: (finding.root, finding.kind)):
        typer.echo(
            f"{finding.severity}: {finding.root or 'all'} {finding.kind}: {reworded(finding.message)}"
        )
    if len(snapshot.roots) > 1:
        typer.echo(
            _(
                "Next: python -m pairkit run {snapshot_path} {first_root} {second_root}",
                snapshot_path=snapshot.path,
                first_root=snapshot.roots[0],
                second_root=snapshot.roots[1],
            )
        )


def _give_up(message: str, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": message}, ensure_ascii=False))
    else:
        typer.secho(_("error: {message}", message=message), fg="red", err=True)
    raise typer.Exit(NOT_DONE)
