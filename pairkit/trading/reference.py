"""Reference values by statsmodels: the hedge ratio and the p-value of one bar, beside pairkit's own.

1. The bars are those of the run that are complete for both legs, up to the bar itself.
2. The hedge that the bar uses is fitted on the window that ends one complete bar before: `OLS` of y on (1, x).
3. The test of the bar is made on the window that ends with it: `coint` of the legs, or `adfuller` of the spread, with the lags fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.language import _
from pairkit.models.indicators import stationarity_statistic

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

COLUMNS = ["figure", "pairkit", "statsmodels", "difference"]


def by_statsmodels(run: BacktestRun, t: int) -> pd.DataFrame:
    """Comparison with statsmodels, one row a figure of row `t`: `figure`, `pairkit`, `statsmodels`, `difference`.

    Empty where the bar is not complete or no window is full. The hedge is there for the model ols; the p-value, for the null
    mackinnon; the t-statistic behind it under both.
    """
    complete = np.flatnonzero(run.adjusted.complete)
    place = int(np.searchsorted(complete, t))
    if place == len(complete) or complete[place] != t:
        return pd.DataFrame(columns=COLUMNS)
    y, x = run.adjusted.legs[:, : place + 1]
    rows = [*_hedge(run, t, y[:-1], x[:-1]), *_test(run, t, y, x)]
    table = pd.DataFrame(rows, columns=COLUMNS[:3])
    return table.assign(difference=table["pairkit"] - table["statsmodels"])


def _hedge(run: BacktestRun, t: int, y: FloatArray, x: FloatArray) -> list[tuple[Any, ...]]:
    from statsmodels.regression.linear_model import OLS  # slow to import
    from statsmodels.tools import add_constant

    window = run.config.hedge_window
    if run.config.hedge_model != "ols" or len(y) < window:
        return []
    fitted = OLS(y[-window:], add_constant(x[-window:], has_constant="add")).fit().params
    ours = run.indicators.alpha_lag[t], run.indicators.beta_lag[t]
    return [
        (
            _("{name}, OLS of {window} bars to the bar before", name=name, window=window),
            float(own),
            float(theirs),
        )
        for name, own, theirs in zip(("alpha_lag", "beta_lag"), ours, fitted, strict=True)
    ]


def _test(run: BacktestRun, t: int, y: FloatArray, x: FloatArray) -> list[tuple[Any, ...]]:
    from statsmodels.tsa.stattools import adfuller, coint

    config, window = run.config, run.config.adf_window
    of_legs = config.adf_test == "engle_granger"
    spread = run.indicators.spread[np.flatnonzero(run.adjusted.complete)][: len(y)]
    looked_at = np.column_stack([y, x]) if of_legs else spread[:, np.newaxis]
    if len(y) < window or not np.isfinite(looked_at[-window:]).all():
        return []
    if of_legs:
        name = _("coint of {window} bars", window=window)
        statistic, pvalue = coint(
            y[-window:], x[-window:], trend="c", maxlag=config.adf_lags, autolag=None
        )[:2]
    else:
        name = _("adfuller of {window} spreads", window=window)
        found = adfuller(
            spread[-window:],
            maxlag=config.adf_lags,
            regression="c",
            autolag=None,
            result_object=False,
        )
        statistic, pvalue = found[0], found[1]
    own = stationarity_statistic(y, x, config)[-1]
    rows = [(_("t-statistic, {name}", name=name), float(own), float(statistic))]
    if config.adf_null == "mackinnon":
        rows.append(
            (_("p-value, {name}", name=name), float(run.indicators.adf_pvalue[t]), float(pvalue))
        )
    return rows
