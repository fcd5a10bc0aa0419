"""Figures of the report, pure functions of a run: months, rolling Sharpe ratio, Hold, distribution of trades."""

from __future__ import annotations

import calendar
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pairkit.language import _
from pairkit.metrics import BARS_A_YEAR
from pairkit.setting import MONEY

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

MONTHS = tuple(calendar.month_abbr)[1:]
ROLLING_BARS = (252, 126, 63)


def bar_returns(run: BacktestRun) -> pd.Series:
    """Change of equity on each bar over the capital, by trade date; the first bar's is against the capital itself."""
    return pd.Series(
        np.diff(run.ledger.equity, prepend=run.config.capital) / run.config.capital,
        index=run.pair.trade_date,
    )


def monthly_returns(run: BacktestRun) -> pd.DataFrame:
    """Sum of bar returns (fractions of the capital) by year and month, and `total`, the year's; NaN for months without a bar.

    All cells of `total` together are the run's `total_return`.
    """
    returns = bar_returns(run)
    index = pd.DatetimeIndex(returns.index)
    table = returns.groupby([index.year, index.month]).sum().unstack()
    table = table.reindex(columns=range(1, 13)).set_axis(list(MONTHS), axis=1).rename_axis("year")
    table["total"] = returns.groupby(index.year).sum()
    return table


def rolling_sharpe(run: BacktestRun) -> tuple[pd.Series, int]:
    """The Sharpe ratio of the bars up to each, and over how many: 252, or fewer where the run is short.

    NaN until the window is full and where no return in it moved.
    """
    returns = bar_returns(run)
    window = next((bars for bars in ROLLING_BARS if len(returns) >= 2 * bars), ROLLING_BARS[-1])
    over = returns.rolling(window)
    still = returns.ne(0.0).rolling(window).sum() == 0
    return (over.mean() / over.std() * math.sqrt(BARS_A_YEAR)).mask(still).replace(
        [np.inf, -np.inf], np.nan
    ), window


def hold_spells(run: BacktestRun) -> pd.DataFrame:
    """One row for each run of bars on Hold: from, to, bars, and the P&L, less costs, while it lasted."""
    on = (run.frame["state"] == "HOLD").to_numpy()
    number = np.cumsum(np.diff(on, prepend=False) & on)[on]
    table = pd.DataFrame(
        {"date": run.frame.index[on], "net": (run.frame["pnl"] - run.frame["cost"])[on].to_numpy()}
    )
    spells = table.groupby(number)
    return pd.DataFrame(
        {
            "first": spells["date"].min(),
            "last": spells["date"].max(),
            "bars": spells.size(),
            "net": spells["net"].sum(),
        }
    )


def trade_summary(run: BacktestRun) -> list[tuple[str, float, str]]:
    """Summary of a list of trades: (name, value, unit); NaN without a closed trade."""
    closed = run.trades[run.trades["exit_reason"] != "open"]
    net = closed["net"].to_numpy(dtype=float)
    won, lost = net[net > 0], net[net <= 0]

    def mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        return float(values.mean()) if len(values) else math.nan

    return [
        (_("closed trades"), float(len(net)), "count"),
        (_("won"), float(len(won)), "count"),
        (_("net of all"), float(net.sum()), MONEY),
        (_("mean net"), mean(net), MONEY),
        (_("median net"), float(np.median(net)) if len(net) else math.nan, MONEY),
        (_("mean win"), mean(won), MONEY),
        (_("mean loss"), mean(lost), MONEY),
        (_("best"), float(net.max()) if len(net) else math.nan, MONEY),
        (_("worst"), float(net.min()) if len(net) else math.nan, MONEY),
        (
            _("profit factor"),
            float(won.sum() / -lost.sum()) if lost.sum() < 0 else math.nan,
            "ratio",
        ),
    ]


def by_exit_reason(run: BacktestRun) -> pd.DataFrame:
    """Trades, wins, mean bars held and net for each exit reason, the most frequent first."""
    trades = run.trades
    groups = trades.groupby("exit_reason")
    table = pd.DataFrame(
        {
            "trades": groups.size(),
            "won": groups["net"].apply(lambda net: int((net > 0).sum())),
            "mean bars held": groups["bars_held"].mean(),
            "net": groups["net"].sum(),
        }
    )
    return table.sort_values("trades", ascending=False).rename_axis("exit reason").reset_index()
