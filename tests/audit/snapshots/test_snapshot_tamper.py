"""A snapshot that was touched anywhere does not open, and the error says where."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairkit.audit.seal import canonical_json, content_hash
from pairkit.audit.snapshots import snapshot as snapshot_module
from pairkit.audit.snapshots import tables
from pairkit.audit.snapshots.listing import list_snapshots
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.errors import SnapshotError
from tests.small_market import snapshot_input

FILES = (
    "README.md",
    "bars.parquet",
    "calendar.parquet",
    "mapping.parquet",
    "specs.json",
    "terms.parquet",
)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """One good snapshot, copied by each test."""
    return write_snapshot(tmp_path_factory.mktemp("sealed"), "small", **snapshot_input())


@pytest.fixture
def folder(sealed, tmp_path):
    """A copy to touch."""
    return shutil.copytree(sealed.path, tmp_path / "small")


@pytest.fixture
def unparsed(monkeypatch):
    """Parsing anything but the manifest is a failure: the fault must be noticed before."""

    def fail(*_arguments, **_options):
        pytest.fail("a byte was parsed before all were checked")

    monkeypatch.setattr(snapshot_module.tables, "from_parquet", fail)
    monkeypatch.setattr(snapshot_module, "parse_specs", fail)


def flip(path, place):
    """One bit of the file, at a fraction of its length."""
    raw = bytearray(path.read_bytes())
    raw[int(place * (len(raw) - 1))] ^= 1
    path.write_bytes(bytes(raw))


def reseal(folder, edit):
    """The manifest edited and written in canonical form again, as one who knows the format would."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    edit(manifest)
    (folder / "manifest.json").write_bytes(canonical_json(manifest))


def resource(manifest, path):
    """The manifest's entry for a path."""
    return next(entry for entry in manifest["resources"] if entry["path"] == path)


def rewrite(folder, path, raw):
    """A file and its size and hash in the manifest, replaced together."""
    (folder / path).write_bytes(raw)
    reseal(
        folder,
        lambda manifest: resource(manifest, path).update(
            bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest()
        ),
    )


