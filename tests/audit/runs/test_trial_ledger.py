"""The trial ledger: every distinct config once, whoever made it; what breaks it breaks nothing else."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from pairkit.audit.runs import trial_ledger as module
from pairkit.audit.runs.manifest import checked_manifest, run_manifest
from pairkit.audit.runs.trial_ledger import (
    FILE,
    note_run,
    note_scan,
    note_sweep,
    reset,
    tried,
    tried_pairs,
)
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import ConfigError, RunError
from pairkit.metrics import measure
from pairkit.pair import Provenance
from pairkit.research.scan import scan
from pairkit.research.sweeps.sweep import config_of, sweep
from pairkit.run import run_backtest
from tests import ROOT
from tests.cli.test_commands import cli  # noqa: F401  the fixture
from tests.pairs import SEEDS, build_pair, draw_config, draw_pair

SPACE = {"entry_z": [0.8, 1.0, 1.2, 1.4], "max_holding_days": [5, 10]}
BASE = draw_config(
    3, exit_z=0.2, stop_z=4.0, entry_z=1.0, adf_gate=False, vol_gate=False, beta_gate=False
)


def named(pair, snapshot_id: str = "a" * 64):
    """The pair as if of a snapshot."""
    return replace(pair, provenance=Provenance(snapshot_id, "drawn"))


@pytest.fixture(scope="module")
def pair():
    return named(build_pair(3, 250))


@pytest.fixture(scope="module")
def table(pair):
    return sweep(pair, BASE, SPACE, executor=1)


def test_a_sweep_is_counted_with_its_variance(pair, table, tmp_path):
    """As many configs as it has rows; the variance is that of their Sharpe ratios per bar."""
    assert note_sweep(pair, table, folder=tmp_path) == ""
    count = tried(pair, folder=tmp_path)
    assert (count.n_configs, count.with_sharpe) == (len(table), int(table["sharpe"].notna().sum()))
    assert count.sharpe_variance == pytest.approx(
        np.nanvar(table["sharpe"] / np.sqrt(252), ddof=1), rel=1e-12
    )
    assert dict(count.made_by) == {"sweep": len(table)}


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_run_and_a_row_of_a_sweep_are_one_trial(seed):
    """Whatever fields vary, the config of a row has the digest of the row."""
    rng = np.random.default_rng(seed)
    pair, drawn = draw_pair(seed, 120), [draw_config(seed + k) for k in range(2)]
    varied = rng.choice(list(SETTINGS), 3, replace=False)
    space = {
        name: list(dict.fromkeys(getattr(config, name) for config in drawn)) for name in varied
    }
    try:
        table = sweep(pair, drawn[0], space, executor=1)
    except ConfigError:  # every combination contradicts itself
        return
    reset(pair)
    assert note_sweep(pair, table) == ""
    assert tried(pair).n_configs == len(table)
    for row in range(0, len(table), 3):
        assert note_run(run_backtest(pair, config_of(table, row)), "explore") == ""
    assert tried(pair).n_configs == len(table)


def test_a_trial_counts_once_whoever_made_it_and_stays_who_made_it_first(pair, table, tmp_path):
    """The same sweep again and a run inside of it add nothing; a run outside of it adds one."""
    for _ in range(2):
        note_sweep(pair, table, folder=tmp_path)
    note_run(run_backtest(pair, config_of(table, 3)), "explore", folder=tmp_path)
    assert tried(pair, folder=tmp_path).n_configs == len(table)
    note_run(run_backtest(pair, BASE.replace(entry_z=1.7)), "explore", folder=tmp_path)
    assert dict(tried(pair, folder=tmp_path).made_by) == {"explore": 1, "sweep": len(table)}


def test_other_rows_and_other_pairs_are_counted_apart(pair, tmp_path):
    """A config on cut rows is another trial of the pair; on another snapshot, it is one of another pair."""
    for one in (pair, pair[:200], pair[:180], named(pair, "b" * 64)):
        note_run(run_backtest(one, BASE), "run", folder=tmp_path)
    assert [
        tried(one, folder=tmp_path).n_configs for one in (pair, pair[:100], named(pair, "b" * 64))
    ] == [3, 3, 1]
    assert [one.n_configs for one in tried_pairs(folder=tmp_path)] == [3, 1]


def test_a_trial_without_a_sharpe_ratio_counts(pair, tmp_path):
    """It never traded: counted, and not part of the variance."""
    note_run(
        run_backtest(pair, BASE.replace(max_leverage=0.1, capital=1e4, whole_lots=True)),
        "run",
        folder=tmp_path,
    )
    count = tried(pair, folder=tmp_path)
    assert (count.n_configs, count.with_sharpe, count.sharpe_variance) == (1, 0, None)
    assert count.best_by_luck(500) == 0.0


def test_the_count_deflates_as_the_trials_themselves_do(pair, table, tmp_path):
    """From count and variance alone comes the `dsr` that `measure` makes of all the Sharpe ratios."""
    note_sweep(pair, table, folder=tmp_path)
    run = run_backtest(pair, config_of(table, 0))
    by_all = measure(
        run.ledger.tally, run.config.capital, trial_sharpes=list(table["sharpe"] / np.sqrt(252))
    )["dsr"]
    assert tried(pair, folder=tmp_path).deflated_sharpe(run) == pytest.approx(by_all, rel=1e-9)


def test_a_reset_forgets_the_trials_and_not_itself(pair, table, tmp_path):
    """The count starts again from nothing; every reset stays, with how many were forgotten."""
    note_sweep(pair, table, folder=tmp_path)
    other = named(pair, "b" * 64)
    note_run(run_backtest(other, BASE), "run", folder=tmp_path)
    assert reset(pair, folder=tmp_path).forgotten == len(table)
    note_run(run_backtest(pair, BASE), "run", folder=tmp_path)
    reset(pair, folder=tmp_path)
    count = tried(pair, folder=tmp_path)
    assert (count.n_configs, [one.forgotten for one in count.resets]) == (0, [len(table), 1])
    assert tried(other, folder=tmp_path).n_configs == 1


def test_bars_of_no_snapshot_are_counted_in_memory(tmp_path):
    """By what they hold: an equal pair shares the count, another has its own, and no file is written."""
    one, again, other = build_pair(71, 120), build_pair(71, 120), build_pair(72, 120)
    note_run(run_backtest(one, BASE), "run", folder=tmp_path)
    assert (tried(again, folder=tmp_path).n_configs, tried(other, folder=tmp_path).n_configs) == (
        1,
        0,
    )
    assert list(tmp_path.iterdir()) == []


def test_asking_writes_nothing(pair, tmp_path):
    """Where nothing was counted, a look makes no file."""
    assert tried(pair, folder=tmp_path / "none").n_configs == 0
    assert tried_pairs(folder=tmp_path / "none") == []
    assert list(tmp_path.iterdir()) == []


def damaged(folder):
    (folder / FILE).write_bytes(b"not a ledger at all" * 100)


def of_another_layout(folder):
    ledger = sqlite3.connect(folder / FILE)
    ledger.execute("PRAGMA user_version = 9")
    ledger.close()


def in_the_way(folder):
    (folder / FILE).mkdir()


@pytest.mark.parametrize("spoil", [damaged, of_another_layout, in_the_way])
def test_a_ledger_that_cannot_be_used_is_told_and_stops_nothing(pair, table, tmp_path, spoil):
    """Writing answers with a sentence, the count is unknown and null in a manifest; only a reset is refused."""
    spoil(tmp_path)
    run = run_backtest(pair, BASE)
    for said in (
        note_run(run, "run", folder=tmp_path),
        note_sweep(pair, table, folder=tmp_path),
        tried(pair, folder=tmp_path).warning,
    ):
        assert str(tmp_path / FILE) in said
        assert "unknown" in said
    assert tried(pair, folder=tmp_path).n_configs is None
    assert run_manifest(run, trials=tried(pair, folder=tmp_path)).content["trials"] is None
    for refused in (lambda: reset(pair, folder=tmp_path), lambda: tried_pairs(folder=tmp_path)):
        with pytest.raises(RunError, match="PAIRKIT_RUNS"):
            refused()


def test_a_write_that_fails_in_the_middle_writes_nothing(pair, table, tmp_path, monkeypatch):
    """Half a sweep is never counted."""
    note_run(run_backtest(pair, BASE.replace(entry_z=2.9)), "run", folder=tmp_path)
    real, calls = module._per_bar, []

    def fails(sharpe):
        calls.append(sharpe)
        if len(calls) == 5:
            raise sqlite3.OperationalError("disk I/O error")
        return real(sharpe)

    monkeypatch.setattr(module, "_per_bar", fails)
    assert "disk I/O error" in note_sweep(pair, table, folder=tmp_path)
    assert tried(pair, folder=tmp_path).n_configs == 1


class Sized(SimpleNamespace):
    """Ten bars long."""

    def __len__(self) -> int:
        return 10


def count_some(me: int, folder: str) -> None:
    """Forty runs of a pair, half of them of configs that others make too."""
    origin = SimpleNamespace(snapshot_id="a" * 64, snapshot_name="drawn", line=None)
    for k in range(40):
        config = StrategyConfig(cooldown_days=me if k % 2 else 9, max_holding_days=1 + k)
        pair = Sized(provenance=origin, codes=("Y", "X"), cut=False)
        run = SimpleNamespace(pair=pair, config=config, metrics={"sharpe": float(k)})
        assert note_run(run, "run", folder=Path(folder)) == ""


def test_processes_and_threads_may_count_at_once(tmp_path):
    """Another process and three threads of this one, half of their configs shared: none is lost, none counted twice."""
    program = (
        "import sys; from tests.audit.runs.test_trial_ledger import count_some\n"
        "print('ready', flush=True); sys.stdin.readline(); count_some(0, sys.argv[1])"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "ready\n"
    other.stdin.write("go\n")
    other.stdin.flush()
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(count_some, range(1, 4), [str(tmp_path)] * 3)) == [None] * 3
    _, complaints = other.communicate()
    assert (other.returncode, complaints) == (0, "")
    assert [one.n_configs for one in tried_pairs(folder=tmp_path)] == [20 + 4 * 20]


def test_a_manifest_carries_the_count_and_an_old_one_still_reads(pair, table, tmp_path):
    """Configs, variance and resets are outside of the id; a manifest without the part is accepted."""
    note_sweep(pair, table, folder=tmp_path)
    reset(pair, folder=tmp_path)
    note_sweep(pair, table, folder=tmp_path)
    run = run_backtest(pair, BASE)
    plain = json.loads(run_manifest(run, trials=tried(pair, folder=tmp_path)).to_json())
    assert plain["run_id"] == run_manifest(run).run_id
    assert plain["trials"]["n_configs"] == len(table)
    assert [one["forgotten"] for one in plain["trials"]["resets"]] == [len(table)]
    assert checked_manifest(plain, what="it").content == plain
    del plain["trials"]
    assert checked_manifest(plain, what="it").content == plain


def test_the_commands_count_list_and_reset(cli, tmp_path, monkeypatch):  # noqa: F811  the fixture
    """A run, a sweep and an audit are counted, `list` tells, `reset` forgets, and the next manifest says so."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    snapshots = ROOT / "snapshots"
    assert "No trial" in cli("trials", "list").out
    first = cli("run", "demo", "RB", "HC", "--dir", snapshots, "--json")
    assert json.loads(first.out)["trials"] == {
        "n_configs": 1,
        "sharpe_variance": None,
        "resets": [],
    }
    assert (
        cli("sweep", "demo", "RB", "HC", "--dir", snapshots, "--vary", "entry_z=1.5,2.0,2.5").code
        == 0
    )
    listed = json.loads(cli("trials", "list", "--json").out)
    assert [
        (one["snapshot"], one["y"], one["x"], one["n_configs"], one["made_by"]) for one in listed
    ] == [("demo", "RB", "HC", 3, {"run": 1, "sweep": 2})]
    assert "demo RB-HC: 3 configs tried (1 by run, 2 by sweep)" in cli("trials", "list").out
    assert "3 trials" in cli("trials", "reset", "demo", "RB", "HC", "--dir", snapshots).out
    assert "3 trials were forgotten" in cli("trials", "list").out
    after = json.loads(cli("run", "demo", "RB", "HC", "--dir", snapshots, "--json").out)["trials"]
    assert (after["n_configs"], [one["forgotten"] for one in after["resets"]]) == (1, [3])
    audit = (
        "audit",
        "demo",
        "M",
        "RM",
        "--dir",
        snapshots,
        "--check",
        "walk_forward",
        "--set",
        "entry_z=2.2",
        "--json",
    )
    assert json.loads(cli(*audit).out)["checks"][0]["check"] == "walk_forward"
    listed = {one["y"]: one["made_by"] for one in json.loads(cli("trials", "list", "--json").out)}
    assert listed == {"RB": {"run": 1}, "M": {"check": 1}}


