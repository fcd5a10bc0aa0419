"""Contract rolls: which contract is held each day, and the continuous leg and roll prices that follow from it.

1. `dominant_by_open_interest` chooses the contract of day t from the open interest of the session before t, and only
   ever moves on to a later delivery.
2. `leg_table` carries the chosen names forward, never takes a contract again that was left, and gives each day the bar
   of the contract held that day.
3. `pre_close` is that contract's own close on the leg's last day with a close, and `roll_open` today's open of the
   contract held the day before: the two prices that make a return, and a roll, one of a single contract.

Row t of either depends on rows up to t alone. (docs/semantics.md 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray, IntArray
from pairkit.columns import BAR_COLUMNS, LEG_COLUMNS, TRADE_DATE, names
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.deliveries import delivery_month, one_names

MAPPING_COLUMNS = ("root", TRADE_DATE, "contract", "known_date")
NO_BAR = -1
NO_CONTRACT = -1
_SHOWN_DATES = 10
_LIMITS = ("up_limit", "down_limit")
_FIGURES = (*names(BAR_COLUMNS), *_LIMITS)
_YEARS_BEFORE_A_NAME_RETURNS = 9  # RM501 is January 2015 and again January 2025


def leg_table(bars: pd.DataFrame, mapping: pd.DataFrame) -> pd.DataFrame:
    """One leg's table, by trade date, from the bars of one root's contracts.

    Parameters
    ----------
    bars : DataFrame
        `root, contract, trade_date`, the bar columns and the limits: one row per contract and day, in any order.
        `contract` is null throughout for a root-level series.
    mapping : DataFrame
        `trade_date, contract`: the dominant contract of each day, chosen from what was known the day before. A day it
        lacks, or names null for, keeps the contract of the day before. Empty for a root-level series.

    Returns
    -------
    DataFrame
        `columns.LEG_COLUMNS` on the days of bars or mapping, from the first day that has a dominant contract. A day
        without a bar of its contract is NaN and names the contract. A root-level series has neither `contract` nor the
        columns of rolls.

    Raises
    ------
    DataError
        More than one root, a contract or a mapped day given twice, no mapped day, or names on one side only.
    """
    _refuse_other_roots(bars)
    if bars["contract"].isna().all():
        if len(mapping):
            raise DataError(
                _(
                    "{root} is mapped to contracts, but its bars name none. Give both, or neither.",
                    root=_root(bars),
                )
            )
        return _root_level_table(bars)
    grid = _Grid.of(bars, mapping)
    held = _held(grid, _wanted(grid, bars, mapping))
    first = int(np.argmax(held != NO_CONTRACT))
    if held[first] == NO_CONTRACT:
        raise DataError(
            _(
                "{root} has bars of contracts but no mapped day; "
                "make a mapping with dominant_by_open_interest, or take the provider's.",
                root=_root(bars),
            )
        )
    return _table(bars, grid, held).iloc[first:]


def lost_bars(bars: pd.DataFrame, mapping: pd.DataFrame) -> LostBars:
    """Days of one root on which the leg that `leg_table` makes takes no bar, or another contract's than the mapping says.

    Parameters
    ----------
    bars, mapping : DataFrame
        As `leg_table` takes them, at contract level.
    """
    grid = _Grid.of(bars, mapping)
    wanted = _wanted(grid, bars, mapping)
    held = _held(grid, wanted)
    close = _figures(bars, "close")
    has_close = (
        (grid.row_of != NO_BAR) & np.isfinite(close[grid.row_of]) & (close[grid.row_of] != 0.0)
    )
    day, known = np.arange(len(held)), held != NO_CONTRACT
    own, any_close = has_close[day, held] & known, has_close.any(axis=1)
    waiting = ~known & any_close
    waiting[:1] = False  # nothing can be known before the first session
    return LostBars(
        missing=grid.days[known & ~own & any_close],
        unused=grid.days[waiting],
        returned=grid.days[returns(held)],
        not_followed=grid.days[(wanted != NO_CONTRACT) & (wanted != held)],
    )


class LostBars(NamedTuple):
    """`missing`: days on which the held contract has no close while another of the root has. `unused`: days with closes before
    a dominant contract is known, the first session aside. `returned`: days on which the series goes back to a contract that it
    had left. `not_followed`: days on which the mapping names such a contract, and the leg does not."""

    missing: pd.DatetimeIndex
    unused: pd.DatetimeIndex
    returned: pd.DatetimeIndex
    not_followed: pd.DatetimeIndex


def returns(held: IntArray) -> IntArray:
    """Rows of (T,) held contracts, NO_CONTRACT where none, on which one is held again that was left."""
    known = np.flatnonzero(held != NO_CONTRACT)
    changed = known[held[known] != _before(held[known])]
    first = np.unique(held[changed], return_index=True)[1]
    return np.delete(changed, first)


def returning_contract(root: str, days: pd.DatetimeIndex) -> list[Finding]:
    """The finding that a series of one bar a day goes back to a contract that it had left on these days; none without a day."""
    if not len(days):
        return []
    shown = tuple(f"{day:%Y-%m-%d}" for day in days[:_SHOWN_DATES])
    return [
        Finding(
            "returning_contract",
            "warning",
            root=root,
            count=len(days),
            dates=shown,
            message=in_english(
                "{root}: days on which the series goes back to a contract that it had left; the day trades what the file says: "
                "{days}.",
                root=root,
                days=len(days),
            ),
        )
    ]


def dominant_by_open_interest(bars: pd.DataFrame) -> pd.DataFrame:
    """The dominant contract of each root and day, by the open interest of the root's session before it.

    The held contract gives way to the later delivery with the most open interest once that is more than its own; the
    nearer delivery wins a tie. A held contract whose open interest is unknown stays until its delivery month is over.
    The first session of a root has no contract, as nothing was known before it.

    Parameters
    ----------
    bars : DataFrame
        `root, contract, trade_date, open_interest` of one or more roots. Names hold a delivery month, in a spelling of
        market/deliveries.py.

    Returns
    -------
    DataFrame
        `root, trade_date, contract, known_date`, by root and date; `known_date` is the session looked at.

    Raises
    ------
    DataError
        A name without a delivery month, a contract given twice on a day, or no open interest at all.
    """
    parts = [
        _dominant_of_root(str(root), of_root) for root, of_root in bars.groupby("root", sort=True)
    ]
    if not parts:
        return pd.DataFrame({name: [] for name in MAPPING_COLUMNS})
    return pd.concat(parts, ignore_index=True)


# --- the grid of days and contracts ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Grid:
    """Days (T,) by contracts (C,); `row_of` (T, C) is the place in the bars, NO_BAR where there is none."""

    days: pd.DatetimeIndex
    contracts: pd.Index
    row_of: IntArray

    @classmethod
    def of(cls, bars: pd.DataFrame, mapping: pd.DataFrame) -> _Grid:
        """The grid of one root's bars, widened to the days and names of its mapping."""
        if bars["contract"].isna().any():
            raise DataError(
                _(
                    "{root} has bars with a contract and bars without; name all of them, or none.",
                    root=_root(bars),
                )
            )
        bar_days, mapped_days = _days(bars), _days(mapping)
        days = bar_days.union(mapped_days).unique().sort_values()
        named, mapped = _named(bars, mapping)
        contracts = pd.Index(named).append(pd.Index(mapped[pd.notna(mapped)])).unique()
        at_day, at_contract = days.get_indexer(bar_days), contracts.get_indexer(pd.Index(named))
        cell = at_day * len(contracts) + at_contract
        _refuse_twice(bars, cell)
        row_of = np.full(len(days) * len(contracts), NO_BAR, dtype=np.int64)
        row_of[cell] = np.arange(len(bars))
        return cls(days, contracts, row_of.reshape(len(days), len(contracts)))

    def take(self, values: FloatArray, day: IntArray, contract: IntArray) -> FloatArray:
        """(n,) figures of the bars at these days and contracts; NaN where either is negative or has no bar."""
        row = np.where((day >= 0) & (contract >= 0), self.row_of[day, contract], NO_BAR)
        return np.where(row >= 0, values[row], np.nan)


