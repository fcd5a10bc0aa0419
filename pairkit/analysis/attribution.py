"""P&L attribution of a run: the price moves of each leg, and what trading and rolling cost.

The engine books one figure a bar; here each trade is walked through once more, roll by roll and mark by mark, with its fills
taken from the run, and every amount is assigned to its part. Nothing is decided here. The parts add up to the run's own
`pnl` and `cost` on every bar; a test holds that to 1e-9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pairkit._typing import FloatArray
from pairkit.columns import Column, names
from pairkit.language import N_
from pairkit.pair import NO_CONTRACT
from pairkit.setting import MONEY
from pairkit.trading.engine import terms_of

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

PARTS = (
    Column("price_y", MONEY, N_("P&L of leg y before costs.")),
    Column("price_x", MONEY, N_("P&L of leg x before costs.")),
    Column("fees", MONEY, N_("Fees of entries and exits, negative.")),
    Column("slippage", MONEY, N_("Slippage of entries and exits, negative.")),
    Column("roll_fees", MONEY, N_("Fees of rolling held lots into the next contract, negative.")),
    Column("roll_slippage", MONEY, N_("Slippage of the same, negative.")),
)


def attribute(run: BacktestRun) -> pd.DataFrame:
    """The parts of each bar's result.

    Returns
    -------
    DataFrame
        One row per bar by trade date, columns as in `PARTS`: money, costs negative. `price_y + price_x` is the bar's `pnl`, the
        other four are minus its `cost`, and all together the change of equity.
    """
    parts = {name: np.zeros(len(run.pair)) for name in names(PARTS)}
    for trade in range(len(run.ledger.trade_bars)):
        for leg in range(2):
            _LegOfTrade(run, parts, trade, leg).walk()
    return pd.DataFrame(parts, index=run.pair.trade_date)


class Deal(NamedTuple):
    """One trade of one leg as the engine made it: `lots` signed, `price` before slippage, `fee` and `slippage` money, both >= 0.

    `why` is entry, exit or roll; "" where no contract was traded: a name that becomes known, or one that stands in for another
    without an open to be sold at.
    """

    trade: int
    row: int
    leg: int
    contract: int
    lots: float
    price: float
    fee: float
    slippage: float
    why: str


def deals_of(run: BacktestRun) -> list[Deal]:
    """Every trade of a run's legs, by contract, in the order of trades and rows.

    Lots times multiplier times (mark - price), less fees and slippage, summed over them, is the run's result, where what is held at
    the end is marked at the last close of its contract.
    """
    parts = {name: np.zeros(len(run.pair)) for name in names(PARTS)}
    deals: list[Deal] = []
    for trade in range(len(run.ledger.trade_bars)):
        for leg in range(2):
            _LegOfTrade(run, parts, trade, leg, deals).walk()
    return deals


def by_year(parts: pd.DataFrame) -> pd.DataFrame:
    """The parts summed over each calendar year, and over all in the last row; `total` is their sum."""
    yearly = parts.groupby(pd.DatetimeIndex(parts.index).year.astype(str)).sum()
    yearly.loc["all"] = parts.sum()
    yearly["total"] = yearly.sum(axis=1)
    return yearly.rename_axis("year")


class _LegOfTrade:
    """One leg of one trade, walked from its entry to its exit or to the last bar."""

    def __init__(
        self,
        run: BacktestRun,
        parts: dict[str, FloatArray],
        trade: int,
        leg: int,
        deals: list[Deal] | None = None,
    ) -> None:
        ledger = run.ledger
        self.parts, self.market, self.leg = parts, run.adjusted.market, leg
        self.trade, self.deals = trade, [] if deals is None else deals
        self.table, self.config = terms_of(run.pair), run.config
        self.at_open = run.config.fill == "open"
        self.lots = float(ledger.trade_lots[trade, leg])
        self.entered, self.exited = (
            int(ledger.trade_bars[trade, 1]),
            int(ledger.trade_bars[trade, 3]),
        )
        self.last = self.exited if self.exited >= 0 else len(run.pair) - 1
        self.entry_price, self.exit_price = (
            float(ledger.entry_price[trade, leg]),
            float(ledger.exit_price[trade, leg]),
        )
        self.mark, self.held = self.entry_price, int(self.market.contract[self.entered, leg])
        self.rolled_on = -1
        self.terms = self._terms_on(self.entered)

    def walk(self) -> None:
        """Roll, fill, mark, in the order of the engine."""
        self._charge(self.entered, self.entry_price, "fee_open", "")
        for t in range(self.entered, self.last + 1):
            rolls = self._must_roll(t)
            if rolls and not (t == self.exited and self.at_open):
                self._roll(t)
            if t == self.exited:
                self._exit(t, rolls)
            elif np.isfinite(self.market.close[t, self.leg]):
                self._move_mark(t, self.market.close[t, self.leg])

    def _must_roll(self, t: int) -> bool:
        today = int(self.market.contract[t, self.leg])
        if today == self.held:
            self.terms = self._terms_on(t)
            return False
        if self.held == NO_CONTRACT:
            self._stand_in(t, today, self.mark)
            return False
        self.terms = self.table[self.market.old_terms[t, self.leg]]
        return bool(np.isfinite(self.market.close[t, self.leg]))

    def _roll(self, t: int) -> None:
        sold, bought = self.market.roll_open[t, self.leg], self.market.open[t, self.leg]
        if np.isfinite(sold) and np.isfinite(bought):
            self._move_mark(t, sold)
        else:
            sold, bought = self.mark, self._known_close(t)
        self._charge(t, sold, "fee_close", "roll_")
        self.held, self.terms = int(self.market.contract[t, self.leg]), self._terms_on(t)
        self._charge(t, bought, "fee_open", "roll_")
        self.mark, self.rolled_on = bought, t

    def _exit(self, t: int, rolls: bool) -> None:
        if rolls and self.at_open and not np.isfinite(self.market.roll_open[t, self.leg]):
            self._stand_in(t, int(self.market.contract[t, self.leg]), self._known_close(t))
        self._move_mark(t, self.exit_price)
        self._charge(
            t, self.exit_price, "fee_close_today" if self.rolled_on == t else "fee_close", ""
        )

    def _stand_in(self, t: int, contract: int, price: float) -> None:
        """Hold another contract from here on, at `price`, without a trade."""
        for held, lots, at in ((self.held, -self.lots, self.mark), (contract, self.lots, price)):
            self.deals.append(Deal(self.trade, t, self.leg, held, lots, at, 0.0, 0.0, ""))
        self.held, self.mark, self.terms = contract, price, self._terms_on(t)

    def _terms_on(self, t: int) -> np.void:
        """The terms in force on row t."""
        terms: np.void = self.table[self.market.terms[t, self.leg]]
        return terms

    def _known_close(self, t: int) -> float:
        before = self.market.pre_close[t, self.leg]
        return float(before if np.isfinite(before) else self.market.close[t, self.leg])

    def _move_mark(self, t: int, price: float) -> None:
        self.parts[("price_y", "price_x")[self.leg]][t] += (
            self.lots * float(self.terms["multiplier"]) * (price - self.mark)
        )
        self.mark = float(price)

    def _charge(self, t: int, price: float, fee: str, kind: str) -> None:
        terms = {name: float(self.terms[name]) for name in ("multiplier", "tick", fee)}
        per_lot = self.config.fee_multiplier * terms[fee]
        if self.terms["fee_is_rate"] > 0.0:
            per_lot *= abs(price) * terms["multiplier"]
        conceded = self.config.slippage_ticks * terms["tick"] * terms["multiplier"]
        fees, slippage = abs(self.lots) * per_lot, abs(self.lots) * conceded
        self.parts[f"{kind}fees"][t] -= fees
        self.parts[f"{kind}slippage"][t] -= slippage
        opens = fee == "fee_open"
        self.deals.append(
            Deal(
                self.trade,
                t,
                self.leg,
                self.held,
                self.lots if opens else -self.lots,
                price,
                fees,
                slippage,
                "roll" if kind else "entry" if opens else "exit",
            )
        )
