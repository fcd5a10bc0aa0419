"""Run manifests: what a run was made of and what came out, so that somebody else can make it again.

The run's id is the hash of its inputs alone: snapshot, pair, rows, specs, config. Outputs are hashed by content, whatever
program wrote them. No time stamp and no runtime enters the id.
"""

from __future__ import annotations

import math
import os
import shlex
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from pairkit._files import read_whole
from pairkit.audit.runs.schema import SCHEMA, Manifest
from pairkit.audit.runs.tables import describe, hashable, table_file, tables_of, to_parquet
from pairkit.audit.runtime import describe_run_runtime
from pairkit.audit.seal import MAX_JSON_BYTES, canonical_json, content_hash, sha256_hex, strict_json
from pairkit.columns import TRADE_DATE
from pairkit.errors import RunError
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import older_terms
from pairkit.pair import Leg
from pairkit.rules import RULES

if TYPE_CHECKING:
    from pairkit.audit.runs.trial_ledger import TrialCount
    from pairkit.checks import CheckResult
    from pairkit.pair import PairFrame
    from pairkit.run import BacktestRun


USUAL_FOLDER = Path("snapshots")


@dataclass(frozen=True)
class RunManifest:
    """A run manifest as plain JSON values in `content`."""

    content: dict[str, Any]

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
    run: BacktestRun, *, checks: Iterable[CheckResult] = (), trials: TrialCount | None = None, directory: Path | None = None
) -> RunManifest:
    """The manifest of a run.

    Undefined metrics (NaN) are null. A run of own frames, without a snapshot, has `snapshot` null, and nobody else can rerun
    it: `rerun_command` is null too. `checks` are the honesty checks that were made of this very run,
    `trials` what the trial ledger counts on its pair, `directory` the folder of snapshots, where it is not the usual one.
    """
    inputs = inputs_of(run)
    return RunManifest({
        "schema": SCHEMA,
        "run_id": hash_of(inputs),
        "inputs": inputs,
        "config_sha256": hash_of(inputs["config"]),
        "runtime": describe_run_runtime(),
        "outputs": {name: describe(table) for name, table in tables_of(run).items()},
        "metrics": {name: None if math.isnan(value) else value for name, value in run.metrics.items()},
        "findings": [finding.to_dict() for finding in run.pair.findings],
        "checks": [check.to_dict() for check in checks],
        "trials": trials.to_dict() if trials else None,
        "rerun_command": command_of(run.pair, inputs["config"], directory),
        "rules": RULES,
    })


def save_run(
    run: BacktestRun, path: str | os.PathLike[str], *, checks: Iterable[CheckResult] = (), trials: TrialCount | None = None,
    directory: Path | None = None,
) -> RunManifest:
    """Write a run's manifest to `path`, and beside it its tables: with them a rerun that differs can say where.

    Raises
    ------
    RunError
        The folder is not there or cannot be written.
    """
    made, target = run_manifest(run, checks=checks, trials=trials, directory=directory), Path(path)
    for name, table in tables_of(run).items():
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
        raise RunError(f"{source} cannot be read: {error.strerror}. Give the path of a run manifest, as "
                       "`pairkit run ... --manifest run.json` writes it.") from error
    return checked_manifest(strict_json(raw, what=str(source), refuse=RunError), what=str(source))


def checked_manifest(content: Any, *, what: str) -> RunManifest:
    """The manifest in parsed JSON, or RunError that names what is wrong with it; `what` is its name in the message."""
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise RunError(f"{what} has the schema {schema!r}; this pairkit reads {SCHEMA!r}. It is of another version, or not a run "
                       "manifest.")
    try:
        Manifest.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise RunError(f"{what}, {where}: {fault['msg']}. It was edited, or not written by pairkit.") from error
    for name, output in content["outputs"].items():
        if sorted(output["column_hashes"]) != sorted(output["columns"]):
            counts = f"{len(output['columns'])} columns and hashes of {len(output['column_hashes'])}"
            raise RunError(f"{what}: outputs.{name} has {counts}. A hash was added or removed after "
                           "the manifest was written: get it again from where it came.")
    for name, part in (("config_sha256", content["inputs"]["config"]), ("run_id", content["inputs"])):
        if hash_of(part) != content[name]:
            raise RunError(f"{what}: {name} is {content[name]}, its content hashes to {hash_of(part)}. The manifest was altered "
                           "after it was written, or lies about its inputs: get it again from where it came.")
    return RunManifest(content)


