"""Parser of TuShare answers into typed tables: every cell is understood or the answer is refused.

1. The requested fields are there; others are left out.
2. Each cell becomes its column's kind. Numbers come as int, float or text, days as text or int: all are read alike.
   An empty cell, `--` and the like are missing, not 0. Codes are put in capitals: `rb2405.SHF` is RB2405.SHF.
3. Rows that were not requested are dropped, and reported.
4. A row given twice is kept once, and reported; two rows of one key that differ are refused.
5. Rows are sorted by their key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd

from pairkit.data.tushare.endpoints import Interface, Kind
from pairkit.errors import MalformedAnswerError
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import _, in_english

_MISSING = {"", "--", "-", "—", "nan", "null", "none", "nat"}
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][+-]?\d{1,3})?|[+-]?\.\d+")
_DAY = re.compile(r"(\d{8})(\.0+)?")
_FIRST_YEAR, _LAST_YEAR = (
    1990,
    2199,
)  # China's exchanges opened then; a day far off is no day of a contract


def typed(
    frame: pd.DataFrame, interface: Interface, params: Mapping[str, str]
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """The typed table of an answer and its findings.

    Parameters
    ----------
    frame : DataFrame
        As the SDK hands it out.
    interface, params
        The parameters of the request.

    Returns
    -------
    table, findings
        Text as `str`, days as datetime64[ns], numbers and flags as float64; missing cells NaN or NaT.

    Raises
    ------
    MalformedAnswerError
        A field is absent or given twice, a cell means nothing, or two rows contradict each other.
    """
    fields = list(interface.columns)
    given = [str(name) for name in frame.columns]
    if any(given.count(field) != 1 for field in fields):
        wrong = [field for field in fields if given.count(field) != 1]
        raise MalformedAnswerError(
            _(
                "TuShare's answer to {interface_name} needs the fields {fields} once each; "
                "absent or repeated: {wrong}. Try again later; if it persists, report it.",
                interface_name=interface.name,
                fields=", ".join(fields),
                wrong=", ".join(wrong),
            )
        )
    frame = frame.set_axis(given, axis=1)
    given_cells = {
        field: _cells(frame[field], kind, interface.name)
        for field, kind in interface.columns.items()
    }
    cells, unasked = _only_requested(given_cells, interface, params)
    keys = list(zip(*(cells[name] for name in interface.key), strict=True))
    if len(set(keys)) == len(keys):
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return _table(cells, interface, order), unasked
    table, repeated = _once_each(_table(cells, interface, range(len(keys))), interface)
    return table.sort_values(list(interface.key), ignore_index=True), (*unasked, *repeated)


# --- cells -----------------------------------------------------------------------------------------------------------
def _cells(column: pd.Series, kind: Kind, api: str) -> list[Any]:
    """A column's cells as its kind; a table is made of them once, for pandas takes longer over a short one than over its cells."""
    if (
        kind == "number"
        and column.dtype in (np.dtype("float64"), np.dtype("int64"))
        and not np.isinf(column.to_numpy()).any()
    ):
        return list(column.to_numpy(np.float64).tolist())
    read = _READERS[kind][0]
    known: dict[str, Any] = {}  # most texts repeat one before
    values = []
    for cell in column.tolist():
        if type(cell) is str and cell in known:
            values.append(known[cell])
            continue
        try:
            value = read(None if _is_missing(cell) else cell)
        except (ValueError, OverflowError) as error:
            shown = repr(cell)[:60]
            raise MalformedAnswerError(
                _(
                    "TuShare's answer to {api} has {shown} in {cells_name}, which takes a {kind} ({error}). "
                    "Try again later; if it persists, report it with this text.",
                    api=api,
                    shown=shown,
                    cells_name=column.name,
                    kind=kind,
                    error=error,
                )
            ) from None
        values.append(value)
        if type(cell) is str:
            known[cell] = value
    return values


def _table(
    cells: Mapping[str, Sequence[Any]], interface: Interface, order: Sequence[int]
) -> pd.DataFrame:
    """The cells of each field, in this order of rows, as a table."""
    return pd.DataFrame(
        {
            field: pd.array([cells[field][row] for row in order], dtype=_READERS[kind][1])
            for field, kind in interface.columns.items()
        }
    )


def _is_missing(cell: Any) -> bool:
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell)):
        return True
    return isinstance(cell, str) and cell.strip().lower() in _MISSING


def _text(cell: Any) -> Any:
    if cell is None:
        return None
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise ValueError(_("not a text"))  # noqa: TRY004  a fault of the answer, not of the caller
    whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell) if whole else cell).strip()


def _day(cell: Any) -> Any:
    if cell is None:
        return pd.NaT
    if isinstance(cell, bool):
        raise ValueError(_("days are written YYYYMMDD"))  # noqa: TRY004  a fault of the answer, not of the caller
    return _day_of_text(str(cell).strip())


@lru_cache(maxsize=20_000)
def _day_of_text(text: str) -> pd.Timestamp:
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(_("days are written YYYYMMDD"))
    day = datetime.strptime(found[1], "%Y%m%d")  # noqa: DTZ007  a day has no time zone
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(
            _(
                "no futures traded then; years lie between {first_year} and {last_year}",
                first_year=_FIRST_YEAR,
                last_year=_LAST_YEAR,
            )
        )
    return pd.Timestamp(day)


def _code(cell: Any) -> Any:
    text = _text(cell)
    return None if text is None else str(text).upper()


def _sure_code(cell: Any) -> str:
    code = _code(cell)
    if code is None:
        raise ValueError(_("it must not be empty"))
    return str(code)


