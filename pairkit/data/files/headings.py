"""Headings of an imported file: the place of each column that is known, by its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pairkit.columns import TRADE_DATE
from pairkit.data.files.aliases import (
    CLOCK,
    INDEX,
    LAST,
    meaning_of_heading,
    spellings_of,
)
from pairkit.data.files.table import CellTable
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english

REQUIRED = ("open", "high", "low", "close", "volume")


def without_prefix(table: CellTable) -> tuple[CellTable, str]:
    """The table without the code that stands before its headings, as in SHFE.rb2405.open, and that code; "" if it is not one."""
    parts = [heading.rpartition(".") for heading in table.headings]
    codes = {code for code, _, name in parts if meaning_of_heading(name) in REQUIRED}
    code = codes.pop() if len(codes) == 1 else ""
    if not code or meaning_of_heading(f"{code}.open") is not None:
        return table, ""
    headings = tuple(heading.removeprefix(f"{code}.") for heading in table.headings)
    return replace(table, headings=headings), code


def columns_of(table: CellTable, required: Sequence[str]) -> tuple[dict[str, int], list[Finding]]:
    """Place of each known column, and a finding on those that are not used.

    Raises
    ------
    DataError
        The dates or a required column are missing, or two columns mean the same and differ.
    """
    place, ignored = _places(table)
    ignored += _settle_dates_and_close(table, place)
    _refuse_missing(table, place, required)
    if not ignored:
        return place, []
    unused = Finding(
        "ignored_columns",
        "info",
        count=len(ignored),
        message=in_english(
            "{path_name}: not used: {ignored}.",
            path_name=Path(table.file).name,
            ignored=", ".join(ignored),
        ),
    )
    return place, [unused]


def _places(table: CellTable) -> tuple[dict[str, int], list[str]]:
    """The first column of each meaning, and the headings that have none or repeat one with the same cells."""
    place: dict[str, int] = {}
    ignored = []
    for column, heading in enumerate(table.headings):
        meaning = meaning_of_heading(heading)
        if meaning is None:
            ignored.append(heading)
        elif meaning in place and table.columns[place[meaning]] == table.columns[column]:
            ignored.append(in_english("{heading} (again, with the same cells)", heading=heading))
        elif meaning in place:
            raise DataError(
                _(
                    "{file}: the columns {headings!r} "
                    "and {heading!r} both mean {meaning}; keep one.",
                    file=table.file,
                    headings=table.headings[place[meaning]],
                    heading=heading,
                    meaning=meaning,
                )
            )
        else:
            place[meaning] = column
    return place, ignored


def _settle_dates_and_close(table: CellTable, place: dict[str, int]) -> list[str]:
    """Choose the columns of the dates and the close where several could be either; returns the headings left over."""
    ignored = []
    if CLOCK in place and TRADE_DATE in place:
        _refuse_times_of_day(table, place[CLOCK])
    elif CLOCK in place:
        place[TRADE_DATE] = place.pop(CLOCK)
    if LAST in place and "close" in place:
        ignored.append(table.headings[place[LAST]])
    elif LAST in place:
        place["close"] = place.pop(LAST)
    if TRADE_DATE not in place and INDEX in place:
        place[TRADE_DATE] = place[INDEX]
    elif INDEX in place and table.headings[place[INDEX]]:
        ignored.append(table.headings[place[INDEX]])
    return ignored


def _refuse_missing(table: CellTable, place: Mapping[str, int], required: Sequence[str]) -> None:
    for name in (TRADE_DATE, *required):
        if name not in place:
            why = (
                in_english(" Without volume nothing says whether an order could have filled.")
                if name == "volume"
                else ""
            )
            raise DataError(
                _(
                    "{file}: no column for {name}; its headings are {found}. "
                    "Accepted are {spellings_of}.{why}",
                    file=table.file,
                    name=name,
                    found=", ".join(map(repr, table.headings)),
                    spellings_of=spellings_of(name),
                    why=why,
                )
            )


def _refuse_times_of_day(table: CellTable, column: int) -> None:
    """DataError where a column beside the dates holds times: then the bars are of minutes or hours."""
    for row, cell in enumerate(table.columns[column]):
        if str("" if cell is None else cell).strip().strip("0:.") not in ("", "15", "D"):
            where = in_english(
                "{file}, row {row_numbers}, column {headings!r}",
                file=table.file,
                row_numbers=table.row_numbers[row],
                headings=table.headings[column],
            )
            raise DataError(
                _(
                    "{where}: {cell!r} is a time of day beside the date, "
                    "so the bars are intraday; pairkit takes daily ones, one row for each session.",
                    where=where,
                    cell=cell,
                )
            )
