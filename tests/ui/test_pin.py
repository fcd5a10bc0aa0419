"""The pinned run: behind the one in force, with the difference of each tile, until it is let go or the pair changes."""

from __future__ import annotations

import pytest
from streamlit.proto.Metric_pb2 import Metric

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.charts import figure_spec
from pairkit.config import StrategyConfig
from pairkit.errors import RunError
from pairkit.run import run_backtest
from pairkit.ui.explore import linked
from tests.ui.test_page_explore import DEMO, app


@pytest.fixture(scope="module")
def runs():
    pair = open_snapshot(DEMO).pair("RB", "HC")
    return run_backtest(pair), run_backtest(pair, StrategyConfig(entry_z=1.5))


def test_each_tile_says_how_it_differs_from_the_pinned_run(runs):
    """Signed, in the tile's own unit; the pinned run itself shows `=` without an arrow, and no pin shows no difference."""
    first, second = (run.metrics for run in runs)
    page = app()
    assert {tile.delta for tile in page.metric} == {""}
    page.button(key="pin").click().run()
    tiles = [tile for tile in page.metric if not tile.label.startswith("DSR")]
    assert {tile.delta for tile in tiles} == {"="}
    assert {tile.proto.direction for tile in tiles} == {Metric.MetricDirection.NONE}
    page.slider(key="entry_z").set_value(1.5).run()
    deltas = {tile.label: tile.delta for tile in page.metric}
    assert deltas["Trades"] == f"+{second['trades'] - first['trades']:.0f}"
    assert deltas["Sharpe ratio"] == f"{second['sharpe'] - first['sharpe']:+.2f}"
    assert deltas["Total return"] == f"{second['total_return'] - first['total_return']:+.2%}"
    page.button(key="pin").click().run()
    assert {tile.delta for tile in page.metric} == {""}


def test_a_link_has_the_pinned_run(runs):
    """`pinned` names its settings that are not at their defaults; the session that opens with it compares with that run."""
    first, second = (run.metrics for run in runs)
    page = app(entry_z="1.5", pinned="default")
    assert page.button(key="pin").label == "Unpin"
    deltas = {tile.label: tile.delta for tile in page.metric}
    assert deltas["Trades"] == f"+{second['trades'] - first['trades']:.0f}"
    changed = StrategyConfig(entry_z=2.125, hedge_model="kalman", adf_gate=False, capital=123456.0)
    text = linked.text_of(changed.model_dump())
    assert StrategyConfig(**linked.settings_of(text)) == changed


@pytest.mark.parametrize(
    "link",
    [{"pinned": text} for text in ("entry_z", "entry_z:99", "none:1", "entry_z:0.4,exit_z:1", "")]
    + [
        {"zoom": text}
        for text in ("soon", "2019-01-01", "2019-01-01..2019-02-30", "2019-03-01..2019-02-01")
    ],
)
def test_a_link_with_a_bad_pin_or_zoom_says_so(link):
    """The page opens without it, and says what is accepted."""
    page = app(**link)
    assert not page.exception
    assert page.button(key="pin").label == "Pin"
    assert any("It is left out" in warning.value for warning in page.warning)


def test_another_pair_or_period_has_no_pinned_run():
    """A run of other bars cannot lie behind this one: nothing is compared, and the pin comes back with its pair."""
    page = app()
    page.button(key="pin").click().run()
    page.selectbox(key="y").select("TA").run()
    assert {tile.delta for tile in page.metric} == {""}
    page.selectbox(key="y").select("RB").run()
    assert page.button(key="pin").label == "Unpin"


def test_the_pinned_run_lies_behind(runs):
    """Its z and equity are dotted lines drawn before the run's own, with its very numbers."""
    run, pinned = runs
    traces = {one["name"]: one for one in figure_spec(run, pinned=pinned)["data"]}
    order = list(traces)
    for name in ("z", "equity"):
        ghost = traces[f"pinned_{name}"]
        assert order.index(f"pinned_{name}") < order.index(name)
        assert ghost["line"]["dash"] == "dot"
        assert (ghost["y"] == pinned.frame[name].to_numpy("f4"))[-100:].all()
    assert not [
        name for name in (one["name"] for one in figure_spec(run)["data"]) if "pinned" in name
    ]


def test_a_pinned_run_of_other_bars_is_refused(runs):
    """The figure does not draw one run's day over another's."""
    with pytest.raises(RunError, match="other bars"):
        figure_spec(runs[0], pinned=run_backtest(runs[0].pair[:500]))
