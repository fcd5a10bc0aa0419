"""Legs by rule: the contract of each session under `RB`, `RB@next` and `RB@05`, seasons of two named months, and `leave`.

1. `RB` is the dominant contract (rolls.py).
2. `RB@next` looks at the deliveries later than the day's dominant one. The held one gives way to a later delivery with the
   most open interest of the session before, once that is more than its own. Where the dominant contract reaches it, the
   later delivery with the most takes its place; the nearer wins a tie. One that was left is not taken again.
3. `RB@05` is the earliest May at least two months after the month of the day: a matter of the date alone.
4. Two named months of one root are a season: x is the first delivery of its month after y's, and both change with y.
5. A contract must be left in its delivery month, where the root delivers; a named one, and both legs of a season by the near
   one, from the 20th of the second month before delivery on.

Row t of any depends on the date, the mapping for t, and open interest up to t-1. (docs/semantics.md 7.1 to 7.4)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import BoolArray, FloatArray, IntArray
from pairkit.columns import TRADE_DATE
from pairkit.errors import DataError
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import _, in_english
from pairkit.market.contract_grid import (
    NO_BAR,
    NO_CONTRACT,
    ContractGrid,
    figures,
    leg_holding,
    root_of,
)
from pairkit.market.deliveries import delivery_month, month_name, read_name
from pairkit.market.leg_codes import NEXT, LegCode, season_of
from pairkit.market.rolls import dominant_by_open_interest, dominant_held, leg_table, to_beat

MONTHS_AHEAD = 2  # a named contract is left so many months before its delivery
LEAVE_FROM_DAY = 20  # of the last month in which it is held
PHYSICAL = "physical"
_MANY = 0.25


class RootTables(NamedTuple):
    """One root's bars by contract, its mapping, and how it settles: physical, cash, or "" where not known."""

    bars: pd.DataFrame
    mapping: pd.DataFrame
    settlement: str = ""


def leg_by_rule(root: RootTables, leg: LegCode) -> pd.DataFrame:
    """The table of one leg, as `leg_table` makes that of the dominant contract.

    Parameters
    ----------
    root : RootTables
        The root's tables; bars as `leg_table` takes them.
    leg : LegCode
        Its rule.

    Returns
    -------
    DataFrame
        `columns.LEG_COLUMNS` by trade date. A session whose contract has no bar is NaN and names the contract; one on which
        `@next` has none is NaN without a name.

    Raises
    ------
    DataError
        Bars without contract names under a rule other than the dominant contract's, or names without a delivery month.
    """
    if leg.month is not None:
        return _named(root, _grid_of_named(root, leg), leg.month)
    if leg.rule == NEXT:
        return _behind_dominant(root, leg)
    table = leg_table(root.bars, root.mapping)
    return _with_leave(table, root) if "contract" in table else table


