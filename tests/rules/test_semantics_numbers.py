"""The rules of the adjusted series, the indicators and the gates, one by one.

The section of docs/semantics.md is in each test's name. What is worked out here comes from numpy and pandas on short
series, not from the product.
"""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.stattools import adfuller, coint

from pairkit.config import StrategyConfig
from pairkit.models.adjusted import adjust
from pairkit.run import run_backtest
from tests.pairs import build_pair, leg_frame, pair_of

NAN = float("nan")
SHORT = StrategyConfig(
    hedge_window=20,
    z_window=10,
    vol_window=5,
    vol_baseline_window=20,
    adf_window=40,
    entry_z=1.0,
    exit_z=0.2,
    stop_z=3.0,
)


@pytest.fixture(scope="module")
def gappy():
    """A pair with missing bars and rolls."""
    return build_pair(3, 160, ills=("missing", "holes"))


@pytest.fixture(
    params=[
        {"hedge_model": model, "price_transform": transform}
        for model in ("ols", "kalman")
        for transform in ("log", "level")
    ]
)
def table(request, gappy) -> pd.DataFrame:
    """The complete bars of a run on it, for each model and transform."""
    return run_backtest(gappy, SHORT.replace(**request.param)).frame.dropna(subset=["y"])


# --- 1: the pair frame ----------------------------------------------------------------------------------------------
def test_1_4_the_adjusted_series_starts_at_its_first_close_and_adds_changes_from_pre_close():
    """A roll from 102 to a contract that closed at 120 adds 126/120, or 6; a missing pre_close adds nothing."""
    y = leg_frame([100, 102, 126, 130, 132], pre_close=[95, 100, 120, NAN, 130])
    pair = pair_of(y, leg_frame([50] * 5))
    np.testing.assert_allclose(
        adjust(pair, "level").series[:, 0], [100, 102, 108, 108, 110], rtol=1e-15
    )
    expected = np.cumsum([log(100), log(1.02), log(1.05), 0, log(132 / 130)])
    np.testing.assert_allclose(adjust(pair, "log").series[:, 0], expected, rtol=1e-15)


def test_1_4_the_series_runs_over_the_legs_own_closes():
    """A day without a close is passed over: the next change is from the close before it."""
    pair = pair_of(leg_frame([100, NAN, 110], pre_close=[NAN, NAN, 100]), leg_frame([50] * 3))
    np.testing.assert_array_equal(adjust(pair, "level").series[:, 0], [100, NAN, 110])


def test_1_4_a_price_below_zero_is_missing_under_log_only():
    """The bar of a close of -1 is incomplete under log, and complete on levels."""
    y = leg_frame([2, 1, 2, -1, 1], pre_close=[2, 2, 1, 2, -1], open=[1.0] * 5)
    pair = pair_of(y, leg_frame([50] * 5))
    assert list(adjust(pair, "level").complete) == [True] * 5
    assert list(adjust(pair, "log").complete) == [
        True,
        True,
        True,
        False,
        False,
    ]  # the last has no pre_close above 0
    np.testing.assert_allclose(
        adjust(pair, "log").series[:, 0], [log(2), 0, log(2), NAN, log(2)], atol=1e-15
    )


@pytest.mark.parametrize("transform", ["log", "level"])
def test_1_2_a_price_of_zero_is_missing(transform):
    """A close of 0 is no close: its bar is incomplete, the next change is from the close before it, and no series falls to 0."""
    pair = pair_of(leg_frame([100, 0, 110], open=[100, 100, 105]), leg_frame([50] * 3))
    adjusted = adjust(pair, transform)
    assert list(adjusted.complete) == [True, False, True]
    expected = [100, NAN, 110] if transform == "level" else [log(100), NAN, log(110)]
    np.testing.assert_allclose(adjusted.series[:, 0], expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("column", "rows"), [("open", [0, 2]), ("close", [0, 2]), ("pre_close", [2])]
)
def test_1_5_a_bar_is_complete_with_open_close_and_pre_close_of_both_legs(column, rows):
    """Each of them is needed on every row, but for pre_close on the first."""
    fields = {"open": [100.0] * 4, "close": [100.0] * 4, "pre_close": [100.0] * 4}
    fields[column] = [NAN, 100.0, NAN, 100.0]
    leg = leg_frame(**fields)
    for pair in (pair_of(leg, leg_frame([50] * 4)), pair_of(leg_frame([50] * 4), leg)):
        assert [row for row in range(4) if not adjust(pair, "level").complete[row]] == rows


