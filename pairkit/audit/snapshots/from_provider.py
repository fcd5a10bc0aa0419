"""Snapshot of a provider's market: download, examine, seal. The manifest records every request and every finding."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pairkit.audit.seal import check_slug, refuse_if_taken
from pairkit.audit.snapshots.snapshot import Snapshot, write_snapshot
from pairkit.data.provider.download import DominantRule, Kept, download_market
from pairkit.data.provider.market import DownloadedMarket, Step
from pairkit.data.provider.source import Source
from pairkit.data.quality import examine, examine_grid
from pairkit.data.terms.dated import terms_findings
from pairkit.data.terms.specs_file import OwnSpec
from pairkit.data.terms.terms_file import UserTerms


@dataclass(frozen=True, eq=False)
class DownloadedSnapshot:
    """A downloaded snapshot, its cost in requests, and whether part of it is from an expired cache."""

    snapshot: Snapshot
    calls: int
    stale: bool


def download_snapshot(
    source: Source,
    roots: Sequence[str],
    start: date,
    end: date,
    *,
    name: str,
    folder: str | os.PathLike[str] = "snapshots",
    rule: DominantRule = "mapping",
    contracts: Kept = "main",
    user_specs: Mapping[str, OwnSpec] | None = None,
    user_terms: UserTerms | None = None,
    planned: Callable[[int, int], None] = lambda _, __: None,
    progress: Callable[[Step], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> DownloadedSnapshot:
    """Make the snapshot `folder/name` from a provider.

    Parameters
    ----------
    source, roots, start, end, rule, contracts, user_specs, user_terms, planned, progress, cancelled
        As `pairkit.data.provider.download.download_market` has them.
    name, folder
        The snapshot's name, and the folder of snapshots it goes to.

    Raises
    ------
    SourceError
        The provider cannot answer, or the user stopped it. Nothing is written; what was downloaded stays in the cache, so
        that taking again goes on from there.
    DataError
        A root is unknown, or the range holds no session.
    SnapshotError
        The name is not accepted or taken, or the disk refuses.
    """
    refuse_if_taken(Path(folder) / check_slug(name))
    market = download_market(
        source,
        roots,
        start,
        end,
        rule=rule,
        contracts=contracts,
        user_specs=user_specs,
        user_terms=user_terms,
        planned=planned,
        progress=progress,
        cancelled=cancelled,
    )
    return DownloadedSnapshot(
        seal_market(market, name=name, folder=folder), market.calls, market.stale
    )


def seal_market(market: DownloadedMarket, *, name: str, folder: str | os.PathLike[str]) -> Snapshot:
    """Seal a downloaded and examined market as `folder/name`."""
    off_grid = [
        finding
        for spec in market.specs
        for finding in examine_grid(market.bars[market.bars["root"] == spec.code], spec)
    ]
    return write_snapshot(
        folder,
        name,
        bars=market.bars,
        mapping=market.mapping,
        specs=market.specs,
        calendar=market.calendar,
        data_scope=market.data_scope,
        findings=(
            *market.findings,
            *off_grid,
            *terms_findings(market.bars, market.mapping, market.specs),
            *examine(market.bars, market.calendar),
        ),
    )
