"""A simulated futures market: ten roots in five pairs over ten years, contract by contract, with a known truth.

1. `stories`: what is true of each pair, and the log price path of each root.
2. `listings`: contracts, their open interest, limits and daily bars around the path.
3. The dominant contracts follow from the clean open interest; bars are kept of each day's dominant contract and its two
   neighbours in delivery.
4. `faults`: the faults of real data are planted at known dates.
5. `notes`: the truth in words.

`python -m pairkit.audit.snapshots.demo` writes it as the snapshot `snapshots/demo`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from pairkit.columns import BAR_COLUMNS, TRADE_DATE, names
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


@dataclass(frozen=True, eq=False)
class SimulatedMarket:
    """A simulated market, ready for `write_snapshot`, and its known truth.

    `truth` holds plain values: seed, stories with their parameters, faults with their dates. `notes` says the same in
    Markdown.
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
    all_bars = pd.concat(
        [_root_bars(root, calendar, path, seed) for root, path in _paths_by_root(calendar, seed)],
        ignore_index=True,
    )
    mapping = dominant_by_open_interest(all_bars)
    bars = plant(_near_dominant(all_bars, mapping), mapping, all_bars)
    specs = tuple(_spec(root) for story in STORIES for root in (story.y, story.x))
    truth = {
        "seed": seed,
        "stories": [_plain(story) for story in STORIES],
        "faults": [asdict(f) for f in FAULTS],
    }
    return SimulatedMarket(bars, mapping, specs, calendar, truth, describe(seed, STORIES, FAULTS))


def _paths_by_root(calendar: pd.DatetimeIndex, seed: int) -> list[tuple[Root, Any]]:
    found = []
    for story in STORIES:
        by_code = paths(story, calendar, seed)
        found += [(root, by_code[root.code]) for root in (story.y, story.x)]
    return found


def _root_bars(root: Root, calendar: pd.DatetimeIndex, path: Any, seed: int) -> pd.DataFrame:
    """Bars of every listed contract of one root."""
    tick = bundled_spec(root.code).tick
    parts = [
        contract_bars(root, one, calendar, path, tick=tick, seed=seed)
        for one in listings(root, calendar, seed)
    ]
    return pd.concat(parts, ignore_index=True)[_COLUMNS]


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
    """Its bundled spec without sessions: the demo's specs are those that it was first sealed with."""
    return replace(
        bundled_spec(root.code), price_limit=root.price_limit, settlement="", day_open="", night=""
    )


def _plain(story: Story) -> dict[str, Any]:
    plain = asdict(story)
    return {**plain, "y": story.y.code, "x": story.x.code}
