"""Snapshot import from files or uploads: read, examine, seal. Each file's sha256 and every finding are recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from pairkit.audit.seal import check_slug, refuse_if_taken
from pairkit.audit.snapshots.snapshot import Snapshot, write_snapshot
from pairkit.data.files.read import read_bars
from pairkit.data.files.uploads import Given
from pairkit.data.quality import examine
from pairkit.data.terms.dated import terms_findings
from pairkit.data.terms.specs_file import read_specs
from pairkit.data.terms.terms_file import read_terms_file


def import_files(
    paths: Given | Iterable[Given],
    *,
    name: str,
    folder: str | os.PathLike[str] = "snapshots",
    specs_file: Given | None = None,
    mapping_file: Given | None = None,
    calendar_file: Given | None = None,
    terms_file: Given | None = None,
) -> Snapshot:
    """Make the snapshot `folder/name` from CSV and Parquet files of daily bars.

    Parameters
    ----------
    paths : path, Upload, or several
        Files, or folders of them, as `read_bars` takes.
    name, folder
        The snapshot's name, and the folder of snapshots it goes to.
    specs_file : path or Upload, optional
        Contract specs of roots that are not bundled, or with overrides, as `read_specs` takes.
    mapping_file, calendar_file : path or Upload, optional
        Which contract is dominant on each day, and the sessions on which bars are expected, as `read_bars` takes them.
    terms_file : path or Upload, optional
        The user's own records of terms by contract, delivery and day, as `read_terms_file` takes them.

    Raises
    ------
    DataError
        A file, the specs, the mapping or the calendar cannot be understood, or do not fit together. Nothing is written.
    SnapshotError
        The name is not accepted or taken, or the disk refuses.
    """
    refuse_if_taken(Path(folder) / check_slug(name))
    imported = read_bars(
        paths,
        specs=None if specs_file is None else read_specs(specs_file),
        mapping=mapping_file,
        calendar=calendar_file,
        terms=None if terms_file is None else read_terms_file(terms_file),
    )
    beside = {"mapping_file": imported.mapping_source, "calendar_file": imported.calendar_source}
    return write_snapshot(
        folder,
        name,
        bars=imported.bars,
        mapping=imported.mapping,
        specs=imported.specs,
        calendar=imported.calendar,
        data_scope={
            "source": "files",
            "files": [asdict(source) for source in imported.sources],
            **{use: asdict(source) for use, source in beside.items() if source is not None},
        },
        findings=(
            *imported.findings,
            *terms_findings(imported.bars, imported.mapping, imported.specs),
            *examine(imported.bars, imported.calendar),
        ),
    )
