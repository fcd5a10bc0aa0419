"""Money is in the pair's own currency, and is called so wherever it is shown; two currencies are no pair."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from pairkit.audit.snapshots.snapshot import write_snapshot
from pairkit.charts import figure_spec
from pairkit.charts.checks import glitches as drawn_glitches
from pairkit.charts.checks import realism as drawn_realism
from pairkit.charts.checks import walk_forward as drawn_folds
from pairkit.cli import app as command
from pairkit.columns import METRICS, RUN_COLUMNS, TRADE_COLUMNS, unit_in
from pairkit.config import GROUPS, SETTINGS, StrategyConfig
from pairkit.errors import ConfigError, DataError
from pairkit.report import report_html
from pairkit.research.glitches.check import glitch_stress
from pairkit.research.realism.check import realism_ladder
from pairkit.research.scan import scan
from pairkit.research.walk_forward.check import walk_forward
from pairkit.run import run_backtest
from pairkit.setting import MONEY
from pairkit.ui.settings import open_key
from tests import ROOT
from tests.pairs import leg_frame, spec

BARS = 480
CONFIG = StrategyConfig(
    hedge_window=20,
    z_window=10,
    entry_z=1.0,
    exit_z=0.2,
    adf_gate=False,
    beta_gate=False,
    vol_gate=False,
    vol_window=5,
    vol_baseline_window=20,
    vol_target=0.0,
)


def legs(seed=4):
    """Closes of four roots, A to D; B follows A."""
    rng = np.random.default_rng(seed)
    a = 100 + np.cumsum(rng.normal(0, 0.5, BARS))
    return {
        "A": a,
        "B": a + rng.normal(0, 0.6, BARS),
        "C": 60 + np.cumsum(rng.normal(0, 0.4, BARS)),
        "D": 80 + np.cumsum(rng.normal(0, 0.4, BARS)),
    }


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """A and B in dollars, C and D in euros."""
    parts = [
        leg_frame(np.round(close, 2))
        .rename_axis("trade_date")
        .reset_index()
        .assign(root=root, contract=None)
        for root, close in legs().items()
    ]
    bars = pd.concat(parts, ignore_index=True).assign(up_limit=np.nan, down_limit=np.nan)
    specs = [
        spec(
            root, tick=0.01, fee_open=1.0, fee_close=1.0, currency="USD" if root in "AB" else "EUR"
        )
        for root in "ABCD"
    ]
    return write_snapshot(
        tmp_path_factory.mktemp("currencies"),
        "two",
        bars=bars,
        specs=specs,
        data_scope={"source": "test"},
    )


@pytest.fixture(scope="module")
def run(snapshot):
    """A run in dollars that trades."""
    made = run_backtest(snapshot.pair("A", "B"), CONFIG)
    assert made.closed_trades > 3
    return made


def other_currency(text):
    """Where a text speaks of yuan."""
    return re.findall(r".{0,40}(?:CNY|yuan|元).{0,40}", text)


def test_columns_and_the_capital_are_in_money_and_a_currency_takes_its_place():
    """The tables name no currency; filled in, amounts are in that of the pair and all else is as it was."""
    tables = (*RUN_COLUMNS, *TRADE_COLUMNS, *METRICS)
    assert {column.name for column in tables if column.unit == MONEY} == {
        "pnl",
        "cost",
        "equity",
        "gross",
        "costs",
        "net",
        "worst_mark",
        "best_mark",
        "avg_trade",
    }
    assert not other_currency(json.dumps([tuple(column) for column in tables]))
    assert (SETTINGS["capital"].unit, SETTINGS["capital"].accepted) == (
        MONEY,
        "a number from 10000 to 1e+10, in the pair's currency",
    )
    assert (unit_in(MONEY, "USD"), unit_in("bars", "USD")) == ("USD", "bars")


def test_a_run_in_dollars_says_so_everywhere(run):
    """In its table, chart, report and trace; nowhere is another currency."""
    assert run.pair.currency == "USD"
    amounts = sum(metric.unit == MONEY for metric in METRICS)
    assert run._repr_html_().count(">USD<") == amounts
    chart = json.dumps(figure_spec(run), default=str)
    assert "<b>Equity</b>, USD, after costs" in chart
    assert re.search(r"net [+-][\d,]+ USD after", chart)
    bar = run.trades["exit_decided"].dropna().iloc[0]
    told = " ".join(table.to_string() for _, table in run.explain(bar).sections)
    assert re.search(r"trade so far, net\s+[-\d.,]+ USD", told)
    assert re.search(r"costs\s+[-\d.,]+ USD", told)
    page = report_html(run)
    shown = page[
        page.index("</script>", page.index("plotly.js")) :
    ]  # what follows the library's own text
    assert "Costs (USD)" in shown
    assert "Closed trades by net result (USD)" in shown
    assert "The run with gates off (USD)" in shown
    for text in (run._repr_html_(), chart, told, shown):
        assert not other_currency(text)


def test_checks_that_speak_of_money_name_its_currency(run):
    """The ladder, the stress and the walk-forward draw and say it in dollars."""
    ladder = realism_ladder(run.pair, CONFIG)
    assert "equity (million USD)" in json.dumps(drawn_realism.figures(ladder), default=str)
    stress = glitch_stress(
        run.pair, CONFIG, rates=[0.02], kinds=["missing_bar"], draws=2, executor=1
    )
    assert re.search("Hold leaves [0-9,]+ USD (more|less)", stress.result().sentence)
    folds = walk_forward(run.pair, CONFIG, {"entry_z": [1.0, 1.5]}, train=80, test=40, executor=1)
    for figures in (
        drawn_realism.figures(ladder),
        drawn_glitches.figures(stress),
        drawn_folds.figures(folds),
    ):
        text = json.dumps(figures, default=str)
        assert "USD" in text
        assert not other_currency(text)


def test_two_currencies_are_no_pair(snapshot):
    """A pair of them is refused with both; a scan leaves such pairs out and says why."""
    with pytest.raises(DataError, match="A is in USD and C in EUR; a pair has one currency"):
        snapshot.pair("A", "C")
    table = scan(snapshot, least_bars=60)
    assert {frozenset(pair) for pair in zip(table["y"], table["x"], strict=True)} == {
        frozenset("AB"),
        frozenset("CD"),
    }
    assert set(table.attrs["left_out"]) == {"A-C", "A-D", "B-C", "B-D"}
    assert table.attrs["left_out"]["A-C"] == "A is in USD, C in EUR: no pair has two currencies"
    with pytest.raises(ConfigError, match="no two of these roots are in one currency"):
        scan(snapshot, roots=["A", "C"], least_bars=60)


def test_the_command_line_prints_the_currency(snapshot):
    """The unit of costs and of the average trade is the pair's currency."""
    done = CliRunner().invoke(
        command, ["run", str(snapshot.path), "A", "B"], env={"COLUMNS": "250"}
    )
    assert done.exit_code == 0
    assert [line for line in done.output.splitlines() if "costs" in line and "USD" in line]
    assert not other_currency(done.output)


def test_the_page_of_a_pair_in_dollars_names_no_other_currency(snapshot, monkeypatch):
    """What Explore writes has dollars and no yuan, and the capital is in the pair's currency."""
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(snapshot.path.parent))
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    page.query_params.update({"snapshot": "two", "y": "A", "x": "B", "details": "All metrics"})
    page.query_params.update({open_key(group): "true" for group in GROUPS})
    page.run()
    assert not page.exception
    assert page.select_slider(key="capital").label == "Capital (pair's currency)"
    written = f"{page.main} {page.sidebar} {[table.value.to_string() for table in page.table]}"
    assert "In USD." in written
    assert not other_currency(written)
