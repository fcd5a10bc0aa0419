"""The commands `sweep` and `scan`: what they print, write and refuse, and a Ctrl-C that loses nothing."""

from __future__ import annotations

import json
import os
import signal
import sys

import numpy as np
import pandas as pd
import pytest

import pairkit
from pairkit.audit.snapshots.snapshot import write_snapshot
from pairkit.cli import main
from pairkit.cli.many import watched
from pairkit.config import StrategyConfig
from pairkit.research.sweeps.space import make_trials
from tests.pairs import leg_frame, spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one snapshot of three roots."""
    rng = np.random.default_rng(4)
    rows = []
    for root in ("A", "B", "C"):
        close = np.round(3000 * np.exp(np.cumsum(rng.normal(0, 0.01, 300))))
        table = leg_frame(close)
        rows.append(
            table.assign(
                root=root, contract=None, trade_date=table.index, up_limit=np.nan, down_limit=np.nan
            )
        )
    made = tmp_path_factory.mktemp("snapshots")
    write_snapshot(
        made,
        "three",
        bars=pd.concat(rows, ignore_index=True),
        data_scope={"source": "test", "simulated": True},
        specs=[spec(root) for root in ("A", "B", "C")],
    )
    return made


@pytest.fixture
def cli(monkeypatch, capsys, folder):
    """Run a command in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object):
        monkeypatch.setattr(sys, "argv", ["pairkit", *map(str, arguments), "--dir", str(folder)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run


def test_sweep_prints_the_best_and_writes_all(cli, folder, tmp_path):
    """Ranked by Sharpe, with the count of trials and of what was left out; the CSV holds what pk.sweep gives."""
    code, out, _ = cli(
        "sweep",
        "three",
        "A",
        "B",
        "--vary",
        "entry_z=0.5:1.5:0.5",
        "--vary",
        "stop_z=1,4",
        "--set",
        "adf_gate=false",
        "--set",
        "exit_z=0",
        "--csv",
        tmp_path / "all.csv",
    )
    assert code == 0
    assert "4 trials; 2 combinations left out" in out
    assert "SIMULATED DATA" in out
    written = pd.read_csv(tmp_path / "all.csv")
    pair = pairkit.open_snapshot(folder / "three").pair("A", "B")
    base = pairkit.StrategyConfig(adf_gate=False, exit_z=0.0)
    expected = pairkit.sweep(pair, base, {"entry_z": [0.5, 1.0, 1.5], "stop_z": [1.0, 4.0]})
    assert written["sharpe"].to_numpy() == pytest.approx(
        np.sort(expected["sharpe"])[::-1], nan_ok=True
    )
    assert list(written) == list(expected)


def test_sweep_as_json_is_json_alone(cli):
    """Rows and how they were made, on stdout, and nothing else."""
    code, out, _ = cli(
        "sweep",
        "three",
        "A",
        "B",
        "--vary",
        "entry_z=1.5:3",
        "--vary",
        "rearm=true,false",
        "--n",
        10,
        "--json",
    )
    answer = json.loads(out)
    assert code == 0
    assert answer["trials"] == len(answer["rows"])
    assert answer["method"] == "latin_hypercube"
    assert {row["rearm"] for row in answer["rows"]} == {True, False}


def test_scan_ranks_the_pairs_with_the_caveat(cli, tmp_path):
    """All three pairs, their adjusted p-values, and what those do not allow for."""
    code, out, _ = cli("scan", "three", "--csv", tmp_path / "scan.csv")
    assert code == 0
    assert "share a leg" in out
    assert len(pd.read_csv(tmp_path / "scan.csv")) == 3
    code, out, _ = cli("scan", "three", "--roots", "A,C", "--lags", "bic", "--json")
    assert json.loads(out)["lag_rule"] == "bic"
    assert len(json.loads(out)["rows"]) == 1
    assert "trades" not in json.loads(out)["rows"][0]


def test_scan_backtests_each_pair_where_asked(cli, monkeypatch, tmp_path):
    """`--backtest` adds the columns sharpe and trades, which are those of the command `run` on that pair."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    for row in json.loads(cli("scan", "three", "--backtest", "--json")[1])["rows"]:
        metrics = json.loads(cli("run", "three", row["y"], row["x"], "--json")[1])["metrics"]
        assert row["trades"] == metrics["trades"]
        if metrics["sharpe"] is None:  # NaN in JSON
            assert row["sharpe"] is None
        else:
            assert row["sharpe"] == pytest.approx(metrics["sharpe"], rel=1e-12)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("sweep", "three", "A", "B", "--vary", "entry_z"), "FIELD=LOW:HIGH:STEP"),
        (("sweep", "three", "A", "B", "--vary", "entry_z=1:9"), "from 0.5 to 5"),
        (("sweep", "three", "A", "B", "--vary", "entri_z=1:2"), "'entry_z' is the closest"),
        (("sweep", "three", "A", "B", "--vary", "entry_z=1", "--vary", "entry_z=2"), "given twice"),
        (
            ("sweep", "three", "A", "B", "--vary", "entry_z=1,2", "--method", "sobol"),
            "'sobol' is not one of",
        ),
        (
            ("sweep", "three", "A", "B", "--vary", "entry_z=1,2", "--sort", "luck"),
            "accepted is one of pair",
        ),
        (
            ("sweep", "three", "A", "B", "--vary", "entry_z=1,2", "--csv", "/nowhere/x.csv"),
            "cannot be written",
        ),
        (("scan", "three", "--roots", "A"), "at least two"),
        (("scan", "three", "--lags", "many"), "'aic' or 'bic'"),
        (("scan", "three", "--transform", "sqrt"), "'sqrt' is not one of 'log'"),
    ],
)
def test_what_cannot_be_done_is_told(cli, command, words):
    """Exit code 2 and a sentence on stderr."""
    code, _, err = cli(*command)
    assert code == 2
    assert words in err


def test_a_stop_keeps_what_is_done(cli, monkeypatch, tmp_path):
    """Ctrl-C during a sweep: the trials so far are written, stderr says so, exit code 2."""
    from pairkit.research.sweeps import executors

    whole, slices = executors.timed, []

    def interrupted(work, shared, rows):
        slices.append(len(rows))
        if len(slices) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(work, shared, rows)

    monkeypatch.setattr(executors, "timed", interrupted)
    monkeypatch.setattr(executors.Threads, "slice_seconds", 1e-4)
    monkeypatch.setattr(executors, "executor_of", lambda _: executors.Threads(1))
    code, _, err = cli(
        "sweep",
        "three",
        "A",
        "B",
        "--vary",
        "entry_z=1:3",
        "--vary",
        "exit_z=0:0.9",
        "--csv",
        tmp_path / "part.csv",
    )
    kept = len(pd.read_csv(tmp_path / "part.csv"))
    assert code == 2
    trials = make_trials(StrategyConfig(), {"entry_z": (1.0, 3.0), "exit_z": (0.0, 0.9)})
    assert 0 < kept <= sum(slices)
    assert kept < len(trials)
    assert f"stopped early: {kept} row" in err


def test_ctrl_c_is_given_back(folder):
    """After the work, the interrupt is what it was before."""
    before = signal.getsignal(signal.SIGINT)
    with watched("work", quiet=True) as (progress, cancelled):
        progress(1, 2)
        assert not cancelled()
    assert signal.getsignal(signal.SIGINT) is before
