"""Where to look for look-ahead: the sessions between which the past ends and the future begins.

A boundary b parts rows 0 .. b-1 from rows b onwards. Chosen are

1. `cuts` boundaries drawn by the seed from all of them;
2. `cuts` in a row up to the end, and `cuts` in a row at a place drawn by the seed: what leaks on every n-th bar only, n up to
   `cuts`, is met in a row and may be missed by a draw;
3. the boundaries on both sides of what happens: the end of each column's warm-up, rolls, missing bars, and every change of a
   word, a count or a switch, which are decisions and fills; of each column `cuts`/8 drawn by the seed, at least two.

With `cuts` no less than the number of sessions: all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pairkit.pair import PairFrame
from pairkit.research.observed import Array, Observed

IntArray = NDArray[np.int64]


def boundaries(pair: PairFrame, whole: Observed, cuts: int, seed: int) -> IntArray:
    """The chosen boundaries, 0 .. len(pair)-1, ascending; `whole` is what was made of all sessions."""
    sessions = len(pair)
    if cuts >= sessions:
        return np.arange(sessions)
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, sessions - cuts + 1))
    chosen = [rng.choice(sessions, cuts, replace=False), np.arange(sessions - cuts, sessions), np.arange(first, first + cuts)]
    place = pair.trade_date.to_numpy().searchsorted(whole.dates)
    for rows in _events(pair, whole, place):
        drawn = rng.choice(rows, min(len(rows), max(cuts // 8, 2)), replace=False)
        chosen += [drawn, drawn + 1]
    found = np.unique(np.concatenate(chosen)).astype(np.int64)
    return found[found < sessions]


def _events(pair: PairFrame, whole: Observed, place: IntArray) -> list[IntArray]:
    """Rows of the pair on which something happens, one array a kind; `place` maps rows of the table to rows of the pair."""
    gaps, begun = np.zeros(len(place), bool), set[int]()
    kinds = [_changes(leg.contract) for leg in (pair.y, pair.x)]
    for column in whole.columns.values():
        if column.dtype.kind != "f":
            kinds.append(place[_changes(column)])
            continue
        known = np.isfinite(column)
        gaps[1:] |= known[1:] != known[:-1]
        if known.any():
            begun.add(int(place[np.argmax(known)]))
    kinds += [place[gaps], np.array(sorted(begun), dtype=np.int64)]
    return [rows for rows in kinds if len(rows)]


def _changes(column: Array) -> IntArray:
    """The places at which a column differs from the place before."""
    return np.flatnonzero(column[1:] != column[:-1]) + 1
