"""The rows of one file: headings recognised, every cell read, the root and contract of each row known.

A cell, heading or code that has no reading, or two, refuses the file; the message names the place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pairkit.columns import BAR_COLUMNS, TRADE_DATE, names
from pairkit.data.spellings import (
    CLOCK,
    CODE,
    INDEX,
    MISSING,
    CellError,
    Code,
    Number,
    commas_mean,
    has_lone_comma,
    meaning_of_heading,
    plausible,
    read_code,
    read_date,
    read_number,
    spellings_of,
    with_decimal_point,
)
from pairkit.data.table_file import CellTable, read_table
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.market.deliveries import read_name

Reading = TypeVar("Reading")
NUMBERS = (*names(BAR_COLUMNS), "up_limit", "down_limit")
SESSION_END = time(15)  # a bar stamped with it, as with midnight, names its day
_REQUIRED = ("open", "high", "low", "close", "volume")

def read_rows(path: Path, raw: bytes, roots: dict[str, str]) -> tuple[pd.DataFrame, list[Finding]]:
    """The file's rows under our column names, with `file` and `row` for messages, and its findings.

    Parameters
    ----------
    path, raw : Path, bytes
        The file's name and its bytes.
    roots : dict
        From a casefolded code or name to the root it stands for.

    Raises
    ------
    DataError
        The file is no table, lacks a column, or a cell has no reading.
    """
    table = read_table(path, raw)
    place, findings = _recognised(table)
    rows = pd.DataFrame({"file": path.name, "row": list(table.row_numbers)})
    rows[TRADE_DATE] = pd.to_datetime(pd.Series(_cells(table, place[TRADE_DATE], _as_date))).astype("datetime64[ns]")
    grouped, read = 0, _number_reader(table, [place[name] for name in NUMBERS if name in place])
    for name in NUMBERS:
        numbers = _cells(table, place[name], read) if name in place else [Number(np.nan)] * len(table)
        rows[name] = np.array([number.value for number in numbers], dtype=np.float64)
        grouped += sum(number.grouped for number in numbers)
    codes = _codes(table, place, roots)
    rows["root"] = pd.array([code.root for code in codes], dtype="str")
    rows["contract"] = pd.array([code.contract for code in codes], dtype="str")
    if table.left_out:
        findings.append(Finding("other_rows", "warning", count=len(table.left_out), message=(
            f"{path.name}: {len(table.left_out)} rows are no bars and were left out (row {table.left_out[0]} first): headings "
            "again, totals, or a last line of text.")))
    if grouped:
        findings.append(Finding("thousands_separators", "info", count=grouped, message=(
            f"{path.name}: {grouped} numbers have commas, read as thousands separators.")))
    held = set(rows["root"])
    of = str(held.pop()) if len(held) == 1 else ""
    return rows, [replace(finding, root=of) for finding in findings]


def _recognised(table: CellTable) -> tuple[dict[str, int], list[Finding]]:
    """Place of each recognised column; refuses one that is missing or given twice."""
    place: dict[str, int] = {}
    ignored = []
    for column, heading in enumerate(table.headings):
        meaning = meaning_of_heading(heading)
        if meaning is None:
            ignored.append(heading)
        elif meaning in place:
            raise DataError(f"{table.file}: the columns {table.headings[place[meaning]]!r} and {heading!r} both mean "
                            f"{meaning}; keep one.")
        else:
            place[meaning] = column
    if CLOCK in place and TRADE_DATE in place:
        _refuse_times_of_day(table, place[CLOCK])
    elif CLOCK in place:
        place[TRADE_DATE] = place.pop(CLOCK)
    if TRADE_DATE not in place and INDEX in place:
        place[TRADE_DATE] = place[INDEX]
    elif INDEX in place and table.headings[place[INDEX]]:
        ignored.append(table.headings[place[INDEX]])
    for name in (TRADE_DATE, *_REQUIRED):
        if name not in place:
            why = " Without volume nothing says whether an order could have filled." if name == "volume" else ""
            found = ", ".join(map(repr, table.headings))
            raise DataError(f"{table.file}: no column for {name}; its headings are {found}. Accepted are "
                            f"{spellings_of(name)}.{why}")
    findings = []
    if ignored:
        findings.append(Finding("ignored_columns", "info", count=len(ignored), message=(
            f"{Path(table.file).name}: not used: {', '.join(ignored)}.")))
    return place, findings


def _refuse_times_of_day(table: CellTable, column: int) -> None:
    """DataError where a column beside the dates holds times: then the bars are of minutes or hours."""
    for row, cell in enumerate(table.columns[column]):
        if str("" if cell is None else cell).strip().strip("0:.") not in ("", "15", "D"):
            where = f"{table.file}, row {table.row_numbers[row]}, column {table.headings[column]!r}"
            raise DataError(f"{where}: {cell!r} is a time "
                            "of day beside the date, so the bars are intraday; pairkit takes daily ones, one row for each "
                            "session.")


def _number_reader(table: CellTable, columns: list[int]) -> Callable[[Hashable], Number]:
    """How the file's numbers are read: a comma groups thousands, or is a decimal one, as its numbers as a whole say.

    Where cells are separated by something else than a comma and no number says which, one with a single comma has two readings.
    """
    texts = [cell for column in columns for cell in table.columns[column] if isinstance(cell, str) and "," in cell]
    try:
        meaning = commas_mean(texts)
    except CellError as error:
        raise DataError(f"{table.file}: {error}; write decimals with a point.") from None
    undecided = meaning == "" and table.separator not in ("", ",")

    def read(cell: Hashable) -> Number:
        if isinstance(cell, str) and meaning == "decimals":
            return _as_number(with_decimal_point(cell))
        if isinstance(cell, str) and undecided and has_lone_comma(cell):
            whole, rest = cell.strip().split(",")
            raise CellError(f"could be {whole}{rest} or {whole}.{rest}; write decimals with a point and no comma between "
                            "thousands")
        return _as_number(cell)

    return read


def _cells(
    table: CellTable, column: int, read: Callable[[Any], Reading], beside: Sequence[Hashable] | None = None
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
                raise DataError(f"{table.file}, row {table.row_numbers[row]}, column {table.headings[column]!r}: "
                                f"{cells[row]!r} {error}.") from None
    return [known[key] for key in keys]


def _as_number(cell: Hashable) -> Number:
    if cell is None:
        return Number(np.nan)
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        raise CellError("is not a number")
    if isinstance(cell, str):
        return read_number(cell)
    if np.isinf(value := float(cell)):
        raise CellError("is infinite; accepted are finite numbers")
    return Number(value)


def _as_date(cell: Hashable) -> date:
    if isinstance(cell, datetime):
        if cell.time() not in (datetime.min.time(), SESSION_END):
            raise CellError("carries a time of day or a time zone, as intraday bars do; bars are daily")
        return plausible(cell.date())
    if isinstance(cell, date):
        return plausible(cell)
    return read_date("" if cell is None else str(cell))


def _codes(table: CellTable, place: dict[str, int], roots: dict[str, str]) -> list[Code]:
    """Root and contract of each row, from its columns or else from the file's name."""
    if not {"root", "contract", CODE} & set(place):
        return [_code_of_file(table.file, roots)] * len(table)

    def read(code: tuple[Hashable, str | None]) -> Code | None:
        cell, root = code
        text = "" if cell is None else str(cell).strip()
        return None if text.casefold() in MISSING else read_code(text, roots, root)

    columns, of_row = dict[str, list[Code | None]](), list[str | None]([None] * len(table))
    for name in ("root", CODE, "contract"):
        if name in place:
            columns[name] = _cells(table, place[name], read, of_row)
            if name == "root":
                of_row = [None if code is None else code.root for code in columns[name]]
    default = _code_of_file(table.file, roots) if set(columns) == {"contract"} and _all_digits(table, place) else None
    return [_one_code(table, row, [column[row] for column in columns.values()], default) for row in range(len(table))]


