"""Journal of a book: every sheet in the order in which it was written, each line sealed with the hash of the one before.

    journal/BOOK.jsonl    a line for each sheet, in RFC 8785 canonical JSON
    journal/BOOK.head     number and hash of the last line, so that a cut end is noticed

1. A line holds its number, the hash of the line before, the time, the book as it was, the sheet, and its own hash over all of it.
2. Writing takes the book's lock, verifies the journal, and puts the longer file in the old one's place in one step, synced to the disk: a
   kill at any instant leaves the journal with the line or without it. A head one line behind is the trace of such a kill and is put right.
3. A sheet of a session is never replaced. The same one again is not written; another one is a second line that says why.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pairkit._files import read_whole
from pairkit.audit.seal import canonical_json, check_slug, sha256_hex, strict_json, write_whole
from pairkit.desk.book import Book
from pairkit.desk.sheet import Sheet
from pairkit.errors import PairkitError, RunError
from pairkit.folders import journal_folder
from pairkit.language import _, in_english

SCHEMA = "pairkit.journal/1"
FIRST = "0" * 64
MAX_WHY = 1000
_MOST_BYTES = 512 * 1024 * 1024
_MOST_LINE = 4 * 1024 * 1024
_PATIENCE_SECONDS = 30
_SAID_ONLY = (
    "headline",
    "warnings",
    "status",
)  # of a sheet: what changes with the day it is read on
_FIELDS = {"schema", "number", "previous", "written_at", "why", "book", "sheet", "hash"}


@dataclass(frozen=True)
class JournalLine:
    """One line of a journal; `new` says that this very call wrote it."""

    content: dict[str, Any]
    new: bool = False

    @property
    def number(self) -> int:
        """Its place, from 1."""
        return int(self.content["number"])

    @property
    def session(self) -> str:
        """The session at whose close the sheet was decided."""
        return str(self.content["sheet"]["last_session"])

    @property
    def sheet(self) -> Sheet:
        """The sheet as it was written."""
        return Sheet(self.content["sheet"])


@dataclass(frozen=True)
class Verification:
    """A journal's verification: its good lines, and the first fault, "" where there is none."""

    lines: tuple[JournalLine, ...]
    fault: str = ""


def append_sheet(
    book: Book,
    sheet: Sheet,
    *,
    why: str = "",
    folder: Path | None = None,
    now: datetime | None = None,
) -> JournalLine:
    """Write a sheet into its book's journal.

    Parameters
    ----------
    book : Book
        As it was when the sheet was made.
    sheet : Sheet
    why : str
        Why a second sheet of one session is written; by default what differs.
    folder : Path, optional
        Of journals.
    now : datetime, optional
        The time to write down, UTC.

    Returns
    -------
    JournalLine
        The line with this sheet: the new one, or the one that holds the same sheet already.

    Raises
    ------
    RunError
        The journal was altered, is ahead of this sheet, is being written by another for too long, or the disk refuses.
    """
    path = journal_path(book.name, folder)
    with locked(book.name, folder):
        lines = _verified(path)
        of_session = [line for line in lines if line.session == sheet.content["last_session"]]
        if of_session and _decisions(of_session[-1].content["sheet"]) == _decisions(sheet.content):
            return of_session[-1]
        if lines and lines[-1].session > sheet.content["last_session"]:
            raise RunError(
                _(
                    "the journal of {book_name} is at {session}; a sheet of {last_session} cannot be written "
                    "behind it. Print it without the journal.",
                    book_name=book.name,
                    session=lines[-1].session,
                    last_session=sheet.content["last_session"],
                )
            )
        reason = why[:MAX_WHY] or (_why(of_session[-1], book, sheet) if of_session else "")
        line = _line(lines, book, sheet, reason, now or datetime.now(UTC))
        _write(path, lines, line)
        return JournalLine(line, new=True)


def verify_journal(name: str, folder: Path | None = None) -> Verification:
    """Check every line of a book's journal against its own hash, the one before, and the head.

    Raises
    ------
    RunError
        There is no such journal, or it cannot be read.
    """
    path = journal_path(name, folder)
    if not path.exists() and not _head_path(path).exists():
        raise RunError(
            _(
                "there is no journal of {name!r} in {parent}. `pairkit today {name} --journal` writes one.",
                name=name,
                parent=path.parent,
            )
        )
    return _checked(path)


