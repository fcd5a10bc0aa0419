"""Look-ahead proof of the data path: from a snapshot's bars to a pair, nothing depends on a later session.

1. Known: every dominant contract of the mapping was settled on a session before the one it is for.
2. Prefix: bars and mapping are cut after a session; up to it the pair's contracts, roll prices and adjusted series stay, to the
   bit.
3. Contract: a session's bars of every contract are moved, prices, volume and open interest; nothing before it changes, and
   the contract held, chosen anew from open interest, not on that session either.

Cuts fall on sessions that both legs have: a pair ends where the first of its legs ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray, Progress
from pairkit.columns import LEGS, TRADE_DATE
from pairkit.errors import CancelledError, DataError
from pairkit.language import _, in_english
from pairkit.market.leg_codes import LegCode
from pairkit.market.legs import RootTables, legs_of_pair
from pairkit.market.rolls import dominant_by_open_interest
from pairkit.models.adjusted import adjust
from pairkit.pair import PairFrame, pair_from_frames
from pairkit.research.lookahead.comparison import Evidence
from pairkit.research.lookahead.outputs import Array, Observed, words_of

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

_PRICES = ("open", "high", "low", "close", "settle", "up_limit", "down_limit")
_SIZES = ("volume", "open_interest")


class Source(NamedTuple):
    """One leg's part of a snapshot: the bars of its root by contract, its mapping, and the leg's code."""

    bars: pd.DataFrame
    mapping: pd.DataFrame
    leg: LegCode


def sources_of(snapshot: Snapshot, pair: PairFrame) -> tuple[Source, Source]:
    """Both legs' tables in a snapshot."""

    def of(leg: LegCode) -> Source:
        bars, mapping = (
            table[table["root"] == leg.root].reset_index(drop=True)
            for table in (snapshot.bars, snapshot.mapping_so_far)
        )
        return Source(bars, mapping, leg)

    return (
        of(LegCode(pair.y_spec.code, pair.y_rule)),
        of(LegCode(pair.x_spec.code, pair.x_rule)),
    )


