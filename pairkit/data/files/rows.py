"""Rows of one imported file: headings recognised, every cell parsed, the root and contract of each row identified.

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
from pairkit.data.files.aliases import (
    CHINA,
    CLOCK,
    CODE,
    INDEX,
    LAST,
    MISSING,
    SESSION_END,
    CellError,
    Code,
    Number,
    commas_mean,
    has_lone_comma,
    meaning_of_heading,
    moment_of_epoch,
    order_of_dates,
    plausible,
    read_code,
    read_date,
    read_lots,
    read_number,
    spellings_of,
    split_lots,
    with_decimal_point,
)
from pairkit.data.files.table import OF_CALENDARS, CellTable, read_table, text_of
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.deliveries import read_name

Reading = TypeVar("Reading")
NUMBERS = (*names(BAR_COLUMNS), "up_limit", "down_limit")
_SIZES = ("volume", "open_interest")  # in lots
_LONGEST_CODE = 60
_SATURDAY = 5
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
    table, prefix = _without_prefix(read_table(path, raw))
    place, findings = _recognised(table, _REQUIRED)
    rows, told = _dated_rows(table, path.name, place[TRADE_DATE])
    findings += told
    meaning = _commas_of(table, place)
    grouped = abbreviated = 0
    for name in NUMBERS:
        read = _number_reader(meaning, in_lots=name in _SIZES)
        numbers = (
            _cells(table, place[name], read) if name in place else [Number(np.nan)] * len(table)
        )
        rows[name] = np.array([number.value for number in numbers], dtype=np.float64)
        grouped += sum(number.grouped for number in numbers)
        abbreviated += sum(number.abbreviated for number in numbers)
    _name(rows, _codes(table, place, roots, prefix))
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
                    path_name=path.name,
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
                    path_name=path.name,
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
                    path_name=path.name,
                    abbreviated=abbreviated,
                ),
            )
        )
    held = set(rows["root"])
    of = str(held.pop()) if len(held) == 1 else ""
    return rows, [replace(finding, root=of) for finding in findings]


def read_named(path: Path, raw: bytes, roots: dict[str, str]) -> tuple[pd.DataFrame, list[Finding]]:
    """The rows of a file that names a contract for each root and day: `file, row, trade_date, root, contract`, and its findings.

    Parameters and errors as `read_rows`; a row that names no contract is refused.
    """
    table = read_table(path, raw)
    place, findings = _recognised(
        table, ("contract",) if CODE not in map(meaning_of_heading, table.headings) else ()
    )
    rows, told = _dated_rows(table, path.name, place[TRADE_DATE])
    _name(rows, _codes(table, place, roots))
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
    return rows, findings + told


def read_days(path: Path, raw: bytes) -> pd.DatetimeIndex:
    """The days of a file that has one in each line, or in a column of dates; sorted, each once.

    A calendar may have a column `is_open` beside them: then those with 0 there are left out.

    Raises
    ------
    DataError
        A line or cell is no date, or there is none.
    """
    lines = (
        []
        if raw[:4] == b"PAR1"
        else [line for line in text_of(path, raw).splitlines() if line.strip()]
    )
    if lines and not any(sign in lines[0] for sign in ",;\t|"):
        first = (
            1
            if meaning_of_heading(lines[0]) == TRADE_DATE
            or lines[0].strip().casefold() == OF_CALENDARS[0]
            else 0
        )
        table = CellTable(
            str(path),
            ("date",),
            ([line.strip(' "') for line in lines[first:]],),
            range(1 + first, len(lines) + 1),
        )
        place, is_open = 0, None
    else:
        table = read_table(path, raw)
        places = [
            column
            for column, heading in enumerate(table.headings)
            if meaning_of_heading(heading) == TRADE_DATE
            or heading.strip().casefold() == OF_CALENDARS[0]
        ]
        if len(places) != 1:
            raise DataError(
                _(
                    "{path}: {places} columns of dates; expected one, headed date, or a date in each line.",
                    path=path,
                    places=len(places),
                )
            )
        place = places[0]
        flags = [
            column
            for column, heading in enumerate(table.headings)
            if heading.strip().casefold() == OF_CALENDARS[1]
        ]
        is_open = flags[0] if flags else None
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
        return _code_of_file(file, roots).root in roots.values()
    except (DataError, CellError):
        return False


def _dated_rows(table: CellTable, file: str, column: int) -> tuple[pd.DataFrame, list[Finding]]:
    """`file, row, trade_date` of each row, and a finding on how the dates are written."""
    read_day, told = _date_reader(table, column)
    rows = pd.DataFrame({"file": file, "row": list(table.row_numbers)})
    rows[TRADE_DATE] = pd.to_datetime(pd.Series(_cells(table, column, read_day))).astype(
        "datetime64[ns]"
    )
    return rows, told


def _name(rows: pd.DataFrame, codes: list[Code]) -> None:
    """Puts root and contract of each row into the rows."""
    rows["root"] = pd.array([code.root for code in codes], dtype="str")
    rows["contract"] = pd.array([code.contract for code in codes], dtype="str")


def _without_prefix(table: CellTable) -> tuple[CellTable, str]:
    """The table without the code that stands before its headings, as in SHFE.rb2405.open, and that code; "" if it is not one."""
    parts = [heading.rpartition(".") for heading in table.headings]
    codes = {code for code, _, name in parts if meaning_of_heading(name) in _REQUIRED}
    code = codes.pop() if len(codes) == 1 else ""
    if not code or meaning_of_heading(f"{code}.open") is not None:
        return table, ""
    headings = tuple(heading.removeprefix(f"{code}.") for heading in table.headings)
    return replace(table, headings=headings), code


def _recognised(table: CellTable, required: Sequence[str]) -> tuple[dict[str, int], list[Finding]]:
    """Place of each recognised column; refuses one that is missing, of the dates and those required, or given twice."""
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
    for name in (TRADE_DATE, *required):
        if name not in place:
            why = (
                in_english(" Without volume nothing says whether an order could have filled.")
                if name == "volume"
                else ""
            )
            found = ", ".join(map(repr, table.headings))
            raise DataError(
                _(
                    "{file}: no column for {name}; its headings are {found}. "
                    "Accepted are {spellings_of}.{why}",
                    file=table.file,
                    name=name,
                    found=found,
                    spellings_of=spellings_of(name),
                    why=why,
                )
            )
    findings = []
    if ignored:
        findings.append(
            Finding(
                "ignored_columns",
                "info",
                count=len(ignored),
                message=in_english(
                    "{path_name}: not used: {ignored}.",
                    path_name=Path(table.file).name,
                    ignored=", ".join(ignored),
                ),
            )
        )
    return place, findings


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


def _date_reader(table: CellTable, column: int) -> tuple[Callable[[Hashable], date], list[Finding]]:
    """Reader of the file's dates, in the order that they as a whole show, and the finding that reports an inferred order."""
    texts = {cell for cell in table.columns[column] if isinstance(cell, str)}
    where = in_english(
        "{file}, column {headings!r}", file=table.file, headings=table.headings[column]
    )
    try:
        order = order_of_dates(texts) if len(texts) == len(set(table.columns[column])) else ""
    except CellError as error:
        raise DataError(_("{where}: the dates {error}.", where=where, error=error)) from None
    moments = [moment_of_epoch(str(cell)) for cell in set(table.columns[column])]
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
    if not order:
        return _as_date, []
    told = Finding(
        "day_and_month",
        "info",
        count=len(texts),
        message=in_english(
            "{path_name}: the dates are written {order}; in the other order some are no days, or the bars not daily.",
            path_name=Path(table.file).name,
            order=order,
        ),
    )
    return lambda cell: read_date(str(cell), order), [told]


