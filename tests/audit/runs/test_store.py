"""The run store: what is saved comes back, a crash leaves all or nothing, and damage is told without hiding the rest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from pairkit import folders
from pairkit.audit import seal
from pairkit.audit.runs import store
from pairkit.audit.runs.compare import first_difference, input_differences, metric_table, why
from pairkit.audit.runs.manifest import run_manifest
from pairkit.audit.runs.rerun import rerun
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import RunError
from pairkit.run import BacktestRun, run_backtest
from tests import ROOT

DEMO = ROOT / "snapshots"


@pytest.fixture(scope="module")
def run() -> BacktestRun:
    return run_backtest(open_snapshot(DEMO / "demo").pair("TA", "MA"))


@pytest.fixture(scope="module")
def other() -> BacktestRun:
    return run_backtest(
        open_snapshot(DEMO / "demo").pair("TA", "MA"), StrategyConfig(entry_z=1.8, adf_gate=False)
    )


def test_what_is_saved_comes_back(run, tmp_path):
    """Name, note, manifest and both tables; the manifest in the store is the run's own, to the byte."""
    saved = store.save(run, "  a first try 甲 ", "with *markup* & <b>", folder=tmp_path)
    found = store.list_runs(tmp_path)
    assert [one.id for one in found] == [saved.id]
    assert (found[0].name, found[0].note, found[0].error) == (
        "a first try 甲",
        "with *markup* & <b>",
        "",
    )
    assert found[0].manifest_file.read_text(encoding="utf-8") == run_manifest(run).to_json()
    frame = found[0].table("frame").set_index("trade_date")
    assert frame["equity"].to_list() == run.frame["equity"].to_list()
    assert frame["state"].to_list() == run.frame["state"].to_list()
    assert len(found[0].table("trades")) == len(run.trades)


def test_a_saved_run_reruns(run, tmp_path):
    """Its manifest file is one that `rerun` takes, tables and all."""
    found = rerun(store.save(run, "x", folder=tmp_path).manifest_file, DEMO)
    assert (found.verdict, found.notes) == ("same", ())


def test_name_note_and_time_are_not_part_of_the_run(run, tmp_path):
    """Saved twice under two names: two entries of one run id."""
    first, second = (
        store.save(run, "one", folder=tmp_path),
        store.save(run, "two", "note", folder=tmp_path),
    )
    assert first.manifest.run_id == second.manifest.run_id
    assert first.id != second.id
    assert len(store.list_runs(tmp_path)) == 2


@pytest.mark.parametrize(
    ("name", "note"), [("", ""), ("   ", ""), ("x" * 101, ""), ("x", "y" * 4001)]
)
def test_a_name_is_needed_and_has_bounds(run, tmp_path, name, note):
    """Said with what is accepted, and nothing is written."""
    with pytest.raises(RunError, match="1 to 100 characters"):
        store.save(run, name, note, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "run.json").write_text("{}"),
        lambda path: (path / "run.json").unlink(),
        lambda path: (path / "run.frame.parquet").write_bytes(
            (path / "run.frame.parquet").read_bytes()[:-1]
        ),
        lambda path: (path / "run.trades.parquet").unlink(),
        lambda path: (path / "label.json").write_text("not JSON"),
        lambda path: (path / "label.json").unlink(),
        lambda path: (path / "label.json").write_text(
            json.dumps({**json.loads((path / "label.json").read_text()), "name": 7})
        ),
        lambda path: (path / "label.json").write_text(
            (path / "label.json").read_text().replace("saved_run/1", "saved_run/2")
        ),
    ],
    ids=range(8),
)
def test_damage_is_told_and_hides_nothing(run, tmp_path, damage):
    """The damaged run is listed with the reason, naming a file; the others as ever; and it can be deleted."""
    good, bad = store.save(run, "good", folder=tmp_path), store.save(run, "bad", folder=tmp_path)
    damage(bad.path)
    (tmp_path / "stray-folder").mkdir()
    (tmp_path / "stray.txt").write_text("x")
    found = {one.id: one for one in store.list_runs(tmp_path)}
    assert set(found) == {good.id, bad.id, "stray-folder"}
    assert found[good.id].error == ""
    assert str(bad.path) in found[bad.id].error
    with pytest.raises(RunError):
        store.load(bad.id, folder=tmp_path)
    store.delete(bad.id, folder=tmp_path)
    assert {one.id for one in store.list_runs(tmp_path)} == {good.id, "stray-folder"}


