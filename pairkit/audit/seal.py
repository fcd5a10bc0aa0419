"""Seals: canonical JSON, hashes of bytes and tables, safe names for a manifest's files, and atomic publishing of a folder.

To publish a folder:

1. make a `.tmp-*` folder beside the target, so that both are on one filesystem;
2. write every file, and fsync each;
3. fsync the `.tmp-*` folder, so that the names in it are durable too;
4. rename it to the target; fsync the parent.

A kill at any instant leaves the target absent or whole. Leftover `.tmp-*` folders are swept by a later publish.
This module needs nothing heavy: pyarrow is imported where a table is hashed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import time
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import rfc8785

from pairkit.errors import PairkitError, RunError, SnapshotError
from pairkit.language import _

if TYPE_CHECKING:
    import pyarrow as pa

MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_JSON_DEPTH = 20
STALE_TMP_SECONDS = 3600.0
TMP_PREFIX = ".tmp-"
_SAFE_PATH = re.compile(r"[A-Za-z0-9._/-]+")
_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?(?:@\d{4}-\d\d-\d\d)?")
_DOS_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}


# --- JSON ----------------------------------------------------------------------------------------------------------
def canonical_json(value: Any, *, what: str = "this value") -> bytes:
    """Canonical JSON of a value (RFC 8785): one spelling only.

    Raises
    ------
    SnapshotError
        It holds NaN, an infinity, an integer beyond 2^53, a key that is not text, or what JSON has no word for.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise SnapshotError(
            _(
                "{what} has no canonical JSON form: {error}. Use text, true, false, "
                "null, lists, tables with text keys, finite numbers, and integers below 2^53.",
                what=what,
                error=error,
            )
        ) from error


def strict_json(
    raw: bytes,
    *,
    what: str,
    max_bytes: int = MAX_JSON_BYTES,
    max_depth: int = MAX_JSON_DEPTH,
    refuse: type[PairkitError] = SnapshotError,
) -> Any:
    """Parse JSON that can be read in one way only.

    Parameters
    ----------
    raw : bytes
        The file's bytes.
    what : str
        The file's name, for the message.
    max_bytes, max_depth : int
        Anything larger or deeper is refused.
    refuse : type of PairkitError
        What to raise: SnapshotError unless the JSON is something else.

    Raises
    ------
    PairkitError
        Of type `refuse`: not UTF-8, not JSON, too large, too deep, a key given twice, or a number that is not finite.
    """
    if len(raw) > max_bytes:
        raise refuse(
            _(
                "{what} has {raw:,} bytes; at most {max_bytes:,} are accepted. "
                "It was not written by pairkit.",
                what=what,
                raw=len(raw),
                max_bytes=max_bytes,
            )
        )

    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=lambda pairs: _without_repeats(pairs, what, refuse),
            parse_float=lambda text: _finite(text, what, refuse),
            parse_constant=lambda text: _finite(text, what, refuse),
        )
    except RecursionError as error:
        raise refuse(
            _(
                "{what} is nested deeper than {max_depth} levels. It was not written by pairkit.",
                what=what,
                max_depth=max_depth,
            )
        ) from error
    except ValueError as error:  # not UTF-8, not JSON, or an integer of thousands of digits
        raise refuse(
            _(
                "{what} is not JSON in UTF-8: {error}. Restore it from where it came.",
                what=what,
                error=error,
            )
        ) from error
    if _depth_exceeds(value, max_depth):
        raise refuse(
            _(
                "{what} is nested deeper than {max_depth} levels. It was not written by pairkit.",
                what=what,
                max_depth=max_depth,
            )
        )
    return value


def _without_repeats(
    pairs: list[tuple[str, Any]], what: str, refuse: type[PairkitError]
) -> dict[str, Any]:
    """A JSON object whose keys are each given once."""
    table = dict(pairs)
    if len(table) < len(pairs):
        times = Counter(key for key, _ in pairs)
        raise refuse(
            _(
                "{what} gives the key {twice!r} twice; each key is accepted once. "
                "It was edited after it was written.",
                what=what,
                twice=next(key for key, count in times.items() if count > 1),
            )
        )
    return table


def _finite(text: str, what: str, refuse: type[PairkitError]) -> float:
    """A JSON number that is finite; `NaN` and `Infinity` are not."""
    number = float(text)
    if not math.isfinite(number):
        raise refuse(
            _(
                "{what} holds the number {text}; only finite numbers are accepted.",
                what=what,
                text=text,
            )
        )
    return number


