"""Fills of a run read back from its trades and rolls: what the orders of the evening before are compared with."""

from __future__ import annotations

import numpy as np

from pairkit.analysis.terms_paid import terms_of_trades
from pairkit.desk.orders import LegOrder
from pairkit.run import BacktestRun

Fill = tuple[str, str, float, bool]  # leg's code, contract, signed lots, whether it opens


def fills_by_bar(run: BacktestRun) -> dict[int, set[Fill]]:
    """Row -> the fills on it, from the table of terms paid and the lots of each trade."""
    found: dict[int, set[Fill]] = {}
    for row in terms_of_trades(run).itertuples():
        column = run.pair.codes.index(row.leg)
        opens = row.event in ("entry", "roll: bought")
        lots = run.ledger.trade_lots[row.trade - 1, column]
        bar = run.pair.trade_date.get_loc(row.date)
        fill = (row.leg, row.contract or row.leg, lots if opens else -lots, opens)
        found.setdefault(bar, set()).add(fill)
    return found


def expected_fills(run: BacktestRun, n: int, orders: tuple[LegOrder, ...]) -> set[Fill]:
    """What of these orders can fill on row n: where the pair cannot trade rolls alone, of legs that have a close.

    An exit at the open of a roll sells the old contract; one that has no open that day is priced by the new one's.
    """
    codes = dict(zip("yx", run.pair.codes, strict=True))
    closes = dict(zip("yx", np.isfinite(run.adjusted.market.close[n]), strict=True))
    deferred = bool(run.ledger.deferred[n])
    opens = run.adjusted.market.roll_open[n]
    priced = {order.leg: order.contract for order in orders if order.if_not_filled and order.opens}
    old = {leg: leg not in priced or np.isfinite(opens["yx".index(leg)]) for leg in "yx"}
    return {
        (
            codes[order.leg],
            order.contract if order.why == "roll" or old[order.leg] else priced[order.leg],
            order.lots,
            order.opens,
        )
        for order in orders
        if (order.why == "roll" and closes[order.leg] and (deferred or not order.if_not_filled))
        or (order.why != "roll" and not deferred)
    }


def next_contracts(run: BacktestRun, t: int) -> tuple[str, str]:
    """The contracts of the row after t; of a leg that has none then, the one before."""
    y, x = (leg.contract_names[leg.contract[t + 1]] for leg in (run.pair.y, run.pair.x))
    return y, x