@pytest.mark.parametrize("entry", ["", "..", "../x", "a/b", ".hidden", "nothing-there", "C:x"])
def test_only_runs_of_the_store_are_loaded_and_deleted(tmp_path, entry):
    """No id leads out of the store."""
    (tmp_path / "x").mkdir()
    (tmp_path / "store" / ".hidden").mkdir(parents=True)
    for act in (store.load, store.delete):
        with pytest.raises(RunError, match=r"cannot be the id|no saved run"):
            act(entry, folder=tmp_path / "store")
    assert (tmp_path / "x").is_dir()


def test_a_link_is_not_followed_on_delete(run, tmp_path):
    """A symbolic link in the store is no run of it."""
    saved = store.save(run, "x", folder=tmp_path / "elsewhere")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "link").symlink_to(saved.path)
    with pytest.raises(RunError, match="no saved run"):
        store.delete("link", folder=tmp_path / "store")
    assert saved.path.is_dir()


def test_a_crash_while_saving_leaves_nothing_listed(run, tmp_path, monkeypatch):
    """Stopped before the last step: the store lists what it listed before."""
    store.save(run, "before", folder=tmp_path)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(seal, "_fsync_folder", crash)
    with pytest.raises(KeyboardInterrupt):
        store.save(run, "during", folder=tmp_path)
    monkeypatch.undo()
    assert [one.name for one in store.list_runs(tmp_path)] == ["before"]


