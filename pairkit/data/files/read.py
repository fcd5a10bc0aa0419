"""Import of daily bars from CSV and Parquet: one file per root, or one long table; root level or contract level.

1. The unpacked size of each file is known before one is read, and is limited in all (`pairkit.data.files.table`). Then each
   is read as a table of cells; its headings are recognised (`pairkit.data.files.rows`).
2. Each cell is read as a date or a number. One that cannot be refuses the whole import, by file, row and column.
3. The root of each row comes from a column, or else from the file's name; its spec from the bundled table or the user's own
   (`pairkit.data.terms.combine`).
4. The rows of all files are put in order. A row that repeats another exactly is dropped, and one that contradicts
   another refuses the import.
5. Contract-level bars get a mapping: the user's own, or the contract that each day names, or else the one with the most open
   interest the session before.

Whatever was dropped, put in order, ignored or missing is reported in a finding. There are no partial results.
A file may also be given as its name and bytes, as an upload is; nothing of it is written to disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pairkit.columns import TRADE_DATE
from pairkit.data.files.cells import NUMBERS
from pairkit.data.files.companions import SHOWN, days_finding, fit_mapping, sessions_of
from pairkit.data.files.rows import names_known_root, read_days, read_named, read_rows
from pairkit.data.files.table import (
    SUFFIXES,
    Extent,
    extent_of,
    has_headings_of_bars,
    read_table,
    refuse_huge_together,
)
from pairkit.data.files.uploads import MAX_DISK_BYTES, Given, Upload, bytes_of
from pairkit.data.quality import examine_grid, examine_leg
from pairkit.data.terms.combine import combine_terms
from pairkit.data.terms.dated import dated_terms, unused_terms
from pairkit.data.terms.own_terms import check_own_terms
from pairkit.data.terms.specs_file import OwnSpec, own_specs, refuse_unknown
from pairkit.data.terms.terms_file import UserTerms
from pairkit.errors import DataError
from pairkit.findings import Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import ContractSpec, bundled_specs
from pairkit.market.daily import not_daily
from pairkit.market.deliveries import one_names
from pairkit.market.spec_history import changes_among

_KEY = ["root", "contract", TRADE_DATE]
_WORKBOOKS = (".xlsx", ".xls")  # not read, but refused rather than passed over
MAX_FILES_BELOW = 20_000  # of a folder, of any kind


@dataclass(frozen=True)
class SourceFile:
    """A file that was read: its name, size and sha256, for the record."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, eq=False)
class ImportedBars:
    """Result of `read_bars`.

    `bars` has `root, contract, trade_date`, the bar columns and limits, sorted; `mapping` is None where no root is at
    contract level; `specs` has one spec a root. `calendar` has the sessions of the user's calendar from the first bar to
    the last, None without one; `mapping_source` and `calendar_source` are the files of either.
    """

    bars: pd.DataFrame
    mapping: pd.DataFrame | None
    specs: tuple[ContractSpec, ...]
    findings: tuple[Finding, ...]
    sources: tuple[SourceFile, ...]
    calendar: pd.DatetimeIndex | None = None
    mapping_source: SourceFile | None = None
    calendar_source: SourceFile | None = None


class _Given(NamedTuple):
    """A file to read: its path or upload, and whether it was met in a folder rather than named."""

    file: Given
    in_folder: bool = False

    @property
    def path(self) -> Path:
        """Path of the file, or the name of an upload."""
        return Path(self.file.name if isinstance(self.file, Upload) else self.file)


