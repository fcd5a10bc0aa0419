"""The parts of a result add up to it, on every bar; and the gate ledger follows what it says it follows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pairkit.analysis.attribution import PARTS, attribute, by_year
from pairkit.analysis.blocked_trades import blocked_trades, by_reason, gates_off
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.columns import names
from pairkit.config import StrategyConfig
from pairkit.run import run_backtest
from tests import ROOT
from tests.pairs import KINDS, build_pair, draw_config


def assert_adds_up(run):
    parts = attribute(run)
    scale = max(1.0, float(np.max(np.abs(run.ledger.equity))))
    price = parts["price_y"] + parts["price_x"]
    costs = parts[["fees", "slippage", "roll_fees", "roll_slippage"]].sum(axis=1)
    np.testing.assert_allclose(price, run.frame["pnl"], rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(-costs, run.frame["cost"], rtol=1e-9, atol=1e-9 * scale)
    assert parts.to_numpy().sum() == pytest.approx(
        run.ledger.equity[-1] - run.config.capital, rel=1e-9, abs=1e-9 * scale
    )
    return parts


@pytest.mark.parametrize("seed", range(24))
def test_the_parts_add_up_on_every_bar(seed):
    """Pairs with rolls, gaps, limits and odd names, under drawn configs, fills at the open and at the close."""
    config = draw_config(seed).replace(fill=("open", "close")[seed % 2], adf_gate=False)
    kind = KINDS[seed % 3] if config.price_transform == "level" else "ordinary"
    assert_adds_up(run_backtest(build_pair(seed, 260, kind=kind), config))


def test_each_kind_of_part_occurs():
    """In the demo: both legs, fees, slippage, and both costs of rolling, so that no sum above was over zeros."""
    run = run_backtest(
        open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC"),
        StrategyConfig(max_holding_days=60),
    )
    parts = assert_adds_up(run)
    assert list(parts.columns) == names(PARTS)
    assert all((parts[name] != 0.0).any() for name in parts)
    assert (parts[["fees", "slippage", "roll_fees", "roll_slippage"]] <= 0.0).all(axis=None)


def test_years_sum_to_all():
    """Each year's row, and the last of all years together."""
    run = run_backtest(build_pair(3, 600), draw_config(3).replace(adf_gate=False, beta_gate=False))
    yearly = by_year(attribute(run))
    assert list(yearly.index) == [*map(str, sorted(set(run.pair.trade_date.year))), "all"]
    assert yearly.loc["all", "total"] == pytest.approx(
        run.ledger.equity[-1] - run.config.capital, abs=1e-6
    )
    np.testing.assert_allclose(yearly.iloc[:-1].sum(), yearly.loc["all"], rtol=1e-9, atol=1e-6)


@pytest.fixture(scope="module")
def demo():
    return run_backtest(open_snapshot(ROOT / "snapshots" / "demo").pair("TA", "MA"))


def test_a_blocked_entry_is_followed_by_the_runs_own_rules(demo):
    """Where nothing was held before or after, opening the gate on that one bar gives the very trade that is listed."""
    from dataclasses import replace

    from pairkit.trading.engine import trade
    from pairkit.trading.gates import OPEN, Gates

    followed = blocked_trades(demo)
    assert set(followed["outcome"]) >= {"closed"}
    checked = 0
    for row in followed[followed["outcome"] == "closed"].itertuples():
        t = int(demo.pair.trade_date.searchsorted(row.decided))
        gates = Gates(np.array(demo.gates.verdicts))
        gates.verdicts[:, t] = OPEN
        market = demo.adjusted.market._replace(
            **{k: np.array(v) for k, v in demo.adjusted.market._asdict().items()}
        )
        indicators = demo.indicators._replace(
            **{k: np.array(v) for k, v in demo.indicators._asdict().items()}
        )
        ledger = trade(demo.pair, market, indicators, gates, demo.config)
        other = replace(demo, gates=gates, ledger=ledger).trades
        twin = other[other["entry_decided"] == row.decided]
        assert len(twin) == 1
        assert (
            twin["net"].iloc[0],
            twin["exit_reason"].iloc[0],
            twin["side"].iloc[0],
            twin["bars_held"].iloc[0],
        ) == (pytest.approx(row.net, abs=1e-6), row.exit_reason, row.side, row.bars_held)
        checked += 1
    assert checked > 3


def test_a_followed_trade_covers_the_blocked_bars_while_it_is_open(demo):
    """No two overlap, every blocked bar is followed or lies within one, and every row starts on a blocked bar."""
    followed = blocked_trades(demo)
    blocked = demo.frame.index[demo.frame["state"] == "BLOCKED"]
    assert followed["decided"].isin(blocked).all()
    ends = (
        followed["exit_filled"]
        .fillna(followed["decided"])
        .mask(followed["outcome"] == "open", pd.Timestamp("2262-01-01"))
    )
    assert (followed["decided"].iloc[1:].to_numpy() >= ends.iloc[:-1].to_numpy()).all()
    covered = [
        ((followed["decided"] <= day) & ((ends > day) | (followed["decided"] == day))).any()
        for day in blocked
    ]
    assert all(covered)


def test_reasons_are_counted_as_in_the_run(demo):
    """Bars blocked add up to the metric, trades and their net to the list."""
    followed = blocked_trades(demo)
    table = by_reason(demo, followed)
    assert table["blocked_bars"].sum() == (demo.frame["state"] == "BLOCKED").sum()
    assert table["net"].sum() == pytest.approx(followed["net"].sum())
    assert table["trades"].sum() == followed["net"].notna().sum()


def test_turning_a_gate_off_is_a_run_of_its_own(demo):
    """Each line is the run with that switch off; the difference is to the run as it is."""
    table = gates_off(demo).set_index("variant")
    assert list(table.index) == [
        "as run",
        "without adf",
        "without beta",
        "without vol",
        "without any gate",
    ]
    other = run_backtest(demo.pair, demo.config.replace(adf_gate=False))
    assert table.loc["without adf", "net"] == pytest.approx(other.ledger.equity[-1] - 1e6)
    assert table.loc["without adf", "difference"] == pytest.approx(
        other.ledger.equity[-1] - demo.ledger.equity[-1]
    )
    assert table.loc["as run", "difference"] == 0.0
    free = run_backtest(
        demo.pair, demo.config.replace(adf_gate=False, beta_gate=False, vol_gate=False)
    )
    assert list(gates_off(free)["variant"]) == ["as run"]


def test_without_blocked_bars_the_ledger_is_empty(demo):
    """No gate, no row, and columns of the same kinds."""
    gates = dict.fromkeys(("adf_gate", "beta_gate", "vol_gate"), False)
    free = run_backtest(demo.pair, demo.config.replace(**gates, vol_target=0.0, max_leverage=1.0))
    followed = blocked_trades(free)
    assert len(followed) == (free.frame["state"] == "BLOCKED").sum() == 0
    assert isinstance(followed["decided"].dtype, np.dtype) or pd.api.types.is_datetime64_any_dtype(
        followed["decided"]
    )
    assert by_reason(free, followed).empty
