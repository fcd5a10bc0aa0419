"""Data quality checks of bars, reported as findings; the bars themselves stay as they are.

1. The bars are put in order of (root, contract, date); "previous" and "neighbours" are always of the same series.
2. Each check marks rows (bar_checks.py), or days that have none.
3. The marks are gathered into one finding per root and check, which counts days: a day on which several contracts of a root
   have the fault counts once.

A day is a trading day where the calendar has it. Without one it is where at least two other roots have a live bar, one
that is not a repeat, not without volume and not another contract's; it is not one where none of two or more others has.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.columns import TRADE_DATE
from pairkit.data.bar_checks import (
    CHECKS,
    LARGEST_PRICE,
    Bars,
    Marks,
    likely_rolls,
    repeats,
    wrong_contract,
)
from pairkit.findings import SHOWN_DATES, Finding, Severity
from pairkit.language import in_english
from pairkit.market.contracts import ContractSpec
from pairkit.market.rolls import lost_bars, returning_contract

_OFF_GRID, _STRAY_OFF_GRID = 1e-3, 0.05  # of a tick; the share of closes that stray ones may be
# dates that are a day off put a fifth of the bars on a weekend
_WEEKEND_SHARE, _FEWEST_WEEKENDS = 0.05, 3
_EVEN_DAYS = 60
_STRAY_ODD_SHARE = 0.05
_ODD_SHARE = 0.25
_OTHERS = 2
_DAYS_TO_BEGIN = 5  # a new contract's first days, before it has any open interest


@dataclass(frozen=True, eq=False)
class _Marked:
    """One check's marks, wherever it found any: (M,) the root and the day of each bar, or of each day without one."""

    kind: str
    severity: Severity
    what: str
    roots: NDArray[np.object_]
    days: NDArray[np.datetime64]


def examine(bars: pd.DataFrame, calendar: pd.DatetimeIndex | None = None) -> tuple[Finding, ...]:
    """Every fault found in the bars, by root.

    Parameters
    ----------
    bars : DataFrame
        `root, contract, trade_date` and the bar columns, in any order; `contract` missing in a root-level series.
    calendar : DatetimeIndex, optional
        The days on which there should be bars. Without it, the roots are compared with one another.
    """
    table = Bars(bars)
    findings = [finding for marked in _all_marks(table, calendar) for finding in _gathered(marked)]
    findings += _open_weekends(calendar)
    findings += _weekend_dates(table)
    findings += _splices(table)
    findings += _double_counts(table)
    return tuple(sorted(findings, key=lambda finding: (finding.root, finding.kind)))


def examine_leg(bars: pd.DataFrame, mapping: pd.DataFrame) -> list[Finding]:
    """Findings on one root's leg: bars it lacks or does not use, and names that come back, by kind of `LostBars`."""
    root, lost = str(bars["root"].iloc[0]), lost_bars(bars, mapping)
    faults: tuple[tuple[str, Severity, pd.DatetimeIndex, str], ...] = (
        (
            "missing_dominant_bar",
            "error",
            lost.missing,
            in_english(
                "days on which the held contract has no close while others of the root have one: nothing can trade or be marked"
            ),
        ),
        (
            "unused_bars",
            "error" if len(lost.unused) > _DAYS_TO_BEGIN else "warning",
            lost.unused,
            in_english(
                "days with bars before the first on which a dominant contract is known: no leg uses them"
            ),
        ),
        (
            "mapping_not_followed",
            "warning",
            lost.not_followed,
            in_english(
                "days on which the mapping goes back to a contract that it had left; the later one is held on"
            ),
        ),
    )
    found = [
        _finding(kind, severity, what, root, days.to_numpy(dtype="datetime64[D]"))
        for kind, severity, days, what in faults
        if len(days)
    ]
    return found + returning_contract(root, lost.returned)


