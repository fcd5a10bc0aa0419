"""Rows of one imported file: headings recognised, every cell parsed, the root and contract of each row identified.

A cell, heading or code that has no reading, or two, refuses the file; the message names the place.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pairkit.columns import TRADE_DATE
from pairkit.data.files.aliases import (
    CODE,
    CellError,
    Code,
    Number,
    meaning_of_heading,
)
from pairkit.data.files.cells import (
    NUMBERS,
    SIZES,
    date_reader,
    meaning_of_commas,
    number_reader,
    read_cells,
)
from pairkit.data.files.codes import code_of_file, codes_of
from pairkit.data.files.headings import REQUIRED, columns_of, without_prefix
from pairkit.data.files.table import OF_CALENDARS, CellTable, read_table, text_of
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english


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
    table, prefix = without_prefix(read_table(path, raw))
    place, findings = columns_of(table, REQUIRED)
    rows, noted = _dated_rows(table, path.name, place[TRADE_DATE])
    findings += noted
    meaning = meaning_of_commas(table, place)
    grouped = abbreviated = 0
    for name in NUMBERS:
        read = number_reader(meaning, in_lots=name in SIZES)
        numbers = (
            read_cells(table, place[name], read) if name in place else [Number(np.nan)] * len(table)
        )
        rows[name] = np.array([number.value for number in numbers], dtype=np.float64)
        grouped += sum(number.grouped for number in numbers)
        abbreviated += sum(number.abbreviated for number in numbers)
    _name(rows, codes_of(table, place, roots, prefix))
    findings += _findings_of_reading(table, path.name, grouped, abbreviated)
    held = set(rows["root"])
    of = str(held.pop()) if len(held) == 1 else ""
    return rows, [replace(finding, root=of) for finding in findings]


def _findings_of_reading(
    table: CellTable, file: str, grouped: int, abbreviated: int
) -> list[Finding]:
    """Findings on rows that are no bars, and on numbers with thousands separators or abbreviated."""
    findings = []
    if table.left_out:
        findings.append(
            Finding(
                "other_rows",
                "warning",
                count=len(table.left_out),
                message=in_english(
                    "{path_name}: {left_out} rows are no bars and were left out "
                    "(row {first_left_out} first): headings again, totals, "
                    "or lines of text above the headings or at the end.",
                    path_name=file,
                    left_out=len(table.left_out),
                    first_left_out=table.left_out[0],
                ),
            )
        )
    if grouped:
        findings.append(
            Finding(
                "thousands_separators",
                "info",
                count=grouped,
                message=in_english(
                    "{path_name}: {grouped} numbers have commas or blanks, read as thousands separators.",
                    path_name=file,
                    grouped=grouped,
                ),
            )
        )
    if abbreviated:
        findings.append(
            Finding(
                "abbreviated_numbers",
                "info",
                count=abbreviated,
                message=in_english(
                    "{path_name}: {abbreviated} numbers of lots are abbreviated, as 1.2K, 3.4M or 5.6万, so they are rounded.",
                    path_name=file,
                    abbreviated=abbreviated,
                ),
            )
        )
    return findings


def read_named(path: Path, raw: bytes, roots: dict[str, str]) -> tuple[pd.DataFrame, list[Finding]]:
    """The rows of a file that names a contract for each root and day: `file, row, trade_date, root, contract`, and its findings.

    Parameters and errors as `read_rows`; a row that names no contract is refused.
    """
    table = read_table(path, raw)
    place, findings = columns_of(
        table, ("contract",) if CODE not in map(meaning_of_heading, table.headings) else ()
    )
    rows, noted = _dated_rows(table, path.name, place[TRADE_DATE])
    _name(rows, codes_of(table, place, roots))
    unnamed = rows["contract"].isna()
    if unnamed.any():
        first = rows[unnamed].iloc[0]
        raise DataError(
            _(
                "{path}, row {row}: names no contract of {root}; each row names the one that is held.",
                path=path,
                row=first["row"],
                root=first["root"],
            )
        )
    return rows, findings + noted


def read_days(path: Path, raw: bytes) -> pd.DatetimeIndex:
    """The days of a file that has one in each line, or in a column of dates; sorted, each once.

    A calendar may have a column `is_open` beside them: then those with 0 there are left out.

    Raises
    ------
    DataError
        A line or cell is no date, or there is none.
    """
    table = _table_of_lines(path, raw)
    if table is not None:
        place, is_open = 0, None
    else:
        table = read_table(path, raw)
        place, is_open = _places_in_calendar(path, table)
    days, _unused = _dated_rows(table, path.name, place)
    found = days[TRADE_DATE]
    if is_open is not None:
        found = found[
            [_is_open(table, row, cell) for row, cell in enumerate(table.columns[is_open])]
        ]
    if found.empty:
        raise DataError(
            _("{path} holds no day; expected the sessions of a market, one date a line.", path=path)
        )
    return pd.DatetimeIndex(np.unique(found))


def _table_of_lines(path: Path, raw: bytes) -> CellTable | None:
    """The file as a table of one column, where each line is one cell; else None."""
    if raw[:4] == b"PAR1":
        return None
    lines = [line for line in text_of(path, raw).splitlines() if line.strip()]
    if not lines or any(sign in lines[0] for sign in ",;\t|"):
        return None
    headed = _is_day_heading(lines[0])
    cells = [line.strip(' "') for line in lines[headed:]]
    return CellTable(str(path), ("date",), (cells,), range(1 + headed, len(lines) + 1))


def _is_day_heading(heading: str) -> bool:
    return (
        meaning_of_heading(heading) == TRADE_DATE or heading.strip().casefold() == OF_CALENDARS[0]
    )


def _places_in_calendar(path: Path, table: CellTable) -> tuple[int, int | None]:
    """Columns of the dates and of `is_open`, None where there is no such."""
    places = [place for place, heading in enumerate(table.headings) if _is_day_heading(heading)]
    if len(places) != 1:
        raise DataError(
            _(
                "{path}: {places} columns of dates; expected one, headed date, or a date in each line.",
                path=path,
                places=len(places),
            )
        )
    flags = [
        place
        for place, heading in enumerate(table.headings)
        if heading.strip().casefold() == OF_CALENDARS[1]
    ]
    return places[0], flags[0] if flags else None


def _is_open(table: CellTable, row: int, cell: Hashable) -> bool:
    if str(cell).strip() not in ("0", "1", "True", "False"):
        raise DataError(
            _(
                "{file}, row {row_numbers}, column 'is_open': {cell!r} is neither 1 nor 0.",
                file=table.file,
                row_numbers=table.row_numbers[row],
                cell=cell,
            )
        )
    return str(cell).strip() in ("1", "True")


def names_known_root(file: str, roots: dict[str, str]) -> bool:
    """Whether a file's name names a root that there are terms of."""
    try:
        return code_of_file(file, roots).root in roots.values()
    except (DataError, CellError):
        return False


def _dated_rows(table: CellTable, file: str, column: int) -> tuple[pd.DataFrame, list[Finding]]:
    """`file, row, trade_date` of each row, and a finding on how the dates are written."""
    read_day, findings = date_reader(table, column)
    rows = pd.DataFrame({"file": file, "row": list(table.row_numbers)})
    rows[TRADE_DATE] = pd.to_datetime(pd.Series(read_cells(table, column, read_day))).astype(
        "datetime64[ns]"
    )
    return rows, findings


def _name(rows: pd.DataFrame, codes: list[Code]) -> None:
    """Puts root and contract of each row into the rows."""
    rows["root"] = pd.array([code.root for code in codes], dtype="str")
    rows["contract"] = pd.array([code.contract for code in codes], dtype="str")
