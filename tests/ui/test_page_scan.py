"""The Scan page without a browser: from the roots to the pair that opens in Explore."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.runs.trial_ledger import tried_pairs
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.columns import SCAN_BACKTEST_COLUMNS, SCAN_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.market.universe import universe
from pairkit.research.scan import CAVEAT, scan
from pairkit.ui import scan as module
from pairkit.ui.scan import with_volume
from tests import ROOT
from tests.small_market import snapshot_input
from tests.ui.test_page_explore import app, said

DEMO = ROOT / "snapshots" / "demo"
ROOTS = ["HC", "M", "P", "RB", "RM", "Y"]


@pytest.fixture(scope="module")
def snapshot():
    return open_snapshot(DEMO)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A trial ledger of each test's own."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))


def scan_app(*roots: str) -> AppTest:
    """The page once the scan that it begins by itself has ended, where it begins one."""
    page = app("3_scan")
    if "scan_job" in page.session_state:
        page = ended(page)
    if roots:
        page.multiselect(key="scan_roots").set_value(list(roots)).run()
    assert not page.exception
    return page


def scanned(page: AppTest) -> AppTest:
    page.button(key="scan_start").click().run()
    return ended(page)


def ended(page: AppTest) -> AppTest:
    """The page once its scan has ended."""
    assert page.session_state["scan_job"].ended.wait(60)
    page.run()
    assert not page.exception
    return page


def test_calendar_spreads_are_scanned_on_demand_and_open_in_explore():
    """With the switch each root's dominant contract is paired with the one behind it; Explore opens with that pair."""
    page = scan_app("M")
    assert "Choose at least one more" in said(page)
    page.toggle(key="scan_calendar").set_value(True).run()
    page = scanned(page)
    assert {*page.dataframe[0].value["y"], *page.dataframe[0].value["x"]} == {"M", "M@next"}
    first = page.dataframe[0].value.iloc[0]
    page.button(key="scan_open").click().run()
    assert not page.exception
    rules = {
        "y": page.selectbox(key="y_contract").value,
        "x": page.selectbox(key="x_contract").value,
    }
    assert {leg: f"M@{rule}" if rule else "M" for leg, rule in rules.items()} == {
        "y": first["y"],
        "x": first["x"],
    }


def test_every_pair_is_ranked_as_the_scan_ranks_it(snapshot):
    """The table is that of `scan` with a default backtest; the caveat and the label of simulated data stand on the page."""
    page = scanned(scan_app(*ROOTS))
    table = scan(snapshot, roots=ROOTS, backtest=StrategyConfig())
    shown = page.dataframe[0].value
    assert len(shown) == 15
    for name in ("y", "x", "sharpe", "trades", "pvalue", "by_pvalue", "half_life"):
        assert shown[name].to_list() == table[name].to_list()
    assert CAVEAT in {caption.help for caption in page.caption}
    assert "SIMULATED DATA" in said(page)


def test_the_demo_is_scanned_when_the_page_opens(snapshot):
    """All pairs without a click, once: drawn again, or with other settings, it waits for the button and says what is out of date."""
    page = scan_app()
    first = page.session_state["scan_job"]
    assert len(page.dataframe[0].value) == 55
    page.number_input(key="scan_bars").set_value(300).run()
    assert page.session_state["scan_job"] is first
    assert "Scan again to bring it up to date" in said(page)
    scanned(page)
    assert page.session_state["scan_job"] is not first
    assert "bring it up to date" not in said(page)


def test_a_long_scan_waits_for_the_button(monkeypatch):
    """Where the pairs have more bars than are done within two seconds, nothing runs before a click."""
    monkeypatch.setattr(module, "QUICK_BARS", 100_000)
    page = scan_app()
    assert "scan_job" not in page.session_state
    assert len(scanned(page).dataframe[0].value) == 55


def test_each_backtest_of_the_page_counts_as_a_trial(snapshot):
    """The page says how many, the ledger has one on each pair, and a second scan of the same adds none.

    The pair that Explore opened before had its default run counted there.
    """
    page = scan_app()
    assert "55 backtests with the default settings" in said(page)
    assert "each counted as a trial on its pair" in said(page)
    for _ in range(2):
        assert [one.n_configs for one in tried_pairs()] == [1] * 55
        assert sum(one.made_by == (("scan", 1),) for one in tried_pairs()) >= 54
        scanned(page)