def without_close(leg: pd.DataFrame, sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Sessions on which a leg, by trade date, has no row or no close; 0 is none."""
    close = leg["close"].reindex(sessions)
    return sessions[(close.isna() | (close == 0.0)).to_numpy()]


def missing_dominant_bar(root: str, sessions: pd.DatetimeIndex) -> Finding:
    """The error that these sessions have no close of a root's dominant contract, whether or not others of it have one."""
    return Finding(
        "missing_dominant_bar",
        "error",
        in_english(
            "{root}: {without} sessions have no close of the dominant contract.",
            root=root,
            without=len(sessions),
        ),
        root=root,
        count=len(sessions),
        dates=tuple(f"{day:%Y-%m-%d}" for day in sessions[:SHOWN_DATES]),
    )


def examine_grid(bars: pd.DataFrame, spec: ContractSpec) -> list[Finding]:
    """Whether one root's closes are multiples of the tick of its spec; where many do not, the bars may be of another contract."""
    close = bars["close"].to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(close) & (close != 0.0) & (np.abs(close) <= LARGEST_PRICE)
    close, days = close[known], bars[TRADE_DATE].to_numpy(dtype="datetime64[D]")[known]
    ticks = {spec.tick, *(term.value for term in spec.older if term.field == "tick")}
    if spec.terms is not None:
        ticks |= {record.value for record in spec.terms.records if record.field == "tick"}
    off = np.ones(len(close), dtype=bool)
    for tick in ticks:
        off &= np.abs(close / tick - np.round(close / tick)) > _OFF_GRID
    if not len(close) or off.mean() <= _STRAY_OFF_GRID:
        return []
    shown = tuple(map(str, np.unique(days[off])[:SHOWN_DATES]))
    return [
        Finding(
            "off_tick_grid",
            "warning",
            root=spec.code,
            count=int(off.sum()),
            dates=shown,
            message=in_english(
                "{spec_code}: {off:.0%} of the closes "
                "are not on the tick of {tick:g} of {spec_label}. "
                "Either they are of another contract, which then needs a spec of its own, "
                "or they are adjusted or averaged, and then costs and limits are not right.",
                spec_code=spec.code,
                off=off.mean(),
                tick=spec.tick,
                spec_label=spec.label,
            ),
        )
    ]


def faulty_days(bars: pd.DataFrame, calendar: pd.DatetimeIndex | None = None) -> pd.DataFrame:
    """Every day that a finding of `examine` counts, where a finding shows the first ten: `root, trade_date, kind`, sorted.

    Parameters
    ----------
    bars, calendar
        As `examine` takes them.
    """
    parts = [
        pd.DataFrame(
            {
                "root": marked.roots,
                TRADE_DATE: marked.days.astype("datetime64[ns]"),
                "kind": marked.kind,
            }
        )
        for marked in _all_marks(Bars(bars), calendar)
    ]
    every = pd.concat(parts, ignore_index=True).drop_duplicates()
    return every.sort_values(["root", TRADE_DATE, "kind"], ignore_index=True)


def _all_marks(table: Bars, calendar: pd.DatetimeIndex | None) -> list[_Marked]:
    found = [
        _marked(kind, severity, what, table, check(table)) for kind, severity, check, what in CHECKS
    ]
    expected = _expected(table, calendar)
    ghosts = repeats(table) | _closed(table.day) | _unexpected(table, expected)
    found.append(
        _marked(
            "ghost_bar",
            "warning",
            in_english(
                "bars on a day without trading: a repeat of the day before, a weekend, "
                "New Year's Day, or a day on which no other root traded"
            ),
            table,
            ghosts,
        )
    )
    found.append(
        _marked(
            "likely_roll",
            "warning",
            in_english(
                "days on which open interest, after a fall, "
                "jumps up and grows on, as where a series goes over to the next contract: "
                "the roll gap there is taken for profit or loss"
            ),
            table,
            likely_rolls(table),
        )
    )
    return [*found, _missing(table, expected)]


def _marked(kind: str, severity: Severity, what: str, table: Bars, marks: Marks) -> _Marked:
    return _Marked(kind, severity, what, table.root[marks], table.day[marks])


def _gathered(marked: _Marked) -> list[Finding]:
    """One finding for each root that has a mark."""
    roots = sorted(set(marked.roots))
    return [
        _finding(
            marked.kind, marked.severity, marked.what, str(root), marked.days[marked.roots == root]
        )
        for root in roots
    ]


def _finding(
    kind: str, severity: Severity, what: str, root: str, bar_days: NDArray[np.datetime64]
) -> Finding:
    """A finding of one root, given the day of each of its marked bars."""
    days, bars = np.unique(bar_days), len(bar_days)
    many = (
        in_english(
            " day{words} ({bars} bars, of several contracts)",
            words="s" if len(days) > 1 else "",
            bars=bars,
        )
        if bars > len(days)
        else ""
    )
    return Finding(
        kind,
        severity,
        f"{root}: {what}: {len(days)}{many}.",
        root,
        len(days),
        tuple(map(str, days[:SHOWN_DATES])),
    )


# --- days ------------------------------------------------------------------------------------------------------------
def _by_day(bars: Bars, marks: Marks) -> pd.DataFrame:
    """Days by roots: True where the root has a marked bar."""
    table = pd.DataFrame(
        {"day": bars.day.astype("datetime64[ns]"), "root": bars.root, "marked": marks}
    )
    return (
        table.groupby(["day", "root"])["marked"]
        .any()
        .unstack("root", fill_value=False)
        .astype(bool)
    )


def _expected(bars: Bars, calendar: pd.DatetimeIndex | None) -> pd.DataFrame:
    """Days by roots: 1 where the day is a trading day, 0 where it is not, NaN where nothing says so."""
    live = _by_day(bars, ~repeats(bars) & ~wrong_contract(bars) & (bars.volume > 0))
    if calendar is not None:
        days = live.index.union(pd.DatetimeIndex(calendar))
        column = (days.isin(calendar) & ~_weekend(pd.DatetimeIndex(days))).astype(np.float64)
        return pd.DataFrame(dict.fromkeys(live.columns, column), index=days)
    present = _by_day(bars, np.ones(len(bars.day), dtype=bool))
    active = present.cummax() & present[::-1].cummax()[::-1]
    others_active, others_live = (
        (-table.astype(int)).add(table.sum(axis=1), axis=0) for table in (active, live)
    )
    known = (others_active >= _OTHERS) & ((others_live == 0) | (others_live >= _OTHERS))
    return (others_live > 0).astype(np.float64).where(known)


def _closed(days: NDArray[np.datetime64]) -> Marks:
    """Weekends and New Year's Day, on which no exchange trades."""
    index = pd.DatetimeIndex(days)
    return _weekend(index) | np.asarray((index.month == 1) & (index.day == 1))


def _weekend(days: pd.DatetimeIndex) -> Marks:
    return np.asarray(days.day_of_week >= 5)


def _unexpected(bars: Bars, expected: pd.DataFrame) -> Marks:
    row = expected.index.get_indexer(pd.DatetimeIndex(bars.day.astype("datetime64[ns]")))
    return np.asarray(
        expected.to_numpy()[row, expected.columns.get_indexer(pd.Index(bars.root))] == 0
    )


def _missing(bars: Bars, expected: pd.DataFrame) -> _Marked:
    """Days that a series lacks between its first and its last."""
    days = expected.index.to_numpy().astype("datetime64[D]")
    roots: list[NDArray[np.object_]] = []
    lacking: list[NDArray[np.datetime64]] = []
    bounds = np.flatnonzero(np.diff(bars.series, prepend=-1, append=-1))
    for first, end in pairwise(bounds):
        root = str(bars.root[first])
        wanted = days[expected[root].to_numpy() == 1]
        wanted = wanted[(wanted > bars.day[first]) & (wanted < bars.day[end - 1])]
        lacking.append(np.setdiff1d(wanted, bars.day[first:end], assume_unique=True))
        roots.append(np.full(len(lacking[-1]), root, dtype=object))
    return _Marked(
        "missing_bar",
        "warning",
        in_english("bars that are missing on trading days"),
        np.concatenate(roots),
        np.concatenate(lacking),
    )


def _open_weekends(calendar: pd.DatetimeIndex | None) -> list[Finding]:
    """Finding on a calendar with sessions on weekends, which are not taken for sessions."""
    days = pd.DatetimeIndex([] if calendar is None else calendar)
    open_days = days[_weekend(days)]
    if not len(open_days):
        return []
    message = in_english(
        "the calendar has {open_days} sessions on Saturdays and Sundays, "
        "when no exchange trades; they are not expected to have bars. Check where it comes from.",
        open_days=len(open_days),
    )
    return [
        Finding(
            "open_weekend",
            "error",
            message,
            count=len(open_days),
            dates=tuple(f"{day:%Y-%m-%d}" for day in open_days[:SHOWN_DATES]),
        )
    ]


def _weekend_dates(bars: Bars) -> list[Finding]:
    """Roots that have so many bars on weekends that all their dates may be a day off."""
    findings = []
    for root in sorted(set(bars.root)):
        days = pd.DatetimeIndex(np.unique(bars.day[bars.root == root]))
        off = days[_weekend(days)]
        if len(off) < _FEWEST_WEEKENDS or len(off) < _WEEKEND_SHARE * len(days):
            continue
        message = in_english(
            "{root}: {off} of {days} days are Saturdays or Sundays: "
            "all dates are a day off, most likely, as after a conversion of time zones. "
            "Correct them at the source and import again.",
            root=root,
            off=len(off),
            days=len(days),
        )
        findings.append(
            Finding(
                "shifted_dates",
                "error",
                message,
                str(root),
                len(off),
                tuple(f"{day:%Y-%m-%d}" for day in off[:SHOWN_DATES]),
            )
        )
    return findings


# --- series ----------------------------------------------------------------------------------------------------------
def _splices(bars: Bars) -> list[Finding]:
    return [
        Finding(
            "unadjusted_splice",
            "warning",
            root=str(root),
            count=int((bars.root == root).sum()),
            message=in_english(
                "{root} comes without contract names and is taken as one contract: roll gaps, if any, are inside.",
                root=root,
            ),
        )
        for root in sorted(set(bars.root[~bars.has_contract]))
    ]


def _double_counts(bars: Bars) -> list[Finding]:
    """A day before which volume and open interest are even, and from which many are odd: both sides were counted.

    The day is where the running sum of (odd - mean odd) is lowest: the best single change of level.
    """
    findings = []
    for root in sorted(set(bars.root)):
        of_root = bars.root == root
        odd = pd.Series(
            (bars.volume[of_root] % 2 == 1) | (bars.open_interest[of_root] % 2 == 1),
            dtype=np.float64,
        )
        share = odd.groupby(bars.day[of_root].astype("datetime64[ns]")).mean()
        at = int(np.argmin((share - share.mean()).cumsum().to_numpy())) + 1
        if (
            at < _EVEN_DAYS
            or share[:at].mean() > _STRAY_ODD_SHARE
            or not share[at:].mean() >= _ODD_SHARE
        ):
            continue
        message = in_english(
            "{root}: volume and open interest "
            "are even on the {at} days before {share:%Y-%m-%d} "
            "and not after: each lot was counted twice until then, so levels halve on that day.",
            root=root,
            at=at,
            share=share.index[at],
        )
        findings.append(
            Finding(
                "double_counted",
                "warning",
                message,
                str(root),
                at,
                (f"{share.index[at]:%Y-%m-%d}",),
            )
        )
    return findings
