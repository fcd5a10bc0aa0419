"""Extension of a snapshot by later sessions, as a new snapshot of the same line; what the snapshot had stays as it was.

1. From a provider, the last ten sessions are fetched once more and what came after them; from files, what they hold.
2. A bar that now has other figures was revised by the vendor: the new figures count, and a finding lists the days.
   Bars that are not given anew stay.
3. Which contract was dominant, and on which terms it traded, stay as they were known; only later days are added.
4. The last session must be whole: each root has a close of the contract that it holds. Else nothing is written.

The new snapshot is `NAME@` and its last session; it cites the one before (`lineage`) and the first of the line (`line`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from pairkit.audit.snapshots.diff import KEY
from pairkit.audit.snapshots.line import line_of
from pairkit.audit.snapshots.snapshot import ERRORS_CAME, Snapshot, write_snapshot
from pairkit.columns import BAR_COLUMNS, TRADE_DATE, names
from pairkit.data.files.read import read_bars
from pairkit.data.files.uploads import Given
from pairkit.data.provider.download import download_market
from pairkit.data.provider.market import Step
from pairkit.data.provider.source import Source
from pairkit.data.quality import examine, examine_grid, missing_dominant_bar, without_close
from pairkit.data.terms.dated import terms_findings
from pairkit.data.terms.specs_file import OwnSpec, read_specs
from pairkit.data.terms.terms_file import UserTerms, read_terms_file
from pairkit.errors import DataError, IncompleteAnswerError, SnapshotError
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import ContractSpec, bundled_specs, bundled_terms
from pairkit.market.rolls import dominant_by_open_interest, leg_table
from pairkit.market.spec_history import own_table
from pairkit.market.terms import TermRecord, TermsTable

OVERLAP = 10  # sessions that are fetched once more, to see what the vendor revised
_MOST_LISTED = 10  # terms that a message names
# Share of the bars of a root that are given anew and may differ: more is another series, or other columns.
_MOST_REVISED = 0.5
_AS_BAD = ("ghost_bar",)  # a warning among old bars; of a session that came, the bar of another one
_FIGURES = (*names(BAR_COLUMNS), "up_limit", "down_limit")


@dataclass(frozen=True, eq=False)
class Extension:
    """The newest snapshot of a line after an extension.

    Attributes
    ----------
    snapshot : Snapshot
        The new snapshot; the given one where there is no later session.
    sessions : int
        How many came.
    revised : int
        Bars that the vendor revised.
    calls : int
        Requests that it took.
    stale : bool
        Part of the answers came from an expired cache.
    """

    snapshot: Snapshot
    sessions: int = 0
    revised: int = 0
    calls: int = 0
    stale: bool = False


@dataclass(frozen=True, eq=False)
class _Later:
    """Later sessions: tables as `write_snapshot` takes them, and their origin."""

    bars: pd.DataFrame
    mapping: pd.DataFrame
    specs: tuple[ContractSpec, ...]
    calendar: pd.DatetimeIndex
    scope: dict[str, Any]
    findings: tuple[Finding, ...]
    again: str  # when to ask again


def extend_from_source(
    snapshot: Snapshot,
    source: Source,
    end: date,
    *,
    folder: str | os.PathLike[str] = "snapshots",
    allow_missing: bool = False,
    user_specs: Mapping[str, OwnSpec] | None = None,
    user_terms: UserTerms | None = None,
    progress: Callable[[Step], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Extension:
    """Extend a downloaded snapshot up to `end`, or to the last session that the provider has published by now.

    Parameters
    ----------
    snapshot : Snapshot
        The newest of its line.
    source : Source
        The provider of its bars.
    end : date
        The last day.
    folder : path
        Of snapshots.
    allow_missing : bool
        Whether a last session that is not whole is accepted.
    user_specs, user_terms, progress, cancelled
        As `download_market` has them. A snapshot with terms of the user's own needs them again.

    Raises
    ------
    SourceError
        The provider cannot answer. Nothing is written; answers received so far stay in the cache.
    IncompleteAnswerError
        The last session is not whole: which bars are not there, and when to ask again.
    SnapshotError
        It is of another source, or stands on terms of the user's own that were not given.
    """
    scope = snapshot.manifest["data_scope"]
    if scope["source"] != source.name:
        raise SnapshotError(
            _(
                "snapshot {snapshot_label!r} is of {source}, not of {source_name}; it is extended from there.",
                snapshot_label=snapshot.label,
                source=scope["source"],
                source_name=source.name,
            )
        )
    last = snapshot.calendar[-1].date()
    end = min(end, source.published_to())
    if end <= last:
        return Extension(snapshot)
    first = snapshot.calendar[-OVERLAP:][0].date()
    market = download_market(
        source,
        [f"{root}.{spec.exchange}" for root, spec in snapshot.specs.items()],
        first,
        end,
        rule=scope["dominant"]["rule"],
        contracts=scope["asked"].get("contracts", "main"),
        user_specs=user_specs,
        user_terms=user_terms,
        allow_missing=allow_missing,
        progress=progress,
        cancelled=cancelled,
    )
    _refuse_lost_terms(snapshot, source.name, market.specs)
    if market.stale and not allow_missing:
        raise IncompleteAnswerError(
            _(
                "{source_name} is down, and part of the answers came from an expired cache. Nothing was written; ask again later, or "
                "accept it with --allow-missing.",
                source_name=source.name,
            )
        )
    request = {**scope["asked"], "end": end.isoformat()}
    answer = {name: market.data_scope[name] for name in ("source_version", "fetched_at", "stale")}
    later = _Later(
        market.bars,
        market.mapping,
        market.specs,
        market.calendar,
        {**scope, "asked": request, **answer},
        market.findings,
        _(
            "{source_name} has a session's bars at {published_at}; ask again after that",
            source_name=source.name,
            published_at=source.published_at,
        ),
    )
    return replace(
        _extended(snapshot, later, folder, allow_missing), calls=market.calls, stale=market.stale
    )


def extend_from_files(
    snapshot: Snapshot,
    paths: Given | Iterable[Given],
    *,
    folder: str | os.PathLike[str] = "snapshots",
    allow_missing: bool = False,
    specs_file: Given | None = None,
    mapping_file: Given | None = None,
    calendar_file: Given | None = None,
    terms_file: Given | None = None,
) -> Extension:
    """Extend an imported snapshot by what files hold: all days once more, or the new ones alone.

    Parameters
    ----------
    snapshot : Snapshot
        The newest of its line.
    paths, folder, specs_file, mapping_file, calendar_file, terms_file
        As `import_files` has them.
    allow_missing : bool
        Whether a last session that is not whole is accepted.

    Raises
    ------
    DataError
        The files cannot be understood, or have other roots.
    IncompleteAnswerError
        The last session is not whole: which bars are not there.
    SnapshotError
        The snapshot is not of files, or was imported with a mapping or terms of the user's own that were not given.
    """
    scope = snapshot.manifest["data_scope"]
    if scope["source"] != "files":
        raise SnapshotError(
            _(
                "snapshot {snapshot_label!r} is of {source}; give no files to extend it.",
                snapshot_label=snapshot.label,
                source=scope["source"],
            )
        )
    if "mapping_file" in scope and mapping_file is None:
        raise SnapshotError(
            _(
                "snapshot {snapshot_label!r} has its dominant contracts from a file; give it again with --mapping.",
                snapshot_label=snapshot.label,
            )
        )
    own = None if specs_file is None else read_specs(specs_file)
    terms = None if terms_file is None else read_terms_file(terms_file)
    came = read_bars(
        paths,
        specs=own if own is not None else list(snapshot.specs.values()),
        mapping=mapping_file,
        calendar=calendar_file,
        terms=terms,
    )
    _refuse_lost_terms(snapshot, "files", came.specs)
    days = (
        pd.DatetimeIndex(np.unique(came.bars[TRADE_DATE]))
        if came.calendar is None
        else came.calendar
    )
    later = _Later(
        came.bars,
        _mapping_of_files(snapshot, came.bars, came.mapping, given=mapping_file is not None),
        came.specs,
        days,
        {**scope, "files": [*scope["files"], *(asdict(one) for one in came.sources)]},
        came.findings,
        _("extend again when the files have them"),
    )
    return _extended(snapshot, later, folder, allow_missing)


def _mapping_of_files(
    snapshot: Snapshot, bars: pd.DataFrame, mapping: pd.DataFrame | None, *, given: bool
) -> pd.DataFrame:
    """The dominant contracts of the later days: of the file, else by the open interest of all bars together."""
    own = snapshot.mapping.iloc[:0] if mapping is None else mapping
    if given or own.empty:
        return own
    try:
        return dominant_by_open_interest(_with(snapshot.bars, bars))
    except DataError:  # none: the files' own choice, by volume
        return own


# --- putting together --------------------------------------------------------------------------------------------------
def _extended(
    snapshot: Snapshot, later: _Later, folder: str | os.PathLike[str], allow_missing: bool
) -> Extension:
    """The snapshot with the later sessions, published; itself where there are none."""
    last = snapshot.calendar[-1]
    came = later.calendar[later.calendar > last]
    if strange := sorted(set(later.bars["root"].unique()) - set(snapshot.roots)):
        raise DataError(
            _(
                "the files have {strange}, which snapshot {snapshot_label!r} has not; a line keeps its roots "
                "({roots}). Import them as another snapshot.",
                strange=", ".join(strange),
                snapshot_label=snapshot.label,
                roots=", ".join(snapshot.roots),
            )
        )
    if not len(came):
        return Extension(snapshot)
    bars = _with(snapshot.bars, later.bars)
    mapping = _mapping(snapshot, later.mapping)
    calendar = snapshot.calendar.union(later.calendar).rename(TRADE_DATE)
    if not allow_missing:
        _refuse_not_whole(snapshot, bars, mapping, calendar[-1], later.again)
    specs = [_spec(snapshot.specs[root], later.specs, last) for root in snapshot.roots]
    revised = _revised(snapshot.bars, later.bars)
    found = _findings(snapshot, later, bars, mapping, calendar, specs, revised)
    scope = {key: value for key, value in later.scope.items() if key != ERRORS_CAME}
    if errors := _errors_that_came(snapshot, found):
        scope[ERRORS_CAME] = errors
    name = f"{line_of(snapshot.label)}@{calendar[-1]:%Y-%m-%d}"
    written = write_snapshot(
        folder,
        name,
        bars=bars,
        mapping=mapping,
        specs=specs,
        calendar=calendar,
        data_scope=scope,
        findings=found,
        lineage=snapshot.id,
        line=snapshot.line,
    )
    return Extension(written, len(came), len(revised))


def _with(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The bars of both; where both have one, the new."""
    both = pd.concat([old, new[old.columns]], ignore_index=True)
    key = [both["root"], both["contract"].fillna(""), both[TRADE_DATE]]
    kept = both.groupby(key, sort=False).tail(1)
    return kept.sort_values(KEY, kind="stable", ignore_index=True)


