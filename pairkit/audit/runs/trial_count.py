"""Trial count of a pair: how many configs were tried on it, and the Sharpe ratio that the best of them shows by luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pairkit.metrics import AT, best_by_luck, measure_many

if TYPE_CHECKING:
    from pairkit.run import BacktestRun


class Reset(NamedTuple):
    """A reset of a pair's count: when (UTC, ISO), and how many trials were forgotten."""

    at: str
    forgotten: int


@dataclass(frozen=True, slots=True)
class TrialCount:
    """The trials made on a pair.

    Parameters
    ----------
    n_configs : int or None
        How many; None where the ledger cannot be read, and `warning` says why.
    with_sharpe : int
        How many of them have a Sharpe ratio: those that traded.
    sharpe_variance : float or None
        Variance (divisor n-1) of their Sharpe ratios per bar; None for fewer than two.
    resets : tuple of Reset
        The oldest first.
    made_by : tuple of (str, int)
        How many were first made by each of MadeBy.
    scanned : int
        How many pairs of the snapshot were scanned, where this one is among them; 0 otherwise.
    snapshot, y, x : str
        The pair: name of its snapshot (empty for bars of none), and its roots.
    warning : str
        Why the count is unknown; empty where it is known.
    """

    n_configs: int | None
    with_sharpe: int = 0
    sharpe_variance: float | None = None
    resets: tuple[Reset, ...] = ()
    made_by: tuple[tuple[str, int], ...] = ()
    scanned: int = 0
    snapshot: str = ""
    y: str = ""
    x: str = ""
    warning: str = ""

    @property
    def trials(self) -> int:
        """Number of trials that the deflation allows for: the configs that traded, and every other pair that was scanned."""
        return self.with_sharpe + max(self.scanned - 1, 0)

    def best_by_luck(self, bars: float, *, more: int = 0) -> float:
        """Sharpe ratio per bar that the best of so many skill-less trials, and of `more`, is expected to show over `bars`.

        0 for one trial.
        """
        return best_by_luck(self.sharpe_variance or 0.0, self.trials + more, bars)

    def deflated_sharpe(self, run: BacktestRun, *, trials: float | None = None) -> float:
        """Probability that the run's true Sharpe ratio is above `best_by_luck`, as the metric `dsr`; NaN where it has none.

        `trials` is another number of them, such as the effective one.
        """
        number = max(self.trials if trials is None else trials, 1)
        values = measure_many(
            run.ledger.tally[np.newaxis],
            np.array([run.config.capital]),
            trial_variance=self.sharpe_variance or 0.0,
            trials=number,
        )
        return float(values[0, AT.dsr])

    def to_dict(self) -> dict[str, Any] | None:
        """The count as a run manifest has it; None where it is unknown."""
        if self.n_configs is None:
            return None
        return {
            "n_configs": self.n_configs,
            "sharpe_variance": self.sharpe_variance,
            "resets": [reset._asdict() for reset in self.resets],
        } | ({"scanned": self.scanned} if self.scanned else {})
