"""Odd use of the pages: impossible numbers in a link, and what disappears, changes or cannot be written while they are open."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pairkit.audit.runs import store
from pairkit.audit.runs.manifest import hash_of
from pairkit.audit.seal import canonical_json, sha256_hex
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.run import run_backtest
from pairkit.setting import in_words
from pairkit.ui.saved_runs import page as runs_page
from tests import ROOT
from tests.ui.test_page_explore import app, said

DEMO = ROOT / "snapshots" / "demo"
IMPOSSIBLE = ("nan", "inf", "1e400", "-1", "999999999999999999999", "x", "")
NUMBERS = {
    "2_sweep": (
        "sweep_entry_z_from",
        "sweep_entry_z_to",
        "sweep_entry_z_step",
        "sweep_z_window_from",
        "sweep_z_window_to",
        "sweep_z_window_step",
        "sweep_n",
        "sweep_seed",
    ),
    "3_scan": ("scan_bars", "scan_ticks"),
    "4_honesty": ("lookahead_cuts", "placebo_draws", "overfitting_trials"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Folders of snapshots and of runs of their own; the demo, whole, under the name that the pages choose first."""
    shutil.copytree(DEMO, tmp_path / "snapshots" / "demo")
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path / "snapshots"))
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    return tmp_path


def opened(page: str, **link: str) -> AppTest:
    """A page by its link, as a browser opens it."""
    return app("" if page == "1_explore" else page, **link)


def alter_unseen(path: Path) -> None:
    """Another byte in a file whose size and time stay, so that no listing notices."""
    before = path.stat()
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


