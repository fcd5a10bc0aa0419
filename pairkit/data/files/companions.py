"""Companion tables of imported bars, checked against them: the dominant contract of each day, and the market's sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pairkit.columns import TRADE_DATE
from pairkit.errors import DataError
from pairkit.findings import Finding, Severity
from pairkit.language import _, in_english

SHOWN = 5  # names or days in a message
_FEWEST_SHARED = 0.5  # of the days with bars, that a calendar of their market has


def fit_mapping(chosen: pd.DataFrame, bars: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """The user's mapping checked against the bars; days beyond them are left out, and reported in `findings`.

    Parameters
    ----------
    chosen : DataFrame
        `file, row, root, trade_date, contract`, as `pairkit.data.files.rows.read_named` reads it, contracts named as in the bars.
    bars : DataFrame
        `root, contract, trade_date`.
    findings : list of Finding
        New findings are appended.

    Raises
    ------
    DataError
        Two contracts on one day, a contract or root without bars, or an end before that of the bars.
    """
    file = str(chosen["file"].iloc[0])
    _refuse_two_a_day(chosen, file)
    chosen = chosen.drop_duplicates(["root", TRADE_DATE])
    with_names = bars[bars["contract"].notna()]
    parts = []
    for root, of_root in chosen.groupby("root"):
        days = with_names.loc[with_names["root"] == root, TRADE_DATE]
        if days.empty:
            raise DataError(
                _(
                    "{file}: maps {root}, of which there are no bars that name a contract. "
                    "Take {root} out of the mapping, or give its bars.",
                    file=file,
                    root=root,
                )
            )
        parts.append(_within(of_root, str(root), days, file, findings))
    fitting = pd.concat(parts, ignore_index=True)
    _refuse_without_bars(fitting, with_names, file)
    return fitting


def _refuse_two_a_day(chosen: pd.DataFrame, file: str) -> None:
    """DataError where one day of a root is mapped to two contracts."""
    twice = chosen.drop_duplicates(["root", TRADE_DATE, "contract"]).duplicated(
        ["root", TRADE_DATE], keep=False
    )
    if twice.any():
        first, second = (
            chosen.loc[twice[twice].index]
            .sort_values(["root", TRADE_DATE, "row"])
            .head(2)
            .itertuples()
        )
        raise DataError(
            _(
                "{file}: {first_root} {trade_date:%Y-%m-%d} is mapped to {contract} "
                "(row {row}) and to {other_contract} (row {other_row}). "
                "Keep one contract a day.",
                file=file,
                first_root=first.root,
                trade_date=first.trade_date,
                contract=first.contract,
                row=first.row,
                other_contract=second.contract,
                other_row=second.row,
            )
        )


def _refuse_without_bars(fitting: pd.DataFrame, with_names: pd.DataFrame, file: str) -> None:
    """DataError where the mapping names contracts that have no bar."""
    named, with_bars = (
        set(zip(table["root"], table["contract"], strict=True)) for table in (fitting, with_names)
    )
    absent = sorted(str(name) for _, name in named - with_bars)
    if absent:
        more = (
            in_english(" and {absent} more", absent=len(absent) - SHOWN)
            if len(absent) > SHOWN
            else ""
        )
        raise DataError(
            _(
                "{file}: maps to {absent} contracts without a bar: "
                "{shown}{more}. Give their bars, or correct the mapping.",
                file=file,
                absent=len(absent),
                shown=", ".join(absent[:SHOWN]),
                more=more,
            )
        )


def _within(
    of_root: pd.DataFrame, root: str, days: pd.Series, file: str, findings: list[Finding]
) -> pd.DataFrame:
    """The mapping of one root on the days from its first bar to its last; refuses one that ends before them."""
    last = of_root[TRADE_DATE].max()
    if last < days.max():
        raise DataError(
            _(
                "{file}: the mapping of {root} ends on {last:%Y-%m-%d}, "
                "and its bars on {days:%Y-%m-%d}. "
                "Say which contract is dominant until then, or leave the later bars out.",
                file=file,
                root=root,
                last=last,
                days=days.max(),
            )
        )
    inside = of_root[TRADE_DATE].between(days.min(), days.max())
    if not inside.all():
        beyond = of_root.loc[~inside, TRADE_DATE]
        findings.append(
            days_finding(
                "unused_mapping",
                "info",
                root,
                beyond,
                in_english(
                    "{file}: {beyond} days of {root} before its first bar or after its last: not used.",
                    file=file,
                    beyond=len(beyond),
                    root=root,
                ),
            )
        )
    lacking = pd.Series(
        np.setdiff1d(days[days >= of_root[TRADE_DATE].min()].unique(), of_root[TRADE_DATE])
    )
    if len(lacking):
        findings.append(
            days_finding(
                "mapping_gaps",
                "warning",
                root,
                lacking,
                in_english(
                    "{file}: {lacking} days of {root} with bars are not mapped; "
                    "the contract of the day before is held on.",
                    file=file,
                    lacking=len(lacking),
                    root=root,
                ),
            )
        )
    return of_root[inside]


def sessions_of(path: Path, sessions: pd.DatetimeIndex, bars: pd.DataFrame) -> pd.DatetimeIndex:
    """The sessions of the user's calendar, the file `path`, from the first bar to the last.

    Raises
    ------
    DataError
        They do not reach from the first bar to the last, or are not those of the bars' market.
    """
    days = pd.DatetimeIndex(np.unique(bars[TRADE_DATE]))
    first, last = days[0], days[-1]
    if sessions[0] > first or sessions[-1] < last:
        raise DataError(
            _(
                "{path} has sessions from {first_session:%Y-%m-%d} to {last_session:%Y-%m-%d}, "
                "and the bars are of {first:%Y-%m-%d} to {last:%Y-%m-%d}. "
                "Give a calendar of all of them.",
                path=path,
                first_session=sessions[0],
                last_session=sessions[-1],
                first=first,
                last=last,
            )
        )
    shared = float(days.isin(sessions).mean())
    if shared < _FEWEST_SHARED:
        raise DataError(
            _(
                "{path} has only {shared:.0%} of the days with bars. "
                "It takes the sessions of their market, "
                "on which bars are expected, and not its holidays.",
                path=path,
                shared=shared,
            )
        )
    return sessions[(sessions >= first) & (sessions <= last)]


def days_finding(
    kind: str, severity: Severity, root: str, dates: pd.Series, message: str
) -> Finding:
    """A finding of one root that counts these days and shows the first few."""
    shown = tuple(f"{day:%Y-%m-%d}" for day in sorted(dates)[:SHOWN])
    return Finding(kind, severity, message, root, len(dates), shown)
