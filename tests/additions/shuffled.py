"""The declaration of a check: what the run makes when its bars come in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pairkit.checks import CheckResult
from pairkit.research.check_spec import SEED, CheckSpec
from pairkit.run import run_backtest


@dataclass(frozen=True)
class Shuffled:
    """The net results as they are and in another order."""

    seed: int
    trades: int

    def result(self) -> CheckResult:
        return CheckResult(
            "shuffled", "noted", f"{self.trades} trades, shuffled.", {}, {"seed": self.seed}
        )


def _run(case, given, **control):
    trades = run_backtest(case.pair, case.config).trades
    order = np.random.default_rng(given["seed"]).permutation(len(trades))
    return Shuffled(given["seed"], len(order))


SPEC = CheckSpec("Shuffled", "Trades are shuffled.", "another sum.", "runs", _run, (SEED,))
