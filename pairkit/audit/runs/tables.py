"""A run's output tables: hashed by content, column by column, and stored as Parquet files.

A manifest holds the hashes alone. The files `NAME.frame.parquet` and `NAME.trades.parquet` beside `NAME.json` hold the values;
they are used only where their content has the manifest's hash.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pairkit._files import read_whole
from pairkit.audit.seal import content_hash, content_hashes
from pairkit.errors import RunError
from pairkit.language import _

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

TABLES = ("frame", "trades")
MAX_TABLE_BYTES = 512 * 1024**2


def tables_of(run: BacktestRun) -> dict[str, pa.Table]:
    """The frame and the trades of a run, in the kinds that a content hash knows."""
    return {"frame": hashable(run.frame.reset_index()), "trades": hashable(run.trades)}


def hashable(table: pd.DataFrame) -> pa.Table:
    """The table with text as text, dates as days, and float64 for every number and flag."""
    columns = {}
    for name, values in table.items():
        if pd.api.types.is_datetime64_any_dtype(values):
            columns[str(name)] = pa.array(
                values, type=pa.timestamp("s"), from_pandas=True, safe=False
            ).cast(pa.date32())
        elif pd.api.types.is_numeric_dtype(values):
            columns[str(name)] = pa.array(
                values.astype("float64").to_numpy(), type=pa.float64(), from_pandas=False
            )
        else:
            columns[str(name)] = pa.array(values, type=pa.string(), from_pandas=True)
    return pa.table(columns)


def describe(table: pa.Table) -> dict[str, Any]:
    """Manifest entry of a table: rows, columns, the content hash of the whole and of each column."""
    whole, of_columns = content_hashes(table)
    return {
        "rows": len(table),
        "columns": table.column_names,
        "content_hash": whole,
        "column_hashes": of_columns,
    }


# --- files ---------------------------------------------------------------------------------------------------------
def table_file(manifest: Path, name: str) -> Path:
    """Path of a table that belongs to the manifest of this path."""
    return manifest.with_name(f"{manifest.name.removesuffix('.json')}.{name}.parquet")


def to_parquet(table: pa.Table) -> bytes:
    """The table as Parquet bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", version="2.6")
    return sink.getvalue()


def read_tables(
    manifest: Path, outputs: Mapping[str, Any]
) -> tuple[dict[str, pa.Table], list[str]]:
    """The tables beside a manifest whose content it names, and a sentence for each other.

    A table that is not there is left out without a word.
    """
    tables, notes = {}, []
    for name in TABLES:
        path = table_file(manifest, name)
        if not path.is_file():
            continue
        try:
            tables[name] = checked_table(path, outputs[name])
        except RunError as error:
            notes.append(str(error))
    return tables, notes


def checked_table(path: Path, expected: Mapping[str, Any]) -> pa.Table:
    """The table in a file, or RunError where its content is not the one expected."""
    try:
        table = pq.read_table(pa.BufferReader(read_whole(path, MAX_TABLE_BYTES)))
        found = content_hash(table)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise RunError(
            _(
                "{path} cannot be read as a table: {error}. Copy it again from where it came.",
                path=path,
                error=error,
            )
        ) from error
    if found != expected["content_hash"]:
        raise RunError(
            _(
                "{path} has the content hash {found}, the manifest says {content_hash}: "
                "it belongs to another run, or one of the two was altered. It is not used.",
                path=path,
                found=found,
                content_hash=expected["content_hash"],
            )
        )
    return table


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A table of a run as a DataFrame: dates as datetime64, text as pandas' `str`, numbers and flags as float64."""
    columns = {}
    for field in table.schema:
        values = table[field.name]
        if pa.types.is_date32(field.type):
            columns[field.name] = pd.Series(values.to_numpy(), dtype="datetime64[s]").astype(
                "datetime64[ns]"
            )
        elif pa.types.is_float64(field.type):
            columns[field.name] = pd.Series(values.to_numpy(), dtype="float64")
        else:
            columns[field.name] = pd.Series(values.to_pylist(), dtype="str")
    return pd.DataFrame(columns)


def refuse_contradictions(
    content: Mapping[str, Any], tables: Mapping[str, pa.Table], what: str
) -> None:
    """RunError where a recorded table, whose own hash is right, refutes the hash of a column or a metric of its manifest."""
    for name, table in tables.items():
        hashes = content["outputs"][name]["column_hashes"]
        if left_out := [column for column in table.column_names if column not in hashes]:
            raise RunError(
                _(
                    "{what}: outputs.{name} does not list {columns}, and the table that it names has them. "
                    "The manifest was edited after it was written: get it again from where it came.",
                    what=what,
                    name=name,
                    columns=", ".join(left_out),
                )
            )
        for column, expected in hashes.items():
            if column not in table.column_names or content_hash(table.select([column])) != expected:
                raise RunError(
                    _(
                        "{what}: outputs.{name}.column_hashes.{column} "
                        "is not the hash of that column in the table that the manifest names. "
                        "The manifest was edited after it was written: get it again from where it came.",
                        what=what,
                        name=name,
                        column=column,
                    )
                )
    _refuse_other_metrics(content, tables, what)


def _refuse_other_metrics(
    content: Mapping[str, Any], tables: Mapping[str, pa.Table], what: str
) -> None:
    """RunError where a recorded metric is not what the recorded table adds up to, under whatever rules."""
    capital = content["inputs"]["config"].get("capital")
    equity, cost = (_numbers(tables.get("frame"), name) for name in ("equity", "cost"))
    if not isinstance(capital, int | float) or not capital or not equity.size:
        return
    sums = {"total_return": float(equity[-1] / capital - 1.0), "costs": float(cost.sum())}
    for name, found in sums.items():
        recorded = content["metrics"].get(name)
        if recorded is not None and not np.isclose(recorded, found, rtol=1e-9, atol=1e-9):
            raise RunError(
                _(
                    "{what}: metrics.{name} is {recorded:g}, and the table that the manifest names makes it {found:g}. "
                    "The manifest was edited after it was written: get it again from where it came.",
                    what=what,
                    name=name,
                    recorded=recorded,
                    found=found,
                )
            )


def _numbers(table: pa.Table | None, name: str) -> NDArray[np.float64]:
    """A column of numbers; empty where the table has none of that name."""
    if table is None or name not in table.column_names:
        return np.empty(0)
    column = table[name]
    return column.to_numpy() if pa.types.is_float64(column.type) else np.empty(0)
