"""How much pairkit does in the time of one statsmodels RollingOLS: a unit that states a goal for any machine.

The unit is one `RollingOLS(y, x, window=60).fit(params_only=True)` of 2,500 bars in the same process, in turn with the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pairkit as pk
from benchmarks import data
from benchmarks.timing import Contender, beside
from pairkit.pair import PairFrame

BARS = 2_500
Space = dict[str, Any]


class Count(NamedTuple):
    """So many of a kind of work in one unit, with what it is and how many there should be."""

    work: str
    count: float
    goal: str
    note: str


def active_space(side: int = 25) -> Space:
    """Thresholds that trade often, as people sweep them: 10,000 configs at the full side."""
    return {
        "entry_z": np.linspace(1.0, 3.0, side),
        "exit_z": np.linspace(0.0, 0.9, min(side, 10)),
        "stop_z": [3.5, 4.0, 5.0, 6.0],
        "max_holding_days": np.linspace(5, 50, min(side, 10)).astype(int),
    }


def calm_space(side: int = 100) -> Space:
    """Thresholds under the default gates, which let few trades through: 20,000 configs at the full side."""
    return {
        "entry_z": np.linspace(1.5, 3.0, side),
        "exit_z": np.linspace(0.0, 1.0, side),
        "max_holding_days": [10, 20],
    }


def window_space(side: int = 20) -> Space:
    """Twenty windows of z, with thresholds: 2,000 configs at the full side."""
    return {
        "z_window": (30, 125, 5),
        "entry_z": np.linspace(1.5, 3.0, side),
        "exit_z": np.linspace(0.0, 1.0, 5),
    }


def in_units(bars: int = BARS, side: int | None = None, book: int = 100) -> list[Count]:
    """The counts; `bars`, `side` of the spaces and pairs of the `book` can be small, to try."""
    pair, sides = data.pair(bars), () if side is None else (side,)
    often = pk.StrategyConfig(adf_gate=False)
    swept = {
        "configs of the active space": (often, active_space(*sides), "25,000"),
        "configs of the calm space": (None, calm_space(*sides), "45,000"),
        "configs over 20 windows": (None, window_space(*sides), "8,000"),
    }
    pairs = [data.pair(bars, seed) for seed in range(min(book, 10))]
    contenders = [
        Contender("unit", _rolling_ols(bars), 1),
        Contender("core runs", lambda: pk.run_backtest(pair).metrics, 1),
        Contender("runs with their tables", lambda: _with_tables(pair), 1),
        Contender("runs of a book", lambda: _book(pairs, book), book),
    ]
    goals, notes = {"core runs": "100", "runs with their tables": "50"}, {}
    for work, (config, space, goal) in swept.items():
        table = pk.sweep(pair, config, space)
        goals[work] = goal
        notes[work] = (
            f"{len(table):,} configs, {table['trades'].mean():.0f} trades and "
            f"{table['exposure'].mean():.0%} exposure on average"
        )
        contenders.append(Contender(work, _sweeping(pair, config, space), len(table)))
    notes["runs of a book"] = f"{book} pairs one after another, with their tables"
    unit, *others = beside(contenders)
    return [
        Count(t.name, unit.seconds / t.seconds, goals.get(t.name, ""), notes.get(t.name, ""))
        for t in others
    ]


def _sweeping(
    pair: PairFrame, config: pk.StrategyConfig | None, space: Space
) -> Callable[[], object]:
    return lambda: pk.sweep(pair, config, space)


def _rolling_ols(bars: int) -> Callable[[], object]:
    from statsmodels.regression.rolling import RollingOLS

    y, x = data.legs(bars)
    design = np.column_stack([np.ones(bars), x])
    return lambda: RollingOLS(y, design, window=60).fit(params_only=True)


def _with_tables(pair: PairFrame) -> object:
    run = pk.run_backtest(pair)
    return run.frame, run.trades, run.metrics


def _book(pairs: list[PairFrame], count: int) -> list[object]:
    return [_with_tables(pairs[place % len(pairs)]) for place in range(count)]
