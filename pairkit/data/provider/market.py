"""Parts of a download: its request, its result, and the merging of findings of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pairkit.errors import DataError
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import _, in_english
from pairkit.market.contracts import ContractSpec, bundled_specs


@dataclass(frozen=True)
class Step:
    """Progress of a download: `done` of `total` requests, and the next one."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, eq=False)
class DownloadedMarket:
    """A downloaded market, ready for `write_snapshot`.

    Attributes
    ----------
    bars, mapping : DataFrame
        Contract-level bars, and the dominant contract of each root and day.
    specs : tuple of ContractSpec
        One per root.
    calendar : DatetimeIndex
        The sessions.
    data_scope : dict
        Record of the requests, for the manifest.
    findings : tuple of Finding
        What was found in the data.
    calls : int
        Requests that it cost.
    stale : bool
        Whether part of it is from an expired cache.
    """

    bars: pd.DataFrame
    mapping: pd.DataFrame
    specs: tuple[ContractSpec, ...]
    calendar: pd.DatetimeIndex
    data_scope: dict[str, Any]
    findings: tuple[Finding, ...]
    calls: int
    stale: bool


def exchanges_of(roots: Sequence[str]) -> dict[str, str]:
    """Root -> exchange, in the order given."""
    found: dict[str, str] = {}
    for given in roots:
        root, _unused, exchange = given.strip().upper().partition(".")
        bundled = bundled_specs().get(root)
        if not exchange and bundled is None:
            raise DataError(
                _(
                    "{given!r} is not in the bundled table, so its exchange is not known; "
                    "give it as {root}.SHFE, .DCE, .CZCE, .CFFEX, .INE or .GFEX.",
                    given=given,
                    root=root or "XX",
                )
            )
        found[root] = exchange or (bundled.exchange if bundled else "")
    if not found:
        raise DataError(_("no root was named; give at least one, such as RB."))
    return found


def with_neighbours(dominant: pd.Series, listed: pd.DataFrame) -> pd.DataFrame:
    """The listed contracts that were dominant or come just before or after one in delivery."""
    ordered = listed.sort_values(["last_trade_date", "contract"], ignore_index=True)
    places = np.flatnonzero(ordered["contract"].isin(set(dominant)))
    near = np.unique(np.concatenate([places - 1, places, places + 1])) if len(places) else places
    return ordered.iloc[near[(near >= 0) & (near < len(ordered))]].reset_index(drop=True)


def merged_by_kind(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings merged by kind and root: counts added, the first dates, the first message."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.root, finding.kind), []).append(finding)
    merged = []
    for group in groups.values():
        first, more = group[0], len(group) - 1
        message = (
            in_english(
                "{first_message} And {more} more of this kind.",
                first_message=first.message,
                more=more,
            )
            if more
            else first.message
        )
        dates = tuple(sorted({day for finding in group for day in finding.dates})[:SHOWN_DATES])
        merged.append(
            replace(
                first, message=message, count=sum(finding.count for finding in group), dates=dates
            )
        )
    return tuple(merged)
