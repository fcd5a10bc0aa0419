"""The report: its numbers are the run's, its text is escaped, it needs no network, and it opens without an error."""

from __future__ import annotations

import base64
import html as stdlib_html
import math
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from jinja2 import UndefinedError
from markupsafe import escape

from pairkit.analysis.attribution import attribute, by_year
from pairkit.analysis.blocked_trades import blocked_trades, gates_off
from pairkit.audit.runs.manifest import run_manifest
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.checks import CHECKS, CheckResult
from pairkit.columns import METRICS, TRADE_COLUMNS, names
from pairkit.config import StrategyConfig
from pairkit.display import templates
from pairkit.errors import RunError
from pairkit.findings import Finding
from pairkit.metrics import BARS_A_YEAR
from pairkit.report import checks as module
from pairkit.report import report_html, write_report
from pairkit.report.checks import checks
from pairkit.report.figures import (
    by_exit_reason,
    hold_spells,
    monthly_returns,
    rolling_sharpe,
    trade_summary,
)
from pairkit.research.lookahead.audit import audit_lookahead
from pairkit.run import BacktestRun, run_backtest
from tests import ROOT
from tests.pairs import build_pair, draw_config, leg_frame, pair_of, spec

NASTY = "<script>alert(1)</script>&\"'"


class Reader(HTMLParser):
    """Tables by id, their cells as text; each metric's exact value; what the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.metrics: dict[str, str] = {}
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.loads += [given[name] for name in ("src", "href", "action") if given.get(name)]
        if tag == "table":
            self.rows = self.tables.setdefault(given.get("id") or f"table {len(self.tables)}", [])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.in_cell = True
            self.rows[-1].append("")
        if "data-metric" in given:
            self.metrics[given["data-metric"]] = given["data-value"]

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, text):
        if self.in_cell:
            self.rows[-1][-1] += text


@pytest.fixture(scope="module")
def run() -> BacktestRun:
    return run_backtest(
        open_snapshot(ROOT / "snapshots" / "demo").pair("TA", "MA"), StrategyConfig(entry_z=1.8)
    )


@pytest.fixture(scope="module")
def text(run) -> str:
    return report_html(run)


@pytest.fixture(scope="module")
def page(text) -> Reader:
    return Reader(text)


def test_every_metric_is_the_runs_own(run, page):
    """To the last bit, whatever is shown."""
    assert list(page.metrics) == names(METRICS)
    for name, value in page.metrics.items():
        assert float(value) == run.metrics[name] or (
            math.isnan(float(value)) and math.isnan(run.metrics[name])
        )


def test_every_section_that_a_desk_expects_is_there(text):
    """And the links at the top lead to each."""
    for name in (
        "summary",
        "chart",
        "months",
        "sharpe",
        "attribution",
        "trades",
        "hold",
        "gates",
        "findings",
        "honesty",
        "settings",
        "manifest",
    ):
        assert f'<section id="{name}">' in text
        assert f'<a href="#{name}">' in text
    assert text.count('class="plotly-graph-div"') == 5


def test_tables_hold_what_the_run_holds(run, page):
    """Trades, blocked trades, findings and settings: one row each, in order."""
    assert len(page.tables["trade-list"]) == len(run.trades) + 1
    assert page.tables["trade-list"][0] == [name.replace("_", " ") for name in names(TRADE_COLUMNS)]
    assert [row[1] for row in page.tables["trade-list"][1:]] == [
        f"{day:%Y-%m-%d}" for day in run.trades["entry_decided"]
    ]
    followed = blocked_trades(run)
    assert [row[2] for row in page.tables["blocked-trades"][1:]] == [
        f"{day:%Y-%m-%d}" for day in followed["decided"]
    ]
    assert [row[2] for row in page.tables["data-findings"][1:]] == [
        finding.message for finding in run.pair.findings
    ]
    assert [row[:2] for row in page.tables["settings-table"][1:]] == [
        [name, str(value)] for name, value in run.config.model_dump(mode="json").items()
    ]
    off = gates_off(run)
    assert [row[2].replace(",", "") for row in page.tables["gates-off"][1:]] == [
        f"{value:.0f}" for value in off["difference"]
    ]
    total = by_year(attribute(run)).loc["all", "total"]
    assert page.tables["attribution-table"][-1][-1].replace(",", "") == f"{total:.0f}"
    assert page.tables["monthly"][-1][-1] == f"{monthly_returns(run)['total'].iloc[-1]:.2%}"


def test_the_manifest_in_it_is_the_runs(run, text):
    """As text to read and as a file to save."""
    shown = re.search(r'<pre id="run-manifest">(.*?)</pre>', text, re.DOTALL).group(1)
    assert stdlib_html.unescape(shown) == run_manifest(run).to_json()
    saved = re.search(
        r'download="run.json" href="data:application/json;base64,([^"]+)"', text
    ).group(1)
    assert base64.b64decode(saved).decode() == run_manifest(run).to_json()


def test_it_loads_nothing(page, text):
    """Every link is to a place in the page or to data in it, and a policy forbids the rest."""
    assert {
        link.partition(":")[0] if link.startswith("data:") else link[0] for link in page.loads
    } == {"#", "data"}
    assert "Content-Security-Policy" in text
    assert "default-src 'none'" in text


def test_the_same_run_makes_the_same_file(run, text, tmp_path):
    """Byte for byte: there is no time stamp in it; written whole."""
    assert write_report(run, tmp_path / "run.html").read_bytes() == text.encode("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["run.html"]
    with pytest.raises(RunError, match="could not be written"):
        write_report(run, tmp_path / "nowhere" / "run.html", checks=False)


def test_names_from_files_are_text():
    """A contract, a finding and a source full of markup come out as they went in, and make no element."""
    pair = build_pair(4, 200)
    found = Finding("odd", "warning", NASTY, root=NASTY, dates=(NASTY,))
    pair = replace(
        pair,
        y_spec=spec("Y", name=NASTY, source=NASTY),
        provenance=replace(
            pair.provenance, snapshot_id="ab" * 32, snapshot_name=NASTY, findings=(found,)
        ),
    )
    text = report_html(run_backtest(pair, draw_config(4)))
    body = text.split("</head>")[1]
    assert "<script>alert" not in re.sub(
        r"<script type=\"text/javascript\">.*?</script>", "", body, flags=re.DOTALL
    )
    assert f"<h1>Y {escape(NASTY)} against" in body
    page = Reader(text)
    assert page.tables["data-findings"][1][1:] == [NASTY, NASTY, "1", NASTY]
    ordinary = Reader(report_html(run_backtest(build_pair(4, 200), draw_config(4)), checks=False))
    assert page.tags.count("script") == ordinary.tags.count("script")


def test_templates_trust_nothing_and_miss_nothing(tmp_path, monkeypatch):
    """What cannot be seen is named, a name that was not given is an error; Plotly's output and own documents alone are trusted."""
    (tmp_path / "own" / "templates").mkdir(parents=True)
    (tmp_path / "own" / "__init__.py").touch()
    (tmp_path / "own" / "templates" / "one.html").write_text("<b title='{{ it }}'>{{ it }}</b>")
    monkeypatch.syspath_prepend(tmp_path)
    template = templates("own").get_template("one.html")
    shown = f"⟨U+202E⟩{escape(NASTY)}"
    assert template.render(it=f"\u202e{NASTY}") == f"<b title='{shown}'>{shown}</b>"
    with pytest.raises(UndefinedError, match="'it' is undefined"):
        template.render()
    package = ROOT / "pairkit"
    for file in package.rglob("templates/*.html"):
        assert not re.search(r"\|\s*safe|autoescape", file.read_text(encoding="utf-8")), file
    trusted = [path for path in package.rglob("*.py") if "Markup(" in path.read_text("utf-8")]
    assert {path.relative_to(package).as_posix() for path in trusted} == {
        "report/charts.py",
        "ui/documents.py",
    }


