"""On which terms trades were made, and the margin used by day: ledgers by hand, and the engine's own costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pairkit.analysis.terms_paid import margin_by_day, terms_of_trades
from pairkit.market.spec_history import bundled_dated
from pairkit.report.page import report_html
from pairkit.research.sweeps.sweep import sweep
from pairkit.run import run_backtest
from tests.engines import ENGINES, PLAIN, Desk, product
from tests.market.test_terms import drawn_table
from tests.pairs import build_pair, draw_on_terms, eager, leg_frame, pair_of, spec
from tests.twin import twin_run


@pytest.fixture(params=ENGINES)
def desk(request) -> Desk:
    """Each engine in turn."""
    return Desk(request.param)


def held_pair(y_root: str, x_root: str, contract: str, days: pd.DatetimeIndex, **columns):
    """Two bundled roots in one delivery, at 100 and 50, on these days."""
    y, x = (
        leg_frame([price] * len(days), contract=f"{root}{contract}").set_axis(days)
        for root, price in ((y_root, 100.0), (x_root, 50.0))
    )
    return pair_of(y, x, y_spec=bundled_dated(y_root), x_spec=bundled_dated(x_root))


def test_rebar_margin_rises_towards_delivery(desk):
    """RB2605 with HC2605, by hand: 7 % of both notionals in March, 10 % from the first day of April on, 20 % in May; RB and HC are
    two groups, so both sides are margined."""
    days = pd.DatetimeIndex(
        ["2026-03-27", "2026-03-30", "2026-03-31", "2026-04-01", "2026-04-30", "2026-05-06"]
    )
    run = desk.run(
        [-2.5, -1, -1, -1, -1, -1],
        held_pair("RB", "HC", "2605", days),
        whole_lots=True,
        max_leverage=1.0,
    )
    assert run.frame["position"].tolist() == [0, 1, 1, 1, 1, 1]
    notional = run.frame["lots_y"].abs() * 100 * 10 + run.frame["lots_x"].abs() * 50 * 10
    expected = notional * [0.07, 0.07, 0.07, 0.1, 0.1, 0.2]
    if desk.engine is product:
        np.testing.assert_allclose(margin_by_day(run), expected, rtol=1e-12)
    earned = (run.frame["equity"].iloc[-1] - PLAIN.capital) * 252 / len(run.frame)
    assert run.metrics["return_on_margin"] == pytest.approx(earned / expected[1:].mean(), rel=1e-9)


@pytest.mark.parametrize(
    ("y", "x", "larger"), [("IF", "IH", True), ("IF", "IC", True), ("RB", "I", False)]
)
def test_index_futures_are_margined_on_the_larger_side(desk, y, x, larger):
    """IF against IH: the larger side; RB against I: the sum; without one-sided margin always the sum."""
    days = pd.bdate_range("2026-02-02", periods=4)
    pair = held_pair(y, x, "2603", days)
    for one_sided in (True, False):
        run = desk.run(
            [-2.5, -1, -1, -1], pair, one_sided_margin=one_sided, max_leverage=0.5, capital=1e7
        )
        rate = {
            "IF": 0.12,
            "IH": 0.12,
            "IC": 0.12,
            "RB": 0.1,
            "I": 0.11,
        }  # RB: the month before March
        lots = {"IF": 300, "IH": 300, "IC": 200, "RB": 10, "I": 100}
        sides = [
            run.frame[f"lots_{leg}"].abs() * price * lots[root] * rate[root]
            for leg, root, price in (("y", y, 100), ("x", x, 50))
        ]
        expected = np.maximum(*sides) if larger and one_sided else sides[0] + sides[1]
        expected = expected.where(run.frame["position"] != 0, 0.0)
        if desk.engine is product:
            np.testing.assert_allclose(margin_by_day(run), expected, rtol=1e-12)
        assert run.frame["position"].iloc[1] == 1


def rolled_run(seed: int):
    """A run on drawn records, with four contracts a leg."""
    pair = build_pair(seed, 260)
    names = tuple(f"RB{month}" for month in ("2105", "2110", "2201", "2205"))
    codes = np.minimum(np.arange(len(pair)) // 70, 3).astype(np.int64)
    y, x = (replace(leg, contract=codes, contract_names=names) for leg in (pair.y, pair.x))
    tables = [drawn_table(seed + of, names, pair.trade_date) for of in (0, 100)]
    pair = replace(
        pair, y=y, x=x, y_spec=spec("RB", terms=tables[0]), x_spec=spec("RB", terms=tables[1])
    )
    config = draw_on_terms(
        seed, hedge_window=30, z_window=20, slippage_ticks=0.0, fee_multiplier=1.0
    )
    return pair, config


@pytest.mark.parametrize("seed", range(8))
def test_the_margin_by_day_is_the_engines(seed):
    """Its mean over the days in a position is what `return_on_margin` is made of, and the plain backtest's."""
    pair, config = rolled_run(seed)
    run, twin = run_backtest(pair, config), twin_run(pair, config)
    margin = margin_by_day(run)
    mean = margin[run.frame["position"] != 0].dropna().mean()
    assert run.metrics["annual_return"] * config.capital / mean == pytest.approx(
        twin.metrics["return_on_margin"], rel=1e-9, nan_ok=True
    )
    assert (margin[run.frame["position"] == 0] == 0.0).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_trades_listed_with_their_terms_cost_what_the_engine_charged(seed):
    """Lots times the fee of each listed trade add up, day by day, to the run's costs, at prices read from the bars."""
    pair, config = rolled_run(seed)
    run = run_backtest(pair, config)
    paid = terms_of_trades(run)
    assert {"entry", "exit"} <= set(paid["event"])
    trades = run.trades.set_index(np.arange(1, len(run.trades) + 1))
    assert {day for day, cost in run.frame["cost"].items() if cost > 0} == {
        day for day, of in paid.groupby("date") if (of["fee"] > 0).any()
    }
    for day, of in paid.groupby("date"):
        plain = set(of["event"]) <= {"entry", "exit"} and set(of["fee_mode"]) == {"lot"}
        if plain and not of["trade"].duplicated(keep=False).sum() > 2:
            lots = trades.loc[of["trade"], ["lots_y", "lots_x"]].abs().to_numpy()
            sides = lots[np.arange(len(of)), np.arange(len(of)) % 2]
            assert run.frame.loc[day, "cost"] == pytest.approx(float(sides @ of["fee"]), rel=1e-12)


