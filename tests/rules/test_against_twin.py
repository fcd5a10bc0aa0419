"""The compiled backtest against a plain one written from the rules alone, on pairs with everything."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from pairkit.columns import METRICS, REASONS, RUN_COLUMNS, STATES, TRADE_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.gates import GATE_NAMES
from pairkit.market.contracts import OlderTerm
from pairkit.market.spec_history import with_history
from pairkit.pair import PairFrame
from pairkit.research.sweeps.sweep import sweep
from pairkit.run import run_backtest
from tests.pairs import draw_config, draw_on_terms, draw_pair, leg_frame, pair_of
from tests.twin import TwinRun, twin_run

CROSSED = {
    "hedge_model": ("ols", "kalman", "tls", "fixed"),
    "price_transform": ("log", "level"),
    "adf_test": ("engle_granger", "adf_spread"),
    "fill": ("open", "close"),
    "whole_lots": (True, False),
}
COMBINATIONS = [
    dict(zip(CROSSED, values, strict=True)) for values in itertools.product(*CROSSED.values())
]
CASES = range(
    max(len(COMBINATIONS), int(os.environ.get("PAIRKIT_TWIN_CASES", "0")))
)  # more on demand
EVENTS = {
    "entry filled",
    "entry deferred",
    "exit filled",
    "exit deferred",
    "rolls at known open",
    "rolls at unknown open",
    "leaves at known open",
    "leaves at unknown open",
    "margin of one side",
    "closed on the day it was opened",
    "bound by the volume",
}


@cache
def case(seed: int) -> tuple[PairFrame, StrategyConfig, TwinRun]:
    """A drawn pair and config, every combination of the crossed settings in turn, and the twin's run."""
    pair, config = draw_pair(seed), draw_config(seed, **COMBINATIONS[seed % len(COMBINATIONS)])
    return pair, config, twin_run(pair, config)


def departures(ours: pd.DataFrame, twins: pd.DataFrame) -> list[str]:
    """Each column that differs: its first row, and both values."""
    found = []
    for name in twins.columns:
        a, b = ours[name], twins[name]
        if pd.api.types.is_float_dtype(b.dtype):
            allowed = 1e-7 if name == "adf_pvalue" else 1e-9
            a, b = a.to_numpy(dtype=float), b.to_numpy(dtype=float)
            with np.errstate(invalid="ignore"):
                same = (np.abs(a - b) <= allowed * np.maximum(1.0, np.abs(b))) | (
                    np.isnan(a) & np.isnan(b)
                )
        else:
            a, b = a.to_numpy(dtype=object), b.to_numpy(dtype=object)
            same = (a == b) | (pd.isna(a) & pd.isna(b))
        if not same.all():
            row = int(np.argmin(same))
            found.append(
                f"{name}: {np.sum(~same)} rows, first {row} ({ours.index[row]}): {a[row]!r}, twin {b[row]!r}"
            )
    return found


@pytest.mark.parametrize("seed", CASES)
def test_every_column_agrees_with_the_twin(seed):
    """Every number within 1e-9 (p-values 1e-7), every state, reason, gate and whole lot exactly."""
    pair, config, twin = case(seed)
    run = run_backtest(pair, config)
    assert list(run.frame.columns) == names(RUN_COLUMNS)
    assert run.frame.index.equals(pair.trade_date)
    assert departures(run.frame, twin.frame) == []
    if config.whole_lots:
        assert (
            run.frame[["lots_y", "lots_x"]].to_numpy()
            == twin.frame[["lots_y", "lots_x"]].to_numpy()
        ).all()


@pytest.mark.parametrize("seed", CASES)
def test_every_trade_agrees_with_the_twin(seed):
    """The same round trips: dates, lots, prices, reasons and money."""
    pair, config, twin = case(seed)
    trades = run_backtest(pair, config).trades
    assert list(trades.columns) == names(TRADE_COLUMNS)
    assert len(trades) == len(twin.trades)
    assert departures(trades.reset_index(drop=True), twin.trades) == []


@pytest.mark.parametrize("seed", CASES)
def test_every_metric_agrees_with_the_twin(seed):
    """The same figures, in the order they are declared in."""
    pair, config, twin = case(seed)
    metrics = run_backtest(pair, config).metrics
    assert list(metrics) == names(METRICS)
    assert (
        departures(pd.DataFrame([metrics], dtype=float), pd.DataFrame([twin.metrics], dtype=float))
        == []
    )