def _all_digits(table: CellTable, place: dict[str, int]) -> bool:
    return all(str(cell).strip().isdigit() for cell in table.columns[place["contract"]] if cell is not None)


def _one_code(table: CellTable, row: int, codes: list[Code | None], default: Code | None) -> Code:
    """What the cells of one row name together; a delivery month alone belongs to the root beside it.

    Digits that are no delivery month (a program's own number of a contract) say nothing beside a name that says it all.
    """
    named = [code for code in (default, *codes) if code is not None]
    where = f"{table.file}, row {table.row_numbers[row]}"
    if not named:
        raise DataError(f"{where}: names neither root nor contract; accepted are RB, RB2405, RB2405.SHF.")
    root = named[0].root
    contract = next((code.contract for code in named if code.contract is not None), None)
    for code in named:
        if code.root.isdigit() and contract is None:
            if read_name(code.root, root) is None:
                raise DataError(f"{where}: {code.root} is no delivery month of {root}; accepted are 405, 2405, 202405.")
            contract = f"{root}{code.root}"
        elif not code.root.isdigit() and code.root != root:
            raise DataError(f"{where}: names both {root} and {code.contract or code.root}; a bar is of one root.")
    return Code(root, contract)


def _code_of_file(file: str, roots: dict[str, str]) -> Code:
    """The root, or contract, that a file is named after: `RB.csv`, `rb_daily.csv`, `RB2405.csv`, `螺纹钢.csv`."""
    stem = Path(file).stem
    whole = read_code(stem, roots)
    if whole.root in roots.values() or stem.isalpha() or whole.contract is not None:
        return whole
    parts = [part for part in re.split(r"[-_. ]+", stem) if part]
    found = {code for code in (read_code(part, roots) for part in parts) if code.root in roots.values()}
    if len(found) != 1:
        shown = " and ".join(sorted(code.root for code in found)) or "none that has a spec"
        raise DataError(f"{file}: cannot tell which root it holds; its name names {shown}. Name the file after the "
                        f"root (RB.csv), or give it a column {spellings_of('root')}; a root of your own needs --specs "
                        "FILE.")
    return found.pop()
