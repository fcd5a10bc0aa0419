"""Run on a segment of a pair's rows, flat before its first bar and closed on its last.

1. The pair is cut off behind the stretch; indicators use the rows before it, which were known.
2. The engine begins flat on the first row.
3. A position still open on the last row is charged what closing it at that close would cost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pairkit._typing import FloatArray
from pairkit.config import StrategyConfig
from pairkit.models.adjusted import Market, adjust
from pairkit.models.indicators import Indicators, indicate
from pairkit.pair import PairFrame
from pairkit.trading.engine import Ledger, trade
from pairkit.trading.gates import judge


class OnRows(NamedTuple):
    """Result on a segment: `net` (rows,) money after costs, and how many trades were entered."""

    net: FloatArray
    trades: int


def run_rows(pair: PairFrame, config: StrategyConfig, first: int, stop: int) -> OnRows:
    """Trade the rows from `first` up to `stop`; no row from `stop` on is looked at."""
    part = pair[:stop]
    adjusted = adjust(part, config.price_transform)
    indicators = indicate(adjusted, config)
    gates = judge(indicators, config)
    ledger = trade(
        part,
        Market._make(column[first:] for column in adjusted.market),
        Indicators._make(column[first:] for column in indicators),
        gates.since(first),
        config,
    )
    net: FloatArray = ledger.pnl - ledger.cost
    if len(net):
        net[-1] -= _closing_cost(part, config, ledger)
    return OnRows(net, len(ledger.trade_reason))


def _closing_cost(part: PairFrame, config: StrategyConfig, ledger: Ledger) -> float:
    """Money that closing the lots of the last row would cost, at each leg's last close: its fee, and the slippage."""
    cost = 0.0
    for leg, terms, lots in zip(
        (part.y, part.x), (part.y_in_force, part.x_in_force), ledger.lots[-1], strict=True
    ):
        if lots:
            spec = terms.specs[terms.place[-1]]
            price = abs(leg.close[np.flatnonzero(np.isfinite(leg.close))[-1]])
            fee = spec.fee_close * (price * spec.multiplier if spec.fee_mode == "rate" else 1.0)
            cost += abs(lots) * (
                config.fee_multiplier * fee + config.slippage_ticks * spec.tick * spec.multiplier
            )
    return cost
