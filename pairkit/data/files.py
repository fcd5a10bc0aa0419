"""Daily bars from CSV and Parquet files: one file per root, or one long table; root level or contract level.

1. Each file is read as a table of cells; its headings are recognised (`pairkit.data.rows`).
2. Each cell is read as a date or a number. One that cannot be refuses the whole import, by file, row and column.
3. The root of each row comes from a column, or else from the file's name; its spec from the bundled table or the user's own
   (`pairkit.data.terms`).
4. The rows of all files are put in order. A row that repeats another exactly is dropped, and one that contradicts
   another refuses the import.
5. Contract-level bars get a mapping: the contract that each day names, or else the one with the most open interest
   the session before.

Whatever was dropped, put in order, ignored or missing is told in a finding. There are no partial results.
A file may also be given as its name and bytes, as an upload is; nothing of it is written to disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from pairkit.columns import TRADE_DATE
from pairkit.data.quality import examine_grid, examine_leg
from pairkit.data.rows import NUMBERS, read_rows
from pairkit.data.specs_file import OwnSpec, own_specs, refuse_unknown
from pairkit.data.table_file import SUFFIXES
from pairkit.data.terms import combine_terms
from pairkit.data.uploads import Upload
from pairkit.errors import DataError
from pairkit.findings import Finding, Severity
from pairkit.market.contracts import ContractSpec, bundled_specs
from pairkit.market.daily import not_daily
from pairkit.market.deliveries import one_names
from pairkit.market.spec_history import changes_among

_KEY = ["root", "contract", TRADE_DATE]
_TABLES = (*SUFFIXES, ".xlsx", ".xls")  # a workbook is not read, but refused rather than passed over
_SHOWN = 5
Given = str | os.PathLike[str] | Upload


@dataclass(frozen=True)
class SourceFile:
    """A file that was read: its name, size and sha256, for the record."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, eq=False)
class ImportedBars:
    """What `read_bars` made of the files.

    `bars` has `root, contract, trade_date`, the bar columns and limits, sorted; `mapping` is None where no root is at
    contract level; `specs` has one spec a root.
    """

    bars: pd.DataFrame
    mapping: pd.DataFrame | None
    specs: tuple[ContractSpec, ...]
    findings: tuple[Finding, ...]
    sources: tuple[SourceFile, ...]


def read_bars(
    paths: Given | Iterable[Given],
    *,
    specs: Mapping[str, OwnSpec | ContractSpec] | Iterable[OwnSpec | ContractSpec] | None = None,
) -> ImportedBars:
    """Read files of daily bars.

    Parameters
    ----------
    paths : path, Upload, or several
        CSV or Parquet files, or folders of them. A file holds one root, named by the file (`RB.csv`) or a column, or
        several.
    specs : specs, optional
        Of roots that the bundled table lacks; an `OwnSpec` may also override figures of the table.

    Raises
    ------
    DataError
        Anything in the files has no reading or two, rows contradict one another, or a root has no spec.
    """
    files, findings = _files(paths)
    own = own_specs(specs)
    known = {**bundled_specs(), **{code: one.spec for code, one in own.items()}}
    roots = {spec.name_zh.casefold(): spec.code for spec in known.values() if spec.name_zh}
    roots |= {code.casefold(): code for code in known}
    parts, sources = [], []
    for file in files:
        path, raw = (Path(file.name), file.content) if isinstance(file, Upload) else (file, _bytes_of(file))
        part, told = read_rows(path, raw, roots)
        sources.append(SourceFile(path.name, len(raw), sha256(raw).hexdigest()))
        parts.append(part)
        findings += told
    rows = _named_once(pd.concat(parts, ignore_index=True))
    refuse_unknown({str(root): str(file) for root, file in rows.drop_duplicates("root").set_index("root")["file"].items()}, own)
    bars = _in_order(rows, findings)
    mapping = _mapping(bars, findings)
    terms = [combine_terms(root, own=own.get(root)) for root in sorted(bars["root"].unique())]
    findings += [finding for _, told in terms for finding in told]
    specs = {spec.code: spec for spec, _ in terms}
    for root, of_root in bars.groupby("root"):
        findings += examine_grid(of_root, specs[str(root)])
    for root, contracts in bars.dropna(subset=["contract"]).groupby("root")["contract"]:
        findings += changes_among(specs[str(root)], contracts.unique())
    return ImportedBars(bars, mapping, tuple(specs.values()), tuple(findings), tuple(sources))


# --- files -----------------------------------------------------------------------------------------------------------
def _files(paths: Given | Iterable[Given]) -> tuple[list[Path | Upload], list[Finding]]:
    """The files to read, and a finding for what a folder holds beside them."""
    given = [paths] if isinstance(paths, str | os.PathLike | Upload) else list(paths)
    files: list[Path | Upload] = []
    ignored: list[str] = []
    for one in given:
        if isinstance(one, Upload):
            files.append(one)
            continue
        path = Path(one)
        if not path.exists():
            raise DataError(f"{path} does not exist; give CSV or Parquet files, or a folder of them.")
        below = sorted(file for file in path.rglob("*") if not file.is_dir()) if path.is_dir() else [path]
        for file in below:
            if file == path or (file.is_file() and file.suffix.casefold() in _TABLES):
                files.append(file)
            else:
                ignored.append(file.name)
    if not files:
        raise DataError(f"{', '.join(map(str, given)) or 'the list of paths'}: no file ending in "
                        f"{', '.join(SUFFIXES)}.")
    if ignored:
        shown = ", ".join(Path(file).name for file in ignored[:_SHOWN])
        return files, [Finding("ignored_file", "info", f"{len(ignored)} in the folder are no tables and were not read: "
                                                       f"{shown}.",
                               count=len(ignored))]
    return files, []


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


