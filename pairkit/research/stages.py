"""A pair's indicators, stage by stage, each made once for the settings that it depends on: what many configs on one pair share.

Hedge, z, volatility and the test of stationarity depend on few settings each. Configs that agree in those get the same arrays, to
the bit those that a single run makes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit.config import SETTINGS, StrategyConfig
from pairkit.models.adjusted import Adjusted, adjust
from pairkit.models.indicators import Hedged, adf_pvalue, deviation, hedge, is_valid, on_all_bars, standing
from pairkit.pair import PairFrame
from pairkit.trading.engine import Signals, tape_of

FloatArray = NDArray[np.float64]
_HEDGE_FIELDS = tuple(name for name, setting in SETTINGS.items() if setting.group == "Hedge")
_ADF_FIELDS = ("adf_test", "adf_null", "adf_window", "adf_lags")
# Settings that indicators depend on, what is dearest to make first: trials are quickest when sorted by them in this order.
INDICATOR_FIELDS = (*_HEDGE_FIELDS, *_ADF_FIELDS, "vol_baseline_window", "vol_window", "z_window")
_KEPT_VALUES = 200_000  # of each stage's results, per thread


class Stages:
    """A pair, and the latest results of each stage, so many that memory stays flat.

    Threads can share one: each keeps results of its own, for each is at other configs. A pickle carries the pair alone.
    """

    def __init__(self, pair: PairFrame) -> None:
        self.pair = pair
        self._of_thread = threading.local()

    def __reduce__(self) -> tuple[type[Stages], tuple[PairFrame]]:
        return Stages, (self.pair,)

    def tape(self, transform: Any) -> NDArray[np.void]:
        """The market as the engine reads it, after `price_transform`."""
        return self._transformed(transform).tape

    def signals(self, config: StrategyConfig, *, with_adf: bool) -> Signals:
        """What decisions are made of; without `with_adf`, p-values of NaN in place of those that nobody asks for."""
        adjusted = self._transformed(config.price_transform).adjusted
        hedging = tuple(getattr(config, name) for name in _HEDGE_FIELDS)
        hedged: Hedged = self._once("hedge", hedging, lambda: hedge(adjusted, config))

        def std(window: int) -> FloatArray:
            return deviation(hedged, window)

        def laid(name: str, key: Any, make: Callable[[], FloatArray]) -> FloatArray:
            array: FloatArray = self._once(name, key, lambda: on_all_bars(make(), adjusted.complete))
            return array

        beta_lag = laid("beta_lag", hedging, lambda: hedged.beta_lag)
        vol_key, base_key = (hedging, config.vol_window), (hedging, config.vol_baseline_window)
        vol = self._once("vol", vol_key, lambda: std(config.vol_window))
        base = self._once("base", base_key, lambda: std(config.vol_baseline_window))
        z = laid("z", (hedging, config.z_window), lambda: standing(hedged, config.z_window))
        # the legs' test knows no hedge, so it outlives a change of it
        tested = config.price_transform if config.adf_test == "engle_granger" else hedging
        adf_key = (tested, *(getattr(config, name) for name in _ADF_FIELDS))
        return Signals(
            z=z, beta_lag=beta_lag, vol=laid("vol_all", vol_key, lambda: vol), valid=is_valid(z, beta_lag),
            adf_pvalue=laid("adf", adf_key, lambda: adf_pvalue(hedged, config)) if with_adf else np.full(z.size, np.nan),
            beta_jump=laid("beta_jump", hedging, lambda: hedged.beta_jump),
            vol_ratio=laid("vol_ratio", (vol_key, base_key), lambda: vol / base))

    def _transformed(self, transform: Any) -> _Transformed:
        def make() -> _Transformed:
            adjusted = adjust(self.pair, transform)
            return _Transformed(adjusted, tape_of(adjusted.market))

        made: _Transformed = self._once("transform", transform, make)
        return made

    def _once(self, stage: str, key: Any, make: Callable[[], Any]) -> Any:
        """The stage's result for `key`."""
        kept = vars(self._of_thread).setdefault(stage, {})
        if key not in kept:
            if len(kept) >= max(_KEPT_VALUES // max(len(self.pair), 1), 1):
                del kept[next(iter(kept))]
            kept[key] = make()
        return kept[key]


class _Transformed(NamedTuple):
    adjusted: Adjusted
    tape: NDArray[np.void]
