"""Uploads: what the browser may send is checked on the server, unpacks to no more than it may, and leaves nothing behind."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairkit.audit.snapshots.snapshot import open_snapshot
from pairkit.data.files import table, uploads
from pairkit.data.files.read import read_bars
from pairkit.data.files.uploads import MAX_FILES, Upload, check_uploads
from pairkit.errors import DataError, PairkitError, SnapshotError
from pairkit.market.contracts import bundled_spec
from pairkit.ui.snapshots.upload import import_uploads

BARS = b"date,open,high,low,close,volume\n2024-01-02,3990,4010,3985,4000,1200\n2024-01-03,4001,4020,3990,4015,1300\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The app's folder of snapshots, empty; temporary files go beside it, so that leftovers show."""
    monkeypatch.setenv("PAIRKIT_SNAPSHOTS", str(tmp_path / "snapshots"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "snapshots").mkdir()
    return tmp_path / "snapshots"


def parquet(**columns) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def zip_bomb() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        undated = zipfile.ZipInfo("RB.csv")  # one with the time in it names its test by the time
        archive.writestr(undated, b"0" * 50_000_000, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


HOT_COIL = bundled_spec("HC").name_zh


class Boom:
    """Says so where it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("an upload was unpickled",)


def test_uploads_become_a_snapshot_without_touching_the_disk_otherwise(folder):
    """Files from memory make the snapshot that files on disk make; their names and hashes are on record."""
    snapshot = import_uploads([Upload("RB.csv", BARS), Upload(f"{HOT_COIL}.txt", BARS)], "mine")
    assert open_snapshot(folder / "mine").roots == snapshot.roots == ("HC", "RB")
    assert [file["name"] for file in snapshot.manifest["data_scope"]["files"]] == [
        "RB.csv",
        f"{HOT_COIL}.txt",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["snapshots"]


def test_uploaded_terms_are_used(folder):
    """A root that is not bundled comes with its own terms."""
    terms = (
        b'{"specs": [{"code": "ZZ", "multiplier": 7, "tick": 1, "fee_mode": "lot", "fee_open": 1, "fee_close": 1, '
        b'"margin_rate": 0.1}]}'
    )
    snapshot = import_uploads([Upload("ZZ.csv", BARS)], "mine", specs=Upload("specs.json", terms))
    assert snapshot.specs["ZZ"].multiplier == 7


TWO_CONTRACTS = b"date,contract,open,high,low,close,volume\n" + b"".join(
    b"2024-01-%02d,%s,1,1,1,1,9\n" % (day, name)
    for day in (2, 3)
    for name in (b"RB2405", b"RB2410")
)


def test_an_uploaded_mapping_and_calendar_are_used(folder):
    """The page's files beside the bars do what those of the command line do, and are checked like the bars."""
    mapping = Upload("own.csv", b"date,root,contract\n2024-01-02,RB,RB2410\n2024-01-03,RB,RB2410\n")
    calendar = Upload("days.txt", b"2024-01-02\n2024-01-03\n")
    snapshot = import_uploads(
        [Upload("RB.csv", TWO_CONTRACTS)], "mine", mapping=mapping, calendar=calendar
    )
    assert snapshot.mapping["contract"].tolist() == ["RB2410", "RB2410"]
    assert {"mapping_file", "calendar_file"} <= set(snapshot.manifest["data_scope"])
    for beside in (
        {"mapping": Upload("own.exe", mapping.content)},
        {"calendar": Upload("../days.csv", calendar.content)},
    ):
        with pytest.raises(DataError, match="file name"):
            import_uploads([Upload("RB.csv", TWO_CONTRACTS)], "other", **beside)
    assert [path.name for path in folder.iterdir()] == ["mine"]


LONG = pa.DictionaryArray.from_arrays(
    pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 200_000])
)
DAYS = [date(2000, 1, 1) + timedelta(days=day) for day in range(4)]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("../RB.csv", BARS, "path"),
        ("a\\RB.csv", BARS, "path"),
        ("C:RB.csv", BARS, "path"),
        (".RB.csv", BARS, "dot in front"),
        ("RB\u202e.csv", BARS, "unseen character"),
        ("R\0B.csv", BARS, "unseen character"),
        ("", BARS, "0 characters"),
        ("R" * 200 + ".csv", BARS, "204 characters"),
        ("RB.xlsx", BARS, "ends otherwise"),
        ("RB.pkl", BARS, "ends otherwise"),
        ("RB.csv.exe", BARS, "ends otherwise"),
        ("RB", BARS, "ends otherwise"),
        ("RB.csv", b"", "is empty"),
        ("RB.csv", zip_bomb(), "zip archive"),
        ("RB.csv", pickle.dumps(Boom()), "RB.csv"),
        ("RB.parquet", pickle.dumps(Boom()), "RB.parquet"),
        ("RB.csv", b"\x1f\x8b" + b"0" * 100, "gzip"),
        ("RB.csv", BARS.replace(b"4000", b"=1+1"), "'=1+1' is not a number"),
        ("RB.csv", BARS.replace(b"4000", b"@SUM(A1)"), "is not a number"),
        ("RB.csv", BARS.replace(b"2024-01-02", b"=TODAY()"), "=TODAY()"),
        ("RB.csv", BARS + b"2024-01-04,1,1\n", "row 4"),
        ("RB.csv", b"," * 20_000 + b"\n1\n", "20,001 columns"),
        ("RB.parquet", parquet(date=DAYS * 25_000, note=LONG), "a text of 200,000 bytes"),
        ("RB.parquet", parquet(date=DAYS, close=[[1.0]] * 4), "lists or tables"),
        (
            "RB.parquet",
            parquet(date=DAYS, close=pa.array([b"x" * 9] * 4, pa.binary(9))),
            "lists or tables",
        ),
        ("RB.parquet", parquet(**{f"c{k}": [1] for k in range(600)}), "600 columns"),
        ("RB.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1", "cannot be read"),
    ],
    ids=lambda part: repr(part)[:24],
)
def test_what_is_refused_is_told_in_a_sentence_and_leaves_nothing(folder, name, content, says):
    """Whatever is wrong with one file: our error, its name in it, no snapshot, no temporary file, nothing unpickled."""
    with pytest.raises(DataError) as caught:
        import_uploads([Upload("HC.csv", BARS), Upload(name, content)], "mine")
    assert says in str(caught.value)
    assert not list(folder.iterdir())
    assert [path.name for path in folder.parent.iterdir()] == ["snapshots"]