def trace_data_path(
    snapshot: Snapshot,
    pair: PairFrame,
    *,
    cuts: int = 8,
    seed: int = 0,
    build: Callable[..., PairFrame] | None = None,
    choose: Callable[[pd.DataFrame], pd.DataFrame] = dominant_by_open_interest,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Rows of a proof on the data path; columns as in `comparison.PROOF_COLUMNS`.

    Parameters
    ----------
    snapshot : Snapshot
        What the pair was made from.
    pair : PairFrame
        Which legs.
    cuts, seed : int
        How many sessions are drawn, and by what; as many rolls are added.
    build : callable, optional
        Any function of (y source, x source, pair) that makes the pair of two sources; pairkit's own unless given.
    choose : callable
        Any function from bars of one root to a mapping.
    progress, cancelled : callable, optional
        Called with (sessions done, sessions in all); polled, and True stops the proof.

    Raises
    ------
    CancelledError
        `cancelled` said so.
    """
    sources = sources_of(snapshot, pair)
    path = _Path(build or pair_of_sources, choose, pair)
    whole = path(sources)
    evidence = Evidence(whole, whole.dates)
    rows = _sessions(pair, whole, sources, cuts, seed)
    for done, row in enumerate(rows):
        if cancelled and cancelled():
            raise CancelledError(_("the proof of the data path was stopped."))
        day = whole.dates[row]
        evidence.cut(row + 1, path(tuple(_upto(source, day) for source in sources)))
        evidence.moved(
            row, path(tuple(_moved(source, day, seed, leg) for leg, source in enumerate(sources)))
        )
        if progress:
            progress(done + 1, len(rows))
    table = evidence.table()
    table = table[table["check"].isin(["prefix", "contract"])]
    return pd.concat(
        [_known(sources), table.assign(check="data " + table["check"])], ignore_index=True
    )


def pair_of_sources(y: Source, x: Source, like: PairFrame) -> PairFrame:
    """The pair of two sources, as a snapshot makes it."""
    tables = legs_of_pair(
        y.leg,
        x.leg,
        RootTables(y.bars, y.mapping, like.y_spec.settlement),
        RootTables(x.bars, x.mapping, like.x_spec.settlement),
    )
    return pair_from_frames(
        *tables,
        y_spec=like.y_spec,
        x_spec=like.x_spec,
        provenance=like.provenance,
        y_rule=like.y_rule,
        x_rule=like.x_rule,
    )


class _Path:
    """Data path from two sources to everything the core reads, as one table."""

    def __init__(
        self,
        build: Callable[..., PairFrame],
        choose: Callable[[pd.DataFrame], pd.DataFrame],
        like: PairFrame,
    ) -> None:
        self.build, self.choose, self.like = build, choose, like

    def __call__(self, sources: tuple[Source, ...]) -> Observed:
        pair = self.build(*sources, self.like)
        columns: dict[str, Array] = {}
        for leg, source in zip(LEGS, sources, strict=True):
            table = getattr(pair, leg).table(pair.trade_date)
            columns[f"contract_{leg}"] = words_of(table.pop("contract"))
            columns |= {f"{name}_{leg}": table[name].to_numpy() for name in table.columns}
            chosen = self._choice(source)
            if chosen is not None:
                columns[f"chosen_{leg}"] = words_of(chosen.reindex(pair.trade_date))
        for transform in ("log", "level"):
            series = adjust(pair, transform).series
            columns |= {
                f"adjusted_{transform}_{leg}": series[:, column] for column, leg in enumerate(LEGS)
            }
        return Observed(pair.trade_date.to_numpy(), columns, {})

    def _choice(self, source: Source) -> pd.Series | None:
        """The contract chosen for each day from open interest; None where the bars have no names or no open interest."""
        if source.bars["contract"].isna().all():
            return None
        try:
            mapping = self.choose(source.bars)
        except DataError:
            return None
        return mapping.set_index(pd.DatetimeIndex(mapping[TRADE_DATE]).as_unit("ns"))[
            "contract"
        ].astype(object)


def _sessions(
    pair: PairFrame, whole: Observed, sources: tuple[Source, ...], cuts: int, seed: int
) -> list[int]:
    """Rows to cut after and to move: drawn ones, and rolls; only where both legs have a bar."""
    both = np.ones(len(whole.dates), bool)
    rolled = np.zeros(len(whole.dates), bool)
    for leg, source in zip(LEGS, sources, strict=True):
        both &= np.isin(
            whole.dates, pd.DatetimeIndex(source.bars[TRADE_DATE]).as_unit("ns").to_numpy()
        )
        held = whole.columns[f"contract_{leg}"]
        rolled[1:] |= held[1:] != held[:-1]
    rolled[:-1] |= rolled[1:]  # the session whose close decides, too
    rng = np.random.default_rng([seed, len(pair)])
    drawn = [
        rng.choice(rows, min(cuts, len(rows)), replace=False)
        for rows in map(np.flatnonzero, (both, both & rolled))
    ]
    return [int(row) for row in np.unique(np.concatenate(drawn))]


def _upto(source: Source, day: np.datetime64) -> Source:
    """Data known at the close of a day: the mapping for the day, the bars until it."""
    bars, mapping = (
        table[(table[TRADE_DATE] <= day).to_numpy()].reset_index(drop=True) for table in source[:2]
    )
    return Source(bars, mapping, source.leg)


def _moved(source: Source, day: np.datetime64, seed: int, leg: int) -> Source:
    """The source with one session moved: prices of each contract by a factor; sizes so that the least traded becomes the most."""
    bars, on = source.bars.copy(), (source.bars[TRADE_DATE] == day).to_numpy()
    rng = np.random.default_rng([seed, leg, int(day.astype("datetime64[D]").astype(int))])
    price, size = rng.uniform(0.92, 1.08, on.sum()), rng.uniform(0.95, 1.05, on.sum())
    for name in (*_PRICES, *_SIZES):
        values = np.array(bars[name], dtype=np.float64)
        values[on] = values[on] * price if name in _PRICES else _reversed(values[on]) * size
        bars[name] = values
    return Source(bars, source.mapping, source.leg)


def _reversed(sizes: FloatArray) -> FloatArray:
    """Sizes with their order turned round, the missing ones left out."""
    known = np.isfinite(sizes)
    return (
        np.where(known, sizes[known].max() + sizes[known].min() - sizes, np.nan)
        if known.any()
        else sizes
    )


def _known(sources: tuple[Source, ...]) -> pd.DataFrame:
    """Whether each contract of the mapping was settled before its session."""
    rows = []
    for leg, (_bars, mapping, _specs) in zip(LEGS, sources, strict=True):
        known = pd.DatetimeIndex(mapping["known_date"])
        late = mapping[np.asarray(known >= pd.DatetimeIndex(mapping[TRADE_DATE]))]
        row: dict[str, Any] = {
            "check": "data known",
            "column": f"contract_{leg}",
            "times": len(late),
            "verdict": "failed"
            if len(late)
            else "noted"
            if known.isna().any() or mapping.empty
            else "passed",
        }
        if len(late):
            first = late.iloc[0]
            row |= {
                "date": pd.Timestamp(first[TRADE_DATE]),
                "whole": str(first["contract"]),
                "other": in_english("known {known_date:%Y-%m-%d}", known_date=first["known_date"]),
                "bars_ahead": 0.0,
            }
        rows.append(row)
    return pd.DataFrame(rows)
