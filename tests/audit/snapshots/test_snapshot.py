"""Snapshots: what is written is what is opened, named by its hash, and pairs come out as the rolls make them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pairkit.audit.runtime import describe_runtime
from pairkit.audit.snapshots.listing import list_snapshots
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.errors import DataError, SnapshotError
from pairkit.market.contracts import OlderTerm, bundled_spec
from pairkit.market.rolls import leg_table
from pairkit.market.spec_history import own_table
from pairkit.market.terms import TermRecord
from pairkit.pair import pair_from_frames
from tests.small_market import CREATED, DAYS, FINDINGS, ROLL_DAY, small_market, snapshot_input


@pytest.fixture
def snapshot(tmp_path):
    """The small market, sealed."""
    return write_snapshot(tmp_path, "small", **snapshot_input())


def test_what_is_opened_is_what_was_written(snapshot):
    """Every cell, spec, finding and day comes back."""
    market = small_market()
    opened = open_snapshot(snapshot.path, expect_id=snapshot.id)
    assert_frame_equal(opened.bars, market.bars.astype({"root": "str", "contract": "str"}))
    assert_frame_equal(opened.mapping, market.mapping.astype({"root": "str", "contract": "str"}))
    assert list(opened.calendar) == list(market.calendar)
    assert list(opened.specs.values()) == market.specs
    assert opened.findings == FINDINGS
    assert (opened.name, opened.roots, opened.simulated) == ("small", ("HC", "RB"), True)
    assert (opened.path / "README.md").read_text() == "# Small\n"


def test_the_id_is_the_hash_of_the_manifest(snapshot):
    """The id is the sha256 of manifest.json, which is its own canonical form."""
    raw = (snapshot.path / "manifest.json").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == snapshot.id
    assert json.loads(raw) == snapshot.manifest


def test_the_same_input_makes_the_same_id(tmp_path):
    """Rows in any order, written twice, are the same bytes."""
    given = snapshot_input()
    first = write_snapshot(tmp_path / "a", "small", **given)
    shuffled = {
        **given,
        "bars": given["bars"].sample(frac=1, random_state=3),
        "specs": given["specs"][::-1],
    }
    second = write_snapshot(tmp_path / "b", "small", **shuffled)
    assert first.id == second.id
    for path in first.path.iterdir():
        assert path.read_bytes() == (second.path / path.name).read_bytes()


def test_any_other_cell_makes_another_id(tmp_path, snapshot):
    """One close a tick away changes the id."""
    given = snapshot_input()
    given["bars"].loc[17, "close"] += 1
    assert write_snapshot(tmp_path / "other", "small", **given).id != snapshot.id


def test_the_manifest_states_scope_specs_and_runtime(snapshot):
    """Range, rows and roots come from the bars; a simulated snapshot does not name the commit it is part of."""
    scope, runtime = snapshot.manifest["data_scope"], snapshot.manifest["runtime"]
    assert (scope["symbols"], scope["start"], scope["end"]) == (
        ["HC", "RB"],
        "2024-01-02",
        f"{DAYS[-1]:%Y-%m-%d}",
    )
    assert (scope["rows"], scope["source"], scope["fetched_at"]) == (160, "test", None)
    assert runtime == describe_runtime(with_commit=False)
    assert snapshot.manifest["contract_specs"]["source"] == "typical"
    assert snapshot.manifest["created_utc"] == CREATED
    for resource in snapshot.manifest["resources"]:
        raw = (snapshot.path / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["sha256"]) == (
            len(raw),
            hashlib.sha256(raw).hexdigest(),
        )


def test_a_pair_is_made_from_the_rolled_legs(snapshot):
    """`.pair` is leg_table and pair_from_frames on the snapshot's rows, with the snapshot as provenance."""
    market = small_market()
    legs = [
        leg_table(*(table[table["root"] == root] for table in (market.bars, market.mapping)))
        for root in ("RB", "HC")
    ]
    direct = pair_from_frames(*legs, y_spec=bundled_spec("RB"), x_spec=bundled_spec("HC"))
    pair = snapshot.pair("RB", "HC")
    assert_frame_equal(pair.frame, direct.frame)
    assert pair.frame["y"]["contract"].iloc[ROLL_DAY - 1] == "RB2410"
    assert (
        pair.provenance.snapshot_id,
        pair.provenance.snapshot_name,
        pair.provenance.simulated,
    ) == (snapshot.id, "small", True)