def test_a_parquet_that_unpacks_to_too_much_is_refused_before_it_is_decoded(monkeypatch):
    """Ten million rows in a few kilobytes: refused by the file's own account, no cell decoded."""
    bomb = parquet(close=pa.array([0.0] * 10_000_000))
    assert len(bomb) < 50_000
    monkeypatch.setattr(
        pq.ParquetFile, "read", lambda *_arguments, **_options: pytest.fail("it was decoded")
    )
    with pytest.raises(DataError, match="10,000,000 rows"):
        read_bars([Upload("RB.parquet", bomb)])


@pytest.mark.parametrize(
    ("limit", "says"),
    [("MAX_ROWS", "rows"), ("MAX_CELLS", "cells"), ("MAX_UNPACKED_BYTES", "bytes when unpacked")],
)
def test_each_limit_of_a_table_is_kept(monkeypatch, limit, says):
    """With the limit lowered to one, an ordinary file is refused by it."""
    monkeypatch.setattr(table, limit, 1)
    with pytest.raises(DataError, match=says):
        read_bars([Upload("RB.parquet", parquet(date=DAYS, close=[1.0] * 4))])


def spoiled(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with one to three of them set to others."""
    changed = bytearray(raw)
    for _ in range(rng.randint(1, 3)):
        changed[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(changed)


WHOLE = {
    "date": [date(2020, 1, 1) + timedelta(days=day) for day in range(60)],
    "contract": ["RB2005"] * 60,
    **{
        name: [100.0 + day for day in range(60)]
        for name in ("open", "high", "low", "close", "volume", "open_interest")
    },
}


@pytest.mark.parametrize(
    ("name", "raw"), [("RB.parquet", parquet(**WHOLE)), ("RB.csv", BARS)], ids=["parquet", "csv"]
)
def test_a_damaged_file_is_read_or_refused_in_our_own_words(name, raw):
    """Four hundred copies with some bytes changed: bars come out, or DataError, never another exception."""
    rng = random.Random(7)
    refused = 0
    for _ in range(400):
        try:
            read_bars([Upload(name, spoiled(raw, rng))])
        except DataError:
            refused += 1
    assert 40 < refused < 400


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([2**31 - 1] * 4, pa.int32()).cast(pa.date32()),
        pa.array([2**62] * 4).cast(pa.duration("s")),
        pa.array([2**61] * 4).cast(pa.timestamp("us")),
        pa.array([True] * 4),
        pa.nulls(4),
    ],
    ids=lambda cells: str(cells.type),
)
@pytest.mark.parametrize("column", ["date", "close"])
def test_values_that_cannot_be_are_refused_by_column(column, cells):
    """Dates beyond the calendar, times, truth values: DataError with the column's name."""
    bars = {
        "date": DAYS,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), [1.0] * 4),
        column: cells,
    }
    if column == "close" and cells.null_count:
        assert read_bars([Upload("RB.parquet", parquet(**bars))]).bars["close"].isna().all()
    else:
        with pytest.raises(DataError, match=column):
            read_bars([Upload("RB.parquet", parquet(**bars))])


