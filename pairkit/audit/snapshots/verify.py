"""Snapshot verification: every byte is checked before any is parsed, and the checked bytes are those returned.

1. The folder holds plain files only: no links, no folders, no names that some system takes for one.
2. `manifest.json` is strict JSON in RFC 8785 form, of a known schema and shape; its sha256 is the snapshot's id. Schema 1 had no
   table of terms: there `specs.json` holds them, and it opens as ever.
3. The paths it lists are safe and unlike one another, and are exactly the other files of the folder.
4. Each file is opened once, without following links; its size and its sha256 are the listed ones.

There is no way to open a snapshot that fails any of these.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pairkit.audit.seal import (
    MAX_JSON_BYTES,
    canonical_json,
    check_no_twins,
    check_path,
    sha256_hex,
    strict_json,
)
from pairkit.errors import SnapshotError
from pairkit.folders import DEMO, bundled_demo
from pairkit.language import N_, _

SCHEMA = "pairkit.snapshot/2"
OLD_SCHEMA = "pairkit.snapshot/1"
MANIFEST = "manifest.json"
TERMS = "terms.parquet"
_TABLES = ("bars.parquet", "mapping.parquet", "calendar.parquet")
TABLES = {OLD_SCHEMA: _TABLES, SCHEMA: (*_TABLES, TERMS)}  # of each schema
SPECS = "specs.json"
NOTES = "README.md"
MAX_FILE_BYTES = (
    1024**3
)  # of a file, and of all files of a snapshot: packed tables are smaller than unpacked ones
_RESTORE = N_("Restore the folder from a backup or from where it came, or take the snapshot again.")
_DAY = r"^\d{4}-\d\d-\d\d$"
_HEX = r"^[0-9a-f]{64}$"
Progress = Callable[[str, float], None]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Resource(_Strict):
    """One file of a snapshot. `rows`, `schema` and `content_hash` are None where it is not a table."""

    path: str
    bytes: int = Field(ge=0, le=MAX_FILE_BYTES)
    sha256: str = Field(pattern=_HEX)
    rows: int | None = Field(ge=0)
    table_schema: dict[str, Any] | None = Field(alias="schema")
    content_hash: str | None = Field(pattern=_HEX)


class _DataScope(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True)
    source: str
    source_version: str
    api: str
    symbols: list[str] = Field(min_length=1)
    start: str = Field(pattern=_DAY)
    end: str = Field(pattern=_DAY)
    units: dict[str, str]
    fetched_at: str | None
    rows: int = Field(ge=1)
    simulated: bool = False
    stale: bool = False
    dominant: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    files: list[dict[str, Any]] = []
    errors_came: list[list[str]] = []


class _ContractSpecs(_Strict):
    source: str
    version: str
    sha256: str = Field(pattern=_HEX)


class _Finding(_Strict):
    kind: str
    severity: str = Field(pattern="^(info|warning|error)$")
    message: str
    root: str
    count: int
    dates: list[Annotated[str, Field(pattern=_DAY)]]


class _Runtime(_Strict):
    python: str
    implementation: str
    platform: str
    packages: dict[str, str | None]
    pairkit_version: str
    git_commit: str | None


class _Manifest(_Strict):
    schema_: str = Field(alias="schema")
    name: str
    lineage: str | None = Field(default=None, pattern=_HEX)
    line: str | None = Field(default=None, pattern=_HEX)
    created_utc: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    data_scope: _DataScope
    contract_specs: _ContractSpecs
    resources: list[Resource]
    findings: list[_Finding]
    runtime: _Runtime


@dataclass(frozen=True)
class Sealed:
    """A verified snapshot, not yet parsed: its id, its manifest as plain JSON values, and the bytes of each file."""

    id: str
    manifest: dict[str, Any]
    resources: Mapping[str, Resource]
    files: Mapping[str, bytes]


def verify_folder(
    folder: Path, *, expect_id: str | None = None, progress: Progress = lambda _name, _share: None
) -> Sealed:
    """Check a snapshot's folder to the last byte.

    `progress` is called before each file is read, with its name and the share of bytes checked so far.

    Raises
    ------
    SnapshotError
        Naming the file, what was expected, what was found, the likely cause and what to do.
    """
    found = _plain_files(folder)
    if MANIFEST not in found:
        _refuse(
            folder,
            _(
                "{manifest} is missing; without it nothing says what the files should be. "
                "This is not a snapshot, or its copy was interrupted.",
                manifest=MANIFEST,
            ),
            _("Point at a folder made by `pairkit snapshot import`."),
        )
    raw = _read_once(folder, MANIFEST, limit=MAX_JSON_BYTES)
    manifest, resources = check_manifest(folder, raw)
    snapshot_id = sha256_hex(raw)
    if expect_id is not None and snapshot_id != expect_id.removeprefix("sha256:"):
        _refuse(
            folder,
            _(
                "{manifest} has the id {snapshot_id}, expected {expect_id}: this is another snapshot, "
                "or data and manifest were both rewritten.",
                manifest=MANIFEST,
                snapshot_id=snapshot_id,
                expect_id=expect_id,
            ),
            _("Open the snapshot that was pinned, or pin this id if you mean to use it."),
        )
    _check_same_files(folder, set(found) - {MANIFEST}, set(resources))
    total, done, files = sum(one.bytes for one in resources.values()), 0, {}
    if total > MAX_FILE_BYTES:
        _refuse(
            folder,
            _(
                "its files have {total:,} bytes together; at most {max_file_bytes:,} are accepted. "
                "It was not written by pairkit.",
                total=total,
                max_file_bytes=MAX_FILE_BYTES,
            ),
            _("Take a smaller snapshot, of fewer roots or years."),
        )
    for path in sorted(resources):
        progress(path, done / max(total, 1))
        files[path] = _checked_bytes(folder, resources[path])
        done += resources[path].bytes
    return Sealed(snapshot_id, manifest, resources, files)


def _plain_files(folder: Path) -> list[str]:
    """The names in the folder, each a regular file with one name; sorted."""
    try:
        if not folder.is_dir():
            found = (
                _("this is a file; a snapshot is a folder.")
                if folder.exists()
                else _("there is no such folder.")
            )
            listing = _("`python -m pairkit snapshot list` shows which snapshots there are.")
            bundled = _(
                "The simulated market that comes with pairkit is {path}.", path=bundled_demo()
            )
            _refuse(folder, found, bundled if folder.name == DEMO else listing)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        check_no_twins([entry.name for entry in entries], str(folder))
        for entry in entries:
            _check_plain(folder, entry.name, entry.stat(follow_symlinks=False))
    except OSError as error:
        _refuse(
            folder,
            _("the folder cannot be read: {error}.", error=error),
            _("Check its permissions."),
        )
    return [entry.name for entry in entries]


def _check_plain(folder: Path, name: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        _refuse(
            folder,
            _(
                "{name}/ is a folder; a snapshot holds plain files only. It was added later.",
                name=name,
            ),
            _("Move it out of the snapshot."),
        )
    if not stat.S_ISREG(status.st_mode):
        kind = _("a link") if stat.S_ISLNK(status.st_mode) else _("not a plain file")
        _refuse(
            folder,
            _(
                "{name} is {kind}; expected a plain file. It was put in the file's place.",
                name=name,
                kind=kind,
            ),
            _RESTORE,
        )
    if status.st_nlink > 1:
        _refuse(
            folder,
            _(
                "{name} has {st_nlink} names (hard links); expected 1, or it could change unseen.",
                name=name,
                st_nlink=status.st_nlink,
            ),
            _("Copy the folder (`cp -r`) and open the copy."),
        )


def check_manifest(folder: Path, raw: bytes) -> tuple[dict[str, Any], dict[str, Resource]]:
    """The manifest in these bytes and its resources by path, once schema, shape, canonical form and paths are right."""
    manifest = strict_json(raw, what=f"{folder}: {MANIFEST}")
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    if schema not in (SCHEMA, OLD_SCHEMA):
        _refuse(
            folder,
            _(
                "{manifest} has the schema {schema!r}; this pairkit reads {old_schema!r} and {known!r}. "
                "It is of another version, or not a snapshot.",
                manifest=MANIFEST,
                schema=schema,
                old_schema=OLD_SCHEMA,
                known=SCHEMA,
            ),
            _("Open it with the pairkit that wrote it, or take the snapshot again."),
        )
    try:
        checked = _Manifest.model_validate(manifest)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        _refuse(
            folder,
            _(
                "{manifest}, {where}: {msg}. It was edited, or not written by pairkit.",
                manifest=MANIFEST,
                where=where,
                msg=fault["msg"],
            ),
            _RESTORE,
        )
    if canonical_json(manifest, what=f"{folder}: {MANIFEST}") != raw:
        _refuse(
            folder,
            _(
                "{manifest} is not in RFC 8785 canonical form. It was edited or reformatted later.",
                manifest=MANIFEST,
            ),
            _RESTORE,
        )
    paths = [check_path(resource.path, f"{folder}: {MANIFEST}") for resource in checked.resources]
    check_no_twins([*paths, MANIFEST], f"{folder}: {MANIFEST}")
    _refuse_other_tables(folder, schema, paths)
    return manifest, {resource.path: resource for resource in checked.resources}


def _refuse_other_tables(folder: Path, schema: str, paths: list[str]) -> None:
    """Refuse a manifest that lacks a file of its schema, or lists a table that its schema does not have."""
    lacking = sorted({*TABLES[schema], SPECS} - set(paths))
    if lacking:
        _refuse(
            folder,
            _(
                "{manifest} does not list {lacking}; every {schema} does. It was edited.",
                manifest=MANIFEST,
                lacking=", ".join(lacking),
                schema=schema,
            ),
            _RESTORE,
        )
    if schema == OLD_SCHEMA and TERMS in paths:
        _refuse(
            folder,
            _(
                "{manifest} lists {terms}, and its schema is {schema}, which has no such table. It was edited.",
                manifest=MANIFEST,
                terms=TERMS,
                schema=schema,
            ),
            _RESTORE,
        )


def _check_same_files(folder: Path, found: set[str], listed: set[str]) -> None:
    missing, added = sorted(listed - found), sorted(found - listed)
    if missing:
        _refuse(
            folder,
            _(
                "{missing} expected by {manifest}, found nothing. "
                "Deleted, or a copy was interrupted.",
                missing=", ".join(missing),
                manifest=MANIFEST,
            ),
            _RESTORE,
        )
    if added:
        _refuse(
            folder,
            _(
                "{added} found, but {manifest} does not list it. It was added later.",
                added=", ".join(added),
                manifest=MANIFEST,
            ),
            _("Move it out of the snapshot."),
        )


def _checked_bytes(folder: Path, resource: Resource) -> bytes:
    raw = _read_once(folder, resource.path, limit=resource.bytes)
    if len(raw) != resource.bytes:
        _refuse(
            folder,
            _(
                "{resource_path}: expected {bytes:,} bytes, found {raw:,}. "
                "Cut off by an interrupted copy or a full disk.",
                resource_path=resource.path,
                bytes=resource.bytes,
                raw=len(raw),
            ),
            _RESTORE,
        )
    digest = sha256_hex(raw)
    if digest != resource.sha256:
        _refuse(
            folder,
            _(
                "{resource_path}: expected sha256 {sha256}, found {digest}, at the right size. "
                "Edited, or damaged on disk or in transfer (line endings, for one).",
                resource_path=resource.path,
                sha256=resource.sha256,
                digest=digest,
            ),
            _RESTORE,
        )
    return raw


def _read_once(folder: Path, name: str, *, limit: int) -> bytes:
    """The file's bytes, from one opening that follows no link; refuses a file above `limit` before reading it."""
    try:
        handle = os.open(
            folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            _check_plain(folder, name, status)
            if status.st_size > limit:
                _refuse(
                    folder,
                    _(
                        "{name}: expected at most {limit:,} bytes, found {st_size:,}. "
                        "Appended to or replaced after the snapshot was written.",
                        name=name,
                        limit=limit,
                        st_size=status.st_size,
                    ),
                    _RESTORE,
                )
            return file.read(limit + 1)
    except OSError as error:
        _refuse(
            folder,
            _(
                "{name} cannot be read: {error}. Its permissions changed, or it was just replaced.",
                name=name,
                error=error,
            ),
            _RESTORE,
        )


def _refuse(folder: Path, what: str, remedy: str) -> NoReturn:
    raise SnapshotError(f"{folder}: {what} {remedy}")
