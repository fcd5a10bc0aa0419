"""Packing of a snapshot: tables, specs, findings and scope as the files of its folder, manifest included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pairkit.audit.runtime import describe_runtime
from pairkit.audit.seal import canonical_json, content_hash, sha256_hex
from pairkit.audit.snapshots import tables
from pairkit.audit.snapshots.contents import IN_TABLE
from pairkit.audit.snapshots.verify import MANIFEST, NOTES, OLD_SCHEMA, SPECS, TABLES, TERMS
from pairkit.columns import TRADE_DATE
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import own_table

UNITS = {"price": "quote", "volume": "lots", "open_interest": "lots"}


def pack(
    name: str,
    *,
    bars: pd.DataFrame,
    mapping: pd.DataFrame | None,
    specs: Iterable[ContractSpec],
    calendar: pd.DatetimeIndex | None,
    data_scope: Mapping[str, Any],
    findings: Iterable[Finding],
    notes: str | None,
    created_utc: str | None,
    descent: Mapping[str, str],
    schema: str,
) -> dict[str, bytes]:
    """The files of a snapshot by name; arguments as of `write_snapshot`, `descent` its `lineage` and `line` where it has them.

    Raises
    ------
    DataError
        The tables, specs or scope do not fit the format or one another.
    """
    arrow = _arrow_tables(bars, mapping, calendar)
    by_code = _specs_of_all_roots(specs, arrow["bars.parquet"])
    arrow |= _table_of_terms(by_code, schema)
    files = {resource: tables.to_parquet(table) for resource, table in arrow.items()}
    plain = [_plain_spec(by_code[code], schema) for code in sorted(by_code)]
    files[SPECS] = canonical_json({"specs": plain}, what=SPECS)
    if notes is not None:
        files[NOTES] = notes.encode("utf-8")
    scope = _full_scope(data_scope, arrow["bars.parquet"], sorted(by_code))
    manifest = {
        "schema": schema,
        "name": name,
        **descent,
        "created_utc": created_utc or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data_scope": scope,
        "contract_specs": _specs_origin(by_code, sha256_hex(files[SPECS])),
        "resources": [_resource(path, files[path], arrow.get(path)) for path in sorted(files)],
        "findings": [finding.to_dict() for finding in findings],
        "runtime": describe_runtime(with_commit=not scope.get("simulated", False)),
    }
    return {**files, MANIFEST: canonical_json(manifest, what=MANIFEST)}


def _table_of_terms(specs: Mapping[str, ContractSpec], schema: str) -> dict[str, pa.Table]:
    """The table of terms by its name; none of schema 1, which cannot hold records."""
    if TERMS in TABLES[schema]:
        records = {code: own_table(spec).records for code, spec in specs.items()}
        return {TERMS: tables.to_arrow(tables.terms_frame(records), TERMS)}
    if dated := sorted(code for code, spec in specs.items() if spec.terms is not None):
        raise DataError(
            _(
                "{old_schema} has no table of terms, and {dated} has records.",
                old_schema=OLD_SCHEMA,
                dated=", ".join(dated),
            )
        )
    return {}


def _arrow_tables(
    bars: pd.DataFrame, mapping: pd.DataFrame | None, calendar: pd.DatetimeIndex | None
) -> dict[str, pa.Table]:
    if bars.empty:
        raise DataError(_("there are no bars; a snapshot needs at least one."))
    if mapping is None:
        mapping = pd.DataFrame({name: pd.Series(dtype=object) for name in tables.MAPPING.names})
    days = (
        pd.DatetimeIndex(np.unique(pd.to_datetime(bars[TRADE_DATE])))
        if calendar is None
        else calendar
    )
    frames = {
        "bars.parquet": bars,
        "mapping.parquet": mapping,
        "calendar.parquet": pd.DataFrame({TRADE_DATE: days}),
    }
    return {resource: tables.to_arrow(frame, resource) for resource, frame in frames.items()}


def _specs_of_all_roots(specs: Iterable[ContractSpec], bars: pa.Table) -> dict[str, ContractSpec]:
    given = list(specs)
    by_code = {spec.code: spec for spec in given}
    roots = set(bars["root"].unique().to_pylist())
    if len(by_code) < len(given) or set(by_code) != roots:
        raise DataError(
            _(
                "a snapshot takes one spec for each root: bars have {roots}; "
                "specs are given for {given}.",
                roots=", ".join(sorted(roots)),
                given=", ".join(sorted(spec.code for spec in given)) or "none",
            )
        )
    return by_code


def _plain_spec(spec: ContractSpec, schema: str) -> dict[str, Any]:
    """A root's entry in `specs.json`: its whole spec, or only what does not change where there is a table of terms."""
    plain = spec.to_dict(with_terms=False)
    if schema == OLD_SCHEMA:
        return plain
    return {name: value for name, value in plain.items() if name not in IN_TABLE}


def _full_scope(
    data_scope: Mapping[str, Any], bars: pa.Table, symbols: list[str]
) -> dict[str, Any]:
    if not isinstance(data_scope.get("source"), str):
        raise DataError(
            _("data_scope needs `source`, a text saying where the bars come from, e.g. 'csv'.")
        )
    span = pa.compute.min_max(bars[TRADE_DATE]).as_py()
    known: dict[str, Any] = {"source_version": "", "api": "", "units": UNITS, "fetched_at": None}
    start, end = span["min"].isoformat(), span["max"].isoformat()
    return {
        **known,
        **data_scope,
        "symbols": symbols,
        "start": start,
        "end": end,
        "rows": bars.num_rows,
    }


def _specs_origin(specs: Mapping[str, ContractSpec], sha256: str) -> dict[str, str]:
    sources, versions = (
        {one for spec in specs.values() for one in getattr(spec, part).split(", ")}
        for part in ("source", "version")
    )
    return {
        "source": ", ".join(sorted(sources)),
        "version": ", ".join(sorted(versions)),
        "sha256": sha256,
    }


def _resource(path: str, raw: bytes, table: pa.Table | None) -> dict[str, Any]:
    entry = {"path": path, "bytes": len(raw), "sha256": sha256_hex(raw)}
    if table is None:
        return {**entry, "rows": None, "schema": None, "content_hash": None}
    schema = tables.describe_schema(table.schema)
    return {**entry, "rows": table.num_rows, "schema": schema, "content_hash": content_hash(table)}
