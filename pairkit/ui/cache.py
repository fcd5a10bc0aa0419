"""Cache of the pages: everything computed once, by snapshot id, pair and config, never by a frame."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import streamlit as st

from pairkit.audit.runs.check_store import load_checks
from pairkit.audit.runs.manifest import RunManifest, run_manifest
from pairkit.audit.runs.trial_count import TrialCount
from pairkit.audit.runs.trial_ledger import note_run, reset, tried
from pairkit.audit.snapshots.listing import SnapshotSummary, list_snapshots
from pairkit.audit.snapshots.snapshot import Snapshot, open_snapshot
from pairkit.config import StrategyConfig
from pairkit.folders import runs_folder, snapshots_folder
from pairkit.language import _
from pairkit.pair import PairFrame
from pairkit.run import BacktestRun, run_backtest
from pairkit.ui.views import escape

COUNTED = "counted_trials"
_LEDGER = ThreadPoolExecutor(1, "trial ledger")  # one writer: calls to the ledger are made in order


def snapshots() -> list[SnapshotSummary]:
    """Every snapshot there is, verified; a folder that changed is verified anew."""
    folder = snapshots_folder()
    if not folder.is_dir():
        return []
    seen = seen_in(folder)
    return _summaries(str(folder), seen) if seen else []


def seen_in(folder: Path) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Folders in this one, by name, with a fingerprint of each: times and sizes of all in it.

    None where `folder` cannot be read; the page says so.
    """
    try:
        entries = sorted(
            (entry for entry in os.scandir(folder) if entry.is_dir()), key=lambda entry: entry.name
        )
    except OSError as error:
        st.error(
            escape(
                _(
                    "{folder} cannot be read: {strerror}. Check its permissions, then reload this page.",
                    folder=folder,
                    strerror=error.strerror,
                )
            ),
            icon=":material/error:",
        )
        return ()
    return tuple((entry.name, _touched(Path(entry))) for entry in entries)


def _touched(folder: Path) -> tuple[int, ...]:
    try:
        stats = [path.stat() for path in sorted(folder.iterdir())]
    except OSError:  # gone since it was listed, or barred: opening it says which
        return ()
    return tuple(value for stat in stats for value in (stat.st_mtime_ns, stat.st_size))


def forget_snapshots() -> None:
    """Clear the cache of verified snapshots, so that each is verified again on its next use."""
    _summaries.clear()


@st.cache_data(show_spinner="Verifying snapshots …", max_entries=4)
def _summaries(folder: str, seen: tuple[tuple[str, tuple[int, ...]], ...]) -> list[SnapshotSummary]:  # noqa: ARG001  `seen` is the cache's key
    return list_snapshots(folder)


@st.cache_resource(show_spinner="Opening the snapshot …", max_entries=4)
def snapshot(path: str, snapshot_id: str) -> Snapshot:
    """An opened snapshot: the bytes that were verified under this id."""
    return open_snapshot(path, expect_id=snapshot_id)


@st.cache_resource(show_spinner=False, max_entries=32)
def pair(path: str, snapshot_id: str, y_root: str, x_root: str) -> PairFrame:
    """Two roots of a snapshot, aligned."""
    return snapshot(path, snapshot_id).pair(y_root, x_root)


def label_of(legs: PairFrame) -> str | None:
    """What the snapshot of a pair is called now; None where it is not here."""
    wanted = legs.provenance.snapshot_id
    labels = (one.name for one in snapshots() if one.verified and one.id == wanted)
    return next(labels, None)


def pair_key(legs: PairFrame) -> tuple[object, ...]:
    """Cache key of a pair: its snapshot's id, its roots and its period, never its bars."""
    ends = legs.trade_date[[0, -1]] if len(legs) else ()
    return legs.provenance.snapshot_id, *legs.codes, *ends


def run_key(done: BacktestRun) -> tuple[object, ...]:
    """Cache key of a run: its pair and its settings."""
    return *pair_key(done.pair), done.config.model_dump_json()


def run(legs: PairFrame, config: StrategyConfig, ready_at: str | None = None) -> BacktestRun:
    """One backtest, from the cache where the same was run before. Shared between sessions: only read it.

    It is counted as a trial on its pair, by a thread of its own: the ledger's disk must not hold up a slider.
    """
    done = _run(legs, config, ready_at)
    counted: set[tuple[object, ...]] = st.session_state.setdefault(COUNTED, set())
    if run_key(done) not in counted:
        counted.add(run_key(done))
        _LEDGER.submit(note_run, done, "explore", folder=runs_folder())
    return done


@st.cache_resource(
    show_spinner=False,
    max_entries=64,
    hash_funcs={PairFrame: pair_key, StrategyConfig: StrategyConfig.model_dump_json},
)
def _run(legs: PairFrame, config: StrategyConfig, ready_at: str | None) -> BacktestRun:
    return run_backtest(legs, config, ready_at=ready_at)


def trials(legs: PairFrame) -> TrialCount:
    """The trials made on a pair, those of this very moment included."""
    _LEDGER.submit(len, ()).result()  # what stands before it in the queue is written by then
    return tried(legs)


def forget_trials(legs: PairFrame) -> None:
    """Reset the count of a pair; what is run from now on counts anew. RunError where the ledger cannot be written."""
    _LEDGER.submit(reset, legs).result()
    st.session_state.pop(COUNTED, None)


def manifest(done: BacktestRun) -> RunManifest:
    """The manifest of a run, with the checks that were made of it and the trials on its pair."""
    return run_manifest(done, checks=load_checks(done.pair, done.config), trials=trials(done.pair))
