"""Whether a series of dates is one of daily bars (docs/semantics.md 7.7)."""

from __future__ import annotations

import numpy as np
import pandas as pd

MOST_DAYS_APART = 3.0  # in the median, calendar days
_ENOUGH = 5  # dates; fewer, around a long holiday, say nothing
_WORDS = ((10.0, "weekly"), (45.0, "monthly"), (135.0, "quarterly"))


def not_daily(days: pd.DatetimeIndex) -> str:
    """What the bars of these dates are instead, such as "weekly (7 days apart in the median)"; "" where they are daily.

    `days` ascend, without repeats. Fewer than five are taken as daily.
    """
    if len(days) < _ENOUGH:
        return ""
    apart = float(np.median(np.diff(days.to_numpy(dtype="datetime64[D]")).astype(np.int64)))
    if apart <= MOST_DAYS_APART:
        return ""
    word = next((word for most, word in _WORDS if apart <= most), "yearly")
    return f"{word} ({apart:g} days apart in the median)"