@cache
def degenerate_pairs() -> dict[str, PairFrame]:
    """Pairs with too few bars, without a complete bar, or with legs that have nothing to say to each other."""
    walk = 100 + np.cumsum(np.random.default_rng(0).normal(size=100))
    near = 3 + walk + np.random.default_rng(1).normal(size=100)
    still, none = [50.0] * 100, [np.nan] * 100
    spiked = walk.copy()
    spiked[65] *= 10
    pairs = {f"{bars} bars": draw_pair(3, 120)[:bars] for bars in (1, 2, 3, 21)}
    return pairs | {
        "starts late": draw_pair(4)[37:],
        "no opens": pair_of(leg_frame(walk, open=none), leg_frame(near)),
        "no closes": pair_of(leg_frame(none), leg_frame(near)),
        "one leg twice": pair_of(leg_frame(walk), leg_frame(walk)),
        "one leg the double": pair_of(leg_frame(2 * walk), leg_frame(walk)),
        "constant x": pair_of(leg_frame(walk), leg_frame(still)),
        "constant y": pair_of(leg_frame(still), leg_frame(walk)),
        "a tick ten times too large in x": pair_of(leg_frame(near), leg_frame(spiked)),
        "a tick ten times too large in y": pair_of(leg_frame(spiked), leg_frame(near)),
    }


@pytest.mark.parametrize(
    ("model", "transform"),
    [("ols", "log"), ("ols", "level"), ("kalman", "level"), ("tls", "log"), ("fixed", "level")],
)
@pytest.mark.parametrize("name", degenerate_pairs())
def test_degenerate_pairs_agree_with_the_twin(name, model, transform):
    """Nothing breaks, warns or departs where there is nothing to compute."""
    pair = degenerate_pairs()[name]
    for adf_test in ("engle_granger", "adf_spread"):
        config = draw_config(3, hedge_model=model, price_transform=transform, adf_test=adf_test)
        run, twin = run_backtest(pair, config), twin_run(pair, config)
        assert departures(run.frame, twin.frame) == []
        assert departures(run.trades.reset_index(drop=True), twin.trades) == []


def test_the_cases_show_every_state_reason_and_event():
    """Nothing that can be decided, and no variant of roll and fill, is left out of the comparison above."""
    runs = [case(seed)[2] for seed in CASES]
    states = {state for run in runs for state in run.frame["state"]}
    reasons = {part for run in runs for reason in run.frame["reason"] for part in reason.split("+")}
    assert states == set(STATES)
    assert reasons == set(REASONS)
    assert set.union(*(run.events for run in runs)) == EVENTS
    verdicts = {
        run.frame[f"gate_{gate}"].iloc[row]
        for run in runs
        for gate in GATE_NAMES
        for row in (0, -1)
    }
    assert verdicts == {"open", "shut", "off"}


OF_TWO_RULES = range(16)


def months_from_december_2019(months: int) -> str:
    """A delivery month, YYMM, so many months after December 2019."""
    year, month = divmod(19 * 12 + 11 + months, 12)
    return f"{year:02d}{month + 1:02d}"


@cache
def case_of_two_rules(seed: int) -> tuple[PairFrame, StrategyConfig, TwinRun]:
    """Plywood against gold, the first half of each leg's contracts on the rules before December 2019; gold's terms dated too."""
    pair = draw_pair(seed, 260)
    held = np.zeros(len(pair), dtype=bool)
    y, x = (
        replace(
            leg,
            leave=held,
            contract_names=tuple(
                f"{root}{months_from_december_2019(k - len(leg.contract_names) // 2)}"
                for k in range(len(leg.contract_names))
            ),
        )
        for leg, root in ((pair.y, "FB"), (pair.x, "AU"))
    )
    dated = (
        [
            OlderTerm(name, value, before_date=f"{pair.trade_date[row]:%Y-%m-%d}")
            for name, value, row in (
                ("fee_close", 3e-4, 220),
                ("margin_rate", 0.01, 180),
                ("fee_open", 2e-4, 160),
                ("tick", 2.0, 140),
                ("margin_rate", 0.03, 120),
                ("fee_close", 1e-4, 100),
                ("multiplier", 7.0, 90),
                ("tick", 1.0, 80),
            )
        ]
        if seed % 3
        else []
    )
    dated.append(OlderTerm("fee_open", 3e-4, before_delivery="1912"))
    pair = replace(
        pair,
        y=y,
        x=x,
        y_spec=with_history(replace(pair.y_spec, code="FB", multiplier=10, tick=0.5)),
        x_spec=with_history(replace(pair.x_spec, code="AU", tick=0.02, older=tuple(dated))),
    )
    config = draw_on_terms(seed, max_leverage=5.0, max_holding_days=40)
    return pair, config, twin_run(pair, config)


@pytest.mark.parametrize("seed", OF_TWO_RULES)
def test_contracts_on_different_rules_agree_with_the_twin(seed):
    """Terms change with contract and day: marks, fees, slippage, margin and size agree with the twin, and a sweep too."""
    pair, config, twin = case_of_two_rules(seed)
    run = run_backtest(pair, config)
    assert departures(run.frame, twin.frame) == []
    assert departures(run.trades, twin.trades) == []
    swept = sweep(pair, config, {"exit_z": [config.exit_z]}, executor=1)
    for name in ("total_return", "max_drawdown", "trades", "costs"):
        assert swept[name].item() == run.metrics[name], name


def test_positions_are_rolled_from_one_rule_to_the_other():
    """In the cases above lots are carried over the changes, so the comparison says something."""
    for event in ("rolls to other terms", "held over a change of terms"):
        assert sum(event in case_of_two_rules(seed)[2].events for seed in OF_TWO_RULES) >= 3
