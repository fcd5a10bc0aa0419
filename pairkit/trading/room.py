"""Room that a sweep of one market works in: the candidates for an entry, the positions entered there as far as known, forks of runs.

Money is in the pair's currency, z in deviations, bars are counted from 0. What is done with them: trading/episodes.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.trading.loop import BOOK, INTERPRETED, MOST_CHARGES, as_records

# The candidates for an entry are the valid bars with abs(z) at or above the lowest entry threshold of all runs. Of each: its
# bar; its side, 0 where a leg's contract must be left; whether a gate is shut on it, under one set of limits; its abs(z); then, in
# the `batch` of runs that deal alike, the order that it makes, whether that fills (-1: it does not, 0: not yet known), at what
# cost, and the position's bars in `Room.held`: the place of the first, how many there is room for, how many are known. Charges are
# pairs: what a trade adds to `traded` and to `tick_money`.
ENTRY_CHARGES, _ROLL_CHARGES = 2, 4  # a trade of each leg; two where each rolls
CANDIDATE = np.dtype(
    [
        ("bar", "i8"),
        ("side", "i8"),
        ("shut", "i8"),
        *((name, "f8") for name in ("height", "lots_y", "lots_x", "margin")),
        *((name, "i8") for name in ("batch", "fills", "first", "room", "known")),
        ("cost", "f8"),
        ("charges", "f8", (ENTRY_CHARGES, 2)),
    ]
)
# Of each candidate, in runs with the same thresholds and gates: the next one that calls, the next that calls with no gate shut,
# how many before it call with a gate shut, and how many before it have abs(z) at or above the entry threshold.
VERDICT = np.dtype(
    [(name, "i8") for name in ("next_call", "next_open", "shut_before", "high_before")]
)
# Of each bar: the first candidate from it on, and how many bars before it are valid. All three have one more record at the end.
ONWARD = np.dtype([("candidate", "i8"), ("valid_before", "i8")])

# Of each bar of a position: what it earns, the margin at its closes, 0 where one is unknown; the trade's P&L after costs so far,
# -inf on an odd bar (ODD); z against the position, NaN where it is not valid, and the least of it so far; and its place in
# `Room.odds`, 0 where these are all there is to it.
HELD = np.dtype(
    [
        *((name, "f8") for name in ("net", "margin", "result", "against", "nearest")),
        ("odd", "i8"),
    ]
)
# The exit of an order that waited for this bar: what the bar earns; the net of the closed trade; the cost; how many charges, rolls
# among them, 0 where it does not fill, and they. First what every exit has, to lie together.
EXIT = np.dtype(
    [
        *((name, "f8") for name in ("net", "result", "cost")),
        ("count", "i8"),
        ("charges", "f8", (MOST_CHARGES, 2)),
    ]
)
# A bar that is not valid, lacks a close, must be left, or rolls: the trade's P&L after costs so far, what its rolls cost, and their
# charges.
ODD = np.dtype(
    [
        *((name, "i8") for name in ("valid", "priced", "leave", "invalid_run", "count")),
        *((name, "f8") for name in ("result", "cost")),
        ("charges", "f8", (_ROLL_CHARGES, 2)),
    ]
)
# The first of them stands for all other bars.
_ORDINARY = (1, 1, 0, 0, 0, 0.0, 0.0, np.zeros((_ROLL_CHARGES, 2)))
# How much of the room is used, and the number of the batch of runs that deal alike.
USED = np.dtype([("held", "i8"), ("odds", "i8"), ("batch", "i8")])
# The exit thresholds under which a run is the same, from `low` up to but without `high`: z against the position came as near as
# `high` where it stayed, and no nearer than `low` where it left.
SPAN = np.dtype([("low", "f8"), ("high", "f8")])
# A run before it decides on the bar where its longest holding first matters: the place of the candidate that it entered at, -1
# where that never is; how many bars of the position it has played; its book, and its span.
FORK = np.dtype([("place", "i8"), ("played", "i8"), ("book", BOOK), ("span", SPAN)])


class Room(NamedTuple):
    """Room to work in: an index from bars to candidates, these with their verdicts, their positions as far as known, and forks."""

    onward: NDArray[np.void]
    candidates: NDArray[np.void]
    verdicts: NDArray[np.void]
    books: NDArray[
        np.void
    ]  # of each candidate, at the last bar that is known; one more to try exits with
    held: NDArray[np.void]
    exits: NDArray[np.void]
    odds: NDArray[np.void]
    charges: FloatArray  # of one bar
    used: NDArray[np.void]
    forks: NDArray[np.void]


_LEAST_HELD = 1 << 15


def make_room(bars: int) -> Room:
    """Room for runs of so many bars: enough for the longest position, four times over, for its place grows by doubling."""
    held = max(_LEAST_HELD, 4 * bars + 64)
    odds = np.empty(held + 1, ODD)
    odds[0] = _ORDINARY
    return Room(
        as_records(np.zeros(bars + 1, ONWARD)),
        as_records(np.zeros(bars + 1, CANDIDATE)),
        as_records(np.zeros(bars + 1, VERDICT)),
        as_records(np.empty(bars + 2, BOOK)),
        as_records(np.empty(held, HELD)),
        as_records(np.empty(held, EXIT)),
        as_records(odds),
        np.empty((MOST_CHARGES, 2)),
        as_records(np.zeros(1, USED)),
        as_records(np.zeros(2, FORK)),
    )


def _copying(_typing: Any, target: Any, source: Any) -> Any:
    """Copy one book over another, field for field."""

    def code(_context: Any, builder: Any, _signature: Any, records: Any) -> Any:
        to, of = records
        cgutils.raw_memcpy(builder, to, of, cgutils.intp_t(1), BOOK.itemsize)

    return types.void(target, source), code


def _copy_fields(target: Any, source: Any) -> None:
    for name in BOOK.names or ():
        target[name] = source[name]


copy_book: Any = _copy_fields if INTERPRETED else intrinsic(_copying)
