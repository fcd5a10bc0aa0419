"""The ladder from paper to real: both ends held against something independent, and each rung alone."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure

from pairkit.charts.checks.realism import figures
from pairkit.charts.theme import THEMES
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError
from pairkit.market.terms import TermRecord, TermsTable
from pairkit.research.lookahead.outputs import first_difference
from pairkit.research.realism.check import (
    BESIDE,
    LADDER_COLUMNS,
    RUNGS,
    RealismLadder,
    realism_ladder,
)
from pairkit.run import run_backtest
from pairkit.trading.loop import TALLY
from tests.pairs import build_pair, draw_config, draw_pair, leg_frame, pair_of, spec

STEPS = [rung.name for rung in RUNGS]
CONFIG = StrategyConfig(
    hedge_window=30,
    z_window=15,
    entry_z=1.0,
    exit_z=0.3,
    stop_z=4.0,
    adf_window=40,
    adf_max_pvalue=0.5,
    vol_window=5,
    vol_baseline_window=20,
    max_vol_ratio=1.5,
    cooldown_days=0,
    max_holding_days=200,
    max_loss=0.0,
)


def coming_back(bars=240, seed=1):
    """A pair of one contract each whose spread comes back at once; opens of their own; no gaps, no limits."""
    rng = np.random.default_rng(seed)
    x = 3000 + np.cumsum(rng.normal(0, 8, bars))
    y = 500 + 0.8 * x + rng.normal(0, 20, bars)
    legs = [leg_frame(np.round(price)) for price in (y, x)]
    legs = [leg.assign(open=leg["open"] + rng.integers(1, 4, bars)) for leg in legs]
    return pair_of(*legs, spec("Y", fee_open=3.0, fee_close=3.0), spec("X"))


# --- the real end ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(24))
def test_the_last_rung_is_the_run(seed):
    """Every array of the ledger and every figure, to the bit, on pairs with every ill and under any settings."""
    pair, config = draw_pair(seed, 200), draw_config(seed)
    run, ladder = run_backtest(pair, config), realism_ladder(pair, config)
    last = ladder.ledgers["gates"]
    assert [
        name
        for name in run.ledger._fields
        if getattr(last, name).shape != getattr(run.ledger, name).shape
        or first_difference(getattr(last, name).ravel(), getattr(run.ledger, name).ravel())
        is not None
    ] == []
    told = ladder.table.iloc[-1]
    for name in ("total_return", "sharpe", "max_drawdown", "trades", "costs"):
        assert told[name] == run.metrics[name] or (
            math.isnan(told[name]) and math.isnan(run.metrics[name])
        )


# --- the paper end -----------------------------------------------------------------------------------------------------
def paper_equity(pair, config):
    """A paper trader in plain Python: today's regression, traded at today's close, any fraction of a lot, free of charge."""
    y, x = np.log(pair.y.close), np.log(pair.x.close)
    spread, hedged = [], [np.nan]
    equity, out, lots, side = config.capital, [], np.zeros(2), 0
    for t in range(len(pair)):
        if t:
            equity += float(
                lots
                @ [
                    10 * (pair.y.close[t] - pair.y.close[t - 1]),
                    10 * (pair.x.close[t] - pair.x.close[t - 1]),
                ]
            )
        out.append(equity)
        past = slice(t - config.hedge_window + 1, t + 1)
        slope, intercept = np.polyfit(x[past], y[past], 1) if past.start >= 0 else (np.nan, np.nan)
        if t:
            hedged.append(y[t] - y[t - 1] - slope * (x[t] - x[t - 1]))
        spread.append(y[t] - intercept - slope * x[t])
        recent = np.array(spread[-config.z_window :])
        z = (
            (recent[-1] - recent.mean()) / recent.std(ddof=1)
            if len(recent) == config.z_window
            else np.nan
        )
        if math.isnan(z):
            continue
        if side and (-side * z >= config.stop_z or -side * z <= config.exit_z):
            side, lots = 0, np.zeros(2)
        elif not side and config.entry_z <= abs(z) < config.stop_z:
            side = -1 if z > 0 else 1
            vol = np.std(hedged[-config.vol_window :], ddof=1) * math.sqrt(252)
            share = min(
                config.max_leverage / (1 + abs(slope)),
                config.vol_target / vol if config.vol_target else 1.0,
            )
            lots_y = config.capital * share / (10 * pair.y.close[t])
            lots = side * np.array([lots_y, -slope * lots_y * pair.y.close[t] / pair.x.close[t]])
    return np.array(out)


@pytest.mark.parametrize("vol_target", [0.0, 0.05])
def test_the_first_rung_is_what_a_paper_trader_books(vol_target):
    """Against a loop in plain Python with numpy's own regression: equity on every bar."""
    pair, config = coming_back(), CONFIG.replace(vol_target=vol_target, rearm=False)
    ladder = realism_ladder(pair, config)
    expected = paper_equity(pair, config)
    assert ladder.table["trades"].iloc[0] > 10
    assert ladder.equity["paper"].to_numpy() == pytest.approx(expected, rel=1e-9)