def test_a_kill_while_saving_loses_nothing(tmp_path):
    """A process that saves run after run is killed: every run that is listed is whole."""
    script = (
        "import sys; from pathlib import Path; from pairkit.audit.runs import store; from pairkit.run import run_backtest\n"
        "from tests.pairs import build_pair\n"
        "run = run_backtest(build_pair(1, 200)); print('ready', flush=True)\n"
        f"while True: store.save(run, 'again', folder=Path({str(tmp_path)!r})); print('saved', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        saved = 0
        while saved < 5:
            line = process.stdout.readline()
            assert line, "the process that saves ended by itself"
            saved += line.startswith("saved")
        process.kill()
    found = store.list_runs(tmp_path)
    assert [one.error for one in found if one.error] == []
    assert len(found) >= 5


def test_a_store_that_cannot_be_written_says_so(run, tmp_path):
    """In a sentence; there is no traceback of the disk's."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="could not be saved"):
        store.save(run, "x", folder=tmp_path / "file" / "runs")
    assert store.list_runs(tmp_path / "absent") == []


def test_where_things_are_kept(monkeypatch):
    """What the variables name, else the folders of the system, where they have always been."""
    monkeypatch.setenv("PAIRKIT_RUNS", os.sep + "somewhere")
    monkeypatch.setenv("PAIRKIT_CACHE", os.sep + "elsewhere")
    assert (folders.runs_folder(), folders.cache_folder()) == (
        Path(os.sep + "somewhere"),
        Path(os.sep + "elsewhere"),
    )
    assert folders.calibrations_folder() == Path(os.sep + "elsewhere", "calibrations")
    monkeypatch.delenv("PAIRKIT_RUNS")
    monkeypatch.delenv("PAIRKIT_CACHE")
    home = Path.home()
    for system, data, cache in (
        (Unix, Path("/data/pairkit"), Path("/cache/pairkit")),
        (MacOS, home / "Library/Application Support/pairkit", home / "Library/Caches/pairkit"),
    ):
        monkeypatch.setenv("XDG_DATA_HOME", "/data" if system is Unix else "")
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache" if system is Unix else "")
        for name in ("user_data_path", "user_cache_path"):
            monkeypatch.setattr(
                folders.platformdirs,
                name,
                lambda *args, of=system, its=name, **more: getattr(of(*args, **more), its),
            )
        assert (folders.runs_folder(), folders.cache_folder()) == (data / "runs", cache)


# --- name and note -----------------------------------------------------------------------------------------------------
def test_another_name_and_note_leave_the_run_as_it_is(run, tmp_path):
    """Only label.json changes, and in it only name and note; the run's id, its time and its rerun stay."""
    saved = store.save(run, "frist try", "a note", folder=tmp_path)
    before = {path.name: path.read_bytes() for path in saved.path.iterdir()}
    again = store.relabel(saved.id, "  first try 甲 ", "with *markup*\n", folder=tmp_path)
    assert (again.name, again.note, again.saved_at) == (
        "first try 甲",
        "with *markup*",
        saved.saved_at,
    )
    assert [one.name for one in store.list_runs(tmp_path)] == ["first try 甲"]
    after = {path.name: path.read_bytes() for path in saved.path.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {store.LABEL}
    labels = [json.loads(files[store.LABEL]) for files in (before, after)]
    assert {key for key in labels[0] if labels[0][key] != labels[1][key]} == {"name", "note"}
    assert [path.name for path in tmp_path.iterdir()] == [saved.id]
    assert rerun(again.manifest_file, DEMO).verdict == "same"


@pytest.mark.parametrize(
    ("name", "note"), [("", ""), ("   ", "x"), ("n" * 101, ""), ("n", "x" * 4001)]
)
def test_a_name_or_note_that_is_not_accepted_changes_nothing(run, tmp_path, name, note):
    """The same bounds as at saving."""
    saved = store.save(run, "mine", "why", folder=tmp_path)
    with pytest.raises(RunError, match="1 to 100 characters"):
        store.relabel(saved.id, name, note, folder=tmp_path)
    assert (store.load(saved.id, folder=tmp_path).name, saved.note) == ("mine", "why")


def test_a_crash_while_relabelling_leaves_the_old_name(run, tmp_path, monkeypatch):
    """Killed before the new label is in its place: the run is whole under its old name, and nothing strange is in its folder."""
    saved, seen = store.save(run, "old", folder=tmp_path), []

    def refuse(*_):
        seen.extend(path.name for path in saved.path.iterdir())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(RunError, match=r"keeps its name and note: .*No space left"):
        store.relabel(saved.id, "new", "", folder=tmp_path)
    assert [(one.name, one.error) for one in store.list_runs(tmp_path)] == [("old", "")]
    assert set(seen) == {*store.FILES, store.LABEL}


def test_a_damaged_run_gets_no_fresh_label(run, tmp_path):
    """An edited manifest stays a fault after a change of name was tried; an id of nothing is refused."""
    saved = store.save(run, "mine", folder=tmp_path)
    (saved.path / store.MANIFEST).write_text("{}")
    with pytest.raises(RunError, match="is not the file that was saved"):
        store.relabel(saved.id, "new", "", folder=tmp_path)
    assert store.list_runs(tmp_path)[0].error
    with pytest.raises(RunError, match="there is no saved run"):
        store.relabel("absent", "new", "", folder=tmp_path)


# --- comparing ---------------------------------------------------------------------------------------------------------
def test_only_what_differs_is_listed(run, other):
    """Two settings and nothing else; the same run against itself gives an empty table."""
    inputs = {name: run_manifest(one).content["inputs"] for name, one in (("a", run), ("b", other))}
    table = input_differences(inputs)
    assert table.to_dict("records") == [
        {"what": "entry_z", "a": "2.0", "b": "1.8"},
        {"what": "adf_gate", "a": "True", "b": "False"},
    ]
    assert input_differences({"a": inputs["a"], "c": inputs["a"]}).empty
    pair = run_manifest(run_backtest(open_snapshot(DEMO / "demo").pair("RB", "HC"))).content[
        "inputs"
    ]
    assert {"pair", "bars", "y code", "x code"} <= set(
        input_differences({"a": inputs["a"], "d": pair})["what"]
    )


def test_every_setting_that_differs_is_listed(run):
    """Two configs that differ in all settings but the models' choices: each of them is a row, with both values."""
    plain = run_manifest(run).content["inputs"]
    changed = {name: f"not {value}" for name, value in plain["config"].items()}
    table = input_differences({"a": plain, "b": {**plain, "config": changed}})
    assert set(table["what"]) == set(SETTINGS)
    assert table.set_index("what")["b"].to_dict() == changed


def test_metrics_stand_side_by_side(run, other):
    """Each run's own numbers in its column, NaN where null."""
    metrics = {
        name: run_manifest(one).content["metrics"] for name, one in (("a", run), ("b", other))
    }
    table = metric_table(metrics).set_index("metric")
    assert table.loc["sharpe"].to_dict() == {
        "a": run.metrics["sharpe"],
        "b": other.metrics["sharpe"],
    }
    assert (table.loc["dsr"] == table.loc["psr"]).all()


def test_the_first_day_on_which_decisions_differ_is_found_and_explained(run, other):
    """By a plain loop over the days; the traces show the threshold or the gate that made the difference."""
    day = first_difference(run.frame, other.frame)
    by_hand = next(
        date
        for date in run.frame.index
        if any(
            run.frame.loc[date, name] != other.frame.loc[date, name]
            for name in ("state", "reason", "lots_y", "lots_x")
        )
    )
    assert day == by_hand
    table = why(run, other, day).set_index("what")
    assert table.loc["decision", "first"] == run.explain(day).sentence
    assert table.loc["decision", "second"] == other.explain(day).sentence
    assert table.loc["rule", "first"] != table.loc["rule", "second"]
    assert first_difference(run.frame, run.frame) is None
    assert first_difference(run.frame.iloc[:5], run.frame.iloc[5:]) is None
    assert isinstance(day, pd.Timestamp)


# --- parts that are not of one run ---------------------------------------------------------------------------------------
def relabelled(saved: store.SavedRun) -> None:
    """Make the label name the files as they are now, as someone who edits them would."""
    label = json.loads((saved.path / store.LABEL).read_bytes())
    label["files"] = {
        name: seal.sha256_hex((saved.path / name).read_bytes()) for name in store.FILES
    }
    (saved.path / store.LABEL).write_bytes(seal.canonical_json(label))


def edited_metric(saved: store.SavedRun, other: store.SavedRun) -> str:
    content = json.loads(saved.manifest_file.read_text(encoding="utf-8"))
    content["metrics"]["sharpe"] += 0.5
    saved.manifest_file.write_text(json.dumps(content), encoding="utf-8")
    return r"metrics\.sharpe is"


def lacking_metric(saved: store.SavedRun, other: store.SavedRun) -> str:
    content = json.loads(saved.manifest_file.read_text(encoding="utf-8"))
    del content["metrics"]["total_return"]
    saved.manifest_file.write_text(json.dumps(content), encoding="utf-8")
    return r"metrics\.total_return is nothing"


def another_runs_table(saved: store.SavedRun, other: store.SavedRun) -> str:
    (saved.path / "run.frame.parquet").write_bytes((other.path / "run.frame.parquet").read_bytes())
    return r"run\.frame\.parquet has the content hash"


@pytest.mark.parametrize("edit", [edited_metric, lacking_metric, another_runs_table])
def test_parts_that_are_not_of_one_run_are_found_when_it_is_used(run, other, tmp_path, edit):
    """The label is made to fit, so the list cannot tell; `check` names the part."""
    saved, second = (
        store.save(run, "one", folder=tmp_path),
        store.save(other, "two", folder=tmp_path),
    )
    store.check(saved)
    told = edit(saved, second)
    relabelled(saved)
    assert [one.error for one in store.list_runs(tmp_path)] == ["", ""]
    with pytest.raises(RunError, match=told):
        store.check(saved)
    store.check(second)


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def a_second_name(path: Path) -> None:
    os.link(path, path.parents[1] / "second-name")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def twenty_gigabytes(path: Path) -> None:
    path.unlink()
    with path.open("wb") as file:
        file.truncate(20 * 1024**3)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (a_link, "elsewhere|symbolic links"),
        (a_second_name, "second name"),
        (a_pipe, "no plain file"),
        (twenty_gigabytes, "at most"),
    ],
)
@pytest.mark.parametrize("name", ["run.json", "run.frame.parquet", "label.json"])
def test_what_is_no_plain_file_of_a_run_is_told_without_reading_it(run, tmp_path, harm, told, name):
    """A link, a second name, a pipe, a sparse file of 20 GB: listed as damaged at once."""
    saved = store.save(run, "one", folder=tmp_path)
    harm(saved.path / name)
    (found,) = store.list_runs(tmp_path)
    assert re.search(told, found.error)


def test_a_file_more_in_a_runs_folder_is_told(run, tmp_path):
    """What was not saved with a run is named."""
    saved = store.save(run, "one", folder=tmp_path)
    (saved.path / "notes.txt").write_text("mine")
    (found,) = store.list_runs(tmp_path)
    assert "notes.txt" in found.error


def test_a_manifest_of_twenty_gigabytes_is_refused_at_once(tmp_path):
    """`rerun` and whatever reads a manifest look at its size first."""
    path = tmp_path / "run.json"
    with path.open("wb") as file:
        file.truncate(20 * 1024**3)
    with pytest.raises(RunError, match="at most 4,194,304 are read"):
        rerun(path, DEMO)


def test_a_key_given_twice_is_found_among_very_many():
    """As many keys as fit, the last one a second time: named in time that grows with their number."""
    many = ",".join(f'"k{place}":0' for place in range(300_000))
    with pytest.raises(RunError, match="'k299999' twice"):
        seal.strict_json(
            f'{{{many},"k299999":1}}'.encode(), what="it", max_bytes=2**30, refuse=RunError
        )
