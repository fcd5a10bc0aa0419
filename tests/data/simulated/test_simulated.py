"""The simulated market is what its truth says: consistent bars, real-looking contracts, stories, and planted faults."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.stattools import coint

from pairkit.columns import TRADE_DATE
from pairkit.data.simulated import SEED, simulate_market
from pairkit.data.simulated import stories as told
from pairkit.data.simulated.faults import FAULTS, MEANINGS
from pairkit.data.simulated.listings import contract_bars, listings
from pairkit.data.simulated.stories import STORIES, beta_by_bar, paths, pulled_walk
from pairkit.errors import DataError
from pairkit.market.calendar import holidays, trading_days
from pairkit.market.contracts import bundled_spec
from pairkit.market.rolls import dominant_by_open_interest, leg_table

PRICES = ["open", "high", "low", "close", "settle"]
CLEAN = ["RB", "M", "RM", "Y", "P", "CU", "AU"]
WITH_CURVES = [*CLEAN, "SR"]
STORY = {story.y.code: story for story in STORIES}


@pytest.fixture(scope="module")
def market():
    return simulate_market(SEED)


@pytest.fixture(scope="module")
def legs(market):
    """Each root's continuous table."""
    roots = [spec.code for spec in market.specs]
    return {
        root: leg_table(
            market.bars[market.bars["root"] == root].reset_index(drop=True),
            market.mapping[market.mapping["root"] == root],
        )
        for root in roots
    }


def bars_on(market, root, date):
    bars = market.bars
    return bars[(bars["root"] == root) & (bars[TRADE_DATE] == pd.Timestamp(date))]


def adjusted(leg):
    """Log price that a holder of the dominant contract sees, on days with positive closes."""
    close, pre_close = leg["close"], leg["pre_close"]
    known = (close > 0) & (pre_close > 0)
    return np.log(close[known] / pre_close[known]).cumsum()


def rejections(y, x, *, window, step):
    """Share of windows in which Engle-Granger at 5 % finds the two cointegrated."""
    both = pd.concat([y, x], axis=1, join="inner").to_numpy()
    starts = range(0, len(both) - window, step)
    pvalues = [
        coint(both[s : s + window, 0], both[s : s + window, 1], maxlag=1, autolag=None)[1]
        for s in starts
    ]
    return float(np.mean(np.array(pvalues) < 0.05))


# --- the tables ------------------------------------------------------------------------------------------------------
def test_the_same_seed_makes_the_same_market(market):
    """Simulating twice gives equal tables, truth and notes; another seed gives others."""
    again = simulate_market(SEED)
    pd.testing.assert_frame_equal(again.bars, market.bars, check_exact=True)
    pd.testing.assert_frame_equal(again.mapping, market.mapping)
    assert (again.truth, again.notes) == (market.truth, market.notes)
    other = paths(STORIES[0], market.calendar, SEED + 1)
    assert (other["HC"] != paths(STORIES[0], market.calendar, SEED)["HC"]).all()


def test_a_root_does_not_depend_on_the_other_stories(market):
    """A story's bars are the same when it is simulated by itself: roots draw from their own streams."""
    story = STORY["M"]
    path = paths(story, market.calendar, SEED)["RM"]
    alone = pd.concat(
        [
            contract_bars(
                story.x, one, market.calendar, path, tick=bundled_spec("RM").tick, seed=SEED
            )
            for one in listings(story.x, market.calendar, SEED)
        ]
    )
    kept = market.bars[market.bars["root"] == "RM"]
    joined = kept.merge(alone, on=["contract", TRADE_DATE], suffixes=("", "_alone"))
    assert len(joined) == len(kept)
    assert (joined["close"] == joined["close_alone"]).all()


def test_bars_of_clean_roots_are_consistent(market):
    """Where no fault is planted: low <= open, close, settle <= high, within the limits, whole ticks, whole lots."""
    bars = market.bars[market.bars["root"].isin(WITH_CURVES)]
    assert (
        bars[[*PRICES, "volume", "open_interest", "up_limit", "down_limit"]].notna().all(axis=None)
    )
    for price in ("open", "close", "settle"):
        assert (bars[price] <= bars["high"]).all()
        assert (bars[price] >= bars["low"]).all()
    assert (bars["high"] <= bars["up_limit"]).all()
    assert (bars["low"] >= bars["down_limit"]).all()
    ticks = bars["root"].map({root: bundled_spec(root).tick for root in WITH_CURVES})
    for price in [*PRICES, "up_limit", "down_limit"]:
        np.testing.assert_allclose(
            bars[price] / ticks, (bars[price] / ticks).round(), rtol=0, atol=1e-6
        )
    assert (bars[["volume", "open_interest"]] % 1 == 0).all(axis=None)
    assert (bars[["volume", "open_interest"]] >= 0).all(axis=None)


