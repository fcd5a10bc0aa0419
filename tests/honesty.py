"""Two checks that no number knows the future, for any function from (pair, config) to a table of bars.

Prefix: cut the pair after a bar, and every earlier row stays as it was, to the bit.
Contract: change one row's figures, and nothing before it changes, and what must lag one bar changes only after it.
Each catches what the other cannot (docs/semantics.md 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pairkit.config import StrategyConfig
from pairkit.gates import GATES
from pairkit.metrics import drawdown
from pairkit.pair import Leg, PairFrame
from pairkit.run import BacktestRun

Columns = dict[str, np.ndarray]
Run = Callable[[PairFrame, StrategyConfig], pd.DataFrame | Columns]
LAGGING = (
    "alpha_lag",
    "beta_lag",
    "beta_jump",
    "gate_beta",
    "position",
    "lots_y",
    "lots_x",
    "deferred",
    "contract_y",
    "contract_x",
)
PRICES = ("open", "high", "low", "close", "settle", "roll_open", "up_limit", "down_limit")


@dataclass(frozen=True)
class Alarm:
    """A column that changed on a row where it had no right to."""

    column: str
    row: int
    touched: int


def with_contracts(frame: pd.DataFrame, pair: PairFrame) -> pd.DataFrame:
    """A run's table and the contract that each leg holds: the choice of contract is checked with the rest."""
    y, x = (np.array([*leg.contract_names, "none"])[leg.contract] for leg in (pair.y, pair.x))
    return frame.assign(contract_y=y, contract_x=x)


def arrays_of(made: pd.DataFrame | Columns) -> Columns:
    """A table's columns as arrays: numbers as they are, words as objects."""
    if isinstance(made, dict):
        return made
    return {
        name: column.to_numpy(dtype=None if column.dtype.kind in "fib" else object)
        for name, column in made.items()
    }


def columns_of(run: BacktestRun) -> Columns:
    """What `run.frame` and the contracts are made of, words as their codes: the table takes four times as long as the run."""
    ledger = run.ledger
    y, x = (
        np.array([*leg.contract_names, "none"], dtype=object)[leg.contract]
        for leg in (run.pair.y, run.pair.x)
    )
    return {
        **run.indicators._asdict(),
        **{gate.column: run.gates.of(gate.name) for gate in GATES},
        **{
            name: getattr(ledger, name)
            for name in ("state", "reason", "position", "pnl", "cost", "equity", "deferred")
        },
        "lots_y": ledger.lots[:, 0],
        "lots_x": ledger.lots[:, 1],
        "drawdown": drawdown(ledger.equity, run.config.capital),
        "contract_y": y,
        "contract_x": x,
    }


def first_difference(ours: np.ndarray, theirs: np.ndarray) -> int | None:
    """The first row on which two columns differ in any bit, NaN being equal to NaN; None where they do not."""
    if ours.dtype.kind == "f":
        same = ((ours == theirs) & (np.signbit(ours) == np.signbit(theirs))) | (
            np.isnan(ours) & np.isnan(theirs)
        )
    else:
        same = ours == theirs
    return None if same.all() else int(np.argmin(same))


def prefix_alarms(
    run: Run, pair: PairFrame, config: StrategyConfig, cuts: Iterable[int]
) -> list[Alarm]:
    """Cut the pair after each of `cuts` rows, and compare with the run on all of it."""
    whole = arrays_of(run(pair, config))
    alarms = []
    for rows in cuts:
        part = arrays_of(run(pair[:rows], config))
        for name, column in whole.items():
            row = first_difference(part[name], column[:rows])
            if row is not None:
                alarms.append(Alarm(name, row, rows))
    return alarms


def perturbed(pair: PairFrame, row: int, seed: int) -> PairFrame:
    """The pair with one row's figures moved: complete, and as tradable as it was.

    Today's prices of a leg move by one factor, limits too, so each stays on its side of the others; the previous close by
    another; volume and open interest by a third.
    """
    rng = np.random.default_rng([seed, row])

    def moved(leg: Leg) -> Leg:
        today, before = 1 + rng.choice([-1, 1], 2) * rng.uniform(0.005, 0.08, 2)
        size = rng.uniform(0.1, 5.0)
        factors = {
            **dict.fromkeys(PRICES, today),
            "pre_close": before,
            "volume": size,
            "open_interest": size,
        }
        changes = {}
        for name, factor in factors.items():
            column = getattr(leg, name).copy()
            column[row] *= factor
            changes[name] = column
        return replace(leg, **changes)

    return replace(pair, y=moved(pair.y), x=moved(pair.x))


def contract_alarms(
    run: Run, pair: PairFrame, config: StrategyConfig, rows: Iterable[int], seed: int = 0
) -> tuple[list[Alarm], set[str]]:
    """Move each of `rows` in turn; the alarms, and the columns that did change on the first row where they may."""
    before = arrays_of(run(pair, config))
    alarms, moved = [], set()
    for touched in rows:
        after = arrays_of(run(perturbed(pair, touched, seed), config))
        for name in before:
            row = first_difference(after[name], before[name])
            earliest = touched + (name in LAGGING)
            if row is not None and row < earliest:
                alarms.append(Alarm(name, row, touched))
            if row == earliest:
                moved.add(name)
    return alarms, moved
