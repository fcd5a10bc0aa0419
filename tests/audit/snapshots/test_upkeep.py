"""Renaming and deleting snapshots: the id stays, runs find them again, and nothing that is needed goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pairkit.audit.runs import store
from pairkit.audit.runs.rerun import rerun
from pairkit.audit.snapshots.listing import list_snapshots
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.audit.snapshots.upkeep import delete_snapshot, rename_snapshot, stated_id
from pairkit.errors import SnapshotError
from pairkit.run import run_backtest
from tests import ROOT
from tests.small_market import snapshot_input

DEMO = ROOT / "snapshots" / "demo"


@pytest.fixture
def small(tmp_path) -> Path:
    """The small market, sealed in a folder of its own."""
    return write_snapshot(tmp_path / "snapshots", "small", **snapshot_input()).path


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file's bytes, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_renamed_snapshot_is_the_same_under_another_label(small):
    """No byte and no id changes; the listing and `label` have the new name, the manifest the one it was written under."""
    before, snapshot_id = bytes_of(small), open_snapshot(small).id
    path = rename_snapshot(small, "rb-hc")
    assert path == small.parent / "rb-hc"
    assert bytes_of(path) == before
    opened = open_snapshot(path, expect_id=snapshot_id)
    assert (opened.label, opened.name) == ("rb-hc", "small")
    assert [one.name for one in list_snapshots(small.parent)] == ["rb-hc"]


def test_a_saved_run_comes_out_the_same_after_a_rename(small, tmp_path):
    """The run cites the id: under its new label the snapshot is found, and the rerun is the same to the bit."""
    saved = store.save(
        run_backtest(open_snapshot(small).pair("RB", "HC")), "mine", folder=tmp_path / "runs"
    )
    rename_snapshot(small, "other")
    assert rerun(saved.manifest_file, small.parent).verdict == "same"


@pytest.mark.parametrize(
    ("label", "words"),
    [("../up", "cannot name"), ("", "cannot name"), ("taken", "exists"), ("small", "exists")],
)
def test_a_label_that_cannot_be_had_changes_nothing(small, label, words):
    """No path out of the folder, no name of another snapshot, and not the one that it has."""
    write_snapshot(small.parent, "taken", **snapshot_input())
    before = bytes_of(small)
    with pytest.raises(SnapshotError, match=words):
        rename_snapshot(small, label)
    assert bytes_of(small) == before
    assert {one.name for one in small.parent.iterdir()} == {"small", "taken"}


def test_a_deleted_snapshot_is_gone_and_nothing_else_is(small):
    """Its folder disappears with all in it; its neighbour stays whole."""
    other = write_snapshot(small.parent, "other", **snapshot_input()).path
    delete_snapshot(small, cited_by=())
    assert [path.name for path in small.parent.iterdir()] == ["other"]
    assert open_snapshot(other).label == "other"


def test_a_damaged_snapshot_can_be_deleted(small):
    """One that no longer opens is the first that a user wants to be rid of."""
    (small / "bars.parquet").write_bytes(b"x")
    delete_snapshot(small, cited_by=())
    assert not small.exists()


def test_a_cited_snapshot_stays_and_the_runs_are_named(small, tmp_path):
    """`runs_from` finds the runs of this very snapshot; the refusal names them, and without them it is deleted."""
    runs, snapshot = tmp_path / "runs", open_snapshot(small)
    cites = store.save(run_backtest(snapshot.pair("RB", "HC")), "spring study", folder=runs)
    store.save(run_backtest(open_snapshot(DEMO).pair("RB", "HC")), "of another", folder=runs)
    found = store.runs_from(stated_id(small), runs)
    assert [one.id for one in found] == [cites.id]
    with pytest.raises(SnapshotError, match=r"1 saved run .*: spring study\. Delete these"):
        delete_snapshot(small, cited_by=[one.name for one in found])
    assert open_snapshot(small).id == snapshot.id
    store.delete(cites.id, folder=runs)
    delete_snapshot(small, cited_by=[one.name for one in store.runs_from(stated_id(small), runs)])
    assert not small.exists()


def test_many_runs_that_cite_are_counted_and_the_first_named(small):
    """Five names and how many more."""
    with pytest.raises(SnapshotError, match=r"7 saved runs .*: a, b, c, d, e and 2 more"):
        delete_snapshot(small, cited_by="abcdefg")


def test_the_bundled_demo_stays():
    """It is neither deleted nor renamed, and is whole afterwards."""
    with pytest.raises(SnapshotError, match=r"bundled demo.*cannot be deleted"):
        delete_snapshot(DEMO, cited_by=())
    with pytest.raises(SnapshotError, match=r"bundled demo.*cannot be renamed"):
        rename_snapshot(ROOT / "tests" / ".." / "snapshots" / "demo", "mine")
    assert open_snapshot(DEMO).label == "demo"


def test_what_is_no_snapshot_is_left_alone(small, tmp_path):
    """A folder without a manifest, a link to a snapshot, one with folders in it, and nothing at all."""
    link, plain = tmp_path / "link", tmp_path / "plain"
    link.symlink_to(small)
    plain.mkdir()
    (plain / "notes.txt").write_text("mine")
    deep = Path(shutil.copytree(small, tmp_path / "deep"))
    (deep / "more").mkdir()
    for path in (link, plain, deep, tmp_path / "absent"):
        with pytest.raises(SnapshotError, match="no snapshot"):
            delete_snapshot(path, cited_by=())
        with pytest.raises(SnapshotError, match="no snapshot"):
            rename_snapshot(path, "new")
    assert (plain / "notes.txt").read_text() == "mine"
    assert open_snapshot(small).label == "small"
    assert (deep / "more").is_dir()


def test_a_disk_that_refuses_is_told(small, monkeypatch):
    """The message names the folder and the reason; the snapshot is whole."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    for act in (lambda: delete_snapshot(small, cited_by=()), lambda: rename_snapshot(small, "b")):
        with pytest.raises(SnapshotError, match="Permission denied"):
            act()
    assert open_snapshot(small).label == "small"
