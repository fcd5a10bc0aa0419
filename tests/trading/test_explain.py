"""The trace of a bar: its reading of the rules against the engine's, and the numbers it names."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from pairkit.columns import STATES
from pairkit.errors import RunError
from pairkit.run import BacktestRun, run_backtest
from pairkit.trading.explain import RULES, Moment, Trace, first_rule, moment_at
from tests.pairs import draw_config, draw_pair

SEEDS = (*range(40), 43, 93)
TITLES = ["Inputs", "Gates", "Memory", "Rules", "Order", "Next bar", "Terms"]
TRACED_IN_FULL = (3, 8)  # a trace builds seven tables, which takes a while on every bar


@cache
def run_of(seed: int) -> BacktestRun:
    unbound = (
        {
            "max_participation": 0.0,
            "one_sided_margin": False,
            "max_leverage": 20.0,
            "vol_target": 0.0,
        }
        if seed % 2
        else {}
    )
    return run_backtest(draw_pair(seed), draw_config(seed, **unbound))


@cache
def moments_of(seed: int) -> list[Moment]:
    return [moment_at(run_of(seed), t) for t in range(len(run_of(seed).pair))]


def decision(moment: Moment) -> tuple[str, str]:
    """State and reason of the first rule that holds, as the trace words them."""
    place = first_rule(moment)
    state, _, reason = RULES[place][1].partition(" ")
    if state == "LONG/SHORT":
        state = "LONG" if moment.position > 0 else "SHORT"
    if place == 0:
        reason = moment.waiting
    return state, reason or moment.shut_gates


def bars_in(state: str, **also: object):
    """Runs and bars, by name of the state, and of other columns: a few of each run."""
    for seed in SEEDS:
        frame = run_of(seed).frame
        wanted = frame["state"] == state
        for column, value in also.items():
            wanted &= frame[column] == value
        for t in np.flatnonzero(wanted)[:2]:
            yield run_of(seed), int(t)


def trace_of(run: BacktestRun, t: int) -> Trace:
    return run.explain(run.pair.trade_date[t])


def row(table: pd.DataFrame, key: str) -> pd.Series:
    """The row whose first column is `key`."""
    return table[table.iloc[:, 0] == key].iloc[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_rule_that_holds_is_what_the_engine_decided(seed):
    """On every bar the readable rules and the compiled ones come to one state and reason."""
    run = run_of(seed)
    ours = [decision(moment) for moment in moments_of(seed)]
    assert ours == list(zip(run.frame["state"], run.frame["reason"], strict=True))


def test_the_runs_above_reach_every_rule():
    """No rule is left out of the comparison."""
    reached = {first_rule(moment) for seed in SEEDS for moment in moments_of(seed)}
    assert reached == set(range(len(RULES)))


@pytest.mark.parametrize("seed", TRACED_IN_FULL)
def test_every_trace_has_its_parts_and_one_rule_fires(seed):
    """Six sections; rules before the firing one say no, those after are not reached; the sentence opens with the decision."""
    run = run_of(seed)
    for t, date in enumerate(run.pair.trade_date):
        trace = run.explain(date)
        assert [title for title, _ in trace.sections] == TITLES
        assert (trace.date, trace.state, trace.reason) == (
            date,
            run.frame["state"].iloc[t],
            run.frame["reason"].iloc[t],
        )
        assert trace.sentence.startswith(
            f"{date:%Y-%m-%d}: {trace.state} ({trace.reason}). {STATES[trace.state]}"
        )
        verdicts = list(trace.section("Rules")["verdict"])
        fired = verdicts.index("fires")
        assert verdicts == ["no"] * fired + ["fires"] + ["not reached"] * (len(RULES) - fired - 1)


@pytest.mark.parametrize("gate", ["adf", "beta", "vol"])
def test_a_blocked_bar_names_the_number_and_the_bound_of_the_gate(gate):
    """The sentence and the gate's line hold what was found and what was needed, as in the run's own table."""
    found = 0
    for run, t in bars_in("BLOCKED", **{f"gate_{gate}": "shut"}):
        trace, bar, config = trace_of(run, t), run.frame.iloc[t], run.config
        number, bound = {
            "adf": (bar.adf_pvalue, config.adf_max_pvalue),
            "beta": (bar.beta_jump, config.max_beta_jump),
            "vol": (bar.vol_ratio, config.max_vol_ratio),
        }[gate]
        compared = f"{number:,.6g} <= {bound:g}" if np.isfinite(number) else f"n/a <= {bound:g}"
        line = row(trace.section("Gates"), gate)
        found_now = f"{number:,.6g}" if np.isfinite(number) else "not known yet"
        needed = f"at most {bound:g}; it is {found_now}."
        assert (needed if not number <= bound else "beta_lag above 0; it is ") in trace.sentence
        assert compared in line["is open while"]
        assert line["verdict"] == "shut"
        found += 1
    assert found >= 3


def test_inputs_are_the_numbers_of_the_bar():
    """Each input shown is the run's own, with its unit and meaning."""
    run, t = next(bars_in("ENTERING"))
    inputs = trace_of(run, t).section("Inputs")
    for name in ("y", "x", "beta_lag", "spread", "z", "vol"):
        assert row(inputs, name)["value"] == f"{run.frame[name].iloc[t]:,.6g}"
    assert row(inputs, "close Y")["value"] == f"{run.pair.y.close[t]:,.6g}"
    assert row(inputs, "valid")["value"] == "yes"
    assert row(inputs, "z")["unit"] == "sigma"


