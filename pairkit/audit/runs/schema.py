"""Schema of a run manifest: its fields and their types. `run_schema.json` is made from this module."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from pairkit.checks import CHECK_NAME, Verdict
from pairkit.market.sessions import TIME_OF_DAY

SCHEMA = "pairkit.run/1"
_HEX = r"^[0-9a-f]{64}$"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SnapshotCited(_Strict):
    """The snapshot that the bars come from."""

    id: str = Field(
        pattern=_HEX, description="sha256 of the snapshot's manifest: names every byte in it."
    )
    name: str
    simulated: bool


class Legs(_Strict):
    """The two roots; y is regressed on x."""

    y: str
    x: str


class Bars(_Strict):
    """The pair's aligned bars that went into the run."""

    rows: int = Field(ge=0)
    first: str | None = Field(pattern=_DAY)
    last: str | None = Field(pattern=_DAY)
    content_hash: str = Field(pattern=_HEX)


class Cut(_Strict):
    """The rows that were kept of a longer pair, both ends included."""

    first: str = Field(pattern=_DAY)
    last: str = Field(pattern=_DAY)


class Inputs(_Strict):
    """Everything that the results depend on; the run's id is the hash of this part."""

    snapshot: SnapshotCited | None
    pair: Legs
    bars: Bars
    cut: Cut | None
    contract_specs: list[dict[str, JsonValue]] = Field(min_length=2, max_length=2)
    config: dict[str, bool | int | float | str]


class Threads(_Strict):
    """Threads that numba may use, and processors of the machine."""

    numba: int
    processors: int | None


class Runtime(_Strict):
    """Runtime of the run. Not part of the id."""

    python: str
    implementation: str
    platform: str
    libc: str
    processor: str
    threads: Threads
    packages: dict[str, str | None]
    pairkit_version: str
    git_commit: str | None
    git_dirty: bool
    diff_sha256: str | None = Field(pattern=_HEX)
    code_sha256: str = Field(pattern=_HEX)


class Output(_Strict):
    """A table that came out: hashes of its content, independent of any file format."""

    rows: int = Field(ge=0)
    columns: list[str]
    content_hash: str = Field(pattern=_HEX)
    column_hashes: dict[str, str]


class Outputs(_Strict):
    """The run's two tables."""

    frame: Output
    trades: Output


class FoundInData(_Strict):
    """One finding of the data."""

    kind: str
    severity: Literal["info", "warning", "error"]
    message: str
    root: str
    count: int
    dates: list[str]


class CheckMade(_Strict):
    """A honesty check of this very run, and what it found. Not part of the id."""

    check: str = Field(
        pattern=f"^{CHECK_NAME}$", description="Its name; a later version may have more."
    )
    verdict: Verdict
    sentence: str
    figures: dict[str, bool | int | float | str | None]
    settings: dict[str, bool | int | float | str | None]


class TrialsForgotten(_Strict):
    """A reset of the count of trials."""

    at: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
    forgotten: int = Field(ge=0)


class TrialsMade(_Strict):
    """The configs that the author's ledger counts on this pair. Not part of the id."""

    n_configs: int = Field(ge=0)
    sharpe_variance: float | None = Field(
        description="Of the trials' Sharpe ratios per bar, divisor n-1."
    )
    resets: list[TrialsForgotten]
    scanned: int = Field(
        default=0,
        ge=0,
        description="Pairs scanned in the snapshot, this one among them; absent for none.",
    )


class Manifest(_Strict):
    """A run manifest."""

    schema_: Literal["pairkit.run/1"] = Field(alias="schema")
    run_id: str = Field(pattern=_HEX, description="sha256 of `inputs` in RFC 8785 form.")
    config_sha256: str = Field(
        pattern=_HEX, description="sha256 of `inputs.config` in RFC 8785 form."
    )
    inputs: Inputs
    runtime: Runtime
    outputs: Outputs
    metrics: dict[str, int | float | None]
    findings: list[FoundInData]
    checks: list[CheckMade] = Field(
        default=[],
        description="Absent before there were checks; a check not listed has not been run.",
    )
    trials: TrialsMade | None = Field(
        default=None, description="Null where no ledger was kept or it could not be read."
    )
    rerun_command: str | None
    rules: str | None = Field(
        default=None,
        description="Date of the rules (docs/semantics.md); absent before they had one.",
    )
    decision_ready_at: str | None = Field(
        default=None,
        pattern=TIME_OF_DAY,
        description="When a decision is ready, HH:MM, where that was chosen: decides findings on sessions, and no number. "
        "Absent for the default of the bars' source. Not part of the id.",
    )


def schema_text() -> str:
    """The JSON Schema (2020-12) of a run manifest, as it is shipped."""
    made: dict[str, Any] = {
        **Manifest.model_json_schema(by_alias=True),
        "title": SCHEMA,
        "$schema": "https://json-schema.org/draft/2020-12/schema",
    }
    return json.dumps(made, indent=1, sort_keys=True) + "\n"
