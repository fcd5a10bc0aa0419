"""The main journeys through the Explore page, as a person makes them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import StrategyConfig
from pairkit.run import run_backtest
from tests.browser.conftest import PATIENCE_MS

DEMO = Path(__file__).resolve().parents[2] / "snapshots" / "demo"


def test_a_person_opens_tunes_zooms_asks_why_and_saves(explore):
    """Open, switch the pair, zoom, move a slider with the zoom kept, step to a blocked entry, read why, save the files."""
    page = explore.open().page
    first = explore.rev
    explore.choose("y", "TA ").choose("x", "MA ")
    assert explore.rev != first
    assert page.get_by_role("heading", name="TA 精对苯二甲酸 PTA").is_visible()

    explore.zoom()
    zoomed = explore.visible_time()
    explore.slider("entry_z").focus()
    for _ in range(3):
        explore.changing(lambda: page.keyboard.press("ArrowLeft"))
    assert explore.visible_time() == zoomed
    assert parse_qs(urlsplit(page.url).query)["entry_z"] == ["1.85"]

    run = run_backtest(open_snapshot(DEMO).pair("TA", "MA"), StrategyConfig(entry_z=1.85))
    tile = page.get_by_test_id("stMetric").filter(has_text="Blocked bars")
    assert tile.inner_text().endswith(f"{run.metrics['blocked_bars']:,.0f}")
    first, last = (pd.Timestamp(instant, unit="ms") for instant in explore.sight())
    in_sight = run.frame[first:last]
    blocked = in_sight.index[in_sight["state"] == "BLOCKED"][0]
    explore.changing(lambda: explore.key("next_blocked_entry").get_by_role("button").click())
    assert f"{blocked:%Y-%m-%d}: BLOCKED" in explore.key("why").inner_text()
    verdicts = page.locator("table").filter(has_text="verdict").first.inner_text()
    assert "shut" in verdicts

    saved = {}
    for name in ("save_frame", "save_trades", "save_chart", "save_manifest"):
        with page.expect_download() as download:
            explore.key(name).get_by_role("button").click()
        saved[name] = Path(download.value.path()).read_text(encoding="utf-8")
    assert len(list(csv.DictReader(saved["save_frame"].splitlines()))) == len(run.frame)
    assert len(list(csv.DictReader(saved["save_trades"].splitlines()))) == len(run.trades)
    assert "PTA against MA 甲醇" in saved["save_chart"]
    assert json.loads(saved["save_manifest"])


def test_a_click_on_the_chart_chooses_that_bar_and_a_link_brings_it_back(explore):
    """A click on a bar shows its trace and puts it in the link, a zoom its two days, a pin its settings, which stay there when a
    number moves; the link opens the same chart on the same bar and the same stretch, with the run pinned.
    """
    page = explore.open("/?entry_z=2.5&max_loss=0.02").page
    box = page.locator(".pk-chart").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 120)
    page.locator(".pk-tip").wait_for(timeout=10_000)
    hovered = page.locator(".pk-readout").get_attribute("data-day")
    explore.changing(lambda: page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 120))
    link = parse_qs(urlsplit(page.url).query)
    assert link["entry_z"] == ["2.5"]
    chosen = link["bar"][0]
    assert chosen == hovered
    assert explore.key("why").inner_text().startswith(chosen)

    page.get_by_role("button", name="Pin", exact=True).click()
    page.wait_for_url("**pinned=**", timeout=PATIENCE_MS)
    explore.settle()
    number = page.get_by_role("spinbutton", name="Entry z (sigma)").first
    number.fill("2.4")
    explore.changing(lambda: number.press("Enter"))
    page.wait_for_url("**pinned=entry_z**", timeout=PATIENCE_MS)
    there = explore.rev
    explore.zoom()
    page.wait_for_url("**zoom=**", timeout=PATIENCE_MS)
    explore.settle()
    query = urlsplit(page.url).query
    explore.open("/?" + query)
    assert explore.rev == there
    assert [end[:10] for end in explore.visible_time()] == parse_qs(query)["zoom"][0].split("..")
    assert parse_qs(query)["pinned"] == ["entry_z:2.5,max_loss:0.02"]
    assert page.get_by_role("button", name="Unpin").count() == 1


def test_what_was_chosen_goes_along_through_navigation_link_and_way_back(explore):
    """A short link is spelt out; what goes along to Sweep is in its link, which opens the same; back and forward lose nothing.

    Tuned, then Sweep, tuned there, then Runs and Explore again: pair and settings are as they were left, and the links to the pages
    stand where they stood.
    """
    page = explore.open("/?y=ta&x=MA&entry_z=2.5").page
    chosen = {"y": ["TA 精对苯二甲酸 PTA"], "x": ["MA 甲醇 Methanol"], "entry_z": ["2.5"]}
    at = page.get_by_role("link", name="Sweep").bounding_box()["x"]

    def arrives(path: str) -> None:
        page.wait_for_url(
            lambda url: urlsplit(url).path == path and parse_qs(urlsplit(url).query) == chosen,
            timeout=PATIENCE_MS,
        )
        explore.settle()
        value = explore.slider("entry_z")
        assert float(value.get_attribute("aria-valuetext") or value.input_value()) == 2.5
        assert "TA 精对苯二甲酸 PTA" in (
            explore.key("y").inner_text() + explore.key("y").locator("input").first.input_value()
        )

    arrives("/")
    page.get_by_role("link", name="Sweep").click()
    arrives("/sweep")
    page.reload()
    arrives("/sweep")
    page.get_by_role("link", name="Explore").click()
    arrives("/")
    page.go_back()
    arrives("/sweep")
    page.go_forward()
    arrives("/")
    assert "TA-MA" in explore.drawn().rev

    explore.slider("exit_z").focus()
    explore.changing(lambda: page.keyboard.press("ArrowRight"))
    page.get_by_role("link", name="Sweep").click()
    explore.key("sweep_start").get_by_role("button").wait_for(timeout=PATIENCE_MS)
    explore.settle()
    assert "TA-MA" in page.locator("[data-testid=stMain]").inner_text()
    explore.slider("stop_z").focus()
    page.keyboard.press("ArrowRight")
    explore.settle()
    page.get_by_role("link", name="Runs").click()
    page.get_by_text("Saved runs").or_(page.get_by_text("No run is saved yet")).first.wait_for(
        timeout=PATIENCE_MS
    )
    explore.settle()
    assert page.get_by_role("link", name="Sweep").bounding_box()["x"] == pytest.approx(at, abs=1)
    page.get_by_role("link", name="Explore").click()
    explore.drawn()
    assert explore.rev.startswith("TA-MA")
    link = parse_qs(urlsplit(page.url).query)
    assert (link["entry_z"], link["exit_z"], link["stop_z"]) == (["2.5"], ["0.55"], ["4.05"])


def test_a_contradiction_is_told_below_its_slider_and_nothing_moves(explore):
    """Exit above entry is explained once, in words, below the sliders of its group; the slider under the pointer stays where it is,
    and so does the last good chart, which is said not to be updated.
    """
    page = explore.open("/?entry_z=1.05&exit_z=0.95").page
    slider = explore.slider("exit_z")
    slider.focus()
    explore.changing(lambda: page.keyboard.press("ArrowRight"))
    before, there = slider.bounding_box()["y"], explore.rev
    chart = page.locator(".pk-chart").bounding_box()
    page.keyboard.press("ArrowRight")
    page.get_by_text("Need Exit z < Entry z < Stop z").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    assert page.get_by_text("Need Exit z < Entry z < Stop z").count() == 1
    assert slider.bounding_box()["y"] == before
    assert page.locator(".pk-chart").bounding_box() == chart
    assert explore.rev == there
    assert page.get_by_text("Not updated").first.is_visible()


def test_both_themes_draw_the_whole_page(explore):
    """In light and in dark every pane has its title, the page its colour, nothing sticks out, a reason of two lines ends above the
    line of numbers, and axe finds no violation.
    """
    page = explore.open("/?y=TA&x=MA&bar=2015-04-01").page
    for theme in explore.themes():
        why, numbers = (
            page.locator(one).first.bounding_box() for one in (".st-key-why p", ".pk-readout")
        )
        assert why["height"] > 40
        assert why["y"] + why["height"] <= numbers["y"]
        assert explore.panes() == ["Prices", "Hedge ratio", "Spread", "z", "Gates", "Equity"]
        assert explore.sticks_out <= 0
        assert explore.chart_color == explore.page_color
        explore.check_accessible(theme)


def test_a_stretch_follows_the_step_and_the_trade_and_stays_in_another_theme(explore):
    """With a stretch zoomed in, the next Hold outside it moves the stretch there and keeps its length.

    Of the trades, whose net comes first, a row that is clicked chooses its entry's bar and zooms to the trade. The dark theme, chosen
    in the menu, redraws the chart in the page's new colour, and the stretch stays.
    """
    page = explore.open("/?y=TA&x=MA").page
    explore.zoom(0.9, 0.95)
    low, high = explore.sight()
    length = high - low
    explore.changing(lambda: explore.key("next_hold").get_by_role("button").click())
    low, high = explore.sight()
    picked = page.evaluate("() => Number(document.querySelector('.pk-chart').dataset.picked)")
    assert low < picked < high
    assert high - low == pytest.approx(length, abs=2)

    page.get_by_role("tab", name="Trades").click()
    table = explore.key("trades").get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    explore.changing(lambda: page.mouse.click(box["x"] + 18, box["y"] + 52))
    last = run_backtest(open_snapshot(DEMO).pair("TA", "MA")).trades.iloc[-1]
    assert parse_qs(urlsplit(page.url).query)["bar"] == [f"{last['entry_decided']:%Y-%m-%d}"]
    first, until = (pd.Timestamp(instant, unit="ms") for instant in explore.sight())
    assert first < last["entry_decided"] < until
    assert until - first < pd.Timedelta(days=400)
    assert abs((until - first) - pd.Timedelta(milliseconds=length)) > pd.Timedelta(days=1)

    light, zoomed = explore.page_color, explore.visible_time()
    page.get_by_test_id("stMainMenu").click()
    explore.changing(lambda: page.get_by_test_id("stMainMenuItem-theme-Dark").click())
    assert explore.page_color != light
    assert explore.chart_color == explore.page_color
    assert explore.visible_time() == zoomed


def test_the_first_screen_answers_and_panes_fold(explore):
    """In a low window and in a higher one, tiles, all panes, the dates, three sliders and *Save run* are within it, no root's name is
    cut, and the numbers of the bar under the mouse are said in every pane.

    A pane is folded away and another opened; the others share the height; the link opens the same panes.
    """
    page = explore.page
    page.set_viewport_size({"width": 1280, "height": 720})
    explore.open("/")
    run = run_backtest(open_snapshot(DEMO).pair("RB", "HC"))
    for width, height in ((1280, 720), (1440, 900)):
        if page.viewport_size["height"] != height:
            low = page.locator(".pk-chart").bounding_box()["height"]
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function(
                "low => document.querySelector('.pk-chart').clientHeight > low + 100",
                arg=low,
                timeout=PATIENCE_MS,
            )
            explore.settle()
        _first_screen(explore, run, width, height)

    height = page.locator(".pk-chart").bounding_box()["height"]
    page.get_by_role("button", name="Panes").click()
    explore.changing(lambda: page.get_by_role("button", name="Spread", exact=True).click())
    explore.changing(lambda: page.get_by_role("button", name="Drawdown", exact=True).click())
    shown = ["Prices", "Hedge ratio", "z", "Gates", "Equity", "Drawdown"]
    assert explore.panes() == shown
    assert page.locator(".pk-chart").bounding_box()["height"] == height
    explore.open("/?" + urlsplit(page.url).query)
    assert explore.panes() == shown


def _first_screen(explore, run, width: int, height: int) -> None:
    page = explore.page
    chart = page.locator(".pk-chart").bounding_box()
    assert page.get_by_test_id("stMetric").first.bounding_box()["y"] > 0
    assert chart["y"] + chart["height"] <= height
    assert page.locator(".pk-chart .xtick").last.bounding_box()["y"] < height
    assert chart["x"] + chart["width"] <= width
    assert explore.sticks_out <= 0
    sliders = page.locator("[data-testid=stSidebar] :is([role=slider], input[type=range])")
    boxes = [slider.bounding_box() for slider in sliders.all()]
    assert sum(box["y"] + box["height"] <= height for box in boxes) >= 3
    saved = explore.key("save_run").bounding_box()
    assert saved["y"] + saved["height"] <= chart["y"]
    for leg in ("y", "x"):
        cut = "node => node.scrollWidth - node.clientWidth"
        assert explore.key(leg).locator("input").first.evaluate(cut) <= 0
    days = set()
    for share in (0.08, 0.25, 0.4, 0.6, 0.75, 0.9):
        page.mouse.move(chart["x"] + 0.6 * chart["width"], chart["y"] + share * chart["height"])
        page.locator(".pk-tip").wait_for(timeout=10_000)
        days.add(page.locator(".pk-readout").get_attribute("data-day"))
        said = page.locator(".pk-readout").inner_text()
        assert all(word in said for word in ("RB ", "HC ", "β ", "z ", "equity ", "drawdown "))
    assert len(days) == 1
    (day,) = days
    assert f"z {run.frame.loc[day, 'z']:.2f}".replace("-", "-") in said.replace("−", "-")


def test_a_slider_goes_as_far_as_its_key_was_pressed(explore):
    """Presses that come faster than the page is drawn all count: slider, number, link and chart agree, and no preset is taken up.

    In each of three rhythms, from the preset Default, to which Reset goes back.
    """
    page = explore.open().page
    run = run_backtest(open_snapshot(DEMO).pair("RB", "HC"), StrategyConfig(entry_z=2.3))
    preset = page.locator("[class*=st-key-preset]").first
    for pause_ms in (33, 120, 250):
        assert "Default" in preset.inner_html()
        assert urlsplit(page.url).query == ""
        explore.slider("entry_z").focus()
        before = explore.rev
        for _ in range(6):
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(pause_ms)
        page.wait_for_function("() => location.search.includes('entry_z=2.3')", timeout=PATIENCE_MS)
        explore.settle()
        _typed(explore, "2.3")
        assert parse_qs(urlsplit(page.url).query) == {"entry_z": ["2.3"]}
        assert "Custom" in preset.inner_html()
        assert explore.rev != before
        tile = page.get_by_test_id("stMetric").filter(has_text="Blocked bars")
        assert tile.inner_text().endswith(f"{run.metrics['blocked_bars']:,.0f}")
        page.get_by_role("button", name="My presets").click()
        explore.changing(lambda: explore.key("reset").get_by_role("button").click())
        page.keyboard.press("Escape")
        page.wait_for_function("() => location.search === ''", timeout=PATIENCE_MS)
        _typed(explore, "2")


def _typed(explore, value: str) -> None:
    """Wait until the field beside the slider of entry z has this value."""
    explore.page.wait_for_function(
        "value => Number(document.querySelector('[class*=st-key-entry_z_typed] input')?.value) === Number(value)",
        arg=value,
        timeout=PATIENCE_MS,
    )


def test_a_number_typed_before_the_page_is_left_is_kept(explore):
    """Typed without Enter, and a click on another page at once: that page opens, and the number is there on the way back.

    The browser is busy: it runs timers a moment late, among them the one that sends the number.
    """
    page = explore.open().page
    page.evaluate("window.onTime = window.setTimeout")
    for other, number in (("Sweep", "2.5"), ("Runs", "2.6")):
        page.locator("[class*=st-key-entry_z_typed] input").first.click()
        page.keyboard.press("Control+a")
        page.keyboard.type(number)
        page.evaluate(
            "window.setTimeout = (act, ms = 0, ...more) => onTime(act, ms + 150, ...more)"
        )
        page.get_by_role("link", name=other).click(delay=40)
        page.wait_for_url(f"**/{other.lower()}*", timeout=PATIENCE_MS)
        page.evaluate("window.setTimeout = window.onTime")
        explore.settle()
        assert page.get_by_test_id("stException").count() == 0
        page.get_by_role("link", name="Explore").click()
        explore.drawn()
        _typed(explore, number)
        assert parse_qs(urlsplit(page.url).query)["entry_z"] == [number]
