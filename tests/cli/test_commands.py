"""The command line: `python -m pairkit`."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import pairkit
from pairkit.audit.runs.trial_ledger import tried
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.cli import main, smoke
from pairkit.cli.run import config_from_text
from pairkit.columns import METRICS
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import ConfigError, RunError
from pairkit.market.contracts import bundled_spec
from pairkit.run import run_backtest
from tests import ROOT

HEAVY = {
    "numba",
    "pandas",
    "numpy",
    "scipy",
    "pyarrow",
    "streamlit",
    "statsmodels",
    "plotly",
    "tushare",
}
BARS = 320


class Answer(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, capsys) -> Callable[..., Answer]:
    """Run a command in this process."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["pairkit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        code = stopped.value.code
        return Answer(0 if code is None else int(code), printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with one snapshot, `small`: RB follows HC, one bar a root and day."""
    rng = np.random.default_rng(11)
    x = 3600 * np.exp(np.cumsum(rng.normal(0, 0.012, BARS)))
    apart = np.zeros(BARS)
    for t in range(1, BARS):
        apart[t] = 0.85 * apart[t - 1] + rng.normal(0, 0.008)
    parts = []
    for root, close in (("HC", x), ("RB", 0.97 * x * np.exp(apart))):
        close = np.round(close)
        parts.append(
            pd.DataFrame(
                {
                    "root": root,
                    "contract": None,
                    "trade_date": pd.bdate_range("2022-01-04", periods=BARS),
                    "open": close - 2,
                    "high": close + 9,
                    "low": close - 9,
                    "close": close,
                    "settle": close,
                    "volume": 5000.0,
                    "open_interest": 9000.0,
                    "up_limit": np.nan,
                    "down_limit": np.nan,
                }
            )
        )
    parent = tmp_path_factory.mktemp("snapshots")
    write_snapshot(
        parent,
        "small",
        bars=pd.concat(parts),
        specs=[bundled_spec("HC"), bundled_spec("RB")],
        data_scope={"source": "test", "simulated": True},
        created_utc="2024-06-01T00:00:00Z",
    )
    return parent


def imported_by(*arguments: str) -> set[str]:
    """Top-level modules that a command imports, by Python's own account."""
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pairkit", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in answer.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("run", "--help"), ("snapshot", "--help")], ids=" ".join
)
def test_help_imports_nothing_heavy(arguments):
    """Help is quick because no numeric library is loaded for it."""
    modules = imported_by(*arguments)
    assert "typer" in modules, "the account of imports could not be read"
    assert modules & HEAVY == set()


def test_help_names_every_command(cli):
    """Top level and the snapshot group."""
    assert cli("--help").code == 0
    assert all(name in cli("--help").out for name in ("run", "smoke", "snapshot"))
    assert all(name in cli("snapshot", "--help").out for name in ("list", "verify", "import"))


def test_version(cli):
    """The package's own."""
    assert cli("--version").out.strip() == pairkit.__version__


def test_run_prints_every_metric(cli, folder, monkeypatch):
    """Each with its value and unit, that the data are simulated, and the run's id."""
    monkeypatch.setenv("COLUMNS", "200")
    answer = cli("run", "small", "RB", "HC", "--dir", folder, "--set", "adf_gate=false")
    run = run_backtest(
        open_snapshot(folder / "small").pair("RB", "HC"), StrategyConfig(adf_gate=False)
    )
    assert answer.code == 0
    assert run.metrics["trades"] > 0
    for metric in METRICS:
        line = next(line for line in answer.out.splitlines() if f" {metric.name} " in line)
        assert f"{run.metrics[metric.name]:,.6g}" in line
    assert "SIMULATED DATA" in answer.out
    assert f"run {pairkit.run_manifest(run).run_id}" in answer.out


def test_run_json_is_the_manifest_of_the_run(cli, folder):
    """Nothing else is printed, and the core called from Python gives the same text, the count of trials included."""
    answer = cli("run", "small", "RB", "HC", "--dir", folder, "--set", "entry_z=1.8", "--json")
    run = run_backtest(
        open_snapshot(folder / "small").pair("RB", "HC"), StrategyConfig(entry_z=1.8)
    )
    assert (
        answer.out.rstrip("\n")
        == pairkit.run_manifest(run, trials=tried(run.pair), directory=folder).to_json()
    )


