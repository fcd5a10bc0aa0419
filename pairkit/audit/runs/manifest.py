"""Run manifests: a run's inputs and outputs, recorded so that anyone can make it again.

The run's id is the hash of its inputs alone: snapshot, pair, rows, specs, config. Outputs are hashed by content, whatever
program wrote them. No time stamp and no runtime enters the id.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pairkit._files import read_whole
from pairkit.audit.runs.inputs import command_of, hash_of, inputs_of
from pairkit.audit.runs.schema import SCHEMA, Manifest
from pairkit.audit.runs.tables import describe, table_file, tables_of, to_parquet
from pairkit.audit.runtime import describe_run_runtime
from pairkit.audit.seal import MAX_JSON_BYTES, canonical_json, strict_json, write_whole
from pairkit.errors import RunError
from pairkit.language import _, in_english
from pairkit.rules import RULES

if TYPE_CHECKING:
    import pyarrow as pa

    from pairkit.audit.runs.trial_count import TrialCount
    from pairkit.checks import CheckResult
    from pairkit.run import BacktestRun


@dataclass(frozen=True, repr=False)
class RunManifest:
    """A run manifest.

    Attributes
    ----------
    content : dict
        Plain JSON values, as in `pairkit/audit/runs/run_schema.json`.
    """

    content: dict[str, Any]

    def __repr__(self) -> str:
        inputs = self.content["inputs"]
        legs, bars = inputs["pair"], inputs["bars"]
        return f"<RunManifest {legs['y']}-{legs['x']}: {bars['rows']} bars, run {self.run_id[:12]}>"

    @property
    def run_id(self) -> str:
        """sha256 of the canonical inputs, 64 hex digits."""
        run_id: str = self.content["run_id"]
        return run_id

    def to_json(self) -> str:
        """RFC 8785 canonical JSON, one line."""
        return canonical_json(self.content, what="this run manifest").decode("utf-8")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to `path`, whole or not at all."""
        return write_whole(Path(path), self.to_json().encode("utf-8"))


def run_manifest(
    run: BacktestRun,
    *,
    checks: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
    directory: Path | None = None,
) -> RunManifest:
    """Manifest of a run: what went in, what came out, and the command that reruns it.

    Parameters
    ----------
    run : BacktestRun
        The run.
    checks : iterable of CheckResult
        Honesty checks that were made of this very run.
    trials : TrialCount, optional
        What the trial ledger counts on its pair.
    directory : Path, optional
        The folder of snapshots, where it is not the usual one.

    Returns
    -------
    RunManifest
        `.run_id`, `.content`, `.save(path)`. An undefined metric (NaN) is null. A run of own frames has no snapshot, so
        nobody else can rerun it: `snapshot` and `rerun_command` are null.

    Examples
    --------
    >>> import pairkit as pk
    >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
    >>> manifest = pk.run_manifest(run)
    >>> manifest.content["schema"], manifest.content["inputs"]["pair"]
    ('pairkit.run/1', {'y': 'RB', 'x': 'HC'})
    >>> manifest.run_id == pk.run_manifest(pk.run_backtest(run.pair)).run_id
    True
    """
    return manifest_with(run, tables_of(run), checks=checks, trials=trials, directory=directory)


def manifest_with(
    run: BacktestRun,
    tables: Mapping[str, pa.Table],
    *,
    checks: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
    directory: Path | None = None,
) -> RunManifest:
    """Manifest of a run whose tables are made already, as `tables_of` makes them."""
    inputs = inputs_of(run)
    return RunManifest(
        {
            "schema": SCHEMA,
            "run_id": hash_of(inputs),
            "inputs": inputs,
            "config_sha256": hash_of(inputs["config"]),
            "runtime": describe_run_runtime(),
            "outputs": {name: describe(table) for name, table in tables.items()},
            "metrics": {
                name: None if math.isnan(value) else value for name, value in run.metrics.items()
            },
            "findings": [finding.to_dict() for finding in run.pair.findings],
            "checks": [check.to_dict() for check in checks],
            "trials": trials.to_dict() if trials else None,
            "rerun_command": command_of(run.pair, inputs["config"], directory, run.chosen_ready_at),
            "rules": RULES,
            **({"decision_ready_at": run.chosen_ready_at} if run.chosen_ready_at else {}),
        }
    )


