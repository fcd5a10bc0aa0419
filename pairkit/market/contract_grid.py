"""Grid of days and contracts of one root: the bars of each, delivery months, and the leg that holds one contract a day.

Names are made one spelling each on the way in (market/deliveries.py); a cell without a bar is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pairkit._typing import BoolArray, FloatArray, IntArray
from pairkit.columns import BAR_COLUMNS, LEG_COLUMNS, TRADE_DATE, names
from pairkit.errors import DataError
from pairkit.language import _
from pairkit.market.deliveries import delivery_month, one_names

NO_BAR = -1
NO_CONTRACT = -1
FIGURES = (*names(BAR_COLUMNS), "up_limit", "down_limit")
_YEARS_BEFORE_A_NAME_RETURNS = 9  # RM501 is January 2015 and again January 2025


@dataclass(frozen=True)
class ContractGrid:
    """Days (T,) by contracts (C,); `row_of` (T, C) is the place in the bars, NO_BAR where there is none; `mapped` (T,) is the
    contract that the mapping names, NO_CONTRACT where it names none."""

    days: pd.DatetimeIndex
    contracts: pd.Index
    row_of: IntArray
    mapped: IntArray

    @classmethod
    def of(cls, bars: pd.DataFrame, mapping: pd.DataFrame) -> ContractGrid:
        """The grid of one root's bars, widened to the days and names of its mapping."""
        if bars["contract"].isna().any():
            raise DataError(
                _(
                    "{root} has bars with a contract and bars without; name all of them, or none.",
                    root=root_of(bars),
                )
            )
        bar_days, mapped_days = days_of(bars), days_of(mapping)
        days = bar_days.union(mapped_days).unique().sort_values()
        both = pd.concat([bars["contract"], mapping["contract"]], ignore_index=True)
        named = one_names(both, pd.DatetimeIndex(bar_days.append(mapped_days)), root_of(bars))
        blank = bool(pd.isna(named[: len(bars)]).any())  # bars under a blank name are a contract
        at_contract, contracts = pd.factorize(named, use_na_sentinel=not blank)  # null: NO_CONTRACT
        cell = days.get_indexer(bar_days) * len(contracts) + at_contract[: len(bars)]
        _refuse_twice(bars, cell)
        row_of = np.full(len(days) * len(contracts), NO_BAR, dtype=np.int64)
        row_of[cell] = np.arange(len(bars))
        wanted = np.full(len(days), NO_CONTRACT, dtype=np.int64)
        wanted[_days_once(days, mapped_days)] = at_contract[len(bars) :]
        return cls(days, pd.Index(contracts), row_of.reshape(len(days), len(contracts)), wanted)

    def take(self, values: FloatArray, day: IntArray, contract: IntArray) -> FloatArray:
        """(n,) figures of the bars at these days and contracts; NaN where either is negative or has no bar."""
        row = np.where((day >= 0) & (contract >= 0), self.row_of[day, contract], NO_BAR)
        return np.where(row >= 0, values[row], np.nan)

    def table(self, values: FloatArray) -> FloatArray:
        """(T, C) figures of the bars by day and contract; NaN where there is no bar."""
        return np.where(self.row_of >= 0, values[self.row_of], np.nan)

    def deliveries(self, root: str) -> IntArray:
        """(C,) delivery month of each contract, counted from year 0.

        Raises
        ------
        DataError
            A name without a delivery month, or one whose bars run too long for one contract.
        """
        found = np.empty(len(self.contracts), dtype=np.int64)
        for place, name in enumerate(self.contracts):
            days = self.days[self.row_of[:, place] != NO_BAR]
            found[place] = _delivery(str(name), days[0] if len(days) else self.days[-1], root)
            if len(days) and days[-1].year - days[0].year >= _YEARS_BEFORE_A_NAME_RETURNS:
                raise DataError(
                    _(
                        "{name} runs {first_day:%Y-%m-%d} .. {last_day:%Y-%m-%d}, too long for one contract. "
                        "Write the year of delivery with two or four digits.",
                        name=name,
                        first_day=days[0],
                        last_day=days[-1],
                    )
                )
        return found

    def months(self) -> IntArray:
        """(T,) month of each day, counted as a delivery month is."""
        return np.asarray(self.days.year * 12 + self.days.month - 1, dtype=np.int64)


