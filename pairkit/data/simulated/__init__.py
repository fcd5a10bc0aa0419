"""A simulated futures market: ten roots in five pairs, and one with a term structure, over ten years, with a known truth.

1. `stories`: what is true of each pair, and the log price path of each root. `curves`: the same of a root's carry and months.
2. `listings`: contracts, their open interest, limits and daily bars around the path.
3. The dominant contracts follow from the clean open interest, to the session after the last. Bars are kept of each day's
   dominant contract and its two neighbours in delivery, and of a root with a curve all of them.
4. `faults`: the faults of real data are planted at known dates.
5. `notes`: the truth in words.

`python -m pairkit.audit.snapshots.demo` writes it as the snapshot `snapshots/demo`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import pandas as pd

from pairkit._typing import FloatArray
from pairkit.columns import BAR_COLUMNS, TRADE_DATE, names
from pairkit.data.simulated.curves import CURVES, Curve, curve_paths
from pairkit.data.simulated.faults import FAULTS, plant
from pairkit.data.simulated.listings import contract_bars, listings
from pairkit.data.simulated.notes import describe
from pairkit.data.simulated.stories import STORIES, Root, Story, paths
from pairkit.market.calendar import trading_days
from pairkit.market.contracts import ContractSpec, bundled_spec
from pairkit.market.rolls import dominant_by_open_interest

SEED = 3
FIRST_DAY, LAST_DAY = date(2015, 1, 5), date(2024, 12, 31)
_COLUMNS = ["root", "contract", TRADE_DATE, *names(BAR_COLUMNS), "up_limit", "down_limit"]
_A_DAY, _LONGEST_CLOSURE = timedelta(days=1), timedelta(days=14)


@dataclass(frozen=True, eq=False)
class SimulatedMarket:
    """A simulated market, ready for `write_snapshot`, and its known truth.

    `truth` holds plain values: seed, stories and curves with their parameters, faults with their dates. `notes` says the same in
    Markdown. `mapping` goes on to the session after the last.
    """

    bars: pd.DataFrame
    mapping: pd.DataFrame
    specs: tuple[ContractSpec, ...]
    calendar: pd.DatetimeIndex
    truth: dict[str, Any]
    notes: str


def simulate_market(seed: int = SEED) -> SimulatedMarket:
    """The simulated market of a seed; the same tables for the same seed."""
    calendar = trading_days(FIRST_DAY, LAST_DAY)
    of_pairs, of_curves = _bars_of_pairs(calendar, seed), _bars_of_curves(calendar, seed)
    all_bars = pd.concat([of_pairs, of_curves], ignore_index=True)
    mapping = _dominant(all_bars)
    kept = pd.concat([_near_dominant(of_pairs, mapping), of_curves], ignore_index=True)
    bars = plant(kept, mapping, all_bars)
    roots = [root for story in STORIES for root in (story.y, story.x)]
    roots += [curve.root for curve in CURVES]
    truth = {
        "seed": seed,
        "stories": [_plain(story) for story in STORIES],
        "curves": [_plain_curve(curve) for curve in CURVES],
        "faults": [asdict(f) for f in FAULTS],
    }
    return SimulatedMarket(
        bars,
        mapping,
        tuple(_spec(root) for root in roots),
        calendar,
        truth,
        describe(seed, STORIES, CURVES, FAULTS),
    )


def _bars_of_pairs(calendar: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    parts = []
    for story in STORIES:
        by_code = paths(story, calendar, seed)
        parts += [
            _root_bars(root, calendar, by_code[root.code], seed=seed) for root in (story.y, story.x)
        ]
    return pd.concat(parts, ignore_index=True)


def _bars_of_curves(calendar: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
    parts = [
        _root_bars(curve.root, calendar, *curve_paths(curve, calendar, seed), seed=seed)
        for curve in CURVES
    ]
    return pd.concat(parts, ignore_index=True)


def _root_bars(
    root: Root,
    calendar: pd.DatetimeIndex,
    path: FloatArray,
    carry: FloatArray | None = None,
    *,
    seed: int,
) -> pd.DataFrame:
    """Bars of every listed contract of one root."""
    tick = bundled_spec(root.code).tick
    parts = [
        contract_bars(root, one, calendar, path, tick=tick, seed=seed, carry=carry)
        for one in listings(root, calendar, seed)
    ]
    return pd.concat(parts, ignore_index=True)[_COLUMNS]


def _dominant(bars: pd.DataFrame) -> pd.DataFrame:
    """The dominant contracts of each session and of the one after the last, which its open interest decides."""
    next_session = trading_days(LAST_DAY + _A_DAY, LAST_DAY + _LONGEST_CLOSURE)[0]
    after = bars[bars[TRADE_DATE] == bars[TRADE_DATE].max()].assign(**{TRADE_DATE: next_session})
    return dominant_by_open_interest(pd.concat([bars, after], ignore_index=True))


def _near_dominant(bars: pd.DataFrame, mapping: pd.DataFrame) -> pd.DataFrame:
    """The bars of each day's dominant contract and of the one before and after it; the first day goes by the second."""
    dominant = mapping.set_index(["root", TRADE_DATE])["contract"]
    wanted = dominant.reindex(pd.MultiIndex.from_frame(bars[["root", TRADE_DATE]])).set_axis(
        bars.index
    )
    wanted = wanted.groupby(bars["contract"]).bfill(limit=1)
    place = {
        name: at
        for names_of_root in bars.groupby("root")["contract"].unique()
        for at, name in enumerate(sorted(names_of_root))
    }
    away = bars["contract"].map(place) - wanted.map(place)
    return bars[away.abs() <= 1].reset_index(drop=True)


def _spec(root: Root) -> ContractSpec:
    """Its bundled spec without hours: bars that a program makes up are there before any session opens."""
    return replace(bundled_spec(root.code), price_limit=root.price_limit, day_open="", night="")


def _plain(story: Story) -> dict[str, Any]:
    plain = asdict(story)
    return {**plain, "y": story.y.code, "x": story.x.code}


def _plain_curve(curve: Curve) -> dict[str, Any]:
    plain = asdict(curve)
    months = zip(curve.root.months, curve.root.premiums, strict=True)
    return {
        **plain,
        "root": curve.root.code,
        "premiums": {f"{month:02d}": of for month, of in months},
    }
