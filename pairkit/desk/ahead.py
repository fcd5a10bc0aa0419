"""Next session of a snapshot's legs: its date, and the contract that each leg holds on it, as known at the close before.

1. The mapping's row of the next session, where it was known by then.
2. Else, where contracts were chosen by open interest, the choice that the last session's open interest makes.
3. Else the contract is taken to stay, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.columns import TRADE_DATE
from pairkit.errors import DataError
from pairkit.language import _, in_english
from pairkit.market.rolls import dominant_by_open_interest, leg_table

_A_DAY = pd.Timedelta(days=1)
_LOOK_BACK = pd.Timedelta(days=800)  # a contract that was left before has no bars any more


@dataclass(frozen=True)
class Ahead:
    """The session after `last`, as it was known at the close of `last`.

    Attributes
    ----------
    last : Timestamp
        The last session.
    session : Timestamp or None
        The next one; None where neither mapping nor calendar has it.
    contracts : mapping of str to str or None
        By leg, the contract of the next session; None for a series without contract names.
    notes : tuple of str
        Legs whose next contract is not known and is taken to stay.
    """

    last: pd.Timestamp
    session: pd.Timestamp | None
    contracts: Mapping[str, str | None]
    notes: tuple[str, ...] = ()


def look_ahead(snapshot: Snapshot, legs: Iterable[str], last: pd.Timestamp) -> Ahead:
    """The session after `last` for these legs of a snapshot, from what was known at the close of `last`.

    Raises
    ------
    DataError
        A leg is not the dominant contract of a root.
    """
    contracts: dict[str, str | None] = {}
    sessions, notes = [], []
    for leg in legs:
        if leg not in snapshot.roots:
            raise DataError(
                _(
                    "there is no sheet for {leg}: the contract of the next session is known for dominant legs only, {roots}.",
                    leg=leg,
                    roots=", ".join(snapshot.roots),
                )
            )
        session, contracts[leg], known = _of_leg(snapshot, leg, last)
        if session is not None:
            sessions.append(session)
        if not known:
            notes.append(
                in_english(
                    "{leg}: the contract of the next session is not known; {contracts} is taken to stay.",
                    leg=leg,
                    contracts=contracts[leg],
                )
            )
    later = snapshot.calendar[snapshot.calendar > last]
    sessions += list(later[:1])
    return Ahead(last, min(sessions, default=None), contracts, tuple(notes))


def _of_leg(
    snapshot: Snapshot, root: str, last: pd.Timestamp
) -> tuple[pd.Timestamp | None, str | None, bool]:
    """Session, contract, and whether the contract is known."""
    bars, mapping = (
        table[(table["root"] == root) & (table[TRADE_DATE] > last - _LOOK_BACK)]
        for table in (snapshot.bars, snapshot.mapping)
    )
    bars = bars[bars[TRADE_DATE] <= last]
    if bars["contract"].isna().all():
        return None, None, True
    so_far = mapping[mapping[TRADE_DATE] <= last]
    coming = mapping[(mapping[TRADE_DATE] > last) & (mapping["known_date"] <= last)]
    if coming.empty and _chosen_by_open_interest(snapshot):
        coming = _by_open_interest(bars, last)
        return None, *_held(bars, so_far, coming)
    session = None if coming.empty else pd.Timestamp(coming[TRADE_DATE].min())
    return session, *_held(bars, so_far, coming[coming[TRADE_DATE] == session])


def _held(
    bars: pd.DataFrame, so_far: pd.DataFrame, coming: pd.DataFrame
) -> tuple[str | None, bool]:
    """The contract that the leg holds on the last of these days, and whether the next session's is among them."""
    mapping = pd.concat([so_far, coming], ignore_index=True)
    held = leg_table(bars, mapping)["contract"].iloc[-1]
    return None if pd.isna(held) else str(held), not coming.empty


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
