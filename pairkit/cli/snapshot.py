"""`pairkit snapshot`: list, verify, compare, import, download, rename, delete. Exit codes: 0 good, 1 check failed, 2 not done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pairkit import plurals
from pairkit.cli.diff import diff_command
from pairkit.cli.extend import extend_command
from pairkit.cli.options import SnapshotFolder
from pairkit.cli.prune import prune_command
from pairkit.cli.take import take_command
from pairkit.errors import PairkitError
from pairkit.language import _, reworded

if TYPE_CHECKING:
    from pairkit.audit.snapshots.listing import SnapshotSummary
    from pairkit.audit.snapshots.snapshot import Snapshot
    from pairkit.findings import Finding

GOOD, CHECK_FAILED, NOT_DONE = 0, 1, 2
_SEVERITY_STYLES = {"info": "dim", "warning": "yellow", "error": "bold red"}

snapshot_app = typer.Typer(
    help=_("List, verify, compare, import, take, rename and delete snapshots of daily bars."),
    no_args_is_help=True,
)
snapshot_app.command("take")(take_command)
snapshot_app.command("extend")(extend_command)
snapshot_app.command("prune")(prune_command)
snapshot_app.command("diff")(diff_command)
Json = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]


@snapshot_app.command("list")
def list_command(folder: SnapshotFolder = Path("snapshots"), as_json: Json = False) -> None:
    """List the snapshots, each verified to the last byte."""
    from pairkit.audit.snapshots.listing import list_snapshots

    if not folder.is_dir():
        _give_up(
            _(
                "there is no folder {folder}; name one with --dir, or make a snapshot with `pairkit snapshot import`.",
                folder=folder,
            ),
            as_json,
        )
    summaries = list_snapshots(folder)
    if as_json:
        _print_json({"dir": str(folder), "snapshots": [_plain(summary) for summary in summaries]})
    else:
        _print_summaries(folder, summaries)
    raise typer.Exit(CHECK_FAILED if any(summary.error for summary in summaries) else GOOD)


@snapshot_app.command("verify")
def verify_command(
    snapshots: Annotated[
        list[str] | None, typer.Argument(help=_("Names, or paths; all in --dir by default."))
    ] = None,
    folder: SnapshotFolder = Path("snapshots"),
    as_json: Json = False,
) -> None:
    """Check every byte of snapshots against their manifests."""
    from pairkit.audit.snapshots.listing import list_snapshots, summarise

    if snapshots:
        paths = [_place(name, folder) for name in snapshots]
        absent = [str(path) for path in paths if not path.exists()]
        if absent:
            _give_up(
                _(
                    "there is no snapshot {absent}; `python -m pairkit snapshot list` shows which there are.",
                    absent=", ".join(absent),
                ),
                as_json,
            )
        summaries = [summarise(path) for path in paths]
    else:
        summaries = list_snapshots(folder)
        if not summaries:
            _give_up(
                _(
                    "there is no snapshot in {folder}; name one, or another folder with --dir.",
                    folder=folder,
                ),
                as_json,
            )
    if as_json:
        _print_json({"snapshots": [_plain(summary) for summary in summaries]})
    else:
        _print_verdicts(summaries)
    raise typer.Exit(CHECK_FAILED if any(summary.error for summary in summaries) else GOOD)


@snapshot_app.command("import")
def import_command(
    paths: Annotated[
        list[Path],
        typer.Argument(help=_("CSV or Parquet files of daily bars, or folders of them.")),
    ],
    name: Annotated[
        str, typer.Option("--name", help=_("The snapshot's name: letters, digits, '.', '_', '-'."))
    ],
    specs: Annotated[
        Path | None,
        typer.Option(
            "--specs",
            help=_(
                "Contract specs of roots that are not bundled, "
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
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            help=_(
                "Which contract is dominant each day, "
                "as known at the close before: date, root, contract."
            ),
        ),
    ] = None,
    calendar: Annotated[
        Path | None,
        typer.Option(
            "--calendar",
            help=_("The sessions on which bars are expected: dates, one a line or in a column."),
        ),
    ] = None,
    folder: SnapshotFolder = Path("snapshots"),
    as_json: Json = False,
) -> None:
    """Make a snapshot from files, and report what was found in them."""
    from pairkit.audit.snapshots.from_files import import_files

    try:
        snapshot = import_files(
            paths,
            name=name,
            folder=folder,
            specs_file=specs,
            mapping_file=mapping,
            calendar_file=calendar,
            terms_file=terms,
        )
    except PairkitError as error:
        _give_up(str(error), as_json)
    if as_json:
        _print_json(
            {
                "path": str(snapshot.path),
                "id": snapshot.id,
                "name": snapshot.name,
                "roots": list(snapshot.roots),
                "data_scope": snapshot.manifest["data_scope"],
                "findings": [finding.to_dict() for finding in snapshot.findings],
            }
        )
    else:
        _print_imported(snapshot)


@snapshot_app.command("rename")
def rename_command(
    snapshot: Annotated[
        str, typer.Argument(help=_("Name of a snapshot, or the path of its folder."))
    ],
    name: Annotated[str, typer.Argument(help=_("Its new name: letters, digits, '.', '_', '-'."))],
    folder: SnapshotFolder = Path("snapshots"),
    as_json: Json = False,
) -> None:
    """Rename a snapshot. Its id stays, and runs made from it still find it."""
    from pairkit.audit.snapshots.upkeep import rename_snapshot, stated_id

    try:
        path = rename_snapshot(_place(snapshot, folder), name)
    except PairkitError as error:
        _give_up(str(error), as_json)
    if as_json:
        _print_json({"path": str(path), "name": path.name, "id": stated_id(path)})
    else:
        typer.echo(
            _(
                "{snapshot} is now {path}, id {stated_id}",
                snapshot=snapshot,
                path=path,
                stated_id=stated_id(path),
            )
        )


@snapshot_app.command("delete")
def delete_command(
    snapshot: Annotated[
        str, typer.Argument(help=_("Name of a snapshot, or the path of its folder."))
    ],
    folder: SnapshotFolder = Path("snapshots"),
    yes: Annotated[bool, typer.Option("--yes", help=_("Do not ask first."))] = False,
    as_json: Json = False,
) -> None:
    """Delete a snapshot for good. Refused while a saved run cites it."""
    from pairkit.audit.runs.store import runs_from
    from pairkit.audit.snapshots.upkeep import delete_snapshot, stated_id
    from pairkit.desk.retention import refuse_if_in_journal

    path = _place(snapshot, folder)
    if (
        not yes
        and path.is_dir()
        and not typer.confirm(_("Delete {path} for good?", path=path), err=as_json)
    ):
        _give_up(_("nothing was deleted."), as_json)
    made_from_it = runs_from(stated_id(path))
    try:
        refuse_if_in_journal(path)
        delete_snapshot(path, cited_by=[f"{one.name} ({one.id})" for one in made_from_it])
    except PairkitError as error:
        _give_up(str(error), as_json)
    if as_json:
        _print_json({"path": str(path), "deleted": True})
    else:
        typer.echo(_("{path} is deleted.", path=path))


def _place(name: str, folder: Path) -> Path:
    """The snapshot's folder: a name below `folder`, or else a path."""
    below = folder / name
    return below if below.is_dir() else Path(name)


