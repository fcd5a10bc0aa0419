"""Shared parts of the `sweep` and `scan` commands: a progress bar, a stop that loses nothing, a table as output."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from pairkit.language import _, ngettext

if TYPE_CHECKING:
    import pandas as pd

NOT_DONE = 2


class Progress(Protocol):
    """Moves the bar; `what` renames it."""

    def __call__(self, done: int, total: int, what: str = "") -> None: ...  # noqa: D102


@contextmanager
def watched(what: str, *, quiet: bool) -> Iterator[tuple[Progress, Callable[[], bool]]]:
    """(progress, cancelled) for long work: a bar on stderr, and Ctrl-C asks for a stop at the next slice."""
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    from pairkit.cli.terminal import progress_bar

    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    bar = progress_bar(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), disable=quiet)
    try:
        with bar:
            task = bar.add_task(what, total=None)

            def show(done: int, total: int, what: str = "") -> None:
                bar.update(task, completed=done, total=total, description=what or None)

            yield show, lambda: bool(stopped)
    finally:
        signal.signal(signal.SIGINT, before)


def write_csv(table: pd.DataFrame, csv: Path) -> None:
    """Write a table's rows; RunError where the file cannot be written."""
    from pairkit.errors import RunError

    try:
        table.to_csv(csv, index=False)
    except OSError as error:
        raise RunError(
            _(
                "{csv} cannot be written ({error}); name another file with --csv.",
                csv=csv,
                error=error,
            )
        ) from error


def hand_out(
    table: pd.DataFrame, *, csv: Path | None, as_json: bool, show: Callable[[], None]
) -> None:
    """Write the table to its output, and exit with code 2 where it is incomplete."""
    if csv is not None:
        write_csv(table, csv)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    **_plain(table.attrs),
                    "rows": json.loads(table.to_json(orient="records", double_precision=15)),
                }
            )
        )
    else:
        show()
        if csv is not None:
            typer.echo(_("{table:,} rows written to {csv}", table=len(table), csv=csv))
    if table.attrs["cancelled"]:
        done = ngettext(
            "stopped early: {n:,} row was done.",
            "stopped early: {n:,} rows were done.",
            len(table),
        )
        typer.secho(done, fg="yellow", err=True)
        raise typer.Exit(NOT_DONE)


def print_rows(table: pd.DataFrame, columns: list[str], rows: int, title: str) -> None:
    """The first rows of a table, in whole words and numbers however narrow the terminal."""
    typer.secho(title, bold=True)
    if len(table):
        typer.echo(table[columns].head(rows).to_string(index=False, float_format="{:.4g}".format))
    if len(table) > rows:
        typer.echo(_("... and {table:,} more; --csv writes all.", table=len(table) - rows))


def _plain(attrs: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in attrs.items()}
