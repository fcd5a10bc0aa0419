"""Extending a snapshot of TuShare: what a taking from scratch has, at the cost of the new days, and what lacks is refused."""

from __future__ import annotations

import shutil
from datetime import date
from typing import NamedTuple

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import pairkit as pk
from pairkit.audit.runs.trial_ledger import note_run, tried
from pairkit.audit.snapshots.extend import Extension, extend_from_source
from pairkit.audit.snapshots.from_provider import DownloadedSnapshot, download_snapshot
from pairkit.audit.snapshots.line import newest_path, paths_of_line
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.data.terms.specs_file import read_specs
from pairkit.data.terms.terms_file import read_terms_file
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.evening import evening
from pairkit.errors import SnapshotError
from tests import ROOT
from tests.data.tushare.conftest import FakeClock, source_for
from tests.data.tushare.server import FAULTS, FaultServer, seeded

START, FIRST_END, END = date(2023, 6, 1), date(2023, 10, 13), date(2023, 12, 29)
ROOTS = ["RB", "TA"]
AT_ONCE = tuple(fault for fault in FAULTS if fault != "time-out")
SHORT = pk.StrategyConfig(hedge_window=30, z_window=20, adf_window=40, vol_baseline_window=40)


class Line(NamedTuple):
    """A snapshot up to October, its extension, and the same range taken at once."""

    first: Snapshot
    found: Extension
    whole: DownloadedSnapshot


@pytest.fixture(scope="module")
def line(shared_server: FaultServer, tmp_path_factory) -> Line:
    folder = tmp_path_factory.mktemp("snapshots")
    shared_server.reset()
    source = source_for(shared_server)
    first = download_snapshot(source, ROOTS, START, FIRST_END, name="line", folder=folder).snapshot
    found = extend_from_source(first, source, END, folder=folder)
    whole = download_snapshot(source, ROOTS, START, END, name="scratch", folder=folder)
    return Line(first, found, whole)


def test_an_extension_is_what_a_taking_from_scratch_has(line: Line):
    """Legs and a run's table are equal to the bit, it cites the one before, and it cost fewer requests."""
    longer, whole = line.found.snapshot, line.whole.snapshot
    assert (longer.label, longer.lineage) == ("line@2023-12-29", line.first.id)
    assert longer.line == line.first.id
    for root in ROOTS:
        assert_frame_equal(longer.leg(root), whole.leg(root))
    runs = [pk.run_backtest(one.pair(*ROOTS), SHORT).frame for one in (longer, whole)]
    assert_frame_equal(*runs, check_exact=True)
    assert 0 < line.found.calls < line.whole.calls
    assert line.found.revised == 0
    assert newest_path(longer.path.parent, "line") == longer.path
    names = [path.name for path in paths_of_line(longer.path.parent, "line")]
    assert names == ["line", "line@2023-12-29"]


def test_the_rows_up_to_the_first_end_stay_to_the_bit(line: Line):
    """Later days change nothing before them, terms included."""
    before = pk.run_backtest(line.first.pair(*ROOTS), SHORT).frame
    after = pk.run_backtest(line.found.snapshot.pair(*ROOTS), SHORT).frame
    assert_frame_equal(after[: len(before)], before, check_exact=True)


def test_trials_follow_the_line(line: Line, tmp_path, monkeypatch):
    """Two configs that were tried before count as tried after, and one of them again is no third."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    other = SHORT.model_copy(update={"entry_z": 1.5})
    for config in (SHORT, other):
        note_run(pk.run_backtest(line.first.pair(*ROOTS), config), "run")
    again = pk.run_backtest(line.found.snapshot.pair(*ROOTS), other)
    assert tried(again.pair).n_configs == 2
    note_run(again, "run")
    assert tried(again.pair).n_configs == 2


def test_nothing_new_is_no_new_snapshot(line: Line, shared_server: FaultServer, tmp_path):
    """Extended to the day that it has it stays, without a request; before a session is published the line ends before it."""
    noon = FakeClock(pd.Timestamp("2023-12-29 12:00", tz="Asia/Shanghai").timestamp())
    early = source_for(shared_server, clock=noon)
    asked = len(shared_server.asked)
    longer = line.found.snapshot
    assert extend_from_source(longer, early, END, folder=tmp_path).snapshot is longer
    assert extend_from_source(line.first, early, FIRST_END, folder=tmp_path).sessions == 0
    assert len(shared_server.asked) == asked


def test_another_source_is_refused(shared_server: FaultServer, tmp_path):
    """The demo has no provider to go on with."""
    demo = pk.open_snapshot(ROOT / "snapshots" / "demo")
    with pytest.raises(SnapshotError, match="is of simulated, not of tushare"):
        extend_from_source(demo, source_for(shared_server), END, folder=tmp_path)


def _other_fee(api, at, rows):
    """The server's answer, with twice the fee for RB on 11 October."""
    if api != "fut_settle":
        return rows
    return [
        [0.2 if place == at["trading_fee_rate"] else cell for place, cell in enumerate(row)]
        if (row[at["trade_date"]], row[at["ts_code"]][:2]) == ("20231011", "RB")
        else row
        for row in rows
    ]


