"""Runs of a book: each entry's backtest by itself, and their sum: equity, results, margin, notional and net lots.

Each run is what `run_backtest` gives for its pair and config, to the bit. A day on which an entry has no row changes nothing of it:
its equity is that of its row before, and its capital before its first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pairkit.analysis.terms_paid import margin_by_day
from pairkit.audit.snapshots.snapshot import Snapshot
from pairkit.columns import LEGS, TRADE_DATE
from pairkit.desk.book import Book, BookEntry
from pairkit.desk.orders import held_contracts
from pairkit.errors import RunError
from pairkit.language import _
from pairkit.pair import PairFrame, pair_from_frames
from pairkit.run import BacktestRun, run_backtest
from pairkit.trading.engine import terms_of

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, eq=False)
class BookRuns:
    """The runs of a book's entries, by name, and what they make together.

    All tables are by trade date, a column for each entry; money in the book's currency.
    """

    runs: Mapping[str, BacktestRun]

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity of each entry, and their `sum`."""
        table = pd.DataFrame(
            {
                name: pd.Series(run.ledger.equity, index=run.pair.trade_date)
                for name, run in self.runs.items()
            }
        )
        for name, run in self.runs.items():
            table[name] = table[name].ffill().where(table[name].ffill().notna(), run.config.capital)
        return table.assign(sum=table.sum(axis=1))

    @cached_property
    def results(self) -> pd.DataFrame:
        """P&L after costs of each entry by day; 0 on a day on which it has no row."""
        return pd.DataFrame(
            {
                name: pd.Series(run.ledger.pnl - run.ledger.cost, index=run.pair.trade_date)
                for name, run in self.runs.items()
            }
        ).fillna(0.0)

    @property
    def correlation(self) -> pd.DataFrame:
        """Correlation of the entries' daily results; NaN for one that never traded."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.results.corr()

    @cached_property
    def margin(self) -> pd.DataFrame:
        """Margin of each entry at the day's closes, and their `sum`; NaN on a day without a close."""
        table = pd.DataFrame({name: margin_by_day(run) for name, run in self.runs.items()})
        return table.assign(sum=table.sum(axis=1, skipna=False))

    @cached_property
    def notional(self) -> pd.DataFrame:
        """Gross notional of each entry at the day's closes, both legs, and their `sum`; NaN on a day without a close."""
        table = pd.DataFrame({name: _notional(run) for name, run in self.runs.items()})
        return table.assign(sum=table.sum(axis=1, skipna=False))

    @cached_property
    def net_lots(self) -> pd.Series:
        """Net lots held by contract after the last bar, signed; those of 0 left out."""
        lots: dict[str, float] = {}
        for run in self.runs.values():
            last = len(run.pair) - 1
            for contract, held in zip(
                held_contracts(run, last), run.ledger.lots[last], strict=True
            ):
                lots[contract] = lots.get(contract, 0.0) + float(held)
        held = {contract: net for contract, net in sorted(lots.items()) if net}
        return pd.Series(held, dtype=float, name="lots").rename_axis("contract")


def run_book(
    book: Book,
    snapshot: Snapshot,
    last: pd.Timestamp | None = None,
    *,
    run: Callable[[PairFrame, BookEntry], BacktestRun] | None = None,
) -> BookRuns:
    """Backtest each entry of a book on the bars up to `last`.

    Parameters
    ----------
    book : Book
    snapshot : Snapshot
        Of the book's line.
    last : Timestamp, optional
        The last session; by default the snapshot's.
    run : callable, optional
        Runs one pair under an entry's config; by default `run_backtest`.

    Raises
    ------
    SnapshotError, DataError, ConfigError
        A leg is not in the snapshot, has no bars by then, or a config is not usable.
    """
    day = last_session(snapshot) if last is None else last
    make = run or (lambda pair, entry: run_backtest(pair, entry.strategy))
    return BookRuns(
        {
            entry.name: make(pair_up_to(snapshot, entry.y, entry.x, day), entry)
            for entry in book.entries
        }
    )


def last_session(snapshot: Snapshot, as_of: pd.Timestamp | None = None) -> pd.Timestamp:
    """The snapshot's last session, or its last one up to `as_of`; RunError where there is none by then."""
    days = snapshot.calendar if as_of is None else snapshot.calendar[snapshot.calendar <= as_of]
    if not len(days):
        raise RunError(
            _(
                "snapshot {snapshot_label!r} has no session up to {as_of:%Y-%m-%d}; it begins on {first_day:%Y-%m-%d}.",
                snapshot_label=snapshot.label,
                as_of=as_of,
                first_day=snapshot.calendar[0],
            )
        )
    return pd.Timestamp(days[-1])


def pair_up_to(snapshot: Snapshot, y: str, x: str, last: pd.Timestamp) -> PairFrame:
    """The pair on all bars up to a session, with a row of that session even where a leg's bars have ended before.

    Such a row is NaN for that leg: nothing is decided on it, and a position is held.
    """
    pair = snapshot.pair(y, x)
    if pair.trade_date[-1] < last:
        legs = [_to(leg, last) for leg in snapshot.legs(y, x)]
        pair = pair_from_frames(
            *legs,
            y_spec=pair.y_spec,
            x_spec=pair.x_spec,
            provenance=pair.provenance,
            y_rule=pair.y_rule,
            x_rule=pair.x_rule,
        )
    return pair if pair.trade_date[-1] <= last else pair.between(None, last)


def _to(leg: pd.DataFrame, last: pd.Timestamp) -> pd.DataFrame:
    """A leg's table up to `last`, with an empty row on that day where it has none."""
    table = leg[leg.index <= last]
    if last in table.index:
        return table
    longer = table.reindex([*table.index, last]).rename_axis(TRADE_DATE)
    if "leave" in longer:
        longer["leave"] = longer["leave"].astype("boolean").fillna(False).astype(bool)
    return longer


def _notional(run: BacktestRun) -> pd.Series:
    """Gross notional of both legs at the day's closes; 0 while flat."""
    market, lots = run.adjusted.market, run.ledger.lots
    multiplier = terms_of(run.pair)[market.terms]["multiplier"]
    of_leg = np.abs(lots) * np.abs(market.close) * multiplier
    flat = run.ledger.position == 0
    return pd.Series(np.where(flat, 0.0, of_leg.sum(axis=len(LEGS) - 1)), run.pair.trade_date)
