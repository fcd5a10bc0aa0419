"""Input files: read from a path up to a size limit, or uploaded through the browser as a name and bytes that are checked here."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pairkit._files import read_whole
from pairkit.data.files.table import SUFFIXES
from pairkit.errors import DataError

MAX_FILES = 100
MAX_FILE_BYTES = 20 * 1024**2
MAX_TOTAL_BYTES = 100 * 1024**2
MAX_DISK_BYTES = 512 * 1024**2  # of a file that is read from disk, and of all files of an import
_MAX_NAME = 120


@dataclass(frozen=True)
class Upload:
    """A file in memory. Its name is what the user's machine called it, and is never used as a path."""

    name: str
    content: bytes = field(repr=False)


Given = str | os.PathLike[str] | Upload


def bytes_of(given: Given, most: int = MAX_DISK_BYTES) -> bytes:
    """The bytes of a file that is given, of which nothing is read if they are more than `most`.

    Raises
    ------
    DataError
        It cannot be read, is no plain file, or is too large.
    """
    if isinstance(given, Upload):
        return given.content
    path = Path(given)
    try:
        return read_whole(path, most)
    except OSError as error:
        remedy = (
            " Split it, or leave out what is no daily bar." if error.errno == errno.EFBIG else ""
        )
        raise DataError(f"{path} cannot be read: {error.strerror}.{remedy}") from error
    except ValueError as error:  # a path with a NUL in it
        raise DataError(f"{path} cannot be read: {error}.") from error


def check_uploads(uploads: Sequence[Upload], suffixes: Sequence[str] = SUFFIXES) -> None:
    """Refuse uploads that are too many, too large, of another kind, or confusingly named.

    Raises
    ------
    DataError
        The first fault, with the file's name.
    """
    if len(uploads) > MAX_FILES:
        raise DataError(
            f"{len(uploads)} files were given; at most {MAX_FILES} are accepted at once. "
            "Put several roots into one file, or use `python -m pairkit snapshot import`."
        )
    seen: set[str] = set()
    for upload in uploads:
        fault = _name_fault(upload.name, suffixes)
        if fault:
            raise DataError(f"the file name {upload.name!r} {fault}")
        key = unicodedata.normalize("NFC", upload.name).casefold()
        if key in seen:
            raise DataError(f"two of the files are named {upload.name!r}; give each once.")
        seen.add(key)
        if len(upload.content) > MAX_FILE_BYTES:
            raise DataError(
                f"{upload.name} has {len(upload.content):,} bytes; "
                f"at most {MAX_FILE_BYTES:,} are accepted here. "
                "Use `python -m pairkit snapshot import` for larger ones."
            )
    total = sum(len(upload.content) for upload in uploads)
    if total > MAX_TOTAL_BYTES:
        raise DataError(
            f"the files have {total:,} bytes together; "
            f"at most {MAX_TOTAL_BYTES:,} are accepted here. "
            "Use `python -m pairkit snapshot import` for more."
        )


def _name_fault(name: str, suffixes: Sequence[str]) -> str:
    if not name or len(name) > _MAX_NAME:
        return f"has {len(name)} characters; accepted are 1 to {_MAX_NAME}."
    if any(
        sign in "/\\:" or unicodedata.category(sign).startswith("C") for sign in name
    ) or name.startswith("."):
        return "has a path, an unseen character, or a dot in front; rename the file."
    if PurePosixPath(name).suffix.casefold() not in suffixes:
        return f"ends otherwise than in {', '.join(suffixes)}; only those are accepted. Save a sheet of Excel as CSV."
    return ""