def hash_of(plain: Any) -> str:
    """sha256 of plain JSON values in canonical form."""
    return sha256_hex(canonical_json(plain, what="a part of this run manifest"))


def inputs_of(run: BacktestRun) -> dict[str, Any]:
    """What the run was made of, as plain JSON values."""
    pair, origin = run.pair, run.pair.provenance
    bars = bars_of(pair)
    return {
        "snapshot": {"id": origin.snapshot_id, "name": origin.snapshot_name, "simulated": origin.simulated}
        if origin.snapshot_id else None,
        "pair": {"y": pair.y_spec.code, "x": pair.x_spec.code},
        "bars": bars,
        "cut": {"first": bars["first"], "last": bars["last"]} if pair.cut and len(pair) else None,
        "contract_specs": [_terms(pair.y_spec, pair.y), _terms(pair.x_spec, pair.x)],
        "config": run.config.model_dump(mode="json"),
    }


def _terms(spec: ContractSpec, leg: Leg) -> dict[str, Any]:
    """A leg's terms, and under `by_contract` the figures of the contracts that trade on older ones, where there are such."""
    older = older_terms(spec, leg.contracts)
    return {**spec.to_dict(), "by_contract": older} if older else spec.to_dict()


def bars_of(pair: PairFrame) -> dict[str, Any]:
    """Which bars went in: how many, from when to when, and the hash of their content."""
    dates = pair.trade_date
    return {"rows": len(pair), "first": f"{dates[0]:%Y-%m-%d}" if len(pair) else None,
            "last": f"{dates[-1]:%Y-%m-%d}" if len(pair) else None, "content_hash": content_hash(hashable(_flat(pair.frame)))}


def command_of(pair: PairFrame, config: Mapping[str, Any], directory: Path | None = None) -> str | None:
    """The command that makes a run with these settings, as a shell takes it; None for bars of no snapshot."""
    if not pair.provenance.snapshot_name or not len(pair):
        return None
    cut = ["--first", f"{pair.trade_date[0]:%Y-%m-%d}", "--last", f"{pair.trade_date[-1]:%Y-%m-%d}"] if pair.cut else []
    elsewhere = ["--dir", str(directory)] if directory is not None and directory != USUAL_FOLDER else []
    settings = [word for name, value in changed_settings(config).items() for word in ("--set", f"{name}={value}")]
    return shlex.join(["python", "-m", "pairkit", "run", pair.provenance.snapshot_name, pair.y_spec.code, pair.x_spec.code,
                       *elsewhere, *cut, *settings])


def without_folder(command: str | None) -> str | None:
    """The command as it is where the snapshots lie in the usual folder: where they lay is no part of the run."""
    try:
        words = shlex.split(command or "")
    except ValueError:  # a quote that is not closed
        return command
    if "--dir" in words[:-1]:
        at = words.index("--dir")
        del words[at:at + 2]
    return shlex.join(words) if command else command


def changed_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a config, as plain values, that are not at their defaults, in their own order."""
    from pairkit.config import SETTINGS

    known = {name: config[name] for name in SETTINGS if name in config and config[name] != SETTINGS[name].default}
    return {**known, **{name: value for name, value in config.items() if name not in SETTINGS}}


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The pair's table with one level of column names, `y_open` .. `x_contract`, and its dates as a column.

    `leave` stands in it only where a contract must be left: bars without such keep the hash that they had before there was one.
    """
    frame = frame.drop(columns=[column for column in frame.columns if column[1] == "leave" and not frame[column].any()])
    return frame.set_axis(["_".join(column) for column in frame.columns], axis=1).rename_axis(TRADE_DATE).reset_index()


def write_whole(target: Path, raw: bytes) -> Path:
    """The bytes in a file of this name, whole or not at all; RunError where they cannot be written."""
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")  # of this very call: threads write too
    try:
        with draft.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise RunError(f"{target} could not be written: {error.strerror}. Choose a folder that exists and can be "
                       "written to.") from error
    return target
