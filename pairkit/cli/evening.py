"""`python -m pairkit evening`: extend, verify, today and journal of a book, in one go."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairkit.cli.book import BooksFolder
from pairkit.cli.journal import JournalFolder
from pairkit.cli.options import SnapshotFolder
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.audit.snapshots.extend import Extension
    from pairkit.audit.snapshots.snapshot import Snapshot


def evening_command(
    book: Annotated[str, typer.Argument(help=_("Name of the book."))],
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help=_("Accept a last session that is not whole."))
    ] = False,
    books: BooksFolder = None,
    journals: JournalFolder = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the sheet as JSON and nothing else."))
    ] = False,
) -> None:
    """Do a book's evening; safe to run again. Exit code 0: nothing to do, 10: orders, 2: no sheet, and why."""
    from pairkit.cli.today import print_sheet
    from pairkit.desk.book import load_book
    from pairkit.desk.evening import evening
    from pairkit.desk.sheet_files import sheet_json

    done = evening(
        load_book(book, books),
        directory,
        extend=lambda snapshot: _extend(snapshot, directory, allow_missing=allow_missing),
        today=date.today(),  # noqa: DTZ011
        say=_log,
        journals=journals,
    )
    if done.sheet is not None:
        if as_json:
            typer.echo(sheet_json(done.sheet))
        else:
            print_sheet(done.sheet)
    raise typer.Exit(done.exit_code)


def _log(step: str, what: str) -> None:
    """A line of the log, on standard error: time, step, result."""
    from pairkit.display import visible

    now = datetime.now().strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ005  the clock of whoever reads it
    typer.echo(f"{now}  {step:<8}{visible(what)}", err=True)


def _extend(snapshot: Snapshot, folder: Path, *, allow_missing: bool) -> Extension | None:
    """The snapshot extended from its provider up to today; None where it has none."""
    from pairkit.audit.snapshots.extend import extend_from_source
    from pairkit.data.provider.registry import provider, provider_names

    source = str(snapshot.manifest["data_scope"]["source"])
    if source not in provider_names():
        return None
    origin = provider(source)
    origin.require_account()
    return extend_from_source(
        snapshot,
        origin.open(),
        date.today(),  # noqa: DTZ011
        folder=folder,
        allow_missing=allow_missing,
    )
