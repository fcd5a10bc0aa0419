"""Upkeep of a folder of snapshots: rename one, delete one. What is in a snapshot never changes, and neither does its id.

A snapshot's label is its folder's name; the manifest keeps the name that it was written under, which its hash covers. So to rename one
is to rename its folder, and runs find it again by its id. Either is done in one step: a crash leaves the folder as it was or done.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from pairkit._files import read_whole
from pairkit.audit.seal import (
    MAX_JSON_BYTES,
    TMP_PREFIX,
    check_slug,
    make_name_durable,
    refuse_if_taken,
    sha256_hex,
)
from pairkit.audit.snapshots.verify import MANIFEST
from pairkit.errors import SnapshotError
from pairkit.folders import bundled_demo
from pairkit.language import _, ngettext

_MOST_NAMED = 5
SHORT_ID = 12  # so many characters of an id are shown, and name a snapshot on the command line


def stated_id(folder: str | os.PathLike[str]) -> str:
    """The id that a snapshot's folder states, none of its other bytes checked; "" where it has none."""
    try:
        return sha256_hex(read_whole(Path(folder) / MANIFEST, MAX_JSON_BYTES))
    except OSError:
        return ""


def path_with_id(folder: Path, beginning: str) -> Path | None:
    """The folder of the snapshot whose id begins so, below `folder` under whatever name, or the bundled one; else None."""
    below = sorted(folder.iterdir()) if folder.is_dir() else []
    return next(
        (
            path
            for path in (*below, bundled_demo())
            if path.is_dir() and stated_id(path).startswith(beginning)
        ),
        None,
    )


def is_bundled_demo(path: str | os.PathLike[str]) -> bool:
    """Whether this is the folder that pairkit brings along."""
    return Path(path).resolve() == bundled_demo().resolve()


def rename_snapshot(path: str | os.PathLike[str], label: str) -> Path:
    """Give a snapshot another label. Its id and every byte of it stay.

    Parameters
    ----------
    path : path
        Its folder; one that is damaged may be renamed too.
    label : str
        Letters, digits, `.`, `_`, `-`.

    Returns
    -------
    Path
        Its folder now.

    Raises
    ------
    SnapshotError
        There is no snapshot, it is the bundled demo, the label is not accepted or taken, or the disk refuses.
    """
    folder = _snapshot_at(path, "renamed")
    target = folder.with_name(check_slug(label))
    refuse_if_taken(target)
    try:
        folder.rename(target)
    except OSError as error:
        raise SnapshotError(
            _(
                "{folder} could not be renamed to {label}: {strerror}. Check its permissions.",
                folder=folder,
                label=label,
                strerror=error.strerror,
            )
        ) from error
    make_name_durable(target)
    return target


def delete_snapshot(path: str | os.PathLike[str], *, cited_by: Iterable[str]) -> None:
    """Remove a snapshot, damaged or not, for good.

    Parameters
    ----------
    path : path
        Its folder.
    cited_by : iterable of str
        The names of the saved runs that were made from it, as `pairkit.audit.runs.store.runs_from` finds them.

    Raises
    ------
    SnapshotError
        There is no snapshot, it is the bundled demo, a saved run cites it, or the disk refuses.
    """
    folder, names = _snapshot_at(path, "deleted"), list(cited_by)
    if names:
        more = (
            _(" and {names} more", names=len(names) - _MOST_NAMED)
            if len(names) > _MOST_NAMED
            else ""
        )
        raise SnapshotError(
            ngettext(
                "{folder_name} is not deleted: {names} saved run could not be run again without it: "
                "{shown}{more}. Delete these runs first.",
                "{folder_name} is not deleted: {names} saved runs could not be run again without it: "
                "{shown}{more}. Delete these runs first.",
                len(names),
                folder_name=folder.name,
                names=len(names),
                shown=", ".join(names[:_MOST_NAMED]),
                more=more,
            )
        )
    hidden = folder.with_name(f"{TMP_PREFIX}{uuid.uuid4().hex}")  # what a crash leaves is swept
    try:
        folder.rename(hidden)
        shutil.rmtree(hidden)
    except OSError as error:
        raise SnapshotError(
            _(
                "{folder} could not be deleted: {strerror}. Check its permissions.",
                folder=folder,
                strerror=error.strerror,
            )
        ) from error


def _snapshot_at(path: str | os.PathLike[str], done: str) -> Path:
    """The folder of a snapshot that may be changed, or SnapshotError."""
    folder = Path(path)
    if folder.is_symlink() or not folder.is_dir() or not (folder / MANIFEST).is_file():
        raise SnapshotError(
            _(
                "there is no snapshot {folder}: a snapshot is a folder with {manifest} in it. "
                "`python -m pairkit snapshot list` shows which there are.",
                folder=folder,
                manifest=MANIFEST,
            )
        )
    if is_bundled_demo(folder):
        raise SnapshotError(
            _(
                "{folder_name} is the bundled demo, which pages and examples open first; it cannot be {done}.",
                folder_name=folder.name,
                done=done,
            )
        )
    if any(entry.is_dir() for entry in folder.iterdir()):
        raise SnapshotError(
            _(
                "{folder} has folders in it, which no snapshot has, so it is not {done}. Look at them first.",
                folder=folder,
                done=done,
            )
        )
    return folder