# --- 2: indicators --------------------------------------------------------------------------------------------------
def test_2_windows_count_complete_bars_only(gappy):
    """A run on the complete bars alone has the same indicators: one missing bar costs one bar, not a window."""
    frame = run_backtest(gappy, SHORT).frame
    complete = frame["y"].notna().to_numpy()
    # carry the adjusted series over as plain closes of one contract, on complete bars alone
    closes = np.exp(frame.loc[complete, ["y", "x"]].to_numpy())
    legs = [leg_frame(closes[:, i]) for i in (0, 1)]
    alone = run_backtest(pair_of(*legs), SHORT).frame
    for name in ("beta", "beta_lag", "spread", "z", "vol", "vol_ratio", "beta_jump", "adf_pvalue"):
        np.testing.assert_allclose(
            alone[name], frame.loc[complete, name], rtol=1e-6, atol=1e-9, err_msg=name
        )
    assert frame.loc[~complete, "y":"adf_pvalue"].isna().all(axis=None)


def test_2_1_ols_is_least_squares_over_the_last_bars(gappy):
    """numpy's polyfit in each window; NaN until the first is full."""
    table = run_backtest(gappy, SHORT).frame.dropna(subset=["y"])
    y, x = table["y"].to_numpy(), table["x"].to_numpy()
    assert table[["alpha", "beta"]].iloc[:19].isna().all(axis=None)
    for t in range(19, len(table), 7):
        slope, intercept = np.polyfit(x[t - 19 : t + 1], y[t - 19 : t + 1], 1)
        assert table["beta"].iloc[t] == pytest.approx(slope, rel=1e-9)
        assert table["alpha"].iloc[t] == pytest.approx(intercept, rel=1e-9, abs=1e-9)


def still_then_moving(bars: int, still: int) -> list[float]:
    return [50.0] * still + [50.0 + (t * 7 % 5) for t in range(bars - still)]


def test_2_1_ols_is_nan_while_x_is_constant():
    """x stands still for 30 bars: no hedge until one bar of the window differs."""
    y = [100.0 + (t * 5 % 7) for t in range(60)]
    beta = run_backtest(pair_of(leg_frame(y), leg_frame(still_then_moving(60, 31))), SHORT).frame[
        "beta"
    ]
    assert beta.iloc[:32].isna().all()
    assert beta.iloc[32:].notna().all()


def test_2_1_kalman_starts_from_least_squares_and_fails_without_it():
    """At bar W-1 it is OLS; with a constant x, or y on the line, on the first W bars there is no hedge at all."""
    kalman = SHORT.replace(hedge_model="kalman", price_transform="level")
    y, x = [100.0 + (t * 5 % 7) for t in range(60)], still_then_moving(60, 10)
    beta = run_backtest(pair_of(leg_frame(y), leg_frame(x)), kalman).frame["beta"]
    assert beta.iloc[:19].isna().all()
    assert beta.iloc[19] == pytest.approx(np.polyfit(x[:20], y[:20], 1)[0], rel=1e-9)
    assert (
        run_backtest(pair_of(leg_frame(y), leg_frame(still_then_moving(60, 20))), kalman)
        .frame["beta"]
        .isna()
        .all()
    )
    on_the_line = [2 * value for value in x[:30]] + y[30:]
    assert (
        run_backtest(pair_of(leg_frame(on_the_line), leg_frame(x)), kalman)
        .frame["beta"]
        .isna()
        .all()
    )


def test_2_1_kalman_takes_a_step_as_bayes_would():
    """The first bar after the start, worked out by precisions instead of gains."""
    rng = np.random.default_rng(5)
    x = 50 + np.cumsum(rng.normal(size=130))
    y = 10 + 1.3 * x + rng.normal(size=130)
    window, gamma = 120, 1e-3
    config = SHORT.replace(
        hedge_model="kalman", price_transform="level", hedge_window=window, kalman_gamma=gamma
    )
    frame = run_backtest(pair_of(leg_frame(y), leg_frame(x)), config).frame
    x0, y0 = x[:window], y[:window]
    slope, _ = np.polyfit(x0, y0, 1)
    noise = np.sum((y0 - y0.mean() - slope * (x0 - x0.mean())) ** 2) / (window - 2)
    prior = np.diag([noise / (window * x0.var()), noise / window]) + gamma * noise * np.diag(
        [1 / x0.var(), 1]
    )
    h = np.array([[x[window] - x0.mean(), 1.0]])
    precision = np.linalg.inv(prior) + h.T @ h / noise
    mean = np.linalg.solve(
        precision, np.linalg.solve(prior, [slope, y0.mean()]) + h[0] * y[window] / noise
    )
    assert frame["beta"].iloc[window] == pytest.approx(mean[0], rel=1e-9)
    assert frame["alpha"].iloc[window] == pytest.approx(mean[1] - mean[0] * x0.mean(), rel=1e-9)


