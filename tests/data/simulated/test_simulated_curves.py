"""The simulated term structure is what its truth says: its carry, its months, and contracts that are left before they end."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from pairkit.columns import TRADE_DATE
from pairkit.config import StrategyConfig
from pairkit.data.simulated import FIRST_DAY, LAST_DAY, SEED, simulate_market
from pairkit.data.simulated.curves import CURVES, curve_paths
from pairkit.data.simulated.listings import contract_bars, listings
from pairkit.market.calendar import trading_days
from pairkit.market.contracts import bundled_spec
from pairkit.market.leg_codes import read_leg
from pairkit.market.legs import RootTables, legs_of_pair
from pairkit.market.rolls import dominant_by_open_interest
from pairkit.pair import pair_from_frames
from pairkit.run import run_backtest
from pairkit.ui.presets.bundled import PRESETS

CURVE = CURVES[0]
CODE = CURVE.root.code
SEEDS = range(SEED, SEED + 6)
CALENDAR = (CODE, f"{CODE}@next")
SEASONS = [
    (f"{CODE}@{near}", f"{CODE}@{far}") for near, far in (("01", "05"), ("05", "09"), ("09", "01"))
]
PRESET = StrategyConfig(**PRESETS["Calendar"].changes)


@cache
def whole_market():
    return simulate_market(SEED)


@cache
def tables(seed):
    """Bars and dominant contracts of the root alone, as it delivers."""
    days = trading_days(FIRST_DAY, LAST_DAY)
    path, carry = curve_paths(CURVE, days, seed)
    tick = bundled_spec(CODE).tick
    bars = pd.concat(
        [
            contract_bars(CURVE.root, one, days, path, tick=tick, seed=seed, carry=carry)
            for one in listings(CURVE.root, days, seed)
        ],
        ignore_index=True,
    )
    return RootTables(bars, dominant_by_open_interest(bars), "physical")


@cache
def legs(seed, y, x):
    """Both legs on the days that they share."""
    found = legs_of_pair(read_leg(y, [CODE]), read_leg(x, [CODE]), tables(seed), tables(seed))
    days = found[0].index.intersection(found[1].index)
    return found[0].loc[days], found[1].loc[days]


@cache
def run(seed, y, x, config):
    spec = bundled_spec(CODE)
    return run_backtest(pair_from_frames(*legs(seed, y, x), y_spec=spec, x_spec=spec), config)


def deviations(seed, y, x):
    """Log price of the near leg over the far one's, without the mean that the truth gives for their months."""
    near, far = legs(seed, y, x)
    months = [leg["contract"].str[-2:].astype(int) for leg in (near, far)]
    means = [CURVE.mean_spread(*pair) for pair in zip(*months, strict=True)]
    return np.log(near["close"] / far["close"]).to_numpy() - np.array(means)


def half_life(series):
    """Bars to half of a deviation, by least squares of each value on the one before."""
    before, after = series[:-1] - series[:-1].mean(), series[1:] - series[1:].mean()
    return np.log(0.5) / np.log(before @ after / (before @ before))


# --- the truth is found ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spread", [CALENDAR, *SEASONS], ids="-".join)
def test_the_carry_comes_back_with_its_half_life(seed, spread):
    """Estimated on ten years of the spread it is within three standard errors, 2.4 bars, of the truth's 8."""
    kept = 0.5 ** (1 / CURVE.half_life_bars)
    error = np.sqrt((1 - kept**2) / 2430) * CURVE.half_life_bars**2 / np.log(2) / kept
    assert 3 * error == pytest.approx(2.4, abs=0.05)
    assert half_life(deviations(seed, *spread)) == pytest.approx(8, abs=3 * error)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spread", SEASONS, ids="-".join)
def test_the_mean_of_a_season_is_recovered(seed, spread):
    """Over all seasons the near month stands above the far one by its stated mean, within three standard errors."""
    found = deviations(seed, *spread)
    kept = 0.5 ** (1 / CURVE.half_life_bars)
    months = CURVE.months_between(*(int(code[-2:]) for code in spread))
    deviation = CURVE.carry_deviation * months / 12
    assert np.isfinite(found).all()
    assert abs(found.mean()) < 3 * deviation * np.sqrt((1 + kept) / (1 - kept) / len(found))
    assert found.std() == pytest.approx(deviation, rel=0.25)


def test_months_and_means_by_hand():
    """From May to September are four months, from September to January too; the means are those of the premiums and the carry."""
    assert [CURVE.months_between(*pair) for pair in ((5, 9), (9, 1), (1, 5), (5, 5))] == [
        4,
        4,
        4,
        12,
    ]
    assert CURVE.mean_spread(5, 9) == pytest.approx(0.012 + 0.006 - 0.024 / 3)
    assert CURVE.mean_spread(9, 1) == pytest.approx(-0.006 - 0.024 / 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spread", [CALENDAR, *SEASONS], ids="-".join)
def test_preset_calendar_earns_before_costs(seed, spread):
    """Ten years of some tens of trades, most of which take their profit, whatever the seed."""
    free = run(seed, *spread, PRESET.replace(fee_multiplier=0, slippage_ticks=0))
    assert free.metrics["total_return"] > 0
    assert 15 <= free.metrics["trades"] <= 60
    assert (free.trades["exit_reason"] == "target").mean() > 0.5


def test_a_root_with_a_curve_does_not_depend_on_the_others():
    """Its bars in the market are those that it has alone: it draws from its own streams, and every contract is kept."""
    market = whole_market().bars
    own = tables(SEED).bars.sort_values(["contract", TRADE_DATE], ignore_index=True)
    kept = market[market["root"] == CODE].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, own[kept.columns.to_list()], check_exact=True)


