"""The Scan page in a real browser: the matrix is made, a cell is clicked, the pair opens in Explore."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pairkit.audit.snapshots.snapshot import write_snapshot
from pairkit.market.contracts import bundled_specs
from tests.browser.conftest import PATIENCE_MS


def test_a_person_scans_saves_clicks_a_cell_and_opens_the_pair(explore):
    """Nothing is pressed to scan. Light and dark, axe finds no violation of WCAG 2 A and AA; nothing sticks out.

    The saved rows are the pairs of the eleven roots, the smallest p-value first. The cell in column MA and row TA of the triangle
    becomes the chosen pair, and Explore opens it. The button is on the first screen of a low window.
    """
    page = explore.page
    page.goto(explore.server.url + "/scan")
    explore.key("scan_chart").locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    for theme in explore.themes():
        assert explore.sticks_out <= 0
        explore.check_accessible(theme)

    with page.expect_download(timeout=PATIENCE_MS) as download:
        explore.key("save_scan").get_by_role("button").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 55
    assert [float(row["pvalue"]) for row in rows] == sorted(float(row["pvalue"]) for row in rows)

    page.set_viewport_size({"width": 1280, "height": 720})
    opens = explore.settle().key("scan_open").bounding_box()
    assert opens["y"] + opens["height"] <= 720
    explore.key("scan_chart").scroll_into_view_if_needed()
    box = explore.key("scan_chart").locator(".nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 4.5 / 10, box["y"] + box["height"] * 8.5 / 10)
    explore.key("scan_pick").get_by_text("2. TA on MA").or_(
        page.locator('.st-key-scan_pair input[value="2. TA on MA"]')
    ).first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    explore.key("scan_open").get_by_role("button").click()
    explore.drawn()
    assert "TA-MA" in explore.rev


@pytest.fixture(scope="module")
def large_market(home) -> str:
    """A snapshot of sixty roots of 6,000 bars, random walks: with lags by AIC, their pairs keep two cores busy for seconds."""
    rng = np.random.default_rng(3)
    days = pd.bdate_range("2000-01-04", periods=6000).as_unit("ns")
    specs, bars = list(bundled_specs().values())[:60], []
    for spec in specs:
        close = np.exp(8.0 + rng.normal(0.0, 0.01, len(days)).cumsum())
        bars.append(
            pd.DataFrame(
                {
                    "root": spec.code,
                    "contract": None,
                    "trade_date": days,
                    "open": close,
                    "high": close,
                    "low": close,
                    "close": close,
                    "settle": close,
                    "volume": 1000.0,
                    "open_interest": 5000.0,
                    "up_limit": np.nan,
                    "down_limit": np.nan,
                }
            )
        )
    write_snapshot(
        home / "snapshots",
        "large",
        bars=pd.concat(bars, ignore_index=True),
        specs=specs,
        data_scope={"source": "random walks", "simulated": True},
    )
    return "large"


def test_a_running_scan_is_stopped_and_what_is_done_is_shown(explore, large_market):
    """A scan of 1,770 pairs is stopped in its midst; the page shows those that were done and says so, the file holds them all."""
    page = explore.press("/scan?snapshot=large&scan_lags=by+AIC", "scan_start").page
    explore.stop("scan_job", "pairs")
    page.get_by_text("Stopped before the end").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    done = int(
        page.get_by_role("heading", name="pairs of large").inner_text().split()[0].replace(",", "")
    )
    assert 0 < done < 1770
    with page.expect_download(timeout=PATIENCE_MS) as download:
        explore.key("save_scan").get_by_role("button").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == done