def test_a_csv_with_too_many_rows_is_refused(monkeypatch):
    """Rows are counted before they are split into cells."""
    monkeypatch.setattr(table, "MAX_ROWS", 2)
    with pytest.raises(DataError, match="3 rows"):
        read_bars([Upload("RB.csv", BARS)])


def test_too_much_at_once_is_refused(monkeypatch):
    """Number of files, size of one, size of all, and one name twice in any spelling."""
    with pytest.raises(DataError, match=f"at most {MAX_FILES}"):
        check_uploads([Upload(f"{k}.csv", b"") for k in range(MAX_FILES + 1)])
    with pytest.raises(DataError, match="two of the files"):
        check_uploads([Upload("RB.csv", b""), Upload("rb.CSV", b"")])
    monkeypatch.setattr(uploads, "MAX_TOTAL_BYTES", 150)
    with pytest.raises(DataError, match="together"):
        check_uploads([Upload("RB.csv", b"0" * 100), Upload("HC.csv", b"0" * 100)])
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", 99)
    with pytest.raises(DataError, match="at most 99"):
        check_uploads([Upload("RB.csv", b"0" * 100)])


@pytest.mark.parametrize("name", ["", "../up", "taken", "con", "a b"])
def test_a_name_that_cannot_be_is_refused(folder, name):
    """Unsafe, empty or taken: SnapshotError, and what is there stays."""
    import_uploads([Upload("RB.csv", BARS)], "taken")
    before = sorted(path.name for path in folder.rglob("*"))
    with pytest.raises(SnapshotError):
        import_uploads([Upload("HC.csv", BARS)], name)
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_terms_are_checked_like_the_bars(folder):
    """A file of terms of another kind, or without end, is refused."""
    for upload in (
        Upload("specs.txt", b"{}"),
        Upload("specs.json", b"[" * 100_000),
        Upload("specs.json", b"\xff"),
    ):
        with pytest.raises(PairkitError, match="specs"):
            import_uploads([Upload("RB.csv", BARS)], "mine", specs=upload)
    assert not list(folder.iterdir())


def test_no_file_at_all_is_told(folder):
    """The form without a file says what to choose."""
    with pytest.raises(DataError, match="no file was given"):
        import_uploads([], "mine")