def _is_on_saturday(moment: datetime) -> bool:
    """Whether a moment is a Friday in UTC, and midnight of a Saturday in China."""
    in_china = moment.astimezone(CHINA)
    return in_china.time() == time() and in_china.weekday() == _SATURDAY


def _commas_of(table: CellTable, place: dict[str, int]) -> str:
    """Meaning of a comma in the file's numbers: "thousands", "decimals", "either" where nothing says which, "" where none needs it.

    Where cells are separated by commas, one within a number is taken to group thousands unless another says otherwise.
    """

    def texts(names: Sequence[str]) -> list[str]:
        columns = (table.columns[place[name]] for name in names if name in place)
        return [
            cell for cells in columns for cell in cells if isinstance(cell, str) and "," in cell
        ]

    try:
        meaning = commas_mean(
            texts([name for name in NUMBERS if name not in _SIZES]), texts(_SIZES)
        )
    except CellError as error:
        raise DataError(
            _("{file}: {error}; write decimals with a point.", file=table.file, error=error)
        ) from None
    return meaning or ("" if table.separator in ("", ",") else "either")


def _number_reader(commas: str, *, in_lots: bool) -> Callable[[Hashable], Number]:
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


def _cells(
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


def _codes(
    table: CellTable, place: dict[str, int], roots: dict[str, str], prefix: str = ""
) -> list[Code]:
    """Root and contract of each row, from its columns, or else from the prefix of its headings or the file's name."""
    if not {"root", "contract", CODE} & set(place):
        if prefix:
            return [read_code(prefix, roots)] * len(table)
        return [_code_of_file(table.file, roots)] * len(table)

    def read(code: tuple[Hashable, str | None]) -> Code | None:
        cell, root = code
        text = "" if cell is None else str(cell).strip()
        if len(text) > _LONGEST_CODE:
            raise CellError(
                _(
                    "has {text} characters; a code has at most {longest_code}",
                    text=len(text),
                    longest_code=_LONGEST_CODE,
                )
            )
        return None if text.casefold() in MISSING else read_code(text, roots, root)

    columns, of_row = dict[str, list[Code | None]](), list[str | None]([None] * len(table))
    for name in ("root", CODE, "contract"):
        if name in place:
            columns[name] = _cells(table, place[name], read, of_row)
            if name == "root":
                of_row = [None if code is None else code.root for code in columns[name]]
    default = (
        _code_of_file(table.file, roots)
        if set(columns) == {"contract"} and _all_digits(table, place)
        else None
    )
    return [
        _one_code(table, row, [column[row] for column in columns.values()], default)
        for row in range(len(table))
    ]


def _all_digits(table: CellTable, place: dict[str, int]) -> bool:
    return all(
        str(cell).strip().isdigit() for cell in table.columns[place["contract"]] if cell is not None
    )


def _one_code(table: CellTable, row: int, codes: list[Code | None], default: Code | None) -> Code:
    """The code that the cells of one row name together; a delivery month alone belongs to the root beside it.

    Digits that are no delivery month (a program's own number of a contract) say nothing beside a name that says it all.
    """
    named = [code for code in (default, *codes) if code is not None]
    where = in_english(
        "{file}, row {row_numbers}", file=table.file, row_numbers=table.row_numbers[row]
    )
    if not named:
        raise DataError(
            _(
                "{where}: names neither root nor contract; accepted are RB, RB2405, RB2405.SHF.",
                where=where,
            )
        )
    root = named[0].root
    contract = next((code.contract for code in named if code.contract is not None), None)
    for code in named:
        if code.root.isdigit() and contract is None:
            if read_name(code.root, root) is None:
                raise DataError(
                    _(
                        "{where}: {code_root} is no delivery month of {root}; accepted are 405, 2405, 202405.",
                        where=where,
                        code_root=code.root,
                        root=root,
                    )
                )
            contract = f"{root}{code.root}"
        elif not code.root.isdigit() and code.root != root:
            raise DataError(
                _(
                    "{where}: names both {root} and {contract}; a bar is of one root.",
                    where=where,
                    root=root,
                    contract=code.contract or code.root,
                )
            )
    return Code(root, contract)


def _code_of_file(file: str, roots: dict[str, str]) -> Code:
    """The root, or contract, that a file is named after: `RB.csv`, `rb_daily.csv`, `RB2405.csv`, `螺纹钢.csv`."""
    stem = Path(file).stem
    whole = read_code(stem, roots)
    if whole.root in roots.values() or whole.root.isalpha() or whole.contract is not None:
        return whole
    parts = [part for part in re.split(r"[-_. ]+", stem) if part]
    found = {
        code for code in (read_code(part, roots) for part in parts) if code.root in roots.values()
    }
    if len(found) != 1:
        shown = " and ".join(sorted(code.root for code in found)) or in_english(
            "none that has a spec"
        )
        raise DataError(
            _(
                "{file}: cannot tell which root it holds; its name names {shown}. "
                "Name the file after the root (RB.csv), "
                "or give it a column {spellings_of}; a root of your own needs --specs FILE.",
                file=file,
                shown=shown,
                spellings_of=spellings_of("root"),
            )
        )
    return found.pop()
