"""Session calendar of a simulated exchange: weekdays without holidays close to, but not the same as, those of China."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from pairkit.columns import TRADE_DATE
from pairkit.errors import DataError
from pairkit.language import _

NEW_YEAR_OF_THE_MOON = {
    2015: (2, 19),
    2016: (2, 8),
    2017: (1, 28),
    2018: (2, 16),
    2019: (2, 5),
    2020: (1, 25),
    2021: (2, 12),
    2022: (2, 1),
    2023: (1, 22),
    2024: (2, 10),
    2025: (1, 29),
    2026: (2, 17),
    2027: (2, 6),
    2028: (1, 26),
}
_SPRING_FESTIVAL_FROM, _SPRING_FESTIVAL_DAYS = -1, 7  # from the eve
_FIXED = (  # month, first day, last day
    (1, 1, 1),
    (4, 4, 5),
    (5, 1, 3),
    (6, 12, 13),
    (9, 15, 16),
    (10, 1, 7),
)


def trading_days(start: date, end: date) -> pd.DatetimeIndex:
    """The sessions from `start` to `end`, both included if they are sessions.

    Raises
    ------
    DataError
        A year for which no spring festival is known.
    """
    unknown = set(range(start.year, end.year + 1)) - set(NEW_YEAR_OF_THE_MOON)
    if unknown:
        first, last = min(NEW_YEAR_OF_THE_MOON), max(NEW_YEAR_OF_THE_MOON)
        raise DataError(
            _(
                "no holidays are known for {unknown}; the simulated calendar has {first} to {last}.",
                unknown=min(unknown),
                first=first,
                last=last,
            )
        )
    weekdays = pd.bdate_range(start, end, name=TRADE_DATE).as_unit("ns")
    closed = {day for year in range(start.year, end.year + 1) for day in holidays(year)}
    return weekdays[[day.date() not in closed for day in weekdays]]


def holidays(year: int) -> list[date]:
    """The days of one year on which the simulated exchange is closed, weekends within them included."""
    spring = date(year, *NEW_YEAR_OF_THE_MOON[year]) + timedelta(days=_SPRING_FESTIVAL_FROM)
    fixed = [
        date(year, month, day) for month, first, last in _FIXED for day in range(first, last + 1)
    ]
    return sorted(
        {*fixed, *(spring + timedelta(days=offset) for offset in range(_SPRING_FESTIVAL_DAYS))}
    )
