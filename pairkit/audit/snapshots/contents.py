"""Contents of a sealed snapshot: tables and contract specs parsed from its verified bytes, and checked against one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from pairkit.audit.seal import content_hash, strict_json
from pairkit.audit.snapshots import tables
from pairkit.audit.snapshots.verify import SPECS, TERMS, Sealed
from pairkit.columns import TRADE_DATE
from pairkit.errors import SnapshotError
from pairkit.language import _
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import own_table, with_figures_of
from pairkit.market.terms import FIELDS, GROUPS, TermRecord, TermsTable

IN_TABLE = (*FIELDS, "fee_mode", "older")  # of a spec, what the table of terms holds


def verified_table(sealed: Sealed, name: str) -> pa.Table:
    """A table of the folder, where its rows, its schema and its content are those that the manifest lists; else SnapshotError."""
    table, listed = tables.from_parquet(sealed.files[name], name), sealed.resources[name]
    if table.num_rows != listed.rows or listed.table_schema != tables.describe_schema(
        tables.SCHEMAS[name]
    ):
        raise SnapshotError(
            _(
                "{name}: expected {rows} rows of the listed schema, "
                "found {num_rows} of {describe_schema}. "
                "The manifest was not written by pairkit: take the snapshot again.",
                name=name,
                rows=listed.rows,
                num_rows=table.num_rows,
                describe_schema=tables.describe_schema(table.schema),
            )
        )
    found = content_hash(table)
    if found != listed.content_hash:
        raise SnapshotError(
            _(
                "{name}: expected the content hash {content_hash}, found {found}. "
                "The file is the sealed one but decodes to other values: "
                "the Parquet reader, or the manifest, is at fault. Take the snapshot again.",
                name=name,
                content_hash=listed.content_hash,
                found=found,
            )
        )
    fault = tables.table_fault(table, name)
    if fault:
        raise SnapshotError(f"{name}: {fault}")
    return table


def parse_specs(
    sealed: Sealed, records: Mapping[str, list[TermRecord]] | None
) -> dict[str, ContractSpec]:
    """The specs by root, with their records of the table of terms; a snapshot of schema 1 has none."""
    stated = sealed.manifest["contract_specs"]["sha256"]
    if stated != sealed.resources[SPECS].sha256:
        raise SnapshotError(
            _(
                "{specs}: contract_specs.sha256 is {stated}, "
                "its resource's {sha256}. "
                "The manifest contradicts itself: it was edited. Restore the snapshot.",
                specs=SPECS,
                stated=stated,
                sha256=sealed.resources[SPECS].sha256,
            )
        )
    plain = strict_json(sealed.files[SPECS], what=SPECS)
    try:
        codes = [str(about["code"]) for about in plain["specs"]]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise SnapshotError(
                _(
                    "{specs} has two specs of {twice}; nobody can say which holds. It was not written by "
                    "pairkit: take the snapshot again.",
                    specs=SPECS,
                    twice=", ".join(twice),
                )
            )
        if records is not None and set(records) != set(codes):
            raise SnapshotError(
                _(
                    "{terms} has terms of {records}, {specs} specs of {codes}. They were "
                    "not written together: take the snapshot again.",
                    terms=TERMS,
                    records=", ".join(sorted(records)),
                    specs=SPECS,
                    codes=", ".join(sorted(codes)),
                )
            )
        listed = [
            ContractSpec(**about) if records is None else _spec_of(about, records[about["code"]])
            for about in plain["specs"]
        ]
    except (KeyError, TypeError, ValidationError) as error:
        raise SnapshotError(
            _(
                "{specs} does not hold contract specs: {error}. Take the snapshot again.",
                specs=SPECS,
                error=error,
            )
        ) from error
    return {spec.code: spec for spec in sorted(listed, key=lambda spec: spec.code)}


def _spec_of(about: Mapping[str, Any], records: list[TermRecord]) -> ContractSpec:
    """A spec from what does not change of it and its records; its own figures are those of the root without a date."""
    always = [one for one in records if one.key == ("", "", "")]
    lacking = sorted(set(GROUPS) - {one.group for one in always})
    double = sorted({*IN_TABLE, "terms"} & set(about))
    if lacking or double:
        raise SnapshotError(
            _(
                "{code}: {terms} has no record of the root without a date of {lacking}, and {specs} "
                "says itself {double}. It was not written by pairkit: take the snapshot again.",
                code=about["code"],
                terms=TERMS,
                lacking=", ".join(lacking) or "nothing",
                specs=SPECS,
                double=", ".join(double) or "nothing",
            )
        )
    figures: dict[str, Any] = {one.field: one.value for one in always if one.field in FIELDS}
    mode = next(one.fee_mode for one in always if one.group == "fees")
    spec = ContractSpec(**{**about, **figures, "fee_mode": mode})
    if own_table(spec).records == tuple(records):  # nothing but its own figures
        return spec
    return with_figures_of(spec, TermsTable.of_checked(records))


def check_fits_together(
    sealed: Sealed, specs: Mapping[str, ContractSpec], bars: pa.Table, mapping: pa.Table
) -> None:
    """SnapshotError where bars, mapping, specs and the manifest's scope speak of different roots, contracts or days."""
    with_bars, mapped = (set(table["root"].unique().to_pylist()) for table in (bars, mapping))
    symbols = set(sealed.manifest["data_scope"]["symbols"])
    if not (with_bars == set(specs) == symbols) or not mapped <= with_bars:
        raise SnapshotError(
            _(
                "its parts name different roots: bars {with_bars}, "
                "specs {specs}, data_scope {symbols}, mapping {mapped}. "
                "The manifest was not written by pairkit: take it again.",
                with_bars=sorted(with_bars),
                specs=sorted(specs),
                symbols=sorted(symbols),
                mapped=sorted(mapped),
            )
        )
    _check_scope(sealed.manifest["data_scope"], bars)
    contracts, named = (
        set(zip(*(table[name].to_pylist() for name in ("root", "contract")), strict=True))
        for table in (bars, mapping)
    )
    unknown = sorted(
        _("{contract} of {root}", contract=contract, root=root)
        for root, contract in named - contracts
        if contract is not None
    )
    if unknown:
        raise SnapshotError(
            _(
                "its mapping names contracts that have no bar there: {unknown}. "
                "The tables were not written together: take the snapshot again.",
                unknown=", ".join(unknown[:5]),
            )
        )


