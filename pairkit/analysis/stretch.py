"""Performance over part of a run: money, Sharpe ratio, largest drawdown, trades."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pairkit.errors import RunError
from pairkit.language import _
from pairkit.metrics import BARS_A_YEAR, drawdown

if TYPE_CHECKING:
    from pairkit.run import BacktestRun


@dataclass(frozen=True)
class Stretch:
    """A stretch of a run, both ends included.

    Parameters
    ----------
    first, last : Timestamp
        Its first and last session.
    sessions : int
    net : float
        Change of equity, pair's currency.
    costs : float
        Fees and slippage in it, pair's currency.
    return_ : float
        `net` over the capital, a fraction.
    sharpe : float
        Annual, of the bar returns in it, from the run's first valid bar on as in its metrics; NaN where none moved.
    max_drawdown : float
        Deepest fall from the highest equity within it, over the capital.
    entered, left : int
        Trades that filled in it, and those whose exit filled in it.
    exposure : float
        Share of the same bars with a position; NaN where there is none.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    sessions: int
    net: float
    costs: float
    return_: float
    sharpe: float
    max_drawdown: float
    entered: int
    left: int
    exposure: float


def stretch(run: BacktestRun, first: Any, last: Any) -> Stretch:
    """Performance of `run` from `first` to `last`; positions open at either end are marked to the closes there.

    Raises
    ------
    RunError
        The run has no session between them.
    """
    index = pd.DatetimeIndex(run.frame.index)
    start, stop = map(int, index.slice_locs(pd.Timestamp(first), pd.Timestamp(last)))
    rows = slice(start, stop)
    if start >= stop:
        raise RunError(
            _(
                "the run has no session from {first} to {last}; it has those from {begin:%Y-%m-%d} to {finish:%Y-%m-%d}.",
                first=first,
                last=last,
                begin=index[0],
                finish=index[-1],
            )
        )
    capital, equity = run.config.capital, run.ledger.equity
    before = equity[start - 1] if start else capital
    warm_up = max(int(np.argmax(run.indicators.valid)) - start, 0)  # 0 where no bar is valid
    returns = (np.diff(equity[rows], prepend=before) / capital)[warm_up:]
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    held = run.ledger.position[rows][warm_up:] != 0
    highest = drawdown(equity[rows] - before + capital, capital)
    trades, inside = run.trades, (index[start], index[stop - 1])
    return Stretch(
        first=inside[0],
        last=inside[1],
        sessions=stop - start,
        net=float(equity[stop - 1] - before),
        costs=float(run.ledger.cost[rows].sum()),
        return_=float(returns.sum()),
        sharpe=float(returns.mean()) / spread * math.sqrt(BARS_A_YEAR) if spread > 0 else math.nan,
        max_drawdown=float(highest.max()),
        entered=int(trades["entry_filled"].between(*inside).sum()),
        left=int(trades["exit_filled"].between(*inside).sum()),
        exposure=float(held.mean()) if len(held) else math.nan,
    )