# --- all rows --------------------------------------------------------------------------------------------------------
def _named_once(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with one name for each contract, however the files spell it (market/deliveries.py)."""
    names = rows["contract"].to_numpy(dtype=object).copy()
    for root, of_root in rows[rows["contract"].notna()].groupby("root"):
        names[of_root.index] = one_names(of_root["contract"], of_root[TRADE_DATE], str(root))
    return rows.assign(contract=pd.array(names, dtype="str"))


def _in_order(rows: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """The rows sorted, each key once; appends what was done to `findings`."""
    for (root, file), of_file in rows.groupby(["root", "file"], sort=True):
        steps = of_file.groupby("contract", dropna=False)[TRADE_DATE].diff().dt.days
        late = of_file.loc[steps < 0, TRADE_DATE]
        if len(late):
            findings.append(_finding("unsorted_rows", "info", str(root), late,
                                     f"{file}: {len(late)} rows of {root} are not in order of date; sorted."))
    ordered = rows.sort_values([*_KEY, "file", "row"], kind="stable", ignore_index=True)
    same_key = ordered.duplicated(_KEY)
    repeats = ordered.duplicated([*_KEY, *NUMBERS])
    if (same_key & ~repeats).any():
        raise DataError(_contradiction(ordered, int(np.argmax((same_key & ~repeats).to_numpy()))))
    for root, of_root in ordered[repeats].groupby("root"):
        findings.append(_finding("duplicate_rows", "warning", str(root), of_root[TRADE_DATE],
                                 f"{root!s}: {len(of_root)} rows repeat another exactly; dropped."))
    bars = ordered.loc[~repeats, [*_KEY, *NUMBERS]].reset_index(drop=True)
    for root, of_root in bars.groupby("root"):
        if instead := not_daily(pd.DatetimeIndex(of_root[TRADE_DATE].unique())):
            raise DataError(f"{root!s} has {instead} bars; pairkit takes daily ones, one row for each session.")
        _tell_absent(str(root), of_root, findings)
    return bars


def _contradiction(ordered: pd.DataFrame, second: int) -> str:
    """Two rows of one bar that differ, in words."""
    row = ordered.iloc[second]
    same = (ordered[_KEY].astype(object).where(ordered[_KEY].notna(), "") ==
            row[_KEY].astype(object).where(row[_KEY].notna(), "")).all(axis=1)
    other = ordered[same].iloc[0]
    beside = (ordered["file"] == row["file"]) & (ordered["root"] == row["root"])
    beside &= ordered["contract"].isna() if pd.isna(row["contract"]) else ordered["contract"] == row["contract"]
    if instead := not_daily(pd.DatetimeIndex(ordered.loc[beside, TRADE_DATE])):
        return f"{row['file']}: {row['root']} has {instead} bars; pairkit takes daily ones, one row for each session."
    differing = [name for name in NUMBERS if not np.array_equal(row[name], other[name], equal_nan=True)]
    values = "; ".join(f"{name} {other[name]:g} and {row[name]:g}" for name in differing)
    name = str(row["root"] if pd.isna(row["contract"]) else row["contract"])
    return (f"{name} {row[TRADE_DATE]:%Y-%m-%d} is given twice and differs: {values} ({other['file']} row "
            f"{other['row']}, {row['file']} row {row['row']}). Keep the right one.")


def _tell_absent(root: str, bars: pd.DataFrame, findings: list[Finding]) -> None:
    """Findings for a column that may be absent, and for missing cells in the others."""
    for name, use in (("settle", "daily settlement is not known"), ("open_interest", "open positions are not known")):
        if bars[name].isna().all():
            findings.append(Finding(f"no_{name}", "info", f"{root} has no {name}: {use}.", root, len(bars)))
    if bars["contract"].isna().any() and bars["contract"].notna().any():
        raise DataError(f"{root} has bars with a contract and bars without; name the contract of all of them, or of "
                        "none.")


def _mapping(bars: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame | None:
    """The dominant contract of each day, for the roots at contract level."""
    from pairkit.market.rolls import dominant_by_open_interest

    parts = []
    for root, of_root in bars[bars["contract"].notna()].groupby("root"):
        if not of_root[TRADE_DATE].duplicated().any():
            parts.append(_as_named(of_root))
            how = "each day names one contract; that is taken as chosen at the previous close"
        else:
            known = bool((of_root["open_interest"] > 0.0).any())
            chosen_by = of_root if known else of_root.assign(open_interest=of_root["volume"])
            parts.append(dominant_by_open_interest(chosen_by))
            what = "open interest" if known else "volume, as there is no open interest,"
            how = f"the dominant contract is the one with the most {what} at the previous close"
        findings.append(Finding("mapping_made", "info", root=str(root), message=f"{root}: {how}."))
        findings += examine_leg(of_root, parts[-1])
    return pd.concat(parts, ignore_index=True) if parts else None


def _as_named(bars: pd.DataFrame) -> pd.DataFrame:
    """The mapping of a series that has one bar a day and says of which contract."""
    in_order = bars.sort_values(TRADE_DATE)
    known = in_order[TRADE_DATE].shift(1).fillna(in_order[TRADE_DATE] - pd.Timedelta(days=1))
    columns = in_order[["root", TRADE_DATE, "contract"]]
    return columns.assign(known_date=known).reset_index(drop=True)


def _finding(kind: str, severity: Severity, root: str, dates: pd.Series, message: str) -> Finding:
    shown = tuple(f"{day:%Y-%m-%d}" for day in sorted(dates)[:_SHOWN])
    return Finding(kind, severity, message, root, len(dates), shown)