@pytest.mark.parametrize(
    "pair",
    [pair_of(leg_frame([100.0] * 30), leg_frame([50.0] * 30)), build_pair(6, 90)],
    ids=["still", "short"],
)
def test_a_run_without_trades_is_reported_too(pair):
    """Flat and short runs: n/a in place of numbers, and what cannot be rerun is said."""
    text = report_html(run_backtest(pair))
    assert "No trade was made." in text
    assert "own frames" in text
    assert "n/a" in text


def test_without_bars_there_is_no_report():
    """Said in a sentence."""
    with pytest.raises(RunError, match="no bar to report"):
        report_html(run_backtest(build_pair(6, 90)[:0]))


def test_simulated_data_are_labelled(text):
    """On the page itself, for the paper may leave the screen."""
    assert "SIMULATED DATA" in text


# --- the report's own numbers ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_months_add_up(seed):
    """Months to their year, years to the total return; each month to the equity at its ends."""
    run = run_backtest(build_pair(seed, 500), draw_config(seed).replace(adf_gate=False))
    table = monthly_returns(run)
    np.testing.assert_allclose(table.drop(columns="total").sum(axis=1), table["total"], atol=1e-12)
    assert table["total"].sum() == pytest.approx(run.metrics["total_return"], abs=1e-12)
    equity = run.frame["equity"]
    ends = equity.groupby([equity.index.year, equity.index.month]).last()
    by_hand = np.diff(ends, prepend=run.config.capital) / run.config.capital
    np.testing.assert_allclose(
        table.drop(columns="total").stack().dropna().to_numpy(), by_hand, atol=1e-12
    )


