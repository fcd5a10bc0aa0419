"""Disk cache of answers, by the hash of the request: a table as Parquet, and beside it a note that seals it.

The question is the endpoint's whole address, the interface, its parameters and fields; the token is no part of it. Each file is
written under another name and renamed, the note last, so that a kill leaves no half answer; what a killed writer leaves is
swept by the next one. An entry whose bytes are not those its note names is dropped and requested again. The folder can be
deleted at any time.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import rfc8785

from pairkit._files import read_whole
from pairkit.data.tushare.endpoints import Interface
from pairkit.findings import Finding
from pairkit.language import _

FORMAT = "pairkit.tushare/2"  # of the tables: raise it when cells are read otherwise
_MOST_BYTES = 256 * 1024**2  # several times the largest answer of the protocol
STALE_TMP_SECONDS = 3600.0  # a writer still at work is done in far less
_log = logging.getLogger(__name__)
_ARROW = {
    "code": pa.string(),
    "code or none": pa.string(),
    "text": pa.string(),
    "day": pa.timestamp("ns"),
    "day or none": pa.timestamp("ns"),
    "number": pa.float64(),
    "flag": pa.float64(),
}


@dataclass(frozen=True)
class Question:
    """A request to an endpoint."""

    endpoint: str
    interface: Interface
    params: Mapping[str, str]

    def plain(self) -> dict[str, Any]:
        """The request as plain JSON values, from which the key is made."""
        return {
            "format": FORMAT,
            "endpoint": self.endpoint,
            "api": self.interface.name,
            "params": dict(self.params),
            "fields": list(self.interface.columns),
        }

    @property
    def key(self) -> str:
        """sha256 of the canonical JSON."""
        return hashlib.sha256(rfc8785.dumps(self.plain())).hexdigest()


@dataclass(frozen=True, eq=False)
class Entry:
    """One cached answer. `final`: it will not change any more; else it is good until `expires_epoch`."""

    table: pd.DataFrame
    findings: tuple[Finding, ...]
    fetched_utc: str
    final: bool
    expires_epoch: float


class AnswerCache:
    """Answers below one folder; None turns it off. A disk that refuses turns it off too, with a warning in the log."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            _sweep(folder)

    def get(self, question: Question) -> Entry | None:
        """The cached answer, whatever its age; None where there is no complete one."""
        if self._folder is None:
            return None
        table_file, note_file = _files(self._folder, question)
        try:
            note_bytes, table_bytes = (_bytes_of(file) for file in (note_file, table_file))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._turn_off(error)
            return None
        try:
            return _opened(question, note_bytes, table_bytes)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            pa.ArrowException,
            OSError,
        ) as error:
            _log.warning("dropped a damaged entry of the cache, %s: %s", note_file.name, error)
            for file in (note_file, table_file):
                file.unlink(missing_ok=True)
            return None

    def put(self, question: Question, entry: Entry) -> None:
        """Cache an answer in place of an older one."""
        if self._folder is None:
            return
        table_file, note_file = _files(self._folder, question)
        sink = pa.BufferOutputStream()
        pq.write_table(_to_arrow(entry.table, question.interface), sink, compression="zstd")
        table_bytes = sink.getvalue().to_pybytes()
        note: dict[str, Any] = {
            "question": question.plain(),
            "sha256": hashlib.sha256(table_bytes).hexdigest(),
            "fetched_utc": entry.fetched_utc,
            "final": entry.final,
            "expires_epoch": entry.expires_epoch,
            "findings": [finding.to_dict() for finding in entry.findings],
        }
        try:
            table_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(table_file, table_bytes)
            _replace(note_file, rfc8785.dumps({**note, "seal": _seal(note)}))
        except OSError as error:
            self._turn_off(error)

    def drop(self, question: Question) -> bool:
        """Take an answer out; whether there was one."""
        if self._folder is None:
            return False
        table_file, note_file = _files(self._folder, question)
        there = note_file.exists()
        try:
            for file in (note_file, table_file):
                file.unlink(missing_ok=True)
        except OSError as error:
            self._turn_off(error)
        return there

    def _turn_off(self, error: OSError) -> None:
        _log.warning(
            "answers are not kept from now on: %s; set PAIRKIT_CACHE to a folder that can be written",
            error,
        )
        self._folder = None


def _files(folder: Path, question: Question) -> tuple[Path, Path]:
    place = folder / "tushare" / question.key[:2] / question.key
    return place.with_suffix(".parquet"), place.with_suffix(".json")


def _bytes_of(file: Path) -> bytes:
    """The bytes of a plain file that is no larger than what is ever kept; b"" of anything else, which is no entry."""
    try:
        return read_whole(file, _MOST_BYTES, links=False)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG, errno.EMLINK, errno.ELOOP):
            return b""
        raise


def _opened(question: Question, note_bytes: bytes, table_bytes: bytes) -> Entry:
    note = json.loads(note_bytes)
    seal = note.pop("seal")
    if seal != _seal(note) or note["question"] != question.plain():
        raise ValueError(_("its note was altered, or is of another question"))
    if note["sha256"] != hashlib.sha256(table_bytes).hexdigest():
        raise ValueError(_("its table is not the one that was kept"))
    arrow = pq.read_table(pa.BufferReader(table_bytes))
    findings = tuple(Finding.from_dict(plain) for plain in note["findings"])
    table = _to_frame(arrow, question.interface)
    return Entry(
        table, findings, note["fetched_utc"], bool(note["final"]), float(note["expires_epoch"])
    )


def _seal(note: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(dict(note))).hexdigest()


def _replace(file: Path, raw: bytes) -> None:
    passing = file.with_name(f"{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        passing.write_bytes(raw)
        os.replace(passing, file)  # noqa: PTH105  Path.replace is the same call, without its promise of atomicity in the name
    finally:
        passing.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what killed writers left; a disk that refuses is reported when an answer is put."""
    try:
        for leftover in folder.glob("tushare/*/*.tmp"):
            if time.time() - leftover.lstat().st_mtime >= STALE_TMP_SECONDS:
                leftover.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("leftovers in the cache could not be swept: %s", error)


def _to_arrow(table: pd.DataFrame, interface: Interface) -> pa.Table:
    schema = pa.schema([(field, _ARROW[kind]) for field, kind in interface.columns.items()])
    return pa.Table.from_pandas(table, schema=schema, preserve_index=False).replace_schema_metadata(
        None
    )


def _to_frame(arrow: pa.Table, interface: Interface) -> pd.DataFrame:
    if arrow.schema != pa.schema(
        [(field, _ARROW[kind]) for field, kind in interface.columns.items()]
    ):
        raise ValueError(_("its table has other columns"))
    frame: pd.DataFrame = arrow.to_pandas()
    for field, kind in interface.columns.items():
        if _ARROW[kind] == pa.string():
            frame[field] = frame[field].astype("str")
        elif _ARROW[kind] == pa.float64():
            frame[field] = frame[field].astype("float64")
    return frame
