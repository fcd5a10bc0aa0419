"""`python -m pairkit journal ...`: verify, list and replay the sheets that a book's journal holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import snapshot_path
from pairkit.language import _, ngettext

journal_app = typer.Typer(
    no_args_is_help=True, help=_("Journals of books: every sheet that was written, sealed.")
)
BookName = Annotated[str, typer.Argument(help=_("Name of the book."))]
JournalFolder = Annotated[
    Path | None,
    typer.Option(
        "--journals", help=_("Folder of journals; by default PAIRKIT_JOURNAL, else ./journal.")
    ),
]
CHECK_FAILED = 1


@journal_app.command("verify")
def verify_command(
    book: BookName,
    journals: JournalFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print the verdict as JSON."))] = False,
) -> None:
    """Check every line of a journal; the first that was changed, is missing or out of place is named, with exit code 1."""
    from pairkit.desk.journal import verify_journal

    found = verify_journal(book, journals)
    if as_json:
        typer.echo(json.dumps({"book": book, "lines": len(found.lines), "fault": found.fault}))
    elif found.fault:
        typer.secho(
            _(
                "{book}: {fault}. {lines} lines before it are good.",
                book=book,
                fault=found.fault,
                lines=len(found.lines),
            ),
            fg="red",
        )
    else:
        typer.echo(
            _("{book}: {lines} lines, each as it was written.", book=book, lines=len(found.lines))
        )
    raise typer.Exit(CHECK_FAILED if found.fault else 0)


@journal_app.command("show")
def show_command(
    book: BookName,
    journals: JournalFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print the lines as JSON."))] = False,
) -> None:
    """List the sheets of a journal, once it is verified."""
    from pairkit.desk.journal import read_journal

    lines = read_journal(book, journals)
    if as_json:
        typer.echo(json.dumps([line.content for line in lines]))
        return
    for line in lines:
        content = line.content
        why = f" ({content['why']})" if content["why"] else ""
        typer.echo(
            _(
                "{number} {written_at} session {session}: {orders} orders, snapshot {id}{why}",
                number=line.number,
                written_at=content["written_at"],
                session=line.session,
                orders=len(content["sheet"]["orders"]),
                id=content["sheet"]["snapshot"]["id"][:12],
                why=why,
            )
        )


@journal_app.command("replay")
def replay_command(
    book: BookName,
    snapshot: Annotated[
        str | None,
        typer.Option(help=_("Snapshot to replay on; by default the newest of the book's line.")),
    ] = None,
    journals: JournalFolder = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[bool, typer.Option("--json", help=_("Print the verdict as JSON."))] = False,
) -> None:
    """Make every sheet of a journal again on a later snapshot; the first that differs is named, with exit code 1."""
    from dataclasses import asdict

    from pairkit.audit.snapshots.snapshot import open_snapshot
    from pairkit.cli.many import watched
    from pairkit.desk.book import book_of
    from pairkit.desk.journal import last_lines, read_journal
    from pairkit.desk.replay import replay
    from pairkit.desk.today import open_for, with_id

    lines = last_lines(read_journal(book, journals))
    newest = (
        open_for(book_of(lines[-1].content["book"]), directory)
        if snapshot is None
        else open_snapshot(snapshot_path(snapshot, directory))
    )
    with watched(_("replaying"), quiet=as_json) as (progress, _cancelled):
        found = replay(lines, newest, lambda wanted: with_id(wanted, directory), progress)
    if as_json:
        typer.echo(json.dumps({**asdict(found), "equal": found.equal}))
    elif found.equal:
        typer.echo(
            ngettext(
                "{book}: {n} sheet, made again on {name} as it was written.",
                "{book}: {n} sheets, each made again on {name} as it was written.",
                found.sheets,
                book=book,
                name=newest.label,
            )
        )
    else:
        what = _("another decision") if found.decision else _("other figures, the same decision")
        typer.secho(
            _(
                "{book}: {n} sheets as they were written; then session {session}, {entry}: {what}. {cause}.",
                book=book,
                n=found.sheets,
                session=found.session,
                entry=found.entry,
                what=what,
                cause=found.cause,
            ),
            fg="yellow",
        )
    raise typer.Exit(0 if found.equal else CHECK_FAILED)
