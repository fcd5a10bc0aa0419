"""HTML formatting for the report's templates: numbers as text, and tables of cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from pairkit.language import _, reworded

Shown = Callable[[Any], str]


class Cell(NamedTuple):
    """A cell's text, and its class: `n` a number, `n neg` a negative one, `day` a date, "" other text."""

    text: str
    kind: str = ""


class Table(NamedTuple):
    """A table's heading and its rows."""

    head: list[Cell]
    rows: list[list[Cell]]


def money(value: float) -> str:
    """Money without decimals; n/a for NaN."""
    return "n/a" if math.isnan(value) else f"{value:,.0f}"


def percent(value: float) -> str:
    """A fraction in percent; n/a for NaN."""
    return "n/a" if math.isnan(value) else f"{value:.2%}"


def number(value: float) -> str:
    """Two decimals, or none for a whole number of any size; n/a for NaN."""
    if math.isnan(value):
        return "n/a"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def day(value: Any) -> str:
    """A date, or nothing where there is none."""
    return "" if pd.isna(value) else f"{value:%Y-%m-%d}"


def cell(value: Any, shown: Shown = number) -> Cell:
    """One cell; numbers, as `shown` writes them, are set right, negative ones marked."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, pd.Timestamp) or value is pd.NaT:
            return Cell(day(value), "day")
        return Cell(reworded(str(value)))
    return Cell(shown(float(value)), "n neg" if value < 0 else "n")


def table(rows: pd.DataFrame, shown: Mapping[str, Shown] | None = None) -> Table:
    """A DataFrame as a table, without its index; `shown` formats columns of numbers by name."""
    writers = [(shown or {}).get(str(column), number) for column in rows.columns]
    return Table(
        [
            Cell(
                _(str(column).replace("_", " ")),
                "n" if pd.api.types.is_numeric_dtype(rows[column]) else "",
            )
            for column in rows.columns
        ],
        [
            [cell(value, writer) for value, writer in zip(values, writers, strict=True)]
            for values in rows.itertuples(index=False, name=None)
        ],
    )
