"""Comparison runs of the realism ladder: filled at the close instead of the open, and on the terms of the last day for all days.

The first is what is left where the next open cannot be had, with data that come after a night session has opened. The second is an
anachronism that many backtests make: today's fees, margin, tick and lot on all of the past.
"""

from __future__ import annotations

from dataclasses import replace

from pairkit.config import StrategyConfig
from pairkit.market.contracts import ContractSpec
from pairkit.market.spec_history import InForce
from pairkit.pair import PairFrame
from pairkit.run import BacktestRun, run_backtest


def at_the_close(pair: PairFrame, config: StrategyConfig) -> BacktestRun:
    """The backtest with every order filled at the close of the bar after the decision."""
    return run_backtest(pair, config.replace(fill="close"))


def on_terms_of_today(pair: PairFrame, config: StrategyConfig) -> BacktestRun:
    """The backtest with the terms in force on the last bar, of the contract held then, on every bar and for every contract."""
    return run_backtest(_with_last_terms(pair), config)


def _with_last_terms(pair: PairFrame) -> PairFrame:
    if not len(pair):
        return pair
    return replace(pair, y_spec=_last(pair.y_in_force), x_spec=_last(pair.x_in_force))


def _last(in_force: InForce) -> ContractSpec:
    """The figures of a leg's last bar, without records or older terms."""
    return replace(in_force.specs[int(in_force.place[-1])], older=(), terms=None)