def _named(
    bars: pd.DataFrame, mapping: pd.DataFrame
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The contracts of the bars and of the mapping, each under one name (market/deliveries.py)."""
    both = pd.concat(
        [table[[TRADE_DATE, "contract"]] for table in (bars, mapping)], ignore_index=True
    )
    names = one_names(both["contract"], both[TRADE_DATE], _root(bars))
    return names[: len(bars)], names[len(bars) :]


def _table(bars: pd.DataFrame, grid: _Grid, held: IntArray) -> pd.DataFrame:
    """The leg's columns on all days of the grid, given the contract held on each."""
    day = np.arange(len(held))
    columns = {name: grid.take(_figures(bars, name), day, held) for name in _FIGURES}
    has_close = np.isfinite(columns["close"]) & (columns["close"] != 0.0)  # a close of 0 is none
    last_close_day = _before(np.maximum.accumulate(np.where(has_close, day, -1)))
    columns["pre_close"] = grid.take(_figures(bars, "close"), last_close_day, held)
    held_before = _before(held)  # none on the first row, which hence has no roll_open
    columns["roll_open"] = np.where(
        held_before != held, grid.take(_figures(bars, "open"), day, held_before), np.nan
    )
    no_bar = grid.row_of[day, held] == NO_BAR
    for roll_price in ("pre_close", "roll_open"):
        columns[roll_price][no_bar] = np.nan  # a day without a bar has no figures at all
    table = pd.DataFrame(columns, index=grid.days.rename(TRADE_DATE))
    labels = np.array([*grid.contracts, None], dtype=object)  # NO_CONTRACT = -1 picks the last
    table["contract"] = pd.array(labels[held], dtype="str")
    table["leave"] = False
    return table[names(LEG_COLUMNS)]


def _wanted(grid: _Grid, bars: pd.DataFrame, mapping: pd.DataFrame) -> IntArray:
    """(T,) contract that the mapping names on each day of the grid; NO_CONTRACT where it names none."""
    at_day = grid.days.get_indexer(_days(mapping))
    places, counts = np.unique(at_day, return_counts=True)
    if (counts > 1).any():
        twice = grid.days[places[counts > 1][0]]
        raise DataError(
            _(
                "the mapping has {twice:%Y-%m-%d} more than once; keep one contract a day.",
                twice=twice,
            )
        )
    wanted = np.full(len(grid.days), NO_CONTRACT, dtype=np.int64)
    wanted[at_day] = grid.contracts.get_indexer(
        pd.Index(_named(bars, mapping)[1])
    )  # null is not found: NO_CONTRACT
    return wanted


def _held(grid: _Grid, wanted: IntArray) -> IntArray:
    """(T,) contract held on each day of the grid: names carried forward, none taken again that was left.

    As long as the series has had one bar a day, a name that comes back is taken again: there is no other contract's bar to take.
    """
    one_a_day = np.maximum.accumulate((grid.row_of != NO_BAR).sum(axis=1)) <= 1
    held = np.full(len(grid.days), NO_CONTRACT, dtype=np.int64)
    current, left = NO_CONTRACT, set[int]()
    for day, name in enumerate(wanted.tolist()):
        if name not in (NO_CONTRACT, current) and (name not in left or one_a_day[day]):
            left.add(current)
            current = name
        held[day] = current
    return held


def _root_level_table(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars of a series without contract names, by date, as they are."""
    columns = {name: _figures(bars, name) for name in _FIGURES}
    table = pd.DataFrame(columns, index=_days(bars).rename(TRADE_DATE)).sort_index(kind="stable")
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(
            _(
                "{root} has {twice:%Y-%m-%d} more than once; keep one bar a day.",
                root=_root(bars),
                twice=twice,
            )
        )
    return table


# --- dominance -------------------------------------------------------------------------------------------------------
def _dominant_of_root(root: str, bars: pd.DataFrame) -> pd.DataFrame:
    """The mapping of one root."""
    grid = _Grid.of(bars, bars.iloc[:0])
    delivery = _deliveries(grid, root)
    nearest_first = np.argsort(delivery, kind="stable")
    day = np.arange(len(grid.days))
    open_interest = np.column_stack(
        [
            grid.take(_figures(bars, "open_interest"), day, np.full(len(day), contract))
            for contract in nearest_first
        ]
    )
    if not (open_interest > 0).any():
        raise DataError(
            _(
                "{root} has no open interest, so no dominant contract can be chosen; "
                "give a mapping (trade_date, contract), or open interest.",
                root=root,
            )
        )
    months = np.asarray(
        grid.days.year * 12 + grid.days.month - 1, dtype=np.int64
    )  # as a delivery month is counted
    held = _dominant(open_interest, delivery[nearest_first], months)
    known = held != NO_CONTRACT
    return pd.DataFrame(
        {
            "root": root,
            TRADE_DATE: grid.days[known],
            "contract": pd.array(_as_written(bars, grid)[nearest_first[held[known]]], dtype="str"),
            "known_date": grid.days[np.flatnonzero(known) - 1],
        }
    )


def _as_written(bars: pd.DataFrame, grid: _Grid) -> NDArray[np.object_]:
    """(C,) name of each contract as its first bar has it, so that a mapping and its bars name one thing in one way."""
    first = np.argmax(grid.row_of != NO_BAR, axis=0)
    written = bars["contract"].to_numpy(dtype=object)
    return np.asarray(written[grid.row_of[first, np.arange(len(grid.contracts))]])


def _dominant(open_interest: FloatArray, delivery: IntArray, months: IntArray) -> IntArray:
    """(T,) place of each day's contract, by the row before of (T, C) open interest, nearest delivery first."""
    held = np.full(len(open_interest), NO_CONTRACT, dtype=np.int64)
    current = NO_CONTRACT
    for day in range(1, len(held)):
        known = np.nan_to_num(open_interest[day - 1, current + 1 :])
        best = int(np.argmax(known)) if len(known) else 0  # the first, hence the nearest, of equals
        most = known[best] if len(known) else 0.0
        if most > _to_beat(open_interest[day - 1], current, delivery, int(months[day - 1])):
            current += 1 + best
        held[day] = current
    return held


def _to_beat(open_interest: FloatArray, current: int, delivery: IntArray, month: int) -> float:
    """Open interest that a later contract needs more of: 0 once there is none to hold, infinite while it is unknown."""
    if current == NO_CONTRACT:
        return 0.0
    own = float(open_interest[current])
    if np.isfinite(own):
        return own
    return 0.0 if month > delivery[current] else np.inf


def _deliveries(grid: _Grid, root: str) -> IntArray:
    """(C,) delivery month of each contract, counted from year 0."""
    deliveries = np.empty(len(grid.contracts), dtype=np.int64)
    for place, name in enumerate(grid.contracts):
        days = grid.days[grid.row_of[:, place] != NO_BAR]
        deliveries[place] = _delivery(str(name), days[0], root)
        if days[-1].year - days[0].year >= _YEARS_BEFORE_A_NAME_RETURNS:
            raise DataError(
                _(
                    "{name} runs {first_day:%Y-%m-%d} .. {last_day:%Y-%m-%d}, too long for one contract. "
                    "Write the year of delivery with two or four digits.",
                    name=name,
                    first_day=days[0],
                    last_day=days[-1],
                )
            )
    return deliveries


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
def _before(values: IntArray) -> IntArray:
    """Each row's value of the row before; -1 on the first."""
    return np.concatenate([[-1], values[:-1]]).astype(np.int64)


def _figures(bars: pd.DataFrame, name: str) -> FloatArray:
    return bars[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _days(table: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(table[TRADE_DATE])).as_unit("ns")


def _root(bars: pd.DataFrame) -> str:
    return str(bars["root"].iloc[0])


def _refuse_other_roots(bars: pd.DataFrame) -> None:
    roots = bars["root"].unique()
    if len(roots) != 1:
        found = ", ".join(map(str, roots)) or "none"
        raise DataError(
            _("a leg is made from the bars of one root; these are of {found}.", found=found)
        )


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
