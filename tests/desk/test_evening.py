"""An evening: its steps in order, done once however often it is run, and no sheet where one of them fails."""

from __future__ import annotations

import multiprocessing
import shutil
from datetime import date

import pytest

import pairkit as pk
from pairkit.audit.snapshots.extend import Extension
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.evening import evening
from pairkit.desk.journal import journal_path, read_journal
from pairkit.errors import IncompleteAnswerError, SourceDownError

TODAY = date(2025, 1, 2)
BOOK = new_book("two", "demo").plus(book_entry("Y", "P", pk.StrategyConfig(), since="2020-01-02"))


@pytest.fixture
def folder(tmp_path):
    """A folder with a copy of the demo."""
    shutil.copytree("snapshots/demo", tmp_path / "snapshots" / "demo")
    return tmp_path / "snapshots"


def done(folder, extend=Extension, log=None):
    """An evening in this folder, with its journal beside it."""
    said = [] if log is None else log
    return evening(
        BOOK,
        folder,
        extend=extend,
        today=TODAY,
        say=lambda step, what: said.append((step, what)),
        journals=folder.parent / "journal",
    )


def test_an_evening_run_twice_is_done_once(folder):
    """extend, verify, today, journal, in this order; the second time finds the line, and both have the sheet."""
    log = []
    first, second = done(folder, log=log), done(folder)
    assert [step for step, _ in log] == ["extend", "verify", "today", "journal"]
    assert (first.exit_code, first.line.new, second.line.new) == (10, True, False)
    assert second.sheet.content == first.sheet.content
    assert len(read_journal("two", folder.parent / "journal")) == 1


@pytest.mark.parametrize("error", [SourceDownError, IncompleteAnswerError])
def test_where_the_provider_fails_no_sheet_is_made(folder, error):
    """Down, or the session is not whole: exit code 2, the journal untouched, and what it knows is told with its age."""

    def fails(_snapshot):
        raise error("no bar of RB2505")

    log, path = [], journal_path("two", folder.parent / "journal")
    assert done(folder, fails, log).exit_code == 2
    assert "no sheet was written before" in log[-1][1]
    done(folder)
    before = path.read_bytes()
    found = done(folder, fails, log)
    assert (found.exit_code, found.failed, found.sheet) == (2, "extend", None)
    assert log[-2] == ("extend", "FAILED: no bar of RB2505")
    assert "the last sheet is of 2024-12-31, 2 days old, with 2 orders" in log[-1][1]
    assert path.read_bytes() == before


def test_an_altered_snapshot_ends_the_evening(folder):
    """A byte more in its bars: no sheet, no line."""
    with (folder / "demo" / "bars.parquet").open("ab") as file:
        file.write(b"x")
    found = done(folder)
    assert (found.exit_code, "bars.parquet" in found.why) == (2, True)
    assert not journal_path("two", folder.parent / "journal").exists()


def test_two_evenings_at_once_write_one_line(folder):
    """Two processes that begin together both have the sheet, and the journal has it once."""
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=done, args=(folder,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0]
    assert len(read_journal("two", folder.parent / "journal")) == 1
