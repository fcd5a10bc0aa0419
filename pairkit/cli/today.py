"""`python -m pairkit today`: the sheet of a book, with the net orders of the next session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pairkit.cli.book import BooksFolder
from pairkit.cli.journal import JournalFolder
from pairkit.cli.options import SnapshotFolder
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.desk.journal import JournalLine
    from pairkit.desk.sheet import Sheet

Symbols = Literal["plain", "ctp", "vnpy", "tqsdk"]


def today_command(
    book: Annotated[str, typer.Argument(help=_("Name of the book."))] = "demo-book",
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help=_("The sheet of the last session up to this date, from what was known then."),
        ),
    ] = None,
    shape: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help=_("How to print it."))
    ] = "table",
    symbols: Annotated[Symbols, typer.Option(help=_("Spelling of the contracts."))] = "plain",
    journal: Annotated[
        bool, typer.Option("--journal", help=_("Write the sheet into the book's journal too."))
    ] = False,
    why: Annotated[
        str, typer.Option(help=_("Reason for a second sheet of the same session."))
    ] = "",
    journals: JournalFolder = None,
    books: BooksFolder = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[bool, typer.Option("--json", help=_("The same as --format json."))] = False,
) -> None:
    """Print the sheet of a book. Exit code 0: nothing to do, 10: there are orders, 2: no sheet, and why."""
    from datetime import date

    from pairkit.desk.book import load_book
    from pairkit.desk.journal import append_sheet
    from pairkit.desk.sheet_files import sheet_csv, sheet_json
    from pairkit.desk.today import open_for, sheet_of
    from pairkit.market.daily import day_of

    found = load_book(book, books)
    day = None if as_of is None else day_of(as_of)
    snapshot = open_for(found, directory)
    made = sheet_of(found, snapshot, as_of=day, today=date.today()).sheet  # noqa: DTZ011
    sheet = made.spelt(symbols)
    if journal:
        print_journal_line(append_sheet(found, made, why=why, folder=journals))
    if as_json or shape == "json":
        typer.echo(sheet_json(sheet))
    elif shape == "csv":
        typer.echo(sheet_csv(sheet), nl=False)
    else:
        print_sheet(sheet)
    raise typer.Exit(sheet.exit_code)


def print_journal_line(line: JournalLine) -> None:
    """Say on standard error where the sheet stands in the journal."""
    outcome = "written" if line.new else _("there already, nothing was written")
    typer.echo(
        _("journal line {number}: {outcome}.", number=line.number, outcome=outcome), err=True
    )


def print_sheet(sheet: Sheet) -> None:
    """The sheet as tables for a terminal, its first line first."""
    from rich.table import Table

    from pairkit.cli.terminal import Terminal
    from pairkit.desk.sheet_files import held_lots, shut_gates, to_go

    console, content = Terminal(), sheet.content
    style = "bold yellow" if sheet.degraded or content["snapshot"]["simulated"] else "bold"
    console.print(sheet.headline, style=style)
    entries = Table(
        "entry", "state", "reason", "z", _("to go"), _("days held"), "held", _("gates shut")
    )
    for entry in content["entries"]:
        entries.add_row(
            entry["name"],
            entry["state"],
            entry["reason"],
            _figure(entry["z"], ".2f"),
            to_go(entry),
            _figure(entry["bars_held"], "d"),
            held_lots(entry),
            shut_gates(entry),
        )
    console.print(entries)
    orders = Table("contract", "side", "lots", "offset", "at", "why", "last", "limits", "opens")
    for order in content["orders"]:
        limits = f"{_figure(order['down_limit'], ',g')} .. {_figure(order['up_limit'], ',g')}"
        orders.add_row(
            order["symbol"],
            order["side"],
            f"{order['lots']:g}",
            order["offset"],
            order["at"],
            f"{order['why']} ({'+'.join(order['entries'])})"
            + (_(", only if {only_if}", only_if=order["only_if"]) if order["only_if"] else ""),
            _figure(order["reference_price"], ",g"),
            limits,
            order["opens_at"] or "n/a",
        )
    if content["orders"]:
        console.print(orders)
        console.print(_("Both legs of an entry or exit, or neither."))
    console.print(
        _(
            "margin {figure} -> {after} {currency}, equity {equity:,.0f}, snapshot {name} {id}",
            figure=_figure(content["margin_before"], ",.0f"),
            after=_figure(content["margin_after"], ",.0f"),
            currency=content["currency"],
            equity=content["equity"],
            name=content["snapshot"]["name"],
            id=content["snapshot"]["id"][:12],
        ),
        soft_wrap=True,
    )


def _figure(value: float | None, shape: str) -> str:
    return "n/a" if value is None else format(value, shape)
