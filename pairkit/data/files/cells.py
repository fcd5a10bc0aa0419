"""Cells of an imported file: the reader of its dates and of its numbers, and every cell of a column read by one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pairkit.columns import BAR_COLUMNS, names
from pairkit.data.files.aliases import (
    CHINA,
    SESSION_END,
    CellError,
    Number,
    commas_mean,
    has_lone_comma,
    moment_of_epoch,
    order_of_dates,
    plausible,
    read_date,
    read_lots,
    read_number,
    split_lots,
    with_decimal_point,
)
from pairkit.data.files.table import CellTable
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english

Reading = TypeVar("Reading")
NUMBERS = (*names(BAR_COLUMNS), "up_limit", "down_limit")
SIZES = ("volume", "open_interest")  # in lots
_SATURDAY = 5


def read_cells(
    table: CellTable,
    column: int,
    read: Callable[[Any], Reading],
    beside: Sequence[Hashable] | None = None,
) -> list[Reading]:
    """Every cell of a column, read; each spelling is read once. With `beside`, each is read as a pair with the row's of these."""
    cells = table.columns[column]
    keys = cells if beside is None else list(zip(cells, beside, strict=True))
    known: dict[Hashable, Reading] = {}
    for row, key in enumerate(keys):
        if key not in known:
            try:
                known[key] = read(key)
            except CellError as error:
                raise DataError(
                    _(
                        "{file}, row {row_numbers}, column {headings!r}: {cells!r} {error}.",
                        file=table.file,
                        row_numbers=table.row_numbers[row],
                        headings=table.headings[column],
                        cells=cells[row],
                        error=error,
                    )
                ) from None
    return [known[key] for key in keys]


def date_reader(table: CellTable, column: int) -> tuple[Callable[[Hashable], date], list[Finding]]:
    """Reader of the file's dates, in the order that they as a whole show, and the finding that reports an inferred order."""
    texts = {cell for cell in table.columns[column] if isinstance(cell, str)}
    where = in_english(
        "{file}, column {headings!r}", file=table.file, headings=table.headings[column]
    )
    try:
        order = order_of_dates(texts) if len(texts) == len(set(table.columns[column])) else ""
    except CellError as error:
        raise DataError(_("{where}: the dates {error}.", where=where, error=error)) from None
    _refuse_intraday_stamps(where, set(table.columns[column]))
    if not order:
        return _as_date, []
    written = Finding(
        "day_and_month",
        "info",
        count=len(texts),
        message=in_english(
            "{path_name}: the dates are written {order}; in the other order some are no days, or the bars not daily.",
            path_name=Path(table.file).name,
            order=order,
        ),
    )
    return lambda cell: read_date(str(cell), order), [written]


def _refuse_intraday_stamps(where: str, stamps: Iterable[Hashable]) -> None:
    """DataError where cells are stamps of several times of day, or of midnight in China on Saturdays."""
    moments = [moment_of_epoch(str(cell)) for cell in stamps]
    clocks = sorted({moment.time() for moment in moments if moment is not None})
    if len(clocks) > 1:
        raise DataError(
            _(
                "{where}: the stamps have {clocks} times of day "
                "({first_clock} and {last_clock} in UTC), "
                "as those of intraday bars do; bars are daily, one row for each session.",
                where=where,
                clocks=len(clocks),
                first_clock=clocks[0],
                last_clock=clocks[-1],
            )
        )
    if clocks and any(_is_on_saturday(moment) for moment in moments if moment is not None):
        raise DataError(
            _(
                "{where}: the stamps are {first_clock:%H:%M} in UTC, "
                "which is midnight in China, and some are Saturdays there. "
                "They name other days, most likely: write the dates as 2020-01-02.",
                where=where,
                first_clock=clocks[0],
            )
        )


def _is_on_saturday(moment: datetime) -> bool:
    """Whether a moment is a Friday in UTC, and midnight of a Saturday in China."""
    in_china = moment.astimezone(CHINA)
    return in_china.time() == time() and in_china.weekday() == _SATURDAY


def meaning_of_commas(table: CellTable, place: dict[str, int]) -> str:
    """Meaning of a comma in the file's numbers: "thousands", "decimals", "either" where nothing says which, "" where none needs it.

    Where cells are separated by commas, one within a number is taken to group thousands unless another says otherwise.
    """

    def texts(names: Sequence[str]) -> list[str]:
        columns = (table.columns[place[name]] for name in names if name in place)
        return [
            cell for cells in columns for cell in cells if isinstance(cell, str) and "," in cell
        ]

    try:
        meaning = commas_mean(texts([name for name in NUMBERS if name not in SIZES]), texts(SIZES))
    except CellError as error:
        raise DataError(
            _("{file}: {error}; write decimals with a point.", file=table.file, error=error)
        ) from None
    return meaning or ("" if table.separator in ("", ",") else "either")


def number_reader(commas: str, *, in_lots: bool) -> Callable[[Hashable], Number]:
    """Reader of a column's numbers, given the meaning of a comma in them; numbers of lots may be abbreviated."""

    def read(cell: Hashable) -> Number:
        if not isinstance(cell, str):
            return _as_number(cell)
        digits = split_lots(cell)[0] if in_lots else cell
        if commas == "decimals":
            cell = cell.replace(digits, with_decimal_point(digits), 1) if digits else cell
        elif commas == "either" and has_lone_comma(digits):
            whole, rest = digits.strip().split(",")
            raise CellError(
                _(
                    "could be {whole}{rest} "
                    "or {whole}.{rest}; write decimals with a point and no comma between thousands",
                    whole=whole,
                    rest=rest,
                )
            )
        return read_lots(cell) if in_lots else read_number(cell)

    return read


def _as_number(cell: Hashable) -> Number:
    if cell is None:
        return Number(np.nan)
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        raise CellError(_("is not a number"))
    if np.isinf(value := float(cell)):
        raise CellError(_("is infinite; accepted are finite numbers"))
    return Number(value)


def _as_date(cell: Hashable) -> date:
    if isinstance(cell, datetime):
        if cell.time() not in (datetime.min.time(), SESSION_END):
            raise CellError(
                _("carries a time of day or a time zone, as intraday bars do; bars are daily")
            )
        return plausible(cell.date())
    if isinstance(cell, date):
        return plausible(cell)
    return read_date("" if cell is None else str(cell))
