"""Journals: sheets in a chain of hashes that no kill tears and no edit passes."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime

import numpy as np
import pytest

import pairkit as pk
from pairkit.audit.seal import canonical_json, sha256_hex
from pairkit.desk.book import book_entry, new_book
from pairkit.desk.journal import (
    FIRST,
    append_sheet,
    cited_snapshots,
    journal_path,
    last_lines,
    read_journal,
    verify_journal,
)
from pairkit.desk.sheet import Sheet
from pairkit.errors import RunError

NOW = datetime(2024, 6, 3, 13, 30, tzinfo=UTC)
BOOK = new_book("two", "demo").plus(book_entry("RB", "HC", pk.StrategyConfig(), since="2020-01-02"))


def sheet(session, *, snapshot="a" * 64, orders=(), headline="x", version="1"):
    """A sheet of a few fields: the journal looks at no more."""
    return Sheet(
        {
            "book": "two",
            "last_session": session,
            "snapshot": {"id": snapshot},
            "orders": list(orders),
            "headline": headline,
            "warnings": [],
            "status": "good",
            "pairkit_version": version,
            "rules": "2026-11-26",
        }
    )


@pytest.fixture
def journal(tmp_path):
    """Four sheets of four sessions, written."""
    for day in range(1, 5):
        append_sheet(BOOK, sheet(f"2024-06-0{day}"), folder=tmp_path, now=NOW)
    return tmp_path


def test_what_is_written_is_what_is_read(journal):
    """Four lines in their order, each with the hash of the one before, as one can work out from the file alone."""
    lines = read_journal("two", journal)
    assert [line.session for line in lines] == [f"2024-06-0{day}" for day in range(1, 5)]
    previous = FIRST
    for raw in journal_path("two", journal).read_bytes().splitlines():
        plain = json.loads(raw)
        stated = plain.pop("hash")
        assert plain["previous"] == previous
        assert sha256_hex(canonical_json(plain)) == stated
        previous = stated
    assert json.loads(raw)["book"]["entries"][0]["name"] == "RB-HC"
    assert cited_snapshots(journal) == {"a" * 64: "two"}


def test_the_same_sheet_is_not_written_again(journal):
    """Made again it finds its line, also where only the words of its first line changed with the day."""
    found = append_sheet(BOOK, sheet("2024-06-04", headline="older by a day"), folder=journal)
    assert (found.number, found.new) == (4, False)
    assert len(read_journal("two", journal)) == 4


@pytest.mark.parametrize(
    ("made", "book", "why", "says"),
    [
        (sheet("2024-06-04", snapshot="b" * 64), BOOK, "", "the data are another snapshot"),
        (sheet("2024-06-04", orders=[1]), BOOK, "", "made again with another result"),
        (sheet("2024-06-04", version="2"), BOOK, "", "pairkit changed from 1 to 2"),
        (sheet("2024-06-04", orders=[1]), BOOK, "a typing error", "a typing error"),
        (sheet("2024-06-04", orders=[1]), BOOK.minus("RB-HC"), "", "the book was changed"),
    ],
)
def test_a_second_sheet_of_a_session_says_why(journal, made, book, why, says):
    """It is a line more, with the reason; the first one stays, and the last is the one that holds."""
    before = journal_path("two", journal).read_bytes()
    line = append_sheet(book, made, why=why, folder=journal)
    assert (line.number, line.content["why"]) == (5, says)
    assert journal_path("two", journal).read_bytes().startswith(before)
    assert [one.number for one in last_lines(read_journal("two", journal))] == [1, 2, 3, 5]


def test_a_sheet_of_an_earlier_session_is_refused(journal):
    """What was not written in its evening cannot be written behind it."""
    with pytest.raises(RunError, match="is at 2024-06-04; a sheet of 2024-05-31 cannot"):
        append_sheet(BOOK, sheet("2024-05-31"), folder=journal)


def test_any_changed_byte_is_named_by_its_line(journal):
    """One bit, anywhere in the journal or its head: the line is named, no line after it counts, and nothing is appended."""
    path = journal_path("two", journal)
    raw = path.read_bytes()
    ends = np.cumsum([len(line) for line in raw.splitlines(keepends=True)])
    rng = np.random.default_rng(4)
    for place in rng.integers(0, len(raw), 60):
        spoilt = bytearray(raw)
        spoilt[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(spoilt)
        found = verify_journal("two", journal)
        line = int(np.searchsorted(ends, place, side="right")) + 1
        assert found.fault.startswith(f"line {line} ")
        assert len(found.lines) == line - 1
    with pytest.raises(RunError, match="was altered"):
        append_sheet(BOOK, sheet("2024-06-05"), folder=journal)
    assert path.read_bytes() == bytes(spoilt)


@pytest.mark.parametrize("lines", [1, 4])
def test_any_changed_byte_of_the_head_is_named(tmp_path, lines):
    """One bit, a blank, nothing at all: of a journal of one line too, where a head that is not there yet is no fault."""
    for day in range(1, lines + 1):
        append_sheet(BOOK, sheet(f"2024-06-0{day}"), folder=tmp_path, now=NOW)
    head = journal_path("two", tmp_path).with_suffix(".head")
    raw = head.read_bytes()
    flipped = [
        bytes([*raw[:place], raw[place] ^ 1 << place % 8, *raw[place + 1 :]])
        for place in range(len(raw))
    ]
    for spoilt in (*flipped, raw.replace(b":1", b":0"), raw + b" ", b" " + raw, b""):
        head.write_bytes(spoilt)
        assert (verify_journal("two", tmp_path).fault == "") == (spoilt == raw)
    head.unlink()
    assert (verify_journal("two", tmp_path).fault == "") == (lines == 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines[:-1], "line 4 is missing: 4 were written"),
        (lambda lines: [lines[0], *lines[2:]], "line 2 is missing: line 3 stands in its place"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "line 2 is missing"),
        (lambda lines: [*lines, lines[3]], "line 5 is out of place: it is line 4"),
        (lambda lines: [*lines[:3], lines[3][:-7]], "line 4 is cut off"),
        (lambda _: [], "line 1 is missing: 4 were written"),
    ],
)
def test_a_missing_or_moved_line_is_named(journal, change, says):
    """The last one cut, one taken out, two swapped, one twice, half a line, all of them."""
    path = journal_path("two", journal)
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    assert verify_journal("two", journal).fault.startswith(says)


def test_a_line_that_was_sealed_again_does_not_follow(journal):
    """Whoever edits a line and works out its hash anew is found by the next line, or by the head."""
    path = journal_path("two", journal)
    for place, says in ((1, "line 3 does not follow"), (3, "line 4 was replaced")):
        lines = path.read_bytes().splitlines(keepends=True)
        plain = json.loads(lines[place])
        plain["sheet"]["orders"] = ["forged"]
        del plain["hash"]
        plain["hash"] = sha256_hex(canonical_json(plain))
        forged = [*lines[:place], canonical_json(plain) + b"\n", *lines[place + 1 :]]
        path.write_bytes(b"".join(forged))
        assert verify_journal("two", journal).fault.startswith(says)
        path.write_bytes(b"".join(lines))


def _write_on(folder, first):
    """Append sheets of ever later sessions, until killed; a dot is written out for each that is done."""
    for day in range(first, 400_000):
        append_sheet(BOOK, sheet(f"9{day:06d}"), folder=folder)
        with (folder / "done").open("ab") as done:
            done.write(b".")


def _done(folder):
    """How many sheets the writers know to be written."""
    return (folder / "done").stat().st_size if (folder / "done").exists() else 0


def kill_writers(folder, times):
    """Kill so many writers, one after another, each within the writing of its second sheet or just after; number of good lines."""
    fork, rng = multiprocessing.get_context("fork"), np.random.default_rng(6)
    written = 0
    for killed in range(1, times + 1):
        before = _done(folder)
        writer = fork.Process(target=_write_on, args=(folder, written))
        writer.start()
        while _done(folder) == before:
            time.sleep(0.0005)
        time.sleep(float(rng.uniform(0.0, 0.01)))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        found = verify_journal("two", folder)
        assert found.fault == ""
        written = len(found.lines)
        assert (
            _done(folder) <= written <= _done(folder) + killed
        )  # killed between a line and its dot
    return written


def test_a_kill_at_any_instant_loses_no_sheet_and_tears_no_line(tmp_path):
    """Of 25 writers killed at drawn instants each left a journal that verifies and holds every sheet that was done."""
    assert kill_writers(tmp_path, 25) >= 25


def test_two_writers_take_turns(tmp_path):
    """Two processes that write at once leave one journal with every sheet once, in order."""
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_write_some, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    sessions = [line.session for line in read_journal("two", tmp_path)]
    assert sessions == sorted(set(sessions))
    assert sessions[-1] == "2024-06-20"


def _write_some(folder):
    for day in range(1, 21):
        with contextlib.suppress(RunError):  # the other one is ahead
            append_sheet(BOOK, sheet(f"2024-06-{day:02d}"), folder=folder)


def test_there_is_no_journal_before_the_first_sheet(tmp_path):
    """It says so, and how to write one."""
    with pytest.raises(RunError, match="there is no journal of 'two'"):
        verify_journal("two", tmp_path)
