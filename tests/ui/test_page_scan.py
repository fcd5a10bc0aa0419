"""The Scan page without a browser: from the roots to the pair that opens in Explore."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.market.universe import universe
from pairkit.research.scan import CAVEAT, scan
from pairkit.ui.scan import with_volume
from tests import ROOT
from tests.small_market import snapshot_input
from tests.ui.test_page_explore import app, said

DEMO = ROOT / "snapshots" / "demo"
ROOTS = ["HC", "M", "P", "RB", "RM", "Y"]


@pytest.fixture(scope="module")
def snapshot():
    return open_snapshot(DEMO)


def scan_app(*roots: str) -> AppTest:
    page = app().switch_page("pages/3_scan.py").run()
    if roots:
        page.multiselect(key="scan_roots").set_value(list(roots)).run()
    assert not page.exception
    return page


def scanned(page: AppTest) -> AppTest:
    page.button(key="scan_start").click().run()
    assert page.session_state["scan_job"].ended.wait(60)
    page.run()
    assert not page.exception
    return page


def test_every_pair_is_ranked_as_the_scan_ranks_it(snapshot):
    """The table is that of `scan`, with volumes; the caveat and the label of simulated data stand on the page."""
    page = scanned(scan_app(*ROOTS))
    table = scan(snapshot, roots=ROOTS)
    shown = page.dataframe[0].value
    assert len(shown) == 15
    for name in ("y", "x", "pvalue", "by_pvalue", "half_life"):
        assert shown[name].to_list() == table[name].to_list()
    assert CAVEAT.split(".")[0] in said(page).replace("\\", "")
    assert "SIMULATED DATA" in said(page)


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