def test_its_prices_look_like_those_of_the_root():
    """The level within a factor of three of the root's own, daily moves near its volatility, and every roll is priced."""
    leg = legs(SEED, *CALENDAR)[0]
    assert leg["close"].between(CURVE.root.level / 3, CURVE.root.level * 3).all()
    moves = np.log(leg["close"] / leg["pre_close"]).dropna()
    assert 0.5 * CURVE.root.vol < moves.std() < 2.0 * CURVE.root.vol
    assert moves.kurt() > 0.5
    rolled = leg["contract"] != leg["contract"].shift()
    assert rolled.sum() > 25
    assert leg.loc[rolled, ["pre_close", "roll_open"]].iloc[1:].notna().all(axis=None)


# --- contracts that end ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", SEEDS)
def test_the_dominant_contract_must_be_left_before_it_ends(seed):
    """Some are held into their delivery month: from its first session on `leave` says so, days before the last bar."""
    bars = tables(seed).bars
    last_bar = bars.groupby("contract")[TRADE_DATE].max()
    near, far = legs(seed, *CALENDAR)
    delivery = pd.to_datetime("20" + near["contract"].str[-4:] + "01", format="%Y%m%d")
    assert (near["leave"] == (near.index >= delivery)).all()
    assert near["leave"].sum() > 0
    assert not far["leave"].any()
    for contract in near.loc[near["leave"], "contract"].unique():
        days = bars.query("contract == @contract")[TRADE_DATE]
        month = days[days.dt.strftime("%y%m") == contract[-4:]]
        first = near.index[near["leave"] & (near["contract"] == contract)][0]
        assert first == month.min()
        assert (days > first).sum() >= 5
        assert last_bar[contract] > near.index[near["contract"] == contract][-1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spread", SEASONS, ids="-".join)
def test_a_season_must_be_left_on_the_twentieth(seed, spread):
    """Both legs on the same days: from the 20th of the second month before the near delivery, months before its last bar."""
    near, far = legs(seed, *spread)
    delivery = pd.to_datetime("20" + near["contract"].str[-4:] + "01", format="%Y%m%d")
    from_day = delivery - pd.DateOffset(months=2) + pd.Timedelta(days=19)
    assert (near["leave"] == (near.index >= from_day)).all()
    assert (near["leave"] == far["leave"]).all()
    assert near["leave"].sum() >= 10 * 5
    assert near["close"].notna().all()
    assert far["close"].notna().all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("spread", [CALENDAR, *SEASONS], ids="-".join)
def test_no_contract_is_in_both_legs(seed, spread):
    """On no day; the far leg is always the later delivery."""
    near, far = legs(seed, *spread)
    assert (near["contract"].str[-4:] < far["contract"].str[-4:]).all()


@pytest.mark.parametrize("spread", [CALENDAR, *SEASONS], ids="-".join)
def test_positions_are_closed_for_expiry_and_none_is_entered_then(spread):
    """Without the ADF gate, over all seeds: some exits say `expiry`, each decided on a day of `leave`, and no entry is."""
    expired = 0
    for seed in SEEDS:
        found = run(seed, *spread, PRESET.replace(adf_gate=False))
        leave = legs(seed, *spread)[0]["leave"]
        trades = found.trades
        ended = trades[trades["exit_reason"] == "expiry"]
        expired += len(ended)
        assert leave[pd.DatetimeIndex(ended["exit_decided"])].all()
        assert not leave[pd.DatetimeIndex(trades["entry_decided"])].any()
        assert "left_late" not in {finding.kind for finding in found.findings}
    assert expired > 0


# --- the next session --------------------------------------------------------------------------------------------------
def test_the_mapping_goes_on_to_the_next_session():
    """Of each root one row after the last bar, known on its day: the contract that its open interest decides."""
    market = whole_market()
    last = market.calendar[-1]
    coming = market.mapping[market.mapping[TRADE_DATE] > last]
    assert coming["root"].to_list() == sorted(spec.code for spec in market.specs)
    assert coming[TRADE_DATE].unique().tolist() == [
        trading_days(LAST_DAY, pd.Timestamp("2025-01-31").date())[1]
    ]
    assert (coming["known_date"] == last).all()
    dominant = market.mapping[market.mapping[TRADE_DATE] == last].set_index("root")["contract"]
    for row in coming.itertuples():
        held = market.bars[
            (market.bars["root"] == row.root) & (market.bars[TRADE_DATE] == last)
        ].set_index("contract")["open_interest"]
        later = held[[name for name in held.index if name[-4:] >= dominant[row.root][-4:]]]
        assert row.contract == later.idxmax()


# --- the truth is told -------------------------------------------------------------------------------------------------
def test_the_truth_and_the_notes_name_the_curve():
    """Half-life, mean and volatility of the carry, premiums and means of the months, as plain values and in words."""
    market = whole_market()
    told = market.truth["curves"][0]
    assert (told["root"], told["half_life_bars"], told["carry_mean"], told["carry_vol"]) == (
        CODE,
        8,
        0.024,
        0.005,
    )
    assert told["premiums"] == {"01": 0.0, "05": 0.012, "09": -0.006}
    assert f"| {CODE} | {CURVE.title} | 2.40% | 8 bars | 0.50% | 1.25% |" in market.notes
    assert f"| {CODE}@05 | {CODE}@09 | 4 months | +1.2%, -0.6% | +1.00% |" in market.notes