def _depth_exceeds(value: Any, limit: int) -> bool:
    """Whether tables or lists are nested deeper than `limit`."""
    level = [value] if isinstance(value, dict | list) else []
    for _level in range(limit):
        children = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        level = [child for child in children if isinstance(child, dict | list)]
    return bool(level)


# --- hashes --------------------------------------------------------------------------------------------------------
def sha256_hex(raw: bytes) -> str:
    """sha256 of bytes, as 64 lower-case hex digits."""
    return hashlib.sha256(raw).hexdigest()


def content_hash(table: pa.Table) -> str:
    """Hash of a table's decoded columns: the same for the same values, whichever program or version wrote the file.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of text, date32 or float64. A null float counts as NaN, and every NaN as the same one.

    Returns
    -------
    str
        64 hex digits over each column's name, kind, length, values and nulls, in column order.

    Raises
    ------
    SnapshotError
        A column is of another type.
    """
    digest = hashlib.sha256()
    for _name, parts in _column_parts(table):
        for part in parts:
            digest.update(part)
    return digest.hexdigest()


def content_hashes(table: pa.Table) -> tuple[str, dict[str, str]]:
    """Content hash of a table, and that of each of its columns as a table of its own; each column is decoded once."""
    whole, of_columns = hashlib.sha256(), {}
    for name, parts in _column_parts(table):
        own = b"".join(parts)
        whole.update(own)
        of_columns[name] = sha256_hex(own)
    return whole.hexdigest(), of_columns


def _column_parts(table: pa.Table) -> Iterator[tuple[str, list[bytes]]]:
    """Each column's name, and the bytes of it that are hashed: name, kind and length, then its values."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind, parts = _decoded(name, column)
        yield name, [canonical_json([name, kind, len(column)]), *parts]


def _decoded(name: str, column: pa.ChunkedArray) -> tuple[str, list[bytes]]:
    """A column's kind and its values as little-endian bytes that do not depend on how they were stored."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_float64(column.type):
        values = column.fill_null(math.nan).to_numpy()
        return "float64", [np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()]
    if pa.types.is_date32(column.type):
        missing = column.is_null().to_numpy().astype("u1").tobytes()
        return "date", [
            column.cast(pa.int32()).fill_null(0).to_numpy().astype("<i4").tobytes(),
            missing,
        ]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        codes = (
            column.cast(pa.string()).combine_chunks().dictionary_encode()
        )  # in order of first appearance
        labels = canonical_json(codes.dictionary.to_pylist())
        return "text", [labels, codes.indices.fill_null(-1).to_numpy().astype("<i4").tobytes()]
    raise SnapshotError(
        _(
            "column {name} is of type {type}; a snapshot's tables hold text, date32 and float64.",
            name=name,
            type=column.type,
        )
    )


# --- names ---------------------------------------------------------------------------------------------------------
def check_slug(name: str) -> str:
    """The name, if it is safe as a folder's name everywhere; else SnapshotError."""
    if (
        not _SLUG.fullmatch(name)
        or ".." in name
        or name.partition(".")[0].casefold() in _DOS_DEVICES
    ):
        raise SnapshotError(
            _(
                "{name!r} cannot name a snapshot; accepted are 1 to 64 letters, "
                "digits, '.', '_' and '-', starting with a letter or digit, "
                "not ending in '.', and no device name such as CON. For example: rb-hc-2024.",
                name=name,
            )
        )
    return name


def check_path(path: str, where: str) -> str:
    """The path, if it names one file below its folder in one way only, on every system; else SnapshotError naming `where`."""
    fault = _path_fault(path)
    if fault:
        raise SnapshotError(
            _(
                "{where}: the path {path!r} {fault}. Accepted are relative paths of ASCII letters, digits, '.', "
                "'_', '-' with '/' between parts. The manifest was edited, or not written by pairkit: "
                "restore the snapshot.",
                where=where,
                path=path,
                fault=fault,
            )
        )
    return path


def _path_fault(path: str) -> str:
    parts = path.split("/")
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path):
        return _("is absolute")
    if ".." in parts:
        return _("climbs out of the snapshot")
    if unicodedata.normalize("NFC", path) != path:
        return _("is not in Unicode NFC form")
    if not _SAFE_PATH.fullmatch(path):
        return _("has a character that is not accepted") if path else _("is empty")
    if any(part in ("", ".") or part.endswith(".") for part in parts):
        return _("has an empty part, or one that is or ends in '.'")
    if any(part.partition(".")[0].casefold() in _DOS_DEVICES for part in parts):
        return _("is a device name on Windows")
    return ""