def _extended(snapshot: Snapshot, server: FaultServer, folder) -> Snapshot:
    end = date(2023, 10, 20)
    return extend_from_source(snapshot, source_for(server), end, folder=folder).snapshot


def test_a_fee_that_the_source_revises_is_named_and_changes_no_row(
    line: Line, shared_server: FaultServer, tmp_path
):
    """One past day's fee is another when the line is extended: told with contract, day and both figures; the old one stands."""
    shared_server.alter = _other_fee
    try:
        found = _extended(line.first, shared_server, tmp_path)
    finally:
        shared_server.reset()
    (told,) = [one for one in found.findings if one.kind == "revised_terms"]
    assert told.root == "RB"
    assert "fee_open of 2023-10-11: 0.0001, now 0.0002" in told.message
    before = pk.run_backtest(line.first.pair(*ROOTS), SHORT).frame
    after = pk.run_backtest(found.pair(*ROOTS), SHORT).frame
    assert_frame_equal(after[: len(before)], before, check_exact=True)


def test_a_change_of_fee_that_the_source_takes_back_is_named(shared_server: FaultServer, tmp_path):
    """The fee of one past day was another, and is that of the days around it when the line is extended."""
    shared_server.reset()
    shared_server.alter = _other_fee
    try:
        source = source_for(shared_server)
        start = date(2023, 9, 1)
        first = download_snapshot(source, ["RB"], start, FIRST_END, name="l", folder=tmp_path)
    finally:
        shared_server.reset()
    found = _extended(first.snapshot, shared_server, tmp_path)
    (told,) = [one for one in found.findings if one.kind == "revised_terms"]
    assert "fee_open of 2023-10-11: 0.0002, now 0.0001" in told.message
    assert "2023-10-12" not in told.message


TERMS = "root,from_date,field,value,fee_mode\nRB,2023-09-20,fee_open,0.00012,rate\nRB,2023-09-20,fee_close,0.00012,rate\n"
SPECS = "code,margin_rate,override\nRB,0.2,margin_rate\n"


def test_terms_of_ones_own_are_all_given_again(shared_server: FaultServer, tmp_path):
    """Begun with a file of specs and one of terms, a line is not extended with one of them or none, and is with both."""
    (tmp_path / "terms.csv").write_text(TERMS)
    (tmp_path / "specs.csv").write_text(SPECS)
    both = {
        "user_specs": read_specs(tmp_path / "specs.csv"),
        "user_terms": read_terms_file(tmp_path / "terms.csv"),
    }
    shared_server.reset()
    source = source_for(shared_server)
    start, end = date(2023, 9, 1), date(2023, 10, 20)
    first = download_snapshot(
        source, ["RB"], start, FIRST_END, name="own", folder=tmp_path, **both
    ).snapshot
    for given, lacks in (
        ({}, "fee_open"),
        ({"user_specs": both["user_specs"]}, "fee_open"),
        ({"user_terms": both["user_terms"]}, "margin_rate"),
    ):
        with pytest.raises(SnapshotError, match=f"terms of your own.*RB {lacks}"):
            extend_from_source(first, source, end, folder=tmp_path, **given)
    found = extend_from_source(first, source, end, folder=tmp_path, **both)
    assert found.sessions > 0
    assert not [one for one in found.snapshot.findings if one.kind == "revised_terms"]


def test_an_evening_through_faults_makes_the_true_sheet_or_none(
    line: Line, shared_server: FaultServer, tmp_path
):
    """Seeded faults in most answers: exit 2 with journal and line untouched, or the sheet of an honest evening; healed, that sheet."""
    book = new_book("two", "line").plus(book_entry(*ROOTS, SHORT, since="2023-06-01"))

    def evening_in(folder):
        if not folder.exists():
            shutil.copytree(line.first.path, folder / "line")
        source = source_for(shared_server, timeout=2.0)
        return evening(
            book,
            folder,
            extend=lambda newest: extend_from_source(newest, source, END, folder=folder),
            today=END,
            journals=folder / "journal",
        )

    shared_server.reset()
    true = evening_in(tmp_path / "true").sheet.content
    failed = 0
    for seed in (0, 2):
        folder = tmp_path / str(seed)
        shared_server.reset(seeded(seed, 0.02 + 0.2 * seed, AT_ONCE), seed)
        found = evening_in(folder)
        if found.exit_code == 2:
            failed += 1
            assert not (folder / "journal" / "two.jsonl").exists()
            assert found.sheet is None
            shared_server.reset()
            found = evening_in(folder)
        assert (found.sheet.content["entries"], found.sheet.content["orders"]) == (
            true["entries"],
            true["orders"],
        )
    assert failed == 1
