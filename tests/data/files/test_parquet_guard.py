"""The account that the pages of a Parquet file give of themselves: right for whole files, and believed over the footer's."""

from __future__ import annotations

import io
import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairkit.audit.snapshots import tables
from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.data.files import table
from pairkit.data.files.parquet_guard import unpacked_bytes
from pairkit.data.files.read import read_bars
from pairkit.data.files.uploads import Upload
from pairkit.errors import DataError, SnapshotError

ROWS = 20_000
TABLE = pa.table(
    {
        "number": np.random.default_rng(3).normal(size=ROWS),
        "whole": np.arange(ROWS),
        "flag": np.arange(ROWS) % 3 == 0,
        "text": [f"RB{row % 30}" for row in range(ROWS)],
    }
)
DELTA = {"whole": "DELTA_BINARY_PACKED", "number": "BYTE_STREAM_SPLIT", "text": "DELTA_BYTE_ARRAY"}


def written(table: pa.Table = TABLE, **options) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def footer(raw: bytes) -> pq.FileMetaData:
    return pq.ParquetFile(pa.BufferReader(raw)).metadata


def varint(number: int) -> bytes:
    """A positive number as Thrift's compact protocol writes it: doubled, seven bits a byte, the lowest first."""
    number, parts = 2 * number, []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": False, "column_encoding": DELTA},
        {"row_group_size": 7000, "data_page_size": 2000},
        {"write_page_checksum": True, "write_page_index": True},
    ],
    ids=["plain", "delta", "small pages", "checksums"],
)
def test_the_pages_of_a_whole_file_add_up_to_its_footer(version, codec, options):
    """Whatever the writer chose, the walk meets every page: the footer's sizes, less some hundred bytes a page for headers."""
    raw = written(compression=codec, data_page_version=version, **options)
    told = footer(raw)
    stated = sum(
        told.row_group(group).column(column).total_uncompressed_size
        for group in range(told.num_row_groups)
        for column in range(told.num_columns)
    )
    assert 0.98 * stated < unpacked_bytes(raw) < stated


def test_a_page_that_unpacks_to_more_than_the_footer_says_is_refused_before_it_is_unpacked(
    monkeypatch,
):
    """With the size in one page's header raised to 1 MB, the file that was within a limit of 0.5 MB is beyond it."""
    raw = written(
        pa.table({"close": np.random.default_rng(1).normal(size=ROWS)}),
        compression="zstd",
        use_dictionary=False,
    )
    honest, raised = (
        varint(footer(raw).row_group(0).column(0).statistics.num_values * 8 + 8),
        varint(1_000_000),
    )
    place = next(
        at
        for at in range(4, 40)
        if raw[at : at + 1] == b"\x15" and raw[at + 3] == honest[2] and raw[at + 2] >= 128
    )
    lying = raw[: place + 1] + raised + raw[place + 1 + len(raised) :]
    monkeypatch.setattr(table, "MAX_UNPACKED_BYTES", 500_000)
    with pytest.raises(
        DataError, match=r"first column|no column|date"
    ):  # read, and found to be no table of bars
        read_bars([Upload("RB.parquet", raw)])
    assert footer(lying).row_group(0).total_byte_size < 500_000
    monkeypatch.setattr(
        pq.ParquetFile, "read", lambda *_arguments, **_options: pytest.fail("it was unpacked")
    )
    with pytest.raises(DataError, match="1,000,000 bytes when unpacked"):
        read_bars([Upload("RB.parquet", lying)])


def test_damaged_headers_are_refused_in_one_way():
    """A thousand files with bytes changed near a page header: a sum comes out or ValueError, nothing else, and neither always."""
    rng = random.Random(11)
    raw = written(compression="none", data_page_size=2000)
    refused = 0
    for _ in range(1000):
        changed = bytearray(raw)
        for _ in range(3):
            changed[rng.choice([rng.randrange(4, 60), -rng.randrange(1, 1500)])] = rng.randrange(
                256
            )
        try:
            unpacked_bytes(bytes(changed))
        except ValueError:
            refused += 1
    assert 50 < refused < 1000


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (
            b"\x15\x04\x15\x10\x15\x10\x4c\x15\x80\x80\x80\x80\x08\x00\x00",
            "states 1,073,741,824 values in 8 bytes",
        ),
        (b"\x15\x00\x15\x01\x15\x10\x00", "below 0"),
        (b"\x15\x00\x15\x10\x00", "absent"),
        (b"\x15\x00\x15\x10\x05\x04\x10\x00", "given twice"),
        (b"\x15\x00\x15\x10\x15\xfe\xff\xff\xff\x0f\x00", "page at byte 4"),
        (b"\x15\x00\x15\x10\x15\x80\x80\x80\x80\x20\x00", "above"),
        (b"\x1c" * 40, "nested too deep"),
        (b"\x15" + b"\xff" * 20, "no end"),
        (b"\x19\xf3\xff\xff\x7f", "list"),
        (b"\x1b\x00\x00", "type 11"),
        (b"\x18\xff\xff\x7f", "beyond the end"),
    ],
    ids=lambda part: repr(part)[:16],
)
def test_each_fault_of_a_header_is_named(header, says):
    """A dictionary of a billion values in eight bytes; sizes that lack, are negative, too large or given twice; nesting, numbers
    and texts without end."""
    raw = written(pa.table({"close": [1.0, 2.0, 1.0] * 20}), compression="none")
    start = footer(raw).row_group(0).column(0).dictionary_page_offset
    with pytest.raises(ValueError, match=says):
        unpacked_bytes(raw[:start] + header + raw[start + len(header) :])


