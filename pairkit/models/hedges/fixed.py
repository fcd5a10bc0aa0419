"""Fixed hedge ratio, agreed rather than estimated: calendar spreads, processing margins."""

from __future__ import annotations

import numpy as np

from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.models.hedges import HedgeRatio, checked_legs


def estimate(y: FloatArray, x: FloatArray, config: StrategyConfig) -> HedgeRatio:
    """`config.fixed_beta` and an intercept of 0 on every bar."""
    y, _ = checked_legs(y, x)
    return HedgeRatio(np.zeros(y.size), np.full(y.size, config.fixed_beta))
