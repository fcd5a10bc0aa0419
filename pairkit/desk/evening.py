"""Evening run of a book: extend its line of snapshots, verify it, make the sheet, write it into the journal.

1. One evening of a book at a time; a second one waits, and then finds the work done.
2. Each step can be done again: nothing new is no new snapshot, and the same sheet is no new line.
3. Where a step fails, the ones after it are not done: no sheet is made, the journal is not written to. What the journal holds
   is reported with its age.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pairkit.desk.book import Book
from pairkit.desk.journal import JournalLine, append_sheet, last_lines, locked, verify_journal
from pairkit.desk.sheet import Sheet
from pairkit.desk.today import open_for, sheet_of
from pairkit.errors import PairkitError
from pairkit.language import _, ngettext

if TYPE_CHECKING:
    from pairkit.audit.snapshots.extend import Extension
    from pairkit.audit.snapshots.snapshot import Snapshot

NO_SHEET = 2


@dataclass(frozen=True)
class Evening:
    """Result of an evening: its sheet and line, or the step that failed, and why."""

    sheet: Sheet | None = None
    line: JournalLine | None = None
    failed: str = ""
    why: str = ""

    @property
    def exit_code(self) -> int:
        """0 nothing to do, 10 orders, 2 no sheet."""
        return NO_SHEET if self.sheet is None else self.sheet.exit_code


def evening(
    book: Book,
    folder: Path,
    *,
    extend: Callable[[Snapshot], Extension | None],
    today: date,
    say: Callable[[str, str], None] = lambda _step, _what: None,
    journals: Path | None = None,
) -> Evening:
    """The evening of a book.

    Parameters
    ----------
    book : Book
    folder : Path
        Of snapshots.
    extend : callable
        Extends the newest snapshot of the line; None where its source is no provider.
    today : date
        Compared with the last session, for a warning on old data.
    say : callable
        Called with each step and its result.
    journals : Path, optional
        Folder of journals.

    Raises
    ------
    RunError
        Another evening of the book takes longer than 30 seconds, or the journals' folder cannot be written.
    """
    with locked(f"{book.name}.evening", journals):
        step = "extend"
        try:
            say(step, _extended(extend(open_for(book, folder))))
            step = "verify"
            snapshot = open_for(book, folder)
            say(step, _("{name}, every byte, id {id}", name=snapshot.label, id=snapshot.id[:12]))
            step = "today"
            sheet = sheet_of(book, snapshot, today=today).sheet
            say(step, sheet.headline)
            step = "journal"
            line = append_sheet(book, sheet, folder=journals)
            say(step, _("line {n}", n=line.number) if line.new else _("there already"))
        except PairkitError as error:
            say(step, _("FAILED: {why}", why=error))
            say("journal", known(book.name, today, journals))
            return Evening(failed=step, why=str(error))
        return Evening(sheet, line)


def known(name: str, today: date, journals: Path | None = None) -> str:
    """The last sheet that a book's journal holds, with its age, in a sentence."""
    try:
        lines = last_lines(verify_journal(name, journals).lines)
    except PairkitError:
        lines = ()
    if not lines:
        return _("no sheet was written before; there is none to go by")
    last = lines[-1]
    days = (today - date.fromisoformat(last.session)).days
    return ngettext(
        "untouched; the last sheet is of {session}, {n} day old, with {orders} orders",
        "untouched; the last sheet is of {session}, {n} days old, with {orders} orders",
        days,
        session=last.session,
        orders=len(last.content["sheet"]["orders"]),
    )


def _extended(found: Extension | None) -> str:
    """Result of an extension, in words."""
    if found is None:
        return _("not extended: the snapshot is of no provider; extend it with its files")
    if not found.sessions:
        return _("nothing new since {last}", last=f"{found.snapshot.calendar[-1]:%Y-%m-%d}")
    return ngettext(
        "{n} session more: {name}, {revised} bars revised",
        "{n} sessions more: {name}, {revised} bars revised",
        found.sessions,
        name=found.snapshot.label,
        revised=found.revised,
    )
