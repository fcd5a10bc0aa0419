"""Inputs of a run as plain values that can be hashed, and the command that makes the run again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pairkit.audit.runs.tables import hashable
from pairkit.audit.seal import canonical_json, content_hash, sha256_hex
from pairkit.audit.snapshots.upkeep import SHORT_ID
from pairkit.columns import LEGS, TRADE_DATE
from pairkit.language import _
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import older_terms, records_in_force
from pairkit.pair import Leg

if TYPE_CHECKING:
    from pairkit.pair import PairFrame
    from pairkit.run import BacktestRun

USUAL_FOLDER = Path("snapshots")


def hash_of(plain: Any) -> str:
    """sha256 of plain JSON values in canonical form."""
    return sha256_hex(canonical_json(plain, what=_("a part of this run manifest")))


def inputs_of(run: BacktestRun) -> dict[str, Any]:
    """Inputs of a run as plain JSON values."""
    pair, origin = run.pair, run.pair.provenance
    bars = bars_of(pair)
    return {
        "snapshot": {
            "id": origin.snapshot_id,
            "name": origin.snapshot_name,
            "simulated": origin.simulated,
        }
        if origin.snapshot_id
        else None,
        "pair": dict(zip(LEGS, pair.codes, strict=True)),
        "bars": bars,
        "cut": {"first": bars["first"], "last": bars["last"]} if pair.cut and len(pair) else None,
        "contract_specs": [
            stated_terms(spec, leg, pair.trade_date)
            for spec, leg in ((pair.y_spec, pair.y), (pair.x_spec, pair.x))
        ],
        "config": run.config.model_dump(mode="json"),
    }


def stated_terms(spec: ContractSpec, leg: Leg, trade_date: pd.DatetimeIndex) -> dict[str, Any]:
    """A leg's terms as plain values: its spec, and of its records those that are in force on any of these bars.

    Under `by_contract` are the figures of the contracts that trade on older ones, where the spec's `older` says so.
    """
    plain = spec.to_dict(with_terms=False)
    if older := older_terms(spec, leg.contracts):
        plain["by_contract"] = older
    if spec.terms is not None:
        used = records_in_force(spec, leg.contract, leg.contract_names, trade_date)
        plain["terms"] = [record.to_dict() for record in used]
    return plain


def bars_of(pair: PairFrame) -> dict[str, Any]:
    """Record of the bars: their number, first and last date, and content hash."""
    dates = pair.trade_date
    return {
        "rows": len(pair),
        "first": f"{dates[0]:%Y-%m-%d}" if len(pair) else None,
        "last": f"{dates[-1]:%Y-%m-%d}" if len(pair) else None,
        "content_hash": content_hash(hashable(_flat(pair.frame))),
    }


def command_of(
    pair: PairFrame,
    config: Mapping[str, Any],
    directory: Path | None = None,
    ready_at: str | None = None,
) -> str | None:
    """Shell command that makes a run with these settings; None for bars of no snapshot. `ready_at` where it was chosen.

    It names the snapshot by its id: a name changes, and stands for the newest of a line.
    """
    if not pair.provenance.snapshot_id or not len(pair):
        return None
    cut = (
        ["--first", f"{pair.trade_date[0]:%Y-%m-%d}", "--last", f"{pair.trade_date[-1]:%Y-%m-%d}"]
        if pair.cut
        else []
    )
    elsewhere = (
        ["--dir", str(directory)] if directory is not None and directory != USUAL_FOLDER else []
    )
    ready = ["--ready-at", ready_at] if ready_at else []
    settings = [
        word
        for name, value in changed_settings(config).items()
        for word in ("--set", f"{name}={value}")
    ]
    return shlex.join(
        [
            "python",
            "-m",
            "pairkit",
            "run",
            (pair.provenance.snapshot_id or "")[:SHORT_ID],
            *pair.codes,
            *elsewhere,
            *cut,
            *ready,
            *settings,
        ]
    )


def without_folder(command: str | None, pair: PairFrame) -> str | None:
    """The command of a manifest without its snapshot folder, which is no part of the run, and with the pair's snapshot by its id.

    Manifests of pairkit before 0.3 have its name.
    """
    try:
        words = shlex.split(command or "")
    except ValueError:  # a quote that is not closed
        return command
    if words[4:5] == [pair.provenance.snapshot_name]:
        words[4] = (pair.provenance.snapshot_id or "")[:SHORT_ID]
    if "--dir" in words[:-1]:
        at = words.index("--dir")
        del words[at : at + 2]
    return shlex.join(words) if command else command


def changed_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a config, as plain values, that are not at their defaults, in their own order."""
    from pairkit.config import SETTINGS

    known = {
        name: config[name]
        for name in SETTINGS
        if name in config and config[name] != SETTINGS[name].default
    }
    return {**known, **{name: value for name, value in config.items() if name not in SETTINGS}}


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The pair's table with one level of column names, `y_open` .. `x_contract`, and its dates as a column.

    `leave` stands in it only where a contract must be left: bars without such keep the hash that they had before there was one.
    """
    frame = frame.drop(
        columns=[
            column for column in frame.columns if column[1] == "leave" and not frame[column].any()
        ]
    )
    return (
        frame.set_axis(["_".join(column) for column in frame.columns], axis=1)
        .rename_axis(TRADE_DATE)
        .reset_index()
    )
