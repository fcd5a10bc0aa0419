"""The Scan page in a real browser: the matrix is made, a cell is clicked, the pair opens in Explore."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.browser.conftest import PATIENCE_MS


def scanned(explore):
    page = explore.page
    page.goto(f"{explore.server.url}/scan")
    button = explore.key("scan_start").get_by_role("button")
    button.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    button.click()
    explore.key("scan_chart").locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    return page


def test_a_person_scans_clicks_a_cell_and_opens_the_pair(explore):
    """The cell in column TA and row MA of the ten roots becomes the chosen pair, and Explore opens with it."""
    page = scanned(explore)
    box = explore.key("scan_chart").locator(".nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 8.5 / 10, box["y"] + box["height"] * 4.5 / 10)
    explore.key("scan_pick").get_by_text("2. TA on MA").or_(
        page.locator('.st-key-scan_pair input[value="2. TA on MA"]')).first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    explore.key("scan_open").get_by_role("button").click()
    page.wait_for_selector(".pk-chart[data-rev] .main-svg", timeout=PATIENCE_MS)
    explore.settle()
    assert "TA-MA" in explore.rev


def test_the_pairs_of_a_scan_come_down_as_csv(explore):
    """Its rows are the pairs of the ten roots, the smallest p-value first."""
    page = scanned(explore)
    with page.expect_download(timeout=PATIENCE_MS) as download:
        explore.key("save_scan").get_by_role("button").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 45
    assert [float(row["pvalue"]) for row in rows] == sorted(float(row["pvalue"]) for row in rows)


@pytest.mark.parametrize("explore", ["light", "dark"], indirect=True)
def test_the_page_is_accessible_and_fits(explore):
    """axe finds no violation of WCAG 2 A and AA (set PAIRKIT_AXE to a copy of axe.min.js); nothing sticks out."""
    page = scanned(explore)
    assert page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    explore.check_accessible()
