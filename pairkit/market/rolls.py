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

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray, IntArray
from pairkit.columns import TRADE_DATE
from pairkit.errors import DataError
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import _, in_english
from pairkit.market.contract_grid import (
    FIGURES,
    NO_BAR,
    NO_CONTRACT,
    ContractGrid,
    before,
    days_of,
    figures,
    leg_holding,
    root_of,
)

MAPPING_COLUMNS = ("root", TRADE_DATE, "contract", "known_date")


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
                    root=root_of(bars),
                )
            )
        return _root_level_table(bars)
    grid = ContractGrid.of(bars, mapping)
    held = dominant_held(grid)
    first = int(np.argmax(held != NO_CONTRACT))
    if held[first] == NO_CONTRACT:
        raise DataError(
            _(
                "{root} has bars of contracts but no mapped day; "
                "make a mapping with dominant_by_open_interest, or take the provider's.",
                root=root_of(bars),
            )
        )
    return leg_holding(bars, grid, held).iloc[first:]


def lost_bars(bars: pd.DataFrame, mapping: pd.DataFrame) -> LostBars:
    """Days of one root on which the leg that `leg_table` makes takes no bar, or another contract's than the mapping says.

    Parameters
    ----------
    bars, mapping : DataFrame
        As `leg_table` takes them, at contract level.
    """
    grid = ContractGrid.of(bars, mapping)
    held = dominant_held(grid)
    close = figures(bars, "close")
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
        not_followed=grid.days[(grid.mapped != NO_CONTRACT) & (grid.mapped != held)],
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
    changed = known[held[known] != before(held[known])]
    first = np.unique(held[changed], return_index=True)[1]
    return np.delete(changed, first)


def returning_contract(root: str, days: pd.DatetimeIndex) -> list[Finding]:
    """The finding that a series of one bar a day goes back to a contract that it had left on these days; none without a day."""
    if not len(days):
        return []
    shown = tuple(f"{day:%Y-%m-%d}" for day in days[:SHOWN_DATES])
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


# --- the contract held ------------------------------------------------------------------------------------------------
def dominant_held(grid: ContractGrid) -> IntArray:
    """(T,) place in the grid of the dominant contract held on each day: names carried forward, none taken again that was left.

    NO_CONTRACT before the first known one. As long as the series has had one bar a day, a name that comes back is taken again:
    there is no other contract's bar to take.
    """
    one_a_day = np.maximum.accumulate((grid.row_of != NO_BAR).sum(axis=1)) <= 1
    held = np.full(len(grid.days), NO_CONTRACT, dtype=np.int64)
    current, left = NO_CONTRACT, set[int]()
    for day, name in enumerate(grid.mapped.tolist()):
        if name not in (NO_CONTRACT, current) and (name not in left or one_a_day[day]):
            left.add(current)
            current = name
        held[day] = current
    return held


def _root_level_table(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars of a series without contract names, by date, as they are."""
    columns = {name: figures(bars, name) for name in FIGURES}
    table = pd.DataFrame(columns, index=days_of(bars).rename(TRADE_DATE)).sort_index(kind="stable")
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(
            _(
                "{root} has {twice:%Y-%m-%d} more than once; keep one bar a day.",
                root=root_of(bars),
                twice=twice,
            )
        )
    return table


# --- dominance -------------------------------------------------------------------------------------------------------
def _dominant_of_root(root: str, bars: pd.DataFrame) -> pd.DataFrame:
    """The mapping of one root."""
    grid = ContractGrid.of(bars, bars.iloc[:0])
    delivery = grid.deliveries(root)
    nearest_first = np.argsort(delivery, kind="stable")
    open_interest = grid.table(figures(bars, "open_interest"))[:, nearest_first]
    if not (open_interest > 0).any():
        raise DataError(
            _(
                "{root} has no open interest, so no dominant contract can be chosen; "
                "give a mapping (trade_date, contract), or open interest.",
                root=root,
            )
        )
    held = _dominant(open_interest, delivery[nearest_first], grid.months())
    known = held != NO_CONTRACT
    return pd.DataFrame(
        {
            "root": root,
            TRADE_DATE: grid.days[known],
            "contract": pd.array(_as_written(bars, grid)[nearest_first[held[known]]], dtype="str"),
            "known_date": grid.days[np.flatnonzero(known) - 1],
        }
    )


def _as_written(bars: pd.DataFrame, grid: ContractGrid) -> NDArray[np.object_]:
    """(C,) name of each contract as its first bar has it, so that a mapping and its bars name one thing in one way."""
    first = np.argmax(grid.row_of != NO_BAR, axis=0)
    written = bars["contract"].to_numpy(dtype=object)
    return np.asarray(written[grid.row_of[first, np.arange(len(grid.contracts))]])


def _dominant(open_interest: FloatArray, delivery: IntArray, months: IntArray) -> IntArray:
    """(T,) place of each day's contract, by the row before of (T, C) open interest, nearest delivery first."""
    held = np.full(len(open_interest), NO_CONTRACT, dtype=np.int64)
    current = NO_CONTRACT
    or_zero = np.nan_to_num(open_interest)
    for day in range(1, len(held)):
        known = or_zero[day - 1, current + 1 :]
        best = int(np.argmax(known)) if len(known) else 0  # the first, hence the nearest, of equals
        most = known[best] if len(known) else 0.0
        if most > to_beat(open_interest[day - 1], current, delivery, int(months[day - 1])):
            current += 1 + best
        held[day] = current
    return held


def to_beat(open_interest: FloatArray, current: int, delivery: IntArray, month: int) -> float:
    """Open interest that a later contract needs more of: 0 once there is none to hold, infinite while it is unknown."""
    if current == NO_CONTRACT:
        return 0.0
    own = float(open_interest[current])
    if np.isfinite(own):
        return own
    return 0.0 if month > delivery[current] else np.inf


def _refuse_other_roots(bars: pd.DataFrame) -> None:
    roots = bars["root"].unique()
    if len(roots) != 1:
        found = ", ".join(map(str, roots)) or "none"
        raise DataError(
            _("a leg is made from the bars of one root; these are of {found}.", found=found)
        )
