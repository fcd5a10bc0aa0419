"""Files of fills: a CSV of contract, side, lots, price and time, with the fee where it is known.

    contract,side,lots,price,time,fee
    rb2505,buy,7,3290,2026-11-26 21:00:03,23.1

Columns in any order, rows too; one order may fill in many. A contract is spelt as any trading program does. A time from 18:00 on is
of the session after that day, one before is of the session on that day, or of the next one where it has none (after midnight). A date
alone is the session itself.
"""

from __future__ import annotations

import csv
import io
import math
from typing import NamedTuple

import pandas as pd

from pairkit.data.files.uploads import Upload
from pairkit.desk.symbols import contract_of
from pairkit.errors import DataError
from pairkit.language import _

COLUMNS = ("contract", "side", "lots", "price", "time")
MOST_FILLS, MOST_BYTES = 200_000, 16 * 1024 * 1024
_OPTIONAL = ("fee", "id")
_SIDES = {"buy": 1.0, "b": 1.0, "买": 1.0, "sell": -1.0, "s": -1.0, "卖": -1.0}
_NIGHT_FROM_HOUR = 18  # of China's clocks: night sessions open at 21:00


class Fill(NamedTuple):
    """One fill: `lots` signed, `fee` in money, None where the file does not say; `row` is its line in the file."""

    row: int
    session: pd.Timestamp
    time: pd.Timestamp
    contract: str
    lots: float
    price: float
    fee: float | None


def read_fills(file: Upload, calendar: pd.DatetimeIndex) -> tuple[Fill, ...]:
    """The fills of a file, by session, in the order of their times.

    Parameters
    ----------
    file : Upload
        Name and bytes of a CSV, in UTF-8.
    calendar : DatetimeIndex
        The sessions. A time after the last one is of the day after it, which is no session yet.

    Raises
    ------
    DataError
        The file is too large, lacks a column, or a cell cannot be read; line, column, what was found and what is accepted.
    """
    if len(file.content) > MOST_BYTES:
        raise DataError(
            _(
                "{name} has {size:,} bytes; at most {most:,} are accepted.",
                name=file.name,
                size=len(file.content),
                most=MOST_BYTES,
            )
        )
    try:
        text = file.content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            _("{name} is not a CSV in UTF-8: {error}.", name=file.name, error=error)
        ) from error
    if not rows:
        raise DataError(_("{name} is empty; {accepted}.", name=file.name, accepted=_accepted()))
    head = [cell.strip().lower() for cell in rows[0]]
    _check_head(file.name, head)
    if len(rows) > MOST_FILLS + 1:
        raise DataError(
            _(
                "{name} has {rows:,} rows; at most {most:,} are accepted.",
                name=file.name,
                rows=len(rows) - 1,
                most=MOST_FILLS,
            )
        )
    filled = [(row, cells) for row, cells in enumerate(rows[1:], start=2) if any(cells)]
    found = [_Row(file.name, row, head, cells).fill(calendar) for row, cells in filled]
    _refuse_twice(file.name, head, filled)
    return tuple(sorted(found, key=lambda fill: (fill.session, fill.time, fill.row)))


class _Row:
    """One row of the file; its cells by name."""

    def __init__(self, name: str, row: int, head: list[str], cells: list[str]) -> None:
        self.name, self.row = name, row
        if len(cells) != len(head):
            raise DataError(
                _(
                    "{name}, line {row} has {cells} cells, the head {head}.",
                    name=name,
                    row=row,
                    cells=len(cells),
                    head=len(head),
                )
            )
        self.cells = {column: cell.strip() for column, cell in zip(head, cells, strict=True)}

    def fill(self, calendar: pd.DatetimeIndex) -> Fill:
        side = _SIDES.get(self.cells["side"].lower())
        if side is None:
            raise self._fault("side", _("buy or sell"))
        lots = self._number("lots")
        if lots <= 0.0:
            raise self._fault("lots", _("a number above 0"))
        time = self._time()
        session = _session_of(time, calendar, has_hour=":" in self.cells["time"])
        try:
            contract, _exchange = contract_of(self.cells["contract"], session)
        except DataError as error:
            raise DataError(
                _("{name}, line {row}: {error}", name=self.name, row=self.row, error=error)
            ) from error
        fee = self._number("fee") if self.cells.get("fee") else None
        return Fill(self.row, session, time, contract, side * lots, self._number("price"), fee)

    def _number(self, column: str) -> float:
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or "_" in self.cells[column]:
            raise self._fault(column, _("a number with a decimal point, such as 3290.5"))
        return value

    def _time(self) -> pd.Timestamp:
        try:
            time = pd.Timestamp(self.cells["time"])
            good = not pd.isna(time) and time.tz is None and self.cells["time"][:4].isdigit()
        except (ValueError, TypeError, OverflowError):
            good = False
        if not good:
            raise self._fault("time", _("2026-11-26 21:00:03, or the session's date, 2026-11-27"))
        return time

    def _fault(self, column: str, accepted: str) -> DataError:
        return DataError(
            _(
                "{name}, line {row}, column {column} holds {value!r}; accepted is {accepted}.",
                name=self.name,
                row=self.row,
                column=column,
                value=self.cells[column],
                accepted=accepted,
            )
        )


def _session_of(time: pd.Timestamp, calendar: pd.DatetimeIndex, *, has_hour: bool) -> pd.Timestamp:
    """The session of a time; after the last one, the day itself or the one after it."""
    day = time.normalize()
    night = has_hour and time.hour >= _NIGHT_FROM_HOUR
    at = int(calendar.searchsorted(day, side="right" if night else "left"))
    if at < len(calendar):
        return pd.Timestamp(calendar[at])
    return day + pd.Timedelta(days=1) if night else day


def _check_head(name: str, head: list[str]) -> None:
    lacking = [column for column in COLUMNS if column not in head]
    twice = sorted({column for column in head if head.count(column) > 1})
    strange = [column for column in head if column not in (*COLUMNS, *_OPTIONAL)]
    if lacking or twice:
        raise DataError(
            _(
                "{name} has the columns {head}; missing: {lacking}, twice: {twice}; {accepted}.",
                name=name,
                head=", ".join(head) or "none",
                lacking=", ".join(lacking) or "none",
                twice=", ".join(twice) or "none",
                accepted=_accepted(),
            )
        )
    if strange:
        raise DataError(
            _(
                "{name} has the columns {strange}, which are not known; {accepted}.",
                name=name,
                strange=", ".join(strange),
                accepted=_accepted(),
            )
        )


def _accepted() -> str:
    return _(
        "a file of fills has {columns}, and may have {optional}",
        columns=", ".join(COLUMNS),
        optional=", ".join(_OPTIONAL),
    )


def _refuse_twice(name: str, head: list[str], rows: list[tuple[int, list[str]]]) -> None:
    """DataError where two rows have one id: a fill given twice would count twice."""
    if "id" not in head:
        return
    at, first = head.index("id"), dict[str, int]()
    for row, cells in rows:
        if cells[at] and cells[at] in first:
            raise DataError(
                _(
                    "{name}, line {row} has the id {id!r}, and so has line {first}; each fill is given once.",
                    name=name,
                    row=row,
                    id=cells[at],
                    first=first[cells[at]],
                )
            )
        first[cells[at]] = row