# --- links -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_an_impossible_setting_in_a_link_is_told(value):
    """For every number among the settings; the default is used, and the page works."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    numbers = [
        name
        for name, setting in SETTINGS.items()
        if setting.kind in ("int", "float") and setting.scale != "log"
    ]
    for name in numbers:
        page.query_params[name] = value
    page.run()
    assert not page.exception
    told = said(page).replace("\\", "")
    for name in numbers:
        assert f"{in_words(name)} in the link ({name} = {value}) is not usable" in told
        assert page.session_state[name] == SETTINGS[name].default


@pytest.mark.parametrize("value", IMPOSSIBLE)
@pytest.mark.parametrize("name", NUMBERS)
def test_an_impossible_number_in_a_link_is_told(name, value):
    """For the numbers that a page has beside its settings: a sentence says what is accepted."""
    link = dict.fromkeys(NUMBERS[name], value)
    page = opened(name, **link, **({"sweep_how": "Latin hypercube"} if name == "2_sweep" else {}))
    assert not page.exception
    shown = {one.key for one in page.number_input} & set(link)
    assert shown
    told = said(page).replace("\\", "")
    for field in page.number_input:
        if field.key in shown:
            assert f"{field.label} in the link ({field.key} = {value}) is not usable" in told


def test_a_number_within_its_bounds_is_taken_from_the_link():
    """Nothing is told of it."""
    page = opened("3_scan", scan_bars="500", scan_ticks="2.5")
    assert (
        page.number_input(key="scan_bars").value,
        page.number_input(key="scan_ticks").value,
    ) == (500, 2.5)
    assert "in the link" not in said(page)


def test_a_link_that_asks_for_no_way_of_trying_means_the_first():
    """An empty choice is every combination."""
    page = opened("2_sweep", sweep_how="")
    assert not page.exception
    assert "trials" in said(page)


@pytest.mark.parametrize("name", ["1_explore", "2_sweep", "4_honesty"])
def test_one_root_is_no_pair(name):
    """For both legs of a link: said in a sentence, on every page with legs."""
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    page.query_params["y"] = page.query_params["x"] = "RB"
    page.switch_page(f"pages/{name}.py").run()
    assert not page.exception
    assert "A pair needs two legs" in said(page)


# --- what changes while a page is open -----------------------------------------------------------------------------
def test_a_snapshot_that_is_altered_unseen_is_refused(folder):
    """Listed as verified before, changed since: each page that opens it says so."""
    page = opened("1_explore")  # verifies, and keeps the verdict
    assert not page.error
    from pairkit.ui import cache

    alter_unseen(folder / "snapshots" / "demo" / "bars.parquet")
    for name in ("1_explore", "2_sweep", "3_scan", "4_honesty", "5_snapshots"):
        cache.snapshot.clear()
        cache.pair.clear()
        page.switch_page(f"pages/{name}.py").run()
        assert not page.exception, name
        assert "sha256" in said(page), name


def test_a_snapshot_that_is_deleted_is_gone(folder):
    """Each page says that there is none, and how to get one."""
    demo = folder / "snapshots" / "demo"
    for name in ("1_explore", "2_sweep", "3_scan", "4_honesty", "5_snapshots", "6_runs"):
        shutil.copytree(DEMO, demo, dirs_exist_ok=True)
        page = opened(name)
        assert name == "6_runs" or "There is no" not in said(page), name
        shutil.rmtree(demo)
        page.run()
        assert not page.exception, name
        if name != "6_runs":
            assert "There is no" in said(page), name


@pytest.fixture
def two_runs(folder) -> list[store.SavedRun]:
    """Two saved runs of one pair."""
    pair = open_snapshot(folder / "snapshots" / "demo").pair("TA", "MA")
    return [store.save(run_backtest(pair, StrategyConfig(entry_z=z)), f"z {z}") for z in (2.0, 1.5)]


def compared(two_runs) -> AppTest:
    page = opened("6_runs")
    for one in two_runs:
        page.multiselect(key="runs").select(runs_page.label(one)).run()
    assert not page.exception
    return page


def test_a_run_that_is_deleted_while_it_is_compared_is_gone(folder, two_runs):
    """The other stays chosen."""
    page = compared(two_runs)
    shutil.rmtree(two_runs[0].path)
    page.run()
    assert not page.exception
    assert page.multiselect(key="runs").value == [runs_page.label(two_runs[1])]


def test_a_run_that_is_altered_unseen_is_not_compared(folder, two_runs):
    """Its file is named."""
    page = compared(two_runs)
    alter_unseen(two_runs[0].path / "run.frame.parquet")
    page.run()
    assert not page.exception
    assert "run.frame.parquet" in said(page).replace("\\", "")


def test_a_run_with_settings_of_another_version_is_listed_and_not_opened(folder, two_runs):
    """Its button says why."""
    path = two_runs[0].path
    content = json.loads((path / "run.json").read_bytes())
    content["inputs"]["config"]["entry_zz"] = 1
    content["config_sha256"], content["run_id"] = (
        hash_of(content["inputs"]["config"]),
        hash_of(content["inputs"]),
    )
    raw = json.dumps(content).encode()
    (path / "run.json").write_bytes(raw)
    kept = json.loads((path / "label.json").read_bytes())
    kept["files"]["run.json"] = sha256_hex(raw)
    (path / "label.json").write_bytes(canonical_json(kept))
    page = opened("6_runs")
    page.multiselect(key="runs").select(runs_page.label(two_runs[0])).run()
    assert not page.exception
    button = page.button(key="open_run")
    assert button.disabled
    assert "not those of this pairkit" in button.help


# --- a disk that takes nothing -----------------------------------------------------------------------------------
def test_a_run_that_cannot_be_saved_leaves_what_was_typed(folder, monkeypatch):
    """A file stands where the folder of runs should be: said, and name and note are still in the form."""
    (folder / "taken").write_bytes(b"")
    monkeypatch.setenv("PAIRKIT_RUNS", str(folder / "taken" / "runs"))
    page = opened("1_explore")
    page.text_input(key="save_run_name").input("mine")
    page.text_area(key="save_run_note").input("why")
    page.button(key="save_run_now").click().run()
    assert not page.exception
    assert "could not be saved" in said(page)
    assert (
        page.text_input(key="save_run_name").value,
        page.text_area(key="save_run_note").value,
    ) == ("mine", "why")


@pytest.mark.parametrize(
    "name", ["1_explore", "2_sweep", "3_scan", "4_honesty", "5_snapshots", "6_runs"]
)
def test_folders_that_are_files_are_told(folder, monkeypatch, name):
    """Snapshots and runs are looked for where a file is: each page works, and says that there is nothing."""
    (folder / "taken").write_bytes(b"")
    for variable in ("PAIRKIT_SNAPSHOTS", "PAIRKIT_RUNS"):
        monkeypatch.setenv(variable, str(folder / "taken"))
    page = opened(name)
    assert not page.exception
    assert ("No run is saved yet" if name == "6_runs" else "There is no") in said(page)