def legs_of_pair(
    y: LegCode, x: LegCode, y_root: RootTables, x_root: RootTables
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of both legs of a pair; of two named months of one root, those of their season.

    Raises
    ------
    DataError
        As `leg_by_rule`, or both legs would be one contract on a session.
    """
    if y.month is not None and x.month is not None and y.root == x.root:
        y_grid = _grid_of_named(y_root, y)
        same = x_root.bars is y_root.bars and x_root.mapping is y_root.mapping
        x_grid = y_grid if same else _grid_of_named(x_root, x)
        return _named(y_root, y_grid, y.month), _named(x_root, x_grid, x.month, after=y.month)
    tables = leg_by_rule(y_root, y), leg_by_rule(x_root, x)
    if y.root == x.root:
        _refuse_one_contract(y, x, *tables)
    return tables


def contracts_of_pair(
    y: LegCode,
    x: LegCode,
    y_root: RootTables,
    x_root: RootTables,
    *,
    next_session: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """The contract of each leg on each session, and on the one after the last, which is known when the last is over.

    Parameters
    ----------
    y, x, y_root, x_root
        As of `legs_of_pair`.
    next_session : Timestamp, optional
        The session after the last bar; by default the first that the mapping of either root goes on to.

    Returns
    -------
    DataFrame
        Columns `y`, `x` by trade date, missing where a leg has no contract. The dominant contract of the next session is the
        mapping's; where the mapping ends with the bars, that of open interest if all of the mapping is, else missing.
    """
    after = y.month if season_of(y, x) else None
    legs = {
        "y": _held_names(y_root, y, next_session),
        "x": _held_names(x_root, x, next_session, after),
    }
    return pd.DataFrame(legs).rename_axis(TRADE_DATE)


# --- the rules ---------------------------------------------------------------------------------------------------------
def next_held(
    open_interest: FloatArray, delivery: IntArray, months: IntArray, dominant: IntArray
) -> IntArray:
    """(T,) place of the contract behind the dominant one on each day; NO_CONTRACT where none has a known open interest.

    Parameters
    ----------
    open_interest : (T, C) float64
        By day and contract, nearest delivery first; NaN where not known.
    delivery, months : (C,), (T,) int64
        Delivery of each contract and month of each day, counted from year 0.
    dominant : (T,) int64
        Place of each day's dominant contract; NO_CONTRACT where none is known.
    """
    held = np.full(len(dominant), NO_CONTRACT, dtype=np.int64)
    current, left = NO_CONTRACT, np.zeros(len(delivery), np.bool_)
    for day in range(1, len(held)):
        if dominant[day] == NO_CONTRACT:
            continue
        known = open_interest[day - 1]
        behind = delivery > delivery[dominant[day]]
        if current != NO_CONTRACT and not behind[current]:  # the dominant contract has reached it
            left[current], current = True, NO_CONTRACT
        least = to_beat(known, current, delivery, int(months[day - 1])) if current >= 0 else -1.0
        later = behind & ~left & np.isfinite(known)
        if current != NO_CONTRACT:
            later &= delivery > delivery[current]
        best = int(np.argmax(np.where(later, known, -np.inf)))  # the nearest of equals
        if later[best] and known[best] > least:
            left[current] = left[current] or current != NO_CONTRACT
            current = best
        if (behind & np.isfinite(known)).any():
            held[day] = current
    return held


def named_delivery(months: IntArray, month: int, after: int | None = None) -> IntArray:
    """(T,) the delivery of `month` that is held in each month; with `after`, the first one behind that near month's."""
    first = months + MONTHS_AHEAD if after is None else named_delivery(months, after) + 1
    return first + (month - 1 - first) % 12


def must_leave(days: pd.DatetimeIndex, near: IntArray) -> BoolArray:
    """(T,) whether a named contract of delivery `near` must be left: from the 20th of the second month before it on."""
    months = np.asarray(days.year * 12 + days.month - 1, dtype=np.int64)
    last = near - MONTHS_AHEAD
    leave: BoolArray = (months > last) | ((months == last) & np.asarray(days.day >= LEAVE_FROM_DAY))
    return leave


def leave_from(
    leg: LegCode, contract: str, day: pd.Timestamp, *, settlement: str = "", near: str = ""
) -> pd.Timestamp | None:
    """The first day on which a contract must be left; None where there is no such rule.

    Parameters
    ----------
    leg : LegCode
        The leg that holds it.
    contract : str
        Its name.
    day : Timestamp
        A day on which it trades.
    settlement : str
        How its root settles, as of `RootTables`.
    near : str, optional
        In a season, the contract of the near leg, by which both are left.
    """
    delivery = delivery_month(near or contract, day, leg.root)
    if delivery is None or (leg.month is None and settlement != PHYSICAL):
        return None
    month, on = (
        (delivery - MONTHS_AHEAD, LEAVE_FROM_DAY) if leg.month is not None else (delivery, 1)
    )
    return pd.Timestamp(month // 12, month % 12 + 1, on)


def without_bars(code: LegCode, leg: pd.DataFrame, sessions: pd.DatetimeIndex) -> list[Finding]:
    """The finding that a leg has no close on some sessions of its root; none without such a session.

    A contract of a named month that is not listed yet is one reason, contracts that were not kept another.
    """
    days = leg.index[leg["close"].isna() & leg.index.isin(sessions)]
    if not len(days):
        return []
    share = len(days) / len(leg)
    return [
        Finding(
            "leg_without_bar",
            "warning" if share > _MANY else "info",
            in_english(
                "{code}: {days:,} of {sessions:,} sessions have no bar of the contract that the rule names; it is not listed yet, "
                "or its bars were not kept (snapshot take --contracts all keeps every contract).",
                code=code,
                days=len(days),
                sessions=len(leg),
            ),
            root=code.root,
            count=len(days),
            dates=tuple(f"{day:%Y-%m-%d}" for day in days[:SHOWN_DATES]),
        )
    ]


# --- tables ------------------------------------------------------------------------------------------------------------
def _behind_dominant(root: RootTables, leg: LegCode) -> pd.DataFrame:
    """The leg behind the dominant contract, from the first day that has one."""
    _refuse_unnamed(root, leg)
    grid = ContractGrid.of(root.bars, root.mapping)
    held = _next_on(grid, root)
    table = leg_holding(root.bars, grid, held)
    return _with_leave(table, root).iloc[_first(held) :]


def _next_on(grid: ContractGrid, root: RootTables) -> IntArray:
    """(T,) place in the grid of the contract behind the dominant one."""
    delivery = grid.deliveries(root_of(root.bars))
    order = np.argsort(delivery, kind="stable")
    place = np.append(
        np.argsort(order, kind="stable"), NO_CONTRACT
    )  # NO_CONTRACT = -1 picks the last
    dominant = place[dominant_held(grid)]
    open_interest = grid.table(figures(root.bars, "open_interest"))[:, order]
    held = next_held(open_interest, delivery[order], grid.months(), dominant)
    return np.append(order, NO_CONTRACT)[held]


def _grid_of_named(root: RootTables, leg: LegCode) -> ContractGrid:
    """The grid of a root's bars and mapping, among which a month is named."""
    _refuse_unnamed(root, leg)
    return ContractGrid.of(root.bars, root.mapping)


def _named(
    root: RootTables, own: ContractGrid, month: int, after: int | None = None
) -> pd.DataFrame:
    """The leg of a named month on all sessions of its root's own grid; with `after`, as the far leg of a season behind that month."""
    near = named_delivery(own.months(), month if after is None else after)
    wanted = pd.DataFrame({TRADE_DATE: own.days, "contract": _month_names(own, root, month, after)})
    grid = ContractGrid.of(root.bars, wanted)
    held = grid.contracts.get_indexer(pd.Index(wanted["contract"]))
    return leg_holding(root.bars, grid, held, must_leave(own.days, near))


def _month_names(
    grid: ContractGrid, root: RootTables, month: int, after: int | None
) -> NDArray[np.object_]:
    """(T,) name of the contract of a named month: as written from its first bar on, before that in the root's first way."""
    code = root_of(root.bars)
    delivery, of_contract = named_delivery(grid.months(), month, after), grid.deliveries(code)
    with_bar = grid.row_of != NO_BAR
    first_bar = np.argmax(with_bar, axis=0)
    listed = np.flatnonzero(with_bar.any(axis=0))
    first = str(grid.contracts[int(listed[np.argmin(first_bar[listed])])])
    lettered = bool(getattr(read_name(first, code), "letter", ""))
    names = np.array([month_name(code, int(one), lettered=lettered) for one in delivery], object)
    for place in listed:
        own = (delivery == of_contract[place]) & (np.arange(len(names)) >= first_bar[place])
        names[own] = grid.contracts[int(place)]
    return names


def _with_leave(table: pd.DataFrame, root: RootTables) -> pd.DataFrame:
    """The leg, whose contract must be left from its delivery month on where the root delivers."""
    if root.settlement != PHYSICAL:
        return table
    days = pd.DatetimeIndex(table.index)
    months = np.asarray(days.year * 12 + days.month - 1, dtype=np.int64)
    codes, found = pd.factorize(table["contract"])
    leave = np.zeros(len(table), np.bool_)
    for code, name in enumerate(found):
        own = np.flatnonzero(codes == code)
        delivery = delivery_month(str(name), days[own[0]], root_of(root.bars))
        if delivery is not None:
            leave[own] = months[own] >= delivery
    return table.assign(leave=leave)


def _first(held: IntArray) -> int:
    """The first day with a contract; all days are left out where there is none."""
    known = held != NO_CONTRACT
    return int(np.argmax(known)) if known.any() else len(held)


def _refuse_unnamed(root: RootTables, leg: LegCode) -> None:
    """DataError where the bars are a series of the root: only contracts can be chosen among."""
    if root.bars["contract"].isna().all():
        raise DataError(
            _(
                "{leg} cannot be made: the bars of {root} are one series without contract names. Give bars of its contracts.",
                leg=leg,
                root=leg.root,
            )
        )


def _refuse_one_contract(y: LegCode, x: LegCode, y_leg: pd.DataFrame, x_leg: pd.DataFrame) -> None:
    """DataError that names the first session on which two legs of one root are the same contract, if there is one."""
    both = y_leg.index.intersection(x_leg.index)
    held = y_leg.loc[both, "contract"]
    same = np.asarray((held == x_leg.loc[both, "contract"]) & held.notna(), dtype=np.bool_)
    if same.any():
        first, days = both[int(np.argmax(same))], int(same.sum())
        raise DataError(
            _(
                "{y} and {x} are one contract on {days:,} of {sessions:,} sessions, first {contract} on {first:%Y-%m-%d}; a pair "
                "has two. Take {root} with {root}@next, or two months such as {root}@05 with {root}@10.",
                y=y,
                x=x,
                days=days,
                sessions=len(both),
                contract=held[first],
                first=first,
                root=y.root,
            )
        )


# --- tomorrow ----------------------------------------------------------------------------------------------------------
def _held_names(
    root: RootTables, leg: LegCode, next_session: pd.Timestamp | None, after: int | None = None
) -> pd.Series:
    """The leg's contract on each session and on the next one; missing where there is none, or it is not known."""
    bars, mapping, unknown = _onward(root, next_session)
    onward = RootTables(bars, mapping)
    if leg.rule:
        _refuse_unnamed(root, leg)
    elif bars["contract"].isna().all():
        return pd.Series(None, pd.DatetimeIndex(bars[TRADE_DATE].unique()), dtype="str")
    grid = ContractGrid.of(bars, mapping)
    if leg.month is not None:
        return pd.Series(_month_names(grid, onward, leg.month, after), grid.days, dtype="str")
    held = _next_on(grid, onward) if leg.rule else dominant_held(grid)
    labels = np.array([*grid.contracts, None], dtype=object)  # NO_CONTRACT = -1 picks the last
    names = pd.Series(labels[held], grid.days, dtype="str")
    names[unknown] = None
    return names


def _onward(
    root: RootTables, next_session: pd.Timestamp | None
) -> tuple[pd.DataFrame, pd.DataFrame, list[pd.Timestamp]]:
    """Bars, the mapping with a row of the session after the bars, and that session where its dominant contract is not known."""
    bars, mapping = root.bars, root.mapping
    last = bars[TRADE_DATE].max()
    later = mapping.loc[mapping[TRADE_DATE] > last, TRADE_DATE]
    session = later.min() if next_session is None and len(later) else next_session
    if session is None:
        return bars, mapping, []
    mapping = mapping[mapping[TRADE_DATE] <= session]
    if (mapping[TRADE_DATE] == session).any():
        return bars, mapping, []
    chosen = _by_open_interest(bars, mapping, last, session)
    row = pd.DataFrame({"root": root_of(bars), TRADE_DATE: [session], "contract": [chosen]})
    extended = pd.concat([mapping, row.astype({"contract": "str"})], ignore_index=True)
    return bars, extended, [session] if chosen is None else []


def _by_open_interest(
    bars: pd.DataFrame, mapping: pd.DataFrame, last: pd.Timestamp, session: pd.Timestamp
) -> str | None:
    """The next session's dominant contract by open interest; None where the mapping is made otherwise."""
    after = bars[bars[TRADE_DATE] == last].assign(**{TRADE_DATE: session})
    try:
        chosen = dominant_by_open_interest(pd.concat([bars, after], ignore_index=True))
    except DataError:  # no open interest, or names without a month
        return None
    before = chosen.loc[chosen[TRADE_DATE] <= last, [TRADE_DATE, "contract"]].to_numpy().tolist()
    if before != mapping[[TRADE_DATE, "contract"]].to_numpy().tolist():
        return None
    return str(chosen["contract"].iloc[-1])
