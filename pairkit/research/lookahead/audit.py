"""Look-ahead proof: no number of a run depends on the future, for pairkit's backtest or any function from (pair, config).

0. Fresh: a few cuts are made by processes that have not seen the whole, and so by a function that has nothing of it in its memory
   (fresh_cuts.py). They are compared with the whole as all cuts are.
1. Repeat: the function is called twice on the same input. One that differs from itself cannot be tested further.
2. Prefix: the data are cut at a boundary. What was made of the rows before it must be, to the bit, what was made of them in the
   whole; a tolerance would hide a leak that is small today.
3. Contract: one session's figures are moved (perturb.py). Nothing before it may change, and a column that lags a bar
   may change only on the session after it.
4. Control: a moved session must change what it may. A test in which nothing moves would pass on anything.
5. Data path, where the snapshot is given: the same for contracts, roll prices and adjusted series (data_path.py).
6. A day more, where the snapshot has a predecessor: terms and run are those that the predecessor gave, on its sessions (day_more.py).

Prefix cannot see a leak within one bar, contract cannot see one that no price reaches; hence both. Where the boundaries are:
cut_points.py. (docs/lookahead.md)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pairkit._typing import Progress
from pairkit.audit.snapshots.predecessor import predecessor_of
from pairkit.checks import CheckRecord, CheckResult, Verdict
from pairkit.config import StrategyConfig
from pairkit.errors import CancelledError, RunError
from pairkit.language import _, in_english
from pairkit.pair import PairFrame
from pairkit.research._validate import whole_number
from pairkit.research.lookahead.comparison import Evidence, in_order
from pairkit.research.lookahead.cut_points import boundaries
from pairkit.research.lookahead.data_path import trace_data_path
from pairkit.research.lookahead.day_more import CHECK as DAY_MORE
from pairkit.research.lookahead.day_more import trace_day_more
from pairkit.research.lookahead.fresh_cuts import fresh_rows, make_fresh
from pairkit.research.lookahead.outputs import Observed, observe
from pairkit.research.lookahead.perturb import as_known, perturbed
from pairkit.run import BacktestRun, run_backtest

if TYPE_CHECKING:
    from pairkit.audit.snapshots.snapshot import Snapshot

Run = Callable[[PairFrame, StrategyConfig], "BacktestRun | pd.DataFrame"]


@dataclass(frozen=True, eq=False, repr=False)
class LookaheadProof(CheckRecord):
    """Result of a look-ahead proof.

    Attributes
    ----------
    table : DataFrame
        One row per check and column, as in `comparison.PROOF_COLUMNS`, failures first.
    boundaries : int
        How many were tested.
    settings : dict
        The arguments.
    predecessor : str
        Name of the earlier snapshot that the run was compared with; empty where there is none.
    """

    table: pd.DataFrame
    boundaries: int
    settings: dict[str, int | float | str | bool | None]
    predecessor: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing failed, the control included."""
        return not bool((self.table["verdict"] == "failed").any())

    def result(self) -> CheckResult:
        """Passed where no check of any column failed; failed otherwise, with the first offender; noted where the sessions are too
        few for any column to move, or columns differ by rounding."""
        bad = self.table[self.table["verdict"] == "failed"]
        first = bad.iloc[0] if len(bad) else None
        figures: dict[str, int | float | str | bool | None] = {
            "boundaries": self.boundaries,
            "columns": int(self.table["column"].nunique()),
            "predecessor": self.predecessor or None,
            "failed": len(bad),
            "first_column": None if first is None else str(first["column"]),
            "first_date": None
            if first is None or pd.isna(first["date"])
            else f"{first['date']:%Y-%m-%d}",
        }
        clean = self._moved() and not len(self._rounded()) and self._revised() is None
        verdict: Verdict = "failed" if first is not None else "passed" if clean else "noted"
        return CheckResult("lookahead", verdict, self._sentence(bad), figures, self.settings)

    def _moved(self) -> bool:
        """Whether a moved session changed any column at all."""
        return bool(
            ((self.table["check"] == "control") & (self.table["verdict"] == "passed")).any()
        )

    def _rounded(self) -> pd.DataFrame:
        """The rows of columns that differ, but by no more than rounding."""
        noted = (self.table["verdict"] == "noted") & (self.table["times"] > 0)
        return self.table[noted & (self.table["check"] != DAY_MORE)]

    def _revised(self) -> pd.Series | None:
        """The row of the first bar that the source has revised since the predecessor; None where there is none."""
        noted = (self.table["check"] == DAY_MORE) & (self.table["verdict"] == "noted")
        return self.table[noted].iloc[0] if noted.any() else None

    def _beside_predecessor(self) -> str:
        """What the comparison with the predecessor adds to a clean proof."""
        revised = self._revised()
        if revised is not None:
            return in_english(
                " The source has revised bars since snapshot {predecessor}, first "
                "{figure} of {date:%Y-%m-%d}: only earlier sessions could be compared with it.",
                predecessor=self.predecessor,
                figure=revised["column"].removeprefix("bars."),
                date=revised["date"],
            )
        same = in_english(
            " On the sessions of its predecessor {predecessor} every value, terms included, is that of then.",
            predecessor=self.predecessor,
        )
        return same if self.predecessor else ""

    def _sentence(self, bad: pd.DataFrame) -> str:
        return self._sentence_of_failed(bad) if len(bad) else self._sentence_of_clean()

    def _sentence_of_clean(self) -> str:
        if not self._moved():
            return in_english(
                "{boundaries} sessions were moved and no column changed: too few to prove anything.",
                boundaries=self.boundaries,
            )
        rounded = self._rounded()
        if len(rounded):
            row = rounded.sort_values("by").iloc[-1]
            return in_english(
                "Rounding only: {column} changes by {by:.1e} "
                "when later sessions are cut or moved, "
                "as under a method that works on the whole array at once (FFT, convolution). "
                "No value knows a later session; computed bar by bar it is equal to the bit.",
                column=row["column"],
                by=row["by"],
            )
        return in_english(
            "Later sessions cut or moved at {boundaries} places, no earlier value "
            "of any of {columns} columns changed, to the bit.{beside_predecessor}",
            boundaries=self.boundaries,
            columns=self.table["column"].nunique(),
            beside_predecessor=self._beside_predecessor(),
        )

    def _sentence_of_failed(self, bad: pd.DataFrame) -> str:
        first = bad.iloc[0]
        more = (
            in_english("; {bad} more checks of columns failed", bad=len(bad) - 1)
            if len(bad) > 1
            else ""
        )
        if first["check"] == "repeat":
            return in_english(
                "{column} differs between two calls on the same input, so nothing can be proved{more}.",
                column=first["column"],
                more=more,
            )
        if first["check"] == "control":
            return in_english(
                "A moved session never changed {column}, so the check is blind to it{more}.",
                column=first["column"],
                more=more,
            )
        if first["check"] == "fresh":
            return in_english(
                "{column} on {date:%Y-%m-%d} is another in a process that has not seen later sessions: "
                "the function keeps something of them between its calls{more}.",
                column=first["column"],
                date=first["date"],
                more=more,
            )
        if first["check"] == DAY_MORE:
            return in_english(
                "{column} on {date:%Y-%m-%d} is {whole}, and was {other} in snapshot "
                "{predecessor}, which ends earlier: the past was rewritten since{more}.",
                column=first["column"],
                date=first["date"],
                whole=first["whole"],
                other=first["other"],
                predecessor=self.predecessor,
                more=more,
            )
        ahead = (
            in_english("its own session, before it may")
            if first["bars_ahead"] == 0
            else in_english("{bars_ahead} bars ahead or more", bars_ahead=int(first["bars_ahead"]))
        )
        return in_english(
            "{column} on {date:%Y-%m-%d} knows a session that is {ahead}{more}.",
            column=first["column"],
            date=first["date"],
            ahead=ahead,
            more=more,
        )


