"""Seals: one spelling of JSON, hashes that know every cell, names that are safe, folders that appear whole or not at all."""

from __future__ import annotations

import io
import math
import os
import time
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairkit.audit import seal
from pairkit.audit.seal import (
    canonical_json,
    check_no_twins,
    check_path,
    check_slug,
    content_hash,
    publish,
    strict_json,
    sweep,
)
from pairkit.errors import RunError, SnapshotError

RFC_8785_SAMPLE = {
    "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
    "literals": [None, True, False],
}


# --- JSON ------------------------------------------------------------------------------------------------------------
def test_canonical_json_is_that_of_rfc_8785():
    """The sample of RFC 8785 section 3.2.2 has the published digest."""
    assert (
        seal.sha256_hex(canonical_json(RFC_8785_SAMPLE))
        == "2d5e01a318d0f0879ab568c4be289c8b1f64ef8921a53c6277d5e069978baacb"
    )


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**53, {1: "a"}, {"a": {1, 2}}, "\ud800", object()],
    ids=lambda value: type(value).__name__,
)
def test_what_json_has_no_word_for_is_refused(value):
    """A value without a canonical form is an error of ours, never a lossy spelling."""
    with pytest.raises(SnapshotError, match="no canonical JSON form"):
        canonical_json({"cell": value})


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": {"b": 1, "b": 1}}', "'b' twice"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b"[" * 21 + b"]" * 21, "deeper than 20"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper than 20"),
        (b'{"a": "\xff"}', "not JSON in UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON in UTF-8"),
        (b'{"a": 1} trailing', "not JSON in UTF-8"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON in UTF-8"),
        (b"", "not JSON in UTF-8"),
        (b" " * (4 * 1024 * 1024 + 1), "bytes"),
    ],
    ids=lambda part: repr(part[:20]),
)
def test_json_with_two_readings_or_none_is_refused(raw, says):
    """Each fault is named, with the file's name in front."""
    with pytest.raises(SnapshotError, match=says) as caught:
        strict_json(raw, what="some.json")
    assert str(caught.value).startswith("some.json")


def test_strict_json_reads_what_canonical_json_writes():
    """Twenty levels, text in any script and whole numbers come back as they went."""
    value = {"text": "螺纹钢", "number": 0.1, "count": 2**53 - 1, "deep": 0}
    for _ in range(19):
        value = {"in": value}
    assert strict_json(canonical_json(value), what="v") == value


def test_the_error_is_of_the_callers_kind():
    """Another kind of manifest refuses in its own words."""
    with pytest.raises(RunError):
        strict_json(b"{", what="run.json", refuse=RunError)


# --- hashes ----------------------------------------------------------------------------------------------------------
def table(**changes):
    """Three rows of each kind of column."""
    columns = {
        "root": pa.array(["RB", None, "RB"]),
        "day": pa.array([date(2024, 1, 2), date(2024, 1, 3), None]),
        "close": pa.array([1.0, math.nan, 3.0]),
    }
    return pa.table({**columns, **changes})


@pytest.mark.parametrize(
    "same",
    [
        table(close=pa.array([1.0, None, 3.0])),
        table(close=pa.array([1.0, np.uint64(0xFFF8000000000007).view(np.float64), 3.0])),
        table(root=pa.array(["RB", None, "RB"], pa.large_string())),
        pa.concat_tables([table().slice(0, 1), table().slice(1)]),
        pa.concat_tables([table(), table()]).slice(3),
    ],
    ids=["null for NaN", "another NaN", "large text", "chunks", "a slice"],
)
def test_the_content_hash_does_not_depend_on_storage(same):
    """The same values have the same hash however Arrow holds them."""
    assert content_hash(same) == content_hash(table())


@pytest.mark.parametrize(
    "options",
    [{"compression": "none"}, {"compression": "gzip"}, {"version": "1.0"}, {"row_group_size": 1}],
    ids=str,
)
def test_the_content_hash_does_not_depend_on_the_writer(options):
    """The same table written to other Parquet bytes has the same hash."""
    sink = io.BytesIO()
    pq.write_table(table(), sink, **options)
    assert content_hash(pq.read_table(io.BytesIO(sink.getvalue()))) == content_hash(table())


