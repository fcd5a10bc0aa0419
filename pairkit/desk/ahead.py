"""Next session of a snapshot's pairs: its date, and the contract that each leg holds on it, as known at the close before.

1. The dominant contract is the mapping's row of the next session, where it was known by then.
2. Else, where contracts were chosen by open interest, the choice that the last session's open interest makes.
3. Else the held contract is assumed to stay, and a note says so.
4. Legs by another rule follow from it, from open interest and from the date, as `market.legs` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.columns import LEGS, TRADE_DATE
from pairkit.errors import DataError
from pairkit.language import in_english
from pairkit.market.leg_codes import LegCode, read_leg, season_of
from pairkit.market.legs import RootTables, contracts_of_pair, named_delivery
from pairkit.market.rolls import dominant_by_open_interest

_A_DAY = pd.Timedelta(days=1)
_WEEKDAY = pd.offsets.BusinessDay(1)
_LONGEST_CLOSURE = pd.Timedelta(days=12)  # of China's exchanges, in calendar days
_LOOK_BACK = pd.Timedelta(days=800)  # a contract that was left before has no bars any more

Codes = tuple[str, str]


@dataclass(frozen=True)
class Ahead:
    """The session after `last`, as it was known at the close of `last`.

    Attributes
    ----------
    last : Timestamp
        The last session.
    session : Timestamp or None
        The next one; None where neither mapping nor calendar has it.
    contracts : mapping of (str, str) to (str or None, str or None)
        By the codes of a pair, the contract of each leg in the next session; None for a series without contract names, and
        for a leg that has none then.
    notes : tuple of str
        Legs whose next contract is not known; the held one is assumed to stay.
    """

    last: pd.Timestamp
    session: pd.Timestamp | None
    contracts: Mapping[Codes, tuple[str | None, str | None]]
    notes: tuple[str, ...] = ()


class _Root(NamedTuple):
    """One root at the close of the last session: its tables up to it, and the mapping's row of the next; none where not known."""

    tables: RootTables
    coming: pd.DataFrame
    session: pd.Timestamp | None

    @property
    def nameless(self) -> bool:
        """Whether its bars are a series without contract names, or there are none by then."""
        return bool(self.tables.bars["contract"].isna().all())

    def onward(self, day: pd.Timestamp) -> RootTables:
        """The tables with a row of the next session, on which a contract that is not known is assumed to stay."""
        bars, so_far, settlement = self.tables
        contract = None if self.coming.empty else self.coming["contract"].iloc[0]
        row = so_far.iloc[:0].reindex([0]).assign(trade_date=day, contract=contract)
        return RootTables(bars, pd.concat([so_far, row.astype(so_far.dtypes)]), settlement)


def look_ahead(snapshot: Snapshot, pairs: Iterable[Codes], last: pd.Timestamp) -> Ahead:
    """The session after `last` for these pairs of a snapshot, from what was known at the close of `last`.

    Parameters
    ----------
    snapshot : Snapshot
    pairs : iterable of (str, str)
        Codes of two legs each, as `PairFrame.codes`.
    last : Timestamp
        The last session.

    Raises
    ------
    DataError
        A code is none, or contracts do not name a delivery month.
    """
    legs = {(y, x): (read_leg(y, snapshot.roots), read_leg(x, snapshot.roots)) for y, x in pairs}
    ruled = {leg.root for both in legs.values() for leg in both if leg.rule}
    roots = {
        leg.root: _root(snapshot, leg.root, last, since=None if leg.root in ruled else _LOOK_BACK)
        for both in legs.values()
        for leg in both
    }
    sessions = [root.session for root in roots.values() if root.session is not None]
    session = min([*sessions, *snapshot.calendar[snapshot.calendar > last][:1]], default=None)
    day = pd.Timestamp(last + _WEEKDAY if session is None else session)
    contracts = {
        codes: _of_pair(y, x, roots[y.root], roots[x.root], day) for codes, (y, x) in legs.items()
    }
    notes: dict[str, None] = {}
    for codes, both in legs.items():
        for place, leg in enumerate(both):
            near = both[0] if season_of(*both) else leg
            if _is_guess(near, roots[leg.root], last, day if session is None else None):
                notes[_guess(leg, contracts[codes][place])] = None
    return Ahead(last, session, contracts, tuple(notes))


def _root(
    snapshot: Snapshot, root: str, last: pd.Timestamp, *, since: pd.Timedelta | None
) -> _Root:
    """One root at the close of `last`; with `since`, of so many days only."""
    bars, mapping = (table[table["root"] == root] for table in (snapshot.bars, snapshot.mapping))
    if since is not None:
        bars, mapping = (table[table[TRADE_DATE] > last - since] for table in (bars, mapping))
    bars, so_far = (table[table[TRADE_DATE] <= last] for table in (bars, mapping))
    coming = mapping[(mapping[TRADE_DATE] > last) & (mapping["known_date"] <= last)]
    tables = RootTables(bars, so_far, snapshot.specs[root].settlement)
    if len(coming):
        session = pd.Timestamp(coming[TRADE_DATE].min())
        return _Root(tables, coming[coming[TRADE_DATE] == session], session)
    if _chosen_by_open_interest(snapshot) and not bars["contract"].isna().all():
        return _Root(tables, _by_open_interest(bars, last), None)
    return _Root(tables, coming, None)


def _of_pair(
    y: LegCode, x: LegCode, y_root: _Root, x_root: _Root, day: pd.Timestamp
) -> tuple[str | None, str | None]:
    """The contract of each leg on the next session."""
    if y_root.nameless and x_root.nameless:
        return None, None
    held = contracts_of_pair(y, x, y_root.onward(day), x_root.onward(day), next_session=day)
    names = [held[leg].dropna() for leg in LEGS]
    return names[0].get(day), names[1].get(day)


def _is_guess(leg: LegCode, root: _Root, last: pd.Timestamp, assumed: pd.Timestamp | None) -> bool:
    """Whether a leg's next contract is not known: no mapping goes on, or for a named month the `assumed` day may be wrong."""
    if root.nameless:
        return False
    if leg.month is None:
        return root.coming.empty
    if assumed is None:
        return False
    possible = np.array(
        [day.year * 12 + day.month - 1 for day in (assumed, last + _LONGEST_CLOSURE)]
    )
    deliveries = named_delivery(possible, leg.month)
    return bool(deliveries[0] != deliveries[1])


def _guess(leg: LegCode, contract: str | None) -> str:
    """The sentence that a leg's next contract is not known."""
    if leg.month is None:
        return in_english(
            "{leg}: the contract of the next session is not known; {contract} is taken to stay.",
            leg=leg,
            contract=contract,
        )
    return in_english(
        "{leg}: the contract of the next session depends on its month, and its date is not known; {contract} is assumed.",
        leg=leg,
        contract=contract,
    )


def _by_open_interest(bars: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """The mapping's row of the day after `last`, which its open interest chooses; none where that has no bar."""
    of_last = bars[bars[TRADE_DATE] == last].assign(trade_date=last + _A_DAY)
    try:
        mapping = dominant_by_open_interest(pd.concat([bars, of_last], ignore_index=True))
    except DataError:
        return bars.iloc[:0]
    return mapping[mapping[TRADE_DATE] > last]


def _chosen_by_open_interest(snapshot: Snapshot) -> bool:
    """Whether the snapshot's dominant contracts were chosen by open interest throughout."""
    scope = snapshot.manifest["data_scope"]
    if scope["source"] == "files":
        return "mapping_file" not in scope
    rule = scope.get("dominant", {}).get("rule")
    return bool(rule == "open_interest" or scope["source"] == "simulated")