def _mapping(snapshot: Snapshot, new: pd.DataFrame) -> pd.DataFrame:
    """The mapping as it was known, and what is later, by root."""
    until = snapshot.mapping.groupby("root")[TRADE_DATE].max()
    known = new["root"].map(until)
    later = new[known.isna() | (new[TRADE_DATE] > known)]
    both = pd.concat([snapshot.mapping, later[snapshot.mapping.columns]], ignore_index=True)
    return both.sort_values(["root", TRADE_DATE], kind="stable", ignore_index=True)


def _spec(old: ContractSpec, new: tuple[ContractSpec, ...], last: pd.Timestamp) -> ContractSpec:
    """The spec with its records as they were, and those that are known since: of later days, and of contracts that it has none of."""
    came = next((spec for spec in new if spec.code == old.code), None)
    records = own_table(old).records
    if came is None or came.terms is None:
        return old
    known = {one.contract for one in records if one.contract}
    day = f"{last:%Y-%m-%d}"
    later = [
        one
        for one in came.terms.records
        if (one.from_date or "") > day or (one.contract and one.contract not in known)
    ]
    if not later:
        return old
    return replace(old, older=(), terms=TermsTable([*records, *later]))


def _revised_terms(
    old: ContractSpec, new: tuple[ContractSpec, ...], sessions: pd.DatetimeIndex
) -> list[str]:
    """Figures of contracts that the source now gives otherwise for these sessions, in words; the line keeps those it had."""
    came = next((spec for spec in new if spec.code == old.code), None)
    if came is None or came.terms is None or not len(sessions):
        return []
    first, last = (f"{day:%Y-%m-%d}" for day in (sessions[0], sessions[-1]))
    had, has = _by_contract(own_table(old).records), _by_contract(came.terms.records)
    revised = []
    for of in had.keys() & has.keys():
        changes = {one.from_date or first for one in (*had[of], *has[of])}
        before = None
        for day in sorted({max(change, first) for change in changes if change <= last}):
            then, now = _in_force(had[of], day), _in_force(has[of], day)
            if then != now and then is not None and now is not None and (then, now) != before:
                revised.append((*of, day, then, now))
            before = then, now
    return [
        in_english(
            "{contract} {field} of {day}: {then:g}, now {now:g}",
            contract=contract,
            field=field,
            day=day,
            then=then,
            now=now,
        )
        for contract, field, day, then, now in sorted(revised)
    ]