def _plain(summary: SnapshotSummary) -> dict[str, Any]:
    return {
        "name": summary.name,
        "path": str(summary.path),
        "verified": summary.verified,
        "error": summary.error,
        "id": summary.id,
        "roots": list(summary.roots),
        "start": summary.start,
        "end": summary.end,
        "simulated": summary.simulated,
        "rows": summary.rows,
        "findings": summary.findings,
    }


# --- output ----------------------------------------------------------------------------------------------------------
def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _give_up(message: str, as_json: bool) -> NoReturn:
    """Say why it could not be done, and exit with code 2."""
    if as_json:
        _print_json({"error": message})
    else:
        from rich.text import Text

        from pairkit.cli.terminal import Terminal

        Terminal(stderr=True).print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    raise typer.Exit(NOT_DONE)


def _print_summaries(folder: Path, summaries: Sequence[SnapshotSummary]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pairkit.cli.terminal import Terminal

    console = Terminal()
    if not summaries:
        console.print(Text(_("{folder} holds no snapshot.", folder=folder)))
        return
    table = Table(title=_("Snapshots in {folder}", folder=folder))
    for heading in ("name", "roots", "range", "bars", "findings", "id"):
        table.add_column(heading, no_wrap=heading != "roots")
    for summary in summaries:
        if summary.error:
            table.add_row(Text(summary.name), Text(_("cannot be opened"), "bold red"))
            continue
        label = Text(summary.name) + (
            Text("\nsimulated", "magenta") if summary.simulated else Text()
        )
        span = f"{summary.start}\n{summary.end}"
        table.add_row(
            label,
            _roots_in_short(summary.roots),
            span,
            f"{summary.rows:,}",
            str(summary.findings),
            summary.id[:12],
        )
    console.print(table)
    for summary in summaries:
        if summary.error:
            console.print(
                Text.assemble((f"{summary.name}: ", "bold red"), summary.error), soft_wrap=True
            )


def _roots_in_short(roots: Sequence[str]) -> str:
    return (
        " ".join(roots)
        if len(roots) <= 12
        else _("{roots} and {more} more", roots=" ".join(roots[:11]), more=len(roots) - 11)
    )


def _print_verdicts(summaries: Sequence[SnapshotSummary]) -> None:
    from rich.text import Text

    from pairkit.cli.terminal import Terminal

    console = Terminal()
    for summary in summaries:
        if summary.error:
            console.print(Text.assemble(("FAILED ", "bold red"), summary.error), soft_wrap=True)
        else:
            console.print(
                Text.assemble(
                    ("verified ", "green"),
                    _("{summary_path}  id {id}", summary_path=summary.path, id=summary.id),
                ),
                soft_wrap=True,
            )


def _print_imported(snapshot: Snapshot) -> None:
    from rich.text import Text

    from pairkit.cli.terminal import Terminal

    scope = snapshot.manifest["data_scope"]
    console = Terminal()
    span = f"{scope['start']} .. {scope['end']}"
    console.print(
        Text(
            _(
                "{snapshot_path}: {bars} of {roots}, {span}",
                snapshot_path=snapshot.path,
                bars=plurals.bars(scope["rows"]),
                roots=" ".join(snapshot.roots),
                span=span,
            )
        ),
        soft_wrap=True,
    )
    console.print(Text(_("id {id}", id=snapshot.id)), soft_wrap=True)
    _print_findings(console, snapshot.findings)
    if len(snapshot.roots) > 1:
        console.print(
            Text(
                _(
                    "Next: python -m pairkit run {snapshot_path} {first_root} {second_root}",
                    snapshot_path=snapshot.path,
                    first_root=snapshot.roots[0],
                    second_root=snapshot.roots[1],
                )
            )
        )


def _print_findings(console: Any, findings: Sequence[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not findings:
        console.print(_("No findings."))
        return
    table = Table(
        "root",
        "finding",
        "count",
        _("first days"),
        title=plurals.findings(len(findings)),
    )
    examples: dict[str, str] = {}
    for finding in sorted(findings, key=lambda finding: (finding.root, finding.kind)):
        kind = Text(finding.kind, _SEVERITY_STYLES[finding.severity])
        table.add_row(finding.root, kind, f"{finding.count:,}", " ".join(finding.dates[:3]))
        examples.setdefault(finding.kind, reworded(finding.message))
    console.print(table)
    for name, message in sorted(examples.items()):
        console.print(Text.assemble((f"{name}: ", "bold"), message), soft_wrap=True)
