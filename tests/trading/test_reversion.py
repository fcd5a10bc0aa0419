"""What a trade's reversion was made of: hand-worked, additive, and told in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from pairkit.config import StrategyConfig
from pairkit.models.indicators import Indicators
from pairkit.run import run_backtest
from pairkit.trading.reversion import reversion_of, target_exits_in_words
from tests.pairs import build_pair, draw_config

PARTS = ["reversion_lots", "reversion_hedge", "reversion_mean", "reversion_deviation"]


def test_a_hand_worked_trade():
    """y falls by 1 and x by 0.5 while beta goes from 1 to 2: the spread falls by 4, of which the lots earn 0.5.

    Windows of three: the entry's spreads are 0 0 3 (mean 1, deviation sqrt 3), the exit's 3 1 -1 (mean 1, deviation 2).
    """
    nothing = np.full(5, np.nan)
    spread = np.array([0.0, 0.0, 3.0, 1.0, -1.0])
    z = np.array([np.nan, np.nan, 2 / np.sqrt(3), -(1 / 3) / np.sqrt(7 / 3), -1.0])
    indicators = Indicators(
        **{
            **dict.fromkeys(Indicators._fields, nothing),
            "y": np.array([10.0, 10, 10, 9.5, 9]),
            "x": np.array([5.0, 5, 5, 4.75, 4.5]),
            "spread": spread,
            "z": z,
            "beta_lag": np.array([1.0, 1, 1, 1.5, 2]),
            "valid": np.array([False, False, True, True, True]),
        }
    )
    made = reversion_of(
        indicators,
        StrategyConfig(z_window=10).model_copy(update={"z_window": 3}),
        np.array([[2, 3, 4, -1]]),
        np.array([-1]),
    )
    root = np.sqrt(3)
    assert made.reversion[0] == pytest.approx(1 + 2 / root)
    assert made.reversion_lots[0] == pytest.approx(
        0.5 / root
    )  # y -1, x -0.5 under beta 1: the short spread earns 0.5
    assert made.reversion_hedge[0] == pytest.approx((4 - 0.5) / root)  # the spread fell by 4
    assert made.reversion_mean[0] == pytest.approx(0.0)
    assert made.reversion_deviation[0] == pytest.approx(
        2 * (1 / 2 - 1 / root)
    )  # -(-2) (1/2 - 1/sqrt 3)
    assert made.hedge_drift[0] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(6))
def test_the_parts_add_up_to_the_whole(seed):
    """Whatever the model and the ills of the data, lots, hedge, mean and deviation make the reversion; NaN without an exit z."""
    run = run_backtest(
        build_pair(seed, 500),
        draw_config(seed, adf_gate=False, beta_gate=False, liquidity_gate=False),
    )
    trades = run.trades[run.trades["reversion"].notna()]
    np.testing.assert_allclose(trades[PARTS].sum(axis=1), trades["reversion"], rtol=0, atol=1e-9)
    assert (run.trades["reversion"].isna() == run.trades["exit_z"].isna()).all()


def test_a_fixed_hedge_moves_nothing():
    """With the agreed ratio no part is the hedge's, and it does not drift."""
    run = run_backtest(
        build_pair(3, 600, ills=()),
        StrategyConfig(
            hedge_model="fixed",
            adf_gate=False,
            beta_gate=False,
            vol_gate=False,
            z_window=20,
            entry_z=1.2,
        ),
    )
    assert len(run.trades) > 5
    np.testing.assert_allclose(run.trades["reversion_hedge"].dropna(), 0.0, atol=1e-9)
    assert (run.trades["hedge_drift"] == 0.0).all()


def test_target_exits_that_lost_are_told():
    """The sentence counts exits at target with a gross loss, and gives the mean reversion and what the lots earned of it."""
    run = run_backtest(
        build_pair(3, 600, ills=()),
        StrategyConfig(adf_gate=False, beta_gate=False, vol_gate=False, z_window=20, entry_z=1.2),
    )
    left = run.trades[run.trades["exit_reason"] == "target"]
    told = target_exits_in_words(run.trades)
    assert told.startswith(
        f"{(left['gross'] < 0).sum()} of {len(left)} exits at target lost before costs. "
    )
    assert (
        f"z came back by {left['reversion'].mean():.2f}, of which the lots earned {left['reversion_lots'].mean():.2f};"
        in told
    )
    assert target_exits_in_words(run.trades.iloc[:0]) == ""
