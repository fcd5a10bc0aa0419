"""The look-ahead proof of the data path on legs by rule: quiet on pairkit's own, loud on planted leaks of each rule."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pairkit.market.leg_codes import LegCode
from pairkit.market.legs import RootTables, legs_of_pair
from pairkit.market.rolls import dominant_by_open_interest
from pairkit.pair import pair_from_frames
from pairkit.research.lookahead.data_path import pair_of_sources, trace_data_path
from tests.market.legs_twin import TinyMarket
from tests.pairs import spec

SEED = 5  # contracts of each month
CALENDAR, SEASON = ("", "next"), ("05", "10")


def market_and_pair(y: str, x: str):
    """A market as a snapshot's tables, whose open interest goes from one delivery to the next, and one pair of it."""
    bars, _ = TinyMarket(SEED).tables()
    ahead = pd.to_datetime("20" + bars["contract"].str[2:], format="%Y%m") - bars["trade_date"]
    hump = np.exp(-((ahead.dt.days - 130) ** 2) / 60**2)
    rng = np.random.default_rng(0)
    bars["open_interest"] = np.round(1e4 * hump * rng.uniform(0.9, 1.1, len(bars)))
    mapping = dominant_by_open_interest(bars)
    root = RootTables(bars, mapping)
    tables = legs_of_pair(LegCode("RB", y), LegCode("RB", x), root, root)
    pair = pair_from_frames(*tables, y_spec=spec("RB"), x_spec=spec("RB"), y_rule=y, x_rule=x)
    return SimpleNamespace(bars=bars, mapping_so_far=mapping), pair


def failed(found: pd.DataFrame) -> set[tuple[str, str]]:
    """Checks that failed, and on which column."""
    bad = found[found["verdict"] == "failed"]
    return set(zip(bad["check"], bad["column"], strict=True))


def own_day(y, x, like):
    """The contract behind the dominant one by the open interest of the very day it is for."""
    early = [
        each._replace(
            bars=each.bars.assign(
                open_interest=each.bars.groupby("contract")["open_interest"].shift(-1)
            )
        )
        for each in (y, x)
    ]
    return pair_of_sources(*early, like)


def known_early(y, x, like):
    """Each day holds the contract of the next."""
    pair = pair_of_sources(y, x, like)
    tables = [leg.table(pair.trade_date) for leg in (pair.y, pair.x)]
    tables[1] = tables[1].assign(contract=tables[1]["contract"].shift(-1).ffill())
    return pair_from_frames(
        *tables, y_spec=like.y_spec, x_spec=like.x_spec, y_rule=like.y_rule, x_rule=like.x_rule
    )


def with_hindsight(y, x, like):
    """A season that ends some days before the last bar of its near contract, which only the end of the data tells."""
    pair = pair_of_sources(y, x, like)
    tables = [leg.table(pair.trade_date) for leg in (pair.y, pair.x)]
    last = y.bars.groupby("contract")["trade_date"].max()
    end = tables[0]["contract"].map(last).astype("datetime64[ns]") - pd.Timedelta(days=20)
    ended = tables[0].index > end
    tables = [table.assign(contract=table["contract"].where(~ended, "RB9901")) for table in tables]
    return pair_from_frames(
        *tables, y_spec=like.y_spec, x_spec=like.x_spec, y_rule=like.y_rule, x_rule=like.x_rule
    )


@pytest.mark.parametrize("legs", [CALENDAR, SEASON], ids=str)
def test_the_proof_is_quiet_on_legs_by_rule(legs):
    """Contracts, roll prices, days to leave and adjusted series of each rule hold nothing of a later session."""
    snapshot, pair = market_and_pair(*legs)
    assert failed(trace_data_path(snapshot, pair, cuts=3)) == set()


@pytest.mark.parametrize(
    ("legs", "build", "check"),
    [
        (CALENDAR, own_day, "data contract"),
        (CALENDAR, known_early, "data prefix"),
        (SEASON, with_hindsight, "data prefix"),
    ],
    ids=["own day", "a day early", "hindsight"],
)
def test_a_leak_of_a_rule_is_caught(legs, build, check):
    """Day-t open interest, the next contract a day early, and a season whose end is known from the end of the data."""
    snapshot, pair = market_and_pair(*legs)
    found = failed(trace_data_path(snapshot, pair, cuts=4, build=build))
    assert found & {(check, "contract_y"), (check, "contract_x")}
