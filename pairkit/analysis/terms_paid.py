"""Terms of each trade: those on which it was entered, rolled and closed, with their sources; and the margin used by day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pairkit.columns import LEGS
from pairkit.market.spec_history import terms_on
from pairkit.pair import NO_CONTRACT
from pairkit.trading.engine import terms_of

if TYPE_CHECKING:
    from pairkit.run import BacktestRun

COLUMNS = (
    "trade",
    "date",
    "event",
    "leg",
    "contract",
    "fee",
    "fee_mode",
    "tick",
    "multiplier",
    "margin_rate",
    "source",
)


def margin_by_day(run: BacktestRun) -> pd.Series:
    """CNY of margin on the held lots at each day's closes, by trade date, on the terms of the day.

    0 while flat; NaN on a day in a position on which a leg has no close. Of legs in one margin group on opposite sides, with
    `one_sided_margin`, that of the larger side alone.
    """
    market, ledger = run.adjusted.market, run.ledger
    table = terms_of(run.pair)
    terms = table[market.terms]
    of_leg = np.abs(ledger.lots) * np.abs(market.close) * terms["multiplier"] * terms["margin_rate"]
    offset = (ledger.lots[:, 0] * ledger.lots[:, 1] < 0.0) & (terms["one_group"][:, 0] > 0.0)
    one_sided = offset & run.config.one_sided_margin
    margin = np.where(one_sided, of_leg.max(axis=1), of_leg.sum(axis=1))
    return pd.Series(np.where(ledger.position == 0, 0.0, margin), index=run.pair.trade_date)


class _Deal(NamedTuple):
    """A trade of one leg: in which contract, on which bar, and which fee it paid."""

    trade: int
    bar: int
    event: str
    leg: str
    contract: int
    fee: str


def terms_of_trades(run: BacktestRun) -> pd.DataFrame:
    """Contract terms in force at each entry, roll and exit of a run, with their sources.

    Parameters
    ----------
    run : BacktestRun
        The run; `trade` counts its round trips from 1, in the order of `run.trades`.

    Returns
    -------
    DataFrame
        One row for each trade of a leg: `trade date event leg contract fee fee_mode tick multiplier margin_rate source`. `event` is
        `entry`, `roll: sold`, `roll: bought` or `exit`; `fee` is that which was paid, a fraction of notional or money a lot as
        `fee_mode` says; `source` are the sources of the row's figures. An open trade has no exit.

    Examples
    --------
    >>> import pairkit as pk
    >>> run = pk.run_backtest(pk.open_snapshot("snapshots/demo").pair("RB", "HC"))
    >>> terms = pk.terms_of_trades(run)
    >>> terms.loc[terms["trade"] == 1, ["event", "leg", "contract", "fee"]].values.tolist()[0]
    ['entry', 'RB', 'RB1601', 0.0001]
    """
    specs = {"y": run.pair.y_spec, "x": run.pair.x_spec}
    codes = dict(zip(LEGS, run.pair.codes, strict=True))
    rows = []
    for deal in _deals(run):
        leg, spec = getattr(run.pair, deal.leg), specs[deal.leg]
        name = None if deal.contract == NO_CONTRACT else leg.contract_names[deal.contract]
        day = run.pair.trade_date[deal.bar]
        found = terms_on(spec, name, day)
        fee = found.get(deal.fee, found["fee_close"])
        shown = (fee, found["tick"], found["multiplier"], found["margin_rate"])
        rows.append(
            (
                deal.trade,
                day,
                deal.event,
                codes[deal.leg],
                name or "",
                fee.value,
                fee.fee_mode,
                *(one.value for one in shown[1:]),
                ", ".join(dict.fromkeys(one.tag for one in shown)),
            )
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["trade", "date"], kind="stable", ignore_index=True)


def _deals(run: BacktestRun) -> Iterator[_Deal]:
    """What the engine traded, read back from bars and fills (docs/semantics.md 3 Roll, Fill)."""
    market, at_open = run.adjusted.market, run.config.fill == "open"
    for number, (_, entered, _, left) in enumerate(run.ledger.trade_bars.tolist(), start=1):
        last = left if left >= 0 else len(run.pair) - 1
        for column, leg in enumerate(LEGS):
            contract = market.contract[:, column]
            held, rolled_on = int(contract[entered]), -1
            yield _Deal(number, entered, "entry", leg, held, "fee_open")
            for bar in range(entered + 1, last + 1):
                now = int(contract[bar])
                if now == held or not np.isfinite(market.close[bar, column]):
                    continue
                if bar == left and at_open:  # sold at this open, and not rolled
                    known = held != NO_CONTRACT and np.isfinite(market.roll_open[bar, column])
                    held = held if known else now
                    break
                if held != NO_CONTRACT:
                    yield _Deal(number, bar, "roll: sold", leg, held, "fee_close")
                    yield _Deal(number, bar, "roll: bought", leg, now, "fee_open")
                    rolled_on = bar
                held = now
            if left >= 0:
                fee = "fee_close_today" if rolled_on == left else "fee_close"
                yield _Deal(number, left, "exit", leg, held, fee)
