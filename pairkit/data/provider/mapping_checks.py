"""Checks of a provider's dominant contracts: one for each session, listed on it, and never an earlier one again.

1. A session without a row keeps the contract of the one before; an error lists the sessions, unless they are one or two and
   the contract is the same on both sides. More than a third of them: refused, as the answer is not whole.
2. A row that goes back to an earlier delivery than one before it is left out, and reported as an error: once left, a contract is
   never returned to.
3. A row that names a contract before its first or after its last trading day stays, and is reported as an error: those sessions
   have no bar to trade, which is reported too.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pairkit.columns import TRADE_DATE
from pairkit.errors import IncompleteAnswerError
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import _, in_english

_MOST_MISSING = 1 / 3
_EVIDENT = 2  # sessions of a gap whose contract nobody doubts
_LATE_START = 5  # sessions that a new root may trade before there is a main contract


def checked_mapping(
    mapping: pd.DataFrame, root: str, listed: pd.DataFrame, due: pd.DatetimeIndex, source: str
) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """The mapping's plausible rows, and findings on the others.

    Parameters
    ----------
    mapping : DataFrame
        `trade_date`, `contract`, one row a day.
    listed : DataFrame
        `contract, list_date, last_trade_date`, each mapped contract among them.
    due : DatetimeIndex
        Sessions that need a contract.

    Raises
    ------
    IncompleteAnswerError
        Rows lack on more than a third of the sessions.
    """
    mapping = mapping.sort_values(TRADE_DATE, ignore_index=True)
    gaps = due.difference(pd.DatetimeIndex(mapping[TRADE_DATE]))
    if len(gaps) > max(_MOST_MISSING * len(due), _LATE_START):
        raise IncompleteAnswerError(
            _(
                "{source} maps {root} on {due} of {sessions} sessions, "
                "with none on {gaps} from {first_gap:%Y-%m-%d}: the answer is not whole. "
                "Try again later, or take open interest as the rule.",
                source=source,
                root=root,
                due=len(due) - len(gaps),
                sessions=len(due),
                gaps=len(gaps),
                first_gap=gaps[0],
            )
        )
    kept, back = _forward_only(mapping, listed)
    dates = listed.set_index("contract")
    day, of = pd.DatetimeIndex(mapping[TRADE_DATE]), dates.loc[mapping["contract"]]
    dead = mapping.loc[
        (day < of["list_date"].to_numpy()) | (day > of["last_trade_date"].to_numpy()), TRADE_DATE
    ]
    doubtful = _doubtful(gaps, kept, due)
    return kept, (
        *_findings(
            "mapping_gap",
            doubtful,
            root,
            in_english("sessions without a mapped contract; they keep the one before"),
        ),
        *_findings(
            "mapping_goes_back",
            back,
            root,
            in_english("sessions mapped to an earlier delivery than a session before; left out"),
        ),
        *_findings(
            "mapping_outside_life",
            dead,
            root,
            in_english(
                "sessions mapped to a contract before its first or after its last listed day"
            ),
        ),
    )


def _forward_only(mapping: pd.DataFrame, listed: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """The rows whose delivery is not before an earlier row's, and the days of the others."""
    last_day = mapping["contract"].map(listed.set_index("contract")["last_trade_date"])
    forward = (last_day >= last_day.cummax()).to_numpy()
    return mapping[forward].reset_index(drop=True), mapping.loc[~forward, TRADE_DATE]


def _doubtful(
    gaps: pd.DatetimeIndex, mapping: pd.DataFrame, due: pd.DatetimeIndex
) -> pd.DatetimeIndex:
    """Sessions without a row whose contract is not evident from the rows around; a late start is none."""
    names = mapping.set_index(TRADE_DATE)["contract"].reindex(due)
    missing = names.isna().to_numpy() & due.isin(gaps)
    run = np.cumsum(np.diff(missing, prepend=False))
    length = pd.Series(missing).groupby(run).transform("size").to_numpy()
    before, after = names.ffill().to_numpy(dtype=object), names.bfill().to_numpy(dtype=object)
    evident = (length <= _EVIDENT) & (before == after)
    started = pd.notna(before)
    late = ~started & (length <= _LATE_START)
    doubtful: pd.DatetimeIndex = due[missing & ~evident & ~late]
    return doubtful


def _findings(kind: str, days: pd.Series | pd.DatetimeIndex, root: str, what: str) -> list[Finding]:
    if not len(days):
        return []
    dates = tuple(f"{day:%Y-%m-%d}" for day in pd.DatetimeIndex(days)[:SHOWN_DATES])
    return [
        Finding(
            kind, "error", f"{root}: {what}: {len(days)}.", root=root, count=len(days), dates=dates
        )
    ]
