"""Retention: of a line the older snapshots go, never the newest, nor one that a saved run or a journal cites."""

from __future__ import annotations

import pytest

import pairkit as pk
from pairkit.audit.runs.store import save
from pairkit.audit.snapshots.snapshot import write_snapshot
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.journal import append_sheet
from pairkit.desk.retention import prune, refuse_if_in_journal
from pairkit.desk.today import sheet_of
from pairkit.errors import SnapshotError
from tests.small_market import snapshot_input

DAYS = ("", "@2024-02-26", "@2024-02-27", "@2024-02-28")


@pytest.fixture
def line(tmp_path, monkeypatch):
    """Four snapshots of a line; a saved run cites the second, a journal the third."""
    monkeypatch.setenv("PAIRKIT_RUNS", str(tmp_path / "runs"))
    made = [
        write_snapshot(tmp_path / "snapshots", f"line{day}", **snapshot_input(seed))
        for seed, day in enumerate(DAYS)
    ]
    save(pk.run_backtest(made[1].pair("RB", "HC")), "a run")
    entry = book_entry("RB", "HC", pk.StrategyConfig(), since="2024-01-02")
    book = new_book("mine", "line").plus(entry)
    append_sheet(book, sheet_of(book, made[2]).sheet, folder=tmp_path / "journal")
    return tmp_path


def test_what_is_cited_and_the_newest_stay(line):
    """A dry run deletes nothing; then the first alone goes, and each that stays says why; again, none goes."""
    folder, journals = line / "snapshots", line / "journal"
    told = prune(folder, "line", journals=journals, dry=True)
    assert [one.kept for one in told] == [
        "",
        "saved runs cite it: a run",
        "the journal of mine cites it",
        "among the newest",
    ]
    assert len(list(folder.iterdir())) == 4
    assert prune(folder, "line", journals=journals) == told
    assert [path.name for path in sorted(folder.iterdir())] == [f"line{day}" for day in DAYS[1:]]
    assert len(prune(folder, "line", journals=journals)) == 3


def test_a_snapshot_of_a_journal_is_not_deleted(line):
    """Nor is a line without a snapshot pruned, nor all of one."""
    with pytest.raises(SnapshotError, match="the journal of mine cites it"):
        refuse_if_in_journal(line / "snapshots" / "line@2024-02-27", line / "journal")
    with pytest.raises(SnapshotError, match="there is no snapshot 'other'"):
        prune(line / "snapshots", "other")
    with pytest.raises(SnapshotError, match="at least the newest stays"):
        prune(line / "snapshots", "line", keep=0)
