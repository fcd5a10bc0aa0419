"""The Sweep page in a real browser: a map is made, a cell is clicked, the trial opens in Explore."""

from __future__ import annotations

import pytest

from tests.browser.conftest import PATIENCE_MS

LINK = "/sweep?y=TA&x=MA&sweep_entry_z_from=1.0&sweep_entry_z_to=3.0&sweep_entry_z_step=0.5"


def swept(explore, link: str = LINK):
    page = explore.page
    page.goto(explore.server.url + link)
    button = explore.key("sweep_start").get_by_role("button")
    button.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    button.click()
    explore.key("sweep_chart").locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    return page


def test_a_person_sweeps_clicks_a_cell_and_opens_it(explore):
    """The cell in the middle of the map becomes the trial; Explore opens with its settings and pair, in the link too."""
    page = swept(explore)
    trial = explore.key("sweep_trial").locator("input")
    before = trial.input_value()
    box = explore.key("sweep_chart").locator(".nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("before => document.querySelector('.st-key-sweep_trial input').value !== before", arg=before,
                           timeout=PATIENCE_MS)
    explore.settle()
    assert "entry_z 2, z_window 60" in explore.key("sweep_pick").inner_text().replace("\\", "")
    trial.fill("3")
    trial.press("Enter")
    explore.settle()
    assert "entry_z 1, z_window 39" in explore.key("sweep_pick").inner_text()
    explore.key("sweep_open").get_by_role("button").click()
    page.wait_for_selector(".pk-chart[data-rev] .main-svg", timeout=PATIENCE_MS)
    explore.settle()
    assert "TA-MA" in explore.rev
    assert "entry_z=1" in page.url
    assert "z_window=39" in page.url


@pytest.mark.parametrize("explore", ["light", "dark"], indirect=True)
def test_the_page_is_accessible_and_fits(explore):
    """axe finds no violation of WCAG 2 A and AA (set PAIRKIT_AXE to a copy of axe.min.js); nothing sticks out."""
    page = swept(explore)
    assert page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    explore.check_accessible()
