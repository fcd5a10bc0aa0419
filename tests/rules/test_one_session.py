"""What a session's figures may change, and from which bar on."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairkit.columns import RUN_COLUMNS, names
from pairkit.config import StrategyConfig, hedge_model_names
from pairkit.models.adjusted import adjust
from pairkit.pair import PairFrame
from pairkit.research.lookahead.perturb import perturbed
from pairkit.run import run_backtest
from tests.honesty import columns_of, contract_alarms
from tests.pairs import SEEDS, build_pair, draw_config, draw_pair, spec

SETTINGS = list(itertools.product(hedge_model_names(), ("log", "level")))
# What prices cannot move on the first row where they might: completeness and tradability were kept.
UNMOVED = {"valid", "deferred"}
# What rests on no price where the hedge is agreed.
AGREED = {"alpha", "beta", "alpha_lag", "beta_lag", "beta_jump", "gate_beta"}


def run(pair, config):
    return columns_of(run_backtest(pair, config))


@pytest.mark.parametrize(("model", "transform"), SETTINGS)
@given(seed=SEEDS, data=st.data())
def test_6_2_a_changed_row_changes_nothing_before_it(model, transform, seed, data):
    """Nothing before row t moves with row t's figures; beta_lag, position and lots not even on row t."""
    pair, config = (
        draw_pair(seed, 160),
        draw_config(seed, hedge_model=model, price_transform=transform),
    )
    rows = data.draw(st.lists(st.integers(0, len(pair) - 1), min_size=1, max_size=3))
    assert contract_alarms(run, pair, config, rows, seed)[0] == []


@pytest.mark.parametrize(("model", "transform"), SETTINGS)
def test_6_2_a_changed_row_does_change_what_it_may(model, transform):
    """Positive control: each column moves on the very first row where it may, for some row: the check above is alive."""
    wanted = set(names(RUN_COLUMNS)) - UNMOVED - (AGREED if model == "fixed" else set())
    moved = set()
    for seed in range(12):
        pair = build_pair(seed, 160, ills=("missing",), roll_every=10)
        pair = replace(pair, y_spec=spec("Y", fee_mode="rate", fee_open=1e-4, fee_close=1e-4))
        config = StrategyConfig(
            hedge_model=model,
            price_transform=transform,
            hedge_window=30,
            z_window=15,
            entry_z=1.0,
            exit_z=0.3,
            stop_z=2.5,
            adf_window=40,
            adf_max_pvalue=0.5,
            max_beta_jump=0.05,
            vol_window=5,
            vol_baseline_window=20,
            max_vol_ratio=1.5,
            cooldown_days=0,
            liquidity_gate=True,
            min_volume_lots=2000.0,
        )
        alarms, changed = contract_alarms(run, pair, config, range(60, len(pair) - 1, 3), seed)
        assert alarms == []
        moved |= changed
        if moved >= wanted:
            break
    assert wanted - moved == set()


def can_fill(pair: PairFrame, row: int) -> list[bool]:
    """For each leg: whether a buyer and a seller can fill at the open, and at the close, of the row."""
    market = adjust(pair, "level").market
    return [
        bool(side)
        for price in (market.open[row], market.close[row])
        for side in (*~(price >= market.up_limit[row]), *~(price <= market.down_limit[row]))
    ]


def test_a_moved_session_is_as_tradable_as_it_was():
    """Limits between two ticks, at a price and far from it: whoever could fill still can, whoever could not still cannot."""
    limited = 0
    for seed in range(25):
        pair = build_pair(
            seed, 60, ills=("limits", "odd_limits", "zeros", "missing"), roll_every=10
        )
        for row in range(0, len(pair), 2):
            for draw in range(3):
                assert can_fill(perturbed(pair, row, draw), row) == can_fill(pair, row), (
                    seed,
                    row,
                    draw,
                )
            limited += not all(can_fill(pair, row))
    assert limited > 30
