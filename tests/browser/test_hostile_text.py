"""Text from files, links, labels and notes is text: nothing of it is fetched, followed or run, on any page or in a report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pairkit.audit.runs import store
from pairkit.audit.seal import canonical_json, sha256_hex
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import StrategyConfig
from pairkit.errors import PairkitError
from pairkit.report.page import report_html
from pairkit.run import run_backtest
from tests.browser.conftest import PATIENCE_MS, ROOT, Server, opened

AWAY = "https://elsewhere.example"
HOSTILE = (f"![i]({AWAY}/md.png) [l]({AWAY}/md) <img src='{AWAY}/h.png' onerror='window.ran=1'> <script>window.ran=1</script> "
           f"<a href='{AWAY}/a'>a</a> <{AWAY}/auto> {AWAY}/bare :red[c] :material/home: :+1: $x^2$ `k` **b** # h | t | \u202e")
ADRIFT = f"""() => ({{
    ran: window.ran !== undefined,
    links: [...document.querySelectorAll('[href],[src],[srcset],[action]')].map(e => e.outerHTML)
        .filter(html => html.slice(0, html.indexOf('>') + 1).includes('{AWAY}')),
    styled: [...document.querySelectorAll('[style*="elsewhere.example"]')].length}})"""
PAGES = ("/", "/sweep", "/scan", "/honesty", "/snapshots", "/runs")


def planted(folder: Path) -> Path:
    """The demo with hostile text in every field of manifest and specs that still lets it open."""
    shutil.copytree(ROOT / "snapshots" / "demo", folder)
    specs = json.loads((folder / "specs.json").read_bytes())
    manifest = json.loads((folder / "manifest.json").read_bytes())

    def written() -> bool:
        raw = canonical_json(specs)
        (folder / "specs.json").write_bytes(raw)
        for entry in manifest["resources"]:
            if entry["path"] == "specs.json":
                entry |= {"bytes": len(raw), "sha256": sha256_hex(raw)}
        manifest["contract_specs"]["sha256"] = sha256_hex(raw)
        (folder / "manifest.json").write_bytes(canonical_json(manifest))
        try:
            return bool(open_snapshot(folder).pair("RB", "HC"))
        except PairkitError:
            return False

    def plant(value: object, put: Callable[[object], None]) -> None:
        """Text in place of each text below this value, where it is accepted."""
        if isinstance(value, dict):
            for key in list(value):
                plant(value[key], lambda text, key=key: value.__setitem__(key, text))
        elif isinstance(value, list):
            for place in range(min(len(value), 2)):
                plant(value[place], lambda text, place=place: value.__setitem__(place, text))
        elif isinstance(value, str) or value is None:
            put(HOSTILE)
            if not written():
                put(value)

    rows = specs["specs"] if isinstance(specs, dict) and "specs" in specs else specs
    for spec in (rows.values() if isinstance(rows, dict) else rows):
        if isinstance(spec, dict) and spec.get("code") in ("RB", None):
            plant(spec, lambda _: None)
    for part in ("name", "data_scope", "contract_specs", "runtime"):
        plant(manifest[part], lambda text, part=part: manifest.__setitem__(part, text))
    manifest["data_scope"][HOSTILE] = HOSTILE
    manifest["findings"].insert(0, {"kind": HOSTILE, "severity": "error", "message": HOSTILE, "root": "RB", "count": 1,
                                    "dates": ["2020-01-02"]})
    if not written():
        manifest["findings"][0]["kind"] = "spike"
    assert written()
    return folder


@pytest.fixture(scope="module")
def hostile(browser, tmp_path_factory) -> Iterator[Server]:
    """The app over a folder with such a snapshot, and saved runs with such names and notes."""
    home = tmp_path_factory.mktemp("hostile")
    snapshots = home / "snapshots"
    snapshots.mkdir()
    shutil.copytree(ROOT / "snapshots" / "demo", snapshots / "demo")
    folder = planted(snapshots / "planted")
    pair = open_snapshot(folder).pair("RB", "HC")
    for entry_z in (1.8, 2.0):
        run = run_backtest(pair, StrategyConfig(entry_z=entry_z))
        store.save(run, f"{entry_z} {HOSTILE}"[:store.MAX_NAME], HOSTILE, folder=home / "runs")
    (home / "report.html").write_text(report_html(run), encoding="utf-8")
    with Server(home / "server.log", PAIRKIT_SNAPSHOTS=str(snapshots)) as running:
        yield running


def held(tab) -> None:
    """Nothing of the page leads away, and nothing of it ran."""
    assert tab.page.evaluate(ADRIFT) == {"ran": False, "links": [], "styled": 0}


def test_the_planted_text_is_where_a_reader_looks(hostile):
    """The snapshot opens with hostile text in its terms, its scope and its findings: the pages below have something to show."""
    snapshot = open_snapshot(hostile.log.parent / "snapshots" / "planted")
    assert AWAY in snapshot.specs["RB"].name_zh
    assert AWAY in snapshot.manifest["data_scope"]["source"]
    assert any(AWAY in found.message for found in snapshot.findings)


@pytest.mark.parametrize("link", [
    *(f"/?snapshot=planted&details={tab}" for tab in ("Decision+trace", "Trades", "All+metrics", "Data+findings")),
    "/sweep?snapshot=planted", "/scan?snapshot=planted", "/honesty?snapshot=planted",
    *(f"/snapshots?part={part}" for part in ("Data+quality", "Contents+and+terms", "Compare", "Import+files")), "/runs"])
def test_no_page_does_what_a_snapshot_says(browser, hostile, link):
    """Every page over the planted snapshot: no request leaves, no link leads away, no script runs."""
    with opened(browser, hostile) as tab:
        tab.page.goto(hostile.url + link)
        tab.page.wait_for_selector("[data-testid=stAppViewContainer]", timeout=PATIENCE_MS)
        tab.settle()
        held(tab)


def test_a_scan_and_a_sweep_of_it_do_not_either(browser, hostile):
    """What these make of the planted snapshot is drawn, and stays text."""
    with opened(browser, hostile) as tab:
        for link, button, found in (("/scan?snapshot=planted", "scan_start", "pairs of"),
                                    ("/sweep?snapshot=planted", "sweep_start", "trials on")):
            tab.press(link, button)
            tab.page.get_by_text(found).first.wait_for(timeout=PATIENCE_MS)
            tab.settle()
            held(tab)


def test_names_and_notes_of_saved_runs_are_text(browser, hostile):
    """Both runs chosen, compared and rerun."""
    with opened(browser, hostile) as tab:
        tab.page.goto(hostile.url + "/runs")
        tab.settle()
        for _ in range(2):
            tab.key("runs").locator("input").first.click()
            tab.page.get_by_role("option").first.click()
            tab.page.keyboard.press("Escape")
            tab.settle()
        tab.key("verify_runs").get_by_role("button").click()
        tab.page.get_by_text("The same: every hash").first.wait_for(timeout=PATIENCE_MS)
        tab.settle()
        held(tab)


@pytest.mark.parametrize("page", PAGES)
def test_a_link_cannot_plant_anything(browser, hostile, page):
    """Hostile text as the value of every parameter that a link may have."""
    names = ("snapshot", "y", "x", "entry_z", "hedge_model", "details", "bar", "runs", "runs_filter", "part", "check",
             "sweep_metric", "scan_lags", "unknown")
    with opened(browser, hostile) as tab:
        tab.page.goto(f"{hostile.url}{page}?{urlencode(dict.fromkeys(names, HOSTILE))}")
        tab.page.wait_for_selector("[data-testid=stAppViewContainer]", timeout=PATIENCE_MS)
        tab.settle()
        held(tab)


def test_a_report_is_text_too(browser, hostile):
    """The HTML file of a run of the planted snapshot, opened from disk."""
    with opened(browser, hostile) as tab:
        asked: list[str] = []
        page = tab.page.context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto((hostile.log.parent / "report.html").as_uri())
        page.wait_for_load_state()
        assert page.evaluate(ADRIFT) == {"ran": False, "links": [], "styled": 0}
        assert [url for url in asked if url.startswith(("http:", "https:", "ws"))] == []
        assert "elsewhere.example" in page.inner_text("body")