def test_what_a_reader_does_to_a_legs_table_stays_the_readers(snapshot):
    """The snapshot keeps the table: a column, a cell or the index that is changed in one copy is as before in the next."""
    before = snapshot.leg("RB").copy()
    given = snapshot.leg("RB")
    given["close"] = 1.0
    given.iloc[3, 0] = 2.0
    given.index = given.index + pd.Timedelta(days=1)
    pd.testing.assert_frame_equal(snapshot.leg("RB"), before)
    pd.testing.assert_frame_equal(snapshot.legs("RB", "HC")[0], before)


def test_a_pair_carries_the_findings_of_its_roots(snapshot):
    """Findings of the two roots and of no root go along; others do not."""
    assert [finding.kind for finding in snapshot.pair("RB", "HC").findings] == [
        "large_gap",
        "ignored_file",
    ]


@pytest.mark.parametrize(
    ("roots", "says"),
    [
        (("RB", "ZZ"), "'ZZ'; it has HC, RB"),
        (("rb", "RB "), "got RB twice"),
        (("RB@next", "rb@NEXT"), "got RB@next twice"),
        (("RB@03", "HC"), "--contracts all"),
    ],
)
def test_a_pair_that_is_not_there_is_refused(snapshot, roots, says):
    """The error lists the roots there are."""
    with pytest.raises(SnapshotError, match=says):
        snapshot.pair(*roots)


def test_root_level_bars_make_legs_without_contracts(tmp_path):
    """Bars without contracts and mapping seal, open and pair, with roll gaps told."""
    bars = small_market().bars.query("contract.str.endswith('2405')").assign(contract=None)
    snapshot = write_snapshot(
        tmp_path, "roots", **{**snapshot_input(), "bars": bars, "mapping": None, "calendar": None}
    )
    assert snapshot.mapping.empty
    assert "contract" not in snapshot.leg("RB")
    assert {finding.kind for finding in snapshot.pair("RB", "HC").findings} >= {"unadjusted_splice"}


def broken(**changes):
    """The input with something wrong."""
    return {**snapshot_input(), **changes}


def edited(column, row, value):
    """Bars with one cell set."""
    bars = small_market().bars.astype({"contract": object})
    bars.loc[row, column] = value
    return bars