def test_an_entering_bar_names_the_order_and_the_next_bar_its_fill():
    """Lots and sides are those of the trade; its fill prices and costs are on the next bar's lines."""
    found = 0
    for run, t in bars_in("ENTERING"):
        trade = run.trades[run.trades["entry_decided"] == run.pair.trade_date[t]]
        if trade.empty:  # the order was deferred and dropped
            continue
        trace, trade = trace_of(run, t), trade.iloc[0]
        for leg, code in (("y", "Y"), ("x", "X")):
            order = row(trace.section("Order"), code)
            assert order["order"] == ("buy" if trade[f"lots_{leg}"] > 0 else "sell")
            assert order["lots"] == f"{abs(trade[f'lots_{leg}']):g}"
            assert order["fills at"] == f"next {run.config.fill}"
            assert (
                row(trace.section("Next bar"), f"fill {code}")["value"]
                == f"{trade[f'entry_price_{leg}']:,g}"
            )
        assert (
            row(trace.section("Next bar"), "costs")["value"]
            == f"{run.frame['cost'].iloc[t + 1]:,.2f} CNY"
        )
        found += 1
    assert found >= 10


def test_an_exiting_bar_orders_the_reverse_of_what_is_held():
    """The whole position, both legs, the other way."""
    found = 0
    for run, t in bars_in("EXITING"):
        order, bar = trace_of(run, t).section("Order"), run.frame.iloc[t]
        for code, held in (("Y", bar.lots_y), ("X", bar.lots_x)):
            assert (row(order, code)["order"], row(order, code)["lots"]) == (
                "sell" if held > 0 else "buy",
                f"{abs(held):g}",
            )
        found += 1
    assert found >= 10


def test_a_deferred_fill_names_the_leg_and_what_kept_it():
    """Each leg that could not trade is named with its own obstacle, and no other."""
    found = set()
    for seed in SEEDS:
        run = run_of(seed)
        for n in np.flatnonzero(run.frame["deferred"]):
            trace = trace_of(run, int(n) - 1)
            said = row(trace.section("Next bar"), "fill")["value"]
            assert said.startswith("deferred: ")
            for code, leg in (("Y", run.pair.y), ("X", run.pair.x)):
                price = getattr(leg, run.config.fill)[n]
                if run.config.price_transform == "log" and price <= 0.0:
                    continue
                tick = (run.pair.y_spec if code == "Y" else run.pair.x_spec).tick
                highest = tick * (np.floor(leg.up_limit[n] / tick + 1e-6) - 1e-6)
                lowest = tick * (np.ceil(leg.down_limit[n] / tick - 1e-6) + 1e-6)
                if run.config.price_transform == "log" or leg.up_limit[n] == 0.0:
                    highest = highest if leg.up_limit[n] > 0.0 else np.nan
                if run.config.price_transform == "log" or leg.down_limit[n] == 0.0:
                    lowest = lowest if leg.down_limit[n] > 0.0 else np.nan
                missing = (
                    not (np.isfinite(price) and np.isfinite(leg.close[n]))
                    or price == 0.0
                    or leg.close[n] == 0.0
                )
                idle = not missing and not leg.volume[n] > 0
                buys = row(trace.section("Order"), code)["order"] == "buy"
                locked = not (missing or idle) and (price >= highest if buys else price <= lowest)
                for obstacle, words in (
                    (missing, "has no price"),
                    (idle, "did not trade"),
                    (locked, "is at its limit"),
                ):
                    assert (f"{code} {words}" in said) == obstacle
                    found |= {words} if obstacle else set()
    assert found == {"has no price", "did not trade", "is at its limit"}


def test_the_last_bar_has_no_next_one():
    """And says so."""
    run = run_of(3)
    assert (
        "this is the last"
        in row(trace_of(run, len(run.pair) - 1).section("Next bar"), "next bar")["value"]
    )


def test_a_date_may_be_given_as_text_or_date():
    """All mean the same bar."""
    run = run_of(3)
    day = run.pair.trade_date[60]
    assert (
        run.explain(f"{day:%Y-%m-%d}").sentence
        == run.explain(day.date()).sentence
        == run.explain(day).sentence
    )


def test_a_trace_prints_as_text():
    """Sentence first, then every section under its title."""
    text = str(trace_of(run_of(3), 60))
    assert text.startswith(trace_of(run_of(3), 60).sentence)
    assert all(f"\n{title}\n" in text for title in TITLES)


def test_an_unknown_date_is_refused_with_its_neighbours():
    """The nearest bars on both sides are named."""
    run = run_of(3)
    dates = run.pair.trade_date
    gap = next(k for k in range(len(dates) - 1) if (dates[k + 1] - dates[k]).days > 1)
    missing = dates[gap] + pd.Timedelta(days=1)
    with pytest.raises(RunError) as caught:
        run.explain(missing)
    assert str(caught.value) == (
        f"the run has no bar on {missing:%Y-%m-%d}; near it are "
        f"{dates[gap]:%Y-%m-%d}, {dates[gap + 1]:%Y-%m-%d}."
    )
    with pytest.raises(RunError, match=f"near it are {dates[-1]:%Y-%m-%d}"):
        run.explain("2099-01-01")
    with pytest.raises(RunError, match=f"near it are {dates[0]:%Y-%m-%d}"):
        run.explain("1999-01-01")


def test_what_is_no_date_is_refused():
    """With an example of one that is."""
    run = run_of(3)
    with pytest.raises(
        RunError, match=r"'soon' is not a date; write the day as .* last bar is \d{4}-\d\d-\d\d"
    ):
        run.explain("soon")