def read_journal(name: str, folder: Path | None = None) -> tuple[JournalLine, ...]:
    """The lines of a book's journal, verified; RunError names the first that is not what was written."""
    found = verify_journal(name, folder)
    if found.fault:
        raise RunError(_altered(journal_path(name, folder), found.fault))
    return found.lines


def journal_names(folder: Path | None = None) -> list[str]:
    """The books that have a journal, by name."""
    where = folder or journal_folder()
    return sorted(path.stem for path in where.glob("*.jsonl")) if where.is_dir() else []


def journal_path(name: str, folder: Path | None = None) -> Path:
    """The file of a book's journal."""
    return (folder or journal_folder()) / f"{check_slug(name)}.jsonl"


@contextmanager
def locked(name: str, folder: Path | None = None) -> Iterator[None]:
    """The lock of a book: one writer at a time, processes and threads alike.

    Raises
    ------
    RunError
        Another holds it for longer than 30 seconds, or the folder cannot be written.
    """
    path = journal_path(name, folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE_SECONDS):
            yield
    except Timeout as error:
        raise RunError(
            _(
                "the journal of {name} is being written by another process for more than {patience_seconds} seconds. Try again later.",
                name=name,
                patience_seconds=_PATIENCE_SECONDS,
            )
        ) from error
    except OSError as error:
        raise RunError(
            _(
                "{parent} cannot be written: {strerror}.",
                parent=path.parent,
                strerror=error.strerror or error,
            )
        ) from error


# --- writing ---------------------------------------------------------------------------------------------------------
def _line(
    lines: tuple[JournalLine, ...], book: Book, sheet: Sheet, why: str, now: datetime
) -> dict[str, Any]:
    """The content of the next line, sealed with its hash."""
    content = {
        "schema": SCHEMA,
        "number": len(lines) + 1,
        "previous": lines[-1].content["hash"] if lines else FIRST,
        "written_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "why": why,
        "book": book.to_dict(),
        "sheet": sheet.content,
    }
    return {**content, "hash": _hash_of(content)}


def _write(path: Path, lines: tuple[JournalLine, ...], line: Mapping[str, Any]) -> None:
    """The journal with a line more, in one step; then its head."""
    for draft in path.parent.glob(
        f".{path.name}.*.tmp"
    ):  # of killed writers: this one has the lock
        draft.unlink(missing_ok=True)
    before = read_whole(path, _MOST_BYTES) if lines else b""
    write_whole(
        path, before + canonical_json(line, what=in_english("a line of the journal")) + b"\n"
    )
    _sync(path.parent)
    _write_head(path, line)


def _write_head(path: Path, line: Mapping[str, Any]) -> None:
    write_whole(_head_path(path), _head_bytes(line["number"], line["hash"]))
    _sync(path.parent)


def _head_bytes(number: int, last_hash: str) -> bytes:
    return canonical_json({"number": number, "hash": last_hash}) + b"\n"


