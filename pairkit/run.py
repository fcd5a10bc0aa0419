"""Backtest of a pair: adjust -> indicate -> judge -> trade -> measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pairkit.config import StrategyConfig
from pairkit.display import Metrics, run_summary
from pairkit.findings import SHOWN_DATES, Finding
from pairkit.language import in_english
from pairkit.market.sessions import checked_time, ready_at_of, session_findings
from pairkit.metrics import measure
from pairkit.models.adjusted import Adjusted, adjust
from pairkit.models.indicators import Indicators, indicate
from pairkit.models.unit_ratio import ratio_of_changes
from pairkit.pair import Leg, PairFrame
from pairkit.run_tables import bars_table, trades_table
from pairkit.trading.engine import Ledger, trade
from pairkit.trading.gates import Gates, judge
from pairkit.trading.loop import STATE_NAMES

if TYPE_CHECKING:
    from pairkit.trading.explain import Trace
    from pairkit.trading.no_entry import NoEntry


def run_backtest(
    pair: PairFrame, config: StrategyConfig | None = None, *, ready_at: str | None = None
) -> BacktestRun:
    """Backtest one pair under one config: adjust, indicate, judge, trade, measure.

    Parameters
    ----------
    pair : PairFrame
        Two aligned legs and their specs, T bars.
    config : StrategyConfig, optional
        Every setting; the defaults where not given.
    ready_at : str, optional
        When a decision is ready, HH:MM: by default when the data of the bars' source are there (`market.sessions.READY_AT`).
        No fill depends on it; `.session_findings()` does.

    Returns
    -------
    BacktestRun
        `.frame` (T rows), `.trades`, `.metrics`, `.config`, `.explain(date)`. Rates are fractions, money is in the pair's
        currency. An indicator without its window is NaN, and nothing is decided on such a bar.

    Raises
    ------
    ConfigError
        `ready_at` is no time of day.

    Notes
    -----
    Row t uses rows up to t only; a decision of row t fills on row t+1 at the earliest. The rules are docs/semantics.md.

    Examples
    --------
    >>> import pairkit as pk
    >>> pair = pk.open_snapshot("snapshots/demo").pair("RB", "HC")
    >>> run = pk.run_backtest(pair, pk.StrategyConfig(entry_z=2.2))
    >>> run
    <BacktestRun RB-HC: 2435 bars, 36 trades, Sharpe 1.05>
    >>> run.trades["exit_reason"].value_counts().index[0]
    'target'
    """
    config = config or _defaults()
    adjusted = adjust(pair, config.price_transform)
    indicators = indicate(adjusted, config)
    gates = judge(indicators, config)
    ledger = trade(pair, adjusted.market, indicators, gates, config)
    metrics = Metrics(measure(ledger.tally, config.capital))
    chosen = "" if ready_at is None else checked_time(ready_at)
    return BacktestRun(pair, config, adjusted, indicators, gates, ledger, metrics, chosen)


@cache
def _defaults() -> StrategyConfig:
    """The default config, which no one can change, made once."""
    return StrategyConfig()


@dataclass(frozen=True, eq=False)
class BacktestRun:
    """A backtest's result: its inputs, every stage's arrays, the metrics, and tables made on first use.

    All arrays are read-only. Tables are copies: changing one changes nothing in the run.

    Attributes
    ----------
    pair : PairFrame
        The bars that were traded, T rows.
    config : StrategyConfig
        The settings.
    adjusted, indicators, gates, ledger : named tuples of (T,) or (T, 2) arrays
        What each stage made: usable prices, indicators (NaN where undefined), gate verdicts, and fills, lots and money.
    metrics : dict of str to float
        The metrics of `columns.METRICS` (docs/columns.md); NaN where undefined.
    chosen_ready_at : str
        When a decision is ready, HH:MM, where that was chosen; empty for the default of the bars' source.

    Examples
    --------
    >>> import pairkit as pk
    >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
    >>> run
    <BacktestRun RB-HC: 2435 bars, 43 trades, Sharpe 0.91>
    >>> run.frame.shape, run.trades.shape, run.closed_trades
    ((2435, 29), (43, 26), 43)
    >>> run.frame.loc["2020-03-02", ["state", "reason"]].to_list()
    ['SHORT', 'in_position']
    >>> round(run.metrics["sharpe"], 2)
    0.91
    >>> [finding.kind for finding in run.findings]
    ['missing_bar', 'no_trade']
    """

    pair: PairFrame
    config: StrategyConfig
    adjusted: Adjusted
    indicators: Indicators
    gates: Gates
    ledger: Ledger
    metrics: dict[str, float]
    chosen_ready_at: str = ""

    def __post_init__(self) -> None:
        _freeze(self.indicators, self.gates, self.ledger)  # the adjusted pair is read-only as made

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickle or a copy: its arrays are as read-only as the run's own."""
        self.__dict__.update(state)
        market, *series = self.adjusted
        _freeze(market, series, self.indicators, self.gates, self.ledger)

    def __repr__(self) -> str:
        return (
            f"<BacktestRun {self.pair.name}: {len(self.pair)} bars, {self.metrics['trades']} trades, "
            f"Sharpe {self.metrics['sharpe']:.2f}>"
        )

    def _repr_html_(self) -> str:
        return run_summary(self.pair, self.metrics)

    @property
    def frame(self) -> pd.DataFrame:
        """The bars' table: one row per bar by trade date, columns as in `columns.RUN_COLUMNS`, NaN where undefined; a copy."""
        return self._frame.copy(deep=False)  # pandas copies a column when it is written to

    @property
    def trades(self) -> pd.DataFrame:
        """The trades' table: one row per round trip, the open one last, columns as in `columns.TRADE_COLUMNS`; a copy."""
        return self._trades.copy(deep=False)

    @cached_property
    def _frame(self) -> pd.DataFrame:
        return bars_table(
            self.pair.trade_date, self.indicators, self.gates, self.ledger, self.config.capital
        )

    @cached_property
    def _trades(self) -> pd.DataFrame:
        return trades_table(self.pair.trade_date, self.indicators, self.ledger, self.config)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings a reader must know: those of the bars, then those of the run itself."""
        return (*self.pair.findings, *self._met())

    def session_findings(self, ready_at: str | None = None) -> tuple[Finding, ...]:
        """Findings on orders that cannot reach the next open, by the sessions of both legs; no part of `findings`.

        Parameters
        ----------
        ready_at : str, optional
            HH:MM by which data and decision are there; by default the run's own `ready_at`.

        Returns
        -------
        tuple of Finding
            Kinds `opens_before_data` and `opens_apart`; empty where the sessions are not known, as of the demo.

        Raises
        ------
        ConfigError
            It is no time of day.

        Examples
        --------
        >>> import pairkit as pk
        >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
        >>> run.session_findings("21:10")
        ()
        """
        return session_findings(
            self.pair.y_spec,
            self.pair.x_spec,
            fill=self.config.fill,
            ready_at=self.ready_at if ready_at is None else ready_at,
        )

    @property
    def ready_at(self) -> str:
        """When a decision is ready, HH:MM: as chosen, else when the data of the bars' source are there."""
        return self.chosen_ready_at or ready_at_of(self.pair.provenance.source)

    def _met(self) -> Iterator[Finding]:
        """No valid bar, a ruined account, a position whose exit waits past the end of its contract's bars, or of its contract."""
        dates, valid, ledger = self.pair.trade_date, self.indicators.valid, self.ledger
        if not len(dates):
            return
        if not valid.any():
            yield Finding(
                "no_valid_bar",
                "warning",
                in_english(
                    "No bar from {first_date:%Y-%m-%d} to {last_date:%Y-%m-%d} is valid, "
                    "so nothing was decided: the data are shorter than the windows, "
                    "or prices are missing or stand still.",
                    first_date=dates[0],
                    last_date=dates[-1],
                ),
                count=len(dates),
                dates=(f"{dates[0]:%Y-%m-%d}",),
            )
        ruined = np.flatnonzero(ledger.equity < 0.0)
        if ruined.size:
            first = dates[int(ruined[0])]
            yield Finding(
                "ruined_account",
                "error",
                in_english(
                    "Equity is below 0 from {first:%Y-%m-%d} on: the account is ruined, and nobody could have traded what follows.",
                    first=first,
                ),
                count=int(ruined.size),
                dates=(f"{first:%Y-%m-%d}",),
            )
        yield from self._stranded()
        yield from self._left_late()
        yield from self._ratio_of_one()

    def _stranded(self) -> Iterator[Finding]:
        """A leg that is still held at the end, whose exit has waited since its last close."""
        close, last = self.adjusted.market.close, len(self.pair) - 1
        if not self.ledger.position[last] or STATE_NAMES[self.ledger.state[last]] != "EXITING":
            return
        specs = (self.pair.y_spec, self.pair.x_spec)
        for leg, (spec, code) in enumerate(zip(specs, self.pair.codes, strict=True)):
            known = np.flatnonzero(np.isfinite(close[:, leg]))
            gone = last - int(known[-1]) if known.size else 0
            if gone:
                since = self.pair.trade_date[int(known[-1])]
                yield Finding(
                    "stranded_position",
                    "error",
                    in_english(
                        "{code} is held, its exit waits, and it has no close "
                        "after {since:%Y-%m-%d}: the contract has no more bars, "
                        "and the position is marked at a price of that day.",
                        code=code,
                        since=since,
                    ),
                    spec.code,
                    gone,
                    (f"{since:%Y-%m-%d}",),
                )

    def _left_late(self) -> Iterator[Finding]:
        """A position that was held past the contract that had to be left: its exit waited, locked or without a bar."""
        pair = self.pair
        legs = ((pair.y, pair.y_spec), (pair.x, pair.x_spec))
        for code, (leg, spec) in zip(pair.codes, legs, strict=True):
            late = [row for row in map(partial(_ended_on, leg), self._waits()) if row]
            if late:
                days = [f"{self.pair.trade_date[row]:%Y-%m-%d}" for row in late]
                yield Finding(
                    "left_late",
                    "warning",
                    in_english(
                        "{code} was held past a contract that had to be left, first on {first} ({n:,} in all): the exit "
                        "waited for a bar on which both legs could trade.",
                        code=code,
                        first=days[0],
                        n=len(late),
                    ),
                    spec.code,
                    len(late),
                    tuple(days[:SHOWN_DATES]),
                )

    def _ratio_of_one(self) -> Iterator[Finding]:
        """A regressed hedge ratio of two contracts of one root that cannot be told from 1."""
        pair = self.pair
        if pair.y_spec.code != pair.x_spec.code or self.config.hedge_model == "fixed":
            return
        ratio = ratio_of_changes(self.adjusted)
        if ratio is not None and ratio.is_one:
            yield Finding(
                "ratio_of_one",
                "info",
                in_english(
                    "{pair}: the hedge ratio of daily changes is {beta:.3f}, 95 % interval {low:.3f} to {high:.3f}: it cannot be "
                    "told from 1. Contracts of one root are traded lot for lot; with hedge_model = fixed (preset Calendar) "
                    "nothing is estimated.",
                    pair=pair.name,
                    **ratio._asdict(),
                ),
                pair.y_spec.code,
            )

    def _waits(self) -> list[tuple[int, int]]:
        """For each exit that did not fill on the next bar: the row it was decided on, and the row it filled on, or the last."""
        last = len(self.pair) - 1
        ends = [
            (out, left if left >= 0 else last)
            for _, _, out, left in self.ledger.trade_bars.tolist()
        ]
        return [(out, left) for out, left in ends if 0 <= out < left - 1]

    @property
    def closed_trades(self) -> int:
        """Number of closed trades."""
        return int((self.ledger.trade_bars[:, 3] >= 0).sum())

    def explain(self, date: Any, *, reference: bool = False) -> Trace:
        """Trace of one bar: what was known at the close of `date`, the rule that fired, the order, and the next bar's result.

        Parameters
        ----------
        date : date, Timestamp or ISO text
            A trade date of the run.
        reference : bool
            Whether to compute the bar's hedge ratio and p-value by statsmodels too, beside pairkit's, in a section of its own.

        Returns
        -------
        Trace
            `.sentence`, `.state`, `.reason`, and `.sections`: a title and a table each.

        Raises
        ------
        RunError
            The run has no bar on that date; the message names the nearest ones.

        Examples
        --------
        >>> import pairkit as pk
        >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
        >>> trace = run.explain("2020-03-02")
        >>> trace.sentence
        '2020-03-02: SHORT (in_position). Holding -y +x. Neither target nor stop reached.'
        >>> [title for title, _ in trace.sections]
        ['Inputs', 'Gates', 'Memory', 'Rules', 'Order', 'Next bar', 'Terms']
        """
        from pairkit.trading.explain import explain  # the trace is made on demand only

        return explain(self, date, reference=reference)

    def why_no_entry(self, first: Any, last: Any) -> NoEntry:
        """Count of sessions by what prevented an entry, from `first` to `last`, both included.

        Parameters
        ----------
        first, last : date, Timestamp or ISO text
            Both ends of the span; days without a session are allowed.

        Returns
        -------
        NoEntry
            The counts, and `.sentence`. Each session is counted once.

        Raises
        ------
        RunError
            The run has no session between them.

        Examples
        --------
        >>> import pairkit as pk
        >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
        >>> found = run.why_no_entry("2019-01-01", "2019-12-31")
        >>> found.called, found.entered, found.shut
        (13, 0, {'adf': 13})
        """
        from pairkit.trading.no_entry import why_no_entry  # made on demand only

        return why_no_entry(self, first, last)


def _freeze(*stages: Iterable[NDArray[Any]]) -> None:
    for array in chain.from_iterable(stages):
        array.setflags(write=False)


def _ended_on(leg: Leg, wait: tuple[int, int]) -> int:
    """The first row of a wait on which the leg holds another contract than one that had to be left; 0 where there is none."""
    contract, leave = (values[wait[0] : wait[1] + 1] for values in (leg.contract, leg.leave))
    ended = (contract[1:] != contract[:-1]) & leave[:-1]
    return wait[0] + 1 + int(np.argmax(ended)) if ended.any() else 0
