"""Text of files, links and readers stays text: on every page and in the report, whatever it would be as Markdown or HTML."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np
import pandas as pd
import pytest

from pairkit.audit.runs import store
from pairkit.audit.seal import canonical_json
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.config import StrategyConfig
from pairkit.findings import Finding
from pairkit.market.contracts import ContractSpec, bundled_spec
from pairkit.run import run_backtest
from pairkit.ui.saved_runs.page import label
from tests.browser.conftest import PATIENCE_MS, Explore

HOST = "evil.test"
SHORT = ":red[r] <img src=x onerror=hacked=1> www.evil.test $x$"
TEXT = (
    f"![i](http://{HOST}/i.png) [l](http://{HOST}) <img src=http://{HOST}/j.png onerror=hacked=1> <script>hacked=1</script> "
    f"<a href='http://{HOST}'>a</a> <http://{HOST}> https://{HOST} www.{HOST} me@{HOST} $x^2$ :material/home: :streamlit: "
    ":smile: :red[r] :blue-badge[b] %{x} `c` ~~s~~ \u202e\u2066\n\n# h\n- i\n\n    code\n| a |\n|---|\n| b |"
)
LONG = TEXT + "long " * 20_000
Y, X = f"Y {SHORT}", f"X {SHORT}"
FOREIGN = """() => [
  ...[...document.querySelectorAll('a[href], area[href]')].map((a) => a.href),
  ...[...document.querySelectorAll('svg a')].map((a) => String(a.getAttribute('xlink:href') ?? a.getAttribute('href'))),
  ...[...document.querySelectorAll('img, iframe, script[src]')].map((e) => e.src),
].filter((to) => !to.startsWith(location.origin) && !/^(data:|blob:|#|file:.*#)/.test(to))"""
MARKUP = (
    ".katex, [aria-label='home icon'], [alt='Streamlit logo'], [data-testid=stMarkdownPre], "
    ".stMarkdownColoredText:text-is('r')"
)


def terms(code: str, root: str) -> ContractSpec:
    """A contract whose every word is hostile."""
    return replace(
        bundled_spec(root),
        code=code,
        name=TEXT,
        name_zh=SHORT,
        exchange=TEXT,
        source=TEXT,
        version=TEXT,
        currency=SHORT,
        field_sources={"tick": TEXT},
    )


def bars() -> pd.DataFrame:
    """Two legs that come back to one another, two contracts each, with a roll."""
    rng, days = np.random.default_rng(3), pd.bdate_range("2022-01-03", periods=700).as_unit("ns")
    walk = 4000 + rng.normal(0, 15, len(days)).cumsum()
    parts = []
    for code, noise in ((Y, 12.0), (X, 0.0)):
        for contract in ("1", "2"):
            close = np.round(walk + rng.normal(0, 1, len(days)) * noise)
            parts.append(
                pd.DataFrame(
                    {
                        "root": code,
                        "contract": f"{code}{contract}",
                        "trade_date": days,
                        "open": close,
                        "high": close + 5,
                        "low": close - 5,
                        "close": close,
                        "settle": close,
                        "volume": 1e4,
                        "open_interest": 1e4,
                        "up_limit": np.nan,
                        "down_limit": np.nan,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def mapping(table: pd.DataFrame) -> pd.DataFrame:
    days = pd.DatetimeIndex(table["trade_date"].unique())
    held = np.where(np.arange(1, len(days)) < 400, "1", "2")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "root": code,
                    "trade_date": days[1:],
                    "contract": [code + one for one in held],
                    "known_date": days[:-1],
                }
            )
            for code in (Y, X)
        ],
        ignore_index=True,
    )


def plant(folder: Path, name: str, message: str, close_more: float = 0.0) -> None:
    """A snapshot with hostile text wherever one still opens."""
    table = bars()
    table.loc[5, ["close", "high"]] += close_more
    found = [Finding("odd", "warning", message, root, 1, ("2022-01-05",)) for root in ("", Y, X)]
    write_snapshot(
        folder,
        name,
        bars=table,
        mapping=mapping(table),
        specs=[terms(Y, "RB"), terms(X, "HC")],
        findings=found,
        data_scope={
            "source": TEXT,
            "source_version": TEXT,
            "api": TEXT,
            "fetched_at": TEXT,
            TEXT: {TEXT: [TEXT]},
        },
        notes=TEXT,
    )
    path = folder / name / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["name"] = manifest["contract_specs"]["source"] = manifest["contract_specs"][
        "version"
    ] = TEXT
    manifest["findings"][0]["kind"] = manifest["runtime"]["platform"] = manifest["data_scope"][
        "units"
    ][TEXT] = TEXT
    path.write_bytes(canonical_json(manifest))


@pytest.fixture(scope="module", autouse=True)
def planted(home) -> Path:
    """Folders of snapshots and of runs, both hostile, with a broken one in each."""
    shutil.rmtree(home / "snapshots" / "demo")
    plant(home / "snapshots", "old", TEXT)
    plant(home / "snapshots", "demo", LONG, 3.0)
    for broken in (home / "snapshots" / SHORT, home / "runs" / SHORT):
        broken.mkdir(parents=True)
    pair = open_snapshot(home / "snapshots" / "demo").pair(Y, X)
    for entry_z in (2.0, 1.5):
        store.save(
            run_backtest(pair, StrategyConfig(entry_z=entry_z, adf_gate=False)),
            f"{entry_z} {SHORT}",
            TEXT,
            folder=home / "runs",
        )
    (home / "universe.json").write_text(
        json.dumps({"pairs": [{"y": "RB", "x": "HC", "sector": SHORT, "reason": TEXT[:300]}]}),
        encoding="utf-8",
    )
    return home


def visit(explore: Explore, link: str, *keys: str) -> Explore:
    """Open a page and wait until these parts of it are there."""
    explore.page.goto(explore.server.url + link)
    for key in keys:
        explore.key(key).first.wait_for(timeout=PATIENCE_MS)
    return explore.settle()


def assert_inert(page) -> None:
    """Nothing on the page has become a link, a picture, a script, a formula, an icon or a colour."""
    assert page.evaluate(FOREIGN) == []
    assert page.evaluate("() => window.hacked") is None
    assert [one.inner_text() for one in page.locator(MARKUP).all()] == []
    assert page.get_by_test_id("stException").count() == 0


def test_names_of_contracts_and_findings_are_text_on_explore_and_in_the_report(
    explore, browser, tmp_path
):
    """In pickers, heading, chart, hover, trace, findings, and what the pickers offer.

    The report, opened from the disk, asks for nothing, links to nothing and runs no script of a file.
    """
    visit(explore, "/?details=Data+findings&bar=2023-06-01", "why")
    explore.page.wait_for_selector(".pk-chart[data-rev] .main-svg", timeout=PATIENCE_MS)
    explore.page.get_by_role("table").filter(has_text=HOST).first.wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.page)
    explore.page.locator(".pk-chart").scroll_into_view_if_needed()
    box = explore.page.locator(".pk-chart").bounding_box()
    explore.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5)
    explore.page.locator(".pk-tip").wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.page)
    for key in ("snapshot", "y"):
        explore.key(key).locator("input, [role=combobox]").first.click()
        explore.page.get_by_role("option").first.wait_for(timeout=PATIENCE_MS)
        assert_inert(explore.page)
        explore.page.keyboard.press("Escape")
    explore.key("snapshot").get_by_test_id("stTooltipHoverTarget").first.hover()
    explore.page.get_by_test_id("stTooltipContent").wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.page)

    with explore.page.expect_download(timeout=PATIENCE_MS) as download:
        explore.key("save_report").get_by_role("button").click()
    download.value.save_as(tmp_path / "report.html")
    asked: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on(
        "request",
        lambda one: (
            asked.append(one.url) if not one.url.startswith(("file:", "data:", "blob:")) else None
        ),
    )
    page.goto((tmp_path / "report.html").as_uri())
    page.locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    assert HOST in page.inner_text("body")
    assert_inert(page)
    context.close()
    assert asked == []


