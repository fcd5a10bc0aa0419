"""A stranger adds a gate, a metric, a hedge model, a check and a provider, each in the places the docs name and nowhere else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

# Whichever test comes first has the copy of the package compiled, with the additions.
pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parent / "additions"

# file, the line that is there, what is added after it
LINES = [
    (
        "pairkit/config.py",
        '        needs=("liquidity_gate", (True,)),\n    )\n',
        """    calm_gate: Switch = choice(False, "Gates", "Block entries while the spread leaps.")
    max_spread_change: Number = knob(
        0.01, 0.001, 1.0, 0.001, "log", "Gates", "Largest change of the spread in a bar.",
        needs=("calm_gate", (True,)),
    )
""",
    ),
    (
        "pairkit/config.py",
        '    "min_volume_lots": 1e3,\n',
        '    "calm_gate": False,\n    "max_spread_change": 0.01,\n',
    ),
    (
        "pairkit/gates.py",
        '        "volume",\n        "median",\n    ),\n',
        """    Gate(
        "calm", "spread_change", "max_spread_change", "at most", "calmness gate", "calm", "change"
    ),
""",
    ),
    (
        "pairkit/models/indicators.py",
        "    median_volume: FloatArray\n",
        "    spread_change: FloatArray\n",
    ),
    (
        "pairkit/models/indicators.py",
        "        lambda _: False,\n        whenever=False,\n    ),\n",
        """    "spread_change": GateNumber(
        lambda _adjusted, hedged, _deviation, _config: np.abs(np.diff(hedged.spread, prepend=np.nan)), ()
    ),
""",
    ),
    (
        "pairkit/columns.py",
        '        "Median volume of 20 bars, of the leg that trades less; NaN where liquidity_gate is off.",\n    ),\n',
        '    Column("spread_change", "log", "Change of the spread in the bar, without sign."),\n',
    ),
    (
        "pairkit/columns.py",
        '    Metric("costs", MONEY, "All fees and slippage.", low_is_good=True, summary=True),\n',
        '    Metric("net_gain", MONEY, "Last equity less capital.", tile=True),\n',
    ),
    (
        "pairkit/metrics.py",
        "        row[AT.costs] = its[IN_TALLY.costs]\n",
        "        row[AT.net_gain] = gained\n",
    ),
    (
        "pairkit/checks.py",
        '    "warm_up": "Does the result depend on where the data begin?",\n',
        '    "shuffled": "Does the order of the trades matter?",\n',
    ),
    (
        "pairkit/data/provider/registry.py",
        '_PACKAGES = {"tushare": "pairkit.data.tushare"',
        ', "paper": "pairkit.data.paper"',
    ),
]


def hedge_of_the_docs() -> str:
    """The hedge model that docs/extending.md shows, as a file."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    section = page.partition("\n## A hedge model\n")[2].partition("\n## ")[0]
    return "".join(
        line[4:] or "\n"
        for line in section.splitlines(keepends=True)
        if line.startswith("    ") or line == "\n"
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> dict:
    """What each place shows in a copy of pairkit with all the additions."""
    copy = tmp_path_factory.mktemp("additions")
    for folder in ("pairkit", "pages", "snapshots/demo", ".streamlit"):
        shutil.copytree(ROOT / folder, copy / folder)
    shutil.copy(ROOT / "app.py", copy)
    for name, there, added in LINES:
        file = copy / name
        text = file.read_text()
        assert text.count(there) == 1, (name, there)
        file.write_text(text.replace(there, there + added))
    (copy / "pairkit/models/hedges/deviations.py").write_text(hedge_of_the_docs())
    for source, target in {
        "paper.py": "pairkit/data/paper/__init__.py",
        "shuffled.py": "pairkit/research/shuffled/spec.py",
        "shuffled_panel.py": "pairkit/ui/honesty/shuffled.py",
        "look.py": "look.py",
    }.items():
        (copy / target).parent.mkdir(exist_ok=True)
        shutil.copy(SOURCES / source, copy / target)
    (copy / "pairkit/research/shuffled/__init__.py").write_text("")
    environment = {**os.environ, "PYTHONPATH": str(copy), "PAIRKIT_RUNS": str(copy / "runs")}
    done = subprocess.run(
        [sys.executable, "look.py"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((copy / "shown.json").read_text())


def test_a_gate_decides_runs_and_sweeps_alike(shown):
    """Its verdicts follow the rule on every valid bar; a sweep over its limit is the single runs to the bit; off, it is off."""
    follows, open_bars = shown["verdicts"]
    assert follows
    assert open_bars > 1000
    assert shown["switched_off"] == ["off"]
    assert shown["blocked"] > 20
    with_gate, without = shown["trades"]
    assert 0 < with_gate < without
    assert shown["sweep_is_single"]


def test_a_gate_is_shown_by_all_that_list_gates(shown):
    """Trace, chart, worth of the gates, report, manifest, the widgets of Explore and the fields of Sweep."""
    assert "The calmness gate is shut. Needed: change" in shown["trace"]
    assert shown["chart"] > 0
    assert "without calm" in shown["worth"]
    assert shown["report"][0]
    assert shown["manifest"][0] == 0.004
    assert shown["explore"]["gate"] == "Calm gate"
    assert shown["explore"]["limit"] == "Max spread change (log)"
    assert {"Calm gate", "Max spread change (log)"} <= set(shown["sweep"]["fields"])


def test_a_metric_is_shown_by_all_that_list_metrics(shown):
    """Its value is that of its formula, in the manifest, the report, a notebook and the tiles of Explore."""
    assert shown["manifest"][1] == shown["net_gain"] != 0
    assert shown["report"][1]
    assert shown["in_a_notebook"]
    assert "Net gain" in shown["explore"]["tiles"]


def test_a_hedge_model_is_a_file(shown):
    """That of the docs runs under its file's name, with the beta that its docstring says, and is offered."""
    beta, deviations_ratio = shown["beta_of_deviations"]
    assert beta == pytest.approx(deviations_ratio, rel=1e-9)
    assert "deviations" in shown["explore"]["hedge_models"]


def test_a_check_is_a_folder_and_a_line(shown):
    """It runs, and the Honesty page has its tab, with its settings."""
    assert shown["check"].endswith("trades, shuffled.")
    assert shown["honesty"]["tabs"][-1] == "Shuffled"
    assert shown["honesty"]["settings"] == ["shuffled_seed"]


def test_a_provider_is_a_package_and_a_line(shown):
    """The command downloads from it into a snapshot that opens, and the page offers it."""
    assert shown["download"] == {"source": "paper", "bars": 218}
    assert shown["providers"] == ["TuShare", "Paper exchange"]


def test_no_page_breaks(shown):
    """Every page that shows an addition runs without an exception."""
    assert set(map(tuple, shown["exceptions"].values())) == {()}
