"""Snapshot tables: columns and types, conversion to and from Parquet, and their integrity rules.

- `bars`: one row per (root, contract, trade_date), sorted so. `contract` is null in a series of the root.
- `mapping`: the dominant contract of each (root, trade_date), and the earlier date at whose close that was known.
- `calendar`: the trade dates.
- `terms`: the records of what one lot is and costs (`pairkit.market.terms`): one row per (root, contract, deliveries, from_date,
  field), sorted so, what is not given last. Snapshots of schema 1 have no such table.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pairkit.columns import BAR_COLUMNS, TRADE_DATE, names
from pairkit.data.files.table import (
    MAX_COLUMNS,
    MAX_UNPACKED_BYTES,
    Extent,
    parquet_extent,
    parquet_table,
    refuse_huge_together,
)
from pairkit.errors import DataError, SnapshotError
from pairkit.language import _
from pairkit.market.terms import TermRecord, read_deliveries, record_fault, whole_fault

Codes = NDArray[np.int64]
_NUMBERS = (*names(BAR_COLUMNS), "up_limit", "down_limit")
_TEXT, _DATE, _NUMBER = pa.string(), pa.date32(), pa.float64()
BARS = pa.schema(
    [
        ("root", _TEXT),
        ("contract", _TEXT),
        (TRADE_DATE, _DATE),
        *((name, _NUMBER) for name in _NUMBERS),
    ]
)
MAPPING = pa.schema(
    [("root", _TEXT), (TRADE_DATE, _DATE), ("contract", _TEXT), ("known_date", _DATE)]
)
CALENDAR = pa.schema([(TRADE_DATE, _DATE)])
TERMS = pa.schema(
    [
        ("root", _TEXT),
        ("contract", _TEXT),
        ("deliveries", _TEXT),
        ("from_date", _DATE),
        ("field", _TEXT),
        ("value", _NUMBER),
        ("fee_mode", _TEXT),
        ("source", _TEXT),
        ("version", _TEXT),
    ]
)
SCHEMAS: Mapping[str, pa.Schema] = {
    "bars.parquet": BARS,
    "mapping.parquet": MAPPING,
    "calendar.parquet": CALENDAR,
    "terms.parquet": TERMS,
}
MOST = Extent(
    10_000_000, MAX_COLUMNS, 10_000_000 * len(BARS), MAX_UNPACKED_BYTES
)  # of each table, and of all of a snapshot
_MAY_BE_NULL = {
    ("bars.parquet", "contract"),
    *(("bars.parquet", name) for name in _NUMBERS),
    *(("terms.parquet", name) for name in ("contract", "deliveries", "from_date", "fee_mode")),
}
_SORTED_BY = {
    "bars.parquet": ["root", "contract", TRADE_DATE],
    "mapping.parquet": ["root", TRADE_DATE],
    "calendar.parquet": [TRADE_DATE],
    "terms.parquet": ["root", "contract", "deliveries", "from_date", "field"],
}
_FIELD_TYPES = {_TEXT: "string", _DATE: "date", _NUMBER: "number"}


def describe_schema(schema: pa.Schema) -> dict[str, Any]:
    """Columns of a table as a Frictionless table schema."""
    return {"fields": [{"name": field.name, "type": _FIELD_TYPES[field.type]} for field in schema]}


def to_arrow(frame: pd.DataFrame, resource: str) -> pa.Table:
    """A DataFrame as one of the snapshot's tables: columns in order, typed, sorted, checked.

    Raises
    ------
    DataError
        A column is missing or of another kind, a key is empty or repeated, or a mapping was known too late.
    """
    schema = SCHEMAS[resource]
    missing = [name for name in schema.names if name not in frame.columns]
    unknown = [str(name) for name in frame.columns if name not in schema.names]
    if missing or unknown:
        raise DataError(
            _(
                "{resource} takes the columns {names}; missing: {missing}, not known: {unknown}.",
                resource=resource,
                names=", ".join(schema.names),
                missing=", ".join(missing) or "none",
                unknown=", ".join(unknown) or "none",
            )
        )
    arrays = [_to_column(frame[field.name], field, resource) for field in schema]
    table = pa.Table.from_arrays(arrays, schema=schema).combine_chunks()
    table = table.sort_by([(name, "ascending") for name in _SORTED_BY[resource]])
    fault = table_fault(table, resource)
    if fault:
        raise DataError(f"{resource}: {fault}")
    return table


def _to_column(series: pd.Series, field: pa.Field, resource: str) -> pa.Array:
    try:
        if field.type == pa.date32():
            return pa.Array.from_pandas(_days(series), type=pa.date32())
        if field.type == pa.float64():
            return pa.array(
                _finite(series), type=pa.float64()
            )  # NaN stays NaN; there are no nulls among the numbers
        return pa.Array.from_pandas(
            series.astype(object).where(series.notna(), None), type=pa.string()
        )
    except (TypeError, ValueError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        kind = _FIELD_TYPES[field.type]
        raise DataError(
            _(
                "{resource}, column {field_name}: {error}. It takes {kind} values.",
                resource=resource,
                field_name=field.name,
                error=error,
                kind=kind,
            )
        ) from error


def _days(series: pd.Series) -> NDArray[np.datetime64]:
    days = pd.to_datetime(series)
    if (days.dropna() != days.dropna().dt.normalize()).any():
        raise ValueError(_("a date carries a time of day"))
    return days.to_numpy(dtype="datetime64[D]")


def _finite(series: pd.Series) -> NDArray[np.float64]:
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise ValueError(_("an infinite value"))
    return values


def table_fault(table: pa.Table, resource: str) -> str:
    """Fault of a table, in a sentence; "" where there is none. Costs about a millisecond per 100,000 rows."""
    for name in table.column_names:
        if (resource, name) not in _MAY_BE_NULL and table[name].null_count:
            return _(
                "column {name} has {null_count} empty cells; each row needs one.",
                name=name,
                null_count=table[name].null_count,
            )
        if table[name].type == _NUMBER and np.isinf(table[name].to_numpy()).any():
            return _("column {name} has an infinite value; numbers are finite or NaN.", name=name)
        if table[name].type == _DATE and not _within_pandas(table[name]):
            return _("column {name} has a date that is out of range.", name=name)
    keys = [_key_codes(table[name]) for name in _SORTED_BY[resource]]
    order = _row_order(keys, len(table))
    if (order <= 0).any():
        at = int(np.argmax(order <= 0)) + 1
        row = ", ".join(str(table[name][at].as_py()) for name in _SORTED_BY[resource])
        fault = _("repeats the row before") if order[at - 1] == 0 else _("is out of order")
        return _(
            "row {at} ({row}) {fault}; one row per key is accepted, sorted.",
            at=at,
            row=row,
            fault=fault,
        )
    if resource == "terms.parquet":
        return _terms_fault(table)
    if resource == "mapping.parquet":
        late = pa.compute.greater_equal(table["known_date"], table[TRADE_DATE])
        if pa.compute.any(late).as_py():
            row_ = table.filter(late).slice(0, 1).to_pylist()[0]
            return _(
                "{root} {row}: the dominant contract became known on {known_date}; "
                "it must be known before its trade date.",
                root=row_["root"],
                row=row_[TRADE_DATE],
                known_date=row_["known_date"],
            )
    return ""


def _terms_fault(table: pa.Table) -> str:
    """What is wrong with the records of a table of terms, in a sentence; "" where nothing is."""
    distinct = table.group_by(["field", "fee_mode"]).aggregate(
        [("value", "min"), ("value", "max"), ("value", "count")]
    )
    for row in distinct.to_pylist():
        for value in (row["value_min"], row["value_max"]):
            fault = record_fault(TermRecord(row["field"], value, row["fee_mode"]))
            if fault:
                return fault
    if np.isnan(table["value"].to_numpy()).any():
        return _("a record has no figure; leave out what is not known.")
    both = pa.compute.and_(table["contract"].is_valid(), table["deliveries"].is_valid())
    if pa.compute.any(both).as_py():
        return _(
            "a record has a contract and deliveries; it has one of them, or neither for the whole root."
        )
    for text in table["deliveries"].unique().drop_null().to_pylist():
        try:
            read_deliveries(text)
        except DataError as error:
            return str(error)
    return next(
        (
            f"{root}: {fault}"
            for root, of in terms_by_root(table).items()
            if (fault := whole_fault(of))
        ),
        "",
    )


def terms_by_root(table: pa.Table) -> dict[str, list[TermRecord]]:
    """The records of a table of terms, by root, in its order."""
    by_root: dict[str, list[TermRecord]] = {}
    columns = [
        table[name].cast(_TEXT).to_pylist() if name == "from_date" else table[name].to_pylist()
        for name in (
            "field",
            "value",
            "fee_mode",
            "contract",
            "deliveries",
            "from_date",
            "source",
            "version",
        )
    ]
    for root, *parts in zip(table["root"].to_pylist(), *columns, strict=True):
        by_root.setdefault(root, []).append(TermRecord(*parts))
    return by_root


def terms_frame(records: Mapping[str, Sequence[TermRecord]]) -> pd.DataFrame:
    """Records by root as the table of terms: dates as datetime64[ns], text missing where null."""
    rows = [(root, *one) for root in sorted(records) for one in records[root]]
    frame = pd.DataFrame(rows, columns=["root", *TermRecord._fields])
    frame["from_date"] = pd.to_datetime(frame["from_date"].astype(object)).astype("datetime64[ns]")
    texts = ("root", "contract", "deliveries", "field", "fee_mode", "source", "version")
    typed: pd.DataFrame = frame[TERMS.names].astype(
        {**dict.fromkeys(texts, "str"), "value": "float64"}
    )
    return typed


def _within_pandas(days: pa.ChunkedArray) -> bool:
    since_1970 = np.abs(days.cast(pa.int32()).fill_null(0).to_numpy())
    return bool((since_1970 < pd.Timestamp.max.value // 86_400_000_000_000).all())


def _key_codes(column: pa.ChunkedArray) -> Codes:
    """Integers that sort as the column does; null sorts last."""
    if column.type == pa.date32():
        last = np.iinfo(np.int32).max
        return np.asarray(column.cast(pa.int32()).fill_null(last).to_numpy(), dtype=np.int64)
    encoded = column.combine_chunks().dictionary_encode()
    labels = np.array(encoded.dictionary.to_pylist(), dtype=object)
    rank = np.append(np.argsort(np.argsort(labels)), len(labels))
    codes: Codes = rank.astype(np.int64)[encoded.indices.fill_null(len(labels)).to_numpy()]
    return codes


def _row_order(keys: list[Codes], rows: int) -> Codes:
    """(rows - 1,): 1 where a row's key is above the one before it, 0 where equal, -1 where below."""
    order = np.zeros(max(rows - 1, 0), dtype=np.int64)
    for key in reversed(keys):
        step = np.sign(np.diff(key))
        order = np.where(step != 0, step, order)
    return order


