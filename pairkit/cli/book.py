"""`python -m pairkit book ...`: make and change books of pairs, and show what a book holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.cli.run import config_from_text
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.desk.book import Book
    from pairkit.desk.book_runs import BookRuns

book_app = typer.Typer(
    no_args_is_help=True, help=_("Books of pairs: what is traded, with which config and capital.")
)
BookName = Annotated[str, typer.Argument(help=_("Name of the book."))]
BooksFolder = Annotated[
    Path | None,
    typer.Option("--books", help=_("Folder of books; by default PAIRKIT_BOOKS, else ./books.")),
]


@book_app.command("new")
def new_command(
    name: BookName,
    snapshot: Annotated[
        str, typer.Option(help=_("Snapshot that the book trades on: the newest of its line."))
    ],
    note: Annotated[str, typer.Option(help=_("A note to keep with it."))] = "",
    books: BooksFolder = None,
) -> None:
    """Make an empty book."""
    from pairkit.desk.book import book_path, changing, new_book, save_book
    from pairkit.errors import RunError

    with changing(name, books):
        if book_path(name, books).exists():
            raise RunError(
                _(
                    "there is a book {name!r} already: {book_path}.",
                    name=name,
                    book_path=book_path(name, books),
                )
            )
        path = save_book(new_book(name, snapshot, note), books)
    typer.echo(
        _("{path} is made. Next: python -m pairkit book add {name} Y X", path=path, name=name)
    )


@book_app.command("list")
def list_command(
    books: BooksFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print the names as JSON."))] = False,
) -> None:
    """List the books there are."""
    from pairkit.desk.book import book_names, load_book

    names = book_names(books)
    if as_json:
        typer.echo(json.dumps(names))
        return
    for name in names:
        book = load_book(name, books)
        typer.echo(
            _(
                "{name}: {entries} entries on {snapshot}",
                name=name,
                entries=len(book.entries),
                snapshot=book.snapshot,
            )
        )


@book_app.command("add")
def add_command(
    name: BookName,
    y: Annotated[str, typer.Argument(help=_("Leg y, e.g. RB."))],
    x: Annotated[str, typer.Argument(help=_("Leg x, e.g. HC."))],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help=_("A setting of the strategy; may be repeated.")
        ),
    ] = None,
    capital: Annotated[
        float | None, typer.Option(help=_("Capital of the entry; that of the config by default."))
    ] = None,
    entry: Annotated[
        str, typer.Option("--name", help=_("Name of the entry; Y-X by default."))
    ] = "",
    note: Annotated[str, typer.Option(help=_("A note to keep with it."))] = "",
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help=_("Since when it is traded; today by default.")),
    ] = None,
    books: BooksFolder = None,
) -> None:
    """Add a pair to a book."""
    from datetime import date

    from pairkit.desk.book import book_entry, changing, load_book, save_book

    given = settings or []
    config = config_from_text([*given, *([] if capital is None else [f"capital={capital}"])])
    made = book_entry(y, x, config, name=entry, note=note, since=since or date.today().isoformat())  # noqa: DTZ011
    with changing(name, books):
        save_book(load_book(name, books).plus(made), books)
    typer.echo(
        _(
            "{made_name} is in {name}, with a capital of {capital:,.0f}.",
            made_name=made.name,
            name=name,
            capital=made.capital,
        )
    )


@book_app.command("remove")
def remove_command(
    name: BookName,
    entry: Annotated[str, typer.Argument(help=_("Name of the entry, e.g. RB-HC."))],
    books: BooksFolder = None,
) -> None:
    """Remove a pair from a book. Its journal keeps every sheet."""
    from pairkit.desk.book import changing, load_book, save_book

    with changing(name, books):
        save_book(load_book(name, books).minus(entry), books)
    typer.echo(_("{entry} is no longer in {name}.", entry=entry, name=name))


@book_app.command("show")
def show_command(
    name: BookName,
    books: BooksFolder = None,
    directory: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[
        bool, typer.Option("--json", help=_("Print the book and its figures as JSON."))
    ] = False,
) -> None:
    """Show a book: each entry's state, result and margin, their sum, and the net lots by contract."""
    from pairkit.desk.book import load_book
    from pairkit.desk.book_runs import run_book
    from pairkit.desk.today import open_for

    book = load_book(name, books)
    snapshot = open_for(book, directory)
    made = run_book(book, snapshot)
    if as_json:
        typer.echo(json.dumps({"book": book.to_dict(), "snapshot": snapshot.id, **_figures(made)}))
    else:
        _print(book, made, snapshot.label, simulated=snapshot.simulated)


def _figures(made: BookRuns) -> dict[str, Any]:
    """The last figures of a book as plain values."""
    if not made.runs:
        return {"entries": {}, "equity": 0.0, "net_lots": {}}
    equity, margin, notional = (
        table.iloc[-1] for table in (made.equity, made.margin, made.notional)
    )
    return {
        "entries": {
            name: {
                "state": run.frame["state"].iloc[-1],
                "reason": run.frame["reason"].iloc[-1],
                "equity": equity[name],
                "margin": _number(margin[name]),
                "notional": _number(notional[name]),
                "sharpe": _number(run.metrics["sharpe"]),
            }
            for name, run in made.runs.items()
        },
        "equity": float(equity["sum"]),
        "net_lots": made.net_lots.to_dict(),
    }


def _number(value: float) -> float | None:
    return float(value) if value == value else None


def _print(book: Book, made: BookRuns, label: str, *, simulated: bool) -> None:
    from rich.table import Table

    from pairkit.cli.terminal import Terminal

    console = Terminal()
    if simulated:
        console.print(_("SIMULATED DATA: no market traded these prices."), style="bold yellow")
    console.print(_("{book_name} on {label}", book_name=book.name, label=label))
    if not made.runs:
        console.print(
            _("No entry. Add one: python -m pairkit book add {book_name} Y X", book_name=book.name)
        )
        return
    figures = _figures(made)
    table = Table("entry", "state", "reason", "equity", "margin", "notional", _("Sharpe"))
    for name, one in figures["entries"].items():
        shown = [
            "n/a" if one[key] is None else f"{one[key]:,.0f}"
            for key in ("equity", "margin", "notional")
        ]
        sharpe = "n/a" if one["sharpe"] is None else f"{one['sharpe']:.2f}"
        table.add_row(name, one["state"], one["reason"], *shown, sharpe)
    console.print(table)
    console.print(_("equity of all: {equity:,.0f}", equity=figures["equity"]))
    lots = ", ".join(f"{contract} {net:+g}" for contract, net in figures["net_lots"].items())
    console.print(_("net lots: {lots}", lots=lots or "none"))
