"""Begun later, a run must not differ: agreement on the product's own models, and starts planted into one on purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plotly.graph_objects import Figure

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.charts.checks.warm_up import figures
from pairkit.columns import RUN_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError, RunError
from pairkit.research.warm_up.check import warm_up_sensitivity
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import SHORT_WINDOWS, build_pair


def planted(**shifts):
    """A backtest some of whose indicators depend on where the data begin: by `shift` of the number of bars."""

    def run(pair, config):
        made = run_backtest(pair, config)
        moved = {
            name: getattr(made.indicators, name) + shift(len(pair))
            for name, shift in shifts.items()
        }
        return replace(made, indicators=made.indicators._replace(**moved))

    return run


@pytest.mark.parametrize("seed", range(6))
def test_windowed_columns_do_not_depend_on_the_start(seed):
    """On pairs with every ill, log and level, both tests: indicators within 1e-9, decisions exactly."""
    config = SHORT_WINDOWS.replace(
        price_transform=("log", "level")[seed % 2],
        adf_test=("engle_granger", "adf_spread")[seed // 2 % 2],
    )
    found = warm_up_sensitivity(build_pair(seed, 420), config)
    assert found.result().verdict == "passed", found.table[found.table["verdict"] == "failed"]
    assert found.result().figures["largest_relative"] < 1e-9
    decided = found.table[found.table["kind"] == "decided"]
    assert (decided["verdict"] == "passed").any()
    assert set(found.table["column"]) == set(names(RUN_COLUMNS)) - {"drawdown"}


@pytest.mark.parametrize("name", ["beta", "spread", "z", "vol", "adf_pvalue"])
def test_a_column_that_knows_the_start_is_found(name):
    """Shifted by a millionth for each bar of the data, the column fails by its name on every bar, with the size of the shift."""
    found = warm_up_sensitivity(
        build_pair(1, 400, ills=()),
        SHORT_WINDOWS,
        steps=[1, 2],
        run=planted(**{name: lambda bars: 1e-6 * bars}),
    )
    failed = found.table[(found.table["verdict"] == "failed") & (found.table["column"] == name)]
    assert failed["step"].tolist() == [1, 2]
    assert (failed["differing"] > 0.9 * failed["rows"]).all()
    assert failed["largest"].to_numpy() == pytest.approx([40e-6, 80e-6], rel=1e-3)
    result = found.result()
    assert result.verdict == "failed"
    assert name in result.sentence


def test_decisions_that_know_the_start_are_found():
    """With alike indicators, lots that grow with the length of the data are held against the run."""

    def run(pair, config):
        made = run_backtest(pair, config)
        return replace(made, ledger=made.ledger._replace(lots=made.ledger.lots * len(pair)))

    found = warm_up_sensitivity(build_pair(1, 400, ills=()), SHORT_WINDOWS, steps=[1], run=run)
    failed = found.table[found.table["verdict"] == "failed"]
    assert failed["column"].tolist() == ["lots_y", "lots_x"]
    assert set(failed["kind"]) == {"decided"}


def test_the_anchor_of_the_adjusted_series_is_no_difference():
    """A cut moves y, x and alpha by constants, which the comparison takes out; without that they would differ on every bar."""
    pair = build_pair(2, 400, ills=())
    whole, later = (
        run_backtest(pair, SHORT_WINDOWS).frame.iloc[40:],
        run_backtest(pair[40:], SHORT_WINDOWS).frame,
    )
    apart = (whole["alpha"] - later["alpha"]).abs()
    assert apart.max() > 1e-3
    table = warm_up_sensitivity(pair, SHORT_WINDOWS, steps=[1]).table.set_index("column")
    assert (table.loc[["y", "x", "alpha", "alpha_lag"], "relative"] < 1e-9).all()


@pytest.mark.parametrize("transform", ["log", "level"])
def test_under_a_fixed_ratio_the_spread_moves_with_the_anchor_alone(transform):
    """A cut moves the spread by one constant and alpha not at all, which is no difference; a z that knows the start is one."""
    pair = build_pair(3, 400, ills=())
    config = SHORT_WINDOWS.replace(hedge_model="fixed", price_transform=transform)
    whole, later = run_backtest(pair, config).frame.iloc[40:], run_backtest(pair[40:], config).frame
    apart = (whole["spread"] - later["spread"]).dropna()
    assert abs(apart.iloc[0]) > 1e-3
    assert apart.to_numpy() == pytest.approx(apart.iloc[0], rel=1e-9)
    assert warm_up_sensitivity(pair, config, steps=[1]).result().verdict == "passed"
    moved = planted(z=lambda bars: 1e-6 * bars)
    assert warm_up_sensitivity(pair, config, steps=[1], run=moved).result().verdict == "failed"


SLOW = StrategyConfig(hedge_model="kalman", kalman_gamma=1e-6)


def test_a_filter_forgets_where_the_data_began():
    """At its usual gamma the Kalman hedge comes together with the one of the whole data, within the check's bound."""
    pair = open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC")
    table = warm_up_sensitivity(
        pair, StrategyConfig(hedge_model="kalman"), steps=[2]
    ).table.set_index("column")
    assert table.loc["beta", "kind"] == "recursive"
    assert table.loc["beta", "verdict"] == "passed"


