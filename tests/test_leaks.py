"""Planted look-ahead leaks: each is caught by one of the two checks, and the clean backtest raises no alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pairkit.config import StrategyConfig
from pairkit.pair import Leg, PairFrame
from pairkit.run import run_backtest
from tests.honesty import contract_alarms, prefix_alarms, with_contracts
from tests.pairs import build_pair

CONFIG = StrategyConfig(
    hedge_window=30, z_window=15, entry_z=1.0, exit_z=0.3, stop_z=3.5, adf_gate=False, adf_window=40, beta_gate=False,
    vol_gate=False, vol_window=5, vol_baseline_window=20, cooldown_days=0, rearm=False)
BARS = 150
CHECKED = range(90, BARS - 12, 2)


def clean(pair: PairFrame, config: StrategyConfig) -> pd.DataFrame:
    """The backtest as it is."""
    return with_contracts(run_backtest(pair, config).frame, pair)


def with_legs(pair: PairFrame, change) -> PairFrame:
    """The pair with both legs passed through a function."""
    return replace(pair, y=change(pair.y), x=change(pair.x))


def z_of(spread: pd.Series, mean, deviation) -> pd.Series:
    return (spread - mean) / deviation


# --- leaks in what a model computes --------------------------------------------------------------------------------
def same_bar_beta(pair, config):
    """The spread of t with the hedge fitted at t."""
    frame = clean(pair, config)
    return frame.assign(alpha_lag=frame["alpha"], beta_lag=frame["beta"],
                        spread=frame["y"] - frame["alpha"] - frame["beta"] * frame["x"])


def full_sample_z(pair, config):
    """z against the mean and deviation of the whole history."""
    frame = clean(pair, config)
    return frame.assign(z=z_of(frame["spread"], frame["spread"].mean(), frame["spread"].std()))


def full_sample_deviation(pair, config):
    """z against its own rolling mean, and the deviation of the whole history."""
    frame = clean(pair, config)
    return frame.assign(z=z_of(frame["spread"], frame["spread"].rolling(config.z_window).mean(), frame["spread"].std()))


def centred_mean(pair, config):
    """z against a window that is centred on its bar."""
    frame = clean(pair, config)
    window = frame["spread"].rolling(config.z_window, center=True, min_periods=2)
    return frame.assign(z=z_of(frame["spread"], window.mean(), window.std()))


def tomorrows_z(pair, config):
    """z one bar early."""
    frame = clean(pair, config)
    return frame.assign(z=frame["z"].shift(-1))


def min_max_scaling(pair, config):
    """Series scaled by the extremes of the whole history."""
    frame = clean(pair, config)
    y = frame["y"]
    return frame.assign(y=(y - y.min()) / (y.max() - y.min()))


def full_sample_validity(pair, config):
    """Bars judged by the median hedge of the whole history."""
    frame = clean(pair, config)
    return frame.assign(valid=frame["beta_lag"] > frame["beta_lag"].median())


# --- leaks in time: from decision to fill --------------------------------------------------------------------------
def unlagged_position(pair, config):
    """Held already on the bar that decides."""
    frame = clean(pair, config)
    position = frame["position"].mask(frame["state"] == "ENTERING", -np.sign(frame["z"])).mask(frame["state"] == "EXITING", 0)
    return frame.assign(position=position.astype(int))


def position_a_bar_early(pair, config):
    """Tomorrow's position today."""
    frame = clean(pair, config)
    return frame.assign(position=frame["position"].shift(-1, fill_value=0))


def flat_on_the_last_bar(pair, config):
    """Everything closed on whatever bar comes last."""
    frame = clean(pair, config)
    frame.iloc[-1, frame.columns.get_loc("position")] = 7
    return frame


# --- leaks in the bars themselves ----------------------------------------------------------------------------------
def filled_from_the_future(pair, config):
    """Missing bars filled with the next ones."""
    return clean(with_legs(pair, lambda leg: _filled(leg, lambda column: column.bfill())), config)


def interpolated(pair, config):
    """Missing bars on a line from the last to the next."""
    return clean(with_legs(pair, lambda leg: _filled(leg, lambda column: column.interpolate())), config)


def _filled(leg: Leg, fill) -> Leg:
    names = ("open", "high", "low", "close", "settle", "volume", "pre_close")
    return replace(leg, **{name: fill(pd.Series(getattr(leg, name))).to_numpy() for name in names})


