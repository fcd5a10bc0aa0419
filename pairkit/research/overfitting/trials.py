"""Trials of an overfitting check: their configs, the returns of each bar by bar, and how many count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

from pairkit._typing import FloatArray, Progress
from pairkit.audit.runs.trial_count import TrialCount
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError, RunError
from pairkit.language import _
from pairkit.pair import PairFrame
from pairkit.research.sweeps.default_space import space_around
from pairkit.research.sweeps.executors import done_in_slices
from pairkit.research.sweeps.space import make_trials
from pairkit.research.sweeps.sweep import config_of
from pairkit.run import BacktestRun, run_backtest


def trials_of(
    config: StrategyConfig, space: Any, most: int, seed: int
) -> tuple[list[StrategyConfig], pd.DataFrame]:
    """The configs of the trials, and what varies among them."""
    make: Callable[[int], StrategyConfig]
    if isinstance(space, pd.DataFrame):
        names, make, total = space.attrs["varied"], partial(config_of, space), len(space)
    else:
        trials = make_trials(config, space or space_around(config))
        names, make, total = list(trials.values), trials.config, len(trials)
    if total < 2:
        raise ConfigError(
            _(
                "{total} trial cannot be held against others; vary a setting over at least two values.",
                total=total,
            )
        )
    rows = (
        np.arange(total)
        if total <= most
        else np.sort(default_rng(SeedSequence(seed)).choice(total, most, replace=False))
    )
    configs = [make(int(row)) for row in rows]
    return configs, pd.DataFrame({name: [getattr(one, name) for one in configs] for name in names})


def returns_of_trials(
    pair: PairFrame,
    configs: list[StrategyConfig],
    executor: Any,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> FloatArray:
    """(N, T) each trial's return on capital on each bar, NaN before its first valid bar."""
    found, done = done_in_slices(
        return_rows,
        (pair, configs),
        np.arange(len(configs)),
        len(pair),
        executor=executor,
        progress=progress,
        cancelled=cancelled,
    )
    if not done.all():
        raise CancelledError(
            _(
                "the overfitting check was stopped after {done:,} of {configs:,} trials.",
                done=int(done.sum()),
                configs=len(configs),
            )
        )
    if np.isfinite(found).any(axis=1).sum() < 2:
        raise RunError(
            _(
                "fewer than two of the {configs:,} trials ever have indicators: {pair_name} has {pair:,} bars. "
                "Choose longer data, or shorter windows.",
                configs=len(configs),
                pair_name=pair.name,
                pair=len(pair),
            )
        )
    return found


def return_rows(
    shared: tuple[PairFrame, list[StrategyConfig]], rows: NDArray[np.int64]
) -> FloatArray:
    """(len(rows), T) returns of these trials: one slice of the work."""
    pair, configs = shared
    out = np.full((len(rows), len(pair)), np.nan)
    for place, row in enumerate(rows):
        own = returns_of_run(run_backtest(pair, configs[row]))
        if len(own):
            out[place, -len(own) :] = own
    return out


def returns_of_run(run: BacktestRun) -> FloatArray:
    """Returns on capital from the first valid bar on, as the metrics count them; empty where no bar is valid."""
    valid = run.indicators.valid
    if not valid.any():
        return np.empty(0)
    equity = np.append(run.config.capital, run.ledger.equity)
    returns: FloatArray = np.diff(equity)[int(np.argmax(valid)) :] / run.config.capital
    return returns


def sharpes_of(matrix: FloatArray) -> FloatArray:
    """(N,) Sharpe ratio per bar of each column; NaN where it never moves."""
    moves = np.ptp(matrix, axis=0) > 0.0
    deviation = np.where(moves, np.std(matrix, axis=0, ddof=1), np.nan)
    ratios: FloatArray = np.mean(matrix, axis=0) / deviation
    return ratios


def count_of(ledger: TrialCount | None, sharpes: FloatArray) -> TrialCount:
    """The ledger's count where it is one of trials, else the count of these."""
    if ledger is not None and ledger.sharpe_variance is not None:
        return ledger
    known = sharpes[np.isfinite(sharpes)]
    return TrialCount(
        len(sharpes), len(known), float(np.var(known, ddof=1)) if len(known) > 1 else None
    )
