"""Leg tables as a caller gives them: columns, dates, numbers and contract names checked, in one shape afterwards.

(docs/semantics.md 1.1 to 1.3)
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.columns import BAR_COLUMNS, TRADE_DATE, names
from pairkit.errors import DataError
from pairkit.language import _
from pairkit.market.daily import not_daily
from pairkit.market.deliveries import FIRST_YEAR, LAST_YEAR, one_names
from pairkit.market.rolls import returns

BARS = names(BAR_COLUMNS)
ROLL_PRICES = ("pre_close", "roll_open", "up_limit", "down_limit")


class CheckedLeg(NamedTuple):
    """A leg that was checked: `bars` with `columns.LEG_COLUMNS` by trade date, whether its contracts are `named`, and the dates on
    which one of them has `returned` after another."""

    bars: pd.DataFrame
    named: bool
    returned: pd.DatetimeIndex


def checked_leg(given: Any, leg: str, code: str) -> CheckedLeg:
    """A leg's table as a caller gives it, checked and complete.

    Parameters
    ----------
    given : DataFrame indexed by trade date; or a polars or Arrow table with a column `trade_date`
        As `pair_from_frames` takes it.
    leg, code : str
        `y` or `x` and the root, for messages; the root also names a series without contracts.

    Returns
    -------
    CheckedLeg
        Its bars, numbers as float64, names of contracts carried forward, `pre_close` known where it can be.

    Raises
    ------
    DataError
        It is no table; a column is missing, given twice or of no numbers; dates are repeated, out of order or not daily.
    """
    table = _as_pandas(given, leg, code)
    who = _("leg {leg} ({code})", leg=leg, code=code)
    twice = list(dict.fromkeys(str(name) for name in table.columns[table.columns.duplicated()]))
    if twice:
        raise DataError(_given_twice(who, twice))
    missing = [name for name in BARS if name not in table.columns]
    if missing:
        raise DataError(
            _(
                "{who} lacks column {missing}; a leg has {bars}.",
                who=who,
                missing=", ".join(missing),
                bars=", ".join(BARS),
            )
        )
    index = _checked_dates(table.index, who)
    columns = {name: _numbers(table[name], who) for name in BARS}
    for name in ROLL_PRICES:
        columns[name] = (
            _numbers(table[name], who) if name in table.columns else np.full(len(index), np.nan)
        )
    checked = pd.DataFrame(columns, index=index)
    held = (
        _checked_names(table["contract"], index, who, code) if "contract" in table.columns else None
    )
    named = held is not None and not held.isna().all()
    checked["contract"] = held if named else code
    checked["leave"] = _flags(table["leave"], who) if "leave" in table.columns else False
    if "pre_close" not in table.columns:
        checked["pre_close"] = _last_close_of_same_contract(checked)
    returned = index[returns(pd.factorize(checked["contract"])[0].astype(np.int64))]
    return CheckedLeg(checked, named, returned)


def _as_pandas(table: Any, leg: str, code: str) -> pd.DataFrame:
    """The leg's table as a pandas DataFrame by date, or DataError where it is no table."""
    if isinstance(table, pd.DataFrame):
        return table
    import narwhals as nw  # for tables of other libraries only

    who = _("leg {leg} ({code})", leg=leg, code=code)
    columns = list(getattr(table, "column_names", ()))
    if twice := sorted({str(name) for name in columns if columns.count(name) > 1}):
        raise DataError(_given_twice(who, twice))
    try:
        converted: pd.DataFrame = nw.from_native(table, eager_only=True).to_pandas()
    except TypeError:
        raise DataError(
            _(
                "{who} is a {name}; give a DataFrame of pandas by trade date, "
                "or a polars or Arrow table with a column {trade_date}.",
                who=who,
                name=type(table).__name__,
                trade_date=TRADE_DATE,
            )
        ) from None
    if TRADE_DATE not in converted.columns:
        raise DataError(
            _(
                "{who} has no column {trade_date}, and a {name} has no index to hold the dates; add it.",
                who=who,
                trade_date=TRADE_DATE,
                name=type(table).__name__,
            )
        )
    return converted.set_index(TRADE_DATE)


def _given_twice(who: str, columns: list[str]) -> str:
    return _(
        "{who} has column {columns} more than once; keep one of each.",
        who=who,
        columns=", ".join(columns),
    )


def _checked_names(column: pd.Series, index: pd.DatetimeIndex, who: str, code: str) -> pd.Series:
    """The one name of each row's contract (market/deliveries.py), carried forward; missing before the first known one."""
    try:
        held = pd.Series(one_names(column, pd.Series(index), code), index=index, dtype=object)
    except DataError as error:
        raise DataError(_("{who}, column contract: {error}", who=who, error=error)) from None
    return held.ffill()


def _checked_dates(given: pd.Index, who: str) -> pd.DatetimeIndex:
    """The index as trade dates, one bar a day, oldest first; else DataError."""
    index = _as_dates(given, who)
    if len(index) == 0:
        raise DataError(_("{who} has no rows; a leg needs at least one bar.", who=who))
    if index.hasnans:
        raise DataError(_("{who} has a row without a date; drop it or date it.", who=who))
    _refuse_other_than_days(index, who)
    _refuse_disorder(index, who)
    return index.as_unit("ns")


