"""The kernel of the rolling Engle-Granger test for one lag against the one for any lag order."""

from __future__ import annotations

import numpy as np
import pytest

from pairkit.models import engle_granger
from pairkit.models.engle_granger import write_statistics
from pairkit.models.products import work_space

BARS = 400


def walks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.cumsum(rng.normal(size=(2, BARS)), axis=1)
    return y + 1e3, x + 1e5


def legs_of(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two walks, and what becomes of them: related, with ties, a bad tick, collinear for a while, a leg that stands still."""
    y, x = walks(seed)
    if kind == "related":
        y = 1.3 * x + np.random.default_rng(seed).normal(size=BARS)
    elif kind == "ties":
        y, x = np.round(y), np.round(x)
    elif kind == "bad tick":
        y[150] += 1e8
    elif kind == "collinear":
        y[200:] = 2.0 * x[200:]
    elif kind == "still":
        y[100:250] = y[100]
    return y, x


def by_any_lags(y: np.ndarray, x: np.ndarray, window: int) -> np.ndarray:
    """The statistics at one lag by the kernel for any lag order."""
    statistic = np.full(y.size, np.nan)
    engle_granger._at_lags(y, x, window, 1, statistic, *work_space(window, 1, 6))
    return statistic


@pytest.mark.parametrize("kind", ["walks", "related", "ties", "bad tick", "collinear", "still"])
@pytest.mark.parametrize("window", [8, 17, 18, 19, 33, 120, 400])
def test_2_5_one_lag_gives_the_bits_of_any_lags(kind, window):
    """Windows that fill their lanes, leave some empty, and exceed the data's half; NaN and -inf in the same places."""
    for seed in range(3):
        y, x = legs_of(kind, seed)
        statistic = np.full(BARS, np.nan)
        write_statistics(y, x, window, 1, statistic)
        assert np.array_equal(statistic, by_any_lags(y, x, window), equal_nan=True)
        assert np.isfinite(statistic).any()
