"""Disk cache of calibrations: one JSON file for each set of settings and version of the code, named by their hash.

1. The key holds everything that the tables depend on: the settings of the test and its hedge, how the pairs were drawn, the hash
   of pairkit's sources and the packages that compute.
2. A file holds its key, its tables, and the hash of the tables. One that is torn, altered or of another key is ignored:
   the calibration is made again, and the file overwritten.
3. The latest MOST_KEPT files stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pairkit._files import read_whole
from pairkit.audit.runs.inputs import hash_of
from pairkit.audit.runtime import code_hash, describe_runtime
from pairkit.audit.seal import MAX_JSON_BYTES, canonical_json, strict_json, write_whole
from pairkit.config import SETTINGS, StrategyConfig
from pairkit.errors import RunError
from pairkit.folders import calibrations_folder
from pairkit.language import in_english

SCHEMA = "pairkit.calibration/1"
MOST_KEPT = 200
_READ = ("adf_test", "adf_null", "adf_window", "adf_lags", "adf_max_pvalue")
_OF_SPREAD = tuple(name for name, setting in SETTINGS.items() if setting.group == "Hedge")
_OF_RUNTIME = ("python", "platform", "packages")

Tables = dict[str, pd.DataFrame]


def load(config: StrategyConfig, request: Mapping[str, Any]) -> Tables | None:
    """Cached tables of these settings by this code, or None."""
    key = _key(config, request)
    path = calibrations_folder() / f"{hash_of(key)}.json"
    try:
        content = strict_json(read_whole(path, MAX_JSON_BYTES), what=str(path), refuse=RunError)
    except (OSError, RunError):
        return None  # nothing there, or nothing that can be believed: it is made anew
    if not isinstance(content, dict) or set(content) != {"key", "tables", "tables_sha256"}:
        return None
    if content["key"] != key or hash_of(content["tables"]) != content["tables_sha256"]:
        return None
    return {
        name: pd.DataFrame(table["rows"], columns=table["columns"], dtype=np.float64)
        for name, table in content["tables"].items()
    }


def save(config: StrategyConfig, request: Mapping[str, Any], tables: Tables) -> None:
    """Cache the tables; where the folder cannot be written, nothing is kept, and the next call computes again."""
    key = _key(config, request)
    plain = {
        name: {"columns": list(table.columns), "rows": table.to_numpy().tolist()}
        for name, table in tables.items()
    }
    raw = canonical_json(
        {"key": key, "tables": plain, "tables_sha256": hash_of(plain)},
        what=in_english("a calibration"),
    )
    folder = calibrations_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{hash_of(key)}.json", raw)
        for old in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)[
            :-MOST_KEPT
        ]:
            old.unlink(missing_ok=True)
    except (OSError, RunError):
        return


def _key(config: StrategyConfig, request: Mapping[str, Any]) -> dict[str, Any]:
    names = _READ if config.adf_test == "engle_granger" else (*_READ, *_OF_SPREAD)
    runtime = describe_runtime(with_commit=False)
    return {
        "schema": SCHEMA,
        "code_sha256": code_hash(),
        "runtime": {name: runtime[name] for name in _OF_RUNTIME},
        "config": {name: getattr(config, name) for name in names},
        "asked": dict(request),
    }
