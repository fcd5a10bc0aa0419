"""Walk-forward folds: train rows, a gap, and the test rows after it.

1. The first rows are left to the indicators: as many as the longest chain of windows reaches back.
2. The train rows follow, then the gap, then the test rows. Each later fold lies one test block further on; an anchored one
   keeps its first train row.
3. The gap is at least the reach of the indicators plus the longest holding, so that no bar that a train row has used, or held a
   position over, is used by a test row. All test rows come after the train rows of their fold; so there is nothing after them
   to embargo.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pairkit.config import StrategyConfig
from pairkit.errors import ConfigError, RunError
from pairkit.language import _
from pairkit.research._validate import whole_number
from pairkit.research.sweeps.space import Trials

LEAST_FOLDS, LEAST_TEST = 2, 20


class Fold(NamedTuple):
    """Rows of one fold: train from `train_first` up to but without `train_stop`, and test likewise."""

    train_first: int
    train_stop: int
    test_first: int
    test_stop: int


def reach_of(trials: Trials) -> int:
    """Bars that the longest chain of windows looks back: the hedge's window, the longest of those on its spread, and the lag."""
    windows = ("z_window", "vol_window", "vol_baseline_window", "adf_window")
    return (
        _most(trials, "hedge_window")
        + max(_most(trials, name) for name in windows)
        + _most(trials, "adf_lags")
        + 1
    )


def gap_of(trials: Trials, given: int | None) -> int:
    """The gap in bars: as given, or the least that is accepted; ConfigError for a shorter one."""
    least = reach_of(trials) + _most(trials, "max_holding_days")
    if given is not None and whole_number("gap", given) < least:
        raise ConfigError(
            _(
                "gap = {given}: accepted is {least} or more, as far as the windows reach back "
                "({reach_of} bars) plus the longest holding ({left} bars).",
                given=given,
                least=least,
                reach_of=reach_of(trials),
                left=least - reach_of(trials),
            )
        )
    return least if given is None else given


def lay_folds(
    bars: int, *, warm_up: int, train: int, gap: int, test: int, anchored: bool = False
) -> list[Fold]:
    """The folds on so many bars.

    Parameters
    ----------
    bars : int
        Rows of the pair.
    warm_up, train, gap, test : int
        Rows left to the indicators, to choose on, between, and to earn on. The last block of test rows may be shorter, and is
        left out below 20 rows.
    anchored : bool
        Every fold trains from the first train row on; otherwise on `train` rows.

    Raises
    ------
    ConfigError
        Train or test is shorter than 20 rows.
    RunError
        There is no room for two folds.
    """
    for name, given in {"train": train, "test": test}.items():
        whole_number(name, given, LEAST_TEST)
    first = warm_up + train + gap
    starts = [start for start in range(first, bars, test) if bars - start >= LEAST_TEST]
    if len(starts) < LEAST_FOLDS:
        needed = first + test + LEAST_TEST
        raise RunError(
            _(
                "{bars:,} bars have no room for two folds: {warm_up} for the indicators, "
                "{train} to train, a gap of {gap} and blocks of {test} to test need {needed:,}. "
                "Choose longer data, or shorter blocks or windows.",
                bars=bars,
                warm_up=warm_up,
                train=train,
                gap=gap,
                test=test,
                needed=needed,
            )
        )
    return [
        Fold(
            warm_up if anchored else start - gap - train,
            start - gap,
            start,
            min(start + test, bars),
        )
        for start in starts
    ]


def _most(trials: Trials, name: str) -> int:
    """The highest value of a setting over the trials."""
    values: Mapping[str, Any] = trials.values
    return int(np.max(values[name])) if name in values else int(_fixed(trials.base, name))


def _fixed(config: StrategyConfig, name: str) -> int:
    value: int = getattr(config, name)
    return value