def contract_chosen_by_its_own_day(pair, config):
    """The next contract held already on the day whose open interest says so."""
    def chosen(leg: Leg) -> Leg:
        return replace(leg, contract=np.where(leg.open_interest > 20_000, leg.contract.max(), leg.contract))

    moved = with_legs(pair, chosen)
    return with_contracts(run_backtest(moved, config).frame, moved)


def contract_a_day_early(pair, config):
    """Tomorrow's dominant contract today."""
    early = with_legs(pair, lambda leg: replace(leg, contract=np.append(leg.contract[1:], leg.contract[-1])))
    return with_contracts(run_backtest(early, config).frame, early)


def back_adjusted_levels_under_log(pair, config):
    """Past levels moved by every later roll's gap, then logs taken."""
    def back_adjusted(leg: Leg) -> Leg:
        close, before = pd.Series(leg.close), pd.Series(leg.close).ffill().shift()
        rolled = np.append(False, np.diff(leg.contract) != 0)
        gap = (leg.pre_close - before).where(rolled, 0.0).fillna(0.0)
        shift = gap[::-1].cumsum()[::-1].shift(-1, fill_value=0.0)
        return replace(leg, open=leg.open + shift.to_numpy(), close=(close + shift).to_numpy(),
                       pre_close=(before + shift.shift()).to_numpy(), contract=np.zeros_like(leg.contract))

    return with_contracts(run_backtest(with_legs(pair, back_adjusted), config).frame, pair)


# Each leak, and the column in which it must be seen.
BY_PREFIX = {
    full_sample_z: "z", full_sample_deviation: "z", centred_mean: "z", tomorrows_z: "z", min_max_scaling: "y",
    full_sample_validity: "valid", position_a_bar_early: "position", flat_on_the_last_bar: "position",
    filled_from_the_future: "y", interpolated: "y", contract_a_day_early: "contract_y", back_adjusted_levels_under_log: "y"}
BY_CONTRACT = {
    same_bar_beta: "beta_lag", full_sample_z: "z", full_sample_deviation: "z", centred_mean: "z", tomorrows_z: "z",
    min_max_scaling: "y", full_sample_validity: "valid", unlagged_position: "position", position_a_bar_early: "position",
    filled_from_the_future: "y", interpolated: "y", contract_chosen_by_its_own_day: "contract_y"}


@pytest.fixture(scope="module")
def pair() -> PairFrame:
    """A pair with gaps and rolls, so that every leak has something to leak."""
    return build_pair(11, BARS, ills=("missing",), roll_every=12)


@pytest.mark.parametrize(("leak", "column"), BY_PREFIX.items())
def test_6_3_a_cut_betrays_the_leak(leak, column, pair):
    """Earlier rows of the leaking column change when later sessions are dropped."""
    assert column in {alarm.column for alarm in prefix_alarms(leak, pair, CONFIG, CHECKED)}


@pytest.mark.parametrize(("leak", "column"), BY_CONTRACT.items())
def test_6_3_a_moved_row_betrays_the_leak(leak, column, pair):
    """The leaking column changes on rows that a session's figures may not reach, or not yet."""
    assert column in {alarm.column for alarm in contract_alarms(leak, pair, CONFIG, CHECKED)[0]}


def test_6_3_the_two_checks_need_each_other():
    """Some leaks are seen by the cut alone, some by the moved row alone."""
    assert set(BY_PREFIX) - set(BY_CONTRACT)
    assert set(BY_CONTRACT) - set(BY_PREFIX)


@pytest.mark.parametrize("leak", [same_bar_beta, unlagged_position, contract_chosen_by_its_own_day])
def test_6_3_a_cut_alone_cannot_see_a_leak_within_one_bar(leak, pair):
    """What row t takes from row t itself is the same however the history is cut: why the second check exists."""
    assert prefix_alarms(leak, pair, CONFIG, CHECKED) == []


@pytest.mark.parametrize("transform", ["log", "level"])
@pytest.mark.parametrize("model", ["ols", "kalman"])
def test_6_3_the_clean_backtest_raises_no_alarm(model, transform, pair):
    """The same checks on the same rows are silent for the backtest as it is."""
    config = CONFIG.replace(hedge_model=model, price_transform=transform)
    assert prefix_alarms(clean, pair, config, CHECKED) == []
    assert contract_alarms(clean, pair, config, CHECKED)[0] == []
