"""What must hold between the columns of any run, whatever the pair and the config; and that a run can be had again."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairkit.audit.runs.manifest import run_manifest
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import SEEDS, draw_config, draw_pair

DRAWN = st.builds(lambda seed: (draw_pair(seed, 200), draw_config(seed)), SEEDS)
many = settings(max_examples=30)


@many
@given(DRAWN)
def test_6_4_equity_is_capital_and_profit_less_costs(drawn):
    """Equity is the capital plus all P&L less all costs, at every bar."""
    pair, config = drawn
    frame = run_backtest(pair, config).frame
    expected = config.capital + frame["pnl"].cumsum() - frame["cost"].cumsum()
    np.testing.assert_allclose(frame["equity"], expected, rtol=1e-12)


@many
@given(DRAWN)
def test_6_4_flat_bars_earn_and_cost_nothing(drawn):
    """Flat at this close and the one before: no P&L, no cost."""
    frame = run_backtest(*drawn).frame
    flat = frame["position"].eq(0) & frame["position"].shift(fill_value=0).eq(0)
    assert (frame.loc[flat, ["pnl", "cost"]] == 0).all(axis=None)


@many
@given(DRAWN)
def test_6_4_lots_change_only_on_a_fill(drawn):
    """Lots differ from the bar before exactly on the bars where a trade was entered or left."""
    run = run_backtest(*drawn)
    changed = run.frame[["lots_y", "lots_x"]].diff().fillna(0).ne(0).any(axis=1)
    fills = set(run.trades["entry_filled"]) | set(run.trades["exit_filled"].dropna())
    assert set(run.frame.index[changed]) == fills


@many
@given(DRAWN)
def test_6_4_costs_are_never_negative(drawn):
    """No bar and no trade has a cost below zero."""
    run = run_backtest(*drawn)
    assert (run.frame["cost"] >= 0).all()
    assert (run.trades["costs"] >= 0).all()


@many
@given(DRAWN)
def test_6_4_the_trades_add_up_to_the_equity(drawn):
    """The net results of all trades, open ones too, are the change of equity; the worst mark is not above the best."""
    pair, config = drawn
    run = run_backtest(pair, config)
    scale = config.capital + run.frame["pnl"].abs().sum()
    assert (
        abs(run.trades["net"].sum() - (run.frame["equity"].iloc[-1] - config.capital))
        <= 1e-12 * scale
    )
    assert abs(run.trades["costs"].sum() - run.frame["cost"].sum()) <= 1e-12 * scale
    assert (run.trades["worst_mark"] <= run.trades["best_mark"]).all()


@many
@given(DRAWN)
def test_6_4_position_is_the_sign_of_the_lots_of_y(drawn):
    """Both legs are held or neither, and position says which way."""
    frame = run_backtest(*drawn).frame
    assert (np.sign(frame["lots_y"]) == frame["position"]).all()
    assert (frame["lots_y"].eq(0) == frame["lots_x"].eq(0)).all()
    assert (
        frame.loc[frame["state"].isin(["FLAT", "BLOCKED", "COOLDOWN", "ENTERING"]), "position"]
        .eq(0)
        .all()
    )
    assert (
        frame.loc[frame["state"].isin(["LONG", "SHORT", "HOLD", "EXITING"]), "position"].ne(0).all()
    )


@many
@given(DRAWN)
def test_6_4_an_order_fills_after_the_bar_that_decided_it(drawn):
    """Every fill is dated after its decision: nothing is traded at the close that made the choice."""
    trades = run_backtest(*drawn).trades
    closed = trades[trades["exit_filled"].notna()]
    assert (trades["entry_filled"] > trades["entry_decided"]).all()
    assert (closed["exit_filled"] > closed["exit_decided"]).all()
    assert (closed["exit_decided"] >= closed["entry_filled"]).all()


@given(DRAWN)
def test_6_5_a_run_does_not_touch_its_input(drawn):
    """The pair's arrays are the same after a run as before it."""
    pair, config = drawn
    before = pair.frame.copy(deep=True)
    run_backtest(pair, config)
    pd.testing.assert_frame_equal(pair[: len(pair)].frame, before, check_exact=True)


def digest(seed: int) -> str:
    """A hash of everything a run hands out."""
    run = run_backtest(draw_pair(seed), draw_config(seed))
    text = (
        run.frame.to_csv(float_format="%a")
        + run.trades.to_csv(float_format="%a")
        + repr(run.metrics)
    )
    return hashlib.sha256(text.encode()).hexdigest()


def test_6_5_the_same_input_gives_the_same_bytes_in_another_process():
    """Two interpreters, with other hash seeds, agree on every bit of frame, trades and metrics."""
    seeds = range(4)
    code = f"from tests.rules.test_identities import digest; print(*map(digest, {list(seeds)}))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONHASHSEED": "77",
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        },
    )
    assert answer.stdout.split() == [digest(seed) for seed in seeds]


def test_what_is_done_to_a_table_stays_without_effect_on_the_run():
    """A frame, trades or metrics changed in a notebook leave run, manifest and report what they were; arrays stay read-only."""
    run = run_backtest(draw_pair(3), draw_config(3))
    sealed = run_manifest(run).content
    frame, trades = run.frame, run.trades
    frame["equity"] = 1.0
    frame.loc[frame.index[0], "z"] = 99.0
    del trades["net"]
    with pytest.raises(TypeError, match="cannot be changed"):
        run.metrics["sharpe"] = 9.0
    with pytest.raises(TypeError, match="cannot be changed"):
        run.metrics.update(sharpe=9.0)
    assert run_manifest(run).content == sealed
    for other in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert run_manifest(other).content == sealed
        arrays = [
            *other.indicators,
            *other.ledger,
            *other.gates,
            *other.adjusted.market,
            other.pair.y.close,
            other.pair.x.leave,
        ]
        assert not any(array.flags.writeable for array in arrays)
    assert dict(run.metrics) == json.loads(json.dumps(run.metrics)) or math.isnan(
        sum(run.metrics.values())
    )


def test_the_engine_runs_where_nothing_is_compiled():
    """Under NUMBA_DISABLE_JIT, as debuggers and coverage need it, a run and a sweep give the compiled numbers."""
    code = (
        "from pairkit.research.sweeps.sweep import sweep; from pairkit.run import run_backtest; "
        "from tests.pairs import draw_config, draw_pair; pair, config = draw_pair(3, 150), draw_config(3); "
        "print(repr(dict(run_backtest(pair, config).metrics))); "
        "swept = sweep(pair, config, {'max_holding_days': [3, 9]}, executor=1); "
        "print(swept[['total_return', 'trades']].to_numpy().tolist())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "NUMBA_DISABLE_JIT": flag},
        ).stdout
        for flag in ("0", "1")
    ]
    assert said[0] == said[1]
    assert "'trades': " in said[0]