def test_a_paper_fill_is_the_close_that_decided():
    """Up to the lagged hedge at the deciding close, both ways; from then on at the open of the next bar."""
    pair = coming_back()
    ladder = realism_ladder(pair, CONFIG)
    for step, price in (
        ("paper", pair.y.close),
        ("lagged_beta", pair.y.close),
        ("next_bar", pair.y.open),
    ):
        ledger = ladder.ledgers[step]
        later = 0 if step != "next_bar" else 1
        decided, exits = ledger.trade_bars[:, 0], ledger.trade_bars[:, 2]
        assert len(decided) > 10
        assert (ledger.trade_bars[:, 1] == decided + 1).all()
        assert (ledger.entry_price[:, 0] == price[decided + later]).all()
        closed = exits >= 0
        assert (ledger.exit_price[closed, 0] == price[exits[closed] + later]).all()


@pytest.mark.parametrize("bars_after_entry", [0, 1])
def test_a_paper_roll_earns_the_new_contract_s_own_move(bars_after_entry):
    """A roll into a contract 50 points higher earns nothing and costs nothing, also where an entry fills on it; on its own rung
    a held leg gains what the old contract opened higher, here 7 points, and pays two trades."""
    pair = coming_back()
    config = CONFIG.replace(price_transform="level", vol_target=0.0, whole_lots=False)
    flat = realism_ladder(pair, config).ledgers
    entered, left = flat["fees"].trade_bars[:, [1, 3]].T
    longest = int(np.argmax(left - entered))
    at, left = int(entered[longest]) + bars_after_entry, int(left[longest])
    assert at + 1 < left
    with_roll = realism_ladder(replace(pair, y=rolled(pair.y, at)), config).ledgers
    for step in ("lagged_beta", "next_bar", "slippage", "fees"):
        ours, theirs = with_roll[step], flat[step]
        assert (ours.trade_bars[: longest + 1] == theirs.trade_bars[: longest + 1]).all()
        assert ours.pnl[: left + 1] == pytest.approx(theirs.pnl[: left + 1])
        assert ours.cost[: left + 1] == pytest.approx(theirs.cost[: left + 1])
    real, paid, lots = with_roll["rolls"], with_roll["fees"], with_roll["rolls"].lots[at - 1, 0]
    assert bool(lots) == bool(bars_after_entry)
    assert real.pnl[at] == pytest.approx(paid.pnl[at] + lots * 10.0 * 7.0)
    assert real.cost[at] == pytest.approx(
        paid.cost[at] + abs(lots) * (3.0 + 3.0 + 2 * 10.0)
    )  # two fees, two ticks of 10 CNY


def test_a_paper_roll_waits_for_a_bar():
    """Where the day of the roll has no bar, the leg rolls on the next one: still nothing earned by the gap."""
    pair = coming_back()
    config = CONFIG.replace(price_transform="level", vol_target=0.0, whole_lots=False)
    entered, left = realism_ladder(pair, config).ledgers["fees"].trade_bars[:, [1, 3]].T
    at = int(entered[np.argmax(left - entered)]) + 1
    flat, rolling = (replace(pair, y=without_bar(leg, at)) for leg in (pair.y, rolled(pair.y, at)))
    for step in ("lagged_beta", "slippage"):
        ours, theirs = (realism_ladder(one, config).ledgers[step] for one in (rolling, flat))
        assert theirs.lots[at + 1, 0] == theirs.lots[at - 1, 0] != 0
        assert ours.pnl[: at + 2] == pytest.approx(theirs.pnl[: at + 2])