def _sure_day(cell: Any) -> Any:
    if cell is None:
        raise ValueError(_("it must not be empty"))
    return _day(cell)


def _number(cell: Any) -> float:
    if cell is None:
        return math.nan
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        raise ValueError(_("not a number"))  # noqa: TRY004  a fault of the answer, not of the caller
    if isinstance(cell, str) and not _NUMBER.fullmatch(cell.strip()):
        raise ValueError(_("not a number"))
    value = float(cell.strip().replace(",", "")) if isinstance(cell, str) else float(cell)
    if math.isinf(value):
        raise ValueError(_("not finite"))
    return value


def _flag(cell: Any) -> float:
    value = _number(cell)
    if value not in (0.0, 1.0):
        raise ValueError(_("flags are 0 or 1"))
    return value


_READERS: dict[Kind, tuple[Callable[[Any], Any], Any]] = {
    "code": (_sure_code, "str"),
    "code or none": (_code, "str"),
    "text": (_text, "str"),
    "day": (_sure_day, "datetime64[ns]"),
    "day or none": (_day, "datetime64[ns]"),
    "number": (_number, "float64"),
    "flag": (_flag, "float64"),
}


# --- rows ------------------------------------------------------------------------------------------------------------
def _only_requested(
    cells: Mapping[str, list[Any]], interface: Interface, params: Mapping[str, str]
) -> tuple[Mapping[str, list[Any]], tuple[Finding, ...]]:
    requested = [True] * len(next(iter(cells.values())))
    for field in ("ts_code", "exchange"):
        if field in params and field in cells:
            wanted = params[field].upper()
            requested = [
                so_far and code == wanted
                for so_far, code in zip(requested, cells[field], strict=True)
            ]
    if interface.day and "start_date" in params:
        first, last = (pd.Timestamp(params[name]) for name in ("start_date", "end_date"))
        requested = [
            so_far and first <= day <= last
            for so_far, day in zip(requested, cells[interface.day], strict=True)
        ]
    if all(requested):
        return cells, ()
    other = requested.count(False)
    kept = {field: list(compress(column, requested)) for field, column in cells.items()}
    return kept, (
        Finding(
            "unasked_rows",
            "error",
            in_english(
                "{interface_name} for {subject}: "
                "{other} rows were not requested and were left out.",
                interface_name=interface.name,
                subject=subject(params),
                other=other,
            ),
            count=other,
        ),
    )


def _once_each(
    table: pd.DataFrame, interface: Interface
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    once = table.drop_duplicates()
    refuse_contradictions(once, interface)
    if len(once) == len(table):
        return table, ()
    again = table[table.duplicated()]
    of = ", ".join(sorted(set(again[interface.key[0]]))[:3])
    days = (
        tuple(f"{day:%Y-%m-%d}" for day in sorted(set(again[interface.day]))[:SHOWN_DATES])
        if interface.day
        else ()
    )
    return once, (
        Finding(
            "duplicate_rows",
            "info",
            in_english(
                "{interface_name}: {again} rows of {of} came twice, "
                "cell for cell; each is kept once.",
                interface_name=interface.name,
                again=len(again),
                of=of,
            ),
            count=len(again),
            dates=days,
        ),
    )


def refuse_contradictions(table: pd.DataFrame, interface: Interface) -> None:
    """MalformedAnswerError where two rows have one key."""
    twice = table.duplicated(list(interface.key), keep=False)
    if not twice.any():
        return
    first, second = (
        table[twice].sort_values(list(interface.key), kind="stable").iloc[at] for at in (0, 1)
    )
    name = " ".join(
        f"{part:%Y-%m-%d}" if isinstance(part, date) else str(part)
        for part in first[list(interface.key)]
    )
    differ = ", ".join(
        in_english(
            "{field} {first} and {second}", field=field, first=first[field], second=second[field]
        )
        for field in table.columns
        if first[field] is not second[field] and first[field] != second[field]
    )
    raise MalformedAnswerError(
        _(
            "TuShare gives {interface_name} of {name} twice, "
            "with {differ}; one of them is wrong and nothing says which. "
            "Try again later; if it persists, report it.",
            interface_name=interface.name,
            name=name,
            differ=differ,
        )
    )


def joined(table: pd.DataFrame, again: pd.DataFrame, interface: Interface) -> pd.DataFrame:
    """Two answers on the same rows merged: what either lacks comes from the other; MalformedAnswerError where they contradict."""
    if table.equals(again):
        return table
    key = list(interface.key)
    rows = pd.concat([table, again], ignore_index=True).drop_duplicates()
    if not rows.duplicated(key).any():  # no cell differs: one has rows that the other lacks
        return rows.sort_values(key, ignore_index=True)
    ours, theirs = (part.set_index(key) for part in (table, again))
    both, both_theirs_first = (
        one.combine_first(other)[ours.columns] for one, other in ((ours, theirs), (theirs, ours))
    )
    refuse_contradictions(
        pd.concat([both, both_theirs_first]).reset_index().drop_duplicates(), interface
    )
    return both.reset_index()[list(table.columns)].astype(table.dtypes.to_dict())


def subject(params: Mapping[str, str]) -> str:
    """Subject of a request, for messages: `RB2405.SHF 20240102..20240510`."""
    about = next(
        (params[name] for name in ("ts_code", "fut_code", "exchange") if params.get(name)), "all"
    )
    return (
        f"{about} {params['start_date']}..{params['end_date']}" if "start_date" in params else about
    )