def read_bars(
    paths: Given | Iterable[Given],
    *,
    mapping: Given | None = None,
    calendar: Given | None = None,
    specs: Mapping[str, OwnSpec | ContractSpec] | Iterable[OwnSpec | ContractSpec] | None = None,
    terms: UserTerms | None = None,
) -> ImportedBars:
    """Read files of daily bars.

    Parameters
    ----------
    paths : path, Upload, or several
        CSV or Parquet files, or folders of them. A file holds one root, named by the file (`RB.csv`) or a column, or
        several.
    mapping : path or Upload, optional
        Dates, roots and contracts: which contract is dominant on each day, as known at the close before. It comes before what
        would be chosen by open interest or volume, for the roots that it has.
    calendar : path or Upload, optional
        The sessions of the bars' market: dates, one a line or in a column.
    specs : specs, optional
        Of roots that the bundled table lacks; an `OwnSpec` may also override figures of the table.
    terms : UserTerms, optional
        The user's own records of terms, which come before the bundled ones.

    Raises
    ------
    DataError
        Anything in the files has no reading or two, rows contradict one another, or a root has no spec.
    """
    own = own_specs(specs)
    known = {**bundled_specs(), **{code: one.spec for code, one in own.items()}}
    roots = {spec.name_zh.casefold(): spec.code for spec in known.values() if spec.name_zh}
    roots |= {code.casefold(): code for code in known}
    files, ignored = _files(paths, beside=[one for one in (mapping, calendar) if one is not None])
    raws = _raws(files)
    files_of_bars, stray = _files_of_bars(files, raws, roots)
    findings = _findings_of_ignored([*ignored, *stray])
    parts, sources = [], []
    for one, raw in files_of_bars:
        part, of_file = read_rows(one.path, raw, roots)
        sources.append(_source(one.path, raw))
        parts.append(part)
        findings += of_file
    rows = pd.concat(parts, ignore_index=True)
    chosen, mapping_source = _read_mapping(mapping, roots, findings)
    rows, chosen = _named_once(rows, chosen)
    refuse_unknown(
        {
            str(root): str(file)
            for root, file in rows.drop_duplicates("root").set_index("root")["file"].items()
        },
        own,
    )
    bars = _in_order(rows, findings)
    sessions, calendar_source = _read_calendar(calendar, bars)
    made = _mapping(
        bars, None if chosen is None else fit_mapping(chosen, bars, findings), sessions, findings
    )
    of_code = _specs_of(bars, own, terms or UserTerms({}, {}), findings)
    for root, of_root in bars.groupby("root"):
        findings += examine_grid(of_root, of_code[str(root)])
    for root, contracts in bars.dropna(subset=["contract"]).groupby("root")["contract"]:
        findings += changes_among(of_code[str(root)], contracts.unique())
    return ImportedBars(
        bars,
        made,
        tuple(of_code.values()),
        tuple(findings),
        tuple(sources),
        sessions,
        mapping_source,
        calendar_source,
    )


def _specs_of(
    bars: pd.DataFrame, own: Mapping[str, OwnSpec], mine: UserTerms, findings: list[Finding]
) -> dict[str, ContractSpec]:
    """The spec of each root with its table of terms; what is found on the way is added to `findings`."""
    of_code: dict[str, ContractSpec] = {}
    for root in sorted(bars["root"].unique()):
        spec, of_spec = combine_terms(root, own=own.get(root))
        findings += of_spec
        of_root = bars[bars["root"] == root]
        own_records = mine.records.get(root, ()), mine.override.get(root, ())
        findings += check_own_terms(root, *own_records, float(of_root["close"].median()))
        of_code[root] = dated_terms(
            spec,
            own=own.get(root),
            mine=own_records[0],
            override=own_records[1],
            contracts=of_root["contract"].dropna().unique(),
        )
    findings += unused_terms(mine, of_code)
    return of_code