def without_bar(leg, row):
    """The leg without prices and volume on one row; its contract is known, and the next row's close before is an earlier one."""
    names = (
        "open",
        "high",
        "low",
        "close",
        "settle",
        "volume",
        "open_interest",
        "pre_close",
        "roll_open",
    )
    gone = {
        name: np.where(np.arange(len(leg.close)) == row, np.nan, getattr(leg, name))
        for name in names
    }
    gone["pre_close"][row + 1] = leg.pre_close[row]
    return replace(leg, **gone)


def rolled(leg, at):
    """The leg with a contract that stands 50 points higher from row `at` on, where the old one opens 7 points above itself."""
    new = np.arange(len(leg.close)) >= at
    higher = {
        name: getattr(leg, name) + 50.0 * new
        for name in ("open", "high", "low", "close", "settle", "pre_close")
    }
    roll_open = np.where(np.arange(len(new)) == at, leg.open + 7.0, np.nan)
    return replace(
        leg, **higher, roll_open=roll_open, contract=new.astype(np.int64), contract_names=("A", "B")
    )


# --- each rung alone ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("step", "changes"),
    [
        ("whole_lots", {"whole_lots": False}),
        ("slippage", {"slippage_ticks": 0.0}),
        ("fees", {"fee_multiplier": 0.0}),
        ("gates", {"adf_gate": False, "beta_gate": False, "vol_gate": False}),
    ],
)
def test_a_step_that_the_config_does_not_take_takes_nothing(step, changes):
    """Exactly 0 from return, Sharpe ratio, trades and costs, and the same ledger to the bit."""
    pair = build_pair(3, 240, ills=("missing", "limits", "no_volume"), roll_every=20)
    ladder = realism_ladder(pair, CONFIG.replace(**changes))
    _takes_nothing(ladder, step)


@pytest.mark.parametrize("seed", range(4))
def test_steps_without_an_occasion_take_nothing(seed):
    """No rolls: the rolls take exactly 0. No gaps, no limits, any share of the volume: tradability takes exactly 0."""
    _takes_nothing(
        realism_ladder(build_pair(seed, 240, ills=("limits", "missing"), roll_every=0), CONFIG),
        "rolls",
    )
    unbound = CONFIG.replace(max_participation=0.0)
    _takes_nothing(
        realism_ladder(build_pair(seed, 240, ills=(), roll_every=15), unbound), "tradability"
    )


def _takes_nothing(ladder, step):
    row = ladder.table.set_index("step").loc[step]
    assert (row[["takes_return", "takes_sharpe", "takes_trades", "adds_costs"]] == 0).all()
    ours, before = ladder.ledgers[step], ladder.ledgers[STEPS[STEPS.index(step) - 1]]
    assert all(
        first_difference(a.ravel(), b.ravel()) is None for a, b in zip(ours, before, strict=True)
    )


@pytest.mark.parametrize("seed", range(8))
def test_each_rung_brings_what_it_says(seed):
    """Lots, costs and refused fills appear on their own rung, and not before."""
    pair = build_pair(seed, 280, ills=("missing", "limits", "no_volume"), roll_every=15)
    ledgers = realism_ladder(pair, CONFIG).ledgers
    deferred = {step: ledger.deferred.any() for step, ledger in ledgers.items()}
    assert not any(deferred[step] for step in STEPS[: STEPS.index("tradability")])
    for step in ("paper", "lagged_beta", "next_bar", "whole_lots"):
        assert not ledgers[step].cost.any()
    assert (ledgers["whole_lots"].trade_lots == np.round(ledgers["whole_lots"].trade_lots)).all()
    assert (ledgers["next_bar"].trade_lots != np.round(ledgers["next_bar"].trade_lots)).any()
    for step in ("slippage", "fees"):
        charged = set(np.flatnonzero(ledgers[step].cost).tolist())
        assert charged <= set(ledgers[step].trade_bars[:, [1, 3]].ravel().tolist())