def _days_once(days: pd.DatetimeIndex, mapped_days: pd.DatetimeIndex) -> IntArray:
    """Places of the mapping's days, or DataError where it has one of them twice."""
    at_day = days.get_indexer(mapped_days)
    places, counts = np.unique(at_day, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            _(
                "the mapping has {twice:%Y-%m-%d} more than once; keep one contract a day.",
                twice=days[places[counts > 1][0]],
            )
        )
    return at_day


def leg_holding(
    bars: pd.DataFrame, grid: ContractGrid, held: IntArray, leave: BoolArray | None = None
) -> pd.DataFrame:
    """The leg's columns on all days of the grid, given the contract held on each, NO_CONTRACT where none.

    A day without a contract has no figures; the contract before it is the one that the next is rolled from. `leave` is (T,),
    False throughout where not given.
    """
    day = np.arange(len(held))
    columns = {name: grid.take(figures(bars, name), day, held) for name in FIGURES}
    has_close = np.isfinite(columns["close"]) & (columns["close"] != 0.0)  # a close of 0 is none
    last_close_day = before(np.maximum.accumulate(np.where(has_close, day, -1)))
    columns["pre_close"] = grid.take(figures(bars, "close"), last_close_day, held)
    held_before = _held_before(held)  # none on the first row, which hence has no roll_open
    columns["roll_open"] = np.where(
        held_before != held, grid.take(figures(bars, "open"), day, held_before), np.nan
    )
    no_bar = (held == NO_CONTRACT) | (grid.row_of[day, held] == NO_BAR)
    for roll_price in ("pre_close", "roll_open"):
        columns[roll_price][no_bar] = np.nan  # a day without a bar has no figures at all
    labels = np.array([*grid.contracts, None], dtype=object)  # NO_CONTRACT = -1 picks the last
    whole = {
        **columns,
        "contract": pd.array(labels[held], dtype="str"),
        "leave": np.zeros(len(held), np.bool_) if leave is None else leave,
    }
    in_order = {name: whole[name] for name in names(LEG_COLUMNS)}
    return pd.DataFrame(in_order, index=grid.days.rename(TRADE_DATE))


def _held_before(held: IntArray) -> IntArray:
    """(T,) the contract last held before each day; NO_CONTRACT before the first."""
    last = np.maximum.accumulate(np.where(held != NO_CONTRACT, np.arange(len(held)), -1))
    return before(np.where(last >= 0, held[last], NO_CONTRACT))


def _delivery(name: str, first_day: pd.Timestamp, root: str) -> int:
    """Months from year 0 to the delivery month that a contract's name holds."""
    month = delivery_month(name, first_day, root)
    if month is None:
        raise DataError(
            _(
                "contract {name!r} of {root} does not name a delivery month; accepted are names such as RB2405, "
                "RB202405, RM405, RB2405.SHF, CLK24 or CL-2024K. Rename it, or give a mapping (trade_date, contract).",
                name=name,
                root=root,
            )
        )
    return month


# --- reading the tables ----------------------------------------------------------------------------------------------
def before(values: IntArray) -> IntArray:
    """Each row's value of the row before; -1 on the first."""
    return np.concatenate([[-1], values[:-1]]).astype(np.int64)


def figures(bars: pd.DataFrame, name: str) -> FloatArray:
    """(N,) one column of the bars; NaN where missing."""
    return bars[name].to_numpy(dtype=np.float64, na_value=np.nan)


def days_of(table: pd.DataFrame) -> pd.DatetimeIndex:
    """(N,) the trade dates of a table's rows."""
    return pd.DatetimeIndex(pd.to_datetime(table[TRADE_DATE])).as_unit("ns")


def root_of(bars: pd.DataFrame) -> str:
    """The root of bars of one root."""
    return str(bars["root"].iloc[0])


def _refuse_twice(bars: pd.DataFrame, cell: IntArray) -> None:
    """DataError that names the first bar given twice, if one is."""
    twice = pd.Series(cell).duplicated().to_numpy()
    if twice.any():
        bar = bars.iloc[int(np.argmax(twice))]
        day = pd.Timestamp(bar[TRADE_DATE])
        raise DataError(
            _(
                "{contract} has {day:%Y-%m-%d} more than once; keep one bar a day.",
                contract=bar["contract"],
                day=day,
            )
        )