def test_run_json_carries_the_checks_that_were_made(cli, folder):
    """What `audit` found of a run stands in the manifest of that run, and not in that of another config."""
    audited = cli(
        "audit",
        "small",
        "RB",
        "HC",
        "--dir",
        folder,
        "--set",
        "entry_z=1.7",
        "--check",
        "realism",
        "--json",
    )
    found = json.loads(audited.out)["checks"]
    assert [one["check"] for one in found] == ["realism"]
    for entry_z, expected in (("1.7", found), ("1.6", [])):
        answer = cli(
            "run", "small", "RB", "HC", "--dir", folder, "--set", f"entry_z={entry_z}", "--json"
        )
        assert json.loads(answer.out)["checks"] == expected


def test_run_writes_the_manifest(cli, folder, tmp_path):
    """To the file named."""
    file = tmp_path / "run.json"
    assert cli("run", "small", "RB", "HC", "--dir", folder, "--manifest", file).code == 0
    assert json.loads(file.read_text(encoding="utf-8"))["inputs"]["snapshot"]["name"] == "small"


def test_the_rerun_command_of_a_manifest_makes_the_same_manifest(cli, folder):
    """Its words, typed in, give the same run, settings of every kind included."""
    settings = (
        "kalman_gamma=0.00037",
        "hedge_model=kalman",
        "rearm=false",
        "hedge_window=45",
        "entry_z=1.35",
        "capital=3.3e6",
    )
    first = cli(
        "run",
        "small",
        "RB",
        "HC",
        "--dir",
        folder,
        "--json",
        *(word for s in settings for word in ("--set", s)),
    ).out
    words = json.loads(first)["rerun_command"].split()
    assert words[:3] == ["python", "-m", "pairkit"]
    assert cli(*words[3:], "--dir", folder, "--json").out == first


def test_the_rerun_command_holds_after_a_rename(cli, folder, tmp_path):
    """It names the snapshot by its id, so neither another name nor an extension of the line leads it to other bars."""
    copytree(folder / "small", tmp_path / "small")
    first = cli("run", "small", "RB", "HC", "--dir", tmp_path, "--json").out
    assert cli("snapshot", "rename", tmp_path / "small", "other").code == 0
    copytree(folder / "small", tmp_path / "other@2030-01-01")
    (tmp_path / "other@2030-01-01" / "manifest.json").write_text("{}")
    words = json.loads(first)["rerun_command"].split()
    assert cli(*words[3:], "--dir", tmp_path, "--json").out == first
    unknown = cli("run", "0123456789ab", "RB", "HC", "--dir", tmp_path)
    assert unknown.code == 2
    assert "0123456789ab" in unknown.err


def test_roots_may_be_typed_in_small_letters(cli, folder):
    """The manifest names them as the snapshot does."""
    small = cli("run", "small", "rb", "Hc", "--dir", folder, "--json")
    assert small.code == 0
    assert small.out == cli("run", "small", "RB", "HC", "--dir", folder, "--json").out


def test_a_snapshot_may_be_named_by_its_path(cli, folder):
    """Where no snapshot of that name is in the folder."""
    by_path = cli("run", folder / "small", "RB", "HC", "--json")
    assert by_path.code == 0
    assert by_path.out == cli("run", "small", "RB", "HC", "--dir", folder, "--json").out


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["entry_z=9"], "entry_z = 9.0: accepted is a number from 0.5 to 5 sigma."),
        (["entry_z=high"], "entry_z = 'high': accepted is a number from 0.5 to 5 sigma."),
        (
            ["hedge_window=60.5"],
            "hedge_window = '60.5': accepted is a whole number from 20 to 500 bars.",
        ),
        (["rearm=maybe"], "rearm = 'maybe': accepted is true or false."),
        (["fill=mid"], "fill = 'mid': accepted is one of open, close."),
        (["entry=2"], "There is no setting 'entry'"),
        (["exit_z=2.5"], "need exit_z < entry_z < stop_z, got exit_z=2.5, entry_z=2, stop_z=4."),
        (["entry_z"], "--set entry_z: write it as FIELD=VALUE"),
        (["entry_z=9", "fill=mid"], "sigma. fill = 'mid'"),
    ],
)
def test_a_wrong_setting_ends_with_a_sentence_and_code_2(cli, folder, settings, sentence):
    """What was found and what is accepted, on standard error, without a traceback."""
    answer = cli(
        "run",
        "small",
        "RB",
        "HC",
        "--dir",
        folder,
        *(word for s in settings for word in ("--set", s)),
    )
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing", "RB", "HC"), "nothing"),
        (("small", "RB", "ZZ"), "no root 'ZZ'; it has HC, RB"),
        (("small", "RB", "RB"), "two legs"),
    ],
)
def test_what_cannot_be_run_ends_with_a_sentence_and_code_2(cli, folder, arguments, said):
    """An absent snapshot, an unknown root, a leg paired with itself."""
    answer = cli("run", *arguments, "--dir", folder)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_every_setting_can_be_given_as_text():
    """`name=value` of each default is read as that default."""
    defaults = StrategyConfig()
    assert config_from_text([f"{name}={getattr(defaults, name)}" for name in SETTINGS]) == defaults
    with pytest.raises(ConfigError, match="FIELD=VALUE"):
        config_from_text(["nonsense"])


