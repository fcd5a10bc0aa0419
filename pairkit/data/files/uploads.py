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
from pairkit.language import _, in_english

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
            in_english(" Split it, or leave out what is no daily bar.")
            if error.errno == errno.EFBIG
            else ""
        )
        raise DataError(
            _(
                "{path} cannot be read: {strerror}.{remedy}",
                path=path,
                strerror=error.strerror,
                remedy=remedy,
            )
        ) from error
    except ValueError as error:  # a path with a NUL in it
        raise DataError(_("{path} cannot be read: {error}.", path=path, error=error)) from error


def check_uploads(uploads: Sequence[Upload], suffixes: Sequence[str] = SUFFIXES) -> None:
    """Refuse uploads that are too many, too large, of another kind, or confusingly named.

    Raises
    ------
    DataError
        The first fault, with the file's name.
    """
    if len(uploads) > MAX_FILES:
        raise DataError(
            _(
                "{uploads} files were given; at most {max_files} are accepted at once. "
                "Put several roots into one file, or use `python -m pairkit snapshot import`.",
                uploads=len(uploads),
                max_files=MAX_FILES,
            )
        )
    seen: set[str] = set()
    for upload in uploads:
        fault = _name_fault(upload.name, suffixes)
        if fault:
            raise DataError(
                _("the file name {upload_name!r} {fault}", upload_name=upload.name, fault=fault)
            )
        key = unicodedata.normalize("NFC", upload.name).casefold()
        if key in seen:
            raise DataError(
                _(
                    "two of the files are named {upload_name!r}; give each once.",
                    upload_name=upload.name,
                )
            )
        seen.add(key)
        if len(upload.content) > MAX_FILE_BYTES:
            raise DataError(
                _(
                    "{upload_name} has {content:,} bytes; "
                    "at most {max_file_bytes:,} are accepted here. "
                    "Use `python -m pairkit snapshot import` for larger ones.",
                    upload_name=upload.name,
                    content=len(upload.content),
                    max_file_bytes=MAX_FILE_BYTES,
                )
            )
    total = sum(len(upload.content) for upload in uploads)
    if total > MAX_TOTAL_BYTES:
        raise DataError(
            _(
                "the files have {total:,} bytes together; "
                "at most {max_total_bytes:,} are accepted here. "
                "Use `python -m pairkit snapshot import` for more.",
                total=total,
                max_total_bytes=MAX_TOTAL_BYTES,
            )
        )


def _name_fault(name: str, suffixes: Sequence[str]) -> str:
    if not name or len(name) > _MAX_NAME:
        return in_english(
            "has {name} characters; accepted are 1 to {max_name}.",
            name=len(name),
            max_name=_MAX_NAME,
        )
    if any(
        sign in "/\\:" or unicodedata.category(sign).startswith("C") for sign in name
    ) or name.startswith("."):
        return in_english("has a path, an unseen character, or a dot in front; rename the file.")
    if PurePosixPath(name).suffix.casefold() not in suffixes:
        return in_english(
            "ends otherwise than in {suffixes}; only those are accepted. Save a sheet of Excel as CSV.",
            suffixes=", ".join(suffixes),
        )
    return ""
