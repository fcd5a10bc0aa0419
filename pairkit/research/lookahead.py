"""Proof that no row of a run depends on a later session: the run on the cut data equals the first rows of the whole run.

Equal to the bit, in every column: a tolerance would hide a leak that is small today.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pairkit.config import StrategyConfig
from pairkit.pair import PairFrame
from pairkit.run import run_backtest


class Leak(NamedTuple):
    """A value that changed when later sessions were taken away."""

    cut: int
    column: str
    date: pd.Timestamp
    with_later: object
    without: object


def frame_of(pair: PairFrame, config: StrategyConfig) -> pd.DataFrame:
    """The frame of pairkit's own run."""
    return run_backtest(pair, config).frame


def find_prefix_leaks(
    pair: PairFrame,
    config: StrategyConfig,
    cuts: Sequence[int],
    *,
    make_frame: Callable[[PairFrame, StrategyConfig], pd.DataFrame] = frame_of,
) -> list[Leak]:
    """The first changed value of each column, for each number of sessions kept.

    Parameters
    ----------
    pair, config
        What to run.
    cuts : sequence of int
        How many sessions to keep, each from 0 to len(pair).
    make_frame : callable
        Any function of (pair, config) that returns one row per session.

    Returns
    -------
    list of Leak
        Empty where nothing looks ahead.
    """
    whole = make_frame(pair, config)
    leaks = []
    for cut in cuts:
        part = make_frame(pair[:cut], config)
        for column in whole.columns:
            row = _first_difference(whole[column].iloc[:cut], part[column])
            if row is not None:
                leaks.append(Leak(cut, str(column), whole.index[row], whole[column].iloc[row], part[column].iloc[row]))
    return leaks


def _first_difference(whole: pd.Series, part: pd.Series) -> int | None:
    """The first row whose bits differ; NaN equals NaN."""
    left, right = whole.to_numpy(), part.to_numpy()
    same = (left == right) | (pd.isna(left) & pd.isna(right))
    return None if same.all() else int(np.argmin(same))