def check_no_twins(paths: Iterable[str], where: str) -> None:
    """Refuse names that some system would treat as equal: they differ by case or Unicode form only."""
    seen: dict[str, str] = {}
    for path in paths:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if key in seen:
            raise SnapshotError(
                _(
                    "{where} has both {seen!r} and {path!r}, "
                    "which differ in case or Unicode form only, or not at all. "
                    "On some systems they are one file: one of them was added. Restore the snapshot.",
                    where=where,
                    seen=seen[key],
                    path=path,
                )
            )
        seen[key] = path


# --- publishing ----------------------------------------------------------------------------------------------------
def publish(directory: str | os.PathLike[str], files: Mapping[str, bytes]) -> Path:
    """Make `directory` appear with all of `files` in it, or not at all.

    Parameters
    ----------
    directory : path
        Must not exist: what is published is never changed.
    files : name -> bytes
        Plain names, without folders.

    Raises
    ------
    SnapshotError
        The directory exists, a name is not accepted, or the disk refuses.
    """
    target = Path(directory)
    check_no_twins(files, _("the list of files to write"))
    for name in files:
        if "/" in check_path(name, str(target)):
            raise SnapshotError(
                _("{name!r} has a folder in it; a published folder is flat.", name=name)
            )
    refuse_if_taken(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        _write_and_rename(target, files)
    except OSError as error:
        raise SnapshotError(
            _(
                "{target} could not be written: {error}. "
                "Nothing was published; free space or choose a folder that can be written.",
                target=target,
                error=error,
            )
        ) from error
    make_name_durable(target)
    return target


def refuse_if_taken(target: Path) -> None:
    """SnapshotError where something has this name already: what is published is never changed."""
    if os.path.lexists(target):
        raise SnapshotError(
            _(
                "{target} exists, and what is published is never changed. Choose another name, or remove it first.",
                target=target,
            )
        )


def write_whole(target: Path, raw: bytes) -> Path:
    """The bytes in a file of this name, whole or not at all; RunError where they cannot be written."""
    draft = target.with_name(
        f".{target.name}.{uuid.uuid4().hex}.tmp"
    )  # of this very call: threads write too
    try:
        with draft.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise RunError(
            _(
                "{target} could not be written: {strerror}. "
                "Choose a folder that exists and can be written to.",
                target=target,
                strerror=error.strerror,
            )
        ) from error
    return target


def replace_file(target: Path, raw: bytes) -> None:
    """Put other bytes into a file of a published folder, whole or not at all.

    The draft is written beside that folder, so that a crash leaves no stray file in it; drafts left behind are swept.

    Raises
    ------
    SnapshotError
        The disk refuses; the file is what it was.
    """
    draft = target.parent.with_name(f"{TMP_PREFIX}{uuid.uuid4().hex}")
    try:
        draft.mkdir()
        _write_durably(draft / target.name, raw)
        (draft / target.name).replace(target)
        _fsync_folder(target.parent)
    except OSError as error:
        raise SnapshotError(
            _(
                "{target} could not be written: {strerror}. Free space, or check its permissions.",
                target=target,
                strerror=error.strerror,
            )
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_and_rename(target: Path, files: Mapping[str, bytes]) -> None:
    tmp = target.parent / f"{TMP_PREFIX}{uuid.uuid4().hex}"
    tmp.mkdir()
    try:
        for name, raw in files.items():
            _write_durably(tmp / name, raw)
        _fsync_folder(tmp)
        tmp.rename(target)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)  # gone already where the rename was done


def make_name_durable(target: Path) -> None:
    """Make the disk keep the name of a folder that was just made or renamed; SnapshotError where it cannot confirm that."""
    try:
        _fsync_folder(target.parent)
    except OSError as error:
        raise SnapshotError(
            _(
                "{target} was published and is whole, "
                "but the disk could not confirm its name: {error}. "
                "It may be gone after a power cut: check the disk, then verify it.",
                target=target,
                error=error,
            )
        ) from error


def _write_durably(path: Path, raw: bytes) -> None:
    with path.open("xb") as file:
        _write_all(file, raw)
        os.fsync(file.fileno())


def _write_all(file: BinaryIO, raw: bytes) -> None:
    file.write(raw)
    file.flush()


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no fsync of a folder
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(
    parent: str | os.PathLike[str], *, older_than_seconds: float = STALE_TMP_SECONDS
) -> list[Path]:
    """Remove what killed writers left in `parent`; the `.tmp-*` folders of writers still at work are younger."""
    swept = []
    for leftover in Path(parent).glob(f"{TMP_PREFIX}*"):
        try:
            stale = time.time() - leftover.lstat().st_mtime >= older_than_seconds
        except FileNotFoundError:  # its writer has just renamed it
            continue
        if stale and leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
            swept.append(leftover)
    return swept