def test_a_link_is_text(explore):
    """What a link asks for and there is not is told as it was written."""
    names = ("snapshot", "y", "x", "entry_z", "hedge_model", "kalman_gamma", "details", "bar")
    visit(explore, "/?" + urlencode(dict.fromkeys(names, TEXT)), "dismiss_link_faults")
    assert explore.page.get_by_test_id("stAlert").filter(has_text=HOST).count() >= 6
    assert_inert(explore.page)


def test_a_sweep_is_text(explore):
    """Heading, count, table, chart."""
    explore.press("/sweep?sweep_fields=entry_z&sweep_filter=" + quote(TEXT), "sweep_start")
    explore.key("sweep_chart").locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.page.get_by_test_id("stAlert").filter(has_text=HOST).first.wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.settle().page)


def test_a_scan_is_text(explore):
    """Matrix, table, chosen pair, and a filter that cannot be read."""
    explore.page.goto(explore.server.url + "/scan")  # it runs by itself
    explore.key("scan_chart").locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.settle()
    assert explore.key("scan_chart").locator("text").filter(has_text="www.evil").count()
    assert_inert(explore.page)
    explore.key("scan_chart").scroll_into_view_if_needed()
    box = explore.key("scan_chart").locator(".nsewdrag").first.bounding_box()
    for share in (0.4, 0.5):  # to the middle of the only cell
        explore.page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * share)
    explore.key("scan_chart").locator(".hoverlayer text").first.wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.page)
    explore.key("scan_filter").locator("input").fill(TEXT.replace("\n", " "))
    explore.page.keyboard.press("Enter")
    explore.page.get_by_test_id("stAlert").filter(has_text=HOST).first.wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.settle().page)


def test_a_check_is_text(explore):
    """Heading, verdict, figures and tables of a check that names the currency."""
    visit(explore, "/honesty?check=Realism", "overview")
    assert explore.key("honesty_heading").filter(has_text="<img src=x").count()
    explore.key("realism_start").get_by_role("button").click()
    explore.page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.settle().page)


def test_a_snapshot_is_text(explore):
    """Every part of the page, for every root."""
    page = visit(explore, "/snapshots", "shown").page
    for part in ("Data quality", "Contents and terms", "Compare"):
        page.get_by_role("tab", name=part).click()
        page.wait_for_timeout(500)
        explore.settle()
        page.get_by_text(HOST).first.wait_for(timeout=PATIENCE_MS)
        assert_inert(page)


def test_saved_runs_are_text(explore, planted):
    """Names, notes, verdicts and the comparison of two."""
    chosen = [label(one) for one in store.list_runs(planted / "runs") if not one.error]
    assert len(chosen) == 2
    visit(
        explore,
        "/runs?" + urlencode({"runs": chosen, "runs_filter": ""}, doseq=True),
        "equity_chart",
    )
    explore.key("equity_chart").locator(".main-svg").first.wait_for(timeout=PATIENCE_MS)
    explore.page.get_by_text("first differ on").or_(
        explore.page.get_by_text("decide the same")
    ).first.wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.settle().page)
    explore.key("verify_runs").get_by_role("button").click()
    explore.page.get_by_test_id("stAlert").filter(has_text="#").nth(1).wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.settle().page)
    explore.key("delete_runs").get_by_role("button").click()
    explore.page.get_by_role("dialog").wait_for(timeout=PATIENCE_MS)
    assert_inert(explore.settle().page)