def test_slippage_without_rolls_is_two_ticks_a_lot():
    """Before rolls are a step, each closed trade costs its lots times two ticks, whatever it rolled through."""
    pair = build_pair(5, 280, ills=(), roll_every=8)
    ledger = realism_ladder(pair, CONFIG).ledgers["slippage"]
    worth = np.array([leg.tick * leg.multiplier for leg in (pair.y_spec, pair.x_spec)])
    sides = np.where(ledger.trade_bars[:, 3] >= 0, 2, 1)
    assert len(sides) > 5
    assert ledger.trade_money[:, 1] == pytest.approx((np.abs(ledger.trade_lots) @ worth) * sides)
    assert ledger.cost.sum() == pytest.approx(ledger.trade_money[:, 1].sum())


@pytest.mark.parametrize("seed", range(6))
def test_the_figures_are_those_of_the_equity(seed):
    """On every rung, handed-back costs or not: equity is capital plus P&L less costs, and pandas makes the same figures of it."""
    pair, config = draw_pair(seed, 240), draw_config(seed, max_loss=0.0)
    ladder = realism_ladder(pair, config)
    for rung, (step, ledger) in enumerate(ladder.ledgers.items()):
        equity = pd.Series(np.append(config.capital, ledger.equity))
        assert ledger.equity == pytest.approx(
            config.capital + np.cumsum(ledger.pnl - ledger.cost), rel=1e-9
        )
        told = ladder.table.set_index("step").loc[step]
        assert told["total_return"] == pytest.approx(
            ledger.equity[-1] / config.capital - 1, abs=1e-12
        )
        assert told["max_drawdown"] == pytest.approx(
            (equity.cummax() - equity).max() / config.capital, abs=1e-12
        )
        assert told["costs"] == pytest.approx(ledger.cost.sum())
        gross, costs = ledger.trade_money[ledger.trade_bars[:, 3] >= 0, :2].T
        assert ledger.tally[TALLY.index("won")] == (gross > costs).sum()
        if rung:
            assert (
                told["takes_return"]
                == ladder.table["total_return"].iloc[rung - 1] - told["total_return"]
            )


# --- beside the run ----------------------------------------------------------------------------------------------------
def on_dated_terms():
    """A pair whose fees were a tenth before bar 150, and whose lot was half as large in the contract before; and its twin on the
    last figures alone."""
    pair = coming_back()
    day = f"{pair.trade_date[150]:%Y-%m-%d}"
    names, codes = ("AA2405", "AA2409"), (np.arange(len(pair)) >= 100).astype(np.int64)
    y = replace(pair.y, contract=codes, contract_names=names)
    dated = [
        TermRecord("fee_open", 0.3, "lot"),
        TermRecord("fee_close", 0.3, "lot"),
        TermRecord("fee_open", 3.0, "lot", from_date=day),
        TermRecord("fee_close", 3.0, "lot", from_date=day),
        TermRecord("multiplier", 5.0, deliveries="..2405"),
        TermRecord("multiplier", 10.0, deliveries="2406.."),
    ]
    as_they_were = replace(pair, y=y, y_spec=spec("AA", terms=TermsTable(dated)))
    return as_they_were, replace(pair, y=y, y_spec=spec("AA", fee_open=3.0, fee_close=3.0))


def test_the_runs_beside_the_ladder_are_single_runs():
    """On terms of today: the run of a pair that knows the last figures alone. At the close: the config's own run with fill=close.
    What each takes is the run's less its own; the ladder's sentence has both."""
    pair, plain = on_dated_terms()
    ladder = realism_ladder(pair, CONFIG)
    real = run_backtest(pair, CONFIG).metrics
    others = (
        run_backtest(pair, CONFIG.replace(fill="close")).metrics,
        run_backtest(plain, CONFIG).metrics,
    )
    assert ladder.beside["step"].tolist() == [rung.name for rung in BESIDE]
    assert others[1]["costs"] > real["costs"]
    for (_, row), expected in zip(ladder.beside.iterrows(), others, strict=True):
        for name in ("total_return", "sharpe", "max_drawdown", "trades", "costs"):
            assert row[name] == expected[name]
        assert row["takes_sharpe"] == real["sharpe"] - expected["sharpe"] != 0.0
        assert row["takes_return"] == real["total_return"] - expected["total_return"]
    result = ladder.result()
    assert f"Filled at the next close it is {others[0]['sharpe']:.2f}." in result.sentence
    assert result.figures["terms_of_today_sharpe"] == others[1]["sharpe"]