def test_a_command_goes_on_without_a_ledger(cli, tmp_path, monkeypatch):  # noqa: F811  the fixture
    """The run is printed as ever, and the warning beside it on standard error."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    damaged(tmp_path)
    answer = cli("run", "demo", "RB", "HC", "--dir", ROOT / "snapshots", "--json")
    assert answer.code == 0
    assert "unknown" in answer.err
    assert json.loads(answer.out)["trials"] is None
    assert open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC").provenance.snapshot_id
    assert json.loads(answer.out)["inputs"]["config"] == StrategyConfig().model_dump(mode="json")


def test_a_file_in_the_place_of_the_folder_is_no_empty_ledger(tmp_path):
    """Counting nothing and being unable to count are told apart."""
    assert tried_pairs(folder=tmp_path / "none yet") == []
    (tmp_path / "runs").write_text("no folder")
    with pytest.raises(RunError, match="is a file, where a folder is needed"):
        tried_pairs(folder=tmp_path / "runs")


# --- pairs that were scanned ---------------------------------------------------------------------------------------------
def scanned(*pairs: tuple[str, str], source: str | None = "a" * 64) -> pd.DataFrame:
    """The table of a scan, as far as the ledger reads it."""
    table = pd.DataFrame(pairs, columns=["y", "x"])
    table.attrs["snapshot"] = source
    return table


def test_a_scan_counts_for_every_pair_of_it(pair, table, tmp_path):
    """Each scanned pair once, in whatever direction and however often; luck is allowed for over configs and other pairs."""
    note_sweep(pair, table, folder=tmp_path)
    before = tried(pair, folder=tmp_path)
    for rows in ([("Y", "X"), ("A", "B"), ("A", "Y")], [("X", "Y"), ("B", "C")]):
        assert note_scan(scanned(*rows), folder=tmp_path) == ""
    count = tried(pair, folder=tmp_path)
    assert (count.scanned, count.trials) == (4, before.with_sharpe + 3)
    assert count.best_by_luck(250) > before.best_by_luck(250)
    run = run_backtest(pair, config_of(table, int(table["sharpe"].argmax())))
    assert count.deflated_sharpe(run) < before.deflated_sharpe(run)
    assert (count.to_dict() or {})["scanned"] == 4
    plain = json.loads(run_manifest(run, trials=count).to_json())
    assert checked_manifest(plain, what="it").content["trials"]["scanned"] == 4


def test_the_backtests_of_a_scan_are_the_runs_that_a_page_would_count(tmp_path):
    """Each row is a trial on its pair; the same run made on Explore counts no second time, and a scan made again none."""
    snapshot = open_snapshot(ROOT / "snapshots" / "demo")
    table = scan(snapshot, roots=["RB", "HC", "TA"], backtest=StrategyConfig())
    for _ in range(2):
        assert note_scan(table, folder=tmp_path) == ""
    counts = tried_pairs(folder=tmp_path)
    assert {(one.y, one.x) for one in counts} == set(zip(table["y"], table["x"], strict=True))
    assert [(one.snapshot, one.n_configs, one.made_by) for one in counts] == [
        ("demo", 1, (("scan", 1),))
    ] * 3
    legs = snapshot.pair(table["y"].iloc[0], table["x"].iloc[0])
    note_run(run_backtest(legs, StrategyConfig()), "explore", folder=tmp_path)
    assert tried(legs, folder=tmp_path).n_configs == 1
    note_run(run_backtest(legs, StrategyConfig(entry_z=2.2)), "explore", folder=tmp_path)
    assert tried(legs, folder=tmp_path).n_configs == 2


def test_a_scan_of_cut_pairs_counts_the_cut_run(tmp_path):
    """Rows from one date to another are another trial than all rows, and the same as the single run of them."""
    legs = open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC").between("2018-01-01")
    table = scan([legs], backtest=StrategyConfig())
    legs = legs if table["y"].iloc[0] == "RB" else None
    note_scan(table, folder=tmp_path)
    note_run(run_backtest(legs, StrategyConfig()), "explore", folder=tmp_path)
    assert tried(legs, folder=tmp_path).n_configs == 1


def test_a_scan_of_other_pairs_or_another_snapshot_does_not_count(pair, tmp_path):
    """A pair that was not among those scanned was not chosen from them; own frames have no ledger."""
    note_scan(scanned(("A", "B")), folder=tmp_path)
    note_scan(scanned(("Y", "X"), source="b" * 64), folder=tmp_path)
    assert note_scan(scanned(("Y", "X"), source=None), folder=tmp_path) == ""
    count = tried(pair, folder=tmp_path)
    assert (count.scanned, count.trials) == (0, 0)
    assert "scanned" not in (count.to_dict() or {})


def test_a_reset_forgets_configs_and_not_the_scan(pair, table, tmp_path):
    """The pair was chosen among the others all the same."""
    note_sweep(pair, table, folder=tmp_path)
    note_scan(scanned(("Y", "X"), ("A", "B")), folder=tmp_path)
    reset(pair, folder=tmp_path)
    assert (tried(pair, folder=tmp_path).n_configs, tried(pair, folder=tmp_path).scanned) == (0, 2)


def test_a_ledger_from_before_scans_goes_on(pair, table, tmp_path):
    """A file without the table of scans is read, and has none."""
    note_sweep(pair, table, folder=tmp_path)
    with sqlite3.connect(tmp_path / FILE) as ledger:
        ledger.execute("DROP TABLE scanned")
    assert tried(pair, folder=tmp_path).scanned == 0


def test_the_commands_scan_and_trials_tell(cli, tmp_path, monkeypatch):  # noqa: F811
    """`scan` is counted, and `trials list` names the number with a pair of it."""
    from pairkit.audit.runs.trial_ledger import note_run as note

    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path))
    assert cli("scan", "demo", "--roots", "RB,HC,TA", "--dir", ROOT / "snapshots").code == 0
    legs = open_snapshot(ROOT / "snapshots" / "demo").pair("RB", "HC")
    note(run_backtest(legs), "run")
    assert tried(legs).scanned == 3
    assert [one.n_configs for one in tried_pairs()] == [1]
    again = cli("scan", "demo", "--roots", "RB,HC,TA", "--backtest", "--dir", ROOT / "snapshots")
    assert "3 backtests with the default settings, each counted as a trial" in again.out
    assert [one.n_configs for one in tried_pairs()] == [1, 1, 1]
    assert "one of 3 scanned pairs" in cli("trials", "list").out