def _as_dates(index: pd.Index, who: str) -> pd.DatetimeIndex:
    """The index as dates, where it is one or holds ISO texts."""
    if isinstance(index, pd.DatetimeIndex):
        return index
    if pd.api.types.is_numeric_dtype(index):
        raise DataError(
            _("{who} is indexed by numbers, not by trade date; set a DatetimeIndex.", who=who)
        )
    try:  # day-first or month-first is no guess to make
        return pd.DatetimeIndex(pd.to_datetime(index, format="ISO8601"))
    except (TypeError, ValueError) as error:
        raise DataError(
            _(
                "{who} is not indexed by trade date but by values such as {found!r}; "
                "set a DatetimeIndex, or ISO dates such as 2020-01-02.",
                who=who,
                found=index[0],
            )
        ) from error


def _refuse_other_than_days(index: pd.DatetimeIndex, who: str) -> None:
    """DataError on years out of range, on bars that are not daily, and on dates with a time."""
    years = index.year
    if years.min() < FIRST_YEAR or years.max() > LAST_YEAR:
        odd = index[(years < FIRST_YEAR) | (years > LAST_YEAR)][0]
        raise DataError(
            _(
                "{who} has a bar of the year {year}; accepted are the years {first_year} to {last_year}.",
                who=who,
                year=odd.year,
                first_year=FIRST_YEAR,
                last_year=LAST_YEAR,
            )
        )
    if instead := not_daily(index):
        raise DataError(
            _(
                "{who} has {instead} bars; pairkit takes daily ones, one row for each session.",
                who=who,
                instead=instead,
            )
        )
    if index.tz is not None or (index != index.normalize()).any():
        raise DataError(
            _("{who} has dates with a time or time zone; trade dates are plain days.", who=who)
        )


def _refuse_disorder(index: pd.DatetimeIndex, who: str) -> None:
    """DataError on a repeated date, and on dates out of order."""
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise DataError(
            _(
                "{who} has {twice:%Y-%m-%d} more than once; keep one bar a day.",
                who=who,
                twice=twice,
            )
        )
    if not index.is_monotonic_increasing:
        at = int(np.argmax(np.diff(index.asi8) < 0)) + 1
        raise DataError(
            _(
                "{who} is not in order of date at {index:%Y-%m-%d} (row {at}); sort it by its index.",
                who=who,
                index=index[at],
                at=at,
            )
        )


def _numbers(column: pd.Series, who: str) -> FloatArray:
    """A column of prices or sizes as float64, what is missing as NaN; else DataError."""
    _refuse_other_kinds(column, who)
    try:
        values: FloatArray = column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            _(
                "{who}, column {column_name}: {error}; prices and sizes are numbers, missing ones NaN.",
                who=who,
                column_name=column.name,
                error=error,
            )
        ) from error
    if np.isinf(values).any():
        raise DataError(
            _(
                "{who}, column {column_name} is infinite on {rows} rows; "
                "write what is missing as NaN.",
                who=who,
                column_name=column.name,
                rows=np.isinf(values).sum(),
            )
        )
    return values


def _refuse_other_kinds(column: pd.Series, who: str) -> None:
    """DataError where a column holds anything but numbers."""
    kind = pd.api.types
    if (
        isinstance(column.dtype, pd.CategoricalDtype)
        or kind.is_object_dtype(column.dtype)
        or kind.is_string_dtype(column.dtype)
    ):
        _refuse_other_objects(column, who)
    odd = next(
        (
            word
            for is_of, word in (
                (kind.is_bool_dtype, _("yes and no")),
                (kind.is_complex_dtype, _("complex numbers")),
                (kind.is_datetime64_any_dtype, _("dates")),
                (kind.is_timedelta64_dtype, _("lengths of time")),
            )
            if is_of(column.dtype)
        ),
        "",
    )
    if odd:
        raise DataError(
            _(
                "{who}, column {column_name} holds {odd}; prices and sizes are numbers, missing ones NaN.",
                who=who,
                column_name=column.name,
                odd=odd,
            )
        )


def _refuse_other_objects(column: pd.Series, who: str) -> None:
    """DataError where a value of a column of Python objects or of text is no number, and not missing."""
    for value in column.dropna():
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
            raise DataError(
                _(
                    "{who}, column {column_name} holds {value!r}, "
                    "a {name}; prices and sizes are numbers, missing ones NaN.",
                    who=who,
                    column_name=column.name,
                    value=value,
                    name=type(value).__name__,
                )
            )


def _flags(column: pd.Series, who: str) -> NDArray[np.bool_]:
    """Yes and no, written as booleans or as 1 and 0; missing is no."""
    filled = column.astype(object).where(column.notna(), False)
    if not filled.isin([True, False]).all():
        odd = filled[~filled.isin([True, False])].iloc[0]
        raise DataError(
            _(
                "{who}, column {column_name}: {odd!r} is neither yes nor no; write True and False.",
                who=who,
                column_name=column.name,
                odd=odd,
            )
        )
    return filled.to_numpy(dtype=np.bool_)


def _last_close_of_same_contract(leg: pd.DataFrame) -> pd.Series:
    """The leg's last finite close before each row, where the contract of that close is today's."""
    close = leg["close"].mask(leg["close"] == 0.0)  # a close of 0 is none
    last_close = close.ffill().shift(1)
    last_contract = leg["contract"].where(close.notna()).ffill().shift(1)
    return last_close.where((last_contract == leg["contract"]) | last_contract.isna())
