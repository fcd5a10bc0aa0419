"""Cut points of the look-ahead proof: the sessions at which the data are cut or moved.

A boundary b parts rows 0 .. b-1 from rows b onwards. Chosen are

1. `cuts` boundaries drawn by the seed from all of them;
2. four times `cuts` in a row up to the end, or a quarter of a short history, so that no single bar of the last stretch is left
   out, and `cuts` in a row at a place drawn by the seed: what leaks on every n-th bar only, n up to `cuts`, is met in a row and
   may be missed by a draw;
3. the boundaries on both sides of what happens: the end of each column's warm-up; of rolls, missing bars, long gaps between
   sessions, turns of months and years, and, column by column, changes of a word, a count or a switch, which are decisions and
   fills, `cuts`/8 each drawn by the seed, at least two; of the beginnings of each single word `cuts`/32, at least two, for a
   stop is rare among the reasons.

With `cuts` no less than the number of sessions: all of them.
"""

from __future__ import annotations

import numpy as np

from pairkit._typing import IntArray
from pairkit.pair import PairFrame
from pairkit.research.lookahead.outputs import Array, Observed

_LONG_WEEKEND = 3  # calendar days from a Friday to a Monday
_FEW_WORDS = 32  # a run has 22 reasons; contracts are many more, and none is rarer than another


def boundaries(pair: PairFrame, whole: Observed, cuts: int, seed: int) -> IntArray:
    """The chosen boundaries, 0 .. len(pair)-1, ascending; `whole` is the output of all sessions."""
    sessions = len(pair)
    if cuts >= sessions:
        return np.arange(sessions)
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, sessions - cuts + 1))
    stretch = max(cuts, min(4 * cuts, sessions // 4))
    chosen = [
        rng.choice(sessions, cuts, replace=False),
        np.arange(sessions - stretch, sessions),
        np.arange(first, first + cuts),
    ]
    place = pair.trade_date.to_numpy().searchsorted(whole.dates)
    for share, events in (
        (1, [_starts(whole, place)]),
        (8, _events(pair, whole, place)),
        (32, _beginnings(whole, place)),
    ):
        for rows in events:
            drawn = rng.choice(rows, min(len(rows), max(cuts // share, 2)), replace=False)
            chosen += [drawn, drawn + 1]
    found = np.unique(np.concatenate(chosen)).astype(np.int64)
    return found[found < sessions]


def _events(pair: PairFrame, whole: Observed, place: IntArray) -> list[IntArray]:
    """Rows of the pair on which something happens, one array a kind; `place` maps rows of the table to rows of the pair."""
    gaps = np.zeros(len(place), bool)
    turns = (pair.trade_date.year.to_numpy(), pair.trade_date.month.to_numpy())
    kinds = [_changes(each) for each in (pair.y.contract, pair.x.contract, *turns)]
    for column in whole.columns.values():
        if column.dtype.kind != "f":
            kinds.append(place[_changes(column)])
            continue
        known = np.isfinite(column)
        gaps[1:] |= known[1:] != known[:-1]
    kinds.append(place[gaps])
    days = np.diff(pair.trade_date.to_numpy().astype("datetime64[D]").astype(np.int64))
    kinds.append(np.flatnonzero(days > _LONG_WEEKEND) + 1)
    return [rows for rows in kinds if len(rows)]


def _starts(whole: Observed, place: IntArray) -> IntArray:
    """Rows of the pair on which a column's warm-up ends."""
    known = [np.isfinite(column) for column in whole.columns.values() if column.dtype.kind == "f"]
    return np.unique(
        np.array([place[np.argmax(each)] for each in known if each.any()], dtype=np.int64)
    )


def _beginnings(whole: Observed, place: IntArray) -> list[IntArray]:
    """Rows of the pair on which a word begins, one array for each word of a column of few words."""
    kinds = []
    for column in whole.columns.values():
        if column.dtype.kind == "O":
            changes = _changes(column)
            words = {word for word in column[changes] if isinstance(word, str)}
            if len(words) <= _FEW_WORDS:
                kinds += [place[changes[column[changes] == word]] for word in sorted(words)]
    return kinds


def _changes(column: Array) -> IntArray:
    """The places at which a column differs from the place before."""
    return np.flatnonzero(column[1:] != column[:-1]) + 1