# --- files -----------------------------------------------------------------------------------------------------------
def _files(paths: Given | Iterable[Given], beside: list[Given]) -> tuple[list[_Given], list[str]]:
    """The files to read, and the names of what a folder holds besides; files that are given for another use are neither."""
    given = [paths] if isinstance(paths, str | os.PathLike | Upload) else list(paths)
    elsewhere = {os.path.realpath(one) for one in beside if not isinstance(one, Upload)}
    files: list[_Given] = []
    ignored: list[str] = []
    for one in given:
        if isinstance(one, Upload) or not _is_folder(Path(one)):
            files.append(_Given(one))
            continue
        below = list(islice(Path(one).rglob("*"), MAX_FILES_BELOW + 1))
        if len(below) > MAX_FILES_BELOW:
            raise DataError(
                _(
                    "{one} holds more than {max_files_below:,} files and folders; give the folder of the bars alone.",
                    one=one,
                    max_files_below=MAX_FILES_BELOW,
                )
            )
        for file in sorted(
            file for file in below if not file.is_dir() and os.path.realpath(file) not in elsewhere
        ):
            hidden = file.name.startswith((".", "~$"))
            if file.is_file() and not hidden and file.suffix.casefold() in (*SUFFIXES, *_WORKBOOKS):
                files.append(_Given(file, in_folder=True))
            else:
                ignored.append(file.name)
    if not files:
        raise DataError(
            _(
                "{given}: no file ending in {suffixes}.",
                given=", ".join(map(str, given)) or "the list of paths",
                suffixes=", ".join(SUFFIXES),
            )
        )
    return files, ignored


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # too long a name, for one; reading it will say so
        return False


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        raise DataError(
            _("{path} does not exist; give CSV or Parquet files, or a folder of them.", path=path)
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(_("{path} cannot be read: {error}.", path=path, error=error)) from error


def _raws(files: list[_Given]) -> list[bytes]:
    """The bytes of each file, within the limit of all of them."""
    raws, left = [], MAX_DISK_BYTES
    for one in files:
        if isinstance(one.file, Upload) or _size_of(one.path) <= left:
            raws.append(bytes_of(one.file))
            left -= len(raws[-1])
        else:
            raise DataError(
                _(
                    "the files have more "
                    "than {max_disk_bytes:,} bytes together; {one_path} is one too many. "
                    "Import fewer at once.",
                    max_disk_bytes=MAX_DISK_BYTES,
                    one_path=one.path,
                )
            )
    return raws


def _files_of_bars(
    files: list[_Given], raws: list[bytes], roots: dict[str, str]
) -> tuple[list[tuple[_Given, bytes]], list[str]]:
    """The files that are bars, and the names of those that only lie in a folder with them; refuses what is too large in all."""
    kept, stray, extents = [], [], list[Extent]()
    for one, raw in zip(files, raws, strict=True):
        name = one.path.name
        if (
            one.in_folder
            and one.path.suffix.casefold() not in _WORKBOOKS
            and not (has_headings_of_bars(one.path, raw) or names_known_root(name, roots))
        ):
            stray.append(name)
            continue
        kept.append((one, raw))
        extents.append(extent_of(one.path, raw))
    if not kept:
        read_table(files[0].path, raws[0])  # says best what is wrong with the first
        raise DataError(
            _(
                "{first_file_path} has no headings of bars, nor has any other file of the folder. Headings are date, "
                "open, high, low, close, volume, in English or Chinese.",
                first_file_path=files[0].path,
            )
        )
    refuse_huge_together(extents)
    return kept, stray


def _findings_of_ignored(names: list[str]) -> list[Finding]:
    if not names:
        return []
    return [
        Finding(
            "ignored_file",
            "warning",
            count=len(names),
            message=in_english(
                "{names} in the folder are no tables of bars and were not read: {shown}.",
                names=len(names),
                shown=", ".join(names[:SHOWN]),
            ),
        )
    ]


def _source(path: Path, raw: bytes) -> SourceFile:
    return SourceFile(path.name, len(raw), sha256(raw).hexdigest())


# --- beside the bars -------------------------------------------------------------------------------------------------
def _read_mapping(
    given: Given | None, roots: dict[str, str], findings: list[Finding]
) -> tuple[pd.DataFrame | None, SourceFile | None]:
    """The user's mapping as it stands, `file, row, trade_date, root, contract`."""
    if given is None:
        return None, None
    path, raw = _Given(given).path, bytes_of(given)
    rows, of_file = read_named(path, raw, roots)
    findings += of_file
    return rows, _source(path, raw)


def _read_calendar(
    given: Given | None, bars: pd.DataFrame
) -> tuple[pd.DatetimeIndex | None, SourceFile | None]:
    """The sessions of the user's calendar from the first bar to the last."""
    if given is None:
        return None, None
    path, raw = _Given(given).path, bytes_of(given)
    return sessions_of(path, read_days(path, raw), bars), _source(path, raw)


# --- all rows --------------------------------------------------------------------------------------------------------
def _named_once(
    rows: pd.DataFrame, chosen: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The rows, and those of the user's mapping, with one name for each contract, however spelt (market/deliveries.py)."""
    both = pd.concat([rows, chosen], ignore_index=True)
    names = both["contract"].to_numpy(dtype=object).copy()
    for root, of_root in both[both["contract"].notna()].groupby("root"):
        names[of_root.index] = one_names(of_root["contract"], of_root[TRADE_DATE], str(root))
    named = [
        part.assign(contract=pd.array(these, dtype="str"))
        for part, these in ((rows, names[: len(rows)]), (chosen, names[len(rows) :]))
        if part is not None
    ]
    return named[0], named[1] if chosen is not None else None


def _in_order(rows: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """The rows sorted, each key once; appends what was done to `findings`."""
    for (root, file), of_file in rows.groupby(["root", "file"], sort=True):
        steps = of_file.groupby("contract", dropna=False)[TRADE_DATE].diff().dt.days
        late = of_file.loc[steps < 0, TRADE_DATE]
        if len(late):
            findings.append(
                days_finding(
                    "unsorted_rows",
                    "info",
                    str(root),
                    late,
                    in_english(
                        "{file}: {late} rows of {root} are not in order of date; sorted.",
                        file=file,
                        late=len(late),
                        root=root,
                    ),
                )
            )
    ordered = rows.sort_values([*_KEY, "file", "row"], kind="stable", ignore_index=True)
    same_key = ordered.duplicated(_KEY)
    repeats = ordered.duplicated([*_KEY, *NUMBERS])
    if (same_key & ~repeats).any():
        raise DataError(_contradiction(ordered, int(np.argmax((same_key & ~repeats).to_numpy()))))
    for root, of_root in ordered[repeats].groupby("root"):
        findings.append(
            days_finding(
                "duplicate_rows",
                "warning",
                str(root),
                of_root[TRADE_DATE],
                in_english(
                    "{root!s}: {of_root} rows repeat another exactly; dropped.",
                    root=root,
                    of_root=len(of_root),
                ),
            )
        )
    bars = ordered.loc[~repeats, [*_KEY, *NUMBERS]].reset_index(drop=True)
    for root, of_root in bars.groupby("root"):
        if instead := not_daily(pd.DatetimeIndex(of_root[TRADE_DATE].unique())):
            raise DataError(
                _(
                    "{root!s} has {instead} bars; pairkit takes daily ones, one row for each session.",
                    root=root,
                    instead=instead,
                )
            )
        _check_optional_columns(str(root), of_root, findings)
    return bars


def _contradiction(ordered: pd.DataFrame, second: int) -> str:
    """Message on two rows of one bar that differ."""
    row = ordered.iloc[second]
    same = (
        ordered[_KEY].astype(object).where(ordered[_KEY].notna(), "")
        == row[_KEY].astype(object).where(row[_KEY].notna(), "")
    ).all(axis=1)
    other = ordered[same].iloc[0]
    beside = (ordered["file"] == row["file"]) & (ordered["root"] == row["root"])
    beside &= (
        ordered["contract"].isna()
        if pd.isna(row["contract"])
        else ordered["contract"] == row["contract"]
    )
    if instead := not_daily(pd.DatetimeIndex(ordered.loc[beside, TRADE_DATE])):
        return in_english(
            "{file}: {root} has {instead} bars; pairkit takes daily ones, one row for each session.",
            file=row["file"],
            root=row["root"],
            instead=instead,
        )
    differing = [
        name for name in NUMBERS if not np.array_equal(row[name], other[name], equal_nan=True)
    ]
    values = "; ".join(
        in_english("{name} {other:g} and {row:g}", name=name, other=other[name], row=row[name])
        for name in differing
    )
    name = str(row["root"] if pd.isna(row["contract"]) else row["contract"])
    return in_english(
        "{name} {row:%Y-%m-%d} is given twice and differs: {values} "
        "({file} row {other_row}, {file_of_row} row {this_row}). Keep the right one.",
        name=name,
        row=row[TRADE_DATE],
        values=values,
        file=other["file"],
        other_row=other["row"],
        file_of_row=row["file"],
        this_row=row["row"],
    )


def _check_optional_columns(root: str, bars: pd.DataFrame, findings: list[Finding]) -> None:
    """Findings on optional columns that are absent, and on missing cells in the others."""
    for name, use in (
        ("settle", in_english("daily settlement is not known")),
        ("open_interest", in_english("open positions are not known")),
    ):
        if bars[name].isna().all():
            findings.append(
                Finding(
                    f"no_{name}",
                    "info",
                    in_english("{root} has no {name}: {use}.", root=root, name=name, use=use),
                    root,
                    len(bars),
                )
            )
    if bars["contract"].isna().any() and bars["contract"].notna().any():
        raise DataError(
            _(
                "{root} has bars with a contract "
                "and bars without; name the contract of all of them, or of none.",
                root=root,
            )
        )


def _mapping(
    bars: pd.DataFrame,
    chosen: pd.DataFrame | None,
    sessions: pd.DatetimeIndex | None,
    findings: list[Finding],
) -> pd.DataFrame | None:
    """The dominant contract of each day, for the roots at contract level: as chosen by the user, or else found."""
    from pairkit.market.rolls import dominant_by_open_interest

    parts = []
    for root, of_root in bars[bars["contract"].notna()].groupby("root"):
        own = None if chosen is None else chosen[chosen["root"] == root]
        if own is not None and len(own):
            days = of_root[TRADE_DATE] if sessions is None else pd.Series(sessions)
            parts.append(_as_named(own, pd.concat([days, own[TRADE_DATE]])))
            how = in_english(
                "the dominant contract is the one that {first_iloc} names, taken as known at the previous close",
                first_iloc=own["file"].iloc[0],
            )
        elif not of_root[TRADE_DATE].duplicated().any():
            parts.append(_as_named(of_root, of_root[TRADE_DATE]))
            how = in_english(
                "each day names one contract; that is taken as chosen at the previous close"
            )
        else:
            known = bool((of_root["open_interest"] > 0.0).any())
            chosen_by = of_root if known else of_root.assign(open_interest=of_root["volume"])
            parts.append(dominant_by_open_interest(chosen_by))
            what = (
                in_english("open interest")
                if known
                else in_english("volume, as there is no open interest,")
            )
            how = in_english(
                "the dominant contract is the one with the most {what} at the previous close",
                what=what,
            )
        findings.append(Finding("mapping_made", "info", root=str(root), message=f"{root}: {how}."))
        findings += examine_leg(of_root, parts[-1])
    return pd.concat(parts, ignore_index=True) if parts else None


def _as_named(rows: pd.DataFrame, sessions: pd.Series) -> pd.DataFrame:
    """The mapping that rows of one contract a day name, each known at the session before its own."""
    in_order = rows.sort_values(TRADE_DATE)
    days = pd.DatetimeIndex(np.unique(sessions))
    before = days.searchsorted(pd.DatetimeIndex(in_order[TRADE_DATE])) - 1
    known = np.where(
        before < 0, in_order[TRADE_DATE] - pd.Timedelta(days=1), days[np.maximum(before, 0)]
    )
    columns = in_order[["root", TRADE_DATE, "contract"]]
    return columns.assign(known_date=known).reset_index(drop=True)