def test_dominant_contracts_follow_from_the_bars(market):
    """Up to the last bar the mapping of clean roots is the one that their stored bars give, though only neighbours are stored."""
    bars = market.bars[market.bars["root"].isin(WITH_CURVES)]
    mapping = market.mapping[
        market.mapping["root"].isin(WITH_CURVES)
        & (market.mapping[TRADE_DATE] <= market.calendar[-1])
    ]
    pd.testing.assert_frame_equal(dominant_by_open_interest(bars), mapping.reset_index(drop=True))


def test_every_roll_of_clean_roots_is_priced(market, legs):
    """A day with a new contract has the open of the old and yesterday's close of the new, and is before delivery."""
    for root in CLEAN:
        leg = legs[root]
        rolled = leg["contract"] != leg["contract"].shift()
        assert rolled.sum() > 15
        assert leg.loc[rolled, ["pre_close", "roll_open"]].iloc[1:].notna().all(axis=None)
        delivery = pd.to_datetime("20" + leg["contract"].str[-4:] + "01", format="%Y%m%d")
        assert (leg.index < delivery).mean() > 0.99


def test_prices_look_like_those_of_the_root(market, legs):
    """Levels stay within a factor of three of the root's own, daily moves near its volatility, with fat tails."""
    for story in STORIES:
        for root in (story.y, story.x):
            close = legs[root.code]["close"]
            close = close[close > 0]
            assert close.between(root.level / 3, root.level * 3).all()
            returns = adjusted(legs[root.code]).diff().dropna()
            assert 0.5 * root.vol < returns.std() < 2.0 * root.vol
            assert returns.kurt() > 0.5


def test_specs_are_the_bundled_ones_with_a_limit(market):
    """Terms come from the bundled table, told as such, and that all deliver; the price limit is added, hours are left out."""
    for spec in market.specs:
        assert spec.price_limit is not None
        assert spec.settlement == "physical"
        sessions = {"day_open": "", "night": ""}
        assert replace(spec, price_limit=None) == replace(
            bundled_spec(spec.code), price_limit=None, **sessions
        )
        assert spec.source == "typical"


# --- the calendar ----------------------------------------------------------------------------------------------------
def test_the_calendar_has_no_weekend_and_no_holiday(market):
    """Ten years have about 2,430 sessions, none on a weekend, in the first week of October or at the lunar new year."""
    days = market.calendar
    assert 2400 < len(days) < 2460
    assert days.day_of_week.max() == 4
    assert not ((days.month == 10) & (days.day <= 7)).any()
    assert pd.Timestamp("2024-02-09") not in days
    assert {day.year for day in holidays(2020)} == {2020}


def test_an_unknown_year_has_no_calendar():
    """Holidays are known for some years only, and another year is refused."""
    with pytest.raises(DataError, match="1999"):
        trading_days(pd.Timestamp("1999-01-01").date(), pd.Timestamp("2015-02-01").date())


# --- the stories -----------------------------------------------------------------------------------------------------
def test_the_linked_pair_is_cointegrated_and_the_placebo_is_not(legs):
    """Engle-Granger rejects in most windows of the cointegrated pair, and in few of the placebo."""
    linked = rejections(adjusted(legs["RB"]), adjusted(legs["HC"]), window=250, step=60)
    placebo = rejections(adjusted(legs["CU"]), adjusted(legs["AU"]), window=250, step=60)
    assert linked > 0.9
    assert placebo < 0.25


def test_the_link_breaks_on_its_date(legs):
    """Engle-Granger rejects in most windows before the break and in few after it."""
    broken = pd.Timestamp(STORY["M"].broken_after)
    y, x = adjusted(legs["M"]), adjusted(legs["RM"])
    assert rejections(y[:broken], x[:broken], window=250, step=60) > 0.8
    assert rejections(y[broken:], x[broken:], window=250, step=60) < 0.35


def test_beta_drifts_as_told(legs):
    """Least squares of daily moves finds the true beta of each end of the drifting pair, not the other one's."""
    moves = (
        pd.concat([adjusted(legs[root]).diff() for root in ("Y", "P")], axis=1, join="inner")
        .dropna()
        .to_numpy()
    )
    truth = beta_by_bar(STORY["Y"], len(moves))
    for part in (slice(0, 600), slice(-600, None)):
        y, x = moves[part].T
        found = float(x @ y / (x @ x))
        assert abs(found - truth[part].mean()) < 0.08


