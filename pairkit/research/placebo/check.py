"""Placebo test: the same rules on surrogate pairs without a link, and the rank of the real result among theirs.

1. Surrogates of the pair are made (surrogates.py): a leg's blocks shuffled, a leg shifted in a circle, or roots that
   nobody would pair.
2. Each is run under the very config.
3. The p-value is the share of surrogates that did as well, the real pair counted among them: (1 + count) / (1 + draws).

A config that was chosen as the best of a sweep has had its luck already: compared with surrogates under that one config, the best
of 81 on pairs without a link passes 5 % half of the time. With a `space`, the real pair and each surrogate are swept alike, and
the best is compared with the best, of the Sharpe ratio and of the total return each.

What the rules earn from a leg's own moves, from costs and from luck, they earn on a surrogate too. Only the link is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray, Progress
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError
from pairkit.language import _, in_english
from pairkit.metrics import AT, measure_many
from pairkit.pair import PairFrame
from pairkit.research._validate import whole_number
from pairkit.research.placebo.surrogates import reordered, shifted, shifts, shuffled
from pairkit.research.sweeps.executors import done_in_slices
from pairkit.research.sweeps.indicator_cache import Stages
from pairkit.research.sweeps.space import Trials, make_trials
from pairkit.research.sweeps.sweep import by_shared_work, tally_rows
from pairkit.run import run_backtest

PlaceboMethod = Literal["block_shuffle", "shift", "mismatch"]
FIGURES = ("sharpe", "total_return", "trades")
LEVEL = 0.05
FEWEST = 19  # with fewer surrogates no p-value can be as low as LEVEL
_MOST = 100_000


@dataclass(frozen=True, eq=False, repr=False)
class Placebo(CheckRecord):
    """Result of a placebo test: the real run among its surrogates.

    Attributes
    ----------
    real : dict
        `sharpe`, `total_return` and `trades` of the real run; a Sharpe ratio without any trade is NaN.
    table : DataFrame
        The same of each surrogate, one a row; `pair` names it.
    configs : int
        How many configs each was swept over, where the best is compared with the best; 1 for the very config.
    tried : int
        Configs tried on the real pair, as far as is known.
    """

    pair: str
    method: PlaceboMethod
    block: int
    seed: int
    real: dict[str, float]
    table: pd.DataFrame
    configs: int = 1
    tried: int = 1

    @property
    def draws(self) -> int:
        """Number of surrogates that were run."""
        return len(self.table)

    @property
    def pvalue(self) -> float:
        """The share of pairs, the real one among them, whose Sharpe ratio is the real one or more; no trade counts as 0."""
        return self._pvalue("sharpe")

    @property
    def pvalue_of_return(self) -> float:
        """P-value of the total return, by the same rule."""
        return self._pvalue("total_return")

    @property
    def pvalue_error(self) -> float:
        """Monte-Carlo standard error of `pvalue`."""
        return math.sqrt(self.pvalue * (1.0 - self.pvalue) / (self.draws + 1))

    @property
    def percentile(self) -> float:
        """The share of surrogates, in percent, whose Sharpe ratio is below the real one."""
        return 100.0 * float(np.mean(np.nan_to_num(self.table["sharpe"]) < self._real("sharpe")))

    @property
    def without_trades(self) -> float:
        """The share of surrogates on which the rules never traded."""
        return float(np.mean(self.table["trades"] == 0.0))

    def _real(self, figure: str) -> float:
        return float(np.nan_to_num(self.real[figure]))

    def _pvalue(self, figure: str) -> float:
        as_good = int(np.sum(np.nan_to_num(self.table[figure]) >= self._real(figure)))
        return (1 + as_good) / (1 + self.draws)

    def result(self) -> CheckResult:
        """The outcome as a check.

        Passed where `pvalue` is at most 0.05, failed where it is above; noted where the rules never traded on the real pair, or
        fewer than 19 surrogates could be had.
        """
        figures = {
            "sharpe": _plain(self.real["sharpe"]),
            "total_return": _plain(self.real["total_return"]),
            "trades": int(self.real["trades"]),
            "pvalue": self.pvalue,
            "pvalue_error": self.pvalue_error,
            "percentile": self.percentile,
            "pvalue_of_return": self.pvalue_of_return,
            "median_sharpe": _plain(float(np.median(np.nan_to_num(self.table["sharpe"])))),
            "without_trades": self.without_trades,
            "configs": self.configs,
        }
        return CheckResult(
            "placebo",
            self._verdict(),
            self._sentence(),
            figures,
            {"method": self.method, "draws": self.draws, "seed": self.seed, "block": self.block},
        )

    def _idle(self) -> bool:
        """Whether the rules never traded on the real pair."""
        return self.real["trades"] == 0

    def _verdict(self) -> Verdict:
        if self._idle() or self.draws < FEWEST:
            return "noted"
        return "passed" if self.pvalue <= LEVEL else "failed"

    def _sentence(self) -> str:
        found = self._rank()
        if self._idle():
            return in_english(
                "The rules never traded on {pair}, so there is nothing to hold against a placebo.",
                pair=self.pair,
            )
        if self.draws < FEWEST:
            sentence = in_english(
                "{found}; too few to tell, at least {fewest} are needed.",
                found=found,
                fewest=FEWEST,
            )
        elif self._verdict() == "passed":
            sentence = in_english(
                "{found}: without the link the rules seldom make as much.", found=found
            )
        else:
            sentence = in_english(
                "{found}: the rules make as much on pairs without a link too often to credit the link.",
                found=found,
            )
        if self.configs == 1 < self.tried:
            sentence += in_english(
                " {tried:,} configs were tried on this pair: if this is the best of them, "
                "sweep the surrogates over the same space and compare best with best.",
                tried=self.tried,
            )
        return sentence

    def _rank(self) -> str:
        """Rank of the real pair among the surrogates, in words."""
        what = (
            in_english("The best Sharpe of {configs:,} configs,", configs=self.configs)
            if self.configs > 1
            else "Sharpe"
        )
        return in_english(
            "{what} {real:.2f} on {pair} is above "
            "that of {percentile:.0f} % of {draws} pairs without a link{swept}, "
            "{how} (p = {pvalue:.3f} ± {pvalue_error:.3f}; "
            "of the total return {pvalue_of_return:.3f})",
            what=what,
            real=self._real("sharpe"),
            pair=self.pair,
            percentile=self.percentile,
            draws=self.draws,
            swept=in_english(", each swept over the same space") if self.configs > 1 else "",
            how=self._how(),
            pvalue=self.pvalue,
            pvalue_error=self.pvalue_error,
            pvalue_of_return=self.pvalue_of_return,
        )

    def _how(self) -> str:
        return {
            "block_shuffle": in_english(
                "one leg in shuffled blocks of {block} bars", block=self.block
            ),
            "shift": in_english("one leg shifted in a circle"),
            "mismatch": in_english("roots of different sectors"),
        }[self.method]


def placebo(
    pair: PairFrame,
    config: StrategyConfig | None = None,
    *,
    draws: int = 300,
    method: PlaceboMethod = "block_shuffle",
    block: int = 20,
    seed: int = 0,
    others: Iterable[PairFrame] | None = None,
    space: Mapping[str, Any] | None = None,
    tried: int = 1,
    executor: Any = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Placebo:
    """Placebo test: the same rules on surrogates of a pair, whose legs have no link.

    Parameters
    ----------
    pair : PairFrame
        The real one.
    config : StrategyConfig, optional
        The rules; the defaults where not given.
    draws : int
        How many surrogates, from 1; with "mismatch", at most so many of `others`.
    method : {"block_shuffle", "shift", "mismatch"}
        How the link is broken: the bars of leg x shuffled in blocks, or shifted in a circle by 60 bars or more; or other pairs.
    block : int
        Bars in each block that is shuffled, from 1.
    seed : int
        Of the order, from 0. Same seed, same bits, whatever the executor.
    others : iterable of PairFrame, optional
        For "mismatch": pairs that have no link, from
        `pairkit.research.placebo.surrogates.mismatched_pairs(snapshot, pair)`.
    space : mapping, optional
        As `sweep` takes it, whole: the maximum statistic. The real pair and every surrogate are swept over it.
    tried : int
        Configs tried on the pair, by the trial ledger: without a `space` the result says so.
    executor : optional
        As in `sweep`.
    progress : callable, optional
        Called with (pairs done, pairs in all).
    cancelled : callable, optional
        Polled several times a second; True stops the test.

    Returns
    -------
    Placebo
        `.pvalue` and `.pvalue_error`, `.percentile`, `.table` (one row a surrogate), `.result()`. A Sharpe ratio without any
        trade is NaN and counts as 0.

    Raises
    ------
    ConfigError
        A number or the space is not usable, or `others` and the method do not go together.
    CancelledError
        It was stopped.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> found = pk.placebo(pair, draws=19)
    >>> found.pvalue, found.result().verdict
    (0.05, 'passed')
    """
    config = config or StrategyConfig()
    _check(len(pair), draws, method, block, seed, others)
    strangers = tuple(islice(others, draws)) if others is not None else ()
    trials = None if space is None else make_trials(config, space)
    job = _Job(
        pair,
        config,
        trials,
        method,
        block,
        seed,
        strangers,
        shifts(len(pair), draws, seed=seed) if method == "shift" else np.empty(0, np.int64),
    )
    count = len(strangers) if method == "mismatch" else draws
    if count == 0:
        raise ConfigError(
            _(
                "there is no pair to compare with: `others` is empty. Take more roots, or method 'block_shuffle'."
            )
        )
    figures, done = done_in_slices(
        run_surrogates,
        job,
        np.arange(count),
        len(FIGURES),
        executor=executor,
        progress=progress,
        cancelled=cancelled,
    )
    if not done.all():
        raise CancelledError(
            _(
                "the placebo was stopped after {done} of {count} pairs; nothing is kept.",
                done=int(done.sum()),
                count=count,
            )
        )
    real = job.figures(pair)
    table = pd.DataFrame(figures, columns=list(FIGURES))
    table.insert(0, "pair", [job.name(place) for place in range(count)])
    return Placebo(
        pair.name,
        method,
        block,
        seed,
        dict(zip(FIGURES, real, strict=True)),
        table,
        1 if trials is None else len(trials),
        tried,
    )


def _check(
    bars: int, draws: int, method: str, block: int, seed: int, others: Iterable[PairFrame] | None
) -> None:
    if method not in get_args(PlaceboMethod):
        raise ConfigError(
            _(
                "method = {method!r}: accepted is {get_args}.",
                method=method,
                get_args=", ".join(get_args(PlaceboMethod)),
            )
        )
    whole_number("draws", draws, 1, _MOST)
    whole_number("seed", seed)
    if method == "block_shuffle" and not 1 <= whole_number("block", block) <= bars // 4:
        raise ConfigError(
            _(
                "block = {block}: accepted is 1 to a quarter of the pair's {bars} bars.",
                block=block,
                bars=bars,
            )
        )
    if (others is not None) != (method == "mismatch"):
        raise ConfigError(
            _(
                "`others` goes with method 'mismatch', and that method needs it: give the pairs to compare with."
            )
        )


@dataclass(frozen=True, eq=False)
class _Job:
    """Inputs of the surrogates."""

    pair: PairFrame
    config: StrategyConfig
    trials: Trials | None
    method: PlaceboMethod
    block: int
    seed: int
    others: tuple[PairFrame, ...]
    shifts: NDArray[np.int64]

    def surrogate(self, draw: int) -> PairFrame:
        if self.method == "mismatch":
            return self.others[draw]
        rows = len(self.pair)
        order = (
            shifted(rows, by=int(self.shifts[draw]))
            if self.method == "shift"
            else shuffled(rows, block=self.block, seed=self.seed, draw=draw)
        )
        return reordered(self.pair, order, self.config.price_transform)

    def figures(self, pair: PairFrame) -> tuple[float, ...]:
        """FIGURES of a pair: of the config; or the highest of all trials, and the trades of the best by Sharpe ratio."""
        if self.trials is None:
            metrics = run_backtest(pair, self.config).metrics
            return tuple(float(metrics[name]) for name in FIGURES)
        order = by_shared_work(self.trials)
        tallies = tally_rows((Stages(pair), self.trials), order)
        values = measure_many(tallies, self.trials.column("capital", order).astype(np.float64))
        sharpes = np.nan_to_num(values[:, AT.sharpe], nan=-np.inf)
        best = int(np.argmax(sharpes))
        return (
            float(values[best, AT.sharpe]),
            float(np.max(values[:, AT.total_return])),
            float(values[best, AT.trades]),
        )

    def name(self, draw: int) -> str:
        if self.method == "mismatch":
            return self.others[draw].name
        return (
            in_english(
                "{pair_name} by {shifts} bars", pair_name=self.pair.name, shifts=self.shifts[draw]
            )
            if self.method == "shift"
            else in_english("{pair_name} shuffle {draw}", pair_name=self.pair.name, draw=draw)
        )


def run_surrogates(job: _Job, rows: NDArray[np.int64]) -> FloatArray:
    """(len(rows), len(FIGURES)) figures of some surrogates: one slice of the work."""
    return np.array([job.figures(job.surrogate(int(row))) for row in rows])


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
