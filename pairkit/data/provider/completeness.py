"""Completeness of a download: what a provider must have for a range, else IncompleteAnswerError or a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import pandas as pd

from pairkit.data.provider.source import Source
from pairkit.data.quality import examine_leg, missing_dominant_bar, without_close
from pairkit.errors import IncompleteAnswerError
from pairkit.findings import Finding
from pairkit.language import _
from pairkit.market.rolls import leg_table

_LATE_DAYS = 4  # within so many days, bars that lack on the last session have not come yet
_MOST_WITHOUT_BAR = 1 / 3  # of the sessions


def refuse_unfinished(source: Source, last_sessions: Mapping[str, pd.Timestamp]) -> None:
    """IncompleteAnswerError where the provider has not finished a root's last session: its bars may still change."""
    due = pd.Timestamp(source.published_to())
    roots = [root for root, last in last_sessions.items() if last > due]
    if roots:
        raise IncompleteAnswerError(
            _(
                "the bars of {roots} of {last:%Y-%m-%d} are not there yet: "
                "{source_name} has a session's bars at {published_at}, "
                "and what it has before is not finished. "
                "Ask for bars up to {due:%Y-%m-%d}, or again after that time.",
                roots=", ".join(roots),
                last=max(last_sessions.values()),
                source_name=source.name,
                published_at=source.published_at,
                due=due,
            )
        )


def refuse_late_bars(source: Source, not_yet: Sequence[str], last: pd.Timestamp) -> None:
    """IncompleteAnswerError where contracts have no bar yet of the last session, a few days ago."""
    if not_yet and pd.Timestamp(source.today()) - last <= pd.Timedelta(days=_LATE_DAYS):
        raise IncompleteAnswerError(
            _(
                "{source_name} has no bar of {not_yet} "
                "of {last:%Y-%m-%d} yet; it has a session's bars at {published_at}, "
                "and is late. Ask again later, or for bars up to the session before.",
                source_name=source.name,
                not_yet=", ".join(not_yet),
                last=last,
                published_at=source.published_at,
            )
        )


def refuse_without_contracts(source: str, root: str, exchange: str, span: str) -> NoReturn:
    """IncompleteAnswerError on a root without a listed contract in the range."""
    raise IncompleteAnswerError(
        _(
            "{source_name} lists no contract "
            "of {root} on {exchange} in {span}. "
            "Check the root and its exchange, or ask for a later range.",
            source_name=source,
            root=root,
            exchange=exchange,
            span=span,
        )
    )


def refuse_without_dominant(root: str, span: str) -> NoReturn:
    """IncompleteAnswerError on a root without a dominant contract in the range."""
    raise IncompleteAnswerError(
        _(
            "no dominant contract of {root} is known in {span}; ask for a longer range.",
            root=root,
            span=span,
        )
    )


def refuse_without_bars(source: str, root: str, span: str) -> NoReturn:
    """IncompleteAnswerError on a root without a bar in the range."""
    raise IncompleteAnswerError(
        _(
            "{source_name} has no bar of any contract of {root} "
            "in {span}, though there were sessions. Try again later.",
            source_name=source,
            root=root,
            span=span,
        )
    )


def refuse_unlisted(source: str, root: str, mapping: pd.DataFrame, listed: pd.DataFrame) -> None:
    """IncompleteAnswerError where the provider maps a root to contracts that it does not list."""
    unknown = sorted(set(mapping["contract"]) - set(listed["contract"]))
    if unknown:
        raise IncompleteAnswerError(
            _(
                "{source_name} maps {root} to {unknown}, "
                "which it does not list in this range: one of the answers is not whole. "
                "Try again later, or take open interest as the rule.",
                source_name=source,
                root=root,
                unknown=", ".join(unknown[:5]),
            )
        )


def check_dominant(
    source: str,
    root: str,
    span: str,
    bars: pd.DataFrame,
    mapping: pd.DataFrame,
    window: pd.DatetimeIndex,
) -> tuple[list[Finding], list[str]]:
    """Whether every session from the first mapped one on has a bar of its contract, whatever the listing says of its end.

    Returns
    -------
    findings : list of Finding
        Faults of the leg, and an error on the sessions without a close.
    not_yet : list of str
        The contract whose bar of the last session has not come; none where it has.

    Raises
    ------
    IncompleteAnswerError
        A dominant contract has no bar at all, or more than a third of the sessions have no close.
    """
    empty = sorted(set(mapping["contract"]) - set(bars["contract"]))
    if empty:
        raise IncompleteAnswerError(
            _(
                "{source_name} has no bar of {empty}, "
                "dominant in {root} on sessions of {span}. "
                "Try again later, or ask for another range.",
                source_name=source,
                empty=", ".join(empty),
                root=root,
                span=span,
            )
        )
    leg = leg_table(bars, mapping)
    due = leg.reindex(window[window >= leg.index[0]])
    without = without_close(leg, pd.DatetimeIndex(due.index))
    findings = [
        found for found in examine_leg(bars, mapping) if found.kind != "missing_dominant_bar"
    ]
    not_yet = [str(due["contract"].ffill().iloc[-1])] if window[-1] in without else []
    if len(without) > max(_MOST_WITHOUT_BAR * len(due), 1):
        raise IncompleteAnswerError(
            _(
                "{source_name} has no close of the dominant contract of {root} "
                "on {without} of {due} sessions of {span}: "
                "its answers are not whole. Try again later, or ask for another range.",
                source_name=source,
                root=root,
                without=len(without),
                due=len(due),
                span=span,
            )
        )
    if len(without):
        findings.append(missing_dominant_bar(root, without))
    return findings, not_yet
