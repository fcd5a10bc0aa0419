"""`python -m pairkit reconcile`: fills beside what a book's model did since its journal began, the difference in parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairkit.cli.journal import JournalFolder
from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import snapshot_path
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.desk.reconcile import Reconciliation


def reconcile_command(
    fills: Annotated[
        Path,
        typer.Argument(
            help=_("CSV of fills: contract, side, lots, price, time; fee and id where known.")
        ),
    ],
    book: Annotated[
        str | None,
        typer.Option(help=_("Book whose journal it is; by default the only one that has one.")),
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(help=_("Snapshot to compare on; by default the newest of the book's line.")),
    ] = None,
    journals: JournalFolder = None,
    directory: SnapshotFolder = Path("snapshots"),
    csv: Annotated[
        Path | None, typer.Option(help=_("Write one row a session and contract to this file."))
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print results, parts and rows as JSON."))
    ] = False,
) -> None:
    """Compare fills with the model: what came of prices, lots missed or extra, rolls and fees, to the cent."""
    from pairkit.audit.snapshots.snapshot import open_snapshot
    from pairkit.cli.many import write_csv
    from pairkit.data.files.uploads import Upload, bytes_of
    from pairkit.desk.book import book_of
    from pairkit.desk.fills_file import MOST_BYTES, read_fills
    from pairkit.desk.journal import last_lines, read_journal
    from pairkit.desk.reconcile import reconcile
    from pairkit.desk.today import open_for

    lines = last_lines(read_journal(book or _only_book(journals), journals))
    opened = (
        open_for(book_of(lines[-1].content["book"]), directory)
        if snapshot is None
        else open_snapshot(snapshot_path(snapshot, directory))
    )
    file = Upload(fills.name, bytes_of(fills, MOST_BYTES))
    found = reconcile(lines, read_fills(file, opened.calendar), opened)
    if csv is not None:
        write_csv(found.rows, csv)
    if as_json:
        typer.echo(json.dumps(_plain(found)))
    else:
        _print(found)


def _only_book(journals: Path | None) -> str:
    """The one book that has a journal; RunError where there are none or several."""
    from pairkit.desk.journal import journal_names
    from pairkit.errors import RunError

    names = journal_names(journals)
    if len(names) != 1:
        raise RunError(
            _(
                "name the book with --book; there are journals of {names}.",
                names=", ".join(names) or "none",
            )
        )
    return names[0]


def _plain(found: Reconciliation) -> dict[str, Any]:
    """The comparison as JSON values; a price of nothing traded is null."""
    return {
        "from": f"{found.first:%Y-%m-%d}",
        "to": f"{found.last:%Y-%m-%d}",
        "currency": found.currency,
        "model": found.model,
        "filled": found.filled,
        "difference": found.difference,
        "parts": found.parts,
        "pending": len(found.pending),
        "before": len(found.before),
        "rows": json.loads(found.rows.to_json(orient="records", date_format="iso")),
    }


def _print(found: Reconciliation) -> None:
    typer.echo(
        _(
            "{first:%Y-%m-%d} .. {last:%Y-%m-%d}: the fills made {filled:,.2f} {currency}, the model {model:,.2f}: {difference:+,.2f}",
            first=found.first,
            last=found.last,
            filled=found.filled,
            model=found.model,
            difference=found.difference,
            currency=found.currency,
        )
    )
    for name, amount in found.parts.items():
        typer.echo(f"  {name:<11}{amount:+16,.2f}")
    for fills, words in (
        (found.pending, _("after the last session: {n} fills, not counted yet")),
        (found.before, _("up to the first sheet's close: {n} fills, not counted")),
    ):
        if fills:
            typer.echo(words.format(n=len(fills)))
