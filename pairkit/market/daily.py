"""Daily dates: whether a series of dates is one of daily bars (docs/semantics.md 7.7), and parsing of a user's date."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from pairkit.errors import DataError
from pairkit.language import _
from pairkit.market.deliveries import FIRST_YEAR, LAST_YEAR

MOST_DAYS_APART = 3.0  # in the median, calendar days
_ENOUGH = 5  # dates; fewer, around a long holiday, say nothing
_INTRADAY = 2  # rows a day, in the median
_WORDS = ((10.0, "weekly"), (45.0, "monthly"), (135.0, "quarterly"))


def not_daily(days: pd.DatetimeIndex) -> str:
    """Frequency of these dates where they are not daily, such as "weekly (7 days apart in the median)"; "" where they are daily.

    `days` may repeat, carry times and come in any order. Fewer than five are taken as daily.
    """
    if len(days) < _ENOUGH:
        return ""
    dates, rows = np.unique(
        days.tz_localize(None).to_numpy(dtype="datetime64[D]"), return_counts=True
    )
    if (a_day := float(np.median(rows))) >= _INTRADAY:
        return _("intraday ({a_day:g} rows a day in the median)", a_day=a_day)
    if len(dates) < _ENOUGH:
        return ""
    apart = float(np.median(np.diff(dates).astype(np.int64)))
    if apart <= MOST_DAYS_APART:
        return ""
    word = next((word for most, word in _WORDS if apart <= most), "yearly")
    return _("{word} ({apart:g} days apart in the median)", word=word, apart=apart)


_ISO = re.compile(r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})")
_EITHER_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")


def day_of(given: Any) -> pd.Timestamp:
    """The date in a user's input: a date, a Timestamp, or text such as 2020-01-31, 2020/1/31 or 20200131.

    Raises
    ------
    DataError
        It is no date, could be day first or month first, lies centuries away, or carries a time of day or a time zone.
    """
    accepted = _("write the day as 2020-01-31")
    if isinstance(given, str):
        found = _ISO.fullmatch(given.strip())
        if found is None:
            why = (
                _("could be day first or month first")
                if _EITHER_FIRST.fullmatch(given.strip())
                else _("is not a date")
            )
            raise DataError(f"{given!r} {why}; {accepted}.")
        try:
            given = date(int(found[1]), int(found[3]), int(found[4]))
        except ValueError:
            raise DataError(
                _(
                    "{given!r} is not a day of the calendar; {accepted}.",
                    given=given,
                    accepted=accepted,
                )
            ) from None
    if not isinstance(given, date | np.datetime64) or pd.isna(given):
        raise DataError(
            _(
                "{given!r} is a {name}, not a date; {accepted}.",
                given=given,
                name=type(given).__name__,
                accepted=accepted,
            )
        )
    if not FIRST_YEAR <= _year_of(given) <= LAST_YEAR:
        raise DataError(
            _(
                "{given} is not in the years {first_year} to {last_year}; {accepted}.",
                given=given,
                first_year=FIRST_YEAR,
                last_year=LAST_YEAR,
                accepted=accepted,
            )
        )
    day = pd.Timestamp(given)
    if day.tz is not None or day != day.normalize():
        raise DataError(
            _(
                "{given!r} carries a time of day or a time zone; trade dates are plain days: {accepted}.",
                given=given,
                accepted=accepted,
            )
        )
    return day


def _year_of(given: date | np.datetime64) -> int:
    if isinstance(given, np.datetime64):
        return int(given.astype("datetime64[Y]").astype(np.int64)) + 1970
    return given.year
