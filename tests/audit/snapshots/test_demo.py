"""The committed demo snapshot is the simulated market, to the bit, and tells its stories when it is traded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pairkit.audit.seal import content_hash
from pairkit.audit.snapshots import tables
from pairkit.audit.snapshots.demo import write_demo
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import StrategyConfig
from pairkit.data.simulated import simulate_market
from pairkit.data.simulated.curves import CURVES
from pairkit.research.scan import scan
from pairkit.run import run_backtest
from pairkit.ui.presets.bundled import PRESETS
from tests import ROOT

FOLDER = ROOT / "snapshots" / "demo"
PAIRS = [("RB", "HC"), ("M", "RM"), ("Y", "P"), ("CU", "AU"), ("TA", "MA")]
SPREADS = [("SR", "SR@next"), ("SR@05", "SR@09"), ("SR@09", "SR@01"), ("SR@01", "SR@05")]
SEALED_WITH_FIVE_PAIRS = {  # content of the tables before the root with a term structure came
    "bars.parquet": "0fc6e95199fae4c0e2fdfc1790d38a2f34e88976df3598d55657c2108f7c8f81",
    "mapping.parquet": "622024e4f1eab98239aba8a7960e8c047871a94760a311dfa8758bfdad6226b5",
    "calendar.parquet": "27f8150cbc1284e052298dfdd56a592206b1a54c4195e0ea8a0a42bb625a240e",
}


@pytest.fixture(scope="module")
def demo():
    return open_snapshot(FOLDER)


@pytest.fixture(scope="module")
def runs(demo):
    """The default strategy on each pair."""
    return {pair: run_backtest(demo.pair(*pair), StrategyConfig()) for pair in PAIRS}


def test_simulating_again_gives_the_committed_tables(demo):
    """The tables, specs and notes of the default seed have the content that the demo's manifest was sealed with."""
    market = simulate_market()
    listed = {resource["path"]: resource for resource in demo.manifest["resources"]}
    calendar = pd.DataFrame({"trade_date": market.calendar})
    for name, frame in (("bars", market.bars), ("mapping", market.mapping), ("calendar", calendar)):
        path = f"{name}.parquet"
        assert content_hash(tables.to_arrow(frame, path)) == listed[path]["content_hash"], path
    assert {spec.code: spec for spec in market.specs} == demo.specs
    assert market.notes == (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_five_pairs_are_those_that_were_first_sealed(demo):
    """Without the root that came later, and the next session, every table has the content that it had before: to the bit."""
    frames = {
        "bars.parquet": demo.bars[demo.bars["root"] != "SR"],
        "mapping.parquet": demo.mapping_so_far[demo.mapping_so_far["root"] != "SR"],
        "calendar.parquet": pd.DataFrame({"trade_date": demo.calendar}),
    }
    for path, frame in frames.items():
        table = tables.to_arrow(frame.reset_index(drop=True), path)
        assert content_hash(table) == SEALED_WITH_FIVE_PAIRS[path], path


def test_sealing_again_gives_the_committed_findings_and_id(demo, tmp_path):
    """The findings are those that `examine` tells today; with the same versions the id is the committed one."""
    again = write_demo(tmp_path)
    assert again.findings == demo.findings
    if again.manifest["runtime"] == demo.manifest["runtime"]:
        assert again.id == demo.id


def test_the_demo_says_that_it_is_simulated(demo):
    """The label is on the snapshot, in its scope, and passed on to every pair."""
    assert demo.simulated
    assert demo.manifest["data_scope"]["source"] == "simulated"
    assert demo.pair("RB", "HC").provenance.simulated
    assert "None of this was ever traded" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_demo_is_small_and_long():
    """All files together stay below 3 MB."""
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 3_000_000


def test_faults_are_reported_where_they_were_planted(demo):
    """The findings name the roots with planted faults; of the clean ones they say no more than that prices jumped."""
    kinds = {
        root: {finding.kind for finding in demo.findings if finding.root == root}
        for root in demo.roots
    }
    assert {"missing_bar", "zero_settle", "ghost_bar", "wrong_contract", "no_trade"} <= kinds[
        "TA"
    ] & kinds["MA"]
    assert kinds["HC"] == {"missing_bar", "no_trade"}
    for root in ("RB", "M", "RM", "Y", "P", "CU", "AU", "SR"):
        assert kinds[root] <= {"large_gap"}


def test_the_linked_pair_trades_and_earns_a_believable_sharpe(runs):
    """Ten years of the default strategy on the cointegrated pair: some tens of trades, a modest Sharpe after costs."""
    metrics = runs["RB", "HC"].metrics
    assert 35 <= metrics["trades"] <= 100
    assert 0.5 <= metrics["sharpe"] <= 1.5
    assert metrics["hold_bars"] > 0
    assert metrics["deferred_fills"] > 0


def test_the_placebo_earns_nothing(runs):
    """Where there is no link the strategy does not earn, and the gates block most of what it would have entered."""
    run = runs["CU", "AU"]
    assert run.metrics["total_return"] < 0.02
    assert run.metrics["blocked_bars"] > 20 * run.metrics["trades"]


def test_the_gate_shuts_when_the_link_breaks(runs):
    """After the break the stationarity gate is open far less often, and few trades are entered."""
    run = runs["M", "RM"]
    is_open = run.frame["gate_adf"] == "open"
    assert is_open[:"2020-06-30"].mean() > 0.4
    assert is_open["2021-01-01":].mean() < 0.2
    entered = pd.to_datetime(run.trades["entry_filled"])
    assert (entered > "2021-01-01").sum() <= 5


def test_beta_follows_its_drift(runs):
    """The estimated hedge ratio of the drifting pair is near 0.8 at first and near 1.3 at last."""
    beta = runs["Y", "P"].frame["beta"]
    assert abs(beta[:"2016"].median() - 0.83) < 0.12
    assert abs(beta["2024":].median() - 1.27) < 0.12


def test_every_gate_blocks_and_faults_hold_and_defer(runs):
    """Across the demo each gate blocks entries on its own, faults hold positions, and fills are deferred."""
    blocked = pd.concat(
        [run.frame.loc[run.frame["state"] == "BLOCKED", "reason"] for run in runs.values()]
    )
    assert {"adf", "beta", "vol"} <= set(blocked)
    assert runs["TA", "MA"].metrics["hold_bars"] > 0
    assert runs["TA", "MA"].metrics["deferred_fills"] > 0


# --- the root with a term structure ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def spreads(demo):
    """Preset Calendar on each spread."""
    config = StrategyConfig(**PRESETS["Calendar"].changes)
    return {pair: run_backtest(demo.pair(*pair), config) for pair in SPREADS}


def test_the_calendar_spread_earns_a_believable_sharpe(spreads):
    """Ten years of preset Calendar: some tens of trades, a modest Sharpe after costs, and the seasons earn as well."""
    metrics = spreads["SR", "SR@next"].metrics
    assert 25 <= metrics["trades"] <= 60
    assert 0.5 <= metrics["sharpe"] <= 1.5
    assert all(run.metrics["total_return"] > 0.05 for run in spreads.values())


def test_positions_of_a_contract_that_ends_are_closed_for_expiry(demo, spreads):
    """Every root says that it delivers; some trades end by `expiry`, before a contract's last bar, and none is rolled past it."""
    assert {spec.settlement for spec in demo.specs.values()} == {"physical"}
    assert sum((run.trades["exit_reason"] == "expiry").sum() for run in spreads.values()) > 0
    for run in spreads.values():
        assert not {finding.kind for finding in run.findings} & {"left_late", "leg_without_bar"}


def test_the_other_roots_roll_before_there_is_anything_to_leave(demo):
    """None of the ten is held in its delivery month, so that what they earn does not depend on how they settle."""
    for root in {root for pair in PAIRS for root in pair}:
        for code in (root, f"{root}@next"):
            assert not demo.leg(code)["leave"].any()


def test_the_scan_finds_the_calendar_spread_and_no_other(demo):
    """Of the spreads of all roots it alone passes at a false discovery rate of 10 %, with the half-life of its carry."""
    found = scan(demo, calendar=True)
    assert len(found) == 55 + 11
    same_root = found["y"].str.split("@").str[0] == found["x"].str.split("@").str[0]
    passed = found[same_root & (found["by_pvalue"] < 0.1)]
    assert passed[["y", "x"]].to_numpy().tolist() == [["SR@next", "SR"]]
    assert passed["half_life"].item() == pytest.approx(8, abs=2.4)
    of_curve = (found["y"] == "SR") | (found["x"] == "SR")
    assert found.loc[of_curve & ~same_root, "pvalue"].min() > 0.1


def test_the_next_session_is_mapped(demo):
    """What is dominant on 2 January 2025 was known on the last day, for each root, as in a snapshot of TuShare's."""
    coming = demo.mapping[demo.mapping["trade_date"] > demo.calendar[-1]]
    assert coming["root"].to_list() == list(demo.roots)
    assert set(coming["trade_date"]) == {pd.Timestamp("2025-01-02")}
    assert set(coming["known_date"]) == {demo.calendar[-1]}
    assert demo.contracts("SR", "SR@next").iloc[-1].to_list() == ["SR2505", "SR2509"]


def test_the_worked_example_of_calendar_spreads_prints_these_figures(demo, spreads):
    """Trades, return, Sharpe ratio, costs and return on margin of docs/calendar-spreads.md, with the gate, without it, and by season."""
    text = (ROOT / "docs" / "calendar-spreads.md").read_text(encoding="utf-8")
    without_gate = run_backtest(
        demo.pair("SR", "SR@next"),
        StrategyConfig(**PRESETS["Calendar"].changes, adf_gate=False),
    ).metrics
    both = (spreads["SR", "SR@next"].metrics, without_gate)
    shown = {
        "trades": [f"{one['trades']}" for one in both],
        "total return": [f"{100 * one['total_return']:.2f} %" for one in both],
        "Sharpe ratio": [f"{one['sharpe']:.2f}" for one in both],
        "costs, CNY": [f"{one['costs']:,.0f}" for one in both],
        "return on margin, a year": [f"{100 * one['return_on_margin']:.2f} %" for one in both],
    }
    for name, (gated, free) in shown.items():
        assert f"\n| {name} | {gated} | {free} |\n" in text
    for y, x in SPREADS[1:]:
        metrics, trades = spreads[y, x].metrics, spreads[y, x].trades
        expired = (trades["exit_reason"] == "expiry").sum()
        figures = f"{100 * metrics['total_return']:.2f} % | {metrics['sharpe']:.2f} |"
        assert f"% | {metrics['trades']} | {expired} | {figures}\n" in text
        near, far = demo.legs(y, x)
        found = np.log(near["close"] / far["close"]).mean()
        assert (
            f"| `{y}`, `{x}` | {100 * CURVES[0].mean_spread(int(y[-2:]), int(x[-2:])):.2f} %, {100 * found:.2f} % |"
            in text
        )