def test_columns_have_plain_names_and_each_its_help():
    """No column of the table lacks a name of its own, words that explain it and its name in a filter."""
    columns = module._columns()
    shown = [*names(SCAN_COLUMNS), *names(SCAN_BACKTEST_COLUMNS), "median_volume"]
    assert set(columns) == set(module.LABELS) == set(shown)
    labels = [column["label"] for column in columns.values()]
    assert len(set(labels)) == len(labels)
    assert not [label for label in labels if "_" in label]
    for name, column in columns.items():
        assert len(column["help"]) > 10
        assert name in ("y", "x") or column["help"].endswith(f"In filters: {name}")


def test_filters_choose_what_is_shown_and_leave_the_pvalues(snapshot):
    """By sector, by volume of the less traded leg, by words; the adjusted p-values stay those of all pairs."""
    page = scanned(scan_app(*ROOTS))
    table = scan(snapshot, roots=ROOTS).set_index(["y", "x"])
    page.multiselect(key="scan_sectors").set_value(["Oilseeds"]).run()
    shown = page.dataframe[0].value
    oilseeds = {
        root for pair in universe() if pair.sector == "Oilseeds" for root in (pair.y, pair.x)
    } & set(ROOTS)
    assert len(shown) == len(oilseeds) * (len(oilseeds) - 1) // 2
    assert set(shown["y"]) | set(shown["x"]) == oilseeds
    assert shown["by_pvalue"].to_list() == [
        table.loc[(y, x), "by_pvalue"] for y, x in zip(shown["y"], shown["x"], strict=True)
    ]
    page.multiselect(key="scan_sectors").set_value([]).run()
    volumes = {root: snapshot.leg(root)["volume"].median() for root in ROOTS}
    least = int(np.median(list(volumes.values())))
    page.number_input(key="scan_volume").set_value(least).run()
    left = {root for root, volume in volumes.items() if volume >= least}
    assert len(page.dataframe[0].value) == len(left) * (len(left) - 1) // 2
    page.number_input(key="scan_volume").set_value(0).run()
    page.text_input(key="scan_filter").set_value("by_pvalue < 0.05").run()
    assert (page.dataframe[0].value["by_pvalue"] < 0.05).all()


def test_filters_that_keep_nothing_or_cannot_be_read_are_told():
    """Each in its own sentence."""
    page = scanned(scan_app("RB", "HC", "M"))
    page.text_input(key="scan_filter").set_value("half_life < 0").run()
    assert "No pair meets these filters" in said(page)
    page.text_input(key="scan_filter").set_value("half life").run()
    assert "is no condition" in said(page)


def test_the_chosen_pair_opens_in_explore():
    """In the order in which it was tested; a choice that a filter takes away becomes the first that is left."""
    page = scanned(scan_app(*ROOTS))
    row = page.dataframe[0].value.iloc[2]
    page.selectbox(key="scan_pair").set_value(2).run()
    page.button(key="scan_open").click().run()
    assert not page.exception
    assert (page.selectbox(key="y").value, page.selectbox(key="x").value) == (row["y"], row["x"])


def test_one_root_is_no_pair():
    """A sentence and no button."""
    page = scan_app("RB")
    assert "A pair needs two roots" in said(page)
    assert "scan_start" not in [button.key for button in page.button]


def test_pairs_without_enough_common_bars_are_listed_with_the_reason(tmp_path, monkeypatch):
    """An empty result says why: thirty-nine bars are fewer than asked for."""
    given = snapshot_input()
    write_snapshot(tmp_path, "short", **given)
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path))
    page = scanned(scan_app())
    assert "none has enough common bars" in said(page)
    assert page.table[0].value["Why"].to_list() == ["39 common bars, fewer than 250"]


@pytest.mark.parametrize("bars", [0, 1])
def test_no_common_day_or_one_is_told(bars, tmp_path, monkeypatch):
    """Both end as a pair left out, with the number of bars."""
    given = snapshot_input()
    early = given["calendar"][:20]
    for name in ("bars", "mapping"):
        table = given[name]
        day = table["trade_date"].isin(early)
        shared = table["trade_date"] == early[-1] if bars else False
        given[name] = table[((table["root"] == "HC") == day) | shared].reset_index(drop=True)
    write_snapshot(tmp_path, "apart", **given)
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path))
    page = scanned(scan_app())
    assert page.table[0].value["Why"].to_list() == [f"{bars} common bars, fewer than 250"]


def test_the_less_traded_leg_counts():
    """The smaller of the two medians; unknown where one is."""
    table = pd.DataFrame({"y": ["A", "A"], "x": ["B", "C"]})
    found = with_volume(table, {"A": 10.0, "B": 3.0})["median_volume"]
    assert found.iloc[0] == 3.0
    assert np.isnan(found.iloc[1])
