"""The Sweep page in a real browser: a map is made, a cell is clicked, the trial opens in Explore."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from urllib.parse import urlencode

from pairkit.config import SETTINGS
from pairkit.ui.settings import label_of
from tests.browser.conftest import PATIENCE_MS

LINK = "/sweep?y=TA&x=MA&sweep_entry_z_from=1.0&sweep_entry_z_to=3.0&sweep_entry_z_step=0.5"


def test_a_person_sweeps_clicks_a_cell_and_opens_it(explore):
    """The cell in the middle of the map becomes the trial; Explore opens with its settings and pair, in the link too.

    Light and dark, with the map in sight, axe finds no violation of WCAG 2 A and AA, and nothing sticks out. The button is on the
    first screen of a low window.
    """
    page = explore.press(LINK, "sweep_start").page
    explore.key("sweep_chart").locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    for theme in explore.themes():
        assert explore.sticks_out <= 0
        explore.check_accessible(theme)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_role("heading", name="Sweep").scroll_into_view_if_needed()
    opens = explore.settle().key("sweep_open").bounding_box()
    assert opens["y"] + opens["height"] <= 720
    trial = explore.key("sweep_trial").locator("input")
    before = trial.input_value()
    chart = explore.key("sweep_chart").locator(".nsewdrag").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function(
        "before => document.querySelector('.st-key-sweep_trial input').value !== before",
        arg=before,
        timeout=PATIENCE_MS,
    )
    explore.settle()
    assert "Entry z 2, Z window 60" in explore.key("sweep_pick").inner_text()
    trial.fill("3")
    trial.press("Enter")
    explore.settle()
    assert "Entry z 1, Z window 39" in explore.key("sweep_pick").inner_text()
    explore.key("sweep_open").get_by_role("button").click()
    explore.drawn()
    assert "TA-MA" in explore.rev
    assert "entry_z=1" in page.url
    assert "z_window=39" in page.url


def test_a_running_sweep_is_stopped_and_what_is_done_is_shown(explore):
    """A sweep of many thousand trials is stopped in its midst; the page shows those that were done, the file holds them all."""
    fields = [label_of(SETTINGS[name]) for name in ("hedge_window", "adf_window", "vol_window")]
    link = {
        "y": "TA",
        "x": "MA",
        "sweep_fields": fields,
        "sweep_how": "Random draws",
        "sweep_n": "400000",
    }
    page = explore.press(f"/sweep?{urlencode(link, doseq=True)}", "sweep_start").page
    explore.stop("sweep_job", "trials")
    heading = page.get_by_role("heading", name="stopped before the end")
    heading.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    done = int(heading.inner_text().split()[0].replace(",", ""))
    assert 0 < done < 400_000
    with page.expect_download(timeout=PATIENCE_MS) as download:
        explore.key("save_trials").get_by_role("button").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == done
    assert all(
        float(one["sharpe"]) >= float(two["sharpe"]) for one, two in itertools.pairwise(rows[:50])
    )
