"""`pairkit snapshot diff`: differences between two snapshots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairkit.cli.options import SnapshotFolder
from pairkit.language import _

if TYPE_CHECKING:
    import pandas as pd

    from pairkit.audit.snapshots.diff import SnapshotDiff
    from pairkit.cli.terminal import Terminal

NOT_DONE = 2
_SHOWN = 12
_TITLES = {
    "revised": _("revised figures"),
    "added": _("bars added"),
    "removed": _("bars removed"),
    "mapping": _("dominant contracts"),
    "specs": _("contract specs"),
    "terms": _("records of terms"),
    "scope": _("data scope"),
}
_BAR_COLUMNS = ["root", "contract", "trade_date", "open", "high", "low", "close", "volume"]


def diff_command(
    old: Annotated[str, typer.Argument(help=_("The older snapshot: a name in --dir, or a path."))],
    new: Annotated[str, typer.Argument(help=_("The newer one."))],
    folder: SnapshotFolder = Path("snapshots"),
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Show which bars were revised, added and removed, and what else differs. Both are verified first."""
    from pairkit.audit.snapshots.diff import diff_snapshots
    from pairkit.audit.snapshots.snapshot import open_snapshot
    from pairkit.errors import PairkitError

    try:
        found = diff_snapshots(
            *(
                open_snapshot(folder / name if (folder / name).is_dir() else Path(name))
                for name in (old, new)
            )
        )
    except PairkitError as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error)}, ensure_ascii=False))
        else:
            typer.secho(_("error: {error}", error=error), fg="red", err=True)
        raise typer.Exit(NOT_DONE) from error
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        _print(found)


def _print(found: SnapshotDiff) -> None:
    from pairkit.cli.terminal import Terminal

    console = Terminal()
    for sign, side in (("-", found.old), ("+", found.new)):
        console.print(
            _("{sign} {side_name}  id {id}", sign=sign, side_name=side.name, id=side.id),
            soft_wrap=True,
        )
    counts = found.counts
    if found.same_data:
        console.print(_("The same bars, dominant contracts, terms and calendar."))
    else:
        console.print(
            _(
                "{revised:,} bars revised, {added:,} added, {removed:,} removed; "
                "{mapping:,} dominant contracts, {specs:,} terms changed; sessions: "
                "{sessions_added:,} added, {sessions_removed:,} removed.",
                revised=counts["revised"],
                added=counts["added"],
                removed=counts["removed"],
                mapping=counts["mapping"],
                specs=counts["specs"] + counts["terms"],
                sessions_added=counts["sessions_added"],
                sessions_removed=counts["sessions_removed"],
            )
        )
    for name, title in _TITLES.items():
        table = getattr(found, name)
        if len(table):
            _print_table(
                console, table[_BAR_COLUMNS] if name in ("added", "removed") else table, title
            )


def _print_table(console: Terminal, rows: pd.DataFrame, title: str) -> None:
    """The first rows; `--json` has all."""
    from rich.table import Table

    table = Table(
        *(str(name).replace("_", " ") for name in rows.columns), title=title, title_justify="left"
    )
    for row in rows.head(_SHOWN).itertuples(index=False):
        table.add_row(*map(_shown, row))
    console.print(table)
    if len(rows) > _SHOWN:
        console.print(_("and {rows:,} more; --json has all.", rows=len(rows) - _SHOWN))


def _shown(value: object) -> str:
    import pandas as pd

    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.10g}"
    return "" if value is None or value is pd.NaT else str(value)
