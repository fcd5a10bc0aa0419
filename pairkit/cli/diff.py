"""`pairkit snapshot diff`: differences between two snapshots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from pairkit.audit.snapshots.diff import SnapshotDiff

NOT_DONE = 2
_SHOWN = 12
_TITLES = {
    "revised": "revised figures",
    "added": "bars added",
    "removed": "bars removed",
    "mapping": "dominant contracts",
    "specs": "contract specs",
    "terms": "records of terms",
    "scope": "data scope",
}
_BAR_COLUMNS = ["root", "contract", "trade_date", "open", "high", "low", "close", "volume"]


def diff_command(
    old: Annotated[str, typer.Argument(help="The older snapshot: a name in --dir, or a path.")],
    new: Annotated[str, typer.Argument(help="The newer one.")],
    folder: Annotated[Path, typer.Option("--dir", help="The folder of snapshots.")] = Path(
        "snapshots"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
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
            typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(NOT_DONE) from error
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        _print(found)


def _print(found: SnapshotDiff) -> None:
    from rich.console import Console

    console = Console()
    for sign, side in (("-", found.old), ("+", found.new)):
        console.print(
            f"{sign} {side.name}  id {side.id}", highlight=False, markup=False, soft_wrap=True
        )
    counts = found.counts
    if found.same_data:
        console.print("The same bars, dominant contracts, terms and calendar.")
    else:
        console.print(
            f"{counts['revised']:,} bars revised, {counts['added']:,} added, {counts['removed']:,} removed; "
            f"{counts['mapping']:,} dominant contracts, {counts['specs'] + counts['terms']:,} terms changed; sessions: "
            f"{counts['sessions_added']:,} added, {counts['sessions_removed']:,} removed.",
            highlight=False,
        )
    for name, title in _TITLES.items():
        table = getattr(found, name)
        if len(table):
            _print_table(
                console, table[_BAR_COLUMNS] if name in ("added", "removed") else table, title
            )


def _print_table(console: Console, rows: pd.DataFrame, title: str) -> None:
    """The first rows; `--json` has all."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        *(str(name).replace("_", " ") for name in rows.columns), title=title, title_justify="left"
    )
    for row in rows.head(_SHOWN).itertuples(index=False):
        table.add_row(*(Text(_shown(value)) for value in row))
    console.print(table)
    if len(rows) > _SHOWN:
        console.print(f"and {len(rows) - _SHOWN:,} more; --json has all.", highlight=False)


def _shown(value: object) -> str:
    import pandas as pd

    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.10g}"
    return "" if value is None or value is pd.NaT else str(value)
