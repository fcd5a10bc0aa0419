"""The sheet of today: the newest snapshot of a book's line verified, each entry run, one sheet."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pairkit.audit.snapshots.line import newest_path
from pairkit.audit.snapshots.snapshot import Snapshot, open_snapshot
from pairkit.audit.snapshots.upkeep import path_with_id
from pairkit.desk.ahead import Ahead, look_ahead
from pairkit.desk.book import Book
from pairkit.desk.book_runs import BookRuns, last_session, run_book
from pairkit.desk.quotes import quotes_at
from pairkit.desk.sheet import Sheet, make_sheet
from pairkit.language import in_english

_SHOWN = 3
_OLD_DAYS = 4  # without a calendar: more than a weekend


class MadeSheet(NamedTuple):
    """What a sheet was made from, and the sheet."""

    sheet: Sheet
    runs: BookRuns
    ahead: Ahead
    snapshot: Snapshot


def sheet_of(
    book: Book,
    snapshot: Snapshot,
    *,
    as_of: pd.Timestamp | None = None,
    today: date | None = None,
    runs: Callable[[Book, Snapshot, pd.Timestamp], BookRuns] = run_book,
) -> MadeSheet:
    """The sheet of a book on a snapshot.

    Parameters
    ----------
    book : Book
    snapshot : Snapshot
        Of its line.
    as_of : Timestamp, optional
        Make the sheet of the last session up to this day, from what was known at its close; by default of the last one.
    today : date, optional
        Compared with the last session, for a warning on old data; none by default.
    runs : callable, optional
        Runs the book; by default `run_book`.

    Raises
    ------
    PairkitError
        There is no sheet; its type is the reason.
    """
    last = last_session(snapshot, as_of)
    made = runs(book, snapshot, last)
    pairs = [run.pair for run in made.runs.values()]
    ahead = look_ahead(snapshot, [pair.codes for pair in pairs], last)
    roots = dict.fromkeys(spec.code for pair in pairs for spec in (pair.y_spec, pair.x_spec))
    quotes = quotes_at(snapshot, list(roots), last)
    warnings = (
        () if as_of is not None else (*_age(ahead, snapshot, today), *_errors(snapshot, roots))
    )
    sheet = make_sheet(book.name, made.runs, ahead, quotes, snapshot, warnings=warnings)
    return MadeSheet(sheet, made, ahead, snapshot)


def open_for(book: Book, folder: Path) -> Snapshot:
    """The newest snapshot of a book's line in a folder, every byte verified; the bundled demo where the folder has none."""
    return open_snapshot(newest_path(folder, book.snapshot))


def with_id(wanted: str, folder: Path) -> Snapshot | None:
    """The snapshot with an id, of a folder or the bundled one, verified; None where it is not there."""
    found = path_with_id(folder, wanted)
    return None if found is None else open_snapshot(found, expect_id=wanted)


def _errors(snapshot: Snapshot, roots: Collection[str]) -> tuple[str, ...]:
    """The errors found in what the last extension brought of these roots, in one sentence."""
    found = [one for one in snapshot.errors_that_came if one.root in ("", *roots)]
    if not found:
        return ()
    told = "; ".join(one.message.rstrip(".") for one in found[:_SHOWN])
    more = len(found) - _SHOWN
    if more > 0:
        told = in_english("{told}; and {more} more", told=told, more=more)
    return (in_english("Errors were found in what came last: {told}.", told=told),)


def _age(ahead: Ahead, snapshot: Snapshot, today: date | None) -> tuple[str, ...]:
    """Whether the data are older than the evening before, or came from an expired cache."""
    notes = []
    if today is not None and not snapshot.simulated:
        days = (today - ahead.last.date()).days
        passed = today > ahead.session.date() if ahead.session is not None else days > _OLD_DAYS
        if passed:
            notes.append(
                in_english(
                    "STALE: the last bar is of {ahead_last:%Y-%m-%d}, {days} days ago.",
                    ahead_last=ahead.last,
                    days=days,
                )
            )
    if snapshot.manifest["data_scope"].get("stale"):
        notes.append(
            in_english("The data were served from an expired cache: the provider was down.")
        )
    return tuple(notes)
