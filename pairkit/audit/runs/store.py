"""The run store: saved runs on this machine, each in a folder of its own with its manifest and its tables.

    RUNS/20240601-101530-ab12cd34-5e6f/
        run.json             the manifest, as `run --manifest` writes it; `rerun` reads it
        run.frame.parquet    the bars' table
        run.trades.parquet   the trades
        label.json           name, note, when it was saved, and the sha256 of the other three

A folder is published in one step, so that a crash leaves a run saved or not saved. Of its files only the label is ever
replaced, by `relabel`: in one step too, with another name or note. `list_runs` is quick: each file is the one that the label
names. What the label cannot know, `check` finds: whether tables, manifest and metrics are of one run. Name, note and time are
outside of everything that a run's id covers. RUNS is what PAIRKIT_RUNS names, else `pairkit/runs` in the user's data folder.
"""

from __future__ import annotations

import math
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pairkit._files import read_whole
from pairkit.audit.runs.manifest import RunManifest, checked_manifest, manifest_with
from pairkit.audit.runs.tables import (
    MAX_TABLE_BYTES,
    TABLES,
    checked_table,
    table_file,
    tables_of,
    to_frame,
    to_parquet,
)
from pairkit.audit.seal import (
    MAX_JSON_BYTES,
    TMP_PREFIX,
    canonical_json,
    check_slug,
    publish,
    replace_file,
    sha256_hex,
    strict_json,
)
from pairkit.errors import PairkitError, RunError, SnapshotError
from pairkit.folders import runs_folder
from pairkit.language import _
from pairkit.metrics import BARS_A_YEAR

if TYPE_CHECKING:
    import pandas as pd

    from pairkit.audit.runs.trial_count import TrialCount
    from pairkit.checks import CheckResult
    from pairkit.run import BacktestRun

SCHEMA = "pairkit.saved_run/1"
MANIFEST, LABEL = "run.json", "label.json"
_MOST_BYTES = {LABEL: 64 * 1024, MANIFEST: MAX_JSON_BYTES}  # of a table, MAX_TABLE_BYTES
_EXACT = 1e-9  # relative: figures worked out again from a run's tables
FILES = (MANIFEST, *(f"run.{name}.parquet" for name in TABLES))
MAX_NAME, MAX_NOTE = 100, 4000


