"""A short made-up pair that never reaches the screen: running it compiles the kernels before the first real run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pairkit.market.contracts import bundled_spec
from pairkit.pair import PairFrame, pair_from_frames


def sample_pair(bars: int = 320) -> PairFrame:
    """A leg that wanders, and another that follows it."""
    random = np.random.default_rng(7)
    leader = 4000 * np.exp(np.cumsum(random.normal(0, 0.01, bars)))
    follower = leader * np.exp(random.normal(0, 0.01, bars))
    return pair_from_frames(
        _bars(follower), _bars(leader), y_spec=bundled_spec("RB"), x_spec=bundled_spec("HC")
    )


def _bars(close: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pd.DataFrame:
    prices = dict.fromkeys(("open", "high", "low", "close", "settle"), close)
    index = pd.bdate_range("2020-01-01", periods=len(close), name="trade_date")
    return pd.DataFrame({**prices, "volume": 1e5, "open_interest": 1e6}, index=index)