def test_a_pull_halves_the_link_in_its_half_life():
    """Without further shocks the link is half as large after half_life_bars, and stays where it is without a pull."""
    shock = np.zeros(30)
    shock[1] = 1.0
    pull = 1 - 0.5 ** (1 / 5)
    assert math.isclose(pulled_walk(shock, np.full(30, pull))[6], 0.5)
    assert pulled_walk(shock, np.zeros(30))[29] == 1.0


def test_noise_has_unit_size_and_clusters():
    """Shocks without storms have unit variance, fat tails, and absolute values that stay large for a while."""
    noise = pd.Series(told.clustered_noise(told.stream(1, "test"), 60_000, 1.0))
    assert abs(noise.std() - 1) < 0.05
    assert noise.kurt() > 1
    assert noise.abs().autocorr(5) > 0.05


# --- the faults ------------------------------------------------------------------------------------------------------
def is_missing(market, root, date):
    return bars_on(market, root, date).empty and pd.Timestamp(date) in market.calendar


def is_ghost(market, root, date):
    bars = market.bars[market.bars["root"] == root]
    before = bars_on(
        market, root, bars.loc[bars[TRADE_DATE] < pd.Timestamp(date), TRADE_DATE].max()
    )
    ghosts = bars_on(market, root, date)
    return (
        pd.Timestamp(date) not in market.calendar
        and (ghosts["volume"] == 0).all()
        and ghosts["close"].tolist() == before["close"].tolist()
    )


def dominant_on(market, root, date):
    bars, mapping = bars_on(market, root, date), market.mapping
    mapped = mapping[(mapping["root"] == root) & (mapping[TRADE_DATE] == pd.Timestamp(date))]
    return bars[bars["contract"] == mapped["contract"].item()].iloc[0]


def are_doubled(market, root, date):
    bars = market.bars[market.bars["root"] == root]
    before = bars[bars[TRADE_DATE] < pd.Timestamp(date)]["volume"]
    after = bars[bars[TRADE_DATE] >= pd.Timestamp(date)]["volume"]
    return (before % 2 == 0).all() and 0.4 < (after % 2 == 0).mean() < 0.65


def is_wrong_contract(market, root, date):
    bar, bars = dominant_on(market, root, date), market.bars
    days = bars[
        (bars["contract"] == bar["contract"]) & (bars[TRADE_DATE] != pd.Timestamp(date))
    ].set_index(TRADE_DATE)
    near = days.loc[
        pd.Timestamp(date) - pd.Timedelta(days=10) : pd.Timestamp(date) + pd.Timedelta(days=10)
    ]
    return bar["volume"] < 0.01 * near["volume"].median()


FOUND = {
    "missing_bar": is_missing,
    "ghost_bar": is_ghost,
    "doubled_sizes": are_doubled,
    "wrong_contract": is_wrong_contract,
    "zero_settle": lambda m, r, d: (
        (bars_on(m, r, d)["settle"] == 0).all() and (bars_on(m, r, d)["close"] > 0).all()
    ),
    "empty_row": lambda m, r, d: (
        bars_on(m, r, d)[PRICES].isna().all(axis=None) and not any(bars_on(m, r, d)["volume"])
    ),
    "no_trade": lambda m, r, d: (
        not bars_on(m, r, d)["volume"].any() and bars_on(m, r, d)["close"].notna().all()
    ),
    "spike": lambda m, r, d: dominant_on(m, r, d)["close"] > dominant_on(m, r, d)["up_limit"],
    "bad_low": lambda m, r, d: dominant_on(m, r, d)["low"] < 0.6 * dominant_on(m, r, d)["close"],
    "zero_open": lambda m, r, d: dominant_on(m, r, d)["open"] == 0,
    "contradiction": lambda m, r, d: dominant_on(m, r, d)["close"] < dominant_on(m, r, d)["low"],
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.root}-{fault.kind}")
def test_a_planted_fault_is_where_the_truth_says(market, fault):
    """Each fault is found on each of its dates, and the truth and the notes name it."""
    assert all(FOUND[fault.kind](market, fault.root, date) for date in fault.dates)
    assert {"root": fault.root, "kind": fault.kind, "dates": fault.dates} in market.truth["faults"]
    assert (
        f"| {fault.root} | {fault.kind} | {MEANINGS[fault.kind]} | {', '.join(fault.dates)} |"
        in market.notes
    )


def test_shocks_lock_prices_at_the_limit(market, legs):
    """On the day of a sudden move beyond the limit the leg opens and closes at it, on little volume."""
    for day, move in STORY["TA"].shocks.items():
        bar = legs["MA"].loc[pd.Timestamp(day)]
        limit = bar["up_limit"] if move > 0 else bar["down_limit"]
        assert bar["open"] == bar["close"] == limit
        assert bar["volume"] < 0.15 * legs["MA"]["volume"].rolling(20).median()[pd.Timestamp(day)]
