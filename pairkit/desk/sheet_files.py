"""A sheet as files, canonical JSON and its orders as CSV; and the words in which terminal and page show an entry."""

from __future__ import annotations

import csv
import io
from typing import Any

from pairkit.audit.seal import canonical_json
from pairkit.desk.sheet import Sheet
from pairkit.desk.sheet_schema import OrderOfSheet
from pairkit.language import in_english

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


def to_go(entry: dict[str, Any]) -> str:
    """The distance of an entry's z to what it would set off, in words."""
    if entry["to_entry"] is not None:
        return (
            in_english("{to_entry:.2f} to entry", to_entry=entry["to_entry"])
            if entry["to_entry"] > 0
            else in_english("past entry")
        )
    if entry["to_exit"] is None:
        return "n/a"
    return in_english(
        "{to_exit:.2f} to exit, {to_stop:.2f} to stop",
        to_exit=entry["to_exit"],
        to_stop=entry["to_stop"],
    )


def held_lots(entry: dict[str, Any]) -> str:
    """An entry's held lots by contract; empty while flat."""
    legs = (entry["y"], entry["x"])
    return ", ".join(f"{leg['contract']} {leg['lots']:+g}" for leg in legs if leg["lots"])


def shut_gates(entry: dict[str, Any]) -> str:
    """The names of an entry's shut gates; empty where none is."""
    return ", ".join(gate["name"] for gate in entry["gates"] if gate["verdict"] == "shut")
