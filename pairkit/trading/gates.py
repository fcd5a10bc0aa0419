"""The three gates: whether an entry would be allowed at a close, whatever z says (docs/semantics.md 3)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pairkit.config import StrategyConfig
from pairkit.models.indicators import Indicators

SHUT, OPEN, OFF = 0, 1, 2
VERDICTS = ("shut", "open", "off")


class Gates(NamedTuple):
    """Each gate's verdict on each bar: (T,) int8, an index into VERDICTS."""

    adf: NDArray[np.int8]
    beta: NDArray[np.int8]
    vol: NDArray[np.int8]

    def shut_bits(self) -> NDArray[np.int64]:
        """(T,) which gates are shut: 1 for adf, 2 for beta, 4 for vol, added up."""
        shut = np.array([self.adf, self.beta, self.vol]) == SHUT
        bits: NDArray[np.int64] = np.array([1, 2, 4]) @ shut.astype(np.int64)
        return bits


def judge(indicators: Indicators, config: StrategyConfig) -> Gates:
    """The verdicts on every bar.

    A gate is open where its number is within its bound, shut where it is beyond, NaN, or the bar is not valid, and off
    on all bars where its switch is off.
    """
    calm_beta = (indicators.beta_jump <= config.max_beta_jump) & (indicators.beta_lag > 0.0)
    return Gates(
        adf=_verdict(indicators.adf_pvalue <= config.adf_max_pvalue, indicators.valid, config.adf_gate),
        beta=_verdict(calm_beta, indicators.valid, config.beta_gate),
        vol=_verdict(indicators.vol_ratio <= config.max_vol_ratio, indicators.valid, config.vol_gate))


def _verdict(passes: NDArray[np.bool_], valid: NDArray[np.bool_], switched_on: bool) -> NDArray[np.int8]:
    if not switched_on:
        return np.full(valid.size, OFF, dtype=np.int8)
    return np.where(passes & valid, OPEN, SHUT).astype(np.int8)
