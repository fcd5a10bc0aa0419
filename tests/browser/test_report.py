"""The report in a real browser: drawn without the network or an error, no wider than its window, and printable."""

from __future__ import annotations

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.report import write_report
from pairkit.run import run_backtest
from tests import ROOT


def test_it_opens_and_prints(browser, tmp_path):
    """Four charts drawn, nothing asked of the network, no error in the console, no overflow; and it becomes a PDF."""
    run = run_backtest(open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC"))
    file = tmp_path / "run.html"
    write_report(run, file)
    tab, faults, asked = browser.new_page(viewport={"width": 1200, "height": 900}), [], []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on(
        "console",
        lambda line: faults.append(line.text) if line.type in ("error", "warning") else None,
    )
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(file.as_uri())
    tab.wait_for_function("document.querySelectorAll('.plotly-graph-div .main-svg').length >= 8")
    tab.mouse.move(600, 700)
    overflow = tab.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    printed = tab.pdf(prefer_css_page_size=True)
    tab.close()
    assert faults == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert overflow <= 0
    assert printed.startswith(b"%PDF")