@pytest.mark.parametrize("place", [0.0, 0.13, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found(folder, unparsed, name, place):
    """One bit of any file at any place: expected and found hash are shown with the file's name."""
    flip(folder / name, place)
    with pytest.raises(
        SnapshotError, match=rf"{name}: expected sha256 [0-9a-f]{{64}}, found [0-9a-f]{{64}}"
    ):
        open_snapshot(folder)


@pytest.mark.parametrize("place", [number / 40 for number in range(41)])
def test_a_flipped_bit_of_the_manifest_is_found(folder, sealed, place):
    """One bit of the manifest: it does not open under its id, and mostly not at all."""
    flip(folder / "manifest.json", place)
    with pytest.raises(SnapshotError):
        open_snapshot(folder, expect_id=sealed.id)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_or_grown_is_found(folder, unparsed, name):
    """Sizes are compared before contents."""
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(raw[:-1])
    with pytest.raises(
        SnapshotError, match=f"{name}: expected {len(raw):,} bytes, found {len(raw) - 1:,}"
    ):
        open_snapshot(folder)
    (folder / name).write_bytes(raw + b"\0")
    with pytest.raises(
        SnapshotError, match=f"{name}: expected at most {len(raw):,} bytes, found {len(raw) + 1:,}"
    ):
        open_snapshot(folder)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_found(folder, unparsed, name):
    """Every file that should be there is asked for by name."""
    (folder / name).unlink()
    with pytest.raises(SnapshotError, match=name):
        open_snapshot(folder)


def link(folder):
    shutil.move(folder / "bars.parquet", folder.parent / "elsewhere")
    (folder / "bars.parquet").symlink_to(folder.parent / "elsewhere")


def hard_link(folder):
    os.link(folder / "bars.parquet", folder.parent / "also")


def manifest_link(folder):
    shutil.move(folder / "manifest.json", folder.parent / "elsewhere")
    (folder / "manifest.json").symlink_to(folder.parent / "elsewhere")


def pretty(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True))


def replaced(old, new):
    """A tamper that edits the manifest's text."""

    def tamper(folder):
        raw = (folder / "manifest.json").read_bytes()
        assert raw.count(old)
        (folder / "manifest.json").write_bytes(raw.replace(old, new, 1))

    return tamper


def moved(path, to):
    """A tamper that lists a file under another path."""
    return lambda folder: reseal(folder, lambda manifest: resource(manifest, path).update(path=to))


def listed_twice(folder):
    reseal(folder, lambda manifest: manifest["resources"].append(resource(manifest, "README.md")))


def entry_and_file_dropped(folder):
    (folder / "mapping.parquet").unlink()
    reseal(
        folder, lambda manifest: manifest["resources"].remove(resource(manifest, "mapping.parquet"))
    )


def deep(levels):
    """A list within a list within ..."""
    return [] if levels == 0 else [deep(levels - 1)]


def set_(**changes):
    """A tamper that sets top-level keys of the manifest."""
    return lambda folder: reseal(folder, lambda manifest: manifest.update(changes))


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda folder: (folder / "extra.csv").touch(), "extra.csv found, but"),
        (lambda folder: (folder / ".DS_Store").touch(), ".DS_Store found, but"),
        (lambda folder: (folder / "sub").mkdir(), "sub/ is a folder"),
        (lambda folder: (folder / "BARS.parquet").touch(), "'BARS.parquet' and 'bars.parquet'"),
        (lambda folder: os.mkfifo(folder / "pipe"), "pipe is not a plain file"),
        (link, "bars.parquet is a link"),
        (manifest_link, "manifest.json is a link"),
        (hard_link, "bars.parquet has 2 names"),
        (pretty, "not in RFC 8785 canonical form"),
        (replaced(b'"name":', b'"name":"x","name":'), "'name' twice"),
        (replaced(b'"rows":160', b'"rows":NaN'), "NaN"),
        (replaced(b'"rows":160', b'"rows":160.0'), "rows"),
        (replaced(b"{", b"{" + b" " * (4 * 1024 * 1024)), "expected at most 4,194,304 bytes"),
        (lambda folder: (folder / "manifest.json").write_bytes(b""), "not JSON"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{}"), "schema None"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"[]"), "schema None"),
        (
            set_(schema="pairkit.snapshot/3"),
            "'pairkit.snapshot/3'; this pairkit reads 'pairkit.snapshot/1' and 'pairkit.snapshot/2'",
        ),
        (set_(schema="pairkit.snapshot/1"), "which has no such table"),
        (set_(resources=[]), "does not list bars.parquet"),
        (set_(note="hello"), "note"),
        (set_(findings=[{"kind": "x"}]), "findings.0"),
        (set_(created_utc="2024"), "created_utc"),
        (moved("README.md", "../README.md"), "climbs"),
        (moved("README.md", "/etc/passwd"), "absolute"),
        (moved("README.md", "sub/../README.md"), "climbs"),
        (moved("README.md", "./README.md"), "empty part"),
        (moved("README.md", "README.MD"), "README.MD expected"),
        (moved("README.md", "nul"), "device"),
        (moved("README.md", "C:README.md"), "absolute"),
        (moved("README.md", "//host/share"), "absolute"),
        (moved("README.md", "sub\\README.md"), "character"),
        (moved("README.md", "README.md\0"), "character"),
        (moved("README.md", "\u00e9.md"), "character"),
        (moved("README.md", "e\u0301.md"), "NFC"),
        (
            lambda folder: [(folder / name).touch() for name in ("\u00e9.md", "e\u0301.md")],
            "differ in case or Unicode form",
        ),
        (lambda folder: reseal(folder, lambda m: m.update(findings=deep(25))), "deeper than 20"),
        (
            lambda folder: reseal(
                folder, lambda m: resource(m, "bars.parquet").update(bytes=2**40)
            ),
            "bytes",
        ),
        (moved("README.md", "Bars.parquet"), "'Bars.parquet'"),
        (moved("README.md", "manifest.json"), "'manifest.json'"),
        (listed_twice, "'README.md' and 'README.md'"),
        (entry_and_file_dropped, "does not list mapping.parquet"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_touched_snapshot_is_refused_before_it_is_parsed(folder, unparsed, tamper, says):
    """Each way of touching it is named, with the folder in front, and no table is parsed."""
    tamper(folder)
    with pytest.raises(SnapshotError) as caught:
        open_snapshot(folder)
    assert says in str(caught.value)
    assert str(folder) in str(caught.value)


def test_the_bytes_that_are_parsed_are_those_that_were_checked(folder, monkeypatch):
    """Each file is opened once; one that is replaced right after its check changes nothing of what is read."""
    opened = []
    real_open = os.open

    def open_then_replace(path, *arguments, **options):
        handle = real_open(path, *arguments, **options)
        if Path(path).parent == folder:
            opened.append(Path(path).name)
            Path(path).unlink()
            Path(path).write_bytes(b"something else")
        return handle

    before = open_snapshot(folder).bars
    monkeypatch.setattr(os, "open", open_then_replace)
    assert open_snapshot(folder).bars.equals(before)
    assert sorted(opened) == sorted([*FILES, "manifest.json"])


def test_data_and_hash_rewritten_together_are_found_by_the_pinned_id(folder, sealed):
    """A forger who rewrites file and manifest makes another snapshot: it opens, but not as the one that was pinned."""
    rewrite(folder, "README.md", b"# Other\n")
    assert open_snapshot(folder).id != sealed.id
    with pytest.raises(SnapshotError, match=f"expected {sealed.id}"):
        open_snapshot(folder, expect_id=sealed.id)


def other_mapping(folder):
    """The mapping of one day, with hashes that fit, to a contract that has no bar."""
    table = pq.read_table(folder / "mapping.parquet")
    place = table.schema.get_field_index("contract")
    names = [*table["contract"].to_pylist()[:-1], "RB2599"]
    table = table.set_column(
        place, table.schema.field(place), pa.array(names, table.schema.field(place).type)
    )
    rewrite(folder, "mapping.parquet", tables.to_parquet(table))
    reseal(
        folder,
        lambda manifest: resource(manifest, "mapping.parquet").update(
            content_hash=content_hash(table)
        ),
    )


def calendar_of(folder, days):
    """The calendar with these days, with hashes that fit."""
    table = pa.table({"trade_date": pa.array(days, pa.date32())})
    rewrite(folder, "calendar.parquet", tables.to_parquet(table))
    reseal(
        folder,
        lambda manifest: resource(manifest, "calendar.parquet").update(
            content_hash=content_hash(table), rows=len(days)
        ),
    )


def specs_twice(folder):
    """A second spec of RB, on other terms, with hashes that fit."""
    plain = json.loads((folder / "specs.json").read_bytes())
    again = {**next(spec for spec in plain["specs"] if spec["code"] == "RB"), "tick": 5.0}
    raw = canonical_json({"specs": [*plain["specs"], again]})
    rewrite(folder, "specs.json", raw)
    reseal(
        folder,
        lambda manifest: manifest["contract_specs"].update(sha256=hashlib.sha256(raw).hexdigest()),
    )


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda folder: rewrite(folder, "bars.parquet", b"PAR1 not really"), "not a Parquet table"),
        (
            lambda folder: rewrite(
                folder, "bars.parquet", (folder / "mapping.parquet").read_bytes()
            ),
            "has the columns",
        ),
        (
            lambda folder: reseal(folder, lambda m: resource(m, "bars.parquet").update(rows=161)),
            "expected 161 rows",
        ),
        (
            lambda folder: reseal(
                folder, lambda m: resource(m, "bars.parquet").update(content_hash="0" * 64)
            ),
            "content hash",
        ),
        (
            lambda folder: reseal(folder, lambda m: m["contract_specs"].update(sha256="0" * 64)),
            "contradicts itself",
        ),
        (
            lambda folder: reseal(folder, lambda m: m["data_scope"].update(symbols=["RB"])),
            "name different roots",
        ),
        (lambda folder: rewrite(folder, "specs.json", b'{"specs":[]}'), "contradicts itself"),
        (
            lambda folder: reseal(folder, lambda m: m["data_scope"].update(rows=7)),
            "rows is 7, that of the bars",
        ),
        (
            lambda folder: reseal(folder, lambda m: m["data_scope"].update(end="2031-01-01")),
            "end is 2031-01-01",
        ),
        (
            lambda folder: reseal(
                folder, lambda m: m["data_scope"].update(start="![x](http://far.invalid/x.png)")
            ),
            "data_scope.start",
        ),
        (
            lambda folder: reseal(
                folder, lambda m: m["findings"][0].update(dates=["[a](http://far.invalid)"])
            ),
            "findings.0.dates",
        ),
        (
            lambda folder: other_mapping(folder),
            "mapping names contracts that have no bar there: RB2599 of RB",
        ),
        (lambda folder: specs_twice(folder), "two specs of RB"),
        (lambda folder: calendar_of(folder, []), "calendar has 0 sessions, and no bar"),
        (lambda folder: calendar_of(folder, [date(1999, 1, 4)]), "calendar has 1 sessions"),
        *(
            (
                lambda folder, name=name: reseal(
                    folder, lambda m: m["data_scope"].update({name: "x"})
                ),
                f"data_scope.{name}",
            )
            for name in ("dominant", "asked", "files", "stale", "errors_came")
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_forged_snapshot_whose_parts_disagree_is_refused(folder, tamper, says):
    """Hashes that fit do not help where tables, specs and scope contradict one another."""
    tamper(folder)
    with pytest.raises(SnapshotError, match=says):
        open_snapshot(folder)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 10**6)
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.data())
@settings(max_examples=200)
def test_a_forged_manifest_is_refused_in_our_own_words(sealed, data):
    """Any value in the manifest replaced by any other: it opens, or SnapshotError, never another exception."""
    manifest = json.loads((sealed.path / "manifest.json").read_bytes())
    place, key = manifest, data.draw(st.sampled_from(sorted(manifest)))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(
            st.sampled_from(sorted(place))
            if isinstance(place, dict)
            else st.integers(0, len(place) - 1)
        )
    place[key] = data.draw(JSON)
    with tempfile.TemporaryDirectory() as parent:
        folder = shutil.copytree(sealed.path, Path(parent, "small"))
        (folder / "manifest.json").write_bytes(canonical_json(manifest))
        with contextlib.suppress(SnapshotError):
            assert open_snapshot(folder).bars.equals(sealed.bars)
        assert [summary.name for summary in list_snapshots(parent)] == ["small"]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("close", np.inf, "infinite"),
        ("trade_date", "9999-01-01", "out of range"),
        ("root", None, "empty cells"),
    ],
)
def test_a_forged_table_is_refused_in_our_own_words(folder, column, value, says):
    """A cell that `write_snapshot` would not have written, with hashes that fit, is refused."""
    table = pq.read_table(folder / "bars.parquet")
    place = table.schema.get_field_index(column)
    cells = table.column(place).to_pylist()
    cells[-1] = date.fromisoformat(value) if column == "trade_date" else value
    table = table.set_column(
        place, table.schema.field(place), pa.array(cells, table.schema.field(place).type)
    )
    rewrite(folder, "bars.parquet", tables.to_parquet(table))
    reseal(
        folder,
        lambda manifest: resource(manifest, "bars.parquet").update(
            content_hash=content_hash(table)
        ),
    )
    with pytest.raises(SnapshotError, match=says):
        open_snapshot(folder)


