"""Warm-up sensitivity: whether a result depends on where the data begin.

1. The pair is cut at its start by 1, 2, 4, 8 times the longest window, and run again.
2. Both runs are compared on the rows that both have, from the bar on which every indicator of the cut run is defined.
3. Indicators over a window must agree but for rounding: the window has the same bars. A filter that is slow to forget (a
   recursive hedge model) may differ at first and must have converged by the end.
4. Decisions remember: a position, a cooldown. From the first bar on which both runs are flat with nothing in memory, they must be
   the same. Only runs whose indicators agree are compared in that.

The adjusted series is anchored at the first bar, so a cut shifts it by a constant. Hence `y` and `x` are compared as changes
since the first compared bar, `alpha` and `alpha_lag` as the fit's error at the bar (alpha + beta x - y), and equity as its
change since the runs are alike. With a fixed ratio nothing is fitted: alpha is 0, and the spread moves with the anchor, so it is
compared as a change. `drawdown` is not compared: its peak may be before the cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit._typing import FloatArray
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, ConfigError, RunError
from pairkit.language import _, in_english
from pairkit.models.hedges import memory_bars
from pairkit.pair import PairFrame
from pairkit.run import BacktestRun, run_backtest

Rows = NDArray[np.bool_]

STEPS = (1, 2, 4, 8)
WINDOWED_TOLERANCE = 1e-9  # of the value, or of the column's usual size where that is larger
RECURSIVE_TOLERANCE = 1e-3  # the same, over the last quarter of the compared bars
_LAST = 0.25
_FEWEST_ROWS = 50
_OF_PRICES = ("y", "x", "adf_pvalue", "gate_adf")  # know no hedge, unless the test is of the spread
_DECIDED = ("state", "reason", "position", "lots_y", "lots_x", "deferred", "pnl", "cost", "equity")
_LEFT_OUT = ("drawdown",)
_TABLE = (
    "step",
    "start",
    "column",
    "kind",
    "rows",
    "differing",
    "first_date",
    "largest",
    "relative",
    "late_relative",
    "verdict",
)


@dataclass(frozen=True, eq=False, repr=False)
class WarmUpSensitivity(CheckRecord):
    """Result of the warm-up check: what changed when the data began later.

    Attributes
    ----------
    table : DataFrame
        One row for each start and column: `step` (windows cut), `start` (first date kept), `column`, `kind` (`windowed`,
        `recursive`, `decided`), `rows` compared, `differing` (rows beyond the tolerance), `first_date` of them, the `largest`
        absolute and `relative` difference and the relative one over the last quarter (`late_relative`), all NaN for words, and
        `verdict` (`passed`, `failed`, or `noted` where nothing is claimed).
    decay : DataFrame
        For each start and each window of bars after the warm-up, the largest relative difference of beta.
    """

    table: pd.DataFrame
    decay: pd.DataFrame
    settings: dict[str, int | float | str | bool | None]

    def result(self) -> CheckResult:
        """Passed where no column failed: windowed ones agree within 1e-9, recursive ones have converged to 1e-3 over the last
        quarter of the bars, and decisions agree once both runs were flat with nothing in memory."""
        failed = self.table[self.table["verdict"] == "failed"]
        judged = self.table[self.table["kind"] != "decided"]
        worst = float(judged["relative"].max())
        figures: dict[str, int | float | str | bool | None] = {
            "starts": int(self.table["step"].nunique()),
            "columns": int(self.table["column"].nunique()),
            "failed": int(failed["column"].nunique()),
            "largest_relative": worst if np.isfinite(worst) else None,
            "first_column": None if failed.empty else str(failed["column"].iloc[0]),
        }
        verdict: Verdict = "passed" if failed.empty else "failed"
        return CheckResult(
            "warm_up", verdict, self._sentence(failed, worst), figures, self.settings
        )

    def _sentence(self, failed: pd.DataFrame, worst: float) -> str:
        starts, columns = self.table["step"].nunique(), self.table["column"].nunique()
        if failed.empty:
            then = (
                in_english(", or converging.")
                if self._recursive
                else in_english(", decisions exactly.")
            )
            return in_english(
                "With the data begun later at {starts} places, all of {columns} columns agree "
                "after the warm-up: indicators within {worst:.1e} of their size{then}",
                starts=starts,
                columns=columns,
                worst=worst,
                then=then,
            )
        names = ", ".join(failed["column"].unique()[:6])
        return in_english(
            "{offence} In all {failed_columns} of {columns} columns depend on the start: {names}.",
            offence=self._offence(failed),
            failed_columns=failed["column"].nunique(),
            columns=columns,
            names=names,
        )

    @property
    def _recursive(self) -> bool:
        return bool((self.table["kind"] == "recursive").any())

    def _offence(self, failed: pd.DataFrame) -> str:
        """The first offender with its numbers; of a hedge that does not converge, its beta."""
        betas = failed[(failed["column"] == "beta") & (failed["kind"] == "recursive")]
        if len(betas):
            last = betas.iloc[-1]
            late = in_english(
                "{late_relative:.1%} of its size over the last quarter of {rows:,} bars",
                late_relative=last["late_relative"],
                rows=last["rows"],
            )
            decided = self.table[
                (self.table["step"] == last["step"]) & (self.table["column"] == "position")
            ].iloc[0]
            return in_english(
                "With the data begun {step} windows later, beta still differs "
                "by up to {late}; of all of them the position differs on {differing:,}.",
                step=last["step"],
                late=late,
                differing=decided["differing"],
            )
        first = failed.iloc[0]
        when = (
            ""
            if pd.isna(first["first_date"])
            else in_english(", first on {first_date:%Y-%m-%d}", first_date=first["first_date"])
        )
        much = (
            ""
            if pd.isna(first["relative"])
            else in_english(", by up to {relative:.1e} of its size", relative=first["relative"])
        )
        return in_english(
            "With the data begun {step} windows later, {column} differs "
            "on {differing:,} of {rows:,} bars after the warm-up{when}{much}.",
            step=first["step"],
            column=first["column"],
            differing=first["differing"],
            rows=first["rows"],
            when=when,
            much=much,
        )


def warm_up_sensitivity(
    pair: PairFrame,
    config: StrategyConfig | None = None,
    *,
    steps: Sequence[int] = STEPS,
    run: Callable[[PairFrame, StrategyConfig], BacktestRun] = run_backtest,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> WarmUpSensitivity:
    """Warm-up sensitivity: the run on data that begin later, and which columns change by how much.

    Parameters
    ----------
    pair, config
        Of the run; the default config where not given.
    steps : sequence of int
        How many windows to cut, the longest window of the config each; steps that leave too few bars are left out.
    run : callable
        Makes a BacktestRun of a pair and a config.
    progress : callable, optional
        Called with (runs done, runs in all).
    cancelled : callable, optional
        Polled before each run; True stops the check.

    Returns
    -------
    WarmUpSensitivity
        `.table` (one row per start and column), `.decay`, `.result()`. Differences are NaN for words.

    Raises
    ------
    ConfigError
        A step is not a whole number from 1, or is given twice.
    RunError
        The pair is too short for the smallest step.
    CancelledError
        It was stopped.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> found = pk.warm_up_sensitivity(pair, steps=[1, 2])
    >>> found.result().verdict, found.table["step"].nunique()
    ('passed', 2)
    """
    config = config or StrategyConfig()
    if (
        not steps
        or len(set(steps)) < len(steps)
        or not all(isinstance(step, int) and step >= 1 for step in steps)
    ):
        raise ConfigError(
            _(
                "steps = {steps}: accepted are whole numbers of windows from 1, each once.",
                steps=tuple(steps),
            )
        )
    window = _longest_window(config)
    whole = run(pair, config)
    firsts = {
        step: first
        for step in sorted(steps)
        if (first := _compared_from(whole, config, step * window)) is not None
    }
    if not firsts:
        raise RunError(
            _(
                "{pair_name} has {pair} bars, too few to cut {steps} windows of {window} "
                "and compare {fewest_rows} more after the warm-up. "
                "Take a longer pair or shorter windows.",
                pair_name=pair.name,
                pair=len(pair),
                steps=min(steps),
                window=window,
                fewest_rows=_FEWEST_ROWS,
            )
        )
    parts, decays = [], []
    for done, (step, first) in enumerate(firsts.items()):
        if progress:
            progress(done, len(firsts))
        if cancelled and cancelled():
            raise CancelledError(
                _(
                    "stopped after {done} of {firsts} starts; nothing is kept of this check.",
                    done=done,
                    firsts=len(firsts),
                )
            )
        compared = _Compared(whole, run(pair[step * window :], config), step * window, first)
        parts.append(compared.table(step))
        decays.append(compared.decay(step, window))
    if progress:
        progress(len(firsts), len(firsts))
    settings: dict[str, int | float | str | bool | None] = {
        "steps": " ".join(str(step) for step in firsts),
        "window": window,
    }
    return WarmUpSensitivity(
        pd.concat(parts, ignore_index=True), pd.concat(decays, ignore_index=True), settings
    )


def _longest_window(config: StrategyConfig) -> int:
    return max(config.hedge_window, config.z_window, config.vol_baseline_window, config.adf_window)


def _compared_from(whole: BacktestRun, config: StrategyConfig, start: int) -> int | None:
    """The row from which all indicators of a run from `start` on are defined; None where fewer than _FEWEST_ROWS follow."""
    warm_up = config.hedge_window + max(
        config.z_window, config.vol_baseline_window, config.adf_window
    )  # complete bars
    complete = np.flatnonzero(whole.adjusted.complete)
    complete = complete[complete >= start]
    if len(complete) <= warm_up or len(whole.pair) - complete[warm_up] < _FEWEST_ROWS:
        return None
    return int(complete[warm_up])


class _Compared:
    """The whole run beside the one from row `start` on, on the rows from `first` on."""

    def __init__(self, whole: BacktestRun, later: BacktestRun, start: int, first: int) -> None:
        self.config, self.later = whole.config, later
        self.dates = whole.pair.trade_date[first:]
        self.ours, self.theirs = whole.frame.iloc[first:], later.frame.iloc[first - start :]
        self.differences = {
            name: self._apart(name)
            for name in whole.frame.columns
            if name not in (*_DECIDED, *_LEFT_OUT)
        }
        self.alike = self._alike_from()

    def table(self, step: int) -> pd.DataFrame:
        """One row a column."""
        rows = [self._row(name, apart) for name, apart in self.differences.items()]
        agree = all(row["kind"] == "windowed" and row["verdict"] == "passed" for row in rows)
        rows += [self._decided_row(name, agree=agree) for name in _DECIDED]
        return pd.DataFrame(rows).assign(step=step, start=self.later.pair.trade_date[0])[
            list(_TABLE)
        ]

    def decay(self, step: int, window: int) -> pd.DataFrame:
        """The largest relative difference of beta, window by window after the warm-up."""
        relative = self.differences["beta"].relative
        firsts = range(0, len(relative), window)
        return pd.DataFrame(
            {
                "step": step,
                "windows_after": np.arange(len(firsts)),
                "relative": [float(relative[first : first + window].max()) for first in firsts],
            }
        )

    def _kind(self, name: str) -> str:
        of_prices = name in _OF_PRICES and (
            name in ("y", "x") or self.config.adf_test == "engle_granger"
        )
        return "windowed" if of_prices or not memory_bars(self.config) else "recursive"

    def _row(self, name: str, apart: _Apart) -> dict[str, Any]:
        if self._kind(name) == "windowed":
            beyond = apart.relative > WINDOWED_TOLERANCE
            return self._words_of(
                name, "windowed", apart, beyond, "failed" if beyond.any() else "passed"
            )
        beyond = apart.relative > RECURSIVE_TOLERANCE
        late = bool(beyond[-_late(len(beyond)) :].any())
        return self._words_of(
            name,
            "recursive",
            apart,
            beyond,
            "noted" if apart.of_words else "failed" if late else "passed",
        )

    def _decided_row(self, name: str, *, agree: bool) -> dict[str, Any]:
        apart = self._apart(name, self.alike)
        beyond = apart.relative > WINDOWED_TOLERANCE
        verdict = (
            "noted" if not agree or not len(beyond) else "failed" if beyond.any() else "passed"
        )
        return self._words_of(name, "decided", apart, beyond, verdict)

    def _words_of(
        self, name: str, kind: str, apart: _Apart, beyond: Rows, verdict: str
    ) -> dict[str, Any]:
        first = (
            self.dates[len(self.dates) - len(beyond) + int(np.argmax(beyond))]
            if beyond.any()
            else pd.NaT
        )
        sizes = (
            [np.nan] * 3
            if apart.of_words
            else [
                float(part.max(initial=0.0))
                for part in (apart.absolute, apart.relative, apart.relative[-_late(len(beyond)) :])
            ]
        )
        return {
            "column": name,
            "kind": kind,
            "rows": len(beyond),
            "differing": int(beyond.sum()),
            "first_date": first,
            **dict(zip(("largest", "relative", "late_relative"), sizes, strict=True)),
            "verdict": verdict,
        }

    def _alike_from(self) -> int:
        """The first row on which both are flat, without a call or a cooldown, and rearmed; all rows where there is none."""
        quiet = np.ones(len(self.dates), np.bool_)
        for side in (self.ours, self.theirs):
            quiet &= (side["reason"] == "no_signal").to_numpy() & (
                side["z"].abs() < self.config.entry_z
            ).to_numpy()
        return int(np.argmax(quiet)) if quiet.any() else len(quiet)

    def _apart(self, name: str, skipped: int = 0) -> _Apart:
        ours, theirs = (
            _free_of_anchor(side.iloc[skipped:], name, fitted=self.config.hedge_model != "fixed")
            for side in (self.ours, self.theirs)
        )
        return _Apart.of(ours, theirs)


def _late(rows: int) -> int:
    """Number of rows in the last quarter, at least one."""
    return max(int(rows * _LAST), 1)


def _free_of_anchor(frame: pd.DataFrame, name: str, *, fitted: bool) -> pd.Series:
    """The column without the part that depends only on where the data began."""
    if fitted and name in ("alpha", "alpha_lag"):
        error: pd.Series = (
            frame[name] + frame[name.replace("alpha", "beta")] * frame["x"] - frame["y"]
        )
        return error
    if name in ("y", "x", "equity") or (name == "spread" and not fitted):
        known = frame[name].dropna()
        change: pd.Series = frame[name] - (known.iloc[0] if len(known) else 0.0)
        return change
    return frame[name]


@dataclass(frozen=True, eq=False)
class _Apart:
    """Differences of two columns, by row: `absolute`, and `relative` to the value or the column's usual size, whichever is larger.
    Where one is missing, or words differ, both are infinite.
    """

    absolute: FloatArray
    relative: FloatArray
    of_words: bool = False

    @classmethod
    def of(cls, ours: pd.Series, theirs: pd.Series) -> _Apart:
        if not pd.api.types.is_numeric_dtype(ours.dtype) or ours.dtype == bool:
            apart = np.where((ours.to_numpy() == theirs.to_numpy()), 0.0, np.inf)
            return cls(apart, apart, of_words=True)
        one, other = ours.to_numpy(np.float64), theirs.to_numpy(np.float64)
        missing = np.isnan(one) | np.isnan(other)
        absolute = np.where(
            missing, np.where(np.isnan(one) & np.isnan(other), 0.0, np.inf), np.abs(one - other)
        )
        sizes = np.abs(one[~missing & (one != 0.0)])
        usual = float(np.median(sizes)) if len(sizes) else 1.0
        return cls(
            absolute, absolute / np.fmax(np.fmax(np.abs(one), usual), np.finfo(np.float64).tiny)
        )