def audit_lookahead(
    pair: PairFrame,
    config: StrategyConfig | None = None,
    run: Run = run_backtest,
    *,
    cuts: int = 64,
    seed: int = 0,
    shortest: int = 1,
    snapshot: Snapshot | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> LookaheadProof:
    """Look-ahead proof: no row depends on a later session, nor, where a column must lag, on its own.

    Parameters
    ----------
    pair, config
        Passed to `run`; the default config where None.
    run : callable
        Any function of (pair, config) that returns a BacktestRun, or a DataFrame with one row per session under the dates
        of the pair. Columns named as in a run keep their lag; others may use their own session and nothing later.
    cuts : int
        How many boundaries are drawn, from 1. With the runs in a row and the events about nine times as many are tested, each
        by two calls of `run`; no less than `len(pair)` tests every session.
    seed : int
        Draws the boundaries and the moves.
    shortest : int
        Fewest sessions that are kept, for a `run` that needs a minimum.
    snapshot : Snapshot, optional
        The snapshot of the pair: the path from its bars to the pair is then proved too, at a few sessions, and the run is
        compared with that of the snapshot's predecessor, where there is one beside it.
    progress : callable, optional
        Called with (boundaries done, boundaries in all).
    cancelled : callable, optional
        Polled before each boundary; True stops the proof.

    Returns
    -------
    LookaheadProof
        `.passed`, `.table` (one row per check and column, failures first), `.result()`. Values are compared to the bit, and
        NaN equals NaN.

    Raises
    ------
    ConfigError
        `cuts`, `seed` or `shortest` is not usable.
    RunError
        `run` failed, or returned something else; the message says on what.
    CancelledError
        `cancelled` returned True.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> proof = pk.audit_lookahead(pair[:300], cuts=2)
    >>> proof.passed
    True
    >>> sorted(proof.table["check"].unique())
    ['contract', 'control', 'fresh', 'prefix', 'repeat']
    """
    whole_number("cuts", cuts, 1)
    whole_number("seed", seed)
    whole_number("shortest", shortest, 1, max(len(pair) - 1, 1))
    make = _Maker(run, config or StrategyConfig())
    fresh = make_fresh(
        lambda row: make(
            pair[:row], in_english("the first {row} of {pair} sessions", row=row, pair=len(pair))
        ),
        fresh_rows(len(pair), cuts, shortest, seed),
    )
    whole = make(pair, in_english("all {pair} sessions", pair=len(pair)))
    evidence = Evidence(whole, pair.trade_date.to_numpy())
    chosen = [
        row
        for row in boundaries(pair, whole, cuts, seed).tolist()
        if row >= shortest or shortest == 1
    ]
    if not evidence.repeated(make(pair, in_english("all {pair} sessions, again", pair=len(pair)))):
        chosen, fresh = [], None  # whatever differs from itself differs at every boundary
    evidence.fresh(fresh)
    for done, row in enumerate(chosen):
        if cancelled and cancelled():
            raise CancelledError(_("the look-ahead proof was stopped."))
        if row:
            evidence.cut(
                row,
                make(
                    pair[:row],
                    in_english("the first {row} of {pair} sessions", row=row, pair=len(pair)),
                ),
            )
        evidence.moved(
            row,
            make(
                perturbed(pair, row, seed),
                in_english(
                    "the pair with {trade_date:%Y-%m-%d} moved", trade_date=pair.trade_date[row]
                ),
            ),
        )
        if progress:
            progress(done + 1, len(chosen))
    table, predecessor = evidence.table(), ""
    if snapshot is not None:
        path = trace_data_path(
            snapshot,
            pair,
            cuts=-(-cuts // 16),
            seed=seed,
            cancelled=cancelled,
            progress=_going_on(progress, len(chosen)),
        )
        table = in_order(pd.concat([table, path], ignore_index=True))
        before = predecessor_of(snapshot)
        later = pd.DataFrame() if before is None else trace_day_more(pair, before, make)
        if before is not None and len(later):
            table, predecessor = in_order(pd.concat([table, later], ignore_index=True)), before.name
    return LookaheadProof(
        table, len(chosen), {"cuts": cuts, "seed": seed, "shortest": shortest}, predecessor
    )


def _going_on(progress: Progress | None, before: int) -> Progress | None:
    """Progress that counts on from `before`."""
    return (lambda done, total: progress(before + done, before + total)) if progress else None


class _Maker:
    """Caller of the function under test, which reports on what input it failed."""

    def __init__(self, run: Run, config: StrategyConfig) -> None:
        self.run, self.config = run, config

    def __call__(self, pair: PairFrame, what: str) -> Observed:
        try:
            return observe(self.run(as_known(pair), self.config))
        except CancelledError:
            raise
        except Exception as error:  # a user's own function may raise anything
            name = getattr(self.run, "__name__", type(self.run).__name__)
            raise RunError(
                _(
                    "{name} failed on {what}: {kind}: {error}",
                    name=name,
                    what=what,
                    kind=type(error).__name__,
                    error=error,
                )
            ) from error