# --- what is said ------------------------------------------------------------------------------------------------------
def ladder_of(*sharpes):
    table = pd.DataFrame(
        {"step": STEPS, "sharpe": np.interp(range(9), np.linspace(0, 8, len(sharpes)), sharpes)}
    )
    table["total_return"] = table["sharpe"] / 10
    table["takes_sharpe"] = -table["sharpe"].diff()
    return RealismLadder(table, {}, pd.DatetimeIndex([]))


@pytest.mark.parametrize(
    ("sharpes", "verdict", "told"),
    [
        ((2.0, 0.5), "passed", "A paper Sharpe ratio of 2.00 ends as 0.50: 25% of it is left"),
        ((2.0, -0.5), "failed", "ends as -0.50: nothing of it is left"),
        ((2.0, 0.0), "failed", "nothing of it is left"),
        ((-0.2, 0.5), "noted", "Even on paper the Sharpe ratio is -0.20"),
    ],
)
def test_the_verdict_is_that_of_both_ends(sharpes, verdict, told):
    """Failed where a paper profit is none in the end; noted where there was none on paper."""
    result = ladder_of(*sharpes).result()
    assert (result.check, result.verdict) == ("realism", verdict)
    assert told in result.sentence
    assert told in repr(ladder_of(*sharpes))


def test_a_config_that_never_trades_is_told():
    """Gates that no bar passes: the paper profit ends in no trade, which fails; no figure is NaN."""
    result = realism_ladder(
        coming_back(), CONFIG.replace(adf_max_pvalue=0.001, max_vol_ratio=0.5)
    ).result()
    assert result.verdict == "failed"
    assert "ends as no trade" in result.sentence
    assert result.figures["real_sharpe"] is None


def test_progress_is_told_and_a_stop_obeyed():
    """Nine rungs and the two runs beside them are counted; a stop raises."""
    told = []
    ladder = realism_ladder(coming_back(120), CONFIG, progress=lambda *now: told.append(now))
    assert told == [(done, 11) for done in range(1, 12)]
    for table in (ladder.table, ladder.beside):
        assert list(table.columns) == [column.name for column in LADDER_COLUMNS]
    with pytest.raises(CancelledError, match="before Paper"):
        realism_ladder(coming_back(120), CONFIG, cancelled=lambda: True)


# --- drawn -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_waterfall_ends_at_the_run(theme):
    """Both panes: the bars of the figure add up to what the real run shows, beside it stand two more; a line of equity a rung."""
    pair = build_pair(5, 280, roll_every=15)
    ladder = realism_ladder(pair, CONFIG)
    waterfall, equities = figures(ladder, theme)
    sharpe, returns = waterfall["data"]
    real = ladder.table.iloc[-1]
    assert sum(sharpe["y"][:10]) == pytest.approx(real["sharpe"])
    assert sum(returns["y"][:10]) == pytest.approx(100 * real["total_return"])
    assert sharpe["text"][9] == f"{real['sharpe']:.2f}"
    assert sharpe["measure"] == ["absolute", *["relative"] * 8, "total", *["absolute"] * 2]
    assert sharpe["y"][10:] == ladder.beside["sharpe"].tolist()
    assert sharpe["x"][10:] == ["At the close", "Today's terms"]
    assert [line["name"] for line in equities["data"]] == [
        *(rung.title for rung in RUNGS[:-1]),
        "Real",
    ]
    assert equities["data"][-1]["y"][-1] == ladder.ledgers["gates"].equity[-1] / 1e6
    for spec_of_figure in (waterfall, equities):
        assert (
            json.loads(Figure(spec_of_figure).to_json())["layout"]["paper_bgcolor"]
            == THEMES[theme].background
        )
