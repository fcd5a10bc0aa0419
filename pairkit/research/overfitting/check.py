"""Overfitting check: how far a result can be the luck of many trials.

1. The trials are the rows of a sweep, or a grid around the config; of more than `most_trials`, as many are drawn.
2. Each is run again for its returns, bar by bar. What is compared across trials uses the bars from which all have indicators.
3. Of the config alone: probabilistic Sharpe ratio, bootstrap interval, the least track record.
4. For having been chosen among many: deflated Sharpe ratio and least backtest length over the trials really made; PBO and
   Hansen's SPA test over the trials of the sweep.

Each figure's convention is in CONVENTIONS, and stands beside it in `Overfitting.table`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import SeedSequence

from pairkit._typing import Progress
from pairkit.audit.runs.trial_count import TrialCount
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.columns import LEAST_TRADES
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError
from pairkit.language import N_, _, in_english
from pairkit.metrics import BARS_A_YEAR
from pairkit.pair import PairFrame
from pairkit.research._validate import whole_number
from pairkit.research.overfitting.bootstrap import (
    SharpeInterval,
    Superiority,
    sharpe_interval,
    superiority,
)
from pairkit.research.overfitting.pbo import Pbo, pbo
from pairkit.research.overfitting.track_record import (
    effective_number,
    min_backtest_length,
    min_track_record,
    moments,
)
from pairkit.research.overfitting.trials import (
    count_of,
    returns_of_run,
    returns_of_trials,
    sharpes_of,
    trials_of,
)
from pairkit.run import BacktestRun, run_backtest

SPARSE = 0.20  # of bars in a position; below it bootstrap intervals are too narrow
MOST_PBO, MOST_LOSS, LEAST_DSR, LUCK_DSR = 0.5, 0.5, 0.95, 0.5

# Figure -> unit and convention.
CONVENTIONS: Mapping[str, tuple[str, str]] = {
    "sharpe": (
        N_("a year"),
        N_(
            "mean over deviation (divisor n-1) of the bars' returns on capital, times the root of 252"
        ),
    ),
    "sharpe_low": (
        N_("a year"),
        N_(
            "lower end of its interval: stationary bootstrap, percentiles, blocks by Politis and White"
        ),
    ),
    "sharpe_high": (N_("a year"), N_("upper end of the same")),
    "exposure": (
        "share",
        N_("of bars in a position; below 20 % an interval of 95 % covers about 88 to 90 %"),
    ),
    "psr": (
        "probability",
        N_("that the true Sharpe ratio is above 0: Bailey and Lopez de Prado 2012, root of T-1"),
    ),
    "min_track_years": (
        "years",
        N_("least track record for psr to reach the confidence: Bailey and Lopez de Prado 2012"),
    ),
    "years": ("years", N_("that the returns cover, at 252 bars a year")),
    "trials": (
        "count",
        N_(
            "configs tried on the pair that traded, other pairs scanned: by the trial ledger, else of this check"
        ),
    ),
    "effective_trials": (
        "count",
        N_(
            "independent trials that so many are worth: the participation ratio of their correlations"
        ),
    ),
    "best_by_luck": (
        N_("a year"),
        N_("expected highest Sharpe ratio of so many skill-less trials of the same variance"),
    ),
    "closed": ("trades", N_("closed under this config; psr and dsr over fewer than 10 are weak")),
    "dsr": (
        "probability",
        N_("that the true Sharpe ratio is above best_by_luck: Bailey and Lopez de Prado 2014"),
    ),
    "dsr_effective": (
        "probability",
        N_("the same against the best of so many effective trials; the verdict takes dsr"),
    ),
    "min_backtest_years": (
        "years",
        N_(
            "in which the best of so many independent skill-less trials shows this: Bailey et al. 2014"
        ),
    ),
    "pbo": (
        "probability",
        N_(
            "that the best in half of the blocks is at most the median in the others: CSCV by Sharpe ratio"
        ),
    ),
    "pbo_loss": (
        "share",
        N_("of the same splits where the best in sample loses money out of sample"),
    ),
    "spa": (
        "p-value",
        N_(
            "that no trial of this check earns anything: Hansen 2005, consistent, studentised, benchmark 0"
        ),
    ),
    "spa_lower": ("p-value", N_("Hansen's lower bound")),
    "spa_upper": ("p-value", N_("Hansen's upper bound, which is White's reality check")),
}


@dataclass(frozen=True, eq=False, repr=False)
class Overfitting(CheckRecord):
    """Result of the overfitting check: how far the result of a config can be luck.

    Attributes
    ----------
    name : str
        The pair.
    figures : dict of str to float
        Those of CONVENTIONS, NaN where undefined.
    splits : DataFrame
        The splits of CSCV (pbo.py).
    swept : DataFrame
        One row a trial: what varied, and its Sharpe ratio a year on the common bars.
    counted_by : {"ledger", "check"}
        Whose trials the deflation allows for.
    settings : dict
        The arguments.
    """

    name: str
    figures: dict[str, float]
    splits: pd.DataFrame
    swept: pd.DataFrame
    counted_by: str
    settings: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """One row a figure: `figure`, `value`, `unit`, `convention`."""
        return pd.DataFrame(
            [
                {"figure": name, "value": self.figures[name], "unit": unit, "convention": words}
                for name, (unit, words) in CONVENTIONS.items()
            ]
        )

    @property
    def verdict(self) -> Verdict:
        """Failed where luck is the likelier reading: DSR below 50 %, or PBO above 50 % and a loss out of sample in more than half
        of the splits: on a plateau of like settings the rank alone is a coin. Passed where DSR is at least 95 %, PBO at most 50 %
        and 10 trades are closed. Noted in between, and for a config that never traded, or with too few trials for a DSR."""
        dsr, chance, loss = (self.figures[name] for name in ("dsr", "pbo", "pbo_loss"))
        if math.isnan(dsr):
            return "noted"
        if dsr < LUCK_DSR or (chance > MOST_PBO and loss > MOST_LOSS):
            return "failed"
        return (
            "passed"
            if dsr >= LEAST_DSR and chance <= MOST_PBO and self.figures["closed"] >= LEAST_TRADES
            else "noted"
        )

    def result(self) -> CheckResult:
        """The outcome in the shape of all checks."""
        return CheckResult(
            "overfitting",
            self.verdict,
            self._sentence(),
            {name: _plain(self.figures[name]) for name in CONVENTIONS}
            | {"counted_by": self.counted_by},
            self.settings,
        )

    def _sentence(self) -> str:
        its = self.figures
        if math.isnan(its["sharpe"]):
            return in_english(
                "{name} never traded under this config, so there is no result that could be luck.",
                name=self.name,
            )
        reading = {
            "failed": in_english("luck is the likelier reading"),
            "passed": in_english("more than the luck of many trials"),
            "noted": in_english("these data do not decide between skill and luck"),
        }[self.verdict]
        trials = in_english("{trials:,.0f} trials", trials=its["trials"]) + (
            in_english(" counted for the pair")
            if self.counted_by == "ledger"
            else in_english(" of this check")
        )
        if math.isnan(its["dsr"]):
            return in_english(
                "A Sharpe ratio of {sharpe:.2f}; too few of {trials} traded to say what their best shows by luck.",
                sharpe=its["sharpe"],
                trials=trials,
            )
        few = (
            in_english(
                " Only {closed:.0f} trades are closed, so the DSR is weak.", closed=its["closed"]
            )
            if its["closed"] < LEAST_TRADES
            else ""
        )
        if its["exposure"] < SPARSE:
            few += in_english(
                " In a position on {exposure:.0%} of bars: "
                "the interval {sharpe_low:.2f} to {sharpe_high:.2f} is too narrow, "
                "95 % covers about 88 to 90 %.",
                exposure=its["exposure"],
                sharpe_low=its["sharpe_low"],
                sharpe_high=its["sharpe_high"],
            )
        return in_english(
            "A Sharpe ratio of {sharpe:.2f}, against {best_by_luck:.2f} "
            "that the best of {trials} shows by luck (DSR {dsr:.0%}; "
            "{dsr_effective:.0%} over {effective_trials:,.1f} effective trials); "
            "the best in sample is no better than the median out of sample in {pbo:.0%} "
            "of splits (PBO) and loses in {pbo_loss:.0%}: {reading}.{few}",
            sharpe=its["sharpe"],
            best_by_luck=its["best_by_luck"],
            trials=trials,
            dsr=its["dsr"],
            dsr_effective=its["dsr_effective"],
            effective_trials=its["effective_trials"],
            pbo=its["pbo"],
            pbo_loss=its["pbo_loss"],
            reading=reading,
            few=few,
        )


def overfitting(
    pair: PairFrame,
    config: StrategyConfig,
    space: Mapping[str, Any] | pd.DataFrame | None = None,
    *,
    ledger: TrialCount | None = None,
    blocks: int = 16,
    draws: int = 1000,
    confidence: float = 0.95,
    most_trials: int = 400,
    seed: int = 0,
    executor: Any = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Overfitting:
    """Overfitting check: the Sharpe ratio of a config against the luck of the trials around it (DSR, PBO, SPA, bootstrap).

    Parameters
    ----------
    pair, config
        The result in question is that of `run_backtest(pair, config)`.
    space : mapping, DataFrame or None
        The trials: a space as `sweep` takes it, whole; the table of a sweep of this pair; None for a grid around the config.
    ledger : TrialCount, optional
        The trials really made on the pair. Where it counts fewer than two that traded, or none is given, the trials of the
        sweep stand in for them in `trials`, `best_by_luck`, `dsr` and `min_backtest_years`.
    blocks, draws, confidence
        Blocks of CSCV, resampled series of both bootstraps, and the confidence of interval and least track record.
    most_trials : int
        Of more trials, so many are drawn at random: memory is one return per bar and trial.
    seed : int
        Same seed, same bits.
    executor, progress, cancelled
        As in `sweep`; progress counts trials, then three steps.

    Returns
    -------
    Overfitting
        `.verdict`, `.table` (figure, value, unit, convention), `.figures` (NaN where undefined), `.splits`, `.result()`.

    Raises
    ------
    ConfigError
        The space, `draws`, `confidence` or `seed` cannot be used.
    RunError
        Fewer than two trials ever have indicators, or the data are too short for the blocks.
    CancelledError
        It was stopped.

    Notes
    -----
    Sources: Bailey and Lopez de Prado 2012 (PSR, least track record) and 2014 (DSR), Bailey et al. 2014 (least backtest
    length, CSCV), Hansen 2005 (SPA), Politis and White (block length); docs/overfitting.md.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> found = pk.overfitting(
    ...     pair, pk.StrategyConfig(), {"entry_z": [1.5, 2.0, 2.5]}, blocks=4, draws=50
    ... )
    >>> found.figures["trials"], found.counted_by
    (3.0, 'check')
    >>> round(found.figures["sharpe"], 2), found.figures["pbo"]
    (0.91, 0.0)
    """
    whole_number("draws", draws, 1)
    whole_number("seed", seed)
    whole_number("most_trials", most_trials, 2)
    if not 0.0 < confidence < 1.0:
        raise ConfigError(
            _(
                "confidence = {confidence}: accepted is a number between 0 and 1.",
                confidence=confidence,
            )
        )
    configs, varied = trials_of(config, space, most_trials, seed)
    returns = returns_of_trials(pair, configs, executor, _longer(progress, 3), cancelled)
    shown = np.isfinite(returns).any(axis=1)
    common = np.isfinite(returns[shown]).all(axis=0)
    matrix = np.ascontiguousarray(returns[shown][:, common].T)
    steps = _Steps(progress, cancelled, len(configs))
    found = steps.done(pbo(matrix, blocks=blocks))
    interval_seed, spa_seed = SeedSequence(seed).spawn(2)
    run = run_backtest(pair, config)
    own = returns_of_run(run)
    interval = steps.done(
        sharpe_interval(own, draws=draws, confidence=confidence, seed=interval_seed)
    )
    test = steps.done(superiority(matrix, draws=draws, seed=spa_seed))
    sharpes = sharpes_of(matrix)
    count = count_of(ledger, sharpes)
    effective = effective_number(matrix, count.trials)
    swept = varied[shown].assign(sharpe=sharpes * math.sqrt(BARS_A_YEAR)).reset_index(drop=True)
    return Overfitting(
        pair.name,
        _figures(run, count, effective, found, interval, test, confidence),
        found.splits,
        swept,
        "check" if count is not ledger else "ledger",
        {
            "trials": len(configs),
            "bars": len(matrix),
            "blocks": blocks,
            "draws": draws,
            "confidence": confidence,
            "seed": seed,
        },
    )


# --- the figures ---------------------------------------------------------------------------------------------------
def _figures(
    run: BacktestRun,
    count: TrialCount,
    effective: float,
    found: Pbo,
    interval: SharpeInterval,
    test: Superiority,
    confidence: float,
) -> dict[str, float]:
    returns, sharpe = returns_of_run(run), run.metrics["sharpe"]
    bars_needed = min_track_record(
        sharpe / math.sqrt(BARS_A_YEAR), *moments(returns), confidence=confidence
    )
    return {
        "sharpe": sharpe,
        "sharpe_low": interval.low,
        "sharpe_high": interval.high,
        "exposure": run.metrics["exposure"],
        "psr": run.metrics["psr"],
        "min_track_years": bars_needed / BARS_A_YEAR,
        "years": len(returns) / BARS_A_YEAR,
        "trials": float(count.trials),
        "effective_trials": effective,
        "best_by_luck": count.best_by_luck(len(returns)) * math.sqrt(BARS_A_YEAR),
        "closed": float((run.ledger.trade_bars[:, 3] >= 0).sum()),
        "dsr": count.deflated_sharpe(run),
        "dsr_effective": count.deflated_sharpe(run, trials=effective),
        "min_backtest_years": min_backtest_length(count.trials, sharpe),
        "pbo": found.pbo,
        "pbo_loss": found.loss_share,
        "spa": test.consistent,
        "spa_lower": test.lower,
        "spa_upper": test.upper,
    }


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


# --- progress ------------------------------------------------------------------------------------------------------
def _longer(progress: Progress | None, steps: int) -> Progress | None:
    return None if progress is None else lambda done, total: progress(done, total + steps)


class _Steps:
    """Progress of the steps after the trials; each can be cancelled."""

    def __init__(
        self, progress: Progress | None, cancelled: Callable[[], bool] | None, trials: int
    ) -> None:
        self.progress, self.cancelled, self.trials, self.made = progress, cancelled, trials, 0

    def done(self, what: Any) -> Any:
        """The step's result, or CancelledError."""
        self.made += 1
        if self.progress:
            self.progress(self.trials + self.made, self.trials + 3)
        if self.cancelled and self.cancelled():
            raise CancelledError(
                _("the overfitting check was stopped after step {made} of 3.", made=self.made)
            )
        return what
