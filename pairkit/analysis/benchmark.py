"""Benchmark of a run: buy and hold of its spread at equal risk, without costs.

1. The change of a complete bar since the complete bar before is the y leg's less beta_lag times the x leg's, of the adjusted
   series: what one spread held earned. Other bars change nothing, nor does one without a beta.
2. The holding begins at the run's first valid bar.
3. It is scaled so that its bar returns vary as much as the run's own. The scale is known at the end only: the line is for
   comparison, and no position of the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pairkit._typing import FloatArray

if TYPE_CHECKING:
    from pairkit.run import BacktestRun


def held_spread(run: BacktestRun) -> FloatArray:
    """Equity of holding the spread from the first valid bar on.

    Returns
    -------
    ndarray of shape (T,)
        Pair's currency. All NaN where either never moved, and where no bar is valid.
    """
    valid = run.indicators.valid
    nothing: FloatArray = np.full(len(valid), np.nan)
    if not valid.any():
        return nothing
    first = int(np.argmax(valid))
    rows = np.flatnonzero(run.adjusted.complete)
    steps = np.diff(run.adjusted.series[rows], axis=0, prepend=np.nan)
    change = np.zeros(len(valid))
    change[rows] = np.nan_to_num(steps[:, 0] - run.indicators.beta_lag[rows] * steps[:, 1])
    change[: first + 1] = 0.0
    own = np.diff(run.ledger.equity, prepend=run.config.capital)
    risk, spread_risk = float(np.std(own[first:])), float(np.std(change[first:]))
    if not (risk > 0 and spread_risk > 0):
        return nothing
    held: FloatArray = run.config.capital + np.cumsum(change) * (risk / spread_risk)
    return held