def _by_contract(records: Iterable[TermRecord]) -> dict[tuple[str, str], list[TermRecord]]:
    """The records of contracts, by contract and field."""
    found: dict[tuple[str, str], list[TermRecord]] = {}
    for one in records:
        if one.contract:
            found.setdefault((one.contract, one.field), []).append(one)
    return found


def _in_force(records: Iterable[TermRecord], day: str) -> float | None:
    """The value of the last of these records that began by `day`."""
    begun = [one for one in records if (one.from_date or "") <= day]
    last = max(begun, key=lambda one: one.from_date or "", default=None)
    return None if last is None else last.value


def _revised(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The bars that both have with other figures: `root, contract, trade_date`, and `share`, that of the root's bars in both."""
    key = {"root": object, "contract": object}
    both = old.astype(key).merge(new.astype(key), on=KEY, suffixes=("_old", "_new"))
    differs = np.zeros(len(both), dtype=bool)
    for name in _FIGURES:
        before, after = (
            both[f"{name}{side}"].to_numpy(dtype=np.float64) for side in ("_old", "_new")
        )
        differs |= ~((before == after) | (np.isnan(before) & np.isnan(after)))
    share = pd.Series(differs, index=both.index).groupby(both["root"]).transform("mean")
    return both.assign(share=share).loc[differs, [*KEY, "share"]]


def _findings(
    snapshot: Snapshot,
    later: _Later,
    bars: pd.DataFrame,
    mapping: pd.DataFrame,
    calendar: pd.DatetimeIndex,
    specs: list[ContractSpec],
    revised: pd.DataFrame,
) -> list[Finding]:
    """What was found in all bars together and in what came, and of the old findings those that are not looked for again."""
    found = [
        *terms_findings(bars, mapping, specs),
        *examine(bars, calendar),
        *(
            finding
            for spec in specs
            for finding in examine_grid(bars[bars["root"] == spec.code], spec)
        ),
    ]
    kinds = {(one.kind, one.root) for one in found}
    found += later.findings
    found += _sessions_without_bar(snapshot, bars, mapping, calendar, found)
    for root, of_root in revised.groupby("root"):
        days = sorted(of_root[TRADE_DATE].unique())
        found.append(
            Finding(
                "revised_bar",
                "error" if of_root["share"].iloc[0] > _MOST_REVISED else "warning",
                root=str(root),
                count=len(of_root),
                dates=tuple(f"{pd.Timestamp(day):%Y-%m-%d}" for day in days[:SHOWN_DATES]),
                message=in_english(
                    "{root}: bars that the vendor revised since the snapshot before: {of_root}.",
                    root=root,
                    of_root=len(of_root),
                ),
            )
        )
    again = snapshot.calendar[snapshot.calendar >= later.calendar[0]]
    terms = {
        root: _revised_terms(spec, later.specs, again) for root, spec in snapshot.specs.items()
    }
    found += [
        Finding(
            "revised_terms",
            "warning",
            root=root,
            count=len(revised),
            message=in_english(
                "{root}: terms that the source gives otherwise since the snapshot before; the line keeps those that it had: {revised}.",
                root=root,
                revised="; ".join(revised[:_MOST_LISTED]),
            ),
        )
        for root, revised in terms.items()
        if revised
    ]
    old = [one for one in snapshot.findings if (one.kind, one.root) not in kinds]
    return [*(one for one in old if not _found_again(one, found)), *found]


def _sessions_without_bar(
    snapshot: Snapshot,
    bars: pd.DataFrame,
    mapping: pd.DataFrame,
    calendar: pd.DatetimeIndex,
    found: Iterable[Finding],
) -> list[Finding]:
    """Sessions that came and have no close of the dominant contract, of the roots that have no such finding yet."""
    known = {one.root for one in found if one.kind == "missing_dominant_bar"}
    came = calendar[calendar > snapshot.calendar[-1]]
    findings = []
    for root in sorted(set(snapshot.roots) - known):
        try:
            leg = leg_table(*(table[table["root"] == root] for table in (bars, mapping)))
        except DataError:  # no contract was ever dominant, which every pair of it says
            continue
        if len(days := without_close(leg, came)):
            findings.append(missing_dominant_bar(root, days))
    return findings


def _found_again(old: Finding, found: Iterable[Finding]) -> bool:
    """Whether a finding of the last ten sessions, or of a whole file, is there anew: of its kind and root, and of all its days."""
    alike = [one for one in found if (one.kind, one.root) == (old.kind, old.root)]
    days = {day for one in alike for day in one.dates}
    count = sum(one.count for one in alike)
    return bool(alike) and count >= old.count and days.issuperset(old.dates)


def _errors_that_came(snapshot: Snapshot, found: Iterable[Finding]) -> list[list[str]]:
    """Root and kind of each error that was found, and not in the snapshot before in the same words."""
    known = {(one.root, one.kind, one.message) for one in snapshot.findings}
    came = {
        (one.root, one.kind)
        for one in found
        if (one.severity == "error" or one.kind in _AS_BAD)
        and (one.root, one.kind, one.message) not in known
    }
    return [list(one) for one in sorted(came)]


# --- refusals --------------------------------------------------------------------------------------------------------
def _refuse_not_whole(
    snapshot: Snapshot,
    bars: pd.DataFrame,
    mapping: pd.DataFrame,
    last: pd.Timestamp,
    again: str,
) -> None:
    """IncompleteAnswerError where a root has no close of its contract on the last session."""
    lacking = []
    for root in snapshot.roots:
        of_root = bars[bars["root"] == root]
        of_mapping = mapping[(mapping["root"] == root) & (mapping[TRADE_DATE] <= last)]
        leg = leg_table(of_root, of_mapping)
        row = leg.loc[last] if last in leg.index else None
        if row is None or not np.isfinite(row["close"]) or row["close"] == 0.0:
            contract = row.get("contract") if row is not None else None
            lacking.append(root if contract is None or pd.isna(contract) else str(contract))
    if lacking:
        raise IncompleteAnswerError(
            _(
                "the session of {last:%Y-%m-%d} is not whole: there is no close of {lacking}. Nothing was written; "
                "{again}, or accept it with --allow-missing.",
                last=last,
                lacking=", ".join(lacking),
                again=again,
            )
        )


def _refuse_lost_terms(snapshot: Snapshot, source: str, came: Iterable[ContractSpec]) -> None:
    """SnapshotError where the snapshot stands on terms of the user's own, and what came was made without one of them.

    Those of single contracts need not be given again: the line keeps what it has of a contract.
    """
    bundled = {spec.source for spec in bundled_specs().values()} | {
        one.source for table in bundled_terms().values() for one in table.records
    }
    again = {
        (spec.code, *one.key, one.field)
        for spec in came
        for one in own_table(spec).records
        if one.source not in bundled
    }
    lost = [
        (root, one)
        for root, spec in sorted(snapshot.specs.items())
        for one in own_table(spec).records
        if one.contract is None
        and one.source not in bundled
        and not one.source.startswith(source)
        and (root, *one.key, one.field) not in again
    ]
    if lost:
        named = [
            _("{root} {field} ({source})", root=root, field=one.field, source=one.source)
            for root, one in lost[:_MOST_LISTED]
        ]
        raise SnapshotError(
            _(
                "snapshot {snapshot_label!r} stands on terms of your own that were not given now, {count} in all: {lost}. Give again what "
                "it was made with, --specs, --terms or both, or the days that came would be charged something else.",
                snapshot_label=snapshot.label,
                count=len(lost),
                lost=", ".join(named),
            )
        )
