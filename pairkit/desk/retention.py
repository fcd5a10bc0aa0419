"""Retention of a line of snapshots: which may go, and which stay because a saved run, a journal or a book cites them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pairkit.audit.runs.store import runs_from
from pairkit.audit.snapshots.line import paths_of_line
from pairkit.audit.snapshots.upkeep import delete_snapshot, stated_id
from pairkit.desk.journal import cited_snapshots
from pairkit.errors import SnapshotError
from pairkit.language import _


class Pruned(NamedTuple):
    """One snapshot of a line: why it stays, "" where it was deleted."""

    path: Path
    kept: str


def prune(
    folder: Path, name: str, *, keep: int = 1, journals: Path | None = None, dry: bool = False
) -> list[Pruned]:
    """Delete the older snapshots of a line that nothing cites.

    Parameters
    ----------
    folder : Path
        Of snapshots.
    name : str
        Of the line.
    keep : int
        So many of the newest stay; at least one, which the books of the line trade on.
    journals : Path, optional
        Folder of journals.
    dry : bool
        Only say which would go.

    Raises
    ------
    SnapshotError
        There is no such line, `keep` is below 1, or the disk refuses.
    """
    line = paths_of_line(folder, name)
    if not line:
        raise SnapshotError(
            _("there is no snapshot {name!r} in {folder}.", name=name, folder=folder)
        )
    if keep < 1:
        raise SnapshotError(
            _("--keep {keep}: at least the newest stays, which books trade on.", keep=keep)
        )
    done = []
    for place, path in enumerate(line):
        newest = place >= len(line) - keep
        why = _("among the newest") if newest else cited_by(path, journals)
        if not why and not dry:
            delete_snapshot(path, cited_by=())
        done.append(Pruned(path, why))
    return done


def cited_by(path: Path, journals: Path | None = None) -> str:
    """What cites a snapshot, in words: saved runs, else a journal; "" where nothing does."""
    wanted = stated_id(path)
    runs = runs_from(wanted)
    if runs:
        return _("saved runs cite it: {names}", names=", ".join(one.name for one in runs[:3]))
    book = cited_snapshots(journals).get(wanted)
    return "" if book is None else _("the journal of {book} cites it", book=book)


def refuse_if_in_journal(path: Path, journals: Path | None = None) -> None:
    """SnapshotError where a journal cites a snapshot: it could not be replayed without it."""
    book = cited_snapshots(journals).get(stated_id(path))
    if book is not None:
        raise SnapshotError(
            _(
                "{name} is not deleted: the journal of {book} cites it, and could not be replayed without it.",
                name=path.name,
                book=book,
            )
        )
