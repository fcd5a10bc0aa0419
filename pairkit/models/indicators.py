"""Everything that is known at a close, bar by bar, from beta to the p-value of the stationarity test.

1. Incomplete bars are left out: windows count complete bars, and "the bar before" is the complete bar before.
2. The hedge ratio is estimated; all that follows uses the one of the bar before.
3. Spread, z, hedged return, volatility, beta jump and stationarity follow from it.
4. The results are laid back on all bars, NaN on the incomplete ones.

(docs/semantics.md 2)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit.config import StrategyConfig
from pairkit.models.adjusted import Adjusted
from pairkit.models.hedges import estimate_hedge
from pairkit.models.stationarity import rolling_adf, rolling_engle_granger
from pairkit.models.windows import rolling_std, rolling_z

FloatArray = NDArray[np.float64]
_SMALLEST_BETA = 0.05  # a beta nearer 0 than this would make any change look like a jump


class Indicators(NamedTuple):
    """The indicators of a run, (T,) each; NaN on incomplete bars and until a window is full. `valid` is bool."""

    y: FloatArray
    x: FloatArray
    alpha: FloatArray
    beta: FloatArray
    alpha_lag: FloatArray
    beta_lag: FloatArray
    spread: FloatArray
    z: FloatArray
    hedged_return: FloatArray
    vol: FloatArray
    vol_ratio: FloatArray
    beta_jump: FloatArray
    adf_pvalue: FloatArray
    valid: NDArray[np.bool_]


class Hedged(NamedTuple):
    """The pair under a hedge, on complete bars only: (T,) each."""

    y: FloatArray
    x: FloatArray
    alpha: FloatArray
    beta: FloatArray
    alpha_lag: FloatArray
    beta_lag: FloatArray
    spread: FloatArray
    hedged_return: FloatArray
    beta_jump: FloatArray


def indicate(adjusted: Adjusted, config: StrategyConfig) -> Indicators:
    """The indicators of a pair under `config`."""
    hedged = hedge(adjusted, config)
    vol = rolling_std(hedged.hedged_return, window=config.vol_window)
    on_complete = {
        **hedged._asdict(), "z": rolling_z(hedged.spread, window=config.z_window), "vol": vol,
        "vol_ratio": vol / rolling_std(hedged.hedged_return, window=config.vol_baseline_window),
        "adf_pvalue": adf_pvalue(hedged, config)}
    columns = {name: on_all_bars(values, adjusted.complete) for name, values in on_complete.items()}
    return Indicators(**columns, valid=is_valid(columns["z"], columns["beta_lag"]))


def hedge(adjusted: Adjusted, config: StrategyConfig) -> Hedged:
    """The hedge ratio and what follows from it alone; depends on the settings of the group Hedge only."""
    y, x = np.ascontiguousarray(adjusted.series[adjusted.complete].T)
    alpha, beta = estimate_hedge(y, x, config)
    alpha_lag, beta_lag = _lagged(alpha), _lagged(beta)
    return Hedged(
        y=y, x=x, alpha=alpha, beta=beta, alpha_lag=alpha_lag, beta_lag=beta_lag, spread=y - alpha_lag - beta_lag * x,
        hedged_return=_change(y) - beta_lag * _change(x), beta_jump=_beta_jump(beta_lag))


def adf_pvalue(hedged: Hedged, config: StrategyConfig) -> FloatArray:
    """P-values of the stationarity test: of the legs, or of the spread, as `config.adf_test` says."""
    if config.adf_test == "adf_spread":
        return rolling_adf(hedged.spread, window=config.adf_window, lags=config.adf_lags)
    return rolling_engle_granger(hedged.y, hedged.x, window=config.adf_window, lags=config.adf_lags)


def is_valid(z: FloatArray, beta_lag: FloatArray) -> NDArray[np.bool_]:
    """Where decisions are allowed."""
    valid: NDArray[np.bool_] = np.isfinite(z) & np.isfinite(beta_lag)
    return valid


def on_all_bars(values: FloatArray, complete: NDArray[np.bool_]) -> FloatArray:
    """Values of the complete bars laid on all bars, NaN on the others."""
    out = np.full(complete.size, np.nan)
    out[complete] = values
    return out


def _lagged(values: FloatArray) -> FloatArray:
    """The value of the bar before: the only place where an indicator looks back by one bar."""
    out = np.full_like(values, np.nan)
    out[1:] = values[:-1]
    return out


def _change(values: FloatArray) -> FloatArray:
    return values - _lagged(values)


def _beta_jump(beta_lag: FloatArray) -> FloatArray:
    before = _lagged(beta_lag)
    return np.abs(beta_lag - before) / np.maximum(np.abs(before), _SMALLEST_BETA)
