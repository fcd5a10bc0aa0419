"""`pairkit snapshot extend`: add later sessions, as a new snapshot of the same line."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.cli.take import day_of, showing_progress
from pairkit.language import _, ngettext

if TYPE_CHECKING:
    from pairkit.audit.snapshots.extend import Extension
    from pairkit.audit.snapshots.snapshot import Snapshot


def extend_command(
    name: Annotated[
        str, typer.Argument(help=_("Name of a snapshot; the newest of its line is extended."))
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help=_("Of an imported snapshot: files with all days once more, or the new ones alone.")
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(
            "--end", formats=["%Y-%m-%d", "%Y%m%d"], help=_("Last day; today by default.")
        ),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help=_("Accept a last session that is not whole."))
    ] = False,
    specs: Annotated[
        Path | None, typer.Option("--specs", help=_("Your own contract specs, as at the start."))
    ] = None,
    terms: Annotated[
        Path | None, typer.Option("--terms", help=_("Your own records of terms, as at the start."))
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", help=_("Your own dominant contracts, with the new days.")),
    ] = None,
    calendar: Annotated[
        Path | None, typer.Option("--calendar", help=_("Your own calendar, with the new days."))
    ] = None,
    folder: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Extend a line of snapshots. Exit code 0: extended, or nothing is new. 2: not done, and why."""
    from pairkit.audit.snapshots.extend import extend_from_files, extend_from_source
    from pairkit.audit.snapshots.line import newest_path
    from pairkit.audit.snapshots.snapshot import open_snapshot
    from pairkit.data.provider.registry import provider
    from pairkit.data.terms.specs_file import read_specs
    from pairkit.data.terms.terms_file import read_terms_file

    snapshot = open_snapshot(newest_path(folder, name))
    if paths:
        found = extend_from_files(
            snapshot,
            list(paths),
            folder=folder,
            allow_missing=allow_missing,
            specs_file=specs,
            mapping_file=mapping,
            calendar_file=calendar,
            terms_file=terms,
        )
    else:
        origin = provider(_source_of(snapshot))
        origin.require_account()
        with showing_progress(quiet=as_json) as progress:
            found = extend_from_source(
                snapshot,
                origin.open(),
                date.today() if end is None else day_of(end),  # noqa: DTZ011
                folder=folder,
                allow_missing=allow_missing,
                user_specs=None if specs is None else read_specs(specs),
                user_terms=None if terms is None else read_terms_file(terms),
                progress=progress,
            )
    _report(found, as_json)


def _source_of(snapshot: Snapshot) -> str:
    """The provider of a snapshot; SnapshotError where it was made from files or by a program."""
    from pairkit.data.provider.registry import provider_names
    from pairkit.errors import SnapshotError

    source = str(snapshot.manifest["data_scope"]["source"])
    if source in provider_names():
        return source
    raise SnapshotError(
        _(
            "snapshot {name!r} is of {source}, which no provider goes on with. Give the files that have the new days: "
            "`pairkit snapshot extend {name} FILES`.",
            name=snapshot.label,
            source=source,
        )
    )


def _report(found: Extension, as_json: bool) -> None:
    snapshot = found.snapshot
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "path": str(snapshot.path),
                    "id": snapshot.id,
                    "lineage": snapshot.lineage,
                    "sessions": found.sessions,
                    "revised": found.revised,
                    "calls": found.calls,
                    "stale": found.stale,
                }
            )
        )
        return
    last = f"{snapshot.calendar[-1]:%Y-%m-%d}"
    if not found.sessions:
        typer.echo(_("{path}: no session since {last}.", path=snapshot.path, last=last))
        return
    typer.echo(
        ngettext(
            "{path}: {n} session more, up to {last}; {revised} bars revised, {calls} calls",
            "{path}: {n} sessions more, up to {last}; {revised} bars revised, {calls} calls",
            found.sessions,
            path=snapshot.path,
            last=last,
            revised=found.revised,
            calls=found.calls,
        )
    )
    typer.echo(_("id {id}", id=snapshot.id))