def test_a_sweep_is_margined_by_months_too():
    """Every figure of a sweep over a ladder is the single run's."""
    days = pd.bdate_range("2026-01-05", periods=85)
    rng = np.random.default_rng(3)
    closes = [price * np.exp(rng.normal(0, 0.01, len(days)).cumsum()) for price in (4000.0, 4200.0)]
    y, x = (
        leg_frame(close, contract=f"{root}2605").set_axis(days)
        for close, root in zip(closes, ("RB", "HC"), strict=True)
    )
    pair = pair_of(y, x, y_spec=bundled_dated("RB"), x_spec=bundled_dated("HC"))
    config = eager(max_leverage=20.0, max_loss=0.0)
    swept = sweep(pair, config, {"max_leverage": [4.0, 6.0, 12.0]}, executor=1)
    for row in swept.itertuples():
        run = run_backtest(pair, config.model_copy(update={"max_leverage": row.max_leverage}))
        assert (row.return_on_margin, row.total_return) == (
            run.metrics["return_on_margin"],
            run.metrics["total_return"],
        )
        assert row.trades > 0


def test_explain_and_report_tell_the_terms_and_their_source():
    """The trace of a bar has the margin rate of its month; the report has each trade's fee, the peak of the margin and the chart."""
    days = pd.DatetimeIndex(["2026-03-30", "2026-03-31", "2026-04-01", "2026-04-02"])
    run = Desk("product").run(
        [-2.5, -1, -1, -1], held_pair("RB", "HC", "2605", days), max_leverage=1.0
    )
    told = [run.explain(day).section("Terms").set_index(["contract", "term"]) for day in days[1:3]]
    assert [table.loc[("RB2605", "margin_rate"), "value"] for table in told] == ["0.07", "0.1"]
    assert told[0].loc[("RB2605", "fee_open")].tolist() == ["0.0001 rate", "typical 2026-01"]
    assert "Next bar" in dict(run.explain(days[0]).sections)
    text = report_html(run, checks=False)
    peak = margin_by_day(run)
    assert peak.idxmax() == days[2]
    assert "was used on 2026-04-01" in text
    assert "chart-margin" in text
    assert "typical 2026-01" in text