def to_parquet(table: pa.Table) -> bytes:
    """A table as Parquet bytes: zstd, no pandas metadata, the same bytes for the same table and pyarrow version."""
    sink = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(None),
        sink,
        compression="zstd",
        compression_level=9,
        version="2.6",
    )
    return sink.getvalue()


def refuse_huge(files: Mapping[str, bytes]) -> None:
    """SnapshotError where the tables in these bytes are larger than MOST, each or together; nothing is unpacked."""
    try:
        refuse_huge_together(
            [
                parquet_extent(resource, files[resource], MOST)
                for resource in SCHEMAS
                if resource in files
            ],
            MOST,
        )
    except DataError as error:
        raise SnapshotError(
            _(
                "too large, or not a Parquet table: {error} Restore the snapshot, or take a smaller one.",
                error=error,
            )
        ) from error


def from_parquet(raw: bytes, resource: str) -> pa.Table:
    """The table in these bytes, or SnapshotError if it is too large, damaged or not of the snapshot's schema."""
    try:
        table = parquet_table(resource, raw, MOST)
    except DataError as error:
        raise SnapshotError(
            _(
                "{resource} is not a Parquet table of a snapshot: {error} Restore the snapshot.",
                resource=resource,
                error=error,
            )
        ) from error
    plain = pa.schema(
        [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
            for field in table.schema
        ]
    )
    if not plain.equals(SCHEMAS[resource]):
        found = ", ".join(f"{field.name} {field.type}" for field in plain)
        expected = ", ".join(f"{field.name} {field.type}" for field in SCHEMAS[resource])
        raise SnapshotError(
            _(
                "{resource} has the columns {found}; a snapshot's has {expected}. "
                "It was written by another version: take the snapshot again.",
                resource=resource,
                found=found,
                expected=expected,
            )
        )
    if _text_bytes(table) > MOST.unpacked_bytes:
        raise SnapshotError(
            _(
                "{resource} has more than {unpacked_bytes:,} bytes of text. It was not written by pairkit: "
                "restore the snapshot.",
                resource=resource,
                unpacked_bytes=MOST.unpacked_bytes,
            )
        )
    return table.cast(plain)


def _text_bytes(table: pa.Table) -> int:
    """Bytes that the texts of a table come to, at most, once each row has its own."""
    longest = [
        int(pa.compute.max(pa.compute.binary_length(chunk.dictionary)).as_py() or 0)
        for column in table.columns
        if pa.types.is_dictionary(column.type)
        for chunk in column.chunks
    ]
    rows: int = table.num_rows
    return rows * sum(longest)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """The table as a DataFrame; dates as datetime64[ns], text as pandas' `str`, empty text missing."""
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    for field in table.schema:
        if field.type == pa.date32():
            frame[field.name] = frame[field.name].astype("datetime64[ns]")
        elif field.type == pa.string():
            frame[field.name] = frame[field.name].astype("str")
    return frame
