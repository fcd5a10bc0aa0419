"""Small pieces of HTML: cells, tables, numbers in words. Every text that comes from outside is escaped here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pairkit.display import as_html

Shown = Callable[[Any], str]

STYLE = Path(__file__).with_name("report.css").read_text(encoding="utf-8")


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


def cell(value: Any, shown: Shown | None = None) -> str:
    """One cell; numbers are set right, negative ones marked. Without `shown`, numbers, dates and text as they look best."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, pd.Timestamp) or value is pd.NaT:
            return f'<td class="day">{day(value)}</td>'
        return f"<td>{as_html(str(value))}</td>"
    kind = "n neg" if value < 0 else "n"
    return f'<td class="{kind}">{as_html((shown or number)(float(value)))}</td>'


def table(
    rows: pd.DataFrame,
    *,
    shown: Mapping[str, Shown] | None = None,
    caption: str = "",
    empty: str = "None.",
    name: str = "",
) -> str:
    """A DataFrame as a table, without its index; `shown` formats columns of numbers by name."""
    if rows.empty:
        return f"<p>{as_html(empty)}</p>"
    shown = shown or {}
    numeric = {column for column in rows.columns if pd.api.types.is_numeric_dtype(rows[column])}
    head = "".join(
        f'<th scope="col"{" class=n" if column in numeric else ""}>{as_html(str(column).replace("_", " "))}</th>'
        for column in rows.columns
    )
    body = "".join(
        f"<tr>{''.join(cell(value, shown.get(str(column))) for column, value in zip(rows.columns, values, strict=True))}</tr>"
        for values in rows.itertuples(index=False, name=None)
    )
    words = f"<caption>{as_html(caption)}</caption>" if caption else ""
    anchor = f' id="{as_html(name)}"' if name else ""
    return (
        f'<div class="scroll"><table{anchor}>{words}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def paragraphs(*texts: str) -> str:
    """Each text as a paragraph."""
    return "".join(f"<p>{as_html(text)}</p>" for text in texts)


def section(name: str, title: str, parts: Iterable[str]) -> str:
    """A section under its heading; `name` is its anchor."""
    return f'<section id="{as_html(name)}"><h2>{as_html(title)}</h2>{"".join(parts)}</section>'
