"""Walk-forward test: settings chosen on past bars by a stated rule earn on the bars that follow, again and again.

1. Each fold has train rows, a gap and test rows (folds.py). Whatever is computed for the choice sees the pair cut off
   behind the last train row: not one later bar exists for it.
2. Every trial is run on the train rows: its indicators may use all earlier bars, which were known; trading begins flat on the
   first train row, and money counts on train rows only.
3. The rule names one trial, or none, and then the fold stays in cash.
4. The chosen trial is run on the test rows in the same way, on the pair cut off behind the last of them. A position still open
   there is charged what closing it at that close would cost, and the next fold begins flat.
5. The test rows of all folds, put together, are the out-of-sample curve. Beside it runs the config in question, unchanged, on
   the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray, Progress
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.columns import METRICS, TRADE_DATE
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError
from pairkit.language import _, in_english
from pairkit.metrics import BARS_A_YEAR, drawdown, measure_many, probabilistic_sharpe
from pairkit.pair import PairFrame
from pairkit.research.sweeps import plateau
from pairkit.research.sweeps.default_space import space_around
from pairkit.research.sweeps.executors import done_in_slices
from pairkit.research.sweeps.indicator_cache import Stages
from pairkit.research.sweeps.space import Method, Trials, make_trials
from pairkit.research.sweeps.sweep import by_shared_work, cuts_of, most_seconds, tally_rows
from pairkit.research.walk_forward.folds import Fold, gap_of, lay_folds, reach_of
from pairkit.research.walk_forward.segment import OnRows, run_rows
from pairkit.trading.loop import TALLY

Choice = Callable[[pd.DataFrame], int | None]
RULES = ("sharpe", "plateau")
SURE = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class WalkForward(CheckRecord):
    """Result of a walk-forward test.

    Parameters
    ----------
    folds : DataFrame
        One row a fold: dates of its rows, `chosen` (the trial's number, -1 for none), the values of the varied settings, its
        `train_sharpe`, `test_sharpe`, `train_annual_return`, `test_annual_return` and `test_rank` (share of trials that it beat
        in the test), `rank_correlation` of train and test over the trials, `net` (money), `trades`.
    curve : DataFrame by trade date
        Of the test rows: `fold`, `net` (money, after costs), `equity`, `drawdown`, and the same of the unchanged config,
        `fixed_net`, `fixed_equity`.
    scatter : DataFrame
        One row a fold and trial: `fold`, `trial`, `train_sharpe`, `test_sharpe`, a year; NaN where it did not trade.
    stability : DataFrame
        One row a varied setting: how many `distinct` values were chosen, in what share of folds it `changed`, which value was
        chosen most, and how often.
    figures : dict of str to float
        Sharpe ratios a year, money and shares; NaN where undefined.
    currency : str
        Of all money.
    """

    name: str
    folds: pd.DataFrame
    curve: pd.DataFrame
    scatter: pd.DataFrame
    stability: pd.DataFrame
    figures: dict[str, float]
    settings: dict[str, Any]
    currency: str

    @property
    def table(self) -> pd.DataFrame:
        """The folds."""
        return self.folds

    @property
    def verdict(self) -> Verdict:
        """Failed where the out-of-sample Sharpe ratio is 0 or less; passed where it is above 0 with a probability (PSR) of 95 %;
        noted in between, and where nothing was traded."""
        if self.figures["sharpe"] <= 0.0:
            return "failed"
        return "passed" if self.figures["psr"] >= SURE else "noted"

    def result(self) -> CheckResult:
        """The outcome in the shape of all checks."""
        figures = {
            name: float(value) if math.isfinite(value) else None
            for name, value in self.figures.items()
        }
        return CheckResult("walk_forward", self.verdict, self._sentence(), figures, self.settings)

    def _sentence(self) -> str:
        its = self.figures
        if math.isnan(its["sharpe"]):
            return in_english(
                "Nothing was traded on {name} in {folds} folds, so nothing was earned out of sample.",
                name=self.name,
                folds=len(self.folds),
            )
        reading = {
            "failed": in_english("what was chosen on the past lost on what followed"),
            "passed": in_english("settings chosen this way held up on bars that they had not seen"),
            "noted": in_english("too little to be sure"),
        }[self.verdict]
        return in_english(
            "Settings chosen on past bars have a Sharpe ratio of {sharpe:.2f} "
            "on the {curve:,} bars that followed ({folds} folds, "
            "PSR {psr:.0%}), after {train_sharpe:.2f} in train; "
            "the unchanged config has {fixed_sharpe:.2f} on the same bars: {reading}.",
            sharpe=its["sharpe"],
            curve=len(self.curve),
            folds=len(self.folds),
            psr=its["psr"],
            train_sharpe=its["train_sharpe"],
            fixed_sharpe=its["fixed_sharpe"],
            reading=reading,
        )


def walk_forward(
    pair: PairFrame,
    config: StrategyConfig,
    space: Mapping[str, Any] | None = None,
    *,
    train: int = 504,
    test: int = 126,
    anchored: bool = False,
    choose: Literal["sharpe", "plateau"] | Choice = "sharpe",
    gap: int | None = None,
    n: int | None = None,
    method: Method | None = None,
    seed: int = 0,
    executor: Any = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> WalkForward:
    """Walk-forward test: settings are chosen on train rows and earn on the test rows that follow.

    Parameters
    ----------
    pair, config
        The pair, and the config whose fields do not vary; it is also run unchanged on the same rows.
    space : mapping, optional
        What may be chosen, as `sweep` takes it; a grid around the config where None. `capital` cannot vary.
    train, test : int
        Bars to choose on and to earn on.
    anchored : bool
        Train on all bars from the first on, in place of the last `train` ones.
    choose : {"sharpe", "plateau"} or function
        The trial with the highest Sharpe ratio in train (of equal ones the first), or the one whose neighbours have the highest
        mean (sweeps/plateau.py); or any function of the train table, one row a trial, that returns a row's place or None.
    gap : int, optional
        Bars between train and test, at least what the windows reach back plus the longest holding, which is also the default.
    n, method, seed, executor
        As in `sweep`.
    progress : callable, optional
        Called with (runs done, runs in all).
    cancelled : callable, optional
        Once True, it is stopped.

    Returns
    -------
    WalkForward
        `.verdict`, `.folds`, `.curve` (out-of-sample money by trade date), `.figures` (NaN where undefined), `.result()`.

    Raises
    ------
    ConfigError
        Space, rule, gap or lengths are not accepted.
    RunError
        The data are too short for two folds.
    CancelledError
        It was stopped.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> found = pk.walk_forward(
    ...     pair, pk.StrategyConfig(max_holding_days=5), {"entry_z": [1.5, 2.0]}, test=252
    ... )
    >>> found.folds["entry_z"].tolist()
    [1.5, 2.0, 1.5, 1.5, 1.5, 1.5, 1.5]
    >>> found.verdict
    'passed'
    """
    trials = make_trials(config, space or space_around(config), n=n, method=method, seed=seed)
    if "capital" in trials.values:
        raise ConfigError(
            _("capital cannot vary in a walk-forward: one equity runs through all folds.")
        )
    rule, width = _rule(choose, list(trials.values)), gap_of(trials, gap)
    folds = lay_folds(
        len(pair), warm_up=reach_of(trials), train=train, gap=width, test=test, anchored=anchored
    )
    work = _Work(pair, trials, executor, progress, cancelled, 2 * len(folds))
    rows, curves, scatters = [], [], []
    for number, fold in enumerate(folds):
        before = work.tally(fold.train_first, fold.train_stop)
        chosen = _chosen(rule(before.copy()), len(trials))
        after = work.tally(fold.test_first, fold.test_stop)
        scatter = pd.DataFrame(
            {
                "fold": number,
                "trial": np.arange(len(trials)),
                "train_sharpe": before["sharpe"],
                "test_sharpe": after["sharpe"],
            }
        )
        curve, trades = _earned(
            pair, fold, number, None if chosen is None else trials.config(chosen), config
        )
        rows.append(
            {
                **_dates(pair, fold),
                **_judged(before, after, scatter, chosen, list(trials.values)),
                "net": float(curve["net"].sum()),
                "trades": trades,
            }
        )
        curves.append(curve)
        scatters.append(scatter)
    made = pd.DataFrame(rows).rename_axis("fold").reset_index()
    curve = _stitched(curves, config.capital)
    settings = {
        "train": train,
        "test": test,
        "gap": width,
        "anchored": anchored,
        "choose": _name(choose),
        "trials": len(trials),
        "folds": len(folds),
    }
    return WalkForward(
        pair.name,
        made,
        curve,
        pd.concat(scatters, ignore_index=True),
        _stability(made, list(trials.values)),
        _figures(made, curve, config.capital),
        settings,
        pair.currency,
    )


# --- the rule ------------------------------------------------------------------------------------------------------
def _rule(choose: str | Choice, fields: list[str]) -> Choice:
    if callable(choose):
        return choose
    if choose not in RULES:
        raise ConfigError(
            _(
                "choose = {choose!r}: accepted is one of {rules}, or a function of the train table.",
                choose=choose,
                rules=", ".join(RULES),
            )
        )
    return partial(_best_neighbourhood, fields=fields) if choose == "plateau" else _best_sharpe


def _best_sharpe(table: pd.DataFrame) -> int | None:
    return plateau.best_row(table["sharpe"].to_numpy(np.float64))


def _best_neighbourhood(table: pd.DataFrame, fields: list[str]) -> int | None:
    around = plateau.neighbourhood(table, fields, "sharpe")
    if around is None:
        raise ConfigError(
            _(
                "choose = 'plateau' needs neighbours: vary a number over a grid of values, or choose by sharpe."
            )
        )
    return plateau.best_plateau(around)


def _chosen(row: object, trials: int) -> int | None:
    """The row that a rule returned, validated: a row of the train table or None."""
    if row is None:
        return None
    if isinstance(row, bool) or not isinstance(row, (int, np.integer)) or not 0 <= row < trials:
        raise ConfigError(
            _(
                "choose returned {row!r}: accepted is a row of the train table, 0 to {trials}, or None for cash.",
                row=row,
                trials=trials - 1,
            )
        )
    return int(row)


def _name(choose: str | Choice) -> str:
    return choose if isinstance(choose, str) else getattr(choose, "__name__", "a function")


# --- one fold ------------------------------------------------------------------------------------------------------
class _Work:
    """All trials on some rows, by the cores that were given, with one progress over all folds."""

    def __init__(
        self,
        pair: PairFrame,
        trials: Trials,
        executor: Any,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
        times: int,
    ) -> None:
        self.pair, self.trials, self.executor, self.progress, self.cancelled = (
            pair,
            trials,
            executor,
            progress,
            cancelled,
        )
        self.total, self.before = times * len(trials), 0
        self.order = by_shared_work(trials)
        self.cuts = cuts_of(trials, self.order)

    def tally(self, first: int, stop: int) -> pd.DataFrame:
        """One row a trial: the varied settings, and the metrics of trading from `first` up to `stop`."""
        shared = (Stages(self.pair[:stop]), self.trials)
        tallies, done = done_in_slices(
            partial(tally_rows, first_bar=first),
            shared,
            self.order,
            len(TALLY),
            cuts=self.cuts,
            most_seconds=most_seconds(self.trials, stop, len(self.cuts) + 1),
            executor=self.executor,
            progress=self._report,
            cancelled=self.cancelled,
        )
        self.before += int(done.sum())
        if not done.all() or (self.cancelled and self.before < self.total and self.cancelled()):
            raise CancelledError(
                _(
                    "the walk-forward was stopped after {before:,} of {total:,} runs.",
                    before=self.before,
                    total=self.total,
                )
            )
        values = measure_many(tallies, np.full(len(self.order), self.trials.base.capital))
        return pd.DataFrame(
            {
                **self.trials.columns(),
                **{metric.name: values[:, i] for i, metric in enumerate(METRICS)},
            }
        )

    def _report(self, done: int, _: int) -> None:
        if self.progress:
            self.progress(self.before + done, self.total)


def _earned(
    pair: PairFrame, fold: Fold, number: int, chosen: StrategyConfig | None, fixed: StrategyConfig
) -> tuple[pd.DataFrame, int]:
    """The fold's test rows: money after costs of the chosen config and of the unchanged one; and the chosen one's trades."""
    still = OnRows(np.zeros(fold.test_stop - fold.test_first), 0)
    made = still if chosen is None else run_rows(pair, chosen, fold.test_first, fold.test_stop)
    unchanged = run_rows(pair, fixed, fold.test_first, fold.test_stop)
    dates = pair.trade_date[fold.test_first : fold.test_stop].rename(TRADE_DATE)
    return pd.DataFrame(
        {"fold": number, "net": made.net, "fixed_net": unchanged.net}, index=dates
    ), made.trades


def _dates(pair: PairFrame, fold: Fold) -> dict[str, pd.Timestamp]:
    rows = (fold.train_first, fold.train_stop - 1, fold.test_first, fold.test_stop - 1)
    return dict(
        zip(
            ("train_first", "train_last", "test_first", "test_last"),
            pair.trade_date[list(rows)],
            strict=True,
        )
    )


def _judged(
    before: pd.DataFrame,
    after: pd.DataFrame,
    scatter: pd.DataFrame,
    chosen: int | None,
    fields: list[str],
) -> dict[str, Any]:
    """The choice of a fold, and the results of it and of all trials in train and in test."""
    tests = after["sharpe"].to_numpy(np.float64)
    known = tests[np.isfinite(tests)]
    row: dict[str, Any] = {"chosen": -1 if chosen is None else chosen}
    row |= {name: None if chosen is None else before[name].iloc[chosen] for name in fields}
    row |= {
        f"{name}_{figure}": math.nan if chosen is None else float(table[figure].iloc[chosen])
        for name, table in (("train", before), ("test", after))
        for figure in ("sharpe", "annual_return")
    }
    mine = row["test_sharpe"]
    beaten = (
        float(np.mean(known < mine) + np.mean(known == mine) / 2)
        if math.isfinite(mine)
        else math.nan
    )
    return row | {
        "test_rank": beaten,
        "rank_correlation": _rank_correlation(scatter["train_sharpe"], scatter["test_sharpe"]),
    }


def _rank_correlation(one: pd.Series, other: pd.Series) -> float:
    """Spearman's, over the pairs that have both; NaN where either does not vary."""
    both = pd.DataFrame({"one": one, "other": other}).dropna().rank()
    if len(both) < 3 or (both.nunique() < 2).any():
        return math.nan
    return float(np.corrcoef(both["one"], both["other"])[0, 1])


# --- all folds -----------------------------------------------------------------------------------------------------
def _stitched(curves: list[pd.DataFrame], capital: float) -> pd.DataFrame:
    curve = pd.concat(curves)
    curve["equity"] = capital + curve["net"].cumsum()
    curve["drawdown"] = drawdown(curve["equity"].to_numpy(), capital)
    curve["fixed_equity"] = capital + curve["fixed_net"].cumsum()
    return curve[["fold", "net", "equity", "drawdown", "fixed_net", "fixed_equity"]]


def _stability(folds: pd.DataFrame, fields: list[str]) -> pd.DataFrame:
    rows = []
    for name in fields:
        values = folds.loc[folds["chosen"] >= 0, name]
        counts = values.value_counts()
        changed = (
            float(np.mean(values.to_numpy()[1:] != values.to_numpy()[:-1]))
            if len(values) > 1
            else math.nan
        )
        rows.append(
            {
                "setting": name,
                "distinct": len(counts),
                "changed": changed,
                "most_chosen": counts.index[0] if len(counts) else None,
                "most_chosen_share": float(counts.iloc[0] / len(values))
                if len(counts)
                else math.nan,
            }
        )
    return pd.DataFrame(rows)


def _figures(folds: pd.DataFrame, curve: pd.DataFrame, capital: float) -> dict[str, float]:
    returns, fixed = (curve[name].to_numpy() / capital for name in ("net", "fixed_net"))
    sharpe, psr = _sharpe_and_psr(returns)
    train = float(folds["train_annual_return"].mean())
    annual = float(np.mean(returns)) * BARS_A_YEAR
    return {
        "sharpe": sharpe,
        "psr": psr,
        "annual_return": annual,
        "net": float(curve["net"].sum()),
        "max_drawdown": float(curve["drawdown"].max()),
        "trades": float(folds["trades"].sum()),
        "train_sharpe": float(folds["train_sharpe"].mean()),
        "kept_return": annual / train if train > 0.0 else math.nan,
        "fixed_sharpe": _sharpe_and_psr(fixed)[0],
        "fixed_net": float(curve["fixed_net"].sum()),
        "rank_correlation": float(folds["rank_correlation"].mean()),
        "test_rank": float(folds["test_rank"].mean()),
    }


def _sharpe_and_psr(returns: FloatArray) -> tuple[float, float]:
    """Sharpe ratio a year of all rows, and the probability that the true one is above 0; NaN where nothing moves."""
    if not np.ptp(returns) > 0.0:
        return math.nan, math.nan
    scaled = (returns - np.mean(returns)) / np.std(returns)
    sharpe = float(np.mean(returns) / np.std(returns, ddof=1))
    psr = probabilistic_sharpe(
        sharpe, len(returns), float(np.mean(scaled**3)), float(np.mean(scaled**4))
    )
    return sharpe * math.sqrt(BARS_A_YEAR), psr