def _sync(folder: Path) -> None:
    """Make the disk keep the names in a folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _why(before: JournalLine, book: Book, sheet: Sheet) -> str:
    """What differs from the sheet of the same session that was written before."""
    then, now = before.content, sheet.content
    found = []
    if then["sheet"]["snapshot"]["id"] != now["snapshot"]["id"]:
        found.append(in_english("the data are another snapshot"))
    if then["book"] != book.to_dict():
        found.append(in_english("the book was changed"))
    for name, words in (("pairkit_version", "pairkit"), ("rules", in_english("the rules"))):
        if then["sheet"][name] != now[name]:
            found.append(
                in_english(
                    "{words} changed from {sheet} to {now}",
                    words=words,
                    sheet=then["sheet"][name],
                    now=now[name],
                )
            )
    return "; ".join(found) or in_english("made again with another result")


def _decisions(sheet: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sheet.items() if name not in _SAID_ONLY}


# --- verifying -------------------------------------------------------------------------------------------------------
def _verified(path: Path) -> tuple[JournalLine, ...]:
    """The lines of a journal, its head put right where a kill left it a line behind."""
    if not path.exists() and not _head_path(path).exists():
        return ()
    found = _checked(path)
    if found.fault:
        raise RunError(_altered(path, found.fault))
    if found.lines and _head(path) != _head_of(found.lines[-1]):
        _write_head(path, found.lines[-1].content)
    return found.lines


def _checked(path: Path) -> Verification:
    """Every line in its order, up to the first fault; then the head."""
    try:
        raw = read_whole(path, _MOST_BYTES) if path.exists() else b""
    except OSError as error:
        raise RunError(
            _("{path} cannot be read: {strerror}.", path=path, strerror=error.strerror)
        ) from error
    lines: list[JournalLine] = []
    *whole, rest = raw.split(b"\n")
    for text in whole:
        number = len(lines) + 1
        fault = _fault_of(text, number, lines[-1].content["hash"] if lines else FIRST)
        if isinstance(fault, str):
            return Verification(
                tuple(lines), in_english("line {number} {fault}", number=number, fault=fault)
            )
        lines.append(fault)
    if rest:
        return Verification(
            tuple(lines), in_english("line {lines} is cut off", lines=len(lines) + 1)
        )
    return Verification(tuple(lines), _fault_of_head(path, lines))


def _fault_of(text: bytes, number: int, previous: str) -> str | JournalLine:
    """The line in these bytes, or what is wrong with it."""
    try:
        content = strict_json(
            text, what=in_english("a line"), max_bytes=_MOST_LINE, refuse=RunError
        )
        same = isinstance(content, dict) and canonical_json(content) == text
    except PairkitError:
        same = False
    if not same or set(content) != _FIELDS or content["schema"] != SCHEMA:
        return in_english("was changed: it is not a line that pairkit wrote")
    stated = {name: value for name, value in content.items() if name != "hash"}
    if content["hash"] != _hash_of(stated):
        return in_english("was changed: its hash is not that of its content")
    if content["number"] != number:
        return (
            in_english("is missing: line {number} stands in its place", number=content["number"])
            if content["number"] > number
            else in_english("is out of place: it is line {number}", number=content["number"])
        )
    if content["previous"] != previous:
        return in_english("does not follow the line before it: one of the two was replaced")
    return JournalLine(content)


def _fault_of_head(path: Path, lines: list[JournalLine]) -> str:
    """What the head knows of lines that are not there; a head one line behind is the trace of a kill."""
    head = _head(path)
    if head is None:
        return (
            ""
            if len(lines) <= 1
            and not _head_path(path).exists()  # killed before the first head was there
            else in_english(
                "{head_path_name} is missing or was changed", head_path_name=_head_path(path).name
            )
        )
    if head[0] > len(lines):
        return in_english(
            "line {lines} is missing: {known} were written",
            lines=len(lines) + 1,
            known=head[0],
        )
    if head[0] < len(lines) - 1:
        return in_english(
            "{head_path_name} was changed: it knows {known} lines of {lines}",
            head_path_name=_head_path(path).name,
            known=head[0],
            lines=len(lines),
        )
    if head != _head_of(lines[head[0] - 1]):
        return in_english(
            "line {known} was replaced: its hash is not that of {head_path_name}",
            known=head[0],
            head_path_name=_head_path(path).name,
        )
    return ""


def _head(path: Path) -> tuple[int, str] | None:
    """Number and hash that the head states; None where it is not there, or is not what was written to the byte."""
    try:
        raw = read_whole(_head_path(path), 4096)
        found = strict_json(raw, what=in_english("the head"), refuse=RunError)
        head = int(found["number"]), str(found["hash"])
    except (OSError, RunError, KeyError, TypeError, ValueError):
        return None
    return head if head[0] > 0 and raw == _head_bytes(*head) else None


def _head_of(line: JournalLine) -> tuple[int, str]:
    return line.number, str(line.content["hash"])


def _head_path(path: Path) -> Path:
    return path.with_suffix(".head")


def _hash_of(content: Mapping[str, Any]) -> str:
    return sha256_hex(canonical_json(dict(content), what=in_english("a line of the journal")))


def _altered(path: Path, fault: str) -> str:
    return in_english(
        "{path}: {fault}. The journal was altered after it was written; restore it from a backup. Nothing is written to it.",
        path=path,
        fault=fault,
    )


def cited_snapshots(folder: Path | None = None) -> dict[str, str]:
    """Snapshot id -> the journal that cites it, over all journals in a folder; a line that cannot be read is left out."""
    cited: dict[str, str] = {}
    for name in journal_names(folder):
        for line in _checked(journal_path(name, folder)).lines:
            cited.setdefault(str(line.content["sheet"]["snapshot"]["id"]), name)
    return cited


def last_lines(lines: tuple[JournalLine, ...]) -> tuple[JournalLine, ...]:
    """The sheet that holds for each session: the last line of it."""
    by_session = {line.session: replace(line, new=False) for line in lines}
    return tuple(by_session[session] for session in sorted(by_session))