def check_calendar(calendar: pa.Table, bars: pa.Table) -> None:
    """Refuse a calendar of which no session has bars; a bar may lie outside it, as the ghost of a holiday does."""
    sessions = set(calendar[TRADE_DATE].to_pylist())
    if sessions.isdisjoint(bars[TRADE_DATE].unique().to_pylist()):
        raise SnapshotError(
            _(
                "its calendar has {sessions} sessions, and no bar is of one of them. "
                "The tables were not written together: take the snapshot again.",
                sessions=len(sessions),
            )
        )


def _check_scope(scope: Mapping[str, Any], bars: pa.Table) -> None:
    """Rows, start and end that the manifest states are those of the bars."""
    span = pa.compute.min_max(bars[TRADE_DATE]).as_py()
    found = {
        "rows": bars.num_rows,
        "start": span["min"].isoformat(),
        "end": span["max"].isoformat(),
    }
    wrong = [
        _("{name} is {scope}, that of the bars {value}", name=name, scope=scope[name], value=value)
        for name, value in found.items()
        if scope[name] != value
    ]
    if wrong:
        raise SnapshotError(
            _(
                "data_scope contradicts the tables: {wrong}. The manifest was not written by pairkit: "
                "take the snapshot again.",
                wrong="; ".join(wrong),
            )
        )
