"""Run manifests: what a run was made of and what came out, so that somebody else can make it again.

The run's id is the hash of its inputs alone: snapshot, pair, rows, specs, config. Outputs are hashed by content, whatever
program wrote them. No time stamp and no runtime enters the id.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from pairkit.audit.runtime import describe_runtime
from pairkit.audit.seal import canonical_json, content_hash, sha256_hex
from pairkit.columns import TRADE_DATE
from pairkit.errors import RunError

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

SCHEMA = "pairkit.run/1"


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
        target = Path(path)
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            draft.write_text(self.to_json(), encoding="utf-8")
            draft.replace(target)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise RunError(f"{target} could not be written: {error.strerror}. Choose a folder that exists and can be "
                           "written to.") from error
        return target


def run_manifest(run: BacktestRun) -> RunManifest:
    """The manifest of a run.

    Undefined metrics (NaN) are null. A run of own frames, without a snapshot, has `snapshot` null, and nobody else can rerun
    it: `rerun_command` is null too.
    """
    inputs = _inputs(run)
    return RunManifest({
        "schema": SCHEMA,
        "run_id": sha256_hex(canonical_json(inputs, what="the inputs of this run")),
        "inputs": inputs,
        "config_sha256": sha256_hex(canonical_json(inputs["config"], what="this config")),
        "runtime": describe_runtime(),
        "outputs": {"frame": _output(run.frame.reset_index()), "trades": _output(run.trades)},
        "metrics": {name: None if math.isnan(value) else value for name, value in run.metrics.items()},
        "findings": [finding.to_dict() for finding in run.pair.findings],
        "rerun_command": _rerun_command(run),
    })


def _inputs(run: BacktestRun) -> dict[str, Any]:
    pair, origin = run.pair, run.pair.provenance
    dates = pair.trade_date
    return {
        "snapshot": {"id": origin.snapshot_id, "name": origin.snapshot_name, "simulated": origin.simulated}
        if origin.snapshot_id else None,
        "pair": {"y": pair.y_spec.code, "x": pair.x_spec.code},
        "bars": {"rows": len(pair), "first": f"{dates[0]:%Y-%m-%d}" if len(pair) else None,
                 "last": f"{dates[-1]:%Y-%m-%d}" if len(pair) else None,
                 "content_hash": content_hash(_hashable(_flat(pair.frame)))},
        "contract_specs": [pair.y_spec.to_dict(), pair.x_spec.to_dict()],
        "config": run.config.model_dump(mode="json"),
    }


def _rerun_command(run: BacktestRun) -> str | None:
    name = run.pair.provenance.snapshot_name
    if not name:
        return None
    defaults = type(run.config)()
    changed = [f"--set {field}={value}" for field, value in run.config.model_dump(mode="json").items()
               if value != getattr(defaults, field)]
    return " ".join(["python -m pairkit run", name, run.pair.y_spec.code, run.pair.x_spec.code, *changed])


def _output(table: pd.DataFrame) -> dict[str, Any]:
    return {"rows": len(table), "columns": [str(name) for name in table.columns], "content_hash": content_hash(_hashable(table))}


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The pair's table with one level of column names, `y_open` .. `x_contract`, and its dates as a column."""
    return frame.set_axis(["_".join(column) for column in frame.columns], axis=1).rename_axis(TRADE_DATE).reset_index()


def _hashable(table: pd.DataFrame) -> pa.Table:
    """The table in the kinds that a content hash knows: text, dates, and float64 for every number and flag."""
    columns = {}
    for name in table.columns:
        values = table[name]
        if pd.api.types.is_datetime64_any_dtype(values):
            columns[str(name)] = pa.array(values, type=pa.timestamp("s"), from_pandas=True, safe=False).cast(pa.date32())
        elif pd.api.types.is_numeric_dtype(values):
            columns[str(name)] = pa.array(values.astype("float64"), type=pa.float64(), from_pandas=False)
        else:
            columns[str(name)] = pa.array(values, type=pa.string(), from_pandas=True)
    return pa.table(columns)