class _Label(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    schema_: str = Field(alias="schema", pattern=f"^{SCHEMA}$")
    name: str = Field(min_length=1, max_length=MAX_NAME)
    note: str = Field(max_length=MAX_NOTE)
    saved_at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    files: dict[str, str]


@dataclass(frozen=True)
class SavedRun:
    """One run of the store. Where `error` says why it cannot be used, only `id` and `path` are known."""

    id: str
    path: Path
    name: str = ""
    note: str = ""
    saved_at: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def manifest(self) -> RunManifest:
        """The run's manifest."""
        return RunManifest(dict(self.content))

    @property
    def manifest_file(self) -> Path:
        """Path of its manifest, for `rerun`."""
        return self.path / MANIFEST

    def table(self, name: str) -> pd.DataFrame:
        """Its `frame` or `trades`, or RunError where the file is not the one that was saved."""
        return to_frame(
            checked_table(table_file(self.manifest_file, name), self.content["outputs"][name])
        )


def save(
    run: BacktestRun,
    name: str,
    note: str = "",
    *,
    checks: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
    folder: Path | None = None,
) -> SavedRun:
    """Keep a run under a name.

    Parameters
    ----------
    run : BacktestRun
        What to keep.
    name, note : str
        Up to 100 and 4,000 characters. Several runs may have one name.
    checks : iterable of CheckResult
        The honesty checks that were made of this run; its manifest carries them.
    trials : TrialCount, optional
        What the trial ledger counts on the pair; its manifest carries it.
    folder : Path, optional
        The store; `runs_folder()` unless given.

    Raises
    ------
    RunError
        The name or note is not accepted, or the disk refuses; then nothing is saved.
    """
    name, note = _checked(name, note)
    tables, now = tables_of(run), datetime.now(UTC)
    made = manifest_with(run, tables, checks=checks, trials=trials)
    files = {
        MANIFEST: made.to_json().encode("utf-8"),
        **{f"run.{table}.parquet": to_parquet(values) for table, values in tables.items()},
    }
    label = {
        "schema": SCHEMA,
        "name": name,
        "note": note,
        "saved_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "files": {path: sha256_hex(raw) for path, raw in files.items()},
    }
    entry = f"{now:%Y%m%d-%H%M%S}-{made.run_id[:8]}-{uuid.uuid4().hex[:6]}"
    store = folder or runs_folder()
    try:
        publish(
            store / entry, {**files, LABEL: canonical_json(label, what=_("the label of this run"))}
        )
    except SnapshotError as error:
        raise RunError(_("the run could not be saved: {error}", error=error)) from error
    return load(entry, folder=store)


def relabel(entry: str, name: str, note: str, *, folder: Path | None = None) -> SavedRun:
    """Give a saved run another name and note. The run itself, its id and when it was saved stay.

    Raises
    ------
    RunError
        There is no such run, it is damaged, the name or note is not accepted, or the disk refuses; then nothing is changed.
    """
    name, note = _checked(name, note)
    store = folder or runs_folder()
    load(entry, folder=store)  # what is damaged is not given a fresh label
    path = _folder_of(entry, store)
    label = {**_label(path).model_dump(by_alias=True), "name": name, "note": note}
    try:
        replace_file(path / LABEL, canonical_json(label, what=_("the label of this run")))
    except SnapshotError as error:
        raise RunError(_("the run keeps its name and note: {error}", error=error)) from error
    return load(entry, folder=store)


def _checked(name: str, note: str) -> tuple[str, str]:
    """Name and note without blanks around them, or RunError where they are not accepted."""
    name, note = name.strip(), note.strip()
    if not 0 < len(name) <= MAX_NAME or len(note) > MAX_NOTE:
        raise RunError(
            _(
                "a saved run has a name of 1 to {max_name} characters and a note of up to {max_note:,}; these have "
                "{name} and {note:,}.",
                max_name=MAX_NAME,
                max_note=MAX_NOTE,
                name=len(name),
                note=len(note),
            )
        )
    return name, note


def list_runs(folder: Path | None = None) -> list[SavedRun]:
    """Every run of the store, the last saved first; one that is damaged is listed with the reason."""
    store = folder or runs_folder()
    if not store.is_dir():
        return []
    found = []
    for path in sorted(store.iterdir(), reverse=True):
        if path.is_dir() and not path.name.startswith("."):
            try:
                found.append(load(path.name, folder=store))
            except PairkitError as error:
                found.append(SavedRun(path.name, path, error=str(error)))
    return found


def runs_from(snapshot_id: str, folder: Path | None = None) -> list[SavedRun]:
    """The runs of the store that were made from this snapshot, the last saved first; of damaged ones nobody can tell."""
    return [
        one
        for one in list_runs(folder)
        if not one.error and (one.content["inputs"]["snapshot"] or {}).get("id") == snapshot_id
    ]


def load(entry: str, *, folder: Path | None = None) -> SavedRun:
    """One run of the store, every byte checked against its label.

    Raises
    ------
    RunError
        There is none of this id, or it is damaged; the message names the file.
    """
    path = _folder_of(entry, folder or runs_folder())
    label = _label(path)
    strange = sorted({each.name for each in path.iterdir()} - {*FILES, LABEL})
    if strange:
        raise RunError(
            _(
                "{path} has {strange} in it, which was not saved with the run; move it away.",
                path=path,
                strange=", ".join(strange),
            )
        )
    for name in FILES:
        if sha256_hex(_bytes(path / name)) != label.files.get(name):
            raise RunError(
                _(
                    "{path} is not the file that was saved: its sha256 is another. It was edited or damaged; "
                    "delete this run, or restore its folder from a backup.",
                    path=path / name,
                )
            )
    content = strict_json(_bytes(path / MANIFEST), what=str(path / MANIFEST), refuse=RunError)
    checked_manifest(content, what=str(path / MANIFEST))
    return SavedRun(entry, path, label.name, label.note, label.saved_at, content)


def check(saved: SavedRun) -> None:
    """Check that a saved run's parts belong together; called before it is opened, compared or shown.

    Its tables have the hashes that its manifest states, and the metrics that follow from them are the manifest's. Whether the run
    itself comes out so again, only `rerun` can say.

    Raises
    ------
    RunError
        A part is not of this run; the message names it.
    """
    again = load(saved.id, folder=saved.path.parent)
    frame, trades, metrics = again.table("frame"), again.table("trades"), again.content["metrics"]
    for name, expected in _metrics_of(
        frame, trades, float(again.content["inputs"]["config"]["capital"])
    ).items():
        stated = metrics.get(name, "nothing")
        if isinstance(stated, str) or not _alike(stated, expected):
            raise RunError(
                _(
                    "{manifest_file}: metrics.{name} is {stated}, "
                    "its tables make {expected:.10g}. The manifest was edited after it was written; "
                    "delete this run, or restore its folder from a backup.",
                    manifest_file=again.manifest_file,
                    name=name,
                    stated=stated,
                    expected=expected,
                )
            )


def _metrics_of(frame: pd.DataFrame, trades: pd.DataFrame, capital: float) -> dict[str, float]:
    """The metrics that follow from the tables alone; none where there are no bars."""
    if frame.empty:
        return {}
    valid = frame["valid"].to_numpy() > 0.0
    first = int(valid.argmax()) if valid.any() else 0
    equity = np.append(capital, frame["equity"].to_numpy())
    returns = np.diff(equity)[first:] / capital
    moves = len(returns) > 1 and float(returns.std(ddof=1)) > 0.0
    return {
        "total_return": (equity[-1] - capital) / capital,
        "trades": float(len(trades)),
        "max_drawdown": float(frame["drawdown"].max()),
        "costs": float(frame["cost"].sum()),
        **(
            {"sharpe": float(returns.mean() / returns.std(ddof=1) * math.sqrt(BARS_A_YEAR))}
            if moves
            else {}
        ),
    }


def _alike(stated: float | None, expected: float) -> bool:
    return stated is not None and abs(stated - expected) <= _EXACT * max(1.0, abs(expected))


def delete(entry: str, *, folder: Path | None = None) -> None:
    """Remove a run, damaged or not, for good: it disappears in one step.

    Raises
    ------
    RunError
        There is none of this id, or the disk refuses.
    """
    path = _folder_of(entry, folder or runs_folder())
    hidden = path.with_name(
        f"{TMP_PREFIX}{uuid.uuid4().hex}"
    )  # what a crash leaves of it is swept by a later save
    try:
        path.rename(hidden)
        shutil.rmtree(hidden)
    except OSError as error:
        raise RunError(
            _(
                "{path} could not be deleted: {error}. Check its permissions.",
                path=path,
                error=error,
            )
        ) from error


def _folder_of(entry: str, store: Path) -> Path:
    try:
        path = store / check_slug(entry)
    except SnapshotError as error:
        raise RunError(_("{entry!r} cannot be the id of a saved run.", entry=entry)) from error
    if path.is_symlink() or not path.is_dir():
        raise RunError(_("there is no saved run {entry!r} in {store}.", entry=entry, store=store))
    return path


def _label(path: Path) -> _Label:
    plain = strict_json(_bytes(path / LABEL), what=str(path / LABEL), refuse=RunError)
    try:
        return _Label.model_validate(plain)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise RunError(
            _(
                "{path}, {where}: {msg}. It was edited, or written by another version.",
                path=path / LABEL,
                where=where,
                msg=fault["msg"],
            )
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        return read_whole(path, _MOST_BYTES.get(path.name, MAX_TABLE_BYTES), links=False)
    except OSError as error:
        raise RunError(
            _(
                "{path} cannot be read: {strerror}. "
                "The run is damaged; delete it, or restore its folder from a backup.",
                path=path,
                strerror=error.strerror,
            )
        ) from error