def test_2_1_kalman_does_not_care_for_the_unit_of_prices(gappy):
    """Quoted in other units, the same pair has the same z: prices near 4,000 and near 4 are treated alike."""
    config = SHORT.replace(hedge_model="kalman", price_transform="level")
    tables = [leg.table(gappy.trade_date) for leg in (gappy.y, gappy.x)]
    scaled = [
        (table.drop(columns="contract") * 1000).assign(contract=table["contract"])
        for table in tables
    ]
    np.testing.assert_allclose(
        run_backtest(pair_of(*scaled), config).frame["z"],
        run_backtest(gappy, config).frame["z"],
        rtol=1e-7,
        atol=1e-7,
    )


def test_2_2_the_hedge_in_use_is_that_of_the_complete_bar_before(table):
    """alpha_lag and beta_lag are alpha and beta one complete bar later."""
    for name in ("alpha", "beta"):
        pd.testing.assert_series_equal(
            table[f"{name}_lag"], table[name].shift(), check_names=False, check_exact=True
        )


def test_2_3_spread(table):
    """y less alpha_lag less beta_lag x."""
    np.testing.assert_array_equal(
        table["spread"], table["y"] - table["alpha_lag"] - table["beta_lag"] * table["x"]
    )


def test_2_4_z(table):
    """The spread against the mean and deviation (n-1) of the last 10, itself included; no partial window."""
    window = table["spread"].rolling(10)
    np.testing.assert_allclose(
        table["z"], (table["spread"] - window.mean()) / window.std(), rtol=1e-7, atol=1e-9
    )
    assert table["z"].first_valid_index() == table.index[20 + 9]


def test_2_4_z_is_nan_where_the_spread_does_not_move():
    """y is exactly 2 x: the spread is rounding noise, and noise has no z."""
    x = [50.0 + (t * 7 % 5) for t in range(60)]
    pair = pair_of(leg_frame([2 * value for value in x]), leg_frame(x))
    frame = run_backtest(pair, SHORT.replace(price_transform="level")).frame
    assert frame["z"].isna().all()
    assert not frame["valid"].any()


