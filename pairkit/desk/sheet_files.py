"""A sheet as files: canonical JSON, and its orders as CSV."""

from __future__ import annotations

import csv
import io

from pairkit.audit.seal import canonical_json
from pairkit.desk.sheet import Sheet
from pairkit.desk.sheet_schema import OrderOfSheet

COLUMNS = tuple(OrderOfSheet.model_fields)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def sheet_json(sheet: Sheet) -> str:
    """The sheet in RFC 8785 canonical form, as the journal keeps it; its shape is `sheet_schema.json`."""
    return canonical_json(sheet.content, what="this sheet").decode("utf-8")


def sheet_csv(sheet: Sheet) -> str:
    """The net orders as CSV, one a line, below a comment line that begins with `#` and is the sheet's first line.

    A text that a spreadsheet would take for a formula gets an apostrophe before it. What is not known is empty.
    """
    text = io.StringIO()
    text.write(f"# {' '.join(sheet.headline.split())}\r\n")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for order in sheet.content["orders"]:
        writer.writerow([_cell(order[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = "+".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else value