def test_a_filter_that_is_slow_to_forget_is_found():
    """With a gamma of 1e-6 it remembers a thousand bars, so z goes on to differ; prices and their test do not."""
    pair = open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC")
    found = warm_up_sensitivity(pair, SLOW, steps=[2])
    table = found.table.set_index("column")
    assert (table.loc[["y", "x", "adf_pvalue"], "verdict"] == "passed").all()
    assert table.loc["beta", "kind"] == "recursive"
    assert table.loc["z", "verdict"] == "failed"
    assert (table.loc[table["kind"] == "decided", "verdict"] == "noted").all()
    by_hand = run_backtest(pair[2 * found.settings["window"] :], SLOW).frame["beta"]
    ours = run_backtest(pair, SLOW).frame["beta"].loc[by_hand.index]
    rows = int(table.loc["beta", "rows"])
    assert table.loc["beta", "largest"] == np.nanmax(np.abs(ours - by_hand).iloc[-rows:])
    assert found.result().verdict == "failed"


def test_steps_that_leave_too_little_are_left_out_and_none_is_told():
    """Of 1, 2 and 50 windows two fit; where none does, RunError says how long the pair is."""
    pair = build_pair(1, 300, ills=())
    assert warm_up_sensitivity(pair, SHORT_WINDOWS, steps=[1, 2, 50]).settings["steps"] == "1 2"
    with pytest.raises(RunError, match="300 bars"):
        warm_up_sensitivity(pair, StrategyConfig(), steps=[2])


@pytest.mark.parametrize("steps", [[], [0], [1, 1], [1.5]])
def test_steps_that_cannot_be_are_refused(steps):
    """ConfigError names what is accepted."""
    with pytest.raises(ConfigError, match="whole numbers of windows"):
        warm_up_sensitivity(build_pair(1, 300, ills=()), SHORT_WINDOWS, steps=steps)


def test_it_tells_its_progress_and_can_be_stopped():
    """Progress ends at all starts; a stop raises CancelledError."""
    told = []
    warm_up_sensitivity(
        build_pair(1, 400, ills=()),
        SHORT_WINDOWS,
        steps=[1, 2],
        progress=lambda *at: told.append(at),
    )
    assert told == [(0, 2), (1, 2), (2, 2)]
    with pytest.raises(CancelledError):
        warm_up_sensitivity(build_pair(1, 400, ills=()), SHORT_WINDOWS, cancelled=lambda: True)


def test_the_figures_drawn_are_those_found():
    """A point for each column of numbers, marked where it failed; a line a start; both are Plotly's in both themes."""
    pair = build_pair(1, 400, ills=())
    for found in (
        warm_up_sensitivity(pair, SHORT_WINDOWS, steps=[1, 2]),
        warm_up_sensitivity(
            pair, SHORT_WINDOWS, steps=[1], run=planted(z=lambda bars: 1e-6 * bars)
        ),
    ):
        numbers = found.table.dropna(subset=["relative"]).groupby("column")["relative"].max()
        for theme in ("light", "dark"):
            columns, beta = figures(found, theme)
            drawn = {
                name: y
                for trace in columns["data"]
                for name, y in zip(trace["x"], trace["y"], strict=True)
            }
            assert set(drawn) == set(numbers.index)
            assert drawn["z"] == numbers["z"]
            groups = {trace["name"]: set(trace["x"]) for trace in columns["data"]}
            verdicts = found.table[found.table["column"] == "z"]["verdict"]
            assert ("z" in groups["agrees"]) == (verdicts == "passed").all()
            assert ("z" in groups.get("depends on the start", ())) == (verdicts == "failed").any()
            assert ("position" in groups.get("not judged", ())) == (verdicts == "failed").any()
            assert len(beta["data"]) == found.table["step"].nunique()
            assert all(Figure(spec).to_json() for spec in (columns, beta))
