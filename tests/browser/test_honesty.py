"""The Honesty page in a real browser: a check is made, told on Explore, another is stopped; it is accessible."""

from __future__ import annotations

from tests.browser.conftest import PATIENCE_MS

ENTRY = "entry_z=2.3"  # a run of this file's own, so that no other test's checks are known of it


def honesty(explore, link: str):
    page = explore.page
    page.goto(f"{explore.server.url}/honesty?{link}")
    explore.key("honesty_all").get_by_role("button").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    return page


def test_a_person_makes_a_check_and_explore_tells_of_it(explore):
    """The realism ladder is played and drawn; Explore, reached by the navigation with the same settings, has its verdict."""
    page = honesty(explore, ENTRY)
    page.get_by_role("tab", name="Realism").click()
    explore.key("realism_start").get_by_role("button").click()
    page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    assert (
        page.get_by_text("A paper Sharpe ratio of").count() == 2
    )  # in the overview and in the panel
    page.get_by_role("link", name="Explore").click()
    page.wait_for_selector(".pk-chart[data-rev] .main-svg", timeout=PATIENCE_MS)
    explore.settle()
    explore.key("tiles").get_by_text("1 passed").first.wait_for(timeout=PATIENCE_MS)


def test_a_check_is_stopped(explore):
    """Stop ends a long check; the page says so, and that it has not been made."""
    page = honesty(explore, f"{ENTRY}&placebo_draws=20000")
    page.get_by_role("tab", name="Placebo").click()
    explore.key("placebo_start").get_by_role("button").click()
    explore.key("honesty_job_stop").get_by_role("button").click(timeout=PATIENCE_MS)
    page.get_by_text("It was stopped before it finished.").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    page.get_by_text("This check has not been run yet.").wait_for(timeout=PATIENCE_MS)


def test_the_page_is_accessible_and_fits(explore):
    """Light and dark: axe finds no violation of WCAG 2 A and AA, with a verdict and its charts in sight; nothing sticks out."""
    page = honesty(explore, "entry_z=2.4")
    page.get_by_role("tab", name="Realism").click()
    explore.key("realism_start").get_by_role("button").click()
    page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    for theme in explore.themes():
        assert explore.sticks_out <= 0
        explore.check_accessible(theme)
