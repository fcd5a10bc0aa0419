"""The Honesty page in a real browser: a check is stopped, another is made and told on Explore; it is accessible."""

from __future__ import annotations

from tests.browser.conftest import PATIENCE_MS


def test_a_person_stops_a_check_makes_another_and_explore_tells_of_it(explore):
    """Stop ends a long check; the page says so, and that it has not been made.

    The realism ladder is played and drawn. Light and dark, with its verdict and charts in sight, axe finds no violation of WCAG 2 A and
    AA, and nothing sticks out. Explore, reached by the navigation with the same settings, has the verdict.
    """
    page = explore.page
    page.goto(f"{explore.server.url}/honesty?entry_z=2.3&placebo_draws=20000")
    explore.key("honesty_all").get_by_role("button").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    page.get_by_role("tab", name="Placebo").click()
    explore.key("placebo_start").get_by_role("button").click()
    explore.key("honesty_job_stop").get_by_role("button").click(timeout=PATIENCE_MS)
    page.get_by_text("It was stopped before it finished.").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    page.get_by_text("This check has not been run yet.").wait_for(timeout=PATIENCE_MS)

    page.get_by_role("tab", name="Realism").click()
    explore.key("realism_start").get_by_role("button").click()
    page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    assert (
        page.get_by_text("A paper Sharpe ratio of").count() == 2
    )  # in the overview and in the panel
    for theme in explore.themes():
        assert explore.sticks_out <= 0
        explore.check_accessible(theme)

    page.get_by_role("link", name="Explore").click()
    explore.drawn()
    explore.key("tiles").get_by_text("1 passed").first.wait_for(timeout=PATIENCE_MS)