def test_the_rolling_sharpe_ratio_is_the_metric_of_its_window(run):
    """Its last value, by hand from the equity; NaN before a full window."""
    values, window = rolling_sharpe(run)
    assert window == 252
    equity = run.frame["equity"].to_numpy()
    returns = np.diff(equity)[-252:] / run.config.capital
    assert values.iloc[-1] == pytest.approx(
        returns.mean() / returns.std(ddof=1) * math.sqrt(BARS_A_YEAR), rel=1e-9
    )
    assert values.iloc[:251].isna().all()


def test_stretches_of_hold_cover_the_bars_on_hold():
    """Their bars add up to those of the frame, and no two touch."""
    for seed in range(12):
        run = run_backtest(
            build_pair(seed, 400),
            draw_config(seed).replace(adf_gate=False, beta_gate=False, vol_gate=False),
        )
        spells = hold_spells(run)
        held = run.frame[run.frame["state"] == "HOLD"]
        assert spells["bars"].sum() == len(held)
        assert spells["net"].sum() == pytest.approx((held["pnl"] - held["cost"]).sum(), abs=1e-9)
        for row in spells.itertuples():
            assert (run.frame.loc[row.first : row.last, "state"] == "HOLD").all()


def test_trades_are_summed_up(run):
    """Counts and sums as in the list of trades."""
    closed = run.trades[run.trades["exit_reason"] != "open"]
    told = {name: value for name, value, _ in trade_summary(run)}
    assert told["closed trades"] == len(closed)
    assert told["net of all"] == pytest.approx(closed["net"].sum())
    assert told["won"] / told["closed trades"] == run.metrics["win_rate"]
    reasons = by_exit_reason(run)
    assert reasons["trades"].sum() == len(run.trades)
    assert reasons["net"].sum() == pytest.approx(run.trades["net"].sum())


def test_checks_say_what_was_made(run, monkeypatch):
    """Passed where nothing leaks; FAILED where something does; not run where not asked for."""
    run = run_backtest(run.pair[:500], run.config)
    told = checks(run, run_quick=True).set_index("check")
    assert told.loc[module.BRIEF_PROOF, "result"].startswith("passed")
    assert told.loc["The result adds up", "result"].startswith("passed")
    assert told.loc[CHECKS["placebo"], "status"] == "not run"
    assert set(checks(run, run_quick=False)["status"]) == {"run", "not run"}
    placebo = CheckResult("placebo", "failed", "41 % of the surrogates made more.")
    told = checks(run, [placebo], run_quick=False).set_index("check")
    assert told.loc[CHECKS["placebo"], "result"] == "FAILED: 41 % of the surrogates made more."
    assert set(told.loc[[CHECKS["realism"], CHECKS["walk_forward"]], "status"]) == {"not run"}
    later = CheckResult("market_impact", "failed", "It costs more than it makes.")
    told = checks(run, [later], run_quick=False).set_index("check")
    assert told.loc["market impact", "result"] == "FAILED: It costs more than it makes."

    def knowing(pair, config, **asked):
        return audit_lookahead(
            pair,
            config,
            lambda pair, _: run.frame.iloc[: len(pair)].assign(z=float(len(pair))),
            **asked,
        )

    monkeypatch.setattr(module, "audit_lookahead", knowing)
    assert checks(run, run_quick=True)["result"].iloc[0].startswith("FAILED: z on")


# --- in a notebook -----------------------------------------------------------------------------------------------------
def test_a_run_shows_itself_in_a_notebook(run):
    """Heading and every metric; names from files are text; the metrics are still a plain dict to whoever wants one."""
    shown = run._repr_html_()
    assert "SIMULATED DATA" in shown
    for metric in METRICS:
        assert f">{metric.name}</th>" in shown
        assert f">{metric.name}</th>" in run.metrics._repr_html_()
    assert f"{run.metrics['total_return']:.2%}" in shown
    assert isinstance(run.metrics, dict)
    nasty = replace(run, pair=replace(run.pair, y_spec=spec("Y", name=NASTY)))
    assert "<script" not in nasty._repr_html_()
    assert "no dates" in run_backtest(run.pair[:0])._repr_html_()


def test_the_worked_example_runs():
    """From the project's folder, warnings being errors; its last line says that the rerun is the same."""
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-m", "docs.worked_example"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.rstrip().splitlines()[-1].startswith("The same")