# --- tables of a snapshot --------------------------------------------------------------------------------------------
def sealed_bars(rows=2000, text="RB"):
    """Bars as a snapshot has them, a text in every row."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    days = pa.array(range(rows), pa.int32()).cast(pa.date32())
    cells = {pa.date32(): days, pa.float64(): pa.array([1.0] * rows), pa.string(): texts}
    return pa.table({field.name: cells[field.type] for field in tables.BARS})


def small_files(bars: bytes) -> dict[str, bytes]:
    """The three tables of a snapshot, with these bars."""
    return {
        "bars.parquet": bars,
        **{
            name: tables.to_parquet(tables.SCHEMAS[name].empty_table())
            for name in ("mapping.parquet", "calendar.parquet")
        },
    }


def test_a_long_text_in_every_row_is_refused_before_a_page_is_unpacked(monkeypatch):
    """Seventy million bytes, once in the file and two thousand times in the table: refused by the page's own account."""
    raw = written(sealed_bars(text="x" * 70_000_000), compression="zstd", store_schema=False)
    assert len(raw) < 20_000
    monkeypatch.setattr(
        pq.ParquetFile, "read", lambda *_arguments, **_options: pytest.fail("it was unpacked")
    )
    for refused in (
        lambda: tables.from_parquet(raw, "bars.parquet"),
        lambda: tables.refuse_huge(small_files(raw)),
    ):
        with pytest.raises(SnapshotError, match="a page of 70,000,004 bytes when unpacked"):
            refused()


def test_a_text_of_a_snapshot_is_held_once_and_is_short():
    """What is within the limit of a page is unpacked as a dictionary, and a text beyond 1,000 bytes refused."""
    raw = written(sealed_bars(text="x" * 20_000), compression="zstd", store_schema=False)
    with pytest.raises(SnapshotError, match="a text of 20,000 bytes"):
        tables.from_parquet(raw, "bars.parquet")
    assert (
        tables.from_parquet(written(sealed_bars(), store_schema=False), "bars.parquet").schema
        == tables.BARS
    )


def test_short_texts_in_very_many_rows_are_refused_before_each_row_has_its_own(monkeypatch):
    """Two texts of 900 bytes in 2,000 rows are a few kilobytes as dictionaries, and 1.8 MB a column without."""
    raw = written(sealed_bars(text="x" * 900), store_schema=False)
    monkeypatch.setattr(tables, "MOST", tables.MOST._replace(unpacked_bytes=1_000_000))
    with pytest.raises(SnapshotError, match="more than 1,000,000 bytes of text"):
        tables.from_parquet(raw, "bars.parquet")


@pytest.mark.parametrize("limit", ["rows", "unpacked_bytes"])
def test_the_tables_of_a_snapshot_are_limited_together(monkeypatch, limit):
    """Each within the limit, all three beyond it; rows that a run length makes of nothing count as what they unpack to."""
    bars = written(sealed_bars(), store_schema=False)
    files = small_files(bars)
    alone = getattr(table.parquet_extent("bars", bars), limit)
    monkeypatch.setattr(tables, "MOST", tables.MOST._replace(**{limit: alone + 100}))
    tables.refuse_huge(files)
    files["calendar.parquet"] = written(
        pa.table({"trade_date": pa.array(range(200), pa.int32()).cast(pa.date32())})
    )
    with pytest.raises(SnapshotError, match="the files together"):
        tables.refuse_huge(files)
    assert table.parquet_extent("bars", bars).unpacked_bytes >= 2000 * len(tables.BARS) * 8


def test_metadata_of_another_program_that_lies_changes_nothing():
    """A frame's index that is nowhere in the table is not looked for, in a snapshot or in an import."""
    lie = json.dumps(
        {
            "index_columns": ["nope"],
            "column_indexes": [{"name": None}],
            "pandas_version": "2.0",
            "columns": [
                {
                    "name": "nope",
                    "field_name": "nope",
                    "pandas_type": "int64",
                    "numpy_type": "int64",
                    "metadata": None,
                }
            ],
        }
    )
    bars = sealed_bars(5).replace_schema_metadata({"pandas": lie})
    table = tables.from_parquet(written(bars, store_schema=False), "bars.parquet")
    assert list(tables.to_frame(table).columns) == tables.BARS.names
    assert (
        len(read_bars([Upload("RB.parquet", written(bars.drop_columns(["contract"])))]).bars) == 5
    )


def test_the_demo_is_far_within_the_limits():
    """Its tables open under a hundredth of them."""
    snapshot = open_snapshot("snapshots/demo")
    assert 100 * len(snapshot.bars) < tables.MOST.rows