def forged_terms(folder, edit):
    """The table of terms with its rows edited, with hashes that fit."""
    table = pq.read_table(folder / "terms.parquet")
    rows = table.to_pylist()
    edit(rows)
    table = pa.Table.from_pylist(rows, schema=tables.TERMS)
    rewrite(folder, "terms.parquet", tables.to_parquet(table))
    reseal(
        folder,
        lambda manifest: resource(manifest, "terms.parquet").update(
            rows=len(rows), content_hash=content_hash(table)
        ),
    )


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda rows: rows[0].update(value=-1.0), "0 or more"),
        (lambda rows: rows[0].update(value=None), "empty cells"),
        (lambda rows: rows[0].update(field="fee"), "no term"),
        (lambda rows: rows[0].update(fee_mode=None), "rate or lot"),
        (lambda rows: rows[0].update(deliveries="soon"), "names no delivery months"),
        (
            lambda rows: rows[-1].update(contract="RB2405", deliveries="2405"),
            "out of order|one of them",
        ),
        (
            lambda rows: rows[-1].update(from_date=date(2024, 1, 8)),
            "out of order|no record of the root",
        ),
        (lambda rows: rows.append(rows[-1]), "repeats the row before"),
        (lambda rows: rows.pop(0), "together"),
        (lambda rows: rows.pop(), "no record of the root without a date of tick"),
        (lambda rows: [row.update(root="AL") for row in rows[:6]], "terms of AL, RB"),
    ],
    ids=range(11),
)
def test_a_forged_table_of_terms_is_refused(folder, edit, says):
    """A record that cannot be, one twice, one that is not whole, or terms of other roots, with hashes that fit."""
    forged_terms(folder, edit)
    with pytest.raises(SnapshotError, match=says):
        open_snapshot(folder)


def test_a_figure_in_both_places_is_refused(folder):
    """`specs.json` beside a table of terms says no figure itself: nobody could say which holds."""
    plain = json.loads((folder / "specs.json").read_bytes())
    plain["specs"][0]["tick"] = 1.0
    raw = canonical_json(plain)
    rewrite(folder, "specs.json", raw)
    digest = hashlib.sha256(raw).hexdigest()
    reseal(folder, lambda manifest: manifest["contract_specs"].update(sha256=digest))
    with pytest.raises(SnapshotError, match="says itself tick"):
        open_snapshot(folder)


@pytest.mark.parametrize(
    ("path", "says"), [("nowhere", "no such folder"), ("small/specs.json", "this is a file")]
)
def test_a_path_that_is_no_snapshot_is_refused(folder, path, says):
    """The error says what was found there."""
    with pytest.raises(SnapshotError, match=says):
        open_snapshot(folder.parent / path)


def test_an_untouched_copy_opens(folder, sealed):
    """A copy elsewhere, under another name, is the same snapshot."""
    folder.rename(folder.parent / "renamed")
    assert open_snapshot(folder.parent / "renamed", expect_id=sealed.id).id == sealed.id