def save_run(
    run: BacktestRun,
    path: str | os.PathLike[str],
    *,
    checks: Iterable[CheckResult] = (),
    trials: TrialCount | None = None,
    directory: Path | None = None,
) -> RunManifest:
    """Save a run: its manifest to `path`, and its tables as Parquet beside it.

    With the tables, a rerun that differs can say where.

    Parameters
    ----------
    run : BacktestRun
        The run.
    path : path
        Of the manifest, e.g. `run.json`; the tables are `run.frame.parquet` and `run.trades.parquet`.
    checks, trials, directory : optional
        As in `run_manifest`.

    Returns
    -------
    RunManifest
        What was written to `path`.

    Raises
    ------
    RunError
        The folder is not there or cannot be written.

    Examples
    --------
    >>> import pathlib
    >>> import pairkit as pk
    >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
    >>> manifest = pk.save_run(run, "run.json")
    >>> sorted(file.name for file in pathlib.Path().glob("run.*"))
    ['run.frame.parquet', 'run.json', 'run.trades.parquet']
    """
    tables, target = tables_of(run), Path(path)
    made = manifest_with(run, tables, checks=checks, trials=trials, directory=directory)
    for name, table in tables.items():
        write_whole(table_file(target, name), to_parquet(table))
    made.save(target)
    return made


def read_manifest(path: str | os.PathLike[str]) -> RunManifest:
    """A run manifest from a file, once it is strict JSON of the right shape and its hashes are those of its content.

    Raises
    ------
    RunError
        It cannot be read, is not a run manifest, or was altered.
    """
    source = Path(path)
    try:
        raw = read_whole(source, MAX_JSON_BYTES)
    except OSError as error:
        raise RunError(
            _(
                "{source} cannot be read: {strerror}. "
                "Give the path of a run manifest, as `pairkit run ... --manifest run.json` writes it.",
                source=source,
                strerror=error.strerror,
            )
        ) from error
    return checked_manifest(strict_json(raw, what=str(source), refuse=RunError), what=str(source))


def checked_manifest(content: Any, *, what: str) -> RunManifest:
    """The manifest in parsed JSON, or RunError that names what is wrong with it; `what` is its name in the message."""
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise RunError(
            _(
                "{what} has the schema {schema!r}; this pairkit reads {known!r}. "
                "It is of another version, or not a run manifest.",
                what=what,
                schema=schema,
                known=SCHEMA,
            )
        )
    try:
        Manifest.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise RunError(
            _(
                "{what}, {where}: {msg}. It was edited, or not written by pairkit.",
                what=what,
                where=where,
                msg=fault["msg"],
            )
        ) from error
    _refuse_other_columns(content, what)
    _refuse_other_inputs(content, what)
    return RunManifest(content)


def _refuse_other_columns(content: Mapping[str, Any], what: str) -> None:
    """RunError where an output lists other hashes than columns."""
    for name, output in content["outputs"].items():
        if sorted(output["column_hashes"]) != sorted(output["columns"]):
            counts = in_english(
                "{columns} columns and hashes of {column_hashes}",
                columns=len(output["columns"]),
                column_hashes=len(output["column_hashes"]),
            )
            raise RunError(
                _(
                    "{what}: outputs.{name} has {counts}. "
                    "A hash was added or removed after the manifest was written: "
                    "get it again from where it came.",
                    what=what,
                    name=name,
                    counts=counts,
                )
            )


def _refuse_other_inputs(content: Mapping[str, Any], what: str) -> None:
    """RunError where the hash of the config or of all inputs is not that of what the manifest states."""
    for name, part in (
        ("config_sha256", content["inputs"]["config"]),
        ("run_id", content["inputs"]),
    ):
        if hash_of(part) != content[name]:
            raise RunError(
                _(
                    "{what}: {name} is {content}, its content hashes to {hash_of}. "
                    "The manifest was altered after it was written, "
                    "or lies about its inputs: get it again from where it came.",
                    what=what,
                    name=name,
                    content=content[name],
                    hash_of=hash_of(part),
                )
            )