def test_python_m_pairkit_is_the_command(folder):
    """The module runs as a program, and its exit code reaches the shell."""
    refused = subprocess.run(
        [sys.executable, "-m", "pairkit", "run", "absent", "RB", "HC", "--dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "absent" in refused.stderr


@pytest.mark.slow
def test_smoke_passes_on_the_bundled_snapshot(cli):
    """Every step is good, in JSON as in the exit code."""
    answer = cli("smoke", "--dir", ROOT / "snapshots", "--json")
    told = json.loads(answer.out)
    assert [step["said"] for step in told["steps"] if not step["good"]] == []
    assert (answer.code, told["passed"]) == (0, True)
    assert [step["step"] for step in told["steps"]] == [
        "bundled snapshot",
        "backtests",
        "charts and report",
        "by statsmodels",
        "sweep and scan",
        "no look-ahead",
        "rerun",
    ]


def test_smoke_fails_where_statsmodels_computes_another_number(monkeypatch):
    """The step names pair, day and both figures of the first that is apart."""
    table = pd.DataFrame(
        [{"figure": "beta_lag", "pairkit": 1.1, "statsmodels": 1.0, "difference": 0.1}]
    )
    monkeypatch.setattr("pairkit.trading.reference.by_statsmodels", lambda *_: table)
    check = smoke.Check(ROOT / "snapshots" / "demo")
    with pytest.raises(RunError, match=r"RB-HC, 20..-..-..: beta_lag is 1.1, by statsmodels 1\."):
        check.agrees()


def test_smoke_fails_where_the_snapshot_is_not_whole(cli, tmp_path):
    """A missing demo is a failed check: exit code 1, and no later step is tried."""
    answer = cli("smoke", "--dir", tmp_path, "--json")
    told = json.loads(answer.out)
    assert (answer.code, told["passed"], len(told["steps"])) == (1, False, 1)


def test_audit_of_a_short_pair_runs_what_has_room(cli, folder):
    """Each other check is named with the bars that it needs; the exit code is that of the checks that ran."""
    answer = cli(
        "audit",
        "small",
        "RB",
        "HC",
        "--dir",
        folder,
        "--check",
        "realism",
        "--check",
        "walk_forward",
        "--json",
    )
    found = json.loads(answer.out)
    assert [one["check"] for one in found["checks"]] == ["realism"]
    assert list(found["left_out"]) == ["walk_forward"]
    assert "need 1,094" in found["left_out"]["walk_forward"]
    assert answer.code == (found["checks"][0]["verdict"] == "failed")
    alone = cli("audit", "small", "RB", "HC", "--dir", folder, "--check", "walk_forward")
    assert alone.code == 2
    assert "not run walk_forward: " in alone.out


def test_a_console_without_chinese_gets_the_rest(folder, tmp_path):
    """ASCII alone: the metrics and the manifest come, with replacements in place of what it cannot show."""
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "PAIRKIT_RUNS": str(tmp_path / "runs"),
        "PYTHONPATH": str(ROOT),
    }
    command = [
        sys.executable,
        "-m",
        "pairkit",
        "run",
        "small",
        "RB",
        "HC",
        "--dir",
        str(folder),
        "--manifest",
        str(tmp_path / "my run.json"),
    ]
    made = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (made.returncode, made.stderr) == (0, b"")
    assert (tmp_path / "my run.json").is_file()
    again = made.stdout.decode("ascii").strip().splitlines()[-1].partition("again: ")[2]
    assert shlex.split(again)[-3:] == [str(tmp_path / "my run.json"), "--dir", str(folder)]


def test_the_demo_needs_no_folder(cli, tmp_path, monkeypatch):
    """In an empty folder the bundled snapshot runs by its name, and its manifest reruns; another name is refused."""
    monkeypatch.chdir(tmp_path)
    assert (
        cli("run", "demo", "RB", "HC", "--last", "2017-12-29", "--manifest", "run.json").code == 0
    )
    assert cli("rerun", "run.json").out.startswith("The same")
    assert "there is no such folder" in cli("run", "mine", "RB", "HC").err