LATE = small_market().mapping.assign(known_date=lambda mapping: mapping["trade_date"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (broken(bars=edited("close", 5, np.inf)), "column close: an infinite value"),
        (broken(bars=edited("trade_date", 5, DAYS[4])), "repeats the row before"),
        (broken(bars=edited("trade_date", 5, pd.Timestamp("2024-01-09 09:00"))), "time of day"),
        (broken(bars=edited("trade_date", 5, pd.NaT)), "trade_date has 1 empty"),
        (broken(bars=small_market().bars.drop(columns="volume")), "missing: volume"),
        (broken(bars=small_market().bars.assign(amount=1.0)), "not known: amount"),
        (broken(bars=small_market().bars.iloc[:0]), "no bars"),
        (broken(mapping=LATE), "known on 2024-01-03"),
        (broken(specs=small_market().specs[:1]), "bars have HC, RB; specs are given for HC"),
        (broken(specs=[*small_market().specs, bundled_spec("CU")]), "one spec for each root"),
        (broken(specs=[*small_market().specs, small_market().specs[0]]), "one spec for each root"),
        (broken(data_scope={}), "needs `source`"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_input_that_does_not_fit_is_refused_and_nothing_written(tmp_path, given, says):
    """Each fault is named, and no folder appears."""
    with pytest.raises(DataError, match=says):
        write_snapshot(tmp_path, "small", **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given",
    [
        broken(created_utc="yesterday"),
        broken(data_scope={"source": "test", "units": 3}),
        broken(data_scope={"source": "test", "x": np.nan}),
    ],
    ids=["time", "units", "NaN"],
)
def test_a_manifest_that_could_not_be_opened_is_not_published(tmp_path, given):
    """What `open_snapshot` would refuse is refused before it is written."""
    with pytest.raises(SnapshotError):
        write_snapshot(tmp_path, "small", **given)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken_is_refused(snapshot):
    """A snapshot is never written over."""
    with pytest.raises(SnapshotError, match="never changed"):
        write_snapshot(snapshot.path.parent, "small", **snapshot_input(seed=8))
    assert open_snapshot(snapshot.path).id == snapshot.id


def test_each_file_is_opened_once(snapshot, monkeypatch):
    """What is parsed is what was hashed: no file is opened a second time."""
    opened = []
    real_open = os.open

    def spy(path, *arguments, **options):
        opened.append(Path(path).name)
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", spy)
    open_snapshot(snapshot.path)
    assert sorted(opened) == [
        "README.md",
        "bars.parquet",
        "calendar.parquet",
        "manifest.json",
        "mapping.parquet",
        "specs.json",
        "terms.parquet",
    ]


def test_a_listing_shows_good_and_bad_alike(snapshot):
    """A folder that cannot be opened is listed with its error; files and hidden folders are not listed."""
    parent = snapshot.path.parent
    shutil.copytree(snapshot.path, parent / "bad")
    (parent / "bad" / "bars.parquet").write_bytes(b"")
    (parent / ".tmp-1").mkdir()
    (parent / "README.md").touch()
    bad, good = list_snapshots(parent)
    assert (bad.name, bad.verified, "bars.parquet" in bad.error) == ("bad", False, True)
    assert (
        good.name,
        good.id,
        good.roots,
        good.rows,
        good.findings,
        good.simulated,
        good.verified,
    ) == ("small", snapshot.id, ("HC", "RB"), 160, 3, True, True)
    assert (good.start, good.end) == ("2024-01-02", f"{DAYS[-1]:%Y-%m-%d}")
    assert list_snapshots(parent / "nowhere") == []


def test_opening_needs_no_page_and_no_statistics(snapshot):
    """Opening a snapshot and making a pair loads neither Streamlit nor statsmodels nor Plotly."""
    code = (
        "import sys; from pairkit.audit.snapshots.snapshot import open_snapshot; open_snapshot(sys.argv[1]).pair('RB', 'HC');"
        "print(*sorted({'streamlit', 'statsmodels', 'plotly', 'scipy', 'numba'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(snapshot.path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == ""


def test_the_commit_is_named_only_where_pairkit_is_a_checkout():
    """`git_commit` is 40 hex digits, marked where code differs, or None; never another repository's."""
    commit = describe_runtime()["git_commit"]
    assert commit is None or len(commit.removesuffix("-dirty")) == 40
    assert describe_runtime(with_commit=False)["git_commit"] is None


def test_specs_keep_every_field(tmp_path):
    """A spec of one's own comes back with all its terms."""
    own = replace(
        bundled_spec("RB"), price_limit=0.06, fee_close_today=None, source="mine", version="7"
    )
    snapshot = write_snapshot(tmp_path, "own", **broken(specs=[bundled_spec("HC"), own]))
    assert open_snapshot(snapshot.path).specs["RB"] == own
    assert snapshot.manifest["contract_specs"]["source"] == "mine, typical"


DATED = [
    TermRecord("tick", 2.0, contract="RB2405", source="exchange", version="7"),
    TermRecord("margin_rate", 0.07, deliveries="2401.. 05,10"),
    TermRecord("margin_rate@1", 0.1, deliveries="2401.. 05,10"),
    TermRecord("fee_open", 5.0, "lot", from_date="2024-01-10"),
    TermRecord("fee_close", 6.0, "lot", from_date="2024-01-10"),
]


def test_terms_have_a_table_of_their_own(tmp_path):
    """Records come back as they were given, beside the spec's own figures; `specs.json` holds none of either."""
    own = replace(bundled_spec("RB"), terms=DATED)
    snapshot = write_snapshot(tmp_path, "dated", **broken(specs=[bundled_spec("HC"), own]))
    opened = open_snapshot(snapshot.path).specs["RB"]
    assert set(DATED) < set(opened.terms.records)
    assert replace(opened, terms=None) == bundled_spec("RB")
    assert own_table(opened) == own_table(own)
    kept = json.loads((snapshot.path / "specs.json").read_bytes())["specs"]
    assert not {"multiplier", "tick", "fee_open", "margin_rate", "terms"} & set(kept[1])
    assert list(snapshot.terms.columns) == [
        "root",
        "contract",
        "deliveries",
        "from_date",
        "field",
        "value",
        "fee_mode",
        "source",
        "version",
    ]
    rows = snapshot.terms.query("root == 'RB' and contract == 'RB2405'")
    assert rows[["field", "value", "source", "version"]].to_numpy().tolist() == [
        ["tick", 2.0, "exchange", "7"]
    ]
    places = snapshot.pair("RB", "HC").y_in_force
    assert {spec.tick for spec in places.specs} == {1.0, 2.0}


def test_a_snapshot_of_the_older_schema_opens_and_is_as_it_was(tmp_path):
    """Without a table of terms its specs, `older` and all, are what `specs.json` says, and are told as records too."""
    told = replace(
        bundled_spec("RB"), older=[OlderTerm("fee_open", 3e-4, before_date="2024-01-10")]
    )
    given = broken(specs=[bundled_spec("HC"), told], schema="pairkit.snapshot/1")
    snapshot = write_snapshot(tmp_path, "old", **given)
    assert not (snapshot.path / "terms.parquet").exists()
    assert open_snapshot(snapshot.path).specs["RB"] == told
    newer = write_snapshot(tmp_path, "new", **{**given, "schema": "pairkit.snapshot/2"})
    assert_frame_equal(snapshot.terms, newer.terms)
    old, new = (one.pair("RB", "HC").y_in_force for one in (snapshot, newer))
    assert [old.specs[place].fee_open for place in old.place] == [
        new.specs[place].fee_open for place in new.place
    ]
    with pytest.raises(DataError, match="has no table of terms, and RB has records"):
        write_snapshot(
            tmp_path,
            "mixed",
            **{**given, "specs": [bundled_spec("HC"), replace(bundled_spec("RB"), terms=DATED)]},
        )


def test_opening_tells_how_far_it_is(tmp_path):
    """Each file is named before it is checked, with the share of the bytes done: from 0, rising, below 1."""
    folder = write_snapshot(tmp_path, "small", **snapshot_input()).path
    told = []
    open_snapshot(folder, progress=lambda name, share: told.append((name, share)))
    sizes = {
        path.name: path.stat().st_size
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    }
    assert [name for name, _ in told] == list(sizes)
    done = np.cumsum([0, *sizes.values()])
    np.testing.assert_allclose([share for _, share in told], done[:-1] / done[-1])


def test_a_snapshot_names_the_one_that_it_extends(tmp_path, snapshot):
    """Its lineage is the id given, part of its own id, and None where it begins a line; no other text is accepted."""
    later = write_snapshot(tmp_path / "later", "small", **snapshot_input(), lineage=snapshot.id)
    assert (snapshot.lineage, later.lineage) == (None, snapshot.id)
    assert "lineage" not in snapshot.manifest
    assert later.id != snapshot.id
    with pytest.raises(SnapshotError, match="lineage"):
        write_snapshot(tmp_path / "other", "small", **snapshot_input(), lineage="small")