@pytest.mark.parametrize(
    "other",
    [
        table(close=pa.array([1.0, math.nan, 3.0000000000000004])),
        table(close=pa.array([math.nan, 1.0, 3.0])),
        table(root=pa.array(["RB", "", "RB"])),
        table(root=pa.array(["RB", "RB", None])),
        table(root=pa.array(["HC", None, "HC"])),
        table(day=pa.array([date(2024, 1, 2), None, date(2024, 1, 3)])),
        table(day=pa.array([date(2024, 1, 2), date(2024, 1, 3), date(1970, 1, 1)])),
        table().rename_columns(["root", "day", "settle"]),
        table().select(["day", "root", "close"]),
        table().slice(0, 2),
    ],
    ids=[
        "last bit",
        "NaN moved",
        "empty text",
        "null moved",
        "text",
        "date moved",
        "null is day 0",
        "name",
        "order",
        "rows",
    ],
)
def test_the_content_hash_knows_every_cell_and_name(other):
    """Any other value, place, name or order has another hash."""
    assert content_hash(other) != content_hash(table())


def test_a_column_of_another_type_has_no_content_hash():
    """A type without a defined encoding is refused, not guessed."""
    with pytest.raises(SnapshotError, match="int64"):
        content_hash(table(close=pa.array([1, 2, 3])))


# --- names -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "\\\\host\\share",
        "C:/x",
        "c:x",
        "../x",
        "a/../x",
        "a/..",
        "./x",
        "a//x",
        "a/",
        "",
        "a\\x",
        "a\x00b",
        "e\u0301.csv",
        "\u00e9.csv",
        "a b",
        "nul",
        "CON.txt",
        "a/lpt1",
        "x.",
        "~",
        "a:b",
    ],
    ids=repr,
)
def test_a_path_with_another_meaning_somewhere_is_refused(path):
    """Absolute, climbing, empty, foreign or reserved: each is named with the path."""
    with pytest.raises(
        SnapshotError, match=r"is absolute|climbs|NFC|character|empty|ends in|device"
    ):
        check_path(path, "here")


@pytest.mark.parametrize("path", ["bars.parquet", "a/b-c_d.json", "README.md", "0"])
def test_a_plain_path_is_accepted(path):
    """What a snapshot needs passes."""
    assert check_path(path, "here") == path


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".hidden",
        "a/b",
        "..",
        "a..b",
        "a b",
        "é",
        "con",
        "aux.1",
        "x.",
        "-x",
        "x" * 65,
        ".tmp-1",
    ],
)
def test_an_unsafe_snapshot_name_is_refused(name):
    """A name that is no plain folder name everywhere is refused."""
    with pytest.raises(SnapshotError, match="cannot name a snapshot"):
        check_slug(name)


@pytest.mark.parametrize("name", ["demo", "rb-hc_2024.v2", "R", "x" * 64])
def test_a_plain_snapshot_name_is_accepted(name):
    """Letters, digits, dots, dashes and underscores pass."""
    assert check_slug(name) == name


@pytest.mark.parametrize("pair", [("a.csv", "A.csv"), ("é", "e\u0301"), ("ß", "SS"), ("x", "x")])
def test_names_that_some_system_takes_for_one_are_refused(pair):
    """Case and Unicode twins cannot both be in a snapshot."""
    with pytest.raises(SnapshotError, match="differ in case or Unicode"):
        check_no_twins(pair, "here")


# --- publishing ------------------------------------------------------------------------------------------------------
FILES = {"a.bin": b"a" * 1000, "b.bin": b"b" * 2000}


def test_a_published_folder_holds_exactly_its_files(tmp_path):
    """Bytes come back as given, and nothing else is left in the parent."""
    target = publish(tmp_path / "made" / "x", FILES)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == FILES
    assert [path.name for path in target.parent.iterdir()] == ["x"]


@pytest.mark.parametrize("existing", ["folder", "file", "dangling link"])
def test_what_exists_is_never_replaced(tmp_path, existing):
    """A target that is there in any form refuses, and is as it was."""
    target = tmp_path / "x"
    {
        "folder": target.mkdir,
        "file": target.touch,
        "dangling link": lambda: target.symlink_to("gone"),
    }[existing]()
    with pytest.raises(SnapshotError, match="never changed"):
        publish(target, FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("name", ["../x", "a/b", "/x"])
def test_a_file_outside_the_folder_is_not_written(tmp_path, name):
    """Names are checked before anything is made."""
    with pytest.raises(SnapshotError):
        publish(tmp_path / "x", {name: b""})
    assert not list(tmp_path.iterdir())


def test_only_stale_leftovers_are_swept(tmp_path):
    """A leftover of a killed writer goes; a young one, a file and a link of that name stay."""
    for name in (".tmp-old", ".tmp-young", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / ".tmp-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".tmp-file").touch()
    hours_ago = time.time() - 2 * 3600
    for name in (".tmp-old", ".tmp-file", "elsewhere"):
        os.utime(tmp_path / name, (hours_ago, hours_ago))
    assert [path.name for path in sweep(tmp_path)] == [".tmp-old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".tmp-file",
        ".tmp-link",
        ".tmp-young",
        "elsewhere",
    ]