def test_2_5_vol_and_its_ratio(table):
    """Deviation of what a hedged holder earned over 5 bars; over the same on 20."""
    earned = table["y"].diff() - table["beta_lag"] * table["x"].diff()
    np.testing.assert_allclose(table["hedged_return"], earned, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(table["vol"], earned.rolling(5).std(), rtol=1e-7)
    np.testing.assert_allclose(
        table["vol_ratio"], earned.rolling(5).std() / earned.rolling(20).std(), rtol=1e-7
    )


def test_2_6_beta_jump(table):
    """Change between the two betas known before the bar, against the older one, or 0.05 where that is smaller."""
    one, two = table["beta"].shift(1), table["beta"].shift(2)
    np.testing.assert_allclose(
        table["beta_jump"], (one - two).abs() / two.abs().clip(lower=0.05), rtol=1e-12
    )


@pytest.mark.parametrize("lags", [0, 1, 6])
def test_2_7_pvalues_are_statsmodels_own(gappy, lags):
    """Engle-Granger of the legs, or ADF of the spread, in each full window, gate on or off."""
    config = SHORT.replace(adf_lags=lags, adf_gate=False)
    legs = run_backtest(gappy, config).frame.dropna(subset=["y"])
    spread = run_backtest(gappy, config.replace(adf_test="adf_spread")).frame.dropna(
        subset=["spread"]
    )
    assert legs["adf_pvalue"].first_valid_index() == legs.index[39]
    assert spread["adf_pvalue"].first_valid_index() == spread.index[39]
    for t in range(39, len(spread), 9):
        y, x, s = (
            legs["y"].iloc[t - 39 : t + 1],
            legs["x"].iloc[t - 39 : t + 1],
            spread["spread"].iloc[t - 39 : t + 1],
        )
        assert legs["adf_pvalue"].iloc[t] == pytest.approx(
            coint(y, x, trend="c", maxlag=lags, autolag=None)[1], abs=1e-9
        )
        expected = adfuller(s, maxlag=lags, regression="c", autolag=None, result_object=False)[1]
        assert spread["adf_pvalue"].iloc[t] == pytest.approx(expected, abs=1e-9)


def test_2_7_pvalue_of_constant_and_collinear_legs():
    """NaN while a leg stands still through the window; 0 where y is on a line in x."""
    still, moving = [50.0] * 60, [50.0 + (t * 7 % 5) for t in range(60)]
    level = SHORT.replace(price_transform="level")
    for y, x in ((still, moving), (moving, still)):
        assert (
            run_backtest(pair_of(leg_frame(y), leg_frame(x)), level)
            .frame["adf_pvalue"]
            .isna()
            .all()
        )
    doubled = [2 * value for value in moving]
    collinear = run_backtest(pair_of(leg_frame(doubled), leg_frame(moving)), level).frame[
        "adf_pvalue"
    ]
    assert (collinear.iloc[39:] == 0).all()
    assert (
        run_backtest(
            pair_of(leg_frame(doubled), leg_frame(moving)), level.replace(adf_test="adf_spread")
        )
        .frame["adf_pvalue"]
        .isna()
        .all()
    )


def test_2_8_a_bar_is_valid_with_z_and_a_hedge(gappy):
    """Valid exactly where z and beta_lag are finite; nothing is decided elsewhere."""
    frame = run_backtest(gappy, SHORT).frame
    assert (frame["valid"] == (frame["z"].notna() & frame["beta_lag"].notna())).all()
    decided = frame["state"].isin(["BLOCKED", "COOLDOWN", "ENTERING", "LONG", "SHORT"])
    assert frame.loc[decided, "valid"].all()


# --- 3: gates -------------------------------------------------------------------------------------------------------
def test_3_gates_are_computed_on_every_valid_bar_and_shut_where_unknown(gappy):
    """Open within the bound and shut beyond, at NaN, and on bars that are not valid; off only by its switch."""
    config = SHORT.replace(adf_max_pvalue=0.2, max_beta_jump=0.03, max_vol_ratio=0.9)
    frame = run_backtest(gappy, config).frame
    expected = {
        "gate_adf": frame["valid"] & (frame["adf_pvalue"] <= 0.2),
        "gate_beta": frame["valid"] & (frame["beta_jump"] <= 0.03) & (frame["beta_lag"] > 0),
        "gate_vol": frame["valid"] & (frame["vol_ratio"] <= 0.9),
    }
    for gate, is_open in expected.items():
        assert is_open.any()
        assert not is_open.all()
        assert (frame[gate] == np.where(is_open, "open", "shut")).all()
        switched_off = run_backtest(
            gappy, config.replace(**{gate.removeprefix("gate_") + "_gate": False})
        ).frame
        assert (switched_off[gate] == "off").all()
    assert (frame.loc[frame["adf_pvalue"].isna(), "gate_adf"] == "shut").all()


def test_3_the_beta_gate_is_shut_by_a_hedge_that_is_not_positive():
    """y goes against x: however steady beta is, the gate stays shut."""
    x = [50.0 + (t * 7 % 5) for t in range(60)]
    y = [200 - 2 * value + 0.1 * (t * 3 % 4) for t, value in enumerate(x)]
    frame = run_backtest(
        pair_of(leg_frame(y), leg_frame(x)),
        SHORT.replace(price_transform="level", max_beta_jump=5.0),
    ).frame
    assert frame["valid"].any()
    assert (frame["gate_beta"] == "shut").all()


def test_3_gates_never_force_an_exit(gappy):
    """A trade that is entered both with gates and without is left on the same bar for the same reason."""
    free = run_backtest(
        gappy, SHORT.replace(adf_gate=False, beta_gate=False, vol_gate=False)
    ).trades
    gated = run_backtest(gappy, SHORT.replace(adf_max_pvalue=0.3, max_vol_ratio=1.1)).trades
    same = gated.merge(free, on="entry_decided", suffixes=("", "_free"))
    assert len(same) > 0
    assert (same["exit_reason"] == same["exit_reason_free"]).all()
    assert (same["exit_decided"] == same["exit_decided_free"]).all()
