"""Hedge ratio of a calendar spread with its confidence interval: can it be told from 1?

1. Daily changes of y on those of x, with a constant, over bars whose bar before is complete too.
2. Newey and West's (1987) covariance with floor(4 (n/100)^(2/9)) lags, for changes whose variance moves.
3. The interval is the ratio less and plus 1.96 standard errors.

Changes, not levels: they give a valid interval whether the spread comes back or not. A diagnostic of all bars; nothing is decided
by it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pairkit.models.adjusted import Adjusted

_Z = 1.959963984540054
_LEAST_CHANGES = 60


class Ratio(NamedTuple):
    """A hedge ratio and its 95 % interval."""

    beta: float
    low: float
    high: float

    @property
    def is_one(self) -> bool:
        """Whether 1 lies in the interval."""
        return self.low <= 1.0 <= self.high


def ratio_of_changes(adjusted: Adjusted) -> Ratio | None:
    """The ratio of daily changes of y to those of x; None of fewer than 60 changes, or where x stands still.

    Parameters
    ----------
    adjusted : Adjusted
        Both legs, logs or levels.
    """
    together = adjusted.complete[1:] & adjusted.complete[:-1]
    y, x = np.diff(adjusted.series, axis=0)[together].T
    if len(x) < _LEAST_CHANGES or np.ptp(x) <= 0.0:
        return None
    from statsmodels.regression.linear_model import OLS  # takes half a second to load

    lags = int(4 * (len(x) / 100) ** (2 / 9))
    fit = OLS(y, np.column_stack([np.ones(len(x)), x])).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags}
    )
    beta, error = float(fit.params[1]), float(fit.bse[1])
    return Ratio(beta, beta - _Z * error, beta + _Z * error)
