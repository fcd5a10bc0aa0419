"""Probability of backtest overfitting (PBO), by combinatorially symmetric cross-validation (CSCV).

1. The bars are cut into S consecutive blocks of equal length; what does not fill a block is left out at the beginning.
2. Every choice of S/2 blocks is once the sample to choose in; the other blocks are the test. C(16, 8) = 12,870 splits.
3. In each split the trial with the best score in the sample is looked up in the test: omega is its rank there over N + 1,
   1 / (N + 1) for the worst of N trials.
4. PBO is the share of splits where logit omega = ln(omega / (1 - omega)) is 0 or less: the choice did no better than the
   median trial.

Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest overfitting", Journal of Computational Finance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.errors import ConfigError, RunError
from pairkit.language import _
from pairkit.research._validate import whole_number

Score = Literal["sharpe", "mean"]
MOST_BLOCKS = 20
_AT_ONCE = 500_000  # scores held in memory
_NO_SPREAD = 1e-14  # a variance so far below the mean square is rounding


@dataclass(frozen=True, eq=False)
class Pbo:
    """Result of CSCV.

    Parameters
    ----------
    splits : DataFrame
        One row a split: `chosen` (the trial's number), `in_sample` and `out_of_sample` (its score, per bar), `logit`.
    blocks, rows : int
        Blocks, and the bars in all of them.
    """

    splits: pd.DataFrame
    blocks: int
    rows: int

    @property
    def pbo(self) -> float:
        """Share of splits where the choice did no better than the median trial."""
        return float(np.mean(self.splits["logit"] <= 0.0))

    @property
    def loss_share(self) -> float:
        """Share of splits where the choice lost money in the test."""
        return float(np.mean(self.splits["out_of_sample"] < 0.0))


def pbo(returns: FloatArray, *, blocks: int = 16, score: Score = "sharpe") -> Pbo:
    """The probability that the best of many trials is below their median where it was not chosen.

    Parameters
    ----------
    returns : (T, N) float64, finite
        Each trial's return on each bar, N at least 2.
    blocks : int
        S, an even number from 2 to 20.
    score : {"sharpe", "mean"}
        What trials are ranked by. A trial without a move in a sample has the Sharpe ratio 0; equal scores share their ranks.

    Raises
    ------
    ConfigError
        `blocks` is not accepted.
    RunError
        There are fewer than 2 trials, or fewer than 2 bars a block, or a return is missing.
    """
    if whole_number("blocks", blocks) % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ConfigError(
            _(
                "blocks = {blocks}: accepted is an even number from 2 to {most_blocks}.",
                blocks=blocks,
                most_blocks=MOST_BLOCKS,
            )
        )
    bars, trials = returns.shape
    if trials < 2 or bars < 2 * blocks:
        raise RunError(
            _(
                "PBO needs at least 2 trials "
                "and {blocks} bars for {at_most} blocks; these are {trials} trials on {bars} bars. "
                "Vary more settings, choose longer data, or fewer blocks.",
                blocks=2 * blocks,
                at_most=blocks,
                trials=trials,
                bars=bars,
            )
        )
    if not np.isfinite(returns).all():
        raise RunError(
            _(
                "PBO needs every return of every trial; some are missing or infinite. Take bars that all trials share."
            )
        )
    length = bars // blocks
    cut = returns[bars - blocks * length :].reshape(blocks, length, trials)
    sums, squares = cut.sum(axis=1), (cut * cut).sum(axis=1)
    chosen_blocks = np.array(
        [_members(split, blocks) for split in combinations(range(blocks), blocks // 2)]
    )
    step = max(_AT_ONCE // trials, 1)
    parts = [
        _judged(chosen_blocks[first : first + step], sums, squares, blocks // 2 * length, score)
        for first in range(0, len(chosen_blocks), step)
    ]
    return Pbo(pd.concat(parts, ignore_index=True), blocks, blocks * length)


def _members(split: tuple[int, ...], blocks: int) -> FloatArray:
    """(S,) 1.0 for the blocks of the sample, 0.0 for those of the test."""
    return np.isin(np.arange(blocks), split).astype(np.float64)


def _judged(
    samples: FloatArray, sums: FloatArray, squares: FloatArray, bars: int, score: Score
) -> pd.DataFrame:
    """Some splits: the trial chosen in each, its scores in sample and test, and the logit of its rank in the test."""
    trials, rows = sums.shape[1], np.arange(len(samples))
    inside = _scores(samples @ sums, samples @ squares, bars, score)
    outside = _scores((1.0 - samples) @ sums, (1.0 - samples) @ squares, bars, score)
    chosen = np.argmax(inside, axis=1)
    mine = outside[rows, chosen][:, np.newaxis]
    rank = np.sum(outside < mine, axis=1) + (np.sum(outside == mine, axis=1) + 1.0) / 2.0
    omega = rank / (trials + 1.0)
    return pd.DataFrame(
        {
            "chosen": chosen,
            "in_sample": inside[rows, chosen],
            "out_of_sample": outside[rows, chosen],
            "logit": np.log(omega / (1.0 - omega)),
        }
    )


def _scores(sums: FloatArray, squares: FloatArray, bars: int, score: Score) -> FloatArray:
    """Scores from the sums of returns and of their squares over `bars` bars."""
    mean = sums / bars
    if score == "mean":
        return mean
    variance = (squares - mean * sums) / (bars - 1.0)
    moves = variance > _NO_SPREAD * squares / bars
    still = np.where(mean == 0.0, 0.0, np.copysign(math.inf, mean))
    return np.divide(
        mean, np.sqrt(variance, where=moves, out=np.ones_like(mean)), where=moves, out=still
    )
